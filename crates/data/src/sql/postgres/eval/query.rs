//! Queries: WITH, UNION and its kin, ORDER BY, LIMIT.

use super::{Column, Evaluator, Frame, Table, unsupported, wrong};
use crate::Error;
use crate::sql::postgres::value::{Row, Value};
use datafusion::sql::sqlparser::ast::{
    Cte, Expr, LimitClause, OrderByExpr, OrderByKind, Query, SetExpr, SetOperator, SetQuantifier,
    TableAlias, Value as Literal,
};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Rounds of a recursive WITH.
const ROUNDS_MAX: usize = 1_000;

impl Evaluator<'_> {
    /// Answers a query; `outer` is what stands around it.
    pub(super) fn query(&self, query: &Query, outer: Option<&Frame<'_>>) -> Result<Table, Error> {
        let before = self.parts.borrow().len();
        let result = self.with_parts(query, outer);
        self.parts.borrow_mut().truncate(before);
        result
    }

    fn with_parts(&self, query: &Query, outer: Option<&Frame<'_>>) -> Result<Table, Error> {
        if let Some(with) = &query.with {
            for part in &with.cte_tables {
                let table = match with.recursive {
                    true => self.recursive(part, outer)?,
                    false => self.query(&part.query, outer)?,
                };
                let name = part.alias.name.value.clone();
                self.parts.borrow_mut().push((name, Rc::new(renamed(table, &part.alias))));
            }
        }
        let order = match query.order_by.as_ref().map(|order| &order.kind) {
            None => &[][..],
            Some(OrderByKind::Expressions(order)) => order.as_slice(),
            Some(OrderByKind::All(_)) => return Err(unsupported("ORDER BY ALL")),
        };
        let mut table = match query.body.as_ref() {
            SetExpr::Select(select) => self.select(select, order, outer)?,
            body => self.sorted(self.body(body, outer)?, order, outer)?,
        };
        self.cut(query, &mut table, outer)?;
        Ok(table)
    }

    /// Answers a part of a WITH that may name itself.
    fn recursive(&self, part: &Cte, outer: Option<&Frame<'_>>) -> Result<Table, Error> {
        let SetExpr::SetOperation { left, right, op: SetOperator::Union, set_quantifier } =
            part.query.body.as_ref()
        else {
            return self.query(&part.query, outer);
        };
        let is_all = *set_quantifier == SetQuantifier::All;
        let name = part.alias.name.value.clone();
        let mut all = renamed(self.body(left, outer)?, &part.alias);
        let mut fresh = all.clone();
        for _ in 0..ROUNDS_MAX {
            let is_done = self.is_dry.get() || fresh.rows.is_empty();
            if is_done {
                return Ok(all);
            }
            // What was remembered of subqueries may have looked at the last round.
            self.results.borrow_mut().clear();
            self.parts.borrow_mut().push((name.clone(), Rc::new(fresh)));
            let round = self.body(right, outer);
            self.parts.borrow_mut().pop();
            let mut rows = round?.rows;
            if !is_all {
                rows.retain(|row| !all.rows.iter().any(|known| is_same(known, row)));
            }
            all.rows.extend(rows.iter().cloned());
            self.check(all.rows.len(), all.columns.len())?;
            fresh = Table { columns: all.columns.clone(), rows };
        }
        Err(Error::Exhausted { what: format!("{ROUNDS_MAX} rounds of WITH RECURSIVE") })
    }

    fn body(&self, body: &SetExpr, outer: Option<&Frame<'_>>) -> Result<Table, Error> {
        match body {
            SetExpr::Select(select) => self.select(select, &[], outer),
            SetExpr::Query(query) => self.query(query, outer),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let (left, right) = (self.body(left, outer)?, self.body(right, outer)?);
                self.combined(left, right, *op, *set_quantifier)
            }
            SetExpr::Values(values) => {
                let frame = Frame::new(&[], &[], outer);
                let mut table = Table::default();
                for row in &values.rows {
                    let row = row.iter().collect::<Vec<&Expr>>();
                    if table.columns.is_empty() {
                        for (at, expr) in row.iter().enumerate() {
                            let kind = self.kind(expr, &frame)?;
                            table.columns.push(Column::new("", &format!("column{}", at + 1), kind));
                        }
                    }
                    let values = row.iter().map(|expr| self.value(expr, &frame));
                    let values = values.collect::<Result<Vec<Value>, Error>>()?;
                    if values.len() != table.columns.len() {
                        return Err(wrong("the rows of VALUES differ in length"));
                    }
                    table.rows.push(values.into());
                }
                if self.is_dry.get() {
                    table.rows.clear();
                }
                Ok(table)
            }
            other => Err(unsupported(other)),
        }
    }

    fn combined(
        &self,
        mut left: Table,
        right: Table,
        op: SetOperator,
        quantifier: SetQuantifier,
    ) -> Result<Table, Error> {
        if left.columns.len() != right.columns.len() {
            return Err(wrong(format!(
                "{op} of {} and {} columns",
                left.columns.len(),
                right.columns.len()
            )));
        }
        for (column, other) in left.columns.iter_mut().zip(&right.columns) {
            column.qualifier.clear();
            if column.kind.name == "unknown" {
                column.kind = other.kind;
            }
        }
        let is_all = matches!(quantifier, SetQuantifier::All);
        let has = |rows: &[Row], row: &Row| rows.iter().any(|known| is_same(known, row));
        match op {
            SetOperator::Union => left.rows.extend(right.rows),
            SetOperator::Intersect => left.rows.retain(|row| has(&right.rows, row)),
            SetOperator::Except | SetOperator::Minus => {
                left.rows.retain(|row| !has(&right.rows, row));
            }
        }
        if !is_all {
            left.rows = distinct(std::mem::take(&mut left.rows));
        }
        self.check(left.rows.len(), left.columns.len())?;
        Ok(left)
    }

    /// Sorts a result by its own columns.
    fn sorted(
        &self,
        mut table: Table,
        order: &[OrderByExpr],
        outer: Option<&Frame<'_>>,
    ) -> Result<Table, Error> {
        if order.is_empty() {
            return Ok(table);
        }
        let mut keyed = Vec::with_capacity(table.rows.len());
        for row in std::mem::take(&mut table.rows) {
            let frame = Frame::new(&table.columns, &row, outer);
            let mut keys = Vec::new();
            for by in order {
                keys.push(match place_of(&by.expr, table.columns.len())? {
                    Some(at) => row[at].clone(),
                    None => self.value(&by.expr, &frame)?,
                });
            }
            keyed.push((keys, row.clone()));
        }
        sort(&mut keyed, order);
        table.rows = keyed.into_iter().map(|(_, row)| row).collect();
        Ok(table)
    }

    fn cut(
        &self,
        query: &Query,
        table: &mut Table,
        outer: Option<&Frame<'_>>,
    ) -> Result<(), Error> {
        let frame = Frame::new(&[], &[], outer);
        let count = |expr: &Expr| -> Result<Option<usize>, Error> {
            let value = self.value(expr, &frame)?;
            Ok(value.int().map(|number| usize::try_from(number).unwrap_or(0)))
        };
        let (mut limit, mut offset) = (None, None);
        match &query.limit_clause {
            None => {}
            Some(LimitClause::LimitOffset { limit: most, offset: from, .. }) => {
                limit = most.as_ref().map(count).transpose()?.flatten();
                offset = from.as_ref().map(|from| count(&from.value)).transpose()?.flatten();
            }
            Some(LimitClause::OffsetCommaLimit { offset: from, limit: most }) => {
                (limit, offset) = (count(most)?, count(from)?);
            }
        }
        if let Some(quantity) = query.fetch.as_ref().and_then(|fetch| fetch.quantity.as_ref()) {
            limit = count(quantity)?;
        }
        let offset = offset.unwrap_or(0).min(table.rows.len());
        table.rows.drain(..offset);
        table.rows.truncate(limit.unwrap_or(usize::MAX));
        Ok(())
    }
}

