//! A commit in the making: an overlay over the last commit, with savepoints.

use crate::admit::Asked;
use crate::metrics::Told;
use crate::{Address, Call, Kernel, Principal, Read, Reply, ResourceRef, space, writer};
use base::{Problem, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use store::{Batch, Chunk, Pair, Snapshot};

/// What a step leaves for later steps of the same turn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Pending {
    /// A call made by an engine.
    Call(Call),
    /// The result of a call on its way to the engine that made it.
    Reply(Address, Result<Value, Problem>),
    /// The withdrawal of a call made by an engine.
    Cancel(Call),
}

/// How a change is taken back.
enum Undo {
    Key(Vec<u8>, Option<Option<Vec<u8>>>),
    Log { log: String, chunks: usize, bytes: usize, count: u32 },
    Trim,
    Fold,
    Business(Time),
}

/// What is done once the commit is durable.
type After = Box<dyn FnOnce(&Kernel) + Send + Sync>;

/// A commit in the making.
pub struct Tx<'a> {
    kernel: &'a Arc<Kernel>,
    snapshot: &'a dyn Snapshot,
    overlay: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    logs: BTreeMap<String, Vec<Chunk>>,
    trims: Vec<(String, u64)>,
    folds: bool,
    undo: Vec<Undo>,
    depth: u32,
    pub(crate) pending: VecDeque<Pending>,
    topics: BTreeSet<String>,
    has_more: bool,
    after: Vec<After>,
    business: Time,
    wall: Time,
    /// What is told after the commit: spans, counts, measurements.
    pub(crate) told: Told,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(kernel: &'a Arc<Kernel>, snapshot: &'a dyn Snapshot) -> Self {
        Self {
            kernel,
            snapshot,
            overlay: BTreeMap::new(),
            logs: BTreeMap::new(),
            trims: Vec::new(),
            folds: false,
            undo: Vec::new(),
            depth: 0,
            pending: VecDeque::new(),
            topics: BTreeSet::new(),
            has_more: false,
            after: Vec::new(),
            business: kernel.clock().business(),
            wall: kernel.clock().wall(),
            told: Told::default(),
        }
    }

    /// Returns the wall time of this turn.
    pub fn wall(&self) -> Time {
        self.wall
    }

    /// Returns the business time at which a call happens: its own, or the unit's.
    pub fn time_of(&self, call: &Call) -> Time {
        call.at.unwrap_or(self.business)
    }

    /// Sets a key.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: Vec<u8>) {
        self.write(key.into(), Some(value));
    }

    /// Deletes a key.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        self.write(key.into(), None);
    }

    /// Appends rows as JSON lines to a log; returns the offset of the first. Rows of one commit share a chunk.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn append_rows(&mut self, log: &str, lines: &[u8], count: u32) -> Result<u64, Problem> {
        let offset = self.log_end(log)?;
        self.remember_log(log);
        let chunks = self.logs.entry(log.to_owned()).or_default();
        match chunks.last_mut() {
            Some(last) if last.format == crate::FORMAT_ROWS => {
                last.bytes.extend_from_slice(lines);
                last.count += count;
            }
            _ => chunks.push(Chunk {
                log: log.to_owned(),
                offset,
                count,
                format: crate::FORMAT_ROWS,
                bytes: lines.to_vec(),
            }),
        }
        Ok(offset)
    }

    /// Appends events in a format of the engine's own as one chunk; returns the offset of the first. [`crate::Engine::lines`] of
    /// some engine must know the format.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn append_chunk(
        &mut self,
        log: &str,
        format: u8,
        bytes: Vec<u8>,
        count: u32,
    ) -> Result<u64, Problem> {
        let offset = self.log_end(log)?;
        self.remember_log(log);
        let chunk = Chunk { log: log.to_owned(), offset, count, format, bytes };
        self.logs.entry(log.to_owned()).or_default().push(chunk);
        Ok(offset)
    }

    /// Returns whether this commit appends to a log.
    pub fn has_appended(&self, log: &str) -> bool {
        self.logs.get(log).is_some_and(|chunks| !chunks.is_empty())
    }

    /// Shortens a log from its beginning: chunks that end at or before the offset are dropped with this commit.
    pub fn trim(&mut self, log: &str, offset: u64) {
        self.undo.push(Undo::Trim);
        self.trims.push((log.to_owned(), offset));
    }

    /// Has this commit leave no record, ahead of the store's tables, of what it and the commits before it changed.
    pub fn fold(&mut self) {
        if !self.folds {
            self.undo.push(Undo::Fold);
            self.folds = true;
        }
    }

    /// Returns the number that this commit will have.
    pub fn commit_next(&self) -> u64 {
        self.snapshot.commit() + 1
    }

    /// Appends one row to a log of the system, for example `system/audit`; returns its offset.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn record<T: Serialize>(&mut self, log: &str, row: &T) -> Result<u64, Problem> {
        let mut line = serde_json::to_vec(row)
            .map_err(|error| crate::Error::Internal { detail: error.to_string() })?;
        line.push(b'\n');
        self.append_rows(log, &line, 1)
    }

    /// Returns the next number of a gap-free series, from 1.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn serial(&mut self, series: &str) -> Result<u64, Problem> {
        let key = space::key(b'E').text("serial").text(series);
        let last = self.get(key.as_ref())?.map_or(0, |bytes| number(&bytes));
        self.put(key, (last + 1).to_be_bytes().to_vec());
        Ok(last + 1)
    }

    /// Has a call made, in this commit where there is room, else in the next. Its result goes to `reply_to`. It belongs to the trace
    /// of what is being done now, unless it says otherwise.
    pub fn call(&mut self, mut call: Call) {
        call.trace = call.trace.or_else(|| self.told.trace.clone());
        self.pending.push_back(Pending::Call(call));
    }

    /// Runs a call of an engine in this step, under the permit of what led to it: what it changes is part of the step, and is taken back
    /// with it. One that only looks sees the last commit. It belongs to the trace of what is being done now, unless it says otherwise.
    ///
    /// # Errors
    /// The kernel's or the operation's; `kernel.internal` where the operation answers later, of which nothing stays then.
    pub fn ask(&mut self, call: &Call) -> Result<Reply, Problem> {
        let trace = self.told.trace.as_ref().filter(|_| call.trace.is_none());
        let trace = trace.filter(|trace| trace.is_sampled).cloned();
        let traced = trace.map(|trace| Call { trace: Some(trace), ..call.clone() });
        self.attempt(|tx| match writer::run_inside(tx, traced.as_ref().unwrap_or(call))? {
            Reply::Later => {
                let detail = format!("`{}` answers later", call.operation);
                Err(crate::Error::Internal { detail }.into())
            }
            reply => Ok(reply),
        })
    }

    /// Charges a call that is about to be made by [`Tx::call`] as if it had come through a door: by a credential that still holds, and
    /// under the quotas of its actor. For work that goes on long after the call that led to it.
    ///
    /// # Errors
    /// `token.invalid` where the credential was revoked; `quota.exceeded`, which counts as no refusal, for such work waits; where the
    /// store cannot be read.
    pub fn admit(&self, call: &Call) -> Result<(), Problem> {
        let kernel: &Kernel = self.kernel;
        let operation = kernel.operation(&call.operation)?;
        if let Some(stamp) = &call.stamp {
            kernel.confirm(self, stamp, self.changes_rights())?;
        }
        let (is_placed, is_part) = (true, false);
        let asked = Asked { kernel, read: self, operation, call, is_placed, is_part };
        if let Some(refused) = kernel.admission().would_refuse(&asked, 0)? {
            return Err(refused.into());
        }
        kernel.admission().permit(&asked).map(drop)
    }

    /// Sends the result of a call to the engine that made it.
    pub fn reply(&mut self, address: &Address, result: Result<Value, Problem>) {
        self.pending.push_back(Pending::Reply(address.clone(), result));
    }

    /// Withdraws a call that was made with this address and is not answered yet.
    pub fn cancel(
        &mut self,
        operation: &str,
        resource: ResourceRef,
        actor: Principal,
        address: Address,
        at: Time,
    ) {
        let mut call = Call::new(operation, resource, actor).at(at);
        call.reply_to = Some(address);
        self.pending.push_back(Pending::Cancel(call));
    }

    /// Tells [`crate::Engine::committed`] of all engines, after the commit, that a topic has news.
    pub fn notify(&mut self, topic: &str) {
        if !self.topics.contains(topic) {
            self.topics.insert(topic.to_owned());
        }
    }

    /// Says that there is work for the next turn, which then comes at once, though none is left for this one. For work that is
    /// done in portions, so that calls from outside come in between.
    pub fn leave_more(&mut self) {
        self.has_more = true;
    }

    /// Has something done in memory once the commit is durable; never where it fails, or where this step is taken back.
    pub fn after_commit(&mut self, then: impl FnOnce(&Kernel) + Send + Sync + 'static) {
        self.after.push(Box::new(then));
    }

    /// Takes what is to be done once the commit is durable.
    pub(crate) fn take_after(&mut self) -> Vec<After> {
        std::mem::take(&mut self.after)
    }

    /// Returns whether there is work for the next turn.
    pub(crate) fn has_more(&self) -> bool {
        self.has_more
    }

    /// Makes every decision that was remembered void from this commit on.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn raise_epoch(&mut self) -> Result<(), Problem> {
        let key = space::key(b'E').text("epoch");
        let epoch = self.get(key.as_ref())?.map_or(0, |bytes| number(&bytes));
        self.put(key, (epoch + 1).to_be_bytes().to_vec());
        Ok(())
    }

    /// Makes every credential that was recognised be looked up again from this commit on. Decisions do not depend on
    /// credentials: they stay.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn raise_credentials(&mut self) -> Result<(), Problem> {
        let key = space::key(b'E').text("credentials");
        let count = self.get(key.as_ref())?.map_or(0, |bytes| number(&bytes));
        self.put(key, (count + 1).to_be_bytes().to_vec());
        Ok(())
    }

    /// Runs a step that leaves nothing behind where it fails or panics.
    ///
    /// # Errors
    /// The step's, or `kernel.internal` where it panicked.
    pub fn attempt<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.savepoint(step, false)
    }

    /// Runs a step, takes back all that it did, and returns what it said: so a dry run cannot be wrong.
    ///
    /// # Errors
    /// The step's, or `kernel.internal` where it panicked.
    pub fn tried<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.savepoint(step, true)
    }

    fn savepoint<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, Problem>,
        is_tried: bool,
    ) -> Result<T, Problem> {
        let mark = self.undo.len();
        let (pending, after) = (self.pending.len(), self.after.len());
        let told = self.told.mark();
        self.depth += 1;
        let result = catch_unwind(AssertUnwindSafe(|| step(self))).unwrap_or_else(|panic| {
            Err(crate::Error::Internal { detail: panic_text(panic.as_ref()) }.into())
        });
        self.depth -= 1;
        if is_tried || result.is_err() {
            self.rollback(mark);
            self.pending.truncate(pending);
            self.after.truncate(after);
            self.told.rollback(told);
        }
        result
    }

    /// Moves the business clock for the rest of this turn; the unit's clock follows when the commit is durable.
    pub(crate) fn set_business(&mut self, to: Time) {
        self.undo.push(Undo::Business(self.business));
        self.business = to;
    }

    /// Forgets how to take back what was done so far, unless it is part of a step that may still fail.
    pub(crate) fn settle(&mut self) {
        if self.depth == 0 {
            self.undo.clear();
        }
    }

    /// Returns whether this commit changes a right or takes a credential back.
    pub(crate) fn changes_rights(&self) -> bool {
        let is_changed =
            |name: &str| self.overlay.contains_key(space::key(b'E').text(name).as_ref());
        is_changed("epoch") || is_changed("credentials")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.overlay.is_empty() && self.logs.is_empty() && self.trims.is_empty() && !self.folds
    }

    pub(crate) fn finish(self, epoch: u64) -> (Batch, BTreeSet<String>, Time) {
        let batch = Batch {
            epoch,
            expects: Vec::new(),
            writes: self.overlay.into_iter().collect(),
            chunks: self.logs.into_values().flatten().collect(),
            trims: self.trims,
            folds: self.folds,
        };
        (batch, self.topics, self.business)
    }

    fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let before = self.overlay.insert(key.clone(), value);
        self.undo.push(Undo::Key(key, before));
    }

    fn remember_log(&mut self, log: &str) {
        let chunks = self.logs.get(log).map_or(&[][..], Vec::as_slice);
        self.undo.push(Undo::Log {
            log: log.to_owned(),
            chunks: chunks.len(),
            bytes: chunks.last().map_or(0, |chunk| chunk.bytes.len()),
            count: chunks.last().map_or(0, |chunk| chunk.count),
        });
    }

    fn rollback(&mut self, mark: usize) {
        while mark < self.undo.len() {
            match self.undo.pop() {
                Some(Undo::Key(key, Some(before))) => {
                    self.overlay.insert(key, before);
                }
                Some(Undo::Key(key, None)) => {
                    self.overlay.remove(&key);
                }
                Some(Undo::Log { log, chunks: 0, .. }) => {
                    self.logs.remove(&log);
                }
                Some(Undo::Log { log, chunks, bytes, count }) => {
                    let held = self.logs.entry(log).or_default();
                    held.truncate(chunks);
                    if let Some(last) = held.last_mut() {
                        last.bytes.truncate(bytes);
                        last.count = count;
                    }
                }
                Some(Undo::Trim) => {
                    self.trims.pop();
                }
                Some(Undo::Fold) => self.folds = false,
                Some(Undo::Business(before)) => self.business = before,
                None => break,
            }
        }
    }
}

