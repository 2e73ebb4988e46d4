//! State (ordered keys) and log (events) under one commit.
//!
//! Invariants: a commit is durable as a whole or not at all; commit numbers rise by one; a writer whose epoch is not the
//! highest cannot commit; a snapshot never changes; memory that is not durable yet is never visible.
//!
//! [`SqliteStore`] is the real one, [`MemoryStore`] the one of tests and simulations; one suite (`tests/suite.rs`) binds
//! both. [`SimulatedDisk`] breaks below SQLite, [`FaultyStore`] above any store.

mod batch;
mod config;
mod disk;
mod error;
mod faulty;
mod memory;
mod seam;
mod sqlite;

pub use batch::{Batch, Chunk, Expect};
pub use config::Config;
pub use disk::{LeftOut, SimulatedDisk};
pub use error::Error;
pub use faulty::{Faults, FaultyStore};
pub use memory::MemoryStore;
pub use seam::{Pair, Snapshot, Store};
pub use sqlite::SqliteStore;
