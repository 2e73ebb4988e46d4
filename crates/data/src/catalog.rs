//! Which relations there are, for whom, and what stands behind each name.
//!
//! Streams with their `NAME_latest` and `NAME_set_aside`, views, and what the engines offer. A relation that the caller may
//! not read looks like one that is not there. Inside a view the rights are those of whoever applied that version of it.

mod access;
mod listing;

pub(crate) use listing::Shown;

use crate::derived::state::{Derived, Materialized};
use crate::engine::Shared;
use crate::metrics::metric::Metric;
use crate::metrics::sql::{self as metric_sql, METRICS, Shape};
use crate::rights::Excerpt;
use crate::sql::as_of;
use crate::sql::guard::{self, TABLE_FUNCTIONS, Text};
use crate::sql::stream::{LatestTable, StreamTable};
use crate::sql::table::RelationTable;
use crate::streams::append::{log_of, set_aside_log_of};
use crate::streams::marks::{self, AsOf};
use crate::streams::schema::{Schema, StreamSpec};
use crate::streams::tail::Range;
use crate::tables::scan::Extent;
use crate::{Error, derived};
use base::{Place, Problem, nearest};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use kernel::{Principal, Read, Reader, Relation, Resource, ResourceRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The schema of whatever names none.
pub(crate) const PUBLIC: &str = "public";
/// The catalogue that all schemas stand in.
pub(crate) const CATALOG: &str = "craton";
/// Schemas that no view can stand in.
pub(crate) const RESERVED: [&str; 4] = ["system", "information_schema", "pg_catalog", METRICS];
/// The ending of the table with the newest row of each key.
pub(crate) const LATEST: &str = "_latest";
/// The ending of the relation with the rows that were set aside.
pub(crate) const SET_ASIDE: &str = "_set_aside";

/// The `spec` of a `View`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewSpec {
    /// What the view answers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The SQL schema in which it appears.
    #[serde(default = "public")]
    pub schema: String,
    /// The query.
    pub sql: String,
    /// Keeps what the view came to, so that it need not be found out anew each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub materialized: Option<Materialized>,
}

fn public() -> String {
    PUBLIC.into()
}

/// A stream as it stands at a version.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) name: String,
    pub(crate) spec: StreamSpec,
    pub(crate) schema: Arc<Schema>,
}

impl Stream {
    /// Returns the stream of a resource.
    ///
    /// # Errors
    /// Where the stored spec cannot be read, which is a defect.
    pub(crate) fn of(resource: &Resource) -> Result<Self, Problem> {
        let spec: StreamSpec = serde_json::from_value(resource.spec.clone()).map_err(|error| {
            Error::Internal { detail: format!("{}: {error}", resource.reference()) }
        })?;
        let schema = Arc::new(Schema::new(&spec));
        Ok(Self { name: resource.name.clone(), spec, schema })
    }

    #[cfg(test)]
    pub(crate) fn for_tests(spec: serde_json::Value) -> Self {
        let spec: StreamSpec = serde_json::from_value(spec).expect("a spec");
        let schema = Arc::new(Schema::new(&spec));
        Self { name: "orders".into(), spec, schema }
    }

    /// Returns the offset at which the stream begins. A stream that was removed and declared again begins where the
    /// old one ended.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn base(&self, read: &dyn Read) -> Result<u64, Problem> {
        base_of(read, &log_of(&self.name))
    }
}

/// Returns where a log begins for the stream that uses it now.
pub(crate) fn base_of(read: &dyn Read, log: &str) -> Result<u64, Problem> {
    let bytes = read.get(base_key(log).as_ref())?;
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes))
}

/// Returns the key under which the beginning of a log stands.
pub(crate) fn base_key(log: &str) -> base::Key {
    kernel::key(b's').text("base").text(log)
}

/// A relation that a statement names.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) source: Source,
}

