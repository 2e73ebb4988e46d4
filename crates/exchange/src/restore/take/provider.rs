//! What a provider takes back: receipts that it has signed, the ends of calls that it has answered, and calls that still wait for it.

use super::{Work, irreconcilable, other_receipts, take_meters};
use crate::Error;
use crate::consume::{CALLS, archive, close};
use crate::engine::Exchange;
use crate::fetch::meter;
use crate::price::Cents;
use crate::receipts::{amount_of, check_batch, count};
use crate::restore::told::{ToldBatch, ToldCall, ToldContract, ToldFetch};
use crate::serve::cancel_process;
use crate::state::{
    self, batch_key, billed_key, call_key, chain_key, fresh_key, lending_key, sum_key,
    unsettled_key,
};
use crate::wire::{
    Batch, CallRecord, CallRow, CallState, Chain, Contract, Event, FetchRecord, Receipt,
    Settlement, Side,
};
use base::{Problem, Time, hex, sha256};
use kernel::{Read, Tx};
use std::collections::{BTreeMap, BTreeSet};

/// Receipts that are not signed yet, by call: what they are about.
type Fresh = BTreeSet<(String, &'static str)>;

impl Exchange {
    /// Takes receipts back: this unit's own signature says that it has issued them.
    pub(super) fn take_batch_as_provider(
        &self,
        tx: &mut Tx<'_>,
        work: &mut Work<'_>,
        contract: &Contract,
        told: ToldBatch,
    ) -> Result<(), Problem> {
        let ToldBatch { batch, settlement } = told;
        let (name, first) = (contract.name.as_str(), batch.first);
        let signed = state::signed_chain(tx, name)?;
        if first <= signed.number {
            let held: Option<Batch> = state::load(tx, &batch_key(name, first))?;
            if held.is_none_or(|held| held.receipts != batch.receipts) {
                return Err(other_receipts(name, first));
            }
        } else {
            let own = self.card_of(tx)?;
            let receipts =
                check_batch(contract, &own, &signed, &batch, tx.wall()).map_err(irreconcilable)?;
            let chain = state::chain(tx, name)?;
            for (receipt, text) in receipts.iter().zip(&batch.receipts) {
                if receipt.number <= chain.number {
                    settle_fresh(tx, name, receipt.number, text)?;
                } else {
                    self.take_back(tx, work, contract, receipt)?;
                }
            }
            let last = receipts.last().map_or(signed.number, |receipt| receipt.number);
            if chain.number < last {
                let text = batch.receipts.last().map_or("", String::as_str);
                let chain = Chain { number: last, hash: hex(&sha256(text.as_bytes())) };
                state::store(tx, chain_key(name), &chain)?;
            }
            state::store(tx, batch_key(name, first), &batch)?;
            state::store(tx, unsettled_key(name).number(first), &batch.signed_at)?;
        }
        if state::settlement(tx, name, first)?.is_some() {
            return Ok(());
        }
        match settlement {
            Some(Settlement::Agreed { signed_at, signed }) => {
                self.on_agreed(tx, work.peer, name, first, signed_at, signed)
            }
            Some(Settlement::Disputed { reason }) => {
                work.held.report.disputed += batch.receipts.len() as u64;
                self.on_disputed(tx, work.peer, name, first, reason)
            }
            // A waiver is signed by nobody: whoever profits from it is not asked whether there was one.
            Some(Settlement::Waived { .. }) => {
                work.held.report.disputed += batch.receipts.len() as u64;
                let reason = "it says that they were waived; settle them again if they were".into();
                self.on_disputed(tx, work.peer, name, first, reason)
            }
            None => Ok(()),
        }
    }

    /// Counts a receipt that was lost, and ends the call that it ends: it is not run again.
    fn take_back(
        &self,
        tx: &mut Tx<'_>,
        work: &mut Work<'_>,
        contract: &Contract,
        receipt: &Receipt,
    ) -> Result<(), Problem> {
        let name = contract.name.as_str();
        work.held.report.receipts += 1;
        let mut sum = state::sum(tx, name, &receipt.capability)?;
        count(&mut sum, receipt.event);
        sum.owed = sum.owed.plus(amount_of(receipt));
        state::store(tx, sum_key(name, &receipt.capability), &sum)?;
        let record = state::call(tx, name, &receipt.call)?;
        let state = match receipt.event {
            Event::Accepted => return accept(tx, record),
            Event::Read => {
                tx.delete(lending_key(name).text(&receipt.call));
                return Ok(());
            }
            Event::Answered => CallState::Answered,
            Event::Withdrawn => CallState::Withdrawn,
            Event::Failed => CallState::Failed,
        };
        work.held.report.calls_ended += 1;
        match record {
            Some(record) => end_call(tx, contract, record, state, receipt.at),
            None => {
                let row = CallRow {
                    contract: name.to_owned(),
                    call: receipt.call.clone(),
                    capability: receipt.capability.clone(),
                    side: Side::Provider,
                    state,
                    at: receipt.at,
                    closed_at: Some(receipt.at),
                    actor: format!("peer:{}", contract.peer),
                    output: None,
                };
                tx.record(CALLS, &row).map(|_| ())
            }
        }
    }

    /// Goes on with the calls that the consumer holds.
    pub(super) fn finish_as_provider(
        &self,
        tx: &mut Tx<'_>,
        work: &mut Work<'_>,
        contract: &Contract,
        told: &ToldContract,
        received: u64,
    ) -> Result<(), Problem> {
        // Where the consumer has not handled all messages that the backup knows, nothing that came after it reached it.
        let has_more = work.held.sent <= received;
        let fresh = fresh_of(tx, &contract.name)?;
        for call in &told.calls {
            if call.state.is_open() {
                self.go_on_with(tx, work, contract, call)?;
            } else if has_more && call.state != CallState::Refused {
                self.issue_missing(tx, work, contract, call, &fresh)?;
            }
        }
        let known: BTreeSet<&str> = told.calls.iter().map(|call| call.call.as_str()).collect();
        for (_, bytes) in tx.scan_prefix(state::calls_key(&contract.name).as_ref(), usize::MAX)? {
            let record: CallRecord = state::decode(&bytes)?;
            if !known.contains(record.call.as_str()) {
                self.drop_unknown(tx, work, contract, record)?;
            }
        }
        self.finish_lending(tx, contract, told)
    }

    /// Takes up a call that its consumer waits for, unless this unit has it already.
    fn go_on_with(
        &self,
        tx: &mut Tx<'_>,
        work: &mut Work<'_>,
        contract: &Contract,
        call: &ToldCall,
    ) -> Result<(), Problem> {
        let name = contract.name.as_str();
        let is_withdrawn = call.state == CallState::Withdrawing;
        if let Some(mut record) = state::call(tx, name, &call.call)? {
            if record.state == CallState::Received && call.is_accepted {
                record.is_accepted = true;
                state::store(tx, call_key(name, &call.call), &record)?;
            }
            if is_withdrawn {
                self.on_withdraw(tx, work.peer, work.at.max(call.at), name, &call.call)?;
            }
            return Ok(());
        }
        // What the backup has handled has ended in it, and its end is on its way.
        if call.number <= work.held.received {
            return Ok(());
        }
        work.held.report.calls_resumed += 1;
        let record = CallRecord {
            contract: name.to_owned(),
            call: call.call.clone(),
            capability: call.capability.clone(),
            state: CallState::Received,
            input: call.input.clone(),
            at: call.at,
            actor: format!("peer:{}", contract.peer),
            reply_to: None,
            withdraw: is_withdrawn.then(|| work.at.max(call.at)),
            accept: Cents(0),
            close: Cents(0),
            is_accepted: call.is_accepted,
            closed_at: None,
            output: None,
            is_kept: false,
            trace: None,
            number: 0,
            lost: None,
        };
        self.take_up(tx, &contract.peer, &record)
    }

    /// Issues the receipts of a call that has ended and whose receipts never reached the consumer: as the consumer has it.
    fn issue_missing(
        &self,
        tx: &mut Tx<'_>,
        work: &mut Work<'_>,
        contract: &Contract,
        call: &ToldCall,
        fresh: &Fresh,
    ) -> Result<(), Problem> {
        let event = match call.state {
            CallState::Answered => Event::Answered,
            CallState::Withdrawn => Event::Withdrawn,
            _ => Event::Failed,
        };
        let has = |event: Event| fresh.contains(&(call.call.clone(), event.as_str()));
        if has(event) {
            return Ok(());
        }
        let terms = self.terms(contract)?;
        let capability = terms.capability(&call.capability)?;
        let closed_at = call.closed_at.unwrap_or(call.at);
        let record = CallRecord {
            contract: contract.name.clone(),
            call: call.call.clone(),
            capability: call.capability.clone(),
            state: call.state,
            input: call.input.clone(),
            at: call.at,
            actor: format!("peer:{}", contract.peer),
            reply_to: None,
            withdraw: None,
            accept: Cents(0),
            close: Cents(0),
            is_accepted: call.is_accepted,
            closed_at: Some(closed_at),
            output: None,
            is_kept: false,
            trace: None,
            number: 0,
            lost: None,
        };
        let held = state::call(tx, &contract.name, &call.call)?;
        let has_accepted = call.is_accepted
            || has(Event::Accepted)
            || held.as_ref().is_some_and(|held| held.state == CallState::Open);
        if let Some(held) = held {
            end_call(tx, contract, held, call.state, closed_at)?;
        } else {
            archive(tx, contract, &record)?;
        }
        work.held.report.calls_ended += 1;
        let currency = capability.currency();
        if !has_accepted {
            let amount = call.accept.max(Cents(0));
            self.issue(tx, contract, &record, Event::Accepted, call.at, amount, currency)?;
        }
        let amount = call.close.max(Cents(0));
        self.issue(tx, contract, &record, event, closed_at, amount, currency)
    }

    /// Ends a call of which its consumer holds nothing any more and for which there is no receipt.
    fn drop_unknown(
        &self,
        tx: &mut Tx<'_>,
        work: &mut Work<'_>,
        contract: &Contract,
        record: CallRecord,
    ) -> Result<(), Problem> {
        work.held.report.calls_lost += 1;
        work.held.report.note(format!(
            "the consumer does not wait for call `{}` under `{}`",
            record.call, record.contract
        ));
        if record.state == CallState::Received {
            return end_call(tx, contract, record, CallState::Refused, work.at);
        }
        cancel_process(tx, contract, &record, work.at.max(record.at));
        let at = work.at.max(record.at);
        let problem = Error::Lost { call: record.call.clone() }.into();
        self.fail(tx, contract, record, at, problem)
    }

    /// Brings what was read of lent relations up to what the consumer holds.
    fn finish_lending(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        told: &ToldContract,
    ) -> Result<(), Problem> {
        let name = contract.name.as_str();
        take_meters(tx, name, told)?;
        let held: BTreeMap<&str, &ToldFetch> =
            told.fetches.iter().map(|held| (held.record.fetch.as_str(), held)).collect();
        for (_, bytes) in tx.scan_prefix(lending_key(name).as_ref(), usize::MAX)? {
            let record: FetchRecord = state::decode(&bytes)?;
            if !held.contains_key(record.fetch.as_str()) {
                tx.delete(lending_key(name).text(&record.fetch));
            }
        }
        for held in held.values() {
            self.take_fetch(tx, contract, held)?;
        }
        Ok(())
    }

    /// Takes up a fetch that its consumer has not closed, or bills one that it has: by the mark, which this unit has signed.
    fn take_fetch(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        held: &ToldFetch,
    ) -> Result<(), Problem> {
        let name = contract.name.as_str();
        let Some(marked) = &held.record.marked else { return Ok(()) };
        let mark = &marked.mark;
        let is_of_it = Some(&mark.contract) == contract.id.as_ref()
            && mark.fetch == held.record.fetch
            && mark.offer == held.record.offer;
        let own = self.card_of(tx)?;
        if !is_of_it || own.check(&marked.signed, mark.signed_at, &mark.statement()).is_err() {
            return Ok(());
        }
        let record = FetchRecord {
            contract: name.to_owned(),
            actor: format!("peer:{}", contract.peer),
            pages: mark.pages,
            rows: mark.rows,
            bytes: mark.bytes,
            opening: mark.opening.clone(),
            touched_at: tx.wall(),
            marked: None,
            session: self.session,
            ..held.record.clone()
        };
        let billed = billed_key(name, &record.fetch);
        if !held.is_taken {
            return self.keep_open(tx, &record);
        }
        if tx.get(billed.as_ref())?.is_some() {
            // Its receipt is on its way. The consumer counts it when it comes, and has not told it as counted.
            tx.delete(billed);
            return meter(tx, &record);
        }
        self.close_fetch(tx, contract, &record)?;
        tx.delete(billed);
        Ok(())
    }
}

/// Takes a receipt that is not signed here as signed.
fn settle_fresh(tx: &mut Tx<'_>, name: &str, number: u64, text: &str) -> Result<(), Problem> {
    let place = fresh_key().text(name).number(number);
    if tx.get(place.as_ref())?.as_deref() != Some(text.as_bytes()) {
        return Err(irreconcilable(format!("receipt {number} of contract `{name}` is another")));
    }
    tx.delete(place);
    Ok(())
}

/// Takes note that the acceptance of a call was told.
fn accept(tx: &mut Tx<'_>, record: Option<CallRecord>) -> Result<(), Problem> {
    let Some(mut record) = record.filter(|record| record.state == CallState::Received) else {
        return Ok(());
    };
    record.is_accepted = true;
    state::store(tx, call_key(&record.contract, &record.call), &record)
}

/// Ends a call that this unit holds as open, with the process that works for it.
fn end_call(
    tx: &mut Tx<'_>,
    contract: &Contract,
    mut record: CallRecord,
    state: CallState,
    at: Time,
) -> Result<(), Problem> {
    if record.state == CallState::Open {
        cancel_process(tx, contract, &record, at);
    }
    record.state = state;
    record.closed_at = Some(at);
    close(tx, &contract.name)?;
    archive(tx, contract, &record)
}

/// Returns what the receipts are about that are not signed yet.
fn fresh_of(read: &dyn Read, contract: &str) -> Result<Fresh, Problem> {
    let mut fresh = Fresh::new();
    for (_, text) in read.scan_prefix(fresh_key().text(contract).as_ref(), usize::MAX)? {
        let receipt: Receipt = serde_json::from_slice(&text).map_err(Error::internal)?;
        fresh.insert((receipt.call, receipt.event.as_str()));
    }
    Ok(fresh)
}
