//! Bytes to packets and answers to bytes. The only file that names `rmqtt_codec`, which decodes.
//!
//! A packet is copied out of what was read before it is decoded: 100 bytes cost less than the chunk of a reader that stays
//! alive as long as one message of it. Answers are written by hand: they are short, their codes are numbers here, and the
//! encoder of the crate subtracts without a look where a client takes packets of less than a dozen bytes only.

use super::frame::{self, Marks, Spoken, kind};
use super::machine::Limits;
use super::packet::{
    AckKind, Connect, Packet, Properties, Publish, Qos, SubscribeTo, Version, Will, reason,
};
use super::{strict, varint};
use bytes::{BufMut, BytesMut};
use rmqtt_codec::error::DecodeError;
use rmqtt_codec::{types, v3, v5};
use tokio_util::codec::Decoder;

/// Why a packet is refused: what DISCONNECT or CONNACK says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason code of MQTT 5.
    pub code: u8,
    /// The reason in words.
    pub reason: String,
    /// Whether the connection has not got as far as a CONNECT that can be answered.
    pub is_before_connect: bool,
}

impl Refusal {
    /// Returns a refusal.
    pub(super) fn new(code: u8, reason: &str) -> Self {
        Self { code, reason: reason.to_owned(), is_before_connect: false }
    }

    /// Returns a refusal of what is no MQTT: nothing is answered.
    pub(super) fn foreign(reason: &str) -> Self {
        Self { code: reason::MALFORMED, reason: reason.to_owned(), is_before_connect: true }
    }
}

/// What CONNACK says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connack {
    /// Whether a session is gone on with.
    pub is_present: bool,
    /// The reason code of MQTT 5; 3.1.1 gets the return code that is nearest.
    pub code: u8,
    /// The session expiry, where it is not the one that was asked for.
    pub expiry: Option<u32>,
    /// The client identifier, where the unit has given it.
    pub client: Option<Box<str>>,
    /// The keep alive, where it is not the one that was asked for.
    pub keep_alive: Option<u16>,
    /// How many publishes of QoS 1 and 2 may be without acknowledgement; 0: says nothing.
    pub receive_max: u16,
    /// The largest packet; 0: says nothing.
    pub packet_bytes_max: u32,
    /// How many topic aliases a client may use.
    pub aliases_max: u16,
    /// The reason in words.
    pub reason: Option<String>,
    /// Where answers may go.
    pub response_info: Option<String>,
}

/// The wire format of one connection.
pub struct Codec {
    limits: Limits,
    wire: Wire,
    /// The largest packet that the client takes.
    outgoing_max: usize,
    wants_problems: bool,
}

/// The decoder, once the version is known.
enum Wire {
    Unknown,
    V3(v3::Codec),
    V5(v5::Codec),
}

