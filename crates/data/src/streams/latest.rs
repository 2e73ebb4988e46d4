//! The newest row of each key: which offsets count, kept from query to query and carried forward.
//!
//! A table `NAME_latest` may have files of its own with the newest rows up to an offset. Only what came behind it is kept in memory:
//! the overlay. A row of the files counts where the overlay has not got its key.

use super::tail::SEGMENT_ROWS;
use crate::Error;
use crate::engine::Shared;
use crate::tables::file::{self, Part};
use crate::tables::scan::{Extent, place_from};
use crate::tables::state::File;
use base::Problem;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, SortField};
use kernel::Kernel;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// So many of the last rows can be taken back: a query that began a moment ago finds what was the newest then.
const BACK_ROWS: u64 = 50_000;

/// Which row of each key is the newest, of those from an offset to another.
#[derive(Debug, Default, Clone)]
struct Overlay {
    from: u64,
    upto: u64,
    offsets: HashMap<Box<[u8]>, u64>,
    /// What stood before each of the last rows: its offset, its key, and the offset that was the newest.
    before: VecDeque<(u64, Box<[u8]>, Option<u64>)>,
    /// The offset from which on rows can be taken back.
    back_from: u64,
}

/// Which row of each key is the newest at an offset.
#[derive(Debug)]
pub(crate) struct Newest {
    overlay: Arc<Overlay>,
    /// What is the newest of keys that have a row behind that offset.
    back: HashMap<Box<[u8]>, Option<u64>>,
}

impl Newest {
    /// Returns the offset of the newest row of a key, where there is one.
    pub(crate) fn offset(&self, key: &[u8]) -> Option<u64> {
        match self.back.get(key) {
            Some(before) => *before,
            None => self.overlay.offsets.get(key).copied(),
        }
    }

    /// Returns the offsets, ascending.
    pub(crate) fn offsets(&self) -> Vec<u64> {
        let known = self.overlay.offsets.iter();
        let known = known.filter(|(key, _)| self.back.is_empty() || !self.back.contains_key(*key));
        let mut offsets: Vec<u64> = known.map(|(_, offset)| *offset).collect();
        offsets.extend(self.back.values().flatten());
        offsets.sort_unstable();
        offsets
    }

    /// Returns whether no key has a row.
    pub(crate) fn is_empty(&self) -> bool {
        self.overlay.offsets.is_empty()
    }
}

/// Whose newest rows these are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Id {
    log: String,
    /// The key's columns.
    key: Vec<usize>,
    /// How often rows were taken out of the stream's files: the newest may have been among them.
    cut: u64,
    /// Where the overlay begins in the log.
    from: u64,
}

impl Id {
    /// Whether both are about the same keys of one log.
    fn is_of(&self, other: &Self) -> bool {
        self.log == other.log && self.key == other.key
    }

    /// Whether another is about the same keys, and of a later time.
    fn is_before(&self, other: &Self) -> bool {
        self.is_of(other) && (self.cut, self.from) < (other.cut, other.from)
    }
}

/// Remembers the newest rows of some streams.
pub(crate) struct Latest {
    held: Mutex<BTreeMap<Id, Arc<Overlay>>>,
    /// Who carries the rows of a log forward has its turn; the others wait and find it done.
    turns: Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
    keys_max: usize,
}

/// From where a query goes on.
enum Begun {
    /// What is held is enough.
    Known(Newest),
    /// Rows have come since.
    Behind(Arc<Overlay>),
    /// What is held is of a later time.
    Past,
}

/// Returns what makes a key of columns.
///
/// # Errors
/// `sql.internal` where a type cannot be one, which is a defect.
pub(crate) fn converter(types: Vec<DataType>) -> Result<RowConverter, Problem> {
    RowConverter::new(types.into_iter().map(SortField::new).collect()).map_err(|e| internal(&e))
}

impl Latest {
    pub(crate) fn new(keys_max: usize) -> Self {
        Self { held: Mutex::default(), turns: Mutex::default(), keys_max }
    }

