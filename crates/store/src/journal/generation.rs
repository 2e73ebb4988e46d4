//! The time between two folds: tables that stand still, and the changes since.

use super::recent::{Range, Recent};
use crate::{Error, Pair, Snapshot, Store};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What is remembered of the tables of a generation, in bytes.
const MEMORY_BYTES_MAX: usize = 8 << 20;

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
    values: HashMap<Vec<u8>, Option<Vec<u8>>>,
    pages: HashMap<PageKey, Page>,
    /// The longest ranges of which all pairs are known, by far end and direction, with the near end.
    wholes: HashMap<(Vec<u8>, bool), (Vec<u8>, Page)>,
    ends: HashMap<String, u64>,
    bytes: usize,
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
        Self { below, recent: RwLock::new(recent), tables: Mutex::default() }
    }

    pub fn recent(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn recent_mut(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gets ready for the tables to change: whoever still looks keeps what they show now. To be called while no snapshot can
    /// be opened.
    pub fn end(&self) -> Result<(), Error> {
        let is_seen = self.recent().has_snapshots();
        let mut tables = self.tables();
        if is_seen {
            // A look: a snapshot that the store below has ended is had again, while that is possible.
            tables.look(&self.below, |below| below.log_end("").map(|_| ()))?;
        } else {
            // Nobody looks: the store below may shorten its own log.
            tables.snapshot = None;
        }
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
            return Ok(value.clone());
        }
        let value = tables.look(&self.below, |snapshot| snapshot.get(key))?;
        tables.remember(key.len() + value.as_ref().map_or(0, Vec::len));
        tables.values.insert(key.to_vec(), value.clone());
        Ok(value)
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

    /// Makes room for what is remembered next.
    fn remember(&mut self, bytes: usize) {
        self.bytes += bytes + 128;
        if MEMORY_BYTES_MAX < self.bytes {
            self.values.clear();
            self.pages.clear();
            self.wholes.clear();
            self.ends.clear();
            self.bytes = bytes;
        }
    }
}
