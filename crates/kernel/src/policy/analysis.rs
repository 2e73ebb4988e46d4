//! What is suspicious about policies that type-check: those that can never apply, those for a role that nobody holds, and
//! permits that a `forbid` takes away again.
//!
//! Only what is certain is said: a policy without a warning may still never apply.

use super::slice::{is_kind, speaks_of};
use super::{BUILT_IN, Policies, schema};
use crate::excerpt::role_of_policy;
use crate::{Error, Kernel, Operation, Read, Target};
use base::{Problem, nearest};
use cedar_policy::{
    Effect, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint, ResourceConstraint,
    ValidationMode, ValidationWarning, Validator,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is suspicious about a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Warning {
    /// The role in whose manifest the policy stands.
    pub resource: String,
    /// The policy.
    pub policy: String,
    /// The line of `policies` at which it begins.
    pub line: u32,
    /// What is suspicious.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A message and a hint.
type Doubt = (String, Option<String>);

/// Returns what is suspicious about the policies of some roles, as everything stands.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn warnings(read: &dyn Read, roles: &BTreeSet<String>) -> Result<Vec<Warning>, Problem> {
    if roles.is_empty() {
        return Ok(Vec::new());
    }
    let kernel = read.kernel();
    // Read anew: what is remembered stands for the epoch before.
    let policies = Policies::load(read, kernel)?;
    let world = World { read, kernel, policies: &policies };
    let impossible = impossible(kernel, &policies, roles)?;
    let mut warnings = Vec::new();
    for policy in policies.set.policies() {
        let id: &str = policy.id().as_ref();
        let Some(role) = role_of_policy(id).filter(|role| roles.contains(*role)) else { continue };
        let mut doubts = world.doubts(policy)?;
        if doubts.is_empty() && impossible.contains(policy.id()) {
            doubts.push(("it never applies: its condition is always false".into(), None));
        }
        warnings.extend(doubts.into_iter().map(|(message, hint)| Warning {
            resource: format!("role/{role}"),
            policy: policies.name_of(policy.id()),
            line: policies.lines.get(policy.id()).copied().unwrap_or(1),
            message,
            hint,
        }));
    }
    Ok(warnings)
}

/// Returns the policies of which Cedar's validator is certain that they never apply.
fn impossible(
    kernel: &Kernel,
    policies: &Policies,
    roles: &BTreeSet<String>,
) -> Result<BTreeSet<PolicyId>, Problem> {
    let mut own = PolicySet::new();
    for policy in policies.set.policies() {
        if role_of_policy(policy.id().as_ref()).is_some_and(|role| roles.contains(role)) {
            own.add(policy.clone()).map_err(internal)?;
        }
    }
    let result = Validator::new(schema(kernel)?).validate(&own, ValidationMode::Strict);
    let is_impossible = |warning: &&ValidationWarning| {
        matches!(
            warning,
            ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_)
        )
    };
    let warnings = result.validation_warnings().filter(is_impossible);
    Ok(warnings.map(|warning| warning.policy_id().clone()).collect())
}

/// What a policy is held against.
struct World<'a> {
    read: &'a dyn Read,
    kernel: &'a Kernel,
    policies: &'a Policies,
}

