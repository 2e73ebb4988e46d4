//! What of an application's folder goes into a package.
//!
//! Users stay at home: who works in a unit is that unit's business. A manifest of a user is cut out of its file, and the rest of
//! the file is carried as it is.

use super::layer::{self, Files};
use super::{Error, limits};
use crate::error::Error as Cli;
use crate::manifests::{self, node};
use base::Problem;
use std::io::Read;
use std::path::Path;

/// The endings of the files that a package carries.
const ENDINGS: [&str; 6] = ["yaml", "yml", "bpmn", "dmn", "form", "md"];
/// The kind that no package carries.
const USER: &str = "User";

/// What goes into a package, and what does not.
#[derive(Debug, Default)]
pub struct Content {
    /// The files, by their path in the folder.
    pub files: Files,
    /// How many users were left out.
    pub users: u64,
    /// Files that were left out.
    pub left: Vec<String>,
}

impl Content {
    /// Reads a folder.
    ///
    /// # Errors
    /// `cli.file`, `cli.yaml`, `package.content` for links, `package.too_large`.
    pub fn of(folder: &Path) -> Result<Self, Problem> {
        let mut content = Self::default();
        content.collect(folder, "")?;
        Ok(content)
    }

    fn collect(&mut self, folder: &Path, inside: &str) -> Result<(), Problem> {
        for file in manifests::inside(folder)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let path = format!("{inside}{name}");
            let about = std::fs::symlink_metadata(&file);
            let about = about.map_err(|error| Cli::unreadable(&file, error))?;
            if about.is_dir() {
                layer::check_path(&format!("{path}/x"))?;
                self.collect(&file, &format!("{path}/"))?;
            } else if !is_carried(&file) {
                self.left.push(path);
            } else if about.is_file() {
                layer::check_path(&path)?;
                self.take(&file, path)?;
            } else {
                let reason = "only plain files belong into a package";
                return Err(Error::Content { path, reason }.into());
            }
        }
        self.left.sort();
        Ok(())
    }

    fn take(&mut self, file: &Path, path: String) -> Result<(), Problem> {
        let mut bytes = Vec::new();
        std::fs::File::open(file)
            .and_then(|file| file.take(limits::FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(|error| Cli::unreadable(file, error))?;
        if limits::FILE_BYTES_MAX < bytes.len() as u64 {
            let (what, limit) = (format!("`{}`", file.display()), limits::FILE_BYTES_MAX);
            return Err(Error::TooLarge { what, limit }.into());
        }
        if manifests::is_yaml(file) {
            let text = String::from_utf8(bytes).map_err(|_| {
                Cli::unreadable(file, std::io::Error::from(std::io::ErrorKind::InvalidData))
            })?;
            let (kept, users) = without_users(&file.display().to_string(), &text)?;
            self.users += users;
            let Some(kept) = kept else { return Ok(()) };
            bytes = kept.into_bytes();
        }
        self.files.insert(path, bytes);
        if limits::FILES_MAX < self.files.len() {
            let limit = limits::FILES_MAX as u64;
            return Err(Error::TooLarge { what: "the number of files".into(), limit }.into());
        }
        Ok(())
    }
}

fn is_carried(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

/// Returns the text of a file without the documents of users, and how many there were; no text where nothing else was in it.
fn without_users(file: &str, text: &str) -> Result<(Option<String>, u64), Cli> {
    let count = |text: &str| -> Result<(usize, usize), Cli> {
        let nodes = node::documents(file, text)?;
        let users =
            nodes.iter().filter(|node| node.get("kind").is_some_and(|kind| kind.value() == USER));
        Ok((users.count(), nodes.len()))
    };
    let (users, all) = count(text)?;
    if users == 0 {
        return Ok((Some(text.to_owned()), 0));
    }
    let mut kept = String::new();
    for piece in documents(text) {
        if count(piece)?.0 == 0 {
            kept.push_str(piece);
        }
    }
    Ok(((users < all).then_some(kept), users as u64))
}

/// Returns the documents of a YAML text as they are written. By YAML's own rule a line that begins with `---` and a space, or is
/// `---` alone, begins one wherever it stands.
fn documents(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut begin, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        let rest = line.strip_prefix("---");
        let is_marker =
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if is_marker && begin < at {
            pieces.push(&text[begin..at]);
            begin = at;
        }
        at += line.len();
    }
    pieces.push(&text[begin..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>, users: u64) {
        let (kept, count) = without_users("f.yaml", text).expect("reads");
        assert_eq!((kept.as_deref(), count), (expected, users));
    }

    #[test]
    fn users_are_cut_out_of_their_files() {
        let role = "kind: Role\nspec:\n  policies: |\n    --- no marker\n";
        let user = "kind: User\nmetadata: {name: ana}\n";
        check(role, Some(role), 0);
        check(user, None, 1);
        check(&format!("{user}---\n{role}"), Some(&format!("---\n{role}")), 1);
        check(&format!("{role}---\n{user}--- # another\n{user}"), Some(role), 2);
        check(
            &format!("# all\n{role}---\r\n{user}---\n{role}"),
            Some(&format!("# all\n{role}---\n{role}")),
            1,
        );
    }
}
