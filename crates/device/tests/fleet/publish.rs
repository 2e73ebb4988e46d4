//! What devices and clients say: rows, reported state, messages; each message by itself, in one turn with all others.

use crate::registry::rows;
use crate::world::{BEGIN, OWNER, World, code, device, manifest, of, stream, vans};
use base::{Problem, Time};
use device::mqtt::{Publish, Qos};
use device::publish::batch;
use kernel::{Call, Cell, Reply, Scan};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Faults, FaultyStore, MemoryStore, Store};

/// Returns a unit with two vans.
fn world() -> World {
    with(device::Config::default())
}

fn with(config: device::Config) -> World {
    let mut world = World::with(config);
    let mut manifests = vans();
    manifests.extend([device("van-7", "van"), device("van-8", "van")]);
    world.apply(json!(manifests)).expect("vans are applied");
    world
}

/// Returns the reason codes that a call is answered with, empty where all was accepted; the code of the problem where it is refused as
/// a whole.
fn codes(reply: Result<Reply, Problem>) -> Result<Vec<u8>, String> {
    let reply = reply.map_err(|problem| problem.code)?.into_value();
    Ok(batch::outcomes(&reply).iter().map(|outcome| outcome.code).collect())
}

/// Returns whether somebody was refused for want of a right: a stranger is not told what there is.
fn is_kept_out(code: Option<&String>) -> bool {
    matches!(code.map(String::as_str), Some("resource.not_found" | "policy.forbidden"))
}

fn twin(world: &mut World, name: &str) -> Value {
    world.call("device.twin", &format!("device/{name}"), OWNER, json!({})).expect("a twin")
}

fn events(world: &mut World, name: &str) -> Vec<String> {
    let told = world
        .call("device.events", &format!("device/{name}"), OWNER, json!({"limit": 1000}))
        .expect("events");
    let items = told["items"].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|item| item["event"].as_str().map(str::to_owned)).collect()
}

fn report(name: &str, what: (&str, &str), media: &str, body: &str) -> Call {
    let mut call = of("device.report", &format!("device/{name}"), &format!("device:{name}"));
    call = call.with(json!({ (what.0): what.1 }));
    call.media = media.into();
    call.body = body.as_bytes().to_vec();
    call
}

