//! What is watched, and which commit has changed it: for views that are live.
//!
//! Nobody says that something has changed: a commit shows it, by the keys that it writes and the logs that it appends to. Engines say where
//! what belongs to a kind is kept ([`crate::Engine::sites`]); so timers, consumers and calls between engines are told as calls of people
//! are, and what was taken back is not. While nobody watches, a commit costs one look at a number. Else it costs one search among its keys for
//! each topic that it might be the first to change since viewers were told last.

mod sites;
mod view;

pub use view::View;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use store::Batch;

/// Where something is kept that can be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Site {
    /// Under all keys that begin so.
    Keys(Vec<u8>),
    /// In this log.
    Log(String),
    /// In all logs whose names begin so.
    Logs(String),
}

impl Site {
    /// Returns whether a commit changes something there. Keys and logs of a commit stand in order.
    fn is_in(&self, batch: &Batch) -> bool {
        match self {
            Self::Keys(prefix) => {
                let at = batch.writes.partition_point(|(key, _)| key < prefix);
                batch.writes.get(at).is_some_and(|(key, _)| key.starts_with(prefix))
            }
            Self::Log(name) => self.log_from(batch, name).is_some_and(|log| log == name),
            Self::Logs(prefix) => {
                self.log_from(batch, prefix).is_some_and(|log| log.starts_with(prefix.as_str()))
            }
        }
    }

    /// Returns the first log of a commit that does not stand before a name.
    fn log_from<'b>(&self, batch: &'b Batch, name: &str) -> Option<&'b str> {
        let at = batch.chunks.partition_point(|chunk| chunk.log.as_str() < name);
        batch.chunks.get(at).map(|chunk| chunk.log.as_str())
    }
}

/// Something that is watched, by one viewer or by many.
#[derive(Debug)]
pub(crate) struct Topic {
    sites: Vec<Site>,
    /// The commit that changed it, the first one since viewers were told last at least; 0 for none.
    changed: AtomicU64,
}

impl Topic {
    /// Returns whether it was changed after a commit.
    fn is_newer(&self, commit: u64) -> bool {
        commit < self.changed.load(Ordering::SeqCst)
    }
}

/// Hears that there is news for viewers. Must return at once.
pub type Listener = Arc<dyn Fn() + Send + Sync>;

/// All that is watched.
#[derive(Default)]
pub struct Live {
    /// How many topics there are: known without the lock.
    count: AtomicUsize,
    held: Mutex<Held>,
    listeners: RwLock<Vec<Listener>>,
}

#[derive(Default)]
struct Held {
    /// The last commit that was looked through.
    commit: u64,
    /// Up to which commit viewers were told.
    told: u64,
    topics: HashMap<String, Arc<Topic>>,
    /// How many of them are of one name.
    named: usize,
}

impl Live {
    /// Has somebody told when there is news: at the first change of a topic since [`Live::tell`], and when rights have changed.
    pub fn listen(&self, listener: Listener) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// Begins to tell viewers; returns up to which commit they are told. Topics that change from then on are told anew.
    pub fn tell(&self) -> u64 {
        let mut held = self.lock();
        held.told = held.commit;
        held.told
    }

