//! What is stored: the form of an instance, the keys beside it, the rows of the logs.
//!
//! | space | key | value |
//! |---|---|---|
//! | `i` | instance | the instance: a version byte, then JSON |
//! | `j` 0 | job type, instance, element | nothing: a job that can be taken |
//! | `j` 1 | until (wall), instance, element | nothing: a job that is held or put off |
//! | `k` 0 | instance, element | the task's row |
//! | `k` 1, `k` 2 | | keys of tasks as an older version wrote them: see [`crate::worklist`] |
//! | `k` 3 | `user`, `role` or `nobody`, name, due, since, instance, element | nothing: whose task it is, or may become |
//! | `k` 4 | process, due, since, instance, element | nothing: a task |
//! | `k` 5 | business key, instance, element | nothing: a task |
//! | `l` | due, instance (0: a start timer), element or process and node | nothing, or the start timer |
//! | `m` | process, message, correlation key, instance, element | nothing: a subscription |
//! | `n` 0 | process, message, correlation key, time, number | a message that waits |
//! | `n` 1 | expiry, number | the key of a message that waits |
//! | `o` | number | a request to evaluate a decision or a script |
//! | `p` 0 | process, business or correlation key, instance | nothing |
//! | `p` 1 | process, instance | nothing |
//! | `p` 2 | engine, token of who waits | the instance |
//! | `p` 3 | process, indexed variable, value, instance | nothing |
//! | `p` 4 | engine, token of who waits | the number of a request |
//! | `p` 5 | instance | nothing: it is suspended |
//! | `p` 6 | process, `completed` or `cancelled`, instance | where the log has it, and its version |
//! | `p` 7 | process, business key, instance | nothing: it is over, and the log has it |
//! | `p` 8 | process, hour | the first and the last number of the instances that began in it |
//! | `p` 9 | process, version | what is counted of it, see [`crate::counts`] |
//! | `p` : | process, instance (0: none), element or number | nothing: an incident |
//! | `p` ; | process, id of the element, instance (0: none), element or number | nothing: an incident |
//! | `q` | instance (0: none), element or number | the incident's row |
//! | `r` 0 | process, stream | the offset of the next row to consume |
//! | `r` 1 | instance | nothing: it has moves to make |
//! | `r` 2 | process | its start timers |
//! | `r` 3 | | when the history is looked through for what is old |
//! | `r` 4 | process | who suspended it, and when |
//! | `r` 5 | process, due, node | a start timer that waits until its process is resumed |
//! | `r` 6 | process | how far the messages are looked through that waited for it to be resumed |
//! | `r` 7 | number | a bulk operation |
//! | `r` 8 | number | nothing: a bulk operation that is under way |
//! | `r` 9 | signal, instance, element | nothing: who waits for a signal |
//! | `r` D | instance, element | a task that is over |
//! | `r` E | end, instance, element | nothing: a task that is over |
//! | `r` F | number | that there is a task for somebody, see [`crate::assignments`] |
//! | `r` : | | how far what was there before is counted |

use crate::elements::text_of;
use crate::error::Error;
use crate::instance::{Element, ElementId, Incident, Instance, Mended, ROOT, State, Trail, Wait};
use crate::trail::Link;
use crate::worklist;
use base::{Key, KeyReader, Problem, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The version of the stored form of an instance.
const VERSION: u8 = 1;

/// The log of finished instances.
pub const LOG_INSTANCES: &str = "system/process_instances";
/// The log of finished activities and events.
pub const LOG_ELEMENTS: &str = "system/elements";
/// The log of finished tasks.
pub const LOG_TASKS: &str = "system/tasks";
/// The log of decisions that instances have asked for.
pub const LOG_DECISIONS: &str = "system/decisions";

/// Keys with their values.
pub type Index = BTreeMap<Vec<u8>, Vec<u8>>;

/// Returns the stored form of an instance.
///
/// # Errors
/// `process.stored` where it cannot be written, which is a defect.
pub fn encode(instance: &Instance) -> Result<Vec<u8>, Problem> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, instance).map_err(stored)?;
    Ok(bytes)
}

