//! What a filter lets its subscriber hear: the policies are asked when he subscribes, and again when rights have changed. By a wildcard over
//! devices he may hear all of them, or single ones: then they are asked for each that says something.

use super::message::Origin;
use super::rows::{Devices, Scope, Unasked};
use super::topic;
use super::topics::Topics;
use crate::Error;
use base::Problem;
use kernel::{Principal, Reach, Read, ResourceRef};
use std::collections::HashMap;

/// Answers that one look remembers.
const HEARS_MAX: usize = 100_000;

/// Returns what a principal may hear by a filter, and whether he may subscribe to it at all.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn scope(
    read: &dyn Read,
    topics: &Topics,
    who: &Principal,
    filter: &str,
) -> Result<(Scope, bool), Problem> {
    let mut scope = Scope { devices: devices(read, who, filter)?, ..Scope::default() };
    let first = filter.split('/').next().unwrap_or_default();
    // Below `devices` stand topics of devices alone; what begins with `$` belongs to nobody.
    if first == "devices" || first.starts_with('$') {
        let is_allowed = scope.devices != Devices::None;
        return Ok((scope, is_allowed));
    }
    for declared in topics.iter().filter(|declared| topic::overlaps(filter, &declared.filter)) {
        let is_allowed = may_hear(read, who, &declared.name)?;
        scope.topics.insert(declared.name.to_string(), is_allowed);
    }
    let has_some = scope.devices != Devices::None || scope.topics.values().any(|allowed| *allowed);
    // Who may hear all topics may wait for one that is not declared yet; not by a filter whose topics are all closed to him.
    let is_allowed = has_some || (scope.topics.is_empty() && may_hear(read, who, "")?);
    Ok((scope, is_allowed))
}

/// Returns whether a principal may hear a declared topic; all of them where the name is empty.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn may_hear(read: &dyn Read, who: &Principal, topic: &str) -> Result<bool, Problem> {
    let resource = ResourceRef::new("topic", topic);
    read.kernel().is_allowed(read, "topic.subscribe", &resource, who, None)
}

fn devices(read: &dyn Read, who: &Principal, filter: &str) -> Result<Devices, Problem> {
    let mut levels = filter.split('/');
    match (levels.next().unwrap_or_default(), levels.next()) {
        ("#", _) | ("devices" | "+", Some("+" | "#")) => by_wildcard(read, who),
        ("devices" | "+", Some(name)) if !name.is_empty() => {
            let is_allowed = may_hear_device(read, who, name)?;
            Ok(if is_allowed { Devices::One(name.into()) } else { Devices::None })
        }
        _ => Ok(Devices::None),
    }
}

/// Returns of which devices a principal may hear by a wildcard. Of all where no policy looks at the single device: then none is asked for.
fn by_wildcard(read: &dyn Read, who: &Principal) -> Result<Devices, Problem> {
    // Every device may hear one, itself: it names that, and hears others by a wildcard where it has the right on the kind as a whole.
    let is_one = matches!(who, Principal::Device(_));
    Ok(match read.kernel().reach(read, "device.subscribe", who)? {
        Some(Reach::All) => Devices::All,
        Some(Reach::Some) if !is_one || may_hear_device(read, who, "")? => Devices::Each,
        Some(Reach::Some) | None => Devices::None,
    })
}

/// Returns whether a principal may hear a device; devices as a whole where the name is empty.
fn may_hear_device(read: &dyn Read, who: &Principal, name: &str) -> Result<bool, Problem> {
    let resource = ResourceRef::new("device", name);
    read.kernel().is_allowed(read, "device.subscribe", &resource, who, None)
}

/// Which single devices are heard by whom, as one look at the store sees it: each is asked once.
pub(crate) struct Hears<'r> {
    read: &'r dyn Read,
    held: HashMap<Principal, HashMap<Box<str>, bool>>,
    count: usize,
}

impl<'r> Hears<'r> {
    /// Returns one that has asked nothing.
    pub(crate) fn new(read: &'r dyn Read) -> Self {
        Self { read, held: HashMap::new(), count: 0 }
    }

    /// Returns whether a principal hears a device. One that is no more is heard by nobody: what the policies looked at is gone with it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn device(&mut self, who: &Principal, name: &str) -> Result<bool, Problem> {
        if let Some(is_heard) = self.held.get(who).and_then(|held| held.get(name)) {
            return Ok(*is_heard);
        }
        let is_there = self.read.resource("device", name)?.is_some();
        let is_heard = is_there && may_hear_device(self.read, who, name)?;
        if HEARS_MAX <= self.count {
            self.held.clear();
            self.count = 0;
        }
        self.held.entry(who.clone()).or_default().insert(name.into(), is_heard);
        self.count += 1;
        Ok(is_heard)
    }

    /// Returns what a principal's subscriptions say of a message of an origin. Only where they want to know what the policies say of its
    /// device these are asked.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn answer<T>(
        &mut self,
        who: &Principal,
        origin: &Origin,
        say: impl Fn(Option<bool>) -> Result<T, Unasked>,
    ) -> Result<T, Problem> {
        if let Ok(said) = say(None) {
            return Ok(said);
        }
        let is_heard = match origin {
            Origin::Device(device) => self.device(who, device)?,
            Origin::Topic(topic) => may_hear(self.read, who, topic)?,
        };
        let unknown = "a subscription wants to know more than whether a device is heard";
        say(Some(is_heard)).map_err(|Unasked| Error::internal(unknown).into())
    }
}
