//! Sessions as their clients come and go.

use super::calls::{Close, Open, Opened};
use super::delivered;
use super::ending::{delete_below, end};
use super::log::LOG;
use super::rows::{self, HeldRow, Numbered, Progress, SessionRow};
use super::seat::Seat;
use super::track::Track;
use super::tree::Subscription;
use super::{Broker, key, rights, topic, wills};
use crate::config::Config;
use crate::engine::Fleet;
use crate::mqtt::{Place, Stage, Version, reason};
use crate::{Error, presence, registry, wire};
use base::{Period, Problem, Time};
use kernel::{Call, Principal, Read, Reply, Tx};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// A principal has so many sessions for each connection that it may have: most of them are away.
const SESSIONS_PER_CONNECTION: usize = 10;

/// Connections that are being opened in one turn and are known to be so.
const OPENING_MAX: usize = 100_000;

/// Opens the session of a client: the one that it left, or a new one.
///
/// # Errors
/// `device.disabled`, `mqtt.limit`, `message.too_large`; where the store cannot be read.
pub(crate) fn open(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let open: Open = call.parameters()?;
    let broker = &fleet.broker;
    broker.ensure(tx)?;
    let key = key::session(&call.actor.to_string(), &open.client);
    let old: Option<SessionRow> = rows::get(tx, &key)?;
    check(fleet, tx, &call.actor, &open, old.as_ref())?;
    let wall = tx.wall();
    let is_over =
        |row: &SessionRow| open.is_clean || row.expires.is_some_and(|expires| expires <= wall);
    let opened = match old {
        Some(row) if is_over(&row) => {
            end(fleet, tx, &row, reason::TAKEN_OVER)?;
            begin(fleet, tx, &call.actor, &open)?
        }
        Some(row) => resume(fleet, tx, row, &open)?,
        None => begin(fleet, tx, &call.actor, &open)?,
    };
    if let Principal::Device(device) = &call.actor {
        presence::connected(fleet, tx, device, opened.session)?;
    }
    Reply::of(&opened)
}

fn check(
    fleet: &Fleet,
    tx: &Tx<'_>,
    who: &Principal,
    open: &Open,
    old: Option<&SessionRow>,
) -> Result<(), Problem> {
    if let Principal::Device(name) = who {
        let device = registry::device(tx, name)?;
        if device.is_none_or(|(_, spec)| spec.disabled) {
            return Err(Error::Disabled { name: name.clone() }.into());
        }
    }
    let limit = fleet.config.will_bytes_max;
    if open.will.as_ref().is_some_and(|will| limit < will.publish.payload.len()) {
        return Err(Error::MessageTooLarge { limit }.into());
    }
    let most = fleet.config.connections_principal_max;
    let seats = fleet.broker.seats_of(who);
    let is_another = !old.is_some_and(|row| row.connected);
    if is_another && most <= seats.iter().filter(|seat| seat.is_connected()).count() {
        let limit = most as u64;
        return Err(Error::Full { what: "connections of one principal", limit }.into());
    }
    let most = most.saturating_mul(SESSIONS_PER_CONNECTION);
    if old.is_none() && most <= seats.len() {
        let limit = most as u64;
        return Err(Error::Full { what: "sessions of one principal", limit }.into());
    }
    Ok(())
}

/// Returns for how many seconds a session is kept.
fn expiry_of(config: &Config, open: &Open) -> u32 {
    let most = seconds_max(config);
    match open.version {
        Version::V3 if open.is_clean => 0,
        Version::V3 => most,
        Version::V5 => open.expiry.min(most),
    }
}

fn seconds_max(config: &Config) -> u32 {
    config.session_hours_max.saturating_mul(3_600)
}

fn begin(fleet: &Fleet, tx: &mut Tx<'_>, who: &Principal, open: &Open) -> Result<Opened, Problem> {
    let row = SessionRow {
        number: tx.serial("mqtt_sessions")?,
        generation: 1,
        client: open.client.clone(),
        principal: who.clone(),
        version: open.version,
        is_durable: false,
        expiry_secs: 0,
        connected: true,
        since: tx.wall(),
        expires: None,
        has_will: false,
        will_delay_secs: 0,
        will_due: None,
        receive_max: open.receive_max,
        subscriptions: 0,
        address: String::new(),
    };
    let progress = Progress { cursor: tx.log_end(LOG)?, ..Progress::default() };
    let row = connected(fleet, tx, row, open, &progress)?;
    let opened = answer(&row, false, Vec::new(), Vec::new());
    sit(fleet, tx, row, progress.cursor, BTreeSet::new(), Vec::new());
    Ok(opened)
}

