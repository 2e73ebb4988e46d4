//! Declaring resources: a plan, then all of it or none.

use crate::manifest::{API_VERSION, Manifest, suggestion};
use crate::operation::{Call, Reply};
use crate::resource::APPLICATION;
use crate::writer::run;
use crate::{
    Error, Kernel, KindOf, Principal, Read, Reader, Resource, ResourceRef, Tx, policy, sign_in,
    space,
};
use base::{Place, Problem, nearest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Labels = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Apply {
    #[serde(default)]
    application: Option<String>,
    manifests: Vec<Manifest>,
    #[serde(default)]
    dry_run: bool,
    /// Refuses to change what another application has declared, or nobody's.
    #[serde(default)]
    exclusive: bool,
    /// Kinds of which nothing is removed: what the application has and no manifest names stays in it.
    #[serde(default)]
    keep: BTreeSet<String>,
}

/// What `apply` does to one resource.
#[derive(Debug, Serialize)]
struct Step {
    action: &'static str,
    kind: String,
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<String>,
}

/// Applies manifests, or tries to: a dry run does everything and takes it back.
pub(crate) fn apply(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let apply: Apply = call.parameters()?;
    if apply.dry_run {
        tx.tried(|tx| carry_out(tx, call, &apply))
    } else {
        carry_out(tx, call, &apply)
    }
}

/// Applies manifests. Every change goes through the kernel path as a call of its own, in one savepoint. All of them are
/// judged by the policies as they stood before: the epoch rises once, at the end.
fn carry_out(tx: &mut Tx<'_>, call: &Call, apply: &Apply) -> Result<Reply, Problem> {
    let limit = tx.kernel().config().manifests_max;
    if limit < apply.manifests.len() {
        return Err(Error::TooLarge {
            what: "the number of manifests".into(),
            limit: limit as u64,
        }
        .into());
    }
    let kernel = Arc::clone(tx.kernel());
    check_keep(&kernel, &apply.keep)?;
    let checked = check_all(&kernel, &apply.manifests)?;
    if apply.exclusive {
        check_own(tx, apply, &checked)?;
    }
    let (mut steps, named) = declare(tx, call, apply, &checked)?;
    for reference in left_behind(tx, apply.application.as_deref(), &named)? {
        let step = |action| {
            let (kind, name) = (reference.kind.clone(), reference.name.clone());
            Step { action, kind, name, changes: Vec::new() }
        };
        // Decided here, in the commit: what came since somebody looked is there as well.
        if !apply.keep.contains(&reference.kind) {
            steps.push(step("remove"));
            run_as(tx, call, "resource.remove", &reference, json!({}))?;
        } else if may_see(tx, call, &reference)? {
            steps.push(step("keep"));
        }
    }
    settle(tx, &steps, &apply.manifests)?;
    let roles = named.iter().filter(|reference| reference.kind == "role");
    let roles = roles.map(|reference| reference.name.clone()).collect();
    let mut reply = json!({"plan": steps, "applied": !apply.dry_run});
    let warnings = policy::warnings(tx, &roles)?;
    if !warnings.is_empty() {
        reply["warnings"] = serde_json::to_value(&warnings)
            .map_err(|error| Error::Internal { detail: error.to_string() })?;
    }
    tx.raise_epoch()?;
    Ok(Reply::Value(reply))
}

/// Declares what the manifests say. Returns what was done to each, and what they name.
fn declare(
    tx: &mut Tx<'_>,
    call: &Call,
    apply: &Apply,
    kinds: &[KindOf],
) -> Result<(Vec<Step>, BTreeSet<ResourceRef>), Problem> {
    let (mut steps, mut named) = (Vec::new(), BTreeSet::new());
    let mut foreign = None;
    for (manifest, kind) in apply.manifests.iter().zip(kinds) {
        let reference = ResourceRef::new(kind.name, manifest.metadata.name.as_str());
        if !named.insert(reference.clone()) {
            let reason = format!("{reference} is declared twice");
            let place = manifest.place.clone();
            return Err(
                Error::Manifest { reason, place, hint: Some("remove one of them".into()) }.into()
            );
        }
        let held = tx.resource(kind.name, &reference.name)?;
        let labels = labels_of(manifest, apply.application.as_deref(), held.as_deref());
        let application = joined(&labels, held.as_deref());
        if application.is_some() && foreign.is_none() {
            // As it stands before: by what he puts into an application nobody has a part in it.
            foreign = Some(applications_of_others(tx, call)?);
        }
        let step = plan(kind, manifest, &labels, held.as_deref());
        if step.action != "keep" {
            put(tx, call, manifest, &reference, &labels)?;
        }
        let is_foreign = |name: &String| foreign.as_ref().is_some_and(|all| all.contains(name));
        if let Some(application) = application.filter(|name| is_foreign(name)) {
            let (resource, application) = (reference.to_string(), application.clone());
            let mut problem: Problem = Error::Foreign { resource, application }.into();
            problem.place.clone_from(&manifest.place);
            return Err(problem);
        }
        steps.push(step);
    }
    Ok((steps, named))
}

/// Refuses kinds that cannot be declared: a word that is not known must not have something removed.
fn check_keep(kernel: &Kernel, keep: &BTreeSet<String>) -> Result<(), Problem> {
    let known = || kernel.kinds().filter(|kind| !kind.manifest.is_empty()).map(|kind| kind.name);
    let Some(unknown) = keep.iter().find(|name| !known().any(|kind| kind == *name)) else {
        return Ok(());
    };
    let shown: String = unknown.chars().take(80).collect();
    let nearest = nearest(unknown, known());
    let hint = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    let reason = format!("`keep` names `{shown}`, which is no kind of manifests{hint}");
    Err(Error::Parameters { reason }.into())
}

/// Returns whether the caller may see a resource: what he may not looks as if it were not there.
fn may_see(tx: &Tx<'_>, call: &Call, reference: &ResourceRef) -> Result<bool, Problem> {
    let on_behalf_of = call.on_behalf_of.as_ref();
    tx.kernel().is_allowed(tx, "resource.get", reference, &call.actor, on_behalf_of)
}

/// Returns the application that a resource comes into, where it was not in it before.
fn joined<'a>(labels: &'a Labels, held: Option<&Resource>) -> Option<&'a String> {
    let before = held.and_then(|held| held.labels.get(APPLICATION));
    labels.get(APPLICATION).filter(|application| before != Some(*application))
}

