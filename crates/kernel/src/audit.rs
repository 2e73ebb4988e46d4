//! Who did what: changes and refusals one line each, looks and data-plane calls counted by the minute (law 2).

pub(crate) mod search;

use crate::log::Age;
use crate::policy::Decision;
use crate::{Call, Kernel, Operation, Read, Tx};
use base::{Period, Problem, Time};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The log of audit lines.
pub(crate) const LOG: &str = "system/audit";

/// The longest that counts stay in memory; a crash can lose these counts and nothing else.
const COUNTS_AGE_MS_MAX: i64 = 5_000;

const MINUTE_MS: i64 = 60_000;

/// Groups that are counted apart in memory; calls beyond them are counted without their resource.
const GROUPS_MAX: usize = 100_000;

/// Lines of counts that are written in one turn.
const LINES_MAX: usize = 2_000;

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

impl Line {
    /// Returns the group in which the calls of this line are counted.
    pub(crate) fn counted(self) -> Counted {
        Counted {
            minute: minute_of(self.wall),
            actor: self.actor,
            operation: self.operation,
            resource: self.resource,
            outcome: self.outcome,
        }
    }
}

/// What calls have in common that are counted together; the order is by minute first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Clone)]
pub(crate) struct Counted {
    /// Minutes since 1970, wall time.
    pub minute: i64,
    pub actor: String,
    pub operation: String,
    pub resource: String,
    pub outcome: String,
}

impl Counted {
    /// Returns when the minute began.
    pub(crate) fn wall(&self) -> Time {
        Time(self.minute * MINUTE_MS)
    }

    fn line(self, count: u64, business: Time) -> Line {
        Line {
            wall: self.wall(),
            business,
            actor: self.actor,
            on_behalf_of: None,
            operation: self.operation,
            resource: self.resource,
            outcome: self.outcome,
            policies: Vec::new(),
            count,
        }
    }
}

fn minute_of(wall: Time) -> i64 {
    wall.0.div_euclid(MINUTE_MS)
}

/// Drops audit lines that the configuration does not keep any more.
pub(crate) fn forget_old(tx: &mut Tx<'_>) -> Result<(), Problem> {
    let Some(days) = tx.kernel().config().audit_days else { return Ok(()) };
    let now = tx.wall();
    let since = Time(now.0.saturating_sub(Period::days(days.into()).0));
    let due = crate::space::key(b'E').text("audit_due");
    // The clock may have stood wrong for a while: lines from then do not keep others.
    let age = |line: &Line| match line.wall {
        wall if wall < since => Age::Old,
        wall if wall <= now => Age::Young,
        _ => Age::Ahead,
    };
    crate::log::forget_old(tx, now, &due, &[LOG], age)
}

#[derive(Default)]
struct Counts {
    counts: HashMap<Counted, u64>,
    /// Since when the oldest of `counts` waits.
    since: Option<Time>,
    /// What the last flush wrote, until it is known what became of its commit.
    taken: HashMap<Counted, u64>,
    taken_since: Option<Time>,
    second: i64,
    refusals: HashMap<String, u32>,
}

impl Counts {
    fn add(&mut self, mut counted: Counted, count: u64) {
        if GROUPS_MAX <= self.counts.len() && !self.counts.contains_key(&counted) {
            // Resources are named by callers, who could fill the memory; minutes, actors and operations are not.
            counted.resource = "*".into();
        }
        *self.counts.entry(counted).or_default() += count;
    }

    /// Takes what is old enough, in order, and keeps a copy until its commit is done.
    fn take(&mut self, wall: Time) -> Vec<(Counted, u64)> {
        // A clock that was set back does not keep counts in memory.
        let is_young = |since: Time| since <= wall && wall.0 - since.0 < COUNTS_AGE_MS_MAX;
        if self.since.is_none_or(is_young) {
            return Vec::new();
        }
        let mut taken: Vec<_> = self.counts.drain().collect();
        taken.sort_unstable();
        // What does not fit comes with the next turn.
        self.counts.extend(taken.drain(taken.len().min(LINES_MAX)..));
        self.taken_since = self.since;
        if self.counts.is_empty() {
            self.since = None;
        }
        self.taken = taken.iter().cloned().collect();
        taken
    }

    fn put_back(&mut self) {
        if let Some(since) = self.taken_since.take() {
            self.since = Some(since);
        }
        for (counted, count) in std::mem::take(&mut self.taken) {
            self.add(counted, count);
        }
    }

    fn forget_taken(&mut self) {
        self.taken = HashMap::new();
        self.taken_since = None;
    }
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
    pub(crate) fn refuse(
        &self,
        wall: Time,
        actor: &str,
        operation: &str,
        resource: &str,
        code: &str,
    ) {
        self.add(wall, actor, operation, resource, code);
    }

