//! A file on its way: written beside its place under another name, synced, then renamed. Whatever ends the program, the file under
//! the name that was asked for is the old one or the whole new one.

use crate::error::Error;
use base::Problem;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

/// A file that is not whole yet. Dropping it removes it.
#[derive(Debug)]
pub struct Draft {
    /// Where it will be.
    target: PathBuf,
    /// Where it is.
    path: PathBuf,
    file: File,
}

impl Draft {
    /// Begins a file.
    ///
    /// # Errors
    /// `cli.usage` where something else than a file has the name, `cli.file` where it cannot be written there.
    pub fn begin(target: &Path) -> Result<Self, Problem> {
        let unwritable = |error| Problem::from(Error::unwritable(target, error));
        let held = std::fs::metadata(target).ok();
        if held.as_ref().is_some_and(|held| !held.is_file()) {
            let reason = format!("`{}` is there and is not a file", target.display());
            return Err(Error::usage(reason, "name a file with `--to FILE`").into());
        }
        // A link stays a link: what it leads to is replaced.
        let target = match &held {
            Some(_) => std::fs::canonicalize(target).map_err(unwritable)?,
            None => target.to_owned(),
        };
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = target.with_file_name(format!(".{name}.{}.part", std::process::id()));
        let made = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = made.map_err(|error| Problem::from(Error::unwritable(&target, error)))?;
        let draft = Self { target, path, file };
        if let Some(held) = held {
            let set = draft.file.set_permissions(held.permissions());
            set.map_err(|error| Problem::from(Error::unwritable(&draft.path, error)))?;
        }
        Ok(draft)
    }

    /// Returns where the file is as long as it is not whole.
    pub fn part(&self) -> &Path {
        &self.path
    }

    /// Returns the file to write to.
    ///
    /// # Errors
    /// `cli.file`.
    pub fn file(&self) -> Result<File, Problem> {
        self.file.try_clone().map_err(|error| self.unwritable(error))
    }

    /// Gives the file its name, once it is safely on the disk.
    ///
    /// # Errors
    /// `cli.file`.
    pub fn keep(self) -> Result<(), Problem> {
        let kept = unit::put_in_place(&self.file, &self.path, &self.target);
        kept.map_err(|error| self.unwritable(error))
    }

    /// Returns the problem of this file that could not be written.
    pub fn unwritable(&self, error: std::io::Error) -> Problem {
        Error::unwritable(&self.target, error).into()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // One that is kept is there no more; a part that cannot be removed is hidden, and says by its name what it is.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("a folder");
        let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(|entry| name(entry.expect("an entry"))).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_only_when_it_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("a.csv");
        let draft = Draft::begin(&target).expect("begins");
        draft.file().expect("a file").write_all(b"half").expect("writes");
        assert!(!target.exists());
        drop(draft);
        assert_eq!(names(folder.path()), Vec::<String>::new(), "nothing is left of a half");

        std::fs::write(&target, "old").expect("writes");
        let secret = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&target, secret).expect("sets");
        let draft = Draft::begin(&target).expect("begins");
        draft.file().expect("a file").write_all(b"whole").expect("writes");
        assert_eq!(std::fs::read_to_string(&target).expect("reads"), "old");
        draft.keep().expect("keeps");
        assert_eq!(std::fs::read_to_string(&target).expect("reads"), "whole");
        let mode = std::fs::metadata(&target).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "who could not read it still cannot");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[test]
    fn only_files_are_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Draft::begin(folder.path()).expect_err("refused").code, "cli.usage");
        assert_eq!(Draft::begin(Path::new("/dev/null")).expect_err("refused").code, "cli.usage");
        let missing = folder.path().join("no/such/a.csv");
        assert_eq!(Draft::begin(&missing).expect_err("refused").code, "cli.file");
    }
}
