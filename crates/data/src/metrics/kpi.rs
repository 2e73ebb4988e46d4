//! KPIs as they are declared, and the closing of their windows.
//!
//! Each KPI stands at a window that is not evaluated yet. When that window has closed, and the grace after it is over, the commit
//! in which business time passes there notes a request; the schedule goes on with the next window. Windows that closed while
//! the unit was down are noted together, in one request, and evaluated in order.

use super::metric::Metric;
use super::spec::KpiSpec;
use super::window::Grain;
use super::wire::{self, Request, State, key};
use crate::engine::Data;
use crate::{Error, background};
use base::{Period, Place, Problem, Time};
use kernel::{Read, Resource, Tx};
use std::sync::Arc;

/// The version of what is stored.
pub(crate) const VERSION: u8 = 1;

/// Windows that are closed in one step of background work.
const CLOSED_MAX: usize = 64;

/// A KPI with its metric.
pub(crate) struct Kpi {
    pub(crate) resource: Arc<Resource>,
    pub(crate) spec: KpiSpec,
    pub(crate) metric: Metric,
    /// How long its windows are.
    pub(crate) window: Grain,
    /// The dimensions for which its values are held to the target.
    pub(crate) dimensions: Vec<String>,
}

/// Who answers for a KPI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    User(String),
    Role(String),
}

impl Owner {
    /// Reads `user:NAME` or `role:NAME`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':')?;
        match kind {
            _ if name.is_empty() => None,
            "user" => Some(Self::User(name.into())),
            "role" => Some(Self::Role(name.into())),
            _ => None,
        }
    }

    /// Returns to whom a task is assigned: empty for a role.
    pub(crate) fn assignee(&self) -> &str {
        match self {
            Self::User(name) => name,
            Self::Role(_) => "",
        }
    }

    /// Returns whose members may take a task: empty for a user.
    pub(crate) fn candidates(&self) -> &str {
        match self {
            Self::User(_) => "",
            Self::Role(name) => name,
        }
    }
}

impl Kpi {
    /// Returns a declared KPI.
    ///
    /// # Errors
    /// `resource.not_found`, or what is wrong with its metric.
    pub(crate) fn find(data: &Data, read: &dyn Read, name: &str) -> Result<Self, Problem> {
        match read.resource("kpi", name)? {
            Some(resource) => Self::of(data, read, resource),
            None => Err(kernel::Error::NotFound { resource: format!("kpi/{name}") }.into()),
        }
    }

    /// Returns the KPI of a resource.
    ///
    /// # Errors
    /// `kpi.invalid`, or what is wrong with its metric.
    pub(crate) fn of(
        data: &Data,
        read: &dyn Read,
        resource: Arc<Resource>,
    ) -> Result<Self, Problem> {
        let name = &resource.name;
        let spec: KpiSpec = serde_json::from_value(resource.spec.clone())
            .map_err(|error| wrong(name, error.to_string(), "/spec", None))?;
        let Some(metric) = Metric::find(read, &data.shared.config, &spec.metric)? else {
            let reason = format!("there is no metric `{}`", spec.metric);
            let metrics = read.resources("metric")?;
            let names = metrics.iter().map(|metric| metric.name.as_str());
            let hint =
                base::nearest(&spec.metric, names).map(|near| format!("did you mean `{near}`?"));
            return Err(wrong(name, reason, "/spec/metric", hint));
        };
        let window = spec.window.unwrap_or(metric.grain);
        let dimensions = spec.dimensions.clone().unwrap_or_else(|| metric.dimensions.clone());
        Ok(Self { resource, spec, metric, window, dimensions })
    }

    /// Returns the name.
    pub(crate) fn name(&self) -> &str {
        &self.resource.name
    }

    /// Returns when the window that begins at `start` is to be evaluated.
    pub(crate) fn due(&self, start: Time) -> Time {
        due(self.window, start, self.spec.grace())
    }
}

fn due(window: Grain, start: Time, grace: Period) -> Time {
    window.end_of(start).plus(grace)
}

/// Returns the first window that is not to be evaluated yet: all before it have closed, and their grace is over.
pub(crate) fn first_open(window: Grain, now: Time, grace: Period) -> Time {
    window.start_of(now.plus(Period(grace.0.saturating_neg())))
}

