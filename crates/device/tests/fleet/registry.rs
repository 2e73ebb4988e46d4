//! Types and devices: what is declared, by whom it is found, by what it is known.

use crate::world::{OWNER, World, code, device, manifest, of, vans};
use device::Config;
use kernel::{Cell, Credential, Principal, Read, Reader, Scan};
use serde_json::{Value, json};

/// Returns a unit with the type `van`.
fn world() -> World {
    let mut world = World::new();
    world.apply(json!(vans())).expect("the vans are applied");
    world
}

/// Returns a device with all that a manifest of one can say.
fn full(name: &str, group: &str, city: &str) -> Value {
    let mut device = manifest(
        "Device",
        name,
        json!({
            "type": "van",
            "summary": "Brings parcels",
            "groups": [group],
            "place": {"name": "Campinas", "lat": -22.9, "lon": -47.06},
            "desired": {"interval_s": 30},
        }),
    );
    device["metadata"]["labels"] = json!({ "city": city });
    device
}

/// Returns the names of a list.
fn names(answer: &Value) -> Vec<&str> {
    let items = answer["items"].as_array().expect("items");
    items.iter().map(|item| item["name"].as_str().expect("a name")).collect()
}

fn list(world: &mut World, who: &str, args: Value) -> Value {
    world.call("device.list", "device/", who, args).expect("a list")
}

/// Returns the rows of a relation as a caller sees them, the columns as text.
pub fn rows(world: &World, who: &str, relation: &str, scan: &Scan) -> Vec<Vec<Cell>> {
    let caller = Principal::try_from(who.to_owned()).expect("a principal");
    let reader = Reader::new(&world.kernel, caller).expect("a reader");
    let relations = world.kernel.relations(&reader).expect("relations");
    let relation = relations.iter().find(|found| found.name == relation).expect("the relation");
    let mut rows = Vec::new();
    (relation.rows)(&reader, scan, &mut |row| {
        assert_eq!(row.len(), relation.columns.len(), "as many cells as columns");
        rows.push(row);
        Ok(true)
    })
    .expect("the rows are read");
    rows
}

#[test]
fn what_cannot_work_is_refused_with_its_place() {
    let mut world = world();
    let mut refused = |manifest: Value| {
        let problem = world.apply(json!([manifest])).expect_err("it is refused");
        let pointer = problem.place.and_then(|place| place.pointer).unwrap_or_default();
        format!("{} {pointer} {}", problem.code, problem.hint.unwrap_or_default())
    };
    let van = |spec: Value| manifest("DeviceType", "cart", spec);
    let channel = |channel: Value| json!({ "telemetry": [channel] });
    assert_eq!(
        refused(van(channel(json!({"name": "position", "stream": "van_position"})))),
        "device_type.invalid /spec/telemetry/0/stream did you mean `van_positions`?"
    );
    assert_eq!(
        refused(van(channel(json!({"name": "p", "stream": "van_positions", "time": "lat"})))),
        "device_type.invalid /spec/telemetry/0/time "
    );
    assert_eq!(
        refused(van(channel(json!({"name": "p", "stream": "van_positions", "value": "lats"})))),
        "device_type.invalid /spec/telemetry/0/value did you mean `lat`?"
    );
    let twice = ["a", "b"].map(|name| json!({"name": name, "stream": "van_positions"}));
    assert_eq!(
        refused(van(json!({ "telemetry": twice }))),
        "device_type.invalid /spec/telemetry/1/stream give each channel of telemetry a stream of its own"
    );
    assert_eq!(
        refused(van(
            json!({"properties": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]})
        )),
        "device_type.invalid /spec/properties/1/name "
    );
    assert_eq!(
        refused(van(json!({"properties": [{"name": "a", "type": "json", "indexed": true}]}))),
        "device_type.invalid /spec/properties/0/indexed bool, int, float and text can"
    );
    assert_eq!(
        refused(van(json!({"limits": {"messages": 0}}))),
        "device_type.invalid /spec/limits/messages "
    );
    let van = |spec: Value| manifest("Device", "van-1", spec);
    assert_eq!(
        refused(van(json!({"type": "vam"}))),
        "device.invalid /spec/type did you mean `van`?"
    );
    assert_eq!(
        refused(van(json!({"type": "van", "desired": {"battery": 1}}))),
        "device.invalid /spec/desired/battery only properties with `desired: true` can be"
    );
    assert_eq!(
        refused(van(json!({"type": "van", "groups": ["Night"]})))
            .split(' ')
            .take(2)
            .collect::<Vec<_>>(),
        ["device.invalid", "/spec/groups/0"]
    );
    assert_eq!(
        refused(van(json!({"type": "van", "place": {"lat": 91}}))),
        "device.invalid /spec/place/lat "
    );
    assert_eq!(
        refused(van(json!({"type": "van", "certificates": ["sha256:00"]}))),
        "device.invalid /spec/certificates/0 write `sha256:` and 64 hexadecimal digits"
    );
    world.verify();
}

