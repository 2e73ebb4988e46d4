//! The engine as the kernel sees it.

use crate::catalog::{Catalog, RESERVED, Stream, ViewSpec, base_key, view_spec};
use crate::catalog::{LATEST, PUBLIC, SET_ASIDE, Source, Table};
use crate::derived::shape::shape;
use crate::derived::state::Materialized;
use crate::metrics::spec::{KpiSpec, MetricSpec};
use crate::metrics::sql::METRICS;
use crate::quality::spec::QualitySpec;
use crate::queries::spec::QuerySpec;
use crate::rights::check;
use crate::sql::memory::QueryPool;
use crate::sql::queries::{Pin, Queries};
use crate::sql::run::Stop;
use crate::sql::spill::Spill;
use crate::sql::stream::NewestFiles;
use crate::sql::{guard, state};
use crate::streams::append::{log_of, set_aside_log_of};
use crate::streams::chunk;
use crate::streams::latest::Latest;
use crate::streams::marks::log_of_marks;
use crate::streams::schema::{self, Schema, StreamSpec};
use crate::streams::tail::Range;
use crate::streams::tail::Tail;
use crate::tables::scan::Extent;
use crate::tables::state::{File, State};
use crate::threads::Lanes;
use crate::{
    Config, Error, browse, counts, derived, lend, lineage, metrics, operations, quality, relations,
    running, tables,
};
use base::{Problem, Time};
use datafusion::common::TableReference;
use datafusion::execution::SessionState;
use datafusion::execution::cache::cache_manager::{CacheManager, CacheManagerConfig};
use datafusion::logical_expr::LogicalPlan;
use kernel::{
    Act, Address, Column, Edge, End, Engine, Exposition, Found, Give, KindOf, Operation, Principal,
    Read, Reader, Relation, Reply, Resource, Signal, Site, Tx, Wanted,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use store::{Blobs, Chunk};

/// Schemas and references that are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// Characters of a problem that is remembered.
const PROBLEM_MAX: usize = 1_000;

type Remembered<T> = Mutex<HashMap<(String, u64), Arc<T>>>;

/// What all threads of the engine share. None of it is state: all of it can be made again from the store.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) tail: Tail,
    pub(crate) latest: Latest,
    pub(crate) queries: Arc<Queries>,
    pub(crate) query_bytes: Arc<AtomicUsize>,
    /// What queries did since the unit began.
    pub(crate) counts: counts::Counts,
    pub(crate) set_aside: Arc<Schema>,
    /// Where files of tables lie.
    pub(crate) blobs: Arc<dyn Blobs>,
    /// What is remembered of files between queries.
    pub(crate) files: Arc<CacheManager>,
    spill: Spill,
    /// The files of tables, as the store names them at a version.
    tables: Mutex<HashMap<String, (u64, Arc<Vec<File>>)>>,
    /// Bytes and rows that were appended to each stream since the unit began, by which seals are cut.
    pub(crate) appended: Mutex<HashMap<String, (u64, u64)>>,
    streams: Remembered<Stream>,
    references: Remembered<Vec<TableReference>>,
    pub(crate) lineage: lineage::edges::Held,
    pub(crate) columns: browse::columns::Held,
    /// Why what is kept of views could not be renewed, by view, since the unit began.
    pub(crate) view_problems: Mutex<HashMap<String, String>>,
    lanes: OnceLock<Lanes>,
}

impl Shared {
    /// Returns the stream of a resource, compiled.
    ///
    /// # Errors
    /// Where the stored spec cannot be read, which is a defect.
    pub(crate) fn stream(&self, resource: &Resource) -> Result<Arc<Stream>, Problem> {
        remember(&self.streams, resource, || Stream::of(resource))
    }

