//! Events: what starts, waits, throws and ends.

use super::elements::{attribute, child, children, extension, is_false, text_of};
use super::read::Reader;
use super::tasks;
use crate::feel::Expression;
use crate::graph::{Boundary, BoundaryTrigger, End, NodeId, NodeKind, Timer, Trigger};
use base::{Period, Time};
use roxmltree::Node as Xml;
use serde_json::Value;

/// Returns what an event does.
pub(super) fn kind<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    scope: Option<NodeId>,
) -> Option<NodeKind> {
    let definition = definition(reader, node)?;
    match node.tag_name().name() {
        "startEvent" => start(reader, node, definition, scope),
        "endEvent" => end(reader, node, definition),
        "intermediateThrowEvent" => throw(reader, node, definition, scope),
        "intermediateCatchEvent" => catch(reader, node, definition),
        _ => boundary(reader, node, definition),
    }
}

/// Returns the one event definition of an event; `Some(None)` where it has none.
#[expect(
    clippy::option_option,
    reason = "outside: whether the event can be read; inside: whether it has a definition"
)]
fn definition<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
) -> Option<Option<Xml<'a, 'i>>> {
    let definitions: Vec<_> = children(node)
        .filter(|part| {
            part.tag_name().name().ends_with("EventDefinition")
                || part.tag_name().name() == "eventDefinitionRef"
        })
        .collect();
    match definitions.as_slice() {
        [] => Some(None),
        [only] => match only.tag_name().name() {
            "messageEventDefinition"
            | "timerEventDefinition"
            | "errorEventDefinition"
            | "escalationEventDefinition"
            | "signalEventDefinition"
            | "conditionalEventDefinition"
            | "linkEventDefinition"
            | "compensateEventDefinition"
            | "cancelEventDefinition"
            | "terminateEventDefinition" => Some(Some(*only)),
            _ => {
                reader.problems.unsupported(*only, "");
                None
            }
        },
        _ => {
            reader.problems.unsupported(node, "more than one event definition on");
            None
        }
    }
}

fn name_of(definition: Option<Xml<'_, '_>>) -> &'static str {
    match definition.map(|definition| definition.tag_name().name()) {
        None => "none",
        Some("messageEventDefinition") => "message",
        Some("timerEventDefinition") => "timer",
        Some("errorEventDefinition") => "error",
        Some("escalationEventDefinition") => "escalation",
        Some("signalEventDefinition") => "signal",
        Some("conditionalEventDefinition") => "condition",
        Some("linkEventDefinition") => "link",
        Some("compensateEventDefinition") => "compensation",
        Some("cancelEventDefinition") => "cancel",
        Some(_) => "terminate",
    }
}

fn refuse<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    kind: &str,
) -> Option<NodeKind> {
    reader
        .problems
        .unsupported(node, &format!("the form `{kind}` of `{}`", node.tag_name().name()));
    None
}

fn start<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    definition: Option<Xml<'a, 'i>>,
    scope: Option<NodeId>,
) -> Option<NodeKind> {
    // What starts an event sub-process is read with it, see `event_start`.
    if reader.is_event_scope(scope) {
        return Some(NodeKind::Start(None));
    }
    let trigger = match (name_of(definition), definition) {
        ("none", _) => None,
        (kind, _) if scope.is_some() => {
            reader.problems.invalid(
                node,
                "start-trigger",
                &format!("starts a sub-process by `{kind}`; only a start without trigger can"),
            );
            return None;
        }
        ("message", Some(definition)) => Some(message(reader, node, definition, false)?),
        ("timer", Some(definition)) => {
            Some(Trigger::Timer(timer(reader, node, definition, Use::Start)?))
        }
        ("signal", Some(definition)) => {
            Some(Trigger::Signal { name: signal(reader, node, definition)? })
        }
        (kind, _) => return refuse(reader, node, kind),
    };
    Some(NodeKind::Start(trigger))
}

