//! Backups: what is in one, how it is taken while the unit runs, where it lies, and how it becomes a unit again.
//!
//! A backup is a *manifest* (every file with its size and the hashes of its pieces, signed by the unit) and *pieces* (at most
//! [`PIECE_BYTES`] of a file, named by their SHA-256). Pieces are shared by all backups of a folder, so that the next one brings only
//! what has changed:
//!
//! ```text
//! TO/
//!   pieces/3f/3f4c…                  bytes, named by their hash
//!   manifests/UNIT-TIME-COMMIT.json  a backup each, there as a whole or not at all
//!   keys/UNIT.json                   the unit's keys, sealed with a passphrase; only where that was asked for
//! ```
//!
//! What is in it: the store at one commit, the files of tables and views that it names, the configuration, the certificate. What is
//! not: keys and tokens of the unit (`*.key`, `owner.token`), what queries spilled, and logs. Secrets that the store holds are in it
//! as the store holds them, sealed under the secret key, which is in no backup.
//!
//! Invariants: a manifest is renamed into place after all its pieces, and their names, are on the disk; a piece is never changed;
//! nothing is restored of which a hash or the signature does not fit.

mod folder;
mod keys;
mod manifest;
mod operation;
mod restore;
mod source;
mod stream;

pub use folder::{Finding, Folder, Shown, Taken};
pub use manifest::{Entry, Manifest, SignedManifest};
pub use restore::{Keys, Restore, Restored, restore};
pub use source::{stopped, unit_of};
pub use stream::MEDIA;

pub(crate) use operation::Backups;
pub(crate) use source::older;
pub(crate) use stream::Reading;

/// Bytes of a piece, at most.
pub const PIECE_BYTES: u64 = store::BLOCK_BYTES;