    /// Takes note of how long the rows of a stream are.
    pub(crate) fn note_appended(&self, stream: &str, bytes: usize, reply: &Reply) {
        let Reply::Value(reply) = reply else { return };
        let rows = reply.get("count").and_then(Value::as_u64).unwrap_or(0);
        let mut appended = self.appended.lock().unwrap_or_else(PoisonError::into_inner);
        let known = appended.entry(stream.to_owned()).or_default();
        *known = (known.0 + (bytes as u64).max(rows * 100), known.1 + rows);
    }

    /// Returns where the rows of a stream are, as of one commit.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn extent(&self, read: &dyn Read, stream: &Stream) -> Result<Extent, Problem> {
        let log = log_of(&stream.name);
        let from = stream.base(read)?;
        let end = read.log_end(&log)?.max(from);
        let schema = Arc::clone(&stream.schema);
        let Some(state) = tables::state::state(read, &stream.name)? else {
            let tail = Range { log, base: from, end, schema };
            let (folder, files) = (String::new(), Arc::default());
            return Ok(Extent { from, folder, files, tail, cut: 0 });
        };
        let files = self.files_of(read, &stream.name, &state)?;
        let tail = Range { log, base: state.sealed.max(from), end, schema };
        Ok(Extent { from, folder: state.folder, files, tail, cut: state.cut })
    }

    /// Returns the files with the newest row of each key of a stream, where there are some.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn newest_files(
        &self,
        read: &dyn Read,
        stream: &Stream,
    ) -> Result<Option<NewestFiles>, Problem> {
        let table = format!("{}{LATEST}", stream.name);
        let Some(state) = tables::state::state(read, &table)? else { return Ok(None) };
        let files = self.files_of(read, &table, &state)?;
        Ok(Some(NewestFiles { folder: state.folder, files, upto: state.sealed }))
    }

    fn files_of(
        &self,
        read: &dyn Read,
        table: &str,
        state: &State,
    ) -> Result<Arc<Vec<File>>, Problem> {
        let mut held = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, files)) =
            held.get(&state.folder).filter(|(version, _)| *version == state.next)
        {
            return Ok(Arc::clone(files));
        }
        let files = Arc::new(tables::state::files(read, table)?);
        held.insert(state.folder.clone(), (state.next, Arc::clone(&files)));
        Ok(files)
    }

    /// Returns the relations that the query of a view names.
    ///
    /// # Errors
    /// As [`guard::references`].
    pub(crate) fn references_of(
        &self,
        view: &Resource,
        spec: &ViewSpec,
    ) -> Result<Arc<Vec<TableReference>>, Problem> {
        self.remember_references(view, || {
            Ok(guard::references(guard::Text::own(&spec.sql), &self.config)?)
        })
        .map_err(|problem| state::of_view(&view.name, problem))
    }

    /// Returns the relations that a text of a resource names, which are found once.
    pub(crate) fn remember_references(
        &self,
        resource: &Resource,
        find: impl FnOnce() -> Result<Vec<TableReference>, Problem>,
    ) -> Result<Arc<Vec<TableReference>>, Problem> {
        remember(&self.references, resource, find)
    }

    /// Takes note of why what is kept of a view could not be renewed, or that it could.
    pub(crate) fn note_view(&self, view: &str, problem: Option<&Problem>) {
        let mut held = self.view_problems.lock().unwrap_or_else(PoisonError::into_inner);
        match problem {
            Some(problem) => {
                let text = format!("{}: {}", problem.code, problem.message);
                held.insert(view.to_owned(), text.chars().take(PROBLEM_MAX).collect());
            }
            None => {
                held.remove(view);
            }
        }
    }

    /// Returns why what is kept of a view could not be renewed last.
    pub(crate) fn view_problem(&self, view: &str) -> Option<String> {
        self.view_problems.lock().unwrap_or_else(PoisonError::into_inner).get(view).cloned()
    }

    /// Forgets why views could not be renewed: the texts may say values of rows.
    pub(crate) fn forget_view_problems(&self) {
        self.view_problems.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Returns the files that queries read, and where they put what exceeds their memory.
    ///
    /// # Errors
    /// `sql.internal` where there is no place for that.
    pub(crate) fn query_files(&self) -> Result<state::Files, Problem> {
        Ok(state::Files {
            blobs: Arc::clone(&self.blobs),
            cache: Arc::clone(&self.files),
            disk: self.spill.disk(&self.config)?,
        })
    }

    /// Returns the threads of the queries; the first query starts them.
    ///
    /// # Errors
    /// `sql.internal` where the system gives none.
    pub(crate) fn lanes(&self) -> Result<&Lanes, Problem> {
        if let Some(lanes) = self.lanes.get() {
            return Ok(lanes);
        }
        let lanes = Lanes::start(&self.config, guard::STACK_BYTES)?;
        // Where another thread was quicker, these go again.
        Ok(self.lanes.get_or_init(|| lanes))
    }
}

