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
/// See [`Sending::pause`].
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
    /// The first pause between two tries; it doubles with each.
    pause: Duration,
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
            pause: PAUSE,
            is_stopping: Arc::clone(is_stopping),
        }))
    }

    /// Sends until the unit stops; then once more what is left, for as long as the collector takes it.
    pub(crate) fn run(&self) {
        let mut next = 0;
        loop {
            let is_last = self.is_stopping();
            if !is_last {
                self.tracer.wait(next, self.interval);
            }
            loop {
                let batch = self.tracer.after(next, self.batch_max);
                next = batch.next;
                if batch.spans.is_empty() {
                    break;
                }
                // On the way out a collector that does not answer is not waited for again, also where the stop came in between.
                if !self.send(&batch) && self.is_stopping() {
                    return;
                }
            }
            if is_last {
                return;
            }
        }
    }

    /// Returns whether they were taken. They are tried again for as long as the unit does not stop.
    fn send(&self, batch: &Batch) -> bool {
        let body = otlp::request(&self.exporter, &batch.spans).to_string();
        let (mut tries, mut pause) = (1, self.pause);
        let reason = loop {
            let Err(reason) = self.send_once(&body) else { return true };
            if reason.is_final || tries == TRIES_MAX || self.stops_within(pause) {
                break reason.text;
            }
            (tries, pause) = (tries + 1, pause * 2);
        };
        let count = batch.spans.len();
        self.tracer.note_lost(count as u64);
        let message = format!("{count} spans were not taken by the collector: {reason}");
        self.logger.write(&Line::new(LogLevel::Warn, "unit", &message));
        false
    }

    /// Waits for a while, or until the unit stops; returns whether it does.
    fn stops_within(&self, pause: Duration) -> bool {
        // No span has this number: only the stop ends the wait sooner.
        self.tracer.wait(u64::MAX, pause);
        self.is_stopping()
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
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

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Span, SpanKind};
    use std::io::ErrorKind;
    use std::net::TcpListener;
    use std::sync::mpsc::channel;

    #[test]
    fn a_collector_that_never_answers_is_tried_once_when_the_unit_stops() {
        let folder = std::env::temp_dir().join(format!("craton-spans-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let options = crate::Options {
            name: "a".into(),
            listen: "127.0.0.1:0".into(),
            listen_peers: "127.0.0.1:0".into(),
            listen_postgres: "127.0.0.1:0".into(),
            clock: crate::Clock::System,
            database: None,
        };
        crate::init(&folder, &options).expect("a unit");
        let assembly = crate::assembly::assemble(&folder).expect("put together");
        let tracer = assembly.kernel.tracer();
        for _ in 0..8 {
            tracer.record(Span::new(&tracer.begin(), None, "a", SpanKind::Internal));
        }
        let collector = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let url = format!("http://{}/", collector.local_addr().expect("an address"));
        let mut config = assembly.config.clone();
        (config.trace_endpoint, config.trace_batch_max) = (Some(url.clone()), 2);
        config.log_file = Some("unit.log".into());
        let logger = Arc::new(Logger::open(&folder, &config).expect("a logger"));
        let is_stopping = Arc::new(AtomicBool::new(false));
        let exporter = Exporter { name: "a".into(), unit: "u".into(), version: "1" };
        let made = Sending::new(&config, exporter, tracer, &logger, &is_stopping);
        let mut sending = made.expect("an address").expect("an endpoint");
        let whole = Some(Duration::from_secs(1));
        let reach = Reach { has_proxy: false, whole, ..Reach::to(&url) };
        sending.agent = agent(&reach).expect("an agent");
        // The stop comes while an answer is waited for, or in this pause: either way nothing else ends it.
        sending.pause = Duration::from_secs(3_600);
        let (done, ended) = channel();
        // On a thread of its own: where it blocks, the test fails instead of hanging.
        std::thread::spawn(move || {
            sending.run();
            let _ = done.send(());
        });
        let _taken = collector.accept().expect("it is tried");
        is_stopping.store(true, Ordering::SeqCst);
        tracer.wake();
        ended.recv_timeout(Duration::from_secs(60)).expect("it ends");
        collector.set_nonblocking(true).expect("set");
        let again = collector.accept().map(drop).map_err(|error| error.kind());
        assert_eq!(again, Err(ErrorKind::WouldBlock), "it was tried once");
        assert_eq!(tracer.counts().1, 2, "one batch is lost, the others were not tried");
    }
}
