//! Passwords: Argon2id, checked on the caller's thread, so many at the same time.
//!
//! What is kept is state beside the user and stands in no manifest: no `get`, diff, audit line or history shows it. Who has no
//! password, or is not there, is checked against a made-up one: the answer takes as long and looks the same.

use super::Error;
use super::throttle::Try;
use crate::{Config, Read, Tx, scram, space};
use argon2::{Algorithm, Argon2, Params, Version};
use base::{Entropy, Problem, Time};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest password in bytes.
const PASSWORD_BYTES_MAX: usize = 1_024;

/// The lengths of salt and hash in bytes.
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// What is kept of a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Password {
    salt: [u8; SALT_BYTES],
    hash: [u8; HASH_BYTES],
    /// Memory of the hash in KiB.
    memory_kib: u32,
    /// Passes of the hash over the memory.
    passes: u32,
    /// When it was set, wall time.
    pub set: Time,
}

impl Password {
    /// Makes what is kept of a new password.
    ///
    /// # Errors
    /// `sign_in.password` where it is too short or too long.
    pub(crate) fn new(
        text: &str,
        config: &Config,
        entropy: &dyn Entropy,
        set: Time,
    ) -> Result<Self, Problem> {
        let least = config.password_characters_min;
        let wrong = |reason: String| Problem::from(Error::Password { reason });
        if text.chars().count() < least {
            return Err(wrong(format!("it has fewer than {least} characters")));
        }
        if PASSWORD_BYTES_MAX < text.len() {
            return Err(wrong(format!("it has more than {PASSWORD_BYTES_MAX} bytes")));
        }
        if text.chars().any(char::is_control) {
            return Err(wrong("it has characters that no key types".into()));
        }
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt);
        let mut password = Self::blank(salt, config, set);
        password.hash = password.stretch(text)?;
        Ok(password)
    }

    /// Returns what a guess at a user without a password is held against: it costs as much and never fits.
    fn blank(salt: [u8; SALT_BYTES], config: &Config, set: Time) -> Self {
        let (memory_kib, passes) = (config.password_memory_kib, config.password_passes);
        Self { salt, hash: [0; HASH_BYTES], memory_kib, passes, set }
    }

    fn stretch(&self, text: &str) -> Result<[u8; HASH_BYTES], Problem> {
        let internal = |error: argon2::Error| crate::Error::Internal { detail: error.to_string() };
        let params = Params::new(self.memory_kib, self.passes, 1, Some(HASH_BYTES));
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.map_err(internal)?);
        let mut hash = [0; HASH_BYTES];
        argon2.hash_password_into(text.as_bytes(), &self.salt, &mut hash).map_err(internal)?;
        Ok(hash)
    }

    /// Returns whether this is what is kept of a text.
    fn is(&self, text: &str) -> Result<bool, Problem> {
        let is_same = scram::is_same(&self.stretch(text)?, &self.hash);
        // Nobody's password is all zeros: that is the mark of who has none.
        Ok(is_same && self.hash != [0; HASH_BYTES])
    }

    /// Returns whether the configuration wants a stronger hash than this one.
    pub(crate) fn is_weak(&self, config: &Config) -> bool {
        self.memory_kib < config.password_memory_kib || self.passes < config.password_passes
    }

    /// Returns what is kept of a user's password, where he has one.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn find(read: &dyn Read, user: &str) -> Result<Option<Self>, Problem> {
        let Some(bytes) = read.get(key(user).as_ref())? else { return Ok(None) };
        let read = serde_json::from_slice(&bytes);
        let wrong = |error: serde_json::Error| crate::Error::Internal {
            detail: format!("stored password: {error}"),
        };
        Ok(Some(read.map_err(wrong)?))
    }

    /// Keeps it as a user's password.
    ///
    /// # Errors
    /// `kernel.internal` where it cannot be written, which is a defect.
    pub(crate) fn keep(&self, tx: &mut Tx<'_>, user: &str) -> Result<(), Problem> {
        let wrong = |error: serde_json::Error| crate::Error::Internal { detail: error.to_string() };
        tx.put(key(user), serde_json::to_vec(self).map_err(wrong)?);
        Ok(())
    }
}

