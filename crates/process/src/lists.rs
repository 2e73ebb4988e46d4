//! Lists, page by page.
//!
//! A page ends where it is full, or where so much was looked at that others have waited long enough; `next` says what was looked at
//! last, also where little or nothing of that was meant.

use crate::config::Config;
use base::Problem;
use kernel::{Call, Reply};
use serde_json::{Value, json};

/// Keys that a list reads in one go.
pub(crate) const SCAN: usize = 100;

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    /// What is on it.
    pub items: Vec<Value>,
    /// Behind what the next page begins.
    next: Option<String>,
    /// What was looked at last.
    last: Option<String>,
    /// How many items fit.
    limit: usize,
    /// How much may still be looked at.
    looks: usize,
}

impl Page {
    /// Returns the empty page that a caller wants.
    ///
    /// # Errors
    /// `call.invalid` where it says how many by something else than a number.
    pub(crate) fn of(call: &Call, config: &Config) -> Result<Self, Problem> {
        let limit = limit_of(call, config.list_max)?;
        let looks = config.list_looks_max.max(1);
        Ok(Self { items: Vec::new(), next: None, last: None, limit, looks })
    }

    /// Takes note that something is looked at, by the name under which a list goes on behind it. Returns false where the page is over:
    /// then it is for the next one.
    pub(crate) fn looks_at(&mut self, name: impl FnOnce() -> String) -> bool {
        if self.is_full() || self.looks == 0 {
            self.next = self.last.take();
            return false;
        }
        self.looks -= 1;
        self.last = Some(name());
        true
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

/// Returns whether a caller wants the newest first.
pub(crate) fn is_newest(call: &Call) -> bool {
    call.args.get("newest").is_some_and(|value| value == true || value == "true")
}

/// Reads how many items a caller wants, `max` at most.
///
/// # Errors
/// `call.invalid` where that is no number.
pub(crate) fn limit_of(call: &Call, max: usize) -> Result<usize, Problem> {
    let limit = call.number("limit")?.unwrap_or(100);
    Ok(usize::try_from(limit).unwrap_or(max).min(max))
}
