//! What the unit does by itself, in the background: each piece of work is entered here by whoever does it, so that people see it,
//! and can have it pause.

use base::Time;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is known of one piece of work.
#[derive(Debug, Default)]
struct State {
    doing: Mutex<String>,
    is_paused: AtomicBool,
    rounds: AtomicU64,
    cpu_ms: AtomicU64,
}

/// A piece of work as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub name: String,
    pub summary: String,
    pub since: Time,
    pub is_paused: bool,
    pub rounds: u64,
    pub cpu_ms: u64,
}

type Table = BTreeMap<String, (String, Time, Arc<State>)>;

/// The pieces of work that are done now.
#[derive(Debug, Default)]
pub struct Works {
    table: Mutex<Table>,
}

/// A piece of work, held by who does it. It leaves the list when this is dropped.
#[derive(Debug)]
pub struct Work {
    works: Arc<Works>,
    name: String,
    state: Arc<State>,
}

impl Works {
    /// Enters a piece of work; the name is its own.
    pub fn enter(self: &Arc<Self>, name: &str, summary: &str, since: Time) -> Work {
        let state = Arc::new(State::default());
        let entry = (summary.to_owned(), since, Arc::clone(&state));
        self.table().insert(name.to_owned(), entry);
        Work { works: Arc::clone(self), name: name.to_owned(), state }
    }

    /// Has a piece of work pause, or go on. Returns false where there is none of that name.
    pub(crate) fn pause(&self, name: &str, is_paused: bool) -> bool {
        let table = self.table();
        let found = table.get(name);
        if let Some((_, _, state)) = found {
            state.is_paused.store(is_paused, Ordering::SeqCst);
        }
        found.is_some()
    }

    pub(crate) fn list(&self) -> Vec<Shown> {
        let shown = |(name, (summary, since, state)): (&String, &(String, Time, Arc<State>))| {
            let doing = state.doing.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Shown {
                name: name.clone(),
                summary: if doing.is_empty() { summary.clone() } else { doing },
                since: *since,
                is_paused: state.is_paused.load(Ordering::SeqCst),
                rounds: state.rounds.load(Ordering::Relaxed),
                cpu_ms: state.cpu_ms.load(Ordering::Relaxed),
            }
        };
        self.table().iter().map(shown).collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.table().contains_key(name)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    /// Returns whether it is to pause: whoever does it looks before each round.
    pub fn is_paused(&self) -> bool {
        self.state.is_paused.load(Ordering::SeqCst)
    }

    /// Says what is being done now; what was said when it was entered where empty.
    pub fn doing(&self, what: &str) {
        what.clone_into(&mut self.state.doing.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Counts a round, and says how much processor time all of them took.
    pub fn worked(&self, cpu_ms: u64) {
        self.state.rounds.fetch_add(1, Ordering::Relaxed);
        self.state.cpu_ms.store(cpu_ms, Ordering::Relaxed);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut table = self.works.table();
        // Another of the same name may have come since.
        if table.get(&self.name).is_some_and(|(_, _, state)| Arc::ptr_eq(state, &self.state)) {
            table.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_listed_while_it_is_done_and_can_pause() {
        let works = Arc::new(Works::default());
        let work = works.enter("tables", "looks after the tables", Time(5));
        work.doing("seals orders");
        work.worked(12);
        let shown = works.list();
        assert_eq!((shown.len(), shown[0].summary.as_str()), (1, "seals orders"));
        assert_eq!((shown[0].rounds, shown[0].cpu_ms), (1, 12));
        assert!(works.pause("tables", true) && work.is_paused());
        assert!(works.pause("tables", false) && !work.is_paused());
        assert!(!works.pause("nothing", true));
        let again = works.enter("tables", "once more", Time(6));
        drop(work);
        assert!(works.has("tables"), "the newer one stays");
        drop(again);
        assert!(works.list().is_empty());
    }
}
