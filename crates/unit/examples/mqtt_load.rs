//! Clients of MQTT: `cargo run --release -p unit --example mqtt_load -- MODE --at HOST:PORT --clients FILE [--KEY VALUE ...]`.
//!
//! FILE has a line for each client: its identifier, and its password or `-`. MODE is one of
//!   publish  each client publishes on `--topic`, in which `{client}` is its identifier, for `--seconds`: with `--window` messages without
//!            acknowledgement (100), `--qos` 1 or 2, `--bytes` of JSON (100); `--rate` messages a second of all together, 0: as fast as
//!            they are acknowledged. Each second a line of JSON says how many were acknowledged until then.
//!   fan      the first `--publishers` clients publish on `--topic` as above, the others subscribe to `--filter`: how many messages come
//!            to them, and after how long
//!   leave    each client subscribes to `--filter` with a session of an hour, and goes
//!   idle     each client connects, and stays until the input of this program ends; with `--subscribe FILTER` it subscribes before
//! `--tls CERTIFICATE.pem` speaks TLS and trusts this certificate. Figures come as one line of JSON, the last one.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement, not a part of the unit"
)]

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Connections that are being opened at the same time.
const OPENING_MAX: usize = 64;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What the command line says.
struct Options {
    keys: HashMap<String, String>,
    clients: Vec<(String, Option<String>)>,
    tls: Option<TlsConnector>,
}

impl Options {
    fn read(arguments: &[String]) -> Self {
        let mut keys = HashMap::new();
        for pair in arguments.chunks(2) {
            let [key, value] = pair else { panic!("`{}` has no value", pair[0]) };
            keys.insert(key.trim_start_matches("--").to_owned(), value.clone());
        }
        let text = std::fs::read_to_string(&keys["clients"]).unwrap();
        let client = |line: &str| {
            let (name, password) = line.split_once(' ').unwrap();
            (name.to_owned(), (password != "-").then(|| password.to_owned()))
        };
        let clients = text.lines().map(client).collect();
        let tls = keys.get("tls").map(|path| {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(path).unwrap()).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            TlsConnector::from(Arc::new(config))
        });
        Self { keys, clients, tls }
    }

    fn text(&self, key: &str) -> &str {
        self.keys.get(key).unwrap_or_else(|| panic!("--{key} is missing"))
    }

    fn number(&self, key: &str, otherwise: f64) -> f64 {
        self.keys.get(key).map_or(otherwise, |value| value.parse().unwrap())
    }
}

/// How long things took: buckets that grow by a hundredth.
#[derive(Default)]
struct Histogram {
    counts: Vec<u64>,
    count: u64,
}

impl Histogram {
    fn add(&mut self, time: Duration) {
        let place = ((time.as_micros() as f64 + 1.0).ln() * 100.0) as usize;
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += 1;
        self.count += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.counts.resize(self.counts.len().max(other.counts.len()), 0);
        for (own, more) in self.counts.iter_mut().zip(&other.counts) {
            *own += more;
        }
        self.count += other.count;
    }

    fn millis(&self, part: f64) -> f64 {
        let wanted = (self.count as f64 * part) as u64;
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if wanted < seen {
                return ((place as f64 / 100.0).exp() - 1.0) / 1e3;
            }
        }
        0.0
    }
}

/// A connection that is let in.
struct Client {
    name: String,
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    out: Vec<u8>,
}

impl Client {
    async fn open(options: &Options, place: usize, expiry: u32) -> Self {
        let (name, password) = options.clients[place].clone();
        let tcp = TcpStream::connect(options.text("at")).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let stream: Box<dyn Stream> = match &options.tls {
            None => Box::new(tcp),
            Some(tls) => {
                let host = ServerName::try_from("localhost").unwrap();
                Box::new(tls.connect(host, tcp).await.unwrap())
            }
        };
        let mut client = Self { name, stream, input: Vec::new(), out: Vec::new() };
        let mut body = b"\x00\x04MQTT\x05".to_vec();
        let clean = if expiry == 0 { 0x02 } else { 0 };
        body.push(clean | if password.is_some() { 0xC0 } else { 0 });
        body.extend([0, 0, 5, 0x11]);
        body.extend(expiry.to_be_bytes());
        put_text(&mut body, client.name.as_bytes());
        if let Some(password) = &password {
            put_text(&mut body, b"");
            put_text(&mut body, password.as_bytes());
        }
        client.put(0x10, &body);
        client.flush().await;
        let (first, body) = client.packet().await;
        assert!(first == 0x20 && body[1] == 0, "`{}` is not let in: {body:?}", client.name);
        client
    }

