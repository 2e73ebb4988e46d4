//! `metric.query`: a metric by any of its dimensions, calculated from the rows and not from other values.

use super::compute::table;
use super::metric::Metric;
use super::show::instant;
use super::sql::{METRICS, Shape, WINDOW, quoted};
use super::window::Grain;
use crate::catalog::Catalog;
use crate::engine::Data;
use crate::rights::{Named, decide};
use crate::sql::guard::Dialect;
use crate::sql::page::Page;
use crate::sql::queries::{self, Asker};
use crate::sql::run::{self, Format, Query, What};
use base::Problem;
use kernel::{Call, Read, Reader, Reply};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Values of one answer where nobody says.
const LIMIT: usize = 1_000;
/// Values of a dimension that one filter may name.
const CHOICES_MAX: usize = 100;

/// Which values of a metric are wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// By which dimensions: none where absent.
    #[serde(default)]
    pub(crate) dimensions: Vec<String>,
    /// Windows that begin then or later: an instant, a date, `2018-03` or `2018`.
    #[serde(default)]
    pub(crate) from: Option<String>,
    /// Windows that begin before that.
    #[serde(default)]
    pub(crate) to: Option<String>,
    /// Which rows count: for a dimension a value, or a list of values.
    #[serde(default, rename = "where")]
    pub(crate) filter: Map<String, Value>,
    /// How long windows are: as the metric says where absent.
    #[serde(default)]
    pub(crate) grain: Option<Grain>,
    /// How many values at most; 1,000 where absent.
    #[serde(default)]
    pub(crate) limit: Option<usize>,
    /// `json` (where absent), `ndjson`, `table`, `csv` or `arrow`.
    #[serde(default)]
    pub(crate) format: Option<String>,
}

/// Answers with the values, by window and dimensions.
///
/// # Errors
/// `call.invalid` for a dimension that the metric has not; what the query says.
pub(crate) fn query(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let ask: Ask = call.parameters()?;
    decide::check_whole(reader, &Named::metric(&call.resource.name), call)?;
    let shared = &data.shared;
    // Until the query has its place, what it will read stays.
    let _pin = shared.queries.pin();
    let own = Arc::new(Reader::new(reader.kernel(), reader.caller().clone())?);
    let Some(metric) = Metric::find(own.as_ref(), &shared.config, &call.resource.name)? else {
        return Err(kernel::Error::NotFound { resource: call.resource.to_string() }.into());
    };
    let shape = shape(&metric, &ask)?;
    let limit = ask.limit.unwrap_or(LIMIT).min(shared.config.result_rows_max);
    let sql = text(&metric, &shape, limit);
    let kernel = reader.kernel();
    let entry = queries::enter(shared, reader, &Asker::caller(reader, &sql))?;
    let behalf = call.on_behalf_of.clone();
    let catalog = Catalog::new(shared, own.as_ref(), Some(Arc::clone(&own)), behalf);
    let source = catalog.metric(&metric, &shape, &[], None)?;
    let format = format_of(ask.format.as_deref())?;
    let query = Query {
        sql,
        dialect: Dialect::Craton,
        parameters: Vec::new(),
        page: Page::default(),
        what: What::Tables(vec![table(&metric, source)]),
        user: reader.caller().name().to_owned(),
        format,
        rows_max: shared.config.result_rows_max,
        ms_max: shared.config.query_ms_max,
        business: call.at.unwrap_or_else(|| reader.business()),
        entry,
    };
    let pieces = run::start(shared, Arc::clone(kernel.clock()), query)?;
    Ok(Reply::Stream { media: format.media(), pieces: Box::new(pieces) })
}

fn format_of(name: Option<&str>) -> Result<Format, Problem> {
    let name = Value::from(name.unwrap_or("json"));
    serde_json::from_value(name)
        .map_err(|error| kernel::Error::Parameters { reason: format!("`format`: {error}") }.into())
}

/// Returns the query over the metric in its shape.
fn text(metric: &Metric, shape: &Shape, limit: usize) -> String {
    let keys: Vec<String> = std::iter::once(WINDOW)
        .chain(shape.dimensions.iter().map(String::as_str))
        .map(quoted)
        .collect();
    let name = quoted(&metric.name);
    format!("SELECT * FROM {METRICS}.{name} ORDER BY {} LIMIT {limit}", keys.join(", "))
}

fn shape(metric: &Metric, ask: &Ask) -> Result<Shape, Problem> {
    let named = ask.dimensions.iter().chain(ask.filter.keys());
    if let Err((reason, hint)) = metric.check_dimensions(named) {
        let problem = Problem::from(kernel::Error::Parameters { reason });
        return Err(match hint {
            Some(hint) => problem.with_hint(hint),
            None => problem,
        });
    }
    let refuse = |reason: String| Problem::from(kernel::Error::Parameters { reason });
    let mut dimensions: Vec<String> = Vec::new();
    for name in &ask.dimensions {
        if dimensions.contains(name) {
            return Err(refuse(format!("dimension `{name}` stands twice")));
        }
        dimensions.push(name.clone());
    }
    let mut filter = BTreeMap::new();
    for (name, wanted) in &ask.filter {
        let values = match wanted {
            Value::Array(values) => values.clone(),
            value => vec![value.clone()],
        };
        if CHOICES_MAX < values.len() {
            return Err(refuse(format!("`where` names more than {CHOICES_MAX} values")));
        }
        if values.iter().any(|value| value.is_object() || value.is_array()) {
            return Err(refuse(format!("`where`: `{name}` is no text, number or truth value")));
        }
        filter.insert(name.clone(), values);
    }
    let bound = |name: &str, text: &Option<String>| {
        text.as_deref().map(|text| instant(name, text)).transpose()
    };
    Ok(Shape {
        grain: ask.grain.unwrap_or(metric.grain),
        dimensions,
        from: bound("from", &ask.from)?,
        to: bound("to", &ask.to)?,
        filter,
    })
}
