//! One-task processes through HTTP: `cargo run --release -p unit --example http_one_task URL TOKEN [SECONDS] [CONNECTIONS] [BATCH]`.
//!
//! URL is `HOST:PORT` of a unit that has the process `one` with a job of type `work`. Half of the connections start instances, the
//! others take jobs and complete them; with BATCH they send so many commands in one request (`unit.batch`). `--post PATH BODY` in
//! place of TOKEN sends one request for an instance over all connections, which is what another engine needs, for comparison; `{n}` in
//! both is a number that no other request has. Figures come as one line of JSON.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement, not a part of the unit"
)]

use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Instances that are started and not yet completed, at most.
const OPEN_MAX: u64 = 5_000;

#[derive(Default)]
struct Counts {
    started: AtomicU64,
    completed: AtomicU64,
}

/// A connection that is kept open.
struct Client {
    stream: TcpStream,
    head: String,
    buffer: Vec<u8>,
}

impl Client {
    async fn open(host: &str, token: &str) -> Self {
        let stream = TcpStream::connect(host).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let token = if token.is_empty() {
            String::new()
        } else {
            format!("authorization: Bearer {token}\r\n")
        };
        let head = format!("host: {host}\r\n{token}content-type: application/json\r\n");
        Self { stream, head, buffer: Vec::new() }
    }

    /// Sends a request and returns the body of its answer.
    async fn post(&mut self, path: &str, body: &str) -> Vec<u8> {
        let request = format!(
            "POST {path} HTTP/1.1\r\n{}content-length: {}\r\n\r\n{body}",
            self.head,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
        loop {
            if let Some((status, begin, length)) = head_of(&self.buffer)
                && begin + length <= self.buffer.len()
            {
                let rest = self.buffer.split_off(begin + length);
                let whole = std::mem::replace(&mut self.buffer, rest);
                assert!(status < 300, "{path}: {}", String::from_utf8_lossy(&whole));
                return whole[begin..].to_vec();
            }
            let mut piece = [0; 16 << 10];
            let count = self.stream.read(&mut piece).await.unwrap();
            assert!(0 < count, "the connection ended");
            self.buffer.extend_from_slice(&piece[..count]);
        }
    }
}

/// Returns status, where the body begins, and its length.
fn head_of(bytes: &[u8]) -> Option<(u16, usize, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    Some((status, end + 4, length.expect("the length of the body")))
}

fn start(number: u64) -> Value {
    json!({"variables": {"id": number, "customer": "c-4711", "amount": 129.9, "note": "one of many"}})
}

async fn starts(mut client: Client, counts: Arc<Counts>, batch: u64, end: Instant) {
    while Instant::now() < end {
        let started = counts.started.load(Ordering::Relaxed);
        if OPEN_MAX < started.saturating_sub(counts.completed.load(Ordering::Relaxed)) {
            tokio::time::sleep(Duration::from_millis(2)).await;
            continue;
        }
        if batch == 1 {
            client.post("/v1/processes/one/start", &start(started).to_string()).await;
        } else {
            let calls: Vec<Value> = (0..batch)
                .map(|number| json!({"operation": "process.start", "name": "one", "args": start(started + number)}))
                .collect();
            all_done(&client.post("/v1/units/batch", &json!({ "calls": calls }).to_string()).await);
        }
        counts.started.fetch_add(batch, Ordering::Relaxed);
    }
}

async fn works(mut client: Client, counts: Arc<Counts>, batch: u64, end: Instant) {
    let take = json!({"type": "work", "max": batch.max(20)}).to_string();
    loop {
        let body = client.post("/v1/jobs/activate", &take).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        let jobs: Vec<&str> = body["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|job| job["job"].as_str().unwrap())
            .collect();
        if jobs.is_empty() {
            let is_done =
                counts.started.load(Ordering::Relaxed) <= counts.completed.load(Ordering::Relaxed);
            if end <= Instant::now() && is_done {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if batch == 1 {
            for job in &jobs {
                client
                    .post(&format!("/v1/jobs/{job}/complete"), r#"{"variables":{"ok":true}}"#)
                    .await;
                counts.completed.fetch_add(1, Ordering::Relaxed);
            }
        } else if !jobs.is_empty() {
            let call = |job: &&str| json!({"operation": "job.complete", "name": job, "args": {"variables": {"ok": true}}});
            let calls: Vec<Value> = jobs.iter().map(call).collect();
            all_done(&client.post("/v1/units/batch", &json!({ "calls": calls }).to_string()).await);
            counts.completed.fetch_add(jobs.len() as u64, Ordering::Relaxed);
        }
    }
}

fn all_done(body: &[u8]) {
    let body: Value = serde_json::from_slice(body).unwrap();
    let failed =
        body["results"].as_array().unwrap().iter().find(|result| !result["problem"].is_null());
    assert!(failed.is_none(), "{failed:?}");
}

async fn others(
    mut client: Client,
    counts: Arc<Counts>,
    (path, body): (String, String),
    end: Instant,
) {
    while Instant::now() < end {
        let number = counts.started.fetch_add(1, Ordering::Relaxed).to_string();
        client.post(&path.replace("{n}", &number), &body.replace("{n}", &number)).await;
        counts.completed.fetch_add(1, Ordering::Relaxed);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (host, token) = (arguments[0].clone(), arguments[1].clone());
    let is_other = token == "--post";
    let rest = if is_other { &arguments[4..] } else { &arguments[2..] };
    let number =
        |place: usize, default: u64| rest.get(place).map_or(default, |text| text.parse().unwrap());
    let (seconds, connections, batch) = (number(0, 30), number(1, 128), number(2, 1));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let counts = Arc::new(Counts::default());
    let begin = Instant::now();
    let end = begin + Duration::from_secs(seconds);
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for place in 0..connections {
            let client = Client::open(&host, if is_other { "" } else { &token }).await;
            let counts = Arc::clone(&counts);
            if is_other {
                let request = (arguments[2].clone(), arguments[3].clone());
                tasks.spawn(others(client, counts, request, end));
            } else if place % 2 == 0 {
                tasks.spawn(starts(client, counts, batch, end));
            } else {
                tasks.spawn(works(client, counts, batch, end));
            }
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    });
    let (completed, took) =
        (counts.completed.load(Ordering::Relaxed), begin.elapsed().as_secs_f64());
    let figures = json!({
        "instances": completed,
        "seconds": took,
        "instances_per_s": completed as f64 / took,
    });
    println!("{figures}");
}
