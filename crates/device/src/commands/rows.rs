//! `system.commands`.

use super::key;
use super::state::{self, Command};
use crate::engine::Fleet;
use crate::registry;
use crate::relations::{self, Row, int, wanted};
use base::{Key, Problem, prefix_end};
use kernel::{Cell, Column, ColumnType, Read, Reader, Relation, Scan};
use std::collections::HashMap;
use std::sync::Arc;

use ColumnType::{Int, Text, Time};

/// Commands that are looked at together.
const PAGE: usize = 500;

/// The places of the columns with an index.
const COMMAND: usize = 0;
const DEVICE: usize = 1;

/// Returns the relation.
pub(crate) fn relation(fleet: &Arc<Fleet>) -> Relation {
    let columns = vec![
        Column::new("command", Int, "Its number, which is its name.").indexed(),
        Column::new("device", Text, "The device.").indexed(),
        Column::new("name", Text, "Which of the commands of the device's type."),
        Column::new(
            "state",
            Text,
            "`waiting`, `sent`, `answered`, `failed`, `expired` or `cancelled`.",
        ),
        Column::new("input", Text, "What goes with it, as JSON."),
        Column::new("output", Text, "What the device has answered, as JSON."),
        Column::new("problem", Text, "Why it was not done."),
        Column::new("created_at", Time, "When it was given, business time."),
        Column::new("deadline", Time, "When it expires, or would have."),
        Column::new("sent_at", Time, "When the device has acknowledged that it has it."),
        Column::new("ended_at", Time, "When it ended."),
        Column::new("by", Text, "Who gave it."),
        Column::new("on_behalf_of", Text, "On whose behalf."),
    ];
    let summary =
        "Commands to devices: those that are open, and those that ended within `command_days`.";
    relations::relation(fleet, "commands", summary, columns, rows)
}

fn rows(_: &Fleet, reader: &Reader, scan: &Scan, row: Row<'_>) -> Result<(), Problem> {
    let mut seen = HashMap::new();
    let number = scan.equals.iter().find_map(|(column, cell)| match cell {
        Cell::Int(number) if *column == COMMAND => Some(*number),
        _ => None,
    });
    if let Some(number) = number {
        let number = u64::try_from(number).unwrap_or_default();
        if let Some(command) = state::load(reader, number)?
            && is_seen(reader, &command.device, &mut seen)?
        {
            row(cells(command))?;
        }
        return Ok(());
    }
    let prefix = wanted(scan, DEVICE).map_or_else(key::commands, key::all_of);
    each(reader, &prefix, &mut |number| match state::load(reader, number)? {
        Some(command) if is_seen(reader, &command.device, &mut seen)? => row(cells(command)),
        _ => Ok(true),
    })
}

/// Calls `each` with the numbers at the ends of keys, until it has enough.
fn each(
    read: &dyn Read,
    prefix: &Key,
    each: &mut dyn FnMut(u64) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let (mut from, to) = (prefix.as_ref().to_vec(), prefix_end(prefix.as_ref()));
    loop {
        let pairs = read.scan(&from, &to, PAGE, false)?;
        for number in pairs.iter().filter_map(|(found, _)| key::last(found)) {
            if !each(number)? {
                return Ok(());
            }
        }
        match pairs.last() {
            Some((last, _)) if pairs.len() == PAGE => from = [last.as_slice(), &[0]].concat(),
            _ => return Ok(()),
        }
    }
}

/// Returns whether the reader may see a device; each is asked for once.
fn is_seen(
    reader: &Reader,
    device: &str,
    seen: &mut HashMap<String, bool>,
) -> Result<bool, Problem> {
    if let Some(is_seen) = seen.get(device) {
        return Ok(*is_seen);
    }
    let is_seen = registry::seen(reader, device)?.is_some();
    seen.insert(device.to_owned(), is_seen);
    Ok(is_seen)
}

fn cells(command: Command) -> Vec<Cell> {
    vec![
        int(command.number),
        Cell::Text(command.device),
        Cell::Text(command.name),
        Cell::text(Some(command.state.as_str())),
        Cell::json(&command.input),
        command.output.as_ref().map_or(Cell::Null, Cell::json),
        Cell::text(command.problem),
        Cell::time(Some(command.created_at)),
        Cell::time(Some(command.deadline)),
        Cell::time(command.sent_at),
        Cell::time(command.ended_at),
        Cell::Text(command.by),
        Cell::text(command.on_behalf_of),
    ]
}
