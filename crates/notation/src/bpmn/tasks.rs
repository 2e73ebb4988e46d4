//! Tasks and the `zeebe:` elements that say what they do.

use super::elements::{attribute, child, extension, extensions, is_activity, is_event, text_of};
use super::read::Reader;
use crate::feel;
use crate::graph::{Call, Decision, Form, Job, Mapping, NodeKind, Script, Trigger, UserTask};
use roxmltree::Node as Xml;
use std::collections::BTreeMap;

/// The prefix of a task type that makes a call of the kernel.
const CALL: &str = "craton:";
/// How often a job is tried where nothing is said.
const RETRIES: &str = "3";
/// The prefix of the key of a form that stands in the BPMN file.
const EMBEDDED: &str = "camunda-forms:";

/// Returns what a task does.
pub(super) fn kind<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
) -> Option<NodeKind> {
    let name = node.tag_name().name();
    let definition = extension(node, "taskDefinition");
    match (name, definition) {
        ("userTask", None) => user_task(reader, node),
        ("receiveTask", None) => receive_task(reader, node),
        ("userTask" | "receiveTask", Some(definition)) => {
            reader.problems.unsupported(definition, "");
            None
        }
        ("businessRuleTask", _) if extension(node, "calledDecision").is_some() => {
            refuse_both(reader, node, "calledDecision");
            decision(reader, node)
        }
        ("scriptTask", _) if extension(node, "script").is_some() => {
            refuse_both(reader, node, "script");
            script(reader, node)
        }
        (_, Some(definition)) => job_or_call(reader, node, definition),
        ("task" | "manualTask", None) => Some(NodeKind::PassThrough),
        (_, None) => {
            let needed = match name {
                "businessRuleTask" => "`zeebe:calledDecision` or `zeebe:taskDefinition`",
                "scriptTask" => "`zeebe:script` or `zeebe:taskDefinition`",
                _ => "`zeebe:taskDefinition`",
            };
            reader.problems.invalid(
                node,
                "task-definition",
                &format!("has no {needed}, so nothing says what it does"),
            );
            None
        }
    }
}

fn refuse_both<'a, 'i>(reader: &mut Reader<'a, 'i, '_, '_>, node: Xml<'a, 'i>, other: &str) {
    if extension(node, "taskDefinition").is_some() {
        let message = format!("has both `zeebe:taskDefinition` and `zeebe:{other}`");
        reader.problems.invalid(node, "task-definition", &message);
    }
}

/// Returns a job for a worker, or a call of the kernel where the type begins with `craton:`.
pub(super) fn job_or_call<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    definition: Xml<'a, 'i>,
) -> Option<NodeKind> {
    let Some(job_type) = attribute(definition, "type") else {
        reader.problems.invalid(node, "task-type", "has a `zeebe:taskDefinition` without a type");
        return None;
    };
    let mut headers = headers(reader, node);
    let retries = reader.expression(node, attribute(definition, "retries").unwrap_or(RETRIES));
    if let Some(operation) = job_type.strip_prefix(CALL) {
        let is_operation = operation.split('.').count() == 2 && operation.split('.').all(is_word);
        if !is_operation {
            let message = format!(
                "has the type `{job_type}`, but an operation is written `craton:KIND.VERB`"
            );
            reader.problems.invalid(node, "call-operation", &message);
        }
        let Some(resource) = headers.remove("resource") else {
            reader.problems.invalid(
                node,
                "call-resource",
                "makes a call but has no task header `resource`",
            );
            return None;
        };
        let resource = reader.expression(node, &resource)?;
        return Some(NodeKind::Call(Call {
            operation: operation.into(),
            resource,
            headers,
            retries: retries?,
        }));
    }
    let job_type = reader.expression(node, job_type);
    Some(NodeKind::Job(Job { job_type: job_type?, retries: retries?, headers }))
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|character| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
        })
}

fn headers<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    let list = extension(node, "taskHeaders");
    for header in list.iter().flat_map(|list| list.children()).filter(Xml::is_element) {
        let Some(key) = attribute(header, "key") else {
            reader.problems.invalid(node, "header-key", "has a task header without a key");
            continue;
        };
        let value = header.attribute("value").unwrap_or_default();
        if headers.insert(key.to_string(), value.to_string()).is_some() {
            reader.problems.invalid(
                node,
                "header-key",
                &format!("has the task header `{key}` twice"),
            );
        }
    }
    headers
}

fn decision<'a, 'i>(reader: &mut Reader<'a, 'i, '_, '_>, node: Xml<'a, 'i>) -> Option<NodeKind> {
    let called = extension(node, "calledDecision")?;
    let (Some(decision), Some(result)) =
        (attribute(called, "decisionId"), attribute(called, "resultVariable"))
    else {
        reader.problems.invalid(
            node,
            "decision-incomplete",
            "needs `decisionId` and `resultVariable`",
        );
        return None;
    };
    if decision.starts_with('=') {
        reader.problems.unsupported(node, "a `decisionId` that is FEEL, of");
        return None;
    }
    if attribute(called, "bindingType").is_some_and(|binding| binding == "versionTag") {
        reader.problems.unsupported(node, "the binding `versionTag` of");
    }
    Some(NodeKind::Decision(Decision { decision: decision.into(), result_variable: result.into() }))
}

