//! Active instances and their jobs as the kernel lists them beside all else that runs.

use crate::among::Sought;
use crate::engine::Processes;
use crate::instance::{Instance, Wait};
use crate::jobs;
use crate::wire::{self, key};
use base::{Problem, percent_decode, percent_encode, prefix_end};
use kernel::{Act, Give, Principal, Read, ResourceRef, Running, Signal, Wanted};
use serde_json::json;

/// The kind of instances in lists of what runs.
const KIND: &str = "instance";

/// The beginning of an id that means a whole process: its instances, and those to come.
const DEFINITION: &str = "process/";

/// How an active instance can stand.
const STATES: [&str; 3] = ["active", "failed", "suspended"];

/// The kind of jobs in lists of what runs.
const JOB: &str = "job";

/// The beginning of a job's id, and of places among jobs.
const JOBS: &str = "job/";

/// How a job that is listed can stand. One that has failed or is suspended is told of by its instance.
const JOB_STATES: [&str; 3] = ["available", "held", "put_off"];

/// Keys of jobs that are read in one go.
const PAGE: usize = 100;

/// Returns whether a list goes on behind a job: all instances were looked at.
pub(crate) fn is_among_jobs(wanted: &Wanted) -> bool {
    wanted.after.as_ref().is_some_and(|after| after.starts_with(JOBS))
}

impl Processes {
    /// Gives the active instances that a caller may see. Returns behind which one it has stopped to look, where it has.
    ///
    /// # Errors
    /// Where the store cannot be read, or what `give` says.
    pub(crate) fn active(
        &self,
        read: &dyn Read,
        caller: &Principal,
        wanted: &Wanted,
        give: Give<'_>,
    ) -> Result<Option<String>, Problem> {
        let state = wanted.state.as_deref();
        if !wanted.is_of(KIND) || state.is_some_and(|state| !STATES.contains(&state)) {
            return Ok(None);
        }
        if let Some(id) = &wanted.id {
            let number = number_of(id);
            let instance = number.map(|number| self.load(read, number)).transpose()?.flatten();
            if let Some(instance) = instance.filter(|instance| wanted.is(&shown(instance)))
                && may_see(read, caller, &instance)?
            {
                give(shown(&instance))?;
            }
            return Ok(None);
        }
        let process = match &wanted.resource {
            None => None,
            Some(resource) => match resource.strip_prefix(DEFINITION) {
                Some(process) => Some(process),
                None => return Ok(None),
            },
        };
        let among = Sought { process, state, ..Sought::default() }.among();
        let after = wanted.after.as_deref().and_then(|after| after.parse().ok()).unwrap_or(0_u64);
        let stopped = wanted.walk(
            after,
            |after| {
                let numbers = self.numbers(read, &among, *after)?;
                Ok(numbers.into_iter().map(|number| (number, number)).collect())
            },
            |number| {
                let Some(instance) = self.load(read, number)? else { return Ok(true) };
                // What is not meant costs no question about rights.
                let running = shown(&instance);
                let is_given = wanted.is(&running) && may_see(read, caller, &instance)?;
                Ok(!is_given || give(running)?)
            },
        )?;
        Ok(stopped.map(|after| after.to_string()))
    }

    /// Gives the jobs that can be taken or are held, as far as a caller may see them. Returns behind which one it has stopped to
    /// look, where it has.
    ///
    /// # Errors
    /// Where the store cannot be read, or what `give` says.
    pub(crate) fn active_jobs(
        &self,
        read: &dyn Read,
        caller: &Principal,
        wanted: &Wanted,
        give: Give<'_>,
    ) -> Result<Option<String>, Problem> {
        let (state, resource) = (wanted.state.as_deref(), wanted.resource.as_deref());
        if !wanted.is_of(JOB)
            || state.is_some_and(|state| !JOB_STATES.contains(&state))
            || resource.is_some_and(|resource| number_of(resource).is_none())
        {
            return Ok(None);
        }
        let mut look = |number, element| -> Result<bool, Problem> {
            let instance = self.load(read, number)?;
            let Some(running) = instance.and_then(|instance| shown_job(&instance, element)) else {
                return Ok(true);
            };
            Ok(!wanted.is(&running) || !may_see_job(read, caller, &running)? || give(running)?)
        };
        if let Some(id) = &wanted.id {
            if let Some((number, element)) = id.strip_prefix(JOBS).and_then(wire::parse_name) {
                look(number, element)?;
            }
            return Ok(None);
        }
        // Those that can be taken, then those that are held: their keys stand side by side.
        let all = kernel::key(b'j').bytes();
        let end = prefix_end(key::jobs_held().as_ref());
        let after = wanted.after.as_deref().and_then(|after| after.strip_prefix(JOBS));
        let after = percent_decode(after.unwrap_or_default()).unwrap_or_default().into_owned();
        let stopped = wanted.walk(
            after,
            |after| {
                let from = [&all[..], &after[..], &[0][..]].concat();
                if end <= from {
                    return Ok(Vec::new());
                }
                let found = read.scan(&from, &end, PAGE, false)?;
                let place = |job: &[u8]| (job[all.len()..].to_vec(), wire::tail(job));
                Ok(found.iter().map(|(job, _)| place(job)).collect())
            },
            |job| match job {
                Some((number, element)) => look(number, element),
                None => Ok(true),
            },
        )?;
        Ok(stopped.map(|after| format!("{JOBS}{}", percent_encode(&after))))
    }

