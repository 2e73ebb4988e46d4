//! Takes what is due to one push service, and says what became of it.

use super::again;
use crate::agents::Agents;
use crate::bell::Bell;
use base::{Period, Time};
use desk::Desk;
use desk::push::{Ended, Notice, Outcome, Outgoing, Pair, Record, Subscription, outgoing};
use kernel::Kernel;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a notice waits after the first failure, in milliseconds; twice as long after each further one.
const REST_MS: i64 = 2_000;
/// How long it waits at most.
const REST_MS_MAX: i64 = 15 * 60_000;
/// Bytes of an answer that are read, so that its connection can be used again.
const ANSWER_BYTES_MAX: u64 = 4 << 10;

/// What a push service answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Seconds after which it wants to be asked again, where it says so.
    pub again_after: Option<u32>,
}

/// The way to push services. Real: HTTPS. In tests: a made one.
pub(crate) trait Post: Send + Sync {
    /// Sends a message and waits for the answer.
    ///
    /// # Errors
    /// Where there is none, in words that do not have the address.
    fn send(&self, message: &Outgoing) -> Result<Answer, String>;
}

/// HTTPS, with connections that are kept. What is public is reached in the public internet alone, wherever its name leads to.
pub(crate) struct Https {
    desk: Arc<Desk>,
    public: Agents,
    private: Agents,
}

impl Https {
    /// Returns the way; a service may take so long for one message.
    pub(crate) fn new(desk: &Arc<Desk>, answer: Duration) -> Self {
        let (public, private) = (Agents::public(answer), Agents::new(answer));
        Self { desk: Arc::clone(desk), public, private }
    }
}

impl Post for Https {
    fn send(&self, message: &Outgoing) -> Result<Answer, String> {
        let Outgoing { endpoint, headers, body } = message;
        let is_private = self.desk.may_be_private(endpoint);
        let agents = if is_private { &self.private } else { &self.public };
        let agent = agents.find(endpoint, None)?;
        let mut request = ureq::http::Request::post(endpoint.as_str());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(body.as_slice()).map_err(|error| error.to_string())?;
        let answer = agent.run(request).map_err(|error| error.to_string())?;
        let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let again_after = after.and_then(|after| after.trim().parse().ok());
        let status = answer.status().as_u16();
        let mut body = answer.into_body();
        // What it says beside its status is of no use here.
        let _ = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        Ok(Answer { status, again_after })
    }
}

/// A notice, and where it goes.
pub(crate) struct Parcel {
    pub notice: Notice,
    pub to: Subscription,
}

/// What couriers have done, until it is written down.
#[derive(Default)]
pub(crate) struct Shared(Mutex<(Record, Vec<String>)>);

impl Shared {
    /// Takes what was done, and the services whose couriers have come back.
    pub(crate) fn take(&self) -> (Record, Vec<String>) {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, note: impl FnOnce(&mut Record)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).0);
    }

    fn come_back(&self, service: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.push(service);
    }
}

/// Takes what is due to one push service.
pub(crate) struct Courier {
    pub service: String,
    pub parcels: Vec<Parcel>,
    pub pair: Arc<Pair>,
    pub contact: String,
    pub post: Arc<dyn Post>,
    pub kernel: Arc<Kernel>,
    pub shared: Arc<Shared>,
    pub bell: Arc<Bell>,
    pub is_stopping: Arc<AtomicBool>,
}

/// Says that a courier is back, also where it panicked.
struct Back<'a>(&'a Courier);

impl Drop for Back<'_> {
    fn drop(&mut self) {
        self.0.shared.come_back(self.0.service.clone());
        self.0.bell.ring();
    }
}

/// What comes of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    /// The notice is done with.
    Ended(Outcome),
    /// The browser is told no more.
    Gone,
    /// The service takes nothing for this browser now, for so many milliseconds at least.
    Rests(i64),
    /// The service is not there.
    Away,
}

/// Who takes nothing for a while.
#[derive(Default)]
struct Resting {
    service: Option<Time>,
    browsers: BTreeMap<String, Time>,
    gone: BTreeSet<String>,
}

impl Courier {
    /// Sends what it has. A browser whose news are not taken holds up no other; a service that does not answer is left alone.
    pub(crate) fn run(self) {
        let _back = Back(&self);
        let mut resting = Resting::default();
        for Parcel { notice, to } in &self.parcels {
            if self.is_stopping.load(Ordering::SeqCst) {
                return;
            }
            if resting.gone.contains(&notice.subscription) {
                continue;
            }
            let until =
                resting.service.or_else(|| resting.browsers.get(&notice.subscription).copied());
            match until {
                Some(at) => self.shared.note(|done| {
                    done.later.push(again(notice, at, notice.attempts));
                }),
                None => self.deliver(notice, to, &mut resting),
            }
        }
    }

