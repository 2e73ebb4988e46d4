//! Tells browsers of tasks by Web Push: reads what has come, has it written down who is to be told, sends what is due, and has it written
//! down what became of it. What was on its way when the process ended is sent once more; nothing else is, and nothing is left out.
//!
//! One thread decides, and each push service that something is due for has a thread of its own while it is sent to: one that is slow
//! holds up nobody but itself.

mod courier;
mod feed;

use crate::Config;
use crate::assembly::{report, thread};
use crate::bell::Bell;
use crate::host::thread_cpu_ms;
use base::{Problem, Time};
use courier::{Courier, Https, Parcel, Post, Shared};
use desk::Desk;
use desk::push::{
    self, Ended, Later, Notice, Outcome, PART, Pair, Record, cursor, due, has_subscriptions,
    next_due, record_call, service_of, subscription,
};
use kernel::{Call, Handle, Principal, Reader, Reply, ResourceRef, Work};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) use feed::{Feed, Tasks};

/// News that are read at once.
const NEWS_MAX: usize = 200;
/// Notices that one courier takes at most: then it is seen again who has waited longest.
const PARCELS_MAX: usize = 50;
/// How long nothing is looked at where nothing comes.
const IDLE: Duration = Duration::from_secs(60);
/// How long a thread that pauses, or a unit that is closed, waits to look again.
const PAUSED: Duration = Duration::from_millis(500);
/// How long news are waited for that come with the first.
const GATHER: Duration = Duration::from_millis(100);
/// How long what failed waits.
const AGAIN: Duration = Duration::from_secs(5);
/// How long messages that are under way at the end are waited for.
const LEAVE: Duration = Duration::from_secs(2);
/// How often subscriptions are looked through for those that nobody renews, in milliseconds.
const TIDY_MS: i64 = 3_600_000;

/// The topics of commits that whoever sends has to look at.
pub(crate) const TOPICS: [&str; 2] = [feed::TOPIC, push::TOPIC];

/// What sends.
pub(crate) struct Sender {
    handle: Handle,
    desk: Arc<Desk>,
    feed: Arc<dyn Feed>,
    post: Arc<dyn Post>,
    bell: Arc<Bell>,
    is_stopping: Arc<AtomicBool>,
    contact: String,
    services_max: usize,
    shared: Arc<Shared>,
    /// The push services that something is being sent to.
    busy: BTreeSet<String>,
    /// What is still to be written down.
    unwritten: Record,
    /// Services whose couriers have come back: free once what they did is written down.
    back: Vec<String>,
    /// When subscriptions were last looked through, wall time.
    tidied: Option<Time>,
}

impl Sender {
    /// Returns what sends for a unit.
    pub(crate) fn new(
        config: &Config,
        handle: &Handle,
        desk: &Arc<Desk>,
        bell: &Arc<Bell>,
        is_stopping: &Arc<AtomicBool>,
    ) -> Self {
        let answer = Duration::from_millis(config.desk.push_answer_ms_max);
        Self::over(
            config,
            handle,
            desk,
            bell,
            is_stopping,
            (Arc::new(Tasks), Arc::new(Https::new(desk, answer))),
        )
    }

    fn over(
        config: &Config,
        handle: &Handle,
        desk: &Arc<Desk>,
        bell: &Arc<Bell>,
        is_stopping: &Arc<AtomicBool>,
        (feed, post): (Arc<dyn Feed>, Arc<dyn Post>),
    ) -> Self {
        Self {
            handle: handle.clone(),
            desk: Arc::clone(desk),
            feed,
            post,
            bell: Arc::clone(bell),
            is_stopping: Arc::clone(is_stopping),
            contact: config.desk.push_contact.clone().unwrap_or_else(|| config.url()),
            services_max: config.desk.push_services_max.max(1),
            shared: Arc::default(),
            busy: BTreeSet::new(),
            unwritten: Record::default(),
            back: Vec::new(),
            tidied: None,
        }
    }

