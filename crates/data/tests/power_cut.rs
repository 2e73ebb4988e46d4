//! Power cuts in the middle of anything that is done with tables: what was acknowledged is there, once, for Craton's SQL and for whoever
//! reads the Delta log. What left, by an erasure or in its time, is not there any more; nothing else is missing.
//!
//! `CRATON_SEEDS=1000` runs the full form. `CRATON_DUMP=folder` leaves the tables of each seed there with the rows that SQL sees, for other
//! readers to be held against them (`tests/doors/delta`).

#![expect(clippy::expect_used, reason = "a test ends where a promise is broken")]

#[path = "power_cut/visits.rs"]
mod visits;

use base::{Clock, DrivenClock, Entropy, Problem, SeededEntropy, Time};
use bytes::Bytes;
use data::{Config, Data, Keeper, Round};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::Int64Type;
use kernel::{Call, Engine, Kernel, Parts, Principal, Reply, ResourceRef, Writer};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::{Blobs, JournaledStore, LeftOut, SimulatedDisk, SqliteStore};
use visits::Visits;

/// A clock that goes on by a millisecond with each look, so that a seed always gives the same.
#[derive(Default)]
struct TickingClock(AtomicU64);

impl TickingClock {
    fn tick(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

impl Clock for TickingClock {
    fn business(&self) -> Time {
        self.wall()
    }

    fn wall(&self) -> Time {
        Time(1_700_000_000_000 + self.tick().cast_signed())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.tick())
    }

    fn is_driven(&self) -> bool {
        false
    }

    fn advance(&self, _to: Time) -> bool {
        false
    }
}

/// A unit with nothing but the kernel and the data engine, on a disk that breaks.
struct Unit {
    kernel: Arc<Kernel>,
    writer: Writer,
    keeper: Keeper,
}

fn config() -> Config {
    Config {
        seal_rows: 1,
        seal_bytes: 20_000,
        compact_files: 3,
        newest_rows: 1,
        checkpoint_commits: 3,
        vacuum_ms: 0,
        query_threads: 1,
        ..Config::default()
    }
}

impl Unit {
    fn open(disk: &SimulatedDisk) -> Result<Self, Problem> {
        let below = SqliteStore::open_on(disk, "store.db", &store::Config::default())?;
        let store = JournaledStore::with_fold_bytes(Arc::new(below), 20_000)?;
        let data = Data::new(config(), Arc::new(disk.blobs()));
        let (kernel, writer) = Kernel::new(Parts {
            store: Arc::new(store),
            clock: Arc::new(DrivenClock::new(Time(1_500_000_000_000), TickingClock::default())),
            entropy: Arc::new(SeededEntropy::new(1)),
            engines: vec![Arc::clone(&data) as Arc<dyn Engine>],
            config: kernel::Config::default(),
        })?;
        let keeper = Keeper::new(&data, &kernel);
        Ok(Self { kernel, writer, keeper })
    }

    fn prepare(&mut self) -> Result<(), Problem> {
        let manifest = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        let manifests = json!([
            manifest("User", "olga", json!({"roles": ["owner"]})),
            manifest(
                "Stream",
                "readings",
                json!({"schema": [
                {"name": "id", "type": "int", "required": true}, {"name": "sensor", "type": "text"},
                {"name": "value", "type": "decimal(12,2)"}, {"name": "at", "type": "time"},
            ], "key": ["sensor"], "time": "at"})
            ),
            manifest("Stream", "visits", visits::spec()),
        ]);
        let init = Principal::Unit("init".into());
        let apply = Call::new("resource.apply", ResourceRef::new("resource", ""), init);
        self.call(apply.with(json!({ "manifests": manifests }))).map(|_| ())
    }

    fn call(&mut self, call: Call) -> Result<Reply, Problem> {
        self.writer.turn(&[call]).remove(0)
    }

    fn append(&mut self, first: u64, count: u64) -> Result<(), Problem> {
        let line = |id: u64| {
            format!(
                "{{\"id\":{id},\"sensor\":\"s{}\",\"value\":{}.5,\"at\":\"2018-10-17T17:30:20Z\"}}\n",
                id % 17,
                id % 100
            )
        };
        self.append_lines("readings", (first..first + count).map(line).collect())
    }

    fn append_lines(&mut self, stream: &str, lines: String) -> Result<(), Problem> {
        let stream = ResourceRef::new("stream", stream);
        let mut call = Call::new("stream.append", stream, Principal::User("olga".into()));
        call.media = "application/x-ndjson".into();
        call.body = lines.into_bytes();
        self.call(call).map(|_| ())
    }

