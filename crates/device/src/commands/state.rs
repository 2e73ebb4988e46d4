//! What is stored of a command, and how it begins and ends.

use super::key;
use crate::engine::Fleet;
use crate::{Error, twin, wire};
use base::{Problem, Time};
use kernel::{Address, Read, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A command to a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its number, which is its name.
    pub number: u64,
    /// The device.
    pub device: String,
    /// Which of the commands of the device's type.
    pub name: String,
    /// What goes with it.
    pub input: Value,
    /// How it stands.
    pub state: State,
    /// When it was given, business time.
    pub created_at: Time,
    /// When it expires, business time.
    pub deadline: Time,
    /// When the device has acknowledged that it has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// What the device has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Who gave it.
    pub by: String,
    /// On whose behalf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// Where somebody waits for the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Address>,
}

/// How a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The device does not have it yet, as far as is known.
    Waiting,
    /// The device has it.
    Sent,
    /// The device has done it.
    Answered,
    /// The device could not do it.
    Failed,
    /// Its deadline has passed.
    Expired,
    /// Somebody has taken it back.
    Cancelled,
}

impl State {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Waiting, Self::Sent, Self::Answered, Self::Failed, Self::Expired, Self::Cancelled];

    /// Returns the state in a word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns whether an answer may come still.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Sent)
    }
}

/// Returns a command.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn load(read: &dyn Read, number: u64) -> Result<Option<Command>, Problem> {
    read.get(key::command(number).as_ref())?.map(|bytes| wire::read(&bytes)).transpose()
}

/// Returns the command of a name.
///
/// # Errors
/// `command.not_found`.
pub(crate) fn require(read: &dyn Read, name: &str) -> Result<Command, Problem> {
    let found = match name.parse() {
        Ok(number) => load(read, number)?,
        Err(_) => None,
    };
    found.ok_or_else(|| not_found(name))
}

/// Returns that there is no such command.
pub(crate) fn not_found(name: &str) -> Problem {
    Error::CommandNotFound { number: name.chars().take(40).collect() }.into()
}

/// Stores a new command.
///
/// # Errors
/// Where it cannot be written, which is a defect.
pub(crate) fn begin(fleet: &Fleet, tx: &mut Tx<'_>, command: &Command) -> Result<(), Problem> {
    let (device, number) = (command.device.as_str(), command.number);
    tx.put(key::open(device, number), Vec::new());
    tx.put(key::of(device, number), Vec::new());
    tx.put(key::deadline(command.deadline, number), Vec::new());
    if let Some(address) = &command.reply_to {
        tx.put(key::waited_at(address), number.to_be_bytes().to_vec());
    }
    put(fleet, tx, command)
}

/// Stores a command that is open as it stands now, and tells of it.
///
/// # Errors
/// Where it cannot be written, which is a defect.
pub(crate) fn put(fleet: &Fleet, tx: &mut Tx<'_>, command: &Command) -> Result<(), Problem> {
    tx.put(key::command(command.number), wire::write(command)?);
    let mut detail = json!({"command": command.number, "name": command.name});
    if let Some(problem) = &command.problem {
        detail["problem"] = json!(problem);
    }
    let event = format!("command_{}", command.state.as_str());
    twin::event(fleet, tx, &command.device, &event, detail)
}

/// Ends a command, and tells whoever waits for it. What was answered was put into it before.
///
/// # Errors
/// Where it cannot be written, which is a defect.
pub(crate) fn end(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    mut command: Command,
    state: State,
    at: Time,
) -> Result<(), Problem> {
    (command.state, command.ended_at) = (state, Some(at));
    tx.delete(key::open(&command.device, command.number));
    tx.delete(key::deadline(command.deadline, command.number));
    tx.put(key::end(at, command.number), Vec::new());
    if let Some(address) = command.reply_to.take() {
        tx.delete(key::waited_at(&address));
        tx.reply(&address, told(&command));
    }
    put(fleet, tx, &command)
}

/// Returns what whoever waited for a command is told.
fn told(command: &Command) -> Result<Value, Problem> {
    let name = || command.name.clone();
    match command.state {
        State::Waiting | State::Sent | State::Answered => Ok(json!({
            "command": command.number,
            "state": command.state,
            "output": command.output,
        })),
        State::Failed => {
            let reason = command.problem.clone().unwrap_or_default();
            Err(Error::Failed { command: name(), reason }.into())
        }
        State::Expired => Err(Error::Expired { command: name() }.into()),
        State::Cancelled => Err(over(command.state)),
    }
}

/// Returns that a command is over.
pub(crate) fn over(state: State) -> Problem {
    Error::CommandOver { state: state.as_str().into() }.into()
}

/// Removes a command that is over, or whose device is gone, with all that leads to it.
pub(crate) fn remove(tx: &mut Tx<'_>, command: &Command) {
    let (device, number) = (command.device.as_str(), command.number);
    tx.delete(key::command(number));
    tx.delete(key::of(device, number));
    match command.ended_at {
        Some(at) => tx.delete(key::end(at, number)),
        None => {
            tx.delete(key::open(device, number));
            tx.delete(key::deadline(command.deadline, number));
        }
    }
    if let Some(address) = &command.reply_to {
        tx.delete(key::waited_at(address));
    }
}

/// Removes the open commands of a device that is gone. Whoever waits for one is told that it was taken back.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn cancel_all(tx: &mut Tx<'_>, device: &str) -> Result<(), Problem> {
    for (found, _) in tx.scan_prefix(key::open_of(device).as_ref(), usize::MAX)? {
        let Some(command) = found_at(tx, &found)? else { continue };
        if let Some(address) = &command.reply_to {
            tx.reply(address, Err(over(State::Cancelled)));
        }
        remove(tx, &command);
    }
    Ok(())
}

/// Removes commands of a device that is gone, so many at most. Returns how many.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn forget_some(tx: &mut Tx<'_>, device: &str, limit: usize) -> Result<usize, Problem> {
    let all = tx.scan_prefix(key::all_of(device).as_ref(), limit)?;
    let count = all.len();
    for (found, _) in all {
        match found_at(tx, &found)? {
            Some(command) => remove(tx, &command),
            None => tx.delete(found),
        }
    }
    Ok(count)
}

/// Returns the command to which a key leads.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn found_at(read: &dyn Read, found: &[u8]) -> Result<Option<Command>, Problem> {
    key::last(found).map_or(Ok(None), |number| load(read, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_stored_as_it_is_shown() {
        for state in State::ALL {
            assert_eq!(json!(state), state.as_str());
        }
    }
}
