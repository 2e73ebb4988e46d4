//! Everything that runs, in one list, and what can be done with it: end it, have it pause, have it go on, limit it.
//!
//! Engines tell what runs in them ([`Engine::running`](crate::Engine::running)) and say how it is told something
//! ([`Engine::signal`](crate::Engine::signal)): most often by an operation, which is then called as whoever asked, with his rights.
//! So nobody ends by `running.kill` what he could not end by the operation of its kind.

use crate::bucket::Rate;
use crate::operation::{Call, Operation, Prepared, Reply, Right, decide, operation, read};
use crate::quota::{Limits, QueryLimits};
use crate::relation::{Cell, Column, ColumnType, Relation, Scan};
use crate::system::System;
use crate::writer::run;
use crate::{Error, Principal, Read, Reader, ResourceRef, Tx};
use base::{Period, Problem, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Something that runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Running {
    /// `KIND/ID`, for example `query/q7` or `instance/42`.
    pub id: String,
    /// `query`, `instance`, `job`, `call`, `work`.
    pub kind: &'static str,
    /// What runs, in a line.
    pub what: String,
    /// What whoever asked for it has named it, so that he can tell it something.
    pub tag: Option<String>,
    /// The resource that it belongs to, where there is one.
    pub resource: Option<String>,
    /// Who runs it.
    pub principal: String,
    /// For whom.
    pub on_behalf_of: Option<String>,
    /// Since when: wall time; business time for instances, jobs and calls.
    pub since: Time,
    /// How much processor time it took in milliseconds, where that is known.
    pub cpu_ms: Option<u64>,
    /// How many bytes of memory it holds, where that is known.
    pub memory_bytes: Option<u64>,
    /// How many rows it has made so far, where it makes rows.
    pub rows: Option<u64>,
    /// How many bytes it has made so far, where it makes bytes.
    pub bytes: Option<u64>,
    /// How it stands, in a word of its kind: `running`, `paused`, `active`, `held`, `open`.
    pub state: String,
}

/// Which of all that runs is meant; what is absent does not matter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    /// This one.
    pub id: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Of this principal, or on behalf of it.
    pub principal: Option<String>,
    /// Of this resource.
    pub resource: Option<String>,
    /// The caller's own of this tag.
    pub tag: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// So many at most.
    pub limit: Option<usize>,
    /// Behind this place: what `next` said of the answer before. An engine sees what it said itself.
    pub after: Option<String>,
    /// How much an engine looks at in one go; at everything where absent.
    #[serde(skip)]
    pub looks: Option<usize>,
}

impl Wanted {
    /// Returns whether something of a kind can be meant; who knows that need not look.
    pub fn is_of(&self, kind: &str) -> bool {
        let by_id = self.id.as_ref().and_then(|id| id.split_once('/')).map(|(kind, _)| kind);
        self.kind.as_ref().is_none_or(|wanted| wanted == kind)
            && by_id.is_none_or(|wanted| wanted == kind)
    }

    /// Returns whether this is meant.
    pub fn is(&self, running: &Running) -> bool {
        let fits = |wanted: &Option<String>, value: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == value)
        };
        let is_his = self.principal.as_ref().is_none_or(|wanted| {
            *wanted == running.principal || running.on_behalf_of.as_ref() == Some(wanted)
        });
        fits(&self.id, &running.id)
            && fits(&self.kind, running.kind)
            && fits(&self.resource, running.resource.as_deref().unwrap_or_default())
            && fits(&self.state, &running.state)
            && (self.tag.is_none() || self.tag == running.tag)
            && is_his
    }

    /// Looks at what an engine has, in pages: `page` reads what stands behind a place, each with its own place, and `look` returns false
    /// where it has enough and did not take it. Returns behind which place the walk has stopped: there, or where so much was looked at
    /// as may be; nothing where all was looked at.
    ///
    /// # Errors
    /// What `page` or `look` says.
    pub fn walk<P, T>(
        &self,
        mut after: P,
        mut page: impl FnMut(&P) -> Result<Vec<(P, T)>, Problem>,
        mut look: impl FnMut(T) -> Result<bool, Problem>,
    ) -> Result<Option<P>, Problem> {
        let mut looks = self.looks.unwrap_or(usize::MAX);
        loop {
            let found = page(&after)?;
            if found.is_empty() {
                return Ok(None);
            }
            for (place, item) in found {
                if looks == 0 || !look(item)? {
                    return Ok(Some(after));
                }
                looks -= 1;
                after = place;
            }
        }
    }

    fn is_empty(&self) -> bool {
        let Self { id, kind, principal, resource, tag, state, limit: _, after: _, looks: _ } = self;
        [id, kind, principal, resource, tag, state].into_iter().all(Option::is_none)
    }
}

