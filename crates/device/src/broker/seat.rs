//! A session as doors see it: what waits for its client in memory, how far it has come in the log, who is to be woken.
//!
//! A seat is there as long as its session is. It is changed after commits, by the router and by its connection; a lock is held for a few
//! instructions, never while somebody is woken and never together with that of a group. That of its subscriptions may be taken under that
//! of its state, never the other way round.

mod hearing;

pub use hearing::scopes_anew;
pub(crate) use hearing::{hears_itself, still_heard};

use super::audience::{Entry, Routed};
use super::group::Group;
use super::message::Message;
use super::rows::{Progress, SessionRow, Unasked};
use super::shared::Shared;
use super::track::{Offered, Track};
use super::tree::Subscription;
use crate::mqtt::{Delivery, Held, Left, Place, Qos, Stage, Version, reason};
use base::Time;
use kernel::Principal;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// What a connection is woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nudge {
    /// Messages wait.
    News,
    /// There is a command for the device.
    Commands,
    /// The desired state of the device has changed.
    Desired,
    /// The connection is to end.
    Ended {
        /// The reason code: taken over, ended by hand, no right any more, too far behind.
        code: u8,
    },
}

/// Wakes a connection. It must return at once.
pub type Wake = Arc<dyn Fn(Nudge) + Send + Sync>;

/// What [`Seat::take`] leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether more waits in the log: [`super::feed::read_on`] is to be asked.
    pub is_lagging: bool,
}

/// A session as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatShown {
    /// Its number.
    pub session: u64,
    /// The client identifier.
    pub client: String,
    /// Whose it is.
    pub principal: String,
    /// Whether it has a connection.
    pub connected: bool,
    /// Since when it is so, wall time.
    pub since: Time,
    /// How many messages wait for it.
    pub queued: u64,
    /// How many are on their way to its client.
    pub open: u64,
    /// How many have made way since the session began.
    pub dropped: u64,
}

/// One session.
pub struct Seat {
    session: u64,
    principal: Principal,
    client: Box<str>,
    shared: Arc<Shared>,
    is_durable: AtomicBool,
    /// Whether outgoing QoS 2 messages are kept in the store.
    has_held: AtomicBool,
    /// Rises whenever its subscriptions may hear something else than before.
    scopes: AtomicU64,
    /// As of how many changes of rights and devices it was looked at what its client may hear.
    asked: AtomicU64,
    /// The segment of the log, plus one, that was marked last.
    marked: AtomicU64,
    /// By their filters, as they were sent.
    subscriptions: RwLock<BTreeMap<Box<str>, Subscription>>,
    state: Mutex<State>,
}

struct State {
    version: Version,
    /// The connection that the store knows.
    opened: u64,
    connected: bool,
    since: Time,
    /// The connection that sits here.
    generation: u64,
    is_attached: bool,
    /// The older connection that has still to leave.
    awaited: Option<u64>,
    left: Option<Left>,
    /// The packet identifier with which a client that is away goes on; 0 where that is not known.
    packet_next: u16,
    wake: Option<Wake>,
    is_woken: bool,
    queue: VecDeque<Delivery>,
    bytes: usize,
    track: Track,
    /// Bytes of what waits in the log, about.
    waiting_bytes: u64,
    /// What the client may have, as it stood in the store when the session was opened.
    held: BTreeSet<Place>,
    groups: BTreeMap<u64, Arc<Group>>,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "seat {} of {}", self.session, self.principal)
    }
}

impl Seat {
    pub(crate) fn new(row: &SessionRow, shared: Arc<Shared>, track: Track) -> Self {
        Self {
            session: row.number,
            principal: row.principal.clone(),
            client: row.client.as_str().into(),
            shared,
            is_durable: AtomicBool::new(row.is_durable),
            has_held: AtomicBool::new(false),
            scopes: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            marked: AtomicU64::new(0),
            subscriptions: RwLock::default(),
            state: Mutex::new(State {
                version: row.version,
                opened: 0,
                connected: false,
                since: row.since,
                generation: 0,
                is_attached: false,
                awaited: None,
                left: None,
                packet_next: 0,
                wake: None,
                is_woken: false,
                queue: VecDeque::new(),
                bytes: 0,
                track,
                waiting_bytes: 0,
                held: BTreeSet::new(),
                groups: BTreeMap::new(),
            }),
        }
    }

