//! Events: what is waited for, boundary events, and what happens when one comes.

use crate::error::Error;
use crate::instance::{ElementId, Move, Wait};
use crate::state::{Passed, Step};
use base::{Period, Problem, Time};
use notation::feel::Expression;
use notation::graph::{Boundary, BoundaryTrigger, NodeId, NodeKind, Timer, Trigger};
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
            Trigger::Timer(timer) => self.await_timer(id, timer, self.instance.time),
            Trigger::Signal { name } => Ok(Wait::Signal { name: name.clone() }),
            Trigger::Condition(_) => Ok(Wait::Condition { was: false }),
        }
    }

    /// Returns when a timer is due that is set at `now`.
    pub(super) fn await_timer(
        &self,
        id: ElementId,
        timer: &Timer,
        now: Time,
    ) -> Result<Wait, Problem> {
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
        boundaries: &[NodeId],
    ) -> Result<Vec<(NodeId, Wait)>, Problem> {
        let mut arms = Vec::new();
        for boundary in boundaries {
            let NodeKind::Boundary(Boundary { trigger: BoundaryTrigger::Event(trigger), .. }) =
                &self.graph.node(*boundary).kind
            else {
                continue;
            };
            if !is_void(trigger) {
                arms.push((*boundary, self.await_trigger(id, trigger)?));
            }
        }
        Ok(arms)
    }

    /// Returns what an element of the graph waits for from outside: a catch event, a boundary event, the start event of an event
    /// sub-process.
    pub(super) fn trigger_of(&self, node: NodeId) -> Option<&Trigger> {
        let node = self.graph.node(node);
        let trigger = match (&node.kind, node.scope) {
            (NodeKind::Catch(trigger), _) => return Some(trigger),
            (NodeKind::Boundary(boundary), _) => &boundary.trigger,
            (NodeKind::Start(_), Some(scope)) => match &self.graph.node(scope).kind {
                NodeKind::EventSubProcess { trigger, .. } => trigger,
                _ => return None,
            },
            _ => return None,
        };
        match trigger {
            BoundaryTrigger::Event(trigger) => Some(trigger),
            _ => None,
        }
    }

    /// Arms events: for an activity, an event gateway, or what an event sub-process stands in.
    pub(crate) fn arm_all(&mut self, host: ElementId, scope: ElementId, arms: Vec<(NodeId, Wait)>) {
        for (node, wait) in arms {
            let id = self.add(node, scope);
            if let Some(element) = self.instance.element_mut(id) {
                element.host = Some(host);
            }
            self.set_wait(id, wait);
        }
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
            (NodeKind::Start(_), Some(scope)) => self.start_handler(id, scope, result),
            (NodeKind::Boundary(boundary), Some(host)) if boundary.is_interrupting => {
                self.interrupt(id, host, result);
            }
            (NodeKind::Boundary(_), Some(_)) => self.branch(id, result),
            (_, Some(gateway)) => {
                self.detach(id);
                self.close(gateway);
                if let Some(gateway) = self.remove(gateway) {
                    self.record(&gateway, true);
                }
                self.leave(id, result);
            }
            _ => self.leave(id, result),
        }
    }

    /// A boundary event ends its activity and goes on in its place.
    pub(super) fn interrupt(&mut self, id: ElementId, host: ElementId, result: Value) {
        self.detach(id);
        if let Some(host) = self.instance.element(host) {
            self.passed(Passed::Exit(host.node));
        }
        let undoes = self.instance.element(host).and_then(|element| element.undoes);
        self.terminate(host);
        if let Some(thrower) = undoes {
            self.instance.moves.push_back(Move::Undo { element: thrower });
        }
        self.leave(id, result);
    }

    /// A boundary event sends a token of its own and leaves its activity as it is.
    fn branch(&mut self, id: ElementId, result: Value) {
        let Some(element) = self.instance.element(id) else { return };
        let (node, scope) = (element.node, element.scope);
        self.spend(id);
        let token = self.add(node, scope);
        self.leave(token, result);
    }

    /// Has an event that came wait for the next time, where there is one.
    pub(super) fn spend(&mut self, id: ElementId) {
        let now = self.instance.time;
        let Some(element) = self.instance.element_mut(id) else { return };
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
    }

    pub(super) fn detach(&mut self, id: ElementId) {
        if let Some(element) = self.instance.element_mut(id) {
            element.host = None;
            element.wait = Wait::Entry;
        }
    }
}

/// Whether what is waited for can never come.
pub(super) fn is_void(trigger: &Trigger) -> bool {
    matches!(trigger, Trigger::Timer(Timer::Cycle { repetitions: Some(0), .. }))
}
