//! The newest row of each key: which offsets count, kept from query to query and carried forward.

use super::tail::{Range, SEGMENT_ROWS, Tail};
use crate::Error;
use base::Problem;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, SortField};
use kernel::Kernel;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Which row of each key is the newest, up to an offset.
#[derive(Default)]
struct Newest {
    upto: u64,
    offsets: HashMap<Box<[u8]>, u64>,
}

/// The log, where the stream begins in it, and the key's columns.
type Id = (String, u64, Vec<usize>);

/// Remembers the newest rows of some streams.
pub(crate) struct Latest {
    held: Mutex<BTreeMap<Id, Newest>>,
    keys_max: usize,
}

impl Latest {
    pub(crate) fn new(keys_max: usize) -> Self {
        Self { held: Mutex::default(), keys_max }
    }

    /// Returns the offsets of the newest rows in `range`, ascending.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn offsets(
        &self,
        kernel: &Arc<Kernel>,
        tail: &Tail,
        range: &Range,
    ) -> Result<Vec<u64>, Problem> {
        let id = (range.log.clone(), range.base, range.schema.key.clone());
        let mut newest = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            // A query over an older commit than the last one counts for itself.
            let is_usable = held.get(&id).is_some_and(|newest| newest.upto <= range.end);
            if is_usable { held.remove(&id).unwrap_or_default() } else { Newest::default() }
        };
        newest.upto = newest.upto.max(range.base);
        advance(&mut newest, kernel, tail, range)?;
        let mut offsets: Vec<u64> = newest.offsets.values().copied().collect();
        offsets.sort_unstable();
        self.keep(id, newest);
        Ok(offsets)
    }

    fn keep(&self, id: Id, newest: Newest) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(&id).is_none_or(|other| other.upto < newest.upto) {
            held.insert(id, newest);
        }
        while self.keys_max < held.values().map(|newest| newest.offsets.len()).sum() {
            held.pop_first();
        }
    }
}

fn advance(
    newest: &mut Newest,
    kernel: &Arc<Kernel>,
    tail: &Tail,
    range: &Range,
) -> Result<(), Problem> {
    let internal = |error: &dyn std::fmt::Display| {
        Problem::from(Error::Internal { detail: error.to_string() })
    };
    let types: Vec<DataType> =
        range.schema.key.iter().map(|key| range.schema.stored.list[*key].data_type()).collect();
    let converter = RowConverter::new(types.into_iter().map(SortField::new).collect())
        .map_err(|e| internal(&e))?;
    let first = (newest.upto - range.base) / SEGMENT_ROWS;
    for segment in first..range.segments() {
        let batch = tail.batch(kernel, range, segment, &range.schema.key)?;
        let columns: Vec<ArrayRef> = batch.columns().to_vec();
        let rows = converter.convert_columns(&columns).map_err(|e| internal(&e))?;
        let start = range.start(segment);
        let skip = newest.upto.saturating_sub(start);
        for (offset, row) in
            (start..).zip(rows.iter()).skip(usize::try_from(skip).unwrap_or(usize::MAX))
        {
            match newest.offsets.get_mut(row.as_ref()) {
                Some(known) => *known = offset,
                None => {
                    newest.offsets.insert(row.as_ref().into(), offset);
                }
            }
        }
        newest.upto = newest.upto.max(start + batch.num_rows() as u64);
    }
    Ok(())
}
