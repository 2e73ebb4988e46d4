//! What is lent of a relation, planned.
//!
//! A column whose type is not the agreed one any more is not cast: the relation is not lent then.

use crate::catalog::{Catalog, PUBLIC, Table};
use crate::engine::{Shared, planning};
use crate::rights::Excerpt;
use crate::rights::excerpt::{Shown, Wanted};
use crate::sql::guard::Text;
use crate::sql::problem::of_planning;
use crate::sql::table::data_type;
use crate::sql::{guard, state};
use crate::streams::decimal;
use crate::{Config, Error};
use base::{Kind, Problem};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DataFusionError, ScalarValue, TableReference};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, binary_expr, lit,
};
use kernel::{Cell, ColumnType, Comparison, Filter, Lending, LentColumn, Read};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Returns the columns of a relation that can be lent, and checks that a condition fits its rows.
///
/// # Errors
/// `sql.invalid`, `sql.lent`, `view.invalid`.
pub(crate) fn describe(
    shared: &Arc<Shared>,
    read: &dyn Read,
    relation: &str,
    rows: Option<&str>,
) -> Result<Vec<kernel::Column>, Problem> {
    let (schema, name) = split(relation);
    let catalog = Catalog::of_all(shared, read);
    let tables = catalog.declared(schema, name)?;
    check_own(relation, &catalog)?;
    let (config, business) = (&shared.config, read.business());
    let plan = || -> Result<Vec<kernel::Column>, Problem> {
        let mut session = planning(config, business)?;
        let whole = whole(&mut session, config, relation, &tables)?;
        let columns = columns(&whole);
        if rows.is_some() {
            let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
            let cut = Cut { relation, rows, user: "nobody", names: &names };
            let plan = cut.over(&session, config, whole)?;
            state::check(&session, &plan)?;
        }
        Ok(columns)
    };
    guard::with_stack(plan)?
}

/// Checks that a relation does not stand on what another unit lends to this one, as the catalogue has found it.
///
/// # Errors
/// `sql.lent`: what a unit lends is not lent on.
pub(crate) fn check_own(relation: &str, catalog: &Catalog<'_>) -> Result<(), Error> {
    match catalog.lent() {
        None => Ok(()),
        Some(lent) if lent == relation => {
            Err(broken(relation, "another unit lends it to this one".into()))
        }
        Some(lent) => {
            let reason = format!("it stands on `{lent}`, which another unit lends to this one");
            Err(broken(relation, reason))
        }
    }
}

/// Returns the query that reads all of a relation. Its names come out of this unit's own manifests.
pub(crate) fn text(relation: &str) -> String {
    let (schema, name) = split(relation);
    format!("SELECT * FROM {}.{}", quoted(schema), quoted(name))
}

/// Returns what it means that a relation cannot be planned as it was agreed.
pub(crate) fn changed(relation: &str, problem: Problem) -> Problem {
    match problem.kind {
        Kind::Invalid | Kind::NotFound | Kind::Conflict => broken(relation, problem.message).into(),
        _ => problem,
    }
}

/// Plans what is asked of a relation that is lent. To be called where recursion has room.
///
/// # Errors
/// `sql.lent` where the relation does not have the agreed columns.
pub(crate) fn lent(
    session: &mut SessionState,
    config: &Config,
    lending: &Lending,
    tables: &[Table],
) -> Result<LogicalPlan, Problem> {
    let relation = lending.relation.as_str();
    let whole =
        whole(session, config, relation, tables).map_err(|problem| changed(relation, problem))?;
    agreed(relation, &lending.columns, &columns(&whole))?;
    let names: Vec<String> = lending.columns.iter().map(|column| column.name.clone()).collect();
    let rows = lending.rows.as_deref();
    let cut = Cut { relation, rows, user: &lending.user, names: &names };
    let plan = cut.over(session, config, whole).map_err(|error| changed(relation, error.into()))?;
    let filter = lending.filter.as_ref();
    let filter = filter.map(|filter| condition(filter, &lending.columns)).transpose()?;
    let mut select = Vec::with_capacity(lending.select.len().max(1));
    for place in &lending.select {
        select.push(column(*place, &lending.columns)?.0);
    }
    if select.is_empty() {
        // A plan without a column is none everywhere; what is left of this one is how many rows there are.
        select.push(lit(true).alias("row"));
    }
    let typed = typed(plan, &lending.columns);
    let build = || -> Result<LogicalPlan, DataFusionError> {
        let mut plan = LogicalPlanBuilder::from(typed?);
        if let Some(filter) = filter {
            plan = plan.filter(filter)?;
        }
        if lending.limit.is_some() {
            plan = plan.limit(0, lending.limit)?;
        }
        plan.project(select)?.build()
    };
    build().map_err(|error| changed(relation, of_planning(&error).into()))
}

