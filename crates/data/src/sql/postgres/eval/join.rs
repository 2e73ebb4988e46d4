//! FROM: relations, subqueries and functions, joined one after another.
//!
//! Conditions of WHERE are looked at as soon as all they name is joined, and equalities are looked up: the questions of clients
//! name nine relations with commas between them.

use super::query::renamed;
use super::{Column, Evaluator, Frame, Index, Table, index_of, unsupported, wrong};
use crate::Error;
use crate::sql::postgres::catalogue::Spec;
use crate::sql::postgres::types::Type;
use crate::sql::postgres::value::{Row, Value};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, Ident, JoinConstraint, JoinOperator,
    ObjectName, Query, Select, TableAlias, TableFactor, TableWithJoins, Visit, Visitor,
};
use std::ops::ControlFlow;
use std::rc::Rc;

/// A condition that is still to be looked at.
struct Condition<'e> {
    expr: &'e Expr,
    /// The columns that it names.
    names: Vec<Vec<String>>,
    /// True where it holds a subquery: it is looked at in the end.
    is_late: bool,
    is_done: bool,
}

impl<'e> Condition<'e> {
    fn new(expr: &'e Expr) -> Self {
        let mut names = Names::default();
        // The visitor never breaks off.
        let _ = expr.visit(&mut names);
        Self { expr, names: names.found, is_late: names.has_query, is_done: false }
    }
}

/// Collects the columns that an expression names.
#[derive(Default)]
struct Names {
    found: Vec<Vec<String>>,
    has_query: bool,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.has_query = true;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.found.push(vec![folded(ident)]),
            Expr::CompoundIdentifier(idents) => {
                self.found.push(idents.iter().map(folded).collect())
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Returns a name as it is meant: without quotes it is lower case.
pub(super) fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// Returns the place of a column that a name means.
pub(super) fn place(columns: &[Column], name: &[String]) -> Option<usize> {
    let (last, before) = name.split_last()?;
    let qualifier = before.last();
    columns.iter().position(|column| {
        column.name == *last && qualifier.is_none_or(|qualifier| column.qualifier == *qualifier)
    })
}

/// How two relations are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Inner,
    Left,
    Right,
    Full,
}

/// The right side of a join.
enum Side<'e> {
    /// Rows that are the same for every row on the left, with the number of the relation where it is one of the catalogue.
    Rows(Rc<Table>, Option<i64>),
    /// Rows that are made for each row on the left.
    Made(&'e TableFactor),
}

/// What has been joined so far, and what is still to be looked at.
struct Joined<'e> {
    table: Table,
    conditions: Vec<Condition<'e>>,
    /// What relations to come are called, with their columns where they are known.
    coming: Vec<(String, Option<Vec<String>>)>,
}

