//! Limits of the kernel.

use serde::{Deserialize, Serialize};

/// Limits of the kernel, with their defaults.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Calls that may wait for the partition's thread. Further ones are refused with `kernel.busy`.
    pub queue_calls_max: usize,
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
    /// Of requests that bring no trace, the part that is traced: 0 for none, 1 for all.
    pub trace_ratio: f64,
    /// Spans that are kept in memory.
    pub spans_max: usize,
    /// Series of one metric that are told; further ones are left out and counted.
    pub metric_series_max: usize,
    /// For how many days audit lines are kept, wall time; for ever where absent.
    pub audit_days: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            queue_calls_max: 20_000,
            batch_calls_max: 1_024,
            batch_bytes_max: 8 << 20,
            work_steps_max: 4_096,
            body_bytes_max: 8 << 20,
            manifest_bytes_max: 1 << 20,
            manifests_max: 1_000,
            call_depth_max: 16,
            idempotency_hours: 24,
            decisions_max: 100_000,
            trace_ratio: 0.001,
            spans_max: 4_096,
            metric_series_max: 2_000,
            audit_days: None,
        }
    }
}
