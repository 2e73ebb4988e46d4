//! Which part of an answer is wanted, and in what order: put around the plan of a statement, never into its text.

use crate::Config;
use crate::sql::problem::of_planning;
use base::{Problem, nearest};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit, try_cast};
use serde::Deserialize;

/// Which part of an answer is wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// How many rows.
    pub(crate) limit: Option<usize>,
    /// How many are left out before.
    pub(crate) offset: usize,
    /// By which columns; `-NAME` the other way round.
    pub(crate) order: Vec<String>,
    pub(crate) search: Option<Search>,
}

/// Rows that have a text in a column.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    pub(crate) text: String,
    /// In one of these; in any where there is none.
    #[serde(default)]
    pub(crate) columns: Vec<String>,
}

impl Page {
    /// Returns the plan of the part of an answer. To be called where recursion has room.
    ///
    /// # Errors
    /// `call.invalid` for a column that the answer has not.
    pub(crate) fn of(&self, plan: LogicalPlan, config: &Config) -> Result<LogicalPlan, Problem> {
        let is_all = self.limit.is_none()
            && self.offset == 0
            && self.order.is_empty()
            && self.search.is_none();
        if is_all {
            return Ok(plan);
        }
        let condition = match &self.search {
            Some(search) => condition(search, &plan, config)?,
            None => None,
        };
        let order = self.order(&plan, config)?;
        let build = || {
            let mut builder = LogicalPlanBuilder::from(plan);
            if let Some(condition) = condition {
                builder = builder.filter(condition)?;
            }
            if !order.is_empty() {
                builder = builder.sort(order)?;
            }
            if self.limit.is_some() || 0 < self.offset {
                builder = builder.limit(self.offset, self.limit)?;
            }
            builder.build()
        };
        build().map_err(|error| of_planning(&error).into())
    }

    fn order(&self, plan: &LogicalPlan, config: &Config) -> Result<Vec<Sort>, Problem> {
        check_count("order", self.order.len(), config)?;
        let sort = |text: &String| {
            let (name, is_ascending) = match text.strip_prefix('-') {
                Some(name) => (name, false),
                None => (text.as_str(), true),
            };
            Ok(Expr::Column(column(plan, "order", name)?.0).sort(is_ascending, false))
        };
        self.order.iter().map(sort).collect()
    }
}

/// Returns the condition that a row has a text; none where every row has it.
fn condition(
    search: &Search,
    plan: &LogicalPlan,
    config: &Config,
) -> Result<Option<Expr>, Problem> {
    check_count("search", search.columns.len(), config)?;
    if search.text.is_empty() {
        return Ok(None);
    }
    let columns = match search.columns.as_slice() {
        [] => all(plan),
        named => {
            let found = named.iter().map(|name| column(plan, "search", name));
            found.collect::<Result<Vec<_>, Problem>>()?
        }
    };
    let mut pattern = String::from("%");
    for letter in search.text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    let has = columns.into_iter().filter(|(_, data_type)| !data_type.is_nested()).map(
        |(column, data_type)| {
            let value = match data_type {
                DataType::Utf8 => Expr::Column(column),
                _ => try_cast(Expr::Column(column), DataType::Utf8),
            };
            value.ilike(lit(pattern.as_str()))
        },
    );
    Ok(Some(has.reduce(Expr::or).unwrap_or_else(|| lit(false))))
}

/// Returns the columns of a plan with their types.
fn all(plan: &LogicalPlan) -> Vec<(Column, DataType)> {
    let fields = plan.schema().iter();
    fields
        .map(|(relation, field)| {
            (Column::new(relation.cloned(), field.name()), field.data_type().clone())
        })
        .collect()
}

/// Returns a column of a plan by its name.
fn column(plan: &LogicalPlan, what: &str, name: &str) -> Result<(Column, DataType), Problem> {
    let columns = all(plan);
    if let Some(found) = columns.iter().find(|(column, _)| column.name == name) {
        return Ok(found.clone());
    }
    let shown: String = name.chars().take(80).collect();
    let reason = format!("`{what}`: the answer has no column `{shown}`");
    let problem = Problem::from(kernel::Error::Parameters { reason });
    let known = columns.iter().map(|(column, _)| column.name.as_str());
    Err(match nearest(name, known) {
        Some(near) => problem.with_hint(format!("did you mean `{near}`?")),
        None => problem,
    })
}

fn check_count(what: &str, count: usize, config: &Config) -> Result<(), Problem> {
    let limit = config.page_columns_max;
    if count <= limit {
        return Ok(());
    }
    let reason = format!("`{what}` names more than {limit} columns");
    Err(kernel::Error::Parameters { reason }.into())
}