impl Evaluator<'_> {
    /// Returns the rows of FROM for which WHERE holds.
    pub(super) fn from(&self, select: &Select, outer: Option<&Frame<'_>>) -> Result<Table, Error> {
        let mut conjuncts = Vec::new();
        if let Some(filter) = &select.selection {
            split(filter, &mut conjuncts);
        }
        let mut joined = Joined {
            table: Table { columns: Vec::new(), rows: vec![Vec::new().into()] },
            conditions: conjuncts.into_iter().map(Condition::new).collect(),
            coming: select.from.iter().flat_map(|tree| self.announced(tree)).collect(),
        };
        for (number, tree) in select.from.iter().enumerate() {
            if number == 0 || tree.joins.is_empty() {
                self.join_tree(&mut joined, tree, outer)?;
                continue;
            }
            let names = self.announced(tree).len();
            let mut own = Joined {
                table: Table { columns: Vec::new(), rows: vec![Vec::new().into()] },
                conditions: Vec::new(),
                coming: joined.coming.drain(..names.min(joined.coming.len())).collect(),
            };
            self.join_tree(&mut own, tree, outer)?;
            let side = Side::Rows(Rc::new(own.table), None);
            self.join(&mut joined, side, Kind::Inner, &[], outer)?;
        }
        if self.is_dry.get() {
            joined.table.rows.clear();
        }
        let left = joined.conditions.into_iter().filter(|condition| !condition.is_done);
        let left: Vec<&Expr> = left.map(|condition| condition.expr).collect();
        self.filtered(joined.table, &left, outer)
    }

    fn filtered(
        &self,
        mut table: Table,
        conditions: &[&Expr],
        outer: Option<&Frame<'_>>,
    ) -> Result<Table, Error> {
        if conditions.is_empty() {
            return Ok(table);
        }
        let mut kept = Vec::new();
        for row in std::mem::take(&mut table.rows) {
            let frame = Frame::new(&table.columns, &row, outer);
            if self.all_hold(conditions, &frame)? {
                kept.push(row.clone());
            }
        }
        table.rows = kept;
        Ok(table)
    }

    fn all_hold(&self, conditions: &[&Expr], frame: &Frame<'_>) -> Result<bool, Error> {
        for condition in conditions {
            if self.value(condition, frame)?.truth() != Some(true) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns what the relations of a tree are called, with their columns where they are known before they are read.
    fn announced(&self, tree: &TableWithJoins) -> Vec<(String, Option<Vec<String>>)> {
        let factors =
            std::iter::once(&tree.relation).chain(tree.joins.iter().map(|join| &join.relation));
        factors
            .map(|factor| match factor {
                TableFactor::Table { name, alias, args: None, .. } => {
                    let parts = parts_of(name);
                    let own = parts.last().cloned().unwrap_or_default();
                    let called = alias.as_ref().map_or(own, |alias| folded(&alias.name));
                    let columns = self.named(name).map(|(table, _)| {
                        table.columns.iter().map(|column| column.name.clone()).collect()
                    });
                    (called, columns)
                }
                _ => (String::new(), None),
            })
            .collect()
    }

    fn join_tree<'e>(
        &self,
        joined: &mut Joined<'e>,
        tree: &'e TableWithJoins,
        outer: Option<&Frame<'_>>,
    ) -> Result<(), Error> {
        joined.pass();
        let side = self.side(&tree.relation, outer)?;
        self.join(joined, side, Kind::Inner, &[], outer)?;
        for join in &tree.joins {
            joined.pass();
            let (kind, constraint) = match &join.join_operator {
                JoinOperator::Join(on) | JoinOperator::Inner(on) | JoinOperator::CrossJoin(on) => {
                    (Kind::Inner, on)
                }
                JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (Kind::Left, on),
                JoinOperator::Right(on) | JoinOperator::RightOuter(on) => (Kind::Right, on),
                JoinOperator::FullOuter(on) => (Kind::Full, on),
                _ => return Err(unsupported(join)),
            };
            let side = self.side(&join.relation, outer)?;
            match constraint {
                JoinConstraint::On(on) => {
                    let mut conjuncts = Vec::new();
                    split(on, &mut conjuncts);
                    self.join(joined, side, kind, &conjuncts, outer)?;
                }
                JoinConstraint::None => self.join(joined, side, kind, &[], outer)?,
                JoinConstraint::Using(names) => {
                    self.join_using(joined, side, kind, names, outer)?
                }
                JoinConstraint::Natural => return Err(unsupported("NATURAL JOIN")),
            }
        }
        Ok(())
    }

    fn join_using(
        &self,
        joined: &mut Joined<'_>,
        side: Side<'_>,
        kind: Kind,
        names: &[ObjectName],
        outer: Option<&Frame<'_>>,
    ) -> Result<(), Error> {
        let Side::Rows(right, _) = side else {
            return Err(unsupported("USING of what is LATERAL"));
        };
        let shared: Vec<String> = names.iter().filter_map(|name| parts_of(name).pop()).collect();
        let mut pairs = Vec::new();
        for name in &shared {
            let name = std::slice::from_ref(name);
            match (place(&joined.table.columns, name), place(&right.columns, name)) {
                (Some(left), Some(right)) => pairs.push((left, right)),
                _ => return Err(wrong(format!("there is no column `{}` on both sides", name[0]))),
            }
        }
        let width = joined.table.columns.len();
        let is_same = |left: &[Value], right: &[Value]| {
            pairs.iter().all(|(one, other)| {
                !left[*one].is_null() && left[*one].key() == right[*other].key()
            })
        };
        let mut columns = joined.table.columns.clone();
        columns.extend(right.columns.iter().cloned());
        for (_, other) in &pairs {
            columns[width + other].is_hidden = true;
        }
        let mut rows = Vec::new();
        for left in &joined.table.rows {
            let before = rows.len();
            for other in &right.rows {
                self.step()?;
                if is_same(left, other) {
                    rows.push(glued(left, other));
                }
            }
            if before == rows.len() && kind != Kind::Inner {
                rows.push(glued(left, &vec![Value::Null; right.columns.len()]));
            }
            self.check(rows.len(), columns.len())?;
        }
        if matches!(kind, Kind::Right | Kind::Full) {
            return Err(unsupported("RIGHT JOIN … USING"));
        }
        joined.table = Table { columns, rows };
        self.look(joined, outer)
    }

    /// Joins what comes next.
    fn join<'e>(
        &self,
        joined: &mut Joined<'e>,
        side: Side<'e>,
        kind: Kind,
        on: &[&Expr],
        outer: Option<&Frame<'_>>,
    ) -> Result<(), Error> {
        let (right, base) = match side {
            Side::Rows(right, base) => (right, base),
            Side::Made(factor) => return self.join_made(joined, factor, kind, on, outer),
        };
        let left = std::mem::take(&mut joined.table);
        let mut columns = left.columns.clone();
        columns.extend(right.columns.iter().cloned());
        // What WHERE says of an inner join can be looked at while joining.
        let mut matching: Vec<&Expr> = on.to_vec();
        if kind == Kind::Inner {
            matching.extend(joined.ready(&columns, outer));
        }
        let lookup = self.lookup(&matching, &left, &right, base, outer);
        let all: Vec<usize> = (0..right.rows.len()).collect();
        let (mut rows, mut used) = (Vec::new(), vec![false; right.rows.len()]);
        for one in &left.rows {
            let frame = Frame::new(&left.columns, one, outer);
            let candidates = match &lookup {
                None => all.as_slice(),
                Some((expr, index)) => {
                    let value = self.value(expr, &frame)?;
                    let found = if value.is_null() { None } else { index.get(&value.key()) };
                    found.map_or(&[][..], Vec::as_slice)
                }
            };
            let before = rows.len();
            for candidate in candidates {
                self.step()?;
                let row = glued(one, &right.rows[*candidate]);
                if self.all_hold(&matching, &Frame::new(&columns, &row, outer))? {
                    used[*candidate] = true;
                    rows.push(row);
                    self.check(rows.len(), columns.len())?;
                }
            }
            if before == rows.len() && matches!(kind, Kind::Left | Kind::Full) {
                rows.push(glued(one, &vec![Value::Null; right.columns.len()]));
            }
        }
        if matches!(kind, Kind::Right | Kind::Full) {
            let nothing = vec![Value::Null; left.columns.len()];
            let unused = right.rows.iter().zip(&used).filter(|(_, used)| !**used);
            rows.extend(unused.map(|(row, _)| glued(&nothing, row)));
        }
        joined.table = Table { columns, rows };
        self.look(joined, outer)
    }

    /// Joins what is made anew for each row.
    fn join_made(
        &self,
        joined: &mut Joined<'_>,
        factor: &TableFactor,
        kind: Kind,
        on: &[&Expr],
        outer: Option<&Frame<'_>>,
    ) -> Result<(), Error> {
        let left = std::mem::take(&mut joined.table);
        let nothing: Row = vec![Value::Null; left.columns.len()].into();
        let before = self.is_dry.replace(true);
        let shape = self.made(factor, &Frame::new(&left.columns, &nothing, outer));
        self.is_dry.set(before);
        let shape = shape?;
        let mut columns = left.columns.clone();
        columns.extend(shape.columns.iter().cloned());
        let mut rows = Vec::new();
        for one in &left.rows {
            let frame = Frame::new(&left.columns, one, outer);
            let made = if before { Table::default() } else { self.made(factor, &frame)? };
            let count = rows.len();
            for other in &made.rows {
                self.step()?;
                let row = glued(one, other);
                if self.all_hold(on, &Frame::new(&columns, &row, outer))? {
                    rows.push(row);
                    self.check(rows.len(), columns.len())?;
                }
            }
            if count == rows.len() && kind == Kind::Left {
                rows.push(glued(one, &vec![Value::Null; shape.columns.len()]));
            }
        }
        joined.table = Table { columns, rows };
        self.look(joined, outer)
    }

    /// Looks at the conditions whose columns are all there now.
    fn look(&self, joined: &mut Joined<'_>, outer: Option<&Frame<'_>>) -> Result<(), Error> {
        let columns = joined.table.columns.clone();
        let ready = joined.ready(&columns, outer);
        for condition in &mut joined.conditions {
            condition.is_done |= ready.iter().any(|expr| std::ptr::eq(*expr, condition.expr));
        }
        let table = std::mem::take(&mut joined.table);
        joined.table = self.filtered(table, &ready, outer)?;
        Ok(())
    }

    /// Returns by what the rows on the right can be looked up: an expression over the left, and the rows by its values.
    fn lookup<'e>(
        &self,
        matching: &[&'e Expr],
        left: &Table,
        right: &Table,
        base: Option<i64>,
        outer: Option<&Frame<'_>>,
    ) -> Option<(&'e Expr, Rc<Index>)> {
        let column_of = |expr: &Expr| match expr {
            Expr::Identifier(ident) => place(&right.columns, &[folded(ident)]),
            Expr::CompoundIdentifier(idents) => {
                place(&right.columns, &idents.iter().map(folded).collect::<Vec<_>>())
            }
            _ => None,
        };
        let is_known = |expr: &Expr| {
            let condition = Condition::new(expr);
            let is_there = |name: &Vec<String>| {
                let is_left = place(&left.columns, name).is_some();
                is_left || place(&right.columns, name).is_none() && is_outside(outer, name)
            };
            !condition.is_late && condition.names.iter().all(is_there)
        };
        for condition in matching.iter().copied() {
            let Expr::BinaryOp { left: one, op: BinaryOperator::Eq, right: other } =
                bare(condition)
            else {
                continue;
            };
            for (column, value) in [(one, other), (other, one)] {
                let Some(place) = column_of(column) else { continue };
                // A text that is compared with a truth is not written as it is looked up.
                let is_truth = right.columns[place].kind.name == "bool";
                if is_truth || !is_known(value) {
                    continue;
                }
                let index = match base {
                    Some(oid) => self.index(oid, right, place),
                    None => Rc::new(index_of(&right.rows, place)),
                };
                return Some((value.as_ref(), index));
            }
        }
        None
    }

    fn side<'e>(
        &self,
        factor: &'e TableFactor,
        outer: Option<&Frame<'_>>,
    ) -> Result<Side<'e>, Error> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let (table, base) = self
                    .named(name)
                    .ok_or_else(|| wrong(format!("there is no table `{name}` in the catalogue")))?;
                let Some(alias) = alias else { return Ok(Side::Rows(table, base)) };
                Ok(Side::Rows(Rc::new(renamed(table.as_ref().clone(), alias)), base))
            }
            TableFactor::Derived { lateral: false, subquery, alias, .. } => {
                let table = self.query(subquery, outer)?;
                let table = match alias {
                    Some(alias) => renamed(table, alias),
                    None => table,
                };
                Ok(Side::Rows(Rc::new(table), None))
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                let mut own = Joined {
                    table: Table { columns: Vec::new(), rows: vec![Vec::new().into()] },
                    conditions: Vec::new(),
                    coming: self.announced(table_with_joins),
                };
                self.join_tree(&mut own, table_with_joins, outer)?;
                Ok(Side::Rows(Rc::new(own.table), None))
            }
            factor => Ok(Side::Made(factor)),
        }
    }

    /// Returns a part of a WITH or a relation of the catalogue.
    fn named(&self, name: &ObjectName) -> Option<(Rc<Table>, Option<i64>)> {
        let parts = parts_of(name);
        let (last, before) = parts.split_last()?;
        if before.is_empty() {
            let known = self.parts.borrow();
            let part = known.iter().rev().find(|(name, _)| name.to_lowercase() == *last);
            if let Some((_, table)) = part {
                return Some((Rc::clone(table), None));
            }
        }
        let spec = Spec::named(before.last().map(String::as_str), last)?;
        let table = self.relation(spec);
        if self.is_dry.get() {
            let columns = table.columns.clone();
            return Some((Rc::new(Table { columns, rows: Vec::new() }), None));
        }
        Some((table, Some(spec.oid)))
    }

    /// Makes the rows of a function or of a subquery that looks at what stands before it.
    fn made(&self, factor: &TableFactor, frame: &Frame<'_>) -> Result<Table, Error> {
        match factor {
            TableFactor::Derived { subquery, alias, .. } => {
                let table = self.query(subquery, Some(frame))?;
                Ok(match alias {
                    Some(alias) => renamed(table, alias),
                    None => table,
                })
            }
            TableFactor::Table { name, args: Some(args), alias, with_ordinality, .. } => {
                let args = expressions(&args.args)?;
                self.rows_of(&parts_of(name), &args, alias.as_ref(), *with_ordinality, frame)
            }
            TableFactor::Function { name, args, alias, with_ordinality, .. } => {
                let args = expressions(args)?;
                self.rows_of(&parts_of(name), &args, alias.as_ref(), *with_ordinality, frame)
            }
            TableFactor::UNNEST { array_exprs, alias, with_ordinality, .. } => {
                let args: Vec<&Expr> = array_exprs.iter().collect();
                let name = ["unnest".to_owned()];
                self.rows_of(&name, &args, alias.as_ref(), *with_ordinality, frame)
            }
            other => Err(unsupported(other)),
        }
    }

    fn rows_of(
        &self,
        name: &[String],
        args: &[&Expr],
        alias: Option<&TableAlias>,
        has_number: bool,
        frame: &Frame<'_>,
    ) -> Result<Table, Error> {
        let function = name.last().map_or("", String::as_str);
        let kind = self.series_kind(function, args, frame)?;
        let mut columns = vec![Column::new(function, function, kind)];
        if has_number {
            columns.push(Column::new(function, "ordinality", Type::known("int8")));
        }
        let mut rows = Vec::new();
        if !self.is_dry.get() {
            for (number, value) in self.series(function, args, frame)?.into_iter().enumerate() {
                self.step()?;
                let mut row = vec![value];
                if has_number {
                    row.push(Value::Int(i64::try_from(number + 1).unwrap_or(i64::MAX)));
                }
                rows.push(Row::from(row));
            }
            self.check(rows.len(), columns.len())?;
        }
        let mut table = Table { columns, rows };
        if let Some(alias) = alias {
            table = renamed(table, alias);
            if let (true, Some(column)) = (alias.columns.is_empty(), table.columns.first_mut()) {
                // One column is called like its relation.
                column.name.clone_from(&alias.name.value);
            }
        }
        Ok(table)
    }
}

