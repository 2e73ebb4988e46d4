//! What a client publishes and subscribes to: the gate, in which acknowledgements wait for their turn, and the queue, in which
//! messages wait until they are handed in.
//!
//! Acknowledgements leave in the order of the publishes (MQTT-4.6.0-2, MQTT-4.6.0-3), and only once the unit has said that a
//! message is kept. A refused publish takes its place among them too. Publishes behind a SUBSCRIBE or UNSUBSCRIBE wait until
//! that is answered, so that a client gets what it publishes after it has subscribed.

use super::{Act, Machine, Outcome, Phase, Target, Targets};
use crate::mqtt::packet::{AckKind, Publish, Qos, SubscribeTo, reason};
use crate::mqtt::strict;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Publishes that are not acknowledged, and everything that waits to be handed in.
#[derive(Default)]
pub(super) struct Gate {
    entries: VecDeque<Waiting>,
    /// The number of the entry at the front.
    front: u64,
    /// How many entries have QoS 1 or 2.
    counted: usize,
    /// QoS 2 identifiers among the entries, and how often each is there.
    at_gate: BTreeMap<u16, usize>,
    queue: VecDeque<Queued>,
    /// Bytes of what is in the queue, about.
    bytes: usize,
    calls: Vec<Call>,
    ticket_next: u64,
    /// The SUBSCRIBE or UNSUBSCRIBE that is being answered.
    barrier: Option<u16>,
    /// QoS 2 identifiers whose message is kept, until PUBREL.
    incoming: BTreeSet<u16>,
    /// Those for which PUBREL has come, until it is kept that they may go.
    releasing: BTreeSet<u16>,
    /// Those of both for which PUBREC has left on this connection: they count until PUBCOMP.
    received: BTreeSet<u16>,
    aliases: BTreeMap<u16, Box<str>>,
}

/// One publish at the gate.
struct Waiting {
    packet: u16,
    qos: Qos,
    answer: Answer,
}

enum Answer {
    Unknown,
    Known(Outcome),
    /// Sent again while the first one is at the gate, or kept: what became of that holds for this one.
    Again,
}

/// One call that is under way: the numbers of its entries.
struct Call {
    ticket: u64,
    entries: Vec<u64>,
}

enum Queued {
    Publish { entry: u64, target: Target, publish: Publish },
    Subscribe { packet: u16, id: Option<u32>, to: Vec<SubscribeTo> },
    Unsubscribe { packet: u16, filters: Vec<Box<str>> },
}

impl Queued {
    /// Returns about how many bytes of memory it holds.
    fn size(&self) -> usize {
        match self {
            Self::Publish { publish, .. } => publish.size(),
            Self::Subscribe { to, .. } => to.iter().map(SubscribeTo::size).sum(),
            Self::Unsubscribe { filters, .. } => {
                filters.iter().map(|filter| size_of_val(filter) + filter.len()).sum()
            }
        }
    }
}

impl Gate {
    /// Returns how many packets wait here: each of them is either at the gate or in the queue.
    pub(super) fn len(&self) -> usize {
        self.entries.len().max(self.queue.len())
    }

