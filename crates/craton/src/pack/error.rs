//! Why a package is refused.

use base::{Code, Explain, Kind, Place};

/// Why a package is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is there is no package.
    #[error("`{package}` is no package: {reason}")]
    Layout {
        /// Which.
        package: String,
        /// What is wrong.
        reason: String,
    },
    /// A part that is not what its digest or size says, or cannot be unpacked.
    #[error("`{part}` of the package is damaged: {reason}")]
    Damaged {
        /// Which part.
        part: String,
        /// What is wrong.
        reason: String,
    },
    /// A part that must not be in a package.
    #[error("the package has `{path}`: {reason}")]
    Content {
        /// The file or the manifest.
        path: String,
        /// Why it must not be there.
        reason: &'static str,
    },
    /// Beyond a limit.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge {
        /// What.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// What it says that it asks for is not what its files ask for.
    #[error("the package does not say what it asks for: {reason}")]
    Config {
        /// Where the two differ.
        reason: String,
    },
    /// Nobody signed it.
    #[error("nobody signed this package")]
    Unsigned,
    /// Somebody signed it who is not trusted here.
    #[error("the package is signed by {name} ({unit}), who is not trusted here")]
    Signer {
        /// The id of the unit.
        unit: String,
        /// What it calls itself.
        name: String,
    },
    /// A version that cannot be read, or does not follow the one that is installed.
    #[error("{reason}")]
    Version {
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// It asks for more than it may have.
    #[error("the package asks for more than it may have: {asked}")]
    AsksTooMuch {
        /// What it asks for.
        asked: String,
        /// Who may give it.
        hint: &'static str,
    },
    /// It would take away what is not its own.
    #[error("installing `{name}` would remove {resource}, which no package of that name has made")]
    Taken {
        /// The package.
        name: String,
        /// What would go.
        resource: String,
    },
    /// The list of what a package may have is wrong.
    #[error("`{file}` does not say what a package may have: {reason}")]
    May {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody has consented.
    #[error("nobody has consented to {what}")]
    Consent {
        /// To what.
        what: String,
    },
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Layout { .. } => Code("package.layout", Kind::Invalid),
            Self::Damaged { .. } => Code("package.damaged", Kind::Invalid),
            Self::Content { .. } => Code("package.content", Kind::Invalid),
            Self::TooLarge { .. } => Code("package.too_large", Kind::Invalid),
            Self::Config { .. } => Code("package.config", Kind::Invalid),
            Self::Unsigned => Code("package.unsigned", Kind::Unauthenticated),
            Self::Signer { .. } => Code("package.signer", Kind::Unauthenticated),
            Self::Version { .. } => Code("package.version", Kind::Conflict),
            Self::AsksTooMuch { .. } => Code("package.asks_too_much", Kind::Forbidden),
            Self::Taken { .. } => Code("package.taken", Kind::Conflict),
            Self::May { .. } => Code("package.may", Kind::Invalid),
            Self::Consent { .. } => Code("package.consent", Kind::Forbidden),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Layout { .. } => "a package is a folder or a .tar that `craton pack` has made",
            Self::Damaged { .. } => "take it again from who made it, and compare the digests",
            Self::Content { .. } | Self::Config { .. } => {
                "do not install it; have it packed again with `craton pack`"
            }
            Self::TooLarge { .. } => "split the application",
            Self::Unsigned => {
                "`--unsigned` installs it all the same: only where you made it yourself"
            }
            Self::Signer { .. } => {
                "`--signer ID` trusts it for this once, `craton peer add` makes it known; compare the id with its people first"
            }
            Self::Version { hint, .. } => hint.as_str(),
            Self::AsksTooMuch { hint, .. } => *hint,
            Self::Taken { .. } => {
                "remove it first, or give the application that you applied from a folder another name"
            }
            Self::May { .. } => "docs/guides/packages.md shows such a file",
            Self::Consent { .. } => "look with `--dry-run`, then say `--yes`",
        };
        Some(hint.into())
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Content { path, .. } => Some(Place::default().in_file(path)),
            _ => None,
        }
    }
}
