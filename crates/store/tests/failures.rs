//! How a SQLite store behaves when the disk, the file or another process does not.

#![expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]

#[expect(dead_code, reason = "the power cuts need more of it")]
mod workload;

use base::{Entropy, SeededEntropy};
use std::sync::Arc;
use store::{Batch, Chunk, Config, Error, LeftOut, SimulatedDisk, SqliteStore, Store};
use workload::{Contents, Kind, small};

/// What is tried.
const KINDS: [Kind; 2] = [Kind::Tables, Kind::Journal];

/// Bytes of a page.
const PAGE_BYTES: u64 = 4_096;

/// Bytes that a page takes in the write-ahead log.
const FRAME_BYTES: u64 = PAGE_BYTES + 24;

fn open(disk: &SimulatedDisk) -> SqliteStore {
    SqliteStore::open_on(disk, "store", &small()).unwrap()
}

fn put(epoch: u64, key: &str, bytes: usize) -> Batch {
    Batch { epoch, writes: vec![(key.into(), Some(vec![7; bytes]))], ..Batch::default() }
}

#[test]
fn a_second_opening_is_refused_until_the_first_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = SqliteStore::open(&path, &Config::default()).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert!(matches!(SqliteStore::open(&path, &Config::default()), Err(Error::InUse)));
    drop(store);
    assert!(matches!(SqliteStore::open(&path, &Config::default()), Err(Error::InUse)));
    drop(snapshot);
    SqliteStore::open(&path, &Config::default()).unwrap();
}

