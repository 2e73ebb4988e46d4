//! Copying the write-ahead log into the main file beside the commits, on a thread and a connection of its own.
//!
//! A read transaction stands at the end of what is copied, until the outcome is known: so long the log cannot begin anew, whatever
//! SQLite has noted of the copy. Where the sync of the main file fails, the log still has all of it.

use super::file::{self, Place, failure};
use crate::Error;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode};
use std::thread::JoinHandle;

/// A copy that is under way.
pub(super) struct Copying {
    thread: JoinHandle<Result<(), Error>>,
    /// The read transaction.
    _end: Connection,
}

impl Copying {
    /// Begins to copy what stands in the log now.
    ///
    /// # Errors
    /// Where no connection, or no thread, can be had.
    pub fn begin(place: &Place, checkpoint_pages: u32) -> Result<Self, Error> {
        let end = place.connect()?;
        end.execute_batch("BEGIN").map_err(failure)?;
        end.query_row("SELECT count(*) FROM head", (), |_| Ok(())).map_err(failure)?;
        let place = place.clone();
        let thread = std::thread::Builder::new().name("store-copy".into());
        let thread = thread.spawn(move || copy(&place, checkpoint_pages));
        let thread = thread.map_err(|error| Error::Unavailable { reason: error.to_string() })?;
        Ok(Self { thread, _end: end })
    }

    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until it is over.
    ///
    /// # Errors
    /// Where it is not known what of the main file is on the disk.
    pub fn end(self) -> Result<(), Error> {
        let lost = |_| Error::Unavailable { reason: "copying the log has ended early".into() };
        match self.thread.join().map_err(lost)? {
            Err(Error::Full) => Ok(()),
            result => result,
        }
    }
}

fn copy(place: &Place, checkpoint_pages: u32) -> Result<(), Error> {
    let connection = place.connect()?;
    file::set_log(&connection, checkpoint_pages).map_err(failure)?;
    match connection.wal_checkpoint_v2(Some("main"), CheckpointMode::PASSIVE) {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
        Err(error) => Err(failure(error)),
    }
}
