//! Compares what is counted with what there is to count: instances where they stand, and the logs where nothing of them is forgotten.

use crate::counts::{Change, Counts, Element};
use crate::engine::Processes;
use crate::instance::State;
use crate::past;
use crate::state::Left;
use crate::wire::{self, ElementRow, LOG_ELEMENTS, LOG_INSTANCES, key};
use base::{KeyReader, Period, Problem};
use kernel::Read;
use notation::graph::{Graph, NodeKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a log that are read in one go.
const LOOK_BYTES: usize = 1 << 20;

/// Changes by process and version.
type Changes = BTreeMap<(String, u64), Change>;

/// A row of the log of instances, as far as it matters here.
#[derive(Deserialize)]
struct OverRow {
    process: String,
    version: u64,
    state: String,
}

/// What of the logs can be counted again.
#[derive(Clone, Copy)]
struct Whole {
    instances: bool,
    elements: bool,
}

impl Processes {
    /// Notes where what is counted is not what there is.
    pub(crate) fn check_counts(
        &self,
        read: &dyn Read,
        findings: &mut Vec<String>,
    ) -> Result<(), Problem> {
        let mut changes = Changes::new();
        for (_, bytes) in read.scan_prefix(key::instances().as_ref(), usize::MAX)? {
            // One that cannot be read is told of already.
            let Ok(instance) = wire::decode(&bytes) else { continue };
            let of = (instance.process.clone(), instance.version);
            changes.entry(of).or_default().present(&instance, 1);
        }
        let whole = Whole {
            instances: count_over(read, &mut changes)?,
            elements: self.count_left(read, &mut changes)?,
        };
        let mut expected: BTreeMap<(String, u64), Counts> = BTreeMap::new();
        for (of, change) in changes {
            let mut bytes = Vec::new();
            change.make(&mut bytes);
            expected.insert(of, Counts::of(&bytes));
        }
        let counted = counted(read)?;
        let all: BTreeSet<_> = expected.keys().chain(counted.keys()).cloned().collect();
        for of in all {
            let (is, should) = (counted.get(&of), expected.get(&of));
            let (is, should) =
                (is.cloned().unwrap_or_default(), should.cloned().unwrap_or_default());
            let compiled = self.cache.get(read, &self.config, &of.0, of.1).ok();
            let graph = compiled.as_deref().map(|compiled| &compiled.graph);
            compare(&of, &is, &should, graph, whole, findings);
        }
        Ok(())
    }

    /// Counts what went through elements, from the log. Returns false where it has not all of it, or not with its version.
    fn count_left(&self, read: &dyn Read, changes: &mut Changes) -> Result<bool, Problem> {
        let mut versions: BTreeMap<u64, u64> = BTreeMap::new();
        let mut is_whole = true;
        let is_all = each::<ElementRow>(read, LOG_ELEMENTS, &mut |row| {
            // The first row of a step says which version ran.
            if let Some(link) = &row.link {
                versions.insert(row.instance, link.version);
            }
            let Some(version) = versions.get(&row.instance) else {
                is_whole = false;
                return;
            };
            let Ok(compiled) = self.cache.get(read, &self.config, &row.process, *version) else {
                return;
            };
            let Some(node) = compiled.graph.find(&row.element) else { return };
            let took = Period(row.left_at.0.saturating_sub(row.entered_at.0));
            let is_completed = row.state == past::COMPLETED;
            let change = changes.entry((row.process, *version)).or_default();
            change.left(&Left { node, is_completed, took });
        })?;
        Ok(is_whole && is_all)
    }
}

/// Counts instances that are over, from the log. Returns false where it has not all of them.
fn count_over(read: &dyn Read, changes: &mut Changes) -> Result<bool, Problem> {
    each::<OverRow>(read, LOG_INSTANCES, &mut |row| {
        let is_completed = row.state == past::COMPLETED;
        let state = if is_completed { State::Completed } else { State::Cancelled };
        changes.entry((row.process, row.version)).or_default().over(state);
    })
}

/// Reads a log row by row. Returns whether it has its beginning still.
fn each<T: DeserializeOwned>(
    read: &dyn Read,
    log: &str,
    look: &mut dyn FnMut(T),
) -> Result<bool, Problem> {
    let (mut offset, mut is_all) = (0, true);
    loop {
        let chunks = read.chunks(log, offset, LOOK_BYTES)?;
        is_all &= chunks.first().is_none_or(|first| first.offset == offset);
        let Some(last) = chunks.last() else { return Ok(is_all) };
        offset = last.offset + u64::from(last.count);
        for line in chunks.iter().flat_map(|chunk| kernel::rows(&chunk.bytes)) {
            look(wire::read(line)?);
        }
    }
}

/// Returns what is counted.
fn counted(read: &dyn Read) -> Result<BTreeMap<(String, u64), Counts>, Problem> {
    let mut counted = BTreeMap::new();
    for (found, bytes) in read.scan_prefix(key::counts_all().as_ref(), usize::MAX)? {
        let mut reader = KeyReader::new(&found);
        let process = reader.text().and_then(|_| reader.text()).unwrap_or_default();
        let version = wire::last(&found).unwrap_or_default();
        counted.insert((process, version), Counts::of(&bytes));
    }
    Ok(counted)
}

fn compare(
    (process, version): &(String, u64),
    is: &Counts,
    should: &Counts,
    graph: Option<&Graph>,
    whole: Whole,
    findings: &mut Vec<String>,
) {
    let (mut has, mut wants) = (is.instances, should.instances);
    if !whole.instances {
        (has.completed, has.cancelled) = (0, 0);
        (wants.completed, wants.cancelled) = (0, 0);
    }
    if has != wants {
        findings
            .push(format!("process `{process}` {version} counts {has:?}, but there are {wants:?}"));
    }
    for place in 0..is.elements.len().max(should.elements.len()) {
        let of = |counts: &Counts| counts.elements.get(place).copied().unwrap_or_default();
        let node = graph.and_then(|graph| graph.nodes.get(place));
        let is_told = whole.elements && node.is_some_and(|node| has_rows(&node.kind));
        let (has, wants) = (seen(of(is), is_told), seen(of(should), is_told));
        if has != wants {
            let name = node.map_or("?", |node| node.id.as_str());
            findings.push(format!(
                "process `{process}` {version} counts {has:?} at `{name}`, but there are {wants:?}"
            ));
        }
    }
}

/// Returns of what is counted at an element what can be compared.
fn seen(element: Element, is_told: bool) -> Element {
    match is_told {
        true => element,
        false => {
            Element { active: element.active, incidents: element.incidents, ..Element::default() }
        }
    }
}

/// Returns whether the log has a row for each time that an element of this kind is left.
fn has_rows(kind: &NodeKind) -> bool {
    !matches!(
        kind,
        NodeKind::Start(_)
            | NodeKind::End(_)
            | NodeKind::PassThrough
            | NodeKind::LinkThrow { .. }
            | NodeKind::ExclusiveGateway { .. }
            | NodeKind::InclusiveGateway { .. }
            | NodeKind::ParallelGateway
            | NodeKind::EventGateway
    )
}
