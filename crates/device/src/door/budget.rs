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

    /// Returns what a client may say.
    pub(super) fn of(self: &Arc<Self>, who: &Principal, now: Duration) -> Budget {
        let rates = match who {
            Principal::Device(_) => self.of_device,
            _ => self.of_user,
        };
        Budget { all: Arc::clone(self), own: self.own(who, now), rates }
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
    }

    /// Charges bytes that have come.
    pub(super) fn charge_bytes(&self, now: Duration, count: usize) {
        self.own.bytes.charge(now, count as u64, self.rates.bytes);
    }

    /// Charges messages.
    pub(super) fn charge_messages(&self, now: Duration, count: usize) {
        self.all.all.charge(now, count as u64, self.all.all_rate);
        self.own.messages.charge(now, count as u64, self.rates.messages);
    }

    /// Returns when the client may say more.
    pub(super) fn free_at(&self) -> Duration {
        let all = self.all.all.free_at(self.all.all_rate);
        let messages = self.own.messages.free_at(self.rates.messages);
        all.max(messages).max(self.own.bytes.free_at(self.rates.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str) -> Principal {
        Principal::Device(name.into())
    }

    #[test]
    fn a_device_pays_for_a_flood_over_all_its_connections_and_no_other_does() {
        let (budgets, now) = (Budgets::new(&Config::default()), Duration::from_secs(100));
        let (mut one, two) = (budgets.of(&device("a"), now), budgets.of(&device("a"), now));
        let limits = DeviceLimits { messages: Some(10), burst: Some(20), bytes: None };
        one.limit(limits);
        one.charge_messages(now, 20);
        assert!(one.free_at() <= now, "a burst is free");
        one.charge_messages(now, 10);
        assert_eq!(one.free_at(), now + Duration::from_secs(1));
        // The other connection has not heard of the limit, and owes the same.
        assert!(now < two.free_at());
        assert!(budgets.of(&device("b"), now).free_at() <= now);
    }

    #[test]
    fn a_user_pays_for_a_flood_before_it_is_all_that_the_unit_takes() {
        let config = Config::default();
        let (budgets, now) = (Budgets::new(&config), Duration::from_secs(100));
        let ana = budgets.of(&Principal::User("ana".into()), now);
        let messages = usize::try_from(config.messages_second_max).expect("a number");
        ana.charge_messages(now, messages);
        assert!(now < ana.free_at());
        assert!(budgets.of(&device("a"), now).free_at() <= now);
        assert!(budgets.of(&Principal::User("bob".into()), now).free_at() <= now);
        let carl = budgets.of(&Principal::User("carl".into()), now);
        carl.charge_bytes(now, 1 << 30);
        assert!(now < carl.free_at());
    }

    #[test]
    fn all_together_have_a_limit() {
        let config = Config { messages_second_max: 100, ..Config::default() };
        let (budgets, now) = (Budgets::new(&config), Duration::from_secs(5));
        budgets.of(&Principal::User("ana".into()), now).charge_messages(now, 300);
        assert_eq!(budgets.of(&device("b"), now).free_at(), now + Duration::from_secs(2));
    }

    #[test]
    fn to_connect_anew_forgives_nothing() {
        let (budgets, now) = (Budgets::new(&Config::default()), Duration::from_secs(1));
        budgets.of(&device("a"), now).charge_messages(now, 1_000_000);
        let owed = budgets.of(&device("a"), now).free_at();
        assert!(now < owed);
        for number in 0..LOOK_EVERY * 2 {
            drop(budgets.of(&device(&format!("d{number}")), now));
        }
        assert_eq!(budgets.of(&device("a"), now).free_at(), owed);
        let count = budgets.own.lock().map(|held| held.len()).unwrap_or_default();
        assert!(count < LOOK_EVERY + 1, "{count} are known");
    }
}