#[test]
fn a_stream_of_devices_has_a_column_for_them() {
    let mut world = world();
    let stream = |schema: Value| manifest("Stream", "odd", json!({ "schema": schema }));
    let cart = |telemetry: &str| {
        let channel = json!({"name": "position", "stream": telemetry});
        manifest("DeviceType", "cart", json!({ "telemetry": [channel] }))
    };
    for schema in [
        json!([{"name": "kg", "type": "float"}]),
        json!([{"name": "device", "type": "int"}]),
        json!([{"name": "device", "type": "text"}, {"name": "received_at", "type": "text"}]),
    ] {
        let applied = world.apply(json!([stream(schema), cart("odd")]));
        assert_eq!(code(applied), "device_type.invalid");
    }
    // As both will stand: the stream comes with the type, in any order.
    let schema = json!([{"name": "device", "type": "text"}]);
    world.apply(json!([cart("odd"), stream(schema)])).expect("both are applied");
    let without = stream(json!([{"name": "kg", "type": "float"}]));
    assert_eq!(code(world.apply(json!([without]))), "device_type.in_use");
    let gone = world.call("resource.delete", "stream/odd", OWNER, json!({}));
    assert_eq!(code(gone), "device_type.in_use");
    world.call("resource.delete", "device_type/cart", OWNER, json!({})).expect("no device has it");
    world.call("resource.delete", "stream/odd", OWNER, json!({})).expect("no type has it");
}

#[test]
fn a_type_that_devices_have_stays() {
    let mut world = world();
    world.apply(json!([device("van-1", "van")])).expect("it is applied");
    let gone = world.call("resource.delete", "device_type/van", OWNER, json!({}));
    assert_eq!(code(gone), "device_type.in_use");
    world.call("device.delete", "device/van-1", OWNER, json!({})).expect("it is removed");
    world.call("resource.delete", "device_type/van", OWNER, json!({})).expect("it is removed");
    world.verify();
}

#[test]
fn lists_find_devices_by_all_that_is_said_of_them() {
    let mut world = world();
    let devices = json!([
        full("van-1", "night", "sp"),
        full("van-2", "night", "rj"),
        full("van-3", "day", "sp"),
        device("spare", "van"),
    ]);
    world.apply(devices).expect("they are applied");
    for (device, battery) in [("van-1", json!(20)), ("van-2", json!(20.0)), ("van-3", json!(80.5))]
    {
        let patch = json!({"reported": {"battery": battery}});
        let (on, who) = (format!("device/{device}"), format!("device:{device}"));
        world.call("device.tell", &on, &who, patch).expect("it is told");
    }
    for (args, found) in [
        (json!({}), vec!["spare", "van-1", "van-2", "van-3"]),
        (json!({"type": "van"}), vec!["spare", "van-1", "van-2", "van-3"]),
        (json!({"type": "cart"}), vec![]),
        (json!({"group": "night"}), vec!["van-1", "van-2"]),
        (json!({"group": "night", "label": "city=sp"}), vec!["van-1"]),
        (json!({"label": "city=sp"}), vec!["van-1", "van-3"]),
        (json!({"place": "Campinas"}), vec!["van-1", "van-2", "van-3"]),
        (json!({"state": "connected"}), vec![]),
        (json!({"owner": OWNER, "text": "PARCELS"}), vec!["van-1", "van-2", "van-3"]),
        (json!({"text": "spa"}), vec!["spare"]),
        (json!({"property": "battery", "value": "20"}), vec!["van-1", "van-2"]),
        (json!({"property": "battery", "value": "80.50", "type": "van"}), vec!["van-3"]),
        (json!({"property": "battery", "value": "full"}), vec![]),
    ] {
        let answer = list(&mut world, OWNER, args.clone());
        assert_eq!(names(&answer), found, "{args}");
        assert!(answer.get("next").is_none(), "{args}");
    }
    for (args, refused) in [
        (json!({"property": "firmware", "value": "1"}), "call.invalid"),
        (json!({"property": "battery"}), "call.invalid"),
        (json!({"label": "city"}), "call.invalid"),
    ] {
        assert_eq!(code(world.call("device.list", "device/", OWNER, args)), refused);
    }
    for (args, meant) in [
        (json!({"state": "conected"}), "connected"),
        (json!({"property": "batery", "value": "20"}), "battery"),
    ] {
        let refused = world.call("device.list", "device/", OWNER, args).expect_err("no such word");
        assert_eq!(refused.code, "call.invalid");
        assert_eq!(refused.hint, Some(format!("did you mean `{meant}`?")));
    }
    world.verify();
}

