//! Every operation on sessions and topics, and the kinds.

use super::calls::Kill;
use super::spec::TopicSpec;
use super::{delivered, ending, lists, sessions, subscribe, sweep};
use crate::engine::Fleet;
use crate::operations::{page, schema};
use kernel::Right::{Manage, Read, Run};
use kernel::{KindOf, Operation, Reply, decide, operation, read};
use serde_json::{Value, json};
use std::sync::Arc;

/// Returns the kinds of resource.
pub(crate) fn kinds() -> Vec<KindOf> {
    vec![
        KindOf {
            name: "topic",
            manifest: "Topic",
            plural: "topics",
            schema: schema::<TopicSpec>(),
            check: |spec| serde_json::from_value::<TopicSpec>(spec.clone()).map(|_| ()),
            is_grant: false,
            roles: roles_of,
        },
        KindOf {
            name: "mqtt_session",
            manifest: "",
            plural: "mqtt_sessions",
            schema: json!({}),
            check: |_| Ok(()),
            is_grant: false,
            roles: |_| Vec::new(),
        },
    ]
}

fn roles_of(spec: &Value) -> Vec<String> {
    let roles = spec.get("roles").and_then(Value::as_array).into_iter().flatten();
    roles.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns the operations.
pub(crate) fn operations(fleet: &Arc<Fleet>) -> Vec<Operation> {
    [named(fleet), of_doors(fleet), of_unit(fleet), of_people(fleet)]
        .into_iter()
        .flatten()
        .collect()
}

/// Names for policies: who may hear what.
fn named(fleet: &Arc<Fleet>) -> Vec<Operation> {
    let nothing = || read(fleet, |_, _, _| Ok(Reply::Value(json!({}))));
    vec![
        operation(
            "device.subscribe",
            Read,
            "Hears what a device says and is told; as a kind, what all say.",
            nothing(),
        )
        .internal(),
        operation(
            "topic.subscribe",
            Read,
            "Hears what is said on a topic; as a kind, on all.",
            nothing(),
        )
        .internal(),
    ]
}

/// What doors ask for in the name of their clients.
fn of_doors(fleet: &Arc<Fleet>) -> Vec<Operation> {
    let any = || json!({"type": "object"});
    vec![
        operation(
            "mqtt_session.open",
            Run,
            "Opens the session of a client: the one that it left, or a new one.",
            decide(fleet, sessions::open),
        )
        .takes(any()),
        operation(
            "mqtt_session.close",
            Run,
            "Ends the connection of a session, and the session where it does not outlive it.",
            decide(fleet, sessions::close),
        )
        .takes(any()),
        operation(
            "mqtt_session.subscribe",
            Run,
            "Subscribes a session to filters, each by itself.",
            decide(fleet, subscribe::subscribe),
        )
        .takes(any())
        .counted(),
        operation(
            "mqtt_session.unsubscribe",
            Run,
            "Ends subscriptions of a session.",
            decide(fleet, subscribe::unsubscribe),
        )
        .takes(any())
        .counted(),
        operation(
            "mqtt_session.release",
            Run,
            "Forgets incoming QoS 2 identifiers that the client has released.",
            decide(fleet, delivered::release),
        )
        .takes(any())
        .counted(),
        operation(
            "mqtt_session.hold",
            Run,
            "Keeps how far outgoing QoS 2 messages have come.",
            decide(fleet, delivered::hold),
        )
        .takes(any())
        .counted(),
    ]
    .into_iter()
    .map(|operation| operation.on_kind().internal())
    .collect()
}

/// What the broker does for itself.
fn of_unit(fleet: &Arc<Fleet>) -> Vec<Operation> {
    vec![
        operation(
            "mqtt_session.record",
            Manage,
            "Writes down how far sessions have come.",
            decide(fleet, delivered::record),
        )
        .takes(json!({"type": "object"})),
        operation(
            "mqtt_session.sweep",
            Manage,
            "Publishes wills that are due, and ends sessions whose time is over.",
            decide(fleet, sweep::sweep),
        ),
    ]
    .into_iter()
    .map(|operation| operation.on_kind().internal().counted())
    .collect()
}

fn of_people(fleet: &Arc<Fleet>) -> Vec<Operation> {
    vec![
        operation(
            "mqtt_session.list",
            Read,
            "Lists sessions of MQTT clients, by number.",
            read(fleet, lists::list),
        )
        .on_kind()
        .queries(lists::QUERY)
        .answers(page(&json!({"type": "object"}))),
        operation(
            "mqtt_session.get",
            Read,
            "Shows a session: its client, its subscriptions, what waits for it.",
            read(fleet, lists::get),
        ),
        operation(
            "mqtt_session.kill",
            Manage,
            "Ends the connection of a session; the session too, where that is wanted.",
            decide(fleet, ending::kill),
        )
        .takes(schema::<Kill>())
        .answers(json!({"type": "object", "properties": {"killed": {"type": "string"}}})),
    ]
}
