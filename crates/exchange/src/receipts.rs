//! Receipts: issued by the provider in the commit of what they prove, signed together, countersigned or disputed.
//!
//! Invariants: the numbers of a contract's receipts have no gaps; each names the hash of the one before; the running sums
//! change in the commit of the receipt that changes them.

use crate::Error;
use crate::canonical::canonical;
use crate::consume::archive;
use crate::engine::Exchange;
use crate::fetch::check_read;
use crate::identity::{Card, Signed};
use crate::link::send;
use crate::merkle;
use crate::price::Cents;
use crate::restore;
use crate::state::{self, batch_key, chain_key, fresh_key, settled_key, sum_key, unsettled_key};
use crate::terms::Terms;
use crate::wire::{
    Batch, CallRecord, CallState, Chain, Contract, Event, Message, Meter, Peer, Receipt,
    Settlement, Side, Sum,
};
use base::{Period, Problem, Time, hex, sha256};
use kernel::{Call, Read, Reader, Reply, Tx};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The version of receipts.
const RECEIPT: u32 = 1;

/// The version of receipts for what was read: they say how much.
const READ_RECEIPT: u32 = 2;

/// How far the clock of another unit may go ahead when it signs.
const AHEAD: Period = Period::seconds(300);

/// What a receipt's signature is for.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    Issued,
    Agreed,
}

/// What a receipt is issued for.
pub(crate) struct Owed<'a> {
    pub(crate) capability: &'a str,
    pub(crate) call: &'a str,
    pub(crate) event: Event,
    pub(crate) at: Time,
    pub(crate) amount: Cents,
    pub(crate) currency: &'a str,
    /// Rows and bytes, where something was read.
    pub(crate) read: Option<(u64, u64)>,
}

impl Exchange {
    /// Issues a receipt for a step of a call.
    #[expect(clippy::too_many_arguments, reason = "the fields of one receipt")]
    pub(crate) fn issue(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        record: &CallRecord,
        event: Event,
        at: Time,
        amount: Cents,
        currency: &str,
    ) -> Result<(), Problem> {
        let (capability, call) = (record.capability.as_str(), record.call.as_str());
        let owed = Owed { capability, call, event, at, amount, currency, read: None };
        self.issue_receipt(tx, contract, owed)
    }

