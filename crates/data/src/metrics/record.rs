//! `kpi.record`: values, breaches and the processes that they start, in one commit.
//!
//! That a breach was noted is a key of KPI, window and dimensions, set in the commit that notes it: neither a kill nor a
//! repetition notes it twice, or starts a second process.

use super::compute::{Answer, Measured};
use super::kpi::{Kpi, Owner, VERSION, wrong};
use super::wire::{
    self, Breach, Evaluation, LOG_BREACHES, Outcome, Recorded, Request, State, Verdict, key,
};
use crate::engine::Data;
use crate::{Error, background};
use base::{Problem, Time};
use kernel::{Address, Call, Principal, Read, Reply, ResourceRef, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The engine's name, the space of its addresses.
const ENGINE: &str = "data";

#[derive(Deserialize)]
struct Parameters {
    request: Request,
    #[serde(default)]
    answer: Option<Answer>,
    #[serde(default)]
    problem: Option<Problem>,
}

/// Which breach waits for the start of its process.
#[derive(Serialize, Deserialize)]
struct Waiting(String, Time, String);

/// Records what came of a request. What is not asked for any more, or was asked of another version, is left out.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn record(data: &Data, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let parameters: Parameters = call.parameters()?;
    let kpi = Kpi::find(data, tx, &call.resource.name)?;
    let asked = parameters.request;
    let held: Option<Request> = wire::get(tx, &key::request(kpi.name(), asked.number))?;
    let Some(held) = held.filter(|held| held.from == asked.from && asked.to <= held.to) else {
        return Ok(Reply::Value(json!({"recorded": 0})));
    };
    let Some(answer) = parameters.answer else {
        note_problem(tx, kpi.name(), parameters.problem.as_ref())?;
        return Ok(Reply::Value(json!({"recorded": 0})));
    };
    let goes_on = asked.from < answer.to && answer.to <= asked.to;
    let is_stale = !goes_on
        || answer.version != kpi.resource.version
        || answer.metrics != kpi.metric.versions();
    if is_stale {
        // It stays asked for, and is calculated anew.
        tx.notify(background::TOPIC);
        return Ok(Reply::Value(json!({"recorded": 0})));
    }
    note_problem(tx, kpi.name(), None)?;
    go_on(tx, held, answer.to)?;
    let count = answer.values.len();
    keep(tx, &kpi, &asked, answer)?;
    Ok(Reply::Value(json!({ "recorded": count })))
}

/// Takes what was evaluated off a request; what is left of it waits for the next evaluation.
fn go_on(tx: &mut Tx<'_>, held: Request, to: Time) -> Result<(), Problem> {
    let place = key::request(&held.kpi, held.number);
    if held.to <= to {
        tx.delete(place);
        return Ok(());
    }
    tx.notify(background::TOPIC);
    wire::put(tx, place, &Request { from: to, ..held })
}

/// Notes why an evaluation failed, or that it did not; nothing where that is known.
fn note_problem(tx: &mut Tx<'_>, kpi: &str, problem: Option<&Problem>) -> Result<(), Problem> {
    let held: Option<State> = wire::get(tx, &key::state(kpi))?;
    let Some(held) = held else { return Ok(()) };
    let text = problem.map(|problem| format!("{}: {}", problem.code, problem.message));
    if held.problem != text {
        wire::put(tx, key::state(kpi), &State { problem: text, ..held })?;
    }
    Ok(())
}

/// Keeps the evaluation and its values, in order.
fn keep(tx: &mut Tx<'_>, kpi: &Kpi, asked: &Request, answer: Answer) -> Result<(), Problem> {
    let Answer { version, to, commit, metrics, sources, mut values } = answer;
    if values.is_empty() {
        return Ok(());
    }
    let at = tx.business();
    let number = tx.serial("kpi_evaluations")?;
    let name = kpi.name().to_owned();
    let evaluation = Evaluation {
        v: VERSION,
        kpi: name.clone(),
        from: asked.from,
        to,
        at,
        commit,
        version,
        metrics,
        sources,
    };
    wire::put(tx, key::evaluation(&name, number), &evaluation)?;
    values.sort_by_cached_key(|value| (value.window, wire::id_of(&value.dimensions)));
    for value in values {
        let recorded = recorded(kpi, value, at, commit, number);
        let id = wire::id_of(&recorded.dimensions);
        wire::put(tx, key::value(&name, recorded.window, &id), &recorded)?;
        if recorded.verdict == Verdict::Breached {
            breached(tx, kpi, &recorded, &id)?;
        }
    }
    Ok(())
}

