//! Puts what is kept of a view into the plan of the rest: behind the partial aggregation, or behind all of it.

use datafusion::catalog::Session;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::union::UnionExec;
use std::sync::Arc;

type Plan = Arc<dyn ExecutionPlan>;

/// Returns a planner that leaves partial aggregations as they are.
///
/// # Errors
/// Where the session is of another kind, which is a defect.
pub(crate) fn planner(session: &dyn Session) -> Result<SessionState> {
    /// Rules that make something else of a partial aggregation.
    const LEFT_OUT: [&str; 4] = [
        "aggregate_statistics",
        "CombinePartialFinalAggregate",
        "LimitedDistinctAggregation",
        "TopKAggregation",
    ];
    let Some(state) = session.as_any().downcast_ref::<SessionState>() else {
        return internal_err!("a session of another kind");
    };
    let rules = state.physical_optimizers().iter().filter(|rule| !LEFT_OUT.contains(&rule.name()));
    let rules = rules.cloned().collect();
    let builder = SessionStateBuilder::new_from_existing(state.clone());
    Ok(builder.with_physical_optimizer_rules(rules).build())
}

/// Returns the part of a plan whose rows are kept: the partial aggregation, or the plan as a whole.
///
/// # Errors
/// Where the plan of groups has none, which is a defect.
pub(crate) fn kept_part(plan: &Plan, is_grouped: bool) -> Result<Plan> {
    if !is_grouped {
        return Ok(Arc::clone(plan));
    }
    let mut found: Option<Plan> = None;
    plan.apply(|node| {
        let Some(groups) = node.downcast_ref::<AggregateExec>() else {
            return Ok(TreeNodeRecursion::Continue);
        };
        match groups.mode() {
            AggregateMode::Partial => found = Some(Arc::clone(node)),
            AggregateMode::Single | AggregateMode::SinglePartitioned => {
                found = Some(partial(groups)?);
            }
            _ => return Ok(TreeNodeRecursion::Continue),
        }
        Ok(TreeNodeRecursion::Stop)
    })?;
    found.map_or_else(|| internal_err!("a plan of groups has no partial aggregation"), Ok)
}

/// Returns a plan to which the rows that are kept are added where they belong.
///
/// # Errors
/// As [`kept_part`].
pub(crate) fn with_kept(plan: Plan, kept: &Plan, is_grouped: bool) -> Result<Plan> {
    if !is_grouped {
        return UnionExec::try_new(vec![plan, Arc::clone(kept)]);
    }
    let mut is_done = false;
    let grafted = plan.transform_down(|node| {
        let Some(groups) = node.downcast_ref::<AggregateExec>().filter(|_| !is_done) else {
            return Ok(Transformed::no(node));
        };
        let (new, is_new) = match groups.mode() {
            AggregateMode::Partial => (both(&node, kept)?, true),
            AggregateMode::Single | AggregateMode::SinglePartitioned => {
                let both = both(&partial(groups)?, kept)?;
                (last(groups, both)?, true)
            }
            _ => (Arc::clone(&node), false),
        };
        is_done |= is_new;
        Ok(if is_new {
            Transformed::new(new, true, TreeNodeRecursion::Jump)
        } else {
            Transformed::no(node)
        })
    })?;
    if !is_done {
        return internal_err!("a plan of groups has no partial aggregation");
    }
    Ok(grafted.data)
}

/// Returns a plan that makes one of what a partial aggregation gives and what is kept: one row for each group.
///
/// # Errors
/// Where it is no partial aggregation, which is a defect.
pub(crate) fn reduced(part: &Plan, kept: Option<&Plan>) -> Result<Plan> {
    let Some(groups) = part.downcast_ref::<AggregateExec>() else {
        return internal_err!("what is kept of groups comes from a partial aggregation");
    };
    let input = match kept {
        Some(kept) => both(part, kept)?,
        None => Arc::new(CoalescePartitionsExec::new(Arc::clone(part))),
    };
    let reduce = AggregateExec::try_new(
        AggregateMode::PartialReduce,
        groups.group_expr().as_final(),
        groups.aggr_expr().to_vec(),
        vec![None; groups.aggr_expr().len()],
        input,
        groups.input_schema(),
    )?;
    Ok(Arc::new(reduce))
}

fn both(part: &Plan, kept: &Plan) -> Result<Plan> {
    let union = UnionExec::try_new(vec![Arc::clone(part), Arc::clone(kept)])?;
    Ok(Arc::new(CoalescePartitionsExec::new(union)))
}

fn partial(groups: &AggregateExec) -> Result<Plan> {
    let partial = AggregateExec::try_new(
        AggregateMode::Partial,
        groups.group_expr().clone(),
        groups.aggr_expr().to_vec(),
        groups.filter_expr().to_vec(),
        Arc::clone(groups.input()),
        groups.input_schema(),
    )?;
    Ok(Arc::new(partial))
}

fn last(groups: &AggregateExec, input: Plan) -> Result<Plan> {
    let last = AggregateExec::try_new(
        AggregateMode::Final,
        groups.group_expr().as_final(),
        groups.aggr_expr().to_vec(),
        vec![None; groups.aggr_expr().len()],
        input,
        groups.input_schema(),
    )?;
    Ok(Arc::new(last))
}
