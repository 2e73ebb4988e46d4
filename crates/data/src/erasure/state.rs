//! What the store holds of erasures: of those that are under way with their subject, of those that are done with a hash of it.

use crate::tables::state::{Keep, decode, encode};
use base::{Key, Problem, Time};
use kernel::{Read, Tx};
use serde::{Deserialize, Serialize};

/// An erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Erasure {
    pub(crate) id: u64,
    /// When it was asked for, wall time.
    pub(crate) at: Time,
    /// Who asked for it.
    pub(crate) by: String,
    /// The subject, for as long as it is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// What stands before the subject in what is hashed, as hexadecimal digits.
    pub(crate) salt: String,
    /// SHA-256 of both.
    pub(crate) hash: String,
    pub(crate) targets: Vec<Target>,
    pub(crate) stage: Stage,
    /// When nothing was left on the disk, wall time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) done_at: Option<Time>,
}

/// What an erasure concerns of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) stream: String,
    /// The columns in which the subject is looked for.
    pub(crate) columns: Vec<String>,
    /// The offset behind the last row that it concerns.
    pub(crate) upto: u64,
    /// The same of the rows that were set aside.
    pub(crate) aside: u64,
    /// How many rows are gone.
    pub(crate) rows: u64,
    /// How many of those that were set aside are gone.
    pub(crate) rows_aside: u64,
}

/// How far an erasure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Rows leave streams, tables and what was set aside.
    Rows,
    /// What was kept of views is void; its files go.
    Views,
    /// What the store had of the rows and of the subject is written over.
    Disk,
    /// Nothing is left.
    Done,
}

impl Stage {
    /// Returns its name in answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Views => "views",
            Self::Disk => "disk",
            Self::Done => "done",
        }
    }
}

impl Erasure {
    /// Returns what a table of a stream keeps, where rows of the stream still have to go.
    pub(crate) fn keep(&self, stream: &str) -> Option<Keep> {
        let target = self.targets.iter().find(|target| target.stream == stream)?;
        let value = self.subject.clone().filter(|_| self.stage == Stage::Rows)?;
        Some(Keep::Without { columns: target.columns.clone(), value, upto: target.upto })
    }
}

/// Returns the key of an erasure that is under way, or the prefix of all.
fn erasing_key(id: Option<u64>) -> Key {
    let key = kernel::key(b's').text("erasing");
    id.map_or(key.clone(), |id| key.number(id))
}

/// Returns the key of an erasure that is done, or the prefix of all.
fn erased_key(id: Option<u64>) -> Key {
    let key = kernel::key(b's').text("erased");
    id.map_or(key.clone(), |id| key.number(id))
}

/// Returns the erasures that are under way, the oldest first.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn active(read: &dyn Read) -> Result<Vec<Erasure>, Problem> {
    of(read, erasing_key(None))
}

/// Returns all erasures, the oldest first.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn all(read: &dyn Read) -> Result<Vec<Erasure>, Problem> {
    let mut all = of(read, erased_key(None))?;
    all.extend(active(read)?);
    all.sort_by_key(|erasure| erasure.id);
    Ok(all)
}

/// Returns an erasure.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn get(read: &dyn Read, id: u64) -> Result<Option<Erasure>, Problem> {
    let found = match read.get(erasing_key(Some(id)).as_ref())? {
        Some(found) => Some(found),
        None => read.get(erased_key(Some(id)).as_ref())?,
    };
    found.map(|bytes| decode(&bytes)).transpose()
}

/// Keeps an erasure.
///
/// # Errors
/// Never.
pub(crate) fn put(tx: &mut Tx<'_>, erasure: &Erasure) -> Result<(), Problem> {
    let id = Some(erasure.id);
    if erasure.stage == Stage::Done {
        tx.delete(erasing_key(id));
        tx.put(erased_key(id), encode(erasure)?);
    } else {
        tx.put(erasing_key(id), encode(erasure)?);
    }
    Ok(())
}

fn of(read: &dyn Read, prefix: Key) -> Result<Vec<Erasure>, Problem> {
    let pairs = read.scan_prefix(prefix.as_ref(), usize::MAX)?;
    pairs.iter().map(|(_, bytes)| decode(bytes)).collect()
}
