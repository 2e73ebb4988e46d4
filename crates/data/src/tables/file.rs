//! Parquet files of a table: written from batches, read as a whole.

use super::state::File;
use crate::Error;
use crate::sql::problem::is_disk_full;
use crate::streams::schema::{OFFSET, Schema, TIME};
use base::Problem;
use bytes::Bytes;
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::types::{Int64Type, TimestampMicrosecondType};
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::{cast, max, min};
use datafusion::arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{ChunkReader, Length};
use std::io;
use std::sync::Arc;
use store::Blobs;

/// Rows of a row group: what a reader skips or reads at once.
const GROUP_ROWS: usize = 1 << 18;

/// Rows of a page: what a point lookup reads of each column.
const PAGE_ROWS: usize = 1 << 13;

/// Bytes of the different values of a column in a row group, up to which they are written once: a point lookup reads all of them. Larger
/// ones make neither files smaller nor scans faster.
const DICTIONARY_BYTES: usize = 128 << 10;

/// Rows that are read at once.
const BATCH_ROWS: usize = 1 << 14;

/// Returns the schema of a table's files: instants in microseconds, as Delta wants them.
pub(crate) fn file_schema(schema: &Schema) -> SchemaRef {
    let fields = schema
        .arrow
        .fields()
        .iter()
        .map(|field| Field::new(field.name(), file_type(field.data_type()), true));
    Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()))
}

/// Returns the type that a column has in files.
pub(super) fn file_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::List(item) => {
            let field = Field::new("element", file_type(item.data_type()), true);
            DataType::List(Arc::new(field))
        }
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|field| Field::new(field.name(), file_type(field.data_type()), true))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// Takes a batch of rows.
pub(crate) type Take<'a> = dyn FnMut(RecordBatch) -> Result<(), Problem> + 'a;

/// Gives rows, batch by batch.
pub(crate) type Give<'a> = dyn FnMut(&mut Take<'_>) -> Result<(), Problem> + 'a;

/// Writes a file of rows; its number, path and time are those of `file`. It is on the disk when this returns. `None` where there
/// are no rows: then there is no file.
///
/// # Errors
/// Where rows cannot be read or the blob cannot be written.
pub(crate) fn write(
    blobs: &dyn Blobs,
    folder: &str,
    schema: &SchemaRef,
    mut file: File,
    give: &mut Give<'_>,
) -> Result<Option<File>, Problem> {
    let name = format!("{folder}/{}", file.path);
    let mut trouble = None;
    (file.rows, file.times) = (0, None);
    let written = blobs.put(&name, &mut |out| {
        write_rows(out, schema, &mut file, give).map_err(|problem| {
            trouble = Some(problem);
            io::Error::other("rows could not be written")
        })
    });
    if let Some(problem) = trouble {
        return Err(problem);
    }
    written?;
    if file.rows == 0 {
        blobs.delete(&name)?;
        return Ok(None);
    }
    file.bytes = blobs.size(&name)?.unwrap_or_default();
    Ok(Some(file))
}

fn write_rows(
    out: &mut (dyn io::Write + Send),
    schema: &SchemaRef,
    file: &mut File,
    give: &mut Give<'_>,
) -> Result<(), Problem> {
    let mut writer = ArrowWriter::try_new(out, Arc::clone(schema), Some(properties()))
        .map_err(|error| unwritten(&error))?;
    give(&mut |batch| {
        let batch = fitted(&batch, schema)?;
        note(file, &batch);
        writer.write(&batch).map_err(|error| unwritten(&error))
    })?;
    writer.close().map_err(|error| unwritten(&error))?;
    Ok(())
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_created_by(concat!("craton version ", env!("CARGO_PKG_VERSION")).into())
        .build()
}

/// Takes note of what a file holds.
fn note(file: &mut File, batch: &RecordBatch) {
    file.rows += batch.num_rows() as u64;
    // A view may call anything so.
    let offsets =
        batch.column_by_name(OFFSET).and_then(|array| array.as_primitive_opt::<Int64Type>());
    let (first, last) = offsets.map_or((None, None), |array| (min(array), max(array)));
    let is_first = file.rows == batch.num_rows() as u64;
    if let Some(first) = first.and_then(|first| u64::try_from(first).ok()) {
        file.start = if is_first { first } else { file.start.min(first) };
    }
    if let Some(last) = last.and_then(|last| u64::try_from(last).ok()) {
        file.end = if is_first { last + 1 } else { file.end.max(last + 1) };
    }
    let times = batch
        .column_by_name(TIME)
        .and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
    if let Some((Some(from), Some(to))) = times.map(|array| (min(array), max(array))) {
        let (from, to) = (from.div_euclid(1_000), to.div_euclid(1_000));
        file.times = Some(file.times.map_or((from, to), |(a, b)| (a.min(from), b.max(to))));
    }
}