#[test]
fn a_newer_format_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    drop(SqliteStore::open(&path, &Config::default()).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA user_version = 9").unwrap();
    connection.close().unwrap();
    let before = std::fs::read(&path).unwrap();
    let refused = SqliteStore::open(&path, &Config::default());
    assert!(matches!(refused, Err(Error::Newer { found: 9, known: 1 })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    std::fs::write(&path, "no database at all, but a text that is longer than a header".repeat(30))
        .unwrap();
    assert!(matches!(SqliteStore::open(&path, &Config::default()), Err(Error::Damaged { .. })));
    let path = folder.path().join("other.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE other (a)").unwrap();
    connection.close().unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(SqliteStore::open(&path, &Config::default()), Err(Error::Damaged { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(matches!(
        SqliteStore::open(folder.path(), &Config::default()),
        Err(Error::Unavailable { .. })
    ));
}

#[test]
fn verify_finds_a_gap_a_wrong_end_and_a_wrong_commit_number() {
    let check = |sql: &str, finding: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let store = SqliteStore::open(&path, &Config::default()).unwrap();
        let epoch = store.open_epoch(0).unwrap();
        let chunk = |offset| Chunk { log: "s".into(), offset, count: 2, format: 1, bytes: vec![1] };
        store
            .commit(
                0,
                &Batch { epoch, chunks: vec![chunk(0), chunk(2), chunk(4)], ..Batch::default() },
            )
            .unwrap();
        assert_eq!(store.verify().unwrap(), Vec::<String>::new());
        drop(store);
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
        connection.close().unwrap();
        let store = SqliteStore::open(&path, &Config::default()).unwrap();
        assert_eq!(store.verify().unwrap(), [finding]);
    };
    check("DELETE FROM log WHERE id & 255 = 2", "log `s` goes on at 4 after 2");
    check(
        "UPDATE head SET number = 9 WHERE name = 'log/s'",
        "log `s` ends at 9, but its chunks end at 6",
    );
    check(
        "UPDATE head SET number = 0 WHERE name = 'commit'",
        "a chunk is of commit 1, but the last commit is 0",
    );
    check("DELETE FROM log WHERE id & 255 = 4", "log `s` ends at 6, but its chunks end at 4");
}

#[test]
fn verify_or_opening_finds_a_damaged_page() {
    for seed in 0..20 {
        let disk = SimulatedDisk::new(seed);
        let store = open(&disk);
        let epoch = store.open_epoch(0).unwrap();
        for number in 0..40 {
            store.commit(0, &put(epoch, &format!("key {number}"), 3_000)).unwrap();
        }
        drop(store);
        let pages = disk.size("store").unwrap() / PAGE_BYTES;
        // The first bytes of a page say what it is and where its cells are.
        let page = SeededEntropy::new(seed).number() % pages;
        let start = usize::try_from(page * PAGE_BYTES).unwrap();
        disk.damage("store", start + if page == 0 { 101 } else { 0 });
        match SqliteStore::open_on(&disk, "store", &small()) {
            Ok(store) => assert_ne!(
                store.verify().unwrap(),
                Vec::<String>::new(),
                "seed {seed}, page {page}"
            ),
            Err(error) => {
                assert!(matches!(error, Error::Damaged { .. }), "seed {seed}, page {page}: {error}")
            }
        }
    }
}

#[test]
fn a_full_disk_refuses_commits_serves_reads_and_recovers() {
    let rooms = [0, 100, 8_000, 20_000, 60_000, 200_000];
    for (room, kind) in rooms.into_iter().flat_map(|room| KINDS.map(|kind| (room, kind))) {
        let disk = SimulatedDisk::new(room);
        let store = kind.open(&disk).unwrap();
        let epoch = store.open_epoch(0).unwrap();
        let mut contents = Contents::default();
        let entropy = SeededEntropy::new(room);
        let mut operation = 0;
        let mut next = |contents: &Contents| {
            operation += 1;
            contents.next_batch(epoch, operation, &entropy)
        };
        for _ in 0..10 {
            let batch = next(&contents);
            store.commit(0, &batch).unwrap();
            contents = contents.after(&batch);
        }
        disk.set_room(Some(room));
        let mut refused = 0;
        while refused < 5 {
            let batch = next(&contents);
            match store.commit(0, &batch) {
                Ok(_) => contents = contents.after(&batch),
                Err(Error::Full) => refused += 1,
                Err(error) => panic!("room {room}: {error}"),
            }
            let read = std::thread::scope(|scope| {
                scope.spawn(|| Contents::read(&*store.snapshot().unwrap()).unwrap()).join().unwrap()
            });
            assert_eq!(
                (&read, &Contents::read(&*store.snapshot().unwrap()).unwrap()),
                (&contents, &contents)
            );
        }
        disk.set_room(None);
        for _ in 0..10 {
            let batch = next(&contents);
            store.commit(0, &batch).unwrap();
            contents = contents.after(&batch);
        }
        assert_eq!(store.verify().unwrap(), Vec::<String>::new());
        drop(store);
        let again = kind.open(&disk).unwrap();
        assert_eq!(Contents::read(&*again.snapshot().unwrap()).unwrap(), contents);
    }
}

#[test]
fn a_main_file_that_has_no_room_to_grow_is_not_tried_with_every_commit() {
    const COMMITS: u64 = 20;
    let disk = SimulatedDisk::new(1);
    let store = open(&disk);
    let epoch = store.open_epoch(0).unwrap();
    let commit = |key: &str, bytes| {
        store.commit(0, &put(epoch, key, bytes)).unwrap();
    };
    disk.set_full(Some("store"));
    // A snapshot of another thread keeps the log from being copied until it is long.
    let snapshot =
        std::thread::scope(|scope| scope.spawn(|| store.snapshot().unwrap()).join().unwrap());
    (0..30).for_each(|number| commit(&format!("key {number}"), 3_000));
    drop(snapshot);
    let (syncs, size) = (disk.syncs(), disk.size("store").unwrap());
    (0..COMMITS).for_each(|_| commit("key", 10));
    let syncs = disk.syncs() - syncs;
    // Each commit is a sync, and so is each try: it syncs the log before it copies.
    assert!((COMMITS..COMMITS + COMMITS / 2).contains(&syncs), "{syncs} syncs");
    assert_eq!(disk.size("store").unwrap(), size);
    disk.set_full(None);
    (0..COMMITS).for_each(|_| commit("key", 10));
    assert!(size < disk.size("store").unwrap(), "it is copied once there is room");
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}

/// Commits while syncs fail, checks each answer against what the store shows, and again after a power cut.
fn commit_while_syncs_fail(kind: Kind, seed: u64, counts: &mut [u32; 3]) {
    let entropy = SeededEntropy::new(seed);
    let disk = SimulatedDisk::new(seed);
    let store = kind.open(&disk).unwrap();
    let epoch = store.open_epoch(0).unwrap();
    let mut contents = Contents::default();
    let commits = 5 + entropy.number() % 40;
    disk.fail_syncs(entropy.number() % 40, 1 + entropy.number() % 4);
    let mut possible = vec![contents.clone()];
    for operation in 0..commits {
        let batch = contents.next_batch(epoch, operation, &entropy);
        let after = contents.after(&batch);
        match store.commit(0, &batch) {
            Ok(commit) => {
                assert_eq!(commit, after.commit, "seed {seed}");
                contents = after;
                possible = vec![contents.clone()];
                counts[0] += 1;
            }
            Err(Error::Unavailable { .. }) => counts[1] += 1,
            Err(Error::Unknown) => {
                possible.push(after);
                counts[2] += 1;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
        // Reads go on, and show what is durable; an answer other than `Unknown` is certain.
        assert_eq!(Contents::read(&*store.snapshot().unwrap()).unwrap(), contents, "seed {seed}");
    }
    disk.cut();
    drop(store);
    disk.crash(entropy.number());
    let again = kind.open(&disk).unwrap();
    let found = Contents::read(&*again.snapshot().unwrap()).unwrap();
    assert!(
        possible.contains(&found),
        "seed {seed}: commit {}, not {}",
        found.commit,
        contents.commit
    );
}

#[test]
fn after_a_failed_sync_every_answer_is_true() {
    let seeds =
        std::env::var("CRATON_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    for kind in KINDS {
        let mut counts = [0; 3];
        (0..seeds).for_each(|seed| commit_while_syncs_fail(kind, seed, &mut counts));
        let is_much = counts.iter().all(|count| 20 < *count);
        assert!(is_much, "{kind:?}: done, refused, unknown: {counts:?}");
    }
}

#[test]
fn a_long_log_shrinks_although_snapshots_never_stop() {
    let disk = SimulatedDisk::new(1);
    let config = small();
    let store = open(&disk);
    let epoch = store.open_epoch(0).unwrap();
    let mut held = std::collections::VecDeque::new();
    let mut longest = 0;
    for number in 0..2_000 {
        store.commit(0, &put(epoch, &format!("key {}", number % 50), 3_000)).unwrap();
        // Each snapshot is of another thread, and there is always one.
        let snapshot =
            std::thread::scope(|scope| scope.spawn(|| store.snapshot().unwrap()).join().unwrap());
        held.push_back(snapshot);
        if 10 < held.len() {
            held.pop_front();
        }
        longest = longest.max(disk.size("store-wal").unwrap() / FRAME_BYTES);
    }
    let limit = u64::from(config.wal_pages_max + config.checkpoint_pages);
    assert!(longest < limit, "{longest} pages");
}

#[test]
fn a_snapshot_that_is_held_too_long_is_ended_with_a_reason() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk);
    let epoch = store.open_epoch(0).unwrap();
    store.commit(0, &put(epoch, "key", 10)).unwrap();
    let snapshot =
        std::thread::scope(|scope| scope.spawn(|| store.snapshot().unwrap()).join().unwrap());
    let mut commits = 0;
    while snapshot.get(b"key").is_ok() {
        store.commit(0, &put(epoch, "key", 3_000)).unwrap();
        commits += 1;
        assert!(commits < 1_000);
    }
    let Err(Error::Unavailable { reason }) = snapshot.get(b"key") else {
        panic!("ended otherwise")
    };
    assert!(reason.contains("wal_pages_max"), "{reason}");
    assert_eq!(store.snapshot().unwrap().get(b"key").unwrap(), Some(vec![7; 3_000]));
}

#[test]
fn a_full_disk_ends_snapshots_once_and_not_with_each_commit() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk);
    let epoch = store.open_epoch(0).unwrap();
    let snapshot =
        || std::thread::scope(|scope| scope.spawn(|| store.snapshot().unwrap()).join().unwrap());
    let first = snapshot();
    let mut number = 0;
    while disk.size("store-wal").unwrap() < u64::from(small().wal_pages_max) * FRAME_BYTES {
        store.commit(0, &put(epoch, &format!("key {number}"), 3_000)).unwrap();
        number += 1;
    }
    assert!(first.get(b"key 0").is_ok(), "it has kept the log so far");
    disk.set_room(Some(0));
    let refused = || matches!(store.commit(0, &put(epoch, "late", 3_000)), Err(Error::Full));
    assert!((0..3).all(|_| refused()));
    assert!(first.get(b"key 0").is_err(), "the log is too long for it");
    let second = snapshot();
    assert!(refused());
    assert!(second.get(b"key 0").unwrap().is_some(), "nothing was tried in vain");
    disk.set_room(None);
    store.commit(0, &put(epoch, "late", 3_000)).unwrap();
}

#[test]
fn one_snapshot_more_than_the_limit_is_refused() {
    let disk = SimulatedDisk::new(1);
    let config = Config { snapshots_max: 3, ..small() };
    let store = Arc::new(SqliteStore::open_on(&disk, "store", &config).unwrap());
    let mut held: Vec<_> = (0..3).map(|_| store.snapshot().unwrap()).collect();
    assert!(matches!(store.snapshot(), Err(Error::Unavailable { .. })));
    held.pop();
    assert!(store.snapshot().is_ok());
}

#[test]
fn a_disk_that_lies_looks_well_until_the_power_is_cut() {
    let disk = SimulatedDisk::new(1);
    disk.leave_out(LeftOut::Wal);
    let store = open(&disk);
    let epoch = store.open_epoch(0).unwrap();
    assert_eq!(store.commit(0, &put(epoch, "key", 10)).unwrap(), 1);
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}
