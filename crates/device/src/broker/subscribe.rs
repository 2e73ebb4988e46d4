//! What a client wants to hear, and what it may.

use super::calls::{Subscribe, Subscribed, Unsubscribe};
use super::ending::leave_group;
use super::group::Group;
use super::log::LOG;
use super::rows::{self, GroupRow, Numbered, Progress, SessionRow, SubscriptionRow};
use super::sessions::{own, write};
use super::topics::Topics;
use super::track::Track;
use super::tree::Subscription;
use super::{Broker, key, rights, topic};
use crate::engine::Fleet;
use crate::mqtt::{Limits, SubscribeTo, Version, reason, strict};
use crate::{Error, wire};
use base::Problem;
use kernel::{Call, Read, Reply, Right, Tx};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Subscribes to filters, each by itself.
///
/// # Errors
/// `mqtt_session.not_found`; where the store cannot be read.
pub(crate) fn subscribe(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let asked: Subscribe = call.parameters()?;
    fleet.broker.ensure(tx)?;
    let row = own(tx, &call.actor, asked.session, asked.generation)?;
    let mut row = row.ok_or(Error::SessionNotFound)?;
    let topics = fleet.broker.topics(tx)?;
    let mut answer = Subscribed { codes: Vec::new(), is_new: Vec::new() };
    for to in &asked.to {
        let key = key::subscription(row.number, &to.filter);
        let held: Option<SubscriptionRow> = rows::get(tx, &key)?;
        let (code, is_new) = match granted(fleet, tx, call, &row, &topics, to, held.as_ref())? {
            Ok(mut granted) => {
                granted.identifier = asked.id;
                let code = u8::from(granted.qos);
                row.subscriptions += u32::from(held.is_none());
                put(fleet, tx, &row, to, granted)?;
                (code, held.is_none())
            }
            // 3.1.1 knows one reason.
            Err(_) if row.version == Version::V3 => (reason::UNSPECIFIED, false),
            Err(code) => (code, false),
        };
        answer.codes.push(code);
        answer.is_new.push(is_new);
    }
    write(tx, &row)?;
    Reply::of(&answer)
}

/// Returns the subscription that is granted, or why none is.
fn granted(
    fleet: &Fleet,
    tx: &Tx<'_>,
    call: &Call,
    row: &SessionRow,
    topics: &Topics,
    to: &SubscribeTo,
    held: Option<&SubscriptionRow>,
) -> Result<Result<SubscriptionRow, u8>, Problem> {
    if strict::topic_filter(&to.filter, &Limits::from(&fleet.config)).is_err() {
        return Ok(Err(reason::FILTER));
    }
    let (scope, is_allowed) = rights::scope(tx, topics, &call.actor, topic::plain(&to.filter))?;
    if !is_allowed || !call.has_scope(Right::Read) {
        return Ok(Err(reason::NOT_AUTHORIZED));
    }
    let count = usize::try_from(row.subscriptions).unwrap_or(usize::MAX);
    if held.is_none() && fleet.config.subscriptions_session_max <= count {
        return Ok(Err(reason::QUOTA));
    }
    let from = match held {
        // What it has not heard yet it still hears.
        Some(held) => held.from,
        None => tx.log_end(LOG)?,
    };
    Ok(Ok(SubscriptionRow {
        qos: to.qos,
        no_local: to.no_local,
        retain_as_published: to.retain_as_published,
        identifier: None,
        from,
        scope,
    }))
}

fn put(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    row: &SessionRow,
    to: &SubscribeTo,
    granted: SubscriptionRow,
) -> Result<(), Problem> {
    tx.put(key::subscription(row.number, &to.filter), wire::write(&granted)?);
    let group = match topic::share(&to.filter) {
        Some((name, filter)) => Some(join_group(tx, name, filter, row.number, granted.from)?),
        None => None,
    };
    let number = group.as_ref().map(|group| group.number);
    let subscription = Subscription::of(row.number, &to.filter, granted, number);
    let broker = Arc::clone(&fleet.broker);
    tx.after_commit(move |_| broker.subscribed(subscription, group));
    Ok(())
}

/// Makes a session a member of a group, in the store; the group where it is the first.
fn join_group(
    tx: &mut Tx<'_>,
    name: &str,
    filter: &str,
    session: u64,
    from: u64,
) -> Result<GroupRow, Problem> {
    tx.put(key::member(name, filter, session), Vec::new());
    let key = key::group(name, filter);
    if let Some(row) = rows::get::<GroupRow>(tx, &key)? {
        return Ok(row);
    }
    let row = GroupRow { number: tx.serial("mqtt_sessions")?, from };
    let stored = key.clone().bytes();
    let numbered = Numbered { generation: 0, is_durable: false, is_group: true, key: stored };
    tx.put(key::number(row.number), numbered.write());
    let progress = Progress { cursor: from, ..Progress::default() };
    tx.put(key::progress(row.number), wire::write(&progress)?);
    tx.put(key, wire::write(&row)?);
    Ok(row)
}

impl Broker {
    /// Takes note, after the commit, of a subscription.
    fn subscribed(&self, subscription: Subscription, group: Option<GroupRow>) {
        let Some(seat) = self.seat(subscription.session) else { return };
        let mut state = self.write_state();
        let group = group.map(|row| {
            let new = || {
                let (shared, track) = (Arc::clone(&self.shared), Track::at(row.from));
                let filter = &subscription.filter;
                Arc::new(Group::new(row.number, filter, row.from, shared, track))
            };
            Arc::clone(state.groups.entry(row.number).or_insert_with(new))
        });
        state.tree.insert(subscription.clone());
        drop(state);
        seat.subscribe(subscription);
        if let Some(group) = group {
            group.join(&seat);
            seat.join(group);
        }
        self.version.fetch_add(1, Ordering::SeqCst);
    }
}

/// Ends subscriptions.
///
/// # Errors
/// `mqtt_session.not_found`; where the store cannot be read.
pub(crate) fn unsubscribe(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let asked: Unsubscribe = call.parameters()?;
    fleet.broker.ensure(tx)?;
    let row = own(tx, &call.actor, asked.session, asked.generation)?;
    let mut row = row.ok_or(Error::SessionNotFound)?;
    let mut existed = Vec::new();
    for filter in &asked.filters {
        let key = key::subscription(row.number, filter);
        let held: Option<SubscriptionRow> = rows::get(tx, &key)?;
        existed.push(held.is_some());
        let Some(held) = held else { continue };
        tx.delete(key);
        row.subscriptions = row.subscriptions.saturating_sub(1);
        let group = match topic::share(filter) {
            Some((name, filter)) => rows::get::<GroupRow>(tx, &key::group(name, filter))?,
            None => None,
        };
        leave_group(tx, filter, row.number)?;
        let number = group.map(|group| group.number);
        let subscription = Subscription::of(row.number, filter, held, number);
        let broker = Arc::clone(&fleet.broker);
        tx.after_commit(move |_| broker.unsubscribed(&subscription));
    }
    write(tx, &row)?;
    Ok(Reply::Value(json!({ "existed": existed })))
}
