//! A store in a database of PostgreSQL, which several nodes of a unit may share: one holds it at a time.
//!
//! A commit is one statement: it looks whether the lease is still the writer's, raises the commit number, and changes keys and logs, or
//! does nothing. That is one round trip, and no lock outlives it, however its sender ends. With a journal in front most commits
//! are a row of the log. Nothing is kept ahead of the tables here, so that `Batch::folds` says nothing to this store: the journal
//! in front heeds it.
//!
//! After a connection was cut in a commit, nobody knows what became of it. The writer connects anew and begins a new term in the row
//! of its lease, which waits for the statement where it still runs and shuts it out where it has not begun; then the commit number
//! tells.
//!
//! Invariants: who commits holds the lease, by holder, epoch and term, in the same statement; what a snapshot shows is durable, and was
//! read while the lease held; nothing is sent in clear text to another machine.

mod blobs;
mod check;
mod lease;
mod link;
mod place;
mod read;
mod tables;
mod tls;
mod upgrade;
mod write;

pub use blobs::LeasedBlobs;
pub use lease::{Lease, Owner};

use crate::heads::Heads;
use crate::{Batch, Error, Formats, PostgresConfig, Snapshot, Store};
use lease::Renewing;
use link::{Link, Net};
use place::Place;
use read::{PostgresSnapshot, Readers, Tables};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use write::Writer;

/// How long looking through a whole store, or tidying it up, may take.
const LONG: Duration = Duration::from_secs(3_600);

/// A store in a database of PostgreSQL.
pub struct PostgresStore {
    inner: Arc<Inner>,
}

/// What a store and its snapshots share. Locks are taken in the order writer, current, tables.
struct Inner {
    net: Arc<Net>,
    place: Arc<Place>,
    lease: Arc<Lease>,
    readers: Arc<Readers>,
    writer: Mutex<Writer>,
    current: Mutex<Current>,
    /// False while it is not known what became of a commit.
    is_settled: AtomicBool,
    renewing: Option<Renewing>,
}

/// What the next snapshot sees.
struct Current {
    tables: Arc<Tables>,
    heads: Arc<Heads>,
}

impl PostgresStore {
    /// Opens the store of a database, or makes it where there is none, and takes the lease.
    ///
    /// # Errors
    /// [`Error::Held`] where another node has the lease, [`Error::Address`], [`Error::Foreign`], [`Error::Newer`],
    /// [`Error::Older`], [`Error::Unavailable`].
    pub fn open(config: &PostgresConfig, owner: &Owner) -> Result<Self, Error> {
        let place = Arc::new(Place::new(config)?);
        let net = Arc::new(Net::start()?);
        let link = Link::open(&place, &net)?;
        tables::prepare(&link, &place, &owner.unit)?;
        let lease = Arc::new(Lease::new(Arc::clone(&net), Arc::clone(&place), owner, link));
        let epochs = lease.take_store()?;
        let opened = Self::open_held(net, place, &lease, epochs);
        if opened.is_err() {
            lease.release();
        }
        opened
    }

    /// Returns the format of the store of a database; nothing where there is none.
    ///
    /// # Errors
    /// [`Error::Address`], [`Error::Foreign`], [`Error::Unavailable`].
    pub fn format(config: &PostgresConfig, owner: &Owner) -> Result<Option<u32>, Error> {
        let link = Link::open(&Place::new(config)?, &Arc::new(Net::start()?))?;
        if !tables::has_tables(&link)? {
            return Ok(None);
        }
        tables::check_unit(&link, &owner.unit)?;
        Ok(Some(tables::format(&link)?))
    }

    /// Brings the store of a database to the newest format, after a copy of all tables in a schema beside theirs. Returns the name of
    /// that schema; nothing where there was nothing to do.
    ///
    /// # Errors
    /// [`Error::Held`] where another node has the lease, [`Error::Foreign`], [`Error::Newer`], [`Error::Older`] where no step leads from
    /// its format, [`Error::Address`] where the user may not make a schema, and those of the server.
    pub fn upgrade(
        config: &PostgresConfig,
        owner: &Owner,
        formats: &Formats,
    ) -> Result<Option<String>, Error> {
        let (place, net) = (Arc::new(Place::new(config)?), Arc::new(Net::start()?));
        let link = own_link(&place, &net)?;
        tables::check_unit(&link, &owner.unit)?;
        let of_lease = Link::open(&place, &net)?;
        let lease = Lease::new(net, place, owner, of_lease);
        lease.take_store()?;
        let upgraded = upgrade::upgrade(&link, &lease, &config.schema, formats);
        lease.release();
        upgraded
    }

