//! Why somebody may do something, or may not: every step of the way that a call takes, with the policies that decided.
//!
//! About oneself everybody may ask. A resource that the asker may not see looks as if it were not there, as everywhere.

use super::cache::Asked;
use super::{Policies, Verdict};
use crate::admit;
use crate::excerpt::role_of_policy;
use crate::operation::is_within;
use crate::{Call, Error, Found, Kernel, Principal, Read, Reader, Reply, ResourceRef};
use base::{Explain, Problem};
use cedar_policy::Effect;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;

/// What is asked.
pub(super) struct Question {
    pub who: Principal,
    pub operation: String,
    pub resource: ResourceRef,
    /// What is known of the resource, where it is there and the asker may see it.
    pub found: Option<Found>,
    /// The rights that the asker's credential is cut down to, where he asks about himself; empty for all.
    scope: Vec<String>,
    /// Whether the asker may see what this principal uses.
    is_use_seen: bool,
    /// Calls of this principal that run to ask this.
    own: u64,
}

/// A step of the way that a call takes.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Step {
    step: &'static str,
    passed: bool,
    detail: String,
}

/// A policy that decided.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Decided {
    policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    line: u32,
    effect: &'static str,
}

impl Question {
    /// Reads what is asked.
    ///
    /// # Errors
    /// `call.invalid`, `operation.not_found`, and `policy.forbidden` for who asks about others and may not see them.
    fn of(reader: &Reader, call: &Call) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Asked {
            operation: String,
            resource: String,
            #[serde(rename = "as", default)]
            who: Option<Principal>,
        }
        let asked: Asked = call.parameters()?;
        let who = asked.who.unwrap_or_else(|| call.actor.clone());
        if who != call.actor && !reader.allows("resource.get", &ResourceRef::new("user", ""))? {
            return Err(Error::Forbidden {
                actor: call.actor.to_string(),
                operation: call.operation.clone(),
                resource: who.to_string(),
            }
            .into());
        }
        let is_own = who == call.actor;
        let mut question = Self::about(reader, who, &asked.operation, &asked.resource)?;
        if is_own {
            question.scope.clone_from(&call.scope);
            question.own = 1;
        }
        // As `system.quotas` shows it.
        question.is_use_seen =
            is_own || reader.allows("running.limit", &ResourceRef::new("running", ""))?;
        Ok(question)
    }

    /// Returns the question whether somebody may do something, whoever asks.
    ///
    /// # Errors
    /// `operation.not_found`; where the store cannot be read.
    pub(super) fn about(
        reader: &Reader,
        who: Principal,
        operation: &str,
        resource: &str,
    ) -> Result<Self, Problem> {
        let kernel = reader.kernel();
        kernel.operation(operation)?;
        let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
        let resource = ResourceRef::new(kind, name);
        let is_visible = resource.name.is_empty()
            || reader.allows("resource.get", &resource)?
            || reader.allows(operation, &resource)?;
        let found = if is_visible { kernel.find(reader, &resource)? } else { None };
        let operation = operation.to_owned();
        Ok(Self { who, operation, resource, found, scope: Vec::new(), is_use_seen: false, own: 0 })
    }

    fn is_scoped(&self, right: &str) -> bool {
        is_within(&self.scope, right)
    }

    /// Returns whether a call would find its resource; one that declares it makes it.
    fn is_there(&self) -> bool {
        self.found.is_some() || self.operation == "resource.put"
    }
}

/// What comes of a question, for both operations.
struct Evaluated {
    /// The right that the operation needs.
    right: &'static str,
    /// The roles of whom it is about.
    roles: BTreeSet<String>,
    verdict: Verdict,
    decided: Vec<Decided>,
    /// Whether the policies permit it and the credential has the right. Whether the resource is there is another matter.
    is_allowed: bool,
}

impl Evaluated {
    fn of(read: &dyn Read, policies: &Policies, question: &Question) -> Result<Self, Problem> {
        let right = policies.right(&question.operation)?;
        let roles = policies.roles(read, &question.who)?;
        let verdict = policies.verdict(question, &roles)?;
        let decided = policies.decided(&verdict);
        let is_allowed = verdict.is_allowed && question.is_scoped(right);
        Ok(Self { right, roles, verdict, decided, is_allowed })
    }
}

/// Answers `policy.check`: whether somebody may do something, and which policies decide.
///
/// # Errors
/// See [`Question::of`]; where the store cannot be read.
pub(crate) fn can(reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let question = Question::of(reader, call)?;
    let policies = reader.kernel().policies(reader)?;
    let evaluated = Evaluated::of(reader, &policies, &question)?;
    let names: Vec<&str> = evaluated.decided.iter().map(|each| each.policy.as_str()).collect();
    Ok(Reply::Value(json!({
        "allowed": evaluated.is_allowed,
        "as": question.who,
        "roles": evaluated.roles,
        "policies": names,
        "exists": question.found.is_some(),
    })))
}

