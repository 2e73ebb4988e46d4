//! The numbers of the table `head`, which all databases have: the last commit, and where each log ends.
//!
//! Only the writer changes them, so that it need not read them again.

use crate::Batch;
use crate::numbers::unsigned;
use std::collections::BTreeMap;

/// Where a log ends, and its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogHead {
    pub number: i64,
    pub end: u64,
}

/// The numbers of `head`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heads {
    pub commit: u64,
    /// The epochs of partitions, where they stand here.
    pub epochs: BTreeMap<u16, u64>,
    pub logs: BTreeMap<String, LogHead>,
    log_last: i64,
}

impl Heads {
    /// Takes a row of the table up; `log` reads the number of a log from it.
    pub fn take<E>(
        &mut self,
        name: &str,
        number: i64,
        log: impl FnOnce() -> Result<i64, E>,
    ) -> Result<(), E> {
        let number = unsigned(number);
        if name == "commit" {
            self.commit = number;
        } else if let Some(partition) = name.strip_prefix("epoch/") {
            self.epochs.insert(partition.parse().unwrap_or_default(), number);
        } else if let Some(name) = name.strip_prefix("log/") {
            let head = LogHead { number: log()?, end: number };
            self.log_last = self.log_last.max(head.number);
            self.logs.insert(name.to_owned(), head);
        }
        Ok(())
    }

    /// Returns the logs that a batch appends to, as they are after it.
    ///
    /// # Panics
    /// Where a chunk does not begin at the end of its log.
    pub fn after<'a>(&self, batch: &'a Batch) -> BTreeMap<&'a str, LogHead> {
        let mut logs: BTreeMap<&str, LogHead> = BTreeMap::new();
        let mut log_last = self.log_last;
        for chunk in batch.chunks.iter().filter(|chunk| 0 < chunk.count) {
            let head = logs.entry(&chunk.log).or_insert_with(|| {
                self.logs.get(&chunk.log).copied().unwrap_or_else(|| {
                    log_last += 1;
                    LogHead { number: log_last, end: 0 }
                })
            });
            // Invariant: a log has no gaps. A gap here means that the writer lost count.
            assert_eq!(chunk.offset, head.end, "log `{}` has no gaps", chunk.log);
            head.end += u64::from(chunk.count);
        }
        logs
    }

    /// Goes on to the next commit, with the logs as they are after it.
    pub fn advance(&mut self, logs: BTreeMap<&str, LogHead>) {
        self.commit += 1;
        for (name, head) in logs {
            self.log_last = self.log_last.max(head.number);
            self.logs.insert(name.to_owned(), head);
        }
    }
}
