//! How far a session, or a group of them, has come in the log of messages. Pure.
//!
//! Before `next` everything was taken, or was not for it. What was taken is *under way* until it is acknowledged; what was taken by a
//! connection that has gone without it is *given back*, and comes before all else. Where something came that could not be taken at once,
//! because nobody was there or his queue was full, the log is *behind*: it is read from `next` on until it is past the last such message.
//! What only some members of a group may hear is *kept* for one of them: it holds up no other.

use super::rows::Progress;
use std::collections::{BTreeMap, BTreeSet};

/// How far a session or group has come.
#[derive(Debug, Default)]
pub(crate) struct Track {
    next: u64,
    /// Behind the last message that could not be taken when it came.
    missed: u64,
    /// What was taken, by which session.
    under_way: BTreeMap<u64, u64>,
    given_back: BTreeSet<u64>,
    /// What is kept for one session, by sessions; none of the lists is empty.
    kept: BTreeMap<u64, BTreeSet<u64>>,
    /// What is done from `next` on: its client had it already when the unit was started again. It is not read again.
    done: BTreeSet<u64>,
    skip: u64,
    dropped: u64,
    queued: u64,
}

/// What becomes of a message that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It is taken.
    Taken,
    /// It waits in the log.
    Missed,
    /// It was taken before.
    Known,
}

impl Track {
    /// Returns the track of who begins at an offset.
    pub(crate) fn at(offset: u64) -> Self {
        Self { next: offset, ..Self::default() }
    }

    /// Returns the track that stands in the store. `missed` is behind the last message that may be for it.
    pub(crate) fn stored(progress: Progress, missed: u64) -> Self {
        let Progress { cursor, open, skip, dropped, queued, done } = progress;
        Self {
            next: cursor,
            missed,
            under_way: BTreeMap::new(),
            given_back: open,
            kept: BTreeMap::new(),
            done,
            skip,
            dropped,
            queued,
        }
    }

    /// Takes note of a message that comes. It is taken where there is room and nothing waits before it.
    pub(crate) fn offer(&mut self, offset: u64, by: u64, has_room: bool) -> Offered {
        if self.is_known(offset) {
            return Offered::Known;
        }
        if self.is_waiting() || !has_room {
            if self.missed <= self.next {
                // Nothing before it waits in the log: what came since was taken, or was for others.
                self.pass(offset);
            }
            self.missed = offset + 1;
            self.queued += 1;
            return Offered::Missed;
        }
        self.take(offset, by);
        Offered::Taken
    }

    /// Takes a message: it is under way.
    pub(crate) fn take(&mut self, offset: u64, by: u64) {
        // Whoever was about to take it may have gone, and given it back.
        self.given_back.remove(&offset);
        self.pass(offset + 1);
        self.under_way.insert(offset, by);
    }

    /// Takes a message that was read from the log. Returns false where it is not to be had: another has it, or it makes way.
    pub(crate) fn read(&mut self, offset: u64, by: u64) -> bool {
        if self.is_known(offset) {
            return false;
        }
        if 0 < self.skip {
            self.skip -= 1;
            self.pass(offset + 1);
            return false;
        }
        self.queued = self.queued.saturating_sub(1);
        self.take(offset, by);
        true
    }

    /// Takes note that the log was read up to an offset. What waited and was not found has gone.
    pub(crate) fn read_upto(&mut self, offset: u64) {
        self.pass(offset);
        if self.missed <= self.next {
            self.dropped += std::mem::take(&mut self.queued);
            self.skip = 0;
        }
    }

    /// Goes on to an offset: nothing before it is read any more.
    fn pass(&mut self, offset: u64) {
        self.next = self.next.max(offset);
        while self.done.first().is_some_and(|done| *done < self.next) {
            self.done.pop_first();
        }
    }

    /// Returns from where the log is to be read, where something waits in it.
    pub(crate) fn behind(&self) -> Option<u64> {
        (self.next < self.missed).then_some(self.next)
    }

    /// Returns whether something waits for whoever comes first, in the log or given back.
    pub(crate) fn is_waiting(&self) -> bool {
        self.next < self.missed || !self.given_back.is_empty()
    }

    /// Returns whether something waits for a session, or for whoever comes first.
    pub(crate) fn is_waiting_for(&self, by: u64) -> bool {
        self.is_waiting() || self.kept.contains_key(&by)
    }

