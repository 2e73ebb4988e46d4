//! Snapshots.
//!
//! Where logs end stands in memory, and chunks are only added behind that: a commit that only appends changes nothing for whoever
//! looks at an earlier one. A commit that changes keys or shortens logs first gives the snapshots that are open a read transaction,
//! one for all of them. A long look takes a transaction of its own, so that nobody waits for it.

use super::lease::Lease;
use super::link::{Failed, Link, Net, column};
use super::place::Place;
use super::tables;
use crate::heads::{Heads, LogHead};
use crate::numbers::{chunk_id, chunk_offset, signed, unsigned};
use crate::{Chunk, Error, Pair, Snapshot};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};
use std::time::Duration;
use tokio_postgres::Row;

/// Pairs that a short look takes at most.
const SHORT_PAIRS_MAX: usize = 256;

/// Bytes of chunks that a short look takes at most, about.
const SHORT_BYTES_MAX: usize = 256 << 10;

/// Bytes that a chunk is taken to have before one was seen.
const CHUNK_BYTES: usize = 64 << 10;

/// Chunks that are asked for at a time.
const CHUNKS_MAX: usize = 128;

/// Connections that are kept for the next read transactions.
const IDLE_MAX: usize = 4;

/// Keys and chunks as they are between two changes of them.
#[derive(Default)]
pub(super) struct Tables {
    state: RwLock<State>,
}

/// How tables are looked at.
#[derive(Default)]
enum State {
    /// They are as the last commit left them: over any connection.
    #[default]
    Current,
    /// They have changed since: over a connection in a read transaction that began before.
    Pinned(Arc<Pinned>),
    /// Not at all any more.
    Ended,
}

/// A connection in a read transaction.
struct Pinned {
    /// Present until the transaction ends.
    link: Option<Link>,
    readers: Arc<Readers>,
    since: Duration,
}

impl Pinned {
    fn look<T>(&self, look: impl Fn(&Link) -> Result<T, Failed>) -> Result<T, Failed> {
        match &self.link {
            Some(link) => look(link),
            None => Err(Failed::Refused(ended())),
        }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let link = self.link.take().filter(Link::is_usable);
        if let Some(link) = &link {
            link.send(tables::END);
        }
        let mut pool = self.readers.pool();
        pool.open -= 1;
        let surplus = if pool.idle.len() < IDLE_MAX {
            pool.idle.extend(link);
            None
        } else {
            link
        };
        drop(pool);
        drop(surplus);
    }
}

/// The connections for reading.
pub(super) struct Readers {
    net: Arc<Net>,
    place: Arc<Place>,
    lease: Arc<Lease>,
    /// For short looks, many at a time over each.
    shared: Vec<Mutex<Option<Arc<Link>>>>,
    next: AtomicUsize,
    pool: Mutex<Pool>,
}

/// The connections for read transactions.
#[derive(Default)]
struct Pool {
    idle: Vec<Link>,
    /// Transactions that are open.
    open: usize,
    /// Tables that are looked at through one, oldest first.
    pinned: Vec<Weak<Tables>>,
}

impl Tables {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the transaction, where there is one that is older than `age`; returns whether there was.
    fn end(&self, now: Duration, age: Duration) -> bool {
        let mut state = self.write();
        let is_old =
            matches!(&*state, State::Pinned(pinned) if age <= now.saturating_sub(pinned.since));
        if is_old {
            *state = State::Ended;
        }
        is_old
    }
}

impl Readers {
    pub fn new(net: Arc<Net>, place: Arc<Place>, lease: Arc<Lease>) -> Self {
        let shared = (0..place.config.readers_max.max(1)).map(|_| Mutex::default()).collect();
        Self { net, place, lease, shared, next: AtomicUsize::new(0), pool: Mutex::default() }
    }

