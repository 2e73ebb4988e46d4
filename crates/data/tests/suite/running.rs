//! Queries beside all else that runs: listed, ended and limited; and quotas of queries and of what streams hold.

use crate::support::{Unit, call, manifest, orders, unit};
use base::Problem;
use kernel::{Kernel, Reply};
use serde_json::{Value, json};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Ends by itself in some days.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 1000000) a \
                       CROSS JOIN generate_series(1, 1000000) b";

/// Asks on a thread of its own; the code of what went wrong, or `ok`.
fn ask(kernel: &Arc<Kernel>, who: &str, sql: &str) -> JoinHandle<String> {
    ask_with(kernel, who, json!({ "sql": sql }))
}

fn ask_with(kernel: &Arc<Kernel>, who: &str, args: Value) -> JoinHandle<String> {
    let call = call(who, "sql.query", ("sql", "")).with(args);
    let kernel = Arc::clone(kernel);
    std::thread::spawn(move || match kernel.read(&call) {
        Ok(_) => "ok".into(),
        Err(problem) => problem.code,
    })
}

fn list(unit: &Unit, who: &str, filter: Value) -> Vec<Value> {
    let call = call(who, "running.list", ("running", "")).with(filter);
    let answer = unit.kernel.read(&call).map(Reply::into_value).expect("a list");
    answer["items"].as_array().expect("items").clone()
}

/// Waits until a query of somebody runs, and returns it.
fn running(unit: &Unit, who: &str) -> Value {
    loop {
        if let Some(first) = list(unit, who, json!({"kind": "query"})).into_iter().next() {
            return first;
        }
        std::thread::yield_now();
    }
}

/// Waits until no query of somebody runs any more: one that was ended while it was planned keeps its place until the plan is made.
fn gone(unit: &Unit, who: &str) {
    while !list(unit, who, json!({})).is_empty() {
        std::thread::yield_now();
    }
}

fn tell(unit: &mut Unit, who: &str, verb: &str, args: Value) -> Result<Value, Problem> {
    unit.call(call(who, &format!("running.{verb}"), ("running", "")).with(args))
}

fn quota(unit: &mut Unit, spec: Value) {
    unit.apply(json!([manifest("Quota", "probe", spec)])).expect("a quota");
}

#[test]
fn whoever_asks_sees_and_ends_his_own_query() {
    let mut unit = unit();
    let slow = ask(&unit.kernel, "user:ann", ENDLESS);
    let query = running(&unit, "user:ann");
    assert_eq!((&query["what"], &query["principal"]), (&json!(ENDLESS), &json!("user:ann")));
    assert!(query["memory_bytes"].is_u64() && query["since"].is_string());
    assert_eq!(list(&unit, "user:carl", json!({})), Vec::<Value>::new(), "it is not his");
    assert_eq!(list(&unit, "user:olga", json!({"principal": "user:ann"})).len(), 1);
    let id = json!({"id": query["id"]});
    let code = |result: Result<Value, Problem>| {
        result.map_or_else(|problem| problem.code, |_| "ok".into())
    };
    assert_eq!(code(tell(&mut unit, "user:carl", "kill", id.clone())), "resource.not_found");
    assert_eq!(code(tell(&mut unit, "user:ann", "pause", id.clone())), "running.unsupported");
    assert_eq!(
        code(tell(&mut unit, "user:ann", "kill", id)),
        "ok",
        "analysts may not cancel others'"
    );
    assert_eq!(slow.join().expect("it ends"), "sql.cancelled");
    gone(&unit, "user:ann");
}

#[test]
fn all_queries_of_somebody_are_ended_by_a_filter() {
    let mut unit = unit();
    let slow = [ask(&unit.kernel, "user:ann", ENDLESS), ask(&unit.kernel, "user:ann", ENDLESS)];
    while list(&unit, "user:olga", json!({"kind": "query"})).len() < 2 {
        std::thread::yield_now();
    }
    let page = |filter: Value| {
        let call = call("user:olga", "running.list", ("running", "")).with(filter);
        unit.kernel.read(&call).map(Reply::into_value).expect("a page")
    };
    let first = page(json!({"kind": "query", "limit": 1}));
    let second = page(json!({"kind": "query", "limit": 1, "after": first["next"]}));
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    assert_eq!((&second["more"], &second["next"]), (&json!(false), &Value::Null));
    let filter = json!({"kind": "query", "principal": "user:ann"});
    let told = tell(&mut unit, "user:olga", "kill", filter).expect("told");
    assert_eq!(told["items"].as_array().map(Vec::len), Some(2));
    assert!(slow.into_iter().all(|slow| slow.join().expect("it ends") == "sql.cancelled"));
}

