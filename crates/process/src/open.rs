//! `task.open`: a task for people that no process of the unit's has made, for whoever may ask others to do something: a rule, a program, a
//! person. It is a task like any other, of a process that the engine brings along and declares when it is first needed.

use crate::engine::Processes;
use crate::error::Error;
use crate::instance::{Variables, Wait};
use crate::running::Start;
use crate::wire;
use base::{Period, Problem, Time};
use kernel::{Call, Principal, Read, Reply, ResourceRef, Tx, declare_one};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// The process whose tasks these are.
pub(crate) const PROCESS: &str = "open-task";

/// What the process does.
const SOURCE: &str = include_str!("open-task.bpmn");

/// The variable in which the process finds what was asked for.
pub(crate) const VARIABLE: &str = "task";

/// The priority of what matters most.
const PRIORITY_MAX: u32 = 100;

/// A task that is to be opened.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenTask {
    /// What is to be done, in a line.
    pub title: String,
    /// More about it.
    #[serde(default)]
    pub description: Option<String>,
    /// Whose it is.
    #[serde(default)]
    pub assignee: Option<String>,
    /// Roles whose members may take it.
    #[serde(default)]
    pub candidates: Vec<String>,
    /// When it should be done: a time, or how long it may take, ISO 8601.
    #[serde(default)]
    pub due: Option<String>,
    /// How much it matters beside others, 0 to 100.
    #[serde(default)]
    pub priority: Option<u32>,
    /// What whoever does it should see. `task` is the task itself.
    #[serde(default)]
    pub variables: Variables,
}

impl Processes {
    /// Opens a task: the operation `task.open`.
    ///
    /// # Errors
    /// `call.invalid`, `time.invalid`, `process.suspended`, `resource.taken`.
    pub(crate) fn open_task(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let given: OpenTask = call.parameters()?;
        let at = tx.time_of(call);
        let variables = variables(given, at)?;
        declare(tx)?;
        self.refuse_suspended(tx, PROCESS)?;
        let compiled = self.cache.latest(tx, &self.config, PROCESS)?;
        let node = compiled.start().ok_or_else(|| Error::NoStart { process: PROCESS.into() })?;
        let start = Start {
            node,
            variables,
            business_key: None,
            correlation_key: None,
            at,
            actor: Some(call.actor.clone()),
            on_behalf_of: call.on_behalf_of.clone(),
            reply_to: None,
        };
        let number = self.start(tx, &compiled, start)?;
        let found = self.load(tx, number)?.and_then(|instance| {
            let task = |wait: &Wait| matches!(wait, Wait::Task(_));
            instance.elements.iter().find(|element| task(&element.wait)).map(|element| element.id)
        });
        let Some(element) = found else {
            return Err(Error::NotFound { kind: "task", name: number.to_string() }.into());
        };
        let task = wire::name_of(number, element);
        Ok(Reply::Value(json!({"task": task, "instance": number})))
    }
}

/// Returns the description of a task that was opened so.
pub(crate) fn description(process: &str, variables: &Variables) -> Option<Value> {
    let asked = (process == PROCESS).then(|| variables.get(VARIABLE))??;
    asked.get("description").filter(|text| !text.is_null()).cloned()
}

/// Declares the process as it is in this version of the program.
///
/// # Errors
/// `resource.taken` where somebody has a process of this name: that stays as it is.
fn declare(tx: &mut Tx<'_>) -> Result<(), Problem> {
    // The unit answers for it, whoever has asked first.
    let unit = Principal::Unit("tasks".into());
    let process = ResourceRef::new("process", PROCESS);
    if let Some(held) = tx.resource("process", PROCESS)? {
        if held.spec.get("source").and_then(Value::as_str) == Some(SOURCE) {
            return Ok(());
        }
        if held.owner != unit.to_string() {
            let application = held.labels.get("craton/application").cloned();
            let resource = process.to_string();
            return Err(kernel::Error::Taken { resource, application }.into());
        }
    }
    let by = Call::new("task.open", process.clone(), unit);
    let spec = json!({"bpmn": "open-task.bpmn", "source": SOURCE});
    declare_one(tx, &by, &process, spec).map(|_| ())
}

fn variables(given: OpenTask, at: Time) -> Result<Variables, Problem> {
    let wrong = |reason: String| Problem::from(kernel::Error::Parameters { reason });
    let OpenTask { title, description, assignee, candidates, due, priority, mut variables } = given;
    if title.trim().is_empty() {
        return Err(wrong("`title` says what is to be done".into()));
    }
    if priority.is_some_and(|priority| PRIORITY_MAX < priority) {
        return Err(wrong(format!("`priority` is {PRIORITY_MAX} at most")));
    }
    if variables.contains_key(VARIABLE) {
        return Err(wrong(format!("`{VARIABLE}` is the task itself, and no variable")));
    }
    let due = due.map(|text| instant(&text, at)).transpose()?;
    let task = json!({
        "title": title,
        "description": description,
        "assignee": assignee.unwrap_or_default(),
        "candidates": candidates,
        "due": due,
        "priority": priority,
    });
    variables.insert(VARIABLE.into(), task);
    Ok(variables)
}

/// Returns when something is due: at a time, or after a period.
fn instant(text: &str, at: Time) -> Result<Time, Problem> {
    if text.starts_with('P') { Ok(at.plus(Period::parse(text)?)) } else { Time::parse(text) }
}
