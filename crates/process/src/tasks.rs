//! Tasks: work for people.

use crate::engine::Processes;
use crate::error::Error;
use crate::instance::{Command, Instance, Task, Wait};
use crate::jobs::Complete;
use crate::lists::{Page, SCAN};
use crate::wire::{self, TaskRow, key};
use base::Problem;
use kernel::{Call, Read, Reader, Reply, ResourceRef, Tx};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Who gets a task.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Assign {
    /// The name of the person.
    pub assignee: String,
}

impl Processes {
    pub(crate) fn get_task(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let name = call.resource.name.as_str();
        let (number, element) = wire::parse_name(name).ok_or_else(|| not_found(name))?;
        let row = self.task_row(reader, name)?.ok_or_else(|| not_found(name))?;
        let mut answer = json!(row);
        if let Some(instance) = self.load(reader, number)? {
            answer["variables"] = Value::Object(instance.visible(element).into_owned());
        }
        Ok(Reply::Value(answer))
    }

    /// Returns the row of an open task.
    pub(crate) fn task_row(&self, read: &dyn Read, name: &str) -> Result<Option<TaskRow>, Problem> {
        let Some((number, element)) = wire::parse_name(name) else { return Ok(None) };
        read.get(key::task(number, element).as_ref())?.map(|bytes| wire::read(&bytes)).transpose()
    }

    pub(crate) fn list_tasks(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let prefix = match (call.text("assignee"), call.text("process")) {
            (Some(assignee), _) => key::tasks_of(assignee),
            (None, Some(process)) => key::tasks_in(process),
            (None, None) => key::tasks(),
        };
        let after = call.text("after").and_then(wire::parse_name);
        let mut from = match after {
            Some((number, element)) => {
                let mut next = prefix.clone().number(number).number(element.into()).bytes();
                next.push(0);
                next
            }
            None => prefix.clone().bytes(),
        };
        let to = base::prefix_end(prefix.as_ref());
        let mut page = Page::of(call, &self.config)?;
        loop {
            let keys = reader.scan(&from, &to, SCAN, false)?;
            let Some((last, _)) = keys.last() else { break };
            from = last.clone();
            from.push(0);
            for (found, _) in &keys {
                let Some((number, element)) = wire::tail(found) else { continue };
                let name = wire::name_of(number, element);
                if !page.looks_at(|| name.clone()) {
                    return Ok(page.reply());
                }
                if let Some(row) = self.task_row(reader, &name)?
                    && is_meant(&row, call)
                    && reader.allows("task.get", &ResourceRef::new("task", name))?
                {
                    page.items.push(json!(row));
                }
            }
        }
        Ok(page.reply())
    }

    pub(crate) fn claim_task(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let actor = call.actor.name().to_owned();
        self.change_task(tx, call, |name, task| {
            refuse_others(name, task, &actor)?;
            task.assignee = Some(actor.clone());
            Ok(())
        })
    }

    pub(crate) fn unclaim_task(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let actor = call.actor.name().to_owned();
        self.change_task(tx, call, |name, task| {
            refuse_others(name, task, &actor)?;
            task.assignee = None;
            Ok(())
        })
    }

    pub(crate) fn assign_task(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let parameters: Assign = call.parameters()?;
        self.change_task(tx, call, |_, task| {
            task.assignee = Some(parameters.assignee);
            Ok(())
        })
    }

    pub(crate) fn complete_task(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let parameters: Complete = call.parameters()?;
        let name = call.resource.name.as_str();
        let (instance, element) = self.task_of(tx, name)?;
        if instance.suspended {
            let name = instance.key.to_string();
            return Err(Error::Suspended { kind: "instance", name }.into());
        }
        let actor = call.actor.name().to_owned();
        if let Some(Wait::Task(task)) = instance.element(element).map(|element| &element.wait) {
            refuse_others(name, task, &actor)?;
        }
        let variables = parameters.variables;
        let at = tx.time_of(call);
        let command = Command::Complete { element, variables, by: Some(actor) };
        let ran = self.deliver(tx, instance.key, command, Some(at))?;
        if ran.is_taken { Ok(Reply::Value(json!({}))) } else { Err(not_found(name)) }
    }

    fn change_task(
        &self,
        tx: &mut Tx<'_>,
        call: &Call,
        change: impl FnOnce(&str, &mut Task) -> Result<(), Problem>,
    ) -> Result<Reply, Problem> {
        let name = call.resource.name.as_str();
        let (before, element) = self.task_of(tx, name)?;
        let mut after = before.clone();
        if let Some(Wait::Task(task)) = after.element_mut(element).map(|element| &mut element.wait)
        {
            change(name, task)?;
        }
        self.replace(tx, &before, &after)?;
        Reply::of(&self.task_row(tx, name)?)
    }

    fn task_of(&self, read: &dyn Read, name: &str) -> Result<(Instance, u32), Problem> {
        let (number, element) = wire::parse_name(name).ok_or_else(|| not_found(name))?;
        let instance = self.load(read, number)?.ok_or_else(|| not_found(name))?;
        let is_task =
            instance.element(element).is_some_and(|element| matches!(element.wait, Wait::Task(_)));
        if is_task { Ok((instance, element)) } else { Err(not_found(name)) }
    }
}

fn is_meant(row: &TaskRow, call: &Call) -> bool {
    let has =
        |name: &str, value: Option<&str>| call.text(name).is_none_or(|meant| value == Some(meant));
    has("state", Some(&row.state))
        && has("assignee", row.assignee.as_deref())
        && has("process", Some(&row.process))
        && has("kind", Some(&row.kind))
}

fn refuse_others(name: &str, task: &Task, actor: &str) -> Result<(), Problem> {
    match &task.assignee {
        Some(assignee) if assignee != actor => {
            Err(Error::Claimed { task: name.into(), assignee: assignee.clone() }.into())
        }
        _ => Ok(()),
    }
}

fn not_found(name: &str) -> Problem {
    Error::NotFound { kind: "task", name: name.into() }.into()
}
