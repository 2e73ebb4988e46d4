//! What is installed in a unit, and the body of the one `resource.apply` by which it changes.

use super::{Error, Package, Version, asks};
use crate::client::Client;
use crate::manifests::Folder;
use crate::manifests::parameters::Values;
use crate::routes;
use base::{Kind, Problem};
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use unit::PackageSignature;

/// Returns the record of an installed package, where there is one.
///
/// # Errors
/// What the unit says.
pub fn find(client: &Client, name: &str) -> Result<Option<Value>, Problem> {
    match client.send(&routes::resource_get("package", name)) {
        Ok(record) => Ok(Some(record)),
        Err(problem) if problem.kind == Kind::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// Returns the values that the parameters of an installed package have.
pub fn values(record: Option<&Value>) -> Values {
    let held = record.and_then(|record| record.pointer("/spec/parameters")?.as_object());
    held.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Refuses a package that is older than the installed one, or another of the same version.
///
/// # Errors
/// `package.version`.
pub fn check_follows(package: &Package, record: &Value) -> Result<(), Error> {
    let field = |name: &str| record["spec"][name].as_str().unwrap_or_default().to_owned();
    let (held, digest) = (field("version"), field("digest"));
    let hint = "raise the version where it is packed; `--downgrade` installs it all the same";
    let refuse = |reason: String| Err(Error::Version { reason, hint: hint.into() });
    let (name, new) = (&package.config.name, &package.config.version);
    match Version::parse(new)?.compare(&Version::parse(&held)?) {
        Ordering::Less => refuse(format!("{name} {new} is older than {held}, which is installed")),
        Ordering::Equal if digest != package.digest() => {
            refuse(format!("{name} {held} is installed already, with other content"))
        }
        Ordering::Equal | Ordering::Greater => Ok(()),
    }
}

/// Returns the kinds of which an upgrade or a removal takes nothing away: streams stay with their rows, unless these go too. Which
/// streams there are is looked up by the unit, in the commit.
pub fn kept(is_data_removed: bool) -> &'static [&'static str] {
    if is_data_removed { &[] } else { &["stream"] }
}

/// Returns what `resource.apply` takes to install a package: its manifests, the record of it, and the kinds of which nothing goes.
pub fn body(
    package: &Package,
    folder: &Folder,
    signature: Option<&PackageSignature>,
    kept: &[&str],
    is_dry_run: bool,
) -> Value {
    let mut manifests: Vec<Value> = folder.values().into_iter().cloned().collect();
    manifests.push(record(package, folder, signature));
    json!({
        "application": package.config.name, "manifests": manifests,
        "dry_run": is_dry_run, "exclusive": true, "keep": kept,
    })
}

fn record(package: &Package, folder: &Folder, signature: Option<&PackageSignature>) -> Value {
    let mut spec = json!({
        "version": package.config.version, "digest": package.digest(), "size": package.size(),
    });
    if !package.config.summary.is_empty() {
        spec["summary"] = package.config.summary.clone().into();
    }
    if !folder.values.is_empty() {
        spec["parameters"] = json!(folder.values);
    }
    if let Some(signature) = signature {
        spec["signature"] = json!(signature);
    }
    let metadata = json!({"name": package.config.name});
    json!({"apiVersion": "craton/v1", "kind": "Package", "metadata": metadata, "spec": spec})
}

/// Refuses a first installation that would remove what somebody has applied under the same name.
///
/// # Errors
/// `package.taken`, with every resource that would go.
pub fn check_first(name: &str, plan: &Value) -> Result<(), Problem> {
    let steps = plan["plan"].as_array().into_iter().flatten();
    let removed = steps.filter(|step| step["action"] == "remove");
    let mut problems = removed.map(|step| {
        let field = |name: &str| step[name].as_str().unwrap_or_default();
        let resource = format!("{}/{}", field("kind"), field("name"));
        Problem::from(Error::Taken { name: name.to_owned(), resource })
    });
    match problems.next() {
        None => Ok(()),
        Some(mut first) => {
            first.also.extend(problems);
            Err(first)
        }
    }
}

/// Refuses a package that asks for more than the one who installs it holds: nobody gives what he does not have. The unit refuses
/// it as well, at the first thing; here all are named.
///
/// # Errors
/// `package.asks_too_much`, with everything that is too much; what the unit says.
pub fn check_held(client: &Client, folder: &Folder) -> Result<(), Problem> {
    let who = client.send(&routes::unit_whoami())?;
    let roles: BTreeSet<&str> =
        who["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if roles.contains("owner") {
        return Ok(());
    }
    let mut found = Vec::new();
    for manifest in folder.values() {
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
        let (kind, name) =
            (text("/kind").unwrap_or_default(), text("/metadata/name").unwrap_or_default());
        let kind_name = asks::kind_name(kind);
        let resource = format!("{kind_name}/{name}");
        if matches!(kind, "Role" | "Quota") {
            found.push(format!("it makes the {kind_name} `{name}`, which only an owner may"));
            continue;
        }
        let listed = manifest.pointer("/spec/roles").and_then(Value::as_array);
        let listed = listed.into_iter().flatten().filter_map(Value::as_str);
        for role in listed.filter(|role| !roles.contains(role)) {
            found.push(format!("{resource} acts under the role `{role}`, which you do not hold"));
        }
        let question = json!({"operation": "resource.put", "resource": resource});
        let answer = client.send(&routes::policy_check().json(&question))?;
        if answer["allowed"] != true {
            found.push(format!("it makes {resource}, which you may not"));
        }
    }
    let hint = "have an owner of the unit install it";
    let mut problems =
        found.into_iter().map(|asked| Problem::from(Error::AsksTooMuch { asked, hint }));
    match problems.next() {
        None => Ok(()),
        Some(mut first) => {
            first.also.extend(problems);
            Err(first)
        }
    }
}
