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
    /// A file that a unit must have is missing.
    #[error("`{}` is missing", path.display())]
    NoFile {
        /// Which.
        path: PathBuf,
    },
    /// A file of a backup is not what it was.
    #[error("`{file}` of the backup is damaged: {reason}")]
    Damaged {
        /// Which, in the folder of the backups.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The newest backup cannot be restored, so that the older ones stay.
    #[error("no backup was dropped: `{file}` of the newest one is damaged: {reason}")]
    NotDropped {
        /// Which, in the folder of the backups.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A backup did not come as a whole.
    #[error("the backup broke off: {reason}")]
    Cut {
        /// What was seen.
        reason: String,
    },
    /// A backup took too long.
    #[error("the backup was not done in {hours} hours")]
    Slow {
        /// The limit.
        hours: u64,
    },
    /// Somebody else writes into the folder of the backups.
    #[error("`{}` is being written by another backup", path.display())]
    BackupBusy {
        /// The folder.
        path: PathBuf,
    },
    /// A unit that keeps something where a backup does not reach.
    #[error("the unit keeps {what}, and a backup has only what is in its folder")]
    Elsewhere {
        /// What, and where.
        what: String,
    },
    /// There is no such backup.
    #[error("there is no backup {name} in `{}`", folder.display())]
    NoBackup {
        /// The folder.
        folder: PathBuf,
        /// Its name; empty where any would do.
        name: String,
    },
    /// No backup is named, and there are those of several units.
    #[error("backups of {count} units lie in `{}`, and none is named", folder.display())]
    SeveralUnits {
        /// The folder.
        folder: PathBuf,
        /// Of how many.
        count: usize,
    },
    /// The keys of the unit are not in the backup.
    #[error("the keys of unit {unit} are not in the backup")]
    NoKeys {
        /// The unit.
        unit: String,
    },
    /// A passphrase that is too short, or another one.
    #[error("the passphrase is refused: {reason}")]
    Passphrase {
        /// Why.
        reason: String,
    },
    /// Something is where a unit is to be restored.
    #[error("`{}` is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
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
    /// The MQTT door without TLS may stand on loopback only, unless that is said.
    #[error("`{address}` is not on loopback, and MQTT is plain there")]
    PlainMqtt {
        /// Which.
        address: String,
    },
    /// The unit does not take requests at the moment.
    #[error("the unit is not ready: {parts}")]
    NotReady {
        /// Which parts are not.
        parts: String,
    },
    /// Nothing can be sent to where spans are to be sent.
    #[error("spans cannot be sent to `{address}`: {reason}")]
    Endpoint {
        /// As configured, without what may be a secret in it.
        address: String,
        /// Why.
        reason: String,
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
            Self::NoFile { .. } => Code("unit.no_file", Kind::NotFound),
            Self::Damaged { .. } | Self::NotDropped { .. } => Code("backup.damaged", Kind::Invalid),
            Self::Cut { .. } => Code("backup.cut", Kind::Unavailable),
            Self::Slow { .. } => Code("backup.slow", Kind::Exhausted),
            Self::BackupBusy { .. } => Code("backup.busy", Kind::Conflict),
            Self::Elsewhere { .. } => Code("backup.elsewhere", Kind::Conflict),
            Self::NoBackup { .. } => Code("backup.not_found", Kind::NotFound),
            Self::SeveralUnits { .. } => Code("backup.several", Kind::Conflict),
            Self::NoKeys { .. } => Code("backup.no_keys", Kind::NotFound),
            Self::Passphrase { .. } => Code("backup.passphrase", Kind::Invalid),
            Self::NotEmpty { .. } => Code("restore.not_empty", Kind::Conflict),
            Self::Exists { .. } => Code("unit.exists", Kind::Conflict),
            Self::Listen { .. } => Code("unit.listen", Kind::Conflict),
            Self::NotLoopback { .. } | Self::PlainMqtt { .. } => {
                Code("unit.not_loopback", Kind::Invalid)
            }
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
            Self::Damaged { .. } => {
                Some("restore another backup: `craton backup list` shows them, `craton backup check` reads them".into())
            }
            Self::NotDropped { .. } => Some(
                "run `craton backup check`, which sets aside what has changed, and take another backup: it brings that again"
                    .into(),
            ),
            Self::Cut { .. } => Some("take it again: what came is not sent a second time".into()),
            Self::BackupBusy { .. } => Some("wait until it is done".into()),
            Self::Elsewhere { .. } => Some(
                "back the database up with its own tools, the folder of files and the unit's folder beside it"
                    .into(),
            ),
            Self::NoBackup { .. } => Some("`craton backup list` shows the backups of a folder".into()),
            Self::SeveralUnits { .. } => {
                Some("name one with `--at`: `craton backup list` shows them".into())
            }
            Self::NoKeys { .. } => Some(
                "name the folder with the unit's keys with `--keys`, or restore without and put them there"
                    .into(),
            ),
            Self::NotEmpty { .. } => Some("name a folder that is not there, or empty".into()),
            Self::Exists { .. } => Some("choose another folder, or `craton up` this one".into()),
            Self::Listen { .. } => {
                Some("stop what listens there, or change the address in `unit.toml`".into())
            }
            Self::NotLoopback { .. } => Some(
                "plain HTTP stays on 127.0.0.1; people from elsewhere come in by TLS at `listen_https`, \
                 other units at `listen_peers`"
                    .into(),
            ),
            Self::PlainMqtt { .. } => Some(
                "devices from elsewhere come in by TLS at `listen_mqtts`; `mqtt_plain = true` opens this one to a network that is closed \
                 to everybody else"
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
