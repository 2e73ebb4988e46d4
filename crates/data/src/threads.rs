//! The threads of queries, in two lanes: short queries need not wait for the steps of long ones. Both stand behind the doors and the
//! partition. That of the long ones gets what is left over: whoever wakes up interrupts it at once. A thread of it may wait long for its
//! turn, so it holds nothing that others wait for: what reads the store runs elsewhere (`sql/effort`).

use crate::{Config, Error};
use base::Problem;
use std::io;
use tokio::runtime::{Builder, Handle, Runtime};

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
                // One for planning and one for a page of another unit or of the log, for each query.
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
pub(crate) fn step_back(nice: i32) {
    // SAFETY: the call takes numbers; 0 is the calling thread, as Linux counts it.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice.clamp(0, 19)) };
}

/// Has the system run this thread only where no other wants the processor, and has whoever wakes up interrupt it (`SCHED_IDLE`, sched(7)).
/// What it begins does the same, and it never comes back from there. Elsewhere than on Linux it steps back.
fn make_way(nice: i32) {
    step_back(nice);
    #[cfg(target_os = "linux")]
    {
        let none = libc::sched_param { sched_priority: 0 };
        // SAFETY: the call reads `none`, which outlives it; 0 is the calling thread. Where it fails the thread has stepped back.
        let _ = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const none) };
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
    #[cfg(target_os = "linux")]
    fn a_thread_that_makes_way_runs_only_where_no_other_wants_to() {
        // SAFETY: the call takes a number and returns one; 0 is the calling thread.
        let policy = || unsafe { libc::sched_getscheduler(0) };
        let before = policy();
        let behind = std::thread::spawn(move || {
            make_way(12);
            (policy(), nice())
        });
        assert_eq!(behind.join().expect("it ends"), (libc::SCHED_IDLE, 12));
        assert_eq!(policy(), before, "only the one thread");
    }
}
