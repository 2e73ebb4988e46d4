//! Reading while things happen: at one commit, metered alike, ended by a revocation, never in other columns than were agreed.

use crate::world::{World, code, manifest};
use base::{Clock, SystemClock};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const PRICE: &str = "0.01 + rows * 0.001 + bytes / 1000000";

fn config() -> exchange::Config {
    exchange::Config { page_rows_max: 10, ..exchange::Config::default() }
}

fn column(name: &str, kind: &str) -> Value {
    json!({"name": name, "type": kind})
}

/// Returns retail and payment, which lends a hundred rows of a table under the contract `lent`.
fn lending(relation: Value, price: Value) -> Arc<World> {
    let world = World::new(&config());
    let schema = [
        column("id", "text"),
        column("region", "text"),
        column("n", "int"),
        column("secret", "text"),
    ];
    let offer = json!({"relation": relation, "version": 1, "to": ["retail"], "price": price});
    let manifests = json!([
        manifest("Stream", "sales", json!({"schema": schema, "key": ["id"]})),
        manifest("View", "by_region", json!({"sql": BY_REGION})),
        manifest("Offer", "sales", offer),
    ]);
    world.apply("payment", manifests).expect("applied");
    world.append("payment", "sales", &rows(0..100));
    world.conclude("lent", &["sales"]);
    world
}

const BY_REGION: &str =
    "SELECT region, count(*) AS sales, sum(n) AS total FROM sales GROUP BY region";

fn rows(numbers: std::ops::Range<u32>) -> String {
    let row = |n: u32| {
        let region = ["retail", "other"][usize::try_from(n % 2).unwrap_or(0)];
        let row = json!({"id": format!("k-{n}"), "region": region, "n": n, "secret": "XMARKX"});
        format!("{row}\n")
    };
    numbers.map(row).collect()
}

fn table() -> Value {
    json!({"name": "sales", "columns": ["id", "region", "n"]})
}

fn euros() -> Value {
    json!({"currency": "EUR", "on_read": PRICE})
}

fn is_alike(world: &World) -> Vec<String> {
    world.settle();
    let meters = world.meters("payment");
    assert_eq!(world.meters("retail"), meters);
    meters
}

#[test]
fn a_query_sees_one_commit_of_the_provider_while_rows_come() {
    let world = lending(table(), Value::Null);
    world.on_fetch(|world, count| {
        let from = 1_000 + 10 * u32::try_from(count).unwrap_or(0);
        world.append("payment", "sales", &rows(from..from + 10));
    });
    let answer = world.sql("retail", "SELECT count(id) AS c, max(n) AS m FROM payment.sales");
    // What came before the first page was made is in it; what came between two pages is not.
    assert_eq!(answer.expect("an answer"), "c,m\n110,1019\n");
    assert!(10 < world.take_seen().len(), "it came in pages");
}

#[test]
fn what_was_read_is_metered_and_billed_alike_on_both_sides() {
    let world = lending(table(), euros());
    assert_eq!(
        world.sql("retail", "SELECT id FROM payment.sales").expect("rows").lines().count(),
        101
    );
    world.sql("retail", "SELECT id FROM payment.sales WHERE n < 25").expect("rows");
    world.sql("retail", "SELECT count(*) FROM payment.sales").expect("a number");
    let meters = is_alike(&world);
    let parts: Vec<&str> = meters[0].split(' ').collect();
    assert_eq!((parts[2], parts[3], parts[7]), ("3", "225", "0.00"));
    assert_eq!(parts[5], parts[6], "all of it is agreed");
    let bytes: u64 = parts[4].parse().expect("a number");
    assert!(225 * 3 < bytes && bytes < 100_000, "{bytes}");
    let fetches = "SELECT pages, rows, amount, state FROM system.fetches ORDER BY rows, pages";
    let expected = world.sql("payment", fetches).expect("rows");
    assert_eq!(world.sql("retail", fetches).expect("rows"), expected);
    assert_eq!(expected.lines().filter(|line| line.ends_with(",read")).count(), 3, "{expected}");
    let receipts = "SELECT sum(rows) AS rows, sum(bytes) AS bytes FROM system.receipts";
    for unit in ["retail", "payment"] {
        let sums = world.sql(unit, receipts).expect("sums");
        assert_eq!((unit, sums.as_str()), (unit, format!("rows,bytes\n225,{bytes}\n").as_str()));
    }
}

