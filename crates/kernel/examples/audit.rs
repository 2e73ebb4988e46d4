//! Measures the search of the audit: `cargo run --release -p kernel --example audit [LINES]`.
//!
//! Writes so many lines (1,000,000 where nothing is said) into a store of its own, then asks for each filter by itself, the first page and
//! a search that finds nothing, and tells how long the slowest call took.

#![expect(clippy::disallowed_methods, reason = "a measurement, not a part of the unit")]

use base::{DrivenClock, SeededEntropy, SystemClock, Time};
use kernel::{Call, Config, Kernel, Parts, Principal, ResourceRef};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Batch, Chunk, SqliteStore, Store};

/// Lines that share a chunk, as commits that were folded together leave them.
const CHUNK: u64 = 200;

fn main() {
    let lines = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let folder = std::env::temp_dir().join(format!("craton-audit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let store = SqliteStore::open(&folder.join("store"), &store::Config::default());
    let store: Arc<dyn Store> = Arc::new(store.expect("a store"));
    write(store.as_ref(), lines);
    let kernel = Kernel::new(Parts {
        store,
        clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
        entropy: Arc::new(SeededEntropy::new(1)),
        engines: Vec::new(),
        config: Config::default(),
    });
    let (kernel, mut writer) = kernel.expect("a kernel");
    let owner = json!({"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": "olga"}, "spec": {"roles": ["owner"]}});
    let init = Principal::Unit("init".into());
    let apply = Call::new("resource.apply", ResourceRef::new("resource", ""), init)
        .with(json!({"manifests": [owner]}));
    writer.turn(&[apply]).remove(0).expect("applied");
    println!("audit lines: {lines}");
    for filter in [
        json!({}),
        json!({"limit": 1_000}),
        json!({"actor": "ana3"}),
        json!({"actor": "nobody"}),
        json!({"operation": "task.complete"}),
        json!({"operation": "nothing.done"}),
        json!({"resource": "stream/s7"}),
        json!({"resource": "stream/none"}),
        json!({"outcome": "refused"}),
        json!({"outcome": "kernel.busy"}),
        json!({"text": "S12"}),
        json!({"text": "nowhere"}),
        json!({"to": "1970-01-02T00:00:00Z"}),
        json!({"from": "1970-01-02T00:00:00Z", "to": "1970-01-02T00:10:00Z", "text": "nowhere"}),
    ] {
        report(&kernel, &filter);
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}

/// Asks some times and goes on behind what was found.
fn report(kernel: &Arc<Kernel>, filter: &Value) {
    let (mut args, mut slowest, mut found) = (filter.clone(), Duration::ZERO, 0);
    let mut calls = 0;
    while calls < 20 {
        let call =
            Call::new("audit.list", ResourceRef::new("audit", ""), Principal::User("olga".into()));
        let began = Instant::now();
        let answer = kernel.read(&call.with(args.clone())).expect("an answer").into_value();
        slowest = slowest.max(began.elapsed());
        calls += 1;
        found += answer["items"].as_array().map_or(0, Vec::len);
        match answer["next"].as_str() {
            Some(next) => args["after"] = next.into(),
            None => break,
        }
    }
    println!(
        "{:>7.1} ms slowest of {calls} calls, {found} found: {filter}",
        slowest.as_secs_f64() * 1e3
    );
}

fn write(store: &dyn Store, lines: u64) {
    let epoch = store.open_epoch(0).expect("an epoch");
    for first in (0..lines).step_by(20_000) {
        let mut batch = Batch { epoch, ..Batch::default() };
        for chunk in (first..lines.min(first + 20_000)).step_by(CHUNK as usize) {
            let upto = lines.min(chunk + CHUNK);
            let bytes: String = (chunk..upto).map(line).collect();
            batch.chunks.push(Chunk {
                log: "system/audit".into(),
                offset: chunk,
                count: u32::try_from(upto - chunk).expect("few"),
                format: kernel::FORMAT_ROWS,
                bytes: bytes.into_bytes(),
            });
        }
        store.commit(0, &batch).expect("a commit");
    }
}

fn line(number: u64) -> String {
    let wall = Time(number.cast_signed() * 1_000);
    let operation =
        ["stream.append", "task.complete", "task.claim", "sql.query"][(number % 4) as usize];
    let outcome = if number.is_multiple_of(50) { "policy.forbidden" } else { "allowed" };
    let line = json!({
        "wall": wall, "business": wall, "actor": format!("user:ana{}", number % 40), "operation": operation,
        "resource": format!("stream/s{}", number % 97), "outcome": outcome,
        "policies": ["roles/operator-runs"], "count": 1,
    });
    format!("{line}\n")
}
