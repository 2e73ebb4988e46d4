//! Checks the outer shape of manifests before they are sent: what can be said without a unit.

use super::{Manifest, node::At, node::Tree};
use crate::error::Error;
use base::{Name, Problem, nearest};
use serde_json::Value;
use std::collections::BTreeMap;

const FIELDS: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];
const REQUIRED: [&str; 3] = ["apiVersion", "kind", "metadata"];
const METADATA: [&str; 3] = ["labels", "name", "owner"];
const VERSION: &str = "craton/v1";

/// Returns everything that is wrong with the outer shape of manifests.
pub fn check(manifests: &[Manifest]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen: BTreeMap<(String, String), String> = BTreeMap::new();
    for manifest in manifests {
        let before = problems.len();
        shape(manifest, &mut problems);
        if before < problems.len() {
            continue;
        }
        let key = (manifest.text("/kind").to_owned(), manifest.text("/metadata/name").to_owned());
        let place = manifest.node.locate("/metadata/name").in_file(&manifest.file);
        if let Some(first) = seen.get(&key) {
            let reason = format!("{} `{}` is declared twice", key.0, key.1);
            problems.push(
                Error::Manifest { reason, place, hint: Some(format!("the other is at {first}")) }
                    .into(),
            );
        } else {
            seen.insert(key, place.to_string());
        }
    }
    problems
}

fn shape(manifest: &Manifest, problems: &mut Vec<Problem>) {
    let mut refuse = |at: At, reason: String, hint: Option<String>| {
        let place = at.in_file(&manifest.file);
        problems.push(Error::Manifest { reason, place, hint }.into());
    };
    let node = &manifest.node;
    if !matches!(node.tree, Tree::Map(_)) {
        refuse(
            node.at,
            "a manifest is a map".into(),
            Some(format!("it has the fields {}", FIELDS.join(", "))),
        );
        return;
    }
    let metadata = node.get("metadata");
    let unknown = |known: &[&'static str], name: &str| {
        let near = nearest(name, known.iter().copied());
        let expected = || format!("the fields are {}", known.join(", "));
        (
            format!("unknown field `{name}`"),
            Some(near.map_or_else(expected, |near| format!("did you mean `{near}`?"))),
        )
    };
    for (known, entries) in [(&FIELDS[..], Some(node)), (&METADATA[..], metadata)]
        .map(|(known, node)| (known, node.map_or(&[][..], |node| node.entries())))
    {
        for (name, at, _) in entries.iter().filter(|(name, ..)| !known.contains(&name.as_str())) {
            let (reason, hint) = unknown(known, name);
            refuse(*at, reason, hint);
        }
    }
    for field in REQUIRED.iter().filter(|field| node.get(field).is_none()) {
        refuse(node.at, format!("the field `{field}` is missing"), None);
    }
    let version = &manifest.value["apiVersion"];
    if !version.is_null() && version != VERSION {
        refuse(
            node.locate("/apiVersion"),
            format!("`{}` is not a version of manifests", crate::output::plain(version)),
            Some(format!("write `{VERSION}`")),
        );
    }
    if node.get("kind").is_some() && !manifest.value["kind"].is_string() {
        refuse(node.locate("/kind"), "`kind` is text".into(), None);
    }
    if metadata.is_some() {
        let name = match &manifest.value["metadata"]["name"] {
            Value::String(name) => Name::new(name.as_str()),
            other => Name::new(other.to_string()),
        };
        if let Err(problem) = name {
            refuse(node.locate("/metadata/name"), problem.message, problem.hint);
        }
    }
}
