//! Completes models that were drawn for a simulator: it needs no messages, times, codes and conditions, an engine does.
//!
//! What a model says stays as it is. What is added is neutral to the flow of tokens: events without a message get one of their own,
//! timers a moment of their own, gateways conditions over variables that say which flow to take.

use base::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The correlation key of all messages.
pub(super) const KEY: &str = "key";
/// The type of all jobs.
pub(super) const WORK: &str = "work";

/// An element of XML, as far as models need it.
#[derive(Debug, Clone, Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Element(Element),
    /// As it stands in the file.
    Text(String),
}

impl Element {
    fn local(&self) -> &str {
        self.name.rsplit(':').next().unwrap_or(&self.name)
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(held, _)| held == name);
        found.map(|(_, value)| value.as_str())
    }

    fn set(&mut self, name: &str, value: &str) {
        self.attributes.retain(|(held, _)| held != name);
        self.attributes.push((name.into(), value.into()));
    }

    fn id(&self) -> String {
        self.get("id").unwrap_or_default().to_owned()
    }

    fn elements(&self) -> impl Iterator<Item = &Element> {
        self.parts.iter().filter_map(|part| match part {
            Part::Element(element) => Some(element),
            Part::Text(_) => None,
        })
    }

    fn elements_mut(&mut self) -> impl Iterator<Item = &mut Element> {
        self.parts.iter_mut().filter_map(|part| match part {
            Part::Element(element) => Some(element),
            Part::Text(_) => None,
        })
    }

    fn has(&self, local: &str) -> bool {
        self.elements().any(|element| element.local() == local)
    }

    fn write(&self, text: &mut String) {
        write!(text, "<{}", self.name).expect("text");
        for (name, value) in &self.attributes {
            write!(text, " {name}=\"{value}\"").expect("text");
        }
        text.push('>');
        for part in &self.parts {
            match part {
                Part::Element(element) => element.write(text),
                Part::Text(held) => text.push_str(held),
            }
        }
        write!(text, "</{}>", self.name).expect("text");
    }
}

/// Reads XML that a modeler wrote; returns the first element.
fn read(source: &str) -> Element {
    let mut open: Vec<Element> = vec![Element::default()];
    let mut rest = source;
    while let Some(start) = rest.find('<') {
        let text = &rest[..start];
        if let Some(last) = open.last_mut().filter(|_| !text.trim().is_empty()) {
            last.parts.push(Part::Text(text.to_owned()));
        }
        rest = &rest[start..];
        let ending = if rest.starts_with("<!--") { "-->" } else { ">" };
        let end = rest.find(ending).map_or(rest.len(), |at| at + ending.len());
        let tag = &rest[..end];
        rest = &rest[end..];
        if tag.starts_with("<?") || tag.starts_with("<!") {
            continue;
        }
        if tag.starts_with("</") {
            let closed = open.pop().expect("an open element");
            open.last_mut().expect("an outer element").parts.push(Part::Element(closed));
            continue;
        }
        let inner = tag.trim_start_matches('<').trim_end_matches('>');
        let element = read_tag(inner.trim_end_matches('/'));
        if inner.ends_with('/') {
            open.last_mut().expect("an outer element").parts.push(Part::Element(element));
        } else {
            open.push(element);
        }
    }
    let outer = open.pop().expect("the outermost");
    let first = outer.elements().next().cloned();
    first.expect("an element")
}

fn read_tag(text: &str) -> Element {
    let (name, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let mut element = Element { name: name.trim().into(), ..Element::default() };
    while let Some((name, behind)) = rest.split_once('=') {
        let behind = behind.trim_start();
        let quote = behind.chars().next().expect("a quote");
        let value = &behind[1..];
        let end = value.find(quote).expect("the end of a value");
        element.attributes.push((name.trim().into(), value[..end].replace('"', "&quot;")));
        rest = &value[end + 1..];
    }
    element
}

/// What a completed model has that the suite needs to know.
#[derive(Debug, Default)]
pub(super) struct Completed {
    /// The model.
    pub source: String,
    /// What each element is: its type, what it waits for, and whether it stands at the top of its process.
    pub kinds: BTreeMap<String, Kind>,
    /// When each timer is due.
    pub due: BTreeMap<String, Time>,
    /// The flows behind each gateway at which the suite chooses, in the order of the file.
    pub choices: BTreeMap<String, Vec<String>>,
    /// Gateways of these that take every flow that is true.
    pub inclusive: BTreeSet<String>,
    /// Source and target of each sequence flow.
    pub flows: Vec<(String, String, String)>,
    /// Target of each message flow.
    pub message_flows: BTreeMap<String, String>,
    /// The process of each participant.
    pub participants: BTreeMap<String, String>,
}

/// What an element is.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    /// Its type.
    pub local: String,
    /// Its event definition, without `EventDefinition`; empty where there is none.
    pub event: String,
    /// Whether it stands directly in its process.
    pub is_outside: bool,
    /// Whether it is an event sub-process.
    pub is_event: bool,
}

