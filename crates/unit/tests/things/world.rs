//! A unit in this process with its doors for things on the loopback, and clients of them.

use base::{Problem, SystemClock, SystemEntropy};
use data::Data;
use device::client::{Client, Incoming, Message, Options};
use device::door::{Door, Peer};
use device::{Config, Fleet};
use kernel::{Call, Handle, Kernel, Parts, Principal, Reply, ResourceRef};
use process::Processes;
use serde_json::{Value, json};
use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::{MemoryBlobs, MemoryStore};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// How long anything may take here before a test has failed.
const LIMIT: Duration = Duration::from_secs(20);

pub struct Unit {
    pub handle: Handle,
    pub plain: SocketAddr,
    pub web: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
    stop: watch::Sender<bool>,
    runtime: Option<Runtime>,
}

impl Unit {
    /// Returns a unit with the owner `olga`, the type `van` and the devices `van-7` and `van-8`.
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        let fleet = Arc::new(Fleet::new(config));
        let (_, writer) = Kernel::new(Parts {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            engines: vec![
                Data::new(data::Config::default(), Arc::new(MemoryBlobs::default())) as _,
                Arc::new(Processes::new(process::Config::default())) as _,
                Arc::clone(&fleet) as _,
            ],
            config: kernel::Config::default(),
        })
        .expect("a kernel");
        let handle = kernel::spawn(writer).expect("a thread");
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let written = Arc::clone(&lines);
        let report = Arc::new(move |line: &str| {
            written.lock().expect("the lines").push(line.to_owned());
        });
        let door = Door::new(fleet, handle.clone(), report);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let stop = watch::Sender::new(false);
        runtime.spawn(Arc::clone(&door).background(stop.subscribe()));
        let serve = |is_web: bool| {
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
            let address = listener.local_addr().expect("an address");
            let options = api::Mqtt {
                protocol: Arc::new(Spoken(Arc::clone(&door))),
                kernel: Arc::clone(handle.kernel()),
                tls: None,
                is_web,
                connections_max: 100,
                packet_bytes_max: 256 << 10,
                config: api::Config::default(),
            };
            let mut stopped = stop.subscribe();
            runtime.spawn(api::serve_mqtt(listener, options, async move {
                let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
            }));
            address
        };
        let (plain, web) = (serve(false), serve(true));
        let unit = Self { handle, plain, web, lines, stop, runtime: Some(runtime) };
        unit.declare();
        unit
    }

    fn declare(&self) {
        let writes = "permit (principal in Role::\"fleet-writer\", action == Action::\"stream.append\", resource);";
        let apply = |who: &str, manifests: Value| {
            let args = json!({ "manifests": manifests });
            self.call(who, "resource.apply", "resource/", args).expect("they are applied");
        };
        apply(
            "unit:init",
            json!([
                manifest("Role", "fleet-writer", json!({"summary": "Acts", "policies": writes})),
                manifest("User", "olga", json!({"roles": ["owner"]})),
            ]),
        );
        let columns = |columns: &[(&str, &str)]| -> Vec<Value> {
            columns.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect()
        };
        let own = [("device", "text"), ("received_at", "time")];
        let stream = |name: &str, more: &[(&str, &str)]| {
            let all: Vec<(&str, &str)> = own.iter().chain(more).copied().collect();
            manifest("Stream", name, json!({"schema": columns(&all)}))
        };
        let van = json!({
            "roles": ["fleet-writer"],
            "properties": [{"name": "battery", "type": "float"}],
            "telemetry": [
                {"name": "position", "stream": "van_positions"},
                {"name": "weight", "stream": "van_weights", "value": "kg"},
            ],
            "commands": [{
                "name": "unlock",
                "input": [{"name": "seconds", "type": "int", "required": true}],
                "output": [{"name": "ok", "type": "bool"}],
                "deadline": "PT5M",
            }],
        });
        let device = |name: &str| manifest("Device", name, json!({"type": "van"}));
        apply(
            "user:olga",
            json!([
                stream("van_positions", &[("lat", "float"), ("lon", "float")]),
                stream("van_weights", &[("kg", "float")]),
                manifest("DeviceType", "van", van),
                manifest("Topic", "plant", json!({"filter": "plant/#"})),
            ]),
        );
        apply("user:olga", json!([device("van-7"), device("van-8")]));
    }

    /// Makes a call; `on` is `KIND/NAME`, `KIND/` for the kind as a whole.
    pub fn call(
        &self,
        who: &str,
        operation: &str,
        on: &str,
        args: Value,
    ) -> Result<Value, Problem> {
        let actor = Principal::try_from(who.to_owned()).expect("a principal");
        let (kind, name) = on.split_once('/').expect("a kind and a name");
        let call = Call::new(operation, ResourceRef::new(kind, name), actor).with(args);
        self.handle.call(call).map(Reply::into_value)
    }

    /// Makes a call as the owner, which succeeds.
    pub fn done(&self, operation: &str, on: &str, args: Value) -> Value {
        self.call("user:olga", operation, on, args).unwrap_or_else(|problem| panic!("{problem:?}"))
    }

    /// Asks in SQL; the answer as CSV without its head.
    pub fn sql(&self, sql: &str) -> String {
        let args = json!({"sql": sql, "format": "csv"});
        let actor = Principal::User("olga".into());
        let call = Call::new("sql.query", ResourceRef::new("sql", ""), actor).with(args);
        match self.handle.call(call).expect("an answer") {
            Reply::Stream { pieces, .. } => {
                let bytes = pieces.collect::<Result<Vec<_>, _>>().expect("the answer").concat();
                let text = String::from_utf8(bytes).expect("text");
                text.lines().skip(1).collect::<Vec<_>>().join("\n")
            }
            other => panic!("{other:?}"),
        }
    }

    /// Gives a device a token; returns its id and the secret.
    pub fn token(&self, device: &str) -> (String, String) {
        let on = format!("device/{device}");
        let made = self.done("device.add_credential", &on, json!({"kind": "token"}));
        let text = |name: &str| made[name].as_str().expect("text").to_owned();
        (text("id"), text("token"))
    }

    /// Gives the owner a token.
    pub fn owner_token(&self) -> String {
        let made = self.done("token.create", "token/", json!({"user": "olga"}));
        made["token"].as_str().expect("a secret").to_owned()
    }

    /// Connects over TCP.
    pub fn connect(&self, token: &str, options: Options<'_>) -> Result<Client<TcpStream>, Problem> {
        let options = Options { password: Some(token.as_bytes()), ..options };
        Client::connect(stream(self.plain), options)
    }

    /// Connects a device, with its name as client identifier.
    pub fn device(&self, name: &str) -> Client<TcpStream> {
        let (_, token) = self.token(name);
        self.connect(&token, Options { client: name, ..Options::default() }).expect("let in")
    }

    /// Waits until something is so, looking after each commit.
    pub fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let kernel = self.handle.kernel();
        let limit = kernel.clock().monotonic() + LIMIT;
        loop {
            let seen = kernel.commit();
            if is_so() {
                return;
            }
            assert!(kernel.clock().monotonic() < limit, "it never came about: {what}");
            kernel.wait_commit(seen, Duration::from_millis(200));
        }
    }

    /// Returns the lines of the log.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("the lines").clone()
    }

    /// Tells the doors that the unit ends.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(LIMIT);
        }
        self.handle.stop();
    }
}

