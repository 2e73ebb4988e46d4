//! Functions whose results grow with every use: each is run only where the result stays within a limit.

use crate::Config;
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DFSchema, Result, resources_err};
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use std::sync::Arc;

/// Functions whose result is at most about as long as their arguments together.
const SUMS: [&str; 8] = [
    "concat",
    "concat_ws",
    "overlay",
    "encode",
    "array_concat",
    "array_append",
    "array_prepend",
    "make_array",
];
/// Functions whose result can be as long as the product of two arguments.
const PRODUCTS: [&str; 4] = ["replace", "regexp_replace", "array_to_string", "translate"];

/// Returns the functions that replace those of DataFusion of the same names.
pub(crate) fn functions(config: &Config) -> Vec<Arc<ScalarUDF>> {
    let growth = |name: &str| {
        let is_sum = SUMS.contains(&name);
        if is_sum { Some(Growth::Sum) } else { PRODUCTS.contains(&name).then_some(Growth::Product) }
    };
    SessionStateDefaults::default_scalar_functions()
        .into_iter()
        .filter_map(|inner| {
            let growth = growth(inner.name())?;
            let bounded = Bounded { inner, growth, bytes_max: config.value_bytes_max };
            Some(Arc::new(ScalarUDF::new_from_impl(bounded)))
        })
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Growth {
    Sum,
    Product,
}

/// A function of DataFusion behind a limit.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
    bytes_max: usize,
}

impl Bounded {
    /// Returns the most bytes that a call can make.
    fn bytes(&self, arguments: &ScalarFunctionArgs) -> usize {
        let rows = arguments.number_rows;
        let sizes = arguments.args.iter().map(|argument| size(argument, rows));
        match self.growth {
            Growth::Sum => sizes.fold(0, usize::saturating_add),
            // Each byte of the first argument may become the longest value of another.
            Growth::Product => {
                let longest = arguments.args.iter().skip(1).map(longest).max().unwrap_or(0).max(1);
                sizes.take(1).fold(0, usize::saturating_add).saturating_mul(longest)
            }
        }
    }
}

fn size(argument: &ColumnarValue, rows: usize) -> usize {
    match argument {
        ColumnarValue::Array(array) => bytes_of(array),
        ColumnarValue::Scalar(scalar) => {
            scalar.to_array().map_or(0, |array| bytes_of(&array)).saturating_mul(rows)
        }
    }
}

fn longest(argument: &ColumnarValue) -> usize {
    let array = match argument {
        ColumnarValue::Array(array) => Arc::clone(array),
        ColumnarValue::Scalar(scalar) => match scalar.to_array() {
            Ok(array) => array,
            Err(_) => return 0,
        },
    };
    match cast(&array, &DataType::Utf8) {
        Ok(text) => text.as_string::<i32>().iter().flatten().map(str::len).max().unwrap_or(0),
        Err(_) => 0,
    }
}

fn bytes_of(array: &ArrayRef) -> usize {
    array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arguments)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let bytes = self.bytes(&arguments);
        if self.bytes_max < bytes {
            return resources_err!("{} could make {bytes} bytes", self.name());
        }
        self.inner.invoke_with_args(arguments)
    }
}

/// Plans `a || b` of texts as a bounded function; lists are joined by the planner that comes after it.
#[derive(Debug)]
pub(crate) struct Joins {
    join: Arc<ScalarUDF>,
}

impl Joins {
    pub(crate) fn new(config: &Config) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self {
            join: Arc::new(ScalarUDF::new_from_impl(Join {
                signature,
                bytes_max: config.value_bytes_max,
            })),
        }
    }
}

impl ExprPlanner for Joins {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        if expr.op != BinaryOperator::StringConcat {
            return Ok(PlannerResult::Original(expr));
        }
        let is_list = |side: &Expr| {
            side.get_type(schema).is_ok_and(|kind| kind.is_nested() || kind.is_binary())
        };
        if is_list(&expr.left) || is_list(&expr.right) {
            return Ok(PlannerResult::Original(expr));
        }
        let arguments = vec![expr.left, expr.right];
        Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(
            Arc::clone(&self.join),
            arguments,
        ))))
    }
}

/// `a || b`: null where one of them is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Join {
    signature: Signature,
    bytes_max: usize,
}

impl ScalarUDFImpl for Join {
    fn name(&self) -> &str {
        "text_join"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![DataType::Utf8; arguments.len()])
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let bytes = arguments
            .args
            .iter()
            .map(|argument| size(argument, rows))
            .fold(0, usize::saturating_add);
        if self.bytes_max < bytes {
            return resources_err!("|| could make {bytes} bytes");
        }
        let arrays = arguments
            .args
            .iter()
            .map(|argument| argument.to_array(rows))
            .collect::<Result<Vec<_>>>()?;
        let texts: Vec<_> = arrays.iter().map(|array| array.as_string::<i32>()).collect();
        let mut builder = StringBuilder::new();
        for row in 0..rows {
            if texts.iter().any(|text| text.is_null(row)) {
                builder.append_null();
                continue;
            }
            builder.append_value(texts.iter().map(|text| text.value(row)).collect::<String>());
        }
        Ok(ColumnarValue::Array(Arc::new(builder.finish())))
    }
}
