//! The fleet over the whole kernel path, on a store in memory: what it promises to devices, and to those who answer for them.

mod broker;
mod commands;
mod publish;
mod registry;
mod twin;
#[allow(dead_code, reason = "the tests of rules need the rest")]
mod world;
