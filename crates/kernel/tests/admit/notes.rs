//! A unit with one made-up engine, and a clock that only tests move.

use base::{Clock, Problem, SeededEntropy, Time};
use kernel::{
    Act, Call, Config, Engine, Give, Kernel, KindOf, Operation, Parts, Principal, Read, Relation,
    Reply, Resource, ResourceRef, Right, Running, Signal, Wanted, Writer, decide, operation, read,
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::MemoryStore;

/// A clock of milliseconds that stands until it is moved.
#[derive(Default)]
pub struct Moved(AtomicU64);

impl Moved {
    pub fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Moved {
    fn business(&self) -> Time {
        Time(0)
    }

    fn wall(&self) -> Time {
        Time(i64::try_from(self.0.load(Ordering::SeqCst)).expect("it is not so late"))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn is_driven(&self) -> bool {
        true
    }

    fn advance(&self, _to: Time) -> bool {
        true
    }
}

/// An engine of notes: they are declared, read as streams of bytes, written, and each of them runs.
pub struct Notes {
    /// What `note.wait` waits for.
    pub gate: Mutex<Receiver<()>>,
    /// What was told.
    pub told: Mutex<Vec<String>>,
}

fn no_roles(_spec: &Value) -> Vec<String> {
    Vec::new()
}

impl Engine for Notes {
    fn name(&self) -> &'static str {
        "notes"
    }

    fn kinds(&self) -> Vec<KindOf> {
        vec![KindOf {
            name: "note",
            manifest: "Note",
            plural: "notes",
            schema: json!({}),
            check: |_| Ok(()),
            is_grant: false,
            roles: no_roles,
        }]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        vec![
            operation("note.read", Right::Read, "Reads.", read(&self, |_, _, call| pieces(call))),
            operation(
                "note.write",
                Right::Write,
                "Writes, and answers what it is to answer.",
                decide(&self, |_, _, call| {
                    let answer = call.args.get("answer").cloned();
                    Ok(Reply::Value(answer.unwrap_or_else(|| json!({}))))
                }),
            ),
            operation(
                "note.wait",
                Right::Run,
                "Waits.",
                decide(&self, |notes: &Self, _, _| {
                    let _ = notes.gate.lock().expect("one waits").recv();
                    Ok(Reply::Value(json!({})))
                }),
            ),
            operation(
                "note.end",
                Right::Run,
                "Ends.",
                decide(&self, |notes: &Self, _, call| notes.tell("ended", &call.resource.name)),
            ),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn running(
        &self,
        read: &dyn Read,
        caller: &Principal,
        wanted: &Wanted,
        give: Give<'_>,
    ) -> Result<Option<String>, Problem> {
        let mut after = wanted.after.clone().unwrap_or_default();
        for note in read.resources("note")? {
            let is_seen =
                read.kernel().is_allowed(read, "note.read", &note.reference(), caller, None)?;
            if !wanted.is_of("note") || !is_seen || note.name <= after {
                continue;
            }
            if !give(running(&note))? {
                return Ok(Some(after));
            }
            after.clone_from(&note.name);
        }
        Ok(None)
    }

    fn signal(
        &self,
        _read: &dyn Read,
        _caller: &Principal,
        id: &str,
        signal: Signal,
    ) -> Result<Option<Act>, Problem> {
        let Some(name) = id.strip_prefix("note/") else { return Ok(None) };
        match signal {
            Signal::Kill => {
                let resource = ResourceRef::new("note", name);
                Ok(Some(Act::Operation("note.end", resource, json!({}))))
            }
            Signal::Limit(limits) => {
                let kernel::QueryLimits { bytes, ms, rows, .. } = limits;
                self.tell(&format!("limited to {bytes:?} bytes, {ms:?} ms, {rows:?} rows"), name)?;
                Ok(Some(Act::Done))
            }
            Signal::Pause | Signal::Resume => Err(signal.unsupported("a note")),
        }
    }

    /// Each note holds 100 bytes.
    fn stored(&self, _read: &dyn Read, resource: &Resource) -> Result<u64, Problem> {
        Ok(if resource.kind == "note" { 100 } else { 0 })
    }
}

impl Notes {
    fn tell(&self, what: &str, name: &str) -> Result<Reply, Problem> {
        self.told.lock().expect("one tells").push(format!("{name} {what}"));
        Ok(Reply::Value(json!({})))
    }
}

fn running(note: &Resource) -> Running {
    Running {
        id: format!("note/{}", note.name),
        kind: "note",
        what: note.name.clone(),
        tag: None,
        resource: Some(note.reference().to_string()),
        principal: note.owner.clone(),
        on_behalf_of: None,
        since: Time(0),
        cpu_ms: None,
        memory_bytes: None,
        rows: None,
        bytes: None,
        state: "running".into(),
    }
}

/// Gives `count` pieces of 100 bytes.
fn pieces(call: &Call) -> Result<Reply, Problem> {
    let count = call.number("count")?.unwrap_or(1);
    let pieces = (0..count).map(|_| Ok(vec![b'x'; 100]));
    Ok(Reply::Stream { media: "text/plain", pieces: Box::new(pieces) })
}

/// A unit with people: olga is an owner, ana and bob may do all with notes, vera may nothing.
pub struct Unit {
    pub kernel: Arc<Kernel>,
    pub writer: Option<Writer>,
    pub clock: Arc<Moved>,
    pub notes: Arc<Notes>,
    /// Lets one `note.wait` go on.
    pub open: Sender<()>,
}

const CLERK: &str = "permit(principal in Role::\"clerk\", action in [Action::\"Read\", Action::\"Write\", Action::\"Run\"], resource in Kind::\"note\");";

pub fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

impl Unit {
    pub fn new(config: Config) -> Self {
        let (open, gate) = channel();
        let notes = Arc::new(Notes { gate: Mutex::new(gate), told: Mutex::default() });
        let clock = Arc::new(Moved::default());
        clock.pass(1_000_000);
        let parts = Parts {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(SeededEntropy::new(1)),
            engines: vec![Arc::clone(&notes) as Arc<dyn Engine>],
            config,
        };
        let (kernel, writer) = Kernel::new(parts).expect("a kernel starts on an empty store");
        let mut unit = Self { kernel, writer: Some(writer), clock, notes, open };
        let user = |name: &str, roles: Value| manifest("User", name, json!({ "roles": roles }));
        unit.apply(
            "unit:init",
            json!([
                manifest("Role", "clerk", json!({ "policies": CLERK })),
                user("olga", json!(["owner"])),
                user("ana", json!(["clerk"])),
                user("bob", json!(["clerk"])),
                user("vera", json!([])),
                manifest("Note", "a", json!({})),
            ]),
        )
        .expect("the first things are applied");
        unit
    }

    pub fn apply(&mut self, who: &str, manifests: Value) -> Result<Value, Problem> {
        self.turn(call(who, "resource.apply", "resource", json!({ "manifests": manifests })))
    }

    /// Declares a quota.
    pub fn quota(&mut self, name: &str, spec: Value) {
        self.apply("user:olga", json!([manifest("Quota", name, spec)])).expect("a quota");
    }

    pub fn turn(&mut self, mut call: Call) -> Result<Value, Problem> {
        self.kernel.prepare(&mut call)?;
        let writer = self.writer.as_mut().expect("the writer is here");
        writer.turn(&[call]).remove(0).map(Reply::into_value)
    }

    /// Changes something as somebody; the code of the refusal, or `ok`.
    pub fn does(&mut self, who: &str, operation: &str, on: &str, args: Value) -> String {
        code(&self.turn(call(who, operation, on, args)))
    }

    /// Reads a note as somebody.
    pub fn reads(&self, who: &str, args: Value) -> Result<Reply, Problem> {
        self.kernel.read(&call(who, "note.read", "note/a", args))
    }

    /// Reads a note as somebody, to its end; the code of the refusal, or `ok`.
    pub fn read_code(&self, who: &str) -> String {
        match self.reads(who, json!({})) {
            Ok(Reply::Stream { pieces, .. }) => {
                assert_eq!(pieces.count(), 1);
                "ok".into()
            }
            Ok(other) => format!("{other:?}"),
            Err(problem) => problem.code,
        }
    }
}

pub fn call(who: &str, operation: &str, on: &str, args: Value) -> Call {
    let actor = Principal::try_from(who.to_owned()).expect("a principal");
    let (kind, name) = on.split_once('/').unwrap_or((on, ""));
    Call::new(operation, ResourceRef::new(kind, name), actor).with(args)
}

pub fn code(result: &Result<Value, Problem>) -> String {
    result.as_ref().map_or_else(|problem| problem.code.clone(), |_| "ok".into())
}
