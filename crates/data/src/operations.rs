//! Everything that can be done with streams, tables, views and SQL.

use crate::Error;
use crate::catalog::{Catalog, PUBLIC, view_spec};
use crate::engine::{Data, Shared};
use crate::sql::describe::{self, Described};
use crate::sql::guard::{self, Dialect, Text};
use crate::sql::parameters::Parameter;
use crate::sql::postgres::About;
use crate::sql::postgres::types::Type;
use crate::sql::queries::Running;
use crate::sql::run::{self, Format, Query, What};
use crate::streams::body::MEDIA;
use crate::streams::{append, read as reading};
use base::Problem;
use kernel::{Call, Operation, Read, Reader, Reply, ResourceRef, Right, decide, operation, read};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What reads of relations take in their query.
const LIMIT: &[(&str, &str)] = &[("limit", "How many rows at most; 1,000 where absent.")];

const APPEND_QUERY: &[(&str, &str)] = &[(
    "on_error",
    "`refuse` (all rows or none) or `set_aside` (good rows are kept, the others go to NAME_set_aside).",
)];

/// Every operation of the engine.
pub(crate) fn operations(data: &Arc<Data>) -> Vec<Operation> {
    use Right::{Read, Run, Write};
    vec![
        operation(
            "stream.append",
            Write,
            "Appends rows, all of them or none.",
            decide(data, |data: &Data, tx, call| {
                let stream = data.stream(tx, &call.resource.name)?;
                append::append(&stream, &data.shared.config, tx, call)
            }),
        )
        .takes_raw(MEDIA)
        .queries(APPEND_QUERY)
        .answers(json!({
            "type": "object",
            "required": ["offset", "count"],
            "properties": {
                "offset": {"type": "integer", "description": "The offset of the first row."},
                "count": {"type": "integer", "description": "How many rows were appended."},
                "set_aside": {"type": "integer", "description": "How many were set aside."},
            },
        }))
        .counted(),
        operation(
            "stream.read",
            Read,
            "Returns rows from an offset on; waits for some where it is asked to.",
            read(data, |data: &Data, reader, call| {
                let stream = data.stream(reader, &call.resource.name)?;
                reading::read(&stream, &data.shared.config, reader, call)
            }),
        )
        .queries(reading::QUERY)
        .answers(json!({
            "type": "object",
            "required": ["rows", "next", "end"],
            "properties": {
                "rows": {"type": "array", "items": {"type": "object"}},
                "next": {"type": "integer", "description": "The offset to go on from."},
                "end": {"type": "integer", "description": "The offset behind the last row."},
            },
        })),
        operation("table.read", Read, "Returns the newest row of each key.", read(data, rows_of))
            .queries(LIMIT)
            .answers(rows_schema()),
        operation("view.read", Read, "Returns the rows of a view.", read(data, rows_of))
            .queries(LIMIT)
            .answers(rows_schema()),
        operation("relation.read", Read, "Returns the rows of a relation.", read(data, rows_of))
            .queries(LIMIT)
            .answers(rows_schema()),
        operation(
            "sql.query",
            Read,
            "Answers a SQL query over what the caller may see.",
            read(data, query),
        )
        .on_kind()
        .takes(query_schema())
        .answers(json!({})),
        operation(
            "sql.describe",
            Read,
            "Says what a SQL query takes and gives, without running it.",
            read(data, describe),
        )
        .on_kind()
        .takes(describe_schema())
        .answers(described_schema()),
        operation(
            "sql.list",
            Read,
            "Returns the queries that run: the caller's own, or all for who may cancel them.",
            read(data, list),
        )
        .on_kind()
        .answers(json!({"type": "array", "items": {"type": "object"}})),
        operation(
            "sql.cancel",
            Run,
            "Ends a query that runs.",
            read(data, |data: &Data, _, call| {
                data.shared.queries.cancel(call.text("id").unwrap_or_default())?;
                Ok(Reply::Value(json!({})))
            }),
        )
        .on_kind()
        .takes(json!({
            "type": "object",
            "required": ["id"],
            "additionalProperties": false,
            "properties": {"id": {"type": "string"}},
        })),
    ]
}

fn rows_schema() -> Value {
    json!({"type": "array", "items": {"type": "object"}})
}

fn query_schema() -> Value {
    json!({
        "type": "object",
        "required": ["sql"],
        "additionalProperties": false,
        "properties": {
            "sql": {"type": "string"},
            "format": {"enum": ["json", "ndjson", "table", "csv", "arrow"]},
            "dialect": dialect_schema(),
            "parameters": {
                "type": "array",
                "description": "The values of `$1`, `$2` …: JSON values, or `{\"type\": \"int8\", \"value\": …}`.",
            },
            "limits": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "rows": {"type": "integer", "minimum": 0},
                    "ms": {"type": "integer", "minimum": 1},
                },
            },
        },
    })
}

fn dialect_schema() -> Value {
    json!({
        "enum": ["craton", "postgres"],
        "description": "`postgres`: as clients of PostgreSQL write, with its catalogue.",
    })
}

fn describe_schema() -> Value {
    json!({
        "type": "object",
        "required": ["sql"],
        "additionalProperties": false,
        "properties": {
            "sql": {"type": "string"},
            "dialect": dialect_schema(),
            "types": {
                "type": "array",
                "items": {"type": ["string", "null"]},
                "description": "The types of `$1`, `$2` … as far as they are known.",
            },
        },
    })
}

fn described_schema() -> Value {
    json!({
        "type": "object",
        "required": ["kind", "parameters", "columns"],
        "properties": {
            "kind": {"enum": ["query", "catalogue"]},
            "parameters": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Types by the names of PostgreSQL.",
            },
            "columns": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "type": {"type": "string"},
                        "modifier": {"type": "integer"},
                    },
                },
            },
        },
    })
}

