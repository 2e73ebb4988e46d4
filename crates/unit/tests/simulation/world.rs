//! Three units, their network and the trouble they get.

use crate::market::Event;
use base::{Clock, Entropy, SeededEntropy, Time};
use data::Data;
use exchange::{Exchange, Identity, Network, NetworkError, Request, Response};
use kernel::{
    Call, Credential, Kernel, Parts, Principal, Reader, ResourceRef, Scan, Signed, Trace, Writer,
};
use process::Processes;
use process::decisions::{Evaluator, Recorded};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::{Faults, FaultyStore, JournaledStore, MemoryStore};

const UNITS: [&str; 3] = ["payment", "logistics", "retail"];
const CONTRACTS: [(&str, &[&str]); 2] =
    [("payment", &["authorise", "refund"]), ("logistics", &["deliver"])];
/// Steps after which a market that has not settled never will.
const STEPS_MAX: u64 = 200_000;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    None,
    All,
}

/// What came out.
#[derive(Debug)]
pub struct Outcome {
    pub answers: BTreeMap<String, Vec<String>>,
    pub kills: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub steps: u64,
}

/// Business time is driven; wall time moves a little with every look, as the machine's does.
struct Clocks {
    business: AtomicI64,
    wall: Arc<AtomicI64>,
}

impl Clock for Clocks {
    fn business(&self) -> Time {
        Time(self.business.load(Ordering::SeqCst))
    }

    fn wall(&self) -> Time {
        Time(self.wall.fetch_add(1, Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.wall().0.cast_unsigned())
    }

    fn is_driven(&self) -> bool {
        true
    }

    fn advance(&self, to: Time) -> bool {
        self.business.fetch_max(to.0, Ordering::SeqCst);
        true
    }
}

/// No unit asks another anything but by messages here.
struct NoNetwork;

impl Network for NoNetwork {
    fn send(&self, _request: &Request) -> Result<Response, NetworkError> {
        Err(NetworkError { reason: "there is no network".into() })
    }
}

/// What runs of a unit; all of it is gone after a kill.
struct Running {
    kernel: Arc<Kernel>,
    writer: Writer,
    exchange: Arc<Exchange>,
    evaluator: Evaluator,
    /// By the id of a peer: up to which message it has acknowledged.
    acknowledged: BTreeMap<String, u64>,
}

struct Node {
    store: Arc<FaultyStore>,
    identity: String,
    unit: String,
    running: Running,
}

/// An envelope on its way.
#[derive(Clone)]
struct Packet {
    from: usize,
    to: usize,
    request: Request,
}

pub struct World {
    nodes: Vec<Node>,
    packets: Vec<Packet>,
    entropy: SeededEntropy,
    wall: Arc<AtomicI64>,
    trouble: Trouble,
    /// Pairs that are cut off from each other, and for how many more steps.
    cuts: Mutex<BTreeMap<(usize, usize), u64>>,
    outcome: Outcome,
    /// The trace to which the orders belong, where there is one.
    trace: Option<Trace>,
}

impl World {
    pub fn new(seed: u64, trouble: Trouble) -> Self {
        let wall = Arc::new(AtomicI64::new(1_700_000_000_000));
        let entropy = SeededEntropy::new(seed);
        let nodes = UNITS.iter().map(|name| node(name, &wall, entropy.number())).collect();
        let outcome =
            Outcome { answers: BTreeMap::new(), kills: 0, lost: 0, duplicated: 0, steps: 0 };
        let mut world = Self {
            nodes,
            packets: Vec::new(),
            entropy,
            wall,
            trouble: Trouble::None,
            cuts: Mutex::new(BTreeMap::new()),
            outcome,
            trace: None,
        };
        world.prepare();
        world.trouble = trouble;
        world.set_faults(trouble == Trouble::All);
        world
    }

