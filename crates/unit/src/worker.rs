//! Decisions and scripts run in a process of their own, the same binary, under limits of time and memory. It is killed
//! and started again at the limit: foreign expressions can neither hold the unit up nor bring it down.
//!
//! A frame is a length (four bytes, little end first) and JSON.

use crate::assembly::thread;
use crate::{Config, Error};
use base::{Clock, Code, Kind, Problem, SystemClock};
use process::decisions::{Evaluator, Outside, Request};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The largest frame in bytes.
const FRAME_BYTES_MAX: usize = 16 << 20;
/// Requests that are sent ahead of their results.
const AHEAD_MAX: usize = 16;
/// How long a result waits for others, to be recorded together with them.
const HOLD: Duration = Duration::from_millis(20);

/// What a unit says to its worker.
#[derive(Serialize, Deserialize)]
enum Word {
    /// Models by name and version; they are kept.
    Learn(BTreeMap<String, String>),
    /// A request; each has one result.
    Evaluate(Request),
}

/// Evaluates what comes in over standard input until it ends.
///
/// # Errors
/// `unit.system` where the pipe breaks.
pub fn serve() -> Result<(), Problem> {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let broken = |source| Error::System { what: "pipe", source };
    let mut evaluator = Evaluator::new();
    while let Some(word) = read_frame::<Word>(&mut input).map_err(broken)? {
        match word {
            Word::Learn(models) => evaluator.learn(&models),
            Word::Evaluate(request) => {
                write_frame(&mut output, &evaluator.evaluate(&request)).map_err(broken)?;
            }
        }
    }
    Ok(())
}

/// A worker process.
pub(crate) struct Worker {
    config: Config,
    clock: SystemClock,
    /// What is started: this very program, but for tests.
    command: fn() -> std::io::Result<Command>,
    running: Option<Running>,
}

struct Running {
    child: Child,
    /// Frames to write. The thread behind it may block, where the worker is busy and the pipe is full; the unit does not.
    frames: Sender<Vec<u8>>,
    results: Receiver<Result<Value, Problem>>,
    known: BTreeSet<String>,
    /// The numbers of the requests that were sent and have no result yet, the one that is being evaluated first.
    ahead: VecDeque<u64>,
    /// Since when the first of them is being evaluated, monotonic.
    since: Duration,
}

impl Worker {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            clock: SystemClock::new(),
            command: own_program,
            running: None,
        }
    }

    /// Evaluates the first of the requests, at least one, and returns their results in their order. Returns when all
    /// are done, when one was ended at its limit, or when a result has waited [`HOLD`] for others: who calls records
    /// what there is and calls again with the rest, which the worker goes on with meanwhile.
    pub(crate) fn evaluate(
        &mut self,
        models: &BTreeMap<String, String>,
        requests: &[Request],
    ) -> Vec<Result<Value, Problem>> {
        if self.running.as_ref().is_some_and(|running| !running.is_working_on(requests)) {
            // Its next results would be those of others.
            self.end();
        }
        let mut results = Vec::new();
        if let Err(problem) = self.gather(models, requests, &mut results) {
            // The one at which the worker ended gets the problem; the others go to a fresh worker.
            self.end();
            results.push(Err(problem));
        }
        results
    }

    fn gather(
        &mut self,
        models: &BTreeMap<String, String>,
        requests: &[Request],
        results: &mut Vec<Result<Value, Problem>>,
    ) -> Result<(), Problem> {
        let limit = Duration::from_millis(self.config.decision_ms_max);
        let running = match &mut self.running {
            Some(running) => running,
            empty => empty.insert(start(&self.config, self.command)?),
        };
        running.learn(models)?;
        let mut held_until: Option<Duration> = None;
        while results.len() < requests.len() {
            running.send(&requests[results.len()..], self.clock.monotonic())?;
            let now = self.clock.monotonic();
            let limit_left = (running.since + limit).saturating_sub(now);
            let left =
                held_until.map_or(limit_left, |until| limit_left.min(until.saturating_sub(now)));
            match running.results.recv_timeout(left) {
                Ok(result) => {
                    results.push(result);
                    running.ahead.pop_front();
                    running.since = self.clock.monotonic();
                    held_until.get_or_insert(running.since + HOLD);
                }
                Err(RecvTimeoutError::Timeout) if left < limit_left => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(ended("it took longer than its limit"));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(ended("it took more memory or depth than its limit"));
                }
            }
        }
        Ok(())
    }

    /// Ends the worker process.
    pub(crate) fn end(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
    }
}

