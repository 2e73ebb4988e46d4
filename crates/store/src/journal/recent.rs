//! What the commits since the last fold changed, in memory, with the versions that open snapshots still see.

use crate::versions::Versions;
use crate::{Batch, Chunk};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The bytes that a key or a chunk takes in memory beside its own, about.
const OVERHEAD: usize = 96;

/// The largest chunk that folding makes out of smaller ones, in bytes.
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// Deletions in a row that a look steps over before they are worth to be forgotten.
const STEPS_MAX: usize = 8;

/// A change of a key: its value, or `None` for its deletion.
pub(super) type Change = (Vec<u8>, Option<Vec<u8>>);

#[derive(Debug)]
struct Tail {
    end: Versions<u64>,
    /// With the commit that brought them.
    chunks: Vec<(u64, Chunk)>,
}

/// Which part of the keys is looked at.
#[derive(Debug, Clone)]
pub(super) struct Range {
    /// The first key.
    pub from: Vec<u8>,
    /// The first key behind it.
    pub to: Vec<u8>,
    pub is_reverse: bool,
}

impl Range {
    /// Returns where reading begins and where it ends.
    pub fn ends(&self) -> (&[u8], &[u8]) {
        if self.is_reverse { (&self.to, &self.from) } else { (&self.from, &self.to) }
    }

    /// Shortens the range to what lies behind a key, in the direction of reading.
    pub fn go_on_after(&mut self, key: &[u8]) {
        if self.is_reverse {
            self.to = key.to_vec();
        } else {
            self.from = [key, &[0]].concat();
        }
    }

    /// Returns whether `key` lies before `other` in the direction of reading, or is it.
    pub fn is_upto(&self, key: &[u8], other: &[u8]) -> bool {
        if self.is_reverse { other <= key } else { key <= other }
    }
}

/// The changes since the last fold.
#[derive(Debug)]
pub(super) struct Recent {
    pub commit: u64,
    keys: BTreeMap<Vec<u8>, Versions<Option<Vec<u8>>>>,
    logs: HashMap<String, Tail>,
    /// How many snapshots see which commit. A lock of its own: who looks while all is read for a fold need not wait for that.
    snapshots: Mutex<BTreeMap<u64, usize>>,
    bytes: usize,
    /// The beginnings of keys among which looks step over many deletions: queues.
    busy: Mutex<Vec<Vec<u8>>>,
}

impl Recent {
    pub fn new(commit: u64) -> Self {
        Self {
            commit,
            keys: BTreeMap::new(),
            logs: HashMap::new(),
            snapshots: Mutex::default(),
            bytes: 0,
            busy: Mutex::default(),
        }
    }

