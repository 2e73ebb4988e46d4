//! An instance: one plain value that holds all that is known of a running process.
//!
//! Every key that is kept beside it (timers, subscriptions, jobs, tasks, incidents) is computed from it, see
//! [`crate::wire`]; so none can be forgotten or left over.

use crate::traced::Traced;
use base::{Problem, Time};
use kernel::{Address, Principal};
use notation::graph::{FlowId, NodeId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::VecDeque;

/// Variables by name.
pub type Variables = Map<String, Value>;

/// The number of an element inside its instance; 0 stands for the instance itself.
pub type ElementId = u32;

/// The scope of a whole instance.
pub const ROOT: ElementId = 0;

/// How an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It runs or waits.
    Active,
    /// It was stopped as a whole, by a defect or a limit, and waits for `incident.resolve`.
    Failed,
    /// It reached its end.
    Completed,
    /// It was ended from outside.
    Cancelled,
}

impl State {
    /// Returns the state as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Failed => "failed",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A running process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its number.
    pub key: u64,
    /// The process.
    pub process: String,
    /// The version of the process that it runs, to its end where nobody migrates it.
    pub version: u64,
    /// What the business calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_key: Option<String>,
    /// The correlation key of the message that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_key: Option<String>,
    /// How it stands.
    pub state: State,
    /// When it began, business time.
    pub started_at: Time,
    /// The latest of all it has handled: its own business clock.
    pub time: Time,
    /// Who started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<Principal>,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Principal>,
    /// Who waits for its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Address>,
    /// The variables of the whole.
    pub variables: Variables,
    /// What is active, oldest first.
    pub elements: Vec<Element>,
    /// The number of the last element.
    pub element_last: ElementId,
    /// Finished activities that can be undone, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finished: Vec<Finished>,
    /// What is still to be done of the last step.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub moves: VecDeque<Move>,
    /// Moves since something last came from outside.
    #[serde(default)]
    pub moves_count: u32,
    /// Finished activities and events, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<NodeId>,
    /// Why it failed as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Incident>,
    /// What came while it was failed or suspended, or what it failed at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parked: Vec<Parked>,
    /// The trace it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<Traced>,
    /// Whether it takes nothing until it is resumed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// The ids of what it finished under versions that it ran before, oldest first; `path` comes behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
    /// Where the log has what it has left behind.
    #[serde(default, skip_serializing_if = "Trail::is_empty")]
    pub trail: Trail,
    /// Incidents that are over, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mended: Vec<Mended>,
}

/// A command that waits until its instance is mended or resumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parked {
    /// What.
    pub command: Command,
    /// As of when.
    pub at: Option<Time>,
}

/// An element of the graph that is active.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Element {
    /// Its number.
    pub id: ElementId,
    /// Which element of the graph.
    pub node: NodeId,
    /// The sub-process that it is in.
    pub scope: ElementId,
    /// The activity or event gateway for which this event is armed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<ElementId>,
    /// The event that waits until this activity has undone another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<ElementId>,
    /// Its own variables.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub variables: Variables,
    /// What it waits for.
    pub wait: Wait,
    /// When it was entered, business time.
    pub entered: Time,
    /// Why it cannot go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Incident>,
    /// How often it was tried after the first time.
    #[serde(default, skip_serializing_if = "is_none")]
    pub again: u32,
}

/// What an element waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Nothing: it is being entered, or could not be.
    Entry,
    /// A worker.
    Job(Job),
    /// The result of a call of the kernel.
    Call {
        /// The operation.
        operation: String,
        /// The resource as the model says it.
        resource: String,
        /// The number of the try, from 1.
        attempt: u32,
        /// Tries left after this one.
        retries: u32,
    },
    /// The result of a script.
    Script {
        /// The number of the try, from 1.
        attempt: u32,
    },
    /// A person.
    Task(Box<Task>),
    /// A message.
    Message {
        /// The message's name.
        name: String,
        /// The correlation key.
        key: String,
    },
    /// A moment.
    Timer {
        /// When.
        due: Time,
        /// The time between two, of a cycle.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        every: Option<base::Period>,
        /// How often still after this time; `None` without end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<u32>,
    },
    /// A signal, from anywhere in the unit.
    Signal {
        /// Its name.
        name: String,
    },
    /// That a condition becomes true.
    Condition {
        /// Whether it was true when it was looked at last.
        was: bool,
    },
    /// Tokens on the other flows into a parallel or an inclusive gateway.
    Join {
        /// Tokens per incoming flow, in the order of the graph.
        tokens: Vec<u32>,
    },
    /// The first of the events behind an event gateway.
    First,
    /// The end of what is inside a sub-process.
    Inside,
    /// Activities that undo others.
    Undo {
        /// What is still to be undone, in this order.
        queue: VecDeque<Finished>,
    },
    /// Nothing: it is done, but could not be left. Holds its result.
    Exit {
        /// The result.
        result: Value,
    },
}

