//! What follows from a change and is too much for one step: it is done piece by piece, one in each turn.
//!
//! The devices of a type of which other properties are indexed now are put in order anew: until that is done nobody is found by a property of
//! that type. What belonged to a device that is gone is removed: until that is done no device of its name is declared.

use super::index;
use crate::engine::Fleet;
use crate::twin::{self, SideName};
use crate::{Error, commands, faults, key};
use base::{Problem, prefix_end};
use kernel::{Read, Resource, Tx};
use serde_json::json;
use std::collections::BTreeSet;

/// Devices that are put in order in one go.
const DEVICES: usize = 500;

/// Commands of a device that are removed in one go, and other keys of it, and their bytes: a version of its twin may be large.
const COMMANDS: usize = 1_000;
const KEYS: usize = 5_000;
const BYTES: usize = 4 << 20;

/// Keys that are read in one go.
const PAGE: usize = 200;

/// Has the devices of a type be put in order anew.
pub(super) fn order_anew(tx: &mut Tx<'_>, type_name: &str) {
    tx.put(key::piece("device_type", type_name), Vec::new());
}

/// Checks that the devices of a type are in order by what they report.
///
/// # Errors
/// `device.not_yet`; where the store cannot be read.
pub(super) fn check_order(read: &dyn Read, type_name: &str) -> Result<(), Problem> {
    if is_in_order(read, type_name)? {
        return Ok(());
    }
    let what = format!("putting devices of type `{type_name}` in order by what they report");
    Err(Error::NotYet { what }.into())
}

/// Returns whether the devices of a type are in order by what they report.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn is_in_order(read: &dyn Read, type_name: &str) -> Result<bool, Problem> {
    Ok(read.get(key::piece("device_type", type_name).as_ref())?.is_none())
}

/// Removes what belonged to a device that is gone, at once where that is little.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn remove_all(tx: &mut Tx<'_>, device: &str) -> Result<(), Problem> {
    if !remove_some(tx, device)? {
        tx.put(key::piece("device", device), Vec::new());
    }
    Ok(())
}

/// Checks that nothing is left of another device of a name.
///
/// # Errors
/// `device.not_yet`; where the store cannot be read.
pub(super) fn check_gone(read: &dyn Read, device: &str) -> Result<(), Problem> {
    match read.get(key::piece("device", device).as_ref())? {
        None => Ok(()),
        Some(_) => {
            let what = format!("removing what belonged to another device `{device}`");
            Err(Error::NotYet { what }.into())
        }
    }
}

/// Returns kinds and names of what is not done.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn left(read: &dyn Read) -> Result<Vec<(String, String)>, Problem> {
    let pieces = read.scan_prefix(key::pieces().as_ref(), usize::MAX)?;
    Ok(pieces.iter().filter_map(|(found, _)| key::piece_of(found)).collect())
}

/// Does one piece of what is left. What is left then waits for the next turn: calls from outside come in between.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn work(fleet: &Fleet, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
    let first = if 0 < budget { tx.scan_prefix(key::pieces().as_ref(), 1)? } else { Vec::new() };
    let Some((found, after)) = first.into_iter().next() else { return Ok(0) };
    tx.leave_more();
    let Some((kind, name)) = key::piece_of(&found) else {
        tx.delete(found);
        return Ok(0);
    };
    let done = match kind.as_str() {
        "device_type" => {
            let after = String::from_utf8_lossy(&after);
            order_some(fleet, tx, &name, &after)?
        }
        _ => {
            let removed = tx.attempt(|tx| remove_some(tx, &name));
            faults::go_on(tx, removed, json!({ "device": name }))?.unwrap_or(true)
        }
    };
    if done {
        tx.delete(found);
    }
    Ok(0)
}

/// Puts some devices of a type in order, behind one of them. Returns whether these were the last.
fn order_some(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    type_name: &str,
    after: &str,
) -> Result<bool, Problem> {
    let devices = index::names(tx, ("type", type_name), after, DEVICES)?;
    for device in &devices {
        let ordered = tx.attempt(|tx| order(fleet, tx, device));
        faults::go_on(tx, ordered, json!({ "device": device }))?;
    }
    match devices.last().filter(|_| devices.len() == DEVICES) {
        Some(last) => {
            tx.put(key::piece("device_type", type_name), last.as_bytes().to_vec());
            Ok(false)
        }
        None => Ok(true),
    }
}

fn order(fleet: &Fleet, tx: &mut Tx<'_>, device: &str) -> Result<(), Problem> {
    if let Some(device) = tx.resource("device", device)? {
        let (from, to) = (standing(tx, &device)?, index::reported(fleet, tx, &device)?);
        index::move_to(tx, &device.name, &from, &to);
    }
    Ok(())
}

/// Returns where a device stands by what it has reported, whatever its type says now.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn standing(tx: &Tx<'_>, device: &Resource) -> Result<BTreeSet<index::Entry>, Problem> {
    let Some(side) = twin::side(tx, &device.name, SideName::Reported)? else {
        return Ok(BTreeSet::new());
    };
    let entries = side.state.keys().filter_map(|name| index::entry_of(&side.state, name));
    let mut standing = BTreeSet::new();
    for (found, value) in entries {
        if tx.get(key::index(&found, &value, &device.name).as_ref())?.is_some() {
            standing.insert((found, value));
        }
    }
    Ok(standing)
}

/// Removes some of what belonged to a device. Returns whether that was all.
fn remove_some(tx: &mut Tx<'_>, device: &str) -> Result<bool, Problem> {
    if commands::forget_some(tx, device, COMMANDS)? == COMMANDS {
        return Ok(false);
    }
    let prefix = key::device(device);
    let end = prefix_end(prefix.as_ref());
    let (mut from, mut keys, mut bytes) = (prefix.bytes(), 0, 0);
    while keys < KEYS && bytes < BYTES {
        let pairs = tx.scan(&from, &end, PAGE, false)?;
        let Some((last, _)) = pairs.last() else { return Ok(true) };
        from = [last.as_slice(), &[0]].concat();
        for (found, value) in pairs {
            (keys, bytes) = (keys + 1, bytes + value.len());
            tx.delete(found);
        }
    }
    Ok(false)
}
