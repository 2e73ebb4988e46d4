//! `craton.yaml`: what an application says of itself. It is never sent to a unit.

use super::parameters::{self, Parameter};
use super::source::Source;
use super::{Manifest, check, limits, node, places};
use crate::error::Error;
use base::{Name, Problem};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The name of the file, at the root of an application's folder.
pub const FILE: &str = "craton.yaml";
/// The kind that stands in it.
const KIND: &str = "Application";

/// What an application says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Application {
    /// The name.
    pub name: String,
    /// The rest.
    pub spec: Spec,
}

/// What stands under `spec`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The version: numbers with dots between them, and a word behind `-` where it is not finished.
    #[serde(default)]
    pub version: String,
    /// What it is for, in a line.
    #[serde(default)]
    pub summary: String,
    /// What it is for, in full.
    #[serde(default)]
    pub description: String,
    /// Values that differ from unit to unit.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// The contracts that its processes call under.
    #[serde(default)]
    pub contracts: Vec<Needed>,
}

/// A contract that an application needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Needed {
    /// What its processes call it.
    pub name: String,
    /// With whom, mostly a parameter: `${partner}`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub peer: String,
    /// What for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
}

/// Reads `craton.yaml`, where there is one.
///
/// # Errors
/// `cli.file`, `cli.yaml`, `manifest.invalid` with what is wrong and where.
pub fn read(source: &dyn Source) -> Result<Option<Application>, Problem> {
    let path = source.root().join(FILE);
    if !source.has(&path) {
        return Ok(None);
    }
    let text = source.text(&path, limits::FILE_BYTES_MAX)?;
    let file = path.display().to_string();
    let mut nodes = node::documents(&file, &text)?;
    let wrong = |at: node::At, reason: String, hint: Option<String>| -> Problem {
        Error::Manifest { reason, place: at.in_file(&file), hint }.into()
    };
    let Some(node) = nodes.pop().filter(|_| nodes.is_empty()) else {
        let at = node::At { line: 1, column: 1 };
        return Err(wrong(at, format!("`{FILE}` has one document"), None));
    };
    let manifest = Manifest { file: file.clone(), value: node.value(), node, source: None };
    if let Some(problem) = check::check(std::slice::from_ref(&manifest)).into_iter().next() {
        return Err(problem);
    }
    if manifest.text("/kind") != KIND {
        let reason = format!("`{FILE}` is of the kind `{KIND}`");
        return Err(wrong(manifest.node.locate("/kind"), reason, None));
    }
    let spec = manifest.value.get("spec").cloned().unwrap_or_default();
    let spec: Spec = if spec.is_null() {
        Spec::default()
    } else {
        serde_json::from_value(spec).map_err(|error| {
            let message = error.to_string();
            let at = places::unknown_field(manifest.node.reach("/spec"), &message);
            wrong(at.unwrap_or_else(|| manifest.node.locate("/spec")), message, None)
        })?
    };
    if let Some((number, reason)) = parameters::wrong(&spec.parameters) {
        let at = manifest.node.locate(&format!("/spec/parameters/{number}"));
        return Err(wrong(at, reason, None));
    }
    let name = Name::new(manifest.text("/metadata/name"))?;
    Ok(Some(Application { name: name.into(), spec }))
}

/// Returns whether a file is the one that says what the application is.
pub fn is_file(root: &Path, path: &Path) -> bool {
    path.strip_prefix(root).is_ok_and(|inside| inside == Path::new(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifests::source::Unpacked;
    use std::collections::BTreeMap;

    fn check(text: &str) -> Result<Application, String> {
        let files = BTreeMap::from([(FILE.to_owned(), text.as_bytes().to_vec())]);
        let read = read(&Unpacked { root: Path::new("a"), files: &files });
        read.map(|application| application.expect("it is there")).map_err(|problem| {
            let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
            format!("{} at {place}", problem.message)
        })
    }

    const HEAD: &str = "apiVersion: craton/v1\nkind: Application\nmetadata: {name: shop}\n";

    #[test]
    fn an_application_says_what_it_is() {
        let text = format!(
            "{HEAD}spec:\n  version: 1.2.0\n  parameters:\n    - {{name: peer, type: name}}\n  contracts:\n    - {{name: pay, peer: '${{peer}}'}}\n"
        );
        let application = check(&text).expect("reads");
        assert_eq!(
            (application.name.as_str(), application.spec.version.as_str()),
            ("shop", "1.2.0")
        );
        assert_eq!(application.spec.contracts[0].peer, "${peer}");
        assert_eq!(check(HEAD).expect("reads").spec, Spec::default());
    }

    #[test]
    fn what_is_wrong_in_it_has_a_place() {
        let refused = |text: &str| check(text).expect_err("refused");
        assert_eq!(
            refused(&HEAD.replace("Application", "Stream")),
            "`craton.yaml` is of the kind `Application` at a/craton.yaml:2:1"
        );
        assert_eq!(
            refused(&format!("{HEAD}---\n{HEAD}")),
            "`craton.yaml` has one document at a/craton.yaml:1:1"
        );
        let spec =
            format!("{HEAD}spec:\n  parameters:\n    - {{name: p, type: number, default: x}}\n");
        assert_eq!(refused(&spec), "the default of `p` is no number at a/craton.yaml:6:7");
        let spec = format!("{HEAD}spec:\n  summary: x\n  versoin: 1\n");
        assert!(refused(&spec).starts_with("unknown field `versoin`"), "{}", refused(&spec));
        assert!(refused(&spec).ends_with(" at a/craton.yaml:6:3"), "{}", refused(&spec));
    }
}
