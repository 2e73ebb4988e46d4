//! Looks through a store for contradictions.

use super::file::FORMAT;
use crate::check::{COMMIT, Checked, FINDINGS_MAX, LOGS};
use rusqlite::{Connection, OptionalExtension};

/// Returns what is wrong, a line each, as one read transaction sees it.
pub(super) fn verify(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut findings = Vec::new();
    let checked =
        check_file(connection, &mut findings).and_then(|()| check_logs(connection, &mut findings));
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

fn check_logs(connection: &Connection, findings: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut checked = Checked::new(findings);
    let mut select = connection.prepare(LOGS)?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        checked.log(row.get(0)?, row.get(1)?, row.get(2)?);
    }
    let mut select = connection.prepare("SELECT id, count, commit_no FROM log ORDER BY id")?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        checked.chunk(row.get(0)?, row.get(1)?, row.get(2)?);
    }
    checked.finish(connection.query_row(COMMIT, (), |row| row.get(0)).optional()?);
    Ok(())
}
