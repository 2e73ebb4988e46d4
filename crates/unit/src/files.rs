//! The files of a unit's folder. The folder is its owner's alone (0700), and so is all that lies in it: store, tables, logs, spilled
//! queries. What is secret is so by its own mode too (0600).

use crate::Error;
use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use store::FileLock;

/// The unit's identity: root and signing keys.
pub(crate) const KEY: &str = "unit.key";
/// The certificate of the TLS door.
pub(crate) const CERTIFICATE: &str = "tls.pem";
/// The key of the certificate.
pub(crate) const CERTIFICATE_KEY: &str = "tls.key";
/// The first owner's token, as the command line keeps it.
pub(crate) const OWNER_TOKEN: &str = "owner.token";
/// The store.
pub(crate) const STORE: &str = "store.db";

/// The lock that keeps a second process of this node out, where the store is a database.
pub(crate) const LOCK: &str = "node.lock";

/// Where queries put what exceeds their memory.
pub(crate) const SPILL: &str = "spill";

/// Writes a new file; a secret one is for the owner's eyes only. It is on the disk when this returns.
pub(crate) fn write(path: &Path, text: &str, is_secret: bool) -> Result<(), Error> {
    create(path, text.as_bytes(), is_secret).map(drop)
}

/// As [`write`], for bytes; returns the file.
pub(crate) fn create(path: &Path, bytes: &[u8], is_secret: bool) -> Result<File, Error> {
    let mode = if is_secret { 0o600 } else { 0o644 };
    let wrong = |source| Error::File { path: path.to_owned(), source };
    let made = File::options().write(true).create_new(true).mode(mode).open(path);
    let mut file = made.map_err(wrong)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(wrong)?;
    Ok(file)
}

/// Writes a file in place of an older one: the disk has the one or the other, whenever the machine stops.
pub(crate) fn replace(path: &Path, text: &str, is_secret: bool) -> Result<(), Error> {
    let wrong = |source| Error::File { path: path.to_owned(), source };
    let next = path.with_extension("next");
    match std::fs::remove_file(&next) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(wrong(error)),
        _ => {}
    }
    let file = create(&next, text.as_bytes(), is_secret)?;
    store::put_in_place(&file, &next, path).map_err(wrong)
}

/// Returns whether somebody but its owner may read or write a file.
pub(crate) fn is_open_to_others(path: &Path) -> Result<bool, Error> {
    let about = std::fs::metadata(path);
    let about = about.map_err(|source| Error::File { path: path.to_owned(), source })?;
    Ok(about.permissions().mode() & 0o077 != 0)
}

/// Reads a file as text.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Returns how many entries a folder has; 0 where it cannot be read.
pub(crate) fn count(folder: &Path) -> u64 {
    std::fs::read_dir(folder).map_or(0, |entries| entries.count() as u64)
}

/// Makes a folder that nobody but its owner may look into, and its parents as others are. One that is there and empty is closed; one
/// that has something in it stays as somebody wanted it.
pub(crate) fn make_folder(path: &Path) -> Result<(), Error> {
    let wrong = |source| Error::File { path: path.to_owned(), source };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(wrong)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists || !path.is_dir() => {
            Err(wrong(error))
        }
        Err(_) if count(path) == 0 => close(path),
        _ => Ok(()),
    }
}

/// Closes a folder to everybody but its owner: what is in it, and will be, is out of reach of others.
pub(crate) fn close(folder: &Path) -> Result<(), Error> {
    let closed = std::fs::set_permissions(folder, Permissions::from_mode(0o700));
    closed.map_err(|source| Error::File { path: folder.to_owned(), source })
}

/// Takes the lock of a file; `None` where another process has it.
pub(crate) fn lock(path: &Path) -> Result<Option<FileLock>, Error> {
    FileLock::take(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Removes files of a folder, as far as they are there.
pub(crate) fn remove(folder: &Path, names: &[&str]) {
    for name in names {
        // One that stays is in the way of the next try, which says so.
        let _ = std::fs::remove_file(folder.join(name));
    }
}

/// Returns whether a file of a unit's folder is for the unit's own eyes: keys, and the owner's token.
pub(crate) fn is_secret(name: &str) -> bool {
    let is_plain = !name.contains(['/', '\\']) && !name.starts_with('.');
    is_plain && (name.ends_with(".key") || name == OWNER_TOKEN)
}

/// Returns the secret files of a unit's folder, by name.
pub(crate) fn secrets(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let wrong = |source| Error::File { path: folder.to_owned(), source };
    let mut secrets = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_secret(&name) && entry.path().is_file() {
            let bytes = std::fs::read(entry.path())
                .map_err(|source| Error::File { path: entry.path(), source })?;
            secrets.insert(name, bytes);
        }
    }
    if secrets.contains_key(KEY) {
        return Ok(secrets);
    }
    Err(Error::NoFile { path: folder.join(KEY) })
}
