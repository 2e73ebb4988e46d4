//! Compensation: finished activities are undone, the latest first, one after the other.
//!
//! A finished sub-process with an activity of its own to undo it is undone by that one; else what finished inside it is
//! undone, recursively. What a sub-process had finished when it was interrupted cannot be undone from outside (BPMN 2.0, 13.5.5).

use crate::instance::{ElementId, Finished, ROOT, Variables, Wait};
use crate::state::{Passed, Step};
use notation::graph::{BoundaryTrigger, End, NodeId, NodeKind};
use serde_json::Value;
use std::collections::VecDeque;

impl Step<'_> {
    /// Begins to undo one activity, or all finished ones of the element's scope.
    pub(super) fn undo(&mut self, id: ElementId, activity: Option<NodeId>) {
        let scope = self.instance.element(id).map_or(ROOT, |element| element.scope);
        let mut queue = self.take_finished(scope, activity, &Variables::new());
        // An event sub-process also undoes what was done in what it stands in.
        if let Some(handler) = self.instance.element(scope)
            && matches!(self.graph.node(handler.node).kind, NodeKind::EventSubProcess { .. })
        {
            let around = handler.scope;
            queue.extend(self.take_finished(around, activity, &Variables::new()));
        }
        if let Some(element) = self.instance.element_mut(id) {
            element.wait = Wait::Undo { queue };
        }
        self.undo_next(id);
    }

    /// Begins the next activity that undoes another; goes on behind the event when there is none left.
    pub(crate) fn undo_next(&mut self, id: ElementId) {
        let Some(element) = self.instance.element_mut(id) else { return };
        let scope = element.scope;
        let Wait::Undo { queue } = &mut element.wait else { return };
        let Some(finished) = queue.pop_front() else {
            self.undone(id, scope);
            return;
        };
        let Some(handler) = self.graph.node(finished.node).compensation else { return };
        self.passed(Passed::Enter(handler));
        let undoing = self.add(handler, scope);
        if let Some(element) = self.instance.element_mut(undoing) {
            element.undoes = Some(id);
            element.variables = finished.variables;
        }
        self.begin(undoing);
    }

    /// All is undone: the event is left, or the transaction that it cancels.
    fn undone(&mut self, id: ElementId, scope: ElementId) {
        let is_cancelling =
            self.node_of(id).is_some_and(|node| matches!(node.kind, NodeKind::End(End::Cancel)));
        let boundary = self.node_of(scope).and_then(|node| {
            node.boundaries.iter().copied().find(|boundary| {
                matches!(
                    &self.graph.node(*boundary).kind,
                    NodeKind::Boundary(boundary)
                        if matches!(boundary.trigger, BoundaryTrigger::Cancel)
                )
            })
        });
        match boundary.filter(|_| is_cancelling) {
            Some(boundary) => {
                let around = self.instance.element(scope).map_or(ROOT, |element| element.scope);
                let next = self.add(boundary, around);
                self.interrupt(next, scope, Value::Null);
            }
            None => self.leave(id, Value::Null),
        }
    }

    /// A cancel end event: all else in its transaction ends, and what is finished in it is undone.
    pub(crate) fn cancel_transaction(&mut self, id: ElementId) {
        let Some(element) = self.instance.element(id) else { return };
        let scope = element.scope;
        self.clear(scope, Some(id));
        self.undo(id, None);
    }

    /// Takes what can be undone in a scope, the latest first.
    fn take_finished(
        &mut self,
        scope: ElementId,
        activity: Option<NodeId>,
        outer: &Variables,
    ) -> VecDeque<Finished> {
        let is_meant = |finished: &Finished| {
            finished.scope == scope && activity.is_none_or(|activity| activity == finished.node)
        };
        let (meant, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.instance.finished).into_iter().partition(is_meant);
        self.instance.finished = rest;
        let mut queue = VecDeque::new();
        for mut finished in meant.into_iter().rev() {
            let mut variables = outer.clone();
            variables.extend(std::mem::take(&mut finished.variables));
            let inside = self.take_finished(finished.element, None, &variables);
            if self.graph.node(finished.node).compensation.is_some() {
                queue.push_back(Finished { variables, ..finished });
            } else {
                queue.extend(inside);
            }
        }
        queue
    }
}