    /// Plays a market whose orders belong to one trace, and returns its spans: unit, id, parent and name.
    pub fn play_traced(mut self, windows: &[Vec<Event>]) -> Vec<[String; 4]> {
        let trace = self.nodes[2].running.kernel.tracer().begin();
        self.trace = Some(trace.clone());
        self.play_on(windows);
        let of_unit = |(name, node): (&&str, &Node)| {
            let spans = node.running.kernel.tracer().spans();
            let own = spans.into_iter().filter(|span| span.trace == trace.id);
            let parent = |span: &kernel::Span| span.parent.map(|parent| parent.to_string());
            own.map(|span| {
                let parent = parent(&span).unwrap_or_default();
                [(*name).to_owned(), span.id.to_string(), parent, span.name]
            })
            .collect::<Vec<_>>()
        };
        let mut spans: Vec<_> = UNITS.iter().zip(&self.nodes).flat_map(of_unit).collect();
        // The door that began it is not part of this world.
        let root = [String::from("driver"), trace.span.to_string(), String::new(), "order".into()];
        spans.insert(0, root);
        spans
    }

    /// Plays a market to its end and returns what the units know then.
    pub fn play(mut self, windows: &[Vec<Event>]) -> Outcome {
        self.play_on(windows);
        self.set_faults(false);
        self.collect();
        self.outcome
    }

    fn play_on(&mut self, windows: &[Vec<Event>]) {
        for (number, window) in windows.iter().enumerate() {
            for (place, name) in UNITS.iter().enumerate() {
                for stream in ["orders", "approvals", "handovers", "deliveries", "cancellations"] {
                    let is_here = |event: &&Event| event.unit == *name && event.stream == stream;
                    let rows: Vec<&Value> =
                        window.iter().filter(is_here).map(|event| &event.row).collect();
                    if !rows.is_empty() {
                        let args = json!({ "rows": rows });
                        self.insist(
                            place,
                            "stream.append",
                            ("stream", stream),
                            args,
                            &format!("{number}-{stream}"),
                        );
                    }
                }
            }
            self.settle();
            let end = window.iter().map(|event| event.at).max().unwrap_or_default();
            self.advance(end, number);
        }
        let last = windows.iter().flatten().map(|event| event.at).max().unwrap_or_default();
        self.advance(Time(last.0 + 1_000), usize::MAX);
    }

    fn advance(&mut self, to: Time, number: usize) {
        for place in 0..UNITS.len() {
            self.insist(
                place,
                "clock.advance",
                ("clock", ""),
                json!({ "to": to }),
                &format!("clock-{number}"),
            );
        }
        self.settle();
    }

    /// Declares the example's manifests (SQL left out), introduces the units and concludes the contracts.
    fn prepare(&mut self) {
        for (place, name) in UNITS.iter().enumerate() {
            let manifests = manifests(name);
            self.must(
                place,
                "unit:init",
                "resource.apply",
                ("resource", ""),
                json!({ "manifests": manifests }),
            );
        }
        let card =
            |node: &Node| serde_json::to_value(node.running.exchange.card()).expect("a card");
        let cards: Vec<Value> = self.nodes.iter().map(card).collect();
        for provider in 0..2 {
            let add = |peer: usize| json!({"name": UNITS[peer], "card": cards[peer], "url": format!("https://{}", UNITS[peer])});
            self.must(2, "user:owner", "peer.add", ("peer", ""), add(provider));
            self.must(provider, "user:owner", "peer.add", ("peer", ""), add(2));
        }
        for (name, offers) in CONTRACTS {
            let args = json!({"name": name, "peer": name, "offers": offers});
            self.must(2, "user:owner", "contract.propose", ("contract", ""), args);
        }
        self.settle();
    }

    /// Lets messages travel and decisions be made until all has come to rest.
    fn settle(&mut self) {
        while !self.is_settled() {
            self.outcome.steps += 1;
            assert!(self.outcome.steps < STEPS_MAX, "the market settles");
            self.trouble_some();
            match self.entropy.number() % 3 {
                0 => self.send_one(),
                1 => self.deliver_one(),
                _ => self.decide_one(),
            }
        }
    }

