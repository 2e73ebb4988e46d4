//! The step function: what an instance does when something happens to it. Pure: no store, no clock, no randomness.
//!
//! Before an instance handles anything dated *t* it fires its own timers due before *t*; at the same instant events
//! come before timers. A timer that is due already when it is set fires at once.

use crate::config::Config;
use crate::error::Error;
use crate::instance::{
    Command, Element, ElementId, Incident, Instance, Move, Parked, ROOT, State, Task, Variables,
    Wait,
};
use base::{Period, Problem, Time};
use notation::graph::{FlowId, Graph, Node, NodeId};
use serde_json::Value;

/// What a step asks of the outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Make a call of the kernel.
    Call {
        /// The element that waits for its result.
        element: ElementId,
        /// The number of the try.
        attempt: u32,
        /// The operation.
        operation: String,
        /// The resource as the model says it.
        resource: String,
        /// The parameters.
        args: Variables,
        /// As of when.
        at: Time,
    },
    /// Withdraw a call that is not answered.
    Withdraw {
        /// The element that waited for its result.
        element: ElementId,
        /// The number of the try.
        attempt: u32,
        /// The operation.
        operation: String,
        /// The resource as the model says it.
        resource: String,
        /// As of when.
        at: Time,
    },
    /// Evaluate a script outside the writer.
    Script {
        /// The element that waits for its result.
        element: ElementId,
        /// The number of the try.
        attempt: u32,
        /// The FEEL text.
        text: String,
        /// What it sees.
        variables: Variables,
        /// As of when.
        at: Time,
    },
    /// Forget a script that is not evaluated yet.
    Forget {
        /// The element that waited for its result.
        element: ElementId,
        /// The number of the try.
        attempt: u32,
    },
    /// An activity or event is over.
    Activity {
        /// Which.
        element: ElementId,
        /// Which element of the graph.
        node: NodeId,
        /// When it began.
        entered: Time,
        /// When it ended.
        left: Time,
        /// True where it came to its end by itself.
        is_completed: bool,
        /// How often it was tried, where that was more than once.
        tries: Option<u32>,
    },
    /// Send a signal to all other instances, and to the processes that it starts.
    Signal {
        /// Its name.
        name: String,
        /// What it carries.
        variables: Variables,
        /// As of when.
        at: Time,
    },
    /// A person's task is over.
    TaskEnded {
        /// Which.
        element: ElementId,
        /// What it was.
        task: Box<Task>,
        /// When it began.
        entered: Time,
        /// When it ended.
        left: Time,
        /// By whom it was completed; absent where it was cancelled.
        completed_by: Option<String>,
    },
}

/// An element of the graph that was left: gateways and events as well as activities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Which element of the graph.
    pub node: NodeId,
    /// True where it came to its end by itself.
    pub is_completed: bool,
    /// How long it took, business time.
    pub took: Period,
}

/// What became of a command.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// What is asked of the outside, in order.
    pub effects: Vec<Effect>,
    /// What was left, in order.
    pub left: Vec<Left>,
    /// The flows that tokens took, in order.
    pub flows: Vec<FlowId>,
    /// False where nobody waited for it (any more): a message finds another, a result is forgotten.
    pub is_taken: bool,
}

/// Lets something happen to an instance, as of a business time; without one, as of the instance's own.
pub fn handle(
    graph: &Graph,
    config: &Config,
    instance: &mut Instance,
    command: Command,
    at: Option<Time>,
) -> Outcome {
    let mut step = Step {
        graph,
        config,
        instance,
        effects: Vec::new(),
        left: Vec::new(),
        flows: Vec::new(),
        budget: config.moves_max,
    };
    let is_taken = step.handle(command, at);
    Outcome { effects: step.effects, left: step.left, flows: step.flows, is_taken }
}

/// What a token passes on its way, for the suite of token flow.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(test), allow(dead_code, reason = "only the suite reads it"))]
pub(crate) enum Passed {
    /// A token comes to an element.
    Enter(NodeId),
    /// An element is left.
    Exit(NodeId),
    /// A token sets out along a flow.
    Out(FlowId),
    /// A token arrives by a flow.
    In(FlowId),
    /// The instance is at its end.
    Over,
}

/// A step in the making.
pub(crate) struct Step<'a> {
    pub graph: &'a Graph,
    pub config: &'a Config,
    pub instance: &'a mut Instance,
    pub effects: Vec<Effect>,
    pub left: Vec<Left>,
    pub flows: Vec<FlowId>,
    budget: usize,
}