/// Checks a guess at what may be no password at all; takes as long either way.
///
/// # Errors
/// `kernel.internal` where the hash cannot be made, as with too little memory allowed for it.
pub(crate) fn fits(kept: Option<&Password>, guess: &str, config: &Config) -> Result<bool, Problem> {
    // A guess that is too long for a password is none; it is still as slow as any.
    let cut = if guess.len() <= PASSWORD_BYTES_MAX { guess } else { "" };
    match kept {
        Some(kept) => kept.is(cut),
        None => Password::blank([7; SALT_BYTES], config, Time(0)).is(cut),
    }
}

/// Forgets a user's password.
pub(crate) fn forget(tx: &mut Tx<'_>, user: &str) {
    tx.delete(key(user));
}

fn key(user: &str) -> base::Key {
    space::key(b'P').text("password").text(user)
}

/// Lets so many passwords be checked at the same time, and so many wait, of one user or one address fewer: each takes memory and a
/// processor.
#[derive(Default)]
pub(crate) struct Gate {
    crowd: Mutex<Crowd>,
    freed: Condvar,
}

/// Who stands at the gate.
#[derive(Default)]
struct Crowd {
    /// How many are being checked.
    running: usize,
    waiting: usize,
    /// How many wait of each user and each address.
    each: HashMap<String, usize>,
}

impl Crowd {
    fn leave(&mut self, names: &[String]) {
        self.waiting -= 1;
        for name in names {
            let left = self.each.get_mut(name).map_or(0, |count| {
                *count -= 1;
                *count
            });
            if left == 0 {
                self.each.remove(name);
            }
        }
    }
}

/// A place at the gate, given back when it is dropped.
pub(crate) struct Pass<'a>(&'a Gate);