    fn is_settled(&self) -> bool {
        let rests: Vec<_> = self.nodes.iter().map(Node::rest).collect();
        let has_none = |node: &Node| {
            let reader = node.reader();
            process::decisions::pending(&reader, 0, 1).expect("a look").requests.is_empty()
        };
        let is_level = rests.iter().zip(&self.nodes).all(|(rest, node)| {
            rest.sent.iter().all(|(peer, sent)| {
                let other = self.nodes.iter().position(|node| node.unit == *peer).expect("a peer");
                rests[other].received.get(&node.unit).copied().unwrap_or_default() == *sent
            })
        });
        is_level && rests.iter().all(|rest| rest.is_quiet) && self.nodes.iter().all(has_none)
    }

    fn trouble_some(&mut self) {
        if self.trouble == Trouble::None {
            return;
        }
        let mut cuts = self.cuts.lock().expect("a lock");
        cuts.retain(|_, left| {
            *left -= 1;
            0 < *left
        });
        let draw = self.entropy.number() % 1_000;
        let place = usize::try_from(self.entropy.number() % 3).unwrap_or(0);
        if draw < 5 {
            let steps = self.entropy.number() % 300 + 1;
            cuts.insert((place, 2), steps);
            cuts.insert((2, place), steps);
        }
        drop(cuts);
        if 5 <= draw && draw < 15 {
            self.kill(place);
        }
    }

    /// A unit's process ends where it stands and starts again on its store.
    fn kill(&mut self, place: usize) {
        self.outcome.kills += 1;
        let node = &mut self.nodes[place];
        node.store.set_faults(Faults::default());
        let seed = self.entropy.number();
        node.running = run(&node.store, &node.identity, UNITS[place], &self.wall, seed);
        self.set_faults(true);
    }

    fn set_faults(&self, is_on: bool) {
        let faults = if is_on {
            Faults {
                unavailable_permille: 10,
                full_permille: 5,
                unknown_permille: 10,
                snapshot_permille: 0,
            }
        } else {
            Faults::default()
        };
        self.nodes.iter().for_each(|node| node.store.set_faults(faults));
    }

    /// One unit signs what waits for one peer; nothing, once or twice of it gets on its way.
    fn send_one(&mut self) {
        let from = usize::try_from(self.entropy.number() % 3).unwrap_or(0);
        let to = (from + 1 + usize::try_from(self.entropy.number() % 2).unwrap_or(0)) % 3;
        let (node, peer) = (&self.nodes[from], &self.nodes[to].unit);
        let after = node.running.acknowledged.get(peer).copied().unwrap_or(0);
        let outgoing =
            node.running.exchange.next(&node.reader(), peer, after, false).expect("a look");
        let Some(outgoing) = outgoing else { return };
        let copies = match (self.trouble, self.entropy.number() % 10) {
            (Trouble::All, 0) => 0,
            (Trouble::All, 1) => 2,
            _ => 1,
        };
        self.outcome.lost += u64::from(copies == 0);
        self.outcome.duplicated += u64::from(copies == 2);
        for _ in 0..copies {
            self.packets.push(Packet { from, to, request: outgoing.request.clone() });
        }
        while 30 < self.packets.len() {
            self.packets.remove(0);
        }
    }

    /// Some envelope arrives, not the oldest first; its answer may get lost.
    fn deliver_one(&mut self) {
        if self.packets.is_empty() {
            return;
        }
        let place = usize::try_from(self.entropy.number()).unwrap_or(0) % self.packets.len();
        let Packet { from, to, request } = self.packets.swap_remove(place);
        if self.cuts.lock().expect("a lock").contains_key(&(from, to)) {
            self.outcome.lost += 1;
            return;
        }
        let signed = Signed {
            method: request.method.clone(),
            path: request.path.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        };
        let Ok(identity) = self.nodes[to].running.kernel.authenticate(&Credential::Signed(&signed))
        else {
            return;
        };
        let mut call =
            Call::new("exchange.messages", ResourceRef::new("exchange", ""), identity.principal);
        call.body = request.body;
        call.media = "application/json".into();
        let Ok(reply) = self.nodes[to].running.writer.turn(&[call]).remove(0) else { return };
        if self.trouble == Trouble::All && self.entropy.number().is_multiple_of(10) {
            self.outcome.lost += 1;
            return;
        }
        let acknowledged = reply.into_value()["acknowledged"].as_u64().unwrap_or(0);
        let peer = self.nodes[to].unit.clone();
        let held = self.nodes[from].running.acknowledged.entry(peer).or_default();
        *held = acknowledged.max(*held);
    }

