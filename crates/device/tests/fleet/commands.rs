//! What devices are told: commands that wait for them, with a deadline, and bring their answer back.

use crate::world::{BEGIN, OWNER, World, code, device, of, vans};
use base::{Problem, Time};
use device::commands::{desired_of, open_of};
use device::publish::batch;
use kernel::{Address, Cell, Reply, Scan};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const MINUTE: i64 = 60_000;

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

fn give(world: &mut World, device: &str, args: Value) -> Result<u64, Problem> {
    let answer = world.call("device.command", &format!("device/{device}"), OWNER, args)?;
    assert_eq!(answer["state"], "waiting");
    Ok(answer["command"].as_u64().expect("a number"))
}

fn unlock(world: &mut World, device: &str) -> u64 {
    let args = json!({"command": "unlock", "input": {"seconds": 5}});
    give(world, device, args).expect("it is given")
}

fn get(world: &mut World, number: u64) -> Value {
    world.call("command.get", &format!("command/{number}"), OWNER, json!({})).expect("a command")
}

fn list(world: &mut World, actor: &str, args: Value) -> (Vec<u64>, Value) {
    let page = world.call("command.list", "command/", actor, args).expect("a page");
    let items = page["items"].as_array().cloned().unwrap_or_default();
    (items.iter().filter_map(|item| item["command"].as_u64()).collect(), page["next"].clone())
}

/// Answers a command as a device does over MQTT; returns the reason code.
fn answer(world: &mut World, device: &str, number: u64, payload: &str) -> u8 {
    let topic = format!("devices/{device}/answers/{number}");
    let call = world.messages(device, 0, &[(topic.as_str(), payload, 1)]);
    let reply = world.turn(vec![call]).remove(0).expect("it is answered").into_value();
    batch::outcomes(&reply).first().map_or(0, |outcome| outcome.code)
}

