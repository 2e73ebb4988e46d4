//! Decisions that are remembered: found by a hash over what they depend on, without copying any of it.

use super::slice::{FOUND, Mentions};
use crate::{Found, Principal, ResourceRef};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Who acts.
    pub actor: &'a Principal,
    /// Who started what acts.
    pub on_behalf_of: Option<&'a Principal>,
    /// What.
    pub operation: &'a str,
    /// On what.
    pub resource: &'a ResourceRef,
    /// What is known of it.
    pub found: &'a Found,
    /// What the policies look at.
    pub mentions: &'a Mentions,
}

/// The same, to be kept. What the policies do not look at is left empty.
struct Kept {
    actor: Principal,
    on_behalf_of: Option<Principal>,
    operation: Box<str>,
    kind: Box<str>,
    name: Box<str>,
    found: Vec<Box<str>>,
    candidates: Vec<String>,
}

impl<'a> Asked<'a> {
    fn on_behalf_of(&self) -> Option<&'a Principal> {
        self.on_behalf_of.filter(|_| self.mentions.on_behalf_of)
    }

    fn name(&self) -> &'a str {
        if self.mentions.name { &self.resource.name } else { "" }
    }

    fn candidates(&self) -> &'a [String] {
        if self.mentions.candidates { &self.found.candidates } else { &[] }
    }

    /// The attributes that the policies look at, in their order.
    fn found(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (found, mentions) = (self.found, self.mentions);
        let names = FOUND.into_iter().zip(mentions.found).filter(|(_, is_mentioned)| *is_mentioned);
        names.map(move |(name, _)| found.attributes.get(name).map_or("", String::as_str))
    }

    fn hash(&self, state: &mut impl Hasher) {
        self.actor.hash(state);
        self.on_behalf_of().hash(state);
        self.operation.hash(state);
        self.resource.kind.hash(state);
        self.name().hash(state);
        self.found().for_each(|text| text.hash(state));
        self.candidates().hash(state);
    }

    fn kept(&self) -> Kept {
        Kept {
            actor: self.actor.clone(),
            on_behalf_of: self.on_behalf_of().cloned(),
            operation: self.operation.into(),
            kind: self.resource.kind.as_str().into(),
            name: self.name().into(),
            found: self.found().map(Into::into).collect(),
            candidates: self.candidates().to_vec(),
        }
    }

    fn is(&self, kept: &Kept) -> bool {
        *self.operation == *kept.operation
            && *self.actor == kept.actor
            && *self.resource.kind == *kept.kind
            && *self.name() == *kept.name
            && self.on_behalf_of() == kept.on_behalf_of.as_ref()
            && self.found().eq(kept.found.iter().map(|text| &**text))
            && self.candidates() == kept.candidates
    }
}

/// What was decided, by what was asked.
pub(crate) struct Cache<T> {
    held: RwLock<HashMap<u64, Vec<(Kept, Arc<T>)>>>,
    hasher: RandomState,
    entries_max: usize,
}

impl<T> Cache<T> {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { held: RwLock::default(), hasher: RandomState::new(), entries_max }
    }

    /// Returns what was decided, where it is remembered.
    pub(crate) fn get(&self, asked: &Asked<'_>) -> Option<Arc<T>> {
        if asked.mentions.is_volatile {
            return None;
        }
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let entries = held.get(&self.hash(asked))?;
        let found = entries.iter().find(|(kept, _)| asked.is(kept))?;
        Some(Arc::clone(&found.1))
    }

    /// Remembers what was decided, unless it may be decided otherwise the next time.
    pub(crate) fn keep(&self, asked: &Asked<'_>, value: T) -> Arc<T> {
        let value = Arc::new(value);
        if asked.mentions.is_volatile || self.entries_max == 0 {
            return value;
        }
        let hash = self.hash(asked);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if self.entries_max <= held.len() {
            held.clear();
        }
        let entries = held.entry(hash).or_default();
        if !entries.iter().any(|(kept, _)| asked.is(kept)) {
            entries.push((asked.kept(), Arc::clone(&value)));
        }
        value
    }

    fn hash(&self, asked: &Asked<'_>) -> u64 {
        let mut state = self.hasher.build_hasher();
        asked.hash(&mut state);
        state.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn remembers(mentions: Mentions, entries_max: usize) -> Vec<bool> {
        let cache = Cache::new(entries_max);
        let found = |owner: &str| Found {
            attributes: BTreeMap::from([("owner", owner.to_owned())]),
            candidates: Vec::new(),
        };
        let (ana, bob) = (Principal::User("ana".into()), Principal::User("bob".into()));
        let (one, two) = (ResourceRef::new("task", "1"), ResourceRef::new("task", "2"));
        let (mine, other) = (found("user:ana"), found("user:bob"));
        let asked = |actor, resource, found| Asked {
            actor,
            on_behalf_of: None,
            operation: "task.get",
            resource,
            found,
            mentions: &mentions,
        };
        cache.keep(&asked(&ana, &one, &mine), 1);
        [(&ana, &one, &mine), (&ana, &two, &mine), (&ana, &one, &other), (&bob, &one, &mine)]
            .map(|(actor, resource, found)| cache.get(&asked(actor, resource, found)).is_some())
            .to_vec()
    }

    #[test]
    fn a_decision_holds_for_all_that_looks_the_same_to_the_policies() {
        let none = Mentions::default();
        assert_eq!(remembers(none, 10), [true, true, true, false]);
        assert_eq!(remembers(Mentions { name: true, ..none }, 10), [true, false, true, false]);
        let owner = Mentions { found: FOUND.map(|name| name == "owner"), ..none };
        assert_eq!(remembers(owner, 10), [true, true, false, false]);
    }

    #[test]
    fn what_is_volatile_or_beyond_the_limit_is_not_remembered() {
        let volatile = Mentions { is_volatile: true, ..Mentions::default() };
        assert_eq!(remembers(volatile, 10), [false; 4]);
        assert_eq!(remembers(Mentions::default(), 0), [false; 4]);
    }
}
