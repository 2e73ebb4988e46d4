//! How often a journaled store looks at the tables below it: each look is a round trip where they lie in a database.

#![expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::{Batch, Chunk, Error, JournaledStore, MemoryStore, Pair, Snapshot, Store};

/// A store in memory that counts looks at keys.
struct Counted {
    below: MemoryStore,
    looks: Arc<AtomicUsize>,
    is_remote: bool,
}

struct CountedSnapshot {
    below: Box<dyn Snapshot>,
    looks: Arc<AtomicUsize>,
}

impl Counted {
    fn new(is_remote: bool) -> Arc<Self> {
        Arc::new(Self { below: MemoryStore::new(), looks: Arc::default(), is_remote })
    }

    /// Returns how many looks something takes.
    fn looks(&self, work: impl FnOnce()) -> usize {
        let before = self.looks.load(Ordering::SeqCst);
        work();
        self.looks.load(Ordering::SeqCst) - before
    }
}

impl Store for Counted {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        let (below, looks) = (self.below.snapshot()?, Arc::clone(&self.looks));
        Ok(Box::new(CountedSnapshot { below, looks }))
    }

    fn is_remote(&self) -> bool {
        self.is_remote
    }

    fn open_epoch(&self, partition: u16) -> Result<u64, Error> {
        self.below.open_epoch(partition)
    }

    fn commit(&self, partition: u16, batch: &Batch) -> Result<u64, Error> {
        self.below.commit(partition, batch)
    }

    fn verify(&self) -> Result<Vec<String>, Error> {
        self.below.verify()
    }
}

impl Snapshot for CountedSnapshot {
    fn commit(&self) -> u64 {
        self.below.commit()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.below.get(key)
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        is_reverse: bool,
    ) -> Result<Vec<Pair>, Error> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.below.scan(from, to, limit, is_reverse)
    }

    fn chunks(&self, log: &str, offset: u64, bytes: usize) -> Result<Vec<Chunk>, Error> {
        self.below.chunks(log, offset, bytes)
    }

    fn log_end(&self, log: &str) -> Result<u64, Error> {
        self.below.log_end(log)
    }

    fn logs(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.below.logs(prefix)
    }
}

fn key(queue: &str, number: u32) -> Vec<u8> {
    [queue.as_bytes(), &number.to_be_bytes()].concat()
}

fn change(epoch: u64, keys: &[Vec<u8>], value: Option<&[u8]>) -> Batch {
    let writes = keys.iter().map(|key| (key.clone(), value.map(<[u8]>::to_vec))).collect();
    Batch { epoch, writes, ..Batch::default() }
}

/// Opens a journaled store whose tables hold some keys of the queues `b` and `d`, and nothing between.
fn open(tables: &Arc<Counted>) -> (JournaledStore, u64) {
    let store = JournaledStore::open(Arc::clone(tables) as Arc<dyn Store>).unwrap();
    let epoch = store.open_epoch(0).unwrap();
    let keys: Vec<_> = (0..50).flat_map(|number| [key("b", number), key("d", number)]).collect();
    let folded = Batch { folds: true, ..change(epoch, &keys, Some(b"old")) };
    store.commit(0, &folded).unwrap();
    (store, epoch)
}

#[test]
fn keys_that_are_not_there_are_looked_for_once() {
    let tables = Counted::new(false);
    let (store, epoch) = open(&tables);
    let looks = tables.looks(|| {
        for number in 0..1_000 {
            assert_eq!(store.snapshot().unwrap().get(&key("c", number)).unwrap(), None);
        }
    });
    assert_eq!(looks, 1, "the first look tells where the next key is");
    // Also where they are looked for against their order.
    let looks = tables.looks(|| {
        for number in (50..1_000).rev() {
            assert_eq!(store.snapshot().unwrap().get(&key("b", number)).unwrap(), None);
        }
    });
    assert_eq!(looks, 950, "a look tells nothing of what lies before it");
    // What the tables have is seen all the same, also where the gap ends and behind it.
    let shown = |key: &[u8]| store.snapshot().unwrap().get(key).unwrap();
    assert_eq!(shown(&key("b", 49)), Some(b"old".to_vec()));
    assert_eq!(shown(&key("d", 0)), Some(b"old".to_vec()));
    assert_eq!(shown(&key("d", 50)), None);
    assert_eq!(shown(&[0xff; 40]), None);
    // A fold fills the gap, and what was known of the time before counts no more.
    let folded = Batch { folds: true, ..change(epoch, &[key("c", 7)], Some(b"new")) };
    store.commit(0, &folded).unwrap();
    assert_eq!(shown(&key("c", 7)), Some(b"new".to_vec()));
    assert_eq!((shown(&key("c", 6)), shown(&key("c", 8))), (None, None));
}

#[test]
fn what_is_due_is_looked_for_once_while_nothing_is() {
    let tables = Counted::new(false);
    let (store, epoch) = open(&tables);
    let due = |queue: &str, until: u32| {
        store.snapshot().unwrap().scan(queue.as_bytes(), &key(queue, until), 10, false).unwrap()
    };
    let looks = tables.looks(|| (0..1_000).for_each(|until| assert!(due("c", until).is_empty())));
    assert_eq!(looks, 1);
    assert_eq!(due("b", 1).len(), 1, "what is there is due");
    // What came since is seen, and what the tables had to begin with.
    store.commit(0, &change(epoch, &[key("c", 20), key("c", 30)], Some(b"new"))).unwrap();
    let looks = tables.looks(|| {
        assert!(due("c", 20).is_empty());
        assert_eq!(due("c", 21), [(key("c", 20), b"new".to_vec())]);
    });
    assert_eq!(looks, 0);
    store.commit(0, &Batch { folds: true, ..change(epoch, &[key("c", 20)], None) }).unwrap();
    assert!(due("c", 30).is_empty());
    assert_eq!(due("c", 31), [(key("c", 30), b"new".to_vec())]);
}

#[test]
fn what_a_fold_wrote_is_not_looked_for_where_a_look_is_a_round_trip() {
    for (is_remote, expected) in [(false, 20), (true, 0)] {
        let tables = Counted::new(is_remote);
        let (store, epoch) = open(&tables);
        let keys: Vec<_> = (0..20).map(|number| key("c", 2 * number)).collect();
        let folded = Batch { folds: true, ..change(epoch, &keys, Some(b"new")) };
        store.commit(0, &folded).unwrap();
        let read = |keys: &[Vec<u8>]| {
            let snapshot = store.snapshot().unwrap();
            keys.iter().filter(|key| snapshot.get(key).unwrap().is_some()).count()
        };
        assert_eq!(tables.looks(|| assert_eq!(read(&keys), 20)), expected, "remote {is_remote}");
        // What the next fold changes is known anew, and what it leaves is known still.
        let deleted = Batch { folds: true, ..change(epoch, &keys[..5], None) };
        store.commit(0, &deleted).unwrap();
        assert_eq!(tables.looks(|| assert_eq!(read(&keys[5..]), 15)), expected.min(15));
        assert_eq!(read(&keys), 15);
    }
}
