//! Decisions and scripts. What is sure to end soon by its form ([`notation::dmn::Model::is_bounded`]) is evaluated in the commit
//! that asks; the rest is requested by the writer, evaluated elsewhere, and recorded by the writer.
//!
//! Such an evaluation may take any time and any memory, so that it never runs on the partition's thread. The unit asks for
//! what is [`pending`], has a worker process evaluate it under limits with an [`Evaluator`], and records the results by
//! the operation `decision.record`. What was recorded is never evaluated again.

use crate::engine::Processes;
use crate::error::Error;
use crate::instance::{ElementId, Variables};
use crate::running::{ENGINE, parse_token};
use crate::trail::DecisionRow;
use crate::wire::{self, key};
use base::{Problem, Time};
use kernel::{Address, Call, Principal, Read, Reader, Reply, Resource, Tx};
use notation::dmn::{Fired, Model};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Models that are kept for decisions in a commit.
const MODELS_MAX: usize = 256;

/// The topic that is notified when there is something to evaluate.
pub const TOPIC: &str = "decision";

/// The field of an answer that says where the log has how it was decided; beside it stands `value`.
pub(crate) const ROW: &str = "$row";

/// The field of an evaluator's answer with the tables behind a decision; beside it stand `value` and `inputs`.
const TABLES: &str = "$tables";

/// Evaluates one request where it can be ended: with the models that it needs.
pub type Outside =
    Arc<dyn Fn(&BTreeMap<String, String>, &Request) -> Result<Value, Problem> + Send + Sync>;

/// What is told of a decision beside its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tells {
    /// Nothing.
    #[default]
    Value,
    /// Which rules fired: for the history of who asks.
    Rules,
    /// Which rules fired, and what each decision behind it gave, also where it has no value itself.
    All,
}

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
        /// What is told beside the value.
        #[serde(default)]
        tells: Tells,
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
pub(crate) struct Models(Mutex<HashMap<String, (String, Option<Arc<Model>>)>>);

impl Models {
    /// Returns the model of a decision where it is sure to end soon with variables of so many bytes.
    fn bounded(&self, resource: &Resource, bytes: usize) -> Option<Arc<Model>> {
        let source = resource.spec.get("source").and_then(Value::as_str).unwrap_or_default();
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((held, model)) = models.get(&resource.name)
            && held == source
        {
            return model.clone().filter(|model| model.is_bounded(bytes));
        }
        let model = Model::parse(source).ok();
        // One that is not even bounded without variables need not be kept.
        let model = model.filter(|model| model.is_bounded(0)).map(Arc::new);
        if MODELS_MAX <= models.len() {
            models.clear();
        }
        models.insert(resource.name.clone(), (source.to_owned(), model.clone()));
        model.filter(|model| model.is_bounded(bytes))
    }

    /// Returns the model of a decision, bounded or not.
    pub(crate) fn parsed(&self, resource: &Resource) -> Option<Arc<Model>> {
        let held = self.bounded(resource, 0);
        held.or_else(|| Model::parse(source_of(resource)).ok().map(Arc::new))
    }
}

/// Evaluates requests; keeps the models that it has parsed.
#[derive(Default)]
pub struct Evaluator {
    models: HashMap<String, Arc<Model>>,
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
                && let Ok(model) = Model::parse(source)
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
            What::Decision { model, decision, tells } => match self.models.get(model) {
                Some(held) => told(held, decision, &request.variables, *tells),
                None => Err(Error::NotFound { kind: "decision", name: model.clone() }.into()),
            },
        }
    }
}

/// Evaluates a decision, and tells beside its value what is wanted.
fn told(
    model: &Model,
    decision: &str,
    variables: &Variables,
    tells: Tells,
) -> Result<Value, Problem> {
    match tells {
        Tells::Value => Ok(model.evaluate(decision, variables)?),
        Tells::Rules => {
            let value = model.evaluate(decision, variables)?;
            let tables = shown(&model.fired(decision, variables, false), false);
            let inputs = model.inputs_of(variables);
            Ok(json!({TABLES: tables, "value": value, "inputs": inputs}))
        }
        Tells::All => {
            let explained = model.explain(decision, variables, true)?;
            let (value, problem) = match explained.value {
                Ok(value) => (value, None),
                Err(error) => (Value::Null, Some(Problem::from(error))),
            };
            let problem =
                problem.map(|problem| json!({"code": problem.code, "message": problem.message}));
            let inputs = model.inputs_of(variables);
            let tables = shown(&explained.tables, true);
            Ok(json!({"result": value, "problem": problem, "inputs": inputs, "decisions": tables}))
        }
    }
}

/// Returns tables with the rules that fired, as people see them.
fn shown(tables: &[Fired], with_values: bool) -> Value {
    let rows = tables.iter().map(|fired| {
        let rules = fired.rules.as_ref().map(|rules| {
            let rules = rules.iter().map(|rule| json!({"rule": rule.number, "id": rule.id}));
            rules.collect::<Vec<Value>>()
        });
        let mut row = json!({
            "decision": fired.decision, "name": fired.name, "table": fired.table,
            "hit_policy": fired.hit_policy, "rules": rules,
        });
        if with_values {
            row["value"] = json!(fired.value);
        }
        row
    });
    Value::Array(rows.collect())
}

/// Which element of which instance asks for a decision.
struct Asker {
    instance: u64,
    process: String,
    number: ElementId,
}

