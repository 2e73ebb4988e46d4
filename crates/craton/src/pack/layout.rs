//! An OCI image layout on the disk: a folder, or a tar of one. All of it is held in memory, within limits.

use super::oci::{self, Descriptor, Index};
use super::{Error, layer, limits};
use crate::error::Error as Cli;
use base::{Problem, hex, is_digest, sha256};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use unit::{Blobs, FileBlobs, sync_name};

/// Which version the layout has.
const MARKER: &str = "oci-layout";
/// What is in it.
const INDEX: &str = "index.json";
/// The folder of its blobs.
const BLOBS: &str = "blobs/sha256";

/// A layout.
#[derive(Debug, Default)]
pub struct Layout {
    /// What the user knows it by.
    shown: String,
    marker: Vec<u8>,
    index: Vec<u8>,
    /// The blobs, by the digits of their digest.
    blobs: BTreeMap<String, Vec<u8>>,
}

impl Layout {
    /// Returns a layout without anything.
    pub fn empty() -> Self {
        let marker = json!({"imageLayoutVersion": oci::LAYOUT_VERSION}).to_string().into_bytes();
        Self { marker, ..Self::default() }
    }

    /// Adds a blob and returns what points at it.
    pub fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        let descriptor = Descriptor::of(media_type, &bytes);
        self.blobs.insert(hex(&sha256(&bytes)), bytes);
        descriptor
    }

    /// Adds a document as a blob.
    ///
    /// # Errors
    /// `package.damaged` where it cannot be written, which is a defect.
    pub fn add_document<T: Serialize>(
        &mut self,
        media_type: &str,
        document: &T,
    ) -> Result<Descriptor, Error> {
        let bytes = serde_json::to_vec(document).map_err(|error| Error::Damaged {
            part: media_type.into(),
            reason: error.to_string(),
        })?;
        Ok(self.add(media_type, bytes))
    }

    /// Says what is in it.
    ///
    /// # Errors
    /// `package.damaged` where it cannot be written, which is a defect.
    pub fn set_index(&mut self, manifests: Vec<Descriptor>) -> Result<(), Error> {
        self.index = serde_json::to_vec(&Index::of(manifests))
            .map_err(|error| Error::Damaged { part: INDEX.into(), reason: error.to_string() })?;
        Ok(())
    }

    /// Reads a layout.
    ///
    /// # Errors
    /// `cli.file` where it cannot be read, `package.layout`, `package.content`, `package.too_large`.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let about = std::fs::metadata(path).map_err(|error| Cli::unreadable(path, error))?;
        if about.is_dir() { from_folder(path) } else { from_tar(path) }
    }

    fn check_marker(&self) -> Result<(), Error> {
        let marker: Value = self.document(MARKER, &self.marker)?;
        if marker["imageLayoutVersion"] != oci::LAYOUT_VERSION {
            return Err(self.wrong(format!("`{MARKER}` is of another version")));
        }
        Ok(())
    }

    /// Returns what is in it.
    ///
    /// # Errors
    /// `package.layout`, `package.too_large`.
    pub fn manifests(&self) -> Result<Vec<Descriptor>, Error> {
        let index: Index = self.document(INDEX, &self.index)?;
        if index.schema_version != 2 {
            return Err(self.wrong(format!("`{INDEX}` is of another version")));
        }
        if limits::MANIFESTS_MAX < index.manifests.len() {
            let limit = limits::MANIFESTS_MAX as u64;
            return Err(Error::TooLarge { what: "the number of manifests".into(), limit });
        }
        Ok(index.manifests)
    }

    /// Returns a blob, once it is what points at it says.
    ///
    /// # Errors
    /// `package.layout` where it is of another type or missing, `package.damaged` where size or digest differ.
    pub fn blob(&self, at: &Descriptor, media_type: &str) -> Result<&[u8], Error> {
        if at.media_type != media_type {
            let shown: String = at.media_type.chars().take(80).collect();
            return Err(self.wrong(format!("`{shown}` stands where `{media_type}` belongs")));
        }
        let digits = at.digits().ok_or_else(|| self.wrong("a digest is not of SHA-256".into()))?;
        let bytes = self
            .blobs
            .get(digits)
            .ok_or_else(|| self.wrong(format!("the blob {} is missing", at.digest)))?;
        let damaged = |reason: String| Error::Damaged { part: at.digest.clone(), reason };
        if bytes.len() as u64 != at.size {
            return Err(damaged(format!("it has {} bytes instead of {}", bytes.len(), at.size)));
        }
        if hex(&sha256(bytes)) != digits {
            return Err(damaged("its digest is another".into()));
        }
        Ok(bytes)
    }

    /// Reads a document that a blob holds.
    ///
    /// # Errors
    /// As [`Layout::blob`], and where it is no such document.
    pub fn read<T: DeserializeOwned>(&self, at: &Descriptor, media_type: &str) -> Result<T, Error> {
        self.document(&at.digest, self.blob(at, media_type)?)
    }

    fn document<T: DeserializeOwned>(&self, name: &str, bytes: &[u8]) -> Result<T, Error> {
        if limits::DOCUMENT_BYTES_MAX < bytes.len() as u64 {
            let what = format!("`{name}`");
            return Err(Error::TooLarge { what, limit: limits::DOCUMENT_BYTES_MAX });
        }
        serde_json::from_slice(bytes).map_err(|error| self.wrong(format!("`{name}`: {error}")))
    }

    /// Returns the error of a layout that is none.
    pub fn wrong(&self, reason: String) -> Error {
        Error::Layout { package: self.shown.clone(), reason }
    }

    /// Takes a file of the layout, by its path in it.
    fn take(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let before = match path {
            MARKER => std::mem::replace(&mut self.marker, bytes),
            INDEX => std::mem::replace(&mut self.index, bytes),
            _ => {
                let digits = path.strip_prefix(BLOBS).and_then(|rest| rest.strip_prefix('/'));
                let Some(digits) = digits.filter(|digits| is_digest(digits)) else {
                    let reason = "it does not belong into an OCI layout";
                    return Err(Error::Content { path: path.into(), reason });
                };
                self.blobs.insert(digits.to_owned(), bytes).unwrap_or_default()
            }
        };
        if before.is_empty() {
            return Ok(());
        }
        Err(Error::Content { path: path.into(), reason: "it is there twice" })
    }

    /// Returns the files of the layout, by their path in it.
    fn files(&self) -> Vec<(String, &[u8])> {
        let mut files =
            vec![(MARKER.to_owned(), &self.marker[..]), (INDEX.to_owned(), &self.index[..])];
        let blobs = self.blobs.iter();
        files.extend(blobs.map(|(digits, bytes)| (format!("{BLOBS}/{digits}"), &bytes[..])));
        files
    }

    /// Returns the layout as a tar.
    ///
    /// # Errors
    /// `package.damaged` where it cannot be written, which is a defect.
    pub fn to_tar(&self) -> Result<Vec<u8>, Error> {
        let files = self.files();
        layer::tar_of(files.iter().map(|(path, bytes)| (path.as_str(), *bytes)))
    }

    /// Writes the layout to a new place: a tar where the name ends with `.tar`, else a folder. It appears there as a whole.
    ///
    /// # Errors
    /// `cli.usage` where something is there, `cli.file`.
    pub fn save(&self, to: &Path) -> Result<(), Problem> {
        if std::fs::symlink_metadata(to).is_ok() {
            let reason = format!("`{}` is there already", to.display());
            return Err(Cli::usage(reason, "choose another name, or remove it first").into());
        }
        let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let saved = if is_tar(to) {
            self.save_tar(to, parent, &self.to_tar()?)
        } else {
            self.save_folder(to, parent)
        };
        saved.and_then(|()| sync_name(to)).map_err(|error| Cli::unwritable(to, error).into())
    }

    fn save_tar(&self, to: &Path, parent: &Path, tar: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(parent)?;
        file.write_all(tar)?;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        file.persist_noclobber(to).map(|_| ()).map_err(|error| error.error)
    }

    fn save_folder(&self, to: &Path, parent: &Path) -> std::io::Result<()> {
        let folder = tempfile::tempdir_in(parent)?;
        let blobs = FileBlobs::new(folder.path());
        for (path, bytes) in self.files() {
            let put = blobs.put(&path, &mut |out| Write::write_all(out, bytes));
            put.map_err(std::io::Error::other)?;
        }
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        std::fs::rename(folder.path(), to)?;
        // It is not where it was made any more: there is nothing to clean up.
        let _ = folder.keep();
        Ok(())
    }
}

