//! What `apply` checks of metrics: each is planned over what stands after the commit, as a query would be.

use super::metric::{Metric, wrong};
use super::spec::{DimensionSpec, MetricSpec};
use super::sql::{self, SAMPLES, Shape, VALUE, WINDOW};
use crate::Error;
use crate::catalog::{Catalog, Source};
use crate::engine::{Data, planned};
use crate::sql::guard;
use base::Problem;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::TableReference;
use datafusion::logical_expr::LogicalPlan;
use kernel::{Read, Resource, Tx};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The longest name of a dimension.
const NAME_BYTES_MAX: usize = 63;

impl Data {
    /// Takes note that a metric changes; refuses what cannot work.
    pub(crate) fn metric_changed(
        &self,
        tx: &Tx<'_>,
        old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        let Some(new) = new else {
            let name = old.map_or("", |old| old.name.as_str());
            return self.check_users_of_metric(tx, name);
        };
        self.check_metric(tx, new)?;
        // What stands on it was planned over what it was before.
        if old.is_some() {
            self.check_all_views(tx)?;
            self.check_all_metrics(tx)?;
            self.check_all_queries(tx)?;
            self.check_all_kpis(tx)?;
        }
        Ok(())
    }

    /// Checks a metric: its fields, then the query that is made of it.
    fn check_metric(&self, tx: &Tx<'_>, resource: &Resource) -> Result<(), Problem> {
        let config = &self.shared.config;
        let spec: MetricSpec = serde_json::from_value(resource.spec.clone())
            .map_err(|error| wrong(&resource.name, error.to_string(), "/spec", None))?;
        check_fields(&resource.name, &spec, config.metric_dimensions_max)?;
        self.check_texts(&resource.name, &spec)?;
        let find = |name: &str| tx.resource("metric", name);
        let metric = Metric::of(Arc::new(resource.clone()), config, &find)?;
        self.plan_metric(tx, &metric)
    }

    /// Checks that each text is one expression, so that it means the same in the query as by itself.
    fn check_texts(&self, name: &str, spec: &MetricSpec) -> Result<(), Problem> {
        let check = |pointer: &str, text: &str| -> Result<(), Problem> {
            guard::lone_expression(text, &self.shared.config).map_err(|error| {
                let problem = Problem::from(error);
                let place = sql::within(pointer, problem.place.as_ref());
                sql::of_declared("metric", name, problem, place)
            })
        };
        check("/spec/formula", &spec.formula)?;
        if let Some(filter) = &spec.filter {
            check("/spec/where", filter)?;
        }
        let dimensions = spec.dimensions.iter().flatten().enumerate();
        for (number, dimension) in dimensions {
            if let DimensionSpec::Named(named) = dimension {
                check(&format!("/spec/dimensions/{number}/sql"), &named.sql)?;
            }
        }
        Ok(())
    }

    fn plan_metric(&self, tx: &Tx<'_>, metric: &Metric) -> Result<(), Problem> {
        let shape = Shape::whole(metric);
        let text = sql::text(metric, &shape);
        let placed = |problem: Problem| {
            let missing = metric.spec.time.is_none() && problem.message.contains("`_time`");
            let mut problem = sql::of_metric(&metric.name, &text, problem);
            if missing {
                problem.hint = Some("name the column that has the time: `time: COLUMN`".into());
            }
            problem
        };
        let catalog = Catalog::new(&self.shared, tx, None, None);
        let source = catalog.metric(metric, &shape, &[], None).map_err(placed)?;
        let Source::View { sql, tables, .. } = source else { return Ok(()) };
        let (config, business) = (&self.shared.config, tx.business());
        let plan = |sql: &str| guard::with_stack(|| planned(config, business, sql, &tables));
        let whole = plan(&sql)?.map_err(placed)?;
        let value = type_of(&whole, VALUE);
        if !value.is_numeric() {
            let reason = format!("its formula gives no number but {value}");
            let hint = Some("cast it, as in `CAST(x AS DOUBLE)`".into());
            return Err(wrong(&metric.name, reason, "/spec/formula", hint));
        }
        if !metric.parts.is_empty() {
            return Ok(());
        }
        // `date_trunc` would take a text for an instant, until it meets one that is none.
        let time = type_of(&plan(&sql::times(metric))?.map_err(placed)?, "time");
        if !matches!(time, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64) {
            let reason = format!("its time is no instant but {time}");
            return Err(wrong(&metric.name, reason, "/spec/time", None));
        }
        Ok(())
    }

