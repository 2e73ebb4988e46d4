//! What somebody may do at all: for each operation on all resources, on some, or on none, so that nothing is offered to him that would be
//! refused.
//!
//! Of the kind as a whole the policies decide themselves. Of named resources nobody knows which there will be: there a policy that looks
//! at no more than the kind holds for all of them or for none, and one that looks at anything else may hold for some. So *some* may turn
//! out to be none, and what is not told is certainly refused.

use super::analysis::Said;
use super::cache::Asked;
use super::slice::{Mentions, Slice};
use super::{Policies, internal};
use crate::{Call, Found, Kernel, Operation, Principal, Read, Reader, Reply, ResourceRef, Target};
use base::Problem;
use cedar_policy::{Effect, EntityUid, Policy, PolicySet, PrincipalConstraint};
use serde::Serialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

/// On how many resources somebody may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// On all.
    All,
    /// On some, or none; it depends on the resource.
    Some,
}

/// By operation; what is not in it nobody need try.
type ByOperation = BTreeMap<&'static str, Reach>;

/// What was worked out already: what each may do at all, by principal.
pub(crate) type Reaches = Known<Principal, Arc<ByOperation>>;

/// What was worked out already of single operations, by who does them; nothing where it need not be tried.
pub(crate) type Reached = Known<(Principal, &'static str), Option<Reach>>;

/// What was worked out already, as much as may be kept.
pub(crate) struct Known<K, V> {
    held: RwLock<HashMap<K, V>>,
    entries_max: usize,
}

/// Whether a policy applies to what somebody does on resources of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applies {
    Always,
    Never,
    Perhaps,
}

impl<K: Eq + Hash, V: Clone> Known<K, V> {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { held: RwLock::default(), entries_max }
    }

    fn get(&self, key: &K) -> Option<V> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, key: K, value: V) -> V {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if self.entries_max <= held.len() {
            held.clear();
        }
        if 0 < self.entries_max {
            held.insert(key, value.clone());
        }
        value
    }
}

/// Answers `policy.mine`: what the caller may do, as far as his credential goes.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn mine(reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let kernel = reader.kernel();
    let policies = kernel.policies(reader)?;
    let reaches = policies.reaches(reader, &call.actor)?;
    let mut operations = BTreeMap::new();
    for (name, reach) in reaches.iter() {
        if call.has_scope(kernel.operation(name)?.right) {
            operations.insert(*name, *reach);
        }
    }
    Ok(Reply::Value(json!({
        "principal": call.actor,
        "roles": policies.roles(reader, &call.actor)?,
        "scope": call.scope,
        "operations": operations,
    })))
}

impl Policies {
    /// Returns what somebody may do; remembers it.
    fn reaches(&self, read: &dyn Read, who: &Principal) -> Result<Arc<ByOperation>, Problem> {
        if let Some(reaches) = self.reaches.get(who) {
            return Ok(reaches);
        }
        let roles = self.roles(read, who)?;
        let mut reaches = ByOperation::new();
        for operation in read.kernel().operations().filter(|operation| !operation.is_internal) {
            if let Some(reach) = self.reach(read, (who, &roles), operation)? {
                reaches.insert(operation.name, reach);
            }
        }
        Ok(self.reaches.keep(who.clone(), Arc::new(reaches)))
    }

