//! `device.publish` and `topic.publish`: what came with many calls is done together.

use super::batch::{self, Batch};
use super::http;
use super::run::{Run, Source, Taken};
use crate::engine::Fleet;
use crate::{Error, registry};
use base::Problem;
use kernel::{Call, Read, Reply, Resource, Tx};
use serde_json::{Value, json};
use std::sync::Arc;

/// Runs calls of `device.publish`. Each call was permitted on its device; one answer for each.
///
/// # Errors
/// Where the store cannot be read: nothing of any of them is done.
pub(crate) fn devices(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    calls: &[&Call],
) -> Result<Vec<Result<Reply, Problem>>, Problem> {
    run(fleet, tx, calls, |tx, call| {
        let source = device(fleet, tx, &call.resource.name)?;
        taken(fleet, tx, call, source, batch::decode(&call.body)?)
    })
}

/// Runs calls of `topic.publish`, from the doors of MQTT or over HTTP.
///
/// # Errors
/// As [`devices`].
pub(crate) fn topics(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    calls: &[&Call],
) -> Result<Vec<Result<Reply, Problem>>, Problem> {
    run(fleet, tx, calls, |tx, call| {
        let batch = match call.media == batch::MEDIA {
            true => batch::decode(&call.body)?,
            false => http::message(fleet, call)?,
        };
        taken(fleet, tx, call, Source::Topic(&call.resource.name), batch)
    })
}

/// Takes the messages of calls, has them run, and answers each call.
fn run<'c>(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    calls: &[&'c Call],
    take: impl for<'t> Fn(&Tx<'t>, &'c Call) -> Result<Taken<'c>, Problem>,
) -> Result<Vec<Result<Reply, Problem>>, Problem> {
    let (mut all, mut places) = (Vec::with_capacity(calls.len()), Vec::with_capacity(calls.len()));
    for call in calls.iter().copied() {
        places.push(take(tx, call).map(|taken| {
            all.push(taken);
            all.len() - 1
        }));
    }
    let ran = Run::new(fleet, all).run(tx)?;
    let answer = |(place, call): (Result<usize, Problem>, &&Call)| {
        place.and_then(|place| match call.media == batch::MEDIA {
            true => Ok(Reply::Value(outcomes(&ran[place]))),
            false => http::answer(&ran[place]),
        })
    };
    Ok(places.into_iter().zip(calls).map(answer).collect())
}

/// Returns the messages of a call, whose session must be its connection's still.
fn taken<'c>(
    fleet: &Fleet,
    tx: &Tx<'_>,
    call: &'c Call,
    source: Source<'c>,
    batch: Batch<'c>,
) -> Result<Taken<'c>, Problem> {
    let is_durable = fleet.broker.check_generation(tx, batch.session, batch.generation)?;
    let taken = Taken::new(source, batch, call, tx.time_of(call));
    Ok(Taken { is_durable, ..taken })
}

/// Returns a device on whose topics messages are.
///
/// # Errors
/// `device.disabled`; it does not exist.
pub(crate) fn device<'c>(
    fleet: &Fleet,
    read: &dyn Read,
    name: &'c str,
) -> Result<Source<'c>, Problem> {
    let device = enabled(read, name)?;
    let of = fleet.types.of(read, registry::type_name(&device))?;
    Ok(Source::Device { name, json: Value::from(name).to_string(), of })
}

/// Returns a device that is let in.
///
/// # Errors
/// `device.disabled`; it does not exist.
pub(crate) fn enabled(read: &dyn Read, name: &str) -> Result<Arc<Resource>, Problem> {
    let Some(device) = read.resource("device", name)? else {
        return Err(kernel::Error::NotFound { resource: format!("device/{name}") }.into());
    };
    // The manifest was checked when it was declared; of every call nothing more is read of it than this.
    match device.spec.get("disabled").and_then(Value::as_bool) {
        Some(true) => Err(Error::Disabled { name: name.to_owned() }.into()),
        Some(false) | None => Ok(device),
    }
}

/// Returns what a door is told: nothing where all was accepted.
fn outcomes(taken: &Taken<'_>) -> Value {
    let outcome = |at: usize| {
        let (code, reason) = taken.outcome(at)?;
        Some(json!({"at": at, "code": code, "reason": reason}))
    };
    let outcomes: Vec<Value> = (0..taken.heard.len()).filter_map(outcome).collect();
    match outcomes.is_empty() {
        true => Value::Null,
        false => json!({"count": taken.heard.len(), "outcomes": outcomes}),
    }
}
