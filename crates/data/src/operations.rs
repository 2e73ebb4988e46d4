//! Everything that can be done with streams, tables, views and SQL.

use crate::catalog::{Catalog, PUBLIC, view_spec};
use crate::engine::{Data, Shared};
use crate::erasure::ask;
use crate::rights::{Named, decide};
use crate::sql::queries::Running;
use crate::sql::run::{self, Format, Query};
use crate::streams::body::MEDIA;
use crate::streams::{append, read as reading};
use crate::tables::record::{self, Wish};
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
    use Right::{Manage, Read, Run, Write};
    vec![
        operation(
            "stream.append",
            Write,
            "Appends rows, all of them or none.",
            decide(data, |data: &Data, tx, call| {
                let stream = data.stream(tx, &call.resource.name)?;
                let reply = append::append(&stream, &data.shared.config, tx, call)?;
                data.shared.note_appended(&stream.name, call.body.len(), &reply);
                Ok(reply)
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
                decide::check_whole(reader, &Named::stream(&stream.name), call)?;
                reading::read(&stream, &data.shared, reader, call)
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
        operation(
            "table.seal",
            Write,
            "Asks that all rows so far be put into files, for readers of Delta.",
            decide(data, |_: &Data, tx, call| record::wish(tx, call, Wish::Seal)),
        ),
        operation(
            "table.compact",
            Write,
            "Asks that small files be made one.",
            decide(data, |_: &Data, tx, call| record::wish(tx, call, Wish::Compact)),
        ),
        operation(
            "table.vacuum",
            Manage,
            "Asks that files that no reader needs any more be deleted.",
            decide(data, |_: &Data, tx, call| record::wish(tx, call, Wish::Vacuum)),
        ),
        operation(
            "table.record",
            Manage,
            "Records a step of the work on a table. Only the unit itself may.",
            decide(data, |_: &Data, tx, call| record::record(tx, call)),
        )
        .takes(json!({"type": "object", "required": ["step"], "properties": {"step": {}}})),
        operation(
            "data.erase",
            Manage,
            "Asks that all rows of a subject be erased, from streams, tables and the disk.",
            decide(data, ask::erase),
        )
        .on_kind()
        .takes(ask::schema())
        .answers(erasure_schema()),
        operation(
            "data.find",
            Manage,
            "Counts the rows of a subject, stream by stream. Changes nothing.",
            read(data, ask::look),
        )
        .on_kind()
        .takes(ask::schema())
        .answers(json!({
            "type": "object",
            "required": ["rows", "streams"],
            "properties": {
                "rows": {"type": "integer", "description": "How many rows there are in all."},
                "streams": {"type": "array", "items": {"type": "object"}},
                "not_reached": {"type": "array", "items": {"type": "string"}},
            },
        })),
        operation(
            "data.erasures",
            Manage,
            "Returns the erasures and how far they are; waits for one where it is asked to.",
            read(data, ask::list),
        )
        .on_kind()
        .queries(ask::QUERY)
        .answers(json!({
            "type": "object",
            "required": ["items"],
            "properties": {"items": {"type": "array", "items": erasure_schema()}},
        })),
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

fn erasure_schema() -> Value {
    json!({
        "type": "object",
        "required": ["id", "state", "streams"],
        "properties": {
            "id": {"type": "integer", "description": "The number of the erasure."},
            "state": {"enum": ["rows", "views", "disk", "done"]},
            "subject_hash": {"type": "string", "description": "SHA-256 of `salt` and the subject."},
            "streams": {"type": "array", "items": {"type": "object"}},
        },
    })
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

#[derive(Deserialize)]
struct Request {
    sql: String,
    #[serde(default = "json_format")]
    format: Format,
    #[serde(default)]
    limits: Limits,
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
    let entry = shared.queries.enter(&shared.config, reader.caller(), &request.sql, wall)?;
    // A view of the store that lives as long as the query: relations are read while it runs.
    let own = Arc::new(Reader::new(kernel, reader.caller().clone())?);
    let catalog =
        Catalog::new(shared, own.as_ref(), Some(Arc::clone(&own)), call.on_behalf_of.clone());
    let tables = catalog.tables(&request.sql, reader.caller())?;
    let format = request.format;
    let query = Query {
        sql: request.sql,
        tables,
        format,
        rows_max: request.limits.rows.unwrap_or(usize::MAX).min(shared.config.result_rows_max),
        ms_max: request.limits.ms.unwrap_or(u64::MAX).min(shared.config.query_ms_max),
        business: call.at.unwrap_or_else(|| reader.business()),
        entry,
    };
    let pieces = run::start(shared, Arc::clone(kernel.clock()), query)?;
    Ok(Reply::Stream { media: format.media(), pieces: Box::new(pieces) })
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
    answer(data, reader, call, Request { sql, format: Format::Json, limits: Limits::default() })
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What stands in place of the text of a query that the caller may not read.
const NOT_SHOWN: &str = "(not shown)";

/// Returns the running queries that a caller may see: its own, or all where it may cancel them. What others ask can name
/// values that a role hides from the caller.
pub(crate) fn visible(shared: &Shared, reader: &Reader) -> Result<Vec<Running>, Problem> {
    let is_all = reader.allows("sql.cancel", &ResourceRef::new("sql", ""))?;
    let is_restricted = reader.kernel().is_restricted(reader, reader.caller())?;
    let mut visible = Vec::new();
    for mut running in shared.queries.list() {
        let is_own = running.principal == *reader.caller();
        if is_restricted && !is_own {
            running.text = NOT_SHOWN.into();
        }
        if is_all || is_own {
            visible.push(running);
        }
    }
    Ok(visible)
}

fn list(data: &Data, reader: &Reader, _call: &Call) -> Result<Reply, Problem> {
    let running = visible(&data.shared, reader)?.into_iter().map(|running| {
        json!({"id": running.id, "principal": running.principal, "sql": running.text, "since": running.since})
    });
    Ok(Reply::Value(running.collect()))
}
