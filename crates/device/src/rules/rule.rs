//! Rules as they are used: compiled once for each change of a resource, then remembered.

use super::actions::Action;
use super::condition::{Bound, Condition};
use super::spec::{RuleSpec, WhenSpec};
use crate::{Config, Error};
use base::{Period, Problem, Time};
use kernel::{Read, Resource};
use notation::feel::Expression;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::Chunk;

/// The column in which a stream has when a row arrived.
pub(crate) const RECEIVED_AT: &str = "received_at";

/// The column with the time of a row where no other has it.
const TIME: &str = "_time";

/// A rule, ready to judge.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The name.
    pub(crate) name: String,
    /// The stream that it looks at, and that stream's log.
    pub(crate) stream: String,
    pub(crate) log: String,
    /// The column with the device.
    device: String,
    /// The column with the time, where the stream declares one.
    time: Option<String>,
    /// True where rows say when they arrived.
    has_arrival: bool,
    /// Which rows count.
    pub(crate) filter: Option<Expression>,
    pub(crate) condition: Condition,
    pub(crate) actions: Vec<Action>,
}

impl Rule {
    /// Compiles a declared rule over its stream, where that is there.
    ///
    /// # Errors
    /// `rule.invalid`: all that is wrong with its expressions.
    pub(crate) fn of(
        resource: &Resource,
        stream: Option<&Resource>,
        config: &Config,
    ) -> Result<Self, Problem> {
        let spec = spec_of(resource)?;
        let mut wrong = Wrong::new(&resource.name);
        let filter = spec.filter.as_ref().and_then(|text| wrong.feel("/spec/where", text));
        let condition = condition(&spec.when, config, &mut wrong);
        let actions = spec.actions.iter().enumerate();
        let actions = actions
            .filter_map(|(number, action)| {
                Action::compile(action, &format!("/spec/do/{number}"), &mut wrong)
            })
            .collect();
        crate::registry::gather(wrong.problems)?;
        let condition = condition.ok_or_else(|| Error::internal("a condition that is none"))?;
        let time = stream.and_then(|stream| stream.spec.get("time")?.as_str().map(str::to_owned));
        let has_arrival = stream.is_some_and(|stream| type_of(stream, RECEIVED_AT).is_some());
        Ok(Self {
            name: resource.name.clone(),
            log: log_of(&spec.on.stream),
            device: spec.device_column().to_owned(),
            stream: spec.on.stream,
            time,
            has_arrival,
            filter,
            condition,
            actions,
        })
    }

    /// Returns the device that a row is of.
    pub(crate) fn device_of<'r>(&self, row: &'r Map<String, Value>) -> Option<&'r str> {
        row.get(&self.device)?.as_str().filter(|device| !device.is_empty())
    }

    /// Returns when a row was, by its own time.
    pub(crate) fn time_of(&self, row: &Map<String, Value>) -> Option<Time> {
        let column = self.time.as_deref().and_then(|column| instant(row.get(column)?));
        column.or_else(|| instant(row.get(TIME)?))
    }

    /// Returns when a row arrived, `at` where its stream does not say.
    pub(crate) fn arrival_of(&self, row: &Map<String, Value>, at: Time) -> Option<Time> {
        if self.has_arrival { instant(row.get(RECEIVED_AT)?) } else { Some(at) }
    }

    /// Returns whether a row that lies ahead of its arrival is judged nevertheless.
    pub(crate) fn judges_ahead(&self) -> bool {
        matches!(self.condition, Condition::Silent { .. })
    }
}

/// Problems of a manifest, as they are found.
pub(crate) struct Wrong<'a> {
    name: &'a str,
    pub(crate) problems: Vec<Error>,
}

impl<'a> Wrong<'a> {
    /// Returns a list without a problem yet.
    pub(crate) fn new(name: &'a str) -> Self {
        Self { name, problems: Vec::new() }
    }

    /// Adds a problem.
    pub(crate) fn add(&mut self, pointer: &str, reason: String, hint: Option<String>) {
        let (name, pointer) = (self.name.to_owned(), pointer.to_owned());
        self.problems.push(Error::Rule { name, reason, pointer, hint });
    }

    /// Compiles FEEL, with or without a leading `=`.
    pub(crate) fn feel(&mut self, pointer: &str, text: &str) -> Option<Expression> {
        self.kept(pointer, Expression::compile_feel(text))
    }

    /// Compiles a field: FEEL where it begins with `=`, else the text itself.
    pub(crate) fn field(&mut self, pointer: &str, text: &str) -> Option<Expression> {
        self.kept(pointer, Expression::compile(text))
    }

    fn kept(
        &mut self,
        pointer: &str,
        compiled: Result<Expression, notation::Error>,
    ) -> Option<Expression> {
        let problem = match compiled {
            Ok(expression) => return Some(expression),
            Err(error) => Problem::from(error),
        };
        self.add(pointer, problem.message, problem.hint);
        None
    }
}

