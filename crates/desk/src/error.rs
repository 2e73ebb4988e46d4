//! Why the desk refuses or fails.

use base::{Code, Explain, Kind, Place};

/// Why the desk refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A screen that cannot work.
    #[error("screen `{screen}`: {reason}")]
    ScreenInvalid {
        /// The name.
        screen: String,
        /// What is wrong.
        reason: String,
        /// Where.
        pointer: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// A screen that names what is not there.
    #[error("screen `{screen}`: there is no {what}")]
    ScreenUnknown {
        /// The name.
        screen: String,
        /// What it names.
        what: String,
        /// Where.
        pointer: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// A screen shows it.
    #[error("{what} is named by screen `{screen}`, at `{pointer}`")]
    ScreenInUse {
        /// What is named.
        what: String,
        /// The screen.
        screen: String,
        /// Where in its manifest.
        pointer: String,
    },
    /// Bytes that are none of the files that are taken.
    #[error("the file is no JPEG, PNG or WebP picture and no PDF document")]
    FileMedia,
    /// A file that is too large.
    #[error("file of {bytes} bytes exceeds the limit of {limit}")]
    FileTooLarge {
        /// Its bytes.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// There is no room for more files.
    #[error("with this file there would be more than {limit} bytes of files")]
    FilesFull {
        /// The limit.
        limit: u64,
        /// Its name.
        name: &'static str,
    },
    /// What a browser gave is none.
    #[error("`{field}` of the subscription cannot be used: {reason}")]
    Subscription {
        /// Which field, as in a JSON pointer.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// No more browsers are told.
    #[error("this unit tells {limit} browsers of tasks, and no more")]
    Subscriptions {
        /// How many.
        limit: u64,
    },
    /// There is no key to show push services, and none can be made now.
    #[error("this unit has no key for push services")]
    NoPushKey,
    /// A defect.
    #[error("something went wrong inside: {detail}")]
    Internal {
        /// For the log.
        detail: String,
    },
}

impl Error {
    /// Returns the error of a stored form that cannot be read or written.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal { detail: error.to_string() }
    }
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::ScreenInvalid { .. } => Code("screen.invalid", Kind::Invalid),
            Self::ScreenUnknown { .. } => Code("screen.unknown", Kind::Invalid),
            Self::ScreenInUse { .. } => Code("screen.in_use", Kind::Conflict),
            Self::FileMedia => Code("file.media", Kind::Invalid),
            Self::FileTooLarge { .. } => Code("file.too_large", Kind::Invalid),
            Self::FilesFull { .. } => Code("file.limit", Kind::Exhausted),
            Self::Subscription { .. } => Code("subscription.invalid", Kind::Invalid),
            Self::Subscriptions { .. } => Code("subscription.limit", Kind::Exhausted),
            Self::NoPushKey => Code("subscription.no_key", Kind::Unavailable),
            Self::Internal { .. } => Code("desk.internal", Kind::Internal),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::ScreenInvalid { hint, .. } | Self::ScreenUnknown { hint, .. } => hint.clone(),
            Self::ScreenInUse { screen, .. } => {
                Some(format!("change screen `{screen}` first, or apply both together"))
            }
            Self::FileMedia => Some("send a picture as JPEG, PNG or WebP, or a PDF".into()),
            Self::FileTooLarge { .. } => {
                Some("make the picture smaller, or raise `file_bytes_max`".into())
            }
            Self::FilesFull { name, .. } => {
                Some(format!("raise `{name}`, or let old files go by `files_days`"))
            }
            Self::Subscription { .. } => Some(
                "have the browser subscribe anew, with the key that `subscription.key` gives"
                    .into(),
            ),
            Self::Subscriptions { .. } => Some("raise `push_subscriptions_max`".into()),
            Self::NoPushKey => Some("repeat it when the unit runs".into()),
            Self::Internal { .. } => None,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::ScreenInvalid { pointer, .. } | Self::ScreenUnknown { pointer, .. } => {
                Some(Place::pointer(pointer))
            }
            Self::Subscription { field, .. } => Some(Place::pointer(format!("/{field}"))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page() {
        let text = String::new;
        let all = [
            Error::ScreenInvalid { screen: text(), reason: text(), pointer: text(), hint: None },
            Error::ScreenUnknown { screen: text(), what: text(), pointer: text(), hint: None },
            Error::ScreenInUse { what: text(), screen: text(), pointer: text() },
            Error::FileMedia,
            Error::FileTooLarge { bytes: 0, limit: 0 },
            Error::FilesFull { limit: 0, name: "" },
            Error::Subscription { field: "", reason: text() },
            Error::Subscriptions { limit: 0 },
            Error::NoPushKey,
            Error::Internal { detail: text() },
        ];
        for error in all {
            let code = error.code().0;
            let page = format!("{}/../../docs/errors/{code}.md", env!("CARGO_MANIFEST_DIR"));
            let page = std::fs::read_to_string(page).unwrap_or_default();
            assert!(page.starts_with(&format!("# {code}\n")), "docs/errors/{code}.md");
        }
    }
}
