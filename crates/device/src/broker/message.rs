//! A message as it is shared by all who hear it, and as it is stored.

use crate::Error;
use crate::mqtt::{Encoded, Properties, Publish, Qos, Version};
use base::{Problem, Time};
use bytes::Bytes;
use std::sync::OnceLock;

/// The version of the stored form.
const VERSION: u8 = 1;

/// In the flags of the stored form, beside the quality of service.
const RETAIN: u8 = 0b0000_0100;
const OF_DEVICE: u8 = 0b0000_1000;
const HAS_PROPERTIES: u8 = 0b0001_0000;

/// By what it is decided who may hear a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A topic below `devices/NAME/`.
    Device(Box<str>),
    /// A declared topic.
    Topic(Box<str>),
}

impl Origin {
    fn name(&self) -> &str {
        match self {
            Self::Device(name) | Self::Topic(name) => name,
        }
    }
}

/// A message. Whoever hears it shares it; what is large in its packet is written once for each version of the protocol.
pub struct Message {
    /// The topic's name.
    pub topic: Box<str>,
    /// What it carries.
    pub payload: Bytes,
    /// The quality of service with which it was published.
    pub qos: Qos,
    /// Whether it was to be retained.
    pub retain: bool,
    /// What MQTT 5 says beside it.
    pub properties: Option<Box<Properties>>,
    /// The session that published it; 0 for none.
    pub publisher: u64,
    /// By what it is decided who may hear it.
    pub origin: Origin,
    /// When it came, wall time.
    pub at: Time,
    three: OnceLock<Encoded>,
    five: OnceLock<Encoded>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { topic, qos, publisher, payload, .. } = self;
        write!(f, "{} bytes on `{topic}` at {qos:?} by {publisher}", payload.len())
    }
}

impl Message {
    /// Returns a message. The bytes that are brought must be its own: what a connection has read would stay in memory with it.
    pub fn new(publish: Publish, publisher: u64, origin: Origin, at: Time) -> Self {
        Self {
            topic: publish.topic,
            payload: publish.payload,
            qos: publish.qos,
            retain: publish.retain,
            properties: publish.properties,
            publisher,
            origin,
            at,
            three: OnceLock::new(),
            five: OnceLock::new(),
        }
    }

    /// Returns what all receivers of a version of the protocol get alike.
    pub fn encoded(&self, version: Version) -> &Encoded {
        let place = match version {
            Version::V3 => &self.three,
            Version::V5 => &self.five,
        };
        let encode =
            || Encoded::new(version, &self.topic, self.properties.as_deref(), &self.payload);
        place.get_or_init(encode)
    }

    /// Returns for how many seconds it is still worth something; nothing where it is not any more, `Some(None)` where it stays so.
    pub fn remaining(&self, wall: Time) -> Option<Option<u32>> {
        let Some(expiry) = self.properties.as_ref().and_then(|held| held.expiry_secs) else {
            return Some(None);
        };
        let passed = (wall.0.saturating_sub(self.at.0) / 1_000).max(0);
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        expiry.checked_sub(passed).filter(|left| 0 < *left).map(Some)
    }

    /// Returns about how many bytes of memory it holds.
    pub(crate) fn size(&self) -> usize {
        const BESIDE: usize = 160;
        let properties = self.properties.as_ref().map_or(0, |held| held.size());
        BESIDE + self.topic.len() + self.payload.len() + properties
    }

    /// Writes the stored form: its length, then version, flags, time, publisher, and the parts with their lengths.
    pub fn write(&self, out: &mut Vec<u8>) {
        let properties =
            self.properties.as_ref().and_then(|held| serde_json::to_vec(held.as_ref()).ok());
        let mut flags = self.qos as u8;
        flags |= if self.retain { RETAIN } else { 0 };
        flags |= if matches!(self.origin, Origin::Device(_)) { OF_DEVICE } else { 0 };
        flags |= if properties.is_some() { HAS_PROPERTIES } else { 0 };
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.push(VERSION);
        out.push(flags);
        out.extend_from_slice(&self.at.0.to_be_bytes());
        out.extend_from_slice(&self.publisher.to_be_bytes());
        let own = [self.topic.as_bytes(), self.origin.name().as_bytes(), &self.payload[..]];
        for part in own.into_iter().chain(properties.as_deref()) {
            out.extend_from_slice(&length(part.len()));
            out.extend_from_slice(part);
        }
        let written = length(out.len() - start - 4);
        if let Some(place) = out.get_mut(start..start + 4) {
            place.copy_from_slice(&written);
        }
    }

