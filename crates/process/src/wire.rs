//! What is stored: the form of an instance, the keys beside it, the rows of the logs.

pub mod key;

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
            elements: instance.standing().map(|element| id(element.node)).collect(),
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
    for key in standing(instance) {
        put(key);
    }
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

/// Returns the keys under which an active instance is listed by its version and by where it stands.
pub fn standing(instance: &Instance) -> impl Iterator<Item = Key> {
    let nodes = instance.standing().map(|element| Some(element.node));
    // One that failed before it came anywhere is found by its version all the same.
    let is_nowhere = instance.standing().next().is_none();
    nodes.chain(is_nowhere.then_some(None)).map(move |node| {
        key::standing(&instance.process, instance.version, node).number(instance.key)
    })
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
