//! A BPMN process as the engine runs it: dense numbers, everything compiled.

use crate::feel::Expression;
use std::collections::BTreeMap;

/// The number of a node in [`Graph::nodes`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct NodeId(pub u32);

/// The number of a flow in [`Graph::flows`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct FlowId(pub u32);

/// An executable process.
#[derive(Debug)]
pub struct Graph {
    /// The id of the `process` element.
    pub id: String,
    /// The name of the `process` element.
    pub name: Option<String>,
    /// All nodes, of all scopes.
    pub nodes: Vec<Node>,
    /// All sequence flows.
    pub flows: Vec<Flow>,
    /// The start events outside every sub-process: one without trigger at most, any number with a message, a timer or a signal.
    pub starts: Vec<NodeId>,
    /// The event sub-processes outside every sub-process.
    pub events: Vec<NodeId>,
    /// The form of the start event without trigger.
    pub start_form: Option<Form>,
    /// Whether something in it depends on where all tokens stand: an inclusive gateway that joins, or a condition that is
    /// waited for. Without, nobody needs to look.
    pub is_looked_over: bool,
}

/// An element that a token can be at.
#[derive(Debug)]
pub struct Node {
    /// The element's id.
    pub id: String,
    /// The element's name.
    pub name: Option<String>,
    /// The line of the element in its file, from 1.
    pub line: u32,
    /// The sub-process it stands in; `None` at the top.
    pub scope: Option<NodeId>,
    /// What it does.
    pub kind: NodeKind,
    /// Flows into it.
    pub incoming: Vec<FlowId>,
    /// Flows out of it, in the order of the file.
    pub outgoing: Vec<FlowId>,
    /// Boundary events attached to it.
    pub boundaries: Vec<NodeId>,
    /// Event sub-processes directly in it.
    pub events: Vec<NodeId>,
    /// `zeebe:input`: evaluated over the variables that are visible, written into the element's own.
    pub inputs: Vec<Mapping>,
    /// `zeebe:output`: evaluated over the element's own variables, written outward. Where empty, the whole result is.
    pub outputs: Vec<Mapping>,
    /// The activity (task or sub-process) that undoes this one, named by a compensation boundary event.
    pub compensation: Option<NodeId>,
}

/// What a node does.
#[derive(Debug)]
pub enum NodeKind {
    /// Begins a process or a sub-process.
    Start(Option<Trigger>),
    /// Ends a token, or more.
    End(End),
    /// A task without work (`task`, `manualTask`) and an intermediate throw event without result.
    PassThrough,
    /// Waits for a worker outside: `serviceTask`, `sendTask`, and tasks with a `zeebe:taskDefinition` whose type does
    /// not begin with `craton:`.
    Job(Job),
    /// Makes a call of the kernel: a task whose `zeebe:taskDefinition` type is `craton:OPERATION`.
    Call(Call),
    /// A `businessRuleTask` with `zeebe:calledDecision`.
    Decision(Decision),
    /// A `scriptTask` with `zeebe:script`.
    Script(Script),
    /// A person does it.
    UserTask(Box<UserTask>),
    /// Waits: a `receiveTask` or an intermediate catch event.
    Catch(Trigger),
    /// Undoes finished activities of its scope, then goes on.
    ThrowCompensation {
        /// The activity to undo; all finished ones of the scope, latest first, where absent.
        activity: Option<NodeId>,
    },
    /// Takes the first outgoing flow whose condition is true, else the default.
    ExclusiveGateway {
        /// The default flow.
        default: Option<FlowId>,
    },
    /// Takes every outgoing flow whose condition is true, else the default. With several flows in it waits until no token
    /// can come any more by a flow that has not brought one.
    InclusiveGateway {
        /// The default flow.
        default: Option<FlowId>,
        /// For each incoming flow, from where a token can still come by it without passing the gateway.
        reaching: Vec<NodeSet>,
    },
    /// Waits for a token on each incoming flow, then takes all outgoing ones.
    ParallelGateway,
    /// Waits for the first of the catch events behind it.
    EventGateway,
    /// An embedded sub-process, or a transaction.
    SubProcess {
        /// Its start event.
        start: NodeId,
        /// Whether a cancel end event in it undoes what it has done.
        is_transaction: bool,
    },
    /// A sub-process that begins when something happens while what it stands in is active.
    EventSubProcess {
        /// Its start event.
        start: NodeId,
        /// Whether it ends all else in what it stands in.
        is_interrupting: bool,
        /// What it waits for.
        trigger: BoundaryTrigger,
    },
    /// Goes on at the event that catches the link.
    LinkThrow {
        /// That event.
        to: NodeId,
    },
    /// Throws an escalation outward, and goes on unless what catches it interrupts.
    ThrowEscalation {
        /// `escalationCode`.
        code: String,
    },
    /// Sends a signal to all who wait for it.
    ThrowSignal {
        /// `bpmn:signal` name.
        name: String,
    },
    /// A boundary event.
    Boundary(Boundary),
}

