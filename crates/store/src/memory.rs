//! A store in memory: for tests of engines and for simulation. Nothing of it survives the process.
//!
//! Each value keeps the versions that open snapshots may still see, so that neither a commit nor a snapshot copies the store.

use crate::versions::Versions;
use crate::{Batch, Chunk, Error, Pair, Snapshot, Store};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Clone)]
struct Log {
    /// Chunks by offset, with the commit that brought them.
    chunks: BTreeMap<u64, (u64, Chunk)>,
    end: Versions<u64>,
    /// Chunks that end at or before this are trimmed.
    start: Versions<u64>,
}

#[derive(Debug, Default)]
struct State {
    commit: u64,
    epochs: BTreeMap<u16, u64>,
    keys: BTreeMap<Vec<u8>, Versions<Option<Vec<u8>>>>,
    logs: BTreeMap<String, Log>,
    /// How many snapshots see which commit.
    snapshots: BTreeMap<u64, usize>,
    /// Keys that have versions which no snapshot may need any more once the oldest is gone.
    stale: Vec<Vec<u8>>,
}

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

impl MemoryStore {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns another store that holds what this one holds now: a backup, for simulations.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let state = lock(&self.state);
        let copy = State {
            commit: state.commit,
            epochs: state.epochs.clone(),
            keys: state.keys.clone(),
            logs: state.logs.clone(),
            snapshots: BTreeMap::new(),
            stale: state.stale.clone(),
        };
        Self { state: Arc::new(Mutex::new(copy)) }
    }
}

impl Log {
    fn end_of(chunk: &Chunk) -> u64 {
        chunk.offset + u64::from(chunk.count)
    }

    /// Returns the chunks that a commit sees, from the one that holds `offset`.
    fn chunks(&self, commit: u64, offset: u64) -> impl Iterator<Item = &Chunk> {
        let start = self.start.at(commit).copied().unwrap_or_default();
        let first = self.chunks.range(..=offset).next_back().map_or(offset, |(first, _)| *first);
        let seen = self.chunks.range(first..).take_while(move |(_, (from, _))| *from <= commit);
        seen.map(|(_, (_, chunk))| chunk)
            .filter(move |chunk| offset.max(start) < Self::end_of(chunk))
    }

    fn append(&mut self, commit: u64, chunk: &Chunk, oldest: u64) {
        let end = self.end.at(commit).copied().unwrap_or_default();
        // Invariant: a log has no gaps. A gap here means that the writer lost count.
        assert_eq!(chunk.offset, end, "log `{}` has no gaps", chunk.log);
        self.end.set(commit, Self::end_of(chunk), oldest);
        self.chunks.insert(chunk.offset, (commit, chunk.clone()));
    }

    fn trim(&mut self, commit: u64, offset: u64, oldest: u64) {
        let end = self.end.at(commit).copied().unwrap_or_default();
        let start = self.start.at(commit).copied().unwrap_or_default().max(offset.min(end));
        self.start.set(commit, start, oldest);
        let start_of_all = self.start.at(oldest).copied().unwrap_or_default();
        while let Some(first) = self.chunks.first_entry()
            && Self::end_of(&first.get().1) <= start_of_all
        {
            first.remove();
        }
    }
}

impl State {
    fn get(&self, key: &[u8], commit: u64) -> Option<&Vec<u8>> {
        self.keys.get(key)?.at(commit)?.as_ref()
    }

    /// Returns the oldest commit that is still seen.
    fn oldest(&self) -> u64 {
        self.snapshots.keys().next().copied().unwrap_or(self.commit)
    }

    fn write(&mut self, key: &[u8], value: Option<&Vec<u8>>, commit: u64) {
        let oldest = self.oldest();
        match self.keys.get_mut(key) {
            Some(versions) => versions.set(commit, value.cloned(), oldest),
            None if value.is_none() => return,
            None => {
                self.keys.insert(key.to_vec(), Versions::new(commit, value.cloned()));
            }
        }
        if value.is_none() {
            self.stale.push(key.to_vec());
        }
    }

    /// Forgets deleted keys that no snapshot sees any more.
    fn prune(&mut self) {
        let oldest = self.oldest();
        let keys = &mut self.keys;
        self.stale.retain(|key| {
            let Some(versions) = keys.get_mut(key) else { return false };
            versions.prune(oldest);
            let is_gone = matches!(versions.0.as_slice(), [(from, None)] if *from <= oldest);
            if is_gone {
                keys.remove(key);
            }
            !is_gone && versions_are_deleted(keys, key)
        });
    }
}

