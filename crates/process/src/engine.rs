//! The engine as the kernel sees it.

use crate::active::is_among_jobs;
use crate::compiled::{Cache, Compiled};
use crate::config::Config;
use crate::consume::Consumer;
use crate::decisions::{self, Models};
use crate::ended::Ended;
use crate::error::Error;
use crate::forms::{FormSpec, Forms};
use crate::instance::Command;
use crate::operations;
use crate::past;
use crate::running::{ENGINE, parse_token};
use crate::spec::{DecisionSpec, ProcessSpec};
use crate::wire::{self, key};
use base::{Place, Problem, Time};
use kernel::{
    Act, Address, Edge, Engine, Exposition, Found, Give, KindOf, Operation, Principal, Read,
    Reader, Relation, Resource, ResourceRef, Signal, Site, Tx, Wanted,
};
use notation::graph::NodeKind;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use store::Chunk;

/// Instances that go on in one step of background work.
const READY_MAX: usize = 64;

/// A value that stands for a commit or a chunk, with what it was computed for.
type Held<K, V> = Mutex<Option<(K, Arc<V>)>>;

/// The process engine. It keeps nothing but what it has compiled.
#[derive(Default)]
pub struct Processes {
    pub(crate) config: Config,
    pub(crate) cache: Cache,
    pub(crate) consumers: Held<u64, Vec<Consumer>>,
    pub(crate) decoded: Held<Arc<Chunk>, Vec<Value>>,
    pub(crate) models: Models,
    pub(crate) forms: Forms,
    /// True once no task is listed any more as an older version did it.
    pub(crate) is_listed: AtomicBool,
    /// Evaluates what may take long for whoever waits for it.
    pub(crate) outside: OnceLock<decisions::Outside>,
    /// True once it is known that all that was there before is counted.
    pub(crate) counted: AtomicBool,
}

impl std::fmt::Debug for Processes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Processes").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Processes {
    /// Returns an engine with these limits.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    fn process_changed(
        &self,
        tx: &mut Tx<'_>,
        name: &str,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        *self.consumers.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let compiled = match new {
            Some(resource) => {
                self.cache.forget(name, resource.version);
                let compiled = Compiled::new(resource, &self.config)?;
                self.check_references(tx, &compiled)?;
                Some(compiled)
            }
            None => None,
        };
        if compiled.is_none() {
            self.forget_suspension(tx, name);
        }
        self.listen(tx, name, compiled.as_ref())?;
        self.set_start_timers(tx, name, compiled.as_ref())
    }

    /// Checks that what a process calls is there.
    fn check_references(&self, tx: &Tx<'_>, compiled: &Compiled) -> Result<(), Problem> {
        let mut problems = self.check_forms(tx, compiled)?;
        for (number, on) in (0..).zip(&compiled.on) {
            let number: usize = number;
            if tx.resource("stream", &on.stream)?.is_none() {
                let reason = format!("stream `{}` does not exist", on.stream);
                problems.push(Error::Spec {
                    reason,
                    place: Place::pointer(format!("/spec/on/{number}/stream")),
                });
            }
        }
        for node in &compiled.graph.nodes {
            let place = || {
                let place = Place { line: Some(node.line), ..Place::pointer(node.id.clone()) };
                place.in_file(compiled.file.clone())
            };
            match &node.kind {
                NodeKind::Decision(decision)
                    if self.find_decision(tx, &decision.decision)?.is_none() =>
                {
                    let reason = format!("decision `{}` does not exist", decision.decision);
                    problems.push(Error::Spec { reason, place: place() });
                }
                NodeKind::Call(call) => {
                    if let Err(problem) = tx.kernel().operation(&call.operation) {
                        let hint = problem.hint.map(|hint| format!(": {hint}")).unwrap_or_default();
                        let reason = format!("{}{hint}", problem.message);
                        problems.push(Error::Spec { reason, place: place() });
                    }
                }
                _ => {}
            }
        }
        let mut problems = problems.into_iter().map(Problem::from);
        match problems.next() {
            Some(mut first) => {
                first.also.extend(problems);
                Err(first)
            }
            None => Ok(()),
        }
    }

    fn go_on(&self, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
        let ready = tx.scan_prefix(key::ready().as_ref(), budget.min(READY_MAX))?;
        for (found, _) in &ready {
            let number = wire::last(found).unwrap_or_default();
            if self.deliver(tx, number, Command::Continue, None)?.instance.is_none() {
                tx.delete(found.clone());
            }
        }
        Ok(ready.len())
    }

    /// Fires the timers that are due first, all of one instant; what they cause happens before those of the next.
    fn fire_due(&self, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
        let end = key::timers().signed(tx.business().0.saturating_add(1));
        let limit = budget.min(self.config.timers_max);
        let pairs = tx.scan(key::timers().as_ref(), end.as_ref(), limit, false)?;
        let first = pairs.first().and_then(|(found, _)| wire::instant(found, &key::timers()));
        let mut fired = 0;
        for (found, value) in pairs {
            let due = wire::instant(&found, &key::timers());
            if due != first {
                break;
            }
            fired += 1;
            let Some(due) = due else { continue };
            if !value.is_empty() {
                self.fire_start(tx, found, &value, due)?;
                continue;
            }
            let Some((number, element)) = wire::tail(&found) else { continue };
            if !self.deliver(tx, number, Command::Timer { element }, Some(due))?.is_taken {
                tx.delete(found);
            }
        }
        Ok(fired)
    }
}

