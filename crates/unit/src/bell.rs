//! Wakes threads that wait for something to happen in the unit.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Counts what happened, so that a thread can wait for the next happening without missing one.
#[derive(Default)]
pub(crate) struct Bell {
    count: Mutex<u64>,
    rung: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.rung.notify_all();
    }

    pub(crate) fn count(&self) -> u64 {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the count has passed `seen`, or the time is up.
    pub(crate) fn wait(&self, seen: u64, timeout: Duration) {
        let guard = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.rung.wait_timeout_while(guard, timeout, |count| *count <= seen));
    }
}