    /// Issues a receipt. It is signed with all others of this commit, by [`Exchange::sign_fresh`].
    pub(crate) fn issue_receipt(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        owed: Owed<'_>,
    ) -> Result<(), Problem> {
        let Owed { capability, call, event, at, amount, currency, read } = owed;
        let chain = state::chain(tx, &contract.name)?;
        let receipt = Receipt {
            v: version_of(event),
            contract: contract.id.clone().unwrap_or_default(),
            number: chain.number + 1,
            previous: chain.hash,
            capability: capability.into(),
            call: call.into(),
            event,
            at,
            amount: amount.to_string(),
            currency: currency.into(),
            rows: read.map(|(rows, _)| rows),
            bytes: read.map(|(_, bytes)| bytes),
        };
        let text = receipt_bytes(&receipt)?;
        let chain = Chain { number: receipt.number, hash: hex(&sha256(&text)) };
        state::store(tx, chain_key(&contract.name), &chain)?;
        tx.put(fresh_key().text(&contract.name).number(receipt.number), text);
        let mut sum = state::sum(tx, &contract.name, &receipt.capability)?;
        count(&mut sum, event);
        sum.owed = sum.owed.plus(amount);
        state::store(tx, sum_key(&contract.name, &receipt.capability), &sum)?;
        self.issued.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Signs the receipts that were issued since the last signature: one signature for each contract.
    ///
    /// Engines work by turns until nothing is left to do, so the first time that there are new receipts this only says
    /// so; once no further ones come, it signs. That makes one signature a commit instead of one for each round.
    pub(crate) fn sign_fresh(&self, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
        let fresh = tx.scan_prefix(fresh_key().as_ref(), self.config.receipts_batch_max)?;
        if fresh.is_empty() {
            return Ok(0);
        }
        let issued = self.issued.load(Ordering::Relaxed);
        if self.issued_seen.swap(issued, Ordering::Relaxed) != issued && 1 < budget {
            return Ok(1);
        }
        let mut contracts: BTreeMap<String, (u64, Vec<String>)> = BTreeMap::new();
        for (key, text) in fresh {
            let Some((contract, number)) = state::fresh_place(&key) else { continue };
            let text = String::from_utf8(text).map_err(Error::internal)?;
            if !contracts.contains_key(&contract) && !self.is_signable(tx, &contract)? {
                continue;
            }
            contracts.entry(contract).or_insert((number, Vec::new())).1.push(text);
            tx.delete(key);
        }
        let count = contracts.len();
        for (contract, (first, receipts)) in contracts {
            self.sign_batch(tx, &contract, first, receipts)?;
        }
        Ok(count)
    }

    /// Returns whether receipts of a contract may be signed: not before it is known which ones a life before has signed.
    fn is_signable(&self, tx: &Tx<'_>, contract: &str) -> Result<bool, Problem> {
        let contract = state::contract(tx, contract)?;
        restore::is_reconciled(tx, &contract.peer)
    }

    fn sign_batch(
        &self,
        tx: &mut Tx<'_>,
        name: &str,
        first: u64,
        receipts: Vec<String>,
    ) -> Result<(), Problem> {
        let contract = state::contract(tx, name)?;
        let signed_at = tx.wall();
        let statement = statement(Role::Issued, &contract, first, &receipts, signed_at);
        let signed = self.identity_of(tx)?.sign(signed_at, &statement)?;
        let batch = Batch { first, signed_at, signed, receipts };
        state::store(tx, batch_key(name, first), &batch)?;
        state::store(tx, unsettled_key(name).number(first), &signed_at)?;
        let at = tx.business();
        let Batch { first, signed_at, signed, receipts } = batch;
        let message =
            Message::Receipts { contract: name.into(), first, signed_at, receipts, signed };
        send(tx, &contract.peer, at, &message)
    }

    /// Returns since when the oldest receipts wait for the consumer's signature, wall time.
    pub(crate) fn unsettled_since(
        &self,
        read: &dyn Read,
        contract: &str,
    ) -> Result<Option<Time>, Problem> {
        let oldest = read.scan_prefix(unsettled_key(contract).as_ref(), 1)?;
        oldest.first().map(|(_, bytes)| state::decode(bytes)).transpose()
    }

    /// Returns how many batches are neither countersigned nor disputed; receipts that are not signed yet count as one.
    pub(crate) fn unsettled_count(&self, read: &dyn Read, contract: &str) -> Result<u64, Problem> {
        let mut count = read.scan_prefix(fresh_key().text(contract).as_ref(), 1)?.len() as u64;
        for (key, _) in read.scan_prefix(unsettled_key(contract).as_ref(), usize::MAX)? {
            let first = key.last_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
            count += u64::from(state::settlement(read, contract, first)?.is_none());
        }
        Ok(count)
    }

    /// The provider's receipts arrive: checked, then countersigned or disputed.
    pub(crate) fn on_receipts(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        name: &str,
        batch: Batch,
    ) -> Result<(), Problem> {
        let contract = state::contract(tx, name)?;
        if contract.peer != peer.card.unit
            || contract.side != Side::Consumer
            || contract.id.is_none()
        {
            return Err(Error::ContractNotFound { contract: contract.name.clone() }.into());
        }
        let first = batch.first;
        let chain = state::chain(tx, name)?;
        let wall = tx.wall();
        let receipts = match check_batch(&contract, &peer.card, &chain, &batch, wall) {
            Ok(receipts) => receipts,
            Err(reason) => {
                let message = Message::Disputed { contract: name.into(), first, reason };
                return send(tx, &contract.peer, at, &message);
            }
        };
        let dispute = self.dispute(tx, &contract, &receipts)?;
        let last = batch.receipts.last().map_or("", String::as_str);
        let chain = Chain {
            number: chain.number + receipts.len() as u64,
            hash: hex(&sha256(last.as_bytes())),
        };
        state::store(tx, chain_key(name), &chain)?;
        for receipt in &receipts {
            self.take_receipt(tx, &contract, receipt, dispute.is_some())?;
        }
        state::store(tx, batch_key(name, first), &batch)?;
        let (settlement, message) = match dispute {
            Some(reason) => (
                Settlement::Disputed { reason: reason.clone() },
                Message::Disputed { contract: name.into(), first, reason },
            ),
            None => {
                let statement = statement(Role::Agreed, &contract, first, &batch.receipts, wall);
                let signed = self.identity_of(tx)?.sign(wall, &statement)?;
                (
                    Settlement::Agreed { signed_at: wall, signed: signed.clone() },
                    Message::Agreed { contract: name.into(), first, signed_at: wall, signed },
                )
            }
        };
        state::store(tx, settled_key(name, first), &settlement)?;
        send(tx, &contract.peer, at, &message)
    }

    /// Compares receipts with what this consumer knows of its calls; returns why it does not agree.
    fn dispute(
        &self,
        tx: &Tx<'_>,
        contract: &Contract,
        receipts: &[Receipt],
    ) -> Result<Option<String>, Problem> {
        let terms = self.terms(contract)?;
        let mut accepted = BTreeSet::new();
        for receipt in receipts {
            let checked = if receipt.event == Event::Read {
                let held = state::fetch(tx, &contract.name, &receipt.call)?;
                let record = held.as_ref().map(|(_, record)| record);
                check_read(&terms, receipt, record, &mut accepted)
            } else {
                let record = state::call(tx, &contract.name, &receipt.call)?;
                check_receipt(&terms, receipt, record.as_ref(), &mut accepted)
            };
            if let Err(reason) = checked {
                return Ok(Some(format!("receipt {}: {reason}", receipt.number)));
            }
        }
        Ok(None)
    }

    /// Brings sums and call up to a receipt.
    pub(crate) fn take_receipt(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        receipt: &Receipt,
        is_disputed: bool,
    ) -> Result<(), Problem> {
        let amount = amount_of(receipt);
        let mut sum = state::sum(tx, &contract.name, &receipt.capability)?;
        count(&mut sum, receipt.event);
        if is_disputed {
            sum.disputed = sum.disputed.plus(amount);
        } else {
            sum.owed = sum.owed.plus(amount);
            sum.agreed = sum.agreed.plus(amount);
        }
        state::store(tx, sum_key(&contract.name, &receipt.capability), &sum)?;
        if receipt.event == Event::Read {
            return self.settle_fetch(tx, contract, receipt);
        }
        let Some(mut record) = state::call(tx, &contract.name, &receipt.call)? else {
            return Ok(());
        };
        match receipt.event {
            Event::Accepted => {
                record.is_accepted = true;
                state::store(tx, state::call_key(&record.contract, &record.call), &record)
            }
            _ if record.state.is_open() => Ok(()),
            _ => archive(tx, contract, &record),
        }
    }

    /// The consumer has countersigned receipts.
    pub(crate) fn on_agreed(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        name: &str,
        first: u64,
        signed_at: Time,
        signed: Signed,
    ) -> Result<(), Problem> {
        let (contract, batch) = self.issued_batch(tx, peer, name, first)?;
        let was_disputed = match state::settlement(tx, name, first)? {
            None => false,
            Some(Settlement::Disputed { .. }) => true,
            // Both gave in at the same time: what this provider has committed holds, and the consumer is told.
            Some(Settlement::Waived { .. }) => return Ok(()),
            Some(Settlement::Agreed { .. }) => {
                return Err(Error::ReceiptNotFound { contract: name.into(), number: first }.into());
            }
        };
        if tx.wall().plus(AHEAD) < signed_at {
            return Err(Error::Stale {
                reason: "receipts were countersigned in the future".into(),
            }
            .into());
        }
        let statement = statement(Role::Agreed, &contract, first, &batch.receipts, signed_at);
        peer.card.check(&signed, signed_at, &statement)?;
        for (capability, amount) in amounts(&batch)? {
            let mut sum = state::sum(tx, name, &capability)?;
            if was_disputed {
                sum.disputed = sum.disputed.minus(amount);
                sum.owed = sum.owed.plus(amount);
            }
            sum.agreed = sum.agreed.plus(amount);
            state::store(tx, sum_key(name, &capability), &sum)?;
        }
        tx.delete(unsettled_key(name).number(first));
        state::store(tx, settled_key(name, first), &Settlement::Agreed { signed_at, signed })
    }

    /// The consumer does not agree: what the receipts say is not owed until somebody has settled it (`contract.settle`).
    pub(crate) fn on_disputed(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        name: &str,
        first: u64,
        reason: String,
    ) -> Result<(), Problem> {
        let (_, batch) = self.unsettled_batch(tx, peer, name, first)?;
        for (capability, amount) in amounts(&batch)? {
            let mut sum = state::sum(tx, name, &capability)?;
            sum.owed = sum.owed.minus(amount);
            sum.disputed = sum.disputed.plus(amount);
            state::store(tx, sum_key(name, &capability), &sum)?;
        }
        let reason = reason.chars().take(1_000).collect();
        state::store(tx, settled_key(name, first), &Settlement::Disputed { reason })
    }

    fn unsettled_batch(
        &self,
        tx: &Tx<'_>,
        peer: &Peer,
        name: &str,
        first: u64,
    ) -> Result<(Arc<Contract>, Batch), Problem> {
        let found = self.issued_batch(tx, peer, name, first)?;
        if state::settlement(tx, name, first)?.is_some() {
            return Err(Error::ReceiptNotFound { contract: name.into(), number: first }.into());
        }
        Ok(found)
    }

    /// Returns receipts that this provider has issued to a peer.
    fn issued_batch(
        &self,
        tx: &Tx<'_>,
        peer: &Peer,
        name: &str,
        first: u64,
    ) -> Result<(Arc<Contract>, Batch), Problem> {
        let contract = state::contract(tx, name)?;
        if contract.peer != peer.card.unit || contract.side != Side::Provider {
            return Err(Error::ContractNotFound { contract: contract.name.clone() }.into());
        }
        let missing = || Error::ReceiptNotFound { contract: name.into(), number: first };
        let batch: Batch = state::load(tx, &batch_key(name, first))?.ok_or_else(missing)?;
        Ok((contract, batch))
    }

    /// `receipt.list`.
    pub(crate) fn list_receipts(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let contract = state::contract(reader, call.text("contract").unwrap_or_default())?;
        let after = call.number("after")?.unwrap_or_default();
        let rows_max = call.number("limit")?.unwrap_or(100).min(1_000) as usize;
        let mut rows = Vec::new();
        let mut next = state::batch_of(reader, &contract.name, after + 1)?
            .map_or(after + 1, |batch| batch.first);
        // One more than is wanted says that there is a next page.
        while rows.len() <= rows_max {
            let batches = state::batches(reader, &contract.name, next, 10)?;
            let Some(last) = batches.last() else { break };
            next = last.first + 1;
            for batch in &batches {
                let is_in = |receipt: &Value| {
                    receipt["number"].as_u64().is_some_and(|number| after < number)
                };
                rows.extend(rows_of(reader, &contract, batch)?.into_iter().filter(is_in));
            }
        }
        let has_more = rows_max < rows.len();
        rows.truncate(rows_max);
        let last = rows.last().filter(|_| has_more).map(|receipt| receipt["number"].to_string());
        Ok(Reply::Value(json!({"items": rows, "next": last})))
    }

    /// `receipt.get`: a receipt with all that proves it alone.
    pub(crate) fn get_receipt(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let (name, number) = receipt_name(&call.resource.name).unwrap_or_default();
        let contract = state::contract(reader, &name)?;
        let missing = || Error::ReceiptNotFound { contract: name.clone(), number };
        let batch = state::batch_of(reader, &name, number)?.ok_or_else(missing)?;
        let place = usize::try_from(number - batch.first).map_err(Error::internal)?;
        let leaves = leaves(&batch.receipts);
        let path: Vec<String> = merkle::path(&leaves, place).iter().map(|hash| hex(hash)).collect();
        Ok(Reply::Value(json!({
            "receipt": batch.receipts[place], "first": batch.first, "count": leaves.len(),
            "root": hex(&merkle::root(&leaves)), "path": path,
            "signed_at": batch.signed_at, "signature": batch.signed,
            "settlement": state::settlement(reader, &contract.name, batch.first)?,
        })))
    }

    /// `ledger.list`: the sums of every capability under every contract that ever was in force.
    pub(crate) fn ledger(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let mut rows = Vec::new();
        let only = call.text("contract");
        for Line { contract, capability, currency, sum, meter } in self.ledger_rows(reader)? {
            if only.is_some_and(|only| only != contract.name) {
                continue;
            }
            rows.push(json!({
                "contract": contract.name, "peer": state::peer_name(reader, &contract.peer)?,
                "capability": capability, "side": contract.side, "state": contract.state, "calls": sum.calls,
                "answered": sum.answered, "cancelled": sum.cancelled, "failed": sum.failed, "open": sum.open(),
                "owed": sum.owed.to_string(), "agreed": sum.agreed.to_string(),
                "disputed": sum.disputed.to_string(), "currency": currency,
                "reads": meter.reads, "rows": meter.rows, "bytes": meter.bytes,
            }));
        }
        Ok(Reply::Value(json!({"items": rows})))
    }

    pub(crate) fn ledger_rows(&self, read: &dyn Read) -> Result<Vec<Line>, Problem> {
        let mut rows = Vec::new();
        for contract in state::contracts(read)? {
            if !contract.was_final {
                continue;
            }
            let terms = self.terms(&contract)?;
            for (name, capability) in &terms.capabilities {
                rows.push(Line {
                    contract: Arc::clone(&contract),
                    capability: name.clone(),
                    currency: capability.currency().to_owned(),
                    sum: state::sum(read, &contract.name, name)?,
                    meter: state::meter(read, &contract.name, name)?,
                });
            }
        }
        Ok(rows)
    }

    /// Recomputes the sums from the receipts, and checks numbers, chain and signatures. Returns what does not fit.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn verify(&self, read: &dyn Read) -> Result<Vec<String>, Problem> {
        let mut problems = Vec::new();
        for contract in state::contracts(read)? {
            if contract.was_final {
                self.verify_contract(read, &contract, &mut problems)?;
            }
        }
        Ok(problems)
    }

