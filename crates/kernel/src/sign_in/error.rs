//! Why somebody is not signed in.

use base::{Code, Explain, Kind};

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A wrong password, or a user who is not there or has no password: all look alike.
    #[error("the name or the password is wrong")]
    Refused,
    /// Too many wrong tries.
    #[error("there were too many wrong tries; the next one counts in {seconds} seconds")]
    Slowed {
        /// How long to wait.
        seconds: u64,
    },
    /// A password that is too easy to guess, or no password.
    #[error("the password is not taken: {reason}")]
    Password {
        /// What is wrong with it.
        reason: String,
    },
    /// As many passwords are being checked as may be at the same time, and as many wait.
    #[error("{limit} sign-ins are waiting")]
    Busy {
        /// The limit.
        limit: usize,
    },
    /// An identity provider that cannot be asked or answers nonsense.
    #[error("the identity provider `{provider}` cannot be used: {reason}")]
    Provider {
        /// Which.
        provider: String,
        /// Why not.
        reason: String,
    },
    /// What was shown in the name of an identity provider does not hold.
    #[error("the identity provider `{provider}` does not vouch for this: {reason}")]
    Rejected {
        /// Which.
        provider: String,
        /// What is wrong.
        reason: String,
    },
    /// A sign-in that was not begun here, or too long ago, or in another browser.
    #[error("this sign-in was not begun here: {reason}")]
    Flow {
        /// What is wrong.
        reason: &'static str,
    },
    /// A JWT that cannot be read.
    #[error("the token is no JWT of a known kind: {reason}")]
    Jwt {
        /// What is wrong.
        reason: &'static str,
    },
    /// A call that skipped its preparation: only doors prepare calls.
    #[error("`{operation}` is for people at a door")]
    Unprepared {
        /// Which operation.
        operation: String,
    },
}

impl Error {
    /// Milliseconds after which it is worth asking again where too many sign in: nobody knows when one of them is through.
    const BUSY_MS: u64 = 1_000;
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Refused => Code("sign_in.refused", Kind::Unauthenticated),
            Self::Slowed { .. } => Code("sign_in.slowed", Kind::Exhausted),
            Self::Password { .. } => Code("sign_in.password", Kind::Invalid),
            Self::Busy { .. } => Code("sign_in.busy", Kind::Exhausted),
            Self::Provider { .. } => Code("sign_in.provider", Kind::Unavailable),
            Self::Rejected { .. } => Code("sign_in.rejected", Kind::Unauthenticated),
            Self::Flow { .. } => Code("sign_in.flow", Kind::Invalid),
            Self::Jwt { .. } => Code("token.invalid", Kind::Unauthenticated),
            Self::Unprepared { .. } => Code("sign_in.door", Kind::Invalid),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Refused => "an owner sets a password with `craton passwd USER`".into(),
            Self::Slowed { seconds } => format!("wait {seconds} seconds, then try again"),
            Self::Password { .. } => "a long sentence is easy to keep in mind".into(),
            Self::Busy { .. } => "repeat it a little later".into(),
            Self::Provider { .. } => {
                "`issuer`, `client_id` and the secret in its manifest must be those of the provider"
                    .into()
            }
            Self::Rejected { .. } => "sign in again".into(),
            Self::Flow { .. } => {
                "begin again: `craton login --provider NAME`, or /sign-in/NAME".into()
            }
            Self::Jwt { .. } => {
                "send `Authorization: Bearer TOKEN` with a token of this unit or of its provider"
                    .into()
            }
            Self::Unprepared { .. } => "call it over HTTP or with the command line".into(),
        })
    }

    fn retry_ms(&self) -> Option<u64> {
        match self {
            Self::Slowed { seconds } => Some(seconds.saturating_mul(1_000)),
            Self::Busy { .. } => Some(Self::BUSY_MS),
            _ => None,
        }
    }
}
