//! What stands between a query and rows of which it may see a part.
//!
//! The rows are cut in a plan of their own that the outer plan holds in a leaf: no rule of the optimiser, logical or
//! physical, can move what somebody wrote below the cut, and no statistic, count or text of the inner plan gets out. Only
//! conditions that cannot fail on any row and name no masked column are handed in, so that fewer rows are read; they are
//! evaluated again outside.

use super::excerpt::{Excerpt, Fault, Wanted};
use crate::sql::problem::{carry, of_query};
use crate::sql::run::with_turns;
use crate::{Config, Error};
use base::{Kind, Problem};
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{
    Expr, LogicalPlanBuilder, Operator, TableProviderFilterPushDown, TableType,
};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::{StreamExt, TryStreamExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A relation as far as a principal sees it.
pub(crate) struct ExcerptTable {
    rows: Arc<dyn TableProvider>,
    excerpt: Arc<Excerpt>,
    config: Arc<Config>,
    schema: SchemaRef,
}

impl ExcerptTable {
    pub(crate) fn new(
        rows: Arc<dyn TableProvider>,
        excerpt: Arc<Excerpt>,
        config: Arc<Config>,
    ) -> Self {
        let whole = rows.schema();
        let fields = whole.fields().iter().map(|field| {
            let is_nullable = field.is_nullable() || excerpt.masks(field.name());
            Field::clone(field).with_nullable(is_nullable)
        });
        let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<Field>>()));
        Self { rows, excerpt, config, schema }
    }

    /// Returns whether a condition can be evaluated on any row without failing and without reading a masked column. What a
    /// view calculates can fail, whatever it is compared with.
    fn is_harmless(&self, filter: &Expr) -> bool {
        self.rows.get_logical_plan().is_none() && self.is_simple(filter)
    }

    fn is_simple(&self, filter: &Expr) -> bool {
        match filter {
            Expr::BinaryExpr(binary) => match binary.op {
                Operator::And | Operator::Or => {
                    self.is_simple(&binary.left) && self.is_simple(&binary.right)
                }
                Operator::Eq
                | Operator::NotEq
                | Operator::Lt
                | Operator::LtEq
                | Operator::Gt
                | Operator::GtEq => {
                    self.is_compared(&binary.left, &[binary.right.as_ref()])
                        || self.is_compared(&binary.right, &[binary.left.as_ref()])
                }
                _ => false,
            },
            Expr::Not(inner) => self.is_simple(inner),
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => self.open(inner).is_some(),
            Expr::Between(between) => {
                self.is_compared(&between.expr, &[between.low.as_ref(), between.high.as_ref()])
            }
            Expr::InList(list) => {
                self.is_compared(&list.expr, &list.list.iter().collect::<Vec<_>>())
            }
            Expr::Column(_) => self.open(filter) == Some(&DataType::Boolean),
            _ => false,
        }
    }

    /// Returns whether a column that is not masked is compared with values of its own type.
    fn is_compared(&self, column: &Expr, values: &[&Expr]) -> bool {
        let Some(data_type) = self.open(column) else { return false };
        let is_value = |value: &&Expr| match value {
            Expr::Literal(value, _) => value.data_type() == *data_type,
            _ => false,
        };
        !data_type.is_nested() && values.iter().all(is_value)
    }

    /// Returns the type of a column that is not masked.
    fn open(&self, column: &Expr) -> Option<&DataType> {
        let Expr::Column(column) = column else { return None };
        let is_open = !self.excerpt.masks(&column.name);
        let (_, field) = self.schema.column_with_name(&column.name)?;
        is_open.then(|| field.data_type())
    }

    fn names(&self, projection: Option<&Vec<usize>>) -> Vec<String> {
        let name = |number: usize| self.schema.field(number).name().clone();
        match projection {
            Some(projection) => projection.iter().map(|number| name(*number)).collect(),
            None => (0..self.schema.fields().len()).map(name).collect(),
        }
    }
}

impl std::fmt::Debug for ExcerptTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.excerpt)
    }
}

#[async_trait::async_trait]
impl TableProvider for ExcerptTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        self.rows.table_type()
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| {
            if self.is_harmless(filter) {
                TableProviderFilterPushDown::Inexact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let relation = &self.excerpt.relation;
        let session = state.as_any().downcast_ref::<SessionState>();
        let session = session.ok_or_else(|| broken(relation))?;
        let name = relation.rsplit('.').next().unwrap_or(relation);
        let rows = LogicalPlanBuilder::scan(
            TableReference::bare(name),
            provider_as_source(Arc::clone(&self.rows)),
            None,
        )?;
        let columns = self.names(projection);
        // What cannot be handed in was not asked for; it is looked at again all the same.
        let filters: Vec<Expr> =
            filters.iter().filter(|filter| self.is_harmless(filter)).cloned().collect();
        let wanted = Wanted { columns: &columns, filters: &filters, limit };
        let plan = self
            .excerpt
            .over(session, &self.config, rows.build()?, &wanted)
            .map_err(|_: Fault| broken(relation))?;
        let plan = session.create_physical_plan(&plan).await;
        let mut plan = plan.map_err(|error| sealed(relation, &error))?;
        if 1 < plan.output_partitioning().partition_count() {
            plan = Arc::new(CoalescePartitionsExec::new(plan));
        }
        let schema = match projection {
            Some(projection) => Arc::new(self.schema.project(projection)?),
            None => Arc::clone(&self.schema),
        };
        let part = ExcerptPart {
            plan: with_turns(plan)?,
            relation: relation.clone(),
            schema: Arc::clone(&schema),
            is_used: AtomicBool::new(false),
        };
        let part: Arc<dyn PartitionStream> = Arc::new(part);
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![part], None, [], false, None)?))
    }
}

/// The rows that are shown. To the plan around it, it has neither children nor counts.
struct ExcerptPart {
    plan: Arc<dyn ExecutionPlan>,
    relation: String,
    schema: SchemaRef,
    is_used: AtomicBool,
}

impl std::fmt::Debug for ExcerptPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "excerpt of {}", self.relation)
    }
}

impl PartitionStream for ExcerptPart {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let plan = Arc::clone(&self.plan);
        // A recursive query comes again; what a plan keeps of its first run is not for the second.
        let is_again = self.is_used.swap(true, Ordering::SeqCst);
        let stream = futures::stream::once(async move {
            let plan = if is_again { reset_plan_states(plan)? } else { plan };
            plan.execute(0, context)
        });
        let (relation, schema) = (self.relation.clone(), Arc::clone(&self.schema));
        let stream = stream.try_flatten().map(move |batch| match batch {
            Ok(batch) => dressed(&schema, &batch),
            Err(error) => Err(sealed(&relation, &error)),
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}

/// Returns a batch with the columns as the query knows them. Where it wants none, what is left is how many rows there are.
fn dressed(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = if schema.fields().is_empty() { Vec::new() } else { batch.columns().to_vec() };
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// Returns what may be told of an error beneath the cut: its text can hold a value of a row that is hidden.
fn sealed(relation: &str, error: &DataFusionError) -> DataFusionError {
    let problem: Problem = of_query(error);
    match problem.kind {
        Kind::Invalid | Kind::Internal => broken(relation),
        _ => carry(problem),
    }
}

fn broken(relation: &str) -> DataFusionError {
    carry(Error::Restricted {
        reason: format!("what a role shows of `{relation}` cannot be calculated"),
        hint: "whoever sees all of it finds out why with the same question",
    })
}
