//! Relations whose rows come from elsewhere, a page at a time: no page is asked for before the one before was used.
//!
//! Whoever sends the pages is not trusted: a page is looked at before it is read, and must have the columns that were asked for.

use super::effort;
use super::problem::carry;
use crate::Error;
use crate::sql::run::Stop;
use base::Problem;
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::ipc::convert::fb_to_schema;
use datafusion::arrow::ipc::reader::StreamDecoder;
use datafusion::arrow::ipc::{MessageHeader, root_as_message};
use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::TryStreamExt;
use kernel::{Pages, Reader, Relation, Scan};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What begins every message of an Arrow IPC stream.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Rows of a batch that goes on to the query, at most.
const BATCH_ROWS: usize = 8_192;

/// A scan of a relation of pages.
#[derive(Clone)]
pub(crate) struct PagedPart {
    pub(crate) relation: Relation,
    pub(crate) reader: Option<Arc<Reader>>,
    pub(crate) scan: Scan,
    pub(crate) schema: SchemaRef,
}

impl std::fmt::Debug for PagedPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{} in pages", self.relation.schema, self.relation.name)
    }
}

impl PartitionStream for PagedPart {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let reading = Reading {
            part: self.clone(),
            pages: None,
            stop: context.session_config().get_extension::<Stop>(),
            held: MemoryConsumer::new("pages").register(context.memory_pool()),
        };
        // A page is waited for on a thread of its own; between two pages the scan holds none.
        let stream = futures::stream::try_unfold(reading, |reading| async move {
            effort::apart(move || reading.step()).await.map_err(carry)?
        });
        let stream = stream
            .map_ok(|batches| futures::stream::iter(batches.into_iter().flat_map(pieces).map(Ok)))
            .try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}

/// Cuts a batch into those of a usual size: what is made of it later takes memory by its rows, also where it has no columns.
fn pieces(batch: RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let rows = batch.num_rows();
    (0..rows).step_by(BATCH_ROWS).map(move |at| batch.slice(at, BATCH_ROWS.min(rows - at)))
}

/// How far a scan has come.
struct Reading {
    part: PagedPart,
    pages: Option<Box<dyn Pages>>,
    stop: Option<Arc<Stop>>,
    /// The page that is in use counts against the memory of the query.
    held: MemoryReservation,
}

impl Reading {
    /// Waits for the next page with rows in it, and reads it.
    fn step(mut self) -> Result<Option<(Vec<RecordBatch>, Self)>> {
        let mut pages = match self.pages.take() {
            Some(pages) => pages,
            None => self.open().map_err(carry)?,
        };
        loop {
            if self.stop.as_ref().is_some_and(|stop| stop.is_set()) {
                return Err(carry(Error::Cancelled));
            }
            let Some(page) = pages.next().map_err(carry)? else { return Ok(None) };
            let batches = batches_of(page.bytes, &self.part.schema)
                .map_err(|reason| carry(pages.unreadable(&reason)))?;
            let rows: u64 = batches.iter().map(|batch| batch.num_rows() as u64).sum();
            pages.took(rows).map_err(carry)?;
            self.held.try_resize(batches.iter().map(RecordBatch::get_array_memory_size).sum())?;
            if 0 < rows {
                self.pages = Some(pages);
                return Ok(Some((batches, self)));
            }
        }
    }

    fn open(&self) -> std::result::Result<Box<dyn Pages>, Problem> {
        let missing = |what: &str| internal(format!("a relation was scanned without {what}"));
        let reader = self.part.reader.as_ref().ok_or_else(|| missing("a reader"))?;
        let open = self.part.relation.pages.as_ref().ok_or_else(|| missing("pages"))?;
        open(reader, &self.part.scan)
    }
}

/// Reads a page: an Arrow IPC stream with these columns and no other.
///
/// # Errors
/// Why it is none.
fn batches_of(bytes: Vec<u8>, schema: &SchemaRef) -> std::result::Result<Vec<RecordBatch>, String> {
    let read = || -> std::result::Result<Vec<RecordBatch>, String> {
        check(&bytes, schema)?;
        let mut buffer = Buffer::from_vec(bytes);
        let (mut decoder, mut batches) = (StreamDecoder::new(), Vec::new());
        while let Some(batch) = decoder.decode(&mut buffer).map_err(text)? {
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = batch.columns().to_vec();
            let batch = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options);
            batches.push(batch.map_err(text)?);
        }
        decoder.finish().map_err(text)?;
        Ok(batches)
    };
    // The decoder panics where places within a message point out of it.
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("it is damaged".into()))
}

