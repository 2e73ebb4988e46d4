//! Collects what is wrong with a model, each with its place.

use crate::Error;
use base::{Code, Kind, Place, Problem};
use roxmltree::Node;

pub(super) const UNSUPPORTED: Code = Code("bpmn.unsupported", Kind::Invalid);
pub(super) const INVALID: Code = Code("bpmn.invalid", Kind::Invalid);
pub(super) const ENDLESS: Code = Code("bpmn.endless", Kind::Invalid);
pub(super) const TOO_LARGE: Code = Code("bpmn.too_large", Kind::Invalid);

/// How many problems of one model are told.
const PROBLEMS_MAX: usize = 100;

/// What is wrong with a model.
pub(crate) struct Problems<'s> {
    source: &'s str,
    /// The offset behind each line break.
    lines: Vec<usize>,
    /// Each with the offset of its element.
    found: Vec<(usize, Problem)>,
}

impl<'s> Problems<'s> {
    pub fn new(source: &'s str) -> Self {
        let lines = source.match_indices('\n').map(|(offset, _)| offset + 1).collect();
        Self { source, lines, found: Vec::new() }
    }

    /// Returns all problems in the order of the file.
    pub fn finish(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|(offset, _)| *offset);
        self.found.into_iter().map(|(_, problem)| problem).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Notes something that the engine does not run.
    pub fn unsupported(&mut self, node: Node<'_, '_>, what: &str) {
        let message = format!("{} is not supported", self.subject(node, what));
        self.add(
            node,
            Problem::new(UNSUPPORTED, message)
                .with_hint("docs/errors/bpmn.unsupported.md lists what runs"),
        );
    }

    /// Notes that a rule is broken.
    pub fn invalid(&mut self, node: Node<'_, '_>, rule: &'static str, message: &str) {
        self.broken(INVALID, node, rule, message);
    }

    /// Notes that a rule with a code of its own is broken.
    pub fn broken(&mut self, code: Code, node: Node<'_, '_>, rule: &'static str, message: &str) {
        let message = format!("{} {message} [{rule}]", self.subject(node, ""));
        let hint = format!("docs/errors/{}.md explains the rule `{rule}`", code.0);
        self.add(node, Problem::new(code, message).with_hint(hint));
    }

    /// Notes that an expression of an element is refused.
    pub fn feel(&mut self, node: Node<'_, '_>, error: Error) {
        let mut problem = Problem::from(error);
        problem.message = format!("{}: {}", self.subject(node, ""), problem.message);
        self.add(node, problem);
    }

    /// Returns the line of an element, from 1.
    pub fn line(&self, node: Node<'_, '_>) -> u32 {
        let line = self.lines.partition_point(|start| *start <= node.range().start) + 1;
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    fn add(&mut self, node: Node<'_, '_>, problem: Problem) {
        let offset = node.range().start;
        if PROBLEMS_MAX <= self.found.len()
            || self
                .found
                .iter()
                .any(|(at, other)| *at == offset && other.message == problem.message)
        {
            return;
        }
        let line = self.line(node);
        let start = self.lines[..line as usize - 1].last().copied().unwrap_or(0);
        let column = self.source[start..offset].chars().count() + 1;
        let mut place = Place::line(line, u32::try_from(column).unwrap_or(u32::MAX));
        place.pointer = owner(node).and_then(|owner| owner.attribute("id")).map(String::from);
        self.found.push((offset, problem.at(place)));
    }

    /// Returns the words for an element: its type and its id.
    fn subject(&self, node: Node<'_, '_>, what: &str) -> String {
        let what = if what.is_empty() {
            format!("`{}`", node.tag_name().name())
        } else {
            what.to_string()
        };
        match owner(node) {
            Some(owner) if owner == node => {
                format!("{what} `{}`", owner.attribute("id").unwrap_or_default())
            }
            Some(owner) => {
                let (kind, id) =
                    (owner.tag_name().name(), owner.attribute("id").unwrap_or_default());
                format!("{what} of `{kind}` `{id}`")
            }
            None => what,
        }
    }
}

/// Returns the nearest element outward that a user knows by id.
fn owner<'a, 'i>(node: Node<'a, 'i>) -> Option<Node<'a, 'i>> {
    let is_part = |node: &Node<'_, '_>| {
        let name = node.tag_name().name();
        name.ends_with("EventDefinition")
            || name.ends_with("LoopCharacteristics")
            || name.ends_with("conditionExpression")
    };
    node.ancestors().find(|node| node.has_attribute("id") && !is_part(node))
}
