//! Bulk operations: what can be done to one instance is done to all that a filter finds, up to a limit.
//!
//! A bulk operation is a row in the store that is worked off as waiting work of the engine: one portion a turn, oldest operation
//! first, so that calls from outside never wait longer than for a portion. Each instance gets a call of its own through the kernel, as who
//! started the bulk operation, with its own rights, savepoint and audit line; what it answers is counted. The row moves on in the commit
//! that makes the calls, so that a crash neither leaves one out nor makes one twice. What is only tried (`dry_run`) goes the same way:
//! each call is tried.
//!
//! Each call is charged to who started it, as if it came through a door: a bulk operation over a quota waits and goes on later, while
//! others are worked off. It ends when the credential by which it was started does not hold any more.

use crate::elements::text_of;
use crate::engine::Processes;
use crate::error::Error;
use crate::instance::{ElementId, Instance, ROOT, Variables};
use crate::lists::{Page, is_newest};
use crate::running::ENGINE;
use crate::wire::{self, key};
use base::{Kind, Period, Problem, Time};
use kernel::{Address, Call, Principal, Read, Reader, Reply, ResourceRef, Stamp, Tx};
use notation::graph::Graph;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The beginning of the tokens under which calls of bulk operations are answered.
const TOKEN: &str = "bulk/";

/// Turns after which a call that was not answered counts as failed. Each call is answered in its turn or the next.
const TURNS_MAX: u32 = 1_000;

/// How instances that are meant can stand.
const STATES: [&str; 4] = ["active", "suspended", "failed", INCIDENT];

/// The word for instances that have an incident.
const INCIDENT: &str = "incident";

/// How long a bulk operation over a quota waits at least, in milliseconds: so it goes on with several calls, and not with each.
const WAIT_MS_MIN: u64 = 250;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// `incident.resolve`, for each incident.
    Retry,
    /// `instance.cancel`
    Cancel,
    /// `instance.suspend`
    Suspend,
    /// `instance.resume`
    Resume,
    /// `instance.migrate`
    Migrate,
}

impl Action {
    fn operation(self) -> &'static str {
        match self {
            Self::Retry => "incident.resolve",
            Self::Cancel => "instance.cancel",
            Self::Suspend => "instance.suspend",
            Self::Resume => "instance.resume",
            Self::Migrate => "instance.migrate",
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Migrate => "migrate",
        }
    }
}

/// Which instances. All that is given holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    /// The process.
    pub process: String,
    /// Those that run this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Those that stand at the element with this id; of `retry`, its incidents there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element: Option<String>,
    /// Those with an incident of this code; of `retry`, these incidents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Those that stand so: `active`, `suspended` or `failed`; `incident` for those with an incident, of this code and at this element where
    /// these are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Those that began longer ago than this, in business time, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub older_than: Option<Period>,
    /// Those with a variable of this name that has `value`; fast where `version` is the current one and keeps it as `indexed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// The value of that variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// What is to be done in bulk.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// What.
    pub action: Action,
    /// To which instances.
    pub filter: Filter,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Of `retry`: changed variables of each instance.
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    pub variables: Variables,
    /// Of `retry`: tries of a job from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<i64>,
    /// Of `migrate`: the version; the process as it stands where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Of `migrate`: for ids of the old version those of the new one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mapping: BTreeMap<String, String>,
    /// Of `migrate`: whether timers are worked out again.
    #[serde(default)]
    pub timers_again: bool,
    /// True where each call is only tried: the counts and problems say what would happen, and nothing changes.
    #[serde(default)]
    pub dry_run: bool,
}

impl Order {
    /// Returns an order without any particulars.
    pub(crate) fn new(action: Action, filter: Filter) -> Self {
        Self {
            action,
            filter,
            limit: None,
            variables: Variables::new(),
            retries: None,
            version: None,
            mapping: BTreeMap::new(),
            timers_again: false,
            dry_run: false,
        }
    }

    /// Returns the parameters of each call.
    fn parameters(&self) -> Value {
        let dry_run = self.dry_run;
        match self.action {
            Action::Retry => {
                json!({"variables": self.variables, "retries": self.retries, "dry_run": dry_run})
            }
            Action::Migrate => json!({
                "version": self.version,
                "mapping": self.mapping,
                "timers_again": self.timers_again,
                "dry_run": dry_run,
            }),
            Action::Cancel | Action::Suspend | Action::Resume => json!({"dry_run": dry_run}),
        }
    }
}

