//! What is counted: how many instances of a version stand where, what went through each element and how long it took.
//!
//! The counts of a version are one value, changed in the commit that changes what they count: a step reads it, adds to its own numbers
//! in place, and puts it back, so that a commit writes it once however many steps it holds. What stands somewhere is a function of the
//! instances ([`Present`]) and is checked by `verify`; what went through is only ever added.
//!
//! A store that was there before anything was counted is counted in portions, see [`crate::recount`].

use crate::engine::Processes;
use crate::instance::{Instance, State};
use crate::state::Left;
use crate::wire::{self, key};
use base::{Key, Problem};
use kernel::{Read, Tx};
use notation::graph::NodeId;
use serde::Serialize;
use std::sync::atomic::Ordering;

/// The version of the stored form: this byte, then numbers of eight bytes, little end first.
const VERSION: u8 = 1;
/// Numbers about a version as a whole.
const WHOLE: usize = 5;
/// Numbers about each element, in the order of the graph.
const EACH: usize = 6;

/// The instances of a version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Instances {
    /// That run or wait.
    pub active: u64,
    /// That take nothing until they are resumed.
    pub suspended: u64,
    /// That were stopped as a whole.
    pub failed: u64,
    /// That came to their end.
    pub completed: u64,
    /// That were ended from outside.
    pub cancelled: u64,
}

/// What is counted of an element.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Element {
    /// How often instances stand there.
    pub active: u64,
    /// How many of these have an incident.
    pub incidents: u64,
    /// How often it came to its end by itself.
    pub completed: u64,
    /// How often it was ended from outside.
    pub cancelled: u64,
    /// How long it took all together, where it came to its end by itself: milliseconds of business time.
    pub ms_total: u64,
    /// How long it took at most.
    pub ms_max: u64,
}

/// The counts of a version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Of its instances.
    pub instances: Instances,
    /// Of its elements, in the order of the graph; those behind the last have none.
    pub elements: Vec<Element>,
}

impl Instances {
    /// Adds those of another version.
    pub fn add(&mut self, other: &Self) {
        self.active += other.active;
        self.suspended += other.suspended;
        self.failed += other.failed;
        self.completed += other.completed;
        self.cancelled += other.cancelled;
    }
}

impl Element {
    /// Adds those of the same element in another version.
    pub fn add(&mut self, other: &Self) {
        self.active += other.active;
        self.incidents += other.incidents;
        self.completed += other.completed;
        self.cancelled += other.cancelled;
        self.ms_total += other.ms_total;
        self.ms_max = self.ms_max.max(other.ms_max);
    }
}

impl Counts {
    /// Reads the stored form.
    pub fn of(bytes: &[u8]) -> Self {
        let mut numbers =
            bytes.get(1..).unwrap_or_default().chunks_exact(8).map(|eight| {
                eight.first_chunk::<8>().map_or(0, |eight| u64::from_le_bytes(*eight))
            });
        let mut next = || numbers.next();
        let mut or_none = || next().unwrap_or_default();
        let instances = Instances {
            active: or_none(),
            suspended: or_none(),
            failed: or_none(),
            completed: or_none(),
            cancelled: or_none(),
        };
        let mut elements = Vec::new();
        while let Some(active) = next() {
            let mut or_none = || next().unwrap_or_default();
            elements.push(Element {
                active,
                incidents: or_none(),
                completed: or_none(),
                cancelled: or_none(),
                ms_total: or_none(),
                ms_max: or_none(),
            });
        }
        Self { instances, elements }
    }
}

/// Changes of counts of one version, by the place of the number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    sums: Vec<(usize, i64)>,
    highest: Vec<(usize, u64)>,
}

/// Places of the numbers of an element.
fn place(node: NodeId, number: usize) -> usize {
    WHOLE + node.0 as usize * EACH + number
}

impl Change {
    fn add(&mut self, place: usize, by: i64) {
        match self.sums.iter_mut().find(|(known, _)| *known == place) {
            Some((_, sum)) => *sum += by,
            None => self.sums.push((place, by)),
        }
    }

    /// Counts an instance where it stands, or counts it no more (`by` is -1).
    pub fn present(&mut self, instance: &Instance, by: i64) {
        let whole = match instance.state {
            State::Active if instance.suspended => 1,
            State::Active => 0,
            State::Failed => 2,
            State::Completed | State::Cancelled => return,
        };
        self.add(whole, by);
        for element in instance.standing() {
            self.add(place(element.node, 0), by);
            if element.incident.is_some() {
                self.add(place(element.node, 1), by);
            }
        }
    }

