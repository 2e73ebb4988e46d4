//! Every operation on processes, instances, jobs, tasks, incidents and decisions.

use crate::bulk::Order;
use crate::engine::Processes;
use crate::incidents::Resolve;
use crate::instances::{Publish, StartParameters};
use crate::jobs::{Activate, Complete, Fail, JobError, JobRow, activated};
use crate::open::OpenTask;
use crate::repair::{Migrate, MoveToken, SetVariables, Try};
use crate::signals::PublishSignal;
use crate::suspend::Suspend;
use crate::tasks::{Assign, CompleteTask};
use kernel::{Operation, Right, decide, operation, read};
use schemars::JsonSchema;
use serde_json::{Value, json};
use std::sync::Arc;

/// Returns the JSON schema of a type.
pub(crate) fn schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

fn page() -> Value {
    json!({"type": "object", "properties": {
        "items": {"type": "array", "items": {"type": "object"}},
        "next": {"type": ["string", "null"]},
    }})
}

const PAGE: (&str, &str) = ("limit", "how many, 100 where absent");
const AFTER: (&str, &str) = ("after", "the last of the page before: what `next` said");

/// Every operation of the engine.
pub(crate) fn operations(engine: &Arc<Processes>) -> Vec<Operation> {
    let mut all = processes(engine);
    all.extend(instances(engine));
    all.extend(repairs(engine));
    all.extend(bulk(engine));
    all.extend(incidents(engine));
    all.extend(jobs(engine));
    all.extend(tasks(engine));
    all.extend(forms(engine));
    all.extend(decisions(engine));
    all
}

fn processes(engine: &Arc<Processes>) -> Vec<Operation> {
    use Right::{Read, Run};
    let withdraw = Arc::clone(engine);
    vec![
        operation(
            "process.list",
            Read,
            "Lists processes with how many instances each has: active, stopped, finished.",
            read(engine, Processes::list_processes),
        )
        .on_kind()
        .queries(&[("text", "whose name has this text"), PAGE, AFTER])
        .answers(page()),
        operation(
            "process.get",
            Read,
            "Shows a process: its diagram, its versions, and for each element how often, how long, and where it stands still.",
            read(engine, Processes::get_process),
        )
        .queries(&[("version", "this version alone; all together, in the newest diagram, where absent")]),
        operation(
            "process.start",
            Run,
            "Starts a process.",
            decide(engine, Processes::start_process),
        )
        .takes(schema::<StartParameters>())
        .cancelled_by(Arc::new(move |tx, call| withdraw.withdraw_start(tx, call))),
        operation(
            "process.publish",
            Run,
            "Gives a message to an instance of the process that waits for it, or has it start one.",
            decide(engine, Processes::publish_message),
        )
        .takes(schema::<Publish>()),
        operation(
            "process.suspend",
            Run,
            "Has a process start no new instances until it is resumed; its instances go on.",
            decide(engine, Processes::suspend_process),
        )
        .takes(schema::<Suspend>()),
        operation(
            "process.resume",
            Run,
            "Has a suspended process start instances again: first what waited for it.",
            decide(engine, Processes::resume_process),
        )
        .takes(schema::<Suspend>()),
        operation(
            "signal.publish",
            Run,
            "Gives a signal to all who wait for it, and starts the processes that it starts.",
            decide(engine, Processes::publish_signal),
        )
        .on_kind()
        .takes(schema::<PublishSignal>()),
    ]
}

fn instances(engine: &Arc<Processes>) -> Vec<Operation> {
    use Right::Read;
    vec![
        operation(
            "instance.get",
            Read,
            "Shows an active instance.",
            read(engine, Processes::get_instance),
        ),
        operation(
            "instance.list",
            Read,
            "Lists instances: those that are active, the oldest first, or by `state` and `newest` any, the newest first.",
            read(engine, Processes::list_instances),
        )
        .on_kind()
        .queries(&[
            ("process", "of this process"),
            ("version", "that run this version, or ran it last"),
            ("element", "that stand at this element: none that is over does"),
            ("business_key", "with this business key, of the process"),
            ("variable", "with a value of this indexed variable, of the process"),
            ("value", "the value of that variable"),
            (
                "state",
                "`active`, `suspended` or `failed`; `open` for these, `incident` for those that stand still somewhere, `completed`, `cancelled`, `finished` for both, `all`",
            ),
            ("from", "that began at this time or later"),
            ("to", "that began at this time or before"),
            ("newest", "`true` for the newest first, as where the state, a version, an element or a time needs it"),
            PAGE,
            AFTER,
        ])
        .answers(page()),
        operation(
            "instance.history",
            Read,
            "Tells what an instance, active or over, has done: its path, flows, tasks, calls, decisions and incidents.",
            read(engine, Processes::instance_history),
        ),
    ]
}