    /// Returns on how many resources of its kind somebody may do one thing; remembers it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn reach_of(
        &self,
        read: &dyn Read,
        who: &Principal,
        operation: &Operation,
    ) -> Result<Option<Reach>, Problem> {
        let key = (who.clone(), operation.name);
        if let Some(reach) = self.reached.get(&key) {
            return Ok(reach);
        }
        let reach = self.reach(read, (who, &self.roles(read, who)?), operation)?;
        Ok(self.reached.keep(key, reach))
    }

    fn reach(
        &self,
        read: &dyn Read,
        (who, roles): (&Principal, &BTreeSet<String>),
        operation: &Operation,
    ) -> Result<Option<Reach>, Problem> {
        let whole = |kind: &str| -> Result<Option<Reach>, Problem> {
            let (resource, found) = (ResourceRef::new(kind, ""), Found::default());
            let decision = self.decide(read, who, None, operation.name, &resource, &found)?;
            Ok(decision.is_allowed.then_some(Reach::All))
        };
        let named = |kind: &str| self.reach_of_named((who, roles), operation, kind);
        match operation.target {
            Target::Whole => whole(operation.kind()),
            Target::Named => named(operation.kind()),
            Target::AnyWhole => over_kinds(read.kernel(), whole),
            Target::Any => over_kinds(read.kernel(), named),
        }
    }

    fn reach_of_named(
        &self,
        (who, roles): (&Principal, &BTreeSet<String>),
        operation: &Operation,
        kind: &str,
    ) -> Result<Option<Reach>, Problem> {
        let (mut reach, mut is_narrowed) = (None, false);
        for policy in self.slice(operation.name)?.set.policies() {
            let applies = self.applies(policy, (who, roles), operation, kind)?;
            match (policy.effect(), applies) {
                (_, Applies::Never) => {}
                (Effect::Forbid, Applies::Always) => return Ok(None),
                (Effect::Forbid, Applies::Perhaps) => is_narrowed = true,
                (Effect::Permit, Applies::Always) => reach = Some(Reach::All),
                (Effect::Permit, Applies::Perhaps) => reach = reach.or(Some(Reach::Some)),
            }
        }
        Ok(if is_narrowed { reach.map(|_| Reach::Some) } else { reach })
    }

    fn applies(
        &self,
        policy: &Policy,
        (who, roles): (&Principal, &BTreeSet<String>),
        operation: &Operation,
        kind: &str,
    ) -> Result<Applies, Problem> {
        if !is_meant(&policy.principal_constraint(), who, roles) {
            return Ok(Applies::Never);
        }
        let mentions = Mentions::of(policy)?;
        if !mentions.are_of_kind() {
            let said = Said::of(policy)?;
            let is_kind = said.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind));
            let is_role = said.roles.is_subset(roles);
            return Ok(if is_kind && is_role { Applies::Perhaps } else { Applies::Never });
        }
        let mut slice = Slice { set: PolicySet::new(), mentions };
        slice.set.add(policy.clone()).map_err(internal)?;
        let (resource, found) = (ResourceRef::new(kind, ""), Found::default());
        let asked = Asked {
            actor: who,
            on_behalf_of: None,
            operation: operation.name,
            resource: &resource,
            found: &found,
            mentions: &mentions,
        };
        // A policy that decides applies, whether it permits or forbids.
        let is_decided = !self.ask(&slice, roles, &asked)?.policies.is_empty();
        Ok(if is_decided { Applies::Always } else { Applies::Never })
    }
}

/// Returns how far something goes over all kinds: on all resources only where it is on all of each kind.
fn over_kinds(
    kernel: &Kernel,
    of: impl Fn(&str) -> Result<Option<Reach>, Problem>,
) -> Result<Option<Reach>, Problem> {
    let reaches = kernel.kinds().map(|kind| of(kind.name)).collect::<Result<Vec<_>, _>>()?;
    let is_all = reaches.iter().all(|reach| *reach == Some(Reach::All));
    let is_some = reaches.iter().any(Option::is_some);
    Ok(is_some.then_some(if is_all { Reach::All } else { Reach::Some }))
}

/// Returns whether the scope of a policy has somebody who holds these roles.
fn is_meant(constraint: &PrincipalConstraint, who: &Principal, roles: &BTreeSet<String>) -> bool {
    use PrincipalConstraint::{Any, Eq, In, Is, IsIn};
    let is_he = |uid: &EntityUid| {
        let id: &str = uid.id().as_ref();
        uid.type_name().basename() == who.entity_type() && id == who.name()
    };
    let is_in = |uid: &EntityUid| {
        let id: &str = uid.id().as_ref();
        is_he(uid) || uid.type_name().basename() == "Role" && roles.contains(id)
    };
    match constraint {
        Any => true,
        Eq(uid) => is_he(uid),
        In(uid) => is_in(uid),
        Is(of) => of.basename() == who.entity_type(),
        IsIn(of, uid) => of.basename() == who.entity_type() && is_in(uid),
    }
}
