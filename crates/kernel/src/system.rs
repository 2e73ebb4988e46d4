//! The kernel's own table: resources, roles, tokens, the clock, and the question who may do what.

mod operations;

use crate::audit::{self, Counted, Line};
use crate::engine::{Engine, Found, KindOf};
use crate::excerpt::Excerpt;
use crate::levels::{self, LevelSpec};
use crate::metrics::MEDIA;
use crate::operation::{Call, Operation, Reply};
use crate::policy::BUILT_IN;
use crate::quota::{self, QuotaSpec};
use crate::relation::{Cell, Column, ColumnType, Relation, Scan};
use crate::running::{self, Act, Give, Signal, Wanted};
use crate::sign_in::{self, ProviderSpec};
use crate::{Error, Kernel, Principal, Read, Reader, Resource, Token, Tx, lineage, space, usage};
use base::{Problem, Time};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The kernel as an engine of its own.
pub(crate) struct System;

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read by serde to check a manifest")]
struct RoleSpec {
    /// What the role is for.
    #[serde(default)]
    summary: String,
    /// Cedar policies; the role is `Role::"NAME"`.
    #[serde(default)]
    policies: String,
    /// What the role shows of relations; of those that are not listed it shows all.
    #[serde(default)]
    data: Vec<Excerpt>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read by serde to check a manifest")]
struct UserSpec {
    /// Who it is.
    #[serde(default)]
    summary: String,
    /// The roles that the user holds.
    #[serde(default)]
    roles: Vec<String>,
    /// Who it is at an identity provider, as `PROVIDER/NAME`: whoever signs in there is this user.
    #[serde(default)]
    identity: Option<String>,
}

impl System {
    pub(crate) fn new() -> Self {
        Self
    }
}

/// Puts a driven clock back to where the last commit left it.
pub(crate) fn restore_clock(kernel: &Arc<Kernel>) -> Result<(), Problem> {
    let reader = Reader::new(kernel, Principal::Unit("timers".into()))?;
    if let Some(bytes) = reader.get(space::key(b'E').text("clock").as_ref())? {
        kernel.clock().advance(Time(crate::tx::number(&bytes).cast_signed()));
    }
    Ok(())
}

fn no_roles(_spec: &Value) -> Vec<String> {
    Vec::new()
}

fn listed_roles(spec: &Value) -> Vec<String> {
    let roles = spec.get("roles").and_then(Value::as_array).into_iter().flatten();
    roles.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn runtime(name: &'static str, plural: &'static str) -> KindOf {
    KindOf {
        name,
        manifest: "",
        plural,
        schema: json!({}),
        check: |_| Ok(()),
        is_grant: false,
        roles: no_roles,
    }
}

impl Engine for System {
    fn name(&self) -> &'static str {
        "system"
    }

    fn kinds(&self) -> Vec<KindOf> {
        vec![
            KindOf {
                name: "role",
                manifest: "Role",
                plural: "roles",
                schema: schemars::schema_for!(RoleSpec).to_value(),
                check: |spec| serde_json::from_value::<RoleSpec>(spec.clone()).map(|_| ()),
                is_grant: true,
                roles: no_roles,
            },
            KindOf {
                name: "user",
                manifest: "User",
                plural: "users",
                schema: schemars::schema_for!(UserSpec).to_value(),
                check: |spec| serde_json::from_value::<UserSpec>(spec.clone()).map(|_| ()),
                is_grant: true,
                roles: listed_roles,
            },
            KindOf {
                name: sign_in::PROVIDER,
                manifest: "IdentityProvider",
                plural: "identity_providers",
                schema: schemars::schema_for!(ProviderSpec).to_value(),
                check: |spec| serde_json::from_value::<ProviderSpec>(spec.clone()).map(|_| ()),
                is_grant: true,
                roles: sign_in::granted,
            },
            KindOf {
                name: "service_level",
                manifest: "ServiceLevel",
                plural: "service_levels",
                schema: schemars::schema_for!(LevelSpec).to_value(),
                check: |spec| serde_json::from_value::<LevelSpec>(spec.clone()).map(|_| ()),
                is_grant: false,
                roles: no_roles,
            },
            KindOf {
                name: "quota",
                manifest: "Quota",
                plural: "quotas",
                schema: schemars::schema_for!(QuotaSpec).to_value(),
                check: |spec| serde_json::from_value::<QuotaSpec>(spec.clone()).map(|_| ()),
                // Who could lift his own quota would have none.
                is_grant: true,
                roles: no_roles,
            },
            runtime("running", "running"),
            runtime("audit", "audit"),
            runtime("resource", "resources"),
            runtime("token", "tokens"),
            runtime("session", "sessions"),
            runtime("clock", "clocks"),
            runtime("policy", "policies"),
            runtime("unit", "units"),
        ]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        operations::table(&self)
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(vec![
            resources_relation(),
            audit_relation(),
            meters_relation(),
            lineage::relation(),
            sign_in::relation(),
            crate::metrics::relation(),
            crate::trace::relation(),
            levels::relation(),
            running::relation(),
            usage::quotas(),
            usage::memory(),
        ])
    }

    fn running(
        &self,
        read: &dyn Read,
        caller: &Principal,
        wanted: &Wanted,
        give: Give<'_>,
    ) -> Result<Option<String>, Problem> {
        if !wanted.is_of("work") {
            return Ok(None);
        }
        running::works(read, caller, wanted, give)
    }

    fn signal(
        &self,
        read: &dyn Read,
        caller: &Principal,
        id: &str,
        signal: Signal,
    ) -> Result<Option<Act>, Problem> {
        running::signal_work(read, caller, id, signal)
    }

    fn find(&self, read: &dyn Read, kind: &str, name: &str) -> Result<Option<Found>, Problem> {
        let is_there = match kind {
            "session" => return sign_in::find(read, name),
            "token" => Token::exists(read, name)?,
            "role" => BUILT_IN.contains(&name),
            _ => false,
        };
        Ok(is_there.then(Found::default))
    }

    fn changed(
        &self,
        tx: &mut Tx<'_>,
        old: Option<&crate::Resource>,
        new: Option<&crate::Resource>,
    ) -> Result<(), Problem> {
        levels::changed(tx, old, new)?;
        let Some(new) = new else {
            // Whoever is called so later is somebody else.
            return match old {
                Some(old) if old.kind == "user" => sign_in::forget_user(tx, &old.name),
                Some(old) if old.kind == sign_in::PROVIDER => {
                    sign_in::forget_provider(tx, &old.name)
                }
                _ => Ok(()),
            };
        };
        if new.kind == sign_in::PROVIDER {
            check_provider(tx, old, new)?;
        }
        if new.kind == "user" {
            check_identity(tx, new)?;
            if old.is_some_and(|old| identity_of(old) != identity_of(new)) {
                // Whoever signs in with what was there before is somebody else by now.
                sign_in::forget_user(tx, &new.name)?;
            }
        }
        if new.kind == "quota" {
            quota::check(tx, new)?;
        }
        let Some(kind) = tx.kernel().kind(&new.kind) else { return Ok(()) };
        for role in (kind.roles)(&new.spec) {
            if !BUILT_IN.contains(&role.as_str()) && tx.resource("role", &role)?.is_none() {
                let problem: Problem = Error::Reference {
                    from: new.reference().to_string(),
                    to: format!("role/{role}"),
                }
                .into();
                return Err(problem.at(base::Place::pointer("/spec/roles")));
            }
        }
        Ok(())
    }

    fn work(&self, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
        audit::forget_old(tx)?;
        let kernel = Arc::clone(tx.kernel());
        kernel.holders.flush(tx)?;
        sign_in::keep_heard(tx)?;
        sign_in::expire(tx, budget.min(100))?;
        crate::writer::expire_keys(tx, budget.min(100)).map(|_| 0)
    }
}

fn get(reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    match reader.resource(&call.resource.kind, &call.resource.name)? {
        Some(resource) => Reply::of(resource.as_ref()),
        None => Err(Error::NotFound { resource: call.resource.to_string() }.into()),
    }
}

fn list(reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let kind = &call.resource.kind;
    if reader.kernel().kind(kind).is_none() {
        return Err(Error::NotFound { resource: kind.clone() }.into());
    }
    let mut items = Vec::new();
    for resource in reader.resources(kind)? {
        if reader.allows("resource.get", &resource.reference())? {
            items.push(resource);
        }
    }
    let items: Vec<_> = items.iter().map(AsRef::as_ref).collect();
    Reply::of(&json!({ "items": items }))
}

fn advance(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Advance {
        to: Time,
    }
    let Advance { to } = call.parameters()?;
    if !tx.kernel().clock().is_driven() {
        return Err(Error::ClockNotDriven.into());
    }
    if tx.business() < to {
        tx.set_business(to);
        tx.put(space::key(b'E').text("clock"), to.0.cast_unsigned().to_be_bytes().to_vec());
    }
    Ok(Reply::Value(json!({"business": tx.business()})))
}

fn clock(reader: &Reader) -> Result<Reply, Problem> {
    let clock = reader.kernel().clock();
    Ok(Reply::Value(json!({
        "business": clock.business(),
        "wall": clock.wall(),
        "driven": clock.is_driven(),
    })))
}

/// Refuses a provider that cannot work, or that issues under the address of another. Sessions of another issuer end.
fn check_provider(tx: &mut Tx<'_>, old: Option<&Resource>, new: &Resource) -> Result<(), Problem> {
    let spec = ProviderSpec::read(new)?;
    spec.check()?;
    for other in tx.resources(sign_in::PROVIDER)? {
        if other.name != new.name && ProviderSpec::read(&other)?.issuer == spec.issuer {
            let reason = format!("{} has the same issuer", other.reference());
            let hint = Some("declare an issuer once, with the roles of all its people".into());
            let problem: Problem = Error::Manifest { reason, place: None, hint }.into();
            return Err(problem.at(base::Place::pointer("/spec/issuer")));
        }
    }
    match old {
        Some(old) if ProviderSpec::read(old)?.issuer != spec.issuer => {
            sign_in::forget_provider(tx, &new.name)
        }
        _ => Ok(()),
    }
}

/// Refuses a user who is somebody else's identity, or that of a provider that is not there.
fn check_identity(tx: &Tx<'_>, user: &Resource) -> Result<(), Problem> {
    let Some(identity) = identity_of(user) else { return Ok(()) };
    let wrong = |problem: Error| {
        let problem: Problem = problem.into();
        problem.at(base::Place::pointer("/spec/identity"))
    };
    let provider = identity.split_once('/').map_or(identity, |(provider, _)| provider);
    if tx.resource(sign_in::PROVIDER, provider)?.is_none() {
        let to = format!("{}/{provider}", sign_in::PROVIDER);
        return Err(wrong(Error::Reference { from: user.reference().to_string(), to }));
    }
    let same = tx.resources("user")?.into_iter().find(|other| {
        other.name != user.name && other.spec.get("identity") == user.spec.get("identity")
    });
    match same {
        Some(other) => {
            let reason = format!("{} has the same identity", other.reference());
            let hint = Some("somebody is one user".into());
            Err(wrong(Error::Manifest { reason, place: None, hint }))
        }
        None => Ok(()),
    }
}

/// Returns who a user is at an identity provider.
fn identity_of(user: &Resource) -> Option<&str> {
    user.spec.get("identity").and_then(Value::as_str)
}

fn metrics(reader: &Reader) -> Result<Reply, Problem> {
    let text = reader.kernel().exposition(reader)?.text();
    let pieces = Box::new(std::iter::once(Ok(text.into_bytes())));
    Ok(Reply::Stream { media: MEDIA, pieces })
}

fn whoami(reader: &Reader) -> Result<Reply, Problem> {
    let (roles, commit) = (reader.roles()?, reader.commit()?);
    Ok(Reply::Value(json!({"principal": reader.caller(), "roles": roles, "commit": commit})))
}

fn resources_relation() -> Relation {
    use ColumnType::{Int, Text, Time};
    let columns = vec![
        Column::new("kind", Text, "The kind."),
        Column::new("name", Text, "The name."),
        Column::new("version", Int, "Rises with every change."),
        Column::new("owner", Text, "Who answers for it."),
        Column::new("changed_by", Text, "Who made this version."),
        Column::new("changed_at", Time, "When, wall time."),
        Column::new("spec", Text, "What its kind says, as JSON."),
    ];
    let rows =
        |reader: &Reader, _: &Scan, row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
            let kinds: Vec<&'static str> = reader.kernel().kinds().map(|kind| kind.name).collect();
            for kind in kinds {
                for resource in reader.resources(kind)? {
                    if !reader.allows("resource.get", &resource.reference())? {
                        continue;
                    }
                    let cells = vec![
                        Cell::Text(resource.kind.clone()),
                        Cell::Text(resource.name.clone()),
                        Cell::Int(resource.version.cast_signed()),
                        Cell::Text(resource.owner.clone()),
                        Cell::Text(resource.changed_by.clone()),
                        Cell::Time(resource.changed_at.0),
                        Cell::json(&resource.spec),
                    ];
                    if !row(cells)? {
                        return Ok(());
                    }
                }
            }
            Ok(())
        };
    Relation::system("resources", "Everything that is declared.", columns, Arc::new(rows))
}