#[test]
fn a_list_goes_on_where_it_stopped_whatever_it_looks_at() {
    let config = Config { list_looks_max: 40, list_max: 20, ..Config::default() };
    let mut world = World::with(config);
    world.apply(json!(vans())).expect("the vans are applied");
    let create = |number: usize| {
        let groups = if number.is_multiple_of(7) { json!(["seventh"]) } else { json!([]) };
        let args = json!({"name": format!("van-{number:04}"), "type": "van", "groups": groups});
        of("device.create", "device/", "user:oskar").with(args)
    };
    for calls in (0..1_000).map(create).collect::<Vec<_>>().chunks(250) {
        let replies = world.turn(calls.to_vec());
        assert!(replies.iter().all(Result::is_ok), "{:?}", replies.first());
    }
    let mut all = |args: Value| {
        let (mut found, mut after) = (Vec::new(), String::new());
        for _ in 0..1_000 {
            let mut args = args.clone();
            args["after"] = json!(after);
            let answer = list(&mut world, "user:vera", args);
            assert!(names(&answer).len() <= 20);
            found.extend(names(&answer).into_iter().map(str::to_owned));
            match answer["next"].as_str() {
                Some(next) => after = next.to_owned(),
                None => return found,
            }
        }
        panic!("it comes to no end");
    };
    let expected: Vec<String> = (0..1_000).map(|number| format!("van-{number:04}")).collect();
    assert_eq!(all(json!({})), expected);
    assert_eq!(all(json!({"limit": 7, "type": "van"})), expected);
    let sevenths: Vec<String> = expected.iter().step_by(7).cloned().collect();
    assert_eq!(all(json!({"group": "seventh"})), sevenths);
    // Most of what is looked at is not wanted: pages may be empty, and still lead to the end.
    assert_eq!(all(json!({"text": "van-0999"})), ["van-0999"]);
    world.verify();
}

#[test]
fn a_device_is_registered_changed_and_removed_without_a_folder() {
    let mut world = world();
    let args = json!({
        "name": "van-9", "type": "van", "groups": ["night"], "labels": {"city": "sp"},
        "place": {"name": "Campinas"}, "desired": {"interval_s": 60},
    });
    let created = world.call("device.create", "device/", "user:oskar", args.clone());
    assert_eq!(created.expect("it is registered"), json!({"name": "van-9", "version": 1}));
    assert_eq!(code(world.call("device.create", "device/", "user:oskar", args)), "resource.taken");
    let shown =
        world.call("device.get", "device/van-9", "user:vera", json!({})).expect("it is shown");
    assert_eq!((&shown["owner"], &shown["state"]), (&json!("user:oskar"), &json!("never")));
    assert_eq!(shown["spec"]["desired"], json!({"interval_s": 60}));
    assert_eq!((&shown["labels"], &shown["presence"]), (&json!({"city": "sp"}), &Value::Null));
    let change = json!({"groups": ["day"], "place": null, "summary": "In repair"});
    let changed = world.call("device.update", "device/van-9", "user:oskar", change);
    assert_eq!(changed.expect("it is changed"), json!({"version": 2}));
    assert_eq!(names(&list(&mut world, OWNER, json!({"group": "night"}))), [""; 0]);
    assert_eq!(names(&list(&mut world, OWNER, json!({"group": "day"}))), ["van-9"]);
    assert_eq!(names(&list(&mut world, OWNER, json!({"place": "Campinas"}))), [""; 0]);
    let shown = world.call("device.get", "device/van-9", OWNER, json!({})).expect("it is shown");
    assert_eq!(shown["owner"], "user:oskar", "whoever answers for it stays");
    let bad = json!({"name": "Van 9", "type": "van"});
    assert_eq!(code(world.call("device.create", "device/", OWNER, bad)), "name.invalid");
    let other = json!({"name": "van-8", "type": "van", "owner": "user:olga"});
    let given = world.call("device.create", "device/", "user:oskar", other);
    assert_eq!(code(given), "policy.grant", "he does not stand for her");
    for (who, operation) in [("user:vera", "device.update"), ("device:van-9", "device.delete")] {
        let refused = world.call(operation, "device/van-9", who, json!({}));
        assert!(refused.is_err(), "{who} may not {operation}");
    }
    world.call("device.delete", "device/van-9", "user:oskar", json!({})).expect("it is removed");
    assert_eq!(names(&list(&mut world, OWNER, json!({}))), [""; 0]);
    world.verify();
}

