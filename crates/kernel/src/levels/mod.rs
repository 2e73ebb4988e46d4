//! Service levels: how much of what was asked was done in time, and how much may still go wrong.
//!
//! What a level is about is counted by the minute: how much there was, and how much of it was good. The counts stand under keys. Those
//! of processes, contracts and offers are written in the commit of what they count; those of calls are gathered and written every
//! [`COUNTS_AGE_MS_MAX`], so that a crash can lose these and nothing else. A level that says something else than before begins anew.

mod relation;
mod spec;

pub(crate) use relation::relation;
pub(crate) use spec::{LevelSpec, changed};

use crate::metrics::Outcome;
use crate::{Kernel, Read, Tx, space};
use base::{Key, Period, Problem, Time};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// The longest that counts of calls stay in memory.
const COUNTS_AGE_MS_MAX: i64 = 5_000;

pub(crate) const MINUTE_MS: i64 = 60_000;

/// For how many minutes counts are kept: longer than the longest window.
const MINUTES_KEPT: i64 = 100 * 24 * 60;

/// Old counts that are dropped when a minute begins.
const DROPPED_MAX: usize = 100;

/// A service level, as it is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Level {
    /// Under which its counts stand.
    pub(crate) id: String,
    /// In what time it is to be done.
    pub(crate) within: Period,
}

/// What an engine has promised, or was promised, without a manifest: a term of a contract. See [`crate::Engine::promises`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// Under which its counts stand; what it says is part of it.
    pub id: String,
    /// What it is called, `CONTRACT/CAPABILITY` for example.
    pub name: String,
    /// What it is about, `contract/NAME` for example.
    pub on: String,
    /// In what time it is to be done.
    pub within: Period,
    /// How much is not done yet and already late.
    pub overdue: u64,
}

/// How much there was, and how much of it was good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) good: u64,
    pub(crate) total: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.good += other.good;
        self.total += other.total;
    }

    pub(crate) fn bad(self) -> u64 {
        self.total - self.good.min(self.total)
    }

    fn bytes(self) -> Vec<u8> {
        [self.good.to_be_bytes(), self.total.to_be_bytes()].concat()
    }

    fn read(bytes: &[u8]) -> Self {
        let number = |at: usize| {
            let part = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>());
            part.map_or(0, |part| u64::from_be_bytes(*part))
        };
        Self { good: number(0), total: number(8) }
    }
}

/// All levels as of one epoch, by what they are about.
#[derive(Debug, Default)]
struct Held {
    epoch: Option<u64>,
    /// By operation.
    operations: HashMap<String, Arc<Vec<Level>>>,
    /// By subject, `process/NAME` for example.
    subjects: HashMap<String, Arc<Vec<Level>>>,
}

/// Counts by level and minute.
type Counts = BTreeMap<(String, i64), Tally>;

#[derive(Debug, Default)]
struct Pending {
    counts: Counts,
    /// Since when the oldest of `counts` waits.
    since: Option<Time>,
    /// What the last turn wrote, until it is known what became of its commit.
    taken: Counts,
}

/// The service levels of a unit.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    held: RwLock<Arc<Held>>,
    pending: Mutex<Pending>,
}

impl Levels {
    /// Returns the levels of a subject.
    pub(crate) fn of(&self, subject: &str) -> Option<Arc<Vec<Level>>> {
        self.held().subjects.get(subject).cloned()
    }

    /// Counts a call that was answered.
    pub(crate) fn called(&self, wall: Time, operation: &str, outcome: Outcome, elapsed: Duration) {
        let held = self.held();
        let Some(levels) = held.operations.get(operation) else { return };
        let Some(is_done) = outcome.is_kept() else { return };
        let elapsed = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
        let mut pending = self.pending();
        pending.since.get_or_insert(wall);
        for level in levels.iter() {
            let is_good = is_done && elapsed <= level.within.0.saturating_mul(1_000);
            let key = (level.id.clone(), minute_of(wall));
            pending.counts.entry(key).or_default().add(tally(is_good));
        }
    }

    /// Writes what was counted in this turn, and what has waited long enough. When it is known what became of the commit,
    /// [`Levels::committed`] or [`Levels::put_back`] follows.
    pub(crate) fn flush(&self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        self.refresh(tx)?;
        let wall = tx.wall();
        let mut counts = self.take(wall);
        for measured in std::mem::take(&mut tx.told.measured) {
            let key = (measured.id, minute_of(measured.at));
            counts.entry(key).or_default().add(tally(measured.is_good));
        }
        for ((id, minute), tally) in counts {
            if let Err(problem) = write(tx, &id, minute, tally) {
                self.pending().put_back();
                return Err(problem);
            }
        }
        Ok(())
    }

