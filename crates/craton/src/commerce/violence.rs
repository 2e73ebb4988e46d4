//! Kills units at random moments and starts them again: what a replay must survive without a different answer.

use super::market::Unit;
use base::{Entropy, SeededEntropy};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The shortest and the longest time between two kills, in milliseconds.
const BETWEEN_MS: (u64, u64) = (50, 900);

/// Kills units until it is told to stop, or the number is reached.
pub struct Violence {
    is_over: Arc<AtomicBool>,
    kills: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Violence {
    /// Begins to kill, one unit after the other, at moments drawn from a seed.
    pub fn start(units: Vec<Arc<Unit>>, kills_max: u64, seed: u64) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let kills = Arc::new(AtomicU64::new(0));
        let (over, count) = (Arc::clone(&is_over), Arc::clone(&kills));
        let thread = std::thread::spawn(move || {
            let entropy = SeededEntropy::new(seed);
            let (least, most) = BETWEEN_MS;
            while count.load(Ordering::SeqCst) < kills_max {
                std::thread::sleep(Duration::from_millis(least + entropy.number() % (most - least)));
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let number = count.fetch_add(1, Ordering::SeqCst);
                let unit = &units[usize::try_from(number).unwrap_or(0) % units.len()];
                unit.kill();
                if let Err(problem) = unit.start().and_then(|()| unit.wait_ready().map(|_| ())) {
                    crate::report::show(&problem);
                    return;
                }
            }
        });
        Self { is_over, kills, thread: Some(thread) }
    }

    /// Stops killing, once the unit that was killed last is up again; returns how many kills there were.
    pub fn stop(mut self) -> u64 {
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // A panic in it would show in the count.
            let _ = thread.join();
        }
        self.kills.load(Ordering::SeqCst)
    }
}
