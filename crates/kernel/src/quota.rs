//! Quotas: what a principal, the members of a role, an application or a peer may use. What manifests say, and which limits come of
//! it for a principal.
//!
//! For one principal the most specific counts, limit by limit: what `running.limit` has set, else its own quota, else those of its
//! roles (the strictest of them), else the unit's default. Quotas of some operations only, and those of applications, must allow a
//! call besides.

use crate::bucket::Rate;
use crate::resource::APPLICATION;
use crate::{Config, Error, Principal, Read, Resource, ResourceRef};
use base::{Period, Place, Problem};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the manifest of a quota says.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuotaSpec {
    /// Whom it limits: `user/NAME` (`user/PROVIDER/NAME` whom an identity provider has vouched for), `role/NAME` (each of its members
    /// by itself), `application/NAME` (all calls on its resources together) or `peer/NAME`.
    #[serde(rename = "for")]
    whom: String,
    /// What it is for.
    #[serde(default)]
    #[allow(dead_code, reason = "read by people")]
    summary: String,
    /// Calls a second.
    #[serde(default)]
    rate: Option<u64>,
    /// Calls at once after a rest; as many as a second where absent.
    #[serde(default)]
    burst: Option<u64>,
    /// Calls at the same time, those that wait for their turn included.
    #[serde(default)]
    concurrency: Option<u64>,
    /// Bytes of bodies a second, of requests and answers together.
    #[serde(default)]
    bytes: Option<u64>,
    /// Bytes that the streams of the user or the application may hold.
    #[serde(default)]
    storage: Option<u64>,
    /// Limits of its queries.
    #[serde(default)]
    queries: QueriesSpec,
    /// The operations that it is about; all where empty.
    #[serde(default)]
    operations: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct QueriesSpec {
    /// Queries at the same time.
    #[serde(default)]
    concurrency: Option<u64>,
    /// Bytes of memory of one query.
    #[serde(default)]
    memory: Option<u64>,
    /// How long one query may take, as an ISO 8601 duration.
    #[serde(default)]
    time: Option<String>,
    /// Rows of one result.
    #[serde(default)]
    rows: Option<u64>,
}

/// What one principal may use; what is absent is not limited here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Calls.
    pub calls: Option<Rate>,
    /// Calls at the same time.
    pub concurrency: Option<u64>,
    /// Bytes of bodies.
    pub bytes: Option<Rate>,
    /// Of queries.
    pub queries: QueryLimits,
}

/// What the queries of one principal may use; what is absent is not limited here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryLimits {
    /// Queries at the same time.
    pub concurrency: Option<u64>,
    /// Bytes of memory of one.
    pub bytes: Option<u64>,
    /// Milliseconds of one.
    pub ms: Option<u64>,
    /// Rows of the result of one.
    pub rows: Option<u64>,
}

impl Limits {
    /// Returns what the unit gives to whoever has no quota.
    pub(crate) fn default_of(config: &Config) -> Self {
        let rate = |per_second: u64, burst: u64| Rate { per_second, burst };
        Self {
            calls: Some(rate(config.calls_second_max, config.calls_burst_max)),
            concurrency: Some(config.calls_principal_max),
            bytes: Some(rate(config.bytes_second_max, config.bytes_burst_max)),
            queries: QueryLimits::default(),
        }
    }

    /// Returns these limits, and where they say nothing those of another.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let (queries, others) = (self.queries, other.queries);
        Self {
            calls: self.calls.or(other.calls),
            concurrency: self.concurrency.or(other.concurrency),
            bytes: self.bytes.or(other.bytes),
            queries: QueryLimits {
                concurrency: queries.concurrency.or(others.concurrency),
                bytes: queries.bytes.or(others.bytes),
                ms: queries.ms.or(others.ms),
                rows: queries.rows.or(others.rows),
            },
        }
    }

    /// Returns the stricter of both, limit by limit.
    #[must_use]
    fn least(self, other: Self) -> Self {
        let number = |one: Option<u64>, two: Option<u64>| match (one, two) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        let rate = |one: Option<Rate>, two: Option<Rate>| match (one, two) {
            (Some(one), Some(two)) => Some(one.least(two)),
            (one, two) => one.or(two),
        };
        let (queries, others) = (self.queries, other.queries);
        Self {
            calls: rate(self.calls, other.calls),
            concurrency: number(self.concurrency, other.concurrency),
            bytes: rate(self.bytes, other.bytes),
            queries: QueryLimits {
                concurrency: number(queries.concurrency, others.concurrency),
                bytes: number(queries.bytes, others.bytes),
                ms: number(queries.ms, others.ms),
                rows: number(queries.rows, others.rows),
            },
        }
    }
}

