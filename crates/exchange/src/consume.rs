//! Calls as the consumer sees them: made under a contract, answered by a message, closed by a receipt.

use crate::Error;
use crate::contracts::refused;
use crate::engine::Exchange;
use crate::link::{outbox_length, send, send_numbered};
use crate::price::Cents;
use crate::restore::{self, claim};
use crate::state::{self, call_key, number, open_key, put_number, reply_key, short};
use crate::wire::{CallRecord, CallRow, CallState, Contract, Message, Peer, Side, State};
use base::{Problem, Time};
use kernel::{Call, Read, Reader, Reply, Tx};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;

/// The log of settled calls.
pub(crate) const CALLS: &str = "system/calls";

/// What a price says that cannot be calculated: no receipt can agree with it.
pub(crate) const NO_PRICE: Cents = Cents(-1);

/// The most rows that a list gives.
const ROWS_MAX: usize = 1_000;

impl Exchange {
    /// `contract.call`.
    pub(crate) fn call(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parameters {
            capability: String,
            #[serde(default)]
            input: Value,
        }
        let parameters: Parameters = call.parameters()?;
        let contract = state::contract(tx, &call.resource.name)?;
        restore::expect_reconciled(tx, &contract.peer)?;
        if let Some(reply) = claim(tx, call, &contract, &parameters.capability, &parameters.input)?
        {
            return Ok(reply);
        }
        check_usable(&contract)?;
        if contract.side != Side::Consumer {
            return Err(
                refused(&contract, "the consumer calls, and this unit is the provider").into()
            );
        }
        let terms = self.terms(&contract)?;
        let capability = terms.capability(&parameters.capability)?;
        if capability.term.columns.is_some() {
            return Err(refused(&contract, "a lent relation is read with SQL").into());
        }
        capability.check_input(&parameters.input)?;
        self.check_size("the input", &parameters.input)?;
        let open = number(tx, &open_key(&contract.name))?;
        limit("open calls", open, self.config.calls_open_max)?;
        limit(
            "waiting messages",
            outbox_length(tx, &contract.peer)?,
            self.config.outbox_messages_max,
        )?;
        let at = tx.time_of(call);
        let mut record = CallRecord {
            contract: contract.name.clone(),
            call: restore::call_id(tx)?,
            capability: parameters.capability.clone(),
            state: CallState::Open,
            accept: capability.on_accept(&parameters.input, at)?,
            input: parameters.input.clone(),
            at,
            actor: call.actor.to_string(),
            reply_to: call.reply_to.clone(),
            withdraw: None,
            close: Cents(0),
            is_accepted: false,
            closed_at: None,
            output: None,
            is_kept: call.reply_to.is_none(),
            trace: tx.trace().cloned(),
            number: 0,
            lost: None,
        };
        let message = Message::Call {
            contract: contract.name.clone(),
            call: record.call.clone(),
            capability: parameters.capability,
            input: parameters.input,
        };
        record.number = send_numbered(tx, &contract.peer, at, &message)?;
        put_number(tx, open_key(&contract.name), open + 1);
        if let Some(address) = &call.reply_to {
            state::store(tx, reply_key(address), &(&record.contract, &record.call))?;
        }
        state::store(tx, call_key(&record.contract, &record.call), &record)?;
        match call.reply_to {
            Some(_) => Ok(Reply::Later),
            None => Ok(Reply::Value(
                json!({"contract": record.contract, "call": record.call, "state": record.state}),
            )),
        }
    }

    /// Withdraws the call whose answer goes to an address.
    pub(crate) fn cancel_call(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let Some(address) = &call.reply_to else { return Ok(Reply::Value(Value::Null)) };
        let waiting: Option<(String, String)> = state::load(tx, &reply_key(address))?;
        if let Some((contract, id)) = waiting
            && let Some(record) = state::call(tx, &contract, &id)?
        {
            let at = tx.time_of(call);
            self.ask_withdrawal(tx, record, at)?;
        }
        Ok(Reply::Value(Value::Null))
    }

    /// `contract.withdraw`: a person withdraws an open call. Whoever made it is told once the provider has decided.
    pub(crate) fn withdraw(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let contract = state::contract(tx, &call.resource.name)?;
        restore::expect_reconciled(tx, &contract.peer)?;
        let id = call.text("call").unwrap_or_default();
        let missing = || Error::CallNotFound { contract: contract.name.clone(), call: short(id) };
        let record =
            state::call(tx, &contract.name, id)?.filter(|record| record.state == CallState::Open);
        let mut record = record.filter(|_| contract.side == Side::Consumer).ok_or_else(missing)?;
        let at = tx.time_of(call);
        record.state = CallState::Withdrawing;
        let message =
            Message::Withdraw { contract: record.contract.clone(), call: record.call.clone() };
        send(tx, &contract.peer, at, &message)?;
        state::store(tx, call_key(&record.contract, &record.call), &record)?;
        Ok(Reply::Value(
            json!({"contract": record.contract, "call": record.call, "state": record.state}),
        ))
    }

