//! One connection that has a session: what comes is given to the machine, what it wants done is asked for, what is there for its client
//! is delivered. Replies first, then deliveries, then what the client says.

use super::asks::{self, Asks};
use super::budget::Budget;
use super::enter::Seated;
use super::finds::{self, Finds, Found, Job};
use super::leave::{Sitting, leave};
use super::mailbox::{Answer, Asked, Mailbox};
use super::rights::{Looked, Rights};
use super::wire::{Moved, Wire};
use super::{Door, Peer, broken, until};
use crate::broker::Subscribed;
use crate::mqtt::{Act, Machine, reason};
use crate::publish::{batch, reason as reasons};
use base::{Kind, Problem};
use bytes::BytesMut;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::sleep;

/// For how long a client may take no byte of what it is sent.
const WRITE_STALL: Duration = Duration::from_secs(30);

/// While so many messages are on their way to their hearers, nothing is read, and it is looked again after a while.
const BACKLOG_MAX: usize = 100_000;
const BACKLOG_LOOK: Duration = Duration::from_millis(250);

/// Who has sent so much at once lets others have their turn.
const MUCH_BYTES: usize = 16 << 10;

/// An unsubscribe of what was not there (MQTT 5, 3.11.3).
const NOT_THERE: u8 = 0x11;

/// A connection that has a session.
pub(super) struct Connection<S> {
    pub wire: Wire<S>,
    pub client: Client,
    pub stopped: watch::Receiver<bool>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Serves it to its end.
    pub(super) async fn serve(mut self) {
        self.run().await;
        // What is needed for leaving alone has its memory only then.
        Box::pin(leave(self)).await;
    }

    async fn run(&mut self) {
        loop {
            let now = self.client.door.now();
            self.client.settle(&mut self.wire.input, now);
            self.wire.tidy();
            if self.client.machine.is_closing() {
                return;
            }
            let is_reading = self.client.is_reading(now);
            let wait = self.client.wait(now);
            tokio::select! {
                biased;
                moved = self.wire.turn(is_reading, self.client.machine.out()) => match moved {
                    Ok(Moved::In(count)) => {
                        self.client.received(&mut self.wire.input, count);
                        if MUCH_BYTES <= count {
                            tokio::task::yield_now().await;
                        }
                    }
                    Ok(Moved::Out) => self.client.stalled_since = None,
                    Ok(Moved::End) | Err(_) => self.client.hung_up(),
                },
                () = self.client.mailbox.news() => {}
                found = joined(&mut self.client.finds.job) => self.client.found(found),
                () = sleep(wait) => {}
                () = until(&mut self.stopped) => {
                    self.client.end(reason::SHUTTING_DOWN, "the unit stops", "unit_stopped");
                }
            }
        }
    }
}

/// Waits for what is looked up, for ever where nothing is.
async fn joined(job: &mut Option<Job>) -> Result<Found, Problem> {
    let Some(running) = job else { return std::future::pending().await };
    let found = running.await;
    *job = None;
    found.unwrap_or_else(|error| Err(broken(&error)))
}

/// The client at the other end of a connection.
pub(super) struct Client {
    pub door: Arc<Door>,
    pub machine: Machine,
    pub mailbox: Arc<Mailbox>,
    pub asks: Asks,
    pub finds: Finds,
    pub sitting: Sitting,
    /// Why the connection ended, in a word.
    pub cause: Option<&'static str>,
    /// Whether nobody hears what is written.
    pub is_gone: bool,
    rights: Rights,
    budget: Budget,
    name: Box<str>,
    address: SocketAddr,
    patience: Patience,
    stalled_since: Option<Duration>,
}

