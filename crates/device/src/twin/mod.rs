//! Twins: what a device has reported of itself and what is desired of it, with their versions; its last telemetry; what happened to it.
//!
//! | file | subject |
//! |---|---|
//! | `state` | how a side changes: pure |
//! | `sides` | both sides as they are kept, and their versions |
//! | `events` | what happened to a device |
//! | `last` | the last row of each channel |
//! | `show` | a twin now, and as it was |
//! | `rows` | `system.twins`, `system.twin_history`, `system.device_events` |

mod events;
mod last;
mod rows;
mod show;
mod sides;
pub(crate) mod state;

pub(crate) use events::event;
pub(crate) use last::{seen, write_last};
pub(crate) use rows::relations;
pub(crate) use sides::{SideName, desire, report, side};
pub(crate) use state::merge;

use crate::engine::Fleet;
use crate::operations::page;
use kernel::Right::{Read, Write};
use kernel::{Operation, decide, operation, read};
use serde_json::{Value, json};
use std::sync::Arc;

/// Returns the operations on twins.
pub(crate) fn operations(fleet: &Arc<Fleet>) -> Vec<Operation> {
    vec![
        operation(
            "device.twin",
            Read,
            "Shows the twin of a device: reported and desired state, last telemetry; as it is, or as it was.",
            read(fleet, show::twin),
        )
        .queries(&[
            ("at", "as it was at this time; as it is where absent"),
            ("history", "with so many of the last versions of each side"),
        ])
        .answers(twin_schema()),
        operation(
            "device.set",
            Write,
            "Changes what is desired of a device, by a JSON merge patch.",
            decide(fleet, sides::set),
        )
        .takes(json!({
            "type": "object",
            "required": ["desired"],
            "additionalProperties": false,
            "properties": {
                "desired": {"type": "object", "description": "A merge patch (RFC 7396): null takes a property away."},
                "version": {"type": ["integer", "null"], "description": "Refused where the desired state is of another version."},
            },
        }))
        .answers(json!({
            "type": "object",
            "required": ["version", "desired"],
            "properties": {"version": {"type": "integer"}, "desired": {"type": "object"}},
        })),
        operation(
            "device.events",
            Read,
            "Returns what happened to a device: the last ones, or those behind a place.",
            read(fleet, events::list),
        )
        .queries(&[
            ("after", "behind this place: what `next` said before"),
            ("limit", "so many at most"),
            ("wait_ms", "how long to wait where there is nothing yet"),
        ])
        .answers(page(&json!({
            "type": "object",
            "required": ["at", "wall", "event"],
            "properties": {
                "at": {"type": "string", "description": "When, business time."},
                "wall": {"type": "string", "description": "When, wall time."},
                "event": {"type": "string"},
                "detail": {},
            },
        }))),
    ]
}

fn twin_schema() -> Value {
    let side = json!({
        "type": "object",
        "properties": {
            "version": {"type": "integer"},
            "at": {"type": "string"},
            "state": {"type": "object"},
            "by": {"type": "string"},
        },
    });
    json!({
        "type": "object",
        "required": ["device", "type", "desired", "reported", "in_step", "telemetry"],
        "properties": {
            "device": {"type": "string"},
            "type": {"type": "string"},
            "desired": side,
            "reported": side,
            "in_step": {"type": "boolean", "description": "True where all that is desired was reported."},
            "telemetry": {"type": "object", "description": "The last row of each channel."},
            "seen": {"type": ["string", "null"]},
            "left_out": {"type": "array", "items": {"type": "object"}, "description": "What could not be looked up, and why: each is a `channel`, or a `side` of which nothing is kept that is so old."},
            "history": {"type": "array", "items": {"type": "object"}},
        },
    })
}
