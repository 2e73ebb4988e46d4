//! The SQL of a metric, made from its manifest, with the place in the manifest that each line comes from.
//!
//! What a manifest says was checked to be one expression each; it stands on lines of its own between brackets, so that a
//! comment at its end hides nothing. What a caller says never becomes SQL but as a quoted literal.

use super::metric::Metric;
use super::spec::{DimensionSpec, MetricSpec};
use super::window::Grain;
use crate::Error;
use base::{Place, Problem, Time};
use serde_json::Value;
use std::collections::BTreeMap;

/// The column with the start of a window.
pub(crate) const WINDOW: &str = "window";
/// The column with the value.
pub(crate) const VALUE: &str = "value";
/// The column with the number of rows behind a value.
pub(crate) const SAMPLES: &str = "samples";
/// The schema in which metrics appear.
pub(crate) const METRICS: &str = "metrics";

/// The fields in which a place has a line and a column.
const TEXTS: [&str; 2] = ["/spec/formula", "/spec/where"];

/// Which values of a metric are wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    /// How long windows are.
    pub(crate) grain: Grain,
    /// By which dimensions, of those that the metric has.
    pub(crate) dimensions: Vec<String>,
    /// The first window.
    pub(crate) from: Option<Time>,
    /// The window behind the last.
    pub(crate) to: Option<Time>,
    /// Which values of dimensions count; one of several each.
    pub(crate) filter: BTreeMap<String, Vec<Value>>,
}

impl Shape {
    /// Returns the shape of the relation `metrics.NAME`: all windows, all dimensions.
    pub(crate) fn whole(metric: &Metric) -> Self {
        Self {
            grain: metric.grain,
            dimensions: metric.dimensions.clone(),
            from: None,
            to: None,
            filter: BTreeMap::new(),
        }
    }
}

/// SQL with the places that its lines come from.
#[derive(Debug, Default)]
pub(crate) struct Text {
    pub(crate) sql: String,
    /// For each line the JSON pointer of the field, and the field's line where it stands there as it was written.
    lines: Vec<(String, Option<u32>)>,
}

impl Text {
    /// Adds a line that is made for a field.
    fn line(&mut self, pointer: &str, text: &str) {
        self.sql.push_str(text);
        self.sql.push('\n');
        self.lines.push((pointer.into(), None));
    }

    /// Adds a field as it was written, between brackets.
    fn field(&mut self, pointer: &str, before: &str, text: &str, after: &str) {
        self.line(pointer, &format!("{before}("));
        for (number, line) in (1..).zip(text.split('\n')) {
            self.sql.push_str(line);
            self.sql.push('\n');
            self.lines.push((pointer.into(), Some(number)));
        }
        self.line(pointer, &format!("){after}"));
    }

    /// Returns the place in the manifest of a place in the SQL.
    pub(crate) fn place(&self, place: Option<&Place>) -> Place {
        let line = place.and_then(|place| place.line).unwrap_or(0);
        let found =
            usize::try_from(line).ok().and_then(|line| self.lines.get(line.checked_sub(1)?));
        match found {
            Some((pointer, Some(line))) => {
                let column = place.and_then(|place| place.column);
                let inner = Place { line: Some(*line), column, ..Place::default() };
                within(pointer, Some(&inner))
            }
            Some((pointer, None)) => Place::pointer(pointer),
            None => Place::pointer("/spec"),
        }
    }
}

/// Returns the SQL of a metric in a shape.
pub(crate) fn text(metric: &Metric, shape: &Shape) -> Text {
    if metric.parts.is_empty() { measured(metric, shape) } else { combined(metric, shape) }
}

/// Returns the SQL of a metric over a relation: columns `window`, the dimensions, `value`, `samples`.
pub(crate) fn measured(metric: &Metric, shape: &Shape) -> Text {
    let mut text = Text::default();
    let time = time_of(&metric.spec);
    let grain = shape.grain.as_str();
    text.line("/spec", "SELECT");
    let window = format!("date_trunc('{grain}', {time}) AS {}", quoted(WINDOW));
    text.line("/spec/time", &window);
    for name in &shape.dimensions {
        let (pointer, sql) = dimension(&metric.spec, name);
        text.field(&pointer, ", ", &sql, &format!(" AS {}", quoted(name)));
    }
    text.field("/spec/formula", ", ", &metric.spec.formula, &format!(" AS {}", quoted(VALUE)));
    text.line("/spec/formula", &format!(", count(*) AS {}", quoted(SAMPLES)));
    conditions(&mut text, metric, shape);
    // By place, so that an expression is written once.
    let places: Vec<String> = (1..=shape.dimensions.len() + 1).map(|n| n.to_string()).collect();
    text.line("/spec", &format!("GROUP BY {}", places.join(", ")));
    text
}

/// Returns the SQL of the times of a metric over a relation, for a look at their type.
pub(crate) fn times(metric: &Metric) -> String {
    let from = metric.spec.from.as_deref().unwrap_or_default();
    format!("SELECT {} AS \"time\" FROM {}", time_of(&metric.spec), relation(from))
}

