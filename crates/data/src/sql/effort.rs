//! What a query has spent of the processors. All begin in the lane of the short ones; what has spent more than those may goes on in
//! the other, with every task that it has begun. What reads the store for it stays behind: see [`apart`].

use crate::Error;
use crate::threads::Lanes;
use base::Problem;
use datafusion::common::runtime::{JoinSetTracer, set_join_set_tracer};
use futures::future::BoxFuture;
use std::any::Any;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::{JoinSet, spawn_blocking};

tokio::task_local! {
    /// The query whose task is polled.
    static EFFORT: Arc<Effort>;
}

/// What the tasks of a query have spent together, and where they go on when that is much.
pub(crate) struct Effort {
    nanos: AtomicU64,
    nanos_max: u64,
    short: Handle,
    long: Handle,
}

impl Effort {
    /// Returns what a query has that may spend so many milliseconds among the short ones.
    pub(crate) fn new(lanes: &Lanes, ms_max: u64) -> Arc<Self> {
        // Once for the process; whoever was first has set the same.
        let _ = set_join_set_tracer(&Follow);
        let nanos_max = ms_max.saturating_mul(1_000_000);
        let (short, long) = (lanes.short().clone(), lanes.long().clone());
        Arc::new(Self { nanos: AtomicU64::new(0), nanos_max, short, long })
    }

    /// Returns work that counts, together with all tasks that it begins.
    pub(crate) fn of<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Moving<T> {
        Moving { effort: Arc::clone(self), part: Part::Here(Box::pin(work)) }
    }

    fn is_short(&self) -> bool {
        self.nanos.load(Ordering::Relaxed) <= self.nanos_max
    }

    fn spend(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// Returns the threads of short queries, where the query whose task this is has gone on elsewhere.
fn behind() -> Option<Handle> {
    let effort = EFFORT.try_with(Arc::clone).ok()?;
    (Handle::current().id() == effort.long.id()).then(|| effort.short.clone())
}

/// Does for a task of a query what waits for somebody or reads the store, on a thread of the lane of short ones. A thread of the other
/// may get no turn for long, and so do those that it begins: they would keep others from locks that they hold.
///
/// # Errors
/// `sql.internal` where it panicked, or its lane has ended.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let done = match behind() {
        // A new thread stands where the one that begins it does: one of this lane has to ask for it.
        Some(short) => short.spawn(async move { spawn_blocking(work).await }).await,
        None => Ok(spawn_blocking(work).await),
    };
    let broken =
        |error| Error::Internal { detail: format!("a part of a query broke off: {error}") };
    done.and_then(|done| done).map_err(|error| broken(error).into())
}

/// Reads the store for a task of a query: here, or [`apart`] where this thread may get no turn for long.
///
/// # Errors
/// As those of [`apart`].
pub(crate) async fn read<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    if behind().is_some() { apart(work).await } else { Ok(work()) }
}

/// Begins a thread for a task of a query. It is one among those of the lane of short ones, whoever asks for it; where the system gives
/// none, `work` is dropped.
pub(crate) fn begin(name: &'static str, work: impl FnOnce() + Send + 'static) {
    let begin = move || drop(std::thread::Builder::new().name(name.into()).spawn(work));
    match behind() {
        Some(short) => drop(short.spawn(async move { begin() })),
        None => begin(),
    }
}

/// A task of a query, wherever it runs.
pub(crate) struct Moving<T> {
    effort: Arc<Effort>,
    part: Part<T>,
}

enum Part<T> {
    Here(BoxFuture<'static, T>),
    /// In the other lane.
    There(JoinSet<T>),
    Over,
}

impl<T: Send + 'static> Moving<T> {
    /// Gives the task up, and waits until nothing of it is left.
    pub(crate) async fn end(self) {
        if let Part::There(mut moved) = self.part {
            moved.shutdown().await;
        }
    }

    /// Polls a task that is here; nothing where it has to go on elsewhere.
    fn poll_here(&mut self, context: &mut Context<'_>) -> Option<Poll<T>> {
        let Part::Here(work) = &mut self.part else { return None };
        if !self.effort.is_short() {
            return None;
        }
        #[expect(clippy::disallowed_methods, reason = "only the lane depends on what a poll took")]
        let begin = Instant::now();
        let effort = Arc::clone(&self.effort);
        let polled = EFFORT.sync_scope(effort, || work.as_mut().poll(context));
        self.effort.spend(begin.elapsed());
        Some(polled)
    }

    fn move_on(&mut self) {
        let Part::Here(work) = std::mem::replace(&mut self.part, Part::Over) else { return };
        let mut moved = JoinSet::new();
        moved.spawn_on(EFFORT.scope(Arc::clone(&self.effort), work), &self.effort.long);
        self.part = Part::There(moved);
    }
}

impl<T: Send + 'static> Future for Moving<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if let Some(polled) = self.poll_here(context) {
            return polled;
        }
        if matches!(self.part, Part::Here(_)) {
            self.move_on();
        }
        let Part::There(moved) = &mut self.part else { return Poll::Pending };
        match moved.poll_join_next(context) {
            Poll::Ready(Some(Ok(done))) => Poll::Ready(done),
            Poll::Ready(Some(Err(error))) if error.is_panic() => resume_unwind(error.into_panic()),
            // It was ended together with the threads of the lane: nobody waits for it.
            Poll::Ready(_) | Poll::Pending => Poll::Pending,
        }
    }
}

