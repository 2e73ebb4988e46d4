//! What the engine itself offers to SQL: `system.streams`, `system.queries`, and what metrics and quality rules add.

use crate::catalog::base_of;
use crate::engine::Shared;
use crate::streams::append::{log_of, set_aside_log_of};
use kernel::{Cell, Column, ColumnType, Read, Relation, ResourceRef};
use std::sync::Arc;

/// Returns the relations.
pub(crate) fn relations(shared: &Arc<Shared>) -> Vec<Relation> {
    let mut all = vec![streams(), queries(shared)];
    all.extend(crate::metrics::relations::relations());
    all.extend(crate::quality::relations::relations());
    all
}

fn relation(name: &str, summary: &str, columns: Vec<Column>, rows: kernel::Rows) -> Relation {
    Relation {
        schema: "system".into(),
        name: name.into(),
        summary: summary.into(),
        columns,
        resource: ResourceRef::new("relation", format!("system.{name}")),
        rows,
    }
}

fn streams() -> Relation {
    let columns = vec![
        Column::new("name", ColumnType::Text, "The stream."),
        Column::new("rows", ColumnType::Int, "How many rows it has."),
        Column::new("first_offset", ColumnType::Int, "The offset of its first row."),
        Column::new("set_aside", ColumnType::Int, "How many rows were set aside."),
    ];
    let int = |number: u64| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let rows: kernel::Rows = Arc::new(move |reader, _scan, row| {
        for stream in reader.resources("stream")? {
            if !reader.allows("stream.read", &stream.reference())? {
                continue;
            }
            let (log, aside) = (log_of(&stream.name), set_aside_log_of(&stream.name));
            let base = base_of(reader, &log)?;
            let count = reader.log_end(&log)?.saturating_sub(base);
            let aside = reader.log_end(&aside)?.saturating_sub(base_of(reader, &aside)?);
            if !row(vec![Cell::Text(stream.name.clone()), int(count), int(base), int(aside)])? {
                break;
            }
        }
        Ok(())
    });
    relation("streams", "Streams and how many rows they have.", columns, rows)
}

fn queries(shared: &Arc<Shared>) -> Relation {
    let columns = vec![
        Column::new("id", ColumnType::Text, "The query."),
        Column::new("principal", ColumnType::Text, "Who asked."),
        Column::new("sql", ColumnType::Text, "What was asked; the first 1,000 characters."),
        Column::new("since", ColumnType::Time, "When it began, wall time."),
    ];
    // Through a weak pointer: relations may outlive the engine in a plan.
    let shared = Arc::downgrade(shared);
    let rows: kernel::Rows = Arc::new(move |reader, _scan, row| {
        let Some(shared) = shared.upgrade() else { return Ok(()) };
        for running in crate::operations::visible(&shared, reader)? {
            let cells = vec![
                Cell::Text(running.id),
                Cell::Text(running.principal.to_string()),
                Cell::Text(running.text),
                Cell::Time(running.since.0),
            ];
            if !row(cells)? {
                break;
            }
        }
        Ok(())
    });
    relation("queries", "The queries that run now.", columns, rows)
}
