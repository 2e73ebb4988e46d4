//! After a restore: what a unit has to know of its peers before it goes on, and what a peer tells it.
//!
//! A backup is old. What the unit did after it is gone here, and its peers still hold their half of it. So a restored unit begins
//! another *life*, by a number that its messages carry, and asks each peer what it holds before it deals with it again. Nothing is
//! repeated from messages, which are gone on both sides once they were acknowledged; what counts is what a peer holds: contracts,
//! receipts with both signatures, calls that wait, and for some time the answers that it gave. A peer that tells drops what waits in
//! its outbox for the unit: what it tells stands for all of it.
//!
//! Invariants: with a peer that was not asked no message is exchanged, no receipt signed and no contract changed; what a peer has
//! told is taken in any number of commits, each of which may be repeated; the last one lets messages through again.
//!
//! | file | role |
//! |---|---|
//! | `stage` | in which life the unit is, and how far it is with each peer |
//! | `closed` | what it admits meanwhile, what its owner sees and may skip |
//! | `ask` | the thread that asks the peers, one after the other |
//! | `told` | the forms of what is asked and told |
//! | `tell` | the peer's side, which answers |
//! | `answers` | how calls have ended, kept by the peer for who may lose it |
//! | `take` | what was told is taken back, step by step; `take/consumer` and `take/provider` for each side of a contract |
//! | `claim` | calls of a life before are given to whoever makes them again |
//! | `held` | results that wait until it is known what the consumer holds |
//!
//! | key, letter `h` | value |
//! |---|---|
//! | `restored` | [`stage::Restored`], where this unit is not in its first life |
//! | `reconcile`, unit | [`stage::Reconciliation`] |
//! | `incarnation`, unit | the life in which a peer is; none for the first |
//! | `lost`, contract, digest, call | [`claim::Lost`]: a call of a life before that nobody has asked for again |
//! | `held`, unit, number | [`held::Held`]: a result for which the consumer's answer is awaited |

mod answers;
mod ask;
mod claim;
mod closed;
mod held;
mod stage;
mod take;
mod tell;
mod told;

pub(crate) use answers::{End, Made, Outcome, forget_answers};
pub use ask::{Reconciler, Round};
pub(crate) use claim::{call_id, claim, keep_result, unclaimed};
pub(crate) use held::hold;
pub use stage::mark_restored;
pub(crate) use stage::{
    expect_reconciled, follow_life, incarnation, is_reconciled, meet, reconciliations,
};
