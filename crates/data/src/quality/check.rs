//! What `apply` checks of quality rules, and the schedule of those over a table.

use super::rules::{compile, pointer_of, wrong};
use super::spec::{Action, Check, QualitySpec, RuleSpec, Target};
use super::table::Queries;
use super::wire::{Request, State, key};
use crate::catalog::{Catalog, LATEST};
use crate::engine::{Data, planned};
use crate::metrics::check::is_relation;
use crate::metrics::wire as stored;
use crate::sql::guard;
use crate::{Config, Error, background};
use base::{Period, Problem, Time};
use datafusion::common::TableReference;
use kernel::{Principal, Read, Resource, Tx};
use serde_json::Value;
use std::collections::BTreeSet;

/// The version of what is stored.
pub(crate) const VERSION: u8 = 1;

/// Schedules that come due in one step of background work.
const DUE_MAX: usize = 64;

impl Data {
    /// Takes note that quality rules change; refuses what cannot work.
    pub(crate) fn quality_changed(
        &self,
        tx: &mut Tx<'_>,
        old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        if let Some(old) = old {
            unlist(tx, old)?;
            unschedule(tx, &old.name)?;
        }
        let Some(new) = new else { return Ok(()) };
        let spec = self.check_quality(tx, new)?;
        if let (Some(Target::Stream(stream)), Some(_)) = (spec.target(), spec.row_rules().next()) {
            let place = key::on(&stream);
            let held: Option<Vec<String>> = stored::get(tx, &place)?;
            let mut names = held.unwrap_or_default();
            names.push(new.name.clone());
            names.sort();
            names.dedup();
            stored::put(tx, place, &names)?;
        }
        if spec.table_rules().next().is_some() {
            let due = tx.business().plus(spec.every());
            stored::put(tx, key::due(due, &new.name), &())?;
            stored::put(tx, key::state(&new.name), &State { v: VERSION, due, ran: None })?;
        }
        Ok(())
    }

    /// Checks all quality rules anew: something that they look at has changed.
    pub(crate) fn check_all_quality(&self, tx: &Tx<'_>) -> Result<(), Problem> {
        for resource in tx.resources("quality")? {
            self.check_quality(tx, &resource)?;
        }
        Ok(())
    }

    fn check_quality(&self, tx: &Tx<'_>, resource: &Resource) -> Result<QualitySpec, Problem> {
        let name = &resource.name;
        let spec: QualitySpec = serde_json::from_value(resource.spec.clone())
            .map_err(|error| wrong(name, error.to_string(), "/spec", None))?;
        check_fields(name, &spec, self.shared.config.quality_rules_max)?;
        let stream = match spec.target() {
            Some(Target::Stream(stream)) => stream,
            Some(Target::Table(table)) => {
                table.strip_suffix(LATEST).map(str::to_owned).unwrap_or_default()
            }
            None => String::new(),
        };
        let Some(found) = tx.resource("stream", &stream)? else {
            let reason = format!("`{}` does not exist", spec.on);
            let hint = Some("write `stream/NAME` or `table/NAME_latest`".into());
            return Err(wrong(name, reason, "/spec/on", hint));
        };
        let stream = self.shared.stream(&found)?;
        compile(name, &spec, &stream, &self.shared.config)?;
        for (number, rule) in spec.table_rules() {
            self.check_table_rule(tx, resource, &spec, (number, rule))?;
        }
        Ok(spec)
    }

    /// Plans the query of a rule, as whoever applied it may read what it looks at.
    fn check_table_rule(
        &self,
        tx: &Tx<'_>,
        resource: &Resource,
        spec: &QualitySpec,
        (number, rule): (usize, &RuleSpec),
    ) -> Result<(), Problem> {
        let name = &resource.name;
        let placed = |problem: Problem| {
            if problem.code != "sql.invalid" && problem.code != "sql.not_allowed" {
                return problem;
            }
            let reason = format!("rule `{}`: {}", rule.name, problem.message);
            wrong(name, reason, &pointer_of(number, rule), problem.hint)
        };
        if rule.check == Check::Sql {
            // By itself first: between brackets it could mean something else.
            let (sql, config) = (rule.sql.as_deref().unwrap_or_default(), &self.shared.config);
            let read = if rule.is_query() {
                guard::references(guard::Text::own(sql), config).map(|_| ())
            } else {
                guard::lone_expression(sql, config)
            };
            read.map_err(|error| placed(error.into()))?;
        }
        let sql = Queries::of(spec, rule, tx.business()).count();
        let definer = Principal::try_from(resource.changed_by.clone())?;
        let catalog = Catalog::new(&self.shared, tx, None, None);
        let tables = catalog.tables(guard::Text::own(&sql), &definer).map_err(placed)?;
        let (config, business) = (&self.shared.config, tx.business());
        let plan = guard::with_stack(|| planned(config, business, &sql, &tables))?;
        plan.map(|_| ()).map_err(placed)
    }

