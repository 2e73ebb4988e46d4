//! A walk as a tree of lines. What was shown before is not written out again, and circles are cut.

use super::graph::{Direction, Edge, Graph, Node};
use serde_json::Value;
use std::collections::BTreeSet;

/// So many steps from the root are shown.
const DEPTH_MAX: usize = 64;

/// How a tree is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// True where lines are drawn with ASCII characters alone.
    pub is_ascii: bool,
    /// True where the columns of each edge are shown.
    pub has_columns: bool,
}

/// The pieces that lines are drawn with.
struct Pieces {
    branch: &'static str,
    last: &'static str,
    through: &'static str,
    gap: &'static str,
}

const UNICODE: Pieces = Pieces { branch: "├─ ", last: "└─ ", through: "│  ", gap: "   " };
const ASCII: Pieces = Pieces { branch: "|- ", last: "`- ", through: "|  ", gap: "   " };

/// Returns a node with what it stands on and what stands on it, in these directions.
pub fn text(graph: &Graph, root: &Node, directions: &[Direction], style: Style) -> String {
    let mut text = format!("{}\n", shown(root));
    for direction in directions {
        let title = match direction {
            Direction::Up => "stands on",
            Direction::Down => "feeds",
        };
        let pieces = if style.is_ascii { &ASCII } else { &UNICODE };
        let mut walk = Walk {
            graph,
            direction: *direction,
            has_columns: style.has_columns,
            pieces,
            path: vec![root.clone()],
            expanded: BTreeSet::from([root.clone()]),
            text: String::new(),
        };
        walk.branches(root, "");
        let branches = if walk.text.is_empty() { "nothing\n" } else { walk.text.as_str() };
        text.push_str(&format!("\n{title}\n{branches}"));
    }
    text
}

struct Walk<'g> {
    graph: &'g Graph,
    direction: Direction,
    has_columns: bool,
    pieces: &'static Pieces,
    /// The nodes from the root to here.
    path: Vec<Node>,
    /// The nodes whose branches were written.
    expanded: BTreeSet<Node>,
    text: String,
}

impl Walk<'_> {
    fn branches(&mut self, node: &Node, indent: &str) {
        let steps = self.graph.steps(node, self.direction);
        let count = steps.len();
        for (number, (edge, other)) in steps.into_iter().enumerate() {
            let is_last = number + 1 == count;
            let piece = if is_last { self.pieces.last } else { self.pieces.branch };
            let below = if is_last { self.pieces.gap } else { self.pieces.through };
            let mark = self.mark(&other);
            let line = format!(
                "{indent}{piece}{} {}{}{}\n",
                word(&edge.how, self.direction),
                shown(&other),
                if self.has_columns { columns(edge) } else { String::new() },
                mark.unwrap_or_default(),
            );
            self.text.push_str(&line);
            if mark.is_none() && self.expanded.insert(other.clone()) {
                self.path.push(other.clone());
                self.branches(&other, &format!("{indent}{below}"));
                self.path.pop();
            }
        }
    }

    /// Says why the branches of a node are not written here; nothing where they are, or where it has none.
    fn mark(&self, node: &Node) -> Option<&'static str> {
        if self.path.contains(node) {
            return Some(" (a circle)");
        }
        if self.graph.steps(node, self.direction).is_empty() {
            return None;
        }
        if self.expanded.contains(node) {
            return Some(" (see above)");
        }
        (DEPTH_MAX <= self.path.len()).then_some(" (and further)")
    }
}

/// Returns a node for people.
fn shown(node: &Node) -> String {
    format!("{} {}", node.kind, node.name)
}

/// Returns how an edge reads from the root on: `stands on` reads the verb, `feeds` turns it round.
fn word(how: &str, direction: Direction) -> &str {
    const WORDS: &[(&str, &str, &str)] = &[
        ("reads", "reads", "read by"),
        ("writes", "written by", "writes"),
        ("derives", "derived from", "derives"),
        ("starts", "started by", "starts"),
        ("calls", "calls", "called by"),
        ("lends", "lends", "lent by"),
        ("borrows", "borrowed by", "borrows"),
        ("checks", "checks", "checked by"),
        ("measures", "measures", "measured by"),
    ];
    let words = WORDS.iter().find(|(known, ..)| *known == how);
    match (words, direction) {
        (Some((_, up, _)), Direction::Up) => up,
        (Some((_, _, down)), Direction::Down) => down,
        (None, _) => how,
    }
}

/// Returns which columns reach which: ` [gross <- price; state <- state]`.
fn columns(edge: &Edge) -> String {
    let detail = edge.detail();
    let columns = detail.get("columns").and_then(Value::as_object);
    let column = |(name, from): (&String, &Value)| {
        let from = from.as_array().into_iter().flatten().filter_map(Value::as_str);
        format!("{name} <- {}", from.collect::<Vec<_>>().join(", "))
    };
    let columns: Vec<String> = columns.into_iter().flatten().map(column).collect();
    if columns.is_empty() { String::new() } else { format!(" [{}]", columns.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::super::graph::tests::{graph, shop};
    use super::*;

    #[track_caller]
    fn check(graph: &Graph, name: &str, directions: &[Direction], style: Style, expected: &str) {
        let root = graph.find(name).remove(0);
        let text = text(graph, &root, directions, style);
        let expected: String = expected
            .lines()
            .skip(1)
            .map(|line| format!("{}\n", line.strip_prefix("            ").unwrap_or(line)))
            .collect();
        assert_eq!(text.trim_end(), expected.trim_end());
    }

    #[test]
    fn a_tree_goes_down_and_cuts_circles() {
        check(
            &shop(),
            "orders",
            &[Direction::Down],
            Style::default(),
            "
            stream orders

            feeds
            ├─ derives table orders
            ├─ derives table orders_latest
            │  └─ read by view by_state
            │     └─ measured by metric late
            └─ read by process sell
               └─ writes stream parcels
                  ├─ read by process sell (a circle)
                  └─ read by view by_state (see above)
            ",
        );
    }

    #[test]
    fn a_tree_goes_up_with_columns_in_ascii() {
        check(
            &shop(),
            "view/by_state",
            &[Direction::Up, Direction::Down],
            Style { is_ascii: true, has_columns: true },
            "
            view by_state

            stands on
            |- reads stream parcels
            |  `- written by process sell
            |     |- calls contract post
            |     |- reads stream orders
            |     `- reads stream parcels (a circle)
            `- reads table orders_latest [n <- id, price; state <- state]
               `- derived from stream orders

            feeds
            `- measured by metric late
            ",
        );
    }

    #[test]
    fn where_nothing_stands_there_is_nothing() {
        check(
            &shop(),
            "late",
            &[Direction::Down],
            Style::default(),
            "
            metric late

            feeds
            nothing
            ",
        );
    }

    #[test]
    fn a_long_way_ends_and_says_so() {
        let lines: Vec<String> =
            (0..100).map(|number| format!("view/v{number} reads view/v{}", number + 1)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let graph = graph(&lines);
        let root = graph.find("v0").remove(0);
        let text = text(&graph, &root, &[Direction::Down], Style::default());
        assert_eq!(text.lines().count(), 3 + DEPTH_MAX);
        assert!(text.ends_with("read by view v64 (and further)\n"), "{text}");
    }

    #[test]
    fn a_node_that_feeds_itself_is_a_circle() {
        check(
            &graph(&["process/p starts process/p"]),
            "p",
            &[Direction::Up, Direction::Down],
            Style::default(),
            "
            process p

            stands on
            └─ started by process p (a circle)

            feeds
            └─ starts process p (a circle)
            ",
        );
    }
}
