//! What is wrong with a rule, or with a stream that rules look at: every problem with its place.

use super::rule::{RECEIVED_AT, Rule, Wrong, columns, spec_of, type_of};
use super::spec::{ActionSpec, Aggregate, LeavesSpec, RuleSpec, WhenSpec, WindowSpec};
use crate::Config;
use base::{Period, Problem, nearest};
use kernel::{Read, Resource};

/// Actions of one rule.
const ACTIONS_MAX: usize = 16;

/// Checks a rule as it will stand.
///
/// # Errors
/// `rule.invalid`; where the store cannot be read.
pub(crate) fn rule(read: &dyn Read, resource: &Resource, config: &Config) -> Result<(), Problem> {
    let spec = spec_of(resource)?;
    let mut wrong = Wrong::new(&resource.name);
    let stream = read.resource("stream", &spec.on.stream)?;
    match &stream {
        Some(stream) => {
            needs(&mut wrong, stream, "/spec/on/device", spec.device_column(), &["text"]);
            of_condition(&mut wrong, stream, &spec.when);
        }
        None => missing(read, &mut wrong, "/spec/on/stream", ("stream", &spec.on.stream))?,
    }
    actions(read, &mut wrong, &spec)?;
    let problems = wrong.problems;
    // What is wrong with its expressions stands beside what is wrong with the rest.
    match Rule::of(resource, stream.as_deref(), config) {
        Ok(_) => crate::registry::gather(problems),
        Err(mut first) => {
            first.also.extend(problems.into_iter().map(Problem::from));
            Err(first)
        }
    }
}

/// Checks that a stream which changes or goes leaves each rule what it needs.
///
/// # Errors
/// `rule.invalid`; where the store cannot be read.
pub(crate) fn stream_changed(
    read: &dyn Read,
    stream: &str,
    config: &Config,
) -> Result<(), Problem> {
    for resource in read.resources("rule")? {
        if spec_of(&resource)?.on.stream == stream {
            rule(read, &resource, config)?;
        }
    }
    Ok(())
}

fn of_condition(wrong: &mut Wrong<'_>, stream: &Resource, when: &WhenSpec) {
    match when {
        WhenSpec::Becomes(_) => {}
        WhenSpec::Stays(stays) => {
            period(wrong, "/spec/when/stays/for", stays.hold);
            if let Some(gap) = stays.gap {
                period(wrong, "/spec/when/stays/gap", gap);
            }
        }
        WhenSpec::Leaves(leaves) => {
            value(wrong, stream, "/spec/when/leaves/value", &leaves.value);
            range(wrong, leaves);
        }
        WhenSpec::Silent(silent) => {
            period(wrong, "/spec/when/silent/for", silent.hold);
            needs(wrong, stream, "/spec/on/stream", RECEIVED_AT, &["time"]);
        }
        WhenSpec::Rises(rises) | WhenSpec::Falls(rises) => {
            let word = if matches!(when, WhenSpec::Falls(_)) { "falls" } else { "rises" };
            value(wrong, stream, &format!("/spec/when/{word}/value"), &rises.value);
            period(wrong, &format!("/spec/when/{word}/within"), rises.within);
            if rises.by <= 0.0 {
                let reason = "`by` is more than nothing".to_owned();
                wrong.add(&format!("/spec/when/{word}/by"), reason, None);
            }
        }
        WhenSpec::Window(window) => of_window(wrong, stream, window),
    }
}

fn range(wrong: &mut Wrong<'_>, leaves: &LeavesSpec) {
    let at = "/spec/when/leaves";
    match (leaves.low, leaves.high) {
        (None, None) => {
            wrong.add(at, "the range has no end".into(), Some("give `low`, `high` or both".into()));
        }
        (Some(low), Some(high)) if high < low + 2.0 * leaves.hysteresis => {
            let reason = "no value could be inside again".to_owned();
            let hint = "`high` is above `low` by twice the `hysteresis` at least".to_owned();
            wrong.add(&format!("{at}/high"), reason, Some(hint));
        }
        _ => {}
    }
    if leaves.hysteresis < 0.0 {
        wrong.add(&format!("{at}/hysteresis"), "`hysteresis` is not negative".into(), None);
    }
}