/// Has the tasks that a plan begins by itself belong to its query.
struct Follow;

impl JoinSetTracer for Follow {
    fn trace_future(
        &self,
        task: BoxFuture<'static, Box<dyn Any + Send>>,
    ) -> BoxFuture<'static, Box<dyn Any + Send>> {
        match EFFORT.try_with(Arc::clone) {
            Ok(effort) if Handle::current().id() == effort.long.id() => {
                Box::pin(EFFORT.scope(effort, task))
            }
            Ok(effort) => Box::pin(effort.of(task)),
            Err(_) => task,
        }
    }

    fn trace_block(
        &self,
        work: Box<dyn FnOnce() -> Box<dyn Any + Send> + Send>,
    ) -> Box<dyn FnOnce() -> Box<dyn Any + Send> + Send> {
        work
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use datafusion::common::runtime::SpawnedTask;
    use std::sync::mpsc;
    use tokio::task::yield_now;

    const STACK_BYTES: usize = 2 << 20;

    /// Says in which lane whoever asks runs.
    fn is_short(lanes: &Lanes) -> bool {
        Handle::current().id() == lanes.short().id()
    }

    /// Keeps a processor busy for so many milliseconds, and gives way after each.
    async fn work(millis: u64) {
        for _ in 0..millis {
            #[expect(clippy::disallowed_methods, reason = "a test of the time taken")]
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(1) {
                std::hint::spin_loop();
            }
            yield_now().await;
        }
    }

    #[test]
    fn what_has_spent_little_stays_and_what_has_spent_much_goes_on_elsewhere() {
        let lanes = Arc::new(Lanes::start(&Config::default(), STACK_BYTES).expect("threads"));
        for (time, stays) in [(0, true), (60, false)] {
            let (own, effort) = (Arc::clone(&lanes), Effort::new(&lanes, 20));
            let task = effort.of(async move {
                assert!(is_short(&own), "all begin there");
                work(time).await;
                is_short(&own)
            });
            let stayed = lanes.short().block_on(async { tokio::spawn(task).await });
            assert_eq!(stayed.expect("it ends"), stays, "after {time} ms");
        }
    }

    #[test]
    fn tasks_of_a_plan_count_for_its_query_and_move_with_it() {
        let lanes = Arc::new(Lanes::start(&Config::default(), STACK_BYTES).expect("threads"));
        let (own, effort) = (Arc::clone(&lanes), Effort::new(&lanes, 20));
        let task = effort.of(async move {
            SpawnedTask::spawn(work(60)).join().await.expect("it ends");
            let within = Arc::clone(&own);
            let task = SpawnedTask::spawn(async move { is_short(&within) });
            (is_short(&own), task.join().await.expect("it ends"))
        });
        let stayed = lanes.short().block_on(async { tokio::spawn(task).await });
        assert_eq!(stayed.expect("it ends"), (false, false));
    }

    #[test]
    fn what_is_given_up_is_gone_when_that_is_said() {
        let lanes = Lanes::start(&Config::default(), STACK_BYTES).expect("threads");
        let effort = Effort::new(&lanes, 0);
        let (held, left) = mpsc::channel::<()>();
        let mut task = effort.of(async move {
            work(1).await;
            std::future::pending::<()>().await;
            drop(held);
        });
        lanes.short().block_on(async move {
            let waited = tokio::time::timeout(Duration::from_millis(50), &mut task).await;
            assert!(waited.is_err(), "it never ends by itself");
            task.end().await;
        });
        assert_eq!(left.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }

    /// Says whether this thread gets only what others leave over.
    #[cfg(target_os = "linux")]
    fn is_last() -> bool {
        // SAFETY: the call takes a number and returns one; 0 is the calling thread.
        unsafe { libc::sched_getscheduler(0) == libc::SCHED_IDLE }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_reads_the_store_for_a_long_query_gets_its_turn_as_others_do() {
        let lanes = Lanes::start(&Config::default(), STACK_BYTES).expect("threads");
        let task = Effort::new(&lanes, 0).of(async {
            work(1).await;
            let (sender, receiver) = tokio::sync::oneshot::channel();
            begin("reader", move || sender.send(is_last()).unwrap_or_default());
            let begun = receiver.await.expect("it began");
            let read = read(is_last).await.expect("it ends");
            let apart = apart(is_last).await.expect("it ends");
            (is_last(), [begun, read, apart])
        });
        assert_eq!(lanes.short().block_on(task), (true, [false; 3]));
    }

    #[test]
    #[should_panic(expected = "a defect")]
    fn a_panic_in_the_other_lane_is_one_of_the_query() {
        let lanes = Lanes::start(&Config::default(), STACK_BYTES).expect("threads");
        let task = Effort::new(&lanes, 0).of(async {
            work(1).await;
            panic!("a defect");
        });
        let () = lanes.short().block_on(task);
    }
}