/// Reads the stored form of an instance.
///
/// # Errors
/// `process.stored` where it is damaged or of a newer version.
pub fn decode(bytes: &[u8]) -> Result<Instance, Problem> {
    match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).map_err(stored),
        Some((version, _)) => {
            Err(Error::Stored { detail: format!("an instance of version {version}") }.into())
        }
        None => Err(Error::Stored { detail: "an empty instance".into() }.into()),
    }
}

/// Reads a JSON value that was stored.
///
/// # Errors
/// `process.stored` where it is damaged.
pub fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(stored)
}

/// Writes a value as JSON.
///
/// # Errors
/// `process.stored` where it cannot be written, which is a defect.
pub fn write<T: Serialize>(value: &T) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(stored)
}

fn stored(error: serde_json::Error) -> Problem {
    Error::Stored { detail: error.to_string() }.into()
}

/// Returns the name of something inside an instance: `17-3`.
pub fn name_of(instance: u64, element: ElementId) -> String {
    format!("{instance}-{element}")
}

/// Reads a name such as `17-3`.
pub fn parse_name(name: &str) -> Option<(u64, ElementId)> {
    let (instance, element) = name.split_once('-')?;
    Some((instance.parse().ok()?, element.parse().ok()?))
}

fn space(space: u8, part: u8) -> Key {
    kernel::key(space).text(std::str::from_utf8(&[b'0' + part]).unwrap_or_default())
}

/// The keys, each by what it leads to.
pub mod key {
    use super::{ElementId, Key, Time, space};
    use crate::worklist::Whose;

    /// An instance.
    pub fn instance(instance: u64) -> Key {
        kernel::key(b'i').number(instance)
    }

    /// Jobs of a type that can be taken.
    pub fn jobs(job_type: &str) -> Key {
        space(b'j', 0).text(job_type)
    }

    /// All jobs that can be taken.
    pub fn jobs_all() -> Key {
        space(b'j', 0)
    }

    /// Jobs that are held or put off, by the end of that.
    pub fn jobs_held() -> Key {
        space(b'j', 1)
    }

    /// The rows of tasks.
    pub fn tasks() -> Key {
        space(b'k', 0)
    }

    /// A task's row.
    pub fn task(instance: u64, element: ElementId) -> Key {
        tasks().number(instance).number(element.into())
    }

    /// Tasks as an older version listed them.
    pub fn tasks_before() -> [Key; 2] {
        [1, 2].map(|part| space(b'k', part))
    }

    /// How tasks are listed: beside their rows.
    pub fn tasks_listed() -> [Key; 3] {
        [3, 4, 5].map(|part| space(b'k', part))
    }

    /// Tasks of a person, or of those who may take them, in the order in which they should be done.
    pub fn tasks_of(whose: Whose<'_>) -> Key {
        let (kind, name) = match whose {
            Whose::User(name) => ("user", name),
            Whose::Role(name) => ("role", name),
            Whose::Nobody => ("nobody", ""),
        };
        space(b'k', 3).text(kind).text(name)
    }

    /// Tasks of a process, in the order in which they should be done.
    pub fn tasks_in(process: &str) -> Key {
        space(b'k', 4).text(process)
    }

    /// Tasks of all instances that have a business key.
    pub fn tasks_called_all() -> Key {
        space(b'k', 5)
    }

    /// Tasks of instances of a business key.
    pub fn tasks_called(business_key: &str) -> Key {
        tasks_called_all().text(business_key)
    }

    /// A task that is over.
    pub fn ended(instance: u64, element: ElementId) -> Key {
        space(b'r', 20).number(instance).number(element.into())
    }

    /// Tasks that are over, by their end.
    pub fn ended_by_time() -> Key {
        space(b'r', 21)
    }

    /// Who should hear of a task.
    pub fn assignments() -> Key {
        space(b'r', 22)
    }

    /// Timers by time.
    pub fn timers() -> Key {
        kernel::key(b'l')
    }

    /// A start timer.
    pub fn start_timer(due: Time, process: &str, node: u32) -> Key {
        timers().signed(due.0).number(0).text(process).number(node.into())
    }

    /// Subscriptions of a message.
    pub fn subscriptions(process: &str, message: &str, correlation: &str) -> Key {
        kernel::key(b'm').text(process).text(message).text(correlation)
    }

    /// All messages that wait.
    pub fn messages() -> Key {
        space(b'n', 0)
    }