impl<'a> Step<'a> {
    fn handle(&mut self, command: Command, at: Option<Time>) -> bool {
        let was_open = self.instance.is_open();
        if !was_open && !command.is_mending() {
            let is_timer = matches!(command, Command::Timer { .. } | Command::Continue);
            if !is_timer {
                self.instance.parked.push(Parked { command, at });
            }
            return true;
        }
        let before = self.instance.time;
        let reopens = matches!(command, Command::Resolve { .. } | Command::Resume);
        match at {
            Some(at) if was_open => self.advance(at),
            // What came meanwhile has times of its own, and is taken first.
            Some(at) if !reopens => self.instance.time = self.instance.time.max(at),
            _ => {}
        }
        // What an instance does to itself while its time stands still may go on for ever.
        let is_own =
            matches!(command, Command::Continue | Command::Timer { .. } | Command::Result { .. });
        if !is_own || before < self.instance.time {
            self.instance.moves_count = 0;
        }
        let is_taken = self.instance.state != State::Completed && self.command(command);
        self.run();
        if let (false, Some(at)) = (was_open, at)
            && self.instance.is_open()
        {
            self.advance(at);
            self.run();
        }
        is_taken
    }

    /// Fires the instance's own timers due before `at`, in the order of their time, and moves its clock there.
    fn advance(&mut self, at: Time) {
        while let Some((due, element)) = self.timer_first().filter(|(due, _)| *due < at) {
            self.instance.time = self.instance.time.max(due);
            self.fire(element, Value::Null);
            self.run();
            if !self.instance.is_open() || !self.instance.moves.is_empty() {
                break;
            }
        }
        // One that a timer has brought to its end ended then.
        if self.instance.state != State::Completed {
            self.instance.time = self.instance.time.max(at);
        }
    }

    fn timer_first(&self) -> Option<(Time, ElementId)> {
        let timers = self.instance.elements.iter().filter_map(|element| match element.wait {
            Wait::Timer { due, .. } if element.incident.is_none() => Some((due, element.id)),
            _ => None,
        });
        timers.min()
    }

    fn command(&mut self, command: Command) -> bool {
        match command {
            Command::Start { node } => self.start(node),
            Command::Complete { element, variables, by } => self.complete(element, variables, by),
            Command::Result { element, attempt, result, row } => {
                self.result(element, attempt, result, row)
            }
            Command::Fail { element, retries, until, message, variables } => {
                self.job_failed(element, retries, until, message, variables)
            }
            Command::Error { element, code, message, variables } => {
                self.job_error(element, &code, &message, variables)
            }
            Command::Timer { element } => {
                let time = self.instance.time;
                let is_due = self.instance.element(element).is_some_and(
                    |element| matches!(element.wait, Wait::Timer { due, .. } if due <= time),
                );
                if is_due {
                    self.fire(element, Value::Null);
                }
                is_due
            }
            Command::Message { element, variables } => {
                let is_open = self.instance.element(element).is_some_and(|element| {
                    matches!(element.wait, Wait::Message { .. } | Wait::Signal { .. })
                });
                if is_open {
                    self.fire(element, Value::Object(variables));
                }
                is_open
            }
            Command::Resolve { element, variables, retries } => {
                self.resolve(element, variables, retries)
            }
            Command::Variables { variables, scope } => {
                let own = match self.instance.element_mut(scope) {
                    Some(element) => &mut element.variables,
                    None if scope == ROOT => &mut self.instance.variables,
                    None => return false,
                };
                own.extend(variables);
                true
            }
            Command::Move { element, node } => self.move_token(element, node),
            Command::Migrate(migration) => {
                self.migrate(&migration);
                true
            }
            Command::Suspend => {
                self.instance.suspended = true;
                true
            }
            Command::Resume => {
                let was_suspended = std::mem::take(&mut self.instance.suspended);
                if was_suspended && self.instance.is_open() {
                    self.take_parked();
                }
                true
            }
            Command::Cancel { is_withdrawn } => {
                if is_withdrawn {
                    self.instance.reply_to = None;
                }
                self.terminate_scope(ROOT);
                self.instance.moves.clear();
                self.instance.state = State::Cancelled;
                true
            }
            Command::Continue => true,
        }
    }