impl Client {
    /// Returns a client that is let in.
    pub(super) fn new(door: &Arc<Door>, peer: &Peer, mut machine: Machine, seated: Seated) -> Self {
        let Seated { mailbox, asker, seat, rights, accepted, client, mut sitting } = seated;
        let now = door.now();
        let finds = Finds::new(door, &asker.identity, &seat, &accepted.outgoing);
        let spread = door.kernel().entropy().number();
        let mut budget = door.budgets.of(&asker.identity.principal, now, spread);
        if let Some(limits) = rights.limits {
            budget.limit(limits);
        }
        machine.accepted(accepted, now);
        sitting.accept();
        let mut asks = Asks::new(door, &mailbox, asker);
        asks.renew(&rights.identity);
        Self {
            door: Arc::clone(door),
            asks,
            machine,
            mailbox,
            finds,
            sitting,
            cause: None,
            is_gone: false,
            rights,
            budget,
            name: client,
            address: peer.address,
            patience: Patience::default(),
            stalled_since: None,
        }
    }

    /// Does all that can be done without waiting. `input`: what the machine has left of what came.
    fn settle(&mut self, input: &mut BytesMut, now: Duration) {
        self.hear();
        self.look_at_clock(now);
        loop {
            if !input.is_empty() && self.is_reading(now) {
                self.machine.receive(input, now, &self.rights);
            }
            let stale = self.rights.stale(&self.door);
            if stale.is_none() {
                self.finds.deliver(&mut self.machine, now);
            }
            if !self.act(now) {
                self.finds.look(stale, self.machine.room());
                break;
            }
        }
        self.asks.hand_in(now, false);
    }

    /// Takes what has come into the mailbox.
    pub(super) fn hear(&mut self) {
        let (answers, nudges) = self.mailbox.take();
        for answer in answers {
            self.asks.answered(&answer.asked);
            if let Err(problem) = self.answered(answer) {
                self.fail(&problem);
            }
        }
        self.finds.nudged(&nudges);
        if let Some(code) = nudges.ended {
            let (said, cause) = ending(code);
            self.end(code, said, cause);
        }
    }

    /// Does what the machine wants. Returns whether it wanted anything.
    pub(super) fn act(&mut self, now: Duration) -> bool {
        let acts: Vec<Act> = self.machine.acts().collect();
        let has_some = !acts.is_empty();
        for act in acts {
            match act {
                Act::Publish { ticket, target, messages } => {
                    self.budget.charge_messages(now, messages.len());
                    self.asks.publish(ticket, &target, &messages, &self.rights);
                }
                Act::Release(packets) => self.asks.release(packets),
                Act::Subscribe { packet, id, to } => {
                    // Each filter is work for the unit, as a message is.
                    self.budget.charge_messages(now, to.len());
                    self.asks.subscribe(packet, id, to);
                }
                Act::Unsubscribe { packet, filters } => {
                    self.budget.charge_messages(now, filters.len());
                    self.asks.unsubscribe(packet, filters);
                }
                Act::Hold(put) => self.asks.hold(put),
                Act::Done(packets) => self.asks.done(packets),
                Act::Handled(places) => {
                    self.finds.seat().handled(&places);
                    self.asks.sent(places.into_iter().filter_map(finds::command), now);
                }
                Act::Refused(text) => self.report(&text),
                Act::Ended { is_clean: true, .. } => {
                    self.cause.get_or_insert("disconnected");
                }
                // A machine that was let in asks for nothing like it.
                Act::Ended { is_clean: false, .. } | Act::Connect(_) => {}
            }
        }
        has_some
    }

    /// Takes what was read.
    fn received(&mut self, input: &mut BytesMut, count: usize) {
        let now = self.door.now();
        self.budget.charge_bytes(now, count);
        self.machine.receive(input, now, &self.rights);
    }

    /// The client is gone without a word.
    fn hung_up(&mut self) {
        self.is_gone = true;
        self.cause.get_or_insert("lost");
        self.machine.hung_up();
    }

    /// Ends the connection.
    fn end(&mut self, code: u8, said: &str, cause: &'static str) {
        self.cause.get_or_insert(cause);
        self.machine.end(code, said);
    }

    /// Takes what was looked up.
    fn found(&mut self, found: Result<Found, Problem>) {
        match self.finds.found(found) {
            Ok(None) => {}
            Ok(Some(Looked::Same { seen, identity })) => {
                self.asks.renew(&identity);
                self.rights.renew(seen, identity);
            }
            Ok(Some(Looked::Anew(rights))) => {
                if let Some(limits) = rights.limits {
                    self.budget.limit(limits);
                }
                self.asks.renew(&rights.identity);
                self.rights = rights;
            }
            Err(problem) => self.fail(&problem),
        }
    }

