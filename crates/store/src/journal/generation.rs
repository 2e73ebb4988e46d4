//! The time between two folds: tables that stand still, and the changes since.

use super::recent::{Change, Range, Recent};
use crate::{Error, Pair, Snapshot, Store};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What is remembered of the tables of a generation, in bytes.
const MEMORY_BYTES_MAX: usize = 8 << 20;

/// The same where a look takes a round trip: there, also what was written is remembered.
const MEMORY_BYTES_MAX_REMOTE: usize = 32 << 20;

/// What an entry takes beside its own bytes, about.
const OVERHEAD: usize = 128;

/// A key behind all others: they begin with the number of a partition.
static LAST_KEY: [u8; 32] = [0xff; 32];

/// Pairs of a page that is remembered.
const PAGE_PAIRS_MAX: usize = 256;

/// Pairs that are looked up at least: the next look may have to go on behind what was deleted meanwhile.
const PAGE_PAIRS_MIN: usize = 32;

/// A range of the tables.
type PageKey = (Vec<u8>, Vec<u8>, bool);

/// A look at the tables below, and what was seen. They stand still, so that what was seen once holds.
#[derive(Default)]
struct Tables {
    snapshot: Option<Box<dyn Snapshot>>,
    /// True once the next generation has begun: what `snapshot` shows cannot be had again.
    is_over: bool,
    values: HashMap<Vec<u8>, Vec<u8>>,
    /// Where there are no keys: from which on, by the first key behind. Keys often rise, so that one gap tells of many.
    gaps: BTreeMap<Vec<u8>, Vec<u8>>,
    pages: HashMap<PageKey, Page>,
    /// The longest ranges of which all pairs are known, by far end and direction, with the near end.
    wholes: HashMap<(Vec<u8>, bool), (Vec<u8>, Page)>,
    ends: HashMap<String, u64>,
    bytes: usize,
    bytes_max: usize,
}

/// Pairs of the tables, in the order of reading.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub pairs: Arc<Vec<Pair>>,
    /// True where there are no more in the range.
    pub is_all: bool,
}

impl Page {
    /// Returns what this page, that holds all of a range with the same far end, says of a shorter one.
    fn part(&self, range: &Range, begins: &[u8]) -> Option<Self> {
        let (near, _) = range.ends();
        if !range.is_upto(begins, near) {
            return None;
        }
        if self.pairs.is_empty() {
            return Some(self.clone());
        }
        let is_in = |key: &[u8]| if range.is_reverse { key < near } else { near <= key };
        let pairs = self.pairs.iter().filter(|(key, _)| is_in(key)).cloned().collect();
        Some(Self { pairs: Arc::new(pairs), is_all: true })
    }
}

/// The time between two folds.
pub(super) struct Generation {
    below: Arc<dyn Store>,
    recent: RwLock<Recent>,
    tables: Mutex<Tables>,
}

impl Generation {
    pub fn new(below: Arc<dyn Store>, recent: Recent) -> Self {
        let bytes_max = if below.is_remote() { MEMORY_BYTES_MAX_REMOTE } else { MEMORY_BYTES_MAX };
        let tables = Mutex::new(Tables { bytes_max, ..Tables::default() });
        Self { below, recent: RwLock::new(recent), tables }
    }

    /// Returns the time after a fold that ended with a commit and made these changes.
    pub fn after(&self, commit: u64, changes: Vec<Change>) -> Self {
        let next = Self::new(Arc::clone(&self.below), Recent::new(commit));
        if self.below.is_remote() {
            // Who still looks at the time before finds its tables again.
            let values = std::mem::take(&mut self.tables().values);
            next.tables().adopt(values, changes);
        }
        next
    }

