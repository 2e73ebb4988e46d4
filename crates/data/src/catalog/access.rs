//! How much of a relation a caller sees: what stands behind a name is cut to the excerpts of his roles here, for every door.
//!
//! A view hides what its query leaves out. To who may read all that it stands on it is a query like his own; to anybody else
//! it is sealed: his conditions are evaluated on the rows that it gives, never on those beneath.

use super::{Catalog, LATEST, PUBLIC, SET_ASIDE, Source, Table, Way};
use crate::engine::Shared;
use crate::metrics::sql::METRICS;
use crate::rights::decide::{self, written};
use crate::rights::{Excerpt, ExcerptTable, Named};
use crate::sql::as_of;
use base::Problem;
use datafusion::common::TableReference;
use kernel::{Principal, Read};
use std::sync::Arc;

impl Source {
    /// Returns whether something of a relation, or of what it stands on, is hidden from the caller.
    pub(crate) fn is_cut(&self) -> bool {
        match self {
            Self::Rows(rows) => rows.is::<ExcerptTable>(),
            Self::View { excerpt, .. } => excerpt.is_some(),
        }
    }
}

impl<'a> Catalog<'a> {
    /// Returns a catalogue that has every relation for everybody, to check manifests. Nothing in it can be scanned.
    pub(crate) fn of_all(shared: &'a Arc<Shared>, read: &'a dyn Read) -> Self {
        Self { is_of_all: true, ..Self::new(shared, read, None, None) }
    }

    /// Returns a relation that a manifest names.
    ///
    /// # Errors
    /// `sql.invalid` for a name that is none, with the nearest one.
    pub(crate) fn declared(&self, schema: &str, name: &str) -> Result<Vec<Table>, Problem> {
        let way = Way { actor: &Principal::Anonymous, on_behalf_of: None, views: &[], as_of: None };
        self.found.set(0);
        self.resolve("", &[TableReference::partial(schema, name)], &way)
    }

    /// Returns whether a principal may read all of a relation; nothing where there is no such relation.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn is_whole(
        &self,
        schema: &str,
        name: &str,
        actor: &Principal,
    ) -> Result<Option<bool>, Problem> {
        let named = self.named(schema, name)?;
        named.map(|named| decide::is_whole(self.read, &named, actor, None)).transpose()
    }

    /// Returns whether a principal may read all of a relation, and of all that it stands on. What cannot be read at the moment is not
    /// read as a whole.
    pub(crate) fn is_open_to(&self, schema: &str, name: &str, actor: &Principal) -> bool {
        let way = Way { actor, on_behalf_of: None, views: &[], as_of: None };
        // Each is looked through by itself.
        self.found.set(0);
        let found = self.permitted(schema, name, &way);
        found.is_ok_and(|source| source.is_some_and(|source| !source.is_cut()))
    }

    /// Returns whether a principal is shown a part of a relation only, or, where he may not read it, of something that it stands on:
    /// what was worked out of all of it would tell him of the rest. To be asked of a catalogue of all.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn is_partly(&self, table: &Table, actor: &Principal) -> Result<bool, Problem> {
        let Some(named) = self.named(&table.schema, &table.name)? else { return Ok(true) };
        if decide::is_part(self.read, &named, actor)? {
            return Ok(true);
        }
        if decide::is_whole(self.read, &named, actor, None)? {
            return Ok(false);
        }
        let Source::View { tables, .. } = &table.source else { return Ok(false) };
        for table in tables {
            if self.is_partly(table, actor)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns what stands behind a name, as far as the caller sees it.
    pub(super) fn permitted(
        &self,
        schema: &str,
        name: &str,
        way: &Way<'_>,
    ) -> Result<Option<Source>, Problem> {
        let Some(source) = self.source(schema, name, way)? else { return Ok(None) };
        if self.is_of_all {
            return Ok(Some(source));
        }
        // What roles could not name would be shown whole.
        if self.named(schema, name)?.is_none() {
            return Ok(None);
        }
        let excerpt = self.excerpt(schema, name, way)?;
        Ok(Some(match (source, excerpt) {
            (Source::Rows(rows), Some(excerpt)) => {
                let config = Arc::clone(&self.shared.config);
                Source::Rows(Arc::new(ExcerptTable::new(rows, Arc::new(excerpt), config)))
            }
            (Source::View { sql, tables, kept, .. }, Some(excerpt)) => {
                Source::View { sql, tables, kept, excerpt: Some(Arc::new(excerpt)) }
            }
            (Source::View { sql, tables, kept, .. }, None) if !self.is_open(&tables, way)? => {
                let user = decide::user_of(way.actor);
                let sealed = Excerpt::sealed(written(schema, name), user);
                Source::View { sql, tables, kept, excerpt: Some(Arc::new(sealed)) }
            }
            (source, None) => source,
        }))
    }

    /// Returns what the caller sees of a relation that he may read; nothing where he sees all of it.
    pub(super) fn excerpt(
        &self,
        schema: &str,
        name: &str,
        way: &Way<'_>,
    ) -> Result<Option<Excerpt>, Problem> {
        match self.named(schema, name)? {
            Some(named) => decide::excerpt(self.read, &named, way.actor, way.on_behalf_of),
            None => Ok(None),
        }
    }

    /// Returns whether a relation with the rows that were set aside is shown at all: to who sees a part of a stream alone,
    /// its being there would say that there are some.
    pub(super) fn is_listed(
        &self,
        stream: &str,
        has_rows: bool,
        way: &Way<'_>,
    ) -> Result<bool, Problem> {
        let named = Named::set_aside(stream);
        let excerpt = decide::excerpt(self.read, &named, way.actor, way.on_behalf_of)?;
        Ok(self.is_of_all || excerpt.map_or(has_rows, |excerpt| !excerpt.is_nothing()))
    }

    /// Returns whether the caller may read all that a view stands on.
    fn is_open(&self, tables: &[Table], way: &Way<'_>) -> Result<bool, Problem> {
        for table in tables {
            let is_open = match &table.source {
                Source::View { tables, .. } => self.is_open(tables, way)?,
                Source::Rows(_) => match self.named(&table.schema, &table.name)? {
                    Some(named) => {
                        decide::is_whole(self.read, &named, way.actor, way.on_behalf_of)?
                    }
                    None => false,
                },
            };
            if !is_open {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns a relation as roles name it.
    fn named(&self, schema: &str, name: &str) -> Result<Option<Named>, Problem> {
        // What a relation was at a time is as hidden as what it is.
        let (name, _) = as_of::split(name);
        if schema == PUBLIC {
            let is_stream =
                |stream: &str| Ok::<_, Problem>(self.read.resource("stream", stream)?.is_some());
            if is_stream(name)? {
                return Ok(Some(Named::stream(name)));
            }
            if let Some(stream) = name.strip_suffix(LATEST)
                && is_stream(stream)?
            {
                return Ok(Some(Named::latest(stream)));
            }
            if let Some(stream) = name.strip_suffix(SET_ASIDE)
                && is_stream(stream)?
            {
                return Ok(Some(Named::set_aside(stream)));
            }
        }
        if schema == METRICS {
            let metric = self.read.resource("metric", name)?;
            return Ok(metric.map(|metric| Named::metric(&metric.name)));
        }
        if let Some(view) = self.read.resource("view", name)?
            && super::view_spec(&view)?.schema == schema
        {
            return Ok(Some(Named::view(schema, name)));
        }
        let mut relations = self.relations()?.iter();
        let found = relations.find(|relation| relation.schema == schema && relation.name == name);
        Ok(found.map(Named::relation))
    }
}
