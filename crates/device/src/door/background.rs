//! What is done for all connections: messages are brought to those who hear them, progress is written down each second, wills and ends
//! that are due are looked for, and who may do something else than before is woken.

use super::{Door, blocking, until};
use crate::broker::{Nudge, Record};
use base::{Period, Problem, Time};
use kernel::{Call, Principal, Reader, ResourceRef};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// How often it is looked what is to be done.
const EVERY: Duration = Duration::from_secs(1);

/// How often it is swept where nothing is known to be due: retained messages have times of their own.
const SWEEP_EVERY: Period = Period::seconds(60);

/// Sessions and groups whose progress one call writes down. Each may have thousands of messages under way, and nobody else has his turn
/// meanwhile.
const RECORD_MAX: usize = 64;

/// Sweeps in one go: each takes some of what is due.
const SWEEPS_MAX: usize = 100;

/// Does it until the unit ends, and once more then: what connections have left at their end is written down.
pub(super) async fn run(door: &Arc<Door>, stopped: watch::Receiver<bool>) {
    let routing = Arc::clone(door.fleet.broker.router()).run(stopped.clone());
    tokio::join!(routing, keep(door, stopped));
}

async fn keep(door: &Arc<Door>, mut stopped: watch::Receiver<bool>) {
    let mut rights = door.kernel().rights_changes() & !1;
    let mut swept = Time(i64::MIN);
    loop {
        let is_last = tokio::select! {
            () = sleep(EVERY) => false,
            () = until(&mut stopped) => true,
        };
        let now = door.kernel().rights_changes() & !1;
        if now != rights {
            rights = now;
            // Whoever is busy has seen it; whoever is idle looks now, and is ended where his credential does not hold any more.
            door.fleet.broker.seats().iter().for_each(|seat| seat.nudge(Nudge::News));
        }
        let (working, since) = (Arc::clone(door), swept);
        match blocking(move || round(&working, since)).await {
            Ok(at) => swept = at,
            Err(problem) => (door.report)(&format!("what sessions have left: {}", problem.message)),
        }
        if is_last {
            return;
        }
    }
}

/// Writes down progress, and sweeps where something is due. Returns when it was swept last.
fn round(door: &Door, swept: Time) -> Result<Time, Problem> {
    let (kernel, broker) = (door.kernel(), &door.fleet.broker);
    if kernel.is_closed() {
        return Ok(swept);
    }
    loop {
        let sessions = broker.dirty(RECORD_MAX);
        let is_all = sessions.len() < RECORD_MAX;
        if !sessions.is_empty() {
            let record = Record { sessions };
            let record = serde_json::to_value(record).map_err(crate::Error::internal)?;
            call(door, "mqtt_session.record", record)?;
        }
        if is_all {
            break;
        }
    }
    let wall = door.wall();
    if wall < swept.plus(SWEEP_EVERY) && !is_due(door, wall)? {
        return Ok(swept);
    }
    for _ in 0..SWEEPS_MAX {
        call(door, "mqtt_session.sweep", Value::Object(serde_json::Map::new()))?;
        if !is_due(door, wall)? {
            break;
        }
    }
    Ok(wall)
}

fn is_due(door: &Door, wall: Time) -> Result<bool, Problem> {
    let due = door.fleet.broker.next_due(&Reader::new(door.kernel(), part())?)?;
    Ok(due.is_some_and(|due| due <= wall))
}

fn call(door: &Door, operation: &str, args: Value) -> Result<(), Problem> {
    let call = Call::new(operation, ResourceRef::new("mqtt_session", ""), part());
    door.handle.call(call.with(args)).map(|_| ())
}

/// The part of the unit that does it.
fn part() -> Principal {
    Principal::Unit("mqtt".into())
}
