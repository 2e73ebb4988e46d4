//! Limits of the kernel.

use serde::{Deserialize, Serialize};

/// Limits of the kernel, with their defaults.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Calls that may wait for the partition's thread. Further ones are refused with `kernel.busy`.
    pub queue_calls_max: usize,
    /// Calls of one principal that may run or wait at the same time. Further ones are refused with `quota.exceeded`, unless a
    /// quota says otherwise. It is the default of `concurrency`.
    pub calls_principal_max: u64,
    /// Calls a second of one principal: the default of `rate`.
    pub calls_second_max: u64,
    /// Calls at once of one principal: the default of `burst`.
    pub calls_burst_max: u64,
    /// Bytes a second of the bodies of one principal: the default of `bytes`.
    pub bytes_second_max: u64,
    /// Bytes at once of the bodies of one principal.
    pub bytes_burst_max: u64,
    /// Seconds that a principal may be in debt for answers that were longer than its quota of bytes.
    pub owed_seconds_max: u64,
    /// Principals whose use is remembered; who rested longest is forgotten first.
    pub principals_max: usize,
    /// Milliseconds for which the sum of what streams hold is remembered, for quotas of `storage`.
    pub storage_ms: u64,
    /// Bytes by which principals take turns in the queue; a call counts as its body and 512 bytes.
    pub turn_bytes: usize,
    /// Milliseconds that a batch should take at most while several principals wait.
    pub batch_ms_max: u64,
    /// Calls that share a commit.
    pub batch_calls_max: usize,
    /// Bytes of bodies that share a commit.
    pub batch_bytes_max: usize,
    /// Steps of background work in a commit.
    pub work_steps_max: usize,
    /// Calls in one `unit.batch`.
    pub bulk_calls_max: usize,
    /// The largest body of one call in bytes.
    pub body_bytes_max: usize,
    /// The largest manifest in bytes.
    pub manifest_bytes_max: usize,
    /// Manifests in one `apply`.
    pub manifests_max: usize,
    /// How deeply calls may lead to calls.
    pub call_depth_max: u8,
    /// How long an idempotency key is kept, in hours.
    pub idempotency_hours: u32,
    /// Decisions of policies that are remembered.
    pub decisions_max: usize,
    /// The largest value of a secret in bytes.
    pub secret_bytes_max: usize,
    /// The shortest password in characters.
    pub password_characters_min: usize,
    /// Memory that the hash of a password takes, in KiB (Argon2id). Passwords are hashed anew at the next sign-in after it was raised.
    pub password_memory_kib: u32,
    /// How often the hash of a password goes over its memory.
    pub password_passes: u32,
    /// Passwords that are checked at the same time.
    pub passwords_at_once_max: usize,
    /// Sign-ins that may wait for their check; further ones are refused with `sign_in.busy`.
    pub passwords_waiting_max: usize,
    /// Sign-ins of one user or from one address that may wait for their check; those of this machine are not counted.
    pub passwords_waiting_each_max: usize,
    /// Seconds that a sign-in waits for its check; then it is refused with `sign_in.busy`.
    pub password_wait_seconds_max: u64,
    /// Wrong tries that cost nothing, by user and by address; each further one doubles the delay.
    pub sign_in_tries_free: u32,
    /// The longest delay after a wrong try in seconds.
    pub sign_in_delay_seconds_max: u64,
    /// Users and addresses whose wrong tries are counted, each.
    pub sign_in_records_max: usize,
    /// How long a session lasts, in hours.
    pub session_hours: u32,
    /// How long a session may be idle, in minutes; it is noted to the minute.
    pub session_idle_minutes: u32,
    /// Sessions of one user; the oldest ends where there would be more.
    pub sessions_of_user_max: usize,
    /// Of requests that bring no trace, the part that is traced: 0 for none, 1 for all.
    pub trace_ratio: f64,
    /// Spans that are kept in memory.
    pub spans_max: usize,
    /// Series of one metric that are told; further ones are left out and counted.
    pub metric_series_max: usize,
    /// Things that run which one answer lists.
    pub running_max: usize,
    /// Things that run which one `running.kill`, `running.pause` or `running.resume` by a filter tells something; behind them it goes
    /// on with `next`. The calls of others wait for one such portion at most.
    pub running_portion_max: usize,
    /// Things that run at which one answer looks, of each engine; behind them it goes on with `next`.
    pub running_looks_max: usize,
    /// Names of things that viewers watch one by one; who watches a further one is told whenever something of its kind changes.
    pub watched_names_max: usize,
    /// Bytes of memory that the unit may take, where `memory_megabytes_max` does not say it.
    pub memory_bytes_max: Option<u64>,
    /// For how many days audit lines are kept, wall time; for ever where absent.
    pub audit_days: Option<u32>,
    /// Audit lines that one answer of `audit.list` has at most.
    pub audit_lines_max: usize,
    /// Audit lines at which one `audit.list` looks; behind them it goes on with `next`.
    pub audit_looks_max: usize,
    /// Users and programs at which one `policy.who` or `user.list` looks; behind them it goes on with `next`.
    pub people_looks_max: usize,
    /// Callers of whom it is remembered what they may do, for `policy.mine`.
    pub reaches_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            queue_calls_max: 20_000,
            calls_principal_max: 10_000,
            calls_second_max: 100_000,
            calls_burst_max: 200_000,
            bytes_second_max: 1 << 30,
            bytes_burst_max: 4 << 30,
            owed_seconds_max: 60,
            principals_max: 100_000,
            storage_ms: 1_000,
            turn_bytes: 8 << 10,
            batch_ms_max: 10,
            batch_calls_max: 1_024,
            batch_bytes_max: 8 << 20,
            work_steps_max: 4_096,
            bulk_calls_max: 1_000,
            body_bytes_max: 8 << 20,
            manifest_bytes_max: 1 << 20,
            manifests_max: 1_000,
            call_depth_max: 16,
            idempotency_hours: 24,
            decisions_max: 100_000,
            secret_bytes_max: 64 << 10,
            password_characters_min: 12,
            password_memory_kib: 19 << 10,
            password_passes: 2,
            passwords_at_once_max: 2,
            passwords_waiting_max: 64,
            passwords_waiting_each_max: 8,
            password_wait_seconds_max: 10,
            sign_in_tries_free: 5,
            sign_in_delay_seconds_max: 300,
            sign_in_records_max: 10_000,
            session_hours: 12,
            session_idle_minutes: 60,
            sessions_of_user_max: 100,
            trace_ratio: 0.001,
            spans_max: 4_096,
            metric_series_max: 2_000,
            running_max: 1_000,
            running_portion_max: 50,
            running_looks_max: 5_000,
            watched_names_max: 256,
            memory_bytes_max: None,
            audit_days: None,
            audit_lines_max: 1_000,
            audit_looks_max: 25_000,
            people_looks_max: 500,
            reaches_max: 1_000,
        }
    }
}
