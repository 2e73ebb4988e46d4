//! One whole packet as bytes, before it is decoded: what the decoder lets through, or can no longer say afterwards.
//!
//! Looked at are the flags of the first byte, lengths, the flags of CONNECT, option bytes, packet identifiers of 0, and all
//! properties: which may stand where, how often, with which values. It changes two things that are legal and that the
//! decoder refuses: a message expiry of 0, and an empty client identifier of a session that is not new.

use super::codec::Refusal;
use super::machine::Limits;
use super::packet::{Version, reason};
use super::varint::{self, Read};

/// Control packet types (both standards, table 2.1).
pub(super) mod kind {
    pub(in crate::mqtt) const CONNECT: u8 = 1;
    pub(in crate::mqtt) const PUBLISH: u8 = 3;
    pub(in crate::mqtt) const PUBACK: u8 = 4;
    pub(in crate::mqtt) const PUBREC: u8 = 5;
    pub(in crate::mqtt) const PUBREL: u8 = 6;
    pub(in crate::mqtt) const PUBCOMP: u8 = 7;
    pub(in crate::mqtt) const SUBSCRIBE: u8 = 8;
    pub(in crate::mqtt) const UNSUBSCRIBE: u8 = 10;
    pub(in crate::mqtt) const PINGREQ: u8 = 12;
    pub(in crate::mqtt) const DISCONNECT: u8 = 14;
    pub(in crate::mqtt) const AUTH: u8 = 15;
}

/// What was changed in a packet so that it could be decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Its message, or its will, expires at once: the 0 was written over with 1.
    pub(super) is_expired_at_once: bool,
}

/// What the first packet says of the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    /// A version that is spoken here.
    Known(Version),
    /// MQTT of another level; the form in which a client of it may understand the refusal.
    Unknown(Version),
    /// Not MQTT.
    Foreign,
}

/// Returns which version a CONNECT asks for.
pub(super) fn spoken(frame: &[u8]) -> Spoken {
    let mut cursor = Cursor { frame, at: body_at(frame) };
    let (Ok(name), Ok(level)) = (cursor.octets(), cursor.byte()) else {
        return Spoken::Foreign;
    };
    match (&frame[name.0..name.1], level) {
        (b"MQTT", 4) => Spoken::Known(Version::V3),
        (b"MQTT", 5) => Spoken::Known(Version::V5),
        (b"MQTT", 6..) => Spoken::Unknown(Version::V5),
        (b"MQTT" | b"MQIsdp", _) => Spoken::Unknown(Version::V3),
        _ => Spoken::Foreign,
    }
}

/// Checks a whole packet of a client.
pub(super) fn check(version: Version, frame: &mut [u8], limits: &Limits) -> Result<Marks, Refusal> {
    let at = body_at(frame);
    let (first, length) = (frame[0], frame.len() - at);
    if version == Version::V5 && at != 1 + varint::size(length) {
        return Err(malformed("the remaining length is written with more bytes than it needs"));
    }
    flags(version, first)?;
    let mut cursor = Cursor { frame: &*frame, at };
    let changes = match first >> 4 {
        kind::CONNECT => connect(version, &mut cursor, limits)?,
        kind::PUBLISH => publish(version, first, &mut cursor, limits)?,
        kind::PUBACK | kind::PUBREC | kind::PUBREL | kind::PUBCOMP => {
            acknowledgement(version, &mut cursor, limits)?;
            Changes::default()
        }
        kind::SUBSCRIBE => {
            subscribe(version, &mut cursor, limits)?;
            Changes::default()
        }
        kind::UNSUBSCRIBE => {
            unsubscribe(version, &mut cursor, limits)?;
            Changes::default()
        }
        kind::PINGREQ => {
            if length != 0 {
                return Err(malformed("PINGREQ has a body"));
            }
            Changes::default()
        }
        kind::DISCONNECT => {
            disconnect(version, &mut cursor, limits)?;
            Changes::default()
        }
        kind::AUTH if version == Version::V5 => {
            // Its content is not looked at: AUTH is refused as such.
            Changes::default()
        }
        _ => return Err(protocol("a packet that only a server may send")),
    };
    if let Some(at) = changes.expiry_at {
        frame[at..at + 4].copy_from_slice(&1_u32.to_be_bytes());
    }
    if let Some(at) = changes.clean_start_at {
        // A client without an identifier has no session that could be gone on with.
        frame[at] |= 0b10;
    }
    Ok(Marks { is_expired_at_once: changes.expiry_at.is_some() })
}

