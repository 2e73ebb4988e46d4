//! Looks through a store for contradictions.

use super::link::{Failed, Link, column};
use crate::check::{COMMIT, Checked, LOGS};

/// Chunks that are looked at in one go.
const CHUNKS_MAX: i64 = 10_000;

const CHUNKS: &str = "SELECT id, count, commit_no FROM log WHERE $1 <= id ORDER BY id LIMIT $2";

/// Returns what is wrong, a line each, as one read transaction sees it.
///
/// Whether pages and indexes are whole is the server's business: `pg_amcheck` tells.
pub(super) fn verify(link: &Link) -> Result<Vec<String>, Failed> {
    let mut findings = Vec::new();
    let mut checked = Checked::new(&mut findings);
    for row in link.query(LOGS, &[])? {
        checked.log(column(&row, 0)?, column(&row, 1)?, column(&row, 2)?);
    }
    let mut next = 0_i64;
    loop {
        let rows = link.query(CHUNKS, &[&next, &CHUNKS_MAX])?;
        for row in &rows {
            let id: i64 = column(row, 0)?;
            checked.chunk(id, column(row, 1)?, column(row, 2)?);
            next = id + 1;
        }
        if rows.is_empty() || checked.is_full() {
            break;
        }
    }
    let commit = link.query(COMMIT, &[])?.first().map(|row| column(row, 0)).transpose()?;
    checked.finish(commit);
    Ok(findings)
}
