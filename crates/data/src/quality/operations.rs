//! Everything that can be done with quality rules.

use super::run;
use crate::engine::Data;
use kernel::{Operation, Right, decide, operation, read};
use serde_json::json;
use std::sync::Arc;

/// Returns the lines of the table.
pub(crate) fn operations(data: &Arc<Data>) -> Vec<Operation> {
    use Right::{Manage, Read, Run};
    vec![
        operation(
            "quality.list",
            Read,
            "Lists quality rules with what they found last.",
            read(data, run::list),
        )
        .on_kind()
        .answers(json!({"type": "object", "properties": {
            "items": {"type": "array", "items": {"type": "object"}},
        }})),
        operation(
            "quality.get",
            Read,
            "Shows quality rules with their counts by rule and day.",
            read(data, run::get),
        )
        .queries(run::QUERY)
        .answers(json!({"type": "object"})),
        operation(
            "quality.run",
            Run,
            "Has the rules over a table evaluated now.",
            decide(data, run::run),
        )
        .answers(json!({"type": "object"})),
        operation(
            "quality.compute",
            Read,
            "Evaluates the rules over a table.",
            read(data, run::compute),
        )
        .internal(),
        operation(
            "quality.record",
            Manage,
            "Records what the rules over a table found.",
            decide(data, run::record),
        )
        .internal(),
    ]
}
