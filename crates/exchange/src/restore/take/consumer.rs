//! What a consumer takes back: how its calls ended, calls that it made and does not know of any more, receipts that it has signed.

use super::{Work, irreconcilable, other_receipts, take_meters};
use crate::Error;
use crate::consume::{NO_PRICE, archive, close, reply};
use crate::disputes::waive;
use crate::engine::Exchange;
use crate::link::send;
use crate::price::Cents;
use crate::receipts::{Role, check_batch, statement};
use crate::restore::answers::{Answer, Outcome};
use crate::restore::claim::{Lost, digest};
use crate::restore::told::{ToldBatch, ToldContract};
use crate::state::{
    self, batch_key, call_key, chain_key, lost_key, number, open_key, put_number, reading_key,
    settled_key,
};
use crate::wire::{
    Batch, CallRecord, CallState, Chain, Contract, FetchRecord, Message, Settlement, Side,
};
use base::{Problem, Time, hex, sha256};
use kernel::{Read, Tx};
use serde_json::Value;
use std::collections::BTreeSet;

impl Exchange {
    /// Takes note of calls that this unit made in a life before and that still wait for their answer.
    pub(super) fn find_open_calls(
        &self,
        tx: &mut Tx<'_>,
        work: &mut Work<'_>,
        contract: &Contract,
        told: &ToldContract,
    ) -> Result<(), Problem> {
        for call in &told.calls {
            if state::call(tx, &contract.name, &call.call)?.is_some() {
                continue;
            }
            let made = (call.capability.as_str(), &call.input, call.at);
            if self.find_call(tx, contract, &call.call, made)? {
                work.held.report.calls_found += 1;
            }
        }
        Ok(())
    }

    /// Writes a call of a life before down, to be claimed by whoever makes it again; returns false where that was done before.
    fn find_call(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        call: &str,
        (capability, input, at): (&str, &Value, Time),
    ) -> Result<bool, Problem> {
        let digest = digest(capability, input);
        let place = lost_key(&contract.name, &digest).text(call);
        if tx.get(place.as_ref())?.is_some() {
            return Ok(false);
        }
        let accept = self
            .terms(contract)?
            .capability(capability)
            .and_then(|held| held.on_accept(input, at))
            .unwrap_or(NO_PRICE);
        let record = CallRecord {
            contract: contract.name.clone(),
            call: call.to_owned(),
            capability: capability.to_owned(),
            state: CallState::Open,
            input: input.clone(),
            at,
            actor: "unit:exchange".into(),
            reply_to: None,
            withdraw: None,
            accept,
            close: Cents(0),
            is_accepted: false,
            closed_at: None,
            output: None,
            is_kept: true,
            trace: None,
            number: 0,
            lost: Some(digest),
        };
        state::store(tx, place, &Lost { call: call.to_owned(), result: None })?;
        state::store(tx, call_key(&contract.name, call), &record)?;
        let open = number(tx, &open_key(&contract.name))?;
        put_number(tx, open_key(&contract.name), open + 1);
        Ok(true)
    }

    /// Takes the end of a call back.
    pub(super) fn take_answer(
        &self,
        tx: &mut Tx<'_>,
        work: &mut Work<'_>,
        answer: Answer,
    ) -> Result<(), Problem> {
        let peer = work.peer;
        let contract = state::find_contract(tx, &answer.contract)?;
        let contract =
            contract.filter(|held| held.peer == peer.card.unit && held.side == Side::Consumer);
        let Some(contract) = contract.filter(|held| held.was_final) else { return Ok(()) };
        let (name, call) = (contract.name.as_str(), answer.call.as_str());
        match state::call(tx, name, call)? {
            Some(record) if record.state.is_open() => {}
            Some(_) => return Ok(()),
            // A call that was refused before it was written down is owed nothing and was worth nothing.
            None if answer.state == CallState::Refused => return Ok(()),
            None => {
                let made = (answer.capability.as_str(), &answer.input, answer.at);
                if !self.find_call(tx, &contract, call, made)? {
                    return Ok(());
                }
                work.held.report.calls_found += 1;
            }
        }
        work.held.report.calls_ended += 1;
        let at = answer.closed_at;
        match (answer.state, answer.outcome) {
            (CallState::Answered, Outcome::Output(output)) => {
                self.on_answer(tx, peer, at, name, call, output)
            }
            (CallState::Withdrawn, Outcome::Reason(reason)) => {
                self.on_withdrawn(tx, peer, at, name, call, reason)
            }
            (CallState::Refused, Outcome::Problem(problem)) => {
                self.on_refused(tx, peer, at, name, call, problem)
            }
            (_, Outcome::Problem(problem)) => self.on_failed(tx, peer, at, name, call, problem),
            _ => Err(irreconcilable(format!("the end of call `{call}` contradicts itself"))),
        }
    }

