//! What things show to SQL, and how their relations are read.

use crate::engine::Fleet;
use crate::{broker, commands, registry, rules, twin};
use base::Problem;
use kernel::{Cell, Column, Reader, Relation, Scan};
use std::sync::Arc;

/// Takes a row and says whether it wants more.
pub(crate) type Row<'a> = &'a mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>;

/// Gives the rows of a relation.
pub(crate) type Rows = fn(&Fleet, &Reader, &Scan, Row<'_>) -> Result<(), Problem>;

/// Returns all relations.
pub(crate) fn all(fleet: &Arc<Fleet>) -> Vec<Relation> {
    let folders = [
        registry::relations(fleet),
        twin::relations(fleet),
        commands::relations(fleet),
        broker::relations(fleet),
        rules::relations(fleet),
    ];
    folders.into_iter().flatten().collect()
}

/// Returns a relation of the schema `system`.
pub(crate) fn relation(
    fleet: &Arc<Fleet>,
    name: &str,
    summary: &str,
    columns: Vec<Column>,
    rows: Rows,
) -> Relation {
    let fleet = Arc::clone(fleet);
    let rows =
        Arc::new(move |reader: &Reader, scan: &Scan, row: Row<'_>| rows(&fleet, reader, scan, row));
    Relation::system(name, summary, columns, rows)
}

/// Returns the text that an indexed column must equal, where the query says one.
pub(crate) fn wanted(scan: &Scan, column: usize) -> Option<&str> {
    scan.equals.iter().find_map(|(number, cell)| match cell {
        Cell::Text(text) if *number == column => Some(text.as_str()),
        _ => None,
    })
}

/// Returns whether the query wants a column.
pub(crate) fn wants(scan: &Scan, column: usize) -> bool {
    scan.columns.contains(&column)
}

/// Returns a number as a cell.
pub(crate) fn int(number: u64) -> Cell {
    Cell::Int(number.cast_signed())
}
