//! How memory is made of the rows: at the first use, and again after a commit that did not happen.

use super::group::Group;
use super::log::{LOG, SEGMENT};
use super::rows::{self, GroupRow, LogPlace, Progress, SessionRow, SubscriptionRow};
use super::seat::Seat;
use super::track::Track;
use super::tree::Subscription;
use super::{Broker, State, delivered, key, topic};
use crate::mqtt::{Place, reason};
use crate::wire;
use base::{Problem, prefix_end};
use kernel::Read;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// Sessions that are read in one go.
const PAGE: usize = 1_000;

impl Subscription {
    /// Returns a subscription as it stands in memory.
    pub(crate) fn of(session: u64, filter: &str, row: SubscriptionRow, group: Option<u64>) -> Self {
        let SubscriptionRow { qos, no_local, retain_as_published, identifier, from, scope } = row;
        Self {
            session,
            filter: filter.into(),
            group,
            qos,
            no_local,
            retain_as_published,
            identifier,
            from,
            scope,
        }
    }
}

impl Broker {
    /// Makes memory of the rows, where that is not done. Whoever changes a row calls this first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn ensure(&self, read: &dyn Read) -> Result<(), Problem> {
        if self.is_ready.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut was_loaded = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_ready.load(Ordering::SeqCst) {
            return Ok(());
        }
        if !*was_loaded {
            // Whatever stands in the log was offered to those who were there then.
            self.shared.routed.store(read.log_end(LOG)?, Ordering::SeqCst);
            self.load_log(read)?;
        }
        let state = self.load(read)?;
        let before = std::mem::replace(&mut *self.write_state(), state);
        *was_loaded = true;
        self.version.fetch_add(1, Ordering::SeqCst);
        self.is_ready.store(true, Ordering::SeqCst);
        for (number, seat) in before.seats {
            if self.seat(number).is_none() {
                seat.end(reason::UNAVAILABLE);
            }
        }
        Ok(())
    }

    fn load(&self, read: &dyn Read) -> Result<State, Problem> {
        let mut state = State::default();
        let shared = self.load_groups(read, &mut state)?;
        let mut from = key::sessions().bytes();
        let end = prefix_end(&from);
        loop {
            let pairs = read.scan(&from, &end, PAGE, false)?;
            for (_, bytes) in &pairs {
                self.load_session(read, &wire::read(bytes)?, &shared, &mut state)?;
            }
            match pairs.last() {
                Some((last, _)) if pairs.len() == PAGE => from = [last.as_slice(), &[0]].concat(),
                _ => return Ok(state),
            }
        }
    }

    /// Loads groups; returns their numbers by what is subscribed to.
    fn load_groups(
        &self,
        read: &dyn Read,
        state: &mut State,
    ) -> Result<HashMap<String, u64>, Problem> {
        let mut numbers = HashMap::new();
        for (stored, bytes) in read.scan_prefix(key::groups().as_ref(), usize::MAX)? {
            let Some((name, filter, None)) = key::of_group(&stored) else { continue };
            let row: GroupRow = wire::read(&bytes)?;
            let text = format!("$share/{name}/{filter}");
            let group = match self.group(row.number) {
                Some(group) => group,
                None => {
                    let track = stored_track(read, row.number)?;
                    let shared = Arc::clone(&self.shared);
                    Arc::new(Group::new(row.number, &text, row.from, shared, track))
                }
            };
            numbers.insert(text, row.number);
            state.groups.insert(row.number, group);
        }
        Ok(numbers)
    }

    fn load_session(
        &self,
        read: &dyn Read,
        row: &SessionRow,
        groups: &HashMap<String, u64>,
        state: &mut State,
    ) -> Result<(), Problem> {
        let seat = match self.seat(row.number) {
            Some(seat) => seat,
            None => {
                let track = stored_track(read, row.number)?;
                let seat = Arc::new(Seat::new(row, Arc::clone(&self.shared), track));
                hold_kept(read, &seat, state)?;
                seat
            }
        };
        let mut subscriptions = Vec::new();
        for (filter, held) in rows::subscriptions(read, row.number)? {
            let group = groups.get(&filter).copied().filter(|_| topic::share(&filter).is_some());
            let subscription = Subscription::of(row.number, &filter, held, group);
            state.tree.insert(subscription.clone());
            if let Some(group) = group.and_then(|group| state.groups.get(&group)) {
                group.join(&seat);
                seat.join(Arc::clone(group));
            }
            subscriptions.push(subscription);
        }
        seat.set_subscriptions(subscriptions);
        seat.set_has_held(!rows::held(read, row.number)?.is_empty());
        state.by_principal.entry(row.principal.clone()).or_default().insert(row.number);
        state.seats.insert(row.number, seat);
        Ok(())
    }

    fn load_log(&self, read: &dyn Read) -> Result<(), Problem> {
        let first = key::places();
        let last = read.scan(first.as_ref(), &prefix_end(first.as_ref()), 1, true)?;
        let Some((_, bytes)) = last.first() else { return Ok(()) };
        let place: LogPlace = wire::read(bytes)?;
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.bytes = place.bytes;
        log.noted = Some(place);
        Ok(())
    }
}

/// Takes note of what a client has that is kept for it: nobody is sent it anew, no other member of a group either.
fn hold_kept(read: &dyn Read, seat: &Seat, state: &State) -> Result<(), Problem> {
    let session = seat.session();
    let stored: Option<Progress> = rows::get(read, &key::progress(session))?;
    let progress = stored.unwrap_or_default();
    for (_, held) in rows::held(read, session)? {
        if delivered::is_over(read, &progress, held.place)? {
            continue;
        }
        match held.place {
            Place::Log(offset) => seat.with_track(|track| track.hold(offset, session)),
            Place::Group { group, offset } => {
                if let Some(group) = state.groups.get(&group) {
                    group.with_track(|track| track.hold(offset, session));
                }
            }
            Place::Command(_) | Place::Desired(_) | Place::Retained | Place::None => {}
        }
    }
    Ok(())
}

/// Returns how far a session or group has come by what stands in the store. Where no segment of the log is marked for it from there on, it
/// has come to the end.
fn stored_track(read: &dyn Read, number: u64) -> Result<Track, Problem> {
    let end = read.log_end(LOG)?;
    let stored: Option<Progress> = rows::get(read, &key::progress(number))?;
    let Some(mut progress) = stored else { return Ok(Track::at(end)) };
    let first = key::mark(number, progress.cursor >> SEGMENT);
    let marked = read.scan(first.as_ref(), &prefix_end(key::marks(number).as_ref()), 1, false)?;
    match marked.first().and_then(|(stored, _)| key::last(stored)) {
        Some(segment) => progress.cursor = progress.cursor.max(segment << SEGMENT),
        None => progress.cursor = end,
    }
    Ok(Track::stored(progress, end))
}
