//! The SQL of PostgreSQL's clients: their dialect, parameters, descriptions, and the catalogue that they ask.

use crate::support::{Unit, call, orders, shown, unit, view};
use base::Problem;
use serde_json::{Value, json};

fn with_orders() -> Unit {
    let mut unit = unit();
    unit.apply(json!([orders(), view("revenue", "SELECT sum(price) AS total FROM orders")]))
        .expect("applied");
    let lines = "{\"id\":\"a\",\"price\":1.5,\"n\":1,\"state\":\"new\"}\n{\"id\":\"b\",\"price\":2,\"n\":2}";
    unit.append("orders", lines).expect("appended");
    unit
}

fn ask(unit: &Unit, who: &str, sql: &str, parameters: Value) -> Result<String, Problem> {
    let args =
        json!({"sql": sql, "format": "csv", "dialect": "postgres", "parameters": parameters});
    let text = unit.read(&call(who, "sql.query", ("sql", "")).with(args))?;
    // Without the names of the columns, a row after another.
    Ok(text.replace("\r\n", "\n").trim_end().split('\n').skip(1).collect::<Vec<_>>().join(" "))
}

fn expect(unit: &Unit, sql: &str, rows: &str) {
    assert_eq!(shown(ask(unit, "user:olga", sql, json!([]))), rows, "{sql}");
}

