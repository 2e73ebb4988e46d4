//! Hands events out window by window and waits until the units have settled.
//!
//! Settled: every unit rests in two successive rounds, no counter changed between them, and what was sent is what was received
//! (Mattern, Algorithms for distributed termination detection, 1987: the four counter method). A unit's round follows its own
//! appends, so that a window costs one round for everything and one to be sure.

use super::error::Error;
use super::events::Events;
use super::market::Market;
use super::report::{Report, VIEWS};
use super::unit::{Answer, Append, Rest, Task, Unit, UnitAddress, Usage};
use super::{generated, olist, windows};
use base::{Clock, Problem, SystemClock, Time};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How long the units may take to settle after a window. They may be killed meanwhile, or cut off from each other.
const SETTLE_MAX: Duration = Duration::from_secs(300);

/// What is played.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the market comes from.
    pub source: Source,
    /// How many times it is played.
    pub copies: u32,
    /// Whether progress is shown on a terminal.
    pub shows_progress: bool,
}

/// Where a market comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Files in the layout of the Olist data set.
    Olist {
        /// Their folder.
        directory: PathBuf,
    },
    /// A seed.
    Generated {
        /// How many orders.
        orders: u32,
        /// The seed.
        seed: u64,
        /// Where to write the market in the layout of the Olist data set.
        write: Option<PathBuf>,
    },
}

impl Source {
    fn market(&self) -> Result<Market, Problem> {
        match self {
            Self::Olist { directory } => olist::read(directory),
            Self::Generated { orders, seed, write } => {
                let market = generated::market(*orders, *seed);
                if let Some(directory) = write {
                    olist::write(&market, &generated::CATEGORIES, directory)?;
                }
                Ok(market)
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Olist { .. } => "olist".into(),
            Self::Generated { orders, seed, .. } => format!("generated-{orders}-{seed}"),
        }
    }
}

/// A unit that goes back to an old backup in the middle of it.
pub struct Setback<'a> {
    /// The unit.
    pub unit: &'static str,
    /// After how many windows. The backup is taken after half of them.
    pub windows: usize,
    /// Takes the backup.
    pub back_up: &'a (dyn Fn() -> Result<(), Problem> + Sync),
    /// Kills the unit, restores the backup, and starts it again.
    pub go_back: &'a (dyn Fn() -> Result<(), Problem> + Sync),
}

/// Plays a market to the units and asks for their answers.
///
/// # Errors
/// `replay.*`, or what a unit refused.
pub fn run(options: &Options, units: &[UnitAddress]) -> Result<Report, Problem> {
    run_with(options, units, None)
}

/// As [`run`], with a unit that goes back to an old backup. What it has forgotten is played to it again.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    options: &Options,
    units: &[UnitAddress],
    setback: Option<&Setback<'_>>,
) -> Result<Report, Problem> {
    let units = in_order(units)?;
    let market = options.source.market()?;
    let events = Events::of(&market, options.copies);
    let is_over = AtomicBool::new(false);
    let connections = units.iter().map(|unit| Unit::new(unit, &is_over));
    let connections = connections.collect::<Result<Vec<Unit<'_>>, Problem>>()?;
    std::thread::scope(|scope| {
        let (sender, answers) = channel();
        let mut tasks = Vec::new();
        for (place, unit) in connections.iter().enumerate() {
            let (task, queue) = channel();
            let sender = sender.clone();
            scope.spawn(move || unit.serve(place, &queue, &sender));
            tasks.push(task);
        }
        drop(sender);
        let name = format!("{}-x{}", options.source.name(), options.copies);
        let clock = SystemClock::new();
        let driver = Driver { name, events: &events, tasks, answers, clock, setback };
        let report = driver.play(options);
        is_over.store(true, Ordering::Relaxed);
        report
    })
}

/// Returns the addresses in the order of [`VIEWS`].
fn in_order(units: &[UnitAddress]) -> Result<Vec<&UnitAddress>, Problem> {
    VIEWS
        .iter()
        .map(|(name, _)| {
            let found = units.iter().find(|unit| unit.name == *name);
            found.ok_or_else(|| Error::Unit { unit: name }.into())
        })
        .collect()
}

