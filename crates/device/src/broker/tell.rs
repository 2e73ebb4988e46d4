//! What the broker counts, and what stands on what by its topics.

use super::key;
use super::rows::{RetainedCount, get};
use crate::engine::Fleet;
use base::Problem;
use kernel::{Edge, End, Exposition, How, Read, Reader};
use serde_json::Value;
use std::sync::atomic::Ordering;

/// Tells what is counted.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn tell(fleet: &Fleet, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
    let broker = &fleet.broker;
    let seats = broker.seats();
    let connected = seats.iter().filter(|seat| seat.is_connected()).count();
    out.gauge(
        "craton_mqtt_connections",
        "Sessions of MQTT clients that have a connection.",
        &[],
        connected as f64,
    );
    out.gauge("craton_mqtt_sessions", "Sessions of MQTT clients.", &[], seats.len() as f64);
    for (qos, received) in broker.counters.received.iter().enumerate() {
        out.counter(
            "craton_mqtt_messages_received_total",
            "Messages that were accepted since the unit began, by their quality of service.",
            &[("qos", &qos.to_string())],
            received.load(Ordering::Relaxed),
        );
    }
    let shared = &broker.shared;
    out.counter(
        "craton_mqtt_messages_sent_total",
        "Messages that connections took from memory since the unit began.",
        &[],
        shared.sent.load(Ordering::Relaxed),
    );
    let dropped = [("full", &shared.dropped_full), ("oldest", &shared.dropped_old)];
    for (why, count) in dropped {
        out.counter(
            "craton_mqtt_dropped_total",
            "Messages that somebody did not get since the unit began: QoS 0 before a full queue, the oldest of too many.",
            &[("why", why)],
            count.load(Ordering::Relaxed),
        );
    }
    let backlog = broker.router().backlog();
    out.gauge(
        "craton_mqtt_backlog",
        "Committed messages on their way to their hearers.",
        &[],
        backlog as f64,
    );
    let retained: RetainedCount = get(reader, &key::retained_count())?.unwrap_or_default();
    out.gauge("craton_mqtt_retained", "Retained messages.", &[], retained.count as f64);
    Ok(())
}

/// Returns the edges of topics: they write into their streams.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn edges(_fleet: &Fleet, reader: &Reader) -> Result<Vec<Edge>, Problem> {
    let mut edges = Vec::new();
    for topic in reader.resources("topic")? {
        if let Some(stream) = topic.spec.get("stream").and_then(Value::as_str) {
            let (from, to) = (End::new("topic", &topic.name), End::new("stream", stream));
            edges.push(Edge::new(from, to, How::Writes).declared_by(&topic));
        }
    }
    Ok(edges)
}
