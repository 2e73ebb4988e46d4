//! Everything that can be done with streams, tables, views and SQL.

use crate::catalog::{Catalog, PUBLIC, view_spec};
use crate::engine::{Data, Shared};
use crate::erasure::ask;
use crate::lend;
use crate::metrics::sql::METRICS;
use crate::rights::{Named, decide};
use crate::sql::describe::{self, Described};
use crate::sql::guard::{self, Dialect, Text};
use crate::sql::page::Page;
use crate::sql::parameters::Parameter;
use crate::sql::postgres::About;
use crate::sql::postgres::types::Type;
use crate::sql::queries::{self, Asker, Running};
use crate::sql::run::{self, Format, Query, What};
use crate::streams::body::MEDIA;
use crate::streams::{append, read as reading};
use crate::tables::record::{self, Wish};
use crate::{Config, Error, counts};
use base::Problem;
use kernel::{
    Call, Operation, Principal, Read, Reader, Reply, ResourceRef, Right, decide, operation, read,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What reads of relations take in their query.
pub(crate) const LIMIT: &[(&str, &str)] =
    &[("limit", "How many rows at most; 1,000 where absent.")];

const APPEND_QUERY: &[(&str, &str)] = &[(
    "on_error",
    "`refuse` (all rows or none) or `set_aside` (good rows are kept, the others go to NAME_set_aside).",
)];

/// Every operation of the engine.
pub(crate) fn operations(data: &Arc<Data>) -> Vec<Operation> {
    let mut all = streams(data);
    all.extend(tables(data));
    all.extend(erasures(data));
    all.extend(relations(data));
    all.extend(queries(data));
    all.extend(crate::queries::operations::operations(data));
    all.extend(crate::browse::operations::operations(data));
    all.extend(crate::metrics::operations::operations(data));
    all.extend(crate::quality::operations::operations(data));
    all
}

fn streams(data: &Arc<Data>) -> Vec<Operation> {
    use Right::{Read, Write};
    vec![
        operation(
            "stream.append",
            Write,
            "Appends rows, all of them or none.",
            decide(data, |data: &Data, tx, call| {
                let stream = data.stream(tx, &call.resource.name)?;
                let rules = data.rules_of(tx, &stream)?;
                let reply = append::append(&stream, &rules, &data.shared.config, tx, call)?;
                data.shared.note_appended(&stream.name, call.body.len(), &reply);
                counts::carry(tx, &stream.name, &reply);
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
                "faults": {"type": "array", "description": "Why rows of the body were set aside, 1,000 at most.", "items": {
                    "type": "object",
                    "properties": {
                        "row": {"type": "integer", "description": "Which row of the body, from 1."},
                        "reason": {"type": "string"},
                    },
                }},
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
    ]
}

fn tables(data: &Arc<Data>) -> Vec<Operation> {
    use Right::{Manage, Read, Write};
    vec![
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
            decide(data, |data: &Data, tx, call| record::record(&data.shared.config, tx, call)),
        )
        .takes(json!({"type": "object", "required": ["step"], "properties": {"step": {}}}))
        .internal(),
    ]
}

fn erasures(data: &Arc<Data>) -> Vec<Operation> {
    use Right::Manage;
    vec![
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
    ]
}

fn relations(data: &Arc<Data>) -> Vec<Operation> {
    use Right::Read;
    vec![
        operation("view.read", Read, "Returns the rows of a view.", read(data, rows_of))
            .queries(LIMIT)
            .answers(rows_schema()),
        operation("relation.read", Read, "Returns the rows of a relation.", read(data, rows_of))
            .queries(LIMIT)
            .answers(rows_schema()),
    ]
}

fn queries(data: &Arc<Data>) -> Vec<Operation> {
    use Right::{Read, Run};
    vec![
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
            "sql.lend",
            Read,
            "Answers what another unit asks of a relation that is lent to it, in pages.",
            read(data, |data: &Data, reader, call| lend::run::lend(&data.shared, reader, call)),
        )
        .on_kind()
        .takes(json!({"type": "object", "required": ["relation"], "properties": {"relation": {}}}))
        .internal(),
        operation(
            "sql.list",
            Read,
            "Returns the queries that run: the caller's own, or all for who may cancel them.",
            read(data, list),
        )
        .on_kind()
        .answers(json!({
            "type": "object",
            "required": ["items"],
            "properties": {"items": {"type": "array", "items": {"type": "object"}}},
        })),
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

pub(crate) fn rows_schema() -> Value {
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
            "tag": {
                "type": "string",
                "maxLength": queries::TAG_BYTES_MAX,
                "description": "What the caller names the query, so that `running.kill` can end it.",
            },
            "parameters": {
                "type": "array",
                "description": "The values of `$1`, `$2` …: JSON values, or `{\"type\": \"int8\", \"value\": …}`.",
            },
            "limits": limits_schema(),
        },
    })
}

/// Returns the JSON schema of the limits of a query.
pub(crate) fn limits_schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "rows": {
                "type": "integer",
                "minimum": 0,
                "description": "Rows of the result. More than `result_rows_max` of ndjson, csv or arrow are an export.",
            },
            "ms": {"type": "integer", "minimum": 1},
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
    #[serde(default)]
    format: Format,
    #[serde(default)]
    dialect: Dialect,
    #[serde(default)]
    parameters: Vec<Value>,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    tag: Option<String>,
}

