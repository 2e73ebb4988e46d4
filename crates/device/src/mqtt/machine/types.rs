//! What the machine and those around it say to each other.

use crate::mqtt::codec::Connack;
use crate::mqtt::packet::{Connect, Publish, Qos, SubscribeTo};
use crate::{Config, broker};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What one connection is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest packet of a client.
    pub packet_bytes_max: u32,
    /// How many publishes may be without acknowledgement; also how many deliveries are under way.
    pub receive_max: u16,
    /// How many topic aliases a client may use.
    pub aliases_max: u16,
    /// The longest keep alive in seconds, and the one of who asks for none.
    pub keep_alive_max: u16,
    /// Within which time CONNECT comes.
    pub connect: Duration,
    /// The longest topic name or filter.
    pub topic_bytes_max: usize,
    /// How many levels it has.
    pub topic_levels_max: usize,
    /// The most bytes of a packet's properties.
    pub properties_bytes_max: usize,
    /// How many filters one SUBSCRIBE or UNSUBSCRIBE has.
    pub filters_max: usize,
    /// How many messages one call has.
    pub messages_max: usize,
    /// How many bytes one call has; a single message may have more.
    pub bytes_max: usize,
    /// How many calls are under way.
    pub calls_max: usize,
}

impl From<&Config> for Limits {
    fn from(config: &Config) -> Self {
        Self {
            packet_bytes_max: config.packet_bytes_max,
            receive_max: config.receive_max,
            aliases_max: config.topic_aliases_max,
            keep_alive_max: config.keep_alive_seconds_max,
            connect: Duration::from_secs(config.connect_seconds_max),
            topic_bytes_max: config.topic_bytes_max,
            topic_levels_max: config.topic_levels_max,
            properties_bytes_max: config.properties_bytes_max,
            filters_max: config.packet_filters_max,
            messages_max: config.publish_messages_max,
            bytes_max: config.publish_bytes_max,
            calls_max: config.calls_in_flight_max,
        }
    }
}

impl Limits {
    /// Returns how many bytes may wait to be handed in: as many as all calls have that may be under way, and one more.
    pub(super) fn waiting_bytes_max(&self) -> usize {
        self.bytes_max.saturating_mul(self.calls_max.saturating_add(1))
    }
}

/// Says whose a topic is. Asked for every message; it looks at nothing but memory.
pub trait Targets {
    /// Returns who takes a message with this topic name.
    fn target(&self, topic: &str) -> Target;
}

/// Who takes a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The device of this name.
    Device(Box<str>),
    /// The declared topic of this name.
    Topic(Box<str>),
    /// Nobody.
    Refused {
        /// The reason code.
        code: u8,
        /// The reason in words.
        reason: String,
    },
}

/// What the machine wants done. The order of acts is the order of what they do.
#[derive(Clone, Debug)]
pub enum Act {
    /// A client wants in; answered by `accepted` or `refused`.
    Connect(Box<Connect>),
    /// Messages in their order, all for one target; answered by `published` or `failed`.
    Publish {
        /// The number to answer with.
        ticket: u64,
        /// Who takes them; never [`Target::Refused`].
        target: Target,
        /// The messages.
        messages: Vec<Publish>,
    },
    /// Identifiers of incoming QoS 2 that may go; answered by `released`.
    Release(Vec<u16>),
    /// Answered by `subscribed`.
    Subscribe {
        /// The packet identifier to answer with.
        packet: u16,
        /// The subscription identifier.
        id: Option<u32>,
        /// The filters.
        to: Vec<SubscribeTo>,
    },
    /// Answered by `unsubscribed`.
    Unsubscribe {
        /// The packet identifier to answer with.
        packet: u16,
        /// The filters.
        filters: Vec<Box<str>>,
    },
    /// Outgoing QoS 2 of a durable session that is to be kept before it goes on; answered by `held`.
    Hold(Vec<(u16, Place, Stage)>),
    /// Outgoing QoS 2 of a durable session that is over: what `Hold` has kept may go. Not answered.
    Done(Vec<u16>),
    /// These need not be delivered again. Not answered.
    Handled(Vec<Place>),
    /// A line for the log: a client did what it could not be told of.
    Refused(String),
    /// The connection is over; the last act.
    Ended {
        /// Whether the client said so, and wants no will.
        is_clean: bool,
        /// The session expiry that it said at the end.
        expiry: Option<u32>,
    },
}

/// What became of one message of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The reason code; below 0x80 it was taken.
    pub code: u8,
    /// The reason in words.
    pub reason: Option<Box<str>>,
}

/// What a session is opened with.
#[derive(Default)]
pub struct Accepted {
    /// What CONNACK says; the limits of the connection are put in by the machine.
    pub connack: Connack,
    /// What is on its way to the client.
    pub outgoing: Outgoing,
    /// Identifiers of incoming QoS 2 messages that are kept and not released.
    pub incoming: BTreeSet<u16>,
    /// Whether the session outlives its connection.
    pub is_durable: bool,
}

/// Where a delivery comes from: what is to be remembered of it when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The session's own queue: an offset of the message log.
    Log(u64),
    /// The queue of a shared subscription.
    Group {
        /// The group's number.
        group: u64,
        /// The offset in the message log.
        offset: u64,
    },
    /// A command of this number.
    Command(u64),
    /// The desired state in this version.
    Desired(u64),
    /// A retained message.
    Retained,
    /// Nothing is to be remembered.
    None,
}

/// How far an outgoing QoS 2 message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// PUBLISH may have been sent.
    Sent,
    /// PUBREC has come.
    Received,
}

/// A message for this client.
#[derive(Clone)]
pub struct Delivery {
    /// The message, shared by all who get it.
    pub message: Arc<broker::Message>,
    /// Where it comes from.
    pub place: Place,
    /// The QoS of this delivery.
    pub qos: Qos,
    /// The retain flag of this delivery.
    pub retain: bool,
    /// Identifiers of the subscriptions that match.
    pub ids: Box<[u32]>,
}

/// What is on its way to a client: its packet identifiers.
#[derive(Clone, Default)]
pub struct Outgoing {
    /// The identifier after the last one given.
    pub next: u16,
    /// Deliveries that are not acknowledged.
    pub held: BTreeMap<u16, Held>,
}

/// One delivery that is not acknowledged.
#[derive(Clone)]
pub struct Held {
    /// What is delivered.
    pub delivery: Delivery,
    /// How far it is.
    pub stage: Stage,
}

/// What a connection leaves to its session.
pub struct Left {
    /// What is on its way to the client.
    pub outgoing: Outgoing,
    /// Identifiers of incoming QoS 2 messages that are not released.
    pub incoming: BTreeSet<u16>,
    /// Whether the will is to be published.
    pub is_will_wanted: bool,
    /// The session expiry that the client said at the end.
    pub expiry: Option<u32>,
}
