//! Decisions and scripts run in a process of their own, the same binary, under limits of time and memory. It is killed
//! and started again at the limit: foreign expressions can neither hold the unit up nor bring it down.
//!
//! A frame is a length (four bytes, little end first) and JSON.

use crate::{Config, Error};
use base::{Code, Kind, Problem};
use process::decisions::{Batch, Evaluator, Request};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// The largest frame in bytes.
const FRAME_BYTES_MAX: usize = 16 << 20;

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
    running: Option<Running>,
}

struct Running {
    child: Child,
    input: ChildStdin,
    results: Receiver<Result<Value, Problem>>,
    known: BTreeSet<String>,
}

impl Worker {
    pub(crate) fn new(config: &Config) -> Self {
        Self { config: config.clone(), running: None }
    }

    /// Evaluates requests; each has a result, in their order. The worker gets them ahead, so that it never waits.
    pub(crate) fn evaluate(&mut self, batch: &Batch) -> Vec<Result<Value, Problem>> {
        let mut results = Vec::with_capacity(batch.requests.len());
        while results.len() < batch.requests.len() {
            let rest = &batch.requests[results.len()..];
            if let Err(problem) = self.evaluate_some(&batch.models, rest, &mut results) {
                // The one at which the worker ended gets the problem; the others go to a fresh worker.
                self.end();
                results.push(Err(problem));
            }
        }
        results
    }

    fn evaluate_some(
        &mut self,
        models: &BTreeMap<String, String>,
        requests: &[Request],
        results: &mut Vec<Result<Value, Problem>>,
    ) -> Result<(), Problem> {
        /// Requests that are sent ahead of their results; small enough for the pipe.
        const AHEAD: usize = 16;
        let limit = Duration::from_millis(self.config.decision_ms_max);
        let running = match &mut self.running {
            Some(running) => running,
            empty => empty.insert(start(&self.config)?),
        };
        let ended = |reason: &str| Problem::from(Error::Ended { reason: reason.into() });
        let news: BTreeMap<_, _> =
            models.iter().filter(|(name, _)| !running.known.contains(*name)).collect();
        if !news.is_empty() {
            running.known.extend(news.keys().map(ToString::to_string));
            let learn = json!({ "Learn": news });
            write_frame(&mut running.input, &learn).map_err(|_| ended("the worker ended"))?;
        }
        let mut sent = 0;
        for done in 0..requests.len() {
            while sent < requests.len() && sent < done + AHEAD {
                write_frame(&mut running.input, &json!({ "Evaluate": requests[sent] })).map_err(|_| ended("the worker ended"))?;
                sent += 1;
            }
            match running.results.recv_timeout(limit) {
                Ok(result) => results.push(result),
                Err(RecvTimeoutError::Timeout) => return Err(ended("it took longer than its limit")),
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

fn start(config: &Config) -> Result<Running, Problem> {
    use std::os::unix::process::CommandExt;
    let failed = |source| Error::System { what: "worker process", source };
    let program = std::env::current_exe().map_err(failed)?;
    let bytes = config.worker_megabytes_max << 20;
    let mut command = Command::new(program);
    command.arg("worker").env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
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
        return Err(Problem::new(Code("unit.system", Kind::Unavailable), "the worker has no pipes"));
    };
    Ok(Running { child, input, results: read_results(output)?, known: BTreeSet::new() })
}

fn read_results(mut output: ChildStdout) -> Result<Receiver<Result<Value, Problem>>, Problem> {
    let (send, results) = sync_channel(64);
    std::thread::Builder::new()
        .name("worker-results".into())
        .spawn(move || {
            while let Ok(Some(result)) = read_frame::<Result<Value, Problem>>(&mut output) {
                if send.send(result).is_err() {
                    return;
                }
            }
        })
        .map_err(|source| Error::System { what: "thread", source })?;
    Ok(results)
}

fn write_frame<T: Serialize>(output: &mut impl Write, value: &T) -> std::io::Result<()> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, value)?;
    let length = u32::try_from(frame.len() - 4).map_err(std::io::Error::other)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    output.write_all(&frame)?;
    output.flush()
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
