//! Rules about how elements stand together. Each has a name that its message and the error page say.

use super::elements::attribute;
use super::problems::{ENDLESS, UNSUPPORTED};
use super::read::Reader;
use super::{events, joins};
use crate::graph::{BoundaryTrigger, End, FlowId, Graph, NodeId, NodeKind};
use roxmltree::Node as Xml;
use std::collections::HashMap;

/// Checks a graph that was read.
pub(super) fn structure<'a, 'i>(
    graph: &Graph,
    reader: &mut Reader<'a, 'i, '_, '_>,
    process: Xml<'a, 'i>,
) {
    let mut checker = Checker { graph, reader };
    checker.starts(process);
    checker.caught_once(&graph.events);
    for index in 0..graph.nodes.len() {
        checker.node(index);
        checker.neighbours(index);
        checker.thrown(index);
    }
    for index in 0..graph.flows.len() {
        checker.flow(index);
    }
    // What follows only says something about a graph whose parts are right.
    if checker.reader.problems.is_empty() {
        checker.reachable();
        checker.endless();
    }
}

struct Checker<'g, 'r, 'a, 'i, 'p, 's> {
    graph: &'g Graph,
    reader: &'r mut Reader<'a, 'i, 'p, 's>,
}

impl<'a, 'i> Checker<'_, '_, 'a, 'i, '_, '_> {
    fn xml(&self, index: usize) -> Xml<'a, 'i> {
        self.reader.raw[index].xml
    }

    fn invalid(&mut self, index: usize, rule: &'static str, message: &str) {
        let xml = self.xml(index);
        self.reader.problems.invalid(xml, rule, message);
    }

    /// Start events: one without trigger at most, and at least one.
    fn starts(&mut self, process: Xml<'a, 'i>) {
        let is_start = |index: &usize| self.xml(*index).tag_name().name() == "startEvent";
        let starts: Vec<usize> = (0..self.graph.nodes.len()).filter(is_start).collect();
        if !starts.iter().any(|index| self.graph.nodes[*index].scope.is_none()) {
            self.reader.problems.invalid(process, "start-missing", "has no start event");
        }
        for (place, index) in starts.iter().enumerate() {
            let node = &self.graph.nodes[*index];
            let has_trigger = matches!(node.kind, NodeKind::Start(Some(_)));
            let is_second = starts[..place].iter().any(|other| {
                let other = &self.graph.nodes[*other];
                other.scope == node.scope
                    && (node.scope.is_some() || matches!(other.kind, NodeKind::Start(None)))
            });
            if is_second && self.reader.is_event_scope(node.scope) {
                self.invalid(*index, "start-twice", "is the second start of its sub-process");
            } else if is_second && !has_trigger {
                self.invalid(*index, "start-twice", "is the second start event without trigger");
            }
        }
    }

    /// What a node may have before and behind it.
    fn node(&mut self, index: usize) {
        let node = &self.graph.nodes[index];
        let number = NodeId(u32::try_from(index).unwrap_or(u32::MAX));
        let is_end = self.xml(index).tag_name().name() == "endEvent";
        match &node.kind {
            NodeKind::Start(_) if !node.incoming.is_empty() => {
                self.invalid(index, "start-incoming", "has a flow into it")
            }
            NodeKind::Boundary(_) if !node.incoming.is_empty() => {
                self.invalid(index, "boundary-incoming", "has a flow into it");
            }
            NodeKind::Boundary(boundary)
                if matches!(boundary.trigger, BoundaryTrigger::Compensation)
                    && !node.outgoing.is_empty() =>
            {
                self.invalid(
                    index,
                    "compensation-flow",
                    "has a flow out of it; it takes an association",
                );
            }
            NodeKind::Boundary(boundary)
                if matches!(boundary.trigger, BoundaryTrigger::Cancel)
                    && !(boundary.is_interrupting && self.is_transaction(boundary.attached_to)) =>
            {
                self.invalid(
                    index,
                    "cancel-boundary",
                    "waits for the cancellation of a transaction, so it has to stand at one and interrupt it",
                );
            }
            NodeKind::EventSubProcess { .. }
                if !node.incoming.is_empty() || !node.outgoing.is_empty() =>
            {
                self.invalid(
                    index,
                    "event-flow",
                    "begins by an event, so no flow may lead to it or from it",
                );
            }
            NodeKind::LinkThrow { .. } if !node.outgoing.is_empty() => {
                self.invalid(index, "link-flow", "throws a link, so no flow may lead from it");
            }
            NodeKind::PassThrough if !node.incoming.is_empty() && self.catches_link(index) => {
                self.invalid(index, "link-flow", "catches a link, so no flow may lead to it");
            }
            NodeKind::ExclusiveGateway { default } | NodeKind::InclusiveGateway { default, .. } => {
                self.exclusive(index, *default)
            }
            NodeKind::EventGateway => self.event_gateway(index),
            _ if is_end && !node.outgoing.is_empty() => {
                self.invalid(index, "end-outgoing", "has a flow out of it")
            }
            _ => {}
        }
        if self.reader.is_handler(number) {
            if !node.incoming.is_empty() || !node.outgoing.is_empty() {
                self.invalid(
                    index,
                    "compensation-flow",
                    "is for compensation, so no flow may lead to it or from it",
                );
            }
            if !self.graph.nodes.iter().any(|other| other.compensation == Some(number)) {
                self.invalid(
                    index,
                    "compensation-handler",
                    "is for compensation, but no boundary event leads to it",
                );
            }
        }
        self.caught_once(&node.boundaries);
        self.caught_once(&node.events);
    }