impl Running {
    /// Returns whether what was sent is the beginning of these requests.
    fn is_working_on(&self, requests: &[Request]) -> bool {
        let first = requests.iter().take(self.ahead.len()).map(|request| &request.number);
        self.ahead.iter().eq(first)
    }

    fn learn(&mut self, models: &BTreeMap<String, String>) -> Result<(), Problem> {
        let news: BTreeMap<_, _> =
            models.iter().filter(|(name, _)| !self.known.contains(*name)).collect();
        if news.is_empty() {
            return Ok(());
        }
        self.known.extend(news.keys().map(ToString::to_string));
        self.write(&json!({ "Learn": news }))
    }

    /// Sends requests ahead of their results, so that the worker never waits.
    fn send(&mut self, requests: &[Request], now: Duration) -> Result<(), Problem> {
        if self.ahead.is_empty() {
            self.since = now;
        }
        for request in requests.iter().take(AHEAD_MAX).skip(self.ahead.len()) {
            self.write(&json!({ "Evaluate": request }))?;
            self.ahead.push_back(request.number);
        }
        Ok(())
    }

    fn write(&self, value: &Value) -> Result<(), Problem> {
        let frame = frame(value).map_err(|_| ended("it is too large"))?;
        // The thread behind it ends where the worker has ended: then the results say so.
        let _ = self.frames.send(frame);
        Ok(())
    }
}

/// Returns what evaluates single requests for those who wait for them: a worker of its own, one request at a time, which ends with it.
pub(crate) fn outside(config: &Config) -> Outside {
    let worker = Mutex::new(Worker::new(config));
    Arc::new(move |models, request| {
        let mut worker = worker.lock().unwrap_or_else(PoisonError::into_inner);
        let mut results = worker.evaluate(models, std::slice::from_ref(request));
        // It is asked seldom: nothing is kept running for it.
        worker.end();
        results.pop().unwrap_or_else(|| Err(ended("it gave no result")))
    })
}

fn ended(reason: &str) -> Problem {
    Error::Ended { reason: reason.into() }.into()
}

fn own_program() -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("worker");
    Ok(command)
}

fn start(config: &Config, command: fn() -> std::io::Result<Command>) -> Result<Running, Problem> {
    use std::os::unix::process::CommandExt;
    let failed = |source| Error::System { what: "worker process", source };
    let bytes = config.worker_megabytes_max << 20;
    let mut command = command().map_err(failed)?;
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    // SAFETY: only calls that are safe between fork and exec: no allocation, no lock.
    unsafe {
        command.pre_exec(move || {
            let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
            if libc::setrlimit(libc::RLIMIT_AS, &raw const limit) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            // A worker does not outlive its unit.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
    let mut child = command.spawn().map_err(failed)?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Problem::new(
            Code("unit.system", Kind::Unavailable),
            "the worker has no pipes",
        ));
    };
    Ok(Running {
        child,
        frames: write_frames(input)?,
        results: read_results(output)?,
        known: BTreeSet::new(),
        ahead: VecDeque::new(),
        since: Duration::ZERO,
    })
}

fn write_frames(mut input: ChildStdin) -> Result<Sender<Vec<u8>>, Problem> {
    let (send, frames) = channel::<Vec<u8>>();
    thread("worker-requests", move || {
        while let Ok(frame) = frames.recv() {
            if input.write_all(&frame).is_err() {
                return;
            }
        }
    })?;
    Ok(send)
}

fn read_results(mut output: ChildStdout) -> Result<Receiver<Result<Value, Problem>>, Problem> {
    let (send, results) = sync_channel(64);
    thread("worker-results", move || {
        while let Ok(Some(result)) = read_frame::<Result<Value, Problem>>(&mut output) {
            if send.send(result).is_err() {
                return;
            }
        }
    })?;
    Ok(results)
}

fn write_frame<T: Serialize>(output: &mut impl Write, value: &T) -> std::io::Result<()> {
    output.write_all(&frame(value)?)?;
    output.flush()
}

fn frame<T: Serialize>(value: &T) -> std::io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, value)?;
    let length = u32::try_from(frame.len() - 4).map_err(std::io::Error::other)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// Reads a frame; nothing at the end of the input.
