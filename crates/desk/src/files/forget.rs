//! Letting go of files that are older than the configuration keeps them.

use super::state;
use crate::engine::Desk;
use base::{KeyReader, Period, Problem, Time};
use kernel::{Read, Tx};
use std::sync::atomic::Ordering;

/// How often it is looked.
const EVERY: Period = Period::seconds(3_600);

/// Files that are taken away in one turn.
const FILES_MAX: usize = 100;

impl Desk {
    /// Takes away files that are old, some of them in a turn. Whatever named them names nothing then.
    pub(crate) fn forget_files(&self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let Some(days) = self.config.files_days else { return Ok(()) };
        let now = tx.wall();
        // A hint: after a start it is looked at once.
        if now.0 < self.forget_next.load(Ordering::Relaxed) {
            return Ok(());
        }
        let before = now.plus(Period::days(-i64::from(days)));
        let old = old(tx, before)?;
        for name in &old {
            if let Some(record) = state::find(tx, name)? {
                state::remove(tx, name, &record)?;
            }
        }
        if old.len() < FILES_MAX {
            self.forget_next.store(now.plus(EVERY).0, Ordering::Relaxed);
        } else {
            tx.leave_more();
        }
        Ok(())
    }
}

/// Returns the names of files that were added before a time, the oldest first.
fn old(read: &dyn Read, before: Time) -> Result<Vec<String>, Problem> {
    let (from, to) = (state::ages().bytes(), state::ages().signed(before.0).bytes());
    let pairs = read.scan(&from, &to, FILES_MAX, false)?;
    let name = |key: &[u8]| -> Option<String> {
        let mut parts = KeyReader::new(key);
        parts.signed()?;
        parts.text()
    };
    Ok(pairs.iter().filter_map(|(key, _)| name(key)).collect())
}