    /// Returns how many topics are watched.
    pub fn topics(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Looks through a commit that was made.
    pub(crate) fn committed(&self, commit: u64, batch: &Batch, has_rights: bool) {
        if self.topics() == 0 {
            return;
        }
        let mut held = self.lock();
        let told = held.told;
        let mut is_news = has_rights;
        for topic in held.topics.values().filter(|topic| !topic.is_newer(told)) {
            if topic.sites.iter().any(|site| site.is_in(batch)) {
                topic.changed.store(commit, Ordering::SeqCst);
                is_news = true;
            }
        }
        held.commit = commit;
        drop(held);
        if is_news {
            let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
            listeners.iter().for_each(|listener| listener());
        }
    }

    /// Returns a topic, which is watched from now on. `None` where it is one of a name and there are as many as there may be. Commits
    /// after `commit` are looked through for it.
    fn watch(&self, wanted: Wanted<'_>, commit: impl FnOnce() -> u64) -> Option<Arc<Topic>> {
        let mut held = self.lock();
        if let Some(topic) = held.topics.get(wanted.text) {
            return Some(Arc::clone(topic));
        }
        let is_named = wanted.is_named();
        if is_named && wanted.named_max <= held.named {
            return None;
        }
        let topic = Arc::new(Topic { sites: wanted.sites, changed: AtomicU64::new(0) });
        held.named += usize::from(is_named);
        held.topics.insert(wanted.text.to_owned(), Arc::clone(&topic));
        self.count.fetch_add(1, Ordering::SeqCst);
        held.commit = held.commit.max(commit());
        Some(topic)
    }

    /// Ends the watch of one viewer over a topic.
    fn leave(&self, text: &str, topic: Arc<Topic>) {
        let mut held = self.lock();
        let is_same = held.topics.get(text).is_some_and(|held| Arc::ptr_eq(held, &topic));
        // This one, and the one in the list.
        if is_same && Arc::strong_count(&topic) <= 2 {
            held.topics.remove(text);
            held.named -= usize::from(text.contains('/'));
            self.count.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A topic that somebody wants to watch.
struct Wanted<'a> {
    /// `kind`, or `kind/name`.
    text: &'a str,
    sites: Vec<Site>,
    /// How many topics of one name there may be.
    named_max: usize,
}

impl Wanted<'_> {
    fn is_named(&self) -> bool {
        self.text.contains('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::Chunk;

    fn batch(keys: &[&str], logs: &[&str]) -> Batch {
        let chunk = |log: &&str| Chunk {
            log: (*log).to_owned(),
            offset: 0,
            count: 1,
            format: 1,
            bytes: Vec::new(),
        };
        Batch {
            writes: keys.iter().map(|key| (key.as_bytes().to_vec(), None)).collect(),
            chunks: logs.iter().map(chunk).collect(),
            ..Batch::default()
        }
    }

    #[test]
    fn a_site_is_found_by_the_beginning_of_a_key_or_the_name_of_a_log() {
        let batch = batch(&["a1", "b", "ba", "d"], &["stream/a", "stream/orders", "system/x"]);
        let keys = |prefix: &str| Site::Keys(prefix.into()).is_in(&batch);
        assert_eq!(
            ["a", "a1", "a2", "b", "bb", "c", "d", "e"].map(keys),
            [true, true, false, true, false, false, true, false]
        );
        let log = |name: &str| Site::Log(name.into()).is_in(&batch);
        assert_eq!(
            ["stream/orders", "stream/order", "stream", "z"].map(log),
            [true, false, false, false]
        );
        let logs = |prefix: &str| Site::Logs(prefix.into()).is_in(&batch);
        assert_eq!(["stream/", "set_aside/", "system/"].map(logs), [true, false, true]);
    }

    fn watch(live: &Live, text: &str, prefix: &str) -> Option<Arc<Topic>> {
        let sites = vec![Site::Keys(prefix.into())];
        live.watch(Wanted { text, sites, named_max: 1 }, || 0)
    }

    #[test]
    fn viewers_are_told_once_of_many_commits() {
        let live = Live::default();
        let count = Arc::new(AtomicUsize::new(0));
        let rung = Arc::clone(&count);
        live.listen(Arc::new(move || {
            rung.fetch_add(1, Ordering::SeqCst);
        }));
        live.committed(1, &batch(&["a"], &[]), false);
        assert_eq!(count.load(Ordering::SeqCst), 0, "nobody watches");
        let topic = watch(&live, "task", "a").expect("a topic");
        (2..10).for_each(|commit| live.committed(commit, &batch(&["a"], &[]), false));
        assert_eq!((count.load(Ordering::SeqCst), live.tell()), (1, 9));
        assert!(topic.is_newer(1));
        live.committed(10, &batch(&["b"], &[]), false);
        assert!(!topic.is_newer(9));
        live.committed(11, &batch(&["a"], &[]), false);
        assert!(topic.is_newer(9));
        assert_eq!((count.load(Ordering::SeqCst), live.tell()), (2, 11));
        live.committed(12, &batch(&["b"], &[]), true);
        assert_eq!(count.load(Ordering::SeqCst), 3, "rights have changed");
    }

    #[test]
    fn a_topic_is_there_for_as_long_as_somebody_watches() {
        let live = Live::default();
        let one = watch(&live, "task", "a").expect("a topic");
        let two = watch(&live, "task", "a").expect("the same");
        let named = watch(&live, "task/1", "a").expect("a name");
        assert!(watch(&live, "task/2", "a").is_none(), "there may be one name");
        assert_eq!(live.topics(), 2);
        live.leave("task", one);
        assert_eq!(live.topics(), 2);
        live.leave("task", two);
        live.leave("task/1", named);
        assert_eq!(live.topics(), 0);
        assert!(watch(&live, "task/2", "a").is_some());
    }
}