fn read_frame<T: DeserializeOwned>(input: &mut impl Read) -> std::io::Result<Option<T>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if FRAME_BYTES_MAX < length {
        return Err(std::io::Error::other("the frame is too large"));
    }
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes)?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use process::decisions::What;

    /// Stands for a worker: answers every request but one that holds `endless`, and ends at one that holds `ends`.
    const SHELL: &str = r#"
        while length=$(head -c 4 | od -An -tu4) && [ -n "$length" ]; do
            frame=$(head -c $length)
            case $frame in
                *endless*) exec sleep 1000 ;;
                *ends*) exit 1 ;;
                *) printf '\013\000\000\000{"Ok":null}' ;;
            esac
        done"#;

    fn shell() -> std::io::Result<Command> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SHELL]);
        Ok(command)
    }

    fn worker() -> Worker {
        let text = crate::config::template(&crate::Options {
            name: "test".into(),
            listen: "127.0.0.1:1".into(),
            listen_peers: "127.0.0.1:2".into(),
            listen_postgres: "127.0.0.1:3".into(),
            clock: crate::Clock::System,
            database: None,
        });
        let config: Config = toml::from_str(&text).expect("the template reads");
        let mut worker = Worker::new(&config);
        worker.command = shell;
        worker
    }

    fn requests(texts: &[&str]) -> Vec<Request> {
        (1..)
            .zip(texts)
            .map(|(number, text)| Request {
                number,
                what: What::Script { text: (*text).to_owned() },
                variables: Default::default(),
                at: base::Time(0),
            })
            .collect()
    }

    /// Evaluates all in portions: each result is `ok` or the code of the problem.
    fn portions(texts: &[&str]) -> Vec<Vec<String>> {
        let (mut worker, requests) = (worker(), requests(texts));
        let (mut rest, mut portions) = (requests.as_slice(), Vec::new());
        while !rest.is_empty() {
            let results = worker.evaluate(&BTreeMap::new(), rest);
            rest = &rest[results.len()..];
            let word = |result: Result<Value, Problem>| match result {
                Ok(_) => "ok".to_owned(),
                Err(problem) => problem.code,
            };
            portions.push(results.into_iter().map(word).collect());
        }
        portions
    }

    #[test]
    fn a_request_that_is_larger_than_a_pipe_does_not_block_behind_an_endless_one() {
        let (done, waits) = channel();
        // On a thread of its own: where it blocks, the test fails instead of hanging.
        std::thread::spawn(move || {
            let large = "x".repeat(256 << 10);
            let _ = done.send(portions(&["endless", &large, &large, "1 + 1"]));
        });
        let portions = waits.recv_timeout(Duration::from_secs(60)).expect("it does not block");
        assert_eq!(portions.concat(), ["decision.ended", "ok", "ok", "ok"]);
    }

    #[test]
    fn results_wait_for_one_endless_request_at_most() {
        let portions = portions(&["1", "endless", "2", "endless", "endless", "3"]);
        for portion in &portions {
            let place = portion.iter().position(|word| word == "decision.ended");
            assert!(
                place.is_none_or(|place| place + 1 == portion.len()),
                "recorded at once: {portions:?}"
            );
        }
        let all = ["ok", "decision.ended", "ok", "decision.ended", "decision.ended", "ok"];
        assert_eq!(portions.concat(), all);
    }

    #[test]
    fn a_result_does_not_wait_until_a_slow_one_behind_it_reaches_its_limit() {
        let mut worker = worker();
        let results = worker.evaluate(&BTreeMap::new(), &requests(&["1", "endless"]));
        assert_eq!(results.len(), 1, "the endless one goes on");
        assert!(results[0].is_ok());
    }

    #[test]
    fn a_worker_that_ends_costs_the_one_request_at_which_it_ended() {
        let all = portions(&["1", "ends", "2", "3"]).concat();
        assert_eq!(all, ["ok", "decision.ended", "ok", "ok"]);
    }

    #[test]
    fn other_requests_do_not_get_the_results_of_those_that_were_under_way() {
        let mut worker = worker();
        let first = worker.evaluate(&BTreeMap::new(), &requests(&["1", "endless", "2"]));
        assert_eq!(first.len(), 1, "two are under way");
        let again = worker.evaluate(&BTreeMap::new(), &requests(&["3", "4"])[1..]);
        assert!(matches!(again.as_slice(), [Ok(_)]), "{again:?}");
    }
}
