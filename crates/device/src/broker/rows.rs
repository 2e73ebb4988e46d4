//! What is stored of sessions, subscriptions and groups.

use super::key;
use super::message::Origin;
use crate::Error;
use crate::mqtt::{Place, Qos, Stage, Version};
use crate::wire;
use base::{Problem, Time};
use kernel::{Principal, Read};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use store::Pair;

/// In the form of [`Numbered`]: what the number stands for.
const IS_DURABLE: u8 = 1;
const IS_GROUP: u8 = 2;

/// A session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionRow {
    /// Its number.
    pub number: u64,
    /// Rises with every connection, from 1.
    pub generation: u64,
    /// The client identifier.
    pub client: String,
    /// Whose it is.
    pub principal: Principal,
    /// The protocol of its last connection.
    pub version: Version,
    /// Whether it outlives its connection.
    pub is_durable: bool,
    /// Seconds by which it does.
    pub expiry_secs: u32,
    /// Whether it has a connection.
    pub connected: bool,
    /// Since when it is so, wall time.
    pub since: Time,
    /// When it ends, where it has no connection, wall time.
    pub expires: Option<Time>,
    /// Whether it has a will.
    pub has_will: bool,
    /// Seconds between the end of the connection and the will.
    pub will_delay_secs: u32,
    /// When the will is due, where it has no connection, wall time.
    pub will_due: Option<Time>,
    /// How many messages its client takes without having acknowledged them.
    pub receive_max: u16,
    /// How many subscriptions it has.
    pub subscriptions: u32,
    /// From where the last connection came.
    pub address: String,
}

/// What a number stands for: small, for every message of a session looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Numbered {
    /// The connection that counts; 0 for a group.
    pub generation: u64,
    /// Whether the session outlives its connection.
    pub is_durable: bool,
    /// Whether it is a group.
    pub is_group: bool,
    /// The key of the session or group.
    pub key: Vec<u8>,
}

impl Numbered {
    /// Returns it as it is stored.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut flags = if self.is_durable { IS_DURABLE } else { 0 };
        flags |= if self.is_group { IS_GROUP } else { 0 };
        let mut bytes = self.generation.to_be_bytes().to_vec();
        bytes.push(flags);
        bytes.extend_from_slice(&self.key);
        bytes
    }

    /// Reads it.
    ///
    /// # Errors
    /// `device.internal` where it is damaged.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let (generation, rest) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (flags, key) = rest.split_first().ok_or_else(damaged)?;
        Ok(Self {
            generation: u64::from_be_bytes(*generation),
            is_durable: flags & IS_DURABLE != 0,
            is_group: flags & IS_GROUP != 0,
            key: key.to_vec(),
        })
    }
}

fn damaged() -> Problem {
    Error::internal("the number of a session is damaged").into()
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SubscriptionRow {
    /// The quality of service that was granted.
    pub qos: Qos,
    /// Whether the session's own messages are left out.
    pub no_local: bool,
    /// Whether messages keep the retain flag that they were published with.
    pub retain_as_published: bool,
    /// Its identifier, of MQTT 5.
    pub identifier: Option<u32>,
    /// From which offset of the log on.
    pub from: u64,
    /// Whose messages the session may hear by it.
    pub scope: Scope,
}

/// Of which devices a subscription may hear.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Devices {
    /// Of none.
    #[default]
    None,
    /// Of this one.
    One(String),
    /// Of those of which the policies say so, asked for each.
    Each,
    /// Of all.
    All,
}

/// That a subscription hears single devices, and nobody has asked whether the one that a message is of is among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unasked;

/// Whose messages a subscription may hear, as the policies said when they were asked last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scope {
    /// Of devices.
    pub devices: Devices,
    /// Of declared topics, by their name; one that is not named was declared since.
    pub topics: BTreeMap<String, bool>,
}

impl Scope {
    /// Returns whether messages of an origin may be heard; nothing where nobody has asked. `asked`: what the policies say of the device that
    /// they are of, where somebody has.
    pub(crate) fn allows(&self, origin: &Origin, asked: Option<bool>) -> Option<bool> {
        match (origin, &self.devices) {
            (Origin::Device(_), Devices::All) => Some(true),
            (Origin::Device(device), Devices::One(name)) => Some(**device == **name),
            (Origin::Device(_), Devices::Each) => asked,
            (Origin::Device(_), Devices::None) => Some(false),
            (Origin::Topic(topic), _) => self.topics.get(&**topic).copied(),
        }
    }

    /// Returns whether messages of an origin are heard: those of a topic of which nobody has asked are not.
    ///
    /// # Errors
    /// [`Unasked`]
    pub(crate) fn hears(&self, origin: &Origin, asked: Option<bool>) -> Result<bool, Unasked> {
        match (self.allows(origin, asked), origin) {
            (Some(is_allowed), _) => Ok(is_allowed),
            (None, Origin::Device(_)) => Err(Unasked),
            (None, Origin::Topic(_)) => Ok(false),
        }
    }
}

/// A group of shared subscriptions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct GroupRow {
    /// Its number.
    pub number: u64,
    /// From which offset of the log on.
    pub from: u64,
}

