//! The writer: the only connection that changes anything.

use super::copying::{Copied, Copying, checkpoint};
use super::file::{self, Place, chunk_id, failure, signed};
use super::freed;
use super::read::{Readers, View};
use crate::heads::{Heads, LogHead};
use crate::{Batch, Config, Error};
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The writer.
pub(super) struct Writer {
    /// None after a failed checkpoint, until the whole log could be copied.
    connection: Option<Connection>,
    place: Place,
    config: Config,
    heads: Heads,
    /// False after a failed sync of a commit, until the store has written over what that commit may have left on the disk.
    is_settled: bool,
    /// False after a failed checkpoint, until the store was opened anew.
    is_main_certain: bool,
    /// A copy of the write-ahead log that is under way.
    copying: Option<Copying>,
    /// True where most of the log was copied, and it did not start anew since.
    is_copied: bool,
    /// The length of the log when a copy of it was begun last; 0 where none was since it started anew.
    pages_copied: u32,
    /// True after the disk had no room for a copy, until one was made.
    is_disk_full: bool,
    /// Snapshots of the committing thread that read through this connection.
    views: Vec<Weak<Mutex<View>>>,
    /// Pages in the write-ahead log, as of the last commit.
    wal_pages: Arc<AtomicU32>,
    /// The length of the write-ahead log at which shortening is tried next.
    wal_pages_next: u32,
    /// Pages that commits have written into the log, and its length after the last of them.
    pages_synced: u64,
    wal_pages_last: u32,
}

impl Writer {
    pub fn open(place: Place, config: Config) -> Result<Self, Error> {
        let connection = place.create()?;
        let heads = load_heads(&connection).map_err(failure)?;
        let mut writer = Self {
            connection: None,
            place,
            heads,
            is_settled: true,
            is_main_certain: true,
            copying: None,
            is_copied: false,
            pages_copied: 0,
            is_disk_full: false,
            views: Vec::new(),
            wal_pages: Arc::default(),
            wal_pages_next: config.checkpoint_pages,
            pages_synced: 0,
            wal_pages_last: 0,
            config,
        };
        writer.adopt(connection).map_err(failure)?;
        Ok(writer)
    }

    /// Makes a connection that of the writer.
    fn adopt(&mut self, mut connection: Connection) -> rusqlite::Result<()> {
        file::set_cache(&connection, self.config.cache_bytes)?;
        file::set_log(&connection, self.config.wal_pages_max)?;
        let wal_pages = Arc::clone(&self.wal_pages);
        let hook = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            wal_pages.store(u32::try_from(pages).unwrap_or_default(), Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(hook))?;
        self.connection = Some(connection);
        Ok(())
    }

    pub fn connection(&self) -> Result<&Connection, Error> {
        self.connection
            .as_ref()
            .ok_or_else(|| Error::Unavailable { reason: "syncs of the main file fail".into() })
    }

    /// Returns the number of the last durable commit.
    pub fn last_commit(&self) -> u64 {
        self.heads.commit
    }

    /// Has a snapshot read through this connection until the next change.
    pub fn lend(&mut self, view: &Arc<Mutex<View>>) {
        self.views.retain(|view| 0 < view.strong_count());
        self.views.push(Arc::downgrade(view));
    }

    /// Gives each snapshot that reads through this connection one of its own, since this one is about to change.
    pub fn pin_snapshots(&mut self, readers: &Readers) -> Result<(), Error> {
        while let Some(view) = self.views.last() {
            if let Some(view) = view.upgrade() {
                readers.pin(&view)?;
            }
            self.views.pop();
        }
        Ok(())
    }

    /// Makes sure, after a failed sync, that nothing of that commit is on the disk.
    ///
    /// The failed commit's pages, if they are there at all, begin at the end of the log as every connection knows it.
    /// This commit is written to the same place: once it is synced, their chain of checksums is broken for good.
    pub fn settle(&mut self) -> Result<(), Error> {
        if self.is_settled {
            return Ok(());
        }
        let connection = self.connection()?;
        roll_back(connection);
        let sql = "INSERT INTO head (name, number) VALUES ('settled', 1)
                   ON CONFLICT (name) DO UPDATE SET number = number + 1";
        match connection.execute(sql, ()) {
            Ok(_) => {
                self.is_settled = true;
                Ok(())
            }
            Err(error) => match failure(error) {
                Error::Full => Err(Error::Full),
                error => Err(Error::Unavailable {
                    reason: format!("a sync failed, and fails still: {error}"),
                }),
            },
        }
    }