/// How a bulk operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stands {
    /// It is under way.
    Running,
    /// It has gone through all instances, or reached its limit.
    Done,
    /// Somebody stopped it.
    Stopped,
}

/// What came of a portion.
struct Portion {
    looked: usize,
    has_more: bool,
    /// Why no further call was made, where a quota is used up.
    refused: Option<Problem>,
}

/// What went wrong with one instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Refused {
    /// The instance or the incident.
    pub target: String,
    /// A stable code.
    pub code: String,
    /// What happened.
    pub message: String,
}

/// A bulk operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bulk {
    /// Its number.
    pub bulk: u64,
    /// What is to be done.
    pub order: Order,
    /// How many at most.
    pub limit: u64,
    /// How it stands.
    pub state: Stands,
    /// Instances that were looked at.
    pub looked: u64,
    /// Instances that the filter found.
    pub found: u64,
    /// Calls that were made.
    pub called: u64,
    /// Calls that did what they should.
    pub done: u64,
    /// Calls that did not.
    pub failed: u64,
    /// What went wrong how often, by code.
    pub problems: BTreeMap<String, u64>,
    /// What went wrong first.
    pub first: Vec<Refused>,
    /// Who started it.
    pub started_by: Principal,
    /// For whom.
    pub on_behalf_of: Option<Principal>,
    /// The rights that its token was cut down to.
    pub scope: Vec<String>,
    /// By which credential, where it can be revoked; it is not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Stamp>,
    /// When it was started, business time.
    pub started_at: Time,
    /// When it ended, business time.
    pub ended_at: Option<Time>,
    /// The business time of its calls, where whoever started it said one.
    pub at: Option<Time>,
    /// Why it waits, or why it was stopped by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when it waits, wall time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Time>,
    /// The last instance that was looked at.
    pub after: u64,
    /// In the instance behind that one, the last element for which a call was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<ElementId>,
    /// The last instance that there was when it was started; later ones are none of its.
    pub last: u64,
    /// The commit of the last portion.
    pub commit: u64,
    /// Turns since then without all answers.
    pub turns: u32,
}

impl Bulk {
    fn is_waiting(&self) -> bool {
        self.done + self.failed < self.called
    }

    /// Has it wait for the quota of who started it.
    fn rest(&mut self, refused: &Problem, wall: Time) {
        let wait = refused.retry_ms.unwrap_or(0).max(WAIT_MS_MIN);
        let wait = Period(i64::try_from(wait).unwrap_or(i64::MAX));
        self.reason = Some(refused.message.clone());
        self.waits_until = Some(wall.plus(wait));
    }

    fn rests(&self, wall: Time) -> bool {
        self.waits_until.is_some_and(|until| wall < until)
    }

    /// Returns it as callers see it.
    fn shown(&self) -> Value {
        let mut shown = json!(self);
        if let Some(fields) = shown.as_object_mut() {
            fields.remove("stamp");
        }
        shown
    }

    fn refuse(&mut self, target: String, problem: &Problem, first_max: usize) {
        self.failed += 1;
        *self.problems.entry(problem.code.clone()).or_default() += 1;
        if self.first.len() < first_max {
            let (code, message) = (problem.code.clone(), problem.message.clone());
            self.first.push(Refused { target, code, message });
        }
    }
}

impl Processes {
    pub(crate) fn start_bulk(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let order: Order = call.parameters()?;
        let number = self.begin_bulk(tx, call, order)?;
        Ok(Reply::Value(self.require_bulk(tx, &number.to_string())?.shown()))
    }