    /// Sends one notice, and notes who rests then.
    fn deliver(&self, notice: &Notice, to: &Subscription, resting: &mut Resting) {
        let came = self.attempt(notice, to);
        let wall = self.kernel.clock().wall();
        let (subscription, number) = (notice.subscription.clone(), notice.number);
        match came {
            Came::Ended(outcome) => {
                self.shared.note(|done| done.ended.push(Ended { subscription, number, outcome }));
            }
            Came::Gone => {
                resting.gone.insert(subscription.clone());
                self.shared.note(|done| done.gone.push(subscription));
            }
            Came::Rests(_) | Came::Away => {
                let least = if let Came::Rests(least) = came { least } else { 0 };
                let rest = rest(notice.attempts, self.kernel.entropy().number()).max(least);
                let at = wall.plus(Period(rest));
                let attempts = notice.attempts.saturating_add(1);
                // Where its time is up before, it is ended when it comes up again.
                let own = at.min(notice.until);
                self.shared.note(|done| done.later.push(again(notice, own, attempts)));
                match came {
                    Came::Away => resting.service = Some(at),
                    _ => {
                        resting.browsers.insert(subscription, at);
                    }
                }
            }
        }
    }

    fn attempt(&self, notice: &Notice, to: &Subscription) -> Came {
        let time = (self.kernel.clock().wall(), self.kernel.clock().business());
        let message = match outgoing(notice, to, &self.pair, &self.contact, time) {
            Ok(message) => message,
            // Nothing can ever be sent to a browser with such keys.
            Err(desk::Error::Subscription { .. }) => return Came::Gone,
            Err(error) => {
                log::error!(target: "unit", "a notice could not be made: {error}");
                return Came::Ended(Outcome::Refused);
            }
        };
        let service = &self.service;
        let answer = self.post.send(&message);
        let came = match &answer {
            Ok(answer) => came(*answer),
            Err(_) => Came::Away,
        };
        match (&answer, came) {
            (Ok(Answer { status, .. }), Came::Ended(Outcome::Refused)) => {
                log::warn!(target: "unit", "the push service {service} does not take a notice: it answered {status}");
            }
            (Ok(Answer { status, .. }), Came::Rests(_)) => {
                log::info!(target: "unit", "the push service {service} answered {status}: it is tried again");
            }
            (Err(reason), _) => {
                log::info!(target: "unit", "the push service {service} did not answer, it is tried again: {reason}");
            }
            _ => {}
        }
        came
    }
}

/// Says what an answer means (RFC 8030, sections 5 and 7.3).
fn came(answer: Answer) -> Came {
    match answer.status {
        200..=299 => Came::Ended(Outcome::Delivered),
        404 | 410 => Came::Gone,
        408 | 425 | 429 | 500..=599 => {
            Came::Rests(answer.again_after.map_or(0, |seconds| i64::from(seconds) * 1_000))
        }
        _ => Came::Ended(Outcome::Refused),
    }
}

/// Returns how long a notice waits that has failed so often before, in milliseconds. A quarter of it is by chance, so that not all come
/// at once.
fn rest(attempts: u32, chance: u64) -> i64 {
    let whole = REST_MS.saturating_mul(1 << attempts.min(20)).min(REST_MS_MAX);
    let quarter = (whole / 4).max(1);
    whole - quarter + i64::try_from(chance % quarter.cast_unsigned()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_push_service_answers_has_a_meaning() {
        let check = |status, again_after| came(Answer { status, again_after });
        for status in [200, 201, 202, 204] {
            assert_eq!(check(status, None), Came::Ended(Outcome::Delivered), "{status}");
        }
        for status in [404, 410] {
            assert_eq!(check(status, None), Came::Gone, "{status}");
        }
        for status in [429, 500, 502, 503] {
            assert_eq!(check(status, None), Came::Rests(0), "{status}");
            assert_eq!(check(status, Some(30)), Came::Rests(30_000), "{status}");
        }
        for status in [301, 400, 401, 403, 413] {
            assert_eq!(check(status, None), Came::Ended(Outcome::Refused), "{status}");
        }
    }

    #[test]
    fn a_service_that_fails_rests_longer_and_longer() {
        for (attempts, least, most) in
            [(0, 1_500, 2_000), (1, 3_000, 4_000), (5, 48_000, 64_000), (40, 675_000, 900_000)]
        {
            for chance in [0, 1, 12_345, u64::MAX] {
                let rest = rest(attempts, chance);
                assert!(least <= rest && rest <= most, "{attempts}: {rest}");
            }
        }
    }
}
