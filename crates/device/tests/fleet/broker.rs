//! Who hears what: sessions, subscriptions, retained messages, wills, shared subscriptions, the log. Statements of MQTT that are held here
//! are named before each test, as `V3` (3.1.1) and `V5`.

use crate::world::{OWNER, World, code, device, manifest, of, stream, vans};
use device::Config;
use device::broker::feed::{held, read_on, retained_for};
use device::broker::{Nudge, Opened, Seat, Subscribed, topic};
use device::mqtt::{Delivery, Held, Left, Outgoing, Place, Publish, Qos, Stage};
use device::publish::batch;
use kernel::Read;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use store::{Faults, FaultyStore, MemoryStore, Store};

/// A client: its session, and what its connection was woken for.
struct Client {
    who: String,
    client: String,
    opened: Opened,
    seat: Arc<Seat>,
    nudges: Arc<Mutex<Vec<Nudge>>>,
}

impl Client {
    /// Connects with a session that lasts for an hour.
    fn durable(world: &mut World, who: &str, client: &str) -> Self {
        Self::with(world, who, client, json!({"is_clean": false, "expiry": 3_600}))
    }

    /// Connects with a session that ends with the connection.
    fn clean(world: &mut World, who: &str, client: &str) -> Self {
        Self::with(world, who, client, json!({"is_clean": true}))
    }

    fn with(world: &mut World, who: &str, client: &str, args: Value) -> Self {
        let opened = open(world, who, client, args).expect("it is let in");
        let seat = world.fleet.broker().seat(opened.session).expect("it has a seat");
        let nudges: Arc<Mutex<Vec<Nudge>>> = Arc::default();
        let heard = Arc::clone(&nudges);
        seat.attach(
            opened.generation,
            Arc::new(move |nudge| heard.lock().expect("a list").push(nudge)),
        );
        Self { who: who.into(), client: client.into(), opened, seat, nudges }
    }

    fn ids(&self) -> Value {
        json!({"session": self.opened.session, "generation": self.opened.generation})
    }

    fn ask(&self, world: &mut World, verb: &str, more: Value) -> Result<Value, base::Problem> {
        let mut args = self.ids();
        for (name, value) in more.as_object().expect("an object") {
            args[name] = value.clone();
        }
        world.call(&format!("mqtt_session.{verb}"), "mqtt_session/", &self.who, args)
    }

    /// Subscribes to one filter; returns the code, and whether it is new.
    fn subscribe(&self, world: &mut World, filter: &str, qos: u8) -> (u8, bool) {
        self.subscribe_with(world, filter, qos, json!({}), None)
    }

    fn subscribe_with(
        &self,
        world: &mut World,
        filter: &str,
        qos: u8,
        options: Value,
        id: Option<u32>,
    ) -> (u8, bool) {
        let option = |name: &str| options[name].as_bool().unwrap_or_default();
        let to = json!([{
            "filter": filter,
            "qos": qos,
            "no_local": option("no_local"),
            "retain_as_published": option("retain_as_published"),
            "retain_handling": 0,
        }]);
        let answer = self.ask(world, "subscribe", json!({"to": to, "id": id})).expect("an answer");
        let answer: Subscribed = serde_json::from_value(answer).expect("codes");
        (answer.codes[0], answer.is_new[0])
    }

    fn unsubscribe(&self, world: &mut World, filter: &str) -> bool {
        let answer = self.ask(world, "unsubscribe", json!({"filters": [filter]}));
        answer.expect("an answer")["existed"][0].as_bool().expect("yes or no")
    }

    /// Says something on an application topic.
    fn say(&self, world: &mut World, topic: &str, payload: &str, qos: u8) {
        let session = (self.opened.session, self.opened.generation);
        let said = say(world, &self.who, session, (topic, payload, qos, false));
        assert_eq!(said, Ok(Value::Null));
    }

    /// Takes what has come, from memory and from the log.
    fn take(&self, world: &World) -> Vec<Delivery> {
        let mut found = Vec::new();
        for _ in 0..1_000 {
            let taken = self.seat.take(1_000, &mut found);
            if !taken.is_lagging {
                return found;
            }
            let more = read_on(&world.kernel, world.fleet.broker(), &self.seat, 1_000);
            found.extend(more.expect("the log is read"));
        }
        panic!("it comes to no end");
    }

    /// Takes what has come and acknowledges it: topic, payload and QoS of each.
    fn hear(&self, world: &World) -> Vec<String> {
        let found = self.take(world);
        self.acknowledge(&found);
        texts(&found)
    }

    fn acknowledge(&self, deliveries: &[Delivery]) {
        let places: Vec<Place> = deliveries.iter().map(|delivery| delivery.place).collect();
        self.seat.handled(&places);
    }

    /// Ends the connection. What its client may have is left to the next one.
    fn leave(&self, world: &mut World, has: Vec<Delivery>, is_will_wanted: bool) {
        let mut outgoing = Outgoing::default();
        let mut kept = Vec::new();
        for (packet, delivery) in (1..).zip(has) {
            kept.push((packet, delivery.place, Stage::Sent));
            outgoing.held.insert(packet, Held { delivery, stage: Stage::Sent });
            outgoing.next = packet + 1;
        }
        let left = Left { outgoing, incoming: BTreeSet::new(), is_will_wanted, expiry: None };
        self.seat.left(self.opened.generation, left);
        let more = json!({"is_will_wanted": is_will_wanted, "held": kept});
        self.ask(world, "close", more).expect("it is closed");
    }

    fn quit(&self, world: &mut World) {
        self.leave(world, Vec::new(), false);
    }

    fn nudges(&self) -> Vec<Nudge> {
        std::mem::take(&mut *self.nudges.lock().expect("a list"))
    }
}

fn open(world: &mut World, who: &str, client: &str, more: Value) -> Result<Opened, base::Problem> {
    let mut args = json!({"client": client, "is_clean": true, "version": "v5"});
    for (name, value) in more.as_object().expect("an object") {
        args[name] = value.clone();
    }
    let opened = world.call("mqtt_session.open", "mqtt_session/", who, args)?;
    Ok(serde_json::from_value(opened).expect("a session"))
}

/// Says something on an application topic: name, payload, QoS, whether it is retained.
fn say(
    world: &mut World,
    who: &str,
    (session, generation): (u64, u64),
    (topic, payload, qos, retain): (&str, &str, u8, bool),
) -> Result<Value, base::Problem> {
    let publish = Publish {
        topic: topic.into(),
        payload: payload.as_bytes().to_vec().into(),
        qos: Qos::try_from(qos).expect("a QoS"),
        retain,
        is_dup: false,
        packet: u16::from(0 < qos),
        alias: None,
        properties: None,
    };
    let name = match topic.split_once('/') {
        Some(("open" | "closed", _)) => topic.split('/').next().unwrap_or_default(),
        _ => "all",
    };
    let mut call = of("topic.publish", &format!("topic/{name}"), who);
    call.media = batch::MEDIA.into();
    call.body = batch::encode(session, generation, &[publish], |_| None);
    world.made(call)
}

fn retain(world: &mut World, topic: &str, payload: &str) {
    assert_eq!(say(world, OWNER, (0, 0), (topic, payload, 1, true)), Ok(Value::Null));
}

/// Has a van say its weight at QoS 1.
fn weighs(world: &mut World, name: &str, weight: &str) {
    let topic = format!("devices/{name}/telemetry/weight");
    let call = world.messages(name, 0, &[(&topic, weight, 1)]);
    assert_eq!(world.made(call), Ok(Value::Null));
}

/// Has vans say the same weight, one after the other.
fn weigh(world: &mut World, names: &[&str], weight: &str) {
    for name in names {
        weighs(world, name, weight);
    }
}

/// Has a van say its weight, to be retained.
fn weighs_for_later(world: &mut World, name: &str, weight: &str) {
    let publish = Publish {
        topic: format!("devices/{name}/telemetry/weight").into(),
        payload: weight.as_bytes().to_vec().into(),
        qos: Qos::AtLeastOnce,
        retain: true,
        is_dup: false,
        packet: 1,
        alias: None,
        properties: None,
    };
    let mut call = of("device.publish", &format!("device/{name}"), &format!("device:{name}"));
    call.media = batch::MEDIA.into();
    call.body = batch::encode(0, 0, &[publish], |_| None);
    assert_eq!(world.made(call), Ok(Value::Null));
}

/// Returns how a message of [`weighs`] is shown.
fn weight(name: &str, weight: &str) -> String {
    format!("devices/{name}/telemetry/weight {weight} 1")
}

fn texts(deliveries: &[Delivery]) -> Vec<String> {
    let text = |delivery: &Delivery| {
        let payload = String::from_utf8_lossy(&delivery.message.payload).into_owned();
        format!("{} {payload} {}", delivery.message.topic, u8::from(delivery.qos))
    };
    deliveries.iter().map(text).collect()
}

/// A unit where one topic is declared, which all names belong to.
fn world() -> World {
    with(Config::default())
}

fn with(config: Config) -> World {
    let mut world = World::with(config);
    world.apply(json!([manifest("Topic", "all", json!({"filter": "#"}))])).expect("a topic");
    world
}

fn sweep(world: &mut World) {
    world.call("mqtt_session.sweep", "mqtt_session/", "unit:mqtt", json!({})).expect("a sweep");
}

