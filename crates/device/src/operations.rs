//! Everything that can be done with things: the tables of the folders, and what they share.

use crate::engine::Fleet;
use crate::{broker, commands, publish, registry, rules, twin};
use kernel::Operation;
use schemars::JsonSchema;
use serde_json::{Value, json};
use std::sync::Arc;

/// Returns the table.
pub(crate) fn table(fleet: &Arc<Fleet>) -> Vec<Operation> {
    let folders = [
        registry::operations(fleet),
        twin::operations(fleet),
        publish::operations(fleet),
        commands::operations(fleet),
        broker::operations(fleet),
        rules::operations(fleet),
    ];
    folders.into_iter().flatten().collect()
}

/// Returns the JSON schema of a type.
pub(crate) fn schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

/// Returns the JSON schema of one page of a list.
pub(crate) fn page(items: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "properties": {
            "items": {"type": "array", "items": items},
            "next": {"type": "string", "description": "From where to go on, as `after`; absent where this is all."},
        },
    })
}
