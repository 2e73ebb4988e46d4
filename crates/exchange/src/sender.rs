//! Sends what waits in the outboxes: one thread for each peer, so that one that is slow delays no other.
//!
//! What a peer has acknowledged is remembered in memory and not sent again; the store is told only when the link is
//! quiet or much has gathered, because the next envelope of the peer says it anyway.

use crate::Error;
use crate::engine::{Exchange, PEERS};
use crate::link::{outbox_length, topic};
use crate::serve::part;
use crate::signature::Request;
use crate::state::{self, Mark, mark_key, number};
use base::Problem;
use kernel::{Call, Kernel, Read, Reader, Reply, ResourceRef, Span, SpanKind, Trace};
use serde_json::{Value, json};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a peer's server answered.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body, cut off at the limit that the network has for it.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct NetworkError {
    /// In words.
    pub reason: String,
}

/// The way to other units. Real: HTTP over TLS. Simulated: in tests, with delays, losses and cuts.
pub trait Network: Send + Sync {
    /// Sends a request and waits for the answer.
    ///
    /// # Errors
    /// Where there is none: nobody knows then whether the request arrived.
    fn send(&self, request: &Request) -> Result<Response, NetworkError>;
}

/// Has a call run on the partition's thread; nobody waits for its reply.
pub type Submit = Arc<dyn Fn(Call) + Send + Sync>;

/// What is done with the reply of a call.
pub type Done = Box<dyn FnOnce(Result<Reply, Problem>) + Send>;

/// Has a call run on the partition's thread, and hands on its reply after the commit. Must return at once.
pub type Commits = Arc<dyn Fn(Call, Done) + Send + Sync>;

/// What an attempt to send came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pumped {
    /// Nothing waits for the peer.
    Idle,
    /// Messages arrived; there may be more.
    Sent,
    /// It did not work; the reason is kept for `peer.get`.
    Failed(String),
}

/// News for the senders, and what they have to tell.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    state: Mutex<Rung>,
}

#[derive(Debug, Default)]
struct Rung {
    topics: HashMap<String, Topic>,
    problems: HashMap<String, String>,
    /// By peer that messages are sent to: the last one that it has acknowledged to this process.
    acknowledged: HashMap<String, u64>,
    is_stopping: bool,
}

/// How often there were news of a topic, and who waits for them: a sender is woken by its own peer's only.
#[derive(Debug, Default)]
struct Topic {
    count: u64,
    changed: Arc<Condvar>,
}

impl Bell {
    fn state(&self) -> MutexGuard<'_, Rung> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits for one of these topics.
    pub(crate) fn ring(&self, topics: &BTreeSet<String>) {
        for name in topics.iter().filter(|topic| topic.starts_with(PEERS)) {
            let mut state = self.state();
            let topic = state.topics.entry(name.clone()).or_default();
            topic.count += 1;
            let changed = Arc::clone(&topic.changed);
            drop(state);
            changed.notify_all();
        }
    }

    /// Returns the last problem with a peer.
    pub(crate) fn problem(&self, unit: &str) -> Option<String> {
        self.state().problems.get(unit).cloned()
    }

    pub(crate) fn tell(&self, unit: &str, problem: Option<String>) {
        let mut state = self.state();
        match problem {
            Some(problem) => state.problems.insert(unit.into(), problem),
            None => state.problems.remove(unit),
        };
    }

    /// Returns how far the peers that messages are sent to have acknowledged them.
    pub(crate) fn acknowledged(&self) -> HashMap<String, u64> {
        self.state().acknowledged.clone()
    }

    fn acknowledge(&self, unit: &str, number: u64) {
        let mut state = self.state();
        let held = state.acknowledged.entry(unit.into()).or_default();
        *held = number.max(*held);
    }