/// Completes a model. `waiting` names activities that wait until they are triggered, `timers` those that are, in their order.
pub(super) fn complete(source: &str, waiting: &BTreeSet<String>, timers: &[String]) -> Completed {
    let mut root = read(source);
    let prefix = root.name.strip_suffix("definitions").unwrap_or_default().to_owned();
    let mut completed = Completed::default();
    for (hour, timer) in (1..).zip(timers) {
        completed.due.insert(timer.clone(), Time(hour * 3_600_000));
    }
    survey(&root, false, &mut completed);
    let mut maker = Maker { prefix, waiting, globals: Vec::new(), completed: &mut completed };
    maker.element(&mut root);
    let globals = std::mem::take(&mut maker.globals);
    root.parts.extend(globals.into_iter().map(Part::Element));
    root.set("xmlns:zeebe", "http://camunda.org/schema/zeebe/1.0");
    root.write(&mut completed.source);
    completed
}

fn event_of(element: &Element) -> String {
    let definition = element
        .elements()
        .find_map(|part| part.local().strip_suffix("EventDefinition").map(str::to_owned));
    definition.unwrap_or_default()
}

fn survey(element: &Element, is_outside: bool, completed: &mut Completed) {
    let mut outgoing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in element.elements() {
        let field = |name: &str| part.get(name).unwrap_or_default().to_owned();
        match part.local() {
            "sequenceFlow" => {
                let (id, from) = (part.id(), field("sourceRef"));
                outgoing.entry(from.clone()).or_default().push(id.clone());
                completed.flows.push((id, from, field("targetRef")));
            }
            "messageFlow" => {
                completed.message_flows.insert(part.id(), field("targetRef"));
            }
            "participant" => {
                completed.participants.insert(part.id(), field("processRef"));
            }
            _ => {}
        }
        let kind = Kind {
            local: part.local().into(),
            event: event_of(part),
            is_outside,
            is_event: part.get("triggeredByEvent") == Some("true"),
        };
        completed.kinds.insert(part.id(), kind);
        survey(part, part.local() == "process", completed);
    }
    for part in element.elements() {
        let is_inclusive = part.local() == "inclusiveGateway";
        let flows = outgoing.remove(&part.id()).unwrap_or_default();
        if (is_inclusive || part.local() == "exclusiveGateway") && 1 < flows.len() {
            if is_inclusive {
                completed.inclusive.insert(part.id());
            }
            completed.choices.insert(part.id(), flows);
        }
    }
}

struct Maker<'a> {
    prefix: String,
    waiting: &'a BTreeSet<String>,
    globals: Vec<Element>,
    completed: &'a mut Completed,
}

