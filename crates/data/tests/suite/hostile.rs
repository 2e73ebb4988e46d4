//! SQL that is wrong, hostile, too big or too slow: refused or ended with a clear code, and the unit goes on.

use crate::support::{Unit, call, orders, shown, unit, unit_with};
use data::Config;
use serde_json::json;
use std::sync::mpsc::channel;

fn with_orders(config: Config) -> Unit {
    let mut unit = unit_with(config);
    unit.apply(json!([orders()])).expect("applied");
    unit.append("orders", "{\"id\":\"a\",\"price\":1}").expect("appended");
    unit
}

fn code(unit: &Unit, sql: &str) -> String {
    unit.sql(sql).map_or_else(|problem| problem.code, |_| "ok".into())
}

#[test]
fn only_questions_are_answered() {
    let unit = with_orders(Config::default());
    let before = unit.kernel.commit();
    for sql in [
        "CREATE TABLE t (a int)",
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE OR REPLACE VIEW orders AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'http://127.0.0.1/'",
        "CREATE FUNCTION f() RETURNS int RETURN 1",
        "CREATE DATABASE d",
        "CREATE SCHEMA s",
        "CREATE ROLE r",
        "CREATE INDEX i ON orders (id)",
        "DROP TABLE orders",
        "DROP VIEW orders",
        "DROP SCHEMA public CASCADE",
        "DROP FUNCTION now",
        "ALTER TABLE orders ADD COLUMN a int",
        "TRUNCATE TABLE orders",
        "INSERT INTO orders VALUES ('x')",
        "INSERT INTO orders SELECT * FROM orders",
        "INSERT OVERWRITE orders SELECT * FROM orders",
        "UPDATE orders SET price = 0",
        "DELETE FROM orders",
        "MERGE INTO orders USING orders o ON true WHEN MATCHED THEN DELETE",
        "COPY orders TO '/tmp/out.csv'",
        "COPY (SELECT * FROM orders) TO '/tmp/out.parquet' STORED AS PARQUET",
        "COPY orders FROM '/etc/passwd'",
        "SET datafusion.execution.batch_size = 1",
        "SET TIME ZONE 'UTC'",
        "RESET datafusion.execution.batch_size",
        "SHOW ALL",
        "SHOW datafusion.execution.batch_size",
        "SHOW CREATE TABLE orders",
        "SHOW FUNCTIONS",
        "BEGIN",
        "START TRANSACTION",
        "COMMIT",
        "ROLLBACK",
        "GRANT ALL ON orders TO public",
        "REVOKE ALL ON orders FROM public",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "DEALLOCATE p",
        "EXPLAIN INSERT INTO orders VALUES ('x')",
        "EXPLAIN ANALYZE DELETE FROM orders",
        "EXPLAIN COPY orders TO '/tmp/out.csv'",
        "EXPLAIN EXPLAIN DROP TABLE orders",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE orders",
        "SELECT 1;;",
        "SELECT * INTO t FROM orders",
        "SELECT * FROM orders FOR UPDATE",
        "WITH t AS (INSERT INTO orders VALUES ('x') RETURNING *) SELECT * FROM t",
        "WITH t AS (DELETE FROM orders RETURNING *) SELECT * FROM t",
        "WITH t AS (SELECT 1) INSERT INTO orders SELECT * FROM t",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/etc/passwd')",
        "SELECT * FROM TABLE(read_parquet('/etc/passwd'))",
        "LOAD DATA INPATH '/etc/passwd' INTO TABLE orders",
        "ATTACH DATABASE '/tmp/x.db' AS x",
        "PRAGMA table_info(orders)",
        "VACUUM",
        "ANALYZE TABLE orders",
        "CALL f()",
        "KILL 1",
        "USE information_schema",
        "UNLOAD (SELECT 1) TO '/tmp/x'",
        "INSTALL httpfs",
        "LOCK TABLES orders WRITE",
        "DECLARE c CURSOR FOR SELECT 1",
        "COMMENT ON TABLE orders IS 'x'",
    ] {
        let code = code(&unit, sql);
        let is_refused = match sql {
            "SELECT 1;;" => code == "ok" || code == "sql.invalid",
            // These are no statements to the parser at all.
            _ => code == "sql.not_allowed" || code == "sql.invalid",
        };
        assert!(is_refused, "{sql}: {code}");
    }
    assert_eq!(unit.kernel.commit(), before);
    assert_eq!(shown(unit.sql("SELECT count(*) AS n FROM orders")), "n\n1\n");
}