    /// Messages of a name and a key that wait.
    pub fn messages_of(process: &str, message: &str, correlation: &str) -> Key {
        messages().text(process).text(message).text(correlation)
    }

    /// Messages that wait, by the end of that.
    pub fn expiries() -> Key {
        space(b'n', 1)
    }

    /// Requests.
    pub fn requests() -> Key {
        kernel::key(b'o')
    }

    /// Instances by business or correlation key.
    pub fn instances_by_key(process: &str, key: &str) -> Key {
        space(b'p', 0).text(process).text(key)
    }

    /// Instances by process, of all processes.
    pub fn instances_all() -> Key {
        space(b'p', 1)
    }

    /// Instances that are suspended.
    pub fn instances_suspended() -> Key {
        space(b'p', 5)
    }

    /// Instances that are over, of all processes.
    pub fn past_all() -> Key {
        space(b'p', 6)
    }

    /// Instances of a process that ended so: `completed` or `cancelled`.
    pub fn past(process: &str, state: &str) -> Key {
        past_all().text(process).text(state)
    }

    /// Instances that are over and had a business key, of all processes.
    pub fn past_by_key_all() -> Key {
        space(b'p', 7)
    }

    /// Instances that are over, by business key.
    pub fn past_by_key(process: &str, key: &str) -> Key {
        past_by_key_all().text(process).text(key)
    }

    /// Which instances of a process began in which hour.
    pub fn begun(process: &str) -> Key {
        space(b'p', 8).text(process)
    }

    /// What is counted of all processes.
    pub fn counts_all() -> Key {
        space(b'p', 9)
    }

    /// What is counted of a process, by version.
    pub fn counts(process: &str) -> Key {
        counts_all().text(process)
    }

    /// How far what was there before is counted.
    pub fn counting() -> Key {
        space(b'r', 10)
    }

    /// Incidents of all processes, by process.
    pub fn incidents_by_process() -> Key {
        space(b'p', 10)
    }

    /// Incidents of a process.
    pub fn incidents_of(process: &str) -> Key {
        incidents_by_process().text(process)
    }

    /// Incidents of all processes, by process and element.
    pub fn incidents_by_element() -> Key {
        space(b'p', 11)
    }

    /// Incidents at an element of a process.
    pub fn incidents_at(process: &str, element: &str) -> Key {
        incidents_by_element().text(process).text(element)
    }

    /// The keys under which an incident is listed beside its row.
    pub fn incident_listed(process: &str, element: &str, instance: u64, number: u64) -> [Key; 2] {
        [incidents_of(process), incidents_at(process, element)]
            .map(|key| key.number(instance).number(number))
    }

    /// Instances by process.
    pub fn instances_of(process: &str) -> Key {
        instances_all().text(process)
    }

    /// The instance whose result somebody waits for.
    pub fn waiting(address: &kernel::Address) -> Key {
        space(b'p', 2).text(&address.engine).text(&address.token)
    }

    /// Instances by an indexed variable.
    pub fn instances_by(process: &str, variable: &str, value: &str) -> Key {
        space(b'p', 3).text(process).text(variable).text(value)
    }

    /// The request whose result somebody waits for.
    pub fn requested(address: &kernel::Address) -> Key {
        space(b'p', 4).text(&address.engine).text(&address.token)
    }

    /// Incidents.
    pub fn incidents() -> Key {
        kernel::key(b'q')
    }

    /// An incident.
    pub fn incident(instance: u64, element: u64) -> Key {
        incidents().number(instance).number(element)
    }

    /// Who suspended processes.
    pub fn suspended_all() -> Key {
        space(b'r', 4)
    }

    /// Who suspended a process.
    pub fn suspended(process: &str) -> Key {
        suspended_all().text(process)
    }

    /// The start timers of a process that wait until it is resumed.
    pub fn start_timers_kept(process: &str) -> Key {
        space(b'r', 5).text(process)
    }

    /// A start timer that waits until its process is resumed.
    pub fn start_timer_kept(due: Time, process: &str, node: u32) -> Key {
        start_timers_kept(process).signed(due.0).number(node.into())
    }

    /// How far the messages of all resumed processes are looked through.
    pub fn resumed_all() -> Key {
        space(b'r', 6)
    }

