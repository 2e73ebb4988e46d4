//! Everything that can be done with queries.

use super::{keep, run, show};
use crate::engine::Data;
use crate::metrics::operations::schema;
use crate::operations::limits_schema;
use kernel::{Operation, Right, decide, operation, read};
use serde_json::json;
use std::sync::Arc;

/// Returns the lines of the table.
pub(crate) fn operations(data: &Arc<Data>) -> Vec<Operation> {
    use Right::{Read, Write};
    vec![
        operation(
            "query.list",
            Read,
            "Lists the queries that the caller may see.",
            read(data, show::list),
        )
        .on_kind()
        .queries(show::QUERY)
        .answers(json!({"type": "object", "required": ["items"], "properties": {
            "items": {"type": "array", "items": {"type": "object"}},
            "next": {"type": ["string", "null"], "description": "`after` of the next list."},
        }})),
        operation(
            "query.get",
            Read,
            "Shows a query, its parameters and the columns of its answer.",
            read(data, show::get),
        )
        .answers(json!({"type": "object"})),
        operation(
            "query.run",
            Read,
            "Answers a query with values for its parameters, over what the caller may see.",
            read(data, run::run),
        )
        .takes(run::schema(&limits_schema()))
        .answers(json!({})),
        operation(
            "query.save",
            Write,
            "Saves a query under a name. It belongs to who saves it first.",
            decide(data, keep::save),
        )
        .on_kind()
        .takes(schema::<keep::Save>())
        .answers(json!({"type": "object", "required": ["name", "version"], "properties": {
            "name": {"type": "string"},
            "version": {"type": "integer"},
        }})),
        operation(
            "query.delete",
            Write,
            "Deletes a query, by its owner or by who may manage it; its history stays.",
            decide(data, keep::delete),
        )
        .answers(json!({"type": "object"})),
    ]
}
