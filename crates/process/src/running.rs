//! Runs instances inside a transaction: loads one, lets the step function decide, does what it asks, stores what came out.

use crate::compiled::Compiled;
use crate::counts::Present;
use crate::elements::text_of;
use crate::engine::Processes;
use crate::error::Error;
use crate::instance::{
    Command, ElementId, Incident, Instance, Parked, State, Trail, Variables, Wait,
};
use crate::metrics;
use crate::past::{self, Noted};
use crate::state::{Effect, Outcome, handle};
use crate::traced::{self, Traced};
use crate::trail::{self, Over, Writing};
use crate::wire::{self, InstanceRow, TaskRow, key};
use base::{Period, Problem, Time};
use kernel::{Address, Call, Principal, Read, ResourceRef, Tx};
use notation::graph::NodeId;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;

/// The name of the engine, the space of its addresses.
pub(crate) const ENGINE: &str = "process";

/// How an instance begins.
pub(crate) struct Start {
    pub node: NodeId,
    pub variables: Variables,
    pub business_key: Option<String>,
    pub correlation_key: Option<String>,
    pub at: Time,
    pub actor: Option<Principal>,
    pub on_behalf_of: Option<Principal>,
    pub reply_to: Option<Address>,
}

/// What became of a step.
pub(crate) struct Ran {
    /// False where nobody waited for the command.
    pub is_taken: bool,
    /// The instance as it is now; `None` where it is over or was not there.
    pub instance: Option<Instance>,
    /// How it stands now; `None` where it was not there.
    pub state: Option<&'static str>,
}

impl Ran {
    fn of(is_taken: bool, instance: Instance) -> Self {
        let state = Some(instance.state_name());
        Self { is_taken, instance: Some(instance), state }
    }
}

impl Processes {
    /// Reads an instance.
    pub(crate) fn load(&self, read: &dyn Read, number: u64) -> Result<Option<Instance>, Problem> {
        read.get(key::instance(number).as_ref())?.map(|bytes| wire::decode(&bytes)).transpose()
    }

    /// Reads an instance that a caller named.
    pub(crate) fn require(&self, read: &dyn Read, name: &str) -> Result<Instance, Problem> {
        let found = match name.parse() {
            Ok(number) => self.load(read, number)?,
            Err(_) => None,
        };
        found.ok_or_else(|| Error::NotFound { kind: "instance", name: name.into() }.into())
    }

    /// Begins an instance of a process. Returns its number.
    pub(crate) fn start(
        &self,
        tx: &mut Tx<'_>,
        compiled: &Arc<Compiled>,
        start: Start,
    ) -> Result<u64, Problem> {
        let (number, keys) = self.start_one(tx, compiled, start)?;
        if let Some(keys) = keys {
            self.released(tx, &compiled.name, keys)?;
        }
        Ok(number)
    }

    /// Begins an instance. Returns its number and, where it is over already, the keys it has released.
    pub(crate) fn start_one(
        &self,
        tx: &mut Tx<'_>,
        compiled: &Arc<Compiled>,
        start: Start,
    ) -> Result<(u64, Option<Vec<String>>), Problem> {
        let business_key = match (&start.business_key, &compiled.business_key) {
            (Some(key), _) => Some(key.clone()),
            (None, Some(expression)) => text_of(&expression.evaluate(&start.variables, start.at)?),
            (None, None) => start.correlation_key.clone(),
        };
        let number = tx.serial("instances")?;
        let node = start.node;
        let instance = Instance {
            key: number,
            process: compiled.name.clone(),
            version: compiled.version,
            business_key,
            correlation_key: start.correlation_key,
            state: State::Active,
            started_at: start.at,
            time: start.at,
            started_by: start.actor,
            on_behalf_of: start.on_behalf_of,
            reply_to: start.reply_to,
            variables: start.variables,
            elements: Vec::new(),
            element_last: 0,
            finished: Vec::new(),
            moves: VecDeque::new(),
            moves_count: 0,
            path: Vec::new(),
            incident: None,
            parked: Vec::new(),
            trace: Traced::begin(tx),
            suspended: false,
            earlier: Vec::new(),
            trail: Trail::default(),
            mended: Vec::new(),
        };
        tx.count(metrics::STARTED, &compiled.name);
        let ran = self.attempt(tx, compiled, None, instance, Command::Start { node }, None)?;
        Ok((number, ran.1))
    }

