//! Blobs: files that are written once as a whole, and on the disk before a commit names them.
//!
//! A blob appears under its name with all its bytes or not at all. It takes no part in commits: whoever writes one puts it first
//! and commits its name then. What no commit names after a crash is rubbish, to be found by [`Blobs::list`] and deleted.

use crate::Error;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The ending of a blob that is being written.
const UNFINISHED: &str = ".tmp";

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 256 << 10;

/// Writes the bytes of a blob, one portion behind the other.
pub type Write<'a> = dyn FnMut(&mut (dyn io::Write + Send)) -> io::Result<()> + 'a;

/// A place for blobs. Names are relative paths of `/`-separated parts.
pub trait Blobs: Send + Sync {
    /// Writes a blob, in place of the one that has the name. It is on the disk, with its name, when this returns.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Unavailable`]: what had the name before is still there, or the new one is, as a whole.
    fn put(&self, name: &str, write: &mut Write<'_>) -> Result<(), Error>;

    /// Returns the bytes of a range that lies within a blob.
    ///
    /// # Errors
    /// [`Error::Damaged`] where there is no such blob or it is too short, [`Error::Unavailable`].
    fn read(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, Error>;

    /// Returns the bytes of a blob; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn size(&self, name: &str) -> Result<Option<u64>, Error>;

    /// Returns the names that begin with the folder `prefix`, with their sizes, by name. What a crash left unfinished is among them.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Error>;

    /// Deletes a blob, where there is one. After a crash it may be there again, until [`Blobs::settle`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn delete(&self, name: &str) -> Result<(), Error>;

    /// Sees to it that what was deleted in a folder, and in those inside, is not there again after a crash.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn settle(&self, folder: &str) -> Result<(), Error>;
}

/// Returns the name that a blob has while it is written.
pub(crate) fn unfinished(name: &str) -> String {
    format!("{name}{UNFINISHED}")
}

/// Returns what a range that is not there means.
pub(crate) fn missing(name: &str, range: &Range<u64>) -> Error {
    let reason = format!("blob `{name}` does not hold bytes {} to {}", range.start, range.end);
    Error::Damaged { reason }
}

/// Says what a failure to write or read means.
pub(crate) fn failed(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full,
        _ => Error::Unavailable { reason: error.to_string() },
    }
}

/// Blobs as files of a folder.
#[derive(Debug)]
pub struct FileBlobs {
    root: PathBuf,
}

impl FileBlobs {
    /// Returns the blobs of a folder, which is made with the first.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn path(&self, name: &str) -> Result<PathBuf, Error> {
        let is_plain = name.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !is_plain {
            return Err(Error::Unavailable { reason: format!("`{name}` is no name of a blob") });
        }
        Ok(self.root.join(name))
    }

    fn write(&self, name: &str, write: &mut Write<'_>) -> io::Result<()> {
        let path = self.path(name).map_err(io::Error::other)?;
        make_folder(path.parent().unwrap_or(&self.root))?;
        let unfinished = self.root.join(unfinished(name));
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, File::create(&unfinished)?);
        write(&mut file)?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        put_in_place(&file, &unfinished, &path)
    }

    fn add(&self, folder: &Path, found: &mut Vec<(String, u64)>) -> io::Result<()> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let kind = entry.metadata()?;
            if kind.is_dir() {
                self.add(&entry.path(), found)?;
                continue;
            }
            let path = entry.path();
            let name = path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy();
            found.push((name.into_owned(), kind.len()));
        }
        Ok(())
    }
}

/// Makes a folder and those it stands in; their names are on the disk when this returns.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new("/"));
    make_folder(parent)?;
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_name(folder)
}

/// Gives a file that was written as `draft` its name: whenever the machine stops, the disk has what had the name before or the whole
/// new file, and once this returns the new one.
///
/// # Errors
/// What the disk says; after a failed rename the draft is still there.
pub fn put_in_place(file: &File, draft: &Path, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    std::fs::rename(draft, path)?;
    sync_name(path)
}

/// Brings the name of a file or folder to the disk.
///
/// # Errors
/// What the disk says.
pub fn sync_name(path: &Path) -> io::Result<()> {
    let full = std::path::absolute(path)?;
    File::open(full.parent().unwrap_or(Path::new("/")))?.sync_all()
}

impl Blobs for FileBlobs {
    fn put(&self, name: &str, write: &mut Write<'_>) -> Result<(), Error> {
        self.write(name, write).map_err(|error| failed(&error))
    }

    fn read(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(self.path(name).map_err(io::Error::other)?)?;
            file.seek(SeekFrom::Start(range.start))?;
            let size = range.end.saturating_sub(range.start);
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
            file.take(size).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) if bytes.len() as u64 == range.end.saturating_sub(range.start) => Ok(bytes),
            Ok(_) => Err(missing(name, &range)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing(name, &range)),
            Err(error) => Err(failed(&error)),
        }
    }

    fn size(&self, name: &str) -> Result<Option<u64>, Error> {
        match std::fs::metadata(self.path(name)?) {
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Error> {
        let mut found = Vec::new();
        self.add(&self.root.join(prefix), &mut found).map_err(|error| failed(&error))?;
        found.sort();
        Ok(found)
    }

    fn delete(&self, name: &str) -> Result<(), Error> {
        match std::fs::remove_file(self.path(name)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&error)),
            _ => Ok(()),
        }
    }

    fn settle(&self, folder: &str) -> Result<(), Error> {
        sync_folders(&self.path(folder)?).map_err(|error| failed(&error))
    }
}

/// Brings the names of a folder and of those inside to the disk.
fn sync_folders(folder: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}

/// Blobs in memory, for tests. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryBlobs {
    held: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl MemoryBlobs {
    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blobs for MemoryBlobs {
    fn put(&self, name: &str, write: &mut Write<'_>) -> Result<(), Error> {
        let mut bytes = Vec::new();
        write(&mut bytes).map_err(|error| failed(&error))?;
        self.held().insert(name.to_owned(), bytes);
        Ok(())
    }

    fn read(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let held = self.held();
        let part = held.get(name).and_then(|bytes| {
            bytes.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
        });
        part.map(<[u8]>::to_vec).ok_or_else(|| missing(name, &range))
    }

    fn size(&self, name: &str) -> Result<Option<u64>, Error> {
        Ok(self.held().get(name).map(|bytes| bytes.len() as u64))
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Error> {
        let held = self.held();
        let found = held.iter().filter(|(name, _)| is_in(name, prefix));
        Ok(found.map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect())
    }

    fn delete(&self, name: &str) -> Result<(), Error> {
        self.held().remove(name);
        Ok(())
    }

    fn settle(&self, _folder: &str) -> Result<(), Error> {
        Ok(())
    }
}

/// Returns whether a name stands in a folder.
pub(crate) fn is_in(name: &str, folder: &str) -> bool {
    folder.is_empty() || name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}
