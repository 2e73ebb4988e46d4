//! What the engine counts, for `/metrics`. What stands under keys is counted up to `metric_count_max`: a unit with a million waiting
//! instances tells that many, and is not slowed down by being asked.

use crate::engine::Processes;
use crate::wire::{self, key};
use base::{Key, KeyReader, Problem, Time};
use kernel::{Exposition, Read, Reader, ResourceRef};
use std::collections::BTreeMap;

/// Pairs that are read in one go.
const PAIRS_MAX: usize = 1_000;

/// Counted when an instance begins.
pub(crate) const STARTED: &str = "craton_process_instances_started_total";
/// Counted when one comes to its end.
pub(crate) const COMPLETED: &str = "craton_process_instances_completed_total";
/// Counted when one is ended from outside.
pub(crate) const CANCELLED: &str = "craton_process_instances_cancelled_total";

impl Processes {
    /// Tells what is active, what waits, and what was done since the start.
    pub(crate) fn expose(&self, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
        let counts = [
            (STARTED, "Instances that were started since the unit began."),
            (COMPLETED, "Instances that came to their end since the unit began."),
            (CANCELLED, "Instances that were ended from outside since the unit began."),
        ];
        for (name, help) in counts {
            for (process, count) in reader.kernel().meters().counts(name) {
                out.counter(name, help, &[("process", &process)], count);
            }
        }
        let limit = self.config.metric_count_max;
        for process in reader.resources("process")? {
            let count = self.count(reader, &key::instances_of(&process.name), limit)?;
            let labels = [("process", process.name.as_str())];
            out.gauge(
                "craton_process_instances_active",
                "Instances that are active or failed.",
                &labels,
                count as f64,
            );
        }
        self.tell_jobs(reader, out, limit)?;
        let incidents = self.count(reader, &key::incidents(), limit)?;
        out.gauge(
            "craton_incidents_open",
            "What stands still until somebody mends it.",
            &[],
            incidents as f64,
        );
        let due = key::timers().signed(reader.business().0.saturating_add(1));
        let due = reader.scan(key::timers().as_ref(), due.as_ref(), limit, false)?.len();
        out.gauge("craton_timers_due", "Timers that are due and have not fired.", &[], due as f64);
        let tasks = self.count(reader, &key::tasks(), limit)?;
        out.gauge("craton_tasks_open", "Tasks of people that are open.", &[], tasks as f64);
        let requests = self.count(reader, &key::requests(), limit)?;
        out.gauge(
            "craton_decisions_waiting",
            "Decisions and scripts that wait to be evaluated.",
            &[],
            requests as f64,
        );
        Ok(())
    }

    fn tell_jobs(
        &self,
        reader: &Reader,
        out: &mut Exposition,
        limit: usize,
    ) -> Result<(), Problem> {
        let mut types: BTreeMap<String, u64> = BTreeMap::new();
        each(reader, &key::jobs_all(), limit, &mut |found| {
            let mut parts = KeyReader::new(found);
            // The part of the space, then the type.
            let (_, job_type) = (parts.text(), parts.text());
            *types.entry(job_type.unwrap_or_default()).or_default() += 1;
        })?;
        for (job_type, count) in types {
            let labels = [("type", job_type.as_str())];
            out.gauge(
                "craton_jobs_waiting",
                "Jobs that a worker could take.",
                &labels,
                count as f64,
            );
        }
        let held = self.count(reader, &key::jobs_held(), limit)?;
        out.gauge(
            "craton_jobs_held",
            "Jobs that a worker holds, or that are put off.",
            &[],
            held as f64,
        );
        Ok(())
    }

    fn count(&self, read: &dyn Read, prefix: &Key, limit: usize) -> Result<u64, Problem> {
        let mut count = 0;
        each(read, prefix, limit, &mut |_| count += 1)?;
        Ok(count)
    }

    /// Returns how many instances of a process were started before a time and are not over, of as many as are looked at.
    pub(crate) fn late(
        &self,
        reader: &Reader,
        on: &ResourceRef,
        before: Time,
    ) -> Result<Option<u64>, Problem> {
        if on.kind != "process" {
            return Ok(None);
        }
        let mut numbers = Vec::new();
        let limit = self.config.metric_count_max / 10;
        each(reader, &key::instances_of(&on.name), limit, &mut |found| {
            numbers.extend(wire::last(found));
        })?;
        let mut count = 0;
        for number in numbers {
            let instance = self.load(reader, number)?;
            count += u64::from(instance.is_some_and(|instance| instance.started_at < before));
        }
        Ok(Some(count))
    }
}

/// Looks at the keys of a prefix, so many at most.
fn each(
    read: &dyn Read,
    prefix: &Key,
    limit: usize,
    look: &mut dyn FnMut(&[u8]),
) -> Result<(), Problem> {
    let (mut from, to) = (prefix.as_ref().to_vec(), base::prefix_end(prefix.as_ref()));
    let mut left = limit;
    while 0 < left {
        let pairs = read.scan(&from, &to, PAIRS_MAX.min(left), false)?;
        let Some((last, _)) = pairs.last() else { return Ok(()) };
        from = last.clone();
        from.push(0);
        left -= pairs.len().min(left);
        pairs.iter().for_each(|(key, _)| look(key));
    }
    Ok(())
}
