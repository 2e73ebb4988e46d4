//! What is refused when a query is declared, and when something changes beneath it.
//!
//! A query is planned as whoever declares it may read, as a view is. One that belongs to an application is held to afterwards: what it
//! reads cannot be removed from under it. One that somebody has saved for himself holds up nobody: it fails when it is run.

use super::spec::QuerySpec;
use super::text::{self, Text};
use crate::catalog::{Catalog, Table};
use crate::engine::{Data, Shared, planning};
use crate::sql::guard::{self, Text as Sql};
use crate::sql::state::{self, Asked};
use crate::{Config, Error};
use base::{Place, Problem, Time};
use datafusion::common::TableReference;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use kernel::{Principal, Read, Resource, Tx};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The label that tells which application a resource belongs to.
pub(crate) const APPLICATION: &str = "craton/application";

/// The longest name of a parameter in bytes.
const NAME_BYTES_MAX: usize = 63;

impl Data {
    /// Takes note that a query changes; refuses what cannot work.
    pub(crate) fn query_changed(
        &self,
        tx: &mut Tx<'_>,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        let changes = changes(tx)? + 1;
        tx.put(changes_key(), changes.to_be_bytes().to_vec());
        let Some(new) = new else { return Ok(()) };
        let author = Principal::try_from(new.changed_by.clone())?;
        self.check_query(tx, new, &Catalog::new(&self.shared, tx, None, None), &author)
    }

    /// Checks the queries of applications anew: something that they read has changed.
    pub(crate) fn check_all_queries(&self, tx: &Tx<'_>) -> Result<(), Problem> {
        for query in tx.resources("query")?.iter().filter(|query| is_declared(query)) {
            // Its author has long been judged, and may be gone.
            let catalog = Catalog::of_all(&self.shared, tx);
            self.check_query(tx, query, &catalog, &Principal::Anonymous)?;
        }
        Ok(())
    }

    /// Returns the relations that the queries of applications name.
    pub(crate) fn references_of_queries(
        &self,
        tx: &Tx<'_>,
    ) -> Result<Vec<(String, Arc<Vec<TableReference>>)>, Problem> {
        let queries = tx.resources("query")?;
        let declared = queries.iter().filter(|query| is_declared(query));
        declared
            .map(|query| Ok((query.name.clone(), self.shared.references_of_query(query)?)))
            .collect()
    }

    fn check_query(
        &self,
        tx: &Tx<'_>,
        query: &Resource,
        catalog: &Catalog<'_>,
        author: &Principal,
    ) -> Result<(), Problem> {
        let config = &self.shared.config;
        let text = Text::of(query, config)?;
        check_parameters(&text.name, &text.spec, config)?;
        let placed = |problem: Problem| of_query(&text.name, problem);
        let tables = catalog.tables(Sql::own(&text.sql), author).map_err(placed)?;
        let business = tx.business();
        guard::with_stack(|| check_plan(config, business, &text, &tables))?.map_err(placed)
    }
}

impl Shared {
    /// Returns the relations that a query names.
    ///
    /// # Errors
    /// `query.invalid`.
    pub(crate) fn references_of_query(
        &self,
        query: &Resource,
    ) -> Result<Arc<Vec<TableReference>>, Problem> {
        self.remember_references(query, || {
            let text = Text::of(query, &self.config)?;
            Ok(guard::references(Sql::own(&text.sql), &self.config)?)
        })
    }
}

/// Returns how often queries have changed: what is remembered of them is as of such a number.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn changes(read: &dyn Read) -> Result<u64, Problem> {
    let bytes = read.get(changes_key().as_ref())?;
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes))
}

fn changes_key() -> base::Key {
    kernel::key(b's').text("queries").text("changes")
}

/// Returns the problem of a query that cannot work.
pub(crate) fn wrong(name: &str, reason: String, pointer: &str, hint: Option<String>) -> Problem {
    let place = Some(Place::pointer(pointer));
    Error::Declared { kind: "query", name: name.into(), reason, place, hint }.into()
}

/// Says in which query a problem is.
fn of_query(query: &str, problem: Problem) -> Problem {
    if problem.code != "sql.invalid" && problem.code != "sql.not_allowed" {
        return problem;
    }
    let Problem { message, place, hint, .. } = problem;
    Error::Declared { kind: "query", name: query.into(), reason: message, place, hint }.into()
}

fn is_declared(query: &Resource) -> bool {
    query.labels.contains_key(APPLICATION)
}

fn check_plan(
    config: &Config,
    business: Time,
    text: &Text,
    tables: &[Table],
) -> Result<(), Problem> {
    let statement = guard::parse(Sql::own(&text.sql), config)?;
    let is_select = matches!(&statement, Statement::Statement(statement)
        if matches!(statement.as_ref(), SqlStatement::Query(_)));
    if !is_select {
        let reason = "it is no SELECT".into();
        return Err(Error::Sql { reason, place: None, hint: None }.into());
    }
    let plan = text.plan(config, business, tables)?;
    state::check(&planning(config, business)?, &plan)
}

impl Text {
    /// Plans the query without values for its parameters. To be called where recursion has room.
    ///
    /// # Errors
    /// `sql.invalid`.
    pub(crate) fn plan(
        &self,
        config: &Config,
        business: Time,
        tables: &[Table],
    ) -> Result<LogicalPlan, Problem> {
        let mut session = planning(config, business)?;
        let parameters = self.unbound();
        let asked = Asked { text: Sql::own(&self.sql), parameters: &parameters, user: "" };
        state::plan_for(&mut session, config, &asked, tables)
    }
}

fn check_parameters(query: &str, spec: &QuerySpec, config: &Config) -> Result<(), Problem> {
    let limit = config.query_parameters_max;
    if limit < spec.parameters.len() {
        let reason = format!("it has {} parameters, {limit} are allowed", spec.parameters.len());
        return Err(wrong(query, reason, "/spec/parameters", None));
    }
    let mut seen = BTreeSet::new();
    for (number, parameter) in spec.parameters.iter().enumerate() {
        let at = |field: &str| format!("/spec/parameters/{number}/{field}");
        let name = &parameter.name;
        if !is_name(name) {
            let shown: String = name.chars().take(80).collect();
            let hint = "a lower-case letter, then lower-case letters, digits and `_`".into();
            let reason = format!("`{shown}` is no name of a parameter");
            return Err(wrong(query, reason, &at("name"), Some(hint)));
        }
        if !seen.insert(name) {
            let reason = format!("parameter `{name}` stands twice");
            return Err(wrong(query, reason, &at("name"), None));
        }
        if let Some(default) = &parameter.default {
            text::read(parameter, number + 1, default.clone()).map_err(|reason| {
                wrong(query, format!("parameter `{name}`: {reason}"), &at("default"), None)
            })?;
        }
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= NAME_BYTES_MAX
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && text.bytes().all(is_inner)
}
