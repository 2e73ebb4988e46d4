//! Rules look at the rows that have come, each once: the cursor moves in the commit that keeps what a row has changed and what it has set
//! going. Rows come before the clock: nobody is silent of whom a row waits.

use super::condition::{self, Crossing, Reading, State};
use super::key;
use super::rule::Rule;
use crate::engine::Fleet;
use crate::rules::actions::{self, Crossed};
use crate::{Config, twin, wire};
use base::{Kind, Period, Problem, Time};
use kernel::{Age, Read, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How long it takes until somebody looks again at a rule that cannot be compiled.
const LOOK_AGAIN: Period = Period::seconds(60);

/// Devices of which a rule that is over forgets in one turn what it remembers.
const FORGOTTEN_MAX: usize = 1_000;

/// Crossings of a rule that are found again without a search: its last ones.
const LAST_MAX: usize = 20;

/// The log of crossings.
pub(crate) const LOG: &str = "system/crossings";

/// What is counted for `/metrics`: crossings by rule.
pub(crate) const CROSSINGS: &str = "craton_rule_crossings_total";

/// How a rule began, the last time that it began anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// The version of its manifest.
    pub(crate) version: u64,
    /// The first row of each stream that it looks at.
    pub(crate) from: BTreeMap<String, u64>,
    /// When, business time.
    pub(crate) since: Time,
    /// Which of all beginnings of rules.
    pub(crate) run: u64,
}

/// What a rule has counted since it began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Counts {
    /// Crossings.
    pub(crate) crossings: u64,
    /// Rows that came too late to be judged, or are ahead of their time.
    pub(crate) late: u64,
    /// Rows for which an expression had no value.
    pub(crate) failed: u64,
    /// Why, the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// Where its last crossings stand in the log, the newest last.
    #[serde(skip_serializing_if = "VecDeque::is_empty")]
    pub(crate) last: VecDeque<u64>,
}

/// A crossing as it stands in the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The rule.
    pub(crate) rule: String,
    /// The device.
    pub(crate) device: String,
    /// The crossing's number.
    pub(crate) crossing: u64,
    /// When it was, by the time of rows.
    pub(crate) at: Time,
    /// The stream.
    pub(crate) stream: String,
    /// The row that has crossed; none where it was silence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<u64>,
    /// The value that has crossed, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<f64>,
    /// More about it.
    pub(crate) detail: Value,
    /// When it was found, business time.
    pub(crate) business: Time,
    /// How many actions were set going.
    pub(crate) actions: usize,
}

/// Does what there is to do: rows, then silence, then actions that are tried again. Returns how much was done.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn work(fleet: &Fleet, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
    if budget == 0 {
        return Ok(0);
    }
    let (done, has_more) = consume(fleet, tx, budget)?;
    if 0 < done || has_more {
        return Ok(done);
    }
    let looked = look(fleet, tx, budget)?;
    if 0 < looked {
        return Ok(looked);
    }
    let tried = actions::again(tx, budget)?;
    if tried == 0 {
        forget_run(tx)?;
        forget_crossings(&fleet.config, tx)?;
    }
    Ok(tried)
}

/// Looks at rows. Returns how many, and whether there are more that have to wait for the next turn.
fn consume(fleet: &Fleet, tx: &mut Tx<'_>, budget: usize) -> Result<(usize, bool), Problem> {
    let rules = fleet.rules.all(tx, &fleet.config)?;
    let (commit, mut done) = (tx.commit_next(), 0);
    for rule in rules.iter() {
        let place = key::cursor(&rule.name, &rule.stream);
        let Some(bytes) = tx.get(place.as_ref())? else { continue };
        let from = number(&bytes);
        if tx.log_end(&rule.log)? <= from {
            continue;
        }
        let left = fleet.rules.left(commit, fleet.config.rules_rows_max.max(1));
        if left == 0 {
            // Calls from outside come in between.
            tx.leave_more();
            return Ok((done, true));
        }
        let limit = left.min(budget - done);
        let result = tx.attempt(|tx| take(fleet, tx, rule, from, limit));
        let taken = match result {
            Ok(taken) => taken,
            Err(problem) if problem.kind == Kind::Unavailable => return Err(problem),
            Err(problem) => skip(fleet, tx, rule, from, &problem)?,
        };
        fleet.rules.looked(commit, taken);
        done += taken;
        if budget <= done {
            break;
        }
    }
    Ok((done, false))
}

