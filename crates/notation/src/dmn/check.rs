//! What a DMN file may contain, looked at before the model is built.

use crate::Error;
use crate::feel::Lexed;
use crate::xml::place;
use base::Place;
use roxmltree::Node as Xml;
use std::collections::BTreeMap;

/// How many decisions may require one another in a row.
const CHAIN_MAX: usize = 64;

/// Checks a document.
pub(super) fn document(source: &str, document: &roxmltree::Document<'_>) -> Result<(), Error> {
    let root = document.root_element();
    if root.tag_name().name() != "definitions" {
        return Err(refused(
            "dmn.malformed",
            "it is no DMN: the first element is not `definitions`",
            None,
        ));
    }
    for node in root.descendants().filter(Xml::is_element) {
        let at = || Some(place_of(source, node));
        match node.tag_name().name() {
            "text" => expression(node).map_err(|error| match error {
                Error::FeelWallClock { .. } | Error::FeelTooLarge { .. } => error,
                other => refused("dmn.malformed", &other.to_string(), at()),
            })?,
            "functionDefinition" | "encapsulatedLogic"
                if matches!(node.attribute("kind"), Some("Java" | "PMML")) =>
            {
                return Err(refused(
                    "dmn.unsupported",
                    "a function outside of FEEL is not supported",
                    at(),
                ));
            }
            "import" | "importedValues" => {
                return Err(refused(
                    "dmn.unsupported",
                    "an import of another model is not supported",
                    at(),
                ));
            }
            _ => {}
        }
    }
    names(source, root)?;
    requirements(source, root)
}

/// Checks the text of an expression as far as can be seen before it is parsed.
fn expression(node: Xml<'_, '_>) -> Result<(), Error> {
    let Some(text) = node.text() else { return Ok(()) };
    let is_feel = node.ancestors().all(|outer| {
        outer
            .attribute("expressionLanguage")
            .is_none_or(|language| language.to_ascii_lowercase().contains("feel"))
    });
    let parent =
        node.parent().map(|parent| parent.tag_name().name().to_string()).unwrap_or_default();
    if !is_feel || matches!(parent.as_str(), "textAnnotation" | "annotationEntry") {
        return Ok(());
    }
    let lexed = Lexed::new(text)?;
    if let Some(function) =
        ["now", "today"].into_iter().find(|function| lexed.calls.contains(*function))
    {
        return Err(Error::FeelWallClock {
            text: crate::text::shorten(text),
            function: function.into(),
        });
    }
    Ok(())
}

/// Returns whether each decision of a checked document is sure to end soon: tables and expressions without loops, filters, contexts
/// and functions, that require no other decisions. It takes time as its text and its variables are long.
pub(super) fn is_bounded(root: Xml<'_, '_>) -> bool {
    const PLAIN: [&str; 2] = ["decisionTable", "literalExpression"];
    const OTHER: [&str; 9] = [
        "businessKnowledgeModel",
        "decisionService",
        "requiredDecision",
        "requiredKnowledge",
        "functionDefinition",
        "invocation",
        "context",
        "relation",
        "list",
    ];
    let mut elements = root.descendants().filter(Xml::is_element);
    let has_plain = elements.clone().any(|node| PLAIN.contains(&node.tag_name().name()));
    has_plain
        && elements.all(|node| match node.tag_name().name() {
            "text" => node.text().is_none_or(is_plain),
            name => !OTHER.contains(&name) && !name.starts_with("for") && name != "filter",
        })
}

/// Returns whether a text compares and calculates, and nothing else.
fn is_plain(text: &str) -> bool {
    let Ok(lexed) = Lexed::new(text) else { return false };
    let mut words = text.split(|letter: char| !letter.is_alphanumeric());
    let is_test = |text: &str| !text.contains(['[', '{']);
    lexed.calls.iter().all(|call| call == "not")
        && !words.any(|word| matches!(word, "for" | "some" | "every" | "function"))
        // A bracket at the beginning is that of an interval, behind something that of a filter.
        && is_test(text.trim_start().trim_start_matches('['))
}

/// Checks that each decision has a name of its own.
fn names(source: &str, root: Xml<'_, '_>) -> Result<(), Error> {
    let mut seen = BTreeMap::new();
    let decisions = root.children().filter(|node| node.tag_name().name() == "decision");
    for node in decisions {
        for key in ["id", "name"] {
            let Some(value) = node.attribute(key) else { continue };
            if seen.insert((key, value), ()).is_some() {
                let message = format!("two decisions have the {key} `{value}`");
                return Err(refused("dmn.malformed", &message, Some(place_of(source, node))));
            }
        }
    }
    Ok(())
}

/// Checks that decisions do not require themselves, and not in long rows: evaluating recurses along them.
fn requirements(source: &str, root: Xml<'_, '_>) -> Result<(), Error> {
    let parts: BTreeMap<&str, Xml<'_, '_>> =
        root.children().filter_map(|node| Some((node.attribute("id")?, node))).collect();
    // The length of the longest row behind each part; `None` while it is being found.
    let mut lengths: BTreeMap<&str, Option<usize>> = BTreeMap::new();
    for start in parts.keys() {
        let mut open = vec![(*start, false)];
        while let Some((id, is_done)) = open.pop() {
            let Some(node) = parts.get(id) else { continue };
            let required: Vec<&str> =
                required(*node).filter(|other| parts.contains_key(other)).collect();
            if is_done {
                let length =
                    required.iter().filter_map(|other| lengths.get(other).copied().flatten()).max();
                lengths.insert(id, Some(length.map_or(1, |length| length + 1)));
                if length.is_some_and(|length| CHAIN_MAX <= length) {
                    let message =
                        format!("more than {CHAIN_MAX} decisions require one another in a row");
                    return Err(refused("dmn.too_large", &message, Some(place_of(source, *node))));
                }
                continue;
            }
            match lengths.get(id) {
                Some(Some(_)) => continue,
                Some(None) => {
                    let message = format!("`{id}` requires itself, by itself or through others");
                    return Err(refused("dmn.malformed", &message, Some(place_of(source, *node))));
                }
                None => {}
            }
            lengths.insert(id, None);
            open.push((id, true));
            open.extend(
                required
                    .into_iter()
                    .filter(|other| !matches!(lengths.get(other), Some(Some(_))))
                    .map(|other| (other, false)),
            );
        }
    }
    Ok(())
}

/// Returns the ids that a decision, a function or a service refers to.
fn required<'a>(node: Xml<'a, '_>) -> impl Iterator<Item = &'a str> {
    const REFERENCES: [&str; 6] = [
        "requiredDecision",
        "requiredInput",
        "requiredKnowledge",
        "outputDecision",
        "encapsulatedDecision",
        "inputDecision",
    ];
    node.descendants()
        .filter(|part| REFERENCES.contains(&part.tag_name().name()))
        .filter_map(|part| part.attribute("href")?.rsplit('#').next())
}

pub(super) fn refused(code: &'static str, message: &str, place: Option<Place>) -> Error {
    let message: String = message.chars().take(300).collect();
    Error::Malformed { code, message, place }
}

fn place_of(source: &str, node: Xml<'_, '_>) -> Place {
    let mut at = place(source, node.range().start);
    at.pointer = node.ancestors().find_map(|outer| outer.attribute("id")).map(String::from);
    at
}
