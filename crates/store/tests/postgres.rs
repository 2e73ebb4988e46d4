//! How a store in PostgreSQL behaves when the network, another node or the server does not.

#![expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]

mod proxy;
mod server;
#[expect(dead_code, reason = "the power cuts need more of it")]
mod workload;

use base::{Clock, Entropy, SeededEntropy, SystemClock};
use proxy::{Proxy, Way};
use server::Server;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;
use store::{
    Batch, Blobs, Chunk, Error, JournaledStore, LeasedBlobs, MemoryBlobs, Owner, PostgresConfig,
    PostgresStore, Store,
};
use workload::Contents;

/// The longest that something may take which ends by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns the configuration of a node at a new store.
fn node(server: &Server, name: &str) -> PostgresConfig {
    let mut config = PostgresConfig::new(server.url(), name);
    config.schema = server::schema();
    config
}

/// Returns the configuration of another node at the same store.
fn beside(config: &PostgresConfig, name: &str) -> PostgresConfig {
    PostgresConfig { node: name.into(), ..config.clone() }
}

fn open(config: &PostgresConfig) -> PostgresStore {
    PostgresStore::open(config, &Owner::default()).unwrap()
}

fn put(epoch: u64, key: &str, value: &str) -> Batch {
    Batch { epoch, writes: vec![(key.into(), Some(value.into()))], ..Batch::default() }
}

/// Has the server run statements, as somebody else.
fn run(url: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(async move { connection.await.unwrap() });
        client.batch_execute(sql).await.unwrap();
    });
}

/// Repeats something until it succeeds; says how long that took.
fn until<T>(mut attempt: impl FnMut() -> Option<T>) -> (T, Duration) {
    let clock = SystemClock::new();
    loop {
        if let Some(done) = attempt() {
            return (done, clock.monotonic());
        }
        assert!(clock.monotonic() < PATIENCE, "this takes too long");
    }
}

/// What became of the commits of a run.
#[derive(Debug, Default)]
struct Outcomes {
    done: u32,
    refused: u32,
    unknown: u32,
    cuts: u32,
}