    /// Returns what a session can take again, kept for it or given back, so much at most.
    pub(crate) fn given_back(&self, by: u64, count: usize) -> Vec<u64> {
        let kept = self.kept.get(&by).into_iter().flatten().take(count);
        let mut offsets: Vec<u64> =
            kept.chain(self.given_back.iter().take(count)).copied().collect();
        offsets.sort_unstable();
        offsets.truncate(count);
        offsets
    }

    /// Takes again what was given back, or kept for this session. Returns false where another has it.
    pub(crate) fn take_again(&mut self, offset: u64, by: u64) -> bool {
        let is_mine = self.given_back.remove(&offset) || self.take_kept(offset, by);
        if is_mine {
            self.under_way.insert(offset, by);
        }
        is_mine
    }

    fn take_kept(&mut self, offset: u64, by: u64) -> bool {
        let Some(kept) = self.kept.get_mut(&by) else { return false };
        let was_kept = kept.remove(&offset);
        if kept.is_empty() {
            self.kept.remove(&by);
        }
        was_kept
    }

    /// Keeps what was taken for one session, because nobody else may hear it. Where that are more than `most`, the oldest make way;
    /// returns how many have.
    pub(crate) fn keep(&mut self, offset: u64, by: u64, most: u64) -> u64 {
        if self.under_way.remove(&offset).is_none() {
            return 0;
        }
        let kept = self.kept.entry(by).or_default();
        kept.insert(offset);
        let most = usize::try_from(most.max(1)).unwrap_or(usize::MAX);
        let mut gone = 0;
        while most < kept.len() && kept.pop_first().is_some() {
            gone += 1;
        }
        self.dropped += gone;
        gone
    }

    /// Gives back what is kept for a session: it is no member any more.
    pub(crate) fn part(&mut self, by: u64) {
        self.given_back.extend(self.kept.remove(&by).unwrap_or_default());
    }

    /// Returns whether a session has something under way.
    pub(crate) fn holds(&self, by: u64) -> bool {
        self.under_way.values().any(|held| *held == by)
    }

    /// Takes note that a message is done, or cannot be had any more.
    pub(crate) fn handled(&mut self, offset: u64) -> bool {
        let was_open = self.under_way.remove(&offset).is_some() | self.given_back.remove(&offset);
        if was_open && self.next <= offset {
            self.done.insert(offset);
        }
        was_open
    }

    /// Gives back what was taken, for whoever takes it next.
    pub(crate) fn put_back(&mut self, offset: u64) {
        if self.under_way.remove(&offset).is_some() {
            self.given_back.insert(offset);
        }
    }

    /// Gives back what a session has under way, but for what its client still has.
    pub(crate) fn leave(&mut self, by: u64, keeps: &BTreeSet<u64>) {
        let is_left = |offset: &u64, held: &u64| *held == by && !keeps.contains(offset);
        let left: Vec<u64> = self
            .under_way
            .iter()
            .filter(|(offset, held)| is_left(offset, held))
            .map(|(offset, _)| *offset)
            .collect();
        for offset in left {
            self.under_way.remove(&offset);
            self.given_back.insert(offset);
        }
        // Also where it was given back, or was taken before the unit was started again.
        keeps.iter().for_each(|offset| self.hold(*offset, by));
    }

    /// Takes note that a client has a message, whatever was known of it.
    pub(crate) fn hold(&mut self, offset: u64, by: u64) {
        self.given_back.remove(&offset);
        self.kept.retain(|_, kept| {
            kept.remove(&offset);
            !kept.is_empty()
        });
        self.under_way.insert(offset, by);
    }

    /// Has the oldest make way where more than so many wait. Returns how many that are now.
    pub(crate) fn limit(&mut self, most: u64) -> u64 {
        let over = self.queued.saturating_sub(most);
        self.skip += over;
        self.dropped += over;
        self.queued -= over;
        over
    }

    /// Returns how many messages wait in the log.
    pub(crate) fn queued(&self) -> u64 {
        self.queued
    }

    /// Returns how many have made way.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns how many are under way, given back or kept.
    pub(crate) fn open(&self) -> usize {
        let kept: usize = self.kept.values().map(BTreeSet::len).sum();
        self.under_way.len() + self.given_back.len() + kept
    }

