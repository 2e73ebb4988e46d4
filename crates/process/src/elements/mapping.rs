//! Expressions over the variables that an element sees, and what they set.

use crate::error::Error;
use crate::instance::{ElementId, Variables, Wait, assign};
use crate::state::Step;
use base::{Period, Problem, Time};
use notation::feel::Expression;
use notation::graph::Node;
use serde_json::Value;

impl Step<'_> {
    /// Sets the element's own variables. Each mapping sees those before it.
    pub(super) fn map_inputs(&mut self, id: ElementId, node: &Node) -> Result<(), Problem> {
        if node.inputs.is_empty() {
            return Ok(());
        }
        let mut context = self.instance.visible(id).into_owned();
        let mut own = Variables::new();
        for mapping in &node.inputs {
            let value = mapping.source.evaluate(&context, self.instance.time)?;
            if let Some((name, rest)) = mapping.target.split_first() {
                assign(&mut own, name, rest, value);
                if let Some(value) = own.get(name) {
                    context.insert(name.clone(), value.clone());
                }
            }
        }
        if let Some(element) = self.instance.element_mut(id) {
            element.variables.extend(own);
        }
        Ok(())
    }

    /// Takes the element's result outward: as the mappings say, or as a whole where there are none.
    pub(super) fn map_outputs(&mut self, id: ElementId, node: &Node) -> Result<(), Problem> {
        let Some(element) = self.instance.element_mut(id) else { return Ok(()) };
        let scope = element.scope;
        let result = match &element.wait {
            Wait::Exit { result: Value::Object(result) } => result.clone(),
            _ => Variables::new(),
        };
        if node.outputs.is_empty() {
            for (name, value) in result {
                self.instance.set(scope, &[name], value);
            }
            return Ok(());
        }
        element.variables.extend(result);
        let visible = self.instance.visible(id);
        let time = self.instance.time;
        let values = node
            .outputs
            .iter()
            .map(|mapping| mapping.source.evaluate(&visible, time))
            .collect::<Result<Vec<_>, _>>()?;
        for (mapping, value) in node.outputs.iter().zip(values) {
            self.instance.set(scope, &mapping.target, value);
        }
        Ok(())
    }

    /// Evaluates an expression as an element sees it.
    pub(super) fn value(&self, id: ElementId, expression: &Expression) -> Result<Value, Problem> {
        Ok(expression.evaluate(&self.instance.visible(id), self.instance.time)?)
    }

    /// Evaluates to text; a number or a truth value is written out.
    pub(super) fn text(
        &self,
        id: ElementId,
        what: &str,
        expression: &Expression,
    ) -> Result<String, Problem> {
        let value = self.value(id, expression)?;
        text_of(&value).ok_or_else(|| wrong(what, "text or a number", &value))
    }

    /// Evaluates to a whole number.
    pub(super) fn whole(
        &self,
        id: ElementId,
        what: &str,
        expression: &Expression,
    ) -> Result<i64, Problem> {
        let value = self.value(id, expression)?;
        let parsed = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        parsed.ok_or_else(|| wrong(what, "a whole number", &value))
    }

    /// Evaluates to an instant.
    pub(super) fn instant(&self, id: ElementId, expression: &Expression) -> Result<Time, Problem> {
        let value = self.value(id, expression)?;
        let text = value
            .as_str()
            .ok_or_else(|| wrong("a date", "text such as 2018-10-17T17:30:20Z", &value))?;
        Time::parse(text)
    }

    /// Evaluates to a period.
    pub(super) fn period(&self, id: ElementId, expression: &Expression) -> Result<Period, Problem> {
        let value = self.value(id, expression)?;
        let text =
            value.as_str().ok_or_else(|| wrong("a duration", "text such as PT5M", &value))?;
        Period::parse(text)
    }
}

/// Returns a value that can serve as a key, as text.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// Returns what is said where an expression gives something that cannot be used.
pub(crate) fn wrong(what: &str, expected: &'static str, found: &Value) -> Problem {
    let found = found.to_string().chars().take(80).collect();
    Error::Value { what: what.into(), expected, found }.into()
}