/// Returns what starts an event sub-process, read from its start event, and whether it interrupts.
pub(super) fn event_start<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
) -> Option<(bool, BoundaryTrigger)> {
    let definition = definition(reader, node)?;
    let is_interrupting = !is_false(node, "isInterrupting");
    match (name_of(definition), definition) {
        ("none", _) => {
            reader.problems.invalid(
                node,
                "event-start",
                "starts an event sub-process, but says by nothing when",
            );
            None
        }
        ("message" | "timer" | "error" | "escalation" | "signal" | "condition", Some(part)) => {
            Some((is_interrupting, caught(reader, node, part, is_interrupting)?))
        }
        (kind, _) => {
            refuse(reader, node, kind);
            None
        }
    }
}

/// Returns what an event at the border of an activity, or at the start of an event sub-process, waits for.
fn caught<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    definition: Xml<'a, 'i>,
    is_interrupting: bool,
) -> Option<BoundaryTrigger> {
    Some(match name_of(Some(definition)) {
        "message" => BoundaryTrigger::Event(message(reader, node, definition, true)?),
        "timer" => {
            let purpose = if is_interrupting { Use::Once } else { Use::Again };
            BoundaryTrigger::Event(Trigger::Timer(timer(reader, node, definition, purpose)?))
        }
        "signal" => {
            BoundaryTrigger::Event(Trigger::Signal { name: signal(reader, node, definition)? })
        }
        "condition" => {
            BoundaryTrigger::Event(Trigger::Condition(condition(reader, node, definition)?))
        }
        "escalation" => {
            BoundaryTrigger::Escalation { code: code(reader, node, definition, ESCALATION).ok()? }
        }
        _ => {
            if !is_interrupting {
                reader.problems.invalid(
                    node,
                    "error-interrupts",
                    "catches an error, so it has to interrupt",
                );
            }
            BoundaryTrigger::Error { code: code(reader, node, definition, ERROR).ok()? }
        }
    })
}

fn end<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    definition: Option<Xml<'a, 'i>>,
) -> Option<NodeKind> {
    let end = match (name_of(definition), definition) {
        ("none", _) => End::None,
        ("terminate", _) => End::Terminate,
        ("message", _) => return work(reader, node),
        ("error", Some(definition)) => {
            End::Error { code: thrown(reader, node, definition, ERROR)? }
        }
        ("escalation", Some(definition)) => {
            End::Escalation { code: thrown(reader, node, definition, ESCALATION)? }
        }
        ("signal", Some(definition)) => End::Signal { name: signal(reader, node, definition)? },
        ("cancel", _) => End::Cancel,
        ("compensation", Some(definition)) => {
            End::Compensation { activity: compensated(reader, node, definition)? }
        }
        (kind, _) => return refuse(reader, node, kind),
    };
    Some(NodeKind::End(end))
}

fn throw<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    definition: Option<Xml<'a, 'i>>,
    scope: Option<NodeId>,
) -> Option<NodeKind> {
    match (name_of(definition), definition) {
        ("none", _) => Some(NodeKind::PassThrough),
        ("message", _) => work(reader, node),
        ("compensation", Some(definition)) => {
            Some(NodeKind::ThrowCompensation { activity: compensated(reader, node, definition)? })
        }
        ("escalation", Some(definition)) => {
            Some(NodeKind::ThrowEscalation { code: thrown(reader, node, definition, ESCALATION)? })
        }
        ("signal", Some(definition)) => {
            Some(NodeKind::ThrowSignal { name: signal(reader, node, definition)? })
        }
        ("link", _) => {
            let to = link_name(node).and_then(|name| reader.link(name, scope));
            if to.is_none() {
                reader.problems.invalid(
                    node,
                    "link-target",
                    "throws a link that not exactly one event of its scope catches",
                );
            }
            Some(NodeKind::LinkThrow { to: to? })
        }
        (kind, _) => refuse(reader, node, kind),
    }
}