impl Asker {
    /// Returns who asks by a call; `None` where it is no instance.
    fn of(call: &Call) -> Option<Self> {
        let (Principal::Process(process), Some(address)) = (&call.actor, &call.reply_to) else {
            return None;
        };
        Self::at(address, process)
    }

    fn at(address: &Address, process: &str) -> Option<Self> {
        let (instance, number, _) = parse_token(&address.token)?;
        let process = process.to_owned();
        (address.engine == ENGINE).then_some(Self { instance, process, number })
    }
}

/// Records for the history how a decision was made. Returns the answer that leads there.
fn recorded(
    tx: &mut Tx<'_>,
    asker: Asker,
    decision: (&str, u64),
    at: Time,
    mut told: Value,
) -> Result<Value, Problem> {
    let row = DecisionRow {
        instance: asker.instance,
        process: asker.process,
        number: asker.number,
        decision: decision.0.into(),
        version: decision.1,
        at,
        inputs: told["inputs"].take(),
        result: told["value"].clone(),
        tables: told[TABLES].take(),
    };
    let offset = tx.record(wire::LOG_DECISIONS, &row)?;
    Ok(json!({ROW: offset, "value": told["value"].take()}))
}

/// Returns under which name a declared decision stands in its file.
fn id_of(resource: &Resource) -> String {
    let id = resource.spec.get("decision_id").and_then(Value::as_str);
    id.unwrap_or(&resource.name).to_owned()
}

fn source_of(resource: &Resource) -> &str {
    resource.spec.get("source").and_then(Value::as_str).unwrap_or_default()
}

fn variables_of(call: &Call) -> Variables {
    match call.args.get("variables") {
        Some(Value::Object(variables)) => variables.clone(),
        _ => Variables::new(),
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
        let variables = variables_of(call);
        let decision = id_of(&resource);
        let at = tx.time_of(call);
        let asker = Asker::of(call);
        let tells = if asker.is_some() { Tells::Rules } else { Tells::Value };
        if let Some(model) = self.models.bounded(&resource, wire::write(&variables)?.len()) {
            let told = told(&model, &decision, &variables, tells)?;
            let Some(asker) = asker else { return Ok(Reply::Value(told)) };
            return recorded(tx, asker, (name, resource.version), at, told).map(Reply::Value);
        }
        let Some(address) = call.reply_to.clone() else {
            return Err(Error::Wait { operation: "decision.evaluate" }.into());
        };
        let model = format!("{name}@{}", resource.version);
        let what = What::Decision { model, decision, tells };
        let version = Some((name.to_owned(), resource.version));
        self.request(tx, address, version, what, variables, at)?;
        Ok(Reply::Later)
    }

    /// Evaluates a decision and tells which rules fired: in place where it is sure to end soon, else in a process that can be killed.
    pub(crate) fn explain(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let name = call.resource.name.as_str();
        let wanted = call.number("version")?;
        let resource = self.decision_at(reader, name, wanted)?;
        let variables = variables_of(call);
        let decision = match call.text("decision") {
            Some(decision) => decision.to_owned(),
            None => id_of(&resource),
        };
        let mut answer = match self.models.bounded(&resource, wire::write(&variables)?.len()) {
            Some(model) => told(&model, &decision, &variables, Tells::All)?,
            None => {
                let Some(outside) = self.outside.get() else {
                    return Err(Error::Wait { operation: "decision.explain" }.into());
                };
                let model = format!("{name}@{}", resource.version);
                let models = BTreeMap::from([(model.clone(), source_of(&resource).to_owned())]);
                let what = What::Decision { model, decision, tells: Tells::All };
                let at = reader.business();
                // It may take its time: what is seen of the store is let go of.
                reader.release();
                outside(&models, &Request { number: 0, what, variables, at })?
            }
        };
        answer["decision"] = json!(name);
        answer["version"] = json!(resource.version);
        Ok(Reply::Value(answer))
    }

    /// Has decisions that may take long be explained by this; without, they are not.
    pub fn evaluate_outside(&self, outside: Outside) {
        // Whoever says so first stays.
        let _ = self.outside.set(outside);
    }

    /// Returns a decision as it stands, or as it stood at a version.
    pub(crate) fn decision_at(
        &self,
        read: &dyn Read,
        name: &str,
        version: Option<u64>,
    ) -> Result<Arc<Resource>, Problem> {
        let found = match version {
            Some(version) => read.resource_version("decision", name, version)?.map(Arc::new),
            None => read.resource("decision", name)?,
        };
        found.ok_or_else(|| Error::NotFound { kind: "decision", name: name.into() }.into())
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
            let result = match recorded.result {
                Ok(told) => Ok(self.keep_told(tx, &stored, told)?),
                Err(problem) => Err(problem),
            };
            tx.reply(&stored.address, result);
            count += 1;
        }
        Ok(Reply::Value(json!({ "recorded": count })))
    }

    /// Records for the history what an evaluator told beside the value.
    fn keep_told(&self, tx: &mut Tx<'_>, stored: &Stored, told: Value) -> Result<Value, Problem> {
        let Some((name, version)) = &stored.decision else { return Ok(told) };
        if told.get(TABLES).is_none() {
            return Ok(told);
        }
        let number = parse_token(&stored.address.token).map(|(instance, ..)| instance);
        let instance = number.map(|number| self.load(tx, number)).transpose()?.flatten();
        let process = instance.map(|instance| instance.process).unwrap_or_default();
        match Asker::at(&stored.address, &process) {
            Some(asker) => recorded(tx, asker, (name, *version), stored.request.at, told),
            None => Ok(told.get("value").cloned().unwrap_or_default()),
        }
    }
}
