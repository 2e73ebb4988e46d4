//! Brings the store of an older version of craton forward, after a backup.

use crate::backup::{self, Folder, Reading};
use crate::{Config, Error, files, stored};
use base::Problem;
use std::path::{Path, PathBuf};
use store::{Formats, PostgresConfig, PostgresStore, SqliteStore};

/// The folder of the backups inside a unit's folder.
const BACKUPS: &str = "backups";

/// How a store is brought forward.
#[derive(Debug, Clone, Default)]
pub struct Upgrade {
    /// True where it is to be refused instead.
    pub is_refused: bool,
    /// The folder of the backup; `backups` in the unit's folder where absent. A database keeps its backup itself.
    pub backup_to: Option<PathBuf>,
    /// The formats, and the steps between them; those of this version by default.
    pub formats: Formats,
}

/// What was done to a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgraded {
    /// The format that it had.
    pub from: u32,
    /// The format that it has.
    pub to: u32,
    /// Where the backup lies: a folder, or a database.
    pub place: String,
    /// The name of the backup.
    pub backup: String,
}

/// Brings the store of a unit that does not run to the newest format, after a backup of the unit. Does nothing where there is
/// nothing to do, and where another node holds the store: it is brought forward when that one has let go.
///
/// # Errors
/// `store.older` where it is refused, `store.newer`, `backup.*`: the store is as it was then.
pub fn upgrade(folder: &Path, wanted: &Upgrade) -> Result<Option<Upgraded>, Problem> {
    let config = Config::read(folder)?;
    if let Some(database) = &config.store.postgres {
        let _lock = stored::lock(folder, &config)?;
        return upgrade_database(folder, database, wanted);
    }
    let store = folder.join(files::STORE);
    let Some(from) = older(SqliteStore::format(&store)?, wanted)? else { return Ok(None) };
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
    SqliteStore::upgrade(&store, &wanted.formats)?;
    let place = to.display().to_string();
    Ok(Some(Upgraded { from, to: wanted.formats.newest, place, backup: taken.name }))
}

/// Returns the format that was found where it is an older one that is to be brought forward.
fn older(found: Option<u32>, wanted: &Upgrade) -> Result<Option<u32>, store::Error> {
    let known = wanted.formats.newest;
    match found {
        Some(found) if known < found => Err(store::Error::Newer { found, known }),
        Some(found) if found < known && wanted.is_refused => {
            Err(store::Error::Older { found, known })
        }
        found => Ok(found.filter(|found| *found < known)),
    }
}

fn upgrade_database(
    folder: &Path,
    database: &PostgresConfig,
    wanted: &Upgrade,
) -> Result<Option<Upgraded>, Problem> {
    let (database, owner) = stored::place(folder, database)?;
    let found = PostgresStore::format(&database, &owner)?;
    let Some(from) = older(found, wanted)? else { return Ok(None) };
    match PostgresStore::upgrade(&database, &owner, &wanted.formats) {
        Ok(copy) => Ok(copy.map(|backup| Upgraded {
            from,
            to: wanted.formats.newest,
            place: database.url,
            backup,
        })),
        Err(store::Error::Held { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
