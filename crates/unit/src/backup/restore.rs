//! Makes a unit out of a backup.
//!
//! Everything is checked before a byte is written: the signature, and the hash of every piece. The unit is made beside its place and
//! renamed into it when it is whole and marked as restored, so that no half unit, and none that does not know what it is, can run.

use super::folder::Folder;
use super::manifest::{Manifest, STORE};
use crate::{Config, Error, files};
use base::{Clock, Problem, SystemClock, Time};
use exchange::Identity;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Blobs, FileBlobs, Formats, JournaledStore, SqliteStore, sync_name};

/// Where the unit's secret keys come from.
pub enum Keys {
    /// From a folder: `unit.key`, `tls.key` and whatever else is secret of the unit.
    Folder(PathBuf),
    /// From the backup, where they are sealed with this passphrase.
    Sealed(String),
    /// They are put into the unit's folder by hand, before it is started.
    Later,
}

/// What is restored, and where to.
pub struct Restore<'a> {
    /// The folder of the backups.
    pub from: &'a Folder,
    /// The backup; the newest where absent and all are of one unit.
    pub at: Option<&'a str>,
    /// The unit's folder: it is not there, or empty.
    pub to: &'a Path,
    /// The unit's keys.
    pub keys: Keys,
}

/// A unit that was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The name of the backup.
    pub name: String,
    /// The unit's id.
    pub unit: String,
    /// What the unit calls itself.
    pub unit_name: String,
    /// The commit at which it stands.
    pub commit: u64,
    /// When the backup was taken, wall time.
    pub wall: Time,
    /// True where its keys are there.
    pub has_keys: bool,
}

/// Restores a unit.
///
/// # Errors
/// `restore.not_empty`, `backup.damaged`, `backup.not_found`, `backup.several`, `backup.passphrase`, `backup.no_keys`, `store.newer`, and those of the
/// disk: nothing stands at the unit's place then.
pub fn restore(wanted: &Restore<'_>) -> Result<Restored, Problem> {
    expect_empty(wanted.to)?;
    let (name, signed) = wanted.from.get(wanted.at)?;
    let manifest = signed.manifest;
    if SqliteStore::FORMAT < manifest.format {
        let known = SqliteStore::FORMAT;
        return Err(store::Error::Newer { found: manifest.format, known }.into());
    }
    let findings = wanted.from.check(Some(&name))?;
    if let Some(first) = findings.into_iter().next() {
        return Err(Error::Damaged { file: first.file, reason: first.reason }.into());
    }
    let keys = keys_of(wanted, &manifest)?;
    let draft = draft_of(wanted.to)?;
    let made = make(wanted, &manifest, &keys, &draft);
    if let Err(problem) = made {
        // What is left of it does no harm, and is in nobody's way.
        let _ = std::fs::remove_dir_all(&draft);
        return Err(problem);
    }
    let wrong = |source| Error::File { path: wanted.to.to_owned(), source };
    std::fs::rename(&draft, wanted.to).and_then(|()| sync_name(wanted.to)).map_err(wrong)?;
    Ok(Restored {
        name,
        unit: manifest.unit,
        unit_name: manifest.name,
        commit: manifest.commit,
        wall: manifest.wall,
        has_keys: !keys.is_empty(),
    })
}

/// Refuses a place where something is.
fn expect_empty(to: &Path) -> Result<(), Problem> {
    let wrong = |source| Error::File { path: to.to_owned(), source };
    match std::fs::read_dir(to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(wrong(error).into()),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Error::NotEmpty { path: to.to_owned() }.into()),
        },
    }
}

/// Returns a new folder beside the unit's place.
fn draft_of(to: &Path) -> Result<PathBuf, Problem> {
    let full =
        std::path::absolute(to).map_err(|source| Error::File { path: to.to_owned(), source })?;
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned());
    let nowhere = || Error::NotEmpty { path: to.to_owned() };
    let (name, parent) = (name.ok_or_else(nowhere)?, full.parent().ok_or_else(nowhere)?);
    let draft = parent.join(format!(".{name}.restoring-{}", std::process::id()));
    expect_empty(&draft)?;
    files::make_folder(&draft)?;
    Ok(draft)
}

/// Returns the unit's keys by the names of their files; checks that they are those of the unit.
fn keys_of(
    wanted: &Restore<'_>,
    manifest: &Manifest,
) -> Result<BTreeMap<String, Vec<u8>>, Problem> {
    let keys = match &wanted.keys {
        Keys::Later => return Ok(BTreeMap::new()),
        Keys::Sealed(passphrase) => wanted.from.open_keys(&manifest.unit, passphrase)?,
        Keys::Folder(folder) => files::secrets(folder)?,
    };
    let text = keys.get(files::KEY).cloned().unwrap_or_default();
    let identity = Identity::from_text(&String::from_utf8_lossy(&text))?;
    if identity.unit() == manifest.unit {
        return Ok(keys);
    }
    let reason =
        format!("it is that of unit {}, and the backup is of {}", identity.unit(), manifest.unit);
    Err(Error::Key { reason }.into())
}

/// Writes everything into the draft, and marks the store.
fn make(
    wanted: &Restore<'_>,
    manifest: &Manifest,
    keys: &BTreeMap<String, Vec<u8>>,
    draft: &Path,
) -> Result<(), Problem> {
    let blobs = FileBlobs::new(draft);
    for entry in &manifest.files {
        let mut damage = None;
        blobs.put(&entry.path, &mut |out| {
            for hash in &entry.pieces {
                match wanted.from.read_piece(hash) {
                    Ok(Some(bytes)) => Write::write_all(out, &bytes)?,
                    // It was whole a moment ago.
                    Ok(None) => damage = Some(hash.clone()),
                    Err(problem) => return Err(std::io::Error::other(problem.message)),
                }
            }
            Ok(())
        })?;
        if let Some(hash) = damage {
            let reason = format!("it is missing or changed; `{}` is made of it", entry.path);
            return Err(Error::Damaged { file: super::folder::piece_file(&hash), reason }.into());
        }
    }
    for (name, bytes) in keys {
        files::create(&draft.join(name), bytes, true)?;
    }
    mark(draft)
}

/// Brings the store forward where it is of an older format, and says in it that it was restored.
fn mark(draft: &Path) -> Result<(), Problem> {
    let config = Config::read(draft)?;
    let path = draft.join(STORE);
    SqliteStore::upgrade(&path, &Formats::CURRENT)?;
    let tables = SqliteStore::open(&path, &config.store)?;
    let store = JournaledStore::open(Arc::new(tables))?;
    exchange::mark_restored(&store, SystemClock::new().wall())?;
    Ok(())
}