fn script<'a, 'i>(reader: &mut Reader<'a, 'i, '_, '_>, node: Xml<'a, 'i>) -> Option<NodeKind> {
    let script = extension(node, "script")?;
    let (Some(text), Some(result)) =
        (attribute(script, "expression"), attribute(script, "resultVariable"))
    else {
        reader.problems.invalid(
            node,
            "script-incomplete",
            "needs `expression` and `resultVariable`",
        );
        return None;
    };
    if let Err(error) = feel::check(text) {
        reader.problems.feel(node, error);
        return None;
    }
    let text = text.strip_prefix('=').unwrap_or(text).to_string();
    Some(NodeKind::Script(Script { text, result_variable: result.into() }))
}

fn user_task<'a, 'i>(reader: &mut Reader<'a, 'i, '_, '_>, node: Xml<'a, 'i>) -> Option<NodeKind> {
    let mut field = |element: &str, name: &str| {
        let text = extension(node, element).and_then(|element| attribute(element, name));
        text.and_then(|text| reader.expression(node, text))
    };
    let assignee = field("assignmentDefinition", "assignee");
    let candidate_groups = field("assignmentDefinition", "candidateGroups");
    let due = field("taskSchedule", "dueDate");
    let priority = field("priorityDefinition", "priority");
    let form = form(node);
    let title = attribute(node, "name").filter(|name| name.trim_start().starts_with('='));
    let title = title.and_then(|text| reader.expression(node, text));
    let description = child(node, "documentation").map(text_of).filter(|text| !text.is_empty());
    for (element, name) in
        [("assignmentDefinition", "candidateUsers"), ("taskSchedule", "followUpDate")]
    {
        if extension(node, element).is_some_and(|element| attribute(element, name).is_some()) {
            reader.problems.unsupported(node, &format!("`{name}` of"));
        }
    }
    let task = UserTask { title, assignee, candidate_groups, due, priority, form, description };
    Some(NodeKind::UserTask(Box::new(task)))
}

/// Returns the form that an element names.
pub(super) fn form(node: Xml<'_, '_>) -> Option<Form> {
    let definition = extension(node, "formDefinition")?;
    let text = |name: &str| attribute(definition, name).map(str::to_owned);
    if let Some(name) = text("formId") {
        return Some(Form::Named(name));
    }
    match text("formKey") {
        Some(key) if key.starts_with(EMBEDDED) => Some(Form::Embedded(key)),
        Some(key) => Some(Form::Named(key)),
        None => text("externalReference").map(Form::Foreign),
    }
}

fn receive_task<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
) -> Option<NodeKind> {
    let trigger: Trigger = super::events::message(reader, node, node, true)?;
    Some(NodeKind::Catch(trigger))
}

/// Returns `zeebe:input` and `zeebe:output` of an element.
pub(super) fn mappings<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
) -> (Vec<Mapping>, Vec<Mapping>) {
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    let list = extension(node, "ioMapping");
    for item in list.iter().flat_map(|list| list.children()).filter(Xml::is_element) {
        let Some(mapping) = mapping(reader, node, item) else { continue };
        match item.tag_name().name() {
            "input" => inputs.push(mapping),
            "output" => outputs.push(mapping),
            _ => reader.problems.unsupported(item, ""),
        }
    }
    (inputs, outputs)
}

fn mapping<'a, 'i>(
    reader: &mut Reader<'a, 'i, '_, '_>,
    node: Xml<'a, 'i>,
    item: Xml<'a, 'i>,
) -> Option<Mapping> {
    let (Some(source), Some(target)) = (item.attribute("source"), attribute(item, "target")) else {
        reader.problems.invalid(
            node,
            "mapping-incomplete",
            "has a mapping without `source` or `target`",
        );
        return None;
    };
    let target: Vec<String> = target.split('.').map(String::from).collect();
    if !target.iter().all(|name| is_variable(name)) {
        let message =
            format!("has a mapping to `{}`, which is no name of a variable", target.join("."));
        reader.problems.invalid(node, "mapping-target", &message);
        return None;
    }
    Some(Mapping { source: reader.expression(node, source)?, target })
}

fn is_variable(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|character| character.is_alphanumeric() || character == '_')
}

/// Refuses `zeebe:` elements that do not run, or not on this element.
pub(super) fn check_extensions<'a, 'i>(reader: &mut Reader<'a, 'i, '_, '_>, node: Xml<'a, 'i>) {
    let name = node.tag_name().name();
    let extensions: Vec<_> = extensions(node).collect();
    for (index, extension) in extensions.iter().enumerate() {
        let kind = extension.tag_name().name();
        let does_run = match kind {
            "properties" => true,
            "ioMapping" => is_activity(name) || is_event(name),
            "taskDefinition" | "taskHeaders" => {
                is_activity(name) || matches!(name, "endEvent" | "intermediateThrowEvent")
            }
            "calledDecision" => name == "businessRuleTask",
            "script" => name == "scriptTask",
            "userTask" | "assignmentDefinition" | "taskSchedule" | "priorityDefinition" => {
                name == "userTask"
            }
            "formDefinition" => matches!(name, "userTask" | "startEvent"),
            _ => false,
        };
        if !does_run {
            reader.problems.unsupported(*extension, "");
        }
        if extensions[..index].iter().any(|other| other.tag_name().name() == kind) {
            reader.problems.invalid(*extension, "extension-twice", "is there twice");
        }
    }
}
