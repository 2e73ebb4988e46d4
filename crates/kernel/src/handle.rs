//! The partition's thread and the way to it.

use crate::operation::Handler;
use crate::{Call, Error, Kernel, Reply, Writer};
use base::Problem;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is done with the reply.
type Done = Box<dyn FnOnce(Result<Reply, Problem>) + Send>;

enum Message {
    Call(Call, Done),
    Stop,
}

/// The way to the partition's thread, for every door.
#[derive(Clone)]
pub struct Handle {
    kernel: Arc<Kernel>,
    queue: SyncSender<Message>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// Starts the partition's thread.
///
/// # Errors
/// `kernel.internal` where the system gives no thread.
pub fn spawn(writer: Writer) -> Result<Handle, Problem> {
    let kernel = Arc::clone(writer.kernel());
    let (queue, calls) = sync_channel(kernel.config().queue_calls_max);
    let thread = std::thread::Builder::new()
        .name("partition".into())
        .stack_size(8 << 20)
        .spawn(move || serve(writer, &calls))
        .map_err(|error| Error::Internal { detail: error.to_string() })?;
    Ok(Handle { kernel, queue, thread: Arc::new(Mutex::new(Some(thread))) })
}

impl Handle {
    /// Returns the kernel.
    pub fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// Has a call that changes something run on the partition's thread; `done` gets the reply after the commit.
    pub fn submit(&self, call: Call, done: Done) {
        match self.queue.try_send(Message::Call(call, done)) {
            Ok(()) => {}
            Err(TrySendError::Full(Message::Call(_, done))) => {
                done(Err(Error::Busy { queued: self.kernel.config().queue_calls_max }.into()));
            }
            Err(TrySendError::Disconnected(Message::Call(_, done))) => {
                done(Err(Error::Stopping.into()))
            }
            Err(_) => {}
        }
    }

    /// Runs any call and waits for its reply: reads here, the others on the partition's thread.
    ///
    /// # Errors
    /// The kernel's or the operation's.
    pub fn call(&self, call: Call) -> Result<Reply, Problem> {
        if matches!(self.kernel.operation(&call.operation)?.handler, Handler::Read(_)) {
            return self.kernel.read(&call);
        }
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

    /// Lets the calls that wait finish, then ends the thread.
    pub fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = self.queue.send(Message::Stop);
            let _ = thread.join();
        }
    }
}

/// The longest that the thread sleeps: counted audit lines are committed in this time (law 2).
const IDLE: Duration = Duration::from_secs(5);

fn serve(mut writer: Writer, calls: &Receiver<Message>) {
    loop {
        let next = calls.try_recv().or_else(|_| calls.recv_timeout(pause(&writer)));
        match next {
            Ok(Message::Call(call, done)) => {
                if !take_turn(&mut writer, calls, call, done) {
                    return;
                }
            }
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => {
                writer.turn(&[]);
                return;
            }
            Err(RecvTimeoutError::Timeout) => {
                writer.turn(&[]);
            }
        }
    }
}

/// Takes what has queued up, within the limits of a batch. Returns false where the thread is to end.
fn take_turn(writer: &mut Writer, calls: &Receiver<Message>, call: Call, done: Done) -> bool {
    let (calls_max, bytes_max) = {
        let config = writer.kernel().config();
        (config.batch_calls_max, config.batch_bytes_max)
    };
    let mut bytes = call.body.len();
    let (mut batch, mut waiting) = (vec![call], vec![done]);
    let mut is_going_on = true;
    while batch.len() < calls_max && bytes < bytes_max {
        match calls.try_recv() {
            Ok(Message::Call(call, done)) => {
                bytes += call.body.len();
                batch.push(call);
                waiting.push(done);
            }
            Ok(Message::Stop) => {
                is_going_on = false;
                break;
            }
            Err(_) => break,
        }
    }
    let replies = writer.turn(&batch);
    for (done, reply) in waiting.into_iter().zip(replies) {
        done(reply);
    }
    is_going_on
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
