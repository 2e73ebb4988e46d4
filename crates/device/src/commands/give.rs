//! Giving a device a command, and taking it back.

use super::state::{self, Command, State};
use super::{deliver, fields, key};
use crate::Error;
use crate::broker::Announce;
use crate::engine::Fleet;
use crate::publish::{enabled, say};
use crate::registry::{self, CommandSpec};
use base::{Period, Place, Problem, Time, nearest};
use kernel::{Call, Read, Reply, Tx};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// How long a command waits where neither the caller nor the type says.
const WAITS: Period = Period::days(1);

/// A command as it is given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Give {
    /// Which of the commands of the device's type.
    pub command: String,
    /// What goes with it.
    #[serde(default)]
    pub input: Map<String, Value>,
    /// Until when it waits for the device: a time, or from now on as an ISO 8601 duration such as `PT5M`.
    #[serde(default)]
    pub deadline: Option<String>,
    /// True where the caller, itself a process, waits for the answer.
    #[serde(default)]
    pub wait: bool,
}

/// `device.command`.
///
/// # Errors
/// `command.invalid`, `device.disabled`, `mqtt.limit` where the device has too many that are open.
pub(crate) fn give(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let parameters: Give = call.parameters()?;
    let device = call.resource.name.as_str();
    if parameters.wait && call.reply_to.is_none() {
        let reason = "`wait` is for processes, which can wait for an answer".into();
        let hint = Some("leave it out, and ask `command.get` with `wait_ms`".into());
        return Err(Error::Command { reason, pointer: "/wait".into(), hint }.into());
    }
    enabled(tx, device)?;
    let of = registry::type_of(fleet, tx, device)?;
    let spec = of.commands.get(&parameters.command);
    let spec = spec.ok_or_else(|| unknown(&parameters.command, of.commands.keys()))?;
    fields::check(&spec.input, &parameters.input, "/input")?;
    let limit = fleet.config.command_bytes_max;
    let input = Value::Object(parameters.input);
    if limit < input.to_string().len() {
        return Err(Error::MessageTooLarge { limit }.into());
    }
    // What led to it may lie in the past: its time to wait begins now.
    let at = tx.time_of(call).max(tx.business());
    let deadline = deadline(parameters.deadline.as_deref(), spec, at)?;
    check_room(fleet, tx, device)?;
    let command = Command {
        number: tx.serial("commands")?,
        device: device.to_owned(),
        name: parameters.command,
        input,
        state: State::Waiting,
        created_at: at,
        deadline,
        sent_at: None,
        ended_at: None,
        output: None,
        problem: None,
        by: call.actor.to_string(),
        on_behalf_of: call.on_behalf_of.as_ref().map(ToString::to_string),
        reply_to: call.reply_to.clone().filter(|_| parameters.wait),
    };
    state::begin(fleet, tx, &command)?;
    let publish = deliver::publish(&command, at);
    say(fleet, tx, device, publish)?;
    fleet.broker.announce(tx, device, Announce::Commands);
    if command.reply_to.is_some() {
        return Ok(Reply::Later);
    }
    Ok(shown(command.number, command.state))
}

/// `command.cancel`. A device that has it already may do it still.
///
/// # Errors
/// `command.not_found`, `command.ended`.
pub(crate) fn cancel(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let command = state::require(tx, &call.resource.name)?;
    if !command.state.is_open() {
        return Err(state::over(command.state));
    }
    let (number, at) = (command.number, tx.time_of(call));
    state::end(fleet, tx, command, State::Cancelled, at)?;
    Ok(shown(number, State::Cancelled))
}

/// Withdraws `device.command`: who waited for the answer wants it no more.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn withdraw(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let nothing = Reply::Value(json!({"cancelled": false}));
    let Some(address) = &call.reply_to else { return Ok(nothing) };
    let waited = key::waited_at(address);
    let number = tx.get(waited.as_ref())?.and_then(|bytes| key::last(&bytes));
    let found = number.map(|number| state::load(tx, number)).transpose()?.flatten();
    let Some(mut command) = found.filter(|command| command.state.is_open()) else {
        return Ok(nothing);
    };
    // Nobody is there to be told.
    command.reply_to = None;
    tx.delete(waited);
    let at = tx.time_of(call);
    state::end(fleet, tx, command, State::Cancelled, at)?;
    Ok(Reply::Value(json!({"cancelled": true})))
}

/// Returns a command as an answer shows it.
pub(super) fn shown(number: u64, state: State) -> Reply {
    Reply::Value(json!({"command": number, "state": state}))
}

fn unknown<'n>(name: &str, names: impl Iterator<Item = &'n String>) -> Error {
    let shown: String = name.chars().take(80).collect();
    let nearest = nearest(name, names.map(String::as_str));
    Error::Command {
        reason: format!("the type of the device has no command `{shown}`"),
        pointer: "/command".into(),
        hint: nearest.map(|nearest| format!("did you mean `{nearest}`?")),
    }
}

/// Returns until when a command waits.
fn deadline(given: Option<&str>, spec: &CommandSpec, at: Time) -> Result<Time, Problem> {
    let deadline = match given {
        None => at.plus(spec.deadline.unwrap_or(WAITS)),
        Some(text) => {
            let period = text.starts_with('P').then(|| Period::parse(text));
            let time = match period {
                Some(period) => period.map(|period| at.plus(period)),
                None => Time::parse(text),
            };
            time.map_err(|problem| problem.at(Place::pointer("/deadline")))?
        }
    };
    if deadline <= at {
        return Err(Error::Command {
            reason: format!("the deadline {deadline} has passed"),
            pointer: "/deadline".into(),
            hint: Some("write a time to come, or how long to wait, as `PT5M`".into()),
        }
        .into());
    }
    Ok(deadline)
}

fn check_room(fleet: &Fleet, read: &dyn Read, device: &str) -> Result<(), Problem> {
    let limit = fleet.config.commands_open_device_max;
    let open = read.scan_prefix(key::open_of(device).as_ref(), limit)?.len();
    if open < limit {
        return Ok(());
    }
    Err(Error::Full { what: "open commands of the device", limit: limit as u64 }.into())
}