impl World<'_> {
    fn doubts(&self, policy: &Policy) -> Result<Vec<Doubt>, Problem> {
        let said = Said::of(policy)?;
        let mut doubts = Vec::new();
        doubts.extend(self.unknown_kind(&said));
        if doubts.is_empty() {
            doubts.extend(said.contradiction.clone().map(|text| (never(&text), None)));
        }
        if doubts.is_empty() {
            doubts.extend(self.wrong_kind(policy, &said));
        }
        doubts.extend(self.principal(policy, &said)?);
        if policy.effect() == Effect::Permit {
            doubts.extend(self.shadow(policy, &said));
        }
        Ok(doubts)
    }

    fn operations(&self, policy: &Policy) -> impl Iterator<Item = &Operation> {
        let speaks = move |each: &&Operation| speaks_of(policy, each.name, each.right.as_str());
        self.kernel.operations().filter(speaks)
    }

    /// A kind that no engine has.
    fn unknown_kind(&self, said: &Said) -> Option<Doubt> {
        let unknown = said
            .kinds_named
            .iter()
            .find(|kind| self.kernel.kind(kind).is_none() && !self.is_kind(kind))?;
        let known = || self.kernel.kinds().map(|kind| kind.name);
        let hint = nearest(unknown, known()).map(|name| format!("did you mean `{name}`?"));
        let text = format!("there is no kind `{unknown}`");
        let is_all =
            said.kinds.as_ref().is_some_and(|kinds| kinds.iter().all(|kind| kind == unknown));
        Some((if is_all { never(&text) } else { text }, hint))
    }

    /// Some kinds have operations and no declaration.
    fn is_kind(&self, kind: &str) -> bool {
        kind == "relation" || self.kernel.operations().any(|operation| operation.kind() == kind)
    }

    /// Actions that act on other kinds than those that the policy speaks of.
    fn wrong_kind(&self, policy: &Policy, said: &Said) -> Option<Doubt> {
        let kinds = said.kinds.as_ref()?;
        if kinds.is_empty() {
            return Some((never("no resource is of two kinds"), None));
        }
        let acts = |operation: &Operation| match operation.target {
            Target::Named | Target::Whole => kinds.contains(operation.kind()),
            Target::Any | Target::AnyWhole => true,
        };
        // Whether a relation may be read is asked under several operations.
        if kinds.contains("relation") || self.operations(policy).any(acts) {
            return None;
        }
        let first = self.operations(policy).next()?;
        let named: Vec<&str> = kinds.iter().map(String::as_str).collect();
        let text = format!("`{}` does not act on {}", first.name, named.join(", "));
        Some((never(&text), Some("name the kind that the action acts on".into())))
    }

    /// Somebody who is not there, or a role that nobody holds.
    fn principal(&self, policy: &Policy, said: &Said) -> Result<Vec<Doubt>, Problem> {
        let mut doubts = Vec::new();
        match policy.principal_constraint() {
            PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => {
                doubts.extend(self.role(&uid)?);
            }
            PrincipalConstraint::Eq(uid) => doubts.extend(self.somebody(&uid)?),
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => {}
        }
        for role in &said.roles {
            doubts.extend(self.role_named(role)?);
        }
        Ok(doubts)
    }

    fn role(&self, uid: &EntityUid) -> Result<Option<Doubt>, Problem> {
        if uid.type_name().basename() != "Role" {
            return self.somebody(uid);
        }
        self.role_named(uid.id().as_ref())
    }

    fn role_named(&self, role: &str) -> Result<Option<Doubt>, Problem> {
        if !BUILT_IN.contains(&role) && self.read.resource("role", role)?.is_none() {
            let declared = self.read.resources("role")?;
            let known = declared.iter().map(|role| role.name.as_str()).chain(BUILT_IN);
            let hint = nearest(role, known).map(|name| format!("did you mean `{name}`?"));
            return Ok(Some((never(&format!("there is no role `{role}`")), hint)));
        }
        if self.policies.held_roles().contains(role) || self.policies.people().may_hold(role) {
            return Ok(None);
        }
        let hint = format!("list `{role}` under `roles` of a User, or remove the policy");
        Ok(Some((format!("nobody holds the role `{role}`"), Some(hint))))
    }

    fn somebody(&self, uid: &EntityUid) -> Result<Option<Doubt>, Problem> {
        let kind = match uid.type_name().basename() {
            "User" => "user",
            "Process" => "process",
            "Kpi" => "kpi",
            "Device" => "device",
            "DeviceType" => "device_type",
            "Topic" => "topic",
            "Rule" => "rule",
            _ => return Ok(None),
        };
        let name: &str = uid.id().as_ref();
        // Somebody of an identity provider need not have come yet.
        if name.contains('/') || self.read.resource(kind, name)?.is_some() {
            return Ok(None);
        }
        let declared = self.read.resources(kind)?;
        let hint = nearest(name, declared.iter().map(|resource| resource.name.as_str()))
            .map(|name| format!("did you mean `{name}`?"));
        Ok(Some((never(&format!("there is no {kind} `{name}`")), hint)))
    }

    /// A `forbid` without conditions that covers all of a permit.
    fn shadow(&self, policy: &Policy, said: &Said) -> Option<Doubt> {
        let covers = |forbid: &&Policy| {
            forbid.effect() == Effect::Forbid
                && !forbid.has_non_scope_constraint()
                && covers_principal(&forbid.principal_constraint(), &policy.principal_constraint())
                && covers_resource(&forbid.resource_constraint(), policy, said)
                && self
                    .operations(policy)
                    .all(|operation| speaks_of(forbid, operation.name, operation.right.as_str()))
        };
        let forbid = self.policies.set.policies().find(covers)?;
        let name = self.policies.name_of(forbid.id());
        let line = self.policies.lines.get(forbid.id()).copied().unwrap_or(1);
        let text = format!("it permits nothing: `{name}` (line {line}) forbids all of it");
        Some((text, Some("remove one of the two, or give the `forbid` a condition".into())))
    }
}

fn never(reason: &str) -> String {
    format!("it never applies: {reason}")
}

fn covers_principal(wide: &PrincipalConstraint, narrow: &PrincipalConstraint) -> bool {
    use PrincipalConstraint::{Any, Eq, In, Is, IsIn};
    match (wide, narrow) {
        (Any, _) => true,
        (In(wide), In(narrow) | IsIn(_, narrow)) | (Eq(wide), Eq(narrow)) => wide == narrow,
        (Is(wide), Is(narrow) | IsIn(narrow, _)) => wide == narrow,
        (Is(wide), Eq(narrow)) => narrow.type_name() == wide,
        (IsIn(wide_type, wide), IsIn(narrow_type, narrow)) => {
            wide_type == narrow_type && wide == narrow
        }
        _ => false,
    }
}

