//! Cuts rows into pages: each an Arrow IPC stream of its own, so that it can be read, checked and counted alone.

use datafusion::arrow::array::{Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::StreamWriter;
use kernel::Page;
use std::sync::Arc;

/// How large a page may become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Rows, at most. Rows without columns are only counted: any number of them makes one page.
    pub(crate) rows: usize,
    /// Bytes from which on it is full.
    pub(crate) bytes: usize,
}

/// Cuts rows into pages.
pub(crate) struct Pager {
    schema: SchemaRef,
    size: Size,
    commit: u64,
    writer: Option<StreamWriter<Vec<u8>>>,
    rows: usize,
}

impl Pager {
    /// Returns a pager of rows with these columns, as they stood at a commit.
    pub(crate) fn new(schema: SchemaRef, size: Size, commit: u64) -> Self {
        Self { schema, size, commit, writer: None, rows: 0 }
    }

    /// Adds rows, and returns the pages that are full.
    ///
    /// # Errors
    /// Where rows cannot be written, which is a defect.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<Vec<Page>, ArrowError> {
        if self.schema.fields().is_empty() {
            self.rows += batch.num_rows();
            return Ok(Vec::new());
        }
        let mut pages = Vec::new();
        let row_bytes = (bytes_of(batch) / batch.num_rows().max(1)).max(1);
        let mut from = 0;
        while from < batch.num_rows() {
            let room = self.size.bytes.saturating_sub(self.bytes()) / row_bytes;
            let room = room.min(self.size.rows.saturating_sub(self.rows)).max(1);
            let count = room.min(batch.num_rows() - from);
            self.writer()?.write(&batch.slice(from, count))?;
            self.rows += count;
            from += count;
            if self.size.rows <= self.rows || self.size.bytes <= self.bytes() {
                pages.push(self.cut(false)?);
            }
        }
        Ok(pages)
    }

    /// Returns what has gathered as a page.
    ///
    /// # Errors
    /// As [`Pager::add`].
    pub(crate) fn cut(&mut self, is_last: bool) -> Result<Page, ArrowError> {
        if self.schema.fields().is_empty() && 0 < self.rows {
            let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
            let schema = Arc::clone(&self.schema);
            let counted = RecordBatch::try_new_with_options(schema, Vec::new(), &options)?;
            self.writer()?.write(&counted)?;
        }
        self.writer()?;
        let bytes = self.writer.take().map_or(Ok(Vec::new()), StreamWriter::into_inner)?;
        let rows = std::mem::take(&mut self.rows) as u64;
        Ok(Page { rows, commit: self.commit, is_last, bytes })
    }

    fn bytes(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| writer.get_ref().len())
    }

    fn writer(&mut self) -> Result<&mut StreamWriter<Vec<u8>>, ArrowError> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => StreamWriter::try_new(Vec::new(), &self.schema)?,
        };
        Ok(self.writer.insert(writer))
    }
}

/// Returns the bytes that the rows of a batch take, without those of larger arrays that they are a part of.
pub(crate) fn bytes_of(batch: &RecordBatch) -> usize {
    let bytes = |array: &Arc<dyn Array>| {
        array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
    };
    batch.columns().iter().map(bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::arrow::ipc::reader::StreamReader;

    const SIZE: Size = Size { rows: 100, bytes: 16 << 10 };

    fn schema() -> SchemaRef {
        let fields =
            vec![Field::new("n", DataType::Int64, true), Field::new("t", DataType::Utf8, true)];
        Arc::new(Schema::new(fields))
    }

    fn batch(rows: usize, text: &str) -> RecordBatch {
        let numbers = Int64Array::from_iter_values(0..i64::try_from(rows).expect("few"));
        let texts = StringArray::from_iter_values(std::iter::repeat_n(text, rows));
        let columns: Vec<ArrayRef> = vec![Arc::new(numbers), Arc::new(texts)];
        RecordBatch::try_new(schema(), columns).expect("a batch")
    }

    fn rows_in(page: &Page) -> usize {
        let reader = StreamReader::try_new(page.bytes.as_slice(), None).expect("a stream");
        reader.map(|batch| batch.expect("rows").num_rows()).sum()
    }

    #[test]
    fn pages_hold_all_rows_once_and_say_how_many() {
        let mut pager = Pager::new(schema(), SIZE, 7);
        let mut pages = pager.add(&batch(250, "x")).expect("pages");
        pages.extend(pager.add(&batch(10, "y")).expect("pages"));
        pages.push(pager.cut(true).expect("a page"));
        let rows: Vec<u64> = pages.iter().map(|page| page.rows).collect();
        assert_eq!(rows, [100, 100, 60]);
        assert!(pages.iter().all(|page| rows_in(page) as u64 == page.rows && page.commit == 7));
        let last: Vec<bool> = pages.iter().map(|page| page.is_last).collect();
        assert_eq!(last, [false, false, true]);
    }

    #[test]
    fn long_rows_make_small_pages_and_each_has_one_at_least() {
        let mut pager = Pager::new(schema(), SIZE, 7);
        let pages = pager.add(&batch(8, &"x".repeat(5_000))).expect("pages");
        assert!(pages.iter().all(|page| page.bytes.len() < 3 * SIZE.bytes));
        assert!(2 <= pages.len() && pages.len() <= 8);
        let pages = pager.add(&batch(3, &"x".repeat(100_000))).expect("pages");
        assert_eq!(pages.len(), 3);
    }

    #[test]
    fn rows_without_columns_are_counted_and_nothing_is_a_page_too() {
        let mut pager = Pager::new(Arc::new(Schema::empty()), SIZE, 7);
        assert_eq!(pager.add(&batch(1_000, "x")).expect("no page"), []);
        assert_eq!(pager.add(&batch(1, "x")).expect("no page"), []);
        let page = pager.cut(false).expect("a page");
        assert_eq!((page.rows, rows_in(&page)), (1_001, 1_001));
        let empty = pager.cut(true).expect("a page");
        assert_eq!((empty.rows, rows_in(&empty)), (0, 0));
    }
}
