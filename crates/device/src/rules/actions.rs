//! What is done at a crossing: calls of other engines, made in the name of the rule, each with a key of its own. One that may work later is
//! tried again, longer apart each time.

use super::key;
use super::rule::Wrong;
use super::spec::ActionSpec;
use crate::engine::{ENGINE, Fleet};
use crate::{Error, wire};
use base::{Kind, Period, Problem, Time};
use kernel::{Address, Call, Principal, Read, ResourceRef, Tx};
use notation::feel::Expression;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The log with what became of actions.
pub(crate) const LOG: &str = "system/rule_actions";

/// The longest time between two tries, as a power of two in seconds.
const TRIES_POWER_MAX: u32 = 12;

/// A value with FEEL in it.
#[derive(Debug)]
enum Template {
    Constant(Value),
    Feel(Expression),
    List(Vec<Template>),
    Object(Vec<(String, Template)>),
}

impl Template {
    fn compile(value: &Value, pointer: &str, wrong: &mut Wrong<'_>) -> Self {
        match value {
            Value::String(text) if text.trim_start().starts_with('=') => {
                wrong.field(pointer, text).map_or(Self::Constant(Value::Null), Self::Feel)
            }
            Value::Array(items) => {
                let item = |(number, item): (usize, &Value)| {
                    Self::compile(item, &format!("{pointer}/{number}"), wrong)
                };
                Self::List(items.iter().enumerate().map(item).collect())
            }
            Value::Object(fields) => {
                let field = |(name, field): (&String, &Value)| {
                    let at = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                    (name.clone(), Self::compile(field, &at, wrong))
                };
                Self::Object(fields.iter().map(field).collect())
            }
            constant => Self::Constant(constant.clone()),
        }
    }

