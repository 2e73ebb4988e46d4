//! Rows stay hidden: what a role does not show is in no result, count, error, plan or catalogue, whoever asks for it how.
//!
//! Two looks. Everything that can be read, by roles that see different parts, is searched for marks that stand in hidden
//! rows and masked columns only. And hostile statements must answer in a unit with hidden rows exactly as they do in a twin
//! in which these rows never were: what cannot be told apart tells nothing.

use crate::support::{Unit, call, manifest, shown, unit, view};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A text that stands in hidden rows and masked columns only.
const MARK: &str = "XMARKX";
/// A number of which the same holds.
const NUMBER: i64 = 987_654_321;
/// How many rows are shown, and how many are hidden.
const SHOWN: usize = 7;
const HIDDEN: usize = 4_099;

/// Whether a unit has rows that are hidden, or is the twin without them.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Marked,
    Twin,
}

fn sales() -> Value {
    manifest(
        "Stream",
        "sales",
        json!({"schema": [
            {"name": "id", "type": "text", "required": true},
            {"name": "region", "type": "text"},
            {"name": "seller", "type": "text"},
            {"name": "phone", "type": "text"},
            {"name": "amount", "type": "decimal(14,2)"},
            {"name": "n", "type": "int"},
            {"name": "weight", "type": "float"},
            {"name": "at", "type": "time"},
            {"name": "notes", "type": "json"},
            {"name": "items", "type": "list", "fields": [
                {"name": "sku", "type": "text"}, {"name": "price", "type": "decimal(14,2)"},
            ]},
        ], "key": ["id"], "time": "at"}),
    )
}

fn visits() -> Value {
    manifest(
        "Stream",
        "visits",
        json!({"schema": [
            {"name": "id", "type": "text"}, {"name": "region", "type": "text"},
            {"name": "page", "type": "text"}, {"name": "n", "type": "int"},
        ]}),
    )
}

/// A row that is shown. What the mask takes from it is marked in the one unit, and as the mask writes it in the other.
fn shown_row(side: Side, number: usize) -> String {
    let mut row = json!({
        "id": format!("v{number}"), "region": "north", "seller": format!("nora{}", number % 2),
        "phone": format!("{MARK} {MARK} 555{number}"), "amount": 10 * number, "n": number,
        "weight": 0.5, "at": format!("2020-01-0{}T00:00:00Z", number + 1),
        "notes": {"secret": MARK}, "items": [{"sku": format!("s{number}"), "price": 1}],
    });
    if side == Side::Twin {
        row["phone"] = json!(format!("****555{number}"));
        row.as_object_mut().expect("an object").remove("notes");
    }
    row.to_string()
}

fn hidden_row(number: usize) -> String {
    json!({
        "id": format!("{MARK}{number}"), "region": "south", "seller": MARK, "phone": MARK,
        "amount": NUMBER, "n": NUMBER, "weight": 987_654_321.5, "at": "1999-01-01T00:00:00Z",
        "notes": {"secret": MARK}, "items": [{"sku": MARK, "price": NUMBER}],
    })
    .to_string()
}

/// The rules by which every role of the test reads.
fn policies(role: &str) -> String {
    format!(
        "permit(principal in Role::\"{role}\", action in Action::\"Read\", resource) when {{ resource in \
         [Kind::\"sql\", Kind::\"stream\", Kind::\"table\", Kind::\"view\", Kind::\"relation\"] }};"
    )
}

fn role(name: &str, data: Value) -> Value {
    manifest("Role", name, json!({"policies": policies(name), "data": data}))
}

