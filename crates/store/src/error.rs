//! Why a store refused or failed.

use base::{Code, Explain, Kind};

/// Why a store refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A newer writer holds the partition.
    #[error("a newer writer (epoch {epoch}) holds the store")]
    Fenced {
        /// The epoch that is the highest now.
        epoch: u64,
    },
    /// A precondition did not hold.
    #[error("the store has changed since it was read")]
    Expected,
    /// There is no room left.
    #[error("the disk is full")]
    Full,
    /// The store cannot be read or written now; nothing has happened.
    #[error("the store cannot be used now: {reason}")]
    Unavailable {
        /// What the store said.
        reason: String,
    },
    /// It is not known whether the commit is durable.
    #[error("a sync failed; whether the last commit is durable is not known")]
    Unknown,
    /// The store was written by a newer version.
    #[error("the store has format {found}, this version knows up to {known}")]
    Newer {
        /// The format found.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// The store was written by an older version.
    #[error("the store has format {found}, this version works with {known}")]
    Older {
        /// The format found.
        found: u32,
        /// The format of this version.
        known: u32,
    },
    /// Something else has the store open.
    #[error("the store is in use by another process")]
    InUse,
    /// Another node holds the store.
    #[error("node `{node}` holds the store")]
    Held {
        /// Which.
        node: String,
    },
    /// This node's hold on the store has run out, since it could not be renewed.
    #[error("this node could not renew its lease of the store")]
    Lease,
    /// The database holds the store of another unit.
    #[error("the database holds the store of another unit, `{unit}`")]
    Foreign {
        /// Whose, by its id.
        unit: String,
    },
    /// The database cannot be reached the way it is configured.
    #[error("the database cannot be used as it is configured: {reason}")]
    Address {
        /// What is wrong.
        reason: String,
    },
    /// What is stored contradicts itself.
    #[error("the store is damaged: {reason}")]
    Damaged {
        /// What contradicts what.
        reason: String,
    },
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Fenced { .. } => Code("store.fenced", Kind::Unavailable),
            Self::Expected => Code("store.expected", Kind::Conflict),
            Self::Full => Code("store.full", Kind::Unavailable),
            Self::Unavailable { .. } => Code("store.unavailable", Kind::Unavailable),
            Self::Unknown => Code("store.unknown", Kind::Unavailable),
            Self::Newer { .. } => Code("store.newer", Kind::Conflict),
            Self::Older { .. } => Code("store.older", Kind::Conflict),
            Self::InUse => Code("store.in_use", Kind::Conflict),
            Self::Held { .. } => Code("store.held", Kind::Conflict),
            Self::Lease => Code("store.lease", Kind::Unavailable),
            Self::Foreign { .. } => Code("store.foreign", Kind::Conflict),
            Self::Address { .. } => Code("store.address", Kind::Invalid),
            Self::Damaged { .. } => Code("store.damaged", Kind::Internal),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Fenced { .. } | Self::InUse => "stop the other process that runs this unit",
            Self::Expected => "read again and repeat the call",
            Self::Full => "make room on the disk; reads still work, and writing goes on by itself",
            Self::Unavailable { .. } => "repeat the call with the same idempotency key",
            Self::Unknown => {
                "repeat the call with the same idempotency key: it tells what became of it"
            }
            Self::Newer { .. } => "run the version of craton that wrote it, or a newer one",
            Self::Older { .. } => "`craton up` makes a backup and brings the store forward",
            Self::Held { .. } => "ask that node, or stop it: this one can take over then",
            Self::Lease => {
                "repeat the call with the same idempotency key, at whichever node is ready"
            }
            Self::Foreign { .. } => "give each unit a database, or a `schema`, of its own",
            Self::Address { .. } => "correct `[store.postgres]` in `unit.toml`",
            Self::Damaged { .. } => "run `craton verify`, and restore a backup",
        };
        Some(hint.into())
    }
}