/// Whom a quota limits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Whom {
    User(String),
    Role(String),
    Application(String),
    Peer(String),
}

impl Whom {
    fn read(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/').filter(|(_, name)| !name.is_empty())?;
        let name = name.to_owned();
        match kind {
            "user" => Some(Self::User(name)),
            "role" => Some(Self::Role(name)),
            "application" => Some(Self::Application(name)),
            "peer" => Some(Self::Peer(name)),
            _ => None,
        }
    }
}

/// A quota as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Quota {
    pub name: String,
    pub whom: Whom,
    pub limits: Limits,
    pub storage: Option<u64>,
    /// The operations that it is about; all where empty.
    pub operations: BTreeSet<String>,
}

impl Quota {
    fn of(resource: &Resource) -> Result<Self, Problem> {
        let spec: QuotaSpec = serde_json::from_value(resource.spec.clone())
            .map_err(|error| wrong("/spec", error.to_string(), None))?;
        let hint = "write user/NAME, role/NAME, application/NAME or peer/NAME";
        let whom = Whom::read(&spec.whom).ok_or_else(|| {
            wrong("/spec/for", format!("`{}` is nobody to limit", spec.whom), Some(hint))
        })?;
        let ms = match &spec.queries.time {
            Some(text) => {
                let period = Period::parse(text)
                    .map_err(|problem| problem.at(Place::pointer("/spec/queries/time")))?;
                Some(u64::try_from(period.0).unwrap_or(0))
            }
            None => None,
        };
        let rate = |per_second: u64, burst: u64| Rate { per_second, burst };
        let limits = Limits {
            calls: spec.rate.map(|calls| rate(calls, spec.burst.unwrap_or(calls))),
            concurrency: spec.concurrency,
            bytes: spec.bytes.map(|bytes| rate(bytes, bytes)),
            queries: QueryLimits {
                concurrency: spec.queries.concurrency,
                bytes: spec.queries.memory,
                ms,
                rows: spec.queries.rows,
            },
        };
        let operations: BTreeSet<String> = spec.operations.iter().cloned().collect();
        let quota =
            Self { name: resource.name.clone(), whom, limits, storage: spec.storage, operations };
        quota.check(&spec)?;
        Ok(quota)
    }

    /// Refuses what could never be kept, or would be read otherwise than it was meant.
    fn check(&self, spec: &QuotaSpec) -> Result<(), Problem> {
        let queries = &self.limits.queries;
        let numbers = [
            ("/spec/rate", spec.rate),
            ("/spec/burst", spec.burst),
            ("/spec/concurrency", spec.concurrency),
            ("/spec/bytes", spec.bytes),
            ("/spec/queries/concurrency", queries.concurrency),
            ("/spec/queries/memory", queries.bytes),
            ("/spec/queries/time", queries.ms),
        ];
        if let Some((pointer, _)) = numbers.iter().find(|(_, number)| *number == Some(0)) {
            let hint = "to forbid something, take the right away";
            return Err(wrong(pointer, "a limit is 1 at least".into(), Some(hint)));
        }
        if spec.burst.is_some() && spec.rate.is_none() {
            let hint = Some("say `rate` as well");
            return Err(wrong("/spec/burst", "there is a burst without a rate".into(), hint));
        }
        let has_storage = matches!(self.whom, Whom::User(_) | Whom::Application(_));
        if self.storage.is_some() && !has_storage {
            let reason = "streams belong to a user or an application".into();
            return Err(wrong("/spec/storage", reason, Some("limit the owner of the streams")));
        }
        let is_narrow = !self.operations.is_empty() || matches!(self.whom, Whom::Application(_));
        if is_narrow && *queries != QueryLimits::default() {
            let reason = "queries are limited for a user, a role or a peer as a whole".into();
            let hint = Some("say it in a quota of its own, without `operations`");
            return Err(wrong("/spec/queries", reason, hint));
        }
        if !self.operations.is_empty() && self.storage.is_some() {
            let reason = "what is stored is not of some operations".into();
            return Err(wrong("/spec/storage", reason, Some("say it in a quota of its own")));
        }
        Ok(())
    }
}

