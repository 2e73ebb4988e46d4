//! What the text of policies asks for, to be shown before anybody gives it: read from their scope, never guessed from their
//! conditions.

use crate::Error;
use base::Problem;
use cedar_policy::{
    ActionConstraint, Effect, EntityTypeName, EntityUid, Policy, PolicySet, PrincipalConstraint,
    ResourceConstraint,
};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// What a policy asks for. Its conditions can only narrow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedPolicy {
    /// The name that its author gave it (`@id`), or its place in the text.
    pub id: String,
    /// `permit` or `forbid`.
    pub effect: String,
    /// For whom, as Cedar writes it: `Role::"clerk"`, a type such as `Peer`, or `everybody`.
    pub principal: String,
    /// Operations, and rights where a whole right is meant; `everything` where nothing is said.
    pub actions: Vec<String>,
    /// On what: `Kind::"stream"`, `Resource::"stream/orders"`, or `everything`.
    pub resource: String,
    /// Whether conditions narrow it.
    pub is_conditional: bool,
}

/// Reads what a text of policies asks for, in the order of the text.
///
/// # Errors
/// `policy.invalid` where the text is no policies.
pub fn asked_policies(text: &str) -> Result<Vec<AskedPolicy>, Problem> {
    let set = PolicySet::from_str(text).map_err(|errors| Error::Policy {
        reason: errors.to_string(),
        place: None,
        hint: None,
    })?;
    if 0 < set.num_of_templates() {
        let reason = "templates are not supported".to_owned();
        return Err(Error::Policy { reason, place: None, hint: None }.into());
    }
    let mut policies: Vec<&Policy> = set.policies().collect();
    // Ids are `policy0`, `policy1`, … by the order of the text; a shorter one comes first.
    policies.sort_by_key(|policy| {
        let id = policy.id().to_string();
        (id.len(), id)
    });
    Ok(policies.into_iter().map(asked).collect())
}

fn asked(policy: &Policy) -> AskedPolicy {
    AskedPolicy {
        id: policy.annotation("id").map_or_else(|| policy.id().to_string(), str::to_owned),
        effect: match policy.effect() {
            Effect::Permit => "permit".into(),
            Effect::Forbid => "forbid".into(),
        },
        principal: match policy.principal_constraint() {
            PrincipalConstraint::Any => "everybody".into(),
            PrincipalConstraint::In(uid) | PrincipalConstraint::Eq(uid) => uid.to_string(),
            PrincipalConstraint::Is(kind) => kind.to_string(),
            PrincipalConstraint::IsIn(kind, uid) => narrowed(&kind, &uid),
        },
        actions: match policy.action_constraint() {
            ActionConstraint::Any => vec!["everything".into()],
            ActionConstraint::In(uids) => uids.iter().map(name).collect(),
            ActionConstraint::Eq(uid) => vec![name(&uid)],
        },
        resource: match policy.resource_constraint() {
            ResourceConstraint::Any => "everything".into(),
            ResourceConstraint::In(uid) | ResourceConstraint::Eq(uid) => uid.to_string(),
            ResourceConstraint::Is(kind) => kind.to_string(),
            ResourceConstraint::IsIn(kind, uid) => narrowed(&kind, &uid),
        },
        is_conditional: policy.has_non_scope_constraint(),
    }
}

fn narrowed(kind: &EntityTypeName, uid: &EntityUid) -> String {
    // What is in the role is what counts; the type only narrows it.
    format!("{uid} ({kind})")
}

fn name(uid: &EntityUid) -> String {
    uid.id().unescaped().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown: Vec<String> = asked_policies(text)
            .expect("policies")
            .into_iter()
            .map(|asked| {
                let condition = if asked.is_conditional { " if" } else { "" };
                format!(
                    "{} {} {} {} {}{condition}",
                    asked.id,
                    asked.effect,
                    asked.principal,
                    asked.actions.join("+"),
                    asked.resource
                )
            })
            .collect();
        assert_eq!(shown.join("\n"), expected);
    }

    #[test]
    fn the_scope_of_a_policy_says_what_it_asks_for() {
        check(
            "@id(\"notes\") permit (principal in Role::\"dispatcher\", action == Action::\"stream.append\", resource in Kind::\"stream\") \
             when { resource.name == \"shipments\" };\n\
             permit (principal, action, resource);\n\
             forbid (principal is Peer, action in [Action::\"Read\", Action::\"task.claim\"], resource);",
            "notes permit Role::\"dispatcher\" stream.append Kind::\"stream\" if\n\
             policy1 permit everybody everything everything\n\
             policy2 forbid Peer Read+task.claim everything",
        );
        check("", "");
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        assert_eq!(
            asked_policies("permit everything").expect_err("refused").code,
            "policy.invalid"
        );
        let template = "permit (principal == ?principal, action, resource);";
        assert_eq!(asked_policies(template).expect_err("refused").code, "policy.invalid");
    }
}
