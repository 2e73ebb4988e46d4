//! The packets of MQTT in this engine's own words: what a client can send, both versions in one form.
//!
//! Texts are copies of their own. A payload shares the bytes of its packet, and of nothing else (`codec.rs`).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The reason codes of MQTT 5 that this engine gives (MQTT 5, table 2-6).
pub mod reason {
    /// It was done.
    pub const SUCCESS: u8 = 0x00;
    /// A DISCONNECT that wants the will published.
    pub const WITH_WILL: u8 = 0x04;
    /// It was done, and nobody subscribes to it.
    pub const NO_SUBSCRIBERS: u8 = 0x10;
    /// Something that has no other code.
    pub const UNSPECIFIED: u8 = 0x80;
    /// The bytes are no packet.
    pub const MALFORMED: u8 = 0x81;
    /// A packet that may not come, or not now.
    pub const PROTOCOL: u8 = 0x82;
    /// Understood, and not taken.
    pub const IMPLEMENTATION: u8 = 0x83;
    /// A version that is not spoken here.
    pub const VERSION: u8 = 0x84;
    /// A client identifier that is not taken.
    pub const CLIENT: u8 = 0x85;
    /// The credential is not known.
    pub const CREDENTIAL: u8 = 0x86;
    /// No right to it.
    pub const NOT_AUTHORIZED: u8 = 0x87;
    /// Not now.
    pub const UNAVAILABLE: u8 = 0x88;
    /// The unit ends.
    pub const SHUTTING_DOWN: u8 = 0x8B;
    /// A way to authenticate that is not offered.
    pub const AUTH_METHOD: u8 = 0x8C;
    /// Nothing was heard for one and a half times the keep alive.
    pub const KEEP_ALIVE: u8 = 0x8D;
    /// Another connection has the session.
    pub const TAKEN_OVER: u8 = 0x8E;
    /// A filter that is none, or not taken.
    pub const FILTER: u8 = 0x8F;
    /// A topic name that is none, or not taken.
    pub const TOPIC: u8 = 0x90;
    /// The packet identifier is in use.
    pub const PACKET_IN_USE: u8 = 0x91;
    /// The packet identifier is not known.
    pub const PACKET_NOT_FOUND: u8 = 0x92;
    /// More publishes without acknowledgement than was advertised.
    pub const RECEIVE_MAXIMUM: u8 = 0x93;
    /// A topic alias of 0, or above what was advertised.
    pub const ALIAS: u8 = 0x94;
    /// A packet larger than was advertised.
    pub const TOO_LARGE: u8 = 0x95;
    /// A limit was reached.
    pub const QUOTA: u8 = 0x97;
    /// Ended by hand.
    pub const ADMINISTRATIVE: u8 = 0x98;
    /// The payload is not what it says it is.
    pub const PAYLOAD: u8 = 0x99;
}

/// How surely a message is delivered.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum Qos {
    /// Once or not at all.
    #[default]
    AtMostOnce = 0,
    /// Once or more.
    AtLeastOnce = 1,
    /// Once.
    ExactlyOnce = 2,
}

impl From<Qos> for u8 {
    fn from(qos: Qos) -> Self {
        qos as Self
    }
}

impl TryFrom<u8> for Qos {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            2 => Ok(Self::ExactlyOnce),
            other => Err(format!("QoS {other} does not exist")),
        }
    }
}

/// The version of the protocol that a connection speaks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// MQTT 3.1.1.
    V3,
    /// MQTT 5.
    V5,
}

/// What MQTT 5 says of a message beside its payload, and passes on unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Properties {
    /// Whether the payload says of itself that it is UTF-8.
    pub is_utf8: bool,
    /// Seconds until the message is worth nothing; none: it stays.
    pub expiry_secs: Option<u32>,
    /// What the payload is.
    pub content_type: Option<Box<str>>,
    /// Where an answer is wanted.
    pub response_topic: Option<Box<str>>,
    /// What the answer is to carry.
    pub correlation: Option<Bytes>,
    /// User properties in their order.
    pub user: Vec<(Box<str>, Box<str>)>,
}

/// What a part of a packet costs beside its texts, about.
const BESIDE: usize = 64;

impl Properties {
    /// Returns whether they say nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns about how many bytes of memory they hold.
    pub(crate) fn size(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_deref().map_or(0, str::len);
        let user = self.user.iter().map(|(name, value)| BESIDE + name.len() + value.len());
        let correlation = self.correlation.as_ref().map_or(0, Bytes::len);
        BESIDE
            + text(&self.content_type)
            + text(&self.response_topic)
            + correlation
            + user.sum::<usize>()
    }
}