    pub fn open_epoch(&mut self, partition: u16) -> Result<u64, Error> {
        let epoch = self.heads.epochs.get(&partition).copied().unwrap_or_default() + 1;
        let sql = "INSERT OR REPLACE INTO head (name, number) VALUES (?1, ?2)";
        let result =
            self.connection()?.execute(sql, params![format!("epoch/{partition}"), signed(epoch)]);
        if let Err(error) = result {
            return Err(self.after_failed_sync(error));
        }
        self.heads.epochs.insert(partition, epoch);
        Ok(epoch)
    }

    pub fn commit(&mut self, partition: u16, batch: &Batch) -> Result<u64, Error> {
        let epoch = self.heads.epochs.get(&partition).copied().unwrap_or_default();
        if batch.epoch != epoch {
            return Err(Error::Fenced { epoch });
        }
        let connection = self.connection()?;
        if !expects_hold(connection, batch).map_err(failure)? {
            return Err(Error::Expected);
        }
        let logs = self.heads.after(batch);
        let commit = self.heads.commit + 1;
        if let Err(error) = self.write(connection, batch, commit, &logs) {
            roll_back(connection);
            return Err(error);
        }
        let result =
            connection.prepare_cached("COMMIT").and_then(|mut statement| statement.execute(()));
        match result {
            Ok(_) => {
                self.heads.advance(logs);
                self.count_pages();
                Ok(commit)
            }
            Err(error) => Err(self.after_failed_sync(error)),
        }
    }

    /// Returns how many bytes commits have written into the write-ahead log.
    pub fn bytes_synced(&self) -> u64 {
        self.pages_synced * file::FRAME_BYTES
    }

    fn count_pages(&mut self) {
        let pages = self.wal_pages.load(Ordering::Relaxed);
        // A log that is shorter than before has begun anew.
        let written = pages.checked_sub(self.wal_pages_last).unwrap_or_else(|| {
            self.pages_copied = 0;
            pages
        });
        self.pages_synced += u64::from(written);
        self.wal_pages_last = pages;
    }

    /// Writes a batch into a transaction and leaves it open.
    fn write(
        &self,
        connection: &Connection,
        batch: &Batch,
        commit: u64,
        logs: &BTreeMap<&str, LogHead>,
    ) -> Result<(), Error> {
        connection
            .prepare_cached("BEGIN IMMEDIATE")
            .and_then(|mut begin| begin.execute(()))
            .map_err(failure)?;
        write_keys(connection, batch).map_err(failure)?;
        self.write_logs(connection, batch, commit, logs).map_err(failure)?;
        let mut head = connection
            .prepare_cached("UPDATE head SET number = ?1 WHERE name = 'commit'")
            .map_err(failure)?;
        head.execute([signed(commit)]).map_err(failure)?;
        Ok(())
    }

    fn write_logs(
        &self,
        connection: &Connection,
        batch: &Batch,
        commit: u64,
        logs: &BTreeMap<&str, LogHead>,
    ) -> rusqlite::Result<()> {
        let sql =
            "INSERT INTO log (id, count, format, commit_no, bytes) VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut insert = connection.prepare_cached(sql)?;
        for chunk in batch.chunks.iter().filter(|chunk| 0 < chunk.count) {
            let id = chunk_id(logs[chunk.log.as_str()].number, chunk.offset);
            insert.execute(params![id, chunk.count, chunk.format, signed(commit), chunk.bytes])?;
        }
        let mut head = connection.prepare_cached(
            "REPLACE INTO head (name, number, log) VALUES ('log/' || ?1, ?2, ?3)",
        )?;
        for (name, log) in logs {
            head.execute(params![name, signed(log.end), log.number])?;
        }
        for (name, offset) in &batch.trims {
            let log = logs.get(name.as_str()).or_else(|| self.heads.logs.get(name));
            let Some(log) = log else { continue };
            let sql = "DELETE FROM log WHERE ?1 <= id AND id < ?2 AND (id + count) <= ?2";
            let mut trim = connection.prepare_cached(sql)?;
            trim.execute([chunk_id(log.number, 0), chunk_id(log.number, log.end.min(*offset))])?;
        }
        Ok(())
    }

    /// Finds out what became of a change whose commit failed.
    fn after_failed_sync(&mut self, error: rusqlite::Error) -> Error {
        self.connection().into_iter().for_each(roll_back);
        let reason = match failure(error) {
            // A write found no room, so the last page of the commit was never written.
            Error::Full => return Error::Full,
            error => error.to_string(),
        };
        self.is_settled = false;
        match self.settle() {
            Ok(()) => Error::Unavailable { reason },
            Err(_) => Error::Unknown,
        }
    }

