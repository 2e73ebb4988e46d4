//! Cuts events into windows: the longest runs in which no order occurs twice.

use super::events::Event;
use base::Time;
use std::ops::Range;

/// Returns the windows of a list of events, `orders` of which have a rank below that number.
pub fn cut(events: &[Event], orders: usize) -> Vec<Range<usize>> {
    // The number of the last window, from 1, in which each order occurred.
    let mut seen = vec![0_usize; orders];
    let mut windows = Vec::new();
    let mut start = 0;
    for (place, event) in events.iter().enumerate() {
        let seen = &mut seen[event.rank as usize];
        if *seen == windows.len() + 1 {
            windows.push(start..place);
            start = place;
        }
        *seen = windows.len() + 1;
    }
    if start < events.len() {
        windows.push(start..events.len());
    }
    windows
}

/// Returns the instant up to which timers fire after a window: its end; but at an instant events come before timers, so that
/// timers at the instant at which the next window begins wait for it.
pub fn fires_until(events: &[Event], window: &Range<usize>) -> Time {
    let end = events[window.end - 1].time;
    match events.get(window.end) {
        Some(next) => end.min(Time(next.time.0 - 1)),
        // The last moment of a replay is the latest event plus one second.
        None => Time(end.0 + 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{events::Events, generated, olist};
    use std::collections::BTreeSet;

    /// Checks what a window is and returns how many there are.
    fn check(events: &Events<'_>) -> usize {
        let windows = cut(&events.list, events.orders);
        let mut next = 0;
        for window in &windows {
            assert_eq!(window.start, next, "no event is left out");
            next = window.end;
            let orders: BTreeSet<u32> =
                events.list[window.clone()].iter().map(|event| event.rank).collect();
            assert_eq!(orders.len(), window.len(), "no order occurs twice");
            if let Some(event) = events.list.get(window.end) {
                assert!(orders.contains(&event.rank), "no window could be longer");
                assert!(
                    fires_until(&events.list, window) < event.time,
                    "events come before timers"
                );
            }
        }
        assert_eq!(next, events.list.len());
        windows.len()
    }

    #[test]
    fn windows_are_the_longest_runs_without_an_order_twice() {
        let market = generated::market(300, 11);
        assert!(1 < check(&Events::of(&market, 1)));
        assert!(1 < check(&Events::of(&market, 4)));
        assert!(cut(&[], 0).is_empty());
    }

    #[test]
    fn olist_has_the_windows_that_are_known_of_it() {
        let shared = std::env::var_os("CRATON_SHARED").map_or_else(
            || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into(),
            std::path::PathBuf::from,
        );
        let directory = shared.join("data/olist");
        if !directory.exists() {
            return;
        }
        let market = olist::read(&directory).expect("reads");
        assert_eq!((market.orders.len(), market.reviews.len()), (8_135, 8_225));
        let events = Events::of(&market, 1);
        assert_eq!(check(&events), 5_926);
        let windows = cut(&events.list, events.orders);
        let last = fires_until(&events.list, &windows[windows.len() - 1]);
        assert_eq!(last.to_string(), "2018-10-17T17:30:20Z");
        assert_eq!(check(&Events::of(&market, 12)), 21_951);
    }
}
