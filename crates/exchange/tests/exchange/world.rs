//! A small world for the tests: units on stores in memory, and a network that does as it is told.

use base::{Clock, Code, Kind, Problem, SeededEntropy, Time};
use exchange::{
    Config, Done, Exchange, Identity, Network, NetworkError, Pumped, Reconciler, Request, Response,
    Round, Sender,
};
use kernel::secrets::{KeySource, SecretKey};
use kernel::{
    Address, Call, Cell, Comparison, Credential, Engine, Filter, Kernel, KindOf, Lending,
    Operation, Page, Pages, Parts, Principal, Read, Reader, Relation, Reply, ResourceRef, Right,
    Scan, Signed, Tx, Writer, decide, operation, read,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::MemoryStore;

/// A clock that stands where it is put.
#[derive(Default)]
pub struct TestClock {
    business: AtomicI64,
    pub wall: AtomicI64,
}

impl Clock for TestClock {
    fn business(&self) -> Time {
        Time(self.business.load(Ordering::SeqCst))
    }

    fn wall(&self) -> Time {
        Time(self.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.wall.load(Ordering::SeqCst).unsigned_abs())
    }

    fn advance(&self, to: Time) -> bool {
        self.business.fetch_max(to.0, Ordering::SeqCst);
        true
    }

    fn is_driven(&self) -> bool {
        true
    }
}

/// Stands for the process engine: a start waits until the test finishes it. And for that of SQL: it lends numbers.
pub struct Work;

fn waiting_key(address: &Address) -> base::Key {
    kernel::key(b'i').text(&address.token)
}

/// How often the work for an order was begun, as the unit's store knows it.
fn starts_key(order: &str) -> base::Key {
    kernel::key(b'k').text(order)
}

/// Returns how often the work for an order was begun, as a backup knows it.
pub fn starts_in(store: &MemoryStore, order: &str) -> u8 {
    let snapshot = store::Store::snapshot(store).unwrap();
    snapshot.get(starts_key(order).as_ref()).unwrap().map_or(0, |bytes| bytes[0])
}

impl Engine for Work {
    fn name(&self) -> &'static str {
        "work"
    }

    fn kinds(&self) -> Vec<KindOf> {
        let kind = |name: &'static str, manifest: &'static str, plural: &'static str| KindOf {
            name,
            manifest,
            plural,
            schema: json!({}),
            check: |_| Ok(()),
            is_grant: false,
            roles: |_| Vec::new(),
        };
        vec![
            kind("process", "Process", "processes"),
            kind("stream", "Stream", "streams"),
            kind("sql", "", "sql"),
        ]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        let cancel = |tx: &mut Tx<'_>, call: &Call| {
            let address = call.reply_to.clone().expect("an address");
            tx.delete(waiting_key(&address));
            Ok(Reply::Value(Value::Null))
        };
        vec![
            operation("process.start", Right::Run, "Starts.", decide(&self, Self::start))
                .cancelled_by(Arc::new(cancel)),
            operation("process.finish", Right::Run, "Ends.", decide(&self, Self::finish)).on_kind(),
            operation("process.ask", Right::Run, "Calls another unit.", decide(&self, Self::ask))
                .on_kind(),
            operation("process.stop", Right::Run, "Withdraws.", decide(&self, Self::stop))
                .on_kind(),
            operation("sql.lend", Right::Read, "Lends.", read(&self, Self::lend)).on_kind(),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn resume(
        &self,
        tx: &mut Tx<'_>,
        address: &Address,
        result: Result<Value, Problem>,
    ) -> Result<(), Problem> {
        let text = match result {
            Ok(value) => value.to_string(),
            Err(problem) => format!("!{}", problem.code),
        };
        tx.put(kernel::key(b'j').text(&address.token), text.into_bytes());
        Ok(())
    }
}

