//! `system.service_levels`: how the levels stand.

use super::{LevelSpec, MINUTE_MS, Tally, counts, minute_of};
use crate::relation::{Cell, Column, ColumnType, Relation, Rows, Scan};
use crate::{Read, Reader, ResourceRef};
use base::{Period, Problem, Time};
use std::sync::Arc;

/// The window of a promise that names none.
const PROMISE_WINDOW: Period = Period::days(30);

/// The two spans of time over which burning is shown, in minutes.
const HOUR: i64 = 60;
const SIX_HOURS: i64 = 6 * HOUR;

/// The sums of a level.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) window: Tally,
    pub(super) hour: Tally,
    pub(super) six_hours: Tally,
}

/// Returns the sums of a level as of a moment.
pub(super) fn sums(read: &dyn Read, id: &str, now: Time, window: Period) -> Result<Sums, Problem> {
    let last = minute_of(now);
    let first = last - window.0 / MINUTE_MS + 1;
    let mut sums = Sums::default();
    for (minute, tally) in counts(read, id, first)? {
        sums.window.add(tally);
        if last - HOUR < minute {
            sums.hour.add(tally);
        }
        if last - SIX_HOURS < minute {
            sums.six_hours.add(tally);
        }
    }
    Ok(sums)
}

/// Returns which part of the errors that the objective leaves is not made yet; below 0 where it is overdrawn.
pub(super) fn budget_left(tally: Tally, objective: f64) -> f64 {
    if tally.total == 0 {
        return 1.0;
    }
    1.0 - tally.bad() as f64 / ((1.0 - objective) * tally.total as f64)
}

/// Returns how fast the budget is used: at 1 it just lasts for the window.
pub(super) fn burn(tally: Tally, objective: f64) -> f64 {
    if tally.total == 0 {
        return 0.0;
    }
    tally.bad() as f64 / tally.total as f64 / (1.0 - objective)
}

/// Returns the relation.
pub(crate) fn relation() -> Relation {
    use ColumnType::{Float, Int, Text};
    let columns = vec![
        Column::new(
            "name",
            Text,
            "The service level; CONTRACT/CAPABILITY for a term of a contract.",
        ),
        Column::new("on", Text, "What it is about."),
        Column::new("objective", Float, "Which part is to be good; null for a term of a contract."),
        Column::new("within", Text, "In what time, ISO 8601."),
        Column::new("window", Text, "Over what time it is looked at, ISO 8601."),
        Column::new("good", Int, "How much was done in time, in the window."),
        Column::new("total", Int, "How much was done or failed, in the window."),
        Column::new("ratio", Float, "Good by total; null where there was nothing."),
        Column::new(
            "budget_left",
            Float,
            "Which part of the permitted errors is left; below 0: overdrawn.",
        ),
        Column::new(
            "burn_1h",
            Float,
            "How fast the budget is used, over an hour; at 1 it lasts for the window.",
        ),
        Column::new("burn_6h", Float, "The same over six hours."),
        Column::new(
            "overdue",
            Int,
            "How much is not done yet and already late; null where that is not known.",
        ),
    ];
    let rows: Rows = Arc::new(
        |reader: &Reader, _: &Scan, row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
            for resource in reader.resources("service_level")? {
                if reader.allows("resource.get", &resource.reference())?
                    && !row(declared(reader, &resource)?)?
                {
                    return Ok(());
                }
            }
            for engine in reader.kernel().engines() {
                for promise in engine.promises(reader)? {
                    let (kind, name) = promise.on.split_once('/').unwrap_or((&promise.on, ""));
                    if !reader.allows("contract.get", &ResourceRef::new(kind, name))? {
                        continue;
                    }
                    let sums = sums(reader, &promise.id, reader.business(), PROMISE_WINDOW)?;
                    let shown = Shown {
                        name: promise.name.clone(),
                        on: promise.on.clone(),
                        objective: None,
                        within: promise.within,
                        window: PROMISE_WINDOW,
                        overdue: Some(promise.overdue),
                    };
                    if !row(shown.cells(&sums))? {
                        return Ok(());
                    }
                }
            }
            Ok(())
        },
    );
    let summary =
        "Service levels and the terms of contracts: what was good, and what is left of the budget.";
    Relation::system("service_levels", summary, columns, rows)
}

struct Shown {
    name: String,
    on: String,
    objective: Option<f64>,
    within: Period,
    window: Period,
    overdue: Option<u64>,
}

impl Shown {
    fn cells(self, sums: &Sums) -> Vec<Cell> {
        let int = |number: u64| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX));
        let float = |number: Option<f64>| number.map_or(Cell::Null, Cell::Float);
        let Tally { good, total } = sums.window;
        let ratio = (0 < total).then(|| good as f64 / total as f64);
        let objective = self.objective;
        vec![
            Cell::Text(self.name),
            Cell::Text(self.on),
            float(objective),
            Cell::Text(self.within.to_string()),
            Cell::Text(self.window.to_string()),
            int(good),
            int(total),
            float(ratio),
            float(objective.map(|objective| budget_left(sums.window, objective))),
            float(objective.map(|objective| burn(sums.hour, objective))),
            float(objective.map(|objective| burn(sums.six_hours, objective))),
            self.overdue.map_or(Cell::Null, int),
        ]
    }
}

fn declared(reader: &Reader, resource: &crate::Resource) -> Result<Vec<Cell>, Problem> {
    let spec = LevelSpec::of(resource)?;
    let (clock, level) = (reader.kernel().clock(), spec.level(&resource.name));
    let now = if spec.is_by_wall() { clock.wall() } else { reader.business() };
    let sums = sums(reader, &level.id, now, spec.window)?;
    let (kind, name) = spec.on.split_once('/').unwrap_or((&spec.on, ""));
    let on = ResourceRef::new(kind, name);
    let before = Time(now.0.saturating_sub(spec.within.0));
    let mut overdue = None;
    for engine in reader.kernel().engines() {
        if overdue.is_none() {
            overdue = engine.overdue(reader, &on, before)?;
        }
    }
    let shown = Shown {
        name: resource.name.clone(),
        on: spec.on.clone(),
        objective: Some(spec.objective),
        within: spec.within,
        window: spec.window,
        overdue,
    };
    Ok(shown.cells(&sums))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_what_the_objective_leaves() {
        let tally = |good, total| Tally { good, total };
        let near = |left: f64, right: f64| assert!((left - right).abs() < 1e-9, "{left} {right}");
        near(budget_left(tally(0, 0), 0.99), 1.0);
        near(budget_left(tally(1_000, 1_000), 0.99), 1.0);
        near(budget_left(tally(995, 1_000), 0.99), 0.5);
        near(budget_left(tally(980, 1_000), 0.99), -1.0);
        near(burn(tally(0, 0), 0.99), 0.0);
        near(burn(tally(98, 100), 0.99), 2.0);
    }
}
