//! Imports files: rows of CSV and NDJSON into streams, in batches that a repeated command does not append twice.

mod batch;
mod cell;
mod error;
mod infer;
mod name;
mod report;
mod rows;
mod run;
mod set_aside;
mod source;
mod target;

pub use report::Report;
pub use run::{Options, manifests, run};

/// Limits of an import.
mod limits {
    /// Rows of one append.
    pub const BATCH_ROWS_MAX: usize = 5_000;
    /// Bytes of one append.
    pub const BATCH_BYTES_MAX: usize = 1 << 20;
    /// Bytes of one record of a file, its line ends included.
    pub const RECORD_BYTES_MAX: usize = 4 << 20;
    /// Columns that are inferred; a stream has no more.
    pub const COLUMNS_MAX: usize = 500;
    /// Rows set aside that a report names.
    pub const REASONS_MAX: usize = 20;
}
