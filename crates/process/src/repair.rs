//! Repair by hand: variables are changed, tokens moved, instances cancelled, suspended, resumed and taken to another version.
//!
//! Each of these can be tried first (`dry_run`): it is done in a savepoint, what came out is told, and all of it is taken back.
//! What would make an instance fail is refused, and nothing is changed.

use crate::compiled::Compiled;
use crate::engine::Processes;
use crate::error::Error;
use crate::instance::{Command, ElementId, Incident, Instance, ROOT, State, Variables};
use crate::migrate;
use crate::running::Ran;
use crate::wire;
use base::{Code, Kind, Problem, Time, nearest};
use kernel::{Call, Read, Reply, ResourceRef, Right, Tx};
use notation::graph::{Graph, NodeId, NodeKind};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether something is only tried.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Try {
    /// True where it is only tried: the answer says what would happen, and nothing changes.
    #[serde(default)]
    pub dry_run: bool,
}

/// New values of variables.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetVariables {
    /// The values.
    pub variables: Variables,
    /// Whose: the id or the number of an element at which the instance stands; the instance's where absent.
    #[serde(default)]
    pub scope: Option<String>,
    /// True where it is only tried: the answer says what would happen, and nothing changes.
    #[serde(default)]
    pub dry_run: bool,
}

/// From where to where a token is moved.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveToken {
    /// The id or the number of an element at which the instance stands. It is ended.
    pub from: String,
    /// The id of the element that begins in its place.
    pub to: String,
    /// Changed variables of the instance.
    #[serde(default)]
    pub variables: Variables,
    /// True where it is only tried: the answer says what would happen, and nothing changes.
    #[serde(default)]
    pub dry_run: bool,
}

/// To which version an instance goes over.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Migrate {
    /// The version; the process as it stands where absent.
    #[serde(default)]
    pub version: Option<u64>,
    /// For ids of elements and flows of the old version those of the new one. Those of the same id and kind need none.
    #[serde(default)]
    pub mapping: BTreeMap<String, String>,
    /// True where timers are worked out again, as of when their elements were entered.
    #[serde(default)]
    pub timers_again: bool,
    /// True where it is only tried: the answer says what would happen, and nothing changes.
    #[serde(default)]
    pub dry_run: bool,
}

impl Processes {
    pub(crate) fn set_variables(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let SetVariables { variables, scope, dry_run } = call.parameters()?;
        let instance = self.require(tx, &call.resource.name)?;
        let compiled = self.cache.get(tx, &self.config, &instance.process, instance.version)?;
        let scope = match scope {
            Some(named) => find_element(&instance, &compiled.graph, &named)?,
            None => ROOT,
        };
        let at = tx.time_of(call);
        let command = Command::Variables { variables, scope };
        done_or_tried(tx, call, dry_run, |tx| self.mend(tx, instance, None, command, Some(at)))
    }

    pub(crate) fn move_token(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let MoveToken { from, to, variables, dry_run } = call.parameters()?;
        let name = call.resource.name.as_str();
        let at = tx.time_of(call);
        done_or_tried(tx, call, dry_run, |tx| {
            let instance = self.brought_to(tx, name, at)?;
            let compiled = self.cache.get(tx, &self.config, &instance.process, instance.version)?;
            let element = find_element(&instance, &compiled.graph, &from)?;
            let node = find_node(&compiled.graph, &to)?;
            check_move(&instance, &compiled.graph, element, node)?;
            let mut changed = instance.clone();
            changed.variables.extend(variables);
            self.replace(tx, &instance, &changed)?;
            self.mend(tx, changed, None, Command::Move { element, node }, None)
        })
    }

    pub(crate) fn cancel_instance(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let Try { dry_run } = call.parameters()?;
        let instance = self.require(tx, &call.resource.name)?;
        let at = tx.time_of(call);
        done_or_tried(tx, call, dry_run, |tx| {
            let command = Command::Cancel { is_withdrawn: false };
            let mut answer = self.mend(tx, instance, None, command, Some(at))?;
            let is_cancelled = answer["state"] == State::Cancelled.as_str();
            answer["cancelled"] = json!(is_cancelled);
            Ok(answer)
        })
    }

