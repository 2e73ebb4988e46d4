//! Events: what is waited for, boundary events, and what happens when one comes.

use crate::error::Error;
use crate::instance::{ElementId, Move, Wait};
use crate::state::Step;
use base::{Period, Problem};
use notation::feel::Expression;
use notation::graph::{Boundary, BoundaryTrigger, Node, NodeId, NodeKind, Timer, Trigger};
use serde_json::Value;

impl Step<'_> {
    /// Returns what an event waits for, as its element sees it.
    pub(super) fn await_trigger(&self, id: ElementId, trigger: &Trigger) -> Result<Wait, Problem> {
        match trigger {
            Trigger::Message { name, correlation_key } => {
                let key = match correlation_key {
                    Some(expression) => self.text(id, "a correlation key", expression)?,
                    None => String::new(),
                };
                Ok(Wait::Message { name: name.clone(), key })
            }
            Trigger::Timer(timer) => self.await_timer(id, timer),
        }
    }

    fn await_timer(&self, id: ElementId, timer: &Timer) -> Result<Wait, Problem> {
        let now = self.instance.time;
        Ok(match timer {
            Timer::Date(date) => {
                Wait::Timer { due: self.instant(id, date)?, every: None, left: None }
            }
            Timer::Duration(duration) => {
                Wait::Timer { due: now.plus(self.period(id, duration)?), every: None, left: None }
            }
            Timer::Cycle { repetitions, every } => {
                let every = self.cycle(id, every)?;
                let left = repetitions.map(|count| count.saturating_sub(1));
                Wait::Timer { due: now.plus(every), every: Some(every), left }
            }
        })
    }

    fn cycle(&self, id: ElementId, every: &Expression) -> Result<Period, Problem> {
        let period = self.period(id, every)?;
        if 0 < period.0 {
            return Ok(period);
        }
        let found = period.to_string();
        Err(Error::Value {
            what: "the period of a cycle".into(),
            expected: "longer than nothing",
            found,
        }
        .into())
    }

    /// Returns the boundary events of an activity with what each waits for.
    pub(super) fn boundary_arms(
        &self,
        id: ElementId,
        node: &Node,
    ) -> Result<Vec<(NodeId, Wait)>, Problem> {
        let mut arms = Vec::new();
        for boundary in &node.boundaries {
            let NodeKind::Boundary(Boundary { trigger: BoundaryTrigger::Event(trigger), .. }) =
                &self.graph.node(*boundary).kind
            else {
                continue;
            };
            let is_void =
                matches!(trigger, Trigger::Timer(Timer::Cycle { repetitions: Some(0), .. }));
            if !is_void {
                arms.push((*boundary, self.await_trigger(id, trigger)?));
            }
        }
        Ok(arms)
    }

    /// Arms an event for an activity or an event gateway.
    pub(super) fn arm(&mut self, host: ElementId, node: NodeId, wait: Wait) {
        let scope = self.instance.element(host).map_or(0, |element| element.scope);
        let id = self.add(node, scope);
        if let Some(element) = self.instance.element_mut(id) {
            element.host = Some(host);
        }
        self.set_wait(id, wait);
    }

    /// Disarms all events of an element.
    pub(super) fn close(&mut self, host: ElementId) {
        self.instance.elements.retain(|element| element.host != Some(host));
    }

    /// An event has come: a message, or a timer that is due.
    pub(crate) fn fire(&mut self, id: ElementId, result: Value) {
        let Some(element) = self.instance.element(id) else { return };
        let host = element.host;
        match (&self.graph.node(element.node).kind, host) {
            (NodeKind::Boundary(boundary), Some(host)) if boundary.is_interrupting => {
                self.interrupt(id, host, result);
            }
            (NodeKind::Boundary(_), Some(_)) => self.branch(id, result),
            (_, Some(gateway)) => {
                self.detach(id);
                self.close(gateway);
                self.remove(gateway);
                self.leave(id, result);
            }
            _ => self.leave(id, result),
        }
    }

    /// A boundary event ends its activity and goes on in its place.
    pub(super) fn interrupt(&mut self, id: ElementId, host: ElementId, result: Value) {
        self.detach(id);
        let undoes = self.instance.element(host).and_then(|element| element.undoes);
        self.terminate(host);
        if let Some(thrower) = undoes {
            self.instance.moves.push_back(Move::Undo { element: thrower });
        }
        self.leave(id, result);
    }

    /// A boundary event sends a token of its own and leaves its activity as it is.
    fn branch(&mut self, id: ElementId, result: Value) {
        let now = self.instance.time;
        let Some(element) = self.instance.element_mut(id) else { return };
        let (node, scope) = (element.node, element.scope);
        let is_spent = match &mut element.wait {
            Wait::Timer { every: None, .. } | Wait::Timer { left: Some(0), .. } => true,
            Wait::Timer { due, every: Some(every), left } => {
                *due = due.plus(*every);
                *left = left.map(|count| count - 1);
                let is_due = *due < now;
                if is_due {
                    self.instance.moves.push_back(Move::Fire { element: id });
                }
                false
            }
            _ => false,
        };
        if is_spent {
            self.remove(id);
        }
        let token = self.add(node, scope);
        self.leave(token, result);
    }

    fn detach(&mut self, id: ElementId) {
        if let Some(element) = self.instance.element_mut(id) {
            element.host = None;
            element.wait = Wait::Entry;
        }
    }
}
