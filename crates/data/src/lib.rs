//! Streams, tables, views and SQL.
//!
//! A stream is a log of rows that fit its schema; `NAME_latest` is its newest row per key; a view is a query with a name.
//! SQL sees them together with what the other engines offer, as of one commit, as far as the caller may see it.
//!
//! Invariants: a stored row fits every later version of its stream; what was acknowledged is in the next query; SQL changes
//! nothing and reads no file; a query ends at its limits.

mod catalog;
mod config;
mod derived;
mod engine;
mod erasure;
mod error;
mod operations;
mod relations;
mod rights;
mod sql;
mod streams;
mod tables;

pub use catalog::ViewSpec;
pub use config::Config;
pub use derived::state::Materialized;
pub use engine::Data;
pub use error::Error;
pub use streams::schema::{ColumnSpec, ColumnType, StreamSpec, UnknownFields};
pub use tables::record::TOPIC as TABLES;
pub use tables::{Calling, Keeper, Round};
