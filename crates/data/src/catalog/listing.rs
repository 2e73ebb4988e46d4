//! Everything that somebody may see, with what its manifests say about it: what the catalogue of PostgreSQL is made of.

use super::{Catalog, LATEST, PUBLIC, SET_ASIDE, Source, Table, Way, view_spec};
use crate::rights::Excerpt;
use base::Problem;
use kernel::{Principal, Relation};
use std::collections::BTreeMap;

/// A relation that somebody may see.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) table: Table,
    /// What it holds.
    pub(crate) summary: String,
    /// The columns that tell its rows apart.
    pub(crate) key: Vec<String>,
    /// The columns that always have a value.
    pub(crate) required: Vec<String>,
    /// What the columns mean, by name.
    pub(crate) columns: BTreeMap<String, String>,
    /// The query of a view, where its text may be seen.
    pub(crate) query: Option<String>,
}

impl Shown {
    fn new(table: Table) -> Self {
        Self {
            table,
            summary: String::new(),
            key: Vec::new(),
            required: Vec::new(),
            columns: BTreeMap::new(),
            query: None,
        }
    }

    pub(crate) fn is_view(&self) -> bool {
        matches!(self.table.source, Source::View { .. })
    }
}

impl Catalog<'_> {
    /// Returns all that somebody may see.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn listing(&self, actor: &Principal) -> Result<Vec<Shown>, Problem> {
        let way = self.way_of(actor);
        let tables = self.all(&way)?;
        tables.into_iter().map(|table| self.shown(table, &way)).collect()
    }

    /// Returns the schemas and names of all that somebody may see, whether it can be read at the moment or not.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn names_for(&self, actor: &Principal) -> Result<Vec<(String, String)>, Problem> {
        self.names(&self.way_of(actor))
    }

    /// Returns how much somebody sees of a relation that he may read; nothing where he sees all of it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn excerpt_for(
        &self,
        schema: &str,
        name: &str,
        actor: &Principal,
    ) -> Result<Option<Excerpt>, Problem> {
        self.excerpt(schema, name, &self.way_of(actor))
    }

    /// Returns what an engine offers under a name.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn offered(&self, schema: &str, name: &str) -> Result<Option<&Relation>, Problem> {
        let relations = self.relations()?.iter();
        Ok(relations.into_iter().find(|found| found.schema == schema && found.name == name))
    }

    fn way_of<'w>(&'w self, actor: &'w Principal) -> Way<'w> {
        Way { actor, on_behalf_of: self.on_behalf_of.as_ref(), views: &[], as_of: None }
    }

    fn shown(&self, table: Table, way: &Way<'_>) -> Result<Shown, Problem> {
        let mut shown = Shown::new(table);
        if shown.is_view() {
            self.about_view(&mut shown, way)?;
        } else if shown.table.schema == PUBLIC {
            self.about_stream(&mut shown)?;
        }
        self.about_relation(&mut shown)?;
        Ok(shown)
    }

    fn about_view(&self, shown: &mut Shown, way: &Way<'_>) -> Result<(), Problem> {
        let Some(resource) = self.read.resource("view", &shown.table.name)? else { return Ok(()) };
        let spec = view_spec(&resource)?;
        shown.summary = spec.summary;
        // The text of a view names what it reads: who may not see the view's manifest does not learn of it here.
        if self.may(way, "resource.get", &resource.reference())? {
            shown.query = Some(spec.sql);
        }
        Ok(())
    }

    fn about_stream(&self, shown: &mut Shown) -> Result<(), Problem> {
        let name = shown.table.name.clone();
        let latest = name.strip_suffix(LATEST);
        let is_set_aside = name.ends_with(SET_ASIDE);
        for (stream, is_latest) in [(Some(name.as_str()), false), (latest, true)] {
            let Some(resource) =
                stream.map(|stream| self.read.resource("stream", stream)).transpose()?.flatten()
            else {
                continue;
            };
            let spec = &self.shared.stream(&resource)?.spec;
            shown.summary = match is_latest {
                true => format!("The newest row of each key of {}.", resource.name),
                false => spec.summary.clone(),
            };
            if is_latest {
                shown.key.clone_from(&spec.key);
            }
            for column in &spec.schema {
                if column.required {
                    shown.required.push(column.name.clone());
                }
                if !column.summary.is_empty() {
                    shown.columns.insert(column.name.clone(), column.summary.clone());
                }
            }
            return Ok(());
        }
        if is_set_aside {
            shown.summary = "Rows that were set aside, with their reasons.".into();
        }
        Ok(())
    }

    fn about_relation(&self, shown: &mut Shown) -> Result<(), Problem> {
        let Table { schema, name, .. } = &shown.table;
        let relations = self.relations()?;
        let relation =
            relations.iter().find(|found| found.schema == *schema && found.name == *name);
        if let Some(relation) = relation {
            shown.summary.clone_from(&relation.summary);
            for column in &relation.columns {
                shown.columns.insert(column.name.clone(), column.summary.clone());
            }
        }
        Ok(())
    }
}
