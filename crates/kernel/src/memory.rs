//! How much memory the unit may take, and who holds how much of it. What is large asks before it takes: queries and bodies. What
//! the process really holds is told by whoever looks (the unit), and counts as well.

use crate::Error;
use base::Problem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// So little is always given: whoever wants to see what is wrong, or to end it, can.
const SMALL_BYTES: u64 = 64 << 10;

/// What memory is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What queries hold while they run.
    Queries,
    /// Bodies that have come in and are not handled yet.
    Bodies,
}

impl Part {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queries => "queries",
            Self::Bodies => "bodies",
        }
    }
}

/// The memory of the unit.
#[derive(Debug, Default)]
pub struct Memory {
    /// Bytes at most; 0 for no limit.
    limit: AtomicU64,
    queries: AtomicU64,
    bodies: AtomicU64,
    /// What the process held when somebody looked, and what was asked for at that moment.
    resident: AtomicU64,
    asked_then: AtomicU64,
    refused: AtomicU64,
}

impl Memory {
    /// Returns memory with a limit, or without.
    pub fn new(limit: Option<u64>) -> Self {
        Self { limit: AtomicU64::new(limit.unwrap_or(0)), ..Self::default() }
    }

    /// Returns the limit in bytes, where there is one.
    pub fn limit(&self) -> Option<u64> {
        Some(self.limit.load(Ordering::Relaxed)).filter(|limit| *limit != 0)
    }

    /// Takes so many bytes for a part. What was taken is given back with [`Memory::give_back`]. Returns false where there is no
    /// room for them.
    pub fn take(&self, part: Part, bytes: u64) -> bool {
        if SMALL_BYTES < bytes
            && let Some(limit) = self.limit()
            && limit < self.held().saturating_add(bytes)
        {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        self.take_anyway(part, bytes);
        true
    }

    /// Counts bytes of a part that are taken in any case.
    pub fn take_anyway(&self, part: Part, bytes: u64) {
        self.counter(part).fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives bytes of a part back.
    pub fn give_back(&self, part: Part, bytes: u64) {
        self.counter(part).fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Takes bytes for a part until what is returned is dropped.
    ///
    /// # Errors
    /// `memory.exhausted`.
    pub fn reserve(self: &Arc<Self>, part: Part, bytes: u64) -> Result<Reserved, Problem> {
        if !self.take(part, bytes) {
            return Err(Error::Memory { what: part.as_str(), bytes }.into());
        }
        Ok(Reserved { memory: Arc::clone(self), part, bytes })
    }

    /// Takes note of how much the process holds now. Returns whether that is nearly all it may: caches should be let go.
    pub fn observe(&self, resident: u64) -> bool {
        self.resident.store(resident, Ordering::Relaxed);
        self.asked_then.store(self.asked(), Ordering::Relaxed);
        self.limit().is_some_and(|limit| limit / 10 * 9 < resident)
    }

    /// Returns how many bytes a part holds.
    pub fn of(&self, part: Part) -> u64 {
        self.counter(part).load(Ordering::Relaxed)
    }

    /// Returns what the process held when somebody looked.
    pub fn resident(&self) -> u64 {
        self.resident.load(Ordering::Relaxed)
    }

    /// Returns how often something was refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Returns what is held now: as much as was seen, and what was asked for since.
    fn held(&self) -> u64 {
        let since = self.asked().saturating_sub(self.asked_then.load(Ordering::Relaxed));
        self.resident().saturating_add(since).max(self.asked())
    }

    fn asked(&self) -> u64 {
        self.of(Part::Queries).saturating_add(self.of(Part::Bodies))
    }

    fn counter(&self, part: Part) -> &AtomicU64 {
        match part {
            Part::Queries => &self.queries,
            Part::Bodies => &self.bodies,
        }
    }
}

/// Memory that is held until this is dropped.
#[derive(Debug)]
pub struct Reserved {
    memory: Arc<Memory>,
    part: Part,
    bytes: u64,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.memory.give_back(self.part, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_within_the_limit_and_comes_back() {
        let memory = Arc::new(Memory::new(Some(10 << 20)));
        let query = memory.reserve(Part::Queries, 6 << 20).expect("there is room");
        let refused = memory.reserve(Part::Bodies, 5 << 20).expect_err("there is not");
        assert_eq!((refused.code.as_str(), refused.retry_ms), ("memory.exhausted", Some(1_000)));
        assert!(memory.take(Part::Bodies, 1_000), "a small one is always taken");
        drop(query);
        assert!(memory.reserve(Part::Bodies, 5 << 20).is_ok());
        assert_eq!((memory.of(Part::Queries), memory.of(Part::Bodies)), (0, 1_000));
        assert_eq!(memory.refused(), 1);
    }

    #[test]
    fn what_the_process_holds_counts_and_what_was_asked_for_is_not_counted_twice() {
        let memory = Memory::new(Some(100 << 20));
        assert!(memory.take(Part::Queries, 30 << 20));
        assert!(!memory.observe(80 << 20), "80 of 100, with those 30 in it");
        assert!(memory.take(Part::Queries, 15 << 20));
        assert!(!memory.take(Part::Queries, 15 << 20));
        assert!(memory.observe(95 << 20), "caches should go");
        assert!(!memory.observe(20 << 20));
        assert!(memory.take(Part::Queries, 40 << 20), "it holds less than was asked for");
    }

    #[test]
    fn without_a_limit_nothing_is_refused() {
        let memory = Memory::new(None);
        assert!(!memory.observe(u64::MAX / 2));
        assert!(memory.take(Part::Bodies, 1 << 40));
    }
}
