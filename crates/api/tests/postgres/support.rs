//! A unit with an engine that counts, behind the door of PostgreSQL, and a client of it that can say anything.

use api::{Config, Postgres, serve_postgres};
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::StreamWriter;
use base::{Code, DrivenClock, Kind, Place, Problem, SeededEntropy, SystemClock, Time};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::{
    Call, Engine, Found, Handle, Kernel, KindOf, Operation, Parts, Principal, Read, Relation,
    Reply, ResourceRef, Right, operation, read,
};
use serde_json::json;
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use store::MemoryStore;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// Rows of a piece.
const PIECE: i64 = 1_000;

/// An engine that knows `SELECT n`: the numbers from 0 to below n. `SELECT $1` takes n as its parameter.
pub struct Numbers;

impl Engine for Numbers {
    fn name(&self) -> &'static str {
        "numbers"
    }

    fn kinds(&self) -> Vec<KindOf> {
        Vec::new()
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        let query = read(&self, |_: &Self, _, call| query(call));
        let describe = read(&self, |_: &Self, _, call| describe(call));
        vec![
            operation("sql.query", Right::Read, "Counts.", query).on_kind().takes(json!({})),
            operation("sql.describe", Right::Read, "Says what comes.", describe)
                .on_kind()
                .takes(json!({})),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn find(&self, _read: &dyn Read, _kind: &str, _name: &str) -> Result<Option<Found>, Problem> {
        Ok(None)
    }
}

/// Returns the number that a statement asks for.
fn number(call: &Call) -> Result<i64, Problem> {
    let text = call.args["sql"].as_str().unwrap_or_default();
    let text = text.trim().strip_prefix("SELECT").unwrap_or(text).trim();
    let text = if text == "$1" {
        call.args["parameters"][0]["value"].as_str().unwrap_or_default()
    } else {
        text
    };
    text.parse().map_err(|_| {
        let place = Place { line: Some(1), column: Some(8), ..Place::default() };
        let text = format!("there is no column `{text}`");
        Problem::new(Code("sql.invalid", Kind::Invalid), text).at(place)
    })
}

fn query(call: &Call) -> Result<Reply, Problem> {
    let most = number(call)?;
    let field = Field::new("n", DataType::Int64, false);
    let field = field.with_metadata(HashMap::from([("pg".to_owned(), "int8".to_owned())]));
    let schema = Arc::new(Schema::new(vec![field]));
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).expect("a writer");
    let (mut next, ending) = (0, call.ending.clone());
    let pieces = std::iter::from_fn(move || {
        if ending.as_ref().is_some_and(kernel::Ending::is_ended) {
            let code = Code("sql.cancelled", Kind::Conflict);
            return Some(Err(Problem::new(code, "the query was cancelled")));
        }
        if most <= next && next != 0 {
            return None;
        }
        let end = most.min(next + PIECE);
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(next..end));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![numbers]).expect("a batch");
        writer.write(&batch).expect("it is written");
        next = end.max(1);
        Some(Ok(std::mem::take(writer.get_mut())))
    });
    Ok(Reply::Stream { media: "application/vnd.apache.arrow.stream", pieces: Box::new(pieces) })
}

fn describe(call: &Call) -> Result<Reply, Problem> {
    let is_open = call.args["sql"].as_str().unwrap_or_default().contains("$1");
    if !is_open {
        number(call)?;
    }
    let parameters = if is_open { json!(["int8"]) } else { json!([]) };
    let columns = json!([{"name": "n", "type": "int8"}]);
    Ok(Reply::Value(json!({"kind": "query", "parameters": parameters, "columns": columns})))
}

/// A unit that listens on the loopback.
pub struct Unit {
    pub address: SocketAddr,
    /// The token of `olga`, who may do everything, and its id.
    pub token: String,
    pub token_id: String,
    pub handle: Handle,
    _runtime: Runtime,
    _stop: oneshot::Sender<()>,
}

/// Starts a unit.
pub fn unit(config: Config) -> Unit {
    let parts = Parts {
        store: Arc::new(MemoryStore::new()),
        clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
        entropy: Arc::new(SeededEntropy::new(1)),
        engines: vec![Arc::new(Numbers)],
        config: kernel::Config::default(),
    };
    let (_, mut writer) = Kernel::new(parts).expect("a kernel starts on an empty store");
    let olga = json!({"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": "olga"}, "spec": {"roles": ["owner"]}});
    let init = Principal::Unit("init".into());
    let apply = Call::new("resource.apply", ResourceRef::new("resource", ""), init)
        .with(json!({"manifests": [olga]}));
    writer.turn(&[apply]).remove(0).expect("olga is applied");
    let create = Call::new("token.create", ResourceRef::new("token", ""), olga_herself())
        .with(json!({"user": "olga"}));
    let made = writer.turn(&[create]).remove(0).expect("a token").into_value();
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    let handle = kernel::spawn(writer).expect("a thread");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    let options = Postgres {
        kernel: Arc::clone(handle.kernel()),
        version: "0.1.0".to_owned(),
        tls: None,
        config,
        report: Arc::new(|_| {}),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    runtime.spawn(serve_postgres(listener, options, async {
        let _ = stopped.await;
    }));
    Unit {
        address,
        token: text("token"),
        token_id: text("id"),
        handle,
        _runtime: runtime,
        _stop: stop,
    }
}

pub fn olga_herself() -> Principal {
    Principal::User("olga".into())
}

