//! Roles and policies: Cedar, checked against a schema made from the operations tables. Default deny.

mod analysis;
mod cache;
mod mine;
mod slice;
mod who;
mod why;

pub(crate) use analysis::warnings;
pub use mine::Reach;
pub(crate) use mine::mine;
pub(crate) use who::{question as who_question, who};
pub(crate) use why::{can, why};

use self::cache::{Asked, Cache};
use self::mine::{Reached, Reaches};
use self::slice::Slice;
use crate::engine::Found;
use crate::excerpt::{self, Excerpts, Through};
use crate::metrics::Decisions;
use crate::sign_in::People;
use crate::{Error, Kernel, Principal, Read, Resource, ResourceRef};
use base::{Place, Problem};
use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet,
    Request, RestrictedExpression, Schema, ValidationMode, Validator,
};
use miette::Diagnostic;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::str::FromStr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

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

/// All policies as of one epoch.
pub(crate) struct Policies {
    schema: Schema,
    set: PolicySet,
    /// The line at which each policy begins in its text.
    lines: HashMap<PolicyId, u32>,
    roles: HashMap<Principal, BTreeSet<String>>,
    /// The roles that types of devices give to their devices.
    device_roles: HashMap<String, BTreeSet<String>>,
    people: People,
    excerpts: Arc<Excerpts>,
    /// The right that each operation needs: the group of its action.
    rights: BTreeMap<&'static str, &'static str>,
    slices: RwLock<HashMap<String, Arc<Slice>>>,
    decisions: Cache<Decision>,
    through: Cache<Through>,
    reaches: Reaches,
    reached: Reached,
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
        let (mut set, mut lines) = (PolicySet::new(), HashMap::new());
        for (source, text) in SHIPPED {
            lines.extend(add(&mut set, source, &only_known(text, &known))?);
        }
        let mut excerpts = Excerpts::new();
        for role in read.resources("role")? {
            lines.extend(add(&mut set, &source_of(&role), policies_of(&role))?);
            let shown = excerpt::of_role(&role)?;
            if !shown.is_empty() {
                excerpts.insert(role.name.clone(), shown);
            }
        }
        let people = People::load(read)?;
        Ok(Self {
            schema,
            set,
            lines,
            roles: roles(read, &people)?,
            device_roles: device_roles(read)?,
            people,
            excerpts: Arc::new(excerpts),
            rights: kernel.operations().map(|each| (each.name, each.right.as_str())).collect(),
            slices: RwLock::default(),
            decisions: Cache::new(kernel.config().decisions_max),
            through: Cache::new(kernel.config().decisions_max),
            reaches: Reaches::new(kernel.config().reaches_max),
            reached: Reached::new(kernel.config().reaches_max),
            counted: Arc::clone(&kernel.meters().decisions),
        })
    }

    /// Returns what roles show of relations.
    pub(crate) fn excerpts(&self) -> &Arc<Excerpts> {
        &self.excerpts
    }

    /// Returns the people whom identity providers have vouched for.
    pub(crate) fn people(&self) -> &People {
        &self.people
    }

    /// Returns the roles that a principal holds. A device holds what its type gives to its devices: of which type it is says `read`, for
    /// there are more devices than anybody wants to remember.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn roles(
        &self,
        read: &dyn Read,
        principal: &Principal,
    ) -> Result<BTreeSet<String>, Problem> {
        let Principal::Device(name) = principal else {
            return Ok(self.roles.get(principal).cloned().unwrap_or_default());
        };
        let device = read.resource("device", name)?;
        let roles = device.and_then(|device| Some(self.roles_of_devices(type_of(&device)?)));
        Ok(roles.unwrap_or_default())
    }

    /// Returns the roles that a type of devices gives to its devices.
    pub(crate) fn roles_of_devices(&self, type_name: &str) -> BTreeSet<String> {
        self.device_roles.get(type_name).cloned().unwrap_or_default()
    }

    /// Returns whether a user, a process or a KPI is declared, or a person was vouched for by a provider.
    pub(crate) fn knows(&self, principal: &Principal) -> bool {
        self.roles.contains_key(principal)
    }

    /// Returns every principal that is known, in order: users, then programs of the unit, each kind for itself. Devices are not among
    /// them.
    pub(crate) fn known(&self) -> BTreeSet<&Principal> {
        self.roles.keys().collect()
    }

    /// Returns every role that somebody holds.
    pub(crate) fn held_roles(&self) -> BTreeSet<&str> {
        self.roles
            .values()
            .chain(self.device_roles.values())
            .flatten()
            .map(String::as_str)
            .collect()
    }

    /// Returns the policies that can speak of an operation.
    fn slice(&self, operation: &str) -> Result<Arc<Slice>, Problem> {
        let slices = self.slices.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(slice) = slices.get(operation) {
            return Ok(Arc::clone(slice));
        }
        drop(slices);
        let slice = Arc::new(Slice::of(&self.set, operation, self.right(operation)?)?);
        let mut slices = self.slices.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(slices.entry(operation.to_owned()).or_insert(slice)))
    }

    fn right(&self, operation: &str) -> Result<&'static str, Problem> {
        let unknown = || internal(format!("there is no operation `{operation}`"));
        self.rights.get(operation).copied().ok_or_else(unknown)
    }

    /// Decides; remembers what it decided.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn decide(
        &self,
        read: &dyn Read,
        actor: &Principal,
        on_behalf_of: Option<&Principal>,
        operation: &str,
        resource: &ResourceRef,
        found: &Found,
    ) -> Result<Arc<Decision>, Problem> {
        let slice = self.slice(operation)?;
        let mentions = &slice.mentions;
        let asked = Asked { actor, on_behalf_of, operation, resource, found, mentions };
        if let Some(decision) = self.decisions.get(&asked) {
            self.counted.remembered.add(1);
            return Ok(decision);
        }
        self.counted.asked.add(1);
        let verdict = self.ask(&slice, &self.roles(read, actor)?, &asked)?;
        let mut reasons: Vec<String> = verdict.policies.iter().map(|id| self.name_of(id)).collect();
        reasons.sort();
        let decision = Decision { is_allowed: verdict.is_allowed, reasons };
        Ok(self.decisions.keep(&asked, decision))
    }

    /// Returns through which roles a principal may do what the policies permit it; remembers it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn through(
        &self,
        read: &dyn Read,
        actor: &Principal,
        on_behalf_of: Option<&Principal>,
        operation: &str,
        resource: &ResourceRef,
        found: &Found,
    ) -> Result<Through, Problem> {
        let slice = self.slice(operation)?;
        let mentions = &slice.mentions;
        let asked = Asked { actor, on_behalf_of, operation, resource, found, mentions };
        if let Some(through) = self.through.get(&asked) {
            return Ok(through.as_ref().clone());
        }
        let held = self.roles(read, actor)?;
        let through = self.find_through(held, |roles| self.ask(&slice, roles, &asked))?;
        Ok(self.through.keep(&asked, through).as_ref().clone())
    }

    /// Asks once without a role and once with each: what a role adds is permitted through it.
    fn find_through(
        &self,
        held: BTreeSet<String>,
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
        for role in &held {
            let verdict = ask(&BTreeSet::from([role.clone()]))?;
            if verdict.is_allowed && !verdict.policies.is_subset(&free.policies) {
                roles.insert(role.clone());
            }
        }
        Ok(if roles.is_empty() { Through::Together(held) } else { Through::Each(roles) })
    }

    /// Asks the policies of a slice, for somebody who holds these roles and no others.
    fn ask(
        &self,
        slice: &Slice,
        roles: &BTreeSet<String>,
        asked: &Asked<'_>,
    ) -> Result<Verdict, Problem> {
        let Asked { actor, on_behalf_of, operation, resource, found, .. } = *asked;
        let principal = uid(actor.entity_type(), actor.name())?;
        let target = uid("Resource", &resource.to_string())?;
        let action = uid("Action", operation)?;
        let right = uid("Action", self.right(operation)?)?;
        let parents =
            roles.iter().map(|role| uid("Role", role)).collect::<Result<HashSet<_>, _>>()?;
        let attributes = HashMap::from([("id".to_owned(), text(actor.name()))]);
        let mut entities = vec![
            Entity::new(principal.clone(), attributes, parents).map_err(internal)?,
            resource_entity(&target, resource, found)?,
            Entity::with_uid(uid("Kind", &resource.kind)?),
            // Every action is in the group of its right. Of the others no policy can speak here.
            Entity::new_no_attrs(action.clone(), HashSet::from([right.clone()])),
            Entity::with_uid(right),
        ];
        for role in roles.iter().chain(&found.candidates).collect::<BTreeSet<_>>() {
            entities.push(Entity::with_uid(uid("Role", role)?));
        }
        let entities = Entities::from_entities(entities, None).map_err(internal)?;
        let behalf = on_behalf_of.map_or_else(String::new, ToString::to_string);
        let context =
            Context::from_pairs([("on_behalf_of".to_owned(), text(&behalf))]).map_err(internal)?;
        let request = Request::new(principal, action, target, context, Some(&self.schema))
            .map_err(internal)?;
        let response = Authorizer::new().is_authorized(&request, &slice.set, &entities);
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

/// Returns the roles of everybody who holds some, but of devices.
fn roles(
    read: &dyn Read,
    people: &People,
) -> Result<HashMap<Principal, BTreeSet<String>>, Problem> {
    let mut roles: HashMap<Principal, BTreeSet<String>> = HashMap::new();
    let kinds: [(&str, fn(String) -> Principal); 6] = [
        ("user", Principal::User),
        ("process", Principal::Process),
        ("kpi", Principal::Kpi),
        ("device_type", Principal::DeviceType),
        ("topic", Principal::Topic),
        ("rule", Principal::Rule),
    ];
    for (kind, principal) in kinds {
        for declared in read.resources(kind)? {
            roles.insert(principal(declared.name.clone()), roles_of(&declared));
        }
    }
    for (user, claimed) in people.roles() {
        roles.entry(Principal::User(user.to_owned())).or_default().extend(claimed);
    }
    Ok(roles)
}

/// Returns the roles that each type of devices gives to its devices.
fn device_roles(read: &dyn Read) -> Result<HashMap<String, BTreeSet<String>>, Problem> {
    let types = read.resources("device_type")?;
    let of = |each: &Arc<Resource>| (each.name.clone(), listed(each, "device_roles"));
    Ok(types.iter().map(of).collect())
}

/// Returns of which type a device is, by its manifest.
pub(crate) fn type_of(device: &Resource) -> Option<&str> {
    device.spec.get("type").and_then(serde_json::Value::as_str)
}

/// Checks the policies of a role manifest.
///
/// # Errors
/// `policy.invalid` with line, column and a hint.
pub(crate) fn check(kernel: &Kernel, role: &Resource) -> Result<(), Problem> {
    let mut set = PolicySet::new();
    add(&mut set, &source_of(role), policies_of(role))?;
    let result = Validator::new(schema(kernel)?).validate(&set, ValidationMode::Strict);
    match result.validation_errors().next() {
        Some(error) => Err(wrong(&source_of(role), policies_of(role), error).into()),
        None => Ok(()),
    }
}

/// Says what is wrong with a text of policies: whose it is, where in it, and what Cedar would have instead.
fn wrong(source: &str, text: &str, error: &dyn Diagnostic) -> Error {
    let offset = error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
    // Where something is missing, that is behind the last word.
    let place = offset.map(|offset| place_of(text, offset.min(text.trim_end().len())));
    let place = place.unwrap_or_default();
    let whose = excerpt::role_of_policy(source)
        .map_or_else(|| source.to_owned(), |role| format!("role `{role}`"));
    let reason = match place.line {
        Some(line) => format!("{whose}, line {line} of `policies`: {error}"),
        None => format!("{whose}: {error}"),
    };
    let hint = error.help().map(|help| help.to_string());
    let pointer = Some("/spec/policies".to_owned());
    Error::Policy { reason, place: Some(Place { pointer, ..place }), hint }
}

/// Returns the roles that the manifest of a user or of a program of the unit lists.
pub(crate) fn roles_of(resource: &Resource) -> BTreeSet<String> {
    listed(resource, "roles")
}

fn listed(resource: &Resource, field: &str) -> BTreeSet<String> {
    let roles = resource.spec.get(field).and_then(serde_json::Value::as_array);
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

/// Adds the policies of a text; returns the line at which each begins.
fn add(set: &mut PolicySet, source: &str, text: &str) -> Result<HashMap<PolicyId, u32>, Problem> {
    let parsed =
        PolicySet::from_str(text).map_err(|errors| Problem::from(wrong(source, text, &errors)))?;
    let begins = beginnings(text);
    let mut lines = HashMap::new();
    for (number, policy) in parsed.policies().enumerate() {
        let id = PolicyId::new(format!("{source}/{number}"));
        // The parser numbers policies and templates together, in the order of the text.
        let given: &str = policy.id().as_ref();
        let at = given.strip_prefix("policy").and_then(|at| at.parse().ok()).unwrap_or(number);
        lines.insert(id.clone(), begins.get(at).copied().unwrap_or(1));
        let policy: Policy = policy.new_id(id);
        set.add(policy).map_err(internal)?;
    }
    Ok(lines)
}

/// Returns the lines at which the policies of a text begin, annotations included.
fn beginnings(text: &str) -> Vec<u32> {
    let mut begins = Vec::new();
    let (mut line, mut is_inside) = (1, false);
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\n' => line += 1,
            '/' if rest.peek() == Some(&'/') => {
                while rest.next_if(|next| *next != '\n').is_some() {}
            }
            '"' => line += skip_text(&mut rest),
            ';' => is_inside = false,
            other if !other.is_whitespace() && !is_inside => {
                is_inside = true;
                begins.push(line);
            }
            _ => {}
        }
    }
    begins
}

