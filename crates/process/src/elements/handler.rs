//! Event sub-processes: what begins when something happens while what they stand in is active.
//!
//! What can come from outside (messages, timers, signals, conditions) is armed when the scope begins, as an element at the start
//! event whose host is the scope itself. Errors and escalations are looked for when they are thrown.

use super::event::is_void;
use crate::instance::{Element, ElementId, Move, Wait};
use crate::state::Step;
use base::Problem;
use notation::graph::{BoundaryTrigger, NodeId, NodeKind};
use serde_json::Value;

impl Step<'_> {
    /// Returns the start events of a scope's event sub-processes with what each waits for.
    pub(crate) fn event_arms(
        &self,
        scope: ElementId,
        events: &[NodeId],
    ) -> Result<Vec<(NodeId, Wait)>, Problem> {
        let mut arms = Vec::new();
        for event in events {
            let NodeKind::EventSubProcess {
                start, trigger: BoundaryTrigger::Event(trigger), ..
            } = &self.graph.node(*event).kind
            else {
                continue;
            };
            if !is_void(trigger) {
                arms.push((*start, self.await_trigger(scope, trigger)?));
            }
        }
        Ok(arms)
    }

    /// What an event sub-process waited for has come.
    pub(super) fn start_handler(&mut self, armed: ElementId, scope: ElementId, result: Value) {
        let Some(element) = self.instance.element(armed) else { return };
        let Some(handler) = self.graph.node(element.node).scope else { return };
        if !self.is_interrupting(handler) {
            self.spend(armed);
        }
        self.begin_handler(handler, scope, result);
    }

    /// Whether an event sub-process ends all else in its scope.
    pub(super) fn is_interrupting(&self, handler: NodeId) -> bool {
        let kind = &self.graph.node(handler).kind;
        matches!(kind, NodeKind::EventSubProcess { is_interrupting: true, .. })
    }

    /// Begins an event sub-process, with what its start event brings.
    pub(super) fn begin_handler(&mut self, handler: NodeId, scope: ElementId, result: Value) {
        let node = self.graph.node(handler);
        let NodeKind::EventSubProcess { start, .. } = node.kind else { return };
        if self.is_interrupting(handler) {
            self.clear(scope, None);
        }
        let id = self.add(handler, scope);
        let entered = self.map_inputs(id, node).and_then(|()| self.wait(id, node, Wait::Inside));
        match entered {
            Ok(()) => {
                let token = self.add(start, id);
                self.leave(token, result);
            }
            Err(problem) => {
                // What the event brought is there when it is tried again.
                if let (Some(element), Value::Object(result)) =
                    (self.instance.element_mut(id), result)
                {
                    element.variables.extend(result);
                }
                self.stop(id, &problem);
            }
        }
    }

    /// Ends all that moves or waits in a scope, but for one element; what was finished in it can still be undone.
    pub(super) fn clear(&mut self, scope: ElementId, keep: Option<ElementId>) {
        let inside: Vec<ElementId> = self
            .instance
            .elements
            .iter()
            .filter(|other| other.scope == scope && Some(other.id) != keep && other.host.is_none())
            .map(|other| other.id)
            .collect();
        inside.into_iter().for_each(|other| self.terminate(other));
        self.disarm(scope);
        self.instance
            .moves
            .retain(|next| !matches!(next, Move::Enter { scope: of, .. } if *of == scope));
    }

    /// Disarms the event sub-processes of a scope.
    fn disarm(&mut self, scope: ElementId) {
        // What is armed at the border of the scope stands outside of it.
        let (armed, others): (Vec<Element>, Vec<Element>) =
            std::mem::take(&mut self.instance.elements)
                .into_iter()
                .partition(|element| element.host == Some(scope) && element.scope == scope);
        self.instance.elements = others;
        let is_armed = |id: ElementId| armed.iter().any(|element| element.id == id);
        self.instance
            .moves
            .retain(|next| !matches!(next, Move::Fire { element } if is_armed(*element)));
    }
}