    pub(crate) fn count(&self, topic: &str) -> u64 {
        self.state().topics.get(topic).map_or(0, |topic| topic.count)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.state().is_stopping
    }

    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.is_stopping = true;
        state.topics.values().for_each(|topic| topic.changed.notify_all());
    }

    /// Waits until a topic has more news than `count`, or the time is up. Returns whether there are news.
    pub(crate) fn wait(&self, topic: &str, count: u64, timeout: Duration) -> bool {
        self.wait_while(topic, timeout, |state| {
            state.topics.get(topic).is_none_or(|topic| topic.count == count)
        })
    }

    /// Waits for a time, whatever the news, but not on the way out.
    fn rest(&self, topic: &str, timeout: Duration) {
        self.wait_while(topic, timeout, |_| true);
    }

    fn wait_while(&self, topic: &str, timeout: Duration, goes_on: impl Fn(&Rung) -> bool) -> bool {
        let mut state = self.state();
        let changed = Arc::clone(&state.topics.entry(topic.to_owned()).or_default().changed);
        let (state, outcome) = changed
            .wait_timeout_while(state, timeout, |state| !state.is_stopping && goes_on(state))
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        !outcome.timed_out()
    }
}

/// Where a link stands, in memory: forgotten with the process, and then learnt again.
#[derive(Debug, Clone, Copy, Default)]
struct LinkMemory {
    acknowledged: u64,
    wants_card: bool,
    /// The number of the key with which the last request was signed that the peer took.
    told: Option<u64>,
}

/// Sends the outboxes of a unit.
pub struct Sender {
    exchange: Arc<Exchange>,
    kernel: Arc<Kernel>,
    network: Arc<dyn Network>,
    submit: Submit,
    links: Mutex<HashMap<String, LinkMemory>>,
}

impl Sender {
    /// Returns a sender. `submit` has a call run on the partition's thread.
    pub fn new(
        exchange: Arc<Exchange>,
        kernel: Arc<Kernel>,
        network: Arc<dyn Network>,
        submit: Submit,
    ) -> Arc<Self> {
        Arc::new(Self { exchange, kernel, network, submit, links: Mutex::new(HashMap::new()) })
    }

    /// Sends the next batch to a peer, if there is one.
    ///
    /// # Errors
    /// Where the store cannot be read or nothing can be signed.
    pub fn pump(&self, unit: &str) -> Result<Pumped, Problem> {
        let reader = self.reader()?;
        let cleared = number(&reader, &mark_key(unit, Mark::Cleared))?;
        let memory = self.memory(unit);
        let after = memory.acknowledged.max(cleared);
        let wall = self.kernel.clock().wall();
        let key = self.exchange.identity_of(&reader)?.key_number(wall)?;
        // A peer that took the last key gets the card with the first request of the next.
        let is_other = memory.told.is_some_and(|told| told < key);
        let with_card = memory.wants_card || is_other;
        let Some(outgoing) = self.exchange.next(&reader, unit, after, with_card)? else {
            return Ok(Pumped::Idle);
        };
        drop(reader);
        let is_traced = !outgoing.traces.is_empty();
        let start = if is_traced { self.kernel.tracer().now() } else { 0 };
        let outcome = self.network.send(&outgoing.request).map_err(|error| error.reason).and_then(
            |response| {
                let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
                if response.status == 200 {
                    body["acknowledged"]
                        .as_u64()
                        .ok_or_else(|| "the answer acknowledges nothing".to_owned())
                } else {
                    let code = body["code"].as_str().unwrap_or("no code");
                    Err(format!("answered {} [{}]", response.status, state::short(code)))
                }
            },
        );
        self.trace(unit, &outgoing.traces, start, outcome.as_ref().err());
        let sent = number(&self.reader()?, &mark_key(unit, Mark::Sent))?;
        let outcome = match outcome {
            Ok(acknowledged) if sent < acknowledged => {
                Err(format!("it acknowledges message {acknowledged}, the last one is {sent}"))
            }
            Ok(acknowledged) if after < acknowledged => Ok(acknowledged),
            Ok(acknowledged) => {
                Err(format!("it has handled {acknowledged} messages, {after} were cleared out"))
            }
            Err(reason) => Err(reason),
        };
        self.exchange.bell.tell(unit, outcome.as_ref().err().cloned());
        match outcome {
            Ok(acknowledged) => {
                let told = Some(key);
                self.remember(unit, LinkMemory { acknowledged, wants_card: false, told });
                self.exchange.bell.acknowledge(unit, acknowledged);
                self.exchange.tell_acknowledged();
                Ok(Pumped::Sent)
            }
            Err(reason) => {
                // The peer may not know this unit's newest key yet: the next envelope brings the card.
                self.remember(unit, LinkMemory { wants_card: true, ..memory });
                Ok(Pumped::Failed(reason))
            }
        }
    }

