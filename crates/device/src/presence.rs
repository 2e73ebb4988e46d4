//! Whether devices are there, since when, and what is odd about what they say: their clocks, and rows that break their schema.
//!
//! What a device says all the time changes nothing here: the last row of each channel says when it was heard (`twin::seen`).

use crate::engine::Fleet;
use crate::publish::{message_of, say};
use crate::registry::{reindex, state_of};
use crate::{key, twin, wire};
use base::{Period, Problem, Time};
use kernel::{Read, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How long a device that breaks its schema, or speaks HTTP, is looked at as one that was noted already.
const NOTED: Period = Period::seconds(60);

/// Whether a device is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// True while it is connected.
    pub connected: bool,
    /// Since when it is connected, or is not, business time.
    pub since: Time,
    /// Its session; 0 where it never had one.
    pub session: u64,
    /// When it was noted last, business time.
    pub last_seen: Time,
    /// By how many milliseconds its clock was ahead when that was noted, while it differs by more than is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_ms: Option<i64>,
    /// How many of its rows were set aside.
    #[serde(default)]
    pub set_aside: u64,
    /// When that was an event last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_aside_at: Option<Time>,
    /// Why it is not connected, where it was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Presence {
    /// Returns the presence of a device that is heard of for the first time.
    fn new(now: Time) -> Self {
        Self {
            connected: false,
            since: now,
            session: 0,
            last_seen: now,
            skew_ms: None,
            set_aside: 0,
            set_aside_at: None,
            reason: String::new(),
        }
    }
}

/// Returns whether a device is there; nothing where it was never heard of.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn of(read: &dyn Read, device: &str) -> Result<Option<Presence>, Problem> {
    read.get(key::presence(device).as_ref())?.map(|bytes| wire::read(&bytes)).transpose()
}

/// Takes note that a device has connected.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn connected(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    device: &str,
    session: u64,
) -> Result<(), Problem> {
    change(tx, device, |presence, now| {
        *presence = Presence {
            connected: true,
            since: now,
            session,
            last_seen: now,
            reason: String::new(),
            ..presence.clone()
        };
    })?;
    twin::event(fleet, tx, device, "connected", json!({ "session": session }))?;
    tell(fleet, tx, device, true)
}

/// Takes note that a device has gone. Where another connection of it came meanwhile, it has not.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn disconnected(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    device: &str,
    session: u64,
    reason: &str,
) -> Result<(), Problem> {
    let is_its = |held: &Presence| held.connected && held.session == session;
    if !of(tx, device)?.is_some_and(|held| is_its(&held)) {
        return Ok(());
    }
    change(tx, device, |presence, now| {
        (presence.connected, presence.since, presence.last_seen) = (false, now, now);
        presence.reason = reason.to_owned();
    })?;
    let detail = json!({"session": session, "reason": reason});
    twin::event(fleet, tx, device, "disconnected", detail)?;
    tell(fleet, tx, device, false)
}

/// Takes note that a device without a connection was heard: of one that is heard all the time, once a minute.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn heard(tx: &mut Tx<'_>, device: &str) -> Result<(), Problem> {
    let now = tx.business();
    if of(tx, device)?.is_some_and(|held| now < held.last_seen.plus(NOTED)) {
        return Ok(());
    }
    change(tx, device, |presence, now| presence.last_seen = now)
}

/// Takes note of how a device's clock stands to ours: when it begins to differ by more than is usual, and when it does no more.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn skewed(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    device: &str,
    sent: Time,
    received: Time,
) -> Result<(), Problem> {
    let skew_ms = sent.0.saturating_sub(received.0);
    let limit = Period::seconds(fleet.config.clock_skew_seconds_max.into());
    let is_skewed = limit.0 < skew_ms.saturating_abs();
    if of(tx, device)?.is_some_and(|held| held.skew_ms.is_some()) == is_skewed {
        return Ok(());
    }
    change(tx, device, |presence, _| presence.skew_ms = is_skewed.then_some(skew_ms))?;
    let event = if is_skewed { "clock_skewed" } else { "clock_right" };
    let detail = json!({"sent": sent, "received": received, "skew_ms": skew_ms});
    twin::event(fleet, tx, device, event, detail)
}

/// Takes note that rows of a device were set aside. All are counted; of many in a row the first is an event, once a minute.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn broken(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    device: &str,
    count: u64,
) -> Result<(), Problem> {
    let mut is_event = false;
    change(tx, device, |presence, now| {
        presence.set_aside += count;
        is_event = presence.set_aside_at.is_none_or(|last| last.plus(NOTED) <= now);
        if is_event {
            presence.set_aside_at = Some(now);
        }
    })?;
    if !is_event {
        return Ok(());
    }
    twin::event(fleet, tx, device, "set_aside", json!({ "rows": count }))
}

/// Changes the presence of a device, and where lists find it by that.
fn change(
    tx: &mut Tx<'_>,
    device: &str,
    change: impl FnOnce(&mut Presence, Time),
) -> Result<(), Problem> {
    let now = tx.business();
    let before = of(tx, device)?;
    let mut after = before.clone().unwrap_or_else(|| Presence::new(now));
    change(&mut after, now);
    tx.put(key::presence(device), wire::write(&after)?);
    let (from, to) = (state_of(before.as_ref()), state_of(Some(&after)));
    reindex(tx, device, "state", Some(from), Some(to));
    Ok(())
}

/// Tells those who watch the device.
fn tell(fleet: &Fleet, tx: &mut Tx<'_>, device: &str, is_connected: bool) -> Result<(), Problem> {
    let said = json!({"connected": is_connected, "at": tx.business()});
    say(fleet, tx, device, message_of(&format!("devices/{device}/presence"), &said))
}