    /// Begins to write over the free pages.
    pub fn begin_overwriting(&mut self) -> Result<(), Error> {
        self.change(freed::TAKE)
    }

    /// Writes zeros over some of the free pages; returns how many, none where there are none.
    pub fn overwrite_some(&mut self) -> Result<u64, Error> {
        let result = freed::overwrite(self.connection()?);
        result.map_err(|error| self.after_failed_sync(error))
    }

    /// Gives the pages that were written over back, and writes over what deletions left in the pages that are used.
    pub fn end_overwriting(&mut self) -> Result<(), Error> {
        self.change(freed::GIVE_BACK)?;
        let result = freed::clean(self.connection()?);
        result.map_err(|error| self.after_failed_sync(error))
    }

    /// Changes what no snapshot sees.
    fn change(&mut self, sql: &str) -> Result<(), Error> {
        let result = self.connection()?.execute_batch(sql);
        result.map_err(|error| self.after_failed_sync(error))
    }

    /// Copies the write-ahead log into the main file and cuts it off; returns false where a snapshot needs it.
    pub fn forget_log(&mut self, readers: &Readers) -> Result<bool, Error> {
        self.end_copying();
        let held = readers.hold(false);
        if !held.is_quiet() || !self.is_main_certain {
            return Ok(false);
        }
        match self.checkpoint(CheckpointMode::TRUNCATE) {
            Ok(copied) => {
                let is_all = copied == Copied::All;
                if is_all {
                    self.is_copied = false;
                    self.wal_pages.store(0, Ordering::Relaxed);
                    self.wal_pages_last = 0;
                    self.pages_copied = 0;
                    self.wal_pages_next = self.config.checkpoint_pages;
                }
                Ok(is_all)
            }
            Err(Error::Full) => Err(Error::Full),
            Err(_) => {
                drop(held);
                self.is_main_certain = false;
                self.reopen(readers)?;
                Ok(false)
            }
        }
    }

    /// Copies the write-ahead log into the main file once it is long, and lets it start anew as soon as no snapshot needs it.
    ///
    /// Most of it is copied beside the commits, and only what came meanwhile between two of them. On a simulated disk there is one
    /// thread, so that a seed gives the same each time. A full disk harms nobody here: the log keeps everything, and a later commit
    /// tries again.
    pub fn shorten_log(&mut self, readers: &Readers) -> Result<(), Error> {
        let pages = self.wal_pages.load(Ordering::Relaxed);
        let rest = pages.saturating_sub(self.pages_copied);
        let is_little = rest <= self.config.checkpoint_pages / 4;
        let is_full = self.config.wal_pages_max <= pages;
        let most = self.config.wal_pages_max.saturating_add(self.config.checkpoint_pages / 2);
        // What is copied between two commits holds up the next one: the more of it is copied beside them before, the better.
        let is_under_way = self.copying.as_ref().is_some_and(|copying| !copying.is_over());
        let is_urgent = most <= pages || is_full && is_little && !is_under_way;
        if is_under_way && !is_urgent {
            return Ok(());
        }
        self.end_copying();
        if !self.is_main_certain {
            return self.reopen(readers);
        }
        let is_free = self.is_copied && !readers.is_any_open();
        if pages < self.wal_pages_next && !is_free && (!is_full || self.is_disk_full) {
            return Ok(());
        }
        // A copy syncs the main file, for which commits wait: while a snapshot keeps the log, it is made as seldom as without one.
        self.wal_pages_next = pages.saturating_add(self.config.checkpoint_pages);
        if readers.is_copied() && pages < self.config.copy_wal_pages_max {
            // An image reads what the log would be shortened by. It has its time; then all goes on as before.
            return Ok(());
        }
        if !is_urgent && !(is_free && is_little) && self.begin_copying() {
            return Ok(());
        }
        match self.copy(readers, is_urgent) {
            Ok(copied) => {
                self.is_disk_full = false;
                // The log starts anew with the next commit, unless a snapshot was opened just now.
                self.is_copied = copied == Copied::Most;
                self.pages_copied = pages;
                if copied == Copied::All {
                    self.wal_pages_next = self.config.checkpoint_pages;
                }
                Ok(())
            }
            Err(Error::Full) => {
                // Tried again once the log is longer by `checkpoint_pages`, and not with each commit.
                self.is_copied = false;
                self.is_disk_full = true;
                Ok(())
            }
            Err(_) => {
                self.is_main_certain = false;
                self.reopen(readers)
            }
        }
    }

