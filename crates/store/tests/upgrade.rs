//! Stores of an older format: brought forward whole or not at all, wherever they lie, and refused where that is not wanted.
//!
//! There is one format so far. The older one of these tests has other tables, other rows and another column; what lies in it was
//! committed by the store itself, with its journal, and was then taken back to that format.

#![expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]

#[expect(dead_code, reason = "the tests of PostgreSQL need more of it")]
mod proxy;
mod server;
#[expect(dead_code, reason = "the power cuts need more of it")]
mod workload;

use base::{Entropy, SeededEntropy};
use proxy::{Proxy, Way};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{
    Batch, Error, Formats, JournaledStore, Owner, PostgresConfig, PostgresStore, SimulatedDisk,
    SqliteStore, Step, Store,
};
use workload::{Contents, Kind, small};

/// Takes a store back to the older format: keys stand as hexadecimal text in a table of another name, chunks do not know their commit,
/// and the last commit has another name.
const AGE: Step = Step {
    from: 1,
    sqlite: "
        CREATE TABLE state (k TEXT NOT NULL PRIMARY KEY, v BLOB NOT NULL);
        INSERT INTO state SELECT hex(k), v FROM kv;
        DROP TABLE kv;
        ALTER TABLE log DROP COLUMN commit_no;
        UPDATE head SET name = 'last' WHERE name = 'commit';
        PRAGMA user_version = 0;",
    postgres: "
        CREATE TABLE state (k text NOT NULL PRIMARY KEY, v bytea NOT NULL);
        INSERT INTO state SELECT encode(k, 'hex'), v FROM kv;
        DROP TABLE kv;
        ALTER TABLE log DROP COLUMN commit_no;
        UPDATE head SET name = 'last' WHERE name = 'commit';
        UPDATE store SET format = 0;",
};