/// Looks at the messages of a stream before they are read: the schema first, then rows, none of them compressed. What is said of
/// the size of compressed data is believed by who reads it.
fn check(bytes: &[u8], schema: &SchemaRef) -> std::result::Result<(), String> {
    let (mut rest, mut is_first) = (bytes, true);
    loop {
        let (size, after) = size_of(rest).ok_or("it breaks off")?;
        if size == 0 {
            return if is_first || !after.is_empty() {
                Err("it ends wrongly".into())
            } else {
                Ok(())
            };
        }
        let (message, after) = after.split_at_checked(size).ok_or("it breaks off")?;
        let message = root_as_message(message).map_err(text)?;
        match message.header_type() {
            MessageHeader::Schema if is_first => {
                let header = message.header_as_schema().ok_or("it has no schema")?;
                let found = fb_to_schema(header);
                let is_alike = found.fields().len() == schema.fields().len()
                    && found.fields().iter().zip(schema.fields()).all(|(found, wanted)| {
                        found.name() == wanted.name() && found.data_type() == wanted.data_type()
                    });
                if !is_alike {
                    return Err("its columns are others than were asked for".into());
                }
            }
            MessageHeader::RecordBatch if !is_first => {
                let header = message.header_as_record_batch().ok_or("it has no rows")?;
                if header.compression().is_some() {
                    return Err("it is compressed".into());
                }
            }
            _ => return Err("it has parts that do not belong there".into()),
        }
        let length = usize::try_from(message.bodyLength()).map_err(text)?;
        rest = after.split_at_checked(length).ok_or("it breaks off")?.1;
        is_first = false;
    }
}

/// Reads the size of the next message; 0 ends the stream.
fn size_of(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    if *head != CONTINUATION {
        return None;
    }
    let (size, rest) = rest.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*size)).ok()?, rest))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn internal(detail: String) -> Problem {
    Error::Internal { detail }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Entropy, SeededEntropy};
    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::arrow::ipc::CompressionType;
    use datafusion::arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

    fn schema() -> SchemaRef {
        let fields =
            vec![Field::new("id", DataType::Utf8, true), Field::new("n", DataType::Int64, true)];
        Arc::new(Schema::new(fields))
    }

    fn batch() -> RecordBatch {
        let ids: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("ccc")]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        RecordBatch::try_new(schema(), vec![ids, numbers]).expect("a batch")
    }

    fn written(batches: &[RecordBatch], options: IpcWriteOptions) -> Vec<u8> {
        let schema = batches[0].schema();
        let mut writer =
            StreamWriter::try_new_with_options(Vec::new(), &schema, options).expect("a writer");
        batches.iter().for_each(|batch| writer.write(batch).expect("written"));
        writer.finish().expect("finished");
        writer.into_inner().expect("bytes")
    }

    #[test]
    fn a_page_is_read_as_it_was_written() {
        let bytes = written(&[batch(), batch().slice(1, 2)], IpcWriteOptions::default());
        let batches = batches_of(bytes, &schema()).expect("a page");
        assert_eq!(batches, [batch(), batch().slice(1, 2)]);
    }

    #[test]
    fn rows_without_columns_are_counted() {
        let none: SchemaRef = Arc::new(Schema::empty());
        let options = RecordBatchOptions::new().with_row_count(Some(5));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&none), Vec::new(), &options);
        let bytes = written(&[batch.expect("a batch")], IpcWriteOptions::default());
        let batches = batches_of(bytes, &none).expect("a page");
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 5);
    }

    #[test]
    fn large_batches_go_on_in_pieces() {
        let options = RecordBatchOptions::new().with_row_count(Some(20_000));
        let batch =
            RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options);
        let rows: Vec<usize> =
            pieces(batch.expect("a batch")).map(|batch| batch.num_rows()).collect();
        assert_eq!(rows, [8_192, 8_192, 3_616]);
    }

    #[test]
    fn other_columns_and_compressed_rows_are_refused() {
        let other = batch().project(&[1, 0]).expect("columns");
        let bytes = written(&[other], IpcWriteOptions::default());
        let reason = batches_of(bytes, &schema()).expect_err("other columns");
        assert!(reason.contains("columns"), "{reason}");
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::LZ4_FRAME))
            .expect("options");
        let reason = batches_of(written(&[batch()], options), &schema()).expect_err("compressed");
        assert_eq!(reason, "it is compressed");
    }

    #[test]
    fn damaged_pages_are_refused_and_do_no_harm() {
        let bytes = written(&[batch()], IpcWriteOptions::default());
        for length in 0..bytes.len() {
            assert!(batches_of(bytes[..length].to_vec(), &schema()).is_err(), "{length} bytes");
        }
        let entropy = SeededEntropy::new(1);
        let mut refused = 0;
        for _ in 0..2_000 {
            let mut damaged = bytes.clone();
            let place = usize::try_from(entropy.number()).expect("64 bits") % damaged.len();
            damaged[place] ^= 1 << (entropy.number() % 8);
            // What is not refused are other values in the same columns.
            match batches_of(damaged, &schema()) {
                Ok(batches) => assert!(batches.iter().all(|batch| batch.num_columns() == 2)),
                Err(_) => refused += 1,
            }
        }
        assert!(100 < refused, "{refused} of 2,000");
    }
}
