//! `system.measurements`: the same as `/metrics`, as rows.

use crate::relation::{Cell, Column, ColumnType, Relation, Rows, Scan};
use crate::{Read, Reader, ResourceRef};
use base::Problem;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Returns the relation.
pub(crate) fn relation() -> Relation {
    use ColumnType::{Float, Text};
    let columns = vec![
        Column::new(
            "name",
            Text,
            "The metric, with the ending of its part where it is a distribution.",
        ),
        Column::new("kind", Text, "`counter`, `gauge` or `histogram`."),
        Column::new("labels", Text, "The labels, as JSON."),
        Column::new("value", Float, "The value."),
    ];
    let rows: Rows = Arc::new(
        |reader: &Reader, _: &Scan, row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
            // It tells of everything that runs, so it takes the right to see that.
            if !reader.allows("unit.metrics", &ResourceRef::new("unit", ""))? {
                return Ok(());
            }
            for (_, sample) in reader.kernel().exposition(reader)?.samples() {
                let labels: Map<String, Value> = sample
                    .labels
                    .iter()
                    .map(|(label, value)| ((*label).to_owned(), Value::from(value.as_str())))
                    .collect();
                let cells = vec![
                    Cell::Text(sample.name),
                    Cell::Text(sample.kind.into()),
                    Cell::json(&Value::Object(labels)),
                    Cell::Float(sample.value),
                ];
                if !row(cells)? {
                    break;
                }
            }
            Ok(())
        },
    );
    let summary = "What the unit counts now, as `GET /metrics` tells it.";
    Relation::system("measurements", summary, columns, rows)
}
