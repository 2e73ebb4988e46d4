//! The tables, and the statements that read and change them.
//!
//! | table | holds |
//! |---|---|
//! | `store` | the format, and the id of the unit to which all of this belongs |
//! | `kv` | the state: keys and values |
//! | `head` | `commit`: the last commit number; `log/NAME`: where the log ends, and its number |
//! | `log` | chunks by `(number of the log << 40) + offset`, so that a log's chunks lie side by side |
//! | `lease` | who holds which partition, under which epoch, until when by the server's clock |
//!
//! Keys are `bytea`, which the server orders by bytes. Values stay as they are in their rows up to a page, and are not compressed.

use super::link::{Failed, Link, column};
use super::place::Place;
use crate::heads::Heads;
use crate::numbers::signed;
use crate::{Error, Formats};

/// The format that this version writes, and the newest that it reads.
const FORMAT: u32 = Formats::CURRENT.newest;

/// The oldest server that is taken, as it numbers itself.
const SERVER_MIN: i32 = 130_000;

/// The lock under which tables are made.
const MAKING: i64 = 0x4352_4154;

const TABLES: &str = "
    CREATE TABLE store (format integer NOT NULL, unit text NOT NULL);
    CREATE TABLE kv (k bytea NOT NULL PRIMARY KEY, v bytea NOT NULL)
        WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05);
    ALTER TABLE kv ALTER COLUMN v SET STORAGE EXTERNAL;
    CREATE TABLE head (name text COLLATE \"C\" NOT NULL PRIMARY KEY, number bigint NOT NULL, log bigint)
        WITH (fillfactor = 50);
    CREATE TABLE log (
        id bigint NOT NULL PRIMARY KEY, count bigint NOT NULL, format smallint NOT NULL,
        commit_no bigint NOT NULL, bytes bytea NOT NULL
    ) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05);
    ALTER TABLE log ALTER COLUMN bytes SET STORAGE EXTERNAL;
    CREATE TABLE lease (
        partition integer NOT NULL PRIMARY KEY, epoch bigint NOT NULL, holder text NOT NULL, term bigint NOT NULL,
        node text NOT NULL, origin text NOT NULL, until timestamptz NOT NULL
    ) WITH (fillfactor = 50);
    INSERT INTO head (name, number) VALUES ('commit', 0);
";

/// What a change of the logs alone does: the fence, the number, the ends, the chunks.
///
/// One statement is one transaction and one round trip. It waits for whoever changes the lease, and does nothing at all where the
/// lease is no longer the writer's or the commit before is not the one that the writer knows.
macro_rules! append {
    ($further:literal) => {
        concat!(
            "WITH fence AS MATERIALIZED (
                SELECT 1 FROM lease WHERE partition = $1 AND epoch = $2 AND holder = $3 AND term = $4 FOR UPDATE
            ), moved AS (
                UPDATE head SET number = $5::bigint FROM fence WHERE name = 'commit' AND number = $5::bigint - 1 RETURNING 1
            ), ends AS (
                INSERT INTO head (name, number, log)
                SELECT 'log/' || e.name, e.number, e.log
                FROM moved, unnest($6::text[], $7::bigint[], $8::bigint[]) AS e(name, number, log)
                ON CONFLICT (name) DO UPDATE SET number = excluded.number
            ), chunks AS (
                INSERT INTO log (id, count, format, commit_no, bytes)
                SELECT c.id, c.count, c.format, $5::bigint, c.bytes
                FROM moved, unnest($9::bigint[], $10::bigint[], $11::smallint[], $12::bytea[]) AS c(id, count, format, bytes)
            )",
            $further,
            " SELECT count(*) FROM moved"
        )
    };
}

/// Appends to logs.
pub(super) const APPEND: &str = append!("");

/// Appends to logs, changes keys, and shortens logs.
pub(super) const CHANGE: &str = append!(
    ", puts AS (
        INSERT INTO kv (k, v) SELECT p.k, p.v FROM moved, unnest($13::bytea[], $14::bytea[]) AS p(k, v)
        ON CONFLICT (k) DO UPDATE SET v = excluded.v
    ), deletes AS (
        DELETE FROM kv USING moved WHERE k = ANY ($15::bytea[])
    ), trims AS (
        DELETE FROM log USING moved, unnest($16::bigint[], $17::bigint[]) AS t(first, upto)
        WHERE t.first <= id AND id < t.upto AND id + count <= t.upto
    )"
);

pub(super) const GET: &str = "SELECT v FROM kv WHERE k = $1";
pub(super) const GET_MANY: &str = "SELECT k, v FROM kv WHERE k = ANY ($1::bytea[])";
pub(super) const SCAN: &str = "SELECT k, v FROM kv WHERE $1 <= k AND k < $2 ORDER BY k LIMIT $3";
pub(super) const SCAN_BACK: &str =
    "SELECT k, v FROM kv WHERE $1 <= k AND k < $2 ORDER BY k DESC LIMIT $3";

