//! Looks for contradictions between the numbers of a store and its chunks, whatever they lie in.

use crate::numbers::{chunk_log, chunk_offset, unsigned};
use std::collections::BTreeMap;

/// At most so many lines; who has more needs no more.
pub(crate) const FINDINGS_MAX: usize = 100;

/// The logs as `head` knows them: number, name and end.
pub(crate) const LOGS: &str =
    "SELECT log, substr(name, 5), number FROM head WHERE name LIKE 'log/%'";

/// The number of the last commit.
pub(crate) const COMMIT: &str = "SELECT number FROM head WHERE name = 'commit'";

/// A log as `head` knows it.
struct Known {
    name: String,
    end: u64,
    /// Where the chunk before ended; `None` before the first.
    reached: Option<u64>,
}

/// What is checked: first all logs, then all chunks in their order.
pub(crate) struct Checked<'a> {
    logs: BTreeMap<i64, Known>,
    /// The newest commit that a chunk is of.
    newest: u64,
    findings: &'a mut Vec<String>,
}

impl<'a> Checked<'a> {
    pub fn new(findings: &'a mut Vec<String>) -> Self {
        Self { logs: BTreeMap::new(), newest: 0, findings }
    }

    pub fn log(&mut self, number: i64, name: String, end: i64) {
        let log = Known { name, end: unsigned(end), reached: None };
        if let Some(other) = self.logs.insert(number, log) {
            self.findings.push(format!("log `{}` shares its number with another", other.name));
        }
    }

    pub fn chunk(&mut self, id: i64, count: i64, commit: i64) {
        self.newest = self.newest.max(unsigned(commit));
        let offset = chunk_offset(id);
        let Some(log) = self.logs.get_mut(&chunk_log(id)) else {
            self.findings.push(format!("chunk {id} belongs to no log"));
            return;
        };
        if let Some(reached) = log.reached.filter(|reached| *reached != offset) {
            self.findings.push(format!("log `{}` goes on at {offset} after {reached}", log.name));
        }
        log.reached = Some(offset + unsigned(count));
    }

    /// Returns whether there is no use in looking further.
    pub fn is_full(&self) -> bool {
        FINDINGS_MAX <= self.findings.len()
    }

    /// Compares what was seen with the number of the last commit.
    pub fn finish(self, commit: Option<i64>) {
        let newest = self.newest;
        match commit.map(unsigned) {
            None => self.findings.push("the commit number is missing".into()),
            Some(commit) if commit < newest => self
                .findings
                .push(format!("a chunk is of commit {newest}, but the last commit is {commit}")),
            Some(_) => {}
        }
        for log in self.logs.values() {
            // A log without chunks was trimmed to its end.
            if let Some(reached) = log.reached.filter(|reached| *reached != log.end) {
                self.findings.push(format!(
                    "log `{}` ends at {}, but its chunks end at {reached}",
                    log.name, log.end
                ));
            }
        }
        self.findings.truncate(FINDINGS_MAX);
    }
}
