//! What whoever sends has done, in one commit: how far it has read, what is to be told of that, and what became of what was told.

use super::PART;
use super::store::{
    self, Notice, cursor, drop_notice, drop_subscription, notice, notice_count, notices_of,
    put_notice, set_cursor, subscription, subscription_count,
};
use crate::engine::Desk;
use base::{Problem, Time};
use kernel::{Call, Exposition, Principal, Read, Reader, Reply, ResourceRef, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Counted by what became of a notice.
const NOTICES: &str = "craton_push_notices_total";
/// The gauge of notices that wait.
const WAITING: &str = "craton_push_notices_waiting";

/// What whoever sends has done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The cursor that it has read behind. Where another stands now, nothing of what it has read counts.
    #[serde(default)]
    pub after: Option<u64>,
    /// How far it has read.
    #[serde(default)]
    pub cursor: Option<u64>,
    /// What is to be told of what it has read.
    #[serde(default)]
    pub tell: Vec<Notice>,
    /// What came to its end.
    #[serde(default)]
    pub ended: Vec<Ended>,
    /// What is to be tried again.
    #[serde(default)]
    pub later: Vec<Later>,
    /// Subscriptions that are no more.
    #[serde(default)]
    pub gone: Vec<String>,
}

impl Record {
    /// Returns whether there is nothing to be written down.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A notice that came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// The subscription.
    pub subscription: String,
    /// The number of the news.
    pub number: u64,
    /// How.
    pub outcome: Outcome,
}

/// How a notice came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The push service has taken it.
    Delivered,
    /// There was nothing to tell any more: the task has ended, is another's, or may not be seen.
    Void,
    /// The push service does not take it.
    Refused,
    /// Its time was up before a push service took it.
    Expired,
    /// There was no room for it.
    Dropped,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Void => "void",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Dropped => "dropped",
        }
    }
}

/// A notice that is to be tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Later {
    /// The subscription.
    pub subscription: String,
    /// The number of the news.
    pub number: u64,
    /// When, wall time.
    pub at: Time,
    /// How often it was tried by now.
    pub attempts: u32,
}

/// Returns the call that writes something down.
///
/// # Errors
/// `desk.internal`, which is a defect.
pub fn record_call(record: &Record) -> Call {
    let part = Principal::Unit(PART.into());
    let call = Call::new("subscription.record", ResourceRef::new("subscription", ""), part);
    call.with(json!(record))
}

/// `subscription.record`.
pub(crate) fn record(desk: &Desk, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Record { after, cursor: upto, tell, ended, later, gone } = call.parameters()?;
    for Ended { subscription, number, outcome } in ended {
        if let Some(held) = notice(tx, &subscription, number)? {
            drop_notice(tx, &held)?;
            tx.count(NOTICES, outcome.as_str());
        }
    }
    for Later { subscription, number, at, attempts } in later {
        if let Some(held) = notice(tx, &subscription, number)? {
            put_notice(tx, &Notice { at, attempts, ..held })?;
        }
    }
    for id in gone {
        drop_subscription(tx, &id)?;
    }
    if let Some(upto) = upto.filter(|upto| after.is_none_or(|after| after <= *upto))
        && cursor(tx)? == after
    {
        set_cursor(tx, Some(upto));
        tell.iter().try_for_each(|new| tell_of(desk, tx, new))?;
    }
    Ok(Reply::Value(json!({})))
}

/// Has a notice wait to be sent, where its subscription is still there. What is newer matters more than what could not be told.
fn tell_of(desk: &Desk, tx: &mut Tx<'_>, new: &Notice) -> Result<(), Problem> {
    let held = subscription(tx, &new.subscription)?;
    if held.is_none_or(|held| held.user != new.user) {
        return Ok(());
    }
    let most = desk.config.push_waiting_subscription_max.max(1);
    let waiting = notices_of(tx, &new.subscription, most)?;
    if let Some(oldest) = waiting.first().filter(|_| most <= waiting.len()) {
        drop_notice(tx, oldest)?;
        tx.count(NOTICES, Outcome::Dropped.as_str());
    }
    if desk.config.push_waiting_max <= notice_count(tx)? {
        tx.count(NOTICES, Outcome::Dropped.as_str());
        return Ok(());
    }
    put_notice(tx, new)
}

/// Tells what was sent, what waits and who is told.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn expose(reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
    let help = "Notices of tasks to browsers, by what became of them, since the unit began.";
    for (outcome, count) in reader.kernel().meters().counts(NOTICES) {
        out.counter(NOTICES, help, &[("outcome", &outcome)], count);
    }
    let waiting = store::notice_count(reader)?;
    let help = "Notices of tasks that no push service has taken yet.";
    out.gauge(WAITING, help, &[], waiting as f64);
    let subscriptions = subscription_count(reader)?;
    let help = "Browsers that are told of tasks.";
    out.gauge("craton_push_subscriptions", help, &[], subscriptions as f64);
    Ok(())
}
