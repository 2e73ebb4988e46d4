//! How much clients may say: messages and bytes a second, of one device or user and of all clients. Who has said more is not read for a
//! while, which his system notices by itself; nothing is dropped.

use crate::config::Config;
use crate::registry::DeviceLimits;
use kernel::{Principal, Rate};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// With so many more clients those that owe nothing and have no connection are forgotten.
const LOOK_EVERY: usize = 4_096;

/// The longest that somebody is not read besides what he owes, in nanoseconds.
const SPREAD_MAX: u64 = 1_000_000_000;

/// A bucket, kept as the moment at which nothing is owed any more, in nanoseconds: what was said already is charged, and a pause follows.
#[derive(Debug, Default)]
struct Bucket(AtomicU64);

impl Bucket {
    /// Charges an amount that was used.
    fn charge(&self, now: Duration, amount: u64, rate: Rate) {
        let (now, cost) = (nanos(now), cost(amount, rate.per_second));
        let charged = |owed: u64| Some(owed.max(now).saturating_add(cost));
        // It is always `Some`, so it never fails.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, charged);
    }

    /// Returns when no more than a burst is owed.
    fn free_at(&self, rate: Rate) -> Duration {
        let room = cost(rate.burst, rate.per_second);
        Duration::from_nanos(self.0.load(Ordering::Relaxed).saturating_sub(room))
    }
}

