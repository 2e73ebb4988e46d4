//! Erasures: the rows of one subject leave streams, their tables, what was set aside of them, what is kept of views, and the disk.
//!
//! An erasure is asked for in one commit, which says up to where in each stream it reaches: rows that come later are new rows. The keeper
//! of the tables carries it out step by step, each of which is a commit, and goes on with it after a crash. It is done when nothing of
//! the rows is left on the disk. Until then the store knows the subject; afterwards it knows a hash of it.
//!
//! | file | subject |
//! |---|---|
//! | `state` | what the store holds of an erasure |
//! | `ask` | the operations: asking for one, looking first, looking how far it is |
//! | `find` | the rows of a subject |
//! | `aside` | the rows that were set aside |
//! | `results` | texts about rows that were kept of quality rules and KPIs |
//! | `record` | the decisions: steps that become true in a commit |
//!
//! What is done with files is in `tables/keeper/erase`.

pub(crate) mod aside;
pub(crate) mod ask;
pub(crate) mod find;
mod record;
mod results;
pub(crate) mod state;

pub(crate) use record::{Step, count, record};
