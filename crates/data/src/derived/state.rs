//! What the store holds of a materialised view.

use crate::tables::state::{File, decode};
use base::{Key, Problem};
use kernel::{Read, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a view is materialised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Materialized {
    /// How often it is refreshed, as an ISO 8601 duration: `PT10M`. Where absent it is kept up by every commit, which not every query
    /// allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
}

/// What is kept of a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Derived {
    /// Of which query, under which rights: anything else makes it void.
    pub(crate) digest: String,
    /// The columns of what is kept.
    pub(crate) schema: String,
    /// The log of the stream that drives it; none where it is refreshed as a whole.
    pub(crate) driver: Option<String>,
    /// The offset up to which rows of the stream are in it.
    pub(crate) upto: u64,
    /// Where the logs of the other relations ended.
    pub(crate) others: Vec<(String, u64)>,
    /// How often rows had been taken out of each stream.
    #[serde(default)]
    pub(crate) cuts: Vec<(String, u64)>,
    /// The commit at which it stands, and when that was, wall time in milliseconds.
    pub(crate) commit: u64,
    pub(crate) at: i64,
    pub(crate) files: Vec<File>,
    /// The number that the next file will have.
    pub(crate) file_next: u64,
}

/// Returns the folder of a view's files.
pub(crate) fn folder(view: &str) -> String {
    format!("views/{view}")
}

/// Returns the key of what is kept of a view.
pub(crate) fn derived_key(view: &str) -> Key {
    kernel::key(b's').text("derived").text(view)
}

/// Returns the views of which something is kept, or was.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn names(read: &dyn Read) -> Result<Vec<String>, Problem> {
    let prefix = kernel::key(b's').text("derived");
    let pairs = read.scan_prefix(prefix.as_ref(), usize::MAX)?;
    let name = |key: &[u8]| {
        let mut reader = base::KeyReader::new(key);
        reader.text().and_then(|_| reader.text())
    };
    Ok(pairs.iter().filter_map(|(key, _)| name(key)).collect())
}

/// Returns what is kept of a view.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn derived(read: &dyn Read, view: &str) -> Result<Option<Derived>, Problem> {
    read.get(derived_key(view).as_ref())?.map(|bytes| decode(&bytes)).transpose()
}

/// Says of which query, under which rights, something is kept.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn digest(read: &dyn Read, view: &Resource) -> Result<String, Problem> {
    let epoch = read.kernel().epoch(read)?;
    let text = format!("{epoch} {} {}", view.version, view.spec);
    Ok(base::hex(&base::sha256(text.as_bytes())[..16]))
}
