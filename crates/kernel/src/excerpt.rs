//! What roles show of relations. The kernel keeps it and says which roles count for a principal; the engine that has the
//! relation cuts the excerpt. What the texts mean is the engine's affair.

use crate::{Error, Resource};
use base::Problem;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a role shows of a relation: some of its rows, some of its columns masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Excerpt {
    /// The relation as SQL names it: `orders`, `orders_latest`, `answers.by_state`, `system.tasks`.
    pub relation: String,
    /// Which rows the role shows, as a SQL expression over the relation's columns; all where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<String>,
    /// What stands in a column in place of its values: null, `hash`, `last(n)`, `first(n)` or a SQL expression.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mask: BTreeMap<String, Option<String>>,
}

/// The excerpts of every role that has some, by the role's name.
pub type Excerpts = BTreeMap<String, Vec<Excerpt>>;

/// Through which roles a principal may do what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Through {
    /// It needs none: a policy that is shipped permits it to parts, peers or everybody.
    Nothing,
    /// Each of these is enough by itself.
    Each(BTreeSet<String>),
    /// None is enough by itself; these are all that it holds.
    Together(BTreeSet<String>),
}

/// Returns the excerpts that a role's manifest lists.
///
/// # Errors
/// Where the stored spec cannot be read, which is a defect: nothing is shown then.
pub(crate) fn of_role(role: &Resource) -> Result<Vec<Excerpt>, Problem> {
    let Some(data) = role.spec.get("data") else { return Ok(Vec::new()) };
    serde_json::from_value(data.clone()).map_err(|error| {
        Error::Internal { detail: format!("{}: {error}", role.reference()) }.into()
    })
}

/// Returns the role in whose manifest a policy stands; none for those that are shipped.
pub(crate) fn role_of_policy(id: &str) -> Option<&str> {
    id.strip_prefix("role:")?.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_belongs_to_the_manifest_that_it_stands_in() {
        assert_eq!(role_of_policy("role:sales/0"), Some("sales"));
        assert_eq!(role_of_policy("roles/owner"), None);
        assert_eq!(role_of_policy("unit/3"), None);
    }
}
