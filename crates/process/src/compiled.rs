//! Processes as compiled from their manifests, remembered by name and version, which never change.

use crate::config::Config;
use crate::error::Error;
use crate::spec::{OnSpec, ProcessSpec};
use base::{Period, Place, Problem};
use kernel::{Read, Resource};
use notation::feel::Expression;
use notation::graph::{Graph, NodeId, NodeKind, Trigger};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A process, ready to run.
#[derive(Debug)]
pub struct Compiled {
    /// The process.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// The file that the graph comes from.
    pub file: String,
    /// The graph.
    pub graph: Graph,
    /// What its instances are called.
    pub business_key: Option<Expression>,
    /// The streams it listens to.
    pub on: Vec<On>,
    /// Variables that are kept as keys.
    pub indexed: Vec<String>,
}

/// Rows of a stream become messages.
#[derive(Debug)]
pub struct On {
    /// The stream.
    pub stream: String,
    /// Which rows.
    pub when: Option<Expression>,
    /// The message's name.
    pub message: String,
    /// The correlation key.
    pub key: Expression,
    /// How long the message waits.
    pub ttl: Period,
}

impl Compiled {
    /// Compiles a declared process.
    ///
    /// # Errors
    /// What is wrong with it, all of it: the first problem, the others beside it.
    pub fn new(resource: &Resource, config: &Config) -> Result<Self, Problem> {
        let spec: ProcessSpec = serde_json::from_value(resource.spec.clone()).map_err(|error| {
            let place = Place::pointer("/spec");
            Error::Spec { reason: error.to_string(), place }
        })?;
        let mut problems = Vec::new();
        let mut keep = |problem: Problem| problems.push(problem);
        let file = spec.bpmn.clone().unwrap_or_else(|| format!("{}.bpmn", resource.name));
        let graph = notation::bpmn::parse(&spec.source, spec.process_id.as_deref())
            .map_err(|problem| keep(in_file(problem, &file)))
            .ok();
        let business_key = spec
            .business_key
            .as_deref()
            .and_then(|text| feel(text, "/spec/business_key").map_err(&mut keep).ok());
        let on: Vec<On> = (0..)
            .zip(&spec.on)
            .filter_map(|(number, on)| compile_on(on, number, config).map_err(&mut keep).ok())
            .collect();
        let first = problems.first().cloned();
        match (first, graph) {
            (None, Some(graph)) => Ok(Self {
                name: resource.name.clone(),
                version: resource.version,
                file,
                graph,
                business_key,
                on,
                indexed: spec.indexed,
            }),
            (Some(mut first), _) => {
                first.also.extend(problems.into_iter().skip(1));
                Err(first)
            }
            (None, None) => {
                Err(Error::Spec { reason: "there is no process".into(), place: Place::default() }
                    .into())
            }
        }
    }

    /// Returns the start event without a trigger.
    pub fn start(&self) -> Option<NodeId> {
        let graph = &self.graph;
        graph
            .starts
            .iter()
            .copied()
            .find(|node| matches!(graph.node(*node).kind, NodeKind::Start(None)))
    }

    /// Returns the start event of a message.
    pub fn message_start(&self, message: &str) -> Option<NodeId> {
        let graph = &self.graph;
        graph.starts.iter().copied().find(|node| {
            matches!(&graph.node(*node).kind, NodeKind::Start(Some(Trigger::Message { name, .. })) if name == message)
        })
    }

    /// Returns the start events of a signal.
    pub fn signal_starts(&self, signal: &str) -> Vec<NodeId> {
        let graph = &self.graph;
        let is_meant = |node: &NodeId| matches!(&graph.node(*node).kind, NodeKind::Start(Some(Trigger::Signal { name })) if name == signal);
        graph.starts.iter().copied().filter(is_meant).collect()
    }