impl Work {
    fn start(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        assert_eq!(call.args["wait"], true);
        assert!(matches!(call.on_behalf_of, Some(Principal::Peer(_))));
        let address = call.reply_to.clone().expect("an address");
        let waiting = json!({"address": address, "variables": call.args["variables"]});
        let counter = starts_key(waiting["variables"]["order"].as_str().unwrap_or_default());
        let count = tx.get(counter.as_ref())?.map_or(0, |bytes| bytes[0]);
        tx.put(counter, vec![count + 1]);
        tx.put(waiting_key(&address), waiting.to_string().into_bytes());
        Ok(Reply::Later)
    }

    /// Ends the work for an order, where there is any.
    fn finish(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let mut count = 0;
        for (key, bytes) in tx.scan_prefix(kernel::key(b'i').as_ref(), 10_000)? {
            let waiting: Value = serde_json::from_slice(&bytes).expect("JSON");
            if call.args["order"].is_null() || waiting["variables"]["order"] == call.args["order"] {
                let address: Address =
                    serde_json::from_value(waiting["address"].clone()).expect("an address");
                tx.delete(key);
                let result = match call.args.get("fail") {
                    Some(_) => Err(kernel::Error::Stopping.into()),
                    None => Ok(json!({"$at": tx.time_of(call), "value": call.args["output"]})),
                };
                tx.reply(&address, result);
                count += 1;
            }
        }
        Ok(Reply::Value(json!(count)))
    }

    /// Calls as a process does; the answer is kept under the token.
    fn ask(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let contract = call.text("contract").expect("a contract");
        let mut ask =
            Call::new("contract.call", ResourceRef::new("contract", contract), call.actor.clone())
                .with(json!({"capability": call.args["capability"], "input": call.args["input"]}))
                .at(tx.time_of(call));
        ask.reply_to = Some(Address {
            engine: "work".into(),
            token: call.text("token").expect("a token").into(),
        });
        tx.call(ask);
        Ok(Reply::Value(Value::Null))
    }

    fn stop(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let contract = ResourceRef::new("contract", call.text("contract").expect("a contract"));
        let address =
            Address { engine: "work".into(), token: call.text("token").expect("a token").into() };
        let at = tx.time_of(call);
        tx.cancel("contract.call", contract, call.actor.clone(), address, at);
        Ok(Reply::Value(Value::Null))
    }

    /// Lends the numbers from 0 on, as many as the stream's manifest says, a line each.
    fn lend(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        assert_eq!(call.actor, Principal::Unit("exchange".into()));
        assert!(matches!(call.on_behalf_of, Some(Principal::Peer(_))));
        let lending: Lending = call.parameters()?;
        let stream = reader.resource("stream", &lending.relation)?.expect("a stream");
        match stream.spec["fails"].as_str() {
            Some("lent") => {
                return Err(Problem::new(Code("sql.lent", Kind::Conflict), "secret"));
            }
            Some(_) => {
                return Err(Problem::new(Code("sql.invalid", Kind::Invalid), "secret"));
            }
            None => {}
        }
        let numbers = 0..stream.spec["count"].as_i64().expect("a number");
        let is_wanted =
            |number: &i64| lending.filter.as_ref().is_none_or(|filter| holds(filter, *number));
        let limit = lending.limit.unwrap_or(usize::MAX);
        let kept: Vec<i64> = numbers.filter(is_wanted).take(limit).collect();
        let commit = reader.commit()?;
        let page = |numbers: &[i64]| Page {
            rows: numbers.len() as u64,
            commit,
            is_last: false,
            bytes: numbers.iter().map(|number| format!("{number}\n")).collect::<String>().into(),
        };
        let mut pages: Vec<Page> = kept.chunks(lending.page_rows).map(page).collect();
        if pages.is_empty() {
            pages.push(page(&[]));
        }
        pages.last_mut().expect("a page").is_last = true;
        let pieces = pages.into_iter().map(|page| Ok(page.into_piece()));
        Ok(Reply::Stream { media: "application/vnd.craton.pages", pieces: Box::new(pieces) })
    }
}