#[test]
fn nothing_of_a_device_is_left_for_another_of_its_name() {
    let mut world = world();
    world.apply(json!([full("van-1", "night", "sp")])).expect("it is applied");
    let token = json!({"kind": "token"});
    let added = world.call("device.add_credential", "device/van-1", OWNER, token).expect("a token");
    let reported = json!({"reported": {"battery": 20, "firmware": "1.0"}});
    world.call("device.tell", "device/van-1", "device:van-1", reported).expect("it is told");
    world.call("device.delete", "device/van-1", OWNER, json!({})).expect("it is removed");
    let left = |world: &World| {
        let reader = world.reader();
        let pairs = reader.scan_prefix(kernel::key(b'A').as_ref(), 100).expect("a look");
        pairs.len()
    };
    assert_eq!(left(&world), 0, "no key of it is left");
    world.verify();
    let token = added["token"].as_str().expect("a token");
    let known = world.kernel.authenticate(&Credential::Bearer(token));
    assert_eq!(code(known), "token.invalid");
    world.apply(json!([device("van-1", "van")])).expect("another one is applied");
    let twin = world.call("device.twin", "device/van-1", OWNER, json!({})).expect("its twin");
    assert_eq!((&twin["reported"]["version"], &twin["desired"]["version"]), (&json!(0), &json!(0)));
    let shown = world.call("device.get", "device/van-1", OWNER, json!({})).expect("it is shown");
    assert_eq!(shown["credentials"], json!([]));
}

#[test]
fn a_device_is_known_by_its_tokens_until_they_are_ended() {
    let mut world = world();
    world.apply(json!([device("van-1", "van"), device("van-2", "van")])).expect("they are applied");
    let add = |world: &mut World, who: &str| {
        let args = json!({"kind": "token", "summary": "for the box"});
        world.call("device.add_credential", "device/van-1", who, args)
    };
    let added = add(&mut world, "user:oskar").expect("a token");
    let token = added["token"].as_str().expect("a token").to_owned();
    let identity = world.kernel.authenticate(&Credential::Bearer(&token)).expect("it is known");
    assert_eq!(identity.principal, Principal::Device("van-1".into()));
    let shown = world.call("device.get", "device/van-1", OWNER, json!({})).expect("it is shown");
    let credential = &shown["credentials"][0];
    assert_eq!((&credential["id"], &credential["kind"]), (&added["id"], &json!("token")));
    assert!(!shown.to_string().contains(&token), "it is shown once");
    assert!(credential.get("hash").is_none());
    let refused = code(add(&mut world, "user:vera"));
    assert_eq!(refused, "policy.forbidden");
    let id = json!({"id": added["id"]});
    let other = world.call("device.revoke_credential", "device/van-2", OWNER, id.clone());
    assert_eq!(code(other), "resource.not_found", "it is of another device");
    world.call("device.revoke_credential", "device/van-1", OWNER, id).expect("it is ended");
    assert_eq!(code(world.kernel.authenticate(&Credential::Bearer(&token))), "token.invalid");
    world.verify();
}

