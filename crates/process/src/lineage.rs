//! Lineage of processes: what they read, write, call and start, as far as their models say it.
//!
//! A resource that a model calculates when it gets there has no edge: nobody knows it before.

use crate::compiled::Compiled;
use crate::engine::Processes;
use base::Problem;
use kernel::{Edge, End, How, Read, Reader, Resource, Right};
use notation::graph::{Call, NodeKind};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Operations that set another process going.
const STARTING: [&str; 2] = ["process.start", "process.publish"];

/// The edges of a process: two ends and how they stand to each other, with what there is to say about it.
type Found = BTreeMap<(End, End, How), BTreeMap<&'static str, BTreeSet<String>>>;

impl Processes {
    /// Returns the edges of all processes. One that cannot be compiled at the moment has none.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn edges(&self, reader: &Reader) -> Result<Vec<Edge>, Problem> {
        let mut edges = Vec::new();
        for process in reader.resources("process")? {
            let compiled = self.cache.get(reader, &self.config, &process.name, process.version);
            if let Ok(compiled) = compiled {
                edges.extend(self.edges_of(reader, &process, &compiled)?);
            }
        }
        Ok(edges)
    }

    fn edges_of(
        &self,
        reader: &Reader,
        process: &Resource,
        compiled: &Compiled,
    ) -> Result<Vec<Edge>, Problem> {
        let itself = || End::new("process", &process.name);
        let mut found = Found::new();
        let mut note = |edge: (End, End, How), what: &'static str, text: &str| {
            let said = found.entry(edge).or_default().entry(what).or_default();
            said.insert(text.to_owned());
        };
        for on in &compiled.on {
            let edge = (End::new("stream", &on.stream), itself(), How::Reads);
            note(edge, "messages", &on.message);
        }
        for node in &compiled.graph.nodes {
            match &node.kind {
                NodeKind::Decision(decision) => {
                    if let Some(called) = self.find_decision(reader, &decision.decision)? {
                        let edge = (End::new("decision", &called.name), itself(), How::Calls);
                        note(edge, "elements", &node.id);
                    }
                }
                NodeKind::Call(call) => {
                    if let Some((kind, name)) = self.target(reader, call)? {
                        let edge = between(reader, call, itself(), End::new(&kind, &name))?;
                        note(edge.clone(), "elements", &node.id);
                        note(edge, "operations", &call.operation);
                    }
                }
                _ => {}
            }
        }
        let edges = found.into_iter().map(|((from, to, how), said)| {
            Edge::new(from, to, how).with(json!(said)).declared_by(process)
        });
        Ok(edges.collect())
    }

    /// Returns kind and name of the resource of a call, where the model says them.
    fn target(&self, reader: &Reader, call: &Call) -> Result<Option<(String, String)>, Problem> {
        let Some(Value::String(text)) = call.resource.constant() else { return Ok(None) };
        let meant = call.operation.split('.').next().unwrap_or_default();
        let (kind, name) = text.split_once('/').unwrap_or((meant, text.as_str()));
        if name.is_empty() {
            return Ok(None);
        }
        // A model names a decision by the id in its file as well.
        if kind == "decision"
            && let Some(decision) = self.find_decision(reader, name)?
        {
            return Ok(Some((kind.to_owned(), decision.name.clone())));
        }
        Ok(Some((kind.to_owned(), name.to_owned())))
    }
}

/// Returns which end comes first: what a call reads or calls stands before the process, what it changes behind it.
fn between(
    reader: &Reader,
    call: &Call,
    process: End,
    target: End,
) -> Result<(End, End, How), Problem> {
    if STARTING.contains(&call.operation.as_str()) {
        return Ok((process, target, How::Starts));
    }
    Ok(match reader.kernel().operation(&call.operation)?.right {
        Right::Read => (target, process, How::Reads),
        Right::Run => (target, process, How::Calls),
        Right::Write | Right::Manage => (process, target, How::Writes),
    })
}
