//! What runs, and telling it something.

use crate::notes::{Unit, call, manifest};
use kernel::{Cell, Config, Reader, Scan};
use serde_json::{Value, json};

/// A unit with three notes: `a` is the unit's, the others are olga's.
fn unit() -> Unit {
    let mut unit = Unit::new(Config::default());
    let note = |name: &str| manifest("Note", name, json!({}));
    unit.apply("user:olga", json!([note("b"), note("c")])).expect("notes");
    unit
}

fn list(unit: &Unit, who: &str, filter: Value) -> Vec<String> {
    let answer = unit.kernel.read(&call(who, "running.list", "running", filter));
    let answer = answer.expect("a list").into_value();
    let ids = answer["items"].as_array().expect("items").iter();
    ids.map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

fn told(unit: &Unit) -> Vec<String> {
    unit.notes.told.lock().expect("nobody tells now").clone()
}

#[test]
fn everybody_sees_what_he_may_see() {
    let unit = unit();
    assert_eq!(list(&unit, "user:olga", json!({})), ["note/a", "note/b", "note/c"]);
    assert_eq!(list(&unit, "user:vera", json!({})), Vec::<String>::new());
    assert_eq!(list(&unit, "user:ana", json!({"principal": "user:olga"})), ["note/b", "note/c"]);
    assert_eq!(list(&unit, "user:ana", json!({"id": "note/c"})), ["note/c"]);
    assert_eq!(list(&unit, "user:ana", json!({"kind": "query"})), Vec::<String>::new());
    assert_eq!(list(&unit, "user:ana", json!({"limit": "2"})).len(), 2);
}

#[test]
fn what_runs_is_told_with_the_rights_of_who_asks() {
    let mut unit = unit();
    assert_eq!(unit.does("user:ana", "running.kill", "running", json!({"id": "note/b"})), "ok");
    assert_eq!(told(&unit), ["b ended"]);
    let mut vera = |id: &str| unit.does("user:vera", "running.kill", "running", json!({"id": id}));
    assert_eq!(vera("note/b"), "resource.not_found", "what she may not see is not there");
    assert_eq!(vera("note/x"), "resource.not_found");
    assert_eq!(vera("thing/7"), "resource.not_found");
    assert_eq!(told(&unit), ["b ended"]);
    let pause = unit.does("user:ana", "running.pause", "running", json!({"id": "note/b"}));
    assert_eq!(pause, "running.unsupported");
}

#[test]
fn a_filter_tells_all_that_fit_and_says_what_became_of_each() {
    let mut unit = unit();
    let filter = json!({"principal": "user:olga"});
    let answer = unit.turn(call("user:ana", "running.kill", "running", filter)).expect("done");
    assert_eq!(
        answer["items"],
        json!([{"id": "note/b", "outcome": "done"}, {"id": "note/c", "outcome": "done"}])
    );
    assert_eq!(told(&unit), ["b ended", "c ended"]);
    let pauses = unit.turn(call("user:ana", "running.pause", "running", json!({"kind": "note"})));
    let pauses = pauses.expect("each says its own");
    assert_eq!(pauses["items"][2], json!({"id": "note/c", "outcome": "running.unsupported"}));
    assert_eq!(unit.does("user:ana", "running.kill", "running", json!({})), "call.invalid");
    let wrong = json!({"kinds": "note"});
    assert_eq!(unit.does("user:ana", "running.kill", "running", wrong), "call.invalid");
}

/// Tells all that fit a filter something, a portion at a time; returns the ids of each portion.
fn portions(unit: &mut Unit, who: &str, operation: &str, mut filter: Value) -> Vec<Value> {
    let mut portions = Vec::new();
    loop {
        let answer = unit.turn(call(who, operation, "running", filter.clone())).expect("told");
        let items = answer["items"].as_array().expect("items").iter();
        portions.push(items.map(|item| item["id"].clone()).collect());
        assert_eq!(answer["more"], !answer["next"].is_null());
        if answer["next"].is_null() {
            return portions;
        }
        filter["after"] = answer["next"].clone();
    }
}

#[test]
fn one_turn_tells_a_portion_and_says_from_where_to_go_on() {
    let mut unit = Unit::new(Config { running_portion_max: 2, ..Config::default() });
    let notes = ["b", "c", "d", "e"].map(|name| manifest("Note", name, json!({})));
    unit.apply("user:olga", json!(notes)).expect("notes");
    let ended = portions(&mut unit, "user:ana", "running.kill", json!({"kind": "note"}));
    assert_eq!(
        ended,
        [json!(["note/a", "note/b"]), json!(["note/c", "note/d"]), json!(["note/e"])]
    );
    assert_eq!(told(&unit), ["a ended", "b ended", "c ended", "d ended", "e ended"]);
    let four = json!({"kind": "note", "limit": 4});
    let four = unit.turn(call("user:ana", "running.kill", "running", four)).expect("told");
    assert_eq!(four["items"].as_array().map(Vec::len), Some(2), "no more than a portion");
    assert_eq!(list(&unit, "user:ana", json!({})).len(), 5, "a list is as long as before");
    let works = ["kpis", "receipts", "tables"];
    let works = works.map(|name| unit.kernel.works().enter(name, "works", base::Time(0)));
    let paused = portions(&mut unit, "user:olga", "running.pause", json!({"kind": "work"}));
    assert_eq!(paused, [json!(["work/kpis", "work/receipts"]), json!(["work/tables"])]);
    assert!(works.iter().all(|work| work.is_paused()));
}

#[test]
fn background_work_pauses_for_who_may_limit_others() {
    let mut unit = unit();
    let work = unit.kernel.works().enter("tables", "looks after tables", base::Time(0));
    let mut tell = |who: &str, verb: &str| {
        let operation = format!("running.{verb}");
        unit.does(who, &operation, "running", json!({"id": "work/tables"}))
    };
    assert_eq!(tell("user:ana", "pause"), "resource.not_found");
    assert_eq!((tell("user:olga", "pause").as_str(), work.is_paused()), ("ok", true));
    assert_eq!((tell("user:olga", "resume").as_str(), work.is_paused()), ("ok", false));
    assert_eq!(tell("user:olga", "kill"), "running.unsupported");
    assert!(list(&unit, "user:olga", json!({})).contains(&"work/tables".to_owned()));
    drop(work);
    assert!(!list(&unit, "user:olga", json!({})).contains(&"work/tables".to_owned()));
}

#[test]
fn somebody_is_limited_at_once_and_for_a_while() {
    let mut unit = unit();
    let limit = json!({"principal": "user:ana", "rate": 1, "lasting": "PT60S"});
    assert_eq!(
        unit.does("user:bob", "running.limit", "running", limit.clone()),
        "policy.forbidden"
    );
    assert_eq!(unit.does("user:olga", "running.limit", "running", limit), "ok");
    let codes = |unit: &Unit| [unit.read_code("user:ana"), unit.read_code("user:ana")];
    assert_eq!(codes(&unit), ["ok", "quota.exceeded"]);
    unit.clock.pass(61_000);
    assert_eq!(codes(&unit), ["ok", "ok"], "its time is over");
    let limit = json!({"principal": "user:ana", "rate": 1});
    assert_eq!(unit.does("user:olga", "running.limit", "running", limit), "ok");
    unit.clock.pass(10_000);
    assert_eq!(codes(&unit), ["ok", "quota.exceeded"]);
    let clear = json!({"principal": "user:ana", "clear": true});
    assert_eq!(unit.does("user:olga", "running.limit", "running", clear), "ok");
    assert_eq!(codes(&unit), ["ok", "ok"]);
}

#[test]
fn a_limit_says_whom_and_how_much() {
    let mut unit = unit();
    let mut limit = |args: Value| unit.does("user:olga", "running.limit", "running", args);
    assert_eq!(limit(json!({"principal": "user:ana"})), "call.invalid");
    assert_eq!(limit(json!({"rate": 1})), "call.invalid");
    assert_eq!(limit(json!({"principal": "unit:timers", "rate": 1})), "call.invalid");
    assert_eq!(limit(json!({"principal": "user:nobody", "rate": 1})), "resource.not_found");
    assert_eq!(limit(json!({"id": "note/b", "time": "PT5S"})), "ok");
    assert_eq!(told(&unit), ["b limited to None bytes, Some(5000) ms, None rows"]);
}

#[test]
fn a_limit_that_would_not_count_is_refused() {
    let mut unit = unit();
    let mut refused = |args: Value| {
        let answer = unit.turn(call("user:olga", "running.limit", "running", args));
        let problem = answer.expect_err("it would not count");
        assert_eq!(problem.code, "call.invalid");
        (problem.message, problem.hint.unwrap_or_default())
    };
    let of_principals = json!({
        "rate": 10, "burst": 10, "concurrency": 2, "bytes": 1_000, "queries": 1, "lasting": "PT10M",
        "clear": true,
    });
    for (name, value) in of_principals.as_object().expect("fields") {
        for mut args in [json!({"id": "note/b"}), json!({"id": "note/b", "time": "PT5S"})] {
            args[name] = value.clone();
            let (message, hint) = refused(args);
            assert!(message.contains(&format!("`{name}` is for a principal")), "{message}");
            assert!(hint.contains("`memory`, `time` or `rows`"), "{hint}");
        }
    }
    for args in [json!({"id": "note/b"}), json!({"principal": "user:ana"})] {
        let (message, _) = refused(args);
        for name in ["rate", "concurrency", "bytes", "memory", "time", "rows", "queries"] {
            assert!(message.contains(&format!("`{name}`")), "{name}: {message}");
        }
    }
    let burst = json!({"principal": "user:ana", "concurrency": 2, "burst": 10});
    assert!(refused(burst).0.ends_with("`burst` needs a `rate`"));
    for mut args in [json!({"rate": 1}), json!({"lasting": "PT10M"})] {
        (args["principal"], args["clear"]) = (json!("user:ana"), json!(true));
        assert!(refused(args).0.contains("`clear` takes every such limit away"));
    }
    assert_eq!(told(&unit), Vec::<String>::new());
    let all = json!({"id": "note/b", "memory": 4_096, "time": "PT5S", "rows": 7});
    assert_eq!(unit.does("user:olga", "running.limit", "running", all), "ok");
    assert_eq!(told(&unit), ["b limited to Some(4096) bytes, Some(5000) ms, Some(7) rows"]);
}

/// Returns the rows of a relation of the system, as somebody sees them.
fn rows(unit: &Unit, who: &str, name: &str) -> Vec<Vec<Cell>> {
    let who = who.to_owned().try_into().expect("a principal");
    let reader = Reader::new(&unit.kernel, who).expect("a reader");
    let relations = unit.kernel.relations(&reader).expect("relations");
    let relation = relations.into_iter().find(|relation| relation.name == name);
    let relation = relation.expect("there is such a relation");
    let mut rows = Vec::new();
    let mut give = |row: Vec<Cell>| {
        assert_eq!(row.len(), relation.columns.len());
        rows.push(row);
        Ok(true)
    };
    (relation.rows)(&reader, &Scan::default(), &mut give).expect("rows");
    rows
}

#[test]
fn who_uses_what_is_in_sql() {
    let mut unit = unit();
    unit.quota("slow", json!({"for": "user/ana", "rate": 1}));
    unit.read_code("user:ana");
    unit.read_code("user:ana");
    let text = |text: &str| Cell::Text(text.into());
    let of_ana = |rows: Vec<Vec<Cell>>| -> Vec<Vec<Cell>> {
        rows.into_iter().filter(|row| row[0] == text("user:ana")).collect()
    };
    let all = rows(&unit, "user:olga", "quotas");
    assert!(1 < all.len(), "olga sees all who called");
    let ana = of_ana(all);
    assert_eq!((&ana[0][2], &ana[0][9]), (&Cell::Int(1), &Cell::Int(1)), "rate and refusals");
    assert_eq!(rows(&unit, "user:ana", "quotas"), ana, "she sees her own");
    assert!(unit.kernel.memory().take(kernel::Part::Queries, 5_000));
    let memory = rows(&unit, "user:olga", "memory");
    assert!(memory.iter().any(|row| row[0] == text("queries") && row[1] == Cell::Int(5_000)));
    let running = rows(&unit, "user:olga", "running");
    assert_eq!(running.len(), 3);
}
