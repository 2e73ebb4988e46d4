//! What every store promises, checked for each of them through the seam only.

#![expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]

mod server;

use base::{Entropy, SeededEntropy};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use store::{
    Batch, Chunk, Config, Error, Expect, FORMAT_LINES, JournaledStore, MemoryStore, Owner, Pair,
    PostgresConfig, PostgresStore, SimulatedDisk, Snapshot, SqliteStore, Store,
};

/// A place where a store can be opened, closed and opened again.
trait Place {
    fn open(&self) -> Arc<dyn Store>;
}

#[derive(Default)]
struct Memory(Arc<MemoryStore>);

impl Place for Memory {
    fn open(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0) as Arc<dyn Store>
    }
}

struct Folder(tempfile::TempDir);

impl Default for Folder {
    fn default() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Place for Folder {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(self.0.path().join("unit/store.sqlite"), &small()).unwrap())
    }
}

struct Simulated(SimulatedDisk);

impl Default for Simulated {
    fn default() -> Self {
        Self(SimulatedDisk::new(1))
    }
}

impl Place for Simulated {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open_on(&self.0, "store", &small()).unwrap())
    }
}

#[derive(Default)]
struct Journaled(Folder);

impl Place for Journaled {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(JournaledStore::with_fold_bytes(self.0.open(), 20 << 10).unwrap())
    }
}

#[derive(Default)]
struct JournaledMemory(Memory);

impl Place for JournaledMemory {
    fn open(&self) -> Arc<dyn Store> {
        // So small that every commit is folded.
        Arc::new(JournaledStore::with_fold_bytes(self.0.open(), 4).unwrap())
    }
}

struct Database(PostgresConfig);

impl Database {
    /// Returns a store of its own in the server; `None` where there is no server.
    fn find() -> Option<Self> {
        let mut config = PostgresConfig::new(server::shared()?.url(), "a");
        config.schema = server::schema();
        // Tests hold on to many snapshots.
        config.transactions_max = 200;
        Some(Self(config))
    }
}

impl Place for Database {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(PostgresStore::open(&self.0, &Owner::default()).unwrap())
    }
}

struct JournaledDatabase(Database);

impl JournaledDatabase {
    fn find() -> Option<Self> {
        Database::find().map(Self)
    }
}

impl Place for JournaledDatabase {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(JournaledStore::with_fold_bytes(self.0.open(), 20 << 10).unwrap())
    }
}

/// Limits so small that the tests reach them: many checkpoints, and pages that do not fit the cache.
fn small() -> Config {
    Config {
        cache_bytes: 256 << 10,
        checkpoint_pages: 60,
        drain_timeout_ms: 1,
        ..Config::default()
    }
}

