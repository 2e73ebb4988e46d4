//! Expressions of roles: over the columns of one relation, without queries, the same for the same row.

use crate::catalog::{LATEST, SET_ASIDE};
use crate::sql::by_row::is_by_row;
use crate::sql::guard;
use crate::sql::problem::of_planning;
use crate::{Config, Error};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, visit_expressions_mut};
use std::ops::ControlFlow;

/// What an expression is planned with.
pub(crate) struct Frame<'a> {
    /// The relation, as SQL names it.
    pub(crate) relation: &'a str,
    /// Functions and settings.
    pub(crate) state: &'a SessionState,
    /// Limits.
    pub(crate) config: &'a Config,
    /// The columns.
    pub(crate) schema: &'a DFSchema,
    /// What `current_user` is.
    pub(crate) user: &'a str,
}

impl Frame<'_> {
    /// Plans a condition on rows.
    ///
    /// # Errors
    /// [`Error::Sql`] and [`Error::Exhausted`].
    pub(crate) fn condition(&self, text: &str) -> Result<Expr, Error> {
        let expr = self.expression(text)?;
        match self.type_of(&expr)? {
            DataType::Boolean => Ok(expr),
            other => Err(sql(format!("a condition is true or false, and this is {other}"))),
        }
    }

    /// Plans what takes the place of a column's values.
    ///
    /// # Errors
    /// As [`Frame::condition`]; where the expression gives another type than the column has.
    pub(crate) fn value(&self, text: &str, data_type: &DataType) -> Result<Expr, Error> {
        let expr = self.expression(text)?;
        let found = self.type_of(&expr)?;
        if !is_alike(&found, data_type) {
            return Err(sql(format!("the column is {data_type}, and this is {found}")));
        }
        self.cast(expr, data_type)
    }

    /// Returns an expression as a type.
    ///
    /// # Errors
    /// Where there is no way from one type to the other.
    pub(crate) fn cast(&self, expr: Expr, data_type: &DataType) -> Result<Expr, Error> {
        expr.cast_to(data_type, self.schema).map_err(|error| of_planning(&error))
    }

    /// Returns whether a name means the relation, or the stream that it is a table of.
    fn is_own(&self, name: &str) -> bool {
        let relation = self.relation.rsplit('.').next().unwrap_or(self.relation);
        let rest = relation.strip_prefix(name);
        rest.is_some_and(|rest| ["", LATEST, SET_ASIDE].contains(&rest))
    }

    fn type_of(&self, expr: &Expr) -> Result<DataType, Error> {
        expr.get_type(self.schema).map_err(|error| of_planning(&error))
    }

    fn expression(&self, text: &str) -> Result<Expr, Error> {
        let mut parsed = guard::expression(text, self.user, self.config)?;
        // A table of a stream follows what is said of the stream: its columns may be written with the stream's name.
        let _ = visit_expressions_mut(&mut parsed, |part| {
            if let SqlExpr::CompoundIdentifier(names) = part
                && let [relation, column] = names.as_slice()
                && self.is_own(&relation.value)
            {
                *part = SqlExpr::Identifier(column.clone());
            }
            ControlFlow::<()>::Continue(())
        });
        let expr = self
            .state
            .create_logical_expr_from_sql_expr(parsed, self.schema)
            .map_err(|error| of_planning(&error))?;
        check(&expr)?;
        Ok(expr)
    }
}

/// Refuses what depends on more than the row, or differs from time to time.
fn check(expr: &Expr) -> Result<(), Error> {
    if expr.is_volatile() {
        return Err(sql("its value differs from time to time".into()));
    }
    let has_more = expr.exists(|part| Ok(!is_by_row(part)));
    if has_more.map_err(|error| of_planning(&error))? {
        return Err(sql("operators and functions of one row can stand here, nothing else".into()));
    }
    Ok(())
}

/// Returns whether values of one type can always be written in the other.
fn is_alike(found: &DataType, wanted: &DataType) -> bool {
    let is_text =
        |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    found == wanted
        || *found == DataType::Null
        || is_text(found) && is_text(wanted)
        || found.is_numeric() && wanted.is_numeric()
        || matches!((found, wanted), (DataType::Timestamp(..), DataType::Timestamp(..)))
}

fn sql(reason: String) -> Error {
    Error::Sql { reason, place: None, hint: None }
}
