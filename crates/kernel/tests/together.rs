//! Calls that wait together and run as one step, calls that an engine asks for in its own step, and devices as callers.

use base::{Clock, Problem, SeededEntropy, Time};
use kernel::{
    Call, Config, Credential, Engine, Found, Identity, Kernel, KindOf, Operation, Parts, Principal,
    Read, Reader, Relation, Reply, Resource, ResourceRef, Right, Span, Token, Tx, Writer, alone,
    decide, many, operation,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::MemoryStore;

/// The fingerprint of somebody's certificate.
const FINGERPRINT: [u8; 32] = [7; 32];

/// A clock that stands still: nobody gets anything back of a quota.
struct StillClock;

impl Clock for StillClock {
    fn business(&self) -> Time {
        Time(0)
    }

    fn wall(&self) -> Time {
        Time(0)
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

/// Notes things, several in one step, and knows devices.
#[derive(Default)]
struct Things {
    /// How many calls each step had.
    steps: Mutex<Vec<usize>>,
}

impl Things {
    fn note(
        &self,
        tx: &mut Tx<'_>,
        calls: &[&Call],
    ) -> Result<Vec<Result<Reply, Problem>>, Problem> {
        self.steps.lock().expect("a lock").push(calls.len());
        let one = |call: &&Call| -> Result<Result<Reply, Problem>, Problem> {
            let what = call.text("what").unwrap_or_default();
            if what == "fail" {
                return Ok(Err(kernel::Error::ClockNotDriven.into()));
            }
            let number = tx.serial("notes")?;
            tx.put(key(&call.resource.name), vec![1]);
            match what {
                "spoil" => Err(kernel::Error::Stopping.into()),
                "panic" => panic!("as it was told"),
                _ => Ok(Ok(Reply::Value(json!(number)))),
            }
        };
        calls.iter().map(one).collect()
    }

    /// Asks for another call; goes on where that fails, and fails itself, where it is told to.
    fn ask(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let actor = Principal::try_from(call.text("as").unwrap_or("user:olga").to_owned())?;
        let of = call.text("of").unwrap_or("thing.put");
        let mut asked = Call::new(of, ResourceRef::new("thing", "asked"), actor);
        asked.depth = u8::try_from(call.number("depth")?.unwrap_or(1)).expect("small");
        let answer = tx.ask(&asked);
        match call.text("then") {
            Some("go on") => {
                Ok(Reply::Value(json!(answer.map_or_else(|problem| problem.code, |_| "ok".into()))))
            }
            Some("fail") => Err(kernel::Error::Stopping.into()),
            _ => answer,
        }
    }

    fn add(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let device = &call.resource.name;
        kernel::may_grant(tx, call, &Principal::Device(device.clone()))?;
        let (secret, hash, id) = if call.text("of") == Some("certificate") {
            let (hash, id) = Token::trust_certificate(tx, device, &FINGERPRINT, "", None)?;
            (String::new(), hash, id)
        } else {
            Token::give_device(tx, device, "", None)?
        };
        Ok(Reply::Value(json!({"token": secret, "hash": hash, "id": id})))
    }

    fn end(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let hash = serde_json::from_value(call.args["hash"].clone()).expect("a hash");
        Token::end_device(tx, &hash)?;
        Ok(Reply::Value(Value::Null))
    }
}

fn key(name: &str) -> base::Key {
    kernel::key(b's').text(name)
}

impl Engine for Things {
    fn name(&self) -> &'static str {
        "things"
    }

    fn kinds(&self) -> Vec<KindOf> {
        let kind = |name, manifest, plural, roles: fn(&Value) -> Vec<String>| KindOf {
            name,
            manifest,
            plural,
            schema: json!({}),
            check: |_| Ok(()),
            is_grant: false,
            roles,
        };
        vec![
            kind("thing", "", "things", |_| Vec::new()),
            kind("device_type", "DeviceType", "device_types", |spec| {
                [listed(spec, "roles"), listed(spec, "device_roles")].concat()
            }),
            kind("device", "Device", "devices", |_| Vec::new()),
        ]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        let note = many(&self, Self::note);
        let publish = Arc::clone(&note);
        vec![
            operation("thing.note", Right::Write, "Notes a thing.", alone(&note)).together(note),
            operation(
                "thing.put",
                Right::Write,
                "Keeps a thing.",
                decide(&self, |_, tx, call| {
                    tx.put(key(&call.resource.name), vec![1]);
                    Ok(Reply::Value(Value::Null))
                }),
            ),
            operation(
                "thing.wait",
                Right::Write,
                "Keeps a thing, and answers later.",
                decide(&self, |_, tx, call| {
                    tx.put(key(&call.resource.name), vec![1]);
                    Ok(Reply::Later)
                }),
            ),
            operation("thing.ask", Right::Write, "Asks.", decide(&self, Self::ask)),
            operation("device.publish", Right::Write, "Says something.", alone(&publish))
                .together(publish),
            operation("device.add", Right::Manage, "Adds a credential.", decide(&self, Self::add)),
            operation("device.end", Right::Manage, "Ends a credential.", decide(&self, Self::end)),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn find(&self, _read: &dyn Read, kind: &str, _name: &str) -> Result<Option<Found>, Problem> {
        Ok((kind == "thing").then(Found::default))
    }

    fn describes(&self, resource: &Resource, found: &mut Found) {
        if resource.kind == "device" {
            let parent = resource.spec["type"].as_str().unwrap_or_default();
            found.attributes.insert("parent", parent.to_owned());
            found.attributes.insert("groups", listed(&resource.spec, "groups").join("\n"));
        }
    }
}

fn listed(spec: &Value, field: &str) -> Vec<String> {
    let all = spec[field].as_array().into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

struct Unit {
    kernel: Arc<Kernel>,
    writer: Writer,
    things: Arc<Things>,
}

impl Unit {
    fn new() -> Self {
        let things = Arc::new(Things::default());
        let engine: Arc<dyn Engine> = Arc::clone(&things) as _;
        let (kernel, writer) = Kernel::new(Parts {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(StillClock),
            entropy: Arc::new(SeededEntropy::new(1)),
            engines: vec![engine],
            config: Config::default(),
        })
        .expect("a kernel");
        let mut unit = Self { kernel, writer, things };
        unit.apply(json!([
            manifest("User", "olga", json!({"roles": ["owner"]})),
            manifest("User", "otto", json!({"roles": ["operator"]})),
            manifest("User", "ned", json!({"roles": []})),
        ]));
        unit
    }

    /// A unit with two vans, which may note things, a type of theirs, which may put things, and a device without any right.
    fn with_devices() -> Self {
        let mut unit = Self::new();
        let may = |role: &str, operation: &str| {
            let policy = format!(
                "permit (principal in Role::\"{role}\", action == Action::\"{operation}\", resource in Kind::\"thing\");"
            );
            manifest("Role", role, json!({ "policies": policy }))
        };
        let van = json!({"roles": ["writer"], "device_roles": ["reporter"]});
        let van_7 = json!({"type": "van", "groups": ["night", "north"]});
        unit.apply(json!([
            may("reporter", "thing.note"),
            may("writer", "thing.put"),
            manifest("DeviceType", "van", van),
            manifest("DeviceType", "plain", json!({})),
            manifest("Device", "van-7", van_7),
            manifest("Device", "van-8", json!({"type": "van"})),
            manifest("Device", "box-1", json!({"type": "plain"})),
        ]));
        unit
    }

    fn apply(&mut self, manifests: Value) {
        assert_eq!(self.apply_as("unit:init", manifests), "ok");
    }

    fn apply_as(&mut self, who: &str, manifests: Value) -> String {
        let applied = call(who, "resource.apply", "resource").with(json!({"manifests": manifests}));
        let reply = self.writer.turn(&[applied]).remove(0);
        reply.map_or_else(|problem| problem.code, |_| "ok".into())
    }

    /// Runs calls in one turn; their answers, or the codes of why not.
    fn turn(&mut self, calls: &[Call]) -> Vec<String> {
        let replies = self.writer.turn(calls).into_iter();
        let shown = |reply: Result<Reply, Problem>| match reply {
            Ok(reply) => reply.into_value().to_string(),
            Err(problem) => problem.code,
        };
        replies.map(shown).collect()
    }

    fn ask(&mut self, who: &str, operation: &str, on: &str, args: Value) -> Result<Value, Problem> {
        let call = call(who, operation, on).with(args);
        self.writer.turn(&[call]).remove(0).map(Reply::into_value)
    }

    /// Returns how many calls each step had since somebody asked.
    fn steps(&self) -> Vec<usize> {
        std::mem::take(&mut *self.things.steps.lock().expect("a lock"))
    }

    /// Returns which of these things are kept.
    fn kept(&self, names: &str) -> String {
        let reader = self.reader();
        let is_kept = |name: &&str| reader.get(key(name).as_ref()).expect("a look").is_some();
        names.split(' ').filter(is_kept).collect::<Vec<_>>().join(" ")
    }

    fn reader(&self) -> Reader {
        Reader::new(&self.kernel, Principal::Anonymous).expect("a reader")
    }

    /// Returns the lines of the audit about an operation, in the order of what it was done on.
    fn audited(&self, operation: &str) -> Vec<String> {
        let chunks = self.reader().chunks("system/audit", 0, usize::MAX).expect("chunks");
        let lines = chunks.iter().flat_map(|chunk| kernel::rows(&chunk.bytes));
        let lines = lines.map(|line| serde_json::from_slice::<Value>(line).expect("a line"));
        let mut lines: Vec<String> = lines
            .filter(|line| line["operation"] == operation)
            .map(|line| format!("{} {}", line["resource"], line["outcome"]).replace('"', ""))
            .collect();
        lines.sort();
        lines
    }

    /// Gives a device a credential, and recognises the device by it.
    fn recognised(&mut self, device: &str) -> (Identity, Value) {
        let on = format!("device/{device}");
        let given = self.ask("user:olga", "device.add", &on, json!({})).expect("a token");
        let secret = given["token"].as_str().expect("a secret");
        let identity = self.kernel.authenticate(&Credential::Bearer(secret)).expect("it is known");
        (identity, given)
    }
}

fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn call(who: &str, operation: &str, on: &str) -> Call {
    let (kind, name) = on.split_once('/').unwrap_or((on, ""));
    let actor = Principal::try_from(who.to_owned()).expect("a principal");
    Call::new(operation, ResourceRef::new(kind, name), actor)
}

fn note(who: &str, name: &str, what: &str) -> Call {
    let on = format!("thing/{name}");
    call(&format!("user:{who}"), "thing.note", &on).with(json!({ "what": what }))
}

/// Returns what a device says by a credential, about itself or about another.
fn said(identity: &Identity, device: &str) -> Call {
    let on = ResourceRef::new("device", device);
    let mut call = Call::new("device.publish", on, identity.principal.clone());
    call.stamp.clone_from(&identity.stamp);
    call
}

#[test]
fn calls_that_wait_together_run_as_one_step_and_are_answered_in_their_order() {
    let mut unit = Unit::new();
    let before = unit.kernel.commit();
    let calls = [note("olga", "a", ""), note("otto", "b", ""), note("olga", "c", "")];
    assert_eq!(unit.turn(&calls), ["1", "2", "3"]);
    assert_eq!((unit.steps(), unit.kernel.commit() - before), (vec![3], 1));
    assert_eq!(unit.kept("a b c d"), "a b c");
    let lines = ["thing/a allowed", "thing/b allowed", "thing/c allowed"];
    assert_eq!(unit.audited("thing.note"), lines);
}

#[test]
fn what_stands_between_parts_a_run_and_nothing_is_done_before_its_time() {
    let mut unit = Unit::new();
    let put = call("user:olga", "thing.put", "thing/p");
    let calls = [note("olga", "a", ""), put, note("olga", "b", ""), note("olga", "c", "")];
    assert_eq!(unit.turn(&calls), ["1", "null", "2", "3"]);
    assert_eq!(unit.steps(), [1, 2]);
}

#[test]
fn a_call_that_is_refused_does_not_touch_the_others() {
    let mut unit = Unit::new();
    let calls = [
        note("olga", "a", ""),
        note("ned", "b", ""),
        note("olga", "c", "fail"),
        note("olga", "d", ""),
    ];
    assert_eq!(unit.turn(&calls), ["1", "resource.not_found", "clock.not_driven", "2"]);
    assert_eq!(unit.steps(), [3], "ned's was not among them");
    assert_eq!(unit.kept("a b c d"), "a d");
    let lines = [
        "thing/a allowed",
        "thing/b resource.not_found",
        "thing/c clock.not_driven",
        "thing/d allowed",
    ];
    assert_eq!(unit.audited("thing.note"), lines);
}

#[test]
fn one_that_spoils_the_step_spoils_its_own_only() {
    for (what, code) in [("spoil", "kernel.stopping"), ("panic", "kernel.internal")] {
        let mut unit = Unit::new();
        let calls = [note("olga", "a", ""), note("olga", "b", what), note("olga", "c", "")];
        assert_eq!(unit.turn(&calls), ["1", code, "2"], "nothing of the step stays");
        assert_eq!(unit.steps(), [3, 1, 1, 1]);
        assert_eq!(unit.kept("a b c"), "a c");
        let refused = format!("thing/b {code}");
        assert_eq!(
            unit.audited("thing.note"),
            ["thing/a allowed", refused.as_str(), "thing/c allowed"]
        );
        // Where the others were refused there is nobody else to whom it could have been done.
        let calls = [note("ned", "a", ""), note("olga", "b", what)];
        assert_eq!(unit.turn(&calls), ["resource.not_found", code]);
        assert_eq!(unit.steps(), [1]);
    }
}

#[test]
fn a_call_that_repeats_another_of_the_run_gets_its_answer() {
    let mut unit = Unit::new();
    let keyed = |who: &str, what: &str| {
        let mut keyed = note(who, "a", what);
        keyed.key = Some("k".into());
        keyed
    };
    let calls = [keyed("olga", ""), keyed("olga", ""), keyed("otto", ""), note("olga", "b", "")];
    assert_eq!(unit.turn(&calls), ["1", "1", "2", "3"]);
    assert_eq!(unit.steps(), [1, 2], "the key of another is another key");
    let calls = [keyed("olga", "x"), keyed("otto", ""), note("olga", "c", "")];
    assert_eq!(unit.turn(&calls), ["call.key_reused", "2", "4"]);
    assert_eq!(unit.steps(), [1]);
}

#[test]
fn each_call_is_charged_to_its_own_quota_once() {
    let limited = || {
        let mut unit = Unit::new();
        unit.apply(json!([manifest("Quota", "slow", json!({"for": "user/otto", "rate": 2}))]));
        unit
    };
    let mut unit = limited();
    let calls = [
        note("otto", "a", ""),
        note("otto", "b", ""),
        note("otto", "c", ""),
        note("olga", "d", ""),
    ];
    assert_eq!(unit.turn(&calls), ["1", "2", "quota.exceeded", "3"]);
    assert_eq!(unit.kept("a b c d"), "a b d");
    let mut unit = limited();
    let calls = [note("otto", "a", ""), note("otto", "b", "spoil")];
    assert_eq!(unit.turn(&calls), ["1", "kernel.stopping"], "also where each runs alone");
    assert_eq!(unit.turn(&[note("otto", "c", "")]), ["quota.exceeded"]);
}

#[test]
fn each_call_has_one_span_whether_the_step_works_or_not() {
    for (what, code) in [("", None), ("spoil", Some("kernel.stopping"))] {
        let mut unit = Unit::new();
        let mut calls = [note("olga", "a", ""), note("olga", "b", what), note("olga", "c", "")];
        for call in &mut calls {
            call.trace = Some(unit.kernel.tracer().begin());
        }
        unit.turn(&calls);
        let spans = unit.kernel.tracer().spans();
        for (at, call) in calls.iter().enumerate() {
            let trace = call.trace.as_ref().expect("a trace");
            let is_own = |span: &&Span| span.trace == trace.id && span.name == "thing.note";
            let own: Vec<&Span> = spans.iter().filter(is_own).collect();
            assert_eq!((own.len(), own[0].parent), (1, Some(trace.span)));
            assert_eq!(own[0].code.as_deref(), code.filter(|_| at == 1));
        }
    }
}

#[test]
fn what_an_engine_asks_for_is_part_of_its_step() {
    let mut unit = Unit::new();
    let mut ask = |args: Value| {
        let asked = call("user:olga", "thing.ask", "thing/x").with(args);
        let answer = unit.turn(&[asked]).remove(0);
        (answer, unit.kept("asked"))
    };
    let found = |answer: &str, kept: &str| (answer.to_owned(), kept.to_owned());
    assert_eq!(ask(json!({"then": "fail"})), found("kernel.stopping", ""), "taken back with it");
    let hidden = found("\"resource.not_found\"", "");
    assert_eq!(ask(json!({"as": "user:ned", "then": "go on"})), hidden, "under his own rights");
    let later = json!({"of": "thing.wait", "then": "go on"});
    assert_eq!(ask(later), found("\"kernel.internal\"", ""), "an answer is wanted now");
    let deep = json!({"depth": 255, "then": "go on"});
    assert_eq!(ask(deep), found("\"call.too_large\"", ""));
    assert_eq!(ask(json!({})), found("null", "asked"));
}

#[test]
fn what_an_engine_asks_for_belongs_to_the_trace_of_its_call() {
    let mut unit = Unit::new();
    let mut asked = call("user:olga", "thing.ask", "thing/x");
    asked.trace = Some(unit.kernel.tracer().begin());
    unit.turn(&[asked]);
    let spans = unit.kernel.tracer().spans();
    let named = |name: &str| spans.iter().find(|span| span.name == name).expect("a span");
    assert_eq!(named("thing.put").parent, Some(named("thing.ask").id));
}

#[test]
fn a_device_speaks_for_itself_and_holds_what_its_type_gives() {
    let mut unit = Unit::with_devices();
    let (van, _) = unit.recognised("van-7");
    let (other, _) = unit.recognised("van-8");
    assert_eq!(van.principal, Principal::Device("van-7".into()));
    let calls = [said(&van, "van-7"), said(&other, "van-7"), said(&other, "van-8")];
    assert_eq!(unit.turn(&calls), ["1", "resource.not_found", "2"]);
    assert_eq!(unit.steps(), [2]);
    let may = |unit: &mut Unit, who: &str, operation: &str| {
        let asked = json!({"operation": operation, "resource": "thing/x", "as": who});
        let answer = unit.ask("user:olga", "policy.check", "policy", asked).expect("an answer");
        let is_allowed =
            unit.turn(&[call(who, operation, "thing/x")]).remove(0) != "resource.not_found";
        assert_eq!(answer["allowed"], is_allowed, "{who} {operation}");
        is_allowed
    };
    assert!(may(&mut unit, "device:van-7", "thing.note"), "by its type");
    assert!(!may(&mut unit, "device:van-7", "thing.put"), "that is the type's own");
    assert!(may(&mut unit, "device_type:van", "thing.put"));
    assert!(!may(&mut unit, "device:box-1", "thing.note"));
    assert!(!may(&mut unit, "device:nobody", "thing.note"));
    unit.apply(json!([manifest("Device", "van-7", json!({"type": "plain"}))]));
    assert!(!may(&mut unit, "device:van-7", "thing.note"), "it is of another type now");
    let asked = json!({"operation": "thing.put", "resource": "thing/x"});
    let able = unit.ask("user:olga", "policy.who", "policy", asked).expect("an answer");
    let able = able["items"].as_array().expect("items").iter();
    let able: Vec<&Value> = able.map(|item| &item["principal"]).collect();
    assert_eq!(able, ["user:olga", "user:otto", "device_type:van"]);
}

#[test]
fn policies_know_the_type_and_the_groups_of_a_device() {
    let mut unit = Unit::with_devices();
    let policies = "permit (principal in Role::\"guard\", action == Action::\"device.publish\", resource in Kind::\"device\") \
        when { resource.groups.contains(\"night\") && resource.parent == \"van\" };";
    unit.apply(json!([
        manifest("Role", "guard", json!({ "policies": policies })),
        manifest("User", "gil", json!({"roles": ["guard"]})),
    ]));
    let reader = unit.reader();
    let gil = Principal::User("gil".into());
    let may = |device: &str| {
        let on = ResourceRef::new("device", device);
        unit.kernel.is_allowed(&reader, "device.publish", &on, &gil, None).expect("a look")
    };
    assert_eq!(["van-7", "van-8", "box-1", "van-7"].map(may), [true, false, false, true]);
}

#[test]
fn nobody_makes_a_device_or_its_credential_that_may_more_than_he_does() {
    let mut unit = Unit::with_devices();
    let keeper = "permit (principal in Role::\"keeper\", action, resource) \
                  when { [\"device\", \"resource\"].contains(resource.kind) };";
    unit.apply(json!([
        manifest("Role", "keeper", json!({ "policies": keeper })),
        manifest("User", "kim", json!({"roles": ["keeper"]})),
    ]));
    let device = |type_name: &str| json!([manifest("Device", "new", json!({ "type": type_name }))]);
    assert_eq!(unit.apply_as("user:kim", device("van")), "policy.grant");
    assert_eq!(unit.apply_as("user:kim", device("plain")), "ok");
    let mut add = |on: &str| unit.turn(&[call("user:kim", "device.add", on)]).remove(0);
    assert_eq!(add("device/van-7"), "policy.grant");
    assert!(add("device/new").contains("craton_"));
}

#[test]
fn a_credential_that_is_taken_back_counts_no_more_also_for_what_waits() {
    let mut unit = Unit::with_devices();
    let (van, given) = unit.recognised("van-7");
    let (other, _) = unit.recognised("van-8");
    assert_eq!(unit.kernel.holds(&unit.reader(), &van), Ok(()));
    let changes = unit.kernel.rights_changes();
    let mut end = call("user:olga", "device.end", "device/van-7");
    end.args = json!({"hash": given["hash"]});
    let calls = [said(&van, "van-7"), end, said(&van, "van-7"), said(&other, "van-8")];
    assert_eq!(unit.turn(&calls), ["1", "null", "token.invalid", "2"], "in one turn");
    assert_ne!(unit.kernel.rights_changes(), changes);
    let calls = [said(&van, "van-7"), said(&other, "van-8")];
    assert_eq!(unit.turn(&calls), ["token.invalid", "3"], "and after it");
    let held = [&van, &other].map(|who| unit.kernel.holds(&unit.reader(), who).is_ok());
    assert_eq!(held, [false, true]);
    let secret = given["token"].as_str().expect("a secret");
    assert!(unit.kernel.authenticate(&Credential::Bearer(secret)).is_err());
}

#[test]
fn a_certificate_is_a_credential_until_it_is_taken_back() {
    let mut unit = Unit::with_devices();
    let of = json!({"of": "certificate"});
    let trust = |unit: &mut Unit, on: &str| unit.ask("user:olga", "device.add", on, of.clone());
    let given = trust(&mut unit, "device/van-7").expect("trusted");
    let recognise = |unit: &Unit, fingerprint: [u8; 32]| {
        let identity = unit.kernel.authenticate(&Credential::Certificate(&fingerprint));
        identity.map(|identity| identity.principal.to_string()).map_err(|problem| problem.code)
    };
    assert_eq!(recognise(&unit, FINGERPRINT), Ok("device:van-7".into()));
    assert_eq!(recognise(&unit, [8; 32]), Err("token.invalid".into()));
    let taken = trust(&mut unit, "device/van-8").expect_err("it is another's");
    assert_eq!(taken.code, "kernel.internal");
    let end = json!({"hash": given["hash"]});
    unit.ask("user:olga", "device.end", "device/van-7", end).expect("ended");
    assert_eq!(recognise(&unit, FINGERPRINT), Err("token.invalid".into()));
    trust(&mut unit, "device/van-8").expect("trusted");
    assert_eq!(recognise(&unit, FINGERPRINT), Ok("device:van-8".into()));
}

#[test]
fn credentials_of_devices_are_no_tokens_of_users() {
    let mut unit = Unit::with_devices();
    let (van, given) = unit.recognised("van-7");
    let list = unit.ask("user:olga", "token.list", "token", json!({})).expect("a list");
    assert_eq!(list["items"], json!([]));
    let token = format!("token/{}", given["id"].as_str().expect("an id"));
    let gone = unit.ask("user:olga", "token.delete", &token, json!({})).expect_err("not one");
    assert_eq!(gone.code, "resource.not_found");
    assert_eq!(unit.kernel.holds(&unit.reader(), &van), Ok(()));
}
