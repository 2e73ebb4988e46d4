//! The engine as the kernel sees it.

use crate::catalog::{Catalog, RESERVED, Stream, ViewSpec, base_key, view_spec};
use crate::catalog::{LATEST, PUBLIC, SET_ASIDE, Source, Table};
use crate::sql::memory::QueryPool;
use crate::sql::queries::Queries;
use crate::sql::run::Stop;
use crate::sql::{guard, state};
use crate::streams::append::{log_of, set_aside_log_of};
use crate::streams::latest::Latest;
use crate::streams::schema::{self, Schema, StreamSpec};
use crate::streams::tail::Tail;
use crate::{Config, Error, operations, relations};
use base::{Problem, Time};
use datafusion::common::TableReference;
use kernel::{Engine, Found, KindOf, Operation, Read, Relation, Resource, Tx};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::runtime::Runtime;

/// Schemas and references that are remembered.
const REMEMBERED_MAX: usize = 10_000;

type Remembered<T> = Mutex<HashMap<(String, u64), Arc<T>>>;

/// What all threads of the engine share. None of it is state: all of it can be made again from the store.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) tail: Tail,
    pub(crate) latest: Latest,
    pub(crate) queries: Arc<Queries>,
    pub(crate) query_bytes: Arc<AtomicUsize>,
    pub(crate) set_aside: Arc<Schema>,
    streams: Remembered<Stream>,
    references: Remembered<Vec<TableReference>>,
    runtime: OnceLock<Threads>,
}

/// The threads of the queries. They end by themselves: a query never holds up the end of the unit.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    /// Returns the stream of a resource, compiled.
    ///
    /// # Errors
    /// Where the stored spec cannot be read, which is a defect.
    pub(crate) fn stream(&self, resource: &Resource) -> Result<Arc<Stream>, Problem> {
        remember(&self.streams, resource, || Stream::of(resource))
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
        remember(&self.references, view, || {
            Ok(guard::references(guard::Text::own(&spec.sql), &self.config)?)
        })
        .map_err(|problem| state::of_view(&view.name, problem))
    }

    /// Returns the threads of the queries; the first query starts them.
    ///
    /// # Errors
    /// `sql.internal` where the system gives none.
    pub(crate) fn runtime(&self) -> Result<&Runtime, Problem> {
        let missing = |detail: String| Problem::from(Error::Internal { detail });
        if self.runtime.get().is_none() {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(self.config.query_threads.max(1))
                .max_blocking_threads(self.config.queries_max.max(1))
                .thread_name("sql")
                .thread_stack_size(guard::STACK_BYTES)
                .enable_time()
                .build()
                .map_err(|error| missing(error.to_string()))?;
            // Where another thread was quicker, this runtime goes again.
            let _ = self.runtime.set(Threads(Some(runtime)));
        }
        let runtime = self.runtime.get().and_then(|threads| threads.0.as_ref());
        runtime.ok_or_else(|| missing("there are no threads for queries".into()))
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

/// The engine of streams, tables, views and SQL.
pub struct Data {
    pub(crate) shared: Arc<Shared>,
}

impl Data {
    /// Returns the engine.
    pub fn new(config: Config) -> Arc<Self> {
        let shared = Shared {
            tail: Tail::new(config.cache_bytes_max),
            latest: Latest::new(config.latest_keys_max),
            queries: Arc::default(),
            query_bytes: Arc::default(),
            set_aside: Arc::new(Schema::of_set_aside()),
            streams: Mutex::default(),
            references: Mutex::default(),
            runtime: OnceLock::new(),
            config: Arc::new(config),
        };
        Arc::new(Self { shared: Arc::new(shared) })
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
            // A stream of this name that comes later begins behind the rows of this one.
            for log in [log_of(name), set_aside_log_of(name)] {
                let end = tx.log_end(&log)?;
                tx.put(base_key(&log), end.to_be_bytes().to_vec());
            }
            return Ok(());
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
            return self.check_all_views(tx);
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
            return match old {
                Some(old) => self.check_readers(tx, std::slice::from_ref(&old.name), "view"),
                None => Ok(()),
            };
        };
        let spec: ViewSpec = parse(new)?;
        let is_name = base::Name::new(spec.schema.clone()).is_ok();
        if !is_name || RESERVED.contains(&spec.schema.as_str()) {
            let reason = format!("view `{}` cannot stand in schema `{}`", new.name, spec.schema);
            return Err(Error::Schema { reason, pointer: "/spec/schema".into(), hint: None }.into());
        }
        self.check_name(tx, new, &spec.schema)?;
        // Views that read this one were planned over what it was before.
        if old.is_some() { self.check_all_views(tx) } else { self.check_view(tx, new, &spec) }
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
        let (config, business) = (&self.shared.config, tx.business());
        let planned = guard::with_stack(|| plan_view(config, business, &spec.sql, &tables))?;
        planned.map_err(|problem| state::of_view(&view.name, problem))
    }

    fn check_all_views(&self, tx: &Tx<'_>) -> Result<(), Problem> {
        for view in tx.resources("view")? {
            self.check_view(tx, &view, &view_spec(&view)?)?;
        }
        Ok(())
    }

    /// Checks that no view reads what goes.
    fn check_readers(&self, tx: &Tx<'_>, names: &[String], kind: &str) -> Result<(), Problem> {
        for view in tx.resources("view")? {
            let spec = view_spec(&view)?;
            let references = self.shared.references_of(&view, &spec)?;
            let read = references
                .iter()
                .find(|reference| names.iter().any(|name| name == reference.table()));
            if let Some(read) = read {
                let what = format!("{kind} `{}`", read.table());
                return Err(Error::InUse { what, view: view.name.clone() }.into());
            }
        }
        Ok(())
    }
}

fn plan_view(config: &Config, business: Time, sql: &str, tables: &[Table]) -> Result<(), Problem> {
    let pool = QueryPool::new(config.query_bytes_max, Arc::default(), config.queries_bytes_max);
    let frame = state::Frame { business, pool: Arc::new(pool), stop: Arc::new(Stop::default()) };
    let mut session = state::new(config, frame)?;
    let plan = state::plan(&mut session, config, guard::Text::own(sql), tables)?;
    state::check(&session, &plan)
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
            runtime("table", "tables"),
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
            "table" => match name
                .strip_suffix(LATEST)
                .map(|stream| read.resource("stream", stream))
                .transpose()?
            {
                Some(Some(stream)) => !self.shared.stream(&stream)?.spec.key.is_empty(),
                _ => false,
            },
            "relation" => {
                let relations = read.kernel().relations(read)?;
                relations.iter().any(|relation| relation.resource.name == name)
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
            Some("stream") => self.stream_changed(tx, old, new),
            Some("view") => self.view_changed(tx, old, new),
            _ => Ok(()),
        }
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
