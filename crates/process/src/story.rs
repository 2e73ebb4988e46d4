//! The history of one instance, active or over: its path with times and tries, the flows that tokens took, its variables, incidents,
//! calls, tasks and decisions.
//!
//! An instance that is over is told from the logs. What these have no more, because the history was forgotten or because it was there
//! before trails were kept, is left out, and `complete` says so.

use crate::compiled::Compiled;
use crate::engine::Processes;
use crate::error::Error;
use crate::instance::{Element, Instance, Trail, Wait};
use crate::past::Rows;
use crate::trail::{self, DecisionRow, Steps};
use crate::wire::{ElementRow, InstanceRow, LOG_DECISIONS, LOG_TASKS, TaskRow, name_of};
use base::Problem;
use kernel::{Call, Read, Reader, Reply};
use notation::graph::{Graph, NodeKind};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The graphs of the versions that an instance has run.
struct Graphs<'a> {
    engine: &'a Processes,
    read: &'a dyn Read,
    process: &'a str,
    held: BTreeMap<u64, Option<Arc<Compiled>>>,
}

impl Graphs<'_> {
    /// Returns the graph of a version; `None` where it is not there any more.
    fn of(&mut self, version: u64) -> Option<&Graph> {
        let Self { engine, read, process, held } = self;
        let get = || engine.cache.get(*read, &engine.config, process, version).ok();
        held.entry(version).or_insert_with(get).as_deref().map(|compiled| &compiled.graph)
    }
}

impl Processes {
    /// Tells what an instance has done and does.
    pub(crate) fn instance_history(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let name = call.resource.name.as_str();
        let not_found = || Error::NotFound { kind: "instance", name: name.into() };
        let number: u64 = name.parse().map_err(|_| not_found())?;
        if let Some(instance) = self.load(reader, number)? {
            return self.history_of_active(reader, &instance).map(Reply::Value);
        }
        let row = self.past_row(reader, number)?.ok_or_else(not_found)?;
        let trail = row.trail.clone().unwrap_or_default();
        self.history(reader, row, &trail, Vec::new()).map(Reply::Value)
    }

    fn history_of_active(&self, reader: &Reader, instance: &Instance) -> Result<Value, Problem> {
        let compiled = self.cache.get(reader, &self.config, &instance.process, instance.version)?;
        let row = InstanceRow::new(instance, &compiled.graph);
        let standing = instance.elements.iter().filter(|element| element.host.is_none());
        let decided: BTreeMap<_, _> = instance.trail.decided.iter().copied().collect();
        let mut decisions = Rows::new(reader, LOG_DECISIONS);
        let mut path = Vec::new();
        for element in standing {
            let mut step = standing_at(&compiled.graph, instance, element);
            let row = decided.get(&element.id).copied();
            let is_meant = |row: &DecisionRow| row.instance == instance.key;
            if let Some(row) = trail::row(&mut decisions, row, is_meant)? {
                step.insert("decision".into(), shown_decision(&row));
            }
            path.push(Value::Object(step));
        }
        let mut history = self.history(reader, row, &instance.trail, path)?;
        let mut incidents: Vec<Value> = instance.incident.iter().map(|one| json!(one)).collect();
        let stopped = instance.elements.iter();
        incidents.extend(stopped.filter_map(|element| {
            let mut incident = json!(element.incident.as_ref()?);
            incident["incident"] = json!(name_of(instance.key, element.id));
            Some(incident)
        }));
        if let (Some(Value::Array(all)), true) =
            (history.get_mut("incidents"), !incidents.is_empty())
        {
            all.extend(incidents);
        }
        Ok(history)
    }

    /// Tells of an instance from its row and its trail; `standing` is where it stands now.
    fn history(
        &self,
        reader: &Reader,
        row: InstanceRow,
        trail: &Trail,
        standing: Vec<Value>,
    ) -> Result<Value, Problem> {
        let number = row.instance;
        let steps = trail::steps(reader, number, trail.last, self.config.history_rows_max)?;
        let process = row.process.clone();
        let held = BTreeMap::new();
        let mut graphs = Graphs { engine: self, read: reader, process: &process, held };
        let known = graphs.of(row.version);
        // What was there before trails were kept has a path all the same.
        let is_all = steps.is_all && (trail.last.is_some() || !has_rows(&row, known));
        let mut flows = steps.flows.clone();
        flows.extend(trail.flows.iter().map(|flow| (row.version, *flow)));
        let flows = counted(&mut graphs, &flows);
        let mut path = self.path(reader, number, steps, &mut graphs)?;
        path.extend(standing);
        let incidents: Vec<Value> = row.mended.iter().map(|mended| json!(mended)).collect();
        let mut answer = json!(InstanceRow { trail: None, mended: Vec::new(), ..row });
        answer["finished"] = answer["path"].take();
        answer["path"] = Value::Array(path);
        answer["flows"] = flows;
        answer["incidents"] = Value::Array(incidents);
        answer["complete"] = json!(is_all);
        Ok(answer)
    }

