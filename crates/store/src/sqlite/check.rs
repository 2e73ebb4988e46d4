//! Looks through a store for contradictions.

use super::file::{FORMAT, chunk_log, chunk_offset, unsigned};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// At most so many lines; who has more needs no more.
const FINDINGS_MAX: usize = 100;

/// A log as `head` knows it.
struct LogHead {
    name: String,
    end: u64,
    /// Where the chunk before ended; `None` before the first.
    reached: Option<u64>,
}

/// Returns what is wrong, a line each, as one read transaction sees it.
pub(super) fn verify(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut findings = Vec::new();
    let checked = check_file(connection, &mut findings)
        .and_then(|()| check_numbers(connection, &mut findings))
        .and_then(|()| check_logs(connection, &mut findings));
    // Damage can be such that even looking fails: that is a finding too.
    match checked {
        Err(error) if findings.is_empty() && !is_damage(&error) => return Err(error),
        Err(error) => findings.push(error.to_string()),
        Ok(()) => {}
    }
    findings.truncate(FINDINGS_MAX);
    Ok(findings)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

fn check_file(connection: &Connection, findings: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut select = connection.prepare("PRAGMA integrity_check")?;
    let lines: Vec<String> =
        select.query_map((), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    findings.extend(lines.into_iter().filter(|line| line != "ok"));
    let format: u32 = connection.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    if format != FORMAT {
        findings.push(format!("the format is {format}, not {FORMAT}"));
    }
    Ok(())
}

fn check_numbers(connection: &Connection, findings: &mut Vec<String>) -> rusqlite::Result<()> {
    let one = |sql| connection.query_row(sql, (), |row| row.get::<_, Option<i64>>(0));
    let Some(commit) = one("SELECT max(number) FROM head WHERE name = 'commit'")? else {
        findings.push("the commit number is missing".into());
        return Ok(());
    };
    if let Some(newest) = one("SELECT max(commit_no) FROM log")?.filter(|newest| commit < *newest) {
        findings.push(format!("a chunk is of commit {newest}, but the last commit is {commit}"));
    }
    Ok(())
}

fn check_logs(connection: &Connection, findings: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut logs = BTreeMap::new();
    let mut select = connection
        .prepare("SELECT substr(name, 5), number, log FROM head WHERE name LIKE 'log/%'")?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        let log = LogHead { name: row.get(0)?, end: unsigned(row.get(1)?), reached: None };
        if let Some(other) = logs.insert(row.get::<_, i64>(2)?, log) {
            findings.push(format!("log `{}` shares its number with another", other.name));
        }
    }
    let mut select = connection.prepare("SELECT id, count, commit_no FROM log ORDER BY id")?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        let (id, count): (i64, u32) = (row.get(0)?, row.get(1)?);
        let offset = chunk_offset(id);
        let Some(log) = logs.get_mut(&chunk_log(id)) else {
            findings.push(format!("chunk {id} belongs to no log"));
            continue;
        };
        if let Some(reached) = log.reached.filter(|reached| *reached != offset) {
            findings.push(format!("log `{}` goes on at {offset} after {reached}", log.name));
        }
        log.reached = Some(offset + u64::from(count));
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
    Ok(())
}
