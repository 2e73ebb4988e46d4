//! Reads a BPMN document into a graph: first all ids, then each element with its references.

use super::elements::{
    BPMN, attribute, child, children, is_activity, is_flow_node, is_modelling_only, is_sub_process,
    is_task, is_true, text_of,
};
use super::problems::TOO_LARGE;
use super::{NODES_MAX, Problems, check, events, joins, tasks};
use crate::feel::Expression;
use crate::graph::{BoundaryTrigger, Flow, FlowId, Form, Graph, Node, NodeId, NodeKind};
use roxmltree::Node as Xml;
use std::collections::{BTreeMap, HashMap};

/// Reads the process of a document. What is wrong goes into `problems`; without a graph there is at least one.
pub(super) fn graph(
    document: &roxmltree::Document<'_>,
    process_id: Option<&str>,
    problems: &mut Problems<'_>,
) -> Option<Graph> {
    let root = document.root_element();
    if !root.has_tag_name((BPMN, "definitions")) {
        problems.invalid(root, "definitions", "is not `definitions` of BPMN 2.0");
        return None;
    }
    let process = choose(root, process_id, problems)?;
    let mut reader = Reader::new(root, problems);
    reader.collect(process, None);
    if NODES_MAX < reader.raw.len() {
        reader.problems.broken(
            TOO_LARGE,
            process,
            "nodes",
            &format!("has more than {NODES_MAX} elements"),
        );
        return None;
    }
    let mut graph = reader.build(process);
    check::structure(&graph, &mut reader, process);
    if !reader.problems.is_empty() {
        return None;
    }
    joins::prepare(&mut graph);
    Some(graph)
}

/// Finds the process: the one named, else the only executable one, else the only one.
fn choose<'a, 'i>(
    root: Xml<'a, 'i>,
    process_id: Option<&str>,
    problems: &mut Problems<'_>,
) -> Option<Xml<'a, 'i>> {
    let processes: Vec<_> =
        children(root).filter(|node| node.tag_name().name() == "process").collect();
    if let Some(id) = process_id {
        let found = processes.iter().find(|node| node.attribute("id") == Some(id));
        if found.is_none() {
            let nearest =
                base::nearest(id, processes.iter().filter_map(|node| node.attribute("id")));
            let hint =
                nearest.map(|nearest| format!("; the nearest is `{nearest}`")).unwrap_or_default();
            problems.invalid(root, "process-unknown", &format!("has no process `{id}`{hint}"));
        }
        return found.copied();
    }
    let executable: Vec<_> =
        processes.iter().filter(|node| is_true(**node, "isExecutable")).collect();
    match (executable.as_slice(), processes.as_slice()) {
        ([only], _) => Some(**only),
        ([], [only]) => Some(*only),
        ([], []) => {
            problems.invalid(root, "process-missing", "has no process");
            None
        }
        _ => {
            problems.invalid(
                root,
                "process-ambiguous",
                "has several processes; say which by `process_id`",
            );
            None
        }
    }
}

/// An element that becomes a node.
pub(super) struct Raw<'a, 'i> {
    pub xml: Xml<'a, 'i>,
    pub id: &'a str,
    pub scope: Option<NodeId>,
}

/// Everything that is known of a document while its graph is built.
pub(super) struct Reader<'a, 'i, 'p, 's> {
    pub problems: &'p mut Problems<'s>,
    /// All nodes, in the order of the file.
    pub raw: Vec<Raw<'a, 'i>>,
    pub ids: HashMap<&'a str, NodeId>,
    pub flows: Vec<Xml<'a, 'i>>,
    associations: Vec<Xml<'a, 'i>>,
    /// All elements of BPMN by id.
    all: HashMap<&'a str, Xml<'a, 'i>>,
    /// `message`, `error`, `escalation` and `signal` elements by id.
    pub globals: HashMap<&'a str, Xml<'a, 'i>>,
    pub flow_ids: HashMap<&'a str, FlowId>,
}

