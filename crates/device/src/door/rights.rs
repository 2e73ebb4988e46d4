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

/// What a look has found, after a change of rights.
pub(super) enum Looked {
    /// What the client may now.
    Anew(Rights),
    /// That it may what it might: only credentials have changed, and its own holds.
    Same {
        /// As of so many changes of rights.
        seen: u64,
        /// Who it is, as it was found to hold.
        identity: Identity,
    },
}

/// What a client may.
pub(super) struct Rights {
    /// As of so many changes of rights.
    seen: u64,
    /// As of so many changes of policies and resources.
    epoch: u64,
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
        let (seen, reader) = held(door, identity)?;
        Self::found(door, identity.clone().as_of(seen), seat, (seen, &reader))
    }

    /// Looks again, after a change of rights. Where somebody was signed out there is nothing to look at but whether this one was, and
    /// things do not stand still for it. `epoch` is the one of the look before. May wait for the store.
    ///
    /// # Errors
    /// As [`Rights::look`].
    pub(super) fn look_again(
        door: &Door,
        identity: &Identity,
        seat: &Seat,
        epoch: u64,
    ) -> Result<Looked, Problem> {
        let (seen, reader) = held(door, identity)?;
        let identity = identity.clone().as_of(seen);
        if door.kernel().epoch(&reader)? == epoch {
            return Ok(Looked::Same { seen, identity });
        }
        Self::found(door, identity, seat, (seen, &reader)).map(Looked::Anew)
    }

    fn found(
        door: &Door,
        identity: Identity,
        seat: &Seat,
        (seen, reader): (u64, &Reader),
    ) -> Result<Self, Problem> {
        let (kernel, fleet) = (door.kernel(), &door.fleet);
        let epoch = kernel.epoch(reader)?;
        scopes_anew(kernel, &fleet.broker, seat)?;
        let topics = fleet.broker.topics(reader)?;
        let who = identity.principal.clone();
        let Principal::Device(device) = &who else {
            return Ok(Self { seen, epoch, topics, sent: None, identity, limits: None });
        };
        let of = registry::type_of(fleet, reader, device)?;
        let own = ResourceRef::new("device", device.as_str());
        kernel.is_allowed(reader, "device.publish", &own, &who, None)?;
        let by = Principal::DeviceType(of.name.clone());
        let channels = of.channels.values().chain(of.events.values());
        let streams: BTreeSet<&str> = channels.map(|channel| channel.stream.as_str()).collect();
        for stream in streams {
            let stream = ResourceRef::new("stream", stream);
            kernel.is_allowed(reader, "stream.append", &stream, &by, None)?;
        }
        let sent: Sent = Box::new(sent(fleet, reader, device)?);
        let limits = Some(of.limits);
        Ok(Self { seen, epoch, topics, sent: Some(sent), identity, limits })
    }

    /// Takes over that nothing has changed but credentials.
    pub(super) fn renew(&mut self, seen: u64, identity: Identity) {
        (self.seen, self.identity) = (seen, identity);
    }

    /// Returns as of how many changes of policies and resources it was looked at, where rights have changed since.
    pub(super) fn stale(&self, door: &Door) -> Option<u64> {
        (self.seen != seen(door)).then_some(self.epoch)
    }

    /// Returns what the device's own clock says of a message.
    pub(super) fn sent(&self, message: &Publish) -> Option<Time> {
        self.sent.as_ref().and_then(|sent| sent(message))
    }
}

/// Finds that a credential holds. Returns as of how many changes of rights, and a look in which they are seen.
fn held(door: &Door, identity: &Identity) -> Result<(u64, Reader), Problem> {
    // Read first: a change in between is seen at the next look.
    let seen = seen(door);
    let reader = Reader::new(door.kernel(), identity.principal.clone())?;
    door.kernel().holds(&reader, identity)?;
    Ok((seen, reader))
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
