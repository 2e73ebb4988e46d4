//! Snapshots: read transactions, each on a connection of its own, or on the writer's until the next commit.

use super::Inner;
use super::file::{self, Place, chunk_id, chunk_offset, failure, signed, unsigned};
use super::write::lock;
use crate::{Chunk, Config, Error, Pair, Snapshot};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a new snapshot waits at most while the log is shortened.
const HOLD_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a snapshot takes to begin, roughly.
const BEGIN_TIME: Duration = Duration::from_millis(5);

/// What a snapshot reads through.
pub(super) enum View {
    /// The writer's connection: nothing has been committed since. Also a snapshot that is about to get its own.
    Writer,
    /// A connection in a read transaction.
    Reader(Connection),
    /// Nothing any more: the snapshot was ended so that the write-ahead log could shrink.
    Ended,
}

/// The readers of a store.
pub(super) struct Readers {
    place: Place,
    config: Config,
    pool: Mutex<Pool>,
    changed: Condvar,
    /// Images that are open.
    copies: AtomicUsize,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    /// Snapshots in a read transaction, by the address of their view.
    open: HashMap<usize, Arc<Mutex<View>>>,
    /// Snapshots that are open or about to be.
    count: usize,
    is_held: bool,
}

/// Keeps new snapshots back until it is dropped.
pub(super) struct Held<'a>(&'a Readers);

impl Readers {
    pub fn new(place: Place, config: Config) -> Self {
        let (pool, changed) = (Mutex::default(), Condvar::new());
        Self { place, config, pool, changed, copies: AtomicUsize::new(0) }
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Gives a view a read transaction of its own, of the last commit.
    pub fn pin(&self, view: &Arc<Mutex<View>>) -> Result<(), Error> {
        let idle = {
            let mut pool = self.pool();
            pool.count += 1;
            pool.idle.pop()
        };
        self.begin(view, idle).map(|_| ())
    }

    /// Says that an image is open.
    pub fn begin_copy(&self) {
        self.copies.fetch_add(1, Ordering::SeqCst);
    }

    /// Says that an image was closed.
    pub fn end_copy(&self) {
        self.copies.fetch_sub(1, Ordering::SeqCst);
    }

    /// Returns whether an image is open.
    pub fn is_copied(&self) -> bool {
        self.copies.load(Ordering::SeqCst) != 0
    }

    pub fn is_any_open(&self) -> bool {
        self.pool().count != 0
    }

    /// Holds new snapshots back and waits a little for the open ones to end. `is_urgent` ends those that did not.
    pub fn hold(&self, is_urgent: bool) -> Held<'_> {
        let mut pool = self.pool();
        pool.is_held = true;
        let timeout = Duration::from_millis(self.config.drain_timeout_ms);
        let waited = self.changed.wait_timeout_while(pool, timeout, |pool| pool.count != 0);
        let (pool, _) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(pool);
        if is_urgent {
            self.end_all();
        }
        Held(self)
    }

