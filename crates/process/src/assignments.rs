//! Who should hear of a task: an entry for each that came, and for each that was given to somebody. Whoever tells people (Web Push)
//! reads on from where he was; the newest are kept.

use crate::config::Config;
use crate::wire::{self, TaskRow, key};
use base::{Problem, Time};
use kernel::{Read, Tx};
use serde::{Deserialize, Serialize};

/// The topic that is notified when a task comes, changes hands, or ends.
pub const TOPIC: &str = "task";

/// That there is a task for somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// Its number, rising: where a reader goes on.
    pub number: u64,
    /// The task.
    pub task: String,
    /// What it is called.
    pub title: String,
    /// The process.
    pub process: String,
    /// The business key of its instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_key: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Where it is nobody's: roles whose members may take it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// When it should be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// When it came, or was given to him, business time.
    pub at: Time,
}

/// Returns the entries behind a number, oldest first, `limit` at most. The tasks may be over meanwhile.
///
/// # Errors
/// Where the store cannot be read.
pub fn since(read: &dyn Read, after: u64, limit: usize) -> Result<Vec<Assignment>, Problem> {
    let from = key::assignments().number(after.saturating_add(1));
    let end = base::prefix_end(key::assignments().as_ref());
    let found = read.scan(from.as_ref(), &end, limit, false)?;
    found.iter().map(|(_, bytes)| wire::read(bytes)).collect()
}

/// Returns the number of the last entry; 0 where there is none.
///
/// # Errors
/// Where the store cannot be read.
pub fn last(read: &dyn Read) -> Result<u64, Problem> {
    let prefix = key::assignments();
    let found = read.scan(prefix.as_ref(), &base::prefix_end(prefix.as_ref()), 1, true)?;
    Ok(found.first().and_then(|(found, _)| wire::last(found)).unwrap_or(0))
}

/// Writes an entry. What is nobody's in particular is told to nobody.
pub(crate) fn announce(
    tx: &mut Tx<'_>,
    config: &Config,
    row: &TaskRow,
    at: Time,
) -> Result<(), Problem> {
    if row.assignee.is_none() && row.candidates.is_empty() {
        return Ok(());
    }
    let number = tx.serial("assignments")?;
    let assignment = Assignment {
        number,
        task: row.task.clone(),
        title: row.title().to_owned(),
        process: row.process.clone(),
        business_key: row.business_key.clone(),
        assignee: row.assignee.clone(),
        candidates: row.candidates.iter().filter(|_| row.assignee.is_none()).cloned().collect(),
        due: row.due,
        at,
    };
    tx.put(key::assignments().number(number), wire::write(&assignment)?);
    if let Some(old) = number.checked_sub(config.assignments_kept_max) {
        tx.delete(key::assignments().number(old));
    }
    Ok(())
}
