//! Runs several units, each as a process of its own: prefixes their log lines, starts again what dies, drains on request.
//!
//! A unit's process is told to stop by the end of its standard input, so that it also drains when its supervisor dies.

use crate::{error::Error, output};
use base::{Clock, Kind, Problem, SystemClock};
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// The first pause before a unit is started again; it doubles with every start that did not last.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A unit that ran so long has started well.
const WELL_AFTER: Duration = Duration::from_secs(10);
/// Starts in a row that may not last, before a unit is given up.
const STARTS_MAX: u32 = 20;
/// The longest log line that is passed on, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Colours of the units' names on a terminal.
const COLOURS: [u8; 6] = [36, 33, 35, 32, 34, 31];

enum Event {
    /// A unit wrote a line.
    Line(usize, String),
    /// A unit closed its output: it has ended, or is about to.
    Closed(usize),
    /// Ctrl-C or SIGTERM.
    Signal,
}

struct Unit {
    folder: PathBuf,
    prefix: String,
    child: Option<Child>,
    /// Its end tells the unit to drain.
    lifeline: Option<ChildStdin>,
    started_at: Duration,
    starts: u32,
    start_again_at: Option<Duration>,
}

/// Runs units until all have ended.
///
/// # Errors
/// `cli.ended` where one was given up.
pub fn run(folders: Vec<PathBuf>) -> Result<(), Problem> {
    let (sender, events) = channel();
    let signals = sender.clone();
    on_signal(move |_| signals.send(Event::Signal).is_ok())?;
    let mut supervisor = Supervisor {
        units: units(folders),
        clock: SystemClock::new(),
        sender,
        signals: 0,
        given_up: Vec::new(),
    };
    for number in 0..supervisor.units.len() {
        supervisor.start(number)?;
    }
    supervisor.serve(&events)
}

/// Raises SIGTERM in this process when its standard input ends.
pub fn stop_with_standard_input() {
    std::thread::spawn(|| {
        let mut nothing = [0; 64];
        let mut input = std::io::stdin().lock();
        while matches!(input.read(&mut nothing), Ok(count) if 0 < count) {}
        // Where even this fails, the supervisor kills.
        let _ = signal_hook::low_level::raise(signal_hook::consts::SIGTERM);
    });
}

/// Ends this process at once at the second Ctrl-C or SIGTERM; the first one is for the unit, which drains.
///
/// # Errors
/// `cli.file` where the system gives no handler.
pub fn end_at_second_signal() -> Result<(), Problem> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let is_second = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag down, and raises it.
        signal_hook::flag::register_conditional_shutdown(
            signal,
            128 + signal,
            Arc::clone(&is_second),
        )
        .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&is_second)))
        .map_err(no_handler)?;
    }
    Ok(())
}

/// Tells of each Ctrl-C (SIGINT) and SIGTERM by its number, on a thread of its own, until `tell` returns false.
///
/// # Errors
/// `cli.file` where the system gives no handler.
pub fn on_signal(mut tell: impl FnMut(i32) -> bool + Send + 'static) -> Result<(), Problem> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map_err(no_handler)?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if !tell(signal) {
                return;
            }
        }
    });
    Ok(())
}

fn no_handler(source: std::io::Error) -> Problem {
    Error::File { path: "the handler of signals".into(), action: "set", source }.into()
}

struct Supervisor {
    units: Vec<Unit>,
    clock: SystemClock,
    sender: Sender<Event>,
    signals: u32,
    given_up: Vec<String>,
}

impl Supervisor {
    fn serve(&mut self, events: &Receiver<Event>) -> Result<(), Problem> {
        while self.units.iter().any(|unit| unit.child.is_some() || unit.start_again_at.is_some()) {
            match self.wait(events) {
                Some(Event::Line(number, line)) => {
                    output::line(format!("{}{line}", self.units[number].prefix));
                }
                Some(Event::Closed(number)) => self.ended(number),
                Some(Event::Signal) => self.signal(),
                None => self.start_due()?,
            }
        }
        if self.given_up.is_empty() {
            Ok(())
        } else {
            Err(Error::Ended { units: self.given_up.join(", ") }.into())
        }
    }

