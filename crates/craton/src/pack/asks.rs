//! What an application asks for, worked out of its manifests: the same whoever looks, so that nobody has to believe it.

use crate::manifests::application::Needed;
use base::{Place, Problem};
use notation::graph::{Graph, NodeKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use unit::AskedPolicy;

/// The operation by which a process calls another unit.
const CALL: &str = "contract.call";

/// A manifest with the text of the diagram that it names.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The manifest.
    pub manifest: &'a Value,
    /// The diagram.
    pub source: Option<&'a str>,
    /// Where the manifest was written.
    pub place: Option<&'a Place>,
}

/// What an application asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Asks {
    /// Roles that it makes, and what their policies permit.
    pub roles: Vec<Role>,
    /// What acts by itself, and under which roles.
    pub acts: Vec<Acts>,
    /// Streams that it makes.
    pub streams: Vec<Stream>,
    /// Processes that it makes.
    pub processes: Vec<Process>,
    /// What it offers to other units.
    pub offers: Vec<Offer>,
    /// Contracts that it needs with other units.
    pub contracts: Vec<Contract>,
    /// Secrets whose values it needs.
    pub secrets: Vec<Secret>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// The name.
    pub name: String,
    /// What it is for.
    pub summary: String,
    /// What it permits.
    pub policies: Vec<AskedPolicy>,
    /// Relations of which it shows only a part.
    pub restricts: Vec<String>,
}

/// Something that acts by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acts {
    /// What, as `process/deliver`.
    pub what: String,
    /// Under which roles.
    pub roles: Vec<String>,
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    /// The name.
    pub name: String,
    /// How many columns it has.
    pub columns: usize,
    /// The columns that say which person a row is about.
    pub personal: Vec<String>,
    /// How long rows stay, where not for ever.
    pub retention: Option<String>,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// The name.
    pub name: String,
    /// The streams that it reads.
    pub reads: Vec<String>,
    /// The calls that it makes, as `stream.append stream/shipments`.
    pub calls: Vec<String>,
    /// Jobs that programs outside do for it.
    pub jobs: Vec<String>,
}

/// An offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// A process, or the columns of a relation.
    pub gives: String,
    /// To whom: names of peers, or `any`.
    pub to: Vec<String>,
    /// The currency, where it has a price.
    pub currency: Option<String>,
    /// Whether a person approves contracts over it.
    pub is_approved: bool,
}

/// A contract with another unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contract {
    /// What processes call it.
    pub name: String,
    /// With whom; empty where the application does not say.
    pub peer: String,
    /// What for.
    pub summary: String,
    /// What is called under it.
    pub capabilities: Vec<String>,
}

/// A secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    /// The name.
    pub name: String,
    /// Where it may be sent.
    pub hosts: Vec<String>,
}

