//! The writer: the only connection that changes keys and logs.

use super::lease::Lease;
use super::link::{Failed, Link, Net, Parameters, column};
use super::place::Place;
use super::read::pair;
use super::tables;
use crate::heads::Heads;
use crate::numbers::{chunk_id, signed};
use crate::{Batch, Error};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The writer.
pub(super) struct Writer {
    net: Arc<Net>,
    place: Arc<Place>,
    lease: Arc<Lease>,
    /// `None` after it was cut.
    link: Option<Link>,
    heads: Arc<Heads>,
    epochs: BTreeMap<u16, u64>,
    /// What may have become of the last commit.
    unsettled: Option<Heads>,
    bytes_synced: u64,
}

/// What a batch changes, as the server takes it.
struct Change<'a> {
    names: Vec<&'a str>,
    ends: Vec<i64>,
    numbers: Vec<i64>,
    ids: Vec<i64>,
    counts: Vec<i64>,
    formats: Vec<i16>,
    chunks: Vec<&'a [u8]>,
    keys: Vec<&'a [u8]>,
    values: Vec<&'a [u8]>,
    deleted: Vec<&'a [u8]>,
    trims_first: Vec<i64>,
    trims_upto: Vec<i64>,
}

impl Writer {
    /// Returns the writer of a store whose lease is held.
    pub fn new(
        net: Arc<Net>,
        place: Arc<Place>,
        lease: Arc<Lease>,
        epochs: BTreeMap<u16, u64>,
    ) -> Result<Self, Error> {
        let mut writer = Self {
            net,
            place,
            lease,
            link: None,
            heads: Arc::default(),
            epochs,
            unsettled: None,
            bytes_synced: 0,
        };
        let link = writer.connect()?;
        // Whoever held the lease until now may have brought the tables forward.
        tables::expect_current(&link)?;
        writer.heads = Arc::new(tables::heads(&link)?);
        writer.link = Some(link);
        Ok(writer)
    }

    pub fn heads(&self) -> &Arc<Heads> {
        &self.heads
    }

    /// Returns how many bytes of keys, values and events commits have sent.
    pub fn bytes_synced(&self) -> u64 {
        self.bytes_synced
    }

    pub fn open_epoch(&mut self, partition: u16) -> Result<u64, Error> {
        let epoch = self.lease.take(partition, 1)?;
        self.epochs.insert(partition, epoch);
        Ok(epoch)
    }

    /// Checks what can be checked before anything is sent.
    pub fn check(&mut self, partition: u16, batch: &Batch) -> Result<(), Error> {
        self.settle()?;
        self.lease.check()?;
        let epoch = self.epochs.get(&partition).copied().unwrap_or_default();
        if batch.epoch != epoch {
            return Err(Error::Fenced { epoch });
        }
        // Nobody else changes keys: what holds now holds when the commit comes, or the commit is fenced off.
        if !batch.expects.is_empty() && !self.expects_hold(batch)? {
            return Err(Error::Expected);
        }
        Ok(())
    }

    /// Makes a batch durable that was checked; returns its commit number. Panics where the writer lost count.
    pub fn commit(&mut self, partition: u16, batch: &Batch) -> Result<u64, Error> {
        let mut after = Heads::clone(&self.heads);
        after.advance(self.heads.after(batch));
        let sent = self.send(partition, batch, &after);
        match sent {
            Ok(true) => {
                self.bytes_synced += batch.bytes() as u64;
                self.heads = Arc::new(after);
                Ok(self.heads.commit)
            }
            Ok(false) => {
                let error = match &self.link {
                    Some(link) => self.lease.refusal(link, partition, batch.epoch),
                    None => Error::Lease,
                };
                // Whatever it was, the next commit begins with a look at what is there.
                self.link = None;
                Err(error)
            }
            Err(Failed::Refused(error)) => Err(error),
            Err(Failed::Broken(reason)) => self.find_out(after, reason, batch.bytes() as u64),
        }
    }

    /// Makes sure, after a connection was cut, what became of the last commit.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where that cannot be found out now, [`Error::Fenced`].
    pub fn settle(&mut self) -> Result<(), Error> {
        if self.link.as_ref().is_some_and(Link::is_usable) && self.unsettled.is_none() {
            return Ok(());
        }
        let link = self.connect()?;
        let found = tables::heads(&link)?;
        let possible = self.unsettled.as_ref().filter(|possible| possible.commit == found.commit);
        if found.commit != self.heads.commit && possible.is_none() {
            return Err(Error::Damaged {
                reason: format!(
                    "the last commit is {}, but {} was acknowledged: the server has lost commits, or another program writes",
                    found.commit, self.heads.commit
                ),
            });
        }
        self.heads = Arc::new(found);
        (self.link, self.unsettled) = (Some(link), None);
        Ok(())
    }

    pub fn is_settled(&self) -> bool {
        self.unsettled.is_none()
    }