/// Work for a worker outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The type.
    pub job_type: String,
    /// Tries left.
    pub retries: i64,
    /// Until when it is held or put off, wall time; absent where it can be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
}

/// Work for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The element's id: the kind of the task.
    pub kind: String,
    /// The element's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Roles whose members may take it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// When it should be done, business time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// The form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// How much it matters beside others, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    /// What who completes it says beside its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// What who completes a task says of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// When it was really done, business time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Time>,
    /// The variables that he gave; absent where they are large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Variables>,
}

/// Why something stands still.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// A stable code.
    pub code: String,
    /// What happened.
    pub message: String,
    /// The id of the element.
    pub element: String,
    /// When, business time.
    pub at: Time,
}

/// An incident that is over: it was mended, or what it stopped was ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mended {
    /// What it was.
    #[serde(flatten)]
    pub incident: Incident,
    /// When it was over, business time.
    pub until: Time,
}

/// Where the log has what an instance has left behind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Trail {
    /// The row of elements that leads to all the others: the first of the last step that had some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
    /// Flows that were taken since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<FlowId>,
    /// The rows of decisions, by the elements that asked for them and are not over yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decided: Vec<(ElementId, u64)>,
}

impl Trail {
    /// Returns whether it leads nowhere.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Incident {
    /// Returns an incident at an element.
    pub fn new(problem: &Problem, element: &str, at: Time) -> Self {
        let (code, message) = (problem.code.clone(), problem.message.clone());
        Self { code, message, element: element.into(), at }
    }
}

/// A finished activity that can be undone, or that holds some that can.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// The number it had.
    pub element: ElementId,
    /// Which element of the graph.
    pub node: NodeId,
    /// The scope it was in.
    pub scope: ElementId,
    /// Its own variables and its result, as they were at its end.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub variables: Variables,
}

/// A step that is still to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// A token comes to an element.
    Enter {
        /// Where.
        node: NodeId,
        /// By which flow.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        flow: Option<FlowId>,
        /// In which scope.
        scope: ElementId,
    },
    /// A timer that was due already when it was set.
    Fire {
        /// The timer.
        element: ElementId,
    },
    /// The next activity that undoes another.
    Undo {
        /// The event that waits for it.
        element: ElementId,
    },
    /// A transaction is cancelled.
    Cancel {
        /// The end event that does it.
        element: ElementId,
    },
    /// An inclusive gateway waits no longer: nothing can come any more.
    Release {
        /// The gateway.
        element: ElementId,
    },
}

/// What happens to an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// It begins.
    Start {
        /// At which start event.
        node: NodeId,
    },
    /// A job or a task is done.
    Complete {
        /// Which.
        element: ElementId,
        /// With which result.
        variables: Variables,
        /// By whom.
        by: Option<String>,
    },
    /// The result of a call or a script is there.
    Result {
        /// Of which element.
        element: ElementId,
        /// Of which try.
        attempt: u32,
        /// The value, or what went wrong.
        result: Result<Value, Problem>,
        /// Where the log has how it was decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        row: Option<u64>,
    },
    /// A worker failed.
    Fail {
        /// At which job.
        element: ElementId,
        /// Tries left; one less than before where absent.
        retries: Option<i64>,
        /// When it may be tried again, wall time.
        until: Option<Time>,
        /// What went wrong.
        message: String,
        /// Variables for the next try, the job's own.
        variables: Variables,
    },
    /// A worker reports a BPMN error.
    Error {
        /// At which job.
        element: ElementId,
        /// `errorCode`.
        code: String,
        /// What was said with it.
        message: String,
        /// Variables for what comes behind the boundary event.
        variables: Variables,
    },
    /// A timer is due.
    Timer {
        /// Which.
        element: ElementId,
    },
    /// A message has come.
    Message {
        /// To which subscription.
        element: ElementId,
        /// What it carries.
        variables: Variables,
    },
    /// Somebody mended the cause of an incident.
    Resolve {
        /// Of which element; [`ROOT`] for the instance as a whole.
        element: ElementId,
        /// Changed variables.
        variables: Variables,
        /// Tries of a job from now on.
        retries: Option<i64>,
    },
    /// Somebody changes variables.
    Variables {
        /// New values.
        variables: Variables,
        /// Whose: those of an element, or [`ROOT`] for those of the whole.
        #[serde(default)]
        scope: ElementId,
    },
    /// Somebody takes a token from one element to another.
    Move {
        /// What is ended.
        element: ElementId,
        /// What begins.
        node: NodeId,
    },
    /// It goes over to another version of its process; the step is made with that version's graph.
    Migrate(Box<Migration>),
    /// It takes nothing more until it is resumed.
    Suspend,
    /// It takes what came meanwhile, in order, and goes on.
    Resume,
    /// It is ended from outside.
    Cancel {
        /// True where who waits for the result does so, and wants none any more.
        is_withdrawn: bool,
    },
    /// It goes on with what is still to be done.
    Continue,
}