impl Data {
    /// Takes note that a KPI changes; refuses what cannot work. A KPI begins with the window that is open when it is first
    /// applied.
    pub(crate) fn kpi_changed(
        &self,
        tx: &mut Tx<'_>,
        old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        let Some(new) = new else {
            return match old {
                Some(old) => forget(tx, &old.name),
                None => Ok(()),
            };
        };
        let kpi = Kpi::of(self, tx, Arc::new(new.clone()))?;
        check(tx, &kpi)?;
        let held: Option<State> = wire::get(tx, &key::state(kpi.name()))?;
        let next = match held {
            Some(held) if held.window == kpi.window => held.next,
            // Windows of another length: those that wait are asked for anew, from the first that is not evaluated.
            Some(held) => {
                let waiting: Option<Request> = wire::get(tx, &key::request(kpi.name(), 0))?;
                tx.delete(key::request(kpi.name(), 0));
                kpi.window.start_of(waiting.map_or(held.next, |request| request.from))
            }
            None => kpi.window.start_of(tx.business()),
        };
        set_next(tx, &kpi, next, None)
    }

    /// Checks all KPIs anew: a metric has changed.
    pub(crate) fn check_all_kpis(&self, tx: &Tx<'_>) -> Result<(), Problem> {
        for resource in tx.resources("kpi")? {
            check(tx, &Kpi::of(self, tx, resource)?)?;
        }
        Ok(())
    }

    /// Notes the windows that have closed. Returns how many KPIs have some.
    pub(crate) fn close_windows(&self, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
        let now = tx.business();
        for count in 0..budget.min(CLOSED_MAX) {
            let Some((due, name)) = wire::first_instant(tx, &key::all_due())? else {
                return Ok(count);
            };
            if now < due {
                return Ok(count);
            }
            self.close(tx, &name, due, now)?;
        }
        Ok(budget.min(CLOSED_MAX))
    }

    /// Notes the windows of a KPI that have closed, behind those that wait already.
    fn close(&self, tx: &mut Tx<'_>, name: &str, due: Time, now: Time) -> Result<(), Problem> {
        tx.delete(key::due(due, name));
        let held: Option<State> = wire::get(tx, &key::state(name))?;
        let (Some(held), Some(resource)) = (held, tx.resource("kpi", name)?) else {
            return Ok(());
        };
        let spec: KpiSpec = serde_json::from_value(resource.spec.clone())
            .map_err(|error| Error::Internal { detail: format!("kpi/{name}: {error}") })?;
        let to = first_open(held.window, now, spec.grace()).max(held.window.end_of(held.next));
        let waiting: Option<Request> = wire::get(tx, &key::request(name, 0))?;
        let from = waiting.map_or(held.next, |request| request.from);
        let request = Request { v: VERSION, kpi: name.to_owned(), number: 0, from, to };
        wire::put(tx, key::request(name, 0), &request)?;
        tx.notify(background::TOPIC);
        let due = self::due(held.window, to, spec.grace());
        wire::put(tx, key::due(due, name), &())?;
        wire::put(tx, key::state(name), &State { next: to, due, ..held })
    }
}

/// Sets where a KPI stands, and when its next window is due.
fn set_next(
    tx: &mut Tx<'_>,
    kpi: &Kpi,
    next: Time,
    problem: Option<String>,
) -> Result<(), Problem> {
    let held: Option<State> = wire::get(tx, &key::state(kpi.name()))?;
    if let Some(held) = held {
        tx.delete(key::due(held.due, kpi.name()));
    }
    let due = kpi.due(next);
    wire::put(tx, key::due(due, kpi.name()), &())?;
    let state = State { v: VERSION, next, window: kpi.window, due, problem };
    wire::put(tx, key::state(kpi.name()), &state)
}

/// Takes a KPI off the schedule. What it has recorded stays.
fn forget(tx: &mut Tx<'_>, name: &str) -> Result<(), Problem> {
    let held: Option<State> = wire::get(tx, &key::state(name))?;
    if let Some(held) = held {
        tx.delete(key::due(held.due, name));
        tx.delete(key::state(name));
    }
    for (found, _) in tx.scan_prefix(key::requests_of(name).as_ref(), usize::MAX)? {
        tx.delete(found);
    }
    Ok(())
}