/// Whether a condition over the one column is true of a number.
fn holds(filter: &Filter, number: i64) -> bool {
    match filter {
        Filter::Compare { comparison, value: Cell::Int(value), .. } => match comparison {
            Comparison::Equal => number == *value,
            Comparison::NotEqual => number != *value,
            Comparison::Less => number < *value,
            Comparison::LessOrEqual => number <= *value,
            Comparison::Greater => number > *value,
            Comparison::GreaterOrEqual => number >= *value,
        },
        Filter::In { values, .. } => values.contains(&Cell::Int(number)),
        Filter::IsNotNull { .. } => true,
        Filter::All(parts) => parts.iter().all(|part| holds(part, number)),
        Filter::Any(parts) => parts.iter().any(|part| holds(part, number)),
        Filter::Compare { .. } | Filter::IsNull { .. } => false,
    }
}

/// Reads a page as a query does; nothing behind the last.
pub fn turn(pages: &mut dyn Pages) -> Result<Option<Vec<i64>>, Problem> {
    let Some(page) = pages.next()? else { return Ok(None) };
    let text = String::from_utf8(page.bytes).expect("lines");
    let numbers: Vec<i64> = text.lines().map(|line| line.parse().expect("a number")).collect();
    pages.took(numbers.len() as u64)?;
    Ok(Some(numbers))
}

/// Reads all pages.
pub fn read_all(pages: &mut dyn Pages) -> Result<Vec<i64>, Problem> {
    let mut all = Vec::new();
    while let Some(numbers) = turn(pages)? {
        all.extend(numbers);
    }
    Ok(all)
}

/// Changes an answer on its way.
pub type Mangle = Box<dyn Fn(&Request, &mut Response) + Send>;

/// A unit that may be killed: its store stays.
pub struct Node {
    pub kernel: Arc<Kernel>,
    pub writer: Writer,
    pub exchange: Arc<Exchange>,
    store: Arc<MemoryStore>,
    key: String,
    url: String,
    config: Config,
}

/// What the network does with the next request from one unit to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and so does the answer.
    Arrives,
    /// It is lost.
    Lost,
    /// It arrives, and the answer is lost.
    AnswerLost,
}

/// The units and what connects them.
pub struct World {
    pub nodes: BTreeMap<String, Mutex<Node>>,
    pub clock: Arc<TestClock>,
    pub cut: Mutex<BTreeSet<String>>,
    pub fate: Mutex<Fate>,
    pub seen: Mutex<Vec<Request>>,
    pub mangle: Mutex<Option<Mangle>>,
    senders: Mutex<BTreeMap<String, Arc<Sender>>>,
    seed: AtomicU64,
}

/// A secret key that stays where it is.
struct Fixed(SecretKey);

impl KeySource for Fixed {
    fn keys(&self) -> Result<Vec<SecretKey>, Problem> {
        Ok(vec![self.0.clone()])
    }

    fn add(&self, _key: &SecretKey) -> Result<bool, Problem> {
        Ok(false)
    }

    fn keep(&self, _key: &SecretKey) -> Result<(), Problem> {
        Ok(())
    }

    fn place(&self) -> String {
        "the test".into()
    }
}

struct Wire(std::sync::Weak<World>);

impl Network for Wire {
    fn send(&self, request: &Request) -> Result<Response, NetworkError> {
        let world = self.0.upgrade().expect("the world lasts");
        let lost = || NetworkError { reason: "nobody answers".into() };
        let name = request.url.split(['/', '?']).nth(2).expect("a host").to_owned();
        let fate = *world.fate.lock().unwrap();
        if world.cut.lock().unwrap().contains(&name) || fate == Fate::Lost {
            return Err(lost());
        }
        world.seen.lock().unwrap().push(request.clone());
        let mut response = world.deliver(&name, request);
        if let Some(mangle) = world.mangle.lock().unwrap().as_ref() {
            mangle(request, &mut response);
        }
        if fate == Fate::AnswerLost { Err(lost()) } else { Ok(response) }
    }
}

