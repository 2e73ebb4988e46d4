//! Gateways.

use super::mapping::wrong;
use crate::error::Error;
use crate::instance::{Element, ElementId, Move, ROOT, Wait};
use crate::state::{Passed, Step};
use base::Problem;
use notation::graph::{FlowId, Node, NodeId, NodeKind};
use serde_json::Value;

impl Step<'_> {
    /// Takes the first flow whose condition is true, else the default.
    pub(super) fn choose(
        &mut self,
        id: ElementId,
        node: &Node,
        default: Option<FlowId>,
    ) -> Result<(), Problem> {
        let chosen = self.chosen(id, node, default)?;
        self.depart(id, &[chosen]);
        Ok(())
    }

    fn chosen(
        &self,
        id: ElementId,
        node: &Node,
        default: Option<FlowId>,
    ) -> Result<FlowId, Problem> {
        for flow in node.outgoing.iter().filter(|flow| Some(**flow) != default) {
            if self.is_true(id, *flow)? {
                return Ok(*flow);
            }
        }
        default.ok_or_else(|| Error::NoFlow { gateway: node.id.clone() }.into())
    }

    /// Returns whether a flow can be taken: its condition is true, or it has none.
    fn is_true(&self, id: ElementId, flow: FlowId) -> Result<bool, Problem> {
        let Some(condition) = &self.graph.flow(flow).condition else { return Ok(true) };
        match self.value(id, condition)? {
            Value::Bool(truth) => Ok(truth),
            other => {
                let what = format!("the condition `{}`", condition.text());
                Err(wrong(&what, "true or false", &other))
            }
        }
    }

    /// Takes every flow whose condition is true, else the default.
    pub(super) fn split(
        &mut self,
        id: ElementId,
        node: &Node,
        default: Option<FlowId>,
    ) -> Result<(), Problem> {
        let mut chosen = Vec::new();
        for flow in node.outgoing.iter().filter(|flow| Some(**flow) != default) {
            if self.is_true(id, *flow)? {
                chosen.push(*flow);
            }
        }
        if chosen.is_empty() {
            chosen.extend(default);
        }
        if chosen.is_empty() && !node.outgoing.is_empty() {
            return Err(Error::NoFlow { gateway: node.id.clone() }.into());
        }
        self.depart(id, &chosen);
        Ok(())
    }

    /// A token comes to a parallel gateway with several flows in: it goes on when each flow has brought one. A flow
    /// that brings a second token before the others have brought their first keeps it for the next time.
    pub(super) fn join(&mut self, node: NodeId, flow: FlowId, scope: ElementId) {
        let found = self.graph.node(node);
        let id = self.gather(node, flow, scope);
        let Some(element) = self.instance.element_mut(id) else { return };
        let Wait::Join { tokens } = &mut element.wait else { return };
        if tokens.contains(&0) {
            return;
        }
        tokens.iter_mut().for_each(|count| *count -= 1);
        if tokens.iter().all(|count| *count == 0) {
            self.depart(id, &found.outgoing);
        } else {
            self.passed(Passed::Exit(node));
            self.follow(&found.outgoing, scope);
        }
    }

    /// Keeps a token at a gateway, by the flow that brought it.
    pub(super) fn gather(&mut self, node: NodeId, flow: FlowId, scope: ElementId) -> ElementId {
        let found = self.graph.node(node);
        let held = self.instance.elements.iter().find(|held| {
            held.node == node && held.scope == scope && matches!(held.wait, Wait::Join { .. })
        });
        let id = held.map(|held| held.id).unwrap_or_else(|| self.add(node, scope));
        let Some(element) = self.instance.element_mut(id) else { return id };
        if !matches!(element.wait, Wait::Join { .. }) {
            element.wait = Wait::Join { tokens: vec![0; found.incoming.len()] };
        }
        let Wait::Join { tokens } = &mut element.wait else { return id };
        let place = found.incoming.iter().position(|incoming| *incoming == flow);
        if let Some(count) = place.and_then(|place| tokens.get_mut(place)) {
            *count += 1;
        }
        id
    }

    /// Looks, when nothing moves, for what depends on where all tokens stand: inclusive gateways to which nothing can come
    /// any more, and conditions that have become true. Returns whether something moves now.
    pub(crate) fn look_over(&mut self) -> bool {
        if !self.graph.is_looked_over {
            return false;
        }
        let ready = self.instance.elements.iter().find(|element| self.is_complete(element));
        if let Some(element) = ready.map(|element| element.id) {
            self.instance.moves.push_back(Move::Release { element });
            return true;
        }
        self.look_for_conditions()
    }

    /// Whether an inclusive gateway waits for nothing more: whoever can still come by a flow that has brought no token can
    /// also come by one that has.
    fn is_complete(&self, held: &Element) -> bool {
        let NodeKind::InclusiveGateway { reaching, .. } = &self.graph.node(held.node).kind else {
            return false;
        };
        let Wait::Join { tokens } = &held.wait else { return false };
        let comes_by = |node: NodeId, has_token: bool| {
            let flows = reaching.iter().zip(tokens).filter(|(_, count)| (0 < **count) == has_token);
            flows.into_iter().any(|(from, _)| from.contains(node))
        };
        let mut others = self.instance.elements.iter().filter(|other| {
            other.scope == held.scope && other.host.is_none() && other.id != held.id
        });
        others.all(|other| !comes_by(other.node, false) || comes_by(other.node, true))
    }

    /// Takes one token of each flow that has brought one, and goes on.
    pub(crate) fn release(&mut self, id: ElementId) {
        let Some(element) = self.instance.element_mut(id) else { return };
        let (node, scope) = (element.node, element.scope);
        let Wait::Join { tokens } = &mut element.wait else { return };
        tokens.iter_mut().for_each(|count| *count = count.saturating_sub(1));
        if tokens.iter().all(|count| *count == 0) {
            self.remove(id);
        }
        let token = self.add(node, scope);
        self.begin(token);
    }

    /// Arms the events behind an event gateway.
    pub(super) fn await_first(&mut self, id: ElementId, node: &Node) -> Result<(), Problem> {
        let arms = self.arms_behind(id, node)?;
        let scope = self.instance.element(id).map_or(ROOT, |element| element.scope);
        self.set_wait(id, Wait::First);
        self.arm_all(id, scope, arms);
        Ok(())
    }

    /// Returns the events behind an event gateway with what each waits for.
    pub(super) fn arms_behind(
        &self,
        id: ElementId,
        node: &Node,
    ) -> Result<Vec<(NodeId, Wait)>, Problem> {
        let mut arms = Vec::new();
        for flow in &node.outgoing {
            let target = self.graph.flow(*flow).to;
            if let NodeKind::Catch(trigger) = &self.graph.node(target).kind {
                arms.push((target, self.await_trigger(id, trigger)?));
            }
        }
        Ok(arms)
    }
}
