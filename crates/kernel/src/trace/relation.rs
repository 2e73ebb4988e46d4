//! `system.spans`: what the unit remembers of traces.

use crate::relation::{Cell, Column, ColumnType, Relation, Rows, Scan};
use crate::{Read, Reader};
use base::Problem;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Nanoseconds of a millisecond.
const MILLI: i64 = 1_000_000;

/// Returns the relation.
pub(crate) fn relation() -> Relation {
    use ColumnType::{Float, Text, Time};
    let columns = vec![
        Column::new("trace", Text, "The trace, 32 hexadecimal digits.").indexed(),
        Column::new("span", Text, "The span."),
        Column::new("parent", Text, "The span that caused it; null where it is the first."),
        Column::new("name", Text, "What it is: an operation, a route, a process, an element."),
        Column::new("kind", Text, "`internal`, `server`, `client`, `producer` or `consumer`."),
        Column::new("started_at", Time, "When it began, wall time."),
        Column::new("milliseconds", Float, "How long it took."),
        Column::new("code", Text, "The code of the problem that it ended with."),
        Column::new("attributes", Text, "What else is known of it, as JSON."),
        Column::new("links", Text, "Spans of other traces that shared the work, as JSON."),
        Column::new("nanos", ColumnType::Int, "When it began, nanoseconds since 1970: to sort by."),
    ];
    let rows: Rows = Arc::new(
        |reader: &Reader, scan: &Scan, row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
            let wanted = scan.equals.iter().find_map(|(column, cell)| match (column, cell) {
                (0, Cell::Text(trace)) => Some(trace.as_str()),
                _ => None,
            });
            for span in reader.kernel().tracer().spans() {
                let trace = span.trace.to_string();
                if wanted.is_some_and(|wanted| wanted != trace) {
                    continue;
                }
                let attributes: Map<String, Value> = span
                    .attributes
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
                    .collect();
                let links = span.links.iter().map(|(trace, span)| format!("{trace}-{span}"));
                let links: Vec<Value> = links.map(Value::from).collect();
                let cells = vec![
                    Cell::Text(trace),
                    Cell::Text(span.id.to_string()),
                    Cell::text(span.parent.map(|parent| parent.to_string())),
                    Cell::Text(span.name),
                    Cell::Text(span.kind.as_str().into()),
                    Cell::Time(span.start.div_euclid(MILLI)),
                    Cell::Float((span.end - span.start) as f64 / MILLI as f64),
                    Cell::text(span.code),
                    Cell::json(&Value::Object(attributes)),
                    Cell::json(&Value::Array(links)),
                    Cell::Int(span.start),
                ];
                if !row(cells)? {
                    break;
                }
            }
            Ok(())
        },
    );
    let summary =
        "The last spans of traces that were written down, in memory: a restart forgets them.";
    Relation::system("spans", summary, columns, rows)
}
