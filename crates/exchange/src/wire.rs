//! What is stored and what is sent, each with a version.

use crate::canonical::canonical;
use crate::identity::{Card, Signed};
use crate::price::Cents;
use base::{Problem, Time};
use kernel::{Address, Trace};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The version of what is sent.
pub const VERSION: u32 = 1;

/// A batch of messages to a peer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The version of this form.
    pub v: u32,
    /// The unit that sends.
    pub from: String,
    /// The unit it is meant for.
    pub to: String,
    /// Up to which number the sender has handled the receiver's messages.
    pub acknowledged: u64,
    /// Which life of the sender the messages are of: each restore from a backup begins another. 0 for the first.
    #[serde(default, skip_serializing_if = "is_first_life")]
    pub incarnation: u64,
    /// The sender's card, where the receiver did not know its newest key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    /// The messages, each with its number `n`, its `kind` and its business time `at`.
    pub messages: Vec<Box<RawValue>>,
}

fn is_first_life(incarnation: &u64) -> bool {
    *incarnation == 0
}

/// An offer that a consumer wants under a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The name of the offer.
    pub name: String,
    /// The version that it must have; any where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What one unit tells another.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    /// A unit has other signing keys.
    Card {
        /// What it shows of itself now.
        card: Card,
    },
    /// A consumer asks for a contract.
    Propose {
        /// The contract's name.
        contract: String,
        /// Over what.
        offers: Vec<Wanted>,
        /// True where the consumer wants to see the document before it accepts.
        #[serde(default)]
        review: bool,
    },
    /// A provider shows the document that it would sign.
    Offer {
        /// The contract's name.
        contract: String,
        /// The document.
        document: String,
    },
    /// A consumer accepts the document that it was shown.
    Accept {
        /// The contract's name.
        contract: String,
    },
    /// A provider signs.
    Agree {
        /// The contract's name.
        contract: String,
        /// The document.
        document: String,
        /// The provider's signature over it.
        #[serde(flatten)]
        signed: Signed,
    },
    /// A consumer has checked the document and signs it too.
    Verify {
        /// The contract's name.
        contract: String,
        /// The consumer's signature over the document.
        #[serde(flatten)]
        signed: Signed,
    },
    /// A provider has checked the consumer's signature: calls may begin.
    Finalize {
        /// The contract's name.
        contract: String,
    },
    /// Either side ends a contract.
    Terminate {
        /// The contract's name.
        contract: String,
        /// Why.
        reason: String,
    },
    /// A consumer calls.
    Call {
        /// The contract's name.
        contract: String,
        /// The consumer's id of the call.
        call: String,
        /// What is called.
        capability: String,
        /// With what.
        input: Value,
    },
    /// A provider does not accept a call.
    Refused {
        /// The contract's name.
        contract: String,
        /// The call.
        call: String,
        /// Why.
        problem: Problem,
    },
    /// A provider answers.
    Answer {
        /// The contract's name.
        contract: String,
        /// The call.
        call: String,
        /// The answer.
        output: Value,
    },
    /// What a provider did for a call failed.
    Failed {
        /// The contract's name.
        contract: String,
        /// The call.
        call: String,
        /// Why.
        problem: Problem,
    },
    /// A consumer wants a call withdrawn.
    Withdraw {
        /// The contract's name.
        contract: String,
        /// The call.
        call: String,
    },
    /// A provider has withdrawn a call.
    Withdrawn {
        /// The contract's name.
        contract: String,
        /// The call.
        call: String,
        /// By whom and why.
        reason: String,
    },
    /// A consumer has read all that it wanted of a lent relation, and confirms how far that was.
    Taken {
        /// The contract's name.
        contract: String,
        /// The consumer's id of the fetch.
        fetch: String,
        /// The provider's mark of the last page that was read.
        marked: Marked,
    },
    /// A provider's receipts of one commit under one contract.
    Receipts {
        /// The contract's name.
        contract: String,
        /// The number of the first.
        first: u64,
        /// When they were signed, wall time.
        signed_at: Time,
        /// The receipts as canonical JSON.
        receipts: Vec<String>,
        /// The provider's signature over the Merkle root.
        #[serde(flatten)]
        signed: Signed,
    },
    /// A consumer countersigns receipts.
    Agreed {
        /// The contract's name.
        contract: String,
        /// The number of the first.
        first: u64,
        /// When it was signed, wall time.
        signed_at: Time,
        /// The consumer's signature over the Merkle root.
        #[serde(flatten)]
        signed: Signed,
    },
    /// A consumer does not agree with receipts.
    Disputed {
        /// The contract's name.
        contract: String,
        /// The number of the first.
        first: u64,
        /// Why not.
        reason: String,
    },
    /// A provider does not insist on receipts that are disputed.
    Waived {
        /// The contract's name.
        contract: String,
        /// The number of the first.
        first: u64,
    },
}

