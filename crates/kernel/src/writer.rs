//! The one thread's work: calls in, one commit, replies out.

mod together;

use self::together::run_together;
use crate::admit::{Asked, Permit};
use crate::metrics::{Outcome, Watch};
use crate::operation::Handler;
use crate::policy::Decision;
use crate::secrets::refuse_written;
use crate::tx::Pending;
use crate::{Call, Error, Kernel, Operation, Read, Reply, Tx, space};
use base::{Kind, Problem, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The writer of the partition.
pub struct Writer {
    kernel: Arc<Kernel>,
    epoch: u64,
}

/// What is kept of a call with an idempotency key.
#[derive(Serialize, Deserialize)]
struct Remembered {
    hash: String,
    reply: Value,
}

impl Writer {
    pub(crate) fn new(kernel: Arc<Kernel>, epoch: u64) -> Self {
        Self { kernel, epoch }
    }

    /// Returns the kernel.
    pub fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// Runs calls and whatever waits in the engines, makes all of it durable in one commit, and returns the replies in
    /// the order of the calls. Without calls it only does the waiting work.
    pub fn turn(&mut self, calls: &[Call]) -> Vec<Result<Reply, Problem>> {
        let kernel = Arc::clone(&self.kernel);
        let mut watch = Watch::begin(&kernel);
        let replies = self.make(calls, &mut watch);
        watch.end(&kernel, calls, &replies);
        replies
    }

    fn make(&mut self, calls: &[Call], watch: &mut Watch) -> Vec<Result<Reply, Problem>> {
        let kernel = Arc::clone(&self.kernel);
        let snapshot = match kernel.store().snapshot() {
            Ok(snapshot) => snapshot,
            Err(error) => return refuse_all(calls, &error.into()),
        };
        let mut tx = Tx::new(&kernel, snapshot.as_ref());
        // What is done in this turn is measured from the first call on.
        if let Err(problem) = kernel.levels.refresh(&tx) {
            return refuse_all(calls, &problem);
        }
        let replies = run_all(&mut tx, calls);
        let worked = self.work(&mut tx).and_then(|()| kernel.audit.flush(&mut tx));
        let worked = worked.and_then(|()| kernel.levels.flush(&mut tx));
        watch.take(&mut tx);
        if let Err(problem) = worked {
            kernel.audit.put_back(&kernel);
            kernel.levels.put_back(&kernel);
            kernel.forget();
            kernel.set_leftovers(true);
            return refuse_all(calls, &problem);
        }
        let after = tx.take_after();
        if tx.is_empty() {
            after.into_iter().for_each(|then| then(&kernel));
            return replies;
        }
        let changes_rights = tx.changes_rights();
        let (batch, topics, business) = tx.finish(self.epoch);
        drop(snapshot);
        if changes_rights {
            kernel.rights_change();
        }
        let committed = watch.commit(&kernel, &batch, calls.len());
        if changes_rights {
            kernel.rights_changed();
        }
        match committed {
            Ok(commit) => {
                kernel.audit.committed();
                kernel.levels.committed();
                kernel.clock().advance(business);
                after.into_iter().for_each(|then| then(&kernel));
                kernel.published(commit);
                kernel.live().committed(commit, &batch, changes_rights);
                kernel.engines().iter().for_each(|engine| engine.committed(&topics));
                replies
            }
            Err(error) => {
                kernel.audit.put_back(&kernel);
                kernel.levels.put_back(&kernel);
                kernel.forget();
                kernel.set_leftovers(true);
                refuse_all(calls, &error.into())
            }
        }
    }

    /// Returns the earliest business time at which there is work without a call.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn due(&self) -> Result<Option<Time>, Problem> {
        self.kernel.due(&crate::Reader::new(&self.kernel, crate::Principal::Unit("timers".into()))?)
    }

    /// Returns whether the last turn left something for the next.
    pub fn has_leftovers(&self) -> bool {
        self.kernel.has_leftovers()
    }

    /// Runs what engines left for each other and what waits in them, until nothing is left or the limit is reached.
    fn work(&mut self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let limit = self.kernel.config().work_steps_max;
        if self.kernel.is_closed() {
            // What the calls of this turn began goes on once the unit is open.
            self.kernel.set_leftovers(true);
            return leave(tx);
        }
        if self.kernel.has_leftovers() {
            take_leftovers(tx)?;
        }
        let mut steps = 0;
        loop {
            while let Some(pending) = tx.pending.pop_front() {
                run_pending(tx, pending)?;
                steps += 1;
                if limit <= steps {
                    break;
                }
            }
            let mut done = 0;
            for engine in self.kernel.engines() {
                if steps < limit {
                    let count = engine.work(tx, limit - steps)?;
                    tx.settle();
                    done += count;
                    steps += count;
                }
            }
            if limit <= steps {
                self.kernel.set_leftovers(true);
                return leave(tx);
            }
            if done == 0 && tx.pending.is_empty() {
                self.kernel.set_leftovers(tx.has_more());
                return Ok(());
            }
        }
    }
}

