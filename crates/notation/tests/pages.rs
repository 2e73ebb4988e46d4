//! Every code of this room has a page, and the pages say every rule.

use std::path::Path;

const CODES: &[&str] = &[
    "bpmn.endless",
    "bpmn.invalid",
    "bpmn.malformed",
    "bpmn.too_large",
    "bpmn.unsupported",
    "dmn.failed",
    "dmn.malformed",
    "dmn.too_large",
    "dmn.unknown",
    "dmn.unsupported",
    "feel.failed",
    "feel.syntax",
    "feel.too_large",
    "feel.unbounded",
    "feel.wall_clock",
    "form.invalid",
    "form.invalid_value",
    "form.malformed",
    "form.too_large",
];

fn page(code: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    std::fs::read_to_string(folder.join(format!("{code}.md"))).unwrap_or_default()
}

/// Returns all texts of a source that look like a code, such as `bpmn.invalid`, or a rule, such as `start-missing`.
fn literals(source: &str, separator: char) -> Vec<String> {
    let is_word = |text: &&str| {
        text.split(separator).count() == 2
            && text.split(separator).all(|word| {
                !word.is_empty()
                    && word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
            })
    };
    source.split('"').filter(is_word).map(String::from).collect()
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders = ["", "bpmn", "dmn", "feel", "form"].map(|folder| root.join(folder));
    let files =
        folders.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
    let files = files
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    files
        .filter(|path| !path.ends_with("tests.rs"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap_or_default()))
        .collect()
}

#[test]
fn every_code_has_a_page() {
    for code in CODES {
        let page = page(code);
        assert!(page.starts_with(&format!("# {code}\n")), "docs/errors/{code}.md");
        for part in ["## What happened", "## Why", "## What to do"] {
            assert!(page.contains(part), "docs/errors/{code}.md has no part `{part}`");
        }
    }
    for (file, source) in sources() {
        for code in literals(&source, '.') {
            let is_code =
                ["bpmn.", "dmn.", "feel.", "form."].iter().any(|kind| code.starts_with(kind));
            assert!(!is_code || CODES.contains(&code.as_str()), "{code} in {file} has no page");
        }
    }
}

#[test]
fn every_rule_is_on_a_page() {
    let pages =
        ["bpmn.invalid", "bpmn.unsupported", "bpmn.endless", "bpmn.too_large"].map(page).concat();
    let mut rules: Vec<String> = Vec::new();
    for (file, source) in sources() {
        if file.contains("bpmn") {
            rules.extend(literals(&source, '-'));
        }
    }
    assert!(20 < rules.len());
    for rule in rules {
        assert!(pages.contains(&format!("`{rule}`")), "the rule `{rule}` is on no page");
    }
}
