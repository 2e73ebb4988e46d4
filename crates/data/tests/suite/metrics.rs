//! Metrics: views by all dimensions, questions by any of them, and what is refused.

use crate::support::{Unit, call, manifest, orders, shown, unit, view};
use expect_test::expect;
use serde_json::{Value, json};

pub fn metric(name: &str, spec: Value) -> Value {
    manifest("Metric", name, spec)
}

fn share() -> Value {
    metric(
        "dear_share",
        json!({
            "from": "orders", "where": "price IS NOT NULL", "grain": "month", "time": "at",
            "formula": "avg(CASE WHEN 100 < price THEN 1 ELSE 0 END)",
            "dimensions": ["state", {"name": "even", "sql": "n % 2 = 0"}], "unit": "share",
        }),
    )
}

/// Four orders in one state and one in another, so that the average of averages is wrong.
const LINES: &str = "{\"id\":\"a\",\"state\":\"SP\",\"price\":150,\"n\":1,\"at\":\"2018-01-05T00:00:00Z\"}\n\
    {\"id\":\"b\",\"state\":\"SP\",\"price\":1,\"n\":2,\"at\":\"2018-01-31T23:59:59Z\"}\n\
    {\"id\":\"c\",\"state\":\"SP\",\"price\":2,\"n\":2,\"at\":\"2018-01-31T23:59:59.999Z\"}\n\
    {\"id\":\"d\",\"state\":\"RJ\",\"price\":900,\"n\":1,\"at\":\"2018-01-07T00:00:00Z\"}\n\
    {\"id\":\"e\",\"price\":3,\"n\":4,\"at\":\"2018-02-01T00:00:00Z\"}\n\
    {\"id\":\"f\",\"state\":\"SP\",\"at\":\"2018-01-07T00:00:00Z\"}\n";

fn with_metric() -> Unit {
    let mut unit = unit();
    unit.apply(json!([orders(), share()])).expect("applied");
    unit.append("orders", LINES).expect("appended");
    unit
}

fn query(unit: &Unit, name: &str, args: Value) -> String {
    let mut args = args;
    args["format"] = json!("csv");
    let asked = call("user:olga", "metric.query", ("metric", name)).with(args);
    shown(unit.read(&asked)).replace("\r\n", "\n")
}