    pub fn recent(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn recent_mut(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gets ready for the tables to change: whoever looks from now on, until the next time begins, sees what they show now. To be called
    /// while no snapshot of the tables can be opened.
    pub fn end(&self) -> Result<(), Error> {
        let mut tables = self.tables();
        // A look: a snapshot that the store below has ended is had again, while that is possible.
        tables.look(&self.below, |below| below.log_end("").map(|_| ()))?;
        tables.is_over = true;
        Ok(())
    }

    /// Takes [`Generation::end`] back, where the tables did not change.
    pub fn go_on(&self) {
        self.tables().is_over = false;
    }

    /// Lets go of the snapshot that all share; who looks next gets another one of the same tables.
    pub fn let_go(&self) {
        let mut tables = self.tables();
        if !tables.is_over {
            tables.snapshot = None;
        }
    }

    /// Returns whether the tables are no longer those of this time, or may not be.
    pub fn is_over(&self) -> bool {
        self.tables().is_over
    }

    pub fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let mut tables = self.tables();
        if let Some(value) = tables.values.get(key) {
            return Ok(Some(value.clone()));
        }
        if tables.gap_end(key).is_some() {
            return Ok(None);
        }
        if LAST_KEY.as_slice() <= key {
            return tables.look(&self.below, |snapshot| snapshot.get(key));
        }
        let next = tables.first(&self.below, key)?;
        Ok(next.filter(|(found, _)| found == key).map(|(_, value)| value))
    }

    /// Returns the first pairs of a range: `limit`, or some more, or all.
    pub fn page(&self, range: &Range, limit: usize) -> Result<Page, Error> {
        let mut tables = self.tables();
        let key = (range.from.clone(), range.to.clone(), range.is_reverse);
        if let Some(page) = tables.pages.get(&key)
            && (page.is_all || limit <= page.pairs.len())
        {
            return Ok(page.clone());
        }
        // What is due lies between a beginning and a moment that rises: nothing is, until the first key behind the beginning.
        if !range.is_reverse && range.to.starts_with(&range.from) {
            tables.first(&self.below, &range.from)?;
        }
        if tables.gap_end(&range.from).is_some_and(|end| range.to.as_slice() <= end) {
            return Ok(Page { is_all: true, pairs: Arc::default() });
        }
        let (near, far) = range.ends();
        let whole = (far.to_vec(), range.is_reverse);
        if let Some((begins, page)) = tables.wholes.get(&whole)
            && let Some(page) = page.part(range, begins)
        {
            return Ok(page);
        }
        let limit = limit.max(PAGE_PAIRS_MIN);
        let pairs = tables.look(&self.below, |below| {
            below.scan(&range.from, &range.to, limit, range.is_reverse)
        })?;
        let page = Page { is_all: pairs.len() < limit, pairs: Arc::new(pairs) };
        if page.pairs.len() <= PAGE_PAIRS_MAX {
            let size = |(key, value): &Pair| key.len() + value.len();
            tables.remember(
                page.pairs.iter().map(size).sum::<usize>() + 2 * (near.len() + far.len()),
            );
            if page.is_all {
                tables.wholes.insert(whole, (near.to_vec(), page.clone()));
            }
            tables.pages.insert(key, page.clone());
        }
        Ok(page)
    }

    pub fn log_end(&self, log: &str) -> Result<u64, Error> {
        let mut tables = self.tables();
        if let Some(end) = tables.ends.get(log) {
            return Ok(*end);
        }
        let end = tables.look(&self.below, |below| below.log_end(log))?;
        tables.remember(log.len());
        tables.ends.insert(log.to_owned(), end);
        Ok(end)
    }

    /// Looks at the tables through the snapshot that all share.
    pub fn look<T>(&self, look: impl Fn(&dyn Snapshot) -> Result<T, Error>) -> Result<T, Error> {
        self.tables().look(&self.below, look)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn look<T>(
        &mut self,
        below: &Arc<dyn Store>,
        look: impl Fn(&dyn Snapshot) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let held = match self.snapshot.take() {
            Some(snapshot) => snapshot,
            None => below.snapshot()?,
        };
        match look(self.snapshot.insert(held).as_ref()) {
            // The store below ended the snapshot so that its own log could shrink. The tables are still the same.
            Err(Error::Unavailable { .. }) if !self.is_over => {
                let fresh = below.snapshot()?;
                look(self.snapshot.insert(fresh).as_ref())
            }
            result => result,
        }
    }

    /// Returns the first pair from a key on; nothing where there is none, or it is known that none is at the key itself.
    fn first(&mut self, below: &Arc<dyn Store>, key: &[u8]) -> Result<Option<Pair>, Error> {
        if self.values.contains_key(key) || self.gap_end(key).is_some() {
            return Ok(None);
        }
        let pairs = self.look(below, |below| below.scan(key, &LAST_KEY, 1, false))?;
        let first = pairs.into_iter().next();
        let end = first.as_ref().map_or(LAST_KEY.as_slice(), |(found, _)| found.as_slice());
        let size = |(key, value): &Pair| key.len() + value.len();
        self.remember(key.len() + first.as_ref().map_or(0, size));
        if key < end {
            // A gap that ends there has begun behind the key, or the key would lie in it.
            self.gaps.insert(end.to_vec(), key.to_vec());
        }
        if let Some((found, value)) = &first {
            self.values.insert(found.clone(), value.clone());
        }
        Ok(first)
    }

    /// Returns the end of the gap that a key lies in; nothing where none is known.
    fn gap_end(&self, key: &[u8]) -> Option<&[u8]> {
        let behind = self.gaps.range::<[u8], _>((Bound::Excluded(key), Bound::Unbounded)).next();
        behind.filter(|(_, from)| from.as_slice() <= key).map(|(end, _)| end.as_slice())
    }

    /// Remembers values of the time before, and what a fold changed of them.
    fn adopt(&mut self, values: HashMap<Vec<u8>, Vec<u8>>, changes: Vec<Change>) {
        self.values = values;
        for (key, value) in changes {
            match value {
                Some(value) => self.values.insert(key, value),
                None => self.values.remove(&key),
            };
        }
        let sizes = self.values.iter().map(|(key, value)| key.len() + value.len() + OVERHEAD);
        self.bytes = sizes.sum();
        self.remember(0);
    }

    /// Makes room for what is remembered next.
    fn remember(&mut self, bytes: usize) {
        self.bytes += bytes + OVERHEAD;
        if self.bytes_max < self.bytes {
            self.values.clear();
            self.gaps.clear();
            self.pages.clear();
            self.wholes.clear();
            self.ends.clear();
            self.bytes = bytes;
        }
    }
}
