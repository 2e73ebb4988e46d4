//! Jobs: work that workers outside take, hold for a while, and finish.

use crate::engine::Processes;
use crate::error::Error;
use crate::instance::{Command, Element, Instance, Job, Parked, Variables, Wait};
use crate::lists::{Page, limit_of};
use crate::wire::{self, key};
use base::{Period, Problem, Time};
use kernel::{Call, Read, Reader, Reply, ResourceRef, Tx};
use notation::graph::NodeKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Which jobs a worker takes.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Activate {
    /// The type of the jobs.
    #[serde(rename = "type")]
    pub job_type: String,
    /// How many at most; 1 where absent.
    #[serde(default)]
    pub max: Option<usize>,
    /// For how many seconds the worker holds them.
    #[serde(default)]
    pub timeout: Option<u32>,
}

/// With what a job or a task is done.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Complete {
    /// The result.
    #[serde(default)]
    pub variables: Variables,
}

/// How a worker failed.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Fail {
    /// What went wrong.
    #[serde(default)]
    pub message: String,
    /// Tries left; one less than before where absent. At 0 it becomes an incident.
    #[serde(default)]
    pub retries: Option<i64>,
    /// Seconds until the next try.
    #[serde(default)]
    pub backoff: Option<u32>,
    /// Variables for the next try, the job's own.
    #[serde(default)]
    pub variables: Variables,
}

/// A BPMN error that a worker reports.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct JobError {
    /// `errorCode`.
    pub code: String,
    /// What was said with it.
    #[serde(default)]
    pub message: String,
    /// Variables for what comes behind the boundary event.
    #[serde(default)]
    pub variables: Variables,
}

