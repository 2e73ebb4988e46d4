//! Lists, page by page.

use base::Problem;
use kernel::{Call, Reply};
use serde_json::{Value, json};

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    /// What is on it.
    pub items: Vec<Value>,
    /// Where the next page begins.
    pub next: Option<String>,
    limit: usize,
}

impl Page {
    /// Returns an empty page for so many items.
    pub(crate) fn new(limit: usize) -> Self {
        Self { items: Vec::new(), next: None, limit }
    }

    /// Returns whether nothing more fits.
    pub(crate) fn is_full(&self) -> bool {
        self.limit <= self.items.len()
    }

    /// Returns the page as an answer.
    pub(crate) fn reply(self) -> Reply {
        Reply::Value(json!({"items": self.items, "next": self.next}))
    }
}

/// Reads how many items a caller wants, `max` at most.
///
/// # Errors
/// `call.invalid` where that is no number.
pub(crate) fn limit_of(call: &Call, max: usize) -> Result<usize, Problem> {
    let limit = call.number("limit")?.unwrap_or(100);
    Ok(usize::try_from(limit).unwrap_or(max).min(max))
}