    fn verify_contract(
        &self,
        read: &dyn Read,
        contract: &Contract,
        problems: &mut Vec<String>,
    ) -> Result<(), Problem> {
        let name = &contract.name;
        let peer = state::peer_of(read, &contract.peer)?;
        let own = self.card_of(read)?;
        let provider = if contract.side == Side::Provider {
            Some(&own)
        } else {
            peer.as_ref().map(|peer| &peer.card)
        };
        let mut chain = Chain::default();
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        let mut next = 0;
        loop {
            let batches = state::batches(read, name, next, 100)?;
            let Some(last) = batches.last() else { break };
            next = last.first + 1;
            for batch in &batches {
                let checked = match provider {
                    Some(card) => check_batch(contract, card, &chain, batch, Time(i64::MAX / 2)),
                    None => check_chain(contract, &chain, batch),
                };
                let receipts = match checked {
                    Ok(receipts) => receipts,
                    Err(reason) => {
                        problems.push(format!(
                            "contract/{name}: receipts from {}: {reason}",
                            batch.first
                        ));
                        return Ok(());
                    }
                };
                let settlement = state::settlement(read, name, batch.first)?;
                receipts
                    .iter()
                    .for_each(|receipt| recount(&mut sums, receipt, settlement.as_ref()));
                let text = batch.receipts.last().map_or("", String::as_str);
                chain = Chain {
                    number: chain.number + receipts.len() as u64,
                    hash: hex(&sha256(text.as_bytes())),
                };
            }
        }
        for (_, text) in read.scan_prefix(fresh_key().text(name).as_ref(), usize::MAX)? {
            let receipt: Receipt = serde_json::from_slice(&text).map_err(Error::internal)?;
            recount(&mut sums, &receipt, None);
            chain = Chain { number: receipt.number, hash: hex(&sha256(&text)) };
        }
        let held = state::chain(read, name)?;
        if (held.number, &held.hash) != (chain.number, &chain.hash) {
            problems.push(format!(
                "contract/{name}: the last receipt is {}, not {}",
                chain.number, held.number
            ));
        }
        for capability in self.terms(contract)?.capabilities.keys() {
            let (held, counted) =
                (state::sum(read, name, capability)?, sums.remove(capability).unwrap_or_default());
            if held != counted {
                problems.push(format!("contract/{name} {capability}: the sums are {held:?}, the receipts say {counted:?}"));
            }
        }
        Ok(())
    }
}