    /// Returns how many bytes wait to be handed in, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn enqueue(&mut self, queued: Queued) {
        self.bytes += queued.size();
        self.queue.push_back(queued);
    }

    fn dequeue(&mut self) -> Option<Queued> {
        let queued = self.queue.pop_front()?;
        self.bytes = self.bytes.saturating_sub(queued.size());
        Some(queued)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn resume(&mut self, incoming: BTreeSet<u16>) {
        self.incoming = incoming;
    }

    /// Returns the identifiers that are kept and not released.
    pub(super) fn leave(self) -> BTreeSet<u16> {
        self.incoming.union(&self.releasing).copied().collect()
    }

    /// QoS 1 counts until PUBACK has left, QoS 2 until PUBCOMP (MQTT 5, 4.9).
    fn unacknowledged(&self) -> usize {
        self.counted + self.received.len()
    }

    fn push(&mut self, publish: &Publish, answer: Answer) -> u64 {
        if publish.qos != Qos::AtMostOnce {
            self.counted += 1;
        }
        if publish.qos == Qos::ExactlyOnce {
            *self.at_gate.entry(publish.packet).or_default() += 1;
        }
        self.entries.push_back(Waiting { packet: publish.packet, qos: publish.qos, answer });
        self.front + self.entries.len() as u64 - 1
    }

    fn answer(&mut self, entry: u64, outcome: Outcome) {
        let at = entry.checked_sub(self.front).and_then(|at| usize::try_from(at).ok());
        if let Some(waiting) = at.and_then(|at| self.entries.get_mut(at)) {
            waiting.answer = Answer::Known(outcome);
        }
    }

    /// Takes the front entry, where it is known what became of it.
    fn pop(&mut self) -> Option<(u16, Qos, Outcome)> {
        if matches!(self.entries.front()?.answer, Answer::Unknown) {
            return None;
        }
        let waiting = self.entries.pop_front()?;
        self.front += 1;
        if waiting.qos != Qos::AtMostOnce {
            self.counted -= 1;
        }
        if let Some(times) = self.at_gate.get_mut(&waiting.packet)
            && waiting.qos == Qos::ExactlyOnce
        {
            *times -= 1;
            if *times == 0 {
                self.at_gate.remove(&waiting.packet);
            }
        }
        let outcome = match waiting.answer {
            Answer::Known(outcome) => outcome,
            // What it repeats has left before it.
            _ if self.incoming.contains(&waiting.packet) => Outcome::default(),
            _ => Outcome { code: reason::PACKET_IN_USE, reason: None },
        };
        Some((waiting.packet, waiting.qos, outcome))
    }

    /// Takes the messages of one call from the front of the queue: one target, within the limits of a call.
    fn next_call(&mut self, messages_max: usize, bytes_max: usize) -> Option<Act> {
        let mut entries = Vec::new();
        let mut messages: Vec<Publish> = Vec::new();
        let mut bytes = 0;
        let mut target: Option<Target> = None;
        while let Some(Queued::Publish { target: next, publish, .. }) = self.queue.front() {
            bytes += publish.topic.len() + publish.payload.len();
            let is_full = messages_max.max(1) <= messages.len() || bytes_max < bytes;
            let is_other = target.as_ref().is_some_and(|target| target != next);
            if !messages.is_empty() && (is_full || is_other) {
                break;
            }
            if let Some(Queued::Publish { entry, target: next, publish }) = self.dequeue() {
                entries.push(entry);
                messages.push(publish);
                target = target.or(Some(next));
            }
        }
        let target = target?;
        let ticket = self.ticket_next;
        self.ticket_next += 1;
        self.calls.push(Call { ticket, entries });
        Some(Act::Publish { ticket, target, messages })
    }
}

/// What the door answers.
impl Machine {
    /// Answers [`Act::Publish`]: what became of each message, in their order; nothing said: all were taken.
    pub fn published(&mut self, ticket: u64, outcomes: &[Outcome]) {
        self.answered(ticket, |index| outcomes.get(index).cloned().unwrap_or_default());
    }

    /// Answers [`Act::Publish`] where the call as a whole was refused, which is each message's reason. Where it is not known
    /// what became of the call, `end` is the answer: nothing was promised.
    pub fn failed(&mut self, ticket: u64, code: u8, said: &str) {
        // Nothing of it is kept, not even aside: no code may read as if it were.
        let code =
            if code < 0x80 || code == reason::PAYLOAD { reason::IMPLEMENTATION } else { code };
        let outcome = Outcome { code, reason: Some(said.into()) };
        self.answered(ticket, |_| outcome.clone());
    }

    /// Answers [`Act::Release`].
    pub fn released(&mut self, packets: &[u16]) {
        for packet in packets {
            if self.gate.releasing.remove(packet) {
                self.complete(*packet);
            }
        }
    }

    /// Answers [`Act::Subscribe`]: a code for each filter.
    pub fn subscribed(&mut self, packet: u16, codes: &[u8]) {
        if self.lift(packet) {
            self.codec.suback(&mut self.out, packet, codes, None);
            self.go_on();
        }
    }

