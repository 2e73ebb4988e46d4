//! Brings a store of an older format forward: one step for each format that was ever released.
//!
//! A step is one transaction, with the number of the format in it: after a crash the store has one format or the next.

use super::file::{self, APPLICATION, FORMAT, failure};
use crate::Error;
use rusqlite::Connection;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Where the number of the format stands in the head of the file, and the mark of a store (SQLite, Database File Format, 1.3).
const FORMAT_AT: usize = 60;
const APPLICATION_AT: usize = 68;

/// Bytes of the head of the file.
const HEAD_BYTES: usize = 100;

/// A step from one format to the next.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// The format that it takes; it leaves the one after it.
    pub from: u32,
    /// What it changes.
    pub change: fn(&Connection) -> rusqlite::Result<()>,
}

/// The steps of this version. There is one format so far.
pub(super) const STEPS: &[Step] = &[];

/// Returns the format of the store in a file; nothing where there is no file. The file is only looked at.
pub(super) fn format_of(path: &Path) -> Result<Option<u32>, Error> {
    let unavailable = |error: std::io::Error| Error::Unavailable {
        reason: format!("`{}`: {error}", path.display()),
    };
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

/// Takes the steps from the format that a store has to `known`. Returns the format that it had.
pub(super) fn upgrade(connection: &Connection, known: u32, steps: &[Step]) -> Result<u32, Error> {
    let found: u32 =
        connection.query_row("PRAGMA user_version", (), |row| row.get(0)).map_err(failure)?;
    if known < found {
        return Err(Error::Newer { found, known });
    }
    for from in found..known {
        let step = steps.iter().find(|step| step.from == from);
        let step = step.ok_or(Error::Older { found: from, known })?;
        let taken = connection
            .execute_batch("BEGIN IMMEDIATE")
            .and_then(|()| (step.change)(connection))
            .and_then(|()| {
                connection.execute_batch(&format!("PRAGMA user_version = {}; COMMIT", from + 1))
            });
        if let Err(error) = taken {
            // Where SQLite has ended the transaction by itself there is nothing to take back.
            connection.execute_batch("ROLLBACK").ok();
            return Err(failure(error));
        }
    }
    Ok(found)
}

/// Brings the store in a file to the format of this version. Returns the format that it had.
pub(super) fn upgrade_file(path: &Path) -> Result<u32, Error> {
    let _lock = file::lock(path)?;
    let connection = file::Place::real(path).connect()?;
    let found = upgrade(&connection, FORMAT, STEPS)?;
    // The head of the file tells the format: nothing of it may be left in the log.
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get::<_, u32>(0))
        .map_err(failure)?;
    Ok(found)
}

/// Brings all of the store in a file, which nobody has open, into the file itself: the log beside it is empty then.
pub(super) fn settle_file(path: &Path) -> Result<(), Error> {
    let _lock = file::lock(path)?;
    let connection = file::Place::real(path).connect()?;
    let is_busy: u32 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0))
        .map_err(failure)?;
    if is_busy == 0 { Ok(()) } else { Err(Error::InUse) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]
mod tests {
    use super::*;

    fn store() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE kv (k, v); PRAGMA user_version = 1;").unwrap();
        connection
    }

    fn format(connection: &Connection) -> u32 {
        connection.query_row("PRAGMA user_version", (), |row| row.get(0)).unwrap()
    }

    const GOOD: Step = Step {
        from: 1,
        change: |connection| connection.execute_batch("INSERT INTO kv VALUES ('two', 2)"),
    };
    const BROKEN: Step = Step {
        from: 2,
        change: |connection| {
            connection.execute_batch("INSERT INTO kv VALUES ('three', 3); SELECT * FROM nothing")
        },
    };

    fn rows(connection: &Connection) -> u32 {
        connection.query_row("SELECT count(*) FROM kv", (), |row| row.get(0)).unwrap()
    }

    #[test]
    fn steps_are_taken_one_after_the_other_and_each_as_a_whole() {
        let connection = store();
        assert_eq!(upgrade(&connection, 2, &[GOOD]).unwrap(), 1);
        assert_eq!((format(&connection), rows(&connection)), (2, 1));
        assert!(upgrade(&connection, 3, &[GOOD, BROKEN]).is_err());
        assert_eq!((format(&connection), rows(&connection)), (2, 1), "half a step is none");
        assert_eq!(upgrade(&connection, 2, &[GOOD]).unwrap(), 2, "nothing is left to do");
        assert_eq!(rows(&connection), 1);
    }

    #[test]
    fn a_newer_store_is_refused_and_one_without_a_step_as_well() {
        let connection = store();
        assert!(matches!(upgrade(&connection, 0, &[]), Err(Error::Newer { found: 1, known: 0 })));
        assert!(matches!(upgrade(&connection, 3, &[]), Err(Error::Older { found: 1, known: 3 })));
        assert_eq!(format(&connection), 1);
    }

    #[test]
    fn every_format_that_was_released_has_a_step() {
        let from: Vec<u32> = STEPS.iter().map(|step| step.from).collect();
        assert_eq!(from, (1..FORMAT).collect::<Vec<_>>());
    }
}