    /// Returns the elements that are over, with what each was.
    fn path(
        &self,
        reader: &Reader,
        number: u64,
        steps: Steps,
        graphs: &mut Graphs<'_>,
    ) -> Result<Vec<Value>, Problem> {
        let mut tasks = Rows::new(reader, LOG_TASKS);
        let mut decisions = Rows::new(reader, LOG_DECISIONS);
        let mut path = Vec::with_capacity(steps.rows.len());
        for (version, row) in steps.rows {
            let mut step = left(graphs.of(version), &row);
            let task = trail::row(&mut tasks, row.task, |row: &TaskRow| row.instance == number)?;
            if let Some(task) = task {
                step.insert("task".into(), shown_task(&task));
            }
            let is_meant = |row: &DecisionRow| row.instance == number;
            if let Some(decision) = trail::row(&mut decisions, row.decision, is_meant)? {
                step.insert("decision".into(), shown_decision(&decision));
            }
            path.push(Value::Object(step));
        }
        Ok(path)
    }
}

/// Returns whether an instance must have left rows: ends and gateways leave none.
fn has_rows(row: &InstanceRow, graph: Option<&Graph>) -> bool {
    row.path.iter().any(|id| {
        let node = graph.and_then(|graph| Some(graph.node(graph.find(id)?)));
        node.is_none_or(|node| {
            !matches!(
                node.kind,
                NodeKind::PassThrough | NodeKind::LinkThrow { .. } | NodeKind::End(_)
            )
        })
    })
}

/// Returns the flows that tokens took, each once, with how often.
fn counted(graphs: &mut Graphs<'_>, flows: &[(u64, notation::graph::FlowId)]) -> Value {
    let mut order: Vec<&str> = Vec::new();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut names = Vec::new();
    for (version, flow) in flows {
        let known = graphs.of(*version).and_then(|graph| graph.flows.get(flow.0 as usize));
        names.extend(known.map(|flow| flow.id.clone()));
    }
    for name in &names {
        let count = counts.entry(name.clone()).or_default();
        if *count == 0 {
            order.push(name);
        }
        *count += 1;
    }
    let flows = order.into_iter().map(|name| json!({"flow": name, "count": counts.get(name)}));
    Value::Array(flows.collect())
}

/// Returns what an element that is over was.
fn left(graph: Option<&Graph>, row: &ElementRow) -> Map<String, Value> {
    let mut step = Map::new();
    step.insert("element".into(), json!(row.element));
    step.insert("id".into(), json!(row.number));
    step.insert("state".into(), json!(row.state));
    step.insert("entered_at".into(), json!(row.entered_at));
    step.insert("left_at".into(), json!(row.left_at));
    step.insert("tries".into(), json!(row.tries.unwrap_or(1)));
    if let Some(graph) = graph
        && let Some(node) = graph.find(&row.element)
    {
        describe(&mut step, &graph.node(node).kind, graph.node(node).name.as_deref());
    }
    step
}

/// Returns what an element is at which an instance stands.
fn standing_at(graph: &Graph, instance: &Instance, element: &Element) -> Map<String, Value> {
    let node = graph.node(element.node);
    let state = if element.incident.is_some() { "failed" } else { "active" };
    let mut step = Map::new();
    step.insert("element".into(), json!(node.id));
    step.insert("id".into(), json!(element.id));
    step.insert("state".into(), json!(state));
    step.insert("entered_at".into(), json!(element.entered));
    step.insert("left_at".into(), Value::Null);
    step.insert("tries".into(), json!(element.again + 1));
    describe(&mut step, &node.kind, node.name.as_deref());
    if let Wait::Call { operation, resource, .. } = &element.wait {
        step.insert("call".into(), json!({"operation": operation, "resource": resource}));
    }
    if let Wait::Task(task) = &element.wait {
        let row = TaskRow::new(instance, element.id, task, element.entered);
        step.insert("task".into(), shown_task(&row));
    }
    if !element.variables.is_empty() {
        step.insert("variables".into(), json!(element.variables));
    }
    if !matches!(element.wait, Wait::Entry | Wait::Exit { .. }) {
        step.insert("waits_for".into(), json!(element.wait));
    }
    step
}

/// Adds what a model says of an element: its name, its kind, and which call it makes.
fn describe(step: &mut Map<String, Value>, kind: &NodeKind, name: Option<&str>) {
    step.insert("name".into(), json!(name));
    step.insert("kind".into(), json!(crate::processes::kind_of(kind)));
    if let NodeKind::Call(call) = kind {
        // The resource may be worked out anew each time; the model says how.
        let resource = call.resource.text();
        step.insert("call".into(), json!({"operation": call.operation, "resource": resource}));
    }
}

fn shown_task(row: &TaskRow) -> Value {
    json!({
        "task": row.task, "name": row.name, "state": row.state, "assignee": row.assignee,
        "completed_by": row.completed_by,
    })
}

fn shown_decision(row: &DecisionRow) -> Value {
    json!({
        "decision": row.decision, "version": row.version, "at": row.at, "inputs": row.inputs,
        "result": row.result, "tables": row.tables,
    })
}