    fn open_held(
        net: Arc<Net>,
        place: Arc<Place>,
        lease: &Arc<Lease>,
        epochs: BTreeMap<u16, u64>,
    ) -> Result<Self, Error> {
        let writer = Writer::new(Arc::clone(&net), Arc::clone(&place), Arc::clone(lease), epochs)?;
        let readers = Readers::new(Arc::clone(&net), Arc::clone(&place), Arc::clone(lease));
        let readers = Arc::new(readers);
        let tidied = Arc::downgrade(&readers);
        let tidy = move || {
            if let Some(readers) = tidied.upgrade() {
                readers.tidy();
            }
        };
        let renewing = Some(Renewing::start(lease, tidy)?);
        let heads = Arc::clone(writer.heads());
        let inner = Inner {
            net,
            place,
            lease: Arc::clone(lease),
            readers,
            writer: Mutex::new(writer),
            current: Mutex::new(Current { tables: Arc::default(), heads }),
            is_settled: AtomicBool::new(true),
            renewing,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns this process's hold on the store.
    pub fn lease(&self) -> &Arc<Lease> {
        &self.inner.lease
    }
}

impl Inner {
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds out what became of the last commit, where that is not known.
    fn settle(&self) -> Result<(), Error> {
        let mut writer = self.writer();
        writer.settle()?;
        self.publish(&writer, &mut self.current());
        Ok(())
    }

    /// Shows what the writer knows to the next snapshot.
    fn publish(&self, writer: &Writer, current: &mut Current) {
        current.heads = Arc::clone(writer.heads());
        self.is_settled.store(writer.is_settled(), Ordering::SeqCst);
    }

    /// Commits what snapshots of before do not notice.
    fn append(&self, writer: &mut Writer, partition: u16, batch: &Batch) -> Result<u64, Error> {
        let result = writer.commit(partition, batch);
        self.publish(writer, &mut self.current());
        result
    }

    /// Commits what changes keys or shortens logs. No snapshot is opened meanwhile; those that are open see what was before.
    fn change(&self, writer: &mut Writer, partition: u16, batch: &Batch) -> Result<u64, Error> {
        let mut current = self.current();
        if 1 < Arc::strong_count(&current.tables) {
            self.readers.pin(&current.tables)?;
        }
        let result = writer.commit(partition, batch);
        current.tables = Arc::default();
        self.publish(writer, &mut current);
        result
    }
}

/// Returns a connection of its own for something that takes long.
fn own_link(place: &Place, net: &Arc<Net>) -> Result<Link, Error> {
    let link = Link::open(place, net)?;
    link.execute("SET statement_timeout TO 0; SET idle_in_transaction_session_timeout TO 0")?;
    Ok(link)
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.renewing = None;
        self.lease.release();
    }
}

impl Store for PostgresStore {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        loop {
            self.inner.lease.check()?;
            let current = self.inner.current();
            if self.inner.is_settled.load(Ordering::SeqCst) {
                return Ok(Box::new(PostgresSnapshot {
                    _inner: Arc::clone(&self.inner) as Arc<dyn Send + Sync>,
                    readers: Arc::clone(&self.inner.readers),
                    tables: Arc::clone(&current.tables),
                    heads: Arc::clone(&current.heads),
                }));
            }
            drop(current);
            self.inner.settle()?;
        }
    }

    /// Every look may take a round trip.
    fn is_prompt(&self) -> bool {
        false
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn check_held(&self) -> Result<(), Error> {
        self.inner.lease.check()
    }

    fn open_epoch(&self, partition: u16) -> Result<u64, Error> {
        self.inner.writer().open_epoch(partition)
    }

    fn commit(&self, partition: u16, batch: &Batch) -> Result<u64, Error> {
        let writer = &mut *self.inner.writer();
        writer.check(partition, batch)?;
        if write::changes_tables(batch) {
            self.inner.change(writer, partition, batch)
        } else {
            self.inner.append(writer, partition, batch)
        }
    }

    fn bytes_synced(&self) -> u64 {
        self.inner.writer().bytes_synced()
    }

    /// Has the server free the room of what was deleted. It writes over it when it uses it again; see the guide for what that means
    /// for an erasure.
    fn overwrite_freed(&self) -> Result<bool, Error> {
        let link = own_link(&self.inner.place, &self.inner.net)?;
        link.execute_long("VACUUM kv", LONG)?;
        link.execute_long("VACUUM log", LONG)?;
        Ok(true)
    }

    fn verify(&self) -> Result<Vec<String>, Error> {
        self.inner.lease.check()?;
        let link = own_link(&self.inner.place, &self.inner.net)?;
        link.execute(tables::BEGIN)?;
        Ok(check::verify(&link)?)
    }
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore")
            .field("node", &self.inner.place.config.node)
            .finish_non_exhaustive()
    }
}
