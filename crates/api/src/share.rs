//! Places at the doors, shared out by caller: whoever sends much leaves room for others.

use kernel::Principal;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Callers whose lines are remembered before the empty ones are looked for.
const LINES_MAX: usize = 1_000;

/// Under whom a request is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// Somebody whom the unit has recognised, or who says that he is a peer and has not shown it yet.
    Known(Principal),
    /// Somebody unknown at an address elsewhere; for IPv6 a network of 64 bits, which one person has.
    At(IpAddr),
    /// Somebody unknown on this machine, or at no known address.
    Here,
}

impl Caller {
    /// Returns under whom somebody unknown is counted.
    pub(crate) fn unknown(source: Option<IpAddr>) -> Self {
        match source.map(|source| source.to_canonical()) {
            Some(source) if source.is_loopback() => Self::Here,
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                Self::At(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            Some(source) => Self::At(source),
            None => Self::Here,
        }
    }

    /// Returns under whom somebody is counted who says who he is and has not shown it yet. Where his address tells him apart it
    /// counts: whoever takes another's name uses up no place of his.
    pub(crate) fn claimed(principal: Principal, source: Option<IpAddr>) -> Self {
        match Self::unknown(source) {
            Self::Here => Self::Known(principal),
            at => at,
        }
    }
}

/// Returns how many of so many places one caller may take.
pub(crate) fn most(places: usize, percent: usize) -> usize {
    (places.saturating_mul(percent.min(100)) / 100).max(1)
}

/// How many places each caller holds, of those of which one may hold so many at most.
pub(crate) struct Shares {
    most: usize,
    held: Mutex<HashMap<Caller, usize>>,
}

/// A place of a caller, until it is dropped.
pub(crate) struct Share {
    shares: Arc<Shares>,
    who: Caller,
}

impl Shares {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// Returns how many places one caller may hold.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Takes a place; none where the caller holds as many as he may.
    pub(crate) fn take(self: &Arc<Self>, who: &Caller) -> Option<Share> {
        let mut held = self.held();
        match held.get_mut(who) {
            Some(count) if self.most <= *count => return None,
            Some(count) => *count += 1,
            None => {
                held.insert(who.clone(), 1);
            }
        }
        drop(held);
        Some(Share { shares: Arc::clone(self), who: who.clone() })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Caller, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        let left = held.get_mut(&self.who).map_or(0, |count| {
            *count -= 1;
            *count
        });
        if left == 0 {
            held.remove(&self.who);
        }
    }
}

/// A request's place, and that of its caller.
pub(crate) struct Request {
    pub(crate) _place: OwnedSemaphorePermit,
    pub(crate) _share: Share,
}

/// A line of so many places for each caller.
pub(crate) struct Own {
    most: usize,
    lines: Mutex<HashMap<Caller, Weak<Semaphore>>>,
}

impl Own {
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.clamp(1, Semaphore::MAX_PERMITS), lines: Mutex::default() }
    }

    /// Returns the line of a caller. It is there for as long as somebody waits in it or holds a place.
    pub(crate) fn line(&self, who: &Caller) -> Arc<Semaphore> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(who).and_then(Weak::upgrade) {
            return line;
        }
        if LINES_MAX <= lines.len() {
            lines.retain(|_, line| 0 < line.strong_count());
        }
        let line = Arc::new(Semaphore::new(self.most));
        lines.insert(who.clone(), Arc::downgrade(&line));
        line
    }
}

/// Places for which callers wait: each in a line of his own, of which so many at most stand in the line of all.
pub(crate) struct Lines {
    all: Arc<Semaphore>,
    own: Own,
}

/// A place that was waited for, until it is dropped.
pub(crate) struct Waited {
    _own: Option<OwnedSemaphorePermit>,
    _all: OwnedSemaphorePermit,
}

impl Lines {
    pub(crate) fn new(places: usize, most: usize) -> Self {
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(places)), own: Own::new(most) }
    }

    /// Waits for a place. `None` where there are no more places at all.
    pub(crate) async fn take(&self, who: Option<&Caller>) -> Option<Waited> {
        let own = match who.map(|who| self.own.line(who)) {
            Some(line) => Some(line.acquire_owned().await.ok()?),
            None => None,
        };
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Waited { _own: own, _all: all })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn user(name: &str) -> Caller {
        Caller::Known(Principal::User(name.into()))
    }

    #[test]
    fn who_is_unknown_is_counted_under_his_address_whatever_name_he_takes() {
        let at = |text: &str| -> Option<IpAddr> { text.parse().ok() };
        let peer = Principal::Peer("p".into());
        assert_eq!(Caller::unknown(at("127.0.0.1")), Caller::Here);
        assert_eq!(Caller::unknown(None), Caller::Here);
        assert_eq!(Caller::unknown(at("::ffff:192.0.2.1")), Caller::unknown(at("192.0.2.1")));
        assert_ne!(Caller::unknown(at("192.0.2.1")), Caller::unknown(at("192.0.2.2")));
        assert_eq!(Caller::unknown(at("2001:db8::1")), Caller::unknown(at("2001:db8::ffff:1")));
        assert_ne!(Caller::unknown(at("2001:db8::1")), Caller::unknown(at("2001:db8:0:1::1")));
        let claimed = |source| Caller::claimed(peer.clone(), source);
        assert_eq!(claimed(at("192.0.2.1")), Caller::unknown(at("192.0.2.1")));
        assert_eq!(claimed(at("127.0.0.1")), Caller::Known(peer.clone()));
    }

    #[test]
    fn one_caller_takes_no_more_than_his_share() {
        let shares = Shares::new(most(4, 75));
        let ana: Vec<_> = (0..5).filter_map(|_| shares.take(&user("ana"))).collect();
        assert_eq!(ana.len(), 3);
        assert!(shares.take(&user("bob")).is_some());
        drop(ana);
        assert!(shares.held().is_empty());
        assert!(shares.take(&user("ana")).is_some());
    }

    /// Returns what is ready at once.
    fn now<F: Future>(future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn who_waits_in_his_own_line_holds_up_nobody_else() {
        let lines = Lines::new(4, 3);
        let (ana, bob) = (user("ana"), user("bob"));
        let held: Vec<_> = (0..3).filter_map(|_| now(lines.take(Some(&ana))).flatten()).collect();
        assert_eq!(held.len(), 3);
        assert!(now(lines.take(Some(&ana))).is_none(), "she waits");
        assert!(now(lines.take(Some(&bob))).flatten().is_some(), "he does not");
        drop(held);
        assert!(now(lines.take(Some(&ana))).flatten().is_some());
        assert!(now(lines.take(None)).flatten().is_some(), "nobody in particular has no line");
    }
}