    fn keep(&mut self) -> Result<Round, Problem> {
        let writer = &mut self.writer;
        let round = self.keeper.round(&mut |call| writer.turn(&[call]).remove(0))?;
        self.keeper.troubles().first().map_or(Ok(round), |trouble| Err(trouble.clone()))
    }

    fn sql(&self, sql: &str) -> Result<Vec<Value>, Problem> {
        let query =
            Call::new("sql.query", ResourceRef::new("sql", ""), Principal::User("olga".into()));
        let query = query.with(json!({"sql": sql, "format": "json"}));
        let Reply::Stream { pieces, .. } = self.kernel.read(&query)? else { return Ok(Vec::new()) };
        let bytes = pieces.collect::<Result<Vec<_>, _>>()?.concat();
        Ok(serde_json::from_slice(&bytes).expect("JSON"))
    }
}

/// What the test knows: rows that were acknowledged, and rows of which it is not known.
#[derive(Default)]
struct Known {
    acknowledged: BTreeSet<u64>,
    unknown: BTreeSet<u64>,
    next: u64,
    visits: Visits,
}

fn work(
    unit: &mut Unit,
    entropy: &SeededEntropy,
    known: &mut Known,
    steps: u64,
) -> Result<(), Problem> {
    for _ in 0..steps {
        match entropy.number() % 6 {
            0 | 1 => {
                let count = 1 + entropy.number() % 40;
                let ids = known.next..known.next + count;
                known.next += count;
                known.unknown.extend(ids.clone());
                unit.append(ids.start, count)?;
                ids.for_each(|id| {
                    known.unknown.remove(&id);
                    known.acknowledged.insert(id);
                });
            }
            2 => known.visits.work(unit, entropy)?,
            _ => {
                unit.keep()?;
            }
        }
    }
    Ok(())
}

fn check(unit: &Unit, known: &Known, seed: u64) {
    let rows = unit.sql("SELECT id FROM readings ORDER BY _offset").expect("the rows are read");
    let ids: Vec<u64> = rows.iter().map(|row| row["id"].as_u64().expect("a number")).collect();
    let once: BTreeSet<u64> = ids.iter().copied().collect();
    assert_eq!(once.len(), ids.len(), "seed {seed}: a row is there twice");
    let missing: Vec<_> = known.acknowledged.difference(&once).collect();
    assert!(missing.is_empty(), "seed {seed}: {missing:?} were acknowledged and are missing");
    let all: BTreeSet<u64> = known.acknowledged.union(&known.unknown).copied().collect();
    assert!(once.is_subset(&all), "seed {seed}: rows that nobody appended");
    let mut newest: BTreeMap<u64, u64> = BTreeMap::new();
    ids.iter().for_each(|id| {
        newest.insert(id % 17, *id);
    });
    let rows = unit.sql("SELECT id FROM readings_latest").expect("the newest rows are read");
    let found: BTreeMap<u64, u64> =
        rows.iter().filter_map(|row| row["id"].as_u64()).map(|id| (id % 17, id)).collect();
    assert_eq!(found, newest, "seed {seed}");
}

/// Goes through the Delta log as a reader does, from its last checkpoint on, and returns the files that count. Commits before a
/// checkpoint are of no interest to anybody; a power cut may have left any of them.
fn delta_files(blobs: &dyn Blobs, folder: &str) -> BTreeMap<String, u64> {
    let log = format!("{folder}/_delta_log");
    let mut names: Vec<String> =
        blobs.list(&log).expect("a list").into_iter().map(|(name, _)| name).collect();
    names.sort();
    let read = |name: &String| {
        let size = blobs.size(name).expect("a size").expect("a blob");
        blobs.read(name, 0..size).expect("a blob")
    };
    let last = names.iter().rfind(|name| name.ends_with(".checkpoint.parquet"));
    let mut files = last.map_or_else(BTreeMap::new, |name| checkpoint_files(read(name)));
    let begin = last.map_or(log, |name| name.replace("checkpoint.parquet", "json~"));
    for name in names.iter().filter(|name| begin < **name && name.ends_with(".json")) {
        let bytes = read(name);
        for line in kernel::rows(&bytes) {
            let action: Value = serde_json::from_slice(line).expect("an action");
            if let Some(path) = action.pointer("/add/path").and_then(Value::as_str) {
                files.insert(path.to_owned(), action["add"]["size"].as_u64().expect("a size"));
            }
            if let Some(path) = action.pointer("/remove/path").and_then(Value::as_str) {
                files.remove(path);
            }
        }
    }
    files
}

/// Returns the files that a checkpoint names.
fn checkpoint_files(bytes: Vec<u8>) -> BTreeMap<String, u64> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).expect("Parquet");
    let mut files = BTreeMap::new();
    for batch in builder.build().expect("a reader") {
        let batch = batch.expect("rows");
        let added = batch.column_by_name("add").expect("added files").as_struct();
        let paths = added.column_by_name("path").expect("paths").as_string::<i32>();
        let sizes = added.column_by_name("size").expect("sizes").as_primitive::<Int64Type>();
        for row in (0..batch.num_rows()).filter(|row| added.is_valid(*row)) {
            let size = u64::try_from(sizes.value(row)).expect("a size");
            files.insert(paths.value(row).to_owned(), size);
        }
    }
    files
}

