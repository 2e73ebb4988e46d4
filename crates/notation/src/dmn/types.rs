//! FEEL's names of types, which a model may use, as the evaluator knows them: a type that it does not know would have no value.

use roxmltree::Node as Xml;
use std::ops::Range;

/// FEEL's names that the evaluator does not know, each with its own name for the type.
const NAMES: [(&str, &str); 3] = [
    ("date and time", "dateTime"),
    ("days and time duration", "dayTimeDuration"),
    ("years and months duration", "yearMonthDuration"),
];

/// Returns the text of a model with the evaluator's names of types. Where the model defines a type of such a name, that is meant.
pub(super) fn renamed(source: &str, root: Xml<'_, '_>) -> String {
    let mut text = String::with_capacity(source.len());
    let mut copied = 0;
    for (range, name) in references(source, root) {
        text.push_str(&source[copied..range.start]);
        text.push_str(name);
        copied = range.end;
    }
    text.push_str(&source[copied..]);
    text
}

/// Returns where a type is named otherwise than the evaluator knows it, in the order of the text, and the name that it knows.
fn references(source: &str, root: Xml<'_, '_>) -> Vec<(Range<usize>, &'static str)> {
    let is_defined = |name: &str| {
        root.children().any(|node| {
            node.tag_name().name() == "itemDefinition" && node.attribute("name") == Some(name)
        })
    };
    let names: Vec<_> = NAMES.into_iter().filter(|(feel, _)| !is_defined(feel)).collect();
    let known = |range: Range<usize>| {
        let written = source.get(range.clone())?.trim();
        let (_, name) = names.iter().find(|(feel, _)| *feel == written)?;
        Some((range, *name))
    };
    let mut found = Vec::new();
    for node in root.descendants().filter(Xml::is_element) {
        let types =
            node.attributes().filter(|one| matches!(one.name(), "typeRef" | "outputTypeRef"));
        found.extend(types.filter_map(|one| known(one.range_value())));
        if node.tag_name().name() == "typeRef" {
            let texts = node.children().filter(Xml::is_text);
            found.extend(texts.filter_map(|text| known(text.range())));
        }
    }
    found.sort_by_key(|(range, _)| range.start);
    found
}
