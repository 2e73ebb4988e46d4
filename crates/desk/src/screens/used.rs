//! What screens name, so that nothing of it goes away under them.

use super::spec::{Action, ColumnSpec, Part, ScreenSpec};
use super::{check, read};
use crate::{Config, Error};
use base::Problem;
use kernel::{Read, Resource};
use serde_json::Value;

/// A resource that a screen names, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mention<'a> {
    pub kind: &'a str,
    pub name: &'a str,
    pub pointer: String,
}

/// Returns every resource that a screen names. The names of roles are among them; those that a row or a parameter gives are not.
pub(crate) fn mentions(spec: &ScreenSpec) -> Vec<Mention<'_>> {
    let mut all = Vec::new();
    for (number, role) in spec.roles.iter().flatten().enumerate() {
        all.push(Mention { kind: "role", name: role, pointer: format!("/spec/roles/{number}") });
    }
    for (number, part) in spec.parts.iter().enumerate() {
        of_part(part, &format!("/spec/parts/{number}"), &mut all);
    }
    all
}

fn of_part<'a>(part: &'a Part, at: &str, all: &mut Vec<Mention<'a>>) {
    let mention = |kind, name, pointer: &str| Mention { kind, name, pointer: pointer.to_owned() };
    if let Some(kpi) = &part.kpi {
        all.push(mention("kpi", &kpi.name, &format!("{at}/kpi/name")));
    }
    if let Some(list) = &part.list {
        all.push(mention("query", &list.query, &format!("{at}/list/query")));
        of_columns(list.columns.as_deref(), &format!("{at}/list/columns"), all);
        of_actions(&list.actions, &format!("{at}/list/actions"), all);
    }
    if let Some(detail) = &part.detail {
        all.push(mention("query", &detail.query, &format!("{at}/detail/query")));
        of_columns(detail.fields.as_deref(), &format!("{at}/detail/fields"), all);
        of_actions(&detail.actions, &format!("{at}/detail/actions"), all);
    }
    if let Some(chart) = &part.chart {
        all.push(mention("query", &chart.query, &format!("{at}/chart/query")));
    }
    if let Some(form) = &part.form {
        all.push(mention("form", &form.form, &format!("{at}/form/form")));
        of_resource(form.resource.as_deref(), &format!("{at}/form/resource"), all);
    }
}

fn of_columns<'a>(columns: Option<&'a [ColumnSpec]>, at: &str, all: &mut Vec<Mention<'a>>) {
    for (number, column) in columns.unwrap_or_default().iter().enumerate() {
        if let Some(link) = &column.link {
            let pointer = format!("{at}/{number}/link/screen");
            all.push(Mention { kind: "screen", name: &link.screen, pointer });
        }
    }
}

fn of_actions<'a>(actions: &'a [Action], at: &str, all: &mut Vec<Mention<'a>>) {
    for (number, action) in actions.iter().enumerate() {
        if let Some(form) = &action.form {
            let pointer = format!("{at}/{number}/form");
            all.push(Mention { kind: "form", name: form, pointer });
        }
        of_resource(action.resource.as_deref(), &format!("{at}/{number}/resource"), all);
    }
}

fn of_resource<'a>(resource: Option<&'a str>, at: &str, all: &mut Vec<Mention<'a>>) {
    let Some((kind, name)) = resource.and_then(|text| text.split_once('/')) else { return };
    if !name.is_empty() && !name.starts_with('$') {
        all.push(Mention { kind, name, pointer: at.to_owned() });
    }
}

/// Refuses to remove what a screen names, and to change the parameters of a query or a screen under those that use them.
///
/// # Errors
/// `screen.in_use`, or what is wrong with a screen by now.
pub(crate) fn check_users(
    read: &dyn Read,
    config: &Config,
    old: &Resource,
    new: Option<&Resource>,
) -> Result<(), Problem> {
    let has_parameters = matches!(old.kind.as_str(), "query" | "screen");
    if new.is_some() && !has_parameters {
        return Ok(());
    }
    for screen in read.resources("screen")? {
        let is_itself = old.kind == "screen" && screen.name == old.name;
        if is_itself || !says(&screen.spec, &old.name) {
            continue;
        }
        // What was stored was checked: a form that is not known any more is of a later version.
        let Ok(spec) = read::spec(&screen.name, &screen.spec) else { continue };
        let all = mentions(&spec);
        let Some(mention) =
            all.iter().find(|mention| mention.kind == old.kind && mention.name == old.name)
        else {
            continue;
        };
        if new.is_none() {
            let what = format!("{} `{}`", old.kind, old.name);
            let (screen, pointer) = (screen.name.clone(), mention.pointer.clone());
            return Err(Error::ScreenInUse { what, screen, pointer }.into());
        }
        if let Some(mut problem) = check::problem(read, config, &screen.name, &spec)? {
            // Its places are those of another manifest than the one that changes.
            problem.place = None;
            return Err(problem);
        }
    }
    Ok(())
}

/// Returns whether a text of a value is a name, or a reference to it: quicker than to read the spec.
fn says(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => text.rsplit('/').next() == Some(name),
        Value::Array(values) => values.iter().any(|value| says(value, name)),
        Value::Object(fields) => fields.values().any(|value| says(value, name)),
        _ => false,
    }
}
