//! Where active instances are looked for: by the most particular key that a filter has.
//!
//! What is found there may not be meant: whoever looks compares the rest.

use crate::engine::Processes;
use crate::wire::{self, key};
use base::{Key, Problem};
use kernel::Read;
use std::collections::BTreeSet;

/// Keys that are read in one go.
const PAGE: usize = 100;

/// What is known of the instances that are looked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sought<'a> {
    /// Their process.
    pub process: Option<&'a str>,
    /// What the business calls them.
    pub business_key: Option<&'a str>,
    /// The value of an indexed variable, together with the process.
    pub variable: Option<(&'a str, &'a str)>,
    /// How they stand.
    pub state: Option<&'a str>,
}

/// Among which keys instances are looked for.
#[derive(Debug)]
pub(crate) enum Among {
    /// All that begin so; behind it stands the instance.
    Keys(Key),
    /// Incidents: an instance that has failed has one.
    Incidents,
    /// Instances of any process that the business calls so.
    Called(String),
}

impl Sought<'_> {
    /// Returns the fewest keys among which all of them are.
    pub(crate) fn among(self) -> Among {
        match (self.process, self.business_key, self.variable, self.state) {
            (Some(process), Some(called), ..) => {
                Among::Keys(key::instances_by_key(process, called))
            }
            (Some(process), None, Some((variable, value)), _) => {
                Among::Keys(key::instances_by(process, variable, value))
            }
            (None, Some(called), ..) => Among::Called(called.to_owned()),
            (_, None, _, Some("failed")) => Among::Incidents,
            (_, None, _, Some("suspended")) => Among::Keys(key::instances_suspended()),
            (Some(process), ..) => Among::Keys(key::instances_of(process)),
            (None, None, ..) => Among::Keys(key::instances()),
        }
    }
}

impl Processes {
    /// Returns some of the instances behind a number, in order; none where there is none.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn numbers(
        &self,
        read: &dyn Read,
        among: &Among,
        after: u64,
    ) -> Result<Vec<u64>, Problem> {
        let from = after.saturating_add(1);
        match among {
            Among::Keys(prefix) => {
                let found = scan(read, prefix, from)?;
                Ok(found.iter().filter_map(|key| wire::last(key)).collect())
            }
            Among::Incidents => {
                let found = scan(read, &key::incidents(), from)?;
                let number = |key: &Vec<u8>| wire::tail(key).map(|(number, _)| number);
                let mut numbers: Vec<u64> = found.iter().filter_map(number).collect();
                numbers.dedup();
                Ok(numbers)
            }
            Among::Called(called) => {
                let mut numbers = BTreeSet::new();
                for process in processes(read)? {
                    let found = scan(read, &key::instances_by_key(&process, called), from)?;
                    numbers.extend(found.iter().filter_map(|key| wire::last(key)));
                }
                // The least of all are among the least of each.
                Ok(numbers.into_iter().take(PAGE).collect())
            }
        }
    }
}

/// Reads keys that go on with an instance from a number on.
fn scan(read: &dyn Read, prefix: &Key, from: u64) -> Result<Vec<Vec<u8>>, Problem> {
    let (first, end) = (prefix.clone().number(from), base::prefix_end(prefix.as_ref()));
    let pairs = read.scan(first.as_ref(), &end, PAGE, false)?;
    Ok(pairs.into_iter().map(|(key, _)| key).collect())
}

/// Returns the processes that have instances, a step for each.
fn processes(read: &dyn Read) -> Result<Vec<String>, Problem> {
    let all = key::instances_all();
    let (mut from, end) = (all.as_ref().to_vec(), base::prefix_end(all.as_ref()));
    let mut found = Vec::new();
    loop {
        let pairs = read.scan(&from, &end, 1, false)?;
        let Some((first, _)) = pairs.first() else { return Ok(found) };
        let mut reader = base::KeyReader::new(first);
        let Some(process) = reader.text().and_then(|_| reader.text()) else { return Ok(found) };
        from = base::prefix_end(key::instances_of(&process).as_ref());
        found.push(process);
    }
}
