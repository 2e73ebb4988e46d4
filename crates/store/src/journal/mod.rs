//! A store that makes each commit durable as one record, and brings it into the tables of the store below later, many
//! commits at once.
//!
//! A commit is one row in the log [`JOURNAL`] of the store below: a few pages one behind the other, instead of one page here and
//! there for each key. Its changes stand in memory until they are folded into the tables; of a key that changed a hundred
//! times meanwhile one change is left, of one that came and went nothing. Reading looks at the changes first, then at the
//! tables, which stand still in between, so that what was read of them once is remembered.
//!
//! Invariants: what the tables hold is the state after the first commits, and the journal holds all commits after these; a fold
//! writes the tables and trims the journal in one commit of the store below, so that a crash at any moment leaves both true.
//! The journal's offsets are the commit numbers. (Gray and Reuter, Transaction Processing, 1993, 10: write-ahead logging.)

mod generation;
mod recent;
mod record;
mod view;

use crate::{Batch, Chunk, Error, Image, Snapshot, Store};
use generation::Generation;
use recent::{Recent, end_of};
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use view::View;

/// The log of records. It is not listed.
const JOURNAL: &str = "store/journal";

/// The bytes of changes in memory at which they are folded into the tables.
pub const FOLD_BYTES: usize = 8 << 20;

/// The same where the tables are those of another process. A row costs more there than in a file, so that it pays to wait until more has
/// come and gone.
const FOLD_BYTES_REMOTE: usize = 32 << 20;

/// The bytes of a batch that goes into the tables at once.
const LARGE_BYTES: usize = 2 << 20;

/// Records after which they are folded whatever their size: a fold holds up who commits next, by about a tenth of a millisecond for each
/// small commit in it.
const RECORDS_MAX: usize = 200;

/// The same where the tables are those of another process, and a fold is dear whatever it has.
const RECORDS_MAX_REMOTE: usize = 1_000;

/// Snapshots that may be open at a time; one more is refused. Each may keep what was folded since alive.
const SNAPSHOTS_MAX: usize = 1_024;

/// How often the memory may exceed the limit where folding fails, for example on a full disk, before commits are refused.
const OVERDRAFT: usize = 4;

/// The format of a record, for the store below.
const FORMAT: u8 = 1;

/// A store with a journal in front of another.
pub struct JournaledStore {
    shared: Arc<Shared>,
    fold_bytes: usize,
    records_max: usize,
    /// Held by who commits.
    committing: Mutex<Committing>,
    /// True after a commit of which it is not known whether it happened, until the store below has told.
    is_uncertain: AtomicBool,
}

/// What a store and its snapshots share.
struct Shared {
    below: Arc<dyn Store>,
    current: RwLock<Arc<Generation>>,
    /// Snapshots that are open.
    views: AtomicUsize,
}

#[derive(Debug)]
struct Committing {
    /// The last commit of the store below.
    below: u64,
    uncertain: Option<Uncertain>,
    /// Records since the last fold.
    records: usize,
    /// The bytes in memory at which folding is tried again, after it failed.
    fold_again: usize,
}

/// A change of which it is not known whether it happened.
#[derive(Debug)]
enum Uncertain {
    /// A record of these changes.
    Append(Batch),
    /// A fold that ends with this commit.
    Fold(u64),
}

impl Shared {
    fn current(&self) -> RwLockReadGuard<'_, Arc<Generation>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JournaledStore {
    /// Opens the store that lies in another, and takes up what its journal holds.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a record cannot be read, and those of the store below.
    pub fn open(below: Arc<dyn Store>) -> Result<Self, Error> {
        let fold_bytes = if below.is_remote() { FOLD_BYTES_REMOTE } else { FOLD_BYTES };
        Self::with_fold_bytes(below, fold_bytes)
    }

    /// As [`JournaledStore::open`], with the bytes of changes in memory at which they are folded into the tables.
    ///
    /// # Errors
    /// As [`JournaledStore::open`].
    pub fn with_fold_bytes(below: Arc<dyn Store>, fold_bytes: usize) -> Result<Self, Error> {
        let snapshot = below.snapshot()?;
        let end = snapshot.log_end(JOURNAL)?;
        let below_commit = snapshot.commit();
        let records = snapshot.chunks(JOURNAL, 0, usize::MAX)?;
        drop(snapshot);
        let mut recent = Recent::new(records.first().map_or(end, |record| record.offset));
        let committing = Mutex::new(Committing {
            below: below_commit,
            uncertain: None,
            records: records.len(),
            fold_again: 0,
        });
        for record in records {
            recent.apply(&record::decode(&record.bytes)?, &HashSet::new());
        }
        let generation = Generation::new(Arc::clone(&below), recent);
        let records_max = if below.is_remote() { RECORDS_MAX_REMOTE } else { RECORDS_MAX };
        let shared = Arc::new(Shared {
            below,
            current: RwLock::new(Arc::new(generation)),
            views: AtomicUsize::new(0),
        });
        Ok(Self {
            shared,
            fold_bytes,
            records_max,
            committing,
            is_uncertain: AtomicBool::new(false),
        })
    }

