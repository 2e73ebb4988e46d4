//! Which columns of what it reads reach which column of a view: found in the plan of its query, before anything is optimised.
//!
//! A column reaches another where its value takes part in the other's. What only chooses rows (WHERE, ON) reaches none. A view or a
//! table that is read counts as itself: what it stands on has edges of its own.

use crate::Config;
use crate::catalog::{Catalog, PUBLIC, Source, Table, ViewSpec};
use crate::engine::{Shared, planning};
use crate::sql::guard::Text;
use crate::sql::{as_of, guard, state};
use base::{Problem, Time};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, JoinType};
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::SessionState;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Join, LogicalPlan, TableScan, Union, Unnest,
};
use kernel::{Read, Resource};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A column of a relation that a query names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    schema: String,
    name: String,
    pub(crate) column: String,
}

impl Origin {
    /// Returns whether it is a column of a relation.
    pub(crate) fn is_of(&self, schema: &str, name: &str) -> bool {
        self.schema == schema && self.name == name
    }
}

type Origins = BTreeSet<Origin>;

/// The columns of a query in their order, each with those that reach it.
pub(crate) type Columns = Vec<(String, Origins)>;

/// Returns which columns reach those of a view; nothing where its query has a step of which that cannot be said.
///
/// # Errors
/// `view.invalid` where the query cannot be planned.
pub(crate) fn of_view(
    shared: &Arc<Shared>,
    read: &dyn Read,
    view: &Resource,
    spec: &ViewSpec,
) -> Result<Option<Columns>, Problem> {
    let tables = Catalog::new(shared, read, None, None).view(view, spec)?;
    let (config, business) = (&shared.config, read.business());
    guard::with_stack(|| found(config, business, &spec.sql, &tables))?
}

fn found(
    config: &Config,
    business: Time,
    sql: &str,
    tables: &[Table],
) -> Result<Option<Columns>, Problem> {
    let session = planning(config, business)?;
    let stubs = tables.iter().map(|table| stub(&session, config, table));
    let stubs = stubs.collect::<Result<Vec<_>, _>>()?;
    let plan = state::plan(&mut session.clone(), config, Text::own(sql), &stubs)?;
    Ok(columns(&plan))
}

/// Returns a table with the same columns and nothing behind them: a view would be written out in the plan.
fn stub(session: &SessionState, config: &Config, table: &Table) -> Result<Table, Problem> {
    let schema = match &table.source {
        Source::Rows(rows) => rows.schema(),
        Source::View { sql, tables, .. } => {
            let plan = state::plan(&mut session.clone(), config, Text::own(sql), tables)?;
            Arc::clone(plan.schema().inner())
        }
    };
    let source = Source::Rows(Arc::new(EmptyTable::new(schema)));
    Ok(Table { schema: table.schema.clone(), name: table.name.clone(), source })
}

fn columns(plan: &LogicalPlan) -> Option<Columns> {
    let names = plan.schema().fields().iter().map(|field| field.name().clone());
    let columns: Columns = names.zip(of_plan(plan)?).collect();
    (columns.len() == plan.schema().fields().len()).then_some(columns)
}

/// Returns what reaches each column of a plan.
fn of_plan(plan: &LogicalPlan) -> Option<Vec<Origins>> {
    match plan {
        LogicalPlan::TableScan(scan) => Some(of_scan(scan)),
        LogicalPlan::Projection(node) => {
            of_all(&node.expr, node.input.schema(), &of_plan(&node.input)?)
        }
        LogicalPlan::Filter(node) => of_plan(&node.input),
        LogicalPlan::Sort(node) => of_plan(&node.input),
        LogicalPlan::Limit(node) => of_plan(&node.input),
        LogicalPlan::Repartition(node) => of_plan(&node.input),
        LogicalPlan::SubqueryAlias(node) => of_plan(&node.input),
        LogicalPlan::Subquery(node) => of_plan(&node.subquery),
        LogicalPlan::Distinct(Distinct::All(input)) => of_plan(input),
        LogicalPlan::Distinct(Distinct::On(node)) => {
            of_all(&node.select_expr, node.input.schema(), &of_plan(&node.input)?)
        }
        LogicalPlan::Aggregate(node) => of_groups(node),
        LogicalPlan::Window(node) => {
            let mut origins = of_plan(&node.input)?;
            let windows = of_all(&node.window_expr, node.input.schema(), &origins)?;
            origins.extend(windows);
            Some(origins)
        }
        LogicalPlan::Join(node) => of_join(node),
        LogicalPlan::Union(node) => of_union(node),
        LogicalPlan::Unnest(node) => of_unnest(node),
        LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => {
            Some(vec![Origins::new(); plan.schema().fields().len()])
        }
        _ => None,
    }
}

