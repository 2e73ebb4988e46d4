//! Forms: what people are asked, where a task or a start names one.

use crate::compiled::{Compiled, in_file};
use crate::engine::Processes;
use crate::error::Error;
use crate::instance::Variables;
use crate::lists::Page;
use base::{Place, Problem, Time};
use kernel::{Call, Read, Reader, Reply, Resource, ResourceRef, Tx};
use notation::form::Form;
use notation::graph::{self, Graph, NodeKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Forms that are kept as they were read.
const FORMS_MAX: usize = 256;

/// The `spec` of a `Form`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormSpec {
    /// The form file, beside the manifest.
    #[serde(default)]
    pub form: Option<String>,
    /// The text of the form file: the JSON of form-js. The command line puts it here.
    pub source: String,
}

/// Forms that were read, by name, with the text that they were made of.
#[derive(Debug, Default)]
pub(crate) struct Forms(Mutex<HashMap<String, (String, Arc<Form>)>>);

impl Forms {
    fn get(&self, resource: &Resource) -> Result<Arc<Form>, Problem> {
        let source = source_of(resource);
        let mut forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((held, form)) = forms.get(&resource.name)
            && held == source
        {
            return Ok(Arc::clone(form));
        }
        let form = Arc::new(Form::parse(source)?);
        if FORMS_MAX <= forms.len() {
            forms.clear();
        }
        forms.insert(resource.name.clone(), (source.to_owned(), Arc::clone(&form)));
        Ok(form)
    }
}

impl Processes {
    /// Returns the version of a form, where the unit has it.
    pub(crate) fn form_version(&self, read: &dyn Read, name: &str) -> Result<Option<u64>, Problem> {
        Ok(read.resource("form", name)?.map(|form| form.version))
    }

    /// Returns the form by which a process is started, as `process.get` shows it: its name and its version.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn start_form(
        &self,
        read: &dyn Read,
        compiled: &Compiled,
    ) -> Result<Option<Value>, Problem> {
        let Some(form) = &compiled.graph.start_form else { return Ok(None) };
        let version = self.form_version(read, form.text())?;
        Ok(Some(json!({"form": form.text(), "version": version})))
    }

    /// Checks values that were given by a form. What names no form of the unit is not checked: it was made by another application.
    ///
    /// # Errors
    /// `form.invalid_value`, with the field as its place.
    pub(crate) fn check_values(
        &self,
        read: &dyn Read,
        form: Option<&str>,
        given: &Variables,
        known: &Variables,
        at: Time,
    ) -> Result<(), Problem> {
        let Some(name) = form else { return Ok(()) };
        let Some(resource) = read.resource("form", name)? else { return Ok(()) };
        self.forms.get(&resource)?.check(given, known, at)
    }

    /// Checks what is given by the form with which a process starts.
    ///
    /// # Errors
    /// `form.not_found` where it has none; `form.invalid_value`.
    pub(crate) fn check_start(
        &self,
        read: &dyn Read,
        compiled: &Compiled,
        given: &Variables,
        at: Time,
    ) -> Result<(), Problem> {
        let missing =
            |name: &str| Problem::from(Error::NotFound { kind: "form", name: name.into() });
        let form = compiled.graph.start_form.as_ref().ok_or_else(|| missing(&compiled.name))?;
        let resource = read.resource("form", form.text())?.ok_or_else(|| missing(form.text()))?;
        self.forms.get(&resource)?.check(given, &Variables::new(), at)
    }

    pub(crate) fn get_form(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let name = call.resource.name.as_str();
        let missing = || Problem::from(Error::NotFound { kind: "form", name: name.into() });
        let resource = match call.number("version")? {
            Some(version) => reader
                .resource_version("form", name, version)?
                .filter(|resource| !resource.is_deleted)
                .map(Arc::new),
            None => reader.resource("form", name)?,
        };
        let resource = resource.ok_or_else(missing)?;
        let schema: Value = crate::wire::read(source_of(&resource).as_bytes())?;
        Ok(Reply::Value(json!({"form": name, "version": resource.version, "schema": schema})))
    }

    pub(crate) fn list_forms(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let after = call.text("after").unwrap_or_default();
        let mut page = Page::of(call, &self.config)?;
        for resource in reader.resources("form")?.iter().filter(|form| after < form.name.as_str()) {
            if !page.looks_at(|| resource.name.clone()) {
                break;
            }
            if reader.allows("form.get", &ResourceRef::new("form", resource.name.as_str()))? {
                page.items.push(json!({"form": resource.name, "version": resource.version}));
            }
        }
        Ok(page.reply())
    }

    /// Looks at a form that was declared, or is to be removed.
    ///
    /// # Errors
    /// What is wrong with it; `form.in_use` where a process still names it.
    pub(crate) fn form_changed(
        &self,
        tx: &Tx<'_>,
        name: &str,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        if let Some(resource) = new {
            let file = resource.spec.get("form").and_then(Value::as_str);
            let file = file.map_or_else(|| format!("{name}.form"), str::to_owned);
            return Form::parse(source_of(resource))
                .map(|_| ())
                .map_err(|problem| in_file(problem, &file));
        }
        for process in tx.resources("process")? {
            let compiled = self.cache.get(tx, &self.config, &process.name, process.version)?;
            if forms_of(&compiled.graph)
                .any(|(_, form)| *form == graph::Form::Named(name.to_owned()))
            {
                let (form, process) = (name.to_owned(), process.name.clone());
                return Err(Error::FormUsed { form, process }.into());
            }
        }
        Ok(())
    }

    /// Returns what is wrong with the forms that a process names.
    pub(crate) fn check_forms(
        &self,
        tx: &Tx<'_>,
        compiled: &Compiled,
    ) -> Result<Vec<Error>, Problem> {
        let mut problems = Vec::new();
        for (node, form) in forms_of(&compiled.graph) {
            let reason = match form {
                graph::Form::Named(name) if tx.resource("form", name)?.is_none() => {
                    format!("form `{name}` does not exist")
                }
                graph::Form::Embedded(key) => format!(
                    "`{}` has a form inside the BPMN file (`{key}`): save it as a file of its own, and declare it by a manifest `Form`",
                    node.id
                ),
                _ => continue,
            };
            let place = Place { line: Some(node.line), ..Place::pointer(node.id.clone()) };
            problems.push(Error::Spec { reason, place: place.in_file(compiled.file.clone()) });
        }
        Ok(problems)
    }
}

/// Returns the forms that a process names, with where it does.
fn forms_of(graph: &Graph) -> impl Iterator<Item = (&graph::Node, &graph::Form)> {
    graph.nodes.iter().filter_map(|node| match &node.kind {
        NodeKind::UserTask(task) => Some((node, task.form.as_ref()?)),
        NodeKind::Start(None) if node.scope.is_none() => Some((node, graph.start_form.as_ref()?)),
        _ => None,
    })
}

fn source_of(resource: &Resource) -> &str {
    resource.spec.get("source").and_then(Value::as_str).unwrap_or_default()
}
