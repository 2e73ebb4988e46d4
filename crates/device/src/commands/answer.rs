//! What devices say to commands: that they have them, what came of them.

use super::state::{self, Command, State};
use super::{fields, give};
use crate::Error;
use crate::engine::Fleet;
use crate::publish::enabled;
use crate::registry;
use base::{Problem, Time};
use kernel::{Call, Principal, Read, Reply, Tx};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The longest reason of a device that is kept, in characters.
const REASON_MAX: usize = 1_000;

/// Commands that one call can say are there.
const SENT_MAX: usize = 10_000;

/// What a device answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It has done it.
    Output(Value),
    /// It could not, for this reason.
    Error(String),
}

/// An answer as it comes over HTTP.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answered {
    /// What came of it.
    #[serde(default)]
    pub output: Option<Value>,
    /// Why it could not be done.
    #[serde(default)]
    pub error: Option<String>,
}

/// `command.answer`.
///
/// # Errors
/// `call.invalid`, `command.not_found`, `command.ended`, `device.disabled`.
pub(crate) fn answer(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let parameters: Answered = call.parameters()?;
    let command = state::require(tx, &call.resource.name)?;
    if let Principal::Device(name) = &call.actor {
        enabled(tx, name)?;
    }
    let answer = match (parameters.error, parameters.output) {
        (Some(_), Some(_)) => {
            let reason = "an answer is either `output` or `error`".to_owned();
            return Err(kernel::Error::Parameters { reason }.into());
        }
        (Some(error), None) => Answer::Error(error),
        (None, output) => Answer::Output(output.unwrap_or_default()),
    };
    let (number, at) = (command.number, tx.time_of(call));
    let state = finish(fleet, tx, command, answer, at)?;
    Ok(give::shown(number, state))
}

/// Takes the answer of a device to a command.
///
/// # Errors
/// `command.not_found` where it has no such command, `command.ended` where that is over: it has answered before, or too late.
pub(crate) fn answered(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    device: &str,
    number: u64,
    answer: Answer,
) -> Result<(), Problem> {
    let command = state::load(tx, number)?.filter(|command| command.device == device);
    let command = command.ok_or_else(|| state::not_found(&number.to_string()))?;
    let at = tx.business();
    finish(fleet, tx, command, answer, at).map(|_| ())
}

fn finish(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    mut command: Command,
    answer: Answer,
    at: Time,
) -> Result<State, Problem> {
    if !command.state.is_open() {
        return Err(state::over(command.state));
    }
    if command.deadline <= at {
        // It ends in this turn: nobody else is before it.
        return Err(state::over(State::Expired));
    }
    command.problem = match answer {
        Answer::Error(reason) => Some(reason.chars().take(REASON_MAX).collect()),
        Answer::Output(output) => {
            let limit = fleet.config.command_bytes_max;
            if limit < output.to_string().len() {
                return Err(Error::MessageTooLarge { limit }.into());
            }
            let wrong = wrong(fleet, tx, &command, &output)?;
            command.output = Some(output);
            wrong
        }
    };
    let state = if command.problem.is_none() { State::Answered } else { State::Failed };
    state::end(fleet, tx, command, state, at)?;
    Ok(state)
}

/// Returns what is wrong with an answer by the type of the device, which may have changed since. The device has done what it has done:
/// its answer is kept, and whoever waits for it is told that it does not fit.
fn wrong(
    fleet: &Fleet,
    read: &dyn Read,
    command: &Command,
    output: &Value,
) -> Result<Option<String>, Problem> {
    let of = registry::type_of(fleet, read, &command.device)?;
    let Some(spec) = of.commands.get(&command.name).filter(|spec| !spec.output.is_empty()) else {
        return Ok(None);
    };
    let none = Map::new();
    let checked = match output {
        Value::Object(output) => fields::check(&spec.output, output, "/output"),
        Value::Null => fields::check(&spec.output, &none, "/output"),
        _ => return Ok(Some("the answer is no object".into())),
    };
    Ok(checked.err().map(|error| format!("the answer does not fit: {error}")))
}

/// `command.sent`: a device has acknowledged commands. What is not its own, or is over, counts for nothing.
///
/// # Errors
/// `call.invalid` where it brings no numbers.
pub(crate) fn sent(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let numbers = call.args.get("numbers").and_then(Value::as_array);
    let numbers = numbers.filter(|numbers| numbers.len() <= SENT_MAX).ok_or_else(|| {
        kernel::Error::Parameters { reason: format!("`numbers` must be {SENT_MAX} at most") }
    })?;
    let at = tx.time_of(call);
    for number in numbers.iter().filter_map(Value::as_u64) {
        let command = state::load(tx, number)?.filter(|command| {
            let is_its = call.actor == Principal::Device(command.device.clone());
            is_its && command.state == State::Waiting
        });
        if let Some(mut command) = command {
            (command.state, command.sent_at) = (State::Sent, Some(at));
            state::put(fleet, tx, &command)?;
        }
    }
    Ok(Reply::Value(json!({})))
}