impl Gate {
    /// Waits for a place, for a while.
    ///
    /// # Errors
    /// `sign_in.busy` where too many wait already, of this user, from this address or at all; where none is free in time.
    pub(crate) fn enter(&self, who: &Try, config: &Config) -> Result<Pass<'_>, Problem> {
        let most = config.passwords_at_once_max.max(1);
        let mut crowd = self.crowd();
        if crowd.running < most {
            crowd.running += 1;
            return Ok(Pass(self));
        }
        let (limit, each) = (config.passwords_waiting_max, config.passwords_waiting_each_max);
        if limit <= crowd.waiting {
            return Err(Error::Busy { limit }.into());
        }
        let names = who.names();
        if names.iter().any(|name| crowd.each.get(name).is_some_and(|count| each <= *count)) {
            return Err(Error::Busy { limit: each }.into());
        }
        crowd.waiting += 1;
        for name in &names {
            *crowd.each.entry(name.clone()).or_default() += 1;
        }
        let time = Duration::from_secs(config.password_wait_seconds_max);
        let waited = self.freed.wait_timeout_while(crowd, time, |crowd| most <= crowd.running);
        let (mut crowd, _) = waited.unwrap_or_else(PoisonError::into_inner);
        crowd.leave(&names);
        if most <= crowd.running {
            return Err(Error::Busy { limit }.into());
        }
        crowd.running += 1;
        Ok(Pass(self))
    }

    fn crowd(&self) -> MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.crowd().running -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SeededEntropy;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn config() -> Config {
        Config { password_memory_kib: 64, password_passes: 1, ..Config::default() }
    }

    fn made(text: &str) -> Result<Password, Problem> {
        Password::new(text, &config(), &SeededEntropy::new(1), Time(5))
    }

    #[test]
    fn a_password_fits_itself_and_nothing_else() {
        let kept = made("correct horse battery").expect("a password");
        let is =
            |kept: Option<&Password>, guess: &str| fits(kept, guess, &config()).expect("checked");
        assert!(is(Some(&kept), "correct horse battery"));
        for guess in ["correct horse batterY", "", "x", &"y".repeat(5_000)] {
            assert!(!is(Some(&kept), guess));
            assert!(!is(None, guess));
        }
    }

    #[test]
    fn a_bad_password_is_refused_with_its_reason() {
        let refused = |text: &str| made(text).expect_err("refused").message;
        assert!(refused("short").contains("fewer than 12 characters"));
        assert!(refused(&"x".repeat(1_025)).contains("more than 1024 bytes"));
        assert!(refused("with a \u{7} in the middle").contains("no key types"));
        assert!(made("pässwörter-sind-lang").is_ok());
    }

    #[test]
    fn a_hash_of_weaker_settings_is_known_as_such() {
        let kept = made("correct horse battery").expect("a password");
        assert!(!kept.is_weak(&config()));
        assert!(kept.is_weak(&Config::default()));
        let stored = serde_json::to_vec(&kept).expect("JSON");
        assert!(!String::from_utf8_lossy(&stored).contains("horse"));
        assert_eq!(serde_json::from_slice::<Password>(&stored).expect("reads"), kept);
    }

    #[test]
    fn so_many_are_checked_at_the_same_time_and_no_more() {
        let config = Config { passwords_at_once_max: 2, passwords_waiting_max: 100, ..config() };
        let (gate, inside, most) = (
            Arc::new(Gate::default()),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
        );
        let threads: Vec<_> = (0..16)
            .map(|_| {
                let (gate, inside, most) =
                    (Arc::clone(&gate), Arc::clone(&inside), Arc::clone(&most));
                let config = config.clone();
                std::thread::spawn(move || {
                    for _ in 0..50 {
                        let pass = gate.enter(&nobody(), &config).expect("a place");
                        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(pass);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
        let full = Config { passwords_at_once_max: 1, passwords_waiting_max: 0, ..config };
        let _held = gate.enter(&nobody(), &full).expect("a place");
        assert_eq!(gate.enter(&nobody(), &full).err().expect("refused").code, "sign_in.busy");
    }

    fn nobody() -> Try {
        Try::new(None, None)
    }

    #[test]
    fn one_user_and_one_address_leave_room_for_others_to_wait() {
        let config = Config { passwords_at_once_max: 1, passwords_waiting_each_max: 1, ..config() };
        let gate = Arc::new(Gate::default());
        let held = gate.enter(&nobody(), &config).expect("a place");
        let ana = |source: &str| Try::new(Some("ana"), source.parse().ok());
        let wait = |who: Try| {
            let (gate, config) = (Arc::clone(&gate), config.clone());
            std::thread::spawn(move || gate.enter(&who, &config).map(drop))
        };
        let until = |count: usize| {
            while gate.crowd().waiting < count {
                std::thread::yield_now();
            }
        };
        let first = wait(ana("192.0.2.1"));
        until(1);
        let refused = |who: Try| gate.enter(&who, &config).err().expect("refused").message;
        assert!(refused(ana("192.0.2.2")).starts_with("1 sign-ins"), "the same user");
        let other = Try::new(Some("bob"), "192.0.2.1".parse().ok());
        assert!(refused(other).starts_with("1 sign-ins"), "the same address");
        let second = wait(Try::new(Some("bob"), "192.0.2.2".parse().ok()));
        until(2);
        drop(held);
        for waiting in [first, second] {
            waiting.join().expect("it ends").expect("a place");
        }
        assert!(gate.crowd().each.is_empty());
    }

    #[test]
    fn nobody_waits_for_ever() {
        let config = Config { passwords_at_once_max: 1, password_wait_seconds_max: 0, ..config() };
        let gate = Gate::default();
        let held = gate.enter(&nobody(), &config).expect("a place");
        assert_eq!(gate.enter(&nobody(), &config).err().expect("refused").code, "sign_in.busy");
        assert_eq!(gate.crowd().waiting, 0);
        drop(held);
        assert!(gate.enter(&nobody(), &config).is_ok());
    }
}
