//! What waits for the partition's thread: a line for each principal, and turns between them (deficit round robin; Shreedhar and
//! Varghese, 1995). Whoever has much waiting delays the others by no more than one batch. There are many more devices than anybody
//! else: while both wait, all devices together get half of a batch.
//!
//! A line may be as long as there is room left for others (dynamic thresholds; Choudhury and Hahne, 1998): one principal alone gets
//! half of the queue, two a third each, and whoever comes next always finds room.

use crate::Principal;
use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a batch may hold at most; it holds one at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Most {
    pub count: usize,
    pub cost: usize,
}

/// What came of waiting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// Some of what waits.
    Batch(Vec<T>),
    /// Nothing came in time.
    Idle,
    /// Nothing waits, and nothing will come.
    Closed,
}

/// Why something may not wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused<T> {
    /// So many wait already.
    Full(T, usize),
    /// Nobody takes anything any more.
    Closed(T),
}

struct Line<T> {
    waiting: VecDeque<(usize, T)>,
    /// What it may still take in this turn.
    credit: usize,
}

struct State<T> {
    lines: HashMap<Principal, Line<T>>,
    /// Whose turn it is, and who comes next: of everybody but devices, and of devices.
    rings: [VecDeque<Principal>; 2],
    /// The ring that begins the next batch.
    begins: usize,
    count: usize,
    is_closed: bool,
}

/// What waits, by principal.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    news: Condvar,
    count_max: usize,
    /// What a line may take when its turn comes.
    turn: usize,
}

impl<T> Queue<T> {
    pub(crate) fn new(count_max: usize, turn: usize) -> Self {
        let state = State {
            lines: HashMap::new(),
            rings: Default::default(),
            begins: 0,
            count: 0,
            is_closed: false,
        };
        Self { state: Mutex::new(state), news: Condvar::new(), count_max, turn: turn.max(1) }
    }

    /// Has something wait.
    ///
    /// # Errors
    /// What does not find room, given back.
    pub(crate) fn push(&self, who: &Principal, cost: usize, item: T) -> Result<(), Refused<T>> {
        let mut state = self.state();
        if state.is_closed {
            return Err(Refused::Closed(item));
        }
        let length = state.lines.get(who).map_or(0, |line| line.waiting.len());
        if self.count_max.saturating_sub(state.count) <= length {
            return Err(Refused::Full(item, state.count));
        }
        match state.lines.get_mut(who) {
            Some(line) => line.waiting.push_back((cost, item)),
            None => {
                let line = Line { waiting: VecDeque::from([(cost, item)]), credit: 0 };
                state.lines.insert(who.clone(), line);
                state.rings[ring_of(who)].push_back(who.clone());
            }
        }
        state.count += 1;
        let is_first = state.count == 1;
        drop(state);
        if is_first {
            self.news.notify_one();
        }
        Ok(())
    }

    /// Takes some of what waits, or waits for it. `most` hears how many lines there are.
    pub(crate) fn next(&self, timeout: Duration, most: impl FnOnce(usize) -> Most) -> Next<T> {
        let is_waiting = |state: &mut State<T>| state.count == 0 && !state.is_closed;
        let (mut state, _) = self
            .news
            .wait_timeout_while(self.state(), timeout, is_waiting)
            .unwrap_or_else(PoisonError::into_inner);
        if 0 < state.count {
            let most = most(state.lines.len());
            return Next::Batch(state.take(most, self.turn));
        }
        if state.is_closed { Next::Closed } else { Next::Idle }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state().count == 0
    }