/// Returns the applications into which an author puts nothing: they have resources, and none of these is his or a role's of his. An
/// owner of the unit puts something into each.
fn applications_of_others(tx: &Tx<'_>, call: &Call) -> Result<BTreeSet<String>, Problem> {
    let Some(roles) = bounds(tx, call)? else { return Ok(BTreeSet::new()) };
    let actor = call.actor.to_string();
    let is_own = |owner: &str| {
        owner == actor || owner.strip_prefix("role:").is_some_and(|role| roles.contains(role))
    };
    let (mut own, mut others) = (BTreeSet::new(), BTreeSet::new());
    for resource in mentioning(tx, APPLICATION)? {
        let Some(application) = resource.labels.get(APPLICATION) else { continue };
        let all = if is_own(&resource.owner) { &mut own } else { &mut others };
        if !all.contains(application) {
            all.insert(application.clone());
        }
    }
    others.retain(|application| !own.contains(application));
    Ok(others)
}

fn check_all(kernel: &Kernel, manifests: &[Manifest]) -> Result<Vec<KindOf>, Problem> {
    let mut kinds = Vec::new();
    let mut problems = Vec::new();
    for manifest in manifests {
        match check(kernel, manifest) {
            Ok(kind) => kinds.push(kind),
            Err(problem) => problems.push(problem),
        }
    }
    gather(problems).map_or(Ok(kinds), Err)
}

/// Makes one problem of several: the first, with the others beside it.
fn gather(mut problems: Vec<Problem>) -> Option<Problem> {
    if problems.is_empty() {
        return None;
    }
    let mut first = problems.remove(0);
    first.also.extend(problems);
    Some(first)
}