    /// Connects, and shuts out what an earlier connection may still have sent.
    fn connect(&mut self) -> Result<Link, Error> {
        if let Some(link) = self.link.take() {
            link.cut();
        }
        let link = Link::open(&self.place, &self.net)?;
        self.lease.begin_term(&link)?;
        Ok(link)
    }

    /// Answers a commit after its connection was cut.
    fn find_out(&mut self, after: Heads, reason: String, bytes: u64) -> Result<u64, Error> {
        let commit = after.commit;
        self.unsettled = Some(after);
        match self.settle() {
            Ok(()) if self.heads.commit == commit => {
                self.bytes_synced += bytes;
                Ok(commit)
            }
            Ok(()) => Err(Error::Unavailable { reason }),
            // Also where another node has taken the store: it may have found this commit there.
            Err(_) => Err(Error::Unknown),
        }
    }

    /// Sends a commit; returns whether it has happened. Where it has not, the lease or the number was not as it should be.
    fn send(&self, partition: u16, batch: &Batch, after: &Heads) -> Result<bool, Failed> {
        let Some(link) = &self.link else {
            return Err(Failed::Broken("there is no connection".into()));
        };
        let change = Change::new(batch, &self.heads, after);
        let (number, epoch) = (i32::from(partition), signed(batch.epoch));
        let (holder, term, commit) = (self.lease.holder(), self.lease.term(), signed(after.commit));
        let Change { names, ends, numbers, ids, counts, formats, chunks, .. } = &change;
        let Change { keys, values, deleted, trims_first, trims_upto, .. } = &change;
        let append: Parameters<'_> = &[
            &number, &epoch, &holder, &term, &commit, names, ends, numbers, ids, counts, formats,
            chunks,
        ];
        let row = if change.appends_only() {
            link.query_one(tables::APPEND, append)?
        } else {
            let further: Parameters<'_> = &[keys, values, deleted, trims_first, trims_upto];
            link.query_one(tables::CHANGE, &[append, further].concat())?
        };
        Ok(column::<i64>(&row, 0)? == 1)
    }

    fn expects_hold(&self, batch: &Batch) -> Result<bool, Error> {
        let Some(link) = &self.link else { return Err(Error::Lease) };
        let keys: Vec<&[u8]> = batch.expects.iter().map(|expect| expect.key.as_slice()).collect();
        let rows = link.query(tables::GET_MANY, &[&keys])?;
        let found: HashMap<_, _> = rows.iter().map(pair).collect::<Result<_, _>>()?;
        Ok(batch.expects.iter().all(|expect| found.get(&expect.key) == expect.value.as_ref()))
    }
}

impl<'a> Change<'a> {
    fn new(batch: &'a Batch, before: &Heads, after: &Heads) -> Self {
        let mut change = Self::empty();
        let mut trims: HashMap<&str, u64> = HashMap::new();
        for (log, offset) in &batch.trims {
            let upto = trims.entry(log).or_default();
            *upto = (*upto).max(*offset);
        }
        for chunk in batch.chunks.iter().filter(|chunk| 0 < chunk.count) {
            let number = after.logs[&chunk.log].number;
            let end = chunk.offset + u64::from(chunk.count);
            // What the same commit trims need not be stored; a statement would not see what it has stored itself.
            if trims.get(chunk.log.as_str()).is_none_or(|offset| *offset < end) {
                change.ids.push(chunk_id(number, chunk.offset));
                change.counts.push(i64::from(chunk.count));
                change.formats.push(i16::from(chunk.format));
                change.chunks.push(&chunk.bytes);
            }
            if !change.names.contains(&chunk.log.as_str()) {
                change.names.push(&chunk.log);
                change.ends.push(signed(after.logs[&chunk.log].end));
                change.numbers.push(number);
            }
        }
        for (key, value) in &batch.writes {
            match value {
                Some(value) => {
                    change.keys.push(key);
                    change.values.push(value);
                }
                None => change.deleted.push(key),
            }
        }
        for (log, offset) in &batch.trims {
            if let Some(head) = before.logs.get(log) {
                change.trims_first.push(chunk_id(head.number, 0));
                change.trims_upto.push(chunk_id(head.number, head.end.min(*offset)));
            }
        }
        change
    }

    fn empty() -> Self {
        Self {
            names: Vec::new(),
            ends: Vec::new(),
            numbers: Vec::new(),
            ids: Vec::new(),
            counts: Vec::new(),
            formats: Vec::new(),
            chunks: Vec::new(),
            keys: Vec::new(),
            values: Vec::new(),
            deleted: Vec::new(),
            trims_first: Vec::new(),
            trims_upto: Vec::new(),
        }
    }

    fn appends_only(&self) -> bool {
        self.keys.is_empty() && self.deleted.is_empty() && self.trims_first.is_empty()
    }
}

/// Returns whether a batch changes what earlier snapshots see.
pub(super) fn changes_tables(batch: &Batch) -> bool {
    !batch.writes.is_empty() || !batch.trims.is_empty()
}
