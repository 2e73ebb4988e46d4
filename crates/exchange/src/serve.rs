//! Calls as the provider sees them: decided by policy and contract, carried out by a process, closed by a receipt.
//!
//! Invariant: a call that was accepted gets exactly one closing receipt. What this unit commits first (an answer or a
//! withdrawal) holds; the other finds no open call any more.

use crate::Error;
use crate::consume::{archive, check_usable, close, limit};
use crate::contracts::refused;
use crate::engine::{Exchange, NAME};
use crate::link::send_numbered;
use crate::price::Cents;
use crate::restore::{self, End, Made, Outcome};
use crate::state::{self, call_key, number, open_key, put_number, short};
use crate::terms::OnRevoke;
use crate::wire::{CallRecord, CallState, Contract, Event, Message, Peer, Side};
use base::{Period, Problem, Time};
use kernel::{Address, Call, Principal, Read, Reply, ResourceRef, Tx};
use serde_json::{Value, json};

/// Why a call was withdrawn that its consumer wanted withdrawn.
pub(crate) const BY_CONSUMER: &str = "by the consumer";

/// The longest id of a call in bytes.
const CALL_ID_BYTES_MAX: usize = 64;

impl Exchange {
    /// A consumer calls. Whether it may is decided by the operation `contract.serve`, in its name.
    #[expect(clippy::too_many_arguments, reason = "the fields of one message")]
    pub(crate) fn on_call(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        name: &str,
        id: String,
        capability: String,
        input: Value,
    ) -> Result<(), Problem> {
        let unit = &peer.card.unit;
        if let Err(problem) = self.receivable(tx, unit, name, &id) {
            let (contract, call) = (name.to_owned(), id.clone());
            let message = Message::Refused { contract, call, problem: problem.clone() };
            let told = send_numbered(tx, unit, at, &message)?;
            let end = End { told, state: CallState::Refused, closed_at: at };
            let made =
                Made { contract: name, call: &id, capability: &capability, input: &input, at };
            return end.keep(tx, unit, &made, problem.into());
        }
        let record = CallRecord {
            contract: name.into(),
            call: id,
            capability,
            state: CallState::Received,
            input,
            at,
            actor: format!("peer:{unit}"),
            reply_to: None,
            withdraw: None,
            accept: Cents(0),
            close: Cents(0),
            is_accepted: false,
            closed_at: None,
            output: None,
            is_kept: false,
            trace: tx.trace().cloned(),
            number: 0,
            lost: None,
        };
        self.take_up(tx, unit, &record)
    }

    /// Writes a call down and has it decided upon.
    pub(crate) fn take_up(
        &self,
        tx: &mut Tx<'_>,
        unit: &str,
        record: &CallRecord,
    ) -> Result<(), Problem> {
        let (name, id, at) = (record.contract.as_str(), record.call.as_str(), record.at);
        state::store(tx, call_key(name, id), record)?;
        let open = number(tx, &open_key(name))?;
        put_number(tx, open_key(name), open + 1);
        let mut call = Call::new(
            "contract.serve",
            ResourceRef::new("contract", name),
            Principal::Peer(unit.to_owned()),
        )
        .with(json!({"call": id}))
        .at(at);
        call.reply_to = Some(address("serve", name, id));
        call.depth = 1;
        tx.call(call);
        Ok(())
    }

    /// Checks what a call needs before it can be written down.
    fn receivable(&self, tx: &Tx<'_>, unit: &str, name: &str, id: &str) -> Result<(), Problem> {
        let missing = || Error::ContractNotFound { contract: short(name) };
        let contract = state::find_contract(tx, name)?.ok_or_else(missing)?;
        if contract.peer != unit || contract.side != Side::Provider {
            return Err(missing().into());
        }
        check_usable(&contract)?;
        check_id(id, "/call")?;
        if state::call(tx, name, id)?.is_some() {
            let reason = format!("there is an open call `{id}` already");
            return Err(Error::Input { reason, pointer: "/call".into(), hint: None }.into());
        }
        limit("open calls", number(tx, &open_key(name))?, self.config.calls_open_max)?;
        Ok(())
    }

