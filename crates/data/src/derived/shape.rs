//! Which queries can be kept up by the commits of a stream: those that take its rows one by one, and at most group them then.

use crate::sql::stream::{LatestTable, StreamTable};
use crate::tables::scan::Extent;
use datafusion::catalog::default_table_source::source_as_provider;
use datafusion::common::JoinType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, TableScan};
use std::collections::BTreeMap;

/// What a query looks like to whoever keeps it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The log of the stream whose rows come one by one.
    pub(crate) driver: String,
    /// True where they are grouped.
    pub(crate) is_grouped: bool,
    /// Where the logs of the other relations end.
    pub(crate) others: Vec<(String, u64)>,
    /// How often rows were taken out of each stream.
    pub(crate) cuts: Vec<(String, u64)>,
}

/// Returns the shape of a query.
///
/// # Errors
/// Why it cannot be kept up, in words.
pub(crate) fn shape(plan: &LogicalPlan) -> Result<Shape, String> {
    let (is_grouped, rows) = below_groups(plan)?;
    let mut drivers = Vec::new();
    linear(rows, &mut drivers);
    let ends = ends(plan)?;
    let once = |log: &&String| ends.get(*log).is_some_and(|read| read.count == 1);
    let driver = drivers.iter().find(once).ok_or("no stream stands in it once, row by row")?;
    let others = ends.iter().filter(|(log, _)| *log != driver);
    let others = others.map(|(log, read)| (log.clone(), read.end)).collect();
    let cuts = ends.iter().map(|(log, read)| (log.clone(), read.cut)).collect();
    Ok(Shape { driver: driver.clone(), is_grouped, others, cuts })
}

/// How a log is read.
struct Reading {
    count: usize,
    /// Where it ends.
    end: u64,
    /// How often rows were taken out of it.
    cut: u64,
}

/// Goes down to what is grouped, or to the top where nothing is.
fn below_groups(plan: &LogicalPlan) -> Result<(bool, &LogicalPlan), String> {
    let mut at = plan;
    let mut groups: Option<&Aggregate> = None;
    loop {
        check_expressions(at)?;
        match at {
            LogicalPlan::Projection(node) => at = &node.input,
            LogicalPlan::Filter(node) => at = &node.input,
            LogicalPlan::SubqueryAlias(node) => at = &node.input,
            LogicalPlan::Aggregate(node) if groups.is_none() => {
                check_groups(node)?;
                groups = Some(node);
                at = &node.input;
            }
            LogicalPlan::Sort(node) if groups.is_none() && node.fetch.is_none() => at = &node.input,
            LogicalPlan::TableScan(_) | LogicalPlan::Join(_) => break,
            other => return Err(format!("it has {}", name_of(other))),
        }
    }
    Ok(groups.map_or((false, plan), |groups| (true, groups.input.as_ref())))
}

fn check_groups(node: &Aggregate) -> Result<(), String> {
    let is_plain = |expr: &Expr| !matches!(expr, Expr::GroupingSet(_));
    if !node.group_expr.iter().all(is_plain) {
        return Err("it groups in several ways at once".into());
    }
    for expr in &node.aggr_expr {
        let mut is_distinct = false;
        // Looking cannot fail.
        let _ = expr.apply(|expr| {
            if let Expr::AggregateFunction(function) = expr {
                is_distinct |= function.params.distinct || !function.params.order_by.is_empty();
            }
            Ok(TreeNodeRecursion::Continue)
        });
        if is_distinct {
            return Err("it counts what is distinct, or asks for an order within a group".into());
        }
    }
    Ok(())
}

fn check_expressions(plan: &LogicalPlan) -> Result<(), String> {
    let mut reason = None;
    for expr in plan.expressions() {
        let _ = expr.apply(|expr| {
            match expr {
                Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) => {
                    reason = Some("it asks a question within the question".to_owned());
                }
                Expr::ScalarFunction(function)
                    if ["now", "current_date", "current_time", "random", "uuid"]
                        .contains(&function.name()) =>
                {
                    reason = Some(format!("`{}` gives something else each time", function.name()));
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        });
    }
    reason.map_or(Ok(()), Err)
}

/// Finds the streams whose rows each come through by themselves.
fn linear(plan: &LogicalPlan, found: &mut Vec<String>) {
    if check_expressions(plan).is_err() {
        return;
    }
    match plan {
        LogicalPlan::Projection(node) => linear(&node.input, found),
        LogicalPlan::Filter(node) => linear(&node.input, found),
        LogicalPlan::SubqueryAlias(node) => linear(&node.input, found),
        LogicalPlan::Sort(node) if node.fetch.is_none() => linear(&node.input, found),
        LogicalPlan::Join(join) => {
            let (is_left, is_right) = match join.join_type {
                JoinType::Inner => (true, true),
                JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => (true, false),
                JoinType::Right | JoinType::RightSemi | JoinType::RightAnti => (false, true),
                _ => (false, false),
            };
            if is_left {
                linear(&join.left, found);
            }
            if is_right {
                linear(&join.right, found);
            }
        }
        LogicalPlan::TableScan(scan) => {
            if let Some((extent, true)) = extent_of(scan) {
                found.push(extent.tail.log);
            }
        }
        _ => {}
    }
}

/// Returns how often each log is read, and where it ends.
fn ends(plan: &LogicalPlan) -> Result<BTreeMap<String, Reading>, String> {
    let mut ends: BTreeMap<String, Reading> = BTreeMap::new();
    let mut reason = None;
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            match extent_of(scan) {
                Some((extent, _)) => {
                    let (log, end, cut) = (extent.tail.log.clone(), extent.end(), extent.cut);
                    ends.entry(log).or_insert(Reading { count: 0, end, cut }).count += 1;
                }
                None => reason = Some(format!("`{}` is no stream", scan.table_name.table())),
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    reason.map_or(Ok(ends), Err)
}

/// Returns the rows of a stream that a scan reads, and whether all of them are read.
fn extent_of(scan: &TableScan) -> Option<(Extent, bool)> {
    let provider = source_as_provider(&scan.source).ok()?;
    if let Some(stream) = provider.downcast_ref::<StreamTable>() {
        return Some((stream.extent.clone(), true));
    }
    let latest = provider.downcast_ref::<LatestTable>()?;
    Some((latest.extent.clone(), false))
}

fn name_of(plan: &LogicalPlan) -> &'static str {
    match plan {
        LogicalPlan::Window(_) => "a window function",
        LogicalPlan::Limit(_) | LogicalPlan::Sort(_) => "a limit",
        LogicalPlan::Distinct(_) => "DISTINCT",
        LogicalPlan::Union(_) => "a union",
        LogicalPlan::Aggregate(_) => "groups of groups",
        LogicalPlan::RecursiveQuery(_) => "a recursion",
        LogicalPlan::Unnest(_) => "UNNEST",
        _ => "a step that rows do not go through one by one",
    }
}
