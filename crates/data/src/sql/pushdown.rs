//! Which conditions of a query a relation keeps by itself: those that compare its columns with values of their own type.
//!
//! A condition is handed on as a whole or not at all, and then it means the same there as here. What is not handed on is looked
//! at in the query.

use crate::Config;
use crate::streams::decimal;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Operator};
use kernel::{Cell, Column, ColumnType, Comparison, Filter, Weight};

/// Returns for each condition what the relation keeps of it; nothing where it is to be looked at in the query.
pub(crate) fn pushed(
    config: &Config,
    columns: &[Column],
    conditions: &[&Expr],
) -> Vec<Option<Filter>> {
    let mut all = Weight::default();
    // What is always or never true names no column, and a relation that keeps nothing would not keep that either.
    let is_kept = columns.iter().any(|column| column.is_filtered);
    let mut push = |condition: &&Expr| {
        let filter = filter(columns, condition).filter(|_| is_kept)?;
        let weight = all.beside(filter.weight());
        let is_within = weight.terms <= config.pushdown_terms_max
            && weight.bytes <= config.pushdown_bytes_max
            && weight.depth <= config.pushdown_depth_max;
        if !is_within {
            return None;
        }
        all = weight;
        Some(filter)
    };
    conditions.iter().map(&mut push).collect()
}

fn filter(columns: &[Column], condition: &Expr) -> Option<Filter> {
    match condition {
        // What the optimiser made of a condition that is always, or never, true.
        Expr::Literal(ScalarValue::Boolean(Some(true)), _) => Some(Filter::All(Vec::new())),
        Expr::Literal(ScalarValue::Boolean(Some(false)), _) => Some(Filter::Any(Vec::new())),
        Expr::BinaryExpr(binary) => {
            let both = || Some([filter(columns, &binary.left)?, filter(columns, &binary.right)?]);
            match binary.op {
                Operator::And => both().map(all),
                Operator::Or => both().map(any),
                operator => compared(columns, &binary.left, operator, &binary.right),
            }
        }
        Expr::IsNull(inner) => Some(Filter::IsNull { column: place(columns, inner)? }),
        Expr::IsNotNull(inner) => Some(Filter::IsNotNull { column: place(columns, inner)? }),
        Expr::Between(between) => {
            let (low, high) = if between.negated {
                (Operator::Lt, Operator::Gt)
            } else {
                (Operator::GtEq, Operator::LtEq)
            };
            let low = compared(columns, &between.expr, low, &between.low)?;
            let high = compared(columns, &between.expr, high, &between.high)?;
            Some(if between.negated { any([low, high]) } else { all([low, high]) })
        }
        Expr::InList(list) if !list.negated => {
            let column = place(columns, &list.expr)?;
            listed(column, columns[column].column_type, &list.list)
        }
        Expr::Column(_) => is(columns, condition, true),
        Expr::IsTrue(inner) => is(columns, inner, true),
        Expr::Not(inner) | Expr::IsFalse(inner) => is(columns, inner, false),
        _ => None,
    }
}

/// Joins what all must hold; parts that are joined so already are taken in.
fn all(parts: [Filter; 2]) -> Filter {
    let mut joined = Vec::new();
    for part in parts {
        match part {
            Filter::All(inner) => joined.extend(inner),
            part => joined.push(part),
        }
    }
    Filter::All(joined)
}

/// Joins that of which one must hold.
fn any(parts: [Filter; 2]) -> Filter {
    let mut joined = Vec::new();
    for part in parts {
        match part {
            Filter::Any(inner) => joined.extend(inner),
            part => joined.push(part),
        }
    }
    Filter::Any(joined)
}

fn compared(columns: &[Column], left: &Expr, operator: Operator, right: &Expr) -> Option<Filter> {
    let comparison = match operator {
        Operator::Eq => Comparison::Equal,
        Operator::NotEq => Comparison::NotEqual,
        Operator::Lt => Comparison::Less,
        Operator::LtEq => Comparison::LessOrEqual,
        Operator::Gt => Comparison::Greater,
        Operator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    };
    let (column, comparison, value) = match (left, right) {
        (column, Expr::Literal(value, _)) => (column, comparison, value),
        (Expr::Literal(value, _), column) => (column, comparison.turned(), value),
        _ => return None,
    };
    let column = place(columns, column)?;
    let value = cell(columns[column].column_type, value)?;
    Some(Filter::Compare { column, comparison, value })
}

fn listed(column: usize, column_type: ColumnType, list: &[Expr]) -> Option<Filter> {
    let mut values = Vec::with_capacity(list.len());
    for value in list {
        match value {
            // Nothing in a list makes no row count.
            Expr::Literal(value, _) if value.is_null() => {}
            Expr::Literal(value, _) => values.push(cell(column_type, value)?),
            _ => return None,
        }
    }
    Some(Filter::In { column, values })
}

fn is(columns: &[Column], column: &Expr, truth: bool) -> Option<Filter> {
    let column = place(columns, column)?;
    let is_bool = columns[column].column_type == ColumnType::Bool;
    let value = Cell::Bool(truth);
    is_bool.then_some(Filter::Compare { column, comparison: Comparison::Equal, value })
}

/// Returns the place of a column on which the relation keeps conditions.
fn place(columns: &[Column], expr: &Expr) -> Option<usize> {
    let Expr::Column(column) = expr else { return None };
    let place = columns.iter().position(|known| known.name == column.name)?;
    columns[place].is_filtered.then_some(place)
}

