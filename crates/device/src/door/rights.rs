//! What a client may, as its connection knows it: looked at when it comes and whenever rights have changed, so that the hot path asks
//! nothing but memory. The kernel asks again for every call; what is here only says whose a topic is, and has the policies remembered
//! before the partition's thread needs them.

use super::Door;
use crate::Error;
use crate::broker::topic::device_of;
use crate::broker::{Seat, Topics, scopes_anew};
use crate::mqtt::{Publish, Target, Targets};
use crate::publish::{reason, sent};
use crate::registry::{self, DeviceLimits};
use base::{Problem, Time};
use kernel::{Identity, Principal, Reader, ResourceRef};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Reads a device's own clock out of its messages.
type Sent = Box<dyn Fn(&Publish) -> Option<Time> + Send + Sync>;

/// What a client may.
pub(super) struct Rights {
    /// As of so many changes of rights.
    seen: u64,
    topics: Arc<Topics>,
    sent: Option<Sent>,
    /// Who it is, as it was found to hold.
    pub identity: Identity,
    /// How much its device may say, where it is one.
    pub limits: Option<DeviceLimits>,
}

impl Rights {
    /// Looks at what a client may. May wait for the store.
    ///
    /// # Errors
    /// `token.invalid` where its credential does not hold any more; where the store cannot be read.
    pub(super) fn look(door: &Door, identity: &Identity, seat: &Seat) -> Result<Self, Problem> {
        let (kernel, fleet) = (door.kernel(), &door.fleet);
        let who = &identity.principal;
        // Read first: a change in between is seen at the next look.
        let seen = seen(door);
        let reader = Reader::new(kernel, who.clone())?;
        kernel.holds(&reader, identity)?;
        scopes_anew(kernel, &fleet.broker, seat)?;
        let topics = fleet.broker.topics(&reader)?;
        let found = identity.clone().as_of(seen);
        let Principal::Device(device) = who else {
            return Ok(Self { seen, topics, sent: None, identity: found, limits: None });
        };
        let of = registry::type_of(fleet, &reader, device)?;
        let own = ResourceRef::new("device", device.as_str());
        kernel.is_allowed(&reader, "device.publish", &own, who, None)?;
        let by = Principal::DeviceType(of.name.clone());
        let channels = of.channels.values().chain(of.events.values());
        let streams: BTreeSet<&str> = channels.map(|channel| channel.stream.as_str()).collect();
        for stream in streams {
            let stream = ResourceRef::new("stream", stream);
            kernel.is_allowed(&reader, "stream.append", &stream, &by, None)?;
        }
        let sent: Sent = Box::new(sent(fleet, &reader, device)?);
        Ok(Self { seen, topics, sent: Some(sent), identity: found, limits: Some(of.limits) })
    }

    /// Returns whether rights have changed since.
    pub(super) fn is_stale(&self, door: &Door) -> bool {
        self.seen != seen(door)
    }

    /// Returns what the device's own clock says of a message.
    pub(super) fn sent(&self, message: &Publish) -> Option<Time> {
        self.sent.as_ref().and_then(|sent| sent(message))
    }
}

/// The number of changes that can be seen: one that is being made does not count yet.
fn seen(door: &Door) -> u64 {
    door.kernel().rights_changes() & !1
}

impl Targets for Rights {
    fn target(&self, topic: &str) -> Target {
        if let Some(device) = device_of(topic) {
            return Target::Device(device.into());
        }
        match self.topics.find(topic) {
            Some(declared) => Target::Topic(declared.name.clone()),
            None => nobody(topic),
        }
    }
}

fn nobody(topic: &str) -> Target {
    let topic = topic.chars().take(200).collect();
    let (code, reason) = reason::of(&Error::NoTopic { topic }.into());
    Target::Refused { code, reason }
}

/// Before somebody has signed in, nobody takes anything.
pub(super) struct Nobody;

impl Targets for Nobody {
    fn target(&self, topic: &str) -> Target {
        nobody(topic)
    }
}
