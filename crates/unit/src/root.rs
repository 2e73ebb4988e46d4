//! The root key outside the unit: taken out of its folder, and used by the command line to sign what the unit asks for.

use crate::{Error, files};
use base::Problem;
use exchange::{Identity, KeyEntry, Root};
use serde_json::Value;
use std::path::Path;

/// Takes the root's secret key out of a unit's folder and writes it to a new file, readable by its owner alone. A unit that runs
/// has it in memory until it is started again.
///
/// # Errors
/// `unit.key` where the root is not there, `unit.file`, `peer.card`.
pub fn take_root(folder: &Path, to: &Path) -> Result<(), Problem> {
    let path = folder.join(files::KEY);
    let mut identity = Identity::from_text(&files::read(&path)?)?;
    let Some(root) = identity.take_root() else {
        return Err(Error::Key { reason: "the root key is not in the unit's folder".into() }.into());
    };
    // The copy is on the disk before the original goes.
    files::write(to, &format!("{root}\n"), true)?;
    files::replace(&path, &identity.to_text(), true)?;
    Ok(())
}

/// Signs a signing key with the root key in a file; `entry` is what `key.prepare` or `key.list` say of it.
///
/// # Errors
/// `unit.file`, `unit.key` where the file is not the root of this unit, `peer.card` where the entry is none.
pub fn sign_key(root: &Path, unit: &str, entry: &Value) -> Result<String, Problem> {
    let root = Root::from_text(&files::read(root)?)?;
    if root.unit() != unit {
        let reason = format!("this is the root key of the unit {}, not of {unit}", root.unit());
        return Err(Error::Key { reason }.into());
    }
    let entry: KeyEntry = serde_json::from_value(entry.clone())
        .map_err(|error| Error::Key { reason: error.to_string() })?;
    Ok(root.sign(&entry))
}
