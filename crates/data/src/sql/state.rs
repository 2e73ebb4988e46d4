//! What a query is planned with: functions, settings, its own tables, the business time as `now()`.

use super::guard::{self, Dialect, Text};
use super::memory::QueryPool;
use super::parameters::{Parameter, sql_type};
use super::postgres;
use super::problem::{carry, of_planning, of_query};
use super::run::Stop;
use super::table::Threads;
use crate::catalog::{CATALOG, PUBLIC, Shown, Source, Table};
use crate::derived::table::DerivedTable;
use crate::rights::ExcerptTable;
use crate::sql::function;
use crate::tables::object::BlobReader;
use crate::tables::scan;
use crate::{Config, Error};
use base::{Problem, Time};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::temporal_conversions::timestamp_ms_to_datetime;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNode;
use datafusion::datasource::ViewTable;
use datafusion::execution::TaskContext;
use datafusion::execution::cache::cache_manager::CacheManager;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManager, DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{
    FunctionRegistry, SessionState, SessionStateBuilder, SessionStateDefaults,
};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Ident, Statement as SqlStatement};
use futures::FutureExt;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use store::Blobs;

/// What a query runs under.
pub(crate) struct Frame {
    pub(crate) business: Time,
    pub(crate) pool: Arc<QueryPool>,
    pub(crate) stop: Arc<Stop>,
    /// The files of tables; none where nothing is read.
    pub(crate) files: Option<Files>,
}

/// The files of tables.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) cache: Arc<CacheManager>,
    /// Where goes what exceeds the memory of a query.
    pub(crate) disk: Arc<DiskManager>,
}

/// Returns the state in which a query is planned and run. SQL names no files and changes no settings; what exceeds the memory of a
/// query is put on the disk for as long as it runs.
///
/// # Errors
/// `sql.internal`.
pub(crate) fn new(config: &Config, frame: Frame) -> Result<SessionState, Problem> {
    let mut settings = SessionConfig::new()
        .with_information_schema(true)
        .with_target_partitions(config.query_threads)
        .with_default_catalog_and_schema(CATALOG, PUBLIC)
        .with_extension(frame.stop)
        .with_extension(Arc::new(Threads::new(config)));
    let options = settings.options_mut();
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.time_zone = Some("UTC".into());
    let nowhere = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let mut runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(frame.pool)
        .with_disk_manager_builder(nowhere)
        .build()
        .map_err(|error| of_query(&error))?;
    if let Some(files) = frame.files {
        let url = scan::blobs_url().map_err(|error| of_query(&error))?;
        runtime.register_object_store(url.as_ref(), Arc::new(BlobReader::new(files.blobs)));
        runtime.cache_manager = files.cache;
        runtime.disk_manager = files.disk;
    }
    let runtime = Arc::new(runtime);
    let table_functions = SessionStateDefaults::default_table_functions();
    let table_functions = table_functions
        .into_iter()
        .filter(|function| guard::TABLE_FUNCTIONS.contains(&function.name()))
        .collect();
    let mut state = SessionStateBuilder::new()
        .with_config(settings)
        .with_runtime_env(runtime)
        .with_expr_planners(function::planners(config))
        .with_scalar_functions(function::scalar(config, frame.business))
        .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .with_table_function_list(table_functions)
        .build();
    let now = timestamp_ms_to_datetime(frame.business.0).map(|now| now.and_utc());
    state.execution_props_mut().query_execution_start_time = now;
    Ok(state)
}

/// Returns what a plan runs in.
///
/// # Errors
/// `sql.internal`.
pub(crate) fn context(
    state: &SessionState,
    plan: &Arc<dyn ExecutionPlan>,
) -> Result<Arc<TaskContext>, Problem> {
    // A nested loop join that spills runs its other side again, which a repartition below it does not survive (DataFusion 55).
    let has_loop = plan.exists(|step| Ok(step.is::<NestedLoopJoinExec>()));
    if !has_loop.map_err(|error| of_query(&error))? {
        return Ok(state.task_ctx());
    }
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled).build();
    let disk_manager = Arc::new(disk.map_err(|error| of_query(&error))?);
    let runtime = RuntimeEnv { disk_manager, ..state.runtime_env().as_ref().clone() };
    let context = TaskContext::from(state);
    Ok(Arc::new(context.with_runtime(Arc::new(runtime))))
}