    /// Asks the provider to withdraw a call for which nobody waits any more.
    fn ask_withdrawal(
        &self,
        tx: &mut Tx<'_>,
        mut record: CallRecord,
        at: Time,
    ) -> Result<(), Problem> {
        if let Some(address) = record.reply_to.take() {
            tx.delete(reply_key(&address));
        }
        if record.state == CallState::Open {
            let contract = state::contract(tx, &record.contract)?;
            record.state = CallState::Withdrawing;
            let message =
                Message::Withdraw { contract: record.contract.clone(), call: record.call.clone() };
            // Where the peer has still to be asked what it holds, it is told then.
            if restore::is_reconciled(tx, &contract.peer)? {
                send(tx, &contract.peer, at, &message)?;
            }
        }
        state::store(tx, call_key(&record.contract, &record.call), &record)
    }

    /// The provider does not accept a call: nothing is owed.
    pub(crate) fn on_refused(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        contract: &str,
        id: &str,
        problem: Problem,
    ) -> Result<(), Problem> {
        let Some((contract, mut record)) = open_call(tx, peer, contract, id)? else {
            return self.on_fetch_refused(tx, contract, id);
        };
        reply(tx, &mut record, Err(problem))?;
        record.state = CallState::Refused;
        record.closed_at = Some(at);
        close(tx, &contract.name)?;
        archive(tx, &contract, &record)
    }

    /// The provider answers.
    pub(crate) fn on_answer(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        contract: &str,
        id: &str,
        output: Value,
    ) -> Result<(), Problem> {
        let Some((contract, mut record)) = open_call(tx, peer, contract, id)? else {
            return Ok(());
        };
        let terms = self.terms(&contract)?;
        let capability = terms.capability(&record.capability)?;
        record.close = capability.on_answer(&record.input, &output, at).unwrap_or(NO_PRICE);
        record.output = record.is_kept.then(|| output.clone());
        reply(tx, &mut record, Ok(json!({"$at": at, "value": output})))?;
        self.wait_for_receipt(tx, &contract, record, CallState::Answered, at)
    }

    /// What the provider did for a call failed.
    pub(crate) fn on_failed(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        contract: &str,
        id: &str,
        problem: Problem,
    ) -> Result<(), Problem> {
        let Some((contract, mut record)) = open_call(tx, peer, contract, id)? else {
            return Ok(());
        };
        reply(tx, &mut record, Err(problem))?;
        self.wait_for_receipt(tx, &contract, record, CallState::Failed, at)
    }

    /// The provider has withdrawn a call, as asked or because the contract ended.
    pub(crate) fn on_withdrawn(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        contract: &str,
        id: &str,
        reason: String,
    ) -> Result<(), Problem> {
        let Some((contract, mut record)) = open_call(tx, peer, contract, id)? else {
            return Ok(());
        };
        reply(tx, &mut record, Err(Error::Withdrawn { reason }.into()))?;
        self.wait_for_receipt(tx, &contract, record, CallState::Withdrawn, at)
    }

    fn wait_for_receipt(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        mut record: CallRecord,
        state: CallState,
        at: Time,
    ) -> Result<(), Problem> {
        self.measure(tx, contract, &record, state, at)?;
        record.state = state;
        record.closed_at = Some(at);
        record.input = Value::Null;
        close(tx, &contract.name)?;
        state::store(tx, call_key(&record.contract, &record.call), &record)
    }

    /// Refuses what is too large to be sent.
    pub(crate) fn check_size(&self, what: &str, value: &Value) -> Result<(), Error> {
        let size = serde_json::to_vec(value).map_err(Error::internal)?.len();
        if size <= self.config.call_bytes_max {
            return Ok(());
        }
        Err(Error::Limit {
            what: format!("{what} of {size} bytes"),
            limit: self.config.call_bytes_max as u64,
        })
    }