#[test]
fn a_query_is_ended_by_the_tag_that_its_asker_gave_it() {
    let mut unit = unit();
    let tagged = |who: &str, tag: &str| {
        let args = json!({"sql": ENDLESS, "tag": tag});
        ask_with(&unit.kernel, who, args)
    };
    // The same text each time, and a tag that somebody else has given too.
    let [first, second, other] = [("user:ann", "one"), ("user:ann", "two"), ("user:olga", "one")]
        .map(|(who, tag)| tagged(who, tag));
    let all = |unit: &Unit| list(unit, "user:olga", json!({"kind": "query"}));
    while all(&unit).len() < 3 {
        std::thread::yield_now();
    }
    let told = tell(&mut unit, "user:olga", "kill", json!({"tag": "two"})).expect("told");
    assert_eq!(told["items"], json!([]), "it is not hers");
    let told = tell(&mut unit, "user:ann", "kill", json!({"tag": "one"})).expect("told");
    assert_eq!(told["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(first.join().expect("it ends"), "sql.cancelled");
    while 2 < all(&unit).len() {
        std::thread::yield_now();
    }
    let left = all(&unit).into_iter().map(|query| json!([query["principal"], query["tag"]]));
    let mut left: Vec<String> = left.map(|query| query.to_string()).collect();
    left.sort();
    assert_eq!(left, [r#"["user:ann","two"]"#, r#"["user:olga","one"]"#]);
    tell(&mut unit, "user:olga", "kill", json!({"kind": "query"})).expect("told");
    for query in [second, other] {
        assert_eq!(query.join().expect("it ends"), "sql.cancelled");
    }
    for tag in [String::new(), "a b".into(), "x".repeat(65)] {
        let ended = ask_with(&unit.kernel, "user:ann", json!({"sql": "SELECT 1", "tag": tag}));
        assert_eq!(ended.join().expect("it ends"), "call.invalid", "{tag:?}");
    }
}

#[test]
fn a_query_is_limited_while_it_runs() {
    let mut unit = unit();
    let slow = ask(&unit.kernel, "user:ann", ENDLESS);
    let id = running(&unit, "user:ann")["id"].clone();
    tell(&mut unit, "user:olga", "limit", json!({"id": id, "time": "PT0.05S"})).expect("limited");
    assert_eq!(slow.join().expect("it ends"), "sql.cancelled");
}

#[test]
fn quotas_of_queries_are_within_the_limits_of_the_unit() {
    let mut unit = unit();
    quota(&mut unit, json!({"for": "role/analyst", "queries": {"rows": 10, "time": "PT0.2S"}}));
    let rows = |who: &str, rows: u32| {
        let sql = format!("SELECT value FROM generate_series(1, {rows})");
        unit.sql_as(who, &sql).map_or_else(|problem| problem.code, |_| "ok".into())
    };
    assert_eq!([rows("user:ann", 10), rows("user:ann", 11)], ["ok", "sql.exhausted"]);
    assert_eq!(rows("user:olga", 11), "ok", "she is no analyst");
    let slow = unit.sql_as("user:ann", ENDLESS).expect_err("it takes too long");
    assert_eq!(
        (slow.code.as_str(), slow.message.as_str()),
        ("sql.timeout", "the query was ended after 200 ms")
    );
}

#[test]
fn a_quota_of_memory_ends_what_needs_more() {
    let mut unit = unit();
    quota(&mut unit, json!({"for": "user/ann", "queries": {"memory": 1_000_000}}));
    // A join holds one of its sides in memory.
    let sql = "SELECT count(*) FROM generate_series(1, 300000) a \
               JOIN generate_series(1, 300000) b ON a.value = b.value";
    let code =
        |who: &str| unit.sql_as(who, sql).map_or_else(|problem| problem.code, |_| "ok".into());
    assert_eq!([code("user:ann"), code("user:olga")], ["sql.exhausted", "ok"]);
}

#[test]
fn a_quota_of_queries_at_the_same_time_is_told_with_the_time_to_come_again() {
    let mut unit = unit();
    quota(&mut unit, json!({"for": "user/ann", "queries": {"concurrency": 1}}));
    let sql = "SELECT value FROM generate_series(1, 1000000)";
    let args = json!({"sql": sql, "format": "ndjson"});
    let first = unit.kernel.read(&call("user:ann", "sql.query", ("sql", "")).with(args));
    let first = first.expect("the first; nobody reads it yet");
    let second = unit.sql_as("user:ann", "SELECT 1").expect_err("one at a time");
    assert_eq!((second.code.as_str(), second.retry_ms), ("quota.exceeded", Some(1_000)));
    assert!(unit.sql_as("user:olga", "SELECT 1").is_ok());
    drop(first);
    gone(&unit, "user:ann");
    assert!(unit.sql_as("user:ann", "SELECT 1").is_ok());
}

#[test]
fn streams_hold_no_more_than_their_owner_may_store() {
    let mut unit = unit();
    unit.apply(json!([orders()])).expect("a stream");
    quota(&mut unit, json!({"for": "user/olga", "storage": 20_000}));
    let row = |id: usize, length: usize| {
        format!("{{\"id\": \"{id}\", \"state\": \"{}\"}}\n", "x".repeat(length))
    };
    unit.append("orders", &row(1, 8_000)).expect("there is room");
    let problem = unit.append("orders", &row(2, 30_000)).expect_err("this is too much at once");
    assert_eq!(problem.code, "quota.exceeded");
    assert_eq!(unit.sql("SELECT count(*) AS n FROM orders").expect("an answer"), "n\n1\n");
    quota(&mut unit, json!({"for": "user/olga", "storage": 1_000_000}));
    unit.append("orders", &row(2, 30_000)).expect("the quota was raised");
}