    /// Returns the relations that quality rules look at.
    pub(crate) fn references_of_quality(
        &self,
        tx: &Tx<'_>,
    ) -> Result<Vec<(String, Vec<TableReference>)>, Problem> {
        let mut all = Vec::new();
        for resource in tx.resources("quality")? {
            let references = references_of(&spec_of(&resource)?, &self.shared.config)?;
            all.push((resource.name.clone(), references));
        }
        Ok(all)
    }

    /// Notes which rules over tables are to run. Returns how many.
    pub(crate) fn schedule_quality(
        &self,
        tx: &mut Tx<'_>,
        budget: usize,
    ) -> Result<usize, Problem> {
        let now = tx.business();
        for count in 0..budget.min(DUE_MAX) {
            let Some((due, name)) = stored::first_instant(tx, &key::all_due())? else {
                return Ok(count);
            };
            if now < due {
                return Ok(count);
            }
            tx.delete(key::due(due, &name));
            let Some(resource) = tx.resource("quality", &name)? else { continue };
            let held: Option<State> = stored::get(tx, &key::state(&name))?;
            // One run stands for all that were missed: the table is what it is now.
            let due = now.plus(spec_of(&resource)?.every());
            stored::put(tx, key::due(due, &name), &())?;
            let ran = held.and_then(|held| held.ran);
            stored::put(tx, key::state(&name), &State { v: VERSION, due, ran })?;
            request(tx, &name)?;
        }
        Ok(budget.min(DUE_MAX))
    }
}

/// Returns the relations that rules look at: what they are for, and what their queries name.
///
/// # Errors
/// As [`guard::references`].
pub(crate) fn references_of(
    spec: &QualitySpec,
    config: &Config,
) -> Result<Vec<TableReference>, Problem> {
    let target = spec.target();
    let mut references: Vec<TableReference> =
        target.iter().map(|target| TableReference::bare(target.relation())).collect();
    for (_, rule) in spec.table_rules() {
        let sql = Queries::of(spec, rule, Time(0)).count();
        references.extend(guard::references(guard::Text::own(&sql), config)?);
    }
    Ok(references)
}

/// Notes that rules are to run.
pub(crate) fn request(tx: &mut Tx<'_>, name: &str) -> Result<u64, Problem> {
    let number = tx.serial("quality_requests")?;
    let request = Request { v: VERSION, quality: name.to_owned(), number };
    stored::put(tx, key::request(name), &request)?;
    tx.notify(background::TOPIC);
    Ok(number)
}

/// Returns the spec of quality rules that are stored.
///
/// # Errors
/// Where the stored spec cannot be read, which is a defect.
pub(crate) fn spec_of(resource: &Resource) -> Result<QualitySpec, Problem> {
    serde_json::from_value(resource.spec.clone()).map_err(|error| {
        Error::Internal { detail: format!("{}: {error}", resource.reference()) }.into()
    })
}

/// Takes rules out of the list of their stream.
fn unlist(tx: &mut Tx<'_>, old: &Resource) -> Result<(), Problem> {
    let Some(Target::Stream(stream)) = spec_of(old)?.target() else { return Ok(()) };
    let place = key::on(&stream);
    let held: Option<Vec<String>> = stored::get(tx, &place)?;
    let mut names = held.unwrap_or_default();
    names.retain(|name| *name != old.name);
    if names.is_empty() {
        tx.delete(place);
        return Ok(());
    }
    stored::put(tx, place, &names)
}

fn unschedule(tx: &mut Tx<'_>, name: &str) -> Result<(), Problem> {
    let held: Option<State> = stored::get(tx, &key::state(name))?;
    if let Some(held) = held {
        tx.delete(key::due(held.due, name));
        tx.delete(key::state(name));
    }
    tx.delete(key::request(name));
    Ok(())
}

/// Checks the fields by themselves.
fn check_fields(name: &str, spec: &QualitySpec, rules_max: usize) -> Result<(), Problem> {
    let refuse = |reason: String, pointer: &str| Err(wrong(name, reason, pointer, None));
    if spec.target().is_none() {
        let reason = format!("`{}` is neither `stream/NAME` nor `table/NAME_latest`", spec.on);
        return refuse(reason, "/spec/on");
    }
    if spec.rules.is_empty() || rules_max < spec.rules.len() {
        let count = spec.rules.len();
        return refuse(
            format!("it has {count} rules, 1 to {rules_max} are allowed"),
            "/spec/rules",
        );
    }
    if spec.every() < Period::seconds(1) {
        return refuse("`every` must be a second or longer".into(), "/spec/every");
    }
    let mut seen = BTreeSet::new();
    for (number, rule) in spec.rules.iter().enumerate() {
        let pointer = |field: &str| format!("/spec/rules/{number}/{field}");
        if base::Name::new(rule.name.as_str()).is_err() || !seen.insert(rule.name.as_str()) {
            let reason = format!("`{}` is no name, or stands twice", rule.name);
            return refuse(reason, &pointer("name"));
        }
        if let Some((reason, field)) = fault_of(rule) {
            return refuse(format!("rule `{}`: {reason}", rule.name), &pointer(field));
        }
        let is_late = spec.table_rules().any(|(other, _)| other == number);
        if is_late && rule.action != Action::Warn {
            let reason = format!(
                "rule `{}`: it looks at rows that are in the table, and can only `warn`",
                rule.name
            );
            let hint = "rules over one row of a stream (not_null, range, an expression) can set aside or block";
            return Err(wrong(name, reason, &pointer("action"), Some(hint.into())));
        }
    }
    Ok(())
}

