//! Both sides of a twin as they are kept: as they stand, and as they stood from each version on.

use super::{events, merge, state};
use crate::broker::Announce;
use crate::engine::Fleet;
use crate::registry::{self, Type};
use crate::{Error, key, publish, wire};
use base::{KeyReader, Period, Problem, Time, prefix_end};
use kernel::{Call, Principal, Read, Reply, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use store::Pair;

/// A side of a twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SideName {
    /// What is desired of the device.
    Desired,
    /// What the device has reported.
    Reported,
}

impl SideName {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Desired, Self::Reported];

    /// Returns the word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Desired => "desired",
            Self::Reported => "reported",
        }
    }
}

/// A side as it stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Side {
    /// Rises by one with every change, from 1; 0 where nothing was said yet.
    pub(crate) version: u64,
    /// When it was changed last, business time.
    pub(crate) at: Time,
    /// What it holds.
    pub(crate) state: Map<String, Value>,
    /// Who changed it last.
    pub(crate) by: String,
}

/// A side as it stood from a version on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// What it held.
    pub(crate) state: Map<String, Value>,
    /// The names of what this version changed.
    pub(crate) changed: Vec<String>,
    /// Who changed it.
    pub(crate) by: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    desired: Map<String, Value>,
    #[serde(default)]
    version: Option<u64>,
}

/// Changes what is desired of a device: the operation `device.set`.
///
/// # Errors
/// `twin.invalid`, `twin.conflict`, `twin.too_large`.
pub(crate) fn set(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Set { desired, version } = call.parameters()?;
    let (device, at) = (&call.resource.name, tx.time_of(call));
    let side = desire(fleet, tx, device, &desired, version, &call.actor, at)?;
    Ok(Reply::Value(json!({"version": side.version, "desired": side.state})))
}

/// Takes what a device reports of itself. Returns the version of what it has reported; what says nothing new is no version.
///
/// # Errors
/// `twin.invalid`, `twin.too_large`; where the store cannot be read.
pub(crate) fn report(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    device: &str,
    patch: &Map<String, Value>,
    at: Time,
) -> Result<u64, Problem> {
    let found = registry::type_of(fleet, tx, device)?;
    state::check(&found.properties, patch, false)?;
    let before = side(tx, device, SideName::Reported)?.unwrap_or_default();
    let by = Principal::Device(device.to_owned()).to_string();
    let change = Change { device, side: SideName::Reported, patch, at, by };
    let Some((side, changed)) = change.put(fleet, tx, &before)? else { return Ok(before.version) };
    index_anew(tx, &found, device, &before.state, &side.state)?;
    let detail = json!({"version": side.version, "changed": changed});
    events::event(fleet, tx, device, "twin_reported", detail)?;
    Ok(side.version)
}

/// Changes what is desired of a device, and has it told: a device that is away is told when it comes. What changes nothing is no version.
///
/// # Errors
/// `twin.invalid`, `twin.conflict`, `twin.too_large`; where the store cannot be read.
pub(crate) fn desire(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    device: &str,
    patch: &Map<String, Value>,
    version: Option<u64>,
    by: &Principal,
    at: Time,
) -> Result<Side, Problem> {
    let found = registry::type_of(fleet, tx, device)?;
    let before = side(tx, device, SideName::Desired)?.unwrap_or_default();
    if version.is_some_and(|version| version != before.version) {
        return Err(Error::TwinConflict { version: before.version }.into());
    }
    state::check(&found.properties, patch, true)?;
    let change = Change { device, side: SideName::Desired, patch, at, by: by.to_string() };
    let Some((side, changed)) = change.put(fleet, tx, &before)? else { return Ok(before) };
    fleet.broker.announce(tx, device, Announce::Desired);
    tell_others(fleet, tx, device, &side)?;
    let detail = json!({"version": side.version, "changed": changed, "by": side.by});
    events::event(fleet, tx, device, "twin_desired", detail)?;
    Ok(side)
}

/// Returns a side of a twin, where anything was said of it.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn side(read: &dyn Read, device: &str, side: SideName) -> Result<Option<Side>, Problem> {
    read.get(key::side(device, side).as_ref())?.map(|bytes| wire::read(&bytes)).transpose()
}

/// Returns a side of a twin as it stood at a time, with the version that it had; nothing where nothing had been said, or what is kept does
/// not reach so far back.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn side_at(
    read: &dyn Read,
    device: &str,
    side: SideName,
    at: Time,
) -> Result<Option<Side>, Problem> {
    let from = key::versions(device, side);
    let to = key::version(device, side, Time(at.0.saturating_add(1)), 0);
    let last = read.scan(from.as_ref(), to.as_ref(), 1, true)?;
    last.first().map(|(found, bytes)| side_of(found, bytes)).transpose()
}

/// Returns the oldest version of a side of a twin that is kept.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn first(
    read: &dyn Read,
    device: &str,
    side: SideName,
) -> Result<Option<Side>, Problem> {
    let first = read.scan_prefix(key::versions(device, side).as_ref(), 1)?;
    first.first().map(|(found, bytes)| side_of(found, bytes)).transpose()
}