impl Codec {
    /// Returns a codec that waits for the first packet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, wire: Wire::Unknown, outgoing_max: usize::MAX, wants_problems: true }
    }

    /// Returns the version, once a CONNECT has said it.
    pub fn version(&self) -> Option<Version> {
        match self.wire {
            Wire::Unknown => None,
            Wire::V3(_) => Some(Version::V3),
            Wire::V5(_) => Some(Version::V5),
        }
    }

    /// Takes over what the client's CONNECT says of packets towards it.
    pub fn set_outgoing_max(&mut self, bytes: u32, wants_problems: bool) {
        self.outgoing_max = bytes as usize;
        self.wants_problems = wants_problems;
    }

    /// Returns whether the client takes a packet of so many bytes.
    pub(super) fn takes(&self, bytes: usize) -> bool {
        bytes <= self.outgoing_max
    }

    /// Takes one packet from the front of `input`; none where it is not whole yet.
    ///
    /// # Errors
    /// What is wrong with it. Nothing may be decoded after that.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Packet>, Refusal> {
        let Some(length) = self.whole(input)? else {
            return Ok(None);
        };
        // The decoder asks for 5 bytes behind a packet: with them there it does not allocate again.
        let mut bytes = BytesMut::with_capacity(length + 5);
        bytes.extend_from_slice(&input.split_to(length));
        if matches!(self.wire, Wire::Unknown) {
            self.meet(&bytes)?;
        }
        let limits = self.limits;
        let (version, marks, packet) = match &mut self.wire {
            Wire::Unknown => return Err(Refusal::foreign("the first packet is no CONNECT")),
            Wire::V3(codec) => {
                let marks = frame::check(Version::V3, &mut bytes, &limits)?;
                let decoded = codec.decode(&mut bytes).map_err(|error| refusal(&error))?;
                (Version::V3, marks, decoded.map(|(packet, _)| from_v3(packet)))
            }
            Wire::V5(codec) => {
                let marks = frame::check(Version::V5, &mut bytes, &limits)?;
                let decoded = codec.decode(&mut bytes).map_err(|error| refusal(&error))?;
                (Version::V5, marks, decoded.map(|(packet, _)| from_v5(packet)))
            }
        };
        let mut packet = packet
            .ok_or_else(|| Refusal::new(reason::MALFORMED, "the packet ends too early"))??;
        expire_at_once(&mut packet, marks);
        strict::check(version, &packet, &limits)?;
        Ok(Some(packet))
    }

    /// Returns the length of the packet at the front, where all of it is there.
    fn whole(&self, input: &BytesMut) -> Result<Option<usize>, Refusal> {
        let Some(first) = input.first() else {
            return Ok(None);
        };
        if self.version().is_none() && first >> 4 != kind::CONNECT {
            return Err(Refusal::foreign("the first packet is no CONNECT"));
        }
        let (remaining, size) = match varint::read(&input[1..]) {
            varint::Read::Number(remaining, size) => (remaining as usize, size),
            varint::Read::Incomplete => return Ok(None),
            varint::Read::TooLong => {
                let text = "the remaining length has more than four bytes";
                return Err(Refusal {
                    is_before_connect: self.version().is_none(),
                    ..Refusal::new(reason::MALFORMED, text)
                });
            }
        };
        let (length, limit) = (1 + size + remaining, self.limits.packet_bytes_max as usize);
        if limit < length {
            let text = format!("a packet of {length} bytes exceeds the limit of {limit}");
            return Err(Refusal {
                is_before_connect: self.version().is_none(),
                ..Refusal::new(reason::TOO_LARGE, &text)
            });
        }
        Ok((length <= input.len()).then_some(length))
    }

    /// Learns the version from the first packet.
    fn meet(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        match frame::spoken(bytes) {
            Spoken::Known(version) => {
                self.speak(version);
                Ok(())
            }
            Spoken::Unknown(version) => {
                self.speak(version);
                Err(Refusal::new(reason::VERSION, "MQTT 3.1.1 and 5 are spoken here"))
            }
            Spoken::Foreign => Err(Refusal::foreign("the first packet names another protocol")),
        }
    }

    fn speak(&mut self, version: Version) {
        // Sizes were looked at before: 0 is no limit.
        self.wire = match version {
            Version::V3 => Wire::V3(v3::Codec::new(0)),
            Version::V5 => Wire::V5(v5::Codec::new(0, 0)),
        };
    }
}

/// The answers.
impl Codec {
    /// Writes CONNACK; nothing where the version has no code for it.
    pub fn connack(&mut self, out: &mut BytesMut, ack: &Connack) {
        // A session is present where the connection is (MQTT-3.2.2-4 of 3.1.1, MQTT-3.2.2-6 of 5).
        let is_present = u8::from(ack.is_present && ack.code == reason::SUCCESS);
        match self.version() {
            None => {}
            Some(Version::V3) => {
                if let Some(code) = return_code(ack.code) {
                    out.put_slice(&[0x20, 2, is_present, code]);
                }
            }
            Some(Version::V5) => {
                let mut properties = Vec::new();
                connack_properties(ack, &mut properties);
                let fixed = [is_present, connack_code(ack.code)];
                // A client that wants no problems may be told this one (MQTT 5, 3.1.2.11.7).
                let reason = ack.reason.as_deref();
                self.answer(out, 0x20, &fixed, Some(properties), reason, &[]);
            }
        }
    }