/// Returns the name of the link that an event throws or catches; no name is a name too.
pub(super) fn link_name<'a>(node: Xml<'a, '_>) -> Option<&'a str> {
    child(node, "linkEventDefinition")
        .map(|definition| definition.attribute("name").unwrap_or_default().trim())
}

fn catch<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    definition: Option<Xml<'a, 'i>>,
) -> Option<NodeKind> {
    match (name_of(definition), definition) {
        ("message", Some(definition)) => {
            Some(NodeKind::Catch(message(reader, node, definition, true)?))
        }
        ("timer", Some(definition)) => {
            Some(NodeKind::Catch(Trigger::Timer(timer(reader, node, definition, Use::Once)?)))
        }
        ("signal", Some(definition)) => {
            Some(NodeKind::Catch(Trigger::Signal { name: signal(reader, node, definition)? }))
        }
        ("condition", Some(definition)) => {
            Some(NodeKind::Catch(Trigger::Condition(condition(reader, node, definition)?)))
        }
        ("link", _) => Some(NodeKind::PassThrough),
        (kind, _) => refuse(reader, node, kind),
    }
}

fn boundary<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    definition: Option<Xml<'a, 'i>>,
) -> Option<NodeKind> {
    let is_interrupting = !is_false(node, "cancelActivity");
    let trigger = match (name_of(definition), definition) {
        ("message" | "timer" | "error" | "escalation" | "signal" | "condition", Some(part)) => {
            caught(reader, node, part, is_interrupting)?
        }
        ("cancel", _) => BoundaryTrigger::Cancel,
        ("compensation", Some(_)) => BoundaryTrigger::Compensation,
        (kind, _) => return refuse(reader, node, kind),
    };
    let Some(attached_to) =
        attribute(node, "attachedToRef").and_then(|id| reader.ids.get(id).copied())
    else {
        reader.problems.invalid(node, "boundary-host", "is attached to no activity");
        return None;
    };
    Some(NodeKind::Boundary(Boundary { attached_to, is_interrupting, trigger }))
}

/// Returns the work of a message throw event or a message end event.
fn work<'a, 'i>(reader: &mut Reader<'a, 'i, '_, '_>, node: Xml<'a, 'i>) -> Option<NodeKind> {
    let Some(definition) = extension(node, "taskDefinition") else {
        reader.problems.invalid(
            node,
            "task-definition",
            "throws a message but has no `zeebe:taskDefinition` that says how",
        );
        return None;
    };
    tasks::job_or_call(reader, node, definition)
}

/// Returns the message that an element refers to by `messageRef`.
pub(super) fn message<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    holder: Xml<'a, 'i>,
    needs_key: bool,
) -> Option<Trigger> {
    let message = match attribute(holder, "messageRef") {
        None => {
            reader.problems.invalid(
                node,
                "message-missing",
                "waits for a message but names none by `messageRef`",
            );
            return None;
        }
        Some(id) => {
            match reader.globals.get(id).filter(|global| global.tag_name().name() == "message") {
                None => {
                    reader.problems.invalid(
                        node,
                        "reference-unknown",
                        &format!("has the `messageRef` `{id}`, which is no message"),
                    );
                    return None;
                }
                Some(message) => *message,
            }
        }
    };
    let Some(name) = attribute(message, "name") else {
        reader.problems.invalid(node, "message-name", "waits for a message that has no name");
        return None;
    };
    if name.starts_with('=') {
        reader.problems.unsupported(message, "a name that is FEEL, of the message");
        return None;
    }
    let key = extension(message, "subscription")
        .and_then(|subscription| attribute(subscription, "correlationKey"));
    let correlation_key = match (needs_key, key) {
        (false, _) => None,
        (true, Some(key)) => Some(reader.expression(node, key)?),
        (true, None) => {
            reader.problems.invalid(
                node,
                "correlation-key",
                &format!("waits for the message `{name}`, which has no `zeebe:subscription correlationKey`"),
            );
            return None;
        }
    };
    Some(Trigger::Message { name: name.into(), correlation_key })
}

