//! Assembly: a unit's folder, its start and stop, and the threads that work in the background. The only crate that knows
//! every engine.

mod agent;
mod assembly;
mod config;
mod error;
mod fetch;
mod files;
mod init;
mod network;
mod package;
mod rest;
mod root;
mod run;
mod secret_key;
mod tls;
mod usage;
mod worker;

pub use agent::agent;
pub use config::{Clock, Config, SecretKeyConfig};
pub use error::Error;
pub use init::{Made, Options, init};
pub use package::{AskedPolicy, PackageSignature, Stated, asked_policies};
pub use root::{sign_key, take_root};
pub use run::{run, verify};
pub use secret_key::Source;
pub use worker::serve as worker;