    /// Keeps a span of the delivery in each trace that a request carried.
    fn trace(&self, unit: &str, traces: &[Trace], start: i64, reason: Option<&String>) {
        let tracer = self.kernel.tracer();
        for trace in traces {
            let code = reason.map(|_| "exchange.unreachable");
            let own = tracer.child(trace);
            let span = Span::new(&own, Some(trace.span), "peer delivery", SpanKind::Client)
                .between(start, tracer.now())
                .with("craton.peer", unit)
                .ended(code);
            tracer.record(span);
        }
    }

    /// Returns the call that clears out what a peer has acknowledged, where there is something to clear out.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn acknowledgement(&self, unit: &str) -> Result<Option<Call>, Problem> {
        let reader = self.reader()?;
        let memory = self.memory(unit);
        if memory.acknowledged <= number(&reader, &mark_key(unit, Mark::Cleared))? {
            return Ok(None);
        }
        let call = Call::new("exchange.acknowledged", ResourceRef::new("exchange", ""), part());
        Ok(Some(call.with(json!({"peer": unit, "number": memory.acknowledged}))))
    }

    /// Fetches the card of a peer, where it has shown a key that is not known; returns the call that follows it there.
    ///
    /// # Errors
    /// The peer does not answer, or not with a card.
    pub fn successor(&self, unit: &str) -> Result<Option<Call>, Problem> {
        if !self.exchange.pulls.take(unit) {
            return Ok(None);
        }
        let reader = self.reader()?;
        let Some(peer) = state::peer_of(&reader, unit)? else { return Ok(None) };
        drop(reader);
        let card = self.exchange.fetch_card(&peer)?;
        if peer.card.merged(&card).is_none() {
            return Ok(None);
        }
        let call = Call::new("exchange.follow", ResourceRef::new("exchange", ""), part());
        Ok(Some(call.with(json!({ "card": card }))))
    }

    /// Sends until [`Exchange::stop`] is called: a thread for each peer that has an address.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn run(self: &Arc<Self>) -> Result<(), Problem> {
        let mut threads = HashMap::new();
        while !self.exchange.bell.is_stopping() {
            let count = self.exchange.bell.count(PEERS);
            let peers = state::peers(&self.reader()?)?;
            threads.retain(|_, thread: &mut std::thread::JoinHandle<()>| !thread.is_finished());
            for peer in peers.into_iter().filter(|peer| peer.url.is_some()) {
                if let Entry::Vacant(place) = threads.entry(peer.card.unit.clone()) {
                    let (sender, name) = (Arc::clone(self), place.key().clone());
                    let thread = std::thread::Builder::new()
                        .name(format!("to {}", peer.name))
                        .spawn(move || sender.serve(&name))
                        .map_err(Error::internal)?;
                    place.insert(thread);
                }
            }
            self.exchange.bell.wait(PEERS, count, Duration::from_secs(60));
        }
        for (_, thread) in threads {
            // A thread that panicked has nothing more to send.
            let _ = thread.join();
        }
        Ok(())
    }

    /// Serves one peer until the unit stops or the peer is gone.
    fn serve(&self, unit: &str) {
        let (bell, config) = (&self.exchange.bell, &self.exchange.config);
        let topic = topic(unit);
        bell.acknowledge(unit, 0);
        let mut failures = 0;
        while !bell.is_stopping() {
            let count = bell.count(&topic);
            // Where it cannot be fetched, the next request with a key that is not known asks again.
            if let Ok(Some(call)) = self.successor(unit) {
                (self.submit)(call);
            }
            match self.pump(unit) {
                Ok(Pumped::Sent) => {
                    failures = 0;
                    let is_long = self.is_long(unit).unwrap_or_default();
                    if is_long {
                        self.clear(unit);
                    }
                }
                Ok(Pumped::Idle) => {
                    if !self.is_known(unit) {
                        return;
                    }
                    if !bell.wait(&topic, count, Duration::from_millis(config.acknowledged_idle_ms))
                    {
                        self.clear(unit);
                        bell.wait(&topic, count, Duration::from_secs(60));
                    }
                }
                Ok(Pumped::Failed(_)) | Err(_) => {
                    failures += 1;
                    bell.rest(&topic, self.pause(failures));
                }
            }
        }
    }

    fn is_known(&self, unit: &str) -> bool {
        let peer = self.reader().and_then(|reader| state::peer_of(&reader, unit));
        // A store that cannot be read now is no reason to give up the peer.
        peer.map_or(true, |peer| peer.is_some_and(|peer| peer.url.is_some()))
    }

    fn is_long(&self, unit: &str) -> Result<bool, Problem> {
        let reader = self.reader()?;
        let cleared = number(&reader, &mark_key(unit, Mark::Cleared))?;
        let waiting = self.memory(unit).acknowledged.saturating_sub(cleared);
        Ok(self.exchange.config.acknowledged_messages_max < waiting
            && 0 < outbox_length(&reader, unit)?)
    }

    fn clear(&self, unit: &str) {
        if let Ok(Some(call)) = self.acknowledgement(unit) {
            (self.submit)(call);
        }
    }

    /// Returns the pause after so many failures: doubled each time, then varied by half.
    fn pause(&self, failures: u32) -> Duration {
        let config = &self.exchange.config;
        let doubled = config.retry_ms_min.saturating_mul(1 << failures.min(20).saturating_sub(1));
        let whole = doubled.clamp(1, config.retry_ms_max.max(1));
        Duration::from_millis(whole / 2 + self.exchange.entropy.number() % (whole / 2 + 1))
    }

    fn reader(&self) -> Result<Reader, Problem> {
        Reader::new(&self.kernel, part())
    }

    fn memory(&self, unit: &str) -> LinkMemory {
        self.links
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(unit)
            .copied()
            .unwrap_or_default()
    }

    fn remember(&self, unit: &str, memory: LinkMemory) {
        self.links.lock().unwrap_or_else(PoisonError::into_inner).insert(unit.into(), memory);
    }
}