impl<'a, 'i, 'p, 's> Reader<'a, 'i, 'p, 's> {
    fn new(root: Xml<'a, 'i>, problems: &'p mut Problems<'s>) -> Self {
        let mut seen = HashMap::new();
        let mut globals = HashMap::new();
        for node in root.descendants().filter(|node| node.tag_name().namespace() == Some(BPMN)) {
            let Some(id) = node.attribute("id") else { continue };
            if seen.insert(id, node).is_some() {
                problems.invalid(node, "id-twice", "has an id that another element has too");
            }
            if matches!(node.tag_name().name(), "message" | "error" | "escalation" | "signal") {
                globals.insert(id, node);
            }
        }
        Self {
            problems,
            raw: Vec::new(),
            ids: HashMap::new(),
            flows: Vec::new(),
            associations: Vec::new(),
            all: seen,
            globals,
            flow_ids: HashMap::new(),
        }
    }

    /// Collects the elements of a process or a sub-process. The depth of the document bounds the recursion.
    fn collect(&mut self, container: Xml<'a, 'i>, scope: Option<NodeId>) {
        for node in children(container) {
            let name = node.tag_name().name();
            match name {
                "sequenceFlow" => self.flow(node),
                "association" => self.associations.push(node),
                _ if is_flow_node(name) => self.node(node, scope),
                _ if is_modelling_only(name) => {}
                _ if name.ends_with("LoopCharacteristics") => {}
                _ => self.problems.unsupported(node, ""),
            }
        }
    }

    fn node(&mut self, node: Xml<'a, 'i>, scope: Option<NodeId>) {
        let Some(id) = attribute(node, "id") else {
            self.problems.invalid(node, "id-missing", "has no id");
            return;
        };
        let number = NodeId(u32::try_from(self.raw.len()).unwrap_or(u32::MAX));
        self.raw.push(Raw { xml: node, id, scope });
        self.ids.insert(id, number);
        if is_sub_process(node.tag_name().name()) && self.raw.len() <= NODES_MAX {
            self.collect(node, Some(number));
        }
    }

    fn flow(&mut self, node: Xml<'a, 'i>) {
        let Some(id) = attribute(node, "id") else {
            self.problems.invalid(node, "id-missing", "has no id");
            return;
        };
        self.flow_ids.insert(id, FlowId(u32::try_from(self.flows.len()).unwrap_or(u32::MAX)));
        self.flows.push(node);
    }

    fn build(&mut self, process: Xml<'a, 'i>) -> Graph {
        let mut nodes: Vec<Node> =
            (0..self.raw.len()).map(|index| self.build_node(index)).collect();
        let flows = self.build_flows(&mut nodes);
        self.attach(&mut nodes);
        self.compensate(&mut nodes);
        let events = gather_events(&mut nodes);
        let starts = (0..).map(NodeId).zip(&nodes);
        let starts = starts
            .filter(|(_, node)| node.scope.is_none() && matches!(node.kind, NodeKind::Start(_)));
        let starts = starts.map(|(number, _)| number).collect();
        let id = attribute(process, "id").unwrap_or_default().to_string();
        let name = attribute(process, "name").map(String::from);
        let start_form = self.start_form(&nodes);
        Graph { id, name, nodes, flows, starts, events, start_form, is_looked_over: false }
    }

    /// Reads the form of the start event without trigger; no other start takes one, for nobody sees it.
    fn start_form(&mut self, nodes: &[Node]) -> Option<Form> {
        let mut found = None;
        for (index, node) in nodes.iter().enumerate() {
            let xml = self.raw[index].xml;
            if xml.tag_name().name() != "startEvent" {
                continue;
            }
            let Some(form) = tasks::form(xml) else { continue };
            if node.scope.is_none() && matches!(node.kind, NodeKind::Start(None)) {
                found = Some(form);
            } else {
                let message = "has a form, but only a start without trigger, of the process itself, shows one";
                self.problems.invalid(xml, "start-form", message);
            }
        }
        found
    }

