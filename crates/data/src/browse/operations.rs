//! Everything that can be asked of the catalogue.

use super::{get, list, names};
use crate::engine::Data;
use kernel::{Operation, Right, operation, read};
use serde_json::json;
use std::sync::Arc;

/// Returns the lines of the table.
pub(crate) fn operations(data: &Arc<Data>) -> Vec<Operation> {
    use Right::Read;
    vec![
        operation(
            "relation.list",
            Read,
            "Lists the relations that the caller may see, with their owners, their freshness and their quality.",
            read(data, list::list),
        )
        .on_kind()
        .queries(list::QUERY)
        .answers(json!({"type": "object", "required": ["items"], "properties": {
            "items": {"type": "array", "items": {"type": "object"}},
            "next": {"type": ["string", "null"], "description": "`after` of the next list."},
        }})),
        operation(
            "relation.get",
            Read,
            "Shows a relation: its columns, its rules, its files, and what it stands on.",
            read(data, get::get),
        )
        .answers(json!({"type": "object"})),
        operation(
            "sql.catalogue",
            Read,
            "Returns the names that SQL knows, for editors that complete them.",
            read(data, names::names),
        )
        .on_kind()
        .answers(json!({"type": "object", "required": ["relations", "functions"], "properties": {
            "relations": {"type": "array", "items": {"type": "object"}},
            "functions": {"type": "array", "items": {"type": "string"}},
            "is_cut": {"type": "boolean", "description": "True where there are more than are told."},
        }})),
    ]
}
