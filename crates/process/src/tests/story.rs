//! What is told of an instance and of decisions: the path, the flows, who did what, which rules fired; and what is listed, the newest
//! first.

use super::model::bpmn;
use super::unit::{Unit, manifest};
use crate::Config;
use crate::decisions::{Evaluator, Recorded, pending};
use base::Time;
use kernel::{Call, Principal, Reader, ResourceRef};
use serde_json::{Value, json};
use std::sync::Arc;
use store::MemoryStore;

/// A table that compares and nothing else.
const RISK: &str = r##"<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="m" name="m" namespace="urn:m"><inputData id="i" name="amount"><variable id="iv" name="amount" typeRef="number"/></inputData><decision id="risk" name="risk"><variable id="v" name="risk" typeRef="string"/><informationRequirement id="r"><requiredInput href="#i"/></informationRequirement><decisionTable id="t" hitPolicy="FIRST"><input id="in"><inputExpression id="ie" typeRef="number"><text>amount</text></inputExpression></input><output id="o" typeRef="string"/><rule id="r1"><inputEntry id="e1"><text>&gt; 500</text></inputEntry><outputEntry id="o1"><text>"high"</text></outputEntry></rule><rule id="r2"><inputEntry id="e2"><text>-</text></inputEntry><outputEntry id="o2"><text>"low"</text></outputEntry></rule></decisionTable></decision></definitions>"##;

fn declare(unit: &mut Unit, lines: &str, dmn: &str) {
    let process = manifest("Process", "p", json!({"source": bpmn(lines), "roles": ["owner"]}));
    let decision = manifest("Decision", "risk", json!({"source": dmn}));
    unit.manifests(vec![process, decision]).unwrap_or_else(|problem| panic!("{problem:?}"));
}