/// An outgoing message of QoS 2.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HeldRow {
    /// Where the message is.
    pub place: Place,
    /// How far it has come.
    pub stage: Stage,
}

/// How far a session or a group has come in the log: everything before `cursor` is done, or was not for it, but for what is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// From which offset on the log is still to be read.
    pub cursor: u64,
    /// What was taken out of the log, and is not acknowledged.
    pub open: BTreeSet<u64>,
    /// How many messages from the cursor on make way because too many wait.
    pub skip: u64,
    /// How many have made way since the session began.
    pub dropped: u64,
    /// How many wait from the cursor on, those that make way left out.
    pub queued: u64,
    /// What is done from the cursor on: a client had it already when the unit was started again.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub done: BTreeSet<u64>,
}

/// How many messages are retained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RetainedCount {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// When the log of messages came to an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogPlace {
    /// Wall time.
    pub at: Time,
    /// How many bytes had been written before.
    pub bytes: u64,
}

/// Reads a stored value, where there is one.
///
/// # Errors
/// Where the store cannot be read, or the value is damaged.
pub(crate) fn get<T: DeserializeOwned>(
    read: &dyn Read,
    key: &base::Key,
) -> Result<Option<T>, Problem> {
    read.get(key.as_ref())?.map(|bytes| wire::read(&bytes)).transpose()
}

/// Returns what a number stands for.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn numbered(read: &dyn Read, number: u64) -> Result<Option<Numbered>, Problem> {
    let bytes = read.get(key::number(number).as_ref())?;
    bytes.map(|bytes| Numbered::read(&bytes)).transpose()
}

/// Returns a session by its number.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn session(read: &dyn Read, number: u64) -> Result<Option<SessionRow>, Problem> {
    let Some(numbered) = numbered(read, number)?.filter(|numbered| !numbered.is_group) else {
        return Ok(None);
    };
    read.get(&numbered.key)?.map(|bytes| wire::read(&bytes)).transpose()
}

/// Returns the subscriptions of a session by their filters.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn subscriptions(
    read: &dyn Read,
    session: u64,
) -> Result<Vec<(String, SubscriptionRow)>, Problem> {
    let pairs = read.scan_prefix(key::subscriptions(session).as_ref(), usize::MAX)?;
    let row = |(stored, bytes): &Pair| -> Result<(String, SubscriptionRow), Problem> {
        let filter = key::of_subscription(stored).map(|(_, filter)| filter);
        Ok((filter.unwrap_or_default(), wire::read(bytes)?))
    };
    pairs.iter().map(row).collect()
}

/// Returns the outgoing QoS 2 messages of a session by their packet identifiers.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn held(read: &dyn Read, session: u64) -> Result<Vec<(u16, HeldRow)>, Problem> {
    let pairs = read.scan_prefix(key::outgoing_all(session).as_ref(), usize::MAX)?;
    let row = |(stored, bytes): &Pair| -> Result<(u16, HeldRow), Problem> {
        let packet = key::last(stored).and_then(|packet| u16::try_from(packet).ok());
        Ok((packet.unwrap_or_default(), wire::read(bytes)?))
    };
    pairs.iter().map(row).collect()
}

/// Returns the incoming QoS 2 identifiers of a session that are not released.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn incoming(read: &dyn Read, session: u64) -> Result<Vec<u16>, Problem> {
    let pairs = read.scan_prefix(key::incoming_all(session).as_ref(), usize::MAX)?;
    let packet = |(stored, _): &Pair| u16::try_from(key::last(stored)?).ok();
    Ok(pairs.iter().filter_map(packet).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_and_damage_is_seen() {
        let numbered =
            Numbered { generation: 3, is_durable: true, is_group: false, key: vec![1, 2] };
        assert_eq!(Numbered::read(&numbered.write()).ok(), Some(numbered));
        assert!(Numbered::read(&[0; 8]).is_err());
    }

    #[test]
    fn a_scope_says_what_it_was_asked_for() {
        let topics = BTreeMap::from([("open".to_owned(), true), ("closed".to_owned(), false)]);
        let scope = Scope { devices: Devices::One("van-7".into()), topics };
        let device = |name: &str| scope.allows(&Origin::Device(name.into()), None);
        let topic = |name: &str| scope.allows(&Origin::Topic(name.into()), None);
        assert_eq!((device("van-7"), device("van-8")), (Some(true), Some(false)));
        assert_eq!((topic("open"), topic("closed"), topic("new")), (Some(true), Some(false), None));
    }

    #[test]
    fn a_scope_of_single_devices_wants_to_know_what_is_said_of_each() {
        let scope = Scope { devices: Devices::Each, ..Scope::default() };
        let hears = |asked| scope.hears(&Origin::Device("van-7".into()), asked);
        assert_eq!((hears(Some(true)), hears(Some(false))), (Ok(true), Ok(false)));
        assert_eq!(hears(None), Err(Unasked));
        assert_eq!(scope.hears(&Origin::Topic("new".into()), None), Ok(false));
        // As it was stored before there were single devices.
        let stored = r#"{"devices":"all","topics":{}}"#;
        let all = Scope { devices: Devices::All, ..Scope::default() };
        assert_eq!(serde_json::from_str::<Scope>(stored).ok(), Some(all));
    }
}
