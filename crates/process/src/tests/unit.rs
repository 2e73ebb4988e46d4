//! Promises of the whole engine, over a store in memory, a driven clock, and an engine that stands in for streams and contracts.

use super::model::bpmn;
use crate::decisions::{Evaluator, Recorded, pending};
use crate::{Config, Processes};
use base::{Clock, DrivenClock, Problem, SeededEntropy, SystemClock, Time};
use kernel::{
    Address, Call, Cell, Engine, Found, Kernel, KindOf, Operation, Parts, Principal, Read, Reader,
    Relation, Reply, Resource, ResourceRef, Right, Scan, Tx, Writer, decide, operation,
};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Faults, FaultyStore, MemoryStore, Store as _};

/// Streams that take any row, and contracts that answer when the test says so.
struct Stub;

impl Stub {
    fn append(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let row = call.args.get("row").cloned().unwrap_or_default();
        let offset = tx.record(&format!("stream/{}", call.resource.name), &row)?;
        Ok(Reply::Value(json!({ "offset": offset })))
    }

    fn call(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let Some(address) = &call.reply_to else { return Ok(Reply::Value(json!({"now": true}))) };
        tx.put(kernel::key(b's').text(&address.token), serde_json::to_vec(address).expect("json"));
        let row = json!({"called": address.token, "at": call.at, "for": call.on_behalf_of, "args": call.args});
        tx.record("calls", &row)?;
        Ok(Reply::Later)
    }

    fn answer(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let (from, to) = (kernel::key(b's').bytes(), kernel::key(b't').bytes());
        for (key, bytes) in tx.scan(&from, &to, 100, false)? {
            let address: Address = serde_json::from_slice(&bytes).expect("json");
            tx.delete(key);
            tx.reply(&address, Ok(call.args["answer"].clone()));
        }
        Ok(Reply::Value(json!({})))
    }

    fn withdraw(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let token = call.reply_to.as_ref().map(|address| address.token.clone()).unwrap_or_default();
        tx.delete(kernel::key(b's').text(&token));
        tx.record("calls", &json!({"withdrawn": token, "at": call.at}))?;
        Ok(Reply::Value(json!({})))
    }
}

