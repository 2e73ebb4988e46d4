//! Tasks: work for people.

use crate::assignments::announce;
use crate::engine::Processes;
use crate::error::Error;
use crate::instance::{Command, Instance, Report, Task, Variables, Wait};
use crate::lists::Page;
use crate::open;
use crate::wire::{self, TaskRow, key};
use crate::worklist::{Merged, Whose, order_of};
use base::{Problem, Time};
use kernel::{Call, Principal, Read, Reader, Reply, ResourceRef, Tx};
use notation::graph::NodeKind;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Who gets a task.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Assign {
    /// The name of the person.
    pub assignee: String,
}

/// With what a task is done.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CompleteTask {
    /// The result.
    #[serde(default)]
    pub variables: Variables,
    /// When it was really done, where that was before it could be said: without signal, say. What lies before the task or in
    /// the future is taken for the nearest instant that is possible.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub done_at: Option<Time>,
}

/// Of whom tasks are listed.
struct Mine<'a> {
    user: &'a str,
    roles: BTreeSet<String>,
    /// Whether he may take what names nobody.
    takes_any: bool,
}

impl Processes {
    pub(crate) fn get_task(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let name = call.resource.name.as_str();
        let Some(row) = self.task_row(reader, name)? else {
            let ended = self.ended_task(reader, name)?.ok_or_else(|| not_found(name))?;
            return Ok(Reply::Value(ended.shown()));
        };
        let mut answer = self.shown(reader, &row)?;
        if let Some((number, element)) = wire::parse_name(name)
            && let Some(instance) = self.load(reader, number)?
        {
            let variables = instance.visible(element).into_owned();
            let asked = open::description(&instance.process, &variables);
            answer["variables"] = Value::Object(variables);
            let compiled =
                self.cache.get(reader, &self.config, &instance.process, instance.version)?;
            let node = instance.element(element).map(|element| compiled.graph.node(element.node));
            if let Some(NodeKind::UserTask(task)) = node.map(|node| &node.kind) {
                answer["description"] = asked.unwrap_or_else(|| json!(task.description));
            }
        }
        Ok(Reply::Value(answer))
    }

    /// Returns the row of an open task.
    pub(crate) fn task_row(&self, read: &dyn Read, name: &str) -> Result<Option<TaskRow>, Problem> {
        let Some((number, element)) = wire::parse_name(name) else { return Ok(None) };
        read.get(key::task(number, element).as_ref())?.map(|bytes| wire::read(&bytes)).transpose()
    }

    /// Returns a row with what is to be known beside it: a title, and the version of its form.
    fn shown(&self, read: &dyn Read, row: &TaskRow) -> Result<Value, Problem> {
        let mut shown = json!(row);
        shown["title"] = json!(row.title());
        if let Some(form) = &row.form {
            shown["form_version"] = json!(self.form_version(read, form)?);
        }
        Ok(shown)
    }

    pub(crate) fn list_tasks(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let mine =
            match call.text("mine").or_else(|| call.args.get("mine")?.as_bool()?.then_some("true"))
            {
                Some("true") => Some(self.mine(reader)?),
                _ => None,
            };
        let mut sought = sought(call, mine.as_ref());
        let mut page = Page::of(call, &self.config)?;
        while let Some(order) = sought.next(reader)? {
            let Some((number, element)) = wire::tail(&order) else { continue };
            if !page.looks_at(|| base::hex(&order)) {
                break;
            }
            let name = wire::name_of(number, element);
            if let Some(row) = self.task_row(reader, &name)?
                && is_meant(&row, call)
                && reader.allows("task.get", &ResourceRef::new("task", name))?
            {
                page.items.push(self.shown(reader, &row)?);
            }
        }
        Ok(page.reply())
    }

