//! YAML with the place of every key and value.

use super::limits;
use crate::error::Error;
use base::Place;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};

/// A value and where it stands.
#[derive(Debug)]
pub struct Node {
    /// What it is.
    pub tree: Tree,
    /// Where it begins.
    pub at: At,
}

/// A line and a column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// What a value consists of.
#[derive(Debug)]
pub enum Tree {
    /// Something without parts.
    Scalar(Value),
    /// Values in order.
    List(Vec<Node>),
    /// Keys with their places, and values.
    Map(Vec<(String, At, Node)>),
}

/// Reads the documents of a file. Empty documents are left out.
///
/// # Errors
/// `cli.yaml` with line and column.
pub fn documents(file: &str, text: &str) -> Result<Vec<Node>, Error> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_depth: limits::DEPTH_MAX,
            flow_nesting_limit: limits::DEPTH_MAX,
            max_nodes: limits::NODES_MAX,
            max_documents: limits::DOCUMENTS_MAX,
        },
    };
    let documents: Vec<Spanned<Tree>> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| refused(file, &error))?;
    let is_empty = |node: &Node| matches!(node.tree, Tree::Scalar(Value::Null));
    Ok(documents.into_iter().map(Node::from).filter(|node| !is_empty(node)).collect())
}

impl Node {
    /// Returns the value of a key of a map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, ..)| name == key).map(|(.., node)| node)
    }

    /// Returns the entries of a map; none of anything else.
    pub fn entries(&self) -> &[(String, At, Self)] {
        match &self.tree {
            Tree::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns where a JSON pointer leads: the key where it ends at one, else the deepest place that exists.
    pub fn locate(&self, pointer: &str) -> At {
        self.descend(pointer).0
    }

    /// Returns the value to which a JSON pointer leads, or the deepest one on the way that exists.
    pub fn reach(&self, pointer: &str) -> &Self {
        self.descend(pointer).1
    }

    fn descend(&self, pointer: &str) -> (At, &Self) {
        let mut reached = (self.at, self);
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let next = match &reached.1.tree {
                Tree::Map(entries) => {
                    entries.iter().find(|(name, ..)| *name == part).map(|(_, at, node)| (*at, node))
                }
                Tree::List(nodes) => part
                    .parse::<usize>()
                    .ok()
                    .and_then(|i| nodes.get(i))
                    .map(|node| (node.at, node)),
                Tree::Scalar(_) => None,
            };
            match next {
                Some(next) => reached = next,
                None => break,
            }
        }
        reached
    }

    /// Returns the value without places.
    pub fn value(&self) -> Value {
        match &self.tree {
            Tree::Scalar(value) => value.clone(),
            Tree::List(nodes) => nodes.iter().map(Self::value).collect(),
            Tree::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(name, _, node)| (name.clone(), node.value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

impl At {
    /// Returns this place in a file.
    pub fn in_file(self, file: &str) -> Place {
        Place::line(self.line, self.column).in_file(file)
    }
}

impl From<Location> for At {
    fn from(location: Location) -> Self {
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).max(1);
        Self { line: number(location.line()), column: number(location.column()) }
    }
}

impl From<Spanned<Tree>> for Node {
    fn from(spanned: Spanned<Tree>) -> Self {
        Self { at: spanned.referenced.into(), tree: spanned.value }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tree, E> {
        let number =
            Number::from_f64(value).ok_or_else(|| E::custom("this number is not finite"))?;
        Ok(Tree::Scalar(Value::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = access.next_element::<Spanned<Tree>>()? {
            nodes.push(node.into());
        }
        Ok(Tree::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key::<Spanned<String>>()? {
            let node = access.next_value::<Spanned<Tree>>()?;
            entries.push((key.value, key.referenced.into(), node.into()));
        }
        Ok(Tree::Map(entries))
    }
}

/// Turns what the parser says into one line and its place.
fn refused(file: &str, error: &serde_saphyr::Error) -> Error {
    let error = error.without_snippet();
    let at = error.location().map_or(At { line: 1, column: 1 }, At::from);
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default();
    let is_limit = ["budget", "limit", "nest", "depth"].iter().any(|word| text.contains(word));
    let (reason, hint) = if is_limit {
        let depth = limits::DEPTH_MAX;
        (
            "this YAML is nested too deeply or too large".to_owned(),
            Some(format!(
                "a manifest nests {depth} levels at most and has {} values at most",
                limits::NODES_MAX
            )),
        )
    } else {
        (text.to_owned(), None)
    };
    Error::Yaml { reason, place: at.in_file(file), hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_read_as_yaml_says() {
        let text = "a: 1\nb: [x, 'true', true, 129.9, ~]\nc: {d: -5}\n---\n---\ne: |\n  text\n";
        let documents = documents("f.yaml", text).expect("reads");
        let values: Vec<Value> = documents.iter().map(Node::value).collect();
        assert_eq!(
            values,
            [
                json!({"a": 1, "b": ["x", "true", true, 129.9, null], "c": {"d": -5}}),
                json!({"e": "text\n"})
            ]
        );
    }

    #[test]
    fn every_pointer_has_its_place() {
        let text = "kind: Stream\nspec:\n  schema:\n    - name: id\n      type: text\n";
        let documents = documents("f.yaml", text).expect("reads");
        let at = |pointer| {
            let At { line, column } = documents[0].locate(pointer);
            (line, column)
        };
        assert_eq!(at("/spec/schema/0/type"), (5, 7));
        assert_eq!(at("/spec/schema"), (3, 3));
        assert_eq!(at("/spec/schema/0"), (4, 7));
        assert_eq!(at("/spec/nowhere/else"), (2, 1), "the deepest place that exists");
        assert_eq!(at(""), (1, 1));
    }

    #[test]
    fn broken_yaml_has_line_and_column() {
        let place = |text: &str| match documents("f.yaml", text) {
            Err(Error::Yaml { place, .. }) => place.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(place("a: 1\nb: [1, 2\nc: 3\n"), "f.yaml:3:2");
        assert_eq!(place("a: 1\na: 2\n"), "f.yaml:2:1");
        assert!(place(&format!("a: {}", "[".repeat(100_000))).starts_with("f.yaml:1:"));
        assert!(place(&"- ".repeat(100_000)).starts_with("f.yaml:1:"));
    }
}
