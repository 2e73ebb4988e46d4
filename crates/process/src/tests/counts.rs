//! What is counted is what there is: after random runs, repairs by hand, failed commits, and in a store that was there before.

use super::model::bpmn;
use super::unit::{Unit, manifest};
use crate::wire::key;
use crate::{Config, Processes};
use base::{Entropy, SeededEntropy, Time};
use kernel::{Call, Principal, Reader, ResourceRef};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Batch, Faults, FaultyStore, MemoryStore, Store as _};

const MODEL: &str = "start s\n and f\n job a pack\n user b\n boundary late on b beside cycle R2/PT10S\n task l\n end le\n boundary quit on a error oops\n end qe\n sub q {\n start qs\n user d\n catch t timer PT5S\n end qx\n qs > d > t > qx\n }\n xor x default e\n and j\n end e\n late > l > le\n quit > qe\n s > f\n f > a > j\n f > b > j\n j > x\n x > q if again = true\n x > e\n q > e";

fn declare(unit: &mut Unit, lines: &str) {
    let spec = json!({"source": bpmn(lines), "roles": ["owner"]});
    unit.manifests(vec![manifest("Process", "p", spec)])
        .unwrap_or_else(|problem| panic!("{problem:?}"));
}

/// Returns what is wrong with what is stored.
fn findings(unit: &Unit) -> Vec<String> {
    let reader = Reader::new(&unit.kernel, Principal::Unit("verify".into())).expect("a reader");
    Processes::new(Config::default()).verify(&reader).expect("it can be read")
}

/// Draws what happens next.
struct Chance(SeededEntropy);

impl Chance {
    fn below(&self, end: usize) -> usize {
        (self.0.number() % end.max(1) as u64) as usize
    }

    fn of(&self, all: &[String]) -> Option<String> {
        all.get(self.below(all.len())).cloned()
    }
}

/// Makes something happen; what is refused has happened to nobody.
fn happen(unit: &mut Unit, chance: &Chance, seconds: &mut i64) -> Option<()> {
    let instances = unit.rows("process_instances", &["instance"]);
    let instance = || chance.of(&instances).map(|number| format!("instance/{number}"));
    let named =
        |unit: &Unit, relation: &str, column: &str| chance.of(&unit.rows(relation, &[column]));
    let call = |unit: &mut Unit, operation: &str, resource: &str, args: Value| {
        let _ = unit.call(operation, resource, args);
    };
    match chance.below(20) {
        0..=4 => {
            let variables = json!({"again": chance.below(2) == 0});
            call(unit, "process.start", "process/p", json!({"variables": variables}));
        }
        5 | 6 => {
            let job = named(unit, "jobs", "job")?;
            call(unit, "job.complete", &format!("job/{job}"), json!({}));
        }
        7 => {
            let job = named(unit, "jobs", "job")?;
            let args = json!({"retries": chance.below(2), "message": "no"});
            call(unit, "job.fail", &format!("job/{job}"), args);
        }
        8 => {
            let job = named(unit, "jobs", "job")?;
            let code = if chance.below(2) == 0 { "oops" } else { "other" };
            call(unit, "job.error", &format!("job/{job}"), json!({"code": code}));
        }
        9..=11 => {
            let task = named(unit, "tasks", "task")?;
            call(unit, "task.complete", &format!("task/{task}"), json!({}));
        }
        12 => {
            *seconds += chance.below(8) as i64;
            let to = json!({"to": Time(*seconds * 1_000)});
            call(unit, "clock.advance", "clock", to);
        }
        13 => {
            let operation =
                if chance.below(2) == 0 { "instance.suspend" } else { "instance.resume" };
            call(unit, operation, &instance()?, json!({"dry_run": chance.below(4) == 0}));
        }
        14 => call(unit, "instance.cancel", &instance()?, json!({"dry_run": chance.below(2) == 0})),
        15 => {
            let ends = ["a", "b", "d", "q", "x", "e", "l"].map(str::to_owned);
            let args = json!({"from": chance.of(&ends), "to": chance.of(&ends)});
            call(unit, "instance.move", &instance()?, args);
        }
        16 => {
            let version = 1 + chance.below(2);
            call(unit, "instance.migrate", &instance()?, json!({"version": version}));
        }
        17 => {
            let incident = named(unit, "incidents", "incident")?;
            call(unit, "incident.resolve", &format!("incident/{incident}"), json!({}));
        }
        18 => {
            let action = ["retry", "cancel", "suspend", "resume", "migrate"][chance.below(5)];
            let filter = json!({"process": "p"});
            let args = json!({"action": action, "filter": filter, "limit": 1 + chance.below(3)});
            call(unit, "bulk.start", "bulk", args);
        }
        _ => {
            // Too large for an instance: it fails as a whole, and is mended or not.
            let task = named(unit, "tasks", "task")?;
            let args = json!({"variables": {"big": "x".repeat(2 << 20)}});
            if chance.below(6) == 0 {
                call(unit, "task.complete", &format!("task/{task}"), args);
            }
        }
    }
    Some(())
}

