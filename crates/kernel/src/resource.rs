//! Whatever has a name.

use base::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The label that tells which application a resource belongs to.
pub(crate) const APPLICATION: &str = "craton/application";

/// Points at a resource by kind and name, written `stream/orders`. An empty name means the kind as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceRef {
    /// The kind in lower case, for example `stream`.
    pub kind: String,
    /// The name, empty for the kind as a whole.
    #[serde(default)]
    pub name: String,
}

impl ResourceRef {
    /// Returns a reference.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into() }
    }
}

impl std::fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.name.is_empty() {
            write!(f, "{}", self.kind)
        } else {
            write!(f, "{}/{}", self.kind, self.name)
        }
    }
}

/// A declared resource as it stands at a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// The kind in lower case, for example `stream`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// Rises by one with every change, from 1; never starts again after a deletion.
    pub version: u64,
    /// The principal that answers for it.
    pub owner: String,
    /// Free labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What its kind says.
    pub spec: Value,
    /// Who made this version.
    pub changed_by: String,
    /// When this version was made, wall time.
    pub changed_at: Time,
    /// True in the history of a resource that was deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_deleted: bool,
}

impl Resource {
    /// Returns the reference to this resource.
    pub fn reference(&self) -> ResourceRef {
        ResourceRef::new(&self.kind, &self.name)
    }
}