    async fn subscribe(&mut self, filter: &str, qos: u8) {
        let mut body = vec![0, 1, 0];
        put_text(&mut body, filter.as_bytes());
        body.push(qos);
        self.put(0x82, &body);
        self.flush().await;
        loop {
            let (first, body) = self.packet().await;
            if first == 0x90 {
                assert!(
                    body.last().unwrap() < &0x80,
                    "`{}` may not subscribe: {body:?}",
                    self.name
                );
                return;
            }
        }
    }

    fn put(&mut self, first: u8, body: &[u8]) {
        self.out.push(first);
        let mut length = body.len();
        loop {
            let byte = (length & 0x7F) as u8;
            length >>= 7;
            self.out.push(if length == 0 { byte } else { byte | 0x80 });
            if length == 0 {
                break;
            }
        }
        self.out.extend_from_slice(body);
    }

    async fn flush(&mut self) {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await.unwrap();
            self.stream.flush().await.unwrap();
            self.out.clear();
        }
    }

    /// Waits until something has come.
    async fn read(&mut self) {
        let count = self.stream.read_buf(&mut self.input).await.unwrap();
        assert!(0 < count, "`{}` was cut off", self.name);
    }

    async fn packet(&mut self) -> (u8, Vec<u8>) {
        loop {
            if let Some((start, end)) = whole(&self.input, 0) {
                let packet = (self.input[0], self.input[start..end].to_vec());
                self.input.drain(..end);
                return packet;
            }
            self.read().await;
        }
    }

    /// Takes all packets that are there.
    fn packets(&mut self, mut take: impl FnMut(u8, &[u8], &mut Vec<u8>)) {
        let (mut at, mut out) = (0, std::mem::take(&mut self.out));
        while let Some((start, end)) = whole(&self.input, at) {
            let first = self.input[at];
            assert!(
                first >> 4 != 14,
                "`{}` is sent away: {:?}",
                self.name,
                &self.input[start..end]
            );
            take(first, &self.input[start..end], &mut out);
            at = end;
        }
        self.input.drain(..at);
        self.out = out;
    }
}

/// Returns where the body of the packet at a place begins and ends, where all of it is there.
fn whole(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let (mut length, mut start) = (0, at + 1);
    for shift in [0, 7, 14, 21] {
        let byte = *bytes.get(start)?;
        start += 1;
        length |= usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return (start + length <= bytes.len()).then_some((start, start + length));
        }
    }
    panic!("this is no MQTT");
}

fn put_text(body: &mut Vec<u8>, text: &[u8]) {
    body.extend((text.len() as u16).to_be_bytes());
    body.extend_from_slice(text);
}

/// Opens the connections of so many clients, some at a time.
async fn open(options: &Arc<Options>, places: std::ops::Range<usize>, expiry: u32) -> Vec<Client> {
    let (mut tasks, mut clients) = (JoinSet::new(), Vec::new());
    for place in places {
        if OPENING_MAX <= tasks.len() {
            clients.push(tasks.join_next().await.unwrap().unwrap());
        }
        let options = Arc::clone(options);
        tasks.spawn(async move { Client::open(&options, place, expiry).await });
    }
    while let Some(client) = tasks.join_next().await {
        clients.push(client.unwrap());
    }
    clients
}

/// Messages as they are published.
struct Load {
    topic: String,
    bytes: usize,
    qos: u8,
    window: usize,
    begin: Instant,
    end: Instant,
    /// Between two messages of one client, where there is a rate.
    step: Option<Duration>,
    acknowledged: AtomicU64,
    refused: AtomicU64,
}