impl World {
    /// Returns units that know each other.
    pub fn new(names: &[&str], config: &Config) -> Arc<Self> {
        let clock = Arc::new(TestClock::default());
        clock.wall.store(1_700_000_000_250, Ordering::SeqCst);
        let mut nodes = BTreeMap::new();
        for (place, name) in names.iter().enumerate() {
            let entropy = SeededEntropy::new(place as u64 + 1);
            let key = Identity::generate(name, &entropy, clock.wall()).to_text();
            let node = boot(
                Arc::new(MemoryStore::new()),
                &key,
                &format!("http://{name}"),
                config,
                &clock,
                place as u64,
            );
            nodes.insert((*name).to_owned(), Mutex::new(node));
        }
        clock.wall.fetch_add(1_000, Ordering::SeqCst);
        let world = Arc::new(Self {
            nodes,
            clock,
            cut: Mutex::new(BTreeSet::new()),
            fate: Mutex::new(Fate::Arrives),
            seen: Mutex::new(Vec::new()),
            mangle: Mutex::new(None),
            senders: Mutex::new(BTreeMap::new()),
            seed: AtomicU64::new(100),
        });
        for name in names {
            world.connect(name);
            let olga = manifest("User", "olga", json!({"roles": ["owner"]}));
            world
                .act(
                    name,
                    "unit:init",
                    "resource.apply",
                    ("resource", ""),
                    json!({"manifests": [olga]}),
                )
                .unwrap();
        }
        for name in names {
            for other in names.iter().filter(|other| *other != name) {
                let card = serde_json::to_value(world.node(other).exchange.card()).unwrap();
                world
                    .call(name, "peer.add", ("peer", ""), json!({"name": other, "card": card}))
                    .unwrap();
            }
        }
        world
    }

    fn connect(self: &Arc<Self>, name: &str) {
        let node = self.node(name);
        let wire: Arc<dyn Network> = Arc::new(Wire(Arc::downgrade(self)));
        node.exchange.set_network(Arc::clone(&wire));
        let (world, own) = (Arc::downgrade(self), name.to_owned());
        node.exchange.set_commits(Arc::new(move |call: Call, done: Done| {
            let world = world.upgrade().expect("the world lasts");
            let reply = run(&mut world.node(&own), call);
            done(reply);
        }));
        let submit = Arc::new(|_: Call| {});
        let sender =
            Sender::new(Arc::clone(&node.exchange), Arc::clone(&node.kernel), wire, submit);
        self.senders.lock().unwrap().insert(name.into(), sender);
    }

