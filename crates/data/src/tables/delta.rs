//! The Delta log of a table: commits as JSON lines, checkpoints as Parquet.
//!
//! Protocol: Delta Lake transaction log, reader version 1, writer version 2 (github.com/delta-io/delta, PROTOCOL.md). The store
//! says what counts; this log says the same to readers of the open format. A commit is written once, as a whole, under its number.

use super::state::{File, Gone, Intent, State};
use crate::Error;
use crate::streams::schema::{Column, ColumnType, Columns, OFFSET, Schema, TIME};
use base::{Problem, Time};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema as ArrowSchema};
use datafusion::arrow::json::ReaderBuilder;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use std::sync::Arc;
use store::Blobs;

/// The folder of the log in a table's folder.
const LOG: &str = "_delta_log";

/// The tag of an added file under which it says what the store holds of it.
const TAG: &str = "craton";

/// A commit.
pub(crate) struct Commit<'a> {
    /// What it is the end of; its version, its time and its id are those of the commit.
    pub(crate) intent: &'a Intent,
    /// The operation, in Delta's words.
    pub(crate) operation: &'static str,
    pub(crate) state: &'a State,
    /// The table's name and its schema, where the schema is new.
    pub(crate) schema: Option<(&'a str, &'a str)>,
    /// The offset up to which rows are sealed.
    pub(crate) sealed: u64,
    pub(crate) adds: &'a [File],
    pub(crate) removes: &'a [File],
    /// False where the rows stay the same.
    pub(crate) is_change: bool,
}

/// Writes a commit. It is on the disk when this returns.
///
/// # Errors
/// Where the blob cannot be written.
pub(crate) fn write(blobs: &dyn Blobs, commit: &Commit<'_>) -> Result<(), Problem> {
    let text = text(commit);
    let name = commit_name(&commit.state.folder, commit.intent.version);
    Ok(blobs.put(&name, &mut |out| out.write_all(text.as_bytes()))?)
}

/// Returns the files that the commit of an intent added, and the schema that it set, where that commit was written. One of the same
/// version that something else has written is none.
///
/// # Errors
/// Where it cannot be read.
pub(crate) fn adds_of(
    blobs: &dyn Blobs,
    folder: &str,
    intent: &Intent,
) -> Result<Option<(Vec<File>, Option<String>)>, Problem> {
    let name = commit_name(folder, intent.version);
    let Some(size) = blobs.size(&name)? else { return Ok(None) };
    let bytes = blobs.read(&name, 0..size)?;
    let (mut files, mut schema) = (Vec::new(), None);
    let mut is_own = false;
    for line in kernel::rows(&bytes) {
        let action: Value = serde_json::from_slice(line).map_err(|error| damaged(&error))?;
        if let Some(info) = action.get("commitInfo") {
            let id = info.get("txnId").and_then(Value::as_str).unwrap_or_default();
            is_own = id == intent.id && info.get("timestamp") == Some(&json!(intent.at));
        }
        if let Some(text) = action.pointer("/metaData/schemaString").and_then(Value::as_str) {
            schema = Some(text.to_owned());
        }
        let Some(tag) = action.pointer(&format!("/add/tags/{TAG}")).and_then(Value::as_str) else {
            continue;
        };
        files.push(serde_json::from_str(tag).map_err(|error| damaged(&error))?);
    }
    Ok(is_own.then_some((files, schema)))
}

/// Returns the schema of a table's files as Delta writes it.
pub(crate) fn schema_text(schema: &Schema) -> String {
    let mut fields = fields_of(&schema.stored);
    fields.push(json!({"name": OFFSET, "type": "long", "nullable": true, "metadata": {}}));
    json!({"type": "struct", "fields": fields}).to_string()
}

/// Returns the name of a commit's blob.
pub(crate) fn commit_name(folder: &str, version: u64) -> String {
    format!("{folder}/{LOG}/{version:020}.json")
}

fn checkpoint_name(folder: &str, version: u64) -> String {
    format!("{folder}/{LOG}/{version:020}.checkpoint.parquet")
}