fn check(kernel: &Kernel, manifest: &Manifest) -> Result<KindOf, Problem> {
    let wrong = |reason: String, pointer: &str, hint: Option<String>| -> Problem {
        let mut place = manifest.place.clone().unwrap_or_default();
        place.pointer = Some(pointer.to_owned());
        Error::Manifest { reason, place: Some(place), hint }.into()
    };
    if manifest.api_version != API_VERSION {
        let reason = format!("apiVersion `{}` is not known", manifest.api_version);
        return Err(wrong(reason, "/apiVersion", Some(format!("write `{API_VERSION}`"))));
    }
    let kind =
        kernel.kinds().find(|kind| !kind.manifest.is_empty() && kind.manifest == manifest.kind);
    let Some(kind) = kind else {
        let known: Vec<&str> =
            kernel.kinds().map(|kind| kind.manifest).filter(|name| !name.is_empty()).collect();
        let hint = nearest(&manifest.kind, known.iter().copied()).map_or_else(
            || format!("known are {}", known.join(", ")),
            |name| format!("did you mean `{name}`?"),
        );
        return Err(wrong(format!("kind `{}` is not known", manifest.kind), "/kind", Some(hint)));
    };
    check_size(kernel, &manifest.kind, manifest.metadata.name.as_str(), &manifest.spec)?;
    (kind.check)(&manifest.spec).map_err(|error| {
        let reason = format!("{} `{}`: {error}", manifest.kind, manifest.metadata.name);
        let hint = suggestion(&error.to_string());
        wrong(reason, "/spec", hint)
    })?;
    Ok(kind.clone())
}

fn check_size(kernel: &Kernel, kind: &str, name: &str, spec: &Value) -> Result<(), Problem> {
    let limit = kernel.config().manifest_bytes_max;
    if limit < spec.to_string().len() {
        let what = format!("{kind} {name}");
        return Err(Error::TooLarge { what, limit: limit as u64 }.into());
    }
    Ok(())
}

/// Refuses manifests of what another application has declared, or nobody's: whoever installs something means to add.
fn check_own(tx: &Tx<'_>, apply: &Apply, kinds: &[KindOf]) -> Result<(), Problem> {
    let mut problems = Vec::new();
    for (manifest, kind) in apply.manifests.iter().zip(kinds) {
        let name = manifest.metadata.name.as_str();
        let held = tx.resource(kind.name, name)?;
        let label = held.as_ref().and_then(|held| held.labels.get(APPLICATION)).cloned();
        let is_built_in = kind.name == "role" && policy::BUILT_IN.contains(&name);
        let is_free = held.is_none() && !is_built_in;
        if is_free || label.is_some() && label == apply.application {
            continue;
        }
        let resource = ResourceRef::new(kind.name, name).to_string();
        let mut problem: Problem = Error::Taken { resource, application: label }.into();
        problem.place.clone_from(&manifest.place);
        problems.push(problem);
    }
    gather(problems).map_or(Ok(()), Err)
}

fn plan(kind: &KindOf, manifest: &Manifest, labels: &Labels, held: Option<&Resource>) -> Step {
    let name = manifest.metadata.name.as_str();
    let (action, changes) = match held {
        None => ("create", Vec::new()),
        Some(held) => {
            let mut changes = Vec::new();
            differences(&held.spec, &manifest.spec, "/spec", &mut changes);
            if held.labels != *labels {
                changes.push("/metadata/labels".into());
            }
            if changes.is_empty() { ("keep", changes) } else { ("change", changes) }
        }
    };
    Step { action, kind: kind.name.into(), name: name.into(), changes }
}

/// Returns the labels that a resource gets. What belongs to an application stays in it where no other is named.
fn labels_of(manifest: &Manifest, application: Option<&str>, held: Option<&Resource>) -> Labels {
    let mut labels = manifest.metadata.labels.clone();
    let kept = || held.and_then(|held| held.labels.get(APPLICATION)).cloned();
    if let Some(application) = application {
        labels.insert(APPLICATION.into(), application.into());
    } else if !labels.contains_key(APPLICATION)
        && let Some(kept) = kept()
    {
        labels.insert(APPLICATION.into(), kept);
    }
    labels
}

/// Collects the JSON pointers at which two values differ.
fn differences(old: &Value, new: &Value, at: &str, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for key in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
                let none = Value::Null;
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                differences(
                    old.get(key).unwrap_or(&none),
                    new.get(key).unwrap_or(&none),
                    &at,
                    found,
                );
            }
        }
        _ if old == new => {}
        _ => found.push(at.to_owned()),
    }
}