    /// Reads the stored form at the beginning of bytes. Returns how many it took, too.
    ///
    /// # Errors
    /// `device.internal` where it is damaged or of a newer version.
    pub fn read(bytes: &[u8]) -> Result<(Self, usize), Problem> {
        let used = Self::skip(bytes)?;
        let mut parts = Parts(bytes.get(4..used).unwrap_or_default());
        let message = parts.message().filter(|_| parts.0.is_empty()).ok_or_else(damaged)?;
        Ok((message, used))
    }

    /// Returns how many bytes the stored form at the beginning of bytes takes.
    ///
    /// # Errors
    /// `device.internal` where it is damaged.
    pub(crate) fn skip(bytes: &[u8]) -> Result<usize, Problem> {
        let length = bytes.first_chunk::<4>().map(|length| u32::from_be_bytes(*length));
        let length = length.and_then(|length| usize::try_from(length).ok()).ok_or_else(damaged)?;
        length.checked_add(4).filter(|used| *used <= bytes.len()).ok_or_else(damaged)
    }
}

fn damaged() -> Problem {
    Error::internal("a stored message is damaged, or of a newer version").into()
}

/// No part of a packet has 4 GiB.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// What is left to be read.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn message(&mut self) -> Option<Message> {
        let [version, flags] = self.take::<2>()?;
        if version != VERSION {
            return None;
        }
        let at = Time(i64::from_be_bytes(self.take()?));
        let publisher = u64::from_be_bytes(self.take()?);
        let topic: Box<str> = std::str::from_utf8(self.part()?).ok()?.into();
        let name: Box<str> = std::str::from_utf8(self.part()?).ok()?.into();
        let payload = Bytes::copy_from_slice(self.part()?);
        let properties = match flags & HAS_PROPERTIES {
            0 => None,
            _ => Some(serde_json::from_slice(self.part()?).ok()?),
        };
        let origin =
            if flags & OF_DEVICE == 0 { Origin::Topic(name) } else { Origin::Device(name) };
        Some(Message {
            topic,
            payload,
            qos: Qos::try_from(flags & 0b11).ok()?,
            retain: flags & RETAIN != 0,
            properties,
            publisher,
            origin,
            at,
            three: OnceLock::new(),
            five: OnceLock::new(),
        })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn part(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(u32::from_be_bytes(self.take()?)).ok()?;
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn message(topic: &str, payload: &str, qos: Qos) -> Message {
        let publish = Publish {
            topic: topic.into(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            qos,
            retain: false,
            is_dup: false,
            packet: 0,
            alias: None,
            properties: None,
        };
        Message::new(publish, 4, Origin::Topic("all".into()), Time(1_000))
    }

    fn expiring(seconds: u32) -> Message {
        let mut message = message("a", "x", Qos::AtLeastOnce);
        let properties = Properties { expiry_secs: Some(seconds), ..Properties::default() };
        message.properties = Some(Box::new(properties));
        message
    }

    #[test]
    fn messages_read_back_as_they_were_written() {
        let mut first = expiring(9);
        first.retain = true;
        first.origin = Origin::Device("van-7".into());
        let second = message("a/b", "", Qos::ExactlyOnce);
        let mut bytes = Vec::new();
        first.write(&mut bytes);
        second.write(&mut bytes);
        let (read, used) = Message::read(&bytes).expect("the first");
        assert_eq!(
            (&read.topic, &read.payload, read.qos),
            (&first.topic, &first.payload, first.qos)
        );
        assert_eq!((read.retain, &read.properties), (true, &first.properties));
        assert_eq!((read.publisher, &read.origin, read.at), (4, &first.origin, Time(1_000)));
        let (read, rest) = Message::read(&bytes[used..]).expect("the second");
        assert_eq!((&*read.topic, read.qos, used + rest), ("a/b", Qos::ExactlyOnce, bytes.len()));
    }

    #[test]
    fn damage_is_a_problem_and_no_panic() {
        let mut bytes = Vec::new();
        expiring(3).write(&mut bytes);
        for end in 0..bytes.len() {
            assert!(Message::read(&bytes[..end]).is_err(), "{end} bytes");
        }
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 0xff;
            // Whatever it says now, it is read or refused.
            let _ = Message::read(&other);
        }
    }

    #[test]
    fn what_is_left_of_its_time_counts_down_to_nothing() {
        let left = |seconds: u32, wall: i64| expiring(seconds).remaining(Time(wall));
        assert_eq!(left(10, 1_000), Some(Some(10)));
        assert_eq!(left(10, 4_999), Some(Some(7)));
        assert_eq!(left(10, 11_000), None);
        // A clock that was set back takes nothing away, and adds nothing.
        assert_eq!(left(10, 0), Some(Some(10)));
        assert_eq!(message("a", "", Qos::AtMostOnce).remaining(Time(i64::MAX)), Some(None));
    }
}
