//! How much memory queries may hold: each by itself, and all together.

use datafusion::common::{Result, resources_datafusion_err};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory of one query, taken out of what all queries share.
#[derive(Debug)]
pub(crate) struct QueryPool {
    held: AtomicUsize,
    limit: usize,
    all: Arc<AtomicUsize>,
    all_limit: usize,
}

impl QueryPool {
    pub(crate) fn new(limit: usize, all: Arc<AtomicUsize>, all_limit: usize) -> Self {
        Self { held: AtomicUsize::new(0), limit, all, all_limit }
    }
}

impl std::fmt::Display for QueryPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "query({} of {})", self.reserved(), self.limit)
    }
}

impl MemoryPool for QueryPool {
    fn name(&self) -> &str {
        "query"
    }

    fn grow(&self, _reservation: &MemoryReservation, additional: usize) {
        self.held.fetch_add(additional, Ordering::Relaxed);
        self.all.fetch_add(additional, Ordering::Relaxed);
    }

    fn shrink(&self, _reservation: &MemoryReservation, shrink: usize) {
        self.held.fetch_sub(shrink, Ordering::Relaxed);
        self.all.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, _reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let add = |counter: &AtomicUsize, limit: usize| {
            counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                held.checked_add(additional).filter(|held| *held <= limit)
            })
        };
        let exhausted =
            |_| resources_datafusion_err!("{additional} bytes more than the query may hold");
        add(&self.held, self.limit).map_err(exhausted)?;
        if let Err(held) = add(&self.all, self.all_limit) {
            self.held.fetch_sub(additional, Ordering::Relaxed);
            return Err(exhausted(held));
        }
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}