    fn is_transaction(&self, node: NodeId) -> bool {
        matches!(self.graph.node(node).kind, NodeKind::SubProcess { is_transaction: true, .. })
    }

    fn catches_link(&self, index: usize) -> bool {
        let xml = self.xml(index);
        xml.tag_name().name() == "intermediateCatchEvent" && events::link_name(xml).is_some()
    }

    /// Each error and each escalation is caught once by events that stand at the same place.
    fn caught_once(&mut self, events: &[NodeId]) {
        let mut seen = Vec::new();
        for event in events {
            let caught = match self.trigger(*event) {
                Some(BoundaryTrigger::Error { code }) => ("error-twice", code.clone()),
                Some(BoundaryTrigger::Escalation { code }) => ("escalation-twice", code.clone()),
                _ => continue,
            };
            if seen.contains(&caught) {
                self.invalid(
                    event.0 as usize,
                    caught.0,
                    "catches what another event at the same place catches too",
                );
            }
            seen.push(caught);
        }
    }

    /// Returns what a boundary event or an event sub-process waits for.
    fn trigger(&self, node: NodeId) -> Option<&BoundaryTrigger> {
        match &self.graph.node(node).kind {
            NodeKind::Boundary(boundary) => Some(&boundary.trigger),
            NodeKind::EventSubProcess { trigger, .. } => Some(trigger),
            _ => None,
        }
    }

    /// What end events throw is caught where it has to be.
    fn thrown(&mut self, index: usize) {
        let scope = self.graph.nodes[index].scope;
        match &self.graph.nodes[index].kind {
            NodeKind::End(End::Error { code }) if !self.is_caught(scope, code) => {
                let message = "throws an error that nothing around it catches";
                self.invalid(index, "error-uncaught", message);
            }
            NodeKind::End(End::Cancel) => match scope.filter(|scope| self.is_transaction(*scope)) {
                None => {
                    let message = "cancels a transaction, but does not stand directly in one";
                    self.invalid(index, "cancel-scope", message);
                }
                Some(scope) => {
                    let boundaries = &self.graph.node(scope).boundaries;
                    let is_caught = boundaries.iter().any(|boundary| {
                        matches!(self.trigger(*boundary), Some(BoundaryTrigger::Cancel))
                    });
                    if !is_caught {
                        let message =
                            "cancels a transaction at which no boundary event waits for that";
                        self.invalid(index, "cancel-boundary", message);
                    }
                }
            },
            _ => {}
        }
    }

    /// Whether an error thrown in a scope is caught on its way outward.
    fn is_caught(&self, scope: Option<NodeId>, code: &str) -> bool {
        let catches = |events: &[NodeId]| {
            events.iter().any(|event| match self.trigger(*event) {
                Some(BoundaryTrigger::Error { code: caught }) => {
                    caught.as_deref().is_none_or(|caught| caught == code)
                }
                _ => false,
            })
        };
        let mut at = scope;
        // What an event sub-process throws goes past those that stand beside it.
        let mut is_past = false;
        loop {
            if !is_past && catches(self.graph.events_of(at)) {
                return true;
            }
            let Some(scope) = at else { return false };
            let node = self.graph.node(scope);
            if catches(&node.boundaries) {
                return true;
            }
            is_past = matches!(node.kind, NodeKind::EventSubProcess { .. });
            at = node.scope;
        }
    }

