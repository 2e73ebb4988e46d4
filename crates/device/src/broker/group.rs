//! A shared subscription: each message goes to one of the members. A group has a place in the log of its own.

use super::audience::Routed;
use super::merged::Merged;
use super::message::Message;
use super::rights::Hears;
use super::rows::Progress;
use super::seat::Seat;
use super::shared::Shared;
use super::track::Track;
use crate::mqtt::{Place, Qos};
use base::Problem;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// One group.
pub(crate) struct Group {
    number: u64,
    /// As it is subscribed to: `$share/GROUP/FILTER`.
    filter: Box<str>,
    /// Messages before stand in the log for others.
    from: u64,
    shared: Arc<Shared>,
    /// The segment of the log, plus one, that was marked last.
    marked: AtomicU64,
    state: Mutex<State>,
}

struct State {
    members: Vec<Weak<Seat>>,
    /// Whose turn it is.
    turn: usize,
    track: Track,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "group {} of {}", self.number, self.filter)
    }
}

impl Group {
    pub(crate) fn new(
        number: u64,
        filter: &str,
        from: u64,
        shared: Arc<Shared>,
        track: Track,
    ) -> Self {
        let state = State { members: Vec::new(), turn: 0, track };
        let (marked, state) = (AtomicU64::new(0), Mutex::new(state));
        Self { number, filter: filter.into(), from, shared, marked, state }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn filter(&self) -> &str {
        &self.filter
    }

    pub(crate) fn from(&self) -> u64 {
        self.from
    }

    pub(crate) fn join(&self, seat: &Arc<Seat>) {
        let mut state = self.lock();
        let is_other =
            |held: &Weak<Seat>| held.upgrade().is_some_and(|held| held.session() != seat.session());
        state.members.retain(is_other);
        state.members.push(Arc::downgrade(seat));
    }

    /// Lets a member go. What it has not acknowledged goes to another, but for what it was sent at QoS 2: that is never sent twice.
    /// Returns whether members are left.
    pub(crate) fn leave(&self, session: u64, sent: &BTreeSet<Place>) -> bool {
        let sent = self.offsets(sent);
        let mut state = self.lock();
        state.members.retain(|held| held.upgrade().is_some_and(|held| held.session() != session));
        for offset in &sent {
            state.track.handled(*offset);
        }
        state.track.leave(session, &BTreeSet::new());
        state.track.part(session);
        let has_members = !state.members.is_empty();
        drop(state);
        self.shared.note_dirty(self.number);
        self.wake_members();
        has_members
    }

    /// Lets a member go that has ended its subscription. What its client has already it may acknowledge. Returns whether members are left.
    pub(crate) fn unsubscribe(&self, session: u64) -> bool {
        let mut state = self.lock();
        state.members.retain(|held| held.upgrade().is_some_and(|held| held.session() != session));
        state.track.part(session);
        let has_members = !state.members.is_empty();
        drop(state);
        self.wake_members();
        has_members
    }

    /// Takes note that a connection has gone, or another has come: what its client does not have goes to another member.
    pub(crate) fn left(&self, session: u64, keeps: &BTreeSet<Place>) {
        let keeps = self.offsets(keeps);
        let is_waiting = {
            let mut state = self.lock();
            state.track.leave(session, &keeps);
            state.track.is_waiting()
        };
        if is_waiting {
            self.wake_members();
        }
    }

    /// Takes back what a member was to have and may not hear any more.
    pub(crate) fn give_back(&self, places: &[Place]) {
        let places = self.offsets(&places.iter().copied().collect());
        if places.is_empty() {
            return;
        }
        let mut state = self.lock();
        places.into_iter().for_each(|offset| state.track.put_back(offset));
        drop(state);
        self.wake_members();
    }

    fn offsets(&self, places: &BTreeSet<Place>) -> BTreeSet<u64> {
        let own = |place: &Place| match place {
            Place::Group { group, offset } if *group == self.number => Some(*offset),
            _ => None,
        };
        places.iter().filter_map(own).collect()
    }

    /// Takes note that a message is done.
    pub(crate) fn handled(&self, offset: u64) {
        if self.lock().track.handled(offset) {
            self.shared.note_dirty(self.number);
        }
    }

    /// Returns whether something waits for a member that has room.
    pub(crate) fn is_waiting_for(&self, session: u64) -> bool {
        self.lock().track.is_waiting_for(session)
    }

    /// Returns a member that may hear a message: one that is there before one that is away.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn member_for(
        &self,
        hears: &mut Hears<'_>,
        message: &Message,
    ) -> Result<Option<Arc<Seat>>, Problem> {
        let mut first = None;
        for seat in self.members() {
            let merged = hears.answer(seat.principal(), &message.origin, |asked| {
                seat.merged_shared(&self.filter, message, asked)
            })?;
            match merged {
                Some(_) if seat.is_attached() => return Ok(Some(seat)),
                Some(_) => first = first.or(Some(seat)),
                None => {}
            }
        }
        Ok(first)
    }

