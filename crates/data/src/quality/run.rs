//! Runs the rules over a table: `quality.run` asks for it, `quality.compute` finds out, `quality.record` keeps what came out.

use super::check::{VERSION, request, spec_of};
use super::shown::{Shown, Viewer};
use super::spec::{Action, Check, QualitySpec, RuleSpec};
use super::table::Queries;
use super::wire::{Count, Request, State, key};
use crate::Error;
use crate::catalog::Catalog;
use crate::engine::Data;
use crate::metrics::ask::{self, Question};
use crate::metrics::window::Grain;
use crate::metrics::wire as stored;
use base::{Problem, Time};
use kernel::{Call, Principal, Read, Reader, Reply, Resource, ResourceRef, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// Days of one `quality.get`.
const DAYS: u64 = 30;
/// Counts of one `quality.get`, at most.
const COUNTS_MAX: u64 = 10_000;

/// What `quality.get` takes in its query.
pub(crate) const QUERY: &[(&str, &str)] =
    &[("days", "How many days of each rule, the newest; 30 where absent.")];

/// What a run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The version of the rules.
    version: u64,
    /// How often what rules had found was forgotten: rows that an erasure took may stand in what was found before.
    #[serde(default)]
    erased: u64,
    rules: Vec<Found>,
}

/// What a rule found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Found {
    rule: String,
    check: Check,
    action: Action,
    checked: u64,
    failed: u64,
    /// A bad row.
    sample: Option<String>,
    /// Why the rule could not be evaluated.
    error: Option<String>,
}

/// Runs the rules of a request, each with queries of its own; one that fails leaves the others alone.
///
/// # Errors
/// Where the rules are gone or the store cannot be read.
pub(crate) fn compute(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let resource = find(reader, &call.resource.name)?;
    let spec = spec_of(&resource)?;
    let definer = Principal::try_from(resource.changed_by.clone())?;
    let own = Arc::new(Reader::new(reader.kernel(), reader.caller().clone())?);
    let limit = data.shared.config.quality_sample_max;
    let run = Run { data, own: &own, definer: &definer, now: own.business() };
    let erased = erased(own.as_ref())?;
    let rules = spec.table_rules().map(|(_, rule)| {
        let found = |checked, failed, sample: Option<String>, error: Option<String>| Found {
            rule: rule.name.clone(),
            check: rule.check,
            action: rule.action,
            checked,
            failed,
            sample: sample.map(|text| text.chars().take(limit).collect()),
            error,
        };
        match run.rule(&spec, rule) {
            Ok((checked, failed, sample)) => found(checked, failed, sample, None),
            Err(problem) => {
                found(0, 0, None, Some(format!("{}: {}", problem.code, problem.message)))
            }
        }
    });
    Reply::of(&Answer { version: resource.version, erased, rules: rules.collect() })
}

fn erased(read: &dyn Read) -> Result<u64, Problem> {
    Ok(stored::get(read, &key::erased())?.unwrap_or(0))
}

/// A run over one commit, with the rights of whoever applied the rules.
struct Run<'a> {
    data: &'a Data,
    own: &'a Arc<Reader>,
    definer: &'a Principal,
    now: Time,
}

impl Run<'_> {
    /// Returns how many rows were checked, how many are bad, and one of them.
    fn rule(
        &self,
        spec: &QualitySpec,
        rule: &RuleSpec,
    ) -> Result<(u64, u64, Option<String>), Problem> {
        let queries = Queries::of(spec, rule, self.now);
        let checked = match &queries.checked {
            Some(sql) => self.number(sql)?,
            None => 1,
        };
        let failed = self.number(&queries.count())?;
        if failed == 0 {
            return Ok((checked, 0, None));
        }
        let sample = self.rows(&queries.sample())?;
        Ok((checked, failed, sample.first().map(Value::to_string)))
    }

    fn number(&self, sql: &str) -> Result<u64, Problem> {
        let rows = self.rows(sql)?;
        let number = rows.first().and_then(|row| row["n"].as_u64());
        number.ok_or_else(|| Error::Internal { detail: "a count is no number".into() }.into())
    }

    fn rows(&self, sql: &str) -> Result<Vec<Value>, Problem> {
        let shared = &self.data.shared;
        let catalog = Catalog::new(shared, self.own.as_ref(), Some(Arc::clone(self.own)), None);
        let question = Question {
            who: self.own.caller(),
            sql: sql.to_owned(),
            tables: catalog.tables(crate::sql::guard::Text::own(sql), self.definer)?,
            business: self.now,
            rows_max: usize::MAX,
        };
        ask::rows(shared, self.own, question)
    }
}

/// Records what a run found: of each rule the last run of a day counts.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn record(data: &Data, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    #[derive(Deserialize)]
    struct Parameters {
        request: Request,
        #[serde(default)]
        answer: Option<Answer>,
        #[serde(default)]
        problem: Option<Problem>,
    }
    let parameters: Parameters = call.parameters()?;
    let resource = find(tx, &call.resource.name)?;
    let name = &resource.name;
    let held: Option<Request> = stored::get(tx, &key::request(name))?;
    if held.is_none_or(|held| held.number != parameters.request.number) {
        // Another run was asked for meanwhile: that one counts.
        return Ok(Reply::Value(json!({"recorded": 0})));
    }
    let spec = spec_of(&resource)?;
    let rules = match (parameters.answer, parameters.problem) {
        (Some(answer), _) if answer.version != resource.version || answer.erased != erased(tx)? => {
            tx.notify(crate::background::TOPIC);
            return Ok(Reply::Value(json!({"recorded": 0})));
        }
        (Some(answer), _) => answer.rules,
        (None, Some(problem)) => failed(&spec, &problem),
        (None, None) => Vec::new(),
    };
    tx.delete(key::request(name));
    let now = tx.business();
    let state: Option<State> = stored::get(tx, &key::state(name))?;
    if let Some(state) = state {
        stored::put(tx, key::state(name), &State { ran: Some(now), ..state })?;
    }
    let count = rules.len();
    for found in rules {
        keep(data, tx, name, &spec.on, found)?;
    }
    Ok(Reply::Value(json!({ "recorded": count })))
}

