//! Why a replay stops.

use base::{Code, Explain, Kind, Place};

/// Why a replay stops.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The market's files cannot be read, or hold something else than a market.
    #[error("{reason}")]
    Data {
        /// What is wrong.
        reason: String,
        /// Where.
        place: Option<Place>,
    },
    /// A unit that the replay needs is not there.
    #[error("the replay needs a unit `{unit}`")]
    Unit {
        /// Which.
        unit: &'static str,
    },
    /// The units do not come to rest.
    #[error("the units did not settle within {seconds} s: {detail}")]
    Unsettled {
        /// How long it was waited.
        seconds: u64,
        /// Who was still at work.
        detail: String,
    },
    /// A unit answered something that the replay does not understand.
    #[error("unit `{unit}` answered {what} in an unknown form")]
    Answer {
        /// Which.
        unit: String,
        /// To what.
        what: String,
    },
    /// A unit was to go back to a backup after the end.
    #[error("the replay has {windows} windows")]
    Restore {
        /// How many.
        windows: usize,
    },
    /// After a unit went back to a backup, the two sides of a contract count differently, or something ran twice.
    #[error("the two sides do not agree after the restore: {what}")]
    Ledger {
        /// What differs.
        what: String,
    },
    /// The report or the market's files cannot be written.
    #[error("`{path}` could not be written")]
    Write {
        /// Where to.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// Returns the error of a file that holds something wrong, with its line where known.
    pub fn data(file: &str, line: Option<u64>, reason: impl Into<String>) -> Self {
        let line = line.and_then(|line| u32::try_from(line).ok());
        Self::Data {
            reason: reason.into(),
            place: Some(Place { line, ..Place::default() }.in_file(file)),
        }
    }
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Data { .. } => Code("replay.data", Kind::Invalid),
            Self::Unit { .. } => Code("replay.unit", Kind::NotFound),
            Self::Unsettled { .. } => Code("replay.unsettled", Kind::Unavailable),
            Self::Answer { .. } => Code("replay.answer", Kind::Unavailable),
            Self::Restore { .. } => Code("replay.restore", Kind::Invalid),
            Self::Ledger { .. } => Code("replay.ledger", Kind::Conflict),
            Self::Write { .. } => Code("replay.write", Kind::Invalid),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Data { .. } => {
                Some("`--data` names a folder in the layout of the Olist data set".into())
            }
            Self::Restore { .. } => {
                Some("restore earlier with `--restore-at`, or play more orders".into())
            }
            Self::Ledger { .. } => Some(
                "name a folder with `--dir`, and compare `craton ledger` of both units there"
                    .into(),
            ),
            Self::Unit { .. } => {
                Some("name the folder that has the three units with `--unit`".into())
            }
            Self::Unsettled { .. } => {
                Some("look for incidents and waiting messages with `craton ps`".into())
            }
            Self::Answer { .. } => {
                Some("are the units of the same version as this program?".into())
            }
            Self::Write { .. } => None,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Data { place, .. } => place.clone(),
            _ => None,
        }
    }
}
