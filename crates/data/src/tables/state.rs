//! What the store holds of a table: how far it is sealed, its files, and what is being done with it.

use crate::Error;
use base::{Key, KeyReader, Problem, Time};
use kernel::Read;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How a table stands. Rows before `sealed` are in its files, the others in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The folder of its files, among the blobs.
    pub(crate) folder: String,
    /// Its identity for Delta: a UUID.
    pub(crate) id: String,
    /// When it was made, wall time in milliseconds.
    pub(crate) created: i64,
    /// The version that the next Delta commit will have.
    pub(crate) next: u64,
    /// The offset up to which rows are sealed.
    pub(crate) sealed: u64,
    /// The offset before which rows may be missing in the log.
    pub(crate) trimmed: u64,
    /// The schema of the last Delta commit, as Delta writes it.
    pub(crate) schema: String,
    /// The version of the last checkpoint.
    pub(crate) checkpoint: Option<u64>,
    /// The number that the next file will have.
    pub(crate) file_next: u64,
    /// How often rows were taken out of its files: what was worked out of them before is void.
    #[serde(default)]
    pub(crate) cut: u64,
}

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct File {
    /// Counts the files of a table, in the order in which they were made.
    pub(crate) number: u64,
    /// The name in the table's folder.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    /// The offset of its first row.
    pub(crate) start: u64,
    /// The offset behind its last row.
    pub(crate) end: u64,
    /// The earliest and latest event time, in milliseconds.
    pub(crate) times: Option<(i64, i64)>,
    /// When it was made, wall time in milliseconds.
    pub(crate) at: i64,
}

/// What is being done with a table. There is one such thing at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// Told by chance when it began, so that a commit of an earlier life, in which a backup was taken, is not taken for its own.
    #[serde(default)]
    pub(crate) id: String,
    /// The Delta version that it will make.
    pub(crate) version: u64,
    /// The number that its first file will have.
    pub(crate) number: u64,
    pub(crate) work: Work,
    /// When it began, wall time in milliseconds: the time in all that it writes.
    pub(crate) at: i64,
}

/// What is done with a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    /// Rows of the log go into a file.
    Seal { start: u64, end: u64 },
    /// The newest row of each key up to an offset, in place of all files.
    Newest { upto: u64 },
    /// Files, by their numbers, become one.
    Compact { files: Vec<u64> },
    /// Rows are left out of files, by their numbers, which are made anew. `erasure` says for which one the rows are counted.
    Rewrite { files: Vec<u64>, keep: Keep, erasure: Option<u64> },
}

/// Which rows of a file stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Keep {
    /// Those from an offset on, and of the others those of which none of these columns has the value, as text.
    Without { columns: Vec<String>, value: String, upto: u64 },
    /// Those from an event time on, in milliseconds.
    Since { millis: i64 },
}

/// A file that counts no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gone {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    /// Since when, wall time in milliseconds.
    pub(crate) at: i64,
    /// Which Delta version left it out.
    pub(crate) version: u64,
}

/// Returns the key of a table's state.
pub(crate) fn state_key(table: &str) -> Key {
    kernel::key(b's').text("table").text(table)
}

/// Returns the key of a file, or the prefix of all.
pub(crate) fn file_key(table: &str, number: Option<u64>) -> Key {
    let key = kernel::key(b's').text("file").text(table);
    number.map_or(key.clone(), |number| key.number(number))
}

/// Returns the key of what is being done.
pub(crate) fn intent_key(table: &str) -> Key {
    kernel::key(b's').text("intent").text(table)
}

/// Returns the key of a file that counts no more, or the prefix of all.
pub(crate) fn gone_key(table: &str, number: Option<u64>) -> Key {
    let key = kernel::key(b's').text("gone").text(table);
    number.map_or(key.clone(), |number| key.number(number))
}

/// Returns the key of a folder whose table was removed, or the prefix of all.
pub(crate) fn dropped_key(folder: Option<&str>) -> Key {
    let key = kernel::key(b's').text("dropped");
    folder.map_or(key.clone(), |folder| key.text(folder))
}

/// Returns the key of a log whose stream was removed, or the prefix of all.
pub(crate) fn ended_key(log: Option<&str>) -> Key {
    let key = kernel::key(b's').text("ended");
    log.map_or(key.clone(), |log| key.text(log))
}

/// Returns the key of what tells the folder of a table from those that it had before.
pub(crate) fn anew_key(table: &str) -> Key {
    kernel::key(b's').text("anew").text(table)
}

/// Returns how a table stands; `None` before its first file.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn state(read: &dyn Read, table: &str) -> Result<Option<State>, Problem> {
    read.get(state_key(table).as_ref())?.map(|bytes| decode(&bytes)).transpose()
}

/// Returns the names of the tables that have a state.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn tables(read: &dyn Read) -> Result<Vec<String>, Problem> {
    let prefix = kernel::key(b's').text("table");
    let pairs = read.scan_prefix(prefix.as_ref(), usize::MAX)?;
    let name = |key: &[u8]| {
        let mut reader = KeyReader::new(key);
        reader.text().and_then(|_| reader.text())
    };
    Ok(pairs.iter().filter_map(|(key, _)| name(key)).collect())
}

/// Returns what is being done with a table.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn intent(read: &dyn Read, table: &str) -> Result<Option<Intent>, Problem> {
    read.get(intent_key(table).as_ref())?.map(|bytes| decode(&bytes)).transpose()
}

/// Returns the files of a table, in the order of their rows.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn files(read: &dyn Read, table: &str) -> Result<Vec<File>, Problem> {
    let pairs = read.scan_prefix(file_key(table, None).as_ref(), usize::MAX)?;
    let files = pairs.iter().map(|(_, bytes)| decode(bytes));
    let mut files = files.collect::<Result<Vec<File>, Problem>>()?;
    files.sort_by_key(|file| (file.start, file.number));
    Ok(files)
}

/// Returns the files of a table that count no more and are still there, with their numbers.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn gone(read: &dyn Read, table: &str) -> Result<Vec<(u64, Gone)>, Problem> {
    let pairs = read.scan_prefix(gone_key(table, None).as_ref(), usize::MAX)?;
    let gone = pairs.iter().map(|(key, bytes)| Ok((number_of(key), decode(bytes)?)));
    gone.collect()
}

/// Returns the folders of tables that were removed, with the wall time of it in milliseconds.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn dropped(read: &dyn Read) -> Result<Vec<(String, Time)>, Problem> {
    let pairs = read.scan_prefix(dropped_key(None).as_ref(), usize::MAX)?;
    let dropped = pairs.iter().map(|(_, bytes)| {
        let (folder, at): (String, i64) = decode(bytes)?;
        Ok((folder, Time(at)))
    });
    dropped.collect()
}

/// Returns the logs whose streams were removed, with the offset where each ended then.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn ended(read: &dyn Read) -> Result<Vec<(String, u64)>, Problem> {
    let pairs = read.scan_prefix(ended_key(None).as_ref(), usize::MAX)?;
    pairs.iter().map(|(_, bytes)| decode(bytes)).collect()
}

/// Reads the number at the end of a key.
fn number_of(key: &[u8]) -> u64 {
    key.last_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Writes what is stored.
///
/// # Errors
/// Never, where the type is one of these.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|error| damaged(&error))
}

/// Reads what is stored.
///
/// # Errors
/// `sql.internal` where it cannot be read, which is a defect.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| damaged(&error))
}

fn damaged(error: &serde_json::Error) -> Problem {
    Error::Internal { detail: format!("what is stored of a table: {error}") }.into()
}
