//! The history: what is over stays in the logs for as long as the configuration says.

use crate::engine::Processes;
use crate::wire::{LOG_ELEMENTS, LOG_INSTANCES, LOG_TASKS, key};
use base::{Period, Problem, Time};
use kernel::{Age, Read, Tx};
use serde::Deserialize;

/// A row of the history, as far as it matters here.
#[derive(Deserialize)]
struct Over {
    #[serde(alias = "left_at")]
    ended_at: Option<Time>,
}

impl Processes {
    /// Drops what ended too long ago.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn forget_history(&self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let Some(days) = self.config.history_days else { return Ok(()) };
        let now = tx.business();
        let since = Time(now.0.saturating_sub(Period::days(days.into()).0));
        // An instance ends in its own time, which one event can carry far ahead.
        let age = |row: &Over| match row.ended_at {
            Some(ended) if ended < since => Age::Old,
            Some(ended) if ended <= now => Age::Young,
            _ => Age::Ahead,
        };
        let logs = [LOG_INSTANCES, LOG_ELEMENTS, LOG_TASKS];
        kernel::forget_old(tx, now, &key::history(), &logs, age)
    }
}
