//! A snapshot: changes first, then tables.

use super::generation::{Generation, Page};
use super::recent::{Change, Range};
use super::{JOURNAL, Shared};
use crate::{Chunk, Error, Pair, Snapshot};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// Pairs that are looked up at a time through the snapshot of the tables that all share.
const SHARED_PAIRS_MAX: usize = 256;

/// A view of one commit.
pub(super) struct View {
    shared: Arc<Shared>,
    generation: Arc<Generation>,
    commit: u64,
    /// A snapshot of the tables for this view alone: long looks hold up nobody else.
    own: Mutex<Option<Box<dyn Snapshot>>>,
}

impl View {
    /// Returns a view of the last commit of the time that is now; the caller holds its lock.
    pub fn new(shared: &Arc<Shared>, current: &Arc<Generation>) -> Self {
        let commit = current.recent().open_snapshot();
        shared.views.fetch_add(1, Ordering::SeqCst);
        let (shared, generation) = (Arc::clone(shared), Arc::clone(current));
        Self { shared, generation, commit, own: Mutex::new(None) }
    }

    /// Takes a long look at the tables.
    fn look<T>(&self, look: impl Fn(&dyn Snapshot) -> Result<T, Error>) -> Result<T, Error> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if own.is_none() {
            // No fold begins while this lock is held.
            let _current = self.shared.current();
            if !self.generation.is_over() {
                *own = Some(self.shared.below.snapshot()?);
            }
        }
        match own.as_deref() {
            Some(snapshot) => look(snapshot),
            None => self.generation.look(look),
        }
    }

    fn page(&self, range: &Range, limit: usize) -> Result<Page, Error> {
        if limit <= SHARED_PAIRS_MAX {
            return self.generation.page(range, limit);
        }
        let pairs =
            self.look(|below| below.scan(&range.from, &range.to, limit, range.is_reverse))?;
        Ok(Page { is_all: pairs.len() < limit, pairs: Arc::new(pairs) })
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.generation.recent().close_snapshot(self.commit);
        self.shared.views.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Snapshot for View {
    fn commit(&self) -> u64 {
        self.commit
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        if let Some(value) = self.generation.recent().get(key, self.commit) {
            return Ok(value.cloned());
        }
        self.generation.value(key)
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        is_reverse: bool,
    ) -> Result<Vec<Pair>, Error> {
        let mut found = Vec::new();
        if to <= from || limit == 0 {
            return Ok(found);
        }
        let mut range = Range { from: from.to_vec(), to: to.to_vec(), is_reverse };
        // Most ranges are short. One that is not is read in steps that grow.
        let mut step = limit.min(SHARED_PAIRS_MAX);
        loop {
            let wanted = step.min(limit - found.len());
            let page = self.page(&range, wanted)?;
            let bound = page.pairs.last().filter(|_| !page.is_all).map(|(key, _)| key.clone());
            let (changes, cut) =
                self.generation.recent().page(&range, bound.as_deref(), wanted, self.commit);
            let is_cut = cut.is_some();
            let reached = cut.or(bound);
            merge(&mut found, limit, &range, (&page.pairs, changes), reached.as_deref());
            if limit <= found.len() {
                return Ok(found);
            }
            match reached {
                Some(key) if is_cut || !page.is_all => range.go_on_after(&key),
                _ => return Ok(found),
            }
            if range.to <= range.from {
                return Ok(found);
            }
            step = step.saturating_mul(16);
        }
    }

    fn chunks(&self, log: &str, offset: u64, bytes: usize) -> Result<Vec<Chunk>, Error> {
        let mut found = Vec::new();
        let folded = self.generation.log_end(log)?;
        if offset < folded {
            found = self.look(|below| below.chunks(log, offset, bytes))?;
        }
        let size: usize = found.iter().map(|chunk| chunk.bytes.len()).sum();
        // Where nothing is left of what was folded, it was trimmed.
        let reached = found.last().map_or(folded.max(offset), super::recent::end_of);
        if size <= bytes && folded <= reached {
            found.extend(self.generation.recent().chunks(log, reached, bytes - size, self.commit));
        }
        Ok(found)
    }

    fn log_end(&self, log: &str) -> Result<u64, Error> {
        let appended = self.generation.recent().log_end(log, self.commit);
        appended.map_or_else(|| self.generation.log_end(log), Ok)
    }

    fn logs(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let below = self.look(|below| below.logs(prefix))?;
        let recent = self.generation.recent();
        let names: BTreeSet<&String> = below
            .iter()
            .chain(recent.logs(self.commit))
            .filter(|name| name.starts_with(prefix))
            .collect();
        Ok(names.into_iter().filter(|name| *name != JOURNAL).cloned().collect())
    }
}

/// Adds pairs of the tables and changes to `found`, in the order of reading, no further than `reached`, until there are `limit`.
fn merge(
    found: &mut Vec<Pair>,
    limit: usize,
    range: &Range,
    (pairs, changes): (&[Pair], Vec<Change>),
    reached: Option<&[u8]>,
) {
    let is_in = |key: &[u8]| reached.is_none_or(|reached| range.is_upto(key, reached));
    let mut pairs = pairs.iter().filter(|(key, _)| is_in(key)).peekable();
    for (key, value) in changes.into_iter().filter(|(key, _)| is_in(key)) {
        while found.len() < limit
            && let Some(pair) =
                pairs.next_if(|(other, _)| *other != key && range.is_upto(other, &key))
        {
            found.push(pair.clone());
        }
        if limit <= found.len() {
            return;
        }
        pairs.next_if(|(other, _)| *other == key);
        found.extend(value.map(|value| (key, value)));
    }
    found.extend(pairs.take(limit.saturating_sub(found.len())).cloned());
}