/// Returns a call that changes counts.
fn lost(unit: &Unit, chance: &Chance) -> Call {
    let instances = unit.rows("process_instances", &["instance"]);
    let ana = Principal::User("ana".into());
    let call = match chance.of(&instances) {
        Some(number) if chance.below(2) == 0 => {
            Call::new("instance.cancel", ResourceRef::new("instance", number), ana)
        }
        _ => Call::new("process.start", ResourceRef::new("process", "p"), ana),
    };
    call.with(json!({}))
}

#[test]
fn counts_are_what_there_is_whatever_happens() {
    for seed in 1..=12 {
        let chance = Chance(SeededEntropy::new(seed));
        let memory = Arc::new(MemoryStore::new());
        let seen = Arc::new(FaultyStore::new(memory.clone(), seed, Faults::default()));
        let mut unit =
            Unit::behind(seen.clone(), memory, kernel::Config::default(), Config::default());
        declare(&mut unit, MODEL);
        let mut seconds = 0;
        for step in 0..120 {
            if step == 40 {
                declare(&mut unit, &MODEL.replace("q > e", "user z\n q > z > e"));
            }
            if chance.below(10) == 0 {
                // Nothing of this turn is committed.
                let call = lost(&unit, &chance);
                seen.set_full(true);
                assert!(unit.writer.turn(&[call]).iter().all(Result::is_err), "the disk is full");
                seen.set_full(false);
            } else {
                happen(&mut unit, &chance, &mut seconds);
            }
            unit.writer.turn(&[]);
            while unit.writer.has_leftovers() {
                unit.writer.turn(&[]);
            }
            if step % 10 == 9 {
                assert_eq!(findings(&unit), Vec::<String>::new(), "seed {seed}, step {step}");
            }
        }
    }
}

fn counted(unit: &mut Unit) -> Value {
    let process = unit.ok("process.get", "process/p", json!({}));
    let rows = process["elements"].as_array().cloned().unwrap_or_default();
    let told = rows
        .into_iter()
        .filter(|row| !matches!(row["kind"].as_str(), Some("start" | "end" | "gateway" | "pass")));
    json!({"elements": told.collect::<Vec<_>>(), "versions": process["versions"]})
}

/// Returns what takes keys beside instances away, by the parts of their space.
fn without(store: &MemoryStore, parts: &[&str]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let snapshot = store.snapshot().expect("a snapshot");
    let prefixes = parts.iter().map(|part| kernel::key(b'p').text(part).bytes());
    let pairs = prefixes.flat_map(|prefix| {
        let end = base::prefix_end(&prefix);
        snapshot.scan(&prefix, &end, usize::MAX, false).expect("pairs")
    });
    pairs.map(|(key, _)| (key, None)).collect()
}

