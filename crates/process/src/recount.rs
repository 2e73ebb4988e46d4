//! Counts what was there before anything was counted, and lists what was there before it was listed by version and element: a store of
//! an older version, once, in portions between other work.
//!
//! Where it is done, or there was nothing, one key says so, and the engine remembers that. Until then instances that the portions have
//! not come to are not counted where they stand; what goes through elements is counted from the first moment on, and what went through
//! them before is added from the log. Lists by version and element look at more than they would have to.

use crate::counts::{Change, apply};
use crate::engine::Processes;
use crate::instance::{Instance, State};
use crate::past::{self, Noted};
use crate::state::Left;
use crate::wire::{self, IncidentRow, LOG_ELEMENTS, LOG_INSTANCES, key};
use base::{Period, Problem, Time};
use kernel::{Read, Tx};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// Bytes of a log that are counted in one turn.
const LOOK_BYTES: usize = 128 << 10;
/// Instances that are counted in one turn.
const LOOKS: usize = 200;

/// How far what was there before is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recounting {
    /// Instances up to this number are counted where they stand.
    after: u64,
    /// The last instance that was there before.
    last: u64,
    /// How far the log of instances is counted, and how far it went.
    over: (u64, u64),
    /// How far the log of elements is counted, and how far it went.
    left: (u64, u64),
    /// How far instances are listed by version and element; absent where an older version has counted and not listed.
    #[serde(default)]
    listed: Option<Listed>,
}

/// How far instances that were there before are listed by version and element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    /// Active ones up to this number are.
    after: u64,
    /// The last active one that was there before.
    last: u64,
    /// The key of those that are over from which on they are not; absent where all are.
    past: Option<Vec<u8>>,
}

impl Listed {
    /// Returns what is there to be listed.
    fn begin(read: &dyn Read) -> Result<Self, Problem> {
        let past = read.scan_prefix(key::past_all().as_ref(), 1)?;
        let past = past.into_iter().next().map(|(first, _)| first);
        Ok(Self { after: 0, last: newest(read)?, past })
    }

    fn is_done(&self) -> bool {
        self.last <= self.after && self.past.is_none()
    }
}

/// Returns the number of the newest active instance; 0 where there is none.
fn newest(read: &dyn Read) -> Result<u64, Problem> {
    let all = key::instances();
    let newest = read.scan(all.as_ref(), &base::prefix_end(all.as_ref()), 1, true)?;
    Ok(newest.first().and_then(|(found, _)| wire::last(found)).unwrap_or_default())
}

/// A row of the log of instances, as far as it matters here.
#[derive(Deserialize)]
struct OverRow {
    instance: u64,
    process: String,
    version: u64,
    state: String,
    business_key: Option<String>,
    started_at: Time,
}

/// A row of the log of elements, as far as it matters here.
#[derive(Deserialize)]
struct LeftRow {
    instance: u64,
    process: String,
    element: String,
    entered_at: Time,
    left_at: Time,
    state: String,
}

impl Recounting {
    /// Returns what is there to be counted.
    fn begin(read: &dyn Read) -> Result<Self, Problem> {
        let (over, left) = ((0, read.log_end(LOG_INSTANCES)?), (0, read.log_end(LOG_ELEMENTS)?));
        let listed = Some(Listed::begin(read)?);
        Ok(Self { after: 0, last: newest(read)?, over, left, listed })
    }

    /// Returns whether an instance is counted where it stands.
    pub fn has(&self, number: u64) -> bool {
        number <= self.after || self.last < number
    }

    /// Returns whether all is counted and listed.
    pub fn is_done(&self) -> bool {
        self.is_counted() && self.listed.as_ref().is_some_and(Listed::is_done)
    }

    fn is_counted(&self) -> bool {
        self.last <= self.after && self.over.1 <= self.over.0 && self.left.1 <= self.left.0
    }
}

impl Processes {
    /// Returns how far what was there before is counted; `None` where that is not known yet.
    pub(crate) fn recounting(&self, read: &dyn Read) -> Result<Option<Recounting>, Problem> {
        read.get(key::counting().as_ref())?.map(|bytes| wire::read(&bytes)).transpose()
    }