/// Returns the table's folder and the version of a blob of the log: of a commit or of a checkpoint.
pub(crate) fn version_of(name: &str) -> Option<(&str, u64)> {
    let (folder, name) = name.rsplit_once(&format!("/{LOG}/"))?;
    Some((folder, name.split('.').next()?.parse().ok()?))
}

fn fields_of(columns: &Columns) -> Vec<Value> {
    let field = |column: &Column| json!({"name": column.name, "type": type_of(column), "nullable": true, "metadata": {}});
    columns.list.iter().map(field).collect()
}

fn type_of(column: &Column) -> Value {
    match column.column_type {
        ColumnType::Bool => "boolean".into(),
        ColumnType::Int => "long".into(),
        ColumnType::Float => "double".into(),
        ColumnType::Decimal(precision, scale) => format!("decimal({precision},{scale})").into(),
        ColumnType::Text | ColumnType::Json => "string".into(),
        ColumnType::Time => "timestamp".into(),
        ColumnType::List => json!({
            "type": "array",
            "elementType": {"type": "struct", "fields": fields_of(&column.fields)},
            "containsNull": true,
        }),
    }
}

fn text(commit: &Commit<'_>) -> String {
    let Intent { id, version, at, .. } = commit.intent;
    let mut actions = vec![json!({"commitInfo": {
        "timestamp": at,
        "operation": commit.operation,
        "operationParameters": {},
        "engineInfo": concat!("craton/", env!("CARGO_PKG_VERSION")),
        "txnId": id,
    }})];
    if let Some((name, schema)) = commit.schema {
        if *version == 0 {
            actions.push(protocol());
        }
        actions.push(meta(commit.state, name, schema));
    }
    actions.push(txn(commit.state, commit.sealed, *at));
    actions.extend(commit.removes.iter().map(|file| {
        json!({"remove": {
            "path": file.path,
            "deletionTimestamp": at,
            "dataChange": commit.is_change,
            "extendedFileMetadata": true,
            "partitionValues": {},
            "size": file.bytes,
        }})
    }));
    actions.extend(commit.adds.iter().map(|file| add(file, commit.is_change)));
    actions.iter().map(|action| format!("{action}\n")).collect()
}

fn protocol() -> Value {
    json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}})
}

fn meta(state: &State, name: &str, schema: &str) -> Value {
    json!({"metaData": {
        "id": state.id,
        "name": name,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema,
        "partitionColumns": [],
        "configuration": {},
        "createdTime": state.created,
    }})
}

/// How far the stream is sealed: after a crash it tells whether a seal was written.
fn txn(state: &State, sealed: u64, at: i64) -> Value {
    json!({"txn": {"appId": format!("craton/{}", state.id), "version": sealed, "lastUpdated": at}})
}

fn add(file: &File, is_change: bool) -> Value {
    let tag = serde_json::to_string(file).unwrap_or_default();
    json!({"add": {
        "path": file.path,
        "partitionValues": {},
        "size": file.bytes,
        "modificationTime": file.at,
        "dataChange": is_change,
        "stats": stats(file).to_string(),
        "tags": {TAG: tag},
    }})
}

/// Smallest and largest values that readers may skip a file by. Text is left out: readers disagree on cut texts.
fn stats(file: &File) -> Value {
    let mut least = json!({OFFSET: file.start});
    let mut most = json!({OFFSET: file.end.saturating_sub(1)});
    if let Some((from, to)) = file.times {
        least[TIME] = json!(instant(from));
        most[TIME] = json!(instant(to));
    }
    json!({"numRecords": file.rows, "minValues": least, "maxValues": most, "nullCount": {OFFSET: 0, TIME: 0}})
}

fn instant(millis: i64) -> String {
    let text = Time(millis).to_string();
    // Delta wants milliseconds even where they are none.
    match text.strip_suffix('Z') {
        Some(text) if !text.contains('.') => format!("{text}.000Z"),
        _ => text,
    }
}