    /// Writes PUBACK, PUBREC, PUBREL or PUBCOMP.
    pub fn ack(
        &mut self,
        out: &mut BytesMut,
        kind: AckKind,
        packet: u16,
        code: u8,
        reason: Option<&str>,
    ) {
        let first = match kind {
            AckKind::Puback => 0x40,
            AckKind::Pubrec => 0x50,
            AckKind::Pubrel => 0x62,
            AckKind::Pubcomp => 0x70,
        };
        let [high, low] = packet.to_be_bytes();
        if code == reason::SUCCESS || self.version() != Some(Version::V5) {
            out.put_slice(&[first, 2, high, low]);
            return;
        }
        let code = ack_code(kind, code);
        let before = out.len();
        if let Some(reason) = reason.filter(|_| self.wants_problems) {
            self.answer(out, first, &[high, low, code], Some(Vec::new()), Some(reason), &[]);
        }
        if out.len() == before {
            out.put_slice(&[first, 3, high, low, code]);
        }
    }

    /// Writes SUBACK with a code for each filter; what 3.1.1 cannot say is its 0x80.
    pub fn suback(&mut self, out: &mut BytesMut, packet: u16, codes: &[u8], reason: Option<&str>) {
        let fixed = packet.to_be_bytes();
        if self.version() == Some(Version::V5) {
            let reason = reason.filter(|_| self.wants_problems);
            self.answer(out, 0x90, &fixed, Some(Vec::new()), reason, codes);
        } else {
            let codes: Vec<u8> = codes.iter().map(|code| (*code).min(0x80)).collect();
            self.answer(out, 0x90, &fixed, None, None, &codes);
        }
    }

    /// Writes UNSUBACK; 3.1.1 has no codes in it.
    pub fn unsuback(&mut self, out: &mut BytesMut, packet: u16, codes: &[u8]) {
        let fixed = packet.to_be_bytes();
        if self.version() == Some(Version::V5) {
            self.answer(out, 0xB0, &fixed, Some(Vec::new()), None, codes);
        } else {
            self.answer(out, 0xB0, &fixed, None, None, &[]);
        }
    }

    /// Writes PINGRESP.
    pub fn pong(&mut self, out: &mut BytesMut) {
        out.put_slice(&[0xD0, 0]);
    }

    /// Writes DISCONNECT; in 3.1.1 a server has none.
    pub fn disconnect(&mut self, out: &mut BytesMut, code: u8, reason: Option<&str>) {
        if self.version() == Some(Version::V5) {
            self.answer(out, 0xE0, &[disconnect_code(code)], Some(Vec::new()), reason, &[]);
        }
    }

    /// Writes one packet: fixed part, properties where the version has them, the rest. The reason in words is left out, and
    /// then the whole packet, where it is larger than the client takes (MQTT-3.1.2-24, MQTT-3.2.2-19 and its like).
    fn answer(
        &self,
        out: &mut BytesMut,
        first: u8,
        fixed: &[u8],
        properties: Option<Vec<u8>>,
        reason: Option<&str>,
        rest: &[u8],
    ) {
        let Some(mut properties) = properties else {
            let length = fixed.len() + rest.len();
            out.put_u8(first);
            varint::write(length, out);
            out.put_slice(fixed);
            out.put_slice(rest);
            return;
        };
        let plain = properties.len();
        if let Some(reason) = reason {
            put_text(0x1F, reason, &mut properties);
        }
        for length in [properties.len(), plain] {
            let remaining = fixed.len() + varint::size(length) + length + rest.len();
            if self.takes(1 + varint::size(remaining) + remaining) {
                out.put_u8(first);
                varint::write(remaining, out);
                out.put_slice(fixed);
                varint::write(length, out);
                out.put_slice(&properties[..length]);
                out.put_slice(rest);
                return;
            }
        }
    }
}

fn connack_properties(ack: &Connack, properties: &mut Vec<u8>) {
    if let Some(seconds) = ack.expiry {
        properties.push(0x11);
        properties.extend_from_slice(&seconds.to_be_bytes());
    }
    if ack.receive_max != 0 {
        properties.push(0x21);
        properties.extend_from_slice(&ack.receive_max.to_be_bytes());
    }
    if ack.packet_bytes_max != 0 {
        properties.push(0x27);
        properties.extend_from_slice(&ack.packet_bytes_max.to_be_bytes());
    }
    if let Some(client) = &ack.client {
        put_text(0x12, client, properties);
    }
    if ack.aliases_max != 0 {
        properties.push(0x22);
        properties.extend_from_slice(&ack.aliases_max.to_be_bytes());
    }
    if let Some(seconds) = ack.keep_alive {
        properties.push(0x13);
        properties.extend_from_slice(&seconds.to_be_bytes());
    }
    if let Some(text) = &ack.response_info {
        put_text(0x1A, text, properties);
    }
}