    /// Copies the log here and now; returns how much is copied, all only where no snapshot needs the log. `is_urgent` ends the
    /// snapshots.
    fn copy(&self, readers: &Readers, is_urgent: bool) -> Result<Copied, Error> {
        let (copied, is_quiet) = if is_urgent {
            let held = readers.hold(true);
            let is_quiet = held.is_quiet();
            let mode = if is_quiet { CheckpointMode::RESTART } else { CheckpointMode::PASSIVE };
            (self.checkpoint(mode)?, held.is_quiet())
        } else {
            (self.checkpoint(CheckpointMode::PASSIVE)?, !readers.is_any_open())
        };
        Ok(if is_quiet { copied } else { copied.min(Copied::Most) })
    }

    /// Begins to copy the log beside the commits; returns whether that is done.
    fn begin_copying(&mut self) -> bool {
        if self.place.is_real() {
            self.pages_copied = self.wal_pages.load(Ordering::Relaxed);
            // Where no connection can be had now, the log is copied here.
            self.copying = Copying::begin(&self.place, self.config.wal_pages_max).ok();
        }
        self.copying.is_some()
    }

    /// Waits for a copy that is under way.
    fn end_copying(&mut self) {
        if let Some(copying) = self.copying.take() {
            let copied = copying.end();
            self.is_main_certain &= copied.is_ok();
            self.is_copied = copied.is_ok_and(|copied| copied != Copied::Little);
            self.is_disk_full &= !self.is_copied;
        }
    }

    /// Copies the log as far as snapshots let it.
    fn checkpoint(&self, mode: CheckpointMode) -> Result<Copied, Error> {
        checkpoint(self.connection()?, mode)
    }

    /// Opens the store anew and copies the whole log, after a checkpoint failed.
    ///
    /// SQLite remembers, in memory that all connections share, how far it has copied the log, also where the sync after
    /// it failed. The system has dropped those pages, so all connections are closed and the copy begins at the beginning.
    fn reopen(&mut self, readers: &Readers) -> Result<(), Error> {
        if let Some(connection) = self.connection.take() {
            let held = readers.close();
            drop(connection);
            drop(held);
        }
        self.adopt(self.place.connect()?).map_err(failure)?;
        match self.checkpoint(CheckpointMode::PASSIVE) {
            Ok(Copied::All) => {
                self.is_main_certain = true;
                Ok(())
            }
            // A part was counted as copied, without a sync: the next attempt closes all connections again.
            Ok(_) => Err(Error::Unavailable {
                reason: "a checkpoint failed, and is not finished yet".into(),
            }),
            Err(error) => {
                // Nothing was counted as copied, so the next attempt need not close what reads meanwhile.
                self.connection = None;
                Err(error)
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end_copying();
        // An orderly end leaves an empty log. Where this fails, the next opening copies the log.
        if self.is_settled && self.is_main_certain {
            self.checkpoint(CheckpointMode::TRUNCATE).ok();
        }
    }
}

fn expects_hold(connection: &Connection, batch: &Batch) -> rusqlite::Result<bool> {
    for expect in &batch.expects {
        let mut select = connection.prepare_cached("SELECT v FROM kv WHERE k = ?1")?;
        let found: Option<Vec<u8>> =
            select.query_row([&expect.key], |row| row.get(0)).optional()?;
        if found != expect.value {
            return Ok(false);
        }
    }
    Ok(true)
}

fn write_keys(connection: &Connection, batch: &Batch) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached("REPLACE INTO kv (k, v) VALUES (?1, ?2)")?;
    let mut delete = connection.prepare_cached("DELETE FROM kv WHERE k = ?1")?;
    for (key, value) in &batch.writes {
        match value {
            Some(value) => put.execute(params![key, value])?,
            None => delete.execute([key])?,
        };
    }
    Ok(())
}

/// Ends a transaction that failed. Where SQLite has ended it already, there is nothing to do.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // A rollback in a write-ahead log writes nothing. Where it fails all the same, the next BEGIN fails and says so.
        connection.execute_batch("ROLLBACK").ok();
    }
}

fn load_heads(connection: &Connection) -> rusqlite::Result<Heads> {
    let mut heads = Heads::default();
    let mut select = connection.prepare("SELECT name, number, log FROM head")?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        heads.take(&name, row.get(1)?, || row.get(2))?;
    }
    Ok(heads)
}

/// Locks a view; a panic while it was locked leaves it as it was.
pub(super) fn lock(view: &Mutex<View>) -> std::sync::MutexGuard<'_, View> {
    view.lock().unwrap_or_else(PoisonError::into_inner)
}
