//! Reads a folder of manifests and the files that they name.

use super::application::{self, Application};
use super::parameters::{self, Values};
use super::source::{Disk, Source};
use super::{Manifest, check, limits, node};
use crate::error::Error;
use base::{Name, Place, Problem};
use serde_json::{Value, json};
use std::path::{Component, Path, PathBuf};

/// An application: all manifests of a folder.
#[derive(Debug, Default)]
pub struct Folder {
    /// The name of the application.
    pub application: String,
    /// What it says of itself, in `craton.yaml`.
    pub declared: Option<Application>,
    /// The values of its parameters.
    pub values: Values,
    /// The manifests, by file and line.
    pub(super) manifests: Vec<Manifest>,
}

/// Where the values of parameters come from.
#[derive(Debug, Clone, Copy)]
pub enum Filling<'a> {
    /// From whom the application is for: what he said before, and what he says now (`NAME=VALUE`).
    Said(&'a Values, &'a [String]),
    /// From nobody yet: manifests are only looked at.
    StandIns,
}

/// A manifest as it was written, placeholders included, with the text of the file that it names.
#[derive(Debug)]
pub struct Written<'a> {
    /// What was written.
    pub value: Value,
    /// The text of the diagram.
    pub source: Option<&'a str>,
    /// Where it was written.
    pub place: Place,
}

impl Folder {
    /// Returns the body of `resource.apply`.
    pub fn body(&self, is_dry_run: bool) -> Value {
        json!({"application": self.application, "manifests": self.values(), "dry_run": is_dry_run})
    }

    /// Returns the manifests as they are sent.
    pub fn values(&self) -> Vec<&Value> {
        self.manifests.iter().map(|manifest| &manifest.value).collect()
    }

    /// Returns the manifests as they were written.
    pub fn written(&self) -> Vec<Written<'_>> {
        self.manifests.iter().map(written).collect()
    }
}

fn written(manifest: &Manifest) -> Written<'_> {
    let source = manifest.value.pointer("/spec/source").and_then(Value::as_str);
    Written {
        value: manifest.node.value(),
        source: source.filter(|_| manifest.source.is_some()),
        place: manifest.node.at.in_file(&manifest.file),
    }
}

/// Reads a folder; parameters have their defaults.
///
/// # Errors
/// As [`read_from`].
pub fn read(folder: &Path, application: Option<&str>) -> Result<Folder, Problem> {
    read_with(folder, application, &[])
}

/// Reads a folder, with values of parameters (`NAME=VALUE`).
///
/// # Errors
/// As [`read_from`].
pub fn read_with(
    folder: &Path,
    application: Option<&str>,
    said: &[String],
) -> Result<Folder, Problem> {
    let source = Disk(folder);
    if application.is_some() || source.has(&folder.join(application::FILE)) {
        return read_from(&source, application, Filling::Said(&Values::new(), said));
    }
    let application = application_of(folder)?;
    read_from(&source, Some(&application), Filling::Said(&Values::new(), said))
}

/// Reads the manifests of a source. Without a name, that of its `craton.yaml` is taken.
///
/// # Errors
/// What is wrong with it: all that was found, the first as the problem itself, the others along with it.
pub fn read_from(
    source: &dyn Source,
    application: Option<&str>,
    filling: Filling<'_>,
) -> Result<Folder, Problem> {
    let declared = application::read(source)?;
    let named = declared.as_ref().map(|declared| declared.name.as_str());
    let name: String = Name::new(application.or(named).unwrap_or_default())?.into();
    let parameters =
        declared.as_ref().map_or(&[][..], |declared| declared.spec.parameters.as_slice());
    let values = match filling {
        Filling::Said(before, said) => parameters::settle(parameters, before, said)?,
        Filling::StandIns => parameters::stand_ins(parameters),
    };
    let mut problems = Vec::new();
    let mut manifests = Vec::new();
    for file in source.yaml()?.iter().filter(|file| !application::is_file(source.root(), file)) {
        match read_file(source, file) {
            Ok(found) => manifests.extend(found),
            Err(error) => problems.push(Problem::from(error)),
        }
    }
    if manifests.is_empty() && problems.is_empty() {
        return Err(Error::Empty { folder: source.root().display().to_string() }.into());
    }
    if declared.is_some() {
        problems.extend(manifests.iter_mut().filter_map(|manifest| fill(manifest, &values)));
    }
    problems.extend(check::check(&manifests));
    for manifest in &mut manifests {
        if let Err(error) = resolve(source, manifest) {
            problems.push(error.into());
        }
    }
    match together(problems) {
        Some(problem) => Err(problem),
        None => Ok(Folder { application: name, declared, values, manifests }),
    }
}

