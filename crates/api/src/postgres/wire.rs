//! The bytes of the protocol: messages in, messages out, within their limits. Nothing that a client sends can make it read beyond
//! its own message or ask for memory that its bytes do not fill.

use super::Error;
use super::encode::Column;
use super::sqlstate::{position, sqlstate};
use base::{Kind, Problem};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Bytes that are read at once.
const READ_BYTES: usize = 16 << 10;
/// Bytes that are kept while a statement runs; a client that sends more waits.
const AHEAD_BYTES_MAX: usize = 64 << 10;

/// A connection below the protocol.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Why a session ends.
#[derive(Debug)]
pub(crate) enum Closed {
    /// The client has gone, or takes nothing.
    Gone,
    /// Something that the client is still told.
    Told(Box<Problem>),
}

impl From<io::Error> for Closed {
    fn from(_error: io::Error) -> Self {
        Self::Gone
    }
}

impl From<Error> for Closed {
    fn from(error: Error) -> Self {
        Self::Told(Box::new(error.into()))
    }
}

/// A message of a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Query(String),
    Parse {
        name: String,
        sql: String,
        types: Vec<u32>,
    },
    Bind(Bind),
    Describe {
        is_portal: bool,
        name: String,
    },
    Execute {
        portal: String,
        rows: i32,
    },
    Close {
        is_portal: bool,
        name: String,
    },
    Flush,
    Sync,
    Terminate,
    Password(Vec<u8>),
    CopyData,
    CopyDone,
    CopyFail,
    /// A call of a function by its number, which nobody needs any more.
    FunctionCall,
}

/// The values of a statement's parameters, and how its result is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bind {
    pub portal: String,
    pub statement: String,
    pub formats: Vec<i16>,
    pub values: Vec<Option<Vec<u8>>>,
    pub results: Vec<i16>,
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// `postgres.protocol`.
    pub(crate) fn read(kind: u8, body: &[u8]) -> Result<Self, Error> {
        let mut body = Body(body);
        let message = match kind {
            b'Q' => Self::Query(body.text()?),
            b'P' => {
                let (name, sql) = (body.text()?, body.text()?);
                let types = body.list(4, |body| Ok(u32::from_be_bytes(body.bytes()?)))?;
                Self::Parse { name, sql, types }
            }
            b'B' => Self::Bind(Bind {
                portal: body.text()?,
                statement: body.text()?,
                formats: body.list(2, |body| Ok(i16::from_be_bytes(body.bytes()?)))?,
                values: body.list(4, Body::value)?,
                results: body.list(2, |body| Ok(i16::from_be_bytes(body.bytes()?)))?,
            }),
            b'D' => Self::Describe { is_portal: body.is_portal()?, name: body.text()? },
            b'C' => Self::Close { is_portal: body.is_portal()?, name: body.text()? },
            b'E' => Self::Execute { portal: body.text()?, rows: i32::from_be_bytes(body.bytes()?) },
            b'H' => Self::Flush,
            b'S' => Self::Sync,
            b'X' => Self::Terminate,
            b'p' => Self::Password(body.rest().to_vec()),
            b'd' => {
                body.rest();
                Self::CopyData
            }
            b'c' => Self::CopyDone,
            b'f' => {
                body.rest();
                Self::CopyFail
            }
            b'F' => {
                body.rest();
                Self::FunctionCall
            }
            other => return Err(malformed(format!("there is none of kind {other:#04x}"))),
        };
        if body.0.is_empty() {
            Ok(message)
        } else {
            Err(malformed("it is longer than what it says"))
        }
    }
}

fn malformed(reason: impl Into<String>) -> Error {
    Error::Protocol { reason: reason.into() }
}

/// What is left of a message.
pub(crate) struct Body<'b>(pub &'b [u8]);

impl<'b> Body<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], Error> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or_else(|| malformed("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn rest(&mut self) -> &'b [u8] {
        std::mem::take(&mut self.0)
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    /// Reads a text that ends with a zero.
    pub(crate) fn text(&mut self) -> Result<String, Error> {
        let end = self.0.iter().position(|byte| *byte == 0);
        let end = end.ok_or_else(|| malformed("a text has no end"))?;
        let text = self.take(end)?;
        self.take(1)?;
        String::from_utf8(text.to_vec()).map_err(|_| malformed("a text is not UTF-8"))
    }

    fn is_portal(&mut self) -> Result<bool, Error> {
        match self.bytes::<1>()? {
            [b'P'] => Ok(true),
            [b'S'] => Ok(false),
            _ => Err(malformed("it names neither a statement nor a portal")),
        }
    }