#[test]
fn a_revocation_in_the_middle_ends_the_query() {
    let world = lending(table(), euros());
    world.on_fetch(|world, count| {
        if count == 4 {
            world.revoke("lent");
        }
    });
    let problem = world.sql("retail", "SELECT id FROM payment.sales").expect_err("it has ended");
    assert_eq!(problem.code, "contract.terminated");
    assert!(problem.hint.is_some());
    // Three pages were read; the third was confirmed too late.
    let meters = is_alike(&world);
    assert!(meters[0].starts_with("lent sales 1 20 "), "{meters:?}");
    let problem = world.sql("retail", "SELECT id FROM payment.sales").expect_err("it has ended");
    assert_eq!(problem.code, "contract.terminated");
    assert_eq!(is_alike(&world), meters, "nothing is billed after");
}

#[test]
fn a_slow_query_ends_within_a_second_of_the_revocation() {
    let world = World::new(&exchange::Config::default());
    // So many rows that finding none takes longer than the test.
    let slow = "SELECT value AS n FROM generate_series(1, 4000000000) AS s(value) WHERE value % 4000000007 = 0";
    let offer = json!({"relation": {"name": "slow", "columns": ["n"]}, "version": 1, "to": "any"});
    let manifests =
        json!([manifest("View", "slow", json!({"sql": slow})), manifest("Offer", "slow", offer),]);
    world.apply("payment", manifests).expect("applied");
    world.conclude("lent", &["slow"]);
    let clock = Arc::new(SystemClock::new());
    let revoked_at = Arc::new(AtomicU64::new(0));
    let (now, at) = (Arc::clone(&clock), Arc::clone(&revoked_at));
    world.on_fetch(move |world, count| {
        if count == 2 {
            world.revoke("lent");
            let millis = u64::try_from(now.monotonic().as_millis()).unwrap_or(u64::MAX);
            at.store(millis, Ordering::SeqCst);
        }
    });
    let problem = world.sql("retail", "SELECT n FROM payment.slow").expect_err("it has ended");
    assert_eq!(problem.code, "contract.terminated");
    let since = clock.monotonic() - Duration::from_millis(revoked_at.load(Ordering::SeqCst));
    assert!(since < Duration::from_secs(1), "{since:?}");
}

#[test]
fn a_peer_that_is_gone_is_an_error_and_not_a_part_of_the_rows() {
    let world = lending(table(), euros());
    world.on_fetch(|world, count| world.is_cut.store(count == 2, Ordering::SeqCst));
    // The third request does not arrive.
    let problem = world.sql("retail", "SELECT id FROM payment.sales").expect_err("it is gone");
    assert_eq!(problem.code, "exchange.unreachable");
    assert!(problem.hint.is_some());
    world.is_cut.store(false, Ordering::SeqCst);
    let meters = is_alike(&world);
    assert!(meters[0].starts_with("lent sales 1 20 "), "{meters:?}");
}

#[test]
fn only_the_lent_rows_and_columns_are_there_whatever_is_asked() {
    let mut relation = table();
    relation["rows"] = json!("region = current_user AND n < 50");
    let world = lending(relation, Value::Null);
    let count = world.sql("retail", "SELECT count(*) AS c, min(region) AS r FROM payment.sales");
    assert_eq!(count.expect("an answer"), "c,r\n25,retail\n");
    for condition in ["region = 'other'", "region <> 'retail' OR n > 49", "n IN (1, 3, 99)"] {
        let sql = format!("SELECT id FROM payment.sales WHERE {condition}");
        assert_eq!(world.sql("retail", &sql).expect("an answer"), "id\n", "{condition}");
    }
    for sql in ["SELECT * FROM payment.sales", "SELECT * FROM payment.sales ORDER BY id LIMIT 3"] {
        let answer = world.sql("retail", sql).expect("an answer");
        assert!(answer.starts_with("id,region,n\n") && !answer.contains("XMARKX"), "{answer}");
    }
    for sql in ["SELECT secret FROM payment.sales", "SELECT _offset FROM payment.sales"] {
        assert_eq!(code(world.sql("retail", sql)), "sql.invalid", "{sql}");
    }
}

