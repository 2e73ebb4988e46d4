//! A seeded workload of commits, and what a store holds after each of them.

use base::{Entropy, SeededEntropy};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{
    Batch, Chunk, Config, Error, JournaledStore, SimulatedDisk, Snapshot, SqliteStore, Store,
};

/// Limits so small that checkpoints and a cache that overflows are part of every run.
pub fn small() -> Config {
    Config {
        cache_bytes: 128 << 10,
        checkpoint_pages: 40,
        wal_pages_max: 400,
        drain_timeout_ms: 1,
        ..Config::default()
    }
}

/// What stands on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SQLite's tables alone.
    Tables,
    /// A journal in front of them, which is folded every few commits.
    Journal,
}

impl Kind {
    /// Opens the store of a disk.
    pub fn open(self, disk: &SimulatedDisk) -> Result<Arc<dyn Store>, Error> {
        let tables = Arc::new(SqliteStore::open_on(disk, "store", &small())?);
        match self {
            Self::Tables => Ok(tables),
            Self::Journal => Ok(Arc::new(JournaledStore::with_fold_bytes(tables, 100 << 10)?)),
        }
    }
}

/// What a store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The last commit.
    pub commit: u64,
    keys: BTreeMap<Vec<u8>, Vec<u8>>,
    logs: BTreeMap<String, (u64, Vec<Chunk>)>,
}

impl Contents {
    /// Reads everything that a snapshot shows.
    pub fn read(snapshot: &dyn Snapshot) -> Result<Self, store::Error> {
        let keys = snapshot.scan(b"", &[0xff; 8], usize::MAX, false)?.into_iter().collect();
        let mut logs = BTreeMap::new();
        for log in snapshot.logs("")? {
            logs.insert(
                log.clone(),
                (snapshot.log_end(&log)?, snapshot.chunks(&log, 0, usize::MAX)?),
            );
        }
        Ok(Self { commit: snapshot.commit(), keys, logs })
    }

    /// Returns the contents after a batch.
    pub fn after(&self, batch: &Batch) -> Self {
        let mut after = self.clone();
        after.commit += 1;
        for (key, value) in &batch.writes {
            match value {
                Some(value) => after.keys.insert(key.clone(), value.clone()),
                None => after.keys.remove(key),
            };
        }
        for chunk in &batch.chunks {
            let (end, chunks) = after.logs.entry(chunk.log.clone()).or_default();
            *end += u64::from(chunk.count);
            chunks.push(chunk.clone());
        }
        for (log, offset) in &batch.trims {
            if let Some((_, chunks)) = after.logs.get_mut(log) {
                chunks.retain(|chunk| *offset < chunk.offset + u64::from(chunk.count));
            }
        }
        after
    }

    /// Returns a batch that carries an operation's number in a key and in a log, among random other changes.
    pub fn next_batch(&self, epoch: u64, operation: u64, entropy: &SeededEntropy) -> Batch {
        let below = |limit: u64| entropy.number() % limit;
        let mark = format!("operation {operation}").into_bytes();
        let mut writes = BTreeMap::from([(mark.clone(), Some(operation.to_be_bytes().to_vec()))]);
        for _ in 0..below(12) {
            let size = [20, 200, 1_500, 12_000][below(4) as usize];
            let value = (below(5) != 0).then(|| vec![below(256) as u8; size]);
            writes.insert(format!("state {}", below(60)).into_bytes(), value);
        }
        let mut batch = Batch { epoch, writes: writes.into_iter().collect(), ..Batch::default() };
        for log in ["operations", "a", "b"].into_iter().take(1 + below(3) as usize) {
            let offset = self.logs.get(log).map_or(0, |(end, _)| *end);
            let mut bytes = mark.clone();
            bytes.resize(mark.len() + below(4_000) as usize, b' ');
            batch.chunks.push(Chunk {
                log: log.into(),
                offset,
                count: 1 + below(3) as u32,
                // Not lines: chunks stay as they are, so that they can be compared.
                format: 2,
                bytes,
            });
        }
        if below(10) == 0 {
            let end = self.logs.get("a").map_or(0, |(end, _)| *end);
            batch.trims.push(("a".into(), below(end + 1)));
        }
        batch
    }

    /// Returns the first difference to other contents, in few words.
    pub fn difference(&self, other: &Self) -> String {
        if self.commit != other.commit {
            return format!("commit {} in place of {}", self.commit, other.commit);
        }
        let keys = self.keys.iter().find(|(key, value)| other.keys.get(*key) != Some(*value));
        let logs = self.logs.iter().find(|(log, chunks)| other.logs.get(*log) != Some(*chunks));
        match (keys, logs) {
            (Some((key, _)), _) => format!("key `{}`", String::from_utf8_lossy(key)),
            (None, Some((log, _))) => format!("log `{log}`"),
            (None, None) => "something is missing".into(),
        }
    }
}