impl Load {
    fn new(options: &Options, publishers: usize) -> Self {
        let rate = options.number("rate", 0.0);
        let begin = Instant::now();
        Self {
            topic: options.text("topic").to_owned(),
            bytes: options.number("bytes", 100.0) as usize,
            qos: options.number("qos", 1.0) as u8,
            window: options.number("window", 100.0) as usize,
            begin,
            end: begin + Duration::from_secs_f64(options.number("seconds", 10.0)),
            step: (0.0 < rate).then(|| Duration::from_secs_f64(publishers as f64 / rate)),
            acknowledged: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Returns a payload: when it was made, which of its client's it is, and as much as is missing.
    fn payload(&self, number: u64, now: Instant) -> String {
        let sent = (now - self.begin).as_micros();
        let head =
            format!("{{\"sent\":{sent},\"n\":{number},\"value\":{}.25,\"pad\":\"", number % 1_000);
        let pad = self.bytes.saturating_sub(head.len() + 2);
        format!("{head}{}\"}}", "x".repeat(pad))
    }

    /// Publishes until the end, and waits for what is not acknowledged. Returns how long each took.
    async fn publish(&self, mut client: Client, place: usize, count: usize) -> Histogram {
        let topic = self.topic.replace("{client}", &client.name);
        let (mut found, mut open) = (Histogram::default(), HashMap::new());
        let (mut number, mut packet) = (0_u64, 0_u16);
        let first =
            self.step.map_or(Duration::ZERO, |step| step.mul_f64(place as f64 / count as f64));
        let mut due = self.begin + first;
        loop {
            let now = Instant::now();
            let is_over = self.end <= now;
            while !is_over && open.len() < self.window && (self.step.is_none() || due <= now) {
                packet = if packet == u16::MAX { 1 } else { packet + 1 };
                number += 1;
                let mut body = Vec::with_capacity(self.bytes + topic.len() + 8);
                put_text(&mut body, topic.as_bytes());
                body.extend(packet.to_be_bytes());
                body.push(0);
                body.extend_from_slice(self.payload(number, now).as_bytes());
                client.put(0x30 | (self.qos << 1), &body);
                // What is late counts from when it was due.
                open.insert(packet, if self.step.is_some() { due } else { now });
                due += self.step.unwrap_or_default();
            }
            client.flush().await;
            if is_over && open.is_empty() {
                return found;
            }
            let is_waiting = self.step.is_some() && !is_over && open.len() < self.window;
            let sleeping = async {
                match is_waiting {
                    true => tokio::time::sleep_until(due.min(self.end).into()).await,
                    false => std::future::pending().await,
                }
            };
            tokio::select! {
                () = client.read() => {}
                () = sleeping => {}
            }
            let mut acknowledged = 0;
            client.packets(|first, body, out| {
                let packet = u16::from_be_bytes([body[0], body[1]]);
                let code = body.get(2).copied().unwrap_or(0);
                if first >> 4 == 5 && code < 0x80 {
                    out.extend([0x62, 2, body[0], body[1]]);
                    return;
                }
                if let Some(sent) = open.remove(&packet) {
                    found.add(sent.elapsed());
                    acknowledged += 1;
                }
                if 0x80 <= code {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                }
            });
            self.acknowledged.fetch_add(acknowledged, Ordering::Relaxed);
        }
    }

    fn figures(&self, found: &Histogram) -> Value {
        let seconds = self.begin.elapsed().as_secs_f64();
        json!({
            "acknowledged": found.count,
            "acknowledged_per_s": found.count as f64 / seconds,
            "refused": self.refused.load(Ordering::Relaxed),
            "p50_ms": found.millis(0.5),
            "p99_ms": found.millis(0.99),
        })
    }
}

async fn publish(options: Arc<Options>) -> Value {
    let clients = open(&options, 0..options.clients.len(), 0).await;
    let count = clients.len();
    let load = Arc::new(Load::new(&options, count));
    let mut tasks = JoinSet::new();
    for (place, client) in clients.into_iter().enumerate() {
        let load = Arc::clone(&load);
        tasks.spawn(async move { load.publish(client, place, count).await });
    }
    let mut found = Histogram::default();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            done = tasks.join_next() => match done {
                Some(done) => found.merge(&done.unwrap()),
                None => break,
            },
            _ = second.tick() => {
                println!("{}", json!({"until_now": load.acknowledged.load(Ordering::Relaxed)}));
            }
        }
    }
    load.figures(&found)
}

