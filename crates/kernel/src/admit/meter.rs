//! What is counted of one principal, or of one quota, and the refusals of what is over.

use crate::Error;
use crate::bucket::{Bucket, Gauge, Rate};
use crate::quota::Limits;
use base::Problem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// When whoever has too many calls under way may ask again, in milliseconds: nobody knows when one of them ends.
pub(super) const RETRY_MS: u64 = 1_000;

/// What is counted of one principal, or of one quota.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pub(super) calls: Bucket,
    pub(super) bytes: Bucket,
    pub(super) running: Gauge,
    pub(super) refused: AtomicU64,
    /// Bytes that were held when that was looked at last, and when that was, in milliseconds from 1; 0 says never.
    pub(super) stored: AtomicU64,
    pub(super) stored_at: AtomicU64,
}

impl Meter {
    /// Goes from one rate to another, of calls and of bytes.
    pub(super) fn change(
        &self,
        now: Duration,
        calls: (Option<Rate>, Option<Rate>),
        bytes: (Option<Rate>, Option<Rate>),
    ) {
        for (bucket, rates) in [(&self.calls, calls), (&self.bytes, bytes)] {
            if let (Some(from), Some(to)) = rates
                && from != to
            {
                bucket.change(now, from, to);
            }
        }
    }

    /// Refuses where another call would be refused now.
    pub(super) fn check(
        &self,
        now: Duration,
        limits: &Limits,
        whom: impl FnOnce() -> String,
    ) -> Result<(), Problem> {
        if let Some(rate) = limits.calls
            && let Some(wait) = self.calls.wait(now, 1, rate)
        {
            return Err(refused_calls(self, whom(), rate, wait));
        }
        if let Some(rate) = limits.bytes
            && let Some(wait) = self.bytes.wait(now, 0, rate)
        {
            return Err(refused_bytes(self, whom(), rate, wait));
        }
        Ok(())
    }

    /// Returns which limit would refuse another call now, and until when, beside `own` calls that run. Takes and counts nothing.
    pub(super) fn used_up(
        &self,
        now: Duration,
        limits: &Limits,
        own: u64,
    ) -> Option<(String, Duration)> {
        let over = |bucket: &Bucket, amount: u64, rate: Option<Rate>, of: &str| {
            let rate = rate?;
            let wait = bucket.wait(now, amount, rate)?;
            Some((format!("{} {of} a second", rate.per_second), wait))
        };
        let running = self.running.count().saturating_sub(own);
        let crowded = || {
            let limit = limits.concurrency.filter(|limit| *limit <= running)?;
            Some((format!("{limit} calls at the same time"), Duration::from_millis(RETRY_MS)))
        };
        over(&self.calls, 1, limits.calls, "calls")
            .or_else(|| over(&self.bytes, 0, limits.bytes, "bytes"))
            .or_else(crowded)
    }
}

fn refused(meter: &Meter, whom: String, what: String, retry: Duration) -> Problem {
    meter.refused.fetch_add(1, Ordering::Relaxed);
    Error::Quota { whom, what, retry_ms: Some(millis(retry)) }.into()
}

/// Returns a time to wait in milliseconds, rounded up.
pub(super) fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1)
}

pub(super) fn refused_calls(meter: &Meter, whom: String, rate: Rate, wait: Duration) -> Problem {
    refused(meter, whom, format!("{} calls a second", rate.per_second), wait)
}

pub(super) fn refused_bytes(meter: &Meter, whom: String, rate: Rate, wait: Duration) -> Problem {
    refused(meter, whom, format!("{} bytes a second", rate.per_second), wait)
}

pub(super) fn refused_place(meter: &Meter, whom: String, limit: u64) -> Problem {
    let what = format!("{limit} calls at the same time");
    refused(meter, whom, what, Duration::from_millis(RETRY_MS))
}