impl Engine for Stub {
    fn name(&self) -> &'static str {
        "stub"
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
        vec![kind("stream", "Stream", "streams"), kind("contract", "", "contracts")]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        vec![
            operation("stream.append", Right::Write, "Appends.", decide(&self, Self::append)),
            operation("contract.call", Right::Run, "Calls.", decide(&self, Self::call))
                .cancelled_by(Arc::new(Self::withdraw)),
            operation("contract.answer", Right::Run, "Answers all.", decide(&self, Self::answer))
                .on_kind(),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn find(&self, _read: &dyn Read, kind: &str, _name: &str) -> Result<Option<Found>, Problem> {
        Ok((kind == "contract").then(Found::default))
    }

    fn changed(
        &self,
        _: &mut Tx<'_>,
        _: Option<&Resource>,
        _: Option<&Resource>,
    ) -> Result<(), Problem> {
        Ok(())
    }
}

pub(super) struct Unit {
    pub kernel: Arc<Kernel>,
    pub writer: Writer,
    pub store: Arc<MemoryStore>,
}

impl Unit {
    pub fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new()))
    }

    pub fn over(store: Arc<MemoryStore>) -> Self {
        Self::with(store, kernel::Config::default())
    }

    pub fn with(store: Arc<MemoryStore>, config: kernel::Config) -> Self {
        Self::with_limits(store, config, Config::default())
    }

    pub fn with_limits(store: Arc<MemoryStore>, config: kernel::Config, limits: Config) -> Self {
        Self::behind(Arc::clone(&store) as Arc<dyn store::Store>, store, config, limits)
    }

    /// Returns a unit that sees its store through another.
    pub fn behind(
        seen: Arc<dyn store::Store>,
        store: Arc<MemoryStore>,
        config: kernel::Config,
        limits: Config,
    ) -> Self {
        let clock = Arc::new(DrivenClock::new(Time(0), SystemClock::new()));
        Self::made(seen, store, clock, config, limits)
    }

    /// Returns a unit that lives by a clock of the test's own.
    pub fn by(clock: Arc<dyn Clock>) -> Self {
        let store = Arc::new(MemoryStore::new());
        let seen = Arc::clone(&store) as Arc<dyn store::Store>;
        Self::made(seen, store, clock, kernel::Config::default(), Config::default())
    }

    fn made(
        seen: Arc<dyn store::Store>,
        store: Arc<MemoryStore>,
        clock: Arc<dyn Clock>,
        config: kernel::Config,
        limits: Config,
    ) -> Self {
        let (kernel, writer) = Kernel::new(Parts {
            store: seen,
            clock,
            entropy: Arc::new(SeededEntropy::new(1)),
            engines: vec![Arc::new(Stub), Arc::new(Processes::new(limits))],
            config,
        })
        .expect("a kernel");
        Self { kernel, writer, store }
    }

    pub fn manifests(&mut self, manifests: Vec<Value>) -> Result<Value, Problem> {
        let owner = json!({"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": "ana"}, "spec": {"roles": ["owner"]}});
        let all: Vec<Value> = std::iter::once(owner).chain(manifests).collect();
        let call = Call::new(
            "resource.apply",
            ResourceRef::new("resource", ""),
            Principal::Unit("init".into()),
        );
        self.turn(call.with(json!({"manifests": all})))
    }

    /// Applies a process `p` that listens to the stream `events`, with the row's `type` as message and `id` as key.
    pub fn process(&mut self, lines: &str, messages: &[&str]) {
        let on: Vec<Value> = messages
            .iter()
            .map(|name| json!({"stream": "events", "when": format!("type = \"{name}\""), "message": name, "key": "id", "ttl": "P1D"}))
            .collect();
        let spec = json!({"source": bpmn(lines), "roles": ["owner"], "on": on});
        self.manifests(vec![
            manifest("Stream", "events", json!({"time": "at"})),
            manifest("Process", "p", spec),
        ])
        .unwrap_or_else(|problem| panic!("{problem:?}"));
    }

    pub fn turn(&mut self, mut call: Call) -> Result<Value, Problem> {
        self.kernel.prepare(&mut call)?;
        let mut replies = self.writer.turn(&[call]);
        while self.writer.has_leftovers() {
            self.writer.turn(&[]);
        }
        replies.remove(0).map(Reply::into_value)
    }

    pub fn call(&mut self, operation: &str, resource: &str, args: Value) -> Result<Value, Problem> {
        let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
        let call =
            Call::new(operation, ResourceRef::new(kind, name), Principal::User("ana".into()))
                .with(args);
        if matches!(self.kernel.operation(operation)?.handler, kernel::Handler::Read(_)) {
            return self.kernel.read(&call).map(Reply::into_value);
        }
        self.turn(call)
    }

    pub fn ok(&mut self, operation: &str, resource: &str, args: Value) -> Value {
        self.call(operation, resource, args)
            .unwrap_or_else(|problem| panic!("{operation}: {problem:?}"))
    }

    /// Appends an event; `at` is in seconds.
    pub fn event(&mut self, name: &str, id: &str, at: i64) {
        let row = json!({"type": name, "id": id, "at": Time(at * 1_000)});
        self.ok("stream.append", "stream/events", json!({ "row": row }));
    }

    pub fn advance(&mut self, seconds: i64) {
        self.ok("clock.advance", "clock", json!({"to": Time(seconds * 1_000)}));
    }

    pub fn rows(&self, name: &str, columns: &[&str]) -> Vec<String> {
        let reader = Reader::new(&self.kernel, Principal::User("ana".into())).expect("a reader");
        let relations = self.kernel.relations(&reader).expect("relations");
        let relation =
            relations.iter().find(|relation| relation.name == name).expect("the relation");
        let places: Vec<usize> = columns
            .iter()
            .map(|wanted| {
                relation
                    .columns
                    .iter()
                    .position(|column| column.name == *wanted)
                    .expect("the column")
            })
            .collect();
        let mut rows = Vec::new();
        (relation.rows)(&reader, &Scan::default(), &mut |row| {
            assert_eq!(row.len(), relation.columns.len(), "one cell per column");
            let cells: Vec<String> = places.iter().map(|place| show(&row[*place])).collect();
            rows.push(cells.join(" "));
            Ok(true)
        })
        .expect("rows");
        rows
    }

    pub fn states(&self) -> Vec<String> {
        self.rows("process_instances", &["instance", "business_key", "state", "time", "path"])
    }

    pub fn calls(&self) -> Vec<String> {
        let reader = Reader::new(&self.kernel, Principal::User("ana".into())).expect("a reader");
        let chunks = reader.chunks("calls", 0, 1 << 20).expect("chunks");
        chunks
            .iter()
            .flat_map(|chunk| kernel::rows(&chunk.bytes))
            .map(|line| String::from_utf8_lossy(line).into())
            .collect()
    }

    /// Says that no key is left but those of the kernel and of the history.
    pub fn assert_clean(&self) {
        let reader = Reader::new(&self.kernel, Principal::User("ana".into())).expect("a reader");
        let (from, to) = (kernel::key(b'i').bytes(), kernel::key(b'r').bytes());
        let mut left = reader.scan(&from, &to, 100, false).expect("keys");
        // What is over, when it began and how often it happened stays for the history.
        let kept: Vec<Vec<u8>> = ["6", "7", "8", "9", "="]
            .into_iter()
            .map(|part| kernel::key(b'p').text(part).bytes())
            .collect();
        left.retain(|(key, _)| !kept.iter().any(|prefix| key.starts_with(prefix)));
        assert!(left.is_empty(), "left over: {left:?}");
    }
}

fn show(cell: &Cell) -> String {
    match cell {
        Cell::Null => "-".into(),
        Cell::Bool(truth) => truth.to_string(),
        Cell::Int(number) => number.to_string(),
        Cell::Float(number) => number.to_string(),
        Cell::Decimal(text) | Cell::Text(text) => text.clone(),
        Cell::Time(millis) => (millis / 1_000).to_string(),
    }
}

pub(super) fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

const TWO_STEPS: &str = "start s message placed\n catch c message paid =id\n end e\n s > c > e";