/// What something that runs can be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signal {
    /// To end.
    Kill,
    /// To pause.
    Pause,
    /// To go on.
    Resume,
    /// To use no more than this.
    Limit(QueryLimits),
}

impl Signal {
    /// Returns the word for what is wanted, as in *it cannot be paused*.
    pub fn participle(self) -> &'static str {
        match self {
            Self::Kill => "ended",
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Limit(_) => "limited by itself",
        }
    }

    /// Returns the refusal of something that cannot be told this.
    pub fn unsupported(self, what: impl Into<String>) -> Problem {
        Error::Unsupported { what: what.into(), verb: self.participle() }.into()
    }
}

/// How something is told.
#[derive(Debug)]
pub enum Act {
    /// It was told.
    Done,
    /// By this operation on this resource, with these parameters, as whoever asks.
    Operation(&'static str, ResourceRef, Value),
}

/// Gives what runs to `give`, which returns false where it has enough and did not take it.
pub type Give<'a> = &'a mut dyn FnMut(Running) -> Result<bool, Problem>;

/// Gives everything that runs and that a caller may see. Where an engine did not look at all it returns from where to go on.
///
/// # Errors
/// `call.invalid` where `after` is no such place; where the store cannot be read, or what `give` says.
pub(crate) fn each(
    read: &dyn Read,
    caller: &Principal,
    wanted: &Wanted,
    give: Give<'_>,
) -> Result<Option<String>, Problem> {
    let kernel = Arc::clone(read.kernel());
    let engines = kernel.engines();
    let (first, mut place) = match &wanted.after {
        None => (0, None),
        Some(after) => {
            let reason = "`after` is what `next` said of the answer before";
            let wrong = || Error::Parameters { reason: reason.into() };
            let (name, place) = after.split_once(':').ok_or_else(wrong)?;
            let first = engines.iter().position(|engine| engine.name() == name);
            (first.ok_or_else(wrong)?, Some(place.to_owned()))
        }
    };
    for engine in &engines[first..] {
        let here = Wanted { after: place.take(), ..wanted.clone() };
        let mut is_wanted = true;
        let stopped = engine.running(read, caller, &here, &mut |running| {
            if here.is(&running) {
                is_wanted = give(running)?;
            }
            Ok(is_wanted)
        })?;
        if stopped.is_some() || !is_wanted {
            return Ok(stopped.map(|place| format!("{}:{place}", engine.name())));
        }
    }
    Ok(None)
}

/// What fits a filter, as far as one answer goes.
struct Fitting {
    items: Vec<Running>,
    has_more: bool,
    /// From where to go on.
    next: Option<String>,
}

impl Fitting {
    /// Finds `most` at most, and no more than are wanted.
    fn find(
        read: &dyn Read,
        caller: &Principal,
        wanted: &Wanted,
        most: usize,
    ) -> Result<Self, Problem> {
        let config = read.kernel().config();
        let most = wanted.limit.map_or(most, |limit| limit.min(most));
        let wanted = Wanted { looks: Some(config.running_looks_max.max(1)), ..wanted.clone() };
        let (mut items, mut has_more) = (Vec::new(), false);
        let next = each(read, caller, &wanted, &mut |running| {
            has_more = most <= items.len();
            if !has_more {
                items.push(running);
            }
            Ok(!has_more)
        })?;
        Ok(Self { items, has_more: has_more || next.is_some(), next })
    }
}

/// Every operation on what runs.
pub(crate) fn operations(system: &Arc<System>) -> Vec<Operation> {
    let told = |name, right, summary, signal| {
        operation(name, right, summary, decide(system, move |_, tx, call| tell(tx, call, signal)))
            .on_kind()
            .takes(filter_schema())
            .prepared(prepare)
            .answers(list_schema())
    };
    vec![
        operation(
            "running.list",
            Right::Read,
            "Lists what runs: queries, process instances, jobs, calls between units, background work.",
            read(system, |_, reader, call| list(reader, call)),
        )
        .on_kind()
        .queries(&[
            ("id", "this one, `KIND/ID`"),
            ("kind", "of this kind: `query`, `instance`, `job`, `call` or `work`"),
            ("principal", "of this principal, or on behalf of it"),
            ("resource", "of this resource, for example `process/order-to-delivery`"),
            ("tag", "the caller's own of this tag, as `sql.query` takes it"),
            ("state", "in this state"),
            ("limit", "so many at most"),
            ("after", "from where to go on: what `next` said of the answer before"),
        ])
        .answers(list_schema())
        .while_closed(),
        told(
            "running.kill",
            Right::Run,
            "Ends what runs: one thing, or all that fit, a portion at a time.",
            Signal::Kill,
        ),
        told("running.pause", Right::Run, "Has what runs pause.", Signal::Pause),
        told("running.resume", Right::Run, "Has what pauses go on.", Signal::Resume),
        operation(
            "running.limit",
            Right::Manage,
            "Limits a principal or a query from now on, until the unit stops or the time is up.",
            decide(system, |_, tx, call| limit(tx, call)),
        )
        .on_kind()
        .takes(limit_schema()),
    ]
}

fn filter_schema() -> Value {
    let text = || json!({"type": "string"});
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "id": {"type": "string", "description": "This one: `query/q7`, `instance/42`, `call/CONTRACT/7`, `process/NAME`, `work/tables`."},
            "kind": text(), "principal": text(), "resource": text(), "state": text(),
            "tag": {"type": "string", "description": "The caller's own of this tag, as `sql.query` takes it."},
            "limit": {"type": "integer", "minimum": 1},
            "after": {"type": "string", "description": "From where to go on: what `next` said of the answer before."},
        },
    })
}

