//! Looks through a store for contradictions.

use super::link::{Failed, Link, column};
use crate::numbers::{chunk_log, chunk_offset, unsigned};
use std::collections::BTreeMap;

/// At most so many lines; who has more needs no more.
const FINDINGS_MAX: usize = 100;

/// Chunks that are looked at in one go.
const CHUNKS_MAX: i64 = 10_000;

const LOGS: &str = "SELECT substr(name, 5), number, log FROM head WHERE name LIKE 'log/%'";
const CHUNKS: &str = "SELECT id, count, commit_no FROM log WHERE $1 <= id ORDER BY id LIMIT $2";
const COMMIT: &str = "SELECT number FROM head WHERE name = 'commit'";

/// A log as `head` knows it.
struct LogHead {
    name: String,
    end: u64,
    /// Where the chunk before ended; `None` before the first.
    reached: Option<u64>,
}

/// Returns what is wrong, a line each, as one read transaction sees it.
///
/// Whether pages and indexes are whole is the server's business: `pg_amcheck` tells.
pub(super) fn verify(link: &Link) -> Result<Vec<String>, Failed> {
    let mut findings = Vec::new();
    let mut logs = logs(link, &mut findings)?;
    let newest = check_chunks(link, &mut logs, &mut findings)?;
    let commit = match link.query(COMMIT, &[])?.first() {
        Some(row) => unsigned(column(row, 0)?),
        None => {
            findings.push("the commit number is missing".into());
            newest
        }
    };
    if commit < newest {
        findings.push(format!("a chunk is of commit {newest}, but the last commit is {commit}"));
    }
    for log in logs.values() {
        // A log without chunks was trimmed to its end.
        if let Some(reached) = log.reached.filter(|reached| *reached != log.end) {
            findings.push(format!(
                "log `{}` ends at {}, but its chunks end at {reached}",
                log.name, log.end
            ));
        }
    }
    findings.truncate(FINDINGS_MAX);
    Ok(findings)
}

fn logs(link: &Link, findings: &mut Vec<String>) -> Result<BTreeMap<i64, LogHead>, Failed> {
    let mut logs = BTreeMap::new();
    for row in link.query(LOGS, &[])? {
        let (name, end) = (column(&row, 0)?, unsigned(column(&row, 1)?));
        let log = LogHead { name, end, reached: None };
        if let Some(other) = logs.insert(column(&row, 2)?, log) {
            findings.push(format!("log `{}` shares its number with another", other.name));
        }
    }
    Ok(logs)
}

/// Looks at every chunk; returns the newest commit that one is of.
fn check_chunks(
    link: &Link,
    logs: &mut BTreeMap<i64, LogHead>,
    findings: &mut Vec<String>,
) -> Result<u64, Failed> {
    let (mut next, mut newest) = (0_i64, 0_u64);
    loop {
        let rows = link.query(CHUNKS, &[&next, &CHUNKS_MAX])?;
        for row in &rows {
            let (id, count): (i64, i64) = (column(row, 0)?, column(row, 1)?);
            newest = newest.max(unsigned(column(row, 2)?));
            next = id + 1;
            let offset = chunk_offset(id);
            let Some(log) = logs.get_mut(&chunk_log(id)) else {
                findings.push(format!("chunk {id} belongs to no log"));
                continue;
            };
            if let Some(reached) = log.reached.filter(|reached| *reached != offset) {
                findings.push(format!("log `{}` goes on at {offset} after {reached}", log.name));
            }
            log.reached = Some(offset + unsigned(count));
        }
        if rows.is_empty() || FINDINGS_MAX <= findings.len() {
            return Ok(newest);
        }
    }
}