    /// Begins a bulk operation. Returns its number.
    pub(crate) fn begin_bulk(
        &self,
        tx: &mut Tx<'_>,
        call: &Call,
        order: Order,
    ) -> Result<u64, Problem> {
        let limit_max = self.config.bulk_instances_max;
        let limit = order.limit.unwrap_or(limit_max);
        self.check_order(tx, &order, limit)?;
        self.forget_bulk(tx)?;
        let number = tx.serial("bulks")?;
        let bulk = Bulk {
            bulk: number,
            order,
            limit,
            state: Stands::Running,
            looked: 0,
            found: 0,
            called: 0,
            done: 0,
            failed: 0,
            problems: BTreeMap::new(),
            first: Vec::new(),
            started_by: call.actor.clone(),
            on_behalf_of: call.on_behalf_of.clone(),
            scope: call.scope.clone(),
            stamp: call.stamp.clone(),
            started_at: tx.time_of(call),
            ended_at: None,
            at: call.at,
            reason: None,
            waits_until: None,
            after: 0,
            within: None,
            last: self.last_instance(tx)?,
            commit: 0,
            turns: 0,
        };
        tx.put(key::bulk(number), wire::write(&bulk)?);
        tx.put(key::bulks_running().number(number), Vec::new());
        Ok(number)
    }

    fn check_order(&self, read: &dyn Read, order: &Order, limit: u64) -> Result<(), Problem> {
        let filter = &order.filter;
        let limit_max = self.config.bulk_instances_max;
        let reason = if limit == 0 || limit_max < limit {
            format!("`limit` is between 1 and {limit_max}, not {limit}")
        } else if filter.variable.is_some() != filter.value.is_some() {
            "`variable` and `value` belong together".into()
        } else if filter.process.is_empty() {
            "`filter.process` says of which process the instances are".into()
        } else if let Some(state) = filter.state.as_deref().filter(|state| !STATES.contains(state))
        {
            format!("`filter.state` is one of {}, not `{state}`", STATES.join(", "))
        } else {
            if let (Action::Migrate, Some(version)) = (order.action, order.version) {
                self.cache.get(read, &self.config, &filter.process, version)?;
            }
            return Ok(());
        };
        Err(Error::Bulk { reason }.into())
    }

    /// Makes room for one more: the oldest that is over goes.
    fn forget_bulk(&self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let limit = self.config.bulk_kept_max;
        let kept = tx.scan_prefix(key::bulks().as_ref(), limit)?;
        if kept.len() < limit {
            return Ok(());
        }
        for (place, bytes) in kept {
            let bulk: Bulk = wire::read(&bytes)?;
            if bulk.state != Stands::Running {
                tx.delete(place);
                return Ok(());
            }
        }
        Err(Error::Limit { what: "bulk operations under way", limit }.into())
    }

    pub(crate) fn find_bulk(&self, read: &dyn Read, name: &str) -> Result<Option<Bulk>, Problem> {
        let Ok(number) = name.parse() else { return Ok(None) };
        read.get(key::bulk(number).as_ref())?.map(|bytes| wire::read(&bytes)).transpose()
    }

    fn require_bulk(&self, read: &dyn Read, name: &str) -> Result<Bulk, Problem> {
        let found = self.find_bulk(read, name)?;
        found.ok_or_else(|| Error::NotFound { kind: "bulk", name: name.into() }.into())
    }

    pub(crate) fn get_bulk(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        Ok(Reply::Value(self.require_bulk(reader, &call.resource.name)?.shown()))
    }

    pub(crate) fn list_bulk(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let (prefix, is_newest) = (key::bulks(), is_newest(call));
        let (mut from, mut to) = (prefix.clone().bytes(), base::prefix_end(prefix.as_ref()));
        match call.number("after")? {
            Some(after) if is_newest => to = prefix.number(after).bytes(),
            Some(after) => from = prefix.number(after.saturating_add(1)).bytes(),
            None => {}
        }
        let mut page = Page::of(call, &self.config)?;
        for (_, bytes) in reader.scan(&from, &to, self.config.bulk_kept_max, is_newest)? {
            let bulk: Bulk = wire::read(&bytes)?;
            if !page.looks_at(|| bulk.bulk.to_string()) {
                break;
            }
            let reference = ResourceRef::new("bulk", bulk.bulk.to_string());
            if reader.allows("bulk.get", &reference)? {
                page.items.push(bulk.shown());
            }
        }
        Ok(page.reply())
    }

    pub(crate) fn stop_bulk(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let mut bulk = self.require_bulk(tx, &call.resource.name)?;
        if bulk.state == Stands::Running {
            (bulk.reason, bulk.waits_until) = (None, None);
            self.end_bulk(tx, &mut bulk, Stands::Stopped)?;
        }
        Ok(Reply::Value(bulk.shown()))
    }

