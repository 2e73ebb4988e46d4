//! The real binary, as tests run it: in a folder of their own, on ports that are free.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// How often a question is repeated until the unit has got so far; each try starts a process.
const TRIES_MAX: usize = 2_000;

/// Returns a folder of its own for a test.
pub fn folder(file: &str, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("removes what an earlier run left");
    }
    std::fs::create_dir_all(&folder).expect("makes the folder");
    folder
}

pub fn craton(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_craton"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("CRATON_UNIT")
        .env_remove("CRATON_TOKEN")
        // What runs on this machine is reached without a proxy.
        .env("NO_PROXY", "127.0.0.1,localhost")
        .env("no_proxy", "127.0.0.1,localhost")
        .stdin(Stdio::null());
    command
}

/// Runs a command that must succeed, and returns what it says.
#[track_caller]
pub fn said(folder: &Path, arguments: &[&str]) -> String {
    let output = craton(folder, arguments).output().expect("starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Repeats a command until its answer satisfies `is_there`.
#[track_caller]
pub fn wait_for(folder: &Path, arguments: &[&str], is_there: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for _ in 0..TRIES_MAX {
        let output = craton(folder, arguments).output().expect("starts");
        text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() && is_there(&text) {
            return text;
        }
    }
    panic!("{arguments:?} never answered as hoped, at last: {text}");
}

/// Returns an address at which nobody listens. It is below those ports that the system gives out by itself: nobody who asks for any port
/// gets this one before the unit listens there.
pub fn address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id() * 61 + NEXT.fetch_add(1, Ordering::Relaxed);
        let address = format!("127.0.0.1:{}", 12_000 + number % 20_000);
        if std::net::TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

/// Makes a unit on free ports.
pub fn init(folder: &Path, name: &str, further: &[&str]) -> String {
    let [listen, peers, postgres] = [(); 3].map(|()| address());
    said(
        folder,
        &[
            &["init", name, "--listen", &listen, "--listen-peers", &peers] as &[&str],
            &["--listen-postgres", &postgres],
            further,
        ]
        .concat(),
    )
}

/// A program that runs, and its log.
pub struct Up {
    pub child: Child,
    log: BufReader<ChildStdout>,
}

impl Up {
    /// Runs `craton up`.
    pub fn start(folder: &Path, name: &str) -> Self {
        Self::run(craton(folder, &["up", name]))
    }

    pub fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
        let log = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, log }
    }

    /// Reads the log up to a line with this text.
    pub fn read_until(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(
                self.log.read_line(&mut line).expect("reads"),
                0,
                "the log ended before `{text}`"
            );
        }
    }

    /// Drains and stops.
    pub fn stop(&mut self) {
        signal(self.child.id(), libc::SIGTERM);
        self.read_until("stopped");
        assert!(self.child.wait().expect("ends").success());
    }

    /// Ends it where it stands, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().expect("kills");
        self.child.wait().expect("ends");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Where the test failed, nothing may go on running.
        let _ = self.child.kill();
    }
}

pub fn signal(process: u32, signal: i32) {
    let process = i32::try_from(process).expect("a process id");
    // SAFETY: a plain system call on a process that this test started.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0);
}
