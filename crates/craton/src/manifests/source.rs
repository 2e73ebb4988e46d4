//! Where manifests are read from: a folder on the disk, or the files of a package in memory.

use super::limits;
use crate::error::Error;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// A tree of files. Paths begin with what the user knows it by.
pub trait Source {
    /// Returns the path that all others begin with.
    fn root(&self) -> &Path;

    /// Returns the YAML files, by path, hidden ones left out.
    ///
    /// # Errors
    /// `cli.file`, `cli.too_large`.
    fn yaml(&self) -> Result<Vec<PathBuf>, Error>;

    /// Returns whether there is a file.
    fn has(&self, path: &Path) -> bool;

    /// Returns the text of a file.
    ///
    /// # Errors
    /// `cli.file` where it cannot be read, `cli.too_large`.
    fn text(&self, path: &Path, limit: u64) -> Result<String, Error>;
}

/// A folder.
#[derive(Debug)]
pub struct Disk<'a>(pub &'a Path);

impl Source for Disk<'_> {
    fn root(&self) -> &Path {
        self.0
    }

    fn yaml(&self) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        collect(self.0, 0, &mut files)?;
        Ok(files)
    }

    fn has(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn text(&self, path: &Path, limit: u64) -> Result<String, Error> {
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(limit + 1).read_to_string(&mut text))
            .map_err(|error| Error::unreadable(path, error))?;
        if limit < text.len() as u64 {
            return Err(Error::TooLarge { what: format!("`{}`", path.display()), limit });
        }
        Ok(text)
    }
}

/// The files of a package, by their path in it.
#[derive(Debug)]
pub struct Unpacked<'a> {
    /// What the user knows the package by.
    pub root: &'a Path,
    /// The files.
    pub files: &'a BTreeMap<String, Vec<u8>>,
}

impl Unpacked<'_> {
    fn bytes(&self, path: &Path) -> Option<&Vec<u8>> {
        let inside = path.strip_prefix(self.root).ok()?;
        let parts: Vec<&str> = inside
            .components()
            .filter_map(|component| match component {
                Component::Normal(part) => part.to_str(),
                _ => None,
            })
            .collect();
        self.files.get(&parts.join("/"))
    }
}

impl Source for Unpacked<'_> {
    fn root(&self) -> &Path {
        self.root
    }

    fn yaml(&self) -> Result<Vec<PathBuf>, Error> {
        let paths = self.files.keys().map(|path| self.root.join(path));
        Ok(paths.filter(|path| is_yaml(path)).collect())
    }

    fn has(&self, path: &Path) -> bool {
        self.bytes(path).is_some()
    }

    fn text(&self, path: &Path, limit: u64) -> Result<String, Error> {
        let wrong = |kind| Error::unreadable(path, std::io::Error::from(kind));
        let bytes = self.bytes(path).ok_or_else(|| wrong(std::io::ErrorKind::NotFound))?;
        if limit < bytes.len() as u64 {
            return Err(Error::TooLarge { what: format!("`{}`", path.display()), limit });
        }
        String::from_utf8(bytes.clone()).map_err(|_| wrong(std::io::ErrorKind::InvalidData))
    }
}

/// Returns whether a file has manifests, by its name.
pub fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Collects the YAML files of a folder and those inside it, by name, leaving hidden ones out.
fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    if limits::FOLDER_DEPTH_MAX < depth {
        let what = format!("the depth of `{}`", folder.display());
        return Err(Error::TooLarge { what, limit: limits::FOLDER_DEPTH_MAX as u64 });
    }
    for path in inside(folder)? {
        if path.is_dir() && !path.is_symlink() {
            collect(&path, depth + 1, files)?;
        } else if is_yaml(&path) {
            files.push(path);
        }
        if limits::FILES_MAX < files.len() {
            let what = "the number of files".into();
            return Err(Error::TooLarge { what, limit: limits::FILES_MAX as u64 });
        }
    }
    Ok(())
}

/// Returns the paths of what is directly in a folder, by name, hidden ones left out.
///
/// # Errors
/// `cli.file`.
pub fn inside(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |error| Error::unreadable(folder, error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_package_are_found_by_the_name_of_the_package() {
        let files = BTreeMap::from([
            ("a.yaml".to_owned(), b"x: 1\n".to_vec()),
            ("sub/b.bpmn".to_owned(), vec![0xff]),
        ]);
        let source = Unpacked { root: Path::new("p.tar"), files: &files };
        assert_eq!(source.yaml().expect("paths"), [PathBuf::from("p.tar/a.yaml")]);
        assert_eq!(source.text(Path::new("p.tar/./a.yaml"), 10).expect("a text"), "x: 1\n");
        assert!(source.text(Path::new("p.tar/a.yaml"), 3).is_err(), "too large");
        assert!(source.text(Path::new("p.tar/sub/b.bpmn"), 10).is_err(), "no text");
        assert!(source.text(Path::new("/etc/hostname"), 10).is_err(), "not in the package");
        assert!(source.has(Path::new("p.tar/sub/b.bpmn")) && !source.has(Path::new("p.tar/c")));
    }
}
