//! What follows when a type or a device is declared, changed or removed, in the same commit.

use super::spec::DeviceSpec;
use super::{check, credentials, index, pieces, types};
use crate::commands;
use crate::engine::Fleet;
use crate::twin::{self, SideName};
use base::Problem;
use kernel::{Principal, Read, Resource, Tx};
use std::collections::BTreeSet;

/// Why the connections of a device end that is disabled or gone (MQTT 5, reason code 0x98: administrative action).
const ENDED_BY_HAND: u8 = 0x98;

/// Takes note of a change.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn changed(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    old: Option<&Resource>,
    new: Option<&Resource>,
) -> Result<(), Problem> {
    let Some(resource) = new.or(old) else { return Ok(()) };
    match resource.kind.as_str() {
        "device_type" => type_changed(tx, old, new),
        "device" => match new {
            Some(device) => device_changed(fleet, tx, old, device),
            None => device_gone(fleet, tx, resource),
        },
        "stream" => check::stream_changed(tx, old, new),
        _ => Ok(()),
    }
}

fn type_changed(
    tx: &mut Tx<'_>,
    old: Option<&Resource>,
    new: Option<&Resource>,
) -> Result<(), Problem> {
    let Some(resource) = new else {
        return match old {
            Some(old) => check::type_gone(tx, &old.name),
            None => Ok(()),
        };
    };
    check::device_type(tx, resource)?;
    let now = types::Type::of(resource)?;
    let Some(before) = old.map(types::Type::of).transpose()? else { return Ok(()) };
    let indexed = |found: &types::Type| -> BTreeSet<String> {
        found.indexed().map(|(name, _)| name.to_owned()).collect()
    };
    let (before, now) = (indexed(&before), indexed(&now));
    if before != now {
        pieces::order_anew(tx, &resource.name);
    }
    Ok(())
}

fn device_changed(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    old: Option<&Resource>,
    device: &Resource,
) -> Result<(), Problem> {
    let spec = types::spec_of(device)?;
    let certificates = check::device(fleet, tx, device, &spec)?;
    let name = &device.name;
    match old {
        None => {
            pieces::check_gone(tx, name)?;
            let mut entries = index::declared(device, &spec);
            entries.insert(("state".into(), index::state_of(None).into()));
            index::move_to(tx, name, &BTreeSet::new(), &entries);
        }
        Some(old) => move_in_lists(fleet, tx, old, device, &spec)?,
    }
    credentials::follow(tx, name, &certificates)?;
    if !spec.desired.is_empty() && twin::side(tx, name, SideName::Desired)?.is_none() {
        let (by, at) = (Principal::try_from(device.changed_by.clone())?, tx.business());
        twin::desire(fleet, tx, name, &spec.desired, None, &by, at)?;
    }
    if spec.disabled {
        let principal = Principal::Device(name.clone());
        fleet.broker.end_sessions_of(tx, &principal, ENDED_BY_HAND)?;
    }
    Ok(())
}

fn move_in_lists(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    old: &Resource,
    device: &Resource,
    spec: &DeviceSpec,
) -> Result<(), Problem> {
    let before = types::spec_of(old)?;
    index::move_to(
        tx,
        &device.name,
        &index::declared(old, &before),
        &index::declared(device, spec),
    );
    if before.type_name == spec.type_name {
        return Ok(());
    }
    // What it has reported is found by the properties of its type. The type that it had may be gone by now.
    let (from, to) = (pieces::standing(tx, old)?, index::reported(fleet, tx, device)?);
    index::move_to(tx, &device.name, &from, &to);
    Ok(())
}

/// Removes all that belongs to a device: nothing of it is left for another of the same name. What rules remember of it they forget
/// themselves.
fn device_gone(fleet: &Fleet, tx: &mut Tx<'_>, device: &Resource) -> Result<(), Problem> {
    let name = &device.name;
    fleet.broker.end_sessions_of(tx, &Principal::Device(name.clone()), ENDED_BY_HAND)?;
    let mut entries = index::declared(device, &types::spec_of(device)?);
    entries.extend(pieces::standing(tx, device)?);
    entries.extend(index::STATES.map(|state| ("state".to_owned(), state.to_owned())));
    index::move_to(tx, name, &entries, &BTreeSet::new());
    credentials::end_all(tx, name)?;
    commands::cancel_all(tx, name)?;
    pieces::remove_all(tx, name)
}
