//! Twins: what was reported and is desired, what that was at any earlier time, and what happened to a device.

use crate::registry::rows;
use crate::world::{BEGIN, OWNER, World, code, device, vans};
use base::{Problem, Time};
use device::Config;
use kernel::{Cell, Scan};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Faults, FaultyStore, Store};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Returns a unit with the device `van-1`.
fn world() -> World {
    with(Config::default())
}

fn with(config: Config) -> World {
    let mut world = World::with(config);
    world.apply(json!(vans())).expect("the vans are applied");
    world.apply(json!([device("van-1", "van")])).expect("the device is applied");
    world
}

fn tell(world: &mut World, patch: Value) -> Result<Value, Problem> {
    world.call("device.tell", "device/van-1", "device:van-1", json!({ "reported": patch }))
}

fn set(world: &mut World, patch: Value) -> Result<Value, Problem> {
    world.call("device.set", "device/van-1", "user:oskar", json!({ "desired": patch }))
}

fn twin(world: &mut World, args: Value) -> Value {
    world.call("device.twin", "device/van-1", "user:vera", args).expect("the twin")
}

/// Returns an instant as text: minutes after the unit began.
fn after(minutes: i64) -> String {
    Time(BEGIN + minutes * MINUTE).to_string()
}

/// Returns a page of what happened, each as a word.
fn events(world: &mut World, args: Value) -> (Vec<String>, Value) {
    let answer = world.call("device.events", "device/van-1", OWNER, args).expect("the events");
    let items = answer["items"].as_array().expect("items").iter();
    let words = items.map(|item| item["event"].as_str().expect("a word").to_owned());
    (words.collect(), answer["next"].clone())
}

#[test]
fn both_sides_have_versions_and_come_into_step() {
    let mut world = world();
    let empty = twin(&mut world, json!({}));
    assert_eq!(empty["reported"], json!({"version": 0, "state": {}}));
    assert_eq!((&empty["in_step"], &empty["telemetry"]), (&json!(true), &json!({})));
    let desired = set(&mut world, json!({"interval_s": 30})).expect("it is set");
    assert_eq!(desired, json!({"version": 1, "desired": {"interval_s": 30}}));
    assert_eq!(twin(&mut world, json!({}))["in_step"], json!(false));
    let told = tell(&mut world, json!({"interval_s": 30, "battery": 80.5})).expect("it is told");
    assert_eq!(told["version"], 1);
    let shown = twin(&mut world, json!({}));
    assert_eq!(shown["in_step"], json!(true));
    assert_eq!(shown["reported"]["state"], json!({"interval_s": 30, "battery": 80.5}));
    assert_eq!(shown["reported"]["by"], "device:van-1");
    assert_eq!((&shown["desired"]["by"], &shown["type"]), (&json!("user:oskar"), &json!("van")));
    // What says nothing new is no version; what is null goes.
    assert_eq!(tell(&mut world, json!({"battery": 80.5})).expect("it is told")["version"], 1);
    assert_eq!(tell(&mut world, json!({"battery": null})).expect("it is told")["version"], 2);
    assert_eq!(twin(&mut world, json!({}))["reported"]["state"], json!({"interval_s": 30}));
    world.verify();
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut world = with(Config { twin_bytes_max: 40, ..Config::default() });
    tell(&mut world, json!({"firmware": "1.0"})).expect("it is told");
    for (patch, refused) in [
        (json!({"firmware": 1}), "twin.invalid"),
        (json!({"firmwares": "1"}), "twin.invalid"),
        (json!({"interval_s": 0}), "twin.invalid"),
        (json!({"firmware": "2", "battery": "full"}), "twin.invalid"),
        (json!({"firmware": "a".repeat(40)}), "twin.too_large"),
    ] {
        assert_eq!(code(tell(&mut world, patch.clone())), refused, "{patch}");
    }
    assert_eq!(code(set(&mut world, json!({"battery": 20}))), "twin.invalid", "it is reported");
    assert_eq!(code(set(&mut world, json!({"interval_s": 3_601}))), "twin.invalid");
    let shown = twin(&mut world, json!({}));
    assert_eq!(shown["reported"]["state"], json!({"firmware": "1.0"}));
    assert_eq!(shown["desired"]["version"], 0);
    world.verify();
}

#[test]
fn who_names_a_version_changes_only_that() {
    let mut world = world();
    let mut set = |version: u64, interval: u64| {
        let args = json!({"desired": {"interval_s": interval}, "version": version});
        code(world.call("device.set", "device/van-1", "user:oskar", args))
    };
    assert_eq!(set(0, 30), "ok");
    assert_eq!(set(0, 60), "twin.conflict");
    assert_eq!(set(1, 60), "ok");
}