/// Under which permit a call runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Under {
    /// Its own.
    Own,
    /// Its own, but it is a part of another: its bytes were charged to its principal with the whole.
    OwnInside,
    /// That of the call which led to it.
    Other,
}

/// What came of looking at a call before it runs.
enum Judged {
    /// It may run: by what was decided, and under this permit, where it needs one.
    Go { decision: Arc<Decision>, permit: Option<Permit> },
    /// It repeats one that was answered.
    Done(Reply),
}

/// Runs the calls of a turn in their order; those beside each other that can be run together, together.
fn run_all(tx: &mut Tx<'_>, calls: &[Call]) -> Vec<Result<Reply, Problem>> {
    let kernel = Arc::clone(tx.kernel());
    let mut replies = Vec::with_capacity(calls.len());
    let mut rest = calls;
    while let Some(first) = rest.first() {
        let together = kernel.operation(&first.operation).ok().and_then(|operation| {
            let many = operation.many.as_ref()?;
            kernel.is_open_to(operation).ok()?;
            Some((operation, many))
        });
        let (run, others) = rest.split_at(together.map_or(1, |_| alike(rest)));
        match together {
            Some((operation, many)) if 1 < run.len() => {
                replies.extend(run_together(tx, operation, many, run));
            }
            _ => replies.push(run_first(tx, first)),
        }
        rest = others;
    }
    replies
}

/// Returns how many calls from the first on are of its operation. One that has the idempotency key of an earlier one is not among them:
/// it waits for the answer of that one.
fn alike(calls: &[Call]) -> usize {
    let mut keys = BTreeSet::new();
    let is_other = |call: &Call| call.operation != calls[0].operation;
    for (at, call) in calls.iter().enumerate() {
        let repeats = call.key.as_ref().is_some_and(|key| !keys.insert((&call.actor, key)));
        if repeats || is_other(call) {
            return at;
        }
    }
    calls.len()
}

/// Runs a call that came from a door: under a permit of its own.
fn run_first(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    run_under(tx, call, Under::Own)
}

/// Runs a call that came together with others: under a permit of its own too, for to send many at once is no way round a quota.
pub(crate) fn run_beside(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    run_under(tx, call, Under::OwnInside)
}

/// Runs a call that another one led to, in the same turn: under the permit of that one.
pub(crate) fn run(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    run_under(tx, call, Under::Other)
}

/// Runs one call in a savepoint of its own, through the whole kernel path, with its audit line and its span.
fn run_under(tx: &mut Tx<'_>, call: &Call, under: Under) -> Result<Reply, Problem> {
    let opened = tx.open(call);
    let result = run_path(tx, call, under);
    tx.close(opened, call, &result);
    result
}

fn run_path(tx: &mut Tx<'_>, call: &Call, under: Under) -> Result<Reply, Problem> {
    let kernel = Arc::clone(tx.kernel());
    let operation = kernel.operation(&call.operation)?;
    kernel.is_open_to(operation)?;
    let heard = kernel.heard(operation, call);
    let call = heard.as_ref();
    let result = tx.attempt(|tx| match judge(tx, operation, call, under)? {
        Judged::Done(reply) => Ok(reply),
        Judged::Go { decision, permit } => {
            let reply = carry_out(tx, operation, call, &decision)?;
            Ok(under_permit(&kernel, permit, reply))
        }
    });
    tx.settle();
    ended(tx, operation, call, result)
}

/// Looks whether a call may run. Changes nothing.
fn judge(tx: &Tx<'_>, operation: &Operation, call: &Call, under: Under) -> Result<Judged, Problem> {
    let kernel = tx.kernel();
    if let Some(stamp) = &call.stamp {
        // It may have waited while its credential was revoked.
        kernel.confirm(tx, stamp, tx.changes_rights())?;
    }
    let decision = match kernel.authorise(tx, operation, call) {
        Ok(decision) => decision,
        Err(problem) => return again(tx, operation, call, under, problem).map(Judged::Done),
    };
    let permit = permit(tx, operation, call, under)?;
    refuse_written(operation, call)?;
    // After the decision: who has lost the right does not get the old reply either.
    Ok(match remembered(tx, call)? {
        Some(reply) => Judged::Done(reply),
        None => Judged::Go { decision, permit },
    })
}