    fn build_node(&mut self, index: usize) -> Node {
        let (xml, id, scope) = (self.raw[index].xml, self.raw[index].id, self.raw[index].scope);
        self.check_parts(xml);
        let kind = match xml.tag_name().name() {
            name if is_task(name) => tasks::kind(self, xml),
            name if is_sub_process(name) => self.sub_process(xml, index),
            "exclusiveGateway" => {
                Some(NodeKind::ExclusiveGateway { default: self.default_flow(xml) })
            }
            "inclusiveGateway" => Some(NodeKind::InclusiveGateway {
                default: self.default_flow(xml),
                reaching: Vec::new(),
            }),
            "parallelGateway" => Some(NodeKind::ParallelGateway),
            "eventBasedGateway" => self.event_gateway(xml),
            _ => events::kind(self, xml, scope),
        };
        let (inputs, outputs) = tasks::mappings(self, xml);
        Node {
            id: id.to_string(),
            name: attribute(xml, "name").map(String::from),
            line: self.problems.line(xml),
            scope,
            // A node that is refused stands in the graph until the checks are through; such a graph is never given out.
            kind: kind.unwrap_or(NodeKind::PassThrough),
            incoming: Vec::new(),
            outgoing: Vec::new(),
            boundaries: Vec::new(),
            events: Vec::new(),
            inputs,
            outputs,
            compensation: None,
        }
    }

    /// Refuses the parts and marks of an element that do not run.
    fn check_parts(&mut self, node: Xml<'a, 'i>) {
        let name = node.tag_name().name();
        for part in children(node) {
            let part_name = part.tag_name().name();
            let is_known = is_modelling_only(part_name)
                || is_sub_process(name) && !part_name.ends_with("LoopCharacteristics")
                || super::elements::is_event(name)
                    && (part_name.ends_with("EventDefinition")
                        || part_name == "eventDefinitionRef")
                || name == "scriptTask" && part_name == "script";
            if !is_known {
                self.problems.unsupported(part, "");
            }
        }
        for mark in ["startQuantity", "completionQuantity"] {
            if attribute(node, mark).is_some_and(|count| count != "1") {
                self.problems.unsupported(node, &format!("`{mark}` other than 1 on"));
            }
        }
        if is_true(node, "instantiate") {
            self.problems.unsupported(node, "`instantiate` on");
        }
        let has_default = matches!(name, "exclusiveGateway" | "inclusiveGateway");
        if attribute(node, "default").is_some() && !has_default {
            self.problems.unsupported(node, "a default flow of");
        }
        tasks::check_extensions(self, node);
    }

    fn sub_process(&mut self, node: Xml<'a, 'i>, index: usize) -> Option<NodeKind> {
        let number = self.number(index);
        let start = self
            .raw
            .iter()
            .position(|raw| raw.scope == Some(number) && raw.xml.tag_name().name() == "startEvent");
        let Some(start) = start else {
            self.problems.invalid(node, "start-missing", "has no start event");
            return None;
        };
        let (first, is_transaction) = (self.number(start), node.tag_name().name() == "transaction");
        if !self.is_event_scope(Some(number)) {
            return Some(NodeKind::SubProcess { start: first, is_transaction });
        }
        let xml = self.raw[start].xml;
        let (is_interrupting, trigger) = events::event_start(self, xml)?;
        Some(NodeKind::EventSubProcess { start: first, is_interrupting, trigger })
    }

    /// Whether a scope is an event sub-process.
    pub fn is_event_scope(&self, scope: Option<NodeId>) -> bool {
        scope.is_some_and(|scope| {
            let xml = self.raw[scope.0 as usize].xml;
            xml.tag_name().name() == "subProcess" && is_true(xml, "triggeredByEvent")
        })
    }

