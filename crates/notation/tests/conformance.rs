//! Public suites, read in place: token flow of BPMN (parsed only here, `crates/process` runs them) and the compatibility kit of DMN.

use base::{Explain, Time};
use expect_test::expect_file;
use notation::{bpmn, dmn, feel};
use roxmltree::Node;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn shared(folder: &str) -> PathBuf {
    let root = std::env::var("CRATON_SHARED").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    root.join("conformance").join(folder)
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_bpmn_trace_compiles_or_is_refused_with_a_code() {
    let files = files(&shared("bpmn-traces"), "bpmn");
    if files.is_empty() {
        println!("no conformance data here");
        return;
    }
    let (mut compiled, mut reasons) = (0, BTreeMap::<String, usize>::new());
    for file in &files {
        let source = std::fs::read_to_string(file).expect("a readable file");
        match bpmn::parse_all_errors(&source, None) {
            Ok(_) => compiled += 1,
            Err(problems) => {
                for problem in problems {
                    assert!(problem.code.starts_with("bpmn."), "{}: {problem:?}", file.display());
                    assert!(
                        problem.place.as_ref().is_some_and(|place| place.line.is_some()),
                        "{}: {problem:?}",
                        file.display()
                    );
                    *reasons.entry(reason(&problem.message)).or_default() += 1;
                }
            }
        }
    }
    println!("{compiled} of {} compile", files.len());
    for (reason, count) in reasons {
        println!("{count:4} {reason}");
    }
    assert!(5 <= compiled, "only {compiled} compile");
}

/// Returns a message without ids.
fn reason(message: &str) -> String {
    match message.rsplit_once('[') {
        Some((_, rule)) if rule.ends_with(']') => rule.trim_end_matches(']').to_string(),
        _ if message.starts_with('`') => message.split('`').nth(1).unwrap_or_default().to_string(),
        _ => message.split('`').next().unwrap_or_default().to_string(),
    }
}

/// The page that says what is refused and what is answered otherwise.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/dmn-conformance.md");

const INTRODUCTION: &str = "# DMN: the compatibility kit

A test runs the models and checks of the DMN compatibility kit (dmn-tck/tck, levels 2 and 3) through the evaluator that processes use
(`crates/notation/tests/conformance.rs`). Numbers agree within 1e-8, as the kit says; dates, times and durations agree where FEEL says that
they are equal (`P1Y0M` is `P1Y`); where the kit expects null because something fails, an error with a reason agrees. JSON has no dates: what is
declared as a date, a time or a duration is given as text, and where no type is declared, as text in the form of FEEL's literal
(`@\"2018-10-17\"`). A model is refused when it is applied where it would look outside of the model or at the clock of the wall. This page is
checked by that test to be exactly what happens; `UPDATE_EXPECT=1` writes it.

";

/// What came out of the kit.
#[derive(Default)]
struct Kit {
    right: usize,
    /// Checks that were answered otherwise: model, case and result.
    wrong: BTreeSet<String>,
    /// Models that were refused, with the code.
    refused: BTreeMap<String, String>,
    /// All models.
    models: BTreeSet<String>,
}

#[test]
fn the_dmn_compatibility_kit_agrees() {
    let files = files(&shared("dmn-tck"), "dmn");
    if files.is_empty() {
        println!("no conformance data here");
        return;
    }
    let mut kit = Kit::default();
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        kit.models.insert(name.clone());
        let source = std::fs::read_to_string(file).expect("a readable file");
        let model = match dmn::Model::parse(&source) {
            Ok(model) => model,
            Err(error) => {
                println!("{name} is refused: {error}");
                kit.refused.insert(name, error.code().0.to_owned());
                continue;
            }
        };
        let untyped = untyped_inputs(&source);
        for cases in tests_of(file) {
            let text = std::fs::read_to_string(&cases).expect("a readable file");
            let document = roxmltree::Document::parse(&text).expect("XML");
            for case in document.descendants().filter(|node| node.has_tag_name_local("testCase")) {
                run_case(&model, &untyped, case, &name, &mut kit);
            }
        }
    }
    let count = kit.right + kit.wrong.len();
    println!("{} of {count} checks agree, {} models refused", kit.right, kit.refused.len());
    assert!(count * 99 <= kit.right * 100, "{:#?}", kit.wrong);
    check_page(&kit);
}