/// Answers `policy.why`: the same, step by step, with what is missing, and whether such a call would be let in now.
///
/// # Errors
/// See [`Question::of`]; where the store cannot be read.
pub(crate) fn why(reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let question = Question::of(reader, call)?;
    let policies = reader.kernel().policies(reader)?;
    let evaluated = Evaluated::of(reader, &policies, &question)?;
    let Evaluated { right, roles, verdict, decided, is_allowed } = &evaluated;
    let steps = [
        found_step(reader.kernel(), &question),
        scope_step(&question, right),
        policies_step(&question, verdict, decided),
    ];
    let quotas = quotas_step(reader, &question)?;
    // What helps is said only where a role is what is missing: of what is not there nobody knows whom it would be for.
    let is_decided = verdict.is_allowed || !verdict.policies.is_empty();
    let missing = match is_decided || !question.is_there() {
        true => BTreeSet::new(),
        false => policies.enough(reader, &question)?,
    };
    let reason = steps.iter().find(|step| !step.passed).or(steps.last());
    let reason = reason.map(|step| step.detail.clone());
    let steps: Vec<Step> = steps.into_iter().chain([quotas]).collect();
    Ok(Reply::Value(json!({
        "allowed": is_allowed,
        "admitted": steps.iter().all(|step| step.passed),
        "as": question.who,
        "operation": question.operation,
        "resource": question.resource.to_string(),
        "roles": roles,
        "reason": reason,
        "steps": steps,
        "policies": decided,
        "roles_that_may": missing,
    })))
}

fn found_step(kernel: &Kernel, question: &Question) -> Step {
    let resource = &question.resource;
    // What comes into being by running goes again by itself.
    let is_passing = kernel.kind(&resource.kind).is_some_and(|kind| kind.manifest.is_empty());
    let detail = match (question.found.is_some(), resource.name.is_empty()) {
        (true, true) => format!("`{resource}` as a whole"),
        (true, false) => format!("{resource} is there"),
        (false, _) if is_passing => {
            format!("{resource} is not there: it has ended, or never was, or you may not see it")
        }
        (false, _) => format!("{resource} does not exist, or you may not see it"),
    };
    Step { step: "find", passed: question.is_there(), detail }
}

fn scope_step(question: &Question, right: &str) -> Step {
    let passed = question.is_scoped(right);
    let detail = match (passed, question.scope.is_empty()) {
        (_, true) => "the credential is not cut down".to_owned(),
        (true, false) => format!("the token has the right {right}"),
        (false, false) => {
            let held = question.scope.join(", ");
            format!("the token is cut down to {held}; `{}` needs {right}", question.operation)
        }
    };
    Step { step: "scope", passed, detail }
}

fn policies_step(question: &Question, verdict: &Verdict, decided: &[Decided]) -> Step {
    let names: Vec<String> =
        decided.iter().map(|each| format!("{} (line {})", each.policy, each.line)).collect();
    let names = names.join(", ");
    let Question { who, operation, resource, .. } = question;
    let detail = match (verdict.is_allowed, decided.is_empty()) {
        (true, _) => format!("permitted by {names}"),
        (false, false) => format!("forbidden by {names}"),
        (false, true) if !question.is_there() => {
            "no policy permits it on what is not there".to_owned()
        }
        (false, true) => format!("no policy permits `{operation}` on {resource} to {who}"),
    };
    Step { step: "policies", passed: verdict.is_allowed, detail }
}

/// Says whether such a call would be let in now. It is a matter of the moment, and says nothing about rights.
///
/// # Errors
/// Where the store cannot be read.
fn quotas_step(reader: &Reader, question: &Question) -> Result<Step, Problem> {
    let step = |passed, detail: String| Ok(Step { step: "quotas", passed, detail });
    if !question.is_use_seen {
        return step(true, format!("you may not see what {} uses", question.who));
    }
    let kernel: &Kernel = reader.kernel();
    let operation = kernel.operation(&question.operation)?;
    // What the asker does not see is none of his business.
    let resource = match &question.found {
        Some(_) => question.resource.clone(),
        None => ResourceRef::new(question.resource.kind.as_str(), ""),
    };
    let call = Call::new(operation.name, resource, question.who.clone());
    let (read, call) = (reader, &call);
    let asked = admit::Asked { kernel, read, operation, call, is_placed: false, is_part: false };
    match kernel.admission().would_refuse(&asked, question.own)? {
        None => step(true, "no limit is used up now".into()),
        Some(refused) => {
            let hint = refused.hint().unwrap_or_default();
            step(false, format!("{refused}; {hint}"))
        }
    }
}

impl Policies {
    /// Asks for somebody who holds these roles and no others.
    pub(super) fn verdict(
        &self,
        question: &Question,
        roles: &BTreeSet<String>,
    ) -> Result<Verdict, Problem> {
        let slice = self.slice(&question.operation)?;
        let none = Found::default();
        let asked = Asked {
            actor: &question.who,
            on_behalf_of: None,
            operation: &question.operation,
            resource: &question.resource,
            found: question.found.as_ref().unwrap_or(&none),
            mentions: &slice.mentions,
        };
        self.ask(&slice, roles, &asked)
    }

    /// Returns the policies that decided, by name.
    pub(super) fn decided(&self, verdict: &Verdict) -> Vec<Decided> {
        let mut decided: Vec<Decided> = verdict
            .policies
            .iter()
            .map(|id| Decided {
                policy: self.name_of(id),
                role: role_of_policy(id.as_ref()).map(str::to_owned),
                line: self.lines.get(id).copied().unwrap_or(1),
                effect: match self.set.policy(id).map(|policy| policy.effect()) {
                    Some(Effect::Forbid) => "forbid",
                    _ => "permit",
                },
            })
            .collect();
        decided.sort();
        decided
    }

    /// Returns the roles of which each would be enough by itself, of those that the asker may see.
    fn enough(&self, reader: &Reader, question: &Question) -> Result<BTreeSet<String>, Problem> {
        let mut enough = BTreeSet::new();
        for role in self.seen_roles(reader)? {
            if self.verdict(question, &BTreeSet::from([role.clone()]))?.is_allowed {
                enough.insert(role);
            }
        }
        Ok(enough)
    }
}
