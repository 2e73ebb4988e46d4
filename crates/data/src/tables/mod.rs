//! Tables: the rows of a stream in Parquet files under a Delta log, so that other engines read them without Craton.
//!
//! Rows are sealed in three steps: what will be done is committed (the intent), files and the Delta commit are written and
//! synced, the seal is committed. The store says which files count; the Delta log says the same to others. After a crash the
//! Delta commit of the intent, by its version and its id, tells whether the second step was done; it is finished or done again, never doubled.
//!
//! | file | subject |
//! |---|---|
//! | `state` | what the store holds of a table |
//! | `delta` | the Delta log: commits and checkpoints |
//! | `file` | Parquet files: writing, reading whole |
//! | `object` | blobs as DataFusion reads them |
//! | `scan` | the plan that reads files |
//! | `newest` | the files of `NAME_latest` |
//! | `rewrite` | files made anew without some of their rows |
//! | `statistics` | what the planner is told of files |
//! | `named` | which blobs a commit names: what a backup of it is made of |
//! | `instants` | microseconds of files as milliseconds of SQL |
//! | `record` | the decisions: begin, finish, trim, sweep |
//! | `keeper` | what is due, and doing it; `keeper/retain` and `keeper/erase`: what leaves |

pub(crate) mod delta;
pub(crate) mod file;
mod instants;
pub(crate) mod keeper;
mod named;
pub(crate) mod newest;
pub(crate) mod object;
pub(crate) mod record;
pub(crate) mod rewrite;
pub(crate) mod scan;
pub(crate) mod state;
pub(crate) mod statistics;

pub use keeper::{Calling, Keeper, Round};
pub use named::Named;