    pub(crate) fn suspend_instance(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        self.change_instance(tx, call, Command::Suspend)
    }

    pub(crate) fn resume_instance(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let Try { dry_run } = call.parameters()?;
        let before = self.require(tx, &call.resource.name)?;
        let compiled = self.cache.get(tx, &self.config, &before.process, before.version)?;
        let at = tx.time_of(call);
        done_or_tried(tx, call, dry_run, |tx| {
            // What came meanwhile is taken as of its own time; the timers that came due since then fire after it.
            let answer = self.mend(tx, before.clone(), None, Command::Resume, None)?;
            let ran = self.deliver(tx, before.key, Command::Continue, Some(at))?;
            let is_there = ran.state.is_some();
            let graph = &compiled.graph;
            Ok(if is_there { change(&before, graph, &ran, graph) } else { answer })
        })
    }

    fn change_instance(
        &self,
        tx: &mut Tx<'_>,
        call: &Call,
        command: Command,
    ) -> Result<Reply, Problem> {
        let Try { dry_run } = call.parameters()?;
        let instance = self.require(tx, &call.resource.name)?;
        let at = tx.time_of(call);
        done_or_tried(tx, call, dry_run, |tx| self.mend(tx, instance, None, command, Some(at)))
    }

    pub(crate) fn migrate_instance(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let Migrate { version, mapping, timers_again, dry_run } = call.parameters()?;
        let name = call.resource.name.as_str();
        let at = tx.time_of(call);
        done_or_tried(tx, call, dry_run, |tx| {
            // What is due comes under the version that it was set in.
            let instance = self.brought_to(tx, name, at)?;
            let process = instance.process.as_str();
            let old = self.cache.get(tx, &self.config, process, instance.version)?;
            let new = match version {
                Some(version) => self.cache.get(tx, &self.config, process, version)?,
                None => self.cache.latest(tx, &self.config, process)?,
            };
            let migration = migrate::plan(&old, &new, &instance, &mapping, timers_again)?;
            let disarmed = migration.disarmed.iter().filter_map(|id| instance.element(*id));
            let disarmed: Vec<Value> = disarmed
                .map(|event| json!({"id": event.id, "element": old.graph.node(event.node).id}))
                .collect();
            let command = Command::Migrate(Box::new(migration));
            let mut answer = self.mend(tx, instance, Some(new), command, None)?;
            answer["disarmed"] = json!(disarmed);
            Ok(answer)
        })
    }

    /// Returns an instance after all that is due in it up to a time has happened.
    fn brought_to(&self, tx: &mut Tx<'_>, name: &str, at: Time) -> Result<Instance, Problem> {
        let instance = self.require(tx, name)?;
        self.deliver(tx, instance.key, Command::Continue, Some(at))?;
        self.require(tx, name)
    }

    /// Does something to an instance by hand, where it does not fail of it. Returns what has changed.
    pub(crate) fn mend(
        &self,
        tx: &mut Tx<'_>,
        instance: Instance,
        target: Option<Arc<Compiled>>,
        command: Command,
        at: Option<Time>,
    ) -> Result<Value, Problem> {
        let old = self.cache.get(tx, &self.config, &instance.process, instance.version)?;
        let new = target.unwrap_or_else(|| Arc::clone(&old));
        let keys = wire::index(&instance, &old.indexed)?;
        let before = instance.clone();
        let ran = self.deliver_to(tx, &new, keys, instance, command, at)?;
        if !ran.is_taken {
            let reason = format!("what was meant of instance {} is over", before.key);
            return Err(Error::Element { reason }.into());
        }
        if let Some(incident) = failure(&before, ran.instance.as_ref()) {
            return Err(refused(incident));
        }
        Ok(change(&before, &old.graph, &ran, &new.graph))
    }
}