#[test]
fn telemetry_of_many_is_rows_and_the_last_one_is_the_twins() {
    let mut world = world();
    let seven = world.messages(
        "van-7",
        0,
        &[
            ("devices/van-7/telemetry/position", r#"{"at":"2026-01-01T00:00:01Z","lat":1.5}"#, 1),
            ("devices/van-7/telemetry/position", r#"[{"lat":2},{"lat":3.25}]"#, 1),
            ("devices/van-7/telemetry/weight", "12.5", 0),
            ("devices/van-7/events/door_opened", r#"{"door":"rear"}"#, 1),
        ],
    );
    let eight =
        world.messages("van-8", 0, &[("devices/van-8/telemetry/position", r#"{"lat":9}"#, 1)]);
    let replies: Vec<_> = world.turn(vec![seven, eight]).into_iter().map(codes).collect();
    assert_eq!(replies, [Ok(vec![]), Ok(vec![])]);

    let rows = world.rows("van_positions");
    let places: Vec<_> =
        rows.iter().map(|row| (row["device"].clone(), row["lat"].clone())).collect();
    assert_eq!(
        places,
        [
            (json!("van-7"), json!(1.5)),
            (json!("van-7"), json!(2)),
            (json!("van-7"), json!(3.25)),
            (json!("van-8"), json!(9)),
        ]
    );
    assert!(rows.iter().all(|row| row["received_at"] == json!(Time(BEGIN))));
    assert_eq!(world.rows("van_weights")[0]["kg"], 12.5);
    assert_eq!(world.rows("van_events")[0]["door"], "rear");

    let telemetry = twin(&mut world, "van-7")["telemetry"].clone();
    assert_eq!(telemetry["position"]["offset"], 2);
    assert_eq!(telemetry["position"]["row"]["lat"], 3.25);
    assert_eq!(telemetry["weight"]["row"]["kg"], 12.5);
    assert!(telemetry.get("door_opened").is_none(), "an event is no telemetry: {telemetry}");
    assert_eq!(twin(&mut world, "van-8")["telemetry"]["position"]["offset"], 3);
}

#[test]
fn what_breaks_its_schema_is_set_aside_with_the_reason_and_counted() {
    let mut world = world();
    let seven = world.messages(
        "van-7",
        0,
        &[
            ("devices/van-7/telemetry/position", r#"{"lat":1}"#, 1),
            // It says that it is another: the name stands twice in its row, and the stand-in takes the last as streams do not.
            ("devices/van-7/telemetry/position", r#"[{"lat":2},{"device":5},{"lat":3}]"#, 1),
            ("devices/van-7/telemetry/position", "no", 1),
            ("devices/van-7/telemetry/weight", "[]", 1),
        ],
    );
    let eight =
        world.messages("van-8", 0, &[("devices/van-8/telemetry/position", r#"{"lat":4}"#, 1)]);
    let replies: Vec<_> = world.turn(vec![seven, eight]).into_iter().map(codes).collect();
    assert_eq!(replies, [Ok(vec![0, 0x99, 0x99, 0]), Ok(vec![])]);

    let lats: Vec<_> = world.rows("van_positions").iter().map(|row| row["lat"].clone()).collect();
    assert_eq!(lats, [json!(1), json!(2), json!(3), json!(4)]);
    let aside = world.aside("van_positions");
    let by: Vec<_> = aside.iter().map(|row| row["by"].clone()).collect();
    assert_eq!(by, ["device_type:van", "device_type:van"]);
    assert_eq!(aside[0]["reason"], "`device` is missing");
    assert_eq!(aside[1]["reason"], "expected an object, found `no`");
    let whole: Value = serde_json::from_str(aside[1]["row"].as_str().expect("text")).expect("JSON");
    assert_eq!((&whole["device"], &whole["payload"]), (&json!("van-7"), &json!("no")));

    // The last good row is the twin's: of the four rows that were taken the third.
    let position = twin(&mut world, "van-7")["telemetry"]["position"].clone();
    assert_eq!((&position["offset"], &position["row"]["lat"]), (&json!(2), &json!(3)));
    let shown = world.call("device.get", "device/van-7", OWNER, json!({})).expect("the device");
    assert_eq!(shown["presence"]["set_aside"], 2);
    assert_eq!(events(&mut world, "van-7"), ["set_aside"]);
    assert!(events(&mut world, "van-8").is_empty());

    // More of it within the minute is counted, and no event.
    let again = world.messages("van-7", 0, &[("devices/van-7/telemetry/position", "no", 1)]);
    world.turn(vec![again]);
    assert_eq!(events(&mut world, "van-7"), ["set_aside"]);
    let shown = world.call("device.get", "device/van-7", OWNER, json!({})).expect("the device");
    assert_eq!(shown["presence"]["set_aside"], 3);
    world.verify();
}

#[test]
fn a_device_reaches_its_own_topics_and_nothing_else() {
    let mut world = world();
    let said = |topic: &'static str| (topic, "{}", 1);
    let call = world.messages(
        "van-7",
        0,
        &[
            said("devices/van-8/telemetry/position"),
            said("devices/van-7/commands/unlock/1"),
            said("devices/van-7/twin/desired"),
            said("devices/van-7/presence"),
            said("devices/van-7/telemetry/positoin"),
            said("devices/van-7/elsewhere"),
            said("plant/1/state"),
        ],
    );
    let reply = world.turn(vec![call]).remove(0);
    let outcomes = batch::outcomes(&reply.expect("it is answered").into_value());
    let told: Vec<u8> = outcomes.iter().map(|outcome| outcome.code).collect();
    assert_eq!(told, [0x87, 0x87, 0x87, 0x87, 0x87, 0x90, 0x87]);
    let reason = outcomes[4].reason.as_deref().unwrap_or_default();
    assert!(reason.contains("did you mean `position`?"), "{reason}");
    assert!(world.rows("van_positions").is_empty() && world.aside("van_positions").is_empty());

    // In the name of another nobody is let in at all.
    let mut foreign = world.messages("van-8", 0, &[said("devices/van-8/telemetry/position")]);
    foreign.actor = of("device.get", "device/", "device:van-7").actor;
    let refused = codes(world.turn(vec![foreign]).remove(0));
    assert!(is_kept_out(refused.as_ref().err()), "{refused:?}");
}

#[test]
fn one_refused_call_or_message_leaves_the_others_alone() {
    let mut world = world();
    let good = |world: &World, lat: u32| {
        let payload = format!("{{\"lat\":{lat}}}");
        world.messages("van-8", 0, &[("devices/van-8/telemetry/position", payload.as_str(), 1)])
    };
    let mut damaged = world.messages("van-7", 0, &[]);
    damaged.body = b"damaged".to_vec();
    let gone = world.messages("van-7", 99, &[("devices/van-7/telemetry/position", "{}", 1)]);
    let calls = vec![good(&world, 1), damaged, gone, good(&world, 2)];
    let replies: Vec<_> = world.turn(calls).into_iter().map(codes).collect();
    assert_eq!(
        replies,
        [
            Ok(vec![]),
            Err("device.internal".into()),
            Err("mqtt_session.not_found".into()),
            Ok(vec![])
        ]
    );
    assert_eq!(world.rows("van_positions").len(), 2);

    // A type that lost its right on one stream: what goes into the other is taken.
    let narrow = "permit (principal in Role::\"fleet-writer\", action == Action::\"stream.append\", resource) \
                  when { resource.name == \"van_weights\" };";
    let role = manifest("Role", "fleet-writer", json!({"summary": "Weighs", "policies": narrow}));
    world.apply(json!([role])).expect("the role is narrowed");
    let both = world.messages(
        "van-7",
        0,
        &[
            ("devices/van-7/telemetry/position", "{}", 1),
            ("devices/van-7/telemetry/position", "no", 1),
            ("devices/van-7/telemetry/weight", "1", 1),
        ],
    );
    assert_eq!(codes(world.turn(vec![both]).remove(0)), Ok(vec![0x87, 0x87, 0]));
    assert_eq!((world.rows("van_positions").len(), world.rows("van_weights").len()), (2, 1));
    assert!(world.aside("van_positions").is_empty());
    world.verify();
}

#[test]
fn who_spoils_an_append_spoils_his_own() {
    let mut world = world();
    let position = |world: &World, device: &str, payload: &str| {
        let topic = format!("devices/{device}/telemetry/position");
        world.messages(device, 0, &[(topic.as_str(), payload, 1)])
    };
    let calls = vec![
        position(&world, "van-8", r#"{"lat":1}"#),
        position(&world, "van-7", r#"{"poison":1}"#),
        position(&world, "van-8", r#"{"lat":2}"#),
    ];
    let replies: Vec<_> = world.turn(calls).into_iter().map(codes).collect();
    assert_eq!(replies, [Ok(vec![]), Ok(vec![0x80]), Ok(vec![])]);
    assert_eq!(world.rows("van_positions").len(), 2);
    assert_eq!(twin(&mut world, "van-8")["telemetry"]["position"]["offset"], 1);
    world.verify();
}

#[test]
fn reported_state_of_a_turn_is_one_version_and_a_wrong_patch_stands_alone() {
    let mut world = world();
    let reported = "devices/van-7/twin/reported";
    let call = world.messages(
        "van-7",
        0,
        &[(reported, r#"{"battery":80}"#, 1), (reported, r#"{"battery":79,"firmware":"1.2"}"#, 1)],
    );
    assert_eq!(codes(world.turn(vec![call]).remove(0)), Ok(vec![]));
    let side = twin(&mut world, "van-7")["reported"].clone();
    assert_eq!(
        (&side["version"], &side["state"]),
        (&json!(1), &json!({"battery": 79, "firmware": "1.2"}))
    );

    let call = world.messages(
        "van-7",
        0,
        &[
            (reported, r#"{"battery":78}"#, 1),
            (reported, r#"{"colour":"red"}"#, 1),
            (reported, "[]", 1),
            (reported, r#"{"firmware":null}"#, 1),
        ],
    );
    assert_eq!(codes(world.turn(vec![call]).remove(0)), Ok(vec![0, 0x83, 0x83, 0]));
    let side = twin(&mut world, "van-7")["reported"].clone();
    assert_eq!(side["state"], json!({"battery": 78}));
    world.verify();
}

/// Returns messages of a connection with the identifiers that it gives them.
fn connection(session: &Value, messages: &[(u16, &str)]) -> Call {
    let publish = |(packet, payload): &(u16, &str)| Publish {
        topic: "devices/van-7/telemetry/weight".into(),
        payload: payload.as_bytes().to_vec().into(),
        qos: Qos::ExactlyOnce,
        retain: false,
        is_dup: false,
        packet: *packet,
        alias: None,
        properties: None,
    };
    let messages: Vec<Publish> = messages.iter().map(publish).collect();
    let number = |field: &str| session[field].as_u64().expect("a number");
    let mut call = of("device.publish", "device/van-7", "device:van-7");
    call.media = batch::MEDIA.into();
    call.body = batch::encode(number("session"), number("generation"), &messages, |_| None);
    call
}

fn open(world: &mut World) -> Value {
    let open = json!({"client": "c", "is_clean": false, "expiry": 3600, "version": "v5"});
    world.call("mqtt_session.open", "mqtt_session/", "device:van-7", open).expect("a session")
}

fn release(world: &mut World, session: &Value, packet: u16) {
    let args = json!({
        "session": session["session"],
        "generation": session["generation"],
        "packets": [packet],
    });
    world
        .call("mqtt_session.release", "mqtt_session/", "device:van-7", args)
        .expect("it is released");
}

#[test]
fn at_qos_2_nothing_is_kept_twice() {
    let mut world = world();
    let first = open(&mut world);
    let weights = |world: &World| -> Vec<Value> {
        world.rows("van_weights").iter().map(|row| row["kg"].clone()).collect()
    };
    // In one turn, in the next one, and over a restart.
    let calls = vec![connection(&first, &[(1, "1"), (2, "2")]), connection(&first, &[(1, "1")])];
    for reply in world.turn(calls) {
        assert_eq!(codes(reply), Ok(vec![]));
    }
    assert_eq!(codes(world.turn(vec![connection(&first, &[(2, "2")])]).remove(0)), Ok(vec![]));
    assert_eq!(weights(&world), [json!(1), json!(2)]);
    let mut world = world.again();
    world.settle();
    let second = open(&mut world);
    assert_eq!(second["session"], first["session"]);
    assert_eq!(
        codes(world.turn(vec![connection(&second, &[(2, "2"), (3, "3")])]).remove(0)),
        Ok(vec![])
    );
    assert_eq!(weights(&world), [json!(1), json!(2), json!(3)]);
    // The connection that was taken over says nothing more.
    let late = codes(world.turn(vec![connection(&first, &[(4, "4")])]).remove(0));
    assert_eq!(late, Err("mqtt_session.not_found".into()));
    // What the client has released is an identifier like any other.
    release(&mut world, &second, 2);
    assert_eq!(codes(world.turn(vec![connection(&second, &[(2, "20")])]).remove(0)), Ok(vec![]));
    assert_eq!(weights(&world), [json!(1), json!(2), json!(3), json!(20)]);
    world.verify();
}

#[test]
fn at_qos_2_good_rows_beside_a_bad_one_are_not_kept_twice() {
    let mut world = world();
    let session = open(&mut world);
    let said = [(1, r#"[{"kg":1},{"device":5}]"#), (2, "no")];
    // What has a row in the stream counts as taken; of what has none the client hears.
    let calls = vec![connection(&session, &said), connection(&session, &said[..1])];
    let replies: Vec<_> = world.turn(calls).into_iter().map(codes).collect();
    assert_eq!(replies, [Ok(vec![0, 0x99]), Ok(vec![])]);
    assert_eq!(codes(world.turn(vec![connection(&session, &said[..1])]).remove(0)), Ok(vec![]));
    assert_eq!((world.rows("van_weights").len(), world.aside("van_weights").len()), (1, 2));
    // Released, it is another message.
    release(&mut world, &session, 1);
    assert_eq!(codes(world.turn(vec![connection(&session, &said[..1])]).remove(0)), Ok(vec![]));
    assert_eq!((world.rows("van_weights").len(), world.aside("van_weights").len()), (2, 3));
    world.verify();
}

/// Returns messages of van-7 that are to be retained.
fn retained(messages: &[(&str, &str)]) -> Call {
    let publish = |(topic, payload): &(&str, &str)| Publish {
        topic: (*topic).into(),
        payload: payload.as_bytes().to_vec().into(),
        qos: Qos::AtLeastOnce,
        retain: true,
        is_dup: false,
        packet: 1,
        alias: None,
        properties: None,
    };
    let messages: Vec<Publish> = messages.iter().map(publish).collect();
    let mut call = of("device.publish", "device/van-7", "device:van-7");
    call.media = batch::MEDIA.into();
    call.body = batch::encode(0, 0, &messages, |_| None);
    call
}

#[test]
fn a_message_that_finds_no_room_among_the_retained_leaves_no_rows() {
    let mut world = with(device::Config { retained_max: 1, ..device::Config::default() });
    let (position, weight) = ("devices/van-7/telemetry/position", "devices/van-7/telemetry/weight");
    let said = |world: &mut World, messages: &[(&str, &str)]| {
        let codes = codes(world.turn(vec![retained(messages)]).remove(0));
        (codes, world.rows("van_weights").len(), world.rows("van_positions").len())
    };
    assert_eq!(said(&mut world, &[(position, "{}")]), (Ok(vec![]), 0, 1));
    assert_eq!(
        said(&mut world, &[(weight, "1"), (position, "{}")]),
        (Ok(vec![0x97, 0]), 0, 2),
        "it is refused as a whole"
    );
    assert_eq!(said(&mut world, &[(position, "")]), (Ok(vec![]), 0, 2));
    // Where two of one turn are after the last place, both are kept, and one is retained.
    assert_eq!(said(&mut world, &[(weight, "1"), (position, "{}")]), (Ok(vec![]), 1, 3));
    let held = rows(&world, OWNER, "mqtt_retained", &Scan { columns: vec![0], ..Scan::default() });
    let held: Vec<&Cell> = held.iter().filter_map(|row| row.first()).collect();
    assert_eq!(held, [&Cell::Text(weight.into())]);
    world.verify();
}

#[test]
fn what_only_takes_away_a_retained_message_is_no_answer_and_no_report() {
    let mut world = world();
    let args = json!({"command": "unlock", "input": {"seconds": 5}});
    let given = world.call("device.command", "device/van-7", OWNER, args).expect("it is given");
    let answers = format!("devices/van-7/answers/{}", given["command"]);
    let (reported, gone) = ("devices/van-7/twin/reported", "devices/van-7/telemetry/gone");
    let call = retained(&[(answers.as_str(), ""), (reported, ""), (gone, "")]);
    assert_eq!(codes(world.turn(vec![call]).remove(0)), Ok(vec![]));
    let command = format!("command/{}", given["command"]);
    let shown = world.call("command.get", &command, OWNER, json!({})).expect("the command");
    assert_eq!(shown["state"], "waiting");
    assert_eq!(twin(&mut world, "van-7")["reported"]["version"], 0);
    world.verify();
}

#[test]
fn who_sends_events_alone_is_seen_all_the_same() {
    let mut world = world();
    open(&mut world);
    world.clock.pass(3_600_000);
    let event = world.messages("van-7", 0, &[("devices/van-7/events/door_opened", "{}", 1)]);
    assert_eq!(codes(world.turn(vec![event]).remove(0)), Ok(vec![]));
    let shown = world.call("device.get", "device/van-7", OWNER, json!({})).expect("the device");
    assert_eq!(shown["last_seen"], json!(Time(BEGIN + 3_600_000)));
    world.verify();
}

#[test]
fn a_commit_that_fails_acknowledges_nothing_and_remembers_nothing() {
    let memory = Arc::new(MemoryStore::new());
    let seen = Arc::new(FaultyStore::new(memory.clone() as Arc<dyn Store>, 1, Faults::default()));
    let mut world =
        World::behind(seen.clone() as Arc<dyn Store>, memory, device::Config::default());
    let writes = "permit (principal in Role::\"fleet-writer\", action == Action::\"stream.append\", resource);";
    let mut manifests = vans();
    manifests.extend([
        manifest("Role", "fleet-writer", json!({"summary": "Writes", "policies": writes})),
        device("van-7", "van"),
    ]);
    world
        .call("resource.apply", "resource/", "unit:init", json!({ "manifests": manifests }))
        .expect("vans are applied");
    let session = open(&mut world);
    seen.set_full(true);
    let refused = codes(world.turn(vec![connection(&session, &[(1, "1")])]).remove(0));
    assert!(refused.is_err(), "{refused:?}");
    seen.set_full(false);
    assert!(world.rows("van_weights").is_empty());
    assert_eq!(codes(world.turn(vec![connection(&session, &[(1, "1")])]).remove(0)), Ok(vec![]));
    assert_eq!(world.rows("van_weights").len(), 1);
    world.verify();
}

#[test]
fn a_clock_that_differs_is_noted_when_it_begins_and_when_it_ends() {
    let mut world = world();
    let position = |world: &World, at: &str, sent: Option<Time>| {
        let payload = format!("{{\"at\":\"{at}\",\"lat\":1}}");
        let mut call = world.messages("van-7", 0, &[]);
        let publish = Publish {
            topic: "devices/van-7/telemetry/position".into(),
            payload: payload.into_bytes().into(),
            qos: Qos::AtLeastOnce,
            retain: false,
            is_dup: false,
            packet: 1,
            alias: None,
            properties: None,
        };
        let read = device::publish::sent(&world.fleet, &world.reader(), "van-7").expect("a type");
        assert_eq!(read(&publish), sent);
        call.body = batch::encode(0, 0, &[publish], read);
        call
    };
    let skew = |world: &mut World| {
        let shown = world.call("device.get", "device/van-7", OWNER, json!({})).expect("the device");
        shown["presence"]["skew_ms"].clone()
    };
    let hour = 3_600_000;
    let right = position(&world, "2026-01-01T00:00:00Z", Some(Time(BEGIN)));
    world.turn(vec![right]);
    assert_eq!(skew(&mut world), Value::Null);
    for _ in 0..2 {
        let wrong = position(&world, "2026-01-01T01:00:00Z", Some(Time(BEGIN + hour)));
        assert_eq!(codes(world.turn(vec![wrong]).remove(0)), Ok(vec![]));
    }
    assert_eq!(skew(&mut world), json!(hour));
    let right = position(&world, "2026-01-01T00:04:00Z", Some(Time(BEGIN + 240_000)));
    world.turn(vec![right]);
    assert_eq!(skew(&mut world), Value::Null);
    assert_eq!(events(&mut world, "van-7"), ["clock_skewed", "clock_right"]);
    // Both times are in the row.
    let row = world.rows("van_positions").remove(1);
    assert_eq!(
        (&row["at"], &row["received_at"]),
        (&json!("2026-01-01T01:00:00Z"), &json!("2026-01-01T00:00:00Z"))
    );
}

#[test]
fn devices_without_mqtt_report_over_http() {
    let mut world = world();
    let json_one =
        report("van-7", ("channel", "position"), "application/json", r#"[{"lat":1},{"lat":2}]"#);
    let answer = world.made(json_one).expect("it is taken");
    assert_eq!(answer, json!({"appended": 2, "set_aside": 0, "faults": []}));
    let lines = report(
        "van-7",
        ("channel", "position"),
        "application/x-ndjson",
        "{\"lat\":3}\n\nno\n{\"device\":1}\n{\"lat\":4}\n",
    );
    let answer = world.made(lines).expect("it is taken");
    assert_eq!((&answer["appended"], &answer["set_aside"]), (&json!(2), &json!(2)));
    let rows: Vec<_> = answer["faults"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|fault| fault["row"].clone())
        .collect();
    assert_eq!(rows, [json!(2), json!(3)]);
    assert_eq!(world.rows("van_positions").len(), 4);
    let event = report("van-7", ("event", "door_opened"), "application/json", r#"{"door":"left"}"#);
    world.made(event).expect("it is taken");
    assert_eq!(world.rows("van_events")[0]["door"], "left");

    let refused = |world: &mut World, call: Call| code(world.made(call));
    let json = "application/json";
    assert_eq!(
        refused(&mut world, report("van-7", ("channel", "x"), json, "{}")),
        "device.channel"
    );
    assert_eq!(
        refused(&mut world, report("van-7", ("channel", "position"), json, " ")),
        "message.payload"
    );
    let neither = report("van-7", ("channel", "position"), json, "{}").with(json!({}));
    assert_eq!(refused(&mut world, neither), "call.invalid");

    let told = json!({"reported": {"battery": 50, "firmware": "2"}});
    let answer =
        world.call("device.tell", "device/van-7", "device:van-7", told).expect("it is taken");
    assert_eq!(answer, json!({"version": 1}));
    assert_eq!(twin(&mut world, "van-7")["reported"]["state"]["battery"], 50);
    let wrong = json!({"reported": {"battery": "half"}});
    assert_eq!(
        code(world.call("device.tell", "device/van-7", "device:van-7", wrong)),
        "twin.invalid"
    );
    let strange = world.call("device.tell", "device/van-7", "user:vera", json!({"reported": {}}));
    assert!(is_kept_out(Some(&code(strange))));

    let off = json!({"disabled": true});
    world.call("device.update", "device/van-7", OWNER, off).expect("it is disabled");
    assert_eq!(
        refused(&mut world, report("van-7", ("channel", "position"), json, "{}")),
        "device.disabled"
    );
    let messages = world.messages("van-7", 0, &[("devices/van-7/telemetry/position", "{}", 1)]);
    assert_eq!(codes(world.turn(vec![messages]).remove(0)), Err("device.disabled".into()));
    world.verify();
}

#[test]
fn application_topics_are_rows_where_they_have_a_stream() {
    let mut world = world();
    let topic = manifest(
        "Topic",
        "line-states",
        json!({
            "filter": "plant/+/line/+/state",
            "qos_max": 1,
            "retain": false,
            "message_bytes_max": 100,
            "stream": "line_states",
            "levels": {"device": 1, "line": 3},
            "columns": {"topic": "topic", "publisher": "publisher"},
            "roles": ["fleet-writer"],
        }),
    );
    let columns = [("line", "text"), ("topic", "text"), ("publisher", "text"), ("state", "text")];
    world.apply(json!([stream("line_states", &columns), topic])).expect("the topic is applied");
    let publish = |args: Value, media: &str, body: &str| {
        let mut call = of("topic.publish", "topic/line-states", OWNER).with(args);
        call.media = media.into();
        call.body = body.as_bytes().to_vec();
        call
    };
    let name = "plant/p1/line/7/state";
    let answer = world
        .made(publish(json!({"topic": name}), "application/json", r#"{"state":"up"}"#))
        .expect("it is taken");
    assert_eq!(answer, json!({"offset": 0}));
    let row = world.rows("line_states").remove(0);
    assert_eq!(row["device"], "p1");
    assert_eq!((&row["line"], &row["state"]), (&json!("7"), &json!("up")));
    assert_eq!((&row["topic"], &row["publisher"]), (&json!(name), &json!(OWNER)));

    let aside =
        world.made(publish(json!({"topic": name}), "text/plain", "up")).expect("it is kept");
    assert_eq!(aside["set_aside"], 1);
    assert_eq!(world.aside("line_states")[0]["by"], "topic:line-states");

    let refused = |world: &mut World, args: Value, body: &str| {
        code(world.made(publish(args, "application/json", body)))
    };
    let large = format!("{{\"state\":\"{}\"}}", "x".repeat(100));
    for (args, body, expected) in [
        (json!({"topic": "plant/p1"}), "{}", "topic.not_found"),
        (json!({"topic": "plant/+/line/7/state"}), "{}", "topic.name"),
        (json!({"topic": name, "qos": "2"}), "{}", "topic.name"),
        (json!({"topic": name, "qos": "3"}), "{}", "call.invalid"),
        (json!({"topic": name, "retain": "true"}), "{}", "topic.name"),
        (json!({"topic": name, "retain": "yes"}), "{}", "call.invalid"),
        (json!({}), "{}", "call.invalid"),
        (json!({ "topic": name }), large.as_str(), "message.too_large"),
    ] {
        assert_eq!(refused(&mut world, args.clone(), body), expected, "{args}");
    }
    assert_eq!(world.rows("line_states").len(), 1);
    let strange =
        world.call("topic.publish", "topic/line-states", "user:vera", json!({"topic": name}));
    assert!(is_kept_out(Some(&code(strange))));
}
