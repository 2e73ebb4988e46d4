//! Chunks of rows as Arrow batches: what was appended so is kept so, and never goes through text.
//!
//! A chunk is one Arrow IPC stream with one batch. Its columns are those that the stream had when it was written, then `_time`, which
//! is null where the column of the event time has a value. Only streams of plain columns take such chunks: no lists, no JSON.

use super::schema::{ColumnType, Schema, TIME, UnknownFields, time_type};
use crate::sql::output::JsonRows;
use crate::{Config, Error};
use base::{Problem, Time};
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::types::Float64Type;
use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, RecordBatch, TimestampMillisecondArray, new_null_array,
};
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::compute::{
    CastOptions, cast, cast_with_options, concat_batches, is_not_null, nullif,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema as ArrowSchema, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use std::sync::Arc;
use store::Chunk;

/// The format of a chunk that holds an Arrow IPC stream.
pub(crate) const FORMAT_ARROW: u8 = 2;

/// Rows from which on a batch is kept as Arrow; fewer are shorter as lines.
const ROWS_MIN: usize = 64;

/// Returns the rows of an Arrow body as a chunk keeps them, and how many there are. `None` where they do not fit as they are: then
/// each row is checked by itself, which finds out what is wrong.
pub(crate) fn of_body(
    schema: &Schema,
    config: &Config,
    body: &[u8],
    time: Time,
) -> Option<(Vec<u8>, u32)> {
    if !is_plain(schema) {
        return None;
    }
    let reader = StreamReader::try_new(body, None).ok()?;
    let batches = reader.collect::<Result<Vec<RecordBatch>, ArrowError>>().ok()?;
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    if rows < ROWS_MIN || config.append_rows_max < rows {
        return None;
    }
    let batch = match batches.as_slice() {
        [batch] => batch.clone(),
        batches => concat_batches(&batches.first()?.schema(), batches).ok()?,
    };
    let batch = fitted(schema, config, &batch, time)?;
    Some((encode(&batch).ok()?, u32::try_from(rows).ok()?))
}

fn is_plain(schema: &Schema) -> bool {
    let is_plain = |kind: ColumnType| !matches!(kind, ColumnType::List | ColumnType::Json);
    schema.unknown_fields == UnknownFields::Refuse
        && schema.columns.list.iter().all(|column| is_plain(column.column_type))
}

fn fitted(
    schema: &Schema,
    config: &Config,
    batch: &RecordBatch,
    time: Time,
) -> Option<RecordBatch> {
    let sent = batch.schema();
    let mut known = 0;
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for column in &schema.columns.list {
        let array = match sent.column_with_name(&column.name) {
            Some((number, _)) => {
                known += 1;
                plain(batch.column(number), &column.data_type())?
            }
            None => new_null_array(&column.data_type(), batch.num_rows()),
        };
        if column.is_required && 0 < array.null_count() {
            return None;
        }
        fields.push(Field::new(&column.name, column.data_type(), true));
        columns.push(array);
    }
    // An unknown column, or one that is there twice.
    if known != sent.fields().len() || !are_short(&columns, config) {
        return None;
    }
    fields.push(Field::new(TIME, time_type(), true));
    let appended = TimestampMillisecondArray::from(vec![time.as_millis(); batch.num_rows()]);
    let appended = Arc::new(appended.with_timezone("UTC")) as ArrayRef;
    columns.push(match schema.time {
        Some(number) => nullif(&appended, &is_not_null(&columns[number]).ok()?).ok()?,
        None => appended,
    });
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns).ok()
}