fn events(world: &mut World, name: &str) -> Vec<String> {
    let told = world
        .call("device.events", &format!("device/{name}"), OWNER, json!({"limit": 1000}))
        .expect("events");
    let items = told["items"].as_array().cloned().unwrap_or_default();
    items.iter().filter_map(|item| item["event"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_command_waits_for_its_device_and_brings_its_answer_back() {
    let mut world = world();
    let number = unlock(&mut world, "van-7");
    let pending = |world: &mut World, args: Value| {
        world.call("device.pending", "device/van-7", "device:van-7", args).expect("what is pending")
    };
    let first = pending(&mut world, json!({}));
    assert_eq!(first["commands"][0]["command"], number);
    assert_eq!(first["commands"][0]["input"], json!({"seconds": 5}));
    assert_eq!(
        first["commands"][0]["deadline"],
        json!(Time(BEGIN + 5 * MINUTE)),
        "the type says so"
    );
    assert!(first.get("desired").is_none());
    assert_eq!(pending(&mut world, json!({"after": number.to_string()}))["commands"], json!([]));

    // The device acknowledges it; nobody else can.
    let numbers = json!({ "numbers": [number] });
    for (actor, state) in [("device:van-8", "waiting"), ("device:van-7", "sent")] {
        world.call("command.sent", "command/", actor, numbers.clone()).expect("it is noted");
        assert_eq!(get(&mut world, number)["state"], state, "{actor}");
    }
    let name = format!("command/{number}");
    for wrong in [json!({"ouput": {"ok": true}}), json!({"output": {}, "error": "it is stuck"})] {
        let refused = world.call("command.answer", &name, "device:van-7", wrong);
        assert_eq!(code(refused), "call.invalid");
    }
    let told = world.call("command.answer", &name, "device:van-7", json!({"output": {"ok": true}}));
    assert_eq!(told.expect("it is taken"), json!({"command": number, "state": "answered"}));
    let shown = get(&mut world, number);
    assert_eq!((&shown["state"], &shown["output"]), (&json!("answered"), &json!({"ok": true})));
    assert_eq!(shown["by"], OWNER);
    assert_eq!(pending(&mut world, json!({}))["commands"], json!([]));
    assert_eq!(
        events(&mut world, "van-7"),
        ["command_waiting", "command_sent", "command_answered"]
    );

    let twice = world.call("command.answer", &name, "device:van-7", json!({}));
    assert_eq!(code(twice), "command.ended");
    let other = unlock(&mut world, "van-7");
    let strange =
        world.call("command.answer", &format!("command/{other}"), "device:van-8", json!({}));
    assert_ne!(code(strange), "ok");
    world.verify();
}

#[test]
fn over_mqtt_a_device_answers_on_its_topic() {
    let mut world = world();
    let done = unlock(&mut world, "van-7");
    assert_eq!(answer(&mut world, "van-8", done, "{}"), 0x87, "it is not its own");
    assert_eq!(answer(&mut world, "van-7", done, "no"), 0x83);
    assert_eq!(get(&mut world, done)["state"], "waiting");
    assert_eq!(answer(&mut world, "van-7", done, r#"{"ok":true}"#), 0);
    assert_eq!(get(&mut world, done)["output"], json!({"ok": true}));
    assert_eq!(answer(&mut world, "van-7", done, r#"{"ok":true}"#), 0x10, "it has answered before");
    assert_eq!(answer(&mut world, "van-7", 99, "{}"), 0x87);

    let failed = unlock(&mut world, "van-7");
    assert_eq!(answer(&mut world, "van-7", failed, r#"{"error":"the lock is stuck"}"#), 0);
    let shown = get(&mut world, failed);
    assert_eq!(
        (&shown["state"], &shown["problem"]),
        (&json!("failed"), &json!("the lock is stuck"))
    );

    // What does not fit the type is kept, and is no success.
    let odd = unlock(&mut world, "van-7");
    assert_eq!(answer(&mut world, "van-7", odd, r#"{"ok":"yes"}"#), 0);
    let shown = get(&mut world, odd);
    assert_eq!((&shown["state"], &shown["output"]), (&json!("failed"), &json!({"ok": "yes"})));
    let problem = shown["problem"].as_str().unwrap_or_default();
    assert!(problem.contains("expected bool"), "{problem}");
    world.verify();
}

#[test]
fn a_deadline_ends_a_command_and_what_ended_long_ago_is_forgotten() {
    let mut world = world();
    let short = unlock(&mut world, "van-7");
    let long = give(
        &mut world,
        "van-7",
        json!({"command": "unlock", "input": {"seconds": 1}, "deadline": "2026-01-02T00:00:00Z"}),
    )
    .expect("it is given");
    assert_eq!(world.kernel.due(&world.reader()).expect("due"), Some(Time(BEGIN + 5 * MINUTE)));
    world.clock.pass(5 * MINUTE);
    assert_eq!(answer(&mut world, "van-7", short, r#"{"ok":true}"#), 0x10, "it is too late");
    let shown = get(&mut world, short);
    assert_eq!(
        (&shown["state"], &shown["ended_at"]),
        (&json!("expired"), &json!(Time(BEGIN + 5 * MINUTE)))
    );
    assert_eq!(get(&mut world, long)["state"], "waiting");
    world.verify();

    world.clock.pass(200 * 24 * 60 * MINUTE);
    world.settle();
    assert_eq!(
        code(world.call("command.get", &format!("command/{short}"), OWNER, json!({}))),
        "resource.not_found"
    );
    // The other one expired in the same turn, a day after it was given: that is long ago too.
    world.settle();
    assert_eq!(list(&mut world, OWNER, json!({})).0, Vec::<u64>::new());
    world.verify();
}

#[test]
fn a_command_that_cannot_be_read_keeps_no_other_from_its_end() {
    let mut world = world();
    let [lost, early, late] = ["van-7", "van-7", "van-8"].map(|device| unlock(&mut world, device));
    let commands = kernel::key(b'B').text("c");
    let mut world = world.damaged(&commands, &lost.to_be_bytes());
    world.clock.pass(5 * MINUTE);
    world.settle();
    for number in [early, late] {
        assert_eq!(get(&mut world, number)["state"], "expired");
    }
    let mut world = world.damaged(&commands, &early.to_be_bytes());
    world.clock.pass(200 * 24 * 60 * MINUTE);
    world.settle();
    let gone = world.call("command.get", &format!("command/{late}"), OWNER, json!({}));
    assert_eq!(code(gone), "resource.not_found");
    let faults = world.log("system/faults");
    let faults: Vec<&Value> = faults.iter().map(|fault| &fault["command"]).collect();
    assert_eq!(faults, [&json!(lost), &json!(early)]);
}

#[test]
fn a_command_that_cannot_be_is_refused_with_its_place() {
    let mut world =
        with(device::Config { commands_open_device_max: 2, ..device::Config::default() });
    let input = json!({"seconds": 5});
    let refused = |world: &mut World, args: Value| {
        let problem = give(world, "van-7", args).expect_err("it is refused");
        let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
        format!("{} {place}", problem.code)
    };
    for (args, expected) in [
        (json!({"command": "unlock", "inptu": input}), "call.invalid "),
        (json!({"command": "unlokc", "input": input}), "command.invalid /command"),
        (json!({"command": "unlock"}), "command.invalid /input/seconds"),
        (json!({"command": "unlock", "input": {"seconds": "5"}}), "command.invalid /input/seconds"),
        (json!({"command": "unlock", "input": {"seconds": 5, "x": 1}}), "command.invalid /input/x"),
        (json!({"command": "unlock", "input": input, "wait": true}), "command.invalid /wait"),
        (
            json!({"command": "unlock", "input": input, "deadline": "2025-01-01"}),
            "command.invalid /deadline",
        ),
        (
            json!({"command": "unlock", "input": input, "deadline": "PT0S"}),
            "command.invalid /deadline",
        ),
        (
            json!({"command": "unlock", "input": input, "deadline": "soon"}),
            "time.invalid /deadline",
        ),
    ] {
        assert_eq!(refused(&mut world, args.clone()), expected, "{args}");
    }
    unlock(&mut world, "van-7");
    unlock(&mut world, "van-7");
    let args = json!({"command": "unlock", "input": input});
    assert_eq!(refused(&mut world, args.clone()), "mqtt.limit ");
    unlock(&mut world, "van-8");
    world
        .call("device.update", "device/van-8", OWNER, json!({"disabled": true}))
        .expect("disabled");
    assert_eq!(code(give(&mut world, "van-8", args)), "device.disabled");
    let strange =
        world.call("device.command", "device/van-7", "user:vera", json!({"command": "unlock"}));
    assert_ne!(code(strange), "ok");
}

#[test]
fn a_command_that_was_taken_back_is_over() {
    let mut world = world();
    let number = unlock(&mut world, "van-7");
    let name = format!("command/{number}");
    let cancelled = world.call("command.cancel", &name, OWNER, json!({})).expect("it is cancelled");
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(code(world.call("command.cancel", &name, OWNER, json!({}))), "command.ended");
    assert_eq!(answer(&mut world, "van-7", number, "{}"), 0x10);

    // Whoever waits is answered later.
    let args = json!({"command": "unlock", "input": {"seconds": 5}, "wait": true});
    let mut call = of("device.command", "device/van-7", OWNER).with(args);
    call.reply_to = Some(Address { engine: "others".into(), token: "t".into() });
    let reply = world.turn(vec![call]).remove(0).expect("it is given");
    assert!(matches!(reply, Reply::Later));
    world.verify();
    assert_eq!(answer(&mut world, "van-7", number + 1, r#"{"ok":true}"#), 0);
    world.verify();
    assert!(world.log("system/faults").is_empty());
}

#[test]
fn commands_and_desired_state_become_messages_while_they_are_open() {
    let mut world = world();
    let (first, second) = (unlock(&mut world, "van-7"), unlock(&mut world, "van-7"));
    unlock(&mut world, "van-8");
    let open = |world: &World, known: &[u64]| {
        let known: BTreeSet<u64> = known.iter().copied().collect();
        open_of(&world.reader(), "van-7", Time(world.clock.now()), &known).expect("messages")
    };
    world.clock.pass(MINUTE);
    let messages = open(&world, &[]);
    let topics: Vec<&str> = messages.iter().map(|message| &*message.topic).collect();
    assert_eq!(
        topics,
        [
            format!("devices/van-7/commands/unlock/{first}"),
            format!("devices/van-7/commands/unlock/{second}"),
        ]
    );
    let message = &messages[0];
    assert_eq!(&message.payload[..], br#"{"seconds":5}"#);
    let properties = message.properties.as_ref().expect("properties");
    assert_eq!(properties.expiry_secs, Some(240), "what is left of the deadline");
    assert_eq!(
        properties.response_topic.as_deref(),
        Some(&*format!("devices/van-7/answers/{first}"))
    );
    assert_eq!(properties.correlation.as_deref(), Some(first.to_string().as_bytes()));
    assert_eq!(open(&world, &[first]).len(), 1);

    // One that the device has acknowledged is sent again to a connection that does not know it; one that is over is not.
    world
        .call("command.sent", "command/", "device:van-7", json!({ "numbers": [first] }))
        .expect("it is noted");
    assert_eq!(open(&world, &[]).len(), 2);
    answer(&mut world, "van-7", first, r#"{"ok":true}"#);
    assert_eq!(open(&world, &[]).len(), 1);
    let mut world = world.again();
    assert_eq!(open(&world, &[]).len(), 1);

    let desired =
        |world: &World| desired_of(&world.fleet, &world.reader(), "van-7").expect("a look");
    assert!(desired(&world).is_none());
    let set = json!({"desired": {"interval_s": 30}});
    world.call("device.set", "device/van-7", OWNER, set).expect("it is desired");
    let (version, message) = desired(&world).expect("it is desired");
    assert_eq!((version, &*message.topic), (1, "devices/van-7/twin/desired"));
    let said: Value = serde_json::from_slice(&message.payload).expect("JSON");
    assert_eq!(said, json!({"version": 1, "state": {"interval_s": 30}}));
    let pending = |world: &mut World, known: &str| {
        let args = json!({"desired_version": known});
        world.call("device.pending", "device/van-7", "device:van-7", args).expect("what is pending")
    };
    assert_eq!(pending(&mut world, "0")["desired"], said);
    assert!(pending(&mut world, "1").get("desired").is_none());
}

#[test]
fn lists_show_the_newest_first_to_those_who_may_see_the_device() {
    let mut world = world();
    let seven: Vec<u64> = (0..3).map(|_| unlock(&mut world, "van-7")).collect();
    let eight = unlock(&mut world, "van-8");
    answer(&mut world, "van-7", seven[0], r#"{"ok":true}"#);
    let newest = |numbers: &[u64]| numbers.iter().rev().copied().collect::<Vec<u64>>();
    assert_eq!(list(&mut world, OWNER, json!({"device": "van-7"})).0, newest(&seven));
    assert_eq!(list(&mut world, OWNER, json!({"state": "answered"})).0, [seven[0]]);
    assert_eq!(
        list(&mut world, OWNER, json!({"device": "van-7", "state": "open"})).0,
        newest(&seven[1..])
    );
    let (page, next) = list(&mut world, OWNER, json!({"limit": "2"}));
    assert_eq!(page, [eight, seven[2]]);
    let (page, next) = list(&mut world, OWNER, json!({"limit": "2", "after": next}));
    assert_eq!(page, newest(&seven[..2]));
    assert_eq!(next, Value::Null, "that is all");
    assert_eq!(
        code(world.call("command.list", "command/", OWNER, json!({"state": "x"}))),
        "call.invalid"
    );

    let rows = |equals: Vec<(usize, Cell)>| {
        let reader =
            kernel::Reader::new(&world.kernel, of("x", "x", OWNER).actor).expect("a reader");
        let relations = world.kernel.relations(&reader).expect("relations");
        let relation = relations.into_iter().find(|relation| relation.name == "commands");
        let relation = relation.expect("system.commands");
        let mut rows = Vec::new();
        let scan =
            Scan { columns: (0..relation.columns.len()).collect(), equals, ..Scan::default() };
        (relation.rows)(&reader, &scan, &mut |row| {
            rows.push((row[0].clone(), row[3].clone()));
            Ok(true)
        })
        .expect("rows");
        rows
    };
    let cell =
        |number: u64, state: &str| (Cell::Int(number.cast_signed()), Cell::Text(state.into()));
    assert_eq!(rows(Vec::new()).len(), 4);
    assert_eq!(rows(vec![(1, Cell::Text("van-8".into()))]), [cell(eight, "waiting")]);
    assert_eq!(rows(vec![(0, Cell::Int(seven[0].cast_signed()))]), [cell(seven[0], "answered")]);
}

#[test]
fn the_commands_of_a_device_go_with_it() {
    let mut world = world();
    let gone = unlock(&mut world, "van-7");
    let answered = unlock(&mut world, "van-7");
    answer(&mut world, "van-7", answered, r#"{"ok":true}"#);
    let stays = unlock(&mut world, "van-8");
    world.call("device.delete", "device/van-7", OWNER, json!({})).expect("it is deleted");
    for number in [gone, answered] {
        let shown = world.call("command.get", &format!("command/{number}"), OWNER, json!({}));
        assert_eq!(code(shown), "resource.not_found");
    }
    assert_eq!(get(&mut world, stays)["device"], "van-8");
    world.verify();
}

#[test]
fn of_a_device_with_many_commands_nothing_is_left_for_another_of_its_name() {
    let mut world = world();
    for _ in 0..2 {
        let args = json!({"command": "unlock", "input": {"seconds": 5}});
        let give = of("device.command", "device/van-7", OWNER).with(args);
        let given = world.turn(vec![give; 600]).into_iter().map(|reply| {
            let reply = reply.expect("it is given").into_value();
            format!("command/{}", reply["command"])
        });
        let cancel = given.map(|command| of("command.cancel", &command, OWNER).with(json!({})));
        let cancel: Vec<_> = cancel.collect();
        assert!(world.turn(cancel).iter().all(Result::is_ok));
    }
    let create = json!({"name": "van-7", "type": "van"});
    let calls = vec![
        of("device.delete", "device/van-7", OWNER).with(json!({})),
        of("device.create", "device/", OWNER).with(create.clone()),
    ];
    let replies: Vec<String> = world.turn(calls).into_iter().map(code).collect();
    assert_eq!(replies, ["ok", "device.not_yet"]);
    world.verify();
    world.settle();
    world.call("device.create", "device/", OWNER, create).expect("it is another");
    assert_eq!(list(&mut world, OWNER, json!({"device": "van-7"})).0, Vec::<u64>::new());
    world.verify();
}
