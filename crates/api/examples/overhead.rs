//! Measures what the HTTP door costs: requests a second over 32 connections that are kept, for an operation that only looks
//! and for one that changes nothing but takes the whole way over the partition's thread. Without a disk: `MemoryStore`.
//!
//! `cargo run --release -p api --example overhead [SECONDS]`

#[path = "../tests/http/support.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod support;

use api::Config;
use base::{Clock, SystemClock};
use std::sync::Arc;
use std::time::Duration;

const CONNECTIONS: usize = 32;

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3);
    let unit = support::unit(Config::default());
    for (name, method, path) in [
        ("page, no kernel", "GET", "/health/live"),
        ("read", "GET", "/v1/notes/a?limit=3"),
        ("decide", "POST", "/v1/notes/a/touch"),
    ] {
        let count = run(&unit, method, path, Duration::from_secs(seconds));
        let rate = count as f64 / seconds as f64;
        println!(
            "{name:16} {rate:8.0} requests/s  {:6.1} us each, both cores and the client included",
            1e6 / rate
        );
    }
}

fn run(unit: &support::Unit, method: &str, path: &str, time: Duration) -> usize {
    let clock = Arc::new(SystemClock::new());
    std::thread::scope(|scope| {
        let work = |_| {
            let clock = Arc::clone(&clock);
            let token = format!("Bearer {}", unit.right);
            scope.spawn(move || {
                let mut client = unit.client();
                let mut count = 0;
                while clock.monotonic() < time {
                    let answer = client.send(method, path, &[("authorization", &token)], b"");
                    assert!(answer.is_ok_and(|answer| answer.status == 200), "{method} {path}");
                    count += 1;
                }
                count
            })
        };
        let threads: Vec<_> = (0..CONNECTIONS).map(work).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    })
}
