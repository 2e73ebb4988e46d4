//! Users who call through a door: `cargo run --release -p unit --example callers DOOR ADDRESS SECONDS CONNECTIONS RATE NAME=TOKEN...`.
//!
//! DOOR is `http` (two calls of three append a row to the stream `orders`, the third reads the newest) or `postgres` (each counts the rows of
//! `prices` with a bucket). Each user has CONNECTIONS. With a RATE, the users together make so many calls a second: calls are due at
//! fixed moments, whether the one before was answered or not, and a latency counts from the moment at which its call was due. With
//! RATE 0 each connection calls again as soon as it is answered. Figures come as one line of JSON.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement, not a part of the unit"
)]

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ROW: &str = r#"{"id":"o-1","state":"SP","n":1}"#;
const QUESTION: &str = "SELECT count(*) FROM prices WHERE bucket = 7";

/// How a call ended.
enum Answer {
    Done,
    /// Whether it was said when to come again.
    Refused(bool),
}

/// A connection that is kept open, and what came on it and has not been looked at.
struct Connection {
    address: String,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { address: address.to_owned(), stream, buffer: Vec::new() }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Waits until so many bytes are there.
    async fn await_bytes(&mut self, count: usize) {
        while self.buffer.len() < count {
            let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(0 < read, "the connection was closed without a word");
        }
    }

    /// Takes so many bytes, which are there.
    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(count);
        std::mem::replace(&mut self.buffer, rest)
    }

    /// Waits for a word; returns where it ends.
    async fn find(&mut self, word: &[u8]) -> usize {
        loop {
            let found = self.buffer.windows(word.len()).position(|window| window == word);
            if let Some(place) = found {
                return place + word.len();
            }
            self.await_bytes(self.buffer.len() + 1).await;
        }
    }
}

/// A user's connection over HTTP/1.1.
struct Http {
    connection: Connection,
    append: Vec<u8>,
    read: Vec<u8>,
    number: u64,
}

impl Http {
    async fn open(address: &str, token: &str) -> Self {
        let head = format!("host: {address}\r\nauthorization: Bearer {token}\r\n");
        let append = format!(
            "POST /v1/streams/orders/append HTTP/1.1\r\n{head}content-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n{ROW}",
            ROW.len()
        );
        let read = format!("GET /v1/streams/orders/read?last=1 HTTP/1.1\r\n{head}\r\n");
        let connection = Connection::open(address).await;
        Self { connection, append: append.into(), read: read.into(), number: 0 }
    }

    async fn ask(&mut self) -> Answer {
        self.number += 1;
        let request = if self.number.is_multiple_of(3) { &self.read } else { &self.append };
        self.connection.send(request).await;
        let end = self.connection.find(b"\r\n\r\n").await;
        let head = String::from_utf8(self.connection.take(end)).unwrap().to_ascii_lowercase();
        let header =
            |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let length = match header("content-length") {
            Some(length) => length.parse().unwrap(),
            None => self.connection.find(b"0\r\n\r\n").await,
        };
        self.connection.await_bytes(length).await;
        let body = self.connection.take(length);
        if header("connection") == Some("close") {
            self.connection = Connection::open(&self.connection.address.clone()).await;
        }
        match head.split(' ').nth(1) {
            Some("200") => Answer::Done,
            Some("429" | "503") => Answer::Refused(header("retry-after").is_some()),
            _ => panic!("{head}{}", String::from_utf8_lossy(&body)),
        }
    }
}

/// A user's connection over PostgreSQL's protocol.
struct Postgres(tokio_postgres::Client);

impl Postgres {
    async fn open(address: &str, name: &str, token: &str) -> Self {
        let (host, port) = address.split_once(':').unwrap();
        let mut config = tokio_postgres::Config::new();
        config.host(host).port(port.parse().unwrap()).dbname("craton").user(name).password(token);
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    async fn ask(&self) -> Answer {
        let Err(error) = self.0.simple_query(QUESTION).await else { return Answer::Done };
        let problem = error.as_db_error().unwrap_or_else(|| panic!("{error}"));
        assert!(problem.code().code().starts_with("53"), "{problem}");
        Answer::Refused(problem.hint().is_some())
    }
}

enum Door {
    Http(Http),
    Postgres(Postgres),
}

impl Door {
    async fn open(door: &str, address: &str, name: &str, token: &str) -> Self {
        match door {
            "http" => Self::Http(Http::open(address, token).await),
            "postgres" => Self::Postgres(Postgres::open(address, name, token).await),
            other => panic!("`{other}` is no door: `http` or `postgres`"),
        }
    }

    async fn ask(&mut self) -> Answer {
        match self {
            Self::Http(http) => http.ask().await,
            Self::Postgres(postgres) => postgres.ask().await,
        }
    }
}

#[derive(Default)]
struct Found {
    latencies: Vec<Duration>,
    refused: usize,
    told: usize,
}

/// Calls until the end; `step` stands between two calls that are due, where there is a rate.
async fn serve(mut door: Door, first: Instant, step: Option<Duration>, end: Instant) -> Found {
    let (mut found, mut due) = (Found::default(), first);
    while due < end {
        tokio::time::sleep_until(due.into()).await;
        match door.ask().await {
            Answer::Done => found.latencies.push(due.elapsed()),
            Answer::Refused(is_told) => {
                found.refused += 1;
                found.told += usize::from(is_told);
            }
        }
        due = step.map_or_else(Instant::now, |step| due + step);
    }
    found
}

fn figures(mut found: Found, seconds: f64) -> Value {
    found.latencies.sort_unstable();
    let part = |part: f64| {
        let place = (found.latencies.len() as f64 * part) as usize;
        found.latencies.get(place).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    };
    json!({
        "done": found.latencies.len(),
        "done_per_s": found.latencies.len() as f64 / seconds,
        "refused": found.refused,
        "told_when": found.told,
        "p50_ms": part(0.5),
        "p99_ms": part(0.99),
    })
}

async fn all(arguments: &[String]) -> Value {
    let [door, address, seconds, connections, rate, users @ ..] = arguments else {
        panic!("DOOR ADDRESS SECONDS CONNECTIONS RATE NAME=TOKEN...");
    };
    let (seconds, rate): (f64, f64) = (seconds.parse().unwrap(), rate.parse().unwrap());
    let connections: usize = connections.parse().unwrap();
    let count = connections * users.len();
    let mut doors = Vec::new();
    for place in 0..count {
        let (name, token) = users[place % users.len()].split_once('=').unwrap();
        doors.push(Door::open(door, address, name, token).await);
    }
    let begin = Instant::now();
    let end = begin + Duration::from_secs_f64(seconds);
    let mut tasks = tokio::task::JoinSet::new();
    for (place, door) in doors.into_iter().enumerate() {
        let step = (0.0 < rate).then(|| Duration::from_secs_f64(count as f64 / rate));
        let first =
            begin + step.map_or(Duration::ZERO, |step| step.mul_f64(place as f64 / count as f64));
        tasks.spawn(serve(door, first, step, end));
    }
    let mut whole = Found::default();
    while let Some(found) = tasks.join_next().await {
        let found = found.unwrap();
        whole.latencies.extend(found.latencies);
        whole.refused += found.refused;
        whole.told += found.told;
    }
    figures(whole, begin.elapsed().as_secs_f64())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("{}", runtime.block_on(all(&arguments)));
}