    fn end_bulk(&self, tx: &mut Tx<'_>, bulk: &mut Bulk, state: Stands) -> Result<(), Problem> {
        bulk.state = state;
        bulk.ended_at = Some(tx.business());
        tx.delete(key::bulks_running().number(bulk.bulk));
        tx.put(key::bulk(bulk.bulk), wire::write(bulk)?);
        Ok(())
    }

    /// Works one portion of the oldest bulk operation off that does not wait for a quota, once a turn. Returns how many instances it
    /// looked at.
    pub(crate) fn work_bulk(&self, tx: &mut Tx<'_>) -> Result<usize, Problem> {
        let (wall, commit) = (tx.wall(), tx.commit_next());
        let running = tx.scan_prefix(key::bulks_running().as_ref(), self.config.bulk_kept_max)?;
        for (place, _) in running {
            let number = wire::last(&place).unwrap_or_default();
            let Some(mut bulk) = self.find_bulk(tx, &number.to_string())? else {
                tx.delete(place);
                continue;
            };
            if bulk.commit == commit {
                tx.leave_more();
                return Ok(0);
            }
            if bulk.rests(wall) {
                continue;
            }
            bulk.commit = commit;
            if bulk.is_waiting() {
                self.wait_for_answers(&mut bulk);
                tx.put(key::bulk(number), wire::write(&bulk)?);
                tx.leave_more();
                return Ok(0);
            }
            return self.work_portion(tx, bulk);
        }
        Ok(0)
    }

    /// Works a portion off. Returns how many instances it looked at.
    fn work_portion(&self, tx: &mut Tx<'_>, mut bulk: Bulk) -> Result<usize, Problem> {
        (bulk.turns, bulk.reason, bulk.waits_until) = (0, None, None);
        let before = bulk.clone();
        let portion = match tx.attempt(|tx| self.portion(tx, &mut bulk)) {
            Ok(portion) => portion,
            Err(problem) if problem.kind == Kind::Unavailable => return Err(problem),
            // What cannot be gone through, such as instances that cannot be read, must not hold up the unit.
            Err(problem) => {
                bulk = before;
                let message = &problem.message;
                bulk.reason = Some(match problem.kind {
                    Kind::Unauthenticated => {
                        format!("the credential by which it was started holds no more: {message}")
                    }
                    _ => message.clone(),
                });
                bulk.refuse(String::new(), &problem, self.config.bulk_problems_max);
                self.end_bulk(tx, &mut bulk, Stands::Stopped)?;
                return Ok(1);
            }
        };
        if let Some(refused) = &portion.refused {
            bulk.rest(refused, tx.wall());
            tx.put(key::bulk(bulk.bulk), wire::write(&bulk)?);
        } else if portion.has_more || bulk.is_waiting() {
            tx.put(key::bulk(bulk.bulk), wire::write(&bulk)?);
            tx.leave_more();
        } else {
            self.end_bulk(tx, &mut bulk, Stands::Done)?;
        }
        // What it has called runs in this turn.
        Ok(portion.looked.max(1))
    }

    /// Returns when a bulk operation that waits for a quota goes on. A driven clock does not move by itself: there it is looked for in
    /// each turn.
    pub(crate) fn bulk_due(&self, read: &dyn Read) -> Result<Option<Time>, Problem> {
        let clock = read.kernel().clock();
        if clock.is_driven() {
            return Ok(None);
        }
        let mut due: Option<Time> = None;
        let limit = self.config.bulk_kept_max;
        for (place, _) in read.scan_prefix(key::bulks_running().as_ref(), limit)? {
            let number = wire::last(&place).unwrap_or_default();
            let bulk = self.find_bulk(read, &number.to_string())?;
            due = [due, bulk.and_then(|bulk| bulk.waits_until)].into_iter().flatten().min();
        }
        let left = |until: Time| Period(until.0.saturating_sub(clock.wall().0));
        Ok(due.map(|until| clock.business().plus(left(until))))
    }