/// A set of nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeSet(Vec<u64>);

impl NodeSet {
    /// Adds a node. Returns false where it is in the set already.
    pub fn insert(&mut self, node: NodeId) -> bool {
        let (place, bit) = (node.0 as usize / 64, 1 << (node.0 % 64));
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        let is_new = self.0[place] & bit == 0;
        self.0[place] |= bit;
        is_new
    }

    /// Returns whether a node is in the set.
    pub fn contains(&self, node: NodeId) -> bool {
        self.0.get(node.0 as usize / 64).is_some_and(|word| word & (1 << (node.0 % 64)) != 0)
    }
}

/// What is waited for.
#[derive(Debug)]
pub enum Trigger {
    /// A message with this name and this correlation key. The key is absent on start events of a process.
    Message {
        /// `bpmn:message` name.
        name: String,
        /// `zeebe:subscription correlationKey`.
        correlation_key: Option<Expression>,
    },
    /// A moment.
    Timer(Timer),
    /// A signal, from anywhere in the unit.
    Signal {
        /// `bpmn:signal` name.
        name: String,
    },
    /// That a condition over the variables becomes true.
    Condition(Expression),
}

/// When a timer is due. Each expression gives text: RFC 3339 for a date, ISO 8601 for a duration.
#[derive(Debug)]
pub enum Timer {
    /// `timeDate`.
    Date(Expression),
    /// `timeDuration`, from the moment at which the element is entered.
    Duration(Expression),
    /// `timeCycle` as `Rn/DURATION` or `R/DURATION`; on non-interrupting boundary events and start events.
    Cycle {
        /// How often; `None` without end.
        repetitions: Option<u32>,
        /// The time between two.
        every: Expression,
    },
}

/// How an end event ends.
#[derive(Debug)]
pub enum End {
    /// Its own token.
    None,
    /// All tokens of its scope.
    Terminate,
    /// With a BPMN error, caught by the nearest boundary event outward.
    Error {
        /// `errorCode`.
        code: String,
    },
    /// After undoing finished activities of its scope.
    Compensation {
        /// The activity to undo; all finished ones of the scope where absent.
        activity: Option<NodeId>,
    },
    /// After throwing an escalation outward.
    Escalation {
        /// `escalationCode`.
        code: String,
    },
    /// After sending a signal.
    Signal {
        /// `bpmn:signal` name.
        name: String,
    },
    /// The transaction around it, after undoing what is finished in it.
    Cancel,
}

/// Work for a worker outside.
#[derive(Debug)]
pub struct Job {
    /// The job's type.
    pub job_type: Expression,
    /// How often it may be tried; 3 where nothing is said.
    pub retries: Expression,
    /// `zeebe:taskHeaders`.
    pub headers: BTreeMap<String, String>,
}

/// A call of the kernel made by the process itself.
///
/// The resource comes from the task header `resource` (`stream/order_events`, or just the name where the operation's kind is
/// meant); every other header becomes a parameter as text, then the element's own variables (from `zeebe:input`) become
/// parameters. What the call answers becomes the element's result.
#[derive(Debug)]
pub struct Call {
    /// The operation, for example `stream.append` or `contract.call`.
    pub operation: String,
    /// The header `resource`; FEEL where it begins with `=`.
    pub resource: Expression,
    /// The other headers.
    pub headers: BTreeMap<String, String>,
    /// How often it may be tried; 3 where nothing is said.
    pub retries: Expression,
}

/// A decision to evaluate.
#[derive(Debug)]
pub struct Decision {
    /// The id of the decision; a resource of kind `decision` has it.
    pub decision: String,
    /// The variable that gets the result.
    pub result_variable: String,
}

