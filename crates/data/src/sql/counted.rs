//! A leaf of a plan that says about how many rows it gives. Without it a table of which a few rows still wait in the log would seem
//! to have no size, and joins over it would be built on the larger side.

use crate::tables::statistics;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions, StatisticsArgs, StatisticsContext,
};
use std::sync::Arc;

/// A plan without inputs and a guess of what it gives.
#[derive(Debug)]
pub(crate) struct CountedExec {
    rows: Arc<dyn ExecutionPlan>,
    guess: Arc<Statistics>,
}

impl CountedExec {
    /// Says that a plan gives about so many rows, with values like those of `like`.
    ///
    /// # Errors
    /// Where what is known of `like` cannot be put together, which is a defect.
    pub(crate) fn new(
        rows: Arc<dyn ExecutionPlan>,
        count: u64,
        like: Option<&Arc<dyn ExecutionPlan>>,
    ) -> Result<Self> {
        let mut guess = Statistics::new_unknown(&rows.schema());
        guess.num_rows = Precision::Inexact(usize::try_from(count).unwrap_or(usize::MAX));
        if let Some(like) = like {
            let known = StatisticsContext::new().compute(like.as_ref(), &StatisticsArgs::new())?;
            guess.column_statistics = statistics::guess(&known);
        }
        Ok(Self { rows, guess: Arc::new(guess) })
    }
}

impl DisplayAs for CountedExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.rows.fmt_as(t, f)
    }
}

impl ExecutionPlan for CountedExec {
    fn name(&self) -> &str {
        self.rows.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.rows.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a leaf has no inputs") }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.rows.execute(partition, context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.rows.metrics()
    }

    fn statistics_from_inputs(
        &self,
        _inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        Ok(Arc::clone(&self.guess))
    }
}