    /// Gives tables that are about to change a read transaction, for those who look at them.
    pub fn pin(self: &Arc<Self>, tables: &Arc<Tables>) -> Result<(), Error> {
        // Looks that are under way end first; they are short.
        let mut state = tables.write();
        if !matches!(*state, State::Current) {
            return Ok(());
        }
        if self.place.config.transactions_max <= self.pool().open {
            self.end_oldest();
        }
        *state = State::Pinned(Arc::new(self.begin()?));
        drop(state);
        let mut pool = self.pool();
        pool.pinned.retain(|tables| 0 < tables.strong_count());
        pool.pinned.push(Arc::downgrade(tables));
        Ok(())
    }

    /// Ends transactions that have been open for too long.
    pub fn tidy(&self) {
        let (now, age) = (self.net.now(), self.place.transaction_time_max());
        for tables in self.pinned() {
            tables.end(now, age);
        }
    }

    fn end_oldest(&self) {
        let now = self.net.now();
        for tables in self.pinned() {
            if tables.end(now, Duration::ZERO) {
                return;
            }
        }
    }

    fn pinned(&self) -> Vec<Arc<Tables>> {
        self.pool().pinned.iter().filter_map(Weak::upgrade).collect()
    }

    /// Begins a read transaction.
    fn begin(self: &Arc<Self>) -> Result<Pinned, Error> {
        let idle = {
            let mut pool = self.pool();
            pool.open += 1;
            pool.idle.pop()
        };
        // From here on its end counts it out.
        let mut pinned = Pinned { link: idle, readers: Arc::clone(self), since: self.net.now() };
        let is_begun = match pinned.link.take().filter(Link::is_usable) {
            // A connection that stood idle may have been cut meanwhile.
            Some(link) => {
                let is_begun = link.execute(tables::BEGIN).is_ok();
                pinned.link = Some(link);
                is_begun
            }
            None => false,
        };
        if !is_begun {
            let link = Link::open(&self.place, &self.net)?;
            link.execute(tables::BEGIN)?;
            pinned.link = Some(link);
        }
        // What it sees was not written by another node.
        self.lease.check()?;
        Ok(pinned)
    }

    /// Begins a read transaction for one long look; `None` where there are too many.
    fn begin_alone(self: &Arc<Self>) -> Result<Option<Pinned>, Error> {
        let is_room = self.pool().open < self.place.config.transactions_max;
        if is_room { self.begin().map(Some) } else { Ok(None) }
    }

    /// Has a connection that all share look.
    fn share<T>(&self, look: impl Fn(&Link) -> Result<T, Failed>) -> Result<T, Error> {
        let link = self.shared(false)?;
        let found = match look(&link) {
            // The server may have been away for a moment: the tables are the same.
            Err(Failed::Broken(_)) => {
                let fresh = self.shared(true)?;
                look(&fresh)?
            }
            result => result?,
        };
        // What was seen was not written by another node.
        self.lease.check()?;
        Ok(found)
    }