    /// Holds new snapshots back, ends the open ones, and closes all connections.
    pub fn close(&self) -> Held<'_> {
        let held = self.hold(true);
        while self.is_any_open() {
            // A snapshot that was just beginning can be ended once it has begun.
            let waited = self.changed.wait_timeout(self.pool(), BEGIN_TIME);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
            self.end_all();
        }
        self.pool().idle.clear();
        held
    }

    fn end_all(&self) {
        let open: Vec<_> = self.pool().open.values().cloned().collect();
        open.iter().for_each(|view| self.end(view));
    }

    /// Opens a read transaction for a new snapshot; waits while the log is shortened.
    fn open(&self, view: &Arc<Mutex<View>>) -> Result<u64, Error> {
        let waited =
            self.changed.wait_timeout_while(self.pool(), HOLD_TIMEOUT, |pool| pool.is_held);
        let (mut pool, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if pool.is_held {
            return Err(Error::Unavailable {
                reason: "the store is busy with its write-ahead log".into(),
            });
        }
        if self.config.snapshots_max <= pool.count {
            let reason =
                format!("{} snapshots are open, which is the limit `snapshots_max`", pool.count);
            return Err(Error::Unavailable { reason });
        }
        pool.count += 1;
        let idle = pool.idle.pop();
        drop(pool);
        self.begin(view, idle)
    }

    /// Begins the read transaction of a view that is counted already.
    fn begin(&self, view: &Arc<Mutex<View>>, idle: Option<Connection>) -> Result<u64, Error> {
        let begun = idle.map_or_else(|| self.connect(), Ok).and_then(|connection| {
            let commit = begin(&connection).map_err(failure)?;
            Ok((connection, commit))
        });
        let (connection, commit) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                self.pool().count -= 1;
                self.changed.notify_all();
                return Err(error);
            }
        };
        self.pool().open.insert(address(view), Arc::clone(view));
        let mut held = lock(view);
        if matches!(*held, View::Writer) {
            *held = View::Reader(connection);
        } else {
            // The snapshot was dropped meanwhile, on another thread.
            drop(held);
            self.take_back(view, connection);
        }
        Ok(commit)
    }

    /// Ends a view's read transaction, if it has one, and takes the connection back.
    fn end(&self, view: &Arc<Mutex<View>>) {
        let ended = std::mem::replace(&mut *lock(view), View::Ended);
        if let View::Reader(connection) = ended {
            self.take_back(view, connection);
        }
    }

    fn take_back(&self, view: &Arc<Mutex<View>>, connection: Connection) {
        // A connection that cannot end a read transaction is of no more use, and is closed.
        let is_usable =
            connection.prepare_cached("ROLLBACK").and_then(|mut end| end.execute(())).is_ok();
        let mut pool = self.pool();
        pool.open.remove(&address(view));
        pool.count -= 1;
        let is_kept = is_usable && pool.idle.len() < self.config.readers_idle_max;
        let surplus = if is_kept {
            pool.idle.push(connection);
            None
        } else {
            Some(connection)
        };
        drop(pool);
        drop(surplus);
        self.changed.notify_all();
    }

    fn connect(&self) -> Result<Connection, Error> {
        let connection = self.place.connect()?;
        file::set_cache(&connection, self.config.reader_cache_bytes).map_err(failure)?;
        Ok(connection)
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held<'_> {
    /// Returns whether no snapshot is in a read transaction.
    pub fn is_quiet(&self) -> bool {
        !self.0.is_any_open()
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.pool().is_held = false;
        self.0.changed.notify_all();
    }
}

/// Begins a read transaction and returns the commit that it sees.
fn begin(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached("BEGIN")?.execute(())?;
    // The transaction sees what is there at its first look, so it looks at once.
    let commit = connection
        .prepare_cached("SELECT number FROM head WHERE name = 'commit'")
        .and_then(|mut select| select.query_row((), |row| row.get(0)));
    match commit {
        Ok(commit) => Ok(unsigned(commit)),
        Err(error) => {
            connection.execute_batch("ROLLBACK").ok();
            Err(error)
        }
    }
}

fn address(view: &Arc<Mutex<View>>) -> usize {
    Arc::as_ptr(view).addr()
}

/// A view of one commit.
pub(super) struct SqliteSnapshot {
    inner: Arc<Inner>,
    view: Arc<Mutex<View>>,
    commit: u64,
}

impl SqliteSnapshot {
    /// Returns a snapshot for the thread that commits; `None` while the writer has no connection.
    pub fn of_writer(inner: &Arc<Inner>) -> Option<Self> {
        let view = Arc::new(Mutex::new(View::Writer));
        let mut writer = inner.writer();
        writer.connection().ok()?;
        writer.lend(&view);
        let commit = writer.last_commit();
        drop(writer);
        Some(Self { inner: Arc::clone(inner), view, commit })
    }

    /// Returns a snapshot for any other thread.
    pub fn of_reader(inner: &Arc<Inner>) -> Result<Self, Error> {
        let view = Arc::new(Mutex::new(View::Writer));
        let commit = inner.readers.open(&view)?;
        Ok(Self { inner: Arc::clone(inner), view, commit })
    }

    pub fn read<T>(
        &self,
        step: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let mut view = lock(&self.view);
        if matches!(*view, View::Writer) {
            // The writer is locked before a view. Meanwhile this view may get a connection of its own.
            drop(view);
            let writer = self.inner.writer();
            view = lock(&self.view);
            if matches!(*view, View::Writer) {
                drop(view);
                return step(writer.connection()?).map_err(failure);
            }
        }
        match &*view {
            View::Reader(connection) => step(connection).map_err(failure),
            View::Writer | View::Ended => Err(Error::Unavailable {
                reason: "the snapshot was ended: the write-ahead log reached `wal_pages_max`, or a sync failed".into(),
            }),
        }
    }
}

