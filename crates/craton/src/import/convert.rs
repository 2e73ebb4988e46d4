//! Columns of Parquet as the unit takes them: of few types, the same for every file.
//!
//! Instants are milliseconds in UTC (a time without a zone is taken for one in UTC), whole numbers have 64 bits, lists and structs
//! travel as they are and become JSON, bytes become hexadecimal text. What is not a number (`NaN`) or infinite becomes null at the
//! unit: JSON has no word for it.

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, StructArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Field, Fields, Float32Type, Float64Type, TimeUnit, TimestampMillisecondType,
};
use arrow::error::ArrowError;
use std::fmt;
use std::sync::Arc;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// True or false.
    Bool,
    /// Whole numbers of 64 bits.
    Int,
    /// Binary floating-point numbers.
    Float,
    /// Decimals with so many digits, and so many of them behind the point.
    Decimal(u8, u8),
    /// Text.
    Text,
    /// Bytes that are no text.
    Bytes,
    /// Instants.
    Time,
    /// Days.
    Date,
    /// Times of a day, and durations.
    Clock,
    /// Lists, structs and maps.
    Nested,
    /// Nothing at all.
    Null,
}

impl Shape {
    /// Returns the shape of a column of this type.
    ///
    /// # Errors
    /// Why such a column cannot be imported, in words.
    pub fn of(data_type: &DataType) -> Result<Self, String> {
        use DataType as D;
        Ok(match data_type {
            D::Null => Self::Null,
            D::Boolean => Self::Bool,
            D::Int8 | D::Int16 | D::Int32 | D::Int64 => Self::Int,
            D::UInt8 | D::UInt16 | D::UInt32 => Self::Int,
            D::UInt64 => Self::Decimal(20, 0),
            D::Float16 | D::Float32 | D::Float64 => Self::Float,
            D::Decimal32(digits, scale)
            | D::Decimal64(digits, scale)
            | D::Decimal128(digits, scale)
            | D::Decimal256(digits, scale) => decimal(*digits, *scale)?,
            D::Utf8 | D::LargeUtf8 | D::Utf8View => Self::Text,
            D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => Self::Bytes,
            D::Timestamp(..) => Self::Time,
            D::Date32 | D::Date64 => Self::Date,
            D::Time32(_) | D::Time64(_) | D::Duration(_) | D::Interval(_) => Self::Clock,
            D::Dictionary(_, values) => Self::of(values)?,
            D::List(field)
            | D::LargeList(field)
            | D::FixedSizeList(field, _)
            | D::Map(field, _) => Self::of(field.data_type()).map(|_| Self::Nested)?,
            D::Struct(fields) => {
                for field in fields {
                    Self::of(field.data_type())?;
                }
                Self::Nested
            }
            other => return Err(format!("values of type {other} cannot be imported")),
        })
    }

    /// Returns whether such values can go into a column of this type of a manifest without being changed. Where that depends on the
    /// single value, the unit decides row by row.
    pub fn fits(self, word: &str) -> bool {
        let to_decimal = word.starts_with("decimal");
        match self {
            Self::Null => true,
            Self::Bool => matches!(word, "bool" | "json"),
            Self::Int | Self::Float => to_decimal || matches!(word, "int" | "float" | "json"),
            // A float has 15 digits that can be relied on.
            Self::Decimal(digits, _) => {
                to_decimal || matches!(word, "int" | "json") || word == "float" && digits <= 15
            }
            // Text in a column of JSON would be JSON text, not the JSON that it may hold.
            Self::Text => to_decimal || matches!(word, "text" | "time"),
            Self::Bytes | Self::Clock => word == "text",
            Self::Time => matches!(word, "time" | "json"),
            Self::Date => matches!(word, "time" | "text" | "json"),
            Self::Nested => matches!(word, "json" | "list"),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Float => f.write_str("float"),
            Self::Decimal(digits, scale) => write!(f, "decimal({digits},{scale})"),
            Self::Text => f.write_str("text"),
            Self::Bytes => f.write_str("bytes"),
            Self::Time => f.write_str("time"),
            Self::Date => f.write_str("a date"),
            Self::Clock => f.write_str("a time of day or a duration"),
            Self::Nested => f.write_str("a list or a struct"),
            Self::Null => f.write_str("nothing"),
        }
    }
}

fn decimal(digits: u8, scale: i8) -> Result<Shape, String> {
    match u8::try_from(scale) {
        Ok(scale) if digits <= 38 && scale <= digits => Ok(Shape::Decimal(digits, scale)),
        _ => Err(format!("decimals of {digits} digits and scale {scale} cannot be imported")),
    }
}

