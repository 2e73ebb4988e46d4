//! What is to be done without anybody asking: sessions that a stop of the unit has cut off, wills and ends that are due, a log that has
//! become long.

use super::ending::end;
use super::log::LOG;
use super::rows::{self, LogPlace, SessionRow};
use super::sessions::{Ends, finish, write};
use super::{Broker, key, wills};
use crate::engine::Fleet;
use crate::mqtt::reason;
use crate::{faults, wire};
use base::{Kind, Period, Problem, Time, prefix_end};
use kernel::{Call, Read, Reply, Tx};
use serde_json::json;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// Dues that one call looks at.
const DUES_MAX: usize = 256;

/// Sessions that are read in one go.
const PAGE: usize = 1_000;

/// The log is cut no more often than this: each time the store brings what is ahead of its tables to its place.
const CUT_EVERY: Period = Period::seconds(10);

/// It is worth to cut this much of it, or what is this old.
const CUT_BYTES: u64 = 8 << 20;
const CUT_AGE: Period = Period::seconds(3_600);

/// Closes, once in each process, the sessions that had a connection when the unit stopped, and keeps the log and retained messages within
/// their limits. Returns how much was done.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn work(fleet: &Fleet, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
    if budget == 0 {
        return Ok(0);
    }
    fleet.broker.ensure(tx)?;
    let mut done = 0;
    if !fleet.is_recovered.load(Ordering::SeqCst) {
        done = recover(fleet, tx, budget)?;
        fleet.is_recovered.store(done < budget, Ordering::SeqCst);
    }
    keep_house(fleet, tx)?;
    Ok(done)
}

fn recover(fleet: &Fleet, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
    let mut from = key::sessions().bytes();
    let end = prefix_end(&from);
    let mut done = 0;
    while done < budget {
        let pairs = tx.scan(&from, &end, PAGE, false)?;
        for (_, bytes) in &pairs {
            let row: SessionRow = wire::read(bytes)?;
            let seat = fleet.broker.seat(row.number);
            // One that was opened since the start is there.
            let is_here = seat.is_some_and(|seat| seat.opened() == row.generation);
            let is_here = is_here || fleet.broker.is_opening(&row);
            if row.connected && !is_here && done < budget {
                let ends = Ends { is_will_wanted: true, ..Ends::default() };
                let session = json!({ "session": row.number });
                let closed = tx.attempt(|tx| finish(fleet, tx, row, ends, "unit_stopped"));
                done += usize::from(faults::go_on(tx, closed, session)?.is_some());
            }
        }
        match pairs.last() {
            Some((last, _)) if pairs.len() == PAGE => from = [last.as_slice(), &[0]].concat(),
            _ => break,
        }
    }
    Ok(done)
}

/// Publishes wills that are due, and ends sessions whose time is over. One that cannot be read keeps no other waiting.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn sweep(fleet: &Fleet, tx: &mut Tx<'_>, _call: &Call) -> Result<Reply, Problem> {
    fleet.broker.ensure(tx)?;
    let first = key::dues();
    let upto = key::dues().signed(tx.wall().0.saturating_add(1));
    let due = tx.scan(first.as_ref(), upto.as_ref(), DUES_MAX, false)?;
    for (stored, _) in due {
        tx.delete(stored.clone());
        let Some(due) = key::of_due(&stored) else { continue };
        let done = tx.attempt(|tx| fall_due(fleet, tx, due));
        faults::go_on(tx, done, json!({ "session": due.2 }))?;
    }
    keep_house(fleet, tx)?;
    Ok(Reply::Value(json!({})))
}

/// Does what is due for a session, where it is due still.
fn fall_due(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    (at, what, session): (Time, key::Due, u64),
) -> Result<(), Problem> {
    let Some(row) = rows::session(tx, session)? else { return Ok(()) };
    match what {
        key::Due::Will if row.will_due == Some(at) => {
            wills::publish(fleet, tx, &row)?;
            write(tx, &SessionRow { has_will: false, will_due: None, ..row })
        }
        key::Due::End if row.expires == Some(at) => end(fleet, tx, &row, reason::SUCCESS),
        key::Due::Will | key::Due::End => Ok(()),
    }
}