/// The chunks from the one that holds an offset: it is the last that begins at or before it, and may be trimmed.
pub(super) const CHUNKS: &str = "
    SELECT id, count, format, bytes FROM log
    WHERE coalesce((SELECT max(id) FROM log WHERE $1 <= id AND id <= $2), $2) <= id AND id < $3
    ORDER BY id LIMIT $4";

/// Begins a read transaction and looks at once: it sees what is there at its first look.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT number FROM head WHERE name = 'commit'";
pub(super) const END: &str = "ROLLBACK";

const HEADS: &str = "SELECT name, number, log FROM head";

/// Reads the numbers of `head`.
pub(super) fn heads(link: &Link) -> Result<Heads, Failed> {
    let mut heads = Heads::default();
    for row in link.query(HEADS, &[])? {
        heads.take(column(&row, 0)?, column(&row, 1)?, || column(&row, 2))?;
    }
    Ok(heads)
}

/// Makes the tables where there are none, and checks that they are those of this unit and of no newer version.
///
/// # Errors
/// [`Error::Newer`], [`Error::Foreign`], [`Error::Address`] where the user may not make tables or the server is not fit.
pub(super) fn prepare(link: &Link, place: &Place, unit: &str) -> Result<(), Error> {
    check_server(link)?;
    let row = link.query_one("SELECT to_regnamespace($1) IS NOT NULL", &[&place.config.schema])?;
    if !has_tables(link)? {
        make(link, &place.config.schema, column(&row, 0)?, unit)?;
    }
    check_unit(link, unit)?;
    check_format(link, 0)
}

/// Checks that the tables have the format of this version.
///
/// # Errors
/// [`Error::Newer`], [`Error::Older`].
pub(super) fn expect_current(link: &Link) -> Result<(), Error> {
    check_format(link, FORMAT)
}

fn check_format(link: &Link, oldest: u32) -> Result<(), Error> {
    let (found, known) = (format(link)?, FORMAT);
    if known < found {
        return Err(Error::Newer { found, known });
    }
    if found < oldest { Err(Error::Older { found, known }) } else { Ok(()) }
}

/// Returns the format that the tables have.
pub(super) fn format(link: &Link) -> Result<u32, Failed> {
    let row = link.query_one("SELECT format FROM store", &[])?;
    Ok(u32::try_from(column::<i32>(&row, 0)?).unwrap_or_default())
}

/// Returns whether there are tables.
pub(super) fn has_tables(link: &Link) -> Result<bool, Failed> {
    column(&link.query_one("SELECT to_regclass('store') IS NOT NULL", &[])?, 0)
}

/// Checks that the tables are those of a unit.
///
/// # Errors
/// [`Error::Foreign`].
pub(super) fn check_unit(link: &Link, unit: &str) -> Result<(), Error> {
    let found: String = column(&link.query_one("SELECT unit FROM store", &[])?, 0)?;
    if found == unit { Ok(()) } else { Err(Error::Foreign { unit: found }) }
}

/// Makes the tables, unless another node has made them meanwhile.
fn make(link: &Link, schema: &str, has_schema: bool, unit: &str) -> Result<(), Error> {
    // Who may use a schema that is there need not be somebody who may make one.
    if !has_schema {
        link.execute(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""))?;
    }
    link.execute("BEGIN")?;
    link.query("SELECT pg_advisory_xact_lock($1)", &[&MAKING])?;
    if !has_tables(link)? {
        link.execute(TABLES)?;
        let format = i32::try_from(FORMAT).unwrap_or_default();
        link.query("INSERT INTO store (format, unit) VALUES ($1, $2)", &[&format, &unit])?;
    }
    Ok(link.execute("COMMIT")?)
}

/// Refuses a server that is too old, or that loses what it has acknowledged.
fn check_server(link: &Link) -> Result<(), Error> {
    let sql = "SELECT current_setting('server_version_num')::integer, current_setting('server_version'), current_setting('fsync')";
    let row = link.query_one(sql, &[])?;
    let (number, version): (i32, String) = (column(&row, 0)?, column(&row, 1)?);
    if number < SERVER_MIN {
        let reason = format!(
            "the server is PostgreSQL {version}; it takes {} or later",
            SERVER_MIN / 10_000
        );
        return Err(Error::Address { reason });
    }
    if column::<String>(&row, 2)? != "on" {
        let reason = "the server runs with `fsync = off`: it loses commits when its machine fails";
        return Err(Error::Address { reason: reason.into() });
    }
    Ok(())
}

/// Returns a limit as the server takes it.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Returns a number as the server stores it.
pub(super) fn number(number: u64) -> i64 {
    signed(number)
}
