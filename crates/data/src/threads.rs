//! The threads of queries, in two lanes: short queries need not wait for the steps of long ones. Both stand behind the doors and the
//! partition, the lane of the long ones farther: it takes long turns, which most threads that wake up interrupt.

use crate::{Config, Error};
use base::Problem;
use std::io;
use tokio::runtime::{Builder, Handle, Runtime};

/// The turn of a thread that makes way, in nanoseconds: longer than that of others, 3 ms where nothing is said, and at most 100 ms.
#[cfg(target_os = "linux")]
const TURN_NANOS: u64 = 50_000_000;

/// The threads of queries. They end by themselves: a query never holds up the end of the unit.
pub(crate) struct Lanes {
    short: Lane,
    long: Lane,
}

struct Lane(Option<Runtime>);

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Lanes {
    /// Starts the threads, each with a stack of so many bytes.
    ///
    /// # Errors
    /// `sql.internal` where the system gives none.
    pub(crate) fn start(config: &Config, stack_bytes: usize) -> Result<Self, Problem> {
        let start = |threads: usize, step_back: fn(i32), nice: i32| -> io::Result<Lane> {
            let mut builder = Builder::new_multi_thread();
            builder
                .worker_threads(threads.max(1))
                // One for planning and one for a page of another unit, for each query.
                .max_blocking_threads(2 * config.queries_max.max(1))
                .thread_name("sql")
                .on_thread_start(move || step_back(nice))
                .thread_stack_size(stack_bytes)
                .enable_time();
            Ok(Lane(Some(builder.build()?)))
        };
        // A step of one query may take a while: no other waits for its thread.
        let short = start(config.queries_max, step_back, config.query_short_nice);
        let long = || start(config.query_threads, make_way, config.query_nice);
        let lanes = short.and_then(|short| Ok(Self { short, long: long()? }));
        lanes.map_err(|error| Error::Internal { detail: error.to_string() }.into())
    }

    /// Where queries are planned, and all begin.
    pub(crate) fn short(&self) -> &Handle {
        self.short.handle()
    }

    /// Where those go on that have spent much.
    pub(crate) fn long(&self) -> &Handle {
        self.long.handle()
    }
}

impl Lane {
    #[expect(clippy::expect_used, reason = "it is taken when the lane is dropped")]
    fn handle(&self) -> &Handle {
        self.0.as_ref().expect("a runtime").handle()
    }
}

/// Has the system put this thread behind others, as `nice` counts it. Where that is not allowed, the thread runs as all do.
fn step_back(nice: i32) {
    // SAFETY: the call takes numbers; 0 is the calling thread, as Linux counts it.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice.clamp(0, 19)) };
}

/// As [`step_back`], and lets others in: a thread that wakes up waits for the turn of another to end, unless its own turns are shorter and
/// it has had no more than its share (`sched_setattr(2)`, `sched_runtime` of a thread that is no real-time one; Linux 6.12 and later).
/// One that has had more waits for the end of a turn that nothing else has broken off.
pub(crate) fn make_way(nice: i32) {
    step_back(nice);
    #[cfg(target_os = "linux")]
    {
        // SAFETY: all of it is numbers, of which 0 says nothing.
        let mut wanted: libc::sched_attr = unsafe { std::mem::zeroed() };
        wanted.size = u32::try_from(size_of::<libc::sched_attr>()).unwrap_or_default();
        wanted.sched_policy = libc::SCHED_OTHER.cast_unsigned();
        wanted.sched_nice = nice.clamp(0, 19);
        wanted.sched_runtime = TURN_NANOS;
        // SAFETY: the call reads what `wanted` says, which outlives it; 0 is the calling thread. An older system takes no notice.
        let _ = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nice() -> i32 {
        // SAFETY: the call takes numbers and returns one.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
    }

    #[test]
    fn a_thread_that_steps_back_takes_no_other_with_it() {
        let before = nice();
        let behind = std::thread::spawn(move || {
            step_back(19);
            nice()
        });
        assert_eq!(behind.join().expect("it ends"), 19);
        assert_eq!(nice(), before, "only the one thread");
    }

    #[test]
    fn a_thread_that_makes_way_is_as_far_behind_as_was_said() {
        let behind = std::thread::spawn(|| {
            make_way(12);
            nice()
        });
        assert_eq!(behind.join().expect("it ends"), 12);
    }
}
