//! Rules find what a plain computation finds: the same crossings, no more and no fewer, however rows come and whatever stops meanwhile.

use crate::naive::{self, Found, Point};
use crate::world::{OWNER, World, code, manifest};
use crate::{CROSSINGS, append, damaged, readings, row, rule};
use base::Time;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Faults, FaultyStore, MemoryStore, Store};

const MINUTE: i64 = 60_000;

/// How many worlds each property is tried in.
const SEEDS: u64 = 12;

/// Rows of one world.
const ROWS: usize = 240;

/// Numbers that look random, the same for each seed.
struct Dice(u64);

impl Dice {
    /// Returns a number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        // Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn minutes(&mut self, end: u64) -> i64 {
        i64::try_from(self.below(end)).expect("a small number") * MINUTE
    }
}

/// Returns a row as a fleet of loggers may send it: of the past, of the future, of another kind, or without a temperature.
fn random_row(dice: &mut Dice, now: i64) -> Value {
    let at = match dice.below(40) {
        0..=3 => now - dice.minutes(40),
        4 => now + dice.minutes(90),
        _ => now - dice.minutes(2),
    };
    let temperature = match dice.below(8) {
        0 => Value::Null,
        _ => json!(f64::from(u32::try_from(dice.below(25)).expect("small")) * 0.5),
    };
    let kind = if dice.below(6) == 0 { "warm" } else { "cold" };
    let device = format!("logger-{}", dice.below(3));
    json!({"device": device, "received_at": Time(now), "at": Time(at), "temperature": temperature, "kind": kind})
}

/// Returns a unit with the stream and a rule over its cold rows, over a store whose commits can fail.
fn world(seen: &Arc<FaultyStore>, store: Arc<MemoryStore>, when: &Value) -> World {
    let mut world =
        World::behind(Arc::clone(seen) as Arc<dyn Store>, store, device::Config::default());
    let people = json!([
        manifest("User", "olga", json!({"roles": ["owner"]})),
        manifest(
            "Role",
            "fleet-writer",
            json!({"summary": "", "policies": "permit (principal in Role::\"fleet-writer\", action, resource);"})
        ),
    ]);
    let args = json!({ "manifests": people });
    world.call("resource.apply", "resource/", "unit:init", args).expect("people");
    let mut watched = rule(when, &json!([]));
    watched["spec"]["where"] = json!("=kind = \"cold\"");
    world.apply(json!([readings(), watched])).expect("the rule");
    world
}

/// Returns what a rule has found, by device, in order.
fn found(world: &World) -> BTreeMap<String, Vec<Found>> {
    let mut found: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for row in world.log(CROSSINGS) {
        let device = row["device"].as_str().expect("a device").to_owned();
        let at = Time::parse(row["at"].as_str().expect("a time")).expect("a time").0;
        let number = row["crossing"].as_u64().expect("a number");
        found.entry(device).or_default().push((number, at));
    }
    found.values_mut().for_each(|found| found.sort_unstable());
    found
}

/// Returns the cold rows of the stream by device; those that are far ahead of their arrival count for silence alone.
fn points(world: &World, is_silence: bool) -> BTreeMap<String, Vec<Point>> {
    let mut points: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    for (offset, row) in world.rows("readings").iter().enumerate() {
        let point = naive::point(offset, row);
        if row["kind"] == "cold" && (is_silence || point.at <= point.arrived + 60 * MINUTE) {
            let device = row["device"].as_str().expect("a device").to_owned();
            points.entry(device).or_default().push(point);
        }
    }
    points
}

