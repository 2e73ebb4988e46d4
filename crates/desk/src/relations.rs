//! What the desk shows to SQL: `system.screens`, `system.files`.

use crate::application;
use crate::engine::Desk;
use crate::files::state;
use base::{KeyReader, Problem};
use kernel::{Cell, Column, ColumnType, Read, Reader, Relation, ResourceRef, Scan};
use std::sync::Arc;

use ColumnType::{Int, Text, Time};

/// Takes a row and says whether it wants more.
type Row<'a> = &'a mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>;

/// Files that are looked at together.
const PAGE: usize = 1_000;

impl Desk {
    /// Returns the relations of the schema `system`.
    pub(crate) fn system_relations(&self) -> Vec<Relation> {
        vec![
            relation(
                "screens",
                "The screens of applications.",
                vec![
                    Column::new("name", Text, "The name."),
                    Column::new("application", Text, "The application it belongs to."),
                    Column::new("title", Text, "What stands above it, as JSON."),
                    Column::new("menu", Text, "The heading it stands under, as JSON."),
                    Column::new("order", Int, "Where it stands under its heading."),
                    Column::new(
                        "offered",
                        Text,
                        "Where it is offered, as JSON; empty: everywhere.",
                    ),
                    Column::new("roles", Text, "Whom it is for, as JSON; empty: everybody."),
                    Column::new("parts", Int, "How many parts it has."),
                    Column::new("version", Int, "Rises with every change."),
                ],
                screen_rows,
            ),
            relation(
                "files",
                "Files that people added to forms.",
                vec![
                    Column::new("file", Text, "The name: the SHA-256 hash of its bytes."),
                    Column::new("bytes", Int, "How many bytes it has."),
                    Column::new("media", Text, "What it is, by its first bytes."),
                    Column::new("owner", Text, "Who added it first."),
                    Column::new("at", Time, "When it was added, wall time."),
                ],
                file_rows,
            ),
        ]
    }
}

fn relation(
    name: &str,
    summary: &str,
    columns: Vec<Column>,
    rows: fn(&Reader, Row<'_>) -> Result<(), Problem>,
) -> Relation {
    let rows = Arc::new(move |reader: &Reader, _: &Scan, row: Row<'_>| rows(reader, row));
    Relation::system(name, summary, columns, rows)
}

fn screen_rows(reader: &Reader, row: Row<'_>) -> Result<(), Problem> {
    for screen in reader.resources("screen")? {
        if !reader.allows("resource.get", &screen.reference())? {
            continue;
        }
        let field = |name: &str| screen.spec.get(name).map_or(Cell::Null, Cell::json);
        let parts = screen.spec.get("parts").and_then(serde_json::Value::as_array);
        let order = screen.spec.get("order").and_then(serde_json::Value::as_i64);
        let cells = vec![
            Cell::Text(screen.name.clone()),
            Cell::text(application::of(&screen)),
            field("title"),
            field("menu"),
            Cell::Int(order.unwrap_or_default()),
            field("on"),
            field("roles"),
            int(parts.map_or(0, |parts| parts.len() as u64)),
            int(screen.version),
        ];
        if !row(cells)? {
            break;
        }
    }
    Ok(())
}

fn file_rows(reader: &Reader, row: Row<'_>) -> Result<(), Problem> {
    let (mut from, to) = (state::all().bytes(), base::prefix_end(state::all().as_ref()));
    loop {
        let pairs = reader.scan(&from, &to, PAGE, false)?;
        for (key, value) in &pairs {
            let name = KeyReader::new(key).text().unwrap_or_default();
            if !reader.allows("file.get", &ResourceRef::new("file", name.as_str()))? {
                continue;
            }
            let record = state::decode(value)?;
            let cells = vec![
                Cell::Text(name),
                int(record.bytes),
                Cell::Text(record.media),
                Cell::Text(record.owner),
                Cell::time(Some(record.at)),
            ];
            if !row(cells)? {
                return Ok(());
            }
        }
        match pairs.last() {
            Some((last, _)) if pairs.len() == PAGE => from = [last.as_slice(), &[0]].concat(),
            _ => return Ok(()),
        }
    }
}

fn int(number: u64) -> Cell {
    Cell::Int(number.cast_signed())
}
