//! Prints how many NDJSON rows of ten columns one core checks and stores a second, and how fast SQL scans them.
//!
//! `cargo run --release -p data --example append -- [ROWS]`

use base::{Clock, DrivenClock, Problem, SeededEntropy, SystemClock, Time};
use data::{Config, Data};
use kernel::{Call, Kernel, Parts, Principal, Reply, ResourceRef};
use serde_json::{Value, json};
use std::sync::Arc;
use store::MemoryStore;

/// Rows of one append.
const ROWS_OF_APPEND: usize = 20;

fn main() -> Result<(), Problem> {
    let rows: usize = std::env::args().nth(1).and_then(|rows| rows.parse().ok()).unwrap_or(450_000);
    let parts = Parts {
        store: Arc::new(MemoryStore::new()),
        clock: Arc::new(DrivenClock::new(Time(1_500_000_000_000), SystemClock::new())),
        entropy: Arc::new(SeededEntropy::new(1)),
        engines: vec![Data::new(Config::default(), Arc::new(store::MemoryBlobs::default()))],
        config: kernel::Config::default(),
    };
    let (kernel, mut writer) = Kernel::new(parts)?;
    let people = json!([
        {"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": "olga"}, "spec": {"roles": ["owner"]}},
        {"apiVersion": "craton/v1", "kind": "Stream", "metadata": {"name": "orders"}, "spec": {
            "schema": [
                {"name": "id", "type": "text", "required": true}, {"name": "customer", "type": "text"},
                {"name": "city", "type": "text"}, {"name": "state", "type": "text"},
                {"name": "price", "type": "decimal(12,2)"}, {"name": "freight", "type": "decimal(12,2)"},
                {"name": "weight", "type": "float"}, {"name": "items", "type": "int"},
                {"name": "is_new", "type": "bool"}, {"name": "at", "type": "time"},
            ],
            "key": ["customer"], "time": "at",
        }},
    ]);
    let owner = Principal::Unit("init".into());
    let apply = Call::new("resource.apply", ResourceRef::new("resource", ""), owner)
        .with(json!({"manifests": people}));
    writer.turn(&[apply]).remove(0)?;
    let clock = SystemClock::new();

    let olga = Principal::User("olga".into());
    let body = |from: usize, count: usize| {
        let mut lines = String::new();
        for n in from..from + count {
            lines.push_str(&format!(
                "{{\"id\":\"{n:032x}\",\"customer\":\"{:08x}\",\"city\":\"sao paulo\",\"state\":\"SP\",\"price\":{}.{:02},\
                 \"freight\":12.30,\"weight\":{}.5,\"items\":{},\"is_new\":true,\"at\":\"2018-10-17T17:30:{:02}Z\"}}\n",
                n % 100_000, n % 1_000, n % 100, n % 500, n % 7, n % 60
            ));
        }
        lines.into_bytes()
    };
    let append = |from: usize, count: usize| {
        let mut call =
            Call::new("stream.append", ResourceRef::new("stream", "orders"), olga.clone());
        call.media = "application/x-ndjson".into();
        call.body = body(from, count);
        call
    };

    let bodies: Vec<Call> =
        (0..rows).step_by(ROWS_OF_APPEND).map(|from| append(from, ROWS_OF_APPEND)).collect();
    let (began, count) = (clock.monotonic(), bodies.len());
    for call in bodies {
        writer.turn(&[call]).remove(0)?;
    }
    report(
        "append, 20 rows a call",
        count * ROWS_OF_APPEND,
        (clock.monotonic() - began).as_secs_f64(),
    );

    let large = append(rows, 20_000);
    let began = clock.monotonic();
    writer.turn(&[large]).remove(0)?;
    report("append, 20,000 rows a call", 20_000, (clock.monotonic() - began).as_secs_f64());

    for sql in [
        "SELECT count(*) FROM orders",
        "SELECT state, sum(price), avg(weight) FROM orders GROUP BY state",
        "SELECT state, sum(price), avg(weight) FROM orders GROUP BY state",
        "SELECT count(*), max(at) FROM orders_latest",
        "SELECT count(*), max(at) FROM orders_latest",
        "SELECT * FROM orders WHERE id = '1'",
    ] {
        let began = clock.monotonic();
        let call = Call::new("sql.query", ResourceRef::new("sql", ""), olga.clone())
            .with(json!({"sql": sql}));
        if let Reply::Stream { pieces, .. } = kernel.read(&call)? {
            let bytes = pieces.collect::<Result<Vec<_>, _>>()?.concat();
            let shown: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            println!("{shown}");
        }
        report(sql, count * ROWS_OF_APPEND + 20_000, (clock.monotonic() - began).as_secs_f64());
    }
    Ok(())
}

fn report(what: &str, rows: usize, seconds: f64) {
    println!("{what}: {rows} rows in {seconds:.3} s, {:.0} rows/s", rows as f64 / seconds);
}