/// Lets rows come in any batches, with restarts and commits that fail between, and compares what was found.
fn check(when: &Value, expected: impl Fn(&[Point], i64) -> Vec<Found>) {
    let is_silence = when.get("silent").is_some();
    let mut all = 0;
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        let store = Arc::new(MemoryStore::new());
        let inner = Arc::clone(&store) as Arc<dyn Store>;
        let seen = Arc::new(FaultyStore::new(inner, seed, Faults::default()));
        let mut world = world(&seen, store, when);
        let mut sent = 0;
        while sent < ROWS {
            world.clock.pass(dice.minutes(12));
            match dice.below(8) {
                0 => world = world.again(),
                1 => world.settle(),
                _ => {}
            }
            let batch = usize::try_from(dice.below(9)).expect("small") + 1;
            let now = world.clock.now();
            let rows: Vec<Value> = (0..batch).map(|_| random_row(&mut dice, now)).collect();
            if dice.below(6) == 0 {
                // Nothing of it has happened, but the sender sends it again.
                seen.set_full(true);
                let args = json!({ "rows": rows });
                world
                    .call("stream.append", "stream/readings", OWNER, args)
                    .expect_err("the disk is full");
                seen.set_full(false);
            }
            append(&mut world, &rows);
            sent += batch;
        }
        world.clock.pass(60 * MINUTE);
        world.settle();
        let now = world.clock.now();
        let mut wanted: BTreeMap<String, Vec<Found>> = BTreeMap::new();
        for (device, rows) in points(&world, is_silence) {
            let rows = if is_silence { rows } else { naive::considered(&rows) };
            let mut found = expected(&rows, now);
            found.sort_unstable();
            if !found.is_empty() {
                wanted.insert(device, found);
            }
        }
        assert_eq!(found(&world), wanted, "seed {seed}");
        all += wanted.values().map(Vec::len).sum::<usize>();
    }
    assert!(0 < all, "a test that finds nothing says nothing");
}

#[test]
fn becomes_finds_each_change_to_true() {
    check(&json!({"becomes": "=temperature > 8"}), |rows, _| naive::becomes(rows, 8.0));
}

#[test]
fn stays_finds_each_run_that_lasts() {
    let when = json!({"stays": {"is": "=temperature > 4", "for": "PT20M"}});
    check(&when, |rows, _| naive::stays(rows, 4.0, 20 * MINUTE, None));
    let when = json!({"stays": {"is": "=temperature > 4", "for": "PT20M", "gap": "PT15M"}});
    check(&when, |rows, _| naive::stays(rows, 4.0, 20 * MINUTE, Some(15 * MINUTE)));
}

#[test]
fn leaves_finds_each_way_out_and_none_before_the_first_way_in() {
    let range = json!({"value": "temperature", "low": 2, "high": 8, "hysteresis": 0.5});
    check(&json!({ "leaves": range }), |rows, _| naive::leaves(rows, 2.0, 8.0, 0.5));
}

#[test]
fn rises_and_falls_find_each_change_that_is_fast_enough() {
    let change = json!({"value": "temperature", "by": 6, "within": "PT30M"});
    check(&json!({ "rises": change }), |rows, _| naive::rises(rows, 6.0, 30 * MINUTE, false));
    check(&json!({ "falls": change }), |rows, _| naive::rises(rows, 6.0, 30 * MINUTE, true));
}

#[test]
fn window_finds_each_window_that_is_above() {
    type Of = fn(&[f64]) -> Option<f64>;
    let mean: Of =
        |values| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let least: Of = |values| values.iter().copied().reduce(f64::min);
    let greatest: Of = |values| values.iter().copied().reduce(f64::max);
    let count: Of = |values| Some(values.len() as f64);
    let sum: Of = |values| (!values.is_empty()).then(|| values.iter().sum());
    let cases: [(&str, f64, Of); 5] = [
        ("avg", 6.0, mean),
        ("min", 4.0, least),
        ("max", 10.0, greatest),
        ("count", 2.0, count),
        ("sum", 12.0, sum),
    ];
    for (of, above, made) in cases {
        let window = json!({"every": "PT30M", "of": of, "value": "temperature", "above": above});
        check(&json!({ "window": window }), move |rows, _| {
            naive::window(rows, 30 * MINUTE, made, above)
        });
    }
}

#[test]
fn silent_finds_each_pause_that_lasts_by_the_clock_or_by_the_next_row() {
    check(&json!({"silent": {"for": "PT15M"}}), |rows, now| naive::silent(rows, 15 * MINUTE, now));
}

#[test]
fn a_silence_that_cannot_be_told_keeps_no_other_from_being_told() {
    let mut world = World::new();
    let when = json!({"silent": {"for": "PT15M"}});
    world.apply(json!([readings(), rule(&when, &json!([]))])).expect("the rule");
    let rows = [row(&world, "logger-1", 4.0), row(&world, "logger-2", 4.0)];
    append(&mut world, &rows);
    world.settle();
    let mut world = damaged(world, "s", "logger-1");
    world.clock.pass(60 * MINUTE);
    world.settle();
    assert_eq!(found(&world).into_keys().collect::<Vec<_>>(), ["logger-2"]);
    let faults = world.log("system/faults");
    assert_eq!((faults.len(), &faults[0]["device"]), (1, &json!("logger-1")));
    let shown = world.call("rule.list", "rule/", OWNER, json!({})).expect("the rules");
    assert_eq!(shown["items"][0]["crossings"], 1);
    assert_eq!(world.writer.due().expect("the store is read"), None);
}

