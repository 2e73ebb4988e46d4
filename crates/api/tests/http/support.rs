//! A unit with one made-up engine behind the HTTP door, for tests and for the measurement of overhead.

use api::probe::{Answer, Client};
use api::{Config, Options, router, serve};
use base::{DrivenClock, Problem, SeededEntropy, SystemClock, Time};
use kernel::{
    Call, Engine, Found, Handle, Kernel, KindOf, Operation, Parts, Principal, Read, Relation,
    Reply, ResourceRef, Right, Signed, Site, decide, operation, read,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use store::MemoryStore;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// An engine with one operation of each form.
pub struct Notes;

impl Engine for Notes {
    fn name(&self) -> &'static str {
        "notes"
    }

    fn kinds(&self) -> Vec<KindOf> {
        vec![KindOf {
            name: "note",
            manifest: "",
            plural: "notes",
            schema: json!({}),
            check: |_| Ok(()),
            is_grant: false,
            roles: |_| Vec::new(),
        }]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        use Right::{Read, Run, Write};
        let body = json!({
            "type": "object",
            "required": ["text"],
            "properties": {"text": {"type": "string"}, "weight": {"$ref": "#/$defs/Weight"}},
            "$defs": {"Weight": {"type": "number"}},
        });
        vec![
            operation("note.get", Read, "Returns a note.", read(&self, |_, _, call| echo(call)))
                .queries(&[("limit", "how many"), ("text", "a text")]),
            operation(
                "note.put",
                Write,
                "Writes a note.",
                decide(&self, |_, tx, call| {
                    tx.put(
                        kernel::key(b's').text(&call.resource.name),
                        call.args.to_string().into_bytes(),
                    );
                    echo(call)
                }),
            )
            .takes(body),
            operation(
                "note.touch",
                Write,
                "Changes nothing.",
                decide(&self, |_, _, call| echo(call)),
            )
            .counted(),
            operation(
                "note.append",
                Write,
                "Takes bytes.",
                decide(&self, |_, _, call| {
                    Ok(Reply::Value(json!({"media": call.media, "bytes": call.body.len()})))
                }),
            )
            .takes_raw(&["application/x-ndjson", "application/json"]),
            operation("note.stream", Read, "Streams lines.", read(&self, |_, _, call| lines(call)))
                .queries(&[("count", "how many"), ("fail", "at which line it fails")])
                .answers(json!({"contentMediaType": "application/x-ndjson"})),
            operation(
                "note.later",
                Run,
                "Answers later.",
                decide(&self, |_, _, _| Ok(Reply::Later)),
            )
            .cancelled_by(Arc::new(|_, _| Ok(Reply::Value(Value::Null)))),
            operation("note.panic", Read, "Panics.", read(&self, |_, _, _| panic!("a defect"))),
            operation(
                "note.hidden",
                Write,
                "Is on no door.",
                decide(&self, |_, _, call| echo(call)),
            )
            .internal(),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn find(&self, _read: &dyn Read, kind: &str, name: &str) -> Result<Option<Found>, Problem> {
        Ok((kind == "note" && name != "missing").then(Found::default))
    }

    fn sites(&self, kind: &str, name: Option<&str>) -> Vec<Site> {
        let key = kernel::key(b's');
        match (kind, name) {
            ("note", None) => vec![Site::Keys(key.bytes())],
            ("note", Some(name)) => vec![Site::Keys(key.text(name).bytes())],
            _ => Vec::new(),
        }
    }

    fn authenticate(
        &self,
        _read: &dyn Read,
        signed: &Signed,
    ) -> Result<Option<Principal>, Problem> {
        let text =
            format!("{} {} {}", signed.method, signed.path, String::from_utf8_lossy(&signed.body));
        let is_mine = signed.headers.get("signature") == Some(&text);
        Ok(is_mine.then(|| Principal::User("olga".into())))
    }

    fn claimed(&self, _read: &dyn Read, signed: &Signed) -> Result<Option<Principal>, Problem> {
        let begins = format!("{} {} ", signed.method, signed.path);
        let signature = signed.headers.get("signature");
        let is_mine = signature.is_some_and(|signature| signature.starts_with(&begins));
        Ok(is_mine.then(|| Principal::User("olga".into())))
    }
}

fn echo(call: &Call) -> Result<Reply, Problem> {
    Ok(Reply::Value(json!({
        "resource": call.resource.to_string(), "actor": call.actor, "args": call.args, "at": call.at, "key": call.key,
    })))
}

fn lines(call: &Call) -> Result<Reply, Problem> {
    let number = |name: &str, default: u64| {
        call.text(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (count, fail) = (number("count", 3), number("fail", u64::MAX));
    let pieces = (0..count).map(move |number| match number {
        _ if number == fail => Err(kernel::Error::Stopping.into()),
        _ => Ok(format!("{{\"number\": {number}}}\n").into_bytes()),
    });
    Ok(Reply::Stream { media: "application/x-ndjson", pieces: Box::new(pieces) })
}

/// A unit that listens on the loopback.
pub struct Unit {
    pub address: SocketAddr,
    /// A user who may do everything.
    pub right: String,
    /// A user who may do nothing.
    pub wrong: String,
    pub handle: Handle,
    pub runtime: Runtime,
    server: JoinHandle<()>,
    stop: Option<oneshot::Sender<()>>,
}

/// Starts a unit.
pub fn unit(config: Config) -> Unit {
    let parts = Parts {
        store: Arc::new(MemoryStore::new()),
        clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
        entropy: Arc::new(SeededEntropy::new(1)),
        engines: vec![Arc::new(Notes)],
        config: kernel::Config::default(),
    };
    let (_, mut writer) = Kernel::new(parts).expect("a kernel starts on an empty store");
    let user = |name: &str, roles: Value| json!({"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": name}, "spec": {"roles": roles}});
    let init = Principal::Unit("init".into());
    let people = json!({"manifests": [user("olga", json!(["owner"])), user("ned", json!([]))]});
    let apply = Call::new("resource.apply", ResourceRef::new("resource", ""), init).with(people);
    writer.turn(&[apply]).remove(0).expect("the first people are applied");
    let mut token = |name: &str| {
        let olga = Principal::User("olga".into());
        let call = Call::new("token.create", ResourceRef::new("token", ""), olga)
            .with(json!({"user": name}));
        let made = writer.turn(&[call]).remove(0).expect("a token").into_value();
        made["token"].as_str().expect("a secret").to_owned()
    };
    let (right, wrong) = (token("olga"), token("ned"));
    let handle = kernel::spawn(writer).expect("a thread");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    let options = Options {
        config: config.clone(),
        report: Arc::new(|_| {}),
        ..Options::new("shop", "0.1.0")
    };
    let router = router(handle.clone(), options);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = runtime.spawn(serve(listener, router, config, async {
        let _ = stopped.await;
    }));
    Unit { address, right, wrong, handle, runtime, server, stop: Some(stop) }
}

impl Unit {
    /// Connects.
    pub fn client(&self) -> Client {
        Client::connect(self.address).expect("the unit listens")
    }

    /// Sends one request as the right user, on a connection of its own.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let token = format!("Bearer {}", self.right);
        let mut all = vec![("authorization", token.as_str())];
        all.extend_from_slice(headers);
        self.client().send(method, path, &all, body).expect("an answer")
    }

    /// Tells the server to stop.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Waits until the server has stopped.
    pub fn stopped(&mut self) {
        self.runtime.block_on(&mut self.server).expect("the server ends in peace");
    }
}

/// Returns status, code and place of an answer in one line, or its body.
pub fn shown(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(problem) if problem["code"].is_string() => {
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            assert_eq!(problem["status"], json!(answer.status));
            assert_eq!(
                problem["type"],
                json!(format!("urn:craton:error:{}", problem["code"].as_str().expect("text")))
            );
            format!("{} {}", answer.status, problem["code"].as_str().expect("text"))
        }
        _ => format!("{} {text}", answer.status),
    }
}