    fn is_reading(&self, now: Duration) -> bool {
        self.machine.wants_bytes() && self.paused_until(now).is_none()
    }

    /// Returns until when the door itself does not read, where it does not.
    fn paused_until(&self, now: Duration) -> Option<Duration> {
        if self.finds.is_looking_at_rights() {
            // What is found wakes the connection before.
            return Some(now + WRITE_STALL);
        }
        if BACKLOG_MAX < self.door.fleet.broker.router().backlog() {
            return Some(now + BACKLOG_LOOK);
        }
        Some(self.budget.free_at()).filter(|free_at| now < *free_at)
    }

    /// Ends the connection of a client that is overdue, or takes nothing.
    fn look_at_clock(&mut self, now: Duration) {
        if self.machine.out().is_empty() {
            self.stalled_since = None;
        } else if WRITE_STALL <= now.saturating_sub(*self.stalled_since.get_or_insert(now)) {
            self.is_gone = true;
            self.end(reason::UNSPECIFIED, "it takes nothing", "stalled");
        }
        let is_paused = self.paused_until(now).is_some();
        let due = self.patience.due(self.machine.next_tick(), is_paused, now);
        if due.is_some_and(|due| due <= now) {
            self.machine.tick(now);
        }
    }

    /// Returns after how long there is something to do, where nothing happens before.
    fn wait(&mut self, now: Duration) -> Duration {
        let paused_until = self.paused_until(now);
        let overdue = self.patience.due(self.machine.next_tick(), paused_until.is_some(), now);
        let stalled = (!self.machine.out().is_empty()).then(|| {
            let since = *self.stalled_since.get_or_insert(now);
            since + WRITE_STALL
        });
        let times = [paused_until, overdue, stalled, self.asks.due()];
        let next = times.into_iter().flatten().min();
        next.map_or(WRITE_STALL, |next| next.saturating_sub(now)).max(Duration::from_millis(1))
    }

    fn answered(&mut self, answer: Answer) -> Result<(), Problem> {
        let Answer { asked, reply } = answer;
        match asked {
            Asked::Publish(ticket) => match reply {
                Ok(reply) => self.machine.published(ticket, &batch::outcomes(&reply)),
                Err(problem) => {
                    let (code, said) = said(problem)?;
                    self.machine.failed(ticket, code, &said);
                }
            },
            Asked::Subscribe { packet, to } => match reply {
                Ok(reply) => {
                    let subscribed: Subscribed = asks::read(reply)?;
                    self.machine.subscribed(packet, &subscribed.codes);
                    self.finds.subscribed(&to, &subscribed);
                }
                Err(problem) => {
                    let (code, _) = said(problem)?;
                    self.machine.subscribed(packet, &vec![code; to.len()]);
                }
            },
            Asked::Unsubscribe { packet, count } => {
                let codes = match reply {
                    Ok(reply) => unsubscribed(&reply),
                    Err(problem) => vec![not_ended(said(problem)?.0); count],
                };
                self.machine.unsubscribed(packet, &codes);
            }
            Asked::Release(packets) => {
                reply?;
                self.machine.released(&packets);
            }
            Asked::Hold(put) => {
                reply?;
                let packets: Vec<u16> = put.into_iter().map(|(packet, ..)| packet).collect();
                self.machine.held(&packets);
            }
            Asked::Sent => {
                // They stay as they are, and are given again to who connects anew.
                if let Err(problem) = reply {
                    self.report(&problem.message);
                }
            }
        }
        Ok(())
    }

    /// Ends the connection for a problem that is not one of a single message: of what was handed in it is not known what became of it.
    fn fail(&mut self, problem: &Problem) {
        if is_taken_over(problem) {
            let (said, cause) = ending(reason::TAKEN_OVER);
            return self.end(reason::TAKEN_OVER, said, cause);
        }
        if problem.kind == Kind::Internal {
            self.report(&problem.message);
        }
        let (code, said) = reasons::of(problem);
        self.end(code, &said, "refused");
    }

