//! Rules over a whole table as queries: one for the bad rows, from which they are counted and the first is shown.

use super::rules::condition;
use super::spec::{Check, QualitySpec, RuleSpec};
use crate::metrics::sql::{instant, quoted, relation};
use base::{Period, Time};

/// The queries of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Queries {
    /// The bad rows.
    pub(crate) bad: String,
    /// How many rows are checked; nothing where the rule looks at the table as one.
    pub(crate) checked: Option<String>,
}

impl Queries {
    /// Returns the queries of a rule as of a business time.
    pub(crate) fn of(spec: &QualitySpec, rule: &RuleSpec, now: Time) -> Self {
        let target = spec.target();
        let table = relation(target.as_ref().map_or("", |target| target.relation()));
        let all = format!("SELECT count(*) AS \"n\" FROM {table}");
        let column = quoted(rule.column.as_deref().unwrap_or_default());
        match rule.check {
            Check::NotNull | Check::Range => {
                let bad = format!("SELECT * FROM {table} WHERE NOT (\n{}\n)", condition(rule));
                Self { bad, checked: Some(all) }
            }
            Check::Sql if rule.is_query() => {
                let sql = rule.sql.as_deref().unwrap_or_default();
                let bad = sql.trim_end().trim_end_matches(';').to_owned();
                Self { bad, checked: Some(all) }
            }
            Check::Sql => {
                let bad = format!("SELECT * FROM {table} WHERE NOT (\n{}\n)", condition(rule));
                Self { bad, checked: Some(all) }
            }
            Check::Unique => Self { bad: repeated(&table, rule), checked: Some(all) },
            Check::Reference => {
                let (other, key) = reference(rule);
                let bad = format!(
                    "SELECT \"checked\".* FROM {table} AS \"checked\" WHERE \"checked\".{column} IS NOT NULL \
                     AND NOT EXISTS (SELECT 1 FROM {other} AS \"known\" WHERE \"known\".{key} = \"checked\".{column})"
                );
                Self { bad, checked: Some(all) }
            }
            Check::Freshness => {
                let time = quoted(rule.column.as_deref().unwrap_or("_time"));
                let within = rule.within.unwrap_or_default();
                let oldest = instant(now.plus(Period(within.0.saturating_neg())));
                let bad = format!(
                    "SELECT max({time}) AS \"newest\" FROM {table} \
                     HAVING max({time}) IS NULL OR max({time}) < {oldest}"
                );
                Self { bad, checked: None }
            }
        }
    }

    /// Returns the query that counts the bad rows.
    pub(crate) fn count(&self) -> String {
        format!("SELECT count(*) AS \"n\" FROM (\n{}\n) AS \"bad\"", self.bad)
    }

    /// Returns the query that shows one of them.
    pub(crate) fn sample(&self) -> String {
        format!("SELECT * FROM (\n{}\n) AS \"bad\" LIMIT 1", self.bad)
    }
}

/// Returns the values that stand in more than one row, each once.
fn repeated(table: &str, rule: &RuleSpec) -> String {
    let columns: Vec<String> = rule.columns().into_iter().map(quoted).collect();
    let list = columns.join(", ");
    let tests: Vec<String> = columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
    format!(
        "SELECT {list}, count(*) AS \"times\" FROM {table} WHERE {} GROUP BY {list} HAVING 1 < count(*)",
        tests.join(" AND ")
    )
}

/// Returns the relation and the column that a reference names.
fn reference(rule: &RuleSpec) -> (String, String) {
    let to = rule.to.as_deref().unwrap_or_default();
    let (other, key) = to.rsplit_once('.').unwrap_or((to, ""));
    (relation(other), quoted(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use serde_json::{Value, json};

    fn check(on: &str, rule: Value, expected: Expect) {
        let mut rule = rule;
        rule["name"] = json!("r");
        let spec: QualitySpec =
            serde_json::from_value(json!({"on": on, "rules": [rule]})).expect("a spec");
        let queries = Queries::of(&spec, &spec.rules[0], Time(1_500_000_000_000));
        expected.assert_eq(&queries.bad);
    }

    #[test]
    fn every_rule_over_a_table_finds_its_bad_rows() {
        check(
            "table/orders_latest",
            json!({"check": "not_null", "column": "state"}),
            expect![[r#"
                SELECT * FROM "orders_latest" WHERE NOT (
                "state" IS NOT NULL
                )"#]],
        );
        check(
            "stream/orders",
            json!({"check": "unique", "columns": ["a", "b"]}),
            expect![[
                r#"SELECT "a", "b", count(*) AS "times" FROM "orders" WHERE "a" IS NOT NULL AND "b" IS NOT NULL GROUP BY "a", "b" HAVING 1 < count(*)"#
            ]],
        );
        check(
            "stream/orders",
            json!({"check": "reference", "column": "who", "to": "answers.people.id"}),
            expect![[
                r#"SELECT "checked".* FROM "orders" AS "checked" WHERE "checked"."who" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "answers"."people" AS "known" WHERE "known"."id" = "checked"."who")"#
            ]],
        );
        check(
            "stream/orders",
            json!({"check": "freshness", "within": "PT1H"}),
            expect![[
                r#"SELECT max("_time") AS "newest" FROM "orders" HAVING max("_time") IS NULL OR max("_time") < '2017-07-14T01:40:00Z'"#
            ]],
        );
    }
}
