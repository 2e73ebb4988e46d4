//! `system.rules`, `system.crossings` and `system.rule_actions`.

use super::actions::{self, Outcome};
use super::rule::spec_of;
use super::{key, run, show};
use crate::Error;
use crate::engine::Fleet;
use crate::relations::{self, Row, int, wanted, wants};
use base::Problem;
use kernel::{Cell, Column, ColumnType, Read, Reader, Relation, ResourceRef, Scan};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;

/// The place of the column for which all states of a rule are counted.
const DEVICES: usize = 6;

/// Bytes of a log that are read in one go.
const BYTES_MAX: usize = 1 << 20;

/// Returns the relations.
pub(crate) fn relations(fleet: &Arc<Fleet>) -> Vec<Relation> {
    vec![rules(fleet), crossings(fleet), outcomes(fleet)]
}

fn rules(fleet: &Arc<Fleet>) -> Relation {
    use ColumnType::{Int, Text, Time};
    let column = Column::new;
    let columns = vec![
        column("rule", Text, "The name.").indexed(),
        column("stream", Text, "The stream whose rows it looks at."),
        column("from_offset", Int, "The first row that it looks at."),
        column("cursor", Int, "The first row that it has not looked at."),
        column("since", Time, "Since when it looks at rows, business time."),
        column("version", Int, "The version of its manifest."),
        column("devices", Int, "Devices of which it remembers something."),
        column("crossings", Int, "Crossings since it began."),
        column("late", Int, "Rows that came too late to be judged, or are ahead of their time."),
        column("failed", Int, "Rows for which an expression had no value."),
        column("problem", Text, "Why, the last time."),
    ];
    relations::relation(fleet, "rules", "Rules over streams.", columns, rule_rows)
}

fn rule_rows(_: &Fleet, reader: &Reader, scan: &Scan, row: Row<'_>) -> Result<(), Problem> {
    let only = wanted(scan, 0);
    for resource in reader.resources("rule")? {
        let name = &resource.name;
        let is_wanted = only.is_none_or(|only| only == name);
        if !is_wanted || !reader.allows("rule.get", &ResourceRef::new("rule", name))? {
            continue;
        }
        let stream = spec_of(&resource)?.on.stream;
        let (begun, counts) = (run::begun(reader, name)?, run::counts(reader, name)?);
        let cursor = reader.get(key::cursor(name, &stream).as_ref())?;
        let devices = match begun.as_ref().filter(|_| wants(scan, DEVICES)) {
            Some(begun) => {
                let states = key::states_of(name, begun.run);
                int(reader.scan_prefix(states.as_ref(), usize::MAX)?.len() as u64)
            }
            None => Cell::Null,
        };
        let from = begun.as_ref().and_then(|begun| begun.from.get(&stream).copied());
        let cells = vec![
            Cell::Text(name.clone()),
            Cell::Text(stream),
            from.map_or(Cell::Null, int),
            cursor.map_or(Cell::Null, |bytes| int(run::number(&bytes))),
            Cell::time(begun.map(|begun| begun.since)),
            int(resource.version),
            devices,
            int(counts.crossings),
            int(counts.late),
            int(counts.failed),
            Cell::text(counts.problem),
        ];
        if !row(cells)? {
            break;
        }
    }
    Ok(())
}

fn crossings(fleet: &Arc<Fleet>) -> Relation {
    use ColumnType::{Float, Int, Text, Time};
    let column = Column::new;
    let columns = vec![
        column("rule", Text, "The rule.").indexed(),
        column("device", Text, "The device.").indexed(),
        column("crossing", Int, "By which it is told from the device's others."),
        column("at", Time, "When it was, by the time of rows."),
        column("stream", Text, "The stream."),
        column("offset", Int, "The row that has crossed; null where it was silence."),
        column("value", Float, "The value that has crossed, where there is one."),
        column("detail", Text, "More about it, as JSON."),
        column("business", Time, "When it was found, business time."),
        column("actions", Int, "How many actions were set going."),
    ];
    let summary = "Crossings of rules: what was found.";
    relations::relation(fleet, "crossings", summary, columns, crossing_rows)
}

