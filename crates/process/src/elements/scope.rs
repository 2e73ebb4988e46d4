//! Scopes: their ends, errors that go outward, and termination.

use crate::error::Error;
use crate::instance::{Element, ElementId, Move, ROOT, State, Wait};
use crate::state::{Effect, Step};
use base::Problem;
use notation::graph::{BoundaryTrigger, End, NodeId, NodeKind};
use serde_json::{Value, json};

impl Step<'_> {
    /// A token comes to an end event.
    pub(super) fn end(&mut self, id: ElementId, end: &End) -> Result<(), Problem> {
        match end {
            End::None => self.leave(id, Value::Null),
            End::Terminate => {
                let scope = self.instance.element(id).map_or(ROOT, |element| element.scope);
                let others: Vec<ElementId> = self
                    .instance
                    .elements
                    .iter()
                    .filter(|other| other.scope == scope && other.id != id && other.host.is_none())
                    .map(|other| other.id)
                    .collect();
                others.into_iter().for_each(|other| self.terminate(other));
                self.instance
                    .moves
                    .retain(|next| !matches!(next, Move::Enter { scope: of, .. } if *of == scope));
                self.leave(id, Value::Null);
            }
            End::Error { code } => {
                let result = json!({});
                if !self.throw(id, code, result, true) {
                    return Err(Error::Uncaught {
                        code: code.clone(),
                        message: "an end event".into(),
                    }
                    .into());
                }
            }
            End::Compensation { activity } => self.undo(id, *activity),
        }
        Ok(())
    }

    /// Ends a scope in which nothing is left.
    pub(super) fn ended(&mut self, scope: ElementId) {
        let has_elements = || {
            self.instance
                .elements
                .iter()
                .any(|element| element.scope == scope && element.host.is_none())
        };
        let has_moves = || {
            self.instance
                .moves
                .iter()
                .any(|next| matches!(next, Move::Enter { scope: of, .. } if *of == scope))
        };
        if has_elements() || has_moves() {
            return;
        }
        if scope == ROOT {
            self.instance.state = State::Completed;
        } else {
            self.leave(scope, Value::Null);
        }
    }

    /// Throws a BPMN error from an element outward. Returns false where nothing catches it. `with_any` says whether
    /// boundary events without a code catch it too.
    pub(super) fn throw(
        &mut self,
        from: ElementId,
        code: &str,
        result: Value,
        with_any: bool,
    ) -> bool {
        let mut at = from;
        while let Some(element) = self.instance.element(at) {
            if let Some(boundary) = self.catcher(element, code, with_any) {
                let scope = element.scope;
                let id = self.add(boundary, scope);
                self.interrupt(id, at, result);
                return true;
            }
            at = element.scope;
        }
        false
    }

    fn catcher(&self, element: &Element, code: &str, with_any: bool) -> Option<NodeId> {
        let boundaries = &self.graph.node(element.node).boundaries;
        let matching = |wanted: Option<&str>| {
            boundaries.iter().copied().find(|boundary| match &self.graph.node(*boundary).kind {
                NodeKind::Boundary(boundary) => match &boundary.trigger {
                    BoundaryTrigger::Error { code } => code.as_deref() == wanted,
                    _ => false,
                },
                _ => false,
            })
        };
        matching(Some(code)).or_else(|| if with_any { matching(None) } else { None })
    }

    /// Ends everything in a scope.
    pub(crate) fn terminate_scope(&mut self, scope: ElementId) {
        let inside: Vec<ElementId> = self
            .instance
            .elements
            .iter()
            .filter(|element| element.scope == scope && element.host.is_none())
            .map(|element| element.id)
            .collect();
        inside.into_iter().for_each(|id| self.terminate(id));
    }

    /// Ends an element with all that is in it, armed for it or done for it, and withdraws what it asked for.
    pub(super) fn terminate(&mut self, id: ElementId) {
        let mut gone = vec![id];
        let mut place = 0;
        while let Some(parent) = gone.get(place).copied() {
            place += 1;
            for element in &self.instance.elements {
                let is_under = element.scope == parent
                    || element.host == Some(parent)
                    || element.undoes == Some(parent);
                if is_under && !gone.contains(&element.id) {
                    gone.push(element.id);
                }
            }
        }
        for id in gone.iter().rev() {
            if let Some(element) = self.remove(*id) {
                self.withdraw(&element);
                self.record(&element, false);
            }
        }
        self.instance.finished.retain(|finished| !gone.contains(&finished.scope));
        self.instance.moves.retain(|next| match next {
            Move::Enter { scope, .. } => !gone.contains(scope),
            Move::Fire { element } | Move::Undo { element } => !gone.contains(element),
        });
    }

    fn withdraw(&mut self, element: &Element) {
        let (id, at) = (element.id, self.instance.time);
        match &element.wait {
            // A call with an incident has been answered already.
            Wait::Call { operation, resource, attempt, .. } if element.incident.is_none() => {
                self.effects.push(Effect::Withdraw {
                    element: id,
                    attempt: *attempt,
                    operation: operation.clone(),
                    resource: resource.clone(),
                    at,
                });
            }
            Wait::Script { attempt } => {
                self.effects.push(Effect::Forget { element: id, attempt: *attempt });
            }
            Wait::Task(task) => {
                let (task, entered) = (task.clone(), element.entered);
                let ended =
                    Effect::TaskEnded { element: id, task, entered, left: at, completed_by: None };
                self.effects.push(ended);
            }
            _ => {}
        }
    }
}