fn list_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"type": "object"}},
            "more": {"type": "boolean", "description": "Whether there may be more."},
            "next": {"type": ["string", "null"], "description": "From where to go on with `after`, where there may be more."},
        },
    })
}

fn limit_schema() -> Value {
    let number = |summary: &str| json!({"type": "integer", "minimum": 1, "description": summary});
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "principal": {"type": "string", "description": "Whom: `user:NAME` or `peer:UNIT`."},
            "id": {"type": "string", "description": "Or which query: `query/q7`, by `memory`, `time` and `rows`."},
            "rate": number("Calls a second."),
            "burst": number("Calls at once; as many as a second where absent."),
            "concurrency": number("Calls at the same time."),
            "bytes": number("Bytes of bodies a second."),
            "memory": number("Bytes of memory of one query."),
            "time": {"type": "string", "description": "How long one query may take: `PT5S`."},
            "rows": number("Rows of the result of one query."),
            "queries": number("Queries at the same time."),
            "lasting": {"type": "string", "description": "For how long: `PT10M`; until the unit stops where absent."},
            "clear": {"type": "boolean", "description": "Takes such a limit away."},
        },
    })
}

fn list(reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let text = |name: &str| call.text(name).map(str::to_owned);
    let wanted = Wanted {
        id: text("id"),
        kind: text("kind"),
        principal: text("principal"),
        resource: text("resource"),
        tag: text("tag"),
        state: text("state"),
        limit: call.number("limit")?.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        after: text("after"),
        looks: None,
    };
    let most = reader.kernel().config().running_max;
    let found = Fitting::find(reader, reader.caller(), &wanted, most)?;
    Reply::of(&json!({"items": found.items, "more": found.has_more, "next": found.next}))
}

/// Finds a portion of what fits a filter, on the caller's thread: much may have to be looked at for it.
fn prepare(reader: &Reader, call: &mut Call) -> Result<(), Problem> {
    let wanted: Wanted = call.parameters()?;
    if wanted.id.is_some() {
        return Ok(());
    }
    if wanted.is_empty() {
        let reason = "say which: by its `id`, or by a filter".into();
        return Err(Error::Parameters { reason }.into());
    }
    // All of them are told in one turn, for which the calls of others wait.
    let most = reader.kernel().config().running_portion_max.max(1);
    let found = Fitting::find(reader, &call.actor, &wanted, most)?;
    call.prepared = Some(Prepared::new(found));
    Ok(())
}