fn remember<T>(
    held: &Remembered<T>,
    resource: &Resource,
    make: impl FnOnce() -> Result<T, Problem>,
) -> Result<Arc<T>, Problem> {
    // A version never changes, but the same number may come again after a commit that failed.
    let digest = base::sha256(resource.spec.to_string().as_bytes());
    let id = (format!("{}/{}", resource.name, base::hex(&digest[..8])), resource.version);
    if let Some(known) = held.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return Ok(Arc::clone(known));
    }
    let made = Arc::new(make()?);
    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
    if REMEMBERED_MAX < held.len() {
        held.clear();
    }
    held.insert(id, Arc::clone(&made));
    Ok(made)
}

/// The folders of a unit in which its tables and kept views lie.
pub const FOLDERS: [&str; 2] = ["tables", "views"];

/// Keeps the files that count from being deleted while they are copied, until it is dropped.
pub struct Hold {
    _pin: Pin,
}

/// The engine of streams, tables, views, SQL, metrics and quality rules.
pub struct Data {
    pub(crate) shared: Arc<Shared>,
    /// The quality rules of streams, compiled.
    pub(crate) rules: quality::rules::Compiled,
}

impl Data {
    /// Returns the engine.
    ///
    /// # Panics
    /// Never: no cache of somebody else's is asked for.
    #[expect(clippy::expect_used, reason = "only a cache of somebody else's can be refused")]
    pub fn new(config: Config, blobs: Arc<dyn Blobs>) -> Arc<Self> {
        let files = CacheManagerConfig::default()
            .with_metadata_cache_limit(config.metadata_bytes_max)
            .with_list_files_cache(None)
            .with_file_statistics_cache_limit(config.metadata_bytes_max / 4);
        let shared = Shared {
            files: CacheManager::try_new(&files).expect("a cache of metadata"),
            spill: Spill::default(),
            blobs,
            tables: Mutex::default(),
            appended: Mutex::default(),
            tail: Tail::new(config.cache_bytes_max),
            latest: Latest::new(config.latest_keys_max),
            queries: Arc::default(),
            query_bytes: Arc::default(),
            counts: counts::Counts::default(),
            set_aside: Arc::new(Schema::of_set_aside()),
            streams: Mutex::default(),
            references: Mutex::default(),
            lineage: Mutex::default(),
            columns: Mutex::default(),
            view_problems: Mutex::default(),
            lanes: OnceLock::new(),
            config: Arc::new(config),
        };
        Arc::new(Self { shared: Arc::new(shared), rules: quality::rules::Compiled::default() })
    }

    /// Ends what runs in SQL, and lets nothing begin any more: the unit stops.
    pub fn stop(&self) {
        self.shared.queries.close();
    }

    /// Keeps every file that the state names now, or names while this is held, from being deleted: as a query does.
    #[must_use]
    pub fn hold(&self) -> Hold {
        Hold { _pin: self.shared.queries.pin() }
    }

    /// Returns a declared stream.
    pub(crate) fn stream(&self, read: &dyn Read, name: &str) -> Result<Arc<Stream>, Problem> {
        match read.resource("stream", name)? {
            Some(resource) => self.shared.stream(&resource),
            None => Err(kernel::Error::NotFound { resource: format!("stream/{name}") }.into()),
        }
    }

