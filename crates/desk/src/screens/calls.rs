//! Holds what a screen calls against the table of operations: there is such an operation, a door offers it, it acts on what the
//! screen says, and it takes the parameters that the screen gives.

use super::check::{Check, Scope};
use super::spec::Values;
use base::{Problem, nearest};
use kernel::{Body, Operation, Target};

/// Checks one call of a screen. `given` are its parameters, where they are known; `at` is where it stands.
pub(super) fn check(
    check: &mut Check<'_>,
    name: &str,
    resource: Option<&str>,
    given: Option<&Values>,
    scope: Scope<'_>,
    at: &str,
) -> Result<(), Problem> {
    let read = check.read;
    let kernel = read.kernel();
    let offered = || kernel.operations().filter(|operation| !operation.is_internal);
    let Some(operation) = offered().find(|operation| operation.name == name) else {
        let near = nearest(name, offered().map(|operation| operation.name));
        check.unknown(format!("operation `{name}`"), format!("{at}/operation"), near);
        return Ok(());
    };
    on(check, operation, resource, scope, at);
    let Some(given) = given else { return Ok(()) };
    let Some(known) = parameters_of(operation) else { return Ok(()) };
    for parameter in given.keys() {
        if !known.iter().any(|known| known == parameter) {
            let what = format!("parameter `{parameter}` of `{name}`");
            let near = nearest(parameter, known.iter().map(String::as_str));
            check.unknown(what, format!("{at}/parameters/{parameter}"), near);
        }
    }
    Ok(())
}

/// On what a call acts.
fn on(
    check: &mut Check<'_>,
    operation: &Operation,
    resource: Option<&str>,
    scope: Scope<'_>,
    at: &str,
) {
    let (name, own) = (operation.name, operation.kind());
    let pointer = format!("{at}/resource");
    let Some(resource) = resource else {
        if operation.target != Target::Whole {
            let hint = Some(format!("write `resource: {own}/NAME`"));
            check.refuse(format!("`{name}` acts on a resource"), at.to_owned(), hint);
        }
        return;
    };
    let (kind, on_name) = resource.split_once('/').unwrap_or((resource, ""));
    match operation.target {
        Target::Whole => {
            let hint = Some("leave `resource` out".into());
            check.refuse(format!("`{name}` acts on no resource by name"), pointer, hint);
            return;
        }
        Target::Named if kind != own => {
            let hint = Some(format!("write `resource: {own}/NAME`"));
            check.refuse(format!("`{name}` acts on a {own}, not on a {kind}"), pointer, hint);
            return;
        }
        _ => {}
    }
    let kernel = check.read.kernel();
    if kernel.kind(kind).is_none() {
        let near = nearest(kind, kernel.kinds().map(|kind| kind.name));
        check.unknown(format!("kind `{kind}`"), pointer, near);
        return;
    }
    if on_name.is_empty() && operation.target != Target::AnyWhole {
        let hint = Some(format!("write `resource: {kind}/NAME`"));
        check.refuse(format!("`{name}` acts on a resource"), pointer, hint);
        return;
    }
    check.reference(on_name, &pointer, scope);
}

/// Returns the names of the parameters that an operation takes, where its table says them.
fn parameters_of(operation: &Operation) -> Option<Vec<String>> {
    let query = operation.query.iter().map(|(name, _)| (*name).to_owned());
    match &operation.body {
        Body::None => Some(query.collect()),
        Body::Json(schema) => {
            let properties = schema.get("properties")?.as_object()?;
            Some(query.chain(properties.keys().cloned()).collect())
        }
        // Rows of a stream go in as they are; a screen gives one as `row`, several as `rows`.
        Body::Raw(_) => Some(query.chain(["row".to_owned(), "rows".to_owned()]).collect()),
    }
}
