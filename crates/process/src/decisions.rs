//! Decisions and scripts. What is sure to end soon by its form ([`notation::dmn::Model::is_bounded`]) is evaluated in the commit
//! that asks; the rest is requested by the writer, evaluated elsewhere, and recorded by the writer.
//!
//! Such an evaluation may take any time and any memory, so that it never runs on the partition's thread. The unit asks for
//! what is [`pending`], has a worker process evaluate it under limits with an [`Evaluator`], and records the results by
//! the operation `decision.record`. What was recorded is never evaluated again.

use crate::engine::Processes;
use crate::error::Error;
use crate::instance::Variables;
use crate::wire::{self, key};
use base::{Problem, Time};
use kernel::{Address, Call, Read, Reply, Resource, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Models that are kept for decisions in a commit.
const MODELS_MAX: usize = 256;

/// The topic that is notified when there is something to evaluate.
pub const TOPIC: &str = "decision";

/// What is to be evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A decision of a model.
    Decision {
        /// The model: `NAME@VERSION`, see [`Batch::models`].
        model: String,
        /// The id or name of the decision in it.
        decision: String,
    },
    /// FEEL of any kind.
    Script {
        /// The text.
        text: String,
    },
}

/// A request to evaluate something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Its number, rising.
    pub number: u64,
    /// What.
    pub what: What,
    /// What it sees.
    pub variables: Variables,
    /// The business time of the step that asks.
    pub at: Time,
}

/// Requests with the models that they need.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The texts of DMN models by `NAME@VERSION`.
    pub models: BTreeMap<String, String>,
    /// The requests, by number.
    pub requests: Vec<Request>,
}

/// A result, as `decision.record` takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// The request's number.
    pub number: u64,
    /// The value, or what went wrong.
    pub result: Result<Value, Problem>,
}

/// A request as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    address: Address,
    decision: Option<(String, u64)>,
    request: Request,
}

/// Returns requests with a number above `after`, `limit` at most, with the models that they need.
///
/// # Errors
/// Where the store cannot be read.
pub fn pending(read: &dyn Read, after: u64, limit: usize) -> Result<Batch, Problem> {
    let from = key::requests().number(after.saturating_add(1));
    let to = base::prefix_end(key::requests().as_ref());
    let mut batch = Batch::default();
    for (_, bytes) in read.scan(from.as_ref(), &to, limit, false)? {
        let stored: Stored = wire::read(&bytes)?;
        if let (What::Decision { model, .. }, Some((name, version))) =
            (&stored.request.what, &stored.decision)
            && !batch.models.contains_key(model)
            && let Some(resource) = read.resource_version("decision", name, *version)?
        {
            let source = resource.spec.get("source").and_then(Value::as_str).unwrap_or_default();
            batch.models.insert(model.clone(), source.to_owned());
        }
        batch.requests.push(stored.request);
    }
    Ok(batch)
}

/// Models that are evaluated in the commit, by the decision's name, with the text that they were made of.
#[derive(Debug, Default)]
pub(crate) struct Models(Mutex<HashMap<String, (String, Option<Arc<notation::dmn::Model>>)>>);

impl Models {
    /// Returns the model of a decision where it is sure to end soon with variables of so many bytes.
    fn bounded(&self, resource: &Resource, bytes: usize) -> Option<Arc<notation::dmn::Model>> {
        let source = resource.spec.get("source").and_then(Value::as_str).unwrap_or_default();
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((held, model)) = models.get(&resource.name)
            && held == source
        {
            return model.clone().filter(|model| model.is_bounded(bytes));
        }
        let model = notation::dmn::Model::parse(source).ok();
        // One that is not even bounded without variables need not be kept.
        let model = model.filter(|model| model.is_bounded(0)).map(Arc::new);
        if MODELS_MAX <= models.len() {
            models.clear();
        }
        models.insert(resource.name.clone(), (source.to_owned(), model.clone()));
        model.filter(|model| model.is_bounded(bytes))
    }
}

/// Evaluates requests; keeps the models that it has parsed.
#[derive(Default)]
pub struct Evaluator {
    models: HashMap<String, Arc<notation::dmn::Model>>,
}

impl Evaluator {
    /// Returns an evaluator that knows no model.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes models on. One that does not parse is found out by the requests that need it.
    pub fn learn(&mut self, models: &BTreeMap<String, String>) {
        for (name, source) in models {
            if !self.models.contains_key(name)
                && let Ok(model) = notation::dmn::Model::parse(source)
            {
                self.models.insert(name.clone(), Arc::new(model));
            }
        }
    }