    /// Lets something happen to an instance, as of a business time.
    pub(crate) fn deliver(
        &self,
        tx: &mut Tx<'_>,
        number: u64,
        command: Command,
        at: Option<Time>,
    ) -> Result<Ran, Problem> {
        let Some(instance) = self.load(tx, number)? else {
            return Ok(Ran { is_taken: false, instance: None, state: None });
        };
        let compiled = self.cache.get(tx, &self.config, &instance.process, instance.version)?;
        let before = wire::index(&instance, &compiled.indexed)?;
        self.deliver_to(tx, &compiled, before, instance, command, at)
    }

    /// Lets something happen to an instance that was loaded, with the keys that it has and the version that it shall run.
    pub(crate) fn deliver_to(
        &self,
        tx: &mut Tx<'_>,
        compiled: &Arc<Compiled>,
        before: wire::Index,
        instance: Instance,
        command: Command,
        at: Option<Time>,
    ) -> Result<Ran, Problem> {
        let (ran, released) = self.attempt(tx, compiled, Some(before), instance, command, at)?;
        if let Some(keys) = released {
            self.released(tx, &compiled.name, keys)?;
        }
        Ok(ran)
    }

    /// Stores an instance that was changed without a step: a job taken, a task claimed.
    pub(crate) fn replace(
        &self,
        tx: &mut Tx<'_>,
        before: &Instance,
        after: &Instance,
    ) -> Result<(), Problem> {
        let compiled = self.cache.get(tx, &self.config, &after.process, after.version)?;
        let old = wire::index(before, &compiled.indexed)?;
        self.store(tx, after, old, &compiled)
    }

    /// Makes a step that leaves nothing behind where it panics or breaks a limit; the instance is then marked as failed.
    fn attempt(
        &self,
        tx: &mut Tx<'_>,
        compiled: &Arc<Compiled>,
        before: Option<wire::Index>,
        instance: Instance,
        command: Command,
        at: Option<Time>,
    ) -> Result<(Ran, Option<Vec<String>>), Problem> {
        // What an instance does belongs to its own trace, whoever set it going.
        let own = instance.trace.as_ref().map(Traced::of_instance);
        let trace = own.or_else(|| tx.trace().cloned());
        tx.within(trace, |tx| self.try_step(tx, compiled, before, instance, command, at))
    }

    fn try_step(
        &self,
        tx: &mut Tx<'_>,
        compiled: &Arc<Compiled>,
        before: Option<wire::Index>,
        instance: Instance,
        command: Command,
        at: Option<Time>,
    ) -> Result<(Ran, Option<Vec<String>>), Problem> {
        self.count_from_here(tx)?;
        let mut spare = instance.clone();
        let parked = Parked { command: command.clone(), at };
        let old = before.clone().unwrap_or_default();
        let result = tx.attempt(|tx| self.make_step(tx, compiled, old, instance, command, at));
        match result {
            Err(problem)
                if matches!(problem.code.as_str(), "kernel.internal" | "process.limit") =>
            {
                let was = before.as_ref().map(|_| Present::of(&spare));
                if before.is_none() {
                    past::begun(tx, &spare.process, spare.started_at, spare.key)?;
                }
                spare.state = State::Failed;
                spare.incident = Some(Incident::new(&problem, "", spare.time));
                spare.parked.push(parked);
                self.count_step(tx, was, &spare, &[])?;
                self.store(tx, &spare, before.unwrap_or_default(), compiled)?;
                Ok((Ran::of(true, spare), None))
            }
            other => other,
        }
    }