/// Returns whether a key's newest version is its deletion; if it was written again, it is not stale.
fn versions_are_deleted(keys: &BTreeMap<Vec<u8>, Versions<Option<Vec<u8>>>>, key: &[u8]) -> bool {
    keys.get(key).and_then(|versions| versions.0.last()).is_some_and(|(_, value)| value.is_none())
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for MemoryStore {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        let mut state = lock(&self.state);
        let commit = state.commit;
        *state.snapshots.entry(commit).or_default() += 1;
        Ok(Box::new(MemorySnapshot { state: Arc::clone(&self.state), commit }))
    }

    fn open_epoch(&self, partition: u16) -> Result<u64, Error> {
        let mut state = lock(&self.state);
        let epoch = state.epochs.entry(partition).or_default();
        *epoch += 1;
        Ok(*epoch)
    }

    fn commit(&self, partition: u16, batch: &Batch) -> Result<u64, Error> {
        let mut state = lock(&self.state);
        let state = &mut *state;
        let epoch = state.epochs.get(&partition).copied().unwrap_or_default();
        if batch.epoch != epoch {
            return Err(Error::Fenced { epoch });
        }
        let is_as_expected =
            |expect: &crate::Expect| state.get(&expect.key, state.commit) == expect.value.as_ref();
        if !batch.expects.iter().all(is_as_expected) {
            return Err(Error::Expected);
        }
        let commit = state.commit + 1;
        let oldest = state.oldest();
        for (key, value) in &batch.writes {
            state.write(key, value.as_ref(), commit);
        }
        for chunk in batch.chunks.iter().filter(|chunk| 0 < chunk.count) {
            let log = state.logs.entry(chunk.log.clone()).or_insert_with(|| Log {
                chunks: BTreeMap::new(),
                end: Versions(Vec::new()),
                start: Versions(Vec::new()),
            });
            log.append(commit, chunk, oldest);
        }
        for (log, offset) in &batch.trims {
            if let Some(log) = state.logs.get_mut(log) {
                log.trim(commit, *offset, oldest);
            }
        }
        state.commit = commit;
        state.prune();
        Ok(commit)
    }

    fn verify(&self) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

struct MemorySnapshot {
    state: Arc<Mutex<State>>,
    commit: u64,
}

impl Drop for MemorySnapshot {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(count) = state.snapshots.get_mut(&self.commit) {
            *count -= 1;
            if *count == 0 {
                state.snapshots.remove(&self.commit);
            }
        }
    }
}

impl Snapshot for MemorySnapshot {
    fn commit(&self) -> u64 {
        self.commit
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(lock(&self.state).get(key, self.commit).cloned())
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        is_reverse: bool,
    ) -> Result<Vec<Pair>, Error> {
        if to <= from {
            return Ok(Vec::new());
        }
        let state = lock(&self.state);
        let range = state
            .keys
            .range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
        let seen = |(key, versions): (&Vec<u8>, &Versions<Option<Vec<u8>>>)| {
            versions.at(self.commit)?.as_ref().map(|value| (key.clone(), value.clone()))
        };
        Ok(if is_reverse {
            range.rev().filter_map(seen).take(limit).collect()
        } else {
            range.filter_map(seen).take(limit).collect()
        })
    }

    fn chunks(&self, log: &str, offset: u64, bytes: usize) -> Result<Vec<Chunk>, Error> {
        let state = lock(&self.state);
        let Some(log) = state.logs.get(log) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let mut size = 0;
        for chunk in log.chunks(self.commit, offset) {
            found.push(chunk.clone());
            size += chunk.bytes.len();
            if bytes < size {
                break;
            }
        }
        Ok(found)
    }

    fn log_end(&self, log: &str) -> Result<u64, Error> {
        let state = lock(&self.state);
        let end = state.logs.get(log).and_then(|log| log.end.at(self.commit));
        Ok(end.copied().unwrap_or_default())
    }

    fn logs(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let state = lock(&self.state);
        let logs =
            state.logs.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
        Ok(logs
            .filter(|(_, log)| log.end.at(self.commit).is_some())
            .map(|(name, _)| name.clone())
            .collect())
    }
}
