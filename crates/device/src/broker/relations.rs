//! What the broker shows to SQL: `system.mqtt_sessions`, `mqtt_subscriptions` and `mqtt_retained`.

use super::lists::{may_see, protocol};
use super::message::Origin;
use super::retained;
use super::rows::{self, Progress, SessionRow};
use super::{key, topic};
use crate::engine::Fleet;
use crate::relations::{Row, int, relation, wanted, wants};
use crate::wire;
use base::{Problem, prefix_end};
use kernel::{Cell, Column, ColumnType, Read, Reader, Relation, ResourceRef, Scan};
use std::sync::Arc;

use ColumnType::{Bool, Int, Text, Time};

/// Rows that are read in one go.
const PAGE: usize = 1_000;

/// Places of columns that are looked at before a row is read.
const SESSION: usize = 0;
const PRINCIPAL: usize = 2;
const TOPIC: usize = 0;

/// Columns of sessions from this one on come from their progress.
const QUEUED: usize = 7;
const DROPPED: usize = 8;
const HELD: usize = 9;

/// Returns the relations.
pub(crate) fn relations(fleet: &Arc<Fleet>) -> Vec<Relation> {
    vec![sessions(fleet), subscriptions(fleet), retained_messages(fleet)]
}

fn sessions(fleet: &Arc<Fleet>) -> Relation {
    let columns = vec![
        Column::new("session", Int, "The number.").indexed(),
        Column::new("client", Text, "The client identifier."),
        Column::new("principal", Text, "Whose it is.").indexed(),
        Column::new("connected", Bool, "Whether it has a connection."),
        Column::new("since", Time, "Since when it is so, wall time."),
        Column::new("expires", Time, "When it ends, where it has no connection, wall time."),
        Column::new("subscriptions", Int, "How many subscriptions it has."),
        Column::new("queued", Int, "How many messages wait for it."),
        Column::new("dropped", Int, "How many made way for newer ones since it began."),
        Column::new("held", Int, "How many are on their way to its client."),
        Column::new("protocol", Text, "`3.1.1` or `5`."),
    ];
    relation(fleet, "mqtt_sessions", "Sessions of MQTT clients.", columns, session_rows)
}

fn subscriptions(fleet: &Arc<Fleet>) -> Relation {
    let columns = vec![
        Column::new("session", Int, "The session's number.").indexed(),
        Column::new("filter", Text, "What it hears, without the group."),
        Column::new("qos", Int, "The quality of service that was granted."),
        Column::new("group", Text, "The group of a shared subscription."),
        Column::new("identifier", Int, "Its identifier, of MQTT 5."),
        Column::new("from_offset", Int, "From where on it hears the log of messages."),
    ];
    let summary = "What sessions of MQTT clients hear.";
    relation(fleet, "mqtt_subscriptions", summary, columns, subscription_rows)
}

fn retained_messages(fleet: &Arc<Fleet>) -> Relation {
    let columns = vec![
        Column::new("topic", Text, "The topic.").indexed(),
        Column::new("bytes", Int, "Bytes of the payload."),
        Column::new("qos", Int, "The quality of service with which it was published."),
        Column::new("at", Time, "When it came, wall time."),
        Column::new("expires", Time, "Until when it is kept, where that ends, wall time."),
    ];
    relation(fleet, "mqtt_retained", "Retained messages.", columns, retained_rows)
}

/// Gives the sessions that the reader may see and the query can mean, until `give` has enough.
fn each(
    reader: &Reader,
    scan: &Scan,
    give: &mut dyn FnMut(SessionRow) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let number = scan.equals.iter().find_map(|(column, cell)| match cell {
        Cell::Int(number) if *column == SESSION => Some(number.cast_unsigned()),
        _ => None,
    });
    if let Some(number) = number {
        if let Some(row) = rows::session(reader, number)?
            && may_see(reader, &row)?
        {
            give(row)?;
        }
        return Ok(());
    }
    let prefix = match wanted(scan, PRINCIPAL) {
        Some(principal) => key::sessions_of(principal),
        None => key::sessions(),
    };
    let (mut from, end) = (prefix.clone().bytes(), prefix_end(prefix.as_ref()));
    loop {
        let pairs = reader.scan(&from, &end, PAGE, false)?;
        for (_, bytes) in &pairs {
            let row: SessionRow = wire::read(bytes)?;
            if may_see(reader, &row)? && !give(row)? {
                return Ok(());
            }
        }
        match pairs.last() {
            Some((last, _)) if pairs.len() == PAGE => from = [last.as_slice(), &[0]].concat(),
            _ => return Ok(()),
        }
    }
}

