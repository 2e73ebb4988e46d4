//! Clients that are connected, among all that runs.

use crate::engine::Fleet;
use base::Problem;
use kernel::{Act, Give, Principal, Read, ResourceRef, Running, Signal, Wanted};
use serde_json::json;

/// The kind, as in the ids of what runs.
const KIND: &str = "mqtt_session";

/// How one that is connected stands, in a word.
const STATE: &str = "open";

/// Gives the clients that are connected and that the caller may see, in the order of their sessions. Returns behind which one it has stopped
/// to look, where it has.
///
/// # Errors
/// Where the store cannot be read, or what `give` says.
pub(crate) fn running(
    fleet: &Fleet,
    read: &dyn Read,
    caller: &Principal,
    wanted: &Wanted,
    give: Give<'_>,
) -> Result<Option<String>, Problem> {
    if !wanted.is_of(KIND) || wanted.state.as_deref().is_some_and(|state| state != STATE) {
        return Ok(None);
    }
    let mut after = wanted.after.as_deref().and_then(|after| after.parse().ok()).unwrap_or(0);
    let mut seats = fleet.broker.seats();
    seats.retain(|seat| after < seat.session());
    seats.sort_by_key(|seat| seat.session());
    let mut looks = wanted.looks.unwrap_or(usize::MAX);
    for seat in seats {
        if looks == 0 {
            return Ok(Some(after.to_string()));
        }
        looks -= 1;
        let shown = seat.shown();
        let running = Running {
            id: format!("{KIND}/{}", shown.session),
            kind: KIND,
            what: format!("MQTT client `{}`", shown.client),
            tag: None,
            resource: seat.device().map(|device| format!("device/{device}")),
            principal: shown.principal,
            on_behalf_of: None,
            since: shown.since,
            cpu_ms: None,
            memory_bytes: None,
            rows: None,
            bytes: None,
            state: STATE.into(),
        };
        // What is not meant costs no question about rights.
        let is_given =
            shown.connected && wanted.is(&running) && may_see(read, caller, shown.session)?;
        if is_given && !give(running)? {
            return Ok(None);
        }
        after = shown.session;
    }
    Ok(None)
}

/// Says how a client is told something: its connection can be ended, and nothing else.
///
/// # Errors
/// It cannot be told this.
pub(crate) fn signal(id: &str, signal: Signal) -> Result<Option<Act>, Problem> {
    let number = id.strip_prefix(KIND).and_then(|id| id.strip_prefix('/'));
    let Some(number) = number.and_then(|number| number.parse::<u64>().ok()) else {
        return Ok(None);
    };
    match signal {
        // Whether it is there, and whether the caller may, is the operation's to say.
        Signal::Kill => {
            let resource = ResourceRef::new(KIND, number.to_string());
            Ok(Some(Act::Operation("mqtt_session.kill", resource, json!({}))))
        }
        Signal::Pause | Signal::Resume | Signal::Limit(_) => {
            Err(signal.unsupported("a connection"))
        }
    }
}

fn may_see(read: &dyn Read, caller: &Principal, session: u64) -> Result<bool, Problem> {
    let resource = ResourceRef::new(KIND, session.to_string());
    read.kernel().is_allowed(read, "mqtt_session.get", &resource, caller, None)
}