    /// Returns the messages that start it.
    pub fn message_starts(&self) -> impl Iterator<Item = &str> {
        self.graph.starts.iter().filter_map(|node| match &self.graph.node(*node).kind {
            NodeKind::Start(Some(Trigger::Message { name, .. })) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// Returns a problem, and those beside it, with their places in a file.
pub(crate) fn in_file(mut problem: Problem, file: &str) -> Problem {
    for one in std::iter::once(&mut problem.place)
        .chain(problem.also.iter_mut().map(|also| &mut also.place))
    {
        *one = Some(one.take().unwrap_or_default().in_file(file));
    }
    problem
}

fn feel(text: &str, pointer: &str) -> Result<Expression, Problem> {
    let expression = Expression::compile_feel(text).map_err(Problem::from);
    expression.map_err(|problem| problem.at(Place::pointer(pointer)))
}

fn compile_on(on: &OnSpec, number: usize, config: &Config) -> Result<On, Problem> {
    let pointer = |field: &str| format!("/spec/on/{number}/{field}");
    let when = match &on.when {
        Some(text) => Some(feel(text, &pointer("when"))?),
        None => None,
    };
    let ttl = on.ttl.unwrap_or(Period::days(config.message_days.into()));
    let limit = Period::days(config.message_days_max.into());
    if ttl < Period(0) || limit < ttl {
        let reason = format!("a message can wait between PT0S and {limit}, not {ttl}");
        return Err(Error::Spec { reason, place: Place::pointer(pointer("ttl")) }.into());
    }
    let key = feel(&on.key, &pointer("key"))?;
    Ok(On { stream: on.stream.clone(), when, message: on.message.clone(), key, ttl })
}

/// Compiled processes by name and version.
#[derive(Debug, Default)]
pub struct Cache {
    held: Mutex<HashMap<(String, u64), (Arc<Resource>, Arc<Compiled>)>>,
}

impl Cache {
    /// Returns a process at a version, compiled.
    ///
    /// # Errors
    /// `process.not_found`, or where the store cannot be read.
    pub fn get(
        &self,
        read: &dyn Read,
        config: &Config,
        name: &str,
        version: u64,
    ) -> Result<Arc<Compiled>, Problem> {
        let id = (name.to_owned(), version);
        let current =
            read.resource("process", name)?.filter(|resource| resource.version == version);
        // The same version may come again with other content after a commit that did not happen.
        let is_known =
            |held: &Arc<Resource>| current.as_ref().is_none_or(|now| Arc::ptr_eq(held, now));
        if let Some((resource, compiled)) = self.held().get(&id)
            && is_known(resource)
        {
            return Ok(Arc::clone(compiled));
        }
        let resource = match current {
            Some(resource) => resource,
            None => match read.resource_version("process", name, version)? {
                Some(resource) => Arc::new(resource),
                None => {
                    return Err(Error::NotFound {
                        kind: "process",
                        name: format!("{name} {version}"),
                    }
                    .into());
                }
            },
        };
        let compiled = Compiled::new(&resource, config)?;
        let compiled = Arc::new(compiled);
        let mut held = self.held();
        if config.compiled_max <= held.len() {
            held.clear();
        }
        held.insert(id, (resource, Arc::clone(&compiled)));
        Ok(compiled)
    }

    /// Returns a process as it stands, compiled.
    ///
    /// # Errors
    /// `process.not_found`, or where the store cannot be read.
    pub fn latest(
        &self,
        read: &dyn Read,
        config: &Config,
        name: &str,
    ) -> Result<Arc<Compiled>, Problem> {
        match read.resource("process", name)? {
            Some(resource) => self.get(read, config, name, resource.version),
            None => Err(Error::NotFound { kind: "process", name: name.to_owned() }.into()),
        }
    }

    /// Forgets a version: it may have been compiled for a commit that did not happen.
    pub fn forget(&self, name: &str, version: u64) {
        self.held().remove(&(name.to_owned(), version));
    }

    /// Forgets all versions: each is compiled again when it is needed.
    pub fn clear(&self) {
        self.held().clear();
    }

    fn held(&self) -> MutexGuard<'_, HashMap<(String, u64), (Arc<Resource>, Arc<Compiled>)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
