//! The limits of a store, with their defaults.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
    /// Pages in the write-ahead log at which snapshots that keep it from shrinking are ended, as soon as it is copied as far as they let
    /// it; half of `checkpoint_pages` later in any case. Its file keeps the room of so many.
    pub wal_pages_max: u32,
    /// Pages in the write-ahead log at which copying for a backup is ended, which keeps it from shrinking too; until then it is waited
    /// for.
    pub copy_wal_pages_max: u32,
    /// How long a commit waits for open snapshots to end so that the write-ahead log can shrink, in milliseconds. It
    /// waits only where the log is as long as `wal_pages_max`.
    pub drain_timeout_ms: u64,
    /// The database server that holds the store in place of a file; the limits above are those of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresConfig>,
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
            drain_timeout_ms: 5,
            postgres: None,
        }
    }
}

/// How a store in PostgreSQL is reached, and how much it may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// The database, `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full`. A password stands in `password_file`, never here.
    pub url: String,
    /// What this node calls itself. No two nodes of a unit have the same name.
    pub node: String,
    /// The file with the password, for its owner's eyes only. It is read with each connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The file with the certificates (PEM) of those who may vouch for the server, for `sslmode=verify-full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_certificates: Option<PathBuf>,
    /// The schema that holds the unit's tables. Units that share a database have one each.
    #[serde(default = "schema")]
    pub schema: String,
    /// How long a node holds the store without renewing its lease, in milliseconds. It renews three times as often.
    #[serde(default = "lease_ms")]
    pub lease_ms: u64,
    /// How long a connection may take to be made, in milliseconds.
    #[serde(default = "connect_ms_max")]
    pub connect_ms_max: u64,
    /// How long a statement may take, in milliseconds.
    #[serde(default = "statement_ms_max")]
    pub statement_ms_max: u64,
    /// Connections over which short reads go, many at a time.
    #[serde(default = "readers_max")]
    pub readers_max: usize,
    /// Read transactions that may be open at a time, each on a connection of its own. One more ends the oldest.
    #[serde(default = "transactions_max")]
    pub transactions_max: usize,
    /// How long a read transaction may be open, in milliseconds: while it is, the server keeps what was deleted since.
    #[serde(default = "transaction_ms_max")]
    pub transaction_ms_max: u64,
}

impl PostgresConfig {
    /// Returns the configuration of a node at a database, with the defaults.
    pub fn new(url: impl Into<String>, node: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            node: node.into(),
            password_file: None,
            root_certificates: None,
            schema: schema(),
            lease_ms: lease_ms(),
            connect_ms_max: connect_ms_max(),
            statement_ms_max: statement_ms_max(),
            readers_max: readers_max(),
            transactions_max: transactions_max(),
            transaction_ms_max: transaction_ms_max(),
        }
    }
}

fn schema() -> String {
    "craton".into()
}

fn lease_ms() -> u64 {
    6_000
}

fn connect_ms_max() -> u64 {
    3_000
}

fn statement_ms_max() -> u64 {
    10_000
}

fn readers_max() -> usize {
    4
}

fn transactions_max() -> usize {
    24
}

fn transaction_ms_max() -> u64 {
    60_000
}
