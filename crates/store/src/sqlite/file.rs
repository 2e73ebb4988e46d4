//! Where a store lies, how a connection to it is made, and what its tables are.
//!
//! | table | holds |
//! |---|---|
//! | `kv` | the state: keys and values |
//! | `head` | `commit`: the last commit number; `epoch/P`: the epoch of partition P; `settled`: failed syncs overcome; `log/NAME`: where the log ends, and its number |
//! | `log` | chunks by `(number of the log << 40) + offset`, so that a log's chunks lie side by side without an index |
//!
//! The format is SQLite's `user_version`. All numbers that a commit changes stand in `head`: one page.

use crate::{Error, FileLock, Formats, SimulatedDisk};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) use crate::numbers::{chunk_id, chunk_offset, signed, unsigned};

/// The format that this version writes, and the newest that it reads.
pub(super) const FORMAT: u32 = Formats::CURRENT.newest;

/// The mark of a store among SQLite's files, `CRAT`.
pub(super) const APPLICATION: u32 = 0x4352_4154;

/// Bytes of a page: a record of the journal takes few of them, and a process instance of 2 KB stands beside its key.
pub(super) const PAGE_BYTES: u32 = 4096;

/// Bytes that a page takes in the write-ahead log.
pub(super) const FRAME_BYTES: u64 = PAGE_BYTES as u64 + 24;

/// How long an operation waits for a lock of SQLite. Only recovery after a crash ever holds one that is waited for.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// SQLite's own VFS for one process alone: it locks the file against other processes once, and keeps the index of the
/// write-ahead log in memory, which saves a system call for every lock.
const VFS_REAL: &std::ffi::CStr = if cfg!(unix) { c"unix-excl" } else { c"win32" };

const TABLES: &str = "
    CREATE TABLE kv (k BLOB NOT NULL PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE head (name TEXT NOT NULL PRIMARY KEY, number INTEGER NOT NULL, log INTEGER) WITHOUT ROWID;
    CREATE TABLE log (
        id INTEGER PRIMARY KEY, count INTEGER NOT NULL, format INTEGER NOT NULL,
        commit_no INTEGER NOT NULL, bytes BLOB NOT NULL
    );
    INSERT INTO head (name, number) VALUES ('commit', 0);
    PRAGMA application_id = 0x43524154;
    PRAGMA user_version = 1;
";

/// Where a store lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    path: PathBuf,
    vfs: CString,
    /// Kept while connections use it.
    disk: Option<SimulatedDisk>,
}

impl Place {
    pub fn real(path: &Path) -> Self {
        Self { path: path.to_owned(), vfs: VFS_REAL.to_owned(), disk: None }
    }

    pub fn simulated(disk: &SimulatedDisk, name: &str) -> Self {
        Self { path: PathBuf::from(name), vfs: disk.name().to_owned(), disk: Some(disk.clone()) }
    }

    /// Returns whether it is a file of the system, and none on a simulated disk.
    pub fn is_real(&self) -> bool {
        self.disk.is_none()
    }

    /// Opens a connection to an existing store.
    pub fn connect(&self) -> Result<Connection, Error> {
        self.open(OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failure)
    }

    /// Opens the first connection: makes the store where there is none, and makes durable whatever it shows.
    pub fn create(&self) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = self.open(flags).map_err(failure_to_open)?;
        let one = |sql| {
            connection.query_row(sql, (), |row| row.get::<_, u32>(0)).map_err(failure_to_open)
        };
        let found = one("PRAGMA user_version")?;
        if FORMAT < found && one("PRAGMA application_id")? == APPLICATION {
            return Err(Error::Newer { found, known: FORMAT });
        }
        let is_new = one("SELECT count(*) FROM sqlite_schema")? == 0;
        if !is_new && one("PRAGMA application_id")? != APPLICATION {
            return Err(Error::Damaged {
                reason: format!("`{}` is not a store of Craton", self.path.display()),
            });
        }
        if !is_new && found < FORMAT {
            return Err(Error::Older { found, known: FORMAT });
        }
        prepare(&connection, is_new).map_err(failure_to_open)?;
        // What a killed process wrote may be in the system's cache only. It is shown as a commit, so it is synced first.
        let is_busy = one("PRAGMA wal_checkpoint(TRUNCATE)")? != 0;
        if is_busy {
            return Err(Error::InUse);
        }
        Ok(connection)
    }

    fn open(&self, flags: OpenFlags) -> rusqlite::Result<Connection> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags_and_vfs(&self.path, flags, self.vfs.as_c_str())?;
        connection.busy_timeout(LOCK_TIMEOUT)?;
        // Whoever closes last would else copy the log on, also after a checkpoint that failed: see `Writer::reopen`.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        // A plan holds for all values: else every new bound of a range is a statement to be prepared anew.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }
}

/// Sets the cache of a connection.
pub(super) fn set_cache(connection: &Connection, bytes: u64) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "PRAGMA cache_size = -{}; PRAGMA temp_store = MEMORY;",
        bytes.div_ceil(1024)
    ))
}

/// Leaves checkpoints to the writer, and has a log that grew longer than `pages_max` give its room back when it starts anew. Up to there
/// its blocks are written over: a log that grows by new ones waits with each sync for the file system to note them.
///
/// What is deleted inside a page is mostly written over with zeros, which costs no writes (`FAST`). What is left is the business of
/// `freed`.
pub(super) fn set_log(connection: &Connection, pages_max: u32) -> rusqlite::Result<()> {
    let bytes_max = u64::from(pages_max) * FRAME_BYTES;
    connection.execute_batch(&format!(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = {bytes_max};
         PRAGMA secure_delete = FAST;"
    ))
}

fn prepare(connection: &Connection, is_new: bool) -> rusqlite::Result<()> {
    // EXTRA syncs the folder too, once the journal of the making is deleted: it must not come back and undo the making.
    connection.execute_batch(&format!(
        "PRAGMA page_size = {PAGE_BYTES};
         PRAGMA synchronous = EXTRA;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;"
    ))?;
    if is_new {
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} COMMIT;"))?;
    }
    Ok(())
}

/// Takes the lock of a store, which stands beside its file.
pub(super) fn lock(path: &Path) -> Result<FileLock, Error> {
    let unavailable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull => Error::Full,
        _ => Error::Unavailable { reason: format!("`{}`: {error}", path.display()) },
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(unavailable)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    FileLock::take(Path::new(&name)).map_err(unavailable)?.ok_or(Error::InUse)
}

/// Returns what a failure of SQLite means where nothing has happened.
pub(super) fn failure(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::Damaged { reason: error.to_string() }
        }
        _ => Error::Unavailable { reason: error.to_string() },
    }
}

/// Returns what a failure means while a store is being opened: then only another process can hold a lock.
fn failure_to_open(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::InUse,
        _ => failure(error),
    }
}
