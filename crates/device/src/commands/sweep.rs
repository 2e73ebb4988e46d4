//! What happens to commands by itself: deadlines pass, the past is forgotten. What is counted, and what is verified.

use super::key;
use super::state::{self, State};
use crate::engine::Fleet;
use crate::{faults, registry};
use base::{Key, Period, Problem, Time};
use kernel::{Exposition, Read, Reader, Tx};
use serde_json::json;

/// Commands that expire, or are forgotten, in one step.
const STEP: usize = 100;

/// Open commands that are counted for metrics; of more, so many are told.
const COUNTED_MAX: usize = 100_000;

/// Ends commands whose deadline has passed, and forgets those that ended long ago. One that cannot be read keeps no other waiting.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn work(fleet: &Fleet, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
    let now = tx.business();
    let due = past(tx, &key::deadlines(), now, budget.min(STEP))?;
    for found in &due {
        tx.delete(found.clone());
        let expired = tx.attempt(|tx| expire(fleet, tx, found));
        faults::go_on(tx, expired, json!({ "command": key::last(found) }))?;
    }
    let long_ago = now.plus(Period(-Period::days(fleet.config.command_days.into()).0));
    let old = past(tx, &key::ends(), long_ago, budget.saturating_sub(due.len()).min(STEP))?;
    for found in &old {
        tx.delete(found.clone());
        let forgotten = tx.attempt(|tx| forget(tx, found));
        faults::go_on(tx, forgotten, json!({ "command": key::last(found) }))?;
    }
    Ok(due.len() + old.len())
}

/// Ends the command to whose deadline a key leads.
fn expire(fleet: &Fleet, tx: &mut Tx<'_>, found: &[u8]) -> Result<(), Problem> {
    match state::found_at(tx, found)?.filter(|command| command.state.is_open()) {
        Some(command) => {
            let deadline = command.deadline;
            state::end(fleet, tx, command, State::Expired, deadline)
        }
        None => Ok(()),
    }
}

/// Removes the command to whose end a key leads.
fn forget(tx: &mut Tx<'_>, found: &[u8]) -> Result<(), Problem> {
    if let Some(command) = state::found_at(tx, found)? {
        state::remove(tx, &command);
    }
    Ok(())
}

/// Returns keys that begin with a time that is not later than one.
fn past(read: &dyn Read, prefix: &Key, until: Time, limit: usize) -> Result<Vec<Vec<u8>>, Problem> {
    // This range is the same each time, which a store answers from memory.
    let first = read.scan_prefix(prefix.as_ref(), 1)?;
    let is_past = first.first().and_then(|(found, _)| key::time_of(found));
    if limit == 0 || is_past.is_none_or(|first| until < first) {
        return Ok(Vec::new());
    }
    let end = prefix.clone().signed(until.0.saturating_add(1));
    let pairs = read.scan(prefix.as_ref(), end.as_ref(), limit, false)?;
    Ok(pairs.into_iter().map(|(found, _)| found).collect())
}

/// Returns when the next deadline passes.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn due(_fleet: &Fleet, read: &dyn Read) -> Result<Option<Time>, Problem> {
    let first = read.scan_prefix(key::deadlines().as_ref(), 1)?;
    Ok(first.first().and_then(|(found, _)| key::time_of(found)))
}

/// Tells how many commands are open.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn tell(_fleet: &Fleet, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
    let open = reader.scan_prefix(key::deadlines().as_ref(), COUNTED_MAX)?.len();
    let help = "Commands to devices that are neither answered nor over.";
    out.gauge("craton_commands_open", help, &[], open as f64);
    Ok(())
}

/// Returns what is wrong with what is stored of commands, a line each.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn verify(_fleet: &Fleet, reader: &Reader) -> Result<Vec<String>, Problem> {
    let (mut findings, mut expected) = (Vec::new(), std::collections::BTreeSet::new());
    let left = registry::left(reader)?;
    let is_leaving =
        |device: &str| left.iter().any(|(kind, name)| kind == "device" && name == device);
    for (found, _) in reader.scan_prefix(key::commands().as_ref(), usize::MAX)? {
        let number = key::last(&found).unwrap_or_default();
        let command = match state::load(reader, number) {
            Ok(Some(command)) => command,
            Ok(None) => continue,
            Err(problem) => {
                findings.push(format!("command {number}: {}", problem.message));
                continue;
            }
        };
        let device = command.device.as_str();
        if reader.resource("device", device)?.is_none() && !is_leaving(device) {
            findings
                .push(format!("command {number} is of device `{device}`, which does not exist"));
        }
        expected.insert(key::of(device, number).bytes());
        match (command.state.is_open(), command.ended_at) {
            (true, None) => {
                expected.insert(key::open(device, number).bytes());
                expected.insert(key::deadline(command.deadline, number).bytes());
                let waited = command.reply_to.as_ref().map(key::waited_at);
                expected.extend(waited.map(Key::bytes));
            }
            (false, Some(at)) => {
                expected.insert(key::end(at, number).bytes());
            }
            (_, _) => findings.push(format!(
                "command {number} is {}, and says otherwise of its end",
                command.state.as_str()
            )),
        }
    }
    for prefix in [key::all(), key::open_all(), key::deadlines(), key::ends(), key::waited()] {
        for (found, value) in reader.scan_prefix(prefix.as_ref(), usize::MAX)? {
            let number = key::last(&found).filter(|_| value.is_empty());
            let number = number.or_else(|| key::last(&value)).unwrap_or_default();
            if !expected.remove(&found) {
                findings.push(format!(
                    "a key leads to command {number}, which is not there or stands otherwise"
                ));
            }
        }
    }
    let missing = expected.len();
    if 0 < missing {
        findings.push(format!("{missing} keys that should lead to commands are missing"));
    }
    Ok(findings)
}
