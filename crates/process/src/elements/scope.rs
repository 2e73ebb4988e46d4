//! Scopes: their ends, errors that go outward, and termination.

use crate::error::Error;
use crate::instance::{Element, ElementId, Move, ROOT, State, Wait};
use crate::state::{Effect, Passed, Step};
use base::Problem;
use notation::graph::{BoundaryTrigger, End, NodeId, NodeKind};
use serde_json::{Value, json};

/// What is thrown outward, by its code.
#[derive(Debug, Clone, Copy)]
enum Thrown<'a> {
    Error(&'a str),
    Escalation(&'a str),
}

/// What catches it.
enum Catcher {
    /// A boundary event of an active element.
    Boundary { node: NodeId, host: ElementId, is_interrupting: bool },
    /// An event sub-process of an active scope.
    Handler { node: NodeId, scope: ElementId },
}

impl Step<'_> {
    /// A token comes to an end event.
    pub(super) fn end(&mut self, id: ElementId, end: &End) -> Result<(), Problem> {
        match end {
            End::None => self.leave(id, Value::Null),
            End::Terminate => {
                let scope = self.instance.element(id).map_or(ROOT, |element| element.scope);
                self.clear(scope, Some(id));
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
            End::Escalation { code } => {
                if self.escalate(id, code) {
                    self.leave(id, Value::Null);
                }
            }
            End::Signal { name } => self.signal(id, name),
            // What is on its way arrives first, as at every other end.
            End::Cancel => self.instance.moves.push_back(Move::Cancel { element: id }),
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
            self.passed(Passed::Over);
            self.close(ROOT);
            self.instance.state = State::Completed;
        } else {
            self.leave(scope, Value::Null);
        }
    }

    /// Throws a BPMN error from an element outward. Returns false where nothing catches it. `with_any` says whether
    /// events without a code catch it too.
    pub(super) fn throw(
        &mut self,
        from: ElementId,
        code: &str,
        result: Value,
        with_any: bool,
    ) -> bool {
        match self.catcher(from, Thrown::Error(code), with_any) {
            Some(Catcher::Boundary { node, host, .. }) => {
                let scope = self.instance.element(host).map_or(ROOT, |element| element.scope);
                let id = self.add(node, scope);
                self.interrupt(id, host, result);
                true
            }
            Some(Catcher::Handler { node, scope }) => {
                self.begin_handler(node, scope, result);
                true
            }
            None => false,
        }
    }

    /// Throws an escalation from an element outward. Returns whether the element still stands: nothing interrupted it.
    pub(super) fn escalate(&mut self, from: ElementId, code: &str) -> bool {
        match self.catcher(from, Thrown::Escalation(code), true) {
            Some(Catcher::Boundary { node, host, is_interrupting }) => {
                let scope = self.instance.element(host).map_or(ROOT, |element| element.scope);
                let id = self.add(node, scope);
                if is_interrupting {
                    self.interrupt(id, host, Value::Null);
                } else {
                    self.leave(id, Value::Null);
                }
            }
            Some(Catcher::Handler { node, scope }) => {
                self.begin_handler(node, scope, Value::Null);
            }
            None => {}
        }
        self.instance.element(from).is_some()
    }

    /// Looks outward for what catches something thrown: at each border first what stands inside it, then what stands at it.
    fn catcher(&self, from: ElementId, thrown: Thrown<'_>, with_any: bool) -> Option<Catcher> {
        let mut at = from;
        while let Some(element) = self.instance.element(at) {
            let here = self.graph.node(element.node);
            if let Some(node) = self.find_catcher(&here.boundaries, thrown, with_any) {
                let kind = &self.graph.node(node).kind;
                let is_interrupting =
                    matches!(kind, NodeKind::Boundary(boundary) if boundary.is_interrupting);
                return Some(Catcher::Boundary { node, host: at, is_interrupting });
            }
            // What an event sub-process throws goes past those that stand beside it.
            if !matches!(here.kind, NodeKind::EventSubProcess { .. }) {
                let events = self.graph.events_of(here.scope);
                if let Some(node) = self.find_catcher(events, thrown, with_any) {
                    return Some(Catcher::Handler { node, scope: element.scope });
                }
            }
            at = element.scope;
        }
        None
    }

    /// Returns the event that catches something by its code, else one that catches any.
    fn find_catcher(
        &self,
        events: &[NodeId],
        thrown: Thrown<'_>,
        with_any: bool,
    ) -> Option<NodeId> {
        let catches = |event: NodeId, wanted: Option<&str>| {
            let trigger = match &self.graph.node(event).kind {
                NodeKind::Boundary(boundary) => &boundary.trigger,
                NodeKind::EventSubProcess { trigger, .. } => trigger,
                _ => return false,
            };
            match (trigger, thrown) {
                (BoundaryTrigger::Error { code }, Thrown::Error(_))
                | (BoundaryTrigger::Escalation { code }, Thrown::Escalation(_)) => {
                    code.as_deref() == wanted
                }
                _ => false,
            }
        };
        let (Thrown::Error(code) | Thrown::Escalation(code)) = thrown;
        let find = |wanted| events.iter().copied().find(|event| catches(*event, wanted));
        find(Some(code)).or_else(|| if with_any { find(None) } else { None })
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
            Move::Fire { element }
            | Move::Undo { element }
            | Move::Cancel { element }
            | Move::Release { element } => !gone.contains(element),
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
