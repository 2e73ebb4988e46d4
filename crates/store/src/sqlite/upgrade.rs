//! Looks at the format of a store in a file, and brings an older one forward.

use super::file::{self, APPLICATION, Place, failure};
use crate::upgrade::{self, Upgradable};
use crate::{Error, Formats, Step};
use rusqlite::Connection;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Where the number of the format stands in the head of the file, and the mark of a store (SQLite, Database File Format, 1.3).
const FORMAT_AT: usize = 60;
const APPLICATION_AT: usize = 68;

/// Bytes of the head of the file.
const HEAD_BYTES: usize = 100;

/// The tables that a connection leads to.
struct Tables(Connection);

impl Upgradable for Tables {
    fn format(&self) -> Result<u32, Error> {
        self.0.query_row("PRAGMA user_version", (), |row| row.get(0)).map_err(failure)
    }

    fn take(&self, step: &Step) -> Result<(), Error> {
        let taken = self
            .0
            .execute_batch("BEGIN IMMEDIATE")
            .and_then(|()| self.0.execute_batch(step.sqlite))
            .and_then(|()| self.0.pragma_update(None, "user_version", step.from + 1))
            .and_then(|()| self.0.execute_batch("COMMIT"));
        if taken.is_err() && !self.0.is_autocommit() {
            // Where this fails, too, the file is opened anew: what has no end in the log is nothing.
            self.0.execute_batch("ROLLBACK").ok();
        }
        taken.map_err(failure)
    }
}

/// Returns the format of the store in a file; nothing where there is no file.
///
/// A crash may have left the last step, or the making of the store, in the log beside the file: it is brought into the file first.
pub(super) fn format_of(path: &Path) -> Result<Option<u32>, Error> {
    let unavailable = |error: std::io::Error| Error::Unavailable {
        reason: format!("`{}`: {error}", path.display()),
    };
    let has_log = std::fs::metadata(log_of(path)).is_ok_and(|log| 0 < log.len());
    if has_log && path.exists() {
        settle_file(path)?;
    }
    let mut head = [0; HEAD_BYTES];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(unavailable(error)),
        _ => {}
    }
    let number = |at: usize| {
        let bytes = head[at..].first_chunk::<4>().copied().unwrap_or_default();
        u32::from_be_bytes(bytes)
    };
    if number(APPLICATION_AT) == APPLICATION {
        return Ok(Some(number(FORMAT_AT)));
    }
    Err(Error::Damaged { reason: format!("`{}` is not a store of Craton", path.display()) })
}

/// Returns the name of the write-ahead log of a file.
fn log_of(path: &Path) -> std::ffi::OsString {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name
}

/// Brings the store in a file, which nobody has open, to the newest format. Returns the format that it had.
pub(super) fn upgrade_file(path: &Path, formats: &Formats) -> Result<u32, Error> {
    let _lock = file::lock(path)?;
    upgrade_at(&Place::real(path), formats)
}

/// As [`upgrade_file`], wherever the store lies.
pub(super) fn upgrade_at(place: &Place, formats: &Formats) -> Result<u32, Error> {
    let tables = Tables(place.connect()?);
    tables.0.execute_batch("PRAGMA synchronous = FULL").map_err(failure)?;
    let found = upgrade::upgrade(&tables, formats);
    // The head of the file tells the format: nothing of a step that was taken may be left in the log.
    let settled = settle(&tables.0);
    found.and_then(|found| settled.map(|()| found))
}

/// Brings all of the store in a file, which nobody has open, into the file itself: the log beside it is empty then.
pub(super) fn settle_file(path: &Path) -> Result<(), Error> {
    let _lock = file::lock(path)?;
    settle(&Place::real(path).connect()?)
}

fn settle(connection: &Connection) -> Result<(), Error> {
    let is_busy: u32 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))
        .map_err(failure)?;
    if is_busy == 0 { Ok(()) } else { Err(Error::InUse) }
}