fn put(
    tx: &mut Tx<'_>,
    call: &Call,
    manifest: &Manifest,
    reference: &ResourceRef,
    labels: &Labels,
) -> Result<(), Problem> {
    let owner = manifest.metadata.owner.clone().unwrap_or_else(|| call.actor.to_string());
    let args = json!({"spec": manifest.spec, "labels": labels, "owner": owner});
    run_as(tx, call, "resource.put", reference, args).map_err(|mut problem| {
        problem.place = match problem.place {
            Some(inner) => Some(place_within(manifest.place.clone(), Some(inner))),
            None => manifest.place.clone(),
        };
        problem
    })
}

fn run_as(
    tx: &mut Tx<'_>,
    call: &Call,
    operation: &str,
    reference: &ResourceRef,
    args: Value,
) -> Result<(), Problem> {
    let mut inner = Call::new(operation, reference.clone(), call.actor.clone()).with(args);
    inner.on_behalf_of.clone_from(&call.on_behalf_of);
    inner.scope.clone_from(&call.scope);
    inner.at = call.at;
    run(tx, &inner).map(|_| ())
}

/// Returns the declared resources in whose stored form a text stands. The others are not taken apart: there may be very many of them.
fn mentioning(tx: &Tx<'_>, text: &str) -> Result<Vec<Arc<Resource>>, Problem> {
    let written = Value::from(text).to_string();
    let mut found = Vec::new();
    for kind in tx.kernel().kinds().filter(|kind| !kind.manifest.is_empty()) {
        for (key, bytes) in tx.scan_prefix(space::key(b'R').text(kind.name).as_ref(), usize::MAX)? {
            // Behind the eight bytes of its version.
            let stored = std::str::from_utf8(bytes.get(8..).unwrap_or_default());
            if stored.map_or(true, |stored| stored.contains(&written)) {
                found.push(tx.kernel().decode_resource(&key, &bytes)?);
            }
        }
    }
    Ok(found)
}

/// Returns the application's resources that are in the unit and no longer in its folder.
fn left_behind(
    tx: &Tx<'_>,
    application: Option<&str>,
    named: &BTreeSet<ResourceRef>,
) -> Result<Vec<ResourceRef>, Problem> {
    let Some(application) = application else { return Ok(Vec::new()) };
    let mut left = Vec::new();
    for resource in mentioning(tx, application)? {
        let is_ours = resource.labels.get(APPLICATION).is_some_and(|label| label == application);
        if is_ours && !named.contains(&resource.reference()) {
            left.push(resource.reference());
        }
    }
    Ok(left)
}

/// Lets every engine look at what changed, once all of it stands; gathers all that is wrong.
fn settle(tx: &mut Tx<'_>, steps: &[Step], manifests: &[Manifest]) -> Result<(), Problem> {
    let kernel = Arc::clone(tx.kernel());
    let mut problems = Vec::new();
    for (number, step) in steps.iter().enumerate().filter(|(_, step)| step.action != "keep") {
        let new = tx.resource(&step.kind, &step.name)?;
        let version = match (&new, step.action) {
            (Some(new), _) => new.version.saturating_sub(1),
            (None, _) => last_version(tx, &step.kind, &step.name)?.saturating_sub(1),
        };
        let old =
            tx.resource_version(&step.kind, &step.name, version)?.filter(|old| !old.is_deleted);
        for engine in kernel.engines() {
            if let Err(mut problem) = engine.changed(tx, old.as_ref(), new.as_deref()) {
                let place = manifests.get(number).and_then(|manifest| manifest.place.clone());
                problem.place = Some(place_within(place, problem.place));
                problems.push(problem);
            }
        }
    }
    gather(problems).map_or(Ok(()), Err)
}

/// A place inside a file that the manifest names (a BPMN file, say) keeps its own file and line.
fn place_within(manifest: Option<Place>, inner: Option<Place>) -> Place {
    match (manifest, inner) {
        (Some(manifest), Some(inner)) if inner.file.is_none() && inner.line.is_none() => {
            Place { pointer: inner.pointer, ..manifest }
        }
        (_, Some(inner)) => inner,
        (Some(manifest), None) => manifest,
        (None, None) => Place::default(),
    }
}

