//! The types of expressions, which clients are told before there are any rows.

use super::expression::column_kind;
use super::function::FUNCTIONS;
use super::join::{expressions, folded, parts_of};
use super::{Evaluator, Frame};
use crate::Error;
use crate::sql::postgres::types::{self, Type};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr, Function, FunctionArguments, UnaryOperator, Value as Literal,
};

impl Evaluator<'_> {
    /// Returns the type of an expression; `unknown` for what could be any.
    pub(super) fn kind(&self, expr: &Expr, frame: &Frame<'_>) -> Result<&'static Type, Error> {
        let unknown = Type::known("unknown");
        Ok(match expr {
            Expr::Identifier(ident) => {
                let name = folded(ident);
                let found = column_kind(std::slice::from_ref(&name), frame);
                let word = || FUNCTIONS.iter().find(|function| function.name == name);
                found.or_else(|| word().map(|word| Type::known(word.result))).unwrap_or(unknown)
            }
            Expr::CompoundIdentifier(idents) => {
                let name: Vec<String> = idents.iter().map(folded).collect();
                column_kind(&name, frame).unwrap_or(unknown)
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.access_kind(root, access_chain, frame)?
            }
            Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => self.kind(inner, frame)?,
            Expr::Value(literal) => match &literal.value {
                Literal::Number(number, _) => match number.to_string().parse::<i64>() {
                    Ok(number) if i32::try_from(number).is_ok() => Type::known("int4"),
                    Ok(_) => Type::known("int8"),
                    Err(_) => Type::known("float8"),
                },
                Literal::Boolean(_) => Type::known("bool"),
                Literal::Placeholder(name) => self.parameter(name)?.0,
                _ => unknown,
            },
            Expr::TypedString(typed) => types::of_sql(&typed.data_type).unwrap_or(unknown),
            Expr::Cast { data_type, .. } => types::of_sql(data_type).unwrap_or(unknown),
            Expr::Array(array) => {
                let element = array.elem.first().map(|item| self.kind(item, frame)).transpose()?;
                list_of(element.unwrap_or(unknown))
            }
            Expr::Tuple(_) => Type::known("record"),
            Expr::Function(function) => self.call_kind(function, frame)?,
            Expr::Case { conditions, else_result, .. } => {
                let results = conditions.iter().map(|condition| &condition.result);
                let results: Vec<&Expr> = results.chain(else_result.as_deref()).collect();
                self.common(&results, frame)?
            }
            Expr::Subquery(query) => {
                let columns = self.dry(query, Some(frame))?;
                columns.first().map_or(unknown, |column| column.kind)
            }
            Expr::BinaryOp { left, op, right } => self.operator_kind(left, op, right, frame)?,
            Expr::UnaryOp { op: UnaryOperator::Not, .. } => Type::known("bool"),
            Expr::UnaryOp { expr, .. } => self.kind(expr, frame)?,
            Expr::Substring { .. } | Expr::Trim { .. } => Type::known("text"),
            Expr::Position { .. } => Type::known("int4"),
            _ => Type::known("bool"),
        })
    }

    fn access_kind(
        &self,
        root: &Expr,
        chain: &[AccessExpr],
        frame: &Frame<'_>,
    ) -> Result<&'static Type, Error> {
        let mut name: Vec<String> = match root {
            Expr::Identifier(ident) => vec![folded(ident)],
            _ => Vec::new(),
        };
        let mut used = 0;
        let mut kind = column_kind(&name, frame);
        for step in chain {
            let (AccessExpr::Dot(Expr::Identifier(ident)), false) = (step, name.is_empty()) else {
                break;
            };
            name.push(folded(ident));
            let Some(found) = column_kind(&name, frame) else { break };
            (kind, used) = (Some(found), name.len() - 1);
        }
        let mut kind = match kind {
            Some(kind) => kind,
            None => self.kind(root, frame)?,
        };
        for step in &chain[used..] {
            kind = match step {
                AccessExpr::Subscript(_) => kind.element().unwrap_or(Type::known("unknown")),
                // The fields of the rows that there are.
                AccessExpr::Dot(Expr::Identifier(ident)) if folded(ident) == "n" => {
                    Type::known("int4")
                }
                AccessExpr::Dot(_) => Type::known("int2"),
            };
        }
        Ok(kind)
    }

    /// Returns the type that several expressions have in common.
    fn common(&self, exprs: &[&Expr], frame: &Frame<'_>) -> Result<&'static Type, Error> {
        for expr in exprs {
            let kind = self.kind(expr, frame)?;
            if kind.name != "unknown" {
                return Ok(kind);
            }
        }
        Ok(Type::known("unknown"))
    }

    fn operator_kind(
        &self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        frame: &Frame<'_>,
    ) -> Result<&'static Type, Error> {
        use BinaryOperator as Op;
        Ok(match op {
            Op::Plus
            | Op::Minus
            | Op::Multiply
            | Op::Divide
            | Op::Modulo
            | Op::BitwiseAnd
            | Op::BitwiseOr => {
                let (one, other) = (self.kind(left, frame)?, self.kind(right, frame)?);
                let is_float = |kind: &Type| matches!(kind.name, "float4" | "float8" | "numeric");
                let is_long = |kind: &Type| matches!(kind.name, "int8" | "oid");
                match (one, other) {
                    (one, other) if is_float(one) || is_float(other) => Type::known("float8"),
                    (one, other) if is_long(one) || is_long(other) => Type::known("int8"),
                    _ => Type::known("int4"),
                }
            }
            Op::StringConcat => {
                let (one, other) = (self.kind(left, frame)?, self.kind(right, frame)?);
                match (one.element != 0, other.element != 0) {
                    (true, _) => one,
                    (_, true) => other,
                    _ => Type::known("text"),
                }
            }
            _ => Type::known("bool"),
        })
    }

    fn call_kind(&self, function: &Function, frame: &Frame<'_>) -> Result<&'static Type, Error> {
        let name = parts_of(&function.name).pop().unwrap_or_default();
        let args = match &function.args {
            FunctionArguments::List(list) => expressions(&list.args).unwrap_or_default(),
            FunctionArguments::Subquery(query) => {
                let columns = self.dry(query, Some(frame))?;
                return Ok(columns
                    .first()
                    .map_or(Type::known("_text"), |column| list_of(column.kind)));
            }
            FunctionArguments::None => Vec::new(),
        };
        if super::series::is_series(&name) {
            return self.series_kind(&name, &args, frame);
        }
        self.function_kind(&name, &args, frame)
    }

    /// Returns the type of what a function gives.
    pub(super) fn function_kind(
        &self,
        name: &str,
        args: &[&Expr],
        frame: &Frame<'_>,
    ) -> Result<&'static Type, Error> {
        let first = || match args.first() {
            Some(arg) => self.kind(arg, frame),
            None => Ok(Type::known("unknown")),
        };
        Ok(match name {
            "coalesce" | "greatest" | "least" => self.common(args, frame)?,
            "min" | "max" | "nullif" | "abs" | "mod" => first()?,
            "array_append" | "array_remove" | "array_cat" => first()?,
            "array_agg" => list_of(first()?),
            "sum" => match first()?.name {
                "float4" | "float8" | "numeric" => Type::known("float8"),
                _ => Type::known("int8"),
            },
            "avg" => Type::known("float8"),
            "row_number" | "rank" | "dense_rank" => Type::known("int8"),
            "every" => Type::known("bool"),
            name => {
                let found = FUNCTIONS.iter().find(|function| function.name == name);
                Type::known(found.map_or("text", |function| function.result))
            }
        })
    }
}

fn list_of(kind: &'static Type) -> &'static Type {
    kind.as_list().unwrap_or(Type::known("_text"))
}
