//! What devices and others say over HTTP: the same messages, one call each.

use super::batch::{self, Batch, One};
use super::run::{Run, Said, Source, Taken};
use super::{message_of, say, together};
use crate::engine::Fleet;
use crate::mqtt::{Limits, Properties, Qos, strict};
use crate::{Error, presence, twin};
use base::Problem;
use kernel::{Call, Reply, Tx};
use serde_json::{Value, json};

/// The media types of what `device.report` takes.
pub(crate) const REPORTED: &[&str] = &["application/json", NDJSON];

/// The media types of what `topic.publish` takes.
pub(crate) const PUBLISHED: &[&str] =
    &["application/json", "application/octet-stream", "text/plain"];

const NDJSON: &str = "application/x-ndjson";

/// Bad rows that an answer names.
const FAULTS_MAX: usize = 1_000;

/// `device.report`: telemetry or events of a device, rows as JSON. What is no row of the stream is set aside, as it is over MQTT.
///
/// # Errors
/// `device.disabled`, `device.channel`, `message.payload`; what the stream says where it takes nothing. Then all of it is refused.
pub(crate) fn report(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let name = call.resource.name.as_str();
    let source = together::device(fleet, tx, name)?;
    let (topic, field) = match (call.text("channel"), call.text("event"), &source) {
        (Some(channel), None, Source::Device { of, .. }) => {
            let found = of.channels.get(channel);
            (format!("devices/{name}/telemetry/{channel}"), found)
        }
        (None, Some(event), Source::Device { of, .. }) => {
            (format!("devices/{name}/events/{event}"), of.events.get(event))
        }
        _ => return Err(parameters("say either `channel` or `event`")),
    };
    let field = field.and_then(|channel| channel.time.clone());
    let mut messages = Vec::new();
    for payload in payloads(call, fleet.config.rows_message_max)? {
        let sent = field.as_deref().and_then(|field| batch::sent_at(payload, field));
        messages.push(One { sent, ..plain(&topic, payload) });
    }
    let batch = Batch { session: 0, generation: 0, messages };
    let taken = Taken::new(source, batch, call, tx.time_of(call));
    let ran = Run::new(fleet, vec![taken]).run(tx)?;
    presence::heard(tx, name)?;
    reported(&ran)
}

/// Returns the messages of a body: each line is one, or the body is.
fn payloads(call: &Call, lines_max: usize) -> Result<Vec<&[u8]>, Problem> {
    let payloads: Vec<&[u8]> = if call.media == NDJSON {
        let lines = call.body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| !line.is_empty()).collect()
    } else {
        vec![call.body.trim_ascii()]
    };
    if lines_max < payloads.len() {
        let reason = format!("{} lines exceed the limit of {lines_max}", payloads.len());
        return Err(Error::Payload { reason }.into());
    }
    if payloads.iter().all(|payload| payload.is_empty()) {
        return Err(Error::Payload { reason: "the body is empty".into() }.into());
    }
    Ok(payloads)
}

/// Answers a report.
fn reported(ran: &[Taken<'_>]) -> Result<Reply, Problem> {
    let (mut appended, mut rows, mut faults) = (0_u64, 0_u64, Vec::new());
    for heard in ran.iter().flat_map(|taken| &taken.heard) {
        if let Said::Refused(problem) = &heard.said {
            return Err(problem.clone());
        }
        for (row, reason) in &heard.faults {
            faults.push(json!({"row": rows + u64::from(*row), "reason": reason}));
        }
        appended += u64::from(heard.rows);
        rows += u64::from(heard.rows) + heard.faults.len() as u64;
    }
    let set_aside = faults.len();
    faults.truncate(FAULTS_MAX);
    Ok(Reply::Value(json!({"appended": appended, "set_aside": set_aside, "faults": faults})))
}

/// `device.tell`: a patch of the reported state.
///
/// # Errors
/// `device.disabled`, `twin.invalid`, `twin.too_large`.
pub(crate) fn tell(fleet: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let name = call.resource.name.as_str();
    together::enabled(tx, name)?;
    let patch = call.args.get("reported").and_then(Value::as_object);
    let patch = patch.ok_or_else(|| parameters("`reported` must be an object"))?;
    let time = tx.time_of(call);
    let version = twin::report(fleet, tx, name, patch, time)?;
    presence::heard(tx, name)?;
    let topic = format!("devices/{name}/twin/reported");
    say(fleet, tx, name, message_of(&topic, &Value::Object(patch.clone())))?;
    Ok(Reply::Value(json!({ "version": version })))
}

/// Reads the message of a call of `topic.publish` over HTTP.
///
/// # Errors
/// What is wrong with the parameters.
pub(crate) fn message<'c>(fleet: &Fleet, call: &'c Call) -> Result<Batch<'c>, Problem> {
    let topic = call.text("topic").ok_or_else(|| parameters("`topic` is missing"))?;
    strict::topic_name(topic, &Limits::from(&fleet.config)).map_err(|reason| Error::TopicName {
        topic: topic.chars().take(200).collect(),
        reason: reason.to_string(),
    })?;
    let qos = call.number("qos")?.unwrap_or(1);
    let qos = u8::try_from(qos).ok().and_then(|qos| Qos::try_from(qos).ok());
    let qos = qos.ok_or_else(|| parameters("`qos` must be 0, 1 or 2"))?;
    let retain = match call.args.get("retain") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(retain)) => *retain,
        Some(other) => other
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| parameters("`retain` must be true or false"))?,
    };
    let content_type = Some(call.media.as_str()).filter(|media| !media.is_empty()).map(Into::into);
    let properties = Some(Box::new(Properties { content_type, ..Properties::default() }));
    let one = One { qos, retain, properties, ..plain(topic, &call.body) };
    Ok(Batch { session: 0, generation: 0, messages: vec![one] })
}

/// Answers a call of `topic.publish` over HTTP.
///
/// # Errors
/// Why its message was refused.
pub(crate) fn answer(taken: &Taken<'_>) -> Result<Reply, Problem> {
    let mut answer = json!({});
    for heard in &taken.heard {
        match &heard.said {
            Said::Refused(problem) => return Err(problem.clone()),
            Said::Aside(reason) => {
                answer["set_aside"] = json!(heard.faults.len());
                answer["reason"] = json!(reason);
            }
            Said::Accepted | Said::Known | Said::Over(_) | Said::As(_) => {}
        }
        if let Some(offset) = heard.offset {
            answer["offset"] = json!(offset);
        }
    }
    Ok(Reply::Value(answer))
}

/// Returns a message with nothing beside it.
fn plain<'a>(topic: &'a str, payload: &'a [u8]) -> One<'a> {
    One {
        topic,
        payload,
        qos: Qos::AtLeastOnce,
        retain: false,
        packet: 0,
        properties: None,
        sent: None,
    }
}

fn parameters(reason: &str) -> Problem {
    kernel::Error::Parameters { reason: reason.into() }.into()
}
