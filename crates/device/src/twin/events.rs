//! What happened to a device: connections, changes of its twin, commands, crossings. The newest so many are kept.

use crate::engine::Fleet;
use crate::{key, wire};
use base::{KeyReader, Problem, Time, prefix_end};
use kernel::{Call, Read, Reader, Reply, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use store::Pair;

/// Events on a page where the caller does not say.
const PAGE: u64 = 100;

/// Something that happened to a device. When, by business time, stands in its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// When, wall time.
    pub(crate) wall: Time,
    /// What: `connected`, `disconnected`, `clock_skewed`, `twin_reported`, `twin_desired`, `command_…`, `set_aside`, `crossing`.
    pub(crate) event: String,
    /// More about it.
    pub(crate) detail: Value,
}

/// Writes down that something happened to a device, now. Where there are too many the oldest makes way.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn event(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    device: &str,
    event: &str,
    detail: Value,
) -> Result<(), Problem> {
    let prefix = key::events(device);
    let last = tx.scan(prefix.as_ref(), &prefix_end(prefix.as_ref()), 1, true)?;
    let (last_at, last_number) = last.first().map_or((Time(i64::MIN), 0), |(key, _)| place_of(key));
    // The numbers of one device have no gaps: the oldest one says how many there are.
    let (at, number) = (tx.business().max(last_at), last_number + 1);
    let first = tx.scan_prefix(prefix.as_ref(), 1)?;
    if let Some((oldest, _)) = first.first()
        && fleet.config.device_events_max <= number.saturating_sub(place_of(oldest).1)
    {
        tx.delete(oldest.clone());
    }
    let happened = Event { wall: tx.wall(), event: event.to_owned(), detail };
    tx.put(key::event(device, at, number), wire::write(&happened)?);
    Ok(())
}

/// Returns what happened to a device: the operation `device.events`.
///
/// # Errors
/// `call.invalid`; where the store cannot be read.
pub(crate) fn list(fleet: &Fleet, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let device = &call.resource.name;
    let limit = call.number("limit")?.unwrap_or(PAGE).clamp(1, fleet.config.list_max.max(1) as u64);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let wait_ms = call.number("wait_ms")?.unwrap_or(0).min(fleet.config.pending_wait_ms_max);
    let after = match call.text("after") {
        Some(text) => Some(parse(text).ok_or_else(|| {
            let reason = "`after` is what `next` said of the answer before".to_owned();
            Problem::from(kernel::Error::Parameters { reason })
        })?),
        None => None,
    };
    let mut happened = page(reader, device, after, limit)?;
    if happened.is_empty() && 0 < wait_ms {
        happened = wait(reader, device, after, limit, Duration::from_millis(wait_ms))?;
    }
    let next = happened.last().map(|(at, number, _)| (*at, *number)).or(after);
    let items: Vec<Value> = happened
        .into_iter()
        .map(|(at, _, event)| {
            json!({"at": at, "wall": event.wall, "event": event.event, "detail": event.detail})
        })
        .collect();
    let mut answer = json!({ "items": items });
    if let Some((at, number)) = next {
        answer["next"] = json!(format!("{}-{number}", at.0));
    }
    Ok(Reply::Value(answer))
}

/// Returns events behind a place in their order; the last ones where there is no place.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn page(
    read: &dyn Read,
    device: &str,
    after: Option<(Time, u64)>,
    limit: usize,
) -> Result<Vec<(Time, u64, Event)>, Problem> {
    let prefix = key::events(device);
    let end = prefix_end(prefix.as_ref());
    let mut pairs = match after {
        Some((at, number)) => {
            let from = key::event(device, at, number.saturating_add(1));
            read.scan(from.as_ref(), &end, limit, false)?
        }
        None => read.scan(prefix.as_ref(), &end, limit, true)?,
    };
    if after.is_none() {
        pairs.reverse();
    }
    let read_one = |(found, bytes): &Pair| -> Result<(Time, u64, Event), Problem> {
        let (at, number) = place_of(found);
        Ok((at, number, wire::read(bytes)?))
    };
    pairs.iter().map(read_one).collect()
}

/// Waits until something has happened behind a place, or the time is up. No view is held meanwhile.
fn wait(
    reader: &Reader,
    device: &str,
    after: Option<(Time, u64)>,
    limit: usize,
    timeout: Duration,
) -> Result<Vec<(Time, u64, Event)>, Problem> {
    let kernel = reader.kernel();
    let deadline = kernel.clock().monotonic() + timeout;
    let mut commit = reader.commit()?;
    loop {
        let left = deadline.saturating_sub(kernel.clock().monotonic());
        reader.release();
        commit = kernel.wait_commit(commit, left);
        let happened = page(reader, device, after, limit)?;
        if !happened.is_empty() || left.is_zero() {
            return Ok(happened);
        }
    }
}

/// Returns the instant and the number at the end of a key.
fn place_of(found: &[u8]) -> (Time, u64) {
    let mut parts = KeyReader::new(found);
    // The section, the device, the part of it.
    let _ = (parts.text(), parts.text(), parts.text());
    let at = parts.signed().unwrap_or_default();
    (Time(at), parts.number().unwrap_or_default())
}

/// Reads a place as `next` wrote it.
fn parse(text: &str) -> Option<(Time, u64)> {
    // The instant may be before 1970.
    let (at, number) = text.rsplit_once('-')?;
    Some((Time(at.parse().ok()?), number.parse().ok()?))
}
