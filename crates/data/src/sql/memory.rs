//! How much memory queries may hold: each by itself, all together, and within the memory of the unit.

use datafusion::common::{Result, resources_datafusion_err};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use kernel::{Memory, Part};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory of one query, taken out of what all queries share.
#[derive(Debug)]
pub(crate) struct QueryPool {
    held: AtomicUsize,
    limit: AtomicUsize,
    all: Arc<AtomicUsize>,
    all_limit: usize,
    /// The memory of the unit, where the query is of somebody who asked.
    unit: Option<Arc<Memory>>,
}

impl QueryPool {
    pub(crate) fn new(limit: usize, all: Arc<AtomicUsize>, all_limit: usize) -> Self {
        let (held, limit) = (AtomicUsize::new(0), AtomicUsize::new(limit));
        Self { held, limit, all, all_limit, unit: None }
    }

    /// Returns this pool as a part of the memory of the unit.
    #[must_use]
    pub(crate) fn of_unit(mut self, memory: Arc<Memory>) -> Self {
        self.unit = Some(memory);
        self
    }

    /// Lowers the limit of a query that runs. What it holds already it keeps, and gets no more.
    pub(crate) fn lower(&self, limit: usize) {
        self.limit.fetch_min(limit, Ordering::Relaxed);
    }
}

impl std::fmt::Display for QueryPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "query({} of {})", self.reserved(), self.limit.load(Ordering::Relaxed))
    }
}

impl MemoryPool for QueryPool {
    fn name(&self) -> &str {
        "query"
    }

    fn grow(&self, _reservation: &MemoryReservation, additional: usize) {
        self.held.fetch_add(additional, Ordering::Relaxed);
        self.all.fetch_add(additional, Ordering::Relaxed);
        if let Some(unit) = &self.unit {
            unit.take_anyway(Part::Queries, additional as u64);
        }
    }

    fn shrink(&self, _reservation: &MemoryReservation, shrink: usize) {
        self.held.fetch_sub(shrink, Ordering::Relaxed);
        self.all.fetch_sub(shrink, Ordering::Relaxed);
        if let Some(unit) = &self.unit {
            unit.give_back(Part::Queries, shrink as u64);
        }
    }

    fn try_grow(&self, _reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let add = |counter: &AtomicUsize, limit: usize| {
            counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                held.checked_add(additional).filter(|held| *held <= limit)
            })
        };
        let exhausted =
            |_| resources_datafusion_err!("{additional} bytes more than the query may hold");
        add(&self.held, self.limit.load(Ordering::Relaxed)).map_err(exhausted)?;
        if let Err(held) = add(&self.all, self.all_limit) {
            self.held.fetch_sub(additional, Ordering::Relaxed);
            return Err(exhausted(held));
        }
        let has_room =
            self.unit.as_ref().is_none_or(|unit| unit.take(Part::Queries, additional as u64));
        if !has_room {
            let held = self.held.fetch_sub(additional, Ordering::Relaxed);
            self.all.fetch_sub(additional, Ordering::Relaxed);
            return Err(exhausted(held));
        }
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::execution::memory_pool::MemoryConsumer;

    #[test]
    fn a_query_stays_within_its_own_memory_that_of_all_and_that_of_the_unit() {
        let (all, unit) = (Arc::new(AtomicUsize::new(0)), Arc::new(Memory::new(Some(3 << 20))));
        let pool = |limit: usize| -> Arc<dyn MemoryPool> {
            let pool = QueryPool::new(limit, Arc::clone(&all), 8 << 20);
            Arc::new(pool.of_unit(Arc::clone(&unit)))
        };
        let (small, large) = (pool(1 << 20), pool(100 << 20));
        let one = MemoryConsumer::new("one").register(&small);
        let two = MemoryConsumer::new("two").register(&large);
        assert!(one.try_grow(2 << 20).is_err(), "its own limit");
        assert!(one.try_grow(1 << 20).is_ok());
        assert!(two.try_grow(9 << 20).is_err(), "the limit of all");
        assert!(two.try_grow(3 << 20).is_err(), "the memory of the unit");
        assert_eq!((all.load(Ordering::Relaxed), unit.of(Part::Queries)), (1 << 20, 1 << 20));
        assert!(two.try_grow(2 << 20).is_ok());
        drop((one, two));
        assert_eq!((all.load(Ordering::Relaxed), unit.of(Part::Queries)), (0, 0));
    }

    #[test]
    fn a_query_that_is_limited_while_it_runs_gets_no_more() {
        let pool = Arc::new(QueryPool::new(10 << 20, Arc::default(), 10 << 20));
        let shared: Arc<dyn MemoryPool> = Arc::clone(&pool) as Arc<dyn MemoryPool>;
        let held = MemoryConsumer::new("one").register(&shared);
        assert!(held.try_grow(4 << 20).is_ok());
        pool.lower(2 << 20);
        assert!(held.try_grow(1).is_err());
        assert_eq!(pool.reserved(), 4 << 20);
    }
}