    /// Sends until the unit stops.
    pub(crate) fn run(mut self, work: &Work) {
        while !self.is_stopping.load(Ordering::SeqCst) {
            let seen = self.bell.count();
            let pause = if work.is_paused() || self.handle.kernel().is_closed() {
                PAUSED
            } else {
                self.round(work).unwrap_or_else(|problem| {
                    report(&problem);
                    AGAIN
                })
            };
            self.bell.wait(seen, pause);
            if !self.is_stopping.load(Ordering::SeqCst) {
                // Much comes at once: what follows goes into the same commit. No count is beyond the last.
                self.bell.wait(u64::MAX, GATHER);
            }
        }
        self.leave();
    }

    /// Writes down what was done, reads what has come, and has sent what is due. Returns how long there is nothing to do.
    fn round(&mut self, work: &Work) -> Result<Duration, Problem> {
        self.gather();
        let reader = self.reader()?;
        if self.unwritten.is_empty() && !has_subscriptions(&reader)? {
            return Ok(IDLE);
        }
        let is_more = self.read_news(&reader)?;
        self.tidy(&reader)?;
        drop(reader);
        self.write()?;
        let reader = self.reader()?;
        let has_begun = self.send(&reader)?;
        if has_begun || is_more {
            work.worked(thread_cpu_ms());
        }
        if is_more || !self.unwritten.is_empty() {
            return Ok(Duration::ZERO);
        }
        // What is due now waits for a courier, who rings when he comes back.
        let wall = self.handle.kernel().clock().wall();
        let until = next_due(&reader, wall)?.map(|at| at.0.saturating_sub(wall.0));
        let until = until.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        Ok(until.map_or(IDLE, |until| until.min(IDLE)))
    }

    fn reader(&self) -> Result<Reader, Problem> {
        Reader::new(self.handle.kernel(), Principal::Unit(PART.into()))
    }

    /// Takes what couriers have done.
    fn gather(&mut self) {
        let (done, back) = self.shared.take();
        self.back.extend(back);
        self.unwritten.ended.extend(done.ended);
        self.unwritten.later.extend(done.later);
        self.unwritten.gone.extend(done.gone);
    }

    /// Reads what has come since, and works out who is told. Returns whether there may be more.
    fn read_news(&mut self, reader: &Reader) -> Result<bool, Problem> {
        let before = cursor(reader)?;
        let Some(after) = before else {
            // Whoever begins is told of what comes from now on.
            self.unwritten.cursor = Some(self.feed.last(reader)?);
            return Ok(false);
        };
        let news = self.feed.since(reader, after, NEWS_MAX)?;
        if let Some(last) = news.last() {
            self.unwritten.after = before;
            self.unwritten.cursor = Some(last.number);
            self.unwritten.tell = self.desk.notices(reader, &news)?;
        }
        Ok(news.len() == NEWS_MAX)
    }

    /// Looks through the subscriptions, now and then, for those that nobody renews.
    fn tidy(&mut self, reader: &Reader) -> Result<(), Problem> {
        let wall = self.handle.kernel().clock().wall();
        if self.tidied.is_none_or(|tidied| TIDY_MS <= wall.0 - tidied.0) {
            self.unwritten.gone.extend(self.desk.left(reader)?);
            self.tidied = Some(wall);
        }
        Ok(())
    }

    /// Has written down what was done. Where that fails it is kept; what was read is read again.
    fn write(&mut self) -> Result<(), Problem> {
        if !self.unwritten.is_empty() {
            let written = self.handle.call(record_call(&self.unwritten));
            (self.unwritten.after, self.unwritten.cursor) = (None, None);
            self.unwritten.tell.clear();
            written?;
            self.unwritten = Record::default();
        }
        for service in self.back.drain(..) {
            self.busy.remove(&service);
        }
        Ok(())
    }