fn texts(rows: &Value, field: &str) -> Vec<String> {
    let rows = rows.as_array().expect("rows");
    rows.iter()
        .map(|row| match &row[field] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect()
}

const DECIDED: &str = "start s\n decide d risk level\n xor x default low\n user high\n user low\n end e\n s > d > x\n x > high if level = \"high\"\n x > low\n high > e\n low > e";

#[test]
fn an_instance_is_told_alike_while_it_runs_and_when_it_is_over() {
    let mut unit = Unit::new();
    declare(&mut unit, DECIDED, RISK);
    unit.advance(10);
    unit.ok("process.start", "process/p", json!({"variables": {"amount": 501, "note": "n"}}));
    let history = unit.ok("instance.history", "instance/1", json!({}));
    assert_eq!(texts(&history["path"], "element"), ["d", "high"]);
    assert_eq!(texts(&history["path"], "state"), ["completed", "active"]);
    assert_eq!(texts(&history["flows"], "flow"), ["s_d", "d_x", "x_high"]);
    let decision = &history["path"][0]["decision"];
    assert_eq!(
        (&decision["inputs"], &decision["result"]),
        (&json!({"amount": 501}), &json!("high"))
    );
    assert_eq!(decision["tables"][0]["rules"], json!([{"rule": 1, "id": "r1"}]));
    assert_eq!(history["path"][1]["task"]["state"], "created");
    unit.advance(25);
    let task = history["path"][1]["task"]["task"].as_str().expect("a task").to_owned();
    unit.ok("task.complete", &format!("task/{task}"), json!({"variables": {"ok": true}}));
    let history = unit.ok("instance.history", "instance/1", json!({}));
    assert_eq!(history["state"], "completed");
    assert_eq!(texts(&history["path"], "element"), ["d", "high"]);
    assert_eq!(texts(&history["flows"], "flow"), ["s_d", "d_x", "x_high", "high_e"]);
    assert_eq!(history["path"][0]["decision"]["tables"][0]["rules"][0]["id"], "r1");
    let step = &history["path"][1];
    assert_eq!(
        (&step["entered_at"], &step["left_at"]),
        (&json!(Time(10_000)), &json!(Time(25_000)))
    );
    assert_eq!((&step["task"]["completed_by"], &step["kind"]), (&json!("ana"), &json!("task")));
    assert_eq!(
        history["variables"],
        json!({"amount": 501, "level": "high", "note": "n", "ok": true})
    );
    assert_eq!(
        (&history["complete"], &history["finished"]),
        (&json!(true), &json!(["d", "high", "e"]))
    );
    assert_eq!(unit.rows("decisions", &["instance", "decision", "result"]), ["1 risk \"high\""]);
    let missing = unit.call("instance.history", "instance/2", json!({})).expect_err("none");
    assert_eq!(missing.kind, base::Kind::NotFound);
}

#[test]
fn a_decision_made_outside_is_told_too() {
    let dmn = RISK.replace(
        "<text>\"high\"</text>",
        "<text>if some x in [1, 2] satisfies x = 2 then \"high\" else \"never\"</text>",
    );
    let mut unit = Unit::new();
    declare(&mut unit, DECIDED, &dmn);
    unit.ok("process.start", "process/p", json!({"variables": {"amount": 3}}));
    let mut evaluator = Evaluator::new();
    let reader = Reader::new(&unit.kernel, Principal::Unit("decisions".into())).expect("a reader");
    let batch = pending(&reader, 0, 10).expect("requests");
    evaluator.learn(&batch.models);
    let results: Vec<Recorded> = batch
        .requests
        .iter()
        .map(|request| Recorded { number: request.number, result: evaluator.evaluate(request) })
        .collect();
    let unit_itself = Principal::Unit("decisions".into());
    let call = Call::new("decision.record", ResourceRef::new("decision", ""), unit_itself);
    unit.turn(call.with(json!({ "results": results }))).expect("recorded");
    let history = unit.ok("instance.history", "instance/1", json!({}));
    assert_eq!(texts(&history["path"], "element"), ["d", "low"]);
    let decision = &history["path"][0]["decision"];
    assert_eq!(decision["tables"][0]["rules"], json!([{"rule": 2, "id": "r2"}]));
    assert_eq!(history["variables"]["level"], "low");
    // Who waits for such an explanation needs a process that can be killed.
    let args = json!({"variables": {"amount": 600}});
    let refused = unit.call("decision.explain", "decision/risk", args).expect_err("no process");
    assert_eq!(refused.code, "process.wait");
}

#[test]
fn a_decision_is_explained_and_shown() {
    let mut unit = Unit::new();
    declare(&mut unit, DECIDED, RISK);
    let args = json!({"variables": {"amount": 500, "other": 1}});
    let told = unit.ok("decision.explain", "decision/risk", args);
    assert_eq!((&told["result"], &told["inputs"]), (&json!("low"), &json!({"amount": 500})));
    let table = &told["decisions"][0];
    assert_eq!(table["rules"], json!([{"rule": 2, "id": "r2"}]));
    assert_eq!((&table["hit_policy"], &table["value"]), (&json!("FIRST"), &json!("low")));
    let list = unit.ok("decision.list", "decision", json!({}));
    assert_eq!(list["items"][0]["used_by"], json!([{"process": "p", "element": "d"}]));
    let shown = unit.ok("decision.get", "decision/risk", json!({}));
    assert_eq!(shown["decisions"], json!([{"id": "risk", "name": "risk"}]));
    assert_eq!((&shown["versions"], &shown["latest"]), (&json!([1]), &json!(1)));
    assert!(shown["source"].as_str().is_some_and(|source| source.contains("decisionTable")));
    let missing = unit.call("decision.get", "decision/none", json!({})).expect_err("none");
    assert_eq!(missing.kind, base::Kind::NotFound);
}

#[test]
fn tries_and_incidents_that_were_mended_are_told() {
    let mut unit = Unit::new();
    declare(&mut unit, "start s\n job a pack\n end e\n s > a > e", RISK);
    unit.ok("process.start", "process/p", json!({"variables": {"x": 1}, "business_key": "B-1"}));
    unit.advance(5);
    unit.ok("job.fail", "job/1-2", json!({"retries": 0, "message": "the box is too small"}));
    let history = unit.ok("instance.history", "instance/1", json!({}));
    assert_eq!(history["path"][0]["state"], "failed");
    assert_eq!(
        (&history["incidents"][0]["code"], &history["incidents"][0]["incident"]),
        (&json!("job.retries"), &json!("1-2"))
    );
    let incident = unit.ok("incident.get", "incident/1-2", json!({}));
    assert_eq!((&incident["variables"], &incident["version"]), (&json!({"x": 1}), &json!(1)));
    unit.advance(9);
    unit.ok("incident.resolve", "incident/1-2", json!({"variables": {"x": 2}}));
    unit.ok("job.complete", "job/1-2", json!({}));
    let history = unit.ok("instance.history", "instance/1", json!({}));
    assert_eq!((&history["path"][0]["tries"], &history["complete"]), (&json!(2), &json!(true)));
    let incident = &history["incidents"][0];
    assert_eq!(
        (&incident["code"], &incident["until"]),
        (&json!("job.retries"), &json!(Time(9_000)))
    );
}

#[test]
fn a_loop_is_told_step_by_step_up_to_the_limit() {
    let memory = Arc::new(MemoryStore::new());
    let limits = Config { history_rows_max: 4, ..Config::default() };
    let mut unit = Unit::with_limits(memory, kernel::Config::default(), limits);
    let lines =
        "start s\n user a\n xor x default e\n end e\n s > a > x\n x > a if again = true\n x > e";
    declare(&mut unit, lines, RISK);
    unit.ok("process.start", "process/p", json!({}));
    for turn in 0..6 {
        let task = unit.rows("tasks", &["task", "state"]);
        let task = task.iter().find(|row| row.ends_with("created")).expect("a task");
        let name = task.split(' ').next().expect("a name").to_owned();
        let args = json!({"variables": {"again": turn < 5}});
        unit.ok("task.complete", &format!("task/{name}"), args);
    }
    let history = unit.ok("instance.history", "instance/1", json!({}));
    assert_eq!(
        (history["path"].as_array().map(Vec::len), &history["complete"]),
        (Some(4), &json!(false))
    );
    assert_eq!(history["finished"].as_array().map(Vec::len), Some(7));
}

/// Runs instances: of every five the first stays, the second is cancelled, the others come to their end.
fn many(count: u64) -> Unit {
    let mut unit = Unit::new();
    declare(&mut unit, "start s\n user a\n end e\n s > a > e", RISK);
    for number in 1..=count {
        unit.advance(i64::try_from(number).expect("small") * 1_800);
        let key = format!("K-{}", number % 3);
        unit.ok("process.start", "process/p", json!({"business_key": key}));
        match number % 5 {
            1 => {}
            2 => drop(unit.ok("instance.cancel", &format!("instance/{number}"), json!({}))),
            _ => drop(unit.ok("task.complete", &format!("task/{number}-2"), json!({}))),
        }
    }
    unit
}

fn numbers(unit: &mut Unit, filter: Value) -> Vec<u64> {
    let (mut all, mut after) = (Vec::new(), Value::Null);
    for _ in 0..100 {
        let mut args = filter.clone();
        args["limit"] = json!(3);
        args["after"] = after;
        let page = unit.ok("instance.list", "instance", args);
        let items = page["items"].as_array().expect("items");
        all.extend(items.iter().filter_map(|row| row["instance"].as_u64()));
        after = page["next"].clone();
        if after.is_null() {
            return all;
        }
    }
    panic!("a list without end: {all:?}");
}

#[test]
fn instances_that_are_over_are_listed_the_newest_first() {
    let mut unit = many(20);
    let newest =
        |meant: &dyn Fn(u64) -> bool| (1..=20).rev().filter(|n| meant(*n)).collect::<Vec<_>>();
    let list = |unit: &mut Unit, filter: Value| numbers(unit, filter);
    assert_eq!(list(&mut unit, json!({"state": "all"})), newest(&|_| true));
    assert_eq!(list(&mut unit, json!({"state": "finished"})), newest(&|n| n % 5 != 1));
    assert_eq!(
        list(&mut unit, json!({"state": "completed", "process": "p"})),
        newest(&|n| n % 5 != 1 && n % 5 != 2)
    );
    assert_eq!(list(&mut unit, json!({"state": "cancelled"})), [17, 12, 7, 2]);
    assert_eq!(list(&mut unit, json!({"newest": "true"})), [16, 11, 6, 1]);
    assert_eq!(list(&mut unit, json!({})), [1, 6, 11, 16], "as ever");
    let keyed = json!({"state": "all", "business_key": "K-1"});
    assert_eq!(list(&mut unit, keyed), newest(&|n| n % 3 == 1));
    let keyed = json!({"state": "cancelled", "process": "p", "business_key": "K-1"});
    assert_eq!(list(&mut unit, keyed), [7]);
    let at = |number: i64| json!(Time(number * 1_800_000));
    let some = json!({"state": "all", "from": at(5), "to": at(8)});
    assert_eq!(list(&mut unit, some), [8, 7, 6, 5]);
    assert_eq!(list(&mut unit, json!({"from": at(9)})), [16, 11]);
    assert!(list(&mut unit, json!({"state": "all", "process": "none"})).is_empty());
    let row = unit.ok("instance.list", "instance", json!({"state": "cancelled", "limit": 1}));
    assert!(row["items"][0].get("trail").is_none(), "{row}");
}

#[test]
fn instances_are_found_by_version_and_by_where_they_stand_without_a_look_at_others() {
    // A page ends behind so many looks, whatever they have found.
    let limits = Config { list_looks_max: 4, ..Config::default() };
    let memory = Arc::new(MemoryStore::new());
    let mut unit = Unit::with_limits(memory, kernel::Config::default(), limits);
    declare(&mut unit, "start s\n user a\n user b\n end e\n s > a > b > e", RISK);
    (0..20).for_each(|_| drop(unit.ok("process.start", "process/p", json!({}))));
    for number in [3, 9] {
        unit.ok("task.complete", &format!("task/{number}-2"), json!({}));
    }
    for number in [1, 2] {
        unit.ok("instance.cancel", &format!("instance/{number}"), json!({}));
    }
    declare(&mut unit, "start s\n task n\n user a\n user b\n end e\n s > n > a > b > e", RISK);
    (0..20).for_each(|_| drop(unit.ok("process.start", "process/p", json!({}))));
    unit.ok("instance.migrate", "instance/3", json!({}));
    unit.ok("instance.suspend", "instance/9", json!({}));
    unit.ok("instance.cancel", "instance/30", json!({}));
    let mut first = |filter: Value| -> Vec<u64> {
        let mut args = filter;
        args["process"] = json!("p");
        let page = unit.ok("instance.list", "instance", args);
        let items = page["items"].as_array().expect("items").iter();
        items.filter_map(|row| row["instance"].as_u64()).collect()
    };
    assert_eq!(first(json!({"element": "b"})), [9, 3]);
    assert_eq!(
        first(json!({"element": "b", "state": "all"})),
        [9, 3],
        "who is over stands nowhere"
    );
    assert_eq!(first(json!({"element": "b", "version": 1})), [9]);
    assert_eq!(first(json!({"element": "b", "version": "2"})), [3]);
    assert_eq!(first(json!({"element": "b", "state": "suspended"})), [9]);
    assert_eq!(first(json!({"state": "suspended", "version": 1})), [9]);
    assert_eq!(first(json!({"version": 1})), [20, 19, 18, 17]);
    assert_eq!(first(json!({"version": 1, "state": "cancelled"})), [2, 1]);
    assert_eq!(first(json!({"version": 2, "state": "finished"})), [30]);
    assert_eq!(first(json!({"version": 3, "state": "all"})), Vec::<u64>::new());
    assert_eq!(first(json!({"element": "nowhere"})), Vec::<u64>::new());
    let all = numbers(&mut unit, json!({"process": "p", "version": 1, "state": "all"}));
    assert_eq!(all, (1..=20).rev().filter(|number| *number != 3).collect::<Vec<u64>>());
    let at = numbers(&mut unit, json!({"element": "a", "version": 2}));
    assert_eq!(at, (21..=40).rev().filter(|number| *number != 30).collect::<Vec<u64>>());
}

#[test]
fn one_that_failed_before_it_came_anywhere_is_found_by_its_version() {
    let limits = Config { variables_bytes_max: 8_000, ..Config::default() };
    let memory = Arc::new(MemoryStore::new());
    let mut unit = Unit::with_limits(memory, kernel::Config::default(), limits);
    declare(&mut unit, "start s\n user a\n end e\n s > a > e", RISK);
    let big = json!({"variables": {"big": "x".repeat(10_000)}});
    unit.ok("process.start", "process/p", big);
    assert_eq!(numbers(&mut unit, json!({"process": "p", "version": 1})), [1]);
    assert!(numbers(&mut unit, json!({"process": "p", "element": "a"})).is_empty());
}

#[test]
fn what_the_history_has_forgotten_is_not_listed_and_not_told() {
    let memory = Arc::new(MemoryStore::new());
    let limits = Config { history_days: Some(1), ..Config::default() };
    let mut unit = Unit::with_limits(memory, kernel::Config::default(), limits);
    declare(&mut unit, "start s\n task a\n end e\n s > a > e", RISK);
    unit.ok("process.start", "process/p", json!({"business_key": "old"}));
    unit.advance(2 * 86_400);
    unit.ok("process.start", "process/p", json!({"business_key": "new"}));
    unit.advance(2 * 86_400 + 7_200);
    unit.writer.turn(&[]);
    assert_eq!(numbers(&mut unit, json!({"state": "all"})), [2]);
    assert!(numbers(&mut unit, json!({"state": "all", "business_key": "old"})).is_empty());
    assert_eq!(numbers(&mut unit, json!({"state": "all", "version": 1})), [2]);
    let gone = unit.call("instance.history", "instance/1", json!({})).expect_err("forgotten");
    assert_eq!(gone.kind, base::Kind::NotFound);
    assert_eq!(unit.ok("process.list", "process", json!({}))["items"][0]["completed"], 2);
}

#[test]
fn incidents_are_found_by_where_they_are_and_what_they_say() {
    let mut unit = Unit::new();
    declare(
        &mut unit,
        "start s\n and f\n job a pack\n job b ship\n end e\n s > f\n f > a > e\n f > b > e",
        RISK,
    );
    for number in 1..=4 {
        let key = format!("K-{number}");
        unit.ok("process.start", "process/p", json!({"business_key": key}));
    }
    for job in ["1-3", "2-3", "2-4", "4-4"] {
        let message = if job == "2-3" { "the Box is too small" } else { "no" };
        unit.ok("job.fail", &format!("job/{job}"), json!({"retries": 0, "message": message}));
    }
    let mut list = |filter: Value| -> Vec<String> {
        let (mut all, mut after) = (Vec::new(), Value::Null);
        loop {
            let mut args = filter.clone();
            args["limit"] = json!(1);
            args["after"] = after;
            let page = unit.ok("incident.list", "incident", args);
            all.extend(texts(&page["items"], "incident"));
            after = page["next"].clone();
            if after.is_null() {
                return all;
            }
        }
    };
    assert_eq!(list(json!({})), ["1-3", "2-3", "2-4", "4-4"]);
    assert_eq!(list(json!({"newest": "true"})), ["4-4", "2-4", "2-3", "1-3"]);
    assert_eq!(list(json!({"process": "p", "newest": "true"})), ["4-4", "2-4", "2-3", "1-3"]);
    assert_eq!(list(json!({"process": "p", "element": "b"})), ["2-4", "4-4"]);
    assert_eq!(list(json!({"process": "q"})), Vec::<String>::new());
    assert_eq!(list(json!({"text": "box"})), ["2-3"]);
    assert_eq!(list(json!({"text": "k-4", "code": "job.retries"})), ["4-4"]);
    assert_eq!(numbers(&mut unit, json!({"state": "incident", "process": "p"})), [4, 2, 1]);
}