/// Returns in how many nanoseconds so much is due.
fn cost(amount: u64, per_second: u64) -> u64 {
    let nanos = u128::from(amount) * 1_000_000_000 / u128::from(per_second.max(1));
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What one device or user has said, over all its connections.
#[derive(Debug, Default)]
struct Own {
    messages: Bucket,
    bytes: Bucket,
}

impl Own {
    fn owes(&self, now: Duration) -> bool {
        let most =
            self.messages.0.load(Ordering::Relaxed).max(self.bytes.0.load(Ordering::Relaxed));
        nanos(now) < most
    }
}

/// How much one client may say.
#[derive(Debug, Clone, Copy)]
struct Rates {
    messages: Rate,
    bytes: Rate,
}

/// What all clients may say.
#[derive(Debug)]
pub(super) struct Budgets {
    all: Bucket,
    all_rate: Rate,
    of_device: Rates,
    of_user: Rates,
    own: Mutex<HashMap<Principal, Arc<Own>>>,
}

impl Budgets {
    pub(super) fn new(config: &Config) -> Arc<Self> {
        let rate = |per_second: u64| Rate { per_second, burst: per_second };
        Arc::new(Self {
            all: Bucket::default(),
            all_rate: rate(config.messages_second_max),
            of_device: Rates {
                messages: rate(config.device_messages_second_max),
                bytes: rate(config.device_bytes_second_max),
            },
            of_user: Rates {
                messages: rate(config.user_messages_second_max),
                bytes: rate(config.user_bytes_second_max),
            },
            own: Mutex::default(),
        })
    }

    /// Returns what a client may say. `spread`: any number, another for each connection.
    pub(super) fn of(self: &Arc<Self>, who: &Principal, now: Duration, spread: u64) -> Budget {
        let rates = match who {
            Principal::Device(_) => self.of_device,
            _ => self.of_user,
        };
        let own = self.own(who, now);
        Budget { all: Arc::clone(self), own, rates, spread, paused_until: Duration::ZERO }
    }

    /// To connect anew forgives nothing: what a client owes is known for as long as it owes it.
    fn own(&self, who: &Principal, now: Duration) -> Arc<Own> {
        let mut held = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = held.get(who) {
            return Arc::clone(own);
        }
        if (held.len() + 1).is_multiple_of(LOOK_EVERY) {
            held.retain(|_, own| 1 < Arc::strong_count(own) || own.owes(now));
        }
        let own = Arc::new(Own::default());
        held.insert(who.clone(), Arc::clone(&own));
        own
    }
}

/// What one connection may say.
#[derive(Debug)]
pub(super) struct Budget {
    all: Arc<Budgets>,
    own: Arc<Own>,
    rates: Rates,
    spread: u64,
    paused_until: Duration,
}

impl Budget {
    /// Takes over what the type of the device says.
    pub(super) fn limit(&mut self, limits: DeviceLimits) {
        let usual = self.all.of_device;
        let messages = limits.messages.unwrap_or(usual.messages.per_second);
        let bytes = limits.bytes.unwrap_or(usual.bytes.per_second);
        self.rates = Rates {
            messages: Rate { per_second: messages, burst: limits.burst.unwrap_or(messages) },
            bytes: Rate { per_second: bytes, burst: bytes },
        };
        self.paused_until = Duration::ZERO;
    }

    /// Charges bytes that have come.
    pub(super) fn charge_bytes(&mut self, now: Duration, count: usize) {
        self.own.bytes.charge(now, count as u64, self.rates.bytes);
        self.pause(now, self.own.bytes.free_at(self.rates.bytes), self.rates.bytes);
    }

    /// Charges messages.
    pub(super) fn charge_messages(&mut self, now: Duration, count: usize) {
        self.all.all.charge(now, count as u64, self.all.all_rate);
        self.own.messages.charge(now, count as u64, self.rates.messages);
        self.pause(now, self.own.messages.free_at(self.rates.messages), self.rates.messages);
    }

    /// Has who has said too much wait a little longer than until he may say more, each another while: those that began together would
    /// all be read at the same moment, second for second. What he waits longer he may say more then.
    fn pause(&mut self, now: Duration, free_at: Duration, rate: Rate) {
        let longest = cost(rate.burst, rate.per_second).clamp(1, SPREAD_MAX);
        if now < free_at {
            let until = free_at + Duration::from_nanos(self.spread % longest);
            self.paused_until = self.paused_until.max(until);
        }
    }

    /// Returns when the client may say more.
    pub(super) fn free_at(&self) -> Duration {
        let all = self.all.all.free_at(self.all.all_rate);
        let messages = self.own.messages.free_at(self.rates.messages);
        let bytes = self.own.bytes.free_at(self.rates.bytes);
        all.max(messages).max(bytes).max(self.paused_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Entropy, SeededEntropy};

    fn device(name: &str) -> Principal {
        Principal::Device(name.into())
    }

    #[test]
    fn a_device_pays_for_a_flood_over_all_its_connections_and_no_other_does() {
        let (budgets, now) = (Budgets::new(&Config::default()), Duration::from_secs(100));
        let (mut one, two) = (budgets.of(&device("a"), now, 0), budgets.of(&device("a"), now, 0));
        let limits = DeviceLimits { messages: Some(10), burst: Some(20), bytes: None };
        one.limit(limits);
        one.charge_messages(now, 20);
        assert!(one.free_at() <= now, "a burst is free");
        one.charge_messages(now, 10);
        assert_eq!(one.free_at(), now + Duration::from_secs(1));
        // The other connection has not heard of the limit, and owes the same.
        assert!(now < two.free_at());
        assert!(budgets.of(&device("b"), now, 0).free_at() <= now);
    }

    #[test]
    fn a_user_pays_for_a_flood_before_it_is_all_that_the_unit_takes() {
        let config = Config::default();
        let (budgets, now) = (Budgets::new(&config), Duration::from_secs(100));
        let mut ana = budgets.of(&Principal::User("ana".into()), now, 0);
        let messages = usize::try_from(config.messages_second_max).expect("a number");
        ana.charge_messages(now, messages);
        assert!(now < ana.free_at());
        assert!(budgets.of(&device("a"), now, 0).free_at() <= now);
        assert!(budgets.of(&Principal::User("bob".into()), now, 0).free_at() <= now);
        let mut carl = budgets.of(&Principal::User("carl".into()), now, 0);
        carl.charge_bytes(now, 1 << 30);
        assert!(now < carl.free_at());
    }

    #[test]
    fn all_together_have_a_limit() {
        let config = Config { messages_second_max: 100, ..Config::default() };
        let (budgets, now) = (Budgets::new(&config), Duration::from_secs(5));
        budgets.of(&Principal::User("ana".into()), now, 0).charge_messages(now, 300);
        assert_eq!(budgets.of(&device("b"), now, 0).free_at(), now + Duration::from_secs(2));
    }

    #[test]
    fn those_that_flood_together_are_read_one_after_the_other() {
        let (budgets, now) = (Budgets::new(&Config::default()), Duration::from_secs(100));
        let limits = DeviceLimits { messages: Some(100), burst: None, bytes: None };
        let entropy = SeededEntropy::new(3);
        let mut parts = [0; 4];
        for number in 0..400 {
            let mut one = budgets.of(&device(&format!("d{number}")), now, entropy.number());
            one.limit(limits);
            one.charge_messages(now, 100);
            assert!(one.free_at() <= now, "what it may say is free");
            one.charge_messages(now, 100);
            let waits = one.free_at().saturating_sub(now).as_millis();
            let part = usize::try_from((waits - 1_000) / 250).expect("a number");
            parts[part] += 1;
        }
        assert!(parts.iter().all(|part| 50 < *part), "{parts:?}");
    }

    #[test]
    fn to_connect_anew_forgives_nothing() {
        let (budgets, now) = (Budgets::new(&Config::default()), Duration::from_secs(1));
        budgets.of(&device("a"), now, 0).charge_messages(now, 1_000_000);
        let owed = budgets.of(&device("a"), now, 0).free_at();
        assert!(now < owed);
        for number in 0..LOOK_EVERY * 2 {
            drop(budgets.of(&device(&format!("d{number}")), now, 0));
        }
        assert_eq!(budgets.of(&device("a"), now, 0).free_at(), owed);
        let count = budgets.own.lock().map(|held| held.len()).unwrap_or_default();
        assert!(count < LOOK_EVERY + 1, "{count} are known");
    }
}
