//! Reads the rows of a text file one after the other, with the line at which each begins. Parquet has a reader of its own.
//!
//! CSV is read here rather than by the crate `csv`: that one counts lines wrongly where they end in CR LF, and it reads on without
//! a limit where a quote is not closed.

use super::error::Error;
use super::limits::RECORD_BYTES_MAX;
use super::name::column_names;
use super::source::{Form, Source};
use base::{Place, Problem};
use indicatif::ProgressBar;
use std::io::BufRead;

/// The mark with which some programs begin a file of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// What a row holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The cells of a line of CSV, as many as the header has.
    Cells(Vec<String>),
    /// A line of NDJSON; whether it is JSON has not been looked at.
    Line(String),
}

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line at which it begins, from 1.
    pub line: u64,
    /// What it holds, or why it cannot be read.
    pub content: Result<Content, String>,
}

/// Reads the rows of a file.
pub struct Rows<'s> {
    source: &'s Source,
    lines: Lines,
    delimiter: u8,
    header: Vec<String>,
}

impl<'s> Rows<'s> {
    /// Opens a file and reads its header where it has one.
    ///
    /// # Errors
    /// `cli.file`; `import.empty` where CSV has no header, `import.columns` where it cannot be read.
    pub fn open(source: &'s Source, delimiter: u8, bar: &ProgressBar) -> Result<Self, Problem> {
        let lines = Lines { input: source.open(bar)?, next: 1 };
        let mut rows = Self { source, lines, delimiter, header: Vec::new() };
        rows.lines.skip_mark().map_err(|error| source.unreadable(error))?;
        if source.form == Form::Csv {
            rows.read_header()?;
        }
        Ok(rows)
    }

    /// Returns the names of the columns, in order; none for NDJSON.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Returns the next row, nothing at the end of the file.
    ///
    /// # Errors
    /// `cli.file` where the file cannot be read.
    pub fn read(&mut self) -> Result<Option<Row>, Problem> {
        let read = match self.source.form {
            Form::Lines | Form::Parquet => self.lines.line(),
            Form::Csv => self.lines.record(self.delimiter).map(|record| {
                let (line, cells) = record?;
                let content = cells.and_then(|cells| self.fitting(cells)).map(Content::Cells);
                Some(Row { line, content })
            }),
        };
        read.map_err(|error| self.source.unreadable(error))
    }

    fn read_header(&mut self) -> Result<(), Problem> {
        let read = self.lines.record(self.delimiter);
        let record = read.map_err(|error| self.source.unreadable(error))?;
        let Some((line, cells)) = record else {
            return Err(Error::empty(&self.source.shown, "it has no header").into());
        };
        let cells = cells.and_then(|cells| cells.into_iter().map(text).collect());
        let titles: Vec<String> = cells.map_err(|reason: String| Error::Columns {
            reason: format!("the header cannot be read: {reason}"),
            place: Some(place_of(self.source, line)),
            hint: Some("the first line of a CSV file names its columns".into()),
        })?;
        self.header = column_names(&titles);
        Ok(())
    }

    /// Returns cells as text where they are as many as the header has.
    fn fitting(&self, cells: Vec<Vec<u8>>) -> Result<Vec<String>, String> {
        let (found, expected) = (cells.len(), self.header.len());
        if found != expected {
            return Err(format!("the line has {found} fields, the header has {expected}"));
        }
        let named = cells.into_iter().zip(&self.header);
        named
            .map(|(cell, name)| text(cell).map_err(|reason| format!("column `{name}`: {reason}")))
            .collect()
    }
}

/// Returns the place of a line of a file, or of a row of a Parquet file.
pub fn place_of(source: &Source, line: u64) -> Place {
    let line = u32::try_from(line).ok();
    Place { line, ..Place::default() }.in_file(source.shown.clone())
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| "this is not UTF-8".into())
}

/// The cells of a record, or why they cannot be told apart, and the line at which it begins.
type Record = (u64, Result<Vec<Vec<u8>>, String>);

/// The lines of a file.
struct Lines {
    input: Box<dyn BufRead>,
    /// The number of the line that is read next, from 1.
    next: u64,
}

impl Lines {
    fn skip_mark(&mut self) -> std::io::Result<()> {
        if self.input.fill_buf()?.starts_with(MARK) {
            self.input.consume(MARK.len());
        }
        Ok(())
    }

    /// Appends the next line with its line end to `out`; false at the end of the file. Of what is too long, one byte more than
    /// the limit is kept.
    fn append(&mut self, out: &mut Vec<u8>) -> std::io::Result<bool> {
        let mut is_there = false;
        loop {
            let bytes = self.input.fill_buf()?;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let count = end.map_or(bytes.len(), |end| end + 1);
            let room = (RECORD_BYTES_MAX + 1).saturating_sub(out.len());
            out.extend_from_slice(&bytes[..count.min(room)]);
            self.input.consume(count);
            is_there |= 0 < count;
            if end.is_some() || count == 0 {
                self.next += u64::from(is_there);
                return Ok(is_there);
            }
        }
    }

    /// Returns the next line that is not blank, as a row of NDJSON.
    fn line(&mut self) -> std::io::Result<Option<Row>> {
        loop {
            let line = self.next;
            let mut bytes = Vec::new();
            if !self.append(&mut bytes)? {
                return Ok(None);
            }
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let is_long = RECORD_BYTES_MAX < bytes.len();
            let bytes = bytes.trim_ascii().to_vec();
            let content = if is_long { Err(too_long(line, line)) } else { text(bytes) };
            return Ok(Some(Row { line, content: content.map(Content::Line) }));
        }
    }

