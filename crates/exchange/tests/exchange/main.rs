//! Units that deal with each other, in one thread, on simulated clocks, stores and network.

#![expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]

mod calls;
mod contracts;
mod doors;
mod keys;
mod lending;
mod packages;
mod receipts;
mod restore;
mod simulation;
mod threads;
mod world;