fn repairs(engine: &Arc<Processes>) -> Vec<Operation> {
    use Right::{Manage, Run};
    vec![
        operation(
            "instance.cancel",
            Run,
            "Ends an instance and withdraws what it asked for.",
            decide(engine, Processes::cancel_instance),
        )
        .takes(schema::<Try>()),
        operation(
            "instance.suspend",
            Run,
            "Has an instance take nothing until it is resumed: no timers, jobs, messages, results.",
            decide(engine, Processes::suspend_instance),
        )
        .takes(schema::<Try>()),
        operation(
            "instance.resume",
            Run,
            "Has a suspended instance take what came meanwhile, in order, and go on.",
            decide(engine, Processes::resume_instance),
        )
        .takes(schema::<Try>()),
        operation(
            "instance.set_variables",
            Manage,
            "Changes variables of an instance, or of an element of it.",
            decide(engine, Processes::set_variables),
        )
        .takes(schema::<SetVariables>()),
        operation(
            "instance.move",
            Manage,
            "Ends an element of an instance and begins another in its place.",
            decide(engine, Processes::move_token),
        )
        .takes(schema::<MoveToken>()),
        operation(
            "instance.migrate",
            Manage,
            "Takes an instance over to another version of its process.",
            decide(engine, Processes::migrate_instance),
        )
        .takes(schema::<Migrate>()),
    ]
}

fn bulk(engine: &Arc<Processes>) -> Vec<Operation> {
    use Right::{Manage, Read};
    vec![
        operation(
            "bulk.start",
            Manage,
            "Does to all instances that a filter finds what can be done to one.",
            decide(engine, Processes::start_bulk),
        )
        .on_kind()
        .takes(schema::<Order>()),
        operation(
            "bulk.get",
            Read,
            "Shows how far a bulk operation is, and what went wrong.",
            read(engine, Processes::get_bulk),
        ),
        operation("bulk.list", Read, "Lists bulk operations.", read(engine, Processes::list_bulk))
            .on_kind()
            .queries(&[("newest", "`true` for the newest first"), PAGE, AFTER])
            .answers(page()),
        operation(
            "bulk.stop",
            Manage,
            "Has a bulk operation make no more calls.",
            decide(engine, Processes::stop_bulk),
        ),
    ]
}

fn incidents(engine: &Arc<Processes>) -> Vec<Operation> {
    use Right::{Read, Run};
    vec![
        operation(
            "incident.get",
            Read,
            "Shows an incident, and the variables that the element sees.",
            read(engine, Processes::get_incident),
        ),
        operation(
            "incident.list",
            Read,
            "Lists incidents.",
            read(engine, Processes::list_incidents),
        )
        .on_kind()
        .queries(&[
            ("process", "of this process"),
            ("element", "at this element"),
            ("code", "with this code"),
            ("business_key", "with this business key"),
            ("text", "that say this somewhere: message, code, element, business key"),
            ("newest", "`true` for those of the newest instances first"),
            PAGE,
            AFTER,
        ])
        .answers(page()),
        operation(
            "incident.resolve",
            Run,
            "Changes variables and tries again, in place.",
            decide(engine, Processes::resolve_incident),
        )
        .takes(schema::<Resolve>()),
    ]
}

fn jobs(engine: &Arc<Processes>) -> Vec<Operation> {
    use Right::{Read, Run};
    vec![
        operation(
            "job.activate",
            Run,
            "Gives jobs of a type to a worker.",
            decide(engine, Processes::activate_jobs),
        )
        .on_kind()
        .takes(schema::<Activate>())
        .answers(activated())
        .counted(),
        operation("job.complete", Run, "Finishes a job.", decide(engine, Processes::complete_job))
            .takes(schema::<Complete>())
            .masked(),
        operation(
            "job.fail",
            Run,
            "Says that a try of a job failed.",
            decide(engine, Processes::fail_job),
        )
        .takes(schema::<Fail>())
        .masked(),
        operation(
            "job.error",
            Run,
            "Ends a job with a BPMN error.",
            decide(engine, Processes::error_job),
        )
        .takes(schema::<JobError>())
        .masked(),
        operation("job.get", Read, "Shows a job.", read(engine, Processes::get_job))
            .answers(schema::<JobRow>()),
        operation("job.list", Read, "Lists jobs.", read(engine, Processes::list_jobs))
            .on_kind()
            .queries(&[("type", "of this type"), PAGE])
            .answers(page()),
    ]
}

