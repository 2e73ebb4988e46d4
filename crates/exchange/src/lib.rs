//! Peers, offers, contracts, durable calls between units, receipts and the ledger.
//!
//! A *peer* is another unit, or an outside customer with a key. An *offer* says what a peer may call or read and at what
//! price. A *contract* over offers is signed by both. A *call* under a contract is a message that is answered when the
//! provider's process ends; each acceptance and each end is a *receipt* that the provider signs and the consumer
//! countersigns; the *ledger* is their sums. A *fetch* is what one query reads of a relation that is lent: pages at one commit of
//! the provider, each confirmed by asking for the next, one receipt where reading has a price.
//!
//! Invariants: every message is handled once and in order; what it causes is in the commit that remembers its number;
//! receipts of a contract are numbered without gaps, chained by hash, and both sides count the same.

pub mod canonical;
mod condition;
mod config;
mod consume;
mod contracts;
mod disputes;
mod engine;
mod error;
mod fetch;
mod identity;
mod keys;
mod lend;
mod lending;
mod levels;
mod lineage;
mod link;
pub mod merkle;
mod metrics;
mod operations;
mod packages;
mod peers;
mod price;
mod receipts;
mod reconcile;
mod reconciler;
mod recover;
mod relations;
mod running;
mod sender;
mod serve;
pub mod signature;
mod state;
mod terms;
pub mod wire;

pub use config::Config;
pub use engine::Exchange;
pub use error::Error;
pub use identity::{Card, Identity, KeyEntry, Root, Signed};
pub use link::{Counters, LinkCounters, Outgoing, Rest, is_outgoing};
pub use packages::{PackageSignature, PackageSpec, Stated};
pub use price::Cents;
pub use reconcile::mark_restored;
pub use reconciler::{Reconciler, Round};
pub use sender::{Commits, Done, Network, NetworkError, Pumped, Response, Sender, Submit};
pub use signature::Request;
pub use terms::{Document, OfferSpec, Term};