/// What stands behind a name.
pub(crate) enum Source {
    /// Rows.
    Rows(Arc<dyn TableProvider>),
    /// A query over other relations.
    View {
        /// The query.
        sql: String,
        /// The relations that it names.
        tables: Vec<Table>,
        /// What is kept of it, where it is materialised.
        kept: Option<Box<Kept>>,
        /// What the caller sees of its rows, where it is not all of them or they are sealed off from what they stand on.
        excerpt: Option<Arc<Excerpt>>,
    },
}

/// What is kept of a materialised view.
pub(crate) struct Kept {
    /// Where its files lie.
    pub(crate) folder: String,
    pub(crate) derived: Option<Derived>,
    /// True where it is refreshed as a whole now and then.
    pub(crate) is_scheduled: bool,
}

/// The relations as one caller sees them.
pub(crate) struct Catalog<'a> {
    shared: &'a Arc<Shared>,
    read: &'a dyn Read,
    reader: Option<Arc<Reader>>,
    on_behalf_of: Option<Principal>,
    relations: OnceCell<Vec<Relation>>,
    found: Cell<u64>,
    is_of_all: bool,
    /// Where logs are to end that grew since, for what is to be seen as it stood.
    ends: BTreeMap<String, u64>,
    /// Where each log ended that was looked at.
    stood: RefCell<BTreeMap<String, u64>>,
    /// A relation of another unit that was found among what was looked at.
    lent: RefCell<Option<String>>,
}

/// Who asks, and through which views.
struct Way<'w> {
    actor: &'w Principal,
    on_behalf_of: Option<&'w Principal>,
    views: &'w [String],
    /// Where in time streams are looked at, unless a name says it by itself.
    as_of: Option<AsOf>,
}

impl<'a> Catalog<'a> {
    /// Returns the catalogue over a commit. Without a reader its relations can be planned, not scanned.
    pub(crate) fn new(
        shared: &'a Arc<Shared>,
        read: &'a dyn Read,
        reader: Option<Arc<Reader>>,
        on_behalf_of: Option<Principal>,
    ) -> Self {
        Self {
            shared,
            read,
            reader,
            on_behalf_of,
            relations: OnceCell::new(),
            found: Cell::new(0),
            is_of_all: false,
            ends: BTreeMap::new(),
            stood: RefCell::default(),
            lent: RefCell::default(),
        }
    }

    /// Returns this catalogue with logs that end where they ended before.
    pub(crate) fn with_ends(mut self, ends: BTreeMap<String, u64>) -> Self {
        self.ends = ends;
        self
    }

    /// Returns where each log ended that was looked at.
    pub(crate) fn stood(&self) -> BTreeMap<String, u64> {
        self.stood.borrow().clone()
    }

    /// Returns a relation that another unit lends to this one, where one was found among what was looked at, however far beneath views
    /// and metrics. Its rows are neither lent on nor kept: they are there for as long as its contract is.
    pub(crate) fn lent(&self) -> Option<String> {
        self.lent.borrow().clone()
    }

    /// Returns the relations that a statement names, as far as `actor` may read them.
    ///
    /// # Errors
    /// `sql.invalid` for a name that is none, with the nearest one.
    pub(crate) fn tables(&self, text: Text<'_>, actor: &Principal) -> Result<Vec<Table>, Problem> {
        let references = guard::references(text, &self.shared.config)?;
        let way = Way { actor, on_behalf_of: self.on_behalf_of.as_ref(), views: &[], as_of: None };
        self.resolve(text.sql, &references, &way)
    }

    /// Returns the relations that the query of a view names, as whoever applied it may read them.
    ///
    /// # Errors
    /// `view.invalid`, `view.cycle`.
    pub(crate) fn view(&self, resource: &Resource, spec: &ViewSpec) -> Result<Vec<Table>, Problem> {
        self.tables_of_view(resource, spec, &[], None)
    }

