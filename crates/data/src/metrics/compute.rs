//! `kpi.compute`: the values of windows that have closed, over one commit. Changes nothing.

use super::ask::{self, Question};
use super::kpi::Kpi;
use super::metric::Metric;
use super::sql::{METRICS, SAMPLES, Shape, VALUE, WINDOW, quoted};
use super::wire::Request;
use crate::Error;
use crate::catalog::{Catalog, Source, Table};
use crate::engine::Data;
use base::{Problem, Time};
use kernel::{Call, Principal, Read, Reader, Reply, ResourceRef};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an evaluation came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The version of the KPI.
    pub(crate) version: u64,
    /// The window behind the last that was evaluated; further ones come in the next evaluation.
    pub(crate) to: Time,
    /// The commit over which it was calculated.
    pub(crate) commit: u64,
    /// The versions of all metrics that were asked.
    pub(crate) metrics: BTreeMap<String, u64>,
    /// The offset behind the last row of each log that was read.
    pub(crate) sources: BTreeMap<String, u64>,
    /// The values, by window.
    pub(crate) values: Vec<Measured>,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) window: Time,
    pub(crate) dimensions: Map<String, Value>,
    pub(crate) value: Value,
    pub(crate) samples: u64,
}

/// Calculates the values of a request.
///
/// # Errors
/// What the query says.
pub(crate) fn compute(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let request: Request = call.parameters()?;
    let shared = &data.shared;
    // Until the query has its place, what it will read stays.
    let _pin = shared.queries.pin();
    // A view of the store that lives as long as the query.
    let own = Arc::new(Reader::new(reader.kernel(), reader.caller().clone())?);
    let kpi = Kpi::find(data, own.as_ref(), &call.resource.name)?;
    may_measure(own.as_ref(), &kpi)?;
    let shape = Shape {
        grain: kpi.window,
        dimensions: kpi.dimensions.clone(),
        from: Some(request.from),
        to: Some(request.to),
        filter: BTreeMap::new(),
    };
    let catalog = Catalog::new(shared, own.as_ref(), Some(Arc::clone(&own)), None);
    let source = catalog.metric(&kpi.metric, &shape, &[], None)?;
    let limit = shared.config.kpi_values_max;
    let question = Question {
        who: own.caller(),
        sql: ordered(&kpi.metric, limit.saturating_add(1)),
        tables: vec![table(&kpi.metric, source)],
        business: own.business(),
        rows_max: usize::MAX,
    };
    let rows = ask::rows(shared, own.as_ref(), question)?;
    let values = rows.iter().map(|row| measured(row, &shape)).collect::<Result<Vec<_>, _>>()?;
    let (values, to) = whole_windows(values, request.to, limit)?;
    Reply::of(&Answer {
        version: kpi.resource.version,
        to,
        commit: own.commit()?,
        metrics: kpi.metric.versions(),
        sources: catalog.stood(),
        values,
    })
}

/// Refuses to measure what whoever applied the KPI may not read: its values can be read by others.
fn may_measure(read: &dyn Read, kpi: &Kpi) -> Result<(), Problem> {
    let definer = Principal::try_from(kpi.resource.changed_by.clone())?;
    let metric = ResourceRef::new("metric", kpi.metric.name.clone());
    if read.kernel().is_allowed(read, "metric.read", &metric, &definer, None)? {
        return Ok(());
    }
    Err(kernel::Error::Forbidden {
        actor: definer.to_string(),
        operation: "metric.read".into(),
        resource: metric.to_string(),
    }
    .into())
}

/// Returns a metric as the relation `metrics.NAME`.
pub(crate) fn table(metric: &Metric, source: Source) -> Table {
    Table { schema: METRICS.into(), name: metric.name.clone(), source }
}

/// Returns the query over that relation, by window.
pub(crate) fn ordered(metric: &Metric, limit: usize) -> String {
    format!(
        "SELECT * FROM {METRICS}.{} ORDER BY {} LIMIT {limit}",
        quoted(&metric.name),
        quoted(WINDOW)
    )
}

fn measured(row: &Value, shape: &Shape) -> Result<Measured, Problem> {
    let odd = || Problem::from(Error::Internal { detail: format!("a row of a metric: {row}") });
    let window = row[WINDOW].as_str().and_then(|text| Time::parse(text).ok()).ok_or_else(odd)?;
    let dimension = |name: &String| (name.clone(), row[name.as_str()].clone());
    Ok(Measured {
        window,
        dimensions: shape.dimensions.iter().map(dimension).collect(),
        value: row[VALUE].clone(),
        samples: row[SAMPLES].as_u64().ok_or_else(odd)?,
    })
}

/// Cuts values off behind the last window that is there as a whole.
fn whole_windows(
    mut values: Vec<Measured>,
    to: Time,
    limit: usize,
) -> Result<(Vec<Measured>, Time), Problem> {
    let last = values.last().map(|value| value.window);
    let Some(last) = last.filter(|_| limit < values.len()) else { return Ok((values, to)) };
    values.retain(|value| value.window < last);
    if values.is_empty() {
        let what = format!("{limit} values of a KPI in one window");
        return Err(Error::Exhausted { what }.into());
    }
    Ok((values, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(window: i64) -> Measured {
        Measured { window: Time(window), dimensions: Map::new(), value: Value::Null, samples: 1 }
    }

    #[test]
    fn too_many_values_are_cut_between_windows() {
        let cut = |windows: &[i64], limit| {
            whole_windows(windows.iter().map(|window| value(*window)).collect(), Time(9), limit)
                .map(|(values, to)| (values.len(), to.0))
                .map_err(|problem| problem.code)
        };
        assert_eq!(cut(&[1, 1, 2], 3), Ok((3, 9)));
        assert_eq!(cut(&[1, 1, 2, 2], 3), Ok((2, 2)));
        assert_eq!(cut(&[1, 2, 3, 3], 3), Ok((2, 3)));
        assert_eq!(cut(&[1, 1, 1, 1], 3), Err("sql.exhausted".to_owned()));
        assert_eq!(cut(&[], 3), Ok((0, 9)));
    }
}