    fn decide_one(&mut self) {
        let place = usize::try_from(self.entropy.number() % 3).unwrap_or(0);
        let node = &mut self.nodes[place];
        let batch = process::decisions::pending(&node.reader(), 0, 5).expect("a look");
        if batch.requests.is_empty() {
            return;
        }
        node.running.evaluator.learn(&batch.models);
        let record = |request: &process::decisions::Request| Recorded {
            number: request.number,
            result: node.running.evaluator.evaluate(request),
        };
        let results: Vec<_> = batch.requests.iter().map(record).collect();
        let actor = Principal::Unit("decisions".into());
        let call = Call::new("decision.record", ResourceRef::new("decision", ""), actor);
        // A commit that fails leaves the requests where they are.
        let _ = node.running.writer.turn(&[call.with(json!({ "results": results }))]);
    }

    /// A driver repeats a call with its key until it is answered.
    fn insist(&mut self, place: usize, operation: &str, on: (&str, &str), args: Value, key: &str) {
        let mut call =
            Call::new(operation, ResourceRef::new(on.0, on.1), Principal::User("owner".into()))
                .with(args);
        call.key = Some(key.into());
        // What begins an order begins its trace; what comes later finds it by the order.
        call.trace = self.trace.clone().filter(|_| on.1 == "orders");
        for _ in 0..100 {
            match self.nodes[place].running.writer.turn(std::slice::from_ref(&call)).remove(0) {
                Ok(_) => return,
                Err(problem) => assert_eq!(problem.kind, base::Kind::Unavailable, "{problem}"),
            }
        }
        panic!("{operation} is never answered");
    }

    fn must(&mut self, place: usize, who: &str, operation: &str, on: (&str, &str), args: Value) {
        let actor = Principal::try_from(who.to_owned()).expect("a principal");
        let call = Call::new(operation, ResourceRef::new(on.0, on.1), actor).with(args);
        let result = self.nodes[place].running.writer.turn(&[call]).remove(0);
        result.unwrap_or_else(|problem| panic!("{}: {operation}: {problem:?}", UNITS[place]));
    }

    /// Collects the paths as the streams have them, and every ledger; both sides of each must agree.
    fn collect(&mut self) {
        for (place, name) in UNITS.iter().enumerate() {
            let node = &self.nodes[place];
            let mut lines = node.rows("ledger");
            assert!(!lines.is_empty(), "{name} has a ledger");
            for stream in ["outcomes", "order_late", "authorisations", "refunds", "shipments"] {
                lines.extend(node.events(stream).into_iter().map(|row| format!("{stream} {row}")));
            }
            lines.sort();
            self.outcome.answers.insert((*name).into(), lines);
            assert_eq!(
                node.running.exchange.verify(&node.reader()).expect("a look"),
                Vec::<String>::new(),
                "{name}"
            );
        }
    }
}

impl Node {
    fn reader(&self) -> Reader {
        Reader::new(&self.running.kernel, Principal::User("owner".into())).expect("a reader")
    }

    fn rest(&self) -> exchange::Rest {
        self.running.exchange.rest(&self.reader()).expect("a look")
    }

    /// Returns the rows of a system relation as text, without what differs from run to run.
    fn rows(&self, name: &str) -> Vec<String> {
        let reader = self.reader();
        let relations = self.running.kernel.relations(&reader).expect("relations");
        let relation = relations.iter().find(|relation| relation.name == name).expect("a relation");
        let scan = Scan { columns: (0..relation.columns.len()).collect(), ..Scan::default() };
        let mut rows = Vec::new();
        let mut keep = |row: Vec<kernel::Cell>| {
            let cells: Vec<String> = row.iter().map(|cell| format!("{cell:?}")).collect();
            rows.push(cells.join(" "));
            Ok(true)
        };
        (relation.rows)(&reader, &scan, &mut keep).expect("rows");
        rows
    }