    /// Checks all metrics anew: something that they may stand on has changed.
    pub(crate) fn check_all_metrics(&self, tx: &Tx<'_>) -> Result<(), Problem> {
        for resource in tx.resources("metric")? {
            self.check_metric(tx, &resource)?;
        }
        Ok(())
    }

    /// Checks that nothing is made of a metric that goes.
    fn check_users_of_metric(&self, tx: &Tx<'_>, name: &str) -> Result<(), Problem> {
        let in_use = |kind: &str, user: &str| -> Problem {
            let what = format!("metric `{name}`");
            Error::InUse { what, reader: format!("{kind} `{user}`") }.into()
        };
        let says = |resource: &Resource, field: &str| {
            let value = resource.spec.get(field);
            let list = value.and_then(serde_json::Value::as_array);
            value.and_then(serde_json::Value::as_str) == Some(name)
                || list.is_some_and(|list| list.iter().any(|part| part == name))
        };
        for resource in tx.resources("metric")? {
            if says(&resource, "metrics") {
                return Err(in_use("metric", &resource.name));
            }
        }
        for resource in tx.resources("kpi")? {
            if says(&resource, "metric") {
                return Err(in_use("kpi", &resource.name));
            }
        }
        self.check_readers(tx, &[name.to_owned()], "metric")
    }

    /// Returns the relations that each metric over a relation reads.
    pub(crate) fn references_of_metrics(
        &self,
        tx: &Tx<'_>,
    ) -> Result<Vec<(String, Vec<TableReference>)>, Problem> {
        let find = |name: &str| tx.resource("metric", name);
        let mut all = Vec::new();
        for resource in tx.resources("metric")? {
            let metric = Metric::of(Arc::clone(&resource), &self.shared.config, &find)?;
            // Those that are made of metrics read what their parts read.
            if metric.parts.is_empty() {
                let text = sql::measured(&metric, &Shape::whole(&metric));
                let references =
                    guard::references(guard::Text::own(&text.sql), &self.shared.config)?;
                all.push((metric.name, references));
            }
        }
        Ok(all)
    }
}

/// Returns the type of a column of a query.
fn type_of(plan: &LogicalPlan, name: &str) -> DataType {
    let field = plan.schema().fields().iter().find(|field| field.name() == name);
    field.map_or(DataType::Null, |field| field.data_type().clone())
}

/// Checks the fields by themselves.
fn check_fields(name: &str, spec: &MetricSpec, dimensions_max: usize) -> Result<(), Problem> {
    let refuse = |reason: &str, pointer: &str| Err(wrong(name, reason.into(), pointer, None));
    let is_made = !spec.metrics.is_empty();
    match (&spec.from, is_made) {
        (Some(_), true) => {
            return refuse("it is over a relation or made of metrics, not both", "/spec/from");
        }
        (None, false) => return refuse("it has neither `from` nor `metrics`", "/spec"),
        (Some(from), false) if !is_relation(from) => {
            return refuse("`from` is NAME or SCHEMA.NAME", "/spec/from");
        }
        _ => {}
    }
    if is_made && spec.filter.is_some() {
        return refuse("rows are chosen by the metrics that it is made of", "/spec/where");
    }
    if is_made && spec.time.is_some() {
        return refuse("its time is that of the metrics that it is made of", "/spec/time");
    }
    let mut parts = BTreeSet::new();
    if let Some(twice) = spec.metrics.iter().find(|part| !parts.insert(part.as_str())) {
        return refuse(&format!("`{twice}` stands twice"), "/spec/metrics");
    }
    check_dimensions(name, spec, is_made, dimensions_max)
}

