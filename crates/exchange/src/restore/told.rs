//! What a restored unit asks, and what a peer tells it: the forms, as they are sent.

use crate::identity::Card;
use crate::price::Cents;
use crate::wire::{Batch, CallState, Chain, Contract, FetchRecord, Meter, Settlement};
use base::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The version of what is asked and told.
pub(crate) const RECONCILE: u32 = 1;

/// What a restored unit asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// The version of this form.
    pub v: u32,
    /// In which life it is.
    pub incarnation: u64,
    /// The last message of the peer that it has handled.
    pub received: u64,
    /// The last message to the peer that it knows.
    pub sent: u64,
}

/// What a peer holds of its dealings with a restored unit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The version of this form.
    pub v: u32,
    /// The last message that the peer has sent: all that it has told by then is in here.
    pub sent: u64,
    /// The last message of the restored unit that the peer has handled.
    pub received: u64,
    /// Where the log of its answers ends.
    pub answers: u64,
    /// The contracts.
    pub contracts: Vec<ToldContract>,
    /// Who the peer is, with its keys of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    /// What the peer knows of the restored unit's keys: some may have come after the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asker: Option<Card>,
}

/// What a peer holds of a contract.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ToldContract {
    /// The contract, from the peer's side.
    pub contract: Contract,
    /// Where the receipts stand that are signed.
    pub chain: Chain,
    /// The calls that are not settled.
    pub calls: Vec<ToldCall>,
    /// The fetches that are not settled.
    pub fetches: Vec<ToldFetch>,
    /// What was read of lent relations, by offer.
    pub meters: BTreeMap<String, Meter>,
}

/// A call that is not settled, as a peer holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ToldCall {
    pub call: String,
    pub capability: String,
    pub state: CallState,
    pub input: Value,
    pub at: Time,
    /// At the consumer: the number of the message with which it was made.
    pub number: u64,
    /// Whether there is a receipt for its acceptance.
    pub is_accepted: bool,
    pub closed_at: Option<Time>,
    /// At the consumer: what the receipts of its acceptance and of its end must say.
    pub accept: Cents,
    pub close: Cents,
}

/// A fetch that is not settled, as a peer holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ToldFetch {
    pub record: FetchRecord,
    /// At the consumer: whether all of it was read, and its receipt is awaited.
    pub is_taken: bool,
}

/// Receipts under one signature, and what became of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ToldBatch {
    pub batch: Batch,
    pub settlement: Option<Settlement>,
}

/// A page of receipts or of answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins: a place in the log of answers; of receipts the number of the last one, or that from which the page
    /// began where there is none.
    pub next: u64,
}
