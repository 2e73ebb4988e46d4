//! Instances that are over: where the log has each, by process, by how it ended, by version, and by business key.
//!
//! The log holds them in the order in which they ended, many to a chunk. One key for each leads to its row, one more says which version
//! it ran, and one what the business has called it. All go when the history forgets the row.

use crate::engine::Processes;
use crate::instance::{Instance, State};
use crate::wire::{self, InstanceRow, LOG_INSTANCES, key};
use base::{Key, KeyReader, Problem, Time};
use kernel::{Found, Read, Tx};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// How an instance can have ended.
pub(crate) const STATES: [&str; 2] = [COMPLETED, CANCELLED];
/// It came to its end.
pub(crate) const COMPLETED: &str = "completed";
/// It was ended from outside.
pub(crate) const CANCELLED: &str = "cancelled";

/// Milliseconds of the hours by which beginnings are noted.
const HOUR: i64 = 3_600_000;

/// Numbers by which the first and the last of an hour are rounded: one less than a power of two.
const ROUND: u64 = 63;

/// Chunks that are held while rows are read.
const CHUNKS_MAX: usize = 8;

/// Where an instance is that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The row of the log.
    pub offset: u64,
    /// The version that it ran last.
    pub version: u64,
}

impl Place {
    fn of(bytes: &[u8]) -> Option<Self> {
        let (offset, rest) = bytes.split_first_chunk::<8>()?;
        let version = rest.first_chunk::<8>()?;
        Some(Self { offset: u64::from_be_bytes(*offset), version: u64::from_be_bytes(*version) })
    }
}

/// Notes where the log has an instance that is over.
pub(crate) fn note(tx: &mut Tx<'_>, row: &Noted<'_>, offset: u64) {
    let mut place = offset.to_be_bytes().to_vec();
    place.extend(row.version.to_be_bytes());
    tx.put(key::past(row.process, row.state).number(row.instance), place);
    tx.put(row.by_version(), Vec::new());
    if let Some(called) = row.business_key {
        tx.put(key::past_by_key(row.process, called).number(row.instance), Vec::new());
    }
}

/// Forgets where the log had an instance.
pub(crate) fn forget(tx: &mut Tx<'_>, row: &Noted<'_>) {
    tx.delete(key::past(row.process, row.state).number(row.instance));
    tx.delete(row.by_version());
    if let Some(called) = row.business_key {
        tx.delete(key::past_by_key(row.process, called).number(row.instance));
    }
}

/// What is noted of an instance that is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noted<'a> {
    /// Its number.
    pub instance: u64,
    /// The process.
    pub process: &'a str,
    /// The version that it ran last.
    pub version: u64,
    /// How it ended.
    pub state: &'a str,
    /// What the business called it.
    pub business_key: Option<&'a str>,
}

impl<'a> Noted<'a> {
    /// Returns what is noted of an instance.
    pub fn of(instance: &'a Instance) -> Self {
        Self {
            instance: instance.key,
            process: &instance.process,
            version: instance.version,
            state: if instance.state == State::Completed { COMPLETED } else { CANCELLED },
            business_key: instance.business_key.as_deref(),
        }
    }

    /// Returns the key under which it is listed by its version.
    fn by_version(&self) -> Key {
        key::past_by_version(self.process, self.version, self.state).number(self.instance)
    }
}

/// Returns the key by version of the instance to which a key of [`key::past`] leads.
pub(crate) fn by_version(found: &[u8], place: &[u8]) -> Option<Key> {
    let mut reader = KeyReader::new(found);
    // The part of the space comes first.
    let (_, process, state) = (reader.text()?, reader.text()?, reader.text()?);
    let version = Place::of(place)?.version;
    Some(key::past_by_version(&process, version, &state).number(reader.number()?))
}

/// Notes that an instance has begun: which numbers an hour has leads from times to numbers.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn begun(tx: &mut Tx<'_>, process: &str, at: Time, number: u64) -> Result<(), Problem> {
    let place = key::begun(process).signed(at.0.div_euclid(HOUR));
    let known = tx.get(place.as_ref())?.as_deref().and_then(numbers_of);
    // Rounded, so that not every instance writes it.
    let (low, high) = (number & !ROUND, number | ROUND);
    let (first, last) = known.unwrap_or((low, high));
    let now = (first.min(low), last.max(high));
    if known != Some(now) {
        let mut bytes = now.0.to_be_bytes().to_vec();
        bytes.extend(now.1.to_be_bytes());
        tx.put(place, bytes);
    }
    Ok(())
}

fn numbers_of(bytes: &[u8]) -> Option<(u64, u64)> {
    Place::of(bytes).map(|Place { offset, version }| (offset, version))
}

