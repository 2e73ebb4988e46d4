//! Manifests: what people write to declare resources.

use crate::Error;
use base::{Name, Place, Problem, nearest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The version of the manifests' form.
pub(crate) const API_VERSION: &str = "craton/v1";

/// The largest file of manifests in bytes.
const FILE_BYTES_MAX: usize = 4 << 20;

/// A manifest as written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Manifest {
    /// `craton/v1`.
    pub api_version: String,
    /// The kind, for example `Stream`.
    pub kind: String,
    /// Name and labels.
    pub metadata: Metadata,
    /// What the kind says.
    #[serde(default)]
    pub spec: Value,
    /// Where it was written, for messages; added by the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// Name and labels of a manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// The name.
    pub name: Name,
    /// Free labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Who answers for it, as text such as `user:ana`; who applies it where absent. It gives no right by itself: policies may look at
    /// it (`resource.owner`), and storage quotas of users count by it. Who is no owner names himself, a role of his (`role:clerk`),
    /// or whom it names already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// Reads the manifests of a YAML text; JSON is YAML.
///
/// # Errors
/// `manifest.invalid` with line and column, and the nearest name of an unknown field.
pub fn documents(text: &str) -> Result<Vec<Manifest>, Problem> {
    if FILE_BYTES_MAX < text.len() {
        return Err(
            Error::TooLarge { what: "the file".into(), limit: FILE_BYTES_MAX as u64 }.into()
        );
    }
    serde_saphyr::from_multiple::<Manifest>(text).map_err(|error| {
        let place = error.location().map(|at| {
            Place::line(
                u32::try_from(at.line()).unwrap_or(0),
                u32::try_from(at.column()).unwrap_or(0),
            )
        });
        let text = error.without_snippet().to_string();
        let first = text.lines().next().unwrap_or_default();
        let first = first.strip_prefix("error: ").unwrap_or(first).to_owned();
        Error::Manifest { hint: suggestion(&first), reason: first, place }.into()
    })
}

/// Returns the nearest name to an unknown field, out of a message such as
/// ``unknown field `x`, expected one of `a`, `b` ``; some readers leave the second quotes out.
pub(crate) fn suggestion(message: &str) -> Option<String> {
    let at = message.find("unknown field `").or_else(|| message.find("unknown variant `"))?;
    let unknown = message.get(at..)?.split('`').nth(1)?;
    let (_, expected) = message.get(at..)?.split_once("expected ")?;
    let expected: Vec<&str> = expected
        .trim_start_matches("one of ")
        .split([',', ' ', '`'])
        .take_while(|word| *word != "at")
        .filter(|word| !word.is_empty() && *word != "or")
        .collect();
    match nearest(unknown, expected.iter().copied()) {
        Some(name) => Some(format!("did you mean `{name}`?")),
        None if expected.is_empty() => None,
        None => Some(format!("known are {}", expected.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        match documents(text) {
            Ok(manifests) => manifests
                .iter()
                .map(|m| format!("{} {}", m.kind, m.metadata.name))
                .collect::<Vec<_>>()
                .join(", "),
            Err(problem) => {
                let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
                format!("{} at {place}: {}", problem.code, problem.hint.unwrap_or_default())
            }
        }
    }

    const GOOD: &str = "apiVersion: craton/v1\nkind: Stream\nmetadata: {name: orders}\nspec: {}\n";

    #[test]
    fn several_documents_are_read() {
        assert_eq!(check(&format!("{GOOD}---\n{GOOD}")), "Stream orders, Stream orders");
    }

    #[test]
    fn an_unknown_field_is_named_with_its_neighbour() {
        let text = GOOD.replace("spec:", "sepc:");
        assert_eq!(check(&text), "manifest.invalid at 4:1: did you mean `spec`?");
    }

    #[test]
    fn deep_nesting_is_refused() {
        let text = format!("{}{}", GOOD.replace("{}", ""), "[".repeat(100_000));
        assert!(check(&text).starts_with("manifest.invalid"), "{}", check(&text));
    }
}