    fn committing(&self) -> MutexGuard<'_, Committing> {
        self.committing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits below; where nobody knows whether that happened, remembers what has to be found out.
    fn commit_below(
        &self,
        committing: &mut Committing,
        partition: u16,
        batch: &Batch,
        uncertain: impl FnOnce() -> Uncertain,
    ) -> Result<(), Error> {
        match self.shared.below.commit(partition, batch) {
            Ok(commit) => {
                committing.below = commit;
                Ok(())
            }
            Err(Error::Unknown) => {
                committing.uncertain = Some(uncertain());
                self.is_uncertain.store(true, Ordering::SeqCst);
                Err(Error::Unknown)
            }
            Err(error) => Err(error),
        }
    }

    /// Finds out what became of a change after a failed sync: the next snapshot of the store below tells.
    fn resolve(&self, committing: &mut Committing) -> Result<(), Error> {
        if committing.uncertain.is_none() {
            return Ok(());
        }
        let below = self.shared.below.snapshot()?.commit();
        let has_happened = committing.below < below;
        committing.below = below;
        match committing.uncertain.take() {
            Some(Uncertain::Append(batch)) if has_happened => {
                self.shared.current().recent_mut().apply(&batch, &HashSet::new());
            }
            Some(Uncertain::Fold(commit)) if has_happened => {
                self.begin(Generation::new(Arc::clone(&self.shared.below), Recent::new(commit)));
            }
            Some(Uncertain::Fold(_)) => self.shared.current().go_on(),
            Some(Uncertain::Append(_)) | None => {}
        }
        self.is_uncertain.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// Begins the time after a fold.
    fn begin(&self, next: Generation) {
        let mut current = self.shared.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(next);
    }

    /// Makes a batch durable as a record.
    fn append(
        &self,
        committing: &mut Committing,
        generation: &Generation,
        partition: u16,
        batch: &Batch,
    ) -> Result<u64, Error> {
        let commit = generation.recent().commit;
        let record = Chunk {
            log: JOURNAL.into(),
            offset: commit,
            count: 1,
            format: FORMAT,
            bytes: record::encode(batch),
        };
        let below = Batch { epoch: batch.epoch, chunks: vec![record], ..Batch::default() };
        self.commit_below(committing, partition, &below, || Uncertain::Append(batch.clone()))?;
        committing.records += 1;
        let passed = passed(generation, batch);
        generation.recent_mut().apply(batch, &passed);
        Ok(commit + 1)
    }

    /// Brings the changes into the tables and empties the journal; where there is one, with a last batch that does not go
    /// through the journal at all.
    fn fold(
        &self,
        committing: &mut Committing,
        partition: u16,
        epoch: u64,
        last: Option<&Batch>,
    ) -> Result<u64, Error> {
        let current = Arc::clone(&self.shared.current());
        let mut batch = current.recent().fold();
        batch.epoch = epoch;
        let mut commit = current.recent().commit;
        if let Some(last) = last {
            add(&mut batch, last);
            batch.chunks.push(Chunk {
                log: JOURNAL.into(),
                offset: commit,
                count: 1,
                format: FORMAT,
                bytes: record::encode(&Batch::default()),
            });
            commit += 1;
        }
        batch.trims.push((JOURNAL.into(), commit));
        {
            // Whoever opens a snapshot while the tables change sees what they were before.
            let _alone = self.shared.current.write().unwrap_or_else(PoisonError::into_inner);
            current.end()?;
        }
        match self.commit_below(committing, partition, &batch, || Uncertain::Fold(commit)) {
            Ok(()) => {}
            Err(Error::Unknown) => return Err(Error::Unknown),
            Err(error) => {
                current.go_on();
                return Err(error);
            }
        }
        self.begin(current.after(commit, batch.writes));
        (committing.records, committing.fold_again) = (0, 0);
        Ok(commit)
    }
}

fn too_many() -> Error {
    let reason = format!("{SNAPSHOTS_MAX} snapshots are open, which is the limit");
    Error::Unavailable { reason }
}

/// Returns the keys of queues whose deletion leaves nothing to be told to the tables: a look at what is next need not step
/// over them again and again.
fn passed<'a>(generation: &Generation, batch: &'a Batch) -> HashSet<&'a [u8]> {
    let deleted =
        batch.writes.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key.as_slice());
    let candidates: Vec<&[u8]> = {
        let recent = generation.recent();
        deleted.filter(|key| recent.is_busy(key) && recent.is_passing(key)).collect()
    };
    // Where the tables cannot be read now, the deletion is kept.
    candidates.into_iter().filter(|key| matches!(generation.value(key), Ok(None))).collect()
}

/// Puts a batch behind another.
fn add(batch: &mut Batch, last: &Batch) {
    let mut writes: BTreeMap<_, _> = std::mem::take(&mut batch.writes).into_iter().collect();
    writes.extend(last.writes.iter().cloned());
    batch.writes = writes.into_iter().collect();
    batch.chunks.extend(last.chunks.iter().cloned());
    batch.trims.extend(last.trims.iter().cloned());
}

