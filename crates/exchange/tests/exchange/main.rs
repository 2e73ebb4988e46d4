//! Units that deal with each other, in one thread, on simulated clocks, stores and network.

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
