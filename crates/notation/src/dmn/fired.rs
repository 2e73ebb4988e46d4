//! Which rules of a model's decision tables fired.
//!
//! The evaluator gives a table's value and keeps to itself which rules led there. So each table is put beside itself once more, in a
//! copy of the model, with the same inputs and the same requirements, but with the hit policy `COLLECT` and the number of each rule
//! as its only output: what it gives are the rules that match, by the very evaluator that decides. A priority is found by the values
//! of the rules that match, by another such table.

use super::check;
use super::model::{Built, build};
use roxmltree::Node as Xml;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;

/// A decision table of a model, with the rules that fired.
#[derive(Debug, Clone, PartialEq)]
pub struct Fired {
    /// The `id` of the decision.
    pub decision: String,
    /// The `name` of the decision.
    pub name: String,
    /// The `id` of the table.
    pub table: Option<String>,
    /// `UNIQUE`, `FIRST`, `PRIORITY`, `ANY`, `COLLECT`, `RULE ORDER` or `OUTPUT ORDER`.
    pub hit_policy: String,
    /// The rules that led to the value, in the order of the table; `None` where that cannot be said.
    pub rules: Option<Vec<Rule>>,
    /// What the decision gave, where it was asked for and has a value.
    pub value: Option<Value>,
}

/// A rule of a decision table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its place in the table, from 1.
    pub number: usize,
    /// Its `id`.
    pub id: Option<String>,
}

/// Tells which rules fired.
pub(super) struct Tables {
    /// The copy of the model.
    built: Built,
    tables: Vec<Table>,
    /// What each decision, service or function requires, by `id`.
    requires: BTreeMap<String, Vec<String>>,
}

/// A table, and the names of those that stand beside it.
struct Table {
    decision: String,
    name: String,
    table: Option<String>,
    hit_policy: String,
    rules: Vec<Option<String>>,
    numbers: String,
    values: String,
}

impl Tables {
    /// Builds them from the text of a model; `None` where it cannot be.
    pub fn new(source: &str) -> Option<Self> {
        let document = roxmltree::Document::parse(source).ok()?;
        let root = document.root_element();
        let mut tables = Vec::new();
        let mut text = String::with_capacity(source.len() * 2);
        let mut copied = 0;
        for decision in root.children().filter(|node| node.tag_name().name() == "decision") {
            let is_table = |node: &Xml<'_, '_>| node.tag_name().name() == "decisionTable";
            let Some(logic) = decision.children().find(is_table) else { continue };
            let beside = Beside { source, decision, logic, number: tables.len() };
            let end = decision.range().end;
            text.push_str(&source[copied..end]);
            copied = end;
            tables.push(beside.write(&mut text)?);
        }
        text.push_str(&source[copied..]);
        let requires = root.children().filter_map(|node| {
            let required = check::required(node).map(str::to_owned).collect();
            Some((node.attribute("id")?.to_owned(), required))
        });
        let requires = requires.collect();
        let built = build(&text).ok()?;
        Some(Self { built, tables, requires })
    }

    /// Returns the tables behind a decision, itself last, with the rules that fired.
    pub fn fired(
        &self,
        decision: &str,
        evaluate: &dyn Fn(&Built, &str) -> Result<Value, String>,
        own: &Built,
        with_values: bool,
    ) -> Vec<Fired> {
        let behind = self.behind(decision);
        let meant = self.tables.iter().filter(|table| behind.contains(table.decision.as_str()));
        let mut fired: Vec<Fired> = meant
            .map(|table| {
                let is_ranked = matches!(table.hit_policy.as_str(), "PRIORITY" | "ANY");
                let value = match with_values || is_ranked {
                    true => evaluate(own, &table.name).ok(),
                    false => None,
                };
                let numbers = evaluate(&self.built, &table.numbers);
                let values = || evaluate(&self.built, &table.values);
                let rules = numbers_of(numbers).map(|numbers| table.led(numbers, &value, values));
                Fired {
                    decision: table.decision.clone(),
                    name: table.name.clone(),
                    table: table.table.clone(),
                    hit_policy: table.hit_policy.clone(),
                    rules,
                    value: value.filter(|_| with_values),
                }
            })
            .collect();
        fired.sort_by_key(|table| table.decision == decision);
        fired
    }

    /// Returns the ids of all that a decision requires, itself included.
    fn behind<'a>(&'a self, decision: &'a str) -> BTreeSet<&'a str> {
        let (mut behind, mut open) = (BTreeSet::new(), vec![decision]);
        while let Some(id) = open.pop() {
            if behind.insert(id) {
                open.extend(self.requires.get(id).into_iter().flatten().map(String::as_str));
            }
        }
        behind
    }
}

