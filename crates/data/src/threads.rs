//! Threads that step back behind others: a large query takes what is left of the processor, not what doors and the partition need.

/// Returns what a thread does when it starts, so that the system puts it behind others. Where the system does not allow it, the
/// thread runs as all do.
pub(crate) fn step_back(nice: i32) -> impl Fn() + Send + Sync + 'static {
    let nice = nice.clamp(0, 19);
    move || {
        // SAFETY: the call takes numbers; 0 is the calling thread, as Linux counts it.
        let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_steps_back_takes_no_other_with_it() {
        let nice = || {
            // SAFETY: the call takes numbers and returns one.
            unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
        };
        let before = nice();
        let behind = std::thread::spawn(move || {
            step_back(19)();
            nice()
        });
        assert_eq!(behind.join().expect("it ends"), 19);
        assert_eq!(nice(), before, "only the one thread");
    }
}
