//! Holds a screen against what is declared: every name in it exists, as all will stand after the whole `apply`.
//!
//! The columns of a query are not looked at: to know them it would have to be planned, which is the data engine's. Whoever looks
//! at the screen is told which column is missing.

use super::spec::{Action, ColumnSpec, Part, ScreenSpec, Text, Values};
use super::used::mentions;
use super::{calls, read};
use crate::{Config, Error};
use base::{Name, Problem, nearest};
use kernel::{Read, Resource};
use serde_json::Value;
use std::collections::BTreeSet;

/// Checks the manifest of a screen.
///
/// # Errors
/// `screen.invalid` or `screen.unknown`, with everything else that is wrong beside the first.
pub(crate) fn changed(read: &dyn Read, config: &Config, new: &Resource) -> Result<(), Problem> {
    let spec = read::spec(&new.name, &new.spec)?;
    problem(read, config, &new.name, &spec)?.map_or(Ok(()), Err)
}

/// Returns what is wrong with a screen, where something is.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn problem(
    read: &dyn Read,
    config: &Config,
    name: &str,
    spec: &ScreenSpec,
) -> Result<Option<Problem>, Problem> {
    let mut check = Check { read, config, screen: name, spec, found: Vec::new() };
    check.head();
    for (number, part) in spec.parts.iter().enumerate() {
        check.part(part, &format!("/spec/parts/{number}"))?;
    }
    check.names()?;
    let mut found = check.found.into_iter();
    Ok(found.next().map(|mut first| {
        first.also.extend(found);
        first
    }))
}

/// What `$NAME` may stand for.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// The parameters of the screen.
    Parameters,
    /// The parameters, and these columns.
    Columns(&'a [ColumnSpec]),
    /// The parameters, and columns that only the query knows.
    Anything,
}

/// A check under way.
pub(super) struct Check<'a> {
    pub(super) read: &'a dyn Read,
    config: &'a Config,
    screen: &'a str,
    spec: &'a ScreenSpec,
    found: Vec<Problem>,
}

