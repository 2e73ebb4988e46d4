//! What quality rules offer to SQL: `system.quality`, by rule and day.

use super::shown::{Shown, Viewer};
use super::wire::{Count, key};
use crate::engine::Shared;
use crate::metrics::wire as stored;
use base::Problem;
use kernel::{Cell, Column, ColumnType, Reader, Relation, ResourceRef, Scan};
use std::collections::HashMap;
use std::sync::Arc;

/// Returns the relations.
pub(crate) fn relations(shared: &Arc<Shared>) -> Vec<Relation> {
    use ColumnType::{Int, Text, Time};
    let columns = vec![
        Column::new("quality", Text, "The rules that stand together.").indexed(),
        Column::new("on", Text, "The stream or table that they are for."),
        Column::new("rule", Text, "The rule."),
        Column::new("check", Text, "What it checks."),
        Column::new("action", Text, "`warn`, `set_aside` or `block`."),
        Column::new("day", Time, "The day, business time."),
        Column::new(
            "checked",
            Int,
            "How many rows were checked; this and what follows is null where a part of what the rules look at is hidden.",
        ),
        Column::new("failed", Int, "How many of them are bad."),
        Column::new(
            "first_failed",
            Int,
            "The offset of the first bad row of the day, where it was set aside or appended.",
        ),
        Column::new("reason", Text, "Why that row is bad, or a bad row."),
        Column::new("error", Text, "Why the rule could not be evaluated."),
    ];
    // Through a weak pointer: relations may outlive the engine in a plan.
    let shared = Arc::downgrade(shared);
    let rows = move |reader: &Reader,
                     scan: &Scan,
                     row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>|
          -> Result<(), Problem> {
        let Some(shared) = shared.upgrade() else { return Ok(()) };
        let mut viewer = Viewer::new(&shared, reader);
        let mut known: HashMap<String, bool> = HashMap::new();
        let wanted = scan.equals.iter().find_map(|(column, cell)| match (column, cell) {
            (0, Cell::Text(quality)) => Some(quality),
            _ => None,
        });
        let prefix = wanted.map_or_else(key::counts, |quality| key::counts_of(quality));
        let mut each = |_: &[u8], bytes: &[u8]| -> Result<bool, Problem> {
            let count: Count = stored::read(bytes)?;
            let is_visible = match known.get(&count.quality) {
                Some(known) => *known,
                None => {
                    let reference = ResourceRef::new("quality", count.quality.clone());
                    let is_visible = reader.allows("quality.get", &reference)?;
                    known.insert(count.quality.clone(), is_visible);
                    is_visible
                }
            };
            if !is_visible { Ok(true) } else { row(cells(viewer.look(count)?)) }
        };
        stored::for_each(reader, &prefix, &mut each)
    };
    let summary = "What quality rules found, by rule and day.";
    vec![Relation::system("quality", summary, columns, Arc::new(rows))]
}

fn cells(shown: Shown) -> Vec<Cell> {
    let Shown { count, is_whole } = shown;
    let int = |number: u64| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let whole = |cell: Cell| if is_whole { cell } else { Cell::Null };
    vec![
        Cell::Text(count.quality),
        Cell::Text(count.on),
        Cell::Text(count.rule),
        Cell::Text(count.check.as_str().into()),
        Cell::Text(count.action.as_str().into()),
        Cell::Time(count.day.0),
        whole(int(count.checked)),
        whole(int(count.failed)),
        whole(count.first_failed.map_or(Cell::Null, int)),
        whole(Cell::text(count.reason)),
        whole(Cell::text(count.error)),
    ]
}
