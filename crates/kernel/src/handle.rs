//! The partition's thread and the way to it.

use crate::admit::Place;
use crate::kernel::Recognised;
use crate::metrics::Outcome;
use crate::operation::Handler;
use crate::queue::{Most, Next, Queue, Refused};
use crate::{Call, Config, Credential, Error, Identity, Kernel, Reply, Writer};
use base::Problem;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is done with the reply.
type Done = Box<dyn FnOnce(Result<Reply, Problem>) + Send>;

/// What a call costs in the queue besides its body, in bytes.
const CALL_COST: usize = 512;

/// What a batch may cost in any case, that of 128 calls: less would only wait for the disk.
const BATCH_COST_MIN: usize = 128 * CALL_COST;

/// The cost by which the time of batches is measured.
const PACE: usize = 16 * CALL_COST;

/// How long several principals count as waiting after they did.
const CONTENDED: Duration = Duration::from_secs(1);

/// A call that waits for its turn.
struct Message {
    call: Call,
    done: Done,
    /// Given back when the call has its reply.
    _place: Place,
}

/// What a call costs in the queue, in bytes.
fn cost(call: &Call) -> usize {
    CALL_COST.saturating_add(call.body.len())
}

/// The way to the partition's thread, for every door.
#[derive(Clone)]
pub struct Handle {
    kernel: Arc<Kernel>,
    entrance: Arc<Entrance>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// Closes the queue when nobody can send any more.
struct Entrance(Arc<Queue<Message>>);

impl Drop for Entrance {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Drops what waits when the thread ends, also by a panic: whoever waits for a reply hears that there will be none.
struct Exit(Arc<Queue<Message>>);

impl Drop for Exit {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Starts the partition's thread.
///
/// # Errors
/// `kernel.internal` where the system gives no thread.
pub fn spawn(writer: Writer) -> Result<Handle, Problem> {
    let kernel = Arc::clone(writer.kernel());
    let config = kernel.config();
    let queue = Arc::new(Queue::new(config.queue_calls_max, config.turn_bytes));
    let exit = Exit(Arc::clone(&queue));
    let thread = std::thread::Builder::new()
        .name("partition".into())
        .stack_size(8 << 20)
        .spawn(move || serve(writer, &exit))
        .map_err(|error| Error::Internal { detail: error.to_string() })?;
    let thread = Arc::new(Mutex::new(Some(thread)));
    Ok(Handle { kernel, entrance: Arc::new(Entrance(queue)), thread })
}

impl Handle {
    /// Returns the kernel.
    pub fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// Returns who a credential belongs to. Somebody whom an identity provider vouches for and whom the unit has not met, or
    /// has met with other groups, is written down first: this waits for a commit.
    ///
    /// # Errors
    /// `token.invalid`, or what the engine or the provider says.
    pub fn authenticate(&self, credential: &Credential<'_>) -> Result<Identity, Problem> {
        match self.kernel.recognise(credential)? {
            Recognised::Known(identity) => Ok(identity),
            Recognised::News(vouched) => {
                self.call(vouched.record())?;
                self.kernel.authenticate(credential)
            }
        }
    }

    /// Has a call that changes something run on the partition's thread; `done` gets the reply after the commit.
    pub fn submit(&self, mut call: Call, done: Done) {
        let clock = self.kernel.clock();
        call.received = Some(clock.monotonic());
        let place = match self.kernel.admission().place(clock.as_ref(), &call) {
            Ok(place) => place,
            Err(problem) => return self.refuse(&call, done, problem),
        };
        let (who, cost) = (call.actor.clone(), cost(&call));
        // Counted before, so that it is never below zero.
        let waiting = &self.kernel.meters().queue;
        waiting.fetch_add(1, Ordering::Relaxed);
        let sent = self.entrance.0.push(&who, cost, Message { call, done, _place: place });
        if sent.is_err() {
            waiting.fetch_sub(1, Ordering::Relaxed);
        }
        match sent {
            Ok(()) => {}
            Err(Refused::Full(message, queued)) => {
                self.refuse(&message.call, message.done, Error::Busy { queued }.into());
            }
            Err(Refused::Closed(message)) => (message.done)(Err(Error::Stopping.into())),
        }
    }

    /// Refuses a call that did not come as far as the partition's thread.
    fn refuse(&self, call: &Call, done: Done, problem: Problem) {
        self.kernel.note_refused(call, &problem);
        self.kernel.called(&call.operation, Outcome::Problem(problem.kind), Duration::ZERO);
        done(Err(problem));
    }

    /// Runs any call and waits for its reply: reads here, the others on the partition's thread.
    ///
    /// # Errors
    /// The kernel's or the operation's.
    pub fn call(&self, mut call: Call) -> Result<Reply, Problem> {
        if matches!(self.kernel.operation(&call.operation)?.handler, Handler::Read(_)) {
            return self.kernel.read(&call);
        }
        self.kernel.prepare(&mut call)?;
        let (send, receive) = sync_channel(1);
        self.submit(
            call,
            Box::new(move |reply| {
                // The receiver waits below; it is gone only if its thread panicked.
                let _ = send.send(reply);
            }),
        );
        receive.recv().unwrap_or_else(|_| Err(Error::Stopping.into()))
    }