    /// `contract.calls`: those that were settled last, then the open ones.
    pub(crate) fn list_calls(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let contract = state::contract(reader, &call.resource.name)?;
        let (id, state) = (call.text("call"), call.text("state"));
        let rows_max = call.number("limit")?.map_or(100, |limit| limit as usize).min(ROWS_MAX);
        let is = |row: &Value, name: &str, wanted: Option<&str>| {
            wanted.is_none_or(|wanted| row.get(name).and_then(Value::as_str) == Some(wanted))
        };
        let mut rows = VecDeque::new();
        let mut keep = |row: Value| {
            let is_asked = is(&row, "contract", Some(&contract.name))
                && is(&row, "call", id)
                && is(&row, "state", state);
            if is_asked {
                rows.push_back(row);
            }
            if rows_max < rows.len() {
                rows.pop_front();
            }
        };
        settled_calls(reader, &mut |settled| {
            keep(settled);
            Ok(true)
        })?;
        for (_, bytes) in
            reader.scan_prefix(state::calls_key(&contract.name).as_ref(), usize::MAX)?
        {
            let record: CallRecord = state::decode(&bytes)?;
            keep(serde_json::to_value(row(&contract, &record)).map_err(Error::internal)?);
        }
        Ok(Reply::Value(json!({"items": rows})))
    }
}

/// Gives the rows of settled calls, oldest first, to `row`, which returns false when it has enough.
pub(crate) fn settled_calls(
    read: &dyn Read,
    row: &mut dyn FnMut(Value) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let mut offset = 0;
    loop {
        let chunks = read.chunks(CALLS, offset, 1 << 20)?;
        if chunks.is_empty() {
            return Ok(());
        }
        for chunk in chunks {
            let skip = usize::try_from(offset.saturating_sub(chunk.offset)).unwrap_or(usize::MAX);
            for settled in kernel::rows_from(&chunk.bytes, skip)? {
                if !row(settled)? {
                    return Ok(());
                }
            }
            offset = chunk.offset + u64::from(chunk.count);
        }
    }
}

/// Returns an open call of this consumer under a contract with the peer; nothing where it is closed already.
fn open_call(
    tx: &Tx<'_>,
    peer: &Peer,
    contract: &str,
    id: &str,
) -> Result<Option<(Arc<Contract>, CallRecord)>, Problem> {
    let contract = state::contract(tx, contract)?;
    if contract.peer != peer.card.unit || contract.side != Side::Consumer {
        return Err(Error::ContractNotFound { contract: contract.name.clone() }.into());
    }
    let record = state::call(tx, &contract.name, id)?.filter(|record| record.state.is_open());
    Ok(record.map(|record| (contract, record)))
}

/// Tells whoever waits for a call.
pub(crate) fn reply(
    tx: &mut Tx<'_>,
    record: &mut CallRecord,
    result: Result<Value, Problem>,
) -> Result<(), Problem> {
    if let (Some(digest), None) = (&record.lost, &record.reply_to) {
        restore::keep_result(tx, record, digest, &result)?;
    }
    if let Some(address) = record.reply_to.take() {
        tx.delete(reply_key(&address));
        tx.reply(&address, result);
    } else if let (true, Err(problem)) = (record.is_kept, result) {
        record.output = Some(json!({"problem": problem}));
    }
    Ok(())
}

/// Counts an open call of a contract less.
pub(crate) fn close(tx: &mut Tx<'_>, contract: &str) -> Result<(), Problem> {
    let open = number(tx, &open_key(contract))?;
    put_number(tx, open_key(contract), open.saturating_sub(1));
    Ok(())
}

/// Makes a settled call a row of the log.
pub(crate) fn archive(
    tx: &mut Tx<'_>,
    contract: &Contract,
    record: &CallRecord,
) -> Result<(), Problem> {
    tx.delete(call_key(&record.contract, &record.call));
    tx.record(CALLS, &row(contract, record)).map(|_| ())
}

pub(crate) fn row(contract: &Contract, record: &CallRecord) -> CallRow {
    CallRow {
        contract: record.contract.clone(),
        call: record.call.clone(),
        capability: record.capability.clone(),
        side: contract.side,
        state: record.state,
        at: record.at,
        closed_at: record.closed_at,
        actor: record.actor.clone(),
        output: record.output.clone(),
    }
}

/// Refuses calls under a contract that is not in force.
pub(crate) fn check_usable(contract: &Contract) -> Result<(), Error> {
    match contract.state {
        State::Finalized => Ok(()),
        State::Terminated => Err(Error::Terminated {
            contract: contract.name.clone(),
            reason: contract.reason.clone().unwrap_or_default(),
        }),
        _ => Err(refused(contract, "it must be finalized first")),
    }
}

pub(crate) fn limit(what: &str, count: u64, limit: u64) -> Result<(), Error> {
    if count < limit {
        Ok(())
    } else {
        Err(Error::Limit { what: format!("the number of {what}"), limit })
    }
}
