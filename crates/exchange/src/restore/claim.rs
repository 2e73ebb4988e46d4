//! Calls of a life before: whoever makes one again, with the same input, is given what became of it.

use super::stage::incarnation;
use crate::canonical::canonical;
use crate::serve::BY_CONSUMER;
use crate::state::{self, call_key, lost_key, reply_key};
use crate::wire::{CallRecord, CallState, Contract, Side};
use base::{Problem, hex, sha256};
use kernel::{Call, Read, Reply, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A call of a life before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Lost {
    /// Its id.
    pub call: String,
    /// How it ended, where it has.
    pub result: Option<Result<Value, Problem>>,
}

/// Returns the id of the next call. No life gives the ids of another.
pub(crate) fn call_id(tx: &mut Tx<'_>) -> Result<String, Problem> {
    let serial = tx.serial("exchange/calls")?;
    Ok(match incarnation(tx)? {
        0 => serial.to_string(),
        incarnation => format!("{incarnation}-{serial}"),
    })
}

/// Returns what tells a call that is made again: what is called, and with what. Not when: a process that is older now makes it later.
pub(crate) fn digest(capability: &str, input: &Value) -> String {
    hex(&sha256(&canonical(&json!({"capability": capability, "input": input})))[..16])
}

/// Gives a call the result of the same call of a life before, where there is one that nobody has asked for: it is not made again.
pub(crate) fn claim(
    tx: &mut Tx<'_>,
    call: &Call,
    contract: &Contract,
    capability: &str,
    input: &Value,
) -> Result<Option<Reply>, Problem> {
    if contract.side != Side::Consumer || incarnation(tx)? == 0 {
        return Ok(None);
    }
    let prefix = lost_key(&contract.name, &digest(capability, input));
    let Some((place, bytes)) = tx.scan_prefix(prefix.as_ref(), 1)?.pop() else { return Ok(None) };
    let lost: Lost = state::decode(&bytes)?;
    tx.delete(place);
    let mut state = CallState::Answered;
    if let Some(mut record) = state::call(tx, &contract.name, &lost.call)? {
        record.lost = None;
        record.actor = call.actor.to_string();
        if let (Some(address), None) = (&call.reply_to, &lost.result) {
            record.reply_to = Some(address.clone());
            record.is_kept = false;
            state::store(tx, reply_key(address), &(&record.contract, &record.call))?;
        }
        state = record.state;
        state::store(tx, call_key(&contract.name, &lost.call), &record)?;
    }
    Ok(Some(match (&call.reply_to, lost.result) {
        (Some(address), Some(result)) => {
            // What this unit withdrew in the life before it will withdraw again: until then it waits, as it did.
            if !is_own_withdrawal(&result) {
                tx.reply(address, result);
            }
            Reply::Later
        }
        (Some(_), None) => Reply::Later,
        (None, _) => {
            Reply::Value(json!({"contract": contract.name, "call": lost.call, "state": state}))
        }
    }))
}

/// Returns whether a call has ended because its consumer wanted that.
fn is_own_withdrawal(result: &Result<Value, Problem>) -> bool {
    let code = |problem: &Problem| problem.code == "contract.withdrawn";
    result.as_ref().is_err_and(|problem| code(problem) && problem.message.ends_with(BY_CONSUMER))
}

/// Keeps the result of a call of a life before, until somebody asks for it.
pub(crate) fn keep_result(
    tx: &mut Tx<'_>,
    record: &CallRecord,
    digest: &str,
    result: &Result<Value, Problem>,
) -> Result<(), Problem> {
    let place = lost_key(&record.contract, digest).text(&record.call);
    let lost = Lost { call: record.call.clone(), result: Some(result.clone()) };
    state::store(tx, place, &lost)
}

/// Returns how many calls of a life before under contracts with a peer nobody has asked for again.
pub(crate) fn unclaimed(read: &dyn Read, unit: &str) -> Result<u64, Problem> {
    let mut count = 0;
    for contract in state::contracts(read)?.iter().filter(|contract| contract.peer == unit) {
        let prefix = state::all_lost_key().text(&contract.name);
        count += read.scan_prefix(prefix.as_ref(), usize::MAX)?.len() as u64;
    }
    Ok(count)
}
