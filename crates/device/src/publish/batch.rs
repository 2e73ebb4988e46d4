//! How messages travel from a door to the partition's thread: one call has many, as bytes, so that to hand them in costs one
//! allocation, and to read them none but for their properties.
//!
//! Only a door of this binary writes the form, and it is never stored: it has a version so that a mistake is seen, and no more.

use crate::Error;
use crate::mqtt::{Outcome, Properties, Publish, Qos};
use base::{Problem, Time};
use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;
use std::borrow::Cow;

/// The media type of a call's body that is a batch.
pub const MEDIA: &str = "application/vnd.craton.messages";

/// The version of the form.
const VERSION: u8 = 1;

/// In the first byte of a message, beside its quality of service.
const RETAIN: u8 = 0b0000_0100;
const HAS_SENT: u8 = 0b0000_1000;
const HAS_PROPERTIES: u8 = 0b0001_0000;

/// Messages of one connection, in their order.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The number of the session; 0 for whoever has none.
    pub session: u64,
    /// Which connection of the session it is.
    pub generation: u64,
    /// The messages.
    pub messages: Vec<One<'a>>,
}

/// One message.
#[derive(Debug)]
pub struct One<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// What it carries.
    pub payload: &'a [u8],
    /// Its quality of service.
    pub qos: Qos,
    /// True where it is to be kept for those who subscribe later.
    pub retain: bool,
    /// Its identifier; 0 at QoS 0.
    pub packet: u16,
    /// What MQTT 5 says beside it.
    pub properties: Option<Box<Properties>>,
    /// When the device says that it was, by its own clock.
    pub sent: Option<Time>,
}

/// Writes messages as the body of a call. `sent` says what a device's own clock says of one.
pub fn encode(
    session: u64,
    generation: u64,
    messages: &[Publish],
    sent: impl Fn(&Publish) -> Option<Time>,
) -> Vec<u8> {
    let size: usize =
        messages.iter().map(|message| 40 + message.topic.len() + message.payload.len()).sum();
    let mut out = Vec::with_capacity(21 + size);
    out.push(VERSION);
    out.extend_from_slice(&session.to_be_bytes());
    out.extend_from_slice(&generation.to_be_bytes());
    out.extend_from_slice(&length(messages.len()));
    for message in messages {
        write(&mut out, message, sent(message));
    }
    out
}

fn write(out: &mut Vec<u8>, message: &Publish, sent: Option<Time>) {
    let properties = message.properties.as_ref().and_then(|held| serde_json::to_vec(held).ok());
    let mut flags = u8::from(message.qos);
    flags |= if message.retain { RETAIN } else { 0 };
    flags |= if sent.is_some() { HAS_SENT } else { 0 };
    flags |= if properties.is_some() { HAS_PROPERTIES } else { 0 };
    out.push(flags);
    out.extend_from_slice(&message.packet.to_be_bytes());
    if let Some(sent) = sent {
        out.extend_from_slice(&sent.0.to_be_bytes());
    }
    for part in [Some(message.topic.as_bytes()), Some(&message.payload[..]), properties.as_deref()]
        .into_iter()
        .flatten()
    {
        out.extend_from_slice(&length(part.len()));
        out.extend_from_slice(part);
    }
}

/// A packet has 256 MiB at most, and a call less than a packet and its limit of bytes together.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// Reads the body of a call.
///
/// # Errors
/// `device.internal` where it is none, which is a defect of the door.
pub fn decode(bytes: &[u8]) -> Result<Batch<'_>, Problem> {
    let mut reader = Parts(bytes);
    let batch = reader.batch().filter(|_| reader.0.is_empty());
    batch.ok_or_else(|| Error::internal("a batch of messages is damaged").into())
}

/// What is left to be read.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn batch(&mut self) -> Option<Batch<'a>> {
        if self.take::<1>()? != [VERSION] {
            return None;
        }
        let session = u64::from_be_bytes(self.take()?);
        let generation = u64::from_be_bytes(self.take()?);
        let count = usize::try_from(u32::from_be_bytes(self.take()?)).ok()?;
        // Every message has 11 bytes at least: a damaged count reserves no more than came.
        let mut messages = Vec::with_capacity(count.min(self.0.len() / 11));
        for _ in 0..count {
            messages.push(self.one()?);
        }
        Some(Batch { session, generation, messages })
    }

    fn one(&mut self) -> Option<One<'a>> {
        let [flags] = self.take::<1>()?;
        let qos = Qos::try_from(flags & 0b11).ok()?;
        let packet = u16::from_be_bytes(self.take()?);
        let sent = match flags & HAS_SENT {
            0 => None,
            _ => Some(Time(i64::from_be_bytes(self.take()?))),
        };
        let topic = std::str::from_utf8(self.part()?).ok()?;
        let payload = self.part()?;
        let properties = match flags & HAS_PROPERTIES {
            0 => None,
            _ => Some(serde_json::from_slice(self.part()?).ok()?),
        };
        Some(One { topic, payload, qos, retain: flags & RETAIN != 0, packet, properties, sent })
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