/// Plans a statement over its tables. To be called where recursion has room.
///
/// # Errors
/// `sql.invalid`, `sql.not_allowed`, `view.invalid`.
pub(crate) fn plan(
    state: &mut SessionState,
    config: &Config,
    text: Text<'_>,
    tables: &[Table],
) -> Result<LogicalPlan, Problem> {
    plan_for(state, config, &Asked { text, parameters: &[], user: "" }, tables)
}

/// A statement with what it is bound to.
pub(crate) struct Asked<'a> {
    pub(crate) text: Text<'a>,
    pub(crate) parameters: &'a [Parameter],
    /// Who asks, for functions that tell.
    pub(crate) user: &'a str,
}

/// Plans a statement with its parameters over its tables. To be called where recursion has room.
///
/// # Errors
/// As [`plan`].
pub(crate) fn plan_for(
    state: &mut SessionState,
    config: &Config,
    asked: &Asked<'_>,
    tables: &[Table],
) -> Result<LogicalPlan, Problem> {
    // Planning walks through all of it, so it is counted before.
    weight(config, asked.text, tables)?;
    let plan = planned(state, config, asked, tables)?;
    // Its times and counts would tell of what is hidden.
    if matches!(plan, LogicalPlan::Analyze(_)) && tables.iter().any(|table| table.source.is_cut()) {
        let what = "EXPLAIN ANALYZE of a relation that is shown in part".into();
        return Err(Error::NotAllowed { what }.into());
    }
    Ok(plan)
}

fn planned(
    state: &mut SessionState,
    config: &Config,
    asked: &Asked<'_>,
    tables: &[Table],
) -> Result<LogicalPlan, Problem> {
    register(state, config, tables)?;
    let statement = guard::parse(asked.text, config)?;
    let plan = match asked.text.dialect {
        Dialect::Craton => planned_statement(state, statement, asked.parameters)?,
        Dialect::Postgres => {
            let state = for_postgres(state, asked.user)?;
            planned_statement(&state, statement, asked.parameters)?
        }
    };
    let only_asking =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    only_asking.verify_plan(&plan).map_err(|error| {
        let what = error.strip_backtrace();
        Problem::from(Error::NotAllowed {
            what: what.rsplit(": ").next().unwrap_or(&what).to_owned(),
        })
    })?;
    Ok(plan)
}

/// Returns a state that knows the types and functions of PostgreSQL. Views were planned without them: they mean the same everywhere.
fn for_postgres(state: &SessionState, user: &str) -> Result<SessionState, Problem> {
    let mut state = SessionStateBuilder::new_from_existing(state.clone())
        .with_type_planner(Arc::new(postgres::rewrite::Types))
        .build();
    for function in postgres::rewrite::functions(user) {
        state.register_udf(function).map_err(|error| of_query(&error))?;
    }
    Ok(state)
}

fn planned_statement(
    state: &SessionState,
    statement: Statement,
    parameters: &[Parameter],
) -> Result<LogicalPlan, Problem> {
    let numbered = parameters.iter().enumerate();
    let scalars = numbered.map(|(at, parameter)| parameter.scalar(at + 1));
    let scalars = scalars.collect::<Result<Vec<ScalarValue>, Error>>()?;
    let statement = match scalars.is_empty() {
        true => statement,
        false => prepared(statement, parameters, &scalars)?,
    };
    // Every table is in memory, so planning never waits.
    let plan = state.statement_to_plan(statement).now_or_never();
    let plan = plan.ok_or_else(|| Error::Internal { detail: "planning waits".into() })?;
    let plan = plan.map_err(|error| Problem::from(of_planning(&error)))?;
    if scalars.is_empty() {
        return Ok(plan);
    }
    plan.with_param_values(scalars).map_err(|error| of_planning(&error).into())
}

/// Says of which types the parameters of a statement are.
fn prepared(
    statement: Statement,
    parameters: &[Parameter],
    scalars: &[ScalarValue],
) -> Result<Statement, Error> {
    let Statement::Statement(statement) = statement else {
        return Err(Error::NotAllowed { what: "EXPLAIN with parameters".into() });
    };
    let types = scalars.iter().zip(parameters);
    Ok(Statement::Statement(Box::new(SqlStatement::Prepare {
        name: Ident::new("asked"),
        data_types: types.map(|(scalar, parameter)| sql_type(scalar, parameter.kind)).collect(),
        statement,
    })))
}

