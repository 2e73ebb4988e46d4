//! Who may do something on a resource: users and programs that the unit knows, and roles of which each is enough, with the policies that
//! decide. Only those are told of whom the asker may see.

use super::why::{Decided, Question};
use super::{BUILT_IN, Policies};
use crate::{Call, Principal, Read, Reader, Reply, ResourceRef};
use base::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    operation: String,
    resource: String,
    #[serde(default)]
    limit: Option<usize>,
    /// Behind this principal.
    #[serde(default)]
    after: Option<Principal>,
}

/// Somebody who may.
#[derive(Serialize)]
struct Able<'a> {
    principal: &'a Principal,
    roles: BTreeSet<String>,
    policies: Vec<Decided>,
}

/// Returns the schema of what it takes.
pub(crate) fn question() -> Value {
    json!({
        "type": "object",
        "required": ["operation", "resource"],
        "additionalProperties": false,
        "properties": {
            "operation": {"type": "string"},
            "resource": {"type": "string"},
            "limit": {"type": "integer", "minimum": 1},
            "after": {"type": "string", "description": "From where to go on: what `next` said of the answer before."},
        },
    })
}

/// Answers `policy.who`. Looks at so many principals, and says from where to go on.
///
/// # Errors
/// `call.invalid`, `operation.not_found`; where the store cannot be read.
pub(crate) fn who(reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let asked: Asked = call.parameters()?;
    let kernel = reader.kernel();
    let policies = kernel.policies(reader)?;
    let looks_max = kernel.config().people_looks_max.max(1);
    let limit = asked.limit.unwrap_or(looks_max).clamp(1, looks_max);
    // Whoever is called so holds nothing: what he may, everybody may.
    let nobody = Principal::User(String::new());
    let mut question = Question::about(reader, nobody, &asked.operation, &asked.resource)?;
    let free = policies.verdict(&question, &BTreeSet::new())?;
    let everybody = if free.is_allowed { policies.decided(&free) } else { Vec::new() };
    let roles = policies.able_roles(reader, &question, &everybody)?;
    let known = policies.known();
    let mut rest = known.into_iter().filter(|each| Some(*each) > asked.after.as_ref());
    let (mut items, mut last, mut looks) = (Vec::new(), None, 0);
    while looks < looks_max
        && items.len() < limit
        && let Some(principal) = rest.next()
    {
        (last, looks) = (Some(principal), looks + 1);
        let declared = ResourceRef::new(principal.kind(), principal.name());
        let is_seen = *principal == call.actor || reader.allows("resource.get", &declared)?;
        if !is_seen {
            continue;
        }
        question.who = principal.clone();
        let held = policies.roles(reader, principal)?;
        let verdict = policies.verdict(&question, &held)?;
        if verdict.is_allowed {
            items.push(Able { principal, roles: held, policies: policies.decided(&verdict) });
        }
    }
    let next = rest.next().and(last);
    Ok(Reply::Value(json!({
        "operation": question.operation,
        "resource": question.resource.to_string(),
        "exists": question.found.is_some(),
        "everybody": everybody,
        "roles": roles,
        "items": items,
        "more": next.is_some(),
        "next": next,
    })))
}

impl Policies {
    /// Returns the roles of which each permits by itself what not everybody may, of those that the asker may see.
    fn able_roles(
        &self,
        reader: &Reader,
        question: &Question,
        everybody: &[Decided],
    ) -> Result<Vec<Value>, Problem> {
        let mut able = Vec::new();
        for role in self.seen_roles(reader)? {
            let verdict = self.verdict(question, &BTreeSet::from([role.clone()]))?;
            let decided = self.decided(&verdict);
            if verdict.is_allowed && !decided.iter().all(|each| everybody.contains(each)) {
                able.push(json!({"role": role, "policies": decided}));
            }
        }
        Ok(able)
    }

    /// Returns the roles that are built in, and those that the asker may see.
    pub(super) fn seen_roles(&self, reader: &Reader) -> Result<BTreeSet<String>, Problem> {
        let mut roles: BTreeSet<String> = BUILT_IN.into_iter().map(str::to_owned).collect();
        for role in reader.resources("role")? {
            if reader.allows("resource.get", &role.reference())? {
                roles.insert(role.name.clone());
            }
        }
        Ok(roles)
    }
}