/// Writes a resource: the operation `resource.put`, which only `apply` calls.
pub(crate) fn put_one(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    #[derive(Deserialize)]
    struct Put {
        spec: Value,
        labels: Labels,
        owner: String,
    }
    let put: Put = call.parameters()?;
    let ResourceRef { kind, name } = call.resource.clone();
    if let Some(held) = tx.resource(&kind, &name)? {
        check_taking(tx, call, &held)?;
        check_application(tx, call, &held, &put.labels)?;
    }
    let resource = Resource {
        version: last_version(tx, &kind, &name)? + 1,
        kind,
        name,
        owner: put.owner,
        labels: put.labels,
        spec: put.spec,
        changed_by: call.actor.to_string(),
        changed_at: tx.wall(),
        is_deleted: false,
    };
    check_grant(tx, call, &resource)?;
    check_owner(tx, call, &resource)?;
    if resource.kind == "role" {
        policy::check(tx.kernel(), &resource)?;
    }
    write(tx, &resource)?;
    Ok(Reply::Value(json!({"version": resource.version})))
}

/// Removes a resource; its history stays. The operation `resource.remove`, which only `apply` calls.
pub(crate) fn delete_one(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let ResourceRef { kind, name } = &call.resource;
    let Some(held) = tx.resource(kind, name)? else {
        return Err(Error::NotFound { resource: call.resource.to_string() }.into());
    };
    check_taking(tx, call, &held)?;
    let gone = Resource {
        version: held.version + 1,
        changed_by: call.actor.to_string(),
        changed_at: tx.wall(),
        is_deleted: true,
        ..held.as_ref().clone()
    };
    write_version(tx, &gone)?;
    tx.delete(space::key(b'R').text(kind).text(name));
    Ok(Reply::Value(json!({"deleted": call.resource.to_string()})))
}

/// What an engine's own operation declares.
#[derive(Debug, Default)]
pub struct Declared {
    /// What its kind says.
    pub spec: Value,
    /// Who answers for it. Where absent: the caller for what is new, whoever it was before for what is there.
    pub owner: Option<String>,
    /// Its labels. Where absent: none for what is new, those of before for what is there.
    pub labels: Option<Labels>,
}

/// Declares what an engine's own operation makes of its caller's words, after that operation was permitted: the caller becomes the
/// owner of what is new, what is there keeps its owner and its labels. Returns the version. No decision is made void, so it is for
/// kinds on which no right depends.
///
/// # Errors
/// What a manifest of this kind is refused for.
pub fn declare_one(
    tx: &mut Tx<'_>,
    call: &Call,
    reference: &ResourceRef,
    spec: Value,
) -> Result<u64, Problem> {
    declare_as(tx, call, reference, Declared { spec, ..Declared::default() })
}

/// Declares as [`declare_one`] does, with the owner and the labels that the caller names. He names no others than in a manifest.
///
/// # Errors
/// What a manifest of this kind is refused for.
pub fn declare_as(
    tx: &mut Tx<'_>,
    call: &Call,
    reference: &ResourceRef,
    declared: Declared,
) -> Result<u64, Problem> {
    let kernel = Arc::clone(tx.kernel());
    let ResourceRef { kind, name } = reference.clone();
    let unknown = || Error::Internal { detail: format!("there is no kind `{kind}`") };
    let kind_of = kernel.kind(&kind).filter(|kind| !kind.is_grant).ok_or_else(unknown)?;
    let wrong = |error: serde_json::Error| {
        let hint = suggestion(&error.to_string());
        let reason = format!("{} `{name}`: {error}", kind_of.manifest);
        Error::Manifest { reason, place: Some(Place::pointer("/spec")), hint }
    };
    (kind_of.check)(&declared.spec).map_err(wrong)?;
    check_size(&kernel, kind_of.manifest, &name, &declared.spec)?;
    let held = tx.resource(&kind, &name)?;
    let Declared { spec, owner, labels } = declared;
    let owner_before = || held.as_ref().map(|held| held.owner.clone());
    let labels_before = || held.as_ref().map(|held| held.labels.clone()).unwrap_or_default();
    let owner = owner.or_else(owner_before).unwrap_or_else(|| call.actor.to_string());
    let labels = labels.unwrap_or_else(labels_before);
    let is_same =
        |held: &Arc<Resource>| held.spec == spec && held.owner == owner && held.labels == labels;
    if let Some(held) = held.as_ref().filter(|held| is_same(held)) {
        return Ok(held.version);
    }
    let resource = Resource {
        version: last_version(tx, &kind, &name)? + 1,
        kind,
        name,
        owner,
        labels,
        spec,
        changed_by: call.actor.to_string(),
        changed_at: tx.wall(),
        is_deleted: false,
    };
    check_owner(tx, call, &resource)?;
    check_joining(tx, call, held.as_deref(), &resource)?;
    write(tx, &resource)?;
    for engine in kernel.engines() {
        engine.changed(tx, held.as_deref(), Some(&resource))?;
    }
    Ok(resource.version)
}