/// What the roles show: the rows of the north; those with masks; all rows with everything marked taken out.
fn roles(side: Side) -> Vec<Value> {
    let north = |relation: &str| json!({"relation": relation, "rows": "region = 'north'"});
    let with = |mut entry: Value, mask: Value| {
        entry["mask"] = mask;
        entry
    };
    let phone = json!({"phone": "last(4)"});
    let (cut, masked, bare) = match side {
        Side::Marked => (
            json!([
                with(north("sales"), json!({"phone": "last(4)", "notes": null})),
                with(north("everything"), phone),
                north("visits"),
            ]),
            json!([
                {"relation": "sales", "mask": {
                    "id": "substr(id, 1, 1)", "seller": null, "phone": null, "amount": null, "n": "0",
                    "weight": null, "notes": null, "items": null,
                }},
                {"relation": "everything", "rows": "false"},
                {"relation": "visits", "mask": {"id": null, "page": null, "n": null}},
            ]),
            json!([
                {"relation": "sales", "rows": "false"}, {"relation": "visits", "rows": "false"},
                {"relation": "everything", "rows": "false"},
            ]),
        ),
        Side::Twin => (json!([]), json!([]), json!([])),
    };
    vec![role("cut", cut), role("masked", masked), role("bare", bare)]
}

fn marked(side: Side) -> Unit {
    let mut unit = unit();
    let mut manifests = vec![
        sales(),
        visits(),
        view("northern", "SELECT id, seller, n FROM sales WHERE region = 'north'"),
        view("everything", "SELECT id, region, phone, n FROM sales"),
        manifest(
            "View",
            "by_region",
            json!({"schema": "answers", "sql":
                "SELECT region, count(*) AS sales, sum(n) AS n FROM northern_sales GROUP BY region"}),
        ),
        view("northern_sales", "SELECT region, n FROM sales WHERE region = 'north'"),
    ];
    manifests.extend(roles(side));
    for name in ["cut", "masked", "bare"] {
        manifests.push(manifest("User", name, json!({"roles": [name]})));
    }
    // He reads views, and nothing that they stand on.
    let only = "permit(principal in Role::\"only\", action in Action::\"Read\", resource) \
                when { resource in [Kind::\"sql\", Kind::\"view\"] };";
    let data = match side {
        Side::Marked => json!([{"relation": "everything", "rows": "false"}]),
        Side::Twin => json!([]),
    };
    manifests.push(manifest("Role", "only", json!({"policies": only, "data": data})));
    manifests.push(manifest("User", "only", json!({"roles": ["only"]})));
    unit.apply(Value::Array(manifests)).expect("applied");
    fill(&mut unit, side);
    unit
}

fn fill(unit: &mut Unit, side: Side) {
    let lines = |rows: Vec<String>| rows.join("\n");
    let visit = |number: usize, region: &str, page: &str, n: i64| {
        json!({"id": format!("w{number}"), "region": region, "page": page, "n": n}).to_string()
    };
    let shown_rows = (0..SHOWN).map(|number| shown_row(side, number)).collect();
    unit.append("sales", &lines(shown_rows)).expect("appended");
    let shown_visits =
        (0..SHOWN).map(|number| visit(number, "north", "/", number as i64)).collect();
    unit.append("visits", &lines(shown_visits)).expect("appended");
    if side == Side::Twin {
        return;
    }
    unit.append("sales", &lines((0..HIDDEN).map(hidden_row).collect())).expect("appended");
    let hidden = (0..HIDDEN).map(|_| visit(0, "south", MARK, NUMBER)).collect();
    unit.append("visits", &lines(hidden)).expect("appended");
    for stream in ["sales", "visits"] {
        let mut call = call("user:olga", "stream.append", ("stream", stream));
        call.args =
            json!({"rows": [{"id": 7, "region": MARK, "wrong": MARK}], "on_error": "set_aside"});
        unit.call(call).expect("appended");
    }
}

/// What of hidden rows stands in a text: the mark, the number, or how many they are.
fn found(text: &str, counts: bool) -> Option<String> {
    if text.contains(MARK) {
        return Some(MARK.into());
    }
    let numbers: BTreeSet<&str> = text.split(|letter: char| !letter.is_ascii_digit()).collect();
    let all = (SHOWN + HIDDEN).to_string();
    let mut told = vec![NUMBER.to_string()];
    if counts {
        told.extend([HIDDEN.to_string(), all]);
    }
    told.into_iter().find(|number| numbers.contains(number.as_str()))
}

