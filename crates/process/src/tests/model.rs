//! BPMN written as lines, so that a case costs three of them.
//!
//! ```text
//! start s                         job a TYPE              call c OPERATION RESOURCE
//! start s message NAME            user u                  decide d DECISION VARIABLE
//! start s timer R/PT1H            script x VARIABLE = FEEL
//! start s [beside] TRIGGER, in an event sub-process
//! end e [terminate | cancel | error CODE | escalate CODE | signal NAME | undo [ACTIVITY]]
//! xor g [default FLOW]            or g [default FLOW]     and g        event g
//! sub p {  …  }                   tx p {  …  }            on p {  …  }, an event sub-process
//! throw t (undo [ACTIVITY] | escalate CODE | signal NAME | link NAME)        task n
//! catch c (message NAME KEY | timer PT5M | date =FEEL | signal NAME | when FEEL | link NAME)
//! boundary b on A [beside] (TRIGGER | undo HANDLER | cancel)
//! TRIGGER: message NAME KEY | timer PT5M | cycle R/PT5M | date =FEEL | signal NAME | when FEEL | error [CODE] | escalate [CODE]
//! in A NAME = FEEL                out A NAME = FEEL
//! a > b > c                       a > b if FEEL
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;

#[derive(Default)]
struct Model {
    /// Element lines in order, with their scope.
    elements: Vec<(String, Vec<String>)>,
    mappings: BTreeMap<String, String>,
    flows: BTreeMap<String, Vec<(String, String, String)>>,
    beside: String,
    links: String,
}

/// Returns the BPMN of a model written as lines.
pub(super) fn bpmn(lines: &str) -> String {
    let mut model = Model::default();
    let mut scopes = vec![String::new()];
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let scope = scopes.last().cloned().unwrap_or_default();
        match words[0].as_str() {
            "}" => {
                scopes.pop();
            }
            "in" | "out" => {
                let (_, feel) = line.split_once('=').expect("a mapping");
                let tag = if words[0] == "in" { "input" } else { "output" };
                let text = model.mappings.entry(words[1].clone()).or_default();
                write!(
                    text,
                    r#"<zeebe:{tag} source="={}" target="{}"/>"#,
                    escape(feel.trim()),
                    words[2]
                )
                .expect("text");
            }
            _ if words.get(1).is_some_and(|word| word == ">") => flow(&mut model, &scope, line),
            _ => {
                model.elements.push((scope, words.clone()));
                if matches!(words[0].as_str(), "sub" | "tx" | "on") {
                    scopes.push(words[1].clone());
                }
            }
        }
    }
    let inside = inside(&mut model, "");
    format!(
        r#"<?xml version="1.0"?><bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="definitions"><bpmn:process id="model" isExecutable="true">{inside}{}</bpmn:process>{}</bpmn:definitions>"#,
        model.links, model.beside
    )
}

fn flow(model: &mut Model, scope: &str, line: &str) {
    let (path, condition) = line.split_once(" if ").map_or((line, ""), |(path, feel)| (path, feel));
    let nodes: Vec<&str> = path.split('>').map(str::trim).collect();
    for pair in nodes.windows(2) {
        let flow = (pair[0].to_owned(), pair[1].to_owned(), condition.to_owned());
        model.flows.entry(scope.to_owned()).or_default().push(flow);
    }
}