impl Check<'_> {
    /// Notes that something cannot be so.
    pub(super) fn wrong(&mut self, reason: impl Into<String>, pointer: String) {
        self.refuse(reason.into(), pointer, None);
    }

    pub(super) fn refuse(&mut self, reason: String, pointer: String, hint: Option<String>) {
        let screen = self.screen.to_owned();
        self.found.push(Error::ScreenInvalid { screen, reason, pointer, hint }.into());
    }

    /// Notes that a name stands for nothing.
    pub(super) fn unknown(&mut self, what: String, pointer: String, near: Option<&str>) {
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        let screen = self.screen.to_owned();
        self.found.push(Error::ScreenUnknown { screen, what, pointer, hint }.into());
    }

    /// What stands above the parts.
    fn head(&mut self) {
        let spec = self.spec;
        self.text(&spec.title, "/spec/title");
        for (text, field) in [(&spec.menu, "menu"), (&spec.application, "application")] {
            if let Some(text) = text {
                self.text(text, &format!("/spec/{field}"));
            }
        }
        if spec.on.as_ref().is_some_and(Vec::is_empty) {
            self.wrong("it is offered nowhere", "/spec/on".into());
        }
        if spec.roles.as_ref().is_some_and(Vec::is_empty) {
            self.wrong("it is for nobody", "/spec/roles".into());
        }
        self.few(spec.parts.len(), self.config.parts_max, "parts", "/spec/parts");
        if spec.parts.is_empty() {
            self.wrong("it has no parts", "/spec/parts".into());
        }
        let columns_max = self.config.columns_max;
        self.few(spec.parameters.len(), columns_max, "parameters", "/spec/parameters");
        let mut seen = BTreeSet::new();
        for (number, parameter) in spec.parameters.iter().enumerate() {
            let at = format!("/spec/parameters/{number}");
            if let Err(problem) = Name::new(parameter.name.as_str()) {
                self.wrong(problem.message, format!("{at}/name"));
            }
            if !seen.insert(parameter.name.as_str()) {
                self.wrong(format!("parameter `{}` stands twice", parameter.name), at.clone());
            }
            if let Some(label) = &parameter.label {
                self.text(label, &format!("{at}/label"));
            }
        }
    }

    fn few(&mut self, count: usize, limit: usize, what: &str, at: &str) {
        if limit < count {
            self.wrong(format!("it has {count} {what}, and {limit} are the most"), at.into());
        }
    }

    /// A text for people says something, in languages that are named as browsers name them.
    fn text(&mut self, text: &Text, at: &str) {
        let Text::Languages(texts) = text else { return };
        if texts.is_empty() {
            self.wrong("a text needs at least one language", at.into());
        }
        for language in texts.keys() {
            if !is_language(language) {
                let hint = Some("write `en`, `zh` or `pt-BR`, for example".into());
                let at = format!("{at}/{}", escaped(language));
                self.refuse(format!("`{language}` is not a language"), at, hint);
            }
        }
    }

    fn part(&mut self, part: &Part, at: &str) -> Result<(), Problem> {
        let bodies = [
            part.text.is_some(),
            part.kpi.is_some(),
            part.list.is_some(),
            part.detail.is_some(),
            part.chart.is_some(),
            part.form.is_some(),
        ];
        if bodies.into_iter().filter(|is_there| *is_there).count() != 1 {
            let reason = "a part is one of `text`, `kpi`, `list`, `detail`, `chart` and `form`";
            self.wrong(reason, at.into());
        }
        for (text, field) in [(&part.title, "title"), (&part.text, "text")] {
            if let Some(text) = text {
                self.text(text, &format!("{at}/{field}"));
            }
        }
        if let Some(list) = &part.list {
            let at = format!("{at}/list");
            self.query(&list.query, &list.parameters, &at)?;
            self.columns(list.columns.as_deref(), &format!("{at}/columns"))?;
            self.named(&list.search, list.columns.as_deref(), &format!("{at}/search"));
            self.actions(&list.actions, list.columns.as_deref(), &format!("{at}/actions"))?;
        }
        if let Some(detail) = &part.detail {
            let at = format!("{at}/detail");
            self.query(&detail.query, &detail.parameters, &at)?;
            self.columns(detail.fields.as_deref(), &format!("{at}/fields"))?;
            self.actions(&detail.actions, detail.fields.as_deref(), &format!("{at}/actions"))?;
        }
        if let Some(chart) = &part.chart {
            let at = format!("{at}/chart");
            self.query(&chart.query, &chart.parameters, &at)?;
            if chart.y.is_empty() {
                self.wrong("a chart draws at least one column", format!("{at}/y"));
            }
            self.few(chart.y.len(), self.config.columns_max, "columns", &format!("{at}/y"));
        }
        if let Some(form) = &part.form {
            let at = format!("{at}/form");
            self.values(&form.values, &format!("{at}/values"), Scope::Parameters);
            let resource = form.resource.as_deref();
            calls::check(self, &form.operation, resource, None, Scope::Parameters, &at)?;
        }
        Ok(())
    }

    /// The parameters that a part gives to its query.
    fn query(&mut self, query: &str, values: &Values, at: &str) -> Result<(), Problem> {
        let pointer = format!("{at}/parameters");
        self.values(values, &pointer, Scope::Parameters);
        let Some(resource) = self.read.resource("query", query)? else { return Ok(()) };
        let parameters = parameters_of(&resource);
        let names = || parameters.iter().map(|(name, _)| *name);
        for given in values.keys() {
            if !names().any(|name| name == given) {
                let what = format!("parameter `{given}` of query `{query}`");
                self.unknown(
                    what,
                    format!("{pointer}/{}", escaped(given)),
                    nearest(given, names()),
                );
            }
        }
        for (name, is_needed) in &parameters {
            if *is_needed && !values.contains_key(*name) {
                let reason = format!("query `{query}` needs its parameter `{name}`");
                let hint = Some("give it here, or a default in the query".into());
                self.refuse(reason, at.to_owned(), hint);
            }
        }
        Ok(())
    }

    fn columns(&mut self, columns: Option<&[ColumnSpec]>, at: &str) -> Result<(), Problem> {
        let Some(columns) = columns else { return Ok(()) };
        self.few(columns.len(), self.config.columns_max, "columns", at);
        if columns.is_empty() {
            self.wrong("it shows no column", at.into());
        }
        let mut seen = BTreeSet::new();
        for (number, column) in columns.iter().enumerate() {
            let at = format!("{at}/{number}");
            if !seen.insert(column.name.as_str()) {
                self.wrong(format!("column `{}` stands twice", column.name), at.clone());
            }
            if let Some(label) = &column.label {
                self.text(label, &format!("{at}/label"));
            }
            let Some(link) = &column.link else { continue };
            let pointer = format!("{at}/link/parameters");
            self.values(&link.parameters, &pointer, Scope::Columns(columns));
            let Some(resource) = self.read.resource("screen", &link.screen)? else { continue };
            let parameters = parameters_of(&resource);
            let names = || parameters.iter().map(|(name, _)| *name);
            for given in link.parameters.keys() {
                if !names().any(|name| name == given) {
                    let what = format!("parameter `{given}` of screen `{}`", link.screen);
                    let pointer = format!("{pointer}/{}", escaped(given));
                    self.unknown(what, pointer, nearest(given, names()));
                }
            }
        }
        Ok(())
    }

    /// Names of columns that are shown.
    fn named(&mut self, names: &[String], columns: Option<&[ColumnSpec]>, at: &str) {
        let Some(columns) = columns else { return };
        let known = || columns.iter().map(|column| column.name.as_str());
        for (number, name) in names.iter().enumerate() {
            if !known().any(|known| known == name) {
                let what = format!("column `{name}`");
                self.unknown(what, format!("{at}/{number}"), nearest(name, known()));
            }
        }
    }

    fn actions(
        &mut self,
        actions: &[Action],
        columns: Option<&[ColumnSpec]>,
        at: &str,
    ) -> Result<(), Problem> {
        self.few(actions.len(), self.config.columns_max, "actions", at);
        let scope = columns.map_or(Scope::Anything, Scope::Columns);
        for (number, action) in actions.iter().enumerate() {
            let at = format!("{at}/{number}");
            self.text(&action.label, &format!("{at}/label"));
            self.values(&action.parameters, &format!("{at}/parameters"), scope);
            let given = Some(&action.parameters);
            let resource = action.resource.as_deref();
            calls::check(self, &action.operation, resource, given, scope, &at)?;
        }
        Ok(())
    }

    fn values(&mut self, values: &Values, at: &str, scope: Scope<'_>) {
        for (name, value) in values {
            self.value(value, &format!("{at}/{}", escaped(name)), scope);
        }
    }

    /// Every `$NAME` in a value stands for something.
    fn value(&mut self, value: &Value, at: &str, scope: Scope<'_>) {
        match value {
            Value::String(text) => self.reference(text, at, scope),
            Value::Array(values) => {
                for (number, value) in values.iter().enumerate() {
                    self.value(value, &format!("{at}/{number}"), scope);
                }
            }
            Value::Object(fields) => self.values(fields, at, scope),
            _ => {}
        }
    }

    pub(super) fn reference(&mut self, text: &str, at: &str, scope: Scope<'_>) {
        let Some(name) = text.strip_prefix('$').filter(|rest| !rest.starts_with('$')) else {
            return;
        };
        let columns = match scope {
            Scope::Anything => return,
            Scope::Columns(columns) => columns,
            Scope::Parameters => &[],
        };
        let parameters = self.spec.parameters.iter().map(|parameter| parameter.name.as_str());
        let columns = columns.iter().map(|column| column.name.as_str());
        let known: Vec<&str> = parameters.chain(columns).collect();
        if known.contains(&name) {
            return;
        }
        let what = match scope {
            Scope::Parameters => format!("parameter `{name}` of the screen"),
            _ => {
                format!("parameter `{name}` of the screen, nor a column of this name that it shows")
            }
        };
        self.unknown(what, at.to_owned(), nearest(name, known));
    }

    /// Every resource that it names is declared.
    fn names(&mut self) -> Result<(), Problem> {
        let spec = self.spec;
        for mention in mentions(spec) {
            let (kind, name) = (mention.kind, mention.name);
            // What comes and goes by running may be there when somebody looks.
            let is_declared =
                self.read.kernel().kind(kind).is_none_or(|of| !of.manifest.is_empty());
            if !is_declared || exists(self.read, kind, name)? {
                continue;
            }
            let all = self.read.resources(kind)?;
            let near = nearest(name, all.iter().map(|resource| resource.name.as_str()));
            self.unknown(format!("{kind} `{name}`"), mention.pointer, near);
        }
        Ok(())
    }
}

/// Returns whether there is a resource, declared or built in.
fn exists(read: &dyn Read, kind: &str, name: &str) -> Result<bool, Problem> {
    if read.resource(kind, name)?.is_some() {
        return Ok(true);
    }
    for engine in read.kernel().engines() {
        if engine.find(read, kind, name)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the parameters of a query or a screen: their names, and whether each must be given.
fn parameters_of(resource: &Resource) -> Vec<(&str, bool)> {
    let parameters = resource.spec.get("parameters").and_then(Value::as_array);
    parameters.into_iter().flatten().filter_map(named).collect()
}

fn named(parameter: &Value) -> Option<(&str, bool)> {
    Some((parameter.get("name")?.as_str()?, parameter.get("default").is_none()))
}

/// Returns whether a text names a language as browsers do: `en`, `zh`, `pt-BR`.
fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    (2..=3).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// Returns a field's name as a part of a JSON pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