/// Checks the manifest of a quota against what stands after the commit.
///
/// # Errors
/// `manifest.invalid`, `manifest.reference`, `operation.not_found`.
pub(crate) fn check(read: &dyn Read, resource: &Resource) -> Result<(), Problem> {
    let quota = Quota::of(resource)?;
    let kernel = read.kernel();
    for (number, operation) in quota.operations.iter().enumerate() {
        let pointer = Place::pointer(format!("/spec/operations/{number}"));
        kernel.operation(operation).map_err(|problem| problem.at(pointer))?;
    }
    let named = match &quota.whom {
        Whom::User(name) => ResourceRef::new("user", name.as_str()),
        Whom::Role(name) => ResourceRef::new("role", name.as_str()),
        Whom::Peer(name) => ResourceRef::new("peer", name.as_str()),
        // An application is a label: it may come later.
        Whom::Application(_) => return Ok(()),
    };
    // Whom a provider vouches for is no resource. No declared user has such a name.
    let is_person = match &quota.whom {
        Whom::User(name) if name.contains('/') => {
            kernel.policies(read)?.knows(&Principal::User(name.clone()))
        }
        _ => false,
    };
    if is_person || kernel.find(read, &named)?.is_some() {
        return Ok(());
    }
    let from = resource.reference().to_string();
    let problem: Problem = Error::Reference { from, to: named.to_string() }.into();
    Err(problem.at(Place::pointer("/spec/for")))
}

fn wrong(pointer: &str, reason: String, hint: Option<&str>) -> Problem {
    let place = Some(Place::pointer(pointer));
    Error::Manifest { reason, place, hint: hint.map(str::to_owned) }.into()
}

/// All quotas as of one epoch.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    all: Vec<Quota>,
    /// Which limits principals have by quotas of their own.
    own: HashMap<Whom, Limits>,
    /// Which quotas applications have.
    applications: BTreeMap<String, Vec<usize>>,
    has_storage: bool,
}

impl Quotas {
    /// Reads the quotas as they stand.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn load(read: &dyn Read) -> Result<Self, Problem> {
        let mut quotas = Self::default();
        for resource in read.resources("quota")? {
            let quota = Quota::of(&resource)?;
            quotas.has_storage |= quota.storage.is_some();
            let number = quotas.all.len();
            match &quota.whom {
                Whom::Application(name) => {
                    quotas.applications.entry(name.clone()).or_default().push(number);
                }
                whom if quota.operations.is_empty() => {
                    let held = quotas.own.entry(whom.clone()).or_default();
                    *held = held.least(quota.limits);
                }
                _ => {}
            }
            quotas.all.push(quota);
        }
        Ok(quotas)
    }

    /// Returns whether there are quotas that depend on the resource of a call.
    pub(crate) fn look_at_resources(&self) -> bool {
        self.has_storage || !self.applications.is_empty()
    }

    /// Returns what a principal may use as a whole, without the unit's default.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn limits(
        &self,
        read: &dyn Read,
        principal: &Principal,
        roles: &BTreeSet<String>,
    ) -> Result<Limits, Problem> {
        let own = match principal {
            Principal::User(name) => self.own.get(&Whom::User(name.clone())).copied(),
            Principal::Peer(unit) => self.of_peer(read, unit)?,
            _ => None,
        };
        let of_roles = roles.iter().filter_map(|role| self.own.get(&Whom::Role(role.clone())));
        let of_roles = of_roles.copied().reduce(Limits::least);
        Ok(own.unwrap_or_default().or(of_roles.unwrap_or_default()))
    }

    fn of_peer(&self, read: &dyn Read, unit: &str) -> Result<Option<Limits>, Problem> {
        for (whom, limits) in &self.own {
            if let Whom::Peer(name) = whom
                && is_peer(read, name, unit)?
            {
                return Ok(Some(*limits));
            }
        }
        Ok(None)
    }

    /// Returns the quotas of some operations only that concern a principal.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn narrow(
        &self,
        read: &dyn Read,
        principal: &Principal,
        roles: &BTreeSet<String>,
    ) -> Result<Vec<&Quota>, Problem> {
        let mut found = Vec::new();
        for quota in self.all.iter().filter(|quota| !quota.operations.is_empty()) {
            let is_meant = match (&quota.whom, principal) {
                (Whom::User(name), Principal::User(user)) => name == user,
                (Whom::Peer(name), Principal::Peer(unit)) => is_peer(read, name, unit)?,
                (Whom::Role(role), _) => roles.contains(role),
                _ => false,
            };
            if is_meant {
                found.push(quota);
            }
        }
        Ok(found)
    }

    /// Returns the quotas of the application that a resource belongs to.
    pub(crate) fn of_application(&self, resource: &Resource) -> impl Iterator<Item = &Quota> {
        let application = resource.labels.get(APPLICATION);
        let numbers = application.and_then(|application| self.applications.get(application));
        numbers.into_iter().flatten().filter_map(|number| self.all.get(*number))
    }

    /// Returns the quotas that say how much a resource and its likes may hold.
    pub(crate) fn of_storage(&self, resource: &Resource) -> impl Iterator<Item = &Quota> {
        self.all.iter().filter(|quota| quota.storage.is_some() && quota.is_about(resource))
    }
}

