//! An image of a store, copied while others commit, is the store as it stood at one commit.

#![expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]

use std::path::Path;
use std::sync::Arc;
use store::{
    BLOCK_BYTES, Batch, Chunk, Config, Formats, Image, JournaledStore, SqliteStore, Store,
};

/// Limits so small that logs are shortened all the time.
fn small() -> Config {
    Config { checkpoint_pages: 60, drain_timeout_ms: 1, ..Config::default() }
}

fn journaled(path: &Path, fold_bytes: usize) -> JournaledStore {
    let tables = SqliteStore::open(path, &small()).unwrap();
    JournaledStore::with_fold_bytes(Arc::new(tables), fold_bytes).unwrap()
}

/// Commits a row of each kind; the value says in which commit.
fn commit(store: &dyn Store, epoch: u64, number: u64) {
    let value = format!("{number}").into_bytes();
    let log = |log: &str| Chunk {
        log: log.into(),
        offset: number - 1,
        count: 1,
        format: 7,
        bytes: value.clone(),
    };
    let key = |name: &str| (name.as_bytes().to_vec(), Some(value.clone()));
    let wide = (format!("wide/{number}").into_bytes(), Some(vec![7; 3_000]));
    let batch = Batch {
        epoch,
        writes: vec![key("a"), key("z"), wide],
        chunks: vec![log("events")],
        ..Batch::default()
    };
    assert_eq!(store.commit(0, &batch).unwrap(), number);
}

/// Writes an image into a file.
fn copy(image: &Image, path: &Path, between: &mut dyn FnMut()) {
    let mut bytes = Vec::new();
    for number in 0.. {
        let block = image.blocks.block(number).unwrap();
        if block.is_empty() {
            break;
        }
        assert!(block.len() as u64 <= BLOCK_BYTES);
        bytes.extend(block);
        between();
    }
    assert_eq!(bytes.len() as u64, image.blocks.bytes());
    std::fs::write(path, bytes).unwrap();
}

/// Checks that a store holds what the first commits wrote, and nothing else.
fn check(store: &dyn Store, commits: u64) {
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.commit(), commits);
    let value = format!("{commits}").into_bytes();
    assert_eq!(snapshot.get(b"a").unwrap().as_ref(), Some(&value));
    assert_eq!(snapshot.get(b"z").unwrap().as_ref(), Some(&value));
    assert_eq!(snapshot.log_end("events").unwrap(), commits);
    assert_eq!(snapshot.scan(b"wide/", b"wide0", usize::MAX, false).unwrap().len() as u64, commits);
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());
}

#[test]
fn an_image_stands_still_while_others_commit() {
    // So small that changes are folded now and then, and so large that they stand in the journal alone.
    for fold_bytes in [20 << 10, 64 << 20] {
        let folder = tempfile::tempdir().unwrap();
        let store = journaled(&folder.path().join("store.db"), fold_bytes);
        let epoch = store.open_epoch(0).unwrap();
        (1..=2_500).for_each(|number| commit(&store, epoch, number));
        let image = store.image().unwrap();
        assert_eq!(image.snapshot.commit(), 2_500);
        let mut number = 2_500;
        let path = folder.path().join("copy.db");
        copy(&image, &path, &mut || {
            for _ in 0..300 {
                number += 1;
                commit(&store, epoch, number);
            }
        });
        drop(image);
        assert!(2_500 < number);
        check(&journaled(&path, fold_bytes), 2_500);
        check(&store, number);
    }
}

#[test]
fn a_copy_goes_on_as_a_store_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = journaled(&folder.path().join("store.db"), 20 << 10);
    let epoch = store.open_epoch(0).unwrap();
    (1..=50).for_each(|number| commit(&store, epoch, number));
    let path = folder.path().join("copy.db");
    copy(&store.image().unwrap(), &path, &mut || {});
    let copied = journaled(&path, 20 << 10);
    let epoch = copied.open_epoch(0).unwrap();
    (51..=120).for_each(|number| commit(&copied, epoch, number));
    check(&copied, 120);
    check(&store, 50);
}

#[test]
fn the_format_of_a_store_is_read_without_opening_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    assert_eq!(SqliteStore::format(&path).unwrap(), None);
    drop(SqliteStore::open(&path, &Config::default()).unwrap());
    assert_eq!(SqliteStore::format(&path).unwrap(), Some(SqliteStore::FORMAT));
    let found = SqliteStore::upgrade(&path, &Formats::CURRENT).unwrap();
    assert_eq!(found, SqliteStore::FORMAT, "nothing is left to do");
    std::fs::write(folder.path().join("other"), "not a store").unwrap();
    assert!(SqliteStore::format(folder.path().join("other")).is_err());
}
