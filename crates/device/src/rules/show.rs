//! Rules as people see them, and how they begin anew.

use super::rule::spec_of;
use super::{key, not_found, run, written};
use crate::engine::Fleet;
use base::Problem;
use kernel::{Call, Read, Reader, Reply, Resource, ResourceRef, Tx};
use serde::Deserialize;
use serde_json::{Value, json};

/// Devices of which it is shown what a rule remembers.
const STATES_MAX: usize = 100;

/// What is forgotten.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    #[serde(default)]
    device: Option<String>,
}

/// Lists rules: the operation `rule.list`.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn list(_: &Fleet, reader: &Reader, _: &Call) -> Result<Reply, Problem> {
    let mut items = Vec::new();
    for resource in reader.resources("rule")? {
        if reader.allows("rule.get", &ResourceRef::new("rule", &resource.name))? {
            items.push(shown(reader, &resource)?);
        }
    }
    Ok(Reply::Value(json!({ "items": items })))
}

/// Shows a rule: the operation `rule.get`.
///
/// # Errors
/// `resource.not_found`; where the store cannot be read.
pub(crate) fn get(_: &Fleet, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let name = &call.resource.name;
    let resource = reader.resource("rule", name)?.ok_or_else(|| not_found(name))?;
    let mut answer = shown(reader, &resource)?;
    answer["spec"] = resource.spec.clone();
    let mut states = Vec::new();
    let remembered = match run::begun(reader, name)? {
        Some(begun) => reader.scan_prefix(key::states_of(name, begun.run).as_ref(), STATES_MAX)?,
        None => Vec::new(),
    };
    for (found, bytes) in remembered {
        let device = key::device_of(&found).unwrap_or_default();
        if is_shown(reader, &device)? {
            let mut state: Value = crate::wire::read(&bytes)?;
            if let Some(fields) = state.as_object_mut() {
                // How it is calculated is nobody's business.
                fields.remove("recent");
                fields.remove("window");
                fields.insert("device".into(), json!(device));
            }
            states.push(state);
        }
    }
    answer["states"] = Value::Array(states);
    answer["last"] = last(reader, &run::counts(reader, name)?)?;
    Ok(Reply::Value(answer))
}

/// Forgets what a rule remembers: the operation `rule.reset`.
///
/// # Errors
/// `resource.not_found`; where the store cannot be read.
pub(crate) fn reset(_: &Fleet, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Reset { device } = call.parameters()?;
    let name = &call.resource.name;
    let resource = tx.resource("rule", name)?.ok_or_else(|| not_found(name))?;
    let is_reset = match device {
        Some(device) => run::forget_device(tx, name, &device)?,
        None => {
            let stream = spec_of(&resource)?.on.stream;
            run::begin(tx, name, resource.version, &stream)?;
            true
        }
    };
    Ok(Reply::Value(json!({ "reset": is_reset })))
}

/// Returns whether a reader may see what happened to a device. One that nobody has declared hides nothing.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn is_shown(reader: &Reader, device: &str) -> Result<bool, Problem> {
    match reader.resource("device", device)? {
        Some(_) => reader.allows("device.get", &ResourceRef::new("device", device)),
        None => Ok(true),
    }
}

fn shown(reader: &Reader, resource: &Resource) -> Result<Value, Problem> {
    let name = &resource.name;
    let spec = spec_of(resource)?;
    let stream = spec.on.stream;
    let (begun, counts) = (run::begun(reader, name)?, run::counts(reader, name)?);
    let cursor = reader.get(key::cursor(name, &stream).as_ref())?;
    Ok(json!({
        "name": name,
        "summary": spec.summary,
        "version": resource.version,
        "since": begun.as_ref().map(|begun| begun.since),
        "from": begun.as_ref().and_then(|begun| begun.from.get(&stream)),
        "cursor": cursor.map(|bytes| run::number(&bytes)),
        "stream": stream,
        "crossings": counts.crossings,
        "late": counts.late,
        "failed": counts.failed,
        "problem": counts.problem,
    }))
}

/// Returns the last crossings of a rule since it began, the newest first.
fn last(reader: &Reader, counts: &run::Counts) -> Result<Value, Problem> {
    let mut found = Vec::new();
    for at in counts.last.iter().rev() {
        let Some(row) = crossing(reader, *at)? else { continue };
        if is_shown(reader, &row.device)? {
            found.push(written(&row)?);
        }
    }
    Ok(Value::Array(found))
}

/// Returns a crossing by its place in the log; nothing where it is so old that it has gone.
fn crossing(reader: &Reader, at: u64) -> Result<Option<run::Row>, Problem> {
    let chunks = reader.chunks(run::LOG, at, 1)?;
    let Some(chunk) = chunks.first().filter(|chunk| chunk.offset <= at) else { return Ok(None) };
    let skip = usize::try_from(at - chunk.offset).unwrap_or(usize::MAX);
    match kernel::rows(&chunk.bytes).nth(skip) {
        Some(line) => serde_json::from_slice(line)
            .map(Some)
            .map_err(|error| crate::Error::internal(error).into()),
        None => Ok(None),
    }
}