fn covers_resource(wide: &ResourceConstraint, policy: &Policy, said: &Said) -> bool {
    match (wide, policy.resource_constraint()) {
        (ResourceConstraint::Any | ResourceConstraint::Is(_), _) => true,
        (ResourceConstraint::Eq(wide), ResourceConstraint::Eq(narrow)) => *wide == narrow,
        (ResourceConstraint::In(wide) | ResourceConstraint::IsIn(_, wide), _) => {
            let wide: &str = wide.id().as_ref();
            said.kinds.as_ref().is_some_and(|kinds| kinds.iter().all(|kind| kind == wide))
        }
        _ => false,
    }
}

/// What a policy says that can be understood by simple means.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The kinds that it can apply to; all where there is nothing about them.
    pub kinds: Option<BTreeSet<String>>,
    /// Every kind that it names.
    kinds_named: BTreeSet<String>,
    /// Roles that its conditions ask for.
    pub roles: BTreeSet<String>,
    /// Two things that cannot both hold.
    contradiction: Option<String>,
    /// What attributes must be equal to.
    equal: BTreeMap<String, String>,
}

impl Said {
    /// Reads a policy.
    ///
    /// # Errors
    /// `kernel.internal` where it cannot be read again, which is a defect.
    pub(crate) fn of(policy: &Policy) -> Result<Self, Problem> {
        let mut said = Self::default();
        match policy.resource_constraint() {
            ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) if is_kind(&uid) => {
                said.only(BTreeSet::from([AsRef::<str>::as_ref(uid.id()).to_owned()]));
            }
            ResourceConstraint::Eq(uid) => {
                let id: &str = uid.id().as_ref();
                said.only(BTreeSet::from([id.split('/').next().unwrap_or(id).to_owned()]));
            }
            _ => {}
        }
        if policy.has_non_scope_constraint() {
            let text = policy.to_json().map_err(internal)?;
            let conditions = text["conditions"].as_array().into_iter().flatten();
            for condition in conditions.filter(|condition| condition["kind"] == "when") {
                said.conjunct(&condition["body"]);
            }
        }
        Ok(said)
    }

    /// Takes a part of a condition that must hold.
    fn conjunct(&mut self, part: &Value) {
        if let Some(both) = part.get("&&") {
            self.conjunct(&both["left"]);
            self.conjunct(&both["right"]);
        } else if let Some(kinds) = entities(part, "resource", "Kind") {
            self.only(kinds);
        } else if let Some(roles) = entities(part, "principal", "Role") {
            // One of several is enough.
            if roles.len() == 1 {
                self.roles.extend(roles);
            }
        } else if let Some(kinds) = contained(part) {
            self.only(kinds);
        } else if let Some((attribute, value)) = equality(part) {
            if attribute == "kind" {
                self.only(BTreeSet::from([value.clone()]));
            }
            match self.equal.get(&attribute) {
                Some(held) if *held != value => {
                    let text = format!("`resource.{attribute}` is not both `{held}` and `{value}`");
                    self.contradiction.get_or_insert(text);
                }
                _ => drop(self.equal.insert(attribute, value)),
            }
        }
    }

    fn only(&mut self, kinds: BTreeSet<String>) {
        self.kinds_named.extend(kinds.iter().cloned());
        self.kinds = Some(match self.kinds.take() {
            Some(held) => held.intersection(&kinds).cloned().collect(),
            None => kinds,
        });
    }
}

/// Reads `VARIABLE in TYPE::"…"` and `VARIABLE in [TYPE::"…", …]`.
fn entities(part: &Value, variable: &str, of: &str) -> Option<BTreeSet<String>> {
    let part = part.get("in").filter(|part| part["left"]["Var"] == variable)?;
    let one = |value: &Value| {
        let entity = &value["Value"]["__entity"];
        let id = entity["id"].as_str().filter(|_| entity["type"] == of)?;
        Some(id.to_owned())
    };
    match part["right"].get("Set").and_then(Value::as_array) {
        Some(values) => values.iter().map(one).collect(),
        None => Some(BTreeSet::from([one(&part["right"])?])),
    }
}

/// Reads `["…", …].contains(resource.kind)`.
fn contained(part: &Value) -> Option<BTreeSet<String>> {
    let part = part.get("contains").filter(|part| attribute(&part["right"]) == Some("kind"))?;
    let values = part["left"].get("Set")?.as_array()?;
    values.iter().map(|value| value["Value"].as_str().map(str::to_owned)).collect()
}

/// Reads `resource.ATTRIBUTE == "…"`, either way round.
fn equality(part: &Value) -> Option<(String, String)> {
    let part = part.get("==")?;
    let (left, right) = (&part["left"], &part["right"]);
    let (attribute, value) = match (attribute(left), attribute(right)) {
        (Some(attribute), None) => (attribute, right),
        (None, Some(attribute)) => (attribute, left),
        _ => return None,
    };
    Some((attribute.to_owned(), value["Value"].as_str()?.to_owned()))
}

/// Reads `resource.ATTRIBUTE`.
fn attribute(part: &Value) -> Option<&str> {
    let part = part.get(".").filter(|part| part["left"]["Var"] == "resource")?;
    part["attr"].as_str()
}

fn internal(error: impl std::fmt::Display) -> Problem {
    Error::Internal { detail: error.to_string() }.into()
}
