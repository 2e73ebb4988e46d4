//! Says what a statement takes and gives, without running it.

use super::guard::{self, Text};
use super::memory::QueryPool;
use super::parameters::Parameter;
use super::postgres::output::{self, TYPE};
use super::postgres::types::{self, Type};
use super::postgres::{self, Question};
use super::run::{Stop, What};
use super::state::{self, Asked, Frame};
use crate::engine::Shared;
use crate::{Config, Error};
use base::{Problem, Time};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A statement that is to be described.
pub(crate) struct Described<'a> {
    pub(crate) text: Text<'a>,
    /// The types of the parameters as far as the caller knows them.
    pub(crate) types: Vec<Option<&'static Type>>,
    pub(crate) what: What,
    pub(crate) user: &'a str,
    pub(crate) business: Time,
}

/// Describes a statement. To be called where recursion has room.
///
/// # Errors
/// `sql.invalid`, `sql.not_allowed`, `sql.exhausted`.
pub(crate) fn describe(shared: &Shared, described: &Described<'_>) -> Result<Value, Problem> {
    let config = &shared.config;
    let pool = QueryPool::new(config.query_bytes_max, Arc::default(), config.queries_bytes_max);
    let frame = Frame {
        business: described.business,
        pool: Arc::new(pool),
        stop: Arc::new(Stop::default()),
        files: None,
    };
    let mut state = state::new(config, frame)?;
    let (kinds, schema) = match &described.what {
        What::Tables(tables) => {
            let (count, said) = match guard::parse(described.text, config)? {
                Statement::Statement(statement) => postgres::parameters(&statement),
                _ => (0, BTreeMap::new()),
            };
            let mut kinds = merged(config, count, said, &described.types)?;
            let asked = Asked { text: described.text, parameters: &[], user: described.user };
            if kinds.iter().any(Option::is_none) {
                // What cannot be found out is text, as in PostgreSQL.
                let found = state::parameter_types(&mut state, config, &asked, tables);
                let found = found.unwrap_or_default();
                for (at, kind) in kinds.iter_mut().enumerate() {
                    let known = found.get(&format!("${}", at + 1)).cloned().flatten();
                    *kind = kind.or_else(|| known.map(|known| types::of_arrow(&known)));
                }
            }
            let kinds = settled(&kinds);
            let parameters: Vec<Parameter> = kinds.iter().copied().map(Parameter::null).collect();
            let asked = Asked { parameters: &parameters, ..asked };
            let plan = state::plan_for(&mut state, config, &asked, tables)?;
            (kinds, output::shown(plan.schema().inner()))
        }
        What::Catalogue(_) => of_catalogue(config, described, &state)?,
    };
    Ok(told(described, &kinds, &schema))
}

fn of_catalogue(
    config: &Config,
    described: &Described<'_>,
    state: &SessionState,
) -> Result<(Vec<&'static Type>, SchemaRef), Problem> {
    let What::Catalogue(listing) = &described.what else {
        return Err(Error::Internal { detail: "a question without a catalogue".into() }.into());
    };
    let statement = guard::question(described.text.sql, config)?;
    let (count, said) = postgres::parameters(&statement);
    let kinds = settled(&merged(config, count, said, &described.types)?);
    let parameters: Vec<Parameter> = kinds.iter().copied().map(Parameter::null).collect();
    let question = Question {
        statement: &statement,
        parameters: &parameters,
        user: described.user,
        is_stopped: &|| false,
    };
    let schema = question.columns(config, state::with_columns(state, config, listing))?;
    Ok((kinds, output::shown(&schema)))
}

/// Returns the types of the parameters as far as the caller or the statement says them.
fn merged(
    config: &Config,
    count: usize,
    said: BTreeMap<usize, &'static Type>,
    given: &[Option<&'static Type>],
) -> Result<Vec<Option<&'static Type>>, Error> {
    let count = count.max(given.len());
    if config.parameters_max < count {
        return Err(Error::Exhausted { what: format!("{} parameters", config.parameters_max) });
    }
    let of = |at: usize| given.get(at).copied().flatten().or_else(|| said.get(&(at + 1)).copied());
    Ok((0..count).map(of).collect())
}

fn settled(kinds: &[Option<&'static Type>]) -> Vec<&'static Type> {
    kinds.iter().map(|kind| kind.unwrap_or(Type::known("text"))).collect()
}

fn told(described: &Described<'_>, kinds: &[&'static Type], schema: &SchemaRef) -> Value {
    let columns = schema.fields().iter().map(|field| {
        json!({
            "name": field.name(),
            "type": field.metadata().get(TYPE),
            "modifier": types::modifier(field.data_type()),
        })
    });
    let kind = match &described.what {
        What::Catalogue(_) => "catalogue",
        What::Tables(_) => "query",
    };
    json!({
        "kind": kind,
        "parameters": kinds.iter().map(|kind| kind.name).collect::<Vec<_>>(),
        "columns": columns.collect::<Vec<_>>(),
    })
}
