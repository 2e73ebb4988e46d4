//! What a query is planned with: functions, settings, its own tables, the business time as `now()`.

use super::guard;
use super::memory::QueryPool;
use super::problem::{carry, of_planning, of_query};
use super::run::Stop;
use crate::catalog::{CATALOG, PUBLIC, Source, Table};
use crate::derived::table::DerivedTable;
use crate::rights::ExcerptTable;
use crate::sql::function;
use crate::tables::object::BlobReader;
use crate::tables::scan;
use crate::{Config, Error};
use base::{Problem, Time};
use datafusion::arrow::temporal_conversions::timestamp_ms_to_datetime;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
    MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::datasource::ViewTable;
use datafusion::execution::cache::cache_manager::CacheManager;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SessionState, SessionStateBuilder, SessionStateDefaults};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionConfig;
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
        .with_extension(frame.stop);
    let options = settings.options_mut();
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.time_zone = Some("UTC".into());
    let mut runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(frame.pool)
        .with_disk_manager_builder(
            DiskManagerBuilder::default()
                .with_mode(match &config.spill_folder {
                    Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
                    None => DiskManagerMode::OsTmpDirectory,
                })
                .with_max_temp_directory_size(config.spill_bytes_max),
        )
        .build()
        .map_err(|error| of_query(&error))?;
    if let Some(files) = frame.files {
        let url = scan::blobs_url().map_err(|error| of_query(&error))?;
        runtime.register_object_store(url.as_ref(), Arc::new(BlobReader::new(files.blobs)));
        runtime.cache_manager = files.cache;
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

/// Plans a statement over its tables. To be called where recursion has room.
///
/// # Errors
/// `sql.invalid`, `sql.not_allowed`, `view.invalid`.
pub(crate) fn plan(
    state: &mut SessionState,
    config: &Config,
    sql: &str,
    tables: &[Table],
) -> Result<LogicalPlan, Problem> {
    // Planning walks through all of it, so it is counted before.
    weight(config, sql, tables)?;
    let plan = planned(state, config, sql, tables)?;
    if matches!(plan, LogicalPlan::Analyze(_)) && tables.iter().any(is_cut) {
        let what = "EXPLAIN ANALYZE of a relation that is shown in part".into();
        return Err(Error::NotAllowed { what }.into());
    }
    Ok(plan)
}

/// Returns whether something of a relation is hidden from the caller: its times and counts would tell of it.
fn is_cut(table: &Table) -> bool {
    match &table.source {
        Source::Rows(rows) => rows.is::<ExcerptTable>(),
        Source::View { excerpt, .. } => excerpt.is_some(),
    }
}

fn planned(
    state: &mut SessionState,
    config: &Config,
    sql: &str,
    tables: &[Table],
) -> Result<LogicalPlan, Problem> {
    register(state, config, tables)?;
    let statement = guard::parse(sql, config)?;
    // Every table is in memory, so planning never waits.
    let plan = state.statement_to_plan(statement).now_or_never();
    let plan = plan.ok_or_else(|| Error::Internal { detail: "planning waits".into() })?;
    let plan = plan.map_err(|error| Problem::from(of_planning(&error)))?;
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

/// Counts the tables of a statement as if its views and WITH parts were written out.
fn weight(config: &Config, sql: &str, tables: &[Table]) -> Result<u64, Problem> {
    let mut known = HashMap::new();
    for table in tables {
        let weight = match &table.source {
            Source::Rows(_) => 1,
            Source::View { sql, tables, .. } => {
                weight(config, sql, tables).map_err(|problem| of_view(&table.name, problem))?
            }
        };
        let held = known.entry(table.name.clone()).or_insert(weight);
        *held = weight.max(*held);
    }
    Ok(guard::weight(&guard::parse(sql, config)?, config, &known)?)
}

fn register(state: &mut SessionState, config: &Config, tables: &[Table]) -> Result<(), Problem> {
    let mut schemas: BTreeMap<&str, Arc<MemorySchemaProvider>> = BTreeMap::new();
    schemas.insert(PUBLIC, Arc::default());
    for table in tables {
        let provider: Arc<dyn TableProvider> = match &table.source {
            Source::Rows(rows) => Arc::clone(rows),
            Source::View { sql, tables, kept, excerpt } => {
                let plan = planned(&mut state.clone(), config, sql, tables)
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
