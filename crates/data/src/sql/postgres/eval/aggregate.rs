//! Aggregates over groups, and functions over windows.

use super::join::{expressions, parts_of};
use super::query::sort;
use super::{Evaluator, Frame, Table, Windows, unsupported, wrong};
use crate::Error;
use crate::sql::postgres::value::{Row, Value};
use datafusion::sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, OrderByExpr, Query, Visit, Visitor, WindowType,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Returns whether a function is an aggregate.
pub(super) fn is_aggregate(name: &str) -> bool {
    matches!(
        name,
        "array_agg"
            | "string_agg"
            | "count"
            | "min"
            | "max"
            | "sum"
            | "avg"
            | "bool_and"
            | "bool_or"
            | "every"
            | "json_agg"
            | "jsonb_agg"
            | "json_object_agg"
    )
}

/// What calls an expression makes, those of its subqueries left out.
#[derive(Default)]
pub(super) struct Calls<'e> {
    pub(super) has_aggregate: bool,
    pub(super) windows: Vec<&'e Function>,
}

impl<'e> Calls<'e> {
    pub(super) fn of(exprs: impl IntoIterator<Item = &'e Expr>) -> Self {
        let mut calls = Self::default();
        for expr in exprs {
            let mut finder = Finder { depth: 0, found: Vec::new(), has_aggregate: false };
            // The visitor never breaks off.
            let _ = expr.visit(&mut finder);
            calls.has_aggregate |= finder.has_aggregate;
            if !finder.found.is_empty() {
                collect(expr, &finder.found, &mut calls.windows);
            }
        }
        calls
    }
}

/// Finds calls; a visitor cannot hand out what it visits, so it notes where that stands.
struct Finder {
    depth: usize,
    found: Vec<usize>,
    has_aggregate: bool,
}

impl Visitor for Finder {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        if self.depth != 0 {
            return ControlFlow::Continue(());
        }
        let name = parts_of(&function.name).pop().unwrap_or_default();
        if function.over.is_some() {
            self.found.push(std::ptr::from_ref(function) as usize);
        } else if is_aggregate(&name) {
            self.has_aggregate = true;
        }
        ControlFlow::Continue(())
    }
}

/// Returns the window functions at the top of an expression or in what clients put around them.
fn collect<'e>(expr: &'e Expr, wanted: &[usize], into: &mut Vec<&'e Function>) {
    match expr {
        Expr::Function(function) => {
            if wanted.contains(&(std::ptr::from_ref(function) as usize)) {
                into.push(function);
            } else if let FunctionArguments::List(list) = &function.args {
                for arg in &list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) = arg {
                        collect(inner, wanted, into);
                    }
                }
            }
        }
        Expr::Nested(inner)
        | Expr::Cast { expr: inner, .. }
        | Expr::UnaryOp { expr: inner, .. } => {
            collect(inner, wanted, into);
        }
        Expr::BinaryOp { left, right, .. } => {
            collect(left, wanted, into);
            collect(right, wanted, into);
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            for inner in operand.iter().chain(else_result) {
                collect(inner, wanted, into);
            }
            for condition in conditions {
                collect(&condition.condition, wanted, into);
                collect(&condition.result, wanted, into);
            }
        }
        _ => {}
    }
}

