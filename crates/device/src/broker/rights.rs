//! What a filter lets its subscriber hear: the policies are asked when he subscribes, and again when rights have changed.

use super::rows::{Devices, Scope};
use super::topic;
use super::topics::Topics;
use base::Problem;
use kernel::{Principal, Read, ResourceRef};

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
    let may = |name: &str| {
        let resource = ResourceRef::new("device", name);
        read.kernel().is_allowed(read, "device.subscribe", &resource, who, None)
    };
    let mut levels = filter.split('/');
    match (levels.next().unwrap_or_default(), levels.next()) {
        ("#", _) | ("devices" | "+", Some("+" | "#")) => {
            Ok(if may("")? { Devices::All } else { Devices::None })
        }
        ("devices" | "+", Some(name)) if !name.is_empty() => {
            Ok(if may(name)? { Devices::One(name.into()) } else { Devices::None })
        }
        _ => Ok(Devices::None),
    }
}