    /// Returns how much memory the changes take, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn open_snapshot(&self) -> u64 {
        *self.snapshots().entry(self.commit).or_default() += 1;
        self.commit
    }

    pub fn close_snapshot(&self, commit: u64) {
        let mut snapshots = self.snapshots();
        if let Some(count) = snapshots.get_mut(&commit) {
            *count -= 1;
            if *count == 0 {
                snapshots.remove(&commit);
            }
        }
    }

    fn snapshots(&self) -> MutexGuard<'_, BTreeMap<u64, usize>> {
        self.snapshots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the deletion of a key that the tables do not have may leave nothing behind: no snapshot sees the key.
    pub fn is_passing(&self, key: &[u8]) -> bool {
        self.snapshots().is_empty() || !self.keys.contains_key(key)
    }

    /// Returns whether a key lies where looks step over deletions.
    pub fn is_busy(&self, key: &[u8]) -> bool {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.iter().any(|prefix| key.starts_with(prefix))
    }

    fn note_busy(&self, range: &Range) {
        let prefix: Vec<u8> =
            range.from.iter().zip(&range.to).take_while(|(a, b)| a == b).map(|(a, _)| *a).collect();
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if !busy.iter().any(|known| prefix.starts_with(known)) {
            busy.push(prefix);
        }
    }

    /// Takes the changes of the next commit. What came and went since the last fold, as `passed` tells, is forgotten.
    pub fn apply(&mut self, batch: &Batch, passed: &HashSet<&[u8]>) {
        let commit = self.commit + 1;
        let oldest = self.snapshots().keys().next().copied().unwrap_or(commit);
        for (key, value) in &batch.writes {
            self.bytes += OVERHEAD + key.len() + value.as_ref().map_or(0, Vec::len);
            if value.is_none() && passed.contains(key.as_slice()) && self.is_passing(key) {
                self.keys.remove(key);
                continue;
            }
            match self.keys.get_mut(key) {
                Some(versions) => versions.set(commit, value.clone(), oldest),
                None => {
                    self.keys.insert(key.clone(), Versions::new(commit, value.clone()));
                }
            }
        }
        for chunk in batch.chunks.iter().filter(|chunk| 0 < chunk.count) {
            self.bytes += OVERHEAD + chunk.bytes.len();
            let tail = self
                .logs
                .entry(chunk.log.clone())
                .or_insert_with(|| Tail { end: Versions(Vec::new()), chunks: Vec::new() });
            tail.end.set(commit, end_of(chunk), oldest);
            tail.chunks.push((commit, chunk.clone()));
        }
        self.commit = commit;
    }

    /// Returns what became of a key; `None` where nothing did.
    pub fn get(&self, key: &[u8], commit: u64) -> Option<Option<&Vec<u8>>> {
        self.keys.get(key)?.at(commit).map(Option::as_ref)
    }

    /// Returns the changes in a range as a commit sees them, in the order of reading, no further than `bound`, and until
    /// `limit` of them are values. The second value is the last key where there may be more before the bound.
    pub fn page(
        &self,
        range: &Range,
        bound: Option<&[u8]>,
        limit: usize,
        commit: u64,
    ) -> (Vec<Change>, Option<Vec<u8>>) {
        let keys = self.keys.range::<[u8], _>((
            Bound::Included(range.from.as_slice()),
            Bound::Excluded(range.to.as_slice()),
        ));
        let mut found = Vec::new();
        let mut values = 0;
        let mut steps = 0;
        let mut take = |(key, versions): (&Vec<u8>, &Versions<Option<Vec<u8>>>)| {
            if bound.is_some_and(|bound| !range.is_upto(key, bound)) {
                return false;
            }
            if let Some(value) = versions.at(commit) {
                values += usize::from(value.is_some());
                steps += usize::from(value.is_none());
                found.push((key.clone(), value.clone()));
            }
            values < limit
        };
        let is_all = if range.is_reverse {
            keys.rev().all(&mut take)
        } else {
            keys.into_iter().all(&mut take)
        };
        if STEPS_MAX < steps {
            self.note_busy(range);
        }
        let is_cut = !is_all && limit <= values;
        let last = found.last().filter(|_| is_cut).map(|(key, _)| key.clone());
        (found, last)
    }

    /// Returns where a log ends; `None` where nothing was appended.
    pub fn log_end(&self, log: &str, commit: u64) -> Option<u64> {
        self.logs.get(log)?.end.at(commit).copied()
    }

    /// Returns the chunks of a log that hold events at or after `offset`, until `bytes` are exceeded.
    pub fn chunks(&self, log: &str, offset: u64, bytes: usize, commit: u64) -> Vec<Chunk> {
        let chunks = self.logs.get(log).map_or(&[][..], |tail| tail.chunks.as_slice());
        let first = chunks.partition_point(|(_, chunk)| end_of(chunk) <= offset);
        let mut size = 0;
        let mut found = Vec::new();
        for (_, chunk) in chunks[first..].iter().take_while(|(from, _)| *from <= commit) {
            size += chunk.bytes.len();
            found.push(chunk.clone());
            if bytes < size {
                break;
            }
        }
        found
    }

    /// Returns the names of the logs that were appended to.
    pub fn logs(&self, commit: u64) -> impl Iterator<Item = &String> {
        self.logs
            .iter()
            .filter(move |(_, tail)| tail.end.at(commit).is_some())
            .map(|(name, _)| name)
    }

    /// Returns all changes as one batch: each key with its newest value, and small chunks that follow each other as one.
    pub fn fold(&self) -> Batch {
        let mut batch = Batch::default();
        for (key, versions) in &self.keys {
            if let Some(value) = versions.last() {
                batch.writes.push((key.clone(), value.clone()));
            }
        }
        for tail in self.logs.values() {
            let mut before: Option<Chunk> = None;
            for (_, chunk) in &tail.chunks {
                match &mut before {
                    Some(held) if is_joinable(held, chunk) => {
                        held.bytes.extend_from_slice(&chunk.bytes);
                        held.count += chunk.count;
                    }
                    _ => batch.chunks.extend(before.replace(chunk.clone())),
                }
            }
            batch.chunks.extend(before);
        }
        batch
    }
}

/// Returns whether the bytes of two chunks in a row can be one chunk's: formats whose events stand one behind the other.
fn is_joinable(held: &Chunk, next: &Chunk) -> bool {
    held.format == next.format
        && held.format == crate::FORMAT_LINES
        && held.bytes.len() + next.bytes.len() <= CHUNK_BYTES_MAX
        && held.count.checked_add(next.count).is_some()
}

pub(super) fn end_of(chunk: &Chunk) -> u64 {
    chunk.offset + u64::from(chunk.count)
}
