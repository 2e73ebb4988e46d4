//! How an instance goes over to another version of its process: for each element at which it stands, the one that it will stand at.
//!
//! An element has a counterpart by `mapping`, else by its id. Counterparts are of the same kind, in counterparts of their scopes,
//! boundary events at counterparts of their activities. A token whose element has none is homeless: then nothing is done. What is
//! only armed and has none is disarmed; what only the new version has is armed. What is armed for an event gateway has its counterpart
//! among the events behind the gateway's, or none; where all of them have none the gateway's token is homeless. What waits keeps its
//! identity: jobs, tasks, calls, subscriptions with their keys, timers with their time.

use crate::compiled::Compiled;
use crate::error::Error;
use crate::instance::{Command, Element, ElementId, Instance, Migration, Move, Wait};
use base::{Problem, nearest};
use notation::graph::{BoundaryTrigger, End, FlowId, Graph, NodeId, NodeKind, Trigger};
use std::collections::{BTreeMap, HashMap};

/// Problems of one instance that are told.
const PROBLEMS_MAX: usize = 100;

/// Works out how an instance goes over.
///
/// # Errors
/// `instance.migrate`: the first problem, with the others beside it.
pub(crate) fn plan(
    old: &Compiled,
    new: &Compiled,
    instance: &Instance,
    mapping: &BTreeMap<String, String>,
    again: bool,
) -> Result<Migration, Problem> {
    let mut plan = Plan {
        old: &old.graph,
        new: &new.graph,
        mapping,
        nodes: HashMap::new(),
        troubles: Vec::new(),
    };
    if old.version == new.version {
        let reason = format!("instance {} runs version {} already", instance.key, new.version);
        return Err(Error::Migrate { rule: "same", reason, element: String::new() }.into());
    }
    plan.check_mapping();
    plan.pair_all();
    plan.check_tokens(instance);
    let joins = plan.joins(instance);
    let disarmed = plan.disarmed(instance);
    let mut problems = plan.troubles.into_iter().take(PROBLEMS_MAX).map(Problem::from);
    if let Some(mut first) = problems.next() {
        first.also.extend(problems);
        return Err(first);
    }
    let id = |node: &NodeId| old.graph.node(*node).id.clone();
    let mut nodes: Vec<(NodeId, NodeId)> = plan.nodes.into_iter().collect();
    nodes.sort_unstable();
    let flows = (0..).map(FlowId).zip(&old.graph.flows);
    let flows = flows.filter_map(|(number, flow)| {
        Some((number, counterpart_flow(&new.graph, mapping, &flow.id)?))
    });
    Ok(Migration {
        version: new.version,
        nodes,
        flows: flows.collect(),
        joins,
        disarmed,
        path: instance.path.iter().map(id).collect(),
        again,
    })
}

fn counterpart_flow(new: &Graph, mapping: &BTreeMap<String, String>, id: &str) -> Option<FlowId> {
    new.find_flow(mapping.get(id).map_or(id, String::as_str))
}

/// A plan in the making.
struct Plan<'a> {
    old: &'a Graph,
    new: &'a Graph,
    mapping: &'a BTreeMap<String, String>,
    /// The counterparts found so far.
    nodes: HashMap<NodeId, NodeId>,
    troubles: Vec<Error>,
}