#[test]
fn a_certificate_stands_for_one_device() {
    let mut world = world();
    let (first, second) = (base::sha256(b"first"), base::sha256(b"second"));
    let text = |fingerprint: &[u8; 32]| format!("sha256:{}", base::hex(fingerprint));
    let named = |certificates: Value| {
        manifest("Device", "van-1", json!({"type": "van", "certificates": certificates}))
    };
    world
        .apply(json!([named(json!([text(&first)])), device("van-2", "van")]))
        .expect("they are applied");
    let whose = |world: &World, fingerprint: &[u8; 32]| {
        let identity = world.kernel.authenticate(&Credential::Certificate(fingerprint));
        identity.map_or_else(|problem| problem.code, |identity| identity.principal.to_string())
    };
    assert_eq!(whose(&world, &first), "device:van-1");
    let add = |world: &mut World, device: &str, fingerprint: &[u8; 32]| {
        let args = json!({"kind": "certificate", "certificate": text(fingerprint)});
        world.call("device.add_credential", &format!("device/{device}"), OWNER, args)
    };
    assert_eq!(code(add(&mut world, "van-2", &first)), "device.certificate");
    let added = add(&mut world, "van-2", &second).expect("it is added");
    assert_eq!(whose(&world, &second), "device:van-2");
    let taken = world.apply(json!([named(json!([text(&first), text(&second)]))]));
    assert_eq!(code(taken), "device.invalid");
    // What the manifest names goes with it; what was added goes by the operation.
    let shown = world.call("device.get", "device/van-1", OWNER, json!({})).expect("it is shown");
    let id = json!({"id": shown["credentials"][0]["id"]});
    let revoked = world.call("device.revoke_credential", "device/van-1", OWNER, id);
    assert_eq!(code(revoked), "device.certificate");
    world.apply(json!([named(json!([]))])).expect("it is applied");
    assert_eq!(whose(&world, &first), "token.invalid");
    let id = json!({"id": added["id"]});
    world.call("device.revoke_credential", "device/van-2", OWNER, id).expect("it is ended");
    assert_eq!(whose(&world, &second), "token.invalid");
    world.verify();
}

#[test]
fn policies_know_the_type_and_the_groups_of_a_device() {
    let mut world = world();
    let policies = r#"
        permit (principal in Role::"night", action == Action::"device.get", resource in Kind::"device")
        when { resource.groups.contains("night") && resource.parent == "van" };
        permit (principal in Role::"night", action == Action::"device.list", resource in Kind::"device");
    "#;
    world
        .apply(json!([
            manifest("Role", "night", json!({"summary": "Watches at night", "policies": policies})),
            manifest("User", "nina", json!({"roles": ["night"]})),
            full("van-1", "night", "sp"),
            full("van-2", "day", "sp"),
        ]))
        .expect("they are applied");
    assert_eq!(names(&list(&mut world, "user:nina", json!({}))), ["van-1"]);
    let seen = |world: &mut World, device: &str| {
        code(world.call("device.get", &format!("device/{device}"), "user:nina", json!({})))
    };
    assert_eq!(seen(&mut world, "van-1"), "ok");
    assert_ne!(seen(&mut world, "van-2"), "ok");
    let change = json!({"groups": ["night"]});
    world.call("device.update", "device/van-2", OWNER, change).expect("it is changed");
    assert_eq!(seen(&mut world, "van-2"), "ok");
    let shown = rows(&world, "user:nina", "devices", &Scan::default());
    assert_eq!(shown.len(), 2);
}

#[test]
fn sql_sees_devices_and_what_is_asked_for_of_them() {
    let mut world = world();
    world
        .apply(json!([
            full("van-1", "night", "sp"),
            full("van-2", "night", "rj"),
            device("spare", "van")
        ]))
        .expect("they are applied");
    let name = |row: &Vec<Cell>| match &row[0] {
        Cell::Text(name) => name.clone(),
        other => panic!("{other:?}"),
    };
    let found = |equals: Vec<(usize, Cell)>| -> Vec<String> {
        let scan = Scan { equals, ..Scan::default() };
        rows(&world, "user:vera", "devices", &scan).iter().map(name).collect()
    };
    let text = |text: &str| Cell::Text(text.into());
    assert_eq!(found(vec![]), ["spare", "van-1", "van-2"]);
    assert_eq!(found(vec![(0, text("van-1"))]), ["van-1"]);
    assert_eq!(found(vec![(0, text("van-7"))]), [""; 0]);
    assert_eq!(found(vec![(4, text("Campinas"))]), ["van-1", "van-2"]);
    assert_eq!(found(vec![(3, text("never")), (1, text("van"))]).len(), 3);
    let scan = Scan { columns: vec![13], equals: vec![(0, text("van-1"))], ..Scan::default() };
    assert_eq!(rows(&world, "user:vera", "devices", &scan)[0][13], Cell::Int(0));
}

