//! A unit with nothing but the kernel and the data engine.

use base::{DrivenClock, Problem, SeededEntropy, SystemClock, Time};
use data::background;
use data::{Config, Data, Keeper, Round};
use kernel::{Call, Engine, Kernel, Parts, Principal, Reader, Reply, ResourceRef, Writer};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{MemoryBlobs, MemoryStore, Store};

pub struct Unit {
    pub kernel: Arc<Kernel>,
    pub writer: Writer,
    pub data: Arc<Data>,
    pub keeper: Keeper,
    pub blobs: MemoryBlobs,
}

pub fn unit() -> Unit {
    unit_with(Config::default())
}

pub fn unit_with(config: Config) -> Unit {
    unit_of(config, Vec::new())
}

/// A unit with other engines beside; business time is 2017-07-14T02:40:00Z.
pub fn unit_of(config: Config, others: Vec<Arc<dyn Engine>>) -> Unit {
    let mut unit = start(Arc::new(MemoryStore::new()), config, others);
    let clerk = "permit(principal in Role::\"clerk\", action in Action::\"Read\", resource) \
                 when { resource in [Kind::\"sql\", Kind::\"view\"] };";
    unit.apply_as(
        "unit:init",
        json!([
            manifest("User", "olga", json!({"roles": ["owner"]})),
            manifest("User", "ann", json!({"roles": ["analyst"]})),
            manifest("Role", "clerk", json!({"policies": clerk})),
            manifest("User", "carl", json!({"roles": ["clerk"]})),
        ]),
    )
    .expect("the first people are applied");
    unit
}

/// Starts a unit on a store: what is not in the store is forgotten.
pub fn start(store: Arc<dyn Store>, config: Config, others: Vec<Arc<dyn Engine>>) -> Unit {
    let blobs = MemoryBlobs::default();
    let data = Data::new(config, Arc::new(blobs.clone()));
    let own: Arc<dyn Engine> = Arc::clone(&data) as _;
    let parts = Parts {
        store,
        clock: Arc::new(DrivenClock::new(Time(1_500_000_000_000), SystemClock::new())),
        entropy: Arc::new(SeededEntropy::new(1)),
        engines: std::iter::once(own).chain(others).collect(),
        config: kernel::Config::default(),
    };
    let (kernel, writer) = Kernel::new(parts).expect("a kernel starts");
    let keeper = Keeper::new(&data, &kernel);
    Unit { kernel, writer, data, keeper, blobs }
}

pub fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

pub fn orders() -> Value {
    manifest(
        "Stream",
        "orders",
        json!({"schema": [
            {"name": "id", "type": "text", "required": true},
            {"name": "state", "type": "text"},
            {"name": "price", "type": "decimal(12,2)"},
            {"name": "weight", "type": "float"},
            {"name": "n", "type": "int"},
            {"name": "at", "type": "time"},
            {"name": "notes", "type": "json"},
            {"name": "items", "type": "list", "fields": [
                {"name": "sku", "type": "text"}, {"name": "price", "type": "decimal(12,2)"},
            ]},
        ], "key": ["id"], "time": "at"}),
    )
}

pub fn view(name: &str, sql: &str) -> Value {
    manifest("View", name, json!({"sql": sql}))
}

impl Unit {
    pub fn call(&mut self, mut call: Call) -> Result<Value, Problem> {
        self.kernel.prepare(&mut call)?;
        self.writer.turn(&[call]).remove(0).map(Reply::into_value)
    }

    /// Has the tables looked after until nothing is due.
    pub fn keep(&mut self) {
        while self.keep_once() == Round::Worked {}
    }

    pub fn keep_once(&mut self) -> Round {
        let (round, troubles) = self.round();
        assert_eq!(troubles, [], "nothing goes wrong");
        round
    }

