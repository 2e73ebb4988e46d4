//! Disputes: receipts that the consumer does not agree with, and how people end them.
//!
//! Whoever gives in accepts what the other side says: the consumer countersigns after all, or the provider waives what the receipts
//! say. Who keeps to his own figure leaves the dispute as it is. Where both give in at the same time, what the provider has
//! committed holds: the receipts are waived.
//!
//! Invariants: a dispute ends in a commit of whoever gives in, and the other side follows by a message; sums change in the commit in
//! which the settlement changes; what was waived stays in the chain and is owed by nobody.

use crate::Error;
use crate::engine::Exchange;
use crate::link::send;
use crate::price::Cents;
use crate::receipts::{Role, amounts, statement};
use crate::restore;
use crate::state::{self, batch_key, settled_key, sum_key, unsettled_key};
use crate::wire::{Batch, Contract, Message, Peer, Settlement, Side};
use base::Problem;
use kernel::{Call, Read, Reader, Reply, Tx};
use serde_json::json;
use std::collections::BTreeMap;

/// Batches of receipts that are looked at at once.
const BATCHES: usize = 100;

impl Exchange {
    /// `contract.disputes`.
    pub(crate) fn list_disputes(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let contract = state::contract(reader, &call.resource.name)?;
        let mut rows = Vec::new();
        let mut next = 0;
        while self.has_disputes(reader, &contract)? {
            let batches = state::batches(reader, &contract.name, next, BATCHES)?;
            let Some(last) = batches.last() else { break };
            next = last.first + 1;
            for batch in &batches {
                let settlement = state::settlement(reader, &contract.name, batch.first)?;
                let Some(Settlement::Disputed { reason }) = settlement else { continue };
                let amounts: BTreeMap<String, String> =
                    amounts(batch)?.into_iter().map(|(of, sum)| (of, sum.to_string())).collect();
                rows.push(json!({
                    "contract": contract.name, "peer": state::peer_name(reader, &contract.peer)?,
                    "side": contract.side, "first": batch.first, "count": batch.receipts.len(),
                    "amounts": amounts, "signed_at": batch.signed_at, "reason": reason,
                }));
            }
        }
        Ok(Reply::Value(json!({"items": rows})))
    }

    fn has_disputes(&self, read: &dyn Read, contract: &Contract) -> Result<bool, Problem> {
        if !contract.was_final {
            return Ok(false);
        }
        for capability in self.terms(contract)?.capabilities.keys() {
            if state::sum(read, &contract.name, capability)?.disputed != Cents::default() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `contract.settle`: this unit gives in.
    pub(crate) fn settle_dispute(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let contract = state::contract(tx, &call.resource.name)?;
        let first = call.number("first")?.unwrap_or_default();
        restore::expect_reconciled(tx, &contract.peer)?;
        let name = contract.name.as_str();
        let batch: Option<Batch> = state::load(tx, &batch_key(name, first))?;
        let settlement = state::settlement(tx, name, first)?;
        let (Some(batch), Some(Settlement::Disputed { .. })) = (batch, settlement) else {
            return Err(Error::State {
                contract: name.into(),
                state: format!("not in dispute over receipts from {first} on"),
                wanted: "`contract.disputes` lists over which it is",
            }
            .into());
        };
        let (state, message) = match contract.side {
            Side::Consumer => ("agreed", self.countersign(tx, &contract, &batch)?),
            Side::Provider => {
                waive(tx, name, &batch)?;
                ("waived", Message::Waived { contract: name.into(), first })
            }
        };
        let at = tx.business();
        send(tx, &contract.peer, at, &message)?;
        Ok(Reply::Value(json!({"contract": name, "first": first, "state": state})))
    }

    /// Signs receipts that were disputed; returns what the provider is told.
    fn countersign(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        batch: &Batch,
    ) -> Result<Message, Problem> {
        let (name, first, wall) = (contract.name.as_str(), batch.first, tx.wall());
        let statement = statement(Role::Agreed, contract, first, &batch.receipts, wall);
        let signed = self.identity_of(tx)?.sign(wall, &statement)?;
        for (capability, amount) in amounts(batch)? {
            let mut sum = state::sum(tx, name, &capability)?;
            sum.disputed = sum.disputed.minus(amount);
            sum.owed = sum.owed.plus(amount);
            sum.agreed = sum.agreed.plus(amount);
            state::store(tx, sum_key(name, &capability), &sum)?;
        }
        let settlement = Settlement::Agreed { signed_at: wall, signed: signed.clone() };
        state::store(tx, settled_key(name, first), &settlement)?;
        Ok(Message::Agreed { contract: name.into(), first, signed_at: wall, signed })
    }

    /// The provider waives receipts. Those that this consumer never took are nothing to it.
    pub(crate) fn on_waived(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        name: &str,
        first: u64,
    ) -> Result<(), Problem> {
        let contract = state::contract(tx, name)?;
        if contract.peer != peer.card.unit || contract.side != Side::Consumer {
            return Err(Error::ContractNotFound { contract: contract.name.clone() }.into());
        }
        let batch: Option<Batch> = state::load(tx, &batch_key(name, first))?;
        batch.map_or(Ok(()), |batch| waive(tx, name, &batch))
    }
}

/// Takes what receipts say out of the sums in which it stands. The calls remain counted.
pub(crate) fn waive(tx: &mut Tx<'_>, name: &str, batch: &Batch) -> Result<(), Problem> {
    let held = state::settlement(tx, name, batch.first)?;
    for (capability, amount) in amounts(batch)? {
        let mut sum = state::sum(tx, name, &capability)?;
        match &held {
            None => sum.owed = sum.owed.minus(amount),
            Some(Settlement::Disputed { .. }) => sum.disputed = sum.disputed.minus(amount),
            Some(Settlement::Agreed { .. }) => {
                sum.owed = sum.owed.minus(amount);
                sum.agreed = sum.agreed.minus(amount);
            }
            Some(Settlement::Waived { .. }) => {}
        }
        state::store(tx, sum_key(name, &capability), &sum)?;
    }
    tx.delete(unsettled_key(name).number(batch.first));
    let waived = Settlement::Waived { at: tx.wall() };
    state::store(tx, settled_key(name, batch.first), &waived)
}