/// Returns whether a place is meant to be a file, by its name.
fn is_tar(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tar")
}

/// Counts the bytes and entries of a layout that is read.
#[derive(Debug, Default)]
struct Sum {
    bytes: u64,
    entries: usize,
}

impl Sum {
    fn admit(&mut self, size: u64) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(size);
        self.entries += 1;
        if limits::PACKAGE_BYTES_MAX < self.bytes {
            let limit = limits::PACKAGE_BYTES_MAX;
            return Err(Error::TooLarge { what: "the package".into(), limit });
        }
        if limits::ENTRIES_MAX < self.entries {
            let limit = limits::ENTRIES_MAX as u64;
            return Err(Error::TooLarge { what: "the number of blobs".into(), limit });
        }
        Ok(())
    }
}

fn from_tar(path: &Path) -> Result<Layout, Problem> {
    // Each entry has a head, and is filled up to whole blocks.
    let limit = limits::PACKAGE_BYTES_MAX + 2 * 512 * (limits::ENTRIES_MAX as u64 + 2);
    of_tar(path.display().to_string(), &bytes_of(path, limit)?)
}

/// Reads the layout in a tar; `shown` is what the user knows it by.
///
/// # Errors
/// `package.layout`, `package.content`, `package.too_large`.
pub fn of_tar(shown: String, bytes: &[u8]) -> Result<Layout, Problem> {
    let mut layout = Layout { shown, ..Layout::default() };
    let mut sum = Sum::default();
    let taken =
        layer::each_file(bytes, |_, size| sum.admit(size), |path, bytes| layout.take(&path, bytes));
    match taken {
        // Whatever cannot be read as a tar is no package at all.
        Err(Error::Damaged { reason, .. }) => Err(layout.wrong(reason).into()),
        Err(error) => Err(error.into()),
        Ok(()) => {
            layout.check_marker()?;
            Ok(layout)
        }
    }
}

