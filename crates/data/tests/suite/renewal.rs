//! Views that are refreshed: within their limits, ended like any query, and what fails costs nobody else a turn.

use crate::support::{Unit, call, manifest, orders, shown, unit_with};
use data::{Config, Round};
use serde_json::{Value, json};
use std::sync::Arc;

/// A query that does not come to an end.
const ENDLESS: &str = "SELECT count(*) AS n FROM generate_series(1, 1000000) a CROSS JOIN generate_series(1, 1000000) b";

fn refreshed(name: &str, sql: &str) -> Value {
    manifest("View", name, json!({"sql": sql, "materialized": {"every": "PT1H"}}))
}

fn problem_of(unit: &Unit, view: &str) -> String {
    shown(unit.sql(&format!("SELECT problem FROM system.views WHERE name = '{view}'")))
}

#[test]
fn a_view_that_takes_too_long_is_ended_and_tables_are_looked_after_all_the_same() {
    let config = Config { derived_ms_max: 200, seal_rows: 1, ..Config::default() };
    let mut unit = unit_with(config);
    unit.apply(json!([orders(), refreshed("slow", ENDLESS)])).expect("applied");
    unit.append("orders", "{\"id\":\"a\"}").expect("appended");
    let (round, troubles) = unit.round();
    assert_eq!(round, Round::Worked, "the table was sealed, whatever became of the view");
    let codes: Vec<&str> = troubles.iter().map(|trouble| trouble.code.as_str()).collect();
    assert_eq!(codes, ["sql.timeout"]);
    assert_eq!(
        shown(unit.sql("SELECT rows FROM system.tables WHERE name = 'orders'")),
        "rows\n1\n"
    );
    assert!(problem_of(&unit, "slow").contains("sql.timeout: "), "{}", problem_of(&unit, "slow"));
    // It is left alone now; what comes is sealed in the meantime.
    let began = unit.kernel.clock().monotonic();
    for id in 1..20 {
        unit.append("orders", &format!("{{\"id\":\"{id}\"}}")).expect("appended");
        assert_eq!(unit.keep_once(), Round::Worked);
    }
    let took = unit.kernel.clock().monotonic() - began;
    assert!(took.as_millis() < 19 * 200, "nothing of it was run again: {took:?}");
    // Another version is tried at once.
    unit.apply(json!([refreshed("slow", "SELECT 1 AS n")])).expect("applied");
    unit.keep();
    assert_eq!(problem_of(&unit, "slow"), "problem\n\n");
    assert_eq!(shown(unit.sql("SELECT n FROM slow")), "n\n1\n");
}

#[test]
fn a_view_keeps_no_more_than_it_may() {
    let rows = Config { derived_rows_max: 100, ..Config::default() };
    let bytes = Config { derived_bytes_max: 10_000, ..Config::default() };
    for (config, least, said) in [(rows, 1, "100 rows"), (bytes, 100, "10000 bytes")] {
        let mut unit = unit_with(config);
        let rows = |count: u32| format!("SELECT value AS n FROM generate_series({least}, {count})");
        unit.apply(json!([refreshed("many", &rows(100_000))])).expect("applied");
        let (_, troubles) = unit.round();
        let told: Vec<String> =
            troubles.iter().map(|trouble| format!("{}: {trouble}", trouble.code)).collect();
        assert!(told.len() == 1 && told[0].contains("sql.exhausted"), "{told:?}");
        assert!(problem_of(&unit, "many").contains(said), "{}", problem_of(&unit, "many"));
        unit.apply(json!([refreshed("many", &rows(100))])).expect("applied");
        unit.keep();
        assert_eq!(problem_of(&unit, "many"), "problem\n\n");
    }
}

#[test]
fn a_renewal_is_listed_and_whoever_may_end_queries_ends_it_as_the_stop_of_the_unit_does() {
    for is_stop in [false, true] {
        let mut unit = unit_with(Config::default());
        unit.apply(json!([refreshed("slow", ENDLESS)])).expect("applied");
        let Unit { kernel, mut keeper, data, .. } = unit;
        let keeping = std::thread::spawn(move || {
            let round = keeper.round(&mut |_| panic!("there is nothing to record"));
            round.map_err(|problem| problem.code)
        });
        let running = loop {
            let list = kernel.read(&call("user:olga", "sql.list", ("sql", ""))).expect("a list");
            let running = list.into_value()["items"][0].clone();
            if running["id"].is_string() {
                break running;
            }
            std::thread::yield_now();
        };
        assert_eq!(running["principal"], "unit:tables");
        assert_eq!(running["sql"], format!("view slow: {ENDLESS}"));
        if is_stop {
            Arc::clone(&data).stop();
        } else {
            let cancel = call("user:olga", "sql.cancel", ("sql", ""));
            kernel.read(&cancel.with(json!({"id": running["id"]}))).expect("ended");
        }
        assert_eq!(keeping.join().expect("ended"), Err("sql.cancelled".into()));
        let asked = call("user:olga", "sql.query", ("sql", "")).with(json!({"sql": "SELECT 1"}));
        assert_eq!(kernel.read(&asked).is_err(), is_stop, "nothing begins once the unit stops");
    }
}