/// Writes down how far everybody has come.
fn record(world: &mut World) {
    let sessions = world.fleet.broker().dirty(1_000);
    let args = json!({ "sessions": sessions });
    world.call("mqtt_session.record", "mqtt_session/", "unit:mqtt", args).expect("it is written");
}

/// Returns the retained messages that a client gets by one of its filters.
fn retained(world: &World, client: &Client, filter: &str) -> Vec<String> {
    let found = retained_for(&world.reader(), &client.seat, filter, None, 1_000);
    let (found, next) = found.expect("retained messages");
    assert_eq!(next, None);
    assert!(found.iter().all(|delivery| delivery.retain && delivery.place == Place::Retained));
    texts(&found)
}

/// V3 3.1.2-4, 3.1.2-6, 3.1.3-2, 3.1.4-3; V5 3.1.2-4, 3.1.2-5, 3.1.2-6, 3.1.3-2, 3.1.4-4.
#[test]
fn a_session_is_gone_on_with_or_begins_anew() {
    let mut world = world();
    let first = Client::durable(&mut world, OWNER, "c");
    assert!(!first.opened.is_present && first.opened.expiry == 3_600);
    assert_eq!(first.subscribe(&mut world, "a", 1), (1, true));
    first.quit(&mut world);
    let again = Client::durable(&mut world, OWNER, "c");
    assert!(again.opened.is_present && again.opened.session == first.opened.session);
    assert_eq!(again.opened.generation, first.opened.generation + 1);
    assert_eq!(again.subscribe(&mut world, "a", 1), (1, false));
    // Another's client of the same name has another session.
    let other = Client::durable(&mut world, "user:oskar", "c");
    assert!(!other.opened.is_present && other.opened.session != first.opened.session);
    again.quit(&mut world);
    let clean = Client::clean(&mut world, OWNER, "c");
    assert!(!clean.opened.is_present && clean.opened.session != first.opened.session);
    clean.subscribe(&mut world, "a", 1);
    clean.quit(&mut world);
    // It has ended with its connection.
    assert!(world.fleet.broker().seat(clean.opened.session).is_none());
    assert!(!Client::durable(&mut world, OWNER, "c").opened.is_present);
    world.verify();
}

/// V3 3.1.2-5; V5 3.1.2-23.
#[test]
fn what_is_said_while_a_client_is_away_waits_for_it_also_over_a_restart() {
    let mut world = world();
    let hearer = Client::durable(&mut world, OWNER, "hearer");
    hearer.subscribe(&mut world, "a/+", 2);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    speaker.say(&mut world, "a/0", "before", 1);
    let before = hearer.take(&world);
    assert_eq!(texts(&before), ["a/0 before 1"]);
    hearer.leave(&mut world, before, true);
    for number in 0..3 {
        speaker.say(&mut world, "a/1", &number.to_string(), 1 + number % 2);
        speaker.say(&mut world, "b", "for nobody", 1);
        speaker.say(&mut world, "a/1", "not kept", 0);
    }
    let shown = world.call(
        "mqtt_session.get",
        &format!("mqtt_session/{}", hearer.opened.session),
        OWNER,
        json!({}),
    );
    assert_eq!(shown.expect("a session")["queued"], 3);
    record(&mut world);
    let mut world = world.again();
    let again = Client::durable(&mut world, OWNER, "hearer");
    assert_eq!(again.opened.held, [(1, Place::Log(0), Stage::Sent)], "with its own identifier");
    let outgoing = held(&world.kernel, &again.seat, &again.opened.held).expect("what it has");
    let kept = &outgoing.held[&1].delivery;
    assert_eq!(
        (texts(std::slice::from_ref(kept)), outgoing.next),
        (vec!["a/0 before 1".into()], 2)
    );
    assert_eq!(again.hear(&world), ["a/1 0 1", "a/1 1 2", "a/1 2 1"]);
    again.seat.handled(&[Place::Log(0)]);
    again.quit(&mut world);
    let last = Client::durable(&mut world, OWNER, "hearer");
    assert_eq!(last.hear(&world), Vec::<String>::new());
    assert!(last.opened.held.is_empty());
    world.verify();
}

#[test]
fn progress_is_written_down_of_sessions_that_stay() {
    let mut world = world();
    let clean = Client::clean(&mut world, OWNER, "clean");
    let kept = Client::durable(&mut world, OWNER, "kept");
    assert!(clean.opened.session < kept.opened.session);
    clean.quit(&mut world);
    kept.quit(&mut world);
    assert_eq!(world.fleet.broker().dirty(1), [kept.opened.session]);
    assert!(world.fleet.broker().dirty(1).is_empty());
}

/// V3 3.1.4-2; V5 3.1.4-3.
#[test]
fn an_older_connection_of_a_client_is_ended_and_says_nothing_more() {
    let mut world = world();
    let older = Client::durable(&mut world, OWNER, "c");
    older.subscribe(&mut world, "a", 1);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    speaker.say(&mut world, "a", "1", 1);
    let has = older.take(&world);
    let newer = Client::durable(&mut world, OWNER, "c");
    assert_eq!(older.nudges().last(), Some(&Nudge::Ended { code: 0x8E }));
    assert!(!newer.seat.is_left());
    let late = say(&mut world, OWNER, (older.opened.session, 1), ("a", "late", 1, false));
    assert_eq!(code(late), "mqtt_session.not_found");
    assert_eq!(
        code(older.ask(&mut world, "release", json!({"packets": [1]}))),
        "mqtt_session.not_found"
    );
    let closed = older.ask(&mut world, "close", json!({"is_will_wanted": true}));
    assert_eq!(closed.expect("an answer")["closed"], false);
    // What its client has the newer one goes on with.
    let mut outgoing = Outgoing::default();
    outgoing.held.insert(9, Held { delivery: has[0].clone(), stage: Stage::Sent });
    let left = Left { outgoing, incoming: BTreeSet::new(), is_will_wanted: true, expiry: None };
    older.seat.left(1, left);
    assert!(newer.seat.is_left());
    let left = newer.seat.attach(2, Arc::new(|_| {})).expect("what was left");
    assert_eq!(left.outgoing.held.keys().collect::<Vec<_>>(), [&9]);
    assert_eq!(newer.hear(&world), Vec::<String>::new(), "it is on its way already");
    // A clean start takes over too, and what was there goes.
    let clean = Client::clean(&mut world, OWNER, "c");
    assert!(!clean.opened.is_present);
    world.verify();
}

#[test]
fn who_leaves_too_late_leaves_nothing_to_the_next_but_one() {
    let mut world = world();
    let left = |packet: u16, delivery: &Delivery| {
        let held = Held { delivery: delivery.clone(), stage: Stage::Sent };
        let outgoing = Outgoing { next: packet + 1, held: [(packet, held)].into() };
        Left { outgoing, incoming: BTreeSet::new(), is_will_wanted: true, expiry: None }
    };
    let first = Client::durable(&mut world, OWNER, "c");
    first.subscribe(&mut world, "a", 1);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    speaker.say(&mut world, "a", "1", 1);
    let has = first.take(&world);
    let second = Client::durable(&mut world, OWNER, "c");
    // It waits for the first no longer, and goes on with what stands in the store.
    assert!(second.seat.attach(2, Arc::new(|_| {})).is_none());
    assert!(second.seat.is_left());
    let again = second.take(&world);
    assert_eq!(texts(&again), ["a 1 1"]);
    first.seat.left(1, left(7, &has[0]));
    let third = Client::durable(&mut world, OWNER, "c");
    assert!(!third.seat.is_left(), "the second has still to leave");
    first.seat.left(1, left(7, &has[0]));
    assert!(!third.seat.is_left());
    third.seat.left(2, left(8, &again[0]));
    let found = third.seat.attach(3, Arc::new(|_| {})).expect("what the second has left");
    assert_eq!(found.outgoing.held.into_keys().collect::<Vec<u16>>(), [8]);
    // One that was taken over before it sat down takes nothing away.
    third.seat.left(3, left(9, &again[0]));
    let late = open(&mut world, OWNER, "c", json!({"is_clean": false, "expiry": 60})).expect("in");
    let last = open(&mut world, OWNER, "c", json!({"is_clean": false, "expiry": 60})).expect("in");
    assert!(third.seat.attach(late.generation, Arc::new(|_| {})).is_none());
    let found = third.seat.attach(last.generation, Arc::new(|_| {})).expect("what was left");
    assert_eq!(found.outgoing.held.into_keys().collect::<Vec<u16>>(), [9]);
}

#[test]
fn who_is_turned_away_at_his_seat_leaves_it_as_it_was() {
    let mut world = world();
    let client = Client::durable(&mut world, OWNER, "c");
    client.subscribe(&mut world, "a", 1);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    speaker.say(&mut world, "a", "1", 1);
    let has = client.take(&world);
    client.leave(&mut world, has, false);
    let again = json!({"is_clean": false, "expiry": 3_600});
    let opened = open(&mut world, OWNER, "c", again.clone()).expect("it is let in");
    assert!(client.seat.attach(opened.generation, Arc::new(|_| {})).is_none());
    client.seat.vacate(opened.generation, &opened.held);
    speaker.say(&mut world, "a", "2", 1);
    let opened = open(&mut world, OWNER, "c", again).expect("it is let in");
    assert!(client.seat.is_left(), "nobody is waited for");
    assert!(client.seat.attach(opened.generation, Arc::new(|_| {})).is_none());
    assert_eq!(opened.held, [(1, Place::Log(0), Stage::Sent)]);
    assert_eq!(client.hear(&world), ["a 2 1"]);
    world.verify();
}