fn crossing_rows(_: &Fleet, reader: &Reader, scan: &Scan, row: Row<'_>) -> Result<(), Problem> {
    let mut sight = Sight::new(reader, scan);
    each::<run::Row>(reader, run::LOG, &mut |found: run::Row| {
        if !sight.shows(&found.rule, &found.device)? {
            return Ok(true);
        }
        row(vec![
            Cell::Text(found.rule),
            Cell::Text(found.device),
            int(found.crossing),
            Cell::Time(found.at.0),
            Cell::Text(found.stream),
            found.offset.map_or(Cell::Null, int),
            found.value.map_or(Cell::Null, Cell::Float),
            Cell::json(&found.detail),
            Cell::Time(found.business.0),
            int(found.actions as u64),
        ])
    })
}

fn outcomes(fleet: &Arc<Fleet>) -> Relation {
    use ColumnType::{Int, Text, Time};
    let column = Column::new;
    let columns = vec![
        column("rule", Text, "The rule.").indexed(),
        column("device", Text, "The device that has crossed.").indexed(),
        column("crossing", Int, "The crossing."),
        column("action", Int, "Which of the rule's actions, counted from 0."),
        column("operation", Text, "The operation."),
        column("resource", Text, "On what."),
        column("outcome", Text, "done or failed."),
        column("problem", Text, "Why it failed."),
        column("answer", Text, "What was answered, as JSON."),
        column("business", Time, "When it ended, business time."),
    ];
    let summary = "What rules have set going, and what became of it.";
    relations::relation(fleet, "rule_actions", summary, columns, outcome_rows)
}

fn outcome_rows(_: &Fleet, reader: &Reader, scan: &Scan, row: Row<'_>) -> Result<(), Problem> {
    let mut sight = Sight::new(reader, scan);
    each::<Outcome>(reader, actions::LOG, &mut |found: Outcome| {
        if !sight.shows(&found.rule, &found.device)? {
            return Ok(true);
        }
        row(vec![
            Cell::Text(found.rule),
            Cell::Text(found.device),
            int(found.crossing),
            int(found.action as u64),
            Cell::Text(found.operation),
            Cell::Text(found.resource),
            Cell::Text(found.outcome),
            Cell::text(found.problem),
            Cell::json(&found.answer),
            Cell::Time(found.business.0),
        ])
    })
}

/// Which rows are wanted, and may be seen: each device is asked for once.
struct Sight<'a> {
    reader: &'a Reader,
    rule: Option<&'a str>,
    device: Option<&'a str>,
    known: HashMap<String, bool>,
}

impl<'a> Sight<'a> {
    fn new(reader: &'a Reader, scan: &'a Scan) -> Self {
        let (rule, device) = (wanted(scan, 0), wanted(scan, 1));
        Self { reader, rule, device, known: HashMap::new() }
    }

    fn shows(&mut self, rule: &str, device: &str) -> Result<bool, Problem> {
        let is_wanted = self.rule.is_none_or(|wanted| wanted == rule)
            && self.device.is_none_or(|wanted| wanted == device);
        if !is_wanted {
            return Ok(false);
        }
        if let Some(known) = self.known.get(device) {
            return Ok(*known);
        }
        let is_shown = show::is_shown(self.reader, device)?;
        self.known.insert(device.to_owned(), is_shown);
        Ok(is_shown)
    }
}

/// Gives the rows of a log until enough were given.
fn each<T: DeserializeOwned>(
    reader: &Reader,
    log: &str,
    give: &mut dyn FnMut(T) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let mut from = 0;
    loop {
        let chunks = reader.chunks(log, from, BYTES_MAX)?;
        let Some(last) = chunks.last() else { return Ok(()) };
        from = last.offset + u64::from(last.count);
        for chunk in &chunks {
            for line in kernel::rows(&chunk.bytes) {
                if !give(serde_json::from_slice(line).map_err(Error::internal)?)? {
                    return Ok(());
                }
            }
        }
    }
}
