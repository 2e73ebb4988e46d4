//! Opens what a unit stores in: a file in its folder, or a database that nodes share.

use crate::{Config, Error, files};
use base::Problem;
use exchange::Identity;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{
    Blobs, FileBlobs, FileLock, Lease, LeasedBlobs, Owner, PostgresConfig, PostgresStore,
    SqliteStore, Store,
};

/// What a unit stores in.
pub(crate) struct Stored {
    /// State and logs, without a journal.
    pub tables: Arc<dyn Store>,
    /// The files that tables lie in.
    pub blobs: Arc<dyn Blobs>,
    /// The hold on a store that other nodes share.
    pub lease: Option<Arc<Lease>>,
}

/// Keeps a second process of this node out, where the store is a database; a file has a lock of its own.
///
/// # Errors
/// `store.in_use`.
pub(crate) fn lock(folder: &Path, config: &Config) -> Result<Option<FileLock>, Problem> {
    match config.store.postgres {
        Some(_) => Ok(Some(files::lock(&folder.join(files::LOCK))?.ok_or(store::Error::InUse)?)),
        None => Ok(None),
    }
}

/// Opens what a unit stores in. The caller has the lock of the folder.
///
/// # Errors
/// `store.held` where another node has it, and whatever else the store says.
pub(crate) fn open(folder: &Path, config: &Config) -> Result<Stored, Problem> {
    let root = config.files.as_ref().map_or_else(|| folder.to_owned(), |files| folder.join(files));
    let blobs = Arc::new(FileBlobs::new(root));
    let Some(database) = &config.store.postgres else {
        let tables = Arc::new(SqliteStore::open(folder.join(files::STORE), &config.store)?);
        return Ok(Stored { tables, blobs, lease: None });
    };
    let (database, owner) = place(folder, database)?;
    let tables = PostgresStore::open(&database, &owner)?;
    let lease = Arc::clone(tables.lease());
    let blobs = Arc::new(LeasedBlobs::new(blobs, Arc::clone(&lease)));
    Ok(Stored { tables: Arc::new(tables), blobs, lease: Some(lease) })
}

/// Returns how a unit's database is reached, and as whom.
///
/// # Errors
/// Where the unit's key cannot be read.
pub(crate) fn place(
    folder: &Path,
    database: &PostgresConfig,
) -> Result<(PostgresConfig, Owner), Problem> {
    let identity = Identity::from_text(&files::read(&folder.join(files::KEY))?)?;
    let owner = Owner { unit: identity.unit().to_owned(), origin: origin(folder)? };
    let mut database = database.clone();
    let beside = |path: &mut PathBuf| *path = folder.join(&*path);
    database.password_file.iter_mut().for_each(beside);
    database.root_certificates.iter_mut().for_each(beside);
    Ok((database, owner))
}

/// Returns the name of the place where this node runs: the machine and the folder, whose lock keeps a second process out.
fn origin(folder: &Path) -> Result<String, Error> {
    let wrong = |source| Error::File { path: folder.to_owned(), source };
    let folder = folder.canonicalize().map_err(wrong)?;
    // A machine that does not tell its name lets no node take over before a lease has run out.
    let host = files::read(Path::new("/proc/sys/kernel/hostname")).unwrap_or_default();
    let host = host.trim();
    Ok(if host.is_empty() { String::new() } else { format!("{host}:{}", folder.display()) })
}
