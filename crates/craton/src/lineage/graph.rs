//! Nodes, the edges between them, and the walk from one along the edges.

use base::nearest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A resource, by kind and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Node {
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// A row of `system.lineage`.
#[derive(Debug, Clone, Deserialize)]
pub struct Edge {
    from_kind: String,
    from_name: String,
    to_kind: String,
    to_name: String,
    /// How the two stand to each other.
    pub how: String,
    /// More about it, as JSON text.
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    declared_by: Option<String>,
    #[serde(default)]
    version: Option<u64>,
}

impl Edge {
    /// Returns what comes first.
    pub fn from(&self) -> Node {
        Node { kind: self.from_kind.clone(), name: self.from_name.clone() }
    }

    /// Returns what stands on it.
    pub fn to(&self) -> Node {
        Node { kind: self.to_kind.clone(), name: self.to_name.clone() }
    }

    /// Returns what more there is to say about it; null where there is nothing.
    pub fn detail(&self) -> Value {
        let detail = self.detail.as_deref();
        detail.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Returns the edge for programs.
    pub fn value(&self) -> Value {
        serde_json::json!({
            "from": self.from(),
            "to": self.to(),
            "how": self.how,
            "detail": self.detail(),
            "declared_by": self.declared_by,
            "version": self.version,
        })
    }
}

/// Which way edges are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// To what something stands on.
    Up,
    /// To what stands on it.
    Down,
}

/// All edges that the caller sees.
#[derive(Debug)]
pub struct Graph {
    edges: Vec<Edge>,
    /// The edges of each node, by their numbers.
    up: BTreeMap<Node, Vec<usize>>,
    down: BTreeMap<Node, Vec<usize>>,
}

impl Graph {
    /// Returns the graph of edges.
    pub fn new(edges: Vec<Edge>) -> Self {
        let (mut up, mut down): (BTreeMap<Node, Vec<usize>>, BTreeMap<Node, Vec<usize>>) =
            Default::default();
        for (number, edge) in edges.iter().enumerate() {
            up.entry(edge.to()).or_default().push(number);
            down.entry(edge.from()).or_default().push(number);
        }
        Self { edges, up, down }
    }

    /// Returns the nodes that a name means: `KIND/NAME` one of them, `NAME` those of every kind, `SCHEMA.NAME` a view or a metric
    /// as SQL names it. A table that is called like its stream is found below it.
    pub fn find(&self, name: &str) -> Vec<Node> {
        let named = |kind: Option<&str>, name: &str| -> Vec<Node> {
            let is_meant =
                |node: &&Node| node.name == name && kind.is_none_or(|kind| node.kind == kind);
            self.nodes().into_iter().filter(is_meant).cloned().collect()
        };
        if let Some((kind, name)) = name.split_once('/') {
            return named(Some(kind), name);
        }
        let mut found = named(None, name);
        if found.iter().any(|node| node.kind == "stream") {
            found.retain(|node| node.kind != "table");
        }
        match name.split_once('.') {
            Some((_, name)) if found.is_empty() => {
                ["view", "metric"].into_iter().flat_map(|kind| named(Some(kind), name)).collect()
            }
            _ => found,
        }
    }

    /// Returns the node whose name is most like one that is none.
    pub fn nearest(&self, name: &str) -> Option<Node> {
        let bare = name.rsplit('/').next().unwrap_or(name);
        let nodes = self.nodes();
        let near = nearest(bare, nodes.iter().map(|node| node.name.as_str()))?;
        nodes.iter().find(|node| node.name == near).map(|node| (*node).clone())
    }

    /// Returns the edges from a node in a direction, each with the node at its other end.
    pub fn steps(&self, node: &Node, direction: Direction) -> Vec<(&Edge, Node)> {
        let numbers = match direction {
            Direction::Up => self.up.get(node),
            Direction::Down => self.down.get(node),
        };
        let step = |number: &usize| {
            let edge = self.edges.get(*number)?;
            let other = match direction {
                Direction::Up => edge.from(),
                Direction::Down => edge.to(),
            };
            Some((edge, other))
        };
        let mut steps: Vec<(&Edge, Node)> =
            numbers.into_iter().flatten().filter_map(step).collect();
        steps.sort_by(|(a, left), (b, right)| (&a.how, left).cmp(&(&b.how, right)));
        steps
    }

    /// Returns all nodes and edges that are reached from some nodes, each once.
    pub fn reached(&self, from: &[Node], directions: &[Direction]) -> (BTreeSet<Node>, Vec<&Edge>) {
        let (mut nodes, mut numbers) = (BTreeSet::new(), BTreeSet::new());
        for direction in directions {
            let edges_of = |node: &Node| match direction {
                Direction::Up => self.up.get(node),
                Direction::Down => self.down.get(node),
            };
            let mut seen: BTreeSet<Node> = from.iter().cloned().collect();
            let mut waiting = from.to_vec();
            while let Some(node) = waiting.pop() {
                for number in edges_of(&node).into_iter().flatten() {
                    let Some(edge) = self.edges.get(*number) else { continue };
                    numbers.insert(*number);
                    for end in [edge.from(), edge.to()] {
                        if seen.insert(end.clone()) {
                            waiting.push(end);
                        }
                    }
                }
            }
            nodes.extend(seen);
        }
        (nodes, numbers.into_iter().filter_map(|number| self.edges.get(number)).collect())
    }

    fn nodes(&self) -> BTreeSet<&Node> {
        self.up.keys().chain(self.down.keys()).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// A graph of edges written as `KIND/NAME HOW KIND/NAME`, with columns behind it where there are some.
    pub(crate) fn graph(lines: &[&str]) -> Graph {
        let edge = |line: &&str| {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            let end = |word: &str| {
                let (kind, name) = word.split_once('/').expect("kind and name");
                (kind.to_owned(), name.to_owned())
            };
            let ((from_kind, from_name), (to_kind, to_name)) = (end(words[0]), end(words[2]));
            let detail = words.get(3).map(|columns| format!("{{\"columns\":{columns}}}"));
            let how = words[1].to_owned();
            let (declared_by, version) = (Some(words[2].to_owned()), Some(1));
            Edge { from_kind, from_name, to_kind, to_name, how, detail, declared_by, version }
        };
        Graph::new(lines.iter().map(edge).collect())
    }

    pub(crate) fn shop() -> Graph {
        graph(&[
            "stream/orders derives table/orders",
            "stream/orders derives table/orders_latest",
            "stream/orders reads process/sell",
            "process/sell writes stream/parcels",
            "stream/parcels reads process/sell",
            "contract/post calls process/sell",
            "table/orders_latest reads view/by_state {\"n\":[\"id\",\"price\"],\"state\":[\"state\"]}",
            "stream/parcels reads view/by_state {}",
            "view/by_state measures metric/late",
            "stream/by_state derives table/by_state",
        ])
    }

    fn names(nodes: impl IntoIterator<Item = Node>) -> Vec<String> {
        nodes.into_iter().map(|node| node.to_string()).collect()
    }

    #[test]
    fn a_name_means_what_is_called_so() {
        let graph = shop();
        for (name, expected) in [
            ("orders", vec!["stream/orders"]),
            ("table/orders", vec!["table/orders"]),
            ("orders_latest", vec!["table/orders_latest"]),
            ("by_state", vec!["stream/by_state", "view/by_state"]),
            ("answers.by_state", vec!["view/by_state"]),
            ("metrics.late", vec!["metric/late"]),
            ("process/orders", vec![]),
            ("order", vec![]),
        ] {
            assert_eq!(names(graph.find(name)), expected, "{name}");
        }
        assert_eq!(names(graph.nearest("ordrs")), ["stream/orders"]);
        assert_eq!(names(graph.nearest("view/by_stat")), ["stream/by_state"]);
        assert_eq!(names(graph.nearest("something-else-entirely")), Vec::<String>::new());
    }

    #[test]
    fn steps_lead_to_the_other_end() {
        let graph = shop();
        let sell = &graph.find("sell")[0];
        let steps = |direction| -> Vec<String> {
            let steps = graph.steps(sell, direction).into_iter();
            steps.map(|(edge, node)| format!("{} {node}", edge.how)).collect()
        };
        let up = ["calls contract/post", "reads stream/orders", "reads stream/parcels"];
        assert_eq!(steps(Direction::Up), up);
        assert_eq!(steps(Direction::Down), ["writes stream/parcels"]);
    }

    #[test]
    fn what_is_reached_is_reached_once_even_in_circles() {
        let graph = shop();
        let reached = |name: &str, directions: &[Direction]| {
            let (nodes, edges) = graph.reached(&graph.find(name), directions);
            (names(nodes), edges.len())
        };
        let up = ["contract/post", "process/sell", "stream/orders", "stream/parcels"];
        assert_eq!(reached("parcels", &[Direction::Up]), (up.map(str::to_owned).to_vec(), 4));
        let (nodes, edges) = reached("late", &[Direction::Down]);
        assert_eq!((nodes, edges), (vec!["metric/late".to_owned()], 0));
        let (nodes, edges) = reached("late", &[Direction::Up, Direction::Down]);
        assert_eq!((nodes.len(), edges), (7, 8));
    }

    #[test]
    fn edges_are_read_and_written_for_programs() {
        let row = json!({"from_kind": "a", "from_name": "b", "to_kind": "c", "to_name": "d", "how": "reads",
            "detail": null, "declared_by": null, "version": null});
        let edge: Edge = serde_json::from_value(row).expect("an edge");
        let from = json!({"kind": "a", "name": "b"});
        assert_eq!((edge.value()["from"].clone(), edge.detail()), (from, Value::Null));
        let graph = shop();
        let by_state = Node { kind: "view".into(), name: "by_state".into() };
        let details: Vec<Value> =
            graph.steps(&by_state, Direction::Up).iter().map(|(edge, _)| edge.detail()).collect();
        let columns = json!({"columns": {"n": ["id", "price"], "state": ["state"]}});
        assert_eq!(details, [json!({"columns": {}}), columns]);
    }
}