/// Looks at rows of one rule's stream, so many at most. Returns how many.
fn take(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    rule: &Rule,
    from: u64,
    limit: usize,
) -> Result<usize, Problem> {
    let Some(begun) = begun(tx, &rule.name)? else { return Ok(0) };
    let mut batch = Batch { fleet, rule, run: begun.run, states: BTreeMap::new() };
    let mut counts = counts(tx, &rule.name)?;
    let before = counts.clone();
    let (mut cursor, mut done) = (from, 0);
    for chunk in tx.chunks(&rule.log, from, fleet.config.rule_bytes_max)? {
        // The rest of a chunk comes before the next one.
        if limit <= done {
            break;
        }
        cursor = cursor.max(chunk.offset);
        let skip = usize::try_from(cursor - chunk.offset).unwrap_or(usize::MAX);
        let rows = fleet.rules.rows_of(tx, &chunk)?;
        for row in rows.iter().skip(skip).take(limit - done) {
            if let Value::Object(row) = row {
                batch.take(tx, &mut counts, cursor, row)?;
            }
            cursor += 1;
            done += 1;
        }
    }
    batch.store(tx)?;
    if counts != before {
        tx.put(key::counts(&rule.name), wire::write(&counts)?);
    }
    tx.put(key::cursor(&rule.name, &rule.stream), cursor.to_be_bytes().to_vec());
    Ok(done)
}

/// Rows of one rule that are looked at together: what is remembered of a device is read and stored once.
struct Batch<'a> {
    fleet: &'a Fleet,
    rule: &'a Rule,
    run: u64,
    states: BTreeMap<String, Held>,
}

/// What is remembered of a device, as it was stored and as it is.
struct Held {
    before: State,
    state: State,
}

impl Batch<'_> {
    fn take(
        &mut self,
        tx: &mut Tx<'_>,
        counts: &mut Counts,
        offset: u64,
        row: &Map<String, Value>,
    ) -> Result<(), Problem> {
        let rule = self.rule;
        let (Some(device), Some(at)) = (rule.device_of(row), rule.time_of(row)) else {
            return Ok(());
        };
        let mut reading = Reading { offset, at, arrived: at, row };
        if let Some(filter) = &rule.filter {
            match condition::truth(filter, &reading) {
                Ok(Some(true)) => {}
                Ok(_) => return Ok(()),
                Err(problem) => {
                    counts.fail(&problem);
                    return Ok(());
                }
            }
        }
        if !self.states.contains_key(device) {
            let state = state(tx, (&rule.name, self.run), device)?;
            self.states.insert(device.to_owned(), Held { before: state.clone(), state });
        }
        let Some(Held { state, .. }) = self.states.get_mut(device) else { return Ok(()) };
        let arrived = rule.arrival_of(row, at);
        let ahead = Period::seconds(self.fleet.config.rule_ahead_seconds_max.into());
        let is_ahead = |arrived: Time| arrived.plus(ahead) < at && !rule.judges_ahead();
        let Some(arrived) = arrived.filter(|arrived| !is_ahead(*arrived)) else {
            state.late += 1;
            counts.late += 1;
            return Ok(());
        };
        reading.arrived = arrived;
        let (late, mut crossings) = (state.late, Vec::new());
        if let Err(problem) = condition::step(&rule.condition, state, &reading, &mut crossings) {
            counts.fail(&problem);
        }
        counts.late += state.late - late;
        for crossing in crossings {
            // What a row causes belongs to the trace of who appended it.
            let trace = tx.carried_by(&rule.log, offset);
            let (fleet, run) = (self.fleet, self.run);
            let found = Some((offset, row));
            let written =
                tx.within(trace, |tx| cross(fleet, tx, (rule, run), device, &crossing, found));
            counts.crossed(written?);
        }
        Ok(())
    }

    fn store(self, tx: &mut Tx<'_>) -> Result<(), Problem> {
        let (rule, run) = (self.rule, self.run);
        for (device, Held { before, mut state }) in self.states {
            // Who looks too early looks again; so a row moves nothing.
            if state.look.is_none() {
                let mut none = Vec::new();
                let never = Time(i64::MIN);
                state.look = condition::elapsed(&rule.condition, &mut state, never, &mut none);
                if let Some(look) = state.look {
                    tx.put(key::look(look, &rule.name, run, &device), Vec::new());
                }
            }
            if state != before {
                tx.put(key::state(&rule.name, run, &device), wire::write(&state)?);
            }
        }
        Ok(())
    }
}

