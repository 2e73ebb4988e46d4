//! A unit with the desk, and an engine that knows what screens speak of: queries, KPIs, processes, forms, tasks.

use base::{Clock, Problem, SeededEntropy, Time};
use desk::{Config, Desk};
use kernel::{
    Call, Engine, Kernel, KindOf, Operation, Parts, Principal, Read, Reader, Relation, Reply,
    ResourceRef, Right, Writer, decide, operation,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use store::MemoryStore;

/// A clock whose wall time stands still until a test moves it.
pub struct StillClock(pub AtomicI64);

impl Clock for StillClock {
    fn business(&self) -> Time {
        Time(0)
    }

    fn wall(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn is_driven(&self) -> bool {
        true
    }

    fn advance(&self, _to: Time) -> bool {
        true
    }
}

/// What the other engines know, as far as a screen can name it.
struct Others;

impl Others {
    fn nothing(&self, _tx: &mut kernel::Tx<'_>, _call: &Call) -> Result<Reply, Problem> {
        Ok(Reply::Value(json!({})))
    }
}

impl Engine for Others {
    fn name(&self) -> &'static str {
        "others"
    }

    fn kinds(&self) -> Vec<KindOf> {
        let kind = |name, manifest, plural| KindOf {
            name,
            manifest,
            plural,
            schema: Value::Null,
            check: |_| Ok(()),
            is_grant: false,
            roles: |_| Vec::new(),
        };
        vec![
            kind("query", "Query", "queries"),
            kind("kpi", "Kpi", "kpis"),
            kind("process", "Process", "processes"),
            kind("form", "Form", "forms"),
            kind("stream", "Stream", "streams"),
            kind("task", "", "tasks"),
        ]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        let line = |name| operation(name, Right::Run, "", decide(&self, Others::nothing));
        let takes = |fields: &[&str]| {
            let fields = fields.iter().map(|name| ((*name).to_owned(), json!({})));
            json!({"type": "object", "properties": fields.collect::<serde_json::Map<_, _>>()})
        };
        vec![
            line("process.start").takes(takes(&["variables", "business_key"])),
            line("process.publish").takes(takes(&["message", "correlation_key", "variables"])),
            line("process.tidy").internal(),
            line("task.complete").takes(takes(&["variables"])),
            line("signal.publish").on_kind().takes(takes(&["name", "variables"])),
            line("stream.append").takes_raw(&["application/json"]),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }
}

/// A unit.
pub struct World {
    pub kernel: Arc<Kernel>,
    pub writer: Writer,
    pub desk: Arc<Desk>,
    pub clock: Arc<StillClock>,
}

impl World {
    /// Returns a unit with an owner, an operator, a developer, an approver, a viewer, and what screens can name.
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        let clock = Arc::new(StillClock(AtomicI64::new(1_000)));
        let desk = Arc::new(Desk::new(config));
        let parts = Parts {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(SeededEntropy::new(1)),
            engines: vec![Arc::new(Others), Arc::clone(&desk) as Arc<dyn Engine>],
            config: kernel::Config::default(),
        };
        let (kernel, writer) = Kernel::new(parts).expect("a kernel starts on an empty store");
        let mut world = Self { kernel, writer, desk, clock };
        let user = |name: &str, role: &str| manifest("User", name, json!({"roles": [role]}));
        let people = json!([
            manifest("Role", "packer", json!({"summary": "Packs parcels"})),
            user("olga", "owner"),
            user("otto", "operator"),
            user("dora", "developer"),
            user("petra", "approver"),
            user("vera", "viewer"),
            user("paul", "packer"),
            manifest("Query", "orders", json!({"sql": "SELECT 1"})),
            manifest(
                "Query",
                "order",
                json!({"sql": "SELECT $id", "parameters": [
                    {"name": "id", "type": "text"}, {"name": "days", "type": "int", "default": 7},
                ]}),
            ),
            manifest("Kpi", "on-time", json!({})),
            manifest("Process", "claim", json!({})),
            manifest("Form", "claim", json!({})),
        ]);
        world.apply_as("unit:init", people).expect("the first people are applied");
        world
    }

    /// Makes a call that changes something.
    pub fn call(&mut self, call: Call) -> Result<Value, Problem> {
        self.writer.turn(&[call]).remove(0).map(Reply::into_value)
    }

    /// Makes a call that only looks.
    pub fn look(&self, who: &str, operation: &str, on: (&str, &str)) -> Result<Reply, Problem> {
        self.kernel.read(&of(who, operation, on))
    }

    /// Makes a call that only looks and answers JSON.
    pub fn shown(&self, who: &str, operation: &str, on: (&str, &str)) -> Result<Value, Problem> {
        self.look(who, operation, on).map(Reply::into_value)
    }

    pub fn apply_as(&mut self, who: &str, manifests: Value) -> Result<Value, Problem> {
        let args = json!({ "manifests": manifests });
        self.call(of(who, "resource.apply", ("resource", "")).with(args))
    }

    /// Applies manifests as an owner, into the application `shop`.
    pub fn apply(&mut self, manifests: Value) -> Result<Value, Problem> {
        let args = json!({"manifests": manifests, "application": "shop"});
        self.call(of("user:olga", "resource.apply", ("resource", "")).with(args))
    }

    /// Returns a look at the last commit.
    pub fn reader(&self) -> Reader {
        Reader::new(&self.kernel, Principal::Unit("verify".into())).expect("a reader")
    }
}

/// Returns a call.
pub fn of(who: &str, operation: &str, on: (&str, &str)) -> Call {
    let actor = Principal::try_from(who.to_owned()).expect("a principal");
    Call::new(operation, ResourceRef::new(on.0, on.1), actor)
}

/// Returns a manifest.
pub fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// Returns the code of what was refused.
pub fn code<T>(result: Result<T, Problem>) -> String {
    result.map_or_else(|problem| problem.code, |_| "ok".into())
}
