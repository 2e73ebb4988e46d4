//! `query.run`: a query with values for its parameters, as its caller: his rows, his quota.

use super::show::find;
use super::text::Text;
use crate::engine::Data;
use crate::operations::{Limits, Statement, answer};
use crate::sql::guard::Dialect;
use crate::sql::page::Page;
use crate::sql::queries::TAG_BYTES_MAX;
use crate::sql::run::Format;
use base::Problem;
use kernel::{Call, Reader, Reply};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    order: Vec<String>,
    #[serde(default)]
    search: Option<crate::sql::page::Search>,
}

/// Returns the JSON schema of what `query.run` takes.
pub(crate) fn schema(limits: &Value) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "parameters": {
                "type": "object",
                "description": "The values of its parameters, by name. Those with a default may be left out.",
            },
            "format": {"enum": ["json", "ndjson", "table", "csv", "arrow"]},
            "limit": {
                "type": "integer", "minimum": 0,
                "description": "How many rows of the answer, in its order.",
            },
            "offset": {
                "type": "integer", "minimum": 0,
                "description": "How many rows are left out before.",
            },
            "order": {
                "type": "array", "items": {"type": "string"},
                "description": "Columns of the answer by which it is put in order, in place of the query's own; `-COLUMN` the other way round.",
            },
            "search": {
                "type": "object",
                "required": ["text"],
                "additionalProperties": false,
                "properties": {
                    "text": {"type": "string"},
                    "columns": {"type": "array", "items": {"type": "string"}},
                },
                "description": "Rows that have a text in one of these columns, or in any where none is named; large and small letters are the same.",
            },
            "tag": {
                "type": "string",
                "maxLength": TAG_BYTES_MAX,
                "description": "What the caller names the query, so that `running.kill` can end it.",
            },
            "limits": limits,
        },
    })
}

/// Answers a query.
///
/// # Errors
/// `query.parameter`; what `sql.query` says.
pub(crate) fn run(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let run: Run = call.parameters()?;
    let query = find(reader, &call.resource.name)?;
    let text = Text::of(&query, &data.shared.config)?;
    let parameters = text.bound(run.parameters)?;
    let Run { limit, offset, order, search, .. } = run;
    let statement = Statement {
        sql: text.sql,
        format: run.format,
        dialect: Dialect::Craton,
        parameters,
        limits: run.limits,
        tag: run.tag,
        page: Page { limit, offset, order, search },
    };
    answer(data, reader, call, statement)
}