#[derive(Deserialize)]
struct Describe {
    sql: String,
    #[serde(default)]
    dialect: Dialect,
    #[serde(default)]
    types: Vec<Option<String>>,
}

/// A statement that is to be answered.
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) format: Format,
    pub(crate) dialect: Dialect,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) limits: Limits,
    /// What the caller names it.
    pub(crate) tag: Option<String>,
    /// Which part of the answer is wanted.
    pub(crate) page: Page,
}

/// How much a query may give and take.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    rows: Option<usize>,
    ms: Option<u64>,
}

impl Limits {
    /// Returns how many rows a result in this form may have, and how many milliseconds it may take. A form that is written row by
    /// row never stands in memory as a whole: whoever asks for more rows than others may have gets them, as an export.
    fn within(&self, format: Format, config: &Config) -> (usize, u64) {
        let rows = self.rows.unwrap_or(config.result_rows_max);
        let is_export = format.is_by_row() && config.result_rows_max < rows;
        let (rows_max, ms_max) = if is_export {
            (config.export_rows_max.max(config.result_rows_max), config.export_ms_max)
        } else {
            (config.result_rows_max, config.query_ms_max)
        };
        (rows.min(rows_max), self.ms.unwrap_or(ms_max).min(ms_max))
    }
}

fn query(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let Request { sql, format, dialect, parameters, limits, tag } = call.parameters()?;
    if data.shared.config.parameters_max < parameters.len() {
        let what = format!("{} parameters", data.shared.config.parameters_max);
        return Err(Error::Exhausted { what }.into());
    }
    let numbered = parameters.into_iter().enumerate();
    let parameters = numbered.map(|(at, value)| Parameter::read(at + 1, value));
    let parameters = parameters.collect::<Result<Vec<_>, Error>>()?;
    let page = Page::default();
    let statement = Statement { sql, format, dialect, parameters, limits, tag, page };
    answer(data, reader, call, statement)
}

