//! Why the exchange refuses or fails.

use base::{Code, Explain, Kind, Place};

/// Why the exchange refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such peer.
    #[error("peer `{peer}` is not known")]
    PeerNotFound {
        /// Name or unit.
        peer: String,
    },
    /// The name or the unit is taken.
    #[error("there is a peer `{peer}` already")]
    PeerExists {
        /// The name.
        peer: String,
    },
    /// A card that does not prove what it says.
    #[error("the card is wrong: {reason}")]
    Card {
        /// What is wrong.
        reason: String,
    },
    /// A signing key that cannot be made or ended so.
    #[error("the key is refused: {reason}")]
    Key {
        /// Why.
        reason: String,
    },
    /// No such signing key.
    #[error("this unit has no signing key {number}")]
    KeyNotFound {
        /// The number.
        number: u64,
    },
    /// An offer that cannot work.
    #[error("the offer is wrong: {reason}")]
    Offer {
        /// What is wrong.
        reason: String,
        /// Where.
        pointer: String,
    },
    /// Unknown, or not offered to this peer: the two look alike.
    #[error("there is no offer `{offer}`")]
    OfferNotFound {
        /// The name.
        offer: String,
    },
    /// A price formula that gives no price.
    #[error("the price `{formula}` cannot be calculated: {reason}")]
    Price {
        /// The formula.
        formula: String,
        /// Why not.
        reason: String,
    },
    /// No such contract.
    #[error("there is no contract `{contract}`")]
    ContractNotFound {
        /// The name.
        contract: String,
    },
    /// The name is taken.
    #[error("there is a contract `{contract}` already")]
    ContractExists {
        /// The name.
        contract: String,
    },
    /// The state of the contract does not allow it.
    #[error("contract `{contract}` is {state}; {wanted}")]
    State {
        /// The name.
        contract: String,
        /// Its state.
        state: String,
        /// What would be needed.
        wanted: &'static str,
    },
    /// The contract has ended.
    #[error("contract `{contract}` has ended: {reason}")]
    Terminated {
        /// The name.
        contract: String,
        /// Why.
        reason: String,
    },
    /// The contract does not cover this.
    #[error("contract `{contract}` does not cover `{capability}`")]
    Capability {
        /// The name.
        contract: String,
        /// What was asked for.
        capability: String,
        /// The nearest that it covers.
        nearest: Option<String>,
    },
    /// Input or output that does not fit the contract.
    #[error("{reason}")]
    Input {
        /// What does not fit.
        reason: String,
        /// Where.
        pointer: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// A process ended without what the contract promises.
    #[error("the answer lacks `{field}` of type {field_type}")]
    Output {
        /// What is missing.
        field: String,
        /// Its type.
        field_type: String,
    },
    /// Receipts wait too long for the consumer's signature.
    #[error("contract `{contract}` is paused: receipts since {since} are not countersigned")]
    Paused {
        /// The name.
        contract: String,
        /// The time of the oldest.
        since: String,
    },
    /// An agreement that is not what was asked for, or is not signed as it should be.
    #[error("the agreement is wrong: {reason}")]
    Document {
        /// What is wrong.
        reason: String,
    },
    /// No such call, or it is closed.
    #[error("there is no open call `{call}` under contract `{contract}`")]
    CallNotFound {
        /// The contract.
        contract: String,
        /// The call.
        call: String,
    },
    /// The call was withdrawn.
    #[error("the call was withdrawn: {reason}")]
    Withdrawn {
        /// By whom and why.
        reason: String,
    },
    /// What is lent is not what was agreed any more.
    #[error("contract `{contract}` cannot be kept for `{offer}`: {reason}")]
    Version {
        /// The contract.
        contract: String,
        /// What is lent.
        offer: String,
        /// What has changed.
        reason: String,
    },
    /// What is lent cannot be read now.
    #[error("`{offer}` cannot be read: {reason}")]
    Lent {
        /// What is lent.
        offer: String,
        /// Why not, as far as the peer may know it.
        reason: &'static str,
    },
    /// A signature that is missing, forged, or over something else.
    #[error("the signature is refused: {reason}")]
    Signature {
        /// Why.
        reason: String,
    },
    /// A package whose signature does not prove what it says.
    #[error("the signature of the package is refused: {reason}")]
    Package {
        /// Why.
        reason: String,
    },
    /// A signature that is too old, from the future, or was used before.
    #[error("the signature is not fresh: {reason}")]
    Stale {
        /// Why.
        reason: String,
    },
    /// A message that cannot be read.
    #[error("the message is wrong: {reason}")]
    Envelope {
        /// What is wrong.
        reason: String,
    },
    /// A limit was reached.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// A peer does not answer, or not as it should.
    #[error("peer `{peer}` could not be reached: {reason}")]
    Unreachable {
        /// The name.
        peer: String,
        /// What the network said.
        reason: String,
    },
    /// The unit was restored from a backup and is still asking its peers what it has lost.
    #[error("the unit was restored from a backup and asks its peers what it has lost")]
    Reconciling,
    /// It is not known yet what this peer holds that this unit has lost.
    #[error("`{peer}` was not asked yet what it holds that this unit has lost")]
    Unreconciled {
        /// The peer.
        peer: String,
    },
    /// Messages of a life of the peer that has ended, or that was not told of.
    #[error("the messages are of life {found} of the unit, and it is in {known}")]
    Incarnation {
        /// Of which life they are.
        found: u64,
        /// The life that is known.
        known: u64,
    },
    /// What two units hold contradicts each other.
    #[error("what the peer holds does not go on from what is here: {reason}")]
    Irreconcilable {
        /// What contradicts what.
        reason: String,
    },
    /// An answer that nobody has any more.
    #[error("the answer to call `{call}` was lost when the unit was restored")]
    Lost {
        /// The call.
        call: String,
    },
    /// No such receipt.
    #[error("there is no receipt {number} under contract `{contract}`")]
    ReceiptNotFound {
        /// The contract.
        contract: String,
        /// The number.
        number: u64,
    },
    /// A defect.
    #[error("something went wrong inside: {detail}")]
    Internal {
        /// For the log.
        detail: String,
    },
}