    /// One round of the keeper, and all that went wrong in it.
    pub fn round(&mut self) -> (Round, Vec<Problem>) {
        let writer = &mut self.writer;
        let round = self.keeper.round(&mut |call| writer.turn(&[call]).remove(0));
        let others = self.keeper.troubles().iter().cloned();
        match round {
            Ok(round) => (round, others.collect()),
            Err(first) => (Round::Rest, std::iter::once(first).chain(others).collect()),
        }
    }

    pub fn apply_as(&mut self, who: &str, manifests: Value) -> Result<Value, Problem> {
        let call =
            call(who, "resource.apply", ("resource", "")).with(json!({"manifests": manifests}));
        self.call(call)
    }

    pub fn apply(&mut self, manifests: Value) -> Result<Value, Problem> {
        self.apply_as("user:olga", manifests)
    }

    pub fn delete(&mut self, kind: &str, name: &str) -> Result<Value, Problem> {
        self.call(call("user:olga", "resource.delete", (kind, name)))
    }

    pub fn append(&mut self, stream: &str, lines: &str) -> Result<Value, Problem> {
        let mut call = call("user:olga", "stream.append", ("stream", stream));
        call.media = "application/x-ndjson".into();
        call.body = lines.as_bytes().to_vec();
        self.call(call)
    }

    pub fn advance(&mut self, to: &str) {
        let call = call("user:olga", "clock.advance", ("clock", "")).with(json!({ "to": to }));
        self.call(call).expect("the clock is driven");
    }

    /// What waits to be asked in the background.
    pub fn pending(&self) -> Vec<background::Request> {
        let reader = Reader::new(&self.kernel, Principal::Unit("kpis".into())).expect("a reader");
        background::pending(&reader, 100).expect("a look")
    }

    /// Finds the answer to a request, as the unit's thread does.
    pub fn compute(&self, request: &background::Request) -> Result<Value, Problem> {
        self.kernel.read(&request.compute()).map(Reply::into_value)
    }

    /// Answers what waits until nothing does; returns how many answers were recorded.
    pub fn settle(&mut self) -> usize {
        let mut count = 0;
        while let Some(request) = self.pending().first().cloned() {
            let answer = self.compute(&request);
            self.call(request.record(answer)).expect("recorded");
            count += 1;
            assert!(count < 100, "it comes to an end");
        }
        count
    }

    pub fn read(&self, call: &Call) -> Result<String, Problem> {
        match self.kernel.read(call)? {
            Reply::Stream { pieces, .. } => {
                let bytes = pieces.collect::<Result<Vec<_>, _>>()?.concat();
                Ok(String::from_utf8(bytes).expect("UTF-8"))
            }
            Reply::Value(value) => Ok(value.to_string()),
            Reply::Later => panic!("a read answers at once"),
        }
    }

    pub fn sql_as(&self, who: &str, sql: &str) -> Result<String, Problem> {
        let args = json!({"sql": sql, "format": "csv"});
        self.read(&call(who, "sql.query", ("sql", "")).with(args))
            .map(|text| text.replace("\r\n", "\n"))
    }

    pub fn sql(&self, sql: &str) -> Result<String, Problem> {
        self.sql_as("user:olga", sql)
    }
}

pub fn call(who: &str, operation: &str, on: (&str, &str)) -> Call {
    let actor = Principal::try_from(who.to_owned()).expect("a principal");
    Call::new(operation, ResourceRef::new(on.0, on.1), actor)
}

/// Where an append stands, and how many rows it added.
pub fn appended(result: Result<Value, Problem>) -> (u64, u64) {
    let answer = result.expect("appended");
    (answer["offset"].as_u64().expect("an offset"), answer["count"].as_u64().expect("a count"))
}

/// An answer, or the problem with its code, place and hint, as text.
pub fn shown<T: ToString>(result: Result<T, Problem>) -> String {
    match result {
        Ok(answer) => answer.to_string(),
        Err(problem) => {
            let place = problem.place.as_ref().map_or(String::new(), ToString::to_string);
            let place = if place.is_empty() { place } else { format!(" at {place}") };
            let hint = problem.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
            format!("[{}]{place} {}{hint}", problem.code, problem.message)
        }
    }
}
