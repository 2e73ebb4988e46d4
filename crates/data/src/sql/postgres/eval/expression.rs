//! Expressions: what they are worth for a row.

use super::join::{expressions, folded, parts_of, place};
use super::{Column, Evaluator, Frame, Table, unsupported, wrong};
use crate::Error;
use crate::sql::parameters::truth;
use crate::sql::postgres::types::{self, Type};
use crate::sql::postgres::value::{Named, Value, list_text};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, Expr, Function, FunctionArguments, Query, Subscript,
    TrimWhereField, UnaryOperator, Value as Literal, ValueWithSpan,
};
use std::cmp::Ordering;
use std::rc::Rc;

impl Evaluator<'_> {
    /// Returns what an expression is worth.
    pub(super) fn value(&self, expr: &Expr, frame: &Frame<'_>) -> Result<Value, Error> {
        self.step()?;
        match expr {
            Expr::Identifier(ident) => {
                let name = [folded(ident)];
                match self.column(&name, frame) {
                    Some(value) => Ok(value),
                    None if ident.quote_style.is_none() => self.word(&name[0]),
                    None => Err(no_column(&name)),
                }
            }
            Expr::CompoundIdentifier(idents) => {
                let name: Vec<String> = idents.iter().map(folded).collect();
                self.column(&name, frame).ok_or_else(|| no_column(&name))
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.access(root, access_chain, frame)
            }
            Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => self.value(inner, frame),
            Expr::Value(literal) => self.literal(literal),
            Expr::TypedString(typed) => {
                let kind = types::of_sql(&typed.data_type)
                    .ok_or_else(|| wrong(format!("there is no type `{}`", typed.data_type)))?;
                self.cast(self.literal(&typed.value)?, kind)
            }
            Expr::Cast { expr, data_type, .. } => {
                let kind = types::of_sql(data_type)
                    .ok_or_else(|| wrong(format!("there is no type `{data_type}`")))?;
                self.cast(self.value(expr, frame)?, kind)
            }
            Expr::Array(array) => {
                let items = array.elem.iter().map(|item| self.value(item, frame));
                Ok(Value::list(items.collect::<Result<_, _>>()?))
            }
            Expr::Tuple(items) => {
                let fields = items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| Ok((format!("f{}", at + 1), self.value(item, frame)?)));
                Ok(Value::Row(fields.collect::<Result<Vec<_>, Error>>()?.into()))
            }
            Expr::Function(function) => self.call(function, frame),
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), frame)
            }
            Expr::Subquery(query) => {
                let table = self.subquery(query, frame)?;
                match table.rows.as_slice() {
                    [] => Ok(Value::Null),
                    [row] => Ok(row.first().cloned().unwrap_or(Value::Null)),
                    _ => Err(wrong("a subquery that stands for a value gave more than one row")),
                }
            }
            other => self.predicate(other, frame),
        }
    }

    /// Returns the truth of a comparison or the like.
    fn predicate(&self, expr: &Expr, frame: &Frame<'_>) -> Result<Value, Error> {
        let truth = |inner: &Expr| Ok::<_, Error>(self.value(inner, frame)?.truth());
        match expr {
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, frame),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr, frame),
            Expr::IsNull(inner) => Ok(self.value(inner, frame)?.is_null().into()),
            Expr::IsNotNull(inner) => Ok((!self.value(inner, frame)?.is_null()).into()),
            Expr::IsTrue(inner) => Ok((truth(inner)? == Some(true)).into()),
            Expr::IsNotTrue(inner) => Ok((truth(inner)? != Some(true)).into()),
            Expr::IsFalse(inner) => Ok((truth(inner)? == Some(false)).into()),
            Expr::IsNotFalse(inner) => Ok((truth(inner)? != Some(false)).into()),
            Expr::IsUnknown(inner) => Ok(truth(inner)?.is_none().into()),
            Expr::IsNotUnknown(inner) => Ok(truth(inner)?.is_some().into()),
            Expr::IsDistinctFrom(one, other) => Ok(self.is_distinct(one, other, frame)?.into()),
            Expr::IsNotDistinctFrom(one, other) => {
                Ok((!self.is_distinct(one, other, frame)?).into())
            }
            Expr::InList { expr, list, negated } => {
                let value = self.value(expr, frame)?;
                let items = list.iter().map(|item| self.value(item, frame));
                let items = items.collect::<Result<Vec<_>, _>>()?;
                Ok(negate(any(&value, &items, |order| order == Ordering::Equal), *negated))
            }
            Expr::InSubquery { expr, subquery, negated } => {
                let value = self.value(expr, frame)?;
                let items = column(self.subquery(subquery, frame)?.as_ref());
                Ok(negate(any(&value, &items, |order| order == Ordering::Equal), *negated))
            }
            Expr::Exists { subquery, negated } => {
                let is_there = !self.subquery(subquery, frame)?.rows.is_empty();
                Ok((is_there != *negated).into())
            }
            Expr::Between { expr, negated, low, high } => {
                let value = self.value(expr, frame)?;
                let low = value.compare(&self.value(low, frame)?).map(Ordering::is_ge);
                let high = value.compare(&self.value(high, frame)?).map(Ordering::is_le);
                Ok(negate(both(low, high), *negated))
            }
            Expr::Like { negated, expr, pattern, escape_char, .. } => {
                self.like((expr, pattern), escape_char.as_ref(), *negated, false, frame)
            }
            Expr::ILike { negated, expr, pattern, escape_char, .. } => {
                self.like((expr, pattern), escape_char.as_ref(), *negated, true, frame)
            }
            Expr::AnyOp { left, compare_op, right, .. } => {
                self.quantified(left, compare_op, right, true, frame)
            }
            Expr::AllOp { left, compare_op, right } => {
                self.quantified(left, compare_op, right, false, frame)
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let mut args = vec![self.value(expr, frame)?];
                let from =
                    substring_from.as_ref().map(|from| self.value(from, frame)).transpose()?;
                args.push(from.unwrap_or(Value::Int(1)));
                args.extend(
                    substring_for.as_ref().map(|count| self.value(count, frame)).transpose()?,
                );
                self.function("substring", &args)
            }
            Expr::Position { expr, r#in } => {
                let args = [self.value(r#in, frame)?, self.value(expr, frame)?];
                self.function("strpos", &args)
            }
            Expr::Trim { expr, trim_where, trim_what, .. } => {
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    Some(TrimWhereField::Both) | None => "btrim",
                };
                let mut args = vec![self.value(expr, frame)?];
                args.extend(trim_what.as_ref().map(|what| self.value(what, frame)).transpose()?);
                self.function(name, &args)
            }
            other => Err(unsupported(other)),
        }
    }

    /// Returns the value of a column, here or further out.
    fn column(&self, name: &[String], frame: &Frame<'_>) -> Option<Value> {
        if let Some(at) = place(frame.columns, name) {
            return frame.row.get(at).cloned();
        }
        let mut next = frame.parent;
        while let Some(outer) = next {
            outer.is_touched.set(true);
            if let Some(at) = place(outer.columns, name) {
                return outer.row.get(at).cloned();
            }
            next = outer.parent;
        }
        None
    }

    /// Returns the value of a word that is a function without brackets.
    fn word(&self, word: &str) -> Result<Value, Error> {
        match word {
            "current_schema" | "current_user" | "session_user" | "user" | "current_role"
            | "current_catalog" | "current_timestamp" => self.function(word, &[]),
            _ => Err(no_column(&[word.to_owned()])),
        }
    }

    /// Goes into a value: `(row).field`, `list[1]`.
    fn access(&self, root: &Expr, chain: &[AccessExpr], frame: &Frame<'_>) -> Result<Value, Error> {
        // The first names of `relation.column[1]` are one name.
        let mut name: Vec<String> = match root {
            Expr::Identifier(ident) => vec![folded(ident)],
            _ => Vec::new(),
        };
        for step in chain {
            match step {
                AccessExpr::Dot(Expr::Identifier(ident)) if !name.is_empty() => {
                    name.push(folded(ident))
                }
                _ => break,
            }
        }
        let mut found = None;
        while found.is_none() && !name.is_empty() {
            found = self.column(&name, frame).map(|value| (value, name.len() - 1));
            name.pop();
        }
        let (mut value, used) = match found {
            Some(found) => found,
            None => (self.value(root, frame)?, 0),
        };
        for step in &chain[used..] {
            value = match step {
                AccessExpr::Dot(Expr::Identifier(ident)) => field(&value, &folded(ident))?,
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    item(&value, &self.value(index, frame)?)
                }
                AccessExpr::Subscript(Subscript::Slice {
                    lower_bound,
                    upper_bound,
                    stride: None,
                }) => {
                    let bound = |bound: &Option<Expr>| {
                        bound.as_ref().map(|bound| self.value(bound, frame)).transpose()
                    };
                    slice(&value, bound(lower_bound)?, bound(upper_bound)?)
                }
                other => return Err(unsupported(format!("{other:?}"))),
            };
        }
        Ok(value)
    }

    fn literal(&self, literal: &ValueWithSpan) -> Result<Value, Error> {
        Ok(match &literal.value {
            Literal::Number(number, _) => {
                let text = number.to_string();
                match text.parse::<i64>() {
                    Ok(number) => Value::Int(number),
                    Err(_) => Value::Float(
                        text.parse().map_err(|_| wrong(format!("`{text}` is no number")))?,
                    ),
                }
            }
            Literal::SingleQuotedString(text)
            | Literal::EscapedStringLiteral(text)
            | Literal::UnicodeStringLiteral(text)
            | Literal::NationalStringLiteral(text) => Value::text(text),
            Literal::DollarQuotedString(text) => Value::text(&text.value),
            Literal::Boolean(truth) => Value::Bool(*truth),
            Literal::Null => Value::Null,
            Literal::Placeholder(name) => self.parameter(name)?.1.clone(),
            other => return Err(unsupported(other)),
        })
    }

    /// Returns the parameter `$1`, with its type.
    pub(super) fn parameter(&self, name: &str) -> Result<&(&'static Type, Value), Error> {
        let number = name.trim_start_matches('$').parse::<usize>().ok();
        let found = number.and_then(|number| self.parameters.get(number.checked_sub(1)?));
        found.ok_or_else(|| wrong(format!("there is no parameter {name}")))
    }

    /// Returns a value as one of another type.
    pub(super) fn cast(&self, value: Value, kind: &'static Type) -> Result<Value, Error> {
        if value.is_null() {
            return Ok(value);
        }
        if let Some(element) = kind.element() {
            let shown = self.text(&value);
            let items = value.items().ok_or_else(|| no_such(&shown, kind))?;
            let items = items.into_iter().map(|item| self.cast(item, element));
            let items = items.collect::<Result<Vec<_>, _>>()?;
            let is_vector = !kind.name.starts_with('_');
            return Ok(if is_vector { Value::vector(items) } else { Value::list(items) });
        }
        if let Some(named) = Named::of(kind) {
            return self.named_value(&value, named, kind);
        }
        let none = |text: &str| no_such(text, kind);
        Ok(match kind.name {
            "bool" => match &value {
                Value::Text(text) => Value::Bool(truth(text).ok_or_else(|| none(text))?),
                other => other.truth().into(),
            },
            "int2" | "int4" | "int8" | "oid" | "xid" | "cid" => {
                let text = self.text(&value);
                Value::Int(value.int().ok_or_else(|| none(&text))?)
            }
            "float4" | "float8" | "numeric" => {
                let text = self.text(&value);
                Value::Float(value.float().ok_or_else(|| none(&text))?)
            }
            "char" => Value::text(self.text(&value).chars().take(1).collect::<String>()),
            _ => Value::text(self.text(&value)),
        })
    }

    /// Returns the number of what a text names.
    fn named_value(
        &self,
        value: &Value,
        named: Named,
        kind: &'static Type,
    ) -> Result<Value, Error> {
        let Value::Text(text) = value else {
            return Ok(value.int().map_or(Value::Null, |number| Value::Oid(named, number)));
        };
        if let Ok(number) = text.parse() {
            return Ok(Value::Oid(named, number));
        }
        match self.catalogue.number(named, text) {
            Some(number) => Ok(Value::Oid(named, number)),
            None if text.as_ref() == "-" => Ok(Value::Oid(named, 0)),
            None => Err(no_such(text, kind)),
        }
    }

    /// Returns a value as text.
    pub(super) fn text(&self, value: &Value) -> String {
        match value {
            Value::Null => String::new(),
            Value::Bool(true) => "t".into(),
            Value::Bool(false) => "f".into(),
            Value::Int(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Text(text) => text.to_string(),
            Value::Oid(named, number) => self.catalogue.name(*named, *number),
            Value::List { items, base: 0 } => {
                let items: Vec<String> = items.iter().map(|item| self.text(item)).collect();
                items.join(" ")
            }
            Value::List { items, .. } => {
                let shown = |item: &Value| (!item.is_null()).then(|| self.text(item));
                list_text(&items.iter().map(shown).collect::<Vec<_>>())
            }
            Value::Row(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(_, value)| self.text(value)).collect();
                format!("({})", fields.join(","))
            }
        }
    }

    fn is_distinct(&self, one: &Expr, other: &Expr, frame: &Frame<'_>) -> Result<bool, Error> {
        let (one, other) = (self.value(one, frame)?, self.value(other, frame)?);
        Ok(match (one.is_null(), other.is_null()) {
            (false, false) => one.compare(&other) != Some(Ordering::Equal),
            (one, other) => one != other,
        })
    }

    fn unary(&self, op: UnaryOperator, expr: &Expr, frame: &Frame<'_>) -> Result<Value, Error> {
        let value = self.value(expr, frame)?;
        Ok(match op {
            UnaryOperator::Not => value.truth().map(|truth| !truth).into(),
            UnaryOperator::Plus => value,
            UnaryOperator::Minus => match value {
                Value::Float(number) => Value::Float(-number),
                other => other.int().map(i64::wrapping_neg).into(),
            },
            UnaryOperator::BitwiseNot => value.int().map(|number| !number).into(),
            other => return Err(unsupported(other)),
        })
    }

    fn binary(
        &self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        frame: &Frame<'_>,
    ) -> Result<Value, Error> {
        let one = self.value(left, frame)?;
        // What is false or true already need not be looked at further.
        match (op, one.truth()) {
            (BinaryOperator::And, Some(false)) => return Ok(Value::Bool(false)),
            (BinaryOperator::Or, Some(true)) => return Ok(Value::Bool(true)),
            _ => {}
        }
        let other = self.value(right, frame)?;
        self.operated(&one, op, &other)
    }

    /// Applies an operator.
    fn operated(&self, one: &Value, op: &BinaryOperator, other: &Value) -> Result<Value, Error> {
        use BinaryOperator as Op;
        let compared = |is_it: fn(Ordering) -> bool| Value::from(one.compare(other).map(is_it));
        let bits = |work: fn(i64, i64) -> i64| -> Value {
            one.int().and_then(|one| Some(work(one, other.int()?))).into()
        };
        Ok(match op {
            Op::And => both(one.truth(), other.truth()).into(),
            Op::Or => either(one.truth(), other.truth()).into(),
            Op::Eq => compared(Ordering::is_eq),
            Op::NotEq => compared(Ordering::is_ne),
            Op::Lt => compared(Ordering::is_lt),
            Op::LtEq => compared(Ordering::is_le),
            Op::Gt => compared(Ordering::is_gt),
            Op::GtEq => compared(Ordering::is_ge),
            Op::BitwiseAnd => bits(|one, other| one & other),
            Op::BitwiseOr => bits(|one, other| one | other),
            Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo => {
                arithmetic(one, op, other)?
            }
            Op::StringConcat => self.concatenated(one, other),
            Op::PGRegexMatch => matched(one, other, false, false)?,
            Op::PGRegexIMatch => matched(one, other, true, false)?,
            Op::PGRegexNotMatch => matched(one, other, false, true)?,
            Op::PGRegexNotIMatch => matched(one, other, true, true)?,
            Op::PGLikeMatch => self.liked(one, other, '\\', false),
            Op::PGNotLikeMatch => negate(self.liked(one, other, '\\', false).truth(), true),
            Op::PGOverlap => match (one.items(), other.items()) {
                (Some(one), Some(other)) => {
                    let is_in = |item: &Value| any(item, &other, Ordering::is_eq) == Some(true);
                    one.iter().any(is_in).into()
                }
                _ => Value::Null,
            },
            Op::PGCustomBinaryOperator(parts) => {
                let op = match parts.last().map(String::as_str) {
                    Some("~") => Op::PGRegexMatch,
                    Some("~*") => Op::PGRegexIMatch,
                    Some("!~") => Op::PGRegexNotMatch,
                    Some("!~*") => Op::PGRegexNotIMatch,
                    Some("=") => Op::Eq,
                    Some("<>") => Op::NotEq,
                    Some("~~") => Op::PGLikeMatch,
                    Some("||") => Op::StringConcat,
                    _ => return Err(unsupported(op)),
                };
                return self.operated(one, &op, other);
            }
            other => return Err(unsupported(other)),
        })
    }

    fn concatenated(&self, one: &Value, other: &Value) -> Value {
        match (one, other) {
            (Value::Null, Value::List { .. }) => other.clone(),
            (Value::List { .. }, Value::Null) => one.clone(),
            (Value::Null, _) | (_, Value::Null) => Value::Null,
            (Value::List { items, .. }, Value::List { items: more, .. }) => {
                Value::list(items.iter().chain(more.iter()).cloned().collect())
            }
            (Value::List { items, .. }, item) => {
                Value::list(items.iter().chain([item]).cloned().collect())
            }
            (item, Value::List { items, .. }) => {
                Value::list([item].into_iter().chain(items.iter()).cloned().collect())
            }
            _ => Value::text(format!("{}{}", self.text(one), self.text(other))),
        }
    }

    fn like(
        &self,
        (expr, pattern): (&Expr, &Expr),
        escape: Option<&ValueWithSpan>,
        is_negated: bool,
        is_caseless: bool,
        frame: &Frame<'_>,
    ) -> Result<Value, Error> {
        let (value, pattern) = (self.value(expr, frame)?, self.value(pattern, frame)?);
        let escape = escape.map(|escape| self.literal(escape)).transpose()?;
        let escape = escape.and_then(|escape| self.text(&escape).chars().next()).unwrap_or('\\');
        Ok(negate(self.liked(&value, &pattern, escape, is_caseless).truth(), is_negated))
    }

    fn liked(&self, value: &Value, pattern: &Value, escape: char, is_caseless: bool) -> Value {
        if value.is_null() || pattern.is_null() {
            return Value::Null;
        }
        let (mut text, mut pattern) = (self.text(value), self.text(pattern));
        if is_caseless {
            (text, pattern) = (text.to_lowercase(), pattern.to_lowercase());
        }
        let text: Vec<char> = text.chars().collect();
        let pattern: Vec<char> = pattern.chars().collect();
        is_like(&text, &pattern, escape).into()
    }

    fn quantified(
        &self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        is_any: bool,
        frame: &Frame<'_>,
    ) -> Result<Value, Error> {
        let value = self.value(left, frame)?;
        let items = match right {
            Expr::Subquery(query) => column(self.subquery(query, frame)?.as_ref()),
            Expr::Nested(inner) if matches!(inner.as_ref(), Expr::Subquery(_)) => {
                let Expr::Subquery(query) = inner.as_ref() else { return Err(unsupported(right)) };
                column(self.subquery(query, frame)?.as_ref())
            }
            other => {
                let list = self.value(other, frame)?;
                if list.is_null() {
                    return Ok(Value::Null);
                }
                list.items().ok_or_else(|| wrong("ANY and ALL need a list"))?
            }
        };
        let mut result = Some(!is_any);
        for item in &items {
            let truth = self.operated(&value, op, item)?.truth();
            result = if is_any { either(result, truth) } else { both(result, truth) };
        }
        Ok(result.into())
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        rest: Option<&Expr>,
        frame: &Frame<'_>,
    ) -> Result<Value, Error> {
        let operand = operand.map(|operand| self.value(operand, frame)).transpose()?;
        for CaseWhen { condition, result } in conditions {
            let condition = self.value(condition, frame)?;
            let holds = match &operand {
                Some(operand) => operand.compare(&condition) == Some(Ordering::Equal),
                None => condition.truth() == Some(true),
            };
            if holds {
                return self.value(result, frame);
            }
        }
        rest.map_or(Ok(Value::Null), |rest| self.value(rest, frame))
    }

    /// Answers a subquery. One that looks at nothing outside of it is answered once.
    pub(super) fn subquery(&self, query: &Query, frame: &Frame<'_>) -> Result<Rc<Table>, Error> {
        let id = std::ptr::from_ref(query) as usize;
        if let Some(known) = self.results.borrow().get(&id) {
            return Ok(Rc::clone(known));
        }
        let own = Frame::new(frame.columns, frame.row, frame.parent);
        let outer: Vec<bool> =
            ancestors(frame).map(|outer| outer.is_touched.replace(false)).collect();
        let table = self.query(query, Some(&own));
        let is_alone =
            !own.is_touched.get() && ancestors(frame).all(|outer| !outer.is_touched.get());
        for (outer, before) in ancestors(frame).zip(outer) {
            outer.is_touched.set(outer.is_touched.get() || before);
        }
        let table = Rc::new(table?);
        if is_alone && !self.is_dry.get() {
            self.results.borrow_mut().insert(id, Rc::clone(&table));
        }
        Ok(table)
    }

    fn call(&self, function: &Function, frame: &Frame<'_>) -> Result<Value, Error> {
        let name = parts_of(&function.name).pop().unwrap_or_default();
        if function.over.is_some() {
            return self.window_value(function, frame);
        }
        if let FunctionArguments::Subquery(query) = &function.args {
            // `ARRAY(SELECT …)` is the one function that takes a query as it is.
            if name == "array" {
                return Ok(Value::list(column(self.subquery(query, frame)?.as_ref())));
            }
            return Err(unsupported(function));
        }
        if super::aggregate::is_aggregate(&name) {
            return self.aggregate(&name, function, frame);
        }
        let args = match &function.args {
            FunctionArguments::List(list) => expressions(&list.args)?,
            FunctionArguments::None | FunctionArguments::Subquery(_) => Vec::new(),
        };
        if super::series::is_series(&name) {
            return self.series_value(&name, &args, frame);
        }
        match name.as_str() {
            "coalesce" => {
                for arg in args {
                    let value = self.value(arg, frame)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Ok(Value::Null)
            }
            _ => {
                let values = args.into_iter().map(|arg| self.value(arg, frame));
                self.function(&name, &values.collect::<Result<Vec<_>, _>>()?)
            }
        }
    }
}