    /// Returns whether all instances are counted, and listed by version and element.
    pub(crate) fn is_listed(&self, read: &dyn Read) -> Result<bool, Problem> {
        Ok(self.recounting(read)?.is_some_and(|recounting| recounting.is_done()))
    }

    /// Makes sure that it is written down what was there before, ahead of anything that is counted.
    pub(crate) fn count_from_here(&self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        if self.counted.load(Ordering::Relaxed) || self.recounting(tx)?.is_some() {
            return Ok(());
        }
        let recounting = Recounting::begin(tx)?;
        tx.put(key::counting(), wire::write(&recounting)?);
        Ok(())
    }

    /// Counts some of what was there before, where there is some left; the next turn goes on. To be called outside of every step that
    /// may be taken back.
    pub(crate) fn recount(&self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        if self.counted.load(Ordering::Relaxed) {
            return Ok(());
        }
        let known = self.recounting(tx)?;
        let is_known = known.is_some();
        let mut recounting = known.map_or_else(|| Recounting::begin(tx), Ok)?;
        if recounting.is_done() {
            // Where there is nothing at all, the first instance writes it down.
            self.counted.store(is_known, Ordering::Relaxed);
            return Ok(());
        }
        if recounting.over.0 < recounting.over.1 {
            self.recount_over(tx, &mut recounting)?;
        } else if recounting.left.0 < recounting.left.1 {
            self.recount_left(tx, &mut recounting)?;
        } else if !recounting.is_counted() {
            self.recount_present(tx, &mut recounting)?;
        } else {
            let listed = recounting.listed.take().map_or_else(|| Listed::begin(tx), Ok)?;
            recounting.listed = Some(list(tx, listed)?);
        }
        tx.put(key::counting(), wire::write(&recounting)?);
        tx.leave_more();
        Ok(())
    }

    fn recount_over(&self, tx: &mut Tx<'_>, to: &mut Recounting) -> Result<(), Problem> {
        let mut changes: Changes = BTreeMap::new();
        for (offset, row) in some_rows::<OverRow>(tx, LOG_INSTANCES, &mut to.over)? {
            let noted = Noted {
                instance: row.instance,
                process: &row.process,
                version: row.version,
                state: &row.state,
                business_key: row.business_key.as_deref(),
            };
            past::note(tx, &noted, offset);
            past::begun(tx, &row.process, row.started_at, row.instance)?;
            let is_completed = row.state == past::COMPLETED;
            let change = changes.entry((row.process, row.version)).or_default();
            change.over(if is_completed { State::Completed } else { State::Cancelled });
        }
        make(tx, changes)
    }

    fn recount_left(&self, tx: &mut Tx<'_>, to: &mut Recounting) -> Result<(), Problem> {
        let mut changes: Changes = BTreeMap::new();
        let mut versions: BTreeMap<u64, Option<u64>> = BTreeMap::new();
        for (_, row) in some_rows::<LeftRow>(tx, LOG_ELEMENTS, &mut to.left)? {
            let version = match versions.get(&row.instance) {
                Some(known) => *known,
                None => {
                    let version = self.version_of(tx, row.instance)?;
                    *versions.entry(row.instance).or_insert(version)
                }
            };
            // What the history or the process has forgotten cannot be told apart by version any more.
            let Some(version) = version else { continue };
            let Ok(compiled) = self.cache.get(tx, &self.config, &row.process, version) else {
                continue;
            };
            let Some(node) = compiled.graph.find(&row.element) else { continue };
            let took = Period(row.left_at.0.saturating_sub(row.entered_at.0));
            let is_completed = row.state == past::COMPLETED;
            let change = changes.entry((row.process, version)).or_default();
            change.left(&Left { node, is_completed, took });
        }
        make(tx, changes)
    }