#[test]
fn a_metric_is_a_view_by_all_its_dimensions() {
    let unit = with_metric();
    expect![[r#"
        window,state,even,value,samples
        2018-01-01T00:00:00Z,RJ,false,1.0,1
        2018-01-01T00:00:00Z,SP,false,1.0,1
        2018-01-01T00:00:00Z,SP,true,0.0,2
        2018-02-01T00:00:00Z,,true,0.0,1
    "#]]
    .assert_eq(&shown(unit.sql("SELECT * FROM metrics.dear_share ORDER BY 1, 2, 3")));
    let tables = shown(unit.sql("SHOW TABLES"));
    assert!(tables.contains("metrics,dear_share,"), "{tables}");
    let read = call("user:olga", "metric.read", ("metric", "dear_share"));
    assert!(shown(unit.read(&read)).starts_with("[{\"window\":\"2018-"));
}

#[test]
fn fewer_dimensions_are_calculated_from_the_rows() {
    let unit = with_metric();
    let all = query(&unit, "dear_share", json!({"to": "2018-02"}));
    assert_eq!(all, "window,value,samples\n2018-01-01T00:00:00Z,0.5,4\n", "not 2 / 3");
    let by_state = query(&unit, "dear_share", json!({"dimensions": ["state"], "from": "2018"}));
    expect![[r#"
        window,state,value,samples
        2018-01-01T00:00:00Z,RJ,1.0,1
        2018-01-01T00:00:00Z,SP,0.3333333333333333,3
        2018-02-01T00:00:00Z,,0.0,1
    "#]]
    .assert_eq(&by_state);
    let years = query(&unit, "dear_share", json!({"grain": "year"}));
    assert_eq!(years, "window,value,samples\n2018-01-01T00:00:00Z,0.4,5\n");
    let chosen = json!({"dimensions": ["even"], "where": {"state": ["SP", "x' OR true"]}});
    expect![[r#"
        window,even,value,samples
        2018-01-01T00:00:00Z,false,1.0,1
        2018-01-01T00:00:00Z,true,0.0,2
    "#]]
    .assert_eq(&query(&unit, "dear_share", chosen));
    let none = query(&unit, "dear_share", json!({"where": {"state": null}}));
    assert_eq!(none, "window,value,samples\n2018-02-01T00:00:00Z,0.0,1\n");
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    let unit = with_metric();
    for (args, expected) in [
        (
            json!({"dimensions": ["stat"]}),
            "[call.invalid] the parameters do not fit: metric `dear_share` has no dimension `stat` (did you mean `state`?)",
        ),
        (
            json!({"where": {"price": 1}}),
            "[call.invalid] the parameters do not fit: metric `dear_share` has no dimension `price` (it has state, even)",
        ),
        (
            json!({"from": "soon"}),
            "[call.invalid] the parameters do not fit: `from`: `soon` is no instant, date, month or year",
        ),
        (
            json!({"dimensions": ["state", "state"]}),
            "[call.invalid] the parameters do not fit: dimension `state` stands twice",
        ),
    ] {
        assert_eq!(query(&unit, "dear_share", args), expected);
    }
}

#[test]
fn metrics_are_made_of_metrics() {
    let mut unit = with_metric();
    let count = |name: &str, filter: &str| {
        let spec = json!({"from": "orders", "where": filter, "formula": "count(*)", "time": "at",
            "grain": "month", "dimensions": ["state"]});
        metric(name, spec)
    };
    let made =
        json!({"formula": "coalesce(dear, 0) / nullif(total, 0)", "metrics": ["dear", "total"]});
    let percent = json!({"formula": "100 * ratio", "metrics": ["ratio"]});
    unit.apply(json!([
        metric("percent", percent),
        metric("ratio", made),
        count("dear", "100 < price"),
        count("total", "true"),
    ]))
    .expect("applied");
    expect![[r#"
        state,samples
        RJ,1
        SP,4
        ,1
    "#]]
    .assert_eq(&shown(
        unit.sql("SELECT state, samples FROM metrics.percent ORDER BY window, state"),
    ));
    let all = query(&unit, "total", json!({}));
    assert!(all.contains("2018-01-01T00:00:00Z,5,5\n"), "{all}");
    let share = query(&unit, "ratio", json!({}));
    assert!(share.contains("2018-01-01T00:00:00Z,0.4,5\n"), "2 of 5: {share}");
    let refused = shown(unit.delete("metric", "dear"));
    assert!(
        refused.starts_with("[view.in_use] metric `dear` is read by metric `ratio`"),
        "{refused}"
    );
    let ring = json!([metric("dear", json!({"formula": "percent", "metrics": ["percent"]}))]);
    let refused = shown(unit.apply(ring));
    assert!(
        refused.starts_with("[metric.cycle] at /spec metric `dear` stands on itself: "),
        "{refused}"
    );
}

#[test]
fn metrics_that_cannot_work_are_refused_with_their_place() {
    let mut unit = with_metric();
    let mut refused = |spec: Value| shown(unit.apply(json!([metric("bad", spec)])));
    let over = |more: Value| {
        let mut spec =
            json!({"from": "orders", "formula": "avg(price)", "grain": "day", "time": "at"});
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        spec
    };
    expect!["[metric.invalid] at 1:5 (/spec/formula) metric `bad`: there is no column `prise` (did you mean `price`?)"]
        .assert_eq(&refused(over(json!({"formula": "avg(prise)"}))));
    expect!["[metric.invalid] at 2:5 (/spec/where) metric `bad`: there is no column `stat` (did you mean `state`?)"]
        .assert_eq(&refused(over(json!({"where": "true\nAND stat = 'SP'"}))));
    expect!["[metric.invalid] at /spec/dimensions/0 metric `bad`: there is no column `stat` (did you mean `state`?)"]
        .assert_eq(&refused(over(json!({"dimensions": ["stat"]}))));
    expect!["[metric.invalid] at /spec/from metric `bad`: there is no table `ordres` (did you mean `orders`?)"]
        .assert_eq(&refused(over(json!({"from": "ordres"}))));
    expect!["[metric.invalid] at /spec/formula metric `bad`: its formula gives no number but Utf8 (cast it, as in `CAST(x AS DOUBLE)`)"]
        .assert_eq(&refused(over(json!({"formula": "max(id)"}))));
    expect!["[metric.invalid] at /spec/metrics/0 metric `bad`: there is no metric `gone`"]
        .assert_eq(&refused(json!({"formula": "gone", "metrics": ["gone"]})));
    for formula in ["count(*) AS n", "count(*)), (SELECT 1", "count(*); DROP TABLE orders", "'open"]
    {
        let said = refused(over(json!({"formula": formula})));
        assert!(said.starts_with("[metric.invalid] at "), "{formula}: {said}");
    }
    expect!["[metric.invalid] at /spec/time metric `bad`: its time is no instant but Utf8"]
        .assert_eq(&refused(over(json!({"time": "state"}))));
}

#[test]
fn what_a_metric_reads_stays() {
    let mut unit = with_metric();
    expect!["[view.in_use] stream `orders` is read by metric `dear_share` (remove or change the metric in the same apply)"]
        .assert_eq(&shown(unit.delete("stream", "orders")));
    unit.apply(json!([view("shares", "SELECT state, value FROM metrics.dear_share")]))
        .expect("applied");
    expect!["[view.in_use] metric `dear_share` is read by view `shares` (remove or change the view in the same apply)"]
        .assert_eq(&shown(unit.delete("metric", "dear_share")));
    let mut ring = share();
    ring["spec"]["from"] = json!("shares");
    let refused = shown(unit.apply(json!([ring])));
    assert!(refused.contains(".cycle] "), "{refused}");
}

#[test]
fn a_metric_reads_with_the_rights_of_who_applied_it() {
    let mut unit = with_metric();
    let reader = "permit(principal in Role::\"measurer\", action in Action::\"Read\", resource) \
                  when { resource in [Kind::\"sql\", Kind::\"metric\"] };";
    unit.apply(json!([
        manifest("Role", "measurer", json!({"policies": reader})),
        manifest("User", "mo", json!({"roles": ["measurer"]})),
    ]))
    .expect("applied");
    let sql = "SELECT count(*) AS n FROM metrics.dear_share";
    assert_eq!(shown(unit.sql_as("user:mo", sql)), "n\n4\n");
    assert!(shown(unit.sql_as("user:mo", "SELECT * FROM orders")).contains("there is no table"));
    assert!(shown(unit.sql_as("user:carl", sql)).contains("there is no table"));
}