#[test]
fn a_view_is_lent_with_the_types_that_it_has() {
    let view = json!({"name": "by_region", "columns": ["region", "sales", "total"]});
    let world = lending(view, Value::Null);
    let sql = "SELECT region, sales, total FROM payment.sales WHERE sales > 1 ORDER BY region";
    assert_eq!(
        world.sql("retail", sql).expect("an answer"),
        "region,sales,total\nother,50,2500\nretail,50,2450\n"
    );
    let contract = world.call("payment", "contract.get", ("contract", "lent"), json!({}));
    let types: Vec<&str> = contract["document"]["offers"][0]["columns"]
        .as_array()
        .expect("columns")
        .iter()
        .filter_map(|column| column["type"].as_str())
        .collect();
    assert_eq!(types, ["text", "int", "int"]);
}

#[test]
fn a_relation_that_changes_is_refused_and_never_read_in_other_columns() {
    let changes = [
        // The same columns in another order, and one more.
        (
            "SELECT 1 AS extra, sum(n) AS total, count(*) AS sales, region FROM sales GROUP BY region",
            "done",
        ),
        (
            "SELECT region, count(*) AS sales, CAST(sum(n) AS TEXT) AS total FROM sales GROUP BY region",
            "contract.version",
        ),
        (
            "SELECT region, count(*) AS sales, CAST(sum(n) AS DOUBLE) AS total FROM sales GROUP BY region",
            "contract.version",
        ),
        (
            "SELECT region, count(*) AS sales, sum(n) AS sums FROM sales GROUP BY region",
            "contract.version",
        ),
        ("SELECT region, sum(n) AS sales, count(*) AS total FROM sales GROUP BY region", "done"),
    ];
    for (sql, expected) in changes {
        let view = json!({"name": "by_region", "columns": ["region", "sales", "total"]});
        let world = lending(view, Value::Null);
        let changed = manifest("View", "by_region", json!({"sql": sql}));
        world.apply("payment", json!([changed])).expect("the provider is free to change it");
        let question = "SELECT region, sales, total FROM payment.sales ORDER BY region";
        assert_eq!(code(world.sql("retail", question)), expected, "{sql}");
    }
    let view = json!({"name": "by_region", "columns": ["region", "sales", "total"]});
    let world = lending(view, Value::Null);
    let gone =
        world.act("payment", "user:olga", "resource.delete", ("view", "by_region"), json!({}));
    gone.expect("deleted");
    let problem = world.sql("retail", "SELECT * FROM payment.sales").expect_err("it is gone");
    assert_eq!(problem.code, "contract.version");
    assert!(!problem.message.contains("by_region"), "{}", problem.message);
}

#[test]
fn what_fails_inside_the_provider_tells_nothing_of_its_rows() {
    let view = json!({"name": "by_region", "columns": ["region"]});
    let world = lending(view, Value::Null);
    let broken = "SELECT CAST(CAST(secret AS BIGINT) AS TEXT) AS region FROM sales";
    world
        .apply("payment", json!([manifest("View", "by_region", json!({"sql": broken}))]))
        .expect("applied");
    let problem = world.sql("retail", "SELECT region FROM payment.sales").expect_err("it fails");
    assert_eq!(problem.code, "contract.lent");
    assert!(!problem.message.contains("XMARKX"), "{}", problem.message);
}