    /// Counts an instance that is over.
    pub fn over(&mut self, state: State) {
        match state {
            State::Completed => self.add(3, 1),
            State::Cancelled => self.add(4, 1),
            State::Active | State::Failed => {}
        }
    }

    /// Counts an element that was left.
    pub fn left(&mut self, left: &Left) {
        let Left { node, is_completed, took } = *left;
        if !is_completed {
            self.add(place(node, 3), 1);
            return;
        }
        self.add(place(node, 2), 1);
        if 0 < took.0 {
            self.add(place(node, 4), took.0);
            let ms = took.0.unsigned_abs();
            match self.highest.iter_mut().find(|(known, _)| *known == place(node, 5)) {
                Some((_, highest)) => *highest = ms.max(*highest),
                None => self.highest.push((place(node, 5), ms)),
            }
        }
    }

    /// Adds what another one says of the same version.
    fn merge(&mut self, other: Self) {
        other.sums.into_iter().for_each(|(place, by)| self.add(place, by));
        self.highest.extend(other.highest);
    }

    /// Makes the changes in the stored form. Returns whether there were any.
    pub fn make(&self, bytes: &mut Vec<u8>) -> bool {
        let mut is_changed = false;
        for (place, by) in self.sums.iter().filter(|(_, by)| *by != 0) {
            is_changed = true;
            set(bytes, *place, |number| number.saturating_add_signed(*by));
        }
        for (place, ms) in &self.highest {
            is_changed = true;
            set(bytes, *place, |number| number.max(*ms));
        }
        is_changed
    }
}

/// Changes a number in the stored form.
fn set(bytes: &mut Vec<u8>, place: usize, change: impl FnOnce(u64) -> u64) {
    let from = 1 + place * 8;
    if bytes.len() < from + 8 {
        // Elements have all of their numbers.
        let elements = (place + 1).saturating_sub(WHOLE).div_ceil(EACH);
        bytes.resize(1 + (WHOLE + elements * EACH) * 8, 0);
        bytes[0] = VERSION;
    }
    if let Some(eight) = bytes.get_mut(from..).and_then(|rest| rest.first_chunk_mut::<8>()) {
        *eight = change(u64::from_le_bytes(*eight)).to_le_bytes();
    }
}

/// Where an instance stood before a step.
#[derive(Debug)]
pub(crate) struct Present {
    version: u64,
    gone: Change,
}

impl Present {
    /// Returns where an instance stands that is stored.
    pub fn of(instance: &Instance) -> Self {
        let mut gone = Change::default();
        gone.present(instance, -1);
        Self { version: instance.version, gone }
    }
}

impl Processes {
    /// Counts what a step has changed: an instance that stood somewhere, and now stands elsewhere or is over.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn count_step(
        &self,
        tx: &mut Tx<'_>,
        was: Option<Present>,
        instance: &Instance,
        left: &[Left],
    ) -> Result<(), Problem> {
        let mut change = Change::default();
        left.iter().for_each(|left| change.left(left));
        change.over(instance.state);
        if self.is_counted(tx, instance.key)? {
            match was {
                Some(was) if was.version == instance.version => change.merge(was.gone),
                Some(was) => apply(tx, &instance.process, was.version, &was.gone)?,
                None => {}
            }
            change.present(instance, 1);
        }
        apply(tx, &instance.process, instance.version, &change)
    }

    /// Returns what is counted of a process, by version.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn counts(
        &self,
        read: &dyn Read,
        process: &str,
    ) -> Result<Vec<(u64, Counts)>, Problem> {
        let pairs = read.scan_prefix(key::counts(process).as_ref(), usize::MAX)?;
        let version = |found: &[u8]| wire::last(found).unwrap_or_default();
        Ok(pairs.iter().map(|(found, bytes)| (version(found), Counts::of(bytes))).collect())
    }

    /// Returns whether an instance is among those that are counted where they stand.
    fn is_counted(&self, tx: &Tx<'_>, number: u64) -> Result<bool, Problem> {
        if self.counted.load(Ordering::Relaxed) {
            return Ok(true);
        }
        Ok(self.recounting(tx)?.is_none_or(|recounting| recounting.has(number)))
    }
}

/// Changes what is counted of a version.
pub(crate) fn apply(
    tx: &mut Tx<'_>,
    process: &str,
    version: u64,
    change: &Change,
) -> Result<(), Problem> {
    let place: Key = key::counts(process).number(version);
    let mut bytes = tx.get(place.as_ref())?.unwrap_or_default();
    if change.make(&mut bytes) {
        tx.put(place, bytes);
    }
    Ok(())
}
