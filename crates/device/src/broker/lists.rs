//! Sessions as people look at them.

use super::rows::{self, SessionRow};
use super::{Broker, key};
use crate::Error;
use crate::engine::Fleet;
use crate::mqtt::Version;
use base::{Problem, prefix_end};
use kernel::{Call, Found, Read, Reader, Reply, ResourceRef};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The parameters of the list.
pub(crate) const QUERY: &[(&str, &str)] = &[
    ("principal", "of this principal, for example `device:van-7`"),
    ("client", "with this client identifier"),
    ("connected", "`true`: with a connection; `false`: without"),
    ("limit", "how many, 100 where absent"),
    ("after", "the last of the page before: what `next` said"),
];

/// Sessions that are read in one go.
const PAGE: usize = 100;

/// Lists sessions that the caller may see.
///
/// # Errors
/// `call.invalid`; where the store cannot be read.
pub(crate) fn list(fleet: &Fleet, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let limit = call.number("limit")?.map_or(100, |limit| usize::try_from(limit).unwrap_or(100));
    let limit = limit.clamp(1, fleet.config.list_max.max(1));
    let connected = connected(call)?;
    let mut after = call.number("after")?.unwrap_or(0);
    let (mut items, mut looks, mut is_all) = (Vec::new(), fleet.config.list_looks_max, false);
    while items.len() < limit && 0 < looks && !is_all {
        let from = key::number(after.saturating_add(1));
        let end = prefix_end(key::numbers().as_ref());
        let pairs = reader.scan(from.as_ref(), &end, PAGE, false)?;
        is_all = pairs.len() < PAGE;
        for (stored, _) in &pairs {
            if limit <= items.len() || looks == 0 {
                is_all = false;
                break;
            }
            looks -= 1;
            after = key::last(stored).unwrap_or(after);
            let row = rows::session(reader, after)?.filter(|row| is_wanted(call, connected, row));
            if let Some(row) = row
                && may_see(reader, &row)?
            {
                items.push(shown(&fleet.broker, &row));
            }
        }
    }
    let mut page = json!({ "items": items });
    if !is_all {
        page["next"] = json!(after.to_string());
    }
    Ok(Reply::Value(page))
}

fn is_wanted(call: &Call, connected: Option<bool>, row: &SessionRow) -> bool {
    let is = |name: &str, value: &str| call.text(name).is_none_or(|wanted| wanted == value);
    connected.is_none_or(|wanted| wanted == row.connected)
        && is("principal", &row.principal.to_string())
        && is("client", &row.client)
}

/// Returns whether sessions with a connection are wanted, or those without; a query brings it as text.
fn connected(call: &Call) -> Result<Option<bool>, Problem> {
    let wanted = match call.args.get("connected") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Bool(wanted)) => Some(*wanted),
        Some(other) => other.as_str().and_then(|text| text.parse().ok()),
    };
    if wanted.is_none() {
        let reason = "`connected` must be true or false".to_owned();
        return Err(kernel::Error::Parameters { reason }.into());
    }
    Ok(wanted)
}

/// Returns whether the caller may see a session.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn may_see(reader: &Reader, row: &SessionRow) -> Result<bool, Problem> {
    let state = if row.connected { "connected" } else { "offline" };
    let owner = ("owner", row.principal.to_string());
    let attributes = BTreeMap::from([owner, ("state", state.to_owned())]);
    let found = Found { attributes, ..Found::default() };
    let resource = ResourceRef::new("mqtt_session", row.number.to_string());
    reader.allows_found("mqtt_session.get", &resource, &found)
}

/// Shows a session with its subscriptions.
pub(crate) fn get(fleet: &Fleet, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let number = call.resource.name.parse().ok();
    let row = number.map(|number| rows::session(reader, number)).transpose()?.flatten();
    let row = row.ok_or(Error::SessionNotFound)?;
    let mut item = shown(&fleet.broker, &row);
    let subscriptions = rows::subscriptions(reader, row.number)?;
    let subscriptions: Vec<Value> = subscriptions
        .into_iter()
        .map(|(filter, held)| {
            json!({
                "filter": filter,
                "qos": u8::from(held.qos),
                "no_local": held.no_local,
                "retain_as_published": held.retain_as_published,
                "identifier": held.identifier,
            })
        })
        .collect();
    item["subscriptions"] = Value::Array(subscriptions);
    Ok(Reply::Value(item))
}

fn shown(broker: &Broker, row: &SessionRow) -> Value {
    let seat = broker.seat(row.number).map(|seat| seat.shown());
    json!({
        "session": row.number,
        "client": row.client,
        "principal": row.principal,
        "connected": row.connected,
        "since": row.since,
        "expires": row.expires,
        "expiry_secs": row.expiry_secs,
        "protocol": protocol(row.version),
        "address": row.address,
        "subscription_count": row.subscriptions,
        "has_will": row.has_will,
        "queued": seat.as_ref().map(|seat| seat.queued),
        "held": seat.as_ref().map(|seat| seat.open),
        "dropped": seat.as_ref().map(|seat| seat.dropped),
    })
}

/// Returns the name of a protocol.
pub(crate) fn protocol(version: Version) -> &'static str {
    match version {
        Version::V3 => "3.1.1",
        Version::V5 => "5",
    }
}
