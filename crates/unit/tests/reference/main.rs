//! The table of operations in `docs/reference/http.md`, the relations in `docs/reference/relations.md`, the keys in
//! `docs/reference/configuration.md` and the document in `web/openapi.json`, of which the console's client is made, are those of the code.
//! `UPDATE_EXPECT=1` writes them anew. Links lead to files.

mod configuration;
mod links;

use expect_test::{ExpectFile, expect_file};
use kernel::{Column, ColumnType, Kernel, Principal, Reader, Relation};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use unit::{Clock, Options, init, kernel_of};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/http.md");
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/openapi.json");
const RELATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/relations.md");
const BACKUP: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/backup.md"));

/// Holds the part of a page that is made from the code against what it says.
fn check(page: &ExpectFile, what: &str, made: &str) {
    let begin = format!(
        "<!-- {what}: begin; UPDATE_EXPECT=1 cargo test -p unit --test reference writes it -->\n"
    );
    let end = format!("<!-- {what}: end -->");
    let text = page.data();
    let (before, rest) = text.split_once(&begin).expect("the page says where the part begins");
    let (_, after) = rest.split_once(&end).expect("the page says where the part ends");
    page.assert_eq(&format!("{before}{begin}\n{made}\n{end}{after}"));
}

/// Returns the kernel of a new unit, with every engine that a unit has.
fn kernel(name: &str) -> Arc<Kernel> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reference").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the last one goes");
    }
    std::fs::create_dir_all(folder.parent().expect("a parent")).expect("a folder");
    let options = Options {
        name: "probe".into(),
        listen: "127.0.0.1:0".into(),
        listen_peers: "127.0.0.1:0".into(),
        listen_postgres: "127.0.0.1:0".into(),
        clock: Clock::System,
        database: None,
    };
    init(&folder, &options).expect("a unit");
    kernel_of(&folder).expect("a kernel")
}

#[test]
fn the_page_about_http_lists_every_operation() {
    let document = api::document(&api::lines(&kernel("http")), "probe", "0");
    let table = api::reference(&document);
    for own in ["unit.backup", "unit.settled", "unit.support", "unit.usage", "secret.fetch"] {
        assert!(table.contains(&format!("| `{own}` |")), "{own} is of the unit itself");
    }
    check(&expect_file![PAGE], "operations", &table);
}

#[test]
fn the_client_of_the_console_is_made_from_the_operations_that_there_are() {
    // As `web/scripts/client.mjs` writes what a unit answers; `npm run client` makes types and routes of it.
    let document =
        api::document(&api::lines(&kernel("client")), "a unit", env!("CARGO_PKG_VERSION"));
    let mut bytes = Vec::new();
    let form = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut writer = serde_json::Serializer::with_formatter(&mut bytes, form);
    serde::Serialize::serialize(&document, &mut writer).expect("JSON");
    bytes.push(b'\n');
    expect_file![DOCUMENT].assert_eq(&String::from_utf8(bytes).expect("text"));
}

fn type_of(column: &Column) -> String {
    match column.column_type {
        ColumnType::Bool => "bool".into(),
        ColumnType::Int => "int".into(),
        ColumnType::Float => "float".into(),
        ColumnType::Decimal(scale) => format!("decimal(38,{scale})"),
        ColumnType::Text => "text".into(),
        ColumnType::Time => "time".into(),
    }
}

/// A relation with its columns, as the page shows it.
fn section(relation: &Relation) -> String {
    let column = |column: &Column| {
        let summary = column.summary.replace('|', "\\|");
        format!("| `{}` | {} | {summary} |\n", column.name, type_of(column))
    };
    let columns: String = relation.columns.iter().map(column).collect();
    let Relation { schema, name, summary, .. } = relation;
    format!(
        "### `{schema}.{name}`\n\n{summary}\n\n| column | type | what |\n|---|---|---|\n{columns}"
    )
}

#[test]
fn the_page_about_relations_lists_every_one_with_its_columns() {
    let kernel = kernel("relations");
    let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
    let mut relations = kernel.relations(&reader).expect("relations");
    relations.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
    let sections: Vec<String> = relations.iter().map(section).collect();
    check(&expect_file![RELATIONS], "relations", &sections.join("\n"));
}

#[test]
fn what_is_open_is_said_to_be() {
    let document = api::document(&api::lines(&kernel("open")), "probe", "0");
    let table = api::reference(&document);
    let open: Vec<&str> = table.lines().filter(|line| line.contains(", open |")).collect();
    let names: Vec<&str> = open.iter().filter_map(|line| line.split('`').nth(1)).collect();
    assert_eq!(names, ["exchange.card", "session.begin", "session.create", "session.finish"]);
    assert!(open[0].starts_with("| `exchange.card` | `GET /v1/exchange/card` |"), "{open:?}");
}

#[test]
fn the_guide_names_every_operation_that_a_closed_unit_admits() {
    let section =
        BACKUP.split("\n### ").find(|part| part.starts_with("While the unit is closed\n"));
    let rows = section.expect("a section").lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.split(" | ").nth(2));
    let named: BTreeSet<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let kernel = kernel("closed");
    let admitted = kernel.operations().filter(|operation| operation.is_admitted_closed);
    let admitted: BTreeSet<&str> = admitted.map(|operation| operation.name).collect();
    assert_eq!(named, admitted);
}

#[test]
fn what_is_said_of_a_list_is_that_it_has_items() {
    // The clock is one thing, with two times.
    let is_list = |name: &str| name.ends_with(".list") && name != "clock.list";
    let kernel = kernel("lists");
    for operation in kernel.operations().filter(|operation| is_list(operation.name)) {
        let answer = &operation.answer;
        let has_items = answer["properties"]["items"]["type"] == "array";
        assert!(has_items || *answer == json!({}), "{}: {answer}", operation.name);
    }
}
