//! Quality rules: what becomes of bad rows, and that every count is exact.

use crate::support::{Unit, appended, call, manifest, orders, shown, unit};
use base::Problem;
use expect_test::expect;
use serde_json::{Value, json};

fn rules(rules: Value) -> Value {
    manifest("Quality", "orders", json!({"on": "stream/orders", "rules": rules}))
}

fn with_rules(all: Value) -> Unit {
    let mut unit = unit();
    unit.apply(json!([orders(), rules(all)])).expect("applied");
    unit
}

fn price(action: &str) -> Value {
    json!([
        {"name": "price", "check": "range", "column": "price", "min": 0, "max": 100, "action": action},
        {"name": "state", "check": "not_null", "column": "state"},
    ])
}

fn aside(unit: &mut Unit, lines: &str) -> Result<Value, Problem> {
    let mut append = call("user:olga", "stream.append", ("stream", "orders"))
        .with(json!({"on_error": "set_aside"}));
    append.media = "application/x-ndjson".into();
    append.body = lines.as_bytes().to_vec();
    unit.call(append)
}

const COUNTS: &str = "SELECT rule, \"check\", action, day, checked, failed, first_failed, reason \
    FROM system.quality ORDER BY rule, day";

const LINES: &str = "{\"id\":\"a\",\"state\":\"SP\",\"price\":5}\n\
    {\"id\":\"b\",\"state\":\"SP\",\"price\":-1}\n\
    {\"id\":\"c\",\"price\":7}\n\
    {\"id\":\"d\",\"state\":\"RJ\",\"price\":100.01}\n";