    fn tables_of_view(
        &self,
        resource: &Resource,
        spec: &ViewSpec,
        views: &[String],
        as_of: Option<AsOf>,
    ) -> Result<Vec<Table>, Problem> {
        if views.contains(&resource.name) {
            let path: Vec<&str> =
                views.iter().map(String::as_str).chain([resource.name.as_str()]).collect();
            let (name, path) = (resource.name.clone(), path.join(" -> "));
            return Err(Error::Cycle { kind: "view", name, path }.into());
        }
        if self.shared.config.view_depth_max <= views.len() {
            let what =
                format!("{} views that stand on each other", self.shared.config.view_depth_max);
            return Err(Error::Exhausted { what }.into());
        }
        let mut views = views.to_vec();
        views.push(resource.name.clone());
        let definer = Principal::try_from(resource.changed_by.clone())?;
        let way = Way { actor: &definer, on_behalf_of: None, views: &views, as_of };
        let references = self.shared.references_of(resource, spec)?;
        let mut tables = self.resolve(&spec.sql, &references, &way)?;
        if spec.materialized.is_some() {
            written_out(&mut tables);
        }
        Ok(tables)
    }

    /// Returns a metric in a shape, as whoever applied it may read what it stands on.
    ///
    /// # Errors
    /// `metric.cycle`, `sql.invalid`.
    pub(crate) fn metric(
        &self,
        metric: &Metric,
        shape: &Shape,
        views: &[String],
        as_of: Option<AsOf>,
    ) -> Result<Source, Problem> {
        let name = format!("{METRICS}.{}", metric.name);
        if views.contains(&name) {
            let path: Vec<&str> = views.iter().map(String::as_str).chain([name.as_str()]).collect();
            let (name, path) = (metric.name.clone(), path.join(" -> "));
            return Err(Error::Cycle { kind: "metric", name, path }.into());
        }
        if self.shared.config.view_depth_max <= views.len() {
            let what =
                format!("{} views that stand on each other", self.shared.config.view_depth_max);
            return Err(Error::Exhausted { what }.into());
        }
        let mut views = views.to_vec();
        views.push(name);
        let definer = Principal::try_from(metric.resource.changed_by.clone())?;
        let way = Way { actor: &definer, on_behalf_of: None, views: &views, as_of };
        let sql = metric_sql::text(metric, shape).sql;
        if metric.parts.is_empty() {
            let references = guard::references(Text::own(&sql), &self.shared.config)?;
            let tables = self.resolve(&sql, &references, &way)?;
            return Ok(Source::View { sql, tables, kept: None, excerpt: None });
        }
        let mut tables = Vec::new();
        for part in &metric.parts {
            self.count()?;
            if !self.may(&way, "metric.read", &part.resource.reference())? {
                let reason = format!("there is no metric `{}`", part.name);
                return Err(Error::Sql { reason, place: None, hint: None }.into());
            }
            let source = self.metric(part, shape, &views, as_of)?;
            tables.push(Table { schema: METRICS.into(), name: part.name.clone(), source });
        }
        Ok(Source::View { sql, tables, kept: None, excerpt: None })
    }

    /// Counts a relation: views and metrics that share what they stand on are looked through once for each way there.
    fn count(&self) -> Result<(), Problem> {
        self.found.set(self.found.get() + 1);
        if self.shared.config.plan_tables_max < self.found.get() {
            let what =
                format!("{} tables, its views written out", self.shared.config.plan_tables_max);
            return Err(Error::Exhausted { what }.into());
        }
        Ok(())
    }

