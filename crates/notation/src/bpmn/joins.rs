//! From where a token can still come to an inclusive gateway: worked out once, when the model is compiled.

use crate::graph::{BoundaryTrigger, Graph, NodeId, NodeKind, NodeSet, Trigger};
use std::collections::HashMap;

/// Works out what the engine needs to know of where tokens can go. Assumes a graph that was checked.
pub(super) fn prepare(graph: &mut Graph) {
    let links = links(graph);
    let joins: Vec<NodeId> = (0..)
        .map(NodeId)
        .zip(&graph.nodes)
        .filter(|(_, node)| is_join(&node.kind) && 1 < node.incoming.len())
        .map(|(number, _)| number)
        .collect();
    for join in &joins {
        let found = reaching_each(graph, &links, *join);
        if let NodeKind::InclusiveGateway { reaching, .. } = &mut graph.nodes[join.0 as usize].kind
        {
            *reaching = found;
        }
    }
    let has_condition = graph.nodes.iter().any(|node| waits_for_condition(&node.kind));
    graph.is_looked_over = !joins.is_empty() || has_condition;
}

fn is_join(kind: &NodeKind) -> bool {
    matches!(kind, NodeKind::InclusiveGateway { .. })
}

fn waits_for_condition(kind: &NodeKind) -> bool {
    let is_condition = |trigger: &BoundaryTrigger| {
        matches!(trigger, BoundaryTrigger::Event(Trigger::Condition(_)))
    };
    match kind {
        NodeKind::Catch(Trigger::Condition(_)) => true,
        NodeKind::Boundary(boundary) => is_condition(&boundary.trigger),
        NodeKind::EventSubProcess { trigger, .. } => is_condition(trigger),
        _ => false,
    }
}

/// Returns the events that throw each link, by the event that catches it.
pub(super) fn links(graph: &Graph) -> HashMap<NodeId, Vec<NodeId>> {
    let mut links: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for (number, node) in (0..).map(NodeId).zip(&graph.nodes) {
        if let NodeKind::LinkThrow { to } = node.kind {
            links.entry(to).or_default().push(number);
        }
    }
    links
}

/// Returns, for each flow into a gateway, from where a token can come by it.
fn reaching_each(
    graph: &Graph,
    links: &HashMap<NodeId, Vec<NodeId>>,
    join: NodeId,
) -> Vec<NodeSet> {
    let flows = graph.node(join).incoming.iter();
    flows.map(|flow| reaching(graph, links, join, graph.flow(*flow).from)).collect()
}

/// Returns all nodes from which a token can come to `last` without passing `join`.
fn reaching(
    graph: &Graph,
    links: &HashMap<NodeId, Vec<NodeId>>,
    join: NodeId,
    last: NodeId,
) -> NodeSet {
    let mut found = NodeSet::default();
    let mut open = vec![last];
    while let Some(number) = open.pop() {
        if number == join || !found.insert(number) {
            continue;
        }
        let node = graph.node(number);
        open.extend(node.incoming.iter().map(|flow| graph.flow(*flow).from));
        open.extend(links.get(&number).into_iter().flatten());
        if let NodeKind::Boundary(boundary) = &node.kind {
            open.push(boundary.attached_to);
        }
    }
    found
}