/// Brings it forward.
const RENEW: Step = Step {
    from: 0,
    sqlite: "
        CREATE TABLE kv (k BLOB NOT NULL PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
        INSERT INTO kv (k, v) SELECT unhex(k), v FROM state;
        DROP TABLE state;
        ALTER TABLE log ADD COLUMN commit_no INTEGER NOT NULL DEFAULT 0;
        UPDATE log SET commit_no = (SELECT number FROM head WHERE name = 'last');
        UPDATE head SET name = 'commit' WHERE name = 'last'",
    postgres: "
        CREATE TABLE kv (k bytea NOT NULL PRIMARY KEY, v bytea NOT NULL);
        INSERT INTO kv (k, v) SELECT decode(k, 'hex'), v FROM state;
        DROP TABLE state;
        ALTER TABLE log ADD COLUMN commit_no bigint NOT NULL DEFAULT 0;
        UPDATE log SET commit_no = (SELECT number FROM head WHERE name = 'last');
        UPDATE head SET name = 'commit' WHERE name = 'last'",
};

/// As [`RENEW`], but its last statement fails.
const BREAK: Step = Step {
    from: 0,
    sqlite: "
        CREATE TABLE kv (k BLOB NOT NULL PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
        INSERT INTO kv (k, v) SELECT unhex(k), v FROM state;
        DROP TABLE state;
        INSERT INTO nowhere VALUES (1)",
    postgres: "
        CREATE TABLE kv (k bytea NOT NULL PRIMARY KEY, v bytea NOT NULL);
        INSERT INTO kv (k, v) SELECT decode(k, 'hex'), v FROM state;
        DROP TABLE state;
        INSERT INTO nowhere VALUES (1)",
};

/// Steps to a format of tomorrow, one that fails and one that does not.
const BREAK_LATER: Step =
    Step { from: 1, sqlite: "DELETE FROM nowhere", postgres: "DELETE FROM nowhere" };
const LATER: Step = Step {
    from: 1,
    sqlite: "CREATE TABLE tomorrow (n INTEGER)",
    postgres: "CREATE TABLE tomorrow (n integer)",
};

const TODAY: Formats = Formats { newest: 1, steps: &[RENEW] };
const BROKEN: Formats = Formats { newest: 1, steps: &[BREAK] };
const BROKEN_LATER: Formats = Formats { newest: 2, steps: &[BREAK_LATER, RENEW] };
const TOMORROW: Formats = Formats { newest: 2, steps: &[RENEW, LATER] };

/// Changes in memory at which they are folded: some commits are in the tables, some in the journal.
const FOLD_BYTES: usize = 100 << 10;

/// Where a store lies that this version can open.
trait Place {
    fn open(&self) -> Result<Arc<dyn Store>, Error>;
    fn format(&self) -> Option<u32>;
    fn upgrade(&self, formats: &Formats) -> Result<(), Error>;
    /// Takes the step back to the older format.
    fn age(&self);

    fn journaled(&self) -> Result<JournaledStore, Error> {
        JournaledStore::with_fold_bytes(self.open()?, FOLD_BYTES)
    }

    /// Makes a store of the older format, and returns what it holds.
    fn make(&self, seed: u64) -> Contents {
        let store = self.journaled().unwrap();
        let contents = fill(&store, seed);
        drop(store);
        self.age();
        assert_eq!(self.format(), Some(0));
        contents
    }

    /// Checks that the store has today's format, is sound, holds just this, and goes on.
    fn check(&self, contents: &Contents) {
        assert_eq!(self.format(), Some(1));
        let store = self.journaled().unwrap();
        assert_eq!(Contents::read(&*store.snapshot().unwrap()).unwrap(), *contents);
        assert_eq!(store.verify().unwrap(), Vec::<String>::new());
        let epoch = store.open_epoch(0).unwrap();
        let batch = contents.next_batch(epoch, 1_000, &SeededEntropy::new(7));
        // Folded, so that tables and journal are both written.
        store.commit(0, &Batch { folds: true, ..batch.clone() }).unwrap();
        let after = contents.after(&batch);
        assert_eq!(Contents::read(&*store.snapshot().unwrap()).unwrap(), after);
    }
}

/// Commits a workload, and returns what the store holds then.
fn fill(store: &dyn Store, seed: u64) -> Contents {
    let entropy = SeededEntropy::new(seed);
    let epoch = store.open_epoch(0).unwrap();
    let mut contents = Contents::default();
    for operation in 0..25 {
        let batch = contents.next_batch(epoch, operation, &entropy);
        store.commit(0, &batch).unwrap();
        contents = contents.after(&batch);
    }
    contents
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store.db")
    }
}

impl Place for Folder {
    fn open(&self) -> Result<Arc<dyn Store>, Error> {
        Ok(Arc::new(SqliteStore::open(self.path(), &small())?))
    }

    fn format(&self) -> Option<u32> {
        SqliteStore::format(self.path()).unwrap()
    }

    fn upgrade(&self, formats: &Formats) -> Result<(), Error> {
        SqliteStore::upgrade(self.path(), formats).map(drop)
    }

    fn age(&self) {
        let connection = Connection::open(self.path()).unwrap();
        connection.execute_batch(&format!("BEGIN; {} COMMIT", AGE.sqlite)).unwrap();
    }
}

struct Database {
    config: PostgresConfig,
    owner: Owner,
}

impl Database {
    /// Returns a store of its own in the server; `None` where there is no server.
    fn find() -> Option<Self> {
        let mut config = PostgresConfig::new(server::shared()?.url(), "a");
        config.schema = server::schema();
        let owner = Owner { unit: "unit".into(), origin: "here".into() };
        Some(Self { config, owner })
    }

    /// Has the server run statements, as somebody else.
    fn run(&self, sql: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let url = server::shared().unwrap().url();
            let (client, connection) =
                tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(async move { connection.await.unwrap() });
            let schema = &self.config.schema;
            client.batch_execute(&format!("SET search_path TO {schema}; {sql}")).await.unwrap();
        });
    }
}

impl Place for Database {
    fn open(&self) -> Result<Arc<dyn Store>, Error> {
        Ok(Arc::new(PostgresStore::open(&self.config, &self.owner)?))
    }

    fn format(&self) -> Option<u32> {
        PostgresStore::format(&self.config, &self.owner).unwrap()
    }

    fn upgrade(&self, formats: &Formats) -> Result<(), Error> {
        PostgresStore::upgrade(&self.config, &self.owner, formats).map(drop)
    }