/// Returns the frames around a frame.
fn ancestors<'f>(frame: &Frame<'f>) -> impl Iterator<Item = &'f Frame<'f>> + use<'f> {
    std::iter::successors(frame.parent, |outer| outer.parent)
}

/// Returns the first column of a result.
fn column(table: &Table) -> Vec<Value> {
    table.rows.iter().map(|row| row.first().cloned().unwrap_or(Value::Null)).collect()
}

fn no_column(name: &[String]) -> Error {
    wrong(format!("there is no column `{}`", name.join(".")))
}

fn no_such(text: &str, kind: &Type) -> Error {
    let text: String = text.chars().take(80).collect();
    wrong(format!("`{text}` is no {}", kind.name))
}

fn field(value: &Value, name: &str) -> Result<Value, Error> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Row(fields) => {
            let found = fields.iter().find(|(field, _)| field == name);
            found.map(|(_, value)| value.clone()).ok_or_else(|| no_column(&[name.to_owned()]))
        }
        _ => Err(wrong(format!("`.{name}` of what is no row"))),
    }
}

fn item(list: &Value, number: &Value) -> Value {
    let base = if let Value::List { base, .. } = list { *base } else { 1 };
    let at = number.int().and_then(|number| usize::try_from(number - base).ok());
    let items = list.items().unwrap_or_default();
    at.and_then(|at| items.get(at).cloned()).unwrap_or(Value::Null)
}