#[test]
fn what_is_desired_is_for_people_and_what_is_reported_for_the_device() {
    let mut world = world();
    world.apply(json!([device("van-2", "van")])).expect("it is applied");
    let desired = json!({"desired": {"interval_s": 30}});
    for who in ["user:vera", "device:van-1", "device:van-2"] {
        let refused = world.call("device.set", "device/van-1", who, desired.clone());
        assert!(refused.is_err(), "{who}");
    }
    let reported = json!({"reported": {"battery": 1}});
    for who in ["user:vera", "device:van-2"] {
        let refused = world.call("device.tell", "device/van-1", who, reported.clone());
        assert!(refused.is_err(), "{who}");
    }
    for (who, is_shown) in [("device:van-1", true), ("device:van-2", false), ("user:vera", true)] {
        let shown = world.call("device.twin", "device/van-1", who, json!({}));
        assert_eq!(shown.is_ok(), is_shown, "{who}");
    }
}

#[test]
fn a_twin_says_what_it_was_at_any_time() {
    let mut world = world();
    for (minutes, battery) in [(5, 90), (10, 80), (15, 70)] {
        world.clock.set(BEGIN + minutes * MINUTE);
        tell(&mut world, json!({"battery": battery})).expect("it is told");
    }
    world.clock.set(BEGIN + 12 * MINUTE);
    set(&mut world, json!({"interval_s": 30})).expect("it is set");
    let mut world = world.again();
    for (minutes, battery, interval) in [
        (4, None, None),
        (5, Some(90), None),
        (9, Some(90), None),
        (10, Some(80), None),
        (14, Some(80), Some(30)),
        (99, Some(70), Some(30)),
    ] {
        let was = twin(&mut world, json!({"at": after(minutes)}));
        let state = (&was["reported"]["state"]["battery"], &was["desired"]["state"]["interval_s"]);
        assert_eq!(state, (&json!(battery), &json!(interval)), "minute {minutes}");
    }
    let history = twin(&mut world, json!({"history": 2}))["history"].clone();
    let shown: Vec<String> = history
        .as_array()
        .expect("versions")
        .iter()
        .map(|version| format!("{} {} {}", version["side"], version["version"], version["at"]))
        .collect();
    assert_eq!(
        shown,
        [
            format!("\"reported\" 3 \"{}\"", after(15)),
            format!("\"desired\" 1 \"{}\"", after(12)),
            format!("\"reported\" 2 \"{}\"", after(10)),
        ]
    );
}

#[test]
fn a_report_of_the_past_stands_behind_what_is_known() {
    let mut world = world();
    world.clock.set(BEGIN + 10 * MINUTE);
    tell(&mut world, json!({"battery": 80})).expect("it is told");
    let mut call = crate::world::of("device.tell", "device/van-1", "device:van-1")
        .with(json!({"reported": {"battery": 90}}));
    call.at = Some(Time(BEGIN + 5 * MINUTE));
    world.made(call).expect("it is told");
    let was = twin(&mut world, json!({"at": after(7)}));
    assert_eq!(was["reported"]["version"], 0, "the past is not changed");
    let now = twin(&mut world, json!({}));
    assert_eq!(
        (&now["reported"]["version"], &now["reported"]["at"]),
        (&json!(2), &json!(after(10)))
    );
}

#[test]
fn so_many_versions_are_kept_and_none_that_is_too_old() {
    let mut world = with(Config { twin_versions_max: 3, twin_days: 10, ..Config::default() });
    let kept = |world: &mut World| -> Vec<u64> {
        let twin = twin(world, json!({"history": 100}));
        let versions = twin["history"].as_array().expect("versions").iter();
        versions.map(|version| version["version"].as_u64().expect("a number")).collect()
    };
    for battery in 1..=5 {
        world.clock.pass(MINUTE);
        tell(&mut world, json!({ "battery": battery })).expect("it is told");
    }
    assert_eq!(kept(&mut world), [5, 4, 3]);
    // Before that nobody knows, which is not the same as nothing.
    let unknown = |world: &mut World, minutes: i64| -> Vec<Value> {
        let was = twin(world, json!({"at": after(minutes)}));
        let left_out = was["left_out"].as_array().cloned().unwrap_or_default();
        left_out.into_iter().filter(|left| left.get("side").is_some()).collect()
    };
    let reason = format!("what is kept begins at {}", after(3));
    assert_eq!(unknown(&mut world, 2), [json!({"side": "reported", "reason": reason})]);
    assert!(unknown(&mut world, 3).is_empty());
    world.clock.pass(11 * DAY);
    tell(&mut world, json!({"battery": 6})).expect("it is told");
    // Version 5 stood for all these days: without it nobody could say what was ten days ago.
    tell(&mut world, json!({"battery": 7})).expect("it is told");
    assert_eq!(kept(&mut world), [7, 6, 5]);
    let yesterday = Time(world.clock.now() - DAY);
    let was = twin(&mut world, json!({ "at": yesterday }));
    assert_eq!(was["reported"]["state"]["battery"], 5);
    world.clock.pass(11 * DAY);
    for battery in 8..=9 {
        tell(&mut world, json!({ "battery": battery })).expect("it is told");
    }
    assert_eq!(kept(&mut world), [9, 8, 7]);
}

