//! Commands as people and devices see them: lists, waiting.

use super::state::{self, Command, State};
use super::{found_of, key};
use crate::engine::Fleet;
use crate::publish::enabled;
use crate::twin::{self, SideName};
use base::{Problem, Time, prefix_end};
use kernel::{Call, Read, Reader, Reply, ResourceRef};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Commands on a page where the caller does not say.
const PAGE: u64 = 100;

/// Keys that a list reads in one go.
const LOOK: usize = 200;

/// A command as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct CommandRow {
    /// Its number, which is its name.
    pub command: u64,
    /// The device.
    pub device: String,
    /// Which of the commands of the device's type.
    pub name: String,
    /// `waiting`, `sent`, `answered`, `failed`, `expired` or `cancelled`.
    pub state: &'static str,
    /// What goes with it.
    pub input: Value,
    /// What the device has answered.
    pub output: Option<Value>,
    /// Why it was not done.
    pub problem: Option<String>,
    /// When it was given, business time.
    #[schemars(with = "String")]
    pub created_at: Time,
    /// When it expires, or would have.
    #[schemars(with = "String")]
    pub deadline: Time,
    /// When the device has acknowledged that it has it.
    #[schemars(with = "Option<String>")]
    pub sent_at: Option<Time>,
    /// When it ended.
    #[schemars(with = "Option<String>")]
    pub ended_at: Option<Time>,
    /// Who gave it.
    pub by: String,
    /// On whose behalf.
    pub on_behalf_of: Option<String>,
}

impl From<Command> for CommandRow {
    fn from(command: Command) -> Self {
        Self {
            command: command.number,
            device: command.device,
            name: command.name,
            state: command.state.as_str(),
            input: command.input,
            output: command.output,
            problem: command.problem,
            created_at: command.created_at,
            deadline: command.deadline,
            sent_at: command.sent_at,
            ended_at: command.ended_at,
            by: command.by,
            on_behalf_of: command.on_behalf_of,
        }
    }
}

/// `command.get`.
///
/// # Errors
/// `command.not_found`.
pub(crate) fn get(fleet: &Fleet, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let mut command = state::require(reader, &call.resource.name)?;
    wait(fleet, reader, call, &mut || {
        command = state::require(reader, &call.resource.name)?;
        Ok(!command.state.is_open())
    })?;
    Reply::of(&CommandRow::from(command))
}

/// Looks again after each commit until `is_there`, or until the time that the caller gives is up. Without such a time it looks once.
fn wait(
    fleet: &Fleet,
    reader: &Reader,
    call: &Call,
    is_there: &mut dyn FnMut() -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let wait_ms = call.number("wait_ms")?.unwrap_or(0).min(fleet.config.pending_wait_ms_max);
    let kernel = reader.kernel();
    let until = kernel.clock().monotonic() + Duration::from_millis(wait_ms);
    let mut commit = reader.commit()?;
    loop {
        let left = until.saturating_sub(kernel.clock().monotonic());
        if is_there()? || left.is_zero() {
            return Ok(());
        }
        reader.release();
        commit = kernel.wait_commit(commit, left);
    }
}

/// `command.list`.
///
/// # Errors
/// `call.invalid`; where the store cannot be read.
pub(crate) fn list(fleet: &Fleet, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let wanted = Wanted::of(call)?;
    let limit = call.number("limit")?.unwrap_or(PAGE);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX).clamp(1, fleet.config.list_max.max(1));
    let (mut items, mut next) = (Vec::new(), None);
    let (mut before, mut looks) = (call.number("after")?, fleet.config.list_looks_max);
    'pages: loop {
        let numbers = wanted.numbers(reader, before)?;
        let is_last = numbers.len() < LOOK;
        for number in numbers {
            if limit <= items.len() || looks == 0 {
                next = before.map(|last| last.to_string());
                break 'pages;
            }
            looks -= 1;
            before = Some(number);
            let Some(command) = state::load(reader, number)?.filter(|found| wanted.is(found))
            else {
                continue;
            };
            let resource = ResourceRef::new("command", number.to_string());
            if reader.allows_found("command.get", &resource, &found_of(reader, &command)?)? {
                items.push(json!(CommandRow::from(command)));
            }
        }
        if is_last {
            break;
        }
    }
    let mut answer = json!({ "items": items });
    if let Some(next) = next {
        answer["next"] = json!(next);
    }
    Ok(Reply::Value(answer))
}