/// A message as a client publishes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// The topic name; aliases are resolved before anybody else sees it.
    pub topic: Box<str>,
    /// What is said.
    pub payload: Bytes,
    /// How surely.
    pub qos: Qos,
    /// Whether it is to be kept for who subscribes later.
    pub retain: bool,
    /// Whether the client has sent it before.
    pub is_dup: bool,
    /// The packet identifier; 0 at QoS 0.
    pub packet: u16,
    /// The topic alias.
    pub alias: Option<u16>,
    /// What MQTT 5 says beside it, where it says anything.
    pub properties: Option<Box<Properties>>,
}

impl Publish {
    /// Returns about how many bytes of memory it holds.
    pub(crate) fn size(&self) -> usize {
        let properties = self.properties.as_ref().map_or(0, |held| held.size());
        BESIDE + self.topic.len() + self.payload.len() + properties
    }
}

/// The message that is published when a client is gone without a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Will {
    /// The message; its packet identifier is 0.
    pub publish: Publish,
    /// Seconds after the connection's end.
    pub delay_secs: u32,
}

/// What a client says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The version it speaks.
    pub version: Version,
    /// The client identifier; empty: it wants one given.
    pub client: Box<str>,
    /// Whether what is known of its session is forgotten first.
    pub is_clean: bool,
    /// Seconds within which something is heard of it; 0: none are promised.
    pub keep_alive: u16,
    /// The user name.
    pub user: Option<Box<str>>,
    /// The password.
    pub password: Option<Bytes>,
    /// The will.
    pub will: Option<Box<Will>>,
    /// Seconds that the session outlives the connection; 0: none (of 3.1.1 always 0, its `is_clean` says it).
    pub expiry: u32,
    /// How many messages of QoS 1 and 2 it takes without having acknowledged them.
    pub receive_max: u16,
    /// The largest packet that it takes.
    pub packet_bytes_max: Option<u32>,
    /// How many topic aliases it takes; the unit sends none.
    pub aliases_max: u16,
    /// Whether it wants to be told reasons in words.
    pub wants_problems: bool,
    /// Whether it wants to be told where answers may go.
    pub wants_response_info: bool,
    /// The way it wants to authenticate, where that is not by password.
    pub auth_method: Option<Box<str>>,
}

/// One filter that a client subscribes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscribeTo {
    /// The filter as it was sent, with `$share/…`.
    pub filter: Box<str>,
    /// The highest QoS wanted.
    pub qos: Qos,
    /// Whether its own messages are left out.
    pub no_local: bool,
    /// Whether messages keep the retain flag that they were published with.
    pub retain_as_published: bool,
    /// When retained messages are sent: 0 always, 1 where the subscription is new, 2 never.
    pub retain_handling: u8,
}

impl SubscribeTo {
    /// Returns about how many bytes of memory it holds.
    pub(crate) fn size(&self) -> usize {
        BESIDE + self.filter.len()
    }
}

/// One packet of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// CONNECT.
    Connect(Box<Connect>),
    /// PUBLISH.
    Publish(Publish),
    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    Ack {
        /// Which.
        kind: AckKind,
        /// The packet identifier.
        packet: u16,
        /// The reason code; 0 in 3.1.1.
        code: u8,
    },
    /// SUBSCRIBE.
    Subscribe {
        /// The packet identifier.
        packet: u16,
        /// The subscription identifier.
        id: Option<u32>,
        /// The filters; at least one.
        to: Vec<SubscribeTo>,
    },
    /// UNSUBSCRIBE.
    Unsubscribe {
        /// The packet identifier.
        packet: u16,
        /// The filters; at least one.
        filters: Vec<Box<str>>,
    },
    /// PINGREQ.
    Ping,
    /// DISCONNECT.
    Disconnect {
        /// The reason code; 0 in 3.1.1.
        code: u8,
        /// A session expiry that replaces the one of CONNECT.
        expiry: Option<u32>,
    },
    /// AUTH.
    Auth,
}

/// The four packets that acknowledge a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckKind {
    /// QoS 1 is done.
    Puback,
    /// QoS 2, the message is here.
    Pubrec,
    /// QoS 2, the identifier may go.
    Pubrel,
    /// QoS 2 is done.
    Pubcomp,
}