    /// Returns the next event, or nothing when a unit is due to start again.
    fn wait(&self, events: &Receiver<Event>) -> Option<Event> {
        match self.units.iter().filter_map(|unit| unit.start_again_at).min() {
            None => events.recv().ok(),
            Some(due) => match events.recv_timeout(due.saturating_sub(self.clock.monotonic())) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
            },
        }
    }

    fn start_due(&mut self) -> Result<(), Problem> {
        let now = self.clock.monotonic();
        for number in 0..self.units.len() {
            if self.units[number].start_again_at.is_some_and(|due| due <= now) {
                self.start(number)?;
            }
        }
        Ok(())
    }

    fn start(&mut self, number: usize) -> Result<(), Problem> {
        use std::os::unix::process::CommandExt;
        let unit = &mut self.units[number];
        let program = std::env::current_exe();
        let spawned = program.and_then(|program| {
            Command::new(program)
                .args(["up", "--supervised"])
                .arg(&unit.folder)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                // A Ctrl-C on the terminal reaches only the supervisor, which passes it on in order.
                .process_group(0)
                .spawn()
        });
        let mut child = spawned.map_err(|error| Error::File {
            path: unit.folder.display().to_string(),
            action: "started",
            source: error,
        })?;
        if let Some(out) = child.stdout.take() {
            follow(self.sender.clone(), number, out, true);
        }
        if let Some(err) = child.stderr.take() {
            follow(self.sender.clone(), number, err, false);
        }
        unit.lifeline = child.stdin.take();
        unit.child = Some(child);
        unit.started_at = self.clock.monotonic();
        unit.starts += 1;
        unit.start_again_at = None;
        Ok(())
    }

    /// Takes note that a unit has ended, and plans its next start.
    fn ended(&mut self, number: usize) {
        let now = self.clock.monotonic();
        let unit = &mut self.units[number];
        let Some(mut child) = unit.child.take() else { return };
        unit.lifeline = None;
        let status = child.wait().ok();
        let ran = now.saturating_sub(unit.started_at);
        if self.signals != 0 || status.is_some_and(|status| status.success()) {
            output::line(format!("{}stopped", unit.prefix));
            return;
        }
        if WELL_AFTER <= ran {
            unit.starts = 1;
        }
        let how = status.map_or_else(|| "ended".to_owned(), describe);
        let is_hopeless =
            status.and_then(|status| status.code()) == Some(Kind::Invalid.exit_code().into());
        if is_hopeless || STARTS_MAX <= unit.starts {
            output::line(format!("{}{how}; given up", unit.prefix));
            self.given_up.push(unit.folder.display().to_string());
            return;
        }
        let pause = pause(unit.starts);
        output::line(format!("{}{how}; starts again in {} ms", unit.prefix, pause.as_millis()));
        unit.start_again_at = Some(now + pause);
    }

    /// The first signal drains, the second kills.
    fn signal(&mut self) {
        self.signals += 1;
        for unit in &mut self.units {
            unit.start_again_at = None;
            unit.lifeline = None;
            if let (Some(child), true) = (&mut unit.child, 1 < self.signals) {
                // It may have ended by itself in the meantime.
                let _ = child.kill();
            }
        }
    }
}

fn units(folders: Vec<PathBuf>) -> Vec<Unit> {
    let name = |folder: &PathBuf| {
        folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    };
    let width = folders.iter().map(|folder| name(folder).chars().count()).max().unwrap_or(0);
    let is_coloured = std::io::stdout().is_terminal();
    let unit = |(number, folder): (usize, PathBuf)| {
        let name = name(&folder);
        let colour = COLOURS[number % COLOURS.len()];
        let prefix = if is_coloured {
            format!("\u{1b}[{colour}m{name:<width$} |\u{1b}[0m ")
        } else {
            format!("{name:<width$} | ")
        };
        Unit {
            folder,
            prefix,
            child: None,
            lifeline: None,
            started_at: Duration::ZERO,
            starts: 0,
            start_again_at: None,
        }
    };
    folders.into_iter().enumerate().map(unit).collect()
}

/// Passes lines on as events; the end of standard output says that the unit has ended.
fn follow(sender: Sender<Event>, number: usize, pipe: impl Read + Send + 'static, is_output: bool) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        loop {
            let mut bytes = Vec::new();
            let read = (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes);
            if !matches!(read, Ok(count) if 0 < count) {
                break;
            }
            let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            if sender.send(Event::Line(number, line)).is_err() {
                return;
            }
        }
        if is_output {
            // Nobody listens any more when the supervisor has ended.
            let _ = sender.send(Event::Closed(number));
        }
    });
}

fn pause(starts: u32) -> Duration {
    PAUSE_MIN.saturating_mul(1 << starts.saturating_sub(1).min(10)).min(PAUSE_MAX)
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        assert_eq!([1, 2, 3, 20].map(|starts| pause(starts).as_millis()), [100, 200, 400, 5_000]);
    }
}