    /// How far the messages of a resumed process are looked through.
    pub fn resumed(process: &str) -> Key {
        resumed_all().text(process)
    }

    /// All messages of a process that wait.
    pub fn messages_in(process: &str) -> Key {
        messages().text(process)
    }

    /// Bulk operations.
    pub fn bulks() -> Key {
        space(b'r', 7)
    }

    /// A bulk operation.
    pub fn bulk(number: u64) -> Key {
        bulks().number(number)
    }

    /// Bulk operations that are under way.
    pub fn bulks_running() -> Key {
        space(b'r', 8)
    }

    /// Who waits for any signal.
    pub fn signals_all() -> Key {
        space(b'r', 9)
    }

    /// Who waits for a signal.
    pub fn signals(name: &str) -> Key {
        signals_all().text(name)
    }

    /// All instances.
    pub fn instances() -> Key {
        kernel::key(b'i')
    }

    /// The beginnings of all keys that [`super::index`] computes.
    pub fn beside_instances() -> Vec<Key> {
        let parts = [0, 1, 2, 3, 5, 10, 11].map(|part| space(b'p', part));
        let others = [
            kernel::key(b'j'),
            kernel::key(b'k'),
            timers(),
            kernel::key(b'm'),
            incidents(),
            ready(),
            signals_all(),
        ];
        others.into_iter().chain(parts).collect()
    }

    /// All requests that somebody waits for.
    pub fn requested_all() -> Key {
        space(b'p', 4)
    }

    /// All cursors.
    pub fn cursors_all() -> Key {
        space(b'r', 0)
    }

    /// Cursors of a process.
    pub fn cursors(process: &str) -> Key {
        space(b'r', 0).text(process)
    }

    /// The cursor of a process in a stream.
    pub fn cursor(process: &str, stream: &str) -> Key {
        cursors(process).text(stream)
    }

    /// Instances that have moves to make.
    pub fn ready() -> Key {
        space(b'r', 1)
    }

    /// The start timers of a process.
    pub fn start_timers(process: &str) -> Key {
        space(b'r', 2).text(process)
    }

    /// When the history is looked through for what is old.
    pub fn history() -> Key {
        space(b'r', 3)
    }
}

/// Returns the last two numbers of a key: an instance and an element.
pub fn tail(key: &[u8]) -> Option<(u64, ElementId)> {
    let at = key.len().checked_sub(16)?;
    let (instance, element) = key.get(at..)?.split_first_chunk::<8>()?;
    let element = element.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))?;
    Some((u64::from_be_bytes(*instance), u32::try_from(element).ok()?))
}

/// Returns the last number of a key.
pub fn last(key: &[u8]) -> Option<u64> {
    let at = key.len().checked_sub(8)?;
    key.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Returns the instant with which a key of `timers` or `expiries` goes on behind `prefix`.
pub fn instant(key: &[u8], prefix: &Key) -> Option<Time> {
    let at = prefix.as_ref().len().checked_sub(3)?;
    let mut reader = KeyReader::new(key.get(at..)?);
    reader.signed().map(Time)
}

/// A task as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRow {
    /// Its name: instance and element.
    pub task: String,
    /// The instance.
    pub instance: u64,
    /// The process.
    pub process: String,
    /// The business key of its instance.
    pub business_key: Option<String>,
    /// The element's id.
    pub kind: String,
    /// The element's name.
    pub name: Option<String>,
    /// `created`, `claimed`, `completed` or `cancelled`.
    pub state: String,
    /// Whose it is.
    pub assignee: Option<String>,
    /// Roles whose members may take it.
    pub candidates: Vec<String>,
    /// When it should be done.
    pub due: Option<Time>,
    /// The form.
    pub form: Option<String>,
    /// When it came, business time.
    pub created_at: Time,
    /// When it ended, business time.
    #[serde(default)]
    pub ended_at: Option<Time>,
    /// Who completed it.
    #[serde(default)]
    pub completed_by: Option<String>,
    /// How much it matters beside others, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    /// When it was really done, business time, where who completed it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Time>,
}

