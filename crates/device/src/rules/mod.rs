//! Rules: conditions over streams with a memory for each device, and what is done at a crossing, once.
//!
//! | file | subject |
//! |---|---|
//! | `spec` | manifests |
//! | `check` | what is wrong with one |
//! | `rule` | rules as they are used |
//! | `condition` | what each row says: pure |
//! | `run` | rows are looked at, once each; silence; crossings |
//! | `actions` | what is done at a crossing |
//! | `show` | lists, one rule, to begin anew |
//! | `rows` | `system.rules`, `system.crossings`, `system.rule_actions` |
//! | `key` | where it is stored |

mod actions;
mod check;
pub mod condition;
mod key;
mod rows;
mod rule;
mod run;
mod show;
mod spec;

pub use rule::Rules;
pub use spec::Aggregate;

use crate::Error;
use crate::engine::Fleet;
use crate::operations::{page, schema};
use base::{Problem, Time};
use kernel::Right::{Manage, Read as Reads};
use kernel::{
    Edge, End, Exposition, How, KindOf, Operation, Read, Reader, Relation, Resource, Site, Tx,
    decide, operation, read,
};
use serde_json::{Value, json};
use spec::RuleSpec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Returns the kind of resource.
pub(crate) fn kinds() -> Vec<KindOf> {
    vec![KindOf {
        name: "rule",
        manifest: "Rule",
        plural: "rules",
        schema: schema::<RuleSpec>(),
        check: |spec| serde_json::from_value::<RuleSpec>(spec.clone()).map(|_| ()),
        is_grant: false,
        roles: |spec| {
            let roles = spec.get("roles").and_then(Value::as_array).into_iter().flatten();
            roles.filter_map(Value::as_str).map(str::to_owned).collect()
        },
    }]
}

/// Returns the operations on rules.
pub(crate) fn operations(fleet: &Arc<Fleet>) -> Vec<Operation> {
    let shown = json!({
        "type": "object",
        "required": ["name", "stream", "crossings", "late", "failed"],
        "properties": {
            "name": {"type": "string"},
            "summary": {"type": "string"},
            "stream": {"type": "string"},
            "version": {"type": "integer"},
            "since": {"type": ["string", "null"], "description": "Since when it looks at rows, business time."},
            "from": {"type": ["integer", "null"], "description": "The first row that it looks at."},
            "cursor": {"type": ["integer", "null"], "description": "The first row that it has not looked at."},
            "crossings": {"type": "integer"},
            "late": {"type": "integer"},
            "failed": {"type": "integer"},
            "problem": {"type": ["string", "null"], "description": "Why a row failed, the last time."},
            "spec": {"type": "object"},
            "states": {"type": "array", "items": {"type": "object"}, "description": "What it remembers of devices: the first of them."},
            "last": {"type": "array", "items": {"type": "object"}, "description": "Its last crossings, the newest first."},
        },
    });
    vec![
        operation(
            "rule.list",
            Reads,
            "Lists rules with what they have found.",
            read(fleet, show::list),
        )
        .on_kind()
        .answers(page(&shown)),
        operation(
            "rule.get",
            Reads,
            "Shows a rule: its manifest, what it remembers of devices, its last crossings.",
            read(fleet, show::get),
        )
        .answers(shown),
        operation(
            "rule.reset",
            Manage,
            "Has a rule forget what it remembers, of all devices or one. Of all: it goes on with what comes from now on.",
            decide(fleet, show::reset),
        )
        .takes(json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {"device": {"type": ["string", "null"], "description": "Of this device alone."}},
        }))
        .answers(json!({"type": "object", "properties": {"reset": {"type": "boolean"}}})),
    ]
}

