//! Who hears a topic, and how what was said goes to them: into the log where somebody may be away, and to the router after the commit.

use super::group::Group;
use super::log::{FORMAT_MESSAGES, LOG, SEGMENT};
use super::merged::Merged;
use super::message::{Message, Origin};
use super::rights::{self, Hears};
use super::rows::{Devices, LogPlace};
use super::seat::Seat;
use super::tree::Subscription;
use super::{Broker, State, key, topic};
use crate::mqtt::Qos;
use crate::wire;
use base::{Period, Problem};
use kernel::{Read, Tx};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// The log notes how far it is after so many bytes, and after so long.
const NOTE_BYTES: u64 = 1 << 20;
const NOTE_EVERY: Period = Period::seconds(600);

/// A session that hears a topic.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The session.
    pub seat: Arc<Seat>,
    /// Of which state of its scopes this tells.
    pub scoped: u64,
    all: Merged,
    /// What counts for what it has published itself.
    own: Option<Merged>,
}

impl Entry {
    fn of(seat: &Arc<Seat>, subscriptions: &[&Subscription]) -> Option<Self> {
        let own = subscriptions.iter().copied().filter(|subscription| !subscription.no_local);
        Some(Self {
            seat: Arc::clone(seat),
            scoped: seat.scopes(),
            all: Merged::of(subscriptions.iter().copied())?,
            own: Merged::of(own),
        })
    }

    /// Returns what its subscriptions say of a message; nothing where it is its own and not wanted.
    pub(crate) fn merged(&self, message: &Message, session: u64) -> Option<&Merged> {
        if message.publisher == session { self.own.as_ref() } else { Some(&self.all) }
    }

    /// Returns whether messages wait for it in the log.
    pub(crate) fn is_logged(&self) -> bool {
        self.all.qos != Qos::AtMostOnce
    }
}

/// Who hears a topic.
#[derive(Debug)]
pub(crate) struct Audience {
    /// Of which state of all subscriptions this tells.
    version: u64,
    /// As of how many changes of rights and devices the policies were asked of the device, where a subscription wants to know that.
    asked: Option<u64>,
    /// What they said, by sessions.
    answers: HashMap<u64, bool>,
    origin: Origin,
    direct: Vec<Entry>,
    groups: Vec<(Arc<Group>, Qos)>,
    /// Whether somebody wants messages with QoS 1 or 2.
    is_logged: bool,
}

impl Audience {
    fn is_empty(&self) -> bool {
        self.direct.is_empty() && self.groups.is_empty()
    }
}

/// A message that was committed, on its way to those who hear it.
pub(crate) struct Routed {
    /// The message.
    pub message: Arc<Message>,
    audience: Arc<Audience>,
    /// Where it stands in the log.
    pub offset: Option<u64>,
}

impl Routed {
    /// Returns to how many it is offered.
    pub(crate) fn hearers(&self) -> usize {
        self.audience.direct.len() + self.audience.groups.len()
    }

    /// Returns whether nothing has changed for a session since it was found who hears the message, as far as the policies were asked of its
    /// device.
    pub(crate) fn is_as_of(&self, seat: &Seat) -> bool {
        self.audience.asked.is_none_or(|asked| seat.asked() <= asked)
    }

    /// Returns whether a session hears the message's device, where that was asked and still holds.
    pub(crate) fn answer(&self, seat: &Seat) -> Option<bool> {
        self.audience.answers.get(&seat.session()).copied().filter(|_| self.is_as_of(seat))
    }

    /// Offers the message to all who hear it.
    pub(crate) fn offer(&self) {
        for entry in &self.audience.direct {
            entry.seat.offer(self, entry);
        }
        for (group, _) in &self.audience.groups {
            group.offer(self);
        }
    }
}

/// What was said in a step, and is to be heard once the step is committed.
#[derive(Default)]
pub struct Staged {
    messages: Vec<(Arc<Message>, Arc<Audience>)>,
    /// How many messages came, by their quality of service.
    received: [u64; 3],
    /// How often rights and devices have changed, once somebody wants to know that.
    epoch: Option<u64>,
}

impl Staged {
    fn epoch(&mut self, read: &dyn Read) -> Result<u64, Problem> {
        let epoch = match self.epoch {
            Some(epoch) => epoch,
            None => read.kernel().epoch(read)?,
        };
        self.epoch = Some(epoch);
        Ok(epoch)
    }
}

/// How far the log of messages is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LogState {
    /// Bytes that were ever written to it, about.
    pub bytes: u64,
    /// What was noted last.
    pub noted: Option<LogPlace>,
}

