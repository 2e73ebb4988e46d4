//! A checked DMN model.

use super::fired::{Fired, Tables};
use super::input::Inputs;
use super::{CODES, check, types};
use crate::feel::from_feel;
use crate::{Error, xml};
use dsntk_model::{DmnElement, NamedElement};
use dsntk_model_evaluator::ModelEvaluator;
use serde_json::{Map, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

/// A decision's two names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionName {
    /// The `id` of the element.
    pub id: String,
    /// The `name` of the element.
    pub name: String,
}

/// A model as the evaluator has it.
pub(super) struct Built {
    namespace: String,
    name: String,
    decisions: Vec<DecisionName>,
    services: Vec<DecisionName>,
    evaluator: Arc<ModelEvaluator>,
}

/// A decision with its value and the rules that led there.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The value.
    pub value: Result<Value, Error>,
    /// The tables behind it, its own last.
    pub tables: Vec<Fired>,
}

/// A checked DMN model: everything in it parses.
pub struct Model {
    decisions: Vec<DecisionName>,
    /// Decision services: several decisions under one name.
    services: Vec<DecisionName>,
    inputs: Inputs,
    /// How many texts there are, where every decision is sure to end soon.
    bounded_texts: Option<usize>,
    built: Built,
    /// The text as the evaluator has it, and what tells which rules fired, once that was asked.
    source: String,
    tables: OnceLock<Option<Tables>>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("name", &self.built.name)
            .field("decisions", &self.decisions)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Reads a DMN file (1.3, 1.4 or 1.5) and compiles everything in it.
    ///
    /// # Errors
    /// `dmn.malformed`, `dmn.too_large`, `dmn.unsupported`, `feel.wall_clock`, `feel.too_large`.
    pub fn parse(source: &str) -> Result<Self, Error> {
        xml::check(source, CODES)?;
        let document = xml::parse(source, CODES)?;
        check::document(source, &document)?;
        let inputs = Inputs::new(document.root_element());
        let bounded_texts = check::bounded_texts(document.root_element());
        let renamed = types::renamed(source, document.root_element());
        let built = catch_unwind(AssertUnwindSafe(|| build(&renamed)));
        let built = built.unwrap_or_else(|_| Err("the model cannot be understood".into()));
        let mut built = built.map_err(|reason| check::refused(CODES.malformed, &reason, None))?;
        let decisions = std::mem::take(&mut built.decisions);
        let services = std::mem::take(&mut built.services);
        let tables = OnceLock::new();
        Ok(Self { decisions, services, inputs, bounded_texts, built, source: renamed, tables })
    }

    /// Returns those of the variables that the model declares as inputs.
    pub fn inputs_of(&self, input: &Map<String, Value>) -> Map<String, Value> {
        let is_input = |name: &str| self.inputs.declares(name);
        let meant = input.iter().filter(|(name, _)| is_input(name));
        meant.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Returns all decisions, in the order of the file.
    pub fn decisions(&self) -> &[DecisionName] {
        &self.decisions
    }

    /// Returns whether every decision is sure to end soon with variables of so many bytes (as JSON): it only compares, without
    /// calculations, loops, functions and other decisions, and takes time as its texts times its variables are long.
    pub fn is_bounded(&self, bytes: usize) -> bool {
        /// Some milliseconds.
        const WORK_MAX: usize = 4 << 20;
        self.bounded_texts.is_some_and(|texts| texts.saturating_mul(bytes.max(64)) <= WORK_MAX)
    }

    /// Returns the decision, or else the decision service, with an id or else a name.
    pub fn find(&self, decision: &str) -> Option<&DecisionName> {
        let all = || self.decisions.iter().chain(&self.services);
        let by_id = all().find(|known| known.id == decision);
        by_id.or_else(|| all().find(|known| known.name == decision))
    }

    /// Evaluates a decision or a decision service, named by its id or its name. A table with several outputs gives an object for
    /// each row, a service with several decisions an object with their names.
    ///
    /// JSON has no dates: where the model declares a date, a time or a duration, text becomes one; where it declares no type
    /// or `Any`, text that is written as FEEL's literal (`@"2018-10-17"`) does.
    ///
    /// Unless [`Model::is_bounded`], it may take long or recurse deep: call it only in a process that may be killed.
    ///
    /// # Errors
    /// `dmn.unknown` where there is no such decision, `dmn.failed` where it has no value.
    pub fn evaluate(&self, decision: &str, input: &Map<String, Value>) -> Result<Value, Error> {
        let Some(known) = self.find(decision) else {
            let all = self.decisions.iter().chain(&self.services);
            let names = all.flat_map(|known| [known.id.as_str(), known.name.as_str()]);
            let nearest = base::nearest(decision, names).map(String::from);
            return Err(Error::DecisionUnknown {
                decision: crate::text::shorten(decision),
                nearest,
            });
        };
        let outcome = self.run(&self.built, &known.name, input);
        outcome.map_err(|reason| Error::DecisionFailed { decision: known.id.clone(), reason })
    }

    /// Evaluates a decision as [`Model::evaluate`] does, and tells which rules of its tables fired, and of those that it requires;
    /// `with_values` also what each of these gave. Takes a few times as long.
    ///
    /// # Errors
    /// `dmn.unknown` where there is no such decision. That it has no value is told beside the rules.
    pub fn explain(
        &self,
        decision: &str,
        input: &Map<String, Value>,
        with_values: bool,
    ) -> Result<Explained, Error> {
        let value = match self.evaluate(decision, input) {
            Err(error @ Error::DecisionUnknown { .. }) => return Err(error),
            other => other,
        };
        Ok(Explained { value, tables: self.fired(decision, input, with_values) })
    }

    /// Returns which rules fire of the tables behind a decision; none where there is no such decision.
    pub fn fired(
        &self,
        decision: &str,
        input: &Map<String, Value>,
        with_values: bool,
    ) -> Vec<Fired> {
        let tables = self.tables.get_or_init(|| {
            catch_unwind(AssertUnwindSafe(|| Tables::new(&self.source))).unwrap_or_default()
        });
        let (Some(tables), Some(known)) = (tables, self.find(decision)) else { return Vec::new() };
        let evaluate = |built: &Built, name: &str| self.run(built, name, input);
        tables.fired(&known.id, &evaluate, &self.built, with_values)
    }

    fn run(&self, built: &Built, name: &str, input: &Map<String, Value>) -> Result<Value, String> {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let context = self.inputs.convert(input)?;
            from_feel(built.evaluator.evaluate_invocable(
                &built.namespace,
                &built.name,
                name,
                &context,
            ))
        }));
        outcome.unwrap_or_else(|_| Err("the evaluator broke down".into()))
    }
}

fn names_of<T: DmnElement + NamedElement>(element: &T) -> DecisionName {
    DecisionName { id: element.id().to_string(), name: element.name().to_string() }
}

/// Builds a model from its text.
pub(super) fn build(source: &str) -> Result<Built, String> {
    let definitions = dsntk_model::parse(source).map_err(|error| in_words(&error.to_string()))?;
    let evaluator = ModelEvaluator::new(std::slice::from_ref(&definitions))
        .map_err(|error| in_words(&error.to_string()))?;
    Ok(Built {
        namespace: definitions.namespace().to_string(),
        name: definitions.name().to_string(),
        decisions: definitions.decisions().iter().map(names_of).collect(),
        services: definitions.decision_services().iter().map(names_of).collect(),
        evaluator,
    })
}

/// Returns what the evaluator said, without its own name for the kind of error.
fn in_words(message: &str) -> String {
    message.split_once("> ").map_or(message, |(_, rest)| rest).to_string()
}
