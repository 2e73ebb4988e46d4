//! Nodes and edges as a graph for Graphviz.

use super::graph::{Edge, Node};
use std::collections::BTreeSet;

/// Returns a graph; the nodes from which it was walked stand out.
pub fn text(roots: &[Node], nodes: &BTreeSet<Node>, edges: &[&Edge]) -> String {
    let mut text = String::from(
        "digraph lineage {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n",
    );
    for node in nodes {
        let style = if roots.contains(node) { ", style=bold" } else { "" };
        let label = format!("{}\\n{}", escaped(&node.kind), escaped(&node.name));
        text.push_str(&format!("  {} [label=\"{label}\"{style}];\n", id(node)));
    }
    for edge in edges {
        let how = escaped(&edge.how);
        text.push_str(&format!(
            "  {} -> {} [label=\"{how}\"];\n",
            id(&edge.from()),
            id(&edge.to())
        ));
    }
    text.push_str("}\n");
    text
}

fn id(node: &Node) -> String {
    format!("\"{}\"", escaped(&node.to_string()))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::super::graph::Direction;
    use super::super::graph::tests::graph;
    use super::*;

    #[test]
    fn nodes_and_edges_are_written_once() {
        let graph = graph(&["stream/orders reads view/a\"b", "stream/orders derives table/orders"]);
        let roots = graph.find("orders");
        let (nodes, edges) = graph.reached(&roots, &[Direction::Down]);
        let expected = r#"digraph lineage {
  rankdir=LR;
  node [shape=box, fontname="sans-serif"];
  edge [fontname="sans-serif", fontsize=10];
  "stream/orders" [label="stream\norders", style=bold];
  "table/orders" [label="table\norders"];
  "view/a\"b" [label="view\na\"b"];
  "stream/orders" -> "view/a\"b" [label="reads"];
  "stream/orders" -> "table/orders" [label="derives"];
}
"#;
        assert_eq!(text(&roots, &nodes, &edges), expected);
    }
}