/// Where a packet is to be changed.
#[derive(Default)]
struct Changes {
    expiry_at: Option<usize>,
    clean_start_at: Option<usize>,
}

fn body_at(frame: &[u8]) -> usize {
    match varint::read(frame.get(1..).unwrap_or_default()) {
        Read::Number(_, size) => 1 + size,
        Read::Incomplete | Read::TooLong => frame.len(),
    }
}

fn malformed(text: &str) -> Refusal {
    Refusal::new(reason::MALFORMED, text)
}

fn protocol(text: &str) -> Refusal {
    Refusal::new(reason::PROTOCOL, text)
}

/// The lower four bits of the first byte (MQTT-2.2.2-2 of 3.1.1, MQTT-2.1.3-1 of 5), and the bits of PUBLISH.
fn flags(version: Version, first: u8) -> Result<(), Refusal> {
    let flags = first & 0x0F;
    match first >> 4 {
        0 => Err(malformed("packet type 0 does not exist")),
        kind::AUTH if version == Version::V3 => {
            Err(malformed("packet type 15 does not exist in MQTT 3.1.1"))
        }
        kind::PUBLISH if flags & 0b0110 == 0b0110 => Err(malformed("QoS 3 does not exist")),
        kind::PUBLISH if flags & 0b1110 == 0b1000 => {
            Err(malformed("DUP is set at QoS 0, where nothing is sent again"))
        }
        kind::PUBLISH => Ok(()),
        kind::PUBREL | kind::SUBSCRIBE | kind::UNSUBSCRIBE if flags == 0b0010 => Ok(()),
        kind::PUBREL | kind::SUBSCRIBE | kind::UNSUBSCRIBE => {
            Err(malformed("reserved bits of the first byte are not 0010"))
        }
        _ if flags == 0 => Ok(()),
        _ => Err(malformed("reserved bits of the first byte are set")),
    }
}

fn connect(version: Version, cursor: &mut Cursor<'_>, limits: &Limits) -> Result<Changes, Refusal> {
    cursor.octets()?;
    cursor.byte()?;
    let flags_at = cursor.at;
    let flags = cursor.byte()?;
    connect_flags(version, flags)?;
    cursor.skip(2)?;
    let mut changes = Changes::default();
    if version == Version::V5 {
        let seen = properties(cursor, Within::Connect, limits)?;
        if seen.has(0x16) && !seen.has(0x15) {
            return Err(protocol("authentication data without an authentication method"));
        }
    }
    let client = cursor.text()?;
    if version == Version::V5 && client.0 == client.1 && flags & 0b10 == 0 {
        changes.clean_start_at = Some(flags_at);
    }
    if flags & 0b100 != 0 {
        if version == Version::V5 {
            changes.expiry_at = properties(cursor, Within::Will, limits)?.zero_expiry_at;
        }
        cursor.text()?;
        cursor.octets()?;
    }
    if flags & 0x80 != 0 {
        cursor.text()?;
    }
    if flags & 0x40 != 0 {
        cursor.octets()?;
    }
    cursor.end("CONNECT")?;
    Ok(changes)
}

fn connect_flags(version: Version, flags: u8) -> Result<(), Refusal> {
    let has_will = flags & 0b100 != 0;
    if flags & 1 != 0 {
        return Err(malformed("the reserved flag of CONNECT is set"));
    }
    if flags & 0x18 == 0x18 {
        return Err(malformed("a will of QoS 3 does not exist"));
    }
    if !has_will && flags & 0x38 != 0 {
        return Err(malformed("QoS or retain of a will are set, and there is no will"));
    }
    if version == Version::V3 && flags & 0xC0 == 0x40 {
        return Err(malformed("a password without a user name"));
    }
    Ok(())
}

fn publish(
    version: Version,
    first: u8,
    cursor: &mut Cursor<'_>,
    limits: &Limits,
) -> Result<Changes, Refusal> {
    cursor.text()?;
    if first & 0b0110 != 0 {
        cursor.packet()?;
    }
    let mut changes = Changes::default();
    if version == Version::V5 {
        changes.expiry_at = properties(cursor, Within::Publish, limits)?.zero_expiry_at;
    }
    Ok(changes)
}