/// Returns the last versions of a side of a twin, the newest first.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn versions(
    read: &dyn Read,
    device: &str,
    side: SideName,
    limit: usize,
) -> Result<Vec<(Side, Vec<String>)>, Problem> {
    let from = key::versions(device, side);
    let pairs = read.scan(from.as_ref(), &prefix_end(from.as_ref()), limit, true)?;
    let read_one = |(found, bytes): &Pair| -> Result<(Side, Vec<String>), Problem> {
        let (at, version) = parts_of(found);
        let Version { state, changed, by } = wire::read(bytes)?;
        Ok((Side { version, at, state, by }, changed))
    };
    pairs.iter().map(read_one).collect()
}

fn side_of(found: &[u8], bytes: &[u8]) -> Result<Side, Problem> {
    let (at, version) = parts_of(found);
    let Version { state, changed: _, by } = wire::read(bytes)?;
    Ok(Side { version, at, state, by })
}

/// Returns the instant and the version at the end of a key.
fn parts_of(found: &[u8]) -> (Time, u64) {
    let mut parts = KeyReader::new(found);
    // The section, the device, the part of it, the side.
    let _ = (parts.text(), parts.text(), parts.text(), parts.text());
    let at = parts.signed().unwrap_or_default();
    (Time(at), parts.number().unwrap_or_default())
}

/// A change of a side.
struct Change<'a> {
    device: &'a str,
    side: SideName,
    patch: &'a Map<String, Value>,
    at: Time,
    by: String,
}

impl Change<'_> {
    /// Writes the side and its version. Returns it with the names of what has changed; nothing where nothing has.
    fn put(
        self,
        fleet: &Fleet,
        tx: &mut Tx<'_>,
        before: &Side,
    ) -> Result<Option<(Side, Vec<String>)>, Problem> {
        let after = merge(&before.state, self.patch);
        let changed = state::changed(&before.state, &after);
        if changed.is_empty() {
            return Ok(None);
        }
        let limit = fleet.config.twin_bytes_max;
        // What gets smaller is taken, whatever the limit has become.
        let size = |state: &Map<String, Value>| serde_json::to_vec(state).map(|bytes| bytes.len());
        let bytes = size(&after).map_err(Error::internal)?;
        if limit < bytes && size(&before.state).map_err(Error::internal)? < bytes {
            return Err(Error::TwinTooLarge { limit }.into());
        }
        // Versions stand in the order of their times.
        let at = self.at.max(before.at);
        let side = Side { version: before.version + 1, at, state: after, by: self.by };
        tx.put(key::side(self.device, self.side), wire::write(&side)?);
        let version =
            Version { state: side.state.clone(), changed: changed.clone(), by: side.by.clone() };
        let place = key::version(self.device, self.side, at, side.version);
        tx.put(place, wire::write(&version)?);
        forget_oldest(fleet, tx, self.device, self.side, &side)?;
        Ok(Some((side, changed)))
    }
}

/// Deletes the oldest version where there are too many, or where the next one stands for all times that are asked for. One is enough: each
/// write adds one.
fn forget_oldest(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    device: &str,
    name: SideName,
    side: &Side,
) -> Result<(), Problem> {
    let first = tx.scan_prefix(key::versions(device, name).as_ref(), 2)?;
    let [(oldest, _), (next, _)] = first.as_slice() else { return Ok(()) };
    let (_, version) = parts_of(oldest);
    let (next_at, _) = parts_of(next);
    let count = side.version - version.min(side.version) + 1;
    let days = Period::days(i64::from(fleet.config.twin_days));
    let is_old = next_at.plus(days) <= side.at;
    if is_old || fleet.config.twin_versions_max < count {
        tx.delete(oldest.clone());
    }
    Ok(())
}

/// Has lists find a device by what it has reported now.
///
/// # Errors
/// Where the store cannot be read.
fn index_anew(
    tx: &mut Tx<'_>,
    found: &Type,
    device: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Result<(), Problem> {
    let entries = |state: &Map<String, Value>| -> BTreeSet<registry::Entry> {
        found.indexed().filter_map(|(name, _)| registry::entry_of(state, name)).collect()
    };
    let from = match registry::is_in_order(tx, &found.name)? {
        true => entries(before),
        // It may still stand by what is not indexed any more.
        false => before.keys().filter_map(|name| registry::entry_of(before, name)).collect(),
    };
    registry::move_to(tx, device, &from, &entries(after));
    Ok(())
}

/// Tells whoever watches the device what is desired of it. The device itself is told by [`Announce`]: the newest only.
fn tell_others(fleet: &Fleet, tx: &mut Tx<'_>, device: &str, side: &Side) -> Result<(), Problem> {
    let topic = format!("devices/{device}/twin/desired");
    let value = json!({"version": side.version, "state": side.state});
    publish::say(fleet, tx, device, publish::message_of(&topic, &value))
}
