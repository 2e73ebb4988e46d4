//! Gateways.

use super::mapping::wrong;
use crate::error::Error;
use crate::instance::{ElementId, Wait};
use crate::state::Step;
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
            let Some(condition) = &self.graph.flow(*flow).condition else {
                return Ok(*flow);
            };
            match self.value(id, condition)? {
                Value::Bool(true) => return Ok(*flow),
                Value::Bool(false) => {}
                other => {
                    let what = format!("the condition `{}`", condition.text());
                    return Err(wrong(&what, "true or false", &other));
                }
            }
        }
        default.ok_or_else(|| Error::NoFlow { gateway: node.id.clone() }.into())
    }

    /// A token comes to a parallel gateway with several flows in: it goes on when each flow has brought one. A flow
    /// that brings a second token before the others have brought their first keeps it for the next time.
    pub(super) fn join(&mut self, node: NodeId, flow: Option<FlowId>, scope: ElementId) {
        let found = self.graph.node(node);
        let held =
            self.instance.elements.iter().find(|held| held.node == node && held.scope == scope);
        let id = held.map(|held| held.id).unwrap_or_else(|| self.add(node, scope));
        let Some(element) = self.instance.element_mut(id) else { return };
        if !matches!(element.wait, Wait::Join { .. }) {
            element.wait = Wait::Join { tokens: vec![0; found.incoming.len()] };
        }
        let Wait::Join { tokens } = &mut element.wait else { return };
        let place = found.incoming.iter().position(|incoming| Some(*incoming) == flow);
        if let Some(count) = place.and_then(|place| tokens.get_mut(place)) {
            *count += 1;
        }
        if tokens.contains(&0) {
            return;
        }
        tokens.iter_mut().for_each(|count| *count -= 1);
        if tokens.iter().all(|count| *count == 0) {
            self.depart(id, &found.outgoing);
        } else {
            self.follow(&found.outgoing, scope);
        }
    }

    /// Arms the events behind an event gateway.
    pub(super) fn await_first(&mut self, id: ElementId, node: &Node) -> Result<(), Problem> {
        let mut arms = Vec::new();
        for flow in &node.outgoing {
            let target = self.graph.flow(*flow).to;
            if let NodeKind::Catch(trigger) = &self.graph.node(target).kind {
                arms.push((target, self.await_trigger(id, trigger)?));
            }
        }
        self.set_wait(id, Wait::First);
        for (node, wait) in arms {
            self.arm(id, node, wait);
        }
        Ok(())
    }
}