    /// Returns the event that catches the link of an event that throws one: the only one of that name in its scope.
    pub fn link(&self, name: &str, scope: Option<NodeId>) -> Option<NodeId> {
        let mut found = (0..).map(NodeId).zip(&self.raw).filter(|(_, raw)| {
            raw.scope == scope
                && raw.xml.tag_name().name() == "intermediateCatchEvent"
                && events::link_name(raw.xml) == Some(name)
        });
        match (found.next(), found.next()) {
            (Some((number, _)), None) => Some(number),
            _ => None,
        }
    }

    fn number(&self, index: usize) -> NodeId {
        NodeId(u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn event_gateway(&mut self, node: Xml<'a, 'i>) -> Option<NodeKind> {
        if attribute(node, "eventGatewayType").is_some_and(|kind| kind != "Exclusive") {
            self.problems.unsupported(node, "the parallel form of");
        }
        Some(NodeKind::EventGateway)
    }

    fn default_flow(&mut self, node: Xml<'a, 'i>) -> Option<FlowId> {
        let id = attribute(node, "default")?;
        let flow = self.flow_ids.get(id).copied();
        let is_own = flow.is_some_and(|flow| {
            attribute(self.flows[flow.0 as usize], "sourceRef") == attribute(node, "id")
        });
        if !is_own {
            self.problems.invalid(
                node,
                "default-unknown",
                &format!("has the default flow `{id}`, which does not begin at it"),
            );
        }
        flow
    }

    fn build_flows(&mut self, nodes: &mut [Node]) -> Vec<Flow> {
        let mut flows = Vec::new();
        for index in 0..self.flows.len() {
            let node = self.flows[index];
            let ends = (self.end(node, "sourceRef"), self.end(node, "targetRef"));
            let condition = self.condition(node);
            let (Some(from), Some(to)) = ends else { continue };
            if nodes[from.0 as usize].scope != nodes[to.0 as usize].scope {
                self.problems.invalid(node, "flow-scope", "crosses the border of a sub-process");
            }
            let number = FlowId(u32::try_from(index).unwrap_or(u32::MAX));
            nodes[from.0 as usize].outgoing.push(number);
            nodes[to.0 as usize].incoming.push(number);
            flows.push(Flow {
                id: attribute(node, "id").unwrap_or_default().into(),
                from,
                to,
                condition,
            });
        }
        // Where a flow is missing the numbers do not fit; then there is a problem too, and the graph is not used.
        if flows.len() != self.flows.len() {
            for node in nodes.iter_mut() {
                node.incoming.retain(|flow| (flow.0 as usize) < flows.len());
                node.outgoing.retain(|flow| (flow.0 as usize) < flows.len());
            }
        }
        flows
    }

    fn end(&mut self, flow: Xml<'a, 'i>, attribute_name: &str) -> Option<NodeId> {
        let found = attribute(flow, attribute_name).and_then(|id| self.ids.get(id).copied());
        // An element that was refused has no number; one problem is enough.
        if found.is_none() && !self.is_refused(attribute(flow, attribute_name)) {
            let named = attribute(flow, attribute_name).unwrap_or_default();
            let message =
                format!("has the `{attribute_name}` `{named}`, which is no element of the process");
            self.problems.invalid(flow, "reference-unknown", &message);
        }
        found
    }

    /// Whether an id belongs to an element of the document that is no node, because it is not supported.
    fn is_refused(&self, id: Option<&str>) -> bool {
        !self.problems.is_empty() && id.is_some_and(|id| self.all.contains_key(id))
    }

    fn condition(&mut self, flow: Xml<'a, 'i>) -> Option<Expression> {
        let condition = child(flow, "conditionExpression")?;
        if attribute(condition, "language")
            .is_some_and(|language| !language.to_ascii_lowercase().contains("feel"))
        {
            self.problems.unsupported(condition, "the language of `conditionExpression`");
            return None;
        }
        let text = text_of(condition);
        if text.is_empty() {
            self.problems.invalid(flow, "condition-empty", "has an empty condition");
            return None;
        }
        Expression::compile_feel(&text).map_err(|error| self.problems.feel(flow, error)).ok()
    }

    /// Hangs boundary events on their activities.
    fn attach(&mut self, nodes: &mut [Node]) {
        for index in 0..nodes.len() {
            let NodeKind::Boundary(boundary) = &nodes[index].kind else { continue };
            let host = boundary.attached_to;
            let xml = self.raw[index].xml;
            let is_event = self.is_event_scope(Some(host));
            if is_event || !is_activity(self.raw[host.0 as usize].xml.tag_name().name()) {
                self.problems.invalid(
                    xml,
                    "boundary-host",
                    "is attached to something that is no activity",
                );
            } else if nodes[host.0 as usize].scope != nodes[index].scope {
                self.problems.invalid(
                    xml,
                    "boundary-host",
                    "is attached to an activity of another scope",
                );
            } else {
                let number = self.number(index);
                nodes[host.0 as usize].boundaries.push(number);
            }
        }
    }

    /// Gives each activity with a compensation boundary event the activity that undoes it.
    fn compensate(&mut self, nodes: &mut [Node]) {
        let mut handlers: BTreeMap<NodeId, NodeId> = BTreeMap::new();
        for association in &self.associations {
            let ends = ["sourceRef", "targetRef"]
                .map(|end| attribute(*association, end).and_then(|id| self.ids.get(id)));
            if let [Some(from), Some(to)] = ends {
                handlers.insert(*from, *to);
            }
        }
        for index in 0..nodes.len() {
            let NodeKind::Boundary(boundary) = &nodes[index].kind else { continue };
            if !matches!(boundary.trigger, BoundaryTrigger::Compensation) {
                continue;
            }
            let (host, xml, number) =
                (boundary.attached_to, self.raw[index].xml, self.number(index));
            let handler = handlers
                .get(&number)
                .filter(|handler| is_true(self.raw[handler.0 as usize].xml, "isForCompensation"));
            match handler {
                None => self.problems.invalid(
                    xml,
                    "compensation-handler",
                    "has no association to an activity for compensation",
                ),
                Some(_) if nodes[host.0 as usize].compensation.is_some() => {
                    self.problems.invalid(
                        xml,
                        "compensation-twice",
                        "is the second compensation of its activity",
                    );
                }
                Some(handler)
                    if nodes[handler.0 as usize].scope != nodes[host.0 as usize].scope =>
                {
                    self.problems.invalid(
                        xml,
                        "compensation-handler",
                        "has its activity for compensation in another scope",
                    );
                }
                Some(handler) => nodes[host.0 as usize].compensation = Some(*handler),
            }
        }
    }

    /// Compiles an attribute or a text that is FEEL where it begins with `=`.
    pub fn expression(&mut self, node: Xml<'a, 'i>, text: &str) -> Option<Expression> {
        Expression::compile(text).map_err(|error| self.problems.feel(node, error)).ok()
    }

    /// Whether an activity is one that undoes another.
    pub fn is_handler(&self, number: NodeId) -> bool {
        is_true(self.raw[number.0 as usize].xml, "isForCompensation")
    }
}

/// Gives each scope its event sub-processes; returns those outside every sub-process.
fn gather_events(nodes: &mut [Node]) -> Vec<NodeId> {
    let mut outside = Vec::new();
    for index in 0..nodes.len() {
        if !matches!(nodes[index].kind, NodeKind::EventSubProcess { .. }) {
            continue;
        }
        let number = NodeId(u32::try_from(index).unwrap_or(u32::MAX));
        match nodes[index].scope {
            Some(scope) => nodes[scope.0 as usize].events.push(number),
            None => outside.push(number),
        }
    }
    outside
}
