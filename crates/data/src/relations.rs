//! What the engine itself offers to SQL: `system.streams`, `system.tables`, `system.views`, `system.queries`, `system.erasures`, and what
//! metrics and quality rules add.

use crate::catalog::{Catalog, base_of, view_spec};
use crate::derived;
use crate::engine::Shared;
use crate::erasure;
use crate::rights::{Named, decide};
use crate::streams::append::{log_of, set_aside_log_of};
use crate::tables::state;
use base::Problem;
use kernel::{Cell, Column, ColumnType, Read, Relation, ResourceRef};
use std::sync::Arc;

/// Returns the relations.
pub(crate) fn relations(shared: &Arc<Shared>) -> Vec<Relation> {
    let mut all = vec![streams(), tables(), views(shared), queries(shared), erasures()];
    all.extend(crate::metrics::relations::relations(shared));
    all.extend(crate::quality::relations::relations(shared));
    all
}

fn streams() -> Relation {
    let columns = vec![
        Column::new("name", ColumnType::Text, "The stream."),
        Column::new("rows", ColumnType::Int, "How many rows it has; null where a part is shown."),
        Column::new("first_offset", ColumnType::Int, "The offset of its first row."),
        Column::new("set_aside", ColumnType::Int, "How many rows were set aside."),
        Column::new(
            "retention",
            ColumnType::Text,
            "For how long rows stay, as the manifest says it; null where for ever.",
        ),
    ];
    let int = |number: u64| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let rows: kernel::Rows = Arc::new(move |reader, _scan, row| {
        for stream in reader.resources("stream")? {
            if !reader.allows("stream.read", &stream.reference())? {
                continue;
            }
            let (first, count) = first_and_count(reader, &stream.name)?;
            let aside = set_aside_log_of(&stream.name);
            let aside = reader.log_end(&aside)?.saturating_sub(base_of(reader, &aside)?);
            // Who sees a part of the rows is not told how many there are.
            let shown = |named: Named, number: u64| -> Result<Cell, Problem> {
                let is_whole = decide::is_whole(reader, &named, reader.caller(), None)?;
                Ok(if is_whole { int(number) } else { Cell::Null })
            };
            let all = Named::stream(&stream.name);
            let cells = vec![
                Cell::Text(stream.name.clone()),
                shown(all.clone(), count)?,
                shown(all, first)?,
                shown(Named::set_aside(&stream.name), aside)?,
                Cell::text(stream.spec["retention"].as_str().map(str::to_owned)),
            ];
            if !row(cells)? {
                break;
            }
        }
        Ok(())
    });
    Relation::system("streams", "Streams and how many rows they have.", columns, rows)
}

/// Returns the offset of the first row of a stream, and how many rows it has: those in files and those in the log behind.
fn first_and_count(read: &dyn Read, stream: &str) -> Result<(u64, u64), Problem> {
    let log = log_of(stream);
    let base = base_of(read, &log)?;
    let end = read.log_end(&log)?.max(base);
    let Some(state) = state::state(read, stream)? else { return Ok((base, end - base)) };
    let sealed = state.sealed.max(base);
    let files = state::files(read, stream)?;
    let first = files.first().map_or(sealed, |file| file.start);
    let count = files.iter().map(|file| file.rows).sum::<u64>() + end.saturating_sub(sealed);
    Ok((first, count))
}