/// What can be asked of any relation.
const QUESTIONS: [&str; 14] = [
    "SELECT * FROM {}",
    "SELECT count(*) AS n FROM {}",
    "SELECT * FROM {} ORDER BY 1 DESC LIMIT 3",
    "SELECT sum(1) AS a, count(1) AS b, count(DISTINCT 1) AS c FROM {} HAVING 0 < count(*)",
    "SELECT a.*, b.* FROM {} a CROSS JOIN {} b LIMIT 50",
    "SELECT *, row_number() OVER () AS r, count(*) OVER () AS c FROM {}",
    "SELECT * FROM {} UNION ALL SELECT * FROM {}",
    "SELECT count(*) AS n FROM {} WHERE true OR 1 / 0 = 1",
    "EXPLAIN SELECT * FROM {}",
    "EXPLAIN VERBOSE SELECT count(*) AS n FROM {}",
    "EXPLAIN FORMAT TREE SELECT * FROM {}",
    "EXPLAIN ANALYZE SELECT * FROM {}",
    "DESCRIBE {}",
    "SHOW COLUMNS FROM {}",
];

#[test]
fn nothing_that_can_be_read_shows_what_is_hidden() {
    let unit = marked(Side::Marked);
    let tables = "SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2";
    let relations: Vec<String> = shown(unit.sql(tables))
        .lines()
        .skip(1)
        .filter(|line| !line.starts_with("information_schema"))
        .map(|line| line.replace(',', "."))
        .collect();
    assert!(relations.contains(&"public.sales_set_aside".into()), "{relations:?}");
    assert!(14 <= relations.len(), "{relations:?}");
    // The control: who sees all of it finds the marks.
    for relation in ["sales", "sales_latest", "sales_set_aside", "visits", "everything"] {
        let all = shown(unit.sql(&format!("SELECT * FROM {relation}")));
        assert_eq!(found(&all, false).as_deref(), Some(MARK), "{relation}");
    }
    let count = shown(unit.sql("SELECT count(*) AS n FROM sales"));
    assert_eq!(found(&count, true), Some((SHOWN + HIDDEN).to_string()));
    for who in ["cut", "masked", "bare", "only"] {
        // All rows are shown to `masked`, so how many there are is no secret to it.
        let counts = who != "masked";
        for relation in &relations {
            for question in QUESTIONS {
                let sql = question.replace("{}", relation);
                let answer = shown(unit.sql_as(&format!("user:{who}"), &sql));
                assert_eq!(found(&answer, counts), None, "{who}: {sql}: {answer:.2000}");
            }
        }
        for name in ["tables", "columns", "views", "schemata", "df_settings", "routines"] {
            let sql = format!("SELECT * FROM information_schema.{name}");
            let answer = shown(unit.sql_as(&format!("user:{who}"), &sql));
            assert_eq!(found(&answer, counts), None, "{who}: {sql}");
        }
    }
}

#[test]
fn no_operation_that_reads_shows_what_is_hidden() {
    let unit = marked(Side::Marked);
    let resources = [
        ("stream", "sales"),
        ("stream", "visits"),
        ("table", "sales_latest"),
        ("view", "northern"),
        ("view", "everything"),
        ("view", "by_region"),
        ("relation", "system.streams"),
        ("relation", "system.queries"),
        ("relation", "system.resources"),
        ("relation", "system.audit"),
        ("relation", "system.meters"),
        ("resource", ""),
        ("stream", ""),
        ("view", ""),
        ("sql", ""),
        ("clock", ""),
        ("policy", ""),
        ("unit", ""),
    ];
    let operations: Vec<&str> = unit
        .kernel
        .operations()
        .filter(|operation| operation.right.as_str() == "Read")
        .map(|operation| operation.name)
        .collect();
    for wanted in
        ["stream.read", "table.read", "view.read", "relation.read", "sql.query", "sql.list"]
    {
        assert!(operations.contains(&wanted), "{operations:?}");
    }
    for who in ["cut", "masked", "bare", "only"] {
        // What the unit counts holds any digits; it is looked at apart.
        for operation in operations.iter().filter(|name| **name != "unit.metrics") {
            for on in resources {
                for format in ["json", "ndjson", "table", "csv"] {
                    let args = match *operation {
                        "sql.query" => json!({"sql": "SELECT * FROM sales", "format": format}),
                        _ if format == "json" => json!({}),
                        _ => continue,
                    };
                    let call = call(&format!("user:{who}"), operation, on).with(args);
                    let answer = shown(unit.read(&call));
                    let found = found(&answer, who != "masked");
                    assert_eq!(found, None, "{who} {operation} {on:?}: {answer:.2000}");
                }
            }
        }
    }
    for (who, is_told) in [("cut", false), ("olga", true)] {
        let metrics = call(&format!("user:{who}"), "unit.metrics", ("unit", ""));
        let told = shown(unit.read(&metrics)).contains("{stream=\"sales\"}");
        assert_eq!(told, is_told, "{who}");
    }
    // The control again: the same operation for who sees all of it.
    let read = call("user:olga", "table.read", ("table", "sales_latest"));
    assert_eq!(found(&shown(unit.read(&read)), false).as_deref(), Some(MARK));
}

