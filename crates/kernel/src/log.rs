//! How events stand in a chunk of a log.

use base::Problem;
use serde_json::Value;

/// Rows as JSON, one a line, each ended by a line feed.
pub const FORMAT_ROWS: u8 = store::FORMAT_LINES;

/// Returns the lines of a chunk of rows, without parsing them.
pub fn rows(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// Returns the rows of a chunk that begin at `skip`, parsed.
///
/// # Errors
/// `kernel.internal` where a stored row is not JSON, which is a defect.
pub fn rows_from(bytes: &[u8], skip: usize) -> Result<Vec<Value>, Problem> {
    rows(bytes)
        .skip(skip)
        .map(|line| {
            serde_json::from_slice(line)
                .map_err(|error| crate::Error::Internal { detail: error.to_string() }.into())
        })
        .collect()
}
