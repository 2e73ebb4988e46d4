//! Retail reads what payment lends.

use base::{Clock, DrivenClock, Problem, SeededEntropy, SystemClock, Time};
use data::{Data, Keeper, Round};
use exchange::{Done, Exchange, Identity, Network, NetworkError, Request, Response};
use kernel::{
    Call, Credential, Handler, Kernel, Parts, Principal, Reader, Reply, ResourceRef, Signed, Writer,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use store::{MemoryBlobs, MemoryStore};

/// When all of it happens, business time.
const NOW: Time = Time(1_600_000_000_000);

/// What is done before a request for a page arrives; requests are counted from 1.
pub type OnFetch = Box<dyn FnMut(&World, usize) + Send>;

/// A unit.
pub struct Side {
    pub kernel: Arc<Kernel>,
    pub exchange: Arc<Exchange>,
    pub unit: String,
    writer: Mutex<Writer>,
    data: Arc<Data>,
}

/// The units, and what is between them.
pub struct World {
    sides: BTreeMap<String, Side>,
    acknowledged: Mutex<BTreeMap<(String, String), u64>>,
    /// The requests for pages, as JSON.
    pub seen: Mutex<Vec<Value>>,
    pub on_fetch: Mutex<Option<OnFetch>>,
    pub is_cut: AtomicBool,
}

struct Wire(Weak<World>);

impl Network for Wire {
    fn send(&self, request: &Request) -> Result<Response, NetworkError> {
        let world = self.0.upgrade().expect("the world lasts");
        if world.is_cut.load(Ordering::SeqCst) {
            return Err(NetworkError { reason: "nobody answers".into() });
        }
        if request.path.ends_with("/fetch") {
            let body = serde_json::from_slice(&request.body).expect("JSON");
            let count = {
                let mut seen = locked(&world.seen);
                seen.push(body);
                seen.len()
            };
            if let Some(on_fetch) = locked(&world.on_fetch).as_mut() {
                on_fetch(&*world, count);
            }
        }
        let name = request.url.split('/').nth(2).expect("a host");
        Ok(world.deliver(name, request))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// Returns retail and payment, who know each other, with limits of their exchanges.
    pub fn new(config: &exchange::Config) -> Arc<Self> {
        let names = ["retail", "payment"];
        let side = |(seed, name): (usize, &&str)| ((*name).to_owned(), side(name, seed, config));
        let world = Arc::new(Self {
            sides: names.iter().enumerate().map(side).collect(),
            acknowledged: Mutex::default(),
            seen: Mutex::default(),
            on_fetch: Mutex::default(),
            is_cut: AtomicBool::new(false),
        });
        for name in names {
            let side = world.side(name);
            side.exchange.set_network(Arc::new(Wire(Arc::downgrade(&world))));
            let (held, own) = (Arc::downgrade(&world), name.to_owned());
            side.exchange.set_commits(Arc::new(move |call: Call, done: Done| {
                let world = held.upgrade().expect("the world lasts");
                done(world.side(&own).run(call));
            }));
            let people = json!([
                manifest("User", "olga", json!({"roles": ["owner"]})),
                manifest("User", "ann", json!({"roles": ["analyst"]})),
                manifest("User", "vic", json!({"roles": ["viewer", "asker"]})),
                manifest(
                    "Role",
                    "asker",
                    json!({"policies":
                    "permit(principal in Role::\"asker\", action in Action::\"Read\", resource in Kind::\"sql\");"})
                ),
            ]);
            let args = json!({"manifests": people});
            world.act(name, "unit:init", "resource.apply", ("resource", ""), args).expect("people");
        }
        for (name, other) in [("retail", "payment"), ("payment", "retail")] {
            let card = serde_json::to_value(world.side(other).exchange.card()).expect("a card");
            world.call(name, "peer.add", ("peer", ""), json!({"name": other, "card": card}));
        }
        world
    }

    pub fn side(&self, name: &str) -> &Side {
        &self.sides[name]
    }

    pub fn act(
        &self,
        unit: &str,
        who: &str,
        operation: &str,
        on: (&str, &str),
        args: Value,
    ) -> Result<Value, Problem> {
        self.side(unit).run(call(who, operation, on, args)).map(Reply::into_value)
    }

    /// Acts as the owner.
    pub fn call(&self, unit: &str, operation: &str, on: (&str, &str), args: Value) -> Value {
        self.act(unit, "user:olga", operation, on, args)
            .unwrap_or_else(|problem| panic!("{operation}: {problem:?}"))
    }

    pub fn apply(&self, unit: &str, manifests: Value) -> Result<Value, Problem> {
        let args = json!({"manifests": manifests});
        self.act(unit, "user:olga", "resource.apply", ("resource", ""), args)
    }

    /// Appends JSON lines.
    pub fn append(&self, unit: &str, stream: &str, lines: &str) {
        let mut append = call("user:olga", "stream.append", ("stream", stream), json!({}));
        append.media = "application/x-ndjson".into();
        append.body = lines.as_bytes().to_vec();
        self.side(unit).run(append).expect("appended");
    }

    /// Has the rows of a stream put into files.
    pub fn seal(&self, unit: &str, stream: &str) {
        self.call(unit, "table.seal", ("table", stream), json!({}));
        let side = self.side(unit);
        let mut keeper = Keeper::new(&side.data, &side.kernel);
        while keeper.round(&mut |call| side.run(call)).expect("a round") == Round::Worked {
            assert!(keeper.troubles().is_empty());
        }
    }

    /// Concludes a contract over offers of payment.
    pub fn conclude(&self, name: &str, offers: &[&str]) {
        let args = json!({"name": name, "peer": "payment", "offers": offers});
        self.call("retail", "contract.propose", ("contract", ""), args);
        self.settle();
        let contract = self.call("retail", "contract.get", ("contract", name), json!({}));
        assert_eq!(contract["state"], "finalized", "{contract}");
    }

    pub fn revoke(&self, contract: &str) {
        let reason = json!({"reason": "moved"});
        self.call("payment", "contract.revoke", ("contract", contract), reason);
    }

    /// Asks in SQL, and returns the answer as CSV.
    pub fn sql_as(&self, unit: &str, who: &str, sql: &str) -> Result<String, Problem> {
        let args = json!({"sql": sql, "format": "csv"});
        match self.side(unit).kernel.read(&call(who, "sql.query", ("sql", ""), args))? {
            Reply::Stream { pieces, .. } => {
                let bytes = pieces.collect::<Result<Vec<_>, _>>()?.concat();
                Ok(String::from_utf8(bytes).expect("text").replace("\r\n", "\n"))
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn sql(&self, unit: &str, sql: &str) -> Result<String, Problem> {
        self.sql_as(unit, "user:olga", sql)
    }

    /// Takes the requests for pages that were seen.
    pub fn take_seen(&self) -> Vec<Value> {
        std::mem::take(&mut locked(&self.seen))
    }

    pub fn on_fetch(&self, on_fetch: impl FnMut(&Self, usize) + Send + 'static) {
        self.take_seen();
        *locked(&self.on_fetch) = Some(Box::new(on_fetch));
    }

    /// Lets messages travel until nothing is left to send.
    pub fn settle(&self) {
        let mut is_idle = false;
        while !is_idle {
            is_idle = true;
            for (from, to) in [("retail", "payment"), ("payment", "retail")] {
                let link = (from.to_owned(), to.to_owned());
                let after = locked(&self.acknowledged).get(&link).copied().unwrap_or(0);
                let (side, peer) = (self.side(from), &self.side(to).unit);
                let reader = side.reader();
                let next = side.exchange.next(&reader, peer, after, false).expect("a look");
                let Some(outgoing) = next else { continue };
                let response = self.deliver(to, &outgoing.request);
                let body: Value = serde_json::from_slice(&response.body).expect("JSON");
                let acknowledged = body["acknowledged"].as_u64().unwrap_or(0);
                if after < acknowledged {
                    locked(&self.acknowledged).insert(link, acknowledged);
                    is_idle = false;
                }
            }
        }
    }

    /// Returns what was read under contracts, a line for each offer, without which side it is of.
    pub fn meters(&self, unit: &str) -> Vec<String> {
        let ledger = self.call(unit, "ledger.list", ("ledger", ""), json!({}));
        let names =
            ["contract", "capability", "reads", "rows", "bytes", "owed", "agreed", "disputed"];
        let line = |row: &Value| {
            let parts: Vec<String> =
                names.iter().map(|name| row[*name].to_string().replace('"', "")).collect();
            parts.join(" ")
        };
        ledger["items"].as_array().expect("lines").iter().map(line).collect()
    }

    /// Hands a request to a unit's door.
    fn deliver(&self, name: &str, request: &Request) -> Response {
        let side = self.side(name);
        let signed = Signed {
            method: request.method.clone(),
            path: request.path.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        };
        let answer = side.kernel.authenticate(&Credential::Signed(&signed)).and_then(|identity| {
            let parts: Vec<&str> = request.path.trim_start_matches("/v1/").split('/').collect();
            let mut call = match parts[..] {
                ["exchange", "messages"] => Call::new(
                    "exchange.messages",
                    ResourceRef::new("exchange", ""),
                    identity.principal,
                ),
                ["contracts", name, "fetch"] => Call::new(
                    "contract.fetch",
                    ResourceRef::new("contract", name),
                    identity.principal,
                )
                .with(serde_json::from_slice(&request.body).expect("JSON")),
                _ => panic!("no route {}", request.path),
            };
            call.body.clone_from(&request.body);
            // What is streamed is made after the commit, on another thread than the partition's.
            match side.run(call)? {
                Reply::Stream { pieces, .. } => Ok(pieces.collect::<Result<Vec<_>, _>>()?.concat()),
                reply => Ok(reply.into_value().to_string().into_bytes()),
            }
        });
        match answer {
            Ok(body) => Response { status: 200, body },
            Err(problem) => Response {
                status: problem.kind.http_status(),
                body: serde_json::to_vec(&problem).expect("JSON"),
            },
        }
    }
}

impl Side {
    fn run(&self, call: Call) -> Result<Reply, Problem> {
        if matches!(self.kernel.operation(&call.operation)?.handler, Handler::Read(_)) {
            return self.kernel.read(&call);
        }
        locked(&self.writer).turn(&[call]).remove(0)
    }

    fn reader(&self) -> Reader {
        Reader::new(&self.kernel, Principal::Anonymous).expect("a reader")
    }
}

pub fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// An answer, or the code of the problem.
pub fn code<T>(result: Result<T, Problem>) -> String {
    result.map_or_else(|problem| problem.code, |_| "done".into())
}

fn call(who: &str, operation: &str, on: (&str, &str), args: Value) -> Call {
    let actor = Principal::try_from(who.to_owned()).expect("a principal");
    Call::new(operation, ResourceRef::new(on.0, on.1), actor).with(args)
}

fn side(name: &str, seed: usize, config: &exchange::Config) -> Side {
    let clock = Arc::new(DrivenClock::new(NOW, SystemClock::new()));
    // Signatures of the second in which a unit starts are refused: these units started a while ago.
    let past = Time(clock.wall().0 - 10_000);
    let entropy = Arc::new(SeededEntropy::new(seed as u64 + 1));
    let identity = Identity::generate(name, entropy.as_ref(), past);
    let unit = identity.unit().to_owned();
    let card = identity.card(Some(&format!("https://{name}")), None);
    let exchange = Exchange::new(identity, card, config.clone(), entropy.clone()).started(past);
    let exchange = Arc::new(exchange);
    let limits = data::Config { seal_rows_min: 1, ..data::Config::default() };
    let data = Data::new(limits, Arc::new(MemoryBlobs::default()));
    let (kernel, writer) = Kernel::new(Parts {
        store: Arc::new(MemoryStore::new()),
        clock,
        entropy,
        engines: vec![Arc::clone(&data) as _, Arc::clone(&exchange) as _],
        config: kernel::Config::default(),
    })
    .expect("a kernel");
    Side { kernel, exchange, unit, writer: Mutex::new(writer), data }
}