fn keep_house(fleet: &Fleet, tx: &mut Tx<'_>) -> Result<(), Problem> {
    let (broker, wall) = (&fleet.broker, tx.wall());
    let last = *broker.kept_house.lock().unwrap_or_else(PoisonError::into_inner);
    if last.is_some_and(|last| wall < last.plus(CUT_EVERY)) {
        return Ok(());
    }
    let kept = [tx.attempt(|tx| broker.sweep_retained(tx)), tx.attempt(|tx| broker.cut(tx))];
    for problem in kept.into_iter().filter_map(Result::err) {
        if problem.kind == Kind::Unavailable {
            return Err(problem);
        }
        // It stays as it is and is found again each time: a line is enough. Nothing else waits for it.
        log::error!(target: "mqtt", "kept messages could not be looked through: {problem}");
    }
    // Not only after a commit: where nothing is to be done there is none.
    *broker.kept_house.lock().unwrap_or_else(PoisonError::into_inner) = Some(wall);
    Ok(())
}

impl Broker {
    /// Cuts the log of messages from its beginning: what nobody has still to read, and what is beyond its limits.
    fn cut(&self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let places = places(tx)?;
        let Some((first, oldest)) = places.first().copied() else { return Ok(()) };
        let least = self.least(tx.log_end(LOG)?);
        let free = places.iter().rev().find(|(offset, _)| *offset <= least);
        let is_worth = |place: &LogPlace| {
            CUT_BYTES <= place.bytes.saturating_sub(oldest.bytes)
                || oldest.at.plus(CUT_AGE) <= place.at
        };
        let free = free.filter(|(_, place)| is_worth(place)).map(|(offset, _)| *offset);
        let written = self.log.lock().unwrap_or_else(PoisonError::into_inner).bytes;
        let hours = i64::from(self.config.messages_hours_max);
        let oldest_kept = Time(tx.wall().0.saturating_sub(hours.saturating_mul(3_600_000)));
        let is_beyond = |place: &LogPlace| {
            self.config.messages_bytes_max <= written.saturating_sub(place.bytes)
                || place.at < oldest_kept
        };
        let beyond = places.iter().rev().find(|(_, place)| is_beyond(place));
        let upto = free.max(beyond.map(|(offset, _)| *offset)).unwrap_or(first);
        if upto <= first {
            return Ok(());
        }
        tx.trim(LOG, upto);
        for (offset, _) in places.iter().filter(|(offset, _)| *offset < upto) {
            tx.delete(key::place(*offset));
        }
        let me = std::sync::Weak::clone(&self.me);
        tx.after_commit(move |_| {
            if let Some(broker) = me.upgrade() {
                broker.was_cut(upto);
            }
        });
        Ok(())
    }

    /// Returns the first offset of the log that somebody has still to read.
    fn least(&self, end: u64) -> u64 {
        let routed = self.shared.routed();
        let state = self.read_state();
        let seats = state.seats.values().filter(|seat| seat.is_durable() || seat.is_attached());
        let seats = seats.map(|seat| seat.with_track(|track| track.least(routed)));
        let groups =
            state.groups.values().map(|group| group.with_track(|track| track.least(routed)));
        // What is committed and not offered yet is needed in any case.
        seats.chain(groups).chain([end, routed]).min().unwrap_or_default()
    }

    /// Takes note, after the commit, that the log begins at an offset now. Who was behind it has lost what stood before.
    fn was_cut(&self, upto: u64) {
        let routed = self.shared.routed();
        for seat in self.seats() {
            seat.with_track(|track| {
                if track.least(routed) < upto {
                    track.trimmed(upto);
                }
            });
        }
        let groups: Vec<Arc<super::group::Group>> =
            self.read_state().groups.values().cloned().collect();
        for group in groups {
            group.with_track(|track| {
                if track.least(routed) < upto {
                    track.trimmed(upto);
                }
            });
        }
    }
}

/// Returns the places of the log that were noted, in their order.
fn places(read: &dyn Read) -> Result<Vec<(u64, LogPlace)>, Problem> {
    let pairs = read.scan_prefix(key::places().as_ref(), usize::MAX)?;
    let place = |(stored, bytes): &(Vec<u8>, Vec<u8>)| -> Result<(u64, LogPlace), Problem> {
        Ok((key::last(stored).unwrap_or_default(), wire::read(bytes)?))
    };
    pairs.iter().map(place).collect()
}