macro_rules! suite {
    ($($promise:ident)*) => {
        mod memory { $(#[test] fn $promise() { super::$promise(&super::Memory::default()); })* }
        mod sqlite { $(#[test] fn $promise() { super::$promise(&super::Folder::default()); })* }
        mod journaled { $(#[test] fn $promise() { super::$promise(&super::Journaled::default()); })* }
        mod journaled_memory { $(#[test] fn $promise() { super::$promise(&super::JournaledMemory::default()); })* }
        mod simulated { $(#[test] fn $promise() { super::$promise(&super::Simulated::default()); })* }
        mod postgres {
            $(#[test] fn $promise() {
                if let Some(place) = super::Database::find() { super::$promise(&place); }
            })*
        }
        mod journaled_postgres {
            $(#[test] fn $promise() {
                if let Some(place) = super::JournaledDatabase::find() { super::$promise(&place); }
            })*
        }
    };
}

suite! {
    a_commit_is_seen_by_the_next_snapshot
    a_snapshot_never_changes
    a_snapshot_outlives_its_store_and_its_thread
    scans_go_both_ways_within_limits
    logs_have_no_gaps
    chunks_begin_where_one_asks_and_end_at_the_limit
    a_trim_drops_whole_chunks_and_keeps_the_end
    a_commit_that_folds_is_a_commit_like_any_other
    logs_are_listed_by_prefix
    a_broken_expectation_changes_nothing
    an_older_writer_is_fenced_off
    opening_again_keeps_everything
    readers_on_other_threads_see_whole_commits
    random_operations_match_a_model
    lines_read_the_same_however_they_are_stored
}

fn put(key: &str, value: &str) -> (Vec<u8>, Option<Vec<u8>>) {
    (key.into(), Some(value.into()))
}

fn chunk(log: &str, offset: u64, count: u32, bytes: &str) -> Chunk {
    // Not lines: such chunks stay as they are.
    Chunk { log: log.into(), offset, count, format: FORMAT_LINES + 1, bytes: bytes.into() }
}

fn writes(epoch: u64, writes: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Batch {
    Batch { epoch, writes, ..Batch::default() }
}

fn chunks(epoch: u64, chunks: Vec<Chunk>) -> Batch {
    Batch { epoch, chunks, ..Batch::default() }
}

fn shown(pairs: Vec<Pair>) -> String {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    pairs.into_iter().map(|(key, value)| format!("{}={} ", text(key), text(value))).collect()
}

fn offsets(snapshot: &dyn Snapshot, log: &str, offset: u64, bytes: usize) -> Vec<u64> {
    snapshot.chunks(log, offset, bytes).unwrap().iter().map(|chunk| chunk.offset).collect()
}

fn a_commit_is_seen_by_the_next_snapshot(place: &dyn Place) {
    let store = place.open();
    assert_eq!(store.snapshot().unwrap().commit(), 0);
    let epoch = store.open_epoch(0).unwrap();
    let batch = Batch {
        chunks: vec![chunk("s", 0, 2, "ab"), chunk("s", 2, 1, "c"), chunk("t", 0, 0, "")],
        ..writes(epoch, vec![put("a", "1"), put("b", ""), (b"c".to_vec(), None)])
    };
    assert_eq!(store.commit(0, &batch).unwrap(), 1);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.commit(), 1);
    assert_eq!(shown(snapshot.scan(b"a", b"z", 9, false).unwrap()), "a=1 b= ");
    assert_eq!(snapshot.get(b"c").unwrap(), None);
    assert_eq!(snapshot.chunks("s", 0, 99).unwrap(), batch.chunks[..2]);
    assert_eq!((snapshot.log_end("s").unwrap(), snapshot.log_end("t").unwrap()), (3, 0));
    drop(snapshot);
    assert_eq!(
        store.commit(0, &writes(epoch, vec![put("a", "2"), (b"b".to_vec(), None)])).unwrap(),
        2
    );
    let snapshot = store.snapshot().unwrap();
    assert_eq!(shown(snapshot.scan(b"a", b"z", 9, false).unwrap()), "a=2 ");
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}

fn a_snapshot_never_changes(place: &dyn Place) {
    let store = place.open();
    let empty = store.snapshot().unwrap();
    let epoch = store.open_epoch(0).unwrap();
    let first = Batch {
        chunks: vec![chunk("s", 0, 1, "x")],
        ..writes(epoch, vec![put("a", "1"), put("b", "1")])
    };
    store.commit(0, &first).unwrap();
    let one = store.snapshot().unwrap();
    let trims = vec![("s".to_owned(), 1)];
    let second =
        Batch { trims, ..writes(epoch, vec![put("a", "2"), (b"b".to_vec(), None), put("c", "2")]) };
    store.commit(0, &second).unwrap();
    let two = store.snapshot().unwrap();
    for number in 0..50 {
        store
            .commit(0, &writes(epoch, vec![put("a", &"3".repeat(number * 100)), put("b", "3")]))
            .unwrap();
    }
    let scan = |snapshot: &dyn Snapshot| shown(snapshot.scan(b"", b"z", 9, false).unwrap());
    assert_eq!(
        (scan(&*empty), offsets(&*empty, "s", 0, 99), empty.commit()),
        (String::new(), vec![], 0)
    );
    assert_eq!(
        (scan(&*one), offsets(&*one, "s", 0, 99), one.commit()),
        ("a=1 b=1 ".into(), vec![0], 1)
    );
    assert_eq!(
        (scan(&*two), offsets(&*two, "s", 0, 99), two.commit()),
        ("a=2 c=2 ".into(), vec![], 2)
    );
    assert_eq!((empty.log_end("s").unwrap(), two.log_end("s").unwrap()), (0, 1));
    assert_eq!(empty.logs("").unwrap(), Vec::<String>::new());
}

fn a_snapshot_outlives_its_store_and_its_thread(place: &dyn Place) {
    let store = place.open();
    let epoch = store.open_epoch(0).unwrap();
    store.commit(0, &writes(epoch, vec![put("a", "1")])).unwrap();
    let (moved, kept) = (store.snapshot().unwrap(), store.snapshot().unwrap());
    let reader = std::thread::spawn(move || moved.get(b"a").unwrap());
    store.commit(0, &writes(epoch, vec![put("a", "2")])).unwrap();
    assert_eq!(reader.join().unwrap(), Some(b"1".to_vec()));
    drop(store);
    assert_eq!(kept.get(b"a").unwrap(), Some(b"1".to_vec()));
}

fn scans_go_both_ways_within_limits(place: &dyn Place) {
    let store = place.open();
    let epoch = store.open_epoch(0).unwrap();
    store
        .commit(0, &writes(epoch, ["a", "b", "ba", "c", "d"].map(|key| put(key, key)).into()))
        .unwrap();
    let snapshot = store.snapshot().unwrap();
    let scan = |from: &str, to: &str, limit, is_reverse| {
        shown(snapshot.scan(from.as_bytes(), to.as_bytes(), limit, is_reverse).unwrap())
    };
    assert_eq!(scan("b", "d", 9, false), "b=b ba=ba c=c ");
    assert_eq!(scan("b", "d", 9, true), "c=c ba=ba b=b ");
    assert_eq!(scan("b", "d", 2, false), "b=b ba=ba ");
    assert_eq!(scan("", "zz", 2, true), "d=d c=c ");
    assert_eq!(scan("", "zz", usize::MAX, false).len(), 22);
    assert_eq!(
        scan("a", "zz", 0, false) + &scan("d", "b", 9, false) + &scan("b", "b", 9, true),
        ""
    );
}

fn logs_have_no_gaps(place: &dyn Place) {
    let store = place.open();
    let epoch = store.open_epoch(0).unwrap();
    store.commit(0, &chunks(epoch, vec![chunk("s", 0, 3, "abc")])).unwrap();
    for offset in [0, 2, 4] {
        let batch = chunks(epoch, vec![chunk("s", offset, 1, "x")]);
        assert!(
            catch_unwind(AssertUnwindSafe(|| store.commit(0, &batch))).is_err(),
            "offset {offset}"
        );
    }
    assert_eq!(store.commit(0, &chunks(epoch, vec![chunk("s", 3, 1, "d")])).unwrap(), 2);
    assert_eq!(offsets(&*store.snapshot().unwrap(), "s", 0, 99), [0, 3]);
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}

fn chunks_begin_where_one_asks_and_end_at_the_limit(place: &dyn Place) {
    let store = place.open();
    let epoch = store.open_epoch(0).unwrap();
    // A log beside it on either side, which must not show.
    for log in ["r", "s", "t"] {
        for number in 0..4 {
            store
                .commit(0, &chunks(epoch, vec![chunk(log, number * 10, 10, "0123456789")]))
                .unwrap();
        }
    }
    let snapshot = store.snapshot().unwrap();
    let found = |offset, bytes| offsets(&*snapshot, "s", offset, bytes);
    assert_eq!(found(0, 99), [0, 10, 20, 30]);
    assert_eq!(
        (found(9, 99), found(10, 99), found(25, 99)),
        (vec![0, 10, 20, 30], vec![10, 20, 30], vec![20, 30])
    );
    assert_eq!(
        (found(0, 0), found(0, 9), found(0, 10), found(0, 20)),
        (vec![0], vec![0], vec![0, 10], vec![0, 10, 20])
    );
    assert_eq!((found(39, 0), found(40, 99), found(u64::MAX, 99)), (vec![30], vec![], vec![]));
    assert_eq!(offsets(&*snapshot, "q", 0, 99), Vec::<u64>::new());
}

fn a_trim_drops_whole_chunks_and_keeps_the_end(place: &dyn Place) {
    let store = place.open();
    let epoch = store.open_epoch(0).unwrap();
    store
        .commit(0, &chunks(epoch, (0..4).map(|number| chunk("s", number * 10, 10, "x")).collect()))
        .unwrap();
    store.commit(0, &chunks(epoch, vec![chunk("t", 0, 10, "x")])).unwrap();
    let trim = |offset| {
        let trims = vec![("s".to_owned(), offset), ("unknown".to_owned(), 5)];
        store.commit(0, &Batch { epoch, trims, ..Batch::default() }).unwrap();
        assert_eq!(store.verify().unwrap(), Vec::<String>::new());
        let snapshot = store.snapshot().unwrap();
        (offsets(&*snapshot, "s", 0, 99), snapshot.log_end("s").unwrap())
    };
    assert_eq!(trim(19), (vec![10, 20, 30], 40));
    assert_eq!(trim(20), (vec![20, 30], 40));
    assert_eq!(trim(5), (vec![20, 30], 40));
    assert_eq!(trim(u64::MAX), (vec![], 40));
    store.commit(0, &chunks(epoch, vec![chunk("s", 40, 1, "x")])).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(
        (offsets(&*snapshot, "s", 0, 99), offsets(&*snapshot, "t", 0, 99)),
        (vec![40], vec![0])
    );
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}

fn a_commit_that_folds_is_a_commit_like_any_other(place: &dyn Place) {
    let store = place.open();
    let epoch = store.open_epoch(0).unwrap();
    store.commit(0, &writes(epoch, vec![put("a", "1"), put("b", "1")])).unwrap();
    let before = store.snapshot().unwrap();
    let chunks = vec![chunk("s", 0, 1, "x")];
    let changes = writes(epoch, vec![(b"a".to_vec(), None), put("c", "2")]);
    assert_eq!(store.commit(0, &Batch { folds: true, chunks, ..changes }).unwrap(), 2);
    // Nothing but that it folds is a commit, too.
    assert_eq!(store.commit(0, &Batch { epoch, folds: true, ..Batch::default() }).unwrap(), 3);
    assert_eq!(shown(before.scan(b"a", b"z", 9, false).unwrap()), "a=1 b=1 ");
    drop(before);
    assert_eq!(store.commit(0, &chunks_behind(epoch)).unwrap(), 4);
    drop(store);
    let snapshot = place.open().snapshot().unwrap();
    assert_eq!((snapshot.commit(), snapshot.log_end("s").unwrap()), (4, 2));
    assert_eq!(shown(snapshot.scan(b"a", b"z", 9, false).unwrap()), "b=1 c=2 ");
}

fn chunks_behind(epoch: u64) -> Batch {
    chunks(epoch, vec![chunk("s", 1, 1, "y")])
}

#[test]
fn a_commit_that_folds_leaves_no_record_of_those_before() {
    let below = Arc::new(MemoryStore::new());
    let store = JournaledStore::open(Arc::clone(&below) as Arc<dyn Store>).unwrap();
    let epoch = store.open_epoch(0).unwrap();
    let records = || {
        let snapshot = below.snapshot().unwrap();
        let chunks = snapshot.chunks("store/journal", 0, usize::MAX).unwrap();
        chunks.iter().filter(|chunk| chunk.bytes.windows(4).any(|bytes| bytes == b"mark")).count()
    };
    store.commit(0, &writes(epoch, vec![put("a", "mark")])).unwrap();
    assert_eq!(records(), 1, "the control");
    let changes = writes(epoch, vec![(b"a".to_vec(), None), put("b", "mark")]);
    store.commit(0, &Batch { folds: true, ..changes }).unwrap();
    assert_eq!(records(), 0);
    assert_eq!(shown(store.snapshot().unwrap().scan(b"a", b"z", 9, false).unwrap()), "b=mark ");
}

fn logs_are_listed_by_prefix(place: &dyn Place) {
    let store = place.open();
    let epoch = store.open_epoch(0).unwrap();
    let names = ["stream/a", "stream/b", "stream_c", "Stream/d", "system/%", "ä"];
    store.commit(0, &chunks(epoch, names.map(|log| chunk(log, 0, 1, "x")).into())).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.logs("stream/").unwrap(), ["stream/a", "stream/b"]);
    assert_eq!(snapshot.logs("system/%").unwrap(), ["system/%"]);
    assert_eq!(snapshot.logs("ä").unwrap(), ["ä"]);
    assert_eq!(snapshot.logs("").unwrap().len(), 6);
    assert_eq!(snapshot.logs("x").unwrap(), Vec::<String>::new());
}

fn a_broken_expectation_changes_nothing(place: &dyn Place) {
    let store = place.open();
    let epoch = store.open_epoch(0).unwrap();
    store.commit(0, &writes(epoch, vec![put("a", "1")])).unwrap();
    let expect = |key: &str, value: Option<&str>| {
        let expects = vec![Expect { key: key.into(), value: value.map(Into::into) }];
        Batch { expects, chunks: vec![chunk("s", 0, 1, "x")], ..writes(epoch, vec![put("b", "1")]) }
    };
    for broken in [expect("a", None), expect("a", Some("2")), expect("b", Some("1"))] {
        assert!(matches!(store.commit(0, &broken), Err(Error::Expected)));
        let snapshot = store.snapshot().unwrap();
        assert_eq!(
            (snapshot.commit(), snapshot.get(b"b").unwrap(), snapshot.log_end("s").unwrap()),
            (1, None, 0)
        );
    }
    assert_eq!(store.commit(0, &expect("a", Some("1"))).unwrap(), 2);
    // Where the expectation is broken, a chunk may well be in the wrong place: that is no lost count.
    assert!(matches!(store.commit(0, &expect("a", None)), Err(Error::Expected)));
    let absent = Batch { chunks: vec![], ..expect("c", None) };
    assert_eq!(store.commit(0, &absent).unwrap(), 3);
}

fn an_older_writer_is_fenced_off(place: &dyn Place) {
    let store = place.open();
    assert!(matches!(store.commit(0, &writes(1, vec![])), Err(Error::Fenced { epoch: 0 })));
    let old = store.open_epoch(0).unwrap();
    assert_eq!(store.open_epoch(7).unwrap(), 1);
    assert_eq!(store.commit(0, &writes(old, vec![put("a", "1")])).unwrap(), 1);
    drop(store);
    let store = place.open();
    let new = store.open_epoch(0).unwrap();
    assert!(old < new);
    assert!(
        matches!(store.commit(0, &writes(old, vec![put("a", "2")])), Err(Error::Fenced { epoch }) if epoch == new)
    );
    assert_eq!(store.commit(7, &writes(1, vec![])).unwrap(), 2);
    assert_eq!(store.snapshot().unwrap().get(b"a").unwrap(), Some(b"1".to_vec()));
}

fn opening_again_keeps_everything(place: &dyn Place) {
    let store = place.open();
    let epoch = store.open_epoch(0).unwrap();
    let long = "v".repeat(100_000);
    let batch =
        Batch { chunks: vec![chunk("s", 0, 5, &long)], ..writes(epoch, vec![put("a", &long)]) };
    store.commit(0, &batch).unwrap();
    drop(store);
    let store = place.open();
    let snapshot = store.snapshot().unwrap();
    assert_eq!((snapshot.commit(), snapshot.get(b"a").unwrap()), (1, Some(long.clone().into())));
    assert_eq!(snapshot.chunks("s", 4, 0).unwrap(), batch.chunks);
    drop(snapshot);
    let epoch = store.open_epoch(0).unwrap();
    assert_eq!(
        store
            .commit(0, &chunks(epoch, vec![chunk("t", 0, 1, "x"), chunk("s", 5, 1, "x")]))
            .unwrap(),
        2
    );
    drop(store);
    let store = place.open();
    assert_eq!(offsets(&*store.snapshot().unwrap(), "s", 5, 99), [5]);
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}

fn readers_on_other_threads_see_whole_commits(place: &dyn Place) {
    let store = place.open();
    let epoch = store.open_epoch(0).unwrap();
    let is_done = Mutex::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !*is_done.lock().unwrap() {
                    let snapshot = store.snapshot().unwrap();
                    let (a, b) = (snapshot.get(b"a").unwrap(), snapshot.get(b"b").unwrap());
                    assert_eq!(a, b);
                    let number = a.map_or(0, |a| String::from_utf8(a).unwrap().parse().unwrap());
                    assert_eq!(snapshot.commit(), number);
                    assert_eq!(snapshot.log_end("s").unwrap(), number);
                }
            });
        }
        for number in 0..300 {
            let text = (number + 1).to_string();
            let batch = Batch {
                chunks: vec![chunk("s", number, 1, &text)],
                ..writes(epoch, vec![put("a", &text), put("b", &text)])
            };
            store.commit(0, &batch).unwrap();
        }
        *is_done.lock().unwrap() = true;
    });
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}

/// What a store should hold.
#[derive(Clone, Default)]
struct Model {
    commit: u64,
    keys: BTreeMap<Vec<u8>, Vec<u8>>,
    logs: BTreeMap<String, (Vec<Chunk>, u64)>,
}

impl Model {
    fn apply(&mut self, batch: &Batch) {
        self.commit += 1;
        for (key, value) in &batch.writes {
            match value {
                Some(value) => self.keys.insert(key.clone(), value.clone()),
                None => self.keys.remove(key),
            };
        }
        for chunk in &batch.chunks {
            let (chunks, end) = self.logs.entry(chunk.log.clone()).or_default();
            chunks.push(chunk.clone());
            *end += u64::from(chunk.count);
        }
        for (log, offset) in &batch.trims {
            if let Some((chunks, _)) = self.logs.get_mut(log) {
                chunks.retain(|chunk| *offset < chunk.offset + u64::from(chunk.count));
            }
        }
    }

    fn random_batch(&self, epoch: u64, entropy: &SeededEntropy) -> Batch {
        let below = |limit: u64| entropy.number() % limit;
        let mut keys = BTreeMap::new();
        for _ in 0..below(20) {
            let value = vec![below(256) as u8; [0, 10, 300, 2_000, 9_000][below(5) as usize]];
            keys.insert(
                format!("{}/{}", below(3), below(100)).into_bytes(),
                (below(4) != 0).then_some(value),
            );
        }
        let mut batch = Batch { epoch, writes: keys.into_iter().collect(), ..Batch::default() };
        let mut after = self.clone();
        for _ in 0..below(4) {
            let log = format!("log/{}", below(3));
            let offset = after.logs.get(&log).map_or(0, |(_, end)| *end);
            let bytes = vec![below(256) as u8; below(3_000) as usize];
            // Not lines: such chunks stay as they are.
            let format = FORMAT_LINES + 1 + below(2) as u8;
            let chunk = Chunk { log, offset, count: 1 + below(20) as u32, format, bytes };
            after.apply(&Batch { chunks: vec![chunk.clone()], ..Batch::default() });
            batch.chunks.push(chunk);
        }
        if below(8) == 0 {
            let log = format!("log/{}", below(3));
            let end = after.logs.get(&log).map_or(0, |(_, end)| *end);
            batch.trims.push((log, below(end + 5)));
        }
        batch
    }

    fn check(&self, snapshot: &dyn Snapshot, entropy: &SeededEntropy) {
        assert_eq!(snapshot.commit(), self.commit);
        let bound = || format!("{}/{}", entropy.number() % 4, entropy.number() % 100).into_bytes();
        let (from, to, limit) = (bound(), bound(), (entropy.number() % 60) as usize);
        let own = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        let within = || self.keys.iter().filter(|(key, _)| from <= **key && **key < to).map(own);
        assert_eq!(
            snapshot.scan(&from, &to, limit, false).unwrap(),
            within().take(limit).collect::<Vec<_>>()
        );
        assert_eq!(
            snapshot.scan(&from, &to, limit, true).unwrap(),
            within().rev().take(limit).collect::<Vec<_>>()
        );
        assert_eq!(snapshot.get(&from).unwrap().as_ref(), self.keys.get(&from));
        for (name, (chunks, end)) in &self.logs {
            assert_eq!(snapshot.log_end(name).unwrap(), *end);
            let offset = entropy.number() % (end + 2);
            let mut found = snapshot.chunks(name, offset, usize::MAX).unwrap();
            let expected =
                chunks.iter().filter(|chunk| offset < chunk.offset + u64::from(chunk.count));
            assert!(expected.clone().eq(&found), "log {name} from {offset}");
            found.truncate(1);
            assert_eq!(snapshot.chunks(name, offset, 0).unwrap(), found);
        }
        assert!(self.logs.keys().cloned().eq(snapshot.logs("log/").unwrap()));
    }
}

fn random_operations_match_a_model(place: &dyn Place) {
    for seed in 0..3 {
        let entropy = SeededEntropy::new(seed);
        let mut store = place.open();
        let mut epoch = store.open_epoch(0).unwrap();
        // The memory place opens the same store again: start from what is there.
        let mut model = Model { commit: store.snapshot().unwrap().commit(), ..Model::default() };
        clear(&*store, epoch, &mut model);
        let mut held = Vec::new();
        for _ in 0..200 {
            let batch = model.random_batch(epoch, &entropy);
            model.commit = store.commit(0, &batch).unwrap() - 1;
            model.apply(&batch);
            model.check(&*store.snapshot().unwrap(), &entropy);
            match entropy.number() % 20 {
                0..3 => held.push((store.snapshot().unwrap(), model.clone())),
                3..6 if !held.is_empty() => {
                    drop(held.swap_remove(entropy.number() as usize % held.len()))
                }
                6 => {
                    held.clear();
                    drop(store);
                    store = place.open();
                    epoch = store.open_epoch(0).unwrap();
                }
                _ => {}
            }
            held.iter().for_each(|(snapshot, model)| model.check(&**snapshot, &entropy));
        }
        drop(held);
        assert_eq!(store.verify().unwrap(), Vec::<String>::new(), "seed {seed}");
    }
}

fn lines_read_the_same_however_they_are_stored(place: &dyn Place) {
    let store = place.open();
    let epoch = store.open_epoch(0).unwrap();
    let line = |number: u64| format!("{{\"row\":{number}}}\n").repeat(1 + number as usize % 90);
    let mut whole = String::new();
    for number in 0..300 {
        let (text, offset) = (line(number), whole.lines().count() as u64);
        let chunk =
            Chunk { format: FORMAT_LINES, ..chunk("lines", offset, 1 + number as u32 % 90, &text) };
        store.commit(0, &chunks(epoch, vec![chunk])).unwrap();
        whole.push_str(&text);
    }
    let snapshot = store.snapshot().unwrap();
    let all: Vec<&str> = whole.lines().collect();
    assert_eq!(snapshot.log_end("lines").unwrap(), all.len() as u64);
    for from in [0, 1, 89, 90, 5_000, all.len() - 1] {
        let found = snapshot.chunks("lines", from as u64, usize::MAX).unwrap();
        let skipped = from - found[0].offset as usize;
        let text: Vec<u8> = found.iter().flat_map(|chunk| chunk.bytes.clone()).collect();
        let text = String::from_utf8(text).unwrap();
        assert!(text.lines().skip(skipped).eq(all[from..].iter().copied()), "from {from}");
        assert!(found.iter().all(
            |chunk| chunk.count as usize == chunk.bytes.iter().filter(|b| **b == b'\n').count()
        ));
        assert!(
            found.windows(2).all(|two| two[0].offset + u64::from(two[0].count) == two[1].offset)
        );
    }
}

/// Empties a store as far as can be: keys and chunks go, ends stay.
fn clear(store: &dyn Store, epoch: u64, model: &mut Model) {
    let snapshot = store.snapshot().unwrap();
    let keys = snapshot.scan(b"", b"zz", usize::MAX, false).unwrap();
    let logs = snapshot.logs("").unwrap();
    let trims = logs.iter().map(|log| (log.clone(), u64::MAX)).collect();
    let writes = keys.into_iter().map(|(key, _)| (key, None)).collect();
    for log in logs {
        let end = snapshot.log_end(&log).unwrap();
        model.logs.insert(log, (Vec::new(), end));
    }
    drop(snapshot);
    model.commit = store.commit(0, &Batch { epoch, writes, trims, ..Batch::default() }).unwrap();
}
