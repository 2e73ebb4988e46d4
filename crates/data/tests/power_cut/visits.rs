//! A stream whose rows leave: by erasures of their persons, and in their time.

use crate::Unit;
use base::{Entropy, Problem, SeededEntropy, Time};
use bytes::Bytes;
use datafusion::arrow::util::pretty::pretty_format_batches;
use kernel::{Call, Principal, ResourceRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use store::{Blobs, SimulatedDisk};

/// When the units begin, business time.
const START: i64 = 1_500_000_000_000;
const HOUR: i64 = 3_600_000;

/// Hours that rows stay, and hours after which they must be gone.
const STAYS: i64 = 24;
const LATE: i64 = 27;

pub fn spec() -> Value {
    json!({"schema": [
        {"name": "id", "type": "int", "required": true},
        {"name": "person", "type": "text", "subject": true},
        {"name": "room", "type": "int", "required": true},
        {"name": "at", "type": "time"},
    ], "key": ["room"], "time": "at", "retention": "P1D"})
}

/// A row that was sent.
#[derive(Debug, Clone)]
struct Visit {
    id: u64,
    person: u64,
    hour: i64,
    is_acknowledged: bool,
}

/// An erasure that was asked for.
#[derive(Debug, Clone)]
struct Erasure {
    /// Its number, once it is known.
    id: Option<u64>,
    person: u64,
    /// Visits from here on came later.
    upto: u64,
}

/// What the test knows of the stream.
#[derive(Debug, Default)]
pub struct Visits {
    visits: Vec<Visit>,
    erasures: Vec<Erasure>,
    next: u64,
    hour: i64,
}

fn name(person: u64) -> String {
    format!("person-{person}-known-by-name")
}

fn room(id: u64) -> u64 {
    id % 7
}

impl Visits {
    /// Does something with the stream.
    pub fn work(&mut self, unit: &mut Unit, entropy: &SeededEntropy) -> Result<(), Problem> {
        match entropy.number() % 5 {
            0 => {
                let person = entropy.number() % 4;
                self.erasures.push(Erasure { id: None, person, upto: self.next });
                let erase = call("data.erase", "data").with(json!({"subject": name(person)}));
                let answer = unit.call(erase)?.into_value();
                let last = self.erasures.last_mut().expect("just added");
                last.id = answer["id"].as_u64();
            }
            1 => {
                self.hour += 1 + i64::try_from(entropy.number() % 8).expect("few");
                let to = Time(START + self.hour * HOUR);
                unit.call(call("clock.advance", "clock").with(json!({ "to": to })))?;
            }
            _ => {
                let first = self.visits.len();
                for _ in 0..1 + entropy.number() % 20 {
                    let (person, hour) = (entropy.number() % 4, self.hour);
                    let visit = Visit { id: self.next, person, hour, is_acknowledged: false };
                    self.visits.push(visit);
                    self.next += 1;
                }
                let line = |visit: &Visit| {
                    let at = Time(START + visit.hour * HOUR);
                    let person = name(visit.person);
                    json!({"id": visit.id, "person": person, "room": room(visit.id), "at": at})
                        .to_string()
                        + "\n"
                };
                let lines = self.visits[first..].iter().map(line).collect();
                unit.append_lines("visits", lines)?;
                self.visits[first..].iter_mut().for_each(|visit| visit.is_acknowledged = true);
            }
        }
        Ok(())
    }

    /// Finds out what became of that of which it is not known, after a crash.
    pub fn look(&mut self, unit: &Unit, seed: u64) {
        self.hour = (unit.kernel.clock().business().0 - START) / HOUR;
        let seen = ids(unit, "visits");
        self.visits.retain(|visit| visit.is_acknowledged || seen.contains(&visit.id));
        self.visits.iter_mut().for_each(|visit| visit.is_acknowledged = true);
        let known: BTreeSet<u64> = self.erasures.iter().filter_map(|erasure| erasure.id).collect();
        let listed = erasures(unit);
        let mut found = listed.keys().filter(|id| !known.contains(*id));
        self.erasures.iter_mut().filter(|erasure| erasure.id.is_none()).for_each(|erasure| {
            erasure.id = found.next().copied();
        });
        assert!(found.next().is_none(), "seed {seed}: an erasure that nobody asked for");
        self.erasures.retain(|erasure| erasure.id.is_some());
        for erasure in &self.erasures {
            let id = erasure.id.expect("looked up");
            assert!(listed.contains_key(&id), "seed {seed}: erasure {id} is lost");
        }
    }

    /// Returns whether an erasure concerns a visit, of those that are done or of all.
    fn is_erased(&self, visit: &Visit, done: Option<&BTreeMap<u64, bool>>) -> bool {
        let is_meant = |erasure: &&Erasure| {
            let is_done = |id: u64| done.is_none_or(|done| done.get(&id) == Some(&true));
            erasure.id.is_some_and(is_done)
        };
        let mut erasures = self.erasures.iter().filter(is_meant);
        erasures.any(|erasure| erasure.person == visit.person && visit.id < erasure.upto)
    }

    /// Checks that what should be there is there, and nothing else.
    pub fn check(&self, unit: &Unit, disk: &SimulatedDisk, seed: u64) {
        let seen = ids(unit, "visits");
        let listed = erasures(unit);
        let known: BTreeMap<u64, &Visit> =
            self.visits.iter().map(|visit| (visit.id, visit)).collect();
        for id in &seen {
            let visit = known.get(id).unwrap_or_else(|| panic!("seed {seed}: nobody sent {id}"));
            assert!(!self.is_erased(visit, Some(&listed)), "seed {seed}: {visit:?} was erased");
        }
        for visit in &self.visits {
            let may_be_gone = self.is_erased(visit, None) || visit.hour + STAYS < self.hour;
            assert!(may_be_gone || seen.contains(&visit.id), "seed {seed}: {visit:?} is missing");
        }
        for person in 0..4 {
            let mut own = self.visits.iter().filter(|visit| visit.person == person);
            let is_under_way = self.erasures.iter().any(|erasure| {
                erasure.person == person
                    && erasure.id.is_some_and(|id| listed.get(&id) != Some(&true))
            });
            if !is_under_way && own.all(|visit| self.is_erased(visit, Some(&listed))) {
                let found = blobs_with(disk, &name(person));
                assert!(found.is_empty(), "seed {seed}: {} in {found:?}", name(person));
            }
        }
        if listed.values().all(|is_done| *is_done) {
            self.check_latest(unit, &seen, seed);
        }
    }

    /// The newest row of a room that was not erased is in the table. Where it left the stream in its time before a newer one was erased,
    /// the room may be without.
    fn check_latest(&self, unit: &Unit, seen: &BTreeSet<u64>, seed: u64) {
        let latest: BTreeMap<u64, u64> =
            ids(unit, "visits_latest").into_iter().map(|id| (room(id), id)).collect();
        for number in 0..7 {
            let mut own = self.visits.iter().filter(|visit| room(visit.id) == number).rev();
            let mut is_newer_erased = false;
            let newest = own.find(|visit| {
                let is_erased = self.is_erased(visit, None);
                is_newer_erased |= is_erased;
                !is_erased
            });
            let found = latest.get(&number);
            match newest {
                Some(visit) if seen.contains(&visit.id) || !is_newer_erased => {
                    assert_eq!(found, Some(&visit.id), "seed {seed}: room {number}");
                }
                Some(visit) => assert!(
                    found.is_none_or(|id| *id == visit.id),
                    "seed {seed}: room {number} has {found:?}, not {}",
                    visit.id
                ),
                None => assert_eq!(found, None, "seed {seed}: room {number}"),
            }
        }
    }

    /// Checks what must be once nothing is due any more.
    pub fn check_done(&self, unit: &Unit, seed: u64) {
        assert!(erasures(unit).values().all(|is_done| *is_done), "seed {seed}: not all is erased");
        let seen = ids(unit, "visits");
        for visit in &self.visits {
            let must_be_gone = self.is_erased(visit, None) || visit.hour + LATE < self.hour;
            assert!(!(must_be_gone && seen.contains(&visit.id)), "seed {seed}: {visit:?} stays");
        }
    }
}

fn call(operation: &str, kind: &str) -> Call {
    Call::new(operation, ResourceRef::new(kind, ""), Principal::User("olga".into()))
}

fn ids(unit: &Unit, table: &str) -> BTreeSet<u64> {
    let rows = unit.sql(&format!("SELECT id FROM {table}")).expect("rows");
    let ids: Vec<u64> = rows.iter().map(|row| row["id"].as_u64().expect("a number")).collect();
    let once: BTreeSet<u64> = ids.iter().copied().collect();
    assert_eq!(once.len(), ids.len(), "a row of {table} is there twice");
    once
}

/// Returns the erasures, and which are done.
fn erasures(unit: &Unit) -> BTreeMap<u64, bool> {
    let rows = unit.sql("SELECT id, state FROM system.erasures").expect("rows");
    let erasure = |row: &Value| (row["id"].as_u64().expect("a number"), row["state"] == "done");
    rows.iter().map(erasure).collect()
}

/// Returns the blobs that have a text, as they are or as Parquet reads them.
fn blobs_with(disk: &SimulatedDisk, text: &str) -> Vec<String> {
    let blobs = disk.blobs();
    let holds = |(name, size): &(String, u64)| {
        let bytes = blobs.read(name, 0..*size).expect("a blob");
        let is_there = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        // What a crash left unfinished cannot be read as a file of rows.
        let is_file = name.ends_with(".parquet") && !name.contains("_delta_log");
        is_there
            || is_file && {
                let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes));
                let mut rows = reader.expect("a file").build().expect("a reader");
                rows.any(|batch| {
                    let table = pretty_format_batches(&[batch.expect("rows")]).expect("a table");
                    table.to_string().contains(text)
                })
            }
    };
    blobs.list("").expect("a list").into_iter().filter(holds).map(|(name, _)| name).collect()
}
