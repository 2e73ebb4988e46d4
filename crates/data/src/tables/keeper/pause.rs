//! What failed is left alone for a while: twice as long each time, and never for less than ten times as long as the failure took, up to a
//! limit. So one thing that cannot be done takes a small part of the keeper's time, and nothing of the others' turns.

use std::collections::HashMap;
use std::time::Duration;

/// How much longer than a failure took it is left alone.
const TIMES: u32 = 10;

/// How long something is left alone.
#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Duration,
    length: Duration,
}

/// What is left alone, and until when, monotonic.
#[derive(Debug, Default)]
pub(super) struct Pauses(HashMap<String, Pause>);

impl Pauses {
    /// Returns whether something is left alone now.
    pub(super) fn is_paused(&self, what: &str, now: Duration) -> bool {
        self.0.get(what).is_some_and(|pause| now < pause.until)
    }

    /// Has something left alone that failed: it `began` and ended `now`. A pause has so many milliseconds the first time, and at most.
    pub(super) fn begin(
        &mut self,
        what: &str,
        (began, now): (Duration, Duration),
        (first, most): (u64, u64),
    ) {
        let (first, most) = (Duration::from_millis(first), Duration::from_millis(most));
        let longer = self.0.get(what).map_or(first, |pause| pause.length.saturating_mul(2));
        let took = now.saturating_sub(began).saturating_mul(TIMES);
        let length = longer.max(took).min(most);
        // What was not tried again for so long is not there any more.
        self.0.retain(|_, pause| now <= pause.until.saturating_add(most));
        self.0.insert(what.to_owned(), Pause { until: now.saturating_add(length), length });
    }

    /// Takes note that something went well.
    pub(super) fn end(&mut self, what: &str) {
        self.0.remove(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: (u64, u64) = (100, 1_000);

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_pause_grows_with_each_failure_up_to_its_limit_and_ends_with_success() {
        let (mut pauses, mut now, mut lengths) = (Pauses::default(), 0, Vec::new());
        for _ in 0..6 {
            pauses.begin("view a", (at(now), at(now)), RETRY);
            let began = now;
            while pauses.is_paused("view a", at(now)) {
                now += 10;
            }
            lengths.push(now - began);
        }
        assert_eq!(lengths, [100, 200, 400, 800, 1_000, 1_000]);
        pauses.end("view a");
        pauses.begin("view a", (at(now), at(now)), RETRY);
        assert!(!pauses.is_paused("view a", at(now + 100)), "it begins anew");
    }

    #[test]
    fn what_takes_long_to_fail_is_left_alone_for_longer() {
        let mut pauses = Pauses::default();
        pauses.begin("view a", (at(0), at(50)), RETRY);
        assert!(pauses.is_paused("view a", at(549)) && !pauses.is_paused("view a", at(550)));
        assert!(!pauses.is_paused("view b", at(60)), "others are not");
    }
}
