//! A store that fails now and then, by seed: for simulations of what stands above it.

use crate::{Batch, Error, Image, Snapshot, Store};
use base::{Entropy, SeededEntropy};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often which fault occurs, in thousandths of the operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// Commits that fail with [`Error::Unavailable`]; nothing has happened.
    pub unavailable_permille: u16,
    /// Commits that fail with [`Error::Full`]; nothing has happened.
    pub full_permille: u16,
    /// Commits that fail with [`Error::Unknown`]; half of them are durable.
    pub unknown_permille: u16,
    /// Snapshots that fail with [`Error::Unavailable`].
    pub snapshot_permille: u16,
}

/// A store over another that fails now and then.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    entropy: SeededEntropy,
    faults: Mutex<Faults>,
    is_full: AtomicBool,
}

impl FaultyStore {
    /// Returns a store over `inner` whose faults follow from `seed` and the operations that it sees.
    pub fn new(inner: Arc<dyn Store>, seed: u64, faults: Faults) -> Self {
        Self {
            inner,
            entropy: SeededEntropy::new(seed),
            faults: Mutex::new(faults),
            is_full: AtomicBool::new(false),
        }
    }

    /// Changes how often faults occur; [`Faults::default`] ends them.
    pub fn set_faults(&self, faults: Faults) {
        *self.faults() = faults;
    }

    /// Fills the disk, so that every commit fails with [`Error::Full`], or makes room again.
    pub fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, SeqCst);
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self) -> u16 {
        (self.entropy.number() % 1_000) as u16
    }
}

impl Store for FaultyStore {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        let limit = self.faults().snapshot_permille;
        if 0 < limit && self.draw() < limit {
            return Err(Error::Unavailable { reason: "simulated".into() });
        }
        self.inner.snapshot()
    }

    fn check_held(&self) -> Result<(), Error> {
        self.inner.check_held()
    }

    fn open_epoch(&self, partition: u16) -> Result<u64, Error> {
        self.inner.open_epoch(partition)
    }

    fn commit(&self, partition: u16, batch: &Batch) -> Result<u64, Error> {
        if self.is_full.load(SeqCst) {
            return Err(Error::Full);
        }
        let faults = *self.faults();
        let draw = self.draw();
        let unavailable = faults.unavailable_permille;
        let full = unavailable + faults.full_permille;
        let unknown = full + faults.unknown_permille;
        if draw < unavailable {
            return Err(Error::Unavailable { reason: "simulated".into() });
        }
        if draw < full {
            return Err(Error::Full);
        }
        if draw < unknown {
            if self.draw().is_multiple_of(2) {
                self.inner.commit(partition, batch)?;
            }
            return Err(Error::Unknown);
        }
        self.inner.commit(partition, batch)
    }

    fn overwrite_freed(&self) -> Result<bool, Error> {
        self.inner.overwrite_freed()
    }

    fn forget_log(&self) -> Result<bool, Error> {
        self.inner.forget_log()
    }

    fn image(&self) -> Result<Image, Error> {
        self.inner.image()
    }

    fn verify(&self) -> Result<Vec<String>, Error> {
        self.inner.verify()
    }
}

impl std::fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyStore").field("faults", &*self.faults()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]
mod tests {
    use super::*;
    use crate::MemoryStore;

    fn outcomes(seed: u64) -> (String, u64) {
        let faults = Faults {
            unavailable_permille: 200,
            full_permille: 200,
            unknown_permille: 200,
            snapshot_permille: 0,
        };
        let store = FaultyStore::new(Arc::new(MemoryStore::new()), seed, faults);
        let epoch = store.open_epoch(0).unwrap();
        let batch = Batch { epoch, ..Batch::default() };
        let letter = |result| match result {
            Ok(_) => 'o',
            Err(Error::Unavailable { .. }) => 'a',
            Err(Error::Full) => 'f',
            Err(Error::Unknown) => 'u',
            Err(_) => '?',
        };
        let text = (0..200).map(|_| letter(store.commit(0, &batch))).collect();
        (text, store.snapshot().unwrap().commit())
    }

    #[test]
    fn faults_follow_from_the_seed_and_unknown_goes_both_ways() {
        let (text, commit) = outcomes(7);
        assert_eq!((text.clone(), commit), outcomes(7));
        let count = |letter: &str| text.matches(letter).count() as u64;
        assert!(["o", "a", "f", "u"].iter().all(|letter| 20 < count(letter)) && count("?") == 0);
        assert!(count("o") < commit && commit < count("o") + count("u"));
    }

    #[test]
    fn a_full_store_takes_commits_again_once_there_is_room() {
        let store = FaultyStore::new(Arc::new(MemoryStore::new()), 1, Faults::default());
        let batch = Batch { epoch: store.open_epoch(0).unwrap(), ..Batch::default() };
        store.set_full(true);
        assert!(matches!(store.commit(0, &batch), Err(Error::Full)));
        store.set_full(false);
        assert_eq!(store.commit(0, &batch).unwrap(), 1);
    }
}