/// Checks what a KPI says beside its metric.
fn check(tx: &Tx<'_>, kpi: &Kpi) -> Result<(), Problem> {
    let (name, spec) = (kpi.name(), &kpi.spec);
    check_owner(tx, name, spec.owner.as_deref())?;
    if let Err((reason, hint)) = kpi.metric.check_dimensions(&kpi.dimensions) {
        return Err(wrong(name, reason, "/spec/dimensions", hint));
    }
    let mut seen = std::collections::BTreeSet::new();
    if let Some(twice) = kpi.dimensions.iter().find(|name| !seen.insert(name.as_str())) {
        let reason = format!("dimension `{twice}` stands twice");
        return Err(wrong(name, reason, "/spec/dimensions", None));
    }
    if spec.grace() < Period(0) {
        return Err(wrong(name, "`grace` cannot be negative".into(), "/spec/grace", None));
    }
    if spec.deadline.is_some_and(|deadline| deadline <= Period(0)) {
        let reason = "`deadline` must be longer than nothing".into();
        return Err(wrong(name, reason, "/spec/deadline", None));
    }
    if let Some(on_breach) = &spec.on_breach
        && tx.resource("process", &on_breach.process)?.is_none()
    {
        let problem: Problem = kernel::Error::Reference {
            from: format!("kpi/{name}"),
            to: format!("process/{}", on_breach.process),
        }
        .into();
        return Err(problem.at(Place::pointer("/spec/on_breach/process")));
    }
    Ok(())
}

fn check_owner(tx: &Tx<'_>, name: &str, owner: Option<&str>) -> Result<(), Problem> {
    let refuse = |reason: String| Err(Error::Owner { kpi: name.to_owned(), reason }.into());
    let Some(text) = owner.filter(|text| !text.trim().is_empty()) else {
        return refuse("it has no owner".into());
    };
    let shown: String = text.chars().take(80).collect();
    match Owner::parse(text) {
        Some(Owner::User(user)) if tx.resource("user", &user)?.is_none() => {
            refuse(format!("its owner `{shown}` does not exist"))
        }
        // A role may be built in: then it has no manifest, but the kernel knows it.
        Some(Owner::Role(role)) if !has_role(tx, &role)? => {
            refuse(format!("its owner `{shown}` does not exist"))
        }
        Some(_) => Ok(()),
        None => refuse(format!("its owner `{shown}` is neither a user nor a role")),
    }
}

fn has_role(tx: &Tx<'_>, role: &str) -> Result<bool, Problem> {
    if tx.resource("role", role)?.is_some() {
        return Ok(true);
    }
    for engine in tx.kernel().engines() {
        if engine.find(tx, "role", role)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the problem of a KPI that cannot work.
pub(crate) fn wrong(name: &str, reason: String, pointer: &str, hint: Option<String>) -> Problem {
    let place = Some(Place::pointer(pointer));
    Error::Declared { kind: "kpi", name: name.into(), reason, place, hint }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        Time::parse(text).expect("an instant")
    }

    #[test]
    fn a_window_closes_when_its_grace_is_over() {
        let open = |now: &str, days: i64| {
            first_open(Grain::Month, time(now), Period::days(days)).to_string()
        };
        assert_eq!(open("2018-03-31T23:59:59Z", 0), "2018-03-01T00:00:00Z");
        assert_eq!(open("2018-04-01T00:00:00Z", 0), "2018-04-01T00:00:00Z");
        assert_eq!(open("2018-04-02T23:59:59Z", 2), "2018-03-01T00:00:00Z");
        assert_eq!(open("2018-04-03T00:00:00Z", 2), "2018-04-01T00:00:00Z");
        let due = due(Grain::Month, time("2018-03-01"), Period::days(2));
        assert_eq!(due, time("2018-04-03"), "the first moment at which it is not open any more");
    }

    #[test]
    fn owners_are_users_or_roles() {
        assert_eq!(Owner::parse("user:ana"), Some(Owner::User("ana".into())));
        assert_eq!(Owner::parse("role:care"), Some(Owner::Role("care".into())));
        for text in ["ana", "user:", "unit:kpis", "", ":"] {
            assert_eq!(Owner::parse(text), None, "{text}");
        }
        let (user, role) = (Owner::User("ana".into()), Owner::Role("care".into()));
        assert_eq!((user.assignee(), user.candidates()), ("ana", ""));
        assert_eq!((role.assignee(), role.candidates()), ("", "care"));
    }
}