fn resume(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    mut row: SessionRow,
    open: &Open,
) -> Result<Opened, Problem> {
    let number = row.number;
    // A client that takes its own session over has left it without a word.
    if row.connected && row.has_will && row.will_delay_secs == 0 {
        wills::publish(fleet, tx, &row)?;
    }
    delete_dues(tx, &row);
    tx.delete(key::will(number));
    row.generation += 1;
    row.version = open.version;
    row.connected = true;
    row.since = tx.wall();
    row.expires = None;
    row.will_due = None;
    row.receive_max = open.receive_max;
    let progress = delivered::newest(fleet, number, None).unwrap_or_default();
    delivered::forget_done(tx, number, &progress)?;
    let held = rows::held(tx, number)?;
    let held: Vec<(u16, Place, Stage)> =
        held.into_iter().map(|(packet, held)| (packet, held.place, held.stage)).collect();
    let subscriptions = rescoped(fleet, tx, &row)?;
    let row = connected(fleet, tx, row, open, &progress)?;
    let incoming = rows::incoming(tx, number)?;
    let places = held.iter().map(|(_, place, _)| *place).collect();
    let opened = answer(&row, true, incoming, held);
    sit(fleet, tx, row, progress.cursor, places, subscriptions);
    Ok(opened)
}

fn answer(
    row: &SessionRow,
    is_present: bool,
    incoming: Vec<u16>,
    held: Vec<(u16, Place, Stage)>,
) -> Opened {
    Opened {
        session: row.number,
        generation: row.generation,
        is_present,
        client: row.client.clone(),
        expiry: row.expiry_secs,
        incoming,
        held,
    }
}

/// Writes a session that has a connection now.
fn connected(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    row: SessionRow,
    open: &Open,
    progress: &Progress,
) -> Result<SessionRow, Problem> {
    let expiry_secs = expiry_of(&fleet.config, open);
    let row = SessionRow {
        is_durable: 0 < expiry_secs,
        expiry_secs,
        has_will: open.will.is_some(),
        will_delay_secs: open.will.as_ref().map_or(0, |will| will.delay_secs),
        address: open.address.clone(),
        ..row
    };
    if let Some(will) = &open.will {
        tx.put(key::will(row.number), wire::write(will)?);
    }
    if row.is_durable {
        tx.put(key::progress(row.number), wire::write(progress)?);
    }
    write(tx, &row)?;
    fleet.broker.opening(&row);
    Ok(row)
}

/// Has the session sit in memory once it is committed.
fn sit(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    row: SessionRow,
    cursor: u64,
    held: BTreeSet<Place>,
    subscriptions: Vec<Subscription>,
) {
    let broker = Arc::clone(&fleet.broker);
    tx.after_commit(move |_| broker.opened(&row, cursor, held, subscriptions));
}

impl Broker {
    /// Takes note that a connection is being opened, before it is committed.
    fn opening(&self, row: &SessionRow) {
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        // Of what was taken back a few stay.
        if OPENING_MAX <= opening.len() {
            opening.clear();
        }
        opening.insert((row.number, row.generation));
    }

    /// Returns whether this connection is being opened in this very turn.
    pub(crate) fn is_opening(&self, row: &SessionRow) -> bool {
        let opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        opening.contains(&(row.number, row.generation))
    }

    fn opened(
        &self,
        row: &SessionRow,
        cursor: u64,
        held: BTreeSet<Place>,
        subscriptions: Vec<Subscription>,
    ) {
        let mut state = self.write_state();
        let new = || Arc::new(Seat::new(row, Arc::clone(&self.shared), Track::at(cursor)));
        let seat = Arc::clone(state.seats.entry(row.number).or_insert_with(new));
        state.by_principal.entry(row.principal.clone()).or_default().insert(row.number);
        drop(state);
        seat.open(row, held);
        let opening = (row.number, row.generation);
        self.opening.lock().unwrap_or_else(PoisonError::into_inner).remove(&opening);
        for subscription in subscriptions {
            let scope = subscription.scope;
            self.rescope(&seat, &subscription.filter, &mut |held| held.scope = scope.clone());
        }
        self.version.fetch_add(1, Ordering::SeqCst);
    }
}

/// Asks anew what the subscriptions of a session may hear that has come back. Returns those that may hear something else.
fn rescoped(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    row: &SessionRow,
) -> Result<Vec<Subscription>, Problem> {
    let topics = fleet.broker.topics(tx)?;
    let mut changed = Vec::new();
    for (filter, mut held) in rows::subscriptions(tx, row.number)? {
        let (scope, _) = rights::scope(tx, &topics, &row.principal, topic::plain(&filter))?;
        if scope != held.scope {
            held.scope = scope;
            tx.put(key::subscription(row.number, &filter), wire::write(&held)?);
            changed.push(Subscription::of(row.number, &filter, held, None));
        }
    }
    Ok(changed)
}

/// Ends the connection of a session, and the session where it does not outlive it.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn close(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let close: Close = call.parameters()?;
    fleet.broker.ensure(tx)?;
    let cause = close.reason.as_deref().unwrap_or("closed");
    let row = own(tx, &call.actor, close.session, close.generation)?;
    let is_closed = row.is_some();
    match row {
        Some(row) => {
            let progress = delivered::newest(fleet, row.number, close.progress.as_ref());
            let ends = Ends {
                expiry: close.expiry,
                is_will_wanted: close.is_will_wanted,
                progress,
                held: close.held.clone(),
            };
            finish(fleet, tx, row, ends, cause)?;
        }
        // It was ended by hand, or by its device: what its connection was, the device is told of all the same.
        None if rows::numbered(tx, close.session)?.is_none() => {
            gone(fleet, tx, &call.actor, close.session, cause)?;
        }
        None => {}
    }
    Ok(Reply::Value(json!({ "closed": is_closed })))
}

