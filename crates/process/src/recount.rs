//! Counts what was there before anything was counted: a store of an older version, once, in portions between other work.
//!
//! Where it is done, or there was nothing, one key says so, and the engine remembers that. Until then instances that the portions have
//! not come to are not counted where they stand; what goes through elements is counted from the first moment on, and what went through
//! them before is added from the log.

use crate::counts::{Change, apply};
use crate::engine::Processes;
use crate::instance::State;
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
        let all = key::instances();
        let end = base::prefix_end(all.as_ref());
        let newest = read.scan(all.as_ref(), &end, 1, true)?;
        let last = newest.first().and_then(|(found, _)| wire::last(found)).unwrap_or_default();
        let over = (0, read.log_end(LOG_INSTANCES)?);
        Ok(Self { after: 0, last, over, left: (0, read.log_end(LOG_ELEMENTS)?) })
    }

    /// Returns whether an instance is counted where it stands.
    pub fn has(&self, number: u64) -> bool {
        number <= self.after || self.last < number
    }

    /// Returns whether all is counted.
    pub fn is_done(&self) -> bool {
        self.last <= self.after && self.over.1 <= self.over.0 && self.left.1 <= self.left.0
    }
}

impl Processes {
    /// Returns how far what was there before is counted; `None` where that is not known yet.
    pub(crate) fn recounting(&self, read: &dyn Read) -> Result<Option<Recounting>, Problem> {
        read.get(key::counting().as_ref())?.map(|bytes| wire::read(&bytes)).transpose()
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
        } else {
            self.recount_present(tx, &mut recounting)?;
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
        let first = key::instance(to.after.saturating_add(1));
        let end = key::instance(to.last.saturating_add(1));
        let pairs = tx.scan(first.as_ref(), end.as_ref(), LOOKS, false)?;
        let mut changes: Changes = BTreeMap::new();
        to.after = match pairs.last() {
            Some((found, _)) if pairs.len() == LOOKS => wire::last(found).unwrap_or(to.last),
            _ => to.last,
        };
        for (_, bytes) in pairs {
            // One that cannot be read is told of by `verify`.
            let Ok(instance) = wire::decode(&bytes) else { continue };
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

type Changes = BTreeMap<(String, u64), Change>;

fn make(tx: &mut Tx<'_>, changes: Changes) -> Result<(), Problem> {
    changes
        .into_iter()
        .try_for_each(|((process, version), change)| apply(tx, &process, version, &change))
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
