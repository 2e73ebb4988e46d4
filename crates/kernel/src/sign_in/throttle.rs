//! Slows down who guesses: by user and by source, with a delay that grows up to a cap.
//!
//! Counts live in memory, so many of them. A try counts as wrong from its beginning until it is known to be right, so that many
//! at the same time gain nothing. While somebody has to wait nothing is checked, and the answer says for how long, whoever the
//! name belongs to. A source from which a user has come in before does not wait for what others do to his name.

use super::Error;
use crate::Config;
use base::Problem;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often somebody was wrong.
#[derive(Debug, Clone, Copy, Default)]
struct Record {
    failures: u32,
    /// When, monotonic.
    last: Duration,
    /// Until when the next try has to wait, monotonic.
    until: Duration,
}

#[derive(Default)]
struct State {
    users: HashMap<String, Record>,
    sources: HashMap<String, Record>,
    /// From where a user has come in before.
    known: HashSet<(String, String)>,
}

/// Who tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Try {
    /// The name that was given; none where there is none to guess at.
    user: Option<String>,
    /// From where; none for this machine.
    source: Option<String>,
}

impl Try {
    /// Returns a try. Addresses of this machine are not counted: behind them stand many, or a door of somebody's own.
    pub(crate) fn new(user: Option<&str>, source: Option<IpAddr>) -> Self {
        Self { user: user.map(str::to_owned), source: source.and_then(counted) }
    }

    /// Returns under what it is counted where people wait.
    pub(crate) fn names(&self) -> Vec<String> {
        let user = self.user.iter().map(|user| format!("user {user}"));
        user.chain(self.source.iter().map(|source| format!("source {source}"))).collect()
    }
}

/// Who has tried how often.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<State>);

impl Throttle {
    /// Begins a try, which counts as wrong until [`Throttle::right`] says otherwise.
    ///
    /// # Errors
    /// `sign_in.slowed` where it has to wait.
    pub(crate) fn begin(&self, who: &Try, now: Duration, config: &Config) -> Result<(), Problem> {
        let mut state = self.lock();
        let state = &mut *state;
        let is_known = match (&who.user, &who.source) {
            (Some(user), Some(source)) => state.known.contains(&(user.clone(), source.clone())),
            _ => false,
        };
        let wait = |records: &HashMap<String, Record>, key: Option<&String>| {
            let until =
                key.and_then(|key| records.get(key)).map_or(Duration::ZERO, |held| held.until);
            until.saturating_sub(now)
        };
        let user = who.user.as_ref().filter(|_| !is_known);
        let left = wait(&state.users, user).max(wait(&state.sources, who.source.as_ref()));
        if !left.is_zero() {
            return Err(Error::Slowed { seconds: left.as_secs() + 1 }.into());
        }
        for (records, key) in [(&mut state.users, user), (&mut state.sources, who.source.as_ref())]
        {
            let Some(key) = key else { continue };
            make_room(records, key, now, config);
            let held = records.entry(key.clone()).or_default();
            if forget(config) < now.saturating_sub(held.last) {
                *held = Record::default();
            }
            held.failures = held.failures.saturating_add(1);
            held.last = now;
            held.until = now + delay(held.failures, config);
        }
        Ok(())
    }

    /// Says that a try was right: the user is not slowed any more, and the try does not count against its source.
    pub(crate) fn right(&self, who: &Try, config: &Config) {
        let mut state = self.lock();
        if let Some(user) = &who.user {
            state.users.remove(user);
        }
        if let Some(source) = &who.source {
            take_back(&mut state.sources, source);
        }
        if let (Some(user), Some(source)) = (&who.user, &who.source) {
            if config.sign_in_records_max <= state.known.len() {
                state.known.clear();
            }
            state.known.insert((user.clone(), source.clone()));
        }
    }

