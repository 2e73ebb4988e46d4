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
//!
//! | files | subject |
//! |---|---|
//! | `identity`, `keys`, `signature`, `canonical`, `merkle` | who a unit is: its keys and their rotation, signed requests, JSON in the one form that is signed, roots over many receipts |
//! | `peers`, `terms`, `contracts` | who is known; what is offered and what was agreed; the life of a contract |
//! | `consume`, `serve` | calls: the consumer's side, the provider's side |
//! | `lend`, `lending`, `fetch`, `condition` | lent relations: in the catalogues of both sides, the provider's pages, the consumer's reading, conditions on rows |
//! | `price`, `receipts`, `disputes` | what it costs, what was done and is owed, what the two sides do not agree about |
//! | `link`, `sender` | messages, numbered and each handled once; the threads that send them |
//! | `restore/` | after a restore: what peers tell a unit of what it has lost; the files are listed there |
//! | `packages` | what a unit signs of an application, and remembers of one that it installed |
//! | `state`, `wire` | the keys in the store; what is stored and what is sent |
//! | `relations`, `lineage`, `levels`, `metrics` | what SQL, `craton lineage`, service levels and `/metrics` see |
//! | `engine`, `operations`, `config`, `error` | the exchange as the kernel sees it, what can be done with it, its limits, why it refuses |

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
mod live;
pub mod merkle;
mod metrics;
mod operations;
mod packages;
mod peers;
mod price;
mod receipts;
mod relations;
mod restore;
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
pub use restore::{Reconciler, Round, mark_restored};
pub use sender::{Commits, Done, Network, NetworkError, Pumped, Response, Sender, Submit};
pub use signature::Request;
pub use terms::{Document, OfferSpec, Term};