    fn make_step(
        &self,
        tx: &mut Tx<'_>,
        compiled: &Arc<Compiled>,
        before: wire::Index,
        mut instance: Instance,
        command: Command,
        at: Option<Time>,
    ) -> Result<(Ran, Option<Vec<String>>), Problem> {
        let known = open_subscriptions(&instance);
        // An instance that is stored has keys; one that has none begins now.
        let was = (!before.is_empty()).then(|| Present::of(&instance));
        if was.is_none() {
            past::begun(tx, &instance.process, instance.started_at, instance.key)?;
        }
        let incidents = trail::incidents_of(&instance);
        let mut outcome = handle(&compiled.graph, &self.config, &mut instance, command, at);
        let is_taken = outcome.is_taken;
        let mut left = std::mem::take(&mut outcome.left);
        traced::entered(tx, &mut instance);
        self.perform(tx, compiled, &mut instance, outcome)?;
        while let Some((element, message)) = self.take_buffered(tx, &instance, &known)? {
            let command = Command::Message { element, variables: message.variables.clone() };
            let mut outcome =
                handle(&compiled.graph, &self.config, &mut instance, command, Some(message.time));
            let is_taken = outcome.is_taken;
            left.append(&mut outcome.left);
            traced::entered(tx, &mut instance);
            self.perform(tx, compiled, &mut instance, outcome)?;
            // A timer due before the message has closed the subscription.
            if !is_taken {
                self.keep(tx, &message)?;
            }
        }
        traced::sweep(&mut instance);
        trail::mended(&mut instance, incidents, &self.config);
        self.count_step(tx, was, &instance, &left)?;
        match instance.state {
            State::Active | State::Failed => {
                self.store(tx, &instance, before, compiled)?;
                Ok((Ran::of(is_taken, instance), None))
            }
            State::Completed | State::Cancelled => {
                let state = Some(instance.state_name());
                let keys = self.finish(tx, compiled, instance, before)?;
                Ok((Ran { is_taken, instance: None, state }, Some(keys)))
            }
        }
    }

    fn store(
        &self,
        tx: &mut Tx<'_>,
        instance: &Instance,
        before: wire::Index,
        compiled: &Compiled,
    ) -> Result<(), Problem> {
        let bytes = wire::encode(instance)?;
        let limit = self.config.variables_bytes_max;
        if limit < bytes.len() && instance.state != State::Failed {
            return Err(Error::Limit { what: "the bytes of an instance", limit }.into());
        }
        tx.put(key::instance(instance.key), bytes);
        let after = wire::index(instance, &compiled.indexed)?;
        self.tasks_changed(tx, &before, &after)?;
        put_difference(tx, before, after);
        Ok(())
    }

    /// Takes a finished instance out of the keys into the log, and gives its result to who waits for it. Returns the
    /// keys for which another may begin now.
    fn finish(
        &self,
        tx: &mut Tx<'_>,
        compiled: &Compiled,
        instance: Instance,
        before: wire::Index,
    ) -> Result<Vec<String>, Problem> {
        if !before.is_empty() {
            tx.delete(key::instance(instance.key));
        }
        self.tasks_changed(tx, &before, &wire::Index::new())?;
        put_difference(tx, before, wire::Index::new());
        let mut row = InstanceRow::new(&instance, &compiled.graph);
        row.trail = Some(instance.trail.clone()).filter(|trail| !trail.is_empty());
        let offset = tx.record(wire::LOG_INSTANCES, &row)?;
        past::note(tx, &Noted::of(&instance), offset);
        self.told(tx, &instance);
        if let Some(address) = &instance.reply_to {
            let result = match instance.state {
                State::Completed => Ok(json!({"$at": instance.time, "value": instance.variables})),
                _ => Err(Error::Cancelled { instance: instance.key }.into()),
            };
            tx.reply(address, result);
        }
        let mut keys: Vec<String> =
            [instance.business_key, instance.correlation_key].into_iter().flatten().collect();
        keys.dedup();
        Ok(keys)
    }

    /// Counts an instance that is over, measures it, and ends its span.
    fn told(&self, tx: &mut Tx<'_>, instance: &Instance) {
        let process = &instance.process;
        if instance.state == State::Completed {
            let took = Period(instance.time.0.saturating_sub(instance.started_at.0));
            tx.measure(&format!("process/{process}"), took, true, instance.time);
            tx.count(metrics::COMPLETED, process);
        } else {
            tx.count(metrics::CANCELLED, process);
        }
        traced::ended(tx, instance);
    }

