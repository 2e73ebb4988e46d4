//! Brings committed messages to those who hear them, in the order of commits, off the partition's thread.

use super::audience::Routed;
use super::shared::Shared;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, watch};

/// Above so many messages whoever commits brings them himself: the inbox cannot grow without end.
const BACKLOG_MAX: usize = 1_000_000;

/// So many times messages are offered in one go, about: whoever runs the router has other things to do too.
const OFFERS_MAX: usize = 4_096;

/// The way of messages from commits to seats. Where nobody runs it, each commit does it itself.
pub struct Router {
    inbox: Mutex<VecDeque<Vec<Routed>>>,
    backlog: AtomicUsize,
    is_running: AtomicBool,
    /// One at a time, so that the order of commits is kept.
    routing: Mutex<()>,
    news: Notify,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "router of {} messages", self.backlog())
    }
}

impl Router {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            inbox: Mutex::default(),
            backlog: AtomicUsize::new(0),
            is_running: AtomicBool::new(false),
            routing: Mutex::default(),
            news: Notify::new(),
            shared,
        }
    }

    /// Brings messages to their hearers until it is stopped.
    pub async fn run(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        self.is_running.store(true, Ordering::SeqCst);
        while !*stopped.borrow() {
            if self.route_some() {
                // Others have their turn between commits.
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                () = self.news.notified() => {}
                changed = stopped.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
            }
        }
        self.is_running.store(false, Ordering::SeqCst);
        self.route();
    }

    /// Returns how many messages wait here.
    pub fn backlog(&self) -> usize {
        self.backlog.load(Ordering::SeqCst)
    }

    /// Brings all that waits here to its hearers.
    pub(crate) fn route(&self) {
        while self.route_some() {}
    }

    /// Takes what was committed.
    pub(crate) fn push(&self, routed: Vec<Routed>) {
        if routed.is_empty() {
            return;
        }
        let count = routed.len();
        let before = self.backlog.fetch_add(count, Ordering::SeqCst);
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).push_back(routed);
        if self.is_running.load(Ordering::SeqCst) && before + count < BACKLOG_MAX {
            self.news.notify_one();
        } else {
            self.route();
        }
    }

    /// Brings what one commit has left, of much a part. Returns false where nothing waits.
    fn route_some(&self) -> bool {
        let _alone = self.routing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(batch) = self.next() else { return false };
        batch.iter().for_each(Routed::offer);
        if let Some(last) = batch.iter().rev().find_map(|routed| routed.offset) {
            self.shared.routed.fetch_max(last + 1, Ordering::SeqCst);
        }
        self.backlog.fetch_sub(batch.len(), Ordering::SeqCst);
        true
    }

    fn next(&self) -> Option<Vec<Routed>> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = inbox.pop_front()?;
        let mut offers = 0;
        let rest = batch.iter().position(|routed| {
            let is_enough = OFFERS_MAX <= offers;
            offers += routed.hearers();
            is_enough
        });
        if let Some(rest) = rest {
            inbox.push_front(batch.split_off(rest));
        }
        Some(batch)
    }
}