/// Returns numbers between which the instances of a process are that have begun between two times; `None` where there
/// are none.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn begun_between(
    read: &dyn Read,
    process: &str,
    from: Option<Time>,
    to: Option<Time>,
) -> Result<Option<(u64, u64)>, Problem> {
    let all = key::begun(process);
    let hour = |at: Time, later: i64| all.clone().signed(at.0.div_euclid(HOUR) + later).bytes();
    let first = from.map_or_else(|| all.clone().bytes(), |from| hour(from, 0));
    let end = to.map_or_else(|| base::prefix_end(all.as_ref()), |to| hour(to, 1));
    let hours = read.scan(&first, &end, usize::MAX, false)?;
    let ranges = hours.iter().filter_map(|(_, bytes)| numbers_of(bytes));
    Ok(ranges.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))))
}

/// Returns the texts that stand next in keys behind a prefix: a step for each, however many keys it has.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn names_behind(read: &dyn Read, all: &Key) -> Result<Vec<String>, Problem> {
    let (mut from, end) = (all.as_ref().to_vec(), base::prefix_end(all.as_ref()));
    let mut found = Vec::new();
    loop {
        let pairs = read.scan(&from, &end, 1, false)?;
        let Some((first, _)) = pairs.first() else { return Ok(found) };
        let mut reader = KeyReader::new(first);
        // The part of the space, then the text.
        let Some(name) = reader.text().and_then(|_| reader.text()) else { return Ok(found) };
        from = base::prefix_end(all.clone().text(&name).as_ref());
        found.push(name);
    }
}

/// Reads single rows of a log; holds the chunks that it has read last.
pub(crate) struct Rows<'a> {
    read: &'a dyn Read,
    log: &'static str,
    held: VecDeque<Held>,
}

/// A chunk with its lines.
struct Held {
    offset: u64,
    bytes: Vec<u8>,
    lines: Vec<Range<usize>>,
}

impl<'a> Rows<'a> {
    /// Returns a reader of a log.
    pub fn new(read: &'a dyn Read, log: &'static str) -> Self {
        Self { read, log, held: VecDeque::new() }
    }

    /// Returns the row at an offset; `None` where the log has it no more.
    ///
    /// # Errors
    /// Where the store cannot be read, or the row is no `T`.
    pub fn get<T: DeserializeOwned>(&mut self, offset: u64) -> Result<Option<T>, Problem> {
        let Some(line) = self.line(offset)? else { return Ok(None) };
        wire::read(line).map(Some)
    }

    fn line(&mut self, offset: u64) -> Result<Option<&[u8]>, Problem> {
        let has =
            |held: &Held| held.offset <= offset && offset < held.offset + held.lines.len() as u64;
        let place = match self.held.iter().position(has) {
            Some(place) => place,
            None => {
                let chunks = self.read.chunks(self.log, offset, 1)?;
                let Some(chunk) = chunks.into_iter().next() else { return Ok(None) };
                if offset < chunk.offset {
                    return Ok(None);
                }
                if CHUNKS_MAX <= self.held.len() {
                    self.held.pop_back();
                }
                let lines = lines_of(&chunk.bytes);
                self.held.push_front(Held { offset: chunk.offset, bytes: chunk.bytes, lines });
                0
            }
        };
        let held = self.held.get(place);
        let line = held.and_then(|held| {
            let number = usize::try_from(offset - held.offset).ok()?;
            held.bytes.get(held.lines.get(number)?.clone())
        });
        Ok(line)
    }
}

fn lines_of(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut lines, mut from) = (Vec::new(), 0);
    for line in bytes.split(|byte| *byte == b'\n') {
        if !line.is_empty() {
            lines.push(from..from + line.len());
        }
        from += line.len() + 1;
    }
    lines
}

impl Processes {
    /// Finds an instance that is over.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn past(&self, read: &dyn Read, number: u64) -> Result<Option<Place>, Problem> {
        for process in names_behind(read, &key::past_all())? {
            for state in STATES {
                let place = key::past(&process, state).number(number);
                if let Some(bytes) = read.get(place.as_ref())? {
                    return Ok(Place::of(&bytes));
                }
            }
        }
        Ok(None)
    }

    /// Returns the row of an instance that is over; `None` where there is none, or the history has forgotten it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn past_row(
        &self,
        read: &dyn Read,
        number: u64,
    ) -> Result<Option<InstanceRow>, Problem> {
        let Some(place) = self.past(read, number)? else { return Ok(None) };
        let row = Rows::new(read, LOG_INSTANCES).get::<InstanceRow>(place.offset)?;
        Ok(row.filter(|row| row.instance == number))
    }
}

/// Returns the row that a key of [`key::past`] leads to.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn row_at(
    rows: &mut Rows<'_>,
    place: &[u8],
    number: u64,
) -> Result<Option<InstanceRow>, Problem> {
    let Some(place) = Place::of(place) else { return Ok(None) };
    Ok(rows.get::<InstanceRow>(place.offset)?.filter(|row| row.instance == number))
}

/// Returns what policies may ask about an instance that is over.
pub(crate) fn found(row: &InstanceRow) -> Found {
    let mut attributes =
        BTreeMap::from([("process", row.process.clone()), ("state", row.state.clone())]);
    attributes.extend(row.started_by.clone().map(|owner| ("owner", owner)));
    Found { attributes, candidates: Vec::new() }
}