impl Read for Tx<'_> {
    fn kernel(&self) -> &Arc<Kernel> {
        self.kernel
    }

    fn business(&self) -> Time {
        self.business
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Problem> {
        match self.overlay.get(key) {
            Some(value) => Ok(value.clone()),
            None => Ok(self.snapshot.get(key)?),
        }
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        is_reverse: bool,
    ) -> Result<Vec<Pair>, Problem> {
        if to <= from {
            return Ok(Vec::new());
        }
        let changed = self.overlay.range(from.to_vec()..to.to_vec());
        let hidden = changed.clone().filter(|(_, value)| value.is_none()).count();
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = self
            .snapshot
            .scan(from, to, limit.saturating_add(hidden), is_reverse)?
            .into_iter()
            .collect();
        for (key, value) in changed {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        Ok(if is_reverse {
            merged.into_iter().rev().take(limit).collect()
        } else {
            merged.into_iter().take(limit).collect()
        })
    }

    fn chunks(&self, log: &str, offset: u64, bytes: usize) -> Result<Vec<Chunk>, Problem> {
        let mut found = self.snapshot.chunks(log, offset, bytes)?;
        let size: usize = found.iter().map(|chunk| chunk.bytes.len()).sum();
        let is_all = found.last().map_or(offset, |chunk| chunk.offset + u64::from(chunk.count))
            == self.snapshot.log_end(log)?.max(offset);
        if size <= bytes && is_all {
            let held = self.logs.get(log).map_or(&[][..], Vec::as_slice);
            found.extend(
                held.iter().filter(|chunk| offset < chunk.offset + u64::from(chunk.count)).cloned(),
            );
        }
        Ok(found)
    }

    fn log_end(&self, log: &str) -> Result<u64, Problem> {
        match self.logs.get(log).and_then(|chunks| chunks.last()) {
            Some(last) => Ok(last.offset + u64::from(last.count)),
            None => Ok(self.snapshot.log_end(log)?),
        }
    }
}

/// Reads a number that was stored as eight bytes, big end first.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without text".into())
}