/// `running.kill`, `running.pause`, `running.resume`: by its id one thing, or a portion of what fits a filter.
fn tell(tx: &mut Tx<'_>, call: &Call, signal: Signal) -> Result<Reply, Problem> {
    let wanted: Wanted = call.parameters()?;
    if let Some(id) = &wanted.id {
        tell_one(tx, call, id, signal)?;
        return Ok(Reply::Value(json!({"items": [{"id": id, "outcome": "done"}]})));
    }
    let Some(found) = call.prepared::<Fitting>() else {
        let reason = "in a batch, or from a process, say which by its `id`".into();
        return Err(Error::Parameters { reason }.into());
    };
    // One that refuses does not hold up the others: each call has a savepoint of its own, and leaves its line in the audit.
    let items = found.items.iter().map(|running| {
        let told = tell_one(tx, call, &running.id, signal);
        let outcome = told.map_or_else(|problem| problem.code, |()| "done".into());
        json!({"id": running.id, "outcome": outcome})
    });
    let items: Vec<Value> = items.collect();
    Ok(Reply::Value(json!({"items": items, "more": found.has_more, "next": found.next})))
}

fn tell_one(tx: &mut Tx<'_>, call: &Call, id: &str, signal: Signal) -> Result<(), Problem> {
    let kernel = Arc::clone(tx.kernel());
    for engine in kernel.engines() {
        match engine.signal(tx, &call.actor, id, signal)? {
            None => {}
            Some(Act::Done) => return Ok(()),
            Some(Act::Operation(operation, resource, args)) => {
                let mut inner = Call::new(operation, resource, call.actor.clone()).with(args);
                inner.on_behalf_of.clone_from(&call.on_behalf_of);
                inner.scope.clone_from(&call.scope);
                inner.stamp.clone_from(&call.stamp);
                inner.at = call.at;
                return run(tx, &inner).map(|_| ());
            }
        }
    }
    Err(not_found(id))
}

/// Returns that nothing of this id runs, or none that the caller may see.
pub(crate) fn not_found(id: &str) -> Problem {
    let shown: String = id.chars().take(80).collect();
    Error::NotFound { resource: format!("`{shown}`") }.into()
}

/// The parameters of `running.limit`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    principal: Option<Principal>,
    id: Option<String>,
    rate: Option<u64>,
    burst: Option<u64>,
    concurrency: Option<u64>,
    bytes: Option<u64>,
    memory: Option<u64>,
    time: Option<Period>,
    rows: Option<u64>,
    queries: Option<u64>,
    lasting: Option<Period>,
    #[serde(default)]
    clear: bool,
}

impl Limit {
    /// Returns how much is said.
    ///
    /// # Errors
    /// `call.invalid` where nothing is, or where something of it would not count.
    fn limits(&self) -> Result<Limits, Problem> {
        let wrong = |reason: &str| Problem::from(Error::Parameters { reason: reason.into() });
        if self.id.is_some() && self.principal.is_none() {
            self.check_one()?;
        }
        if self.burst.is_some() && self.rate.is_none() {
            return Err(wrong("`burst` needs a `rate`"));
        }
        let rate = |per_second: u64, burst: u64| Rate { per_second: per_second.max(1), burst };
        let limits = Limits {
            calls: self.rate.map(|calls| rate(calls, self.burst.unwrap_or(calls).max(1))),
            concurrency: self.concurrency,
            bytes: self.bytes.map(|bytes| rate(bytes, bytes.max(1))),
            queries: QueryLimits {
                concurrency: self.queries,
                bytes: self.memory,
                ms: self.time.map(|time| u64::try_from(time.0).unwrap_or(0).max(1)),
                rows: self.rows,
            },
        };
        let is_empty = limits == Limits::default();
        if is_empty && !self.clear {
            return Err(wrong(
                "say how much: `rate`, `concurrency`, `bytes`, `memory`, `time`, `rows` or `queries`",
            ));
        }
        if self.clear && (!is_empty || self.lasting.is_some()) {
            return Err(wrong("`clear` takes every such limit away and goes with no other"));
        }
        Ok(limits)
    }

    /// Refuses what limits a principal and not one thing that runs.
    ///
    /// # Errors
    /// `call.invalid`.
    fn check_one(&self) -> Result<(), Problem> {
        let of_principals = [
            ("rate", self.rate.is_some()),
            ("burst", self.burst.is_some()),
            ("concurrency", self.concurrency.is_some()),
            ("bytes", self.bytes.is_some()),
            ("queries", self.queries.is_some()),
            ("lasting", self.lasting.is_some()),
            ("clear", self.clear),
        ];
        match of_principals.into_iter().find(|(_, is_said)| *is_said) {
            None => Ok(()),
            Some((name, _)) => {
                let reason = format!("`{name}` is for a principal, not for one query");
                let hint = "limit a query by `memory`, `time` or `rows`; or name whom to limit";
                Err(Problem::from(Error::Parameters { reason }).with_hint(hint))
            }
        }
    }
}

