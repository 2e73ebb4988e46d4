//! Reads a folder of manifests and the files that they name.

use super::{Manifest, check, limits, node};
use crate::error::Error;
use base::{Name, Place, Problem};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// An application: all manifests of a folder.
#[derive(Debug)]
pub struct Folder {
    /// The name of the application.
    pub application: String,
    /// The manifests, by file and line.
    pub(super) manifests: Vec<Manifest>,
}

impl Folder {
    /// Returns the body of `resource.apply`.
    pub fn body(&self, is_dry_run: bool) -> Value {
        let manifests: Vec<&Value> =
            self.manifests.iter().map(|manifest| &manifest.value).collect();
        json!({"application": self.application, "manifests": manifests, "dry_run": is_dry_run})
    }
}

/// Reads a folder.
///
/// # Errors
/// What is wrong with it: all that was found, the first as the problem itself, the others along with it.
pub fn read(folder: &Path, application: Option<&str>) -> Result<Folder, Problem> {
    let application = application_of(folder, application)?;
    let mut files = Vec::new();
    collect(folder, 0, &mut files)?;
    let mut problems = Vec::new();
    let mut manifests = Vec::new();
    for file in &files {
        match read_file(file) {
            Ok(found) => manifests.extend(found),
            Err(error) => problems.push(Problem::from(error)),
        }
    }
    if manifests.is_empty() && problems.is_empty() {
        return Err(Error::Empty { folder: folder.display().to_string() }.into());
    }
    problems.extend(check::check(&manifests));
    for manifest in &mut manifests {
        if let Err(error) = resolve(manifest) {
            problems.push(error.into());
        }
    }
    match together(problems) {
        Some(problem) => Err(problem),
        None => Ok(Folder { application, manifests }),
    }
}

/// Returns the first of many problems, the others along with it.
fn together(mut problems: Vec<Problem>) -> Option<Problem> {
    problems.truncate(limits::PROBLEMS_MAX);
    let mut problems = problems.into_iter();
    let mut first = problems.next()?;
    first.also.extend(problems);
    Some(first)
}

fn application_of(folder: &Path, application: Option<&str>) -> Result<String, Problem> {
    if let Some(application) = application {
        return Name::new(application).map(Name::into);
    }
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

/// Collects the YAML files of a folder and those inside it, by name, leaving hidden ones out.
fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    if limits::FOLDER_DEPTH_MAX < depth {
        let what = format!("the depth of `{}`", folder.display());
        return Err(Error::TooLarge { what, limit: limits::FOLDER_DEPTH_MAX as u64 });
    }
    let unreadable = |error| Error::unreadable(folder, error);
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    paths.sort();
    for path in paths {
        let name =
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_yaml =
            path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() && !path.is_symlink() {
            collect(&path, depth + 1, files)?;
        } else if is_yaml {
            files.push(path);
        }
        if limits::FILES_MAX < files.len() {
            let what = "the number of files".into();
            return Err(Error::TooLarge { what, limit: limits::FILES_MAX as u64 });
        }
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<Vec<Manifest>, Error> {
    let file = path.display().to_string();
    let text = text_of(path, limits::FILE_BYTES_MAX)?;
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

/// Puts the text of the file that `spec.bpmn` or `spec.dmn` names into `spec.source`.
fn resolve(manifest: &mut Manifest) -> Result<(), Error> {
    let Some(field) =
        ["bpmn", "dmn"].into_iter().find(|field| manifest.value["spec"].get(field).is_some())
    else {
        return Ok(());
    };
    let pointer = format!("/spec/{field}");
    let name = manifest.text(&pointer).to_owned();
    let place = manifest.node.locate(&pointer).in_file(&manifest.file);
    let path = beside(&manifest.file, &name, &place)?;
    let text =
        text_of(&path, limits::SOURCE_BYTES_MAX).map_err(|error| reference(&error, &place))?;
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

fn text_of(path: &Path, limit: u64) -> Result<String, Error> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_string(&mut text))
        .map_err(|error| Error::unreadable(path, error))?;
    if limit < text.len() as u64 {
        return Err(Error::TooLarge { what: format!("`{}`", path.display()), limit });
    }
    Ok(text)
}