impl Drop for SqliteSnapshot {
    fn drop(&mut self) {
        self.inner.readers.end(&self.view);
    }
}

/// Shared between an image's blocks and who looks at its keys.
impl Snapshot for Arc<SqliteSnapshot> {
    fn commit(&self) -> u64 {
        self.as_ref().commit()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.as_ref().get(key)
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        is_reverse: bool,
    ) -> Result<Vec<Pair>, Error> {
        self.as_ref().scan(from, to, limit, is_reverse)
    }

    fn chunks(&self, log: &str, offset: u64, bytes: usize) -> Result<Vec<Chunk>, Error> {
        self.as_ref().chunks(log, offset, bytes)
    }

    fn log_end(&self, log: &str) -> Result<u64, Error> {
        self.as_ref().log_end(log)
    }

    fn logs(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.as_ref().logs(prefix)
    }
}

impl Snapshot for SqliteSnapshot {
    fn commit(&self) -> u64 {
        self.commit
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.read(|connection| {
            let mut select = connection.prepare_cached("SELECT v FROM kv WHERE k = ?1")?;
            select.query_row([key], |row| row.get(0)).optional()
        })
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        is_reverse: bool,
    ) -> Result<Vec<Pair>, Error> {
        let sql = if is_reverse {
            "SELECT k, v FROM kv WHERE ?1 <= k AND k < ?2 ORDER BY k DESC LIMIT ?3"
        } else {
            "SELECT k, v FROM kv WHERE ?1 <= k AND k < ?2 ORDER BY k LIMIT ?3"
        };
        self.read(|connection| {
            let mut select = connection.prepare_cached(sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let pairs =
                select.query_map(params![from, to, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
            pairs.collect()
        })
    }

    fn chunks(&self, log: &str, offset: u64, bytes: usize) -> Result<Vec<Chunk>, Error> {
        self.read(|connection| chunks(connection, log, offset, bytes))
    }

    fn log_end(&self, log: &str) -> Result<u64, Error> {
        self.read(|connection| Ok(head(connection, log)?.map_or(0, |(end, _)| end)))
    }

    fn logs(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.read(|connection| {
            // The prefix is at most a few letters, and a unit has dozens of logs.
            let sql = "SELECT substr(name, 5) FROM head WHERE 'log/' <= name AND name < 'log0'
                       AND substr(name, 5, length(?1)) = ?1 ORDER BY name";
            let mut select = connection.prepare_cached(sql)?;
            select.query_map([prefix], |row| row.get(0))?.collect()
        })
    }
}

/// Returns where a log ends, and its number.
fn head(connection: &Connection, log: &str) -> rusqlite::Result<Option<(u64, i64)>> {
    let mut select =
        connection.prepare_cached("SELECT number, log FROM head WHERE name = 'log/' || ?1")?;
    select.query_row([log], |row| Ok((unsigned(row.get(0)?), row.get(1)?))).optional()
}

fn chunks(
    connection: &Connection,
    log: &str,
    offset: u64,
    bytes: usize,
) -> rusqlite::Result<Vec<Chunk>> {
    let Some((end, number)) = head(connection, log)? else { return Ok(Vec::new()) };
    if end <= offset {
        return Ok(Vec::new());
    }
    // The chunk that holds `offset` is the last that begins at or before it; it may be trimmed.
    let (first, wanted) = (chunk_id(number, 0), chunk_id(number, offset));
    let sql = "SELECT max(id) FROM log WHERE ?1 <= id AND id <= ?2";
    let start: Option<i64> =
        connection.prepare_cached(sql)?.query_row([first, wanted], |row| row.get(0))?;
    let sql = "SELECT id, count, format, bytes FROM log WHERE ?1 <= id AND id < ?2 ORDER BY id";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query([start.unwrap_or(wanted), first + signed(end)])?;
    let (mut found, mut size) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let (id, count): (i64, u32) = (row.get(0)?, row.get(1)?);
        let chunk_start = chunk_offset(id);
        if chunk_start + u64::from(count) <= offset {
            continue;
        }
        let chunk = Chunk {
            log: log.to_owned(),
            offset: chunk_start,
            count,
            format: row.get(2)?,
            bytes: row.get(3)?,
        };
        size += chunk.bytes.len();
        found.push(chunk);
        if bytes < size {
            break;
        }
    }
    Ok(found)
}
