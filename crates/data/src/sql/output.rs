//! Results as JSON, NDJSON and CSV: decimals as exact numbers, instants as RFC 3339, what is no number as null.

use crate::streams::decimal;
use crate::streams::schema::{Column, ColumnType, Columns};
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::types::{
    Decimal128Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Returns the names of result columns, each once: a second `n` is `n_2`.
pub(crate) fn names(schema: &SchemaRef) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut names = Vec::new();
    for field in schema.fields() {
        let mut name = field.name().clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{}_{number}", field.name());
            number += 1;
        }
        names.push(name);
    }
    names
}

/// Writes the rows of a batch as JSON objects or lists.
pub(crate) struct JsonRows {
    columns: Vec<(Vec<u8>, Json)>,
}

impl JsonRows {
    /// Returns a writer of the batch's rows.
    ///
    /// # Errors
    /// Where a column's type cannot be written.
    pub(crate) fn new(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let names = names(&batch.schema());
        let columns = names.iter().zip(batch.columns()).map(|(name, array)| {
            let key = format!("{}:", serde_json::Value::from(name.as_str()));
            Ok((key.into_bytes(), Json::new(array)?))
        });
        Ok(Self { columns: columns.collect::<Result<_, ArrowError>>()? })
    }

    /// Returns a writer of rows as a stream stores them: JSON as it is, decimals at their shortest.
    ///
    /// # Errors
    /// Where a column's type cannot be written.
    pub(crate) fn stored(batch: &RecordBatch, columns: &Columns) -> Result<Self, ArrowError> {
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
            let key = format!("{}:", serde_json::Value::from(field.name().as_str()));
            let column = columns.find(field.name(), 0).map(|number| &columns.list[number]);
            let column = match column {
                Some(column) => Json::stored(array, column)?,
                None => Json::new(array)?,
            };
            Ok((key.into_bytes(), column))
        });
        Ok(Self { columns: columns.collect::<Result<_, ArrowError>>()? })
    }

    /// Writes a row as an object.
    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.write_object(row, false, out)
    }

    /// Writes a row as an object without its nulls.
    pub(crate) fn write_without_nulls(
        &self,
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ArrowError> {
        self.write_object(row, true, out)
    }

    fn write_object(
        &self,
        row: usize,
        is_short: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), ArrowError> {
        out.push(b'{');
        let start = out.len();
        for (key, column) in &self.columns {
            if is_short && column.is_null(row) {
                continue;
            }
            if start != out.len() {
                out.push(b',');
            }
            out.extend_from_slice(key);
            column.write(row, out)?;
        }
        out.push(b'}');
        Ok(())
    }

    /// Writes a row as a list.
    pub(crate) fn write_list(&self, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        out.push(b'[');
        for (number, (_, column)) in self.columns.iter().enumerate() {
            if 0 < number {
                out.push(b',');
            }
            column.write(row, out)?;
        }
        out.push(b']');
        Ok(())
    }

    /// Writes a row as CSV (RFC 4180); nulls are empty.
    pub(crate) fn write_csv(&self, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        for (number, (_, column)) in self.columns.iter().enumerate() {
            if 0 < number {
                out.push(b',');
            }
            if column.is_null(row) {
                continue;
            }
            let mut json = Vec::new();
            column.write(row, &mut json)?;
            match json.first() {
                Some(b'"') => {
                    let text: String = serde_json::from_slice(&json).unwrap_or_default();
                    write_csv_text(&text, out);
                }
                Some(b'n') => {}
                Some(b'{' | b'[') => write_csv_text(&String::from_utf8_lossy(&json), out),
                _ => out.extend_from_slice(&json),
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}

/// Writes text as a CSV field. An empty text is quoted, so that it differs from null.
pub(crate) fn write_csv_text(text: &str, out: &mut Vec<u8>) {
    let is_plain = !text.is_empty() && !text.contains(['"', ',', '\n', '\r']);
    if is_plain {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

/// How the values of a column are written.
enum Json {
    Null,
    Bool(ArrayRef),
    Number(ArrayRef, fn(&ArrayRef, usize, &mut Vec<u8>)),
    Float(ArrayRef, fn(&ArrayRef, usize) -> f64),
    Decimal(ArrayRef, i8),
    Text(ArrayRef),
    Raw(ArrayRef),
    Shortest(ArrayRef, u8),
    Shown(ArrayRef),
    List { array: ArrayRef, offsets: Vec<usize>, items: Box<Json> },
    Struct { array: ArrayRef, fields: Vec<(Vec<u8>, Json)> },
}

macro_rules! number {
    ($array:expr, $kind:ty) => {
        Json::Number($array.clone(), |array, row, out| {
            out.extend_from_slice(array.as_primitive::<$kind>().value(row).to_string().as_bytes());
        })
    };
}

impl Json {
    fn new(array: &ArrayRef) -> Result<Self, ArrowError> {
        Ok(match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool(array.clone()),
            DataType::Int8 => number!(array, Int8Type),
            DataType::Int16 => number!(array, Int16Type),
            DataType::Int32 => number!(array, Int32Type),
            DataType::Int64 => number!(array, Int64Type),
            DataType::UInt8 => number!(array, UInt8Type),
            DataType::UInt16 => number!(array, UInt16Type),
            DataType::UInt32 => number!(array, UInt32Type),
            DataType::UInt64 => number!(array, UInt64Type),
            DataType::Float16 => Self::Float(array.clone(), |array, row| {
                f64::from(array.as_primitive::<Float16Type>().value(row))
            }),
            DataType::Float32 => Self::Float(array.clone(), |array, row| {
                f64::from(array.as_primitive::<Float32Type>().value(row))
            }),
            DataType::Float64 => Self::Float(array.clone(), |array, row| {
                array.as_primitive::<Float64Type>().value(row)
            }),
            DataType::Decimal128(_, scale) => Self::Decimal(array.clone(), *scale),
            DataType::Utf8 => Self::Text(array.clone()),
            DataType::LargeUtf8 | DataType::Utf8View => Self::Text(cast(array, &DataType::Utf8)?),
            DataType::Dictionary(_, values) => Self::new(&cast(array, values)?)?,
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let offsets = list
                    .value_offsets()
                    .iter()
                    .map(|offset| usize::try_from(*offset).unwrap_or(0))
                    .collect();
                Self::List {
                    array: array.clone(),
                    offsets,
                    items: Box::new(Self::new(list.values())?),
                }
            }
            DataType::LargeList(field)
            | DataType::FixedSizeList(field, _)
            | DataType::ListView(field) => {
                Self::new(&cast(array, &DataType::List(field.clone()))?)?
            }
            DataType::Struct(_) => {
                let structs = array.as_struct();
                let fields =
                    structs.fields().iter().zip(structs.columns()).map(|(field, column)| {
                        let key = format!("{}:", serde_json::Value::from(field.name().as_str()));
                        Ok((key.into_bytes(), Self::new(column)?))
                    });
                Self::Struct {
                    array: array.clone(),
                    fields: fields.collect::<Result<_, ArrowError>>()?,
                }
            }
            _ => {
                ArrayFormatter::try_new(array.as_ref(), &FormatOptions::default())?;
                Self::Shown(array.clone())
            }
        })
    }

    /// As a column of a stream is stored.
    fn stored(array: &ArrayRef, column: &Column) -> Result<Self, ArrowError> {
        match column.column_type {
            ColumnType::Json => Ok(Self::Raw(array.clone())),
            ColumnType::Decimal(_, scale) => Ok(Self::Shortest(array.clone(), scale)),
            ColumnType::List => {
                let Self::List { array, offsets, .. } = Self::new(array)? else {
                    return Self::new(array);
                };
                let items = array.as_list::<i32>().values();
                let structs = items.as_struct();
                let fields = column.fields.list.iter().zip(structs.columns());
                let fields = fields
                    .map(|(field, array)| Ok((field.prefix.clone(), Self::stored(array, field)?)));
                let fields = fields.collect::<Result<_, ArrowError>>()?;
                let items = Box::new(Self::Struct { array: Arc::clone(items), fields });
                Ok(Self::List { array, offsets, items })
            }
            _ => Self::new(array),
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(array)
            | Self::Number(array, _)
            | Self::Float(array, _)
            | Self::Decimal(array, _)
            | Self::Text(array)
            | Self::Raw(array)
            | Self::Shortest(array, _)
            | Self::Shown(array)
            | Self::List { array, .. }
            | Self::Struct { array, .. } => array.is_null(row),
        }
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        if self.is_null(row) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(array) => {
                let is_true = array.as_boolean().value(row);
                out.extend_from_slice(if is_true { b"true" } else { b"false" });
            }
            Self::Number(array, write) => write(array, row, out),
            Self::Float(array, value) => out.extend_from_slice(
                serde_json::Value::from(value(array, row)).to_string().as_bytes(),
            ),
            Self::Decimal(array, scale) => {
                write_decimal(array.as_primitive::<Decimal128Type>().value(row), *scale, out)
            }
            Self::Text(array) => write_text(array.as_string::<i32>().value(row), out),
            Self::Raw(array) => {
                out.extend_from_slice(array.as_string::<i32>().value(row).as_bytes());
            }
            Self::Shortest(array, scale) => {
                let value = array.as_primitive::<Decimal128Type>().value(row);
                decimal::write_shortest(value, *scale, out);
            }
            Self::Shown(array) => {
                let options = FormatOptions::default();
                let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
                write_text(&formatter.value(row).try_to_string()?, out);
            }
            Self::List { offsets, items, .. } => {
                out.push(b'[');
                for item in offsets[row]..offsets[row + 1] {
                    if offsets[row] < item {
                        out.push(b',');
                    }
                    items.write(item, out)?;
                }
                out.push(b']');
            }
            Self::Struct { fields, .. } => {
                out.push(b'{');
                for (number, (key, field)) in fields.iter().enumerate() {
                    if 0 < number {
                        out.push(b',');
                    }
                    out.extend_from_slice(key);
                    field.write(row, out)?;
                }
                out.push(b'}');
            }
        }
        Ok(())
    }
}

fn write_decimal(value: i128, scale: i8, out: &mut Vec<u8>) {
    match u8::try_from(scale) {
        Ok(scale) => decimal::write(value, scale, out),
        Err(_) => {
            decimal::write(value, 0, out);
            if value != 0 {
                out.extend(std::iter::repeat_n(b'0', usize::from(scale.unsigned_abs())));
            }
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    if serde_json::to_writer(&mut *out, text).is_err() {
        out.extend_from_slice(b"null");
    }
}
