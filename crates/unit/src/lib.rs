//! Assembly: a unit's folder, its start and stop, and the threads that work in the background. The only crate that knows
//! every engine.

mod agent;
mod assembly;
pub mod backup;
mod config;
mod error;
mod files;
mod init;
mod network;
mod rest;
mod run;
mod tls;
mod upgrade;
mod usage;
mod worker;

pub use agent::agent;
pub use config::{Clock, Config};
pub use error::Error;
pub use init::{Made, Options, init};
pub use run::{Start, run, verify};
pub use upgrade::{Upgrade, Upgraded, upgrade};
pub use worker::serve as worker;
