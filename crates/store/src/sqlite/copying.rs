//! Copying the write-ahead log into the main file beside the commits, on a thread and a connection of its own.
//!
//! A read transaction stands at the end of what is copied, until the outcome is known: so long the log cannot begin anew, whatever
//! SQLite has noted of the copy. Where the sync of the main file fails, the log still has all of it.

use super::file::{self, Place, failure};
use crate::Error;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode};
use std::thread::JoinHandle;

/// How much of the log is in the main file after a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Copied {
    /// Nothing, or too little of it: a snapshot, or the disk, was in the way.
    Little,
    /// More than half of it.
    Most,
    /// All of it.
    All,
}

/// A copy that is under way.
pub(super) struct Copying {
    thread: JoinHandle<Result<Copied, Error>>,
    /// The read transaction.
    _end: Connection,
}

impl Copying {
    /// Begins to copy what stands in the log now.
    ///
    /// # Errors
    /// Where no connection, or no thread, can be had.
    pub fn begin(place: &Place, wal_pages_max: u32) -> Result<Self, Error> {
        let end = place.connect()?;
        end.execute_batch("BEGIN").map_err(failure)?;
        end.query_row("SELECT count(*) FROM head", (), |_| Ok(())).map_err(failure)?;
        let place = place.clone();
        let thread = std::thread::Builder::new().name("store-copy".into());
        let thread = thread.spawn(move || copy(&place, wal_pages_max));
        let thread = thread.map_err(|error| Error::Unavailable { reason: error.to_string() })?;
        Ok(Self { thread, _end: end })
    }

    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until it is over. On a full disk it has copied little.
    ///
    /// # Errors
    /// Where it is not known what of the main file is on the disk.
    pub fn end(self) -> Result<Copied, Error> {
        let lost = |_| Error::Unavailable { reason: "copying the log has ended early".into() };
        match self.thread.join().map_err(lost)? {
            Err(Error::Full) => Ok(Copied::Little),
            result => result,
        }
    }
}

fn copy(place: &Place, wal_pages_max: u32) -> Result<Copied, Error> {
    let connection = place.connect()?;
    file::set_log(&connection, wal_pages_max).map_err(failure)?;
    checkpoint(&connection, CheckpointMode::PASSIVE)
}

/// Copies the log as far as snapshots let it.
///
/// # Errors
/// [`Error::Full`], and others where it is not known what of the main file is on the disk.
pub(super) fn checkpoint(connection: &Connection, mode: CheckpointMode) -> Result<Copied, Error> {
    match connection.wal_checkpoint_v2(Some("main"), mode) {
        Ok((pages, copied)) if pages == copied => Ok(Copied::All),
        Ok((pages, copied)) if pages < copied.saturating_mul(2) => Ok(Copied::Most),
        Ok(_) => Ok(Copied::Little),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
            Ok(Copied::Little)
        }
        Err(error) => Err(failure(error)),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]
mod tests {
    use super::*;
    use crate::SimulatedDisk;

    #[test]
    fn a_copy_that_was_in_vain_says_so() {
        let disk = SimulatedDisk::new(1);
        let place = Place::simulated(&disk, "store");
        let writer = place.create().unwrap();
        let snapshot = place.connect().unwrap();
        snapshot.execute_batch("BEGIN").unwrap();
        snapshot.query_row("SELECT count(*) FROM head", (), |_| Ok(())).unwrap();
        writer.execute("INSERT INTO kv (k, v) VALUES (x'01', zeroblob(100000))", ()).unwrap();
        let copied = || Copying::begin(&place, 4_000).unwrap().end().unwrap();
        assert_eq!(copied(), Copied::Little, "a snapshot reads the main file as it was");
        snapshot.execute_batch("ROLLBACK").unwrap();
        disk.set_room(Some(0));
        assert_eq!(copied(), Copied::Little, "the disk is full");
        disk.set_room(None);
        assert_eq!(copied(), Copied::All);
    }
}