/// `running.limit`.
fn limit(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let wanted: Limit = call.parameters()?;
    let wrong = |reason: &str| Problem::from(Error::Parameters { reason: reason.into() });
    let limits = wanted.limits()?;
    let who = match (wanted.principal, wanted.id) {
        (Some(who @ (Principal::User(_) | Principal::Peer(_))), None) => who,
        (None, Some(id)) => {
            tell_one(tx, call, &id, Signal::Limit(limits.queries))?;
            return Ok(Reply::Value(json!({ "id": id })));
        }
        (Some(_), None) => return Err(wrong("users and peers can be limited")),
        _ => return Err(wrong("say whom: `principal`, or the `id` of a query")),
    };
    if let Principal::User(name) = &who
        && !tx.kernel().policies(tx)?.knows(&who)
    {
        return Err(Error::NotFound { resource: format!("user/{name}") }.into());
    }
    let lasting =
        wanted.lasting.map(|period| Duration::from_millis(u64::try_from(period.0).unwrap_or(0)));
    let limits = (!wanted.clear).then_some(limits);
    let whom = who.clone();
    tx.after_commit(move |kernel| {
        let now = kernel.clock().monotonic();
        kernel.admission().force(&whom, limits, now, lasting);
    });
    Ok(Reply::Value(json!({"principal": who, "limits": limits})))
}

/// Gives the background work of the unit to those who may limit others. Returns behind which one it has stopped, where it has.
pub(crate) fn works(
    read: &dyn Read,
    caller: &Principal,
    wanted: &Wanted,
    give: Give<'_>,
) -> Result<Option<String>, Problem> {
    if !may_manage(read, caller)? {
        return Ok(None);
    }
    let mut after = wanted.after.clone().unwrap_or_default();
    for work in read.kernel().works().list() {
        if work.name <= after {
            continue;
        }
        let running = Running {
            id: format!("work/{}", work.name),
            kind: "work",
            what: work.summary,
            tag: None,
            resource: None,
            principal: format!("unit:{}", work.name),
            on_behalf_of: None,
            since: work.since,
            cpu_ms: Some(work.cpu_ms),
            memory_bytes: None,
            rows: None,
            bytes: None,
            state: if work.is_paused { "paused" } else { "running" }.into(),
        };
        if !give(running)? {
            return Ok(Some(after));
        }
        after = work.name;
    }
    Ok(None)
}

/// Tells a piece of background work something, where the id is of one.
pub(crate) fn signal_work(
    read: &dyn Read,
    caller: &Principal,
    id: &str,
    signal: Signal,
) -> Result<Option<Act>, Problem> {
    let Some(name) = id.strip_prefix("work/") else { return Ok(None) };
    let works = read.kernel().works();
    if !works.has(name) || !may_manage(read, caller)? {
        return Ok(None);
    }
    match signal {
        Signal::Pause => works.pause(name, true),
        Signal::Resume => works.pause(name, false),
        Signal::Kill | Signal::Limit(_) => return Err(signal.unsupported("background work")),
    };
    Ok(Some(Act::Done))
}

fn may_manage(read: &dyn Read, caller: &Principal) -> Result<bool, Problem> {
    let running = ResourceRef::new("running", "");
    read.kernel().is_allowed(read, "running.limit", &running, caller, None)
}