/// Returns the SQL of the rows behind the values of a metric over a relation.
pub(crate) fn rows_behind(metric: &Metric, shape: &Shape, limit: usize) -> Text {
    let mut text = Text::default();
    text.line("/spec", "SELECT *");
    conditions(&mut text, metric, shape);
    text.line("/spec/time", &format!("ORDER BY {} LIMIT {limit}", time_of(&metric.spec)));
    text
}

/// Adds `FROM` and `WHERE`: the rows of the metric that fall in the windows and have the values that are wanted.
fn conditions(text: &mut Text, metric: &Metric, shape: &Shape) {
    let time = time_of(&metric.spec);
    let from = metric.spec.from.as_deref().unwrap_or_default();
    text.line("/spec/from", &format!("FROM {}", relation(from)));
    text.line("/spec/time", &format!("WHERE {time} IS NOT NULL"));
    if let Some(filter) = &metric.spec.filter {
        text.field("/spec/where", "AND ", filter, "");
    }
    if let Some(from) = shape.from {
        text.line(
            "/spec/time",
            &format!("AND {} <= {time}", instant(shape.grain.first_from(from))),
        );
    }
    if let Some(to) = shape.to {
        text.line("/spec/time", &format!("AND {time} < {}", instant(shape.grain.first_from(to))));
    }
    for (name, values) in &shape.filter {
        let (pointer, sql) = dimension(&metric.spec, name);
        text.line(&pointer, "AND (false");
        for value in values {
            // `=` is never true of null.
            let test = match value {
                Value::Null => " IS NULL".to_owned(),
                value => format!(" = {}", literal(value)),
            };
            text.field(&pointer, "OR ", &sql, &test);
        }
        text.line(&pointer, ")");
    }
}

/// Returns the SQL of a metric that is made of others, which stand in the schema `metrics` in the same shape.
///
/// Rows of the parts are laid over each other by grouping, which takes nulls in dimensions for equal, as a join would not. Parts
/// are floating-point numbers in the formula: one count divided by another is a share, not 0.
pub(crate) fn combined(metric: &Metric, shape: &Shape) -> Text {
    let mut text = Text::default();
    let keys: Vec<String> = std::iter::once(WINDOW)
        .chain(shape.dimensions.iter().map(String::as_str))
        .map(quoted)
        .collect();
    let keys = keys.join(", ");
    text.line("/spec", &format!("SELECT {keys}"));
    text.field("/spec/formula", ", ", &metric.spec.formula, &format!(" AS {}", quoted(VALUE)));
    text.line("/spec", &format!(", {} FROM (SELECT {keys}", quoted(SAMPLES)));
    for part in &metric.parts {
        let name = quoted(&part.name);
        text.line("/spec/metrics", &format!(", max({name}) AS {name}"));
    }
    text.line("/spec", &format!(", max({0}) AS {0} FROM (", quoted(SAMPLES)));
    for (number, part) in metric.parts.iter().enumerate() {
        if 0 < number {
            text.line("/spec/metrics", "UNION ALL");
        }
        let column = |other: &Metric| {
            let value = if other.name == part.name { quoted(VALUE) } else { "NULL".into() };
            format!("CAST({value} AS DOUBLE) AS {}", quoted(&other.name))
        };
        let columns: Vec<String> = metric.parts.iter().map(column).collect();
        let line = format!(
            "SELECT {keys}, {}, {} FROM {METRICS}.{}",
            columns.join(", "),
            quoted(SAMPLES),
            quoted(&part.name)
        );
        text.line(&format!("/spec/metrics/{number}"), &line);
    }
    text.line("/spec", &format!(") AS \"parts\" GROUP BY {keys}) AS \"laid_over\""));
    text
}

/// Returns a dimension as SQL, with the place where it is written.
fn dimension(spec: &MetricSpec, name: &str) -> (String, String) {
    let all = spec.dimensions.as_deref().unwrap_or_default();
    let found = all.iter().enumerate().find(|(_, dimension)| dimension.name() == name);
    match found {
        Some((number, DimensionSpec::Named(named))) => {
            (format!("/spec/dimensions/{number}/sql"), named.sql.clone())
        }
        Some((number, DimensionSpec::Column(column))) => {
            (format!("/spec/dimensions/{number}"), quoted(column))
        }
        None => ("/spec/dimensions".into(), quoted(name)),
    }
}

fn time_of(spec: &MetricSpec) -> String {
    quoted(spec.time.as_deref().unwrap_or("_time"))
}

/// Returns `NAME` or `SCHEMA.NAME`, quoted.
pub(crate) fn relation(name: &str) -> String {
    name.split('.').map(quoted).collect::<Vec<_>>().join(".")
}

/// Returns a name as SQL takes it for one, whatever it is.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns an instant as a literal.
pub(crate) fn instant(time: Time) -> String {
    format!("'{time}'")
}

/// Returns a JSON value as a literal: text between quotes, numbers and truth values as they are.
pub(crate) fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        other => format!("'{}'", other.to_string().replace('\'', "''")),
    }
}