/// Commits while connections are cut at any byte, and checks each answer against what the store shows.
fn commit_while_cut(
    config: &PostgresConfig,
    proxy: &Proxy,
    is_journaled: bool,
    seed: u64,
) -> Outcomes {
    let entropy = SeededEntropy::new(seed);
    let below = |limit: u64| entropy.number() % limit;
    let tables = Arc::new(open(config)) as Arc<dyn Store>;
    let store: Arc<dyn Store> = match is_journaled {
        true => Arc::new(JournaledStore::with_fold_bytes(tables, 40 << 10).unwrap()),
        false => tables,
    };
    let epoch = store.open_epoch(0).unwrap();
    let (mut contents, mut outcomes) = (Contents::default(), Outcomes::default());
    for operation in 0..40 {
        let batch = contents.next_batch(epoch, operation, &entropy);
        let after = contents.after(&batch);
        if below(2) == 0 {
            let (way, bytes) = match below(2) {
                0 => (Way::There, below(30_000)),
                _ => (Way::Back, below(300)),
            };
            proxy.cut_after(way, bytes as usize, below(3) as u32);
        }
        let answer = store.commit(0, &batch);
        proxy.restore();
        let found = Contents::read(&*store.snapshot().unwrap()).unwrap();
        match answer {
            Ok(commit) => {
                assert_eq!((commit, &found), (after.commit, &after), "seed {seed}");
                outcomes.done += 1;
            }
            Err(Error::Unavailable { .. }) => {
                assert_eq!(found, contents, "seed {seed}: nothing has happened");
                outcomes.refused += 1;
            }
            Err(Error::Unknown) => {
                assert!(found == contents || found == after, "seed {seed}: all or nothing");
                outcomes.unknown += 1;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
        contents = found;
    }
    assert_eq!(store.verify().unwrap(), Vec::<String>::new(), "seed {seed}");
    drop(store);
    let tables = Arc::new(open(config)) as Arc<dyn Store>;
    let again: Arc<dyn Store> = match is_journaled {
        true => Arc::new(JournaledStore::open(tables).unwrap()),
        false => tables,
    };
    assert_eq!(Contents::read(&*again.snapshot().unwrap()).unwrap(), contents, "seed {seed}");
    outcomes.cuts = proxy.cuts();
    outcomes
}

#[test]
fn a_connection_that_is_cut_loses_nothing_and_doubles_nothing() {
    let Some(server) = server::shared() else { return };
    let seeds = std::env::var("CRATON_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    for is_journaled in [false, true] {
        let mut all = Outcomes::default();
        for seed in 0..seeds {
            let proxy = Proxy::to(server.port);
            let mut config = node(server, "a");
            config.url = format!("postgres://craton@127.0.0.1:{}/postgres", proxy.port);
            let outcomes = commit_while_cut(&config, &proxy, is_journaled, seed);
            all.done += outcomes.done;
            all.refused += outcomes.refused;
            all.unknown += outcomes.unknown;
            all.cuts += outcomes.cuts;
        }
        // Cuts fell before, in and after commits: some were done all the same.
        let is_much = 20 < all.done && 5 < all.refused && 0 < all.unknown && 10 < all.cuts;
        assert!(is_much, "journaled {is_journaled}: {all:?}");
    }
}

#[test]
fn a_second_node_is_kept_out_until_the_first_lets_go() {
    let Some(server) = server::shared() else { return };
    let first = node(server, "a");
    let second = beside(&first, "b");
    let store = open(&first);
    let epoch = store.open_epoch(0).unwrap();
    store.commit(0, &put(epoch, "key", "1")).unwrap();
    let refused = PostgresStore::open(&second, &Owner::default());
    assert!(matches!(refused, Err(Error::Held { node }) if node == "a"));
    assert_eq!(store.commit(0, &put(epoch, "key", "2")).unwrap(), 2);
    drop(store);
    let store = open(&second);
    assert_eq!(store.snapshot().unwrap().get(b"key").unwrap(), Some(b"2".to_vec()));
    assert!(epoch < store.open_epoch(0).unwrap());
}

#[test]
fn a_node_that_is_cut_off_stops_before_another_takes_over() {
    let Some(server) = server::shared() else { return };
    let second = PostgresConfig { lease_ms: 1_500, ..node(server, "b") };
    let proxy = Proxy::to(server.port);
    let first = PostgresConfig {
        url: format!("postgres://craton@127.0.0.1:{}/postgres", proxy.port),
        ..beside(&second, "a")
    };
    let store = open(&first);
    let epoch = store.open_epoch(0).unwrap();
    store.commit(0, &put(epoch, "key", "1")).unwrap();
    let kept = store.snapshot().unwrap();
    proxy.stand_still();
    let (taken, time) = until(|| PostgresStore::open(&second, &Owner::default()).ok());
    assert!(matches!(store.snapshot(), Err(Error::Lease)), "it has stopped by itself");
    assert!(matches!(store.commit(0, &put(epoch, "key", "2")), Err(Error::Lease)));
    assert!(time < Duration::from_secs(5), "{time:?}");
    let newer = taken.open_epoch(0).unwrap();
    taken.commit(0, &put(newer, "key", "3")).unwrap();
    proxy.restore();
    // What it hears when it is back: another one has the store, for good.
    let lost = store.lease().lost();
    until(|| lost.borrow().is_some().then_some(()));
    assert!(
        matches!(store.commit(0, &put(epoch, "key", "4")), Err(Error::Fenced { epoch }) if epoch == newer)
    );
    assert!(kept.get(b"key").is_err(), "what is read now may be somebody else's");
    assert_eq!(taken.snapshot().unwrap().get(b"key").unwrap(), Some(b"3".to_vec()));
}

#[test]
fn a_writer_whose_row_is_another_ones_commits_nothing() {
    let Some(server) = server::shared() else { return };
    let config = node(server, "a");
    let schema = &config.schema;
    let store = open(&config);
    let epoch = store.open_epoch(0).unwrap();
    store.commit(0, &put(epoch, "key", "1")).unwrap();
    // It relies on its lease, as somebody does who stood still and does not know it.
    run(&server.url(), &format!("UPDATE {schema}.lease SET holder = 'b/1', epoch = epoch + 1"));
    let chunk = Chunk { log: "s".into(), offset: 0, count: 1, format: 1, bytes: vec![1] };
    let batch = Batch { chunks: vec![chunk], ..put(epoch, "key", "2") };
    assert!(
        matches!(store.commit(0, &batch), Err(Error::Fenced { epoch: found }) if found == epoch + 1)
    );
    assert!(matches!(store.check_held(), Err(Error::Fenced { .. })));
    assert!(matches!(store.snapshot(), Err(Error::Fenced { .. })));
    drop(store);
    run(&server.url(), &format!("UPDATE {schema}.lease SET until = clock_timestamp()"));
    let store = open(&config);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(
        (snapshot.commit(), snapshot.get(b"key").unwrap(), snapshot.log_end("s").unwrap()),
        (1, Some(b"1".to_vec()), 0)
    );
}

#[test]
fn a_node_that_starts_again_in_its_place_takes_over_at_once() {
    let Some(server) = server::shared() else { return };
    let config = node(server, "a");
    let here = Owner { unit: "unit".into(), origin: "machine:/folder".into() };
    let there = Owner { origin: "machine:/other".into(), ..here.clone() };
    let store = PostgresStore::open(&config, &here).unwrap();
    let epoch = store.open_epoch(0).unwrap();
    assert!(matches!(PostgresStore::open(&config, &there), Err(Error::Held { .. })));
    assert!(matches!(PostgresStore::open(&beside(&config, "b"), &here), Err(Error::Held { .. })));
    let again = PostgresStore::open(&config, &here).unwrap();
    assert!(matches!(store.commit(0, &put(epoch, "key", "1")), Err(Error::Fenced { .. })));
    assert_eq!(again.snapshot().unwrap().commit(), 0);
}

#[test]
fn a_database_of_another_unit_or_a_newer_version_is_refused() {
    let Some(server) = server::shared() else { return };
    let config = node(server, "a");
    let owner = |unit: &str| Owner { unit: unit.into(), ..Owner::default() };
    drop(PostgresStore::open(&config, &owner("one")).unwrap());
    let refused = PostgresStore::open(&config, &owner("two"));
    assert!(matches!(refused, Err(Error::Foreign { unit }) if unit == "one"));
    run(&server.url(), &format!("UPDATE {}.store SET format = 9", config.schema));
    let refused = PostgresStore::open(&config, &owner("one"));
    assert!(matches!(refused, Err(Error::Newer { found: 9, known: 1 })));
}

#[test]
fn commits_that_the_server_has_lost_are_noticed() {
    let Some(server) = server::shared() else { return };
    let config = node(server, "a");
    let store = open(&config);
    let epoch = store.open_epoch(0).unwrap();
    for value in ["1", "2", "3"] {
        store.commit(0, &put(epoch, "key", value)).unwrap();
    }
    run(
        &server.url(),
        &format!("UPDATE {}.head SET number = 2 WHERE name = 'commit'", config.schema),
    );
    assert!(matches!(store.commit(0, &put(epoch, "key", "4")), Err(Error::Unavailable { .. })));
    assert!(matches!(store.commit(0, &put(epoch, "key", "4")), Err(Error::Damaged { .. })));
}

#[test]
fn verify_finds_a_gap_a_wrong_end_and_a_wrong_commit_number() {
    let Some(server) = server::shared() else { return };
    let check = |sql: &str, finding: &str| {
        let config = node(server, "a");
        let store = open(&config);
        let epoch = store.open_epoch(0).unwrap();
        let chunk = |offset| Chunk { log: "s".into(), offset, count: 2, format: 1, bytes: vec![1] };
        let chunks = vec![chunk(0), chunk(2), chunk(4)];
        store.commit(0, &Batch { epoch, chunks, ..Batch::default() }).unwrap();
        assert_eq!(store.verify().unwrap(), Vec::<String>::new());
        run(&server.url(), &sql.replace("craton.", &format!("{}.", config.schema)));
        assert_eq!(store.verify().unwrap(), [finding]);
    };
    check("DELETE FROM craton.log WHERE id & 255 = 2", "log `s` goes on at 4 after 2");
    check(
        "UPDATE craton.head SET number = 9 WHERE name = 'log/s'",
        "log `s` ends at 9, but its chunks end at 6",
    );
    check(
        "UPDATE craton.head SET number = 0 WHERE name = 'commit'",
        "a chunk is of commit 1, but the last commit is 0",
    );
}

#[test]
fn a_snapshot_that_is_open_for_too_long_is_ended_with_a_reason() {
    let Some(server) = server::shared() else { return };
    let config = PostgresConfig { lease_ms: 300, transaction_ms_max: 1_000, ..node(server, "a") };
    let store = open(&config);
    let epoch = store.open_epoch(0).unwrap();
    store.commit(0, &put(epoch, "key", "1")).unwrap();
    let snapshot = store.snapshot().unwrap();
    let current = store.snapshot().unwrap();
    store.commit(0, &put(epoch, "key", "2")).unwrap();
    assert_eq!(snapshot.get(b"key").unwrap(), Some(b"1".to_vec()));
    let (error, _) = until(|| snapshot.get(b"key").err());
    assert!(matches!(&error, Error::Unavailable { .. }), "{error}");
    assert!(current.get(b"key").is_err(), "they share a transaction");
    assert_eq!(store.snapshot().unwrap().get(b"key").unwrap(), Some(b"2".to_vec()));
}

#[test]
fn a_database_that_goes_away_for_a_moment_is_found_again() {
    let Some(server) = server::shared() else { return };
    let config = node(server, "cut off");
    let store = JournaledStore::open(Arc::new(open(&config))).unwrap();
    let epoch = store.open_epoch(0).unwrap();
    store.commit(0, &put(epoch, "key", "1")).unwrap();
    // As a restart does: every connection of the store ends.
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'craton cut off'";
    run(&server.url(), sql);
    let (commit, _) = until(|| store.commit(0, &put(epoch, "key", "2")).ok());
    assert_eq!(store.snapshot().unwrap().commit(), commit);
    assert_eq!(store.snapshot().unwrap().get(b"key").unwrap(), Some(b"2".to_vec()));
}

#[test]
fn files_are_changed_by_the_holder_of_the_lease_only() {
    let Some(server) = server::shared() else { return };
    let config = node(server, "a");
    let store = open(&config);
    let below = Arc::new(MemoryBlobs::default());
    let blobs = LeasedBlobs::new(below, Arc::clone(store.lease()));
    blobs.put("a/b", &mut |out| out.write_all(b"1")).unwrap();
    let take = format!("UPDATE {}.lease SET holder = 'b/1', epoch = epoch + 1", config.schema);
    let refused = blobs.put("a/c", &mut |out| {
        // The lease goes while the file is being written.
        run(&server.url(), &take);
        assert!(store.commit(0, &Batch::default()).is_err());
        out.write_all(b"2")
    });
    assert!(refused.is_err());
    assert_eq!((blobs.size("a/b").unwrap(), blobs.size("a/c").unwrap()), (Some(1), None));
    assert!(blobs.delete("a/b").is_err());
    assert_eq!(blobs.read("a/b", 0..1).unwrap(), b"1");
}

#[test]
fn tls_takes_the_server_that_is_vouched_for_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let certificate =
        |host: &str| rcgen::generate_simple_self_signed(vec![host.to_owned()]).unwrap();
    let (own, other) = (certificate("localhost"), certificate("localhost"));
    let own_file = file("own.pem", &own.cert.pem(), 0o644);
    let key = file("own.key", &own.signing_key.serialize_pem(), 0o600);
    let Some(server) = Server::start(Some([own_file.as_path(), key.as_path()])) else { return };
    run(&server.url(), "CREATE ROLE keyed LOGIN SUPERUSER PASSWORD 'hidden word'");
    let open = |host: &str, query: &str, roots: Option<&str>, password: &str, mode: u32| {
        let url = format!("postgres://keyed@{host}:{}/postgres?{query}", server.port);
        let mut config =
            PostgresConfig { schema: server::schema(), ..PostgresConfig::new(url, "a") };
        config.root_certificates = roots.map(|pem| file("roots.pem", pem, 0o644));
        config.password_file = Some(file("password", password, mode));
        PostgresStore::open(&config, &Owner::default()).map(drop).map_err(|error| error.to_string())
    };
    let verified = "sslmode=verify-full&channel_binding=require";
    open("localhost", verified, Some(&own.cert.pem()), "hidden word\n", 0o600).unwrap();
    open("localhost", "sslmode=require&channel_binding=require", None, "hidden word", 0o600)
        .unwrap();
    let refused = [
        open("localhost", verified, Some(&other.cert.pem()), "hidden word", 0o600),
        open("127.0.0.1", verified, Some(&own.cert.pem()), "hidden word", 0o600),
        open("localhost", verified, Some(&own.cert.pem()), "another word", 0o600),
        open("localhost", verified, Some(&own.cert.pem()), "hidden word", 0o644),
        open("localhost", verified, Some("no certificate"), "hidden word", 0o600),
        open("localhost", "sslmode=disable", None, "hidden word", 0o600),
    ];
    for refused in refused {
        let said = refused.unwrap_err();
        assert!(!said.contains("hidden") && !said.contains("another word"), "{said}");
    }
}