    fn stream_changed(
        &self,
        tx: &mut Tx<'_>,
        old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        let Some(new) = new else {
            let name = old.map_or("", |old| old.name.as_str());
            self.check_readers(
                tx,
                &[name.to_owned(), format!("{name}{LATEST}"), format!("{name}{SET_ASIDE}")],
                "stream",
            )?;
            for table in [name.to_owned(), format!("{name}{LATEST}")] {
                tables::record::drop_table(tx, &table)?;
            }
            // A stream of this name that comes later begins behind the rows of this one.
            for log in [log_of(name), set_aside_log_of(name)] {
                let end = tx.log_end(&log)?;
                tx.put(base_key(&log), end.to_be_bytes().to_vec());
                tables::record::end_log(tx, &log)?;
            }
            return tables::record::end_log(tx, &log_of_marks(name));
        };
        let spec: StreamSpec = parse(new)?;
        schema::check(&spec, &self.shared.config)?;
        self.check_name(tx, new, PUBLIC)?;
        if let Some(old) = old {
            let before: StreamSpec = parse(old)?;
            schema::check_change(&new.name, &before, &spec)?;
            if !before.key.is_empty() && spec.key.is_empty() {
                self.check_readers(tx, &[format!("{}{LATEST}", new.name)], "table")?;
            }
            if before.key != spec.key {
                // Its files go by the old key.
                tables::record::renew_table(tx, &format!("{}{LATEST}", new.name))?;
            }
            self.check_all_views(tx)?;
            self.check_all_metrics(tx)?;
            self.check_all_queries(tx)?;
            return self.check_all_quality(tx);
        }
        Ok(())
    }

    fn view_changed(
        &self,
        tx: &mut Tx<'_>,
        old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        let Some(new) = new else {
            let Some(old) = old else { return Ok(()) };
            self.check_readers(tx, std::slice::from_ref(&old.name), "view")?;
            if derived::state::derived(tx, &old.name)?.is_some() {
                tables::record::drop_folder(tx, &derived::state::folder(&old.name))?;
                tx.delete(derived::state::derived_key(&old.name));
            }
            return Ok(());
        };
        let spec: ViewSpec = parse(new)?;
        let is_name = base::Name::new(spec.schema.clone()).is_ok();
        if !is_name || RESERVED.contains(&spec.schema.as_str()) {
            let reason = format!("view `{}` cannot stand in schema `{}`", new.name, spec.schema);
            return Err(Error::Schema { reason, pointer: "/spec/schema".into(), hint: None }.into());
        }
        self.check_name(tx, new, &spec.schema)?;
        // Views that read this one were planned over what it was before.
        if old.is_none() {
            return self.check_view(tx, new, &spec);
        }
        self.check_all_views(tx)?;
        self.check_all_metrics(tx)?;
        self.check_all_queries(tx)?;
        self.check_all_quality(tx)
    }

    /// Checks that a name means one thing.
    fn check_name(&self, tx: &Tx<'_>, new: &Resource, schema: &str) -> Result<(), Problem> {
        if schema != PUBLIC {
            return Ok(());
        }
        let pointer = "/metadata/name";
        let taken = |by: String| {
            let reason = format!("the name `{}` is taken by {by}", new.name);
            Problem::from(Error::Schema {
                reason,
                pointer: pointer.into(),
                hint: Some("choose another name".into()),
            })
        };
        let other = if new.kind == "stream" { "view" } else { "stream" };
        if let Some(other) = tx.resource(other, &new.name)? {
            let is_public = other.kind == "stream" || view_spec(&other)?.schema == PUBLIC;
            if is_public {
                return Err(taken(other.reference().to_string()));
            }
        }
        for ending in [LATEST, SET_ASIDE] {
            let stream = new
                .name
                .strip_suffix(ending)
                .map(|stream| tx.resource("stream", stream))
                .transpose()?
                .flatten();
            if let Some(stream) = stream {
                return Err(taken(stream.reference().to_string()));
            }
            let derived = format!("{}{ending}", new.name);
            for kind in ["stream", "view"] {
                if let (true, Some(other)) = (new.kind == "stream", tx.resource(kind, &derived)?) {
                    return Err(taken(format!(
                        "{}, which would hide `{derived}`",
                        other.reference()
                    )));
                }
            }
        }
        Ok(())
    }

