//! Clients at the doors of a unit: what they say, what they hear, and that nobody is harmed by another.

use crate::world::{Unit, Web, end, manifest, message, stream};
use device::client::{Client, Incoming, Options};
use device::mqtt::Version;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const POSITION: &str = "devices/van-7/telemetry/position";

/// A process that tells a van to unlock, and waits for its answer.
const OPENS: &str = r#"<?xml version="1.0"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="definitions">
  <bpmn:process id="opens" isExecutable="true">
    <bpmn:startEvent id="begin"/>
    <bpmn:sequenceFlow id="f1" sourceRef="begin" targetRef="unlock"/>
    <bpmn:serviceTask id="unlock">
      <bpmn:extensionElements>
        <zeebe:taskDefinition type="craton:device.command"/>
        <zeebe:taskHeaders>
          <zeebe:header key="resource" value="device/van-7"/>
          <zeebe:header key="command" value="unlock"/>
        </zeebe:taskHeaders>
        <zeebe:ioMapping>
          <zeebe:input source="={seconds: 5}" target="input"/>
          <zeebe:input source="=deadline" target="deadline"/>
          <zeebe:input source="=true" target="wait"/>
        </zeebe:ioMapping>
      </bpmn:extensionElements>
    </bpmn:serviceTask>
    <bpmn:sequenceFlow id="f2" sourceRef="unlock" targetRef="end"/>
    <bpmn:endEvent id="end"/>
  </bpmn:process>
</bpmn:definitions>"#;