/// Takes the rest of a text in quotes; returns how many lines it goes over.
fn skip_text(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> u32 {
    let mut lines = 0;
    while let Some(character) = rest.next() {
        match character {
            '\\' => {
                rest.next();
            }
            '"' => break,
            '\n' => lines += 1,
            _ => {}
        }
    }
    lines
}

fn place_of(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
    Place::line(u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
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
        "action \"{name}\" in [\"{right}\"] appliesTo {{ \
         principal: [User, Process, Kpi, Device, DeviceType, Topic, Rule, Peer, Part, Anonymous], \
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
    let groups = found.attributes.get("groups").map_or("", String::as_str);
    let groups = groups.split('\n').filter(|name| !name.is_empty()).map(text);
    let attributes = HashMap::from([
        ("kind".to_owned(), text(&resource.kind)),
        ("name".to_owned(), text(&resource.name)),
        ("owner".to_owned(), attribute("owner")),
        ("state".to_owned(), attribute("state")),
        ("peer".to_owned(), attribute("peer")),
        ("assignee".to_owned(), attribute("assignee")),
        ("process".to_owned(), attribute("process")),
        ("parent".to_owned(), attribute("parent")),
        ("groups".to_owned(), RestrictedExpression::new_set(groups)),
        ("candidates".to_owned(), RestrictedExpression::new_set(candidates)),
    ]);
    let parents = HashSet::from([uid("Kind", &resource.kind)?]);
    Entity::new(target.clone(), attributes, parents).map_err(internal)
}

/// The types of entities that the schema knows.
const TYPES: [&str; 14] = [
    "Action",
    "Anonymous",
    "Device",
    "DeviceType",
    "Kind",
    "Kpi",
    "Part",
    "Peer",
    "Process",
    "Resource",
    "Role",
    "Rule",
    "Topic",
    "User",
];

fn uid(entity_type: &str, id: &str) -> Result<EntityUid, Problem> {
    // Reading the name of a type takes longer than all the rest.
    static KNOWN: OnceLock<HashMap<&'static str, EntityTypeName>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let read = |name| Some((name, EntityTypeName::from_str(name).ok()?));
        TYPES.into_iter().filter_map(read).collect()
    });
    let type_name = match known.get(entity_type) {
        Some(type_name) => type_name.clone(),
        None => EntityTypeName::from_str(entity_type).map_err(internal)?,
    };
    Ok(EntityUid::from_type_name_and_id(type_name, cedar_policy::EntityId::new(id)))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn internal(error: impl std::fmt::Display) -> Problem {
    Error::Internal { detail: error.to_string() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_begin_where_they_begin() {
        let text = "// one; two\n\n@id(\"a;b\")\npermit (principal, action, resource)\nwhen { \"x\\\";\" == \"/*\" };\n\
                    forbid (principal, action, resource); permit (principal, action, resource); // end;\n";
        assert_eq!(beginnings(text), [3, 6, 6]);
        let mut set = PolicySet::new();
        let lines = add(&mut set, "role:x", text).expect("policies");
        let at = |id: &str| lines.get(&PolicyId::new(id)).copied();
        assert_eq!([at("role:x/0"), at("role:x/1"), at("role:x/2")], [Some(3), Some(6), Some(6)]);
    }

    #[test]
    fn every_type_of_the_schema_has_a_name() {
        for name in TYPES {
            assert!(EntityTypeName::from_str(name).is_ok(), "{name}");
        }
    }
}