struct Driver<'a> {
    /// What is played; the beginning of all idempotency keys.
    name: String,
    events: &'a Events<'a>,
    /// To each unit's thread, in the order of [`VIEWS`].
    tasks: Vec<Sender<Task>>,
    answers: Receiver<(usize, Result<Answer, Problem>)>,
    clock: SystemClock,
    setback: Option<&'a Setback<'a>>,
}

impl Driver<'_> {
    fn play(&self, options: &Options) -> Result<Report, Problem> {
        let windows = windows::cut(&self.events.list, self.events.orders);
        if self.setback.is_some_and(|setback| windows.len() <= setback.windows) {
            return Err(Error::Restore { windows: windows.len() }.into());
        }
        match self.events.list.first() {
            Some(first) => self.advance(Time(first.time.0 - 1))?,
            None => self.settled()?,
        }
        let before = self.usages()?;
        let since = self.clock.monotonic();
        self.play_windows(&windows, options.shows_progress)?;
        let seconds = (self.clock.monotonic() - since).as_secs_f64();
        let after = self.usages()?;
        let measure = |((name, _), (before, after)): (&(&str, _), (&Usage, &Usage))| {
            ((*name).to_owned(), measures(windows.len(), after.since(*before)))
        };
        Ok(Report {
            units: self.ask()?,
            source: options.source.name(),
            copies: options.copies,
            orders: self.events.orders,
            events: self.events.list.len(),
            windows: windows.len(),
            seconds,
            orders_per_second: per_second(self.events.orders, seconds),
            measures: VIEWS.iter().zip(before.iter().zip(&after)).map(measure).collect(),
        })
    }

    /// Plays all windows; the units rest at the end.
    fn play_windows(&self, windows: &[Range<usize>], shows_progress: bool) -> Result<(), Problem> {
        let bar = bar(self.events.list.len(), shows_progress);
        let mut ready = self.ready(windows, 0)?;
        for (number, window) in windows.iter().enumerate() {
            self.set_back(windows, number)?;
            self.send(ready.drain(..).map(Task::Append));
            // The next window is made ready while the units work on this one.
            ready = self.ready(windows, number + 1)?;
            let rests = self.settle(self.rests()?)?;
            let until = windows::fires_until(&self.events.list, window);
            let is_last = number + 1 == windows.len();
            let is_due = |rest: &Rest| is_last || rest.due.is_none_or(|due| due.is_by(until));
            if rests.iter().any(is_due) {
                let task = |rest| if is_due(rest) { Task::Advance(until) } else { Task::Rest(0) };
                self.send(rests.iter().map(task));
                self.settle(self.rests()?)?;
            }
            bar.set_position(window.end as u64);
        }
        bar.finish();
        Ok(())
    }

    /// Does before a window what a setback wants: takes the backup, or goes back to it and plays what was forgotten again.
    fn set_back(&self, windows: &[Range<usize>], number: usize) -> Result<(), Problem> {
        let Some(setback) = self.setback else { return Ok(()) };
        let first = setback.windows / 2;
        if number == first {
            (setback.back_up)()?;
        }
        if number != setback.windows {
            return Ok(());
        }
        (setback.go_back)()?;
        let unit = VIEWS.iter().position(|(name, _)| *name == setback.unit).unwrap_or_default();
        for (number, window) in windows.iter().enumerate().take(number).skip(first) {
            let own = self.ready(windows, number)?.into_iter().enumerate().map(|(place, rows)| {
                if place == unit { Task::Append(rows) } else { Task::Rest(0) }
            });
            self.send(own);
            self.settle(self.rests()?)?;
            let until = windows::fires_until(&self.events.list, window);
            let clocks = (0..VIEWS.len())
                .map(|place| if place == unit { Task::Advance(until) } else { Task::Rest(0) });
            self.send(clocks);
            self.settle(self.rests()?)?;
        }
        Ok(())
    }

    /// Makes the rows of a window ready, by unit; nothing where there is no such window.
    fn ready(&self, windows: &[Range<usize>], number: usize) -> Result<Vec<Vec<Append>>, Problem> {
        let mut ready: Vec<Vec<Append>> = VIEWS.iter().map(|_| Vec::new()).collect();
        let Some(window) = windows.get(number) else { return Ok(ready) };
        for event in &self.events.list[window.clone()] {
            let (unit, stream) = event.kind.target();
            let place = VIEWS.iter().position(|(name, _)| *name == unit).unwrap_or_default();
            let appends = &mut ready[place];
            let held = match appends.iter().position(|append| append.stream == stream) {
                Some(held) => held,
                None => {
                    let key = format!("replay-{}-{number}-{stream}", self.name);
                    appends.push(Append { stream, lines: Vec::new(), key });
                    appends.len() - 1
                }
            };
            self.events.write(event, &mut appends[held].lines)?;
        }
        Ok(ready)
    }

    fn advance(&self, to: Time) -> Result<(), Problem> {
        self.send(VIEWS.map(|_| Task::Advance(to)));
        self.settle(self.rests()?)?;
        Ok(())
    }

    fn settled(&self) -> Result<(), Problem> {
        self.send(VIEWS.map(|_| Task::Rest(0)));
        self.settle(self.rests()?)?;
        Ok(())
    }

    /// Goes on with rounds after a first one until the units have settled.
    fn settle(&self, mut last: Vec<Rest>) -> Result<Vec<Rest>, Problem> {
        let since = self.clock.monotonic();
        loop {
            self.send(last.iter().map(|rest| Task::Rest(sent_to(rest, &last))));
            let next = self.rests()?;
            if is_settled(&last, &next) {
                return Ok(next);
            }
            if SETTLE_MAX < self.clock.monotonic() - since {
                let busy = VIEWS
                    .iter()
                    .zip(&next)
                    .filter(|(_, rest)| !rest.idle)
                    .map(|((name, _), _)| *name);
                let busy: Vec<&str> = busy.collect();
                let detail =
                    if busy.is_empty() { "messages are missing".into() } else { busy.join(", ") };
                return Err(Error::Unsettled { seconds: SETTLE_MAX.as_secs(), detail }.into());
            }
            last = next;
        }
    }

    /// Gives each unit its task.
    fn send(&self, tasks: impl IntoIterator<Item = Task>) {
        for (unit, task) in self.tasks.iter().zip(tasks) {
            // A thread that is gone has panicked; that its answer is missing ends the replay.
            let _ = unit.send(task);
        }
    }

    fn receive(&self) -> Result<(usize, Answer), Problem> {
        let gone = || Error::Answer { unit: "every unit".into(), what: "the replay".into() };
        let (place, answer) = self.answers.recv().map_err(|_| gone())?;
        Ok((place, answer?))
    }

    /// Takes the answer of every unit to a task that ends with a look at its rest.
    fn rests(&self) -> Result<Vec<Rest>, Problem> {
        let mut rests = vec![Rest::default(); VIEWS.len()];
        for _ in VIEWS {
            if let (place, Answer::Rest(rest)) = self.receive()? {
                rests[place] = rest;
            }
        }
        Ok(rests)
    }

    /// Asks every unit what it has spent.
    fn usages(&self) -> Result<Vec<Usage>, Problem> {
        self.send(VIEWS.map(|_| Task::Usage));
        let mut usages = vec![Usage::default(); VIEWS.len()];
        for _ in VIEWS {
            if let (place, Answer::Usage(usage)) = self.receive()? {
                usages[place] = usage;
            }
        }
        Ok(usages)
    }

    /// Asks every view of every unit.
    fn ask(&self) -> Result<BTreeMap<String, BTreeMap<String, Vec<Value>>>, Problem> {
        for (task, (_, views)) in self.tasks.iter().zip(&VIEWS) {
            for view in *views {
                let _ = task.send(Task::Ask(format!("SELECT * FROM answers.{view}")));
            }
        }
        let mut units: BTreeMap<String, BTreeMap<String, Vec<Value>>> = BTreeMap::new();
        for _ in VIEWS.iter().flat_map(|(_, views)| *views) {
            if let (place, Answer::Rows(rows)) = self.receive()? {
                let (unit, views) = VIEWS[place];
                let answers = units.entry(unit.to_owned()).or_default();
                // A unit answers in the order in which it was asked; what it has answered says which view is next.
                answers.insert(next_view(views, answers).to_owned(), rows);
            }
        }
        Ok(units)
    }
}

