//! Signals, and conditions that are waited for.

use crate::instance::{Element, ElementId, Move, Wait};
use crate::state::{Effect, Step};
use notation::graph::{NodeKind, Trigger};
use serde_json::Value;

impl Step<'_> {
    /// Sends a signal: to those in the instance that wait for it, then to the rest of the unit. What interrupts the event that
    /// sends it comes first; then the event is left, then the others come.
    pub(super) fn signal(&mut self, id: ElementId, name: &str) {
        let variables =
            self.instance.element(id).map(|element| element.variables.clone()).unwrap_or_default();
        let around = self.instance.scopes_of(id);
        let waiting = |element: &&Element| {
            matches!(&element.wait, Wait::Signal { name: wanted } if wanted == name)
                && element.incident.is_none()
        };
        let (first, then): (Vec<ElementId>, Vec<ElementId>) = self
            .instance
            .elements
            .iter()
            .filter(waiting)
            .map(|element| element.id)
            .partition(|element| self.interrupts_any(*element, &around));
        let at = self.instance.time;
        let effect = Effect::Signal { name: name.to_owned(), variables: variables.clone(), at };
        self.effects.push(effect);
        let come = |step: &mut Self, element: ElementId| {
            let is_waiting = step.instance.element(element).is_some_and(|found| waiting(&found));
            if is_waiting {
                step.fire(element, Value::Object(variables.clone()));
            }
        };
        first.into_iter().for_each(|element| come(self, element));
        // Who comes behind the event may wait for what the others send; but the last one of a scope would end it.
        let goes_on = self.node_of(id).is_some_and(|node| !node.outgoing.is_empty());
        if goes_on {
            self.leave(id, Value::Null);
        }
        then.into_iter().for_each(|element| come(self, element));
        if !goes_on && self.instance.element(id).is_some() {
            self.leave(id, Value::Null);
        }
    }

    /// Whether an armed event ends one of these scopes, or all that is in it.
    fn interrupts_any(&self, id: ElementId, scopes: &[ElementId]) -> bool {
        let Some(element) = self.instance.element(id) else { return false };
        let is_interrupting = match &self.graph.node(element.node).kind {
            NodeKind::Boundary(boundary) => boundary.is_interrupting,
            NodeKind::Start(_) => {
                self.graph.node(element.node).scope.is_some_and(|scope| self.is_interrupting(scope))
            }
            _ => false,
        };
        is_interrupting && element.host.is_some_and(|host| scopes.contains(&host))
    }

    /// Looks whether a condition that is waited for has become true; what waits for it goes on. Returns whether one does.
    pub(super) fn look_for_conditions(&mut self) -> bool {
        let waiting: Vec<(ElementId, bool)> = self
            .instance
            .elements
            .iter()
            .filter_map(|element| match element.wait {
                Wait::Condition { was } if element.incident.is_none() => Some((element.id, was)),
                _ => None,
            })
            .collect();
        for (id, was) in waiting {
            let is_true = self.is_met(id);
            if let Some(element) = self.instance.element_mut(id) {
                element.wait = Wait::Condition { was: is_true };
            }
            if is_true && !was {
                self.instance.moves.push_back(Move::Fire { element: id });
                return true;
            }
        }
        false
    }

    /// Whether a condition is true. What cannot be worked out, because a variable is not there yet, is not true yet.
    fn is_met(&self, id: ElementId) -> bool {
        let Some(element) = self.instance.element(id) else { return false };
        match self.trigger_of(element.node) {
            Some(Trigger::Condition(condition)) => {
                // It is seen as what it is armed for sees it.
                let seen = element.host.unwrap_or(id);
                self.value(seen, condition).is_ok_and(|value| value == Value::Bool(true))
            }
            _ => false,
        }
    }
}