    /// Returns the session's number.
    pub fn session(&self) -> u64 {
        self.session
    }

    /// Returns whose it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns the client identifier.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// Returns the device whose session it is, where it is one's.
    pub fn device(&self) -> Option<&str> {
        match &self.principal {
            Principal::Device(name) => Some(name),
            _ => None,
        }
    }

    /// Returns whether it outlives its connection.
    pub fn is_durable(&self) -> bool {
        self.is_durable.load(Ordering::SeqCst)
    }

    /// Seats a connection. What waits in memory goes back to the log, which is read again from where the client has it. Returns the state
    /// that the last connection has left, where it has left. Where [`Seat::is_left`] says that one has still to leave, a connection waits
    /// for that, and calls this again: what is left from then on comes too late.
    pub fn attach(&self, generation: u64, wake: Wake) -> Option<Left> {
        let mut state = self.lock();
        if generation < state.generation.max(state.opened) {
            return None;
        }
        let left = state.left.take();
        let is_new = state.generation < generation;
        if !is_new {
            state.awaited = None;
        }
        let mut keeps = None;
        if is_new || left.is_some() {
            let held = match &left {
                Some(left) => places(left),
                None => std::mem::take(&mut state.held),
            };
            state.clear();
            state.track.leave(self.session, &offsets(&held));
            keeps = Some(held);
        }
        state.generation = generation;
        state.is_attached = true;
        state.is_woken = false;
        state.wake = Some(wake);
        let groups: Vec<Arc<Group>> = state.groups.values().cloned().collect();
        drop(state);
        if let Some(keeps) = keeps {
            self.left_groups(&groups, &keeps);
        }
        left
    }

    /// Takes what a connection leaves to the next one.
    pub fn left(&self, generation: u64, left: Left) {
        self.gone(generation, &places(&left), Some(left));
    }

    /// Takes note that a connection has gone before it has begun: its client has what stands in the store.
    pub fn vacate(&self, generation: u64, held: &[(u16, Place, Stage)]) {
        self.gone(generation, &held.iter().map(|(_, place, _)| *place).collect(), None);
    }

    fn gone(&self, generation: u64, keeps: &BTreeSet<Place>, left: Option<Left>) {
        let mut state = self.lock();
        let is_current = generation == state.generation;
        if !is_current && state.awaited != Some(generation) {
            return;
        }
        if is_current {
            state.is_attached = false;
            state.wake = None;
            state.clear();
            state.track.leave(self.session, &offsets(keeps));
            self.make_way(&mut state);
        }
        if left.is_some() {
            state.left = left;
        }
        if state.awaited == Some(generation) {
            state.awaited = None;
        }
        let groups: Vec<Arc<Group>> = state.groups.values().cloned().collect();
        drop(state);
        if is_current {
            self.left_groups(&groups, keeps);
            self.shared.note_dirty(self.session);
        }
    }

    /// What a connection had of groups and its client does not have is given back to them.
    fn left_groups(&self, groups: &[Arc<Group>], keeps: &BTreeSet<Place>) {
        for group in groups {
            group.left(self.session, keeps);
            self.part(group);
        }
    }

    /// Returns whether no older connection has still to leave.
    pub fn is_left(&self) -> bool {
        self.lock().awaited.is_none()
    }

    /// Takes messages that wait in memory, `room` at most.
    pub fn take(&self, room: usize, into: &mut Vec<Delivery>) -> Taken {
        let mut state = self.lock();
        state.is_woken = false;
        let count = room.min(state.queue.len());
        for delivery in state.queue.drain(..count).collect::<Vec<_>>() {
            state.bytes = state.bytes.saturating_sub(delivery.message.size());
            into.push(delivery);
        }
        self.shared.sent.fetch_add(count as u64, Ordering::Relaxed);
        let may_lag = count < room && state.queue.is_empty();
        if may_lag && state.track.is_waiting() {
            return Taken { is_lagging: true };
        }
        drop(state);
        let is_waiting = |group: &Arc<Group>| group.is_waiting_for(self.session);
        Taken { is_lagging: may_lag && self.member_of().iter().any(is_waiting) }
    }

