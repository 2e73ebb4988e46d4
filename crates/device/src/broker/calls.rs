//! What a door asks of sessions, and what it is answered: the parameters of the operations `mqtt_session.*`.

use super::rows::Progress;
use crate::mqtt::{Connect, Place, Stage, SubscribeTo, Version, Will};
use serde::{Deserialize, Serialize};

/// Opens the session of a client, or a new one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// The client identifier; a door gives one to who has none.
    pub client: String,
    /// Whether what is known of the session is forgotten first.
    pub is_clean: bool,
    /// Seconds that the session outlives the connection, as MQTT 5 says it; 3.1.1 says it by `is_clean` alone.
    #[serde(default)]
    pub expiry: u32,
    /// Seconds within which something is heard of the client.
    #[serde(default)]
    pub keep_alive: u16,
    /// The protocol.
    pub version: Version,
    /// How many messages the client takes without having acknowledged them.
    #[serde(default = "receive_max")]
    pub receive_max: u16,
    /// The will.
    #[serde(default)]
    pub will: Option<Will>,
    /// From where the client comes.
    #[serde(default)]
    pub address: String,
}

fn receive_max() -> u16 {
    u16::MAX
}

impl Open {
    /// Returns what a CONNECT asks for. `client` is its identifier, or the one that it was given.
    pub fn of(connect: &Connect, client: &str, address: &str) -> Self {
        Self {
            client: client.into(),
            is_clean: connect.is_clean,
            expiry: connect.expiry,
            keep_alive: connect.keep_alive,
            version: connect.version,
            receive_max: connect.receive_max,
            will: connect.will.as_deref().cloned(),
            address: address.into(),
        }
    }
}

/// What was opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Opened {
    /// The session's number.
    pub session: u64,
    /// Which of its connections this is.
    pub generation: u64,
    /// Whether it was there before.
    pub is_present: bool,
    /// The client identifier.
    pub client: String,
    /// Seconds that it outlives the connection: less than was asked for where the unit keeps sessions for less.
    pub expiry: u32,
    /// Incoming QoS 2 identifiers that are not released.
    pub incoming: Vec<u16>,
    /// Outgoing messages that the client may have: packet identifiers, where they are, how far they came.
    pub held: Vec<(u16, Place, Stage)>,
}

/// Ends the connection of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// The session.
    pub session: u64,
    /// Its connection.
    pub generation: u64,
    /// The expiry that DISCONNECT said.
    #[serde(default)]
    pub expiry: Option<u32>,
    /// Whether the will is to be published.
    pub is_will_wanted: bool,
    /// How far it has come; what its seat says where absent.
    #[serde(default)]
    pub progress: Option<Progress>,
    /// Outgoing messages that the client may have; what was held before stays so where absent.
    #[serde(default)]
    pub held: Option<Vec<(u16, Place, Stage)>>,
    /// Why, in a word, for who looks at the device later.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Subscribes to filters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// The session.
    pub session: u64,
    /// Its connection.
    pub generation: u64,
    /// The subscription identifier.
    #[serde(default)]
    pub id: Option<u32>,
    /// The filters.
    pub to: Vec<SubscribeTo>,
}

/// What became of each filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribed {
    /// The reason codes of SUBACK in the version of the client.
    pub codes: Vec<u8>,
    /// Whether there was no such subscription before.
    pub is_new: Vec<bool>,
}

/// Ends subscriptions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// The session.
    pub session: u64,
    /// Its connection.
    pub generation: u64,
    /// The filters.
    pub filters: Vec<Box<str>>,
}

/// Forgets incoming QoS 2 identifiers: the client has released them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The session.
    pub session: u64,
    /// Its connection.
    pub generation: u64,
    /// The packet identifiers.
    pub packets: Vec<u16>,
}

/// Keeps how far outgoing QoS 2 messages have come.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The session.
    pub session: u64,
    /// Its connection.
    pub generation: u64,
    /// What is on its way.
    #[serde(default)]
    pub put: Vec<(u16, Place, Stage)>,
    /// What is over.
    #[serde(default)]
    pub done: Vec<u16>,
    /// How far the session has come; what its seat says where absent.
    #[serde(default)]
    pub progress: Option<Progress>,
}

/// Writes down how far sessions and groups have come.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The numbers of which. How far each has come its seat says.
    pub sessions: Vec<u64>,
}

/// Ends a connection by hand.
#[derive(Debug, Clone, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Kill {
    /// Whether the session goes too, with all that waits for it.
    pub forget: bool,
}