    fn resolve(
        &self,
        sql: &str,
        references: &[TableReference],
        way: &Way<'_>,
    ) -> Result<Vec<Table>, Problem> {
        if references.iter().any(|reference| reference.schema() == Some("information_schema")) {
            return self.all(way);
        }
        let mut tables = Vec::new();
        for reference in references {
            self.count()?;
            let (schema, name) = (reference.schema().unwrap_or(PUBLIC), reference.table());
            let is_ours = reference.catalog().is_none_or(|catalog| catalog == CATALOG);
            let source = if is_ours { self.permitted(schema, name, way)? } else { None };
            match source {
                Some(source) => {
                    tables.push(Table { schema: schema.into(), name: name.into(), source })
                }
                None if reference.schema().is_none() && TABLE_FUNCTIONS.contains(&name) => {}
                None => return Err(self.missing(sql, reference, way)?.into()),
            }
        }
        Ok(tables)
    }

    fn missing(
        &self,
        sql: &str,
        reference: &TableReference,
        way: &Way<'_>,
    ) -> Result<Error, Problem> {
        let names = self.names(way)?;
        let written = |schema: &str, name: &str| {
            if schema == PUBLIC { name.to_owned() } else { format!("{schema}.{name}") }
        };
        let known: Vec<String> = names.iter().map(|(schema, name)| written(schema, name)).collect();
        let (table, _) = as_of::split(reference.table());
        let asked = written(reference.schema().unwrap_or(PUBLIC), table);
        let elsewhere = names.iter().find(|(_, name)| name == table);
        let meant = match elsewhere {
            Some((schema, name)) => Some(written(schema, name)),
            None => nearest(&asked, known.iter().map(String::as_str)).map(str::to_owned),
        };
        let hint = meant.map_or_else(
            || "SHOW TABLES lists them".into(),
            |meant| format!("did you mean `{meant}`?"),
        );
        let shown: String = asked.chars().take(80).collect();
        let place: Option<Place> = guard::place_of_word(sql, table);
        Ok(Error::Sql { reason: format!("there is no table `{shown}`"), place, hint: Some(hint) })
    }

    /// Returns all that the caller may see. A view that cannot be read at the moment is left out.
    fn all(&self, way: &Way<'_>) -> Result<Vec<Table>, Problem> {
        let mut tables = Vec::new();
        let lent = self.lent();
        for (schema, name) in self.names(way)? {
            // Each is looked through by itself: many views are no reason to leave some out.
            self.found.set(0);
            if let Ok(Some(source)) = self.permitted(&schema, &name, way) {
                tables.push(Table { schema, name, source });
            }
        }
        // The catalogue tells of relations and reads none.
        *self.lent.borrow_mut() = lent;
        Ok(tables)
    }

    fn names(&self, way: &Way<'_>) -> Result<Vec<(String, String)>, Problem> {
        let mut names = Vec::new();
        for resource in self.read.resources("stream")? {
            let stream = self.shared.stream(&resource)?;
            if !stream.spec.key.is_empty() && self.may_read(way, &resource, Part::Latest)? {
                names.push((PUBLIC.into(), format!("{}{LATEST}", stream.name)));
            }
            if self.may_read(way, &resource, Part::All)? {
                names.push((PUBLIC.into(), stream.name.clone()));
                let has_rows = self.read.log_end(&set_aside_log_of(&stream.name))? != 0;
                if self.is_listed(&stream.name, has_rows, way)? {
                    names.push((PUBLIC.into(), format!("{}{SET_ASIDE}", stream.name)));
                }
            }
        }
        for resource in self.read.resources("view")? {
            if self.may(way, "view.read", &resource.reference())? {
                names.push((view_spec(&resource)?.schema, resource.name.clone()));
            }
        }
        for resource in self.read.resources("metric")? {
            if self.may(way, "metric.read", &resource.reference())? {
                names.push((METRICS.into(), resource.name.clone()));
            }
        }
        for relation in self.relations()? {
            if self.may(way, "relation.read", &relation.resource)? {
                names.push((relation.schema.clone(), relation.name.clone()));
            }
        }
        Ok(names)
    }