    /// Returns one of the connections that all share, or a new one in its place.
    fn shared(&self, is_fresh: bool) -> Result<Arc<Link>, Error> {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % self.shared.len();
        let mut held = self.shared[place].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = held.as_ref().filter(|link| !is_fresh && link.is_usable()) {
            return Ok(Arc::clone(link));
        }
        let link = Arc::new(Link::open(&self.place, &self.net)?);
        *held = Some(Arc::clone(&link));
        Ok(link)
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ended() -> Error {
    let reason = "the snapshot was ended: it was open for longer than `transaction_ms_max`, or there were more than `transactions_max`";
    Error::Unavailable { reason: reason.into() }
}

/// A view of one commit.
pub(super) struct PostgresSnapshot {
    /// What holds on to the store as long as it is looked at.
    pub _inner: Arc<dyn Send + Sync>,
    pub readers: Arc<Readers>,
    pub tables: Arc<Tables>,
    pub heads: Arc<Heads>,
}

impl PostgresSnapshot {
    fn read<T>(
        &self,
        is_long: bool,
        look: impl Fn(&Link) -> Result<T, Failed>,
    ) -> Result<T, Error> {
        let state = self.tables.read();
        let pinned = match &*state {
            State::Current if is_long => self.readers.begin_alone()?.map(Arc::new),
            State::Current => None,
            State::Pinned(pinned) => Some(Arc::clone(pinned)),
            State::Ended => return Err(ended()),
        };
        match pinned {
            Some(pinned) => {
                drop(state);
                Ok(pinned.look(look)?)
            }
            // The tables do not change while their lock is held.
            None => self.readers.share(look),
        }
    }
}

impl Snapshot for PostgresSnapshot {
    fn commit(&self) -> u64 {
        self.heads.commit
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.read(false, |link| {
            let rows = link.query(tables::GET, &[&key])?;
            rows.first().map(|row| column(row, 0)).transpose()
        })
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        is_reverse: bool,
    ) -> Result<Vec<Pair>, Error> {
        if to <= from || limit == 0 {
            return Ok(Vec::new());
        }
        let sql = if is_reverse { tables::SCAN_BACK } else { tables::SCAN };
        self.read(SHORT_PAIRS_MAX < limit, |link| {
            let rows = link.query(sql, &[&from, &to, &tables::limit(limit)])?;
            rows.iter().map(pair).collect()
        })
    }

    fn chunks(&self, log: &str, offset: u64, bytes: usize) -> Result<Vec<Chunk>, Error> {
        match self.heads.logs.get(log).copied() {
            Some(head) if offset < head.end => {
                self.read(SHORT_BYTES_MAX < bytes, |link| chunks(link, (log, head), offset, bytes))
            }
            _ => Ok(Vec::new()),
        }
    }

    fn log_end(&self, log: &str) -> Result<u64, Error> {
        Ok(self.heads.logs.get(log).map_or(0, |head| head.end))
    }

    fn logs(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let names = self.heads.logs.range(prefix.to_owned()..).map(|(name, _)| name);
        Ok(names.take_while(|name| name.starts_with(prefix)).cloned().collect())
    }
}

/// Returns the chunks of a log that hold events at or after `offset`, until `bytes` are exceeded: some at a time.
fn chunks(
    link: &Link,
    (log, head): (&str, LogHead),
    offset: u64,
    bytes: usize,
) -> Result<Vec<Chunk>, Failed> {
    let first = chunk_id(head.number, 0);
    let (mut found, mut size, mut reached) = (Vec::new(), 0, offset);
    while reached < head.end && size <= bytes {
        let each = if found.is_empty() { CHUNK_BYTES } else { size / found.len() + 1 };
        let limit = ((bytes - size) / each + 1).min(CHUNKS_MAX);
        let wanted = chunk_id(head.number, reached);
        let rows = link.query(
            tables::CHUNKS,
            &[&first, &wanted, &(first + signed(head.end)), &tables::limit(limit)],
        )?;
        let is_last = rows.len() < limit;
        for row in rows {
            let chunk = chunk(log, &row)?;
            reached = chunk.offset + u64::from(chunk.count);
            if reached <= offset || bytes < size {
                continue;
            }
            size += chunk.bytes.len();
            found.push(chunk);
        }
        if is_last {
            break;
        }
    }
    Ok(found)
}

pub(super) fn pair(row: &Row) -> Result<Pair, Failed> {
    Ok((column(row, 0)?, column(row, 1)?))
}

fn chunk(log: &str, row: &Row) -> Result<Chunk, Failed> {
    let (count, format): (i64, i16) = (column(row, 1)?, column(row, 2)?);
    Ok(Chunk {
        log: log.to_owned(),
        offset: chunk_offset(column(row, 0)?),
        count: u32::try_from(unsigned(count)).unwrap_or(u32::MAX),
        format: u8::try_from(format).unwrap_or_default(),
        bytes: column(row, 3)?,
    })
}