/// Plans all rows of a relation, under its bare name.
fn whole(
    session: &mut SessionState,
    config: &Config,
    relation: &str,
    tables: &[Table],
) -> Result<LogicalPlan, Problem> {
    let (schema, name) = split(relation);
    if schema == "information_schema" {
        return Err(broken(relation, "the catalogue is nobody's to lend".into()).into());
    }
    let rows = state::plan(session, config, Text::own(&text(relation)), tables)?;
    LogicalPlanBuilder::from(rows)
        .alias(TableReference::bare(name))
        .and_then(LogicalPlanBuilder::build)
        .map_err(|error| of_planning(&error).into())
}

/// Which rows and columns are lent.
struct Cut<'c> {
    relation: &'c str,
    rows: Option<&'c str>,
    user: &'c str,
    names: &'c [String],
}

impl Cut<'_> {
    /// Takes away what is not lent: as what a role shows of a relation is cut.
    fn over(
        &self,
        session: &SessionState,
        config: &Config,
        whole: LogicalPlan,
    ) -> Result<LogicalPlan, Error> {
        let rows = self.rows.map(str::to_owned);
        let shown = Shown { role: "offer".into(), rows, mask: BTreeMap::new() };
        let (relation, user) = (self.relation.to_owned(), self.user.to_owned());
        let excerpt = Excerpt { relation, user, shown: vec![shown], key: None };
        let wanted = Wanted { columns: self.names, ..Wanted::default() };
        excerpt.over(session, config, whole, &wanted).map_err(|fault| fault.error)
    }
}

/// Checks that the columns of a contract are still there.
fn agreed(relation: &str, agreed: &[LentColumn], found: &[kernel::Column]) -> Result<(), Error> {
    for column in agreed {
        let reason = match found.iter().find(|known| known.name == column.name) {
            Some(known) if known.column_type == column.column_type => continue,
            Some(_) => format!("the column `{}` has another type", column.name),
            None => format!("there is no column `{}` that can be lent", column.name),
        };
        return Err(broken(relation, reason));
    }
    Ok(())
}

/// Gives the columns the types that they have under a contract, in its order.
fn typed(plan: LogicalPlan, columns: &[LentColumn]) -> Result<LogicalPlan, DataFusionError> {
    let schema = Arc::clone(plan.schema());
    let mut exprs = Vec::with_capacity(columns.len());
    for column in columns {
        let (relation, field) = schema.qualified_field_with_unqualified_name(&column.name)?;
        let raw = Expr::Column(Column::new(relation.cloned(), field.name()));
        let cast = raw.cast_to(&data_type(column.column_type), &*schema)?;
        exprs.push(cast.alias(&column.name));
    }
    LogicalPlanBuilder::from(plan).project(exprs)?.build()
}

/// Returns the columns of a plan that can be lent.
fn columns(plan: &LogicalPlan) -> Vec<kernel::Column> {
    let fields = plan.schema().fields().iter();
    let column = |field: &Arc<datafusion::arrow::datatypes::Field>| {
        let column_type = column_type(field.data_type())?;
        Some(kernel::Column::new(field.name(), column_type, ""))
    };
    fields.filter_map(column).collect()
}

/// Returns the type in which values of another unit's SQL can be lent, where none of them is lost.
fn column_type(data_type: &DataType) -> Option<ColumnType> {
    match data_type {
        DataType::Boolean => Some(ColumnType::Bool),
        kind if kind.is_integer() => Some(ColumnType::Int),
        kind if kind.is_floating() => Some(ColumnType::Float),
        DataType::Decimal128(_, scale) => u8::try_from(*scale).ok().map(ColumnType::Decimal),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(ColumnType::Text),
        DataType::Date32 | DataType::Date64 => Some(ColumnType::Text),
        DataType::Timestamp(..) => Some(ColumnType::Time),
        DataType::Dictionary(_, values) => column_type(values),
        _ => None,
    }
}

