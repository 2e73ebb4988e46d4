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
    /// Things that run which one answer lists, and on which one `running.kill` by a filter acts.
    pub running_max: usize,
    /// Bytes of memory that the unit may take; no limit where absent. A unit sets it from `memory_megabytes_max`.
    pub memory_bytes_max: Option<u64>,
    /// For how many days audit lines are kept, wall time; for ever where absent.
    pub audit_days: Option<u32>,
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
            principals_max: 10_000,
            storage_ms: 1_000,
            turn_bytes: 8 << 10,
            batch_ms_max: 10,
            batch_calls_max: 1_024,
            batch_bytes_max: 8 << 20,
            work_steps_max: 4_096,
            body_bytes_max: 8 << 20,
            manifest_bytes_max: 1 << 20,
            manifests_max: 1_000,
            call_depth_max: 16,
            idempotency_hours: 24,
            decisions_max: 100_000,
            running_max: 1_000,
            memory_bytes_max: None,
            audit_days: None,
        }
    }
}