/// Writes a property that is a text, cut where it is longer than a reader of a log line wants it.
fn put_text(id: u8, text: &str, properties: &mut Vec<u8>) {
    let mut end = text.len().min(1_024);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let length = u16::try_from(end).unwrap_or(0);
    properties.push(id);
    properties.extend_from_slice(&length.to_be_bytes());
    properties.extend_from_slice(&text.as_bytes()[..usize::from(length)]);
}

/// The return code of 3.1.1 (table 3.1) for a reason of MQTT 5; none where the connection is closed without one.
fn return_code(code: u8) -> Option<u8> {
    match code {
        reason::SUCCESS => Some(0),
        reason::VERSION => Some(1),
        reason::CLIENT => Some(2),
        reason::CREDENTIAL => Some(4),
        reason::NOT_AUTHORIZED | reason::AUTH_METHOD | 0x8A => Some(5),
        reason::MALFORMED | reason::PROTOCOL | reason::TOPIC | reason::PAYLOAD => None,
        _ => Some(3),
    }
}

/// The code where CONNACK has it (MQTT 5, table 3-1), else one that it has.
fn connack_code(code: u8) -> u8 {
    match code {
        0x00 | 0x80..=0x8A | 0x8C | 0x90 | 0x95 | 0x97 | 0x99..=0x9D | 0x9F => code,
        _ => reason::UNAVAILABLE,
    }
}

/// The code where DISCONNECT has it from a server (MQTT 5, table 3-10), else one that it has.
fn disconnect_code(code: u8) -> u8 {
    match code {
        reason::UNAVAILABLE => 0x89,
        0x00 | 0x80..=0x83 | 0x87 | 0x89 | 0x8B..=0x90 | 0x93..=0xA2 => code,
        _ => reason::UNSPECIFIED,
    }
}

/// The code where the acknowledgement has it (MQTT 5, tables 3-4 to 3-7), else one that it has.
fn ack_code(kind: AckKind, code: u8) -> u8 {
    match (kind, code) {
        (AckKind::Puback | AckKind::Pubrec, 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91) => code,
        (AckKind::Puback | AckKind::Pubrec, 0x97 | 0x99) => code,
        (AckKind::Puback | AckKind::Pubrec, _) => reason::UNSPECIFIED,
        (AckKind::Pubrel | AckKind::Pubcomp, _) => reason::PACKET_NOT_FOUND,
    }
}

fn refusal(error: &DecodeError) -> Refusal {
    let code = match error {
        DecodeError::InvalidProtocol | DecodeError::UnsupportedProtocolLevel => reason::VERSION,
        DecodeError::InvalidClientId => reason::CLIENT,
        DecodeError::MaxSizeExceeded { .. } => reason::TOO_LARGE,
        DecodeError::InvalidTopicName => reason::TOPIC,
        DecodeError::InvalidTopicFilter
        | DecodeError::PacketIdRequired
        | DecodeError::UnsupportedPacketType => reason::PROTOCOL,
        _ => reason::MALFORMED,
    };
    let text = match error {
        DecodeError::InvalidClientId => "an empty client identifier needs a clean session",
        DecodeError::Utf8Error => "a text is not UTF-8",
        DecodeError::InvalidLength => "a length leads out of the packet",
        DecodeError::InvalidTopicName => "the topic name is empty",
        DecodeError::InvalidTopicFilter => "a topic filter is empty",
        DecodeError::UnsupportedPacketType => "a packet that is not spoken here",
        _ => "the packet is malformed",
    };
    Refusal::new(code, text)
}

fn expire_at_once(packet: &mut Packet, marks: Marks) {
    if !marks.is_expired_at_once {
        return;
    }
    let publish = match packet {
        Packet::Publish(publish) => Some(publish),
        Packet::Connect(connect) => connect.will.as_mut().map(|will| &mut will.publish),
        _ => None,
    };
    if let Some(properties) = publish.and_then(|publish| publish.properties.as_mut()) {
        properties.expiry_secs = Some(0);
    }
}