    /// Returns whose tasks are the caller's: his own, and what his roles may take.
    fn mine<'a>(&self, reader: &'a Reader) -> Result<Mine<'a>, Problem> {
        let caller: &Principal = reader.caller();
        let takes_any = reader.allows("task.claim", &ResourceRef::new("task", ""))?;
        Ok(Mine { user: caller.name(), roles: reader.roles()?, takes_any })
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
        let Assign { assignee } = call.parameters()?;
        let is_told = assignee != call.actor.name();
        let reply = self.change_task(tx, call, |_, task| {
            task.assignee = Some(assignee);
            Ok(())
        })?;
        if is_told && let Some(row) = self.task_row(tx, &call.resource.name)? {
            let at = tx.time_of(call);
            announce(tx, &self.config, &row, at)?;
        }
        Ok(reply)
    }

    pub(crate) fn complete_task(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let CompleteTask { variables, done_at } = call.parameters()?;
        let name = call.resource.name.as_str();
        let (mut instance, id) = self.task_of(tx, name)?;
        if instance.suspended {
            let name = instance.key.to_string();
            return Err(Error::Suspended { kind: "instance", name }.into());
        }
        let actor = call.actor.name().to_owned();
        let at = tx.time_of(call);
        let compiled = self.cache.get(tx, &self.config, &instance.process, instance.version)?;
        let before = wire::index(&instance, &compiled.indexed)?;
        let mut said = None;
        if let Some(element) = instance.element(id)
            && let Wait::Task(task) = &element.wait
        {
            refuse_others(name, task, &actor)?;
            self.check_values(tx, task.form.as_deref(), &variables, &instance.visible(id), at)?;
            said = done_at.map(|done_at| done_at.min(at).max(element.entered));
        }
        let is_kept = wire::write(&variables)?.len() <= self.config.ended_bytes_max;
        let given = is_kept.then(|| variables.clone());
        if let Some(Wait::Task(task)) = instance.element_mut(id).map(|element| &mut element.wait) {
            task.report = Some(Report { done_at: said, given });
        }
        let command = Command::Complete { element: id, variables, by: Some(actor) };
        let ran = self.deliver_to(tx, &compiled, before, instance, command, Some(at))?;
        match (ran.is_taken, said) {
            (true, Some(done_at)) => Ok(Reply::Value(json!({ "done_at": done_at }))),
            (true, None) => Ok(Reply::Value(json!({}))),
            // A timer that was due before has ended it.
            (false, _) => Err(self.gone(tx, name)),
        }
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
        let row = self.task_row(tx, name)?;
        row.map_or_else(|| Err(not_found(name)), |row| self.shown(tx, &row).map(Reply::Value))
    }

    fn task_of(&self, read: &dyn Read, name: &str) -> Result<(Instance, u32), Problem> {
        let (number, element) = wire::parse_name(name).ok_or_else(|| not_found(name))?;
        let instance = self.load(read, number)?.ok_or_else(|| self.gone(read, name))?;
        let is_task =
            instance.element(element).is_some_and(|element| matches!(element.wait, Wait::Task(_)));
        if is_task { Ok((instance, element)) } else { Err(self.gone(read, name)) }
    }

    /// Returns why there is no open task of a name.
    fn gone(&self, read: &dyn Read, name: &str) -> Problem {
        match self.ended_task(read, name) {
            Ok(Some(ended)) => ended.refused().into(),
            Ok(None) => not_found(name),
            Err(problem) => problem,
        }
    }
}

/// Returns the fewest keys among which all tasks are that are looked for.
fn sought(call: &Call, mine: Option<&Mine<'_>>) -> Merged {
    let after = order_of(call.text("after").unwrap_or_default());
    match (mine, call.text("assignee"), call.text("search"), call.text("process")) {
        (Some(mine), ..) => {
            let roles = mine.roles.iter().map(|role| Whose::Role(role));
            let any = mine.takes_any.then_some(Whose::Nobody);
            let whose = std::iter::once(Whose::User(mine.user)).chain(roles).chain(any);
            Merged::of(whose.map(key::tasks_of), &after)
        }
        (None, Some(assignee), ..) => Merged::of([key::tasks_of(Whose::User(assignee))], &after),
        (None, None, Some(begin), _) if !begin.is_empty() => Merged::called(begin, &after),
        (None, None, _, Some(process)) => Merged::of([key::tasks_in(process)], &after),
        (None, None, _, None) => Merged::of([key::tasks()], &after),
    }
}

fn is_meant(row: &TaskRow, call: &Call) -> bool {
    let has =
        |name: &str, value: Option<&str>| call.text(name).is_none_or(|meant| value == Some(meant));
    let called = row.business_key.as_deref().unwrap_or_default();
    has("state", Some(&row.state))
        && has("assignee", row.assignee.as_deref())
        && has("process", Some(&row.process))
        && has("kind", Some(&row.kind))
        && call.text("search").is_none_or(|begin| called.starts_with(begin))
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