#[test]
fn what_an_absent_client_may_have_stands_in_the_store_alone() {
    let mut world = world();
    let client = Client::durable(&mut world, OWNER, "c");
    client.subscribe(&mut world, "a", 1);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    for payload in ["1", "2", "3"] {
        speaker.say(&mut world, "a", payload, 1);
    }
    let mut has = client.take(&world);
    client.acknowledge(&has.split_off(2));
    client.leave(&mut world, has, false);
    let args = json!({"is_clean": false, "expiry": 3_600});
    let opened = open(&mut world, OWNER, "c", args).expect("it is let in");
    let left = client.seat.attach(opened.generation, Arc::new(|_| {}));
    assert!(left.is_none(), "nothing of it is in memory");
    let outgoing = held(&world.kernel, &client.seat, &opened.held).expect("what it has");
    let has: Vec<Delivery> = outgoing.held.into_values().map(|held| held.delivery).collect();
    assert_eq!((texts(&has), outgoing.next), (vec!["a 1 1".into(), "a 2 1".into()], 3));
    assert_eq!(client.hear(&world), Vec::<String>::new(), "it is on its way");
    world.verify();
}

/// V3 3.1.2-16, 3.1.2-17; V5 3.1.2-14, 3.1.2-15.
#[test]
fn a_will_is_published_where_the_client_has_said_no_word() {
    let mut world = world();
    let hearer = Client::clean(&mut world, OWNER, "hearer");
    hearer.subscribe(&mut world, "wills/#", 1);
    let will = |topic: &str, retain: bool, delay: u32| {
        json!({"publish": {"topic": topic, "payload": [103, 111, 110, 101], "qos": 1, "retain": retain,
            "is_dup": false, "packet": 0, "alias": null, "properties": null}, "delay_secs": delay})
    };
    let with = |will: Value| json!({"is_clean": true, "will": will});
    let quiet = Client::with(&mut world, OWNER, "c", with(will("wills/quiet", false, 0)));
    quiet.leave(&mut world, Vec::new(), false);
    assert_eq!(hearer.hear(&world), Vec::<String>::new());
    let lost = Client::with(&mut world, OWNER, "c", with(will("wills/lost", false, 0)));
    lost.leave(&mut world, Vec::new(), true);
    assert_eq!(hearer.hear(&world), ["wills/lost gone 1"]);
    let kept = Client::with(&mut world, OWNER, "c", with(will("wills/kept", true, 0)));
    kept.leave(&mut world, Vec::new(), true);
    assert_eq!(hearer.hear(&world), ["wills/kept gone 1"]);
    assert_eq!(retained(&world, &hearer, "wills/#"), ["wills/kept gone 1"]);
    // One that takes its own session over has left the older connection without a word.
    Client::with(&mut world, OWNER, "c", with(will("wills/over", false, 0)));
    Client::clean(&mut world, OWNER, "c");
    assert_eq!(hearer.hear(&world), ["wills/over gone 1"]);
    world.verify();
}

/// V5 3.1.3-9, 4.1.0-2.
#[test]
fn a_will_waits_for_its_delay_and_a_session_ends_when_its_time_is_over() {
    let mut world = world();
    let hearer = Client::clean(&mut world, OWNER, "hearer");
    hearer.subscribe(&mut world, "wills/#", 0);
    let args = |expiry: u32| {
        let publish = json!({"topic": "wills/c", "payload": [120], "qos": 0, "retain": false, "is_dup": false,
            "packet": 0, "alias": null, "properties": null});
        json!({"is_clean": false, "expiry": expiry, "will": {"publish": publish, "delay_secs": 60}})
    };
    let first = Client::with(&mut world, OWNER, "c", args(100));
    first.leave(&mut world, Vec::new(), true);
    let due = world.fleet.broker().next_due(&world.reader()).expect("a look").expect("something");
    assert_eq!(due.0, world.clock.now() + 60_000);
    world.clock.pass(59_000);
    sweep(&mut world);
    // Back in time: no will.
    let second = Client::with(&mut world, OWNER, "c", args(100));
    assert!(second.opened.is_present);
    world.clock.pass(10_000);
    sweep(&mut world);
    assert_eq!(hearer.hear(&world), Vec::<String>::new());
    second.leave(&mut world, Vec::new(), true);
    world.clock.pass(60_000);
    sweep(&mut world);
    assert_eq!(hearer.hear(&world), ["wills/c x 0"]);
    world.verify();
    world.clock.pass(40_000);
    sweep(&mut world);
    assert!(world.fleet.broker().seat(second.opened.session).is_none());
    assert_eq!(hearer.hear(&world), Vec::<String>::new(), "one will, once");
    // A session that ends earlier takes the will along.
    let short = Client::with(&mut world, OWNER, "c", args(30));
    assert!(!short.opened.is_present);
    short.leave(&mut world, Vec::new(), true);
    world.clock.pass(30_000);
    sweep(&mut world);
    assert_eq!(hearer.hear(&world), ["wills/c x 0"]);
    assert_eq!(world.fleet.broker().next_due(&world.reader()).expect("a look"), None);
    world.verify();
}

#[test]
fn a_session_that_cannot_be_read_keeps_no_other_from_being_swept() {
    let mut world = world();
    retain(&mut world, "kept", "x");
    let [lost, silent, good] = ["lost", "silent", "good"].map(|name| {
        let publish = json!({"topic": format!("wills/{name}"), "payload": [120], "qos": 0, "retain": false,
            "is_dup": false, "packet": 0, "alias": null, "properties": null});
        let args = json!({"is_clean": false, "expiry": 100, "will": {"publish": publish, "delay_secs": 60}});
        let client = Client::with(&mut world, OWNER, name, args);
        client.leave(&mut world, Vec::new(), true);
        client.opened.session
    });
    let rows = |section: &str| kernel::key(b'C').text(section);
    let world = world.damaged(&rows("n"), &lost.to_be_bytes());
    let world = world.damaged(&rows("t"), b"kept");
    let mut world = world.damaged(&rows("w"), &silent.to_be_bytes());
    let hearer = Client::clean(&mut world, OWNER, "hearer");
    hearer.subscribe(&mut world, "wills/#", 0);
    world.clock.pass(60_000);
    sweep(&mut world);
    assert_eq!(hearer.hear(&world), ["wills/good x 0"]);
    world.clock.pass(40_000);
    sweep(&mut world);
    for ended in [silent, good] {
        assert!(world.fleet.broker().seat(ended).is_none());
    }
    let faults = world.log("system/faults");
    let faults: Vec<&Value> = faults.iter().map(|fault| &fault["session"]).collect();
    assert_eq!(faults, [&json!(lost), &json!(silent), &json!(lost)]);
    assert_eq!(world.fleet.broker().next_due(&world.reader()).expect("a look"), None);
}

/// V3 3.3.1-5, 3.3.1-6, 3.3.1-7, 3.3.1-10, 3.3.1-11, 3.1.2-7; V5 3.3.1-5, 3.3.1-6, 3.3.1-7, 3.3.1-9, 3.3.1-10, 3.3.1-11.
#[test]
fn the_last_retained_message_of_a_topic_waits_for_new_subscribers() {
    let mut world = world();
    retain(&mut world, "a/1", "old");
    retain(&mut world, "a/1", "new");
    retain(&mut world, "a/2", "x");
    retain(&mut world, "b", "y");
    assert_eq!(say(&mut world, OWNER, (0, 0), ("a/2", "not retained", 1, false)), Ok(Value::Null));
    let hearer = Client::durable(&mut world, OWNER, "hearer");
    // Which the door sends by retain handling: always, where it is new, never.
    assert_eq!(hearer.subscribe(&mut world, "a/+", 2), (2, true));
    assert_eq!(hearer.subscribe(&mut world, "a/+", 2), (2, false));
    assert_eq!(retained(&world, &hearer, "a/+"), ["a/1 new 1", "a/2 x 1"]);
    hearer.subscribe(&mut world, "b", 0);
    assert_eq!(retained(&world, &hearer, "b"), ["b y 0"]);
    let page = retained_for(&world.reader(), &hearer.seat, "a/+", None, 1).expect("a page");
    assert_eq!((texts(&page.0), page.1.as_deref()), (vec!["a/1 new 1".into()], Some("a/1")));
    let page = retained_for(&world.reader(), &hearer.seat, "a/+", Some("a/1"), 9).expect("a page");
    assert_eq!((texts(&page.0), page.1), (vec!["a/2 x 1".into()], None));
    // An empty one removes, is passed on, and is not kept itself.
    retain(&mut world, "a/1", "");
    assert_eq!(hearer.hear(&world), ["a/1  1"]);
    assert_eq!(retained(&world, &hearer, "a/+"), ["a/2 x 1"]);
    // One at QoS 0 takes the place of another.
    assert_eq!(say(&mut world, OWNER, (0, 0), ("a/2", "z", 0, true)), Ok(Value::Null));
    assert_eq!(hearer.hear(&world), ["a/2 z 0"]);
    // They are no part of a session, and stay over a restart.
    hearer.quit(&mut world);
    let clean = Client::clean(&mut world, OWNER, "hearer");
    clean.quit(&mut world);
    let mut world = world.again();
    let again = Client::clean(&mut world, OWNER, "hearer");
    again.subscribe(&mut world, "#", 1);
    assert_eq!(retained(&world, &again, "#"), ["a/2 z 0", "b y 1"]);
    world.verify();
}