    fn perform(
        &self,
        tx: &mut Tx<'_>,
        compiled: &Compiled,
        instance: &mut Instance,
        outcome: Outcome,
    ) -> Result<(), Problem> {
        let mut writing = Writing::begin(outcome.flows);
        for effect in outcome.effects {
            match effect {
                Effect::Call { element, attempt, operation, resource, args, at } => {
                    let resource = self.resolve_resource(tx, &operation, &resource)?;
                    let token = token_of(instance.key, element, attempt);
                    let mut call = Call::new(
                        &operation,
                        resource,
                        Principal::Process(instance.process.clone()),
                    );
                    call.on_behalf_of = starter(instance);
                    call.args = Value::Object(args);
                    call.at = Some(at);
                    call.reply_to = Some(Address { engine: ENGINE.into(), token });
                    call.trace = instance.trace.as_ref().map(|traced| traced.of_element(element));
                    tx.call(call);
                }
                Effect::Withdraw { element, attempt, operation, resource, at } => {
                    let resource = self.resolve_resource(tx, &operation, &resource)?;
                    let actor = Principal::Process(instance.process.clone());
                    let address = address_of(instance.key, element, attempt);
                    tx.cancel(&operation, resource, actor, address, at);
                }
                Effect::Script { element, attempt, text, variables, at } => {
                    let address = address_of(instance.key, element, attempt);
                    self.request_script(tx, address, text, variables, at)?;
                }
                Effect::Forget { element, attempt } => {
                    self.forget_request(tx, &address_of(instance.key, element, attempt))?;
                }
                Effect::Signal { name, variables, at } => {
                    let mut call = Call::new(
                        "signal.publish",
                        ResourceRef::new("signal", ""),
                        Principal::Process(instance.process.clone()),
                    );
                    call.on_behalf_of = starter(instance);
                    call.args =
                        json!({"signal": name, "variables": variables, "except": instance.key});
                    call.at = Some(at);
                    tx.call(call);
                }
                Effect::Activity { element, node, entered, left, is_completed, tries } => {
                    let over = Over { element, node, entered, left, is_completed, tries };
                    let row = writing.element(tx, compiled, instance, over)?;
                    traced::left(tx, instance, element, &row.element, is_completed);
                }
                Effect::TaskEnded { element, task, entered, left, completed_by } => {
                    let mut row = TaskRow::new(instance, element, &task, entered);
                    row.state =
                        if completed_by.is_some() { "completed" } else { "cancelled" }.into();
                    row.ended_at = Some(left);
                    row.completed_by = completed_by;
                    writing.task(element, tx.record(wire::LOG_TASKS, &row)?);
                    let given = task.report.and_then(|report| report.given);
                    self.keep_ended(tx, &row, given)?;
                }
            }
        }
        writing.end(instance, &self.config);
        Ok(())
    }

    /// Returns the resource that a model means: `kind/name`, or a name of the operation's kind.
    fn resolve_resource(
        &self,
        tx: &Tx<'_>,
        operation: &str,
        resource: &str,
    ) -> Result<ResourceRef, Problem> {
        if operation == "decision.evaluate" {
            let name = self.find_decision(tx, resource)?.map(|decision| decision.name.clone());
            return Ok(ResourceRef::new("decision", name.as_deref().unwrap_or(resource)));
        }
        let kind = operation.split('.').next().unwrap_or(operation);
        Ok(match resource.split_once('/') {
            Some((kind, name)) => ResourceRef::new(kind, name),
            None => ResourceRef::new(kind, resource),
        })
    }
}

/// Returns for whom an instance acts.
fn starter(instance: &Instance) -> Option<Principal> {
    instance.on_behalf_of.clone().or_else(|| instance.started_by.clone())
}

fn token_of(instance: u64, element: ElementId, attempt: u32) -> String {
    format!("{instance}/{element}/{attempt}")
}

fn address_of(instance: u64, element: ElementId, attempt: u32) -> Address {
    Address { engine: ENGINE.into(), token: token_of(instance, element, attempt) }
}

/// Reads a token such as `17/3/1`.
pub(crate) fn parse_token(token: &str) -> Option<(u64, ElementId, u32)> {
    let mut parts = token.split('/');
    let parsed =
        (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(parsed)
}

fn open_subscriptions(instance: &Instance) -> Vec<ElementId> {
    if !instance.is_open() {
        return Vec::new();
    }
    let is_open = |wait: &Wait| matches!(wait, Wait::Message { .. });
    instance
        .elements
        .iter()
        .filter(|element| is_open(&element.wait))
        .map(|element| element.id)
        .collect()
}

/// Writes what differs between the keys before and after.
fn put_difference(tx: &mut Tx<'_>, mut before: wire::Index, after: wire::Index) {
    for (key, value) in after {
        if before.remove(&key).as_ref() != Some(&value) {
            tx.put(key, value);
        }
    }
    for key in before.into_keys() {
        tx.delete(key);
    }
}
