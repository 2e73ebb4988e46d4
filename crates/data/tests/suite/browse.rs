//! The catalogue as pages show it: what is told of relations, and to whom.

use crate::metrics::metric;
use crate::support::{Unit, call, manifest, orders, shown, unit, view};
use expect_test::expect;
use serde_json::{Value, json};

const LINES: &str = "{\"id\":\"a\",\"state\":\"SP\",\"price\":5,\"at\":\"2018-01-05T00:00:00Z\"}\n\
    {\"id\":\"b\",\"state\":\"SP\",\"price\":-1,\"at\":\"2018-01-06T00:00:00Z\"}\n";

fn with_relations() -> Unit {
    let mut unit = unit();
    let by_state = "SELECT state, count(*) AS orders FROM orders GROUP BY state";
    let rules = json!([{"name": "price", "check": "range", "column": "price", "min": 0}]);
    unit.apply(json!([
        orders(),
        manifest(
            "View",
            "by_state",
            json!({"schema": "answers", "sql": by_state, "summary": "Orders by state"}),
        ),
        view("top", "SELECT state FROM answers.by_state"),
        metric(
            "gross",
            json!({"from": "orders", "time": "at", "grain": "day", "formula": "sum(price)"})
        ),
        manifest("Quality", "orders", json!({"on": "stream/orders", "rules": rules})),
        manifest("Query", "all", json!({"sql": "SELECT id FROM orders"})),
    ]))
    .expect("applied");
    unit.append("orders", LINES).expect("appended");
    unit
}

