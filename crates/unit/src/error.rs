//! Why a unit cannot be made, started or checked.

use base::{Code, Explain, Kind, Place};
use std::path::PathBuf;

/// Why a unit cannot be made, started or checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("`{}` cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration is wrong.
    #[error("the configuration is wrong: {message}")]
    Config {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// There is a unit already.
    #[error("`{}` holds a unit already", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// An address cannot be listened on.
    #[error("`{address}` cannot be listened on")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The plain HTTP door may stand on loopback only.
    #[error("`{address}` is not on loopback")]
    NotLoopback {
        /// Which.
        address: String,
    },
    /// The unit does not take requests at the moment.
    #[error("the unit is not ready: {parts}")]
    NotReady {
        /// Which parts are not.
        parts: String,
    },
    /// Where spans are to be sent is no address.
    #[error("spans cannot be sent to `{address}`")]
    Endpoint {
        /// As configured.
        address: String,
    },
    /// A support bundle cannot be made.
    #[error("the support bundle could not be made")]
    Support {
        /// Why.
        source: std::io::Error,
    },
    /// A key or certificate cannot be made or read.
    #[error("the key or certificate is wrong: {reason}")]
    Key {
        /// What is wrong.
        reason: String,
    },
    /// Another node does the unit's work.
    #[error("this node stands by: {reason}")]
    Standby {
        /// Who holds the store, or why it cannot be had.
        reason: String,
    },
    /// A decision or script took too long or too much memory.
    #[error("the evaluation was ended: {reason}")]
    Ended {
        /// Why.
        reason: String,
    },
    /// The system gives no thread or process.
    #[error("the system gives no {what}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::File { .. } => Code("unit.file", Kind::Unavailable),
            Self::Config { .. } => Code("unit.config", Kind::Invalid),
            Self::Exists { .. } => Code("unit.exists", Kind::Conflict),
            Self::Listen { .. } => Code("unit.listen", Kind::Conflict),
            Self::NotLoopback { .. } => Code("unit.not_loopback", Kind::Invalid),
            Self::NotReady { .. } => Code("unit.not_ready", Kind::Unavailable),
            Self::Endpoint { .. } => Code("unit.endpoint", Kind::Invalid),
            Self::Support { .. } => Code("unit.support", Kind::Unavailable),
            Self::Key { .. } => Code("unit.key", Kind::Invalid),
            Self::Standby { .. } => Code("unit.standby", Kind::Unavailable),
            Self::Ended { .. } => Code("decision.ended", Kind::Exhausted),
            Self::System { .. } => Code("unit.system", Kind::Unavailable),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Config { hint, .. } => hint.clone(),
            Self::Exists { .. } => Some("choose another folder, or `craton up` this one".into()),
            Self::Listen { .. } => {
                Some("stop what listens there, or change the address in `unit.toml`".into())
            }
            Self::NotLoopback { .. } => Some(
                "plain HTTP stays on 127.0.0.1; people from elsewhere come in by TLS at `listen_https`, \
                 other units at `listen_peers`"
                    .into(),
            ),
            Self::NotReady { .. } => Some(
                "repeat it in a moment; `docs/guides/observe.md` says what each part means".into(),
            ),
            Self::Endpoint { .. } => {
                Some("write `trace_endpoint = \"http://127.0.0.1:4318/v1/traces\"`".into())
            }
            Self::Standby { .. } => {
                Some("ask the node that is ready; this one takes over when that one is gone".into())
            }
            Self::Ended { .. } => {
                Some("make the expression smaller, or raise `decision_ms_max`".into())
            }
            _ => None,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Config { path, line, column, .. } => {
                let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                Some(
                    Place::line(number(*line), number(*column)).in_file(path.display().to_string()),
                )
            }
            _ => None,
        }
    }
}
