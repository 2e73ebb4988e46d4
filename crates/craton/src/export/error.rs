//! Why an export refuses or breaks off.

use base::{Code, Explain, Kind};

/// Why an export refuses or breaks off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The answer ended before it was whole. Why, only the unit knows: its reply had begun.
    #[error("the answer broke off: {reason}")]
    Cut {
        /// What the connection said.
        reason: String,
    },
    /// Values that the form of the file has no place for.
    #[error("the answer cannot be written as {form}: {reason}")]
    Unsupported {
        /// The form.
        form: &'static str,
        /// Why.
        reason: String,
    },
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Cut { .. } => Code("export.cut", Kind::Unavailable),
            Self::Unsupported { .. } => Code("export.unsupported", Kind::Invalid),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Cut { .. } => Some(
                "no file was written; the query may have reached a limit of the unit \
                 (`export_ms_max`, `export_rows_max`, its memory) or have been cancelled"
                    .into(),
            ),
            Self::Unsupported { .. } => {
                Some("no file was written; cast the column in SQL, or write ndjson".into())
            }
        }
    }
}
