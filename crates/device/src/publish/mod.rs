//! The hot path: what devices and clients say becomes rows of streams, reported state, answers to commands, and messages for others.
//!
//! A door hands in what it has read as a [`batch`]: one call, many messages. All calls that wait together run together, in one step and
//! one commit; whoever is told that a message was accepted is told so after it. Each message is accepted, set aside or refused by itself.
//!
//! | file | subject |
//! |---|---|
//! | `batch` | messages on their way from a door, and what it is told of them |
//! | `route` | what a topic's name says |
//! | `payload` | what is sent becomes lines of rows |
//! | `append` | rows of many messages, appended together |
//! | `run`, `patch` | what messages come to; patches that are applied once |
//! | `together`, `http` | the operations, as doors of MQTT call them and as HTTP does |
//! | `reason` | what MQTT says of a problem |

mod append;
pub mod batch;
mod http;
mod patch;
pub mod payload;
pub mod reason;
pub mod route;
mod run;
mod together;

use crate::broker::topic::device_of;
use crate::broker::{Message, Origin, Staged};
use crate::engine::Fleet;
use crate::mqtt::{Properties, Publish, Qos};
use crate::registry;
use base::{Problem, Time};
use kernel::{Exposition, Operation, Read, Reader, Right, Tx, alone, decide, many, operation};
use route::Way;
use serde_json::{Value, json};
use std::sync::Arc;
pub(crate) use together::enabled;

/// Counts rows of devices that were set aside, by type.
const SET_ASIDE: &str = "craton_device_set_aside_total";

/// Returns what can be done here.
pub(crate) fn operations(fleet: &Arc<Fleet>) -> Vec<Operation> {
    let (devices, topics) = (many(fleet, together::devices), many(fleet, together::topics));
    vec![
        operation(
            "device.publish",
            Right::Write,
            "Takes messages that came over MQTT on topics of a device.",
            alone(&devices),
        )
        .together(devices)
        .internal()
        .counted(),
        operation(
            "device.report",
            Right::Write,
            "Takes telemetry or events of a device, rows as JSON; what is no row of the stream is set aside.",
            decide(fleet, http::report),
        )
        .takes_raw(http::REPORTED)
        .queries(&[
            ("channel", "the channel of telemetry that they are of"),
            ("event", "the event that they are of, in place of a channel"),
        ])
        .answers(json!({
            "type": "object",
            "required": ["appended", "set_aside", "faults"],
            "properties": {
                "appended": {"type": "integer", "description": "How many rows the stream has taken."},
                "set_aside": {"type": "integer", "description": "How many were set aside."},
                "faults": {"type": "array", "items": {"type": "object", "properties": {
                    "row": {"type": "integer", "description": "Its number, from 1."},
                    "reason": {"type": "string"},
                }}},
            },
        }))
        .counted(),
        operation(
            "device.tell",
            Right::Write,
            "Changes the reported state of a device: a merge patch (RFC 7396).",
            decide(fleet, http::tell),
        )
        .takes(json!({
            "type": "object",
            "required": ["reported"],
            "additionalProperties": false,
            "properties": {"reported": {"type": "object", "description": "The patch; null takes a property away."}},
        }))
        .answers(json!({"type": "object", "properties": {"version": {"type": "integer"}}}))
        .counted(),
        operation(
            "topic.publish",
            Right::Write,
            "Publishes a message on an application topic.",
            alone(&topics),
        )
        .together(topics)
        .takes_raw(http::PUBLISHED)
        .queries(&[
            ("topic", "the topic's name, which the filter of the manifest matches"),
            ("qos", "0, 1 or 2; 1 where absent"),
            ("retain", "`true` where it is kept for those who subscribe later"),
        ])
        .answers(json!({
            "type": "object",
            "properties": {
                "offset": {"type": "integer", "description": "Of its row, where the topic has a stream."},
                "set_aside": {"type": "integer", "description": "How many rows were set aside."},
                "reason": {"type": "string", "description": "Why."},
            },
        }))
        .counted(),
    ]
}

/// Tells what was set aside.
///
/// # Errors
/// None so far: the other folders may fail.
pub(crate) fn tell(_fleet: &Fleet, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
    for (of, count) in reader.kernel().meters().counts(SET_ASIDE) {
        let help = "Rows of devices that were set aside because they break the schema, since the unit began.";
        out.counter(SET_ASIDE, help, &[("type", &of)], count);
    }
    Ok(())
}

/// Returns what reads a device's own clock out of its messages, on the thread of whoever hands them in: to be asked once for a connection
/// and each change of rights.
///
/// # Errors
/// There is no such device; where the store cannot be read.
pub fn sent(
    fleet: &Fleet,
    read: &dyn Read,
    device: &str,
) -> Result<impl Fn(&Publish) -> Option<Time> + use<>, Problem> {
    let of = registry::type_of(fleet, read, device)?;
    let device = device.to_owned();
    Ok(move |message: &Publish| {
        if device_of(&message.topic) != Some(device.as_str()) {
            return None;
        }
        let channel = match route::of(&message.topic).ok()? {
            Way::Telemetry(channel) => of.channels.get(channel)?,
            Way::Event(event) => of.events.get(event)?,
            Way::Reported | Way::Answer(_) | Way::Application => return None,
        };
        batch::sent_at(&message.payload, channel.time.as_deref()?)
    })
}

/// Gives a message of the unit's own on a topic of a device to those who subscribe.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn say(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    device: &str,
    publish: Publish,
) -> Result<(), Problem> {
    let message = Message::new(publish, 0, Origin::Device(device.into()), tx.wall());
    let mut staged = Staged::default();
    fleet.broker.stage(tx, &mut staged, message)?;
    fleet.broker.commit(tx, staged)
}

/// Returns a message that says a JSON value, at QoS 1.
pub(crate) fn message_of(topic: &str, value: &Value) -> Publish {
    Publish {
        topic: topic.into(),
        payload: value.to_string().into(),
        qos: Qos::AtLeastOnce,
        retain: false,
        is_dup: false,
        packet: 0,
        alias: None,
        properties: Some(Box::new(Properties {
            is_utf8: true,
            content_type: Some("application/json".into()),
            ..Properties::default()
        })),
    }
}