impl Exchange {
    /// Asks a peer something and returns the JSON of its answer.
    pub(crate) fn ask(
        &self,
        read: &dyn Read,
        peer: &str,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Value, Problem> {
        let body = self.ask_bytes(read, peer, method, path, body)?;
        let unreachable = |error: serde_json::Error| Error::Unreachable {
            peer: peer.into(),
            reason: error.to_string(),
        };
        Ok(serde_json::from_slice(&body).map_err(unreachable)?)
    }

    /// Asks a peer something and returns the body of its answer.
    pub(crate) fn ask_bytes(
        &self,
        read: &dyn Read,
        peer: &str,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Problem> {
        let unreachable = |reason: String| Error::Unreachable { peer: peer.into(), reason };
        let network =
            self.network.get().ok_or_else(|| unreachable("this unit has no network".into()))?;
        let known = state::peer(read, peer)?;
        let url = known.url.clone().ok_or_else(|| unreachable("it has no address".into()))?;
        let request = self.request(read, &known, &url, method, path, body)?;
        let response = network.send(&request).map_err(|error| unreachable(error.reason))?;
        if self.config.response_bytes_max < response.body.len() {
            let limit = self.config.response_bytes_max as u64;
            return Err(Error::Limit { what: "the answer of the peer".into(), limit }.into());
        }
        if response.status == 200 {
            return Ok(response.body);
        }
        Err(serde_json::from_slice(&response.body)
            .unwrap_or_else(|_| unreachable(format!("answered {}", response.status)).into()))
    }
}