    /// Begins: what the process waits for from its beginning to its end is armed first.
    fn start(&mut self, node: NodeId) -> bool {
        let graph: &Graph = self.graph;
        match self.event_arms(ROOT, &graph.events) {
            Ok(arms) => {
                self.arm_all(ROOT, ROOT, arms);
                self.instance.moves.push_back(Move::Enter { node, flow: None, scope: ROOT });
            }
            Err(problem) => {
                self.fail(&problem);
                let parked = Parked { command: Command::Start { node }, at: None };
                self.instance.parked.push(parked);
            }
        }
        true
    }

    /// Handles what came while it was failed or suspended, in order.
    fn take_parked(&mut self) {
        self.instance.moves_count = 0;
        for parked in std::mem::take(&mut self.instance.parked) {
            self.handle(parked.command, parked.at);
        }
    }

    /// Makes the moves that are due, up to the limits.
    fn run(&mut self) {
        while self.instance.is_open() {
            if self.instance.moves.is_empty() && !self.look_over() {
                return;
            }
            if self.budget == 0 {
                return;
            }
            if let Err(problem) = self.check_limits() {
                self.fail(&problem);
                return;
            }
            let Some(next) = self.instance.moves.pop_front() else { continue };
            self.budget -= 1;
            self.instance.moves_count += 1;
            match next {
                Move::Enter { node, flow, scope } => self.enter(node, flow, scope),
                Move::Fire { element } => self.fire(element, Value::Null),
                Move::Undo { element } => self.undo_next(element),
                Move::Cancel { element } => self.cancel_transaction(element),
                Move::Release { element } => self.release(element),
            }
        }
    }

    fn check_limits(&self) -> Result<(), Problem> {
        let moves = self.instance.moves_count;
        if self.config.moves_endless <= moves {
            return Err(Error::Endless { moves }.into());
        }
        let limit = self.config.elements_max;
        if limit <= self.instance.elements.len() {
            return Err(Error::Limit { what: "active elements of an instance", limit }.into());
        }
        Ok(())
    }

    /// Stops the instance as a whole.
    pub fn fail(&mut self, problem: &Problem) {
        self.instance.state = State::Failed;
        self.instance.incident = Some(Incident::new(problem, "", self.instance.time));
    }

    /// Stops one element.
    pub fn stop(&mut self, id: ElementId, problem: &Problem) {
        let time = self.instance.time;
        let name = self.node_of(id).map_or("", |node| node.id.as_str());
        if let Some(element) = self.instance.element_mut(id) {
            element.incident = Some(Incident::new(problem, name, time));
        }
    }

    fn resolve(&mut self, id: ElementId, variables: Variables, retries: Option<i64>) -> bool {
        self.instance.variables.extend(variables);
        if id == ROOT {
            let was_failed = self.instance.incident.take().is_some();
            self.instance.state = State::Active;
            self.take_parked();
            return was_failed;
        }
        let Some(element) = self.instance.element_mut(id) else { return false };
        if element.incident.take().is_none() {
            return false;
        }
        match &mut element.wait {
            Wait::Job(job) => {
                job.retries = retries.unwrap_or(1).max(1);
                job.until = None;
            }
            Wait::Exit { result } => {
                let result = std::mem::take(result);
                self.leave(id, result);
            }
            _ => self.begin(id),
        }
        true
    }

    /// Notes what a token passes, where the suite of token flow follows it.
    #[cfg(test)]
    pub fn passed(&self, passed: Passed) {
        crate::tests::traces::note(self.graph, passed);
    }

    /// Notes what a token passes, where the suite of token flow follows it.
    #[cfg(not(test))]
    #[inline]
    pub fn passed(&self, _: Passed) {}

    /// Returns the element of the graph at which an active element stands.
    pub fn node_of(&self, id: ElementId) -> Option<&'a Node> {
        let graph: &'a Graph = self.graph;
        self.instance.element(id).map(|element| graph.node(element.node))
    }

    /// Adds an element that is being entered.
    pub fn add(&mut self, node: NodeId, scope: ElementId) -> ElementId {
        self.instance.element_last += 1;
        let id = self.instance.element_last;
        self.instance.elements.push(Element {
            id,
            node,
            scope,
            host: None,
            undoes: None,
            variables: Variables::new(),
            wait: Wait::Entry,
            entered: self.instance.time,
            incident: None,
            again: 0,
        });
        id
    }

    /// Removes an element.
    pub fn remove(&mut self, id: ElementId) -> Option<Element> {
        let place = self.instance.elements.iter().position(|element| element.id == id)?;
        Some(self.instance.elements.remove(place))
    }
}
