//! The rows of a stream as Arrow columns: read from its log, decoded once, kept in memory within a limit.
//!
//! A log is seen as segments of equal length. What was appended never changes, so a segment's columns stay right for ever
//! and only grow at the end: no snapshot is held while a query runs.

use super::chunk;
use super::decode::Decoder;
use super::schema::Schema;
use crate::Error;
use base::Problem;
use datafusion::arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::concat;
use kernel::{Kernel, Principal, Read, Reader};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::Chunk;

/// Rows of a segment.
pub(crate) const SEGMENT_ROWS: u64 = 16_384;

/// Bytes that are read from the store at once.
const PAGE_BYTES: usize = 1 << 20;
/// What a stored row is taken to be at first, in bytes.
const ROW_BYTES: usize = 256;

/// The rows from `base` to `end` that stand in the log of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    /// The log.
    pub(crate) log: String,
    /// Where they begin: what stood before is sealed, or belongs to a stream of this name that was removed.
    pub(crate) base: u64,
    /// The offset behind the last row.
    pub(crate) end: u64,
    /// How rows are read.
    pub(crate) schema: Arc<Schema>,
}

impl Range {
    /// Returns the number of segments.
    pub(crate) fn segments(&self) -> u64 {
        self.end.saturating_sub(self.base).div_ceil(SEGMENT_ROWS)
    }

    /// Returns the first offset of a segment.
    pub(crate) fn start(&self, segment: u64) -> u64 {
        self.base + segment * SEGMENT_ROWS
    }

    fn rows(&self, segment: u64) -> usize {
        let rows = self.end.saturating_sub(self.start(segment)).min(SEGMENT_ROWS);
        usize::try_from(rows).unwrap_or(0)
    }
}

type Id = (String, u64, u64);

#[derive(Default)]
struct Segment {
    columns: BTreeMap<String, ArrayRef>,
    bytes: usize,
    used: u64,
}

#[derive(Default)]
struct Held {
    segments: HashMap<Id, Segment>,
    bytes: usize,
    clock: u64,
}

/// Decoded columns, bounded in bytes; what was used longest ago goes first.
pub(crate) struct Tail {
    held: Mutex<Held>,
    bytes_max: usize,
}

