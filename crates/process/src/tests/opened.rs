//! Promises of `task.open`: a task like any other, of no process of the unit's.

use super::unit::{Unit, manifest};
use base::Time;
use serde_json::{Value, json};

fn unit() -> Unit {
    let mut unit = Unit::new();
    unit.manifests(Vec::new()).unwrap_or_else(|problem| panic!("{problem:?}"));
    unit
}

const ROW: [&str; 6] = ["task", "name", "state", "assignee", "candidates", "priority"];

#[test]
fn a_task_that_was_opened_is_listed_claimed_and_completed() {
    let mut unit = unit();
    let asked = json!({
        "title": "Look at the parcel",
        "description": "It was too warm",
        "candidates": ["clerk", "boss"],
        "due": "PT4H",
        "priority": 80,
        "variables": {"parcel": "o-1"},
    });
    let opened = unit.ok("task.open", "task", asked);
    assert_eq!(opened, json!({"task": "1-2", "instance": 1}));
    assert_eq!(unit.rows("tasks", &ROW), ["1-2 Look at the parcel created - clerk,boss 80"]);
    assert_eq!(unit.rows("tasks", &["due"]), ["14400"]);
    let shown = unit.ok("task.get", "task/1-2", json!({}));
    assert_eq!(shown["description"], "It was too warm");
    assert_eq!(shown["variables"]["parcel"], "o-1");
    unit.ok("task.claim", "task/1-2", json!({}));
    unit.ok("task.complete", "task/1-2", json!({"variables": {"seen": true}}));
    assert_eq!(unit.rows("process_instances", &["process", "state"]), ["open-task completed"]);
    unit.assert_clean();
}

#[test]
fn what_is_not_said_is_nothing() {
    let mut unit = unit();
    unit.ok("task.open", "task", json!({"title": "Look"}));
    unit.ok(
        "task.open",
        "task",
        json!({"title": "=not feel", "assignee": "ana", "due": Time(5_000)}),
    );
    let rows = unit.rows("tasks", &ROW);
    assert!(rows.contains(&"1-2 Look created -  -".to_owned()), "{rows:?}");
    assert!(rows.contains(&"2-2 =not feel claimed ana  -".to_owned()), "{rows:?}");
    let mut due = unit.rows("tasks", &["due"]);
    due.sort();
    assert_eq!(due, ["-", "5"]);
    // Its process is declared once, and the unit answers for it.
    let process = unit.ok("resource.get", "process/open-task", json!({}));
    assert_eq!((&process["version"], &process["owner"]), (&json!(1), &json!("unit:tasks")));
}

#[test]
fn a_process_that_somebody_has_under_its_name_stays_as_it_is() {
    let mut unit = unit();
    let source = include_str!("../open-task.bpmn").replace("opened by itself", "opened by us");
    let process = manifest("Process", "open-task", json!({"source": source, "roles": []}));
    unit.manifests(vec![process]).unwrap_or_else(|problem| panic!("{problem:?}"));
    let refused = unit.call("task.open", "task", json!({"title": "Look"}));
    assert_eq!(refused.expect_err("it is refused").code, "resource.taken");
    let held = unit.ok("resource.get", "process/open-task", json!({}));
    assert_eq!((&held["version"], &held["spec"]["source"]), (&json!(1), &json!(source)));
    assert!(unit.rows("tasks", &["task"]).is_empty());
}

#[test]
fn what_says_nothing_to_anybody_is_refused() {
    let mut unit = unit();
    let code = |unit: &mut Unit, asked: Value| {
        unit.call("task.open", "task", asked).map_or_else(|problem| problem.code, |_| "ok".into())
    };
    assert_eq!(code(&mut unit, json!({"title": " "})), "call.invalid");
    assert_eq!(code(&mut unit, json!({"title": "x", "priority": 101})), "call.invalid");
    assert_eq!(code(&mut unit, json!({"title": "x", "variables": {"task": 1}})), "call.invalid");
    assert_eq!(code(&mut unit, json!({"title": "x", "due": "soon"})), "time.invalid");
    assert_eq!(code(&mut unit, json!({"tilte": "x"})), "call.invalid");
    assert!(unit.rows("tasks", &["task"]).is_empty());
}

#[test]
fn the_name_of_a_task_can_be_made_of_variables() {
    let mut unit = unit();
    let source =
        include_str!("../open-task.bpmn").replace("=task.title", "=&quot;Call &quot; + who");
    let source = source.replace("=task.", "=").replace("open-task", "calls");
    let process = manifest("Process", "calls", json!({"source": source, "roles": []}));
    unit.manifests(vec![process]).unwrap_or_else(|problem| panic!("{problem:?}"));
    let variables = json!({"who": "Bob", "assignee": "", "candidates": []});
    unit.ok("process.start", "process/calls", json!({ "variables": variables }));
    assert_eq!(unit.rows("tasks", &["name"]), ["Call Bob"]);
    // One that cannot be read is refused when it is applied.
    let source = include_str!("../open-task.bpmn").replace("=task.title", "=task.");
    let process = manifest("Process", "calls", json!({"source": source, "roles": []}));
    let problem = unit.manifests(vec![process]).expect_err("it is refused");
    assert_eq!(problem.code, "feel.syntax");
}