/// Puts the values of parameters into a manifest. Returns what is wrong.
fn fill(manifest: &mut Manifest, values: &Values) -> Option<Problem> {
    let (pointer, reason) = parameters::put(&mut manifest.value, values).err()?;
    let place = manifest.node.locate(&pointer).in_file(&manifest.file);
    let hint = Some(format!("declare it under `parameters` in `{}`", application::FILE));
    Some(Error::Manifest { reason, place, hint }.into())
}

/// Returns the first of many problems, the others along with it.
fn together(mut problems: Vec<Problem>) -> Option<Problem> {
    problems.truncate(limits::PROBLEMS_MAX);
    let mut problems = problems.into_iter();
    let mut first = problems.next()?;
    first.also.extend(problems);
    Some(first)
}

/// Returns the name of a folder as that of its application.
fn application_of(folder: &Path) -> Result<String, Problem> {
    let full = folder.canonicalize().map_err(|error| Error::unreadable(folder, error))?;
    if !full.is_dir() {
        return Err(Error::usage(
            format!("`{}` is not a folder", folder.display()),
            "`craton apply` takes the folder of an application, as a whole",
        )
        .into());
    }
    let name = full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Name::new(name)
        .map(Name::into)
        .map_err(|problem: Problem| problem.with_hint("name the application with `--application`"))
}

fn read_file(source: &dyn Source, path: &Path) -> Result<Vec<Manifest>, Error> {
    let file = path.display().to_string();
    let text = source.text(path, limits::FILE_BYTES_MAX)?;
    let documents = node::documents(&file, &text)?;
    Ok(documents
        .into_iter()
        .map(|node| {
            let mut value = node.value();
            if let Value::Object(fields) = &mut value {
                fields.insert("place".into(), json!({"file": file, "line": node.at.line}));
            }
            Manifest { file: file.clone(), node, value, source: None }
        })
        .collect())
}

/// Puts the text of the file that `spec.bpmn`, `spec.dmn` or `spec.form` names into `spec.source`.
fn resolve(source: &dyn Source, manifest: &mut Manifest) -> Result<(), Error> {
    let is_named = |field: &&str| manifest.value["spec"].get(*field).is_some();
    // Elsewhere `form` is a name.
    let fields: &[&str] = match manifest.text("/kind") {
        "Form" => &["form"],
        _ => &["bpmn", "dmn"],
    };
    let Some(field) = fields.iter().find(|field| is_named(field)) else {
        return Ok(());
    };
    let pointer = format!("/spec/{field}");
    let name = manifest.text(&pointer).to_owned();
    let place = manifest.node.locate(&pointer).in_file(&manifest.file);
    let path = beside(&manifest.file, &name, &place)?;
    let text =
        source.text(&path, limits::SOURCE_BYTES_MAX).map_err(|error| reference(&error, &place))?;
    manifest.source = Some(path.display().to_string());
    if let Some(spec) = manifest.value.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("source".into(), text.into());
    }
    Ok(())
}

/// Returns the path of a file named by a manifest. It must not lead out of the manifest's folder.
fn beside(manifest: &str, name: &str, place: &Place) -> Result<PathBuf, Error> {
    let is_inside = Path::new(name)
        .components()
        .all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    if name.is_empty() || !is_inside {
        let reason = format!("`{name}` does not name a file beside the manifest");
        return Err(Error::Reference { reason, place: place.clone() });
    }
    Ok(Path::new(manifest).parent().unwrap_or_else(|| Path::new("")).join(name))
}

fn reference(error: &Error, place: &Place) -> Error {
    let cause =
        std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Error::Reference { reason: format!("{error}{cause}"), place: place.clone() }
}
