//! `kpi.explain`: from a value down to the rows behind it, as they stood when it was calculated.
//!
//! The query is written again from the versions of the metrics that were asked then; streams and their tables end where they
//! ended then. The rows are read with the rights of whoever asks: who may see a value may not see its rows for that.

use super::ask::{self, Question};
use super::kpi::Kpi;
use super::metric::Metric;
use super::show::{instant, shown};
use super::shown::Viewer;
use super::sql::{self, Shape};
use super::wire::{self, Evaluation, Outcome, Recorded, key};
use crate::Error;
use crate::catalog::{Catalog, PUBLIC};
use crate::engine::Data;
use crate::streams::append::log_of;
use base::Problem;
use kernel::{Call, Read, Reader, Reply};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Values of a window among which one is looked for.
const VALUES_SHOWN_MAX: usize = 20;

/// Which value is explained.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Explain {
    /// The window: an instant in it, a date, `2018-03` or `2018`.
    pub(crate) window: String,
    /// The values of dimensions; those that are left out may have any.
    #[serde(default, rename = "where")]
    pub(crate) filter: Map<String, Value>,
    /// How many rows are shown, up to the limit of the unit.
    #[serde(default)]
    pub(crate) limit: Option<usize>,
}

/// Explains a value.
///
/// # Errors
/// `call.invalid` where no value or more than one is meant.
pub(crate) fn explain(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let parameters: Explain = call.parameters()?;
    let config = &data.shared.config;
    let kpi = Kpi::find(data, reader, &call.resource.name)?;
    if let Err((reason, hint)) = kpi.metric.check_dimensions(parameters.filter.keys()) {
        let problem = Problem::from(kernel::Error::Parameters { reason });
        return Err(match hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        });
    }
    let mut viewer = Viewer::new(&data.shared, reader);
    if !viewer.sees_metric(&kpi.metric.name)? {
        return Err(hidden(&kpi).into());
    }
    let window = kpi.window.start_of(instant("window", &parameters.window)?);
    let value = pick(reader, &kpi, window, &parameters.filter)?;
    if !viewer.sees_metric(&value.metric)? {
        return Err(hidden(&kpi).into());
    }
    let evaluation: Option<Evaluation> =
        wire::get(reader, &key::evaluation(kpi.name(), value.evaluation))?;
    let id = wire::id_of(&value.dimensions);
    let outcome: Option<Outcome> = wire::get(reader, &key::breach(kpi.name(), window, &id))?;
    let mut answer = json!({
        "kpi": kpi.name(),
        "metric": value.metric,
        "owner": kpi.spec.owner,
        "value": shown(&value),
        "breach": outcome.map(|outcome| json!({
            "process": kpi.spec.on_breach.as_ref().map(|on_breach| &on_breach.process),
            "instance": outcome.instance,
            "error": outcome.error,
        })),
    });
    let Some(evaluation) = evaluation else { return Ok(Reply::Value(answer)) };
    let sources = sources_of(data, reader, &evaluation)?;
    answer["evaluation"] = json!({
        "at": evaluation.at,
        "commit": evaluation.commit,
        "version": evaluation.version,
        "metrics": evaluation.metrics,
        "sources": sources,
    });
    let metric = Metric::find_at(reader, config, &value.metric, &evaluation.metrics)?;
    let Some(metric) = metric else { return Ok(Reply::Value(answer)) };
    let shape = shape_of(&value, kpi.window);
    answer["sql"] = json!(sql::text(&metric, &shape).sql);
    let limit = parameters.limit.unwrap_or(config.kpi_rows_max).min(config.kpi_rows_max);
    let mut behind = Vec::new();
    for leaf in metric.leaves() {
        behind.push(rows_of(data, reader, call, leaf, &shape, &evaluation, limit)?);
    }
    answer["behind"] = json!(behind);
    Ok(Reply::Value(answer))
}

fn hidden(kpi: &Kpi) -> Error {
    Error::Restricted {
        reason: format!(
            "a role shows a part of what kpi `{}` is worked out from, and its values are of all of it",
            kpi.name()
        ),
        hint: "ask the metric by SQL, as far as the role shows it",
    }
}

