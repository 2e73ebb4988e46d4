//! Open calls between units as the kernel lists them beside all else that runs.

use crate::state::{self, all_calls_key, call_key, calls_key};
use crate::wire::{CallRecord, CallState, Side};
use base::{Problem, prefix_end};
use kernel::{Act, Give, Principal, Read, ResourceRef, Running, Signal, Wanted};
use serde_json::json;

/// The kind of calls in lists of what runs.
const KIND: &str = "call";

/// The beginning of the resource that a call belongs to.
const CONTRACT: &str = "contract/";

/// How an open call can stand.
const STATES: [CallState; 3] = [CallState::Received, CallState::Open, CallState::Withdrawing];

/// Calls that are read in one go.
const PAGE: usize = 32;

/// Gives the open calls that a caller may see, of both sides. Returns behind which one it has stopped to look, where it has.
///
/// # Errors
/// Where the store cannot be read, or what `give` says.
pub(crate) fn running(
    read: &dyn Read,
    caller: &Principal,
    wanted: &Wanted,
    give: Give<'_>,
) -> Result<Option<String>, Problem> {
    let is_open = |state: &str| STATES.iter().any(|open| open.as_str() == state);
    if !wanted.is_of(KIND) || wanted.state.as_deref().is_some_and(|state| !is_open(state)) {
        return Ok(None);
    }
    let all = match wanted.resource.as_deref().map(|resource| resource.strip_prefix(CONTRACT)) {
        None => all_calls_key(),
        Some(Some(contract)) => calls_key(contract),
        Some(None) => return Ok(None),
    };
    // Calls of one contract stand side by side: the policies are asked once for all of them.
    let mut asked: Option<(String, bool)> = None;
    let mut look = |record: &CallRecord| -> Result<bool, Problem> {
        let Some(running) = shown(record).filter(|running| wanted.is(running)) else {
            return Ok(true);
        };
        let may = match &asked {
            Some((contract, may)) if *contract == record.contract => *may,
            _ => may_see(read, caller, &record.contract)?,
        };
        asked = Some((record.contract.clone(), may));
        Ok(!may || give(running)?)
    };
    if let Some(id) = &wanted.id {
        if let Some((contract, call)) = named(id)
            && let Some(record) = state::call(read, contract, call)?
        {
            look(&record)?;
        }
        return Ok(None);
    }
    let end = prefix_end(all.as_ref());
    let placed = |bytes: &[u8]| -> Result<(String, CallRecord), Problem> {
        let record: CallRecord = state::decode(bytes)?;
        Ok((format!("{}/{}", record.contract, record.call), record))
    };
    wanted.walk(
        wanted.after.clone().unwrap_or_default(),
        |after| {
            let from = match after.split_once('/') {
                Some((contract, call)) => [call_key(contract, call).bytes(), vec![0]].concat(),
                None => all.as_ref().to_vec(),
            };
            if end <= from {
                return Ok(Vec::new());
            }
            let found = read.scan(&from, &end, PAGE, false)?;
            found.iter().map(|(_, bytes)| placed(bytes)).collect()
        },
        |record: CallRecord| look(&record),
    )
}

/// Says that a call is withdrawn where it is to end, which is all that it can be told, and by the consumer alone.
///
/// # Errors
/// `running.unsupported`.
pub(crate) fn signal(
    read: &dyn Read,
    caller: &Principal,
    id: &str,
    signal: Signal,
) -> Result<Option<Act>, Problem> {
    let Some((contract, call)) = named(id) else { return Ok(None) };
    if signal != Signal::Kill {
        return Err(signal.unsupported("a call"));
    }
    if let Some(found) = state::find_contract(read, contract)?
        && found.side == Side::Provider
        && may_see(read, caller, contract)?
    {
        return Err(signal.unsupported("a call of another unit"));
    }
    // Whether it is there, and whether the caller may, is the operation's to say.
    let resource = ResourceRef::new("contract", contract);
    Ok(Some(Act::Operation("contract.withdraw", resource, json!({ "call": call }))))
}

/// Returns contract and call of an id, where it is that of a call.
fn named(id: &str) -> Option<(&str, &str)> {
    id.strip_prefix(KIND)?.strip_prefix('/')?.split_once('/')
}

fn may_see(read: &dyn Read, caller: &Principal, contract: &str) -> Result<bool, Problem> {
    let resource = ResourceRef::new("contract", contract);
    read.kernel().is_allowed(read, "contract.calls", &resource, caller, None)
}

/// Returns a call as lists have it; nothing where it is not open any more.
fn shown(record: &CallRecord) -> Option<Running> {
    record.state.is_open().then(|| Running {
        id: format!("{KIND}/{}/{}", record.contract, record.call),
        kind: KIND,
        what: record.capability.clone(),
        tag: None,
        resource: Some(format!("{CONTRACT}{}", record.contract)),
        principal: record.actor.clone(),
        on_behalf_of: None,
        since: record.at,
        cpu_ms: None,
        memory_bytes: None,
        rows: None,
        bytes: None,
        state: record.state.as_str().into(),
    })
}
