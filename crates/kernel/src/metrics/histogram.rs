//! How often something took how long, or had how many parts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bounds of durations, in microseconds.
pub(crate) const MICROS: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// Bounds of counts.
pub(crate) const COUNTS: &[u64] = &[0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

/// Counts by bounds: a value falls under the first bound that it does not exceed.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// How many values fell under each bound; the last one is for what exceeds all.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
    /// By what a value is divided to be told: microseconds are told in seconds.
    unit: f64,
}

impl Histogram {
    /// Returns a histogram of durations.
    pub fn of_seconds() -> Self {
        Self::new(MICROS, 1_000_000.0)
    }

    /// Returns a histogram of counts.
    pub fn of_counts() -> Self {
        Self::new(COUNTS, 1.0)
    }

    fn new(bounds: &'static [u64], unit: f64) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, sum: AtomicU64::new(0), unit }
    }

    /// Adds a duration.
    pub fn took(&self, elapsed: Duration) {
        self.add(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds a value.
    pub fn add(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Returns each bound with how many values do not exceed it; the last one, which is infinite, has all.
    pub(crate) fn cumulated(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / self.unit);
        let bounds = bounds.chain(std::iter::once(f64::INFINITY));
        let mut count = 0;
        bounds
            .zip(&self.buckets)
            .map(|(bound, bucket)| {
                count += bucket.load(Ordering::Relaxed);
                (bound, count)
            })
            .collect()
    }

    /// Returns the sum of all values.
    pub(crate) fn sum(&self) -> f64 {
        self.sum.load(Ordering::Relaxed) as f64 / self.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_under_the_first_bound_that_it_does_not_exceed() {
        let histogram = Histogram::of_seconds();
        for micros in [0, 100, 101, 60_000_000, 60_000_001, u64::MAX / 4] {
            histogram.took(Duration::from_micros(micros));
        }
        let cumulated = histogram.cumulated();
        assert_eq!(cumulated.first(), Some(&(0.0001, 2)));
        assert_eq!(cumulated.get(1), Some(&(0.00025, 3)));
        assert_eq!(cumulated.iter().rev().nth(1), Some(&(60.0, 4)));
        assert_eq!(cumulated.last(), Some(&(f64::INFINITY, 6)));
    }
}
