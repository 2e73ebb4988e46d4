//! The HTTP door seen from outside.
#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod browser;
mod documents;
mod doors;
mod limits;
mod requests;
mod support;
mod tls;