/// Returns a lent column as an expression, and its type.
fn column(place: usize, columns: &[LentColumn]) -> Result<(Expr, ColumnType), Error> {
    let missing = || Error::Internal { detail: format!("there is no lent column {place}") };
    let column = columns.get(place).ok_or_else(missing)?;
    Ok((Expr::Column(Column::new_unqualified(&column.name)), column.column_type))
}

fn condition(filter: &Filter, columns: &[LentColumn]) -> Result<Expr, Error> {
    match filter {
        Filter::Compare { column: place, comparison, value } => {
            let (column, column_type) = column(*place, columns)?;
            Ok(binary_expr(column, operator(*comparison), literal(value, column_type)?))
        }
        Filter::In { values, .. } if values.is_empty() => Ok(lit(false)),
        Filter::In { column: place, values } => {
            let (column, column_type) = column(*place, columns)?;
            let values = values.iter().map(|value| literal(value, column_type));
            Ok(column.in_list(values.collect::<Result<Vec<_>, Error>>()?, false))
        }
        Filter::IsNull { column: place } => Ok(column(*place, columns)?.0.is_null()),
        Filter::IsNotNull { column: place } => Ok(column(*place, columns)?.0.is_not_null()),
        Filter::All(parts) => Ok(joined(parts, columns, Operator::And)?.unwrap_or(lit(true))),
        Filter::Any(parts) => Ok(joined(parts, columns, Operator::Or)?.unwrap_or(lit(false))),
    }
}

/// Joins conditions in pairs, so that a thousand of them nest ten deep and not a thousand.
fn joined(
    parts: &[Filter],
    columns: &[LentColumn],
    operator: Operator,
) -> Result<Option<Expr>, Error> {
    let exprs = parts.iter().map(|part| condition(part, columns));
    let mut exprs = exprs.collect::<Result<Vec<Expr>, Error>>()?;
    while 1 < exprs.len() {
        let mut halved = Vec::with_capacity(exprs.len().div_ceil(2));
        let mut rest = exprs.into_iter();
        while let Some(left) = rest.next() {
            halved.push(match rest.next() {
                Some(right) => binary_expr(left, operator, right),
                None => left,
            });
        }
        exprs = halved;
    }
    Ok(exprs.pop())
}

fn operator(comparison: Comparison) -> Operator {
    match comparison {
        Comparison::Equal => Operator::Eq,
        Comparison::NotEqual => Operator::NotEq,
        Comparison::Less => Operator::Lt,
        Comparison::LessOrEqual => Operator::LtEq,
        Comparison::Greater => Operator::Gt,
        Comparison::GreaterOrEqual => Operator::GtEq,
    }
}

fn literal(value: &Cell, column_type: ColumnType) -> Result<Expr, Error> {
    let wrong = || Error::Internal { detail: format!("{value:?} is no value of {column_type:?}") };
    let scalar = match (column_type, value) {
        (ColumnType::Bool, Cell::Bool(truth)) => ScalarValue::Boolean(Some(*truth)),
        (ColumnType::Int, Cell::Int(number)) => ScalarValue::Int64(Some(*number)),
        (ColumnType::Float, Cell::Float(number)) => ScalarValue::Float64(Some(*number)),
        (ColumnType::Text, Cell::Text(text)) => ScalarValue::Utf8(Some(text.clone())),
        (ColumnType::Time, Cell::Time(millis)) => {
            ScalarValue::TimestampMillisecond(Some(*millis), Some("UTC".into()))
        }
        (ColumnType::Decimal(scale), Cell::Decimal(text)) => {
            let value = decimal::parse(text, 38, scale).map_err(|_| wrong())?;
            ScalarValue::Decimal128(Some(value), 38, scale.cast_signed())
        }
        _ => return Err(wrong()),
    };
    Ok(Expr::Literal(scalar, None))
}

/// Returns schema and name of a relation as SQL writes it.
fn split(relation: &str) -> (&str, &str) {
    relation.split_once('.').unwrap_or((PUBLIC, relation))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn broken(relation: &str, reason: String) -> Error {
    Error::Lent { relation: relation.to_owned(), reason }
}
