//! What an instance leaves behind in the logs, and how it is found again.
//!
//! Rows of all instances lie in one log, in the order in which things happened. The rows of one step lie beside each other, and the
//! first of them says where those of the step before are: so an instance needs to keep but one number, whatever it has done.

use crate::compiled::Compiled;
use crate::config::Config;
use crate::instance::{ElementId, Incident, Instance, Mended, ROOT};
use crate::past::Rows;
use crate::wire::{ElementRow, LOG_ELEMENTS};
use base::{Problem, Time};
use kernel::{Read, Tx};
use notation::graph::{FlowId, NodeId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What leads from the rows of a step to those of the step before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Where the log has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// The version that the instance ran.
    pub version: u64,
    /// The flows that tokens took, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<FlowId>,
}

/// A decision that an instance has asked for, as the log has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionRow {
    /// The instance.
    pub instance: u64,
    /// The process.
    pub process: String,
    /// The number of the element inside the instance.
    pub number: ElementId,
    /// The decision.
    pub decision: String,
    /// The version of the decision.
    pub version: u64,
    /// When, business time.
    pub at: Time,
    /// What it was decided from.
    pub inputs: Value,
    /// What came out.
    pub result: Value,
    /// The tables that led there, with the rules that fired.
    pub tables: Value,
}

/// The rows of one step in the making.
pub(crate) struct Writing {
    flows: Vec<FlowId>,
    /// Tasks that are over, whose elements are not told of yet.
    tasks: BTreeMap<ElementId, u64>,
    first: Option<u64>,
}

impl Writing {
    /// Begins the rows of a step that took these flows.
    pub fn begin(flows: Vec<FlowId>) -> Self {
        Self { flows, tasks: BTreeMap::new(), first: None }
    }

    /// Notes where the log has the task that an element was.
    pub fn task(&mut self, element: ElementId, row: u64) {
        self.tasks.insert(element, row);
    }

    /// Writes the row of an element that is over.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn element(
        &mut self,
        tx: &mut Tx<'_>,
        compiled: &Compiled,
        instance: &mut Instance,
        left: Over,
    ) -> Result<ElementRow, Problem> {
        let Over { element, node, entered, left, is_completed, tries } = left;
        let decision = take_decision(instance, element);
        let link = match self.first {
            Some(_) => None,
            None => {
                let mut flows = std::mem::take(&mut instance.trail.flows);
                flows.append(&mut self.flows);
                let version = instance.version;
                Some(Link { before: instance.trail.last, version, flows })
            }
        };
        let row = ElementRow {
            instance: instance.key,
            process: instance.process.clone(),
            element: compiled.graph.node(node).id.clone(),
            entered_at: entered,
            left_at: left,
            state: if is_completed { "completed" } else { "cancelled" }.into(),
            number: Some(element),
            tries,
            task: self.tasks.remove(&element),
            decision,
            link,
        };
        let offset = tx.record(LOG_ELEMENTS, &row)?;
        self.first.get_or_insert(offset);
        Ok(row)
    }

    /// Ends the rows of a step: the next one's will lead to them.
    pub fn end(self, instance: &mut Instance, config: &Config) {
        match self.first {
            Some(first) => instance.trail.last = Some(first),
            None => {
                let room = config.path_max.saturating_sub(instance.trail.flows.len());
                instance.trail.flows.extend(self.flows.into_iter().take(room));
            }
        }
        if !instance.trail.decided.is_empty() {
            let mut decided = std::mem::take(&mut instance.trail.decided);
            decided.retain(|(element, _)| instance.element(*element).is_some());
            instance.trail.decided = decided;
        }
    }
}

/// An element that is over.
pub(crate) struct Over {
    /// Its number.
    pub element: ElementId,
    /// Which element of the graph.
    pub node: NodeId,
    /// When it began.
    pub entered: Time,
    /// When it ended.
    pub left: Time,
    /// True where it came to its end by itself.
    pub is_completed: bool,
    /// How often it was tried, where that was more than once.
    pub tries: Option<u32>,
}