    /// Takes note that these need not be delivered again.
    pub fn handled(&self, places: &[Place]) {
        let mut shared_out: Vec<(Arc<Group>, u64)> = Vec::new();
        let mut state = self.lock();
        let mut has_changed = false;
        for place in places {
            match place {
                Place::Log(offset) => has_changed |= state.track.handled(*offset),
                Place::Group { group, offset } => {
                    shared_out
                        .extend(state.groups.get(group).map(|group| (Arc::clone(group), *offset)));
                }
                Place::Command(_) | Place::Desired(_) | Place::Retained | Place::None => {}
            }
        }
        drop(state);
        if has_changed && self.is_durable() {
            self.shared.note_dirty(self.session);
        }
        for (group, offset) in shared_out {
            group.handled(offset);
            self.part(&group);
        }
    }

    /// Returns how far the session has come in the log.
    pub fn progress(&self) -> Progress {
        let routed = self.shared.routed();
        self.lock().track.progress(routed)
    }

    /// Returns the session as it is shown.
    pub fn shown(&self) -> SeatShown {
        let state = self.lock();
        SeatShown {
            session: self.session,
            client: self.client.to_string(),
            principal: self.principal.to_string(),
            connected: state.connected,
            since: state.since,
            queued: state.track.queued() + state.queue.len() as u64,
            open: state.track.open() as u64,
            dropped: state.track.dropped(),
        }
    }

    /// Returns the protocol that its last connection spoke.
    pub fn version(&self) -> Version {
        self.lock().version
    }

    /// Returns whether messages are offered to it.
    pub(crate) fn is_attached(&self) -> bool {
        self.lock().is_attached
    }

    /// Returns the connection that the store knows, where it was opened in this process.
    pub(crate) fn opened(&self) -> u64 {
        self.lock().opened
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.lock().connected
    }

    /// Takes note that the session was opened. An older connection is to end.
    pub(crate) fn open(&self, row: &SessionRow, held: BTreeSet<Place>) {
        let mut state = self.lock();
        state.version = row.version;
        state.opened = row.generation;
        if state.connected {
            // What the connection before has left was not kept.
            state.packet_next = 0;
        }
        state.connected = true;
        state.since = row.since;
        self.has_held.store(!held.is_empty(), Ordering::SeqCst);
        state.held = held;
        let is_taken = state.is_attached && state.generation < row.generation;
        state.awaited = is_taken.then_some(state.generation);
        if is_taken {
            // Whatever stands here an earlier one has left: the present one went on without it.
            state.left = None;
        }
        let wake = state.wake.clone().filter(|_| is_taken);
        drop(state);
        self.is_durable.store(row.is_durable, Ordering::SeqCst);
        if let Some(wake) = wake {
            wake(Nudge::Ended { code: reason::TAKEN_OVER });
        }
    }

    /// Takes note that the session has no connection any more.
    pub(crate) fn close(&self, row: &SessionRow, held: BTreeSet<Place>) {
        let mut state = self.lock();
        state.connected = false;
        state.since = row.since;
        self.has_held.store(!held.is_empty(), Ordering::SeqCst);
        state.held = held;
        state.packet_next = state.left.as_ref().map_or(0, |left| left.outgoing.next);
        // What the store has need not stay in memory: who comes next finds it there.
        let is_stored =
            |held: &Held| matches!(held.delivery.place, Place::Log(_) | Place::Group { .. });
        if state.left.as_ref().is_some_and(|left| left.outgoing.held.values().all(is_stored)) {
            state.left = None;
        }
    }

    /// Returns the packet identifier that comes next for a client that has come back, 0 where that is not known.
    pub(crate) fn packet_next(&self) -> u16 {
        self.lock().packet_next
    }

    /// Takes note that the session is no more, or its connection is to end.
    pub(crate) fn end(&self, code: u8) {
        let wake = self.lock().wake.clone();
        if let Some(wake) = wake {
            wake(Nudge::Ended { code });
        }
    }

    /// Wakes the connection for something of its device.
    pub(crate) fn nudge(&self, nudge: Nudge) {
        let wake = self.lock().wake.clone();
        if let Some(wake) = wake {
            wake(nudge);
        }
    }

