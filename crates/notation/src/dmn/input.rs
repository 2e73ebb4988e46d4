//! JSON input to FEEL values, by the types that a model declares: JSON has no dates, so text becomes one where a date is meant. Where
//! no type is declared, text is a date, a time or a duration only in the form of FEEL's literal: `@"2018-10-17"`.

use crate::feel::{to_feel, to_feel_with};
use dsntk_feel::context::FeelContext;
use dsntk_feel::values::Value as Feel;
use dsntk_feel::{FeelScope, Name};
use dsntk_feel_parser::AstNode;
use roxmltree::Node as Xml;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How deep types may refer to types.
const DEPTH_MAX: usize = 32;

/// The types of a model's inputs.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// The type of each input, by its name.
    inputs: BTreeMap<String, String>,
    /// The types that the model defines, by name.
    types: BTreeMap<String, Type>,
}

#[derive(Debug, Default)]
struct Type {
    /// The type that it is another name of, or that its elements have.
    base: Option<String>,
    components: BTreeMap<String, Type>,
}

impl Inputs {
    /// Reads the types of a document.
    pub fn new(root: Xml<'_, '_>) -> Self {
        let mut inputs = Self::default();
        for node in root.children().filter(Xml::is_element) {
            let Some(name) = node.attribute("name").map(spaced) else { continue };
            match node.tag_name().name() {
                "inputData" => {
                    let variable =
                        node.children().find(|part| part.tag_name().name() == "variable");
                    let type_name = variable
                        .and_then(|variable| variable.attribute("typeRef"))
                        .unwrap_or("Any");
                    let name = variable
                        .and_then(|variable| variable.attribute("name"))
                        .map_or(name, spaced);
                    inputs.inputs.insert(name, type_name.to_string());
                }
                "itemDefinition" => {
                    inputs.types.insert(name, read_type(node));
                }
                _ => {}
            }
        }
        inputs
    }

    /// Returns whether an input is declared.
    pub fn declares(&self, name: &str) -> bool {
        self.inputs.contains_key(&spaced(name))
    }

    /// Returns the input of a decision.
    pub fn convert(&self, input: &Map<String, Value>) -> Result<FeelContext, String> {
        let mut context = FeelContext::new();
        for (key, value) in input {
            let name = spaced(key);
            let value = match self.inputs.get(&name) {
                Some(type_name) => self.named(value, type_name, 0)?,
                None => untyped(value)?,
            };
            context.set_entry(&Name::from(name), value);
        }
        Ok(context)
    }

    fn named(&self, value: &Value, type_name: &str, depth: usize) -> Result<Feel, String> {
        if depth < DEPTH_MAX
            && let Some(item) = self.types.get(type_name)
        {
            return self.typed(value, item, depth + 1);
        }
        let type_name = type_name.rsplit_once(':').map_or(type_name, |(_, local)| local);
        match value {
            Value::String(text) if is_temporal(type_name) => Ok(temporal(text)),
            Value::Array(items) => Ok(Feel::List(
                items
                    .iter()
                    .map(|item| self.named(item, type_name, depth))
                    .collect::<Result<_, _>>()?,
            )),
            other if type_name == "Any" => untyped(other),
            other => to_feel(other),
        }
    }

    fn typed(&self, value: &Value, item: &Type, depth: usize) -> Result<Feel, String> {
        match value {
            Value::Array(items) if depth < DEPTH_MAX => Ok(Feel::List(
                items
                    .iter()
                    .map(|one| self.typed(one, item, depth + 1))
                    .collect::<Result<_, _>>()?,
            )),
            Value::Object(entries) if !item.components.is_empty() && depth < DEPTH_MAX => {
                let mut context = FeelContext::new();
                for (key, entry) in entries {
                    let name = spaced(key);
                    let entry = match item.components.get(&name) {
                        Some(component) => self.typed(entry, component, depth + 1)?,
                        None => untyped(entry)?,
                    };
                    context.set_entry(&Name::from(name), entry);
                }
                Ok(Feel::Context(context))
            }
            other => match &item.base {
                Some(base) => self.named(other, base, depth),
                None => untyped(other),
            },
        }
    }
}

fn read_type(node: Xml<'_, '_>) -> Type {
    let parts = || node.children().filter(Xml::is_element);
    let base =
        parts().find(|part| part.tag_name().name() == "typeRef").and_then(|part| part.text());
    let components = parts().filter(|part| part.tag_name().name() == "itemComponent");
    let components = components
        .filter_map(|part| Some((spaced(part.attribute("name")?), read_type(part))))
        .collect();
    Type { base: base.map(|base| base.trim().to_string()), components }
}

/// Returns a name as FEEL writes it: single spaces between its words.
fn spaced(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_temporal(type_name: &str) -> bool {
    matches!(
        type_name,
        "date"
            | "time"
            | "dateTime"
            | "date and time"
            | "dayTimeDuration"
            | "days and time duration"
            | "yearMonthDuration"
            | "years and months duration"
    )
}

/// Returns a value of no declared type: text that is written as FEEL's literal becomes what that says.
fn untyped(value: &Value) -> Result<Feel, String> {
    to_feel_with(value, &|text: &str| match literal(text) {
        Some(_) => temporal(text),
        None => Feel::String(text.to_string()),
    })
}

/// Returns what stands between `@"` and `"`.
fn literal(text: &str) -> Option<&str> {
    text.strip_prefix("@\"")?.strip_suffix('"')
}

/// Returns the date, time or duration that a text says, bare or as FEEL's literal; the text itself where it says none.
fn temporal(text: &str) -> Feel {
    let node = AstNode::At(literal(text).unwrap_or(text).to_string());
    match dsntk_feel_evaluator::evaluate(&FeelScope::default(), &node) {
        Feel::Null(_) => Feel::String(text.to_string()),
        value => value,
    }
}
