//! Keys of devices, in the space `A`: what belongs to a device stands under its name, so that all of it goes with it.
//!
//! | key | value |
//! |---|---|
//! | `d DEVICE p` | whether it is there: `presence::Presence` |
//! | `d DEVICE t CHANNEL` | its last row of a channel: `twin::last` |
//! | `d DEVICE w SIDE` | a side of its twin as it stands: `twin::Side` |
//! | `d DEVICE v SIDE AT VERSION` | a side as it stood from then on: `twin::Version` |
//! | `d DEVICE e AT NUMBER` | what happened to it: `twin::Event` |
//! | `d DEVICE k ID` | by what it is known: `registry::Credential` |
//! | `f FINGERPRINT` | the device that a certificate stands for |
//! | `i INDEX VALUE DEVICE` | nothing: lists walk it |
//! | `l KIND NAME` | what of a change is left to be done: of a type the device behind which to go on, of a device nothing |

use crate::twin::SideName;
use base::{Key, KeyReader, Time};

/// The space of devices.
const SPACE: u8 = b'A';

/// Returns the beginning of all that belongs to devices.
pub(crate) fn devices() -> Key {
    kernel::key(SPACE).text("d")
}

/// Returns the beginning of all that belongs to a device.
pub(crate) fn device(device: &str) -> Key {
    devices().text(device)
}

/// Returns the key of a device's presence.
pub(crate) fn presence(name: &str) -> Key {
    device(name).text("p")
}

/// Returns the key of a device's last row of a channel.
pub(crate) fn telemetry(device: &str, channel: &str) -> Key {
    telemetry_all(device).text(channel)
}

/// Returns the beginning of a device's last rows.
pub(crate) fn telemetry_all(name: &str) -> Key {
    device(name).text("t")
}

/// Returns the key of a side of a twin.
pub(crate) fn side(name: &str, side: SideName) -> Key {
    device(name).text("w").text(side.as_str())
}

/// Returns the beginning of the versions of a side of a twin.
pub(crate) fn versions(name: &str, side: SideName) -> Key {
    device(name).text("v").text(side.as_str())
}

/// Returns the key of a version of a side of a twin.
pub(crate) fn version(device: &str, side: SideName, at: Time, version: u64) -> Key {
    versions(device, side).signed(at.0).number(version)
}

/// Returns the beginning of a device's events.
pub(crate) fn events(name: &str) -> Key {
    device(name).text("e")
}

/// Returns the key of an event of a device.
pub(crate) fn event(device: &str, at: Time, number: u64) -> Key {
    events(device).signed(at.0).number(number)
}

/// Returns the beginning of a device's credentials.
pub(crate) fn credentials(name: &str) -> Key {
    device(name).text("k")
}

/// Returns the key of a credential of a device.
pub(crate) fn credential(device: &str, id: &str) -> Key {
    credentials(device).text(id)
}

/// Returns the key under which the device of a certificate stands.
pub(crate) fn fingerprint(fingerprint: &str) -> Key {
    fingerprints().text(fingerprint)
}

/// Returns the beginning of all certificates.
pub(crate) fn fingerprints() -> Key {
    kernel::key(SPACE).text("f")
}

/// Returns the beginning of all index keys.
pub(crate) fn indexes() -> Key {
    kernel::key(SPACE).text("i")
}

/// Returns the beginning of the devices with a value of an index.
pub(crate) fn indexed(index: &str, value: &str) -> Key {
    indexes().text(index).text(value)
}

/// Returns the key of a device in an index.
pub(crate) fn index(index: &str, value: &str, device: &str) -> Key {
    indexed(index, value).text(device)
}

/// Returns the beginning of what is left to be done.
pub(crate) fn pieces() -> Key {
    kernel::key(SPACE).text("l")
}

/// Returns the key of what is left to be done of a type, or of a device that is gone.
pub(crate) fn piece(kind: &str, name: &str) -> Key {
    pieces().text(kind).text(name)
}

/// Returns of which kind and name something is left to be done.
pub(crate) fn piece_of(found: &[u8]) -> Option<(String, String)> {
    let mut parts = KeyReader::new(found);
    parts.text()?;
    Some((parts.text()?, parts.text()?))
}
