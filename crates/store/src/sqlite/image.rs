//! Images of a store: its pages, read through one read transaction.
//!
//! A page is asked of SQLite (`sqlite_dbpage`), not of the file: the newest ones stand in the write-ahead log, and whoever closes
//! the file a second time in one process takes the locks of all others away.

use super::Inner;
use super::file::{PAGE_BYTES, signed, unsigned};
use super::read::SqliteSnapshot;
use crate::{BLOCK_BYTES, Blocks, Error, Image};
use std::sync::Arc;

/// Pages of a block.
const BLOCK_PAGES: u64 = BLOCK_BYTES / PAGE_BYTES as u64;

/// Says that the log is to wait with shrinking, until it is dropped.
struct Copying(Arc<Inner>);

impl Copying {
    fn begin(inner: &Arc<Inner>) -> Self {
        inner.readers.begin_copy();
        Self(Arc::clone(inner))
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        self.0.readers.end_copy();
    }
}

/// The pages of one commit.
struct Pages {
    snapshot: Arc<SqliteSnapshot>,
    count: u64,
    _copying: Copying,
}

/// Returns the image of the last commit.
pub(super) fn image(inner: &Arc<Inner>) -> Result<Image, Error> {
    let copying = Copying::begin(inner);
    let snapshot = Arc::new(SqliteSnapshot::of_reader(inner)?);
    let count: i64 = snapshot
        .read(|connection| connection.query_row("PRAGMA page_count", (), |row| row.get(0)))?;
    let blocks =
        Pages { snapshot: Arc::clone(&snapshot), count: unsigned(count), _copying: copying };
    Ok(Image { snapshot: Box::new(snapshot), blocks: Box::new(blocks) })
}

impl Blocks for Pages {
    fn bytes(&self) -> u64 {
        self.count * u64::from(PAGE_BYTES)
    }

    fn block(&self, number: u64) -> Result<Vec<u8>, Error> {
        // Pages are counted from 1.
        let first = number.saturating_mul(BLOCK_PAGES) + 1;
        let last = self.count.min(first + BLOCK_PAGES - 1);
        self.snapshot.read(|connection| {
            let sql = "SELECT data FROM sqlite_dbpage WHERE pgno = ?1";
            let mut select = connection.prepare_cached(sql)?;
            let mut bytes = Vec::new();
            for page in first..=last {
                let page: Vec<u8> = select.query_row([signed(page)], |row| row.get(0))?;
                bytes.extend_from_slice(&page);
            }
            Ok(bytes)
        })
    }
}
