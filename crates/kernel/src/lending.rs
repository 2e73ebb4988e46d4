//! Rows that are handed on in pages: what is asked of a relation that is lent, and the pages that come.

use crate::{ColumnType, Filter, Reader, Scan};
use base::Problem;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The version of a page as a piece of an answer, its first byte.
const PIECE: u8 = 1;

/// Bytes before the rows of a piece: version, flag, commit, number of rows.
const HEAD_BYTES: usize = 18;

/// A column that is lent, as it was agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LentColumn {
    /// The name.
    pub name: String,
    /// The type. A relation in which the column has another one is not lent any more.
    pub column_type: ColumnType,
}

/// What is asked of a relation that is lent: the parameters of `sql.lend`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lending {
    /// The relation, as SQL names it.
    pub relation: String,
    /// All columns that are lent; `select` and `filter` name them by their places here.
    pub columns: Vec<LentColumn>,
    /// Which rows are lent, as a SQL condition of whoever lends; all where there is none.
    pub rows: Option<String>,
    /// What `current_user` is in `rows`: the name of the peer that reads.
    pub user: String,
    /// The columns that are wanted.
    pub select: Vec<usize>,
    /// Which of the lent rows are wanted.
    pub filter: Option<Filter>,
    /// How many rows are enough.
    pub limit: Option<usize>,
    /// How long all of it may take, in milliseconds.
    pub ms: u64,
    /// How long a page is waited for before it goes as it is, in milliseconds.
    pub page_ms: u64,
    /// Rows of a page, at most.
    pub page_rows: usize,
    /// Bytes from which on a page is full.
    pub page_bytes: usize,
}

/// Some rows, as they travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many rows there are in it.
    pub rows: u64,
    /// The commit of the unit that lends at which they stood.
    pub commit: u64,
    /// Whether it is the last one.
    pub is_last: bool,
    /// The rows, in a form that whoever reads them knows: an Arrow IPC stream.
    pub bytes: Vec<u8>,
}

impl Page {
    /// Returns the page as a piece of an answer.
    pub fn into_piece(self) -> Vec<u8> {
        let mut piece = Vec::with_capacity(HEAD_BYTES + self.bytes.len());
        piece.extend([PIECE, u8::from(self.is_last)]);
        piece.extend(self.commit.to_be_bytes());
        piece.extend(self.rows.to_be_bytes());
        piece.extend(self.bytes);
        piece
    }

    /// Reads a page from a piece of an answer; nothing where it is none.
    pub fn of_piece(mut piece: Vec<u8>) -> Option<Self> {
        if piece.len() < HEAD_BYTES {
            return None;
        }
        let bytes = piece.split_off(HEAD_BYTES);
        let (&[version, flag], numbers) = piece.split_first_chunk::<2>()?;
        let (commit, rows) = numbers.split_first_chunk::<8>()?;
        let rows = rows.first_chunk::<8>()?;
        (version == PIECE && flag <= 1).then(|| Self {
            rows: u64::from_be_bytes(*rows),
            commit: u64::from_be_bytes(*commit),
            is_last: flag == 1,
            bytes,
        })
    }
}

/// Rows that come from elsewhere, a page at a time, and may be paid for. Dropping it ends the reading.
pub trait Pages: Send {
    /// Returns the next page; nothing behind the last one. Waits for whoever has the rows, but not for ever.
    ///
    /// # Errors
    /// Why there are no more rows.
    fn next(&mut self) -> Result<Option<Page>, Problem>;

    /// Takes note that the last page was read, and how many rows were found in it. To be called before the next one.
    ///
    /// # Errors
    /// Where the page had said something else.
    fn took(&mut self, rows: u64) -> Result<(), Problem>;

    /// Returns what it means that a page cannot be read.
    fn unreadable(&self, reason: &str) -> Problem;
}

/// Opens the pages of a relation for a scan.
pub type Open = Arc<dyn Fn(&Reader, &Scan) -> Result<Box<dyn Pages>, Problem> + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_the_same_after_a_journey_as_a_piece() {
        for (is_last, bytes) in [(false, vec![1, 2, 3]), (true, Vec::new())] {
            let page = Page { rows: 1 << 40, commit: 7, is_last, bytes };
            assert_eq!(Page::of_piece(page.clone().into_piece()), Some(page));
        }
    }

    #[test]
    fn what_is_no_page_is_none() {
        let piece = Page { rows: 1, commit: 1, is_last: true, bytes: Vec::new() }.into_piece();
        for length in 0..piece.len() {
            assert_eq!(Page::of_piece(piece[..length].to_vec()), None);
        }
        for (at, byte) in [(0, 2), (1, 2)] {
            let mut other = piece.clone();
            other[at] = byte;
            assert_eq!(Page::of_piece(other), None);
        }
    }
}