/// What a connection leaves.
#[derive(Default)]
pub(crate) struct Ends {
    /// The expiry that DISCONNECT said.
    pub expiry: Option<u32>,
    /// Whether the will is to be published.
    pub is_will_wanted: bool,
    /// How far the session has come; what stands in the store where absent.
    pub progress: Option<Progress>,
    /// What its client may have; what stands in the store where absent.
    pub held: Option<Vec<(u16, Place, Stage)>>,
}

/// Ends the connection that a session has.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn finish(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    mut row: SessionRow,
    ends: Ends,
    cause: &str,
) -> Result<(), Problem> {
    let (number, principal) = (row.number, row.principal.clone());
    row.has_will &= ends.is_will_wanted;
    if !row.has_will {
        tx.delete(key::will(number));
    }
    // What outlived nothing cannot be made to by its last word (MQTT 5, 3.14.2.2.2).
    let most = if row.expiry_secs == 0 { 0 } else { seconds_max(&fleet.config) };
    row.expiry_secs = ends.expiry.unwrap_or(row.expiry_secs).min(most);
    if row.expiry_secs == 0 {
        end(fleet, tx, &row, reason::SUCCESS)?;
        return gone(fleet, tx, &principal, number, cause);
    }
    let wall = tx.wall();
    row.connected = false;
    row.is_durable = true;
    row.since = wall;
    let expires = after(wall, row.expiry_secs);
    row.expires = Some(expires);
    tx.put(key::due(expires, key::Due::End, number), Vec::new());
    if row.has_will && row.will_delay_secs == 0 {
        wills::publish(fleet, tx, &row)?;
        row.has_will = false;
    } else if row.has_will {
        let due = after(wall, row.will_delay_secs).min(expires);
        row.will_due = Some(due);
        tx.put(key::due(due, key::Due::Will, number), Vec::new());
    }
    if let Some(progress) = &ends.progress {
        tx.put(key::progress(number), wire::write(progress)?);
    }
    if let Some(held) = ends.held {
        hold_all(tx, number, &held)?;
    }
    let places: BTreeSet<Place> =
        rows::held(tx, number)?.into_iter().map(|(_, held)| held.place).collect();
    write(tx, &row)?;
    let broker = Arc::clone(&fleet.broker);
    tx.after_commit(move |_| {
        if let Some(seat) = broker.seat(number) {
            seat.close(&row, places);
        }
    });
    gone(fleet, tx, &principal, number, cause)
}

/// Keeps what a client may have, in place of what was kept before. Commands and desired state are found again by other ways.
fn hold_all(tx: &mut Tx<'_>, session: u64, held: &[(u16, Place, Stage)]) -> Result<(), Problem> {
    delete_below(tx, key::outgoing_all(session).as_ref())?;
    for (packet, place, stage) in held {
        if matches!(place, Place::Log(_) | Place::Group { .. }) {
            let row = HeldRow { place: *place, stage: *stage };
            tx.put(key::outgoing(session, *packet), wire::write(&row)?);
        }
    }
    Ok(())
}

/// Tells the device whose session it was, where it is one's that is still declared.
fn gone(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    principal: &Principal,
    session: u64,
    cause: &str,
) -> Result<(), Problem> {
    match principal {
        Principal::Device(device) if tx.resource("device", device)?.is_some() => {
            presence::disconnected(fleet, tx, device, session, cause)
        }
        _ => Ok(()),
    }
}

fn after(wall: Time, seconds: u32) -> Time {
    wall.plus(Period::seconds(seconds.into()))
}

/// Deletes what is due for a session.
pub(crate) fn delete_dues(tx: &mut Tx<'_>, row: &SessionRow) {
    if let Some(at) = row.expires {
        tx.delete(key::due(at, key::Due::End, row.number));
    }
    if let Some(at) = row.will_due {
        tx.delete(key::due(at, key::Due::Will, row.number));
    }
}

/// Writes a session as it stands.
///
/// # Errors
/// `device.internal` where it cannot be written, which is a defect.
pub(crate) fn write(tx: &mut Tx<'_>, row: &SessionRow) -> Result<(), Problem> {
    let key = key::session(&row.principal.to_string(), &row.client).bytes();
    let numbered = Numbered {
        generation: row.generation,
        is_durable: row.is_durable,
        is_group: false,
        key: key.clone(),
    };
    tx.put(key::number(row.number), numbered.write());
    tx.put(key, wire::write(row)?);
    Ok(())
}

/// Returns a session, where it is the caller's and has this connection.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn own(
    read: &dyn Read,
    who: &Principal,
    session: u64,
    generation: u64,
) -> Result<Option<SessionRow>, Problem> {
    let row = rows::session(read, session)?;
    Ok(row.filter(|row| row.principal == *who && row.generation == generation))
}