/// A peer as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Peer {
    /// What this unit calls it.
    pub name: String,
    /// Its card; for an outside customer one without signing keys.
    pub card: Card,
    /// Where it is reached; nothing where it polls.
    pub url: Option<String>,
    /// When it was added, wall time.
    pub added_at: Time,
}

/// On which side of a contract this unit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// It answers calls and issues receipts.
    Provider,
    /// It calls and countersigns.
    Consumer,
}

impl Side {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Consumer => "consumer",
        }
    }
}

/// The states of a contract, as the Dataspace Protocol has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The consumer has asked.
    Requested,
    /// The provider has shown a document.
    Offered,
    /// The consumer has accepted the document.
    Accepted,
    /// The provider has signed.
    Agreed,
    /// The consumer has signed.
    Verified,
    /// Both know that both have signed: calls may be made.
    Finalized,
    /// It has ended.
    Terminated,
}

impl State {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Offered => "offered",
            Self::Accepted => "accepted",
            Self::Agreed => "agreed",
            Self::Verified => "verified",
            Self::Finalized => "finalized",
            Self::Terminated => "terminated",
        }
    }
}

/// A contract as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Contract {
    /// The name, the same on both sides.
    pub name: String,
    /// The hash of the document, once there is one.
    pub id: Option<String>,
    /// On which side this unit stands.
    pub side: Side,
    /// The other unit.
    pub peer: String,
    /// The state.
    pub state: State,
    /// What the consumer asked for.
    pub wanted: Vec<Wanted>,
    /// True where the consumer wants to see the document first.
    pub review: bool,
    /// The document.
    pub document: Option<String>,
    /// The provider's signature over it.
    pub provider_signed: Option<Signed>,
    /// The consumer's signature over it.
    pub consumer_signed: Option<Signed>,
    /// At the provider: the process or relation behind each capability.
    pub serves: BTreeMap<String, String>,
    /// True once it was finalized.
    pub was_final: bool,
    /// Why it ended.
    pub reason: Option<String>,
    /// When the state changed, wall time.
    pub changed_at: Time,
}

/// What is known of a call that is not settled yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// At the provider: received, and not yet decided upon.
    Received,
    /// On its way, or being worked on.
    Open,
    /// At the consumer: the provider was asked to withdraw it.
    Withdrawing,
    /// Answered.
    Answered,
    /// The provider's work failed.
    Failed,
    /// Withdrawn before the answer.
    Withdrawn,
    /// Not accepted.
    Refused,
}

impl CallState {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Open => "open",
            Self::Withdrawing => "withdrawing",
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Withdrawn => "withdrawn",
            Self::Refused => "refused",
        }
    }

    /// Returns whether the call still waits for its answer.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Received | Self::Open | Self::Withdrawing)
    }
}