fn only_a_server() -> Refusal {
    Refusal::new(reason::PROTOCOL, "a packet that only a server may send")
}

fn from_v3(packet: v3::Packet) -> Result<Packet, Refusal> {
    let ack = |kind, packet: std::num::NonZeroU16| Packet::Ack {
        kind,
        packet: packet.get(),
        code: reason::SUCCESS,
    };
    Ok(match packet {
        v3::Packet::Connect(connect) => Packet::Connect(Box::new(connect_v3(*connect))),
        v3::Packet::Publish(publish) => Packet::Publish(publish_of(*publish)),
        v3::Packet::PublishAck { packet_id } => ack(AckKind::Puback, packet_id),
        v3::Packet::PublishReceived { packet_id } => ack(AckKind::Pubrec, packet_id),
        v3::Packet::PublishRelease { packet_id } => ack(AckKind::Pubrel, packet_id),
        v3::Packet::PublishComplete { packet_id } => ack(AckKind::Pubcomp, packet_id),
        v3::Packet::Subscribe { packet_id, topic_filters } => Packet::Subscribe {
            packet: packet_id.get(),
            id: None,
            to: topic_filters
                .into_iter()
                .map(|(filter, qos)| SubscribeTo {
                    filter: text(&filter),
                    qos: qos_of(qos),
                    no_local: false,
                    retain_as_published: false,
                    retain_handling: 0,
                })
                .collect(),
        },
        v3::Packet::Unsubscribe { packet_id, topic_filters } => Packet::Unsubscribe {
            packet: packet_id.get(),
            filters: topic_filters.iter().map(|filter| text(filter)).collect(),
        },
        v3::Packet::PingRequest => Packet::Ping,
        v3::Packet::Disconnect => Packet::Disconnect { code: reason::SUCCESS, expiry: None },
        v3::Packet::ConnectAck(_)
        | v3::Packet::SubscribeAck { .. }
        | v3::Packet::UnsubscribeAck { .. }
        | v3::Packet::PingResponse => return Err(only_a_server()),
    })
}

fn from_v5(packet: v5::Packet) -> Result<Packet, Refusal> {
    Ok(match packet {
        v5::Packet::Connect(connect) => Packet::Connect(Box::new(connect_v5(*connect))),
        v5::Packet::Publish(publish) => Packet::Publish(publish_of(*publish)),
        v5::Packet::PublishAck(ack) => first_ack(AckKind::Puback, &ack),
        v5::Packet::PublishReceived(ack) => first_ack(AckKind::Pubrec, &ack),
        v5::Packet::PublishRelease(ack) => second_ack(AckKind::Pubrel, &ack),
        v5::Packet::PublishComplete(ack) => second_ack(AckKind::Pubcomp, &ack),
        v5::Packet::Subscribe(subscribe) => Packet::Subscribe {
            packet: subscribe.packet_id.get(),
            id: subscribe.id.map(std::num::NonZeroU32::get),
            to: subscribe
                .topic_filters
                .into_iter()
                .map(|(filter, options)| SubscribeTo {
                    filter: text(&filter),
                    qos: qos_of(options.qos),
                    no_local: options.no_local,
                    retain_as_published: options.retain_as_published,
                    retain_handling: options.retain_handling.into(),
                })
                .collect(),
        },
        v5::Packet::Unsubscribe(unsubscribe) => Packet::Unsubscribe {
            packet: unsubscribe.packet_id.get(),
            filters: unsubscribe.topic_filters.iter().map(|filter| text(filter)).collect(),
        },
        v5::Packet::PingRequest => Packet::Ping,
        v5::Packet::Disconnect(disconnect) => Packet::Disconnect {
            code: disconnect.reason_code.into(),
            expiry: disconnect.session_expiry_interval_secs,
        },
        v5::Packet::Auth(_) => Packet::Auth,
        v5::Packet::ConnectAck(_)
        | v5::Packet::SubscribeAck(_)
        | v5::Packet::UnsubscribeAck(_)
        | v5::Packet::PingResponse => return Err(only_a_server()),
    })
}

fn first_ack(kind: AckKind, ack: &v5::PublishAck) -> Packet {
    Packet::Ack { kind, packet: ack.packet_id.get(), code: ack.reason_code.into() }
}

