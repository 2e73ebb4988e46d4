//! The history: what is over stays in the logs for as long as the configuration says.

use crate::engine::Processes;
use crate::past::{self, Noted};
use crate::wire::{self, LOG_DECISIONS, LOG_ELEMENTS, LOG_INSTANCES, LOG_TASKS, key};
use base::{Period, Problem, Time};
use kernel::{Age, Read, Tx};
use serde::Deserialize;
use std::cell::RefCell;

/// A row of the history, as far as it matters here.
#[derive(Clone, Deserialize)]
struct Over {
    #[serde(alias = "left_at", alias = "at")]
    ended_at: Option<Time>,
    /// Only instances say when they were started.
    started_at: Option<Time>,
    instance: u64,
    process: String,
    #[serde(default)]
    version: u64,
    #[serde(default)]
    state: String,
    business_key: Option<String>,
}

impl Over {
    /// Returns what is noted of it, where it is an instance.
    fn noted(&self) -> Option<Noted<'_>> {
        self.started_at.map(|_| Noted {
            instance: self.instance,
            process: &self.process,
            version: self.version,
            state: &self.state,
            business_key: self.business_key.as_deref(),
        })
    }
}

impl Processes {
    /// Drops what ended too long ago, with the keys that lead there.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn forget_history(&self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let Some(days) = self.config.history_days else { return Ok(()) };
        let now = tx.business();
        let since = Time(now.0.saturating_sub(Period::days(days.into()).0));
        let old = RefCell::new(Vec::new());
        // An instance ends in its own time, which one event can carry far ahead.
        let age = |row: &Over| match row.ended_at {
            Some(ended) if ended < since => {
                if row.started_at.is_some() {
                    old.borrow_mut().push(row.clone());
                }
                Age::Old
            }
            Some(ended) if ended <= now => Age::Young,
            _ => Age::Ahead,
        };
        let logs = [LOG_INSTANCES, LOG_ELEMENTS, LOG_TASKS, LOG_DECISIONS];
        let end = tx.log_end(LOG_INSTANCES)?;
        kernel::forget_old(tx, now, &key::history(), &logs, age)?;
        for row in old.into_inner() {
            if let Some(noted) = row.noted() {
                past::forget(tx, &noted);
            }
        }
        self.note_moved(tx, end)
    }

    /// Notes where rows are that were moved to the end of the log.
    fn note_moved(&self, tx: &mut Tx<'_>, from: u64) -> Result<(), Problem> {
        if tx.log_end(LOG_INSTANCES)? == from {
            return Ok(());
        }
        for chunk in tx.chunks(LOG_INSTANCES, from, usize::MAX)? {
            for (offset, line) in (chunk.offset..).zip(kernel::rows(&chunk.bytes)) {
                let row: Over = wire::read(line)?;
                if let Some(noted) = row.noted().filter(|_| from <= offset) {
                    past::note(tx, &noted, offset);
                }
            }
        }
        Ok(())
    }
}
