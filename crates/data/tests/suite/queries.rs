//! Queries with a name: what is refused, as whom they run, and whose they are.

use crate::support::{Unit, call, manifest, orders, shown, unit, unit_with, view};
use data::Config;
use expect_test::expect;
use serde_json::{Value, json};

const LINES: &str = "{\"id\":\"a\",\"state\":\"SP\",\"price\":5,\"at\":\"2018-01-05T00:00:00Z\"}\n\
    {\"id\":\"b\",\"state\":\"SP\",\"price\":150.5,\"at\":\"2018-01-06T00:00:00Z\"}\n\
    {\"id\":\"c\",\"state\":\"RJ\",\"price\":7,\"at\":\"2018-01-07T00:00:00Z\"}\n\
    {\"id\":\"d\",\"price\":9,\"at\":\"2018-01-08T00:00:00Z\"}\n";

fn query(name: &str, spec: Value) -> Value {
    manifest("Query", name, spec)
}

fn dear() -> Value {
    query(
        "dear",
        json!({
            "summary": "Orders above a price",
            "sql": "SELECT id, state, price FROM orders WHERE $least <= price AND ($state IS NULL OR state = $state) ORDER BY id",
            "parameters": [
                {"name": "least", "type": "decimal"},
                {"name": "state", "default": null, "label": {"en": "State", "zh": "州"}},
            ],
        }),
    )
}

fn with_query() -> Unit {
    let mut unit = unit();
    unit.apply(json!([orders(), dear()])).expect("applied");
    unit.append("orders", LINES).expect("appended");
    unit
}

fn run(unit: &Unit, who: &str, name: &str, args: Value) -> String {
    let mut args = args;
    args["format"] = json!("csv");
    let asked = call(who, "query.run", ("query", name)).with(args);
    shown(unit.read(&asked)).replace("\r\n", "\n")
}

fn save(unit: &mut Unit, who: &str, args: Value) -> String {
    shown(unit.call(call(who, "query.save", ("query", "")).with(args)))
}

fn delete(unit: &mut Unit, who: &str, name: &str) -> String {
    shown(unit.call(call(who, "query.delete", ("query", name))))
}

fn list(unit: &Unit, who: &str, args: Value) -> Vec<Value> {
    let asked = call(who, "query.list", ("query", "")).with(args);
    let answer: Value = serde_json::from_str(&shown(unit.read(&asked))).expect("JSON");
    answer["items"].as_array().cloned().expect("items")
}