    /// Has couriers send what is due, one for each push service that has none. Returns whether one has set out.
    fn send(&mut self, reader: &Reader) -> Result<bool, Problem> {
        let mut parcels: BTreeMap<String, Vec<Parcel>> = BTreeMap::new();
        let wall = self.handle.kernel().clock().wall();
        let mut services: BTreeMap<String, String> = BTreeMap::new();
        for notice in due(reader, wall)? {
            if !services.contains_key(&notice.subscription) {
                let held = subscription(reader, &notice.subscription)?;
                let service = held.map(|held| service_of(&held.endpoint)).unwrap_or_default();
                services.insert(notice.subscription.clone(), service);
            }
            let service: &String = &services[&notice.subscription];
            let is_new = !parcels.contains_key(service);
            let is_full = is_new && self.services_max <= self.busy.len() + parcels.len();
            if self.busy.contains(service) || is_full {
                continue;
            }
            let waiting = parcels.entry(service.clone()).or_default();
            if waiting.len() < PARCELS_MAX {
                waiting.extend(self.parcel(reader, notice, wall)?);
            }
        }
        parcels.retain(|_, parcels| !parcels.is_empty());
        if parcels.is_empty() {
            return Ok(false);
        }
        let Some(pair) = Pair::of(reader)?.map(Arc::new) else {
            // Whoever subscribes has asked for it; a unit that was restored with another secret key has lost it.
            return Err(desk::Error::NoPushKey.into());
        };
        for (service, parcels) in parcels {
            let courier = self.courier(&service, parcels, &pair);
            thread("courier", move || courier.run())?;
            self.busy.insert(service);
        }
        Ok(true)
    }

    fn courier(&self, service: &str, parcels: Vec<Parcel>, pair: &Arc<Pair>) -> Courier {
        Courier {
            service: service.to_owned(),
            parcels,
            pair: Arc::clone(pair),
            contact: self.contact.clone(),
            post: Arc::clone(&self.post),
            kernel: Arc::clone(self.handle.kernel()),
            shared: Arc::clone(&self.shared),
            bell: Arc::clone(&self.bell),
            is_stopping: Arc::clone(&self.is_stopping),
        }
    }

    /// Returns a notice with where it goes; nothing where there is nothing to tell any more.
    fn parcel(
        &mut self,
        reader: &Reader,
        notice: Notice,
        wall: Time,
    ) -> Result<Option<Parcel>, Problem> {
        let to = subscription(reader, &notice.subscription)?;
        let Some(to) = to.filter(|to| to.user == notice.user) else {
            self.end(&notice, Outcome::Void);
            return Ok(None);
        };
        if notice.until <= wall {
            self.end(&notice, Outcome::Expired);
            return Ok(None);
        }
        if !self.is_open(reader, &notice)? {
            self.end(&notice, Outcome::Void);
            return Ok(None);
        }
        Ok(Some(Parcel { notice, to }))
    }

    fn end(&mut self, notice: &Notice, outcome: Outcome) {
        let (subscription, number) = (notice.subscription.clone(), notice.number);
        self.unwritten.ended.push(Ended { subscription, number, outcome });
    }

    /// Returns whether a task is still to be done, by this user or by whoever takes it, and he may see it.
    fn is_open(&self, reader: &Reader, notice: &Notice) -> Result<bool, Problem> {
        let (kernel, task) = (self.handle.kernel(), ResourceRef::new("task", &*notice.task));
        let user = Principal::User(notice.user.clone());
        if !kernel.is_allowed(reader, "task.get", &task, &user, None)? {
            return Ok(false);
        }
        let part = Principal::Unit(PART.into());
        let row = match kernel.read(&Call::new("task.get", task, part)).map(Reply::into_value) {
            Ok(row) => row,
            Err(problem) if problem.kind == base::Kind::NotFound => return Ok(false),
            Err(problem) => return Err(problem),
        };
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let is_open = matches!(text("state"), Some("created" | "claimed"));
        Ok(is_open && text("assignee").is_none_or(|assignee| assignee == notice.user))
    }

    /// Waits a little for couriers that are under way, and writes down what they did.
    fn leave(mut self) {
        let clock = Arc::clone(self.handle.kernel().clock());
        let until = clock.monotonic() + LEAVE;
        loop {
            let seen = self.bell.count();
            self.gather();
            let left = until.saturating_sub(clock.monotonic());
            if self.busy.len() <= self.back.len() || left.is_zero() {
                break;
            }
            self.bell.wait(seen, left);
        }
        if let Err(problem) = self.write() {
            report(&problem);
        }
    }
}

/// Returns a notice that is to be tried again.
fn again(notice: &Notice, at: Time, attempts: u32) -> Later {
    let (subscription, number) = (notice.subscription.clone(), notice.number);
    Later { subscription, number, at, attempts }
}

#[cfg(test)]
mod tests;