fn of_scan(scan: &TableScan) -> Vec<Origins> {
    let schema = scan.table_name.schema().unwrap_or(PUBLIC);
    let (name, _) = as_of::split(scan.table_name.table());
    let fields = scan.projected_schema.fields().iter();
    let origin = |column: &str| Origin {
        schema: schema.to_owned(),
        name: name.to_owned(),
        column: column.to_owned(),
    };
    fields.map(|field| Origins::from([origin(field.name())])).collect()
}

fn of_groups(node: &Aggregate) -> Option<Vec<Origins>> {
    let input = of_plan(&node.input)?;
    let schema = node.input.schema();
    let groups = grouping_set_to_exprlist(&node.group_expr).ok()?;
    let mut origins =
        groups.into_iter().map(|expr| of_one(expr, schema, &input)).collect::<Option<Vec<_>>>()?;
    if matches!(node.group_expr.as_slice(), [Expr::GroupingSet(_)]) {
        // The number of the grouping set.
        origins.push(Origins::new());
    }
    origins.extend(of_all(&node.aggr_expr, schema, &input)?);
    Some(origins)
}

fn of_join(node: &Join) -> Option<Vec<Origins>> {
    let (mut left, mut right) = (of_plan(&node.left)?, of_plan(&node.right)?);
    match node.join_type {
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
            left.extend(right);
            Some(left)
        }
        JoinType::LeftSemi | JoinType::LeftAnti => Some(left),
        JoinType::RightSemi | JoinType::RightAnti => Some(right),
        JoinType::LeftMark => {
            left.push(Origins::new());
            Some(left)
        }
        JoinType::RightMark => {
            right.push(Origins::new());
            Some(right)
        }
    }
}

fn of_union(node: &Union) -> Option<Vec<Origins>> {
    let mut all = vec![Origins::new(); node.schema.fields().len()];
    for input in &node.inputs {
        let origins = of_plan(input)?;
        if origins.len() != all.len() {
            return None;
        }
        for (column, origins) in all.iter_mut().zip(origins) {
            column.extend(origins);
        }
    }
    Some(all)
}

fn of_unnest(node: &Unnest) -> Option<Vec<Origins>> {
    let input = of_plan(&node.input)?;
    node.dependency_indices.iter().map(|number| input.get(*number).cloned()).collect()
}

fn of_all(exprs: &[Expr], schema: &DFSchema, input: &[Origins]) -> Option<Vec<Origins>> {
    exprs.iter().map(|expr| of_one(expr, schema, input)).collect()
}

