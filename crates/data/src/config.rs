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
    /// Dimensions of a metric.
    pub metric_dimensions_max: usize,
    /// Values of a KPI that are recorded in one commit; further windows come in the next. One window has no more.
    pub kpi_values_max: usize,
    /// Windows that one `kpi.evaluate` may ask for.
    pub kpi_windows_max: usize,
    /// Rows behind a value that `kpi.explain` shows.
    pub kpi_rows_max: usize,
    /// Rules of one `Quality`.
    pub quality_rules_max: usize,
    /// Characters of a reason or a sample that `system.quality` keeps.
    pub quality_sample_max: usize,
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
            queries_max: 16,
            query_threads: 2,
            query_bytes_max: 256 << 20,
            queries_bytes_max: 512 << 20,
            value_bytes_max: 64 << 20,
            result_rows_max: 1_000_000,
            query_ms_max: 30_000,
            metric_dimensions_max: 16,
            kpi_values_max: 1_000,
            kpi_windows_max: 10_000,
            kpi_rows_max: 100,
            quality_rules_max: 100,
            quality_sample_max: 1_000,
        }
    }
}