/// Writes a checkpoint of a version, so that readers need not go through all commits before, and names it.
///
/// # Errors
/// Where the blobs cannot be written.
pub(crate) fn write_checkpoint(
    blobs: &dyn Blobs,
    state: &State,
    name: &str,
    at: i64,
    (files, gone): (&[File], &[(u64, Gone)]),
) -> Result<u64, Problem> {
    let version = state.next.saturating_sub(1);
    let mut actions = vec![protocol(), meta(state, name, &state.schema)];
    actions.push(txn(state, state.sealed, at));
    actions.extend(files.iter().map(|file| add(file, false)));
    actions.extend(gone.iter().map(|(_, gone)| {
        json!({"remove": {
            "path": gone.path,
            "deletionTimestamp": gone.at,
            "dataChange": false,
            "extendedFileMetadata": true,
            "partitionValues": {},
            "size": gone.bytes,
        }})
    }));
    let batch = checkpoint_rows(&actions)?;
    let mut bytes = Vec::new();
    let internal = |error: parquet::errors::ParquetError| {
        Problem::from(Error::Internal { detail: format!("a checkpoint: {error}") })
    };
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).map_err(internal)?;
    writer.write(&batch).map_err(internal)?;
    writer.close().map_err(internal)?;
    blobs.put(&checkpoint_name(&state.folder, version), &mut |out| out.write_all(&bytes))?;
    let last = json!({"version": version, "size": actions.len(), "sizeInBytes": bytes.len()});
    let pointer = format!("{}/{LOG}/_last_checkpoint", state.folder);
    blobs.put(&pointer, &mut |out| out.write_all(last.to_string().as_bytes()))?;
    Ok(version)
}

fn checkpoint_rows(actions: &[Value]) -> Result<RecordBatch, Problem> {
    let internal = |detail: String| {
        Problem::from(Error::Internal { detail: format!("a checkpoint: {detail}") })
    };
    let schema = Arc::new(checkpoint_schema());
    let mut decoder = ReaderBuilder::new(schema)
        .with_batch_size(actions.len().max(1))
        .build_decoder()
        .map_err(|error| internal(error.to_string()))?;
    decoder.serialize(actions).map_err(|error| internal(error.to_string()))?;
    let batch = decoder.flush().map_err(|error| internal(error.to_string()))?;
    batch.ok_or_else(|| internal("it is empty".into()))
}

/// The columns of a checkpoint, as the protocol names them.
fn checkpoint_schema() -> ArrowSchema {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let long = |name: &str| Field::new(name, DataType::Int64, true);
    let int = |name: &str| Field::new(name, DataType::Int32, true);
    let truth = |name: &str| Field::new(name, DataType::Boolean, true);
    let map = |name: &str| {
        let entry = Fields::from(vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", DataType::Utf8, true),
        ]);
        let entries = Field::new("key_value", DataType::Struct(entry), false);
        Field::new(name, DataType::Map(Arc::new(entries), false), true)
    };
    let list = |name: &str| {
        let element = Field::new("element", DataType::Utf8, true);
        Field::new(name, DataType::List(Arc::new(element)), true)
    };
    let group = |name: &str, fields: Vec<Field>| {
        Field::new(name, DataType::Struct(Fields::from(fields)), true)
    };
    ArrowSchema::new(vec![
        group("txn", vec![text("appId"), long("version"), long("lastUpdated")]),
        group(
            "add",
            vec![
                text("path"),
                map("partitionValues"),
                long("size"),
                long("modificationTime"),
                truth("dataChange"),
                map("tags"),
                text("stats"),
            ],
        ),
        group(
            "remove",
            vec![
                text("path"),
                long("deletionTimestamp"),
                truth("dataChange"),
                truth("extendedFileMetadata"),
                map("partitionValues"),
                long("size"),
            ],
        ),
        group(
            "metaData",
            vec![
                text("id"),
                text("name"),
                group("format", vec![text("provider"), map("options")]),
                text("schemaString"),
                list("partitionColumns"),
                map("configuration"),
                long("createdTime"),
            ],
        ),
        group("protocol", vec![int("minReaderVersion"), int("minWriterVersion")]),
    ])
}

fn damaged(error: &serde_json::Error) -> Problem {
    Error::Internal { detail: format!("a Delta commit: {error}") }.into()
}
