//! What a DMN file may contain, looked at before the model is built.

use crate::Error;
use crate::feel::Lexed;
use crate::xml::place;
use base::Place;
use roxmltree::Node as Xml;
use std::collections::{BTreeMap, BTreeSet};

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
    let declared: BTreeSet<&str> = root
        .descendants()
        .filter(|node| matches!(node.tag_name().name(), "inputData" | "variable" | "decision"))
        .filter_map(|node| node.attribute("name"))
        .collect();
    for node in root.descendants().filter(Xml::is_element) {
        let at = || Some(place_of(source, node));
        match node.tag_name().name() {
            "text" => expression(node, &declared).map_err(|error| match error {
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
fn expression(node: Xml<'_, '_>, declared: &BTreeSet<&str>) -> Result<(), Error> {
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
    // A name that is no variable is the function itself, which may be called in other ways than with a bracket behind it.
    let is_used = |function: &&str| {
        lexed.calls.contains(*function)
            || lexed.names.contains(*function) && !declared.contains(*function)
    };
    if let Some(function) = ["now", "today"].into_iter().find(is_used) {
        return Err(Error::FeelWallClock {
            text: crate::text::shorten(text),
            function: function.into(),
        });
    }
    Ok(())
}

/// What a document may consist of where its decisions are sure to end soon: tables and expressions over input data. Whatever else
/// there is (functions, services, boxed loops, decisions behind decisions, what a later DMN brings) may take any time.
const BOUNDED: [&str; 41] = [
    "definitions",
    "description",
    "question",
    "allowedAnswers",
    "decision",
    "variable",
    "inputData",
    "itemDefinition",
    "itemComponent",
    "typeRef",
    "allowedValues",
    "informationRequirement",
    "requiredInput",
    "decisionTable",
    "input",
    "inputExpression",
    "inputValues",
    "output",
    "outputValues",
    "defaultOutputEntry",
    "rule",
    "inputEntry",
    "outputEntry",
    "annotation",
    "annotationEntry",
    "literalExpression",
    "text",
    "textAnnotation",
    "association",
    "sourceRef",
    "targetRef",
    "DMNDI",
    "DMNDiagram",
    "DMNShape",
    "DMNEdge",
    "DMNLabel",
    "DMNStyle",
    "Size",
    "Bounds",
    "waypoint",
    "Color",
];

/// Returns how many texts a checked document has where each of its decisions is sure to end soon: it then takes time as the
/// number of its texts times the length of its variables. `None` where a decision may take longer.
pub(super) fn bounded_texts(root: Xml<'_, '_>) -> Option<usize> {
    let mut texts = 0;
    for node in root.descendants().filter(Xml::is_element) {
        let name = node.tag_name().name();
        if !BOUNDED.contains(&name) || name == "text" && !node.text().is_none_or(is_plain) {
            return None;
        }
        texts += usize::from(name == "text");
    }
    Some(texts)
}

/// Returns whether a text compares, and nothing else: no call in any form, no filter, no loop, nothing that grows.
fn is_plain(text: &str) -> bool {
    let bare = without_strings(text);
    let bare = bare.trim();
    let negated = bare.strip_prefix("not").and_then(|rest| rest.trim_start().strip_prefix('('));
    // Brackets at both ends are those of an interval, or of a negation; inside they may be calls and filters.
    let inner = match negated {
        Some(rest) => rest.strip_suffix(')').unwrap_or(rest),
        None => {
            let rest = bare.strip_prefix(['(', '[', ']']).unwrap_or(bare);
            rest.strip_suffix([')', '[', ']']).unwrap_or(rest)
        }
    };
    let mut words = inner.split(|letter: char| !letter.is_alphanumeric());
    !inner.contains(['(', ')', '[', ']', '{', '}', '+', '*', '/', '"'])
        && !words.any(|word| matches!(word, "for" | "some" | "every" | "function" | "external"))
}

/// Returns a text with its string literals emptied.
fn without_strings(text: &str) -> String {
    let mut bare = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '"' {
            bare.push(letter);
            continue;
        }
        let mut is_closed = false;
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => drop(letters.next()),
                '"' => {
                    is_closed = true;
                    break;
                }
                _ => {}
            }
        }
        // A string that does not end keeps its quote, which is not plain.
        bare.push_str(if is_closed { "_" } else { "\"" });
    }
    bare
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
pub(super) fn required<'a>(node: Xml<'a, '_>) -> impl Iterator<Item = &'a str> {
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
