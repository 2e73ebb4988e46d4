//! What rules do at a crossing, they do once, in their own name, and try again what may work later.

use crate::world::{OWNER, World, device, manifest, stream, vans};
use crate::{ACTIONS, CROSSINGS, append, damaged, readings, row, rule};
use serde_json::{Value, json};

const SECOND: i64 = 1_000;

/// Returns a unit with a rule over `readings` that does this where it gets warm, and the processes that it may start.
fn world(actions: Value) -> World {
    let mut world = World::new();
    world.apply(json!(vans())).expect("the vans");
    let process = |name: &str| manifest("Process", name, json!({}));
    let when = json!({"leaves": {"value": "temperature", "high": 8}});
    let manifests = json!([
        readings(),
        stream("alarms", &[("reading", "float"), ("since", "text")]),
        process("inspect"),
        process("unavailable"),
        process("refusing"),
        rule(&when, &actions),
    ]);
    world.apply(manifests).expect("the rule");
    world
}

/// Lets a logger get warm, once.
fn warm(world: &mut World, device: &str) {
    let rows = [row(world, device, 4.0), row(world, device, 9.5)];
    append(world, &rows);
    world.settle();
}

/// Returns what became of actions: operation, resource, outcome.
fn outcomes(world: &World) -> Vec<String> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let rows = world.log(ACTIONS);
    let line = |row: &Value| {
        format!("{} {} {}", text(row, "operation"), text(row, "resource"), text(row, "outcome"))
    };
    rows.iter().map(line).collect()
}

#[test]
fn each_action_is_a_call_of_the_rule_for_the_device() {
    let mut world = world(json!([
        {"start": {"process": "inspect", "business_key": "=value", "variables": {"reading": "=row", "why": "it is warm"}}},
        {"publish": {"process": "inspect", "message": "warmed", "key": "=device + \"/\" + row.kind", "variables": {"at": "=at"}}},
        {"task": {"title": "=\"Too warm: \" + device", "candidates": ["cold-chain"], "due": "PT4H", "variables": {"crossing": "=crossing"}}},
        {"append": {"stream": "alarms", "row": {"device": "=device", "reading": "=value"}}},
    ]));
    warm(&mut world, "logger-1");
    let asked = world.started();
    let asked: Vec<&Value> = asked.iter().collect();
    assert_eq!(asked.len(), 3);
    let now = base::Time(world.clock.now()).to_string();
    for (number, call) in asked.iter().enumerate() {
        assert_eq!(call["actor"], "rule:watched");
        assert_eq!(call["on_behalf_of"], "device:logger-1");
        assert_eq!(call["key"], json!(format!("watched/1/logger-1/1/{number}")));
        assert_eq!(call["at"], json!(now));
    }
    let start = &asked[0]["args"];
    assert_eq!(
        (&asked[0]["operation"], &asked[0]["resource"]),
        (&json!("process.start"), &json!("process/inspect"))
    );
    assert_eq!(
        (&start["business_key"], &start["variables"]["why"]),
        (&json!("9.5"), &json!("it is warm"))
    );
    assert_eq!(start["variables"]["reading"]["temperature"], json!(9.5));
    let publish = &asked[1]["args"];
    assert_eq!(
        (&publish["message"], &publish["correlation_key"]),
        (&json!("warmed"), &json!("logger-1/cold"))
    );
    assert_eq!(publish["variables"]["at"], json!(now));
    let task = &asked[2]["args"];
    assert_eq!((&task["title"], &task["due"]), (&json!("Too warm: logger-1"), &json!("PT4H")));
    assert_eq!(
        (&task["candidates"], &task["variables"]),
        (&json!(["cold-chain"]), &json!({"crossing": 1}))
    );
    assert!(task.get("assignee").is_none(), "what is not said is not sent");
    let alarms = world.rows("alarms");
    assert_eq!((alarms.len(), &alarms[0]["reading"]), (1, &json!(9.5)));
    assert_eq!(
        outcomes(&world),
        [
            "process.start process/inspect done",
            "process.publish process/inspect done",
            "task.open task done",
            "stream.append stream/alarms done",
        ]
    );
    assert_eq!(world.log(ACTIONS)[2]["answer"]["instance"], json!(3));
}

#[test]
fn what_was_done_is_done_once_also_after_a_restart() {
    let mut world = world(json!([{"start": {"process": "inspect"}}]));
    warm(&mut world, "logger-1");
    world = world.again();
    world.settle();
    let hot = row(&world, "logger-1", 10.0);
    append(&mut world, &[hot]);
    world.settle();
    assert_eq!(world.started().len(), 1, "it is out already");
    warm(&mut world, "logger-1");
    assert_eq!((world.started().len(), world.log(CROSSINGS).len()), (2, 2));
}

