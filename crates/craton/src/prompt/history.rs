//! What was asked before, kept in the user's own state folder, where nobody else can read it.
//!
//! The file has one entry a line, as a JSON string, and only grows while a prompt runs: several prompts can write to it.

use super::limits::{ENTRY_BYTES_MAX, HISTORY_BYTES_MAX, HISTORY_ENTRIES_MAX};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The variable that names the file; empty where no history is wanted.
const FILE_VARIABLE: &str = "CRATON_HISTORY";
/// The file in the folder of the user's state (XDG base directories).
const FILE: &str = "craton/sql_history";
/// Words of statements that are not kept.
const SECRETS: [&str; 6] = ["password", "passwd", "secret", "token", "credential", "bearer"];

/// The history of one user. What goes wrong with it stops nobody from asking.
#[derive(Debug)]
pub struct History {
    path: Option<PathBuf>,
}

impl History {
    /// Returns the history of the user who runs the program.
    pub fn of_user() -> Self {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let path = match variable(FILE_VARIABLE) {
            Some(path) => Some(path).filter(|path| !path.as_os_str().is_empty()),
            None => variable("XDG_STATE_HOME")
                .filter(|folder| folder.is_absolute())
                .or_else(|| Some(variable("HOME")?.join(".local/state")))
                .map(|folder| folder.join(FILE)),
        };
        Self { path }
    }

    /// Returns the last entries, the oldest first; none where they cannot be read.
    pub fn entries(&self) -> Vec<String> {
        let Some(text) = self.path.as_deref().and_then(read) else { return Vec::new() };
        let mut entries: Vec<String> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let surplus = entries.len().saturating_sub(HISTORY_ENTRIES_MAX);
        entries.drain(..surplus);
        if HISTORY_ENTRIES_MAX < surplus {
            self.rewrite(&entries);
        }
        entries
    }

    /// Keeps an entry, where it may be kept; returns whether it may.
    pub fn keep(&self, entry: &str) -> bool {
        if !is_kept(entry) {
            return false;
        }
        if let Some(path) = &self.path {
            // Without a place for it the entry is there as long as the prompt.
            let _ = append(path, entry.trim_end());
        }
        true
    }

    /// Leaves only these entries in the file.
    fn rewrite(&self, entries: &[String]) {
        let Some(path) = &self.path else { return };
        let part = path.with_extension(format!("{}.part", std::process::id()));
        let written = entries.iter().try_for_each(|entry| append(&part, entry));
        // A file that remains as long as it was is no harm.
        let _ = written.and_then(|()| std::fs::rename(&part, path));
    }
}

/// Returns whether an entry may be kept: none that begins with a space, is very long, or may hold a secret.
pub fn is_kept(entry: &str) -> bool {
    let lower = entry.to_ascii_lowercase();
    !entry.trim().is_empty()
        && !entry.starts_with(char::is_whitespace)
        && entry.len() <= ENTRY_BYTES_MAX
        && !SECRETS.iter().any(|word| lower.contains(word))
}

fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(HISTORY_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn append(path: &Path, entry: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(PermissionsExt::from_mode(0o600))?;
    }
    // One write: entries of two prompts never mix.
    file.write_all(format!("{}\n", serde_json::Value::from(entry)).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_kept_for_their_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state/craton/sql_history");
        let history = History { path: Some(path.clone()) };
        assert!(history.entries().is_empty());
        assert!(history.keep("SELECT 1,\n  'é\\n';\n"));
        assert!(history.keep("\\d orders"));
        assert_eq!(history.entries(), ["SELECT 1,\n  'é\\n';", "\\d orders"]);
        let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_may_be_a_secret_is_not_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History { path: Some(folder.path().join("history")) };
        let long = "x".repeat(ENTRY_BYTES_MAX + 1);
        for entry in [
            " SELECT 1;",
            "",
            "SELECT * FROM users WHERE Password = 'x';",
            "SELECT 'Bearer abc';",
            long.as_str(),
        ] {
            assert!(!history.keep(entry), "{entry}");
        }
        assert!(history.entries().is_empty());
    }

    #[test]
    fn a_long_history_is_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History { path: Some(folder.path().join("history")) };
        let path = history.path.clone().expect("a path");
        let lines: String = (0..3 * HISTORY_ENTRIES_MAX).map(|n| format!("\"{n}\"\n")).collect();
        std::fs::write(&path, lines + "no JSON\n").expect("writes");
        let entries = history.entries();
        assert_eq!((entries.len(), entries[0].as_str()), (HISTORY_ENTRIES_MAX, "2000"));
        let lines = std::fs::read_to_string(&path).expect("reads").lines().count();
        assert_eq!(lines, HISTORY_ENTRIES_MAX, "the file is cut too");
        let none = History { path: None };
        assert!(none.keep("SELECT 1;") && none.entries().is_empty());
    }
}
