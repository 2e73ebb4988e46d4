//! A unit with the fleet, and an engine that stands in for streams, processes and tasks: it keeps what it is given.

use base::{Clock, Code, Key, Kind, Problem, SeededEntropy, Time, prefix_end};
use device::mqtt::{Publish, Qos};
use device::publish::batch;
use device::{Config, Fleet};
use kernel::{
    Call, Engine, Found, Handler, Kernel, KindOf, Operation, Parts, Principal, Read, Reader,
    Relation, Reply, ResourceRef, Right, Tx, Writer, decide, operation,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use store::{Batch, MemoryStore, Store};

/// Who may do anything in these units.
pub const OWNER: &str = "user:olga";

/// When these units begin, by both clocks: 2026-01-01T00:00:00Z.
pub const BEGIN: i64 = 1_767_225_600_000;

/// The log of what the stand-in engine was given.
const CALLS: &str = "others/calls";

/// A clock that stands still until a test moves it. Business and wall time are one.
pub struct StillClock(AtomicI64);

impl StillClock {
    /// Sets both times, in milliseconds since 1970.
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }

    /// Moves both times on.
    pub fn pass(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Returns the time in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Clock for StillClock {
    fn business(&self) -> Time {
        Time(self.now())
    }

    fn wall(&self) -> Time {
        Time(self.now())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.now().unsigned_abs())
    }

    fn is_driven(&self) -> bool {
        true
    }

    fn advance(&self, to: Time) -> bool {
        self.0.fetch_max(to.0, Ordering::SeqCst);
        true
    }
}

/// Stands in for the other engines. Rows that are objects with a `device` are good, one with `poison` is a defect; what is asked of
/// `process/unavailable` may work later, what is asked of `process/refusing` never does.
pub struct Others;

impl Others {
    fn append(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let is_setting_aside = call.text("on_error") == Some("set_aside");
        let (mut good, mut count) = (Vec::new(), 0);
        let (mut aside, mut faults) = (Vec::new(), Vec::new());
        for (number, text) in (1_u64..).zip(texts(call)) {
            if text.contains("\"poison\"") {
                let code = Code("others.internal", Kind::Internal);
                return Err(Problem::new(code, "a defect over one row"));
            }
            match checked(tx, call, &text) {
                Ok(line) => {
                    good.extend(line);
                    count += 1;
                }
                Err(reason) if is_setting_aside => {
                    faults.push(json!({"row": number, "reason": reason}));
                    aside.push((text, reason));
                }
                Err(reason) => return Err(invalid("stream.row_invalid", &reason)),
            }
        }
        for given in call.args["set_aside"].as_array().into_iter().flatten() {
            let text = |name: &str| given[name].as_str().unwrap_or_default().to_owned();
            aside.push((text("row"), text("reason")));
        }
        let name = &call.resource.name;
        let log = format!("stream/{name}");
        let offset = match count {
            0 => tx.log_end(&log)?,
            count => tx.append_rows(&log, &good, count)?,
        };
        for (row, reason) in &aside {
            let line = json!({"row": row, "reason": reason, "by": call.actor.to_string()});
            tx.record(&format!("set_aside/{name}"), &line)?;
        }
        let mut answer = json!({"offset": offset, "count": count, "set_aside": aside.len()});
        if !faults.is_empty() {
            answer["faults"] = Value::Array(faults);
        }
        Ok(Reply::Value(answer))
    }

    fn take(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        match call.resource.name.as_str() {
            "unavailable" => {
                let code = Code("others.unavailable", Kind::Unavailable);
                return Err(Problem::new(code, "it may work later"));
            }
            "refusing" => return Err(invalid("others.refused", "it never works")),
            _ => {}
        }
        let row = json!({
            "operation": call.operation,
            "resource": call.resource.to_string(),
            "actor": call.actor.to_string(),
            "on_behalf_of": call.on_behalf_of.as_ref().map(ToString::to_string),
            "key": call.key,
            "at": call.at,
            "args": call.args,
        });
        let number = tx.record(CALLS, &row)? + 1;
        Ok(Reply::Value(match call.operation.as_str() {
            "task.open" => json!({"task": format!("{number}-1"), "instance": number}),
            _ => json!({"instance": number}),
        }))
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
            schema: json!({}),
            check: |_| Ok(()),
            is_grant: false,
            roles: |_| Vec::new(),
        };
        vec![
            kind("stream", "Stream", "streams"),
            kind("process", "Process", "processes"),
            kind("contract", "", "contracts"),
            kind("task", "", "tasks"),
        ]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        let runs = |name| operation(name, Right::Run, "Takes it.", decide(&self, Self::take));
        vec![
            operation("stream.append", Right::Write, "Appends.", decide(&self, Self::append))
                .takes_raw(&["application/json", "application/x-ndjson"])
                .counted(),
            runs("process.start").takes(json!({"type": "object"})),
            runs("process.publish").takes(json!({"type": "object"})),
            runs("task.open").on_kind().takes(json!({"type": "object"})),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn find(&self, _read: &dyn Read, kind: &str, _name: &str) -> Result<Option<Found>, Problem> {
        Ok((kind == "contract").then(Found::default))
    }
}

/// Returns the rows of an append as texts: lines, a JSON object or a list of them, or the parameters `row` and `rows`.
fn texts(call: &Call) -> Vec<String> {
    let of = |value: &Value| match value {
        Value::Array(rows) => rows.iter().map(Value::to_string).collect(),
        row => vec![row.to_string()],
    };
    if call.body.is_empty() {
        return call.args.get("row").or(call.args.get("rows")).map(of).unwrap_or_default();
    }
    let text = String::from_utf8_lossy(&call.body);
    match serde_json::from_str::<Value>(&text) {
        Ok(value) if call.media == "application/json" => of(&value),
        _ => text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect(),
    }
}

/// Returns a row as it is stored, with `_time` where no column of the stream says when it was.
fn checked(tx: &Tx<'_>, call: &Call, text: &str) -> Result<Vec<u8>, String> {
    let mut row: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| "it is no object".to_owned())?;
    if !row.get("device").is_some_and(Value::is_string) {
        return Err("`device` is missing".into());
    }
    let stream = tx.resource("stream", &call.resource.name).ok().flatten();
    let column = stream.and_then(|stream| stream.spec["time"].as_str().map(str::to_owned));
    let time = column.and_then(|column| row.get(&column).cloned());
    let time = time.unwrap_or_else(|| json!(tx.time_of(call)));
    row.insert("_time".into(), time);
    let mut line = Value::Object(row).to_string().into_bytes();
    line.push(b'\n');
    Ok(line)
}

fn invalid(code: &'static str, reason: &str) -> Problem {
    Problem::new(Code(code, Kind::Invalid), reason)
}

/// A unit.
pub struct World {
    pub kernel: Arc<Kernel>,
    pub writer: Writer,
    pub fleet: Arc<Fleet>,
    pub store: Arc<MemoryStore>,
    pub clock: Arc<StillClock>,
    seen: Arc<dyn Store>,
    config: Config,
}

impl World {
    /// Returns a unit with an owner `olga`, an operator `oskar`, a viewer `vera`, and the role `fleet-writer`, which appends.
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        let store = Arc::new(MemoryStore::new());
        let mut world = Self::behind(Arc::clone(&store) as Arc<dyn Store>, store, config);
        let user = |name: &str, role: &str| manifest("User", name, json!({"roles": [role]}));
        let writes = "permit (principal in Role::\"fleet-writer\", action in [Action::\"stream.append\", \
                      Action::\"process.start\", Action::\"process.publish\", Action::\"task.open\", \
                      Action::\"device.command\"], resource);";
        let people = json!([
            manifest(
                "Role",
                "fleet-writer",
                json!({"summary": "Acts for things", "policies": writes})
            ),
            user("olga", "owner"),
            user("oskar", "operator"),
            user("vera", "viewer"),
        ]);
        let args = json!({ "manifests": people });
        world
            .call("resource.apply", "resource/", "unit:init", args)
            .expect("the first people are applied");
        world
    }

    /// Returns a unit that sees its store through another, for commits that fail. It has nobody in it yet, unless the store has.
    pub fn behind(seen: Arc<dyn Store>, store: Arc<MemoryStore>, config: Config) -> Self {
        let clock = Arc::new(StillClock(AtomicI64::new(BEGIN)));
        Self::over(seen, store, clock, config)
    }

    fn over(
        seen: Arc<dyn Store>,
        store: Arc<MemoryStore>,
        clock: Arc<StillClock>,
        config: Config,
    ) -> Self {
        let fleet = Arc::new(Fleet::new(config.clone()));
        // Other secrets after a restart than before it.
        let seed = seen.snapshot().expect("the store is read").commit();
        let parts = Parts {
            store: Arc::clone(&seen),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(SeededEntropy::new(seed)),
            engines: vec![Arc::new(Others), Arc::clone(&fleet) as Arc<dyn Engine>],
            config: kernel::Config::default(),
        };
        let (kernel, writer) = Kernel::new(parts).expect("a kernel starts on this store");
        Self { kernel, writer, fleet, store, clock, seen, config }
    }

    /// Returns the unit after a restart: another kernel and another fleet over the same store.
    pub fn again(self) -> Self {
        let Self { kernel, writer, fleet, store, clock, seen, config } = self;
        drop((kernel, writer, fleet));
        Self::over(seen, store, clock, config)
    }

    /// Returns the unit after a restart, with what stands at one key damaged: the one with this beginning that holds a part.
    pub fn damaged(self, beginning: &Key, part: &[u8]) -> Self {
        let (from, end) = (beginning.as_ref(), prefix_end(beginning.as_ref()));
        let snapshot = self.store.snapshot().expect("a look");
        let held = snapshot.scan(from, &end, usize::MAX, false).expect("keys");
        drop(snapshot);
        let is_it = |key: &[u8]| key.windows(part.len()).any(|found| found == part);
        let found = held.into_iter().map(|(key, _)| key).filter(|key| is_it(key));
        let writes: Vec<_> = found.map(|key| (key, Some(b"damaged".to_vec()))).collect();
        assert_eq!(writes.len(), 1);
        let epoch = self.store.open_epoch(0).expect("an epoch");
        self.store.commit(0, &Batch { epoch, writes, ..Batch::default() }).expect("it is written");
        self.again()
    }

    /// Applies manifests as an owner.
    pub fn apply(&mut self, manifests: Value) -> Result<Value, Problem> {
        self.call("resource.apply", "resource/", OWNER, json!({ "manifests": manifests }))
    }

    /// Makes a call, on the thread where its operation runs. `resource` is `KIND/NAME`, `KIND/` for the kind as a whole.
    pub fn call(
        &mut self,
        operation: &str,
        resource: &str,
        actor: &str,
        args: Value,
    ) -> Result<Value, Problem> {
        self.made(of(operation, resource, actor).with(args))
    }

    /// Makes a call with all that it may have.
    pub fn made(&mut self, call: Call) -> Result<Value, Problem> {
        let is_read = matches!(self.kernel.operation(&call.operation)?.handler, Handler::Read(_));
        let reply = if is_read { self.kernel.read(&call) } else { self.turn(vec![call]).remove(0) };
        reply.map(Reply::into_value)
    }

    /// Has calls run together in one turn, with whatever waits in the engines.
    pub fn turn(&mut self, calls: Vec<Call>) -> Vec<Result<Reply, Problem>> {
        self.writer.turn(&calls)
    }

    /// Has turns run until nothing is left to do.
    pub fn settle(&mut self) {
        for _ in 0..100 {
            self.writer.turn(&[]);
            if !self.writer.has_leftovers() {
                return;
            }
        }
        panic!("it comes to no end");
    }

    /// Returns what a device says over MQTT as a call: topic, payload, QoS. Session 0 is none.
    pub fn messages(&self, device: &str, session: u64, messages: &[(&str, &str, u8)]) -> Call {
        let publish = |(number, message): (u16, &(&str, &str, u8))| {
            let (topic, payload, qos) = *message;
            let qos = match qos {
                0 => Qos::AtMostOnce,
                1 => Qos::AtLeastOnce,
                _ => Qos::ExactlyOnce,
            };
            Publish {
                topic: topic.into(),
                payload: payload.as_bytes().to_vec().into(),
                qos,
                retain: false,
                is_dup: false,
                packet: if qos == Qos::AtMostOnce { 0 } else { number },
                alias: None,
                properties: None,
            }
        };
        let messages: Vec<Publish> = (1..).zip(messages).map(publish).collect();
        let resource = format!("device/{device}");
        let mut call = of("device.publish", &resource, &format!("device:{device}"));
        call.media = batch::MEDIA.into();
        call.body = batch::encode(session, u64::from(0 < session), &messages, |_| None);
        call
    }

    /// Returns the rows of a stream.
    pub fn rows(&self, stream: &str) -> Vec<Value> {
        self.log(&format!("stream/{stream}"))
    }

    /// Returns the rows of a stream that were set aside: `row`, `reason`, `by`.
    pub fn aside(&self, stream: &str) -> Vec<Value> {
        self.log(&format!("set_aside/{stream}"))
    }

    /// Returns what the stand-in engine was asked for: `operation`, `resource`, `actor`, `on_behalf_of`, `key`, `at`, `args`.
    pub fn started(&self) -> Vec<Value> {
        self.log(CALLS)
    }

    /// Returns the rows of a log.
    pub fn log(&self, log: &str) -> Vec<Value> {
        let chunks = self.reader().chunks(log, 0, usize::MAX).expect("the log is read");
        let rows = chunks.iter().map(|chunk| kernel::rows_from(&chunk.bytes, 0).expect("rows"));
        rows.flatten().collect()
    }

    /// Returns a look at the last commit.
    pub fn reader(&self) -> Reader {
        Reader::new(&self.kernel, Principal::Unit("verify".into())).expect("a reader")
    }

    /// Asserts that nothing of what is stored contradicts itself.
    pub fn verify(&self) {
        assert_eq!(self.fleet.verify(&self.reader()).expect("a look"), Vec::<String>::new());
    }
}