/// How errors and escalations are written.
#[derive(Clone, Copy)]
struct Thrown {
    /// What it is, with its article.
    noun: &'static str,
    /// The element that has the code.
    element: &'static str,
    /// The attribute of an event that names that element.
    reference: &'static str,
    /// The attribute with the code.
    code: &'static str,
    /// The rule that there is a code.
    rule: &'static str,
}

const ERROR: Thrown = Thrown {
    noun: "an error",
    element: "error",
    reference: "errorRef",
    code: "errorCode",
    rule: "error-code",
};

const ESCALATION: Thrown = Thrown {
    noun: "an escalation",
    element: "escalation",
    reference: "escalationRef",
    code: "escalationCode",
    rule: "escalation-code",
};

/// Returns the code that an event throws.
fn thrown<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    definition: Xml<'a, 'i>,
    form: Thrown,
) -> Option<String> {
    let found = code(reader, node, definition, form).ok()?;
    if found.is_none() {
        let message = format!("throws {} but names none by `{}`", form.noun, form.reference);
        reader.problems.invalid(node, form.rule, &message);
    }
    found
}

/// Returns the code of the error or escalation that an event refers to.
fn code<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    definition: Xml<'a, 'i>,
    form: Thrown,
) -> Result<Option<String>, ()> {
    let Some(id) = attribute(definition, form.reference) else { return Ok(None) };
    let found = reader.globals.get(id).copied();
    let Some(found) = found.filter(|global| global.tag_name().name() == form.element) else {
        let message = format!("has the `{}` `{id}`, which is no {}", form.reference, form.element);
        reader.problems.invalid(node, "reference-unknown", &message);
        return Err(());
    };
    match attribute(found, form.code) {
        Some(code) if code.starts_with('=') => {
            let what = format!("an `{}` that is FEEL, of", form.code);
            reader.problems.unsupported(node, &what);
            Err(())
        }
        Some(code) => Ok(Some(code.into())),
        None => {
            let message =
                format!("refers to the {} `{id}`, which has no `{}`", form.element, form.code);
            reader.problems.invalid(node, form.rule, &message);
            Err(())
        }
    }
}

/// Returns the name of the signal that an event refers to.
fn signal<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    definition: Xml<'a, 'i>,
) -> Option<String> {
    let Some(id) = attribute(definition, "signalRef") else {
        reader.problems.invalid(node, "signal-missing", "names no signal by `signalRef`");
        return None;
    };
    let found = reader.globals.get(id).copied();
    let Some(found) = found.filter(|global| global.tag_name().name() == "signal") else {
        let message = format!("has the `signalRef` `{id}`, which is no signal");
        reader.problems.invalid(node, "reference-unknown", &message);
        return None;
    };
    match attribute(found, "name") {
        Some(name) if name.starts_with('=') => {
            reader.problems.unsupported(found, "a name that is FEEL, of the signal");
            None
        }
        Some(name) => Some(name.into()),
        None => {
            reader.problems.invalid(node, "signal-name", "is about a signal that has no name");
            None
        }
    }
}

/// Returns the condition that an event waits for.
fn condition<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    definition: Xml<'a, 'i>,
) -> Option<Expression> {
    let text = child(definition, "condition").map(text_of).unwrap_or_default();
    if text.is_empty() {
        reader.problems.invalid(node, "condition-empty", "waits for a condition but has none");
        return None;
    }
    Expression::compile_feel(&text).map_err(|error| reader.problems.feel(node, error)).ok()
}