/// Returns what is noted of rules that could not run at all.
fn failed(spec: &QualitySpec, problem: &Problem) -> Vec<Found> {
    let found = |(_, rule): (usize, &RuleSpec)| Found {
        rule: rule.name.clone(),
        check: rule.check,
        action: rule.action,
        checked: 0,
        failed: 0,
        sample: None,
        error: Some(format!("{}: {}", problem.code, problem.message)),
    };
    spec.table_rules().map(found).collect()
}

fn keep(data: &Data, tx: &mut Tx<'_>, name: &str, on: &str, found: Found) -> Result<(), Problem> {
    let day = Grain::Day.start_of(tx.business());
    let place = key::count(name, &found.rule, day);
    let limit = data.shared.config.quality_sample_max;
    let count = Count {
        v: VERSION,
        quality: name.to_owned(),
        on: on.to_owned(),
        rule: found.rule,
        check: found.check,
        action: found.action,
        day,
        checked: found.checked,
        failed: found.failed,
        first_failed: None,
        reason: found.sample,
        error: found.error.map(|error| error.chars().take(limit).collect()),
    };
    stored::put(tx, place, &count)
}

/// Asks for a run of the rules over a table.
///
/// # Errors
/// `quality.invalid` where there are none.
pub(crate) fn run(_data: &Data, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let resource = find(tx, &call.resource.name)?;
    let spec = spec_of(&resource)?;
    let count = spec.table_rules().count();
    if count == 0 {
        let reason = "all its rules are evaluated as rows come; there is nothing to run".into();
        return Err(super::rules::wrong(&resource.name, reason, "/spec/rules", None));
    }
    let number = request(tx, &resource.name)?;
    Ok(Reply::Value(json!({"quality": resource.name, "run": number, "rules": count})))
}

/// Lists quality rules with what they found on the newest day.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn list(data: &Data, reader: &Reader, _call: &Call) -> Result<Reply, Problem> {
    let mut items = Vec::new();
    let mut viewer = Viewer::new(&data.shared, reader);
    for resource in reader.resources("quality")? {
        let reference = ResourceRef::new("quality", resource.name.clone());
        if !reader.allows("quality.get", &reference)? {
            continue;
        }
        let spec = spec_of(&resource)?;
        let mut newest: Vec<Shown> = Vec::new();
        for rule in &spec.rules {
            for count in newest_of(reader, &resource.name, &rule.name, 1)? {
                newest.push(viewer.look(count)?);
            }
        }
        let state: Option<State> = stored::get(reader, &key::state(&resource.name))?;
        let is_whole = newest.iter().all(|shown| shown.is_whole);
        let sum = |of: fn(&Count) -> u64| {
            is_whole.then(|| newest.iter().map(|shown| of(&shown.count)).sum::<u64>())
        };
        let error = newest.iter().find_map(|shown| shown.count.error.clone());
        items.push(json!({
            "name": resource.name,
            "on": spec.on,
            "rules": spec.rules.len(),
            "day": newest.iter().map(|shown| shown.count.day).max(),
            "checked": sum(|count| count.checked),
            "failed": sum(|count| count.failed),
            "ran": state.as_ref().and_then(|state| state.ran),
            "due": state.as_ref().map(|state| state.due),
            "error": error.filter(|_| is_whole),
        }));
    }
    Ok(Reply::Value(json!({ "items": items })))
}

/// Shows quality rules with their counts by rule and day, the newest day first.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn get(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let resource = find(reader, &call.resource.name)?;
    let spec = spec_of(&resource)?;
    let days = call.number("days")?.unwrap_or(DAYS).min(COUNTS_MAX);
    let mut counts = Vec::new();
    let mut viewer = Viewer::new(&data.shared, reader);
    for rule in &spec.rules {
        let days = usize::try_from(days).unwrap_or(usize::MAX);
        for count in newest_of(reader, &resource.name, &rule.name, days)? {
            counts.push(viewer.look(count)?.to_json());
        }
    }
    let pending: Option<Request> = stored::get(reader, &key::request(&resource.name))?;
    Ok(Reply::Value(json!({
        "name": resource.name,
        "on": spec.on,
        "pending": pending.map(|pending| pending.number),
        "days": counts,
        "spec": spec,
    })))
}

/// Returns what a rule found on its newest days.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn newest_of(
    reader: &Reader,
    quality: &str,
    rule: &str,
    days: usize,
) -> Result<Vec<Count>, Problem> {
    let all = key::counts_of_rule(quality, rule);
    let end = base::prefix_end(all.as_ref());
    let pairs = reader.scan(all.as_ref(), &end, days, true)?;
    pairs.iter().map(|(_, bytes)| stored::read(bytes)).collect()
}

fn find(read: &dyn Read, name: &str) -> Result<Arc<Resource>, Problem> {
    read.resource("quality", name)?
        .ok_or_else(|| kernel::Error::NotFound { resource: format!("quality/{name}") }.into())
}