/// Returns a call without parameters.
pub fn of(operation: &str, resource: &str, actor: &str) -> Call {
    let actor = Principal::try_from(actor.to_owned()).expect("a principal");
    let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
    Call::new(operation, ResourceRef::new(kind, name), actor)
}

/// Returns a manifest.
pub fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// Returns the manifest of a stream with these columns beside `device` and `received_at`; `at` is the time of its rows where it is one of
/// them.
pub fn stream(name: &str, columns: &[(&str, &str)]) -> Value {
    let column = |(name, kind): &(&str, &str)| json!({"name": name, "type": kind});
    let own = [("device", "text"), ("received_at", "time")];
    let schema: Vec<Value> = own.iter().chain(columns).map(column).collect();
    let mut spec = json!({ "schema": schema });
    if columns.iter().any(|(name, _)| *name == "at") {
        spec["time"] = json!("at");
    }
    manifest("Stream", name, spec)
}

/// Returns the manifest of a device of a type.
pub fn device(name: &str, type_name: &str) -> Value {
    manifest("Device", name, json!({ "type": type_name }))
}

/// Returns the streams and the type of vans: positions with their own time, weights as bare numbers, doors as events; a firmware, a battery
/// that is indexed, an interval that can be desired; the command `unlock`.
pub fn vans() -> Vec<Value> {
    let spec = json!({
        "summary": "A delivery van",
        "roles": ["fleet-writer"],
        "properties": [
            {"name": "firmware", "type": "text"},
            {"name": "battery", "type": "float", "unit": "%", "indexed": true},
            {"name": "interval_s", "type": "int", "unit": "s", "desired": true, "min": 1, "max": 3600},
        ],
        "telemetry": [
            {"name": "position", "stream": "van_positions", "time": "at"},
            {"name": "weight", "stream": "van_weights", "value": "kg"},
        ],
        "events": [{"name": "door_opened", "stream": "van_events"}],
        "commands": [{
            "name": "unlock",
            "input": [{"name": "seconds", "type": "int", "required": true, "unit": "s"}],
            "output": [{"name": "ok", "type": "bool"}],
            "deadline": "PT5M",
        }],
    });
    vec![
        stream("van_positions", &[("at", "time"), ("lat", "float"), ("lon", "float")]),
        stream("van_weights", &[("kg", "float")]),
        stream("van_events", &[("door", "text")]),
        manifest("DeviceType", "van", spec),
    ]
}

/// Returns the code of what was refused, `ok` where nothing was.
pub fn code<T>(result: Result<T, Problem>) -> String {
    result.map_or_else(|problem| problem.code, |_| "ok".into())
}
