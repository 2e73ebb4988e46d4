//! Who uses how much, in SQL: `system.quotas` and `system.memory`.

use crate::admit::Used;
use crate::relation::{Cell, Column, ColumnType, Relation, Scan};
use crate::{Part, Read, Reader, ResourceRef};
use base::Problem;
use std::sync::Arc;

/// `system.quotas`: what principals may use and what they use, as far as the unit remembers them.
pub(crate) fn quotas() -> Relation {
    use ColumnType::{Bool, Int, Text};
    let columns = vec![
        Column::new("principal", Text, "Who."),
        Column::new(
            "quota",
            Text,
            "The quota of some operations only; null for all calls together.",
        ),
        Column::new("rate", Int, "Calls a second that it may make."),
        Column::new("burst", Int, "Calls at once that it may make."),
        Column::new("concurrency", Int, "Calls at the same time that it may make."),
        Column::new("bytes", Int, "Bytes of bodies a second."),
        Column::new("query_bytes", Int, "Bytes of memory of one query; null for the unit's limit."),
        Column::new("query_ms", Int, "Milliseconds of one query; null for the unit's limit."),
        Column::new("running", Int, "Calls that it has under way now."),
        Column::new("refused", Int, "Calls that were refused since it is remembered."),
        Column::new("limited", Bool, "Whether `running.limit` holds for it."),
    ];
    let rows =
        |reader: &Reader, _: &Scan, row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
            let running = ResourceRef::new("running", "");
            let is_all = reader.allows("running.limit", &running)?;
            let own = reader.caller().to_string();
            for used in reader.kernel().admission().used() {
                if (is_all || used.whom == own) && !row(cells(used))? {
                    break;
                }
            }
            Ok(())
        };
    let summary = "Principals that called of late: what they may use, and what they use.";
    Relation::system("quotas", summary, columns, Arc::new(rows))
}

fn cells(used: Used) -> Vec<Cell> {
    let limits = used.limits;
    vec![
        Cell::Text(used.whom),
        Cell::text(used.quota),
        int(limits.calls.map(|rate| rate.per_second)),
        int(limits.calls.map(|rate| rate.burst)),
        int(limits.concurrency),
        int(limits.bytes.map(|rate| rate.per_second)),
        int(limits.queries.bytes),
        int(limits.queries.ms),
        int(Some(used.running)),
        int(Some(used.refused)),
        Cell::Bool(used.is_forced),
    ]
}

/// `system.memory`: what the unit's memory is used for.
pub(crate) fn memory() -> Relation {
    use ColumnType::{Int, Text};
    let columns = vec![
        Column::new(
            "part",
            Text,
            "`process`: all of it; `queries`, `bodies`, or what is kept to be quick.",
        ),
        Column::new("bytes", Int, "How much it holds."),
        Column::new("limit", Int, "How much it may hold; null where no limit is its own."),
        Column::new("refused", Int, "How often somebody was refused for want of it."),
    ];
    let rows = |reader: &Reader,
                _: &Scan,
                row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
        let (kernel, memory) = (reader.kernel(), reader.kernel().memory());
        let mut all = vec![
            ("process", memory.resident(), memory.limit(), Some(memory.refused())),
            (Part::Queries.as_str(), memory.of(Part::Queries), None, None),
            (Part::Bodies.as_str(), memory.of(Part::Bodies), None, None),
        ];
        let kept = kernel.engines().iter().flat_map(|engine| engine.kept());
        all.extend(kept.map(|(part, bytes)| (part, bytes, None, None)));
        for (part, bytes, limit, refused) in all {
            let cells = vec![Cell::Text(part.into()), int(Some(bytes)), int(limit), int(refused)];
            if !row(cells)? {
                break;
            }
        }
        Ok(())
    };
    Relation::system("memory", "What the memory of the unit is used for.", columns, Arc::new(rows))
}

fn int(number: Option<u64>) -> Cell {
    number.map_or(Cell::Null, |number| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX)))
}