    fn wait_for_answers(&self, bulk: &mut Bulk) {
        bulk.turns += 1;
        if TURNS_MAX <= bulk.turns {
            let detail = "a call was never answered".into();
            let problem: Problem = Error::Stored { detail }.into();
            while bulk.is_waiting() {
                bulk.refuse(String::new(), &problem, self.config.bulk_problems_max);
            }
        }
    }

    /// Looks at some instances and makes the calls for those that are meant.
    fn portion(&self, tx: &mut Tx<'_>, bulk: &mut Bulk) -> Result<Portion, Problem> {
        let prefix = self.candidates(tx, &bulk.order.filter)?;
        let from = prefix.clone().number(bulk.after.saturating_add(1));
        let to = prefix.number(bulk.last.saturating_add(1));
        let looks_max = self.config.bulk_looks_max;
        let found = tx.scan(from.as_ref(), to.as_ref(), looks_max, false)?;
        let is_cut = looks_max <= found.len();
        let (mut looked, before) = (0, bulk.called);
        let portion = u64::try_from(self.config.bulk_portion_max).unwrap_or(u64::MAX);
        for (place, _) in &found {
            if bulk.limit <= bulk.found && bulk.within.is_none() {
                return Ok(Portion { looked, has_more: false, refused: None });
            }
            if portion <= bulk.called - before {
                return Ok(Portion { looked, has_more: true, refused: None });
            }
            let number = wire::last(place).unwrap_or_default();
            if let Some(instance) = self.load(tx, number)? {
                let (process, version) = (&instance.process, instance.version);
                let compiled = self.cache.get(tx, &self.config, process, version)?;
                // One that was begun is finished, however it stands by now.
                let is_begun = bulk.within.is_some();
                let filter = &bulk.order.filter;
                let is_wanted =
                    is_begun || is_meant(&instance, &compiled.graph, filter, bulk.started_at);
                if is_wanted && let Some(problem) = call_for(tx, bulk, &instance)? {
                    return Ok(Portion { looked, has_more: true, refused: Some(problem) });
                }
            }
            looked += 1;
            (bulk.after, bulk.within) = (number, None);
            bulk.looked += 1;
        }
        Ok(Portion { looked, has_more: is_cut && bulk.found < bulk.limit, refused: None })
    }

    /// Returns the keys among which the instances are: by an indexed variable, or all of the process.
    fn candidates(&self, read: &dyn Read, filter: &Filter) -> Result<base::Key, Problem> {
        if let (Some(variable), Some(value)) = (&filter.variable, &filter.value)
            && let Some(text) = text_of(value)
            && read.resource("process", &filter.process)?.is_some()
        {
            let compiled = self.cache.latest(read, &self.config, &filter.process)?;
            // What an older version has not kept as a key is found among all.
            if filter.version == Some(compiled.version) && compiled.indexed.contains(variable) {
                return Ok(key::instances_by(&filter.process, variable, &text));
            }
        }
        Ok(key::instances_of(&filter.process))
    }

    /// Counts what a call of a bulk operation has answered. Returns false where the token is none of a bulk operation.
    pub(crate) fn answered_bulk(
        &self,
        tx: &mut Tx<'_>,
        token: &str,
        result: &Result<Value, Problem>,
    ) -> Result<bool, Problem> {
        let Some((number, target)) =
            token.strip_prefix(TOKEN).and_then(|rest| rest.split_once('/'))
        else {
            return Ok(false);
        };
        let Some(mut bulk) = self.find_bulk(tx, number)? else { return Ok(true) };
        let first_max = self.config.bulk_problems_max;
        match result {
            Err(problem) => bulk.refuse(target.into(), problem, first_max),
            Ok(answer) if answer["resolved"] == false => {
                let reason = "it was tried again, and the incident is there again";
                let problem: Problem = Error::Unresolved { reason }.into();
                bulk.refuse(target.into(), &problem, first_max);
            }
            Ok(_) => bulk.done += 1,
        }
        tx.put(key::bulk(bulk.bulk), wire::write(&bulk)?);
        Ok(true)
    }

    /// Returns all bulk operations, for SQL.
    pub(crate) fn bulks(&self, reader: &Reader) -> Result<Vec<Bulk>, Problem> {
        let pairs = reader.scan_prefix(key::bulks().as_ref(), self.config.bulk_kept_max)?;
        pairs.iter().map(|(_, bytes)| wire::read(bytes)).collect()
    }
}

