//! SQL: what it may be, over what it runs, within which limits, and how its results leave.

pub(crate) mod as_of;
pub(crate) mod bounded;
pub(crate) mod by_row;
pub(crate) mod counted;
pub(crate) mod describe;
pub(crate) mod effort;
pub(crate) mod function;
pub(crate) mod guard;
pub(crate) mod memory;
pub(crate) mod output;
pub(crate) mod page;
pub(crate) mod paged;
pub(crate) mod parameters;
pub(crate) mod postgres;
pub(crate) mod problem;
pub(crate) mod pushdown;
pub(crate) mod queries;
pub(crate) mod run;
pub(crate) mod spill;
pub(crate) mod state;
pub(crate) mod stream;
pub(crate) mod table;