    /// Keeps a message, which another has taken who may not hear it, for a member that may.
    pub(crate) fn keep_for(&self, seat: &Seat, offset: u64) {
        let number = seat.session();
        let is_it = |held: &Weak<Seat>| held.upgrade().is_some_and(|held| held.session() == number);
        let mut state = self.lock();
        if state.members.iter().any(is_it) {
            let gone = state.track.keep(offset, number, self.shared.session_messages_max);
            drop(state);
            self.shared.dropped_old.fetch_add(gone, Ordering::Relaxed);
            seat.wake();
        } else {
            // It has gone meanwhile.
            state.track.put_back(offset);
            drop(state);
            self.wake_members();
        }
        self.shared.note_dirty(self.number);
    }

    pub(crate) fn progress(&self) -> Progress {
        let routed = self.shared.routed();
        self.lock().track.progress(routed)
    }

    /// Does something with how far it has come.
    pub(crate) fn with_track<T>(&self, then: impl FnOnce(&mut Track) -> T) -> T {
        then(&mut self.lock().track)
    }

    pub(crate) fn is_unmarked(&self, segment: u64) -> bool {
        self.marked.load(Ordering::SeqCst) != segment + 1
    }

    pub(crate) fn set_marked(&self, segment: u64) {
        self.marked.store(segment + 1, Ordering::SeqCst);
    }

    /// Offers a message that was committed to one of the members: those that are there, in turn, as far as they have room.
    pub(crate) fn offer(&self, routed: &Routed) {
        let members: Vec<Arc<Seat>> =
            self.in_turn().into_iter().filter(|seat| seat.is_attached()).collect();
        let Some(offset) = routed.offset else {
            self.give(&members, routed, None);
            return;
        };
        let mut state = self.lock();
        if state.track.is_known(offset) {
            return;
        }
        if members.is_empty() || state.track.is_waiting() {
            state.track.offer(offset, 0, false);
            if members.is_empty() {
                let gone = state.track.limit(self.shared.session_messages_max);
                self.shared.dropped_old.fetch_add(gone, Ordering::Relaxed);
            }
            drop(state);
            self.shared.note_dirty(self.number);
            members.iter().for_each(|seat| seat.wake());
            return;
        }
        // Before somebody has it, so that he cannot acknowledge it earlier.
        state.track.take(offset, 0);
        drop(state);
        if !self.give(&members, routed, Some(offset)) {
            self.lock().track.put_back(offset);
            members.iter().for_each(|seat| seat.wake());
        }
    }

    /// Gives a message to the first member that may hear it, as far as that was asked, and has room.
    fn give(&self, members: &[Arc<Seat>], routed: &Routed, offset: Option<u64>) -> bool {
        let message = &routed.message;
        for seat in members {
            let merged = seat.merged_shared(&self.filter, message, routed.answer(seat));
            let Ok(Some(merged)) = merged else { continue };
            if self.give_to(seat, &merged, message, offset) {
                return true;
            }
        }
        false
    }

    fn give_to(
        &self,
        seat: &Seat,
        merged: &Merged,
        message: &Arc<Message>,
        offset: Option<u64>,
    ) -> bool {
        let place = match offset {
            Some(offset) => Place::Group { group: self.number, offset },
            None => Place::None,
        };
        let delivery = merged.delivery(Arc::clone(message), place);
        let is_unacknowledged = delivery.qos == Qos::AtMostOnce;
        if let Some(offset) = offset {
            self.lock().track.take(offset, seat.session());
        }
        let is_given = seat.push_shared(delivery);
        if let Some(offset) = offset.filter(|_| is_given && is_unacknowledged) {
            self.handled(offset);
        }
        is_given
    }

    /// Returns the members, beginning with the one whose turn it is.
    fn in_turn(&self) -> Vec<Arc<Seat>> {
        let mut state = self.lock();
        state.turn = state.turn.wrapping_add(1);
        let turn = state.turn;
        let mut members: Vec<Arc<Seat>> = state.members.iter().filter_map(Weak::upgrade).collect();
        drop(state);
        if !members.is_empty() {
            let first = turn % members.len();
            members.rotate_left(first);
        }
        members
    }

    fn members(&self) -> Vec<Arc<Seat>> {
        self.lock().members.iter().filter_map(Weak::upgrade).collect()
    }

    fn wake_members(&self) {
        self.members().iter().for_each(|seat| seat.wake());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