/// Holds the page against what came out. Where there are other models than the page knows, those that it knows do as it says.
fn check_page(kit: &Kit) {
    let page = expect_file![PAGE];
    let written = page.data();
    let has = |line: &String| written.contains(line.as_str());
    let knows_all = kit.models.iter().all(|model| written.contains(&format!("`{model}`")));
    if knows_all || std::env::var("UPDATE_EXPECT").is_ok() {
        page.assert_eq(&render(kit));
        return;
    }
    for line in kit.wrong.iter().filter(|line| !has(line)) {
        println!("answered otherwise and on no page: {line}");
    }
    for model in kit.models.iter().filter(|model| written.contains(&format!("- `{model}`\n"))) {
        assert!(!kit.refused.contains_key(model), "{model} is refused, but not on the page");
    }
}

fn render(kit: &Kit) -> String {
    let mut text = String::from(INTRODUCTION);
    let count = kit.right + kit.wrong.len();
    text.push_str(&format!(
        "Of {count} checks {} agree; {} of {} models are refused.\n\n## Refused\n\n| model | by |\n|---|---|\n",
        kit.right,
        kit.refused.len(),
        kit.models.len()
    ));
    for (model, code) in &kit.refused {
        text.push_str(&format!("| `{model}` | [{code}](../errors/{code}.md) |\n"));
    }
    text.push_str("\n## Answered otherwise\n\n");
    for line in &kit.wrong {
        text.push_str(&format!("{line}\n"));
    }
    text.push_str("\n## Models that run\n\n");
    for model in kit.models.iter().filter(|model| !kit.refused.contains_key(*model)) {
        text.push_str(&format!("- `{model}`\n"));
    }
    text
}

fn tests_of(model: &Path) -> Vec<PathBuf> {
    files(model.parent().expect("a folder"), "xml")
}

/// Returns the names of the inputs for which a model declares no type.
fn untyped_inputs(source: &str) -> BTreeSet<String> {
    let document = roxmltree::Document::parse(source).expect("XML");
    let inputs = document.descendants().filter(|node| node.has_tag_name_local("inputData"));
    let is_untyped = |node: &Node<'_, '_>| {
        let variable = node.children().find(|part| part.has_tag_name_local("variable"));
        let declared = variable.and_then(|variable| variable.attribute("typeRef"));
        declared.is_none_or(|name| name == "Any")
    };
    inputs.filter(is_untyped).filter_map(|node| node.attribute("name").map(String::from)).collect()
}

fn run_case(
    model: &dmn::Model,
    untyped: &BTreeSet<String>,
    case: Node<'_, '_>,
    file: &str,
    kit: &mut Kit,
) {
    let mut input = Map::new();
    for node in case.children().filter(|node| node.has_tag_name_local("inputNode")) {
        let name = node.attribute("name").unwrap_or_default();
        let value = value_of(node);
        let value = if untyped.contains(name) { value } else { without_literals(value) };
        input.insert(name.into(), value);
    }
    let service = case
        .attribute("invocableName")
        .filter(|_| case.attribute("type") == Some("decisionService"));
    for result in case.children().filter(|node| node.has_tag_name_local("resultNode")) {
        let name = result.attribute("name").unwrap_or_default();
        // Functions are not called by processes.
        let is_function = case.attribute("type") == Some("bkm");
        if is_function || model.find(service.unwrap_or(name)).is_none() {
            continue;
        }
        let expected =
            result.children().find(|node| node.has_tag_name_local("expected")).map(value_of);
        let is_error = result.attribute("errorResult") == Some("true");
        let actual = model.evaluate(service.unwrap_or(name), &input).map(|value| match value {
            // A service with several decisions answers with all of them.
            Value::Object(mut all) if service.is_some() && all.contains_key(name) => {
                all.remove(name).unwrap_or_default()
            }
            other => other,
        });
        let agrees = match (&expected, &actual) {
            // The kit expects null where something fails; here that is an error with a reason.
            (Some(Value::Null), Err(_)) => true,
            (_, Err(_)) => is_error,
            (Some(expected), Ok(actual)) => same(expected, actual),
            (None, Ok(actual)) => actual.is_null(),
        };
        if agrees {
            kit.right += 1;
        } else {
            let case = case.attribute("id").unwrap_or_default();
            println!("{file} {case} {name}: expected {expected:?}, got {actual:?}");
            kit.wrong.insert(format!("- `{file}` case {case}, `{name}`"));
        }
    }
}

