//! A store in a SQLite file with a write-ahead log.
//!
//! One connection writes; snapshots are read transactions of other connections. The thread that commits reads through the
//! writing connection, whose pages are warm, until the next commit: then such a snapshot gets a connection of its own.
//!
//! Invariants: nobody else has the file open (a lock file, and SQLite's own lock); what a snapshot shows is durable.
//!
//! After a failed sync of a commit its pages may or may not be on the disk, but no connection sees them: they lie behind
//! the end of the log. The store writes and syncs over them before anything else, which makes certain that they are gone.
//! After a failed sync of a checkpoint the store closes all connections and opens anew, so that the whole log is copied
//! again: SQLite would go on after the pages that it had copied, and the system writes those no second time.

mod check;
mod copying;
mod file;
mod freed;
mod image;
mod read;
mod upgrade;
mod write;

use crate::{Batch, Config, Error, FileLock, Formats, Image, SimulatedDisk, Snapshot, Store};
use file::Place;
use read::{Readers, SqliteSnapshot};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use write::Writer;

/// Portions of free pages that are written over in one go.
const OVERWRITES_MAX: usize = 4_096;

/// A store in a SQLite file.
pub struct SqliteStore {
    inner: Arc<Inner>,
}

/// What a store and its snapshots share. Locks are taken in the order writer, readers, view.
struct Inner {
    writer: Mutex<Writer>,
    readers: Readers,
    /// The thread that committed last.
    thread: Mutex<Option<ThreadId>>,
    /// Held for as long as anything of the store is in use.
    _lock: Option<FileLock>,
}

impl SqliteStore {
    /// Opens the store in a file, or makes it where there is none; its folder is made too.
    ///
    /// # Errors
    /// [`Error::InUse`] where another process has it, [`Error::Newer`] where a newer version wrote it,
    /// [`Error::Damaged`] where it is no store, [`Error::Full`] and [`Error::Unavailable`].
    pub fn open(path: impl AsRef<Path>, config: &Config) -> Result<Self, Error> {
        let path = path.as_ref();
        let lock = file::lock(path)?;
        Self::open_at(Place::real(path), config, Some(lock))
    }

    /// Opens the store of a name on a simulated disk.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(disk: &SimulatedDisk, name: &str, config: &Config) -> Result<Self, Error> {
        Self::open_at(Place::simulated(disk, name), config, None)
    }

    /// Returns the format of the store in a file, which nobody has open; nothing where there is no file.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it is no store, [`Error::InUse`], [`Error::Unavailable`].
    pub fn format(path: impl AsRef<Path>) -> Result<Option<u32>, Error> {
        upgrade::format_of(path.as_ref())
    }

    /// The format that this version writes.
    pub const FORMAT: u32 = file::FORMAT;

    /// Brings the store in a file, which nobody has open, to the newest format. Returns the format that it had.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Newer`], [`Error::Older`] where no step leads from its format, and those of the disk.
    pub fn upgrade(path: impl AsRef<Path>, formats: &Formats) -> Result<u32, Error> {
        upgrade::upgrade_file(path.as_ref(), formats)
    }

    /// As [`Self::upgrade`], for the store of a name on a simulated disk.
    ///
    /// # Errors
    /// As [`Self::upgrade`].
    pub fn upgrade_on(disk: &SimulatedDisk, name: &str, formats: &Formats) -> Result<u32, Error> {
        upgrade::upgrade_at(&Place::simulated(disk, name), formats)
    }

    /// Brings all of the store in a file, which nobody has open, into the file itself, whatever its format: it can be copied then.
    ///
    /// # Errors
    /// [`Error::InUse`], and those of the disk.
    pub fn settle(path: impl AsRef<Path>) -> Result<(), Error> {
        upgrade::settle_file(path.as_ref())
    }

    fn open_at(place: Place, config: &Config, lock: Option<FileLock>) -> Result<Self, Error> {
        let writer = Writer::open(place.clone(), config.clone())?;
        let readers = Readers::new(place, config.clone());
        let thread = Mutex::new(None);
        let inner = Inner { writer: Mutex::new(writer), readers, thread, _lock: lock };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Inner {
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the writer for a change, on the thread that from now on reads through it.
    fn writer_to_change(&self) -> Result<MutexGuard<'_, Writer>, Error> {
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(std::thread::current().id());
        self.writer_to_tidy()
    }

    /// Takes the writer for a change that is no commit, on any thread.
    fn writer_to_tidy(&self) -> Result<MutexGuard<'_, Writer>, Error> {
        let mut writer = self.writer();
        writer.settle()?;
        writer.shorten_log(&self.readers)?;
        writer.pin_snapshots(&self.readers)?;
        Ok(writer)
    }

    fn is_writing_thread(&self) -> bool {
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner)
            == Some(std::thread::current().id())
    }
}

impl Store for SqliteStore {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        let of_writer = self
            .inner
            .is_writing_thread()
            .then(|| SqliteSnapshot::of_writer(&self.inner))
            .flatten();
        Ok(Box::new(match of_writer {
            Some(snapshot) => snapshot,
            None => SqliteSnapshot::of_reader(&self.inner)?,
        }))
    }

    fn open_epoch(&self, partition: u16) -> Result<u64, Error> {
        self.inner.writer_to_change()?.open_epoch(partition)
    }

    fn commit(&self, partition: u16, batch: &Batch) -> Result<u64, Error> {
        self.inner.writer_to_change()?.commit(partition, batch)
    }

    fn bytes_synced(&self) -> u64 {
        self.inner.writer().bytes_synced()
    }

    fn overwrite_freed(&self) -> Result<bool, Error> {
        self.inner.writer_to_tidy()?.begin_overwriting()?;
        // What is deleted meanwhile is written over as well, unless it never ends.
        let mut is_done = false;
        for _ in 0..OVERWRITES_MAX {
            // Between two portions others get the writer.
            is_done = self.inner.writer_to_tidy()?.overwrite_some()? == 0;
            if is_done {
                break;
            }
        }
        self.inner.writer_to_tidy()?.end_overwriting()?;
        Ok(is_done)
    }

    fn forget_log(&self) -> Result<bool, Error> {
        let mut writer = self.inner.writer_to_tidy()?;
        writer.forget_log(&self.inner.readers)
    }

    fn image(&self) -> Result<Image, Error> {
        image::image(&self.inner)
    }

    fn verify(&self) -> Result<Vec<String>, Error> {
        match SqliteSnapshot::of_reader(&self.inner) {
            Ok(snapshot) => snapshot.read(check::verify),
            // Damage can be such that not even a snapshot can be had.
            Err(Error::Damaged { reason }) => Ok(vec![reason]),
            Err(error) => Err(error),
        }
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("place", self.inner.readers.place())
            .finish_non_exhaustive()
    }
}
