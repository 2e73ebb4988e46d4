//! Who did what: changes and refusals one line each, looks and data-plane calls counted by the minute (law 2).

use crate::policy::Decision;
use crate::{Call, Operation, Read, Tx};
use base::{Problem, Time};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The log of audit lines.
pub(crate) const LOG: &str = "system/audit";

/// The longest that counts stay in memory; a crash can lose these counts and nothing else.
const COUNTS_AGE_MS_MAX: i64 = 5_000;

/// Refusals of one source in a second that get a line each; further ones are counted.
const REFUSALS_A_SECOND_MAX: u32 = 10;

/// An audit line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    pub wall: Time,
    pub business: Time,
    pub actor: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub on_behalf_of: Option<String>,
    pub operation: String,
    pub resource: String,
    /// `allowed`, or the code of the refusal.
    pub outcome: String,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub policies: Vec<String>,
    pub count: u64,
}

#[derive(PartialEq, Eq, Hash, Clone)]
struct Counted {
    minute: i64,
    actor: String,
    operation: String,
    resource: String,
    outcome: String,
}

#[derive(Default)]
struct Counts {
    counts: HashMap<Counted, u64>,
    since: Option<Time>,
    second: i64,
    refusals: HashMap<String, u32>,
}

/// What is counted and not yet committed.
pub(crate) struct Audit {
    counts: Mutex<Counts>,
}

impl Audit {
    pub(crate) fn new() -> Self {
        Self { counts: Mutex::new(Counts::default()) }
    }

    /// Writes the line of a change that happened.
    pub(crate) fn line(
        &self,
        tx: &mut Tx<'_>,
        operation: &Operation,
        call: &Call,
        decision: &Decision,
    ) -> Result<(), Problem> {
        let line = Line {
            wall: tx.wall(),
            business: tx.time_of(call),
            actor: call.actor.to_string(),
            on_behalf_of: call.on_behalf_of.as_ref().map(ToString::to_string),
            operation: operation.name.into(),
            resource: call.resource.to_string(),
            outcome: "allowed".into(),
            policies: decision.reasons.clone(),
            count: 1,
        };
        tx.record(LOG, &line).map(|_| ())
    }

    /// Writes the line of a call that was refused or failed on the partition's thread.
    pub(crate) fn refused(
        &self,
        tx: &mut Tx<'_>,
        operation: &Operation,
        call: &Call,
        problem: &Problem,
    ) -> Result<(), Problem> {
        let (actor, resource) = (call.actor.to_string(), call.resource.to_string());
        if !self.is_line(tx.wall(), &actor) {
            self.add(tx.wall(), &actor, operation.name, &resource, &problem.code);
            return Ok(());
        }
        let line = Line {
            wall: tx.wall(),
            business: tx.time_of(call),
            actor,
            on_behalf_of: call.on_behalf_of.as_ref().map(ToString::to_string),
            operation: operation.name.into(),
            resource,
            outcome: problem.code.clone(),
            policies: Vec::new(),
            count: 1,
        };
        tx.record(LOG, &line).map(|_| ())
    }

    /// Counts a call that was permitted and changed nothing of weight.
    pub(crate) fn count(&self, wall: Time, actor: &str, operation: &str, resource: &str) {
        self.add(wall, actor, operation, resource, "allowed");
    }

    /// Counts a refusal that happened off the partition's thread; it is committed with the next flush.
    pub(crate) fn refuse(&self, wall: Time, actor: &str, operation: &str, resource: &str, code: &str) {
        self.add(wall, actor, operation, resource, code);
    }

    /// Commits the counts once they are old enough.
    pub(crate) fn flush(&self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let wall = tx.wall();
        let counts = {
            let mut guard = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            if guard.since.is_none_or(|since| wall.0 - since.0 < COUNTS_AGE_MS_MAX) {
                return Ok(());
            }
            guard.since = None;
            std::mem::take(&mut guard.counts)
        };
        for (counted, count) in counts {
            let line = Line {
                wall: Time(counted.minute * 60_000),
                business: tx.business(),
                actor: counted.actor,
                on_behalf_of: None,
                operation: counted.operation,
                resource: counted.resource,
                outcome: counted.outcome,
                policies: Vec::new(),
                count,
            };
            tx.record(LOG, &line)?;
        }
        Ok(())
    }

    fn add(&self, wall: Time, actor: &str, operation: &str, resource: &str, outcome: &str) {
        let counted = Counted {
            minute: wall.0.div_euclid(60_000),
            actor: actor.into(),
            operation: operation.into(),
            resource: resource.into(),
            outcome: outcome.into(),
        };
        let mut guard = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        guard.since.get_or_insert(wall);
        *guard.counts.entry(counted).or_default() += 1;
    }

    fn is_line(&self, wall: Time, actor: &str) -> bool {
        let mut guard = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let second = wall.0.div_euclid(1_000);
        if guard.second != second {
            guard.second = second;
            guard.refusals.clear();
        }
        let count = guard.refusals.entry(actor.to_owned()).or_default();
        *count += 1;
        *count <= REFUSALS_A_SECOND_MAX
    }
}
