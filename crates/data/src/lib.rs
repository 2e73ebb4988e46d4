//! Streams, tables, views, SQL, metrics, KPIs and quality rules.
//!
//! A stream is a log of rows that fit its schema; `NAME_latest` is its newest row per key; a view is a query with a name.
//! SQL sees them together with what the other engines offer, as of one commit, as far as the caller may see it.
//!
//! Invariants: a stored row fits every later version of its stream; what was acknowledged is in the next query; SQL changes
//! nothing and reads no file; a query ends at its limits.

pub mod background;
mod browse;
mod catalog;
mod config;
mod counts;
mod derived;
mod engine;
mod erasure;
mod error;
mod lend;
mod lineage;
mod live;
mod metrics;
mod operations;
mod quality;
mod queries;
mod relations;
mod rights;
mod running;
mod sql;
mod streams;
mod tables;
mod threads;

pub use catalog::ViewSpec;
pub use config::Config;
pub use derived::state::Materialized;
pub use engine::{Data, FOLDERS, Hold};
pub use error::Error;
pub use metrics::spec::{DimensionSpec, Direction, KpiSpec, MetricSpec, NamedDimension, OnBreach};
pub use metrics::window::Grain;
pub use quality::spec::{Action, Check, QualitySpec, RuleSpec};
pub use queries::spec::{Label, ParameterSpec, ParameterType, QuerySpec};
pub use streams::schema::{ColumnSpec, ColumnType, StreamSpec, UnknownFields};
pub use tables::record::TOPIC as TABLES;
pub use tables::{Calling, Keeper, Named, Round};