    /// Plans a view over what stands after the commit.
    fn check_view(&self, tx: &Tx<'_>, view: &Resource, spec: &ViewSpec) -> Result<(), Problem> {
        let catalog = Catalog::new(&self.shared, tx, None, None);
        let tables =
            catalog.view(view, spec).map_err(|problem| state::of_view(&view.name, problem))?;
        derived::refresh::check_own(&view.name, spec, &catalog)?;
        let (config, business) = (&self.shared.config, tx.business());
        let plan = guard::with_stack(|| planned(config, business, &spec.sql, &tables))?;
        plan.and_then(|plan| check_kept(&view.name, spec, &plan))
            .map_err(|problem| state::of_view(&view.name, problem))
    }

    pub(crate) fn check_all_views(&self, tx: &Tx<'_>) -> Result<(), Problem> {
        for view in tx.resources("view")? {
            self.check_view(tx, &view, &view_spec(&view)?)?;
        }
        Ok(())
    }

    /// Checks that no view, metric, quality rule or query of an application reads what goes.
    pub(crate) fn check_readers(
        &self,
        tx: &Tx<'_>,
        names: &[String],
        kind: &str,
    ) -> Result<(), Problem> {
        let is_meant = |reference: &&TableReference| {
            (reference.schema() == Some(METRICS)) == (kind == "metric")
                && names.iter().any(|name| name == reference.table())
        };
        let check = |reader: String, references: &[TableReference]| match references
            .iter()
            .find(is_meant)
        {
            Some(read) => {
                let what = format!("{kind} `{}`", read.table());
                Err(Problem::from(Error::InUse { what, reader }))
            }
            None => Ok(()),
        };
        for view in tx.resources("view")? {
            let references = self.shared.references_of(&view, &view_spec(&view)?)?;
            check(format!("view `{}`", view.name), references.as_slice())?;
        }
        for (metric, references) in self.references_of_metrics(tx)? {
            check(format!("metric `{metric}`"), references.as_slice())?;
        }
        for (quality, references) in self.references_of_quality(tx)? {
            check(format!("quality `{quality}`"), references.as_slice())?;
        }
        for (query, references) in self.references_of_queries(tx)? {
            check(format!("query `{query}`"), references.as_slice())?;
        }
        Ok(())
    }
}

/// Returns what a manifest's SQL is planned with.
///
/// # Errors
/// `sql.internal`.
pub(crate) fn planning(config: &Config, business: Time) -> Result<SessionState, Problem> {
    let pool = QueryPool::new(config.query_bytes_max, Arc::default(), config.queries_bytes_max);
    let stop = Arc::new(Stop::default());
    state::new(config, state::Frame { business, pool: Arc::new(pool), stop, files: None })
}

/// Plans a query and checks that it could be carried out.
pub(crate) fn planned(
    config: &Config,
    business: Time,
    sql: &str,
    tables: &[Table],
) -> Result<LogicalPlan, Problem> {
    let mut session = planning(config, business)?;
    let plan = state::plan(&mut session, config, guard::Text::own(sql), tables)?;
    state::check(&session, &plan)?;
    Ok(plan)
}

/// Checks that a view can be materialised as it says.
fn check_kept(view: &str, spec: &ViewSpec, plan: &LogicalPlan) -> Result<(), Problem> {
    match &spec.materialized {
        Some(Materialized { every: None }) => {
            shape(plan).map(|_| ()).map_err(|reason| derived::refresh::not_kept_up(view, &reason))
        }
        Some(Materialized { every: Some(every) }) => base::Period::parse(every).map(|_| ()),
        None => Ok(()),
    }
}