    /// Takes note that the log begins at an offset now.
    pub(crate) fn trimmed(&mut self, offset: u64) {
        self.under_way = self.under_way.split_off(&offset);
        self.given_back = self.given_back.split_off(&offset);
        self.kept.retain(|_, kept| {
            *kept = kept.split_off(&offset);
            !kept.is_empty()
        });
        self.read_upto(offset);
    }

    /// Returns the first offset that is still needed. `routed` is how far messages were offered to everybody.
    pub(crate) fn least(&self, routed: u64) -> u64 {
        let open = self.under_way.keys().next().into_iter().chain(self.given_back.first());
        let kept = self.kept.values().filter_map(BTreeSet::first);
        open.chain(kept).copied().chain([self.cursor(routed)]).min().unwrap_or_default()
    }

    /// Returns how far it has come, as it is stored.
    pub(crate) fn progress(&self, routed: u64) -> Progress {
        Progress {
            cursor: self.cursor(routed),
            open: self
                .under_way
                .keys()
                .chain(&self.given_back)
                .chain(self.kept.values().flatten())
                .copied()
                .collect(),
            skip: self.skip,
            dropped: self.dropped,
            queued: self.queued,
            done: self.done.clone(),
        }
    }

    fn cursor(&self, routed: u64) -> u64 {
        // Where nothing waits, whatever came and was not taken was not for it.
        if self.missed <= self.next { self.next.max(routed) } else { self.next }
    }

