//! Who of several nodes may write: rows that say who holds which partition, and until when.
//!
//! The server's clock decides when a lease has run out, and the holder's own clock when it stops relying on it, which is earlier: it
//! counts from the moment in which it asked. A holder that was away for long, and does not know it yet, is kept from committing by
//! the row itself: every commit looks for its holder and its term in the same statement.

use super::link::{Link, Net, column};
use super::place::Place;
use crate::numbers::unsigned;
use crate::{Error, PostgresConfig};
use base::{Entropy, SystemEntropy};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The partition that a unit's writer holds.
pub(super) const PARTITION: u16 = 0;

/// Takes a partition that is free, or whose holder is of the same origin: that process has ended. `$7` is added to the epoch: only
/// who holds it already may, since what was read before somebody else held it is of no more worth.
const TAKE: &str = "
    INSERT INTO lease AS l (partition, epoch, holder, term, node, origin, until)
    VALUES ($1, $7, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6))
    ON CONFLICT (partition) DO UPDATE SET epoch = l.epoch + $7, holder = excluded.holder, term = excluded.term,
        node = excluded.node, origin = excluded.origin, until = excluded.until
    WHERE l.holder = excluded.holder OR ($7 = 0 AND (l.until <= clock_timestamp()
        OR (l.node = excluded.node AND l.origin = excluded.origin AND l.origin <> '')))
    RETURNING epoch";

/// Takes all other partitions: who holds the first holds the store, whose commits have one row of numbers.
const TAKE_REST: &str = "
    UPDATE lease SET holder = $1, term = $2, node = $3, origin = $4, until = clock_timestamp() + make_interval(secs => $5)
    WHERE holder <> $1";

const EPOCHS: &str = "SELECT partition, epoch FROM lease WHERE holder = $1";

const RENEW: &str = "UPDATE lease SET until = clock_timestamp() + make_interval(secs => $2) WHERE holder = $1 RETURNING 1";

/// Shuts out what an earlier connection may still have sent; waits for what runs.
const NEXT_TERM: &str = "UPDATE lease SET term = $2 WHERE holder = $1 RETURNING 1";

const RELEASE: &str = "UPDATE lease SET until = clock_timestamp() WHERE holder = $1";

const HOLDER: &str = "SELECT node, holder, epoch FROM lease WHERE partition = $1";

/// Who opens a store.
#[derive(Debug, Clone, Default)]
pub struct Owner {
    /// The id of the unit. A database that holds another unit's store is refused.
    pub unit: String,
    /// The place where this node runs, where no second process of it can run: its machine and folder. What an earlier process of
    /// the same node and place held is taken at once. Empty where that is not known.
    pub origin: String,
}

/// This process's hold on a store.
pub struct Lease {
    net: Arc<Net>,
    place: Arc<Place>,
    /// The name of this opening of the store; no other has it.
    holder: String,
    origin: String,
    /// Rises with every connection of the writer.
    term: AtomicI64,
    /// The connection of the lease. It is no one else's, so that a long commit does not hold up a renewal.
    link: Mutex<Option<Link>>,
    /// Until when it is relied on, in milliseconds of the clock of `net`.
    valid_until: AtomicU64,
    is_released: AtomicBool,
    lost: watch::Sender<Option<u64>>,
}

/// Who holds a partition, by its row.
struct Holder {
    node: String,
    holder: String,
    epoch: u64,
}

impl Lease {
    pub(super) fn new(net: Arc<Net>, place: Arc<Place>, owner: &Owner, link: Link) -> Self {
        Self {
            net,
            holder: format!("{}/{:016x}", place.config.node, SystemEntropy.number()),
            place,
            origin: owner.origin.clone(),
            term: AtomicI64::new(0),
            link: Mutex::new(Some(link)),
            valid_until: AtomicU64::new(0),
            is_released: AtomicBool::new(false),
            lost: watch::Sender::new(None),
        }
    }

