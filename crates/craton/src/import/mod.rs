//! Imports files and addresses: rows of CSV, NDJSON and Parquet into streams, in batches that a repeated command does not append
//! twice.

mod batch;
mod cell;
mod convert;
mod error;
mod fetch;
mod fit;
mod infer;
mod name;
mod parquet_file;
mod plan;
mod report;
mod rows;
mod run;
mod set_aside;
mod source;
mod table;
mod target;

pub use name::column_name;
pub use plan::{Options, manifests};
pub use report::Report;
pub use run::run;

/// Limits of an import.
mod limits {
    /// Rows of one append, read from text.
    pub const BATCH_ROWS_MAX: usize = 5_000;
    /// Bytes of one append, read from text.
    pub const BATCH_BYTES_MAX: usize = 1 << 20;
    /// Rows of one append, read from Parquet.
    pub const TABLE_ROWS_MAX: usize = 10_000;
    /// Bytes of one append, read from Parquet.
    pub const TABLE_BYTES_MAX: usize = 4 << 20;
    /// Bytes of one record of a file, its line ends included.
    pub const RECORD_BYTES_MAX: usize = 4 << 20;
    /// Columns that are inferred; a stream has no more.
    pub const COLUMNS_MAX: usize = 500;
    /// Digits behind the point of a number that is taken for an amount: four, as prices of shares and of currencies have.
    pub const AMOUNT_SCALE_MAX: u8 = 4;
    /// Digits before the point of a number that is taken for an amount.
    pub const AMOUNT_DIGITS_MAX: u8 = 14;
    /// Rows set aside that a report names.
    pub const REASONS_MAX: usize = 20;
    /// Bytes of an address's content.
    pub const FETCH_BYTES_MAX: u64 = 64 << 30;
    /// Seconds in which an address must be connected to.
    pub const CONNECT_SECONDS_MAX: u64 = 10;
    /// Seconds in which an address must begin to answer, and may give no byte.
    pub const STALL_SECONDS_MAX: u64 = 60;
    /// Redirections of an address that are followed.
    pub const REDIRECTS_MAX: u32 = 5;
}
