//! Decoded packets held against the standards: topic names and filters, shares, wills, client identifiers.
//!
//! What is no packet of MQTT is refused here with the connection. What is one and is too large for this unit is refused by
//! itself, by who takes it ([`is_within`]): in SUBACK, or where a publish is acknowledged.

use super::codec::Refusal;
use super::machine::Limits;
use super::packet::{Connect, Packet, Publish, SubscribeTo, Version, reason};

/// The longest client identifier in bytes; `docs/guides/mqtt.md` says it, too.
const CLIENT_BYTES_MAX: usize = 128;

/// Checks a packet of a client, whichever state its connection is in.
///
/// # Errors
/// What is wrong with it; the connection ends by it.
pub(super) fn check(version: Version, packet: &Packet, limits: &Limits) -> Result<(), Refusal> {
    match packet {
        Packet::Connect(connect) => check_connect(connect, limits),
        Packet::Publish(publish) => check_publish(publish, limits),
        Packet::Subscribe { to, .. } => to.iter().try_for_each(check_subscribe),
        Packet::Unsubscribe { filters, .. } => filters.iter().try_for_each(|filter| {
            well_formed_filter(filter).map_err(|text| Refusal::new(reason::FILTER, text))
        }),
        Packet::Disconnect { code, .. } if version == Version::V5 => check_disconnect(*code),
        Packet::Disconnect { .. } | Packet::Ack { .. } | Packet::Ping | Packet::Auth => Ok(()),
    }
}

/// Returns why a text is no topic name that is taken here.
///
/// # Errors
/// What is wrong with it.
pub fn topic_name(text: &str, limits: &Limits) -> Result<(), &'static str> {
    well_formed_name(text)?;
    is_within(text, limits)
}

/// Returns why a text is no topic filter that is taken here; `$share/NAME/…` among them.
///
/// # Errors
/// What is wrong with it.
pub fn topic_filter(text: &str, limits: &Limits) -> Result<(), &'static str> {
    well_formed_filter(text)?;
    is_within(text, limits)
}

/// Returns whether a topic is within the limits of this unit.
///
/// # Errors
/// Which it exceeds.
pub(super) fn is_within(text: &str, limits: &Limits) -> Result<(), &'static str> {
    if limits.topic_bytes_max < text.len() {
        return Err("a topic is longer than `topic_bytes_max`");
    }
    if limits.topic_levels_max <= text.bytes().filter(|byte| *byte == b'/').count() {
        return Err("a topic has more levels than `topic_levels_max`");
    }
    Ok(())
}

/// Returns whether the payload is what its format indicator says (MQTT 5, 3.3.2.3.2).
pub(super) fn is_payload_as_said(publish: &Publish) -> bool {
    let is_utf8 = publish.properties.as_ref().is_some_and(|properties| properties.is_utf8);
    !is_utf8 || std::str::from_utf8(&publish.payload).is_ok()
}

fn check_connect(connect: &Connect, limits: &Limits) -> Result<(), Refusal> {
    if CLIENT_BYTES_MAX < connect.client.len() {
        let text = format!("a client identifier has more than {CLIENT_BYTES_MAX} bytes");
        return Err(Refusal::new(reason::CLIENT, &text));
    }
    if connect.client.chars().any(is_unwanted) {
        return Err(Refusal::new(reason::CLIENT, "a client identifier holds control characters"));
    }
    if connect.user.as_deref().is_some_and(|user| user.contains('\0')) {
        return Err(Refusal::new(reason::MALFORMED, "a text holds U+0000"));
    }
    let Some(will) = &connect.will else {
        return Ok(());
    };
    topic_name(&will.publish.topic, limits).map_err(|text| Refusal::new(reason::TOPIC, text))?;
    check_response_topic(&will.publish)?;
    if !is_payload_as_said(&will.publish) {
        return Err(Refusal::new(reason::PAYLOAD, "the will says it is UTF-8, and is not"));
    }
    Ok(())
}

fn check_publish(publish: &Publish, limits: &Limits) -> Result<(), Refusal> {
    match publish.alias {
        Some(alias) if alias == 0 || limits.aliases_max < alias => {
            let text = format!("topic alias {alias} is not within 1 and {}", limits.aliases_max);
            return Err(Refusal::new(reason::ALIAS, &text));
        }
        // The alias says the topic.
        Some(_) if publish.topic.is_empty() => {}
        _ if publish.topic.is_empty() => {
            return Err(Refusal::new(reason::PROTOCOL, "neither a topic name nor an alias"));
        }
        _ => well_formed_name(&publish.topic).map_err(|text| Refusal::new(reason::TOPIC, text))?,
    }
    check_response_topic(publish)
}

fn check_response_topic(publish: &Publish) -> Result<(), Refusal> {
    let topic = publish.properties.as_ref().and_then(|said| said.response_topic.as_deref());
    match topic.map(well_formed_name) {
        Some(Err(text)) => Err(Refusal::new(reason::PROTOCOL, &format!("response topic: {text}"))),
        Some(Ok(())) | None => Ok(()),
    }
}

fn check_subscribe(to: &SubscribeTo) -> Result<(), Refusal> {
    well_formed_filter(&to.filter).map_err(|text| Refusal::new(reason::FILTER, text))?;
    if to.no_local && to.filter.starts_with("$share/") {
        let text = "No Local is set on a shared subscription";
        return Err(Refusal::new(reason::PROTOCOL, text));
    }
    Ok(())
}

/// Which reasons a client may give (MQTT 5, table 3-10).
fn check_disconnect(code: u8) -> Result<(), Refusal> {
    match code {
        0x00 | 0x04 | 0x80..=0x83 | 0x90 | 0x93..=0x99 => Ok(()),
        _ => Err(Refusal::new(reason::PROTOCOL, "a reason that only a server may give")),
    }
}

fn well_formed_name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("a topic name is empty");
    }
    if text.contains(['+', '#']) {
        return Err("a topic name holds a wildcard");
    }
    if text.chars().any(is_unwanted) {
        return Err("a topic name holds control characters");
    }
    Ok(())
}

fn well_formed_filter(text: &str) -> Result<(), &'static str> {
    let filter = match text.strip_prefix("$share/") {
        Some(share) => {
            let (name, filter) =
                share.split_once('/').ok_or("a share has a name and a topic filter")?;
            if name.is_empty() || name.contains(['+', '#']) {
                return Err("the name of a share is empty, or holds a wildcard");
            }
            filter
        }
        None if text == "$share" => return Err("a share has a name and a topic filter"),
        None => text,
    };
    if filter.is_empty() {
        return Err("a topic filter is empty");
    }
    if text.chars().any(is_unwanted) {
        return Err("a topic filter holds control characters");
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        match level {
            "+" => {}
            "#" if levels.peek().is_none() => {}
            "#" => return Err("`#` is the last level of a topic filter"),
            _ if level.contains(['+', '#']) => return Err("a wildcard is a level of its own"),
            _ => {}
        }
    }
    Ok(())
}

/// U+0000, which no text may hold, and the control and non-characters that a receiver may refuse (3.1.1, 1.5.3; 5, 1.5.4).
fn is_unwanted(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character), 0xFDD0..=0xFDEF)
        || u32::from(character) & 0xFFFE == 0xFFFE
}
