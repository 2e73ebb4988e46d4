//! What is done to an instance by hand: a token is moved, or all of it goes over to another version.
//!
//! Whether it can be done is checked before ([`crate::repair`], [`crate::migrate`]); here it is done.

use crate::instance::{Command, Element, ElementId, Migration, Move, ROOT, Wait};
use crate::state::Step;
use base::Problem;
use notation::graph::{FlowId, Graph, Node, NodeId, NodeKind, Timer, Trigger};
use std::collections::{HashMap, HashSet};

impl Step<'_> {
    /// Ends an element and lets another begin; sub-processes that this one stands in are opened, those that nothing is left in are
    /// ended.
    pub(crate) fn move_token(&mut self, from: ElementId, to: NodeId) -> bool {
        if self.instance.element(from).is_none() {
            return false;
        }
        let held = self.instance.scopes_of(from);
        let wanted = self.graph.scopes_of(to);
        let shared = wanted
            .iter()
            .zip(held.iter().skip(1))
            .take_while(|(node, id)| {
                self.instance.element(**id).is_some_and(|element| element.node == **node)
            })
            .count();
        let mut scope = held.get(shared).copied().unwrap_or(ROOT);
        self.terminate(from);
        for left in held.iter().skip(shared + 1).rev() {
            if self.is_empty(*left) {
                self.terminate(*left);
            }
        }
        for node in wanted.iter().skip(shared) {
            match self.open(*node, scope) {
                Ok(opened) => scope = opened,
                Err(problem) => {
                    self.fail(&problem);
                    return true;
                }
            }
        }
        self.instance.moves.push_back(Move::Enter { node: to, flow: None, scope });
        true
    }

    /// Whether nothing moves or waits in a scope.
    fn is_empty(&self, scope: ElementId) -> bool {
        let is_inside = |next: &Move| matches!(next, Move::Enter { scope: of, .. } if *of == scope);
        !self.instance.moves.iter().any(is_inside)
            && !self
                .instance
                .elements
                .iter()
                .any(|element| element.scope == scope && element.host.is_none())
    }

    /// Opens a sub-process without its start event.
    fn open(&mut self, node: NodeId, scope: ElementId) -> Result<ElementId, Problem> {
        let found = self.graph.node(node);
        let id = self.add(node, scope);
        self.map_inputs(id, found)?;
        self.wait(id, found, Wait::Inside)?;
        Ok(id)
    }

    /// Goes over to another version, whose graph is that of this step.
    pub(crate) fn migrate(&mut self, migration: &Migration) {
        let nodes: HashMap<NodeId, NodeId> = migration.nodes.iter().copied().collect();
        let flows: HashMap<FlowId, FlowId> = migration.flows.iter().copied().collect();
        self.instance.version = migration.version;
        self.instance.earlier.extend(migration.path.iter().cloned());
        self.instance.earlier.truncate(self.config.path_max);
        self.instance.path.clear();
        // They are of the graph that it leaves.
        self.instance.trail.flows.clear();
        // What is armed and has no counterpart is disarmed; the plan has seen to it that nothing else is without one.
        self.instance.elements.retain(|element| {
            let is_kept = !migration.disarmed.contains(&element.id);
            element.host.is_none() || is_kept && nodes.contains_key(&element.node)
        });
        let renamed = |node: &mut NodeId| *node = nodes.get(&*node).copied().unwrap_or(*node);
        for element in &mut self.instance.elements {
            renamed(&mut element.node);
            let node = self.graph.node(element.node);
            rename(element, node);
            if let Wait::Undo { queue } = &mut element.wait {
                queue.iter_mut().for_each(|finished| renamed(&mut finished.node));
            }
        }
        for (id, counts) in &migration.joins {
            if let Some(element) = self.instance.element_mut(*id) {
                element.wait = Wait::Join { tokens: counts.clone() };
            }
        }
        self.instance.finished.iter_mut().for_each(|finished| renamed(&mut finished.node));
        for next in &mut self.instance.moves {
            if let Move::Enter { node, flow, .. } = next {
                renamed(node);
                *flow = flow.and_then(|flow| flows.get(&flow).copied());
            }
        }
        for parked in &mut self.instance.parked {
            if let Command::Start { node } = &mut parked.command {
                renamed(node);
            }
        }
        let known: HashSet<NodeId> = nodes.into_values().collect();
        let armed = self.arm_new(&known);
        let set = if migration.again { self.set_again() } else { Ok(()) };
        if let Err(problem) = armed.and(set) {
            self.fail(&problem);
        }
    }

    /// Arms the events that only the new version has, at what waits already.
    fn arm_new(&mut self, known: &HashSet<NodeId>) -> Result<(), Problem> {
        let is_new = |node: &&NodeId| !known.contains(*node);
        let waiting: Vec<(ElementId, ElementId, NodeId)> = self
            .instance
            .elements
            .iter()
            .filter(|element| {
                element.host.is_none() && !matches!(element.wait, Wait::Entry | Wait::Exit { .. })
            })
            .map(|element| (element.id, element.scope, element.node))
            .collect();
        let graph: &Graph = self.graph;
        let outside: Vec<NodeId> = graph.events.iter().filter(is_new).copied().collect();
        let arms = self.event_arms(ROOT, &outside)?;
        self.arm_all(ROOT, ROOT, arms);
        for (id, scope, node) in waiting {
            let node = graph.node(node);
            let around: Vec<NodeId> = node.boundaries.iter().filter(is_new).copied().collect();
            let inside: Vec<NodeId> = node.events.iter().filter(is_new).copied().collect();
            let mut arms = self.boundary_arms(id, &around)?;
            if matches!(node.kind, NodeKind::EventGateway) {
                arms.extend(self.missing_behind(id, node)?);
            }
            self.arm_all(id, scope, arms);
            let arms = self.event_arms(id, &inside)?;
            self.arm_all(id, id, arms);
        }
        Ok(())
    }

    /// Returns the events behind an event gateway that are not armed for it yet.
    fn missing_behind(
        &self,
        gateway: ElementId,
        node: &Node,
    ) -> Result<Vec<(NodeId, Wait)>, Problem> {
        let mut arms = self.arms_behind(gateway, node)?;
        arms.retain(|(node, _)| {
            let is_it = |element: &Element| element.host == Some(gateway) && element.node == *node;
            !self.instance.elements.iter().any(is_it)
        });
        Ok(arms)
    }

    /// Works the timers out again, from when their elements were entered. Those that repeat keep their rhythm.
    fn set_again(&mut self) -> Result<(), Problem> {
        let mut set = Vec::new();
        for element in &self.instance.elements {
            let Wait::Timer { every: None, .. } = element.wait else { continue };
            let Some(Trigger::Timer(timer)) = self.trigger_of(element.node) else { continue };
            if !matches!(timer, Timer::Cycle { .. }) {
                let seen = element.host.unwrap_or(element.id);
                set.push((element.id, self.await_timer(seen, timer, element.entered)?));
            }
        }
        for (id, wait) in set {
            self.set_wait(id, wait);
        }
        Ok(())
    }
}

/// Gives what waits at an element the element's new names.
fn rename(element: &mut Element, node: &Node) {
    if let Wait::Task(task) = &mut element.wait {
        task.kind = node.id.clone();
        if let NodeKind::UserTask(user_task) = &node.kind {
            // A name that was made of variables stays what it was.
            if user_task.title.is_none() {
                task.name = node.name.clone();
            }
            task.form = user_task.form.as_ref().map(|form| form.text().to_owned());
        }
    }
    if let Some(incident) = &mut element.incident {
        incident.element = node.id.clone();
    }
}