/// Returns the column that an expression of ORDER BY or GROUP BY names by its number.
pub(super) fn place_of(expr: &Expr, columns: usize) -> Result<Option<usize>, Error> {
    let Expr::Value(value) = expr else { return Ok(None) };
    let Literal::Number(number, _) = &value.value else { return Ok(None) };
    let number = number.to_string().parse::<usize>().ok();
    match number.filter(|number| 0 < *number && *number <= columns) {
        Some(number) => Ok(Some(number - 1)),
        None => Err(wrong(format!("there is no column {value}"))),
    }
}

/// Sorts rows by keys.
pub(super) fn sort<T>(keyed: &mut [(Vec<Value>, T)], order: &[OrderByExpr]) {
    keyed.sort_by(|(one, _), (other, _)| {
        for ((one, other), by) in one.iter().zip(other).zip(order) {
            let is_descending = by.options.asc == Some(false);
            let is_null_first = by.options.nulls_first.unwrap_or(is_descending);
            let order = match (one.is_null(), other.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) if is_null_first => Ordering::Less,
                (true, false) => Ordering::Greater,
                (false, true) if is_null_first => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) if is_descending => other.order(one),
                (false, false) => one.order(other),
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    });
}

/// Returns rows, each once.
pub(super) fn distinct(rows: Vec<Row>) -> Vec<Row> {
    let mut seen: BTreeMap<Vec<String>, ()> = BTreeMap::new();
    let mut kept = Vec::new();
    for row in rows {
        let key: Vec<String> = row.iter().map(Value::key).collect();
        if seen.insert(key, ()).is_none() {
            kept.push(row);
        }
    }
    kept
}

fn is_same(one: &Row, other: &Row) -> bool {
    one.iter().zip(other.iter()).all(|(one, other)| one.key() == other.key())
}

/// Returns a table under the name and the column names of an alias.
pub(super) fn renamed(mut table: Table, alias: &TableAlias) -> Table {
    let name = &alias.name.value;
    for column in &mut table.columns {
        column.qualifier.clone_from(name);
    }
    for (column, given) in table.columns.iter_mut().zip(&alias.columns) {
        column.name.clone_from(&given.name.value);
    }
    table
}