/// Does something, or tries it and takes all of it back. The answer says which. It has the variables of an instance only for who may
/// read them by `instance.get`: to do something to an instance is not to see into it.
pub(crate) fn done_or_tried(
    tx: &mut Tx<'_>,
    call: &Call,
    is_dry_run: bool,
    step: impl FnOnce(&mut Tx<'_>) -> Result<Value, Problem>,
) -> Result<Reply, Problem> {
    let mut answer = if is_dry_run { tx.tried(step)? } else { step(tx)? };
    answer["dry_run"] = json!(is_dry_run);
    if !may_see(tx, call, &answer["instance"])?
        && let Some(fields) = answer.as_object_mut()
    {
        fields.remove("variables");
    }
    Ok(Reply::Value(answer))
}

/// Returns whether a caller may read an instance, where an answer is about one.
fn may_see(tx: &Tx<'_>, call: &Call, instance: &Value) -> Result<bool, Problem> {
    let Some(number) = instance.as_u64() else { return Ok(true) };
    let reference = ResourceRef::new("instance", number.to_string());
    let (actor, on_behalf_of) = (&call.actor, call.on_behalf_of.as_ref());
    let kernel = tx.kernel();
    Ok(call.has_scope(Right::Read)
        && kernel.is_allowed(tx, "instance.get", &reference, actor, on_behalf_of)?)
}

/// Returns why an instance has failed of what was done to it.
fn failure<'a>(before: &Instance, after: Option<&'a Instance>) -> Option<&'a Incident> {
    let after = after.filter(|after| after.state == State::Failed)?;
    after.incident.as_ref().filter(|incident| before.incident.as_ref() != Some(*incident))
}

fn refused(incident: &Incident) -> Problem {
    let mut problem =
        Problem::new(Code("process.limit", Kind::Exhausted), incident.message.clone());
    problem.code = incident.code.clone();
    problem.with_hint("the instance would have failed of it; nothing was changed")
}

/// Tells what has become of an instance: what has ended, what has begun, where it stands.
pub(crate) fn change(before: &Instance, old: &Graph, ran: &Ran, new: &Graph) -> Value {
    let was = standing(before, old);
    let is = ran.instance.as_ref().map(|after| standing(after, new)).unwrap_or_default();
    let only = |these: &BTreeMap<ElementId, String>, those: &BTreeMap<ElementId, String>| {
        let rows = these.iter().filter(|(id, _)| !those.contains_key(*id));
        rows.map(|(id, element)| json!({"id": id, "element": element})).collect::<Vec<Value>>()
    };
    let after = ran.instance.as_ref();
    let incidents = after.into_iter().flat_map(|after| &after.elements);
    let incidents = incidents.filter_map(|element| element.incident.as_ref());
    json!({
        "instance": before.key,
        "process": before.process,
        "version": after.map_or(before.version, |after| after.version),
        "state": ran.state,
        "ended": only(&was, &is),
        "begun": only(&is, &was),
        "elements": is.values().collect::<Vec<_>>(),
        "incidents": incidents.collect::<Vec<_>>(),
        "variables": after.map(|after| &after.variables),
    })
}

/// Returns where an instance stands: element ids by the numbers of the elements.
fn standing(instance: &Instance, graph: &Graph) -> BTreeMap<ElementId, String> {
    let standing = instance.elements.iter().filter(|element| element.host.is_none());
    standing.map(|element| (element.id, graph.node(element.node).id.clone())).collect()
}

