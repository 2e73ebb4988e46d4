//! State (ordered keys) and log (events) under one commit, and blobs that are on the disk before a commit names them.
//!
//! Invariants: a commit is durable as a whole or not at all; commit numbers rise by one; a writer whose epoch is not the
//! highest cannot commit; a snapshot never changes; memory that is not durable yet is never visible.
//!
//! [`SqliteStore`] and [`PostgresStore`] are the real ones, with [`JournaledStore`] in front of them in a unit; [`MemoryStore`] is the
//! one of tests and simulations; one suite (`tests/suite.rs`) binds them all. [`SimulatedDisk`] breaks below SQLite, [`FaultyStore`] above any store.

mod batch;
mod blobs;
mod check;
mod config;
mod disk;
mod error;
mod faulty;
mod heads;
mod image;
mod journal;
mod lock;
mod memory;
mod numbers;
mod postgres;
mod seam;
mod sqlite;
mod upgrade;
mod versions;

pub use batch::{Batch, Chunk, Expect, FORMAT_LINES};
pub use blobs::{Blobs, FileBlobs, MemoryBlobs, Write, put_in_place, sync_name};
pub use config::{Config, PostgresConfig};
pub use disk::{LeftOut, SimulatedBlobs, SimulatedDisk};
pub use error::Error;
pub use faulty::{Faults, FaultyStore};
pub use image::{BLOCK_BYTES, Blocks, Image};
pub use journal::{FOLD_BYTES, JournaledStore};
pub use lock::FileLock;
pub use memory::MemoryStore;
pub use postgres::{Lease, LeasedBlobs, Owner, PostgresStore};
pub use seam::{Pair, Snapshot, Store};
pub use sqlite::SqliteStore;
pub use upgrade::{Formats, Step};
