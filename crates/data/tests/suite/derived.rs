//! Materialised views: they answer what the query answers, whatever is kept of them.

use crate::support::{Unit, call, manifest, shown, unit_with};
use base::{Entropy, SeededEntropy};
use data::{Config, Round};
use serde_json::{Value, json};
use store::Blobs;

/// Queries that can be kept up by commits.
const KEPT_UP: [(&str, &str); 6] = [
    (
        "by_site",
        "SELECT site, count(*) AS n, sum(price) AS total, avg(price) AS mean, min(n) AS least, max(n) AS most \
         FROM readings WHERE 100 < n GROUP BY site",
    ),
    ("total", "SELECT count(*) AS n, sum(n) AS total, avg(n) AS mean FROM readings"),
    ("large", "SELECT id, price * 2 AS twice, _offset FROM readings WHERE 50000 < n"),
    (
        "by_owner",
        "SELECT owner, count(*) AS n, count(price) AS priced FROM readings r JOIN sites_latest s ON r.site = s.site \
         GROUP BY owner HAVING 1 < count(*)",
    ),
    (
        "with_owner",
        "SELECT r.id, s.owner FROM readings r LEFT JOIN sites_latest s ON r.site = s.site WHERE r.n < 30000",
    ),
    (
        "spread",
        "SELECT site, stddev(n) IS NULL AS is_single, max(n) - min(n) AS span FROM readings GROUP BY site",
    ),
];

fn busy() -> Config {
    Config {
        seal_rows: 50,
        compact_files: 3,
        newest_rows: 1,
        vacuum_ms: 0,
        derived_rows: 40,
        ..Config::default()
    }
}

fn prepared() -> Unit {
    let mut unit = unit_with(busy());
    let mut manifests = vec![
        manifest(
            "Stream",
            "readings",
            json!({"schema": [
                {"name": "id", "type": "int"}, {"name": "site", "type": "text"}, {"name": "n", "type": "int"},
                {"name": "price", "type": "decimal(12,2)"},
            ]}),
        ),
        manifest(
            "Stream",
            "sites",
            json!({"schema": [
            {"name": "site", "type": "text"}, {"name": "owner", "type": "text"},
        ], "key": ["site"]}),
        ),
    ];
    for (name, sql) in KEPT_UP {
        manifests.push(manifest("View", name, json!({"sql": sql, "materialized": {}})));
        manifests.push(manifest("View", &format!("plain_{name}"), json!({"sql": sql})));
    }
    unit.apply(Value::from(manifests)).expect("applied");
    unit
}