#[test]
fn files_and_the_network_are_out_of_reach() {
    let unit = with_orders(Config::default());
    for sql in [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM \"/etc/passwd.csv\"",
        "SELECT * FROM 'https://127.0.0.1/x.parquet'",
        "SELECT * FROM 'file:///etc/passwd'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT load_extension('x')",
        "SELECT system('id')",
        "SELECT pg_sleep(100)",
    ] {
        let code = code(&unit, sql);
        assert!(code == "sql.invalid" || code == "sql.not_allowed", "{sql}: {code}");
    }
}

#[test]
fn what_is_wrong_is_shown_where_it_is() {
    let unit = with_orders(Config::default());
    for (sql, expected) in [
        (
            "SELEC 1",
            "[sql.invalid] at 1:1 a statement cannot begin with `SELEC` (begin with SELECT)",
        ),
        ("", "[sql.invalid] there is no statement"),
        ("-- nothing", "[sql.invalid] there is no statement"),
        (
            "SELECT *\nFROM ordres",
            "[sql.invalid] at 2:6 there is no table `ordres` (did you mean `orders`?)",
        ),
        (
            "SELECT *\nFROM orders\nWHERE prize = 1",
            "[sql.invalid] at 3:7 there is no column `prize` (did you mean `price`?)",
        ),
        ("SELECT 'open", "[sql.invalid] at 1:8 Unterminated string literal"),
        (
            "SELECT * FROM by_state",
            "[sql.invalid] at 1:15 there is no table `by_state` (SHOW TABLES lists them)",
        ),
        (
            "SELECT * FROM resources",
            "[sql.invalid] at 1:15 there is no table `resources` (did you mean `system.resources`?)",
        ),
    ] {
        assert_eq!(shown(unit.sql(sql)), expected, "{sql}");
    }
    for sql in [
        "SELECT 1 / 0",
        "SELECT cast('x' AS int)",
        "SELECT nosuch(1)",
        "SELECT sum(id) FROM orders",
        "SELECT id, count(*) FROM orders",
        "SELECT a.id FROM orders",
        "SELECT * FROM orders, orders",
        "SELECT price + id FROM orders",
        "SELECT id FROM orders UNION SELECT 1, 2",
        "SELECT id FROM orders LIMIT -1",
        "SELECT (SELECT id FROM orders UNION ALL SELECT 'b')",
        "SELECT \u{0} FROM orders",
        "WITH RECURSIVE t AS (SELECT 1) SELECT * FROM nowhere",
        "SELECT cast(9999999999999999999999999999999999999999 AS decimal(38,0)) * 10",
    ] {
        let code = code(&unit, sql);
        assert!(code == "sql.invalid", "{sql}: {}", shown(unit.sql(sql)));
    }
}

/// WITH parts that each name the one before twice.
fn doubling(first: &str, part: &str, last: &str) -> String {
    let parts =
        (1..40).map(|n| format!(", t{n} AS ({})", part.replace("{}", &format!("t{}", n - 1))));
    format!("{first}{} {last}", parts.collect::<String>())
}

