//! Functions that give several rows: `unnest`, `generate_series`, `generate_subscripts`, `_pg_expandarray`.

use super::{Evaluator, Frame, unsupported, wrong};
use crate::Error;
use crate::sql::postgres::types::Type;
use crate::sql::postgres::value::Value;
use datafusion::sql::sqlparser::ast::Expr;

/// Returns whether a function gives several rows.
pub(super) fn is_series(name: &str) -> bool {
    matches!(
        name,
        "unnest"
            | "generate_series"
            | "generate_subscripts"
            | "_pg_expandarray"
            | "regexp_split_to_table"
            | "pg_options_to_table"
            | "pg_listening_channels"
    )
}

impl Evaluator<'_> {
    /// Returns all rows of such a function.
    pub(super) fn series(
        &self,
        name: &str,
        args: &[&Expr],
        frame: &Frame<'_>,
    ) -> Result<Vec<Value>, Error> {
        let values = args.iter().map(|arg| self.value(arg, frame));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let first = values.first().unwrap_or(&Value::Null);
        let items = || first.items().unwrap_or_default();
        let base = if let Value::List { base, .. } = first { *base } else { 1 };
        match name {
            "unnest" => Ok(items()),
            "generate_subscripts" => {
                let places = (base..).zip(items()).map(|(place, _)| Value::Int(place));
                Ok(places.collect())
            }
            "_pg_expandarray" => {
                let row = |(number, item): (i64, Value)| {
                    Value::Row(
                        [("x".to_owned(), item), ("n".to_owned(), Value::Int(number))].into(),
                    )
                };
                Ok((1..).zip(items()).map(row).collect())
            }
            "generate_series" => self.numbers(&values),
            "pg_options_to_table" | "pg_listening_channels" => Ok(Vec::new()),
            // A function that gives one row stands in FROM too.
            name if !is_series(name) => Ok(vec![self.function(name, &values)?]),
            name => Err(unsupported(format!("the function `{name}`"))),
        }
    }

    fn numbers(&self, values: &[Value]) -> Result<Vec<Value>, Error> {
        let number = |at: usize| values.get(at).and_then(Value::int);
        let (Some(from), Some(to)) = (number(0), number(1)) else { return Ok(Vec::new()) };
        let by = number(2).unwrap_or(1);
        if by == 0 {
            return Err(wrong("the steps of generate_series are 0"));
        }
        let (mut numbers, mut next) = (Vec::new(), Some(from));
        while let Some(number) = next.filter(|next| if 0 < by { *next <= to } else { to <= *next })
        {
            self.step()?;
            self.check(numbers.len(), 1)?;
            numbers.push(Value::Int(number));
            next = number.checked_add(by);
        }
        Ok(numbers)
    }

    /// Returns the row of such a function whose turn it is.
    pub(super) fn series_value(
        &self,
        name: &str,
        args: &[&Expr],
        frame: &Frame<'_>,
    ) -> Result<Value, Error> {
        let Some(turn) = frame.turn else {
            return Err(wrong(format!(
                "`{name}` gives several rows and stands where there is one"
            )));
        };
        let rows = self.series(name, args, frame)?;
        turn.count.set(Some(turn.count.get().unwrap_or(0).max(rows.len())));
        Ok(rows.get(turn.number.get()).cloned().unwrap_or(Value::Null))
    }

    /// Returns the type of the rows of a function.
    pub(super) fn series_kind(
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
            "unnest" => {
                let list = first()?;
                list.element().unwrap_or(Type::known("text"))
            }
            "generate_subscripts" => Type::known("int4"),
            "generate_series" => match first()?.name {
                "int8" => Type::known("int8"),
                _ => Type::known("int4"),
            },
            "_pg_expandarray" => Type::known("record"),
            _ => self.function_kind(name, args, frame)?,
        })
    }
}
