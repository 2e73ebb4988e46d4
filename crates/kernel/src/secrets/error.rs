//! Why a secret cannot be set, used or opened. No text here ever holds a value.

use base::{Code, Explain, Kind};

/// Why a secret cannot be set, used or opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The unit has no secret key.
    #[error("this unit has no secret key: {place} has none")]
    Locked {
        /// Where it was looked for.
        place: String,
    },
    /// A key that is none, or not the one that sealed what is there.
    #[error("the secret key is wrong: {reason}")]
    Key {
        /// What is wrong.
        reason: String,
    },
    /// The secret has no value yet.
    #[error("secret `{name}` has no value")]
    Unset {
        /// Which.
        name: String,
    },
    /// What is stored was changed, or belongs to something else.
    #[error("secret `{name}` cannot be opened: what is stored is damaged or was changed")]
    Damaged {
        /// Which.
        name: String,
    },
    /// A value that cannot be set.
    #[error("the value cannot be set: {reason}")]
    Value {
        /// What is wrong with it, without it.
        reason: &'static str,
    },
    /// A call whose parameters or answer would be written somewhere.
    #[error("`{operation}` {reason}")]
    Call {
        /// The operation.
        operation: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// There is no next key, and the unit cannot make one where it comes from.
    #[error("there is no next secret key: {place} has one, which is in use")]
    NoNext {
        /// Where it was looked for.
        place: String,
    },
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Locked { .. } => Code("secret.locked", Kind::Conflict),
            Self::Key { .. } => Code("secret.key", Kind::Invalid),
            Self::Unset { .. } => Code("secret.unset", Kind::Conflict),
            Self::Damaged { .. } => Code("secret.damaged", Kind::Unavailable),
            Self::Value { .. } => Code("secret.invalid", Kind::Invalid),
            Self::Call { .. } => Code("secret.call", Kind::Invalid),
            Self::NoNext { .. } => Code("secret.no_next_key", Kind::Conflict),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Locked { .. } => {
                "put a key there and start the unit again; docs/guides/secrets.md shows how one is made"
            }
            Self::Key { .. } => {
                "give the unit the key that it had when the store was written; see `[secret_key]` in `unit.toml`"
            }
            Self::Unset { .. } => "`craton secret set NAME` sets it",
            Self::Damaged { .. } => "set the value again",
            Self::Value { .. } => "a value is a text, or base64 with `\"encoding\": \"base64\"`",
            Self::Call { .. } => "call it without an idempotency key, and not from a process",
            Self::NoNext { .. } => {
                "put the next key behind the one that is in use, then repeat this"
            }
        };
        Some(hint.into())
    }
}
