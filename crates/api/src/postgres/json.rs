//! Lists and structs of Arrow as JSON.

use super::encode::Cells;
use super::types::Kind;
use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

/// Writes a value as JSON: decimals as exact numbers, what is no number as null, all else that JSON does not know as text.
///
/// # Errors
/// Where the value cannot be written, which is a defect.
pub(crate) fn write(array: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    if array.is_null(row) || matches!(array.data_type(), DataType::Null) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match array.data_type() {
        DataType::List(_) => write_list(&array.as_list::<i32>().value(row), out),
        DataType::LargeList(_) => write_list(&array.as_list::<i64>().value(row), out),
        DataType::FixedSizeList(..) => write_list(&array.as_fixed_size_list().value(row), out),
        DataType::Struct(_) => {
            let structs = array.as_struct();
            out.push(b'{');
            for (number, (field, column)) in
                structs.fields().iter().zip(structs.columns()).enumerate()
            {
                if 0 < number {
                    out.push(b',');
                }
                write_text(field.name(), out);
                out.push(b':');
                write(column, row, out)?;
            }
            out.push(b'}');
            Ok(())
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            out.push(b'{');
            for entry in 0..entries.len() {
                if 0 < entry {
                    out.push(b',');
                }
                write_text(&shown(entries.column(0), entry)?, out);
                out.push(b':');
                write(entries.column(1), entry, out)?;
            }
            out.push(b'}');
            Ok(())
        }
        _ => write_plain(array, row, out),
    }
}

fn write_list(items: &ArrayRef, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    out.push(b'[');
    for item in 0..items.len() {
        if 0 < item {
            out.push(b',');
        }
        write(items, item, out)?;
    }
    out.push(b']');
    Ok(())
}

fn write_plain(array: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let text = shown(array, row)?;
    let data_type = array.data_type();
    match data_type {
        DataType::Boolean => out.extend_from_slice(if text == "t" { b"true" } else { b"false" }),
        _ if data_type.is_floating() && (text.ends_with('y') || text == "NaN") => {
            out.extend_from_slice(b"null");
        }
        _ if data_type.is_numeric() => out.extend_from_slice(text.as_bytes()),
        _ => write_text(&text, out),
    }
    Ok(())
}

fn shown(array: &ArrayRef, row: usize) -> Result<String, ArrowError> {
    let mut text = Vec::new();
    Cells::new(array, Kind::named("text"))?.write_text(row, &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
}