/// Returns whether all that a batch expects holds.
fn expects_hold(snapshot: &dyn Snapshot, batch: &Batch) -> Result<bool, Error> {
    for expect in &batch.expects {
        if snapshot.get(&expect.key)? != expect.value {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sees to it that logs go on without gaps.
fn check_offsets(snapshot: &dyn Snapshot, batch: &Batch) -> Result<(), Error> {
    let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
    for chunk in batch.chunks.iter().filter(|chunk| 0 < chunk.count) {
        let end = match ends.get(chunk.log.as_str()) {
            Some(end) => *end,
            None => snapshot.log_end(&chunk.log)?,
        };
        // Invariant: a log has no gaps. A gap here means that the writer lost count.
        assert_eq!(chunk.offset, end, "log `{}` has no gaps", chunk.log);
        ends.insert(&chunk.log, end_of(chunk));
    }
    Ok(())
}

impl Store for JournaledStore {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        // What stands in memory is no longer the last commit where somebody else writes.
        self.check_held()?;
        loop {
            let current = self.shared.current();
            // Looked at under the lock: a fold whose end is not known has left the tables in doubt.
            if !self.is_uncertain.load(Ordering::SeqCst) {
                let view = View::new(&self.shared, &current);
                return match self.shared.views.load(Ordering::SeqCst) <= SNAPSHOTS_MAX {
                    true => Ok(Box::new(view)),
                    false => Err(too_many()),
                };
            }
            drop(current);
            self.resolve(&mut self.committing())?;
        }
    }

    fn is_remote(&self) -> bool {
        self.shared.below.is_remote()
    }

    fn is_prompt(&self) -> bool {
        self.shared.below.is_prompt()
            && !self.is_uncertain.load(Ordering::SeqCst)
            && self.shared.current.try_read().is_ok()
    }

    fn check_held(&self) -> Result<(), Error> {
        self.shared.below.check_held()
    }

    fn open_epoch(&self, partition: u16) -> Result<u64, Error> {
        self.shared.below.open_epoch(partition)
    }

    fn commit(&self, partition: u16, batch: &Batch) -> Result<u64, Error> {
        let committing = &mut *self.committing();
        self.resolve(committing)?;
        let view = View::new(&self.shared, &self.shared.current());
        if !expects_hold(&view, batch)? {
            return Err(Error::Expected);
        }
        check_offsets(&view, batch)?;
        drop(view);
        let generation = Arc::clone(&self.shared.current());
        let held = generation.recent().bytes();
        // What is large, or changes more than keys and ends of logs, goes into the tables at once; so does what is to leave no record.
        let is_large = LARGE_BYTES.min(self.fold_bytes) < batch.bytes();
        if batch.folds || !batch.trims.is_empty() || is_large {
            return self.fold(committing, partition, batch.epoch, Some(batch));
        }
        let is_full = self.fold_bytes <= held || self.records_max <= committing.records;
        let is_hopeless = held < committing.fold_again && held < OVERDRAFT * self.fold_bytes;
        if !is_full || is_hopeless {
            return self.append(committing, &generation, partition, batch);
        }
        drop(generation);
        if let Err(error) = self.fold(committing, partition, batch.epoch, None) {
            // On a full disk not every commit tries in vain to write all that waits.
            committing.fold_again = held + self.fold_bytes / 4;
            if OVERDRAFT * self.fold_bytes <= held {
                return Err(error);
            }
        }
        self.resolve(committing)?;
        let generation = Arc::clone(&self.shared.current());
        self.append(committing, &generation, partition, batch)
    }

    fn bytes_synced(&self) -> u64 {
        self.shared.below.bytes_synced()
    }

    fn overwrite_freed(&self) -> Result<bool, Error> {
        self.shared.below.overwrite_freed()
    }

    fn forget_log(&self) -> Result<bool, Error> {
        let _committing = self.committing();
        // No snapshot is opened meanwhile. The one that all share is had again with the next look: the tables are the same then.
        let current = self.shared.current.write().unwrap_or_else(PoisonError::into_inner);
        current.let_go();
        self.shared.below.forget_log()
    }

    fn image(&self) -> Result<Image, Error> {
        // Nobody commits meanwhile: tables and journal below are, together, of the commit that the view sees.
        let committing = &mut *self.committing();
        self.resolve(committing)?;
        let view = View::new(&self.shared, &self.shared.current());
        let below = self.shared.below.image()?;
        Ok(Image { snapshot: Box::new(view), blocks: below.blocks })
    }

    fn verify(&self) -> Result<Vec<String>, Error> {
        // The journal was read when the store was opened; a record that cannot be read keeps it from opening.
        self.shared.below.verify()
    }
}

impl std::fmt::Debug for JournaledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournaledStore").finish_non_exhaustive()
    }
}