/// Returns a column for a stream's column of this type of a manifest.
///
/// # Errors
/// Where its type has no shape.
pub fn column(array: &ArrayRef, word: &str) -> Result<ArrayRef, ArrowError> {
    let plain = plain(array)?;
    match (plain.data_type(), word) {
        (DataType::Date32, "time") => {
            instants(&cast(&plain, &DataType::Timestamp(TimeUnit::Millisecond, None))?)
        }
        (DataType::Date32, _) => cast(&plain, &DataType::Utf8),
        _ => Ok(plain),
    }
}

/// Returns a column as one of few types.
fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    use DataType as D;
    match array.data_type() {
        D::Null => Ok(new_null_array(&D::Utf8, array.len())),
        D::Boolean | D::Int64 | D::Float64 | D::Decimal128(..) | D::Utf8 | D::Date32 => {
            Ok(Arc::clone(array))
        }
        D::Int8 | D::Int16 | D::Int32 | D::UInt8 | D::UInt16 | D::UInt32 => cast(array, &D::Int64),
        D::UInt64 => cast(array, &D::Decimal128(20, 0)),
        D::Float16 => cast(array, &D::Float64),
        D::Float32 => {
            let wide = array.as_primitive::<Float32Type>().unary::<_, Float64Type>(widened);
            Ok(Arc::new(wide))
        }
        D::Decimal32(digits, scale)
        | D::Decimal64(digits, scale)
        | D::Decimal256(digits, scale) => cast(array, &D::Decimal128(*digits, *scale)),
        D::LargeUtf8 | D::Utf8View => cast(array, &D::Utf8),
        D::Time32(_) | D::Time64(_) | D::Duration(_) | D::Interval(_) => cast(array, &D::Utf8),
        D::Date64 => cast(array, &D::Date32),
        D::Timestamp(..) => instants(array),
        D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => hexadecimal(array),
        D::Dictionary(_, values) => plain(&cast(array, values)?),
        D::LargeList(field) | D::FixedSizeList(field, _) => {
            plain(&cast(array, &D::List(Arc::clone(field)))?)
        }
        D::List(_) => list(array.as_list::<i32>()),
        D::Struct(_) => structs(array.as_struct()),
        D::Map(..) => map(array),
        other => Err(ArrowError::NotYetImplemented(format!("values of type {other}"))),
    }
}