    /// Returns the newest rows of an extent, of those from the offset `from` on.
    ///
    /// # Errors
    /// Where rows cannot be read.
    pub(crate) fn newest(
        &self,
        shared: &Shared,
        kernel: &Arc<Kernel>,
        extent: &Extent,
        from: u64,
    ) -> Result<Arc<Newest>, Problem> {
        let (log, key) = (extent.tail.log.clone(), extent.schema().key.clone());
        let id = Id { log, key, cut: extent.cut, from };
        let turn = self.turn(&id.log);
        let own = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut overlay = match self.begin(&id, extent.end()) {
            Begun::Known(newest) => return Ok(Arc::new(newest)),
            Begun::Behind(overlay) => overlay,
            Begun::Past => {
                // It counts for itself, and nobody waits for it.
                drop(own);
                let mut overlay = Overlay::new(from);
                advance(&mut overlay, shared, kernel, extent)?;
                return Ok(Arc::new(Newest::of(Arc::new(overlay))));
            }
        };
        // Copied only where another query still looks at it.
        advance(Arc::make_mut(&mut overlay), shared, kernel, extent)?;
        self.keep(id, &overlay);
        Ok(Arc::new(Newest::of(overlay)))
    }

    fn turn(&self, log: &str) -> Arc<Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(log.to_owned()).or_default())
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Looks for what is held of a log. What has to be carried forward is taken out.
    fn begin(&self, id: &Id, end: u64) -> Begun {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(overlay) = held.get(id) {
            if overlay.upto < end {
                return Begun::Behind(held.remove(id).unwrap_or_default());
            }
            if overlay.back_from <= end {
                let (back, overlay) = (overlay.back(end), Arc::clone(overlay));
                return Begun::Known(Newest { overlay, back });
            }
            return Begun::Past;
        }
        if held.keys().any(|other| id.is_before(other)) {
            return Begun::Past;
        }
        // The files hold more rows than before: what lies behind them is known already.
        let before = held.keys().rfind(|other| other.cut == id.cut && other.is_of(id)).cloned();
        let overlay = before.and_then(|before| held.remove(&before));
        match overlay.filter(|overlay| id.from <= overlay.upto && overlay.upto <= end) {
            Some(mut overlay) => {
                Arc::make_mut(&mut overlay).begin_at(id.from);
                Begun::Behind(overlay)
            }
            None => Begun::Behind(Arc::new(Overlay::new(id.from))),
        }
    }

    fn keep(&self, id: Id, overlay: &Arc<Overlay>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // What began earlier in the same log is of no use any more.
        held.retain(|other, _| !other.is_of(&id) || !other.is_before(&id));
        held.insert(id, Arc::clone(overlay));
        while self.keys_max < held.values().map(|overlay| overlay.offsets.len()).sum() {
            held.pop_first();
        }
    }
}

impl Newest {
    fn of(overlay: Arc<Overlay>) -> Self {
        Self { overlay, back: HashMap::new() }
    }
}

impl Overlay {
    fn new(from: u64) -> Self {
        Self { from, upto: from, back_from: from, ..Self::default() }
    }

    /// Leaves out rows before an offset.
    fn begin_at(&mut self, from: u64) {
        self.from = from;
        self.back_from = self.back_from.max(from);
        self.offsets.retain(|_, offset| from <= *offset);
    }

    /// Takes note of a row; `end` is where the rows end that are being added.
    fn add(&mut self, key: &[u8], offset: u64, end: u64) {
        let before = match self.offsets.get_mut(key) {
            Some(known) => Some(std::mem::replace(known, offset)),
            None => self.offsets.insert(key.into(), offset),
        };
        if end <= offset.saturating_add(BACK_ROWS) {
            self.before.push_back((offset, key.into(), before));
        }
    }

    /// Forgets how rows are taken back that are too far away.
    fn forget(&mut self) {
        let from = self.upto.saturating_sub(BACK_ROWS).max(self.from);
        self.back_from = self.back_from.max(from);
        while self.before.front().is_some_and(|(offset, ..)| *offset < self.back_from) {
            self.before.pop_front();
        }
    }

    /// Returns what was the newest of the keys that have a row from an offset on.
    fn back(&self, end: u64) -> HashMap<Box<[u8]>, Option<u64>> {
        let later = self.before.iter().rev().take_while(|(offset, ..)| end <= *offset);
        // The earliest of them counts: it comes last.
        let known = |before: Option<u64>| before.filter(|before| self.from <= *before);
        later.map(|(_, key, before)| (key.clone(), known(*before))).collect()
    }
}