/// Says in which field of a metric a problem of its SQL is.
pub(crate) fn of_metric(metric: &str, text: &Text, problem: Problem) -> Problem {
    let place = text.place(problem.place.as_ref());
    of_declared("metric", metric, problem, place)
}

/// Says in which field of a manifest a problem of SQL is. Limits keep their own codes.
pub(crate) fn of_declared(
    kind: &'static str,
    name: &str,
    problem: Problem,
    place: Place,
) -> Problem {
    if problem.code != "sql.invalid" && problem.code != "sql.not_allowed" {
        return problem;
    }
    let Problem { message: reason, hint, .. } = problem;
    Error::Declared { kind, name: name.into(), reason, place: Some(place), hint }.into()
}

/// Returns the place of something in a field: with line and column where the field has them.
pub(crate) fn within(pointer: &str, place: Option<&Place>) -> Place {
    match place {
        Some(place) if TEXTS.contains(&pointer) => {
            Place { line: place.line, column: place.column, ..Place::pointer(pointer) }
        }
        _ => Place::pointer(pointer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::metric::tests::{metric, parts};
    use expect_test::expect;
    use serde_json::json;

    fn deliveries() -> Metric {
        metric(
            "on_time",
            json!({
                "from": "answers.deliveries", "where": "stage = 'delivered' -- all\nAND true",
                "formula": "avg(CASE WHEN at <= due THEN 1 ELSE 0 END)", "time": "at", "grain": "month",
                "dimensions": ["state", {"name": "size", "sql": "weight > 20"}],
            }),
        )
    }

    #[test]
    fn the_whole_metric_has_all_dimensions() {
        let metric = deliveries();
        expect![[r#"
            SELECT
            date_trunc('month', "at") AS "window"
            , (
            "state"
            ) AS "state"
            , (
            weight > 20
            ) AS "size"
            , (
            avg(CASE WHEN at <= due THEN 1 ELSE 0 END)
            ) AS "value"
            , count(*) AS "samples"
            FROM "answers"."deliveries"
            WHERE "at" IS NOT NULL
            AND (
            stage = 'delivered' -- all
            AND true
            )
            GROUP BY 1, 2, 3
        "#]]
        .assert_eq(&measured(&metric, &Shape::whole(&metric)).sql);
    }

    #[test]
    fn fewer_dimensions_are_calculated_from_the_rows() {
        let metric = deliveries();
        let shape = Shape {
            grain: Grain::Quarter,
            dimensions: Vec::new(),
            from: Time::parse("2018-02-01").ok(),
            to: Time::parse("2018-07-01").ok(),
            filter: BTreeMap::from([("state".into(), vec![json!("o'SP"), Value::Null])]),
        };
        expect![[r#"
            SELECT
            date_trunc('quarter', "at") AS "window"
            , (
            avg(CASE WHEN at <= due THEN 1 ELSE 0 END)
            ) AS "value"
            , count(*) AS "samples"
            FROM "answers"."deliveries"
            WHERE "at" IS NOT NULL
            AND (
            stage = 'delivered' -- all
            AND true
            )
            AND '2018-04-01T00:00:00Z' <= "at"
            AND "at" < '2018-07-01T00:00:00Z'
            AND (false
            OR (
            "state"
            ) = 'o''SP'
            OR (
            "state"
            ) IS NULL
            )
            GROUP BY 1
        "#]]
        .assert_eq(&measured(&metric, &shape).sql);
    }

    #[test]
    fn parts_are_laid_over_each_other() {
        let spec = json!({"formula": "late / nullif(total, 0)", "metrics": ["late", "total"]});
        let metric = parts("share", spec, &["late", "total"]);
        expect![[r#"
            SELECT "window", "state"
            , (
            late / nullif(total, 0)
            ) AS "value"
            , "samples" FROM (SELECT "window", "state"
            , max("late") AS "late"
            , max("total") AS "total"
            , max("samples") AS "samples" FROM (
            SELECT "window", "state", CAST("value" AS DOUBLE) AS "late", CAST(NULL AS DOUBLE) AS "total", "samples" FROM metrics."late"
            UNION ALL
            SELECT "window", "state", CAST(NULL AS DOUBLE) AS "late", CAST("value" AS DOUBLE) AS "total", "samples" FROM metrics."total"
            ) AS "parts" GROUP BY "window", "state") AS "laid_over"
        "#]]
        .assert_eq(&combined(&metric, &Shape::whole(&metric)).sql);
    }

    #[test]
    fn a_line_leads_back_to_its_field() {
        let metric = deliveries();
        let text = measured(&metric, &Shape::whole(&metric));
        let place = |line, column| text.place(Some(&Place::line(line, column))).to_string();
        assert_eq!(place(2, 21), "/spec/time");
        assert_eq!(place(7, 1), "/spec/dimensions/1/sql");
        assert_eq!(place(10, 5), "1:5 (/spec/formula)");
        assert_eq!(place(13, 6), "/spec/from");
        assert_eq!(place(17, 5), "2:5 (/spec/where)");
        assert_eq!(text.place(None).to_string(), "/spec");
    }
}