#[test]
fn late_rows_rows_ahead_and_rows_that_fail_are_counted() {
    let mut world = World::new();
    let when = json!({"becomes": "=temperature > 8"});
    world.apply(json!([readings(), rule(&when, &json!([]))])).expect("the rule");
    let now = world.clock.now();
    let at = |at: i64, temperature: Value| json!({"device": "a", "received_at": Time(now), "at": Time(at), "temperature": temperature, "kind": "cold"});
    let rows = [
        at(now, json!(1)),
        at(now - 1, json!(9)),
        at(now + 2 * 60 * MINUTE, json!(9)),
        at(now, json!(null)),
        at(now, json!(9)),
    ];
    append(&mut world, &rows);
    world.settle();
    let shown = world.call("rule.get", "rule/watched", OWNER, json!({})).expect("the rule");
    assert_eq!((&shown["crossings"], &shown["late"]), (&json!(1), &json!(2)));
    assert_eq!((&shown["failed"], &shown["cursor"]), (&json!(1), &json!(5)));
    assert!(shown["problem"].as_str().is_some_and(|text| text.contains("feel.failed")), "{shown}");
    assert_eq!(shown["states"][0]["device"], "a");
    assert_eq!(shown["last"][0]["offset"], 4);
    let listed = world.call("rule.list", "rule/", OWNER, json!({})).expect("the rules");
    assert_eq!(listed["items"][0]["name"], "watched");
}

#[test]
fn the_last_crossings_of_a_rule_are_shown_however_often_others_are_crossed() {
    let mut world = World::new();
    let noisy = json!({"on": {"stream": "readings"}, "when": {"becomes": "=temperature > 8"}});
    let noisy = manifest("Rule", "noisy", noisy);
    let when = json!({"becomes": "=temperature > 100"});
    world.apply(json!([readings(), rule(&when, &json!([])), noisy])).expect("the rules");
    let [cool, warm, hot] = [4.0, 9.0, 101.0].map(|value| row(&world, "a", value));
    append(&mut world, &[hot, cool.clone()]);
    let often: Vec<Value> = [warm, cool].into_iter().cycle().take(2_400).collect();
    append(&mut world, &often);
    world.settle();
    let mut last = |rule: &str| {
        let shown = world.call("rule.get", rule, OWNER, json!({})).expect("the rule");
        let last = shown["last"].as_array().expect("a list");
        (shown["crossings"].clone(), last.len(), last[0]["offset"].clone())
    };
    assert_eq!(last("rule/watched"), (json!(1), 1, json!(0)));
    assert_eq!(last("rule/noisy"), (json!(1_201), 20, json!(2_400)));
}

#[test]
fn a_rule_that_judges_otherwise_begins_anew_and_one_that_does_otherwise_goes_on() {
    let mut world = World::new();
    let when = json!({"becomes": "=temperature > 8"});
    world.apply(json!([readings(), rule(&when, &json!([]))])).expect("the rule");
    let hot = row(&world, "a", 9.0);
    append(&mut world, std::slice::from_ref(&hot));
    world.settle();
    let begun = |world: &mut World| {
        let shown = world.call("rule.get", "rule/watched", OWNER, json!({})).expect("the rule");
        (shown["from"].clone(), shown["states"].as_array().expect("a list").len())
    };
    assert_eq!(begun(&mut world), (json!(0), 1));
    // It does otherwise: what it remembers stays, and the device has crossed already.
    let alarm = json!([{"append": {"stream": "alarms", "row": {"device": "=device"}}}]);
    let alarms = crate::world::stream("alarms", &[]);
    world.apply(json!([readings(), alarms, rule(&when, &alarm)])).expect("the rule");
    append(&mut world, std::slice::from_ref(&hot));
    world.settle();
    assert_eq!((begun(&mut world), world.rows("alarms").len()), ((json!(0), 1), 0));
    // It judges otherwise: it begins with what comes from now on.
    let when = json!({"becomes": "=temperature > 8.5"});
    world.apply(json!([rule(&when, &alarm)])).expect("the rule");
    assert_eq!(begun(&mut world), (json!(2), 0));
    append(&mut world, std::slice::from_ref(&hot));
    world.settle();
    assert_eq!((begun(&mut world), world.rows("alarms").len()), ((json!(2), 1), 1));
    // By hand too; of one device alone nothing but that is forgotten.
    let reset = json!({"device": "a"});
    assert_eq!(
        world.call("rule.reset", "rule/watched", OWNER, reset).expect("it is reset"),
        json!({"reset": true})
    );
    assert_eq!(begun(&mut world), (json!(2), 0));
    append(&mut world, std::slice::from_ref(&hot));
    world.settle();
    assert_eq!(world.rows("alarms").len(), 2);
    world.call("rule.reset", "rule/watched", OWNER, json!({})).expect("it is reset");
    assert_eq!(begun(&mut world), (json!(4), 0));
    let refused = world.call("rule.reset", "rule/watched", "user:oskar", json!({}));
    assert_eq!(code(refused), "policy.forbidden");
}