    pub fn node(&self, name: &str) -> std::sync::MutexGuard<'_, Node> {
        self.nodes[name].lock().unwrap()
    }

    pub fn unit(&self, name: &str) -> String {
        self.node(name).exchange.identity().unit().to_owned()
    }

    /// Ends a unit as a crash would, and starts it again on what its store holds.
    pub fn kill(self: &Arc<Self>, name: &str) {
        let seed = self.seed.fetch_add(1, Ordering::SeqCst);
        let mut node = self.node(name);
        *node =
            boot(Arc::clone(&node.store), &node.key, &node.url, &node.config, &self.clock, seed);
        drop(node);
        self.clock.wall.fetch_add(1_000, Ordering::SeqCst);
        self.connect(name);
    }

    /// Returns what the store of a unit holds now.
    pub fn backup(&self, name: &str) -> MemoryStore {
        self.node(name).store.duplicate()
    }

    /// Ends a unit and starts it again on a backup. It has asked nobody yet.
    pub fn restore(self: &Arc<Self>, name: &str, backup: &MemoryStore) {
        let store = backup.duplicate();
        exchange::mark_restored(&store, self.clock.wall()).unwrap();
        self.node(name).store = Arc::new(store);
        self.kill(name);
    }

    /// Lets a unit that was restored ask its peers, each once.
    pub fn reconcile(&self, name: &str) -> Round {
        let (exchange, kernel) = {
            let node = self.node(name);
            (Arc::clone(&node.exchange), Arc::clone(&node.kernel))
        };
        Reconciler::new(exchange, kernel).round().unwrap()
    }

    /// Returns how often the work for an order was begun at a unit.
    pub fn starts(&self, unit: &str, order: &str) -> u8 {
        let kernel = Arc::clone(&self.node(unit).kernel);
        let reader = Reader::new(&kernel, Principal::Anonymous).unwrap();
        reader.get(starts_key(order).as_ref()).unwrap().map_or(0, |bytes| bytes[0])
    }

    /// Gives a unit another key, as a restart after a rotation does.
    pub fn rotate(self: &Arc<Self>, name: &str) {
        let mut node = self.node(name);
        let mut identity = Identity::from_text(&node.key).unwrap();
        identity.rotate(&SeededEntropy::new(77), self.clock.wall()).unwrap();
        node.key = identity.to_text();
        drop(node);
        self.kill(name);
    }

    pub fn act(
        &self,
        unit: &str,
        who: &str,
        operation: &str,
        on: (&str, &str),
        args: Value,
    ) -> Result<Value, Problem> {
        let actor = Principal::try_from(who.to_owned()).unwrap();
        let mut call = Call::new(operation, ResourceRef::new(on.0, on.1), actor).with(args);
        if let Some(at) = call.args.get("at").and_then(Value::as_i64) {
            call.args.as_object_mut().unwrap().remove("at");
            call.at = Some(Time(at));
        }
        run(&mut self.node(unit), call).map(Reply::into_value)
    }

    /// Acts as the owner. `at` among the parameters is the business time in milliseconds.
    pub fn call(
        &self,
        unit: &str,
        operation: &str,
        on: (&str, &str),
        args: Value,
    ) -> Result<Value, Problem> {
        self.act(unit, "user:olga", operation, on, args)
    }

    /// Looks as the owner, without holding the unit: others may be asked.
    pub fn look(
        &self,
        unit: &str,
        operation: &str,
        on: (&str, &str),
        args: Value,
    ) -> Result<Value, Problem> {
        let kernel = Arc::clone(&self.node(unit).kernel);
        let call =
            Call::new(operation, ResourceRef::new(on.0, on.1), Principal::User("olga".into()))
                .with(args);
        kernel.read(&call).map(Reply::into_value)
    }

    pub fn apply(&self, unit: &str, manifests: Value) -> Result<Value, Problem> {
        self.call(unit, "resource.apply", ("resource", ""), json!({"manifests": manifests}))
    }

    /// Hands a request to a unit's door.
    pub fn deliver(&self, name: &str, request: &Request) -> Response {
        if request.path == "/v1/exchange/card" {
            let card = self.look(name, "exchange.card", ("exchange", ""), json!({})).unwrap();
            return Response { status: 200, body: card.to_string().into_bytes() };
        }
        let signed = Signed {
            method: request.method.clone(),
            path: request.path.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        };
        let mut node = self.node(name);
        let outcome = node.kernel.authenticate(&Credential::Signed(&signed)).and_then(|identity| {
            let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
            let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
            let (operation, resource) = match parts[..] {
                ["exchange", "messages"] => ("exchange.messages", ResourceRef::new("exchange", "")),
                ["exchange", "outbox"] => ("exchange.outbox", ResourceRef::new("exchange", "")),
                ["exchange", "reconcile"] => {
                    ("exchange.reconcile", ResourceRef::new("exchange", ""))
                }
                ["exchange", "recall"] => ("exchange.recall", ResourceRef::new("exchange", "")),
                ["offers", "offered"] => ("offer.offered", ResourceRef::new("offer", "")),
                ["contracts", name, "fetch"] => {
                    ("contract.fetch", ResourceRef::new("contract", name))
                }
                _ => panic!("no route {path}"),
            };
            let mut call = Call::new(operation, resource, identity.principal);
            if operation == "exchange.messages" {
                call.body.clone_from(&request.body);
            } else if !request.body.is_empty() {
                call.args = serde_json::from_slice(&request.body).unwrap();
            } else {
                let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                let args = pairs.map(|(name, value)| (name.to_owned(), json!(value)));
                call.args = Value::Object(args.collect());
            }
            run(&mut node, call)
        });
        // What is streamed is made after the commit, on another thread than the partition's.
        drop(node);
        let body = outcome.and_then(|reply| match reply {
            Reply::Stream { pieces, .. } => {
                pieces.collect::<Result<Vec<_>, _>>().map(|all| all.concat())
            }
            reply => Ok(reply.into_value().to_string().into_bytes()),
        });
        match body {
            Ok(body) => Response { status: 200, body },
            Err(problem) => Response {
                status: problem.kind.http_status(),
                body: serde_json::to_vec(&problem).unwrap(),
            },
        }
    }

    /// Opens a relation that another unit lends, as a query does.
    pub fn open(&self, unit: &str, relation: &str, scan: &Scan) -> Result<Box<dyn Pages>, Problem> {
        let kernel = Arc::clone(&self.node(unit).kernel);
        let reader = Reader::new(&kernel, Principal::User("olga".into())).unwrap();
        let relations = kernel.relations(&reader).unwrap();
        let is_meant = |known: &&Relation| format!("{}.{}", known.schema, known.name) == relation;
        let relation = relations.iter().find(is_meant).expect("a relation");
        (relation.pages.as_ref().expect("pages"))(&reader, scan)
    }

    /// Lets a unit do what waits in it.
    pub fn work(&self, unit: &str) {
        self.node(unit).writer.turn(&[]);
    }

    /// Returns what was read under contracts, a line for each offer, without which side it is of.
    pub fn meters(&self, unit: &str) -> Vec<String> {
        let ledger = self.look(unit, "ledger.list", ("ledger", ""), json!({})).unwrap();
        let names =
            ["contract", "capability", "reads", "rows", "bytes", "owed", "agreed", "disputed"];
        let line = |row: &Value| {
            let parts: Vec<String> =
                names.iter().map(|name| row[*name].to_string().replace('"', "")).collect();
            parts.join(" ")
        };
        ledger["items"].as_array().unwrap().iter().map(line).collect()
    }

    /// Returns the rows of `system.fetches`, as text without ids, actors and times.
    pub fn fetches(&self, unit: &str) -> Vec<String> {
        let kernel = Arc::clone(&self.node(unit).kernel);
        let reader = Reader::new(&kernel, Principal::User("olga".into())).unwrap();
        let relations = kernel.relations(&reader).unwrap();
        let relation = relations.iter().find(|relation| relation.name == "fetches").unwrap();
        let mut rows = Vec::new();
        (relation.rows)(&reader, &Scan::default(), &mut |cells| {
            let text = |place: usize| match &cells[place] {
                Cell::Text(text) | Cell::Decimal(text) => text.clone(),
                Cell::Int(number) => number.to_string(),
                other => format!("{other:?}"),
            };
            let shown: Vec<String> = [0, 2, 4, 7, 8, 9, 10].into_iter().map(text).collect();
            rows.push(shown.join(" "));
            Ok(true)
        })
        .unwrap();
        rows
    }

    /// Gives a unit its secret key, as its file does at each start.
    pub fn unlock(&self, name: &str) {
        let key = SecretKey::generate(&SeededEntropy::new(4_242));
        let node = self.node(name);
        let unit = node.exchange.identity().unit().to_owned();
        node.kernel.unlock(&unit, Arc::new(Fixed(key))).unwrap();
    }

    /// Takes the root key away from a unit and starts it again without; returns the root key as text.
    pub fn take_root(self: &Arc<Self>, name: &str) -> String {
        let mut node = self.node(name);
        let mut identity = Identity::from_text(&node.key).unwrap();
        let root = identity.take_root().unwrap();
        node.key = identity.to_text();
        drop(node);
        self.kill(name);
        root
    }

    /// Returns who a unit is, with the keys of its folder.
    pub fn folder_identity(&self, name: &str) -> Identity {
        Identity::from_text(&self.node(name).key).unwrap()
    }

    /// Has a unit fetch the card of a peer, where it wants it; returns whether it brought something new.
    pub fn follow(&self, from: &str, to: &str) -> bool {
        let sender = Arc::clone(&self.senders.lock().unwrap()[from]);
        let unit = self.unit(to);
        let Some(call) = sender.successor(&unit).unwrap() else { return false };
        run(&mut self.node(from), call).unwrap();
        true
    }

    /// Sends once from one unit to another.
    pub fn pump(&self, from: &str, to: &str) -> Pumped {
        let sender = Arc::clone(&self.senders.lock().unwrap()[from]);
        let unit = self.unit(to);
        sender.pump(&unit).unwrap()
    }

    pub fn acknowledge(&self, from: &str, to: &str) {
        let sender = Arc::clone(&self.senders.lock().unwrap()[from]);
        let unit = self.unit(to);
        if let Some(call) = sender.acknowledgement(&unit).unwrap() {
            run(&mut self.node(from), call).unwrap();
        }
    }

    /// Sends until nothing is left to send; fails where that never comes.
    pub fn settle(&self) {
        let names: Vec<String> = self.nodes.keys().cloned().collect();
        for _ in 0..1_000 {
            let mut is_idle = true;
            for from in &names {
                for to in names.iter().filter(|to| *to != from) {
                    match self.pump(from, to) {
                        Pumped::Idle => {}
                        Pumped::Sent => is_idle = false,
                        Pumped::Failed(reason) => {
                            assert!(
                                self.cut.lock().unwrap().contains(to),
                                "{from} to {to}: {reason}"
                            );
                        }
                    }
                }
            }
            if is_idle {
                return;
            }
        }
        panic!("the units never come to rest");
    }

    /// Returns the answer that came for a token of [`Work::ask`].
    pub fn answer(&self, unit: &str, token: &str) -> Option<String> {
        let kernel = Arc::clone(&self.node(unit).kernel);
        let reader = Reader::new(&kernel, Principal::Anonymous).unwrap();
        let bytes = reader.get(kernel::key(b'j').text(token).as_ref()).unwrap();
        bytes.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    pub fn ask(
        &self,
        unit: &str,
        contract: &str,
        capability: &str,
        token: &str,
        at: i64,
    ) -> Result<Value, Problem> {
        let input = json!({"order": token, "value": 129.9});
        let args = json!({"contract": contract, "capability": capability, "token": token, "input": input, "at": at});
        self.call(unit, "process.ask", ("process", ""), args)
    }

    pub fn finish(&self, unit: &str, order: &str, at: i64) -> Value {
        let args = json!({"order": order, "output": {"value": 129.9}, "at": at});
        self.call(unit, "process.finish", ("process", ""), args).unwrap()
    }

    /// Returns the ledger as lines, without which side it is of.
    pub fn ledger(&self, unit: &str) -> Vec<String> {
        let ledger = self.look(unit, "ledger.list", ("ledger", ""), json!({})).unwrap();
        let line = |row: &Value| {
            let names =
                ["contract", "capability", "calls", "answered", "cancelled", "failed", "open"];
            let mut parts: Vec<String> =
                names.iter().map(|name| row[*name].to_string().replace('"', "")).collect();
            for name in ["owed", "agreed", "disputed"] {
                parts.push(row[name].as_str().unwrap().to_owned());
            }
            parts.join(" ")
        };
        ledger["items"].as_array().unwrap().iter().map(line).collect()
    }

    pub fn state(&self, unit: &str, contract: &str) -> String {
        let contract = self.look(unit, "contract.get", ("contract", contract), json!({}));
        contract.map_or_else(
            |problem| problem.code,
            |contract| contract["state"].as_str().unwrap().to_owned(),
        )
    }

    /// Checks what must hold on every unit, at any time.
    pub fn verify(&self) {
        for (name, node) in &self.nodes {
            let node = node.lock().unwrap();
            let reader = Reader::new(&node.kernel, Principal::Anonymous).unwrap();
            assert_eq!(node.exchange.verify(&reader).unwrap(), Vec::<String>::new(), "{name}");
        }
    }
}

