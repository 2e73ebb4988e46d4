//! The side that tells: a peer was restored and asks what this unit holds of their dealings.

use super::answers::{ANSWERS, Answer};
use super::stage::expect_reconciled;
use super::told::{Ask, Page, RECONCILE, Told, ToldBatch, ToldCall, ToldContract, ToldFetch};
use crate::Error;
use crate::engine::Exchange;
use crate::state::{self, Mark, incarnation_key, mark_key, number, outbox_key, put_number};
use crate::wire::{CallRecord, CallState, Contract, FetchRecord, Side};
use base::Problem;
use kernel::{Call, Principal, Read, Reader, Reply, Tx};
use std::collections::BTreeMap;

/// Batches of receipts that are looked up at once.
const BATCHES_MAX: usize = 50;

impl Exchange {
    /// `exchange.reconcile`: a peer was restored. It is told what this unit holds; what waits for it here is dropped.
    pub(crate) fn reconcile(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let Principal::Peer(unit) = &call.actor else {
            return Err(Error::Signature { reason: "only peers are told".into() }.into());
        };
        let ask: Ask = call.parameters()?;
        if ask.v != RECONCILE {
            let reason = format!("its version is {}, known is {RECONCILE}", ask.v);
            return Err(Error::Envelope { reason }.into());
        }
        // Where this unit was restored as well, it must first know itself what it holds.
        expect_reconciled(tx, unit)?;
        let known = number(tx, &incarnation_key(unit))?;
        if ask.incarnation < known {
            return Err(Error::Incarnation { found: ask.incarnation, known }.into());
        }
        put_number(tx, incarnation_key(unit), ask.incarnation);
        let (sent, received) = (
            number(tx, &mark_key(unit, Mark::Sent))?,
            number(tx, &mark_key(unit, Mark::Received))?,
        );
        for n in number(tx, &mark_key(unit, Mark::Cleared))? + 1..=sent {
            tx.delete(outbox_key(unit, n));
        }
        put_number(tx, mark_key(unit, Mark::Cleared), sent);
        let mut contracts = Vec::new();
        for contract in state::contracts(tx)?.iter().filter(|contract| contract.peer == *unit) {
            contracts.push(self.told_of(tx, contract)?);
        }
        let answers = tx.log_end(ANSWERS)?;
        let card = Some(self.card_of(tx)?);
        let asker = state::peer_of(tx, unit)?.map(|peer| peer.card.clone());
        Reply::of(&Told { v: RECONCILE, sent, received, answers, contracts, card, asker })
    }

    /// Returns what this unit holds of a contract.
    fn told_of(&self, tx: &Tx<'_>, contract: &Contract) -> Result<ToldContract, Problem> {
        let is_consumer = contract.side == Side::Consumer;
        let mut calls = Vec::new();
        for (_, bytes) in tx.scan_prefix(state::calls_key(&contract.name).as_ref(), usize::MAX)? {
            let record: CallRecord = state::decode(&bytes)?;
            calls.push(ToldCall {
                call: record.call,
                capability: record.capability,
                input: record.input,
                at: record.at,
                number: record.number,
                is_accepted: record.is_accepted
                    || !is_consumer && record.state != CallState::Received,
                state: record.state,
                closed_at: record.closed_at,
                accept: record.accept,
                close: record.close,
            });
        }
        let mut meters = BTreeMap::new();
        if contract.was_final {
            for name in self.terms(contract)?.capabilities.keys() {
                meters.insert(name.clone(), state::meter(tx, &contract.name, name)?);
            }
        }
        // What stands behind an offer is its provider's own business.
        let shown = Contract { serves: BTreeMap::new(), ..contract.clone() };
        let chain = state::signed_chain(tx, &contract.name)?;
        let fetches = told_fetches(tx, contract)?;
        Ok(ToldContract { contract: shown, chain, calls, fetches, meters })
    }

    /// `exchange.recall`: a peer that was restored asks for receipts, or for answers that it was given.
    pub(crate) fn recall(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let Principal::Peer(unit) = &call.actor else {
            return Err(Error::Signature { reason: "only peers are told".into() }.into());
        };
        expect_reconciled(reader, unit)?;
        let after = call.number("after")?.unwrap_or_default();
        let upto = call.number("upto")?.unwrap_or_default();
        match call.text("kind") {
            Some("receipts") => {
                let name = call.text("contract").unwrap_or_default();
                let contract = state::contract(reader, name)?;
                if contract.peer != *unit {
                    let contract = contract.name.clone();
                    return Err(Error::ContractNotFound { contract }.into());
                }
                Reply::of(&self.receipts_page(reader, &contract, after, upto)?)
            }
            Some("answers") => {
                let received = call.number("received")?.unwrap_or_default();
                Reply::of(&self.answers_page(reader, unit, received, (after, upto))?)
            }
            _ => {
                let reason = "`kind` is `receipts` or `answers`".into();
                Err(Error::Input { reason, pointer: "/kind".into(), hint: None }.into())
            }
        }
    }

    fn receipts_page(
        &self,
        reader: &Reader,
        contract: &Contract,
        after: u64,
        upto: u64,
    ) -> Result<Page<ToldBatch>, Problem> {
        let mut page = Page { items: Vec::new(), next: after };
        let mut bytes = 0;
        for batch in state::batches(reader, &contract.name, after + 1, BATCHES_MAX)? {
            if upto < batch.first || self.config.recall_bytes < bytes {
                break;
            }
            bytes += batch.receipts.iter().map(String::len).sum::<usize>();
            page.next = batch.first + batch.receipts.len() as u64 - 1;
            let settlement = state::settlement(reader, &contract.name, batch.first)?;
            page.items.push(ToldBatch { batch, settlement });
        }
        Ok(page)
    }

    /// Returns the answers to a peer that were told after the last message that it knows, as far as the log was looked through.
    fn answers_page(
        &self,
        reader: &Reader,
        unit: &str,
        received: u64,
        (after, upto): (u64, u64),
    ) -> Result<Page<Answer>, Problem> {
        let mut page = Page { items: Vec::new(), next: after };
        let chunks = reader.chunks(ANSWERS, after, self.config.recall_bytes)?;
        if chunks.is_empty() {
            page.next = upto.max(after);
        }
        for chunk in chunks {
            for (place, line) in (chunk.offset..).zip(kernel::rows(&chunk.bytes)) {
                if place < after || upto <= place {
                    continue;
                }
                let answer: Answer = serde_json::from_slice(line).map_err(Error::internal)?;
                if answer.peer == unit && received < answer.told {
                    page.items.push(answer);
                }
            }
            page.next = chunk.offset + u64::from(chunk.count);
        }
        Ok(page)
    }
}

/// Returns the fetches under a contract that are not settled.
fn told_fetches(read: &dyn Read, contract: &Contract) -> Result<Vec<ToldFetch>, Problem> {
    let places = match contract.side {
        Side::Provider => vec![(state::lending_key(&contract.name), false)],
        Side::Consumer => vec![
            (state::all_reading_key().text(&contract.name), false),
            (state::all_taken_key().text(&contract.name), true),
        ],
    };
    let mut fetches = Vec::new();
    for (prefix, is_taken) in places {
        for (_, bytes) in read.scan_prefix(prefix.as_ref(), usize::MAX)? {
            let mut record: FetchRecord = state::decode(&bytes)?;
            // Who reads is its own business.
            record.actor = String::new();
            fetches.push(ToldFetch { record, is_taken });
        }
    }
    Ok(fetches)
}