    /// Wakes the connection, where it was not woken since it has taken.
    pub(crate) fn wake(&self) {
        let wake = self.lock().waking();
        if let Some(wake) = wake {
            wake(Nudge::News);
        }
    }

    pub(crate) fn join(&self, group: Arc<Group>) {
        self.lock().groups.insert(group.number(), group);
        self.wake();
    }

    /// Lets go of its groups: the session is no more.
    pub(crate) fn groups_taken(&self) -> Vec<Arc<Group>> {
        std::mem::take(&mut self.lock().groups).into_values().collect()
    }

    /// Returns the groups of which its client may have something.
    pub(crate) fn groups(&self) -> Vec<Arc<Group>> {
        self.lock().groups.values().cloned().collect()
    }

    /// Returns the groups that it is a member of: those that it may read.
    pub(crate) fn member_of(&self) -> Vec<Arc<Group>> {
        let mut groups = self.groups();
        groups.retain(|group| self.is_member(group));
        groups
    }

    fn is_member(&self, group: &Group) -> bool {
        let held = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        held.contains_key(group.filter())
    }

    /// Lets go of a group that it is no member of any more and of which its client has nothing.
    pub(crate) fn part(&self, group: &Group) {
        if self.is_member(group) || group.with_track(|track| track.holds(self.session)) {
            return;
        }
        let mut state = self.lock();
        // Under the lock: who subscribes anew joins after his subscription is there.
        if !self.is_member(group) {
            state.groups.remove(&group.number());
        }
    }

