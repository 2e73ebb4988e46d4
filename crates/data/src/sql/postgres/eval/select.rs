//! SELECT: groups, columns of the result, functions that give several rows, DISTINCT, ORDER BY.

use super::aggregate::Calls;
use super::join::{folded, parts_of, place};
use super::query::{distinct, place_of, sort};
use super::{Column, Evaluator, Frame, Table, Turn, unsupported};
use crate::Error;
use crate::sql::postgres::value::{Row, Value};
use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, FunctionArguments, GroupByExpr, OrderByExpr, Select, SelectItem,
    SelectItemQualifiedWildcardKind,
};
use std::collections::HashMap;

/// A column of the result.
enum Item<'e> {
    /// A column of what is selected from.
    Column(usize),
    Expr(&'e Expr),
}

/// A row that gives rows of the result: one of what is selected from, or a group of them.
struct Unit {
    row: Row,
    group: Option<Vec<Row>>,
}

impl Evaluator<'_> {
    /// Answers a SELECT, sorted.
    pub(super) fn select(
        &self,
        select: &Select,
        order: &[OrderByExpr],
        outer: Option<&Frame<'_>>,
    ) -> Result<Table, Error> {
        let source = self.from(select, outer)?;
        let (items, mut columns) = self.items(select, &source.columns, outer)?;
        let nothing = vec![Value::Null; source.columns.len()];
        let shape = Frame::new(&source.columns, &nothing, outer);
        for (item, column) in items.iter().zip(&mut columns) {
            if let Item::Expr(expr) = item {
                column.kind = self.kind(expr, &shape)?;
            }
        }
        if self.is_dry.get() {
            return Ok(Table { columns, rows: Vec::new() });
        }
        let exprs = items.iter().filter_map(|item| match item {
            Item::Expr(expr) => Some(*expr),
            Item::Column(_) => None,
        });
        let exprs: Vec<&Expr> =
            exprs.chain(order.iter().map(|by| &by.expr)).chain(&select.having).collect();
        let calls = Calls::of(exprs);
        let windows = self.windows(&calls.windows, &source, outer)?;
        let units = self.units(select, &source, &items, calls.has_aggregate, outer)?;
        if !calls.windows.is_empty() && units.iter().any(|unit| unit.group.is_some()) {
            return Err(unsupported("a window over groups"));
        }
        let mut keyed = Vec::new();
        for (number, unit) in units.iter().enumerate() {
            let frame = Frame {
                group: unit.group.as_deref(),
                windows: Some((&windows, number)),
                ..Frame::new(&source.columns, &unit.row, outer)
            };
            if let Some(having) = &select.having
                && self.value(having, &frame)?.truth() != Some(true)
            {
                continue;
            }
            self.project(&items, &columns, order, &frame, &mut keyed)?;
            self.check(keyed.len(), columns.len())?;
        }
        sort(&mut keyed, order);
        let rows: Vec<Row> = keyed.into_iter().map(|(_, row)| row).collect();
        let rows = match &select.distinct {
            None | Some(Distinct::All) => rows,
            Some(Distinct::Distinct) => distinct(rows),
            Some(Distinct::On(_)) => return Err(unsupported("DISTINCT ON")),
        };
        Ok(Table { columns, rows })
    }

    /// Returns the columns of the result, without their types where they are expressions.
    fn items<'e>(
        &self,
        select: &'e Select,
        columns: &[Column],
        outer: Option<&Frame<'_>>,
    ) -> Result<(Vec<Item<'e>>, Vec<Column>), Error> {
        let (mut items, mut named) = (Vec::new(), Vec::new());
        let unknown = crate::sql::postgres::types::Type::known("unknown");
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    named.push(Column::new("", &name_of(expr), unknown));
                    items.push(Item::Expr(expr));
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    named.push(Column::new("", &folded(alias), unknown));
                    items.push(Item::Expr(expr));
                }
                SelectItem::Wildcard(_) => {
                    all(columns, |_| true, &mut items, &mut named);
                }
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => {
                    let qualifier = parts_of(name).pop().unwrap_or_default();
                    all(columns, |column| column.qualifier == qualifier, &mut items, &mut named);
                }
                other => return Err(unsupported(other)),
            }
        }
        if outer.is_none() && named.is_empty() {
            return Err(unsupported("SELECT without columns"));
        }
        Ok((items, named))
    }

    /// Returns the rows or groups that give rows of the result.
    fn units(
        &self,
        select: &Select,
        source: &Table,
        items: &[Item<'_>],
        has_aggregate: bool,
        outer: Option<&Frame<'_>>,
    ) -> Result<Vec<Unit>, Error> {
        let by = match &select.group_by {
            GroupByExpr::Expressions(by, modifiers) if modifiers.is_empty() => by.as_slice(),
            other => return Err(unsupported(other)),
        };
        if by.is_empty() && !has_aggregate {
            let unit = |row: &Row| Unit { row: row.clone(), group: None };
            return Ok(source.rows.iter().map(unit).collect());
        }
        let mut groups: Vec<Vec<Row>> = Vec::new();
        let mut known: HashMap<Vec<String>, usize> = HashMap::new();
        for row in &source.rows {
            let frame = Frame::new(&source.columns, row, outer);
            let mut key = Vec::new();
            for expr in by {
                key.push(self.group_value(expr, select, items, &frame)?.key());
            }
            let at = *known.entry(key).or_insert(groups.len());
            match groups.get_mut(at) {
                Some(group) => group.push(row.clone()),
                None => groups.push(vec![row.clone()]),
            }
        }
        if by.is_empty() && groups.is_empty() {
            groups.push(Vec::new());
        }
        let nothing: Row = vec![Value::Null; source.columns.len()].into();
        let unit = |group: Vec<Row>| {
            let row = group.first().cloned().unwrap_or_else(|| nothing.clone());
            Unit { row, group: Some(group) }
        };
        Ok(groups.into_iter().map(unit).collect())
    }

    /// Returns by what a row is grouped: a column of the result by number or name, or an expression.
    fn group_value(
        &self,
        expr: &Expr,
        select: &Select,
        items: &[Item<'_>],
        frame: &Frame<'_>,
    ) -> Result<Value, Error> {
        let named = match expr {
            Expr::Identifier(ident) if place(frame.columns, &[folded(ident)]).is_none() => {
                select.projection.iter().find_map(|item| match item {
                    SelectItem::ExprWithAlias { expr, alias } if folded(alias) == folded(ident) => {
                        Some(expr)
                    }
                    _ => None,
                })
            }
            _ => None,
        };
        if let Some(named) = named {
            return self.value(named, frame);
        }
        match place_of(expr, items.len())? {
            Some(at) => self.item_value(&items[at], frame),
            None => self.value(expr, frame),
        }
    }

    fn item_value(&self, item: &Item<'_>, frame: &Frame<'_>) -> Result<Value, Error> {
        match item {
            Item::Column(at) => Ok(frame.row.get(*at).cloned().unwrap_or(Value::Null)),
            Item::Expr(expr) => self.value(expr, frame),
        }
    }

    /// Adds the rows of the result that a row gives, each with what it is sorted by.
    fn project(
        &self,
        items: &[Item<'_>],
        columns: &[Column],
        order: &[OrderByExpr],
        frame: &Frame<'_>,
        into: &mut Vec<(Vec<Value>, Row)>,
    ) -> Result<(), Error> {
        let turn = Turn::default();
        let frame = Frame { turn: Some(&turn), ..frame.clone() };
        loop {
            let values = items.iter().map(|item| self.item_value(item, &frame));
            let values = values.collect::<Result<Vec<Value>, Error>>()?;
            let number = turn.number.get();
            if turn.count.get().is_some_and(|count| count <= number) {
                return Ok(());
            }
            let mut keys = Vec::new();
            for by in order {
                keys.push(match output_place(&by.expr, columns)? {
                    Some(at) => values[at].clone(),
                    None => self.value(&by.expr, &frame)?,
                });
            }
            into.push((keys, values.into()));
            self.check(into.len(), columns.len())?;
            if turn.count.get().is_none() {
                return Ok(());
            }
            turn.number.set(number + 1);
        }
    }
}

/// Returns the column of the result that ORDER BY names by its number or its name.
fn output_place(expr: &Expr, columns: &[Column]) -> Result<Option<usize>, Error> {
    if let Expr::Identifier(ident) = expr {
        let name = folded(ident);
        return Ok(columns.iter().position(|column| column.name == name));
    }
    place_of(expr, columns.len())
}

fn all<'e>(
    columns: &[Column],
    is_meant: impl Fn(&Column) -> bool,
    items: &mut Vec<Item<'e>>,
    named: &mut Vec<Column>,
) {
    for (at, column) in columns.iter().enumerate() {
        if !column.is_hidden && is_meant(column) {
            items.push(Item::Column(at));
            named.push(column.clone());
        }
    }
}

/// Returns the name of a column of the result that is given none, as PostgreSQL makes it.
pub(crate) fn name_of(expr: &Expr) -> String {
    let found = match expr {
        Expr::Identifier(ident) => Some(folded(ident)),
        Expr::CompoundIdentifier(idents) => idents.last().map(folded),
        Expr::CompoundFieldAccess { root, access_chain } => {
            use datafusion::sql::sqlparser::ast::AccessExpr::Dot;
            let last = access_chain.iter().rev().find_map(|step| match step {
                Dot(Expr::Identifier(ident)) => Some(folded(ident)),
                _ => None,
            });
            last.or_else(|| Some(name_of(root)))
        }
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => return name_of(inner),
        Expr::Cast { expr: inner, data_type, .. } => {
            let inner = name_of(inner);
            let kind =
                crate::sql::postgres::types::of_sql(data_type).map(|kind| kind.name.to_owned());
            if inner == UNNAMED { kind } else { Some(inner) }
        }
        Expr::Function(function) => {
            let is_list = matches!(function.args, FunctionArguments::Subquery(_));
            if is_list { Some("array".into()) } else { parts_of(&function.name).pop() }
        }
        Expr::Case { else_result, .. } => {
            let inner = else_result.as_deref().map(name_of).filter(|name| name != UNNAMED);
            Some(inner.unwrap_or_else(|| "case".into()))
        }
        Expr::Array(_) => Some("array".into()),
        Expr::Exists { .. } => Some("exists".into()),
        Expr::Extract { .. } => Some("extract".into()),
        Expr::Substring { .. } => Some("substring".into()),
        Expr::Position { .. } => Some("position".into()),
        Expr::Trim { .. } => Some("btrim".into()),
        Expr::Subquery(query) => match query.body.as_ref() {
            datafusion::sql::sqlparser::ast::SetExpr::Select(select) => {
                match select.projection.first() {
                    Some(SelectItem::UnnamedExpr(expr)) => return name_of(expr),
                    Some(SelectItem::ExprWithAlias { alias, .. }) => Some(folded(alias)),
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    };
    found.unwrap_or_else(|| UNNAMED.into())
}

/// The name of what has none.
const UNNAMED: &str = "?column?";