fn second_ack(kind: AckKind, ack: &v5::PublishAck2) -> Packet {
    Packet::Ack { kind, packet: ack.packet_id.get(), code: ack.reason_code.into() }
}

fn connect_v3(connect: v3::Connect) -> Connect {
    let will = connect.last_will.map(|will| {
        Box::new(Will {
            publish: Publish {
                topic: text(&will.topic),
                payload: will.message,
                qos: qos_of(will.qos),
                retain: will.retain,
                is_dup: false,
                packet: 0,
                alias: None,
                properties: None,
            },
            delay_secs: 0,
        })
    });
    Connect {
        version: Version::V3,
        client: text(&connect.client_id),
        is_clean: connect.clean_session,
        keep_alive: connect.keep_alive,
        user: connect.username.as_deref().map(text),
        password: connect.password,
        will,
        expiry: 0,
        receive_max: u16::MAX,
        packet_bytes_max: None,
        aliases_max: 0,
        wants_problems: false,
        wants_response_info: false,
        auth_method: None,
    }
}

fn connect_v5(connect: v5::Connect) -> Connect {
    let will = connect.last_will.map(|will| Box::new(will_v5(will)));
    Connect {
        version: Version::V5,
        client: text(&connect.client_id),
        is_clean: connect.clean_start,
        keep_alive: connect.keep_alive,
        user: connect.username.as_deref().map(text),
        password: connect.password,
        will,
        expiry: connect.session_expiry_interval_secs,
        receive_max: connect.receive_max.map_or(u16::MAX, std::num::NonZeroU16::get),
        packet_bytes_max: connect.max_packet_size.map(std::num::NonZeroU32::get),
        aliases_max: connect.topic_alias_max,
        wants_problems: connect.request_problem_info,
        wants_response_info: connect.request_response_info,
        auth_method: connect.auth_method.as_deref().map(text),
    }
}

fn will_v5(will: v5::LastWill) -> Will {
    let properties = Properties {
        is_utf8: will.is_utf8_payload.unwrap_or(false),
        expiry_secs: will.message_expiry_interval.map(std::num::NonZeroU32::get),
        content_type: will.content_type.as_deref().map(text),
        response_topic: will.response_topic.as_deref().map(text),
        correlation: will.correlation_data,
        user: will.user_properties.iter().map(|(name, value)| (text(name), text(value))).collect(),
    };
    Will {
        publish: Publish {
            topic: text(&will.topic),
            payload: will.message,
            qos: qos_of(will.qos),
            retain: will.retain,
            is_dup: false,
            packet: 0,
            alias: None,
            properties: boxed(properties),
        },
        delay_secs: will.will_delay_interval_sec.unwrap_or(0),
    }
}

fn publish_of(publish: types::Publish) -> Publish {
    let (mut alias, mut properties) = (None, None);
    if let Some(said) = publish.properties {
        alias = said.topic_alias.map(std::num::NonZeroU16::get);
        properties = boxed(Properties {
            is_utf8: said.is_utf8_payload,
            expiry_secs: said.message_expiry_interval.map(std::num::NonZeroU32::get),
            content_type: said.content_type.as_deref().map(text),
            response_topic: said.response_topic.as_deref().map(text),
            correlation: said.correlation_data,
            user: said
                .user_properties
                .iter()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
        });
    }
    Publish {
        topic: text(&publish.topic),
        payload: publish.payload,
        qos: qos_of(publish.qos),
        retain: publish.retain,
        is_dup: publish.dup,
        packet: publish.packet_id.map_or(0, std::num::NonZeroU16::get),
        alias,
        properties,
    }
}

/// Most messages say nothing beside their payload, and then hold nothing.
fn boxed(properties: Properties) -> Option<Box<Properties>> {
    (!properties.is_empty()).then(|| Box::new(properties))
}

fn text(text: &str) -> Box<str> {
    text.into()
}

fn qos_of(qos: types::QoS) -> Qos {
    match qos {
        types::QoS::AtMostOnce => Qos::AtMostOnce,
        types::QoS::AtLeastOnce => Qos::AtLeastOnce,
        types::QoS::ExactlyOnce => Qos::ExactlyOnce,
    }
}
