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
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Which row of each key is the newest, of those from an offset to another.
#[derive(Debug, Default, Clone)]
pub(crate) struct Newest {
    upto: u64,
    offsets: HashMap<Box<[u8]>, u64>,
}

impl Newest {
    /// Returns the offset of the newest row of a key, where there is one.
    pub(crate) fn offset(&self, key: &[u8]) -> Option<u64> {
        self.offsets.get(key).copied()
    }

    /// Returns the offsets, ascending.
    pub(crate) fn offsets(&self) -> Vec<u64> {
        let mut offsets: Vec<u64> = self.offsets.values().copied().collect();
        offsets.sort_unstable();
        offsets
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len()
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

/// Remembers the newest rows of some streams.
pub(crate) struct Latest {
    held: Mutex<BTreeMap<Id, Arc<Newest>>>,
    keys_max: usize,
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
        Self { held: Mutex::default(), keys_max }
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
        let mut newest = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            // A query over an older commit than the last one counts for itself.
            match held.get(&id) {
                Some(newest) if newest.upto == extent.end() => return Ok(Arc::clone(newest)),
                Some(newest) if newest.upto < extent.end() => held.remove(&id).unwrap_or_default(),
                _ => Arc::default(),
            }
        };
        // Copied only where another query still looks at it.
        let own = Arc::make_mut(&mut newest);
        own.upto = own.upto.max(from);
        advance(own, shared, kernel, extent)?;
        self.keep(id, &newest);
        Ok(newest)
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn keep(&self, id: Id, newest: &Arc<Newest>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(&id).is_none_or(|other| other.upto < newest.upto) {
            // What began earlier in the same log is of no use any more.
            let is_other = |other: &Id| other.log != id.log || other.key != id.key;
            held.retain(|other, _| is_other(other) || id.cut <= other.cut && id.from <= other.from);
            held.insert(id, Arc::clone(newest));
        }
        while self.keys_max < held.values().map(|newest| newest.len()).sum() {
            held.pop_first();
        }
    }
}

fn advance(
    newest: &mut Newest,
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
    add_tail(newest, shared, kernel, extent, &converter)
}

fn add_sealed(
    newest: &mut Newest,
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
            newest.add(row.as_ref(), offset);
        }
    }
    Ok(())
}

fn add_tail(
    newest: &mut Newest,
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
            newest.add(row.as_ref(), offset);
        }
        newest.upto = newest.upto.max(start + batch.num_rows() as u64);
    }
    Ok(())
}

impl Newest {
    fn add(&mut self, key: &[u8], offset: u64) {
        match self.offsets.get_mut(key) {
            Some(known) => *known = offset,
            None => {
                self.offsets.insert(key.into(), offset);
            }
        }
    }
}

fn internal(error: &dyn std::fmt::Display) -> Problem {
    Error::Internal { detail: error.to_string() }.into()
}
