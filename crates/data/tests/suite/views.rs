//! Views, rights, and what SQL says about itself.

use crate::support::{Unit, call, manifest, orders, shown, unit, view};
use expect_test::expect;
use serde_json::json;

fn with_views() -> Unit {
    let mut unit = unit();
    let answers = manifest(
        "View",
        "by_state",
        json!({"schema": "answers", "sql": "SELECT state, count(*) AS orders, sum(price) AS gross FROM orders GROUP BY state"}),
    );
    unit.apply(json!([answers, view("dear", "SELECT id FROM orders WHERE 100 < price"), orders()]))
        .expect("applied");
    unit.append("orders", "{\"id\":\"a\",\"state\":\"SP\",\"price\":150}\n{\"id\":\"b\",\"state\":\"SP\",\"price\":0.5}").expect("appended");
    unit
}

#[test]
fn views_answer_over_streams_and_views() {
    let mut unit = with_views();
    unit.apply(json!([view(
        "top",
        "SELECT s.state, d.id FROM answers.by_state s CROSS JOIN dear d"
    )]))
    .expect("applied");
    assert_eq!(
        shown(unit.sql("SELECT * FROM answers.by_state")),
        "state,orders,gross\nSP,2,150.50\n"
    );
    assert_eq!(shown(unit.sql("SELECT * FROM top")), "state,id\nSP,a\n");
    let read = call("user:olga", "view.read", ("view", "by_state"));
    assert_eq!(shown(unit.read(&read)), r#"[{"state":"SP","orders":2,"gross":150.50}]"#);
}

#[test]
fn views_that_cannot_work_are_refused_with_their_place() {
    let mut unit = with_views();
    let refused =
        |unit: &mut Unit, name: &str, sql: &str| shown(unit.apply(json!([view(name, sql)])));
    expect![
        "[view.invalid] at 1:15 view `bad0`: there is no table `ordres` (did you mean `orders`?)"
    ]
    .assert_eq(&refused(&mut unit, "bad0", "SELECT * FROM ordres"));
    expect![
        "[view.invalid] at 1:8 view `bad1`: there is no column `prise` (did you mean `price`?)"
    ]
    .assert_eq(&refused(&mut unit, "bad1", "SELECT prise FROM orders"));
    expect!["[view.invalid] view `bad2`: Expected: an expression, found: EOF"].assert_eq(&refused(
        &mut unit,
        "bad2",
        "SELECT id FROM orders WHERE",
    ));
    expect!["[view.invalid] view `bad3`: DROP is not allowed (send one SELECT, EXPLAIN or SHOW TABLES; data comes in through `stream.append`)"]
        .assert_eq(&refused(&mut unit, "bad3", "DROP TABLE orders"));
    expect!["[view.cycle] at /spec/sql view `ring` stands on itself: ring -> dear -> ring (let one of them read streams instead)"]
        .assert_eq(&shown(unit.apply(json!([view("ring", "SELECT * FROM dear"), view("dear", "SELECT * FROM ring")]))));
    expect!["[view.cycle] at /spec/sql view `self` stands on itself: self -> self (let one of them read streams instead)"]
        .assert_eq(&shown(unit.apply(json!([view("self", "SELECT * FROM self")]))));
}

#[test]
fn views_that_share_what_they_stand_on_are_counted_out() {
    let mut unit = with_views();
    let mut views = vec![view("a0", "SELECT id FROM orders"), view("b0", "SELECT id FROM orders")];
    for n in 1..14 {
        let sql = format!("SELECT a.id FROM a{} a JOIN b{} b ON a.id = b.id", n - 1, n - 1);
        views.extend([view(&format!("a{n}"), &sql), view(&format!("b{n}"), &sql)]);
    }
    assert_eq!(unit.apply(json!(views)).expect_err("refused").code, "sql.exhausted");
    unit.apply(json!(views[..10])).expect("applied");
    assert_eq!(shown(unit.sql("SELECT count(*) AS n FROM a4")), "n\n2\n");
}

#[test]
fn what_a_view_reads_stays() {
    let mut unit = with_views();
    expect!["[view.in_use] stream `orders` is read by view `by_state` (remove or change the view in the same apply)"]
        .assert_eq(&shown(unit.delete("stream", "orders")));
    unit.apply(json!([view("top", "SELECT * FROM dear")])).expect("applied");
    expect!["[view.in_use] view `dear` is read by view `top` (remove or change the view in the same apply)"]
        .assert_eq(&shown(unit.delete("view", "dear")));
    expect!["[view.invalid] at 1:8 view `top`: there is no column `id` (there are price)"]
        .assert_eq(&shown(unit.apply(json!([
            view("top", "SELECT id FROM dear"),
            view("dear", "SELECT price FROM orders")
        ]))));
}

#[test]
fn a_view_reads_with_the_rights_of_who_applied_it() {
    let unit = with_views();
    // Carl may read views, not streams.
    assert_eq!(shown(unit.sql_as("user:carl", "SELECT id FROM dear")), "id\na\n");
    expect!["[sql.invalid] at 1:15 there is no table `orders` (SHOW TABLES lists them)"]
        .assert_eq(&shown(unit.sql_as("user:carl", "SELECT * FROM orders")));
    expect![[r#"
        table_schema,table_name
        answers,by_state
        information_schema,columns
        information_schema,df_settings
        information_schema,parameters
        information_schema,routines
        information_schema,schemata
        information_schema,tables
        information_schema,views
        public,dear
    "#]]
    .assert_eq(&shown(unit.sql_as(
        "user:carl",
        "SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2",
    )));
}

#[test]
fn nobody_reads_through_a_view_what_he_may_not() {
    let mut unit = with_views();
    let maker = "permit(principal in Role::\"maker\", action in [Action::\"Read\", Action::\"Manage\"], resource in Kind::\"view\");\
                 permit(principal in Role::\"maker\", action in Action::\"Read\", resource in Kind::\"sql\");\
                 permit(principal in Role::\"maker\", action == Action::\"resource.apply\", resource);";
    unit.apply(json!([
        manifest("Role", "maker", json!({"policies": maker})),
        manifest("User", "mia", json!({"roles": ["maker"]})),
    ]))
    .expect("applied");
    let refused = shown(unit.apply_as("user:mia", json!([view("peek", "SELECT * FROM orders")])));
    assert!(refused.contains("there is no table `orders`"), "{refused}");
    let mut owned = view("peep", "SELECT * FROM orders");
    owned["metadata"]["owner"] = json!("user:olga");
    let refused = shown(unit.apply_as("user:mia", json!([owned])));
    assert!(refused.contains("user:mia cannot make user:olga an owner"), "{refused}");
}

#[test]
fn the_catalogue_can_be_asked() {
    let unit = with_views();
    let tables = shown(unit.sql("SHOW TABLES"));
    for name in [
        "public,orders,",
        "public,orders_latest,",
        "answers,by_state,",
        "system,queries,",
        "system,audit,",
    ] {
        assert!(tables.contains(name), "{name} in {tables}");
    }
    let columns = shown(unit.sql("SHOW COLUMNS FROM orders"));
    assert!(columns.contains("price,\"Decimal128(12, 2)\","), "{columns}");
    let described = shown(unit.sql("DESCRIBE orders"));
    assert!(described.contains("price"), "{described}");
    let explained = shown(unit.sql("EXPLAIN SELECT id FROM orders"));
    assert!(explained.contains("StreamingTableExec"), "{explained}");
    let analysed = shown(unit.sql("EXPLAIN ANALYZE SELECT id FROM orders"));
    assert!(analysed.contains("StreamingTableExec"), "{analysed}");
}

#[test]
fn now_is_the_business_time_of_the_query() {
    let unit = with_views();
    expect![[r#"
        a,b,c,d
        2017-07-14T02:40:00Z,2017-07-14T02:40:00Z,2017-07-14,true
    "#]]
    .assert_eq(&shown(unit.sql(
        "SELECT now() AS a, business_now() AS b, current_date AS c, current_timestamp = now() AS d",
    )));
}

#[test]
fn relations_of_engines_are_read_lazily() {
    let unit = with_views();
    let sql = "SELECT kind, name FROM system.resources WHERE kind = 'view' ORDER BY name";
    assert_eq!(shown(unit.sql(sql)), "kind,name\nview,by_state\nview,dear\n");
    assert_eq!(shown(unit.sql("SELECT count(*) AS n FROM system.queries")), "n\n1\n");
    assert_eq!(
        shown(unit.sql_as("user:carl", "SELECT count(*) AS n FROM system.queries"))
            .split(']')
            .next(),
        Some("[sql.invalid")
    );
}