/// A call that is not settled yet, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallRecord {
    /// The contract's name.
    pub contract: String,
    /// The consumer's id of the call.
    pub call: String,
    /// What is called.
    pub capability: String,
    /// The state.
    pub state: CallState,
    /// The input, as long as a price may depend on it.
    pub input: Value,
    /// When it was made, business time.
    pub at: Time,
    /// Who made it.
    pub actor: String,
    /// At the consumer: where the answer goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Address>,
    /// At the provider: when a withdrawal came before the decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdraw: Option<Time>,
    /// At the consumer: what the receipt of the acceptance must say.
    #[serde(default)]
    pub accept: Cents,
    /// At the consumer: what the receipt of the end must say.
    #[serde(default)]
    pub close: Cents,
    /// At the consumer: whether the receipt of the acceptance was seen. At the provider: whether it was issued before a backup was
    /// restored that does not know of it.
    #[serde(default)]
    pub is_accepted: bool,
    /// When it ended, business time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Time>,
    /// At the consumer: the answer, kept for a caller who cannot be told it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// At the consumer: whether the answer is kept.
    #[serde(default)]
    pub is_kept: bool,
    /// The trace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// At the consumer: the number of the message with which it was made; 0 where that is not known.
    #[serde(default)]
    pub number: u64,
    /// At the consumer: for a call of a life before, what it was made with, as [`crate::restore::claim::digest`] has it. Nobody waits for
    /// its answer until the same call is made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
}

/// A call that is settled: a row of the log `system/calls`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallRow {
    /// The contract's name.
    pub contract: String,
    /// The call's id.
    pub call: String,
    /// What was called.
    pub capability: String,
    /// On which side this unit stood.
    pub side: Side,
    /// How it ended.
    pub state: CallState,
    /// When it was made, business time.
    pub at: Time,
    /// When it ended, business time.
    pub closed_at: Option<Time>,
    /// Who made it.
    pub actor: String,
    /// The answer, or the problem, where the caller could not be told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// How far a fetch has come, up to and with a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The version of this form.
    pub v: u32,
    /// The contract's id.
    pub contract: String,
    /// The consumer's id of the fetch.
    pub fetch: String,
    /// What is lent.
    pub offer: String,
    /// What the provider has named the fetch: an id of the consumer's may come again.
    pub opening: String,
    /// How many pages were sent.
    pub pages: u64,
    /// How many rows were in them.
    pub rows: u64,
    /// How many bytes they had.
    pub bytes: u64,
    /// When it was signed, wall time.
    pub signed_at: Time,
}

impl Mark {
    /// Returns the bytes that the provider signs.
    pub(crate) fn statement(&self) -> Vec<u8> {
        let Self { v, contract, fetch, offer, opening, pages, rows, bytes, signed_at } = self;
        canonical(&json!({
            "type": "craton/mark", "v": v, "contract": contract, "fetch": fetch, "offer": offer,
            "opening": opening, "pages": pages, "rows": rows, "bytes": bytes, "signed_at": signed_at,
        }))
    }
}

/// A mark with the provider's signature: what a consumer shows to go on, and to confirm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marked {
    /// The mark.
    pub mark: Mark,
    /// The signature.
    pub signed: Signed,
}

/// What a consumer asks of a lent relation: at first what it wants, then the next page behind a mark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fetch {
    /// The version of this form.
    pub v: u32,
    /// The consumer's id of the fetch.
    pub fetch: String,
    /// What is lent.
    pub offer: String,
    /// When the query runs, business time.
    pub at: Time,
    /// The columns that are wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Which rows are wanted, see [`crate::condition`].
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Value>,
    /// How many rows are enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The mark of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marked: Option<Marked>,
}

/// What stands before the rows of a page, as a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PageHead {
    /// The version of this form.
    pub v: u32,
    /// Whether it is the last page.
    pub is_last: bool,
    /// The provider's commit at which the rows stood: the same for all pages.
    pub commit: u64,
    /// How far the fetch has come with this page.
    pub marked: Marked,
}

/// What is known of a fetch that is not settled yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchState {
    /// Pages are being read.
    Open,
    /// At the consumer: all is read, and the provider's receipt is not there yet.
    Taken,
    /// Settled.
    Read,
    /// Settled without a receipt: the provider had closed it before.
    Refused,
}

impl FetchState {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Taken => "taken",
            Self::Read => "read",
            Self::Refused => "refused",
        }
    }
}