fn of_window(wrong: &mut Wrong<'_>, stream: &Resource, window: &WindowSpec) {
    let at = "/spec/when/window";
    period(wrong, &format!("{at}/every"), window.every);
    match &window.value {
        Some(column) if window.of == Aggregate::Count => {
            exists(wrong, stream, &format!("{at}/value"), column);
        }
        Some(column) => value(wrong, stream, &format!("{at}/value"), column),
        None if window.of == Aggregate::Count => {}
        None => {
            let hint = "only `count` does without".to_owned();
            wrong.add(at, "it needs the column `value`".into(), Some(hint));
        }
    }
    if window.above.is_some() == window.below.is_some() {
        let hint = "what is crossed by more and by less are two rules".to_owned();
        wrong.add(at, "it has either `above` or `below`".into(), Some(hint));
    }
}

fn actions(read: &dyn Read, wrong: &mut Wrong<'_>, spec: &RuleSpec) -> Result<(), Problem> {
    if ACTIONS_MAX < spec.actions.len() {
        wrong.add("/spec/do", format!("it does more than {ACTIONS_MAX} things"), None);
    }
    for (number, action) in spec.actions.iter().enumerate() {
        let at = format!("/spec/do/{number}");
        let (pointer, kind, name) = match action {
            ActionSpec::Start(start) => (format!("{at}/start/process"), "process", &start.process),
            ActionSpec::Publish(publish) => {
                (format!("{at}/publish/process"), "process", &publish.process)
            }
            ActionSpec::Append(append) => {
                let pointer = format!("{at}/append/stream");
                if append.stream == spec.on.stream {
                    let reason = "it would look at what it appends itself".to_owned();
                    let hint = "append to another stream than the rule is on".to_owned();
                    wrong.add(&pointer, reason, Some(hint));
                }
                (pointer, "stream", &append.stream)
            }
            ActionSpec::Command(command) => {
                known_command(read, wrong, &format!("{at}/command/command"), &command.command)?;
                continue;
            }
            ActionSpec::Task(_) => continue,
        };
        if read.resource(kind, name)?.is_none() {
            missing(read, wrong, &pointer, (kind, name))?;
        }
    }
    Ok(())
}

/// Checks that some type of devices has a command, where it is named and not made of variables.
fn known_command(
    read: &dyn Read,
    wrong: &mut Wrong<'_>,
    pointer: &str,
    command: &str,
) -> Result<(), Problem> {
    let types = read.resources("device_type")?;
    let commands = types.iter().filter_map(|kind| kind.spec.get("commands")?.as_array());
    let names = commands.flatten().filter_map(|known| known.get("name")?.as_str());
    let names: Vec<&str> = names.collect();
    if !command.trim_start().starts_with('=') && !names.contains(&command) {
        let hint = nearest(command, names).map(|name| format!("did you mean `{name}`?"));
        wrong.add(pointer, format!("no type of devices has a command `{command}`"), hint);
    }
    Ok(())
}

fn missing(
    read: &dyn Read,
    wrong: &mut Wrong<'_>,
    pointer: &str,
    (kind, name): (&str, &str),
) -> Result<(), Problem> {
    let declared = read.resources(kind)?;
    let names = declared.iter().map(|resource| resource.name.as_str());
    let hint = nearest(name, names).map(|name| format!("did you mean `{name}`?"));
    wrong.add(pointer, format!("{kind} `{name}` does not exist"), hint);
    Ok(())
}

/// Checks that a column holds numbers.
fn value(wrong: &mut Wrong<'_>, stream: &Resource, pointer: &str, column: &str) {
    needs(wrong, stream, pointer, column, &["int", "float", "decimal"]);
}

/// Checks that a column is there and of one of these types.
fn needs(wrong: &mut Wrong<'_>, stream: &Resource, pointer: &str, column: &str, kinds: &[&str]) {
    let Some(found) = exists(wrong, stream, pointer, column) else { return };
    let kind = found.split('(').next().unwrap_or(found);
    if !kinds.contains(&kind) {
        let wanted = kinds.join(" or ");
        let reason = format!("the column `{column}` of stream `{}` is {found}", stream.name);
        wrong.add(pointer, reason, Some(format!("it needs one of type {wanted}")));
    }
}

/// Checks that a column is there. Returns its type.
fn exists<'s>(
    wrong: &mut Wrong<'_>,
    stream: &'s Resource,
    pointer: &str,
    column: &str,
) -> Option<&'s str> {
    let found = type_of(stream, column);
    if found.is_none() {
        let names = columns(stream).map(|(name, _)| name);
        let hint = nearest(column, names).map(|name| format!("did you mean `{name}`?"));
        wrong.add(pointer, format!("stream `{}` has no column `{column}`", stream.name), hint);
    }
    found
}

fn period(wrong: &mut Wrong<'_>, pointer: &str, found: Period) {
    if found <= Period(0) {
        wrong.add(pointer, "it is longer than nothing".into(), Some("write it as PT10M".into()));
    }
}