fn audit_relation() -> Relation {
    use ColumnType::{Int, Text, Time};
    let columns = vec![
        Column::new("number", Int, "The place in the log."),
        Column::new("wall", Time, "When; the minute, for counted calls."),
        Column::new("business", Time, "The business time."),
        Column::new("actor", Text, "Who ran it."),
        Column::new("on_behalf_of", Text, "Who started what ran it."),
        Column::new("operation", Text, "What."),
        Column::new("resource", Text, "On what."),
        Column::new("outcome", Text, "`allowed`, or the code of the refusal."),
        Column::new("policies", Text, "The policies that decided, as JSON."),
        Column::new("count", Int, "How many calls the line stands for."),
    ];
    let rows =
        |reader: &Reader, _: &Scan, row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
            for_each_line(reader, audit::LOG, |number, line: Line| {
                row(vec![
                    Cell::Int(number.cast_signed()),
                    Cell::Time(line.wall.0),
                    Cell::Time(line.business.0),
                    Cell::Text(line.actor),
                    Cell::text(line.on_behalf_of),
                    Cell::Text(line.operation),
                    Cell::Text(line.resource),
                    Cell::Text(line.outcome),
                    Cell::json(&json!(line.policies)),
                    Cell::Int(line.count.cast_signed()),
                ])
            })
        };
    Relation::system("audit", "Who did what, and what was refused.", columns, Arc::new(rows))
}

