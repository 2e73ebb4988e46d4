//! The protocol from the wire's side: bytes in, bytes and acts out.
//!
//! `statements.rs` has every normative statement of both standards, with the test that holds it; the tests that it names are
//! in the files by subject and run for each version that they are listed for.

mod connect;
mod deliver;
mod gate;
mod mutations;
mod publish;
mod session;
mod statements;
mod subscribe;

use super::varint;
use super::{
    Accepted, Act, Delivery, Limits, Machine, Outcome, Place, Properties, Publish, Qos, Target,
    Targets, Version, reason,
};
use crate::broker::{Message, Origin};
use base::Time;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use std::time::Duration;

/// Small limits, so that each of them is reached.
const LIMITS: Limits = Limits {
    packet_bytes_max: 1_024,
    receive_max: 5,
    aliases_max: 3,
    keep_alive_max: 600,
    connect: Duration::from_secs(10),
    topic_bytes_max: 64,
    topic_levels_max: 8,
    properties_bytes_max: 256,
    filters_max: 8,
    messages_max: 4,
    bytes_max: 512,
    calls_max: 2,
};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

/// `devices/NAME/…` is a device's, `closed/…` is nobody's, everything else is one declared topic.
struct Rooms;

impl Targets for Rooms {
    fn target(&self, topic: &str) -> Target {
        match topic.split_once('/') {
            Some(("devices", rest)) => {
                Target::Device(rest.split('/').next().unwrap_or_default().into())
            }
            Some(("closed", _)) => {
                Target::Refused { code: reason::NOT_AUTHORIZED, reason: "no right".to_owned() }
            }
            _ => Target::Topic("all".into()),
        }
    }
}

/// A client and the machine it talks to.
struct Talk {
    machine: Machine,
    version: Version,
    now: Duration,
    unread: BytesMut,
    acts: Vec<Act>,
}

impl Talk {
    fn new(version: Version) -> Self {
        Self::with(version, LIMITS)
    }

    fn with(version: Version, limits: Limits) -> Self {
        Self {
            machine: Machine::new(limits, Duration::ZERO, Time(0)),
            version,
            now: Duration::ZERO,
            unread: BytesMut::new(),
            acts: Vec::new(),
        }
    }

    /// A client that was let in, whose session ends with its connection.
    fn open(version: Version) -> Self {
        Self::resumed(version, Accepted::default())
    }

    /// A client that was let in, whose session stays.
    fn durable(version: Version) -> Self {
        Self::resumed(version, Accepted { is_durable: true, ..Accepted::default() })
    }

    fn resumed(version: Version, accepted: Accepted) -> Self {
        let mut talk = Self::new(version);
        talk.say(&hello(version));
        let said = talk.accept(accepted);
        assert_eq!(said[0][0], 0x20, "the first packet is CONNACK");
        assert_eq!(said[0][3], 0, "the client is let in");
        talk.acts.clear();
        talk
    }

    fn accept(&mut self, accepted: Accepted) -> Vec<Vec<u8>> {
        self.machine.accepted(accepted, self.now);
        self.heard()
    }

    /// Sends bytes and returns the packets that come back.
    fn say(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.unread.extend_from_slice(bytes);
        self.machine.receive(&mut self.unread, self.now, &Rooms);
        self.heard()
    }

    /// Returns the packets that were written since the last time.
    fn heard(&mut self) -> Vec<Vec<u8>> {
        self.acts.extend(self.machine.acts());
        let bytes = self.machine.out().split();
        packets(&bytes)
    }

    /// Takes the first call out of what is to be done.
    fn call(&mut self) -> (u64, Target, Vec<Publish>) {
        let is_call = |act: &Act| matches!(act, Act::Publish { .. });
        let at = self.acts.iter().position(is_call).expect("a call was handed in");
        match self.acts.remove(at) {
            Act::Publish { ticket, target, messages } => (ticket, target, messages),
            _ => unreachable!("that is what was looked for"),
        }
    }

    /// Answers the first call: all of it was taken.
    fn take_all(&mut self) -> Vec<Vec<u8>> {
        let (ticket, ..) = self.call();
        self.machine.published(ticket, &[]);
        self.heard()
    }

    /// Answers the first call with these codes.
    fn answer(&mut self, codes: &[u8]) -> Vec<Vec<u8>> {
        let (ticket, ..) = self.call();
        let outcomes: Vec<Outcome> =
            codes.iter().map(|code| Outcome { code: *code, reason: None }).collect();
        self.machine.published(ticket, &outcomes);
        self.heard()
    }

    fn deliver(&mut self, number: u64, qos: Qos) -> Vec<Vec<u8>> {
        self.machine.deliver(delivery(number, qos), self.now);
        self.heard()
    }

    fn is_over(&self) -> bool {
        self.machine.is_closing()
    }

    /// Sends what must end the connection: with this code in MQTT 5, with a line in the log in 3.1.1.
    fn breaks(&mut self, bytes: &[u8], code: u8) {
        let said = self.say(bytes);
        self.is_broken(&said, code);
    }

