//! The keys of `unit.toml`: names and meanings from the sources of the configurations, defaults from the configurations themselves.

use crate::check;
use expect_test::expect_file;
use serde_json::Value;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/configuration.md");

/// The shortest file that has every section whose keys have defaults.
const FILE: &str = "name = ''\nlisten = ''\nlisten_peers = ''\n\
                    [tls]\ncertificate = ''\nkey = ''\n\
                    [store.postgres]\nurl = ''\nnode = ''\n";

const BYTES: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
const TIMES: [(u64, &str); 3] = [(86_400, "d"), (3_600, "h"), (60, "min")];

/// Returns the source of the configuration of a room.
fn source(room: &str) -> &'static str {
    match room {
        "api" => include_str!("../../../api/src/config.rs"),
        "data" => include_str!("../../../data/src/config.rs"),
        "desk" => include_str!("../../../desk/src/config.rs"),
        "device" => include_str!("../../../device/src/config.rs"),
        "exchange" => include_str!("../../../exchange/src/config.rs"),
        "kernel" => include_str!("../../../kernel/src/config.rs"),
        "process" => include_str!("../../../process/src/config.rs"),
        "store" => include_str!("../../../store/src/config.rs"),
        "unit" => include_str!("../../src/config.rs"),
        _ => panic!("where the configuration of `{room}` is must be said here"),
    }
}

/// A key of a section.
struct Field {
    name: &'static str,
    kind: &'static str,
    summary: String,
    is_required: bool,
}

/// Returns the fields of a struct. Strict: each has a text, and whatever else stands in the struct is not understood.
fn fields(source: &'static str, name: &str) -> Vec<Field> {
    let (before, rest) = source.split_once(&begin(name)).expect("the struct is in the source");
    let (body, _) = rest.split_once("\n}\n").expect("the struct ends");
    let gives_default = |line: &str| line.starts_with("#[serde(") && line.contains("default");
    let mut above = before.lines().rev().take_while(|line| line.starts_with("#["));
    let all_default = above.any(gives_default);
    let mut fields = Vec::new();
    let (mut words, mut has_default) = (Vec::new(), all_default);
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            words.push(text);
        } else if line.starts_with("#[serde(") {
            has_default |= gives_default(line);
        } else {
            let field = line.strip_prefix("pub ").and_then(|line| line.strip_suffix(','));
            let field = field.and_then(|field| field.split_once(": "));
            let (name, kind) = field.unwrap_or_else(|| panic!("`{line}` is no field"));
            assert!(!words.is_empty(), "`{name}` says nothing of itself");
            let summary = words.join(" ");
            fields.push(Field { name, kind, summary, is_required: !has_default });
            (words, has_default) = (Vec::new(), all_default);
        }
    }
    fields
}

/// Returns the line with which a struct begins.
fn begin(name: &str) -> String {
    format!("pub struct {name} {{\n")
}

/// A section of `unit.toml`.
struct Section {
    path: String,
    summary: String,
    source: &'static str,
    name: &'static str,
}

impl Section {
    /// Returns the tables of the section and of those in it.
    fn tables(&self, defaults: &Value) -> Vec<String> {
        let (mut rows, mut inner) = (String::new(), Vec::new());
        for field in fields(self.source, self.name) {
            let default = &defaults[field.name];
            match self.inner(&field) {
                Some(section) => inner.extend(section.tables(default)),
                None => rows += &row(&field, default),
            }
        }
        let Self { path, summary, .. } = self;
        let title = match path.as_str() {
            "" => "Keys outside sections".to_owned(),
            path => format!("`[{path}]`"),
        };
        let table =
            format!("### {title}\n\n{summary}\n\n| key | default | what |\n|---|---|---|\n{rows}");
        inner.insert(0, table);
        inner
    }

    /// Returns the section that a key is: its type is the configuration of a room, or a struct beside it.
    fn inner(&self, field: &Field) -> Option<Self> {
        let kind = field.kind;
        let kind = kind.strip_prefix("Option<").map_or(kind, |kind| kind.trim_end_matches('>'));
        let (source, name) = match kind.strip_suffix("::Config") {
            Some(room) => (source(room), "Config"),
            None if self.source.contains(&begin(kind)) => (self.source, kind),
            None => return None,
        };
        let dot = if self.path.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{}", self.path, field.name);
        Some(Self { path, summary: field.summary.clone(), source, name })
    }
}

fn row(field: &Field, default: &Value) -> String {
    let Field { name, kind, summary, is_required } = field;
    let may_be_absent =
        kind.starts_with("Option<") || kind.starts_with("BTreeMap<") || kind.starts_with("Vec<");
    assert!(may_be_absent || !default.is_null(), "`{name}` has a value");
    let default = if *is_required { "must be given".to_owned() } else { shown(name, default) };
    format!("| `{name}` | {default} | {} |\n", summary.replace('|', "\\|"))
}

/// Returns a default as a file would have it; nothing for what is absent.
fn shown(name: &str, default: &Value) -> String {
    match (default, default.as_u64()) {
        (Value::Null, _) => String::new(),
        (_, Some(number)) => format!("`{}`{}", grouped(number), larger(name, number)),
        (default, None) => format!("`{default}`"),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// Returns the same in the largest unit that leaves no rest, where the name says what is counted.
fn larger(name: &str, number: u64) -> String {
    let counts = |what: &str| name.split('_').any(|word| word == what);
    let (units, one) = if counts("bytes") {
        (BYTES, 1)
    } else if counts("ms") {
        (TIMES, 1_000)
    } else if counts("seconds") {
        (TIMES, 1)
    } else {
        return String::new();
    };
    let whole = |size: u64| number != 0 && number.is_multiple_of(size * one);
    let unit = units.into_iter().find(|(size, _)| whole(*size));
    unit.map(|(size, unit)| format!(" ({} {unit})", number / (size * one))).unwrap_or_default()
}

#[test]
fn the_page_about_the_configuration_lists_every_key() {
    let config: unit::Config = toml::from_str(FILE).expect("a configuration");
    let defaults = serde_json::to_value(&config).expect("a configuration as JSON");
    let summary = "They stand at the head of the file, above the first section.".to_owned();
    let unit = Section { path: String::new(), summary, source: source("unit"), name: "Config" };
    check(&expect_file![PAGE], "keys", &unit.tables(&defaults).join("\n"));
}
