//! The columns of relations. Those of a view are found by planning it, which takes a while: they are remembered until resources change.

use crate::catalog::{Catalog, Source};
use crate::engine::{Shared, planning};
use crate::sql::guard::{self, Text};
use crate::sql::state;
use crate::sql::table::RelationTable;
use base::Problem;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::execution::SessionState;
use kernel::Read;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Columns by schema and name; nothing for what cannot be planned at the moment.
type Known = HashMap<(String, String), Option<SchemaRef>>;

/// What is remembered, and of which epoch.
pub(crate) type Held = Mutex<(u64, Known)>;

/// The columns of relations as of one commit, whoever looks.
pub(crate) struct Columns<'a> {
    shared: &'a Arc<Shared>,
    read: &'a dyn Read,
    catalog: Catalog<'a>,
    session: OnceCell<SessionState>,
    epoch: u64,
}

impl<'a> Columns<'a> {
    /// Returns the columns as they stand.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn new(shared: &'a Arc<Shared>, read: &'a dyn Read) -> Result<Self, Problem> {
        let catalog = Catalog::of_all(shared, read);
        let epoch = read.kernel().epoch(read)?;
        Ok(Self { shared, read, catalog, session: OnceCell::new(), epoch })
    }

    /// Returns the columns of a relation; nothing where it cannot be planned at the moment.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn of(&self, schema: &str, name: &str) -> Result<Option<SchemaRef>, Problem> {
        if let Some(offered) = self.catalog.offered(schema, name)? {
            // What others lend changes without an epoch.
            let table = RelationTable::new(offered.clone(), None, Arc::clone(&self.shared.config));
            return Ok(Some(table.schema()));
        }
        let id = (schema.to_owned(), name.to_owned());
        let held = self.shared.columns.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 == self.epoch
            && let Some(known) = held.1.get(&id)
        {
            return Ok(known.clone());
        }
        drop(held);
        let found = self.find(schema, name)?;
        let mut held = self.shared.columns.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != self.epoch {
            *held = (self.epoch, Known::new());
        }
        held.1.insert(id, found.clone());
        Ok(found)
    }

    fn find(&self, schema: &str, name: &str) -> Result<Option<SchemaRef>, Problem> {
        let Ok(tables) = self.catalog.declared(schema, name) else { return Ok(None) };
        let Some(table) = tables.first() else { return Ok(None) };
        let (sql, tables) = match &table.source {
            Source::Rows(rows) => return Ok(Some(rows.schema())),
            Source::View { sql, tables, .. } => (sql, tables),
        };
        let mut session = self.session()?.clone();
        let config = &self.shared.config;
        let plan = guard::with_stack(|| state::plan(&mut session, config, Text::own(sql), tables))?;
        Ok(plan.ok().map(|plan| Arc::clone(plan.schema().inner())))
    }

    /// Returns what statements are planned with.
    ///
    /// # Errors
    /// `sql.internal`.
    pub(crate) fn session(&self) -> Result<&SessionState, Problem> {
        if self.session.get().is_none() {
            let session = planning(&self.shared.config, self.read.business())?;
            // Nothing else sets it: this stays on its thread.
            let _ = self.session.set(session);
        }
        let missing = || crate::Error::Internal { detail: "there is no session".into() };
        self.session.get().ok_or_else(|| missing().into())
    }
}
