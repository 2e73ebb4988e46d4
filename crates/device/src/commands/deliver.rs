//! Commands and desired state as messages: they are rows, and become messages when a device can hear them.

use super::key;
use super::state::{self, Command};
use crate::broker::{Message, Origin};
use crate::engine::Fleet;
use crate::mqtt::Publish;
use crate::publish::message_of;
use crate::twin::{self, SideName};
use base::{Problem, Time};
use kernel::Read;
use serde_json::json;
use std::collections::BTreeSet;

/// Returns a command as it is published, with what is left of its deadline.
pub(super) fn publish(command: &Command, business: Time) -> Publish {
    let Command { number, device, name, .. } = command;
    let mut publish =
        message_of(&format!("devices/{device}/commands/{name}/{number}"), &command.input);
    if let Some(properties) = &mut publish.properties {
        // At least one: 0 is no time at all, and what is over is not published.
        let left = (command.deadline.0.saturating_sub(business.0) / 1_000).max(1);
        properties.expiry_secs = Some(u32::try_from(left).unwrap_or(u32::MAX));
        properties.response_topic = Some(format!("devices/{device}/answers/{number}").into());
        properties.correlation = Some(number.to_string().into());
    }
    publish
}

/// Returns a command as a message, where it is open still.
fn message(read: &dyn Read, number: u64, wall: Time) -> Result<Option<Message>, Problem> {
    let business = read.business();
    let command = state::load(read, number)?
        .filter(|command| command.state.is_open() && business < command.deadline);
    Ok(command.map(|command| {
        let origin = Origin::Device(command.device.as_str().into());
        Message::new(publish(&command, business), 0, origin, wall)
    }))
}

/// Returns the open commands of a device as messages, in the order in which they were given, but for those that are known. Their numbers
/// are the last levels of their topics.
///
/// # Errors
/// Where the store cannot be read.
pub fn open_of(
    read: &dyn Read,
    device: &str,
    wall: Time,
    known: &BTreeSet<u64>,
) -> Result<Vec<Message>, Problem> {
    let pairs = read.scan_prefix(key::open_of(device).as_ref(), usize::MAX)?;
    let numbers = pairs.iter().filter_map(|(found, _)| key::last(found));
    let messages = numbers.filter(|number| !known.contains(number));
    messages.filter_map(|number| message(read, number, wall).transpose()).collect()
}

/// Returns the desired state of a device as a message, with its version; nothing where nothing was ever desired.
///
/// # Errors
/// Where the store cannot be read.
pub fn desired_of(
    _fleet: &Fleet,
    read: &dyn Read,
    device: &str,
) -> Result<Option<(u64, Message)>, Problem> {
    let Some(side) = twin::side(read, device, SideName::Desired)? else { return Ok(None) };
    let said = json!({"version": side.version, "state": side.state});
    let publish = message_of(&format!("devices/{device}/twin/desired"), &said);
    let wall = read.kernel().clock().wall();
    let message = Message::new(publish, 0, Origin::Device(device.into()), wall);
    Ok(Some((side.version, message)))
}
