//! Tasks that are over: by name, for as long as the history is kept, so that who comes late with his own answer sees whose counted.

use crate::engine::Processes;
use crate::error::Error;
use crate::instance::Variables;
use crate::wire::{self, TaskRow, key};
use base::{Period, Problem, Time};
use kernel::{Found, Read, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Tasks that are forgotten in one turn.
const FORGOTTEN_MAX: usize = 200;

/// A task that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// What it was.
    #[serde(flatten)]
    pub row: TaskRow,
    /// What who completed it gave; absent where that was much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Variables>,
}

impl Ended {
    /// Returns it as `task.get` shows it.
    pub(crate) fn shown(&self) -> Value {
        let row = &self.row;
        let mut shown = json!(row);
        shown["title"] = json!(row.title());
        shown["ended"] = json!({"by": row.completed_by, "at": row.ended_at});
        if let Some(done_at) = row.done_at {
            shown["ended"]["done_at"] = json!(done_at);
        }
        if let Some(given) = &self.given {
            shown["ended"]["variables"] = json!(given);
        }
        shown
    }

    /// Returns what policies see of it: who could have done it sees what became of it.
    pub(crate) fn found(self) -> Found {
        let TaskRow { process, state, assignee, completed_by, candidates, .. } = self.row;
        let mut attributes = BTreeMap::from([("process", process), ("state", state)]);
        attributes.extend(assignee.or(completed_by).map(|whose| ("assignee", whose)));
        Found { attributes, candidates }
    }

    /// Returns why nothing can be done to it any more.
    pub(crate) fn refused(self) -> Error {
        let TaskRow { task, state, completed_by, .. } = self.row;
        Error::Ended { task, state, by: completed_by }
    }
}

impl Processes {
    /// Returns a task that is over.
    pub(crate) fn ended_task(&self, read: &dyn Read, name: &str) -> Result<Option<Ended>, Problem> {
        let Some((number, element)) = wire::parse_name(name) else { return Ok(None) };
        read.get(key::ended(number, element).as_ref())?.map(|bytes| wire::read(&bytes)).transpose()
    }

    /// Keeps a task that has ended.
    pub(crate) fn keep_ended(
        &self,
        tx: &mut Tx<'_>,
        row: &TaskRow,
        given: Option<Variables>,
    ) -> Result<(), Problem> {
        let (Some((number, element)), Some(at)) = (wire::parse_name(&row.task), row.ended_at)
        else {
            return Ok(());
        };
        let ended = Ended { row: row.clone(), given };
        tx.put(key::ended(number, element), wire::write(&ended)?);
        tx.put(key::ended_by_time().signed(at.0).number(number).number(element.into()), Vec::new());
        Ok(())
    }

    /// Forgets some of the tasks that ended before the history that is kept. Returns how many.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn forget_ended(&self, tx: &mut Tx<'_>) -> Result<usize, Problem> {
        let Some(days) = self.config.history_days else { return Ok(0) };
        let since = Time(tx.business().0.saturating_sub(Period::days(days.into()).0));
        let prefix = key::ended_by_time();
        // The first is the same each time, which a store answers from memory.
        let first = tx.scan_prefix(prefix.as_ref(), 1)?;
        let first = first.first().and_then(|(found, _)| wire::instant(found, &prefix));
        if first.is_none_or(|first| since <= first) {
            return Ok(0);
        }
        let end = key::ended_by_time().signed(since.0);
        let old = tx.scan(prefix.as_ref(), end.as_ref(), FORGOTTEN_MAX, false)?;
        for (found, _) in &old {
            if let Some((number, element)) = wire::tail(found) {
                tx.delete(key::ended(number, element));
            }
            tx.delete(found.clone());
        }
        Ok(old.len())
    }
}
