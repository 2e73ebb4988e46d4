//! How a session ends, and what goes with it.

use super::calls::Kill;
use super::rows::{self, GroupRow, SessionRow};
use super::tree::Subscription;
use super::{Broker, key, topic, wills};
use crate::Error;
use crate::engine::Fleet;
use crate::mqtt::{Place, reason};
use base::{Problem, prefix_end};
use kernel::{Call, Read, Reply, Tx};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// Keys that are deleted in one go.
const PAGE: usize = 1_000;

/// Ends a session: its will is published where it still has one, and nothing of it stays. `code` says why, to a connection that it has.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn end(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    row: &SessionRow,
    code: u8,
) -> Result<(), Problem> {
    if row.has_will {
        wills::publish(fleet, tx, row)?;
    }
    fleet.broker.remove(tx, row, code)
}

/// Ends the connection of a session by hand; the session too, where that is wanted.
///
/// # Errors
/// `resource.not_found`; where the store cannot be read.
pub(crate) fn kill(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let kill: Kill = call.parameters()?;
    fleet.broker.ensure(tx)?;
    let number = call.resource.name.parse().ok();
    let row = number.map(|number| rows::session(tx, number)).transpose()?.flatten();
    let row = row.ok_or(Error::SessionNotFound)?;
    if kill.forget {
        end(fleet, tx, &row, reason::ADMINISTRATIVE)?;
    } else {
        let broker = Arc::clone(&fleet.broker);
        tx.after_commit(move |_| {
            if let Some(seat) = broker.seat(row.number) {
                seat.end(reason::ADMINISTRATIVE);
            }
        });
    }
    Ok(Reply::Value(json!({ "killed": call.resource.name })))
}

impl Broker {
    /// Removes a session with all that belongs to it, without a will.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn remove(
        &self,
        tx: &mut Tx<'_>,
        row: &SessionRow,
        code: u8,
    ) -> Result<(), Problem> {
        let number = row.number;
        for (filter, _) in rows::subscriptions(tx, number)? {
            leave_group(tx, &filter, number)?;
        }
        let sent: BTreeSet<Place> =
            rows::held(tx, number)?.into_iter().map(|(_, held)| held.place).collect();
        super::sessions::delete_dues(tx, row);
        for prefix in [
            key::subscriptions(number),
            key::incoming_all(number),
            key::outgoing_all(number),
            key::marks(number),
        ] {
            delete_below(tx, prefix.as_ref())?;
        }
        tx.delete(key::will(number));
        tx.delete(key::progress(number));
        tx.delete(key::number(number));
        tx.delete(key::session(&row.principal.to_string(), &row.client));
        let me = Weak::clone(&self.me);
        tx.after_commit(move |_| {
            if let Some(broker) = me.upgrade() {
                broker.removed(number, &sent, code);
            }
        });
        Ok(())
    }

    /// Takes note, after the commit, that a session is no more.
    fn removed(&self, number: u64, sent: &BTreeSet<Place>, code: u8) {
        let mut state = self.write_state();
        let Some(seat) = state.seats.remove(&number) else { return };
        for subscription in seat.subscriptions() {
            state.tree.remove(&subscription.filter, number);
        }
        if let Some(numbers) = state.by_principal.get_mut(seat.principal()) {
            numbers.remove(&number);
            if numbers.is_empty() {
                state.by_principal.remove(seat.principal());
            }
        }
        drop(state);
        self.version.fetch_add(1, Ordering::SeqCst);
        for group in seat.groups_taken() {
            if !group.leave(number, sent) {
                self.write_state().groups.remove(&group.number());
            }
        }
        seat.end(code);
    }

    /// Takes note, after the commit, that a subscription has ended.
    pub(crate) fn unsubscribed(&self, subscription: &Subscription) {
        let number = subscription.session;
        self.write_state().tree.remove(&subscription.filter, number);
        self.version.fetch_add(1, Ordering::SeqCst);
        let Some(seat) = self.seat(number) else { return };
        seat.unsubscribe(&subscription.filter);
        if let Some(group) = subscription.group.and_then(|group| self.group(group)) {
            // What its client has already it may acknowledge.
            if !group.unsubscribe(number) {
                self.write_state().groups.remove(&group.number());
            }
            seat.part(&group);
        }
    }
}

/// Takes a session out of the group of a shared filter, in the store. A group without members goes.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn leave_group(tx: &mut Tx<'_>, filter: &str, session: u64) -> Result<(), Problem> {
    let Some((name, filter)) = topic::share(filter) else { return Ok(()) };
    tx.delete(key::member(name, filter, session));
    let group = key::group(name, filter);
    // The group itself, and one member.
    if 1 < tx.scan_prefix(group.as_ref(), 2)?.len() {
        return Ok(());
    }
    let Some(row) = rows::get::<GroupRow>(tx, &group)? else { return Ok(()) };
    tx.delete(group);
    tx.delete(key::number(row.number));
    tx.delete(key::progress(row.number));
    delete_below(tx, key::marks(row.number).as_ref())
}

/// Deletes all keys with a beginning.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn delete_below(tx: &mut Tx<'_>, prefix: &[u8]) -> Result<(), Problem> {
    let end = prefix_end(prefix);
    loop {
        let pairs = tx.scan(prefix, &end, PAGE, false)?;
        let count = pairs.len();
        for (found, _) in pairs {
            tx.delete(found);
        }
        if count < PAGE {
            return Ok(());
        }
    }
}