impl Unit {
    /// Connects and says nothing.
    pub fn stranger(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("the unit listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
        Client(stream)
    }

    /// Connects and signs in.
    pub fn client(&self) -> Client {
        let mut client = self.stranger();
        let end = client.sign_in("olga", &self.token);
        assert_eq!(end.last().map(|message| message.kind), Some('Z'), "{end:?}");
        client
    }

    /// Checks that the unit still answers.
    pub fn expect_alive(&self) {
        assert_eq!(words(&self.client().query("SELECT 1")), "T D:0 C:SELECT 1 Z:I");
    }
}

/// A message of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub kind: char,
    pub body: Vec<u8>,
}

impl Message {
    /// Returns a field of an error.
    pub fn field(&self, name: u8) -> Option<String> {
        let mut fields = self.body.split(|byte| *byte == 0);
        let found = fields.find(|field| field.first() == Some(&name))?;
        Some(String::from_utf8_lossy(&found[1..]).into_owned())
    }

    fn word(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        match self.kind {
            'C' | 'Z' => format!("{}:{}", self.kind, text(&self.body)),
            'D' => format!("D:{}", text(&self.body[6..])),
            'E' | 'N' => format!("{}:{}", self.kind, self.field(b'C').unwrap_or_default()),
            kind => kind.to_string(),
        }
    }
}

/// Returns messages in one line.
pub fn words(messages: &[Message]) -> String {
    messages.iter().map(Message::word).collect::<Vec<_>>().join(" ")
}

/// A client that can say anything.
pub struct Client(TcpStream);

impl Client {
    /// Sends bytes. A server that has closed already takes none, which is no error here.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Ends what the client says.
    pub fn hang_up(&mut self) {
        let _ = self.0.shutdown(std::net::Shutdown::Write);
    }

    /// Reads a message; `None` where the connection is closed.
    pub fn read(&mut self) -> Option<Message> {
        let mut head = [0; 5];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length - 4];
        self.0.read_exact(&mut body).ok()?;
        Some(Message { kind: char::from(head[0]), body })
    }

    /// Reads to the next message of a kind, or to the end of the connection.
    pub fn read_to(&mut self, kind: char) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(message) = self.read() {
            messages.push(message);
            if messages.last().is_some_and(|message| message.kind == kind) {
                break;
            }
        }
        messages
    }

    pub fn query(&mut self, sql: &str) -> Vec<Message> {
        self.send(&message(b'Q', &text(sql)));
        self.read_to('Z')
    }

    /// Expects letters that are no messages, then signs in.
    pub fn sign_in_after(&mut self, letters: &[u8], user: &str, token: &str) -> Vec<Message> {
        let mut read = vec![0; letters.len()];
        self.0.read_exact(&mut read).expect("letters");
        assert_eq!(read, letters);
        self.sign_in(user, token)
    }

    /// Signs in; returns what came last: everything after the proof was sent, or the refusal.
    pub fn sign_in(&mut self, user: &str, token: &str) -> Vec<Message> {
        self.send(&startup(&[("user", user), ("database", "craton")]));
        let offered = self.read().expect("an offer");
        assert_eq!(offered.body, [10_u32.to_be_bytes().as_slice(), b"SCRAM-SHA-256\0\0"].concat());
        let first = "n=,r=abc";
        let hello = format!("n,,{first}");
        let mut body = text("SCRAM-SHA-256");
        body.extend(u32::try_from(hello.len()).unwrap().to_be_bytes());
        body.extend(hello.as_bytes());
        self.send(&message(b'p', &body));
        let challenge = String::from_utf8(self.read().expect("a challenge").body[4..].to_vec());
        let challenge = challenge.expect("a text");
        let part = |name: &str| {
            let mut parts = challenge.split(',');
            parts.find_map(|part| part.strip_prefix(name)).expect("a part").to_owned()
        };
        let bare = format!("c=biws,r={}", part("r="));
        let salt = STANDARD.decode(part("s=")).expect("base64");
        let salted = stretch(token.as_bytes(), &salt, part("i=").parse().expect("a number"));
        let client = hmac(&salted, b"Client Key");
        let said = format!("{first},{challenge},{bare}");
        let mut proof = hmac(&base::sha256(&client), said.as_bytes());
        proof.iter_mut().zip(client).for_each(|(byte, client)| *byte ^= client);
        let proof = format!("{bare},p={}", STANDARD.encode(proof));
        self.send(&message(b'p', proof.as_bytes()));
        let messages = self.read_to('Z');
        if messages.len() > 1 {
            let signature = hmac(&hmac(&salted, b"Server Key"), said.as_bytes());
            let signed = format!("v={}", STANDARD.encode(signature));
            assert_eq!(&messages[0].body[4..], signed.as_bytes(), "the server knows the token");
        }
        messages
    }
}

/// Returns a first message.
pub fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = (3_u32 << 16).to_be_bytes().to_vec();
    for (name, value) in parameters {
        body.extend(text(name));
        body.extend(text(value));
    }
    body.push(0);
    sized(&body)
}

/// Returns a message with its length and without a kind.
pub fn sized(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&length.to_be_bytes(), body].concat()
}

pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [vec![kind], sized(body)].concat()
}

pub fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

/// HMAC-SHA-256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let key = if 64 < key.len() { base::sha256(key).to_vec() } else { key.to_vec() };
    let pad = |pad: u8| -> Vec<u8> {
        (0..64).map(|at| key.get(at).copied().unwrap_or_default() ^ pad).collect()
    };
    let inner = base::sha256(&[pad(0x36), message.to_vec()].concat());
    base::sha256(&[pad(0x5c), inner.to_vec()].concat())
}

/// PBKDF2 with one block (RFC 8018).
fn stretch(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut last = hmac(password, &[salt, &1_u32.to_be_bytes()].concat());
    let mut all = last;
    for _ in 1..iterations {
        last = hmac(password, &last);
        all.iter_mut().zip(last).for_each(|(byte, last)| *byte ^= last);
    }
    all
}