fn next_view<'a>(views: &'a [&'a str], answers: &BTreeMap<String, Vec<Value>>) -> &'a str {
    views.iter().find(|view| !answers.contains_key(**view)).copied().unwrap_or_default()
}

/// Returns how many messages all units together have sent to one: it does not rest before it has them.
fn sent_to(unit: &Rest, rests: &[Rest]) -> u64 {
    rests.iter().filter_map(|rest| rest.sent.get(&unit.unit)).sum()
}

/// Returns whether two successive rounds show that nothing is under way.
fn is_settled(last: &[Rest], next: &[Rest]) -> bool {
    let is_unchanged = |(last, next): (&Rest, &Rest)| {
        last.idle && next.idle && last.sent == next.sent && last.received == next.received
    };
    let sent: u64 = next.iter().flat_map(|rest| rest.sent.values()).sum();
    let received: u64 = next.iter().flat_map(|rest| rest.received.values()).sum();
    sent == received && last.iter().zip(next).all(is_unchanged)
}

/// Returns what a unit has spent as the report has it.
fn measures(windows: usize, usage: Usage) -> BTreeMap<String, Value> {
    let pairs = [
        ("windows", Value::from(windows)),
        ("commits", usage.commits.into()),
        ("bytes_synced", usage.bytes_synced.into()),
        ("signatures", usage.signatures.into()),
        // A difference of floats has digits that mean nothing.
        ("cpu_seconds", ((usage.cpu_seconds * 1_000.0).round() / 1_000.0).into()),
        ("memory_bytes", usage.memory_bytes.into()),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).into()
}

#[expect(clippy::cast_precision_loss, reason = "a rate to show")]
fn per_second(count: usize, seconds: f64) -> f64 {
    if 0.0 < seconds { count as f64 / seconds } else { 0.0 }
}

fn bar(events: usize, shows_progress: bool) -> ProgressBar {
    if !shows_progress {
        return ProgressBar::hidden();
    }
    let template = "{bar:32} {pos}/{len} events  {per_sec}  {elapsed_precise}, {eta_precise} to go";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(events as u64).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(idle: bool, sent: u64, received: u64) -> Rest {
        let counters = |count| BTreeMap::from([("peer".to_owned(), count)]);
        Rest { idle, sent: counters(sent), received: counters(received), ..Rest::default() }
    }

    #[test]
    fn units_have_settled_when_two_rounds_agree_and_nothing_is_under_way() {
        let quiet = [rest(true, 3, 1), rest(true, 1, 3)];
        assert!(is_settled(&quiet, &quiet));
        let busy = [rest(true, 3, 1), rest(false, 1, 3)];
        assert!(!is_settled(&busy, &quiet), "one was busy in the first round");
        assert!(!is_settled(&quiet, &busy), "one was busy in the second round");
        let under_way = [rest(true, 3, 1), rest(true, 1, 2)];
        assert!(!is_settled(&under_way, &under_way), "a message is under way");
        let earlier = [rest(true, 2, 1), rest(true, 1, 2)];
        assert!(!is_settled(&earlier, &quiet), "there was something between the rounds");
    }

    #[test]
    fn the_rows_of_a_window_go_to_their_unit_and_stream_under_one_key() {
        let market = generated::market(40, 9);
        let events = Events::of(&market, 1);
        let windows = windows::cut(&events.list, events.orders);
        let (_, answers) = channel();
        let driver = Driver {
            name: "m-x1".into(),
            events: &events,
            tasks: Vec::new(),
            answers,
            clock: SystemClock::new(),
            setback: None,
        };
        let mut rows = 0;
        for number in 0..windows.len() {
            let ready = driver.ready(&windows, number).expect("ready");
            let again = driver.ready(&windows, number).expect("ready");
            for (append, again) in ready.iter().flatten().zip(again.iter().flatten()) {
                assert_eq!(
                    (&append.key, &append.lines),
                    (&again.key, &again.lines),
                    "a retry sends the same"
                );
                assert_eq!(append.key, format!("replay-m-x1-{number}-{}", append.stream));
                rows += append.lines.iter().filter(|byte| **byte == b'\n').count();
            }
        }
        assert_eq!(rows, events.list.len());
    }
}