    /// Checks that this process holds the store.
    ///
    /// # Errors
    /// [`Error::Fenced`] where another node does, [`Error::Lease`] where another may.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(epoch) = *self.lost.borrow() {
            return Err(Error::Fenced { epoch });
        }
        match millis(self.net.now()) < self.valid_until.load(Ordering::SeqCst) {
            true => Ok(()),
            false => Err(Error::Lease),
        }
    }

    /// Returns what tells when another node has taken the store: then it has some number.
    pub fn lost(&self) -> watch::Receiver<Option<u64>> {
        self.lost.subscribe()
    }

    pub(super) fn holder(&self) -> &str {
        &self.holder
    }

    pub(super) fn term(&self) -> i64 {
        self.term.load(Ordering::SeqCst)
    }

    /// Takes the store, and returns the epochs of its partitions as they are.
    ///
    /// # Errors
    /// [`Error::Held`] where another node holds it.
    pub(super) fn take_store(&self) -> Result<BTreeMap<u16, u64>, Error> {
        self.take(PARTITION, 0)?;
        let mut link = self.link();
        let link = self.connected(&mut link)?;
        let PostgresConfig { node, .. } = &self.place.config;
        link.query(TAKE_REST, &[&self.holder, &self.term(), node, &self.origin, &self.seconds()])?;
        let mut epochs = BTreeMap::new();
        for row in link.query(EPOCHS, &[&self.holder])? {
            let partition = u16::try_from(column::<i32>(&row, 0)?).unwrap_or_default();
            epochs.insert(partition, unsigned(column(&row, 1)?));
        }
        Ok(epochs)
    }

    /// Takes a partition, and adds to its epoch; returns the epoch.
    ///
    /// # Errors
    /// [`Error::Held`] where another node holds it.
    pub(super) fn take(&self, partition: u16, raise: u64) -> Result<u64, Error> {
        let mut link = self.link();
        let link = self.connected(&mut link)?;
        let PostgresConfig { node, .. } = &self.place.config;
        let asked = self.net.now();
        let (number, raise) = (i32::from(partition), super::tables::number(raise));
        let taken = link.query(
            TAKE,
            &[&number, &self.holder, &self.term(), node, &self.origin, &self.seconds(), &raise],
        )?;
        if let Some(row) = taken.first() {
            self.rely_from(asked);
            return Ok(unsigned(column(row, 0)?));
        }
        let holder = holder(link, partition)?;
        let node = holder.map_or_else(|| "unknown".to_owned(), |holder| holder.node);
        Err(Error::Held { node })
    }

    /// Begins a new term over the writer's connection: what an earlier connection has sent has happened by now, or never will.
    ///
    /// # Errors
    /// [`Error::Fenced`] where another node holds the store.
    pub(super) fn begin_term(&self, link: &Link) -> Result<(), Error> {
        let term = self.term.fetch_add(1, Ordering::SeqCst) + 1;
        if link.query(NEXT_TERM, &[&self.holder, &term])?.is_empty() {
            return Err(self.lose(link, PARTITION));
        }
        Ok(())
    }

    /// Says why a commit was refused, from the row of its partition.
    pub(super) fn refusal(&self, link: &Link, partition: u16, epoch: u64) -> Error {
        match holder(link, partition) {
            Ok(Some(found)) if found.holder == self.holder && found.epoch == epoch => {
                // Neither the holder nor the epoch has changed: the number of the last commit is not the one that was known.
                Error::Unavailable { reason: "the store has changed under its writer".into() }
            }
            Ok(Some(found)) if found.holder == self.holder => Error::Fenced { epoch: found.epoch },
            Ok(_) => self.lose(link, partition),
            Err(error) => error,
        }
    }

    /// Gives the store up for good: another node has it.
    fn lose(&self, link: &Link, partition: u16) -> Error {
        let found = holder(link, partition).ok().flatten();
        let epoch = found.map_or(0, |found| found.epoch);
        self.lost.send_replace(Some(epoch));
        Error::Fenced { epoch }
    }

    /// Holds on to the store for another while.
    fn renew(&self) -> Result<(), Error> {
        let mut link = self.link();
        if self.lost.borrow().is_some() || self.is_released.load(Ordering::SeqCst) {
            return Ok(());
        }
        let link = self.connected(&mut link)?;
        let asked = self.net.now();
        let renewed = link.query(RENEW, &[&self.holder, &self.seconds()])?;
        if renewed.is_empty() {
            return Err(self.lose(link, PARTITION));
        }
        self.rely_from(asked);
        Ok(())
    }

    /// Lets go of the store for good, so that another node need not wait.
    pub fn release(&self) {
        // Under the lock, so that no renewal comes after it.
        let mut link = self.link();
        if self.is_released.swap(true, Ordering::SeqCst) {
            return;
        }
        self.valid_until.store(0, Ordering::SeqCst);
        if let Ok(link) = self.connected(&mut link) {
            // Where this fails the lease runs out.
            let _ = link.query(RELEASE, &[&self.holder]);
        }
        *link = None;
    }

    fn rely_from(&self, asked: Duration) {
        let time = self.place.lease_time();
        // A clock that runs a little slower than the server's does no harm.
        let until = asked + time - time / 6;
        self.valid_until.store(millis(until), Ordering::SeqCst);
    }

    fn seconds(&self) -> f64 {
        self.place.lease_time().as_secs_f64()
    }

    fn connected<'a>(&self, link: &'a mut Option<Link>) -> Result<&'a Link, Error> {
        let usable = match link.take().filter(Link::is_usable) {
            Some(usable) => usable,
            None => Link::open(&self.place, &self.net)?,
        };
        let link: &Link = link.insert(usable);
        Ok(link)
    }

    fn link(&self) -> MutexGuard<'_, Option<Link>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn holder(link: &Link, partition: u16) -> Result<Option<Holder>, Error> {
    let rows = link.query(HOLDER, &[&i32::from(partition)])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (node, holder) = (column(row, 0)?, column(row, 1)?);
    Ok(Some(Holder { node, holder, epoch: unsigned(column(row, 2)?) }))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The thread that renews a lease. It ends when this is dropped.
pub(super) struct Renewing {
    _stop: Sender<()>,
}

impl Renewing {
    /// Starts the thread; `tidy` is done now and then, too.
    pub fn start(lease: &Arc<Lease>, tidy: impl Fn() + Send + 'static) -> Result<Self, Error> {
        let (stop, stopped) = channel();
        let lease = Arc::clone(lease);
        std::thread::Builder::new()
            .name("lease".into())
            .spawn(move || renew_until(&stopped, &lease, &tidy))
            .map_err(|error| Error::Unavailable { reason: error.to_string() })?;
        Ok(Self { _stop: stop })
    }
}

fn renew_until(stopped: &Receiver<()>, lease: &Lease, tidy: &dyn Fn()) {
    let every = lease.place.lease_time() / 3;
    let mut pause = every;
    while matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
        // What fails is tried again soon: there is little time.
        pause = if lease.renew().is_ok() { every } else { every / 8 };
        tidy();
    }
}