/// Returns a unit over a store in which something was changed.
fn changed(store: Arc<MemoryStore>, writes: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Unit {
    let epoch = store.open_epoch(0).expect("an epoch");
    store.commit(0, &Batch { epoch, writes, ..Batch::default() }).expect("a commit");
    Unit::over(store)
}

#[test]
fn a_store_that_was_there_before_is_counted_once_between_other_work() {
    let chance = Chance(SeededEntropy::new(7));
    let mut unit = Unit::new();
    declare(&mut unit, MODEL);
    let mut seconds = 0;
    for _ in 0..150 {
        happen(&mut unit, &chance, &mut seconds);
    }
    let (before, finished) =
        (counted(&mut unit), unit.ok("instance.list", "instance", json!({"state": "finished"})));
    let incidents = unit.ok("incident.list", "incident", json!({"process": "p"}));
    // As an older version has left it: nothing is counted, and nothing leads to what is over.
    let store = Arc::clone(&unit.store);
    drop(unit);
    let mut writes = vec![(key::counting().bytes(), None)];
    writes.extend(without(&store, &["6", "7", "8", "9", ":", ";", "<", "="]));
    let mut unit = changed(store, writes);
    assert_eq!(findings(&unit), Vec::<String>::new(), "not counted yet");
    // An instance begins before all is counted.
    let started = unit.ok("process.start", "process/p", json!({}));
    unit.ok("instance.cancel", &format!("instance/{}", started["instance"]), json!({}));
    for _ in 0..20 {
        unit.writer.turn(&[]);
    }
    assert_eq!(findings(&unit), Vec::<String>::new());
    let after = counted(&mut unit);
    for (place, row) in before["elements"].as_array().expect("rows").iter().enumerate() {
        let now = &after["elements"][place];
        assert_eq!(now["active"], row["active"], "{row}");
        assert_eq!(now["incidents"], row["incidents"], "{row}");
        assert_eq!(now["completed"], row["completed"], "{row}");
        assert_eq!(now["ms_max"], row["ms_max"], "{row}");
    }
    let again = unit.ok("instance.list", "instance", json!({"state": "finished"}));
    let numbers = |list: &Value| -> Vec<u64> {
        let items = list["items"].as_array().expect("items");
        items.iter().filter_map(|row| row["instance"].as_u64()).collect()
    };
    assert_eq!(numbers(&again)[1..], numbers(&finished));
    assert_eq!(unit.ok("incident.list", "incident", json!({"process": "p"})), incidents);
}

#[test]
fn a_store_that_was_counted_and_not_listed_is_listed_once_between_other_work() {
    let mut unit = Unit::new();
    declare(&mut unit, "start s\n user a\n user b\n end e\n s > a > b > e");
    (0..6).for_each(|_| drop(unit.ok("process.start", "process/p", json!({}))));
    declare(&mut unit, "start s\n task n\n user a\n user b\n end e\n s > n > a > b > e");
    (0..2).for_each(|_| drop(unit.ok("process.start", "process/p", json!({}))));
    unit.ok("instance.migrate", "instance/1", json!({"version": 2}));
    unit.ok("task.complete", "task/2-2", json!({}));
    unit.ok("instance.cancel", "instance/3", json!({}));
    unit.ok("instance.cancel", "instance/8", json!({}));
    let check = |unit: &mut Unit, when: &str| {
        let lists = [
            (json!({"process": "p", "element": "a"}), vec![7, 6, 5, 4, 1]),
            (json!({"process": "p", "element": "b", "version": 1}), vec![2]),
            (json!({"process": "p", "version": 1, "state": "all"}), vec![6, 5, 4, 3, 2]),
            (json!({"process": "p", "version": 2}), vec![7, 1]),
            (json!({"version": 2, "state": "finished"}), vec![8]),
        ];
        for (filter, expected) in lists {
            let list = unit.ok("instance.list", "instance", filter.clone());
            let rows = list["items"].as_array().expect("items").iter();
            let numbers: Vec<u64> = rows.filter_map(|row| row["instance"].as_u64()).collect();
            assert_eq!(numbers, expected, "{when}: {filter}");
        }
        assert_eq!(findings(unit), Vec::<String>::new(), "{when}");
    };
    check(&mut unit, "listed as they came");
    // As an older version has left it: all is counted, and nothing is listed by version and element.
    let store = Arc::clone(&unit.store);
    drop(unit);
    let snapshot = store.snapshot().expect("a snapshot");
    let counting = snapshot.get(key::counting().as_ref()).expect("reads").expect("a record");
    drop(snapshot);
    let mut counting: Value = serde_json::from_slice(&counting).expect("json");
    counting.as_object_mut().expect("a record").remove("listed").expect("what is new");
    let counting = serde_json::to_vec(&counting).expect("json");
    let mut writes = without(&store, &["<", "="]);
    assert_eq!(writes.len(), 6 + 2, "one key for each");
    writes.push((key::counting().bytes(), Some(counting)));
    let mut unit = changed(store, writes);
    check(&mut unit, "not listed yet");
    for _ in 0..20 {
        unit.writer.turn(&[]);
    }
    let reader = Reader::new(&unit.kernel, Principal::Unit("verify".into())).expect("a reader");
    let engine = Processes::new(Config::default());
    assert!(engine.is_listed(&reader).expect("it can be read"));
    check(&mut unit, "listed since");
}

#[test]
fn an_element_is_counted_with_how_long_it_took() {
    let mut unit = Unit::new();
    declare(&mut unit, "start s\n user a\n user b\n end e\n s > a > b > e");
    for _ in 0..3 {
        unit.ok("process.start", "process/p", json!({}));
    }
    for (instance, at) in [(1, 10), (2, 30)] {
        unit.advance(at);
        unit.ok("task.complete", &format!("task/{instance}-2"), json!({}));
    }
    unit.ok("instance.cancel", "instance/2", json!({}));
    let process = unit.ok("process.get", "process/p", json!({}));
    let of = |name: &str| {
        let rows = process["elements"].as_array().expect("elements");
        rows.iter().find(|row| row["element"] == name).cloned().expect("the element")
    };
    let a = of("a");
    let told = (&a["active"], &a["completed"], &a["ms_total"], &a["ms_max"], &a["kind"]);
    assert_eq!(told, (&json!(1), &json!(2), &json!(40_000), &json!(30_000), &json!("task")));
    let b = of("b");
    assert_eq!((&b["active"], &b["cancelled"]), (&json!(1), &json!(1)));
    assert_eq!(of("s")["completed"], 3);
    let list = unit.ok("process.list", "process", json!({}));
    let row = &list["items"][0];
    assert_eq!(
        (&row["active"], &row["finished"], &row["incidents"]),
        (&json!(2), &json!(1), &json!(0))
    );
    assert_eq!((&process["start"]["element"], &process["latest"]), (&json!("s"), &json!(1)));
    assert!(process["source"].as_str().is_some_and(|source| source.contains("bpmn:process")));
}

#[test]
fn a_version_has_counts_of_its_own_and_all_together_stand_in_the_newest_diagram() {
    let mut unit = Unit::new();
    declare(&mut unit, "start s\n user a\n end e\n s > a > e");
    unit.ok("process.start", "process/p", json!({}));
    declare(&mut unit, "start s\n task n\n user a\n end e\n s > n > a > e");
    unit.ok("process.start", "process/p", json!({}));
    let active = |unit: &mut Unit, args: Value| {
        let process = unit.ok("process.get", "process/p", args);
        let rows = process["elements"].as_array().expect("elements");
        rows.iter().find(|row| row["element"] == "a").expect("a")["active"].clone()
    };
    assert_eq!(active(&mut unit, json!({})), 2);
    assert_eq!(active(&mut unit, json!({"version": 1})), 1);
    unit.ok("instance.migrate", "instance/1", json!({}));
    assert_eq!(active(&mut unit, json!({"version": 1})), 0);
    assert_eq!(active(&mut unit, json!({"version": 2})), 2);
    let missing = unit.call("process.get", "process/p", json!({"version": 9})).expect_err("none");
    assert_eq!(missing.code, "process.not_found");
    assert_eq!(findings(&unit), Vec::<String>::new());
}

#[test]
fn what_a_role_may_not_see_is_not_listed() {
    let mut unit = Unit::new();
    declare(&mut unit, "start s\n user a\n end e\n s > a > e");
    unit.ok("process.start", "process/p", json!({}));
    unit.ok("instance.cancel", "instance/1", json!({}));
    let nobody = Principal::User("nobody".into());
    for (operation, resource) in [
        ("process.list", ResourceRef::new("process", "")),
        ("process.get", ResourceRef::new("process", "p")),
        ("instance.history", ResourceRef::new("instance", "1")),
    ] {
        let call = Call::new(operation, resource, nobody.clone());
        let refused = unit.kernel.read(&call).map(|_| ()).expect_err(operation);
        assert!(
            matches!(refused.kind, base::Kind::Forbidden | base::Kind::NotFound),
            "{operation}: {refused:?}"
        );
    }
}