/// Returns the activity that a compensation event undoes.
#[expect(
    clippy::option_option,
    reason = "outside: whether the event can be read; inside: whether it names an activity"
)]
fn compensated<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    definition: Xml<'a, 'i>,
) -> Option<Option<NodeId>> {
    if is_false(definition, "waitForCompletion") {
        reader.problems.unsupported(node, "compensation that is not waited for, of");
    }
    let Some(id) = attribute(definition, "activityRef") else { return Some(None) };
    let Some(activity) = reader.ids.get(id).copied() else {
        reader.problems.invalid(
            node,
            "reference-unknown",
            &format!("has the `activityRef` `{id}`, which is no activity"),
        );
        return None;
    };
    Some(Some(activity))
}

/// Where a timer stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Start,
    Once,
    Again,
}

fn timer<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    definition: Xml<'a, 'i>,
    purpose: Use,
) -> Option<Timer> {
    let parts = ["timeDate", "timeDuration", "timeCycle"].map(|name| child(definition, name));
    let text = |part: Xml<'a, 'i>| Some(text_of(part)).filter(|text| !text.is_empty());
    match parts {
        [Some(date), None, None] => {
            let date = timed(reader, node, &text(date).unwrap_or_default())?;
            check_constant(reader, node, &date, "2018-10-17T17:30:20Z", |text| {
                Time::parse(text).is_ok()
            })?;
            Some(Timer::Date(date))
        }
        [None, Some(_), None] if purpose == Use::Start => {
            reader.problems.invalid(
                node,
                "timer-start",
                "starts after a duration, but nothing is there that it could follow",
            );
            None
        }
        [None, Some(duration), None] => {
            let duration = timed(reader, node, &text(duration).unwrap_or_default())?;
            check_constant(reader, node, &duration, "PT5M", |text| Period::parse(text).is_ok())?;
            Some(Timer::Duration(duration))
        }
        [None, None, Some(cycle)] => {
            if purpose == Use::Once {
                reader.problems.invalid(
                    node,
                    "timer-cycle",
                    "repeats, but only start events and boundary events that do not interrupt can",
                );
                return None;
            }
            self::cycle(reader, node, &text(cycle).unwrap_or_default())
        }
        _ => {
            reader.problems.invalid(
                node,
                "timer-missing",
                "needs one of `timeDate`, `timeDuration` and `timeCycle`",
            );
            None
        }
    }
}

fn timed<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    text: &str,
) -> Option<Expression> {
    if text.is_empty() {
        reader.problems.invalid(node, "timer-missing", "has a timer without a time");
        return None;
    }
    reader.expression(node, text)
}

/// Checks a time that is always the same.
fn check_constant<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    expression: &Expression,
    example: &str,
    is_valid: impl Fn(&str) -> bool,
) -> Option<()> {
    let shown = match expression.constant() {
        None => return Some(()),
        Some(Value::String(text)) if is_valid(text) => return Some(()),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let message = format!("has the time `{}`; write it as {example}", crate::text::shorten(&shown));
    reader.problems.invalid(node, "timer-value", &message);
    None
}

/// Reads `Rn/DURATION` or `R/DURATION`.
fn cycle<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    text: &str,
) -> Option<Timer> {
    let expression = timed(reader, node, text)?;
    let Some(Value::String(text)) = expression.constant() else {
        reader.problems.unsupported(node, "a `timeCycle` with variables, of");
        return None;
    };
    let parts = text.strip_prefix('R').and_then(|rest| rest.split_once('/'));
    let count = parts
        .map(|(count, _)| if count.is_empty() { Some(None) } else { count.parse().ok().map(Some) });
    let (Some((_, every)), Some(Some(repetitions))) = (parts, count) else {
        reader.problems.unsupported(node, "a `timeCycle` other than `R3/PT1H` and `R/PT1H`, of");
        return None;
    };
    let is_forward = Period::parse(every).is_ok_and(|period| 0 < period.0);
    if !is_forward {
        let message = format!("repeats every `{}`; write it as PT5M", crate::text::shorten(every));
        reader.problems.invalid(node, "timer-value", &message);
        return None;
    }
    Some(Timer::Cycle { repetitions, every: reader.expression(node, every)? })
}