    /// Reads a list of which each item has so many bytes at least.
    fn list<T>(
        &mut self,
        least: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let count = usize::from(u16::from_be_bytes(self.bytes()?));
        if self.0.len() < count.saturating_mul(least) {
            return Err(malformed("a list is longer than the message"));
        }
        (0..count).map(|_| item(self)).collect()
    }

    pub(crate) fn value(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match i32::from_be_bytes(self.bytes()?) {
            -1 => Ok(None),
            length => {
                let length =
                    usize::try_from(length).map_err(|_| malformed("a length is negative"))?;
                Ok(Some(self.take(length)?.to_vec()))
            }
        }
    }
}

/// A connection that speaks the protocol.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    out: Vec<u8>,
    stall: Duration,
    bytes_max: usize,
    /// Bytes of the messages that came since somebody asked.
    came: u64,
}

impl Wire {
    pub(crate) fn new(stream: Box<dyn Stream>, stall: Duration, bytes_max: usize) -> Self {
        Self { stream, input: Vec::new(), out: Vec::new(), stall, bytes_max, came: 0 }
    }

    /// Returns how many bytes of messages have come since this was asked last.
    pub(crate) fn take_came(&mut self) -> u64 {
        std::mem::take(&mut self.came)
    }

    /// Sets how long a message may be from now on.
    pub(crate) fn set_limit(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// Takes the next message, once it has arrived as a whole. `None` where the client has gone.
    ///
    /// # Errors
    /// [`Closed::Told`] for what is no message or too large; [`Closed::Gone`].
    pub(crate) async fn message(&mut self) -> Result<Option<Message>, Closed> {
        loop {
            if let Some((kind, body)) = self.whole()? {
                return Ok(Some(Message::read(kind, &body)?));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    fn whole(&mut self) -> Result<Option<(u8, Vec<u8>)>, Error> {
        let Some(header) = self.input.first_chunk::<5>() else { return Ok(None) };
        let kind = header[0];
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length < 4 {
            return Err(malformed("its length is less than 4"));
        }
        if self.bytes_max < length {
            return Err(Error::TooLarge { bytes: length, limit: self.bytes_max });
        }
        if self.input.len() < length + 1 {
            return Ok(None);
        }
        let body = self.input[5..=length].to_vec();
        self.input.drain(..=length);
        self.came = self.came.saturating_add(length as u64 + 1);
        Ok(Some((kind, body)))
    }

    /// Reads what has come. Returns false at the end.
    async fn fill(&mut self) -> Result<bool, io::Error> {
        self.input.reserve(READ_BYTES);
        Ok(0 < self.stream.read_buf(&mut self.input).await?)
    }

    /// Comes back when the client has gone; meanwhile it takes what the client sends ahead, within bounds.
    pub(crate) async fn gone(&mut self) {
        loop {
            if AHEAD_BYTES_MAX <= self.input.len() {
                return std::future::pending().await;
            }
            match self.fill().await {
                Ok(true) => {}
                Ok(false) | Err(_) => return,
            }
        }
    }

    /// Adds a message to what is sent next.
    pub(crate) fn put(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        put(&mut self.out, kind, body);
    }

    /// Adds bytes that are messages already.
    pub(crate) fn put_all(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Sends what was put.
    ///
    /// # Errors
    /// [`Closed::Gone`] where the client has gone or takes nothing for too long.
    pub(crate) async fn flush(&mut self) -> Result<(), Closed> {
        let mut rest = self.out.as_slice();
        while !rest.is_empty() {
            let written = timeout(self.stall, self.stream.write(rest)).await;
            match written {
                Ok(Ok(count)) if 0 < count => rest = &rest[count..],
                _ => return Err(Closed::Gone),
            }
        }
        self.out.clear();
        timeout(self.stall, self.stream.flush()).await.map_err(|_| Closed::Gone)??;
        Ok(())
    }

    /// Returns how many bytes wait to be sent.
    pub(crate) fn waiting(&self) -> usize {
        self.out.len()
    }

    /// Ends the connection.
    pub(crate) async fn close(mut self) {
        // A client that has gone does not mind how its connection ends.
        let _ = self.flush().await;
        let _ = timeout(self.stall, self.stream.shutdown()).await;
    }

    /// Tells a problem.
    pub(crate) fn refuse(
        &mut self,
        problem: &Problem,
        severity: Severity,
        text: Option<(&str, usize)>,
    ) {
        let place = text.and_then(|(statement, before)| position(problem, statement, before));
        self.put(severity.kind(), |out| {
            field(out, b'S', severity.word());
            field(out, b'V', severity.word());
            field(out, b'C', severity.state().unwrap_or_else(|| sqlstate(problem)));
            field(out, b'M', &problem.message);
            if problem.kind != Kind::Internal {
                field(out, b'D', &detail(problem));
            }
            if let Some(hint) = &problem.hint {
                field(out, b'H', hint);
            }
            if let Some(place) = place {
                field(out, b'P', &place.to_string());
            }
            out.push(0);
        });
    }
}

/// Returns what stands beside the message of a problem: its code, and when it is worth repeating where that is known.
fn detail(problem: &Problem) -> String {
    match problem.retry_ms {
        Some(ms) => format!("code: {}, retry_ms: {ms}", problem.code),
        None => format!("code: {}", problem.code),
    }
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Warning,
    Error,
    Fatal,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }

    fn kind(self) -> u8 {
        if self == Self::Warning { b'N' } else { b'E' }
    }

    fn state(self) -> Option<&'static str> {
        (self == Self::Warning).then_some("01000")
    }
}

/// Writes a message.
pub(crate) fn put(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind);
    let start = out.len();
    out.extend([0; 4]);
    body(out);
    // A single message is far below 4 GiB: values are bounded long before.
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Writes a text that ends with a zero. A zero inside would end it.
pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().filter(|byte| *byte != 0));
    out.push(0);
}

fn field(out: &mut Vec<u8>, kind: u8, value: &str) {
    out.push(kind);
    text(out, value);
}

/// Writes the columns of a result.
pub(crate) fn row_description(out: &mut Vec<u8>, columns: &[Column], formats: &Formats) {
    put(out, b'T', |out| {
        out.extend(u16::try_from(columns.len()).unwrap_or(u16::MAX).to_be_bytes());
        for (number, column) in columns.iter().enumerate() {
            text(out, &column.name);
            // Neither the table nor the place in it: a column may come from anywhere.
            out.extend(0_u32.to_be_bytes());
            out.extend(0_u16.to_be_bytes());
            out.extend(column.kind.oid.to_be_bytes());
            out.extend(column.kind.bytes.to_be_bytes());
            out.extend(column.modifier.to_be_bytes());
            out.extend(u16::from(formats.is_binary(number)).to_be_bytes());
        }
    });
}

/// Which columns are wanted in binary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Formats(Vec<i16>);

impl Formats {
    /// Reads the formats of a message: none, one for all, or one for each.
    ///
    /// # Errors
    /// `postgres.protocol`.
    pub(crate) fn new(codes: Vec<i16>) -> Result<Self, Error> {
        match codes.iter().all(|code| *code == 0 || *code == 1) {
            true => Ok(Self(codes)),
            false => Err(malformed("a format is neither text nor binary")),
        }
    }

