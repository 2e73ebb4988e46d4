//! One connection as a machine: bytes and answers in, bytes and acts out. No I/O, no clock of its own, no rights.
//!
//! The parts: `incoming.rs` is what the client publishes and subscribes to, in the order in which it is acknowledged;
//! `outgoing.rs` is what it is sent. What is promised to a client leaves only after the unit has said that it is kept:
//! every acknowledgement waits for an answer to an [`Act`].

mod incoming;
mod outgoing;
mod types;

pub use types::{
    Accepted, Act, Delivery, Held, Left, Limits, Outcome, Outgoing, Place, Stage, Target, Targets,
};

use super::codec::{Codec, Connack, Refusal};
use super::packet::{AckKind, Connect, Packet, Version, reason};
use base::Time;
use bytes::BytesMut;
use incoming::Gate;
use outgoing::{Flight, OUT_BYTES_MAX};
use std::time::Duration;

/// How far off a tick is where nothing is waited for.
const IDLE: Duration = Duration::from_secs(3_600);

/// The protocol of one connection.
pub struct Machine {
    limits: Limits,
    codec: Codec,
    phase: Phase,
    begun: Duration,
    /// The wall clock at `begun`.
    wall: Time,
    now: Duration,
    /// When the last packet came.
    heard: Duration,
    keep_alive: Option<Duration>,
    asked: Asked,
    is_durable: bool,
    gate: Gate,
    flight: Flight,
    out: BytesMut,
    acts: Vec<Act>,
    is_will_wanted: bool,
    expiry: Option<u32>,
    /// Whether a publish that nobody can be told of was refused: one log line of it is enough.
    has_told: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has come.
    Waiting,
    /// CONNECT is being answered.
    Connecting,
    /// Packets go both ways.
    Open,
    /// What comes is not looked at any more.
    Closing,
}

/// What CONNECT asked for and is needed later.
#[derive(Clone, Copy, Default)]
struct Asked {
    keep_alive: u16,
    expiry: u32,
    receive_max: u16,
}

impl Machine {
    /// Returns a machine that waits for CONNECT. `now` counts from wherever the door likes and only grows; `wall` is the wall
    /// clock at this moment, from which the remaining life of messages is counted.
    pub fn new(limits: Limits, now: Duration, wall: Time) -> Self {
        Self {
            codec: Codec::new(limits),
            limits,
            phase: Phase::Waiting,
            begun: now,
            wall,
            now,
            heard: now,
            keep_alive: None,
            asked: Asked::default(),
            is_durable: false,
            gate: Gate::default(),
            flight: Flight::default(),
            out: BytesMut::new(),
            acts: Vec::new(),
            is_will_wanted: true,
            expiry: None,
            has_told: false,
        }
    }

    /// Takes packets from the front of `input` until none is whole, or no more are wanted. What is left there stays for the
    /// next call, which is due as soon as [`Machine::wants_bytes`] says so again, also where nothing new was read.
    pub fn receive(&mut self, input: &mut BytesMut, now: Duration, topics: &dyn Targets) {
        self.move_to(now);
        while self.wants_bytes() {
            match self.codec.decode(input) {
                Ok(Some(packet)) => {
                    self.heard = self.now;
                    self.take(packet, topics);
                }
                Ok(None) => break,
                Err(refusal) => self.refuse(&refusal),
            }
        }
        self.go_on();
    }

    /// Answers [`Act::Connect`]: the client is let in. What the session still holds is sent again.
    pub fn accepted(&mut self, accepted: Accepted, now: Duration) {
        self.move_to(now);
        if self.phase != Phase::Connecting {
            return;
        }
        self.phase = Phase::Open;
        self.heard = self.now;
        self.is_durable = accepted.is_durable;
        let mut connack = accepted.connack;
        self.agree(&mut connack);
        let before = self.out.len();
        self.codec.connack(&mut self.out, &connack);
        if self.out.len() == before {
            // The client takes no packet as large as CONNACK (MQTT-3.1.2-24).
            self.close();
            return;
        }
        self.gate.resume(accepted.incoming);
        self.flight.resume(accepted.outgoing, self.asked.receive_max.min(self.limits.receive_max));
        self.send_on();
    }