fn run(node: &mut Node, call: Call) -> Result<Reply, Problem> {
    let kernel = Arc::clone(&node.kernel);
    if matches!(kernel.operation(&call.operation)?.handler, kernel::Handler::Read(_)) {
        return kernel.read(&call);
    }
    node.writer.turn(&[call]).remove(0)
}

fn boot(
    store: Arc<MemoryStore>,
    key: &str,
    url: &str,
    config: &Config,
    clock: &Arc<TestClock>,
    seed: u64,
) -> Node {
    let identity = Identity::from_text(key).unwrap();
    let card = identity.card(Some(url), None);
    let entropy = Arc::new(SeededEntropy::new(1_000 + seed));
    let exchange =
        Exchange::new(identity, card, config.clone(), entropy.clone()).started(clock.wall());
    let exchange = Arc::new(exchange);
    let (kernel, writer) = Kernel::new(Parts {
        store: Arc::clone(&store) as Arc<dyn store::Store>,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        entropy,
        engines: vec![Arc::new(Work), Arc::clone(&exchange) as Arc<dyn Engine>],
        config: kernel::Config::default(),
    })
    .unwrap();
    let reader = Reader::new(&kernel, Principal::Anonymous).unwrap();
    exchange.reconsider(&reader).unwrap();
    drop(reader);
    Node {
        kernel,
        writer,
        exchange,
        store,
        key: key.into(),
        url: url.into(),
        config: config.clone(),
    }
}