fn check_dimensions(
    name: &str,
    spec: &MetricSpec,
    is_made: bool,
    limit: usize,
) -> Result<(), Problem> {
    let dimensions = spec.dimensions.as_deref().unwrap_or_default();
    let refuse = |reason: String, number: usize| {
        Err(wrong(name, reason, &format!("/spec/dimensions/{number}"), None))
    };
    if limit < dimensions.len() {
        return refuse(format!("it has more than {limit} dimensions"), limit);
    }
    let mut seen = BTreeSet::new();
    for (number, dimension) in dimensions.iter().enumerate() {
        let own = dimension.name();
        if own.is_empty() || NAME_BYTES_MAX < own.len() {
            return refuse(format!("a dimension's name has 1 to {NAME_BYTES_MAX} bytes"), number);
        }
        if [WINDOW, VALUE, SAMPLES].contains(&own) {
            return refuse(format!("a dimension cannot be called `{own}`"), number);
        }
        if !seen.insert(own) {
            return refuse(format!("dimension `{own}` stands twice"), number);
        }
        if is_made && matches!(dimension, DimensionSpec::Named(_)) {
            let reason = "its dimensions are those of the metrics that it is made of".into();
            return refuse(reason, number);
        }
    }
    Ok(())
}

/// Returns whether a text is `NAME` or `SCHEMA.NAME`.
pub(crate) fn is_relation(text: &str) -> bool {
    let mut parts = text.split('.');
    let is_name = |part: Option<&str>| part.is_some_and(|part| base::Name::new(part).is_ok());
    let (first, second) = (parts.next(), parts.next());
    is_name(first) && (second.is_none() || is_name(second)) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(spec: Value, expected: &str) {
        let spec: MetricSpec = serde_json::from_value(spec).expect("a spec");
        let shown = check_fields("m", &spec, 2).map_or_else(
            |problem| {
                let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
                format!("{place}: {}", problem.message)
            },
            |()| "fine".into(),
        );
        assert_eq!(shown, expected);
    }

    #[test]
    fn fields_that_contradict_each_other_are_refused() {
        let base = |more: Value| {
            let mut spec = json!({"formula": "count(*)", "grain": "day"});
            spec.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
            spec
        };
        check(base(json!({"from": "orders"})), "fine");
        check(base(json!({"from": "answers.orders"})), "fine");
        check(base(json!({})), "/spec: metric `m`: it has neither `from` nor `metrics`");
        check(
            base(json!({"from": "a.b.c"})),
            "/spec/from: metric `m`: `from` is NAME or SCHEMA.NAME",
        );
        check(
            base(json!({"from": "a", "metrics": ["b"]})),
            "/spec/from: metric `m`: it is over a relation or made of metrics, not both",
        );
        check(
            base(json!({"metrics": ["b"], "where": "true"})),
            "/spec/where: metric `m`: rows are chosen by the metrics that it is made of",
        );
        check(base(json!({"metrics": ["b", "b"]})), "/spec/metrics: metric `m`: `b` stands twice");
        check(
            base(json!({"from": "a", "dimensions": ["x", "x"]})),
            "/spec/dimensions/1: metric `m`: dimension `x` stands twice",
        );
        check(
            base(json!({"from": "a", "dimensions": ["value"]})),
            "/spec/dimensions/0: metric `m`: a dimension cannot be called `value`",
        );
        check(
            base(json!({"from": "a", "dimensions": ["x", "y", "z"]})),
            "/spec/dimensions/2: metric `m`: it has more than 2 dimensions",
        );
    }
}