fn tasks(engine: &Arc<Processes>) -> Vec<Operation> {
    use Right::{Manage, Read, Run};
    vec![
        operation("task.get", Read, "Shows a task.", read(engine, Processes::get_task)),
        operation(
            "task.list",
            Read,
            "Lists open tasks, what is due first before others.",
            read(engine, Processes::list_tasks),
        )
        .on_kind()
        .queries(&[
            ("mine", "`true`: the caller's own, and those that his roles may take"),
            ("search", "of instances whose business key begins so"),
            ("assignee", "of this person"),
            ("process", "of this process"),
            ("kind", "of this element"),
            ("state", "`created` or `claimed`"),
            PAGE,
            AFTER,
        ])
        .answers(page()),
        operation(
            "task.open",
            Run,
            "Opens a task for people that belongs to no process of the unit's.",
            decide(engine, Processes::open_task),
        )
        .on_kind()
        .takes(schema::<OpenTask>())
        .answers(
            json!({"type": "object", "required": ["task", "instance"], "properties": {
                "task": {"type": "string"},
                "instance": {"type": "integer"},
            }}),
        ),
        operation("task.claim", Run, "Takes a task.", decide(engine, Processes::claim_task)),
        operation(
            "task.unclaim",
            Run,
            "Gives a task back.",
            decide(engine, Processes::unclaim_task),
        ),
        operation(
            "task.assign",
            Manage,
            "Gives a task to a person.",
            decide(engine, Processes::assign_task),
        )
        .takes(schema::<Assign>()),
        operation(
            "task.complete",
            Run,
            "Finishes a task.",
            decide(engine, Processes::complete_task),
        )
        .takes(schema::<CompleteTask>()),
    ]
}

fn forms(engine: &Arc<Processes>) -> Vec<Operation> {
    use Right::Read;
    vec![
        operation("form.get", Read, "Shows a form.", read(engine, Processes::get_form))
            .queries(&[("version", "of this version; the newest where absent")])
            .answers(json!({"type": "object", "properties": {
                "form": {"type": "string"},
                "version": {"type": "integer"},
                "schema": {"type": "object"},
            }})),
        operation("form.list", Read, "Lists forms.", read(engine, Processes::list_forms))
            .on_kind()
            .queries(&[PAGE, AFTER])
            .answers(page()),
    ]
}

fn decisions(engine: &Arc<Processes>) -> Vec<Operation> {
    use Right::{Manage, Read, Run};
    let withdraw = Arc::clone(engine);
    vec![
        operation(
            "decision.list",
            Read,
            "Lists decisions, and which processes ask for them.",
            read(engine, Processes::list_decisions),
        )
        .on_kind()
        .queries(&[("text", "whose name has this text"), PAGE, AFTER])
        .answers(page()),
        operation(
            "decision.get",
            Read,
            "Shows a decision: its diagram and tables, and which processes ask for it.",
            read(engine, Processes::get_decision),
        )
        .queries(&[("version", "as it stood at this version")]),
        operation(
            "decision.explain",
            Read,
            "Evaluates a decision and tells which rules fired, in it and in the decisions behind it.",
            read(engine, Processes::explain),
        )
        .takes(json!({"type": "object", "properties": {
            "variables": {"type": "object"},
            "version": {"type": ["integer", "null"]},
            "decision": {"type": ["string", "null"]},
        }})),
        operation(
            "decision.evaluate",
            Run,
            "Evaluates a decision; the answer comes later.",
            decide(engine, Processes::evaluate),
        )
        .takes(json!({"type": "object", "properties": {"variables": {"type": "object"}}}))
        .cancelled_by(Arc::new(move |tx, call| withdraw.withdraw_decision(tx, call)))
        .counted(),
        operation(
            "decision.record",
            Manage,
            "Records what the worker process evaluated.",
            decide(engine, Processes::record_results),
        )
        .on_kind()
        .internal()
        .counted(),
    ]
}
