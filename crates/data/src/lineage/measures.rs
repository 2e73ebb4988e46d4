//! The edges of metrics, KPIs and quality rules, read from what their manifests say.

use crate::Config;
use crate::sql::guard;
use base::Problem;
use kernel::{Edge, End, How, Read, Resource};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use crate::metrics::sql::METRICS;

/// What a `Metric` measures: a relation, or other metrics.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Metric {
    from: Option<String>,
    metrics: Vec<String>,
}

/// What a `Kpi` holds to a target, and what it starts when that is missed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Kpi {
    metric: Option<String>,
    on_breach: Option<OnBreach>,
}

#[derive(Deserialize)]
struct OnBreach {
    process: String,
}

/// What the rules of a `Quality` look at.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Quality {
    on: String,
    rules: Vec<Rule>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rule {
    name: String,
    /// `RELATION.COLUMN`.
    to: Option<String>,
    /// A condition on a row, or a query for the bad rows.
    sql: Option<String>,
}

/// Returns what metrics, KPIs and quality rules stand on, and what KPIs start.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn edges(read: &dyn Read, config: &Config) -> Result<Vec<Edge>, Problem> {
    let mut edges = Vec::new();
    for kind in ["metric", "kpi", "quality"] {
        for resource in read.resources(kind)? {
            edges.extend(of(&resource, config));
        }
    }
    Ok(edges)
}

fn of(resource: &Resource, config: &Config) -> Vec<Edge> {
    let edges = match resource.kind.as_str() {
        "metric" => of_metric(resource),
        "kpi" => of_kpi(resource),
        _ => of_quality(resource, config),
    };
    edges.into_iter().map(|edge| edge.declared_by(resource)).collect()
}

/// Reads what is wanted of a spec; what cannot be read says nothing.
fn spec<T: DeserializeOwned + Default>(resource: &Resource) -> T {
    serde_json::from_value(resource.spec.clone()).unwrap_or_default()
}

fn itself(resource: &Resource) -> End {
    End::new(&resource.kind, &resource.name)
}

fn of_metric(resource: &Resource) -> Vec<Edge> {
    let Metric { from, metrics } = spec(resource);
    let relation = from.iter().map(|from| End::relation(from));
    let parts = metrics.iter().map(|part| End::new("metric", part));
    let edge = |from: End| Edge::new(from, itself(resource), How::Measures);
    relation.chain(parts).map(edge).collect()
}

fn of_kpi(resource: &Resource) -> Vec<Edge> {
    let Kpi { metric, on_breach } = spec(resource);
    let measures = metric
        .iter()
        .map(|metric| Edge::new(End::new("metric", metric), itself(resource), How::Measures));
    let starts = on_breach.iter().map(|breach| {
        Edge::new(itself(resource), End::new("process", &breach.process), How::Starts)
    });
    measures.chain(starts).collect()
}

/// Rules check what they are on, and read what they compare it with.
fn of_quality(resource: &Resource, config: &Config) -> Vec<Edge> {
    let Quality { on, rules } = spec(resource);
    // `stream/NAME` and `table/NAME_latest` are the names by which SQL knows both.
    let on = on.split_once('/').map_or(on.as_str(), |(_, name)| name);
    if on.is_empty() {
        return Vec::new();
    }
    let mut others: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for rule in &rules {
        for relation in relations_of(rule, config) {
            if relation != on {
                others.entry(relation).or_default().insert(&rule.name);
            }
        }
    }
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    let checks = Edge::new(End::relation(on), itself(resource), How::Checks);
    let reads = others.iter().map(|(relation, rules)| {
        let edge = Edge::new(End::relation(relation), itself(resource), How::Reads);
        edge.with(json!({ "rules": rules }))
    });
    std::iter::once(checks.with(json!({ "rules": names }))).chain(reads).collect()
}

/// Returns the relations that a rule names, as SQL names them.
fn relations_of(rule: &Rule, config: &Config) -> Vec<String> {
    let reference = rule.to.as_deref().and_then(|to| to.rsplit_once('.'));
    let mut relations: Vec<String> =
        reference.iter().map(|(relation, _)| (*relation).to_owned()).collect();
    // A condition is no statement: it names no relation.
    let named =
        rule.sql.as_deref().and_then(|sql| guard::references(guard::Text::own(sql), config).ok());
    for reference in named.iter().flatten() {
        let table = reference.table();
        relations.push(match reference.schema() {
            Some(schema) if schema != crate::catalog::PUBLIC => format!("{schema}.{table}"),
            _ => table.to_owned(),
        });
    }
    relations
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Time;
    use serde_json::Value;

    #[track_caller]
    fn check(kind: &str, spec: Value, expected: &[&str]) {
        let resource = Resource {
            kind: kind.into(),
            name: "it".into(),
            version: 3,
            owner: "user:olga".into(),
            labels: BTreeMap::new(),
            spec,
            changed_by: "user:olga".into(),
            changed_at: Time(0),
            is_deleted: false,
        };
        let edges = of(&resource, &Config::default());
        let line = |edge: &Edge| {
            assert_eq!(edge.declared, Some((resource.reference(), 3)));
            let (from, to) = (&edge.from.resource, &edge.to.resource);
            format!("{from} {} {to} {}", edge.how.as_str(), edge.detail)
        };
        let lines: Vec<String> = edges.iter().map(line).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_metric_measures_a_relation_or_metrics() {
        check(
            "metric",
            json!({"from": "answers.orders", "formula": "count(*)", "grain": "day"}),
            &["relation/answers.orders measures metric/it null"],
        );
        check(
            "metric",
            json!({"metrics": ["late", "all"], "formula": "late / \"all\""}),
            &["metric/late measures metric/it null", "metric/all measures metric/it null"],
        );
    }

    #[test]
    fn a_kpi_measures_a_metric_and_starts_a_process() {
        check(
            "kpi",
            json!({"metric": "late", "target": 0.9, "on_breach": {"process": "mend"}}),
            &["metric/late measures kpi/it null", "kpi/it starts process/mend null"],
        );
        check("kpi", json!({"metric": "late"}), &["metric/late measures kpi/it null"]);
    }

    #[test]
    fn rules_check_what_they_are_on_and_read_what_they_compare_it_with() {
        let rules = json!([
            {"name": "a", "check": "not_null", "column": "id"},
            {"name": "b", "check": "reference", "column": "who", "to": "answers.people.id"},
            {"name": "c", "check": "sql", "sql": "0 < price"},
            {"name": "d", "check": "sql", "sql": "SELECT o.* FROM orders o JOIN Public.Limits l ON o.id = l.id JOIN answers.people p ON true"},
        ]);
        check(
            "quality",
            json!({"on": "stream/orders", "rules": rules}),
            &[
                "relation/orders checks quality/it {\"rules\":[\"a\",\"b\",\"c\",\"d\"]}",
                "relation/answers.people reads quality/it {\"rules\":[\"b\",\"d\"]}",
                "relation/limits reads quality/it {\"rules\":[\"d\"]}",
            ],
        );
        check(
            "quality",
            json!({"on": "table/orders_latest", "rules": []}),
            &["relation/orders_latest checks quality/it {\"rules\":[]}"],
        );
    }
}