/// A line of the ledger.
pub(crate) struct Line {
    pub(crate) contract: Arc<Contract>,
    pub(crate) capability: String,
    pub(crate) currency: String,
    pub(crate) sum: Sum,
    /// What was read, of a lent relation.
    pub(crate) meter: Meter,
}

/// Returns what a receipt says is owed.
pub(crate) fn amount_of(receipt: &Receipt) -> Cents {
    Cents::parse(&receipt.amount).unwrap_or_default()
}

fn version_of(event: Event) -> u32 {
    if event == Event::Read { READ_RECEIPT } else { RECEIPT }
}

/// Returns contract and number out of `CONTRACT.NUMBER`.
pub(crate) fn receipt_name(name: &str) -> Option<(String, u64)> {
    let (contract, number) = name.rsplit_once('.')?;
    Some((contract.to_owned(), number.parse().ok()?))
}

/// Returns the receipts of a batch as JSON, with their state.
pub(crate) fn rows_of(
    read: &dyn Read,
    contract: &Contract,
    batch: &Batch,
) -> Result<Vec<Value>, Problem> {
    let (state, reason) = match state::settlement(read, &contract.name, batch.first)? {
        None => ("issued", None),
        Some(Settlement::Agreed { .. }) => ("agreed", None),
        Some(Settlement::Disputed { reason }) => ("disputed", Some(reason)),
        Some(Settlement::Waived { .. }) => ("waived", None),
    };
    let mut rows = Vec::new();
    for text in &batch.receipts {
        let mut row: Value = serde_json::from_str(text).map_err(Error::internal)?;
        row["contract"] = json!(contract.name);
        row["side"] = json!(contract.side);
        row["state"] = json!(state);
        row["reason"] = json!(reason);
        rows.push(row);
    }
    Ok(rows)
}