#[test]
fn deep_and_long_statements_are_refused_before_they_hurt() {
    let unit = with_orders(Config::default());
    let deep = |open: &str, close: &str, n: usize| {
        format!("SELECT {}1{}", open.repeat(n), close.repeat(n))
    };
    for (what, sql) in [
        ("brackets", deep("(", ")", 100_000)),
        ("open brackets", format!("SELECT {}", "(".repeat(100_000))),
        ("lists", deep("[", "]", 100_000)),
        ("braces", deep("{", "}", 100_000)),
        ("functions", deep("abs(", ")", 20_000)),
        ("subqueries", deep("(SELECT ", ")", 5_000)),
        ("nots", format!("SELECT {} true", "NOT ".repeat(15_000))),
        ("minuses", format!("SELECT {}1", "- ".repeat(15_000))),
        (
            "cases",
            format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(3_000), " END".repeat(3_000)),
        ),
        ("sum", format!("SELECT 1{}", "+1".repeat(100_000))),
        ("or", format!("SELECT * FROM orders WHERE id = 'a'{}", " OR id = 'a'".repeat(20_000))),
        ("text", format!("SELECT '{}'", "x".repeat(300_000))),
        ("unions", format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(3_000))),
        (
            "joins",
            format!(
                "SELECT 1 FROM orders a{}",
                (0..3_000).map(|n| format!(" CROSS JOIN orders o{n}")).collect::<String>()
            ),
        ),
        ("chain", format!("SELECT 1{}", "+1".repeat(1_000))),
        (
            "doubling",
            doubling(
                "WITH t0 AS (SELECT n FROM orders)",
                "SELECT a.n FROM {} a CROSS JOIN {} b",
                "SELECT n FROM t39",
            ),
        ),
        (
            "doubling subqueries",
            doubling(
                "WITH t0 AS (SELECT n FROM orders)",
                "SELECT n FROM {} WHERE n IN (SELECT n FROM {})",
                "SELECT n FROM t39",
            ),
        ),
        ("explains", format!("{} SELECT 1", "EXPLAIN ".repeat(5_000))),
    ] {
        let code = code(&unit, &sql);
        assert!(code == "sql.invalid" || code == "sql.exhausted", "{what}: {code}");
    }
    // Up to the limits it works.
    for (what, sql) in [
        ("sum", format!("SELECT 1{}", "+1".repeat(250))),
        ("in", format!("SELECT count(*) FROM orders WHERE n IN (0{})", ",1".repeat(4_000))),
        ("or", format!("SELECT count(*) FROM orders WHERE id = 'a'{}", " OR id = 'b'".repeat(250))),
        ("unions", format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(90))),
        ("brackets", deep("(", ")", 30)),
    ] {
        assert_eq!(code(&unit, &sql), "ok", "{what}");
    }
}

