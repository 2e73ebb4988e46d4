//! Batches of Arrow as the rows of PostgreSQL, in text and in binary.

use super::calendar::{
    DAY_MICROS, DAYS_TO_2000, date_text, instant_text, interval_text, write_time,
};
use super::json;
use super::types::Kind;
use arrow::array::cast::AsArray;
use arrow::array::types::{
    Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int64Type,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, IntervalUnit, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Where a field says which type of PostgreSQL it has.
const TYPE: &str = "pg";

/// A column of a result as clients are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub name: String,
    pub kind: &'static Kind,
    /// Precision and scale of a number; -1 where there are none.
    pub modifier: i32,
}

impl Column {
    fn of(field: &Field) -> Self {
        let kind = Kind::named(field.metadata().get(TYPE).map_or("text", String::as_str));
        let modifier = match field.data_type() {
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale)
                if 0 <= *scale =>
            {
                ((i32::from(*precision) << 16) | i32::from(*scale)) + 4
            }
            _ => -1,
        };
        Self { name: field.name().clone(), kind, modifier }
    }
}

/// Returns the columns of a result.
pub(crate) fn columns(schema: &SchemaRef) -> Vec<Column> {
    schema.fields().iter().map(|field| Column::of(field)).collect()
}

/// The values of a column, ready to be written.
pub(crate) struct Cells {
    array: ArrayRef,
    form: Form,
    kind: &'static Kind,
}

enum Form {
    Null,
    Bool,
    Int,
    Float4,
    Float8,
    Numeric(i8),
    Text,
    Bytes,
    Date,
    Time,
    Instant(bool),
    Interval,
    Span,
    Json,
    Shown,
    List(Box<Cells>),
}

/// Returns the columns of a batch, ready to be written.
///
/// # Errors
/// Where a value does not fit the type that was told of its column.
pub(crate) fn cells(batch: &RecordBatch, columns: &[Column]) -> Result<Vec<Cells>, ArrowError> {
    batch
        .columns()
        .iter()
        .zip(columns)
        .map(|(array, column)| Cells::new(array, column.kind))
        .collect()
}

impl Cells {
    pub(crate) fn new(array: &ArrayRef, kind: &'static Kind) -> Result<Self, ArrowError> {
        use DataType as Arrow;
        let to = |data_type: DataType| {
            // What does not fit is an error, never another value.
            let options = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(array, &data_type, &options)
        };
        let (array, form) = match array.data_type() {
            Arrow::Dictionary(_, value) => return Self::new(&to(value.as_ref().clone())?, kind),
            Arrow::Null => (array.clone(), Form::Null),
            Arrow::Boolean => (array.clone(), Form::Bool),
            data_type if data_type.is_integer() => (to(Arrow::Int64)?, Form::Int),
            Arrow::Float16 | Arrow::Float32 => (to(Arrow::Float32)?, Form::Float4),
            Arrow::Float64 => (array.clone(), Form::Float8),
            Arrow::Decimal32(_, scale)
            | Arrow::Decimal64(_, scale)
            | Arrow::Decimal128(_, scale)
            | Arrow::Decimal256(_, scale) => {
                let scale = *scale;
                (to(Arrow::Decimal128(38, scale))?, Form::Numeric(scale))
            }
            Arrow::Utf8 => (array.clone(), Form::Text),
            Arrow::LargeUtf8 | Arrow::Utf8View => (to(Arrow::Utf8)?, Form::Text),
            Arrow::Binary => (array.clone(), Form::Bytes),
            Arrow::LargeBinary | Arrow::BinaryView | Arrow::FixedSizeBinary(_) => {
                (to(Arrow::Binary)?, Form::Bytes)
            }
            Arrow::Date32 | Arrow::Date64 => (to(Arrow::Date32)?, Form::Date),
            Arrow::Time32(_) | Arrow::Time64(_) => {
                (to(Arrow::Time64(TimeUnit::Microsecond))?, Form::Time)
            }
            Arrow::Timestamp(_, zone) => {
                let has_zone = zone.is_some();
                (
                    to(Arrow::Timestamp(TimeUnit::Microsecond, zone.clone()))?,
                    Form::Instant(has_zone),
                )
            }
            Arrow::Interval(_) => {
                (to(Arrow::Interval(IntervalUnit::MonthDayNano))?, Form::Interval)
            }
            Arrow::Duration(_) => (to(Arrow::Duration(TimeUnit::Microsecond))?, Form::Span),
            Arrow::List(_) if kind.element().is_some() => {
                let element = kind.element().unwrap_or(kind);
                let items = Self::new(array.as_list::<i32>().values(), element)?;
                (array.clone(), Form::List(Box::new(items)))
            }
            data_type if data_type.is_nested() => (array.clone(), Form::Json),
            _ => {
                ArrayFormatter::try_new(array.as_ref(), &FormatOptions::default())?;
                (array.clone(), Form::Shown)
            }
        };
        Ok(Self { array, form, kind })
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        matches!(self.form, Form::Null) || self.array.is_null(row)
    }