fn names(unit: &Unit, who: &str, args: Value) -> String {
    let items = list(unit, who, args);
    items.iter().filter_map(|item| item["name"].as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn values_are_bound_and_never_put_into_the_text() {
    let unit = with_query();
    let asked =
        |parameters: Value| run(&unit, "user:olga", "dear", json!({"parameters": parameters}));
    assert_eq!(asked(json!({"least": 8})), "id,state,price\nb,SP,150.50\nd,,9.00\n");
    assert_eq!(
        asked(json!({"least": "5.00", "state": "SP"})),
        "id,state,price\na,SP,5.00\nb,SP,150.50\n"
    );
    assert_eq!(asked(json!({"least": 0, "state": "' OR 1 = 1 --"})), "id,state,price\n");
    expect!["[query.parameter] query `dear`: parameter `least` is missing (it holds decimal)"]
        .assert_eq(&asked(json!({})));
    expect!["[query.parameter] query `dear`: parameter `least`: `much` is no decimal"]
        .assert_eq(&asked(json!({"least": "much"})));
    expect!["[query.parameter] query `dear`: it has no parameter `stat` (did you mean `state`?)"]
        .assert_eq(&asked(json!({"least": 1, "stat": "SP"})));
}

#[test]
fn a_part_of_the_answer_comes_in_its_order() {
    let unit = with_query();
    let asked = |args: Value| {
        let mut args = args;
        args["parameters"] = json!({"least": 0});
        let rows = run(&unit, "user:olga", "dear", args);
        match rows.strip_prefix("id,state,price\n") {
            Some(rows) => rows.lines().map(|row| &row[..1]).collect::<String>(),
            None => rows,
        }
    };
    assert_eq!(asked(json!({})), "abcd");
    assert_eq!(asked(json!({"limit": 2})), "ab");
    assert_eq!(asked(json!({"limit": 2, "offset": 1})), "bc");
    assert_eq!(asked(json!({"limit": 0})), "");
    assert_eq!(asked(json!({"order": ["-price"]})), "bdca");
    assert_eq!(asked(json!({"order": ["state", "-id"], "limit": 3})), "cba");
    // Large and small letters are the same, in any column, and signs are themselves.
    assert_eq!(asked(json!({"search": {"text": "sp"}})), "ab");
    assert_eq!(asked(json!({"search": {"text": "5"}})), "ab");
    assert_eq!(asked(json!({"search": {"text": "5", "columns": ["id"]}})), "");
    assert_eq!(asked(json!({"search": {"text": "_"}})), "");
    assert_eq!(asked(json!({"search": {"text": "%"}})), "");
    assert_eq!(asked(json!({"search": {"text": "s"}, "limit": 1, "offset": 1})), "b");
    expect!["[call.invalid] the parameters do not fit: `order`: the answer has no column `prise` (did you mean `price`?)"]
        .assert_eq(&asked(json!({"order": ["prise"]})));
}

#[test]
fn a_query_runs_as_its_caller() {
    let mut unit = with_query();
    let policies = "permit(principal in Role::\"seller\", action in Action::\"Read\", resource) \
        when { resource in [Kind::\"sql\", Kind::\"query\", Kind::\"stream\"] };";
    let data = json!([{"relation": "orders", "rows": "state = 'SP'", "mask": {"price": null}}]);
    let runner = "permit(principal in Role::\"runner\", action in Action::\"Read\", resource in Kind::\"query\");";
    unit.apply(json!([
        manifest("Role", "seller", json!({"policies": policies, "data": data})),
        manifest("User", "sam", json!({"roles": ["seller"]})),
        manifest("Role", "runner", json!({"policies": runner})),
        manifest("User", "rue", json!({"roles": ["runner"]})),
        query("all", json!({"sql": "SELECT id, price FROM orders"})),
    ]))
    .expect("applied");
    assert_eq!(run(&unit, "user:sam", "all", json!({"order": ["id"]})), "id,price\na,\nb,\n");
    // What he may not read is not there for him, whoever wrote the query.
    let refused = run(&unit, "user:rue", "all", json!({}));
    assert!(refused.starts_with("[sql.invalid] at 1:23 there is no table `orders`"), "{refused}");
    let refused = run(&unit, "user:carl", "all", json!({}));
    assert_eq!(refused, "[resource.not_found] query/all does not exist");
    let get = call("user:rue", "query.get", ("query", "all"));
    let got: Value = serde_json::from_str(&shown(unit.read(&get))).expect("JSON");
    assert_eq!((&got["columns"], &got["problem"]["code"]), (&Value::Null, &json!("sql.invalid")));
}

#[test]
fn what_cannot_work_is_refused_at_its_place() {
    let mut unit = with_query();
    let mut refused = |spec: Value| shown(unit.apply(json!([query("q", spec)])));
    expect!["[query.invalid] at 1:8 query `q`: there is no column `prise` (did you mean `price`?)"]
        .assert_eq(&refused(json!({"sql": "SELECT prise FROM orders"})));
    expect![
        "[query.invalid] at 2:6 query `q`: there is no table `ordres` (did you mean `orders`?)"
    ]
    .assert_eq(&refused(json!({"sql": "SELECT *\nFROM ordres"})));
    expect![
        "[query.invalid] at 1:33 query `q`: `$stat` is no parameter of it (did you mean `$state`?)"
    ]
    .assert_eq(&refused(
        json!({"sql": "SELECT * FROM orders WHERE id = $stat", "parameters": [{"name": "state"}]}),
    ));
    expect!["[query.invalid] query `q`: DELETE is not allowed (send one SELECT, EXPLAIN or SHOW TABLES; data comes in through `stream.append`)"]
        .assert_eq(&refused(json!({"sql": "DELETE FROM orders"})));
    expect!["[query.invalid] query `q`: it is no SELECT"]
        .assert_eq(&refused(json!({"sql": "EXPLAIN SELECT 1"})));
    expect!["[query.invalid] at /spec/parameters/1/name query `q`: parameter `a` stands twice"]
        .assert_eq(&refused(
            json!({"sql": "SELECT 1", "parameters": [{"name": "a"}, {"name": "a"}]}),
        ));
    expect!["[query.invalid] at /spec/parameters/0/name query `q`: `A b` is no name of a parameter (a lower-case letter, then lower-case letters, digits and `_`)"]
        .assert_eq(&refused(json!({"sql": "SELECT 1", "parameters": [{"name": "A b"}]})));
    expect![
        "[query.invalid] at /spec/parameters/0/default query `q`: parameter `n`: `x` is no int"
    ]
    .assert_eq(&refused(
        json!({"sql": "SELECT 1", "parameters": [{"name": "n", "type": "int", "default": "x"}]}),
    ));
    let misspelt = refused(json!({"sql": "SELECT 1", "parameter": []}));
    assert!(misspelt.contains("did you mean `parameters`?"), "{misspelt}");
}

#[test]
fn a_query_of_an_application_is_held_to() {
    let mut unit = with_query();
    let apply = |unit: &mut Unit, manifests: Value| {
        let args = json!({"manifests": manifests, "application": "shop"});
        shown(unit.call(call("user:olga", "resource.apply", ("resource", "")).with(args)))
    };
    let cheap = view("cheap", "SELECT id, price FROM orders WHERE price < 100");
    let listed = query("listed", json!({"sql": "SELECT id, price FROM cheap"}));
    let applied = apply(&mut unit, json!([orders(), dear(), cheap, listed.clone()]));
    assert!(applied.contains("\"applied\":true"), "{applied}");
    expect!["[view.in_use] view `cheap` is read by query `listed` (remove or change the query in the same apply)"]
        .assert_eq(&shown(unit.delete("view", "cheap")));
    let changed =
        apply(&mut unit, json!([orders(), dear(), view("cheap", "SELECT id FROM orders"), listed]));
    assert!(changed.starts_with("[query.invalid]"), "{changed}");
    // What somebody has saved for himself holds up nobody.
    let saved = save(&mut unit, "user:ann", json!({"name": "mine", "sql": "SELECT id FROM cheap"}));
    assert_eq!(saved, r#"{"name":"mine","version":1}"#);
    shown(unit.delete("query", "listed"));
    assert_eq!(shown(unit.delete("view", "cheap")), r#"{"deleted":"view/cheap"}"#);
    let broken = run(&unit, "user:ann", "mine", json!({}));
    assert!(broken.starts_with("[sql.invalid]"), "{broken}");
}

#[test]
fn a_saved_query_belongs_to_who_saved_it() {
    let mut unit = with_query();
    let sql = "SELECT count(*) AS n FROM orders";
    let args = |sql: &str| json!({"name": "counted", "sql": sql, "summary": "How many"});
    assert_eq!(save(&mut unit, "user:ann", args(sql)), r#"{"name":"counted","version":1}"#);
    assert_eq!(
        save(&mut unit, "user:ann", args(sql)),
        r#"{"name":"counted","version":1}"#,
        "as it is"
    );
    assert_eq!(run(&unit, "user:olga", "counted", json!({})), "n\n4\n");
    unit.apply(json!([
        manifest("User", "bob", json!({"roles": ["analyst"]})),
        manifest("User", "dev", json!({"roles": ["developer"]})),
        manifest("User", "vic", json!({"roles": ["viewer"]})),
    ]))
    .expect("applied");
    let other = "SELECT 1 AS n";
    expect!["[query.owner] query `counted` belongs to somebody else (save it under another name, or ask who owns it)"]
        .assert_eq(&save(&mut unit, "user:bob", args(other)));
    let refused = delete(&mut unit, "user:bob", "counted");
    assert!(refused.starts_with("[query.owner]"), "{refused}");
    // Who may only see saves nothing; who may manage changes everything, and its owner stays.
    let refused = save(&mut unit, "user:vic", json!({"name": "x", "sql": other}));
    assert!(refused.starts_with("[policy.forbidden]"), "{refused}");
    assert_eq!(save(&mut unit, "user:dev", args(other)), r#"{"name":"counted","version":2}"#);
    let listed = list(&unit, "user:ann", json!({"own": "true"}));
    assert_eq!(
        (&listed[0]["owner"], &listed[0]["changed_by"]),
        (&json!("user:ann"), &json!("user:dev"))
    );
    assert_eq!((&listed[0]["is_own"], &listed[0]["version"]), (&json!(true), &json!(2)));
    assert_eq!(names(&unit, "user:bob", json!({})), "counted dear");
    assert_eq!(names(&unit, "user:vic", json!({"text": "above"})), "dear");
    assert_eq!(names(&unit, "user:bob", json!({"own": "true"})), "");
    // A version says what is replaced.
    let refused = save(&mut unit, "user:ann", json!({"name": "counted", "sql": sql, "version": 1}));
    expect!["[query.changed] query `counted` is at version 2 (look at what is there, and save over that version or under another name)"]
        .assert_eq(&refused);
    let refused = save(&mut unit, "user:ann", json!({"name": "counted", "sql": sql, "version": 0}));
    assert!(refused.starts_with("[query.changed]"), "{refused}");
    assert_eq!(delete(&mut unit, "user:ann", "counted"), r#"{"deleted":"query/counted"}"#);
    assert_eq!(names(&unit, "user:ann", json!({})), "dear");
    let again = save(&mut unit, "user:bob", json!({"name": "counted", "sql": sql, "version": 0}));
    assert_eq!(again, r#"{"name":"counted","version":4}"#, "versions never start again");
}

#[test]
fn queries_are_bounded() {
    let config = Config {
        saved_queries_each_max: 2,
        query_text_bytes_max: 40,
        query_parameters_max: 1,
        ..Config::default()
    };
    let mut unit = unit_with(config);
    let one = |name: &str, sql: &str| json!({"name": name, "sql": sql});
    for name in ["a", "b"] {
        save(&mut unit, "user:ann", one(name, "SELECT 1 AS n"));
    }
    expect!["[query.limit] user:ann has 2 queries, which is the limit (delete queries that nobody needs: `craton query list --own`)"]
        .assert_eq(&save(&mut unit, "user:ann", one("c", "SELECT 1 AS n")));
    assert_eq!(
        save(&mut unit, "user:ann", one("b", "SELECT 2 AS n")),
        r#"{"name":"b","version":2}"#
    );
    let long = format!("SELECT '{}' AS n", "x".repeat(40));
    expect!["[query.invalid] at /spec/sql query `b`: its SQL is longer than 40 bytes"]
        .assert_eq(&save(&mut unit, "user:ann", one("b", &long)));
    let many =
        json!({"name": "b", "sql": "SELECT 1", "parameters": [{"name": "x"}, {"name": "y"}]});
    expect!["[query.invalid] at /spec/parameters query `b`: it has 2 parameters, 1 are allowed"]
        .assert_eq(&save(&mut unit, "user:ann", many));
    let wrong = save(&mut unit, "user:ann", one("No Name", "SELECT 1"));
    assert!(wrong.starts_with("[name.invalid]"), "{wrong}");
}

#[test]
fn lineage_says_which_queries_stand_on_a_relation() {
    let mut unit = with_query();
    let edges = "SELECT from_kind || '/' || from_name AS source, to_name, how, declared_by FROM system.lineage WHERE to_kind = 'query' ORDER BY 1, 2";
    assert_eq!(
        shown(unit.sql(edges)),
        "source,to_name,how,declared_by\nstream/orders,dear,reads,query/dear\n"
    );
    // A query that is saved is there at once, though it makes no decision void.
    let epoch = |unit: &Unit| {
        let olga = kernel::Principal::User("olga".into());
        let reader = kernel::Reader::new(&unit.kernel, olga).expect("a reader");
        unit.kernel.epoch(&reader).expect("an epoch")
    };
    let before = epoch(&unit);
    save(
        &mut unit,
        "user:ann",
        json!({"name": "newest", "sql": "SELECT o.id FROM orders_latest o JOIN orders USING (id)"}),
    );
    let now = shown(unit.sql(edges));
    assert!(now.contains("table/orders_latest,newest,reads,query/newest\n"), "{now}");
    assert!(now.contains("stream/orders,newest,reads,query/newest\n"), "{now}");
    delete(&mut unit, "user:ann", "newest");
    assert_eq!(shown(unit.sql(edges)).lines().count(), 2);
    assert_eq!(epoch(&unit), before);
}