fn described(unit: &Unit, sql: &str, types: Value) -> Result<String, Problem> {
    let args = json!({"sql": sql, "dialect": "postgres", "types": types});
    let text = unit.read(&call("user:olga", "sql.describe", ("sql", "")).with(args))?;
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let columns = value["columns"].as_array().expect("columns").iter();
    let columns = columns.map(|column| {
        let text = |name: &str| column[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("name"), text("type"))
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    Ok(format!("{} {} -> {columns}", value["kind"].as_str().expect("a kind"), value["parameters"]))
}

#[test]
fn the_dialect_is_that_of_postgresql() {
    let unit = with_orders();
    expect(&unit, "SELECT n::int8 FROM orders ORDER BY n", "1 2");
    expect(&unit, "SELECT id FROM public.orders WHERE state ~* '^NEW'", "a");
    expect(&unit, "SELECT id FROM \"orders\" WHERE state IS NOT DISTINCT FROM 'new'", "a");
    expect(&unit, "SELECT count(*), count(state) FROM orders", "2,1");
    expect(&unit, "SELECT sum(price) FROM orders WHERE n = ANY(ARRAY[1, 2])", "3.50");
    expect(&unit, "SELECT id FROM orders ORDER BY id OFFSET 1 FETCH FIRST 1 ROWS ONLY", "b");
    expect(&unit, "SELECT 'it''s' || ' fine'", "it's fine");
    for sql in ["INSERT INTO orders VALUES ('x')", "SET a = 1", "COPY orders TO '/tmp/out'"] {
        let problem = ask(&unit, "user:olga", sql, json!([])).expect_err("refused");
        assert!(["sql.not_allowed", "sql.invalid"].contains(&problem.code.as_str()), "{sql}");
    }
}

#[test]
fn parameters_are_bound_and_never_text() {
    let unit = with_orders();
    let ask = |sql: &str, parameters: Value| shown(ask(&unit, "user:olga", sql, parameters));
    assert_eq!(ask("SELECT id FROM orders WHERE n = $1", json!([2])), "b");
    assert_eq!(
        ask("SELECT id FROM orders WHERE n = $1", json!([{"type": "int8", "value": "2"}])),
        "b"
    );
    assert_eq!(ask("SELECT id FROM orders WHERE price > $1", json!([1.75])), "b");
    assert_eq!(ask("SELECT count(*) FROM orders WHERE id = $1", json!(["a' OR 'a' = 'a"])), "0");
    let list = json!([{"type": "_text", "value": ["a", "b"]}]);
    assert_eq!(ask("SELECT count(*) FROM orders WHERE id = ANY($1)", list), "2");
    let catalogue = "SELECT relname FROM pg_class WHERE relname = $1";
    assert_eq!(ask(catalogue, json!(["orders"])), "orders");
    assert_eq!(ask(catalogue, json!(["orders' OR true OR 'a' = '"])), "");
    assert!(ask("SELECT $2", json!([1])).contains("[sql.invalid]"));
    let wrong = ask("SELECT $1", json!([{"type": "int8", "value": "many"}]));
    assert!(wrong.starts_with("[sql.invalid]") && wrong.contains("$1"), "{wrong}");
    // As in the dialect of the unit itself.
    let args =
        json!({"sql": "SELECT id FROM orders WHERE n = $1", "parameters": [1], "format": "csv"});
    let own = unit.read(&call("user:olga", "sql.query", ("sql", "")).with(args));
    assert_eq!(shown(own), "id\r\na\r\n");
}

#[test]
fn a_statement_is_described_without_being_run() {
    let unit = with_orders();
    let text = |sql: &str| shown(described(&unit, sql, json!([])));
    assert_eq!(
        text("SELECT id, price, n, weight, at, notes FROM orders"),
        "query [] -> id text, price numeric, n int8, weight float8, at timestamptz, notes text"
    );
    assert_eq!(text("SELECT id FROM orders WHERE n = $1"), r#"query ["int8"] -> id text"#);
    assert_eq!(
        text("SELECT $1::float8 AS a, n > 1 AS b FROM orders"),
        r#"query ["float8"] -> a float8, b bool"#
    );
    assert_eq!(
        shown(described(&unit, "SELECT id FROM orders WHERE n > $1", json!(["numeric"]))),
        r#"query ["numeric"] -> id text"#
    );
    assert_eq!(
        text("SELECT oid, relname FROM pg_class WHERE relkind = 'r'"),
        "catalogue [] -> oid oid, relname name"
    );
    assert!(text("SELECT wrong FROM orders").starts_with("[sql.invalid] at 1:8"));
    assert!(text("DELETE FROM orders").starts_with("[sql."));
}

#[test]
fn the_catalogue_tells_of_relations_columns_and_keys() {
    let unit = with_orders();
    for (sql, rows) in [
        ("SELECT current_schema(), current_database(), current_user", "public,craton,olga"),
        ("SELECT pg_is_in_recovery()", "false"),
        (
            "SELECT c.relname, c.relkind, n.nspname, pg_get_userbyid(c.relowner) FROM pg_catalog.pg_class c \
             LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'public' AND pg_catalog.pg_table_is_visible(c.oid) \
             AND c.relname OPERATOR(pg_catalog.~) '^(orders|revenue)$' COLLATE pg_catalog.default ORDER BY 1",
            "orders,r,public,craton revenue,v,public,craton",
        ),
        (
            "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull \
             FROM pg_attribute a WHERE a.attrelid = 'orders'::regclass AND NOT a.attisdropped \
             AND a.attname IN ('id', 'price', 'at') AND a.attnum > 0 ORDER BY a.attname",
            "at,timestamp with time zone,false id,text,true price,\"numeric(12,2)\",false",
        ),
        ("SELECT count(*) FROM pg_class c WHERE c.reltuples > 0 OR c.relpages > 0", "0"),
        (
            "SELECT t.typname, ARRAY(SELECT e.typname FROM pg_type e WHERE e.oid = t.typelem) FROM pg_type t \
             WHERE t.oid = 1009",
            "_text,\"[\"\"text\"\"]\"",
        ),
        (
            "SELECT column_name, data_type FROM information_schema.columns \
             WHERE table_schema = 'public' AND table_name = 'orders' AND column_name LIKE 'pri%'",
            "price,numeric",
        ),
        (
            "WITH RECURSIVE up(oid, depth) AS (SELECT 1009::oid, 0 UNION ALL SELECT t.typelem, depth + 1 \
             FROM up JOIN pg_type t USING (oid) WHERE t.typelem <> 0) SELECT max(depth) FROM up",
            "1",
        ),
        (
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname = 'public'",
            "public",
        ),
    ] {
        expect(&unit, sql, rows);
    }
    let first = ask(&unit, "user:olga", "SELECT 'orders'::regclass::oid", json!([]));
    let again =
        ask(&unit, "user:olga", "SELECT oid FROM pg_class WHERE relname = 'orders'", json!([]));
    assert_eq!(shown(first), shown(again), "a relation keeps its number");
}

#[test]
fn the_catalogue_has_no_relation_that_the_caller_may_not_see() {
    let unit = with_orders();
    // carl reads views and no streams.
    let carl = |sql: &str| shown(ask(&unit, "user:carl", sql, json!([])));
    let names = "SELECT relname FROM pg_class WHERE relname IN ('orders', 'revenue')";
    assert_eq!(carl(names), "revenue");
    for sql in [
        "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attname = 'price'",
        "SELECT count(*) FROM information_schema.columns WHERE table_name = 'orders'",
        "SELECT count(*) FROM information_schema.tables WHERE table_name = 'orders'",
        "SELECT count(*) FROM pg_tables WHERE tablename = 'orders'",
        "SELECT count(*) FROM pg_roles WHERE rolname = 'olga'",
    ] {
        assert_eq!(carl(sql), "0", "{sql}");
    }
    assert!(carl("SELECT 'orders'::regclass").contains("orders"));
    assert!(carl("SELECT * FROM orders").starts_with('['));
    expect(&unit, "SELECT to_regclass('nothing')", "");
}

#[test]
fn a_question_about_the_catalogue_is_bounded() {
    let unit = with_orders();
    let sql = "SELECT count(*) FROM pg_type a, pg_type b, pg_type c, pg_type d, pg_type e";
    let problem = ask(&unit, "user:olga", sql, json!([])).expect_err("too much");
    assert_eq!(problem.code, "sql.exhausted");
    let sql =
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t, pg_am) SELECT n FROM t";
    let problem = ask(&unit, "user:olga", sql, json!([])).expect_err("it has no end");
    assert_eq!(problem.code, "sql.exhausted");
    let problem = ask(&unit, "user:olga", "SELECT * FROM pg_class, orders", json!([]));
    assert_eq!(problem.expect_err("not together").code, "sql.invalid");
}