    /// Behind an exclusive or an inclusive gateway each flow but the default needs a condition.
    fn exclusive(&mut self, index: usize, default: Option<FlowId>) {
        let node = &self.graph.nodes[index];
        if node.outgoing.len() < 2 {
            return;
        }
        for flow in &node.outgoing {
            let xml = self.reader.flows[flow.0 as usize];
            let has_condition =
                xml.children().any(|part| part.tag_name().name() == "conditionExpression");
            if !has_condition && default != Some(*flow) {
                self.reader.problems.invalid(
                    xml,
                    "condition-missing",
                    "has no condition and is not the default of its gateway",
                );
            }
            if has_condition && default == Some(*flow) {
                self.reader.problems.invalid(
                    xml,
                    "default-condition",
                    "is the default of its gateway and has a condition",
                );
            }
        }
    }

    fn event_gateway(&mut self, index: usize) {
        let node = &self.graph.nodes[index];
        if node.outgoing.is_empty() {
            self.invalid(index, "event-gateway", "has no event behind it");
        }
        for flow in &node.outgoing {
            let target = self.graph.flow(*flow).to;
            let behind = self.graph.node(target);
            let waits = matches!(
                self.xml(target.0 as usize).tag_name().name(),
                "intermediateCatchEvent" | "receiveTask"
            );
            if !waits {
                self.invalid(
                    target.0 as usize,
                    "event-gateway",
                    "stands behind an event-based gateway but does not wait for an event",
                );
            } else if behind.incoming.len() != 1 {
                self.invalid(
                    target.0 as usize,
                    "event-gateway",
                    "stands behind an event-based gateway and has another flow into it",
                );
            }
        }
    }

    /// What refers to other nodes.
    fn neighbours(&mut self, index: usize) {
        let node = &self.graph.nodes[index];
        let activity = match &node.kind {
            NodeKind::ThrowCompensation { activity } => *activity,
            NodeKind::End(End::Compensation { activity }) => *activity,
            _ => None,
        };
        if let Some(activity) = activity {
            let activity = self.graph.node(activity);
            let can_be_undone = activity.compensation.is_some()
                || matches!(activity.kind, NodeKind::SubProcess { .. });
            // An event sub-process also undoes what was done in what it stands in.
            let around = node.scope.filter(|scope| self.reader.is_event_scope(Some(*scope)));
            let is_near = activity.scope == node.scope
                || around.is_some_and(|scope| self.graph.node(scope).scope == activity.scope);
            if !can_be_undone || !is_near {
                self.invalid(
                    index,
                    "compensation-activity",
                    "undoes an activity that has no compensation in this scope",
                );
            }
        }
        if attribute(self.xml(index), "isForCompensation").is_some_and(|mark| mark == "true")
            && !node.boundaries.is_empty()
        {
            self.invalid(
                index,
                "compensation-flow",
                "is for compensation, so no boundary event may be attached to it",
            );
        }
    }

    /// Conditions stand behind exclusive and inclusive gateways only.
    fn flow(&mut self, index: usize) {
        let flow = &self.graph.flows[index];
        let can_choose = matches!(
            self.graph.node(flow.from).kind,
            NodeKind::ExclusiveGateway { .. } | NodeKind::InclusiveGateway { .. }
        );
        if flow.condition.is_some() && !can_choose {
            let Some(number) = self.reader.flow_ids.get(flow.id.as_str()) else { return };
            let xml = self.reader.flows[number.0 as usize];
            let message =
                "has a condition but does not begin at an exclusive gateway; that is not supported";
            self.reader.problems.broken(UNSUPPORTED, xml, "conditional-flow", message);
        }
    }

    /// Every node can be reached from a start event.
    fn reachable(&mut self) {
        let graph = self.graph;
        let mut is_reached = vec![false; graph.nodes.len()];
        let mut open: Vec<NodeId> = graph.starts.iter().chain(&graph.events).copied().collect();
        while let Some(number) = open.pop() {
            if std::mem::replace(&mut is_reached[number.0 as usize], true) {
                continue;
            }
            let node = graph.node(number);
            open.extend(node.outgoing.iter().map(|flow| graph.flow(*flow).to));
            open.extend(&node.boundaries);
            open.extend(node.compensation);
            open.extend(&node.events);
            match node.kind {
                NodeKind::SubProcess { start, .. } | NodeKind::EventSubProcess { start, .. } => {
                    open.push(start);
                }
                NodeKind::LinkThrow { to } => open.push(to),
                _ => {}
            }
        }
        for (index, node) in graph.nodes.iter().enumerate() {
            let hides_in_other = node.scope.is_some_and(|scope| !is_reached[scope.0 as usize]);
            if !is_reached[index] && !hides_in_other {
                self.invalid(index, "unreachable", "cannot be reached from a start event");
            }
        }
    }