/// What subscribers have heard.
#[derive(Default)]
struct Heard {
    latencies: Histogram,
    last: Option<Instant>,
}

/// Hears messages until somebody ends it.
async fn hear(mut client: Client, begin: Instant, heard: Arc<Mutex<Heard>>) {
    loop {
        client.read().await;
        let now = Instant::now();
        client.packets(|first, body, out| {
            if first >> 4 != 3 {
                return;
            }
            let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
            let qos = (first >> 1) & 0b11;
            let mut at = 2 + topic;
            if qos == 1 {
                out.extend([0x40, 2, body[at], body[at + 1]]);
            }
            at += if qos == 0 { 0 } else { 2 };
            // Few properties: their length has one byte.
            at += 1 + usize::from(body[at]);
            let payload = &body[at..];
            let digits = payload.iter().skip(8).take_while(|byte| byte.is_ascii_digit());
            let sent = digits.fold(0_u64, |sent, digit| sent * 10 + u64::from(digit - b'0'));
            let mut heard = heard.lock().unwrap();
            heard.latencies.add((now - begin).saturating_sub(Duration::from_micros(sent)));
            heard.last = Some(now);
        });
        client.flush().await;
    }
}

async fn fan(options: Arc<Options>) -> Value {
    let publishers = options.number("publishers", 1.0) as usize;
    let mut clients = open(&options, publishers..options.clients.len(), 0).await;
    for client in &mut clients {
        client.subscribe(options.text("filter"), 1).await;
    }
    let subscribers = clients.len();
    let senders = open(&options, 0..publishers, 0).await;
    let load = Arc::new(Load::new(&options, publishers));
    let heard: Arc<Mutex<Heard>> = Arc::default();
    let mut hearing = JoinSet::new();
    for client in clients {
        hearing.spawn(hear(client, load.begin, Arc::clone(&heard)));
    }
    let mut tasks = JoinSet::new();
    for (place, client) in senders.into_iter().enumerate() {
        let load = Arc::clone(&load);
        tasks.spawn(async move { load.publish(client, place, publishers).await });
    }
    let mut found = Histogram::default();
    while let Some(done) = tasks.join_next().await {
        found.merge(&done.unwrap());
    }
    let wanted = found.count * subscribers as u64;
    let limit = Instant::now() + Duration::from_secs(60);
    // Those on their way.
    while heard.lock().unwrap().latencies.count < wanted && Instant::now() < limit {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let heard = heard.lock().unwrap();
    let seconds = heard.last.map_or(0.0, |last| (last - load.begin).as_secs_f64());
    json!({
        "published": load.figures(&found),
        "heard": heard.latencies.count,
        "missing": wanted.saturating_sub(heard.latencies.count),
        "heard_per_s": heard.latencies.count as f64 / seconds.max(1e-9),
        "p50_ms": heard.latencies.millis(0.5),
        "p99_ms": heard.latencies.millis(0.99),
    })
}

async fn leave(options: Arc<Options>) -> Value {
    let mut clients = open(&options, 0..options.clients.len(), 3_600).await;
    for client in &mut clients {
        client.subscribe(options.text("filter"), 1).await;
        client.put(0xE0, &[]);
        client.flush().await;
    }
    json!({"left": clients.len()})
}

async fn idle(options: Arc<Options>) -> Value {
    let begin = Instant::now();
    let mut clients = open(&options, 0..options.clients.len(), 0).await;
    if let Some(filter) = options.keys.get("subscribe") {
        for client in &mut clients {
            let filter = filter.replace("{client}", &client.name);
            client.subscribe(&filter, 1).await;
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{}", json!({"connected": clients.len(), "seconds": seconds}));
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    ended.await.unwrap().unwrap();
    json!({"connected": clients.len(), "seconds": seconds})
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, rest @ ..] = arguments.as_slice() else { panic!("publish, fan, leave or idle") };
    let options = Arc::new(Options::read(rest));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let figures = runtime.block_on(async {
        match mode.as_str() {
            "publish" => publish(options).await,
            "fan" => fan(options).await,
            "leave" => leave(options).await,
            "idle" => idle(options).await,
            other => panic!("`{other}` is none of publish, fan, leave, idle"),
        }
    });
    println!("{figures}");
}
