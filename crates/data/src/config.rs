//! Limits of the data engine.

use serde::{Deserialize, Serialize};

/// Limits of the data engine, with their defaults.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Rows of one append.
    pub append_rows_max: usize,
    /// Bytes of one row.
    pub row_bytes_max: usize,
    /// How deeply JSON in a column may nest.
    pub json_depth_max: usize,
    /// Columns of a stream.
    pub columns_max: usize,
    /// Problems that are reported of one append that is refused.
    pub problems_max: usize,
    /// Rows that one `stream.read` returns.
    pub read_rows_max: usize,
    /// Bytes that one `stream.read` returns.
    pub read_bytes_max: usize,
    /// Milliseconds that one `stream.read` waits for new rows.
    pub read_wait_ms_max: u64,
    /// Bytes of decoded columns that are kept between queries.
    pub cache_bytes_max: usize,
    /// Keys of `NAME_latest` tables that are kept between queries.
    pub latest_keys_max: usize,
    /// Bytes of a SQL statement.
    pub statement_bytes_max: usize,
    /// Words and signs of a SQL statement.
    pub statement_tokens_max: usize,
    /// How deeply a SQL statement may nest.
    pub statement_depth_max: usize,
    /// How many operators one expression of a SQL statement may chain.
    pub expression_depth_max: usize,
    /// Tables and subqueries of one SQL statement.
    pub statement_tables_max: usize,
    /// Tables and subqueries of one SQL statement, its views and its WITH parts written out.
    pub plan_tables_max: u64,
    /// How many views may stand on each other.
    pub view_depth_max: usize,
    /// Parameters of one statement.
    pub parameters_max: usize,
    /// Steps of one question about the catalogue of PostgreSQL: rows and expressions that are looked at.
    pub catalogue_steps_max: u64,
    /// Values that one relation in between may hold while such a question is answered.
    pub catalogue_cells_max: usize,
    /// Queries that run at the same time.
    pub queries_max: usize,
    /// Threads that run queries.
    pub query_threads: usize,
    /// Bytes that one query may hold.
    pub query_bytes_max: usize,
    /// Bytes that all queries together may hold.
    pub queries_bytes_max: usize,
    /// Bytes of one value that a function makes.
    pub value_bytes_max: usize,
    /// Rows of one result; a call may ask for fewer.
    pub result_rows_max: usize,
    /// Milliseconds that one query may take; a call may ask for fewer.
    pub query_ms_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            append_rows_max: 100_000,
            row_bytes_max: 1 << 20,
            json_depth_max: 64,
            columns_max: 500,
            problems_max: 20,
            read_rows_max: 10_000,
            read_bytes_max: 8 << 20,
            read_wait_ms_max: 2_000,
            cache_bytes_max: 64 << 20,
            latest_keys_max: 500_000,
            statement_bytes_max: 256 << 10,
            statement_tokens_max: 10_000,
            statement_depth_max: 50,
            expression_depth_max: 300,
            statement_tables_max: 200,
            plan_tables_max: 500,
            view_depth_max: 16,
            parameters_max: 1_000,
            catalogue_steps_max: 50_000_000,
            catalogue_cells_max: 4_000_000,
            queries_max: 16,
            query_threads: 2,
            query_bytes_max: 256 << 20,
            queries_bytes_max: 512 << 20,
            value_bytes_max: 64 << 20,
            result_rows_max: 1_000_000,
            query_ms_max: 30_000,
        }
    }
}