#[test]
fn a_message_starts_an_instance_and_the_next_goes_to_it() {
    let mut unit = Unit::new();
    unit.process(TWO_STEPS, &["placed", "paid"]);
    unit.event("placed", "o1", 10);
    unit.event("placed", "o2", 11);
    unit.event("paid", "o2", 20);
    assert_eq!(unit.states(), ["1 o1 active 10 []", r#"2 o2 completed 20 ["c","e"]"#]);
    unit.event("paid", "o1", 30);
    unit.assert_clean();
}

#[test]
fn an_early_message_waits_and_one_that_expires_is_an_incident() {
    let mut unit = Unit::new();
    unit.process(TWO_STEPS, &["placed", "paid"]);
    unit.event("paid", "o1", 5);
    unit.event("paid", "o9", 6);
    assert_eq!(unit.rows("messages", &["name", "key", "time"]), ["paid o1 5", "paid o9 6"]);
    unit.event("placed", "o1", 10);
    assert_eq!(unit.states(), [r#"1 o1 completed 10 ["c","e"]"#]);
    unit.advance(6 + 86_400);
    assert!(unit.rows("incidents", &["code"]).is_empty(), "at the last instant it still waits");
    unit.advance(7 + 86_400);
    assert_eq!(
        unit.rows("incidents", &["incident", "code", "business_key"]),
        ["0-1 message.expired o9"]
    );
    unit.event("placed", "o9", 90_000);
    assert_eq!(unit.ok("incident.resolve", "incident/0-1", json!({}))["resolved"], true);
    assert_eq!(unit.states().len(), 2);
    assert!(unit.states().iter().all(|state| state.contains("completed")), "{:?}", unit.states());
    unit.assert_clean();
}

#[test]
fn a_second_start_of_the_same_key_waits_for_the_end_of_the_first() {
    let mut unit = Unit::new();
    unit.process(TWO_STEPS, &["placed", "paid"]);
    unit.event("placed", "o1", 10);
    unit.event("placed", "o1", 12);
    assert_eq!(unit.states().len(), 1);
    unit.event("paid", "o1", 20);
    assert_eq!(unit.states(), ["2 o1 active 12 []", r#"1 o1 completed 20 ["c","e"]"#]);
}

#[test]
fn timers_fire_in_their_order_and_events_of_the_same_instant_come_first() {
    let lines = "start s message placed\n event g\n catch c message paid =id\n catch t timer PT10S\n task late\n end e\n s > g\n g > c > e\n g > t > late > e";
    let mut unit = Unit::new();
    unit.process(lines, &["placed", "paid"]);
    for (id, at) in [("o3", 3), ("o1", 1), ("o2", 2)] {
        unit.event("placed", id, at);
    }
    unit.event("paid", "o2", 12);
    unit.advance(13);
    assert_eq!(
        unit.states(),
        [
            r#"3 o2 completed 12 ["c","e"]"#,
            r#"2 o1 completed 11 ["t","late","e"]"#,
            r#"1 o3 completed 13 ["t","late","e"]"#
        ]
    );
    unit.assert_clean();
}

#[test]
fn a_call_answers_with_its_own_time_and_timers_before_it_fire() {
    let lines = "start s message placed\n call a contract.call pay\n in a input = id\n boundary late on a beside timer PT10S\n task told\n end e\n end e2\n s > a > e\n late > told > e2";
    let mut unit = Unit::new();
    unit.process(lines, &["placed"]);
    unit.event("placed", "o1", 1);
    let called = unit.calls();
    assert_eq!(called.len(), 1);
    assert!(
        called[0].contains(r#""args":{"input":"o1"}"#)
            && called[0].contains("1970-01-01T00:00:01Z"),
        "{called:?}"
    );
    unit.ok(
        "contract.answer",
        "contract",
        json!({"answer": {"$at": Time(20_000), "value": {"ok": true}}}),
    );
    assert_eq!(unit.states(), [r#"1 o1 completed 20 ["late","told","e2","a","e"]"#]);
    assert!(unit.rows("process_instances", &["variables"])[0].contains(r#""ok":true"#));
    unit.assert_clean();
}

#[test]
fn cancelling_withdraws_the_open_call_at_the_time_of_the_cause() {
    let lines = "start s message placed\n call a contract.call pay\n boundary gone on a message cancelled =id\n end e\n end e2\n s > a > e\n gone > e2";
    let mut unit = Unit::new();
    unit.process(lines, &["placed", "cancelled"]);
    unit.event("placed", "o1", 1);
    unit.event("cancelled", "o1", 7);
    let calls = unit.calls();
    assert_eq!(calls.len(), 2);
    assert!(calls[1].contains("withdrawn") && calls[1].contains("00:00:07"), "{calls:?}");
    unit.ok("contract.answer", "contract", json!({"answer": 1}));
    assert_eq!(unit.states(), [r#"1 o1 completed 7 ["gone","e2"]"#]);
}

#[test]
fn a_process_waits_for_another_that_it_starts_and_withdraws_it() {
    let child = "start s\n user u\n end e\n s > u > e";
    let parent = "start s\n call a process.start child\n in a wait = true\n in a variables = {x: 1}\n boundary gone on a timer PT10S\n end e\n end e2\n s > a > e\n gone > e2";
    let mut unit = Unit::new();
    let spec = |lines: &str| json!({"source": bpmn(lines), "roles": ["owner"]});
    unit.manifests(vec![
        manifest("Process", "parent", spec(parent)),
        manifest("Process", "child", spec(child)),
    ])
    .expect("applied");
    unit.ok("process.start", "process/parent", json!({}));
    unit.ok("task.complete", "task/2-2", json!({"variables": {"y": 2}}));
    assert_eq!(
        unit.rows("process_instances", &["process", "state", "variables"]),
        [r#"child completed {"x":1,"y":2}"#, r#"parent completed {"x":1,"y":2}"#]
    );
    unit.ok("process.start", "process/parent", json!({}));
    unit.advance(10);
    assert_eq!(
        unit.rows("process_instances", &["process", "state", "time"])[2..],
        ["parent completed 10", "child cancelled 10"]
    );
    assert_eq!(
        unit.rows("tasks", &["task", "state", "completed_by"]),
        ["2-2 completed ana", "4-2 cancelled -"]
    );
    unit.assert_clean();
}

#[test]
fn verify_finds_what_does_not_fit_its_instance() {
    let mut unit = Unit::new();
    unit.process("start s message order\n user u\n end e\n s > u > e", &["order"]);
    unit.event("order", "o1", 1);
    let verify = |unit: &Unit| {
        let reader = Reader::new(&unit.kernel, Principal::Unit("verify".into())).expect("a reader");
        Processes::new(Config::default()).verify(&reader).expect("it is looked through")
    };
    assert_eq!(verify(&unit), Vec::<String>::new());
    let pairs = |unit: &Unit, prefix: base::Key| {
        let reader = Reader::new(&unit.kernel, Principal::Unit("verify".into())).expect("a reader");
        reader.scan_prefix(prefix.as_ref(), 10).expect("keys")
    };
    let epoch = unit.store.open_epoch(0).expect("an epoch");
    let damage = |unit: &Unit, writes: Vec<(Vec<u8>, Option<Vec<u8>>)>| {
        let batch = store::Batch { epoch, writes, ..store::Batch::default() };
        unit.store.commit(0, &batch).expect("it is written");
    };
    let (task, row) = pairs(&unit, crate::wire::key::tasks()).remove(0);
    let (cursor, held) = pairs(&unit, crate::wire::key::cursors_all()).remove(0);
    let (instance, bytes) = pairs(&unit, kernel::key(b'i')).remove(0);
    let stray = crate::wire::key::ready().number(99).bytes();
    for (key, good, bad) in [
        (task.clone(), Some(row.clone()), None),
        (task, Some(row), Some(b"{}".to_vec())),
        (cursor, Some(held), Some(99u64.to_be_bytes().to_vec())),
        (instance, Some(bytes), Some(b"\x01{".to_vec())),
        (stray, None, Some(Vec::new())),
    ] {
        damage(&unit, vec![(key.clone(), bad)]);
        assert_ne!(verify(&unit), Vec::<String>::new(), "{key:?}");
        damage(&unit, vec![(key, good)]);
    }
    assert_eq!(verify(&unit), Vec::<String>::new());
}

#[test]
fn a_backlog_longer_than_a_turn_is_consumed_to_its_last_row() {
    let config = kernel::Config { work_steps_max: 10, ..kernel::Config::default() };
    let mut unit = Unit::with(Arc::new(MemoryStore::new()), config);
    unit.process("start s message order\n end e\n s > e", &["order"]);
    let append = |number: u32| {
        let row = json!({"type": "order", "id": number.to_string(), "at": Time(i64::from(number))});
        let stream = ResourceRef::new("stream", "events");
        Call::new("stream.append", stream, Principal::User("ana".into()))
            .with(json!({ "row": row }))
    };
    // Each turn leaves a chunk that is longer than what a turn consumes.
    for first in [0, 25, 50] {
        let calls: Vec<Call> = (first..first + 25).map(append).collect();
        unit.writer.turn(&calls).into_iter().for_each(|reply| drop(reply.expect("it is appended")));
    }
    while unit.writer.has_leftovers() {
        unit.writer.turn(&[]);
    }
    let mut keys: Vec<u32> = unit
        .rows("process_instances", &["business_key"])
        .iter()
        .map(|key| key.parse().expect("a number"))
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..75).collect::<Vec<_>>());
}

#[test]
fn a_decision_that_is_sure_to_end_is_evaluated_in_the_commit_that_asks() {
    let mut unit = Unit::new();
    let spec = json!({"source": bpmn("start s\n decide d risk level\n end e\n s > d > e")});
    let decision = manifest("Decision", "risk", json!({"source": RISK}));
    unit.manifests(vec![manifest("Process", "p", spec), decision])
        .unwrap_or_else(|problem| panic!("{problem:?}"));
    for amount in [501, 500] {
        unit.ok("process.start", "process/p", json!({"variables": {"amount": amount}}));
    }
    let reader = Reader::new(&unit.kernel, Principal::Unit("decisions".into())).expect("a reader");
    assert!(pending(&reader, 0, 10).expect("requests").requests.is_empty());
    assert_eq!(
        unit.rows("process_instances", &["state", "variables"]),
        [r#"completed {"amount":501,"level":"high"}"#, r#"completed {"amount":500,"level":"low"}"#]
    );
    unit.assert_clean();
}

/// A table that compares and nothing else.
const RISK: &str = r##"<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="m" name="m" namespace="urn:m"><inputData id="i" name="amount"><variable id="iv" name="amount" typeRef="number"/></inputData><decision id="risk" name="risk"><variable id="v" name="risk" typeRef="string"/><informationRequirement id="r"><requiredInput href="#i"/></informationRequirement><decisionTable id="t" hitPolicy="FIRST"><input id="in"><inputExpression id="ie" typeRef="number"><text>amount</text></inputExpression></input><output id="o" typeRef="string"/><rule id="r1"><inputEntry id="e1"><text>&gt; 500</text></inputEntry><outputEntry id="o1"><text>"high"</text></outputEntry></rule><rule id="r2"><inputEntry id="e2"><text>-</text></inputEntry><outputEntry id="o2"><text>"low"</text></outputEntry></rule></decisionTable></decision></definitions>"##;

#[test]
fn decisions_that_may_take_long_are_evaluated_outside_and_recorded() {
    let dmn = RISK.replace(
        "<text>\"high\"</text>",
        "<text>if some x in [1, 2] satisfies x = 2 then \"high\" else \"never\"</text>",
    );
    let lines = "start s\n decide d risk level\n script x n = sum(for i in 1..3 return i)\n end e\n s > d > x > e";
    let mut unit = Unit::new();
    let spec = json!({"source": bpmn(lines)});
    let decision = manifest("Decision", "risk", json!({"source": dmn}));
    unit.manifests(vec![manifest("Process", "p", spec), decision])
        .unwrap_or_else(|problem| panic!("{problem:?}"));
    unit.ok("process.start", "process/p", json!({"variables": {"amount": 501}}));
    let mut evaluator = Evaluator::new();
    for _ in 0..2 {
        let reader =
            Reader::new(&unit.kernel, Principal::Unit("decisions".into())).expect("a reader");
        let batch = pending(&reader, 0, 10).expect("requests");
        assert_eq!(batch.requests.len(), 1);
        evaluator.learn(&batch.models);
        let results: Vec<Recorded> = batch
            .requests
            .iter()
            .map(|request| Recorded { number: request.number, result: evaluator.evaluate(request) })
            .collect();
        let call = Call::new(
            "decision.record",
            ResourceRef::new("decision", ""),
            Principal::Unit("decisions".into()),
        );
        unit.turn(call.with(json!({ "results": results }))).expect("recorded");
    }
    assert_eq!(
        unit.rows("process_instances", &["state", "variables"]),
        [r#"completed {"amount":501,"level":"high","n":6}"#]
    );
    unit.assert_clean();
}

#[test]
fn jobs_are_held_given_back_and_done() {
    let mut unit = Unit::new();
    unit.process("start s\n job a pack\n end e\n s > a > e", &[]);
    unit.ok("process.start", "process/p", json!({"variables": {"x": 1}, "business_key": "b1"}));
    let taken = unit.ok("job.activate", "job", json!({"type": "pack", "max": 5, "timeout": 3600}));
    assert_eq!(taken["jobs"][0]["job"], "1-2");
    assert_eq!(taken["jobs"][0]["variables"], json!({"x": 1}));
    assert_eq!(unit.ok("job.activate", "job", json!({"type": "pack"}))["jobs"], json!([]));
    assert_eq!(unit.rows("jobs", &["job", "state", "worker"]), ["1-2 held user:ana"]);
    unit.ok("job.fail", "job/1-2", json!({"retries": 2, "backoff": 0, "message": "no"}));
    let taken = unit.ok("job.activate", "job", json!({"type": "pack", "timeout": 0}));
    assert_eq!(taken["jobs"][0]["retries"], 2);
    unit.ok("job.fail", "job/1-2", json!({"retries": 0, "message": "no"}));
    assert_eq!(unit.rows("incidents", &["incident", "code"]), ["1-2 job.retries"]);
    let refused = unit.call("job.complete", "job/1-2", json!({})).expect_err("an incident");
    assert_eq!(refused.code, "job.state");
    unit.ok("incident.resolve", "incident/1-2", json!({"variables": {"x": 2}}));
    unit.ok("job.complete", "job/1-2", json!({"variables": {"y": 3}}));
    assert_eq!(
        unit.rows("process_instances", &["state", "variables"]),
        [r#"completed {"x":2,"y":3}"#]
    );
    let refused = unit.call("job.complete", "job/1-2", json!({})).expect_err("it is done");
    assert_eq!(refused.kind, base::Kind::NotFound);
    unit.assert_clean();
}

#[test]
fn tasks_are_listed_claimed_and_completed() {
    let mut unit = Unit::new();
    unit.process("start s\n user u <zeebe:assignmentDefinition candidateGroups=\"clerks\"/>\n end e\n s > u > e", &[]);
    for _ in 0..3 {
        unit.ok("process.start", "process/p", json!({}));
    }
    let list = unit.ok("task.list", "task", json!({"limit": "2", "process": "p"}));
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    let rest = unit.ok("task.list", "task", json!({"process": "p", "after": list["next"]}));
    assert_eq!(rest["items"][0]["task"], "3-2");
    assert_eq!(unit.ok("task.claim", "task/1-2", json!({}))["assignee"], "ana");
    assert_eq!(unit.ok("task.list", "task", json!({"assignee": "ana"}))["items"][0]["task"], "1-2");
    unit.ok("task.assign", "task/2-2", json!({"assignee": "bob"}));
    assert_eq!(
        unit.call("task.complete", "task/2-2", json!({})).expect_err("not hers").code,
        "task.claimed"
    );
    unit.ok("task.unclaim", "task/1-2", json!({}));
    unit.ok("task.complete", "task/1-2", json!({"variables": {"ok": true}}));
    assert_eq!(
        unit.rows("tasks", &["task", "kind", "state"]),
        ["2-2 u claimed", "3-2 u created", "1-2 u completed"]
    );
}

#[test]
fn what_cannot_work_is_refused_when_it_is_applied() {
    let mut unit = Unit::new();
    let lines = "start s\n decide d missing level\n call c stream.apend x\n end e\n s > d > c > e";
    let on = json!([{"stream": "nowhere", "message": "m", "key": "id"}]);
    let spec = json!({"source": bpmn(lines), "bpmn": "p.bpmn", "on": on});
    let problem = unit.manifests(vec![manifest("Process", "p", spec)]).expect_err("refused");
    let all: Vec<&str> = std::iter::once(&problem)
        .chain(&problem.also)
        .map(|problem| problem.message.as_str())
        .collect();
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all.iter().any(|message| message.contains("did you mean `stream.append`?")), "{all:?}");
    assert_eq!(problem.code, "process.invalid");
}

#[test]
fn an_instance_keeps_its_version_and_new_ones_take_the_new() {
    let mut unit = Unit::new();
    unit.process("start s\n user a\n end e\n s > a > e", &[]);
    unit.ok("process.start", "process/p", json!({}));
    unit.process("start s\n task other\n user b\n end e\n s > other > b > e", &[]);
    unit.ok("process.start", "process/p", json!({}));
    assert_eq!(
        unit.rows("process_instances", &["instance", "version", "elements"]),
        [r#"1 1 ["a"]"#, r#"2 2 ["b"]"#]
    );
    // A new unit over the same store has compiled nothing yet.
    let mut unit = Unit::over(Arc::clone(&unit.store));
    unit.ok("task.complete", "task/1-2", json!({}));
    assert_eq!(unit.rows("process_instances", &["instance", "state"]), ["2 active", "1 completed"]);
}

#[test]
fn start_timers_repeat_and_go_with_their_version() {
    let mut unit = Unit::new();
    unit.process("start s timer R3/PT10S\n task t\n end e\n s > t > e", &[]);
    assert_eq!(unit.writer.due().expect("due"), Some(Time(10_000)));
    unit.advance(25);
    assert_eq!(unit.rows("process_instances", &["time"]), ["10", "20"]);
    unit.process("start s\n task t2\n end e\n s > t2 > e", &[]);
    unit.advance(100);
    assert_eq!(unit.rows("process_instances", &["time"]).len(), 2);
    assert_eq!(unit.writer.due().expect("due"), None);
    unit.assert_clean();
}

#[test]
fn what_is_over_leaves_the_history_after_its_days() {
    let limits = Config { history_days: Some(10), ..Config::default() };
    let store = Arc::new(MemoryStore::new());
    let mut unit = Unit::with_limits(store, kernel::Config::default(), limits);
    unit.process("start s message placed\n end e\n s > e", &["placed"]);
    for day in 0..30 {
        unit.advance(day * 86_400);
        unit.event("placed", &format!("o{day}"), day * 86_400);
    }
    let expected: Vec<String> = (19..30).map(|day| format!("o{day} completed")).collect();
    assert_eq!(unit.rows("process_instances", &["business_key", "state"]), expected);
    let left = unit.rows("elements", &["left_at"]);
    assert!(left.iter().all(|at| 19 * 86_400 <= at.parse::<i64>().expect("seconds")), "{left:?}");
}

#[test]
fn what_ended_far_ahead_stays_and_keeps_nothing_that_ended_before() {
    let limits = Config { history_days: Some(10), ..Config::default() };
    let store = Arc::new(MemoryStore::new());
    let mut unit = Unit::with_limits(store, kernel::Config::default(), limits);
    unit.process("start s message placed\n end e\n s > e", &["placed"]);
    unit.event("placed", "ahead", 4_000_000_000);
    for day in 0..30 {
        unit.advance(day * 86_400);
        unit.event("placed", &format!("o{day}"), day * 86_400);
    }
    let mut expected: Vec<String> = (19..30).map(|day| format!("o{day} completed")).collect();
    expected.push("ahead completed".into());
    let mut left = unit.rows("process_instances", &["business_key", "state"]);
    expected.sort();
    left.sort();
    assert_eq!(left, expected);
    let ended = unit.rows("elements", &["left_at"]);
    let ended = ended.iter().map(|at| at.parse::<i64>().expect("seconds"));
    assert!(ended.clone().all(|at| 19 * 86_400 <= at), "{:?}", ended.collect::<Vec<_>>());
}

#[test]
fn a_unique_start_is_refused_while_another_runs() {
    let mut unit = Unit::new();
    unit.process("start s\n user a\n end e\n s > a > e", &[]);
    let args = json!({"business_key": "b", "unique": true});
    unit.ok("process.start", "process/p", args.clone());
    assert_eq!(
        unit.call("process.start", "process/p", args).expect_err("unique").code,
        "process.key_active"
    );
    assert_eq!(
        unit.call("process.start", "process/p", json!({"wait": true})).expect_err("a door").code,
        "process.wait"
    );
    assert_eq!(
        unit.ok("instance.list", "instance", json!({"process": "p", "business_key": "b"}))["items"]
            [0]["instance"],
        1
    );
    unit.ok("instance.set_variables", "instance/1", json!({"variables": {"n": 1}}));
    assert_eq!(unit.ok("instance.get", "instance/1", json!({}))["variables"], json!({"n": 1}));
    unit.ok("instance.cancel", "instance/1", json!({}));
    assert_eq!(
        unit.call("instance.get", "instance/1", json!({})).expect_err("gone").kind,
        base::Kind::NotFound
    );
    unit.assert_clean();
}

#[test]
fn an_instance_too_large_stops_alone_and_goes_on_when_mended() {
    let mut unit = Unit::new();
    unit.process("start s\n user a\n user b\n end e\n s > a > b > e", &[]);
    unit.ok("process.start", "process/p", json!({}));
    unit.ok("process.start", "process/p", json!({}));
    unit.ok("task.complete", "task/1-2", json!({"variables": {"big": "x".repeat(2 << 20)}}));
    assert_eq!(unit.rows("incidents", &["incident", "code"]), ["1-0 process.limit"]);
    unit.ok("task.complete", "task/2-2", json!({}));
    assert_eq!(unit.rows("process_instances", &["instance", "state"]), ["1 failed", "2 active"]);
}

#[test]
fn a_process_says_what_it_reads_writes_calls_and_starts() {
    let mut unit = Unit::new();
    let lines = "start s message placed
        call a contract.call pay
        decide d risk level
        sub inner {
        start s2
        call w stream.append stream/done
        call w2 stream.append done
        end e2
        s2 > w > w2 > e2
        }
        call x process.start process/other
        call y stream.append =target
        job j work
        end e
        s > a > d > inner > x > y > j > e";
    let on = json!([
        {"stream": "events", "when": "type = \"placed\"", "message": "placed", "key": "id"},
        {"stream": "events", "message": "seen", "key": "id"},
    ]);
    let spec = json!({"source": bpmn(lines), "roles": ["owner"], "on": on});
    unit.manifests(vec![
        manifest("Stream", "events", json!({})),
        manifest("Decision", "risk", json!({"source": RISK})),
        manifest("Process", "other", json!({"source": bpmn("start s\n end e\n s > e")})),
        manifest("Process", "p", spec),
    ])
    .unwrap_or_else(|problem| panic!("{problem:?}"));
    let columns = ["from_kind", "from_name", "how", "to_kind", "to_name", "detail"];
    assert_eq!(
        unit.rows("lineage", &columns),
        [
            r#"contract pay calls process p {"elements":["a"],"operations":["contract.call"]}"#,
            r#"decision risk calls process p {"elements":["d"]}"#,
            r#"process p starts process other {"elements":["x"],"operations":["process.start"]}"#,
            r#"process p writes stream done {"elements":["w","w2"],"operations":["stream.append"]}"#,
            r#"stream events reads process p {"messages":["placed","seen"]}"#,
        ]
    );
    let declared = unit.rows("lineage", &["declared_by", "version"]);
    assert!(declared.iter().all(|line| line == "process/p 1"), "{declared:?}");
}

#[test]
fn active_instances_are_in_the_list_of_what_runs_and_are_ended_there() {
    let mut unit = Unit::new();
    unit.process("start s\n user a\n end e\n s > a > e", &[]);
    for key in ["one", "two"] {
        unit.ok("process.start", "process/p", json!({"business_key": key}));
    }
    let list = |unit: &mut Unit, filter: Value| -> Vec<Value> {
        let answer = unit.ok("running.list", "running", filter);
        answer["items"].as_array().expect("items").clone()
    };
    let all = list(&mut unit, json!({"resource": "process/p"}));
    let shown = all.iter().map(|item| json!([item["id"], item["what"], item["state"]]));
    assert_eq!(
        shown.collect::<Value>(),
        json!([["instance/1", "p one", "active"], ["instance/2", "p two", "active"]])
    );
    assert_eq!(list(&mut unit, json!({"id": "instance/2"})).len(), 1);
    assert_eq!(list(&mut unit, json!({"resource": "process/q"})), Vec::<Value>::new());
    unit.ok("running.kill", "running", json!({"id": "instance/1"}));
    assert_eq!(list(&mut unit, json!({})).len(), 1);
    let told = unit.ok("running.kill", "running", json!({"kind": "instance", "state": "active"}));
    assert_eq!(told["items"], json!([{"id": "instance/2", "outcome": "done"}]));
    let gone = unit.call("running.kill", "running", json!({"id": "instance/2"}));
    assert_eq!(gone.expect_err("it is over").kind, base::Kind::NotFound);
    let limited =
        unit.call("running.limit", "running", json!({"id": "instance/9", "time": "PT1S"}));
    assert_eq!(limited.expect_err("an instance is not limited").code, "running.unsupported");
    unit.assert_clean();
}

/// Returns the pages of a list, each with one field of its items.
fn pages(unit: &mut Unit, operation: &str, filter: &Value, field: &str) -> Value {
    let kind = operation.split('.').next().expect("a kind");
    let (mut pages, mut filter) = (Vec::new(), filter.clone());
    loop {
        let answer = unit.ok(operation, kind, filter.clone());
        let items = answer["items"].as_array().expect("items").iter();
        pages.push(items.map(|item| item[field].clone()).collect::<Value>());
        if answer["next"].is_null() {
            return Value::Array(pages);
        }
        filter["after"] = answer["next"].clone();
    }
}

#[test]
fn jobs_are_in_the_list_of_what_runs_and_end_with_their_instance() {
    let config = kernel::Config { running_looks_max: 2, ..kernel::Config::default() };
    let mut unit = Unit::with(Arc::new(MemoryStore::new()), config);
    unit.process("start s\n job j pack\n end e\n s > j > e", &[]);
    unit.manifests(vec![manifest("User", "bob", json!({"roles": []}))]).expect("applied");
    for key in ["one", "two", "three"] {
        unit.ok("process.start", "process/p", json!({"business_key": key}));
    }
    unit.ok("job.activate", "job", json!({"type": "pack"}));
    let list = |unit: &mut Unit, filter: Value| pages(unit, "running.list", &filter, "id");
    // Those that can be taken first; a page looks at two.
    assert_eq!(
        list(&mut unit, json!({"kind": "job"})),
        json!([["job/2-2", "job/3-2"], ["job/1-2"]])
    );
    assert_eq!(
        list(&mut unit, json!({"limit": 2})),
        json!([["instance/1", "instance/2"], ["instance/3", "job/2-2"], ["job/3-2", "job/1-2"]])
    );
    assert_eq!(
        list(&mut unit, json!({"principal": "user:ana", "kind": "job"})),
        json!([[], ["job/1-2"]])
    );
    assert_eq!(list(&mut unit, json!({"resource": "instance/3"})), json!([["job/3-2"], []]));
    assert_eq!(list(&mut unit, json!({"after": "process:job/%FF"})), json!([[]]));
    let one = unit.ok("running.list", "running", json!({"id": "job/1-2"}))["items"][0].clone();
    let shown = ["what", "resource", "principal", "on_behalf_of", "state"].map(|name| &one[name]);
    assert_eq!(shown, ["pack one", "instance/1", "user:ana", "process:p", "held"]);
    // Whoever may not get a job does not see it.
    let bob =
        Call::new("running.list", ResourceRef::new("running", ""), Principal::User("bob".into()));
    let seen = unit.kernel.read(&bob).map(Reply::into_value).expect("a list");
    assert_eq!(seen["items"], json!([]));
    let told = unit.call("running.kill", "running", json!({"id": "job/1-2"}));
    let refused = told.expect_err("it is no thing of its own");
    let hint = "it ends with its instance: `craton kill instance/1`";
    assert_eq!(
        (refused.code.as_str(), refused.hint.as_deref()),
        ("running.unsupported", Some(hint))
    );
    let told = unit.call("running.kill", "running", json!({"id": "process/p"}));
    let refused = told.expect_err("its instances end");
    let hint = "end its instances: `craton kill --resource process/p --yes`";
    assert_eq!(
        (refused.code.as_str(), refused.hint.as_deref()),
        ("running.unsupported", Some(hint))
    );
    unit.ok("running.kill", "running", json!({"id": "instance/1"}));
    unit.ok("running.pause", "running", json!({"id": "instance/2"}));
    assert_eq!(list(&mut unit, json!({"kind": "job"})), json!([["job/3-2"]]));
    let paused = unit.ok("running.list", "running", json!({"id": "job/2-2"}));
    assert_eq!(paused["items"], json!([]), "it is told of by its instance");
}

/// Ten instances, of which 6, 7, 8 and 10 have failed and 9 is suspended; a page looks at three.
fn ten_looked_at_by_three() -> Unit {
    let config = kernel::Config { running_looks_max: 3, ..kernel::Config::default() };
    let limits = Config { list_looks_max: 3, variables_bytes_max: 8_000, ..Config::default() };
    let mut unit = Unit::with_limits(Arc::new(MemoryStore::new()), config, limits);
    unit.process("start s\n user a\n user b\n end e\n s > a > b > e", &[]);
    for number in 1..=10 {
        let key = json!({"business_key": format!("k{number}")});
        unit.ok("process.start", "process/p", key);
    }
    for number in [6, 7, 8, 10] {
        let big = json!({"variables": {"big": "x".repeat(16_000)}});
        unit.ok("task.complete", &format!("task/{number}-2"), big);
    }
    unit.ok("instance.suspend", "instance/9", json!({}));
    unit
}

/// Says that beside the instances stand the keys that should, and no others.
fn assert_sound(unit: &Unit) {
    let reader = Reader::new(&unit.kernel, Principal::User("ana".into())).expect("a reader");
    let faults = Processes::default().verify(&reader).expect("a look");
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn a_page_ends_where_enough_was_looked_at_and_the_next_goes_on_behind() {
    let mut unit = ten_looked_at_by_three();
    let mut list = |filter: Value| pages(&mut unit, "instance.list", &filter, "instance");
    assert_eq!(list(json!({"state": "active"})), json!([[1, 2, 3], [4, 5], [], []]));
    assert_eq!(list(json!({"process": "p", "business_key": "none"})), json!([[]]));
    // What is rare, or named, is found without looking at the others.
    assert_eq!(list(json!({"state": "suspended"})), json!([[9]]));
    assert_eq!(list(json!({"state": "failed"})), json!([[6, 7, 8], [10]]));
    assert_eq!(list(json!({"state": "failed", "process": "q"})), json!([[], []]));
    assert_eq!(list(json!({"business_key": "k7"})), json!([[7]]));
    assert_eq!(list(json!({"business_key": "k7", "state": "active"})), json!([[]]));
    assert_eq!(list(json!({"limit": 2}))[4], json!([9, 10]));
    let mut list = |filter: Value| pages(&mut unit, "incident.list", &filter, "incident");
    assert_eq!(list(json!({})), json!([["6-0", "7-0", "8-0"], ["10-0"]]));
    assert_eq!(list(json!({"code": "none"})), json!([[], []]));
    let tasks = pages(&mut unit, "task.list", &json!({"state": "claimed"}), "task");
    assert_eq!(tasks, json!([[], [], [], []]));
    assert_sound(&unit);
}

#[test]
fn what_runs_is_looked_through_in_portions_and_before_the_call_is_queued() {
    let mut unit = ten_looked_at_by_three();
    let mut list = |filter: Value| pages(&mut unit, "running.list", &filter, "id");
    assert_eq!(list(json!({"principal": "user:nobody"})), json!([[], [], [], []]));
    assert_eq!(list(json!({"state": "suspended"})), json!([["instance/9"]]));
    assert_eq!(list(json!({"state": "paused"})), json!([[]]), "no instance stands so");
    assert_eq!(list(json!({"resource": "stream/events"})), json!([[]]));
    let by_two = list(json!({"kind": "instance", "limit": 2}));
    assert_eq!(by_two[4], json!(["instance/9", "instance/10"]));
    let filter = json!({"principal": "user:ana", "state": "active"});
    let told = unit.ok("running.kill", "running", filter.clone());
    let done = |number: u64| json!({"id": format!("instance/{number}"), "outcome": "done"});
    assert_eq!(told["items"], json!([done(1), done(2), done(3)]));
    assert_eq!((&told["more"], &told["next"]), (&json!(true), &json!("process:3")));
    let wrong = unit.call("running.list", "running", json!({"after": "3"}));
    assert_eq!(wrong.expect_err("that is no place").code, "call.invalid");
    let calls = json!({"calls": [{"operation": "running.kill", "args": filter}]});
    let batch = unit.ok("unit.batch", "unit", calls);
    assert_eq!(batch["results"][0]["problem"]["code"], "call.invalid");
    assert_sound(&unit);
}

#[test]
fn a_process_whose_declaration_was_not_committed_hears_nothing() {
    let memory = Arc::new(MemoryStore::new());
    let seen = Arc::new(FaultyStore::new(memory.clone(), 1, Faults::default()));
    let mut unit = Unit::behind(seen.clone(), memory, kernel::Config::default(), Config::default());
    unit.manifests(vec![manifest("Stream", "events", json!({"time": "at"}))]).expect("applied");
    let on = json!([{"stream": "events", "message": "placed", "key": "id"}]);
    let source = bpmn("start s message placed\n user a\n end e\n s > a > e");
    let process = manifest("Process", "p", json!({"source": source, "on": on}));
    let init = Principal::Unit("init".into());
    let apply = Call::new("resource.apply", ResourceRef::new("resource", ""), init)
        .with(json!({"manifests": [process]}));
    seen.set_full(true);
    unit.writer.turn(&[apply]).remove(0).expect_err("the disk is full");
    seen.set_full(false);
    // The number of the change comes again, for another one.
    unit.manifests(vec![manifest("User", "bob", json!({"roles": []}))]).expect("applied");
    unit.event("placed", "o1", 1);
    assert_eq!(unit.states(), Vec::<String>::new());
    for relation in ["messages", "incidents"] {
        assert_eq!(unit.rows(relation, &["process"]), Vec::<String>::new(), "{relation}");
    }
    unit.assert_clean();
}

#[test]
fn a_task_is_of_the_person_that_it_is_assigned_to_and_of_no_process_of_that_name() {
    let mut unit = Unit::new();
    unit.process("start s\n user a\n end e\n s > a > e", &[]);
    unit.ok("process.start", "process/p", json!({}));
    unit.ok("task.assign", "task/1-2", json!({"assignee": "bob"}));
    let reader = Reader::new(&unit.kernel, Principal::Anonymous).expect("a reader");
    let task = ResourceRef::new("task", "1-2");
    let may = |who: Principal| {
        let decided = unit.kernel.is_allowed(&reader, "task.complete", &task, &who, None);
        decided.expect("a decision")
    };
    assert!(may(Principal::User("bob".into())));
    assert!(!may(Principal::Process("bob".into())));
}