fn sorted(unit: &Unit, sql: &str) -> Vec<String> {
    let text =
        unit.sql(sql).unwrap_or_else(|problem| panic!("{sql}: {}", shown::<String>(Err(problem))));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn check(unit: &Unit, seed: u64) {
    for (name, _) in KEPT_UP {
        let kept = sorted(unit, &format!("SELECT * FROM {name}"));
        let plain = sorted(unit, &format!("SELECT * FROM plain_{name}"));
        assert_eq!(kept, plain, "seed {seed}: {name}");
    }
    let kept = sorted(unit, "SELECT n FROM by_site WHERE site = 's1'");
    assert_eq!(kept, sorted(unit, "SELECT n FROM plain_by_site WHERE site = 's1'"), "seed {seed}");
}

fn append(unit: &mut Unit, entropy: &SeededEntropy, next: &mut u64) {
    let line = |id: u64| {
        let (site, n) = (entropy.number() % 7, entropy.number() % 100_000);
        format!(
            "{{\"id\":{id},\"site\":\"s{site}\",\"n\":{n},\"price\":{}.{:02}}}\n",
            n % 1_000,
            n % 100
        )
    };
    let count = entropy.number() % 60;
    let lines: String = (*next..*next + count).map(line).collect();
    *next += count;
    unit.append("readings", &lines).expect("appended");
}

#[test]
fn what_is_kept_up_answers_what_the_query_answers() {
    for seed in 0..4 {
        let (entropy, mut unit, mut next) = (SeededEntropy::new(seed), prepared(), 0);
        for _ in 0..15 {
            match entropy.number() % 8 {
                0 => {
                    let (site, owner) = (entropy.number() % 7, entropy.number() % 3);
                    let line = format!("{{\"site\":\"s{site}\",\"owner\":\"o{owner}\"}}\n");
                    unit.append("sites", &line).expect("appended");
                }
                1..=4 => append(&mut unit, &entropy, &mut next),
                _ => {
                    unit.keep_once();
                }
            }
            check(&unit, seed);
        }
        // What is kept is also used.
        append(&mut unit, &entropy, &mut next);
        unit.keep();
        for (name, _) in KEPT_UP {
            let plan = unit.sql(&format!("EXPLAIN SELECT * FROM {name}")).expect("a plan");
            assert!(plan.contains(&format!("views/{name}/part-")), "seed {seed}: {name}: {plan}");
        }
    }
}

#[test]
fn a_view_over_another_that_is_kept_is_kept_too() {
    let (entropy, mut unit, mut next) = (SeededEntropy::new(2), prepared(), 0);
    let sql = "SELECT count(*) AS n, sum(twice) AS total FROM large";
    unit.apply(json!([
        manifest("View", "over", json!({"sql": sql, "materialized": {}})),
        manifest("View", "plain_over", json!({"sql": sql})),
    ]))
    .expect("applied");
    for _ in 0..6 {
        append(&mut unit, &entropy, &mut next);
        unit.keep();
        assert_eq!(sorted(&unit, "SELECT * FROM over"), sorted(&unit, "SELECT * FROM plain_over"));
    }
    let plan = unit.sql("EXPLAIN SELECT * FROM over").expect("a plan");
    assert!(plan.contains("views/over/part-"), "{plan}");
}

#[test]
fn what_cannot_be_kept_up_says_why_and_what_to_do() {
    let mut unit = prepared();
    let mut refused = |sql: &str| {
        let view = manifest("View", "bad", json!({"sql": sql, "materialized": {}}));
        shown(unit.apply(json!([view])))
    };
    for (sql, reason) in [
        ("SELECT DISTINCT site FROM readings", "it has DISTINCT"),
        ("SELECT site FROM readings LIMIT 3", "it has a limit"),
        ("SELECT count(DISTINCT site) AS n FROM readings", "counts what is distinct"),
        ("SELECT name FROM system.streams", "`streams` is no stream"),
        ("SELECT id, row_number() OVER (ORDER BY id) AS r FROM readings", "a window function"),
        (
            "SELECT a.id FROM readings a JOIN readings b ON a.id = b.id",
            "no stream stands in it once",
        ),
        ("SELECT id FROM readings WHERE n < (SELECT max(n) FROM readings)", "a question within"),
        ("SELECT site FROM sites_latest", "no stream stands in it once"),
    ] {
        let shown = refused(sql);
        assert!(shown.starts_with("[view.invalid]") && shown.contains(reason), "{sql}: {shown}");
        assert!(shown.contains("materialized: {every: PT10M}"), "{shown}");
    }
}

#[test]
fn a_view_that_is_refreshed_stands_at_the_commit_of_its_refresh() {
    let mut unit = prepared();
    let sql = "SELECT DISTINCT site FROM readings";
    let view =
        manifest("View", "sites_seen", json!({"sql": sql, "materialized": {"every": "PT1H"}}));
    unit.apply(json!([view])).expect("applied");
    unit.append("readings", "{\"id\":1,\"site\":\"a\"}\n").expect("appended");
    unit.keep();
    unit.append("readings", "{\"id\":2,\"site\":\"b\"}\n").expect("appended");
    unit.keep();
    assert_eq!(sorted(&unit, "SELECT * FROM sites_seen"), ["a", "site"]);
    let stands = sorted(
        &unit,
        "SELECT refresh, commit IS NOT NULL AS c FROM system.views WHERE name = 'sites_seen'",
    );
    assert_eq!(stands, ["PT1H,true", "refresh,c"]);
}

#[test]
fn a_view_that_is_removed_leaves_no_files() {
    let (entropy, mut unit, mut next) = (SeededEntropy::new(1), prepared(), 0);
    for _ in 0..4 {
        append(&mut unit, &entropy, &mut next);
        unit.keep();
    }
    assert!(!unit.blobs.list("views/total").expect("names").is_empty());
    unit.delete("view", "total").expect("removed");
    unit.keep();
    assert!(unit.blobs.list("views/total").expect("names").is_empty());
    assert_eq!(unit.keep_once(), Round::Rest);
    let asked = call("user:olga", "view.read", ("view", "by_site"));
    assert!(unit.read(&asked).is_ok());
}
