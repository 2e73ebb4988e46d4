//! A small client of MQTT that waits: for `craton device simulate`, measurements and tests. It speaks 3.1.1 and 5 over any stream.
//!
//! Messages are sent in the background of whoever publishes: so many at most are without acknowledgement, then it waits.

use crate::Error;
use crate::mqtt::{Encoded, Head, Qos, Version};
use base::Problem;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::collections::{BTreeSet, VecDeque};
use std::io::{ErrorKind, Read, Write};

/// What is read at once, and what is gathered before it is written.
const CHUNK_BYTES: usize = 32 << 10;

/// The largest packet that is read.
const PACKET_BYTES_MAX: usize = 16 << 20;

/// A message of telemetry whose rows break the schema of their stream: they are kept, and it counts as taken.
const SET_ASIDE: u8 = 0x99;

/// How a client connects.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The version that it speaks.
    pub version: Version,
    /// Its client identifier; where empty the unit gives one.
    pub client: &'a str,
    /// Its user name.
    pub user: Option<&'a str>,
    /// Its token.
    pub password: Option<&'a [u8]>,
    /// Whether what is known of its session is forgotten first.
    pub is_clean: bool,
    /// Seconds that its session outlives the connection, in MQTT 5.
    pub expiry: u32,
    /// Seconds within which it promises to say something; 0: it does not.
    pub keep_alive: u16,
    /// How many messages may be without acknowledgement.
    pub window: u16,
    /// What is published when it is gone without a word: topic and payload.
    pub will: Option<(&'a str, &'a [u8])>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            version: Version::V5,
            client: "",
            user: None,
            password: None,
            is_clean: true,
            expiry: 0,
            keep_alive: 0,
            window: 100,
            will: None,
        }
    }
}

/// What comes from the unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A message.
    Message(Message),
    /// A message of this client is kept, or refused where the code is 0x80 or above.
    Acked {
        /// Its packet identifier.
        packet: u16,
        /// The reason code; 0 in 3.1.1.
        code: u8,
        /// The reason in words.
        reason: Option<String>,
    },
    /// What became of each filter.
    Subscribed {
        /// The packet identifier.
        packet: u16,
        /// A code for each.
        codes: Vec<u8>,
    },
    /// The answer to a ping.
    Pong,
    /// The unit ends the connection.
    End {
        /// The reason code.
        code: u8,
        /// The reason in words.
        reason: Option<String>,
    },
}

/// A message for this client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic's name.
    pub topic: String,
    /// What it carries.
    pub payload: Vec<u8>,
    /// Its quality of service.
    pub qos: u8,
    /// Whether it was retained.
    pub retain: bool,
    /// Whether it may have been sent before.
    pub is_dup: bool,
    /// Where an answer is wanted.
    pub response_topic: Option<String>,
}

/// A client.
pub struct Client<S> {
    stream: S,
    version: Version,
    is_present: bool,
    window: usize,
    input: BytesMut,
    out: BytesMut,
    packet: u16,
    /// Messages that are not acknowledged.
    open: BTreeSet<u16>,
    /// Incoming QoS 2 that is not released.
    received: BTreeSet<u16>,
    /// What came while something else was waited for.
    waiting: VecDeque<Incoming>,
    set_aside: u64,
}

impl<S: Read + Write> Client<S> {
    /// Connects over a stream.
    ///
    /// # Errors
    /// `mqtt.connection` where it breaks; `mqtt.protocol` with the reason where the client is not let in.
    pub fn connect(stream: S, options: Options<'_>) -> Result<Self, Problem> {
        let mut client = Self {
            stream,
            version: options.version,
            is_present: false,
            window: usize::from(options.window.max(1)),
            input: BytesMut::new(),
            out: BytesMut::new(),
            packet: 0,
            open: BTreeSet::new(),
            received: BTreeSet::new(),
            waiting: VecDeque::new(),
            set_aside: 0,
        };
        client.put_connect(&options);
        client.write()?;
        let (first, mut body) = client.read()?;
        let (is_present, code) = match (first >> 4, body.byte(), body.byte()) {
            (2, Some(flags), Some(code)) => (flags & 1 == 1, code),
            _ => return Err(damaged()),
        };
        let said = client.properties(&mut body).ok_or_else(damaged)?;
        if code != 0 {
            return Err(refused("the client", code, said.reason));
        }
        client.is_present = is_present;
        if let Some(most) = said.receive_max {
            client.window = client.window.min(usize::from(most.max(1)));
        }
        Ok(client)
    }

