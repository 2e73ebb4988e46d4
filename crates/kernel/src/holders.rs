//! Who holds which token: what was recognised is remembered until the next change of any right, and sessions are noted as used.

use crate::kernel::{Identity, Stamp};
use crate::sign_in::Known;
use crate::{Token, Tx};
use base::{Problem, Time};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tokens that are remembered as they were recognised.
const TOKENS_MAX: usize = 10_000;

/// How often the use of a session is written down, in milliseconds.
const NOTED_MS: i64 = 60_000;

/// Uses that are written down in one turn.
const NOTES_MAX: usize = 1_000;

/// The hash of a credential.
type Hash = [u8; 32];

/// A token as it was recognised.
struct Held {
    /// The number of changes of rights before it was read.
    rights: u64,
    token: Token,
    /// When it was last used, wall time.
    seen: Time,
    /// When its use was last noted, wall time.
    noted: Time,
    /// Who its user was by the word of a provider, where it is one of a provider and not in the store.
    known: Option<Arc<Known>>,
}

impl Held {
    fn use_now(&mut self, hash: &Hash, wall: Time) -> Result<Identity, Problem> {
        self.token.check(self.seen, wall)?;
        self.seen = self.seen.max(wall);
        let (until, known) = (self.token.until(), self.known.clone());
        Ok(self.token.identity(Stamp { hash: *hash, rights: self.rights, until, known }))
    }

    /// Returns whether its use is to be noted now.
    fn is_due(&mut self) -> bool {
        let is_due = self.token.session.is_some() && NOTED_MS <= self.seen.0 - self.noted.0;
        if is_due {
            self.noted = self.seen;
        }
        is_due
    }
}

/// Tokens that were recognised, and uses of sessions that wait to be written down.
#[derive(Default)]
pub(crate) struct Holders {
    held: Mutex<HashMap<Hash, Held>>,
    notes: Mutex<HashMap<Hash, Time>>,
}

impl Holders {
    /// Returns who holds the token with a hash, where that is remembered and still true.
    pub(crate) fn find(&self, hash: &Hash, rights: u64, wall: Time) -> Option<Identity> {
        let mut all = self.lock();
        let held = all.get_mut(hash).filter(|held| held.rights == rights)?;
        let identity = held.use_now(hash, wall).ok()?;
        let is_due = held.is_due();
        drop(all);
        if is_due {
            self.note(hash, wall);
        }
        Some(identity)
    }

    /// Remembers a token as it was read, and says who holds it.
    ///
    /// # Errors
    /// `token.invalid` where it has expired or its session was idle for too long.
    pub(crate) fn keep(
        &self,
        hash: &Hash,
        rights: u64,
        token: Token,
        known: Option<Arc<Known>>,
        wall: Time,
    ) -> Result<Identity, Problem> {
        let mut all = self.lock();
        if TOKENS_MAX < all.len() {
            all.clear();
        }
        // What was noted of an earlier use may not be in the store yet.
        let stored = token.session.as_ref().map_or(token.created, |session| session.seen);
        let before = all.get(hash).map_or((stored, stored), |held| (held.seen, held.noted));
        let (seen, noted) = (before.0.max(stored), before.1);
        let mut held = Held { rights, token, seen, noted, known };
        let identity = held.use_now(hash, wall)?;
        let is_due = held.is_due();
        all.insert(*hash, held);
        drop(all);
        if is_due {
            self.note(hash, wall);
        }
        Ok(identity)
    }

    /// Returns when a token was last used, as far as that is remembered.
    pub(crate) fn seen(&self, hash: &Hash) -> Option<Time> {
        self.lock().get(hash).map(|held| held.seen)
    }

    fn note(&self, hash: &Hash, wall: Time) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < TOKENS_MAX {
            notes.insert(*hash, wall);
        }
    }

    /// Writes down when sessions were last used. A commit that fails loses a minute of it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn flush(&self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.is_empty() {
            return Ok(());
        }
        let taken: Vec<(Hash, Time)> =
            notes.iter().take(NOTES_MAX).map(|(hash, seen)| (*hash, *seen)).collect();
        for (hash, _) in &taken {
            notes.remove(hash);
        }
        drop(notes);
        for (hash, seen) in taken {
            let Some(mut token) = Token::stored(tx, &hash)? else { continue };
            let Some(session) = token.session.as_mut().filter(|session| session.seen < seen) else {
                continue;
            };
            session.seen = seen;
            token.put(tx, &hash)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Session;

    fn session(idle_ms: i64) -> Token {
        let session = Session { by: "password".into(), source: None, idle_ms, seen: Time(0) };
        Token {
            id: "t".into(),
            user: "ana".into(),
            summary: String::new(),
            scope: Vec::new(),
            expires: Some(Time(10_000_000)),
            created: Time(0),
            session: Some(session),
            is_device: false,
        }
    }

    #[test]
    fn a_session_lives_as_long_as_it_is_used() {
        let (holders, hash) = (Holders::default(), [1; 32]);
        holders.keep(&hash, 0, session(100_000), None, Time(50_000)).expect("alive");
        for wall in [140_000, 230_000, 320_000] {
            assert!(holders.find(&hash, 0, Time(wall)).is_some(), "{wall}");
        }
        assert!(holders.find(&hash, 0, Time(420_001)).is_none(), "idle");
        // Read again with what the store knows, which may be older than what is remembered.
        assert!(holders.find(&hash, 1, Time(400_000)).is_none(), "rights have changed");
        holders.keep(&hash, 1, session(100_000), None, Time(400_000)).expect("still alive");
        holders.keep(&hash, 1, session(100_000), None, Time(600_000)).expect_err("idle");
    }

    #[test]
    fn uses_are_noted_once_a_minute() {
        let (holders, hash) = (Holders::default(), [1; 32]);
        let noted = || holders.notes.lock().expect("a lock").remove(&hash);
        holders.keep(&hash, 0, session(1_000_000), None, Time(10_000)).expect("alive");
        assert_eq!(noted(), None);
        holders.find(&hash, 0, Time(59_999)).expect("alive");
        assert_eq!(noted(), None);
        holders.find(&hash, 0, Time(61_000)).expect("alive");
        assert_eq!(noted(), Some(Time(61_000)));
        holders.find(&hash, 0, Time(62_000)).expect("alive");
        assert_eq!(noted(), None);
    }
}