    /// Takes the subscriptions that stand in the store, in place of those that it has.
    pub(crate) fn set_subscriptions(&self, subscriptions: Vec<Subscription>) {
        let named = subscriptions.into_iter().map(|held| (held.filter.clone(), held));
        let named: BTreeMap<Box<str>, Subscription> = named.collect();
        *self.subscriptions.write().unwrap_or_else(PoisonError::into_inner) = named;
        self.scopes.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn subscribe(&self, subscription: Subscription) {
        let mut held = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        held.insert(subscription.filter.clone(), subscription);
        drop(held);
        self.scopes.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn unsubscribe(&self, filter: &str) {
        let mut held = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        held.remove(filter);
        drop(held);
        self.scopes.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn subscriptions(&self) -> Vec<Subscription> {
        let held = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner);
        held.values().cloned().collect()
    }

    /// Changes what a subscription may hear. Returns whether there is such a one.
    pub(crate) fn rescope(&self, filter: &str, change: &mut dyn FnMut(&mut Subscription)) -> bool {
        let mut held = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        let Some(subscription) = held.get_mut(filter) else { return false };
        change(subscription);
        self.scopes.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// Returns the number that rises whenever its subscriptions may hear something else.
    pub(crate) fn scopes(&self) -> u64 {
        self.scopes.load(Ordering::SeqCst)
    }

    /// Offers a message that was committed.
    pub(crate) fn offer(&self, routed: &Routed, entry: &Entry) {
        let message = &routed.message;
        let found = if entry.scoped == self.scopes() && routed.is_as_of(self) {
            Ok(entry.merged(message, self.session).cloned())
        } else {
            self.merged(message, routed.offset, routed.answer(self))
        };
        let merged = match found {
            Ok(Some(merged)) => merged,
            Ok(None) => return,
            Err(Unasked) => return self.defer(routed, entry),
        };
        let qos = message.qos.min(merged.qos);
        let offset = routed.offset.filter(|_| qos != Qos::AtMostOnce);
        let mut state = self.lock();
        let has_room = state.has_room(&self.shared);
        let place = match offset {
            None if !has_room => {
                if state.is_attached {
                    self.shared.dropped_full.fetch_add(1, Ordering::Relaxed);
                }
                return;
            }
            None => Place::None,
            Some(offset) => match state.track.offer(offset, self.session, has_room) {
                Offered::Known => return,
                Offered::Missed => {
                    self.missed(state, message);
                    return;
                }
                Offered::Taken => Place::Log(offset),
            },
        };
        let mut delivery = merged.delivery(Arc::clone(message), place);
        if place == Place::None {
            // It stands in no log: what is not acknowledged could not be found again.
            delivery.qos = Qos::AtMostOnce;
        }
        let wake = state.push(delivery);
        drop(state);
        if let Some(wake) = wake {
            wake(Nudge::News);
        }
    }

    /// Has a message wait in the log of which it is to be asked anew whether it is heard: whoever reads the log asks.
    fn defer(&self, routed: &Routed, entry: &Entry) {
        let Some(offset) = routed.offset.filter(|_| entry.is_logged()) else { return };
        let mut state = self.lock();
        if state.track.offer(offset, self.session, false) == Offered::Missed {
            self.missed(state, &routed.message);
        }
    }

    /// Takes a message of a group, where there is room.
    pub(crate) fn push_shared(&self, delivery: Delivery) -> bool {
        let mut state = self.lock();
        let is_known = match delivery.place {
            Place::Group { group, .. } => state.groups.contains_key(&group),
            _ => true,
        };
        if !is_known || !state.has_room(&self.shared) {
            return false;
        }
        let wake = state.push(delivery);
        drop(state);
        if let Some(wake) = wake {
            wake(Nudge::News);
        }
        true
    }

    /// A message waits in the log: for a client that is away, or one that is slow.
    fn missed(&self, mut state: MutexGuard<'_, State>, message: &Message) {
        state.waiting_bytes += message.size() as u64;
        if !state.is_attached {
            self.make_way(&mut state);
            drop(state);
            self.shared.note_dirty(self.session);
            return;
        }
        let is_too_far = self.shared.lag_messages_max < state.track.queued();
        let wake = if is_too_far { state.wake.clone() } else { state.waking() };
        drop(state);
        if let Some(wake) = wake {
            wake(if is_too_far { Nudge::Ended { code: reason::QUOTA } } else { Nudge::News });
        }
    }

    /// Has the oldest make way where more waits for a client that is away than may.
    fn make_way(&self, state: &mut State) {
        let queued = state.track.queued();
        if queued == 0 {
            state.waiting_bytes = 0;
            return;
        }
        let each = (state.waiting_bytes / queued).max(1);
        let most = self.shared.session_messages_max.min(self.shared.session_bytes_max / each);
        let gone = state.track.limit(most);
        state.waiting_bytes = state.waiting_bytes.saturating_sub(gone * each);
        self.shared.dropped_old.fetch_add(gone, Ordering::Relaxed);
    }

    /// Does something with how far it has come.
    pub(crate) fn with_track<T>(&self, then: impl FnOnce(&mut Track) -> T) -> T {
        then(&mut self.lock().track)
    }

    /// Takes note of a segment of the log in which a message for it stands. Returns whether it was not marked yet.
    pub(crate) fn is_unmarked(&self, segment: u64) -> bool {
        self.marked.load(Ordering::SeqCst) != segment + 1
    }

    pub(crate) fn set_marked(&self, segment: u64) {
        self.marked.store(segment + 1, Ordering::SeqCst);
    }

    pub(crate) fn has_held(&self) -> bool {
        self.has_held.load(Ordering::SeqCst)
    }

    pub(crate) fn set_has_held(&self, has_held: bool) {
        self.has_held.store(has_held, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, shared: &Shared) -> bool {
        self.is_attached
            && self.queue.len() < shared.live_messages_max
            && self.bytes < shared.live_bytes_max
    }

    /// Queues a delivery; returns whom to wake.
    fn push(&mut self, delivery: Delivery) -> Option<Wake> {
        self.bytes += delivery.message.size();
        self.queue.push_back(delivery);
        self.waking()
    }

    fn waking(&mut self) -> Option<Wake> {
        if self.is_woken {
            return None;
        }
        let wake = self.wake.clone()?;
        self.is_woken = true;
        Some(wake)
    }

    fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.bytes = 0;
    }
}

fn bytes(queue: &VecDeque<Delivery>) -> usize {
    queue.iter().map(|delivery| delivery.message.size()).sum()
}

/// Returns where all that stands that a client may have.
fn places(left: &Left) -> BTreeSet<Place> {
    left.outgoing.held.values().map(|held| held.delivery.place).collect()
}

/// Returns the offsets of a session's own messages.
pub(crate) fn offsets(places: &BTreeSet<Place>) -> BTreeSet<u64> {
    let offset = |place: &Place| match place {
        Place::Log(offset) => Some(*offset),
        _ => None,
    };
    places.iter().filter_map(offset).collect()
}
