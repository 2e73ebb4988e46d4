//! Assembly: a unit's folder, its start and stop, and the threads that work in the background. The only crate that knows
//! every engine.

mod agent;
mod assembly;
mod config;
mod error;
mod files;
mod init;
mod network;
mod rest;
mod run;
mod standby;
mod stored;
mod tls;
mod usage;
mod worker;

pub use agent::agent;
pub use config::{Clock, Config};
pub use error::Error;
pub use init::{Database, Made, Options, init};
pub use run::{run, verify};
pub use worker::serve as worker;