/// Finds an element at which an instance stands, by its number or by its id.
pub(crate) fn find_element(
    instance: &Instance,
    graph: &Graph,
    named: &str,
) -> Result<ElementId, Error> {
    let number = named.parse::<ElementId>().ok();
    if let Some(element) = number.and_then(|number| instance.element(number)) {
        return Ok(element.id);
    }
    let found: Vec<ElementId> = instance
        .elements
        .iter()
        .filter(|element| graph.node(element.node).id == named)
        .map(|element| element.id)
        .collect();
    match found.as_slice() {
        [only] => Ok(*only),
        [] => {
            let standing = standing(instance, graph);
            let nearest = nearest(named, standing.values().map(String::as_str));
            let hint =
                nearest.map(|nearest| format!("; the nearest is `{nearest}`")).unwrap_or_default();
            let reason =
                format!("instance {} does not stand at `{}`{hint}", instance.key, shown(named));
            Err(Error::Element { reason })
        }
        several => {
            let numbers: Vec<String> = several.iter().map(ToString::to_string).collect();
            let (key, numbers) = (instance.key, numbers.join(", "));
            let reason = format!(
                "instance {key} stands at `{named}` several times; say which by its number: {numbers}"
            );
            Err(Error::Element { reason })
        }
    }
}

fn find_node(graph: &Graph, named: &str) -> Result<NodeId, Error> {
    graph.find(named).ok_or_else(|| {
        let nearest = nearest(named, graph.nodes.iter().map(|node| node.id.as_str()));
        let hint =
            nearest.map(|nearest| format!("; the nearest is `{nearest}`")).unwrap_or_default();
        let reason = format!("the process has no element `{}`{hint}", shown(named));
        Error::Element { reason }
    })
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Checks that a token can be moved.
fn check_move(
    instance: &Instance,
    graph: &Graph,
    from: ElementId,
    to: NodeId,
) -> Result<(), Error> {
    let refuse = |rule, reason: String| Err(Error::Move { rule, reason });
    if instance.state == State::Failed {
        let reason = format!("instance {} has failed as a whole: resolve that first", instance.key);
        return refuse("failed", reason);
    }
    let Some(element) = instance.element(from) else { return Ok(()) };
    let node = graph.node(element.node);
    if element.host.is_some() {
        let reason = format!("`{}` only waits for something else; move that", node.id);
        return refuse("armed", reason);
    }
    if element.undoes.is_some() {
        let reason = format!("`{}` undoes an activity; move the event that asked for it", node.id);
        return refuse("undoing", reason);
    }
    check_target(graph, to)?;
    let event_around = |node: NodeId| {
        let is_event =
            |scope: &NodeId| matches!(graph.node(*scope).kind, NodeKind::EventSubProcess { .. });
        graph.scopes_of(node).into_iter().rev().find(is_event)
    };
    let is_event = matches!(node.kind, NodeKind::EventSubProcess { .. });
    let (inside, meant) = (event_around(element.node), event_around(to));
    if is_event || inside != meant {
        let event = meant.or(inside).unwrap_or(element.node);
        let reason = format!(
            "`{}` begins by an event and ends with what it handles: no token can be moved into it or out of it",
            graph.node(event).id
        );
        return refuse("event-sub-process", reason);
    }
    Ok(())
}

/// Checks that an element can begin without what leads to it.
fn check_target(graph: &Graph, to: NodeId) -> Result<(), Error> {
    let node = graph.node(to);
    let is_behind_gateway = node
        .incoming
        .iter()
        .any(|flow| matches!(graph.node(graph.flow(*flow).from).kind, NodeKind::EventGateway));
    let undoes = graph.nodes.iter().any(|other| other.compensation == Some(to));
    let (rule, what) = match node.kind {
        NodeKind::Start(_) => ("start", "is a start event"),
        NodeKind::Boundary(_) => ("boundary", "is a boundary event"),
        NodeKind::EventSubProcess { .. } => ("event-sub-process", "begins by an event"),
        _ if is_behind_gateway => ("event-gateway", "stands behind an event-based gateway"),
        _ if undoes => ("undoing", "undoes another activity"),
        _ => return Ok(()),
    };
    Err(Error::Move { rule, reason: format!("`{}` {what}, so no token can be put there", node.id) })
}