    fn version_of(&self, read: &dyn Read, number: u64) -> Result<Option<u64>, Problem> {
        if let Some(instance) = self.load(read, number)? {
            return Ok(Some(instance.version));
        }
        Ok(self.past(read, number)?.map(|place| place.version))
    }

    fn recount_present(&self, tx: &mut Tx<'_>, to: &mut Recounting) -> Result<(), Problem> {
        if to.after == 0 {
            list_incidents_of_messages(tx)?;
        }
        let mut changes: Changes = BTreeMap::new();
        for instance in some_instances(tx, &mut to.after, to.last)? {
            past::begun(tx, &instance.process, instance.started_at, instance.key)?;
            for key in wire::incidents_listed(&instance) {
                tx.put(key, Vec::new());
            }
            let version = (instance.process.clone(), instance.version);
            changes.entry(version).or_default().present(&instance, 1);
        }
        make(tx, changes)
    }
}

/// Lists some of what was there before by version and element: active instances first, then those that are over.
fn list(tx: &mut Tx<'_>, mut listed: Listed) -> Result<Listed, Problem> {
    if listed.after < listed.last {
        for instance in some_instances(tx, &mut listed.after, listed.last)? {
            for key in wire::standing(&instance) {
                tx.put(key, Vec::new());
            }
        }
    } else if let Some(from) = listed.past.take() {
        let pairs = tx.scan(&from, &base::prefix_end(key::past_all().as_ref()), LOOKS, false)?;
        if let Some((last, _)) = pairs.last().filter(|_| pairs.len() == LOOKS) {
            listed.past = Some([last.as_slice(), &[0]].concat());
        }
        for (found, place) in pairs {
            if let Some(key) = past::by_version(&found, &place) {
                tx.put(key, Vec::new());
            }
        }
    }
    Ok(listed)
}

type Changes = BTreeMap<(String, u64), Change>;

fn make(tx: &mut Tx<'_>, changes: Changes) -> Result<(), Problem> {
    changes
        .into_iter()
        .try_for_each(|((process, version), change)| apply(tx, &process, version, &change))
}

/// Reads some of the active instances behind a number, up to the last one that is meant, and moves on behind them.
fn some_instances(read: &dyn Read, after: &mut u64, last: u64) -> Result<Vec<Instance>, Problem> {
    let first = key::instance(after.saturating_add(1));
    let end = key::instance(last.saturating_add(1));
    let pairs = read.scan(first.as_ref(), end.as_ref(), LOOKS, false)?;
    *after = match pairs.last() {
        Some((found, _)) if pairs.len() == LOOKS => wire::last(found).unwrap_or(last),
        _ => last,
    };
    // One that cannot be read is told of by `verify`.
    Ok(pairs.iter().filter_map(|(_, bytes)| wire::decode(bytes).ok()).collect())
}

/// Reads some rows of a log with their offsets, and moves on behind them.
fn some_rows<T: serde::de::DeserializeOwned>(
    read: &dyn Read,
    log: &str,
    (from, end): &mut (u64, u64),
) -> Result<Vec<(u64, T)>, Problem> {
    let mut rows = Vec::new();
    let chunks = read.chunks(log, *from, LOOK_BYTES)?;
    let start = *from;
    *from = chunks.last().map_or(*end, |last| last.offset + u64::from(last.count));
    for chunk in chunks {
        for (offset, line) in (chunk.offset..).zip(kernel::rows(&chunk.bytes)) {
            if start <= offset && offset < *end {
                rows.push((offset, wire::read(line)?));
            }
        }
    }
    Ok(rows)
}

/// Lists the incidents that belong to no instance by process and element.
fn list_incidents_of_messages(tx: &mut Tx<'_>) -> Result<(), Problem> {
    let none = key::incidents().number(0);
    for (found, bytes) in tx.scan_prefix(none.as_ref(), usize::MAX)? {
        let row: IncidentRow = wire::read(&bytes)?;
        let number = wire::last(&found).unwrap_or_default();
        for key in key::incident_listed(&row.process, &row.element, 0, number) {
            tx.put(key, Vec::new());
        }
    }
    Ok(())
}
