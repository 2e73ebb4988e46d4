//! Why an import refuses.

use base::{Code, Explain, Kind, Place};
use std::path::Path;

/// Why an import refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A form of data, or a way to get it, that is not supported yet.
    #[error("`{what}` cannot be imported: {reason}")]
    Unsupported {
        /// The file or address as it was written.
        what: String,
        /// What is not supported.
        reason: &'static str,
    },
    /// Nothing to import, or nothing to infer a schema from.
    #[error("`{path}` has nothing to import: {reason}")]
    Empty {
        /// The file or folder.
        path: String,
        /// What is missing.
        reason: &'static str,
    },
    /// A header that cannot be used, or an option that names no column.
    #[error("{reason}")]
    Columns {
        /// What is wrong.
        reason: String,
        /// Where.
        place: Option<Place>,
        /// What to do.
        hint: Option<String>,
    },
    /// Rows were read, and every one of them was set aside.
    #[error("none of {rows} rows was kept")]
    NoneKept {
        /// How many rows were read.
        rows: u64,
    },
}

impl Error {
    /// Returns the error of a file without anything to import.
    pub fn empty(path: &Path, reason: &'static str) -> Self {
        Self::Empty { path: path.display().to_string(), reason }
    }
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Unsupported { .. } => Code("import.unsupported", Kind::Invalid),
            Self::Empty { .. } => Code("import.empty", Kind::Invalid),
            Self::Columns { .. } => Code("import.columns", Kind::Invalid),
            Self::NoneKept { .. } => Code("import.none_kept", Kind::Invalid),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unsupported { .. } => {
                Some("import local files: .csv, .ndjson or .jsonl, each also with .gz".into())
            }
            Self::Empty { .. } => None,
            Self::Columns { hint, .. } => hint.clone(),
            Self::NoneKept { .. } => {
                Some("the report names reasons; do file, delimiter and stream fit?".into())
            }
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Columns { place, .. } => place.clone(),
            _ => None,
        }
    }
}