/// Gives connections to the door, as the unit does.
struct Spoken(Arc<Door>);

impl api::Protocol for Spoken {
    fn serve(
        &self,
        stream: Box<dyn api::Stream>,
        peer: api::Peer,
        stopped: watch::Receiver<bool>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let peer = Peer { address: peer.address, certificate: None };
        Box::pin(Arc::clone(&self.0).serve(stream, peer, stopped))
    }
}

/// Returns a connection on which nothing is waited for without end.
pub fn stream(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    stream.set_nodelay(true).expect("small packets leave");
    stream
}

pub fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// Returns the next message for a client.
pub fn message<S: Read + Write>(client: &mut Client<S>) -> Message {
    loop {
        match client.next().expect("something comes") {
            Incoming::Message(message) => return message,
            Incoming::Acked { code, .. } if code < 0x80 => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Returns the reason code with which the unit ends a connection.
pub fn end<S: Read + Write>(client: &mut Client<S>) -> u8 {
    loop {
        match client.next().expect("something comes") {
            Incoming::End { code, .. } => return code,
            Incoming::Message(_) | Incoming::Acked { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A WebSocket as a client has it, over TCP (RFC 6455): each write is a frame, masked by zeros.
pub struct Web {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Web {
    /// Asks for one. Returns the status of what comes in place of it where it does not come about.
    pub fn connect(address: SocketAddr, path: &str, protocol: &str) -> Result<Self, String> {
        let mut stream = stream(address);
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: {protocol}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("asked");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("text");
        let status = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if status == "101" { Ok(Self { stream, rest: Vec::new() }) } else { Err(status) }
    }
}

impl Write for Web {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Packets and frames need not begin together.
        let part = &bytes[..bytes.len().min(50)];
        let length = u8::try_from(part.len()).expect("a short one");
        self.stream.write_all(&[0x82, 0x80 | length, 0, 0, 0, 0])?;
        self.stream.write_all(part)?;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Read for Web {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let mut head = [0; 2];
            self.stream.read_exact(&mut head)?;
            let length = match head[1] & 0x7F {
                126 => {
                    let mut length = [0; 2];
                    self.stream.read_exact(&mut length)?;
                    usize::from(u16::from_be_bytes(length))
                }
                length => usize::from(length),
            };
            let mut frame = vec![0; length];
            self.stream.read_exact(&mut frame)?;
            match head[0] & 0x0F {
                2 => self.rest = frame,
                8 => return Ok(0),
                _ => {}
            }
        }
        let count = self.rest.len().min(into.len());
        into[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}