    /// Says by which operation an instance, or a whole process, is told something.
    ///
    /// # Errors
    /// `running.unsupported`: a job is told nothing by itself.
    pub(crate) fn tell(
        &self,
        read: &dyn Read,
        id: &str,
        signal: Signal,
    ) -> Result<Option<Act>, Problem> {
        if let Some(process) = id.strip_prefix(DEFINITION) {
            let operation = match signal {
                Signal::Pause => "process.suspend",
                Signal::Resume => "process.resume",
                Signal::Kill => {
                    let end = format!("craton kill --resource {DEFINITION}{process} --yes");
                    let hint = format!("end its instances: `{end}`");
                    return Err(signal.unsupported("a process as a whole").with_hint(hint));
                }
                Signal::Limit(_) => return Err(signal.unsupported("a process as a whole")),
            };
            if read.resource("process", process)?.is_none() {
                return Ok(None);
            }
            let resource = ResourceRef::new("process", process);
            // Its instances as well as those to come.
            return Ok(Some(Act::Operation(operation, resource, json!({"instances": true}))));
        }
        if let Some((instance, _)) = id.strip_prefix(JOBS).and_then(wire::parse_name) {
            return Err(of_job(signal, instance));
        }
        let Some(number) = number_of(id) else { return Ok(None) };
        let operation = match signal {
            Signal::Kill => "instance.cancel",
            Signal::Pause => "instance.suspend",
            Signal::Resume => "instance.resume",
            Signal::Limit(_) => return Err(signal.unsupported("an instance")),
        };
        // Whether it is there, and whether the caller may, is the operation's to say.
        let resource = ResourceRef::new("instance", number.to_string());
        Ok(Some(Act::Operation(operation, resource, json!({}))))
    }
}

/// Returns the refusal of a job: what it can be told its instance is told.
fn of_job(signal: Signal, instance: u64) -> Problem {
    let refused = signal.unsupported("a job");
    let (does, verb) = match signal {
        Signal::Kill => ("ends", "kill"),
        Signal::Pause => ("pauses", "pause"),
        Signal::Resume => ("goes on", "resume"),
        Signal::Limit(_) => return refused,
    };
    refused.with_hint(format!("it {does} with its instance: `craton {verb} {KIND}/{instance}`"))
}

fn number_of(id: &str) -> Option<u64> {
    id.strip_prefix(KIND)?.strip_prefix('/')?.parse().ok()
}

fn may_see(read: &dyn Read, caller: &Principal, instance: &Instance) -> Result<bool, Problem> {
    let resource = ResourceRef::new("instance", instance.key.to_string());
    read.kernel().is_allowed(read, "instance.get", &resource, caller, None)
}

fn may_see_job(read: &dyn Read, caller: &Principal, job: &Running) -> Result<bool, Problem> {
    let name = job.id.strip_prefix(JOBS).unwrap_or_default();
    read.kernel().is_allowed(read, "job.get", &ResourceRef::new("job", name), caller, None)
}

/// Returns a job that can be taken or is held; nothing where there is none.
fn shown_job(instance: &Instance, id: u32) -> Option<Running> {
    let element = instance.element(id).filter(|_| instance.is_open())?;
    let Wait::Job(job) = &element.wait else { return None };
    let state = jobs::state_of(instance, element, job);
    let process = format!("process:{}", instance.process);
    JOB_STATES.contains(&state).then(|| Running {
        id: format!("{JOBS}{}", wire::name_of(instance.key, id)),
        kind: JOB,
        what: format!("{}{}", job.job_type, called(instance)),
        tag: None,
        resource: Some(format!("{KIND}/{}", instance.key)),
        principal: job.worker.clone().unwrap_or_else(|| process.clone()),
        on_behalf_of: Some(process),
        since: element.entered,
        cpu_ms: None,
        memory_bytes: None,
        rows: None,
        bytes: None,
        state: state.into(),
    })
}

/// Returns what the business calls an instance, to stand behind something else.
fn called(instance: &Instance) -> String {
    instance.business_key.as_ref().map(|key| format!(" {key}")).unwrap_or_default()
}

fn shown(instance: &Instance) -> Running {
    let on_behalf_of = instance.on_behalf_of.as_ref().or(instance.started_by.as_ref());
    Running {
        id: format!("{KIND}/{}", instance.key),
        kind: KIND,
        what: format!("{}{}", instance.process, called(instance)),
        tag: None,
        resource: Some(format!("{DEFINITION}{}", instance.process)),
        principal: format!("process:{}", instance.process),
        on_behalf_of: on_behalf_of.map(ToString::to_string),
        since: instance.started_at,
        cpu_ms: None,
        memory_bytes: None,
        rows: None,
        bytes: None,
        state: instance.state_name().into(),
    }
}