impl Tail {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { held: Mutex::default(), bytes_max }
    }

    /// Returns columns of a segment; `columns` are numbers of columns as SQL sees them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn batch(
        &self,
        kernel: &Arc<Kernel>,
        range: &Range,
        segment: u64,
        columns: &[usize],
    ) -> Result<RecordBatch, Problem> {
        let rows = range.rows(segment);
        let offset_column = range.schema.offset_column();
        let stored: Vec<usize> =
            columns.iter().copied().filter(|column| *column != offset_column).collect();
        let mut arrays = self.stored(kernel, range, segment, rows, &stored)?.into_iter();
        let start = range.start(segment);
        let all = columns.iter().map(|column| {
            if *column != offset_column {
                return arrays.next().ok_or_else(|| internal("a column is missing"));
            }
            let offsets =
                (start..).take(rows).map(|offset| i64::try_from(offset).unwrap_or(i64::MAX));
            Ok(Arc::new(Int64Array::from_iter_values(offsets)) as ArrayRef)
        });
        let all = all.collect::<Result<Vec<_>, Problem>>()?;
        let schema =
            range.schema.arrow.project(columns).map_err(|error| internal(&error.to_string()))?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(schema), all, &options)
            .map_err(|error| internal(&error.to_string()))
    }

    fn stored(
        &self,
        kernel: &Arc<Kernel>,
        range: &Range,
        segment: u64,
        rows: usize,
        columns: &[usize],
    ) -> Result<Vec<ArrayRef>, Problem> {
        let id = (range.log.clone(), range.base, segment);
        let name = |column: usize| range.schema.stored.list[column].name.clone();
        let mut found: BTreeMap<usize, ArrayRef> = BTreeMap::new();
        {
            let mut held = self.held();
            held.clock += 1;
            let clock = held.clock;
            if let Some(held) = held.segments.get_mut(&id) {
                held.used = clock;
                let known = columns.iter().filter_map(|column| {
                    Some((*column, held.columns.get(&name(*column))?.clone()))
                });
                found.extend(known);
            }
        }
        // Columns that were decoded equally far go on together.
        let mut behind: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for column in columns {
            let have = found.get(column).map_or(0, |array| array.len());
            let waiting = behind.entry(have).or_default();
            if have < rows && !waiting.contains(column) {
                waiting.push(*column);
            }
        }
        for (have, wanted) in behind.into_iter().filter(|(_, wanted)| !wanted.is_empty()) {
            let from = range.start(segment) + have as u64;
            let decoded = decode(kernel, range, from, rows - have, &wanted)?;
            for (column, array) in wanted.into_iter().zip(decoded) {
                let whole = match found.get(&column) {
                    Some(before) => concat(&[before.as_ref(), array.as_ref()])
                        .map_err(|e| internal(&e.to_string()))?,
                    None => array,
                };
                self.keep(&id, name(column), &whole);
                found.insert(column, whole);
            }
        }
        columns
            .iter()
            .map(|column| {
                found
                    .get(column)
                    .map(|array| array.slice(0, rows))
                    .ok_or_else(|| internal("no column"))
            })
            .collect()
    }

    /// Returns how many bytes are kept.
    pub(crate) fn bytes(&self) -> u64 {
        self.held().bytes as u64
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let mut held = self.held();
        (held.segments, held.bytes) = (HashMap::new(), 0);
    }

    fn keep(&self, id: &Id, name: String, array: &ArrayRef) {
        let mut held = self.held();
        let used = held.clock;
        let segment = held.segments.entry(id.clone()).or_default();
        segment.used = used;
        // Another query may have gone further meanwhile.
        if segment.columns.get(&name).is_some_and(|known| array.len() <= known.len()) {
            return;
        }
        let bytes = array.get_array_memory_size();
        let before = segment
            .columns
            .insert(name, Arc::clone(array))
            .map_or(0, |old| old.get_array_memory_size());
        segment.bytes = segment.bytes + bytes - before;
        held.bytes = held.bytes + bytes - before;
        while self.bytes_max < held.bytes {
            let oldest = held
                .segments
                .iter()
                .min_by_key(|(_, segment)| segment.used)
                .map(|(id, _)| id.clone());
            let Some(gone) = oldest.and_then(|id| held.segments.remove(&id)) else { return };
            held.bytes -= gone.bytes;
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decodes `rows` rows from the offset `from` on.
fn decode(
    kernel: &Arc<Kernel>,
    range: &Range,
    from: u64,
    rows: usize,
    columns: &[usize],
) -> Result<Vec<ArrayRef>, Problem> {
    let mut parts: Vec<Vec<ArrayRef>> = Vec::new();
    // Rows that stand as lines one behind the other are decoded together.
    let mut decoder: Option<Decoder<'_>> = None;
    each_chunk(kernel, &range.log, from, rows, |chunk, skip, take| {
        if chunk.format == chunk::FORMAT_ARROW {
            parts.extend(decoder.take().map(Decoder::finish));
            parts.push(chunk::columns(chunk, &range.schema, columns, skip, take)?);
            return Ok(());
        }
        let decoder = decoder.get_or_insert_with(|| Decoder::new(&range.schema, columns));
        for line in kernel::rows(&chunk.bytes).skip(skip).take(take) {
            decoder.add(line)?;
        }
        Ok(())
    })?;
    parts.extend(decoder.map(Decoder::finish));
    if parts.len() == 1 {
        return Ok(parts.remove(0));
    }
    let joined = (0..columns.len()).map(|column| {
        let pieces: Vec<&dyn Array> = parts.iter().map(|part| part[column].as_ref()).collect();
        concat(&pieces).map_err(|error| internal(&error.to_string()))
    });
    joined.collect()
}

/// Gives the rows of a range, batch by batch, with all columns as SQL sees them.
///
/// # Errors
/// Where the store cannot be read, or what `each` says.
pub(crate) fn each_batch(
    kernel: &Arc<Kernel>,
    range: &Range,
    each: &mut dyn FnMut(RecordBatch) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let all: Vec<usize> = (0..range.schema.stored.list.len()).collect();
    let rows = usize::try_from(range.end.saturating_sub(range.base)).unwrap_or(usize::MAX);
    each_chunk(kernel, &range.log, range.base, rows, |chunk, skip, take| {
        let mut columns = if chunk.format == chunk::FORMAT_ARROW {
            chunk::columns(chunk, &range.schema, &all, skip, take)?
        } else {
            let mut decoder = Decoder::new(&range.schema, &all);
            for line in kernel::rows(&chunk.bytes).skip(skip).take(take) {
                decoder.add(line)?;
            }
            decoder.finish()
        };
        let start = i64::try_from(chunk.offset + skip as u64).unwrap_or(i64::MAX);
        let offsets = (start..).take(take);
        columns.push(Arc::new(Int64Array::from_iter_values(offsets)));
        let batch = RecordBatch::try_new(Arc::clone(&range.schema.arrow), columns);
        each(batch.map_err(|error| internal(&error.to_string()))?)
    })
}

/// Gives `rows` stored rows from the offset `from` on as lines, with their offsets.
///
/// # Errors
/// Where the store cannot be read, or what `each` says.
pub(crate) fn each_line(
    kernel: &Arc<Kernel>,
    log: &str,
    from: u64,
    rows: usize,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    each_chunk(kernel, log, from, rows, |chunk, skip, take| {
        let lines = kernel.lines(chunk)?;
        let offsets = chunk.offset + skip as u64..;
        for (offset, line) in offsets.zip(kernel::rows(&lines).skip(skip).take(take)) {
            each(offset, line)?;
        }
        Ok(())
    })
}

/// Gives the chunks that hold `rows` rows from the offset `from` on, with how many rows of each to pass over and to take.
///
/// # Errors
/// Where the store cannot be read, or what `each` says.
pub(crate) fn each_chunk(
    kernel: &Arc<Kernel>,
    log: &str,
    from: u64,
    rows: usize,
    mut each: impl FnMut(&Chunk, usize, usize) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let end = from + rows as u64;
    let mut next = from;
    // A few rows need not wait for a page of others.
    let mut bytes = rows.saturating_mul(ROW_BYTES).min(PAGE_BYTES);
    while next < end {
        // A snapshot for each page: the store can tidy up behind a slow query.
        let reader = Reader::new(kernel, Principal::Unit("data".into()))?;
        let chunks = reader.chunks(log, next, bytes)?;
        drop(reader);
        bytes = PAGE_BYTES;
        if chunks.first().is_none_or(|chunk| next < chunk.offset) {
            return Err(internal(&format!("log `{log}` does not hold offset {next}")));
        }
        for chunk in &chunks {
            if end <= next {
                break;
            }
            let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            let skip = size(next.saturating_sub(chunk.offset));
            let chunk_end = chunk.offset + u64::from(chunk.count);
            each(chunk, skip, size(chunk_end.min(end).saturating_sub(next)))?;
            next = next.max(chunk_end.min(end));
        }
    }
    Ok(())
}

fn internal(detail: &str) -> Problem {
    Error::Internal { detail: detail.into() }.into()
}