fn acknowledgement(
    version: Version,
    cursor: &mut Cursor<'_>,
    limits: &Limits,
) -> Result<(), Refusal> {
    cursor.packet()?;
    if version == Version::V5 && !cursor.is_at_end() {
        cursor.byte()?;
        if !cursor.is_at_end() {
            properties(cursor, Within::Acknowledgement, limits)?;
        }
    }
    cursor.end("an acknowledgement")
}

fn subscribe(version: Version, cursor: &mut Cursor<'_>, limits: &Limits) -> Result<(), Refusal> {
    cursor.packet()?;
    if version == Version::V5 {
        properties(cursor, Within::Subscribe, limits)?;
    }
    if cursor.is_at_end() {
        return Err(protocol("SUBSCRIBE without a topic filter"));
    }
    let mut count = 0;
    while !cursor.is_at_end() {
        count += 1;
        filters(count, limits)?;
        cursor.text()?;
        let options = cursor.byte()?;
        let reserved = if version == Version::V5 { 0xC0 } else { 0xFC };
        if options & reserved != 0 {
            return Err(malformed("reserved bits of the subscription options are set"));
        }
        if options & 0b11 == 0b11 {
            return Err(malformed("QoS 3 does not exist"));
        }
        if options & 0x30 == 0x30 {
            return Err(protocol("retain handling 3 does not exist"));
        }
    }
    Ok(())
}

fn unsubscribe(version: Version, cursor: &mut Cursor<'_>, limits: &Limits) -> Result<(), Refusal> {
    cursor.packet()?;
    if version == Version::V5 {
        properties(cursor, Within::Unsubscribe, limits)?;
    }
    if cursor.is_at_end() {
        return Err(protocol("UNSUBSCRIBE without a topic filter"));
    }
    let mut count = 0;
    while !cursor.is_at_end() {
        count += 1;
        filters(count, limits)?;
        cursor.text()?;
    }
    Ok(())
}

/// All filters of a packet are looked at in one step, which holds up everybody.
fn filters(count: usize, limits: &Limits) -> Result<(), Refusal> {
    if limits.filters_max < count {
        return Err(Refusal::new(reason::QUOTA, "more filters in one packet than are taken"));
    }
    Ok(())
}

fn disconnect(version: Version, cursor: &mut Cursor<'_>, limits: &Limits) -> Result<(), Refusal> {
    if version == Version::V5 && !cursor.is_at_end() {
        cursor.byte()?;
        if !cursor.is_at_end() {
            properties(cursor, Within::Disconnect, limits)?;
        }
    }
    cursor.end("DISCONNECT")
}

/// Where properties stand: which there are is different in each packet (MQTT 5, table 2-4).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Connect,
    Will,
    Publish,
    Acknowledgement,
    Subscribe,
    Unsubscribe,
    Disconnect,
}

impl Within {
    fn allows(self, id: u8) -> bool {
        let allowed: &[u8] = match self {
            Self::Connect => &[0x11, 0x15, 0x16, 0x17, 0x19, 0x21, 0x22, 0x26, 0x27],
            Self::Will => &[0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26],
            Self::Publish => &[0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x23, 0x26],
            Self::Acknowledgement => &[0x1F, 0x26],
            Self::Subscribe => &[0x0B, 0x26],
            Self::Unsubscribe => &[0x26],
            Self::Disconnect => &[0x11, 0x1C, 0x1F, 0x26],
        };
        allowed.contains(&id)
    }
}

/// What was found among the properties of one packet.
#[derive(Default)]
struct Seen {
    /// A bit for each identifier; all are below 64.
    ids: u64,
    zero_expiry_at: Option<usize>,
}

impl Seen {
    fn has(&self, id: u8) -> bool {
        self.ids & (1 << id) != 0
    }
}

fn properties(cursor: &mut Cursor<'_>, within: Within, limits: &Limits) -> Result<Seen, Refusal> {
    let length = cursor.number()?;
    if limits.properties_bytes_max < length {
        let limit = limits.properties_bytes_max;
        let text = format!("properties of {length} bytes exceed the limit of {limit}");
        return Err(Refusal::new(reason::TOO_LARGE, &text));
    }
    let end = cursor.at + length;
    if cursor.frame.len() < end {
        return Err(malformed("properties end after the packet"));
    }
    let mut inside = Cursor { frame: &cursor.frame[..end], at: cursor.at };
    let mut seen = Seen::default();
    while !inside.is_at_end() {
        let id = inside.byte()?;
        if !within.allows(id) {
            return Err(malformed(&format!("property {id:#04x} does not belong here")));
        }
        if seen.has(id) && id != USER {
            return Err(protocol(&format!("property {id:#04x} stands twice")));
        }
        seen.ids |= 1 << id;
        property(id, within, &mut inside, &mut seen)?;
    }
    cursor.at = end;
    Ok(seen)
}