impl Asks {
    /// Works out what manifests ask for.
    ///
    /// # Errors
    /// What is wrong with a policy or a diagram, with its place.
    pub fn of(given: &[Given<'_>], needed: &[Needed]) -> Result<Self, Problem> {
        let mut asks = Self::default();
        let mut called: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for one in given {
            let name = text(one.manifest, "/metadata/name");
            let spec = one.manifest.get("spec").unwrap_or(&Value::Null);
            let kind = text(one.manifest, "/kind");
            match kind.as_str() {
                "Role" => asks.roles.push(role(name.clone(), spec).map_err(|p| placed(p, one))?),
                "Stream" => asks.streams.push(stream(name.clone(), spec)),
                "Process" => {
                    let graph = graph(spec, one.source).map_err(|p| placed(p, one))?;
                    asks.processes.push(process(name.clone(), spec, &graph));
                    for (contract, capability) in contract_calls(&graph) {
                        called.entry(contract).or_default().insert(capability);
                    }
                }
                "Offer" => asks.offers.push(offer(name.clone(), spec)),
                "Secret" => {
                    asks.secrets.push(Secret { name: name.clone(), hosts: texts(spec, "hosts") })
                }
                _ => {}
            }
            let roles = texts(spec, "roles");
            // The roles of a screen say who sees it; it acts under none.
            if !roles.is_empty() && kind != "Role" && kind != "Screen" {
                asks.acts.push(Acts { what: format!("{}/{name}", kind_name(&kind)), roles });
            }
        }
        asks.contracts = contracts(needed, called);
        asks.sort();
        Ok(asks)
    }

    /// Sorts by name: the order of files is not what an application asks for.
    fn sort(&mut self) {
        self.roles.sort_by(|left, right| left.name.cmp(&right.name));
        self.acts.sort_by(|left, right| left.what.cmp(&right.what));
        self.streams.sort_by(|left, right| left.name.cmp(&right.name));
        self.processes.sort_by(|left, right| left.name.cmp(&right.name));
        self.offers.sort_by(|left, right| left.name.cmp(&right.name));
        self.secrets.sort_by(|left, right| left.name.cmp(&right.name));
    }

    /// Returns the rows of a table for people: what, its name, and what there is to say about it.
    pub fn rows(&self) -> Vec<[String; 3]> {
        let mut rows = Vec::new();
        for role in &self.roles {
            rows.push(["role".into(), role.name.clone(), role.summary.clone()]);
            for policy in &role.policies {
                rows.push(["  right".into(), policy.id.clone(), policy_text(policy)]);
            }
            for relation in &role.restricts {
                rows.push(["  cut".into(), relation.clone(), "shows a part of it".into()]);
            }
        }
        for acts in &self.acts {
            rows.push(["acts".into(), acts.what.clone(), format!("as {}", acts.roles.join(", "))]);
        }
        rows.extend(self.streams.iter().map(stream_row));
        for process in &self.processes {
            let reads = process.reads.iter().map(|stream| format!("reads stream/{stream}"));
            let jobs = process.jobs.iter().map(|job| format!("job `{job}`"));
            let said: Vec<String> =
                reads.chain(process.calls.iter().cloned()).chain(jobs).collect();
            rows.push(["process".into(), process.name.clone(), said.join(", ")]);
        }
        rows.extend(self.offers.iter().map(offer_row));
        for contract in &self.contracts {
            let peer = Some(&contract.peer).filter(|peer| !peer.is_empty());
            let peer = peer.map(|peer| format!("with {peer}: ")).unwrap_or_default();
            let said = format!("{peer}{}", contract.capabilities.join(", "));
            rows.push(["contract".into(), contract.name.clone(), said]);
        }
        for secret in &self.secrets {
            let hosts = secret.hosts.join(", ");
            rows.push(["secret".into(), secret.name.clone(), format!("sent to {hosts}")]);
        }
        rows
    }
}

/// Returns what a unit calls the kind of a manifest: `service_level` for `ServiceLevel`.
pub fn kind_name(manifest: &str) -> String {
    let mut name = String::new();
    for letter in manifest.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// Counts manifests by kind.
pub fn kinds(given: &[Given<'_>]) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for one in given {
        *kinds.entry(text(one.manifest, "/kind")).or_default() += 1;
    }
    kinds
}

fn policy_text(policy: &AskedPolicy) -> String {
    let condition = if policy.is_conditional { ", under conditions" } else { "" };
    format!(
        "{} {} to {} on {}{condition}",
        policy.effect,
        policy.principal,
        policy.actions.join(", "),
        policy.resource
    )
}

fn stream_row(stream: &Stream) -> [String; 3] {
    let mut said = format!("{} columns", stream.columns);
    if !stream.personal.is_empty() {
        said.push_str(&format!(", about persons by {}", stream.personal.join(", ")));
    }
    if let Some(retention) = &stream.retention {
        said.push_str(&format!(", rows stay {retention}"));
    }
    ["stream".into(), stream.name.clone(), said]
}

fn offer_row(offer: &Offer) -> [String; 3] {
    let price = match &offer.currency {
        Some(currency) => format!(", for {currency}"),
        None => ", free".into(),
    };
    let approved = if offer.is_approved { ", after approval" } else { "" };
    let said = format!(
        "{} version {} to {}{price}{approved}",
        offer.gives,
        offer.version,
        offer.to.join(", ")
    );
    ["offer".into(), offer.name.clone(), said]
}

fn placed(problem: Problem, given: &Given<'_>) -> Problem {
    match given.place {
        // A place inside a diagram or a policy stays readable: its line, in the file of the manifest.
        Some(place) if problem.place.is_none() => problem.at(place.clone()),
        _ => problem,
    }
}

fn role(name: String, spec: &Value) -> Result<Role, Problem> {
    let policies = unit::asked_policies(&text(spec, "/policies"))?;
    let data = spec.get("data").and_then(Value::as_array).into_iter().flatten();
    let restricts = data.map(|excerpt| text(excerpt, "/relation")).collect();
    Ok(Role { name, summary: text(spec, "/summary"), policies, restricts })
}

fn stream(name: String, spec: &Value) -> Stream {
    let columns = spec.get("schema").and_then(Value::as_array);
    let columns = columns.map(Vec::as_slice).unwrap_or_default();
    let personal = columns.iter().filter(|column| column["subject"] == true);
    Stream {
        name,
        columns: columns.len(),
        personal: personal.map(|column| text(column, "/name")).collect(),
        retention: spec.get("retention").and_then(Value::as_str).map(str::to_owned),
    }
}

fn graph(spec: &Value, source: Option<&str>) -> Result<Graph, Problem> {
    let id = spec.get("process_id").and_then(Value::as_str);
    notation::bpmn::parse(source.unwrap_or_default(), id)
}

fn process(name: String, spec: &Value, graph: &Graph) -> Process {
    let on = spec.get("on").and_then(Value::as_array).into_iter().flatten();
    let reads: BTreeSet<String> = on.map(|on| text(on, "/stream")).collect();
    let mut calls = BTreeSet::new();
    let mut jobs = BTreeSet::new();
    for node in &graph.nodes {
        match &node.kind {
            NodeKind::Call(call) => {
                calls.insert(format!("{} {}", call.operation, constant(&call.resource)));
            }
            NodeKind::Job(job) => {
                jobs.insert(constant(&job.job_type));
            }
            _ => {}
        }
    }
    Process {
        name,
        reads: reads.into_iter().collect(),
        calls: calls.into_iter().collect(),
        jobs: jobs.into_iter().collect(),
    }
}

/// Returns which capabilities a process calls under which contracts, as far as its diagram says so.
fn contract_calls(graph: &Graph) -> Vec<(String, String)> {
    let calls = graph.nodes.iter().filter_map(|node| match &node.kind {
        NodeKind::Call(call) if call.operation == CALL => Some(call),
        _ => None,
    });
    calls
        .map(|call| {
            let resource = constant(&call.resource);
            let name = resource.strip_prefix("contract/").unwrap_or(&resource).to_owned();
            let capability = call.headers.get("capability").cloned();
            (name, capability.unwrap_or_else(|| "calculated".into()))
        })
        .collect()
}

/// Returns what an expression always is, else its text.
fn constant(expression: &notation::feel::Expression) -> String {
    match expression.constant() {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => expression.text().to_owned(),
    }
}

fn contracts(needed: &[Needed], mut called: BTreeMap<String, BTreeSet<String>>) -> Vec<Contract> {
    let mut contracts: Vec<Contract> = needed
        .iter()
        .map(|needed| Contract {
            name: needed.name.clone(),
            peer: needed.peer.clone(),
            summary: needed.summary.clone(),
            capabilities: called.remove(&needed.name).unwrap_or_default().into_iter().collect(),
        })
        .collect();
    contracts.extend(called.into_iter().map(|(name, capabilities)| Contract {
        name,
        peer: String::new(),
        summary: String::new(),
        capabilities: capabilities.into_iter().collect(),
    }));
    contracts.sort_by(|left, right| left.name.cmp(&right.name));
    contracts
}

fn offer(name: String, spec: &Value) -> Offer {
    let gives = match spec.get("process").and_then(Value::as_str) {
        Some(process) => format!("process {process}"),
        None => {
            let relation = spec.get("relation").unwrap_or(&Value::Null);
            format!("{} ({})", text(relation, "/name"), texts(relation, "columns").join(", "))
        }
    };
    let to = match spec.get("to") {
        Some(Value::String(one)) => vec![one.clone()],
        _ => texts(spec, "to"),
    };
    Offer {
        name,
        version: text(spec, "/version"),
        gives,
        to,
        currency: spec.pointer("/price/currency").and_then(Value::as_str).map(str::to_owned),
        is_approved: spec.get("approval").is_some_and(|approval| approval == "required"),
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).map(plain).unwrap_or_default()
}

fn texts(value: &Value, field: &str) -> Vec<String> {
    value.get(field).and_then(Value::as_array).into_iter().flatten().map(plain).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
