//! What comes out of a replay.

use super::error::Error;
use base::Problem;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The units and the views of the schema `answers` that each must have.
pub const VIEWS: [(&str, &[&str]); 3] = [
    (
        "retail",
        &[
            "order_paths",
            "order_late",
            "orders_by_month",
            "reviews_by_category",
            "tasks",
            "compensations",
            "contracts",
        ],
    ),
    ("payment", &["payments_by_method", "risk", "contracts"]),
    (
        "logistics",
        &["services", "deliveries_by_state", "on_time_by_month", "on_time_breaches", "contracts"],
    ),
];

/// What is measured of each unit: windows, commits, bytes that commits have synced, signatures, processor time in seconds,
/// and at the end the resident set in bytes.
pub const MEASURES: [&str; 6] =
    ["windows", "commits", "bytes_synced", "signatures", "cpu_seconds", "memory_bytes"];

/// What comes out of a replay.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Unit, view, rows.
    pub units: BTreeMap<String, BTreeMap<String, Vec<Value>>>,
    /// What was played.
    pub source: String,
    /// How many times.
    pub copies: u32,
    /// Orders, all copies together.
    pub orders: usize,
    /// Events.
    pub events: usize,
    /// Windows.
    pub windows: usize,
    /// From the first event to the last agreed receipt.
    pub seconds: f64,
    /// Orders in a second.
    pub orders_per_second: f64,
    /// What each unit spent meanwhile, by the names of [`MEASURES`]. With kills in between a process counts anew: then
    /// bytes synced, signatures and processor time are what the last process has counted.
    pub measures: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Report {
    /// Writes the report as JSON.
    ///
    /// # Errors
    /// `replay.write`.
    pub fn write(&self, path: &Path) -> Result<(), Problem> {
        let failed = |source| Error::Write { path: path.display().to_string(), source };
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        std::fs::write(path, text).map_err(failed)?;
        Ok(())
    }
}