impl Counts {
    /// Counts a crossing that stands at a place in the log.
    fn crossed(&mut self, at: u64) {
        self.crossings += 1;
        if LAST_MAX <= self.last.len() {
            self.last.pop_front();
        }
        self.last.push_back(at);
    }

    fn fail(&mut self, problem: &Problem) {
        self.failed += 1;
        self.problem = Some(format!("{} [{}]", problem.message, problem.code));
    }
}

/// Goes on behind rows that a rule cannot look at, which is a defect: it stands still for none of them.
fn skip(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    rule: &Rule,
    from: u64,
    problem: &Problem,
) -> Result<usize, Problem> {
    let chunks = tx.chunks(&rule.log, from, fleet.config.rule_bytes_max)?;
    let end = chunks.iter().map(|chunk| chunk.offset + u64::from(chunk.count)).max();
    let end = end.unwrap_or(tx.log_end(&rule.log)?);
    let mut counts = counts(tx, &rule.name)?;
    counts.fail(problem);
    counts.failed += (end - from).saturating_sub(1);
    tx.put(key::counts(&rule.name), wire::write(&counts)?);
    tx.put(key::cursor(&rule.name, &rule.stream), end.to_be_bytes().to_vec());
    let fault =
        json!({"rule": rule.name, "from": from, "to": end, "problem": problem, "wall": tx.wall()});
    tx.record("system/faults", &fault)?;
    Ok(usize::try_from(end - from).unwrap_or(usize::MAX).max(1))
}

/// Looks whether devices are silent whose time has come. Returns how many.
fn look(fleet: &Fleet, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
    let now = tx.business();
    let end = key::looks().signed(now.0.saturating_add(1));
    let due = tx.scan(key::looks().as_ref(), end.as_ref(), budget, false)?;
    if due.is_empty() {
        return Ok(0);
    }
    let rules = fleet.rules.all(tx, &fleet.config)?;
    for (found, _) in &due {
        tx.delete(found.clone());
        let Some((_, name, run, device)) = key::look_of(found) else { continue };
        let of = (name.as_str(), run);
        match tx.attempt(|tx| look_at(fleet, tx, &rules, of, &device)) {
            Ok(()) => {}
            Err(problem) if problem.kind == Kind::Unavailable => return Err(problem),
            Err(problem) => pass_over(tx, of, &device, &problem)?,
        }
    }
    Ok(due.len())
}