fn receipt_bytes(receipt: &Receipt) -> Result<Vec<u8>, Error> {
    Ok(canonical(&serde_json::to_value(receipt).map_err(Error::internal)?))
}

fn leaves(receipts: &[String]) -> Vec<merkle::Hash> {
    receipts.iter().map(|text| merkle::leaf(text.as_bytes())).collect()
}

/// Returns the bytes that are signed for a batch of receipts.
pub(crate) fn statement(
    role: Role,
    contract: &Contract,
    first: u64,
    receipts: &[String],
    signed_at: Time,
) -> Vec<u8> {
    let role = match role {
        Role::Issued => "craton/receipts",
        Role::Agreed => "craton/agreed",
    };
    canonical(&json!({
        "type": role, "v": RECEIPT, "contract": contract.id, "first": first, "count": receipts.len(),
        "root": hex(&merkle::root(&leaves(receipts))), "signed_at": signed_at,
    }))
}

/// Checks signature, numbers and chain of a batch; returns its receipts, or why it is refused as a whole.
pub(crate) fn check_batch(
    contract: &Contract,
    provider: &Card,
    chain: &Chain,
    batch: &Batch,
    wall: Time,
) -> Result<Vec<Receipt>, String> {
    if wall.plus(AHEAD) < batch.signed_at {
        return Err("they were signed in the future".into());
    }
    let statement =
        statement(Role::Issued, contract, batch.first, &batch.receipts, batch.signed_at);
    provider
        .check(&batch.signed, batch.signed_at, &statement)
        .map_err(|error| error.to_string())?;
    check_chain(contract, chain, batch)
}

