//! Processes as people see them: all of them with what is counted, and one with its diagram and the counts of each element.
//!
//! Everything here is read from the kept counts: it costs the same with ten instances and with ten million.

use crate::compiled::Compiled;
use crate::counts::{Counts, Element, Instances};
use crate::engine::Processes;
use crate::error::Error;
use crate::lists::Page;
use crate::suspend::Suspended;
use crate::wire::{self, key};
use base::Problem;
use kernel::{Call, Read, Reader, Reply, Resource, ResourceRef};
use notation::graph::{NodeKind, Trigger};
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Processes {
    /// Lists processes with what is counted of them, all versions together.
    pub(crate) fn list_processes(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let after = call.text("after").unwrap_or_default();
        let text = call.text("text").map(str::to_lowercase);
        let mut page = Page::of(call, &self.config)?;
        for resource in reader.resources("process")? {
            let name = resource.name.as_str();
            let is_meant = text.as_ref().is_none_or(|text| name.to_lowercase().contains(text));
            if name <= after || !is_meant {
                continue;
            }
            if !page.looks_at(|| name.to_owned()) {
                break;
            }
            if reader.allows("process.get", &ResourceRef::new("process", name))? {
                page.items.push(self.process_row(reader, &resource)?);
            }
        }
        Ok(page.reply())
    }

    fn process_row(&self, reader: &Reader, resource: &Resource) -> Result<Value, Problem> {
        let name = resource.name.as_str();
        let (mut instances, mut incidents) = (Instances::default(), 0);
        for (_, counts) in self.counts(reader, name)? {
            instances.add(&counts.instances);
            incidents += incidents_in(&counts);
        }
        let suspended = self.suspended_by(reader, name)?;
        let compiled = self.cache.get(reader, &self.config, name, resource.version).ok();
        Ok(json!({
            "process": name,
            "title": compiled.as_ref().and_then(|compiled| compiled.graph.name.clone()),
            "version": resource.version,
            "state": if suspended.is_some() { "suspended" } else { "active" },
            "active": instances.active,
            "suspended": instances.suspended,
            "failed": instances.failed,
            "incidents": incidents,
            "completed": instances.completed,
            "cancelled": instances.cancelled,
            "finished": instances.completed + instances.cancelled,
            "starts": compiled.is_some_and(|compiled| compiled.start().is_some()),
        }))
    }

    /// Shows a process: its diagram, its versions, how it is started, and what is counted of each element.
    pub(crate) fn get_process(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let name = call.resource.name.as_str();
        let not_found = |name: String| Problem::from(Error::NotFound { kind: "process", name });
        let resource =
            reader.resource("process", name)?.ok_or_else(|| not_found(name.to_owned()))?;
        let wanted = call.number("version")?;
        let version = wanted.unwrap_or(resource.version);
        let shown = match version == resource.version {
            true => Resource::clone(&resource),
            false => reader
                .resource_version("process", name, version)?
                .ok_or_else(|| not_found(format!("{name} {version}")))?,
        };
        let compiled = self.cache.get(reader, &self.config, name, version)?;
        let counts = self.counts(reader, name)?;
        let versions: Vec<Value> = counts
            .iter()
            .map(|(version, counts)| {
                let incidents = incidents_in(counts);
                json!({"version": version, "instances": counts.instances, "incidents": incidents})
            })
            .collect();
        // Without a version, what happened under older ones is shown at the elements that are still there.
        let all = match wanted {
            Some(_) => counts.into_iter().filter(|(of, _)| *of == version).collect(),
            None => counts,
        };
        let mut answer = self.process_row(reader, &resource)?;
        answer["version"] = json!(version);
        answer["latest"] = json!(resource.version);
        answer["source"] = shown.spec.get("source").cloned().unwrap_or_default();
        answer["file"] = json!(compiled.file);
        answer["indexed"] = json!(compiled.indexed);
        answer["suspended_by"] = json!(self.suspended_by(reader, name)?);
        answer["versions"] = Value::Array(versions);
        answer["start"] = started_by(&compiled);
        answer["start_form"] = json!(self.start_form(reader, &compiled)?);
        answer["elements"] = self.elements(reader, &compiled, &all)?;
        Ok(Reply::Value(answer))
    }

    fn suspended_by(&self, read: &dyn Read, process: &str) -> Result<Option<Suspended>, Problem> {
        let bytes = read.get(key::suspended(process).as_ref())?;
        bytes.map(|bytes| wire::read(&bytes)).transpose()
    }

    /// Returns what is counted of each element of a version, with what happened at the same elements of others.
    fn elements(
        &self,
        reader: &Reader,
        compiled: &Compiled,
        all: &[(u64, Counts)],
    ) -> Result<Value, Problem> {
        let mut sums: BTreeMap<&str, Element> = BTreeMap::new();
        for (version, counts) in all {
            if *version == compiled.version {
                for (node, known) in compiled.graph.nodes.iter().zip(&counts.elements) {
                    sums.entry(&node.id).or_default().add(known);
                }
                continue;
            }
            let Ok(other) = self.cache.get(reader, &self.config, &compiled.name, *version) else {
                continue;
            };
            for (node, known) in other.graph.nodes.iter().zip(&counts.elements) {
                if let Some(here) = compiled.graph.find(&node.id) {
                    sums.entry(&compiled.graph.node(here).id).or_default().add(known);
                }
            }
        }
        let elements = compiled.graph.nodes.iter().map(|node| {
            let mut row = json!(sums.get(node.id.as_str()).copied().unwrap_or_default());
            row["element"] = json!(node.id);
            row["name"] = json!(node.name);
            row["kind"] = json!(kind_of(&node.kind));
            row
        });
        Ok(Value::Array(elements.collect()))
    }
}

