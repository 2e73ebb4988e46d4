//! Things: what the unit's hardware is, says, and is told.
//!
//! A *device* is a resource and a principal at once: it reports in under its own name and reaches nothing but what is its own. Its *type*
//! says what it reports (properties, telemetry, events) and what it can be told (commands). What it says becomes rows of streams, which
//! the type appends under its roles; its *twin* is what it has reported last and what is desired of it, with their versions. *Rules* watch
//! streams and act once for each crossing. Whoever speaks MQTT has a *session*, whose queue is a cursor over one log.
//!
//! Invariants: what was acknowledged is in a commit; a device has no right on any stream; every index key and every credential belongs to
//! a device that is declared; what a rule has crossed, its state and its cursor are one commit.
//!
//! | files | subject |
//! |---|---|
//! | `registry/` | types and devices, groups, places, credentials, lists |
//! | `twin/` | what was reported and is desired, versions of both, events of a device |
//! | `publish/` | the hot path: what devices and clients say becomes rows, twins, messages |
//! | `commands/`, `presence` | what devices are told, and whether they are there |
//! | `rules/` | conditions over streams with a memory for each device, and what is done at a crossing |
//! | `mqtt/` | packets, and the machine of one connection; no I/O |
//! | `broker/` | topics, subscriptions, sessions, retained messages, wills, shared subscriptions, the log of messages |
//! | `door/`, `client` | connections of clients over any stream of bytes; a small client that waits |
//! | `relations`, `lineage`, `metrics`, `live`, `running`, `verify` | what SQL, `craton lineage`, `/metrics`, live views, `craton ps` and `craton verify` see |
//! | `engine`, `operations`, `config`, `error`, `wire`, `key` | the fleet as the kernel sees it, what can be done with it, its limits, why it refuses, what is stored and where |
//! | `faults` | one item among many that cannot be worked on keeps no other waiting |

pub mod broker;
pub mod client;
pub mod commands;
pub mod door;
pub mod mqtt;
pub mod publish;
pub mod rules;

mod config;
mod engine;
mod error;
mod faults;
mod key;
mod lineage;
mod live;
mod metrics;
mod operations;
mod presence;
mod registry;
mod relations;
mod running;
mod twin;
mod verify;
mod wire;

pub use config::Config;
pub use engine::Fleet;
pub use error::Error;