fn inside(model: &mut Model, scope: &str) -> String {
    let mut text = String::new();
    let elements: Vec<Vec<String>> = model
        .elements
        .iter()
        .filter(|(of, _)| of == scope)
        .map(|(_, words)| words.clone())
        .collect();
    for words in elements {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        text.push_str(&element(model, &words));
    }
    for (from, to, condition) in model.flows.get(scope).cloned().unwrap_or_default() {
        let condition = if condition.is_empty() {
            String::new()
        } else {
            format!("<bpmn:conditionExpression>={}</bpmn:conditionExpression>", escape(&condition))
        };
        write!(text, r#"<bpmn:sequenceFlow id="{from}_{to}" sourceRef="{from}" targetRef="{to}">{condition}</bpmn:sequenceFlow>"#)
            .expect("text");
    }
    text
}

fn element(model: &mut Model, words: &[&str]) -> String {
    let id = words[1];
    let rest = &words[2..];
    let mapping = model
        .mappings
        .get(id)
        .map(|text| format!("<zeebe:ioMapping>{text}</zeebe:ioMapping>"))
        .unwrap_or_default();
    let extended =
        |inner: &str| format!("<bpmn:extensionElements>{inner}{mapping}</bpmn:extensionElements>");
    let wrap = |tag: &str, attributes: &str, inner: &str| {
        format!(r#"<bpmn:{tag} id="{id}"{attributes}>{inner}</bpmn:{tag}>"#)
    };
    match words[0] {
        "start" if rest.first() == Some(&"beside") => wrap(
            "startEvent",
            r#" isInterrupting="false""#,
            &format!("{}{}", extended(""), event(model, id, &rest[1..])),
        ),
        "start" => wrap("startEvent", "", &format!("{}{}", extended(""), event(model, id, rest))),
        "end" => wrap("endEvent", "", &event(model, id, rest)),
        "task" => wrap("task", "", &extended("")),
        "catch" => wrap(
            "intermediateCatchEvent",
            "",
            &format!("{}{}", extended(""), event(model, id, rest)),
        ),
        "throw" => wrap(
            "intermediateThrowEvent",
            "",
            &format!("{}{}", extended(""), event(model, id, rest)),
        ),
        "and" => wrap("parallelGateway", "", ""),
        "event" => wrap("eventBasedGateway", "", ""),
        "xor" | "or" => {
            let default =
                rest.get(1).map(|to| format!(r#" default="{id}_{to}""#)).unwrap_or_default();
            let tag = if words[0] == "or" { "inclusiveGateway" } else { "exclusiveGateway" };
            wrap(tag, &default, "")
        }
        "user" => {
            let more = rest.join(" ");
            wrap("userTask", "", &extended(&format!("<zeebe:userTask/>{more}")))
        }
        "job" => {
            let undo = if rest.contains(&"undoing") { r#" isForCompensation="true""# } else { "" };
            wrap(
                "serviceTask",
                undo,
                &extended(&format!(r#"<zeebe:taskDefinition type="{}"/>"#, rest[0])),
            )
        }
        "call" => {
            let undo = if rest.contains(&"undoing") { r#" isForCompensation="true""# } else { "" };
            let inner = format!(
                r#"<zeebe:taskDefinition type="craton:{}"/><zeebe:taskHeaders><zeebe:header key="resource" value="{}"/></zeebe:taskHeaders>"#,
                rest[0],
                escape(rest[1])
            );
            wrap("serviceTask", undo, &extended(&inner))
        }
        "decide" => wrap(
            "businessRuleTask",
            "",
            &extended(&format!(
                r#"<zeebe:calledDecision decisionId="{}" resultVariable="{}"/>"#,
                rest[0], rest[1]
            )),
        ),
        "script" => wrap(
            "scriptTask",
            "",
            &extended(&format!(
                r#"<zeebe:script expression="={}" resultVariable="{}"/>"#,
                escape(&rest[2..].join(" ")),
                rest[0]
            )),
        ),
        "sub" | "tx" | "on" => {
            let inner = inside(model, id);
            let tag = if words[0] == "tx" { "transaction" } else { "subProcess" };
            let mark = if words[0] == "on" { r#" triggeredByEvent="true""# } else { "" };
            wrap(tag, mark, &format!("{}{inner}", extended("")))
        }
        "boundary" => {
            let is_beside = rest.get(2) == Some(&"beside");
            let trigger = &rest[if is_beside { 3 } else { 2 }..];
            let host = rest[1];
            if trigger[0] == "undo" {
                write!(model.links, r#"<bpmn:association id="{id}_a" associationDirection="One" sourceRef="{id}" targetRef="{}"/>"#, trigger[1])
                    .expect("text");
                return wrap(
                    "boundaryEvent",
                    &format!(r#" attachedToRef="{host}""#),
                    "<bpmn:compensateEventDefinition/>",
                );
            }
            let attributes = format!(r#" attachedToRef="{host}" cancelActivity="{}""#, !is_beside);
            wrap(
                "boundaryEvent",
                &attributes,
                &format!("{}{}", extended(""), event(model, id, trigger)),
            )
        }
        other => panic!("no element `{other}`"),
    }
}

fn event(model: &mut Model, id: &str, words: &[&str]) -> String {
    let text = words.get(1..).unwrap_or_default().join(" ");
    match words.first() {
        None => String::new(),
        Some(&"terminate") => "<bpmn:terminateEventDefinition/>".into(),
        Some(&"message") => {
            let key = words.get(2..).unwrap_or_default().join(" ");
            let subscription = if key.is_empty() {
                String::new()
            } else {
                format!(
                    r#"<bpmn:extensionElements><zeebe:subscription correlationKey="{}"/></bpmn:extensionElements>"#,
                    escape(&key)
                )
            };
            write!(
                model.beside,
                r#"<bpmn:message id="{id}_m" name="{}">{subscription}</bpmn:message>"#,
                words[1]
            )
            .expect("text");
            format!(r#"<bpmn:messageEventDefinition messageRef="{id}_m"/>"#)
        }
        Some(&"error") => match words.get(1) {
            Some(code) => {
                write!(model.beside, r#"<bpmn:error id="{id}_e" errorCode="{code}"/>"#)
                    .expect("text");
                format!(r#"<bpmn:errorEventDefinition errorRef="{id}_e"/>"#)
            }
            None => "<bpmn:errorEventDefinition/>".into(),
        },
        Some(&"escalate") => match words.get(1) {
            Some(code) => {
                write!(model.beside, r#"<bpmn:escalation id="{id}_x" escalationCode="{code}"/>"#)
                    .expect("text");
                format!(r#"<bpmn:escalationEventDefinition escalationRef="{id}_x"/>"#)
            }
            None => "<bpmn:escalationEventDefinition/>".into(),
        },
        Some(&"signal") => {
            write!(model.beside, r#"<bpmn:signal id="{id}_s" name="{text}"/>"#).expect("text");
            format!(r#"<bpmn:signalEventDefinition signalRef="{id}_s"/>"#)
        }
        Some(&"when") => format!(
            "<bpmn:conditionalEventDefinition><bpmn:condition>={}</bpmn:condition></bpmn:conditionalEventDefinition>",
            escape(&text)
        ),
        Some(&"link") => format!(r#"<bpmn:linkEventDefinition name="{text}"/>"#),
        Some(&"cancel") => "<bpmn:cancelEventDefinition/>".into(),
        Some(&"undo") => {
            let activity = words
                .get(1)
                .map(|activity| format!(r#" activityRef="{activity}""#))
                .unwrap_or_default();
            format!("<bpmn:compensateEventDefinition{activity}/>")
        }
        Some(&"date") => format!(
            "<bpmn:timerEventDefinition><bpmn:timeDate>{}</bpmn:timeDate></bpmn:timerEventDefinition>",
            escape(&text)
        ),
        Some(&"cycle") => format!(
            "<bpmn:timerEventDefinition><bpmn:timeCycle>{text}</bpmn:timeCycle></bpmn:timerEventDefinition>"
        ),
        Some(&"timer") if text.starts_with('R') => {
            format!(
                "<bpmn:timerEventDefinition><bpmn:timeCycle>{text}</bpmn:timeCycle></bpmn:timerEventDefinition>"
            )
        }
        Some(&"timer") => format!(
            "<bpmn:timerEventDefinition><bpmn:timeDuration>{}</bpmn:timeDuration></bpmn:timerEventDefinition>",
            escape(&text)
        ),
        Some(other) => panic!("no event `{other}`"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