    /// Writes a line about this client to the log.
    fn report(&self, text: &str) {
        let who = &self.asks.asker().identity.principal;
        let Self { name, address, door, .. } = self;
        (door.report)(&format!("{who} as `{name}` at {address}: {text}"));
    }
}

/// Returns what a client is told of a call that was refused as a whole.
///
/// # Errors
/// It is no refusal of what was asked: the connection cannot go on.
fn said(problem: Problem) -> Result<(u8, String), Problem> {
    let is_fatal =
        matches!(problem.kind, Kind::Unavailable | Kind::Internal | Kind::Unauthenticated)
            || is_taken_over(&problem);
    if is_fatal { Err(problem) } else { Ok(reasons::of_message(&problem)) }
}

/// Whether another connection has the session, or it is no more.
fn is_taken_over(problem: &Problem) -> bool {
    problem.code == "mqtt_session.not_found"
}

/// Returns the code where UNSUBACK has it (MQTT 5, table 3-9), else one that it has.
fn not_ended(code: u8) -> u8 {
    match code {
        reason::IMPLEMENTATION | reason::NOT_AUTHORIZED => code,
        _ => reason::UNSPECIFIED,
    }
}

fn unsubscribed(reply: &Value) -> Vec<u8> {
    let existed = reply["existed"].as_array().into_iter().flatten();
    let code = |existed: &Value| match existed.as_bool() {
        Some(true) => reason::SUCCESS,
        _ => NOT_THERE,
    };
    existed.map(code).collect()
}

/// Returns what is said of an end that the broker wants, and the word for it.
fn ending(code: u8) -> (&'static str, &'static str) {
    match code {
        reason::TAKEN_OVER => ("another connection has the session", "taken_over"),
        reason::ADMINISTRATIVE => ("it was ended by hand", "killed"),
        reason::NOT_AUTHORIZED => ("it may not any more", "forbidden"),
        reason::QUOTA => ("it is too far behind", "too_slow"),
        _ => ("its session has ended", "ended"),
    }
}

/// When a client is overdue. It is not charged for the time in which the door itself does not read.
#[derive(Debug, Default)]
struct Patience {
    next_tick: Duration,
    forgiven: Duration,
    paused_since: Option<Duration>,
}

impl Patience {
    /// Returns when the client is overdue; nothing while the door does not read.
    fn due(&mut self, next_tick: Duration, is_paused: bool, now: Duration) -> Option<Duration> {
        if self.next_tick != next_tick {
            // Something was heard of it.
            *self = Self { next_tick, ..Self::default() };
        }
        if let Some(since) = self.paused_since.take() {
            self.forgiven += now.saturating_sub(since);
        }
        self.paused_since = is_paused.then_some(now);
        (!is_paused).then_some(next_tick + self.forgiven)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_charged_for_what_the_door_did_not_read() {
        let at = Duration::from_secs;
        let mut patience = Patience::default();
        assert_eq!(patience.due(at(15), false, at(10)), Some(at(15)));
        assert_eq!(patience.due(at(15), true, at(12)), None);
        assert_eq!(patience.due(at(15), true, at(14)), None);
        assert_eq!(patience.due(at(15), false, at(16)), Some(at(19)), "4 seconds are forgiven");
        assert_eq!(patience.due(at(30), false, at(17)), Some(at(30)), "it was heard of since");
    }

    #[test]
    fn what_ends_a_connection_is_told_from_what_a_message_hears() {
        let problem = |code: &'static str, kind| Problem::new(base::Code(code, kind), "no");
        assert!(said(problem("kernel.stopping", Kind::Unavailable)).is_err());
        assert!(said(problem("token.invalid", Kind::Unauthenticated)).is_err());
        assert!(said(problem("mqtt_session.not_found", Kind::NotFound)).is_err());
        let code = |problem| said(problem).ok().map(|(code, _)| code);
        assert_eq!(code(problem("quota.exceeded", Kind::Exhausted)), Some(0x97));
        assert_eq!(code(problem("policy.forbidden", Kind::Forbidden)), Some(0x87));
    }
}
