//! The two clocks: *business* time, which can be driven, and *wall* and *monotonic* time, which never are.

use crate::Time;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// Returns the business time: timers, event time, windows, `now()`.
    fn business(&self) -> Time;

    /// Returns the wall time: certificates, signatures, tokens.
    fn wall(&self) -> Time;

    /// Returns the time since some fixed moment, never running backwards: deadlines, retries, rate limits.
    fn monotonic(&self) -> Duration;

    /// Returns whether business time moves only by [`Clock::advance`].
    fn is_driven(&self) -> bool;

    /// Moves the business time forward, never back. Returns false where it is not driven.
    fn advance(&self, to: Time) -> bool;
}

/// The machine's clock; business time is wall time.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Returns the machine's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the home of the clock")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn business(&self) -> Time {
        self.wall()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the home of the clock")]
    fn wall(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn is_driven(&self) -> bool {
        false
    }

    fn advance(&self, _to: Time) -> bool {
        false
    }
}

/// A clock whose business time stands still until it is advanced; wall time comes from another clock.
pub struct DrivenClock<C> {
    business: AtomicI64,
    wall: C,
}

impl<C: Clock> DrivenClock<C> {
    /// Returns a clock that stands at `start`.
    pub fn new(start: Time, wall: C) -> Self {
        Self { business: AtomicI64::new(start.0), wall }
    }
}

impl<C: Clock> Clock for DrivenClock<C> {
    fn business(&self) -> Time {
        Time(self.business.load(Ordering::SeqCst))
    }

    fn wall(&self) -> Time {
        self.wall.wall()
    }

    fn monotonic(&self) -> Duration {
        self.wall.monotonic()
    }

    fn is_driven(&self) -> bool {
        true
    }

    fn advance(&self, to: Time) -> bool {
        self.business.fetch_max(to.0, Ordering::SeqCst);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The suite of the seam.
    fn check(clock: &dyn Clock) {
        assert!(clock.monotonic() <= clock.monotonic());
        let before = clock.business();
        assert_eq!(clock.advance(Time(before.0 + 1_000)), clock.is_driven());
        if clock.is_driven() {
            assert_eq!(clock.business(), Time(before.0 + 1_000));
            clock.advance(before);
            assert_eq!(clock.business(), Time(before.0 + 1_000), "never back");
        }
        assert!(Time(1_600_000_000_000) < clock.wall());
    }

    #[test]
    fn both_clocks_keep_the_promises_of_the_seam() {
        check(&SystemClock::new());
        check(&DrivenClock::new(Time(0), SystemClock::new()));
    }
}
