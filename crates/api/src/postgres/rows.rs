//! The rows of a result, as they come: pieces of an Arrow stream in, messages out. Never more than some pieces are held.

use super::Error;
use super::copy::{BINARY_HEAD, BINARY_TAIL, Form, Options};
use super::encode::{Cells, Column, cells, columns};
use super::wire::{Formats, put};
use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use base::{Code, Kind, Problem};
use kernel::{Call, Ending, Kernel, Reply};
use std::sync::Arc;

/// Bytes of messages that are made before they are sent.
const PORTION_BYTES: usize = 64 << 10;

/// The pieces of an answer.
type Pieces = Box<dyn Iterator<Item = Result<Vec<u8>, Problem>> + Send>;

/// How rows are written.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// As the answer to a query.
    Rows(Formats),
    /// As the data of a copy.
    Copy(Options),
    /// Not at all: a cursor is only moved.
    Nothing,
}

/// The rows of a result.
pub(crate) struct Rows {
    pieces: Pieces,
    decoder: StreamDecoder,
    buffer: Buffer,
    columns: Vec<Column>,
    batch: Option<(RecordBatch, Vec<Cells>)>,
    next: usize,
    is_end: bool,
    has_head: bool,
    ending: Ending,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub rows: u64,
    /// True where there are no more rows.
    pub is_end: bool,
}

impl Rows {
    /// Starts a query and waits for its columns. To be called on a thread that may wait.
    ///
    /// # Errors
    /// The kernel's or the engine's.
    pub(crate) fn start(
        kernel: &Arc<Kernel>,
        mut call: Call,
        ending: Ending,
    ) -> Result<Self, Problem> {
        call.ending = Some(ending.clone());
        let Reply::Stream { pieces, .. } = kernel.read(&call)? else {
            return Err(broken("the answer is no stream"));
        };
        let mut rows = Self {
            pieces,
            decoder: StreamDecoder::new(),
            buffer: Buffer::from_vec(Vec::<u8>::new()),
            columns: Vec::new(),
            batch: None,
            next: 0,
            is_end: false,
            has_head: false,
            ending,
        };
        rows.pull()?;
        if rows.decoder.schema().is_none() {
            return Err(broken("the answer has no columns"));
        }
        Ok(rows)
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns what ends the query.
    pub(crate) fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Takes the next batch. Returns false at the end.
    fn pull(&mut self) -> Result<bool, Problem> {
        loop {
            let found = self.decoder.decode(&mut self.buffer).map_err(undecodable)?;
            if self.columns.is_empty()
                && let Some(schema) = self.decoder.schema()
            {
                self.columns = columns(&schema);
            }
            if let Some(batch) = found {
                let cells = cells(&batch, &self.columns).map_err(unwritable)?;
                (self.batch, self.next) = (Some((batch, cells)), 0);
                return Ok(true);
            }
            match self.pieces.next().transpose()? {
                None => {
                    self.is_end = true;
                    return Ok(false);
                }
                Some(piece) => self.buffer = Buffer::from_vec(piece),
            }
        }
    }

    /// Writes rows until there are enough bytes or rows, or no more. To be called on a thread that may wait.
    ///
    /// # Errors
    /// What the query fails with, `postgres.value`.
    pub(crate) fn write(
        &mut self,
        shape: &Shape,
        rows_max: Option<u64>,
        out: &mut Vec<u8>,
    ) -> Result<Written, Problem> {
        let mut written = Written::default();
        while out.len() < PORTION_BYTES && rows_max.is_none_or(|most| written.rows < most) {
            if self.ending.is_ended() {
                return Err(Problem::new(
                    Code("sql.cancelled", Kind::Conflict),
                    "the query was cancelled",
                ));
            }
            let is_open =
                self.batch.as_ref().is_some_and(|(batch, _)| self.next < batch.num_rows());
            if !is_open {
                if self.is_end || !self.pull()? {
                    written.is_end = true;
                    self.finish(shape, out);
                    break;
                }
                continue;
            }
            self.write_row(shape, out).map_err(unwritable)?;
            self.next += 1;
            written.rows += 1;
        }
        Ok(written)
    }

    fn write_row(&mut self, shape: &Shape, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let Some((_, cells)) = &self.batch else { return Ok(()) };
        let (row, is_first) = (self.next, !self.has_head);
        match shape {
            Shape::Nothing => Ok(()),
            Shape::Rows(formats) => {
                let mut result = Ok(());
                put(out, b'D', |out| {
                    out.extend(u16::try_from(cells.len()).unwrap_or(u16::MAX).to_be_bytes());
                    let mut numbered = cells.iter().enumerate();
                    result = numbered.try_for_each(|(number, cells)| {
                        cells.write_sized(row, formats.is_binary(number), out)
                    });
                });
                result
            }
            Shape::Copy(options) => {
                if is_first && options.has_header {
                    put(out, b'd', |out| options.write_header(&self.columns, out));
                }
                let mut result = Ok(());
                put(out, b'd', |out| {
                    if is_first && options.form == Form::Binary {
                        out.extend_from_slice(BINARY_HEAD);
                    }
                    result = options.write_row(cells, row, out);
                });
                self.has_head = true;
                result
            }
        }
    }

    /// Writes what ends the rows.
    fn finish(&mut self, shape: &Shape, out: &mut Vec<u8>) {
        let Shape::Copy(options) = shape else { return };
        let is_first = !std::mem::replace(&mut self.has_head, true);
        if is_first && options.has_header {
            put(out, b'd', |out| options.write_header(&self.columns, out));
        }
        if options.form == Form::Binary {
            put(out, b'd', |out| {
                if is_first {
                    out.extend_from_slice(BINARY_HEAD);
                }
                out.extend_from_slice(BINARY_TAIL);
            });
        }
    }
}

fn broken(text: &str) -> Problem {
    Problem::new(Code("kernel.internal", Kind::Internal), text)
}

fn undecodable(error: ArrowError) -> Problem {
    broken(&format!("the answer cannot be read: {error}"))
}

fn unwritable(error: ArrowError) -> Problem {
    Error::Value { reason: error.to_string() }.into()
}
