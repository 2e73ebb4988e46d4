//! What KPIs offer to SQL: `system.kpi_values` and `system.kpi_breaches`.

use super::shown::Viewer;
use super::wire::{self, Breach, LOG_BREACHES, Outcome, Recorded, Verdict, key, number};
use crate::engine::Shared;
use base::{Key, Problem};
use kernel::{Cell, Column, ColumnType, Read, Reader, Relation, Scan};
use serde_json::Value;
use std::sync::Arc;

/// Bytes of a log that are read in one go.
const PAGE_BYTES: usize = 1 << 20;

/// Returns the relations.
pub(crate) fn relations(shared: &Arc<Shared>) -> Vec<Relation> {
    vec![values(shared), breaches(shared)]
}

fn values(shared: &Arc<Shared>) -> Relation {
    use ColumnType::{Bool, Float, Int, Text, Time};
    let columns = vec![
        Column::new("kpi", Text, "The KPI.").indexed(),
        Column::new("metric", Text, "The metric."),
        Column::new("window", Time, "When the window begins."),
        Column::new("window_end", Time, "When the next one begins."),
        Column::new("dimensions", Text, "The dimensions as JSON."),
        Column::new("text", Text, "The dimensions for people."),
        Column::new("value", Float, "The value; null where the formula gives nothing."),
        Column::new("samples", Int, "How many rows stand behind it."),
        Column::new("target", Float, "The target when it was evaluated."),
        Column::new("direction", Text, "`at_least` or `at_most`."),
        Column::new("state", Text, "`met`, `breached`, `too_few` or `nothing`."),
        Column::new("is_breach", Bool, "True where the target is missed."),
        Column::new("at", Time, "When it was evaluated, business time."),
        Column::new("commit", Int, "The commit over which it was calculated."),
    ];
    // Through a weak pointer: relations may outlive the engine in a plan.
    let shared = Arc::downgrade(shared);
    let rows = move |reader: &Reader,
                     scan: &Scan,
                     row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>|
          -> Result<(), Problem> {
        let Some(shared) = shared.upgrade() else { return Ok(()) };
        let mut viewer = Viewer::new(&shared, reader);
        let mut each = |_: &[u8], bytes: &[u8]| -> Result<bool, Problem> {
            let value: Recorded = wire::read(bytes)?;
            if !viewer.sees(&value.kpi, &value.metric)? {
                return Ok(true);
            }
            row(cells_of_value(value))
        };
        wire::for_each(reader, &prefix(scan), &mut each)
    };
    Relation::system("kpi_values", "What KPIs were found to be.", columns, Arc::new(rows))
}

/// Returns where the values that a query wants begin.
fn prefix(scan: &Scan) -> Key {
    let kpi = scan.equals.iter().find_map(|(column, cell)| match (column, cell) {
        (0, Cell::Text(kpi)) => Some(kpi),
        _ => None,
    });
    kpi.map_or_else(key::values, |kpi| key::values_of(kpi))
}

fn cells_of_value(value: Recorded) -> Vec<Cell> {
    let text = wire::text_of(&value.dimensions);
    vec![
        Cell::Text(value.kpi),
        Cell::Text(value.metric),
        Cell::Time(value.window.0),
        Cell::Time(value.window_end.0),
        Cell::Text(Value::Object(value.dimensions).to_string()),
        Cell::Text(text),
        float(&value.value),
        int(value.samples),
        Cell::Float(value.target),
        Cell::Text(value.direction.as_str().into()),
        Cell::Text(value.verdict.as_str().into()),
        Cell::Bool(value.verdict == Verdict::Breached),
        Cell::Time(value.at.0),
        int(value.commit),
    ]
}

fn breaches(shared: &Arc<Shared>) -> Relation {
    use ColumnType::{Float, Int, Text, Time};
    let columns = vec![
        Column::new("number", Int, "The place in the log."),
        Column::new("kpi", Text, "The KPI."),
        Column::new("metric", Text, "The metric."),
        Column::new("window", Time, "When the window begins."),
        Column::new("window_end", Time, "When the next one begins."),
        Column::new("dimensions", Text, "The dimensions as JSON."),
        Column::new("text", Text, "The dimensions for people."),
        Column::new("value", Float, "The value."),
        Column::new("samples", Int, "How many rows stand behind it."),
        Column::new("target", Float, "The target."),
        Column::new("direction", Text, "`at_least` or `at_most`."),
        Column::new("owner", Text, "Who acts."),
        Column::new("deadline", Time, "Until when."),
        Column::new("at", Time, "When it was noted, business time."),
        Column::new("commit", Int, "The commit over which the value was calculated."),
        Column::new("process", Text, "The process that it starts."),
        Column::new("instance", Int, "The instance that was started."),
        Column::new("error", Text, "Why none could be started."),
    ];
    // Through a weak pointer: relations may outlive the engine in a plan.
    let shared = Arc::downgrade(shared);
    let rows = move |reader: &Reader,
                     _: &Scan,
                     row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>|
          -> Result<(), Problem> {
        let Some(shared) = shared.upgrade() else { return Ok(()) };
        let mut viewer = Viewer::new(&shared, reader);
        let mut offset = 0;
        loop {
            let chunks = reader.chunks(LOG_BREACHES, offset, PAGE_BYTES)?;
            let Some(last) = chunks.last() else { return Ok(()) };
            let first = chunks.first().map_or(offset, |chunk| chunk.offset);
            offset = last.offset + u64::from(last.count);
            let lines = chunks.iter().flat_map(|chunk| kernel::rows(&chunk.bytes));
            for (place, line) in (first..).zip(lines) {
                let breach: Breach = wire::read(line)?;
                let is_shown = viewer.sees(&breach.kpi, &breach.metric)?;
                if is_shown && !row(cells_of_breach(reader, place, breach)?)? {
                    return Ok(());
                }
            }
        }
    };
    let summary = "Targets that were missed, and the processes that were started.";
    Relation::system("kpi_breaches", summary, columns, Arc::new(rows))
}

fn cells_of_breach(reader: &Reader, place: u64, breach: Breach) -> Result<Vec<Cell>, Problem> {
    let id = wire::id_of(&breach.dimensions);
    let outcome: Option<Outcome> =
        wire::get(reader, &key::breach(&breach.kpi, breach.window, &id))?;
    let outcome = outcome.unwrap_or_default();
    let text = wire::text_of(&breach.dimensions);
    Ok(vec![
        int(place),
        Cell::Text(breach.kpi),
        Cell::Text(breach.metric),
        Cell::Time(breach.window.0),
        Cell::Time(breach.window_end.0),
        Cell::Text(Value::Object(breach.dimensions).to_string()),
        Cell::Text(text),
        float(&breach.value),
        int(breach.samples),
        Cell::Float(breach.target),
        Cell::Text(breach.direction.as_str().into()),
        Cell::Text(breach.owner),
        Cell::time(breach.deadline),
        Cell::Time(breach.at.0),
        int(breach.commit),
        Cell::text(breach.process),
        outcome.instance.map_or(Cell::Null, int),
        Cell::text(outcome.error),
    ])
}

fn float(value: &Value) -> Cell {
    number(value).map_or(Cell::Null, Cell::Float)
}

fn int(number: u64) -> Cell {
    Cell::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
