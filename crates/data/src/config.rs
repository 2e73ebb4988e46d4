//! Limits of the data engine.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
    /// Bytes of what is known of Parquet files that are kept between queries; a quarter as many more of what the planner is told
    /// of them.
    pub metadata_bytes_max: usize,
    /// Rows of a stream from which on a seal is made at once.
    pub seal_rows: u64,
    /// Bytes of a stream from which on a seal is made at once; no seal takes many more.
    pub seal_bytes: u64,
    /// Milliseconds after which rows are sealed, where they are at least `seal_rows_min`.
    pub seal_ms: i64,
    /// Rows that are sealed at least; fewer wait in the log.
    pub seal_rows_min: u64,
    /// Files that are so small (bytes) are made one with their neighbours.
    pub compact_bytes: u64,
    /// So many small files beside each other are made one.
    pub compact_files: usize,
    /// Newer rows than the files of a `NAME_latest` table hold, from which on the files are made anew.
    pub newest_rows: u64,
    /// Rows that a stream got, after which what is kept of its materialised views is renewed.
    pub derived_rows: u64,
    /// Rows that are kept of one materialised view.
    pub derived_rows_max: u64,
    /// Bytes of the rows that one renewal of a materialised view writes, before they are compressed.
    pub derived_bytes_max: u64,
    /// Milliseconds that one renewal of a materialised view may take. Tables are not looked after meanwhile.
    pub derived_ms_max: u64,
    /// Milliseconds that the work on a table or a view waits after it failed; twice as many after each further time.
    pub retry_ms: u64,
    /// Milliseconds that the work on a table waits at most after it failed.
    pub table_retry_ms_max: u64,
    /// Milliseconds that the renewal of a view waits at most after it failed.
    pub view_retry_ms_max: u64,
    /// Delta commits between two checkpoints.
    pub checkpoint_commits: u64,
    /// Milliseconds for which files that count no more are kept for other readers; an erasure does not wait for it.
    pub vacuum_ms: i64,
    /// Milliseconds between two looks over a table's folder, for commits of its log that a checkpoint stands for, and files that a
    /// crash left.
    pub sweep_ms: u64,
    /// Milliseconds that the shortest `retention` of a stream has.
    pub retention_ms_min: i64,
    /// How much longer than its stream's `retention` a row may stay, in hundredths of it.
    pub retention_late_percent: i64,
    /// Files that are made anew in one piece of work at most, to leave rows out of them.
    pub rewrite_files: usize,
    /// Keys of a `NAME_latest` table whose rows leave that are looked up in the stream at once; each further portion reads it again.
    pub rewrite_keys_max: usize,
    /// Files of a table that are looked through for a subject in one round.
    pub erase_look_files: usize,
    /// Bytes of rows that were set aside that are moved in one commit, about.
    pub erase_aside_bytes: usize,
    /// Bytes of rows that were set aside that are looked at in one round for what is too old.
    pub retention_aside_bytes: usize,
    /// Bytes of a subject that is to be erased.
    pub subject_bytes_max: usize,
    /// Erasures that may be under way at the same time.
    pub erasures_max: usize,
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
    /// Values that one relation in between may hold while a question about that catalogue is answered.
    pub catalogue_cells_max: usize,
    /// Queries that run at the same time.
    pub queries_max: usize,
    /// Threads that run long queries. Short ones have one for each that may run.
    pub query_threads: usize,
    /// Relations of engines that one query may read at the same time. Each has a thread.
    pub query_relations_max: usize,
    /// Milliseconds that the steps of a query may spend on processors before it goes on among the long ones.
    pub query_short_ms: u64,
    /// How far the system puts the threads of short queries behind those of doors and processes, as `nice` counts it: 0 to 19.
    pub query_short_nice: i32,
    /// How far the system puts threads that read much of the store for a query behind others, as `nice` counts it: 0 to 19. The steps of
    /// long queries get what all others leave over; where the system has no such thing, they stand as far behind as these.
    pub query_nice: i32,
    /// Bytes that one query may hold.
    pub query_bytes_max: usize,
    /// Bytes that all queries together may hold.
    pub queries_bytes_max: usize,
    /// Where queries put what exceeds their memory, an absolute path of a folder that no other unit uses; a folder of the unit where absent.
    pub spill_folder: Option<PathBuf>,
    /// Bytes that queries may put into the folder of spills together.
    pub spill_bytes_max: u64,
    /// Bytes of one value that a function makes.
    pub value_bytes_max: usize,
    /// Rows of one result; a call may ask for fewer.
    pub result_rows_max: usize,
    /// Milliseconds that one query may take; a call may ask for fewer.
    pub query_ms_max: u64,
    /// Rows of one export: a result in a form that is written row by row, whose call asks for more than `result_rows_max`.
    pub export_rows_max: usize,
    /// Milliseconds that one export may take; a call may ask for fewer.
    pub export_ms_max: u64,
    /// Bytes of the SQL of a query with a name.
    pub query_text_bytes_max: usize,
    /// Parameters of a query with a name.
    pub query_parameters_max: usize,
    /// Queries with a name of the unit, above which none can be saved.
    pub saved_queries_max: usize,
    /// Queries with a name of one owner, above which he cannot save another.
    pub saved_queries_each_max: usize,
    /// Columns by which one answer can be put in order, or searched.
    pub page_columns_max: usize,
    /// Relations that one answer about the catalogue tells of.
    pub listing_relations_max: usize,
    /// Columns that one answer about the catalogue tells of.
    pub listing_columns_max: usize,
    /// Dimensions of a metric.
    pub metric_dimensions_max: usize,
    /// Values of a KPI that are recorded in one commit; further windows come in the next. One window has no more.
    pub kpi_values_max: usize,
    /// Windows that one `kpi.evaluate` may ask for.
    pub kpi_windows_max: usize,
    /// Windows of each KPI that `kpi.list` shows.
    pub kpi_recent_max: usize,
    /// Rows behind a value that `kpi.explain` shows.
    pub kpi_rows_max: usize,
    /// Rules of one `Quality`.
    pub quality_rules_max: usize,
    /// Characters of a reason or a sample that `system.quality` keeps.
    pub quality_sample_max: usize,
    /// Comparisons and listed values that are handed at once to a relation that keeps conditions by itself. A list that is longer costs
    /// more to send than rows.
    pub pushdown_terms_max: usize,
    /// Bytes of values in a condition that is handed to such a relation at once.
    pub pushdown_bytes_max: usize,
    /// How deeply a condition that is handed to such a relation may nest.
    pub pushdown_depth_max: usize,
    /// Milliseconds that another unit may take to read what is lent to it with one query.
    pub lend_ms_max: u64,
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
            metadata_bytes_max: 64 << 20,
            seal_rows: 1_000_000,
            seal_bytes: 128 << 20,
            seal_ms: 60_000,
            seal_rows_min: 10_000,
            compact_bytes: 16 << 20,
            compact_files: 8,
            newest_rows: 200_000,
            derived_rows: 500_000,
            derived_rows_max: 100_000_000,
            derived_bytes_max: 8 << 30,
            derived_ms_max: 60_000,
            retry_ms: 5_000,
            table_retry_ms_max: 60_000,
            view_retry_ms_max: 900_000,
            checkpoint_commits: 20,
            vacuum_ms: 7 * 24 * 3_600_000,
            sweep_ms: 3_600_000,
            retention_ms_min: 24 * 3_600_000,
            retention_late_percent: 10,
            rewrite_files: 8,
            rewrite_keys_max: 500_000,
            erase_look_files: 32,
            erase_aside_bytes: 256 << 10,
            retention_aside_bytes: 1 << 20,
            subject_bytes_max: 1_000,
            erasures_max: 100,
            latest_keys_max: 2_000_000,
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
            query_relations_max: 64,
            query_threads: 2,
            query_short_ms: 20,
            query_short_nice: 10,
            query_nice: 10,
            query_bytes_max: 256 << 20,
            queries_bytes_max: 512 << 20,
            spill_folder: None,
            spill_bytes_max: 16 << 30,
            value_bytes_max: 64 << 20,
            result_rows_max: 1_000_000,
            query_ms_max: 30_000,
            export_rows_max: 1_000_000_000,
            export_ms_max: 3_600_000,
            query_text_bytes_max: 64 << 10,
            query_parameters_max: 50,
            saved_queries_max: 10_000,
            saved_queries_each_max: 500,
            page_columns_max: 20,
            listing_relations_max: 5_000,
            listing_columns_max: 50_000,
            metric_dimensions_max: 16,
            kpi_values_max: 1_000,
            kpi_windows_max: 10_000,
            kpi_recent_max: 366,
            kpi_rows_max: 100,
            quality_rules_max: 100,
            quality_sample_max: 1_000,
            pushdown_terms_max: 1_000,
            pushdown_bytes_max: 64 << 10,
            pushdown_depth_max: 6,
            lend_ms_max: 120_000,
        }
    }
}