/// Answers a statement, as the caller may see its relations and under his limits.
///
/// # Errors
/// What the statement says: `sql.invalid`, `sql.not_allowed`, `sql.exhausted`, `sql.busy`, `quota.exceeded`.
pub(crate) fn answer(
    data: &Data,
    reader: &Reader,
    call: &Call,
    request: Statement,
) -> Result<Reply, Problem> {
    let shared = &data.shared;
    let kernel = reader.kernel();
    let asker = Asker { tag: request.tag.as_deref(), ..Asker::caller(reader, &request.sql) };
    let mut entry = queries::enter(shared, reader, &asker)?;
    entry.trace(kernel.tracer(), call.trace.as_ref());
    if let Some(ending) = &call.ending {
        let stop = Arc::clone(&entry.stop);
        ending.on_end(move || stop.set());
    }
    let what = what(data, reader, call, Text { sql: &request.sql, dialect: request.dialect })?;
    let format = request.format;
    let (rows_max, ms_max) = request.limits.within(format, &shared.config);
    let query = Query {
        sql: request.sql,
        dialect: request.dialect,
        parameters: request.parameters,
        page: request.page,
        what,
        user: reader.caller().name().to_owned(),
        format,
        rows_max,
        ms_max,
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

/// Reads a table, a view, a metric or a relation by its name.
pub(crate) fn rows_of(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let ResourceRef { kind, name } = &call.resource;
    let (schema, name) = match kind.as_str() {
        "view" => match reader.resource("view", name)? {
            Some(view) => (view_spec(&view)?.schema, name.clone()),
            None => {
                return Err(kernel::Error::NotFound { resource: call.resource.to_string() }.into());
            }
        },
        "metric" => (METRICS.into(), name.clone()),
        "relation" => match name.split_once('.') {
            Some((schema, name)) => (schema.to_owned(), name.to_owned()),
            None => (PUBLIC.into(), name.clone()),
        },
        _ => (PUBLIC.into(), name.clone()),
    };
    let limit =
        call.number("limit")?.unwrap_or(1_000).min(data.shared.config.result_rows_max as u64);
    let sql = format!("SELECT * FROM {}.{} LIMIT {limit}", quoted(&schema), quoted(&name));
    let request = Statement {
        sql,
        format: Format::Json,
        dialect: Dialect::Craton,
        parameters: Vec::new(),
        limits: Limits::default(),
        tag: None,
        page: Page::default(),
    };
    answer(data, reader, call, request)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What stands in place of the text of a query that the caller may not read.
const NOT_SHOWN: &str = "(not shown)";

/// Returns the running queries that a caller may see: its own, or all where it may cancel them. What others ask can name
/// values that a role hides from the caller.
pub(crate) fn visible(
    shared: &Shared,
    read: &dyn Read,
    caller: &Principal,
) -> Result<Vec<Running>, Problem> {
    let kernel = read.kernel();
    let is_all =
        kernel.is_allowed(read, "sql.cancel", &ResourceRef::new("sql", ""), caller, None)?;
    let is_restricted = kernel.is_restricted(read, caller)?;
    let mut visible = Vec::new();
    for mut running in shared.queries.list() {
        let is_own = running.principal == *caller;
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
    let items = visible(&data.shared, reader, reader.caller())?.into_iter().map(|running| {
        json!({
            "id": running.id, "principal": running.principal, "sql": running.text,
            "tag": running.tag, "since": running.since,
        })
    });
    Ok(Reply::Value(json!({"items": items.collect::<Value>()})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_export_exceeds_the_limits_of_a_result() {
        let config = Config {
            result_rows_max: 10,
            query_ms_max: 20,
            export_rows_max: 1_000,
            export_ms_max: 2_000,
            ..Config::default()
        };
        let within = |rows, ms, format| Limits { rows, ms }.within(format, &config);
        assert_eq!(within(None, None, Format::Csv), (10, 20));
        assert_eq!(within(Some(5), Some(7), Format::Csv), (5, 7));
        assert_eq!(within(Some(10), Some(100), Format::Arrow), (10, 20));
        assert_eq!(within(Some(11), None, Format::Arrow), (11, 2_000));
        assert_eq!(within(Some(usize::MAX), Some(500), Format::Ndjson), (1_000, 500));
        // A list in memory, or a table of one, is never an export.
        assert_eq!(within(Some(1_000), None, Format::Json), (10, 20));
        assert_eq!(within(Some(1_000), None, Format::Table), (10, 20));
    }
}
