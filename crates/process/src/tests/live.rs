//! Promises of live views: what the engine does is told as what it is, also where nobody has called for it.

use super::unit::Unit;
use crate::Config;
use kernel::{Call, Identity, Principal, ResourceRef, View};
use serde_json::json;
use std::sync::Arc;
use store::MemoryStore;

fn news(unit: &Unit, view: &mut View) -> String {
    view.news(unit.kernel.live().tell()).join(" ")
}

#[test]
fn a_timer_is_told_as_what_it_does() {
    let mut unit = Unit::new();
    let lines = "start s\n user a\n boundary late on a timer PT10S\n job b work\n end e\n end e2\n s > a > e\n late > b > e2";
    unit.process(lines, &[]);
    unit.ok("process.start", "process/p", json!({}));
    let task = format!("task/{}", unit.rows("tasks", &["task"]).concat());
    let kinds = ["bulk", "incident", "instance", "job", "process", "running", "stream", "task"];
    let named = ["instance/1", "process/p", task.as_str()];
    let topics: Vec<String> = kinds.into_iter().chain(named).map(str::to_owned).collect();
    let ana = Identity::of(Principal::User("ana".into()));
    let mut view = View::open(&unit.kernel, ana, &topics).expect("a view");
    assert_eq!(view.topics().count(), topics.len());
    unit.advance(9);
    assert_eq!(news(&unit, &mut view), "", "the clock was moved, and that is all");
    unit.advance(10);
    assert_eq!(
        news(&unit, &mut view),
        format!("instance instance/1 job process process/p running task {task}")
    );
    unit.ok("process.start", "process/p", json!({}));
    assert_eq!(news(&unit, &mut view), "instance process process/p running task");
}

#[test]
fn a_bulk_operation_is_told_with_each_portion_and_no_more_when_it_is_over() {
    let limits = Config { bulk_portion_max: 1, ..Config::default() };
    let store = Arc::new(MemoryStore::new());
    let mut unit = Unit::with_limits(store, kernel::Config::default(), limits);
    unit.process("start s\n user a\n end e\n s > a > e", &[]);
    (0..3).for_each(|_| drop(unit.ok("process.start", "process/p", json!({}))));
    let ana = Principal::User("ana".into());
    let order = json!({"action": "cancel", "filter": {"process": "p"}});
    let start = Call::new("bulk.start", ResourceRef::new("bulk", ""), ana.clone()).with(order);
    unit.writer.turn(&[start]).remove(0).expect("it is started");
    let topics = ["bulk", "bulk/1"].map(str::to_owned);
    let mut view = View::open(&unit.kernel, Identity::of(ana), &topics).expect("a view");
    let mut told = 0;
    while unit.writer.has_leftovers() {
        unit.writer.turn(&[]);
        told += usize::from(news(&unit, &mut view) == "bulk bulk/1");
    }
    assert!(1 < told, "told {told} times");
    assert_eq!(unit.ok("bulk.get", "bulk/1", json!({}))["done"], 3);
    unit.ok("process.start", "process/p", json!({}));
    assert_eq!(news(&unit, &mut view), "");
}

#[test]
fn who_may_complete_one_task_hears_of_that_one() {
    let mut unit = Unit::new();
    unit.process("start s\n user a\n end e\n s > a > e", &[]);
    unit.manifests(vec![super::unit::manifest("User", "bob", json!({"roles": []}))])
        .unwrap_or_else(|problem| panic!("{problem:?}"));
    unit.ok("process.start", "process/p", json!({}));
    unit.ok("process.start", "process/p", json!({}));
    unit.ok("task.assign", "task/1-2", json!({"assignee": "bob"}));
    let bob = Identity::of(Principal::User("bob".into()));
    let topics = ["task/1-2", "task/2-2", "instance/1", "instance"].map(str::to_owned);
    let mut view = View::open(&unit.kernel, bob, &topics).expect("a view");
    assert_eq!(view.topics().collect::<Vec<_>>(), ["task/1-2"]);
    unit.ok("task.complete", "task/2-2", json!({}));
    assert_eq!(news(&unit, &mut view), "");
    let bob = Principal::User("bob".into());
    let call = Call::new("task.complete", ResourceRef::new("task", "1-2"), bob);
    unit.turn(call).unwrap_or_else(|problem| panic!("{problem:?}"));
    assert_eq!(news(&unit, &mut view), "task/1-2");
}