#[test]
fn what_happened_is_told_in_its_order_and_goes_when_there_is_too_much() {
    let mut world = with(Config { device_events_max: 4, ..Config::default() });
    tell(&mut world, json!({"battery": 1})).expect("it is told");
    world.clock.pass(MINUTE);
    set(&mut world, json!({"interval_s": 30})).expect("it is set");
    let (all, next) = events(&mut world, json!({}));
    assert_eq!(all, ["twin_reported", "twin_desired"]);
    let (none, same) = events(&mut world, json!({"after": next}));
    assert_eq!((none, &same), (Vec::new(), &next), "it goes on where it was");
    for battery in 2..=5 {
        tell(&mut world, json!({ "battery": battery })).expect("it is told");
    }
    let (new, _) = events(&mut world, json!({"after": next, "limit": 3}));
    assert_eq!(new, ["twin_reported"; 3]);
    let (last, next) = events(&mut world, json!({}));
    assert_eq!(last, ["twin_reported"; 4], "the oldest have made way");
    let (none, _) = events(&mut world, json!({"after": next}));
    assert_eq!(none, [""; 0]);
    let (last, _) = events(&mut world, json!({"limit": 1}));
    assert_eq!(last.len(), 1);
    let wrong = world.call("device.events", "device/van-1", OWNER, json!({"after": "soon"}));
    assert_eq!(code(wrong), "call.invalid");
}

#[test]
fn sql_sees_twins_their_history_and_what_happened() {
    let mut world = world();
    world.apply(json!([device("van-2", "van")])).expect("it is applied");
    tell(&mut world, json!({"battery": 80})).expect("it is told");
    tell(&mut world, json!({"battery": 70})).expect("it is told");
    set(&mut world, json!({"interval_s": 30})).expect("it is set");
    let text = |text: &str| Cell::Text(text.into());
    let of = |device: &str, columns: std::ops::Range<usize>| Scan {
        columns: columns.collect(),
        equals: vec![(0, text(device))],
        ..Scan::default()
    };
    let twins = rows(&world, "user:vera", "twins", &of("van-1", 0..11));
    assert_eq!(
        twins[0][..9],
        [
            text("van-1"),
            text("van"),
            text("{\"interval_s\":30}"),
            Cell::Int(1),
            Cell::Time(BEGIN),
            text("{\"battery\":70}"),
            Cell::Int(2),
            Cell::Time(BEGIN),
            Cell::Bool(false),
        ]
    );
    // What is not wanted is not looked up.
    let some = rows(&world, "user:vera", "twins", &of("van-1", 0..2));
    assert_eq!((&some[0][5], &some[0][10]), (&text("{}"), &Cell::Null));
    assert_eq!(rows(&world, "user:vera", "twins", &Scan::default()).len(), 2);
    let history = rows(&world, "user:vera", "twin_history", &of("van-1", 0..7));
    assert_eq!(history.len(), 3);
    assert_eq!((&history[0][5], &history[0][6]), (&text("[\"interval_s\"]"), &text("user:oskar")));
    let happened = rows(&world, "user:vera", "device_events", &of("van-1", 0..5));
    let words: Vec<&Cell> = happened.iter().map(|row| &row[3]).collect();
    assert_eq!(words, [&text("twin_reported"), &text("twin_reported"), &text("twin_desired")]);
    assert!(rows(&world, "device:van-2", "twins", &Scan::default()).is_empty(), "it sees nobody");
}

#[test]
fn the_first_desired_state_comes_with_the_manifest_and_later_ones_win() {
    let mut world = world();
    let manifest = |interval: u64| {
        let mut manifest = device("van-1", "van");
        manifest["spec"]["desired"] = json!({ "interval_s": interval });
        manifest
    };
    world.apply(json!([manifest(30)])).expect("it is applied");
    let desired = |world: &mut World| twin(world, json!({}))["desired"]["state"].clone();
    assert_eq!(desired(&mut world), json!({"interval_s": 30}));
    set(&mut world, json!({"interval_s": 60})).expect("it is set");
    world.apply(json!([manifest(90)])).expect("it is applied");
    assert_eq!(desired(&mut world), json!({"interval_s": 60}));
}

#[test]
fn a_commit_that_fails_leaves_nothing_behind() {
    let store = Arc::clone(&world().store);
    let seen =
        Arc::new(FaultyStore::new(Arc::clone(&store) as Arc<dyn Store>, 1, Faults::default()));
    let mut world = World::behind(Arc::clone(&seen) as Arc<dyn Store>, store, Config::default());
    tell(&mut world, json!({"battery": 80})).expect("it is told");
    seen.set_full(true);
    assert_ne!(code(tell(&mut world, json!({"battery": 70}))), "ok");
    assert_ne!(code(set(&mut world, json!({"interval_s": 30}))), "ok");
    seen.set_full(false);
    let shown = twin(&mut world, json!({}));
    assert_eq!(shown["reported"]["state"], json!({"battery": 80}));
    assert_eq!(
        (&shown["reported"]["version"], &shown["desired"]["version"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(tell(&mut world, json!({"battery": 70})).expect("it is told")["version"], 2);
    let (all, _) = events(&mut world, json!({}));
    assert_eq!(all, ["twin_reported"; 2]);
    world.verify();
    world.again().verify();
}