impl Quota {
    /// Returns whether what a resource holds counts for this quota.
    pub(crate) fn is_about(&self, resource: &Resource) -> bool {
        match &self.whom {
            Whom::User(name) => {
                resource.owner.strip_prefix("user:").is_some_and(|owner| owner == name)
            }
            Whom::Application(name) => resource.labels.get(APPLICATION) == Some(name),
            Whom::Role(_) | Whom::Peer(_) => false,
        }
    }
}

fn is_peer(read: &dyn Read, name: &str, unit: &str) -> Result<bool, Problem> {
    let found = read.kernel().find(read, &ResourceRef::new("peer", name))?;
    Ok(found.is_some_and(|found| found.attributes.get("peer").is_some_and(|peer| peer == unit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Time;
    use serde_json::{Value, json};

    fn quota(spec: Value) -> Result<Quota, Problem> {
        Quota::of(&Resource {
            kind: "quota".into(),
            name: "probe".into(),
            version: 1,
            owner: "user:olga".into(),
            labels: BTreeMap::new(),
            spec,
            changed_by: "user:olga".into(),
            changed_at: Time(0),
            is_deleted: false,
        })
    }

    fn check(spec: Value) -> String {
        match quota(spec) {
            Ok(quota) => format!("{:?}", quota.whom),
            Err(problem) => {
                let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
                format!("{} at {place}: {}", problem.code, problem.message)
            }
        }
    }

    #[test]
    fn quotas_say_whom_they_limit() {
        assert_eq!(check(json!({"for": "user/ana", "rate": 5})), "User(\"ana\")");
        assert_eq!(
            check(json!({"for": "application/shop", "storage": 1})),
            "Application(\"shop\")"
        );
        assert_eq!(
            check(json!({"for": "ana"})),
            "manifest.invalid at /spec/for: `ana` is nobody to limit"
        );
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let at = |spec: Value| check(spec).split(':').next().unwrap_or_default().to_owned();
        let invalid = |pointer: &str| format!("manifest.invalid at {pointer}");
        assert_eq!(at(json!({"for": "user/ana", "rate": 0})), invalid("/spec/rate"));
        assert_eq!(at(json!({"for": "user/ana", "burst": 3})), invalid("/spec/burst"));
        assert_eq!(at(json!({"for": "role/clerk", "storage": 3})), invalid("/spec/storage"));
        let queries = json!({"for": "application/shop", "queries": {"rows": 1}});
        assert_eq!(at(queries), invalid("/spec/queries"));
        let queries =
            json!({"for": "user/ana", "operations": ["sql.query"], "queries": {"rows": 1}});
        assert_eq!(at(queries), invalid("/spec/queries"));
        let time = json!({"for": "user/ana", "queries": {"time": "soon"}});
        assert_eq!(at(time), "time.invalid at /spec/queries/time");
    }

    #[test]
    fn the_most_specific_limit_counts_and_of_roles_the_strictest() {
        let limits = |spec: Value| quota(spec).expect("a quota").limits;
        let own = limits(json!({"for": "user/ana", "rate": 50}));
        let clerk = limits(json!({"for": "role/clerk", "rate": 10, "concurrency": 4}));
        let guest =
            limits(json!({"for": "role/guest", "concurrency": 2, "queries": {"time": "PT5S"}}));
        let all = own.or(clerk.least(guest)).or(Limits::default_of(&Config::default()));
        assert_eq!(all.calls, Some(Rate { per_second: 50, burst: 50 }));
        assert_eq!((all.concurrency, all.queries.ms), (Some(2), Some(5_000)));
        let bytes = Config::default().bytes_second_max;
        assert_eq!(all.bytes.map(|rate| rate.per_second), Some(bytes));
    }
}