    fn evaluate(&self, variables: &Map<String, Value>, now: Time) -> Result<Value, Problem> {
        Ok(match self {
            Self::Constant(value) => value.clone(),
            Self::Feel(expression) => expression.evaluate(variables, now)?,
            Self::List(items) => {
                let items = items.iter().map(|item| item.evaluate(variables, now));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Self::Object(fields) => {
                let mut object = Map::new();
                for (name, field) in fields {
                    object.insert(name.clone(), field.evaluate(variables, now)?);
                }
                Value::Object(object)
            }
        })
    }
}

/// Something that is done at a crossing.
#[derive(Debug)]
pub(crate) struct Action {
    /// The operation.
    pub(crate) operation: &'static str,
    /// The kind of what it is done to.
    pub(crate) kind: &'static str,
    /// Its name; empty for the kind as a whole.
    name: Template,
    /// The parameters. Those that are null are left out.
    args: Vec<(&'static str, Template)>,
}

/// Parameters that are text, whatever an expression gives.
const TEXTS: [&str; 4] = ["business_key", "correlation_key", "title", "assignee"];

impl Action {
    /// Compiles an action; `pointer` is where it stands.
    pub(crate) fn compile(spec: &ActionSpec, pointer: &str, wrong: &mut Wrong<'_>) -> Option<Self> {
        let before = wrong.problems.len();
        let (operation, kind, name, args) = match spec {
            ActionSpec::Start(start) => {
                let args = vec![
                    ("business_key", json!(start.business_key)),
                    ("variables", json!(start.variables)),
                ];
                ("process.start", "process", constant(&start.process), args)
            }
            ActionSpec::Publish(publish) => {
                let args = vec![
                    ("message", json!(publish.message)),
                    ("correlation_key", json!(publish.key)),
                    ("variables", json!(publish.variables)),
                    ("ttl", json!(publish.ttl)),
                ];
                ("process.publish", "process", constant(&publish.process), args)
            }
            ActionSpec::Command(command) => {
                let args = vec![
                    ("command", json!(command.command)),
                    ("input", json!(command.input)),
                    ("deadline", json!(command.deadline)),
                ];
                let device = json!(command.device.as_deref().unwrap_or("=device"));
                let at = format!("{pointer}/command/device");
                let device = Template::compile(&device, &at, wrong);
                ("device.command", "device", device, args)
            }
            ActionSpec::Task(task) => {
                let args = vec![
                    ("title", json!(task.title)),
                    ("description", json!(task.description)),
                    ("assignee", json!(task.assignee)),
                    ("candidates", task.candidates.clone()),
                    ("due", json!(task.due)),
                    ("priority", task.priority.clone()),
                    ("variables", json!(task.variables)),
                ];
                ("task.open", "task", constant(""), args)
            }
            ActionSpec::Append(append) => {
                let args = vec![("row", json!(append.row))];
                ("stream.append", "stream", constant(&append.stream), args)
            }
        };
        let word = word_of(spec);
        let args: Vec<(&'static str, Template)> = args
            .into_iter()
            .map(|(field, value)| {
                let written = if field == "correlation_key" { "key" } else { field };
                let at = format!("{pointer}/{word}/{written}");
                (field, Template::compile(&value, &at, wrong))
            })
            .collect();
        (wrong.problems.len() == before).then_some(Self { operation, kind, name, args })
    }

    /// Returns the name of what it is done to, where that is always the same.
    pub(crate) fn constant_name(&self) -> Option<&str> {
        match &self.name {
            Template::Constant(Value::String(name)) => Some(name),
            _ => None,
        }
    }

    /// Returns the command that it gives, where it gives one that is always the same.
    pub(crate) fn command(&self) -> Option<&str> {
        match self.args.iter().find(|(field, _)| *field == "command") {
            Some((_, Template::Constant(Value::String(command)))) => Some(command),
            _ => None,
        }
    }

    fn call(&self, rule: &str, variables: &Map<String, Value>, now: Time) -> Result<Call, Problem> {
        let name = self.name.evaluate(variables, now)?;
        let name = name.as_str().ok_or_else(|| {
            let found: String = name.to_string().chars().take(80).collect();
            let reason = format!("`{found}` is no name of a {}", self.kind);
            Problem::from(kernel::Error::Parameters { reason })
        })?;
        let mut args = Map::new();
        for (field, template) in &self.args {
            let value = match template.evaluate(variables, now)? {
                Value::Null => continue,
                value @ (Value::Number(_) | Value::Bool(_)) if TEXTS.contains(field) => {
                    Value::String(value.to_string())
                }
                value => value,
            };
            args.insert((*field).to_owned(), value);
        }
        let (actor, on) = (Principal::Rule(rule.to_owned()), ResourceRef::new(self.kind, name));
        Ok(Call::new(self.operation, on, actor).with(Value::Object(args)))
    }
}

/// A crossing, as actions see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crossed<'a> {
    /// The rule.
    pub(crate) rule: &'a str,
    /// How often the rule has begun anew: its crossings have numbers of their own each time.
    pub(crate) run: u64,
    /// The device.
    pub(crate) device: &'a str,
    /// The crossing's number.
    pub(crate) number: u64,
    /// When it was.
    pub(crate) at: Time,
    /// What the expressions of actions see.
    pub(crate) variables: &'a Map<String, Value>,
}

/// An action that is under way.
#[derive(Debug, Serialize, Deserialize)]
struct Pending {
    rule: String,
    device: String,
    crossing: u64,
    action: usize,
    /// How often it was tried again.
    again: u32,
    call: Call,
}

/// What became of an action, as it stands in the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The rule.
    pub(crate) rule: String,
    /// The device.
    pub(crate) device: String,
    /// The crossing's number.
    pub(crate) crossing: u64,
    /// Which of the rule's actions, counted from 0.
    pub(crate) action: usize,
    /// The operation.
    pub(crate) operation: String,
    /// On what.
    pub(crate) resource: String,
    /// `done` or `failed`.
    pub(crate) outcome: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// What was answered.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) answer: Value,
    /// When, business time.
    pub(crate) business: Time,
}

/// Does an action of a rule, once: its result comes to [`resume`].
///
/// # Errors
/// Where the store cannot be read. What is wrong with the action is written down.
pub(crate) fn act(
    tx: &mut Tx<'_>,
    crossed: &Crossed<'_>,
    (number, action): (usize, &Action),
) -> Result<(), Problem> {
    let now = tx.business();
    let mut call = match action.call(crossed.rule, crossed.variables, now) {
        Ok(call) => call,
        Err(problem) => {
            let outcome = Outcome {
                rule: crossed.rule.to_owned(),
                device: crossed.device.to_owned(),
                crossing: crossed.number,
                action: number,
                operation: action.operation.to_owned(),
                resource: action.kind.to_owned(),
                outcome: "failed".to_owned(),
                problem: Some(said(&problem)),
                answer: Value::Null,
                business: now,
            };
            return tx.record(LOG, &outcome).map(|_| ());
        }
    };
    let Crossed { rule, run, device, number: crossing, at, .. } = *crossed;
    let id = format!("{rule}/{run}/{device}/{crossing}/{number}");
    let token = format!("rule/{id}");
    call.on_behalf_of = Some(Principal::Device(device.to_owned()));
    call.at = (at <= now).then_some(at);
    call.key = Some(id);
    call.reply_to = Some(Address { engine: ENGINE.into(), token: token.clone() });
    let pending = Pending {
        rule: rule.to_owned(),
        device: device.to_owned(),
        crossing,
        action: number,
        again: 0,
        call,
    };
    tx.put(key::pending(&token), wire::write(&pending)?);
    tx.call(pending.call);
    Ok(())
}

/// Takes the result of an action: one that may work later is tried again, else it is written down.
///
/// # Errors
/// `device.internal` where no such action is under way; where the store cannot be read.
pub(crate) fn resume(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    token: &str,
    result: Result<Value, Problem>,
) -> Result<(), Problem> {
    let place = key::pending(token);
    let Some(bytes) = tx.get(place.as_ref())? else {
        return Err(Error::internal(format!("nothing waits at `{token}`")).into());
    };
    let mut pending: Pending = wire::read(&bytes)?;
    let may_work_later = result
        .as_ref()
        .is_err_and(|problem| matches!(problem.kind, Kind::Unavailable | Kind::Exhausted));
    if may_work_later && pending.again < fleet.config.action_retries_max {
        let seconds = 1_i64 << pending.again.min(TRIES_POWER_MAX);
        pending.again += 1;
        tx.put(key::again(tx.business().plus(Period::seconds(seconds)), token), Vec::new());
        tx.put(place, wire::write(&pending)?);
        return Ok(());
    }
    tx.delete(place);
    let (outcome, problem, answer) = match result {
        Ok(answer) => ("done", None, answer),
        Err(problem) => ("failed", Some(said(&problem)), Value::Null),
    };
    let outcome = Outcome {
        rule: pending.rule,
        device: pending.device,
        crossing: pending.crossing,
        action: pending.action,
        operation: pending.call.operation,
        resource: pending.call.resource.to_string(),
        outcome: outcome.to_owned(),
        problem,
        answer,
        business: tx.business(),
    };
    tx.record(LOG, &outcome).map(|_| ())
}

/// Tries actions again whose time has come. Returns how many.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn again(tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
    let end = key::again_all().signed(tx.business().0.saturating_add(1));
    let due = tx.scan(key::again_all().as_ref(), end.as_ref(), budget, false)?;
    for (found, _) in &due {
        tx.delete(found.clone());
        let Some((_, token)) = key::again_of(found) else { continue };
        let Some(bytes) = tx.get(key::pending(&token).as_ref())? else { continue };
        match wire::read::<Pending>(&bytes) {
            Ok(pending) => tx.call(pending.call),
            // It is not tried any more, which is a defect: no other action waits for it.
            Err(problem) => {
                let fault = json!({"action": token, "problem": problem, "wall": tx.wall()});
                tx.record("system/faults", &fault)?;
            }
        }
    }
    Ok(due.len())
}

fn constant(name: &str) -> Template {
    Template::Constant(Value::String(name.to_owned()))
}

/// Returns the word by which the manifest names an action.
fn word_of(spec: &ActionSpec) -> &'static str {
    match spec {
        ActionSpec::Start(_) => "start",
        ActionSpec::Publish(_) => "publish",
        ActionSpec::Command(_) => "command",
        ActionSpec::Task(_) => "task",
        ActionSpec::Append(_) => "append",
    }
}

/// Returns a problem in a line.
fn said(problem: &Problem) -> String {
    format!("{} [{}]", problem.message, problem.code)
}