    fn relations(&self) -> Result<&[Relation], Problem> {
        if self.relations.get().is_none() {
            let relations = self.read.kernel().relations(self.read)?;
            // Nothing else sets it: the catalogue stays on its thread.
            let _ = self.relations.set(relations);
        }
        Ok(self.relations.get().map_or(&[], Vec::as_slice))
    }

    fn may(&self, way: &Way<'_>, operation: &str, resource: &ResourceRef) -> Result<bool, Problem> {
        if self.is_of_all {
            return Ok(true);
        }
        self.read.kernel().is_allowed(self.read, operation, resource, way.actor, way.on_behalf_of)
    }

    fn source(&self, schema: &str, name: &str, way: &Way<'_>) -> Result<Option<Source>, Problem> {
        let (name, as_of) = as_of::split(name);
        let as_of = as_of.or(way.as_of);
        let source = if schema == PUBLIC { self.stream_source(name, way, as_of)? } else { None };
        if source.is_some() {
            return Ok(source);
        }
        if schema == METRICS {
            return self.metric_source(name, way, as_of);
        }
        if let Some(resource) = self.read.resource("view", name)? {
            let spec = view_spec(&resource)?;
            if spec.schema == schema && self.may(way, "view.read", &resource.reference())? {
                let tables = self.tables_of_view(&resource, &spec, way.views, as_of)?;
                let kept = if as_of.is_none() { self.kept(&resource, &spec)? } else { None };
                return Ok(Some(Source::View { sql: spec.sql, tables, kept, excerpt: None }));
            }
        }
        let relation = self
            .relations()?
            .iter()
            .find(|relation| relation.schema == schema && relation.name == name);
        match relation {
            Some(relation) if self.may(way, "relation.read", &relation.resource)? => {
                if as_of.is_some() {
                    let reason = format!("`{schema}.{name}` keeps no past");
                    let hint = Some("leave AS OF out: only streams know their past".into());
                    return Err(Error::Sql { reason, place: None, hint }.into());
                }
                if relation.pages.is_some() {
                    *self.lent.borrow_mut() = Some(format!("{schema}.{name}"));
                }
                let (reader, config) = (self.reader.clone(), Arc::clone(&self.shared.config));
                let table = RelationTable::new(relation.clone(), reader, config);
                Ok(Some(Source::Rows(Arc::new(table))))
            }
            _ => Ok(None),
        }
    }

    fn kept(&self, view: &Resource, spec: &ViewSpec) -> Result<Option<Box<Kept>>, Problem> {
        // Without a reader a view is only planned; what is kept is of now.
        let (Some(materialized), Some(_), true) =
            (&spec.materialized, &self.reader, self.ends.is_empty())
        else {
            return Ok(None);
        };
        let digest = derived::state::digest(self.read, view)?;
        let derived = derived::state::derived(self.read, &view.name)?;
        Ok(Some(Box::new(Kept {
            folder: derived::state::folder(&view.name),
            derived: derived.filter(|derived| derived.digest == digest),
            is_scheduled: materialized.every.is_some(),
        })))
    }

    fn metric_source(
        &self,
        name: &str,
        way: &Way<'_>,
        as_of: Option<AsOf>,
    ) -> Result<Option<Source>, Problem> {
        let reference = ResourceRef::new("metric", name);
        if self.read.resource("metric", name)?.is_none()
            || !self.may(way, "metric.read", &reference)?
        {
            return Ok(None);
        }
        match Metric::find(self.read, &self.shared.config, name)? {
            Some(metric) => {
                self.metric(&metric, &Shape::whole(&metric), way.views, as_of).map(Some)
            }
            None => Ok(None),
        }
    }

    /// Returns the rows of an extent up to where the log ends for this catalogue, and remembers that end.
    fn ended(&self, extent: Extent) -> Extent {
        let log = extent.tail.log.clone();
        let end = self.ends.get(&log).map_or(extent.end(), |end| extent.end().min(*end));
        self.stood.borrow_mut().insert(log, end);
        extent.upto(end)
    }