trait Local {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl Local for Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

/// Returns what a test case says as JSON: a value, a list or components. A date, a time or a duration is FEEL's literal, as text.
fn value_of(node: Node<'_, '_>) -> Value {
    const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
    let is_nil = |node: Node<'_, '_>| node.attribute((XSI, "nil")) == Some("true");
    let parts: Vec<_> = node.children().filter(Node::is_element).collect();
    if let Some(value) = parts.iter().find(|part| part.has_tag_name_local("value")) {
        let text = value.text().unwrap_or_default();
        let kind = value.attribute((XSI, "type")).unwrap_or_default();
        return match kind.rsplit(':').next() {
            _ if is_nil(*value) => Value::Null,
            Some("boolean") => Value::Bool(text.trim() == "true"),
            Some("decimal" | "double" | "integer" | "int" | "float") => number_of(text.trim()),
            Some("date" | "time" | "dateTime" | "duration") => {
                Value::String(format!("@\"{}\"", text.trim()))
            }
            _ => Value::String(text.into()),
        };
    }
    if let Some(list) = parts.iter().find(|part| part.has_tag_name_local("list")) {
        return Value::Array(
            list.children().filter(|part| part.has_tag_name_local("item")).map(value_of).collect(),
        );
    }
    let components: Vec<_> =
        parts.iter().filter(|part| part.has_tag_name_local("component")).collect();
    if components.is_empty() {
        return Value::Null;
    }
    let entry = |part: &&Node<'_, '_>| {
        let value = if is_nil(**part) { Value::Null } else { value_of(**part) };
        (part.attribute("name").unwrap_or_default().to_string(), value)
    };
    Value::Object(components.iter().map(entry).collect())
}

/// Returns what FEEL's literal of a date, a time or a duration says.
fn literal(text: &str) -> Option<&str> {
    text.strip_prefix("@\"")?.strip_suffix('"')
}

/// Returns a value with bare text for each literal.
fn without_literals(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(literal(&text).unwrap_or(&text).into()),
        Value::Array(items) => items.into_iter().map(without_literals).collect(),
        Value::Object(entries) => {
            entries.into_iter().map(|(key, value)| (key, without_literals(value))).collect()
        }
        other => other,
    }
}

/// Returns a number of XML as one of JSON, which knows no zeros before it (`01.3`) and wants a digit before the point (`.3`).
fn number_of(text: &str) -> Value {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.trim_start_matches('0');
    let zero = if digits.starts_with(|first: char| first.is_ascii_digit()) { "" } else { "0" };
    let number = serde_json::from_str(&format!("{sign}{zero}{digits}"));
    number.unwrap_or_else(|_| Value::String(text.into()))
}

/// Compares as the kit does: numbers within 1e-8, dates, times and durations by what they say.
fn same(expected: &Value, actual: &Value) -> bool {
    let number = |value: &Value| {
        value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
    };
    match (expected, actual) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::Number(_), _) => match (number(expected), number(actual)) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-8,
            _ => false,
        },
        (Value::String(expected), Value::String(actual)) => {
            let says = |text: &str| text == actual || equal(text, actual);
            expected == actual || literal(expected).is_some_and(says)
        }
        _ => expected == actual,
    }
}

/// Returns whether two texts say the same date, time or duration.
fn equal(a: &str, b: &str) -> bool {
    let test = format!("@\"{a}\" = @\"{b}\"");
    feel::evaluate_unbounded(&test, &Map::new(), Time::default())
        .is_ok_and(|answer| answer == Value::Bool(true))
}