    /// Answers [`Act::Unsubscribe`]: a code for each filter.
    pub fn unsubscribed(&mut self, packet: u16, codes: &[u8]) {
        if self.lift(packet) {
            self.codec.unsuback(&mut self.out, packet, codes);
            self.go_on();
        }
    }

    fn answered(&mut self, ticket: u64, outcome: impl Fn(usize) -> Outcome) {
        let Some(at) = self.gate.calls.iter().position(|call| call.ticket == ticket) else {
            return;
        };
        let call = self.gate.calls.remove(at);
        for (index, entry) in call.entries.into_iter().enumerate() {
            self.gate.answer(entry, outcome(index));
        }
        self.go_on();
    }

    fn lift(&mut self, packet: u16) -> bool {
        let is_awaited = self.phase == Phase::Open && self.gate.barrier == Some(packet);
        if is_awaited {
            self.gate.barrier = None;
        }
        is_awaited
    }
}

/// What the client sends.
impl Machine {
    pub(super) fn take_publish(&mut self, mut publish: Publish, topics: &dyn Targets) {
        if let Some(alias) = publish.alias.take() {
            if !publish.topic.is_empty() {
                let kept = kept_of(&publish.topic, self.limits.topic_bytes_max);
                self.gate.aliases.insert(alias, kept.into());
            } else if let Some(topic) = self.gate.aliases.get(&alias) {
                publish.topic = topic.clone();
            } else {
                self.fault(reason::PROTOCOL, "a topic alias that no topic was given to");
                return;
            }
        }
        let is_again = publish.qos == Qos::ExactlyOnce && self.is_known(publish.packet);
        let limit = usize::from(self.limits.receive_max);
        let is_counted = publish.qos != Qos::AtMostOnce && !is_again && !self.is_v3();
        if is_counted && limit <= self.gate.unacknowledged() {
            self.fault(reason::RECEIVE_MAXIMUM, "more publishes than the receive maximum");
        } else if is_again {
            self.gate.push(&publish, Answer::Again);
        } else {
            match self.judge(&publish, topics) {
                Err(outcome) => {
                    self.gate.push(&publish, Answer::Known(outcome));
                }
                Ok(target) => {
                    let entry = self.gate.push(&publish, Answer::Unknown);
                    self.gate.enqueue(Queued::Publish { entry, target, publish });
                }
            }
        }
    }

    pub(super) fn take_pubrel(&mut self, packet: u16) {
        if self.gate.at_gate.contains_key(&packet) {
            self.fault(reason::PROTOCOL, "PUBREL came before its PUBREC was sent");
        } else if self.gate.incoming.remove(&packet) {
            self.gate.releasing.insert(packet);
            if !self.is_durable {
                // Nothing of it is kept but here.
                self.released(&[packet]);
            } else if let Some(Act::Release(packets)) = self.acts.last_mut() {
                packets.push(packet);
            } else {
                self.acts.push(Act::Release(vec![packet]));
            }
        } else if !self.gate.releasing.contains(&packet) {
            let (kind, code) = (AckKind::Pubcomp, reason::PACKET_NOT_FOUND);
            self.codec.ack(&mut self.out, kind, packet, code, None);
        }
    }

    pub(super) fn take_subscribe(&mut self, packet: u16, id: Option<u32>, to: Vec<SubscribeTo>) {
        self.gate.enqueue(Queued::Subscribe { packet, id, to });
    }

    pub(super) fn take_unsubscribe(&mut self, packet: u16, filters: Vec<Box<str>>) {
        self.gate.enqueue(Queued::Unsubscribe { packet, filters });
    }

    /// Lets out what may leave, and hands in what may go on.
    pub(super) fn go_on(&mut self) {
        while let Some((packet, qos, outcome)) = self.gate.pop() {
            self.acknowledge(packet, qos, &outcome);
        }
        while self.phase == Phase::Open && self.gate.barrier.is_none() {
            let is_publish = matches!(self.gate.queue.front(), Some(Queued::Publish { .. }));
            if is_publish && self.limits.calls_max.max(1) <= self.gate.calls.len() {
                break;
            }
            let act = if is_publish {
                self.gate.next_call(self.limits.messages_max, self.limits.bytes_max)
            } else {
                self.next_barrier()
            };
            let Some(act) = act else { break };
            self.acts.push(act);
        }
    }