const USER: u8 = 0x26;

fn property(
    id: u8,
    within: Within,
    cursor: &mut Cursor<'_>,
    seen: &mut Seen,
) -> Result<(), Refusal> {
    match id {
        // One byte that is 0 or 1: payload format, request problem and response information.
        0x01 | 0x17 | 0x19 => {
            if 1 < cursor.byte()? {
                return Err(protocol(&format!("property {id:#04x} is neither 0 nor 1")));
            }
        }
        // Message expiry.
        0x02 => {
            let at = cursor.at;
            if cursor.four()? == 0 {
                seen.zero_expiry_at = Some(at);
            }
        }
        // Session expiry, will delay.
        0x11 | 0x18 => {
            cursor.four()?;
        }
        // Maximum packet size.
        0x27 => {
            if cursor.four()? == 0 {
                return Err(protocol("a maximum packet size of 0"));
            }
        }
        // Receive maximum.
        0x21 => {
            if cursor.two()? == 0 {
                return Err(protocol("a receive maximum of 0"));
            }
        }
        // Topic alias maximum.
        0x22 => {
            cursor.two()?;
        }
        // Topic alias.
        0x23 => {
            if cursor.two()? == 0 {
                return Err(Refusal::new(reason::ALIAS, "a topic alias of 0"));
            }
        }
        // Subscription identifier.
        0x0B => {
            if within == Within::Publish {
                return Err(protocol("a client sends no subscription identifier with a message"));
            }
            if cursor.number()? == 0 {
                return Err(protocol("a subscription identifier of 0"));
            }
        }
        // Server reference.
        0x1C => return Err(protocol("a client sends no server reference")),
        // Correlation data, authentication data.
        0x09 | 0x16 => {
            cursor.octets()?;
        }
        USER => {
            cursor.text()?;
            cursor.text()?;
        }
        // Content type, response topic, authentication method, reason string.
        _ => {
            cursor.text()?;
        }
    }
    Ok(())
}

/// Reads on in a packet.
struct Cursor<'a> {
    frame: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn is_at_end(&self) -> bool {
        self.at == self.frame.len()
    }

    fn end(&self, what: &str) -> Result<(), Refusal> {
        if self.is_at_end() {
            return Ok(());
        }
        Err(malformed(&format!("{what} has bytes after its end")))
    }

    fn skip(&mut self, count: usize) -> Result<(), Refusal> {
        if self.frame.len() - self.at < count {
            return Err(malformed("the packet ends too early"));
        }
        self.at += count;
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, Refusal> {
        self.skip(1)?;
        Ok(self.frame[self.at - 1])
    }

    fn two(&mut self) -> Result<u16, Refusal> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    fn four(&mut self) -> Result<u32, Refusal> {
        Ok((u32::from(self.two()?) << 16) | u32::from(self.two()?))
    }

    fn number(&mut self) -> Result<usize, Refusal> {
        match varint::read(&self.frame[self.at..]) {
            Read::Number(number, size) if size == varint::size(number as usize) => {
                self.at += size;
                Ok(number as usize)
            }
            Read::Number(..) => Err(malformed("a number is written with more bytes than it needs")),
            Read::Incomplete => Err(malformed("the packet ends too early")),
            Read::TooLong => Err(malformed("a number has more than four bytes")),
        }
    }

    /// Returns from where to where bytes with a length before them stand.
    fn octets(&mut self) -> Result<(usize, usize), Refusal> {
        let length = usize::from(self.two()?);
        let from = self.at;
        self.skip(length)?;
        Ok((from, self.at))
    }

    /// Like [`Cursor::octets`] of a text, which has no U+0000; that it is UTF-8 is the decoder's to say.
    fn text(&mut self) -> Result<(usize, usize), Refusal> {
        let (from, to) = self.octets()?;
        if self.frame[from..to].contains(&0) {
            return Err(malformed("a text holds U+0000"));
        }
        Ok((from, to))
    }

    fn packet(&mut self) -> Result<u16, Refusal> {
        match self.two()? {
            0 => Err(protocol("a packet identifier of 0")),
            packet => Ok(packet),
        }
    }
}
