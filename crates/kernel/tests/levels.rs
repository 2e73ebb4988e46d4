//! Service levels: what counts as good, what it leaves of the budget, and that a commit that fails counts nothing.

use base::{Clock, Code, Kind, Period, Problem, SeededEntropy, Time};
use kernel::{
    Call, Cell, Config, Engine, Kernel, KindOf, Operation, Parts, Principal, Read, Reader,
    Relation, Reply, ResourceRef, Right, Scan, Writer, decide, operation, read,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use store::{Faults, FaultyStore, MemoryStore};

/// A clock that stands where it is put.
struct Stands(AtomicI64);

impl Clock for Stands {
    fn business(&self) -> Time {
        self.wall()
    }

    fn wall(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst).unsigned_abs())
    }

    fn is_driven(&self) -> bool {
        false
    }

    fn advance(&self, _to: Time) -> bool {
        false
    }
}

/// Work that takes as long as it is told to, and does what it is told to.
struct Work(Arc<Stands>);

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
        vec![kind("work", "", "works"), kind("process", "Process", "processes")]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        let ask = read(&self, |work: &Self, _, call: &Call| {
            work.0.0.fetch_add(call.args["ms"].as_i64().unwrap_or(0), Ordering::SeqCst);
            match call.args["kind"].as_str() {
                None => Ok(Reply::Value(Value::Null)),
                Some("busy") => Err(Problem::new(Code("work.busy", Kind::Exhausted), "busy")),
                Some(_) => Err(Problem::new(Code("work.wrong", Kind::Invalid), "wrong")),
            }
        });
        let end = decide(&self, |_: &Self, tx, call: &Call| {
            let took = Period(call.args["ms"].as_i64().unwrap_or(0));
            tx.measure("process/sell", took, true, tx.business());
            match call.args["fails"].as_bool() {
                Some(true) => Err(Problem::new(Code("work.wrong", Kind::Invalid), "wrong")),
                _ => Ok(Reply::Value(Value::Null)),
            }
        });
        vec![
            operation("work.ask", Right::Read, "Asks.", ask).on_kind(),
            operation("work.end", Right::Run, "Ends.", end).on_kind(),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }
}

struct Unit {
    kernel: Arc<Kernel>,
    writer: Writer,
    clock: Arc<Stands>,
    store: Arc<FaultyStore>,
}

fn level(name: &str, on: &str, within: &str) -> Value {
    json!({"apiVersion": "craton/v1", "kind": "ServiceLevel", "metadata": {"name": name},
        "spec": {"on": on, "objective": 0.9, "within": within, "window": "P1D"}})
}

impl Unit {
    fn new() -> Self {
        let clock = Arc::new(Stands(AtomicI64::new(1_700_000_000_000)));
        let store = FaultyStore::new(Arc::new(MemoryStore::new()), 1, Faults::default());
        let store = Arc::new(store);
        let (kernel, writer) = Kernel::new(Parts {
            store: Arc::clone(&store) as Arc<dyn store::Store>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(SeededEntropy::new(1)),
            engines: vec![Arc::new(Work(Arc::clone(&clock)))],
            config: Config::default(),
        })
        .expect("a kernel");
        let mut unit = Self { kernel, writer, clock, store };
        let owner = json!({"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": "olga"}, "spec": {"roles": ["owner"]}});
        let sell = json!({"apiVersion": "craton/v1", "kind": "Process", "metadata": {"name": "sell"}, "spec": {}});
        unit.apply(vec![owner, sell]).expect("they are applied");
        unit
    }

    fn apply(&mut self, manifests: Vec<Value>) -> Result<Value, Problem> {
        let init = Principal::Unit("init".into());
        let call = Call::new("resource.apply", ResourceRef::new("resource", ""), init)
            .with(json!({ "manifests": manifests }));
        self.writer.turn(&[call]).remove(0).map(Reply::into_value)
    }

    fn call(&self, operation: &str, args: Value) -> Call {
        let olga = Principal::User("olga".into());
        Call::new(operation, ResourceRef::new("work", ""), olga).with(args)
    }

    fn ask(&self, args: Value) {
        // What it answers is counted, not looked at.
        let _ = self.kernel.read(&self.call("work.ask", args));
    }

    fn end(&mut self, args: Value) -> Result<Value, Problem> {
        let call = self.call("work.end", args);
        self.writer.turn(&[call]).remove(0).map(Reply::into_value)
    }

    /// Lets what was counted be written.
    fn write(&mut self) {
        self.clock.0.fetch_add(6_000, Ordering::SeqCst);
        self.writer.turn(&[]);
    }

    /// Returns a level's name, good, total, budget left in hundredths, and how fast it is used over an hour.
    fn levels(&self) -> Vec<String> {
        let reader = Reader::new(&self.kernel, Principal::User("olga".into())).expect("a reader");
        let relations = self.kernel.relations(&reader).expect("relations");
        let levels = relations.iter().find(|relation| relation.name == "service_levels");
        let levels = levels.expect("system.service_levels");
        let at = |name: &str| {
            levels.columns.iter().position(|column| column.name == name).expect("a column")
        };
        let places = [at("name"), at("good"), at("total"), at("budget_left"), at("burn_1h")];
        let mut rows = Vec::new();
        let mut keep = |row: Vec<Cell>| {
            let cells = places.map(|place| match &row[place] {
                Cell::Text(text) => text.clone(),
                Cell::Int(number) => number.to_string(),
                Cell::Float(number) => format!("{number:.2}"),
                other => format!("{other:?}"),
            });
            rows.push(cells.join(" "));
            Ok(true)
        };
        (levels.rows)(&reader, &Scan::default(), &mut keep).expect("rows");
        rows
    }
}