    /// Takes nothing more in; what waits is still given out.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.news.notify_all();
    }

    /// Takes nothing more in, and drops what waits.
    pub(crate) fn abandon(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.count = 0;
        state.rings.iter_mut().for_each(VecDeque::clear);
        let lines = std::mem::take(&mut state.lines);
        drop(state);
        // Outside of the lock: whoever waits for these may do anything when he hears that they are gone.
        drop(lines);
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which ring a principal stands in.
fn ring_of(who: &Principal) -> usize {
    usize::from(matches!(who, Principal::Device(_)))
}

/// What was taken so far.
struct Taken<T> {
    batch: Vec<T>,
    cost: usize,
}

impl<T> Taken<T> {
    fn has_room(&self, most: Most) -> bool {
        self.batch.is_empty() || self.batch.len() < most.count && self.cost < most.cost
    }
}

impl<T> State<T> {
    fn take(&mut self, most: Most, turn: usize) -> Vec<T> {
        let mut taken = Taken { batch: Vec::new(), cost: 0 };
        let (first, second) = (self.begins, 1 - self.begins);
        if !self.rings[second].is_empty() {
            let half = Most { count: most.count.div_ceil(2), cost: most.cost.div_ceil(2) };
            self.take_of(first, half, turn, &mut taken);
            // What costs more than the half by itself leaves the others theirs all the same.
            let cost = most.cost.max(taken.cost.saturating_add(half.cost));
            self.take_of(second, Most { cost, ..most }, turn, &mut taken);
        }
        self.take_of(first, most, turn, &mut taken);
        self.begins = second;
        self.count -= taken.batch.len();
        taken.batch
    }

    /// Takes from the lines of a ring, until there is as much as may be.
    fn take_of(&mut self, ring: usize, most: Most, turn: usize, taken: &mut Taken<T>) {
        while taken.has_room(most)
            && let Some(who) = self.rings[ring].pop_front()
        {
            let Some(line) = self.lines.get_mut(&who) else { continue };
            line.credit += turn;
            while taken.has_room(most)
                && let Some((own, item)) = line.affordable()
            {
                taken.cost += own;
                taken.batch.push(item);
            }
            match line.waiting.front() {
                // What is left of a turn is lost with the line: nobody saves up while he has nothing to do.
                None => {
                    self.lines.remove(&who);
                }
                Some((own, _)) => {
                    line.credit = line.credit.min(own.saturating_add(turn));
                    self.rings[ring].push_back(who);
                }
            }
        }
    }
}

impl<T> Line<T> {
    /// Takes the first of the line, where its credit is enough.
    fn affordable(&mut self) -> Option<(usize, T)> {
        let (cost, _) = self.waiting.front()?;
        self.credit = self.credit.checked_sub(*cost)?;
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Entropy, SeededEntropy};

    const TURN: usize = 8;
    const MOST: Most = Most { count: 256, cost: 256 };

    fn user(name: usize) -> Principal {
        Principal::User(format!("u{name}"))
    }

    fn batch<T>(queue: &Queue<T>) -> Vec<T> {
        match queue.next(Duration::ZERO, |_| MOST) {
            Next::Batch(batch) => batch,
            Next::Idle | Next::Closed => Vec::new(),
        }
    }

    #[test]
    fn a_backlog_of_one_delays_another_by_no_more_than_one_batch() {
        let queue = Queue::new(10_000, TURN);
        for number in 0..4_000 {
            queue.push(&user(0), 1, (0, number)).expect("there is room");
        }
        assert_eq!(batch(&queue).len(), MOST.count);
        queue.push(&user(1), 1, (1, 0)).expect("there is room");
        let next = batch(&queue);
        let place = next.iter().position(|(who, _)| *who == 1);
        assert!(place.is_some_and(|place| place <= 2 * TURN), "{place:?}");
    }

    #[test]
    fn all_devices_together_leave_half_of_a_batch_to_others() {
        let queue = Queue::new(100_000, TURN);
        for number in 0..200 {
            let meter = Principal::Device(format!("m{number}"));
            (0..20).for_each(|_| queue.push(&meter, TURN, 0).expect("there is room"));
        }
        (0..4_000).for_each(|_| queue.push(&user(0), 1, 1).expect("there is room"));
        let (mut devices, mut others) = (0, 0);
        for _ in 0..20 {
            for who in batch(&queue) {
                if who == 0 { devices += TURN } else { others += 1 }
            }
        }
        assert!(MOST.cost * 9 <= devices && MOST.cost * 9 <= others, "{devices} and {others}");
        let meter = Principal::Device("alone".into());
        let queue = Queue::new(100_000, TURN);
        (0..4_000).for_each(|_| queue.push(&meter, 1, 0).expect("there is room"));
        assert_eq!(batch(&queue).len(), MOST.count, "alone they get all");
    }

    #[test]
    fn a_call_of_a_device_that_is_longer_than_a_batch_leaves_others_in_it() {
        let queue = Queue::new(100_000, TURN);
        let meter = Principal::Device("m".into());
        for _ in 0..4 {
            queue.push(&meter, 10 * MOST.cost, 0).expect("there is room");
            queue.push(&user(0), 1, 1).expect("there is room");
            assert!(batch(&queue).contains(&1));
        }
    }

    #[test]
    fn whoever_comes_next_finds_room() {
        let queue = Queue::new(1_000, TURN);
        let fill =
            |who: usize| (0..2_000).take_while(|_| queue.push(&user(who), 1, ()).is_ok()).count();
        assert_eq!(fill(0), 500);
        assert_eq!(fill(1), 250);
        assert_eq!(fill(2), 125);
        assert!(matches!(queue.push(&user(0), 1, ()), Err(Refused::Full((), 875))));
        assert!(queue.push(&user(3), 1, ()).is_ok());
    }

    #[test]
    fn a_closed_queue_gives_out_what_waits_and_an_abandoned_one_does_not() {
        let queue = Queue::new(10, TURN);
        assert_eq!(queue.next(Duration::ZERO, |_| MOST), Next::Idle);
        queue.push(&user(0), 1, 7).expect("there is room");
        queue.close();
        assert_eq!(queue.push(&user(0), 1, 8), Err(Refused::Closed(8)));
        assert_eq!(queue.next(Duration::ZERO, |_| MOST), Next::Batch(vec![7]));
        assert_eq!(queue.next(Duration::ZERO, |_| MOST), Next::Closed);
        let queue = Queue::new(10, TURN);
        queue.push(&user(0), 1, 7).expect("there is room");
        queue.abandon();
        assert_eq!(queue.next(Duration::ZERO, |_| MOST), Next::Closed);
    }

    /// What waits, as a model holds it: the costs and numbers of each line.
    type Model = Vec<VecDeque<(usize, u64)>>;

    /// Lets principals come at random, and holds every batch against what the queue promises.
    fn check_promises(seed: u64) {
        let entropy = SeededEntropy::new(seed);
        let random = |most: usize| usize::try_from(entropy.number() % most as u64).unwrap_or(0);
        let (queue, principals) = (Queue::new(100_000, TURN), 2 + random(12));
        let (mut model, mut number): (Model, u64) = (vec![VecDeque::new(); principals], 0);
        for _ in 0..200 {
            for _ in 0..random(200) {
                // One of them sends most of it.
                let who = if random(3) == 0 { random(principals) } else { 0 };
                let cost = 1 + random(TURN);
                number += 1;
                queue.push(&user(who), cost, (who, cost, number)).expect("there is room");
                model[who].push_back((cost, number));
            }
            let waited: Vec<bool> = model.iter().map(|line| !line.is_empty()).collect();
            let taken = batch(&queue);
            let mut given = vec![0; principals];
            for (who, cost, number) in &taken {
                assert_eq!(
                    model[*who].pop_front(),
                    Some((*cost, *number)),
                    "seed {seed}: in order"
                );
                given[*who] += cost;
            }
            // A line takes less than three turns at once (what it had left comes to it), so all have theirs in one batch.
            for who in (0..principals).filter(|who| waited[*who]) {
                assert!(
                    0 < given[who],
                    "seed {seed}: {who} of {principals} had to wait: {given:?}"
                );
            }
            let total: usize = given.iter().sum();
            let is_cut = taken.len() == MOST.count || MOST.cost <= total;
            assert!(is_cut || model.iter().all(VecDeque::is_empty), "seed {seed}: room was left");
        }
    }

    #[test]
    fn every_line_that_waits_is_in_every_batch_and_keeps_its_order() {
        (0..100).for_each(check_promises);
    }

    #[test]
    fn who_sends_long_ones_gets_no_more_than_who_sends_short_ones() {
        let queue = Queue::new(100_000, TURN);
        for _ in 0..10_000 {
            queue.push(&user(0), 3 * TURN, 0).expect("there is room");
            queue.push(&user(1), 1, 1).expect("there is room");
            queue.push(&user(1), 1, 1).expect("there is room");
        }
        let mut given = [0_usize; 2];
        for _ in 0..100 {
            for who in batch(&queue) {
                given[who] += if who == 0 { 3 * TURN } else { 1 };
            }
        }
        assert!(given[0].abs_diff(given[1]) <= 100 * TURN, "{given:?}");
        assert!(0 < given[0] && 0 < given[1]);
    }
}
