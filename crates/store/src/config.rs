//! The limits of a store, with their defaults.

use serde::{Deserialize, Serialize};

/// How much a store may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Memory for pages that the writer keeps, in bytes.
    pub cache_bytes: u64,
    /// Memory for pages that each reader keeps, in bytes.
    pub reader_cache_bytes: u64,
    /// Snapshots that may be open at a time; one more is refused.
    pub snapshots_max: usize,
    /// Readers that are kept open for the next snapshots.
    pub readers_idle_max: usize,
    /// Pages in the write-ahead log at which they are copied into the main file.
    pub checkpoint_pages: u32,
    /// Pages in the write-ahead log at which snapshots that keep it from shrinking are ended.
    pub wal_pages_max: u32,
    /// Pages in the write-ahead log at which copying for a backup is ended, for the same reason; until then it is waited for.
    pub copy_wal_pages_max: u32,
    /// How long a commit waits for open snapshots to end so that the write-ahead log can shrink, in milliseconds. It
    /// waits only where the log is twice as long as `checkpoint_pages`.
    pub drain_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cache_bytes: 24 << 20,
            reader_cache_bytes: 2 << 20,
            snapshots_max: 256,
            readers_idle_max: 4,
            checkpoint_pages: 4_000,
            wal_pages_max: 32_000,
            copy_wal_pages_max: 262_144,
            drain_timeout_ms: 50,
        }
    }
}