    /// No circle runs for ever without waiting: each has a node that waits, or a gateway that can leave it.
    fn endless(&mut self) {
        let graph = self.graph;
        let is_instant: Vec<bool> =
            (0..graph.nodes.len()).map(|index| self.is_instant(index)).collect();
        for circle in circles(graph, &is_instant) {
            let leaves = |number: &NodeId| {
                let node = graph.node(*number);
                let can_choose = matches!(
                    node.kind,
                    NodeKind::ExclusiveGateway { .. } | NodeKind::InclusiveGateway { .. }
                );
                can_choose
                    && node.outgoing.iter().any(|flow| !circle.contains(&graph.flow(*flow).to))
            };
            if circle.iter().any(leaves) {
                continue;
            }
            if let Some(first) = circle.iter().min() {
                let xml = self.xml(first.0 as usize);
                let message =
                    "stands in a circle that never waits and that no exclusive gateway leaves";
                self.reader.problems.broken(ENDLESS, xml, "endless", message);
            }
        }
    }

    /// Whether a token passes a node without waiting for anything outside.
    fn is_instant(&self, index: usize) -> bool {
        let number = NodeId(u32::try_from(index).unwrap_or(u32::MAX));
        match &self.graph.nodes[index].kind {
            NodeKind::PassThrough
            | NodeKind::LinkThrow { .. }
            | NodeKind::ThrowEscalation { .. }
            | NodeKind::ThrowSignal { .. }
            | NodeKind::ExclusiveGateway { .. }
            | NodeKind::InclusiveGateway { .. }
            | NodeKind::ParallelGateway => true,
            // A sub-process passes at once where nothing in it waits.
            NodeKind::SubProcess { .. } => {
                self.graph.nodes.iter().enumerate().all(|(other, node)| {
                    node.scope != Some(number)
                        || matches!(node.kind, NodeKind::Start(_) | NodeKind::End(_))
                        || self.is_instant(other)
                })
            }
            _ => false,
        }
    }
}

/// Returns the circles among the nodes that are instant: sets in which each reaches each.
fn circles(graph: &Graph, is_instant: &[bool]) -> Vec<Vec<NodeId>> {
    let links: HashMap<NodeId, Vec<NodeId>> = joins::links(graph);
    let follow = |from: NodeId, forward: bool| -> Vec<NodeId> {
        let node = graph.node(from);
        let flows = if forward { &node.outgoing } else { &node.incoming };
        let mut ends: Vec<NodeId> = flows
            .iter()
            .map(|flow| if forward { graph.flow(*flow).to } else { graph.flow(*flow).from })
            .collect();
        match node.kind {
            NodeKind::LinkThrow { to } if forward => ends.push(to),
            _ if !forward => ends.extend(links.get(&from).into_iter().flatten()),
            _ => {}
        }
        ends.retain(|to| is_instant[to.0 as usize]);
        ends
    };
    // Kosaraju: the order in which a search ends, then a search backward in the opposite order.
    let mut order = Vec::new();
    let mut is_seen = vec![false; graph.nodes.len()];
    for start in
        (0..).map(NodeId).take(graph.nodes.len()).filter(|start| is_instant[start.0 as usize])
    {
        let mut open = vec![(start, false)];
        while let Some((number, is_done)) = open.pop() {
            if is_done {
                order.push(number);
            } else if !std::mem::replace(&mut is_seen[number.0 as usize], true) {
                open.push((number, true));
                open.extend(follow(number, true).into_iter().map(|next| (next, false)));
            }
        }
    }
    let mut circles = Vec::new();
    let mut is_placed = vec![false; graph.nodes.len()];
    for start in order.into_iter().rev() {
        let mut circle = Vec::new();
        let mut open = vec![start];
        while let Some(number) = open.pop() {
            if !std::mem::replace(&mut is_placed[number.0 as usize], true) {
                circle.push(number);
                open.extend(follow(number, false));
            }
        }
        let is_loop = |number: &NodeId| follow(*number, true).contains(number);
        if 1 < circle.len() || circle.iter().any(is_loop) {
            circles.push(circle);
        }
    }
    circles
}