impl Maker<'_> {
    fn made(&self, local: &str, attributes: &[(&str, &str)]) -> Element {
        let attributes =
            attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Element { name: format!("{}{local}", self.prefix), attributes, parts: Vec::new() }
    }

    fn element(&mut self, element: &mut Element) {
        let id = element.id();
        let local = element.local().to_owned();
        let is_throwing = matches!(local.as_str(), "intermediateThrowEvent" | "endEvent");
        match local.as_str() {
            "message" => self.message(element),
            "error" if element.get("errorCode").is_none() => element.set("errorCode", &id),
            "escalation" if element.get("escalationCode").is_none() => {
                element.set("escalationCode", &id);
            }
            "signal" if element.get("name").is_none() => element.set("name", &id),
            "task" | "manualTask" if self.waiting.contains(&id) => {
                element.name = format!("{}userTask", self.prefix);
            }
            "receiveTask" => self.refer_to_message(element, &id),
            "serviceTask" | "sendTask" | "businessRuleTask" | "scriptTask" => self.work(element),
            "endEvent" | "intermediateThrowEvent" if element.has("messageEventDefinition") => {
                self.work(element);
            }
            "sequenceFlow" => self.condition(element, &id),
            _ => {}
        }
        let defaults: Vec<String> =
            element.elements().filter_map(|part| part.get("default").map(str::to_owned)).collect();
        for part in element.elements_mut() {
            if defaults.contains(&part.id()) {
                part.set("is-default", "true");
            }
        }
        for part in element.elements_mut() {
            if part.local().ends_with("EventDefinition") {
                self.definition(part, &id, is_throwing);
            }
            self.element(part);
            part.attributes.retain(|(name, _)| name != "is-default");
        }
    }

    fn definition(&mut self, definition: &mut Element, owner: &str, is_throwing: bool) {
        let local = definition.local().to_owned();
        match local.as_str() {
            "messageEventDefinition" if !is_throwing => {
                self.refer_to_message(definition, owner);
            }
            "timerEventDefinition" => {
                let is_set = ["timeDate", "timeDuration", "timeCycle"]
                    .iter()
                    .any(|part| definition.has(part));
                if !is_set {
                    let due = self.completed.due.get(owner).copied();
                    // One that is never triggered is due when nobody looks any more.
                    let due = due.unwrap_or(Time(4_000_000_000_000));
                    let mut date = self.made("timeDate", &[]);
                    date.parts.push(Part::Text(due.to_string()));
                    definition.parts.push(Part::Element(date));
                }
            }
            "errorEventDefinition" if is_throwing && definition.get("errorRef").is_none() => {
                definition.set("errorRef", "any-error");
                self.global("error", "any-error", &[("errorCode", "any")]);
            }
            "escalationEventDefinition"
                if is_throwing && definition.get("escalationRef").is_none() =>
            {
                definition.set("escalationRef", "any-escalation");
                self.global("escalation", "any-escalation", &[("escalationCode", "any")]);
            }
            "signalEventDefinition" if definition.get("signalRef").is_none() => {
                definition.set("signalRef", "any-signal");
                self.global("signal", "any-signal", &[("name", "any")]);
            }
            "conditionalEventDefinition" => {
                definition.parts.clear();
                let mut condition = self.made("condition", &[]);
                condition.parts.push(Part::Text(format!("={}", met(owner))));
                definition.parts.push(Part::Element(condition));
            }
            _ => {}
        }
    }

    fn global(&mut self, local: &str, id: &str, attributes: &[(&str, &str)]) {
        if self.globals.iter().all(|global| global.id() != id) {
            let mut made = self.made(local, attributes);
            made.set("id", id);
            self.globals.push(made);
        }
    }

    fn refer_to_message(&mut self, element: &mut Element, owner: &str) {
        if element.get("messageRef").is_some() {
            return;
        }
        let name = message_of(owner);
        element.set("messageRef", &name);
        let mut message = self.made("message", &[("id", name.as_str())]);
        self.message(&mut message);
        self.globals.push(message);
    }

    /// Gives a message a name and a correlation key.
    fn message(&mut self, message: &mut Element) {
        let id = message.id();
        if message.get("name").is_none() {
            message.set("name", &id);
        }
        if !message.has("extensionElements") {
            let subscription = Element {
                name: "zeebe:subscription".into(),
                attributes: vec![("correlationKey".into(), KEY.into())],
                parts: Vec::new(),
            };
            let mut extension = self.made("extensionElements", &[]);
            extension.parts.push(Part::Element(subscription));
            message.parts.insert(0, Part::Element(extension));
        }
    }

    /// Gives what has work to do a job.
    fn work(&mut self, element: &mut Element) {
        if element.has("extensionElements") {
            return;
        }
        let definition = Element {
            name: "zeebe:taskDefinition".into(),
            attributes: vec![("type".into(), WORK.into())],
            parts: Vec::new(),
        };
        let mut extension = self.made("extensionElements", &[]);
        extension.parts.push(Part::Element(definition));
        element.parts.insert(0, Part::Element(extension));
    }

    /// Has a flow behind a gateway taken where a variable says so.
    fn condition(&mut self, flow: &mut Element, id: &str) {
        let is_chosen =
            self.completed.choices.values().any(|flows| flows.iter().any(|of| of == id));
        if !is_chosen {
            return;
        }
        flow.parts.retain(
            |part| !matches!(part, Part::Element(part) if part.local() == "conditionExpression"),
        );
        if flow.get("is-default").is_none() {
            let mut condition = self.made("conditionExpression", &[]);
            condition.parts.push(Part::Text(format!("={}", taken(id))));
            flow.parts.push(Part::Element(condition));
        }
    }
}

/// Returns the message of an element.
pub(super) fn message_of(id: &str) -> String {
    format!("message-{id}")
}

/// Returns the variable by which a flow is taken.
pub(super) fn taken(flow: &str) -> String {
    format!("take_{}", flow.replace('-', "_"))
}

/// Returns the variable by which a condition is met.
pub(super) fn met(id: &str) -> String {
    format!("met_{}", id.replace('-', "_"))
}
