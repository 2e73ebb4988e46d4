//! Brings tables of an older format forward, after a copy of them was made in a schema beside theirs.
//!
//! Whoever does so holds the lease, and each transaction locks its row: no other node takes the store in the middle of a step, and where
//! one has taken it in between, the next step does not begin. Of the tables, `store` and `lease` are the same in all formats.

use super::LONG;
use super::lease::{Lease, PARTITION};
use super::link::{Link, column};
use super::place::{SCHEMA_BYTES_MAX, wrong};
use super::tables;
use crate::upgrade::{self, Upgradable};
use crate::{Error, Formats, Step};

const FENCE: &str = "SELECT 1 FROM lease WHERE partition = $1 AND holder = $2 FOR UPDATE";

const NAMES: &str =
    "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename";

/// Tables whose lease is held.
struct Tables<'a> {
    link: &'a Link,
    lease: &'a Lease,
}

/// Brings the tables of a schema forward. Returns the name of the schema with their copy; nothing where there was nothing to do.
///
/// # Errors
/// As [`upgrade::upgrade`]; [`Error::Lease`] where another node has taken the store meanwhile.
pub(super) fn upgrade(
    link: &Link,
    lease: &Lease,
    schema: &str,
    formats: &Formats,
) -> Result<Option<String>, Error> {
    let tables = Tables { link, lease };
    let found = tables.format()?;
    let copy = if found < formats.newest { Some(tables.back_up(schema, found)?) } else { None };
    upgrade::upgrade(&tables, formats)?;
    Ok(copy)
}

impl Tables<'_> {
    /// Copies all tables; a copy of the same format that is there goes. Returns the name of the schema with the copy.
    fn back_up(&self, schema: &str, format: u32) -> Result<String, Error> {
        let copy = format!("{schema}_format_{format}");
        if SCHEMA_BYTES_MAX < copy.len() {
            return Err(wrong(format!("`schema` is too long for the copy `{copy}`")));
        }
        let mut sql =
            format!("DROP SCHEMA IF EXISTS \"{copy}\" CASCADE; CREATE SCHEMA \"{copy}\";");
        for row in self.link.query(NAMES, &[])? {
            let name: String = column(&row, 0)?;
            sql.push_str(&format!(
                "CREATE TABLE \"{copy}\".\"{name}\" (LIKE \"{name}\" INCLUDING ALL);
                 INSERT INTO \"{copy}\".\"{name}\" SELECT * FROM \"{name}\";"
            ));
        }
        self.change(&sql)?;
        Ok(copy)
    }

    /// Makes a change as one transaction, if the lease is held still.
    fn change(&self, sql: &str) -> Result<(), Error> {
        let changed = self.begin().and_then(|()| {
            self.link.execute_long(sql, LONG)?;
            Ok(self.link.execute_long("COMMIT", LONG)?)
        });
        if changed.is_err() {
            // A server that does not hear this takes the transaction back when the connection ends.
            let _ = self.link.execute("ROLLBACK");
        }
        changed
    }

    fn begin(&self) -> Result<(), Error> {
        self.link.execute("BEGIN")?;
        let rows = self.link.query(FENCE, &[&i32::from(PARTITION), &self.lease.holder()])?;
        if rows.is_empty() { Err(Error::Lease) } else { Ok(()) }
    }
}

impl Upgradable for Tables<'_> {
    fn format(&self) -> Result<u32, Error> {
        Ok(tables::format(self.link)?)
    }

    fn take(&self, step: &Step) -> Result<(), Error> {
        self.change(&format!("{}; UPDATE store SET format = {}", step.postgres, step.from + 1))
    }
}