fn take_decision(instance: &mut Instance, element: ElementId) -> Option<u64> {
    let decided = &mut instance.trail.decided;
    let place = decided.iter().rposition(|(of, _)| *of == element)?;
    Some(decided.remove(place).1)
}

/// Returns the incidents of an instance, by the elements that have them.
pub(crate) fn incidents_of(instance: &Instance) -> Vec<(ElementId, Incident)> {
    let whole = instance.incident.iter().map(|incident| (ROOT, incident.clone()));
    let elements = instance.elements.iter();
    let stopped = elements.filter_map(|element| Some((element.id, element.incident.clone()?)));
    whole.chain(stopped).collect()
}

/// Notes which incidents are over since they were looked up.
pub(crate) fn mended(instance: &mut Instance, before: Vec<(ElementId, Incident)>, config: &Config) {
    if before.is_empty() {
        return;
    }
    let now = incidents_of(instance);
    let until = instance.time;
    let over = before.into_iter().filter(|held| !now.contains(held));
    instance.mended.extend(over.map(|(_, incident)| Mended { incident, until }));
    let surplus = instance.mended.len().saturating_sub(config.incidents_kept_max);
    instance.mended.drain(..surplus);
}

/// What an instance has left behind, as far as the log has it.
pub(crate) struct Steps {
    /// The rows of elements, oldest first, each with the version that the instance ran then.
    pub rows: Vec<(u64, ElementRow)>,
    /// The flows that tokens took, oldest first, each with the version.
    pub flows: Vec<(u64, FlowId)>,
    /// False where there was more than the log has, or than is read at once.
    pub is_all: bool,
}

/// Reads what an instance has left behind, the newest rows first, so many at most.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn steps(
    read: &dyn Read,
    number: u64,
    last: Option<u64>,
    rows_max: usize,
) -> Result<Steps, Problem> {
    let mut log = Rows::new(read, LOG_ELEMENTS);
    // Steps, the newest first.
    let mut steps: Vec<(Link, Vec<ElementRow>)> = Vec::new();
    let (mut next, mut count, mut is_all) = (last, 0, true);
    while let Some(at) = next {
        let found = step_at(&mut log, number, at)?;
        let Some((link, rows)) = found.filter(|_| count < rows_max) else {
            is_all = false;
            break;
        };
        count += rows.len();
        // What leads forward is no trail of ours.
        next = link.before.filter(|before| *before < at);
        steps.push((link, rows));
    }
    let (mut all, mut flows) = (Vec::new(), Vec::new());
    for (link, rows) in steps.into_iter().rev() {
        flows.extend(link.flows.iter().map(|flow| (link.version, *flow)));
        all.extend(rows.into_iter().map(|row| (link.version, row)));
    }
    Ok(Steps { rows: all, flows, is_all })
}

/// Reads the rows of one step; `None` where the log has them no more.
fn step_at(
    log: &mut Rows<'_>,
    number: u64,
    first: u64,
) -> Result<Option<(Link, Vec<ElementRow>)>, Problem> {
    let Some(mut row) = log.get::<ElementRow>(first)? else { return Ok(None) };
    let Some(link) = row.link.take().filter(|_| row.instance == number) else { return Ok(None) };
    let mut rows = vec![row];
    for offset in first + 1.. {
        match log.get::<ElementRow>(offset)? {
            Some(row) if row.instance == number && row.link.is_none() => rows.push(row),
            _ => break,
        }
    }
    Ok(Some((link, rows)))
}

/// Returns the row of a log that something in the trail leads to, where it is still there.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn row<T: serde::de::DeserializeOwned>(
    rows: &mut Rows<'_>,
    offset: Option<u64>,
    is_meant: impl Fn(&T) -> bool,
) -> Result<Option<T>, Problem> {
    let Some(offset) = offset else { return Ok(None) };
    Ok(rows.get::<T>(offset)?.filter(is_meant))
}