#[test]
fn a_device_gets_what_is_retained_of_its_own_by_a_filter_that_begins_wild() {
    let mut world = world();
    world.apply(json!(vans())).expect("a type");
    world.apply(json!([device("van-1", "van"), device("van-2", "van")])).expect("devices");
    for name in ["van-1", "van-2"] {
        weighs_for_later(&mut world, name, "12.5");
    }
    retain(&mut world, "x/van-1/telemetry/weight", "1");
    let van = Client::clean(&mut world, "device:van-1", "van-1");
    assert_eq!(van.subscribe(&mut world, "+/van-1/telemetry/+", 1), (1, true));
    let expected = ["devices/van-1/telemetry/weight 12.5 1"];
    assert_eq!(retained(&world, &van, "+/van-1/telemetry/+"), expected);
}

#[test]
fn many_retained_messages_are_looked_for_in_several_looks() {
    let mut world = world();
    for number in 0..30 {
        retain(&mut world, &format!("a/{number:02}"), &"x".repeat(60_000));
    }
    let hearer = Client::clean(&mut world, OWNER, "hearer");
    hearer.subscribe(&mut world, "a/+", 1);
    let (mut topics, mut after, mut looks) = (Vec::new(), None::<Box<str>>, 0);
    loop {
        let found = retained_for(&world.reader(), &hearer.seat, "a/+", after.as_deref(), 1_000);
        let (found, next) = found.expect("retained messages");
        topics.extend(found.iter().map(|delivery| delivery.message.topic.to_string()));
        (after, looks) = (next, looks + 1);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(looks, 2, "a mebibyte at once");
    assert_eq!(topics, (0..30).map(|number| format!("a/{number:02}")).collect::<Vec<String>>());
}

/// V5 3.3.1-12, 3.3.1-13.
#[test]
fn the_retain_flag_stays_where_the_subscription_wants_it() {
    let mut world = world();
    let plain = Client::clean(&mut world, OWNER, "plain");
    plain.subscribe(&mut world, "a", 1);
    let exact = Client::clean(&mut world, OWNER, "exact");
    exact.subscribe_with(&mut world, "a", 1, json!({"retain_as_published": true}), None);
    retain(&mut world, "a", "x");
    assert!(!plain.take(&world)[0].retain && exact.take(&world)[0].retain);
}

/// V3 3.3.2-3, 3.3.5-1, 3.8.4-6, 4.5.0-1; V5 3.3.2-3, 3.3.4-2, 3.3.4-5, 3.8.4-8, 4.5.0-1.
#[test]
fn every_session_that_matches_gets_a_message_once_with_the_qos_that_fits() {
    let mut world = world();
    let many = Client::clean(&mut world, OWNER, "many");
    many.subscribe_with(&mut world, "a/+", 0, json!({}), Some(1));
    many.subscribe_with(&mut world, "a/#", 2, json!({}), Some(2));
    many.subscribe_with(&mut world, "#", 1, json!({}), None);
    let one = Client::clean(&mut world, OWNER, "one");
    one.subscribe(&mut world, "a/b", 1);
    let none = Client::clean(&mut world, OWNER, "none");
    none.subscribe(&mut world, "a", 1);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    speaker.say(&mut world, "a/b", "2", 2);
    speaker.say(&mut world, "a/b", "0", 0);
    let found = many.take(&world);
    assert_eq!(texts(&found), ["a/b 2 2", "a/b 0 0"]);
    let ids: BTreeSet<u32> = found[0].ids.iter().copied().collect();
    assert_eq!(ids, BTreeSet::from([1, 2]));
    assert_eq!(one.hear(&world), ["a/b 2 1", "a/b 0 0"]);
    assert_eq!(none.hear(&world), Vec::<String>::new());
}

#[test]
fn many_messages_for_many_hearers_come_in_their_order() {
    let mut world = world();
    let hearers: Vec<Client> = (0..30)
        .map(|number| {
            let hearer = Client::clean(&mut world, OWNER, &format!("hearer-{number}"));
            hearer.subscribe(&mut world, "a", 1);
            hearer
        })
        .collect();
    let publish = |number: u32| Publish {
        topic: "a".into(),
        payload: number.to_string().into_bytes().into(),
        qos: Qos::AtLeastOnce,
        retain: false,
        is_dup: false,
        packet: 1,
        alias: None,
        properties: None,
    };
    let messages: Vec<Publish> = (0..300).map(publish).collect();
    let mut call = of("topic.publish", "topic/all", OWNER);
    call.media = batch::MEDIA.into();
    call.body = batch::encode(0, 0, &messages, |_| None);
    assert_eq!(world.made(call), Ok(Value::Null));
    assert_eq!(world.fleet.broker().router().backlog(), 0);
    let expected: Vec<String> = (0..300).map(|number| format!("a {number} 1")).collect();
    for hearer in &hearers {
        assert_eq!(hearer.hear(&world), expected);
    }
}

/// V3 3.8.4-3; V5 3.8.4-3, 3.8.4-4.
#[test]
fn the_same_filter_replaces_a_subscription_and_loses_nothing() {
    let mut world = world();
    let hearer = Client::durable(&mut world, OWNER, "hearer");
    hearer.subscribe(&mut world, "a", 1);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    speaker.say(&mut world, "a", "1", 2);
    hearer.quit(&mut world);
    speaker.say(&mut world, "a", "2", 2);
    let again = Client::durable(&mut world, OWNER, "hearer");
    assert_eq!(again.subscribe(&mut world, "a", 2), (2, false));
    speaker.say(&mut world, "a", "3", 2);
    assert_eq!(again.hear(&world), ["a 1 2", "a 2 2", "a 3 2"]);
    world.verify();
}

/// V5 3.8.3-3.
#[test]
fn who_does_not_want_his_own_words_is_spared_them() {
    let mut world = world();
    let one = Client::clean(&mut world, OWNER, "one");
    one.subscribe_with(&mut world, "a", 1, json!({"no_local": true}), None);
    let other = Client::clean(&mut world, OWNER, "other");
    other.subscribe(&mut world, "a", 1);
    one.say(&mut world, "a", "x", 1);
    assert_eq!((one.hear(&world), other.hear(&world)), (vec![], vec!["a x 1".to_owned()]));
    other.say(&mut world, "a", "y", 1);
    assert_eq!(one.hear(&world), ["a y 1"]);
    // Nor does he get what he had retained, when he subscribes again.
    let session = (one.opened.session, one.opened.generation);
    assert_eq!(say(&mut world, OWNER, session, ("a", "z", 1, true)), Ok(Value::Null));
    assert_eq!(retained(&world, &one, "a"), Vec::<String>::new());
    assert_eq!(retained(&world, &other, "a"), ["a z 1"]);
}

/// V3 3.10.4-1, 3.10.4-2, 3.10.4-3; V5 3.10.4-1, 3.10.4-2, 3.10.4-3.
#[test]
fn what_has_begun_before_an_unsubscribe_is_completed_and_nothing_new_comes() {
    let mut world = world();
    let hearer = Client::durable(&mut world, OWNER, "hearer");
    hearer.subscribe(&mut world, "a/+", 1);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    speaker.say(&mut world, "a/b", "1", 1);
    assert!(!hearer.unsubscribe(&mut world, "a/b") && !hearer.unsubscribe(&mut world, "A/+"));
    assert!(hearer.unsubscribe(&mut world, "a/+"));
    assert!(!hearer.unsubscribe(&mut world, "a/+"));
    speaker.say(&mut world, "a/b", "2", 1);
    assert_eq!(hearer.hear(&world), ["a/b 1 1"]);
    world.verify();
}

/// V3 4.7.2-1; V5 4.7.2-1.
#[test]
fn a_wildcard_at_the_beginning_matches_no_name_of_the_server() {
    assert!(!topic::matches("#", "$SYS/uptime") && !topic::matches("+/uptime", "$SYS/uptime"));
    let mut world = world();
    let hearer = Client::clean(&mut world, OWNER, "hearer");
    assert_eq!(hearer.subscribe(&mut world, "$SYS/#", 1).0, 0x87);
    let wrong = json!([manifest("Topic", "system", json!({"filter": "$SYS/#"}))]);
    assert_eq!(code(world.apply(wrong)), "topic.invalid");
}

/// V5 4.8.2-3, 4.8.2-6.
#[test]
fn a_shared_message_goes_to_one_member_and_waits_while_none_is_there() {
    let mut world = world();
    let one = Client::durable(&mut world, OWNER, "one");
    assert_eq!(one.subscribe(&mut world, "$share/g/a/+", 1), (1, true));
    let two = Client::durable(&mut world, OWNER, "two");
    two.subscribe(&mut world, "$share/g/a/+", 2);
    let all = Client::clean(&mut world, OWNER, "all");
    all.subscribe(&mut world, "a/+", 2);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    for number in 0..10 {
        speaker.say(&mut world, "a/b", &number.to_string(), 2);
    }
    let (ones, twos) = (one.hear(&world), two.hear(&world));
    assert_eq!((ones.len(), twos.len(), all.hear(&world).len()), (5, 5, 10), "in turn");
    assert!(
        ones.iter().all(|text| text.ends_with(" 1"))
            && twos.iter().all(|text| text.ends_with(" 2"))
    );
    one.quit(&mut world);
    two.quit(&mut world);
    speaker.say(&mut world, "a/b", "later", 1);
    record(&mut world);
    let mut world = world.again();
    let two = Client::durable(&mut world, OWNER, "two");
    assert_eq!(two.hear(&world), ["a/b later 1"]);
    assert_eq!(Client::durable(&mut world, OWNER, "one").hear(&world), Vec::<String>::new());
    world.verify();
}

/// V5 4.8.2-4, 4.8.2-5.
#[test]
fn what_a_member_has_not_acknowledged_goes_to_another_but_not_at_qos_2() {
    let mut world = world();
    let gone = Client::clean(&mut world, OWNER, "gone");
    gone.subscribe(&mut world, "$share/g/a", 2);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    speaker.say(&mut world, "a", "exactly", 2);
    speaker.say(&mut world, "a", "at least", 1);
    let has = gone.take(&world);
    assert_eq!(texts(&has), ["a exactly 2", "a at least 1"]);
    let exactly = json!([[7, has[0].place, "sent"]]);
    gone.ask(&mut world, "hold", json!({"put": exactly})).expect("it is held");
    let other = Client::durable(&mut world, OWNER, "other");
    other.subscribe(&mut world, "$share/g/a", 2);
    gone.quit(&mut world);
    assert_eq!(other.hear(&world), ["a at least 1"]);
    assert_eq!(other.hear(&world), Vec::<String>::new());
    // With its last member a group goes.
    assert!(other.unsubscribe(&mut world, "$share/g/a"));
    world.verify();
}

#[test]
fn who_is_no_member_any_more_reads_nothing_of_what_waits_for_the_others() {
    let mut world = world();
    let gone = Client::durable(&mut world, OWNER, "gone");
    gone.subscribe(&mut world, "$share/g/a", 1);
    gone.subscribe(&mut world, "b", 1);
    let member = Client::durable(&mut world, OWNER, "member");
    member.subscribe(&mut world, "$share/g/a", 1);
    member.quit(&mut world);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    speaker.say(&mut world, "a", "1", 1);
    let has = gone.take(&world);
    assert_eq!(texts(&has), ["a 1 1"]);
    assert!(gone.unsubscribe(&mut world, "$share/g/a"));
    speaker.say(&mut world, "a", "2", 1);
    speaker.say(&mut world, "b", "3", 1);
    assert_eq!(gone.hear(&world), ["b 3 1"]);
    // What it has already it acknowledges.
    gone.acknowledge(&has);
    let member = Client::durable(&mut world, OWNER, "member");
    assert_eq!(member.hear(&world), ["a 2 1"]);
    world.verify();
}

#[test]
fn what_one_member_may_not_hear_waits_for_one_that_may() {
    let mut world = world();
    let policies = "permit (principal in Role::\"listener\", action == Action::\"topic.subscribe\", resource in Kind::\"topic\") \
                    when { resource.name == \"open\" };";
    world
        .apply(json!([
            manifest("Role", "listener", json!({"summary": "Listens", "policies": policies})),
            manifest("User", "lena", json!({"roles": ["listener"]})),
            manifest("Topic", "all", json!({"filter": "all/#"})),
            manifest("Topic", "open", json!({"filter": "open/+"})),
            manifest("Topic", "closed", json!({"filter": "closed/+"})),
        ]))
        .expect("roles and topics");
    let lena = Client::durable(&mut world, "user:lena", "lena");
    lena.subscribe(&mut world, "$share/g/#", 1);
    let olga = Client::durable(&mut world, OWNER, "olga");
    olga.subscribe(&mut world, "$share/g/#", 1);
    olga.quit(&mut world);
    let speak = |world: &mut World, topic: &str, payload: &str| {
        assert_eq!(say(world, OWNER, (0, 0), (topic, payload, 1, false)), Ok(Value::Null));
    };
    for number in ["1", "2"] {
        speak(&mut world, "closed/a", number);
        speak(&mut world, "open/a", number);
    }
    assert_eq!(lena.hear(&world), ["open/a 1 1", "open/a 2 1"]);
    // What waits for another does not hold it up.
    speak(&mut world, "open/a", "3");
    assert_eq!(lena.hear(&world), ["open/a 3 1"]);
    let olga = Client::durable(&mut world, OWNER, "olga");
    let first = olga.take(&world);
    assert_eq!(texts(&first), ["closed/a 1 1", "closed/a 2 1"]);
    olga.acknowledge(&first[..1]);
    olga.quit(&mut world);
    assert_eq!(lena.hear(&world), Vec::<String>::new());
    record(&mut world);
    let mut world = world.again();
    let lena = Client::durable(&mut world, "user:lena", "lena");
    assert_eq!(lena.hear(&world), Vec::<String>::new());
    let olga = Client::durable(&mut world, OWNER, "olga");
    assert_eq!(olga.hear(&world), ["closed/a 2 1"], "also over a restart");
    world.verify();
}

#[test]
fn a_client_hears_what_its_roles_permit_from_the_commit_on_that_says_so() {
    let mut world = world();
    let policies = "permit (principal in Role::\"listener\", action == Action::\"topic.subscribe\", resource in Kind::\"topic\") \
                    when { resource.name == \"open\" };";
    let most = "permit (principal in Role::\"most\", action == Action::\"topic.subscribe\", resource in Kind::\"topic\") \
                unless { resource.name == \"closed\" };";
    world
        .apply(json!([
            manifest("Role", "listener", json!({"summary": "Listens", "policies": policies})),
            manifest("User", "lena", json!({"roles": ["listener"]})),
            manifest("Role", "most", json!({"summary": "Hears most", "policies": most})),
            manifest("User", "mona", json!({"roles": ["most"]})),
            manifest("Topic", "all", json!({"filter": "all/#"})),
            manifest("Topic", "open", json!({"filter": "open/+"})),
            manifest("Topic", "closed", json!({"filter": "closed/+"})),
        ]))
        .expect("roles and topics");
    let lena = Client::durable(&mut world, "user:lena", "lena");
    assert_eq!(lena.subscribe(&mut world, "closed/+", 1).0, 0x87);
    assert_eq!(lena.subscribe(&mut world, "nowhere", 1).0, 0x87);
    assert_eq!(lena.subscribe(&mut world, "devices/+/telemetry/#", 1).0, 0x87);
    assert_eq!(lena.subscribe(&mut world, "#", 1), (1, true));
    // Who may hear all but what is closed to him is told, and may wait for what is not declared yet.
    let mona = Client::clean(&mut world, "user:mona", "mona");
    assert_eq!(mona.subscribe(&mut world, "closed/+", 1).0, 0x87);
    assert_eq!(mona.subscribe(&mut world, "nowhere", 1).0, 1);
    mona.quit(&mut world);
    let old = Client::with(&mut world, "user:lena", "old", json!({"version": "v3"}));
    assert_eq!(old.subscribe(&mut world, "closed/+", 1).0, 0x80, "3.1.1 knows one reason");
    let speak = |world: &mut World, topic: &str| {
        assert_eq!(say(world, OWNER, (0, 0), (topic, "x", 1, false)), Ok(Value::Null));
    };
    speak(&mut world, "closed/a");
    speak(&mut world, "open/a");
    let waiting = lena.take(&world);
    assert_eq!(texts(&waiting), ["open/a x 1"]);
    lena.acknowledge(&waiting);
    // What waits in memory goes with the right.
    speak(&mut world, "open/b");
    world.apply(json!([manifest("User", "lena", json!({"roles": []}))])).expect("a user");
    device::broker::scopes_anew(&world.kernel, world.fleet.broker(), &lena.seat)
        .expect("asked anew");
    speak(&mut world, "open/c");
    assert_eq!(lena.hear(&world), Vec::<String>::new());
    world.apply(json!([manifest("User", "lena", json!({"roles": ["listener"]}))])).expect("a user");
    device::broker::scopes_anew(&world.kernel, world.fleet.broker(), &lena.seat)
        .expect("asked anew");
    speak(&mut world, "open/d");
    assert_eq!(lena.hear(&world), ["open/d x 1"]);
    world.verify();
}

#[test]
fn who_may_hear_what_he_might_is_not_woken_for_it() {
    let mut world = world();
    let hearer = Client::durable(&mut world, OWNER, "hearer");
    hearer.subscribe(&mut world, "a/#", 1);
    hearer.nudges();
    let anew = |world: &World| {
        let broker = world.fleet.broker();
        device::broker::scopes_anew(&world.kernel, broker, &hearer.seat).expect("asked anew");
    };
    anew(&world);
    assert!(hearer.nudges().is_empty());
    world.apply(json!([manifest("Topic", "all", json!({"filter": "b/#"}))])).expect("a topic");
    anew(&world);
    assert_eq!(hearer.nudges(), [Nudge::News]);
}

#[test]
fn a_topic_that_is_declared_later_is_heard_by_who_may() {
    let mut world = World::new();
    let waits = Client::durable(&mut world, OWNER, "waits");
    assert_eq!(waits.subscribe(&mut world, "plant/#", 1), (1, true), "he may hear all topics");
    waits.quit(&mut world);
    world.apply(json!([manifest("Topic", "all", json!({"filter": "plant/+"}))])).expect("a topic");
    assert_eq!(say(&mut world, OWNER, (0, 0), ("plant/a", "x", 1, false)), Ok(Value::Null));
    assert_eq!(Client::durable(&mut world, OWNER, "waits").hear(&world), ["plant/a x 1"]);
}

#[test]
fn a_device_hears_its_own_topics_and_nothing_else() {
    let mut world = world();
    world.apply(json!(vans())).expect("a type");
    world.apply(json!([device("van-1", "van"), device("van-2", "van")])).expect("devices");
    let van = Client::durable(&mut world, "device:van-1", "van-1");
    assert_eq!(van.subscribe(&mut world, "devices/van-1/#", 1), (1, true));
    assert_eq!(van.subscribe(&mut world, "devices/van-2/#", 1).0, 0x87);
    assert_eq!(van.subscribe(&mut world, "devices/+/presence", 1).0, 0x87);
    assert_eq!(van.subscribe(&mut world, "#", 1).0, 0x87);
    let watcher = Client::clean(&mut world, OWNER, "watcher");
    assert_eq!(watcher.subscribe(&mut world, "devices/+/telemetry/weight", 1), (1, true));
    weighs(&mut world, "van-1", "12.5");
    weighs(&mut world, "van-2", "12.5");
    assert_eq!(van.hear(&world), ["devices/van-1/telemetry/weight 12.5 1"]);
    assert_eq!(
        watcher.hear(&world),
        ["devices/van-1/telemetry/weight 12.5 1", "devices/van-2/telemetry/weight 12.5 1"]
    );
    // What the unit says of it reaches its own client by other ways, which it is told of.
    let desired = json!({"desired": {"interval_s": 30}});
    world.call("device.set", "device/van-1", OWNER, desired).expect("it is set");
    assert!(van.nudges().contains(&Nudge::Desired));
    assert!(van.hear(&world).iter().all(|text| !text.contains("desired")));
    assert!(van.seat.wants("devices/van-1/commands/unlock/1", true).is_some());
    assert!(van.seat.wants("devices/van-2/commands/unlock/1", true).is_none());
    world.verify();
}

/// What all vans weigh.
const WEIGHTS: &str = "devices/+/telemetry/weight";

/// The vans of [`listeners`].
const VANS: &[&str] = &["van-1", "van-2", "van-3"];

/// Permits listeners the devices of one group.
const BY_GROUP: &str = "permit (principal in Role::\"listener\", action == Action::\"device.subscribe\", resource in Kind::\"device\") \
                        when { resource.groups.contains(\"night\") };";

/// Permits listeners all devices, and forbids everybody those of one group.
const BUT_SECRET: &str = "permit (principal in Role::\"listener\", action == Action::\"device.subscribe\", resource in Kind::\"device\"); \
                          forbid (principal, action == Action::\"device.subscribe\", resource in Kind::\"device\") \
                          when { resource.groups.contains(\"secret\") };";

/// A unit where lena may hear what these policies say, with `van-1` in the group `night`, `van-2` in the group `secret` and `van-3` in none.
fn listeners(policies: &str) -> World {
    let mut world = world();
    listen(&mut world, policies);
    world.apply(json!([manifest("User", "lena", json!({"roles": ["listener"]}))])).expect("a user");
    world.apply(json!(vans())).expect("a type");
    let van = |name: &str, groups: Value| {
        manifest("Device", name, json!({"type": "van", "groups": groups}))
    };
    let vans = [van("van-1", json!(["night"])), van("van-2", json!(["secret"]))];
    world.apply(json!(vans)).expect("devices");
    world.apply(json!([device("van-3", "van")])).expect("a device");
    world
}

fn listen(world: &mut World, policies: &str) {
    let spec = json!({"summary": "Listens", "policies": policies});
    world.apply(json!([manifest("Role", "listener", spec)])).expect("a role");
}

fn belong(world: &mut World, name: &str, groups: Value) {
    let change = json!({ "groups": groups });
    world.call("device.update", &format!("device/{name}"), OWNER, change).expect("it is updated");
}

/// What a door does for a client that is there once rights have changed.
fn look_anew(world: &World, client: &Client) {
    let broker = world.fleet.broker();
    device::broker::scopes_anew(&world.kernel, broker, &client.seat).expect("asked anew");
}

#[test]
fn by_a_wildcard_each_device_is_heard_of_which_the_policies_say_so() {
    for filter in [WEIGHTS, "devices/#", "#", "+/+/telemetry/weight"] {
        let mut world = listeners(BY_GROUP);
        let lena = Client::durable(&mut world, "user:lena", "lena");
        assert_eq!(lena.subscribe(&mut world, filter, 1), (1, true));
        weigh(&mut world, VANS, "1");
        assert_eq!(lena.hear(&world), [weight("van-1", "1")], "{filter}");
        // From the commit on that changes the groups, also before anybody has looked.
        belong(&mut world, "van-1", json!([]));
        belong(&mut world, "van-3", json!(["night"]));
        weigh(&mut world, VANS, "2");
        assert_eq!(lena.hear(&world), [weight("van-3", "2")], "{filter}");
        look_anew(&world, &lena);
        weigh(&mut world, VANS, "3");
        assert_eq!(lena.hear(&world), [weight("van-3", "3")], "{filter}");
        world.verify();
    }
}

#[test]
fn by_a_wildcard_no_device_is_heard_that_the_policies_forbid() {
    let mut world = listeners(BUT_SECRET);
    let lena = Client::durable(&mut world, "user:lena", "lena");
    let olga = Client::clean(&mut world, OWNER, "olga");
    for client in [&lena, &olga] {
        assert_eq!(client.subscribe(&mut world, WEIGHTS, 1), (1, true));
        // A filter that names it is refused.
        assert_eq!(client.subscribe(&mut world, "devices/van-2/#", 1).0, 0x87);
    }
    weigh(&mut world, VANS, "1");
    for client in [&lena, &olga] {
        assert_eq!(client.hear(&world), [weight("van-1", "1"), weight("van-3", "1")]);
    }
    // The policies change while they are there: what has come is not delivered any more, and what comes is heard by who may.
    weighs(&mut world, "van-1", "2");
    listen(&mut world, &BUT_SECRET.replace("secret", "night"));
    for client in [&lena, &olga] {
        look_anew(&world, client);
    }
    weigh(&mut world, &["van-1", "van-2"], "3");
    for client in [&lena, &olga] {
        assert_eq!(client.hear(&world), [weight("van-2", "3")]);
    }
    listen(&mut world, "");
    for client in [&lena, &olga] {
        look_anew(&world, client);
    }
    weigh(&mut world, &["van-1", "van-2"], "4");
    assert_eq!(lena.hear(&world), Vec::<String>::new());
    assert_eq!(olga.hear(&world), [weight("van-1", "4"), weight("van-2", "4")]);
    world.verify();
}

#[test]
fn what_waits_for_an_absent_client_is_delivered_of_devices_that_he_may_hear_then() {
    let mut world = listeners(BY_GROUP);
    belong(&mut world, "van-2", json!(["night"]));
    let lena = Client::durable(&mut world, "user:lena", "lena");
    lena.subscribe(&mut world, WEIGHTS, 1);
    lena.quit(&mut world);
    weigh(&mut world, VANS, "1");
    belong(&mut world, "van-1", json!([]));
    weighs(&mut world, "van-2", "2");
    record(&mut world);
    let mut world = world.again();
    let lena = Client::durable(&mut world, "user:lena", "lena");
    assert_eq!(lena.hear(&world), [weight("van-2", "1"), weight("van-2", "2")]);
    // Of a device that is no more nobody knows who may hear it.
    lena.quit(&mut world);
    weighs(&mut world, "van-2", "3");
    world.call("device.delete", "device/van-2", OWNER, json!({})).expect("it is deleted");
    let lena = Client::durable(&mut world, "user:lena", "lena");
    assert_eq!(lena.hear(&world), Vec::<String>::new());
    world.verify();
}

#[test]
fn what_is_retained_is_sent_of_devices_that_a_subscriber_may_hear() {
    let mut world = listeners(BY_GROUP);
    for name in VANS {
        weighs_for_later(&mut world, name, "1");
    }
    let lena = Client::clean(&mut world, "user:lena", "lena");
    lena.subscribe(&mut world, WEIGHTS, 1);
    assert_eq!(retained(&world, &lena, WEIGHTS), [weight("van-1", "1")]);
    belong(&mut world, "van-2", json!(["night"]));
    assert_eq!(retained(&world, &lena, WEIGHTS), [weight("van-1", "1"), weight("van-2", "1")]);
    listen(&mut world, "");
    assert_eq!(retained(&world, &lena, WEIGHTS), Vec::<String>::new());
}

#[test]
fn of_a_group_each_member_gets_what_it_may_hear_of_devices() {
    let mut world = listeners(BY_GROUP);
    let filter = format!("$share/g/{WEIGHTS}");
    let lena = Client::durable(&mut world, "user:lena", "lena");
    assert_eq!(lena.subscribe(&mut world, &filter, 1), (1, true));
    let olga = Client::durable(&mut world, OWNER, "olga");
    assert_eq!(olga.subscribe(&mut world, &filter, 1), (1, true));
    olga.quit(&mut world);
    for payload in ["1", "2"] {
        weighs(&mut world, "van-2", payload);
        weighs(&mut world, "van-1", payload);
    }
    assert_eq!(lena.hear(&world), [weight("van-1", "1"), weight("van-1", "2")]);
    // What she has not taken goes to another once she may not hear it any more.
    weighs(&mut world, "van-1", "3");
    belong(&mut world, "van-1", json!([]));
    look_anew(&world, &lena);
    assert_eq!(lena.hear(&world), Vec::<String>::new());
    let olga = Client::durable(&mut world, OWNER, "olga");
    let expected = [weight("van-2", "1"), weight("van-2", "2"), weight("van-1", "3")];
    assert_eq!(olga.hear(&world), expected);
    world.verify();
}

#[test]
fn a_device_hears_others_by_a_wildcard_where_it_has_the_right_on_devices_as_a_whole() {
    let policies =
        BUT_SECRET.replace("principal in Role::\"listener\"", "principal == Device::\"van-3\"");
    let mut world = listeners(&policies);
    let van = Client::durable(&mut world, "device:van-3", "van-3");
    assert_eq!(van.subscribe(&mut world, "devices/#", 1), (1, true));
    weigh(&mut world, VANS, "1");
    assert_eq!(van.hear(&world), [weight("van-1", "1"), weight("van-3", "1")]);
    assert!(van.seat.wants("devices/van-3/commands/unlock/1", true).is_some());
    assert!(van.seat.wants("devices/van-3/commands/unlock/1", false).is_none());
    let other = Client::durable(&mut world, "device:van-1", "van-1");
    assert_eq!(other.subscribe(&mut world, "devices/#", 1).0, 0x87);
}

#[test]
fn sessions_of_a_device_go_with_it_and_while_it_is_disabled_nobody_comes_in() {
    let mut world = world();
    world.apply(json!(vans())).expect("a type");
    world.apply(json!([device("van-1", "van")])).expect("a device");
    let van = Client::durable(&mut world, "device:van-1", "van-1");
    van.subscribe(&mut world, "devices/van-1/#", 1);
    world
        .call("device.update", "device/van-1", OWNER, json!({"disabled": true}))
        .expect("a change");
    assert_eq!(van.nudges().last(), Some(&Nudge::Ended { code: 0x98 }));
    assert!(world.fleet.broker().seat(van.opened.session).is_none());
    van.ask(&mut world, "close", json!({"is_will_wanted": true})).expect("an answer");
    let again = open(&mut world, "device:van-1", "van-1", json!({}));
    assert_eq!(code(again), "device.disabled");
    let shown = world.call("device.get", "device/van-1", OWNER, json!({})).expect("a device");
    assert_eq!(shown["presence"]["connected"], false);
    world.verify();
}

#[test]
fn a_slow_client_reads_on_in_the_log_and_misses_nothing_of_qos_1() {
    let mut world = with(Config { live_messages_max: 3, ..Config::default() });
    let slow = Client::clean(&mut world, OWNER, "slow");
    slow.subscribe(&mut world, "a", 1);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    for number in 0..10 {
        speaker.say(&mut world, "a", &number.to_string(), 1);
    }
    speaker.say(&mut world, "a", "dropped", 0);
    let mut found = Vec::new();
    assert!(!slow.seat.take(2, &mut found).is_lagging, "memory first");
    let more = slow.take(&world);
    found.extend(more);
    let numbers: Vec<String> = (0..10).map(|number| format!("a {number} 1")).collect();
    assert_eq!(texts(&found), numbers);
    slow.acknowledge(&found);
    speaker.say(&mut world, "a", "live", 0);
    assert_eq!(slow.hear(&world), ["a live 0"], "it has caught up");
    assert_eq!(slow.seat.progress().open, BTreeSet::new());
}

#[test]
fn a_client_that_is_too_far_behind_is_let_go() {
    let config = Config { live_messages_max: 1, lag_messages_max: 3, ..Config::default() };
    let mut world = with(config);
    let slow = Client::durable(&mut world, OWNER, "slow");
    slow.subscribe(&mut world, "a", 1);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    for number in 0..5 {
        speaker.say(&mut world, "a", &number.to_string(), 1);
    }
    assert_eq!(slow.nudges().last(), Some(&Nudge::Ended { code: 0x97 }));
    slow.quit(&mut world);
    // What it has not heard waits for it.
    assert_eq!(Client::durable(&mut world, OWNER, "slow").hear(&world).len(), 5);
}

#[test]
fn of_too_many_that_wait_the_oldest_make_way() {
    let mut world = with(Config { session_messages_max: 3, ..Config::default() });
    let away = Client::durable(&mut world, OWNER, "away");
    away.subscribe(&mut world, "a", 1);
    away.quit(&mut world);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    for number in 0..5 {
        speaker.say(&mut world, "a", &number.to_string(), 1);
    }
    let again = Client::durable(&mut world, OWNER, "away");
    assert_eq!(again.hear(&world), ["a 2 1", "a 3 1", "a 4 1"]);
    assert_eq!(again.seat.progress().dropped, 2);
    speaker.say(&mut world, "a", "5", 1);
    assert_eq!(again.hear(&world), ["a 5 1"]);
}

#[test]
fn limits_are_told() {
    let config = Config {
        subscriptions_session_max: 1,
        connections_principal_max: 1,
        retained_max: 1,
        will_bytes_max: 3,
        session_hours_max: 1,
        ..Config::default()
    };
    let mut world = with(config);
    let one = Client::with(&mut world, OWNER, "one", json!({"is_clean": false, "expiry": 999_999}));
    assert_eq!(one.opened.expiry, 3_600);
    assert_eq!(one.subscribe(&mut world, "a", 1).0, 1);
    assert_eq!(one.subscribe(&mut world, "b", 1).0, 0x97);
    assert_eq!(one.subscribe(&mut world, "a", 2), (2, false));
    assert_eq!(one.subscribe(&mut world, "a/#/b", 1).0, 0x8F);
    assert_eq!(code(open(&mut world, OWNER, "two", json!({}))), "mqtt.limit");
    let publish = json!({"topic": "w", "payload": [1, 2, 3, 4], "qos": 0, "retain": false, "is_dup": false,
        "packet": 0, "alias": null, "properties": null});
    let will = json!({"will": {"publish": publish, "delay_secs": 0}});
    assert_eq!(code(open(&mut world, OWNER, "one", will)), "message.too_large");
    retain(&mut world, "a", "1");
    retain(&mut world, "a", "2");
    let full = say(&mut world, OWNER, (0, 0), ("b", "1", 1, true)).expect("an answer");
    assert_eq!(full["outcomes"][0]["code"], 0x97);
    world.verify();
}

#[test]
fn identifiers_of_qos_2_are_kept_both_ways_until_they_are_released() {
    let mut world = world();
    let client = Client::durable(&mut world, OWNER, "c");
    client.subscribe(&mut world, "a", 2);
    client.say(&mut world, "a", "once", 2);
    client.say(&mut world, "a", "once", 2);
    let found = client.take(&world);
    assert_eq!(texts(&found), ["a once 2"], "the same identifier: the same message");
    let place = found[0].place;
    client.ask(&mut world, "hold", json!({"put": [[5, place, "sent"]]})).expect("it is held");
    // The unit stops; nothing was written down since.
    let mut world = world.again();
    world.settle();
    let client = Client::durable(&mut world, OWNER, "c");
    assert_eq!(client.opened.incoming, [1]);
    assert_eq!(client.opened.held, [(5, place, Stage::Sent)]);
    let outgoing = held(&world.kernel, &client.seat, &client.opened.held).expect("what it has");
    assert_eq!(outgoing.held[&5].delivery.qos, Qos::ExactlyOnce);
    assert_eq!(client.hear(&world), Vec::<String>::new(), "it is on its way");
    client.ask(&mut world, "hold", json!({"put": [[5, place, "received"]]})).expect("it is held");
    client.seat.handled(&[place]);
    client.ask(&mut world, "hold", json!({"done": [5]})).expect("it is over");
    client.ask(&mut world, "release", json!({"packets": [1]})).expect("it is released");
    client.say(&mut world, "a", "another", 2);
    let mut world = world.again();
    world.settle();
    let client = Client::durable(&mut world, OWNER, "c");
    assert!(client.opened.held.is_empty());
    assert_eq!(client.hear(&world), ["a another 2"]);
    world.verify();
}

#[test]
fn a_unit_that_stops_leaves_its_clients_without_a_word() {
    let mut world = world();
    let publish = json!({"topic": "wills/c", "payload": [120], "qos": 1, "retain": true, "is_dup": false,
        "packet": 0, "alias": null, "properties": null});
    let will = json!({"publish": publish, "delay_secs": 0});
    let durable = json!({"is_clean": false, "expiry": 60, "will": will});
    let kept = Client::with(&mut world, OWNER, "kept", durable);
    let clean = Client::clean(&mut world, OWNER, "clean");
    clean.subscribe(&mut world, "$share/g/a", 1);
    let mut world = world.again();
    // The first client may be quicker than the unit's own work.
    let quick = Client::clean(&mut world, OWNER, "quick");
    world.settle();
    assert!(world.fleet.broker().seat(clean.opened.session).is_none());
    assert!(world.fleet.broker().seat(quick.opened.session).is_some());
    quick.subscribe(&mut world, "wills/#", 1);
    assert_eq!(retained(&world, &quick, "wills/#"), ["wills/c x 1"]);
    let shown =
        world.call("mqtt_session.list", "mqtt_session/", OWNER, json!({"connected": "false"}));
    assert_eq!(shown.expect("a page")["items"][0]["session"], kept.opened.session);
    world.clock.pass(60_000);
    sweep(&mut world);
    assert!(world.fleet.broker().seat(kept.opened.session).is_none());
    world.verify();
}

#[test]
fn what_was_not_committed_is_heard_by_nobody() {
    let store = Arc::new(MemoryStore::new());
    let faulty =
        Arc::new(FaultyStore::new(Arc::clone(&store) as Arc<dyn Store>, 1, Faults::default()));
    let mut world = World::behind(Arc::clone(&faulty) as Arc<dyn Store>, store, Config::default());
    let people = json!([
        manifest("User", "olga", json!({"roles": ["owner"]})),
        manifest("Topic", "all", json!({"filter": "#"}))
    ]);
    world
        .call("resource.apply", "resource/", "unit:init", json!({ "manifests": people }))
        .expect("the first people are applied");
    let hearer = Client::durable(&mut world, OWNER, "hearer");
    hearer.subscribe(&mut world, "a", 1);
    let failing = Faults { unavailable_permille: 1_000, ..Faults::default() };
    faulty.set_faults(failing);
    assert!(say(&mut world, OWNER, (0, 0), ("a", "lost", 1, false)).is_err());
    assert!(hearer.ask(&mut world, "unsubscribe", json!({"filters": ["a"]})).is_err());
    assert!(open(&mut world, OWNER, "hearer", json!({})).is_err());
    faulty.set_faults(Faults::default());
    assert!(hearer.nudges().is_empty(), "nobody has taken it over");
    assert_eq!(say(&mut world, OWNER, (0, 0), ("a", "kept", 1, false)), Ok(Value::Null));
    assert_eq!(hearer.hear(&world), ["a kept 1"]);
    world.settle();
    assert!(world.fleet.broker().seat(hearer.opened.session).is_some(), "it was not cut off");
    world.verify();
}

#[test]
fn the_log_is_cut_once_nobody_needs_its_beginning_and_at_its_limit_in_any_case() {
    let mut world = with(Config { messages_bytes_max: 4 << 20, ..Config::default() });
    let away = Client::durable(&mut world, OWNER, "away");
    away.subscribe(&mut world, "a", 1);
    away.quit(&mut world);
    let speaker = Client::clean(&mut world, OWNER, "speaker");
    let large = "x".repeat(60_000);
    let first = |world: &World| {
        let chunks = world.reader().chunks(device::broker::log::LOG, 0, 1).expect("the log");
        chunks.first().map_or(0, |chunk| chunk.offset)
    };
    for _ in 0..30 {
        speaker.say(&mut world, "a", &large, 1);
    }
    world.clock.pass(11_000);
    world.settle();
    assert_eq!(first(&world), 0, "somebody needs it");
    for _ in 0..90 {
        speaker.say(&mut world, "a", &large, 1);
        world.clock.pass(1_000);
    }
    world.settle();
    let cut = first(&world);
    assert!(0 < cut, "it has a limit");
    let again = Client::durable(&mut world, OWNER, "away");
    let found = again.take(&world);
    assert!(!found.is_empty() && found.len() < 120);
    assert_eq!(again.seat.progress().dropped + found.len() as u64, 120, "what has gone is counted");
    again.acknowledge(&found);
    assert!(again.seat.progress().open.is_empty());
    world.verify();
}

#[test]
fn topics_are_checked_against_each_other_and_their_streams() {
    let mut world = World::new();
    let apply =
        |world: &mut World, spec: Value| code(world.apply(json!([manifest("Topic", "t", spec)])));
    world.apply(json!([stream("states", &[("line", "int")])])).expect("a stream");
    assert_eq!(apply(&mut world, json!({"filter": "a/+/#"})), "ok");
    let other = |world: &mut World, filter: &str| {
        code(world.apply(json!([manifest("Topic", "other", json!({"filter": filter}))])))
    };
    for (filter, expected) in [
        ("a/b/c", "topic.invalid"),
        ("+/b/#", "topic.invalid"),
        ("devices/+/x", "topic.invalid"),
        ("b/#/c", "topic.invalid"),
        ("$share/g/b", "topic.invalid"),
        ("b/#", "ok"),
    ] {
        assert_eq!(other(&mut world, filter), expected, "{filter}");
    }
    let with = |levels: Value| json!({"filter": "c/+", "stream": "states", "levels": levels});
    assert_eq!(apply(&mut world, with(json!({"lime": 1}))), "topic.invalid");
    assert_eq!(apply(&mut world, json!({"filter": "c/+", "stream": "stats"})), "topic.invalid");
    assert_eq!(apply(&mut world, json!({"filter": "c/+", "qos_max": 3})), "topic.invalid");
    assert_eq!(apply(&mut world, with(json!({"line": 1}))), "ok");
    let removed = world.call("resource.delete", "stream/states", OWNER, json!({}));
    assert_eq!(code(removed), "topic.in_use");
    assert_eq!(code(world.apply(json!([stream("states", &[])]))), "topic.in_use");
}

#[test]
fn sessions_are_seen_by_who_may_and_ended_by_hand() {
    let mut world = world();
    let one = Client::durable(&mut world, OWNER, "one");
    one.subscribe(&mut world, "$share/g/a", 1);
    let two = Client::clean(&mut world, OWNER, "two");
    let list = |world: &mut World, who: &str, args: Value| {
        let page = world.call("mqtt_session.list", "mqtt_session/", who, args);
        page.map(|page| page["items"].as_array().map_or(0, Vec::len))
    };
    assert_eq!(list(&mut world, OWNER, json!({})), Ok(2));
    assert_eq!(list(&mut world, OWNER, json!({"client": "two"})), Ok(1));
    assert_eq!(list(&mut world, OWNER, json!({"connected": "true"})), Ok(2));
    assert_eq!(code(list(&mut world, OWNER, json!({"connected": "yes"}))), "call.invalid");
    let page = world.call("mqtt_session.list", "mqtt_session/", OWNER, json!({"limit": 1}));
    let page = page.expect("a page");
    assert_eq!(page["items"][0]["client"], "one");
    let next = json!({"after": page["next"]});
    assert_eq!(list(&mut world, OWNER, next), Ok(1));
    let name = |client: &Client| format!("mqtt_session/{}", client.opened.session);
    let shown = world.call("mqtt_session.get", &name(&one), OWNER, json!({})).expect("a session");
    assert_eq!(
        (&shown["client"], &shown["subscriptions"][0]["filter"]),
        (&json!(one.client), &json!("$share/g/a"))
    );
    assert_eq!(
        code(world.call("mqtt_session.kill", &name(&two), "user:vera", json!({}))),
        "resource.not_found"
    );
    world.call("mqtt_session.kill", &name(&two), "user:oskar", json!({})).expect("it is ended");
    assert_eq!(two.nudges().last(), Some(&Nudge::Ended { code: 0x98 }));
    world
        .call("mqtt_session.kill", &name(&one), OWNER, json!({"forget": true}))
        .expect("it is gone");
    assert!(world.fleet.broker().seat(one.opened.session).is_none());
    assert_eq!(
        code(world.call("mqtt_session.get", &name(&one), OWNER, json!({}))),
        "resource.not_found"
    );
    // Nobody but the broker writes down how far sessions have come.
    let stranger =
        world.call("mqtt_session.record", "mqtt_session/", OWNER, json!({"sessions": []}));
    assert_eq!(code(stranger), "policy.forbidden");
    world.verify();
}

#[test]
fn sql_sees_sessions_what_they_hear_and_what_is_retained() {
    let mut world = world();
    let one = Client::durable(&mut world, OWNER, "one");
    one.subscribe_with(&mut world, "$share/g/a", 1, json!({}), Some(9));
    retain(&mut world, "a/b", "xyz");
    let reader = kernel::Reader::new(&world.kernel, of("x", "x", OWNER).actor).expect("a reader");
    let rows = |name: &str| {
        let relations = world.kernel.relations(&reader).expect("relations");
        let relation =
            relations.into_iter().find(|relation| relation.name == name).expect("it is there");
        let scan = kernel::Scan {
            columns: (0..relation.columns.len()).collect(),
            ..kernel::Scan::default()
        };
        let mut rows = Vec::new();
        (relation.rows)(&reader, &scan, &mut |row| {
            assert_eq!(row.len(), relation.columns.len());
            rows.push(row);
            Ok(true)
        })
        .expect("rows");
        rows
    };
    use kernel::Cell::{Bool, Int, Text};
    let sessions = rows("mqtt_sessions");
    assert_eq!((&sessions[0][1], &sessions[0][3]), (&Text("one".into()), &Bool(true)));
    assert_eq!((&sessions[0][6], &sessions[0][10]), (&Int(1), &Text("5".into())));
    let subscriptions = rows("mqtt_subscriptions");
    let expected = [Text("a".into()), Int(1), Text("g".into()), Int(9)];
    assert_eq!(subscriptions[0][1..5], expected);
    let retained = rows("mqtt_retained");
    assert_eq!(retained[0][..3], [Text("a/b".into()), Int(3), Int(1)]);
}
