//! What was deleted is not found on the disk once it was written over: not in the store's file, not in its log.

#![expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]

use base::{Entropy, SeededEntropy};
use std::path::Path;
use std::sync::Arc;
use store::{
    Batch, Chunk, Config, FORMAT_LINES, JournaledStore, SimulatedDisk, SqliteStore, Store,
};

/// What must not be found. It stands in each row that is deleted.
const MARK: &[u8] = b"anna.k@example.org";

/// What must be there afterwards.
const KEPT: &[u8] = b"somebody else";

fn row(text: &[u8], number: u64, bytes: usize) -> Vec<u8> {
    let mut row = [text, b" ", number.to_string().as_bytes()].concat();
    row.resize(row.len().max(bytes), b'.');
    row.push(b'\n');
    row
}

fn chunk(log: &str, offset: u64, bytes: Vec<u8>) -> Chunk {
    Chunk { log: log.into(), offset, count: 1, format: FORMAT_LINES, bytes }
}

/// Commits rows of many lengths with the mark and without it, as chunks and as values.
fn fill(store: &dyn Store, epoch: u64) {
    let entropy = SeededEntropy::new(5);
    for number in 0..300 {
        let bytes = [20, 300, 4_000, 9_000, 70_000][(entropy.number() % 5) as usize];
        let batch = Batch {
            epoch,
            writes: vec![
                (format!("mark {number}").into_bytes(), Some(row(MARK, number, bytes))),
                (format!("kept {number}").into_bytes(), Some(row(KEPT, number, 200))),
            ],
            chunks: vec![
                chunk("mark", number, row(MARK, number, bytes)),
                chunk("kept", number, row(KEPT, number, 200)),
            ],
            ..Batch::default()
        };
        store.commit(0, &batch).unwrap();
    }
}

fn empty(store: &dyn Store, epoch: u64) {
    let keys = (0..300).map(|number| (format!("mark {number}").into_bytes(), None));
    let trims = vec![("mark".to_owned(), 300)];
    store.commit(0, &Batch { epoch, writes: keys.collect(), trims, ..Batch::default() }).unwrap();
}

fn is_found(folder: &Path, text: &[u8]) -> bool {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().any(|path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(text.len()).any(|window| window == text)
    })
}

fn check(open: impl Fn(&Path) -> Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let epoch = store.open_epoch(0).unwrap();
    fill(store.as_ref(), epoch);
    empty(store.as_ref(), epoch);
    assert!(is_found(folder.path(), MARK), "what is deleted stays where it was at first");
    // Written twice: what one time leaves in its own table is gone with the next.
    for _ in 0..2 {
        assert!(store.overwrite_freed().unwrap());
        assert!(store.forget_log().unwrap());
        assert!(!is_found(folder.path(), MARK), "what is deleted is found on the disk");
    }
    assert!(is_found(folder.path(), KEPT));
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.get(b"kept 7").unwrap(), Some(row(KEPT, 7, 200)));
    assert_eq!(snapshot.get(b"mark 7").unwrap(), None);
    let chunks = snapshot.chunks("kept", 0, usize::MAX).unwrap();
    assert_eq!(chunks.iter().map(|chunk| chunk.count).sum::<u32>(), 300);
    drop(snapshot);
    // The room is used again, and everything is sound.
    fill_again(store.as_ref(), epoch);
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}

fn fill_again(store: &dyn Store, epoch: u64) {
    for number in 300..400 {
        let chunks = vec![chunk("kept", number, row(KEPT, number, 20_000))];
        store.commit(0, &Batch { epoch, chunks, ..Batch::default() }).unwrap();
    }
}

#[test]
fn nothing_deleted_is_found_in_the_file_of_a_store() {
    check(|folder| Arc::new(SqliteStore::open(folder.join("store.sqlite"), &small()).unwrap()));
}

#[test]
fn nothing_deleted_is_found_where_a_journal_stands_in_front() {
    check(|folder| {
        let below = SqliteStore::open(folder.join("store.sqlite"), &small()).unwrap();
        Arc::new(JournaledStore::with_fold_bytes(Arc::new(below), 50_000).unwrap())
    });
}

fn small() -> Config {
    Config {
        cache_bytes: 256 << 10,
        checkpoint_pages: 200,
        drain_timeout_ms: 1,
        ..Config::default()
    }
}

#[test]
fn a_snapshot_keeps_the_log_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.sqlite"), &small()).unwrap();
    let epoch = store.open_epoch(0).unwrap();
    fill(&store, epoch);
    let snapshot = store.snapshot().unwrap();
    empty(&store, epoch);
    assert!(store.overwrite_freed().unwrap());
    assert!(!store.forget_log().unwrap());
    assert_eq!(snapshot.get(b"mark 7").unwrap().map(|row| row.starts_with(MARK)), Some(true));
    drop(snapshot);
    assert!(store.forget_log().unwrap());
    assert!(!is_found(folder.path(), MARK));
}

#[test]
fn a_power_cut_while_pages_are_written_over_loses_nothing() {
    for seed in 0..15 {
        let disk = SimulatedDisk::new(seed);
        let open = || SqliteStore::open_on(&disk, "store", &small()).unwrap();
        let store = open();
        let epoch = store.open_epoch(0).unwrap();
        fill(&store, epoch);
        empty(&store, epoch);
        disk.cut_after(seed * 29);
        let outcome = store.overwrite_freed().and_then(|_| store.forget_log());
        disk.cut();
        drop(store);
        disk.crash(seed);
        let store = open();
        assert_eq!(store.verify().unwrap(), Vec::<String>::new(), "seed {seed}: {outcome:?}");
        let chunks = store.snapshot().unwrap().chunks("kept", 0, usize::MAX).unwrap();
        assert_eq!(chunks.iter().map(|chunk| chunk.count).sum::<u32>(), 300, "seed {seed}");
        // What was begun is begun anew.
        assert!(store.overwrite_freed().unwrap(), "seed {seed}");
        assert_eq!(store.verify().unwrap(), Vec::<String>::new(), "seed {seed}");
    }
}
