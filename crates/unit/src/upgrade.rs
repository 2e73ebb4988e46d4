//! Brings the store of an older version of craton forward, after a backup.

use crate::backup::{self, Folder, Reading};
use crate::{Error, files};
use base::Problem;
use std::path::{Path, PathBuf};
use store::SqliteStore;

/// The folder of the backups inside a unit's folder.
const BACKUPS: &str = "backups";

/// How a store is brought forward.
#[derive(Debug, Clone, Default)]
pub struct Upgrade {
    /// True where it is to be refused instead.
    pub is_refused: bool,
    /// The folder of the backup; `backups` in the unit's folder where absent.
    pub backup_to: Option<PathBuf>,
}

/// What was done to a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgraded {
    /// The format that it had.
    pub from: u32,
    /// The format that it has.
    pub to: u32,
    /// The folder of the backup.
    pub folder: PathBuf,
    /// The name of the backup.
    pub backup: String,
}

/// Brings the store of a unit that does not run to the format of this version, after a backup of the unit. Does nothing where there is
/// nothing to do.
///
/// # Errors
/// `store.older` where it is refused, `store.newer`, `backup.*`: the store is as it was then.
pub fn upgrade(folder: &Path, wanted: &Upgrade) -> Result<Option<Upgraded>, Problem> {
    let store = folder.join(files::STORE);
    let (found, known) = (SqliteStore::format(&store)?, SqliteStore::FORMAT);
    let from = match found {
        None => return Ok(None),
        Some(found) if found == known => return Ok(None),
        Some(found) if known < found => return Err(store::Error::Newer { found, known }.into()),
        Some(found) if wanted.is_refused => {
            return Err(store::Error::Older { found, known }.into());
        }
        Some(found) => found,
    };
    let to = wanted.backup_to.clone().unwrap_or_else(|| folder.join(BACKUPS));
    let backups = Folder::new(&to);
    let lock = backups.lock()?;
    let unit = backup::unit_of(folder)?;
    let frames = backup::older(folder, from, backups.pieces()?, backups.newest_of(&unit)?)?;
    let taken = backups.take(&lock, &mut Reading::new(frames))?;
    let findings = backups.check(Some(&taken.name))?;
    if let Some(first) = findings.into_iter().next() {
        return Err(Error::Damaged { file: first.file, reason: first.reason }.into());
    }
    SqliteStore::upgrade(&store)?;
    Ok(Some(Upgraded { from, to: known, folder: to, backup: taken.name }))
}
