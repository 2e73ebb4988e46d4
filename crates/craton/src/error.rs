//! Why the command line refuses before, or instead of, asking a unit.

use base::{Code, Explain, Kind, Place};

/// Why the command line refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The words on the command line make no sense.
    #[error("{reason}")]
    Usage {
        /// What is wrong with them.
        reason: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// There is no unit where one was looked for.
    #[error("there is no unit in `{folder}`")]
    NoUnit {
        /// The folder.
        folder: String,
        /// Unit folders inside it.
        inside: Vec<String>,
    },
    /// There is nothing of that name, or the caller may not see it.
    #[error("{what}")]
    NotFound {
        /// What is not there.
        what: String,
        /// What to do.
        hint: String,
    },
    /// The unit does not answer.
    #[error("the unit at {url} does not answer: {reason}")]
    Unreachable {
        /// Where.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// Who answers shows a certificate that nobody vouches for.
    #[error("the certificate that {url} shows is not believed: {reason}")]
    Certificate {
        /// Where.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The unit answered something else than it should.
    #[error("{url} did not answer like a unit: {reason}")]
    Answer {
        /// Where.
        url: String,
        /// What was wrong.
        reason: String,
    },
    /// A file or folder that cannot be read or written.
    #[error("`{path}` could not be {action}")]
    File {
        /// Which.
        path: String,
        /// `read`, `written` and the like.
        action: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A file that a manifest names and that cannot be used.
    #[error("{reason}")]
    Reference {
        /// What is wrong.
        reason: String,
        /// Where it is named.
        place: Place,
    },
    /// A folder without manifests.
    #[error("`{folder}` has no manifests")]
    Empty {
        /// The folder.
        folder: String,
    },
    /// Text that is not YAML, or YAML beyond the limits.
    #[error("{reason}")]
    Yaml {
        /// What the parser said.
        reason: String,
        /// Where.
        place: Place,
        /// What to do.
        hint: Option<String>,
    },
    /// A limit of the command line.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge {
        /// What.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// A manifest whose outer shape is wrong.
    #[error("{reason}")]
    Manifest {
        /// What is wrong.
        reason: String,
        /// Where.
        place: Place,
        /// What to do.
        hint: Option<String>,
    },
    /// A unit that was supervised ended and was not started again.
    #[error("{units} ended and did not come back")]
    Ended {
        /// Which.
        units: String,
    },
    /// The user did not want to wait any longer.
    #[error("nobody waits for the answer any more")]
    Interrupted,
    /// What `verify` found.
    #[error("the store has {count} faults")]
    Faults {
        /// How many.
        count: usize,
    },
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Usage { .. } => Code("cli.usage", Kind::Invalid),
            Self::NoUnit { .. } => Code("cli.no_unit", Kind::NotFound),
            Self::NotFound { .. } => Code("cli.not_found", Kind::NotFound),
            Self::Unreachable { .. } => Code("cli.unreachable", Kind::Unavailable),
            Self::Certificate { .. } => Code("cli.certificate", Kind::Invalid),
            Self::Answer { .. } => Code("cli.answer", Kind::Unavailable),
            Self::File { .. } => Code("cli.file", Kind::Invalid),
            Self::Reference { .. } => Code("cli.reference", Kind::Invalid),
            Self::Empty { .. } => Code("cli.empty", Kind::Invalid),
            Self::Yaml { .. } => Code("cli.yaml", Kind::Invalid),
            Self::TooLarge { .. } => Code("cli.too_large", Kind::Invalid),
            Self::Manifest { .. } => Code("manifest.invalid", Kind::Invalid),
            Self::Ended { .. } => Code("cli.ended", Kind::Unavailable),
            Self::Interrupted => Code("cli.interrupted", Kind::Unavailable),
            Self::Faults { .. } => Code("cli.faults", Kind::Internal),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { hint, .. } | Self::Yaml { hint, .. } | Self::Manifest { hint, .. } => {
                hint.clone()
            }
            Self::NotFound { hint, .. } => Some(hint.clone()),
            Self::NoUnit { folder, inside } => Some(match inside.first() {
                Some(first) => format!("name one of those inside it: `--unit {first}`"),
                None if folder == "." => {
                    "`craton init DIR` makes a unit; `--unit URL|DIR` or CRATON_UNIT names one"
                        .into()
                }
                None => format!("`craton init {folder}` makes one there"),
            }),
            Self::Unreachable { .. } => Some("`craton up DIR` starts a unit".into()),
            Self::Certificate { .. } => Some(
                "name the file with the unit's certificate: `--certificate tls.pem`; if it is the right one, somebody else answers there"
                    .into(),
            ),
            Self::Answer { .. } => {
                Some("is `--unit` the address of a unit of this version?".into())
            }
            Self::Empty { .. } => {
                Some("manifests are *.yaml files with apiVersion, kind, metadata and spec".into())
            }
            Self::Reference { .. } => {
                Some("put the file beside the manifest and name it by its relative path".into())
            }
            Self::TooLarge { .. } => Some("split it".into()),
            Self::Ended { .. } => Some("the log lines above say why".into()),
            Self::Faults { .. } => {
                Some("keep a copy of the folder, then restore the unit from a backup".into())
            }
            Self::Interrupted => Some("`craton ps` shows whether the query still runs".into()),
            Self::File { source, .. } => {
                let is_full = matches!(
                    source.kind(),
                    std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
                );
                is_full.then(|| "make room on the disk, or write to another one".into())
            }
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Reference { place, .. }
            | Self::Yaml { place, .. }
            | Self::Manifest { place, .. } => Some(place.clone()),
            _ => None,
        }
    }
}

impl Error {
    /// Returns the error of a file that could not be read.
    pub fn unreadable(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), action: "read", source }
    }

    /// Returns the error of a file that could not be written.
    pub fn unwritable(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), action: "written", source }
    }

    /// Returns the error of words that make no sense.
    pub fn usage(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { reason: reason.into(), hint: Some(hint.into()) }
    }
}