#[derive(Deserialize)]
struct Request {
    sql: String,
    #[serde(default = "json_format")]
    format: Format,
    #[serde(default)]
    dialect: Dialect,
    #[serde(default)]
    parameters: Vec<Value>,
    #[serde(default)]
    limits: Limits,
}

#[derive(Deserialize)]
struct Describe {
    sql: String,
    #[serde(default)]
    dialect: Dialect,
    #[serde(default)]
    types: Vec<Option<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    rows: Option<usize>,
    ms: Option<u64>,
}

fn json_format() -> Format {
    Format::Json
}

fn query(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let request: Request = call.parameters()?;
    answer(data, reader, call, request)
}

fn answer(data: &Data, reader: &Reader, call: &Call, request: Request) -> Result<Reply, Problem> {
    let shared = &data.shared;
    let kernel = reader.kernel();
    let wall = kernel.clock().wall();
    if shared.config.parameters_max < request.parameters.len() {
        let what = format!("{} parameters", shared.config.parameters_max);
        return Err(Error::Exhausted { what }.into());
    }
    let entry = shared.queries.enter(&shared.config, reader.caller(), &request.sql, wall)?;
    if let Some(ending) = &call.ending {
        let stop = Arc::clone(&entry.stop);
        ending.on_end(move || stop.set());
    }
    let numbered = request.parameters.into_iter().enumerate();
    let parameters = numbered.map(|(at, value)| Parameter::read(at + 1, value));
    let parameters = parameters.collect::<Result<Vec<_>, Error>>()?;
    let what = what(data, reader, call, Text { sql: &request.sql, dialect: request.dialect })?;
    let format = request.format;
    let query = Query {
        sql: request.sql,
        dialect: request.dialect,
        parameters,
        what,
        user: reader.caller().name().to_owned(),
        format,
        rows_max: request.limits.rows.unwrap_or(usize::MAX).min(shared.config.result_rows_max),
        ms_max: request.limits.ms.unwrap_or(u64::MAX).min(shared.config.query_ms_max),
        business: call.at.unwrap_or_else(|| reader.business()),
        entry,
    };
    let pieces = run::start(shared, Arc::clone(kernel.clock()), query)?;
    Ok(Reply::Stream { media: format.media(), pieces: Box::new(pieces) })
}

/// Returns what a statement reads, as far as the caller may see it.
fn what(data: &Data, reader: &Reader, call: &Call, text: Text<'_>) -> Result<What, Problem> {
    let shared = &data.shared;
    // A view of the store that lives as long as the query: relations are read while it runs.
    let own = Arc::new(Reader::new(reader.kernel(), reader.caller().clone())?);
    let catalog =
        Catalog::new(shared, own.as_ref(), Some(Arc::clone(&own)), call.on_behalf_of.clone());
    let about = match text.dialect {
        Dialect::Craton => About::Rows,
        Dialect::Postgres => guard::about(text.sql, &shared.config)?,
    };
    Ok(match about {
        About::Rows => What::Tables(catalog.tables(text, reader.caller())?),
        About::Catalogue => What::Catalogue(catalog.listing(reader.caller())?),
    })
}

fn describe(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let request: Describe = call.parameters()?;
    let text = Text { sql: &request.sql, dialect: request.dialect };
    let described = Described {
        text,
        types: request.types.iter().map(|name| Type::named(name.as_deref()?)).collect(),
        what: what(data, reader, call, text)?,
        user: reader.caller().name(),
        business: call.at.unwrap_or_else(|| reader.business()),
    };
    let value = guard::with_stack(|| describe::describe(&data.shared, &described))??;
    Ok(Reply::Value(value))
}

/// Reads a table, a view or a relation by its name.
fn rows_of(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let ResourceRef { kind, name } = &call.resource;
    let (schema, name) = match kind.as_str() {
        "view" => match reader.resource("view", name)? {
            Some(view) => (view_spec(&view)?.schema, name.clone()),
            None => {
                return Err(kernel::Error::NotFound { resource: call.resource.to_string() }.into());
            }
        },
        "relation" => match name.split_once('.') {
            Some((schema, name)) => (schema.to_owned(), name.to_owned()),
            None => (PUBLIC.into(), name.clone()),
        },
        _ => (PUBLIC.into(), name.clone()),
    };
    let limit =
        call.number("limit")?.unwrap_or(1_000).min(data.shared.config.result_rows_max as u64);
    let sql = format!("SELECT * FROM {}.{} LIMIT {limit}", quoted(&schema), quoted(&name));
    let request = Request {
        sql,
        format: Format::Json,
        dialect: Dialect::Craton,
        parameters: Vec::new(),
        limits: Limits::default(),
    };
    answer(data, reader, call, request)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns the running queries that a caller may see: its own, or all where it may cancel them.
pub(crate) fn visible(shared: &Shared, reader: &Reader) -> Result<Vec<Running>, Problem> {
    let is_all = reader.allows("sql.cancel", &ResourceRef::new("sql", ""))?;
    let running = shared.queries.list().into_iter();
    Ok(running.filter(|running| is_all || running.principal == *reader.caller()).collect())
}

fn list(data: &Data, reader: &Reader, _call: &Call) -> Result<Reply, Problem> {
    let running = visible(&data.shared, reader)?.into_iter().map(|running| {
        json!({"id": running.id, "principal": running.principal, "sql": running.text, "since": running.since})
    });
    Ok(Reply::Value(running.collect()))
}