/// Returns an array as the column keeps it, where nothing is lost on the way.
fn plain(array: &ArrayRef, wanted: &DataType) -> Option<ArrayRef> {
    let is_text =
        |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let array = match array.data_type() {
        DataType::Dictionary(_, values) if is_text(values) => cast(array, values).ok()?,
        _ => Arc::clone(array),
    };
    let found = array.data_type();
    let is_same = found == wanted;
    let is_safe = match wanted {
        DataType::Int64 => {
            found.is_signed_integer()
                || matches!(found, DataType::UInt8 | DataType::UInt16 | DataType::UInt32)
        }
        DataType::Float64 => matches!(found, DataType::Float64),
        DataType::Decimal128(precision, scale) => {
            matches!(found, DataType::Decimal128(p, s) if s == scale && p <= precision)
        }
        DataType::Utf8 => is_text(found),
        DataType::Timestamp(..) => {
            matches!(found, DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Second, _))
        }
        _ => false,
    };
    if !is_same && !is_safe {
        return None;
    }
    if *found == DataType::Float64 {
        let mut values = array.as_primitive::<Float64Type>().iter().flatten();
        if values.any(|value| !value.is_finite()) {
            return None;
        }
    }
    if is_same {
        return Some(array);
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(&array, wanted, &options).ok()
}

/// Returns whether no row can be longer than is allowed.
fn are_short(columns: &[ArrayRef], config: &Config) -> bool {
    let texts = columns.iter().filter_map(|array| array.as_string_opt::<i32>());
    let longest = texts.map(|texts| {
        let offsets = texts.value_offsets().windows(2);
        offsets.map(|pair| usize::try_from(pair[1] - pair[0]).unwrap_or(0)).max().unwrap_or(0)
    });
    longest.sum::<usize>() + 32 * columns.len() <= config.row_bytes_max
}

fn encode(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(batch)?;
    writer.into_inner()
}

/// Returns the batch of a chunk.
///
/// # Errors
/// [`Error::Internal`] where it cannot be read, which is a defect.
pub(crate) fn batch(chunk: &Chunk) -> Result<RecordBatch, Problem> {
    let mut reader = StreamReader::try_new(chunk.bytes.as_slice(), None).map_err(damaged)?;
    let batch = reader.next().transpose().map_err(damaged)?;
    batch.ok_or_else(|| Error::Internal { detail: "a chunk without a batch".into() }.into())
}

/// Returns columns of a chunk, `columns` being numbers of stored columns; what the stream did not have then is null.
///
/// # Errors
/// As [`batch`].
pub(crate) fn columns(
    chunk: &Chunk,
    schema: &Schema,
    columns: &[usize],
    skip: usize,
    take: usize,
) -> Result<Vec<ArrayRef>, Problem> {
    let batch = batch(chunk)?;
    let of = |number: usize| -> Result<ArrayRef, Problem> {
        let column = &schema.stored.list[number];
        match batch.column_by_name(&column.name) {
            Some(array) if *array.data_type() == column.data_type() => Ok(Arc::clone(array)),
            Some(array) => cast(array, &column.data_type()).map_err(damaged),
            None => Ok(new_null_array(&column.data_type(), batch.num_rows())),
        }
    };
    let arrays = columns.iter().map(|number| {
        let array = of(*number)?;
        let is_time = schema.stored.list[*number].name == TIME;
        let array = match schema.time {
            Some(time) if is_time => {
                let is_missing: BooleanArray = is_not_null(&array).map_err(damaged)?;
                zip(&is_missing, &array, &of(time)?).map_err(damaged)?
            }
            _ => array,
        };
        Ok(array.slice(skip, take))
    });
    arrays.collect()
}

/// Returns the rows of a chunk as lines.
///
/// # Errors
/// As [`batch`].
pub(crate) fn lines(chunk: &Chunk) -> Result<Vec<u8>, Problem> {
    let batch = batch(chunk)?;
    let rows = JsonRows::new(&batch).map_err(damaged)?;
    let mut out = Vec::new();
    for row in 0..batch.num_rows() {
        rows.write_without_nulls(row, &mut out).map_err(damaged)?;
        out.push(b'\n');
    }
    Ok(out)
}

fn damaged(error: ArrowError) -> Problem {
    Error::Internal { detail: format!("a chunk of Arrow: {error}") }.into()
}
