//! Promises of repair: what is tried changes nothing, what cannot be done is refused as a whole, bulk operations reach each instance once.

use super::model::bpmn;
use super::unit::{Unit, manifest};
use base::{Clock, Time};
use kernel::{Call, Credential, Principal, Reply, ResourceRef};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const TWO_TASKS: &str = "start s\n user a\n user b\n end e\n s > a > b > e";

fn refused(unit: &mut Unit, operation: &str, resource: &str, args: Value) -> String {
    let problem = unit.call(operation, resource, args).expect_err("it is refused");
    format!("{}: {}", problem.code, problem.message)
}

#[test]
fn a_move_that_is_tried_says_what_would_happen_and_changes_nothing() {
    let mut unit = Unit::new();
    unit.process(TWO_TASKS, &[]);
    unit.ok("process.start", "process/p", json!({}));
    let body = |dry_run: bool| json!({"from": "a", "to": "b", "dry_run": dry_run});
    let plan = unit.ok("instance.move", "instance/1", body(true));
    let told = (&plan["ended"][0]["element"], &plan["begun"][0]["element"], &plan["dry_run"]);
    assert_eq!(told, (&json!("a"), &json!("b"), &json!(true)));
    assert_eq!(unit.rows("tasks", &["task", "state"]), ["1-2 created"]);
    let done = unit.ok("instance.move", "instance/1", body(false));
    assert_eq!((&done["elements"], &done["dry_run"]), (&json!(["b"]), &json!(false)));
    assert_eq!(unit.rows("tasks", &["task", "state"]), ["1-3 created", "1-2 cancelled"]);
    unit.ok("task.complete", "task/1-3", json!({}));
    assert_eq!(unit.states(), [r#"1 - completed 0 ["b","e"]"#]);
    unit.assert_clean();
}

#[test]
fn a_move_to_or_from_where_no_token_can_be_is_refused_with_its_rule() {
    let mut unit = Unit::new();
    let lines = "start s\n user a\n event g\n catch c timer PT1H\n catch c2 timer PT2H\n end e\n boundary late on a timer PT1H\n end e2\n on h {\n start m message stop =id\n user t\n m > t\n }\n s > a > g\n g > c > e\n g > c2 > e\n late > e2";
    unit.process(lines, &[]);
    unit.ok("process.start", "process/p", json!({"variables": {"id": "x"}}));
    for (from, to, rule) in [
        ("a", "s", "start"),
        ("a", "late", "boundary"),
        ("a", "c", "event-gateway"),
        ("a", "t", "event-sub-process"),
        ("a", "h", "event-sub-process"),
        ("late", "e", "armed"),
    ] {
        let said =
            refused(&mut unit, "instance.move", "instance/1", json!({"from": from, "to": to}));
        assert!(
            said.starts_with("instance.move: ") && said.ends_with(&format!("[{rule}]")),
            "{from} to {to}: {said}"
        );
    }
    let said = refused(&mut unit, "instance.move", "instance/1", json!({"from": "a", "to": "gg"}));
    assert_eq!(said, "instance.element: the process has no element `gg`; the nearest is `g`");
    let said = refused(&mut unit, "instance.move", "instance/1", json!({"from": "c", "to": "g"}));
    assert!(said.starts_with("instance.element: instance 1 does not stand at `c`"), "{said}");
    assert_eq!(unit.rows("tasks", &["task", "state"]), ["1-3 created"]);
}

#[test]
fn variables_of_an_element_are_its_own_and_too_much_is_refused() {
    let mut unit = Unit::new();
    unit.process(TWO_TASKS, &[]);
    unit.ok("process.start", "process/p", json!({"variables": {"n": 1}}));
    let body = json!({"variables": {"n": 2}, "scope": "a"});
    unit.ok("instance.set_variables", "instance/1", body);
    assert_eq!(unit.ok("task.get", "task/1-2", json!({}))["variables"], json!({"n": 2}));
    assert_eq!(unit.rows("process_instances", &["variables"]), [r#"{"n":1}"#]);
    let body = json!({"variables": {"n": "x".repeat(2 << 20)}});
    let said = refused(&mut unit, "instance.set_variables", "instance/1", body);
    assert!(said.starts_with("process.limit: "), "{said}");
    assert_eq!(unit.rows("process_instances", &["state"]), ["active"]);
}

#[test]
fn what_came_to_a_suspended_instance_happens_in_its_order_when_it_is_resumed() {
    let lines = "start s message placed\n event g\n catch c message paid =id\n catch t timer PT10S\n task late\n end e\n s > g\n g > c > e\n g > t > late > e";
    let mut unit = Unit::new();
    unit.process(lines, &["placed", "paid"]);
    for id in ["o1", "o2"] {
        unit.event("placed", id, 1);
    }
    for instance in ["instance/1", "instance/2"] {
        unit.ok("instance.suspend", instance, json!({}));
    }
    unit.event("paid", "o1", 5);
    unit.advance(30);
    assert_eq!(unit.states(), ["1 o1 suspended 1 []", "2 o2 suspended 1 []"]);
    assert_eq!(unit.rows("messages", &["name", "key"]), ["paid o1"]);
    let tried = unit.ok("instance.resume", "instance/1", json!({"dry_run": true}));
    assert_eq!((&tried["state"], &tried["dry_run"]), (&json!("completed"), &json!(true)));
    assert_eq!(unit.states()[0], "1 o1 suspended 1 []");
    for instance in ["instance/1", "instance/2"] {
        unit.ok("instance.resume", instance, json!({}));
    }
    assert_eq!(
        unit.states(),
        [r#"1 o1 completed 5 ["c","e"]"#, r#"2 o2 completed 11 ["t","late","e"]"#]
    );
    unit.assert_clean();
}

#[test]
fn nobody_works_on_a_suspended_instance() {
    let mut unit = Unit::new();
    unit.process(
        "start s\n and f\n job a pack\n user b\n end e\n s > f\n f > a > e\n f > b > e",
        &[],
    );
    unit.ok("process.start", "process/p", json!({}));
    unit.ok("job.activate", "job", json!({"type": "pack"}));
    unit.ok("instance.suspend", "instance/1", json!({}));
    assert_eq!(unit.ok("job.activate", "job", json!({"type": "pack"}))["jobs"], json!([]));
    let said = refused(&mut unit, "task.complete", "task/1-4", json!({}));
    assert_eq!(said, "process.suspended: instance `1` is suspended");
    // A worker that was at it brings its result once; it counts when the instance is resumed.
    unit.ok("job.complete", "job/1-3", json!({"variables": {"x": 1}}));
    assert!(refused(&mut unit, "job.complete", "job/1-3", json!({})).starts_with("job.state: "));
    assert_eq!(unit.rows("process_instances", &["state", "variables"]), ["suspended {}"]);
    unit.ok("instance.resume", "instance/1", json!({}));
    assert_eq!(unit.rows("process_instances", &["state", "variables"]), [r#"active {"x":1}"#]);
}

#[test]
fn a_suspended_process_starts_nothing_until_it_is_resumed() {
    let mut unit = Unit::new();
    unit.process(
        "start s message placed\n start s2\n user a\n end e\n s > a\n s2 > a > e",
        &["placed"],
    );
    unit.ok("process.suspend", "process/p", json!({}));
    let said = refused(&mut unit, "process.start", "process/p", json!({}));
    assert_eq!(said, "process.suspended: process `p` is suspended");
    unit.event("placed", "o1", 10);
    unit.event("placed", "o2", 11);
    assert!(unit.states().is_empty(), "{:?}", unit.states());
    assert_eq!(unit.rows("suspended_processes", &["process", "suspended_by"]), ["p user:ana"]);
    unit.ok("process.resume", "process/p", json!({}));
    assert_eq!(unit.states(), ["1 o1 active 10 []", "2 o2 active 11 []"]);
    assert!(unit.rows("messages", &["name"]).is_empty());
}

#[test]
fn start_timers_of_a_suspended_process_stand_still_and_catch_up() {
    let mut unit = Unit::new();
    unit.process("start s timer R3/PT10S\n task t\n end e\n s > t > e", &[]);
    unit.ok("process.suspend", "process/p", json!({}));
    unit.advance(25);
    assert_eq!(unit.writer.due().expect("due"), None);
    assert!(unit.rows("process_instances", &["time"]).is_empty());
    unit.ok("process.resume", "process/p", json!({}));
    assert_eq!(unit.rows("process_instances", &["time"]), ["10", "20"]);
    unit.advance(40);
    assert_eq!(unit.rows("process_instances", &["time"]), ["10", "20", "30"]);
    unit.assert_clean();
}

/// A unit with so many instances whose job has no tries left.
fn failed(count: usize) -> Unit {
    let mut unit = Unit::new();
    unit.process("start s\n job a pack\n end e\n s > a > e", &[]);
    for number in 1..=count {
        unit.ok("process.start", "process/p", json!({"variables": {"n": number % 2}}));
        let job = format!("job/{number}-2");
        unit.ok("job.fail", &job, json!({"retries": 0, "message": "no"}));
    }
    unit
}

const COUNTS: [&str; 5] = ["state", "found", "called", "done", "failed"];

#[test]
fn a_bulk_operation_reaches_each_instance_that_its_filter_finds_once() {
    let mut unit = failed(120);
    let order = json!({
        "action": "retry", "retries": 2,
        "filter": {"process": "p", "code": "job.retries", "variable": "n", "value": 1},
    });
    unit.ok("bulk.start", "bulk", order);
    assert_eq!(unit.rows("bulk_operations", &COUNTS), ["done 60 60 60 0"]);
    assert_eq!(unit.rows("incidents", &["incident"]).len(), 60);
    let retries = unit.rows("jobs", &["retries"]);
    assert_eq!(retries.iter().filter(|retries| *retries == "2").count(), 60);
    let order = |dry_run: bool| json!({"action": "cancel", "filter": {"process": "p"}, "limit": 70, "dry_run": dry_run});
    unit.ok("bulk.start", "bulk", order(true));
    assert_eq!(unit.rows("bulk_operations", &COUNTS)[1], "done 70 70 70 0");
    let count = |unit: &Unit, state: &str| {
        let states = unit.rows("process_instances", &["state"]);
        states.iter().filter(|found| *found == state).count()
    };
    assert_eq!(count(&unit, "active"), 120);
    unit.ok("bulk.start", "bulk", order(false));
    assert_eq!((count(&unit, "active"), count(&unit, "cancelled")), (50, 70));
    let order = json!({"action": "cancel", "filter": {"process": "p", "element": "a", "older_than": "P1D"}});
    unit.ok("bulk.start", "bulk", order);
    assert_eq!(unit.ok("bulk.get", "bulk/4", json!({}))["found"], 0);
}

#[test]
fn a_bulk_operation_goes_on_after_a_crash_where_it_was() {
    let mut unit = failed(120);
    let call = Call::new("bulk.start", ResourceRef::new("bulk", ""), Principal::User("ana".into()))
        .with(json!({"action": "retry", "filter": {"process": "p"}}));
    unit.writer.turn(&[call]).remove(0).expect("it is started");
    assert!(unit.writer.has_leftovers(), "one portion a turn");
    let counts = unit.rows("bulk_operations", &COUNTS);
    assert_eq!(counts, ["running 50 50 50 0"]);
    let mut unit = Unit::over(Arc::clone(&unit.store));
    while unit.writer.has_leftovers() {
        unit.writer.turn(&[]);
    }
    assert_eq!(unit.rows("bulk_operations", &COUNTS), ["done 120 120 120 0"]);
    assert!(unit.rows("incidents", &["incident"]).is_empty());
}

#[test]
fn a_bulk_operation_tells_what_went_wrong_and_can_be_stopped() {
    let mut unit = failed(3);
    unit.ok("instance.suspend", "instance/2", json!({}));
    unit.ok("bulk.start", "bulk", json!({"action": "retry", "filter": {"process": "p"}}));
    let bulk = unit.ok("bulk.get", "bulk/1", json!({}));
    assert_eq!((&bulk["done"], &bulk["failed"]), (&json!(2), &json!(1)));
    assert_eq!(bulk["problems"], json!({"process.suspended": 1}));
    assert_eq!(bulk["first"][0]["target"], "2-2");
    assert_eq!(unit.ok("bulk.stop", "bulk/1", json!({}))["state"], "done");
    for (order, code) in [
        (json!({"action": "cancel", "filter": {"process": "p"}, "limit": 0}), "bulk.invalid"),
        (json!({"action": "cancel", "filter": {"process": "p", "value": 1}}), "bulk.invalid"),
        (
            json!({"action": "migrate", "filter": {"process": "p"}, "version": 9}),
            "process.not_found",
        ),
    ] {
        let said = refused(&mut unit, "bulk.start", "bulk", order);
        assert!(said.starts_with(code), "{said}");
    }
}

#[test]
fn a_bulk_operation_over_incidents_finds_those_that_are_listed_and_no_others() {
    let mut unit = Unit::new();
    let lines = "start s\n and f\n job a pack\n job b ship\n end e\n s > f\n f > a > e\n f > b > e";
    unit.process(lines, &[]);
    (0..5).for_each(|_| drop(unit.ok("process.start", "process/p", json!({}))));
    for job in ["1-3", "2-3", "2-4", "4-4"] {
        let failed = json!({"retries": 0, "message": "no"});
        unit.ok("job.fail", &format!("job/{job}"), failed);
    }
    let mut found = |filter: Value| {
        let mut order = json!({"action": "cancel", "filter": filter, "dry_run": true});
        order["filter"]["process"] = json!("p");
        let number = unit.ok("bulk.start", "bulk", order)["bulk"].clone();
        unit.ok("bulk.get", &format!("bulk/{number}"), json!({}))["found"].clone()
    };
    assert_eq!(found(json!({})), 5, "all instances");
    assert_eq!(found(json!({"state": "incident"})), 3);
    assert_eq!(found(json!({"element": "b"})), 5, "who stands there");
    assert_eq!(found(json!({"element": "b", "state": "incident"})), 2, "and has one there");
    assert_eq!(found(json!({"code": "other", "state": "incident"})), 0);
    let order = json!({"action": "cancel", "filter": {"process": "p", "state": "stuck"}});
    let said = refused(&mut unit, "bulk.start", "bulk", order);
    assert!(said.starts_with("bulk.invalid"), "{said}");
    let numbers = |list: &Value| -> Vec<u64> {
        let items = list["items"].as_array().expect("items").iter();
        items.filter_map(|row| row["bulk"].as_u64()).collect()
    };
    let newest = unit.ok("bulk.list", "bulk", json!({"newest": "true", "limit": 2}));
    assert_eq!(numbers(&newest), [5, 4]);
    let after = newest["next"].clone();
    let rest = unit.ok("bulk.list", "bulk", json!({"newest": true, "after": after}));
    assert_eq!(numbers(&rest), [3, 2, 1]);
    assert_eq!(numbers(&unit.ok("bulk.list", "bulk", json!({"after": 3}))), [4, 5]);
}

fn call_of(who: &str, operation: &str, resource: &str, args: Value) -> Call {
    let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
    let actor = Principal::User(who.into());
    Call::new(operation, ResourceRef::new(kind, name), actor).with(args)
}

#[test]
fn a_bulk_operation_ends_with_the_credential_by_which_it_was_started() {
    let cancel = json!({"action": "cancel", "filter": {"process": "p"}});
    let batch = json!({"calls": [{"operation": "bulk.start", "args": cancel}]});
    for (operation, on, args) in [
        ("bulk.start", "bulk", cancel),
        ("unit.batch", "unit", batch),
        ("running.pause", "running", json!({"id": "process/p"})),
        ("process.suspend", "process/p", json!({"instances": true})),
    ] {
        let mut unit = Unit::new();
        unit.process(TWO_TASKS, &[]);
        for _ in 0..120 {
            unit.ok("process.start", "process/p", json!({}));
        }
        let made = unit.ok("token.create", "token", json!({"user": "ana"}));
        let secret = made["token"].as_str().expect("a secret");
        let identity = unit.kernel.authenticate(&Credential::Bearer(secret)).expect("known");
        let mut start = call_of("ana", operation, on, args);
        start.stamp = identity.stamp;
        unit.writer.turn(&[start]).remove(0).expect("it is started");
        assert_eq!(unit.rows("bulk_operations", &COUNTS), ["running 50 50 50 0"], "{operation}");
        // It goes on in another life of the unit: what was counted in the first says nothing there.
        let mut unit = Unit::over(Arc::clone(&unit.store));
        let token = format!("token/{}", made["id"].as_str().expect("an id"));
        unit.ok("token.delete", &token, json!({}));
        assert_eq!(unit.rows("bulk_operations", &COUNTS), ["stopped 50 50 50 1"], "{operation}");
        let bulk = unit.ok("bulk.get", "bulk/1", json!({}));
        let reason = "the credential by which it was started holds no more: the token is not known";
        assert_eq!((&bulk["reason"], &bulk["stamp"]), (&json!(reason), &Value::Null));
        let rows = unit.rows("process_instances", &["state"]);
        assert_eq!(rows.iter().filter(|state| *state == "active").count(), 70, "{operation}");
    }
}

/// A clock that stands until the test moves it.
struct Moved(AtomicU64);

impl Moved {
    fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Moved {
    fn business(&self) -> Time {
        self.wall()
    }

    fn wall(&self) -> Time {
        Time(i64::try_from(self.0.load(Ordering::SeqCst)).expect("it is not so late"))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn is_driven(&self) -> bool {
        false
    }

    fn advance(&self, _to: Time) -> bool {
        false
    }
}

/// A unit with so many instances that stand at two jobs without tries, where ana may make so many calls a second and bob as many as he
/// will.
fn limited(count: usize, rate: u64) -> (Arc<Moved>, Unit) {
    let clock = Arc::new(Moved(AtomicU64::new(1_000_000)));
    let mut unit = Unit::by(clock.clone());
    let lines = "start s\n and f\n job a pack\n job b pack\n end e\n s > f\n f > a > e\n f > b > e";
    unit.process(lines, &[]);
    for number in 1..=count {
        unit.ok("process.start", "process/p", json!({}));
        for job in [format!("job/{number}-3"), format!("job/{number}-4")] {
            unit.ok("job.fail", &job, json!({"retries": 0, "message": "no"}));
        }
    }
    unit.manifests(vec![
        manifest("User", "bob", json!({"roles": ["owner"]})),
        manifest("Quota", "slow", json!({"for": "user/ana", "rate": rate})),
    ])
    .expect("applied");
    clock.pass(60_000);
    (clock, unit)
}

#[test]
fn a_bulk_operation_is_charged_to_who_started_it_and_waits_where_he_is_over_his_quota() {
    let (clock, mut unit) = limited(12, 5);
    let order = json!({"action": "cancel", "filter": {"process": "p"}});
    unit.turn(call_of("ana", "bulk.start", "bulk", order)).expect("it is started");
    // That was the first of five.
    assert_eq!(unit.rows("bulk_operations", &COUNTS), ["running 4 4 4 0"]);
    let look = call_of("bob", "bulk.get", "bulk/1", json!({}));
    let bulk = unit.kernel.read(&look).map(Reply::into_value).expect("bob may see it");
    assert_eq!(bulk["reason"], "user:ana may not use more: 5 calls a second");
    let now = clock.wall().0;
    assert_eq!(unit.writer.due().expect("a look"), Some(Time(now + 250)));
    // Those of others go on meanwhile.
    let order = json!({"action": "suspend", "filter": {"process": "p"}, "dry_run": true});
    unit.turn(call_of("bob", "bulk.start", "bulk", order)).expect("it is started");
    assert_eq!(unit.rows("bulk_operations", &COUNTS), ["running 4 4 4 0", "done 8 8 8 0"]);
    for expected in ["running 9 9 9 0", "done 12 12 12 0"] {
        clock.pass(1_000);
        unit.turn(call_of("bob", "unit.batch", "unit", json!({"calls": []}))).expect("a turn");
        assert_eq!(unit.rows("bulk_operations", &COUNTS)[0], expected);
    }
    let bulk = unit.kernel.read(&look).map(Reply::into_value).expect("bob may see it");
    assert_eq!((&bulk["reason"], &bulk["waits_until"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_bulk_operation_that_waits_in_the_middle_of_an_instance_goes_on_there() {
    let (clock, mut unit) = limited(2, 2);
    let order = json!({"action": "retry", "filter": {"process": "p"}, "limit": 1});
    unit.turn(call_of("ana", "bulk.start", "bulk", order)).expect("it is started");
    assert_eq!(unit.rows("bulk_operations", &COUNTS), ["running 1 1 1 0"]);
    assert_eq!(unit.rows("incidents", &["incident"]), ["1-4", "2-3", "2-4"]);
    clock.pass(1_000);
    unit.turn(call_of("bob", "unit.batch", "unit", json!({"calls": []}))).expect("a turn");
    assert_eq!(unit.rows("bulk_operations", &COUNTS), ["done 1 2 2 0"]);
    assert_eq!(unit.rows("incidents", &["incident"]), ["2-3", "2-4"]);
}

#[test]
fn who_may_not_read_an_instance_sees_no_variables_of_it_by_doing_something_to_it() {
    let mut unit = Unit::new();
    unit.process("start s\n job a pack\n end e\n s > a > e", &[]);
    let keeper = "permit(principal in Role::\"keeper\", action in [Action::\"instance.suspend\", \
                  Action::\"instance.resume\", Action::\"instance.move\", Action::\"incident.resolve\", \
                  Action::\"instance.cancel\"], resource);";
    unit.manifests(vec![
        manifest("Role", "keeper", json!({ "policies": keeper })),
        manifest("User", "kim", json!({"roles": ["keeper"]})),
    ])
    .unwrap_or_else(|problem| panic!("{problem:?}"));
    unit.ok("process.start", "process/p", json!({"variables": {"salary": 1}}));
    unit.ok("job.fail", "job/1-2", json!({"retries": 0, "message": "no"}));
    let dry = json!({"dry_run": true});
    for (operation, on, args) in [
        ("instance.suspend", "instance/1", dry.clone()),
        ("incident.resolve", "incident/1-2", dry.clone()),
        ("instance.move", "instance/1", json!({"from": "a", "to": "a", "dry_run": true})),
        ("instance.cancel", "instance/1", dry),
    ] {
        let told = unit.turn(call_of("kim", operation, on, args.clone())).expect("he may");
        assert_eq!(told["instance"], 1, "{operation}");
        assert!(told.get("variables").is_none(), "{operation}: {told}");
        let seen = unit.ok(operation, on, args.clone());
        let is_over = operation == "instance.cancel";
        let expected = if is_over { Value::Null } else { json!({"salary": 1}) };
        assert_eq!(seen["variables"], expected, "{operation}: ana may read it");
        let mut cut = call_of("ana", operation, on, args);
        cut.scope = vec!["Run".into(), "Manage".into()];
        let told = unit.turn(cut).expect("the token may");
        assert!(told.get("variables").is_none(), "{operation}: {told}");
    }
}

const EITHER: &str = "start s\n event g\n catch a message paid =id\n catch b timer PT1H\n end e\n end e2\n s > g\n g > a > e\n g > b > e2";

#[test]
fn what_is_armed_for_an_event_gateway_stays_armed_only_behind_its_counterpart() {
    let mut unit = Unit::new();
    unit.process(EITHER, &["paid"]);
    unit.ok("process.start", "process/p", json!({"variables": {"id": "x"}}));
    // The timer comes behind the message now.
    let later = "start s\n event g\n catch a message paid =id\n catch b timer PT1H\n end e\n s > g\n g > a > b > e";
    unit.process(later, &["paid"]);
    let tried = unit.ok("instance.migrate", "instance/1", json!({"dry_run": true}));
    let names = |answer: &Value| -> Vec<String> {
        let disarmed = answer["disarmed"].as_array().expect("events").iter();
        disarmed.map(|event| event["element"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(names(&tried), ["b"]);
    assert_eq!(unit.rows("timers", &["due"]), ["3600"], "it was only tried");
    assert_eq!(names(&unit.ok("instance.migrate", "instance/1", json!({}))), ["b"]);
    assert!(unit.rows("timers", &["due"]).is_empty());
    unit.advance(7_200);
    let standing = ["state", "elements", "path"];
    assert_eq!(unit.rows("process_instances", &standing), [r#"active ["g"] []"#]);
    unit.event("paid", "x", 7_200);
    assert_eq!(unit.rows("process_instances", &standing), [r#"active ["b"] ["a"]"#]);
    unit.advance(10_800);
    assert_eq!(unit.rows("process_instances", &standing), [r#"completed [] ["a","b","e"]"#]);
    unit.assert_clean();
}

#[test]
fn an_event_gateway_for_which_nothing_stays_armed_has_a_homeless_token() {
    let mut unit = Unit::new();
    unit.process(EITHER, &["paid"]);
    unit.ok("process.start", "process/p", json!({"variables": {"id": "x"}}));
    let other = "start s\n event g\n catch c message seen =id\n catch a message paid =id\n catch b timer PT1H\n end e\n s > g\n g > c > a > b > e";
    unit.process(other, &["paid"]);
    let said = refused(&mut unit, "instance.migrate", "instance/1", json!({}));
    assert_eq!(
        said,
        "instance.migrate: the token 1-2 at `g` would be homeless: none of the events that it waits for stands behind `g` [homeless]"
    );
    assert_eq!(unit.rows("process_instances", &["version"]), ["1"]);
}

const FIRST: &str = "start s\n job a pack\n boundary late on a timer PT1H\n user b\n end e\n end e2\n s > a > b > e\n late > e2";
const SECOND: &str = "start s\n job pack pack\n boundary late on pack timer PT2H\n boundary stop on pack message halt =id\n user b\n user c\n end e\n end e2\n end e3\n s > pack > b > c > e\n late > e2\n stop > e3";

fn versions() -> Unit {
    let mut unit = Unit::new();
    unit.process(FIRST, &[]);
    for id in ["x", "y", "z"] {
        unit.ok("process.start", "process/p", json!({"variables": {"id": id}}));
    }
    unit.ok("job.complete", "job/2-2", json!({}));
    unit.process(SECOND, &[]);
    unit
}

#[test]
fn a_migration_keeps_what_waits_and_arms_what_is_new() {
    let mut unit = versions();
    let body = |dry_run: bool| json!({"mapping": {"a": "pack"}, "dry_run": dry_run});
    assert_eq!(unit.ok("instance.migrate", "instance/1", body(true))["version"], 2);
    let versions = ["instance", "version", "elements"];
    assert_eq!(unit.rows("process_instances", &versions)[0], r#"1 1 ["a"]"#);
    unit.ok("instance.migrate", "instance/1", body(false));
    assert_eq!(unit.rows("process_instances", &versions)[0], r#"1 2 ["pack"]"#);
    let again = json!({"mapping": {"a": "pack"}, "timers_again": true});
    unit.ok("instance.migrate", "instance/3", again);
    assert_eq!(unit.rows("timers", &["due", "instance"]), ["3600 1", "7200 3"]);
    unit.ok("process.publish", "process/p", json!({"message": "halt", "correlation_key": "z"}));
    unit.ok("job.complete", "job/1-2", json!({"variables": {"n": 1}}));
    unit.ok("instance.migrate", "instance/2", json!({}));
    unit.ok("task.complete", "task/2-4", json!({}));
    assert_eq!(
        unit.rows("process_instances", &["instance", "state", "elements", "path"]),
        [
            r#"1 active ["b"] ["pack"]"#,
            r#"2 active ["c"] ["a","b"]"#,
            r#"3 completed [] ["stop","e3"]"#,
        ]
    );
}

#[test]
fn a_migration_that_leaves_a_token_homeless_is_refused_and_names_the_token() {
    let mut unit = versions();
    let said = refused(&mut unit, "instance.migrate", "instance/1", json!({}));
    assert_eq!(
        said,
        "instance.migrate: the token 1-2 at `a` would be homeless: the new version has no `a` [homeless]"
    );
    let said = refused(&mut unit, "instance.migrate", "instance/1", json!({"mapping": {"a": "b"}}));
    assert!(said.ends_with("`b` is a task for people and not a task for workers [kind]"), "{said}");
    let said =
        refused(&mut unit, "instance.migrate", "instance/1", json!({"mapping": {"aa": "b"}}));
    assert!(said.contains("the mapping names `aa`") && said.ends_with("[unknown]"), "{said}");
    assert_eq!(unit.rows("process_instances", &["version"]), ["1", "1", "1"]);
    let order = json!({"action": "migrate", "filter": {"process": "p"}, "dry_run": true});
    unit.ok("bulk.start", "bulk", order);
    let bulk = unit.ok("bulk.get", "bulk/1", json!({}));
    assert_eq!((&bulk["done"], &bulk["failed"]), (&json!(1), &json!(2)));
    assert_eq!(bulk["problems"], json!({"instance.migrate": 2}));
    assert_eq!(unit.rows("process_instances", &["version"]), ["1", "1", "1"]);
}

#[test]
fn a_signal_reaches_other_instances_and_starts_processes() {
    let mut unit = Unit::new();
    let spec = |lines: &str| json!({"source": bpmn(lines), "roles": ["owner"]});
    unit.manifests(vec![
        manifest("Process", "p", spec("start s\n catch c signal go\n end e\n s > c > e")),
        manifest("Process", "q", spec("start s signal go\n end e\n s > e")),
        manifest("Process", "r", spec("start s\n throw t signal go\n end e\n s > t > e")),
    ])
    .unwrap_or_else(|problem| panic!("{problem:?}"));
    unit.ok("process.start", "process/p", json!({}));
    unit.ok("process.start", "process/r", json!({}));
    assert_eq!(
        unit.rows("process_instances", &["process", "state"]),
        ["r completed", "p completed", "q completed"]
    );
    assert_eq!(unit.ok("signal.publish", "signal", json!({"signal": "go"}))["reached"], 1);
    unit.assert_clean();
}