/// Looks whether a device is silent.
fn look_at(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    rules: &[Arc<Rule>],
    (name, run): (&str, u64),
    device: &str,
) -> Result<(), Problem> {
    let now = tx.business();
    if begun(tx, name)?.is_none_or(|begun| begun.run != run) {
        return Ok(());
    }
    let Some(bytes) = tx.get(key::state(name, run, device).as_ref())? else { return Ok(()) };
    let mut state: State = wire::read(&bytes)?;
    let mut crossings = Vec::new();
    let rule = rules.iter().find(|rule| rule.name == name);
    state.look = match rule {
        Some(rule) => condition::elapsed(&rule.condition, &mut state, now, &mut crossings),
        // It cannot be compiled as its stream stands: perhaps later.
        None => Some(now.plus(LOOK_AGAIN)),
    };
    if let Some(look) = state.look {
        tx.put(key::look(look, name, run, device), Vec::new());
    }
    tx.put(key::state(name, run, device), wire::write(&state)?);
    let (Some(rule), false) = (rule, crossings.is_empty()) else { return Ok(()) };
    let mut counts = counts(tx, name)?;
    for crossing in &crossings {
        counts.crossed(cross(fleet, tx, (rule.as_ref(), run), device, crossing, None)?);
    }
    tx.put(key::counts(name), wire::write(&counts)?);
    Ok(())
}

/// Goes on behind a silence that cannot be told, which is a defect: nobody else waits for it.
fn pass_over(
    tx: &mut Tx<'_>,
    (name, run): (&str, u64),
    device: &str,
    problem: &Problem,
) -> Result<(), Problem> {
    let fault = json!({"rule": name, "device": device, "problem": problem, "wall": tx.wall()});
    tx.record("system/faults", &fault)?;
    let told = tx.attempt(|tx| {
        let mut counts = counts(tx, name)?;
        counts.fail(problem);
        tx.put(key::counts(name), wire::write(&counts)?);
        let mut state = state(tx, (name, run), device)?;
        (state.look, state.fired) = (None, true);
        tx.put(key::state(name, run, device), wire::write(&state)?);
        Ok(())
    });
    match told {
        // What is remembered is what is damaged, perhaps.
        Err(problem) if problem.kind != Kind::Unavailable => Ok(()),
        told => told,
    }
}

/// Writes a crossing down and sets going what is to be done. Returns where it stands in the log.
fn cross(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    (rule, run): (&Rule, u64),
    device: &str,
    crossing: &Crossing,
    found: Option<(u64, &Map<String, Value>)>,
) -> Result<u64, Problem> {
    // Silence is the same whether the clock or the next row has told it: of no row.
    let found = found.filter(|_| !rule.judges_ahead());
    let row = Row {
        rule: rule.name.clone(),
        device: device.to_owned(),
        crossing: crossing.number,
        at: crossing.at,
        stream: rule.stream.clone(),
        offset: found.map(|(offset, _)| offset),
        value: crossing.value,
        detail: crossing.detail.clone(),
        business: tx.business(),
        actions: rule.actions.len(),
    };
    let written = tx.record(LOG, &row)?;
    tx.count(CROSSINGS, &rule.name);
    if tx.resource("device", device)?.is_some() {
        let detail = json!({"rule": rule.name, "crossing": crossing.number, "at": crossing.at, "value": crossing.value});
        twin::event(fleet, tx, device, "crossing", detail)?;
    }
    let variables = json!({
        "row": found.map(|(_, row)| row),
        "device": device,
        "at": crossing.at,
        "value": crossing.value,
        "crossing": crossing.number,
        "detail": crossing.detail,
        "rule": rule.name,
    });
    let Value::Object(variables) = variables else { return Ok(written) };
    let crossed = Crossed {
        rule: &rule.name,
        run,
        device,
        number: crossing.number,
        at: crossing.at,
        variables: &variables,
    };
    for action in rule.actions.iter().enumerate() {
        actions::act(tx, &crossed, action)?;
    }
    Ok(written)
}

/// Drops crossings, and what became of actions, after the days that the configuration says.
fn forget_crossings(config: &Config, tx: &mut Tx<'_>) -> Result<(), Problem> {
    /// A row, as far as it matters here.
    #[derive(Deserialize)]
    struct Past {
        business: Time,
    }
    let Some(days) = config.crossings_days else { return Ok(()) };
    let now = tx.business();
    let since = Time(now.0.saturating_sub(Period::days(days.into()).0));
    let age = |row: &Past| match row.business {
        then if then < since => Age::Old,
        then if then <= now => Age::Young,
        _ => Age::Ahead,
    };
    kernel::forget_old(tx, now, &key::forgetting(), &[LOG, actions::LOG], age)
}