/// Statements that try to learn of rows that they do not get. `{M}` is the number of the hidden rows and `{X}` their text,
/// written so that an answer which repeats the question does not have them.
const HOSTILE: [&str; 66] = [
    // Errors that tell whether there is such a row.
    "SELECT 1 / (n - {M}) AS x FROM sales",
    "SELECT id FROM sales WHERE 1 / (n - {M}) >= 0",
    "SELECT id FROM sales WHERE n < 3 AND 1 / (n - {M}) >= 0",
    "SELECT id FROM sales WHERE 1 / (n - {M}) >= 0 OR n < 3",
    "SELECT count(*) AS c FROM sales WHERE 10 % (n - {M}) <> 99",
    "SELECT id FROM sales ORDER BY 1 / (n - {M}), id LIMIT 2",
    "SELECT count(*) AS c FROM sales GROUP BY 1 / (n - {M})",
    "SELECT sum(1 / (n - {M})) AS s FROM sales HAVING count(*) > 0",
    "SELECT CASE WHEN seller = {X} THEN 1 / (n - n) ELSE n END AS x FROM sales",
    "SELECT CASE WHEN region = 'south' THEN 1 / (n - n) ELSE 0 END AS x FROM sales_latest",
    "SELECT cast(substr(phone, 5) AS bigint) AS x FROM sales",
    "SELECT id FROM sales WHERE cast(substr(phone, 5) AS bigint) > 0",
    "SELECT id FROM sales WHERE cast(substr(id, 2) AS int) < 3",
    "SELECT id FROM sales WHERE cast(seller AS int) = 1",
    "SELECT to_timestamp(id) AS t FROM sales",
    "SELECT id FROM sales WHERE n * 9223372036854775807 / 9223372036854775807 = n",
    "SELECT cast(n AS smallint) AS x FROM sales",
    "SELECT cast(amount AS decimal(5,2)) AS x FROM sales",
    "SELECT sqrt(-n) AS x FROM sales",
    "SELECT id FROM sales WHERE weight / 0 > 1",
    "SELECT id FROM sales WHERE id ~ seller AND seller ~ '('",
    "SELECT json_text(notes, 'secret') AS x FROM sales",
    "SELECT id FROM sales WHERE json_number(notes, 'secret') IS NULL",
    // Counts, extremes, samples, windows.
    "SELECT count(*) AS c, count(phone) AS p, count(notes) AS t FROM sales",
    "SELECT min(n) AS a, max(n) AS b, sum(n) AS c, avg(n) AS d FROM sales",
    "SELECT min(id) AS a, max(id) AS b, max(phone) AS c, max(at) AS d, min(at) AS e FROM sales",
    "SELECT approx_distinct(id) AS a, approx_median(n) AS b, approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS c FROM sales",
    "SELECT stddev(n) AS a, var_pop(n) AS b, corr(n, weight) AS c FROM sales",
    "SELECT array_agg(phone ORDER BY id) AS a FROM sales",
    "SELECT string_agg(id, ',' ORDER BY id) AS a FROM sales",
    "SELECT first_value(id ORDER BY n DESC) AS a, last_value(id ORDER BY n) AS b FROM sales",
    "SELECT bit_or(n) AS a, bool_or(region = 'south') AS b FROM sales",
    "SELECT region, count(*) AS c FROM sales GROUP BY ROLLUP (region)",
    "SELECT region, seller, count(*) AS c FROM sales GROUP BY GROUPING SETS ((region), (seller), ())",
    "SELECT region FROM sales GROUP BY region HAVING count(*) > 7",
    "SELECT id, rank() OVER (ORDER BY n DESC) AS r, count(*) OVER () AS c FROM sales",
    "SELECT id, lag(id) OVER (ORDER BY n) AS a, lead(id) OVER (ORDER BY n) AS b FROM sales",
    "SELECT id, ntile(3) OVER (ORDER BY id) AS t, sum(n) OVER (PARTITION BY region) AS s FROM sales",
    "SELECT id FROM sales LIMIT 3",
    "SELECT id FROM sales ORDER BY id OFFSET 5",
    "SELECT id FROM sales ORDER BY n DESC LIMIT 1",
    "SELECT DISTINCT region, seller FROM sales",
    // Conditions on what is hidden or masked.
    "SELECT id FROM sales WHERE region = 'south'",
    "SELECT id FROM sales WHERE region <> 'north' OR region IS NULL",
    "SELECT id FROM sales WHERE phone LIKE '%' || {X} || '%'",
    "SELECT id FROM sales WHERE notes IS NOT NULL OR phone = {X}",
    "SELECT id FROM sales WHERE n = {M} OR n IN ({M}, 3)",
    "SELECT id FROM sales WHERE n BETWEEN {M} AND {M} + 1",
    "SELECT id, phone FROM sales WHERE phone > '****5553' ORDER BY phone",
    // Joins, subqueries, sets, recursion.
    "SELECT a.id FROM sales a JOIN sales b ON a.n = b.n - 1 ORDER BY a.id",
    "SELECT v.id, s.id AS sale FROM visits v LEFT JOIN sales s ON v.n = s.n",
    "SELECT s.id FROM sales s FULL JOIN visits v ON s.n = v.n WHERE v.id IS NULL OR s.id IS NULL",
    "SELECT id FROM sales s WHERE EXISTS (SELECT 1 FROM visits v WHERE v.n = s.n + 1)",
    "SELECT id FROM sales s WHERE n = (SELECT max(n) FROM sales t WHERE t.region = s.region)",
    "SELECT id FROM sales WHERE n NOT IN (SELECT n FROM visits WHERE 1 / (n - {M}) <= 0)",
    "SELECT id FROM sales UNION SELECT page FROM visits",
    "SELECT id FROM sales_latest EXCEPT SELECT id FROM sales WHERE n < 4",
    "SELECT id FROM sales INTERSECT SELECT id FROM sales_latest",
    "WITH RECURSIVE t AS (SELECT 0 AS k UNION ALL SELECT t.k + 1 FROM t JOIN sales s ON s.n = t.k WHERE t.k < 99) SELECT count(*) AS c, max(k) AS m FROM t",
    "SELECT s.id, x.sku FROM sales s CROSS JOIN LATERAL (SELECT s.id || 'x' AS sku) x",
    "SELECT unnest(items) AS item FROM sales",
    "SELECT arrow_typeof(phone) AS a, arrow_typeof(items) AS b FROM sales LIMIT 1",
    // Views: through one that is sealed, and through one that the role cuts.
    "SELECT id FROM northern WHERE 1 / (n - {M}) >= 0",
    "SELECT count(*) AS c, max(n) AS m FROM northern WHERE seller <> {X}",
    "SELECT region, sales, n FROM answers.by_region WHERE 1 / (n - {M}) <= 0",
    "SELECT id, phone FROM everything WHERE 1 / (n - {M}) >= 0 OR cast(substr(phone, 5) AS bigint) > 0",
];

