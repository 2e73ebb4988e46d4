//! Why an import refuses.

use base::{Code, Explain, Kind, Place};

/// Why an import refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A form of data that cannot be read.
    #[error("`{what}` cannot be imported: {reason}")]
    Unsupported {
        /// The file or address as it is shown.
        what: String,
        /// What is not supported.
        reason: String,
        /// What to do.
        hint: &'static str,
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
    /// A file whose columns do not fit the stream: rows would be lost, or all of them refused.
    #[error("`{what}` does not fit stream `{stream}`: {reason}")]
    Schema {
        /// The file as it is shown.
        what: String,
        /// The stream.
        stream: String,
        /// Which columns do not fit, and why.
        reason: String,
    },
    /// A file that is cut short or whose content is not what it says.
    #[error("`{what}` is damaged: {reason}")]
    Damaged {
        /// The file as it is shown.
        what: String,
        /// Where in it, and what is wrong.
        reason: String,
    },
    /// An address that did not give its whole content.
    #[error("`{address}` could not be fetched: {reason}")]
    Address {
        /// The address as it is shown.
        address: String,
        /// What happened.
        reason: String,
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
    pub fn empty(path: impl Into<String>, reason: &'static str) -> Self {
        Self::Empty { path: path.into(), reason }
    }

    /// Returns the error of something whose form is not known.
    pub fn unknown_form(what: impl Into<String>, reason: impl Into<String>) -> Self {
        let hint = "import .csv, .ndjson or .jsonl, each also with .gz, or .parquet";
        Self::Unsupported { what: what.into(), reason: reason.into(), hint }
    }
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Unsupported { .. } => Code("import.unsupported", Kind::Invalid),
            Self::Empty { .. } => Code("import.empty", Kind::Invalid),
            Self::Columns { .. } => Code("import.columns", Kind::Invalid),
            Self::Schema { .. } => Code("import.schema", Kind::Invalid),
            Self::Damaged { .. } => Code("import.damaged", Kind::Invalid),
            Self::Address { .. } => Code("import.address", Kind::Unavailable),
            Self::NoneKept { .. } => Code("import.none_kept", Kind::Invalid),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unsupported { hint, .. } => Some((*hint).into()),
            Self::Empty { .. } => None,
            Self::Columns { hint, .. } => hint.clone(),
            Self::Schema { .. } => Some(
                "nothing was imported; import into another stream with `--into`, or change the stream first"
                    .into(),
            ),
            Self::Damaged { .. } => Some("nothing was imported; get the file anew".into()),
            Self::Address { .. } => {
                Some("nothing of it was imported; check the address, or repeat the command".into())
            }
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