fn ask(unit: &Unit, who: &str, operation: &str, on: (&str, &str), args: Value) -> Value {
    let text = shown(unit.read(&call(who, operation, on).with(args)));
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

fn list(unit: &Unit, who: &str, args: Value) -> Value {
    ask(unit, who, "relation.list", ("relation", ""), args)
}

fn lines(answer: &Value, fields: &[&str]) -> String {
    let line = |item: &Value| {
        let cells = fields.iter().map(|field| match &item[*field] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        cells.collect::<Vec<_>>().join(" | ") + "\n"
    };
    answer["items"].as_array().into_iter().flatten().map(line).collect()
}

const OWN: &str = "stream,table,set_aside,view,metric";

#[test]
fn a_page_of_the_catalogue_is_one_call() {
    let unit = with_relations();
    let answer = list(&unit, "user:olga", json!({"kind": OWN}));
    expect![[r#"
        answers.by_state | view | user:olga | 2 | null | null | none
        metrics.gross | metric | user:olga | 3 | null | null | none
        orders | stream | user:olga | 10 | 2 | 2017-07-14T02:40:00Z | failing
        orders_latest | table | user:olga | 10 | null | 2017-07-14T02:40:00Z | none
        top | view | user:olga | 1 | null | null | none
    "#]]
    .assert_eq(&lines(&answer, &["name", "kind", "owner", "columns", "rows", "newest", "quality"]));
    assert_eq!(answer["next"], Value::Null);
    let system = list(&unit, "user:olga", json!({"kind": "system", "text": "streams"}));
    let first = &system["items"][0];
    assert_eq!((&first["name"], &first["owner"]), (&json!("system.streams"), &Value::Null));
    let found = list(&unit, "user:olga", json!({"text": "BY STATE"}));
    assert_eq!(lines(&found, &["name"]), "answers.by_state\n");
    // Page after page, each relation once.
    let (mut seen, mut after) = (String::new(), json!(""));
    while !after.is_null() {
        let page = list(&unit, "user:olga", json!({"kind": OWN, "limit": 2, "after": after}));
        seen += &lines(&page, &["name"]);
        after = page["next"].clone();
    }
    assert_eq!(seen, lines(&answer, &["name"]));
}

#[test]
fn a_column_says_in_what_it_is_measured() {
    let mut unit = unit();
    let schema = json!([
        {"name": "device", "type": "text"},
        {"name": "weight", "type": "float", "unit": "kg"},
    ]);
    unit.apply(json!([manifest("Stream", "weights", json!({ "schema": schema }))]))
        .expect("applied");
    let weights = ask(&unit, "user:olga", "relation.get", ("relation", "weights"), json!({}));
    let units = [&weights["columns"][0]["unit"], &weights["columns"][1]["unit"]];
    assert_eq!(units, [&json!(""), &json!("kg")]);
}

#[test]
fn a_relation_says_all_that_its_page_shows() {
    let mut unit = with_relations();
    let get = |unit: &Unit, name: &str| {
        ask(unit, "user:olga", "relation.get", ("relation", name), json!({}))
    };
    let orders = get(&unit, "orders");
    let id = &orders["columns"][0];
    assert_eq!((&id["name"], &id["type"]), (&json!("id"), &json!("text")));
    assert_eq!(
        (&id["required"], &id["is_key"], &id["is_masked"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!(orders["columns"][2]["type"], "decimal(12,2)");
    assert_eq!((&orders["key"], &orders["retention"]), (&json!(["id"]), &Value::Null));
    assert_eq!(orders["files"], json!({"files": 0, "bytes": 0, "rows": 0, "behind": 2}));
    assert_eq!(
        (&orders["rules"][0]["rule"], &orders["rules"][0]["failed"]),
        (&json!("price"), &json!(1))
    );
    let neighbours = |orders: &Value, side: &str| -> Vec<String> {
        let all = orders["lineage"][side].as_array().into_iter().flatten();
        all.map(|other| {
            format!("{} {}/{}", other["how"], other["kind"], other["name"]).replace('"', "")
        })
        .collect()
    };
    assert_eq!(
        neighbours(&orders, "down"),
        [
            "measures metric/gross",
            "checks quality/orders",
            "reads query/all",
            "derives relation/orders_set_aside",
            "derives table/orders",
            "derives table/orders_latest",
            "reads view/by_state",
        ]
    );
    let by_state = get(&unit, "answers.by_state");
    assert_eq!(
        (neighbours(&by_state, "up"), neighbours(&by_state, "down")),
        (vec!["reads stream/orders".to_owned()], vec!["reads view/top".to_owned()])
    );
    assert_eq!(by_state["sql"], "SELECT state, count(*) AS orders FROM orders GROUP BY state");
    assert_eq!(get(&unit, "metrics.gross")["formula"], "sum(price)");
    assert_eq!(get(&unit, "system.streams")["columns"][0]["summary"], "The stream.");
    assert_eq!(get(&unit, "nothing"), "[resource.not_found] relation/nothing does not exist");
    unit.call(call("user:olga", "table.seal", ("table", "orders"))).expect("asked");
    unit.keep();
    let sealed = get(&unit, "orders");
    assert_eq!(
        (&sealed["files"]["files"], &sealed["files"]["behind"], &sealed["rows"]),
        (&json!(1), &json!(0), &json!(2))
    );
}

#[test]
fn what_is_hidden_is_not_told() {
    let mut unit = with_relations();
    let policies = "permit(principal in Role::\"seller\", action in Action::\"Read\", resource) \
        when { resource in [Kind::\"sql\", Kind::\"relation\", Kind::\"stream\", Kind::\"quality\"] };";
    let data = json!([{"relation": "orders", "rows": "state = 'SP'", "mask": {"price": null}}]);
    unit.apply(json!([
        manifest("Role", "seller", json!({"policies": policies, "data": data})),
        manifest("User", "sam", json!({"roles": ["seller"]})),
        manifest("User", "vic", json!({"roles": ["viewer"]})),
    ]))
    .expect("applied");
    let answer = list(&unit, "user:sam", json!({"kind": OWN}));
    expect![[r#"
        orders | null | null | hidden | true
        orders_latest | null | null | none | true
    "#]]
    .assert_eq(&lines(&answer, &["name", "rows", "newest", "quality", "is_part"]));
    let orders = ask(&unit, "user:sam", "relation.get", ("relation", "orders"), json!({}));
    assert_eq!((&orders["files"], &orders["next_offset"]), (&Value::Null, &Value::Null));
    assert_eq!(
        (&orders["columns"][0]["is_masked"], &orders["columns"][2]["is_masked"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        (&orders["rules"][0]["failed"], &orders["rules"][0]["reason"]),
        (&Value::Null, &Value::Null)
    );
    let names = |answer: &Value| lines(answer, &["name"]);
    assert_eq!(
        names(&list(&unit, "user:vic", json!({}))),
        "answers.by_state\nmetrics.gross\ntop\n"
    );
    let hidden = ask(&unit, "user:vic", "relation.get", ("relation", "orders"), json!({}));
    assert_eq!(hidden, "[resource.not_found] relation/orders does not exist");
    let refused = list(&unit, "user:carl", json!({}));
    assert!(
        refused.as_str().is_some_and(|text| text.starts_with("[policy.forbidden]")),
        "{refused}"
    );
}

#[test]
fn an_editor_gets_all_names_at_once() {
    let mut unit = with_relations();
    let ask = |unit: &Unit, who: &str| ask(unit, who, "sql.catalogue", ("sql", ""), json!({}));
    let answer = ask(&unit, "user:olga");
    assert_eq!(answer["is_cut"], false);
    let relations = |answer: &Value| -> Vec<Value> {
        let all = answer["relations"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|relation| relation["kind"] != "system").collect()
    };
    let found = relations(&answer);
    assert_eq!(
        found[0],
        json!({
            "name": "answers.by_state", "schema": "answers", "table": "by_state", "kind": "view",
            "summary": "Orders by state",
            "columns": [{"name": "state", "type": "text"}, {"name": "orders", "type": "int"}],
        })
    );
    let functions = answer["functions"].as_array().expect("functions");
    for name in ["count", "date_trunc", "row_number", "upper"] {
        assert!(functions.contains(&json!(name)), "{name}");
    }
    // What changes is known at once.
    unit.apply(json!([view("top", "SELECT state, orders FROM answers.by_state")]))
        .expect("applied");
    let top = relations(&ask(&unit, "user:olga")).pop().expect("a view");
    assert_eq!((&top["name"], top["columns"].as_array().map(Vec::len)), (&json!("top"), Some(2)));
    let refused = ask(&unit, "user:carl");
    assert_eq!(relations(&refused).len(), 2, "views only: {refused}");
}
