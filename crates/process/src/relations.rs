//! What the engine offers to SQL: what is active, from the keys, and what is over, from the logs.

use crate::engine::Processes;
use crate::instance::{Instance, Wait};
use crate::messages::Message;
use crate::suspend::Suspended;
use crate::trail::DecisionRow;
use crate::wire::{self, ElementRow, IncidentRow, TaskRow, key};
use base::{Problem, Time};
use kernel::{Cell, Column, ColumnType, Read, Reader, Relation, Scan};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Pairs and bytes that are read in one go.
const PAIRS_MAX: usize = 500;
const BYTES_MAX: usize = 1 << 20;

/// Gives a row on; false where it has enough.
type Give<'a> = &'a mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>;

type Rows = fn(&Processes, &Reader, &Scan, Give<'_>) -> Result<(), Problem>;

/// Returns all relations.
pub(crate) fn relations(engine: &Arc<Processes>) -> Vec<Relation> {
    let mut all = history(engine);
    all.extend(work(engine));
    all.extend(waiting(engine));
    all.extend(repairs(engine));
    all
}

fn history(engine: &Arc<Processes>) -> Vec<Relation> {
    use ColumnType::{Int, Text, Time};
    let column = Column::new;
    vec![
        relation(
            engine,
            "process_instances",
            "Instances, active and over.",
            instances,
            vec![
                column("instance", Int, "the number").indexed(),
                column("process", Text, "the process").indexed(),
                column("version", Int, "the version of the process"),
                column("business_key", Text, "what the business calls it"),
                column("state", Text, "active, suspended, failed, completed or cancelled"),
                column("started_at", Time, "when it began, business time"),
                column("ended_at", Time, "when it ended, business time"),
                column("time", Time, "its business clock"),
                column("started_by", Text, "who started it"),
                column("on_behalf_of", Text, "for whom"),
                column("variables", Text, "its variables as JSON"),
                column("path", Text, "ids of finished activities and events as JSON, oldest first"),
                column("elements", Text, "ids of the elements at which it stands as JSON"),
                column("incidents", Int, "how many of these have an incident"),
            ],
        ),
        relation(
            engine,
            "elements",
            "Activities and events that are over.",
            elements,
            vec![
                column("instance", Int, "the instance"),
                column("process", Text, "the process"),
                column("element", Text, "the element's id"),
                column("entered_at", Time, "when it began, business time"),
                column("left_at", Time, "when it ended, business time"),
                column("state", Text, "completed or cancelled"),
            ],
        ),
        relation(
            engine,
            "decisions",
            "Decisions that instances have asked for, with the rules that fired.",
            decisions,
            vec![
                column("instance", Int, "the instance"),
                column("process", Text, "the process"),
                column("decision", Text, "the decision"),
                column("version", Int, "the version of the decision"),
                column("at", Time, "when, business time"),
                column("inputs", Text, "what it was decided from, as JSON"),
                column("result", Text, "what came out, as JSON"),
                column("tables", Text, "the tables behind it with the rules that fired, as JSON"),
            ],
        ),
    ]
}

fn work(engine: &Arc<Processes>) -> Vec<Relation> {
    use ColumnType::{Int, Text, Time};
    let column = Column::new;
    vec![
        relation(
            engine,
            "tasks",
            "Tasks, open and over.",
            tasks,
            vec![
                column("task", Text, "the name"),
                column("instance", Int, "the instance"),
                column("process", Text, "the process"),
                column("business_key", Text, "the business key of the instance"),
                column("kind", Text, "the element's id"),
                column("name", Text, "the element's name"),
                column("state", Text, "created, claimed, completed or cancelled"),
                column("assignee", Text, "whose it is"),
                column("candidates", Text, "roles whose members may take it, with commas"),
                column("due", Time, "when it should be done"),
                column("form", Text, "the form"),
                column("created_at", Time, "when it came, business time"),
                column("ended_at", Time, "when it ended, business time"),
                column("completed_by", Text, "who completed it"),
                column("priority", Int, "how much it matters beside others, 0 to 100"),
                column(
                    "done_at",
                    Time,
                    "when it was really done, business time, where who completed it said so",
                ),
            ],
        ),
        relation(
            engine,
            "jobs",
            "Jobs that are not done.",
            jobs,
            vec![
                column("job", Text, "the name"),
                column("type", Text, "the type"),
                column("state", Text, "available, held, put_off, suspended or failed"),
                column("instance", Int, "the instance"),
                column("process", Text, "the process"),
                column("element", Text, "the element's id"),
                column("retries", Int, "tries left"),
                column("worker", Text, "who holds it"),
                column("until", Time, "until when it is held or put off, wall time"),
                column("created_at", Time, "when it came, business time"),
            ],
        ),
    ]
}

fn waiting(engine: &Arc<Processes>) -> Vec<Relation> {
    use ColumnType::{Int, Text, Time};
    let column = Column::new;
    vec![
        relation(
            engine,
            "incidents",
            "What stands still until somebody mends it.",
            incidents,
            vec![
                column("incident", Text, "the name"),
                column("instance", Int, "the instance; null for a message"),
                column("process", Text, "the process"),
                column("business_key", Text, "the business key, or the message's correlation key"),
                column("code", Text, "a stable code"),
                column("message", Text, "what happened"),
                column("element", Text, "the element's id, or the message's name"),
                column("at", Time, "when, business time"),
            ],
        ),
        relation(
            engine,
            "timers",
            "Timers that are set.",
            timers,
            vec![
                column("due", Time, "when"),
                column("instance", Int, "the instance; null where it starts a process"),
                column("element", Int, "the number of the element inside the instance"),
            ],
        ),
        relation(
            engine,
            "messages",
            "Messages that wait for their process.",
            messages,
            vec![
                column("process", Text, "the process"),
                column("name", Text, "the message's name"),
                column("key", Text, "the correlation key"),
                column("time", Time, "when it was sent, business time"),
                column("expires", Time, "until when it waits, business time"),
                column("variables", Text, "what it carries, as JSON"),
            ],
        ),
    ]
}

fn repairs(engine: &Arc<Processes>) -> Vec<Relation> {
    use ColumnType::{Int, Text, Time};
    let column = Column::new;
    vec![
        relation(
            engine,
            "bulk_operations",
            "What is or was done to many instances at once.",
            bulk_operations,
            vec![
                column("bulk", Int, "the number"),
                column("action", Text, "retry, cancel, suspend, resume or migrate"),
                column("process", Text, "the process whose instances are meant"),
                column("state", Text, "running, done or stopped"),
                column("dry_run", ColumnType::Bool, "whether it is only tried"),
                column("limit", Int, "how many instances at most"),
                column("looked", Int, "instances that were looked at"),
                column("found", Int, "instances that the filter found"),
                column("called", Int, "calls that were made for them"),
                column("done", Int, "calls that did what they should"),
                column("failed", Int, "calls that did not"),
                column("problems", Text, "what went wrong how often as JSON, by code"),
                column("started_by", Text, "who started it"),
                column("started_at", Time, "when, business time"),
                column("ended_at", Time, "when it ended, business time"),
            ],
        ),
        relation(
            engine,
            "suspended_processes",
            "Processes that start no new instances until they are resumed.",
            suspended_processes,
            vec![
                column("process", Text, "the process"),
                column("suspended_by", Text, "who suspended it"),
                column("suspended_at", Time, "when, business time"),
            ],
        ),
    ]
}

fn relation(
    engine: &Arc<Processes>,
    name: &str,
    summary: &str,
    rows: Rows,
    columns: Vec<Column>,
) -> Relation {
    let engine = Arc::clone(engine);
    let rows: kernel::Rows = Arc::new(move |reader, scan, give| rows(&engine, reader, scan, give));
    Relation::system(name, summary, columns, rows)
}

/// Reads a log row by row.
fn each_row<T: DeserializeOwned>(
    reader: &Reader,
    log: &str,
    give: &mut dyn FnMut(T) -> Result<bool, Problem>,
) -> Result<bool, Problem> {
    let mut offset = 0;
    loop {
        let chunks = reader.chunks(log, offset, BYTES_MAX)?;
        let Some(last) = chunks.last() else { return Ok(true) };
        offset = last.offset + u64::from(last.count);
        for line in chunks.iter().flat_map(|chunk| kernel::rows(&chunk.bytes)) {
            if !give(wire::read(line)?)? {
                return Ok(false);
            }
        }
    }
}

/// Reads the pairs of a prefix.
fn each_pair(
    reader: &Reader,
    prefix: &base::Key,
    give: &mut dyn FnMut(&[u8], &[u8]) -> Result<bool, Problem>,
) -> Result<bool, Problem> {
    let (mut from, to) = (prefix.as_ref().to_vec(), base::prefix_end(prefix.as_ref()));
    loop {
        let pairs = reader.scan(&from, &to, PAIRS_MAX, false)?;
        let Some((last, _)) = pairs.last() else { return Ok(true) };
        from = last.clone();
        from.push(0);
        for (key, value) in &pairs {
            if !give(key, value)? {
                return Ok(false);
            }
        }
    }
}

fn int(number: u64) -> Cell {
    Cell::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn instants(time: Time) -> Cell {
    Cell::Time(time.0)
}

/// A finished instance as the log has it; its variables stay text.
#[derive(Deserialize)]
struct Over {
    instance: u64,
    process: String,
    version: u64,
    business_key: Option<String>,
    state: String,
    started_at: Time,
    ended_at: Option<Time>,
    time: Time,
    started_by: Option<String>,
    on_behalf_of: Option<String>,
    variables: Box<RawValue>,
    path: Box<RawValue>,
    elements: Box<RawValue>,
    incidents: u64,
}

impl Over {
    fn cells(self) -> Vec<Cell> {
        vec![
            int(self.instance),
            Cell::Text(self.process),
            int(self.version),
            Cell::text(self.business_key),
            Cell::Text(self.state),
            instants(self.started_at),
            Cell::time(self.ended_at),
            instants(self.time),
            Cell::text(self.started_by),
            Cell::text(self.on_behalf_of),
            Cell::Text(self.variables.get().to_owned()),
            Cell::Text(self.path.get().to_owned()),
            Cell::Text(self.elements.get().to_owned()),
            int(self.incidents),
        ]
    }
}

fn instances(
    engine: &Processes,
    reader: &Reader,
    scan: &Scan,
    give: Give<'_>,
) -> Result<(), Problem> {
    let wanted = scan.equals.iter().find_map(|(column, cell)| match (column, cell) {
        (0, Cell::Int(number)) => u64::try_from(*number).ok(),
        _ => None,
    });
    let prefix = match wanted {
        Some(number) => key::instance(number),
        None => kernel::key(b'i'),
    };
    let mut active = |found: &[u8], _: &[u8]| -> Result<bool, Problem> {
        let Some(row) = engine.instance_row(reader, wire::last(found).unwrap_or_default())? else {
            return Ok(true);
        };
        let over: Over = wire::read(&wire::write(&row)?)?;
        give(over.cells())
    };
    if each_pair(reader, &prefix, &mut active)? {
        each_row(reader, wire::LOG_INSTANCES, &mut |over: Over| give(over.cells()))?;
    }
    Ok(())
}

fn elements(_: &Processes, reader: &Reader, _: &Scan, give: Give<'_>) -> Result<(), Problem> {
    let mut cells = |row: ElementRow| {
        give(vec![
            int(row.instance),
            Cell::Text(row.process),
            Cell::Text(row.element),
            instants(row.entered_at),
            instants(row.left_at),
            Cell::Text(row.state),
        ])
    };
    each_row(reader, wire::LOG_ELEMENTS, &mut cells).map(|_| ())
}

fn decisions(_: &Processes, reader: &Reader, _: &Scan, give: Give<'_>) -> Result<(), Problem> {
    let mut cells = |row: DecisionRow| {
        give(vec![
            int(row.instance),
            Cell::Text(row.process),
            Cell::Text(row.decision),
            int(row.version),
            instants(row.at),
            Cell::Text(row.inputs.to_string()),
            Cell::Text(row.result.to_string()),
            Cell::Text(row.tables.to_string()),
        ])
    };
    each_row(reader, wire::LOG_DECISIONS, &mut cells).map(|_| ())
}

fn tasks(_: &Processes, reader: &Reader, _: &Scan, give: Give<'_>) -> Result<(), Problem> {
    let cells = |row: TaskRow| {
        vec![
            Cell::Text(row.task),
            int(row.instance),
            Cell::Text(row.process),
            Cell::text(row.business_key),
            Cell::Text(row.kind),
            Cell::text(row.name),
            Cell::Text(row.state),
            Cell::text(row.assignee),
            Cell::Text(row.candidates.join(",")),
            Cell::time(row.due),
            Cell::text(row.form),
            instants(row.created_at),
            Cell::time(row.ended_at),
            Cell::text(row.completed_by),
            row.priority.map_or(Cell::Null, |priority| int(priority.into())),
            Cell::time(row.done_at),
        ]
    };
    let mut open = |_: &[u8], value: &[u8]| give(cells(wire::read(value)?));
    if each_pair(reader, &key::tasks(), &mut open)? {
        each_row(reader, wire::LOG_TASKS, &mut |row: TaskRow| give(cells(row)))?;
    }
    Ok(())
}

fn each_instance(
    reader: &Reader,
    give: &mut dyn FnMut(&Instance) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    each_pair(reader, &kernel::key(b'i'), &mut |_, value| give(&wire::decode(value)?)).map(|_| ())
}

fn jobs(engine: &Processes, reader: &Reader, _: &Scan, give: Give<'_>) -> Result<(), Problem> {
    each_instance(reader, &mut |instance| {
        for element in &instance.elements {
            let Wait::Job(job) = &element.wait else { continue };
            let Some(row) = engine.job_row(reader, instance, element.id)? else { continue };
            let cells = vec![
                Cell::Text(row.job),
                Cell::Text(row.job_type),
                Cell::Text(row.state.into()),
                int(row.instance),
                Cell::Text(row.process),
                Cell::Text(row.element),
                Cell::Int(row.retries),
                Cell::text(row.worker),
                Cell::time(job.until),
                instants(element.entered),
            ];
            if !give(cells)? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

fn incidents(_: &Processes, reader: &Reader, _: &Scan, give: Give<'_>) -> Result<(), Problem> {
    let mut cells = |_: &[u8], value: &[u8]| {
        let row: IncidentRow = wire::read(value)?;
        give(vec![
            Cell::Text(row.incident),
            row.instance.map_or(Cell::Null, int),
            Cell::Text(row.process),
            Cell::text(row.business_key),
            Cell::Text(row.code),
            Cell::Text(row.message),
            Cell::Text(row.element),
            instants(row.at),
        ])
    };
    each_pair(reader, &key::incidents(), &mut cells).map(|_| ())
}

fn timers(_: &Processes, reader: &Reader, _: &Scan, give: Give<'_>) -> Result<(), Problem> {
    let mut cells = |found: &[u8], value: &[u8]| {
        let due = Cell::time(wire::instant(found, &key::timers()));
        let (instance, element) = wire::tail(found).unwrap_or_default();
        if value.is_empty() {
            give(vec![due, int(instance), int(element.into())])
        } else {
            give(vec![due, Cell::Null, Cell::Null])
        }
    };
    each_pair(reader, &key::timers(), &mut cells).map(|_| ())
}

fn bulk_operations(
    engine: &Processes,
    reader: &Reader,
    _: &Scan,
    give: Give<'_>,
) -> Result<(), Problem> {
    for bulk in engine.bulks(reader)? {
        let cells = vec![
            int(bulk.bulk),
            Cell::Text(bulk.action().into()),
            Cell::Text(bulk.order.filter.process.clone()),
            Cell::Text(bulk.state.as_str().into()),
            Cell::Bool(bulk.order.dry_run),
            int(bulk.limit),
            int(bulk.looked),
            int(bulk.found),
            int(bulk.called),
            int(bulk.done),
            int(bulk.failed),
            Cell::Text(serde_json::json!(bulk.problems).to_string()),
            Cell::Text(bulk.started_by.to_string()),
            instants(bulk.started_at),
            Cell::time(bulk.ended_at),
        ];
        if !give(cells)? {
            break;
        }
    }
    Ok(())
}

fn suspended_processes(
    _: &Processes,
    reader: &Reader,
    _: &Scan,
    give: Give<'_>,
) -> Result<(), Problem> {
    let mut cells = |found: &[u8], value: &[u8]| {
        let mut reader = base::KeyReader::new(found);
        let process = reader.text().and_then(|_| reader.text());
        let suspended: Suspended = wire::read(value)?;
        give(vec![Cell::text(process), Cell::Text(suspended.by), instants(suspended.at)])
    };
    each_pair(reader, &key::suspended_all(), &mut cells).map(|_| ())
}

fn messages(_: &Processes, reader: &Reader, _: &Scan, give: Give<'_>) -> Result<(), Problem> {
    let mut cells = |_: &[u8], value: &[u8]| {
        let message: Message = wire::read(value)?;
        give(vec![
            Cell::Text(message.process),
            Cell::Text(message.name),
            Cell::Text(message.key),
            instants(message.time),
            instants(message.expires),
            Cell::Text(serde_json::Value::Object(message.variables).to_string()),
        ])
    };
    each_pair(reader, &key::messages(), &mut cells).map(|_| ())
}