impl Stands {
    /// Returns it as text.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Stopped => "stopped",
        }
    }
}

impl Bulk {
    /// Returns what is done, as text.
    pub(crate) fn action(&self) -> &'static str {
        self.order.action.as_str()
    }
}

/// Makes the calls for an instance. Returns why it could not make the next one, where a quota is used up.
///
/// # Errors
/// Where the store cannot be read, or the credential was revoked.
fn call_for(
    tx: &mut Tx<'_>,
    bulk: &mut Bulk,
    instance: &Instance,
) -> Result<Option<Problem>, Problem> {
    let targets = match bulk.order.action {
        Action::Retry => incidents_of(instance, &bulk.order.filter),
        _ => vec![(ROOT, ResourceRef::new("instance", instance.key.to_string()))],
    };
    for (element, target) in targets {
        if bulk.within.is_some_and(|last| element <= last) {
            continue;
        }
        let token = format!("{TOKEN}{}/{}", bulk.bulk, target.name);
        let mut call = Call::new(bulk.order.action.operation(), target, bulk.started_by.clone())
            .with(bulk.order.parameters());
        call.on_behalf_of.clone_from(&bulk.on_behalf_of);
        call.scope.clone_from(&bulk.scope);
        call.stamp.clone_from(&bulk.stamp);
        call.at = bulk.at;
        call.reply_to = Some(Address { engine: ENGINE.into(), token });
        match tx.admit(&call) {
            Ok(()) => tx.call(call),
            Err(problem) if problem.kind == Kind::Exhausted => return Ok(Some(problem)),
            Err(problem) => return Err(problem),
        }
        bulk.found += u64::from(bulk.within.is_none());
        bulk.called += 1;
        bulk.within = Some(element);
    }
    Ok(None)
}

/// Whether a filter finds an instance.
fn is_meant(instance: &Instance, graph: &Graph, filter: &Filter, now: Time) -> bool {
    let stands_at =
        |id: &String| instance.standing().any(|element| graph.node(element.node).id == *id);
    let has_code = |code: &String| {
        let of_elements = instance.elements.iter().filter_map(|element| element.incident.as_ref());
        of_elements.chain(&instance.incident).any(|incident| incident.code == *code)
    };
    let is_old = |age: &Period| instance.started_at.plus(*age) <= now;
    // On a command line a number may come as text.
    let is_same = |is: &Value, wanted: &Value| {
        is == wanted || text_of(is).is_some_and(|text| Some(text) == text_of(wanted))
    };
    let has_value = |name: &String| match (instance.variables.get(name), &filter.value) {
        (Some(is), Some(wanted)) => is_same(is, wanted),
        _ => false,
    };
    let is_of_state = match filter.state.as_deref() {
        Some(INCIDENT) => !incidents_of(instance, filter).is_empty(),
        state => {
            filter.element.as_ref().is_none_or(stands_at)
                && filter.code.as_ref().is_none_or(has_code)
                && state.is_none_or(|state| state == instance.state_name())
        }
    };
    filter.version.is_none_or(|version| version == instance.version)
        && is_of_state
        && filter.older_than.as_ref().is_none_or(is_old)
        && filter.variable.as_ref().is_none_or(has_value)
}

/// Returns the incidents of an instance that a filter finds, by their elements.
fn incidents_of(instance: &Instance, filter: &Filter) -> Vec<(ElementId, ResourceRef)> {
    let whole = instance.incident.iter().map(|incident| (ROOT, incident));
    let elements = instance
        .elements
        .iter()
        .filter_map(|element| Some((element.id, element.incident.as_ref()?)));
    let has = |wanted: &Option<String>, found: &str| {
        wanted.as_deref().is_none_or(|wanted| wanted == found)
    };
    let mut found: Vec<(ElementId, ResourceRef)> = whole
        .chain(elements)
        .filter(|(_, incident)| {
            has(&filter.code, &incident.code) && has(&filter.element, &incident.element)
        })
        .map(|(id, _)| (id, ResourceRef::new("incident", wire::name_of(instance.key, id))))
        .collect();
    found.sort_unstable_by_key(|(id, _)| *id);
    found
}