impl<'e> Joined<'e> {
    /// Notes that the next relation is joined.
    fn pass(&mut self) {
        if !self.coming.is_empty() {
            self.coming.remove(0);
        }
    }

    /// Returns the conditions that can be looked at with these columns and have not been.
    fn ready(&self, columns: &[Column], outer: Option<&Frame<'_>>) -> Vec<&'e Expr> {
        let is_coming = |name: &[String]| {
            self.coming.iter().any(|(called, columns)| match (name, columns) {
                ([column], Some(columns)) => columns.contains(column),
                ([_], None) => true,
                ([.., qualifier, _], _) => called == qualifier || called.is_empty(),
                ([], _) => false,
            })
        };
        let is_there = |name: &Vec<String>| {
            place(columns, name).is_some() || !is_coming(name) && is_outside(outer, name)
        };
        let open =
            self.conditions.iter().filter(|condition| !condition.is_done && !condition.is_late);
        let ready = open.filter(|condition| condition.names.iter().all(is_there));
        ready.map(|condition| condition.expr).collect()
    }
}

/// Returns whether a name means something outside of the query.
fn is_outside(outer: Option<&Frame<'_>>, name: &[String]) -> bool {
    let mut frame = outer;
    while let Some(found) = frame {
        if place(found.columns, name).is_some() {
            return true;
        }
        frame = found.parent;
    }
    false
}

/// Takes an AND apart.
fn split<'e>(expr: &'e Expr, into: &mut Vec<&'e Expr>) {
    match bare(expr) {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            split(left, into);
            split(right, into);
        }
        other => into.push(other),
    }
}

/// Returns an expression without the brackets around it.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}

fn glued(left: &[Value], right: &[Value]) -> Row {
    left.iter().chain(right).cloned().collect()
}

/// Returns the parts of a name, folded.
pub(super) fn parts_of(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(|part| part.as_ident()).map(folded).collect()
}

/// Returns the arguments of a call, where they are plain expressions.
pub(super) fn expressions(args: &[FunctionArg]) -> Result<Vec<&Expr>, Error> {
    args.iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
            other => Err(unsupported(other)),
        })
        .collect()
}