    /// Evaluates a request. May take any time: only for a process that can be killed.
    ///
    /// # Errors
    /// `decision.not_found`, or what the evaluation says.
    pub fn evaluate(&self, request: &Request) -> Result<Value, Problem> {
        match &request.what {
            What::Script { text } => {
                Ok(notation::feel::evaluate_unbounded(text, &request.variables, request.at)?)
            }
            What::Decision { model, decision } => match self.models.get(model) {
                Some(held) => Ok(held.evaluate(decision, &request.variables)?),
                None => Err(Error::NotFound { kind: "decision", name: model.clone() }.into()),
            },
        }
    }
}

impl Processes {
    /// Finds a decision as a model names it: by the resource's name, or by the id of the decision in it.
    pub(crate) fn find_decision(
        &self,
        read: &dyn Read,
        id: &str,
    ) -> Result<Option<Arc<Resource>>, Problem> {
        if let Some(resource) = read.resource("decision", id)? {
            return Ok(Some(resource));
        }
        let has_id = |resource: &Arc<Resource>| {
            resource.spec.get("decision_id").and_then(Value::as_str) == Some(id)
        };
        Ok(read.resources("decision")?.into_iter().find(has_id))
    }

    /// Evaluates a decision where that is sure to end soon, else asks for it; then the result goes to who made the call, later.
    pub(crate) fn evaluate(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let name = call.resource.name.as_str();
        let resource = tx
            .resource("decision", name)?
            .ok_or_else(|| Error::NotFound { kind: "decision", name: name.into() })?;
        let variables = match call.args.get("variables") {
            Some(Value::Object(variables)) => variables.clone(),
            _ => Variables::new(),
        };
        let decision =
            resource.spec.get("decision_id").and_then(Value::as_str).unwrap_or(name).to_owned();
        if let Some(model) = self.models.bounded(&resource, wire::write(&variables)?.len()) {
            return Ok(Reply::Value(model.evaluate(&decision, &variables)?));
        }
        let Some(address) = call.reply_to.clone() else {
            return Err(Error::Wait { operation: "decision.evaluate" }.into());
        };
        let model = format!("{name}@{}", resource.version);
        let what = What::Decision { model, decision };
        let version = Some((name.to_owned(), resource.version));
        let at = tx.time_of(call);
        self.request(tx, address, version, what, variables, at)?;
        Ok(Reply::Later)
    }

    /// Asks for a script.
    pub(crate) fn request_script(
        &self,
        tx: &mut Tx<'_>,
        address: Address,
        text: String,
        variables: Variables,
        at: Time,
    ) -> Result<(), Problem> {
        self.request(tx, address, None, What::Script { text }, variables, at)
    }

    fn request(
        &self,
        tx: &mut Tx<'_>,
        address: Address,
        decision: Option<(String, u64)>,
        what: What,
        variables: Variables,
        at: Time,
    ) -> Result<(), Problem> {
        let number = tx.serial("requests")?;
        tx.put(key::requested(&address), number.to_be_bytes().to_vec());
        let request = Request { number, what, variables, at };
        tx.put(
            key::requests().number(number),
            wire::write(&Stored { address, decision, request })?,
        );
        tx.notify(TOPIC);
        Ok(())
    }

    /// Forgets a request whose result nobody wants any more.
    pub(crate) fn forget_request(&self, tx: &mut Tx<'_>, address: &Address) -> Result<(), Problem> {
        let place = key::requested(address);
        if let Some(bytes) = tx.get(place.as_ref())? {
            let number = bytes.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
            tx.delete(key::requests().number(number));
            tx.delete(place);
        }
        Ok(())
    }

    /// Withdraws `decision.evaluate`.
    pub(crate) fn withdraw_decision(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        if let Some(address) = &call.reply_to {
            self.forget_request(tx, address)?;
        }
        Ok(Reply::Value(json!({})))
    }

    /// Records results.
    pub(crate) fn record_results(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        #[derive(Deserialize)]
        struct Parameters {
            results: Vec<Recorded>,
        }
        let parameters: Parameters = call.parameters()?;
        let mut count = 0;
        for recorded in parameters.results {
            let place = key::requests().number(recorded.number);
            let Some(bytes) = tx.get(place.as_ref())? else { continue };
            let stored: Stored = wire::read(&bytes)?;
            tx.delete(place);
            tx.delete(key::requested(&stored.address));
            tx.reply(&stored.address, recorded.result);
            count += 1;
        }
        Ok(Reply::Value(json!({ "recorded": count })))
    }
}