#[test]
fn the_index_that_leaves_the_fewest_is_walked() {
    let mut world = World::with(Config { list_looks_max: 5, ..Config::default() });
    world.apply(json!(vans())).expect("the vans are applied");
    let vans = (0..20).map(|number| device(&format!("van-{number}"), "van"));
    world.apply(vans.collect()).expect("they are applied");
    let cart = manifest("DeviceType", "cart", json!({"summary": "Brings parcels to the van"}));
    world
        .apply(json!([cart, device("zoe", "cart"), device("zora", "cart")]))
        .expect("they are applied");
    for wanted in [
        json!({"type": "cart", "state": "never"}),
        json!({"type": "cart", "owner": OWNER, "state": "never"}),
    ] {
        let found = list(&mut world, OWNER, wanted);
        assert_eq!((names(&found), found.get("next")), (vec!["zoe", "zora"], None));
    }
    // Nobody is of this place: nothing is looked at.
    let found = list(&mut world, OWNER, json!({"type": "van", "place": "Nowhere"}));
    assert_eq!((names(&found).len(), found.get("next")), (0, None));
}

#[test]
fn many_devices_are_put_in_order_piece_by_piece() {
    let mut world = world();
    for numbers in [0..600, 600..1_100] {
        let devices = numbers.map(|number| device(&format!("van-{number}"), "van"));
        world.apply(devices.collect()).expect("they are applied");
    }
    // The first and the last by name.
    let tell = |world: &mut World, battery: u32| {
        for name in ["van-0", "van-99"] {
            let told = json!({"reported": {"battery": battery, "firmware": "1.0"}});
            let (resource, actor) = (format!("device/{name}"), format!("device:{name}"));
            world.call("device.tell", &resource, &actor, told).expect("it is told");
        }
    };
    tell(&mut world, 20);
    let mut van = vans().pop().expect("the type");
    van["spec"]["properties"][0]["indexed"] = json!(true);
    van["spec"]["properties"][1]["indexed"] = json!(false);
    world.apply(json!([van])).expect("it is applied");
    let wanted = json!({"property": "firmware", "value": "1.0"});
    let early = world.call("device.list", "device/", OWNER, wanted.clone());
    assert_eq!(code(early), "device.not_yet");
    world.verify();
    // What is reported meanwhile leaves nothing behind where it is not indexed any more.
    tell(&mut world, 30);
    world.settle();
    assert_eq!(names(&list(&mut world, OWNER, wanted)), ["van-0", "van-99"]);
    world.verify();
}

#[test]
fn a_change_of_a_type_changes_by_what_its_devices_are_found() {
    let mut world = world();
    world.apply(json!([device("van-1", "van")])).expect("it is applied");
    let reported = json!({"reported": {"battery": 20, "firmware": "1.0"}});
    world.call("device.tell", "device/van-1", "device:van-1", reported).expect("it is told");
    let mut vans = vans();
    let van = vans.last_mut().expect("the type");
    van["spec"]["properties"][0]["indexed"] = json!(true);
    van["spec"]["properties"][1]["indexed"] = json!(false);
    let van = van.clone();
    world.apply(json!([van])).expect("it is applied");
    let by = |property: &str, value: &str| json!({"property": property, "value": value});
    assert_eq!(names(&list(&mut world, OWNER, by("firmware", "1.0"))), ["van-1"]);
    assert_eq!(
        code(world.call("device.list", "device/", OWNER, by("battery", "20"))),
        "call.invalid"
    );
    world.verify();
    // Of another type, it is found by the properties of that one.
    let cart = json!({"properties": [{"name": "battery", "type": "float", "indexed": true}]});
    world
        .apply(json!([manifest("DeviceType", "cart", cart), device("van-1", "cart")]))
        .expect("applied");
    let mut of_cart = by("battery", "20");
    of_cart["type"] = json!("cart");
    assert_eq!(names(&list(&mut world, OWNER, of_cart)), ["van-1"]);
    world.verify();
    let world = world.again();
    world.verify();
}