#[test]
fn a_query_ends_at_its_limits() {
    let unit = with_orders(Config {
        query_ms_max: 4_000,
        query_bytes_max: 16 << 20,
        result_rows_max: 1_000,
        value_bytes_max: 1 << 20,
        spill_bytes_max: 4 << 20,
        ..Config::default()
    });
    let doubling: String =
        (1..40).map(|n| format!(", t{n} AS (SELECT s || s AS s FROM t{})", n - 1)).collect();
    let concats: String =
        (1..40).map(|n| format!(", t{n} AS (SELECT concat(s, s) AS s FROM t{})", n - 1)).collect();
    let lists: String = (1..40)
        .map(|n| format!(", t{n} AS (SELECT array_concat(s, s) AS s FROM t{})", n - 1))
        .collect();
    let long = "x".repeat(100_000);
    for (expected, sql) in [
        ("sql.timeout", "SELECT count(*) FROM generate_series(1, 1000000) a CROSS JOIN generate_series(1, 1000000) b".to_owned()),
        ("sql.timeout", "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t".to_owned()),
        ("sql.exhausted", "SELECT value FROM generate_series(1, 100000)".to_owned()),
        // Groups and orders that exceed the memory of a query go to the disk, as far as it may take there.
        ("sql.exhausted", "SELECT count(*) FROM (SELECT count(*) FROM generate_series(1, 100000000) GROUP BY value * 7919 % 1000000007)".to_owned()),
        ("sql.exhausted", "SELECT value FROM generate_series(1, 100000000) ORDER BY value DESC".to_owned()),
        ("sql.exhausted", "SELECT a.value FROM generate_series(1, 10000000) a JOIN generate_series(1, 10000000) b ON a.value = b.value".to_owned()),
        ("sql.exhausted", format!("WITH t0 AS (SELECT id AS s FROM orders){doubling} SELECT length(s) FROM t39")),
        ("sql.exhausted", format!("WITH t0 AS (SELECT 'abc' AS s){doubling} SELECT length(s) FROM t39")),
        ("sql.exhausted", format!("WITH t0 AS (SELECT id AS s FROM orders){concats} SELECT length(s) FROM t39")),
        ("sql.exhausted", format!("WITH t0 AS (SELECT make_array(id) AS s FROM orders){lists} SELECT array_length(s) FROM t39")),
        ("sql.exhausted", format!("SELECT length(replace('{long}', 'x', '{long}'))")),
        ("sql.invalid", "SELECT repeat('x', 2000000000)".to_owned()),
        ("sql.invalid", "SELECT lpad('x', 2000000000)".to_owned()),
        ("sql.invalid", "SELECT range(1, 10000000000)".to_owned()),
        ("sql.invalid", "SELECT array_repeat(1, 10000000000)".to_owned()),
    ] {
        let began = unit.kernel.clock().monotonic();
        let code = code(&unit, &sql);
        let took = unit.kernel.clock().monotonic() - began;
        assert_eq!(code, expected, "{}", sql.chars().take(120).collect::<String>());
        assert!(took.as_millis() < 5_000, "{took:?} {}", sql.chars().take(120).collect::<String>());
    }
    let limited = call("user:olga", "sql.query", ("sql", ""))
        .with(json!({"sql": "SELECT value FROM generate_series(1, 11)", "limits": {"rows": 10}}));
    assert_eq!(
        shown(unit.read(&limited)),
        "[sql.exhausted] the query exceeds 10 rows of result (filter or group more, or add a LIMIT)"
    );
    let export = |format: &str, rows: u32| {
        let sql = "SELECT value FROM generate_series(1, 5000)";
        let args = json!({"sql": sql, "format": format, "limits": {"rows": rows}});
        let answer = unit.read(&call("user:olga", "sql.query", ("sql", "")).with(args));
        answer.map_or_else(|problem| problem.code, |text| text.lines().count().to_string())
    };
    assert_eq!(export("ndjson", 5_000), "5000", "what is written row by row may be long");
    assert_eq!(export("ndjson", 4_999), "sql.exhausted");
    assert_eq!(export("ndjson", 1_000), "sql.exhausted");
    assert_eq!(export("json", 5_000), "sql.exhausted", "what stands in memory may not");
    assert_eq!(code(&unit, "SELECT count(*) FROM orders"), "ok", "the unit goes on");
    assert_eq!(
        shown(unit.sql("SELECT count(*) AS n FROM system.queries")),
        "n\n1\n",
        "nothing is left behind"
    );
}

#[test]
fn a_running_query_is_listed_and_ended() {
    let unit = unit();
    let kernel = std::sync::Arc::clone(&unit.kernel);
    let (send, receive) = channel();
    let slow = std::thread::spawn(move || {
        let sql = "SELECT count(*) FROM generate_series(1, 1000000) a CROSS JOIN generate_series(1, 1000000) b";
        let call = call("user:ann", "sql.query", ("sql", "")).with(json!({"sql": sql}));
        send.send(()).expect("heard");
        kernel.read(&call).map(|_| ()).map_err(|problem| problem.code)
    });
    receive.recv().expect("started");
    let list = call("user:olga", "sql.list", ("sql", ""));
    let mut running = serde_json::Value::Null;
    while running["id"].is_null() {
        let listed: serde_json::Value =
            serde_json::from_str(&shown(unit.read(&list))).expect("JSON");
        running = listed["items"][0].clone();
        std::thread::yield_now();
    }
    assert_eq!(running["principal"], "user:ann");
    let cancel = |who: &str, id: &serde_json::Value| {
        shown(unit.read(&call(who, "sql.cancel", ("sql", "")).with(json!({"id": id}))))
    };
    assert_eq!(cancel("user:ann", &running["id"]).split(']').next(), Some("[policy.forbidden"));
    assert_eq!(cancel("user:olga", &running["id"]), "{}");
    assert_eq!(slow.join().expect("ended"), Err("sql.cancelled".into()));
    assert_eq!(
        cancel("user:olga", &json!("q99")),
        "[sql.not_found] there is no running query `q99` (`craton ps` shows what runs)"
    );
}