fn check_chain(contract: &Contract, chain: &Chain, batch: &Batch) -> Result<Vec<Receipt>, String> {
    let (mut number, mut hash) = (chain.number, chain.hash.clone());
    if batch.first != number + 1 || batch.receipts.is_empty() {
        return Err(format!("they begin with {}, and {} is next", batch.first, number + 1));
    }
    let mut receipts = Vec::new();
    for text in &batch.receipts {
        number += 1;
        let receipt: Receipt = serde_json::from_str(text)
            .map_err(|error| format!("receipt {number} cannot be read: {error}"))?;
        let bytes = receipt_bytes(&receipt).map_err(|error| error.to_string())?;
        let is_read = receipt.event == Event::Read;
        let is_whole = receipt.rows.is_some() == is_read && receipt.bytes.is_some() == is_read;
        if bytes != text.as_bytes() || receipt.v != version_of(receipt.event) || !is_whole {
            return Err(format!("receipt {number} is not in its canonical form"));
        }
        if receipt.number != number || receipt.previous != hash {
            return Err(format!("receipt {number} breaks the chain"));
        }
        if Some(&receipt.contract) != contract.id.as_ref()
            || Cents::parse(&receipt.amount).is_none()
        {
            return Err(format!("receipt {number} is of another contract, or of no amount"));
        }
        hash = hex(&sha256(&bytes));
        receipts.push(receipt);
    }
    Ok(receipts)
}