impl Plan<'_> {
    fn trouble(&mut self, rule: &'static str, element: &str, reason: String) {
        self.troubles.push(Error::Migrate { rule, reason, element: element.into() });
    }

    /// What the mapping names is there.
    fn check_mapping(&mut self) {
        for (from, to) in self.mapping {
            for (graph, id, which) in [(self.old, from, "old"), (self.new, to, "new")] {
                if graph.find(id).is_some() || graph.find_flow(id).is_some() {
                    continue;
                }
                let nearest = nearest(id, graph.nodes.iter().map(|node| node.id.as_str()));
                let hint = nearest
                    .map(|nearest| format!("; the nearest is `{nearest}`"))
                    .unwrap_or_default();
                let reason = format!(
                    "the mapping names `{id}`, which the {which} version does not have{hint}"
                );
                self.trouble("unknown", from, reason);
            }
        }
    }

    /// Finds all counterparts: scopes before what is in them, activities before their boundary events.
    fn pair_all(&mut self) {
        for at_border in [false, true] {
            for number in (0..).map(NodeId).take(self.old.nodes.len()) {
                let is_boundary = matches!(self.old.node(number).kind, NodeKind::Boundary(_));
                if is_boundary == at_border
                    && let Ok(counterpart) = self.pair(number)
                {
                    self.nodes.insert(number, counterpart);
                }
            }
        }
    }

    /// Returns the counterpart of an element, or the rule by which it has none, and why.
    fn pair(&self, number: NodeId) -> Result<NodeId, (&'static str, String)> {
        let from = self.old.node(number);
        let wanted = self.mapping.get(&from.id).unwrap_or(&from.id);
        let Some(counterpart) = self.new.find(wanted) else {
            return Err(("homeless", format!("the new version has no `{wanted}`")));
        };
        let to = self.new.node(counterpart);
        let (was, is) = (kind_of(&from.kind), kind_of(&to.kind));
        if was != is {
            return Err(("kind", format!("`{wanted}` is {is} and not {was}")));
        }
        let same = |a: NodeId, b: NodeId| self.nodes.get(&a) == Some(&b);
        let is_same_scope = match (from.scope, to.scope) {
            (None, None) => true,
            (Some(a), Some(b)) => same(a, b),
            _ => false,
        };
        let is_same_host = match (&from.kind, &to.kind) {
            (NodeKind::Boundary(a), NodeKind::Boundary(b)) => same(a.attached_to, b.attached_to),
            _ => true,
        };
        if !is_same_scope || !is_same_host {
            return Err(("scope", format!("`{wanted}` stands in another sub-process")));
        }
        Ok(counterpart)
    }

    /// Returns what is armed and has no counterpart for the same. An event gateway for which nothing stays armed has a homeless token:
    /// what it waits for would be others' events.
    fn disarmed(&mut self, instance: &Instance) -> Vec<ElementId> {
        let armed = instance.elements.iter().filter(|element| element.host.is_some());
        let (kept, disarmed): (Vec<&Element>, Vec<&Element>) =
            armed.partition(|element| self.stays_armed(instance, element));
        for gateway in instance.elements.iter().filter(|element| element.wait == Wait::First) {
            let is_armed =
                |events: &[&Element]| events.iter().any(|event| event.host == Some(gateway.id));
            let Some(counterpart) = self.nodes.get(&gateway.node) else { continue };
            if is_armed(&disarmed) && !is_armed(&kept) {
                let (from, to) = (self.old.node(gateway.node), self.new.node(*counterpart));
                let reason = format!(
                    "the token {}-{} at `{}` would be homeless: none of the events that it waits for stands behind `{}`",
                    instance.key, gateway.id, from.id, to.id
                );
                self.trouble("homeless", &from.id, reason);
            }
        }
        disarmed.iter().map(|element| element.id).collect()
    }

    fn stays_armed(&self, instance: &Instance, element: &Element) -> bool {
        let Some(counterpart) = self.nodes.get(&element.node) else { return false };
        let host = element.host.and_then(|host| instance.element(host));
        let is_gateway =
            |host: &&Element| matches!(self.old.node(host.node).kind, NodeKind::EventGateway);
        let Some(gateway) = host.filter(is_gateway) else { return true };
        self.nodes.get(&gateway.node).is_some_and(|gateway| {
            let mut behind = self.new.node(*gateway).outgoing.iter();
            behind.any(|flow| self.new.flow(*flow).to == *counterpart)
        })
    }

    /// Whatever has a token, or is remembered to be undone, has a counterpart.
    fn check_tokens(&mut self, instance: &Instance) {
        for element in instance.elements.iter().filter(|element| element.host.is_none()) {
            let what = format!("the token {}-{}", instance.key, element.id);
            self.check_token(element.node, &what);
            if let Wait::Undo { queue } = &element.wait {
                queue.iter().for_each(|finished| self.check_undo(finished.node));
            }
        }
        for next in &instance.moves {
            if let Move::Enter { node, .. } = next {
                self.check_token(*node, &format!("a token of {} on its way", instance.key));
            }
        }
        for parked in &instance.parked {
            if let Command::Start { node } = parked.command {
                self.check_token(node, &format!("the beginning of {}", instance.key));
            }
        }
        instance.finished.iter().for_each(|finished| self.check_undo(finished.node));
    }

    fn check_token(&mut self, node: NodeId, what: &str) {
        if self.nodes.contains_key(&node) {
            return;
        }
        let id = self.old.node(node).id.clone();
        if let Err((rule, why)) = self.pair(node) {
            self.trouble(rule, &id, format!("{what} at `{id}` would be homeless: {why}"));
        }
    }

    /// What can be undone can be undone in the new version too.
    fn check_undo(&mut self, node: NodeId) {
        let from = self.old.node(node);
        let counterpart = self.nodes.get(&node).map(|counterpart| self.new.node(*counterpart));
        let is_kept =
            counterpart.is_some_and(|to| from.compensation.is_none() || to.compensation.is_some());
        if !is_kept {
            let reason =
                format!("`{}` is finished and could not be undone in the new version", from.id);
            self.trouble("undo", &from.id.clone(), reason);
        }
    }

    /// Returns the tokens of each gateway that waits, by the flows of its counterpart.
    fn joins(&mut self, instance: &Instance) -> Vec<(u32, Vec<u32>)> {
        let mut joins = Vec::new();
        for element in &instance.elements {
            let Wait::Join { tokens } = &element.wait else { continue };
            let Some(counterpart) = self.nodes.get(&element.node).copied() else { continue };
            let (from, to) = (self.old.node(element.node), self.new.node(counterpart));
            let mut counts = vec![0; to.incoming.len()];
            for (flow, count) in from.incoming.iter().zip(tokens).filter(|(_, count)| 0 < **count) {
                let id = &self.old.flow(*flow).id;
                let found = counterpart_flow(self.new, self.mapping, id);
                let place = to.incoming.iter().position(|flow| Some(*flow) == found);
                match place.and_then(|place| counts.get_mut(place)) {
                    Some(slot) => *slot += count,
                    None => {
                        let reason = format!(
                            "the token {}-{} at `{}` came by `{id}`, which has no counterpart into `{}`",
                            instance.key, element.id, from.id, to.id
                        );
                        let element = from.id.clone();
                        self.troubles.push(Error::Migrate { rule: "flow", reason, element });
                    }
                }
            }
            joins.push((element.id, counts));
        }
        joins
    }
}

