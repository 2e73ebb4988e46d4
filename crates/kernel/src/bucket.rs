//! How much somebody uses: so much a second with a burst, and so many at the same time. Pure: time comes in as a number. No lock:
//! each counter is one atomic number.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const NANOS_A_SECOND: u128 = 1_000_000_000;

/// So much a second, and so much at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// How much a second.
    pub per_second: u64,
    /// How much at once, when nothing was used before.
    pub burst: u64,
}

impl Rate {
    /// Returns the stricter of two rates: it lets through no more than either, over a second and over a long time.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        Self {
            per_second: self.per_second.min(other.per_second),
            burst: self.burst.min(other.burst),
        }
    }

    /// Returns in how many nanoseconds so much is due, rounded down: a whole burst fits, whatever the rate is.
    fn nanos(self, amount: u64) -> u64 {
        let per_second = u128::from(self.per_second.max(1));
        let nanos = u128::from(amount) * NANOS_A_SECOND / per_second;
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// A token bucket, kept as the moment at which it will be full again (the generic cell rate algorithm of ITU-T I.371): one number,
/// whatever the rate is, so that a rate can change while it is used.
#[derive(Debug, Default)]
pub(crate) struct Bucket(AtomicU64);

impl Bucket {
    /// Takes an amount. What is more than a whole burst is given to a full bucket, which then owes the rest.
    ///
    /// # Errors
    /// After how long the same amount would be given, where nothing is.
    pub(crate) fn take(&self, now: Duration, amount: u64, rate: Rate) -> Result<(), Duration> {
        let (now, cost, room) = (nanos(now), rate.nanos(amount), rate.nanos(rate.burst));
        let mut full = self.0.load(Ordering::Relaxed);
        loop {
            if let Some(wait) = wait(full, now, cost, room) {
                return Err(Duration::from_nanos(wait));
            }
            let next = full.max(now).saturating_add(cost);
            let swapped =
                self.0.compare_exchange_weak(full, next, Ordering::Relaxed, Ordering::Relaxed);
            match swapped {
                Ok(_) => return Ok(()),
                Err(other) => full = other,
            }
        }
    }

    /// Returns after how long an amount would be given, where it would not be given now. Takes nothing.
    pub(crate) fn wait(&self, now: Duration, amount: u64, rate: Rate) -> Option<Duration> {
        let (now, cost, room) = (nanos(now), rate.nanos(amount), rate.nanos(rate.burst));
        wait(self.0.load(Ordering::Relaxed), now, cost, room).map(Duration::from_nanos)
    }

    /// Takes an amount that was used already, however much that is; the bucket owes it. Nobody owes more than `owed_max`.
    pub(crate) fn charge(&self, now: Duration, amount: u64, rate: Rate, owed_max: Duration) {
        let (now, cost, room) = (nanos(now), rate.nanos(amount), rate.nanos(rate.burst));
        let most = now.saturating_add(room).saturating_add(nanos(owed_max));
        // What stands there already is never lowered: it may be of another rate.
        let charged = |full: u64| Some(full.max(full.max(now).saturating_add(cost).min(most)));
        // It is always `Some`, so it never fails.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, charged);
    }

    /// Goes from one rate to another: what was used stays used, and is paid for by the new one.
    pub(crate) fn change(&self, now: Duration, from: Rate, to: Rate) {
        let now = nanos(now);
        let changed = |full: u64| {
            let owed = u128::from(full.saturating_sub(now)) * u128::from(from.per_second);
            let owed = owed / u128::from(to.per_second.max(1));
            Some(now.saturating_add(u64::try_from(owed).unwrap_or(u64::MAX)).min(full.max(now)))
        };
        // It is always `Some`, so it never fails.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
    }

    /// Gives back what was taken and not used.
    pub(crate) fn give_back(&self, amount: u64, rate: Rate) {
        let cost = rate.nanos(amount);
        let lowered = |full: u64| Some(full.saturating_sub(cost));
        // It is always `Some`, so it never fails.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lowered);
    }
}

/// Returns how long a bucket that is full at `full` cannot give what costs so much; all in nanoseconds.
fn wait(full: u64, now: u64, cost: u64, room: u64) -> Option<u64> {
    let used = full.max(now).saturating_add(cost) - now;
    let is_given = used <= room || full <= now;
    (!is_given).then(|| if cost <= room { used - room } else { full - now })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// How many there are at the same time.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    /// Counts one more, unless there are `limit` already.
    pub(crate) fn enter(&self, limit: u64) -> bool {
        let more = |count: u64| (count < limit).then_some(count + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Counts one less.
    pub(crate) fn leave(&self) {
        let before = self.0.fetch_sub(1, Ordering::Relaxed);
        assert!(0 < before, "who leaves has entered");
    }

    /// Returns how many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Entropy, SeededEntropy};

    const RATE: Rate = Rate { per_second: 10, burst: 5 };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_is_given_at_once_and_the_rest_in_its_time() {
        let bucket = Bucket::default();
        for _ in 0..5 {
            assert_eq!(bucket.take(ms(0), 1, RATE), Ok(()));
        }
        assert_eq!(bucket.take(ms(0), 1, RATE), Err(ms(100)));
        assert_eq!(bucket.wait(ms(60), 1, RATE), Some(ms(40)));
        assert_eq!(bucket.wait(ms(100), 1, RATE), None, "and it takes nothing");
        assert_eq!(bucket.take(ms(99), 1, RATE), Err(ms(1)));
        assert_eq!(bucket.take(ms(100), 1, RATE), Ok(()));
        assert_eq!(bucket.take(ms(100), 1, RATE), Err(ms(100)));
        // After a rest there is a burst again, and no more than one.
        assert_eq!(bucket.take(ms(60_000), 5, RATE), Ok(()));
        assert_eq!(bucket.take(ms(60_000), 1, RATE), Err(ms(100)));
    }

    #[test]
    fn what_is_more_than_a_burst_goes_through_a_full_bucket_and_is_owed() {
        let bucket = Bucket::default();
        assert_eq!(bucket.take(ms(0), 20, RATE), Ok(()));
        assert_eq!(bucket.take(ms(0), 20, RATE), Err(ms(2_000)));
        assert_eq!(bucket.take(ms(1_500), 1, RATE), Err(ms(100)), "20 are paid for by 2,000 ms");
        assert_eq!(bucket.take(ms(2_000), 20, RATE), Ok(()));
    }

    #[test]
    fn what_was_used_already_is_owed_up_to_a_limit() {
        let bucket = Bucket::default();
        bucket.charge(ms(0), 15, RATE, ms(60_000));
        assert_eq!(bucket.take(ms(0), 1, RATE), Err(ms(1_100)));
        bucket.charge(ms(0), 1_000_000, RATE, ms(60_000));
        assert_eq!(bucket.take(ms(0), 1, RATE), Err(ms(60_100)));
        let other = Bucket::default();
        assert_eq!(other.take(ms(0), 5, RATE), Ok(()));
        other.give_back(5, RATE);
        assert_eq!(other.take(ms(0), 5, RATE), Ok(()));
    }

    #[test]
    fn what_was_used_under_one_rate_is_used_under_the_next() {
        let bucket = Bucket::default();
        assert_eq!(bucket.take(ms(0), 5, RATE), Ok(()));
        let fast = Rate { per_second: 100, burst: 10 };
        bucket.change(ms(0), RATE, fast);
        assert_eq!(bucket.take(ms(0), 5, fast), Ok(()), "5 of 10 were used");
        assert_eq!(bucket.take(ms(0), 1, fast), Err(ms(10)));
        bucket.change(ms(0), fast, RATE);
        assert_eq!(bucket.wait(ms(0), 1, RATE), None, "a slower rate does not make a debt");
    }

    /// Asks at random moments for random amounts, by a clock that only the seed drives, and checks what a quota promises.
    fn check_promises(seed: u64) {
        let entropy = SeededEntropy::new(seed);
        let random = |most: u64| entropy.number() % most;
        let rate = Rate { per_second: 1 + random(1_000), burst: 1 + random(200) };
        let bucket = Bucket::default();
        let mut now = Duration::from_nanos(random(1 << 40));
        let mut given: Vec<(Duration, u64)> = Vec::new();
        for _ in 0..400 {
            now += Duration::from_nanos(random(40_000_000));
            let amount = 1 + random(rate.burst.min(20));
            match bucket.take(now, amount, rate) {
                Ok(()) => given.push((now, amount)),
                Err(wait) => {
                    assert!(!wait.is_zero(), "seed {seed}: a refusal says when");
                    let early = wait.saturating_sub(Duration::from_nanos(1));
                    if !early.is_zero() {
                        assert!(bucket.take(now + early, amount, rate).is_err(), "seed {seed}");
                    }
                    // Nobody else uses it, so what was told is kept.
                    now += wait;
                    assert_eq!(bucket.take(now, amount, rate), Ok(()), "seed {seed}");
                    given.push((now, amount));
                }
            }
        }
        for (first, (start, _)) in given.iter().enumerate() {
            let mut sum = 0;
            for (end, amount) in &given[first..] {
                sum += amount;
                let passed = (*end - *start).as_nanos() * u128::from(rate.per_second);
                let most = u128::from(rate.burst) + passed.div_ceil(NANOS_A_SECOND);
                assert!(u128::from(sum) <= most, "seed {seed}: {sum} in a window, {most} at most");
            }
        }
    }

    #[test]
    fn no_window_of_time_sees_more_than_the_burst_and_the_rate() {
        (0..200).for_each(check_promises);
    }

    #[test]
    fn many_threads_share_a_bucket_and_a_gauge_exactly() {
        let (bucket, gauge) = (Bucket::default(), Gauge::default());
        let rate = Rate { per_second: 1, burst: 1_000 };
        let given = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let is_in = gauge.enter(3);
                        if bucket.take(ms(0), 1, rate).is_ok() {
                            given.fetch_add(1, Ordering::Relaxed);
                        }
                        assert!(gauge.count() <= 3);
                        if is_in {
                            gauge.leave();
                        }
                    }
                });
            }
        });
        assert_eq!((given.load(Ordering::Relaxed), gauge.count()), (1_000, 0));
    }
}