    /// Writes a value as text.
    ///
    /// # Errors
    /// Where it cannot be written, which is a defect.
    pub(crate) fn write_text(&self, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let text = match &self.form {
            Form::Null => return Ok(()),
            Form::Text => {
                out.extend_from_slice(self.array.as_string::<i32>().value(row).as_bytes());
                return Ok(());
            }
            Form::Bool => if self.array.as_boolean().value(row) { "t" } else { "f" }.to_owned(),
            Form::Int => self.array.as_primitive::<Int64Type>().value(row).to_string(),
            Form::Float4 => {
                let value = self.array.as_primitive::<Float32Type>().value(row);
                float_text(f64::from(value), format!("{value}"), format!("{value:e}"))
            }
            Form::Float8 => {
                let value = self.array.as_primitive::<Float64Type>().value(row);
                float_text(value, format!("{value}"), format!("{value:e}"))
            }
            Form::Numeric(scale) => {
                numeric_text(self.array.as_primitive::<Decimal128Type>().value(row), *scale)
            }
            Form::Bytes => {
                let bytes = self.array.as_binary::<i32>().value(row);
                format!("\\x{}", base::hex(bytes))
            }
            Form::Date => date_text(i64::from(self.array.as_primitive::<Date32Type>().value(row))),
            Form::Time => {
                let mut text = String::new();
                write_time(
                    self.array.as_primitive::<Time64MicrosecondType>().value(row),
                    &mut text,
                );
                text
            }
            Form::Instant(has_zone) => {
                let micros = self.array.as_primitive::<TimestampMicrosecondType>().value(row);
                instant_text(micros, *has_zone)
            }
            Form::Interval | Form::Span => {
                let (months, days, micros) = self.interval(row);
                interval_text(i64::from(months), i64::from(days), micros)
            }
            Form::Json => return json::write(&self.array, row, out),
            Form::Shown => self.shown(row)?,
            Form::List(items) => return self.write_list(items, row, out),
        };
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// Writes a value in binary.
    ///
    /// # Errors
    /// Where it does not fit the type that was told, which is a defect.
    pub(crate) fn write_binary(&self, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        match &self.form {
            Form::Null => {}
            Form::Text => {
                if self.kind.name == "jsonb" {
                    out.push(1);
                }
                out.extend_from_slice(self.array.as_string::<i32>().value(row).as_bytes());
            }
            Form::Bool => out.push(u8::from(self.array.as_boolean().value(row))),
            Form::Int => {
                return self.write_int(self.array.as_primitive::<Int64Type>().value(row), out);
            }
            Form::Float4 => {
                out.extend(self.array.as_primitive::<Float32Type>().value(row).to_be_bytes());
            }
            Form::Float8 => {
                out.extend(self.array.as_primitive::<Float64Type>().value(row).to_be_bytes());
            }
            Form::Numeric(scale) => {
                numeric_binary(self.array.as_primitive::<Decimal128Type>().value(row), *scale, out);
            }
            Form::Bytes => out.extend_from_slice(self.array.as_binary::<i32>().value(row)),
            Form::Date => {
                let days =
                    i64::from(self.array.as_primitive::<Date32Type>().value(row)) - DAYS_TO_2000;
                let days = i32::try_from(days).map_err(|_| out_of_range("date"))?;
                out.extend(days.to_be_bytes());
            }
            Form::Time => {
                out.extend(
                    self.array.as_primitive::<Time64MicrosecondType>().value(row).to_be_bytes(),
                );
            }
            Form::Instant(_) => {
                let micros = self.array.as_primitive::<TimestampMicrosecondType>().value(row);
                let micros = micros.checked_sub(DAYS_TO_2000 * DAY_MICROS);
                out.extend(micros.ok_or_else(|| out_of_range("timestamp"))?.to_be_bytes());
            }
            Form::Interval | Form::Span => {
                let (months, days, micros) = self.interval(row);
                out.extend(micros.to_be_bytes());
                out.extend(days.to_be_bytes());
                out.extend(months.to_be_bytes());
            }
            Form::Json => return json::write(&self.array, row, out),
            Form::Shown => out.extend_from_slice(self.shown(row)?.as_bytes()),
            Form::List(items) => return self.write_list_binary(items, row, out),
        }
        Ok(())
    }

    fn write_int(&self, value: i64, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let range = || out_of_range(self.kind.name);
        match self.kind.name {
            "int2" => out.extend(i16::try_from(value).map_err(|_| range())?.to_be_bytes()),
            "int4" => out.extend(i32::try_from(value).map_err(|_| range())?.to_be_bytes()),
            "oid" | "xid" => out.extend(u32::try_from(value).map_err(|_| range())?.to_be_bytes()),
            "int8" => out.extend(value.to_be_bytes()),
            // Told as something that is shown as text.
            _ => out.extend_from_slice(value.to_string().as_bytes()),
        }
        Ok(())
    }

    fn interval(&self, row: usize) -> (i32, i32, i64) {
        if matches!(self.form, Form::Span) {
            return (0, 0, self.array.as_primitive::<DurationMicrosecondType>().value(row));
        }
        let value = self.array.as_primitive::<IntervalMonthDayNanoType>().value(row);
        (value.months, value.days, value.nanoseconds / 1_000)
    }

    fn shown(&self, row: usize) -> Result<String, ArrowError> {
        let options = FormatOptions::default();
        let formatter = ArrayFormatter::try_new(self.array.as_ref(), &options)?;
        formatter.value(row).try_to_string()
    }

    /// Returns where the items of a list stand.
    fn range(&self, row: usize) -> std::ops::Range<usize> {
        let offsets = self.array.as_list::<i32>().value_offsets();
        let at = |place: usize| usize::try_from(offsets[place]).unwrap_or(0);
        at(row)..at(row + 1)
    }

    fn write_list(&self, items: &Self, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let is_vector = !self.kind.name.starts_with('_');
        let range = self.range(row);
        let first = range.start;
        if !is_vector {
            out.push(b'{');
        }
        for item in range {
            if first < item {
                out.push(if is_vector { b' ' } else { b',' });
            }
            if items.is_null(item) {
                out.extend_from_slice(b"NULL");
                continue;
            }
            let mut text = Vec::new();
            items.write_text(item, &mut text)?;
            let is_plain = !text.is_empty()
                && !text.eq_ignore_ascii_case(b"null")
                && !text.iter().any(|byte| byte.is_ascii_whitespace() || b"{},\"\\".contains(byte));
            if is_plain {
                out.extend(text);
                continue;
            }
            out.push(b'"');
            for byte in text {
                if byte == b'"' || byte == b'\\' {
                    out.push(b'\\');
                }
                out.push(byte);
            }
            out.push(b'"');
        }
        if !is_vector {
            out.push(b'}');
        }
        Ok(())
    }

    fn write_list_binary(
        &self,
        items: &Self,
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ArrowError> {
        let range = self.range(row);
        let has_null = range.clone().any(|item| items.is_null(item));
        let count = i32::try_from(range.len()).map_err(|_| out_of_range("list"))?;
        out.extend(i32::from(!range.is_empty()).to_be_bytes());
        out.extend(i32::from(has_null).to_be_bytes());
        out.extend(items.kind.oid.to_be_bytes());
        if count == 0 {
            return Ok(());
        }
        // Vectors count from 0, lists from 1.
        let lowest = i32::from(self.kind.name.starts_with('_'));
        out.extend(count.to_be_bytes());
        out.extend(lowest.to_be_bytes());
        for item in range {
            items.write_sized(item, true, out)?;
        }
        Ok(())
    }

    /// Writes a value behind its length; -1 for null.
    ///
    /// # Errors
    /// As [`Cells::write_text`] and [`Cells::write_binary`], and where it is longer than the protocol can say.
    pub(crate) fn write_sized(
        &self,
        row: usize,
        is_binary: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), ArrowError> {
        if self.is_null(row) {
            out.extend((-1_i32).to_be_bytes());
            return Ok(());
        }
        let start = out.len();
        out.extend([0; 4]);
        if is_binary {
            self.write_binary(row, out)?;
        } else {
            self.write_text(row, out)?;
        }
        let length = i32::try_from(out.len() - start - 4).map_err(|_| out_of_range("value"))?;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}

fn out_of_range(what: &str) -> ArrowError {
    ArrowError::ComputeError(format!("a value is out of the range of `{what}`"))
}

/// Returns the shortest text that reads back as the same number.
fn float_text(value: f64, plain: String, scientific: String) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-Infinity" } else { "Infinity" }.into();
    }
    let size = value.abs();
    if value == 0.0 || (1e-5..1e15).contains(&size) { plain } else { scientific }
}

fn numeric_text(value: i128, scale: i8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs().to_string();
    match usize::try_from(scale) {
        Ok(0) => format!("{sign}{digits}"),
        Ok(scale) => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, rest) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{rest}")
        }
        Err(_) if value == 0 => "0".into(),
        Err(_) => format!("{sign}{digits}{}", "0".repeat(usize::from(scale.unsigned_abs()))),
    }
}