    fn events(&self, stream: &str) -> Vec<String> {
        use kernel::Read;
        let chunks =
            self.reader().chunks(&format!("stream/{stream}"), 0, usize::MAX).expect("chunks");
        let rows = |chunk: &store::Chunk| kernel::rows_from(&chunk.bytes, 0).expect("rows");
        chunks.iter().flat_map(rows).map(|row| row.to_string()).collect()
    }
}

fn node(name: &str, wall: &Arc<AtomicI64>, seed: u64) -> Node {
    let entropy = SeededEntropy::new(seed);
    let identity = Identity::generate(name, &entropy, Time(wall.load(Ordering::SeqCst) - 1_000));
    let (unit, identity) = (identity.unit().to_owned(), identity.to_text());
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new()), seed, Faults::default()));
    let running = run(&store, &identity, name, wall, seed);
    Node { store, identity, unit, running }
}

fn run(
    store: &Arc<FaultyStore>,
    identity: &str,
    name: &str,
    wall: &Arc<AtomicI64>,
    seed: u64,
) -> Running {
    let identity = Identity::from_text(identity).expect("an identity");
    let card = identity.card(Some(&format!("https://{name}")), None);
    let entropy = Arc::new(SeededEntropy::new(seed));
    let clock = Arc::new(Clocks { business: AtomicI64::new(0), wall: Arc::clone(wall) });
    let exchange = Exchange::new(identity, card, exchange::Config::default(), entropy.clone());
    let exchange = Arc::new(exchange.started(clock.wall()));
    exchange.set_network(Arc::new(NoNetwork));
    // So small that a kill falls between two folds, into one, and behind one.
    let store = JournaledStore::with_fold_bytes(store.clone(), 64 << 10).expect("a store");
    let parts = Parts {
        store: Arc::new(store),
        clock,
        entropy,
        engines: vec![
            Data::new(data::Config::default(), Arc::new(store::MemoryBlobs::default())),
            Arc::new(Processes::new(process::Config::default())),
            exchange.clone(),
        ],
        config: kernel::Config::default(),
    };
    let (kernel, writer) = Kernel::new(parts).expect("a kernel");
    Running { kernel, writer, exchange, evaluator: Evaluator::new(), acknowledged: BTreeMap::new() }
}

/// Reads the example's manifests as the command line does; what is SQL is left out.
fn manifests(unit: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/commerce").join(unit);
    let owner = json!({"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": "owner"}, "spec": {"roles": ["owner"]}});
    let mut manifests = vec![owner];
    let entries = std::fs::read_dir(&folder).expect("the example");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    // What an application says of itself is for the command line; its parameters stand in what is SQL.
    let is_manifests = |path: &&std::path::PathBuf| {
        path.extension().is_some_and(|extension| extension == "yaml")
            && !path.ends_with("craton.yaml")
    };
    for path in paths.iter().filter(is_manifests) {
        let text = std::fs::read_to_string(path).expect("a file");
        for mut manifest in kernel::documents(&text).expect("manifests") {
            let is_sql = ["View", "Query", "Screen", "Metric", "Kpi", "Quality"]
                .contains(&manifest.kind.as_str());
            let is_thing = ["DeviceType", "Device", "Rule"].contains(&manifest.kind.as_str());
            if is_sql || is_thing || manifest.spec.get("relation").is_some() {
                continue;
            }
            for file in ["bpmn", "dmn", "form"] {
                if let Some(name) = manifest.spec.get(file).and_then(Value::as_str) {
                    let source = std::fs::read_to_string(folder.join(name)).expect("a source");
                    manifest.spec["source"] = source.into();
                }
            }
            manifests.push(serde_json::to_value(manifest).expect("a manifest"));
        }
    }
    manifests
}
