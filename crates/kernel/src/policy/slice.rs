//! The policies that can speak of one action, and what of a call they look at.
//!
//! What they look at is what a remembered decision depends on: a right that is given by kind is decided once for all
//! resources of the kind, one that asks for the owner once for each owner. Whatever is not understood counts as looked at.

use crate::Error;
use base::Problem;
use cedar_policy::{ActionConstraint, EntityUid, Policy, PolicySet, ResourceConstraint};
use serde_json::Value;

/// The text attributes of a resource that come from what was found.
pub(crate) const FOUND: [&str; 7] =
    ["owner", "state", "peer", "assignee", "process", "parent", "groups"];

/// The policies that can speak of one action.
pub(crate) struct Slice {
    /// The policies.
    pub set: PolicySet,
    /// What they look at.
    pub mentions: Mentions,
}

/// What policies look at, beside who acts, the action and the kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mentions {
    /// The resource itself or its name.
    pub name: bool,
    /// The candidates of a task.
    pub candidates: bool,
    /// Who started what acts.
    pub on_behalf_of: bool,
    /// Each of [`FOUND`].
    pub found: [bool; FOUND.len()],
    /// Something that changes from call to call, such as the time or an amount: nothing is remembered.
    pub is_volatile: bool,
}

impl Slice {
    /// Takes the policies that can speak of an action.
    ///
    /// # Errors
    /// `kernel.internal` where a policy cannot be read again, which is a defect.
    pub(crate) fn of(all: &PolicySet, action: &str, right: &str) -> Result<Self, Problem> {
        let mut slice = Self { set: PolicySet::new(), mentions: Mentions::default() };
        for policy in all.policies() {
            if speaks_of(policy, action, right) {
                slice.mentions.add(policy)?;
                slice.set.add(policy.clone()).map_err(internal)?;
            }
        }
        Ok(slice)
    }
}

/// Returns whether the scope of a policy has an action.
pub(crate) fn speaks_of(policy: &Policy, action: &str, right: &str) -> bool {
    let is_it = |uid: &EntityUid| {
        let id: &str = uid.id().as_ref();
        id == action || id == right
    };
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => is_it(&uid),
        ActionConstraint::In(uids) => uids.iter().any(is_it),
    }
}

impl Mentions {
    /// Returns what a policy looks at.
    ///
    /// # Errors
    /// `kernel.internal` where it cannot be read again, which is a defect.
    pub(crate) fn of(policy: &Policy) -> Result<Self, Problem> {
        let mut mentions = Self::default();
        mentions.add(policy)?;
        Ok(mentions)
    }

    /// Returns whether a decision is the same for all resources of a kind, where nobody else started what acts.
    pub(crate) fn are_of_kind(&self) -> bool {
        *self == Self { on_behalf_of: self.on_behalf_of, ..Self::default() }
    }

    /// Adds what a policy looks at.
    fn add(&mut self, policy: &Policy) -> Result<(), Problem> {
        match policy.resource_constraint() {
            ResourceConstraint::Any | ResourceConstraint::Is(_) => {}
            ResourceConstraint::Eq(_) => self.name = true,
            ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => {
                self.name |= !is_kind(&uid);
            }
        }
        if policy.has_non_scope_constraint() {
            let text = policy.to_json().map_err(internal)?;
            self.look(&text["conditions"]);
        }
        Ok(())
    }

    /// Looks through an expression in Cedar's JSON form.
    fn look(&mut self, expression: &Value) {
        match expression {
            Value::Array(parts) => parts.iter().for_each(|part| self.look(part)),
            Value::Object(parts) => {
                for (name, part) in parts {
                    match name.as_str() {
                        "Value" => {}
                        "Record" => {
                            let fields = part.as_object().into_iter().flat_map(|all| all.values());
                            fields.for_each(|field| self.look(field));
                        }
                        "Var" => self.whole(part.as_str().unwrap_or_default()),
                        "." | "has" if part["left"].get("Var").is_some() => self.attribute(part),
                        "in" if is_membership(part) => {}
                        _ => self.look(part),
                    }
                }
            }
            _ => {}
        }
    }

    /// Notes that a variable is used as a whole.
    fn whole(&mut self, variable: &str) {
        match variable {
            // Who acts and the action are part of every question.
            "principal" | "action" => {}
            "resource" => {
                *self =
                    Self { is_volatile: self.is_volatile, on_behalf_of: self.on_behalf_of, ..ALL }
            }
            _ => self.is_volatile = true,
        }
    }