/// Does what a call that may run asks for.
fn carry_out(
    tx: &mut Tx<'_>,
    operation: &Operation,
    call: &Call,
    decision: &Decision,
) -> Result<Reply, Problem> {
    let reply = match &operation.handler {
        Handler::Decide(decide) => decide(tx, call)?,
        // Over the last commit, as any other read.
        Handler::Read(_) => tx.kernel().read_inside(call, tx.trace())?,
    };
    note(tx, operation, call, decision, &reply)?;
    Ok(reply)
}

/// Writes down what a call has done: its reply, where it may be repeated, and its line.
fn note(
    tx: &mut Tx<'_>,
    operation: &Operation,
    call: &Call,
    decision: &Decision,
    reply: &Reply,
) -> Result<(), Problem> {
    remember(tx, call, reply)?;
    if operation.is_counted {
        return Ok(());
    }
    let kernel = Arc::clone(tx.kernel());
    kernel.audit.line(tx, operation, call, decision)
}

fn under_permit(kernel: &Kernel, permit: Option<Permit>, reply: Reply) -> Reply {
    match permit {
        Some(permit) => permit.around(reply, kernel.clock()),
        None => reply,
    }
}

/// Writes down how a call has ended, and returns that as its caller sees it.
fn ended(
    tx: &mut Tx<'_>,
    operation: &Operation,
    call: &Call,
    result: Result<Reply, Problem>,
) -> Result<Reply, Problem> {
    let kernel = Arc::clone(tx.kernel());
    let result = result.map_err(|problem| kernel.masks().problem(problem));
    match &result {
        Ok(_) if operation.is_counted => count(&kernel, operation, call),
        Ok(_) => {}
        Err(problem) => kernel.audit.refused(tx, operation, call, problem)?,
    }
    result
}

/// Returns the permit that a call needs.
fn permit(
    tx: &Tx<'_>,
    operation: &Operation,
    call: &Call,
    under: Under,
) -> Result<Option<Permit>, Problem> {
    if under == Under::Other {
        return Ok(None);
    }
    let (kernel, is_part): (&Kernel, _) = (tx.kernel(), under == Under::OwnInside);
    let asked = Asked { kernel, read: tx, operation, call, is_placed: true, is_part };
    kernel.admission().permit(&asked).map(Some)
}

/// Answers a call that was refused: where it repeats one that has taken its resource away, as that one was answered.
fn again(
    tx: &Tx<'_>,
    operation: &Operation,
    call: &Call,
    under: Under,
    problem: Problem,
) -> Result<Reply, Problem> {
    if problem.kind != Kind::NotFound || !call.has_scope(operation.right) {
        return Err(problem);
    }
    let Some(reply) = remembered(tx, call)? else { return Err(problem) };
    permit(tx, operation, call, under)?;
    Ok(reply)
}

fn count(kernel: &Kernel, operation: &Operation, call: &Call) {
    let wall = kernel.clock().wall();
    kernel.audit.count(wall, &call.actor.to_string(), operation.name, &call.resource.to_string());
}

fn run_pending(tx: &mut Tx<'_>, pending: Pending) -> Result<(), Problem> {
    match pending {
        Pending::Call(call) => run_nested(tx, &call),
        Pending::Reply(address, result) => {
            let kernel = Arc::clone(tx.kernel());
            let engine = kernel.engines().iter().find(|engine| engine.name() == address.engine);
            let Some(engine) = engine else { return Ok(()) };
            let outcome = tx.attempt(|tx| engine.resume(tx, &address, result));
            tx.settle();
            if let Err(problem) = outcome {
                let row = json!({"address": address, "problem": problem, "wall": tx.wall()});
                tx.record("system/faults", &row)?;
            }
            Ok(())
        }
        Pending::Cancel(call) => {
            let kernel = Arc::clone(tx.kernel());
            let operation = kernel.operation(&call.operation)?;
            if let Some(cancel) = &operation.cancel {
                let outcome = tx.attempt(|tx| cancel(tx, &call));
                tx.settle();
                if let Err(problem) = outcome {
                    kernel.audit.refused(tx, operation, &call, &problem)?;
                }
            }
            Ok(())
        }
    }
}

/// Runs a call made by an engine: no deeper than calls may lead to each other.
pub(crate) fn run_inside(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let limit = tx.kernel().config().call_depth_max;
    let result = if limit < call.depth {
        Err(Error::TooLarge { what: "the depth of calls".into(), limit: u64::from(limit) }.into())
    } else {
        run(tx, call)
    };
    tx.kernel().meters().called_inside(&call.operation, Outcome::of(&result));
    result
}