    fn age(&self) {
        self.run(AGE.postgres);
    }
}

macro_rules! promises {
    ($($promise:ident)*) => {
        mod sqlite { $(#[test] fn $promise() { super::$promise(&super::Folder::new()); })* }
        mod postgres {
            $(#[test] fn $promise() {
                if let Some(place) = super::Database::find() { super::$promise(&place); }
            })*
        }
    };
}

promises! {
    an_older_store_is_refused_until_it_is_brought_forward_with_its_journal
    a_step_that_fails_changes_nothing
    steps_that_were_taken_stay_taken
    a_newer_store_is_refused_by_name
    a_store_to_which_no_step_leads_is_left_as_it_is
}

fn an_older_store_is_refused_until_it_is_brought_forward_with_its_journal(place: &dyn Place) {
    let contents = place.make(1);
    assert!(matches!(place.open().err(), Some(Error::Older { found: 0, known: 1 })));
    place.upgrade(&TODAY).unwrap();
    place.check(&contents);
    place.upgrade(&TODAY).unwrap();
    assert_eq!(place.format(), Some(1), "nothing is left to do");
}

fn a_step_that_fails_changes_nothing(place: &dyn Place) {
    let contents = place.make(2);
    assert!(place.upgrade(&BROKEN).is_err());
    assert_eq!(place.format(), Some(0));
    place.upgrade(&TODAY).unwrap();
    place.check(&contents);
}

fn steps_that_were_taken_stay_taken(place: &dyn Place) {
    let contents = place.make(3);
    assert!(place.upgrade(&BROKEN_LATER).is_err());
    place.check(&contents);
    place.upgrade(&TOMORROW).unwrap();
    assert_eq!(place.format(), Some(2));
}

fn a_newer_store_is_refused_by_name(place: &dyn Place) {
    place.make(4);
    place.upgrade(&TOMORROW).unwrap();
    assert!(matches!(place.open().err(), Some(Error::Newer { found: 2, known: 1 })));
    assert!(matches!(place.upgrade(&TODAY), Err(Error::Newer { found: 2, known: 1 })));
    assert_eq!(place.format(), Some(2));
}

fn a_store_to_which_no_step_leads_is_left_as_it_is(place: &dyn Place) {
    let contents = place.make(5);
    let refused = place.upgrade(&Formats { newest: 1, steps: &[] });
    assert!(matches!(refused, Err(Error::Older { found: 0, known: 1 })));
    place.upgrade(&TODAY).unwrap();
    place.check(&contents);
}

/// Returns file and write-ahead log of a store in the older format; the log holds all of that format, as after a kill.
fn aged_files(folder: &Path, seed: u64) -> (Contents, [Vec<u8>; 2]) {
    let path = folder.join("old.db");
    let tables = Arc::new(SqliteStore::open(&path, &small()).unwrap());
    let contents = fill(&JournaledStore::with_fold_bytes(tables, FOLD_BYTES).unwrap(), seed);
    let files = files_while_open(&path, &format!("BEGIN; {} COMMIT", AGE.sqlite));
    (contents, files)
}

/// Has SQLite run statements, and returns file and write-ahead log as a kill right behind them leaves them.
fn files_while_open(path: &Path, sql: &str) -> [Vec<u8>; 2] {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA wal_autocheckpoint = 0").unwrap();
    connection.execute_batch(sql).unwrap();
    let log = path.with_extension("db-wal");
    let files = [path, log.as_path()].map(|path| std::fs::read(path).unwrap());
    assert!(files.iter().all(|file| !file.is_empty()));
    files
}

/// How far one power cut is from the next, in writes: not a multiple of anything that writes have in common.
const STRIDE: u64 = 7;

#[test]
fn a_power_cut_at_any_write_leaves_one_format_or_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (contents, [file, log]) = aged_files(folder.path(), 6);
    let (mut cut, mut old, mut new) = (0, 0, 0);
    loop {
        let disk = SimulatedDisk::new(cut);
        disk.put("store", file.clone());
        disk.put("store-wal", log.clone());
        disk.cut_after(cut);
        let done = SqliteStore::upgrade_on(&disk, "store", &TODAY);
        let is_whole = !disk.is_off();
        assert_eq!(done.is_ok(), is_whole, "write {cut}");
        disk.cut();
        disk.crash(cut);
        match Kind::Journal.open(&disk) {
            Ok(_) => new += 1,
            Err(Error::Older { found: 0, known: 1 }) => old += 1,
            Err(error) => panic!("write {cut}: {error}"),
        }
        // The next attempt goes on, whatever the cut left.
        SqliteStore::upgrade_on(&disk, "store", &TODAY).unwrap();
        let store = Kind::Journal.open(&disk).unwrap();
        let found = Contents::read(&*store.snapshot().unwrap()).unwrap();
        assert!(found == contents, "write {cut}: {}", contents.difference(&found));
        assert_eq!(store.verify().unwrap(), Vec::<String>::new(), "write {cut}");
        if is_whole {
            break;
        }
        cut += STRIDE;
    }
    assert!(10 < old && 3 < new, "{old} cuts before the step was durable, {new} behind it");
}

