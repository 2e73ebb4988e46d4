//! The doors: HTTP, made from the kernel's tables of operations, the protocol of PostgreSQL, and listeners for MQTT. They know the
//! kernel and no engine.
//!
//! Every request to an operation takes one way: find the route, authenticate, read the body within its limits, make a
//! [`kernel::Call`], hand it to the kernel, write the reply. No handler checks rights: the kernel does. Whatever is refused
//! is answered as RFC 9457 `application/problem+json` with a stable code.
//!
//! [`router`] gives the routes, [`serve`] and [`serve_tls`] the listeners, [`probe`] the black-box check that no door
//! stands open. [`serve_postgres`] is the listener for clients of PostgreSQL, [`serve_mqtt`] that for things, whose protocol
//! somebody else knows.

mod accept;
mod answer;
mod body;
mod config;
mod connection;
mod console;
mod counted;
mod error;
mod live;
mod mqtt;
mod openapi;
mod postgres;
pub mod probe;
mod reference;
mod request;
mod route;
mod router;
mod server;
mod share;
mod sign_in;
mod unread;
mod visit;

pub use config::Config;
pub use error::Error;
pub use mqtt::{Mqtt, Peer, Protocol, Stream, serve_mqtt, turn_mqtt_away};
pub use openapi::document;
pub use postgres::{Postgres, serve_postgres, turn_postgres_away};
pub use reference::reference;
pub use route::{Line, lines};
pub use router::{Away, Options, Ready, Report, router, waiting};
pub use server::{serve, serve_tls};
pub use visit::Defect;