    /// Hands in all messages that are here, whatever is under way: the client will send nothing more, and waits for nothing.
    pub(super) fn flush(&mut self) {
        self.gate.queue.retain(|queued| matches!(queued, Queued::Publish { .. }));
        self.gate.bytes = self.gate.queue.iter().map(Queued::size).sum();
        while let Some(act) = self.gate.next_call(self.limits.messages_max, self.limits.bytes_max) {
            self.acts.push(act);
        }
    }

    fn next_barrier(&mut self) -> Option<Act> {
        let act = match self.gate.dequeue()? {
            Queued::Subscribe { packet, id, to } => Act::Subscribe { packet, id, to },
            Queued::Unsubscribe { packet, filters } => Act::Unsubscribe { packet, filters },
            Queued::Publish { .. } => return None,
        };
        if let Act::Subscribe { packet, .. } | Act::Unsubscribe { packet, .. } = &act {
            self.gate.barrier = Some(*packet);
        }
        Some(act)
    }

    /// Whether a QoS 2 identifier is not free: its message is kept or at the gate, or its PUBREL is being kept.
    fn is_known(&self, packet: u16) -> bool {
        self.gate.incoming.contains(&packet)
            || self.gate.at_gate.contains_key(&packet)
            || self.gate.releasing.contains(&packet)
    }

    fn judge(&self, publish: &Publish, topics: &dyn Targets) -> Result<Target, Outcome> {
        let refused = |code, reason: &str| Outcome { code, reason: Some(reason.into()) };
        if !strict::is_payload_as_said(publish) {
            return Err(refused(reason::PAYLOAD, "the payload says it is UTF-8, and is not"));
        }
        strict::is_within(&publish.topic, &self.limits)
            .map_err(|text| refused(reason::TOPIC, text))?;
        match topics.target(&publish.topic) {
            Target::Refused { code, reason } => Err(refused(code, &reason)),
            target => Ok(target),
        }
    }

    /// Sends the acknowledgement of one publish, and remembers a QoS 2 identifier whose message is kept.
    fn acknowledge(&mut self, packet: u16, qos: Qos, outcome: &Outcome) {
        // Who speaks 3.1.1 hears of no set-aside row: the row is kept, with the reason, so the message counts as taken. Of what
        // the unit has looked at, this code says nothing else (`publish/reason.rs`).
        let is_refused = 0x80 <= outcome.code && !(self.is_v3() && outcome.code == reason::PAYLOAD);
        if qos == Qos::ExactlyOnce && !is_refused {
            self.gate.incoming.insert(packet);
        }
        if self.phase != Phase::Open {
            return;
        }
        let reason = outcome.reason.as_deref();
        if is_refused && self.is_v3() {
            // It has no word for a refusal (MQTT-3.3.5-2): the connection ends.
            self.fault(outcome.code, reason.unwrap_or("a publish was refused"));
            return;
        }
        match qos {
            Qos::AtMostOnce if is_refused && !self.has_told => {
                self.has_told = true;
                let text = reason.unwrap_or("a publish of QoS 0 was refused").to_owned();
                self.acts.push(Act::Refused(text));
            }
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => {
                self.codec.ack(&mut self.out, AckKind::Puback, packet, outcome.code, reason);
            }
            Qos::ExactlyOnce => {
                if !is_refused {
                    self.gate.received.insert(packet);
                }
                self.codec.ack(&mut self.out, AckKind::Pubrec, packet, outcome.code, reason);
            }
        }
    }

    fn complete(&mut self, packet: u16) {
        self.gate.received.remove(&packet);
        if self.phase == Phase::Open {
            self.codec.ack(&mut self.out, AckKind::Pubcomp, packet, reason::SUCCESS, None);
        }
    }
}

/// Returns what is kept of a topic under its alias: of one that is too long as much as is too long still.
fn kept_of(topic: &str, most: usize) -> &str {
    let mut ends = topic.char_indices().map(|(at, _)| at);
    let end = ends.find(|at| most < *at).unwrap_or(topic.len());
    topic.get(..end).unwrap_or(topic)
}
