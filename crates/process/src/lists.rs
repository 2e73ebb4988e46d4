//! Lists, page by page.

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

/// Reads a parameter that is a number; a query carries it as text.
pub(crate) fn number_of(call: &Call, name: &str) -> Option<usize> {
    match call.args.get(name)? {
        Value::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