/// Returns the number of 64 bits that people read where they read this one: 0.1 remains 0.1.
fn widened(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

/// Returns instants in milliseconds, in UTC whatever zone they are shown in.
fn instants(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let zone = match array.data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let millis = cast(array, &DataType::Timestamp(TimeUnit::Millisecond, zone))?;
    let millis = millis.as_primitive::<TimestampMillisecondType>().clone();
    Ok(Arc::new(millis.with_timezone("UTC")))
}

fn hexadecimal(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let bytes = cast(array, &DataType::Binary)?;
    let text: StringArray =
        bytes.as_binary::<i32>().iter().map(|bytes| bytes.map(base::hex)).collect();
    Ok(Arc::new(text))
}

fn list(array: &ListArray) -> Result<ArrayRef, ArrowError> {
    let items = column(array.values(), "json")?;
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    let nulls = array.nulls().cloned();
    Ok(Arc::new(ListArray::try_new(field, array.offsets().clone(), items, nulls)?))
}

fn structs(array: &StructArray) -> Result<ArrayRef, ArrowError> {
    let names: Vec<&str> = array.column_names();
    let made = renamed(&names, array.columns(), array.len())?;
    let (fields, columns, _) = made.into_parts();
    let nulls = array.nulls().cloned();
    Ok(Arc::new(StructArray::try_new_with_length(fields, columns, nulls, array.len())?))
}

/// A map becomes a list of its entries: its keys may be anything.
fn map(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let map = array.as_map();
    let pair = [Arc::clone(map.keys()), Arc::clone(map.values())];
    let entries = renamed(&["key", "value"], &pair, map.keys().len())?;
    let field = Arc::new(Field::new("item", entries.data_type().clone(), true));
    let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
    Ok(Arc::new(ListArray::try_new(field, offsets, Arc::new(entries), nulls)?))
}

/// Returns a struct of columns as the unit takes them.
fn renamed(names: &[&str], columns: &[ArrayRef], rows: usize) -> Result<StructArray, ArrowError> {
    let columns =
        columns.iter().map(|array| column(array, "json")).collect::<Result<Vec<_>, _>>()?;
    let fields: Fields = names
        .iter()
        .zip(&columns)
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    StructArray::try_new_with_length(fields, columns, None, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BinaryArray, Date32Array, Float32Array, LargeStringArray, MapArray,
        TimestampMicrosecondArray, TimestampNanosecondArray, UInt64Array,
    };
    use arrow::datatypes::Decimal128Type;

    fn millis(array: &ArrayRef) -> (i64, String) {
        let millis = array.as_primitive::<TimestampMillisecondType>().value(0);
        (millis, array.data_type().to_string())
    }

    #[test]
    fn instants_are_milliseconds_in_utc() {
        let naive: ArrayRef =
            Arc::new(TimestampNanosecondArray::from(vec![1_291_191_960_000_000_001]));
        let zoned: ArrayRef = Arc::new(
            TimestampMicrosecondArray::from(vec![1_291_191_960_000_000]).with_timezone("+02:00"),
        );
        let utc = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())).to_string();
        for array in [naive, zoned] {
            let made = column(&array, "time").expect("converts");
            assert_eq!(millis(&made), (1_291_191_960_000, utc.clone()));
        }
        let day: ArrayRef = Arc::new(Date32Array::from(vec![1]));
        assert_eq!(millis(&column(&day, "time").expect("converts")), (86_400_000, utc));
        let text = column(&day, "text").expect("converts");
        assert_eq!(text.as_string::<i32>().value(0), "1970-01-02");
    }

    #[test]
    fn numbers_and_text_keep_what_they_say() {
        let single: ArrayRef = Arc::new(Float32Array::from(vec![Some(2.55), None]));
        let double = column(&single, "float").expect("converts");
        let double = double.as_primitive::<Float64Type>();
        assert_eq!((double.value(0), double.is_null(1)), (2.55, true));
        let unsigned: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
        let decimal = column(&unsigned, "decimal(20,0)").expect("converts");
        assert_eq!(decimal.as_primitive::<Decimal128Type>().value(0), i128::from(u64::MAX));
        let large: ArrayRef = Arc::new(LargeStringArray::from(vec!["é"]));
        assert_eq!(column(&large, "text").expect("converts").as_string::<i32>().value(0), "é");
        let bytes: ArrayRef = Arc::new(BinaryArray::from_vec(vec![&b"\x00\xff"[..]]));
        assert_eq!(column(&bytes, "text").expect("converts").as_string::<i32>().value(0), "00ff");
    }

    #[test]
    fn nested_values_are_converted_all_the_way_down() {
        let days: ArrayRef = Arc::new(Date32Array::from(vec![0, 1]));
        let keys = ["a", "b"].into_iter();
        let map: ArrayRef =
            Arc::new(MapArray::new_from_strings(keys, &days, &[0, 2]).expect("a map"));
        assert_eq!(Shape::of(map.data_type()), Ok(Shape::Nested));
        let entries = column(&map, "json").expect("converts");
        let entries = entries.as_list::<i32>().value(0);
        let (keys, values) = (entries.as_struct().column(0), entries.as_struct().column(1));
        assert_eq!(entries.as_struct().column_names(), ["key", "value"]);
        assert_eq!(keys.as_string::<i32>().value(1), "b");
        assert_eq!(values.as_string::<i32>().value(1), "1970-01-02");
    }

    #[test]
    fn shapes_say_which_columns_they_fit() {
        let check = |shape: Shape, yes: &[&str], no: &[&str]| {
            assert!(yes.iter().all(|word| shape.fits(word)), "{shape}");
            assert!(!no.iter().any(|word| shape.fits(word)), "{shape}");
        };
        check(
            Shape::Int,
            &["int", "float", "decimal(9,2)", "json"],
            &["text", "time", "bool", "list"],
        );
        check(Shape::Text, &["text", "time", "decimal(9,2)"], &["int", "float", "json", "list"]);
        check(Shape::Decimal(18, 2), &["decimal(9,2)", "json"], &["float", "text"]);
        check(Shape::Decimal(9, 2), &["float"], &["text"]);
        check(Shape::Date, &["time", "text"], &["int"]);
        check(Shape::Nested, &["json", "list"], &["text"]);
        assert_eq!(Shape::of(&DataType::UInt64), Ok(Shape::Decimal(20, 0)));
        assert!(Shape::of(&DataType::Decimal256(60, 2)).is_err());
    }
}
