//! A twin as people see it: as it is, and as it was.
//!
//! What was reported and desired at a time is one look at its versions. What telemetry was then the streams say: they are asked in SQL, as
//! the caller, so that nobody sees by a twin what he may not see in the stream.

use super::last;
use super::sides::{self, Side, SideName};
use super::state::is_in_step;
use crate::engine::Fleet;
use crate::registry::{self, Channel};
use base::{Kind, Problem, Time};
use kernel::{Call, Read, Reader, Reply, Resource, ResourceRef};
use serde_json::{Map, Value, json};

/// Versions of a side that are shown at most.
const HISTORY_MAX: u64 = 1_000;

/// Shows the twin of a device: the operation `device.twin`.
///
/// # Errors
/// `resource.not_found`, `call.invalid`, `time.invalid`; where the store cannot be read.
pub(crate) fn twin(fleet: &Fleet, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let name = &call.resource.name;
    let Some((device, _)) = registry::device(reader, name)? else {
        return Err(kernel::Error::NotFound { resource: call.resource.to_string() }.into());
    };
    let at = call.text("at").filter(|text| !text.is_empty()).map(Time::parse).transpose()?;
    let mut answer = match at {
        None => shown(fleet, reader, &device)?,
        Some(at) => shown_at(fleet, reader, call, &device, at)?,
    };
    if let Some(limit) = call.number("history")?.filter(|limit| 0 < *limit) {
        answer["history"] = history(reader, name, limit.min(HISTORY_MAX))?;
    }
    Ok(Reply::Value(answer))
}

/// Returns a twin as it is.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn shown(_: &Fleet, read: &dyn Read, device: &Resource) -> Result<Value, Problem> {
    let name = &device.name;
    let desired = sides::side(read, name, SideName::Desired)?.unwrap_or_default();
    let reported = sides::side(read, name, SideName::Reported)?.unwrap_or_default();
    let mut twin = both(device, &desired, &reported);
    let telemetry = last::all(read, name)?.into_iter().map(|last| {
        let shown = last.shown();
        (last.channel, shown)
    });
    twin["telemetry"] = Value::Object(telemetry.collect());
    twin["seen"] = json!(last::seen(read, name)?);
    Ok(twin)
}

/// Returns a twin as it was.
fn shown_at(
    fleet: &Fleet,
    reader: &Reader,
    call: &Call,
    device: &Resource,
    at: Time,
) -> Result<Value, Problem> {
    let name = &device.name;
    let desired = sides::side_at(reader, name, SideName::Desired, at)?.unwrap_or_default();
    let reported = sides::side_at(reader, name, SideName::Reported, at)?.unwrap_or_default();
    let mut twin = both(device, &desired, &reported);
    twin["at"] = json!(at);
    let found = registry::type_of(fleet, reader, name)?;
    let (mut telemetry, mut left_out) = (Map::new(), Vec::new());
    for (side, was) in [(SideName::Desired, &desired), (SideName::Reported, &reported)] {
        // Version 0 says that nothing had been said by then. That is not known where the first versions are gone.
        let first = if was.version == 0 { sides::first(reader, name, side)? } else { None };
        if let Some(first) = first.filter(|first| 1 < first.version) {
            let reason = format!("what is kept begins at {}", first.at);
            left_out.push(json!({"side": side.as_str(), "reason": reason}));
        }
    }
    let mut channels: Vec<&Channel> = found.channels.values().collect();
    channels.sort_by(|left, right| left.name.cmp(&right.name));
    for channel in channels {
        match row_at(reader, call, channel, at) {
            Ok(Some(row)) => {
                telemetry.insert(channel.name.clone(), json!({ "row": row }));
            }
            Ok(None) => {}
            Err(problem) if is_his(&problem) => {
                left_out.push(json!({"channel": channel.name, "reason": problem.message}));
            }
            Err(problem) => return Err(problem),
        }
    }
    twin["telemetry"] = Value::Object(telemetry);
    if !left_out.is_empty() {
        twin["left_out"] = Value::Array(left_out);
    }
    Ok(twin)
}

/// Returns whether a problem says that the caller may not look there, or that nothing can be looked up there.
fn is_his(problem: &Problem) -> bool {
    matches!(problem.kind, Kind::Forbidden | Kind::NotFound | Kind::Invalid | Kind::Unauthenticated)
}

/// Returns the last row of a channel at a time, as the caller sees its stream.
fn row_at(
    reader: &Reader,
    call: &Call,
    channel: &Channel,
    at: Time,
) -> Result<Option<Value>, Problem> {
    // A stream's name is a name: it needs no escape in quotes.
    let sql = format!(
        "SELECT * FROM \"{}\" WHERE device = $1 AND _time <= $2 ORDER BY _time DESC, _offset DESC LIMIT 1",
        channel.stream
    );
    let device = call.resource.name.as_str();
    let parameters = json!([device, {"type": "timestamptz", "value": at}]);
    let args = json!({"sql": sql, "format": "json", "parameters": parameters});
    let mut asked = Call::new("sql.query", ResourceRef::new("sql", ""), call.actor.clone());
    asked = asked.with(args);
    asked.on_behalf_of.clone_from(&call.on_behalf_of);
    asked.scope.clone_from(&call.scope);
    asked.stamp.clone_from(&call.stamp);
    asked.trace.clone_from(&call.trace);
    let rows: Value = match reader.kernel().read(&asked)? {
        Reply::Stream { pieces, .. } => {
            let bytes = pieces.collect::<Result<Vec<Vec<u8>>, Problem>>()?.concat();
            serde_json::from_slice(&bytes).map_err(crate::Error::internal)?
        }
        reply => reply.into_value(),
    };
    Ok(rows.get(0).cloned())
}

/// Returns the last versions of both sides, the newest first.
fn history(reader: &Reader, device: &str, limit: u64) -> Result<Value, Problem> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut versions = Vec::new();
    for name in SideName::ALL {
        for (side, changed) in sides::versions(reader, device, name, limit)? {
            versions.push((name, side, changed));
        }
    }
    versions.sort_by_key(|(_, side, _)| std::cmp::Reverse(side.at));
    let shown = versions.into_iter().map(|(name, side, changed)| {
        json!({
            "side": name.as_str(),
            "version": side.version,
            "at": side.at,
            "state": side.state,
            "changed": changed,
            "by": side.by,
        })
    });
    Ok(shown.collect())
}

fn both(device: &Resource, desired: &Side, reported: &Side) -> Value {
    json!({
        "device": device.name,
        "type": device.spec["type"],
        "desired": side(desired),
        "reported": side(reported),
        "in_step": is_in_step(&desired.state, &reported.state),
        "telemetry": {},
    })
}

fn side(side: &Side) -> Value {
    let mut shown = json!({"version": side.version, "state": side.state});
    if 0 < side.version {
        shown["at"] = json!(side.at);
        shown["by"] = json!(side.by);
    }
    shown
}
