//! While changes are brought into the tables of a journaled store, whoever looks is not kept waiting.

#![expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use store::{Batch, Error, JournaledStore, MemoryStore, Snapshot, Store};

const PARTITION: u16 = 0;

/// A store in memory that says when its keys are about to change, and changes them when it is told to.
struct Patient {
    below: MemoryStore,
    begins: Sender<()>,
    may: Mutex<Receiver<()>>,
}

impl Store for Patient {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        self.below.snapshot()
    }

    fn open_epoch(&self, partition: u16) -> Result<u64, Error> {
        self.below.open_epoch(partition)
    }

    fn commit(&self, partition: u16, batch: &Batch) -> Result<u64, Error> {
        if !batch.writes.is_empty() {
            self.begins.send(()).unwrap();
            self.may.lock().unwrap().recv().unwrap();
        }
        self.below.commit(partition, batch)
    }

    fn verify(&self) -> Result<Vec<String>, Error> {
        self.below.verify()
    }
}

fn put(epoch: u64, value: &str) -> Batch {
    let writes = vec![(b"key".to_vec(), Some(value.as_bytes().to_vec()))];
    Batch { epoch, writes, ..Batch::default() }
}

fn value(store: &JournaledStore) -> Vec<u8> {
    let snapshot = store.snapshot().unwrap();
    let pairs = snapshot.scan(b"a", b"z", 10, false).unwrap();
    let value = snapshot.get(b"key").unwrap().unwrap();
    assert_eq!(pairs, [(b"key".to_vec(), value.clone())]);
    value
}

#[test]
fn a_snapshot_opens_while_the_tables_change_and_shows_the_last_commit() {
    let ((begins, begun), (go, may)) = (channel(), channel());
    let below = Patient { below: MemoryStore::new(), begins, may: Mutex::new(may) };
    let store = Arc::new(JournaledStore::with_fold_bytes(Arc::new(below), 64).unwrap());
    let epoch = store.open_epoch(PARTITION).unwrap();
    store.commit(PARTITION, &put(epoch, "one")).unwrap();
    for (before, after) in [("one", "two"), ("two", "three")] {
        let own = Arc::clone(&store);
        let writer =
            std::thread::spawn(move || own.commit(PARTITION, &put(epoch, after)).map(|_| ()));
        begun.recv().unwrap();
        assert_eq!(value(&store), before.as_bytes(), "the tables are about to change");
        let seen = store.snapshot().unwrap();
        go.send(()).unwrap();
        writer.join().unwrap().unwrap();
        assert_eq!(value(&store), after.as_bytes());
        assert_eq!(seen.get(b"key").unwrap().unwrap(), before.as_bytes(), "it stays as it was");
    }
}