fn incidents_in(counts: &Counts) -> u64 {
    let elements: u64 = counts.elements.iter().map(|element| element.incidents).sum();
    elements + counts.instances.failed
}

/// Returns how a process is started.
fn started_by(compiled: &Compiled) -> Value {
    let by_hand = compiled.start().map(|node| compiled.graph.node(node).id.clone());
    let mut timers = 0;
    let mut signals = Vec::new();
    for start in &compiled.graph.starts {
        match &compiled.graph.node(*start).kind {
            NodeKind::Start(Some(Trigger::Timer(_))) => timers += 1,
            NodeKind::Start(Some(Trigger::Signal { name })) => signals.push(name.clone()),
            _ => {}
        }
    }
    json!({
        "element": by_hand,
        "messages": compiled.message_starts().collect::<Vec<_>>(),
        "signals": signals,
        "timers": timers,
        "streams": compiled.on.iter().map(|on| &on.stream).collect::<Vec<_>>(),
    })
}

/// Returns what an element of the graph is, in one word.
pub(crate) fn kind_of(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Start(_) => "start",
        NodeKind::End(_) => "end",
        NodeKind::PassThrough => "pass",
        NodeKind::Job(_) => "job",
        NodeKind::Call(_) => "call",
        NodeKind::Decision(_) => "decision",
        NodeKind::Script(_) => "script",
        NodeKind::UserTask(_) => "task",
        NodeKind::Catch(_) => "catch",
        NodeKind::ThrowCompensation { .. }
        | NodeKind::LinkThrow { .. }
        | NodeKind::ThrowEscalation { .. }
        | NodeKind::ThrowSignal { .. } => "throw",
        NodeKind::ExclusiveGateway { .. }
        | NodeKind::InclusiveGateway { .. }
        | NodeKind::ParallelGateway
        | NodeKind::EventGateway => "gateway",
        NodeKind::SubProcess { .. } | NodeKind::EventSubProcess { .. } => "sub-process",
        NodeKind::Boundary(_) => "boundary",
    }
}
