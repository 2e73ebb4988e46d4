//! The door of PostgreSQL seen from outside, in bytes.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod bytes;
mod protocol;
mod support;