/// Checks a receipt against what the consumer knows of the call. `accepted` holds the calls that this batch accepts.
fn check_receipt(
    terms: &Terms,
    receipt: &Receipt,
    record: Option<&CallRecord>,
    accepted: &mut BTreeSet<String>,
) -> Result<(), String> {
    let capability = terms.capability(&receipt.capability).map_err(|error| error.to_string())?;
    let record = record.ok_or("there is no such call")?;
    if record.capability != receipt.capability || capability.currency() != receipt.currency {
        return Err("another capability or currency was agreed".into());
    }
    let is_accepted = record.is_accepted || accepted.contains(&receipt.call);
    let (is_time, expected) = match (receipt.event, record.state) {
        (Event::Accepted, _) => (!is_accepted && receipt.at == record.at, record.accept),
        (Event::Answered, CallState::Answered)
        | (Event::Withdrawn, CallState::Withdrawn)
        | (Event::Failed, CallState::Failed) => {
            (is_accepted && Some(receipt.at) == record.closed_at, record.close)
        }
        (event, state) => {
            return Err(format!("it says {}, and the call is {}", event.as_str(), state.as_str()));
        }
    };
    if !is_time {
        return Err("it comes twice, too early, or has another time".into());
    }
    if receipt.amount != expected.to_string() {
        return Err(format!("it says {} where {expected} was agreed", receipt.amount));
    }
    accepted.insert(receipt.call.clone());
    Ok(())
}

/// Returns what a batch says is owed, by capability.
pub(crate) fn amounts(batch: &Batch) -> Result<BTreeMap<String, Cents>, Problem> {
    let mut amounts: BTreeMap<String, Cents> = BTreeMap::new();
    for text in &batch.receipts {
        let receipt: Receipt = serde_json::from_str(text).map_err(Error::internal)?;
        let amount = Cents::parse(&receipt.amount).unwrap_or_default();
        let held = amounts.entry(receipt.capability).or_default();
        *held = held.plus(amount);
    }
    Ok(amounts)
}

pub(crate) fn count(sum: &mut Sum, event: Event) {
    match event {
        Event::Accepted => sum.calls += 1,
        Event::Answered => sum.answered += 1,
        Event::Withdrawn => sum.cancelled += 1,
        Event::Failed => sum.failed += 1,
        // What is read is counted by rows and bytes.
        Event::Read => {}
    }
}

fn recount(sums: &mut BTreeMap<String, Sum>, receipt: &Receipt, settlement: Option<&Settlement>) {
    let sum = sums.entry(receipt.capability.clone()).or_default();
    let amount = Cents::parse(&receipt.amount).unwrap_or_default();
    count(sum, receipt.event);
    match settlement {
        Some(Settlement::Disputed { .. }) => sum.disputed = sum.disputed.plus(amount),
        Some(Settlement::Waived { .. }) => {}
        Some(Settlement::Agreed { .. }) => {
            sum.owed = sum.owed.plus(amount);
            sum.agreed = sum.agreed.plus(amount);
        }
        None => sum.owed = sum.owed.plus(amount),
    }
}