/// Refuses to take a resource out of its application, or to put it into one of others.
fn check_joining(
    tx: &Tx<'_>,
    call: &Call,
    held: Option<&Resource>,
    resource: &Resource,
) -> Result<(), Problem> {
    if let Some(held) = held {
        check_application(tx, call, held, &resource.labels)?;
    }
    match joined(&resource.labels, held) {
        Some(application) if applications_of_others(tx, call)?.contains(application) => {
            let (resource, application) = (resource.reference().to_string(), application.clone());
            Err(Error::Foreign { resource, application }.into())
        }
        _ => Ok(()),
    }
}

/// Removes what [`declare_one`] has declared, or a manifest of the same kind: the resource of the call.
///
/// # Errors
/// `resource.not_found`; what an engine has against it.
pub fn withdraw(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let held = tx.resource(&call.resource.kind, &call.resource.name)?;
    let reply = delete_one(tx, call)?;
    let kernel = Arc::clone(tx.kernel());
    for engine in kernel.engines() {
        engine.changed(tx, held.as_deref(), None)?;
    }
    Ok(reply)
}

/// Removes a resource from any door but `apply`, which does the same for many at once.
pub(crate) fn delete(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let reply = withdraw(tx, call)?;
    tx.raise_epoch()?;
    Ok(reply)
}

fn write(tx: &mut Tx<'_>, resource: &Resource) -> Result<(), Problem> {
    let mut bytes = resource.version.to_be_bytes().to_vec();
    serde_json::to_writer(&mut bytes, resource)
        .map_err(|error| Error::Internal { detail: error.to_string() })?;
    tx.put(space::key(b'R').text(&resource.kind).text(&resource.name), bytes);
    write_version(tx, resource)
}

fn write_version(tx: &mut Tx<'_>, resource: &Resource) -> Result<(), Problem> {
    let bytes = serde_json::to_vec(resource)
        .map_err(|error| Error::Internal { detail: error.to_string() })?;
    tx.put(
        space::key(b'V').text(&resource.kind).text(&resource.name).number(resource.version),
        bytes,
    );
    Ok(())
}

fn last_version(read: &dyn Read, kind: &str, name: &str) -> Result<u64, Problem> {
    let prefix = space::key(b'V').text(kind).text(name).bytes();
    let last = read.scan(&prefix, &base::prefix_end(&prefix), 1, true)?;
    Ok(last.first().map_or(0, |(key, _)| crate::tx::number(&key[prefix.len()..])))
}

/// Returns all versions of a resource, the newest first.
pub(crate) fn history(reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let prefix = space::key(b'V').text(&call.resource.kind).text(&call.resource.name).bytes();
    let pairs = reader.scan(&prefix, &base::prefix_end(&prefix), 1_000, true)?;
    let versions = pairs
        .iter()
        .map(|(_, bytes)| serde_json::from_slice::<Resource>(bytes))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Error::Internal { detail: format!("stored resource: {error}") })?;
    Reply::of(&json!({ "items": versions }))
}

/// Refuses a manifest that would give a right which its author does not hold.
fn check_grant(tx: &Tx<'_>, call: &Call, resource: &Resource) -> Result<(), Problem> {
    let Some(kind) = tx.kernel().kind(&resource.kind) else { return Ok(()) };
    let Some(held) = bounds(tx, call)? else { return Ok(()) };
    let granted = (kind.roles)(&resource.spec);
    let claimed = claimable(tx, resource)?;
    let of_type = roles_by_type(tx, resource)?;
    let missing = granted.iter().chain(&claimed).chain(&of_type).find(|role| !held.contains(*role));
    let missing = missing
        .cloned()
        .or_else(|| (kind.is_grant && granted.is_empty()).then(|| resource.name.clone()));
    match missing {
        Some(role) => Err(Error::Grant { actor: call.actor.to_string(), role }.into()),
        None => Ok(()),
    }
}