fn recorded(kpi: &Kpi, value: Measured, at: Time, commit: u64, evaluation: u64) -> Recorded {
    let Measured { window, dimensions, value, samples } = value;
    Recorded {
        v: VERSION,
        kpi: kpi.name().to_owned(),
        metric: kpi.metric.name.clone(),
        window,
        window_end: kpi.window.end_of(window),
        verdict: Verdict::of(&kpi.spec, &value, samples),
        dimensions,
        value,
        samples,
        target: kpi.spec.target,
        direction: kpi.spec.direction,
        at,
        commit,
        evaluation,
    }
}

/// Notes a breach and has its process started, once. Where the start has failed, an evaluation that finds it again repeats it.
fn breached(tx: &mut Tx<'_>, kpi: &Kpi, value: &Recorded, id: &str) -> Result<(), Problem> {
    let place = key::breach(kpi.name(), value.window, id);
    let known: Option<Outcome> = wire::get(tx, &place)?;
    let has_failed = known.as_ref().is_some_and(|known| known.error.is_some());
    if known.is_some() && !has_failed {
        return Ok(());
    }
    let owner = kpi.spec.owner.as_deref().unwrap_or_default();
    let deadline = kpi.spec.deadline.map(|deadline| value.at.plus(deadline));
    let process = kpi.spec.on_breach.as_ref().map(|on_breach| on_breach.process.clone());
    if known.is_none() {
        let breach = Breach {
            v: VERSION,
            kpi: value.kpi.clone(),
            metric: value.metric.clone(),
            window: value.window,
            window_end: value.window_end,
            dimensions: value.dimensions.clone(),
            value: value.value.clone(),
            samples: value.samples,
            target: value.target,
            direction: value.direction,
            owner: owner.to_owned(),
            deadline,
            process: process.clone(),
            at: value.at,
            commit: value.commit,
        };
        tx.record(LOG_BREACHES, &breach)?;
    }
    wire::put(tx, place, &Outcome { v: VERSION, instance: None, error: None })?;
    let Some(process) = process else { return Ok(()) };
    let owner = Owner::parse(owner)
        .ok_or_else(|| wrong(kpi.name(), "it has no owner".into(), "/spec/owner", None))?;
    let waiting = Waiting(value.kpi.clone(), value.window, id.to_owned());
    let token = serde_json::to_string(&waiting)
        .map_err(|error| Error::Internal { detail: error.to_string() })?;
    let mut start = Call::new(
        "process.start",
        ResourceRef::new("process", process),
        Principal::Kpi(value.kpi.clone()),
    );
    start.args = json!({"variables": variables(kpi, value, &owner, deadline)});
    start.at = Some(value.at);
    start.reply_to = Some(Address { engine: ENGINE.into(), token });
    tx.call(start);
    Ok(())
}

/// Returns what the process gets to know.
fn variables(
    kpi: &Kpi,
    value: &Recorded,
    owner: &Owner,
    deadline: Option<Time>,
) -> Map<String, Value> {
    let all = json!({
        "kpi": value.kpi,
        "metric": value.metric,
        "window": value.window,
        "window_end": value.window_end,
        "dimensions": value.dimensions,
        "value": value.value,
        "samples": value.samples,
        "target": value.target,
        "direction": value.direction,
        "owner": kpi.spec.owner,
        "assignee": owner.assignee(),
        "candidates": owner.candidates(),
        "deadline": deadline,
    });
    match all {
        Value::Object(all) => all,
        _ => Map::new(),
    }
}

/// Takes the answer to the start of a process: its instance, or why there is none.
///
/// # Errors
/// Where the address is none of a KPI's, or the store cannot be read.
pub(crate) fn started(
    tx: &mut Tx<'_>,
    token: &str,
    result: Result<Value, Problem>,
) -> Result<(), Problem> {
    let Waiting(kpi, window, id) = serde_json::from_str(token)
        .map_err(|error| Error::Internal { detail: format!("the address `{token}`: {error}") })?;
    let outcome = match result {
        Ok(answer) => Outcome { v: VERSION, instance: answer["instance"].as_u64(), error: None },
        Err(problem) => {
            let error = Some(format!("{}: {}", problem.code, problem.message));
            Outcome { v: VERSION, instance: None, error }
        }
    };
    wire::put(tx, key::breach(&kpi, window, &id), &outcome)
}
