//! What of a session's deliveries is kept: which QoS 2 messages are on their way, and how far it has come in the log.

use super::calls::{Hold, Record, Release};
use super::rows::{self, HeldRow, Progress};
use super::sessions::own;
use super::{key, log};
use crate::engine::Fleet;
use crate::mqtt::Place;
use crate::{Error, wire};
use base::Problem;
use kernel::{Call, Read, Reply, Tx};
use serde_json::json;

/// Marks that are deleted in one go.
const MARKS_MAX: usize = 1_000;

/// Forgets incoming QoS 2 identifiers that a client has released: a message with one of them is a new one.
///
/// # Errors
/// `mqtt_session.not_found`; where the store cannot be read.
pub(crate) fn release(_fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let release: Release = call.parameters()?;
    own(tx, &call.actor, release.session, release.generation)?.ok_or(Error::SessionNotFound)?;
    for packet in release.packets {
        let key = key::incoming(release.session, packet);
        if tx.get(key.as_ref())?.is_some() {
            tx.delete(key);
        }
    }
    Ok(Reply::Value(json!({})))
}

/// Keeps how far outgoing QoS 2 messages have come, before their client hears of it.
///
/// # Errors
/// `mqtt_session.not_found`; where the store cannot be read.
pub(crate) fn hold(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let hold: Hold = call.parameters()?;
    fleet.broker.ensure(tx)?;
    let row = own(tx, &call.actor, hold.session, hold.generation)?.ok_or(Error::SessionNotFound)?;
    let mut has_put = false;
    for (packet, place, stage) in &hold.put {
        // Commands and desired state are found again by other ways.
        if matches!(place, Place::Log(_) | Place::Group { .. }) {
            let row = HeldRow { place: *place, stage: *stage };
            tx.put(key::outgoing(hold.session, *packet), wire::write(&row)?);
            has_put = true;
        }
    }
    let seat = fleet.broker.seat(hold.session);
    if !hold.done.is_empty() && row.is_durable {
        let progress = newest(fleet, hold.session, hold.progress.as_ref()).unwrap_or_default();
        // With the message goes that it is not to be sent again, or it would be sent twice after a crash.
        tx.put(key::progress(hold.session), wire::write(&progress)?);
        record_groups(fleet, tx, hold.session)?;
        forget_done(tx, hold.session, &progress)?;
    }
    if let Some(seat) = seat.filter(|_| has_put) {
        tx.after_commit(move |_| seat.set_has_held(true));
    }
    Ok(Reply::Value(json!({})))
}

/// Returns how far a session or group has come by now. What a door has handed in may be older, and must not take the place of what was
/// written since.
pub(crate) fn newest(fleet: &Fleet, number: u64, given: Option<&Progress>) -> Option<Progress> {
    let broker = &fleet.broker;
    let here = broker.seat(number).map(|seat| seat.progress());
    here.or_else(|| broker.group(number).map(|group| group.progress())).or(given.cloned())
}

/// Writes down how far the groups of a session have come.
fn record_groups(fleet: &Fleet, tx: &mut Tx<'_>, session: u64) -> Result<(), Problem> {
    let groups = fleet.broker.seat(session).map(|seat| seat.groups()).unwrap_or_default();
    for group in groups {
        if rows::numbered(tx, group.number())?.is_some() {
            tx.put(key::progress(group.number()), wire::write(&group.progress())?);
        }
    }
    Ok(())
}

/// Deletes what is kept of outgoing messages that are done, as far as the store knows that they are.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn forget_done(
    tx: &mut Tx<'_>,
    session: u64,
    progress: &Progress,
) -> Result<(), Problem> {
    for (packet, held) in rows::held(tx, session)? {
        if is_over(tx, progress, held.place)? {
            tx.delete(key::outgoing(session, packet));
        }
    }
    Ok(())
}

/// Returns whether a delivery is done, as far as the store knows.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn is_over(read: &dyn Read, progress: &Progress, place: Place) -> Result<bool, Problem> {
    Ok(match place {
        Place::Log(offset) => is_done(progress, offset),
        Place::Group { group, offset } => rows::get::<Progress>(read, &key::progress(group))?
            .is_none_or(|progress| is_done(&progress, offset)),
        Place::Command(_) | Place::Desired(_) | Place::Retained | Place::None => true,
    })
}

fn is_done(progress: &Progress, offset: u64) -> bool {
    let is_passed = offset < progress.cursor && !progress.open.contains(&offset);
    is_passed || progress.done.contains(&offset)
}

/// Writes down how far sessions and groups have come. What is no more by now is left out.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn record(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let record: Record = call.parameters()?;
    fleet.broker.ensure(tx)?;
    let mut sessions = Vec::new();
    for number in record.sessions {
        let Some(numbered) = rows::numbered(tx, number)? else { continue };
        let Some(progress) = newest(fleet, number, None) else { continue };
        tx.put(key::progress(number), wire::write(&progress)?);
        forget_marks(tx, number, &progress)?;
        if !numbered.is_group {
            sessions.push((number, progress));
        }
    }
    // Groups first: what a session has of them is looked for there.
    for (number, progress) in sessions {
        let seat = fleet.broker.seat(number).filter(|seat| seat.has_held());
        let Some(seat) = seat else { continue };
        forget_done(tx, number, &progress)?;
        if rows::held(tx, number)?.is_empty() {
            tx.after_commit(move |_| seat.set_has_held(false));
        }
    }
    Ok(Reply::Value(json!({})))
}

/// Deletes the marks of segments that are behind a session or group.
fn forget_marks(tx: &mut Tx<'_>, number: u64, progress: &Progress) -> Result<(), Problem> {
    let first = progress.open.first().copied().unwrap_or(progress.cursor).min(progress.cursor);
    let end = key::mark(number, first >> log::SEGMENT);
    for (stored, _) in tx.scan(key::marks(number).as_ref(), end.as_ref(), MARKS_MAX, false)? {
        tx.delete(stored);
    }
    Ok(())
}
