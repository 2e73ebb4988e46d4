//! The rows of a stream as Arrow columns: read from its log, decoded once, kept in memory within a limit.
//!
//! A log is seen as segments of equal length. What was appended never changes, so a segment's columns stay right for ever
//! and only grow at the end: no snapshot is held while a query runs.

use super::decode::Decoder;
use super::schema::Schema;
use crate::Error;
use base::Problem;
use datafusion::arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::concat;
use kernel::{Kernel, Principal, Read, Reader};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Rows of a segment.
pub(crate) const SEGMENT_ROWS: u64 = 16_384;

/// Bytes that are read from the store at once.
const PAGE_BYTES: usize = 1 << 20;

/// The rows of a stream from `base` to `end`.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    /// The log.
    pub(crate) log: String,
    /// Where the stream begins: what stood before belongs to a stream of this name that was removed.
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
    let mut decoder = Decoder::new(&range.schema, columns);
    each_line(kernel, &range.log, from, rows, |_, line| Ok(decoder.add(line)?))?;
    Ok(decoder.finish())
}

/// Gives `rows` stored rows from the offset `from` on, with their offsets.
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
    let end = from + rows as u64;
    let mut next = from;
    while next < end {
        // A snapshot for each page: the store can tidy up behind a slow query.
        let reader = Reader::new(kernel, Principal::Unit("data".into()))?;
        let chunks = reader.chunks(log, next, PAGE_BYTES)?;
        drop(reader);
        if chunks.is_empty() {
            return Err(internal(&format!("log `{log}` ends before offset {end}")));
        }
        for chunk in chunks {
            let skip = usize::try_from(next.saturating_sub(chunk.offset)).unwrap_or(usize::MAX);
            for line in kernel::rows(&chunk.bytes).skip(skip) {
                if end <= next {
                    return Ok(());
                }
                each(next, line)?;
                next += 1;
            }
        }
    }
    Ok(())
}

fn internal(detail: &str) -> Problem {
    Error::Internal { detail: detail.into() }.into()
}