    /// Answers [`Act::Connect`]: the client is not let in.
    pub fn refused(&mut self, code: u8, reason: &str) {
        if self.phase == Phase::Connecting {
            self.end(code, reason);
        }
    }

    /// Ends the connection by the unit: DISCONNECT with the reason, or CONNACK with it, then nothing.
    pub fn end(&mut self, code: u8, reason: &str) {
        match self.phase {
            Phase::Closing => return,
            Phase::Waiting => {}
            Phase::Connecting => {
                let reason = Some(reason.to_owned());
                let ack = Connack { code, reason, ..Connack::default() };
                self.codec.connack(&mut self.out, &ack);
            }
            Phase::Open => self.codec.disconnect(&mut self.out, code, Some(reason)),
        }
        self.close();
    }

    /// Says that the client is gone without DISCONNECT. What it has sent whole is handed in.
    pub fn hung_up(&mut self) {
        if self.phase == Phase::Open {
            self.flush();
        }
        if self.phase != Phase::Closing {
            self.close();
        }
    }

    /// Looks whether something is overdue: a CONNECT, or any packet within the keep alive.
    pub fn tick(&mut self, now: Duration) {
        self.move_to(now);
        match (self.phase, self.keep_alive) {
            (Phase::Waiting, _) if self.begun + self.limits.connect <= self.now => {
                self.acts.push(Act::Refused("no CONNECT came in time".to_owned()));
                self.close();
            }
            (Phase::Open, Some(keep_alive)) => {
                // A client whose bytes are not read is not charged for it.
                if !self.wants_bytes() || !self.gate.is_empty() {
                    self.heard = self.now;
                }
                if self.heard + keep_alive <= self.now {
                    self.fault(
                        reason::KEEP_ALIVE,
                        "nothing was heard for 1.5 times the keep alive",
                    );
                }
            }
            _ => {}
        }
    }

    /// Returns when [`Machine::tick`] is due next.
    pub fn next_tick(&self) -> Duration {
        match (self.phase, self.keep_alive) {
            (Phase::Waiting, _) => self.begun + self.limits.connect,
            (Phase::Open, Some(keep_alive)) => self.heard + keep_alive,
            _ => self.now + IDLE,
        }
    }

    /// Returns whether what comes can be taken: where not, it is left in the socket.
    pub fn wants_bytes(&self) -> bool {
        match self.phase {
            Phase::Waiting => true,
            // What comes behind a CONNECT is not looked at before that is answered.
            Phase::Connecting | Phase::Closing => false,
            Phase::Open => {
                // In MQTT 5 one more is read: who sends it breaks what was advertised, and is told.
                let limit = usize::from(self.limits.receive_max.max(1));
                let more = usize::from(self.codec.version() == Some(Version::V5));
                // Who takes no answers is not asked for more of what is answered.
                self.gate.len() < limit + more
                    && self.gate.bytes() < self.limits.waiting_bytes_max()
                    && self.out.len() < OUT_BYTES_MAX
            }
        }
    }

    /// Returns whether the connection is to be closed once [`Machine::out`] is written.
    pub fn is_closing(&self) -> bool {
        self.phase == Phase::Closing
    }

    /// Returns what is to be written; who writes it takes it away.
    pub fn out(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    /// Takes what is to be done, in its order.
    pub fn acts(&mut self) -> std::vec::Drain<'_, Act> {
        self.acts.drain(..)
    }

    /// Ends the machine and returns what the session goes on with.
    pub fn leave(self) -> Left {
        Left {
            outgoing: self.flight.leave(),
            incoming: self.gate.leave(),
            is_will_wanted: self.is_will_wanted,
            expiry: self.expiry,
        }
    }