/// Returns the roles that an author can give to others; none where he can give any.
fn bounds(tx: &Tx<'_>, call: &Call) -> Result<Option<BTreeSet<String>>, Problem> {
    let held = tx.kernel().roles(tx, &call.actor)?;
    let is_bound = !held.contains("owner") && !matches!(call.actor, Principal::Unit(_));
    Ok(is_bound.then_some(held))
}

/// Returns the roles that a user can come to by who he is at an identity provider. A provider that is declared in the same `apply`
/// and not there yet is judged by itself.
fn claimable(read: &dyn Read, resource: &Resource) -> Result<Vec<String>, Problem> {
    let identity = resource.spec.get("identity").and_then(Value::as_str);
    let Some(identity) = identity.filter(|_| resource.kind == "user") else {
        return Ok(Vec::new());
    };
    let provider = identity.split_once('/').map_or(identity, |(provider, _)| provider);
    let provider = read.resource(sign_in::PROVIDER, provider)?;
    Ok(provider.map(|provider| sign_in::granted(&provider.spec)).unwrap_or_default())
}

/// Returns the roles that a device comes to by its type. A type that is declared in the same `apply` is judged by itself.
fn roles_by_type(tx: &Tx<'_>, resource: &Resource) -> Result<BTreeSet<String>, Problem> {
    match policy::type_of(resource).filter(|_| resource.kind == "device") {
        Some(type_name) => Ok(tx.kernel().policies(tx)?.roles_of_devices(type_name)),
        None => Ok(BTreeSet::new()),
    }
}

/// Refuses to change or remove what grants or limits rights, where the author could not have declared it.
fn check_taking(tx: &Tx<'_>, call: &Call, held: &Resource) -> Result<(), Problem> {
    match tx.kernel().kind(&held.kind) {
        Some(kind) if kind.is_grant => check_grant(tx, call, held),
        _ => Ok(()),
    }
}

/// Refuses an owner for whom the author does not stand: quotas count by owners.
fn check_owner(tx: &Tx<'_>, call: &Call, resource: &Resource) -> Result<(), Problem> {
    let owner = &resource.owner;
    let before = tx.resource(&resource.kind, &resource.name)?;
    let is_kept = before.is_some_and(|before| before.owner == *owner);
    if is_kept || *owner == call.actor.to_string() {
        return Ok(());
    }
    let role = owner.strip_prefix("role:");
    match bounds(tx, call)? {
        Some(held) if role.is_none_or(|role| !held.contains(role)) => {
            let actor = call.actor.to_string();
            let problem: Problem = Error::Owner { actor, owner: owner.clone() }.into();
            Err(problem.at(Place::pointer("/metadata/owner")))
        }
        _ => Ok(()),
    }
}

/// Refuses to take a resource out of its application: quotas count by applications.
fn check_application(
    tx: &Tx<'_>,
    call: &Call,
    held: &Resource,
    labels: &Labels,
) -> Result<(), Problem> {
    let Some(application) = held.labels.get(APPLICATION) else { return Ok(()) };
    if labels.get(APPLICATION) == Some(application) || bounds(tx, call)?.is_none() {
        return Ok(());
    }
    let (resource, application) = (held.reference().to_string(), Some(application.clone()));
    Err(Error::Taken { resource, application }.into())
}

/// Refuses to hand out a credential of somebody who may do more than the caller.
///
/// # Errors
/// `policy.grant` with the first role that the caller does not hold.
pub fn may_grant(tx: &Tx<'_>, call: &Call, principal: &Principal) -> Result<(), Problem> {
    let Some(held) = bounds(tx, call)? else { return Ok(()) };
    let granted = tx.kernel().roles(tx, principal)?;
    match granted.into_iter().find(|role| !held.contains(role)) {
        Some(role) => Err(Error::Grant { actor: call.actor.to_string(), role }.into()),
        None => Ok(()),
    }
}
