//! What the machine wants done, as calls of the kernel. What can wait for others of its kind does: of releases, holds and acknowledged
//! commands one call is under way at a time, and has all that came up meanwhile.

use super::Door;
use super::mailbox::{Asked, Mailbox, Return};
use super::rights::Rights;
use crate::broker::{Close, Hold, Release, Subscribe, Unsubscribe};
use crate::mqtt::{Place, Publish, Stage, SubscribeTo, Target};
use crate::publish::batch;
use base::Problem;
use kernel::{Call, Identity, Reply, ResourceRef, Span, SpanKind, Trace};
use serde::Serialize;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Acknowledged commands that are told at once; fewer wait for a while.
const SENT_MAX: usize = 64;
const SENT_WAIT: Duration = Duration::from_secs(1);

/// Who asks, and for which connection of which session.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    /// Who it is.
    pub identity: Identity,
    /// From where it comes.
    pub source: IpAddr,
    /// The session.
    pub session: u64,
    /// Which of its connections.
    pub generation: u64,
}

impl Asker {
    /// Returns a call as this client.
    pub(super) fn call(&self, operation: &str, kind: &str, name: &str) -> Call {
        call_of(&self.identity, self.source, operation, ResourceRef::new(kind, name))
    }

    /// Returns the call that ends its connection. It is no use of the credential: who may do nothing any more has gone all the same.
    ///
    /// # Errors
    /// `device.internal` where it cannot be written, which is a defect.
    pub(super) fn close(&self, close: &Close) -> Result<Call, Problem> {
        let mut call = self.session_call("mqtt_session.close", close)?;
        call.stamp = None;
        Ok(call)
    }

    fn session_call<T: Serialize>(&self, operation: &str, args: &T) -> Result<Call, Problem> {
        let args = serde_json::to_value(args).map_err(crate::Error::internal)?;
        Ok(self.call(operation, "mqtt_session", "").with(args))
    }
}

/// Returns a call as somebody whom the door knows.
pub(super) fn call_of(
    identity: &Identity,
    source: IpAddr,
    operation: &str,
    on: ResourceRef,
) -> Call {
    let mut call = Call::new(operation, on, identity.principal.clone());
    call.scope = identity.scope.clone();
    call.stamp = identity.stamp.clone();
    call.source = Some(source);
    call
}

/// The calls of one connection.
pub(super) struct Asks {
    door: Arc<Door>,
    mailbox: Arc<Mailbox>,
    asker: Asker,
    /// How many calls have no reply yet.
    under_way: usize,
    release: Vec<u16>,
    is_releasing: bool,
    put: Vec<(u16, Place, Stage)>,
    done: Vec<u16>,
    is_holding: bool,
    sent: Vec<u64>,
    is_telling: bool,
    sent_due: Option<Duration>,
}

impl Asks {
    pub(super) fn new(door: &Arc<Door>, mailbox: &Arc<Mailbox>, asker: Asker) -> Self {
        Self {
            door: Arc::clone(door),
            mailbox: Arc::clone(mailbox),
            asker,
            under_way: 0,
            release: Vec::new(),
            is_releasing: false,
            put: Vec::new(),
            done: Vec::new(),
            is_holding: false,
            sent: Vec::new(),
            is_telling: false,
            sent_due: None,
        }
    }

    /// Returns who asks.
    pub(super) fn asker(&self) -> &Asker {
        &self.asker
    }

    /// Takes over who asks, as he was found to hold of late.
    pub(super) fn renew(&mut self, identity: &Identity) {
        self.asker.identity = identity.clone();
    }

    /// Hands messages in.
    pub(super) fn publish(
        &mut self,
        ticket: u64,
        target: &Target,
        messages: &[Publish],
        rights: &Rights,
    ) {
        let (operation, kind, name) = match target {
            Target::Device(device) => ("device.publish", "device", &**device),
            Target::Topic(topic) => ("topic.publish", "topic", &**topic),
            // The machine answers these itself.
            Target::Refused { .. } => return,
        };
        let Asker { session, generation, .. } = self.asker;
        let mut call = self.asker.call(operation, kind, name);
        call.body = batch::encode(session, generation, messages, |message| rights.sent(message));
        call.media = batch::MEDIA.to_owned();
        call.bytes = messages.iter().map(size).sum();
        call.trace = self.traced(operation);
        self.submit(call, Asked::Publish(ticket));
    }

    /// Subscribes.
    pub(super) fn subscribe(&mut self, packet: u16, id: Option<u32>, to: Vec<SubscribeTo>) {
        let Asker { session, generation, .. } = self.asker;
        let args = Subscribe { session, generation, id, to: to.clone() };
        self.ask("mqtt_session.subscribe", &args, Asked::Subscribe { packet, to });
    }