    /// Returns whether the unit goes on with a session of before.
    pub fn is_present(&self) -> bool {
        self.is_present
    }

    /// Returns how many messages had rows that were set aside, as far as that was told.
    pub fn set_aside(&self) -> u64 {
        self.set_aside
    }

    /// Publishes a message; waits where too many are not acknowledged. Returns its packet identifier, 0 at QoS 0.
    ///
    /// # Errors
    /// `mqtt.connection`; `mqtt.protocol` where an earlier message was refused.
    pub fn publish(&mut self, topic: &str, payload: &[u8], qos: u8) -> Result<u16, Problem> {
        self.send(topic, payload, qos, false)
    }

    /// Publishes a message that is kept for those who subscribe later.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn retain(&mut self, topic: &str, payload: &[u8], qos: u8) -> Result<u16, Problem> {
        self.send(topic, payload, qos, true)
    }

    /// Sends all that was published, and waits until it is acknowledged.
    ///
    /// # Errors
    /// `mqtt.connection`; `mqtt.protocol` where a message was refused.
    pub fn flush(&mut self) -> Result<(), Problem> {
        self.write()?;
        while !self.open.is_empty() {
            self.acknowledged()?;
        }
        Ok(())
    }

    /// Subscribes to a filter, and waits until that is granted.
    ///
    /// # Errors
    /// `mqtt.connection`; `mqtt.protocol` where it is refused.
    pub fn subscribe(&mut self, filter: &str, qos: u8) -> Result<(), Problem> {
        let packet = self.identifier();
        let mut body = BytesMut::new();
        body.put_u16(packet);
        if self.version == Version::V5 {
            body.put_u8(0);
        }
        put_text(&mut body, filter.as_bytes());
        body.put_u8(qos);
        self.put(0x82, &body);
        self.write()?;
        let mut others = VecDeque::new();
        let codes = loop {
            match self.next()? {
                Incoming::Subscribed { packet: of, codes } if of == packet => break codes,
                Incoming::End { code, reason } => return Err(ended(code, reason)),
                other => others.push_back(other),
            }
        };
        others.append(&mut self.waiting);
        self.waiting = others;
        match codes.first() {
            Some(code) if *code < 0x80 => Ok(()),
            code => Err(refused("the subscription", code.copied().unwrap_or(0x80), None)),
        }
    }

    /// Asks whether the unit is there: [`Incoming::Pong`] is the answer.
    ///
    /// # Errors
    /// `mqtt.connection`.
    pub fn ping(&mut self) -> Result<(), Problem> {
        self.put(0xC0, &[]);
        self.write()
    }

    /// Waits for what comes next. What has to be acknowledged is.
    ///
    /// # Errors
    /// `mqtt.connection` where nothing comes any more; `mqtt.protocol` where it is no MQTT.
    #[allow(clippy::should_implement_trait, reason = "what it fails with is of interest")]
    pub fn next(&mut self) -> Result<Incoming, Problem> {
        self.write()?;
        if let Some(incoming) = self.waiting.pop_front() {
            return Ok(incoming);
        }
        loop {
            let found = self.take()?;
            self.write()?;
            if let Some(incoming) = found {
                return Ok(incoming);
            }
        }
    }

    /// Waits until something has come, as long as the stream waits for bytes and no longer; [`Client::heard`] returns the messages.
    ///
    /// # Errors
    /// `mqtt.connection`; `mqtt.protocol` where an earlier message was refused.
    pub fn listen(&mut self) -> Result<(), Problem> {
        self.write()?;
        while self.waiting.is_empty() {
            if self.whole()?.is_some() {
                self.acknowledged()?;
                continue;
            }
            match self.fill() {
                Ok(()) => {}
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Ok(()),
                    _ => return Err(broken(error)),
                },
            }
        }
        Ok(())
    }

    /// Returns the next message that came while something else was waited for.
    pub fn heard(&mut self) -> Option<Message> {
        while let Some(incoming) = self.waiting.pop_front() {
            if let Incoming::Message(message) = incoming {
                return Some(message);
            }
        }
        None
    }

    /// Returns the stream, to say how long it waits for bytes.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Says good-bye: its will is not published.
    ///
    /// # Errors
    /// `mqtt.connection`.
    pub fn disconnect(mut self) -> Result<(), Problem> {
        self.put(0xE0, &[]);
        self.write()
    }

    fn send(&mut self, topic: &str, payload: &[u8], qos: u8, retain: bool) -> Result<u16, Problem> {
        let qos = Qos::try_from(qos).map_err(|reason| Error::Protocol { reason })?;
        while qos != Qos::AtMostOnce && self.window <= self.open.len() {
            self.write()?;
            self.acknowledged()?;
        }
        let packet = if qos == Qos::AtMostOnce { 0 } else { self.identifier() };
        let head = Head { qos, is_dup: false, retain, packet, ids: &[], expiry_secs: None };
        Encoded::new(self.version, topic, None, payload).write(&mut self.out, head);
        if packet != 0 {
            self.open.insert(packet);
        }
        if CHUNK_BYTES <= self.out.len() {
            self.write()?;
        }
        Ok(packet)
    }

    /// Takes what comes while acknowledgements are waited for; messages stay for [`Client::next`].
    fn acknowledged(&mut self) -> Result<(), Problem> {
        let found = self.take()?;
        self.write()?;
        match found {
            Some(Incoming::Acked { code: SET_ASIDE, .. }) => self.set_aside += 1,
            Some(Incoming::Acked { code, reason, .. }) if 0x80 <= code => {
                return Err(refused("a message", code, reason));
            }
            Some(Incoming::End { code, reason }) => return Err(ended(code, reason)),
            Some(Incoming::Acked { .. }) | None => {}
            Some(other) => self.waiting.push_back(other),
        }
        Ok(())
    }

    fn identifier(&mut self) -> u16 {
        loop {
            self.packet = self.packet.checked_add(1).unwrap_or(1);
            // The window is far smaller than what there is of them.
            if !self.open.contains(&self.packet) {
                return self.packet;
            }
        }
    }

    /// Reads one packet and does what it asks for; returns what somebody wants to know.
    fn take(&mut self) -> Result<Option<Incoming>, Problem> {
        let (first, mut body) = self.read()?;
        if first >> 4 == 14 {
            // A DISCONNECT that says nothing is one that says all is well.
            let code = body.byte().unwrap_or(0);
            let said = self.properties(&mut body).unwrap_or_default();
            return Ok(Some(Incoming::End { code, reason: said.reason }));
        }
        self.packet(first, &mut body).ok_or_else(damaged)
    }

    /// Nothing where the packet is none.
    fn packet(&mut self, first: u8, body: &mut Body) -> Option<Option<Incoming>> {
        if first >> 4 == 3 {
            return self.message(first, body);
        }
        if first >> 4 == 13 {
            return Some(Some(Incoming::Pong));
        }
        let packet = body.number()?;
        match first >> 4 {
            4 | 5 | 7 => {
                let code = body.byte().unwrap_or(0);
                if first >> 4 == 5 && code < 0x80 {
                    self.put(0x62, &packet.to_be_bytes());
                    return Some(None);
                }
                let reason = self.properties(body).unwrap_or_default().reason;
                let is_its = self.open.remove(&packet);
                Some(is_its.then_some(Incoming::Acked { packet, code, reason }))
            }
            6 => {
                self.received.remove(&packet);
                self.put(0x70, &packet.to_be_bytes());
                Some(None)
            }
            9 => {
                self.properties(body)?;
                Some(Some(Incoming::Subscribed { packet, codes: body.0.to_vec() }))
            }
            _ => None,
        }
    }

    fn message(&mut self, first: u8, body: &mut Body) -> Option<Option<Incoming>> {
        let qos = (first >> 1) & 0b11;
        let topic = body.text()?;
        let packet = if qos == 0 { 0 } else { body.number()? };
        let said = self.properties(body)?;
        let is_new = match qos {
            0 => true,
            1 => {
                self.put(0x40, &packet.to_be_bytes());
                true
            }
            _ => {
                self.put(0x50, &packet.to_be_bytes());
                self.received.insert(packet)
            }
        };
        let (retain, is_dup) = (first & 1 == 1, first & 0b1000 != 0);
        let payload = body.0.to_vec();
        let response_topic = said.response_topic;
        let message = Message { topic, payload, qos, retain, is_dup, response_topic };
        Some(is_new.then_some(Incoming::Message(message)))
    }

    /// Takes the properties that stand here, where the version has them and there is something left.
    fn properties(&self, body: &mut Body) -> Option<Said> {
        if self.version == Version::V3 || body.0.is_empty() {
            return Some(Said::default());
        }
        let length = body.varint()?;
        Body(body.part(length)?).said()
    }

    fn put_connect(&mut self, options: &Options<'_>) {
        let Options { client, user, password, is_clean, keep_alive, will, .. } = *options;
        let is_v5 = self.version == Version::V5;
        let mut body = BytesMut::new();
        put_text(&mut body, b"MQTT");
        body.put_u8(if is_v5 { 5 } else { 4 });
        let flags = [(is_clean, 0x02), (will.is_some(), 0x04)];
        let named = [(password.is_some(), 0x40), (user.is_some() || password.is_some(), 0x80)];
        let set = flags.into_iter().chain(named).filter(|(is_set, _)| *is_set);
        body.put_u8(set.fold(0, |all, (_, flag)| all | flag));
        body.put_u16(keep_alive);
        if is_v5 {
            body.put_u8(5);
            body.put_u8(0x11);
            body.put_u32(options.expiry);
        }
        put_text(&mut body, client.as_bytes());
        if let Some((topic, payload)) = will {
            if is_v5 {
                body.put_u8(0);
            }
            put_text(&mut body, topic.as_bytes());
            put_text(&mut body, payload);
        }
        // 3.1.1 takes no password without a user name; an empty one says nothing.
        if user.is_some() || password.is_some() {
            put_text(&mut body, user.unwrap_or_default().as_bytes());
        }
        if let Some(password) = password {
            put_text(&mut body, password);
        }
        self.put(0x10, &body);
    }

    fn put(&mut self, first: u8, body: &[u8]) {
        self.out.put_u8(first);
        let mut length = body.len();
        loop {
            let byte = u8::try_from(length & 0x7F).unwrap_or(0);
            length >>= 7;
            self.out.put_u8(if length == 0 { byte } else { byte | 0x80 });
            if length == 0 {
                break;
            }
        }
        self.out.put_slice(body);
    }

    fn write(&mut self) -> Result<(), Problem> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.stream.write_all(&self.out).and_then(|()| self.stream.flush()).map_err(broken)?;
        self.out.clear();
        Ok(())
    }

    /// Reads one packet: its first byte, and what is behind its length.
    fn read(&mut self) -> Result<(u8, Body), Problem> {
        loop {
            if let Some((start, length)) = self.whole()? {
                let packet = self.input.split_to(start + length).freeze();
                let first = packet.first().copied().unwrap_or(0);
                return Ok((first, Body(packet.slice(start..))));
            }
            self.fill().map_err(broken)?;
        }
    }

    /// Reads what there is, or waits for it.
    fn fill(&mut self) -> std::io::Result<()> {
        let mut chunk = [0; CHUNK_BYTES];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(std::io::Error::new(ErrorKind::UnexpectedEof, "the unit has closed it")),
            Ok(count) => {
                self.input.extend_from_slice(chunk.get(..count).unwrap_or_default());
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Returns where the body of the first packet begins and how long it is, where all of it is there.
    fn whole(&self) -> Result<Option<(usize, usize)>, Problem> {
        let mut rest = Body(Bytes::copy_from_slice(
            self.input.get(1..5).unwrap_or_else(|| self.input.get(1..).unwrap_or_default()),
        ));
        let before = rest.0.len();
        let Some(length) = rest.varint() else {
            return if before < 4 { Ok(None) } else { Err(damaged()) };
        };
        if PACKET_BYTES_MAX < length {
            return Err(damaged());
        }
        let start = 1 + before - rest.0.len();
        Ok((start + length <= self.input.len()).then_some((start, length)))
    }
}

fn put_text(body: &mut BytesMut, text: &[u8]) {
    body.put_u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
    body.put_slice(text.get(..usize::from(u16::MAX)).unwrap_or(text));
}

fn broken(error: std::io::Error) -> Problem {
    Error::Connection { reason: error.to_string() }.into()
}

fn damaged() -> Problem {
    Error::Protocol { reason: "what the unit says is no MQTT".into() }.into()
}

fn ended(code: u8, reason: Option<String>) -> Problem {
    let reason = reason.unwrap_or_else(|| "the unit has ended it".into());
    Error::Connection { reason: format!("{reason} (0x{code:02X})") }.into()
}

fn refused(what: &str, code: u8, reason: Option<String>) -> Problem {
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    Error::Protocol { reason: format!("{what} was refused with 0x{code:02X}{reason}") }.into()
}

/// What the properties of a packet say that this client looks at.
#[derive(Debug, Default)]
struct Said {
    reason: Option<String>,
    receive_max: Option<u16>,
    response_topic: Option<String>,
}

/// What is left of a packet.
struct Body(Bytes);

impl Body {
    fn byte(&mut self) -> Option<u8> {
        self.0.has_remaining().then(|| self.0.get_u8())
    }

    fn number(&mut self) -> Option<u16> {
        (2 <= self.0.len()).then(|| self.0.get_u16())
    }

    fn part(&mut self, length: usize) -> Option<Bytes> {
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }

    fn text(&mut self) -> Option<String> {
        let length = self.number()?;
        let part = self.part(usize::from(length))?;
        String::from_utf8(part.to_vec()).ok()
    }

    /// A variable byte integer (MQTT 5, 1.5.5).
    fn varint(&mut self) -> Option<usize> {
        let mut number = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Reads all as properties (MQTT 5, table 2-4).
    fn said(mut self) -> Option<Said> {
        let mut said = Said::default();
        while let Some(property) = self.byte() {
            match property {
                0x08 => said.response_topic = Some(self.text()?),
                0x1F => said.reason = Some(self.text()?),
                0x21 => said.receive_max = Some(self.number()?),
                0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2A => {
                    self.byte()?;
                }
                0x13 | 0x22 | 0x23 => {
                    self.number()?;
                }
                0x02 | 0x11 | 0x18 | 0x27 => {
                    self.part(4)?;
                }
                0x0B => {
                    self.varint()?;
                }
                0x03 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1A | 0x1C => {
                    let length = self.number()?;
                    self.part(usize::from(length))?;
                }
                0x26 => {
                    self.text()?;
                    self.text()?;
                }
                _ => return None,
            }
        }
        Some(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Cursor};

    /// A unit that has said all that it will say.
    struct Script {
        says: Cursor<Vec<u8>>,
        hears: Vec<u8>,
    }

    impl Read for Script {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            // One byte at a time: packets come as they like.
            let into = into.get_mut(..1).unwrap_or_default();
            self.says.read(into)
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.hears.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn client(version: Version, says: &[&[u8]]) -> Result<Client<Script>, Problem> {
        let script = Script { says: Cursor::new(says.concat()), hears: Vec::new() };
        Client::connect(script, Options { version, client: "c", ..Options::default() })
    }

    const WELCOME_3: &[u8] = &[0x20, 2, 0, 0];
    const WELCOME_5: &[u8] = &[0x20, 6, 1, 0, 3, 0x21, 0, 2];

    #[test]
    fn a_welcome_is_taken_and_a_refusal_is_told() {
        let three = client(Version::V3, &[WELCOME_3]).expect("let in");
        assert!(!three.is_present());
        assert_eq!(three.stream.hears, b"\x10\x0D\0\x04MQTT\x04\x02\0\0\0\x01c");
        let five = client(Version::V5, &[WELCOME_5]).expect("let in");
        assert_eq!((five.is_present(), five.window), (true, 2));
        let problem = client(Version::V5, &[&[0x20, 3, 0, 0x87, 0]]).err().expect("refused");
        assert_eq!(problem.message, "the client was refused with 0x87");
        assert!(client(Version::V3, &[]).is_err());
    }

    #[test]
    fn both_exchanges_are_gone_through_and_messages_wait() {
        let says: [&[u8]; 5] = [
            WELCOME_5,
            // A message of QoS 1, while acknowledgements are waited for.
            &[0x32, 8, 0, 1, b'a', 0, 9, 0, b'h', b'i'],
            &[0x40, 2, 0, 1],
            &[0x50, 2, 0, 2],
            &[0x70, 2, 0, 2],
        ];
        let mut client = client(Version::V5, &says).expect("let in");
        assert_eq!(client.publish("t", b"x", 1), Ok(1));
        assert_eq!(client.publish("t", b"y", 2), Ok(2));
        client.flush().expect("all is acknowledged");
        assert!(client.stream.hears.ends_with(&[0x40, 2, 0, 9, 0x62, 2, 0, 2]));
        let message = Message {
            topic: "a".into(),
            payload: b"hi".to_vec(),
            qos: 1,
            retain: false,
            is_dup: false,
            response_topic: None,
        };
        assert_eq!(client.next(), Ok(Incoming::Message(message)));
        assert_eq!(client.next().err().map(|problem| problem.code), Some("mqtt.connection".into()));
    }

    #[test]
    fn what_is_set_aside_is_counted_and_what_is_refused_is_told() {
        let refused = [0x40, 8, 0, 2, 0x87, 4, 0x1F, 0, 1, b'n'];
        let says: [&[u8]; 3] = [WELCOME_5, &[0x40, 4, 0, 1, 0x99, 0], &refused];
        let mut client = client(Version::V5, &says).expect("let in");
        assert_eq!(client.publish("t", b"x", 1), Ok(1));
        client.flush().expect("it is kept");
        assert_eq!(client.set_aside(), 1);
        assert_eq!(client.publish("t", b"x", 1), Ok(2));
        let problem = client.flush().expect_err("refused");
        assert_eq!(problem.message, "a message was refused with 0x87: n");
    }

    /// A unit that says something now and then; where it says nothing the time of reading is up.
    struct Slow(VecDeque<Option<&'static [u8]>>);

    impl Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.pop_front() {
                Some(Some(mut part)) => part.read(into),
                Some(None) => Err(ErrorKind::WouldBlock.into()),
                None => Ok(0),
            }
        }
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_listens_hears_what_comes_in_time_also_in_parts() {
        let parts: [&[u8]; 2] = [&[0x32, 8, 0, 1], &[b'a', 0, 9, 0, b'h', b'i']];
        let says = [Some(WELCOME_5), None, Some(parts[0]), None, Some(parts[1])];
        let options = Options { client: "c", ..Options::default() };
        let mut client = Client::connect(Slow(VecDeque::from(says)), options).expect("let in");
        for _ in 0..2 {
            client.listen().expect("the time is up");
            assert_eq!(client.heard(), None);
        }
        client.listen().expect("something comes");
        let heard = client.heard().expect("a message");
        assert_eq!((heard.topic.as_str(), heard.payload.as_slice()), ("a", &b"hi"[..]));
        let closed = client.listen().expect_err("it is closed");
        assert_eq!(closed.code, "mqtt.connection");
    }

    #[test]
    fn whatever_comes_is_taken_or_refused() {
        let mut bytes = Vec::new();
        // Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
        let mut state = 7_u64;
        for _ in 0..4_000 {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            bytes.push((mixed >> 40) as u8);
            let says = [WELCOME_5, &bytes[bytes.len().saturating_sub(40)..]];
            let mut client = client(Version::V5, &says).expect("let in");
            while client.next().is_ok() {}
        }
    }
}