/// Which commands a list is to show.
struct Wanted<'c> {
    device: Option<&'c str>,
    /// In one of these states; in any where there are none.
    states: Vec<State>,
}

impl<'c> Wanted<'c> {
    fn of(call: &'c Call) -> Result<Self, Problem> {
        let states = match call.text("state") {
            None => Vec::new(),
            Some("open") => State::ALL.into_iter().filter(|state| state.is_open()).collect(),
            Some(text) => {
                let found = State::ALL.into_iter().find(|state| state.as_str() == text);
                let wrong = || kernel::Error::Parameters {
                    reason: format!(
                        "there is no state `{}`",
                        text.chars().take(40).collect::<String>()
                    ),
                };
                vec![found.ok_or_else(wrong)?]
            }
        };
        Ok(Self { device: call.text("device"), states })
    }

    /// Returns numbers of commands, the newest first, given before one.
    fn numbers(&self, reader: &Reader, before: Option<u64>) -> Result<Vec<u64>, Problem> {
        let is_open = !self.states.is_empty() && self.states.iter().all(|state| state.is_open());
        let prefix = match self.device {
            Some(device) if is_open => key::open_of(device),
            Some(device) => key::all_of(device),
            None => key::commands(),
        };
        let end = match before {
            Some(number) => prefix.clone().number(number).bytes(),
            None => prefix_end(prefix.as_ref()),
        };
        let pairs = reader.scan(prefix.as_ref(), &end, LOOK, true)?;
        Ok(pairs.iter().filter_map(|(found, _)| key::last(found)).collect())
    }

    fn is(&self, command: &Command) -> bool {
        self.device.is_none_or(|device| command.device == device)
            && (self.states.is_empty() || self.states.contains(&command.state))
    }
}

/// `device.pending`: what waits for a device that does not speak MQTT.
///
/// # Errors
/// `device.disabled`, `call.invalid`.
pub(crate) fn pending(fleet: &Fleet, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let device = call.resource.name.as_str();
    enabled(reader, device)?;
    let after = call.number("after")?.unwrap_or(0);
    let known = call.number("desired_version")?.unwrap_or(0);
    let (mut commands, mut desired) = (Vec::new(), None);
    wait(fleet, reader, call, &mut || {
        commands = open_after(reader, device, after)?;
        let side = twin::side(reader, device, SideName::Desired)?;
        desired = side.filter(|side| known < side.version);
        Ok(!commands.is_empty() || desired.is_some())
    })?;
    let mut answer = json!({ "commands": commands });
    if let Some(side) = desired {
        answer["desired"] = json!({"version": side.version, "state": side.state});
    }
    Ok(Reply::Value(answer))
}

/// Returns the open commands of a device that were given after one, in their order.
fn open_after(reader: &Reader, device: &str, after: u64) -> Result<Vec<CommandRow>, Problem> {
    let prefix = key::open_of(device);
    let from = key::open(device, after.saturating_add(1));
    let pairs = reader.scan(from.as_ref(), &prefix_end(prefix.as_ref()), usize::MAX, false)?;
    let now = reader.business();
    let mut rows = Vec::new();
    for number in pairs.iter().filter_map(|(found, _)| key::last(found)) {
        let command = state::load(reader, number)?;
        rows.extend(command.filter(|command| now < command.deadline).map(CommandRow::from));
    }
    Ok(rows)
}