/// `system.running`.
pub(crate) fn relation() -> Relation {
    use ColumnType::{Int, Text, Time};
    let columns = vec![
        Column::new("id", Text, "`KIND/ID`, for `craton kill`.").indexed(),
        Column::new("kind", Text, "`query`, `instance`, `job`, `call` or `work`.").indexed(),
        Column::new("what", Text, "What runs."),
        Column::new("tag", Text, "What whoever asked for it has named it."),
        Column::new("resource", Text, "The resource that it belongs to."),
        Column::new("principal", Text, "Who runs it."),
        Column::new("on_behalf_of", Text, "For whom."),
        Column::new(
            "since",
            Time,
            "Since when: wall time; business time for instances, jobs and calls.",
        ),
        Column::new("cpu_ms", Int, "Processor time in milliseconds; null where not known."),
        Column::new("memory_bytes", Int, "Memory that it holds; null where not known."),
        Column::new("rows", Int, "Rows that it has made so far; null where it makes none."),
        Column::new("bytes", Int, "Bytes that it has made so far; null where it makes none."),
        Column::new(
            "state",
            Text,
            "Queries `running`; instances `active`, `failed`, `suspended`; jobs `available`, `held`, `put_off`; calls `received`, `open`, `withdrawing`; work `running`, `paused`.",
        ),
    ];
    let rows =
        |reader: &Reader, scan: &Scan, row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
            let equal = |column: usize| {
                scan.equals.iter().find_map(|(number, cell)| match cell {
                    Cell::Text(text) if *number == column => Some(text.clone()),
                    _ => None,
                })
            };
            let wanted = Wanted { id: equal(0), kind: equal(1), ..Wanted::default() };
            each(reader, reader.caller(), &wanted, &mut |running| row(cells(running))).map(|_| ())
        };
    let summary = "Everything that runs, as far as the reader may see it.";
    Relation::system("running", summary, columns, Arc::new(rows))
}

fn cells(running: Running) -> Vec<Cell> {
    let int = |number: Option<u64>| {
        number.map_or(Cell::Null, |number| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX)))
    };
    vec![
        Cell::Text(running.id),
        Cell::Text(running.kind.into()),
        Cell::Text(running.what),
        Cell::text(running.tag),
        Cell::text(running.resource),
        Cell::Text(running.principal),
        Cell::text(running.on_behalf_of),
        Cell::Time(running.since.0),
        int(running.cpu_ms),
        int(running.memory_bytes),
        int(running.rows),
        int(running.bytes),
        Cell::Text(running.state),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> Running {
        Running {
            id: "query/q7".into(),
            kind: "query",
            what: "SELECT 1".into(),
            tag: Some("t1".into()),
            resource: None,
            principal: "user:ana".into(),
            on_behalf_of: Some("user:bob".into()),
            since: Time(0),
            cpu_ms: None,
            memory_bytes: None,
            rows: None,
            bytes: None,
            state: "running".into(),
        }
    }

    #[test]
    fn filters_must_all_fit() {
        let check = |filter: Value| {
            let wanted: Wanted = serde_json::from_value(filter).expect("a filter");
            (wanted.is(&query()), wanted.is_of("query"), wanted.is_of("instance"))
        };
        assert_eq!(check(json!({})), (true, true, true));
        assert_eq!(check(json!({"kind": "query", "principal": "user:bob"})), (true, true, false));
        assert_eq!(check(json!({"id": "query/q7", "state": "running"})), (true, true, false));
        assert_eq!(check(json!({"id": "instance/7"})), (false, false, true));
        assert_eq!(check(json!({"principal": "user:eve"})), (false, true, true));
        assert_eq!(check(json!({"resource": "process/sell"})), (false, true, true));
        assert_eq!(check(json!({"tag": "t1"})), (true, true, true));
        assert_eq!(check(json!({"tag": "t2"})), (false, true, true));
    }

    #[test]
    fn a_walk_stops_where_enough_was_looked_at_or_taken_and_goes_on_behind() {
        let page = |after: &u64| Ok((after + 1..=7).take(3).map(|place| (place, place)).collect());
        let walk = |after, looks, enough| {
            let (wanted, mut taken) = (Wanted { looks, ..Wanted::default() }, Vec::new());
            let stopped = wanted.walk(after, page, |place| {
                let has_room = taken.len() < enough;
                taken.extend(has_room.then_some(place));
                Ok(has_room)
            });
            (stopped.expect("a walk"), taken)
        };
        assert_eq!(walk(0, None, 9), (None, vec![1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(walk(0, Some(4), 9), (Some(4), vec![1, 2, 3, 4]));
        assert_eq!(walk(4, Some(4), 9), (None, vec![5, 6, 7]));
        assert_eq!(walk(0, Some(4), 2), (Some(2), vec![1, 2]), "what was not taken comes again");
        assert_eq!(walk(2, Some(0), 2), (Some(2), vec![]));
    }

    #[test]
    fn a_filter_that_says_nothing_is_known() {
        assert!(Wanted { limit: Some(3), ..Wanted::default() }.is_empty());
        assert!(!Wanted { state: Some("failed".into()), ..Wanted::default() }.is_empty());
        assert!(!Wanted { tag: Some("t1".into()), ..Wanted::default() }.is_empty());
    }
}
