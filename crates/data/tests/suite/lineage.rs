//! What `system.lineage` says of streams, tables and views, and to whom.

use crate::support::{Unit, manifest, orders, shown, unit, view};
use serde_json::{Value, json};

const EDGES: &str = "SELECT from_kind || ' ' || from_name || ' ' || how || ' ' || to_kind || ' ' || to_name AS edge, \
     detail FROM system.lineage ORDER BY edge";

fn materialized(name: &str, sql: &str, how: Value) -> Value {
    manifest("View", name, json!({"sql": sql, "materialized": how}))
}

fn with_views() -> Unit {
    let mut unit = unit();
    let by_state =
        "SELECT state, count(*) AS orders, sum(price) AS gross FROM orders GROUP BY state";
    unit.apply(json!([
        orders(),
        manifest("View", "by_state", json!({"schema": "answers", "sql": by_state})),
        view("dear", "SELECT id FROM orders WHERE 100 < price"),
        view("top", "SELECT s.state, d.id FROM answers.by_state s CROSS JOIN dear d"),
        view("asked", "SELECT principal, count(*) AS n FROM system.queries GROUP BY principal"),
        materialized(
            "newest",
            "SELECT state, count(*) AS n FROM orders_latest GROUP BY state",
            json!({"every": "PT10M"})
        ),
        materialized(
            "gross",
            "SELECT state, sum(price) AS gross FROM orders GROUP BY state",
            json!({})
        ),
    ]))
    .expect("applied");
    unit
}

/// The edges that somebody sees, a line each with its detail.
fn edges(unit: &Unit, who: &str) -> Vec<String> {
    let text = shown(unit.sql_as(who, EDGES));
    text.lines().skip(1).map(|line| line.replace("\"\"", "'").replace('"', "")).collect()
}

#[test]
fn streams_tables_and_views_say_what_they_stand_on() {
    let mut unit = with_views();
    let known = [
        "relation system.queries reads view asked,{'columns':{'principal':['principal']}}",
        "stream orders derives relation orders_set_aside,",
        "stream orders derives table orders,",
        "stream orders derives table orders_latest,",
        "stream orders derives view gross,{'refresh':'commit','columns':{'gross':['price'],'state':['state']}}",
        "stream orders reads view by_state,{'columns':{'gross':['price'],'state':['state']}}",
        "stream orders reads view dear,{'columns':{'id':['id']}}",
        "table orders_latest derives view newest,{'refresh':'PT10M','columns':{'state':['state']}}",
        "view by_state reads view top,{'columns':{'state':['state']}}",
        "view dear reads view top,{'columns':{'id':['id']}}",
    ];
    assert_eq!(edges(&unit, "user:olga"), known);
    assert_eq!(edges(&unit, "user:olga"), known, "remembered");
    // What is remembered goes with the next change of a resource.
    unit.apply(json!([view("dear", "SELECT id, price FROM orders_latest WHERE 100 < price")]))
        .expect("applied");
    let now = edges(&unit, "user:olga");
    assert!(!now.contains(&"stream orders reads view dear,{'columns':{'id':['id']}}".to_owned()));
    let edge = "table orders_latest reads view dear,{'columns':{'id':['id'],'price':['price']}}";
    assert!(now.contains(&edge.to_owned()), "{now:?}");
    let declared = "SELECT declared_by, version FROM system.lineage WHERE to_name = 'dear'";
    assert_eq!(shown(unit.sql(declared)), "declared_by,version\nview/dear,2\n");
}

#[test]
fn an_edge_is_shown_to_whoever_may_see_both_ends() {
    let mut unit = with_views();
    let role = |name: &str, condition: &str| {
        let policies = format!(
            "permit(principal in Role::\"{name}\", action in Action::\"Read\", resource) when {{ {condition} }};"
        );
        manifest("Role", name, json!({"policies": policies}))
    };
    unit.apply(json!([
        role(
            "looker",
            "resource in [Kind::\"sql\", Kind::\"relation\", Kind::\"view\"]"
        ),
        role(
            "clerk_of_tables",
            "resource in [Kind::\"sql\", Kind::\"relation\", Kind::\"view\", Kind::\"table\"]"
        ),
        role(
            "reader",
            "resource in [Kind::\"sql\", Kind::\"relation\", Kind::\"stream\"] || resource.name == \"dear\""
        ),
        manifest("User", "lou", json!({"roles": ["looker"]})),
        manifest("User", "tim", json!({"roles": ["clerk_of_tables"]})),
        manifest("User", "rea", json!({"roles": ["reader"]})),
    ]))
    .expect("applied");
    let views = [
        "relation system.queries reads view asked,{'columns':{'principal':['principal']}}",
        "view by_state reads view top,{'columns':{'state':['state']}}",
        "view dear reads view top,{'columns':{'id':['id']}}",
    ];
    assert_eq!(edges(&unit, "user:lou"), views);
    // A table is seen by itself too, but what was set aside only with the stream.
    let latest =
        "table orders_latest derives view newest,{'refresh':'PT10M','columns':{'state':['state']}}";
    assert_eq!(edges(&unit, "user:tim"), [views[0], latest, views[1], views[2]]);
    let of_stream = [
        "stream orders derives relation orders_set_aside,",
        "stream orders derives table orders,",
        "stream orders derives table orders_latest,",
        "stream orders reads view dear,{'columns':{'id':['id']}}",
    ];
    assert_eq!(edges(&unit, "user:rea"), of_stream);
    let refused = shown(unit.sql_as("user:carl", EDGES));
    assert!(refused.starts_with("[sql.invalid]"), "{refused}");
}
