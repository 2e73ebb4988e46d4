//! Roles and policies: Cedar, checked against a schema made from the operations tables. Default deny.

use crate::engine::Found;
use crate::excerpt::{self, Excerpts, Through};
use crate::metrics::Decisions;
use crate::{Error, Kernel, Principal, Read, Resource, ResourceRef};
use base::{Place, Problem};
use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityUid, Policy, PolicyId, PolicySet, Request,
    RestrictedExpression, Schema, ValidationMode, Validator,
};
use miette::Diagnostic;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

const SCHEMA: &str = include_str!("../policies/schema.cedarschema");
const SHIPPED: [(&str, &str); 2] = [
    ("roles", include_str!("../policies/roles.cedar")),
    ("unit", include_str!("../policies/unit.cedar")),
];

/// The roles that need no manifest.
pub(crate) const BUILT_IN: [&str; 6] =
    ["owner", "operator", "developer", "analyst", "approver", "viewer"];

/// What the policies say, and which of them said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is permitted.
    pub is_allowed: bool,
    /// The ids of the policies that decided; empty where none permits.
    pub reasons: Vec<String>,
}

/// What a remembered decision depends on.
type Question =
    (Principal, Option<Principal>, String, ResourceRef, Vec<(&'static str, String)>, Vec<String>);

/// All policies as of one epoch.
pub(crate) struct Policies {
    schema: Schema,
    set: PolicySet,
    roles: HashMap<Principal, BTreeSet<String>>,
    excerpts: Arc<Excerpts>,
    decisions: Mutex<HashMap<Question, Decision>>,
    through: Mutex<HashMap<Question, Through>>,
    decisions_max: usize,
    counted: Arc<Decisions>,
}

/// What Cedar says, and the ids of the policies that decided.
struct Verdict {
    is_allowed: bool,
    policies: BTreeSet<PolicyId>,
}

impl Policies {
    /// Reads roles, users and policies as they stand.
    pub(crate) fn load(read: &dyn Read, kernel: &Kernel) -> Result<Self, Problem> {
        let schema = schema(kernel)?;
        let known: BTreeSet<String> =
            kernel.operations().map(|operation| operation.name.to_owned()).collect();
        let mut set = PolicySet::new();
        for (source, text) in SHIPPED {
            add(&mut set, source, &only_known(text, &known))?;
        }
        let mut excerpts = Excerpts::new();
        for role in read.resources("role")? {
            add(&mut set, &source_of(&role), policies_of(&role))?;
            let shown = excerpt::of_role(&role)?;
            if !shown.is_empty() {
                excerpts.insert(role.name.clone(), shown);
            }
        }
        let mut roles: HashMap<Principal, BTreeSet<String>> = HashMap::new();
        for user in read.resources("user")? {
            roles.insert(Principal::User(user.name.clone()), roles_of(&user));
        }
        for process in read.resources("process")? {
            roles.insert(Principal::Process(process.name.clone()), roles_of(&process));
        }
        for kpi in read.resources("kpi")? {
            roles.insert(Principal::Kpi(kpi.name.clone()), roles_of(&kpi));
        }
        Ok(Self {
            schema,
            set,
            roles,
            excerpts: Arc::new(excerpts),
            decisions: Mutex::default(),
            through: Mutex::default(),
            decisions_max: kernel.config().decisions_max,
            counted: Arc::clone(&kernel.meters().decisions),
        })
    }

    /// Returns what roles show of relations.
    pub(crate) fn excerpts(&self) -> &Arc<Excerpts> {
        &self.excerpts
    }

    /// Returns the roles that a principal holds.
    pub(crate) fn roles(&self, principal: &Principal) -> BTreeSet<String> {
        self.roles.get(principal).cloned().unwrap_or_default()
    }

    /// Decides; remembers what it decided.
    pub(crate) fn decide(
        &self,
        actor: &Principal,
        on_behalf_of: Option<&Principal>,
        operation: &str,
        resource: &ResourceRef,
        found: &Found,
    ) -> Result<Decision, Problem> {
        let question = question(actor, on_behalf_of, operation, resource, found);
        let held =
            self.decisions.lock().unwrap_or_else(PoisonError::into_inner).get(&question).cloned();
        if let Some(decision) = held {
            self.counted.remembered.add(1);
            return Ok(decision);
        }
        self.counted.asked.add(1);
        let roles = self.roles(actor);
        let verdict = self.ask(&roles, actor, on_behalf_of, operation, resource, found)?;
        let mut reasons: Vec<String> = verdict.policies.iter().map(|id| self.name_of(id)).collect();
        reasons.sort();
        let decision = Decision { is_allowed: verdict.is_allowed, reasons };
        let mut guard = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        if self.decisions_max <= guard.len() {
            guard.clear();
        }
        guard.insert(question, decision.clone());
        Ok(decision)
    }

    /// Returns through which roles a principal may do what the policies permit it; remembers it.
    pub(crate) fn through(
        &self,
        actor: &Principal,
        on_behalf_of: Option<&Principal>,
        operation: &str,
        resource: &ResourceRef,
        found: &Found,
    ) -> Result<Through, Problem> {
        let question = question(actor, on_behalf_of, operation, resource, found);
        let held =
            self.through.lock().unwrap_or_else(PoisonError::into_inner).get(&question).cloned();
        if let Some(through) = held {
            return Ok(through);
        }
        let ask = |roles: &BTreeSet<String>| {
            self.ask(roles, actor, on_behalf_of, operation, resource, found)
        };
        let through = self.find_through(actor, ask)?;
        let mut guard = self.through.lock().unwrap_or_else(PoisonError::into_inner);
        if self.decisions_max <= guard.len() {
            guard.clear();
        }
        guard.insert(question, through.clone());
        Ok(through)
    }

    /// Asks once without a role and once with each: what a role adds is permitted through it.
    fn find_through(
        &self,
        actor: &Principal,
        ask: impl Fn(&BTreeSet<String>) -> Result<Verdict, Problem>,
    ) -> Result<Through, Problem> {
        let free = ask(&BTreeSet::new())?;
        let mut roles = BTreeSet::new();
        if free.is_allowed {
            for policy in &free.policies {
                // A policy in a role's manifest that asks for no role still is that role's.
                let Some(role) = excerpt::role_of_policy(policy.as_ref()) else {
                    return Ok(Through::Nothing);
                };
                roles.insert(role.to_owned());
            }
        }
        let held = self.roles(actor);
        for role in &held {
            let verdict = ask(&BTreeSet::from([role.clone()]))?;
            if verdict.is_allowed && !verdict.policies.is_subset(&free.policies) {
                roles.insert(role.clone());
            }
        }
        Ok(if roles.is_empty() { Through::Together(held) } else { Through::Each(roles) })
    }

    fn ask(
        &self,
        roles: &BTreeSet<String>,
        actor: &Principal,
        on_behalf_of: Option<&Principal>,
        operation: &str,
        resource: &ResourceRef,
        found: &Found,
    ) -> Result<Verdict, Problem> {
        let principal = uid(actor.entity_type(), actor.name())?;
        let target = uid("Resource", &resource.to_string())?;
        let parents =
            roles.iter().map(|role| uid("Role", role)).collect::<Result<HashSet<_>, _>>()?;
        let attributes = HashMap::from([("id".to_owned(), text(actor.name()))]);
        let mut entities = vec![
            Entity::new(principal.clone(), attributes, parents).map_err(internal)?,
            resource_entity(&target, resource, found)?,
        ];
        entities.push(Entity::with_uid(uid("Kind", &resource.kind)?));
        let roles = roles.iter().chain(&found.candidates).collect::<BTreeSet<_>>();
        for role in roles {
            entities.push(Entity::with_uid(uid("Role", role)?));
        }
        // With the schema, so that every action is known to be in the group of its right.
        let entities = Entities::from_entities(entities, Some(&self.schema)).map_err(internal)?;
        let behalf = on_behalf_of.map_or_else(String::new, ToString::to_string);
        let context =
            Context::from_pairs([("on_behalf_of".to_owned(), text(&behalf))]).map_err(internal)?;
        let action = uid("Action", operation)?;
        let request = Request::new(principal, action, target, context, Some(&self.schema))
            .map_err(internal)?;
        let response = Authorizer::new().is_authorized(&request, &self.set, &entities);
        let policies = response.diagnostics().reason().cloned().collect();
        let is_allowed = response.decision() == cedar_policy::Decision::Allow;
        Ok(Verdict { is_allowed, policies })
    }

    fn name_of(&self, id: &PolicyId) -> String {
        self.set.policy(id).and_then(|policy| policy.annotation("id")).map_or_else(
            || id.to_string(),
            |name| {
                let source: &str = id.as_ref();
                format!("{}/{name}", source.split('/').next().unwrap_or(source))
            },
        )
    }
}

fn question(
    actor: &Principal,
    on_behalf_of: Option<&Principal>,
    operation: &str,
    resource: &ResourceRef,
    found: &Found,
) -> Question {
    let attributes = found.attributes.iter().map(|(name, value)| (*name, value.clone())).collect();
    (
        actor.clone(),
        on_behalf_of.cloned(),
        operation.to_owned(),
        resource.clone(),
        attributes,
        found.candidates.clone(),
    )
}

/// Checks the policies of a role manifest.
///
/// # Errors
/// `policy.invalid` with line and column.
pub(crate) fn check(kernel: &Kernel, role: &Resource) -> Result<(), Problem> {
    let mut set = PolicySet::new();
    add(&mut set, &source_of(role), policies_of(role))?;
    let result = Validator::new(schema(kernel)?).validate(&set, ValidationMode::Strict);
    match result.validation_errors().next() {
        None => Ok(()),
        Some(error) => Err(Error::Policy { reason: error.to_string(), place: None }.into()),
    }
}

/// Returns the roles that the manifest of a user, process or KPI lists.
pub(crate) fn roles_of(resource: &Resource) -> BTreeSet<String> {
    let roles = resource.spec.get("roles").and_then(serde_json::Value::as_array);
    let names = roles.into_iter().flatten().filter_map(serde_json::Value::as_str);
    names.map(str::to_owned).collect()
}

/// Names the policies of a role apart from those that are shipped, whatever the role is called.
fn source_of(role: &Resource) -> String {
    format!("role:{}", role.name)
}

fn policies_of(role: &Resource) -> &str {
    role.spec.get("policies").and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// Shipped policies speak of all rooms; a kernel without one of them (in tests) does not know its actions.
fn only_known(text: &str, known: &BTreeSet<String>) -> String {
    let mut parts = text.split("Action::\"");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let name = part.split('"').next().unwrap_or_default();
        let is_known = !name.contains('.') || known.contains(name);
        let rest = &part[name.len().min(part.len())..];
        kept.push_str("Action::\"");
        kept.push_str(if is_known { name } else { "unit.none" });
        kept.push_str(rest);
    }
    kept
}

fn add(set: &mut PolicySet, source: &str, text: &str) -> Result<(), Problem> {
    let parsed = PolicySet::from_str(text).map_err(|errors| {
        let offset = errors.iter().next().and_then(offset_of);
        let place = offset.map(|offset| place_of(text, offset));
        Error::Policy { reason: errors.to_string(), place }
    })?;
    for (number, policy) in parsed.policies().enumerate() {
        let id = PolicyId::new(format!("{source}/{number}"));
        let policy: Policy = policy.new_id(id);
        set.add(policy).map_err(internal)?;
    }
    Ok(())
}

fn place_of(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
    Place::line(u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Returns the byte at which an error's first label begins.
fn offset_of(error: &cedar_policy::ParseError) -> Option<usize> {
    error.labels()?.next().map(|label| label.offset())
}

/// Returns the schema of a kernel's operations, made once.
fn schema(kernel: &Kernel) -> Result<Schema, Problem> {
    if let Some(schema) = kernel.schema.get() {
        return Ok(schema.clone());
    }
    let mut text = SCHEMA.to_owned();
    for operation in kernel.operations() {
        text.push_str(&action(operation.name, operation.right.as_str()));
    }
    text.push_str(&action("unit.none", "Read"));
    let (schema, _warnings) = Schema::from_cedarschema_str(&text).map_err(internal)?;
    Ok(kernel.schema.get_or_init(|| schema).clone())
}

fn action(name: &str, right: &str) -> String {
    format!(
        "action \"{name}\" in [\"{right}\"] appliesTo {{ principal: [User, Process, Kpi, Peer, Part, Anonymous], \
         resource: [Resource], context: {{ on_behalf_of: String }} }};\n"
    )
}

fn resource_entity(
    target: &EntityUid,
    resource: &ResourceRef,
    found: &Found,
) -> Result<Entity, Problem> {
    let attribute = |name: &str| text(found.attributes.get(name).map_or("", String::as_str));
    let candidates = found
        .candidates
        .iter()
        .map(|role| uid("Role", role).map(RestrictedExpression::new_entity_uid))
        .collect::<Result<Vec<_>, _>>()?;
    let attributes = HashMap::from([
        ("kind".to_owned(), text(&resource.kind)),
        ("name".to_owned(), text(&resource.name)),
        ("owner".to_owned(), attribute("owner")),
        ("state".to_owned(), attribute("state")),
        ("peer".to_owned(), attribute("peer")),
        ("assignee".to_owned(), attribute("assignee")),
        ("process".to_owned(), attribute("process")),
        ("candidates".to_owned(), RestrictedExpression::new_set(candidates)),
    ]);
    let parents = HashSet::from([uid("Kind", &resource.kind)?]);
    Entity::new(target.clone(), attributes, parents).map_err(internal)
}

fn uid(entity_type: &str, id: &str) -> Result<EntityUid, Problem> {
    let type_name = cedar_policy::EntityTypeName::from_str(entity_type).map_err(internal)?;
    Ok(EntityUid::from_type_name_and_id(type_name, cedar_policy::EntityId::new(id)))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn internal(error: impl std::fmt::Display) -> Problem {
    Error::Internal { detail: error.to_string() }.into()
}