fn advance(
    newest: &mut Overlay,
    shared: &Shared,
    kernel: &Arc<Kernel>,
    extent: &Extent,
) -> Result<(), Problem> {
    let schema = extent.schema();
    let columns = schema.key.iter().map(|key| &schema.stored.list[*key]);
    let names: Vec<&str> = columns.clone().map(|column| column.name.as_str()).collect();
    let types: Vec<DataType> = columns.map(|column| column.data_type()).collect();
    let converter = converter(types.clone())?;
    let sealed = extent.tail.base;
    let from = newest.upto;
    let wanted = |file: &&File| from < sealed && from < file.end;
    for file in extent.files.iter().filter(wanted) {
        let skip = place_from(shared, &extent.folder, file, from)?;
        let mut wanted = names.clone();
        wanted.push(super::schema::OFFSET);
        let part = Part {
            columns: Some(&wanted),
            skip: usize::try_from(skip).unwrap_or(usize::MAX),
            limit: None,
        };
        file::read(&shared.blobs, &extent.folder, file, part, &mut |batch| {
            add_sealed(newest, &converter, &batch, (&names, &types), extent.end())
        })?;
    }
    newest.upto = newest.upto.max(sealed);
    add_tail(newest, shared, kernel, extent, &converter)?;
    newest.forget();
    Ok(())
}

fn add_sealed(
    newest: &mut Overlay,
    converter: &RowConverter,
    batch: &RecordBatch,
    (names, types): (&[&str], &[DataType]),
    end: u64,
) -> Result<(), Problem> {
    use datafusion::arrow::array::cast::AsArray;
    use datafusion::arrow::array::types::Int64Type;
    let missing = || internal(&"a file has no column of the key");
    let columns = names.iter().zip(types).map(|(name, wanted)| {
        cast(batch.column_by_name(name).ok_or_else(missing)?, wanted).map_err(|e| internal(&e))
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, Problem>>()?;
    let rows = converter.convert_columns(&columns).map_err(|e| internal(&e))?;
    let offsets = batch.column_by_name(super::schema::OFFSET).ok_or_else(missing)?;
    for (offset, row) in offsets.as_primitive::<Int64Type>().values().iter().zip(rows.iter()) {
        let offset = u64::try_from(*offset).unwrap_or(u64::MAX);
        if offset < end {
            newest.add(row.as_ref(), offset, end);
        }
    }
    Ok(())
}

fn add_tail(
    newest: &mut Overlay,
    shared: &Shared,
    kernel: &Arc<Kernel>,
    extent: &Extent,
    converter: &RowConverter,
) -> Result<(), Problem> {
    let range = &extent.tail;
    let first = (newest.upto - range.base) / SEGMENT_ROWS;
    for segment in first..range.segments() {
        let batch = shared.tail.batch(kernel, range, segment, &range.schema.key)?;
        let columns: Vec<ArrayRef> = batch.columns().to_vec();
        let rows = converter.convert_columns(&columns).map_err(|e| internal(&e))?;
        let start = range.start(segment);
        let skip = newest.upto.saturating_sub(start);
        for (offset, row) in
            (start..).zip(rows.iter()).skip(usize::try_from(skip).unwrap_or(usize::MAX))
        {
            newest.add(row.as_ref(), offset, range.end);
        }
        newest.upto = newest.upto.max(start + batch.num_rows() as u64);
    }
    Ok(())
}

fn internal(error: &dyn std::fmt::Display) -> Problem {
    Error::Internal { detail: error.to_string() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay() -> Overlay {
        let mut overlay = Overlay::new(10);
        for (offset, key) in (10..).zip(["a", "b", "a", "c", "a"]) {
            overlay.add(key.as_bytes(), offset, 15);
            overlay.upto = offset + 1;
        }
        overlay.forget();
        overlay
    }

    fn at(overlay: &Overlay, end: u64) -> Newest {
        Newest { back: overlay.back(end), overlay: Arc::new(overlay.clone()) }
    }

    #[test]
    fn what_was_the_newest_a_moment_ago_is_still_known() {
        let overlay = overlay();
        assert_eq!(at(&overlay, 15).offsets(), [11, 13, 14]);
        assert_eq!(at(&overlay, 14).offsets(), [11, 12, 13]);
        assert_eq!(at(&overlay, 12).offsets(), [10, 11]);
        assert_eq!(at(&overlay, 12).offset(b"a"), Some(10));
        assert_eq!(at(&overlay, 12).offset(b"c"), None);
        assert!(at(&overlay, 10).offsets().is_empty());
    }

    #[test]
    fn rows_that_files_hold_now_are_forgotten() {
        let mut overlay = overlay();
        overlay.begin_at(12);
        assert_eq!(at(&overlay, 15).offsets(), [13, 14]);
        assert_eq!(at(&overlay, 14).offsets(), [12, 13]);
        assert_eq!(at(&overlay, 12).offset(b"a"), None);
    }
}
