//! A materialised view as a table of DataFusion.

use super::graft::{self, kept_part, with_kept};
use super::shape::{Shape, shape};
use super::state::Derived;
use crate::catalog::Kept;
use crate::sql::stream::StreamTable;
use crate::tables::scan::{self, FileScan};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::default_table_source::{provider_as_source, source_as_provider};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use std::sync::Arc;

/// A materialised view.
pub(crate) struct DerivedTable {
    /// The query over all rows.
    plan: LogicalPlan,
    schema: SchemaRef,
    folder: String,
    kept: Option<Derived>,
    is_scheduled: bool,
}

impl std::fmt::Debug for DerivedTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.folder)
    }
}

impl DerivedTable {
    /// Returns a view with what is kept of it, where that is of the same query under the same rights.
    pub(crate) fn new(plan: LogicalPlan, kept: &Kept) -> Self {
        let schema = Arc::clone(plan.schema().inner());
        let (folder, derived) = (kept.folder.clone(), kept.derived.clone());
        Self { plan, schema, folder, kept: derived, is_scheduled: kept.is_scheduled }
    }

    async fn physical(&self, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(kept) = &self.kept else { return session.create_physical_plan(&self.plan).await };
        if self.is_scheduled {
            return files(session, &self.folder, kept, &self.schema);
        }
        match shape(&self.plan).ok().filter(|shape| is_usable(kept, shape)) {
            Some(shape) => self.kept_up(session, kept, &shape).await,
            None => session.create_physical_plan(&self.plan).await,
        }
    }

    async fn kept_up(
        &self,
        session: &dyn Session,
        kept: &Derived,
        shape: &Shape,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rest = rest_of(&self.plan, &shape.driver, kept.upto)?;
        let rest = graft::planner(session)?.create_physical_plan(&rest).await?;
        let schema = kept_part(&rest, shape.is_grouped)?.schema();
        if text_of(&schema) != kept.schema {
            return session.create_physical_plan(&self.plan).await;
        }
        let kept = files(session, &self.folder, kept, &schema)?;
        with_kept(rest, &kept, shape.is_grouped)
    }
}

/// Returns whether what is kept fits what is there: no rows were taken out, and the others stand still.
pub(crate) fn is_usable(kept: &Derived, shape: &Shape) -> bool {
    kept.driver.as_ref() == Some(&shape.driver)
        && kept.others == shape.others
        && kept.cuts == shape.cuts
}

/// Returns the columns of what is kept, as text.
pub(crate) fn text_of(schema: &SchemaRef) -> String {
    let field = |field: &Arc<datafusion::arrow::datatypes::Field>| {
        format!("{} {}", field.name(), field.data_type())
    };
    schema.fields().iter().map(field).collect::<Vec<_>>().join(", ")
}

/// Plans to read what is kept.
///
/// # Errors
/// As [`scan::files`].
pub(crate) fn files(
    session: &dyn Session,
    folder: &str,
    kept: &Derived,
    schema: &SchemaRef,
) -> Result<Arc<dyn ExecutionPlan>> {
    let scan = FileScan {
        folder,
        files: &kept.files,
        schema,
        projection: None,
        filters: &[],
        limit: None,
        places: None,
    };
    scan::files(session, &scan)
}

/// Returns a query over the rows of a stream from an offset on.
///
/// # Errors
/// Never.
pub(crate) fn rest_of(plan: &LogicalPlan, driver: &str, from: u64) -> Result<LogicalPlan> {
    let rest = plan.clone().transform_down(|node| {
        let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::no(node)) };
        let provider = source_as_provider(&scan.source)?;
        let Some(stream) = provider.downcast_ref::<StreamTable>() else {
            return Ok(Transformed::no(node));
        };
        if stream.extent.tail.log != driver {
            return Ok(Transformed::no(node));
        }
        let rest = StreamTable {
            shared: Arc::clone(&stream.shared),
            kernel: Arc::clone(&stream.kernel),
            extent: stream.extent.clone().after(from),
        };
        let scan = TableScan { source: provider_as_source(Arc::new(rest)), ..scan.clone() };
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    Ok(rest.data)
}

#[async_trait::async_trait]
impl TableProvider for DerivedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = self.physical(session).await?;
        let Some(columns) = projection else { return Ok(plan) };
        let schema = plan.schema();
        let columns = columns.iter().map(|number| {
            let name = schema.field(*number).name();
            (Arc::new(Column::new(name, *number)) as Arc<dyn PhysicalExpr>, name.clone())
        });
        Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), plan)?))
    }
}