impl Error {
    /// Returns the error of a stored or sent form that cannot be read or written.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal { detail: error.to_string() }
    }
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::PeerNotFound { .. } => Code("peer.not_found", Kind::NotFound),
            Self::PeerExists { .. } => Code("peer.exists", Kind::Conflict),
            Self::Card { .. } => Code("peer.card", Kind::Invalid),
            Self::Key { .. } => Code("key.invalid", Kind::Conflict),
            Self::KeyNotFound { .. } => Code("key.not_found", Kind::NotFound),
            Self::Offer { .. } => Code("offer.invalid", Kind::Invalid),
            Self::OfferNotFound { .. } => Code("offer.not_found", Kind::NotFound),
            Self::Price { .. } => Code("offer.price", Kind::Invalid),
            Self::ContractNotFound { .. } => Code("contract.not_found", Kind::NotFound),
            Self::ContractExists { .. } => Code("contract.exists", Kind::Conflict),
            Self::State { .. } => Code("contract.state", Kind::Conflict),
            Self::Terminated { .. } => Code("contract.terminated", Kind::Conflict),
            Self::Capability { .. } => Code("contract.capability", Kind::NotFound),
            Self::Input { .. } => Code("contract.input", Kind::Invalid),
            Self::Output { .. } => Code("contract.output", Kind::Conflict),
            Self::Paused { .. } => Code("contract.paused", Kind::Conflict),
            Self::Document { .. } => Code("contract.document", Kind::Invalid),
            Self::CallNotFound { .. } => Code("contract.call_not_found", Kind::NotFound),
            Self::Withdrawn { .. } => Code("contract.withdrawn", Kind::Conflict),
            Self::Version { .. } => Code("contract.version", Kind::Conflict),
            Self::Lent { .. } => Code("contract.lent", Kind::Unavailable),
            Self::Signature { .. } => Code("exchange.signature", Kind::Unauthenticated),
            Self::Package { .. } => Code("package.signature", Kind::Invalid),
            Self::Stale { .. } => Code("exchange.stale", Kind::Unauthenticated),
            Self::Envelope { .. } => Code("exchange.envelope", Kind::Invalid),
            Self::Limit { .. } => Code("exchange.limit", Kind::Exhausted),
            Self::Unreachable { .. } => Code("exchange.unreachable", Kind::Unavailable),
            Self::Reconciling => Code("unit.reconciling", Kind::Unavailable),
            Self::Unreconciled { .. } => Code("exchange.unreconciled", Kind::Unavailable),
            Self::Incarnation { .. } => Code("exchange.incarnation", Kind::Conflict),
            Self::Irreconcilable { .. } => Code("exchange.irreconcilable", Kind::Conflict),
            Self::Lost { .. } => Code("contract.lost", Kind::Conflict),
            Self::ReceiptNotFound { .. } => Code("receipt.not_found", Kind::NotFound),
            Self::Internal { .. } => Code("exchange.internal", Kind::Internal),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::PeerNotFound { .. } => {
                "`craton peer list` shows the peers; `craton peer add` adds one"
            }
            Self::PeerExists { .. } => "remove it first, or choose another name",
            Self::Card { .. } => {
                "take the card again from `GET /v1/exchange/card` of the other unit"
            }
            Self::Key { .. } | Self::KeyNotFound { .. } => {
                "`craton key list` shows the keys; docs/guides/keys.md says how they are changed"
            }
            Self::OfferNotFound { .. } => "`craton offer list` shows the offers",
            Self::Price { .. } => {
                "correct the formula in the offer, or the input it is calculated from"
            }
            Self::ContractNotFound { .. } => "`craton contract list` shows the contracts",
            Self::ContractExists { .. } => {
                "choose another name; a contract that has ended keeps its name"
            }
            Self::Terminated { .. } => "propose a new contract",
            Self::Output { .. } => {
                "the provider's process must set it, or the offer must not promise it"
            }
            Self::Paused { .. } => {
                "the consumer's unit must be running, and look at `craton contract disputes`"
            }
            Self::CallNotFound { .. } => {
                "it may have been answered: see `contract.calls`; repeat a query"
            }
            Self::Version { .. } => "propose a new contract over the offer as it is now",
            Self::Lent { .. } => {
                "repeat the query later; the log `system/faults` of the provider has the reason"
            }
            Self::Signature { .. } => {
                "sign method, path and content-digest as docs/guides/outside-customer.md shows"
            }
            Self::Package { .. } => {
                "take the package again from who made it; install nothing that does not prove itself"
            }
            Self::Stale { .. } => "sign the request again with a new nonce and the time of now",
            Self::Limit { .. } => {
                "wait until some of it is done, or raise the limit in the configuration"
            }
            Self::Unreachable { .. } => {
                "it is tried again; `craton peer list` shows the last problem"
            }
            Self::Reconciling => {
                "wait; `craton reconcile status` shows which peer is waited for, `craton reconcile skip` goes on without it"
            }
            Self::Unreconciled { .. } => {
                "it is tried again and again; `craton reconcile status` shows the last problem"
            }
            Self::Incarnation { .. } => {
                "the unit that was restored must ask first: `craton reconcile status` there"
            }
            Self::Irreconcilable { .. } => {
                "compare `craton contract get` and the receipts of both units; end the contract and propose a new one"
            }
            Self::Lost { .. } => "ask the people of the other unit, or make the call again",
            Self::Capability { nearest, .. } => {
                return nearest.as_ref().map(|nearest| format!("did you mean `{nearest}`?"));
            }
            Self::Input { hint, .. } => return hint.clone(),
            _ => return None,
        };
        Some(hint.into())
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Offer { pointer, .. } | Self::Input { pointer, .. } => {
                Some(Place::pointer(pointer))
            }
            _ => None,
        }
    }
}