    pub(crate) fn is_binary(&self, number: usize) -> bool {
        match self.0.as_slice() {
            [] => false,
            [all] => *all == 1,
            each => each.get(number) == Some(&1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_within_their_bounds() {
        assert_eq!(
            Message::read(b'Q', b"SELECT 1\0").ok(),
            Some(Message::Query("SELECT 1".into()))
        );
        let parse = Message::read(b'P', b"s\0SELECT $1\0\0\x01\0\0\0\x17");
        let expected =
            Message::Parse { name: "s".into(), sql: "SELECT $1".into(), types: vec![23] };
        assert_eq!(parse.ok(), Some(expected));
        let bind = Message::read(b'B', b"\0s\0\0\0\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\x01\0\x01");
        let expected = Bind {
            portal: String::new(),
            statement: "s".into(),
            formats: Vec::new(),
            values: vec![Some(b"x".to_vec()), None],
            results: vec![1],
        };
        assert_eq!(bind.ok(), Some(Message::Bind(expected)));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let refused = |kind: u8, body: &[u8]| Message::read(kind, body).is_err();
        assert!(refused(b'Q', b"SELECT 1"));
        assert!(refused(b'Q', b"SELECT 1\0more"));
        assert!(refused(b'Q', b"\xff\xfe\0"));
        assert!(refused(b'P', b"\0\0\xff\xff"));
        assert!(refused(b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff"));
        assert!(refused(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xf0"));
        assert!(refused(b'D', b"Xname\0"));
        assert!(refused(b'?', b""));
    }
}
