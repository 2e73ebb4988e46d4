//! Instants of files as SQL sees them. Files hold microseconds, as Delta wants them, SQL has milliseconds. The cast that serves all
//! units divides by a number that it is told while it runs; dividing by one that is known takes a quarter of the time.

use crate::streams::schema::time_type;
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::types::{TimestampMicrosecondType, TimestampMillisecondType};
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use std::sync::Arc;

const MICROS_PER_MILLI: i64 = 1_000;

/// Makes what reads the columns of a file as SQL sees them.
#[derive(Debug)]
pub(super) struct Instants {
    millis: Arc<ScalarUDF>,
    options: Arc<ConfigOptions>,
}

impl Instants {
    pub(super) fn new(options: &Arc<ConfigOptions>) -> Self {
        let signature = Signature::any(1, Volatility::Immutable);
        let millis = Arc::new(ScalarUDF::new_from_impl(Millis { signature }));
        Self { millis, options: Arc::clone(options) }
    }
}

impl PhysicalExprAdapterFactory for Instants {
    fn create(&self, seen: SchemaRef, stored: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let general = DefaultPhysicalExprAdapterFactory.create(seen, Arc::clone(&stored))?;
        let (millis, options) = (Arc::clone(&self.millis), Arc::clone(&self.options));
        Ok(Arc::new(Adapter { general, stored, millis, options }))
    }
}

#[derive(Debug)]
struct Adapter {
    general: Arc<dyn PhysicalExprAdapter>,
    stored: SchemaRef,
    millis: Arc<ScalarUDF>,
    options: Arc<ConfigOptions>,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let expr = self.general.rewrite(expr)?;
        // Only a column by itself, as it is handed out: in a condition the cast is understood where files are passed over.
        let Some(cast) = expr.downcast_ref::<CastExpr>() else { return Ok(expr) };
        if !cast.expr().is::<Column>() || *cast.cast_type() != time_type() {
            return Ok(expr);
        }
        let stored = cast.expr().data_type(&self.stored)?;
        if stored != DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())) {
            return Ok(expr);
        }
        let column = vec![Arc::clone(cast.expr())];
        let (millis, options) = (Arc::clone(&self.millis), Arc::clone(&self.options));
        Ok(Arc::new(ScalarFunctionExpr::try_new(millis, column, &self.stored, options)?))
    }
}

/// Microseconds as milliseconds.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Millis {
    signature: Signature,
}

impl ScalarUDFImpl for Millis {
    fn name(&self) -> &str {
        "millis"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(time_type())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [micros] = arguments.args.as_slice() else {
            return internal_err!("an instant is missing");
        };
        let micros = micros.to_array(arguments.number_rows)?;
        let micros = micros.as_primitive::<TimestampMicrosecondType>();
        let millis =
            micros.unary::<_, TimestampMillisecondType>(|micros| micros / MICROS_PER_MILLI);
        Ok(ColumnarValue::Array(Arc::new(millis.with_timezone("UTC"))))
    }
}