    /// Writes the counts once they are old enough. When it is known what became of the turn, [`Audit::committed`] or
    /// [`Audit::put_back`] follows.
    pub(crate) fn flush(&self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let (wall, business) = (tx.wall(), tx.business());
        let counts = self.lock().take(wall);
        for (counted, count) in counts {
            if let Err(problem) = tx.record(LOG, &counted.line(count, business)) {
                self.lock().put_back();
                return Err(problem);
            }
        }
        Ok(())
    }

    /// Forgets the counts of the last flush: they are durable.
    pub(crate) fn committed(&self) {
        self.lock().forget_taken();
    }

    /// Takes up again the counts of the last flush, whose commit failed. After a failed sync the next snapshot tells whether
    /// the commit holds after all; where it does, or nothing can be seen, the counts are left: they may be lost, never doubled.
    pub(crate) fn put_back(&self, kernel: &Kernel) {
        if self.lock().taken.is_empty() {
            return;
        }
        let seen = kernel.store().snapshot().map(|snapshot| snapshot.commit());
        if seen.is_ok_and(|seen| seen <= kernel.commit()) {
            self.lock().put_back();
        } else {
            self.committed();
        }
    }

    fn add(&self, wall: Time, actor: &str, operation: &str, resource: &str, outcome: &str) {
        // Who is not known is not asked for names either: they would fill the memory.
        let resource = match actor {
            "anonymous" => resource.split('/').next().unwrap_or_default(),
            _ => resource,
        };
        let counted = Counted {
            minute: minute_of(wall),
            actor: actor.into(),
            operation: operation.into(),
            resource: resource.into(),
            outcome: outcome.into(),
        };
        let mut guard = self.lock();
        guard.since.get_or_insert(wall);
        guard.add(counted, 1);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_line(&self, wall: Time, actor: &str) -> bool {
        let mut guard = self.lock();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Parts};
    use base::{DrivenClock, SeededEntropy, SystemClock};
    use std::sync::Arc;
    use store::MemoryStore;

    fn kernel() -> Arc<Kernel> {
        let parts = Parts {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
            entropy: Arc::new(SeededEntropy::new(1)),
            engines: Vec::new(),
            config: Config::default(),
        };
        Kernel::new(parts).expect("a kernel starts on an empty store").0
    }

    /// Flushes into a commit that is never made; returns resource and count of each line in it.
    fn flushed(kernel: &Arc<Kernel>, audit: &Audit) -> Vec<String> {
        let snapshot = kernel.store().snapshot().expect("a snapshot");
        let mut tx = Tx::new(kernel, snapshot.as_ref());
        audit.flush(&mut tx).expect("the counts are written");
        let chunks = tx.chunks(LOG, 0, usize::MAX).expect("chunks");
        let lines = chunks.iter().flat_map(|chunk| crate::rows(&chunk.bytes));
        let lines = lines.map(|line| serde_json::from_slice::<Line>(line).expect("a line"));
        lines.map(|line| format!("{} {}", line.resource, line.count)).collect()
    }

    fn count(audit: &Audit, resource: &str) {
        // Long ago by any clock: the next flush takes it.
        audit.count(Time(0), "user:vera", "note.get", resource);
    }

    #[test]
    fn counts_of_a_failed_commit_are_committed_later_with_newer_ones() {
        let (kernel, audit) = (kernel(), Audit::new());
        ["note/a", "note/b", "note/a"].iter().for_each(|note| count(&audit, note));
        assert_eq!(flushed(&kernel, &audit), ["note/a 2", "note/b 1"]);
        count(&audit, "note/b");
        audit.put_back(&kernel);
        assert_eq!(flushed(&kernel, &audit), ["note/a 2", "note/b 2"]);
        audit.committed();
        audit.put_back(&kernel);
        assert!(flushed(&kernel, &audit).is_empty(), "what is durable is not written again");
    }

    #[test]
    fn counts_of_a_commit_that_holds_after_all_are_not_doubled() {
        let (kernel, audit) = (kernel(), Audit::new());
        count(&audit, "note/a");
        let epoch = kernel.store().open_epoch(0).expect("an epoch");
        let snapshot = kernel.store().snapshot().expect("a snapshot");
        let mut tx = Tx::new(&kernel, snapshot.as_ref());
        audit.flush(&mut tx).expect("the counts are written");
        let (batch, _, _) = tx.finish(epoch);
        kernel.store().commit(0, &batch).expect("it holds, and the kernel was not told");
        audit.put_back(&kernel);
        assert!(audit.lock().counts.is_empty());
    }

    #[test]
    fn the_memory_for_counts_has_a_limit() {
        let audit = Audit::new();
        (0..GROUPS_MAX + 5).for_each(|number| count(&audit, &format!("note/{number}")));
        count(&audit, "note/0");
        let guard = audit.lock();
        assert_eq!(guard.counts.len(), GROUPS_MAX + 1);
        let counted = |resource: &str| {
            let found = guard.counts.iter().find(|(counted, _)| counted.resource == resource);
            found.map(|(_, count)| *count)
        };
        assert_eq!((counted("*"), counted("note/0")), (Some(5), Some(2)));
    }
}