/// FEEL that runs in the worker process, because it may take long.
#[derive(Debug)]
pub struct Script {
    /// The text, without the leading `=`. Checked at deploy to parse.
    pub text: String,
    /// The variable that gets the result.
    pub result_variable: String,
}

/// A task for a person.
#[derive(Debug)]
pub struct UserTask {
    /// The name, where it is FEEL: it begins with `=`.
    pub title: Option<Expression>,
    /// `zeebe:assignmentDefinition assignee`.
    pub assignee: Option<Expression>,
    /// `candidateGroups`: roles; text with commas, or FEEL giving a list.
    pub candidate_groups: Option<Expression>,
    /// `zeebe:taskSchedule dueDate`.
    pub due: Option<Expression>,
    /// `zeebe:priorityDefinition priority`, 0 to 100.
    pub priority: Option<Expression>,
    /// `zeebe:formDefinition`.
    pub form: Option<Form>,
    /// `documentation`: what is to be done.
    pub description: Option<String>,
}

/// The form of a task or of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// `formId`, or a `formKey` that is a name: a resource of kind `form`.
    Named(String),
    /// A `formKey` of a form inside the BPMN file.
    Embedded(String),
    /// `externalReference`: a form of another application, which the unit does not know.
    Foreign(String),
}

impl Form {
    /// Returns what the model says.
    pub fn text(&self) -> &str {
        match self {
            Self::Named(text) | Self::Embedded(text) | Self::Foreign(text) => text,
        }
    }
}

/// A boundary event.
#[derive(Debug)]
pub struct Boundary {
    /// The activity it is attached to.
    pub attached_to: NodeId,
    /// Whether it ends that activity.
    pub is_interrupting: bool,
    /// What it waits for.
    pub trigger: BoundaryTrigger,
}

/// What a boundary event waits for.
#[derive(Debug)]
pub enum BoundaryTrigger {
    /// A message, a timer, a signal or a condition.
    Event(Trigger),
    /// A BPMN error; any where the code is absent.
    Error {
        /// `errorCode`.
        code: Option<String>,
    },
    /// An escalation; any where the code is absent.
    Escalation {
        /// `escalationCode`.
        code: Option<String>,
    },
    /// The cancel end event of the transaction that it is attached to.
    Cancel,
    /// Nothing by itself: it names the activity that undoes the one it is attached to, see [`Node::compensation`].
    Compensation,
}

/// A sequence flow.
#[derive(Debug)]
pub struct Flow {
    /// The element's id.
    pub id: String,
    /// Where it begins.
    pub from: NodeId,
    /// Where it ends.
    pub to: NodeId,
    /// Its condition, behind an exclusive or an inclusive gateway.
    pub condition: Option<Expression>,
}

/// `zeebe:input` or `zeebe:output`.
#[derive(Debug)]
pub struct Mapping {
    /// What is evaluated.
    pub source: Expression,
    /// The variable that gets the value; `a.b` sets `b` inside the context `a`.
    pub target: Vec<String>,
}

impl Graph {
    /// Returns a node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Returns a flow.
    pub fn flow(&self, id: FlowId) -> &Flow {
        &self.flows[id.0 as usize]
    }

    /// Returns the event sub-processes of a scope: of a sub-process, or of the process.
    pub fn events_of(&self, scope: Option<NodeId>) -> &[NodeId] {
        match scope {
            Some(scope) => &self.node(scope).events,
            None => &self.events,
        }
    }

    /// Returns the flow with an id.
    pub fn find_flow(&self, id: &str) -> Option<FlowId> {
        let place = self.flows.iter().position(|flow| flow.id == id)?;
        u32::try_from(place).ok().map(FlowId)
    }

    /// Returns the scopes that a node stands in, the outermost first.
    pub fn scopes_of(&self, node: NodeId) -> Vec<NodeId> {
        let mut scopes = Vec::new();
        let mut at = self.node(node).scope;
        while let Some(scope) = at {
            scopes.push(scope);
            at = self.node(scope).scope;
        }
        scopes.reverse();
        scopes
    }

    /// Returns the node with an element id.
    pub fn find(&self, element: &str) -> Option<NodeId> {
        let place = self.nodes.iter().position(|node| node.id == element)?;
        u32::try_from(place).ok().map(NodeId)
    }
}