fn session_rows(fleet: &Fleet, reader: &Reader, scan: &Scan, row: Row<'_>) -> Result<(), Problem> {
    let wants_progress = [QUEUED, DROPPED, HELD].into_iter().any(|column| wants(scan, column));
    each(reader, scan, &mut |held| {
        let (queued, dropped, open) = match wants_progress {
            true => progress(fleet, reader, held.number)?,
            false => (Cell::Null, Cell::Null, Cell::Null),
        };
        row(vec![
            int(held.number),
            Cell::Text(held.client),
            Cell::Text(held.principal.to_string()),
            Cell::Bool(held.connected),
            Cell::time(Some(held.since)),
            Cell::time(held.expires),
            int(held.subscriptions.into()),
            queued,
            dropped,
            open,
            Cell::Text(protocol(held.version).into()),
        ])
    })
}

/// Returns what waits for a session, what made way, and what is on its way: as memory has it, else as it was written down.
fn progress(fleet: &Fleet, reader: &Reader, number: u64) -> Result<(Cell, Cell, Cell), Problem> {
    if let Some(seat) = fleet.broker.seat(number).map(|seat| seat.shown()) {
        return Ok((int(seat.queued), int(seat.dropped), int(seat.open)));
    }
    let stored: Progress = rows::get(reader, &key::progress(number))?.unwrap_or_default();
    Ok((int(stored.queued), int(stored.dropped), int(stored.open.len() as u64)))
}

fn subscription_rows(
    _fleet: &Fleet,
    reader: &Reader,
    scan: &Scan,
    row: Row<'_>,
) -> Result<(), Problem> {
    // The principal of a subscription is no column: nothing else than its session is looked for.
    let of_session = Scan {
        equals: scan.equals.iter().filter(|(column, _)| *column == SESSION).cloned().collect(),
        ..Scan::default()
    };
    each(reader, &of_session, &mut |session| {
        for (filter, held) in rows::subscriptions(reader, session.number)? {
            let cells = vec![
                int(session.number),
                Cell::Text(topic::plain(&filter).to_owned()),
                int(u8::from(held.qos).into()),
                Cell::text(topic::share(&filter).map(|(group, _)| group)),
                held.identifier.map_or(Cell::Null, |identifier| int(identifier.into())),
                int(held.from),
            ];
            if !row(cells)? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

fn retained_rows(
    _fleet: &Fleet,
    reader: &Reader,
    scan: &Scan,
    row: Row<'_>,
) -> Result<(), Problem> {
    let prefix = match wanted(scan, TOPIC) {
        Some(topic) => key::retained(topic),
        None => key::retained_all(),
    };
    let (mut from, end) = (prefix.clone().bytes(), prefix_end(prefix.as_ref()));
    loop {
        let pairs = reader.scan(&from, &end, PAGE, false)?;
        for (_, bytes) in &pairs {
            let message = retained::read(bytes)?;
            if !may_see_origin(reader, &message.origin)? {
                continue;
            }
            let cells = vec![
                Cell::Text(message.topic.to_string()),
                int(message.payload.len() as u64),
                int(u8::from(message.qos).into()),
                Cell::time(Some(message.at)),
                Cell::time(retained::expires(&message)),
            ];
            if !row(cells)? {
                return Ok(());
            }
        }
        match pairs.last() {
            Some((last, _)) if pairs.len() == PAGE => from = [last.as_slice(), &[0]].concat(),
            _ => return Ok(()),
        }
    }
}

fn may_see_origin(reader: &Reader, origin: &Origin) -> Result<bool, Problem> {
    match origin {
        Origin::Device(name) => reader.allows("device.get", &ResourceRef::new("device", &**name)),
        Origin::Topic(name) => reader.allows("resource.get", &ResourceRef::new("topic", &**name)),
    }
}