/// Checks that what the Delta log names is there, as long as it says.
fn check_delta(disk: &SimulatedDisk, seed: u64) {
    let blobs = disk.blobs();
    for folder in
        ["tables/readings", "tables/readings_latest", "tables/visits", "tables/visits_latest"]
    {
        for (path, size) in delta_files(&blobs, folder) {
            let found = blobs.size(&format!("{folder}/{path}")).expect("a size");
            assert_eq!(found, Some(size), "seed {seed}: {folder}/{path}");
        }
    }
}

/// Leaves the tables as files, and beside them the rows that SQL sees.
fn dump(disk: &SimulatedDisk, unit: &Unit, folder: &Path) {
    let blobs = disk.blobs();
    for (name, size) in blobs.list("tables").expect("a list") {
        let path = folder.join(&name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, blobs.read(&name, 0..size).expect("a blob")).expect("written");
    }
    for table in ["readings", "readings_latest", "visits", "visits_latest"] {
        let columns = if table.starts_with("visits") { "person, room" } else { "sensor, value" };
        let sql = format!("SELECT id, {columns}, at, _offset FROM {table} ORDER BY _offset");
        let rows = unit.sql(&sql).expect("rows");
        let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
        std::fs::write(folder.join(format!("{table}.ndjson")), text).expect("written");
    }
}

fn run(seed: u64) -> u64 {
    run_on(&SimulatedDisk::new(seed), seed)
}

fn run_on(disk: &SimulatedDisk, seed: u64) -> u64 {
    let entropy = SeededEntropy::new(seed);
    let mut known = Known::default();
    let mut unit = Unit::open(disk).expect("a unit opens");
    unit.prepare().expect("prepared");
    let mut cuts = 0;
    for round in 0..3 {
        disk.cut_after(entropy.number() % 600);
        let ended = work(&mut unit, &entropy, &mut known, 60);
        cuts += u64::from(ended.is_err());
        disk.cut();
        drop(unit);
        disk.crash(seed * 10 + round);
        unit =
            Unit::open(disk).unwrap_or_else(|problem| panic!("seed {seed}: {}", problem.message));
        check(&unit, &known, seed);
        known.visits.look(&unit, seed);
        known.visits.check(&unit, disk, seed);
        // What was not known is known now.
        let rows = unit.sql("SELECT id FROM readings").expect("rows");
        known.acknowledged = rows.iter().filter_map(|row| row["id"].as_u64()).collect();
        known.unknown.clear();
        check_delta(disk, seed);
    }
    // What was begun is finished, and then nothing is due.
    while unit.keep().expect("a round") == Round::Worked {}
    check(&unit, &known, seed);
    check_delta(disk, seed);
    known.visits.check(&unit, disk, seed);
    known.visits.check_done(&unit, seed);
    if let Some(folder) = option_env("CRATON_DUMP") {
        for table in ["readings", "readings_latest", "visits", "visits_latest"] {
            let table = ResourceRef::new("table", table);
            let seal = Call::new("table.seal", table, Principal::User("olga".into()));
            unit.call(seal).expect("asked for");
        }
        while unit.keep().expect("a round") == Round::Worked {}
        dump(disk, &unit, &Path::new(&folder).join(seed.to_string()));
    }
    cuts
}

fn option_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_the_power_goes() {
    let seeds: u64 = option_env("CRATON_SEEDS").and_then(|seeds| seeds.parse().ok()).unwrap_or(25);
    let first: u64 = option_env("CRATON_SEED").and_then(|first| first.parse().ok()).unwrap_or(0);
    let cuts: u64 = (first..first + seeds).map(run).sum();
    assert!(seeds < cuts, "the power went {cuts} times in {seeds} seeds");
}

#[test]
fn the_test_above_notices_a_blob_without_its_sync() {
    let broken = (0..40).filter(|seed| {
        let ended = std::panic::catch_unwind(|| {
            let disk = SimulatedDisk::new(*seed);
            disk.leave_out(LeftOut::Blobs);
            run_on(&disk, *seed)
        });
        ended.is_err()
    });
    assert!(0 < broken.count(), "blobs that are not synced are lost with the power");
}
