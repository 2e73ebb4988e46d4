//! The sessions of whoever uses the command line, by unit: one file in his own configuration, for his eyes only.

use crate::error::Error;
use base::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A session as `craton login` saved it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// What tells it apart in the unit.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What the unit is called with.
    pub token: String,
    /// When it ends at the latest.
    pub expires: String,
}

/// Returns the session that is saved for a unit.
///
/// # Errors
/// `cli.file` where the file cannot be read.
pub fn find(unit: &str) -> Result<Option<Saved>, Problem> {
    let Some(path) = path() else { return Ok(None) };
    Ok(read(&path)?.remove(unit))
}

/// Saves a session for a unit, in place of an earlier one.
///
/// # Errors
/// `cli.file` where the file cannot be written, `cli.usage` where there is no place for it.
pub fn save(unit: &str, session: Saved) -> Result<PathBuf, Problem> {
    let path = path().ok_or_else(|| {
        Error::usage("there is no folder for your configuration", "set XDG_CONFIG_HOME or HOME")
    })?;
    let mut all = read(&path)?;
    all.insert(unit.to_owned(), session);
    write(&path, &all)?;
    Ok(path)
}

/// Forgets the session of a unit; returns it.
///
/// # Errors
/// `cli.file` where the file cannot be written.
pub fn forget(unit: &str) -> Result<Option<Saved>, Problem> {
    let Some(path) = path() else { return Ok(None) };
    let mut all = read(&path)?;
    let found = all.remove(unit);
    if found.is_some() {
        write(&path, &all)?;
    }
    Ok(found)
}

/// Where the sessions are kept: in `craton` in the folder that the XDG Base Directory Specification names.
fn path() -> Option<PathBuf> {
    let folder =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let configuration =
        folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(configuration.join("craton").join("sessions.json"))
}

fn read(path: &Path) -> Result<BTreeMap<String, Saved>, Problem> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(Error::unreadable(path, error).into()),
    };
    serde_json::from_str(&text).map_err(|error| {
        let reason = format!("`{}` holds no sessions: {error}", path.display());
        Error::usage(reason, "remove the file, then `craton login` again").into()
    })
}

/// Writes the file as a whole, so that a command beside this one reads the old one or the new one.
fn write(path: &Path, all: &BTreeMap<String, Saved>) -> Result<(), Problem> {
    let wrong = |error| Problem::from(Error::unwritable(path, error));
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder).map_err(wrong)?;
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let text = serde_json::to_string_pretty(all).map_err(|error| wrong(error.into()))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&beside).map_err(wrong)?;
    let written = file.write_all(text.as_bytes());
    written.and_then(|()| unit::put_in_place(&file, &beside, path)).map_err(wrong)
}