impl Engine for Processes {
    fn name(&self) -> &'static str {
        ENGINE
    }

    fn kinds(&self) -> Vec<KindOf> {
        let runtime = |name: &'static str, plural: &'static str| KindOf {
            name,
            manifest: "",
            plural,
            schema: json!({}),
            check: |_| Ok(()),
            is_grant: false,
            roles: |_| Vec::new(),
        };
        vec![
            KindOf {
                name: "process",
                manifest: "Process",
                plural: "processes",
                schema: operations::schema::<ProcessSpec>(),
                check: |spec| serde_json::from_value::<ProcessSpec>(spec.clone()).map(|_| ()),
                is_grant: false,
                roles: roles_of,
            },
            KindOf {
                name: "decision",
                manifest: "Decision",
                plural: "decisions",
                schema: operations::schema::<DecisionSpec>(),
                check: |spec| serde_json::from_value::<DecisionSpec>(spec.clone()).map(|_| ()),
                is_grant: false,
                roles: |_| Vec::new(),
            },
            KindOf {
                name: "form",
                manifest: "Form",
                plural: "forms",
                schema: operations::schema::<FormSpec>(),
                check: |spec| serde_json::from_value::<FormSpec>(spec.clone()).map(|_| ()),
                is_grant: false,
                roles: |_| Vec::new(),
            },
            runtime("instance", "instances"),
            runtime("job", "jobs"),
            runtime("task", "tasks"),
            runtime("incident", "incidents"),
            runtime("signal", "signals"),
            runtime("bulk", "bulk"),
        ]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        operations::operations(&self)
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(crate::relations::relations(&self))
    }

    fn find(&self, read: &dyn Read, kind: &str, name: &str) -> Result<Option<Found>, Problem> {
        let found = |attributes, candidates| Some(Found { attributes, candidates });
        match kind {
            "task" => match self.task_row(read, name)? {
                Some(row) => {
                    let mut attributes =
                        BTreeMap::from([("process", row.process), ("state", row.state)]);
                    attributes.extend(row.assignee.map(|assignee| ("assignee", assignee)));
                    Ok(found(attributes, row.candidates))
                }
                None => Ok(self.ended_task(read, name)?.map(Ended::found)),
            },
            "incident" => Ok(self.incident_row(read, name)?.and_then(|row| {
                found(BTreeMap::from([("process", row.process), ("state", row.code)]), Vec::new())
            })),
            "bulk" => Ok(self.find_bulk(read, name)?.and_then(|bulk| {
                let owner = bulk.started_by.to_string();
                let attributes = BTreeMap::from([
                    ("process", bulk.order.filter.process),
                    ("state", bulk.state.as_str().to_owned()),
                    ("owner", owner),
                ]);
                found(attributes, Vec::new())
            })),
            "instance" | "job" => {
                let number = match kind {
                    "job" => wire::parse_name(name).map(|(instance, _)| instance),
                    _ => name.parse().ok(),
                };
                let Some(number) = number else { return Ok(None) };
                let Some(instance) = self.load(read, number)? else {
                    let row = match kind {
                        "instance" => self.past_row(read, number)?,
                        _ => None,
                    };
                    return Ok(row.as_ref().map(past::found));
                };
                Ok({
                    let state = instance.state_name().to_owned();
                    let mut attributes =
                        BTreeMap::from([("process", instance.process), ("state", state)]);
                    attributes
                        .extend(instance.started_by.map(|owner| ("owner", owner.to_string())));
                    found(attributes, Vec::new())
                })
            }
            _ => Ok(None),
        }
    }

    fn changed(
        &self,
        tx: &mut Tx<'_>,
        old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        let Some(resource) = new.or(old) else { return Ok(()) };
        match resource.kind.as_str() {
            "process" => self.process_changed(tx, &resource.name, new),
            "decision" => new.map_or(Ok(()), check_decision),
            "form" => self.form_changed(tx, &resource.name, new),
            "stream" => {
                *self.consumers.lock().unwrap_or_else(PoisonError::into_inner) = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Events come before timers at the same instant: timers wait until nothing else is left to do, unless there is
    /// more to consume than fits into a step.
    fn work(&self, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
        let mut done = self.go_on(tx, budget)?;
        let (consumed, has_more) = self.consume(tx, budget.saturating_sub(done))?;
        done += consumed;
        if 0 < done && !has_more {
            return Ok(done);
        }
        let fired = self.fire_due(tx, budget.saturating_sub(done).max(1))?;
        if 0 < fired || 0 < done {
            return Ok(done + fired);
        }
        let offered = self.offer_waiting(tx, budget)?;
        if 0 < offered {
            return Ok(offered);
        }
        let looked = self.work_bulk(tx)?;
        if 0 < looked {
            return Ok(looked);
        }
        let listed = self.list_anew(tx)? + self.forget_ended(tx)?;
        if 0 < listed {
            return Ok(listed);
        }
        self.recount(tx)?;
        self.forget_history(tx)?;
        self.expire(tx, budget.min(self.config.timers_max))
    }

    fn running(
        &self,
        read: &dyn Read,
        caller: &Principal,
        wanted: &Wanted,
        give: Give<'_>,
    ) -> Result<Option<String>, Problem> {
        if !is_among_jobs(wanted) {
            let stopped = self.active(read, caller, wanted, give)?;
            if stopped.is_some() {
                return Ok(stopped);
            }
        }
        self.active_jobs(read, caller, wanted, give)
    }

    fn signal(
        &self,
        read: &dyn Read,
        _caller: &Principal,
        id: &str,
        signal: Signal,
    ) -> Result<Option<Act>, Problem> {
        self.tell(read, id, signal)
    }

    fn forget(&self) {
        self.is_listed.store(false, Ordering::Relaxed);
        self.counted.store(false, Ordering::Relaxed);
        *self.consumers.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn sites(&self, kind: &str, name: Option<&str>) -> Vec<Site> {
        crate::live::sites(kind, name)
    }

    fn let_go(&self) {
        self.cache.clear();
        *self.decoded.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn reads_from(&self, read: &dyn Read, log: &str) -> Result<Option<u64>, Problem> {
        Self::cursor_least(read, log)
    }

    fn due(&self, read: &dyn Read) -> Result<Option<Time>, Problem> {
        let first = |prefix: base::Key, later: i64| -> Result<Option<Time>, Problem> {
            let pairs = read.scan_prefix(prefix.as_ref(), 1)?;
            let due = pairs.first().and_then(|(found, _)| wire::instant(found, &prefix));
            Ok(due.map(|due| Time(due.0.saturating_add(later))))
        };
        let timer = first(key::timers(), 0)?;
        let expiry = first(key::expiries(), 1)?;
        Ok([timer, expiry, self.bulk_due(read)?].into_iter().flatten().min())
    }

    fn resume(
        &self,
        tx: &mut Tx<'_>,
        address: &Address,
        result: Result<Value, Problem>,
    ) -> Result<(), Problem> {
        if self.answered_bulk(tx, &address.token, &result)? {
            return Ok(());
        }
        let Some((number, element, attempt)) = parse_token(&address.token) else {
            return Err(Error::Stored { detail: format!("the address `{}`", address.token) }.into());
        };
        let (result, at, row) = match result {
            Ok(Value::Object(mut answer)) if answer.contains_key("$at") => {
                let at = answer
                    .get("$at")
                    .and_then(Value::as_str)
                    .and_then(|text| Time::parse(text).ok());
                (Ok(answer.remove("value").unwrap_or_default()), at, None)
            }
            Ok(Value::Object(mut answer)) if answer.contains_key(decisions::ROW) => {
                let row = answer.get(decisions::ROW).and_then(Value::as_u64);
                (Ok(answer.remove("value").unwrap_or_default()), None, row)
            }
            other => (other, None, None),
        };
        let command = Command::Result { element, attempt, result, row };
        self.deliver(tx, number, command, at).map(|_| ())
    }

    fn metrics(&self, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
        self.expose(reader, out)
    }

    fn overdue(
        &self,
        reader: &Reader,
        on: &ResourceRef,
        before: Time,
    ) -> Result<Option<u64>, Problem> {
        self.late(reader, on, before)
    }

    fn lineage(&self, reader: &Reader) -> Result<Vec<Edge>, Problem> {
        self.edges(reader)
    }
}

fn roles_of(spec: &Value) -> Vec<String> {
    let roles = spec.get("roles").and_then(Value::as_array);
    roles.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn check_decision(resource: &Resource) -> Result<(), Problem> {
    let file = resource.spec.get("dmn").and_then(Value::as_str).unwrap_or("source").to_owned();
    let source = resource.spec.get("source").and_then(Value::as_str).unwrap_or_default();
    notation::dmn::Model::parse(source).map(|_| ()).map_err(|error| {
        let problem = Problem::from(error);
        let place = problem.place.clone().unwrap_or_default().in_file(file);
        problem.at(place)
    })
}