/// Returns what an element is, in words; what waits for the same is of the same kind.
fn kind_of(kind: &NodeKind) -> String {
    match kind {
        NodeKind::Start(trigger) => match trigger {
            Some(trigger) => format!("a start event by a {}", word(trigger)),
            None => "a start event".into(),
        },
        NodeKind::End(End::Error { .. }) => "an error end event".into(),
        NodeKind::End(End::Compensation { .. }) => "a compensation end event".into(),
        NodeKind::End(End::Escalation { .. }) => "an escalation end event".into(),
        NodeKind::End(End::Signal { .. }) => "a signal end event".into(),
        NodeKind::End(End::Cancel) => "a cancel end event".into(),
        NodeKind::End(End::None | End::Terminate) => "an end event".into(),
        NodeKind::PassThrough | NodeKind::LinkThrow { .. } => "a task without work".into(),
        NodeKind::Job(_) => "a task for workers".into(),
        NodeKind::Call(_) => "a call".into(),
        NodeKind::Decision(_) => "a decision".into(),
        NodeKind::Script(_) => "a script".into(),
        NodeKind::UserTask(_) => "a task for people".into(),
        NodeKind::Catch(trigger) => format!("an event that waits for a {}", word(trigger)),
        NodeKind::ThrowCompensation { .. } => "a compensation event".into(),
        NodeKind::ThrowEscalation { .. } => "an escalation event".into(),
        NodeKind::ThrowSignal { .. } => "a signal event".into(),
        NodeKind::ExclusiveGateway { .. } => "an exclusive gateway".into(),
        NodeKind::InclusiveGateway { .. } => "an inclusive gateway".into(),
        NodeKind::ParallelGateway => "a parallel gateway".into(),
        NodeKind::EventGateway => "an event-based gateway".into(),
        NodeKind::SubProcess { is_transaction: true, .. } => "a transaction".into(),
        NodeKind::SubProcess { .. } => "a sub-process".into(),
        NodeKind::EventSubProcess { is_interrupting, trigger, .. } => {
            format!("a sub-process {}", caught(*is_interrupting, trigger))
        }
        NodeKind::Boundary(boundary) => {
            format!("a boundary event {}", caught(boundary.is_interrupting, &boundary.trigger))
        }
    }
}

fn caught(is_interrupting: bool, trigger: &BoundaryTrigger) -> String {
    let how = if is_interrupting { "interrupting" } else { "not interrupting" };
    let what = match trigger {
        BoundaryTrigger::Event(trigger) => word(trigger),
        BoundaryTrigger::Error { .. } => "error",
        BoundaryTrigger::Escalation { .. } => "escalation",
        BoundaryTrigger::Cancel => "cancellation",
        BoundaryTrigger::Compensation => "compensation",
    };
    format!("by a {what}, {how}")
}

fn word(trigger: &Trigger) -> &'static str {
    match trigger {
        Trigger::Message { .. } => "message",
        Trigger::Timer(_) => "timer",
        Trigger::Signal { .. } => "signal",
        Trigger::Condition(_) => "condition",
    }
}