    /// Returns the next record of CSV that is not blank. A quoted cell may hold line ends.
    fn record(&mut self, delimiter: u8) -> std::io::Result<Option<Record>> {
        let mut line = self.next;
        let mut cells = Cells::new(delimiter);
        let mut bytes = Vec::new();
        loop {
            let from = bytes.len();
            if !self.append(&mut bytes)? {
                let reason = "a quote is not closed before the end of the file";
                return Ok((0 < from).then(|| (line, Err(reason.into()))));
            }
            if RECORD_BYTES_MAX < bytes.len() {
                return Ok(Some((line, Err(too_long(line, self.next - 1)))));
            }
            if matches!(bytes.as_slice(), b"\n" | b"\r\n") {
                bytes.clear();
                line = self.next;
                continue;
            }
            if cells.take_line(&bytes[from..]) {
                return Ok(Some((line, Ok(cells.list))));
            }
        }
    }
}

fn too_long(first: u64, last: u64) -> String {
    let limit = RECORD_BYTES_MAX;
    if first == last {
        return format!("the line has more than {limit} bytes");
    }
    format!(
        "lines {first} to {last} are one row of more than {limit} bytes: is a quote not closed?"
    )
}

/// Takes a record of CSV apart, byte by byte (RFC 4180).
struct Cells {
    delimiter: u8,
    state: State,
    list: Vec<Vec<u8>>,
}

/// Where in a record the next byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of a cell.
    Start,
    /// In a cell without quotes, where a quote is a sign as any other.
    Plain,
    /// Between quotes.
    Quoted,
    /// Behind a quote that ends the cell, or is the first of two that stand for one.
    Closing,
}

impl Cells {
    fn new(delimiter: u8) -> Self {
        Self { delimiter, state: State::Start, list: vec![Vec::new()] }
    }

    /// Takes a line with its line end; returns whether the record ends with it.
    fn take_line(&mut self, line: &[u8]) -> bool {
        let inner = line.strip_suffix(b"\n").unwrap_or(line);
        let inner = inner.strip_suffix(b"\r").unwrap_or(inner);
        inner.iter().for_each(|byte| self.take(*byte));
        if self.state != State::Quoted {
            return true;
        }
        line[inner.len()..].iter().for_each(|byte| self.take(*byte));
        false
    }

    fn take(&mut self, byte: u8) {
        self.state = match (self.state, byte) {
            (State::Start, b'"') => State::Quoted,
            (State::Quoted, b'"') => State::Closing,
            (State::Closing, b'"') => self.push(byte, State::Quoted),
            (State::Quoted, _) => self.push(byte, State::Quoted),
            (_, byte) if byte == self.delimiter => {
                self.list.push(Vec::new());
                State::Start
            }
            _ => self.push(byte, State::Plain),
        };
    }

    fn push(&mut self, byte: u8, state: State) -> State {
        if let Some(cell) = self.list.last_mut() {
            cell.push(byte);
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Lines {
        Lines { input: Box::new(std::io::Cursor::new(text.to_vec())), next: 1 }
    }

    /// Returns records as `line:cell|cell`, or `line!reason`.
    fn records(text: &[u8]) -> Vec<String> {
        let mut lines = lines(text);
        let mut shown = Vec::new();
        while let Some((line, cells)) = lines.record(b',').expect("reads") {
            shown.push(match cells {
                Ok(cells) => {
                    let cells: Vec<_> =
                        cells.iter().map(|cell| String::from_utf8_lossy(cell)).collect();
                    format!("{line}:{}", cells.join("|"))
                }
                Err(reason) => format!("{line}!{reason}"),
            });
        }
        shown
    }

    #[test]
    fn records_keep_their_line_whatever_ends_it() {
        let expected = ["1:a|b", "3:x\r\ny|say \"hi\"", "5:1|"];
        assert_eq!(records(b"a,b\r\n\r\n\"x\r\ny\",\"say \"\"hi\"\"\"\r\n1,"), expected);
        assert_eq!(records(b"a\n\n\nb\n"), ["1:a", "4:b"]);
        assert_eq!(records(b"a\"b,\"c\"d\n"), ["1:a\"b|cd"]);
        assert!(records(b"").is_empty());
    }

    #[test]
    fn a_quote_that_is_not_closed_harms_nobody() {
        let expected = ["1:a", "2!a quote is not closed before the end of the file"];
        assert_eq!(records(b"a\n\"b\nc\n"), expected);
        let mut long = b"\"".to_vec();
        long.extend(std::iter::repeat_n(b'\n', RECORD_BYTES_MAX + 10));
        long.extend_from_slice(b"\nnext\n");
        let shown = records(&long);
        assert!(shown[0].contains("is a quote not closed?"), "{}", shown[0]);
        assert!(shown.last().is_some_and(|last| last.ends_with(":next")), "it goes on");
    }

    #[test]
    fn lines_that_are_no_text_are_named() {
        let mut lines = lines(b"{}\n\n\xff\n {\"a\":1} \r\n");
        let mut shown = Vec::new();
        while let Some(row) = lines.line().expect("reads") {
            shown.push((row.line, row.content));
        }
        let expected = [
            (1, Ok(Content::Line("{}".into()))),
            (3, Err("this is not UTF-8".to_owned())),
            (4, Ok(Content::Line("{\"a\":1}".into()))),
        ];
        assert_eq!(shown, expected);
    }
}
