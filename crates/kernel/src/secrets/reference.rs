//! References to secrets by name, and where they stand.

use crate::{Read, ResourceRef};
use base::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a reference in a text begins with, for example in a header of a task: `secret:mail`.
const IN_TEXT: &str = "secret:";

/// A secret in place of a credential, in a manifest: `{secret: NAME}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRef {
    /// The name of the secret.
    pub secret: String,
}

/// Returns whether the `spec` of a secret lists a host, `NAME` or `NAME:PORT`, to which its value may go.
#[must_use]
pub fn is_for(spec: &Value, host: &str) -> bool {
    let hosts = spec.get("hosts").and_then(Value::as_array);
    let mut hosts = hosts.into_iter().flatten().filter_map(Value::as_str);
    hosts.any(|listed| listed.eq_ignore_ascii_case(host))
}

/// Returns the secrets that a `spec` refers to by `{secret: NAME}`.
pub(crate) fn named(spec: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    visit(spec, &mut names, false);
    names
}

/// Returns where each secret is referred to, in manifests and in the texts of models.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn places(read: &dyn Read) -> Result<BTreeMap<String, Vec<ResourceRef>>, Problem> {
    let mut places: BTreeMap<String, Vec<ResourceRef>> = BTreeMap::new();
    let kinds: Vec<&'static str> = read.kernel().kinds().map(|kind| kind.name).collect();
    for kind in kinds {
        for resource in read.resources(kind)? {
            let mut names = BTreeSet::new();
            visit(&resource.spec, &mut names, true);
            for name in names {
                places.entry(name).or_default().push(resource.reference());
            }
        }
    }
    Ok(places)
}

fn visit(value: &Value, names: &mut BTreeSet<String>, with_texts: bool) {
    match value {
        Value::Object(fields) => {
            if let (1, Some(Value::String(name))) = (fields.len(), fields.get("secret")) {
                names.insert(name.clone());
            } else {
                fields.values().for_each(|field| visit(field, names, with_texts));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, names, with_texts)),
        Value::String(text) if with_texts => in_text(text, names),
        _ => {}
    }
}

/// Finds `secret:NAME` at the beginning of a text or behind a quote.
fn in_text(text: &str, names: &mut BTreeSet<String>) {
    for (at, _) in text.match_indices(IN_TEXT) {
        let is_begin = text[..at].chars().next_back().is_none_or(|sign| "\"'".contains(sign));
        let rest = &text[at + IN_TEXT.len()..];
        let is_name = |sign: char| {
            sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '-' || sign == '_'
        };
        let length = rest.find(|sign| !is_name(sign)).unwrap_or(rest.len());
        if is_begin && 0 < length {
            names.insert(rest[..length].to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_are_found_in_manifests_and_in_models() {
        let spec = json!({
            "sources": [{"url": "https://a", "header": {"secret": "feed"}}],
            "source": "<zeebe:header key=\"token\" value=\"secret:mail-key\" /> no secret: here, nor xsecret:this",
            "other": {"secret": 1},
            "both": {"secret": "not", "and": "more"},
        });
        assert_eq!(named(&spec), BTreeSet::from(["feed".to_owned()]));
        let mut all = BTreeSet::new();
        visit(&spec, &mut all, true);
        assert_eq!(all.into_iter().collect::<Vec<_>>(), ["feed", "mail-key"]);
    }
}