#[test]
fn what_may_work_later_is_tried_again_longer_apart_each_time_and_then_no_more() {
    let mut world = world(json!([{"start": {"process": "unavailable"}}]));
    warm(&mut world, "logger-1");
    assert_eq!(outcomes(&world), Vec::<String>::new());
    let retries = device::Config::default().action_retries_max;
    for again in 0..retries {
        assert_eq!(outcomes(&world), Vec::<String>::new(), "after {again} tries more");
        let due = world.writer.due().expect("the store is read").expect("a time");
        assert_eq!(due.0 - world.clock.now(), SECOND << again);
        world.clock.set(due.0);
        if again == 1 {
            world = world.again();
        }
        world.settle();
    }
    assert_eq!(outcomes(&world), ["process.start process/unavailable failed"]);
    assert_eq!(world.writer.due().expect("the store is read"), None);
}

#[test]
fn an_action_that_cannot_be_read_keeps_no_other_from_being_tried_again() {
    let mut world = world(json!([{"start": {"process": "unavailable"}}]));
    warm(&mut world, "logger-1");
    warm(&mut world, "logger-2");
    let mut world = damaged(world, "p", "logger-1");
    for _ in 0..device::Config::default().action_retries_max {
        world.clock.pass(60 * 60 * SECOND);
        world.settle();
    }
    assert_eq!(outcomes(&world), ["process.start process/unavailable failed"]);
    assert_eq!(world.log(ACTIONS)[0]["device"], "logger-2");
    let faults = world.log("system/faults");
    let action = faults[0]["action"].as_str().unwrap_or_default();
    assert!(faults.len() == 1 && action.contains("logger-1"), "{faults:?}");
}

#[test]
fn what_never_works_is_written_down_and_harms_nothing_beside_it() {
    let mut world = world(json!([
        {"start": {"process": "refusing"}},
        {"start": {"process": "inspect", "business_key": "=row.kind - 1"}},
        {"command": {"command": "unlock", "device": "nobody"}},
        {"start": {"process": "inspect"}},
    ]));
    warm(&mut world, "logger-1");
    let found = outcomes(&world);
    assert_eq!(found.len(), 4);
    assert!(found.contains(&"process.start process/refusing failed".to_owned()), "{found:?}");
    assert!(found.contains(&"process.start process failed".to_owned()), "{found:?}");
    assert!(found.contains(&"device.command device/nobody failed".to_owned()), "{found:?}");
    assert!(found.contains(&"process.start process/inspect done".to_owned()), "{found:?}");
    let problems = world.log(ACTIONS);
    let has = |code: &str| {
        problems.iter().any(|row| row["problem"].as_str().is_some_and(|text| text.contains(code)))
    };
    assert!(has("others.refused") && has("feel.failed"), "{problems:?}");
}

#[test]
fn a_rule_may_do_what_its_roles_permit_and_no_more() {
    let mut world = World::new();
    let when = json!({"leaves": {"value": "temperature", "high": 8}});
    let mut bare = rule(&when, &json!([{"task": {"title": "Look"}}]));
    bare["spec"]["roles"] = json!([]);
    world.apply(json!([readings(), bare])).expect("the rule");
    warm(&mut world, "logger-1");
    assert_eq!(outcomes(&world), ["task.open task failed"]);
    assert!(world.started().is_empty());
}

#[test]
fn a_declared_device_hears_of_its_crossings_and_is_forgotten_with_them() {
    let mut world = world(json!([]));
    world.apply(json!([device("van-1", "van")])).expect("the device");
    warm(&mut world, "van-1");
    let events = world.call("device.events", "device/van-1", OWNER, json!({})).expect("the events");
    let crossed = events["items"].as_array().expect("items").iter();
    let crossed: Vec<&Value> = crossed.filter(|item| item["event"] == "crossing").collect();
    assert_eq!((crossed.len(), &crossed[0]["detail"]["rule"]), (1, &json!("watched")));
    world.call("device.delete", "device/van-1", OWNER, json!({})).expect("it is gone");
    let shown = world.call("rule.get", "rule/watched", OWNER, json!({})).expect("the rule");
    assert_eq!(shown["states"], json!([]));
    world.verify();
}

#[test]
fn a_rule_that_goes_leaves_nothing_that_wakes_the_unit() {
    let mut world = World::new();
    let when = json!({"silent": {"for": "PT15M"}});
    world.apply(json!([readings(), rule(&when, &json!([]))])).expect("the rule");
    let alive = row(&world, "logger-1", 4.0);
    append(&mut world, &[alive]);
    world.settle();
    let due = world.writer.due().expect("the store is read").expect("a time");
    assert_eq!(due.0 - world.clock.now(), 15 * 60 * SECOND + 1);
    world.call("resource.delete", "rule/watched", OWNER, json!({})).expect("it is gone");
    assert_eq!(world.writer.due().expect("the store is read"), None);
    world.clock.pass(60 * 60 * SECOND);
    world.settle();
    assert!(world.log(CROSSINGS).is_empty());
}