#[test]
fn what_a_rule_remembers_of_many_devices_goes_piece_by_piece_and_counts_no_more() {
    let mut world = World::new();
    let when = json!({"silent": {"for": "PT15M"}});
    world.apply(json!([readings(), rule(&when, &json!([]))])).expect("the rule");
    let rows: Vec<Value> =
        (0..2_500).map(|number| row(&world, &format!("logger-{number}"), 4.0)).collect();
    append(&mut world, &rows);
    world.settle();
    let remembered = |world: &World, section: &str| -> usize {
        let prefix = kernel::key(b'D').text(section);
        let snapshot = world.store.snapshot().expect("a look");
        let end = base::prefix_end(prefix.as_ref());
        snapshot.scan(prefix.as_ref(), &end, usize::MAX, false).expect("keys").len()
    };
    assert_eq!((remembered(&world, "s"), remembered(&world, "u")), (2_500, 2_500));
    world.call("rule.reset", "rule/watched", OWNER, json!({})).expect("it is reset");
    assert!(0 < remembered(&world, "s"), "not all in one turn");
    // Nobody is missed of whom nothing was heard since.
    world.clock.pass(60 * MINUTE);
    let alive = row(&world, "logger-7", 4.0);
    append(&mut world, &[alive]);
    world.settle();
    assert!(world.log(CROSSINGS).is_empty());
    assert_eq!((remembered(&world, "s"), remembered(&world, "u")), (1, 1));
    assert_eq!(remembered(&world, "g"), 0);
}

#[test]
fn what_cannot_work_is_refused_with_its_place() {
    let mut world = World::new();
    world.apply(json!([readings()])).expect("the stream");
    let mut refused = |when: Value, actions: Value| -> String {
        let problem = world.apply(json!([rule(&when, &actions)])).expect_err("it is refused");
        let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
        format!("{} {place}: {}", problem.code, problem.message)
    };
    let when = json!({"becomes": "=temperature > 8"});
    let said = refused(json!({"becomes": "=temperature >"}), json!([]));
    assert!(said.starts_with("rule.invalid") && said.contains("/spec/when/becomes"), "{said}");
    let said = refused(json!({"leaves": {"value": "temprature", "low": 2}}), json!([]));
    assert!(said.contains("/spec/when/leaves/value") && said.contains("no column"), "{said}");
    let said = refused(json!({"silent": {"for": "PT0S"}}), json!([]));
    assert!(said.contains("/spec/when/silent/for"), "{said}");
    let window = json!({"every": "PT1H", "of": "avg", "value": "temperature"});
    let said = refused(json!({ "window": window }), json!([]));
    assert!(said.contains("either `above` or `below`"), "{said}");
    let said = refused(when.clone(), json!([{"start": {"process": "inspect"}}]));
    assert!(said.contains("/spec/do/0/start/process") && said.contains("does not exist"), "{said}");
    let said = refused(when.clone(), json!([{"command": {"command": "cool"}}]));
    assert!(said.contains("/spec/do/0/command/command"), "{said}");
    let said = refused(when, json!([{"append": {"stream": "readings", "row": {}}}]));
    assert!(said.contains("/spec/do/0/append/stream"), "{said}");
}

#[test]
fn a_stream_keeps_what_its_rules_need() {
    let mut world = World::new();
    let when = json!({"leaves": {"value": "temperature", "low": 2}});
    world.apply(json!([readings(), rule(&when, &json!([]))])).expect("the rule");
    let other = crate::world::stream("readings", &[("at", "time"), ("kind", "text")]);
    assert_eq!(code(world.apply(json!([other]))), "rule.invalid");
}