    /// Returns whether a message was taken, or passed by.
    pub(crate) fn is_known(&self, offset: u64) -> bool {
        let is_had = || self.under_way.contains_key(&offset) || self.done.contains(&offset);
        offset < self.next || is_had()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: BTreeSet<u64> = BTreeSet::new();

    fn progress(track: &Track, routed: u64) -> (u64, Vec<u64>) {
        let progress = track.progress(routed);
        (progress.cursor, progress.open.into_iter().collect())
    }

    #[test]
    fn who_is_there_and_takes_all_is_where_the_log_ends() {
        let mut track = Track::at(10);
        assert_eq!(track.offer(12, 1, true), Offered::Taken);
        assert_eq!(track.offer(12, 1, true), Offered::Known);
        assert_eq!(progress(&track, 20), (20, vec![12]));
        assert_eq!(track.least(20), 12);
        assert!(track.handled(12) && !track.handled(12));
        assert_eq!((progress(&track, 20), track.least(20)), ((20, vec![]), 20));
    }

    #[test]
    fn what_finds_no_room_is_read_from_the_log_and_nothing_overtakes_it() {
        let mut track = Track::at(0);
        assert_eq!(track.offer(3, 1, false), Offered::Missed);
        assert_eq!(track.offer(5, 1, true), Offered::Missed, "3 comes first");
        assert_eq!((track.behind(), track.queued(), track.least(9)), (Some(3), 2, 3));
        assert!(track.read(3, 1));
        track.read_upto(4);
        assert_eq!((track.behind(), progress(&track, 9)), (Some(4), (4, vec![3])));
        assert!(track.read(5, 1));
        track.read_upto(9);
        assert!(!track.is_waiting());
        assert_eq!((track.queued(), track.dropped()), (0, 0));
        assert_eq!(track.offer(8, 1, true), Offered::Known, "the log was read past it");
        assert_eq!(track.offer(9, 1, true), Offered::Taken);
    }

    #[test]
    fn the_log_is_read_from_the_first_that_was_missed_on() {
        let mut track = Track::at(0);
        track.offer(2, 1, true);
        track.handled(2);
        // What stood between was for others, or not wanted like that.
        assert_eq!(track.offer(9, 1, false), Offered::Missed);
        assert_eq!(track.offer(11, 1, true), Offered::Missed);
        assert_eq!(track.behind(), Some(9));
    }

    #[test]
    fn what_is_given_back_while_it_is_taken_is_there_once() {
        let mut track = Track::at(0);
        track.take(0, 7);
        track.leave(7, &NONE);
        track.take(0, 8);
        assert!(!track.is_waiting() && track.holds(8));
    }

    #[test]
    fn the_oldest_make_way_and_are_counted() {
        let mut track = Track::at(0);
        for offset in 0..5 {
            track.offer(offset, 1, false);
            track.limit(2);
        }
        assert_eq!((track.queued(), track.dropped()), (2, 3));
        let taken: Vec<u64> = (0..5).filter(|offset| track.read(*offset, 1)).collect();
        track.read_upto(5);
        assert_eq!((taken, track.dropped(), track.queued()), (vec![3, 4], 3, 0));
    }

    #[test]
    fn what_a_connection_leaves_comes_first_again() {
        let mut track = Track::at(0);
        for offset in 0..4 {
            track.offer(offset, 7, true);
        }
        track.leave(7, &BTreeSet::from([1]));
        assert_eq!(track.given_back(7, 9), [0, 2, 3]);
        assert_eq!(track.offer(4, 7, true), Offered::Missed);
        assert!(track.take_again(0, 7) && !track.take_again(0, 8));
        track.handled(2);
        // The connection has said late what its client has.
        track.leave(7, &BTreeSet::from([0, 1, 3]));
        assert_eq!(track.given_back(7, 9), Vec::<u64>::new());
        assert_eq!(progress(&track, 5), (4, vec![0, 1, 3]));
    }

    #[test]
    fn what_is_stored_goes_on_where_it_was() {
        let mut track = Track::at(0);
        track.offer(0, 7, true);
        track.offer(1, 7, true);
        track.offer(2, 7, false);
        track.handled(0);
        let mut again = Track::stored(track.progress(9), 9);
        assert_eq!((again.given_back(7, 9), again.behind(), again.queued()), (vec![1], Some(2), 1));
        again.leave(7, &NONE);
        assert!(again.take_again(1, 7) && again.read(2, 7));
    }

    #[test]
    fn what_a_client_has_is_not_read_again() {
        let mut track = Track::stored(Progress::default(), 3);
        track.hold(1, 7);
        let read: Vec<u64> = (0..3).filter(|offset| track.read(*offset, 8)).collect();
        assert_eq!(read, [0, 2]);
        track.handled(1);
        assert_eq!(progress(&track, 3), (3, vec![0, 2]));
    }

    #[test]
    fn what_a_client_has_is_not_read_again_once_it_is_done() {
        let mut track = Track::stored(Progress::default(), 3);
        track.hold(1, 7);
        assert!(track.handled(1));
        // Killed again, before the log was read so far.
        let mut track = Track::stored(track.progress(3), 3);
        let read: Vec<u64> = (0..3).filter(|offset| track.read(*offset, 8)).collect();
        assert_eq!(read, [0, 2]);
        assert!(track.progress(3).done.is_empty(), "the log was read past it");
    }

    #[test]
    fn what_only_one_may_hear_is_kept_for_it_and_holds_up_no_other() {
        let mut track = Track::at(0);
        for offset in 0..3 {
            track.offer(offset, 7, true);
            assert_eq!(track.keep(offset, 8, 2), u64::from(offset == 2));
        }
        assert_eq!(track.keep(1, 9, 2), 0, "it is not under way");
        assert!(!track.is_waiting_for(7) && track.is_waiting_for(8));
        assert_eq!((track.given_back(7, 9), track.given_back(8, 1)), (vec![], vec![1]));
        assert_eq!(track.offer(3, 7, true), Offered::Taken, "nobody waits for 8");
        assert_eq!((progress(&track, 4), track.least(4)), ((4, vec![1, 2, 3]), 1));
        assert_eq!((track.open(), track.dropped()), (3, 1));
        assert!(!track.take_again(1, 7) && track.take_again(1, 8));
        assert!(track.holds(8) && !track.holds(9));
        // What it was kept for is a member no more: another may be.
        track.part(8);
        assert_eq!(track.given_back(7, 9), [2]);
        assert!(track.take_again(2, 7) && !track.is_waiting_for(8));
    }

    #[test]
    fn what_is_kept_goes_with_the_log_and_to_who_has_it_already() {
        let mut track = Track::at(0);
        for offset in 0..4 {
            track.offer(offset, 7, true);
            track.keep(offset, 8, 9);
        }
        track.trimmed(1);
        track.leave(8, &BTreeSet::from([2]));
        assert_eq!(track.given_back(8, 9), [1, 3]);
        assert!(track.handled(2) && !track.is_waiting());
    }

    #[test]
    fn a_log_that_was_cut_takes_along_what_waited_in_it() {
        let mut track = Track::at(0);
        track.offer(0, 1, true);
        for offset in 1..4 {
            track.offer(offset, 1, false);
        }
        track.trimmed(4);
        assert_eq!((progress(&track, 4), track.dropped()), ((4, vec![]), 3));
        assert!(!track.is_waiting());
    }
}
