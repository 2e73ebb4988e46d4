//! Writes zeros over what deletions left in the file.
//!
//! Three kinds of places keep bytes of what was deleted: pages that are free, the room between the cells of a page that is used, and
//! the rest of the last page of a long value. SQLite's `secure_delete` leaves the first alone where it is `FAST`, and misses some of the
//! others whatever it is: when cells move from page to page, or a page is used again in the commit that freed it.
//!
//! Format: SQLite, Database File Format, 1.5 (freelist) and 1.6 (b-tree pages). Which page is what is asked of SQLite itself (`dbstat`),
//! and pages are changed through it (`sqlite_dbpage`), so that this is a commit like any other.

use super::file::{PAGE_BYTES, signed, unsigned};
use rusqlite::{Connection, params};

/// Makes the table whose rows take the free pages; what a crash left of it goes first.
pub(super) const TAKE: &str =
    "DROP TABLE IF EXISTS freed; CREATE TABLE freed (zeros BLOB NOT NULL);";

/// Gives the pages back. They are free and hold zeros.
pub(super) const GIVE_BACK: &str = "DROP TABLE IF EXISTS freed;";

/// Free pages that are written over in one commit: others wait for it.
const PAGES_MAX: u64 = 4_096;

/// Bytes of the file's own header, before the first page's.
const HEADER_BYTES: usize = 100;

/// A page that is used.
struct Used {
    number: i64,
    /// The bytes of a value that stand in a page behind its cell; none for a page with cells.
    rest: Option<usize>,
}

/// Takes some free pages and writes zeros over them; returns how many, none where there are none.
///
/// A row takes free pages before the file grows, and its commit writes them. When the row goes, nothing is written: SQLite leaves out
/// pages that a commit frees. That is why taking and giving back are two commits.
pub(super) fn overwrite(connection: &Connection) -> rusqlite::Result<u64> {
    let free: i64 = connection.query_row("PRAGMA freelist_count", (), |row| row.get(0))?;
    let pages = unsigned(free).min(PAGES_MAX);
    if 0 < pages {
        let sql = "INSERT INTO freed (zeros) VALUES (zeroblob(?1))";
        connection.execute(sql, [signed(zeros_of(pages))])?;
    }
    Ok(pages)
}

/// Returns the length of a value of zeros that takes so many pages behind its cell, all of each.
///
/// Such pages are full where little of the value stands in its cell: that is `(length - 489) % 4092 + 489` bytes where these are at
/// most 4,061.
fn zeros_of(pages: u64) -> u64 {
    pages * u64::from(PAGE_BYTES - 4) + 1_000
}

/// Writes zeros over whatever stands in used pages and belongs to nothing.
pub(super) fn clean(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    match clean_pages(connection) {
        Ok(()) => connection.execute_batch("COMMIT"),
        Err(error) => Err(error),
    }
}

fn clean_pages(connection: &Connection) -> rusqlite::Result<()> {
    let mut select = connection.prepare("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?;
    let mut update = connection.prepare("UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1")?;
    for used in used(connection)? {
        let mut page: Vec<u8> = select.query_row([used.number], |row| row.get(0))?;
        let is_changed = match used.rest {
            Some(rest) => zero(page.get_mut(4 + rest..)),
            None => clean_page(&mut page, if used.number == 1 { HEADER_BYTES } else { 0 }),
        };
        if is_changed {
            update.execute(params![used.number, page])?;
        }
    }
    Ok(())
}

fn used(connection: &Connection) -> rusqlite::Result<Vec<Used>> {
    let mut select = connection.prepare("SELECT pageno, pagetype, payload FROM dbstat")?;
    let used = select.query_map((), |row| {
        let (kind, payload): (String, i64) = (row.get(1)?, row.get(2)?);
        let rest = (kind == "overflow").then(|| usize::try_from(payload).unwrap_or(usize::MAX));
        Ok(Used { number: row.get(0)?, rest })
    })?;
    used.collect()
}

/// Writes zeros between the cells of a page; returns whether anything stood there. `header` is where the page's header begins.
fn clean_page(page: &mut [u8], header: usize) -> bool {
    let number = |page: &[u8], at: usize| {
        page.get(at..at + 2)
            .map_or(0, |bytes| usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
    };
    let header_bytes = match page.get(header) {
        Some(2 | 5) => 12,
        Some(10 | 13) => 8,
        _ => return false,
    };
    let cells = number(page, header + 3);
    // The room before the first cell: 0 stands for 65,536, which a page of this size does not have.
    let (from, to) = (header + header_bytes + 2 * cells, number(page, header + 5));
    let mut is_changed = from <= to && zero(page.get_mut(from..to));
    // The room between cells: blocks in the order of their places, each with the next one's place and its own length.
    let (mut block, mut last) = (number(page, header + 1), 0);
    while last < block {
        let length = number(page, block + 2);
        is_changed |= 4 <= length && zero(page.get_mut(block + 4..block + length));
        (last, block) = (block, number(page, block));
    }
    is_changed
}

/// Sets bytes to zero; returns whether one of them was not.
fn zero(bytes: Option<&mut [u8]>) -> bool {
    let Some(bytes) = bytes else { return false };
    let is_changed = bytes.iter().any(|byte| *byte != 0);
    bytes.fill(0);
    is_changed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of a table with one cell of 6 bytes at the end, one freed block of 8 bytes, and rubbish before.
    fn page() -> Vec<u8> {
        let mut page = vec![0xaa; 64];
        page[..8].copy_from_slice(&[13, 0, 50, 0, 1, 0, 48, 2]);
        page[8..10].copy_from_slice(&[0, 58]);
        page[50..54].copy_from_slice(&[0, 0, 0, 8]);
        page
    }

    #[test]
    fn only_what_belongs_to_nothing_becomes_zero() {
        let mut cleaned = page();
        assert!(clean_page(&mut cleaned, 0));
        let mut expected = page();
        expected[10..48].fill(0);
        expected[54..58].fill(0);
        assert_eq!(cleaned, expected);
        assert!(!clean_page(&mut cleaned, 0), "nothing is left to be done");
    }

    #[test]
    fn a_page_that_is_damaged_is_left_alone_or_ends() {
        for seed in 0..5_000_u64 {
            let mut page: Vec<u8> =
                (0..64_u64).map(|at| base::sha256(&(seed * 64 + at).to_le_bytes())[0]).collect();
            page[0] = [2, 5, 10, 13, 7][(seed % 5) as usize];
            clean_page(&mut page, 0);
        }
        assert!(!clean_page(&mut [], 0));
        assert!(!clean_page(&mut [13], 0));
    }

    #[test]
    fn zeros_fill_the_pages_that_they_take() {
        for pages in [1, 2, 100, PAGES_MAX] {
            // A header of a row with one long value has 5 to 7 bytes.
            for header in 5..8 {
                let rest = (zeros_of(pages) + header - 489) % 4_092 + 489;
                assert!(rest <= 4_061, "{pages} pages leave {rest} bytes in the cell");
                assert_eq!((zeros_of(pages) + header - rest) / 4_092, pages);
            }
        }
    }
}
