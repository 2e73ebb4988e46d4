//! Asks in SQL from inside the engine, and waits for all rows.

use crate::Error;
use crate::catalog::Table;
use crate::engine::Shared;
use crate::sql::guard::Dialect;
use crate::sql::page::Page;
use crate::sql::queries::{self, Asker};
use crate::sql::run::{self, Format, Query, What};
use base::{Problem, Time};
use kernel::{Principal, Read, Reader};
use serde_json::Value;
use std::sync::Arc;

/// A question over tables that were found.
pub(crate) struct Question<'q> {
    /// For whom: the limits of queries count it, `craton ps` shows it.
    pub(crate) who: &'q Principal,
    pub(crate) sql: String,
    pub(crate) tables: Vec<Table>,
    /// What `now()` is.
    pub(crate) business: Time,
    /// More rows are refused.
    pub(crate) rows_max: usize,
}

/// Answers a question; the rows as JSON objects.
///
/// # Errors
/// What a query says: `sql.invalid`, `sql.exhausted`, `sql.timeout`.
pub(crate) fn rows(
    shared: &Arc<Shared>,
    reader: &Reader,
    question: Question<'_>,
) -> Result<Vec<Value>, Problem> {
    let Question { who, sql, tables, business, rows_max } = question;
    let clock = Arc::clone(reader.kernel().clock());
    let asker = Asker { who, payer: reader.caller(), text: &sql, tag: None };
    let entry = queries::enter(shared, reader, &asker)?;
    let query = Query {
        sql,
        dialect: Dialect::Craton,
        parameters: Vec::new(),
        page: Page::default(),
        what: What::Tables(tables),
        user: who.name().to_owned(),
        format: Format::Ndjson,
        rows_max: rows_max.min(shared.config.result_rows_max),
        ms_max: shared.config.query_ms_max,
        business,
        entry,
    };
    let mut bytes = Vec::new();
    for piece in run::start(shared, clock, query)? {
        bytes.extend(piece?);
    }
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_slice(line).map_err(|error| {
                Error::Internal { detail: format!("a row of an answer: {error}") }.into()
            })
        })
        .collect()
}