/// Returns what is wrong with a rule by itself, and the field in which it is.
fn fault_of(rule: &RuleSpec) -> Option<(&'static str, &'static str)> {
    let has_column = rule.column.is_some();
    let is_bound = |bound: &Option<Value>| {
        bound.as_ref().is_none_or(|bound| bound.is_number() || bound.is_string())
    };
    match rule.check {
        Check::NotNull | Check::Range | Check::Reference if !has_column => {
            Some(("`column` is missing", "column"))
        }
        Check::Range if rule.min.is_none() && rule.max.is_none() => {
            Some(("`min` or `max` is needed", "min"))
        }
        Check::Range if !is_bound(&rule.min) => Some(("a bound is a number or a text", "min")),
        Check::Range if !is_bound(&rule.max) => Some(("a bound is a number or a text", "max")),
        Check::Unique if has_column != rule.columns.is_empty() => {
            Some(("`column` or `columns` is needed, and not both", "column"))
        }
        Check::Reference if !is_reference(rule.to.as_deref()) => {
            Some(("`to` is RELATION.COLUMN", "to"))
        }
        Check::Freshness if rule.within.is_none_or(|within| within <= Period(0)) => {
            Some(("`within` must be longer than nothing", "within"))
        }
        Check::Sql if rule.sql.as_deref().is_none_or(|sql| sql.trim().is_empty()) => {
            Some(("`sql` is missing", "sql"))
        }
        _ => None,
    }
}

fn is_reference(to: Option<&str>) -> bool {
    to.and_then(|to| to.rsplit_once('.'))
        .is_some_and(|(relation, column)| is_relation(relation) && !column.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(on: &str, rules: Value, expected: &str) {
        let spec: QualitySpec =
            serde_json::from_value(json!({"on": on, "rules": rules})).expect("a spec");
        let shown = check_fields("q", &spec, 3).map_or_else(
            |problem| {
                let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
                format!("{place}: {}", problem.message)
            },
            |()| "fine".into(),
        );
        assert_eq!(shown, expected);
    }

    #[test]
    fn rules_say_all_that_they_need() {
        let one = |rule: Value| json!([rule]);
        check("stream/s", one(json!({"name": "r", "check": "not_null", "column": "a"})), "fine");
        check(
            "s",
            one(json!({"name": "r", "check": "not_null", "column": "a"})),
            "/spec/on: quality `q`: `s` is neither `stream/NAME` nor `table/NAME_latest`",
        );
        check(
            "stream/s",
            json!([]),
            "/spec/rules: quality `q`: it has 0 rules, 1 to 3 are allowed",
        );
        check(
            "stream/s",
            one(json!({"name": "r", "check": "not_null"})),
            "/spec/rules/0/column: quality `q`: rule `r`: `column` is missing",
        );
        check(
            "stream/s",
            one(json!({"name": "r", "check": "range", "column": "a"})),
            "/spec/rules/0/min: quality `q`: rule `r`: `min` or `max` is needed",
        );
        check(
            "stream/s",
            one(json!({"name": "r", "check": "unique"})),
            "/spec/rules/0/column: quality `q`: rule `r`: `column` or `columns` is needed, and not both",
        );
        check(
            "stream/s",
            one(json!({"name": "r", "check": "reference", "column": "a", "to": "b"})),
            "/spec/rules/0/to: quality `q`: rule `r`: `to` is RELATION.COLUMN",
        );
        check(
            "stream/s",
            one(json!({"name": "r", "check": "freshness"})),
            "/spec/rules/0/within: quality `q`: rule `r`: `within` must be longer than nothing",
        );
        check(
            "stream/s",
            one(json!({"name": "r", "check": "sql"})),
            "/spec/rules/0/sql: quality `q`: rule `r`: `sql` is missing",
        );
    }

    #[test]
    fn what_is_in_the_table_can_only_be_warned_of() {
        let late = "it looks at rows that are in the table, and can only `warn`";
        let rule = |check: &str, action: &str| json!([{"name": "r", "check": check, "column": "a", "action": action}]);
        check("stream/s", rule("not_null", "block"), "fine");
        check("stream/s", rule("unique", "warn"), "fine");
        check(
            "stream/s",
            rule("unique", "block"),
            &format!("/spec/rules/0/action: quality `q`: rule `r`: {late}"),
        );
        check(
            "table/s_latest",
            rule("not_null", "set_aside"),
            &format!("/spec/rules/0/action: quality `q`: rule `r`: {late}"),
        );
    }
}
