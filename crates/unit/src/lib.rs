//! Assembly: a unit's folder, its start and stop, and the threads that work in the background. The only crate that knows
//! every engine.

mod agent;
mod agents;
mod assembly;
mod background;
pub mod backup;
mod bell;
mod config;
mod error;
mod fetch;
mod files;
mod health;
mod host;
mod init;
mod logging;
mod mask;
mod network;
mod node;
mod otlp;
mod package;
mod providers;
mod root;
mod run;
mod secret_key;
mod settled;
mod sight;
mod standby;
mod stored;
mod support;
mod telemetry;
mod tls;
mod upgrade;
mod usage;
mod worker;

pub use agent::{Reach, Trust, agent};
pub use config::{Clock, Config, SecretKeyConfig, Tls};
pub use error::Error;
pub use init::{Database, Made, Options, init};
pub use logging::{LogFormat, LogLevel};
pub use package::{AskedPolicy, PackageSignature, Stated, asked_policies};
pub use root::{sign_key, take_root};
pub use run::{Start, kernel_of, run, verify};
pub use secret_key::Source;
pub use store::{Blobs, FileBlobs, put_in_place, sync_name};
pub use upgrade::{Upgrade, Upgraded, upgrade};
pub use worker::serve as worker;