/// Statements about the catalogue and about things that are not there.
const CATALOGUE: [&str; 12] = [
    "SELECT table_schema, table_name, table_type FROM information_schema.tables",
    "SELECT table_name, column_name, ordinal_position, data_type, is_nullable FROM information_schema.columns",
    "SELECT schema_name FROM information_schema.schemata",
    "SHOW TABLES",
    "DESCRIBE sales",
    "SELECT * FROM sales_set_aside",
    "SELECT count(*) AS c FROM visits_set_aside",
    "SELECT * FROM pg_class",
    "SELECT * FROM pg_catalog.pg_stats",
    "SELECT current_user AS u FROM sales",
    "SELECT nosuch FROM sales",
    "SELECT * FROM sale",
];

/// An answer without the order of its rows.
fn sorted(answer: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = answer.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn hostile_statements_answer_as_if_hidden_rows_had_never_been() {
    let (unit, twin) = (marked(Side::Marked), marked(Side::Twin));
    let mut answered = 0;
    for sql in HOSTILE.iter().chain(&CATALOGUE) {
        let sql = sql.replace("{M}", "(987654320 + 1)").replace("{X}", "('XMAR' || 'KX')");
        let answer = shown(unit.sql_as("user:cut", &sql));
        let expected = shown(twin.sql_as("user:cut", &sql));
        assert_eq!(sorted(&answer), sorted(&expected), "{sql}");
        answered += usize::from(!answer.starts_with('['));
    }
    // The test would say nothing if every statement were refused.
    assert!(50 <= answered, "{answered} of them are answered");
    for sql in [HOSTILE[0], HOSTILE[1], HOSTILE[10]] {
        let sql = sql.replace("{M}", "(987654320 + 1)");
        let failed = shown(unit.sql(&sql));
        assert!(failed.starts_with("[sql.invalid]"), "who sees all of it meets the row: {failed}");
    }
}

#[test]
fn statements_of_any_size_leave_the_limits_kept() {
    let unit = marked(Side::Marked);
    let doubled: String =
        (1..40).map(|n| format!(", t{n} AS (SELECT s || s AS s FROM t{})", n - 1)).collect();
    for (expected, sql) in [
        (
            "sql.exhausted",
            format!("WITH t0 AS (SELECT phone AS s FROM sales){doubled} SELECT length(s) FROM t39"),
        ),
        ("sql.invalid", "SELECT repeat(phone, 1000000000) FROM sales".to_owned()),
        (
            "sql.exhausted",
            "SELECT a.id FROM sales a CROSS JOIN sales b CROSS JOIN sales c CROSS JOIN sales d \
             CROSS JOIN sales e CROSS JOIN sales f CROSS JOIN sales g CROSS JOIN generate_series(1, 9) h"
                .to_owned(),
        ),
    ] {
        let problem = unit.sql_as("user:cut", &sql).expect_err("refused");
        assert_eq!(problem.code, expected, "{sql:.200}");
        assert_eq!(found(&problem.to_string(), true), None);
    }
    assert_eq!(shown(unit.sql_as("user:cut", "SELECT count(*) AS n FROM sales")), "n\n7\n");
}

#[test]
fn a_newer_row_that_is_hidden_takes_the_older_one_with_it() {
    let mut unit = marked(Side::Marked);
    let latest = "SELECT id FROM sales_latest WHERE id = 'v3'";
    assert_eq!(shown(unit.sql_as("user:cut", latest)), "id\nv3\n");
    unit.append("sales", r#"{"id":"v3","region":"south"}"#).expect("appended");
    assert_eq!(shown(unit.sql_as("user:cut", latest)), "id\n");
    assert_eq!(
        shown(unit.sql_as("user:cut", "SELECT id FROM sales WHERE id = 'v3'")),
        "id\nv3\n",
        "what was shown of the stream stays"
    );
}

#[test]
fn what_quality_rules_found_shows_no_hidden_row() {
    let mut unit = marked(Side::Marked);
    let rules = json!([
        {"name": "north", "check": "sql", "sql": "region = 'north'"},
        {"name": "small", "check": "range", "column": "n", "max": 100},
        {"name": "once", "check": "unique", "column": "phone"},
        {"name": "known", "check": "reference", "column": "region", "to": "northern_sales.region"},
        {"name": "cheap", "check": "sql", "sql": "SELECT seller, n FROM everything_sold WHERE 100 < n"},
    ]);
    unit.apply(json!([
        view("everything_sold", "SELECT seller, n FROM sales"),
        manifest("Quality", "of_sales", json!({"on": "stream/sales", "rules": rules})),
        // What it is for is shown as a whole; what one of its rules looks at is not.
        manifest("Stream", "open", json!({"schema": [{"name": "n", "type": "int"}]})),
        manifest("Quality", "of_open", json!({"on": "stream/open", "rules": [
            {"name": "elsewhere", "check": "sql", "sql": "SELECT seller, n FROM sales WHERE 100 < n"},
        ]})),
        manifest("Quality", "harmless", json!({"on": "stream/open", "rules": [
            {"name": "small", "check": "range", "column": "n", "max": 3},
        ]})),
    ]))
    .expect("applied");
    unit.append("open", "{\"n\": 4}").expect("appended");
    unit.append("sales", &hidden_row(HIDDEN + 1)).expect("appended");
    for name in ["of_sales", "of_open"] {
        unit.call(call("user:olga", "quality.run", ("quality", name))).expect("asked");
    }
    unit.settle();
    let all = "SELECT * FROM system.quality ORDER BY quality, rule";
    let reader = "permit(principal in Role::\"judge\", action in Action::\"Read\", resource) when \
                  { resource in [Kind::\"quality\", Kind::\"sql\", Kind::\"relation\"] };";
    let mut manifests = vec![manifest("Role", "judge", json!({"policies": reader}))];
    for name in ["cut", "masked", "bare", "only"] {
        manifests.push(manifest("User", name, json!({"roles": [name, "judge"]})));
    }
    unit.apply(json!(manifests)).expect("applied");
    let told = shown(unit.sql(all));
    assert_eq!(found(&told, false).as_deref(), Some(MARK), "the control: {told}");
    for who in ["cut", "masked", "bare", "only"] {
        let who = format!("user:{who}");
        let mut answers = vec![shown(unit.sql_as(&who, all))];
        answers.push(shown(unit.read(&call(&who, "quality.list", ("quality", "")))));
        for name in ["of_sales", "of_open", "harmless"] {
            answers.push(shown(unit.read(&call(&who, "quality.get", ("quality", name)))));
        }
        for answer in &answers {
            assert!(!answer.starts_with('['), "{who}: it is answered: {answer}");
            let counts = [HIDDEN, HIDDEN + 1, HIDDEN + SHOWN, HIDDEN + SHOWN + 1];
            let numbers = answer.split(|letter: char| !letter.is_ascii_digit());
            let numbers: BTreeSet<&str> = numbers.collect();
            let count = counts.iter().find(|count| numbers.contains(count.to_string().as_str()));
            assert_eq!((found(answer, true), count), (None, None), "{who}: {answer}");
        }
        let rows = "SELECT rule, checked, failed, reason FROM system.quality WHERE quality <> 'of_sales' ORDER BY rule";
        let open =
            if who == "user:only" { "small,,," } else { "small,1,1,`n` is not above 3 (n = 4)" };
        let said = shown(unit.sql_as(&who, rows));
        let lines: Vec<&str> = said.lines().skip(1).collect();
        assert_eq!(lines.first(), Some(&"elsewhere,,,"), "{who}: {said}");
        assert!(
            lines.get(1).is_some_and(|line| line.split(',').take(3).eq(open.split(',').take(3))),
            "{who}: {said}"
        );
    }
}

#[test]
fn why_a_view_could_not_be_renewed_shows_no_hidden_row() {
    let mut unit = marked(Side::Marked);
    let spec = json!({"sql": "SELECT cast(seller AS int) AS n FROM sales", "materialized": {"every": "PT1H"}});
    unit.apply(json!([manifest("View", "failing", spec)])).expect("applied");
    let (_, troubles) = unit.round();
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    let problem = "SELECT problem FROM system.views WHERE name = 'failing'";
    let told = shown(unit.sql(problem));
    assert!(
        told.contains("sql.invalid: ") && (told.contains("nora") || told.contains(MARK)),
        "the control: {told}"
    );
    for who in ["cut", "masked", "bare"] {
        assert_eq!(shown(unit.sql_as(&format!("user:{who}"), problem)), "problem\n\n", "{who}");
    }
}

#[test]
fn values_of_kpis_are_hidden_from_who_sees_a_part_of_what_they_come_from() {
    let mut unit = marked(Side::Marked);
    let metric = json!({"from": "sales", "formula": "sum(n)", "time": "at", "grain": "year", "dimensions": ["seller"]});
    let kpi = json!({"metric": "sold", "target": 1, "direction": "at_least", "owner": "user:olga"});
    let reads = |role: &str, kinds: &str| {
        let policy = format!(
            "permit(principal in Role::\"{role}\", action in Action::\"Read\", resource) when {{ resource in [{kinds}] }};"
        );
        (role.to_owned(), policy)
    };
    let (of_kpis, kpis) = reads("kpis", "Kind::\"kpi\", Kind::\"sql\", Kind::\"relation\"");
    let (of_metrics, metrics) = reads("metrics", "Kind::\"metric\"");
    let cut = json!([{"relation": "metrics.sold", "rows": "seller = 'nora1'"}]);
    unit.apply(json!([
        manifest("Metric", "sold", metric),
        manifest("Kpi", "sold", kpi),
        manifest("Role", &of_kpis, json!({"policies": kpis})),
        manifest("Role", &of_metrics, json!({"policies": metrics})),
        manifest(
            "Role",
            "fewer",
            json!({"policies": reads("fewer", "Kind::\"metric\"").1, "data": cut})
        ),
        // He sees a part of the rows, and no metric.
        manifest("User", "cut", json!({"roles": ["cut", "kpis"]})),
        // He sees a part of the rows, and all of the metric.
        manifest("User", "masked", json!({"roles": ["masked", "kpis", "metrics"]})),
        // He sees a part of the metric, and no rows.
        manifest("User", "bare", json!({"roles": ["kpis", "fewer"]})),
        // He sees neither rows nor metrics: whoever made him see KPIs meant their values.
        manifest("User", "only", json!({"roles": ["kpis"]})),
    ]))
    .expect("applied");
    let evaluate = call("user:olga", "kpi.evaluate", ("kpi", "sold"));
    unit.call(evaluate.with(json!({"from": "1999", "to": "2017"}))).expect("asked");
    unit.settle();
    let values = "SELECT text, value FROM system.kpi_values";
    assert_eq!(found(&shown(unit.sql(values)), false).as_deref(), Some(MARK), "the control");
    for (who, is_shown) in [("cut", false), ("masked", true), ("bare", false), ("only", true)] {
        let who = format!("user:{who}");
        let get = |operation: &str, args: Value| {
            let name = if operation == "kpi.list" { "" } else { "sold" };
            shown(unit.read(&call(&who, operation, ("kpi", name)).with(args)))
        };
        let explain = json!({"window": "1999", "where": {"seller": MARK}});
        let answers = [
            shown(unit.sql_as(&who, values)),
            shown(unit.sql_as(&who, "SELECT * FROM system.kpi_breaches")),
            get("kpi.list", json!({})),
            get("kpi.get", json!({})),
            get("kpi.explain", explain),
        ];
        for answer in &answers {
            assert!(is_shown || found(answer, true).is_none(), "{who}: {answer}");
        }
        assert_eq!(found(&answers[0], false).is_some(), is_shown, "{who}: {}", answers[0]);
        assert_eq!(answers[2].contains("\"hidden\""), !is_shown, "{who}: {}", answers[2]);
        assert_eq!(answers[4].starts_with("[role.restricted]"), !is_shown, "{who}: {}", answers[4]);
    }
}
