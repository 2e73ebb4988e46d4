//! A PostgreSQL server for the tests of one program. It ends with the program.

#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "a test ends where its server does")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/doors/pgstore/server.sh");

/// A server that runs.
pub struct Server {
    pub port: u16,
    /// The end of its standard input ends the server.
    _life: Child,
}

impl Server {
    /// Starts a server, with a certificate and its key where they are given. `None` where none is installed.
    pub fn start(certificate: Option<[&Path; 2]>) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut life = Command::new("bash")
            .arg(SCRIPT)
            .arg(port.to_string())
            .args(certificate.into_iter().flatten())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(life.stdout.take().unwrap()).read_line(&mut line).unwrap();
        match line.trim() {
            "ready" => Some(Self { port, _life: life }),
            "absent" => None,
            other => panic!("the server did not start: `{other}`"),
        }
    }

    /// Returns the address of the database.
    pub fn url(&self) -> String {
        format!("postgres://craton@127.0.0.1:{}/postgres", self.port)
    }
}

/// Returns the server that all tests of this program share; `None`, with a word, where none is installed.
pub fn shared() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| Server::start(None)).as_ref();
    if server.is_none() {
        eprintln!("no PostgreSQL server is installed (initdb, pg_ctl): this test is left out");
    }
    server
}

/// Returns a name of a schema that no other test has.
pub fn schema() -> String {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    format!("test_{}", LAST.fetch_add(1, Ordering::SeqCst))
}