/// Groups of calls that one look at `system.meters` holds in memory. Where there are more, the oldest are given out; what is
/// counted for them later in the log is a row of its own.
const METERS_HELD_MAX: usize = 10_000;

fn meters_relation() -> Relation {
    use ColumnType::{Int, Text, Time};
    let columns = vec![
        Column::new("minute", Time, "The minute in which the calls were made, wall time."),
        Column::new("actor", Text, "Who ran them."),
        Column::new("operation", Text, "What."),
        Column::new("resource", Text, "On what."),
        Column::new("outcome", Text, "`allowed`, or the code of the refusal."),
        Column::new("count", Int, "How many calls."),
    ];
    let rows =
        |reader: &Reader, _: &Scan, row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>| {
            let mut held: BTreeMap<Counted, u64> = BTreeMap::new();
            let mut is_wanted = true;
            for_each_line(reader, audit::LOG, |_, line: Line| {
                let count = line.count;
                *held.entry(line.counted()).or_default() += count;
                if METERS_HELD_MAX < held.len()
                    && let Some((counted, count)) = held.pop_first()
                {
                    is_wanted = row(meter(counted, count))?;
                }
                Ok(is_wanted)
            })?;
            while is_wanted && let Some((counted, count)) = held.pop_first() {
                is_wanted = row(meter(counted, count))?;
            }
            Ok(())
        };
    Relation::system("meters", "How many calls were made, by minute.", columns, Arc::new(rows))
}

fn meter(counted: Counted, count: u64) -> Vec<Cell> {
    vec![
        Cell::Time(counted.wall().0),
        Cell::Text(counted.actor),
        Cell::Text(counted.operation),
        Cell::Text(counted.resource),
        Cell::Text(counted.outcome),
        Cell::Int(count.cast_signed()),
    ]
}

/// Bytes of a log that are read at a time.
const PAGE_BYTES: usize = 1 << 20;

/// Reads the lines of a log of the system one by one, until `each` has enough.
fn for_each_line<T: serde::de::DeserializeOwned>(
    read: &dyn Read,
    log: &str,
    mut each: impl FnMut(u64, T) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let mut offset = 0;
    loop {
        let chunks = read.chunks(log, offset, PAGE_BYTES)?;
        if chunks.is_empty() {
            return Ok(());
        }
        for chunk in chunks {
            for (at, line) in crate::rows(&chunk.bytes).enumerate() {
                let line = serde_json::from_slice(line)
                    .map_err(|error| Error::Internal { detail: format!("stored line: {error}") })?;
                if !each(chunk.offset + at as u64, line)? {
                    return Ok(());
                }
            }
            offset = chunk.offset + u64::from(chunk.count);
        }
    }
}
