//! Sends spans on, where the configuration says where to: a thread of its own, which nobody waits for. What cannot be sent is tried
//! again for a while and then counted as lost.

use crate::agent::{Reach, agent};
use crate::logging::{Line, LogLevel, Logger};
use crate::otlp::{self, Exporter};
use crate::{Config, Error, mask};
use kernel::{Batch, Tracer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a collector may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How often a batch is tried.
const TRIES_MAX: u32 = 5;
/// The first pause between two tries; it doubles with each.
const PAUSE: Duration = Duration::from_millis(500);

/// Sends spans on.
pub(crate) struct Sending {
    agent: ureq::Agent,
    endpoint: String,
    exporter: Exporter,
    tracer: Arc<Tracer>,
    logger: Arc<Logger>,
    interval: Duration,
    batch_max: usize,
    is_stopping: Arc<AtomicBool>,
}

impl Sending {
    /// Returns what sends, where there is an endpoint.
    ///
    /// # Errors
    /// `unit.endpoint` where it is no address, or one with TLS and the system trusts nobody.
    pub(crate) fn new(
        config: &Config,
        exporter: Exporter,
        tracer: &Arc<Tracer>,
        logger: &Arc<Logger>,
        is_stopping: &Arc<AtomicBool>,
    ) -> Result<Option<Self>, Error> {
        let Some(endpoint) = config.trace_endpoint.clone() else { return Ok(None) };
        let is_address = endpoint.starts_with("http://") || endpoint.starts_with("https://");
        let wrong = |reason: String| Error::Endpoint { address: mask::address(&endpoint), reason };
        if !is_address || endpoint.parse::<ureq::http::Uri>().is_err() {
            return Err(wrong("it is no address of HTTP".into()));
        }
        let reach = Reach { has_proxy: false, whole: Some(ANSWER), ..Reach::to(&endpoint) };
        Ok(Some(Self {
            agent: agent(&reach).map_err(wrong)?,
            endpoint,
            exporter,
            tracer: Arc::clone(tracer),
            logger: Arc::clone(logger),
            interval: Duration::from_millis(config.trace_interval_ms.max(1)),
            batch_max: config.trace_batch_max.max(1),
            is_stopping: Arc::clone(is_stopping),
        }))
    }

    /// Sends until the unit stops; then once more what is left.
    pub(crate) fn run(&self) {
        let mut next = 0;
        loop {
            let is_last = self.is_stopping.load(Ordering::SeqCst);
            if !is_last {
                self.tracer.wait(next, self.interval);
            }
            loop {
                let batch = self.tracer.after(next, self.batch_max);
                next = batch.next;
                if batch.spans.is_empty() {
                    break;
                }
                // On the way out a collector that does not answer is not waited for again.
                if !self.send(&batch, is_last) && is_last {
                    return;
                }
            }
            if is_last {
                return;
            }
        }
    }

    /// Returns whether they were taken.
    fn send(&self, batch: &Batch, is_last: bool) -> bool {
        let body = otlp::request(&self.exporter, &batch.spans).to_string();
        let mut pause = PAUSE;
        let tries = if is_last { 1 } else { TRIES_MAX };
        for number in 1..=tries {
            let Err(reason) = self.send_once(&body) else { return true };
            if reason.is_final || number == tries || self.is_stopping.load(Ordering::SeqCst) {
                let count = batch.spans.len();
                self.tracer.note_lost(count as u64);
                let message =
                    format!("{count} spans were not taken by the collector: {}", reason.text);
                self.logger.write(&Line::new(LogLevel::Warn, "unit", &message));
                return false;
            }
            std::thread::park_timeout(pause);
            pause *= 2;
        }
        false
    }

    fn send_once(&self, body: &str) -> Result<(), Reason> {
        let request =
            self.agent.post(self.endpoint.as_str()).header("content-type", "application/json");
        let response = request
            .send(body.as_bytes())
            .map_err(|error| Reason { text: error.to_string(), is_final: false })?;
        let status = response.status().as_u16();
        match status {
            200..=299 => Ok(()),
            // What the protocol lets be repeated; of anything else a repetition says the same.
            429 | 502..=504 => {
                Err(Reason { text: format!("it answers {status}"), is_final: false })
            }
            _ => Err(Reason { text: format!("it answers {status}"), is_final: true }),
        }
    }
}

/// Why spans were not taken.
struct Reason {
    text: String,
    is_final: bool,
}