#[test]
fn calls_in_time_are_good_and_what_the_caller_did_wrong_does_not_count() {
    let mut unit = Unit::new();
    unit.apply(vec![level("asking", "operation/work.ask", "PT0.05S")]).expect("it is applied");
    assert_eq!(unit.levels(), ["asking 0 0 1.00 0.00"]);
    for _ in 0..8 {
        unit.ask(json!({"ms": 50}));
    }
    unit.ask(json!({"ms": 51}));
    unit.ask(json!({"kind": "busy"}));
    unit.ask(json!({"kind": "wrong"}));
    unit.write();
    // Two of ten are bad where one may be.
    assert_eq!(unit.levels(), ["asking 8 10 -1.00 2.00"]);
    unit.ask(json!({}));
    unit.write();
    assert_eq!(unit.levels(), ["asking 9 11 -0.82 1.82"]);
    unit.clock.0.fetch_add(2 * 3_600_000, Ordering::SeqCst);
    assert_eq!(unit.levels(), ["asking 9 11 -0.82 0.00"], "an hour ago is an hour ago");
    unit.clock.0.fetch_add(24 * 3_600_000, Ordering::SeqCst);
    assert_eq!(unit.levels(), ["asking 0 0 1.00 0.00"], "and the window has an end");
}

#[test]
fn what_is_done_in_a_commit_is_counted_with_it_or_not_at_all() {
    let mut unit = Unit::new();
    unit.apply(vec![level("selling", "process/sell", "PT2H")]).expect("it is applied");
    unit.end(json!({"ms": 7_200_000})).expect("in time");
    unit.end(json!({"ms": 7_200_001})).expect("late");
    unit.end(json!({"ms": 1, "fails": true})).expect_err("taken back");
    assert_eq!(unit.levels(), ["selling 1 2 -4.00 5.00"]);
    unit.store.set_faults(Faults { unavailable_permille: 1_000, ..Faults::default() });
    unit.end(json!({"ms": 1})).expect_err("the store takes nothing");
    unit.store.set_faults(Faults::default());
    assert_eq!(unit.levels(), ["selling 1 2 -4.00 5.00"]);
    unit.end(json!({"ms": 1})).expect("in time");
    assert_eq!(unit.levels(), ["selling 2 3 -2.33 3.33"]);
}

#[test]
fn counts_of_calls_survive_a_commit_that_fails() {
    let mut unit = Unit::new();
    unit.apply(vec![level("asking", "operation/work.ask", "PT1S")]).expect("it is applied");
    unit.ask(json!({}));
    unit.store.set_faults(Faults { unavailable_permille: 1_000, ..Faults::default() });
    unit.write();
    unit.store.set_faults(Faults::default());
    unit.ask(json!({}));
    unit.write();
    assert_eq!(unit.levels(), ["asking 2 2 1.00 0.00"]);
}

#[test]
fn a_level_that_says_something_else_begins_anew() {
    let mut unit = Unit::new();
    unit.apply(vec![level("selling", "process/sell", "PT2H")]).expect("it is applied");
    unit.end(json!({"ms": 1})).expect("in time");
    unit.apply(vec![level("selling", "process/sell", "PT3H")]).expect("it is applied");
    assert_eq!(unit.levels(), ["selling 0 0 1.00 0.00"]);
    unit.apply(vec![level("selling", "process/sell", "PT2H")]).expect("it is applied");
    assert_eq!(unit.levels(), ["selling 0 0 1.00 0.00"], "what was counted before is gone");
}

#[test]
fn a_wrong_level_is_refused_with_its_place() {
    let mut unit = Unit::new();
    let mut check = |change: Value| {
        let mut manifest = level("wrong", "operation/work.ask", "PT1S");
        for (name, value) in change.as_object().expect("an object") {
            manifest["spec"][name] = value.clone();
        }
        let problem = unit.apply(vec![manifest]).expect_err("refused");
        let place = problem.place.as_ref().and_then(|place| place.pointer.clone());
        format!("{} {}", problem.code, place.unwrap_or_default())
    };
    assert_eq!(check(json!({"objective": 1.0})), "manifest.invalid /spec/objective");
    assert_eq!(check(json!({"within": "PT0S"})), "manifest.invalid /spec/within");
    assert_eq!(check(json!({"window": "P1Y"})), "manifest.invalid /spec/window");
    assert_eq!(check(json!({"on": "stream/orders"})), "manifest.invalid /spec/on");
    assert_eq!(check(json!({"on": "operation/work.asks"})), "operation.not_found /spec/on");
    assert_eq!(check(json!({"on": "process/missing"})), "manifest.reference /spec/on");
}