/// Returns what was read and up to where; that is told to who sees all of it, because it says how many rows there are.
fn sources_of(
    data: &Data,
    reader: &Reader,
    evaluation: &Evaluation,
) -> Result<Vec<Value>, Problem> {
    let catalog = Catalog::new(&data.shared, reader, None, None);
    let mut sources = Vec::new();
    let streams = reader.resources("stream")?;
    for (log, end) in &evaluation.sources {
        let stream = streams.iter().find(|stream| log_of(&stream.name) == *log);
        let is_whole = match stream {
            Some(stream) => catalog.is_whole(PUBLIC, &stream.name, reader.caller())?,
            None => None,
        };
        let end = is_whole.unwrap_or(false).then_some(end);
        sources.push(json!({"log": log, "end": end}));
    }
    Ok(sources)
}

/// Finds the one value that is meant.
fn pick(
    reader: &Reader,
    kpi: &Kpi,
    window: base::Time,
    filter: &Map<String, Value>,
) -> Result<Recorded, Problem> {
    let mut found: Vec<Recorded> = Vec::new();
    wire::for_each(reader, &key::values_at(kpi.name(), window), &mut |_, bytes| {
        let value: Recorded = wire::read(bytes)?;
        let is_meant = |(name, wanted): (&String, &Value)| {
            value.dimensions.get(name).is_some_and(|held| is_same(held, wanted))
        };
        if filter.iter().all(is_meant) {
            found.push(value);
        }
        Ok(found.len() <= VALUES_SHOWN_MAX)
    })?;
    if found.len() == 1
        && let Some(value) = found.pop()
    {
        return Ok(value);
    }
    let reason = if found.is_empty() {
        format!("kpi `{}` has no such value in the window {window}", kpi.name())
    } else {
        let texts: Vec<String> = found
            .iter()
            .take(VALUES_SHOWN_MAX)
            .map(|value| wire::text_of(&value.dimensions))
            .collect();
        format!("several values are meant: {}", texts.join("; "))
    };
    let hint = format!("`craton kpi get {}` lists them", kpi.name());
    Err(Problem::from(kernel::Error::Parameters { reason }).with_hint(hint))
}

/// A value that was written on a command line is text, whatever the dimension is.
fn is_same(held: &Value, wanted: &Value) -> bool {
    held == wanted || wanted.as_str() == Some(held.to_string().as_str())
}

/// Returns the shape that has this one value.
fn shape_of(value: &Recorded, window: super::window::Grain) -> Shape {
    let filter: BTreeMap<String, Vec<Value>> =
        value.dimensions.iter().map(|(name, value)| (name.clone(), vec![value.clone()])).collect();
    Shape {
        grain: window,
        dimensions: value.dimensions.keys().cloned().collect(),
        from: Some(value.window),
        to: Some(value.window_end),
        filter,
    }
}

/// Returns the rows behind a value, as far as the caller may read them.
fn rows_of(
    data: &Data,
    reader: &Reader,
    call: &Call,
    metric: &Metric,
    shape: &Shape,
    evaluation: &Evaluation,
    limit: usize,
) -> Result<Value, Problem> {
    let text = sql::rows_behind(metric, shape, limit);
    let own = Arc::new(Reader::new(reader.kernel(), reader.caller().clone())?);
    let behalf = call.on_behalf_of.clone();
    let catalog = Catalog::new(&data.shared, own.as_ref(), Some(Arc::clone(&own)), behalf)
        .with_ends(evaluation.sources.clone());
    let asked = catalog.tables(crate::sql::guard::Text::own(&text.sql), reader.caller()).and_then(
        |tables| {
            let question = Question {
                who: reader.caller(),
                sql: text.sql.clone(),
                tables,
                business: evaluation.at,
                rows_max: usize::MAX,
            };
            ask::rows(&data.shared, own.as_ref(), question)
        },
    );
    let mut answer = json!({"metric": metric.name, "from": metric.spec.from, "sql": text.sql});
    match asked {
        Ok(rows) => answer["rows"] = json!(rows),
        Err(problem) => answer["problem"] = json!(problem),
    }
    Ok(answer)
}
