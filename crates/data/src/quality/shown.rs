//! What a reader is shown of what rules found: all of it where he may read all that the rules look at. To anybody else the reasons would
//! say values of rows that he does not see, and the counts how many there are.

use super::check::{references_of, spec_of};
use super::spec::Check;
use super::wire::Count;
use crate::catalog::{Catalog, PUBLIC};
use crate::engine::Shared;
use crate::sql::guard::TABLE_FUNCTIONS;
use base::Problem;
use datafusion::common::TableReference;
use kernel::{Read, Reader};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What a rule found on a day, as a reader is shown it.
pub(crate) struct Shown {
    pub(crate) count: Count,
    /// False where nothing is shown of what it found.
    pub(crate) is_whole: bool,
}

/// Rules as they are declared now.
struct Declared {
    rules: BTreeSet<String>,
    /// True where the reader may read all that they look at.
    is_open: bool,
}

/// Who looks at what rules found.
pub(crate) struct Viewer<'v> {
    shared: &'v Arc<Shared>,
    reader: &'v Reader,
    catalog: Catalog<'v>,
    /// What was found out about relations, and about rules that stand together.
    open: HashMap<String, bool>,
    declared: HashMap<String, Option<Declared>>,
}

impl Shown {
    /// Returns it as operations write it.
    pub(crate) fn to_json(&self) -> Value {
        let mut shown = json!(self.count);
        if !self.is_whole {
            for name in ["checked", "failed", "first_failed", "reason", "error"] {
                shown[name] = Value::Null;
            }
        }
        shown
    }
}

impl<'v> Viewer<'v> {
    /// Returns a reader's look at one commit.
    pub(crate) fn new(shared: &'v Arc<Shared>, reader: &'v Reader) -> Self {
        let catalog = Catalog::new(shared, reader, None, None);
        Self { shared, reader, catalog, open: HashMap::new(), declared: HashMap::new() }
    }

    /// Returns what is shown of what a rule found.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn look(&mut self, count: Count) -> Result<Shown, Problem> {
        let is_whole = self.is_whole(&count)?;
        Ok(Shown { count, is_whole })
    }

    fn is_whole(&mut self, count: &Count) -> Result<bool, Problem> {
        let on = count.on.split_once('/').map_or("", |(_, name)| name);
        if !self.is_open(PUBLIC, on) {
            return Ok(false);
        }
        if !self.declared.contains_key(&count.quality) {
            let declared = self.find(&count.quality)?;
            self.declared.insert(count.quality.clone(), declared);
        }
        let declared = self.declared.get(&count.quality).and_then(Option::as_ref);
        Ok(match declared.filter(|declared| declared.rules.contains(&count.rule)) {
            Some(declared) => declared.is_open,
            // The rule is gone. What SQL of one's own looked at, nobody knows any more.
            None if count.check == Check::Sql => {
                !self.reader.kernel().is_restricted(self.reader, self.reader.caller())?
            }
            None => true,
        })
    }

    fn find(&mut self, quality: &str) -> Result<Option<Declared>, Problem> {
        let Some(resource) = self.reader.resource("quality", quality)? else { return Ok(None) };
        let spec = spec_of(&resource)?;
        let references = references_of(&spec, &self.shared.config)?;
        let is_open = references.iter().all(|reference| self.is_open_reference(reference));
        let rules = spec.rules.into_iter().map(|rule| rule.name).collect();
        Ok(Some(Declared { rules, is_open }))
    }

    fn is_open_reference(&mut self, reference: &TableReference) -> bool {
        let (schema, name) = (reference.schema(), reference.table());
        let is_function = schema.is_none() && TABLE_FUNCTIONS.contains(&name);
        is_function || self.is_open(schema.unwrap_or(PUBLIC), name)
    }

    fn is_open(&mut self, schema: &str, name: &str) -> bool {
        let relation = format!("{schema}.{name}");
        if let Some(is_open) = self.open.get(&relation) {
            return *is_open;
        }
        let is_open = self.catalog.is_open_to(schema, name, self.reader.caller());
        self.open.insert(relation, is_open);
        is_open
    }
}
