//! Places at the doors, shared out by principal: whoever sends much leaves room for others.

use kernel::Principal;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Principals whose lines are remembered before the empty ones are looked for.
const LINES_MAX: usize = 1_000;

/// Returns how many of so many places one principal may take.
pub(crate) fn most(places: usize, percent: usize) -> usize {
    (places.saturating_mul(percent.min(100)) / 100).max(1)
}

/// How many places each principal holds, of those of which one may hold so many at most.
pub(crate) struct Shares {
    most: usize,
    held: Mutex<HashMap<Principal, usize>>,
}

/// A place of a principal, until it is dropped.
pub(crate) struct Share {
    shares: Arc<Shares>,
    who: Principal,
}

impl Shares {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, held: Mutex::default() })
    }

    /// Returns how many places one principal may hold.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Takes a place; none where the principal holds as many as it may.
    pub(crate) fn take(self: &Arc<Self>, who: &Principal) -> Option<Share> {
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

    fn held(&self) -> MutexGuard<'_, HashMap<Principal, usize>> {
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

/// A request's place, and that of its principal where that was known when it came.
pub(crate) struct Request {
    pub(crate) _place: OwnedSemaphorePermit,
    pub(crate) _share: Option<Share>,
}

/// Places for which principals wait: each in a line of its own, of which so many at most stand in the line of all.
pub(crate) struct Lines {
    all: Arc<Semaphore>,
    most: usize,
    own: Mutex<HashMap<Principal, Weak<Semaphore>>>,
}

/// A place that was waited for, until it is dropped.
pub(crate) struct Waited {
    _own: Option<OwnedSemaphorePermit>,
    _all: OwnedSemaphorePermit,
}

impl Lines {
    pub(crate) fn new(places: usize, most: usize) -> Self {
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(places)), most, own: Mutex::default() }
    }

    /// Waits for a place. `None` where there are no more places at all.
    pub(crate) async fn take(&self, who: Option<&Principal>) -> Option<Waited> {
        let own = match who.map(|who| self.line(who)) {
            Some(line) => Some(line.acquire_owned().await.ok()?),
            None => None,
        };
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Waited { _own: own, _all: all })
    }

    /// Returns the line of a principal. It is there for as long as somebody waits in it or holds a place.
    fn line(&self, who: &Principal) -> Arc<Semaphore> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = own.get(who).and_then(Weak::upgrade) {
            return line;
        }
        if LINES_MAX <= own.len() {
            own.retain(|_, line| 0 < line.strong_count());
        }
        let line = Arc::new(Semaphore::new(self.most.clamp(1, Semaphore::MAX_PERMITS)));
        own.insert(who.clone(), Arc::downgrade(&line));
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn user(name: &str) -> Principal {
        Principal::User(name.into())
    }

    #[test]
    fn one_principal_takes_no_more_than_its_share() {
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