impl Evaluator<'_> {
    /// Returns the value of an aggregate over the group of a frame.
    pub(super) fn aggregate(
        &self,
        name: &str,
        function: &Function,
        frame: &Frame<'_>,
    ) -> Result<Value, Error> {
        let Some(group) = frame.group else {
            return Err(wrong(format!("`{name}` stands where no group is")));
        };
        let rows = self.arguments(function, group, frame)?;
        over_rows(name, &rows, |value| self.text(value))
    }

    /// Returns the arguments of an aggregate for each row of a group, in its order and without those that its filter leaves out.
    fn arguments(
        &self,
        function: &Function,
        group: &[Row],
        frame: &Frame<'_>,
    ) -> Result<Vec<Vec<Value>>, Error> {
        let FunctionArguments::List(list) = &function.args else {
            return Err(unsupported(function));
        };
        let is_all =
            matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]);
        let args = if is_all { Vec::new() } else { expressions(&list.args)? };
        let order = list.clauses.iter().find_map(|clause| match clause {
            FunctionArgumentClause::OrderBy(order) => Some(order.as_slice()),
            _ => None,
        });
        let order: &[OrderByExpr] = order.unwrap_or_default();
        let mut keyed = Vec::new();
        for row in group {
            let own = Frame {
                group: None,
                windows: None,
                ..Frame::new(frame.columns, row, frame.parent)
            };
            if let Some(filter) = &function.filter
                && self.value(filter, &own)?.truth() != Some(true)
            {
                continue;
            }
            let keys = order.iter().map(|by| self.value(&by.expr, &own));
            let keys = keys.collect::<Result<Vec<_>, _>>()?;
            let values = args.iter().map(|arg| self.value(arg, &own));
            keyed.push((keys, values.collect::<Result<Vec<_>, _>>()?));
        }
        sort(&mut keyed, order);
        let mut rows: Vec<Vec<Value>> = keyed.into_iter().map(|(_, row)| row).collect();
        if matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct)) {
            let mut seen = BTreeSet::new();
            rows.retain(|row| seen.insert(row.iter().map(Value::key).collect::<Vec<_>>()));
        }
        if is_all {
            // Every row counts.
            rows.iter_mut().for_each(|row| row.push(Value::Bool(true)));
        }
        Ok(rows)
    }

    /// Returns the values of window functions, for each row.
    pub(super) fn windows(
        &self,
        functions: &[&Function],
        table: &Table,
        outer: Option<&Frame<'_>>,
    ) -> Result<Windows, Error> {
        let mut windows = Windows::new();
        for function in functions {
            let id = std::ptr::from_ref(*function) as usize;
            windows.insert(id, self.window(function, table, outer)?);
        }
        Ok(windows)
    }

    fn window(
        &self,
        function: &Function,
        table: &Table,
        outer: Option<&Frame<'_>>,
    ) -> Result<Vec<Value>, Error> {
        let Some(WindowType::WindowSpec(spec)) = &function.over else {
            return Err(unsupported(function));
        };
        let name = parts_of(&function.name).pop().unwrap_or_default();
        let mut parts: BTreeMap<Vec<String>, Vec<(Vec<Value>, usize)>> = BTreeMap::new();
        for (number, row) in table.rows.iter().enumerate() {
            let frame = Frame::new(&table.columns, row, outer);
            let part = spec.partition_by.iter().map(|expr| Ok(self.value(expr, &frame)?.key()));
            let part = part.collect::<Result<Vec<_>, Error>>()?;
            let keys = spec.order_by.iter().map(|by| self.value(&by.expr, &frame));
            let keys = keys.collect::<Result<Vec<_>, _>>()?;
            parts.entry(part).or_default().push((keys, number));
        }
        let mut values = vec![Value::Null; table.rows.len()];
        for part in parts.values_mut() {
            sort(part, &spec.order_by);
            self.window_part(&name, function, part, table, outer, &mut values)?;
        }
        Ok(values)
    }

    fn window_part(
        &self,
        name: &str,
        function: &Function,
        part: &[(Vec<Value>, usize)],
        table: &Table,
        outer: Option<&Frame<'_>>,
        values: &mut [Value],
    ) -> Result<(), Error> {
        let count = |number: usize| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        if is_aggregate(name) {
            // Over the whole part: what clients ask of the catalogue has no running sums.
            let group: Vec<Row> =
                part.iter().map(|(_, number)| table.rows[*number].clone()).collect();
            let frame = Frame::new(&table.columns, &[], outer);
            let frame = Frame { group: Some(&group), ..frame };
            let value = self.aggregate(name, function, &frame)?;
            part.iter().for_each(|(_, number)| values[*number] = value.clone());
            return Ok(());
        }
        let (mut rank, mut dense) = (0, 0);
        for (place, (keys, number)) in part.iter().enumerate() {
            let is_new = place == 0
                || part[place - 1].0.iter().map(Value::key).ne(keys.iter().map(Value::key));
            if is_new {
                rank = place + 1;
                dense += 1;
            }
            values[*number] = match name {
                "row_number" => count(place + 1),
                "rank" => count(rank),
                "dense_rank" => count(dense),
                _ => return Err(unsupported(function)),
            };
        }
        Ok(())
    }

    /// Returns the value of a window function for the row of a frame.
    pub(super) fn window_value(
        &self,
        function: &Function,
        frame: &Frame<'_>,
    ) -> Result<Value, Error> {
        let id = std::ptr::from_ref(function) as usize;
        let found = frame.windows.and_then(|(windows, row)| windows.get(&id)?.get(row));
        found.cloned().ok_or_else(|| unsupported(function))
    }
}

fn over_rows(
    name: &str,
    rows: &[Vec<Value>],
    text: impl Fn(&Value) -> String,
) -> Result<Value, Error> {
    let firsts = || rows.iter().filter_map(|row| row.first());
    let present = || firsts().filter(|value| !value.is_null());
    Ok(match name {
        "count" => Value::Int(i64::try_from(present().count()).unwrap_or(i64::MAX)),
        "array_agg" if rows.is_empty() => Value::Null,
        "array_agg" => Value::list(firsts().cloned().collect()),
        "string_agg" => {
            let by = rows.first().and_then(|row| row.get(1)).map(&text).unwrap_or_default();
            let texts: Vec<String> = present().map(&text).collect();
            if texts.is_empty() { Value::Null } else { texts.join(&by).into() }
        }
        "min" => present().min_by(|one, other| one.order(other)).cloned().unwrap_or(Value::Null),
        "max" => present().max_by(|one, other| one.order(other)).cloned().unwrap_or(Value::Null),
        "sum" => sum(present()),
        "avg" => {
            let numbers: Vec<f64> = present().filter_map(Value::float).collect();
            match numbers.len() {
                0 => Value::Null,
                count => Value::Float(numbers.iter().sum::<f64>() / count as f64),
            }
        }
        "bool_and" | "every" => {
            let truths: Vec<bool> = present().filter_map(Value::truth).collect();
            if truths.is_empty() { Value::Null } else { truths.iter().all(|truth| *truth).into() }
        }
        "bool_or" => {
            let truths: Vec<bool> = present().filter_map(Value::truth).collect();
            if truths.is_empty() { Value::Null } else { truths.iter().any(|truth| *truth).into() }
        }
        other => return Err(unsupported(format!("the aggregate `{other}`"))),
    })
}

fn sum<'v>(values: impl Iterator<Item = &'v Value>) -> Value {
    let values: Vec<&Value> = values.collect();
    if values.is_empty() {
        return Value::Null;
    }
    if values.iter().any(|value| matches!(value, Value::Float(_))) {
        return Value::Float(values.iter().filter_map(|value| value.float()).sum());
    }
    let whole = values.iter().filter_map(|value| value.int());
    Value::Int(whole.fold(0, i64::saturating_add))
}