impl TaskRow {
    /// Returns the row of an open task.
    pub fn new(
        instance: &Instance,
        id: ElementId,
        task: &crate::instance::Task,
        created_at: Time,
    ) -> Self {
        let state = if task.assignee.is_some() { "claimed" } else { "created" };
        Self {
            task: name_of(instance.key, id),
            instance: instance.key,
            process: instance.process.clone(),
            business_key: instance.business_key.clone(),
            kind: task.kind.clone(),
            name: task.name.clone(),
            state: state.into(),
            assignee: task.assignee.clone(),
            candidates: task.candidates.clone(),
            due: task.due,
            form: task.form.clone(),
            created_at,
            ended_at: None,
            completed_by: None,
            priority: task.priority,
            done_at: task.report.as_ref().and_then(|report| report.done_at),
        }
    }

    /// Returns what it is called: the element's name, else its id.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.kind)
    }
}

/// An incident as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentRow {
    /// Its name: instance and element, or `0-NUMBER` for a message.
    pub incident: String,
    /// The instance; absent for a message.
    pub instance: Option<u64>,
    /// The process.
    pub process: String,
    /// The business key of its instance, or the correlation key of the message.
    pub business_key: Option<String>,
    /// A stable code.
    pub code: String,
    /// What happened.
    pub message: String,
    /// The id of the element.
    pub element: String,
    /// When, business time.
    pub at: Time,
    /// What it is about, where it belongs to no instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Value>,
}

impl IncidentRow {
    fn new(instance: &Instance, id: ElementId, incident: &Incident) -> Self {
        Self {
            incident: name_of(instance.key, id),
            instance: Some(instance.key),
            process: instance.process.clone(),
            business_key: instance.business_key.clone(),
            code: incident.code.clone(),
            message: incident.message.clone(),
            element: incident.element.clone(),
            at: incident.at,
            subject: None,
        }
    }
}

/// A finished activity or event, as the log has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ElementRow {
    /// The instance.
    pub instance: u64,
    /// The process.
    pub process: String,
    /// The element's id.
    pub element: String,
    /// When it began, business time.
    pub entered_at: Time,
    /// When it ended, business time.
    pub left_at: Time,
    /// `completed` or `cancelled`.
    pub state: String,
    /// Its number inside the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<ElementId>,
    /// How often it was tried, where that was more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries: Option<u32>,
    /// Where the log has the task that it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<u64>,
    /// Where the log has how it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<u64>,
    /// What leads on, in the first row of each step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
}

/// An instance as lists and the log show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceRow {
    /// Its number.
    pub instance: u64,
    /// The process.
    pub process: String,
    /// The version of the process.
    pub version: u64,
    /// What the business calls it.
    pub business_key: Option<String>,
    /// `active`, `suspended`, `failed`, `completed` or `cancelled`.
    pub state: String,
    /// When it began, business time.
    pub started_at: Time,
    /// When it ended, business time.
    pub ended_at: Option<Time>,
    /// Its business clock.
    pub time: Time,
    /// Who started it.
    pub started_by: Option<String>,
    /// For whom.
    pub on_behalf_of: Option<String>,
    /// Its variables.
    pub variables: Value,
    /// The ids of finished activities and events, oldest first.
    pub path: Vec<String>,
    /// The ids of the elements at which it stands.
    pub elements: Vec<String>,
    /// How many of these have an incident.
    pub incidents: usize,
    /// Incidents that are over, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mended: Vec<Mended>,
    /// Where the log has what it has left behind, in rows of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trail: Option<Trail>,
}

impl InstanceRow {
    /// Returns the row of an instance.
    pub fn new(instance: &Instance, graph: &notation::graph::Graph) -> Self {
        let id = |node| graph.node(node).id.clone();
        let is_over = matches!(instance.state, State::Completed | State::Cancelled);
        let standing = instance.elements.iter().filter(|element| element.host.is_none());
        Self {
            instance: instance.key,
            process: instance.process.clone(),
            version: instance.version,
            business_key: instance.business_key.clone(),
            state: instance.state_name().into(),
            started_at: instance.started_at,
            ended_at: is_over.then_some(instance.time),
            time: instance.time,
            started_by: instance.started_by.as_ref().map(ToString::to_string),
            on_behalf_of: instance.on_behalf_of.as_ref().map(ToString::to_string),
            variables: Value::Object(instance.variables.clone()),
            path: instance
                .earlier
                .iter()
                .cloned()
                .chain(instance.path.iter().map(|node| id(*node)))
                .collect(),
            elements: standing.map(|element| id(element.node)).collect(),
            incidents: instance
                .elements
                .iter()
                .filter(|element| element.incident.is_some())
                .count()
                + usize::from(instance.incident.is_some()),
            mended: instance.mended.clone(),
            trail: None,
        }
    }
}

