//! Looks through what is stored of sessions for contradictions, while the unit is not running.

use super::log::LOG;
use super::rows::{self, Numbered, Progress, RetainedCount, SessionRow};
use super::{key, topic};
use crate::engine::Fleet;
use crate::wire;
use base::Problem;
use kernel::{Read, Reader};
use std::collections::{BTreeMap, BTreeSet};

/// Returns what is wrong, a line each: a session whose number does not lead back to it, a subscription or a progress of nobody, a place in
/// the log behind its end, a group without a member, retained messages that are counted wrongly.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn verify(_fleet: &Fleet, reader: &Reader) -> Result<Vec<String>, Problem> {
    let mut findings = Vec::new();
    let numbers = check_numbers(reader, &mut findings)?;
    check_subscriptions(reader, &numbers, &mut findings)?;
    check_groups(reader, &mut findings)?;
    check_progress(reader, &numbers, &mut findings)?;
    check_dues(reader, &mut findings)?;
    check_retained(reader, &mut findings)?;
    Ok(findings)
}

/// Checks that sessions and numbers lead to each other. Returns the numbers, and whether they are of groups.
fn check_numbers(
    read: &dyn Read,
    findings: &mut Vec<String>,
) -> Result<BTreeMap<u64, bool>, Problem> {
    let mut numbers = BTreeMap::new();
    for (stored, bytes) in read.scan_prefix(key::numbers().as_ref(), usize::MAX)? {
        let number = key::last(&stored).unwrap_or_default();
        let numbered = Numbered::read(&bytes)?;
        numbers.insert(number, numbered.is_group);
        if read.get(&numbered.key)?.is_none() {
            findings.push(format!("number {number} of a session or group leads nowhere"));
        }
    }
    for (stored, bytes) in read.scan_prefix(key::sessions().as_ref(), usize::MAX)? {
        let row: SessionRow = wire::read(&bytes)?;
        let numbered = rows::numbered(read, row.number)?;
        let leads_back = numbered.is_some_and(|held| {
            held.key == stored
                && held.generation == row.generation
                && held.is_durable == row.is_durable
        });
        if !leads_back {
            findings.push(format!("session {} of {} is not numbered", row.number, row.principal));
        }
        let count = rows::subscriptions(read, row.number)?.len();
        if count != row.subscriptions as usize {
            let said = row.subscriptions;
            let line = format!("session {} has {count} subscriptions, and says {said}", row.number);
            findings.push(line);
        }
    }
    Ok(numbers)
}

fn check_subscriptions(
    read: &dyn Read,
    numbers: &BTreeMap<u64, bool>,
    findings: &mut Vec<String>,
) -> Result<(), Problem> {
    for (stored, _) in read.scan_prefix(key::subscriptions_all().as_ref(), usize::MAX)? {
        let Some((session, filter)) = key::of_subscription(&stored) else { continue };
        if numbers.get(&session) != Some(&false) {
            findings.push(format!(
                "subscription `{filter}` belongs to session {session}, which is not there"
            ));
        }
        if let Some((name, plain)) = topic::share(&filter)
            && read.get(key::member(name, plain, session).as_ref())?.is_none()
        {
            findings.push(format!("session {session} is no member of `{filter}`"));
        }
    }
    Ok(())
}

fn check_groups(read: &dyn Read, findings: &mut Vec<String>) -> Result<(), Problem> {
    let (mut groups, mut with_members) = (BTreeSet::new(), BTreeSet::new());
    for (stored, _) in read.scan_prefix(key::groups().as_ref(), usize::MAX)? {
        match key::of_group(&stored) {
            Some((name, filter, None)) => {
                groups.insert((name, filter));
            }
            Some((name, filter, Some(session))) => {
                let text = format!("$share/{name}/{filter}");
                if read.get(key::subscription(session, &text).as_ref())?.is_none() {
                    findings
                        .push(format!("session {session} is in `{text}`, and has no subscription"));
                }
                with_members.insert((name, filter));
            }
            None => {}
        }
    }
    for (name, filter) in groups.symmetric_difference(&with_members) {
        findings.push(format!("group `$share/{name}/{filter}` has no member, or is not there"));
    }
    Ok(())
}

fn check_progress(
    read: &dyn Read,
    numbers: &BTreeMap<u64, bool>,
    findings: &mut Vec<String>,
) -> Result<(), Problem> {
    let end = read.log_end(LOG)?;
    for (stored, bytes) in read.scan_prefix(key::progress_all().as_ref(), usize::MAX)? {
        let number = key::last(&stored).unwrap_or_default();
        let progress: Progress = wire::read(&bytes)?;
        if !numbers.contains_key(&number) {
            findings.push(format!("{number}, which is not there, has come somewhere in the log"));
        }
        let last = progress.open.last().map_or(0, |last| last + 1).max(progress.cursor);
        if end < last {
            findings.push(format!("{number} has read {last} messages of the log, which has {end}"));
        }
    }
    Ok(())
}

fn check_dues(read: &dyn Read, findings: &mut Vec<String>) -> Result<(), Problem> {
    for (stored, _) in read.scan_prefix(key::dues().as_ref(), usize::MAX)? {
        let Some((at, what, session)) = key::of_due(&stored) else { continue };
        let row = rows::session(read, session)?;
        let is_meant = row.is_some_and(|row| match what {
            key::Due::Will => row.will_due == Some(at),
            key::Due::End => row.expires == Some(at),
        });
        if !is_meant {
            findings.push(format!(
                "something is due for session {session} at {at}, of which it does not know"
            ));
        }
    }
    Ok(())
}

fn check_retained(read: &dyn Read, findings: &mut Vec<String>) -> Result<(), Problem> {
    let said: RetainedCount = rows::get(read, &key::retained_count())?.unwrap_or_default();
    let pairs = read.scan_prefix(key::retained_all().as_ref(), usize::MAX)?;
    let bytes: usize = pairs.iter().map(|(_, bytes)| bytes.len()).sum();
    let found = RetainedCount { count: pairs.len() as u64, bytes: bytes as u64 };
    if found != said {
        let (count, said) = (found.count, said.count);
        findings.push(format!("{count} messages are retained, and {said} are counted"));
    }
    Ok(())
}