    /// `contract.serve`: accepts a call of a peer and has its process started.
    pub(crate) fn serve(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let contract = state::contract(tx, &call.resource.name)?;
        let id = call.text("call").unwrap_or_default();
        let Some(mut record) = state::call(tx, &contract.name, id)? else {
            return Ok(Reply::Value(Value::Null));
        };
        if record.state != CallState::Received {
            return Ok(Reply::Value(Value::Null));
        }
        if call.actor != Principal::Peer(contract.peer.clone()) {
            return Err(Error::ContractNotFound { contract: contract.name.clone() }.into());
        }
        check_usable(&contract)?;
        self.check_age(tx, &contract)?;
        let terms = self.terms(&contract)?;
        let capability = terms.capability(&record.capability)?;
        if capability.term.columns.is_some() {
            return Err(refused(&contract, "a lent relation is read, not called").into());
        }
        capability.check_input(&record.input)?;
        self.check_size("the input", &record.input)?;
        if !record.is_accepted {
            let amount = capability.on_accept(&record.input, record.at)?;
            let currency = capability.currency();
            let at = record.at;
            self.issue(tx, &contract, &record, Event::Accepted, at, amount, currency)?;
        }
        record.state = CallState::Open;
        if let Some(at) = record.withdraw {
            self.close_withdrawn(tx, &contract, record, at, BY_CONSUMER)?;
            return Ok(Reply::Value(Value::Null));
        }
        let process = contract.serves.get(&record.capability).cloned().unwrap_or_default();
        let mut start = Call::new("process.start", ResourceRef::new("process", process), part())
            .with(json!({"variables": record.input, "wait": true}))
            .at(record.at);
        start.on_behalf_of = Some(call.actor.clone());
        start.reply_to = Some(address("open", &contract.name, &record.call));
        start.depth = call.depth.saturating_add(1);
        tx.call(start);
        state::store(tx, call_key(&record.contract, &record.call), &record)?;
        Ok(Reply::Value(Value::Null))
    }

    /// Refuses new calls while old receipts wait for the consumer's signature.
    pub(crate) fn check_age(&self, tx: &Tx<'_>, contract: &Contract) -> Result<(), Problem> {
        let Some(since) = self.unsettled_since(tx, &contract.name)? else { return Ok(()) };
        if tx.wall() <= since.plus(Period::seconds(self.config.receipt_age_seconds_max)) {
            return Ok(());
        }
        Err(Error::Paused { contract: contract.name.clone(), since: since.to_string() }.into())
    }

    /// Takes the result of a call that this engine made: of `contract.serve`, or of a process.
    pub(crate) fn take_result(
        &self,
        tx: &mut Tx<'_>,
        token: &str,
        result: Result<Value, Problem>,
    ) -> Result<(), Problem> {
        let mut parts = token.split(' ');
        let (Some(step), Some(contract), Some(id)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(Error::internal(format!("unknown address `{token}`")).into());
        };
        let contract = state::contract(tx, contract)?;
        if !restore::is_reconciled(tx, &contract.peer)? {
            return restore::hold(tx, &contract.peer, token, result);
        }
        // Nothing to do for a call that has ended in the meantime, by withdrawal or with its contract.
        let Some(record) = state::call(tx, &contract.name, id)? else { return Ok(()) };
        // What comes of a call belongs to the trace of the call, whoever was the last to touch it.
        let trace = record.trace.clone().or_else(|| tx.trace().cloned());
        tx.within(trace, |tx| match (step, result) {
            ("serve", Ok(_)) => Ok(()),
            // Its acceptance was told in a life before: it can end, and not be refused any more.
            ("serve", Err(problem)) if record.is_accepted => {
                let at = tx.business().max(record.at);
                self.fail(tx, &contract, record, at, problem)
            }
            ("serve", Err(problem)) => self.refuse(tx, &contract, record, problem),
            (_, Ok(value)) => self.answer(tx, &contract, record, value),
            (_, Err(problem)) => {
                let at = tx.business().max(record.at);
                self.fail(tx, &contract, record, at, problem)
            }
        })
    }

    fn refuse(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        mut record: CallRecord,
        problem: Problem,
    ) -> Result<(), Problem> {
        // Policies see a contract that has ended as if it were not there; its consumer may know why.
        let problem = check_usable(contract).err().map_or(problem, Problem::from);
        let at = record.withdraw.unwrap_or(record.at);
        record.state = CallState::Refused;
        record.closed_at = Some(at);
        let message = Message::Refused {
            contract: contract.name.clone(),
            call: record.call.clone(),
            problem: problem.clone(),
        };
        let told = send_numbered(tx, &contract.peer, at, &message)?;
        let end = End { told, state: record.state, closed_at: at };
        end.keep(tx, &contract.peer, &Made::of(&record), problem.into())?;
        close(tx, &contract.name)?;
        archive(tx, contract, &record)
    }

    fn answer(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        record: CallRecord,
        value: Value,
    ) -> Result<(), Problem> {
        let at = match value.get("$at") {
            Some(at) => serde_json::from_value(at.clone()).map_err(Error::internal)?,
            None => tx.business().max(record.at),
        };
        let output = value.get("value").cloned().unwrap_or(Value::Null);
        let terms = self.terms(contract)?;
        let capability = terms.capability(&record.capability)?;
        let priced = capability.promised(output).and_then(|output| {
            self.check_size("the answer", &output)?;
            Ok((capability.on_answer(&record.input, &output, at)?, output))
        });
        let (amount, output) = match priced {
            Ok(priced) => priced,
            Err(error) => return self.fail(tx, contract, record, at, error.into()),
        };
        self.issue(tx, contract, &record, Event::Answered, at, amount, capability.currency())?;
        let message =
            Message::Answer { contract: contract.name.clone(), call: record.call.clone(), output };
        self.finish(tx, contract, record, CallState::Answered, at, &message)
    }