pub fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// The offers of the example's payment unit, with changes to the first.
pub fn offers(change: Value) -> Value {
    let mut authorise = json!({
        "process": "authorise", "version": 1, "summary": "Authorises a payment.", "to": ["retail"],
        "input": [{"name": "order", "type": "text", "required": true}, {"name": "value", "type": "decimal(18,2)"}],
        "price": {"currency": "BRL", "on_accept": "0.30", "on_answer": "output.value * 0.015"},
    });
    for (name, value) in change.as_object().unwrap() {
        authorise[name] = value.clone();
    }
    json!([
        manifest("Process", "authorise", json!({})),
        manifest("Process", "refund", json!({})),
        manifest("Offer", "authorise", authorise),
        manifest(
            "Offer",
            "refund",
            json!({"process": "refund", "version": 1, "summary": "Refunds.", "to": "any"})
        ),
    ])
}

/// Returns retail and payment with a contract `pay` in force.
pub fn market(change: Value, config: &Config) -> Arc<World> {
    let world = World::new(&["retail", "payment"], config);
    world.apply("payment", offers(change)).unwrap();
    let args = json!({"name": "pay", "peer": "payment", "offers": ["authorise", "refund"]});
    world.call("retail", "contract.propose", ("contract", ""), args).unwrap();
    world.settle();
    assert_eq!(
        (world.state("retail", "pay"), world.state("payment", "pay")),
        ("finalized".into(), "finalized".into())
    );
    world
}
