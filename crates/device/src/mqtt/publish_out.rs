//! PUBLISH as the unit sends it: the large part is made once, what differs by subscriber is put around it.
//!
//! Written by hand, because topic, properties and payload of a message are the same for a thousand subscribers. No topic
//! alias is sent: a client that has none open understands every packet.

use super::packet::{Properties, Qos, Version};
use super::varint;
use bytes::{BufMut, BytesMut};

const PUBLISH: u8 = 0x30;

/// Identifiers of properties (MQTT 5, table 2-4).
mod property {
    pub(super) const UTF8: u8 = 0x01;
    pub(super) const EXPIRY: u8 = 0x02;
    pub(super) const CONTENT_TYPE: u8 = 0x03;
    pub(super) const RESPONSE_TOPIC: u8 = 0x08;
    pub(super) const CORRELATION: u8 = 0x09;
    pub(super) const SUBSCRIPTION: u8 = 0x0B;
    pub(super) const USER: u8 = 0x26;
}

/// A message in the form of one version, without what is a subscriber's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    version: Version,
    /// Topic with its length, properties without their length, payload.
    bytes: Box<[u8]>,
    topic_end: usize,
    properties_end: usize,
}

/// What differs by subscriber.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The QoS of this delivery.
    pub qos: Qos,
    /// Whether it was sent before.
    pub is_dup: bool,
    /// The retain flag of this delivery.
    pub retain: bool,
    /// The packet identifier; unused at QoS 0.
    pub packet: u16,
    /// Identifiers of the subscriptions that match.
    pub ids: &'a [u32],
    /// What is left of the message's life.
    pub expiry_secs: Option<u32>,
}

impl Encoded {
    /// Encodes what is the same for all subscribers of `version`.
    pub fn new(
        version: Version,
        topic: &str,
        properties: Option<&Properties>,
        payload: &[u8],
    ) -> Self {
        let mut bytes = Vec::with_capacity(2 + topic.len() + payload.len());
        put_text(topic, &mut bytes);
        let topic_end = bytes.len();
        if let (Version::V5, Some(properties)) = (version, properties) {
            put_properties(properties, &mut bytes);
        }
        let properties_end = bytes.len();
        bytes.extend_from_slice(payload);
        Self { version, bytes: bytes.into(), topic_end, properties_end }
    }

    /// Returns how many bytes [`Encoded::write`] writes, the fixed header among them.
    pub fn len(&self, head: &Head<'_>) -> usize {
        let remaining = self.remaining(head);
        1 + varint::size(remaining) + remaining
    }

    /// Writes the whole packet for one subscriber.
    pub fn write(&self, out: &mut BytesMut, head: Head<'_>) {
        let remaining = self.remaining(&head);
        out.reserve(1 + varint::size(remaining) + remaining);
        let flags =
            (u8::from(head.is_dup) << 3) | (u8::from(head.qos) << 1) | u8::from(head.retain);
        out.put_u8(PUBLISH | flags);
        varint::write(remaining, out);
        out.put_slice(&self.bytes[..self.topic_end]);
        if head.qos != Qos::AtMostOnce {
            out.put_u16(head.packet);
        }
        if self.version == Version::V5 {
            varint::write(self.properties_len(&head), out);
            if let Some(seconds) = head.expiry_secs {
                out.put_u8(property::EXPIRY);
                out.put_u32(seconds);
            }
            for id in head.ids {
                out.put_u8(property::SUBSCRIPTION);
                varint::write(*id as usize, out);
            }
        }
        out.put_slice(&self.bytes[self.topic_end..]);
    }

    fn remaining(&self, head: &Head<'_>) -> usize {
        let packet = if head.qos == Qos::AtMostOnce { 0 } else { 2 };
        let fixed = packet + self.bytes.len();
        match self.version {
            Version::V3 => fixed,
            Version::V5 => {
                let properties = self.properties_len(head);
                let own = self.properties_end - self.topic_end;
                fixed + varint::size(properties) + (properties - own)
            }
        }
    }

    /// Length of all properties of this delivery, of a connection that speaks MQTT 5.
    fn properties_len(&self, head: &Head<'_>) -> usize {
        let ids: usize = head.ids.iter().map(|id| 1 + varint::size(*id as usize)).sum();
        let expiry = if head.expiry_secs.is_some() { 5 } else { 0 };
        self.properties_end - self.topic_end + ids + expiry
    }
}

fn put_properties(properties: &Properties, bytes: &mut Vec<u8>) {
    if properties.is_utf8 {
        bytes.extend_from_slice(&[property::UTF8, 1]);
    }
    if let Some(text) = &properties.content_type {
        bytes.push(property::CONTENT_TYPE);
        put_text(text, bytes);
    }
    if let Some(text) = &properties.response_topic {
        bytes.push(property::RESPONSE_TOPIC);
        put_text(text, bytes);
    }
    if let Some(data) = &properties.correlation {
        bytes.push(property::CORRELATION);
        put_octets(data, bytes);
    }
    for (name, value) in &properties.user {
        bytes.push(property::USER);
        put_text(name, bytes);
        put_text(value, bytes);
    }
}

fn put_text(text: &str, bytes: &mut Vec<u8>) {
    let mut end = text.len().min(usize::from(u16::MAX));
    // A text above 65,535 bytes cannot be written; what comes from the wire never is one.
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    put_octets(&text.as_bytes()[..end], bytes);
}

fn put_octets(data: &[u8], bytes: &mut Vec<u8>) {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&data[..usize::from(length)]);
}
