//! Looks through what is stored of files for contradictions, while the unit is not running.

use super::state;
use crate::engine::Desk;
use base::{KeyReader, Problem};
use kernel::Read;
use std::collections::{BTreeMap, BTreeSet};

/// At most so many lines; who has more needs no more.
const FINDINGS_MAX: usize = 100;

impl Desk {
    /// Returns what is wrong, a line each: a file whose bytes are not those of its name, pieces of no file, a sum that is another.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn verify(&self, read: &dyn Read) -> Result<Vec<String>, Problem> {
        let mut findings = Vec::new();
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        let mut names = BTreeSet::new();
        for (key, value) in read.scan_prefix(state::all().as_ref(), usize::MAX)? {
            let name = first_text(&key);
            match state::decode(&value) {
                Ok(record) => {
                    for who in [record.owner.as_str(), ""] {
                        *sums.entry(who.to_owned()).or_default() += record.bytes;
                    }
                    let bytes = state::pieces_of(read, &name)?.concat();
                    if bytes.len() as u64 != record.bytes || state::name_of(&bytes) != name {
                        findings.push(format!("file {name}: its bytes are not those of its name"));
                    }
                    if read.get(state::ages().signed(record.at.0).text(&name).as_ref())?.is_none() {
                        findings.push(format!("file {name}: it is not among those by age"));
                    }
                }
                Err(problem) => findings.push(format!("file {name}: {}", problem.message)),
            }
            names.insert(name);
        }
        check_pieces(read, &names, &mut findings)?;
        for (key, value) in read.scan_prefix(state::sums().as_ref(), usize::MAX)? {
            let (who, stored) = (first_text(&key), state::number(&value));
            let computed = sums.remove(&who).unwrap_or_default();
            if stored != computed {
                findings
                    .push(format!("files of `{who}`: {stored} bytes are noted, {computed} there"));
            }
        }
        let missing = sums.into_iter().filter(|(_, sum)| *sum != 0);
        findings.extend(missing.map(|(who, _)| format!("files of `{who}`: no sum is noted")));
        findings.truncate(FINDINGS_MAX);
        Ok(findings)
    }
}

/// Looks for pieces of files that are not there, from one name to the next.
fn check_pieces(
    read: &dyn Read,
    names: &BTreeSet<String>,
    findings: &mut Vec<String>,
) -> Result<(), Problem> {
    let (mut from, to) = (state::pieces().bytes(), base::prefix_end(state::pieces().as_ref()));
    while let Some((key, _)) = read.scan(&from, &to, 1, false)?.into_iter().next() {
        let name = first_text(&key);
        from = base::prefix_end(state::pieces().text(&name).as_ref());
        if !names.contains(&name) {
            findings.push(format!("file {name}: there are pieces of it, and it is not known"));
        }
    }
    Ok(())
}

/// Returns the first part of a key, a text.
fn first_text(key: &[u8]) -> String {
    KeyReader::new(key).text().unwrap_or_default()
}