/// A job as workers and lists see it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct JobRow {
    /// Its name: instance and element.
    pub job: String,
    /// The type.
    #[serde(rename = "type")]
    pub job_type: String,
    /// `available`, `held`, `put_off` or `failed`.
    pub state: &'static str,
    /// The instance.
    pub instance: u64,
    /// The process.
    pub process: String,
    /// The version of the process.
    pub version: u64,
    /// The business key of the instance.
    pub business_key: Option<String>,
    /// The element's id.
    pub element: String,
    /// Tries left.
    pub retries: i64,
    /// Until when it is held or put off, wall time.
    pub until: Option<String>,
    /// Who holds it.
    pub worker: Option<String>,
    /// `zeebe:taskHeaders`.
    pub headers: BTreeMap<String, String>,
    /// What it sees.
    pub variables: Variables,
    /// When it came, business time.
    pub created_at: String,
    /// The header `traceparent` for whatever the worker does for it, where it is traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl Processes {
    /// Gives jobs of a type to a worker.
    pub(crate) fn activate_jobs(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let parameters: Activate = call.parameters()?;
        self.free_jobs(tx)?;
        let limit = parameters.max.unwrap_or(1).min(self.config.jobs_max);
        let seconds = parameters.timeout.unwrap_or(self.config.job_seconds);
        let until = tx.wall().plus(Period::seconds(seconds.into()));
        let mut jobs = Vec::new();
        for (found, _) in tx.scan_prefix(key::jobs(&parameters.job_type).as_ref(), limit)? {
            let Some((number, element)) = wire::tail(&found) else { continue };
            let worker = Some(call.actor.to_string());
            let hold = |job: &mut Job| (job.until, job.worker) = (Some(until), worker.clone());
            if let Some(instance) = self.change_job(tx, number, element, hold)? {
                jobs.extend(self.job_row(tx, &instance, element)?);
            } else {
                tx.delete(found);
            }
        }
        Ok(Reply::Value(json!({ "jobs": jobs })))
    }

    /// Gives back jobs whose time with a worker, or whose backoff, is over.
    fn free_jobs(&self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let end = key::jobs_held().signed(tx.wall().0.saturating_add(1));
        let over = tx.scan(key::jobs_held().as_ref(), end.as_ref(), self.config.jobs_max, false)?;
        for (found, _) in over {
            let Some((number, element)) = wire::tail(&found) else { continue };
            let free = |job: &mut Job| (job.until, job.worker) = (None, None);
            if self.change_job(tx, number, element, free)?.is_none() {
                tx.delete(found);
            }
        }
        Ok(())
    }

    fn change_job(
        &self,
        tx: &mut Tx<'_>,
        number: u64,
        element: u32,
        change: impl FnOnce(&mut Job),
    ) -> Result<Option<Instance>, Problem> {
        let Some(before) = self.load(tx, number)? else { return Ok(None) };
        let mut after = before.clone();
        match after.element_mut(element).map(|element| &mut element.wait) {
            Some(Wait::Job(job)) => change(job),
            _ => return Ok(None),
        }
        self.replace(tx, &before, &after)?;
        Ok(Some(after))
    }

    /// A worker is done.
    pub(crate) fn complete_job(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let parameters: Complete = call.parameters()?;
        let variables = parameters.variables;
        self.on_job(tx, call, |element| Command::Complete { element, variables, by: None })
    }

    /// A worker failed.
    pub(crate) fn fail_job(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let Fail { message, retries, backoff, variables } = call.parameters()?;
        let until = backoff.map(|seconds| tx.wall().plus(Period::seconds(seconds.into())));
        self.on_job(tx, call, |element| Command::Fail {
            element,
            retries,
            until,
            message,
            variables,
        })
    }

    /// A worker reports a BPMN error.
    pub(crate) fn error_job(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let JobError { code, message, variables } = call.parameters()?;
        self.on_job(tx, call, |element| Command::Error { element, code, message, variables })
    }

    fn on_job(
        &self,
        tx: &mut Tx<'_>,
        call: &Call,
        command: impl FnOnce(u32) -> Command,
    ) -> Result<Reply, Problem> {
        let name = call.resource.name.as_str();
        let (instance, element) = self.job_of(tx, name)?;
        if instance.element(element).is_some_and(|element| element.incident.is_some()) {
            return Err(Error::JobState { job: name.into(), state: "without retries" }.into());
        }
        // What was reported while the instance took nothing is kept; once is enough.
        let is_reported = |parked: &Parked| parked.command.reported() == Some(element);
        if instance.parked.iter().any(is_reported) {
            return Err(Error::JobState { job: name.into(), state: "reported already" }.into());
        }
        let at = tx.time_of(call);
        let ran = self.deliver(tx, instance.key, command(element), Some(at))?;
        if !ran.is_taken {
            return Err(not_found(name));
        }
        Ok(Reply::Value(json!({})))
    }

    fn job_of(&self, read: &dyn Read, name: &str) -> Result<(Instance, u32), Problem> {
        let (number, element) = wire::parse_name(name).ok_or_else(|| not_found(name))?;
        let instance = self.load(read, number)?.ok_or_else(|| not_found(name))?;
        let is_job =
            instance.element(element).is_some_and(|element| matches!(element.wait, Wait::Job(_)));
        if is_job { Ok((instance, element)) } else { Err(not_found(name)) }
    }

    pub(crate) fn get_job(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let (instance, element) = self.job_of(reader, &call.resource.name)?;
        Reply::of(&self.job_row(reader, &instance, element)?)
    }

    pub(crate) fn list_jobs(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let prefix = match call.text("type") {
            Some(job_type) => key::jobs(job_type),
            None => key::jobs_all(),
        };
        let limit = limit_of(call, self.config.list_max)?;
        let mut keys = reader.scan_prefix(prefix.as_ref(), limit)?;
        keys.extend(reader.scan_prefix(key::jobs_held().as_ref(), limit)?);
        let mut page = Page::of(call, &self.config)?;
        for (found, _) in keys {
            let Some((number, element)) = wire::tail(&found) else { continue };
            let name = wire::name_of(number, element);
            if page.is_full() || !reader.allows("job.get", &ResourceRef::new("job", name))? {
                continue;
            }
            let Some(instance) = self.load(reader, number)? else { continue };
            let row = self.job_row(reader, &instance, element)?;
            let is_meant =
                |row: &JobRow| call.text("type").is_none_or(|meant| meant == row.job_type);
            page.items.extend(row.filter(is_meant).map(|row| json!(row)));
        }
        Ok(page.reply())
    }

    /// Returns a job as workers see it.
    pub(crate) fn job_row(
        &self,
        read: &dyn Read,
        instance: &Instance,
        id: u32,
    ) -> Result<Option<JobRow>, Problem> {
        let Some(element) = instance.element(id) else { return Ok(None) };
        let Wait::Job(job) = &element.wait else { return Ok(None) };
        let compiled = self.cache.get(read, &self.config, &instance.process, instance.version)?;
        let node = compiled.graph.node(element.node);
        let headers = match &node.kind {
            NodeKind::Job(job) => job.headers.clone(),
            _ => BTreeMap::new(),
        };
        Ok(Some(JobRow {
            job: wire::name_of(instance.key, id),
            job_type: job.job_type.clone(),
            state: state_of(instance, element, job),
            instance: instance.key,
            process: instance.process.clone(),
            version: instance.version,
            business_key: instance.business_key.clone(),
            element: node.id.clone(),
            retries: job.retries,
            until: job.until.as_ref().map(Time::to_string),
            worker: job.worker.clone(),
            headers,
            variables: instance.visible(id).into_owned(),
            created_at: element.entered.to_string(),
            trace: instance.trace.as_ref().map(|traced| traced.of_element(id).traceparent()),
        }))
    }
}

/// Returns how a job stands.
pub(crate) fn state_of(instance: &Instance, element: &Element, job: &Job) -> &'static str {
    match (&element.incident, job.until, &job.worker) {
        (Some(_), _, _) => "failed",
        _ if instance.suspended => "suspended",
        (None, None, _) => "available",
        (None, Some(_), Some(_)) => "held",
        (None, Some(_), None) => "put_off",
    }
}

fn not_found(name: &str) -> Problem {
    Error::NotFound { kind: "job", name: name.into() }.into()
}

/// Returns the schema of what `job.activate` answers.
pub(crate) fn activated() -> Value {
    json!({"type": "object", "properties": {"jobs": {"type": "array", "items": crate::operations::schema::<JobRow>()}}})
}