/// Returns all keys that stand beside an instance. They are a function of it, so none is ever forgotten or left over.
///
/// # Errors
/// `process.stored` where a row cannot be written, which is a defect.
pub fn index(instance: &Instance, indexed: &[String]) -> Result<Index, Problem> {
    let mut index = Index::new();
    if !matches!(instance.state, State::Active | State::Failed) {
        return Ok(index);
    }
    let (process, number) = (instance.process.as_str(), instance.key);
    let mut put = |key: Key| index.insert(key.bytes(), Vec::new());
    put(key::instances_of(process).number(number));
    if instance.suspended {
        put(key::instances_suspended().number(number));
    }
    let keys = [&instance.business_key, &instance.correlation_key];
    for business_key in keys.into_iter().flatten() {
        put(key::instances_by_key(process, business_key).number(number));
    }
    for variable in indexed {
        if let Some(value) = instance.variables.get(variable).and_then(text_of) {
            put(key::instances_by(process, variable, &value).number(number));
        }
    }
    if !instance.moves.is_empty() && instance.is_open() {
        put(key::ready().number(number));
    }
    if let Some(address) = &instance.reply_to {
        index.insert(key::waiting(address).bytes(), number.to_be_bytes().to_vec());
    }
    if let Some(incident) = &instance.incident {
        let row = IncidentRow::new(instance, ROOT, incident);
        index_incident(&mut index, ROOT.into(), &row)?;
    }
    for element in &instance.elements {
        index_element(&mut index, instance, element)?;
    }
    Ok(index)
}

/// Adds the keys of an incident.
fn index_incident(index: &mut Index, number: u64, row: &IncidentRow) -> Result<(), Problem> {
    let instance = row.instance.unwrap_or_default();
    index.insert(key::incident(instance, number).bytes(), write(row)?);
    for key in key::incident_listed(&row.process, &row.element, instance, number) {
        index.insert(key.bytes(), Vec::new());
    }
    Ok(())
}

/// Returns the keys under which the incidents of an instance are listed beside their rows.
pub fn incidents_listed(instance: &Instance) -> Vec<Key> {
    let whole = instance.incident.iter().map(|incident| (ROOT, incident));
    let elements = instance.elements.iter();
    let elements = elements.filter_map(|element| Some((element.id, element.incident.as_ref()?)));
    let listed = whole.chain(elements).map(|(id, incident)| {
        key::incident_listed(&instance.process, &incident.element, instance.key, id.into())
    });
    listed.flatten().collect()
}

fn index_element(index: &mut Index, instance: &Instance, element: &Element) -> Result<(), Problem> {
    let number = instance.key;
    let with = |key: Key| key.number(number).number(element.id.into()).bytes();
    if let Some(incident) = &element.incident {
        let row = IncidentRow::new(instance, element.id, incident);
        index_incident(index, element.id.into(), &row)?;
    }
    if let Wait::Task(task) = &element.wait {
        let row = TaskRow::new(instance, element.id, task, element.entered);
        index.insert(with(key::tasks()), write(&row)?);
        worklist::index(index, instance, element, task);
    }
    // One that has failed or is suspended takes nothing from outside until it is mended or resumed.
    if !instance.is_open() || element.incident.is_some() {
        return Ok(());
    }
    match &element.wait {
        Wait::Timer { due, .. } => {
            index.insert(with(key::timers().signed(due.0)), Vec::new());
        }
        Wait::Message { name, key } => {
            index.insert(with(key::subscriptions(&instance.process, name, key)), Vec::new());
        }
        Wait::Signal { name } => {
            index.insert(with(key::signals(name)), Vec::new());
        }
        Wait::Job(job) => {
            let key = match job.until {
                None => key::jobs(&job.job_type),
                Some(until) => key::jobs_held().signed(until.0),
            };
            index.insert(with(key), Vec::new());
        }
        _ => {}
    }
    Ok(())
}