/// A fetch that is not settled yet, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FetchRecord {
    /// The contract's name.
    pub contract: String,
    /// The consumer's id of the fetch.
    pub fetch: String,
    /// What is lent.
    pub offer: String,
    /// When the query ran, business time of the consumer.
    pub at: Time,
    /// Who reads.
    pub actor: String,
    /// Confirmed pages.
    pub pages: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// When something last happened to it, wall time.
    pub touched_at: Time,
    /// What the provider has named it.
    pub opening: String,
    /// At the consumer: the mark of the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marked: Option<Marked>,
    /// At the consumer: the process that reads, so that a later one knows what it has to close.
    #[serde(default)]
    pub session: u64,
}

/// A fetch that is settled: a row of the log `system/fetches`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FetchRow {
    /// The contract's name.
    pub contract: String,
    /// The consumer's id of the fetch.
    pub fetch: String,
    /// What was lent.
    pub offer: String,
    /// On which side this unit stood.
    pub side: Side,
    /// How it ended.
    pub state: FetchState,
    /// When the query ran, business time of the consumer.
    pub at: Time,
    /// Who read.
    pub actor: String,
    /// Confirmed pages.
    pub pages: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What is owed for it, two decimals.
    pub amount: String,
    /// In which currency, ISO 4217.
    pub currency: String,
}

/// What was read of a lent relation under a contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    /// Settled fetches.
    pub reads: u64,
    /// Confirmed rows.
    pub rows: u64,
    /// Bytes of the confirmed pages.
    pub bytes: u64,
}

/// What a receipt is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The provider has accepted a call.
    Accepted,
    /// The provider has answered it.
    Answered,
    /// It was withdrawn before the answer.
    Withdrawn,
    /// The provider's work failed.
    Failed,
    /// The consumer has read rows of a lent relation.
    Read,
}

impl Event {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Answered => "answered",
            Self::Withdrawn => "withdrawn",
            Self::Failed => "failed",
            Self::Read => "read",
        }
    }
}

/// A receipt. What is signed is its canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The version of this form: 2 for what was read, 1 for all else.
    pub v: u32,
    /// The contract's id.
    pub contract: String,
    /// Gap-free within the contract, from 1.
    pub number: u64,
    /// The hash of the receipt before; empty for the first.
    pub previous: String,
    /// What was called.
    pub capability: String,
    /// The call.
    pub call: String,
    /// What happened.
    pub event: Event,
    /// When, business time.
    pub at: Time,
    /// What is owed for it, two decimals.
    pub amount: String,
    /// In which currency, ISO 4217.
    pub currency: String,
    /// How many rows were read, where something was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// In how many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// Receipts under one signature, as they are stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Batch {
    /// The number of the first.
    pub first: u64,
    /// When they were signed, wall time.
    pub signed_at: Time,
    /// The provider's signature over the root.
    pub signed: Signed,
    /// The receipts as canonical JSON.
    pub receipts: Vec<String>,
}

/// What became of a batch, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Settlement {
    /// The consumer has countersigned.
    Agreed {
        /// When, wall time.
        signed_at: Time,
        /// The consumer's signature over the root.
        signed: Signed,
    },
    /// The consumer does not agree.
    Disputed {
        /// Why.
        reason: String,
    },
    /// The consumer did not agree, and the provider does not insist.
    Waived {
        /// When this unit has written that down, wall time.
        at: Time,
    },
}

/// Where the chain of a contract's receipts stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Chain {
    /// The number of the last receipt.
    pub number: u64,
    /// Its hash.
    pub hash: String,
}

/// The running sums of a capability under a contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Accepted calls.
    pub calls: u64,
    /// Answered ones.
    pub answered: u64,
    /// Withdrawn ones.
    pub cancelled: u64,
    /// Failed ones.
    pub failed: u64,
    /// What is owed, disputed receipts left out.
    pub owed: Cents,
    /// What both have signed of it.
    pub agreed: Cents,
    /// What is disputed.
    pub disputed: Cents,
}

impl Sum {
    /// Returns the calls that are accepted and not at their end.
    pub fn open(&self) -> u64 {
        self.calls.saturating_sub(self.answered + self.cancelled + self.failed)
    }
}