    /// Says that a try came to nothing, right or wrong.
    pub(crate) fn withdraw(&self, who: &Try) {
        let mut state = self.lock();
        if let Some(user) = &who.user {
            take_back(&mut state.users, user);
        }
        if let Some(source) = &who.source {
            take_back(&mut state.sources, source);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_back(records: &mut HashMap<String, Record>, key: &String) {
    if let Some(held) = records.get_mut(key) {
        held.failures = held.failures.saturating_sub(1);
        held.until = Duration::ZERO;
    }
}

/// Returns the address under which a source is counted: networks of 64 bits for IPv6, which one person has.
fn counted(source: IpAddr) -> Option<String> {
    let source = source.to_canonical();
    if source.is_loopback() {
        return None;
    }
    Some(match source {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    })
}

/// How long the next try has to wait.
fn delay(failures: u32, config: &Config) -> Duration {
    let Some(beyond) = failures.checked_sub(config.sign_in_tries_free + 1) else {
        return Duration::ZERO;
    };
    let seconds = 1_u64.checked_shl(beyond.min(32)).unwrap_or(u64::MAX);
    Duration::from_secs(seconds.min(config.sign_in_delay_seconds_max))
}

/// After how long without a wrong try a count begins anew: never before its delay is over.
fn forget(config: &Config) -> Duration {
    Duration::from_secs(config.sign_in_delay_seconds_max.saturating_mul(3))
}

/// Makes room for one more: what is over goes first, then who was wrong least often.
fn make_room(records: &mut HashMap<String, Record>, key: &String, now: Duration, config: &Config) {
    if records.contains_key(key) || records.len() < config.sign_in_records_max.max(1) {
        return;
    }
    records.retain(|_, held| now.saturating_sub(held.last) <= forget(config));
    if config.sign_in_records_max.max(1) <= records.len() {
        let least = records.iter().min_by_key(|(_, held)| (held.failures, held.last));
        if let Some(least) = least.map(|(key, _)| key.clone()) {
            records.remove(&least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ana(source: &str) -> Try {
        Try::new(Some("ana"), source.parse().ok())
    }

    /// Tries as often as it may; returns after how many seconds each further try was let in.
    fn waits(throttle: &Throttle, who: &Try, config: &Config, tries: usize) -> Vec<u64> {
        let mut now = Duration::from_secs(100);
        let mut waits = Vec::new();
        for _ in 0..tries {
            let begin = now;
            while throttle.begin(who, now, config).is_err() {
                now += SECOND;
            }
            waits.push((now - begin).as_secs());
        }
        waits
    }

    #[test]
    fn the_delay_grows_up_to_its_cap() {
        let config = Config { sign_in_delay_seconds_max: 20, ..Config::default() };
        let throttle = Throttle::default();
        let waits = waits(&throttle, &ana("192.0.2.1"), &config, 13);
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 20, 20]);
    }

    #[test]
    fn a_name_is_slowed_from_everywhere_but_where_its_owner_is_known() {
        let (config, throttle, now) = (Config::default(), Throttle::default(), SECOND);
        throttle.begin(&ana("192.0.2.9"), now, &config).expect("a first try");
        throttle.right(&ana("192.0.2.9"), &config);
        for number in 0..6 {
            throttle
                .begin(&ana(&format!("198.51.100.{number}")), now, &config)
                .expect("a free try");
        }
        let slowed = throttle.begin(&ana("203.0.113.1"), now, &config).expect_err("slowed");
        assert_eq!((slowed.code.as_str(), slowed.retry_ms), ("sign_in.slowed", Some(2_000)));
        throttle.begin(&ana("192.0.2.9"), now, &config).expect("its owner comes in");
        let other = Try::new(Some("bob"), "203.0.113.1".parse().ok());
        throttle.begin(&other, now, &config).expect("others come in");
    }

    #[test]
    fn a_source_is_slowed_whatever_name_it_tries_and_a_right_one_does_not_clear_it() {
        let (config, throttle, now) = (Config::default(), Throttle::default(), SECOND);
        let from = |user: &str| Try::new(Some(user), "2001:db8:1:2::5".parse().ok());
        for number in 0..5 {
            throttle.begin(&from(&format!("user-{number}")), now, &config).expect("a free try");
        }
        throttle.begin(&from("mallory"), now, &config).expect("the sixth");
        throttle.right(&from("mallory"), &config);
        throttle.begin(&from("ana"), now, &config).expect("the sixth again");
        let next = Try::new(Some("cem"), "2001:db8:1:2:ffff::1".parse().ok());
        assert_eq!(throttle.begin(&next, now, &config).expect_err("slowed").code, "sign_in.slowed");
        let local = Try::new(Some("cem"), "127.0.0.1".parse().ok());
        throttle.begin(&local, now, &config).expect("this machine is not counted");
    }

    #[test]
    fn counts_have_a_limit_and_the_worst_stay() {
        let config = Config { sign_in_records_max: 10, ..Config::default() };
        let throttle = Throttle::default();
        for _ in 0..6 {
            throttle.begin(&Try::new(Some("ana"), None), SECOND, &config).expect("a free try");
        }
        for number in 0..1_000 {
            let who = Try::new(Some(&format!("user-{number}")), None);
            throttle.begin(&who, SECOND, &config).expect("a first try");
        }
        assert_eq!(throttle.lock().users.len(), 10);
        throttle.begin(&Try::new(Some("ana"), None), SECOND, &config).expect_err("still slowed");
        let later = Duration::from_secs(100_000);
        throttle.begin(&Try::new(Some("ana"), None), later, &config).expect("forgotten");
    }

    #[test]
    fn a_try_that_came_to_nothing_does_not_count() {
        let (config, throttle) = (Config::default(), Throttle::default());
        for _ in 0..20 {
            throttle.begin(&ana("192.0.2.1"), SECOND, &config).expect("a try");
            throttle.withdraw(&ana("192.0.2.1"));
        }
    }
}