/// Runs a call made by an engine and brings its result to where the engine waits.
fn run_nested(tx: &mut Tx<'_>, call: &Call) -> Result<(), Problem> {
    let result = run_inside(tx, call);
    let Some(address) = &call.reply_to else { return Ok(()) };
    match result {
        Ok(Reply::Later) => {}
        Ok(reply) => tx.reply(address, Ok(reply.into_value())),
        Err(problem) => tx.reply(address, Err(problem)),
    }
    Ok(())
}

fn take_leftovers(tx: &mut Tx<'_>) -> Result<(), Problem> {
    let limit = tx.kernel().config().work_steps_max;
    for (key, bytes) in tx.scan_prefix(space::key(b'O').as_ref(), limit)? {
        let pending: Pending = serde_json::from_slice(&bytes)
            .map_err(|error| Error::Internal { detail: format!("stored call: {error}") })?;
        tx.pending.push_back(pending);
        tx.delete(key);
    }
    Ok(())
}

fn leave(tx: &mut Tx<'_>) -> Result<(), Problem> {
    while let Some(pending) = tx.pending.pop_front() {
        let number = tx.serial("leftover")?;
        let bytes = serde_json::to_vec(&pending)
            .map_err(|error| Error::Internal { detail: error.to_string() })?;
        tx.put(space::key(b'O').number(number), bytes);
    }
    Ok(())
}

fn idempotency_key(call: &Call, key: &str) -> base::Key {
    space::key(b'I').text(&call.actor.to_string()).text(&call.operation).text(key)
}

fn hash_of(call: &Call) -> String {
    let mut bytes = call.resource.to_string().into_bytes();
    bytes.extend(call.args.to_string().into_bytes());
    bytes.extend(&call.body);
    base::hex(&base::sha256(&bytes)[..16])
}

/// Returns the reply of an earlier call with the same key.
fn remembered(tx: &Tx<'_>, call: &Call) -> Result<Option<Reply>, Problem> {
    let Some(key) = &call.key else { return Ok(None) };
    let Some(bytes) = tx.get(idempotency_key(call, key).as_ref())? else { return Ok(None) };
    let held: Remembered = serde_json::from_slice(&bytes)
        .map_err(|error| Error::Internal { detail: format!("stored reply: {error}") })?;
    if held.hash != hash_of(call) {
        return Err(Error::KeyReused.into());
    }
    Ok(Some(Reply::Value(held.reply)))
}

fn remember(tx: &mut Tx<'_>, call: &Call, reply: &Reply) -> Result<(), Problem> {
    let Some(key) = &call.key else { return Ok(()) };
    let reply = match reply {
        Reply::Value(value) => value.clone(),
        Reply::Stream { .. } | Reply::Later => Value::Null,
    };
    let bytes = serde_json::to_vec(&Remembered { hash: hash_of(call), reply })
        .map_err(|error| Error::Internal { detail: error.to_string() })?;
    let hours = i64::from(tx.kernel().config().idempotency_hours);
    let expires = tx.wall().plus(base::Period::seconds(hours * 3_600));
    let id = idempotency_key(call, key);
    let expiry = space::key(b'J').signed(expires.0).text(&base::hex(id.as_ref()));
    tx.put(expiry, id.clone().bytes());
    tx.put(id, bytes);
    Ok(())
}

/// Drops idempotency keys that have expired, some at a time.
pub(crate) fn expire_keys(tx: &mut Tx<'_>, limit: usize) -> Result<usize, Problem> {
    // The range is the same each time, which a store answers from memory.
    let (first, end) = (space::key(b'J'), space::key(b'J').signed(tx.wall().0));
    if tx
        .scan_prefix(first.as_ref(), 1)?
        .first()
        .is_none_or(|(oldest, _)| end.as_ref() <= oldest.as_slice())
    {
        return Ok(0);
    }
    let expired = tx.scan(first.as_ref(), end.as_ref(), limit, false)?;
    for (expiry, id) in &expired {
        tx.delete(id.clone());
        tx.delete(expiry.clone());
    }
    Ok(expired.len())
}

fn refuse_all(calls: &[Call], problem: &Problem) -> Vec<Result<Reply, Problem>> {
    // What fails a whole turn is no caller's fault, whatever the engine called it.
    let problem = match problem.kind {
        Kind::Invalid | Kind::NotFound | Kind::Forbidden => {
            Error::Internal { detail: problem.to_string() }.into()
        }
        _ => problem.clone(),
    };
    calls.iter().map(|_| Err(problem.clone())).collect()
}
