//! Quality rules: what rows and tables must be like, and what becomes of those that are not.
//!
//! Rules over one row are evaluated in the append, over all its rows at once; their counts stand in the append's commit. Rules over
//! a whole table are queries, and run elsewhere, on a schedule or when somebody asks.

pub(crate) mod append;
pub(crate) mod check;
pub(crate) mod operations;
pub(crate) mod relations;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod shown;
pub(crate) mod spec;
pub(crate) mod table;
pub(crate) mod wire;
