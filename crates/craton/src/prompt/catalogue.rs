//! What can be named in a statement: relations, their columns, functions, as `information_schema` of the unit says.

use super::limits::CATALOGUE_SECONDS_MAX;
use crate::{client::Client, routes};
use base::{Clock, Problem, SystemClock};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The schema of what is named without one.
pub const PUBLIC: &str = "public";

/// A relation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relation {
    /// The schema in which it stands.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<String>,
}

/// What can be named.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// The relations, by schema and name.
    pub relations: Vec<Relation>,
    /// The functions, by name.
    pub functions: Vec<String>,
}

impl Catalogue {
    /// Asks the unit.
    ///
    /// # Errors
    /// What the unit says.
    pub fn fetch(client: &Client) -> Result<Self, Problem> {
        let columns = ask(
            client,
            "SELECT table_schema, table_name, column_name FROM information_schema.columns \
             ORDER BY table_schema, table_name, ordinal_position",
        )?;
        let functions = ask(
            client,
            "SELECT DISTINCT routine_name FROM information_schema.routines ORDER BY routine_name",
        )?;
        let mut catalogue = Self::default();
        for row in &columns {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            catalogue.add(text("table_schema"), text("table_name"), text("column_name"));
        }
        let name = |row: &Value| row["routine_name"].as_str().map(str::to_owned);
        catalogue.functions = functions.iter().filter_map(name).collect();
        Ok(catalogue)
    }

    /// Adds a column. Those of a relation come one after the other.
    pub fn add(&mut self, schema: String, name: String, column: String) {
        match self.relations.last_mut() {
            Some(last) if last.schema == schema && last.name == name => last.columns.push(column),
            _ => self.relations.push(Relation { schema, name, columns: vec![column] }),
        }
    }

    /// Returns the relation of a name, which may have a schema before it.
    pub fn relation(&self, schema: Option<&str>, name: &str) -> Option<&Relation> {
        let schema = schema.unwrap_or(PUBLIC);
        let is_it = |relation: &&Relation| {
            relation.schema.eq_ignore_ascii_case(schema) && relation.name.eq_ignore_ascii_case(name)
        };
        self.relations.iter().find(is_it)
    }

    /// Returns the schemas, by name.
    pub fn schemas(&self) -> Vec<&str> {
        let mut schemas: Vec<&str> =
            self.relations.iter().map(|relation| relation.schema.as_str()).collect();
        schemas.dedup();
        schemas
    }
}

/// The catalogue as it was asked for last. A unit that does not answer has an empty one.
pub struct Cache {
    client: Arc<Client>,
    clock: SystemClock,
    held: RefCell<Option<(Duration, Rc<Catalogue>)>>,
}

impl Cache {
    /// Returns a cache that has asked for nothing yet.
    pub fn new(client: Arc<Client>) -> Self {
        Self { client, clock: SystemClock::new(), held: RefCell::new(None) }
    }

    /// Returns the catalogue, not older than a minute.
    pub fn catalogue(&self) -> Rc<Catalogue> {
        let now = self.clock.monotonic();
        let age_max = Duration::from_secs(CATALOGUE_SECONDS_MAX);
        if let Some((since, held)) = self.held.borrow().as_ref()
            && now.saturating_sub(*since) < age_max
        {
            return Rc::clone(held);
        }
        let fetched = Rc::new(Catalogue::fetch(&self.client).unwrap_or_default());
        *self.held.borrow_mut() = Some((now, Rc::clone(&fetched)));
        fetched
    }

    /// Forgets the catalogue: something may have changed.
    pub fn forget(&self) {
        *self.held.borrow_mut() = None;
    }
}

fn ask(client: &Client, sql: &str) -> Result<Vec<Value>, Problem> {
    let request = routes::sql_query().json(&json!({"sql": sql, "format": "json"}));
    Ok(match client.send(&request)? {
        Value::Array(rows) => rows,
        _ => Vec::new(),
    })
}