/// Returns a batch with the columns of `schema`, by name; what is missing is null.
///
/// # Errors
/// Where a column cannot become what the schema says, which is a defect.
pub(crate) fn fitted(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Problem> {
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(array) if array.data_type() == field.data_type() => Ok(Arc::clone(array)),
        Some(array) => cast(array, field.data_type()).map_err(|error| failed(&error)),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, Problem>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| failed(&error))
}

/// Which part of a file is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Part<'a> {
    /// Columns by name; all where absent.
    pub(crate) columns: Option<&'a [&'a str]>,
    /// Rows that are passed over.
    pub(crate) skip: usize,
    /// How many rows at most.
    pub(crate) limit: Option<usize>,
}

/// Gives rows of a file, batch by batch, as they are in the file.
///
/// # Errors
/// Where the file cannot be read, or what `each` says.
pub(crate) fn read(
    blobs: &Arc<dyn Blobs>,
    folder: &str,
    file: &File,
    part: Part<'_>,
    each: &mut dyn FnMut(RecordBatch) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let blob = BlobFile {
        blobs: Arc::clone(blobs),
        name: format!("{folder}/{}", file.path),
        bytes: file.bytes,
    };
    let mut builder =
        ParquetRecordBatchReaderBuilder::try_new(blob).map_err(|error| failed(&error))?;
    if let Some(columns) = part.columns {
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder = builder.with_projection(mask);
    }
    if 0 < part.skip {
        builder = builder.with_offset(part.skip);
    }
    if let Some(limit) = part.limit {
        builder = builder.with_limit(limit);
    }
    let reader = builder.with_batch_size(BATCH_ROWS).build().map_err(|error| failed(&error))?;
    for batch in reader {
        each(batch.map_err(|error| failed(&error))?)?;
    }
    Ok(())
}

/// A blob as the Parquet reader takes it.
struct BlobFile {
    blobs: Arc<dyn Blobs>,
    name: String,
    bytes: u64,
}

impl Length for BlobFile {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for BlobFile {
    type T = BlobPart;

    fn get_read(&self, start: u64) -> parquet::errors::Result<BlobPart> {
        Ok(BlobPart {
            blobs: Arc::clone(&self.blobs),
            name: self.name.clone(),
            at: start,
            end: self.bytes,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let bytes = self.blobs.read(&self.name, start..start + length as u64);
        bytes.map(Bytes::from).map_err(|error| ParquetError::External(Box::new(error)))
    }
}

/// The rest of a blob.
struct BlobPart {
    blobs: Arc<dyn Blobs>,
    name: String,
    at: u64,
    end: u64,
}

impl io::Read for BlobPart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = self.end.min(self.at + buffer.len() as u64);
        let bytes = self.blobs.read(&self.name, self.at..end).map_err(io::Error::other)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.at = end;
        Ok(bytes.len())
    }
}

fn failed(error: &dyn std::fmt::Display) -> Problem {
    Error::Internal { detail: format!("a file of a table: {error}") }.into()
}

/// Returns what it means that rows could not be written: a full disk is no defect.
fn unwritten(error: &ParquetError) -> Problem {
    if is_disk_full(error) { store::Error::Full.into() } else { failed(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::Int64Array;

    /// A disk without room.
    struct Full;

    impl io::Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_seal_without_room_on_the_disk_says_so() {
        let field = Field::new("n", DataType::Int64, true);
        let schema: SchemaRef = Arc::new(ArrowSchema::new(vec![field]));
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![numbers]).expect("a batch");
        let mut file = File {
            number: 1,
            path: "1.parquet".into(),
            bytes: 0,
            rows: 0,
            start: 0,
            end: 0,
            times: None,
            at: 0,
        };
        let written = write_rows(&mut Full, &schema, &mut file, &mut |take| take(batch.clone()));
        let problem = written.expect_err("no room");
        assert_eq!(problem.code, "store.full");
    }
}