    /// Returns whether the partition's thread runs: without it nothing changes any more.
    pub fn is_alive(&self) -> bool {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Lets the calls that wait finish, then ends the thread.
    pub fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            self.entrance.0.close();
            let _ = thread.join();
        }
    }
}

/// The longest that the thread sleeps: counted audit lines are committed in this time (law 2).
const IDLE: Duration = Duration::from_secs(5);

fn serve(mut writer: Writer, exit: &Exit) {
    let Exit(queue) = exit;
    let clock = Arc::clone(writer.kernel().clock());
    let mut pace = Pace::new(writer.kernel().config());
    loop {
        let timeout = if queue.is_empty() { pause(&writer) } else { Duration::ZERO };
        match queue.next(timeout, |lines| pace.most(lines, clock.monotonic())) {
            Next::Batch(batch) => {
                let began = clock.monotonic();
                let cost = batch.iter().map(|message| cost(&message.call)).sum();
                take_turn(&mut writer, batch);
                pace.took(cost, clock.monotonic().saturating_sub(began));
            }
            Next::Idle => {
                writer.turn(&[]);
            }
            Next::Closed => {
                writer.turn(&[]);
                return;
            }
        }
    }
}

fn take_turn(writer: &mut Writer, batch: Vec<Message>) {
    let (mut calls, mut waiting) = (Vec::new(), Vec::new());
    for Message { call, done, _place } in batch {
        calls.push(call);
        waiting.push((done, _place));
    }
    let taken = i64::try_from(calls.len()).unwrap_or(i64::MAX);
    writer.kernel().meters().queue.fetch_sub(taken, Ordering::Relaxed);
    let replies = writer.turn(&calls);
    for ((done, place), reply) in waiting.into_iter().zip(replies) {
        drop(place);
        done(reply);
    }
}

/// How large batches are: as large as they may be while one principal is alone, and so large that they take some milliseconds while
/// several wait.
struct Pace {
    count_max: usize,
    cost_max: usize,
    time_max: Duration,
    /// How long what costs [`PACE`] took of late, its share of the commit included; zero where nothing is known.
    time: Duration,
    contended_until: Duration,
}

impl Pace {
    fn new(config: &Config) -> Self {
        let calls_cost = config.batch_calls_max.saturating_mul(CALL_COST);
        Self {
            count_max: config.batch_calls_max,
            cost_max: config.batch_bytes_max.saturating_add(calls_cost),
            time_max: Duration::from_millis(config.batch_ms_max),
            time: Duration::ZERO,
            contended_until: Duration::ZERO,
        }
    }

    fn most(&mut self, lines: usize, now: Duration) -> Most {
        if 1 < lines {
            self.contended_until = now.saturating_add(CONTENDED);
        }
        let is_free = self.contended_until <= now || self.time.is_zero();
        let cost = if is_free {
            self.cost_max
        } else {
            let fits = self.time_max.as_nanos() * PACE as u128 / self.time.as_nanos();
            let fits = usize::try_from(fits).unwrap_or(usize::MAX).max(BATCH_COST_MIN);
            self.cost_max.min(fits)
        };
        Most { count: self.count_max, cost }
    }

    /// Takes note of a batch. Small ones say little: they mostly wait for the disk.
    fn took(&mut self, cost: usize, time: Duration) {
        if cost < BATCH_COST_MIN / 2 {
            return;
        }
        let time = time / u32::try_from(cost / PACE).unwrap_or(u32::MAX);
        self.time = if self.time.is_zero() { time } else { (self.time * 3 + time) / 4 };
    }
}

/// Returns how long the thread may sleep before there is work without a call.
fn pause(writer: &Writer) -> Duration {
    if writer.kernel().is_closed() {
        return IDLE;
    }
    if writer.has_leftovers() {
        return Duration::ZERO;
    }
    let clock = writer.kernel().clock();
    if clock.is_driven() {
        return IDLE;
    }
    let Ok(Some(due)) = writer.due() else { return IDLE };
    let millis = due.0.saturating_sub(clock.business().0);
    Duration::from_millis(u64::try_from(millis).unwrap_or(0)).clamp(Duration::from_millis(1), IDLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_cut_to_their_time_only_while_several_wait() {
        let config = Config { batch_ms_max: 10, ..Config::default() };
        let (mut pace, second) = (Pace::new(&config), Duration::from_secs(1));
        let all = pace.cost_max;
        assert_eq!(pace.most(5, second).cost, all, "nothing is known yet");
        pace.took(500 * PACE, Duration::from_millis(50));
        assert_eq!(pace.most(5, second).cost, 100 * PACE, "100 us for each, 10 ms a batch");
        assert_eq!(pace.most(1, second + CONTENDED / 2).cost, 100 * PACE, "they waited just now");
        assert_eq!(pace.most(1, second + CONTENDED).cost, all, "one is alone");
        pace.took(500 * PACE, Duration::from_secs(10));
        assert_eq!(pace.most(2, second * 9).cost, BATCH_COST_MIN);
        let before = pace.time;
        pace.took(3 * CALL_COST, Duration::from_secs(10));
        assert_eq!(pace.time, before, "a small batch says nothing");
    }
}
