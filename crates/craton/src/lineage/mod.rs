//! Shows what stands on what: the edges of `system.lineage` as a graph, walked from a name, drawn as a tree or for Graphviz.

mod dot;
mod graph;
mod tree;

pub use dot::text as dot;
pub use graph::{Direction, Edge, Graph, Node};
pub use tree::{Style, text as tree};
