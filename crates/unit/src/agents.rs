//! Agents that are kept with their connections, for who asks the same servers again and again: one for each certificate that a server is
//! believed by, with TLS and without, here and elsewhere. There is room for some; what was used longest ago makes way.

use crate::agent::{Reach, Trust, agent, is_here};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Agents that are kept. Who talks to more servers at the same time connects to some of them anew.
const AGENTS_MAX: usize = 100;
/// How long a server may take to take a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Agents with the same limits of time.
pub(crate) struct Agents {
    answer: Duration,
    is_public: bool,
    held: Mutex<Held>,
}

/// What agents are told apart by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    /// The digest of the certificate that the server is believed by.
    certificate: Option<[u8; 32]>,
    is_safe: bool,
    is_here: bool,
}

#[derive(Default)]
struct Held {
    agents: HashMap<Key, Kept>,
    /// How often an agent was asked for.
    count: u64,
}

struct Kept {
    agent: ureq::Agent,
    /// The count at which it was asked for last.
    used: u64,
}

impl Agents {
    /// Returns room for agents. A server may take so long for an answer as a whole.
    pub(crate) fn new(answer: Duration) -> Self {
        Self { answer, is_public: false, held: Mutex::default() }
    }

    /// Returns room for agents whose servers are in the public internet, wherever their names lead to.
    pub(crate) fn public(answer: Duration) -> Self {
        Self { is_public: true, ..Self::new(answer) }
    }

    /// Returns the agent for an address. Its server is believed by a certificate, or where there is none by what the system trusts.
    ///
    /// # Errors
    /// As [`agent`].
    pub(crate) fn find(&self, url: &str, certificate: Option<&str>) -> Result<ureq::Agent, String> {
        let reach = Reach {
            trust: certificate.map_or(Trust::System, Trust::Only),
            connect: Some(CONNECT),
            whole: Some(self.answer),
            is_public: self.is_public,
            ..Reach::to(url)
        };
        let certificate = certificate.map(|pem| base::sha256(pem.as_bytes()));
        let key = Key { certificate, is_safe: reach.is_safe(), is_here: is_here(url) };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.count += 1;
        let used = held.count;
        if let Some(kept) = held.agents.get_mut(&key) {
            kept.used = used;
            return Ok(kept.agent.clone());
        }
        let made = agent(&reach)?;
        held.make_room();
        held.agents.insert(key, Kept { agent: made.clone(), used });
        Ok(made)
    }
}

impl Held {
    /// Drops the agent that was used longest ago where there is no room for another. Who is using it keeps it until he has his answer.
    fn make_room(&mut self) {
        if self.agents.len() < AGENTS_MAX {
            return;
        }
        let oldest = self.agents.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| *key);
        if let Some(oldest) = oldest {
            self.agents.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_kept_and_the_one_that_was_used_longest_ago_makes_way() {
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).expect("a certificate");
        // The same certificate in different texts, as of many peers.
        let pem = |number: usize| format!("{}{}", made.cert.pem(), "\n".repeat(number));
        let agents = Agents::new(Duration::from_secs(1));
        let find = |number: usize| {
            agents.find("https://127.0.0.1:1/", Some(&pem(number))).expect("an agent");
        };
        let count = || agents.held.lock().expect("a lock").agents.len();
        let is_kept = |number: usize| {
            let digest = Some(base::sha256(pem(number).as_bytes()));
            agents.held.lock().expect("a lock").agents.keys().any(|key| key.certificate == digest)
        };
        for number in 0..AGENTS_MAX {
            find(number);
        }
        find(0);
        assert_eq!(count(), AGENTS_MAX);
        find(AGENTS_MAX);
        assert_eq!(count(), AGENTS_MAX);
        assert!(is_kept(0) && !is_kept(1) && is_kept(2) && is_kept(AGENTS_MAX));
    }

    #[test]
    fn with_tls_and_without_here_and_elsewhere_are_different_ways() {
        let agents = Agents::new(Duration::from_secs(1));
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).expect("a certificate");
        let pem = made.cert.pem();
        for url in ["https://127.0.0.1:1/", "http://127.0.0.1:1/", "https://data.example/"] {
            agents.find(url, Some(&pem)).expect("an agent");
        }
        agents.find("http://127.0.0.1:2/", None).expect("an agent");
        assert_eq!(agents.held.lock().expect("a lock").agents.len(), 4);
        let safe = agents.find("https://127.0.0.1:2/", Some(&pem)).expect("an agent");
        assert!(safe.config().https_only(), "what has no TLS is no way for it");
        assert_eq!(agents.held.lock().expect("a lock").agents.len(), 4);
    }
}