#[test]
fn what_is_acknowledged_is_a_row_and_in_the_twin() {
    let unit = Unit::new();
    let mut van = unit.device("van-7");
    van.publish(POSITION, br#"{"lat": -22.9, "lon": -47.1}"#, 1).expect("sent");
    van.publish("devices/van-7/telemetry/weight", b"12.5", 2).expect("sent");
    van.publish("devices/van-7/twin/reported", br#"{"battery": 80}"#, 1).expect("sent");
    van.flush().expect("acknowledged");
    assert_eq!(unit.sql("SELECT device, lat, lon FROM van_positions"), "van-7,-22.9,-47.1");
    assert_eq!(unit.sql("SELECT kg FROM van_weights"), "12.5");
    let twin = unit.done("device.twin", "device/van-7", json!({}));
    let text = twin.to_string();
    assert!(text.contains("\"battery\":80"), "{text}");
    let telemetry = twin["telemetry"].as_object().expect("the channels");
    assert_eq!(telemetry.keys().collect::<Vec<_>>(), ["position", "weight"]);
    van.disconnect().expect("gone");
}

#[test]
fn telemetry_that_breaks_its_schema_is_kept_aside_and_its_device_is_told() {
    let unit = Unit::new();
    let mut van = unit.device("van-7");
    van.publish(POSITION, br#"{"lat": "north"}"#, 1).expect("sent");
    van.publish(POSITION, br#"{"lat": 1.5}"#, 1).expect("sent");
    van.flush().expect("both are kept");
    assert_eq!(van.set_aside(), 1);
    assert_eq!(unit.sql("SELECT lat FROM van_positions"), "1.5");
    assert_eq!(unit.sql("SELECT count(*) FROM van_positions_set_aside"), "1");
}

#[test]
fn a_device_reaches_its_own_topics_and_nothing_else() {
    let unit = Unit::new();
    let mut van = unit.device("van-7");
    for topic in
        ["devices/van-8/telemetry/position", "plant/line", "nowhere", "devices/van-7/presence"]
    {
        van.publish(topic, b"{}", 1).expect("sent");
        let problem = van.flush().expect_err("it is refused");
        assert!(problem.message.contains("0x87"), "{topic}: {}", problem.message);
    }
    for filter in ["devices/van-8/#", "devices/+/telemetry/#", "plant/#", "$SYS/#"] {
        let problem = van.subscribe(filter, 1).expect_err("it is refused");
        assert!(problem.message.contains("0x87"), "{filter}: {}", problem.message);
    }
    van.subscribe("devices/van-7/#", 1).expect("its own");
    assert_eq!(unit.sql("SELECT count(*) FROM van_positions"), "0");
    // 3.1.1 has no word for it: the connection ends, and the log says why.
    let (_, token) = unit.token("van-8");
    let options = Options { version: Version::V3, client: "old", ..Options::default() };
    let mut old = unit.connect(&token, options).expect("let in");
    old.publish(POSITION, b"{}", 1).expect("sent");
    assert_eq!(old.flush().expect_err("cut off").code, "mqtt.connection");
    let lines = unit.lines();
    assert!(lines.iter().any(|line| line.contains("device:van-8 as `old`")), "{lines:?}");
}

#[test]
fn who_cannot_say_who_he_is_is_not_let_in() {
    let unit = Unit::new();
    let (_, token) = unit.token("van-7");
    let refused = |token: &str, options: Options<'_>| {
        let problem = unit.connect(token, options).err().expect("refused");
        problem.message
    };
    let user = |user| Options { user: Some(user), client: "c", ..Options::default() };
    assert!(refused("craton_00", user("van-7")).contains("0x86"));
    assert!(refused(&token, user("van-8")).contains("0x86"));
    assert!(unit.connect(&token, user("device:van-7")).is_ok());
    let nobody = Options { client: "c", ..Options::default() };
    let problem = Client::connect(stream(unit.plain), nobody).err().expect("refused");
    assert!(problem.message.contains("0x86"), "{}", problem.message);
    let old = Options { version: Version::V3, ..nobody };
    let problem = Client::connect(stream(unit.plain), old).err().expect("refused");
    assert!(problem.message.contains("0x05"), "{}", problem.message);
}

#[test]
fn a_credential_that_is_revoked_ends_its_connection() {
    let unit = Unit::new();
    let is_connected = || {
        let shown = unit.done("device.get", "device/van-7", json!({}));
        shown["presence"]["connected"].as_bool().expect("it is known")
    };
    let (id, token) = unit.token("van-7");
    let mut van = unit.connect(&token, Options::default()).expect("let in");
    van.subscribe("devices/van-7/#", 1).expect("its own");
    assert!(is_connected());
    unit.done("device.revoke_credential", "device/van-7", json!({ "id": id }));
    assert_eq!(end(&mut van), 0x87);
    assert!(unit.connect(&token, Options::default()).is_err());
    unit.until("it is known to have gone", || !is_connected());
}

#[test]
fn a_credential_of_somebody_else_that_is_revoked_harms_nobody() {
    let unit = Unit::new();
    let mut van = unit.device("van-7");
    van.subscribe("devices/van-7/commands/#", 1).expect("its own");
    for _ in 0..3 {
        let (id, _) = unit.token("van-8");
        unit.done("device.revoke_credential", "device/van-8", json!({ "id": id }));
        van.publish(POSITION, br#"{"lat": 1.0}"#, 1).expect("sent");
        van.flush().expect("acknowledged");
    }
    let args = json!({"command": "unlock", "input": {"seconds": 5}});
    unit.done("device.command", "device/van-7", args);
    assert_eq!(message(&mut van).payload, br#"{"seconds":5}"#);
}

#[test]
fn every_client_that_may_be_connected_is_remembered_by_its_quota() {
    let most = kernel::Config::default().principals_max;
    let clients = device::Config::default().connections_max;
    // They are spread over tables that are not all equally full.
    assert!(2 * clients <= most, "{clients} clients, {most} principals");
}

#[test]
fn who_has_used_up_his_quota_leaves_all_the_same() {
    let unit = Unit::new();
    unit.done(
        "resource.apply",
        "resource/",
        json!({"manifests": [
            manifest("User", "ned", json!({"roles": ["owner"]})),
            manifest("Quota", "slow", json!({"for": "user/ned", "rate": 1})),
        ]}),
    );
    let made = unit.done("token.create", "token/", json!({"user": "ned"}));
    let token = made["token"].as_str().expect("a secret");
    let options = Options { client: "ned", is_clean: false, expiry: 600, ..Options::default() };
    // To come in is his call of this second: to go finds none left.
    unit.connect(token, options).expect("let in").disconnect().expect("gone");
    unit.until("his session is closed", || {
        let page = unit.done("mqtt_session.list", "mqtt_session/", json!({"client": "ned"}));
        page["items"][0]["connected"] == false
    });
    assert_eq!(unit.lines(), Vec::<String>::new());
}

#[test]
fn who_may_not_hear_any_more_hears_nothing_more() {
    let unit = Unit::new();
    let token = listener(&unit);
    let options = Options { client: "ned", ..Options::default() };
    let mut ned = unit.connect(&token, options).expect("in");
    let owner = unit.owner_token();
    let mut olga =
        unit.connect(&owner, Options { client: "olga", ..Options::default() }).expect("in");
    ned.subscribe("plant/#", 1).expect("he may");
    olga.publish("plant/line", b"before", 1).expect("sent");
    olga.flush().expect("acknowledged");
    assert_eq!(message(&mut ned).payload, b"before");
    listens(&unit, "");
    olga.publish("plant/line", b"after", 1).expect("sent");
    olga.flush().expect("acknowledged");
    ned.ping().expect("asked");
    assert_eq!(ned.next(), Ok(Incoming::Pong));
    assert!(ned.subscribe("plant/#", 1).is_err());
}

/// Says what the role `listener` may do.
fn listens(unit: &Unit, policies: &str) {
    let spec = json!({"summary": "Hears", "policies": policies});
    let manifests = json!([manifest("Role", "listener", spec)]);
    unit.done("resource.apply", "resource/", json!({ "manifests": manifests }));
}

/// Returns a token of the user `ned`, who may hear all topics by his role `listener`.
fn listener(unit: &Unit) -> String {
    listens(
        unit,
        "permit (principal in Role::\"listener\", action == Action::\"topic.subscribe\", resource);",
    );
    let manifests = json!([manifest("User", "ned", json!({"roles": ["listener"]}))]);
    unit.done("resource.apply", "resource/", json!({ "manifests": manifests }));
    let made = unit.done("token.create", "token/", json!({"user": "ned"}));
    made["token"].as_str().expect("a secret").to_owned()
}

#[test]
fn who_hears_a_device_by_its_group_hears_it_no_more_once_it_has_left_that() {
    let unit = Unit::new();
    let token = listener(&unit);
    listens(
        &unit,
        "permit (principal in Role::\"listener\", action == Action::\"device.subscribe\", resource in Kind::\"device\") \
         when { resource.groups.contains(\"night\") };",
    );
    let belong = |groups: Value| {
        unit.done("device.update", "device/van-7", json!({ "groups": groups }));
    };
    let options = Options { client: "ned", ..Options::default() };
    let mut ned = unit.connect(&token, options).expect("in");
    let mut van = unit.device("van-7");
    belong(json!(["night"]));
    ned.subscribe("devices/van-7/telemetry/#", 1).expect("he may");
    van.publish(POSITION, br#"{"lat": -22.9, "lon": -47.1}"#, 1).expect("sent");
    van.flush().expect("acknowledged");
    assert_eq!(message(&mut ned).topic, POSITION);
    belong(json!([]));
    van.publish(POSITION, br#"{"lat": -22.8, "lon": -47.1}"#, 1).expect("sent");
    van.flush().expect("acknowledged");
    ned.ping().expect("asked");
    assert_eq!(ned.next(), Ok(Incoming::Pong));
}

#[test]
fn what_was_found_for_a_slow_client_goes_with_its_right() {
    let unit = Unit::new();
    let token = listener(&unit);
    let options = Options { client: "ned", ..Options::default() };
    let mut ned = unit.connect(&token, options).expect("in");
    ned.subscribe("plant/#", 1).expect("he may");
    let owner = unit.owner_token();
    let mut olga =
        unit.connect(&owner, Options { client: "olga", ..Options::default() }).expect("in");
    let large = vec![b'x'; 60_000];
    for _ in 0..100 {
        olga.publish("plant/line", &large, 1).expect("sent");
    }
    olga.flush().expect("acknowledged");
    listens(&unit, "");
    let mut heard = 0;
    // What he acknowledges makes room for more, where there is more.
    for _ in 0..3 {
        ned.ping().expect("asked");
        loop {
            match ned.next().expect("something comes") {
                Incoming::Message(_) => heard += 1,
                Incoming::Pong => break,
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(heard < 20, "a mebibyte is on its way without acknowledgement: {heard} messages");
}

#[test]
fn a_second_connection_of_a_client_takes_over_what_the_first_has_not_heard() {
    let unit = Unit::new();
    let token = unit.owner_token();
    let options = Options { client: "reader", is_clean: false, expiry: 600, ..Options::default() };
    let mut first = unit.connect(&token, options).expect("let in");
    first.subscribe("plant/#", 1).expect("granted");
    let mut second = unit.connect(&token, options).expect("let in");
    assert!(second.is_present());
    assert_eq!(end(&mut first), 0x8E);
    let mut writer =
        unit.connect(&token, Options { client: "writer", ..Options::default() }).expect("in");
    writer.publish("plant/line", b"1", 1).expect("sent");
    writer.flush().expect("acknowledged");
    assert_eq!(message(&mut second).payload, b"1");
    second.disconnect().expect("gone");
    for number in 2..=5 {
        writer.publish("plant/line", number.to_string().as_bytes(), 1 + number % 2).expect("sent");
    }
    writer.flush().expect("acknowledged");
    let mut third = unit.connect(&token, options).expect("let in");
    assert!(third.is_present());
    let heard: Vec<Vec<u8>> = (2..=5).map(|_| message(&mut third).payload).collect();
    assert_eq!(heard, [b"2", b"3", b"4", b"5"]);
}

#[test]
fn a_will_is_published_when_its_client_is_gone_without_a_word() {
    let unit = Unit::new();
    let token = unit.owner_token();
    let mut watcher =
        unit.connect(&token, Options { client: "watcher", ..Options::default() }).expect("in");
    watcher.subscribe("plant/wills", 1).expect("granted");
    let will = |client| Options {
        client,
        will: Some(("plant/wills", &b"gone"[..])),
        ..Options::default()
    };
    unit.connect(&token, will("polite")).expect("in").disconnect().expect("gone");
    drop(unit.connect(&token, will("rude")).expect("in"));
    assert_eq!(message(&mut watcher).payload, b"gone");
    watcher.ping().expect("asked");
    assert_eq!(watcher.next(), Ok(Incoming::Pong), "the polite one has none");
}

#[test]
fn retained_messages_are_heard_by_who_comes_later() {
    let unit = Unit::new();
    let token = unit.owner_token();
    let mut writer =
        unit.connect(&token, Options { client: "writer", ..Options::default() }).expect("in");
    // More than are read at once.
    for number in 0..150 {
        writer.retain(&format!("plant/line/{number:03}"), b"on", 1).expect("sent");
    }
    writer.flush().expect("acknowledged");
    let mut reader =
        unit.connect(&token, Options { client: "reader", ..Options::default() }).expect("in");
    reader.subscribe("plant/line/+", 1).expect("granted");
    let heard: Vec<String> = (0..150)
        .map(|_| {
            let message = message(&mut reader);
            assert!(message.retain);
            message.topic
        })
        .collect();
    let all: Vec<String> = (0..150).map(|number| format!("plant/line/{number:03}")).collect();
    assert_eq!(heard, all);
}

#[test]
fn a_command_waits_for_its_device_and_its_answer_comes_back() {
    let unit = Unit::new();
    let give = || {
        let args = json!({"command": "unlock", "input": {"seconds": 5}});
        unit.done("device.command", "device/van-7", args)["command"].as_u64().expect("a number")
    };
    let state = |number: u64| {
        let shown = unit.done("command.get", &format!("command/{number}"), json!({}));
        shown["state"].as_str().expect("a state").to_owned()
    };
    let early = give();
    assert_eq!(state(early), "waiting");
    let mut van = unit.device("van-7");
    van.subscribe("devices/van-7/commands/#", 1).expect("its own");
    let told = message(&mut van);
    assert_eq!(told.topic, format!("devices/van-7/commands/unlock/{early}"));
    assert_eq!(told.payload, br#"{"seconds":5}"#);
    let answers = told.response_topic.expect("where the answer goes");
    unit.until("the unit knows that it is there", || state(early) == "sent");
    van.publish(&answers, br#"{"ok":true}"#, 1).expect("sent");
    van.flush().expect("acknowledged");
    assert_eq!(state(early), "answered");
    let late = give();
    assert_eq!(message(&mut van).topic, format!("devices/van-7/commands/unlock/{late}"));
    // The answer that came before it is given once.
    van.ping().expect("asked");
    assert_eq!(van.next(), Ok(Incoming::Pong));
}

#[test]
fn a_process_tells_a_device_once_and_waits_for_what_comes_of_it() {
    let unit = Unit::new();
    let policies =
        "permit (principal in Role::\"opener\", action == Action::\"device.command\", resource);";
    let role = manifest("Role", "opener", json!({"summary": "Opens", "policies": policies}));
    let process = manifest("Process", "opens", json!({"source": OPENS, "roles": ["opener"]}));
    unit.done("resource.apply", "resource/", json!({ "manifests": [role, process] }));
    let start = |deadline: &str| {
        let args = json!({"variables": {"deadline": deadline}});
        unit.done("process.start", "process/opens", args);
    };
    let answer = |answer: Value| {
        let waiting = "SELECT command FROM system.commands WHERE state = 'waiting'";
        unit.until("the command is given", || !unit.sql(waiting).is_empty());
        let command = format!("command/{}", unit.sql(waiting));
        unit.call("device:van-7", "command.answer", &command, answer).expect("it is its own");
    };
    start("PT5M");
    answer(json!({"output": {"ok": true}}));
    let completed = "SELECT count(*) FROM system.process_instances WHERE state = 'completed'";
    unit.until("the process goes on", || unit.sql(completed) == "1");
    start("PT5M");
    answer(json!({"error": "the lock is stuck"}));
    let incidents = "SELECT code FROM system.incidents ORDER BY code";
    unit.until("it stands still", || unit.sql(incidents) == "command.failed");
    start("PT1S");
    let both = "command.expired\ncommand.failed";
    unit.until("its time is up", || unit.sql(incidents) == both);
    // Whether the device has done it nobody knows: it is not told again.
    assert_eq!(unit.sql("SELECT count(*) FROM system.commands"), "3");
}

#[test]
fn a_flood_of_one_device_is_slowed_down_and_holds_up_nobody() {
    let unit = Unit::new();
    let limits = json!({"type": "slow"});
    unit.done(
        "resource.apply",
        "resource/",
        json!({"manifests": [
            manifest("DeviceType", "slow", json!({
                "roles": ["fleet-writer"],
                "telemetry": [{"name": "weight", "stream": "van_weights"}],
                "limits": {"messages": 200, "burst": 10},
            })),
            manifest("Device", "flooder", limits),
        ]}),
    );
    let mut flooder = unit.device("flooder");
    let mut van = unit.device("van-7");
    let clock = Arc::clone(unit.handle.kernel().clock());
    let is_over = Arc::new(AtomicBool::new(false));
    let (over, began) = (Arc::clone(&is_over), clock.monotonic());
    let flood = std::thread::spawn(move || {
        let payload = format!("{{\"kg\": 1.5{}}}", " ".repeat(1_000));
        for _ in 0..500 {
            flooder
                .publish("devices/flooder/telemetry/weight", payload.as_bytes(), 1)
                .expect("sent");
        }
        flooder.flush().expect("acknowledged, in its time");
        over.store(true, Ordering::SeqCst);
    });
    for _ in 0..20 {
        van.publish(POSITION, br#"{"lat": 1.0}"#, 1).expect("sent");
        van.flush().expect("acknowledged");
    }
    assert!(!is_over.load(Ordering::SeqCst), "the flood still goes on");
    flood.join().expect("it comes to its end");
    // What is read at once is taken, some sixty of a kilobyte each.
    assert!(1.0 < (clock.monotonic() - began).as_secs_f64());
    assert_eq!(unit.sql("SELECT count(*) FROM van_weights"), "500");
}

#[test]
fn a_flood_of_subscriptions_is_slowed_down_too() {
    let unit = Unit::new();
    unit.done(
        "resource.apply",
        "resource/",
        json!({"manifests": [
            manifest("DeviceType", "slow", json!({"limits": {"messages": 50, "burst": 10}})),
            manifest("Device", "flooder", json!({"type": "slow"})),
        ]}),
    );
    let mut flooder = unit.device("flooder");
    let clock = Arc::clone(unit.handle.kernel().clock());
    let began = clock.monotonic();
    for _ in 0..70 {
        flooder.subscribe("devices/flooder/#", 1).expect("its own");
    }
    assert!(1.0 < (clock.monotonic() - began).as_secs_f64());
}

#[test]
fn what_is_no_mqtt_harms_nobody() {
    let unit = Unit::new();
    let mut van = unit.device("van-7");
    let said: [&[u8]; 3] =
        [b"GET / HTTP/1.1\r\n\r\n", &[0x10, 0xFF, 0xFF, 0xFF, 0xFF, 1], &[0; 64]];
    for bytes in said {
        let mut stranger = stream(unit.plain);
        stranger.write_all(bytes).expect("said");
        let mut answer = Vec::new();
        // It is closed, or cut off.
        let _ = stranger.read_to_end(&mut answer);
        assert!(answer.len() < 32, "{answer:?}");
    }
    van.publish(POSITION, br#"{"lat": 1.0}"#, 1).expect("sent");
    van.flush().expect("acknowledged");
}

#[test]
fn the_same_is_spoken_over_websocket() {
    let unit = Unit::new();
    let refused = |path: &str, protocol: &str| Web::connect(unit.web, path, protocol).err();
    assert_eq!(refused("/", "mqtt").as_deref(), Some("404"));
    assert_eq!(refused("/mqtt", "chat").as_deref(), Some("400"));
    let (_, token) = unit.token("van-7");
    let web = Web::connect(unit.web, "/mqtt", "mqtt").expect("a WebSocket");
    let options =
        Options { client: "van-7", password: Some(token.as_bytes()), ..Options::default() };
    let mut van = Client::connect(web, options).expect("let in");
    van.subscribe("devices/van-7/commands/#", 1).expect("its own");
    let payload = format!("{{\"lat\": 1.0{}}}", " ".repeat(500));
    van.publish(POSITION, payload.as_bytes(), 1).expect("sent");
    van.flush().expect("acknowledged");
    assert_eq!(unit.sql("SELECT lat FROM van_positions"), "1.0");
    let args = json!({"command": "unlock", "input": {"seconds": 5}});
    unit.done("device.command", "device/van-7", args);
    assert_eq!(message(&mut van).payload, br#"{"seconds":5}"#);
}

#[test]
fn who_is_connected_is_told_that_the_unit_ends() {
    let unit = Unit::new();
    let mut van = unit.device("van-7");
    unit.until("it is connected", || {
        let shown = unit.done("device.get", "device/van-7", json!({}));
        shown.to_string().contains("\"connected\":true")
    });
    unit.stop();
    assert_eq!(end(&mut van), 0x8B);
    unit.until("its session is closed", || {
        let shown = unit.done("device.get", "device/van-7", json!({}));
        shown.to_string().contains("\"connected\":false")
    });
}
