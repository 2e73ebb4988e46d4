//! `system.devices`.

use super::credentials;
use super::list::{DeviceRow, Wanted, shown_if_wanted};
use crate::engine::Fleet;
use crate::relations::{self, Row, int, wanted, wants};
use crate::twin;
use base::Problem;
use kernel::{Cell, Column, ColumnType, Reader, Relation, Scan};
use serde_json::json;
use std::sync::Arc;

/// The places of the columns that are looked up where they are wanted.
const LAST_SEEN: usize = 8;
const CREDENTIALS: usize = 13;

/// Returns the relation.
pub(crate) fn relation(fleet: &Arc<Fleet>) -> Relation {
    use ColumnType::{Bool, Float, Int, Text, Time};
    let column = Column::new;
    let columns = vec![
        column("name", Text, "The name.").indexed(),
        column("type", Text, "Its type.").indexed(),
        column("owner", Text, "Who answers for it.").indexed(),
        column("state", Text, "connected, offline, or never where it was never there.").indexed(),
        column("place", Text, "What its place is called.").indexed(),
        column("groups", Text, "The groups it belongs to, as JSON."),
        column("lat", Float, "Degrees north."),
        column("lon", Float, "Degrees east."),
        column("last_seen", Time, "When it was heard of last, business time."),
        column("connected_since", Time, "Since when it is connected, business time."),
        column("disabled", Bool, "True where it is not let in."),
        column("summary", Text, "What it is."),
        column("version", Int, "The version of its manifest."),
        column("credentials", Int, "How many tokens and certificates it is known by."),
    ];
    relations::relation(fleet, "devices", "Devices, and whether they are there.", columns, rows)
}

fn rows(_: &Fleet, reader: &Reader, scan: &Scan, row: Row<'_>) -> Result<(), Problem> {
    let text = |column: usize| wanted(scan, column).map(str::to_owned);
    let wanted = Wanted {
        type_name: text(1),
        owner: text(2),
        state: text(3),
        place: text(4),
        ..Wanted::default()
    };
    let mut give = |name: &str| -> Result<bool, Problem> {
        match shown_if_wanted(reader, name, &wanted)? {
            Some(shown) => row(cells(reader, scan, shown)?),
            None => Ok(true),
        }
    };
    match text(0) {
        Some(name) => give(&name).map(|_| ()),
        None => {
            let (walked, value) = wanted.walked(reader)?;
            super::walk(reader, (&walked, &value), &mut give)
        }
    }
}

fn cells(reader: &Reader, scan: &Scan, shown: DeviceRow) -> Result<Vec<Cell>, Problem> {
    let count = if wants(scan, CREDENTIALS) {
        int(credentials::count(reader, &shown.name)? as u64)
    } else {
        Cell::Null
    };
    let last_seen = if wants(scan, LAST_SEEN) { twin::seen(reader, &shown.name)? } else { None };
    let float = |number: Option<f64>| number.map_or(Cell::Null, Cell::Float);
    Ok(vec![
        Cell::Text(shown.name),
        Cell::Text(shown.type_name),
        Cell::Text(shown.owner),
        Cell::Text(shown.state.to_owned()),
        Cell::text(shown.place),
        Cell::json(&json!(shown.groups)),
        float(shown.lat),
        float(shown.lon),
        Cell::time(last_seen),
        Cell::time(shown.connected_since),
        Cell::Bool(shown.disabled),
        Cell::Text(shown.summary),
        int(shown.version),
        count,
    ])
}