impl Broker {
    /// Returns whether nobody hears a topic, and counts a message on it as received then.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn is_unheard(
        &self,
        read: &dyn Read,
        staged: &mut Staged,
        topic: &str,
        origin: &Origin,
        qos: Qos,
    ) -> Result<bool, Problem> {
        self.ensure(read)?;
        let is_unheard = self.audience(read, staged, topic, origin)?.is_empty();
        if is_unheard {
            staged.received[usize::from(qos as u8)] += 1;
        }
        Ok(is_unheard)
    }

    /// Takes a message that was accepted, for those who hear it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn stage(
        &self,
        read: &dyn Read,
        staged: &mut Staged,
        message: Message,
    ) -> Result<(), Problem> {
        self.ensure(read)?;
        staged.received[usize::from(message.qos as u8)] += 1;
        let audience = self.audience(read, staged, &message.topic, &message.origin)?;
        if !audience.is_empty() {
            staged.messages.push((Arc::new(message), audience));
        }
        Ok(())
    }

    /// Puts what was staged into the log where somebody may be away, and sends it to the router once that is committed.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn commit(&self, tx: &mut Tx<'_>, staged: Staged) -> Result<(), Problem> {
        let Staged { messages, received, .. } = staged;
        let is_logged = |message: &Message, audience: &Audience| {
            audience.is_logged && message.qos != Qos::AtMostOnce
        };
        let (mut bytes, mut count) = (Vec::new(), 0_u32);
        for (message, audience) in &messages {
            if is_logged(message, audience) {
                message.write(&mut bytes);
                count += 1;
            }
        }
        let size = bytes.len() as u64;
        let mut next = match count {
            0 => 0,
            _ => tx.append_chunk(LOG, FORMAT_MESSAGES, bytes, count)?,
        };
        if 0 < count {
            self.note(tx, next, size)?;
        }
        let mut routed = Vec::with_capacity(messages.len());
        for (message, audience) in messages {
            let offset = is_logged(&message, &audience).then_some(next);
            next += u64::from(offset.is_some());
            routed.push(Routed { message, audience, offset });
        }
        self.mark(tx, &routed);
        let router = Arc::clone(self.router());
        let counters = Arc::clone(&self.counters);
        tx.after_commit(move |_| {
            for (counter, count) in counters.received.iter().zip(received) {
                counter.fetch_add(count, Ordering::Relaxed);
            }
            router.push(routed);
        });
        Ok(())
    }

    /// Marks the segments of the log in which something stands for sessions that may be away: they need not look at the others.
    fn mark(&self, tx: &mut Tx<'_>, routed: &[Routed]) {
        let (mut seats, mut groups) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        for Routed { audience, offset, .. } in routed {
            let Some(segment) = offset.map(|offset| offset >> SEGMENT) else { continue };
            if !seen.insert((Arc::as_ptr(audience), segment)) {
                continue;
            }
            for entry in &audience.direct {
                let seat = &entry.seat;
                let is_kept = seat.is_durable() && entry.is_logged();
                if is_kept && seat.is_unmarked(segment) {
                    tx.put(key::mark(seat.session(), segment), Vec::new());
                    seats.push((Arc::clone(seat), segment));
                }
            }
            for (group, _) in &audience.groups {
                if group.is_unmarked(segment) {
                    tx.put(key::mark(group.number(), segment), Vec::new());
                    groups.push((Arc::clone(group), segment));
                }
            }
        }
        if seats.is_empty() && groups.is_empty() {
            return;
        }
        tx.after_commit(move |_| {
            seats.iter().for_each(|(seat, segment)| seat.set_marked(*segment));
            groups.iter().for_each(|(group, segment)| group.set_marked(*segment));
        });
    }

    /// Notes from time to time how far the log is, so that it can be cut by bytes and by time.
    fn note(&self, tx: &mut Tx<'_>, offset: u64, size: u64) -> Result<(), Problem> {
        let wall = tx.wall();
        let held = *self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let place = LogPlace { at: wall, bytes: held.bytes };
        let is_due = held.noted.is_none_or(|noted| {
            NOTE_BYTES <= place.bytes.saturating_sub(noted.bytes)
                || noted.at.plus(NOTE_EVERY) <= wall
        });
        if is_due {
            tx.put(key::place(offset), wire::write(&place)?);
        }
        let log = Arc::clone(&self.log);
        tx.after_commit(move |_| {
            let mut held = log.lock().unwrap_or_else(PoisonError::into_inner);
            held.bytes += size;
            if is_due {
                held.noted = Some(place);
            }
        });
        Ok(())
    }

    /// Returns who hears a topic. It is remembered until a subscription changes, or what one may hear; where the policies were asked of the
    /// device, until a right or a device changes.
    fn audience(
        &self,
        read: &dyn Read,
        staged: &mut Staged,
        topic: &str,
        origin: &Origin,
    ) -> Result<Arc<Audience>, Problem> {
        let version = self.version.load(Ordering::SeqCst);
        let held =
            self.audiences.lock().unwrap_or_else(PoisonError::into_inner).get(topic).cloned();
        if let Some(audience) =
            held.filter(|held| held.version == version && held.origin == *origin)
            && (audience.asked.is_none() || audience.asked == Some(staged.epoch(read)?))
        {
            return Ok(audience);
        }
        let epoch = staged.epoch(read)?;
        let audience = Arc::new(self.gather(read, epoch, topic, origin)?);
        let mut audiences = self.audiences.lock().unwrap_or_else(PoisonError::into_inner);
        if self.config.audiences_max <= audiences.len() {
            audiences.clear();
        }
        audiences.insert(topic.into(), Arc::clone(&audience));
        Ok(audience)
    }

    fn gather(
        &self,
        read: &dyn Read,
        epoch: u64,
        topic: &str,
        origin: &Origin,
    ) -> Result<Audience, Problem> {
        let (mut hears, mut unknown) = (Hears::new(read), Vec::new());
        let audience = self.gather_known((&mut hears, epoch), topic, origin, &mut unknown)?;
        let (Origin::Topic(name), false) = (origin, unknown.is_empty()) else {
            return Ok(audience);
        };
        // The topic was declared after somebody subscribed to it who was not asked since.
        for (session, filter) in unknown {
            let Some(seat) = self.seat(session) else { continue };
            let is_allowed = rights::may_hear(read, seat.principal(), name)?;
            self.rescope(&seat, &filter, &mut |held| {
                held.scope.topics.insert(name.to_string(), is_allowed);
            });
        }
        self.gather_known((&mut hears, epoch), topic, origin, &mut Vec::new())
    }

    /// Returns who hears a topic, as far as it is known who may, or the policies say it of the device. The others are added to `unknown`.
    fn gather_known(
        &self,
        (hears, epoch): (&mut Hears<'_>, u64),
        name: &str,
        origin: &Origin,
        unknown: &mut Vec<(u64, Box<str>)>,
    ) -> Result<Audience, Problem> {
        let version = self.version.load(Ordering::SeqCst);
        let state = self.read_state();
        let mut found = Vec::new();
        state.tree.matching(name, &mut found);
        let mut direct: BTreeMap<u64, Vec<&Subscription>> = BTreeMap::new();
        let mut shared: BTreeMap<u64, Qos> = BTreeMap::new();
        let mut answers = HashMap::new();
        for subscription in found {
            let answer = match origin {
                Origin::Device(device) if subscription.scope.devices == Devices::Each => {
                    let Some(seat) = state.seats.get(&subscription.session) else { continue };
                    let is_heard = hears.device(seat.principal(), device)?;
                    answers.insert(subscription.session, is_heard);
                    Some(is_heard)
                }
                _ => None,
            };
            match (subscription.scope.allows(origin, answer), subscription.group) {
                (Some(false), _) => {}
                (None, _) => unknown.push((subscription.session, subscription.filter.clone())),
                (Some(true), None) => {
                    direct.entry(subscription.session).or_default().push(subscription);
                }
                (Some(true), Some(group)) => {
                    let qos = shared.entry(group).or_default();
                    *qos = subscription.qos.max(*qos);
                }
            }
        }
        let direct = entries(&state, name, &direct);
        let group = |(number, qos): (u64, Qos)| Some((Arc::clone(state.groups.get(&number)?), qos));
        let groups: Vec<(Arc<Group>, Qos)> = shared.into_iter().filter_map(group).collect();
        let is_logged = direct.iter().any(Entry::is_logged)
            || groups.iter().any(|(_, qos)| *qos != Qos::AtMostOnce);
        let asked = (!answers.is_empty()).then_some(epoch);
        let origin = origin.clone();
        Ok(Audience { version, asked, answers, origin, direct, groups, is_logged })
    }
}

/// Returns the sessions that hear a topic. What the unit says of a device its own client gets by other ways.
fn entries(state: &State, name: &str, direct: &BTreeMap<u64, Vec<&Subscription>>) -> Vec<Entry> {
    let device = topic::by_unit(name);
    let entry = |(session, subscriptions): (&u64, &Vec<&Subscription>)| {
        let seat = state.seats.get(session)?;
        let is_own = device.is_some() && seat.device() == device;
        if is_own { None } else { Entry::of(seat, subscriptions) }
    };
    direct.iter().filter_map(entry).collect()
}
