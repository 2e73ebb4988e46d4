//! The door for clients of PostgreSQL: its protocol, version 3.
//!
//! The door speaks the protocol and knows the kernel. Every statement that asks something is a call of `sql.query` or
//! `sql.describe` as whoever the token belongs to at that moment; its rows are sent on as they come. What a session says to itself
//! (transactions, settings, cursors) is answered here. Nothing is changed by anything that is said here.
//!
//! The messages are read and written here and not by a library: what a stranger sends may be anything, and must neither be able to
//! end a thread nor to ask for memory.

mod calendar;
mod cancel;
mod copy;
mod decode;
mod encode;
mod error;
mod extended;
mod json;
mod rows;
mod scram;
mod serve;
mod session;
mod settings;
mod sqlstate;
mod standby;
mod statement;
mod types;
mod wire;

pub(crate) use error::Error;
pub use serve::{Postgres, serve_postgres};
pub use standby::turn_postgres_away;