#[test]
fn bad_rows_are_counted_where_a_rule_warns() {
    let mut unit = with_rules(price("warn"));
    assert_eq!(appended(unit.append("orders", LINES)), (0, 4));
    assert_eq!(appended(unit.append("orders", "{\"id\":\"e\",\"price\":-2}")), (4, 1));
    expect![[r#"
        rule,check,action,day,checked,failed,first_failed,reason
        price,range,warn,2017-07-14T00:00:00Z,5,3,1,`price` is not in 0..100 (price = -1.00)
        state,not_null,warn,2017-07-14T00:00:00Z,5,2,2,`state` has no value
    "#]]
    .assert_eq(&shown(unit.sql(COUNTS)));
    unit.advance("2017-07-15T01:00:00Z");
    unit.append("orders", "{\"id\":\"f\",\"state\":\"SP\",\"price\":1}").expect("appended");
    let days = "SELECT day, sum(checked) AS checked, sum(failed) AS failed FROM system.quality GROUP BY day ORDER BY day";
    expect![[r#"
        day,checked,failed
        2017-07-14T00:00:00Z,10,5
        2017-07-15T00:00:00Z,2,0
    "#]]
    .assert_eq(&shown(unit.sql(days)));
}

#[test]
fn a_rule_that_blocks_refuses_the_append_with_rows_and_reasons() {
    let mut unit = with_rules(price("block"));
    let problem = unit.append("orders", LINES).expect_err("refused");
    let all: Vec<String> = std::iter::once(&problem)
        .chain(&problem.also)
        .map(|problem| format!("[{}] {}", problem.code, problem.message))
        .collect();
    expect![[r#"
        [quality.blocked] row 2: rule `price` of `orders`: `price` is not in 0..100 (price = -1.00)
        [quality.blocked] row 4: rule `price` of `orders`: `price` is not in 0..100 (price = 100.01)
    "#]]
    .assert_eq(&(all.join("\n") + "\n"));
    assert_eq!(shown(unit.sql("SELECT count(*) AS n FROM orders")), "n\n0\n");
    assert_eq!(shown(unit.sql("SELECT count(*) AS n FROM system.quality")), "n\n0\n");
    let good = "{\"id\":\"a\",\"price\":0}\n{\"id\":\"b\",\"price\":100}\n{\"id\":\"c\"}";
    assert_eq!(appended(unit.append("orders", good)), (0, 3));
}

#[test]
fn an_import_keeps_blocked_rows_apart_with_their_reasons() {
    let mut unit = with_rules(price("block"));
    let lines = format!("no JSON\n{LINES}{{\"id\":7}}\n");
    let answer = aside(&mut unit, &lines).expect("appended");
    let range = "rule `price` of `orders`: `price` is not in 0..100";
    let faults = json!([
        {"row": 1, "reason": "this is no JSON: expected ident"},
        {"row": 3, "reason": format!("{range} (price = -1.00)")},
        {"row": 5, "reason": format!("{range} (price = 100.01)")},
        {"row": 6, "reason": "column `id`: expected text, found `7`"},
    ]);
    assert_eq!(answer, json!({"offset": 0, "count": 2, "set_aside": 4, "faults": faults}));
    expect![[r#"
        row_number,reason,row
        1,this is no JSON: expected ident,no JSON
        3,rule `price` of `orders`: `price` is not in 0..100 (price = -1.00),"{""id"":""b"",""state"":""SP"",""price"":-1}"
        5,rule `price` of `orders`: `price` is not in 0..100 (price = 100.01),"{""id"":""d"",""state"":""RJ"",""price"":100.01}"
        6,"column `id`: expected text, found `7`","{""id"":7}"
    "#]]
    .assert_eq(&shown(unit.sql("SELECT row_number, reason, \"row\" FROM orders_set_aside ORDER BY row_number")));
    assert_eq!(shown(unit.sql("SELECT id FROM orders ORDER BY id")), "id\na\nc\n");
    let counts = "SELECT rule, checked, failed, first_failed FROM system.quality ORDER BY rule";
    // What does not fit the stream is no row yet: rules look at the other four. The first bad one is the third set aside.
    assert_eq!(
        shown(unit.sql(counts)),
        "rule,checked,failed,first_failed\nprice,4,2,2\nstate,4,1,1\n"
    );
}

#[test]
fn a_rule_that_sets_aside_does_so_in_every_append() {
    let mut unit = with_rules(price("set_aside"));
    let answer = unit.append("orders", LINES).expect("appended");
    let range = "rule `price` of `orders`: `price` is not in 0..100";
    let faults = json!([
        {"row": 2, "reason": format!("{range} (price = -1.00)")},
        {"row": 4, "reason": format!("{range} (price = 100.01)")},
    ]);
    assert_eq!(answer, json!({"offset": 0, "count": 2, "set_aside": 2, "faults": faults}));
    assert_eq!(shown(unit.sql("SELECT id FROM orders ORDER BY id")), "id\na\nc\n");
    assert_eq!(shown(unit.sql("SELECT count(*) AS n FROM orders_set_aside")), "n\n2\n");
    unit.delete("quality", "orders").expect("removed");
    assert_eq!(appended(unit.append("orders", LINES)), (2, 4), "nobody judges any more");
}

#[test]
fn a_row_for_which_an_expression_fails_is_bad_and_alone() {
    let rule =
        json!([{"name": "ratio", "check": "sql", "sql": "10 / n > 1", "action": "set_aside"}]);
    let mut unit = with_rules(rule);
    let lines: String = (0..40)
        .map(|n| format!("{{\"id\":\"r{n}\",\"n\":{}}}\n", if n == 17 { 0 } else { 2 }))
        .collect();
    let answer = unit.append("orders", &lines).expect("appended");
    assert_eq!((&answer["count"], &answer["set_aside"]), (&json!(39), &json!(1)));
    let reason = shown(unit.sql("SELECT reason FROM orders_set_aside"));
    assert!(reason.contains("rule `ratio` of `orders`: it cannot be evaluated: "), "{reason}");
}

#[test]
fn rules_over_the_table_run_on_a_schedule_and_on_demand() {
    let mut unit = with_rules(price("warn"));
    let states = manifest(
        "Stream",
        "states",
        json!({"schema": [{"name": "code", "type": "text"}], "key": ["code"]}),
    );
    let table = rules(json!([
        {"name": "once", "check": "unique", "column": "id"},
        {"name": "known", "check": "reference", "column": "state", "to": "states_latest.code"},
        {"name": "fresh", "check": "freshness", "column": "at", "within": "P1D"},
        {"name": "cheap", "check": "sql", "sql": "SELECT * FROM orders WHERE price > 100;"},
    ]));
    unit.apply(json!([states, table])).expect("rules can change");
    unit.append("states", "{\"code\":\"SP\"}").expect("appended");
    let lines =
        LINES.replace("\"d\"", "\"a\"").replace("}\n", ",\"at\":\"2017-07-14T00:00:00Z\"}\n");
    unit.append("orders", &lines).expect("appended");
    assert!(unit.pending().is_empty(), "an hour has not passed");
    let counts = "SELECT rule, checked, failed, error FROM system.quality ORDER BY rule";
    unit.call(call("user:olga", "quality.run", ("quality", "orders"))).expect("asked");
    assert_eq!(unit.settle(), 1);
    expect![[r#"
        rule,checked,failed,error
        cheap,4,1,
        fresh,1,0,
        known,4,1,
        once,4,1,
    "#]]
    .assert_eq(&shown(unit.sql(counts)));
    // The schedule comes to it by itself, once for all hours that have passed; it is the next day but one.
    unit.advance("2017-07-16T00:00:00Z");
    assert_eq!((unit.pending().len(), unit.settle()), (1, 1));
    let fresh = "SELECT day, failed FROM system.quality WHERE rule = 'fresh' ORDER BY day";
    expect![[r#"
        day,failed
        2017-07-14T00:00:00Z,0
        2017-07-16T00:00:00Z,1
    "#]]
    .assert_eq(&shown(unit.sql(fresh)));
}

#[test]
fn rules_that_cannot_work_are_refused_with_their_place() {
    let mut unit = with_rules(price("warn"));
    let mut refused = |rule: Value| shown(unit.apply(json!([rules(json!([rule]))])));
    expect!["[quality.invalid] at /spec/rules/0/column quality `orders`: rule `r`: there is no column `prise` (did you mean `price`?)"]
        .assert_eq(&refused(json!({"name": "r", "check": "not_null", "column": "prise"})));
    expect!["[quality.invalid] at /spec/rules/0/to quality `orders`: rule `r`: there is no table `stats_latest` (SHOW TABLES lists them)"]
        .assert_eq(&refused(json!({"name": "r", "check": "reference", "column": "state", "to": "stats_latest.code"})));
    let said = refused(json!({"name": "r", "check": "unique", "column": "id", "action": "block"}));
    assert!(said.starts_with("[quality.invalid] at /spec/rules/0/action "), "{said}");
    let said = shown(unit.delete("stream", "orders"));
    assert!(
        said.starts_with("[view.in_use] stream `orders` is read by quality `orders`"),
        "{said}"
    );
}