    fn move_to(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    /// The wall clock now.
    fn wall_now(&self) -> Time {
        let passed = (self.now - self.begun).as_millis();
        Time(self.wall.0.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX)))
    }

    fn is_v3(&self) -> bool {
        self.codec.version() != Some(Version::V5)
    }

    /// Puts into CONNACK what this connection is held to.
    fn agree(&mut self, connack: &mut Connack) {
        connack.receive_max = self.limits.receive_max;
        connack.packet_bytes_max = self.limits.packet_bytes_max;
        connack.aliases_max = self.limits.aliases_max;
        let (asked, most) = (self.asked.keep_alive, self.limits.keep_alive_max);
        let mut keep_alive = asked;
        if !self.is_v3() {
            if connack.keep_alive.is_none() && (asked == 0 || most < asked) {
                connack.keep_alive = Some(most);
            }
            keep_alive = connack.keep_alive.unwrap_or(asked);
        }
        let allowed = Duration::from_millis(u64::from(keep_alive) * 1_500);
        self.keep_alive = (keep_alive != 0).then_some(allowed);
    }

    fn take(&mut self, packet: Packet, topics: &dyn Targets) {
        match packet {
            Packet::Connect(connect) if self.phase == Phase::Waiting => self.take_connect(connect),
            Packet::Connect(_) => self.fault(reason::PROTOCOL, "a second CONNECT"),
            Packet::Publish(publish) => self.take_publish(publish, topics),
            Packet::Ack { kind: AckKind::Puback, packet, .. } => self.take_puback(packet),
            Packet::Ack { kind: AckKind::Pubrec, packet, code } => self.take_pubrec(packet, code),
            Packet::Ack { kind: AckKind::Pubrel, packet, .. } => self.take_pubrel(packet),
            Packet::Ack { kind: AckKind::Pubcomp, packet, .. } => self.take_pubcomp(packet),
            Packet::Subscribe { packet, id, to } => self.take_subscribe(packet, id, to),
            Packet::Unsubscribe { packet, filters } => self.take_unsubscribe(packet, filters),
            Packet::Ping => self.codec.pong(&mut self.out),
            Packet::Disconnect { code, expiry } => self.take_disconnect(code, expiry),
            Packet::Auth => self.fault(reason::AUTH_METHOD, "AUTH is not spoken here"),
        }
    }

    fn take_connect(&mut self, connect: Box<Connect>) {
        self.phase = Phase::Connecting;
        self.asked = Asked {
            keep_alive: connect.keep_alive,
            expiry: connect.expiry,
            receive_max: connect.receive_max,
        };
        let outgoing_max = connect.packet_bytes_max.unwrap_or(u32::MAX);
        self.codec.set_outgoing_max(outgoing_max, connect.wants_problems);
        if connect.auth_method.is_some() {
            self.end(reason::AUTH_METHOD, "no authentication method is spoken here");
            return;
        }
        self.acts.push(Act::Connect(connect));
    }

    fn take_disconnect(&mut self, code: u8, expiry: Option<u32>) {
        if self.asked.expiry == 0 && expiry.is_some_and(|seconds| seconds != 0) {
            let text = "a session that was to end with its connection is not prolonged";
            self.fault(reason::PROTOCOL, text);
            return;
        }
        self.flush();
        self.expiry = expiry;
        self.is_will_wanted = code != reason::SUCCESS;
        self.close();
    }

    /// Ends the connection for something that the client did. Who speaks 3.1.1 cannot be told: a line in the log says it.
    fn fault(&mut self, code: u8, reason: &str) {
        if self.is_v3() {
            self.acts.push(Act::Refused(reason.to_owned()));
        }
        self.end(code, reason);
    }

    fn refuse(&mut self, refusal: &Refusal) {
        if self.phase == Phase::Waiting && !refusal.is_before_connect {
            // Its CONNECT can be answered.
            self.phase = Phase::Connecting;
        }
        self.fault(refusal.code, &refusal.reason);
    }

    fn close(&mut self) {
        self.phase = Phase::Closing;
        self.acts.push(Act::Ended { is_clean: !self.is_will_wanted, expiry: self.expiry });
    }
}
