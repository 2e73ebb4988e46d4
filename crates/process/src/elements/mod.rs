//! What each kind of element does. One file per family.

mod activity;
mod compensation;
mod event;
mod gateway;
mod handler;
mod mapping;
mod repair;
mod scope;
mod signal;

pub(crate) use mapping::{text_of, wrong};

use crate::instance::{Element, ElementId, Finished, Move, ROOT, Wait};
use crate::state::{Effect, Left, Passed, Step};
use base::{Period, Problem};
use notation::graph::{End, FlowId, Node, NodeId, NodeKind};
use serde_json::Value;

impl Step<'_> {
    /// A token comes to an element.
    pub(crate) fn enter(&mut self, node: NodeId, flow: Option<FlowId>, scope: ElementId) {
        let found = self.graph.node(node);
        if let Some(flow) = flow {
            self.passed(Passed::In(flow));
            self.passed(Passed::Enter(node));
            // A token that comes by no flow was put there by hand, and waits for no other.
            match found.kind {
                NodeKind::ParallelGateway if 1 < found.incoming.len() => {
                    self.join(node, flow, scope);
                    return;
                }
                NodeKind::InclusiveGateway { .. } if 1 < found.incoming.len() => {
                    self.gather(node, flow, scope);
                    return;
                }
                _ => {}
            }
        }
        let id = self.add(node, scope);
        self.begin(id);
    }

    /// Begins an element, or tries again.
    pub(crate) fn begin(&mut self, id: ElementId) {
        if let Err(problem) = self.try_begin(id) {
            self.stop(id, &problem);
        }
    }

    fn try_begin(&mut self, id: ElementId) -> Result<(), Problem> {
        let Some(node) = self.node_of(id) else { return Ok(()) };
        self.map_inputs(id, node)?;
        match &node.kind {
            NodeKind::Start(_)
            | NodeKind::PassThrough
            | NodeKind::LinkThrow { .. }
            | NodeKind::Boundary(_) => self.leave(id, Value::Null),
            NodeKind::ParallelGateway => self.depart(id, &node.outgoing),
            NodeKind::ExclusiveGateway { default } => self.choose(id, node, *default)?,
            NodeKind::InclusiveGateway { default, .. } => self.split(id, node, *default)?,
            NodeKind::EventGateway => self.await_first(id, node)?,
            NodeKind::End(end) => self.end(id, end)?,
            NodeKind::SubProcess { start, .. } | NodeKind::EventSubProcess { start, .. } => {
                self.wait(id, node, Wait::Inside)?;
                self.instance.moves.push_back(Move::Enter { node: *start, flow: None, scope: id });
            }
            NodeKind::ThrowEscalation { code } => {
                if self.escalate(id, code) {
                    self.leave(id, Value::Null);
                }
            }
            NodeKind::ThrowSignal { name } => self.signal(id, name),
            NodeKind::Catch(trigger) => {
                let wait = self.await_trigger(id, trigger)?;
                self.wait(id, node, wait)?;
            }
            NodeKind::ThrowCompensation { activity } => self.undo(id, *activity),
            NodeKind::Job(job) => self.job(id, node, job)?,
            NodeKind::UserTask(task) => self.user_task(id, node, task)?,
            NodeKind::Call(call) => self.call(id, node, call)?,
            NodeKind::Decision(decision) => self.decision(id, node, decision)?,
            NodeKind::Script(script) => self.script(id, node, script)?,
        }
        Ok(())
    }

    /// Has an element wait, with its boundary events armed. Changes nothing where one of these cannot be armed.
    fn wait(&mut self, id: ElementId, node: &Node, wait: Wait) -> Result<(), Problem> {
        let is_armed = self.instance.elements.iter().any(|element| element.host == Some(id));
        let (mut around, mut inside) = (Vec::new(), Vec::new());
        if !is_armed {
            around = self.boundary_arms(id, &node.boundaries)?;
            inside = self.event_arms(id, &node.events)?;
        }
        let scope = self.instance.element(id).map_or(ROOT, |element| element.scope);
        self.set_wait(id, wait);
        self.arm_all(id, scope, around);
        self.arm_all(id, id, inside);
        Ok(())
    }

    /// Sets what an element waits for; a timer that is due already fires at once.
    fn set_wait(&mut self, id: ElementId, wait: Wait) {
        if matches!(wait, Wait::Timer { due, .. } if due < self.instance.time) {
            self.instance.moves.push_back(Move::Fire { element: id });
        }
        if let Some(element) = self.instance.element_mut(id) {
            element.wait = wait;
        }
    }

    /// Takes a result outward and goes on behind the element.
    pub(crate) fn leave(&mut self, id: ElementId, result: Value) {
        let Some(node) = self.node_of(id) else { return };
        self.close(id);
        if let Some(element) = self.instance.element_mut(id) {
            element.wait = Wait::Exit { result };
        }
        match self.map_outputs(id, node) {
            Ok(()) => self.depart(id, &node.outgoing),
            Err(problem) => self.stop(id, &problem),
        }
    }

    /// Removes a finished element and sends tokens along flows.
    fn depart(&mut self, id: ElementId, flows: &[FlowId]) {
        let Some(element) = self.remove(id) else { return };
        let node = self.graph.node(element.node);
        if !matches!(node.kind, NodeKind::End(End::Terminate)) {
            self.passed(Passed::Exit(element.node));
        }
        self.record(&element, true);
        let scope = element.scope;
        let undoes = element.undoes;
        self.remember(element, node);
        if let Some(thrower) = undoes {
            self.instance.moves.push_back(Move::Undo { element: thrower });
            return;
        }
        if let NodeKind::LinkThrow { to } = node.kind {
            self.instance.moves.push_back(Move::Enter { node: to, flow: None, scope });
            return;
        }
        self.follow(flows, scope);
    }

    fn follow(&mut self, flows: &[FlowId], scope: ElementId) {
        self.flows.extend(flows);
        for flow in flows {
            self.passed(Passed::Out(*flow));
            let node = self.graph.flow(*flow).to;
            self.instance.moves.push_back(Move::Enter { node, flow: Some(*flow), scope });
        }
        if flows.is_empty() {
            self.ended(scope);
        }
    }

    /// Remembers a finished activity that can be undone.
    fn remember(&mut self, element: Element, node: &Node) {
        let holds_finished = || self.instance.finished.iter().any(|held| held.scope == element.id);
        if node.compensation.is_none() && !holds_finished() {
            return;
        }
        let mut variables = element.variables;
        if let Wait::Exit { result: Value::Object(result) } = element.wait {
            variables.extend(result);
        }
        let (scope, node) = (element.scope, element.node);
        self.instance.finished.push(Finished { element: element.id, node, scope, variables });
    }

    /// Notes in path and history that an element is over.
    fn record(&mut self, element: &Element, is_completed: bool) {
        if element.host.is_none() {
            let took = Period(self.instance.time.0.saturating_sub(element.entered.0));
            self.left.push(Left { node: element.node, is_completed, took });
        }
        let kind = &self.graph.node(element.node).kind;
        let is_gateway = matches!(
            kind,
            NodeKind::Start(_)
                | NodeKind::ExclusiveGateway { .. }
                | NodeKind::InclusiveGateway { .. }
                | NodeKind::ParallelGateway
                | NodeKind::EventGateway
        );
        if is_gateway || element.host.is_some() {
            return;
        }
        if is_completed && self.instance.path.len() < self.config.path_max {
            self.instance.path.push(element.node);
        }
        if !matches!(kind, NodeKind::PassThrough | NodeKind::LinkThrow { .. } | NodeKind::End(_)) {
            let (entered, left) = (element.entered, self.instance.time);
            let (id, node) = (element.id, element.node);
            let tries = (0 < element.again).then(|| element.again + 1);
            let activity =
                Effect::Activity { element: id, node, entered, left, is_completed, tries };
            self.effects.push(activity);
        }
    }
}