/// Has a rule begin: it remembers nothing, and looks at what comes from now on.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn begin(
    tx: &mut Tx<'_>,
    rule: &str,
    version: u64,
    stream: &str,
) -> Result<(), Problem> {
    end(tx, rule)?;
    let from = tx.log_end(&super::rule::log_of(stream))?;
    let begun = Begun {
        version,
        from: BTreeMap::from([(stream.to_owned(), from)]),
        since: tx.business(),
        run: tx.serial("rules")?,
    };
    tx.put(key::cursor(rule, stream), from.to_be_bytes().to_vec());
    tx.put(key::begun(rule), wire::write(&begun)?);
    Ok(())
}

/// Forgets all of a rule, but its crossings and the actions that are under way. Nothing of the run counts any more; what it remembers of
/// devices, which may be many, goes piece by piece.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn end(tx: &mut Tx<'_>, rule: &str) -> Result<(), Problem> {
    if let Some(begun) = begun(tx, rule)? {
        tx.put(key::over(rule, begun.run), Vec::new());
    }
    for (found, _) in tx.scan_prefix(key::cursors(rule).as_ref(), usize::MAX)? {
        tx.delete(found);
    }
    tx.delete(key::begun(rule));
    tx.delete(key::counts(rule));
    Ok(())
}

/// Forgets what a rule remembers of a device. Returns whether it remembered something.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn forget_device(tx: &mut Tx<'_>, rule: &str, device: &str) -> Result<bool, Problem> {
    let Some(begun) = begun(tx, rule)? else { return Ok(false) };
    let bytes = tx.get(key::state(rule, begun.run, device).as_ref())?;
    if let Some(bytes) = &bytes {
        forget(tx, (rule, begun.run), device, bytes);
    }
    Ok(bytes.is_some())
}

fn forget(tx: &mut Tx<'_>, (rule, run): (&str, u64), device: &str, bytes: &[u8]) {
    // Of what is damaged a look stays, which finds nothing.
    let look = wire::read::<State>(bytes).ok().and_then(|state| state.look);
    if let Some(look) = look {
        tx.delete(key::look(look, rule, run, device));
    }
    tx.delete(key::state(rule, run, device));
}

/// Forgets some of what a rule remembers of a run that is over. What is left waits for the next turn.
fn forget_run(tx: &mut Tx<'_>) -> Result<(), Problem> {
    let over = tx.scan_prefix(key::over_all().as_ref(), 1)?;
    let Some((found, _)) = over.into_iter().next() else { return Ok(()) };
    let (rule, run) = key::over_of(&found).unwrap_or_default();
    let states = tx.scan_prefix(key::states_of(&rule, run).as_ref(), FORGOTTEN_MAX)?;
    for (state, bytes) in &states {
        let device = key::device_of(state).unwrap_or_default();
        forget(tx, (&rule, run), &device, bytes);
    }
    if states.len() < FORGOTTEN_MAX {
        tx.delete(found);
    }
    tx.leave_more();
    Ok(())
}

/// Returns what a rule remembers of a device since it began.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn state(
    read: &dyn Read,
    (rule, run): (&str, u64),
    device: &str,
) -> Result<State, Problem> {
    let bytes = read.get(key::state(rule, run, device).as_ref())?;
    bytes.map_or_else(|| Ok(State::default()), |bytes| wire::read(&bytes))
}

/// Returns how a rule began.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn begun(read: &dyn Read, rule: &str) -> Result<Option<Begun>, Problem> {
    read.get(key::begun(rule).as_ref())?.map(|bytes| wire::read(&bytes)).transpose()
}

/// Returns what a rule has counted.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn counts(read: &dyn Read, rule: &str) -> Result<Counts, Problem> {
    let bytes = read.get(key::counts(rule).as_ref())?;
    bytes.map_or_else(|| Ok(Counts::default()), |bytes| wire::read(&bytes))
}

/// Reads a number that was stored as eight bytes, big end first.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