    /// Notes that an attribute of a variable is used.
    fn attribute(&mut self, part: &Value) {
        let variable = part["left"]["Var"].as_str().unwrap_or_default();
        let Some(attribute) = part["attr"].as_str() else { return self.whole(variable) };
        match (variable, attribute) {
            ("principal" | "action", _) | ("resource", "kind") => {}
            ("resource", "name") => self.name = true,
            ("resource", "candidates") => self.candidates = true,
            ("resource", attribute) => match FOUND.iter().position(|name| *name == attribute) {
                Some(at) => self.found[at] = true,
                None => self.whole(variable),
            },
            ("context", "on_behalf_of") => self.on_behalf_of = true,
            _ => self.is_volatile = true,
        }
    }
}

const ALL: Mentions = Mentions {
    name: true,
    candidates: true,
    on_behalf_of: true,
    found: [true; FOUND.len()],
    is_volatile: false,
};

/// Returns whether an `in` asks only whether the resource is of some kind, or the principal in some role.
fn is_membership(part: &Value) -> bool {
    let variable = part["left"].get("Var").and_then(Value::as_str);
    let of = match variable {
        Some("resource") => "Kind",
        Some("principal") => "Role",
        _ => return false,
    };
    let is_one = |value: &Value| value["Value"]["__entity"]["type"] == of;
    match part["right"].get("Set").and_then(Value::as_array) {
        Some(values) => values.iter().all(is_one),
        None => is_one(&part["right"]),
    }
}

/// Returns whether an entity is a kind of resources.
pub(crate) fn is_kind(uid: &EntityUid) -> bool {
    uid.type_name().basename() == "Kind"
}

fn internal(error: impl std::fmt::Display) -> Problem {
    Error::Internal { detail: error.to_string() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    fn mentions(text: &str) -> Mentions {
        let set = PolicySet::from_str(text).expect("policies");
        Slice::of(&set, "task.get", "Read").expect("a slice").mentions
    }

    #[test]
    fn a_right_by_kind_looks_at_nothing_else() {
        let texts = [
            "permit(principal in Role::\"a\", action, resource in Kind::\"task\");",
            "permit(principal, action in Action::\"Read\", resource) when { resource in [Kind::\"task\", Kind::\"job\"] };",
            "permit(principal, action, resource) unless { [\"user\"].contains(resource.kind) };",
            "permit(principal, action == Action::\"task.put\", resource) when { resource.name == \"\" };",
            "permit(principal, action, resource) when { principal.id == \"ana\" };",
        ];
        for text in texts {
            assert_eq!(mentions(text), Mentions::default(), "{text}");
        }
    }

    #[test]
    fn what_a_condition_looks_at_is_found() {
        let found = |text: &str| mentions(text);
        let owner =
            found("permit(principal, action, resource) when { resource.owner == \"user:ana\" };");
        let only = |name: &str| Mentions {
            found: FOUND.map(|attribute| attribute == name),
            ..Mentions::default()
        };
        assert_eq!(owner, only("owner"));
        let groups = found(
            "permit(principal, action, resource) when { resource.groups.contains(\"night\") };",
        );
        assert_eq!(groups, only("groups"));
        let parent =
            found("permit(principal, action, resource) when { resource.parent == principal.id };");
        assert_eq!(parent, only("parent"));
        let name = found("permit(principal, action, resource == Resource::\"task/1\");");
        assert_eq!(name, Mentions { name: true, ..Mentions::default() });
        let has = found(
            "permit(principal, action, resource) when { resource has candidates && principal in resource.candidates };",
        );
        assert_eq!(has, Mentions { candidates: true, ..Mentions::default() });
        let behalf = found(
            "permit(principal, action, resource) when { context.on_behalf_of like \"user:*\" };",
        );
        assert_eq!(behalf, Mentions { on_behalf_of: true, ..Mentions::default() });
        let whole =
            found("permit(principal, action, resource) when { resource == Resource::\"task/1\" };");
        assert!(whole.name && whole.candidates && whole.found.iter().all(|is| *is));
    }

    #[test]
    fn what_changes_from_call_to_call_is_never_remembered() {
        assert!(
            mentions("permit(principal, action, resource) when { context.amount < 100 };")
                .is_volatile
        );
        assert!(
            mentions("permit(principal, action, resource) when { context has hour };").is_volatile
        );
    }
}
