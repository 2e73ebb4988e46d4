//! What the engine counts, for `/metrics`: streams, tables, queries.

use crate::catalog::base_of;
use crate::engine::Shared;
use crate::rights::{Named, decide};
use crate::streams::append::{log_of, set_aside_log_of};
use crate::tables::state;
use base::Problem;
use datafusion::physical_plan::ExecutionPlan;
use kernel::{Exposition, Read, Reader, Reply, Tx};
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

/// Counted when a seal is finished.
pub(crate) const SEALS: &str = "craton_table_seals_total";

/// Queries since the unit began.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    queries: AtomicU64,
    spilled: AtomicU64,
    spilled_bytes: AtomicU64,
}

/// Watches a query: when it ends, however it ends, what it put on the disk is counted.
pub(crate) struct Spills {
    shared: Arc<Shared>,
    plan: Arc<dyn ExecutionPlan>,
}

impl Spills {
    pub(crate) fn watch(shared: &Arc<Shared>, plan: &Arc<dyn ExecutionPlan>) -> Self {
        shared.counts.queries.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(shared), plan: Arc::clone(plan) }
    }
}

impl Drop for Spills {
    fn drop(&mut self) {
        let bytes = spilled(&self.plan);
        if 0 < bytes {
            self.shared.counts.spilled.fetch_add(1, Ordering::Relaxed);
            self.shared.counts.spilled_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }
}

/// Returns how many bytes the steps of a plan have put on the disk.
fn spilled(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.spilled_bytes()).unwrap_or(0);
    own + plan.children().into_iter().map(spilled).sum::<usize>()
}

/// Remembers that rows belong to the trace of the call that appended them.
pub(crate) fn carry(tx: &mut Tx<'_>, stream: &str, reply: &Reply) {
    let Reply::Value(reply) = reply else { return };
    let number = |name: &str| reply.get(name).and_then(Value::as_u64);
    if let (Some(offset), Some(count)) = (number("offset"), number("count")) {
        tx.carry(&log_of(stream), offset, count);
    }
}

/// Tells what streams, tables and queries are at.
pub(crate) fn tell(shared: &Shared, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
    let appended = shared.appended.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for stream in reader.resources("stream")? {
        // Who sees a part of the rows is not told how many there are.
        if !decide::is_whole(reader, &Named::stream(&stream.name), reader.caller(), None)? {
            continue;
        }
        let labels = [("stream", stream.name.as_str())];
        let (_, rows) = appended.get(&stream.name).copied().unwrap_or_default();
        let help = "Rows that were appended since the unit began.";
        out.counter("craton_stream_appended_rows_total", help, &labels, rows);
        let log = log_of(&stream.name);
        let sealed = state::state(reader, &stream.name)?.map_or(0, |state| state.sealed);
        let from = base_of(reader, &log)?.max(sealed);
        let tail = reader.log_end(&log)?.saturating_sub(from);
        out.gauge(
            "craton_stream_tail_rows",
            "Rows that are not in files yet.",
            &labels,
            tail as f64,
        );
        let aside = set_aside_log_of(&stream.name);
        let aside = reader.log_end(&aside)?.saturating_sub(base_of(reader, &aside)?);
        out.gauge(
            "craton_stream_set_aside_rows",
            "Rows that were set aside.",
            &labels,
            aside as f64,
        );
    }
    for (table, count) in reader.kernel().meters().counts(SEALS) {
        let help = "Seals that were finished since the unit began.";
        out.counter(SEALS, help, &[("table", &table)], count);
    }
    let running = shared.queries.list().len();
    out.gauge("craton_sql_queries_running", "Queries that run now.", &[], running as f64);
    let bytes = shared.query_bytes.load(Ordering::Relaxed);
    out.gauge("craton_sql_memory_bytes", "Memory that queries hold now.", &[], bytes as f64);
    let limit = shared.config.queries_bytes_max;
    out.gauge(
        "craton_sql_memory_limit_bytes",
        "Memory that all queries may hold.",
        &[],
        limit as f64,
    );
    let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let counts = &shared.counts;
    out.counter("craton_sql_queries_total", "Queries that were run.", &[], get(&counts.queries));
    let help = "Queries that put something on the disk.";
    out.counter("craton_sql_queries_spilled_total", help, &[], get(&counts.spilled));
    let help = "Bytes that queries have put on the disk.";
    out.counter("craton_sql_spilled_bytes_total", help, &[], get(&counts.spilled_bytes));
    Ok(())
}