    fn stream_source(
        &self,
        name: &str,
        way: &Way<'_>,
        as_of: Option<AsOf>,
    ) -> Result<Option<Source>, Problem> {
        let candidates = [
            (Some(name), Part::All),
            (name.strip_suffix(LATEST), Part::Latest),
            (name.strip_suffix(SET_ASIDE), Part::SetAside),
        ];
        for (stream, part) in candidates {
            let Some(resource) =
                stream.map(|stream| self.read.resource("stream", stream)).transpose()?.flatten()
            else {
                continue;
            };
            let stream = self.shared.stream(&resource)?;
            let is_there = part != Part::Latest || !stream.spec.key.is_empty();
            if !is_there || !self.may_read(way, &resource, part)? {
                continue;
            }
            return Ok(Some(Source::Rows(self.provider(&stream, part, as_of)?)));
        }
        Ok(None)
    }

    /// Who may read a stream may read its table; a table can also be allowed by itself.
    fn may_read(&self, way: &Way<'_>, stream: &Resource, part: Part) -> Result<bool, Problem> {
        let table = ResourceRef::new("table", format!("{}{LATEST}", stream.name));
        Ok(self.may(way, "stream.read", &stream.reference())?
            || part == Part::Latest && self.may(way, "table.read", &table)?)
    }

    /// Returns the rows of a part of a stream, as they stand or stood.
    fn provider(
        &self,
        stream: &Stream,
        part: Part,
        as_of: Option<AsOf>,
    ) -> Result<Arc<dyn TableProvider>, Problem> {
        let (shared, kernel) = (Arc::clone(self.shared), Arc::clone(self.read.kernel()));
        if part == Part::SetAside && as_of.is_some() {
            let reason = format!("`{}{SET_ASIDE}` keeps no past", stream.name);
            let hint = Some("leave AS OF out".into());
            return Err(Error::Sql { reason, place: None, hint }.into());
        }
        if part == Part::SetAside {
            let extent = self.ended(set_aside(self.shared, self.read, &stream.name)?);
            return Ok(Arc::new(StreamTable { shared, kernel, extent }));
        }
        let mut extent = self.ended(self.shared.extent(self.read, stream)?);
        if let Some(as_of) = as_of
            && let Some(end) = marks::end_at(self.read, &stream.name, as_of)?
        {
            extent = extent.upto(end);
        }
        if part == Part::All {
            return Ok(Arc::new(StreamTable { shared, kernel, extent }));
        }
        let newest = self.shared.newest_files(self.read, stream)?;
        let newest = newest.filter(|newest| newest.upto <= extent.end());
        Ok(Arc::new(LatestTable { shared, kernel, extent, newest }))
    }
}

/// Has the views among relations stand for their queries: what is kept of a view that stands on another is kept of the streams
/// beneath both.
fn written_out(tables: &mut [Table]) {
    for table in tables {
        if let Source::View { tables, kept, .. } = &mut table.source {
            *kept = None;
            written_out(tables);
        }
    }
}

/// Returns the rows of a stream that were set aside.
fn set_aside(shared: &Shared, read: &dyn Read, stream: &str) -> Result<Extent, Problem> {
    let log = set_aside_log_of(stream);
    let base = base_of(read, &log)?;
    let end = read.log_end(&log)?.max(base);
    let schema = Arc::clone(&shared.set_aside);
    let tail = Range { log, base, end, schema };
    Ok(Extent { from: base, folder: String::new(), files: Arc::default(), tail, cut: 0 })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    Latest,
    SetAside,
}

/// Returns the spec of a view that is stored.
///
/// # Errors
/// Where the stored spec cannot be read, which is a defect.
pub(crate) fn view_spec(resource: &Resource) -> Result<ViewSpec, Problem> {
    serde_json::from_value(resource.spec.clone()).map_err(|error| {
        Error::Internal { detail: format!("{}: {error}", resource.reference()) }.into()
    })
}
