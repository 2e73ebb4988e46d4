//! Why the door of PostgreSQL refuses something before the kernel sees it.

use base::{Code, Explain, Kind};

/// Why the door refuses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Bytes that are no message of the protocol, or one that cannot stand here.
    #[error("this is no message of the protocol: {reason}")]
    Protocol {
        /// What is wrong.
        reason: String,
    },
    /// A message above the limit.
    #[error("a message of {bytes} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// What was announced.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A plain connection where TLS is needed.
    #[error("this address takes TLS only")]
    Tls,
    /// A user or a token that is not known.
    #[error("password authentication failed for user `{user}`")]
    SignIn {
        /// As given.
        user: String,
    },
    /// A client that takes too long, or says nothing for too long.
    #[error("the connection was ended: {what}")]
    Timeout {
        /// What took too long.
        what: &'static str,
    },
    /// A statement that would change something.
    #[error("cannot execute {word}: this door only reads")]
    ReadOnly {
        /// The word with which it begins.
        word: String,
    },
    /// A statement in a transaction that has failed.
    #[error("the transaction has failed; statements are ignored until it ends")]
    Failed,
    /// A prepared statement that is not there.
    #[error("there is no prepared statement `{name}`")]
    NoStatement {
        /// As given.
        name: String,
    },
    /// A portal or a cursor that is not there.
    #[error("there is no cursor `{name}`")]
    NoPortal {
        /// As given.
        name: String,
    },
    /// A name that is taken in this session.
    #[error("the {what} `{name}` exists already")]
    Exists {
        /// `prepared statement` or `cursor`.
        what: &'static str,
        /// As given.
        name: String,
    },
    /// What the door does not do.
    #[error("{what} is not supported")]
    Unsupported {
        /// What.
        what: String,
    },
    /// A setting that is not there.
    #[error("there is no setting `{name}`")]
    NoSetting {
        /// As given.
        name: String,
    },
    /// A value that a setting cannot have.
    #[error("`{value}` is no value of the setting `{name}`")]
    Setting {
        /// Which.
        name: String,
        /// As given.
        value: String,
    },
    /// A parameter that cannot be read.
    #[error("parameter ${number} is no {kind}")]
    Parameter {
        /// Which, from 1.
        number: usize,
        /// Its type.
        kind: String,
    },
    /// Statements or cursors of a session above the limit.
    #[error("the session has {limit} {what} already")]
    Limit {
        /// What.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Connections are all in use.
    #[error("all {limit} connections are in use")]
    Busy {
        /// The limit.
        limit: usize,
    },
    /// An answer that cannot be written.
    #[error("a value cannot be sent: {reason}")]
    Value {
        /// What is wrong.
        reason: String,
    },
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Protocol { .. } => Code("postgres.protocol", Kind::Invalid),
            Self::TooLarge { .. } => Code("postgres.too_large", Kind::Invalid),
            Self::Tls => Code("postgres.tls", Kind::Forbidden),
            Self::SignIn { .. } => Code("postgres.sign_in", Kind::Unauthenticated),
            Self::Timeout { .. } => Code("postgres.timeout", Kind::Unavailable),
            Self::ReadOnly { .. } => Code("postgres.read_only", Kind::Invalid),
            Self::Failed => Code("postgres.failed", Kind::Conflict),
            Self::NoStatement { .. } => Code("postgres.no_statement", Kind::NotFound),
            Self::NoPortal { .. } => Code("postgres.no_cursor", Kind::NotFound),
            Self::Exists { .. } => Code("postgres.exists", Kind::Conflict),
            Self::Unsupported { .. } => Code("postgres.unsupported", Kind::Invalid),
            Self::NoSetting { .. } => Code("postgres.no_setting", Kind::NotFound),
            Self::Setting { .. } => Code("postgres.setting", Kind::Invalid),
            Self::Parameter { .. } => Code("postgres.parameter", Kind::Invalid),
            Self::Limit { .. } => Code("postgres.limit", Kind::Exhausted),
            Self::Busy { .. } => Code("postgres.busy", Kind::Unavailable),
            Self::Value { .. } => Code("postgres.value", Kind::Invalid),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Tls => "connect with sslmode=require",
            Self::SignIn { .. } => {
                "the user is one of this unit, the password one of his tokens: `craton token create`"
            }
            Self::ReadOnly { .. } => {
                "data comes in through `stream.append`, by HTTP or `craton import`"
            }
            Self::Failed => "send ROLLBACK",
            Self::TooLarge { .. } => "send it in parts",
            Self::Busy { .. } => "come again a little later",
            Self::Limit { .. } => "close some with DEALLOCATE or CLOSE",
            Self::Value { .. } => "cast the column to another type",
            _ => return None,
        };
        Some(hint.into())
    }

    fn retry_ms(&self) -> Option<u64> {
        matches!(self, Self::Busy { .. }).then_some(crate::Error::BUSY_MS)
    }
}