/// Takes note of a change: rules begin and end, a stream that they look at must stay what they need, a device that goes is forgotten.
///
/// # Errors
/// `rule.invalid`; where the store cannot be read.
pub(crate) fn changed(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    old: Option<&Resource>,
    new: Option<&Resource>,
) -> Result<(), Problem> {
    let Some(resource) = new.or(old) else { return Ok(()) };
    match (resource.kind.as_str(), new) {
        ("rule", Some(rule)) => {
            fleet.rules.changed();
            check::rule(tx, rule, &fleet.config)?;
            let spec = rule::spec_of(rule)?;
            let before = old.map(rule::spec_of).transpose()?;
            if before.is_none_or(|before| !before.judges_as(&spec)) {
                run::begin(tx, &rule.name, rule.version, &spec.on.stream)?;
            }
            Ok(())
        }
        ("rule", None) => {
            fleet.rules.changed();
            run::end(tx, &resource.name)
        }
        ("stream", _) => {
            fleet.rules.changed();
            check::stream_changed(tx, &resource.name, &fleet.config)
        }
        ("device", None) => {
            for rule in tx.resources("rule")? {
                run::forget_device(tx, &rule.name, &resource.name)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Looks at rows, at silence, at actions that are tried again. Returns how much was done.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn work(fleet: &Fleet, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
    run::work(fleet, tx, budget)
}

/// Returns when there is something to do without a row.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn due(_: &Fleet, read: &dyn Read) -> Result<Option<Time>, Problem> {
    let first = |prefix: base::Key| read.scan_prefix(prefix.as_ref(), 1);
    let look = first(key::looks())?;
    let look = look.first().and_then(|(found, _)| key::look_of(found)).map(|(at, ..)| at);
    let again = first(key::again_all())?;
    let again = again.first().and_then(|(found, _)| key::again_of(found)).map(|(at, _)| at);
    Ok([look, again].into_iter().flatten().min())
}

/// Returns the first row of a stream's log that a rule has still to look at.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn reads_from(_: &Fleet, read: &dyn Read, log: &str) -> Result<Option<u64>, Problem> {
    let mut least: Option<u64> = None;
    for (found, bytes) in read.scan_prefix(key::cursors_all().as_ref(), usize::MAX)? {
        let mut parts = base::KeyReader::new(&found);
        let (_, _, stream) = (parts.text(), parts.text(), parts.text());
        if stream.is_some_and(|stream| rule::log_of(&stream) == log) {
            let cursor = run::number(&bytes);
            least = Some(least.map_or(cursor, |least| least.min(cursor)));
        }
    }
    Ok(least)
}

/// Takes the result of an action.
///
/// # Errors
/// `device.internal` where no such action is under way; where the store cannot be read.
pub(crate) fn resume(
    fleet: &Fleet,
    tx: &mut Tx<'_>,
    token: &str,
    result: Result<Value, Problem>,
) -> Result<(), Problem> {
    actions::resume(fleet, tx, token, result)
}

/// Returns where what belongs to rules is kept, or to one.
pub(crate) fn sites(_: &str, name: Option<&str>) -> Vec<Site> {
    let Some(name) = name else { return vec![Site::Log(run::LOG.into())] };
    let keys = [key::states(name), key::cursors(name), key::counts(name)];
    keys.into_iter().map(|place| Site::Keys(place.bytes())).collect()
}

/// Returns what rules show to SQL.
pub(crate) fn relations(fleet: &Arc<Fleet>) -> Vec<Relation> {
    rows::relations(fleet)
}

/// Tells how often rules were crossed, by rule.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn tell(_: &Fleet, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
    for (rule, count) in reader.kernel().meters().counts(run::CROSSINGS) {
        let help = "Crossings of rules since the start.";
        out.counter(run::CROSSINGS, help, &[("rule", rule.as_str())], count);
    }
    Ok(())
}

/// Returns the edges from streams to rules, and from rules to what they start, write and tell.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn edges(fleet: &Fleet, reader: &Reader) -> Result<Vec<Edge>, Problem> {
    let types = reader.resources("device_type")?;
    let mut edges = Vec::new();
    for resource in reader.resources("rule")? {
        let spec = rule::spec_of(&resource)?;
        let stream = reader.resource("stream", &spec.on.stream)?;
        let end = || End::new("rule", &resource.name);
        let from = End::new("stream", &spec.on.stream);
        edges.push(Edge::new(from, end(), How::Reads).declared_by(&resource));
        let Ok(rule) = rule::Rule::of(&resource, stream.as_deref(), &fleet.config) else {
            continue;
        };
        // What is done twice is one edge.
        let mut found: BTreeMap<(&str, &str), How> = BTreeMap::new();
        for action in &rule.actions {
            let how = if action.kind == "stream" { How::Writes } else { How::Starts };
            if let Some(name) = action.constant_name().filter(|name| !name.is_empty()) {
                found.insert((action.kind, name), how);
            }
            let command = action.command().filter(|_| action.operation == "device.command");
            let Some(command) = command else { continue };
            let knows = |kind: &&Arc<Resource>| {
                let commands = kind.spec.get("commands").and_then(Value::as_array);
                commands.into_iter().flatten().any(|known| known["name"] == command)
            };
            for kind in types.iter().filter(knows) {
                found.insert(("device_type", &kind.name), How::Calls);
            }
        }
        for ((kind, name), how) in found {
            let other = End::new(kind, name);
            // A call stands on what is called.
            let edge = match how {
                How::Calls => Edge::new(other, end(), how),
                _ => Edge::new(end(), other, how),
            };
            edges.push(edge.declared_by(&resource));
        }
    }
    Ok(edges)
}

/// Returns that there is no such rule.
fn not_found(name: &str) -> Problem {
    kernel::Error::NotFound { resource: format!("rule/{name}") }.into()
}

/// Returns a value as JSON.
fn written<T: serde::Serialize>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|error| Error::internal(error).into())
}