fn from_folder(folder: &Path) -> Result<Layout, Problem> {
    let mut layout = Layout { shown: folder.display().to_string(), ..Layout::default() };
    let mut sum = Sum::default();
    let mut paths = vec![MARKER.to_owned(), INDEX.to_owned()];
    let blobs = folder.join(BLOBS);
    if !folder.join(MARKER).exists() || !blobs.is_dir() {
        return Err(layout.wrong(format!("it has no `{MARKER}` or no `{BLOBS}`")).into());
    }
    let entries = std::fs::read_dir(&blobs).map_err(|error| Cli::unreadable(&blobs, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Cli::unreadable(&blobs, error))?;
        paths.push(format!("{BLOBS}/{}", entry.file_name().to_string_lossy()));
        if limits::ENTRIES_MAX < paths.len() {
            let limit = limits::ENTRIES_MAX as u64;
            return Err(Error::TooLarge { what: "the number of blobs".into(), limit }.into());
        }
    }
    for path in paths {
        let full = folder.join(&path);
        let about = std::fs::symlink_metadata(&full);
        let about = about.map_err(|error| Cli::unreadable(&full, error))?;
        if !about.is_file() {
            let reason = "only plain files belong into a package";
            return Err(Error::Content { path, reason }.into());
        }
        sum.admit(about.len())?;
        layout.take(&path, bytes_of(&full, limits::PACKAGE_BYTES_MAX)?)?;
    }
    layout.check_marker()?;
    Ok(layout)
}

fn bytes_of(path: &Path, limit: u64) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|error| Cli::unreadable(path, error))?;
    if limit < bytes.len() as u64 {
        let what = format!("`{}`", path.display());
        return Err(Error::TooLarge { what, limit: limits::PACKAGE_BYTES_MAX }.into());
    }
    Ok(bytes)
}
