//! What devices are told to do: durable, with a deadline, and an answer that somebody may wait for.
//!
//! A command waits for its device until the deadline, in business time; it is *sent* once the device has acknowledged that it has it, and
//! is sent again to a device that connects anew, until it is *answered* or *failed*, has *expired* or was *cancelled*. Its number, in the
//! topic, tells a device what it had before.
//!
//! | file | subject |
//! |---|---|
//! | `state`, `key` | what is stored of a command; how it begins and ends |
//! | `give` | giving a command, taking it back |
//! | `answer`, `fields` | what the device says to it; what goes with it, held against the type |
//! | `deliver` | commands and desired state as messages |
//! | `show`, `rows` | lists, waiting, `system.commands` |
//! | `sweep` | deadlines, and what is forgotten |

mod answer;
mod deliver;
mod fields;
mod give;
mod key;
mod rows;
mod show;
mod state;
mod sweep;

pub use answer::Answer;
pub(crate) use answer::answered;
pub use deliver::{desired_of, open_of};
pub use state::{Command, State};
pub(crate) use state::{cancel_all, forget_some};
pub(crate) use sweep::{due, tell, verify, work};

use crate::engine::Fleet;
use crate::operations::{page, schema};
use crate::registry;
use base::Problem;
use kernel::Right::{Read as Reads, Run};
use kernel::{Found, KindOf, Operation, Read, Relation, Site, decide, operation, read as looking};
use serde_json::{Value, json};
use show::CommandRow;
use std::sync::Arc;

/// Returns the kind of resource that commands are.
pub(crate) fn kinds() -> Vec<KindOf> {
    vec![KindOf {
        name: "command",
        manifest: "",
        plural: "commands",
        schema: json!({}),
        check: |_| Ok(()),
        is_grant: false,
        roles: |_| Vec::new(),
    }]
}

/// Returns what can be done with commands.
pub(crate) fn operations(fleet: &Arc<Fleet>) -> Vec<Operation> {
    [given(fleet), shown(fleet)].into_iter().flatten().collect()
}

fn stands() -> Value {
    json!({
        "type": "object",
        "required": ["command", "state"],
        "properties": {
            "command": {"type": "integer", "description": "Its number, which is its name."},
            "state": {"enum": state::State::ALL.map(State::as_str)},
        },
    })
}

fn given(fleet: &Arc<Fleet>) -> Vec<Operation> {
    let withdraw = Arc::clone(fleet);
    vec![
        operation(
            "device.command",
            Run,
            "Gives a device a command, which waits for it until its deadline.",
            decide(fleet, give::give),
        )
        .takes(schema::<give::Give>())
        .answers(stands())
        .cancelled_by(Arc::new(move |tx, call| give::withdraw(&withdraw, tx, call))),
        operation("command.cancel", Run, "Takes a command back.", decide(fleet, give::cancel))
            .answers(stands()),
        operation(
            "command.answer",
            Run,
            "Answers a command, as the device does over MQTT.",
            decide(fleet, answer::answer),
        )
        .takes(schema::<answer::Answered>())
        .answers(stands()),
        operation(
            "command.sent",
            Run,
            "Takes note that a device has acknowledged commands.",
            decide(fleet, answer::sent),
        )
        .on_kind()
        .internal()
        .counted(),
    ]
}

fn shown(fleet: &Arc<Fleet>) -> Vec<Operation> {
    vec![
        operation("command.get", Reads, "Shows a command.", looking(fleet, show::get))
            .queries(&[("wait_ms", "how long to wait until it is over")])
            .answers(schema::<CommandRow>()),
        operation(
            "command.list",
            Reads,
            "Lists commands, the newest first.",
            looking(fleet, show::list),
        )
        .on_kind()
        .queries(&[
            ("device", "to this device"),
            ("state", "`waiting`, `sent`, `answered`, `failed`, `expired`, `cancelled`; `open` for the first two"),
            ("limit", "how many, 100 where absent"),
            ("after", "the last of the page before: what `next` said"),
        ])
        .answers(page(&schema::<CommandRow>())),
        operation(
            "device.pending",
            Reads,
            "Shows a device what waits for it: commands that are open, and desired state that it does not know.",
            looking(fleet, show::pending),
        )
        .queries(&[
            ("after", "the number of the last command that it knows: only those given later"),
            ("desired_version", "the version of the desired state that it knows"),
            ("wait_ms", "how long to wait where there is nothing"),
        ])
        .answers(json!({
            "type": "object",
            "required": ["commands"],
            "properties": {
                "commands": {"type": "array", "items": schema::<CommandRow>()},
                "desired": {"type": "object", "properties": {
                    "version": {"type": "integer"},
                    "state": {"type": "object"},
                }},
            },
        })),
    ]
}

/// Returns `system.commands`.
pub(crate) fn relations(fleet: &Arc<Fleet>) -> Vec<Relation> {
    vec![rows::relation(fleet)]
}

/// Finds a command, as policies see it: with its device as `parent`, and owner and groups of that.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn find(
    _fleet: &Fleet,
    read: &dyn Read,
    kind: &str,
    name: &str,
) -> Result<Option<Found>, Problem> {
    let Some(number) = name.parse::<u64>().ok().filter(|_| kind == "command") else {
        return Ok(None);
    };
    let Some(command) = state::load(read, number)? else { return Ok(None) };
    // What belonged to a device that is gone goes piece by piece.
    match read.resource("device", &command.device)? {
        Some(_) => found_of(read, &command).map(Some),
        None => Ok(None),
    }
}

/// Returns what policies may know of a command.
fn found_of(read: &dyn Read, command: &Command) -> Result<Found, Problem> {
    let device = read.resource("device", &command.device)?;
    let mut found = device.map(|device| registry::found_of(&device)).unwrap_or_default();
    found.attributes.insert("parent", command.device.clone());
    Ok(found)
}

/// Returns where commands are kept, or one.
pub(crate) fn sites(_kind: &str, name: Option<&str>) -> Vec<Site> {
    let place = match name {
        None => Some(key::commands()),
        Some(name) => name.parse().ok().map(key::command),
    };
    place.map(|place| Site::Keys(place.bytes())).into_iter().collect()
}