    fn is_broken(&self, said: &[Vec<u8>], code: u8) {
        assert!(self.is_over(), "the connection goes on");
        match self.version {
            Version::V5 => {
                let last = said.last().expect("DISCONNECT is sent");
                assert_eq!((last[0], last[2]), (0xE0, code), "DISCONNECT says why");
            }
            Version::V3 => {
                assert!(said.is_empty(), "3.1.1 has no DISCONNECT of a server: {said:?}");
                let is_told = |act: &Act| matches!(act, Act::Refused(_));
                assert!(self.acts.iter().any(is_told), "the log has a line");
            }
        }
    }
}

/// Sends a CONNECT that must be turned away: with this code in MQTT 5, with this return code or none in 3.1.1.
fn turned_away(version: Version, connect: &[u8], code: u8, return_code: Option<u8>) {
    let mut talk = Talk::new(version);
    let said = talk.say(connect);
    assert!(talk.is_over(), "the connection goes on");
    assert!(!talk.acts.iter().any(|act| matches!(act, Act::Connect(_))), "nobody is let in");
    match (version, return_code) {
        (Version::V5, _) => assert_eq!(said[0][2..4], [0, code], "CONNACK says why"),
        (Version::V3, Some(code)) => assert_eq!(said, [[0x20, 2, 0, code]]),
        (Version::V3, None) => assert!(said.is_empty(), "no CONNACK: {said:?}"),
    }
}

fn packets(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        let varint::Read::Number(remaining, size) = varint::read(&bytes[1..]) else {
            panic!("half a packet was written: {bytes:?}");
        };
        let (packet, rest) = bytes.split_at(1 + size + remaining as usize);
        packets.push(packet.to_vec());
        bytes = rest;
    }
    packets
}

/// A packet of this first byte and this body.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    bytes.extend_from_slice(&[first]);
    varint::write(body.len(), &mut bytes);
    bytes.extend_from_slice(body);
    bytes.to_vec()
}

fn text(text: &str) -> Vec<u8> {
    octets(text.as_bytes())
}

fn octets(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("a short text");
    [&length.to_be_bytes(), data].concat()
}

/// Properties with their length, where the version has them.
fn properties(version: Version, properties: &[u8]) -> Vec<u8> {
    match version {
        Version::V3 => Vec::new(),
        Version::V5 => {
            let mut bytes = BytesMut::new();
            varint::write(properties.len(), &mut bytes);
            bytes.extend_from_slice(properties);
            bytes.to_vec()
        }
    }
}

/// CONNECT with these flags, keep alive, properties, and what stands behind them.
fn connect(version: Version, flags: u8, keep_alive: u16, said: &[u8], rest: &[u8]) -> Vec<u8> {
    let level = if version == Version::V5 { 5 } else { 4 };
    let body = [
        &text("MQTT")[..],
        &[level, flags],
        &keep_alive.to_be_bytes(),
        &properties(version, said),
        rest,
    ]
    .concat();
    packet(0x10, &body)
}

/// CONNECT of client `c` with a clean session.
fn hello(version: Version) -> Vec<u8> {
    connect(version, 0b10, 60, &[], &text("c"))
}

/// PUBLISH with these flags of the first byte.
fn publish_as(version: Version, flags: u8, id: u16, topic: &str, said: &[u8]) -> Vec<u8> {
    let id = if flags & 0b0110 == 0 { Vec::new() } else { id.to_be_bytes().to_vec() };
    let body = [&text(topic)[..], &id, &properties(version, said), b"payload"].concat();
    packet(0x30 | flags, &body)
}

fn publish(version: Version, qos: u8, id: u16, topic: &str) -> Vec<u8> {
    publish_as(version, qos << 1, id, topic, &[])
}

fn ack(first: u8, id: u16) -> Vec<u8> {
    packet(first, &id.to_be_bytes())
}

fn subscribe(version: Version, id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = [&id.to_be_bytes()[..], &properties(version, &[])].concat();
    for (filter, options) in filters {
        body.extend(text(filter));
        body.push(*options);
    }
    packet(0x82, &body)
}

fn unsubscribe(version: Version, id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = [&id.to_be_bytes()[..], &properties(version, &[])].concat();
    for filter in filters {
        body.extend(text(filter));
    }
    packet(0xA2, &body)
}

fn message(topic: &str, payload: &[u8], said: Option<Properties>) -> Arc<Message> {
    let publish = Publish {
        topic: topic.into(),
        payload: Bytes::copy_from_slice(payload),
        qos: Qos::ExactlyOnce,
        retain: false,
        is_dup: false,
        packet: 0,
        alias: None,
        properties: said.map(Box::new),
    };
    Arc::new(Message::new(publish, 0, Origin::Topic("all".into()), Time(0)))
}

/// The message of this number, out of the log.
fn delivery(number: u64, qos: Qos) -> Delivery {
    let message = message("all/x", number.to_string().as_bytes(), None);
    Delivery { message, place: Place::Log(number), qos, retain: false, ids: Box::default() }
}

/// The packet identifier of a PUBLISH that the unit sent.
fn id_of(packet: &[u8]) -> u16 {
    assert_eq!(packet[0] >> 4, 3, "a PUBLISH: {packet:?}");
    assert_ne!(packet[0] & 0b0110, 0, "of QoS 1 or 2");
    let topic = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    u16::from_be_bytes([packet[4 + topic], packet[5 + topic]])
}