impl Command {
    /// Returns whether it mends an instance, so that one that has failed or is suspended takes it too.
    pub fn is_mending(&self) -> bool {
        matches!(
            self,
            Self::Resolve { element: ROOT, .. }
                | Self::Cancel { .. }
                | Self::Variables { .. }
                | Self::Move { .. }
                | Self::Migrate(_)
                | Self::Suspend
                | Self::Resume
        )
    }

    /// Returns the element whose result it brings, where it brings one.
    pub fn reported(&self) -> Option<ElementId> {
        match self {
            Self::Complete { element, .. }
            | Self::Fail { element, .. }
            | Self::Error { element, .. } => Some(*element),
            _ => None,
        }
    }
}

/// How an instance goes over to another version, worked out by [`crate::migrate`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Migration {
    /// The version it goes over to.
    pub version: u64,
    /// For each element of the old graph that has a counterpart, the one of the new graph.
    pub nodes: Vec<(NodeId, NodeId)>,
    /// For each flow of the old graph that has a counterpart, the one of the new graph.
    pub flows: Vec<(FlowId, FlowId)>,
    /// For each gateway that waits, its tokens by the flows of the new graph.
    pub joins: Vec<(ElementId, Vec<u32>)>,
    /// What is armed and not by its counterpart any more: it is disarmed.
    #[serde(default)]
    pub disarmed: Vec<ElementId>,
    /// The ids of what it has finished.
    pub path: Vec<String>,
    /// Whether timers are worked out again from when their elements were entered.
    pub again: bool,
}

impl Instance {
    /// Returns whether it takes what comes: it is active and not suspended.
    pub fn is_open(&self) -> bool {
        self.state == State::Active && !self.suspended
    }

    /// Returns how it stands, as text: `suspended` where it is active but takes nothing.
    pub fn state_name(&self) -> &'static str {
        if self.state == State::Active && self.suspended {
            "suspended"
        } else {
            self.state.as_str()
        }
    }

    /// Returns the elements at which it stands: not those that are only armed for another.
    pub fn standing(&self) -> impl Iterator<Item = &Element> {
        self.elements.iter().filter(|element| element.host.is_none())
    }

    /// Returns the scopes that an element is in: [`ROOT`] first, the innermost last.
    pub fn scopes_of(&self, id: ElementId) -> Vec<ElementId> {
        let mut scopes = Vec::new();
        let mut at = self.element(id).map_or(ROOT, |element| element.scope);
        while let Some(element) = self.element(at) {
            scopes.push(at);
            at = element.scope;
        }
        scopes.push(ROOT);
        scopes.reverse();
        scopes
    }

    /// Returns an active element.
    pub fn element(&self, id: ElementId) -> Option<&Element> {
        self.elements.iter().find(|element| element.id == id)
    }

    /// Returns an active element, to change it.
    pub fn element_mut(&mut self, id: ElementId) -> Option<&mut Element> {
        self.elements.iter_mut().find(|element| element.id == id)
    }

    /// Returns the variables that an element sees: its own over those of its scopes, outward.
    pub fn visible(&self, id: ElementId) -> Cow<'_, Variables> {
        let mut layers = Vec::new();
        let mut scope = id;
        while let Some(element) = self.element(scope) {
            if !element.variables.is_empty() {
                layers.push(&element.variables);
            }
            scope = element.scope;
        }
        if layers.is_empty() {
            return Cow::Borrowed(&self.variables);
        }
        let mut merged = self.variables.clone();
        for layer in layers.into_iter().rev() {
            merged.extend(layer.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        Cow::Owned(merged)
    }

    /// Sets a variable where it stands, looking outward from a scope; at the root where it stands nowhere.
    pub fn set(&mut self, scope: ElementId, target: &[String], value: Value) {
        let Some((name, rest)) = target.split_first() else { return };
        let mut at = scope;
        while let Some(element) = self.element(at) {
            if element.variables.contains_key(name) {
                break;
            }
            at = element.scope;
        }
        let variables = match self.element_mut(at) {
            Some(element) => &mut element.variables,
            None => &mut self.variables,
        };
        assign(variables, name, rest, value);
    }
}

fn is_none(count: &u32) -> bool {
    *count == 0
}

/// Sets a variable, or a value inside a context.
pub fn assign(variables: &mut Variables, name: &str, rest: &[String], value: Value) {
    let Some((next, behind)) = rest.split_first() else {
        variables.insert(name.to_owned(), value);
        return;
    };
    let slot = variables.entry(name.to_owned()).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    if let Value::Object(inner) = slot {
        assign(inner, next, behind, value);
    }
}