fn tables() -> Relation {
    let columns = vec![
        Column::new("name", ColumnType::Text, "The table."),
        Column::new("folder", ColumnType::Text, "Where its files lie, in the unit's folder."),
        Column::new("version", ColumnType::Int, "The last Delta version."),
        Column::new("sealed", ColumnType::Int, "The offset up to which rows are in files."),
        Column::new("rows", ColumnType::Int, "How many rows are in files."),
        Column::new("files", ColumnType::Int, "How many files there are."),
        Column::new("bytes", ColumnType::Int, "How many bytes they have."),
        Column::new("checkpoint", ColumnType::Int, "The Delta version of the last checkpoint."),
    ];
    let int = |number: u64| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let rows: kernel::Rows = Arc::new(move |reader, _scan, row| {
        for stream in reader.resources("stream")? {
            if !reader.allows("stream.read", &stream.reference())? {
                continue;
            }
            let tables = [Named::stream(&stream.name), Named::latest(&stream.name)];
            for named in tables {
                // Who sees a part of the rows is not told how many there are.
                if !decide::is_whole(reader, &named, reader.caller(), None)? {
                    continue;
                }
                let Some(state) = state::state(reader, &named.relation)? else { continue };
                let files = state::files(reader, &named.relation)?;
                let cells = vec![
                    Cell::Text(named.relation),
                    Cell::Text(state.folder),
                    int(state.next.saturating_sub(1)),
                    int(state.sealed),
                    int(files.iter().map(|file| file.rows).sum()),
                    int(files.len() as u64),
                    int(files.iter().map(|file| file.bytes).sum()),
                    state.checkpoint.map_or(Cell::Null, int),
                ];
                if !row(cells)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    });
    Relation::system(
        "tables",
        "Tables with files, as other engines read them; none that is shown in part.",
        columns,
        rows,
    )
}

fn views(shared: &Arc<Shared>) -> Relation {
    let columns = vec![
        Column::new("schema", ColumnType::Text, "The SQL schema."),
        Column::new("name", ColumnType::Text, "The view."),
        Column::new(
            "refresh",
            ColumnType::Text,
            "`commit`: kept up by each; a duration: so often; nothing: not kept.",
        ),
        Column::new("commit", ColumnType::Int, "The commit at which what is kept stands."),
        Column::new("at", ColumnType::Time, "When that was, wall time."),
        Column::new(
            "bytes",
            ColumnType::Int,
            "How many bytes are kept; null where a part is shown.",
        ),
        Column::new(
            "problem",
            ColumnType::Text,
            "Why it could not be renewed last; null where it could, or where a part of what it stands on is hidden.",
        ),
    ];
    let int = |number: u64| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX));
    // Through a weak pointer: relations may outlive the engine in a plan.
    let shared = Arc::downgrade(shared);
    let rows: kernel::Rows = Arc::new(move |reader, _scan, row| {
        let Some(shared) = shared.upgrade() else { return Ok(()) };
        let catalog = Catalog::new(&shared, reader, None, None);
        for view in reader.resources("view")? {
            if !reader.allows("view.read", &view.reference())? {
                continue;
            }
            let spec = view_spec(&view)?;
            // What failed may say values of rows.
            let problem = spec.materialized.as_ref().and_then(|_| shared.view_problem(&view.name));
            let problem =
                problem.filter(|_| catalog.is_open_to(&spec.schema, &view.name, reader.caller()));
            let refresh = spec.materialized.map(|kept| kept.every.unwrap_or("commit".into()));
            let kept = derived::state::derived(reader, &view.name)?;
            let bytes = kept.iter().flat_map(|kept| &kept.files).map(|file| file.bytes).sum();
            let named = Named::view(&spec.schema, &view.name);
            let is_whole = decide::is_whole(reader, &named, reader.caller(), None)?;
            let cells = vec![
                Cell::Text(spec.schema),
                Cell::Text(view.name.clone()),
                refresh.map_or(Cell::Null, Cell::Text),
                kept.as_ref().map_or(Cell::Null, |kept| int(kept.commit)),
                kept.as_ref().map_or(Cell::Null, |kept| Cell::Time(kept.at)),
                if is_whole { int(bytes) } else { Cell::Null },
                Cell::text(problem),
            ];
            if !row(cells)? {
                break;
            }
        }
        Ok(())
    });
    Relation::system(
        "views",
        "Views, and at which commit what is kept of them stands.",
        columns,
        rows,
    )
}

fn erasures() -> Relation {
    let columns = vec![
        Column::new("id", ColumnType::Int, "The number of the erasure."),
        Column::new("at", ColumnType::Time, "When it was asked for, wall time."),
        Column::new("by", ColumnType::Text, "Who asked for it."),
        Column::new("subject_hash", ColumnType::Text, "A salted hash of the subject."),
        Column::new("streams", ColumnType::Text, "The streams, as JSON."),
        Column::new("rows", ColumnType::Int, "How many rows are gone so far."),
        Column::new("set_aside", ColumnType::Int, "How many of those that were set aside are."),
        Column::new("state", ColumnType::Text, "`rows`, `views`, `disk`, then `done`."),
        Column::new("done_at", ColumnType::Time, "When nothing was left on the disk, wall time."),
    ];
    let int = |number: u64| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let rows: kernel::Rows = Arc::new(move |reader, _scan, row| {
        // How many rows a subject had is for who may erase it.
        if !reader.allows("data.erasures", &ResourceRef::new("data", ""))? {
            return Ok(());
        }
        for erasure in erasure::state::all(reader)? {
            let streams: Vec<&str> =
                erasure.targets.iter().map(|target| target.stream.as_str()).collect();
            let cells = vec![
                int(erasure.id),
                Cell::Time(erasure.at.0),
                Cell::Text(erasure.by.clone()),
                Cell::Text(erasure.hash.clone()),
                Cell::json(&serde_json::json!(streams)),
                int(erasure.targets.iter().map(|target| target.rows).sum()),
                int(erasure.targets.iter().map(|target| target.rows_aside).sum()),
                Cell::Text(erasure.stage.name().into()),
                Cell::time(erasure.done_at),
            ];
            if !row(cells)? {
                break;
            }
        }
        Ok(())
    });
    Relation::system("erasures", "Subjects that were erased, without their names.", columns, rows)
}

fn queries(shared: &Arc<Shared>) -> Relation {
    let columns = vec![
        Column::new("id", ColumnType::Text, "The query."),
        Column::new("principal", ColumnType::Text, "Who asked."),
        Column::new("sql", ColumnType::Text, "What was asked; the first 1,000 characters."),
        Column::new("since", ColumnType::Time, "When it began, wall time."),
    ];
    // Through a weak pointer: relations may outlive the engine in a plan.
    let shared = Arc::downgrade(shared);
    let rows: kernel::Rows = Arc::new(move |reader, _scan, row| {
        let Some(shared) = shared.upgrade() else { return Ok(()) };
        for running in crate::operations::visible(&shared, reader, reader.caller())? {
            let cells = vec![
                Cell::Text(running.id),
                Cell::Text(running.principal.to_string()),
                Cell::Text(running.text),
                Cell::Time(running.since.0),
            ];
            if !row(cells)? {
                break;
            }
        }
        Ok(())
    });
    Relation::system("queries", "The queries that run now.", columns, rows)
}