    pub(crate) fn fail(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        record: CallRecord,
        at: Time,
        problem: Problem,
    ) -> Result<(), Problem> {
        let currency = self.currency(contract, &record)?;
        self.issue(tx, contract, &record, Event::Failed, at, Cents(0), &currency)?;
        let message =
            Message::Failed { contract: contract.name.clone(), call: record.call.clone(), problem };
        self.finish(tx, contract, record, CallState::Failed, at, &message)
    }

    /// The consumer wants a call withdrawn.
    pub(crate) fn on_withdraw(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        name: &str,
        id: &str,
    ) -> Result<(), Problem> {
        let contract = state::contract(tx, name)?;
        if contract.peer != peer.card.unit || contract.side != Side::Provider {
            return Err(Error::ContractNotFound { contract: short(name) }.into());
        }
        // Where there is none, it was answered, and the answer is on its way: what this unit committed first holds.
        let Some(mut record) = state::call(tx, name, id)? else { return Ok(()) };
        if record.state == CallState::Received {
            record.withdraw = Some(at);
            return state::store(tx, call_key(name, id), &record);
        }
        cancel_process(tx, &contract, &record, at);
        self.close_withdrawn(tx, &contract, record, at, BY_CONSUMER)
    }

    /// Ends the open calls of a contract that has ended, as each capability says.
    pub(crate) fn end_calls(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        at: Time,
    ) -> Result<(), Problem> {
        let terms = self.terms(contract)?;
        for (_, bytes) in tx.scan_prefix(state::calls_key(&contract.name).as_ref(), usize::MAX)? {
            let record: CallRecord = state::decode(&bytes)?;
            let capability = terms.capability(&record.capability).ok();
            let is_cancelled =
                capability.is_some_and(|held| held.term.on_revoke == OnRevoke::Cancel);
            if is_cancelled && record.state == CallState::Open {
                let at = at.max(record.at);
                cancel_process(tx, contract, &record, at);
                self.close_withdrawn(tx, contract, record, at, "the contract has ended")?;
            }
        }
        Ok(())
    }

    fn close_withdrawn(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        record: CallRecord,
        at: Time,
        reason: &str,
    ) -> Result<(), Problem> {
        let currency = self.currency(contract, &record)?;
        self.issue(tx, contract, &record, Event::Withdrawn, at, Cents(0), &currency)?;
        let message = Message::Withdrawn {
            contract: contract.name.clone(),
            call: record.call.clone(),
            reason: reason.into(),
        };
        self.finish(tx, contract, record, CallState::Withdrawn, at, &message)
    }

    fn finish(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        mut record: CallRecord,
        state: CallState,
        at: Time,
        message: &Message,
    ) -> Result<(), Problem> {
        let told = send_numbered(tx, &contract.peer, at, message)?;
        self.measure(tx, contract, &record, state, at)?;
        record.state = state;
        record.closed_at = Some(at);
        let end = End { told, state, closed_at: at };
        end.keep(tx, &contract.peer, &Made::of(&record), Outcome::of(message))?;
        close(tx, &contract.name)?;
        archive(tx, contract, &record)
    }

    pub(crate) fn currency(
        &self,
        contract: &Contract,
        record: &CallRecord,
    ) -> Result<String, Problem> {
        Ok(self.terms(contract)?.capability(&record.capability)?.currency().to_owned())
    }
}

/// Checks the id that a consumer has given to a call or a fetch.
pub(crate) fn check_id(id: &str, pointer: &str) -> Result<(), Error> {
    let is_id = !id.is_empty()
        && id.len() <= CALL_ID_BYTES_MAX
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte));
    if is_id {
        return Ok(());
    }
    let reason =
        format!("the id of a call has letters, digits and `._:-`, {CALL_ID_BYTES_MAX} at most");
    Err(Error::Input { reason, pointer: pointer.into(), hint: None })
}

pub(crate) fn cancel_process(tx: &mut Tx<'_>, contract: &Contract, record: &CallRecord, at: Time) {
    let process = contract.serves.get(&record.capability).cloned().unwrap_or_default();
    let address = address("open", &contract.name, &record.call);
    tx.cancel("process.start", ResourceRef::new("process", process), part(), address, at);
}

/// The part of this unit in whose name a peer's call starts a process.
pub(crate) fn part() -> Principal {
    Principal::Unit(NAME.into())
}

pub(crate) fn address(step: &str, contract: &str, call: &str) -> Address {
    Address { engine: NAME.into(), token: format!("{step} {contract} {call}") }
}