/// Returns which types the parameters of a statement have where planning finds out by itself.
///
/// # Errors
/// As [`plan`].
pub(crate) fn parameter_types(
    state: &mut SessionState,
    config: &Config,
    asked: &Asked<'_>,
    tables: &[Table],
) -> Result<HashMap<String, Option<DataType>>, Problem> {
    let asked = Asked { text: asked.text, parameters: &[], user: asked.user };
    let plan = plan_for(state, config, &asked, tables)?;
    plan.get_parameter_types().map_err(|error| of_planning(&error).into())
}

/// Returns relations with their columns. A view that cannot be planned at the moment is left out.
pub(crate) fn with_columns<'a>(
    state: &SessionState,
    config: &Config,
    listing: &'a [Shown],
) -> Vec<(&'a Shown, SchemaRef)> {
    let columns = |shown: &Shown| match &shown.table.source {
        Source::Rows(rows) => Some(rows.schema()),
        Source::View { sql, tables, .. } => {
            let asked = Asked { text: Text::own(sql), parameters: &[], user: "" };
            let plan = plan_for(&mut state.clone(), config, &asked, tables).ok()?;
            Some(Arc::clone(plan.schema().inner()))
        }
    };
    listing.iter().filter_map(|shown| Some((shown, columns(shown)?))).collect()
}

/// Counts the tables of a statement as if its views and WITH parts were written out.
fn weight(config: &Config, text: Text<'_>, tables: &[Table]) -> Result<u64, Problem> {
    let mut known = HashMap::new();
    for table in tables {
        let weight = match &table.source {
            Source::Rows(_) => 1,
            Source::View { sql, tables, .. } => {
                let weight = weight(config, Text::own(sql), tables);
                weight.map_err(|problem| of_view(&table.name, problem))?
            }
        };
        let held = known.entry(table.name.clone()).or_insert(weight);
        *held = weight.max(*held);
    }
    Ok(guard::weight(&guard::parse(text, config)?, config, &known)?)
}

fn register(state: &mut SessionState, config: &Config, tables: &[Table]) -> Result<(), Problem> {
    let mut schemas: BTreeMap<&str, Arc<MemorySchemaProvider>> = BTreeMap::new();
    schemas.insert(PUBLIC, Arc::default());
    for table in tables {
        let provider: Arc<dyn TableProvider> = match &table.source {
            Source::Rows(rows) => Arc::clone(rows),
            Source::View { sql, tables, kept, excerpt } => {
                let asked = Asked { text: Text::own(sql), parameters: &[], user: "" };
                let plan = planned(&mut state.clone(), config, &asked, tables)
                    .map_err(|problem| of_view(&table.name, problem))?;
                let definition = excerpt.is_none().then(|| sql.clone());
                let view: Arc<dyn TableProvider> = match kept {
                    Some(kept) => Arc::new(DerivedTable::new(plan, kept)),
                    None => Arc::new(ViewTable::new(plan, definition)),
                };
                match excerpt {
                    None => view,
                    Some(excerpt) => {
                        let config = Arc::new(config.clone());
                        Arc::new(ExcerptTable::new(view, Arc::clone(excerpt), config))
                    }
                }
            }
        };
        let schema = schemas.entry(&table.schema).or_default();
        schema.register_table(table.name.clone(), provider).map_err(|error| of_query(&error))?;
    }
    let catalog = MemoryCatalogProvider::new();
    for (name, schema) in schemas {
        catalog.register_schema(name, schema).map_err(|error| of_query(&error))?;
    }
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(CATALOG.into(), Arc::new(catalog));
    state.register_catalog_list(Arc::new(list));
    Ok(())
}

/// Says in which view a problem is.
pub(crate) fn of_view(view: &str, problem: Problem) -> Problem {
    if problem.code != "sql.invalid" && problem.code != "sql.not_allowed" {
        return problem;
    }
    let Problem { message, place, hint, .. } = problem;
    Error::View { view: view.into(), reason: message, place, hint }.into()
}

/// Checks that a plan can be carried out at all: functions that do not exist, types that do not meet.
///
/// # Errors
/// `sql.invalid`.
pub(crate) fn check(state: &SessionState, plan: &LogicalPlan) -> Result<(), Problem> {
    state.optimize(plan).map(|_| ()).map_err(|error| of_query(&carry_or(error)))
}

fn carry_or(error: datafusion::common::DataFusionError) -> datafusion::common::DataFusionError {
    match error {
        datafusion::common::DataFusionError::Internal(detail) => carry(Error::Internal { detail }),
        other => other,
    }
}