fn parse<T: serde::de::DeserializeOwned>(resource: &Resource) -> Result<T, Problem> {
    serde_json::from_value(resource.spec.clone()).map_err(|error| {
        let reason = format!("{}: {error}", resource.reference());
        Error::Schema { reason, pointer: "/spec".into(), hint: None }.into()
    })
}

fn no_roles(_spec: &Value) -> Vec<String> {
    Vec::new()
}

/// Returns the roles under which a KPI acts.
fn listed_roles(spec: &Value) -> Vec<String> {
    let roles = spec.get("roles").and_then(Value::as_array).into_iter().flatten();
    roles.filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Engine for Data {
    fn name(&self) -> &'static str {
        "data"
    }

    fn kinds(&self) -> Vec<KindOf> {
        let runtime = |name, plural| KindOf {
            name,
            manifest: "",
            plural,
            schema: json!({}),
            check: |_| Ok(()),
            is_grant: false,
            roles: no_roles,
        };
        vec![
            KindOf {
                name: "stream",
                manifest: "Stream",
                plural: "streams",
                schema: schemars::schema_for!(StreamSpec).to_value(),
                check: |spec| serde_json::from_value::<StreamSpec>(spec.clone()).map(|_| ()),
                is_grant: false,
                roles: no_roles,
            },
            KindOf {
                name: "view",
                manifest: "View",
                plural: "views",
                schema: schemars::schema_for!(ViewSpec).to_value(),
                check: |spec| serde_json::from_value::<ViewSpec>(spec.clone()).map(|_| ()),
                is_grant: false,
                roles: no_roles,
            },
            KindOf {
                name: "query",
                manifest: "Query",
                plural: "queries",
                schema: schemars::schema_for!(QuerySpec).to_value(),
                check: |spec| serde_json::from_value::<QuerySpec>(spec.clone()).map(|_| ()),
                is_grant: false,
                roles: no_roles,
            },
            KindOf {
                name: "metric",
                manifest: "Metric",
                plural: "metrics",
                schema: schemars::schema_for!(MetricSpec).to_value(),
                check: |spec| serde_json::from_value::<MetricSpec>(spec.clone()).map(|_| ()),
                is_grant: false,
                roles: no_roles,
            },
            KindOf {
                name: "kpi",
                manifest: "Kpi",
                plural: "kpis",
                schema: schemars::schema_for!(KpiSpec).to_value(),
                check: |spec| serde_json::from_value::<KpiSpec>(spec.clone()).map(|_| ()),
                is_grant: false,
                roles: listed_roles,
            },
            KindOf {
                name: "quality",
                manifest: "Quality",
                plural: "quality",
                schema: schemars::schema_for!(QualitySpec).to_value(),
                check: |spec| serde_json::from_value::<QualitySpec>(spec.clone()).map(|_| ()),
                is_grant: false,
                roles: no_roles,
            },
            runtime("table", "tables"),
            runtime("data", "data"),
            runtime("relation", "relations"),
            runtime("sql", "sql"),
        ]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        operations::operations(&self)
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(relations::relations(&self.shared))
    }

    fn find(&self, read: &dyn Read, kind: &str, name: &str) -> Result<Option<Found>, Problem> {
        let is_there = match kind {
            // What concerns no table in particular has no name.
            "table" if name.is_empty() => true,
            "table" if read.resource("stream", name)?.is_some() => true,
            "table" => match name
                .strip_suffix(LATEST)
                .map(|stream| read.resource("stream", stream))
                .transpose()?
            {
                Some(Some(stream)) => !self.shared.stream(&stream)?.spec.key.is_empty(),
                _ => false,
            },
            // Whatever SQL knows by this name. What is read of it is read as SQL reads it.
            "relation" => {
                let relations = read.kernel().relations(read)?;
                relations.iter().any(|relation| relation.resource.name == name)
                    || lineage::edges::behind(read, name)?.is_some()
            }
            _ => false,
        };
        Ok(is_there.then(Found::default))
    }

    fn changed(
        &self,
        tx: &mut Tx<'_>,
        old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        match new.or(old).map(|resource| resource.kind.as_str()) {
            Some("stream") => self.stream_changed(tx, old, new)?,
            Some("view") => self.view_changed(tx, old, new)?,
            Some("query") => self.query_changed(tx, new)?,
            Some("metric") => self.metric_changed(tx, old, new)?,
            Some("kpi") => self.kpi_changed(tx, old, new)?,
            Some("quality") => self.quality_changed(tx, old, new)?,
            _ => {}
        }
        check::changed(&self.shared, tx, old, new)
    }

    fn describe(
        &self,
        read: &dyn Read,
        relation: &str,
        rows: Option<&str>,
    ) -> Result<Option<Vec<Column>>, Problem> {
        lend::plan::describe(&self.shared, read, relation, rows).map(Some)
    }

    fn lines(&self, chunk: &Chunk) -> Result<Option<Vec<u8>>, Problem> {
        if chunk.format != chunk::FORMAT_ARROW {
            return Ok(None);
        }
        chunk::lines(chunk).map(Some)
    }

    /// Notes which windows have closed and which quality rules are to run. What they ask is asked elsewhere: see
    /// [`crate::background`].
    fn work(&self, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
        let closed = self.close_windows(tx, budget)?;
        Ok(closed + self.schedule_quality(tx, budget.saturating_sub(closed))?)
    }

    fn due(&self, read: &dyn Read) -> Result<Option<Time>, Problem> {
        let kpis = metrics::wire::first_instant(read, &metrics::wire::key::all_due())?;
        let quality = metrics::wire::first_instant(read, &quality::wire::key::all_due())?;
        Ok([kpis, quality].into_iter().flatten().map(|(due, _)| due).min())
    }

    /// Takes the answer to the start of a process that a KPI asked for.
    fn resume(
        &self,
        tx: &mut Tx<'_>,
        address: &Address,
        result: Result<Value, Problem>,
    ) -> Result<(), Problem> {
        metrics::record::started(tx, &address.token, result)
    }

    fn metrics(&self, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
        counts::tell(&self.shared, reader, out)
    }

    fn running(
        &self,
        read: &dyn Read,
        caller: &Principal,
        wanted: &Wanted,
        give: Give<'_>,
    ) -> Result<Option<String>, Problem> {
        running::running(&self.shared, read, caller, wanted, give)
    }

    fn signal(
        &self,
        read: &dyn Read,
        caller: &Principal,
        id: &str,
        signal: Signal,
    ) -> Result<Option<Act>, Problem> {
        running::signal(&self.shared, read, caller, id, signal)
    }

    fn stored(&self, read: &dyn Read, resource: &Resource) -> Result<u64, Problem> {
        running::stored(&self.shared, read, resource)
    }

    fn sites(&self, kind: &str, name: Option<&str>) -> Vec<Site> {
        crate::live::sites(kind, name)
    }

    fn kept(&self) -> Vec<(&'static str, u64)> {
        vec![("columns", self.shared.tail.bytes())]
    }

    fn let_go(&self) {
        self.shared.tail.clear();
        self.shared.latest.clear();
        self.shared.files.get_file_metadata_cache().clear();
        if let Some(statistics) = self.shared.files.get_file_statistic_cache() {
            statistics.clear();
        }
    }

    fn lineage(&self, reader: &Reader) -> Result<Vec<Edge>, Problem> {
        lineage::edges::edges(&self.shared, reader)
    }

    fn behind(&self, read: &dyn Read, relation: &str) -> Result<Option<End>, Problem> {
        lineage::edges::behind(read, relation)
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "{rows:?}"),
            Self::View { sql, .. } => write!(f, "({sql})"),
        }
    }
}
