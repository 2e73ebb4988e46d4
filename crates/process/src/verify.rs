//! Looks through what is stored of processes for contradictions, while the unit is not running.

use crate::consume::log_of;
use crate::engine::Processes;
use crate::past;
use crate::wire::{self, Index, key};
use base::{Key, KeyReader, Problem};
use kernel::Read;
use std::collections::BTreeSet;

/// At most so many lines; who has more needs no more.
const FINDINGS_MAX: usize = 100;

impl Processes {
    /// Returns what is wrong, a line each: an instance that cannot be read, a key beside it that is missing, left over or other
    /// than computed from it, a cursor behind the end of its stream, a request nobody waits for.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn verify(&self, read: &dyn Read) -> Result<Vec<String>, Problem> {
        let mut findings = Vec::new();
        let mut expected = self.expected_keys(read, &mut findings)?;
        let mut beside = key::beside_instances();
        if self.is_listed(read)? {
            self.check_counts(read, &mut findings)?;
            check_versions(read, &mut findings)?;
        } else {
            // What an older version has left is listed so and counted only when the unit has run for a while.
            beside.retain(|prefix| !is_listed_later(prefix.as_ref()));
            expected.retain(|key, _| !is_listed_later(key));
        }
        compare(read, &beside, expected, &mut findings)?;
        check_cursors(read, &mut findings)?;
        check_requests(read, &mut findings)?;
        findings.truncate(FINDINGS_MAX);
        Ok(findings)
    }

    /// Returns the keys that should stand beside all instances.
    fn expected_keys(&self, read: &dyn Read, findings: &mut Vec<String>) -> Result<Index, Problem> {
        let mut expected = Index::new();
        for (stored, bytes) in read.scan_prefix(kernel::key(b'i').as_ref(), usize::MAX)? {
            let number = wire::last(&stored).unwrap_or_default();
            let found = wire::decode(&bytes).and_then(|instance| {
                let (process, version) = (&instance.process, instance.version);
                let compiled = self.cache.get(read, &self.config, process, version)?;
                wire::index(&instance, &compiled.indexed)
            });
            match found {
                Ok(index) => expected.extend(index),
                Err(problem) => findings.push(format!("instance {number}: {}", problem.message)),
            }
        }
        Ok(expected)
    }
}

/// Compares the keys that are stored beside instances with those that should be.
fn compare(
    read: &dyn Read,
    beside: &[Key],
    mut expected: Index,
    findings: &mut Vec<String>,
) -> Result<(), Problem> {
    let older = forget_listed(read, &mut expected)?;
    for prefix in beside {
        for (stored, value) in read.scan_prefix(prefix.as_ref(), usize::MAX)? {
            if older.iter().any(|prefix| stored.starts_with(prefix.as_ref())) {
                continue;
            }
            // Start timers and incidents of messages belong to no instance.
            if is_of_no_instance(&stored, &value) {
                continue;
            }
            match expected.remove(&stored) {
                Some(computed) if computed == value => {}
                Some(_) => {
                    findings.push(format!("{} has another value than its instance", shown(&stored)))
                }
                None => findings.push(format!("{} stands beside no instance", shown(&stored))),
            }
        }
    }
    findings.extend(
        expected.into_keys().map(|key| format!("{} is missing beside its instance", shown(&key))),
    );
    Ok(())
}

/// Where an older version has listed tasks and this one has not brought that forward, expects no list, and returns what to leave out.
fn forget_listed(read: &dyn Read, expected: &mut Index) -> Result<Vec<base::Key>, Problem> {
    let mut older = Vec::new();
    for prefix in key::tasks_before() {
        if !read.scan_prefix(prefix.as_ref(), 1)?.is_empty() {
            older.extend(key::tasks_before());
            older.extend(key::tasks_listed());
        }
    }
    expected.retain(|key, _| !older.iter().any(|prefix| key.starts_with(prefix.as_ref())));
    Ok(older)
}

fn is_of_no_instance(stored: &[u8], value: &[u8]) -> bool {
    let is_in = |prefix: base::Key| stored.starts_with(prefix.as_ref());
    let is_start_timer = is_in(key::timers()) && !value.is_empty();
    let is_incident = is_in(key::incidents()) || is_listed_incident(stored);
    let is_of_message = is_incident && wire::tail(stored).is_none_or(|(instance, _)| instance == 0);
    is_start_timer || is_of_message
}

fn is_listed_incident(key: &[u8]) -> bool {
    let listed = [key::incidents_by_process(), key::incidents_by_element()];
    listed.iter().any(|prefix| key.starts_with(prefix.as_ref()))
}

/// Returns whether a key is one that an older version has not written.
fn is_listed_later(key: &[u8]) -> bool {
    is_listed_incident(key) || key.starts_with(key::standing_all().as_ref())
}

/// Notes where instances that are over are not listed by version as they should be.
fn check_versions(read: &dyn Read, findings: &mut Vec<String>) -> Result<(), Problem> {
    let over = read.scan_prefix(key::past_all().as_ref(), usize::MAX)?;
    let mut expected: BTreeSet<Vec<u8>> = over
        .iter()
        .filter_map(|(found, place)| past::by_version(found, place))
        .map(Key::bytes)
        .collect();
    for (stored, _) in read.scan_prefix(key::past_by_version_all().as_ref(), usize::MAX)? {
        if !expected.remove(&stored) {
            findings.push(format!("{} leads to no instance that is over", shown(&stored)));
        }
    }
    let missing = expected
        .into_iter()
        .map(|key| format!("{} is missing, to an instance that is over", shown(&key)));
    findings.extend(missing);
    Ok(())
}

fn check_cursors(read: &dyn Read, findings: &mut Vec<String>) -> Result<(), Problem> {
    for (stored, bytes) in read.scan_prefix(key::cursors_all().as_ref(), usize::MAX)? {
        let mut reader = KeyReader::new(&stored);
        let (_, process, stream) = (reader.text(), reader.text(), reader.text());
        let (process, stream) = (process.unwrap_or_default(), stream.unwrap_or_default());
        let cursor = bytes.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let end = read.log_end(&log_of(&stream))?;
        if end < cursor {
            findings.push(format!(
                "process `{process}` has read {cursor} rows of `{stream}`, which has {end}"
            ));
        }
    }
    Ok(())
}

fn check_requests(read: &dyn Read, findings: &mut Vec<String>) -> Result<(), Problem> {
    let requests = read.scan_prefix(key::requests().as_ref(), usize::MAX)?.len();
    let waiting = read.scan_prefix(key::requested_all().as_ref(), usize::MAX)?.len();
    if requests != waiting {
        findings.push(format!("{requests} decisions are asked for, but {waiting} are waited for"));
    }
    Ok(())
}

/// Shows a key: letters as they are, everything else as a dot.
fn shown(key: &[u8]) -> String {
    let text: String = key
        .iter()
        .map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' })
        .collect();
    format!("key `{text}`")
}