/// Returns what reaches the value of an expression over the columns of `schema`, which `input` reaches.
fn of_one(expr: &Expr, schema: &DFSchema, input: &[Origins]) -> Option<Origins> {
    let (mut found, mut is_known) = (Origins::new(), true);
    let mut add = |origins: Option<Vec<Origins>>| match origins {
        Some(origins) => found.extend(origins.into_iter().flatten()),
        None => is_known = false,
    };
    // Looking cannot fail.
    let _ = expr.apply(|expr| {
        match expr {
            Expr::Column(column) => {
                let number = schema.maybe_index_of_column(column);
                add(number.and_then(|number| input.get(number)).map(|found| vec![found.clone()]));
            }
            Expr::ScalarSubquery(query) => add(of_plan(&query.subquery)),
            Expr::InSubquery(query) => add(of_plan(&query.subquery.subquery)),
            Expr::SetComparison(query) => add(of_plan(&query.subquery.subquery)),
            // A value from outside of a subquery: from which column there cannot be said here.
            Expr::OuterReferenceColumn(..) => add(None),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    is_known.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    /// A relation of these columns, all of them numbers; `tags` is a list of them.
    fn table(schema: &str, name: &str, columns: &[&str]) -> Table {
        let field = |column: &&str| {
            let item = Field::new("item", DataType::Int64, true);
            let data_type = match *column {
                "tags" => DataType::List(Arc::new(item)),
                _ => DataType::Int64,
            };
            Field::new(*column, data_type, true)
        };
        let fields: Vec<Field> = columns.iter().map(field).collect();
        let source = Source::Rows(Arc::new(EmptyTable::new(Arc::new(Schema::new(fields)))));
        Table { schema: schema.into(), name: name.into(), source }
    }

    #[track_caller]
    fn check(sql: &str, expected: &str) {
        let inner = table(PUBLIC, "orders", &["id", "price", "weight"]);
        let view = Source::View {
            sql: "SELECT id AS number, price * 2 AS twice FROM orders".into(),
            tables: vec![inner],
            kept: None,
            excerpt: None,
        };
        let tables = [
            table(PUBLIC, "orders", &["id", "price", "weight", "tags"]),
            table(PUBLIC, "orders@v7", &["id", "price", "weight", "tags"]),
            table("answers", "people", &["id", "age"]),
            Table { schema: PUBLIC.into(), name: "doubled".into(), source: view },
        ];
        let columns = found(&Config::default(), Time(0), sql, &tables);
        let origin = |origin: &Origin| match origin.schema.as_str() {
            PUBLIC => format!("{}.{}", origin.name, origin.column),
            schema => format!("{schema}.{}.{}", origin.name, origin.column),
        };
        let column = |(name, origins): &(String, Origins)| {
            let origins: Vec<String> = origins.iter().map(origin).collect();
            format!("{name} <- {}", origins.join(", "))
        };
        let shown = match columns {
            Ok(Some(columns)) => columns.iter().map(column).collect::<Vec<_>>().join("; "),
            Ok(None) => "unknown".into(),
            Err(problem) => format!("[{}] {}", problem.code, problem.message),
        };
        assert_eq!(shown, expected, "{sql}");
    }

    #[test]
    fn a_column_is_reached_by_those_that_take_part_in_its_value() {
        check(
            "SELECT id, price * weight AS cost FROM orders WHERE 3 < weight",
            "id <- orders.id; cost <- orders.price, orders.weight",
        );
        check("SELECT * FROM answers.people", "id <- answers.people.id; age <- answers.people.age");
        check("SELECT 1 AS one, now() AS moment", "one <- ; moment <- ");
        check(
            "SELECT CASE WHEN price > 3 THEN weight ELSE 0 END AS w FROM orders o ORDER BY id LIMIT 3",
            "w <- orders.price, orders.weight",
        );
    }

    #[test]
    fn groups_and_windows_pass_their_columns_on() {
        check(
            "SELECT id % 2 AS side, count(*) AS n, sum(price) + max(weight) AS total FROM orders GROUP BY id % 2 HAVING 1 < sum(weight)",
            "side <- orders.id; n <- ; total <- orders.price, orders.weight",
        );
        check(
            "SELECT id, sum(price) OVER (PARTITION BY weight) AS running FROM orders",
            "id <- orders.id; running <- orders.price, orders.weight",
        );
        check(
            "SELECT id, weight, count(price) AS n FROM orders GROUP BY ROLLUP (id, weight)",
            "id <- orders.id; weight <- orders.weight; n <- orders.price",
        );
        check("SELECT DISTINCT weight FROM orders", "weight <- orders.weight");
    }

    #[test]
    fn relations_meet_in_joins_unions_and_subqueries() {
        check(
            "SELECT o.id, p.age FROM orders o LEFT JOIN answers.people p ON p.id = o.weight",
            "id <- orders.id; age <- answers.people.age",
        );
        check(
            "SELECT id FROM orders UNION ALL SELECT age FROM answers.people",
            "id <- answers.people.age, orders.id",
        );
        check(
            "SELECT id FROM orders WHERE weight IN (SELECT id FROM answers.people)",
            "id <- orders.id",
        );
        check(
            "SELECT id, (SELECT max(age) FROM answers.people p WHERE p.id = o.id) AS oldest FROM orders o",
            "id <- orders.id; oldest <- answers.people.age",
        );
        check(
            "WITH orders AS (SELECT age AS id FROM answers.people) SELECT id FROM orders",
            "id <- answers.people.age",
        );
        check("SELECT unnest(tags) AS tag, id FROM orders", "tag <- orders.tags; id <- orders.id");
    }

    #[test]
    fn a_view_and_the_past_of_a_relation_count_as_themselves() {
        check(
            "SELECT twice, number FROM doubled",
            "twice <- doubled.twice; number <- doubled.number",
        );
        check(
            "SELECT o.id - p.price AS x FROM orders o JOIN orders FOR VERSION AS OF 7 p ON p.id = o.id",
            "x <- orders.id, orders.price",
        );
    }

    #[test]
    fn where_it_cannot_be_said_nothing_is_said() {
        check(
            "WITH RECURSIVE n AS (SELECT id AS k FROM orders UNION ALL SELECT k + 1 FROM n WHERE k < 9) SELECT k FROM n",
            "unknown",
        );
    }
}