#[test]
fn the_format_is_that_of_the_log_where_a_crash_left_it_there() {
    let folder = Folder::new();
    let contents = folder.make(7);
    let step = format!("BEGIN; {}; PRAGMA user_version = 1; COMMIT", RENEW.sqlite);
    let [file, log] = files_while_open(&folder.path(), &step);
    assert_eq!(file[60..64], [0, 0, 0, 0], "the head of the file tells the format of before");
    let crashed = Folder::new();
    std::fs::write(crashed.path(), file).unwrap();
    std::fs::write(crashed.path().with_extension("db-wal"), log).unwrap();
    assert_eq!(crashed.format(), Some(1), "what a backup would be labelled with");
    crashed.check(&contents);
}

#[test]
fn the_tables_of_a_database_are_copied_before() {
    let Some(place) = Database::find() else { return };
    let contents = place.make(8);
    let copy = PostgresStore::upgrade(&place.config, &place.owner, &TODAY).unwrap().unwrap();
    assert_eq!(copy, format!("{}_format_0", place.config.schema));
    place.check(&contents);
    // Going back is giving the copy the name of the store.
    let schema = &place.config.schema;
    place.run(&format!("DROP SCHEMA {schema} CASCADE; ALTER SCHEMA {copy} RENAME TO {schema}"));
    assert_eq!(place.format(), Some(0));
    place.upgrade(&TODAY).unwrap();
    place.check(&contents);
    let again = PostgresStore::upgrade(&place.config, &place.owner, &TODAY).unwrap();
    assert_eq!(again, None, "nothing is left to do");
}

#[test]
fn a_connection_that_is_cut_at_any_byte_leaves_one_format_or_the_next() {
    let Some(server) = server::shared() else { return };
    let entropy = SeededEntropy::new(9);
    let mut cuts = 0;
    for seed in 0..12 {
        let Some(place) = Database::find() else { return };
        let contents = place.make(seed);
        let proxy = Proxy::to(server.port);
        let mut config = place.config.clone();
        config.url = format!("postgres://craton@127.0.0.1:{}/postgres", proxy.port);
        let way = if seed % 2 == 0 { Way::There } else { Way::Back };
        proxy.cut_after(way, (entropy.number() % 6_000) as usize, 0);
        let done = PostgresStore::upgrade(&config, &place.owner, &TODAY);
        cuts += proxy.cuts();
        proxy.restore();
        let format = place.format();
        assert!(matches!(format, Some(0 | 1)));
        assert!(done.is_err() || format == Some(1), "seed {seed}: what was told has happened");
        place.upgrade(&TODAY).unwrap();
        place.check(&contents);
    }
    assert!(4 <= cuts, "{cuts} connections were cut");
}

#[test]
fn the_node_that_holds_the_store_keeps_others_from_bringing_it_forward() {
    let Some(place) = Database::find() else { return };
    let store = place.open().unwrap();
    let other = PostgresConfig { node: "b".into(), ..place.config.clone() };
    place.run("UPDATE store SET format = 0");
    let refused = PostgresStore::upgrade(&other, &place.owner, &TODAY);
    assert!(matches!(refused, Err(Error::Held { node }) if node == "a"));
    assert_eq!(place.format(), Some(0));
    drop(store);
}