    /// Ends subscriptions.
    pub(super) fn unsubscribe(&mut self, packet: u16, filters: Vec<Box<str>>) {
        let Asker { session, generation, .. } = self.asker;
        let count = filters.len();
        let args = Unsubscribe { session, generation, filters };
        self.ask("mqtt_session.unsubscribe", &args, Asked::Unsubscribe { packet, count });
    }

    /// Takes note of incoming identifiers that may go.
    pub(super) fn release(&mut self, packets: Vec<u16>) {
        self.release.extend(packets);
    }

    /// Takes note of what is to be kept of outgoing messages.
    pub(super) fn hold(&mut self, put: Vec<(u16, Place, Stage)>) {
        self.put.extend(put);
    }

    /// Takes note of what needs not be kept any more.
    pub(super) fn done(&mut self, packets: Vec<u16>) {
        self.done.extend(packets);
    }

    /// Takes note of commands that the device has acknowledged.
    pub(super) fn sent(&mut self, numbers: impl Iterator<Item = u64>, now: Duration) {
        self.sent.extend(numbers);
        if !self.sent.is_empty() {
            self.sent_due.get_or_insert(now + SENT_WAIT);
        }
    }

    /// Hands in what has waited for others of its kind.
    pub(super) fn hand_in(&mut self, now: Duration, is_last: bool) {
        let Asker { session, generation, .. } = self.asker;
        if !self.is_releasing && !self.release.is_empty() {
            self.is_releasing = true;
            let packets = std::mem::take(&mut self.release);
            let args = Release { session, generation, packets: packets.clone() };
            self.ask("mqtt_session.release", &args, Asked::Release(packets));
        }
        let is_empty = self.put.is_empty() && self.done.is_empty();
        if !self.is_holding && !is_empty {
            self.is_holding = true;
            let (put, done) = (std::mem::take(&mut self.put), std::mem::take(&mut self.done));
            let args = Hold { session, generation, put: put.clone(), done, progress: None };
            self.ask("mqtt_session.hold", &args, Asked::Hold(put));
        }
        let is_due = SENT_MAX <= self.sent.len() || self.sent_due.is_some_and(|due| due <= now);
        if !self.is_telling && !self.sent.is_empty() && (is_due || is_last) {
            self.is_telling = true;
            self.sent_due = None;
            let numbers = std::mem::take(&mut self.sent);
            let call = self.asker.call("command.sent", "command", "");
            self.submit(call.with(json!({ "numbers": numbers })), Asked::Sent);
        }
    }

    /// Returns when something is to be handed in, where something waits for its time.
    pub(super) fn due(&self) -> Option<Duration> {
        self.sent_due.filter(|_| !self.is_telling)
    }

    /// Returns whether all that was asked is answered, and nothing waits to be asked.
    pub(super) fn is_over(&self) -> bool {
        let is_empty = self.release.is_empty() && self.put.is_empty() && self.done.is_empty();
        self.under_way == 0 && is_empty && self.sent.is_empty()
    }

    /// Takes note of a reply.
    pub(super) fn answered(&mut self, asked: &Asked) {
        self.under_way = self.under_way.saturating_sub(1);
        match asked {
            Asked::Release(_) => self.is_releasing = false,
            Asked::Hold(_) => self.is_holding = false,
            Asked::Sent => self.is_telling = false,
            Asked::Publish(_) | Asked::Subscribe { .. } | Asked::Unsubscribe { .. } => {}
        }
    }

    /// Begins a trace with messages, where the ratio says so: MQTT has no standard way to bring one. The span of the door is the moment at
    /// which they are handed in.
    fn traced(&self, operation: &str) -> Option<Trace> {
        let tracer = self.door.kernel().tracer();
        let trace = tracer.at_door(None)?;
        let now = tracer.now();
        let span = Span::new(&trace, None, format!("mqtt {operation}"), SpanKind::Server);
        tracer.record(span.between(now, now));
        Some(trace)
    }

    fn ask<T: Serialize>(&mut self, operation: &str, args: &T, asked: Asked) {
        match self.asker.session_call(operation, args) {
            Ok(call) => self.submit(call, asked),
            Err(problem) => {
                self.under_way += 1;
                Return::to(&self.mailbox, asked).put(Err(problem));
            }
        }
    }

    fn submit(&mut self, call: Call, asked: Asked) {
        self.under_way += 1;
        let back = Return::to(&self.mailbox, asked);
        let done = move |reply: Result<Reply, Problem>| back.put(reply.map(Reply::into_value));
        self.door.handle.submit(call, Box::new(done));
    }
}

/// Bytes of a message, as they are counted for its sender.
fn size(message: &Publish) -> u64 {
    (message.topic.len() + message.payload.len()) as u64
}

/// Reads a reply.
///
/// # Errors
/// `device.internal` where it is of another form, which is a defect.
pub(super) fn read<T: serde::de::DeserializeOwned>(reply: Value) -> Result<T, Problem> {
    serde_json::from_value(reply).map_err(|error| crate::Error::internal(error).into())
}