fn slice(list: &Value, low: Option<Value>, high: Option<Value>) -> Value {
    let Some(items) = list.items() else { return Value::Null };
    let bound = |bound: Option<Value>, rest: usize| {
        let number = bound.and_then(|bound| bound.int());
        number.map_or(rest, |number| usize::try_from(number).unwrap_or(0))
    };
    let (low, high) = (bound(low, 1).max(1), bound(high, items.len()).min(items.len()));
    Value::list(items.get(low - 1..high.max(low - 1)).unwrap_or_default().to_vec())
}

fn both(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn negate(truth: Option<bool>, is_negated: bool) -> Value {
    truth.map(|truth| truth != is_negated).into()
}

/// Returns whether a value stands so to any of some others.
fn any(value: &Value, items: &[Value], is_it: fn(Ordering) -> bool) -> Option<bool> {
    let mut result = Some(false);
    for item in items {
        result = either(result, value.compare(item).map(is_it));
    }
    result
}

fn arithmetic(one: &Value, op: &BinaryOperator, other: &Value) -> Result<Value, Error> {
    use BinaryOperator as Op;
    if one.is_null() || other.is_null() {
        return Ok(Value::Null);
    }
    let is_float = |value: &Value| match value {
        Value::Float(_) => true,
        Value::Text(text) => text.trim().parse::<i64>().is_err(),
        _ => false,
    };
    let range = || wrong("a number is out of range");
    if is_float(one) || is_float(other) {
        let (Some(one), Some(other)) = (one.float(), other.float()) else {
            return Err(wrong("this is no number to calculate with"));
        };
        return Ok(Value::Float(match op {
            Op::Plus => one + other,
            Op::Minus => one - other,
            Op::Multiply => one * other,
            Op::Divide if other == 0.0 => return Err(wrong("division by zero")),
            Op::Divide => one / other,
            _ => one % other,
        }));
    }
    let (one, other) = (one.int().unwrap_or_default(), other.int().unwrap_or_default());
    let result = match op {
        Op::Plus => one.checked_add(other),
        Op::Minus => one.checked_sub(other),
        Op::Multiply => one.checked_mul(other),
        _ if other == 0 => return Err(wrong("division by zero")),
        Op::Divide => one.checked_div(other),
        _ => one.checked_rem(other),
    };
    result.map(Value::Int).ok_or_else(range)
}

/// Matches a text with a regular expression.
fn matched(
    text: &Value,
    pattern: &Value,
    is_caseless: bool,
    is_negated: bool,
) -> Result<Value, Error> {
    let (Value::Text(text), Value::Text(pattern)) = (text, pattern) else {
        return Ok(Value::Null);
    };
    let found = super::super::regex::is_match(text, pattern, is_caseless)
        .map_err(|reason| wrong(format!("the pattern is wrong: {reason}")))?;
    Ok((found != is_negated).into())
}

/// Returns whether a text fits a pattern of LIKE.
fn is_like(text: &[char], pattern: &[char], escape: char) -> bool {
    let (mut at, mut next) = (0, 0);
    // Where the last `%` was, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        let is_escaped = pattern.get(next) == Some(&escape) && next + 1 < pattern.len();
        let wanted = pattern.get(next + usize::from(is_escaped));
        let fits = match wanted {
            Some('%') if !is_escaped => {
                star = Some((next, at));
                next += 1;
                continue;
            }
            Some('_') if !is_escaped => true,
            Some(sign) => *sign == text[at],
            None => false,
        };
        if fits {
            at += 1;
            next += 1 + usize::from(is_escaped);
        } else if let Some((place, taken)) = star {
            star = Some((place, taken + 1));
            at = taken + 1;
            next = place + 1;
        } else {
            return false;
        }
    }
    pattern[next.min(pattern.len())..].iter().all(|sign| *sign == '%')
}

/// Returns the type of a column, here or further out.
pub(super) fn column_kind(name: &[String], frame: &Frame<'_>) -> Option<&'static Type> {
    let mut next = Some(frame);
    while let Some(found) = next {
        if let Some(at) = place(found.columns, name) {
            return found.columns.get(at).map(|column: &Column| column.kind);
        }
        next = found.parent;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_like_fit_as_in_postgresql() {
        let check = |text: &str, pattern: &str| {
            let (text, pattern): (Vec<_>, Vec<_>) =
                (text.chars().collect(), pattern.chars().collect());
            is_like(&text, &pattern, '\\')
        };
        assert!(check("orders", "ord%"));
        assert!(check("orders", "%d_r%"));
        assert!(check("a%b", "a\\%b"));
        assert!(!check("axb", "a\\%b"));
        assert!(check("", "%"));
        assert!(!check("orders", "order"));
        assert!(check("pg_toast_temp_1", "pg\\_toast\\_temp\\_%"));
    }

    #[test]
    fn truths_have_three_values() {
        assert_eq!(both(Some(false), None), Some(false));
        assert_eq!(both(Some(true), None), None);
        assert_eq!(either(None, Some(true)), Some(true));
        assert_eq!(either(None, Some(false)), None);
    }
}