#[test]
fn what_a_peer_lends_is_not_lent_on() {
    let world = lending(table(), Value::Null);
    let direct = json!({"relation": {"name": "payment.sales", "columns": ["id"]}, "version": 1, "to": "any"});
    let problem =
        world.apply("retail", json!([manifest("Offer", "direct", direct)])).expect_err("refused");
    assert_eq!(problem.code, "offer.invalid");
    // Neither is what stands on it, however far beneath.
    let through = |name: &str| {
        let lent = json!({"name": name, "columns": ["id"]});
        manifest("Offer", name, json!({"relation": lent, "version": 1, "to": "any"}))
    };
    let view = |name: &str, sql: &str| manifest("View", name, json!({"sql": sql}));
    let views =
        || vec![view("near", "SELECT id FROM payment.sales"), view("far", "SELECT id FROM near")];
    for name in ["near", "far"] {
        let manifests: Vec<Value> = views().into_iter().chain([through(name)]).collect();
        let problem = world.apply("retail", json!(manifests)).expect_err("refused");
        assert_eq!(problem.code, "offer.invalid", "{name}: {problem}");
        assert!(problem.message.contains("`payment.sales`"), "{name}: {problem}");
    }
    world.apply("retail", json!(views())).expect("views alone can stand on it");
    assert_eq!(world.sql("retail", "SELECT id FROM far").expect("rows").lines().count(), 101);
    // A view that comes to stand on it later is not lent any more.
    let own = "SELECT id FROM (VALUES (1)) AS t (id)";
    world.apply("retail", json!([view("own", own), through("own")])).expect("applied");
    let args = json!({"name": "back", "peer": "retail", "offers": ["own"]});
    world.call("payment", "contract.propose", ("contract", ""), args);
    world.settle();
    assert_eq!(
        world.sql("payment", "SELECT id FROM retail.own").expect("a row").lines().count(),
        2
    );
    world
        .apply("retail", json!([view("own", "SELECT 1 AS id FROM payment.sales")]))
        .expect("applied");
    assert_eq!(code(world.sql("payment", "SELECT id FROM retail.own")), "contract.version");
}

#[test]
fn nothing_is_kept_of_what_a_peer_lends() {
    let world = lending(table(), Value::Null);
    let view = |sql: &str, materialized: Value| {
        let spec = json!({"sql": sql, "materialized": materialized});
        world.apply("retail", json!([manifest("View", "kept", spec)]))
    };
    world
        .apply(
            "retail",
            json!([manifest("View", "near", json!({"sql": "SELECT id FROM payment.sales"}))]),
        )
        .expect("applied");
    for sql in ["SELECT id FROM payment.sales", "SELECT count(*) AS n FROM near"] {
        for materialized in [json!({}), json!({"every": "PT1M"})] {
            let problem = view(sql, materialized).expect_err("refused");
            assert_eq!(problem.code, "view.invalid", "{sql}: {problem}");
            assert!(problem.message.contains("`payment.sales`"), "{sql}: {problem}");
            assert!(problem.hint.is_some_and(|hint| hint.contains("leave `materialized` out")));
        }
    }
    // What the catalogue tells of it are no rows of it.
    let tables = "SELECT count(*) AS n FROM information_schema.tables";
    view(tables, json!({"every": "PT1M"})).expect("applied");
}

#[test]
fn offers_are_checked_against_the_relation_when_they_are_applied() {
    let world = lending(table(), Value::Null);
    let refused = |relation: Value| {
        let offer = json!({"relation": relation, "version": 1, "to": "any"});
        let problem =
            world.apply("payment", json!([manifest("Offer", "x", offer)])).expect_err("refused");
        let place = problem.place.and_then(|place| place.pointer).unwrap_or_default();
        format!("{} {place}", problem.code)
    };
    let lent = |name: &str, columns: Value, rows: Value| json!({"name": name, "columns": columns, "rows": rows});
    let id = || json!(["id"]);
    assert_eq!(refused(lent("ghost", id(), Value::Null)), "offer.invalid /spec/relation/name");
    assert_eq!(
        refused(lent("information_schema.tables", json!(["table_name"]), Value::Null)),
        "offer.invalid /spec/relation/name"
    );
    let columns = refused(lent("sales", json!(["id", "ghost"]), Value::Null));
    assert_eq!(columns, "offer.invalid /spec/relation/columns/1");
    for rows in ["ghost = 1", "n", "n IN (SELECT 1)", "random() < 0.5", "n = ", "count(*) > 1"] {
        let refusal = refused(lent("sales", id(), json!(rows)));
        assert_eq!(refusal, "offer.invalid /spec/relation/rows", "{rows}");
    }
    let typed = json!({
        "relation": {"name": "sales", "columns": ["n"]}, "version": 1, "to": "any",
        "output": [{"name": "n", "type": "text"}],
    });
    let problem =
        world.apply("payment", json!([manifest("Offer", "x", typed)])).expect_err("refused");
    assert_eq!(problem.place.and_then(|place| place.pointer).as_deref(), Some("/spec/output/0"));
}