    /// Forgets the counts of the last flush: they are durable.
    pub(crate) fn committed(&self) {
        self.pending().taken.clear();
    }

    /// Takes up again the counts of the last flush, whose commit failed. Where it holds after all they are left: they may be lost,
    /// never doubled.
    pub(crate) fn put_back(&self, kernel: &Kernel) {
        let seen = kernel.store().snapshot().map(|snapshot| snapshot.commit());
        let mut pending = self.pending();
        if seen.is_ok_and(|seen| seen <= kernel.commit()) {
            pending.put_back();
        } else {
            pending.taken.clear();
        }
    }

    fn take(&self, wall: Time) -> Counts {
        let mut pending = self.pending();
        // A clock that was set back does not keep counts in memory.
        let is_young = |since: Time| since <= wall && wall.0 - since.0 < COUNTS_AGE_MS_MAX;
        if pending.since.is_none_or(is_young) {
            return Counts::new();
        }
        pending.since = None;
        pending.taken = std::mem::take(&mut pending.counts);
        pending.taken.clone()
    }

    /// Reads the levels where something was declared since.
    pub(crate) fn refresh(&self, tx: &Tx<'_>) -> Result<(), Problem> {
        let epoch = tx.kernel().epoch(tx)?;
        if self.held().epoch == Some(epoch) {
            return Ok(());
        }
        let mut held = Held { epoch: Some(epoch), ..Held::default() };
        let mut operations: HashMap<String, Vec<Level>> = HashMap::new();
        let mut subjects: HashMap<String, Vec<Level>> = HashMap::new();
        for resource in tx.resources("service_level")? {
            let spec = LevelSpec::of(&resource)?;
            let level = spec.level(&resource.name);
            match spec.on.split_once('/') {
                Some(("operation", name)) => operations.entry(name.into()).or_default().push(level),
                _ => subjects.entry(spec.on.clone()).or_default().push(level),
            }
        }
        let shared = |levels: HashMap<String, Vec<Level>>| {
            levels.into_iter().map(|(on, levels)| (on, Arc::new(levels))).collect()
        };
        (held.operations, held.subjects) = (shared(operations), shared(subjects));
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(held);
        Ok(())
    }

    /// Has the levels read again by the next turn: they may be of a commit that did not happen.
    pub(crate) fn forget(&self) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let (operations, subjects) = (held.operations.clone(), held.subjects.clone());
        *held = Arc::new(Held { epoch: None, operations, subjects });
    }

    fn held(&self) -> Arc<Held> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    fn put_back(&mut self) {
        for (key, tally) in std::mem::take(&mut self.taken) {
            self.counts.entry(key).or_default().add(tally);
            // The next turn tries again at once.
            self.since = Some(Time(i64::MIN / 2));
        }
    }
}

fn tally(is_good: bool) -> Tally {
    Tally { good: u64::from(is_good), total: 1 }
}

pub(crate) fn minute_of(time: Time) -> i64 {
    time.0.div_euclid(MINUTE_MS)
}

/// The counts of a level, by minute.
pub(crate) fn counts_key(id: &str) -> Key {
    space::key(b'L').text(id)
}

fn write(tx: &mut Tx<'_>, id: &str, minute: i64, tally: Tally) -> Result<(), Problem> {
    let key = counts_key(id).signed(minute);
    let held = tx.get(key.as_ref())?;
    if held.is_none() {
        let old = counts_key(id).signed(minute.saturating_sub(MINUTES_KEPT));
        for (found, _) in tx.scan(counts_key(id).as_ref(), old.as_ref(), DROPPED_MAX, false)? {
            tx.delete(found);
        }
    }
    let mut sum = held.map_or_else(Tally::default, |bytes| Tally::read(&bytes));
    sum.add(tally);
    tx.put(key, sum.bytes());
    Ok(())
}

/// Returns the counts of a level from a minute on, one after the other.
pub(crate) fn counts(read: &dyn Read, id: &str, from: i64) -> Result<Vec<(i64, Tally)>, Problem> {
    let (start, end) = (counts_key(id).signed(from), base::prefix_end(counts_key(id).as_ref()));
    let pairs = read.scan(start.as_ref(), &end, usize::MAX, false)?;
    let minute = |key: &[u8]| {
        let mut reader = base::KeyReader::new(key);
        reader.text()?;
        reader.signed()
    };
    let counted = pairs.iter().filter_map(|(key, bytes)| Some((minute(key)?, Tally::read(bytes))));
    Ok(counted.collect())
}