/// Returns a value as a cell of a column's type. Values of other types are compared by other rules.
fn cell(column_type: ColumnType, value: &ScalarValue) -> Option<Cell> {
    match (column_type, value) {
        (ColumnType::Bool, ScalarValue::Boolean(Some(truth))) => Some(Cell::Bool(*truth)),
        (ColumnType::Int, ScalarValue::Int64(Some(number))) => Some(Cell::Int(*number)),
        (ColumnType::Float, ScalarValue::Float64(Some(number))) if number.is_finite() => {
            Some(Cell::Float(*number))
        }
        (ColumnType::Decimal(scale), ScalarValue::Decimal128(Some(value), _, other))
            if i16::from(scale) == i16::from(*other) =>
        {
            let mut text = Vec::new();
            decimal::write(*value, scale, &mut text);
            String::from_utf8(text).ok().map(Cell::Decimal)
        }
        (
            ColumnType::Text,
            ScalarValue::Utf8(Some(text))
            | ScalarValue::LargeUtf8(Some(text))
            | ScalarValue::Utf8View(Some(text)),
        ) => Some(Cell::Text(text.clone())),
        (ColumnType::Time, ScalarValue::TimestampMillisecond(Some(millis), _)) => {
            Some(Cell::Time(*millis))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::lit;

    fn columns() -> Vec<Column> {
        vec![
            Column::new("n", ColumnType::Int, "").filtered(),
            Column::new("t", ColumnType::Text, "").filtered(),
            Column::new("d", ColumnType::Decimal(2), "").filtered(),
            Column::new("b", ColumnType::Bool, "").filtered(),
            Column::new("hidden", ColumnType::Int, ""),
        ]
    }

    fn col(name: &str) -> Expr {
        Expr::Column(datafusion::common::Column::new_unqualified(name))
    }

    fn decimal(value: i128, scale: i8) -> Expr {
        Expr::Literal(ScalarValue::Decimal128(Some(value), 38, scale), None)
    }

    fn one(condition: Expr) -> Option<Filter> {
        pushed(&Config::default(), &columns(), &[&condition]).remove(0)
    }

    fn compare(column: usize, comparison: Comparison, value: Cell) -> Filter {
        Filter::Compare { column, comparison, value }
    }

    #[test]
    fn comparisons_with_values_of_the_column_are_handed_on() {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
        assert_eq!(one(col("n").lt(lit(5_i64))), Some(compare(0, Less, Cell::Int(5))));
        assert_eq!(one(lit(5_i64).lt(col("n"))), Some(compare(0, Greater, Cell::Int(5))));
        let price = Some(compare(2, Equal, Cell::Decimal("-0.05".into())));
        assert_eq!(one(col("d").eq(decimal(-5, 2))), price);
        assert_eq!(one(col("b")), Some(compare(3, Equal, Cell::Bool(true))));
        assert_eq!(one(Expr::Not(Box::new(col("b")))), Some(compare(3, Equal, Cell::Bool(false))));
        let (low, high) = (Cell::Int(1), Cell::Int(9));
        let between =
            vec![compare(0, GreaterOrEqual, low.clone()), compare(0, LessOrEqual, high.clone())];
        assert_eq!(one(col("n").between(lit(1_i64), lit(9_i64))), Some(Filter::All(between)));
        let outside = vec![compare(0, Less, low), compare(0, Greater, high)];
        assert_eq!(one(col("n").not_between(lit(1_i64), lit(9_i64))), Some(Filter::Any(outside)));
        let null = Expr::Literal(ScalarValue::Utf8(None), None);
        let list = col("t").in_list(vec![lit("a"), null], false);
        let values = vec![Cell::Text("a".into())];
        assert_eq!(one(list), Some(Filter::In { column: 1, values }));
    }

    #[test]
    fn what_means_something_else_elsewhere_stays() {
        let null = Expr::Literal(ScalarValue::Int64(None), None);
        let kept = [
            col("n").eq(null),
            col("n").eq(lit("5")),
            col("n").eq(col("hidden")),
            col("hidden").eq(lit(5_i64)),
            col("d").eq(decimal(5, 3)),
            col("n").eq(lit(5_i64)).or(col("hidden").eq(lit(5_i64))),
            col("t").in_list(vec![lit("a")], true),
            col("n"),
            (col("n") + lit(1_i64)).eq(lit(5_i64)),
        ];
        for condition in kept {
            assert_eq!(one(condition.clone()), None, "{condition}");
        }
    }

    #[test]
    fn a_relation_that_keeps_no_condition_is_handed_none() {
        let columns = vec![Column::new("n", ColumnType::Int, "").indexed()];
        for condition in [lit(true), lit(false), col("n").eq(lit(5_i64))] {
            assert_eq!(pushed(&Config::default(), &columns, &[&condition]), [None], "{condition}");
        }
        assert_eq!(one(lit(false)), Some(Filter::Any(Vec::new())));
    }

    #[test]
    fn chains_become_flat_and_large_conditions_stay() {
        let chain = |count: i64| {
            (1..count).fold(col("n").eq(lit(0_i64)), |chain, n| chain.or(col("n").eq(lit(n))))
        };
        let Some(Filter::Any(parts)) = one(chain(100)) else { panic!("it is handed on") };
        assert_eq!(parts.len(), 100);
        assert_eq!(one(chain(1_001)), None);
        let long = col("t").eq(lit("x".repeat(Config::default().pushdown_bytes_max + 1)));
        assert_eq!(one(long), None);
        let (first, second) = (chain(600), chain(600));
        let both = pushed(&Config::default(), &columns(), &[&first, &second]);
        assert!(both[0].is_some() && both[1].is_none(), "together they are too large");
    }
}