    /// Takes receipts back. What this unit has signed in a life before counts by its own signature; the rest is checked as ever.
    pub(super) fn take_batch_as_consumer(
        &self,
        tx: &mut Tx<'_>,
        work: &mut Work<'_>,
        contract: &Contract,
        told: ToldBatch,
    ) -> Result<(), Problem> {
        let ToldBatch { batch, settlement } = told;
        let (name, peer) = (contract.name.as_str(), work.peer);
        let chain = state::chain(tx, name)?;
        if batch.first <= chain.number {
            let held: Option<Batch> = state::load(tx, &batch_key(name, batch.first))?;
            let is_same = held.is_some_and(|held| held.receipts == batch.receipts);
            return if is_same { Ok(()) } else { Err(other_receipts(name, batch.first)) };
        }
        let count = batch.receipts.len() as u64;
        work.held.report.receipts += count;
        let Some(settlement) = settlement else {
            return self.on_receipts(tx, peer, work.at, name, batch);
        };
        let receipts =
            check_batch(contract, &peer.card, &chain, &batch, tx.wall()).map_err(irreconcilable)?;
        let is_disputed = match &settlement {
            Settlement::Agreed { signed_at, signed } => {
                let statement =
                    statement(Role::Agreed, contract, batch.first, &batch.receipts, *signed_at);
                self.card_of(tx)?.check(signed, *signed_at, &statement)?;
                false
            }
            Settlement::Disputed { .. } => {
                work.held.report.disputed += count;
                true
            }
            // Disputed first, and then no more.
            Settlement::Waived { .. } => true,
        };
        let last = batch.receipts.last().map_or("", String::as_str);
        let chain = Chain { number: chain.number + count, hash: hex(&sha256(last.as_bytes())) };
        state::store(tx, chain_key(name), &chain)?;
        for receipt in &receipts {
            self.take_receipt(tx, contract, receipt, is_disputed)?;
        }
        state::store(tx, batch_key(name, batch.first), &batch)?;
        if matches!(settlement, Settlement::Waived { .. }) {
            let disputed = Settlement::Disputed { reason: "it was waived".into() };
            state::store(tx, settled_key(name, batch.first), &disputed)?;
            return waive(tx, name, &batch);
        }
        state::store(tx, settled_key(name, batch.first), &settlement)
    }

    /// Ends what waits for an answer that nobody has any more, and asks again for what is withdrawn.
    pub(super) fn finish_as_consumer(
        &self,
        tx: &mut Tx<'_>,
        work: &mut Work<'_>,
        contract: &Contract,
        told: &ToldContract,
        received: u64,
    ) -> Result<(), Problem> {
        let open: BTreeSet<&str> = told.calls.iter().map(|call| call.call.as_str()).collect();
        for (_, bytes) in tx.scan_prefix(state::calls_key(&contract.name).as_ref(), usize::MAX)? {
            let mut record: CallRecord = state::decode(&bytes)?;
            if !record.state.is_open() || received < record.number {
                continue;
            }
            if open.contains(record.call.as_str()) {
                if record.state == CallState::Withdrawing {
                    let (contract, call) = (record.contract.clone(), record.call.clone());
                    let message = Message::Withdraw { contract, call };
                    send(tx, &work.peer.card.unit, work.at.max(record.at), &message)?;
                }
                continue;
            }
            work.held.report.calls_lost += 1;
            work.held.report.note(format!(
                "the answer to call `{}` under `{}` is lost",
                record.call, record.contract
            ));
            let problem = Error::Lost { call: record.call.clone() }.into();
            reply(tx, &mut record, Err(problem))?;
            record.state = CallState::Failed;
            record.closed_at = Some(work.at.max(record.at));
            close(tx, &contract.name)?;
            archive(tx, contract, &record)?;
        }
        self.finish_reading(tx, work, contract, told)
    }

    /// Brings what was read of lent relations up to what the provider holds.
    fn finish_reading(
        &self,
        tx: &mut Tx<'_>,
        work: &Work<'_>,
        contract: &Contract,
        told: &ToldContract,
    ) -> Result<(), Problem> {
        let name = contract.name.as_str();
        take_meters(tx, name, told)?;
        let open: BTreeSet<&str> =
            told.fetches.iter().map(|held| held.record.fetch.as_str()).collect();
        let reading = state::all_reading_key().text(name);
        for (_, bytes) in tx.scan_prefix(reading.as_ref(), usize::MAX)? {
            let record: FetchRecord = state::decode(&bytes)?;
            // What the provider has open is closed as ever; what it has not, it has closed and counted.
            if !open.contains(record.fetch.as_str()) {
                tx.delete(reading_key(name, &record.fetch));
            }
        }
        self.orphans.look_again();
        let taken = state::all_taken_key().text(name);
        for (_, bytes) in tx.scan_prefix(taken.as_ref(), usize::MAX)? {
            let record: FetchRecord = state::decode(&bytes)?;
            let Some(marked) = record.marked else { continue };
            let message = Message::Taken { contract: name.into(), fetch: record.fetch, marked };
            send(tx, &work.peer.card.unit, work.at.max(record.at), &message)?;
        }
        Ok(())
    }
}
