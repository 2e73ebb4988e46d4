//! Limits of the process engine.

use serde::{Deserialize, Serialize};

/// Limits of the process engine, with their defaults.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Moves that one event may cause in an instance before others get their turn; the rest goes on in the next step.
    pub moves_max: usize,
    /// Moves of an instance without any event from outside. At the limit it stops with `process.endless`.
    pub moves_endless: u32,
    /// Elements that are active in one instance at the same time.
    pub elements_max: usize,
    /// Bytes of the variables of one instance, as JSON.
    pub variables_bytes_max: usize,
    /// Finished elements that an instance remembers as its path.
    pub path_max: usize,
    /// Incidents that are over and that an instance remembers; the oldest go first.
    pub incidents_kept_max: usize,
    /// Rows of the history of one instance that are told at once, the newest.
    pub history_rows_max: usize,
    /// Timers fired in one step of background work.
    pub timers_max: usize,
    /// Bytes of a stream that are read in one step of background work.
    pub consume_bytes_max: usize,
    /// How long a message waits for its process where nobody says, in days of business time.
    pub message_days: u32,
    /// The longest time that a message may wait, in days of business time.
    pub message_days_max: u32,
    /// Jobs given out by one `job.activate`.
    pub jobs_max: usize,
    /// How long a worker may hold a job where nobody says, in seconds of wall time.
    pub job_seconds: u32,
    /// Rows of one list.
    pub list_max: usize,
    /// Instances, tasks or incidents at which one page of a list looks, whether they are meant or not.
    pub list_looks_max: usize,
    /// Compiled processes that are remembered.
    pub compiled_max: usize,
    /// Keys that are counted for one metric; where there are more, this number is told.
    pub metric_count_max: usize,
    /// Instances that one bulk operation may act on.
    pub bulk_instances_max: u64,
    /// Instances that a bulk operation looks at in one turn.
    pub bulk_looks_max: usize,
    /// Calls that a bulk operation makes in one turn.
    pub bulk_portion_max: usize,
    /// Problems of single instances that a bulk operation remembers; all are counted.
    pub bulk_problems_max: usize,
    /// Bulk operations that are remembered; the oldest that is over goes when another begins.
    pub bulk_kept_max: usize,
    /// Bytes of the variables with which a task was completed that are shown of it when it is over; with more it is shown without.
    pub ended_bytes_max: usize,
    /// Entries that are kept of who should hear of a task.
    pub assignments_kept_max: u64,
    /// For how many days of business time the history is kept: instances, elements and tasks that are over. For ever where absent.
    pub history_days: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            moves_max: 1_000,
            moves_endless: 100_000,
            elements_max: 1_000,
            variables_bytes_max: 1 << 20,
            path_max: 200,
            incidents_kept_max: 20,
            history_rows_max: 1_000,
            timers_max: 128,
            consume_bytes_max: 1 << 20,
            message_days: 30,
            message_days_max: 3_660,
            jobs_max: 1_000,
            job_seconds: 300,
            list_max: 1_000,
            list_looks_max: 5_000,
            compiled_max: 1_000,
            metric_count_max: 100_000,
            bulk_instances_max: 1_000_000,
            bulk_looks_max: 500,
            bulk_portion_max: 50,
            bulk_problems_max: 100,
            bulk_kept_max: 100,
            ended_bytes_max: 64 << 10,
            assignments_kept_max: 10_000,
            history_days: None,
        }
    }
}