/// Returns what a reply says of each message of its call, for the machine: nothing where all were accepted.
pub fn outcomes(reply: &Value) -> Vec<Outcome> {
    let count = reply["count"].as_u64().and_then(|count| usize::try_from(count).ok());
    let mut all: Vec<Outcome> = Vec::new();
    all.resize_with(count.unwrap_or_default(), || Outcome { code: 0, reason: None });
    for told in reply["outcomes"].as_array().into_iter().flatten() {
        let at = told["at"].as_u64().and_then(|at| usize::try_from(at).ok());
        let code = told["code"].as_u64().and_then(|code| u8::try_from(code).ok());
        if let (Some(outcome), Some(code)) = (at.and_then(|at| all.get_mut(at)), code) {
            outcome.code = code;
            outcome.reason = told["reason"].as_str().map(Into::into);
        }
    }
    all
}

/// Returns what a payload says of when it was, in one of its fields: the newest where it has several rows. Text is an instant as streams
/// read them.
pub fn sent_at(payload: &[u8], field: &str) -> Option<Time> {
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    Sent(field).deserialize(&mut deserializer).ok().flatten()
}

/// The name of a field: as it stands in the payload, where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Looks for a field in an object, or in a list of them, and keeps nothing else.
#[derive(Clone, Copy)]
struct Sent<'f>(&'f str);

impl<'de> DeserializeSeed<'de> for Sent<'_> {
    type Value = Option<Time>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Sent<'_> {
    type Value = Option<Time>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object or a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Name(name)) = map.next_key::<Name<'de>>()? {
            if name == self.0 {
                let text = map.next_value::<String>()?;
                found = Some(Time::parse(&text).map_err(A::Error::custom)?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut newest = None;
        while let Some(found) = list.next_element_seed(self)? {
            newest = newest.max(found);
        }
        Ok(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(topic: &str, payload: &str, qos: Qos, packet: u16) -> Publish {
        Publish {
            topic: topic.into(),
            payload: bytes::Bytes::copy_from_slice(payload.as_bytes()),
            qos,
            retain: packet == 2,
            is_dup: false,
            packet,
            alias: None,
            properties: (packet == 3).then(|| {
                Box::new(Properties {
                    content_type: Some("text/plain".into()),
                    ..Properties::default()
                })
            }),
        }
    }

    #[test]
    fn messages_read_back_as_they_were_handed_in() {
        let messages = [
            message("a/b", "1", Qos::AtMostOnce, 0),
            message("a", "", Qos::AtLeastOnce, 2),
            message("ä/ö", "{}", Qos::ExactlyOnce, 3),
        ];
        let sent = |message: &Publish| (message.packet == 2).then_some(Time(-5));
        let bytes = encode(7, 9, &messages, sent);
        let batch = decode(&bytes).expect("a batch");
        assert_eq!((batch.session, batch.generation, batch.messages.len()), (7, 9, 3));
        for (one, message) in batch.messages.iter().zip(&messages) {
            assert_eq!((one.topic, one.payload), (&*message.topic, &message.payload[..]));
            assert_eq!(
                (one.qos, one.retain, one.packet),
                (message.qos, message.retain, message.packet)
            );
            assert_eq!(one.properties, message.properties);
            assert_eq!(one.sent, sent(message));
        }
    }

    #[test]
    fn a_damaged_batch_is_a_defect_and_no_panic() {
        let bytes =
            encode(1, 1, &[message("a/b", "payload", Qos::AtLeastOnce, 3)], |_| Some(Time(0)));
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "{end} bytes");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(decode(&longer).is_err());
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 0xff;
            // Whatever it says now, it is read or refused.
            let _ = decode(&other);
        }
        let Err(problem) = decode(&[]) else { panic!("nothing is no batch") };
        assert_eq!(problem.code, "device.internal");
    }

    #[test]
    fn outcomes_stand_at_their_places() {
        assert!(outcomes(&Value::Null).is_empty());
        let reply = json!({"count": 3, "outcomes": [{"at": 1, "code": 153, "reason": "no"}, {"at": 9, "code": 1}]});
        let told: Vec<_> =
            outcomes(&reply).into_iter().map(|outcome| (outcome.code, outcome.reason)).collect();
        let expected: [(u8, Option<Box<str>>); 3] =
            [(0, None), (153, Some("no".into())), (0, None)];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_device_says_when_it_was() {
        let at = |payload: &str| sent_at(payload.as_bytes(), "at").map(Time::as_millis);
        assert_eq!(
            at(r#"{"x":{"at":"1971-01-01"},"at":"1970-01-01T00:00:01Z","y":[1]}"#),
            Some(1_000)
        );
        assert_eq!(
            at(r#"[{"at":"1970-01-01T00:00:02Z"},{"at":"1970-01-01T00:00:01Z"},{}]"#),
            Some(2_000)
        );
        for none in ["", "5", "{}", r#"{"at":5}"#, r#"{"at":"soon"}"#, "{", &"[".repeat(100_000)] {
            assert_eq!(at(none), None, "{}", &none[..none.len().min(20)]);
        }
    }
}