/// Returns the condition of a manifest; none where an expression is wrong.
fn condition(when: &WhenSpec, config: &Config, wrong: &mut Wrong<'_>) -> Option<Condition> {
    Some(match when {
        WhenSpec::Becomes(text) => Condition::Becomes(wrong.feel("/spec/when/becomes", text)?),
        WhenSpec::Stays(stays) => Condition::Stays {
            is: wrong.feel("/spec/when/stays/is", &stays.is)?,
            hold: stays.hold,
            gap: stays.gap,
        },
        WhenSpec::Leaves(leaves) => Condition::Leaves {
            value: leaves.value.clone(),
            low: leaves.low.unwrap_or(f64::NEG_INFINITY),
            high: leaves.high.unwrap_or(f64::INFINITY),
            hysteresis: leaves.hysteresis,
        },
        WhenSpec::Silent(silent) => Condition::Silent { hold: silent.hold },
        WhenSpec::Rises(rises) | WhenSpec::Falls(rises) => Condition::Rises {
            value: rises.value.clone(),
            by: rises.by,
            within: rises.within,
            is_falling: matches!(when, WhenSpec::Falls(_)),
            readings_max: config.rule_window_max,
        },
        WhenSpec::Window(window) => Condition::Window {
            // What is no period was refused when it was declared; a division by it must not be.
            every: window.every.max(Period(1)),
            of: window.of,
            value: window.value.clone(),
            bound: match (window.above, window.below) {
                (Some(above), _) => Bound::Above(above),
                (None, below) => Bound::Below(below.unwrap_or(f64::NEG_INFINITY)),
            },
        },
    })
}

/// Rules, compiled; and the rows that were decoded last, for several rules may look at one stream.
#[derive(Default)]
pub struct Rules {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// All rules, as of an epoch of rights and resources.
    rules: Option<(u64, Arc<Vec<Arc<Rule>>>)>,
    decoded: Option<(Chunk, Arc<Vec<Value>>)>,
    /// Rows that were looked at in the turn that makes this commit.
    turn: (u64, usize),
}

impl Rules {
    /// Returns all rules, those over one stream beside each other: its rows are decoded once for all of them. One that cannot be compiled any more is left out: its stream was changed under it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn all(
        &self,
        read: &dyn Read,
        config: &Config,
    ) -> Result<Arc<Vec<Arc<Rule>>>, Problem> {
        let epoch = read.kernel().epoch(read)?;
        if let Some((of, rules)) = &self.held().rules
            && *of == epoch
        {
            return Ok(Arc::clone(rules));
        }
        let mut rules: Vec<Arc<Rule>> = Vec::new();
        for resource in read.resources("rule")? {
            let spec = spec_of(&resource)?;
            let stream = read.resource("stream", &spec.on.stream)?;
            if let Ok(rule) = Rule::of(&resource, stream.as_deref(), config) {
                rules.push(Arc::new(rule));
            }
        }
        rules.sort_by(|one, other| (&one.log, &one.name).cmp(&(&other.log, &other.name)));
        let rules = Arc::new(rules);
        self.held().rules = Some((epoch, Arc::clone(&rules)));
        Ok(rules)
    }

    /// Returns the rows of a chunk.
    ///
    /// # Errors
    /// Where the chunk is damaged.
    pub(crate) fn rows_of(
        &self,
        read: &dyn Read,
        chunk: &Chunk,
    ) -> Result<Arc<Vec<Value>>, Problem> {
        if let Some((of, rows)) = &self.held().decoded
            && of == chunk
        {
            return Ok(Arc::clone(rows));
        }
        let rows = Arc::new(kernel::rows_from(&read.kernel().lines(chunk)?, 0)?);
        self.held().decoded = Some((chunk.clone(), Arc::clone(&rows)));
        Ok(rows)
    }

    /// Returns how many rows may still be looked at in the turn that makes a commit.
    pub(crate) fn left(&self, commit: u64, rows_max: usize) -> usize {
        let (of, looked) = self.held().turn;
        if of == commit { rows_max.saturating_sub(looked) } else { rows_max }
    }

    /// Takes note of rows that were looked at in the turn that makes a commit.
    pub(crate) fn looked(&self, commit: u64, rows: usize) {
        let mut held = self.held();
        let before = if held.turn.0 == commit { held.turn.1 } else { 0 };
        held.turn = (commit, before + rows);
    }

    /// Forgets the rules, for one of them or a stream has changed.
    pub(crate) fn changed(&self) {
        self.held().rules = None;
    }

    /// Forgets all.
    pub(crate) fn forget(&self) {
        *self.held() = Held::default();
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the manifest of a rule.
///
/// # Errors
/// `device.internal` where it is none, which is a defect: it was checked when it was declared.
pub(crate) fn spec_of(resource: &Resource) -> Result<RuleSpec, Problem> {
    RuleSpec::deserialize(&resource.spec).map_err(|error| Error::internal(error).into())
}

/// Returns the log of a stream.
pub(crate) fn log_of(stream: &str) -> String {
    format!("stream/{stream}")
}

/// Returns the columns of a stream with their types, as its manifest says.
pub(crate) fn columns(stream: &Resource) -> impl Iterator<Item = (&str, &str)> {
    let schema = stream.spec.get("schema").and_then(Value::as_array);
    schema.into_iter().flatten().filter_map(|column| {
        let text = |name: &str| column.get(name).and_then(Value::as_str);
        Some((text("name")?, text("type")?))
    })
}

/// Returns the type of a column of a stream.
pub(crate) fn type_of<'s>(stream: &'s Resource, column: &str) -> Option<&'s str> {
    columns(stream).find(|(name, _)| *name == column).map(|(_, kind)| kind)
}

fn instant(value: &Value) -> Option<Time> {
    match value {
        Value::String(text) => Time::parse(text).ok(),
        Value::Number(number) => number.as_i64().map(Time),
        _ => None,
    }
}
