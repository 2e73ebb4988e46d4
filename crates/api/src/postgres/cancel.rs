//! Which sessions there are, so that a client can end what another connection of it runs.

use kernel::Ending;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a session is called by whoever wants to end what it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub number: i32,
    pub secret: [u8; 4],
}

type Running = HashMap<Name, Option<Ending>>;

/// The sessions of a door, with what runs for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<Running>>);

/// A session's place; it is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    pub name: Name,
    sessions: Sessions,
}

impl Drop for Place {
    fn drop(&mut self) {
        // What still runs for a session that is gone runs for nobody.
        let ending = self.sessions.lock().remove(&self.name).flatten();
        if let Some(ending) = ending {
            ending.end();
        }
    }
}

impl Sessions {
    /// Gives a session a name that no other has; `random` gives random numbers.
    pub(crate) fn enter(&self, random: impl Fn() -> u64) -> Place {
        let mut running = self.lock();
        loop {
            let bytes = random().to_be_bytes();
            let [a, b, c, d, secret @ ..] = bytes;
            // Clients take the number for a positive one.
            let number = i32::from_be_bytes([a & 0x7f, b, c, d]);
            let is_new = number != 0 && !running.keys().any(|name| name.number == number);
            if is_new {
                let name = Name { number, secret };
                running.insert(name, None);
                return Place { name, sessions: self.clone() };
            }
        }
    }

    /// Ends what a session runs. Who does not know its secret ends nothing.
    pub(crate) fn cancel(&self, name: Name) {
        let found = self.lock().get(&name).cloned().flatten();
        if let Some(ending) = found {
            ending.end();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Notes what runs now.
    pub(crate) fn run(&self, ending: Option<Ending>) {
        self.sessions.lock().insert(self.name, ending);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn only_who_knows_the_secret_ends_what_a_session_runs() {
        let numbers = AtomicU64::new(0x0000_0001_aabb_ccdd);
        let sessions = Sessions::default();
        let place = sessions.enter(|| numbers.fetch_add(1 << 32, Ordering::SeqCst));
        assert_eq!(place.name, Name { number: 1, secret: [0xaa, 0xbb, 0xcc, 0xdd] });
        let ending = Ending::default();
        place.run(Some(ending.clone()));
        sessions.cancel(Name { number: 1, secret: [0; 4] });
        assert!(!ending.is_ended());
        let name = place.name;
        sessions.cancel(name);
        assert!(ending.is_ended());
        drop(place);
        sessions.cancel(name);
    }
}