impl Table {
    /// Returns which of the rules that match have led to the value.
    fn led(
        &self,
        matching: Vec<usize>,
        value: &Option<Value>,
        values: impl FnOnce() -> Result<Value, String>,
    ) -> Vec<Rule> {
        let led = match self.hit_policy.as_str() {
            "FIRST" => matching.into_iter().take(1).collect(),
            "PRIORITY" => {
                let values = values().unwrap_or_default();
                let of = |place: usize| values.as_array().and_then(|values| values.get(place));
                let mut places = 0..matching.len();
                let first = places.find(|place| value.is_some() && of(*place) == value.as_ref());
                match first.and_then(|place| matching.get(place)) {
                    Some(rule) => vec![*rule],
                    None => matching,
                }
            }
            _ => matching,
        };
        let rule =
            |number: usize| Rule { number, id: self.rules.get(number - 1).cloned().flatten() };
        led.into_iter().map(rule).collect()
    }
}

/// Reads the numbers of rules; none where no rule matches.
fn numbers_of(given: Result<Value, String>) -> Option<Vec<usize>> {
    match given {
        Ok(Value::Array(numbers)) => {
            let number = |number: &Value| usize::try_from(number.as_u64()?).ok().filter(|n| 0 < *n);
            numbers.iter().map(number).collect()
        }
        Ok(Value::Null) => Some(Vec::new()),
        Err(reason) if reason.contains("no rules matched") => Some(Vec::new()),
        _ => None,
    }
}

/// What is written beside a decision.
struct Beside<'a, 'd> {
    source: &'a str,
    decision: Xml<'a, 'd>,
    logic: Xml<'a, 'd>,
    number: usize,
}

impl<'a, 'd> Beside<'a, 'd> {
    fn write(&self, text: &mut String) -> Option<Table> {
        let number = self.number;
        let (numbers, values) =
            (format!("craton rules {number}"), format!("craton values {number}"));
        let rules = self.parts(self.logic, &["rule"]);
        self.table(text, &numbers, |text, prefix| {
            let _ = write!(text, "<{prefix}output typeRef=\"number\"/>");
            for (number, rule) in (1..).zip(&rules) {
                let _ = write!(text, "<{prefix}rule>");
                self.copy(text, *rule, &["inputEntry"]);
                let _ = write!(text, "<{prefix}outputEntry><{prefix}text>{number}</{prefix}text></{prefix}outputEntry></{prefix}rule>");
            }
        });
        self.table(text, &values, |text, _| self.copy(text, self.logic, &["output", "rule"]));
        Some(Table {
            decision: self.decision.attribute("id")?.to_owned(),
            name: self.decision.attribute("name")?.to_owned(),
            table: self.logic.attribute("id").map(str::to_owned),
            hit_policy: self.logic.attribute("hitPolicy").unwrap_or("UNIQUE").to_owned(),
            rules: rules.iter().map(|rule| rule.attribute("id").map(str::to_owned)).collect(),
            numbers,
            values,
        })
    }

    /// Writes a decision of the same requirements and inputs, with other outputs.
    fn table(&self, text: &mut String, name: &str, rest: impl FnOnce(&mut String, &str)) {
        let prefix = self.prefix();
        let id = name.replace(' ', "_");
        let _ = write!(
            text,
            "<{prefix}decision id=\"{id}\" name=\"{name}\"><{prefix}variable name=\"{name}\"/>"
        );
        let requirements = ["informationRequirement", "knowledgeRequirement"];
        self.copy(text, self.decision, &requirements);
        let _ = write!(text, "<{prefix}decisionTable hitPolicy=\"COLLECT\">");
        self.copy(text, self.logic, &["input"]);
        rest(text, prefix);
        let _ = write!(text, "</{prefix}decisionTable></{prefix}decision>");
    }

    fn parts(&self, of: Xml<'a, 'd>, names: &[&str]) -> Vec<Xml<'a, 'd>> {
        of.children().filter(|part| names.contains(&part.tag_name().name())).collect()
    }

    /// Writes parts of an element as they stand in the file.
    fn copy(&self, text: &mut String, of: Xml<'a, 'd>, names: &[&str]) {
        self.parts(of, names).iter().for_each(|part| text.push_str(self.of(part.range())));
    }

    fn of(&self, range: Range<usize>) -> &str {
        self.source.get(range).unwrap_or_default()
    }

    /// Returns the prefix of the decision's name in the file, with its colon.
    fn prefix(&self) -> &str {
        let text = self.of(self.decision.range());
        let name = text.trim_start_matches('<');
        let end = name.find(|letter: char| letter.is_whitespace() || matches!(letter, '>' | '/'));
        let name = &name[..end.unwrap_or(name.len())];
        name.find(':').map_or("", |colon| &name[..=colon])
    }
}
