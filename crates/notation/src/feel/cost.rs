//! How long an evaluation can take at most, before it starts.
//!
//! The evaluator has no limit of its own: it loops as often as a list is long and copies what it reads. So an expression with a
//! loop, a filter, a context or a function that multiplies is weighed with the sizes of its variables first. One unit is
//! about one copied value of 64 bytes. What is estimated is an upper bound; it is exact enough where lists are of ordinary length.

use super::rules::children;
use dsntk_feel_parser::AstNode;
use serde_json::Value;
use std::collections::BTreeMap;

/// How many units an evaluation in a step may take.
pub(super) const COST_MAX: f64 = 1_000_000.0;

/// Returns how large a value is, in units.
pub(super) fn size_of(value: &Value) -> f64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1.0,
        Value::String(text) => text_size(text),
        Value::Array(items) => 1.0 + items.iter().map(size_of).sum::<f64>(),
        Value::Object(entries) => {
            1.0 + entries.iter().map(|(key, item)| text_size(key) + size_of(item)).sum::<f64>()
        }
    }
}

/// Returns how long an evaluation takes at most, given the sizes of the variables.
pub(super) fn estimate(tree: &AstNode, sizes: &BTreeMap<&str, f64>) -> f64 {
    Estimator { sizes, locals: Vec::new(), items: 0.0 }.visit(tree).cost
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn text_size(text: &str) -> f64 {
    1.0 + text.len() as f64 / 64.0
}

/// An upper bound of what a part gives and takes.
#[derive(Debug, Clone, Copy)]
struct Bound {
    size: f64,
    cost: f64,
}

struct Estimator<'a> {
    sizes: &'a BTreeMap<&'a str, f64>,
    /// Names bound by loops and contexts, innermost last.
    locals: Vec<(String, f64)>,
    /// The size of the items of all filters around: any name may be one of their fields.
    items: f64,
}

impl Estimator<'_> {
    fn visit(&mut self, node: &AstNode) -> Bound {
        match node {
            AstNode::Name(name) => {
                let size = self.size(name.as_str()) + self.items;
                Bound { size, cost: size }
            }
            AstNode::String(text) => Bound { size: text_size(text), cost: text_size(text) },
            AstNode::Path(value, _) => {
                let value = self.visit(value);
                Bound { size: value.size, cost: value.cost + value.size }
            }
            AstNode::Context(entries) => self.context(entries),
            AstNode::For(iterators, body) => self.iterate(&children(iterators), body, true),
            AstNode::Some(iterators, body) | AstNode::Every(iterators, body) => {
                self.iterate(&children(iterators), body, false)
            }
            AstNode::Filter(list, condition) => self.filter(list, condition),
            AstNode::FunctionInvocation(function, parameters) => self.call(function, parameters),
            AstNode::Eq(..)
            | AstNode::Nq(..)
            | AstNode::Lt(..)
            | AstNode::Le(..)
            | AstNode::Gt(..)
            | AstNode::Ge(..)
            | AstNode::And(..)
            | AstNode::Or(..)
            | AstNode::Between(..)
            | AstNode::In(..)
            | AstNode::InstanceOf(..)
            | AstNode::Mul(..)
            | AstNode::Div(..)
            | AstNode::Sub(..)
            | AstNode::Exp(..)
            | AstNode::Neg(_) => Bound { size: 1.0, ..self.sum(&children(node)) },
            other => self.sum(&children(other)),
        }
    }

    fn size(&self, name: &str) -> f64 {
        let local =
            self.locals.iter().rev().find(|(local, _)| local == name).map(|(_, size)| *size);
        local.or_else(|| self.sizes.get(name).copied()).unwrap_or(1.0)
    }

    fn sum(&mut self, nodes: &[&AstNode]) -> Bound {
        let mut sum = Bound { size: 1.0, cost: 1.0 };
        for node in nodes {
            let part = self.visit(node);
            sum.size += part.size;
            sum.cost += part.cost + part.size;
        }
        sum
    }

    fn context(&mut self, entries: &[AstNode]) -> Bound {
        let mut sum = Bound { size: 1.0, cost: 1.0 };
        let outer = self.locals.len();
        for entry in entries {
            let AstNode::ContextEntry(key, value) = entry else { continue };
            let value = self.visit(value);
            if let AstNode::ContextEntryKey(name) = &**key {
                self.locals.push((name.to_string(), value.size));
            }
            sum.size += value.size + 1.0;
            sum.cost += value.cost + 2.0 * value.size;
        }
        self.locals.truncate(outer);
        sum
    }

    /// One turn costs f(item). The items together are no larger than their list, and f grows at least in proportion; so all
    /// turns together cost at most f(list) and, for each turn, f(nothing).
    fn iterate(&mut self, iterators: &[&AstNode], body: &AstNode, keeps_results: bool) -> Bound {
        let Some((iterator, inner)) = iterators.split_first() else {
            return self.visit(body);
        };
        let (AstNode::IterationContextSingle(name, list) | AstNode::QuantifiedContext(name, list)) =
            iterator
        else {
            return Bound { size: f64::INFINITY, cost: f64::INFINITY };
        };
        let name = if let AstNode::Name(name) = &**name { name.to_string() } else { String::new() };
        let list = self.visit(list);
        let mut turn = |size: f64| {
            self.locals.push((name.clone(), size));
            let bound = self.iterate(inner, body, keeps_results);
            self.locals.pop();
            bound
        };
        let (least, most) = (turn(1.0), turn(1.0 + list.size));
        let size = list.size * least.size + (most.size - least.size).max(0.0);
        let cost = list.cost
            + 2.0 * list.size
            + list.size * least.cost
            + (most.cost - least.cost).max(0.0);
        // A `for` copies all results so far into each turn.
        let copies = if keeps_results { list.size * size } else { 0.0 };
        Bound { size: if keeps_results { size } else { 1.0 }, cost: cost + copies }
    }

    fn filter(&mut self, list: &AstNode, condition: &AstNode) -> Bound {
        let list = self.visit(list);
        let items = self.items;
        let mut turn = |size: f64| {
            self.items = items + size;
            let bound = self.visit(condition);
            self.items = items;
            bound
        };
        let (least, most) = (turn(0.0), turn(list.size));
        let cost = list.cost
            + 3.0 * list.size
            + list.size * least.cost
            + (most.cost - least.cost).max(0.0);
        Bound { size: list.size, cost }
    }

    fn call(&mut self, function: &AstNode, parameters: &AstNode) -> Bound {
        let arguments = children(parameters);
        let sum = self.sum(&arguments);
        let name = if let AstNode::Name(name) = function { name.as_str() } else { "" };
        let factor = match name {
            // Each match, each element may bring a copy of the replacement, of the delimiter.
            "replace" | "string join" => 64.0 * sum.size,
            // Each element is compared with each.
            "distinct values" | "union" | "mode" | "index of" => sum.size,
            _ => 1.0,
        };
        let size = match name {
            "replace" | "string join" => sum.size * factor,
            "count" | "sum" | "min" | "max" | "mean" | "median" | "string length" | "contains"
            | "starts with" | "ends with" | "matches" | "list contains" | "number" | "not"
            | "date" | "time" | "date and time" | "duration" | "all" | "any" | "abs" | "floor"
            | "ceiling" | "decimal" | "product" | "stddev" => 1.0,
            _ => sum.size,
        };
        Bound { size, cost: sum.cost + sum.size * factor }
    }
}
