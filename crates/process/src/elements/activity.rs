//! Work that somebody else does: workers, people, the kernel, the worker process for scripts.

use super::mapping::wrong;
use crate::error::Error;
use crate::instance::{ElementId, Job, Task, Variables, Wait};
use crate::state::{Effect, Step};
use base::{Kind, Problem, Time};
use notation::feel::Expression;
use notation::graph::{self, Node, NodeKind};
use serde_json::{Value, json};

/// The priority of what matters most.
const PRIORITY_MAX: u32 = 100;

impl Step<'_> {
    pub(super) fn job(
        &mut self,
        id: ElementId,
        node: &Node,
        job: &graph::Job,
    ) -> Result<(), Problem> {
        let job_type = self.text(id, "the type of a job", &job.job_type)?;
        let retries = self.whole(id, "the retries of a job", &job.retries)?;
        self.wait(id, node, Wait::Job(Job { job_type, retries, until: None, worker: None }))
    }

    pub(super) fn user_task(
        &mut self,
        id: ElementId,
        node: &Node,
        task: &graph::UserTask,
    ) -> Result<(), Problem> {
        let assignee = match &task.assignee {
            Some(expression) => Some(self.text(id, "the assignee of a task", expression)?),
            None => None,
        };
        let candidates = match &task.candidate_groups {
            Some(expression) => roles(&self.value(id, expression)?)?,
            None => Vec::new(),
        };
        let due = match &task.due {
            Some(expression) if self.is_there(id, expression)? => {
                Some(self.instant(id, expression)?)
            }
            _ => None,
        };
        let priority = match &task.priority {
            Some(expression) if self.is_there(id, expression)? => {
                Some(self.priority(id, expression)?)
            }
            _ => None,
        };
        let form = task.form.as_ref().map(|form| form.text().to_owned());
        let name = match &task.title {
            Some(expression) => Some(self.text(id, "the name of a task", expression)?),
            None => node.name.clone(),
        };
        let kind = node.id.clone();
        let assignee = assignee.filter(|assignee| !assignee.is_empty());
        let task = Task { kind, name, assignee, candidates, due, form, priority, report: None };
        self.wait(id, node, Wait::Task(Box::new(task)))
    }

    /// Returns whether an expression gives anything: a due date or a priority that is null is none.
    fn is_there(&self, id: ElementId, expression: &Expression) -> Result<bool, Problem> {
        Ok(!self.value(id, expression)?.is_null())
    }

    fn priority(&self, id: ElementId, expression: &Expression) -> Result<u32, Problem> {
        let what = "the priority of a task";
        let found = self.whole(id, what, expression)?;
        let priority = u32::try_from(found).ok().filter(|priority| *priority <= PRIORITY_MAX);
        priority.ok_or_else(|| wrong(what, "a whole number from 0 to 100", &json!(found)))
    }

    pub(super) fn call(
        &mut self,
        id: ElementId,
        node: &Node,
        call: &graph::Call,
    ) -> Result<(), Problem> {
        let resource = self.text(id, "the resource of a call", &call.resource)?;
        let retries = self.whole(id, "the retries of a call", &call.retries)?;
        let mut args: Variables = call
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), Value::String(value.clone())))
            .collect();
        // Only what the inputs name: an activity that undoes another also sees what that one left behind.
        if let Some(element) = self.instance.element(id) {
            let named = node.inputs.iter().filter_map(|input| input.target.first());
            args.extend(
                named.filter_map(|name| Some((name.clone(), element.variables.get(name)?.clone()))),
            );
        }
        let retries = u32::try_from(retries - 1).unwrap_or(0);
        self.make_call(id, node, (call.operation.clone(), resource), retries, args)
    }

    pub(super) fn decision(
        &mut self,
        id: ElementId,
        node: &Node,
        decision: &graph::Decision,
    ) -> Result<(), Problem> {
        let variables = self.instance.visible(id).into_owned();
        let args = Variables::from_iter([("variables".to_owned(), Value::Object(variables))]);
        let target = ("decision.evaluate".to_owned(), decision.decision.clone());
        self.make_call(id, node, target, 0, args)
    }

    fn make_call(
        &mut self,
        id: ElementId,
        node: &Node,
        (operation, resource): (String, String),
        retries: u32,
        args: Variables,
    ) -> Result<(), Problem> {
        let attempt = self.attempt(id) + 1;
        let wait = Wait::Call {
            operation: operation.clone(),
            resource: resource.clone(),
            attempt,
            retries,
        };
        self.wait(id, node, wait)?;
        self.tried(id, attempt - 1);
        let at = self.instance.time;
        self.effects.push(Effect::Call { element: id, attempt, operation, resource, args, at });
        Ok(())
    }

    pub(super) fn script(
        &mut self,
        id: ElementId,
        node: &Node,
        script: &graph::Script,
    ) -> Result<(), Problem> {
        let attempt = self.attempt(id) + 1;
        self.wait(id, node, Wait::Script { attempt })?;
        self.tried(id, attempt - 1);
        let variables = self.instance.visible(id).into_owned();
        let (text, at) = (script.text.clone(), self.instance.time);
        self.effects.push(Effect::Script { element: id, attempt, text, variables, at });
        Ok(())
    }

    /// Notes how often an element was tried after the first time.
    fn tried(&mut self, id: ElementId, again: u32) {
        if let Some(element) = self.instance.element_mut(id) {
            element.again = again;
        }
    }

    fn attempt(&self, id: ElementId) -> u32 {
        match self.instance.element(id).map(|element| &element.wait) {
            Some(Wait::Call { attempt, .. } | Wait::Script { attempt }) => *attempt,
            _ => 0,
        }
    }

    /// A worker or a person is done.
    pub(crate) fn complete(
        &mut self,
        id: ElementId,
        variables: Variables,
        by: Option<String>,
    ) -> bool {
        let Some(element) = self.instance.element(id) else { return false };
        let entered = element.entered;
        match &element.wait {
            Wait::Job(_) => {}
            Wait::Task(task) => {
                let (task, left) = (task.clone(), self.instance.time);
                let completed_by = Some(by.unwrap_or_default());
                self.effects.push(Effect::TaskEnded {
                    element: id,
                    task,
                    entered,
                    left,
                    completed_by,
                });
            }
            _ => return false,
        }
        if let Some(element) = self.instance.element_mut(id) {
            element.incident = None;
        }
        self.leave(id, Value::Object(variables));
        true
    }

    /// The result of a call or a script is there.
    pub(crate) fn result(
        &mut self,
        id: ElementId,
        attempt: u32,
        result: Result<Value, Problem>,
        row: Option<u64>,
    ) -> bool {
        let Some(element) = self.instance.element(id) else { return false };
        let retries = match element.wait {
            Wait::Call { attempt: current, retries, .. } if current == attempt => retries,
            Wait::Script { attempt: current } if current == attempt => 0,
            _ => return false,
        };
        let node = self.graph.node(element.node);
        match result {
            Ok(value) => self.leave(id, named(&node.kind, value)),
            Err(problem) => self.call_failed(id, &problem, retries),
        }
        // Who writes down that the element is over finds it there.
        self.instance.trail.decided.extend(row.map(|row| (id, row)));
        true
    }

    fn call_failed(&mut self, id: ElementId, problem: &Problem, retries: u32) {
        let error = json!({"error": {"code": problem.code, "message": problem.message}});
        // It is answered: whoever interrupts the element has nothing to withdraw.
        let wait = self.swap_wait(id, Wait::Entry);
        if self.throw(id, &problem.code, error.clone(), false) {
            return;
        }
        self.swap_wait(id, wait);
        let may_work_later = matches!(problem.kind, Kind::Unavailable | Kind::Exhausted);
        if may_work_later && 0 < retries {
            self.begin(id);
            if let Some(element) = self.instance.element_mut(id)
                && let Wait::Call { retries: left, .. } = &mut element.wait
            {
                *left = retries - 1;
            }
            return;
        }
        let wait = self.swap_wait(id, Wait::Entry);
        if !self.throw(id, &problem.code, error, true) {
            self.swap_wait(id, wait);
            self.stop(id, problem);
        }
    }

    fn swap_wait(&mut self, id: ElementId, wait: Wait) -> Wait {
        let element = self.instance.element_mut(id);
        element.map_or(Wait::Entry, |element| std::mem::replace(&mut element.wait, wait))
    }

    /// A worker failed: the job can be tried again, or becomes an incident.
    pub(crate) fn job_failed(
        &mut self,
        id: ElementId,
        retries: Option<i64>,
        until: Option<Time>,
        message: String,
        variables: Variables,
    ) -> bool {
        let Some(element) = self.instance.element_mut(id) else { return false };
        let Wait::Job(job) = &mut element.wait else { return false };
        job.retries = retries.unwrap_or(job.retries - 1);
        job.worker = None;
        job.until = until;
        let is_exhausted = job.retries <= 0;
        element.variables.extend(variables);
        element.again += 1;
        if is_exhausted {
            self.stop(id, &Error::Retries { message }.into());
        }
        true
    }

    /// A worker reports a BPMN error.
    pub(crate) fn job_error(
        &mut self,
        id: ElementId,
        code: &str,
        message: &str,
        variables: Variables,
    ) -> bool {
        let is_job =
            self.instance.element(id).is_some_and(|element| matches!(element.wait, Wait::Job(_)));
        if is_job && !self.throw(id, code, Value::Object(variables), true) {
            let problem = Error::Uncaught { code: code.into(), message: message.into() }.into();
            self.stop(id, &problem);
        }
        is_job
    }
}

/// Gives a result the name under which the model wants it.
fn named(kind: &NodeKind, value: Value) -> Value {
    match kind {
        NodeKind::Decision(graph::Decision { result_variable, .. })
        | NodeKind::Script(graph::Script { result_variable, .. }) => {
            json!({ result_variable: value })
        }
        _ if value.is_object() || value.is_null() => value,
        _ => json!({ "result": value }),
    }
}

/// Reads roles: text with commas, or a list.
fn roles(value: &Value) -> Result<Vec<String>, Problem> {
    let names: Vec<String> = match value {
        Value::Null => Vec::new(),
        Value::String(text) => text.split(',').map(|role| role.trim().to_owned()).collect(),
        Value::Array(values) if values.iter().all(Value::is_string) => {
            values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => {
            return Err(wrong(
                "the candidates of a task",
                "text with commas or a list of texts",
                value,
            ));
        }
    };
    Ok(names.into_iter().filter(|name| !name.is_empty()).collect())
}