/// Writes a number in groups of four digits, as PostgreSQL keeps it.
fn numeric_binary(value: i128, scale: i8, out: &mut Vec<u8>) {
    let text = numeric_text(value, scale);
    let text = text.trim_start_matches('-');
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.trim_start_matches('0');
    let padded = format!("{:0>width$}", whole, width = whole.len().div_ceil(4) * 4);
    let behind = format!("{:0<width$}", rest, width = rest.len().div_ceil(4) * 4);
    let groups = |digits: &str| -> Vec<i16> {
        let group =
            |group: &[u8]| group.iter().fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0'));
        digits.as_bytes().chunks(4).map(group).collect()
    };
    let before = groups(&padded);
    let mut all = before.clone();
    all.extend(groups(&behind));
    let mut weight = i16::try_from(before.len()).unwrap_or(i16::MAX) - 1;
    let leading = all.iter().take_while(|group| **group == 0).count();
    all.drain(..leading);
    weight -= i16::try_from(leading).unwrap_or(0);
    while all.last() == Some(&0) {
        all.pop();
    }
    if all.is_empty() {
        weight = 0;
    }
    let sign: u16 = if value < 0 { 0x4000 } else { 0 };
    out.extend(i16::try_from(all.len()).unwrap_or(i16::MAX).to_be_bytes());
    out.extend(weight.to_be_bytes());
    out.extend(sign.to_be_bytes());
    out.extend(i16::from(scale.max(0)).to_be_bytes());
    for group in all {
        out.extend(group.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, DurationMillisecondArray,
        Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray,
        ListArray, StringArray, StructArray, Time64NanosecondArray, TimestampMillisecondArray,
        UInt64Array,
    };
    use arrow::datatypes::{Int32Type, IntervalMonthDayNano};
    use std::sync::Arc;

    /// Returns the first value as text and as binary in hexadecimal; the second is null in both.
    fn check(array: impl Array + 'static, kind: &str) -> (String, String) {
        let array: ArrayRef = Arc::new(array);
        let cells = Cells::new(&array, Kind::named(kind)).expect("it can be written");
        let (mut text, mut binary) = (Vec::new(), Vec::new());
        cells.write_text(0, &mut text).expect("text");
        cells.write_binary(0, &mut binary).expect("binary");
        if 1 < array.len() {
            for is_binary in [false, true] {
                let mut sized = Vec::new();
                cells.write_sized(1, is_binary, &mut sized).expect("null");
                assert_eq!(sized, [0xff; 4], "{kind}");
            }
        }
        (String::from_utf8(text).expect("UTF-8"), base::hex(&binary))
    }

    fn pair(text: &str, binary: &str) -> (String, String) {
        (text.into(), binary.into())
    }

    #[test]
    fn truths_and_whole_numbers() {
        assert_eq!(check(BooleanArray::from(vec![Some(true), None]), "bool"), pair("t", "01"));
        assert_eq!(check(Int16Array::from(vec![Some(-2), None]), "int2"), pair("-2", "fffe"));
        assert_eq!(check(Int32Array::from(vec![Some(7), None]), "int4"), pair("7", "00000007"));
        assert_eq!(
            check(Int64Array::from(vec![Some(-1), None]), "int8"),
            pair("-1", "ffffffffffffffff")
        );
        assert_eq!(
            check(UInt64Array::from(vec![Some(9), None]), "int8"),
            pair("9", "0000000000000009")
        );
        assert_eq!(check(Int64Array::from(vec![1_259]), "oid"), pair("1259", "000004eb"));
        let large: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
        assert!(Cells::new(&large, Kind::named("int8")).is_err());
    }

    #[test]
    fn floating_point_numbers() {
        assert_eq!(
            check(Float64Array::from(vec![Some(1.5), None]), "float8"),
            pair("1.5", "3ff8000000000000")
        );
        assert_eq!(
            check(Float32Array::from(vec![Some(0.1), None]), "float4"),
            pair("0.1", "3dcccccd")
        );
        assert_eq!(check(Float64Array::from(vec![1e300]), "float8").0, "1e300");
        assert_eq!(check(Float64Array::from(vec![f64::NEG_INFINITY]), "float8").0, "-Infinity");
        assert_eq!(check(Float64Array::from(vec![f64::NAN]), "float8").0, "NaN");
    }

    #[test]
    fn decimals() {
        let decimal = |value: i128, scale: i8| {
            let array = Decimal128Array::from(vec![Some(value), None]);
            array.with_precision_and_scale(38, scale).expect("a decimal")
        };
        let check = |value: i128, scale: i8| check(decimal(value, scale), "numeric");
        // Digits, weight, sign, scale, then groups of four digits.
        assert_eq!(check(12_345_678, 2), pair("123456.78", "0003000100000002000c0d801e78"));
        assert_eq!(check(-5, 1), pair("-0.5", "0001ffff400000011388"));
        assert_eq!(check(0, 2), pair("0.00", "0000000000000002"));
        assert_eq!(check(1, 6), pair("0.000001", "0001fffe000000060064"));
        assert_eq!(check(10_000, 0), pair("10000", "00010001000000000001"));
        assert_eq!(check(15, -2), pair("1500", "000100000000000005dc"));
        let large = 10_i128.pow(38) - 1;
        assert_eq!(check(large, 10).0, "9999999999999999999999999999.9999999999");
    }

    #[test]
    fn texts_and_bytes() {
        assert_eq!(check(StringArray::from(vec![Some("é"), None]), "text"), pair("é", "c3a9"));
        assert_eq!(
            check(BinaryArray::from_opt_vec(vec![Some(&[0, 255]), None]), "bytea"),
            pair("\\x00ff", "00ff")
        );
    }

    #[test]
    fn dates_times_and_intervals() {
        assert_eq!(
            check(Date32Array::from(vec![Some(10_958), None]), "date"),
            pair("2000-01-02", "00000001")
        );
        let instants = TimestampMillisecondArray::from(vec![Some(946_684_800_001), None]);
        assert_eq!(
            check(instants.clone(), "timestamp"),
            pair("2000-01-01 00:00:00.001", "00000000000003e8")
        );
        assert_eq!(
            check(instants.with_timezone("UTC"), "timestamptz"),
            pair("2000-01-01 00:00:00.001+00", "00000000000003e8")
        );
        assert_eq!(
            check(Time64NanosecondArray::from(vec![Some(3_600_000_001_000), None]), "time"),
            pair("01:00:00.000001", "00000000d693a401")
        );
        let interval = IntervalMonthDayNano::new(14, 3, 1_000_000);
        assert_eq!(
            check(IntervalMonthDayNanoArray::from(vec![Some(interval), None]), "interval"),
            pair("1 year 2 mons 3 days 00:00:00.001", "00000000000003e8000000030000000e")
        );
        assert_eq!(
            check(DurationMillisecondArray::from(vec![Some(1), None]), "interval"),
            pair("00:00:00.001", "00000000000003e80000000000000000")
        );
    }

    #[test]
    fn lists_are_json_unless_they_are_told_as_lists() {
        let list = || {
            ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None]), None])
        };
        assert_eq!(check(list(), "json").0, "[1,null]");
        assert_eq!(
            check(list(), "_int4"),
            pair("{1,NULL}", "00000001000000010000001700000002000000010000000400000001ffffffff")
        );
        assert_eq!(check(list(), "int2vector").0, "1 NULL");
    }

    #[test]
    fn structs_are_json() {
        let names: ArrayRef = Arc::new(StringArray::from(vec!["a \"b\""]));
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![7]));
        let structs = StructArray::from(vec![
            (Arc::new(Field::new("name", DataType::Utf8, true)), names),
            (Arc::new(Field::new("number", DataType::Int32, true)), numbers),
        ]);
        assert_eq!(check(structs, "json").0, r#"{"name":"a \"b\"","number":7}"#);
    }
}
