//! The prompt of `craton sql` behind a pseudo terminal, as a user sits before it.

mod binary;

use binary::{Up, craton, folder, init, said, wait_for};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::ptr::null_mut;

/// Milliseconds that nothing may come from the terminal.
const SILENCE_MS_MAX: i32 = 120_000;

/// A terminal in which a program runs.
struct Terminal {
    screen: File,
    child: Child,
    /// What came and was not looked for yet.
    seen: String,
}

impl Terminal {
    fn open(mut command: Command) -> Self {
        let size = libc::winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let (mut master, mut slave) = (-1, -1);
        // SAFETY: the two numbers and the size live as long as the call; nothing else is passed.
        let opened = unsafe {
            libc::openpty(&raw mut master, &raw mut slave, null_mut(), null_mut(), &raw const size)
        };
        assert_eq!(opened, 0, "a pseudo terminal");
        // SAFETY: the call has just opened both, and nobody else has them.
        let (screen, slave) = unsafe { (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
        let end = || Stdio::from(slave.try_clone().expect("clones"));
        command.stdin(end()).stdout(end()).stderr(end());
        // SAFETY: between fork and exec only two system calls are made, which need no memory.
        unsafe {
            command.pre_exec(|| {
                // The terminal is that of the program alone, so that Ctrl-C reaches it.
                let done = libc::setsid() != -1 && libc::ioctl(0, libc::TIOCSCTTY as _, 0) != -1;
                if done { Ok(()) } else { Err(std::io::Error::last_os_error()) }
            });
        }
        let child = command.spawn().expect("starts");
        Self { screen, child, seen: String::new() }
    }

    fn press(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).expect("writes");
    }

    /// Reads up to a text, and returns what came before it.
    #[track_caller]
    fn read_until(&mut self, text: &str) -> String {
        loop {
            if let Some(place) = self.seen.find(text) {
                let before = self.seen[..place].to_owned();
                self.seen.drain(..place + text.len());
                return before;
            }
            let mut wait =
                libc::pollfd { fd: self.screen.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one descriptor, which is open and lives as long as the call.
            let ready = unsafe { libc::poll(&raw mut wait, 1, SILENCE_MS_MAX) };
            assert_eq!(ready, 1, "`{text}` never came, at last: {}", self.seen);
            let mut piece = [0; 4096];
            let count = self.screen.read(&mut piece).unwrap_or(0);
            assert_ne!(count, 0, "the program ended before `{text}`: {}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Where the test failed, nothing may go on running.
        let _ = self.child.kill();
    }
}

fn shop(name: &str) -> (PathBuf, Up) {
    let folder = folder("prompt", name);
    init(&folder, "shop", &["--bare"]);
    let mut up = Up::start(&folder, "shop");
    up.read_until("is up");
    std::fs::write(folder.join("people.csv"), "name,age\nAna,41\nBo,7\n").expect("writes");
    said(&folder, &["--unit", "shop", "import", "people.csv"]);
    (folder, up)
}

fn prompt(folder: &Path) -> Terminal {
    let mut command = craton(folder, &["--unit", "shop", "sql"]);
    command.env("TERM", "xterm").env("PAGER", "cat").env_remove("NO_COLOR");
    command.env("CRATON_HISTORY", folder.join("state/history"));
    Terminal::open(command)
}

#[test]
fn statements_commands_and_keys_work_at_a_terminal() {
    let (folder, mut up) = shop("keys");
    let mut terminal = prompt(&folder);
    terminal.read_until("sql> ");
    // Two lines, one statement.
    terminal.press("SELECT 40 + 2\r AS answer;\r");
    let shown = terminal.read_until("(1 row)");
    assert!(shown.contains("\n    42\r\n"), "{shown:?}");
    terminal.read_until("sql> ");
    // One name begins so: Tab completes it.
    terminal.press("SELECT age FROM peop\t ORDER BY age;\r");
    let shown = terminal.read_until("(2 rows)");
    assert!(shown.contains("  7\r\n") && shown.contains(" 41\r\n"), "{shown:?}");
    terminal.read_until("sql> ");
    terminal.press("\\d people\r");
    let shown = terminal.read_until("_time ");
    assert!(shown.contains("name      text") && shown.contains("age       int"), "{shown:?}");
    terminal.read_until("sql> ");
    terminal.press("\\x on\r");
    terminal.read_until("a record of its own: on\r\n");
    terminal.read_until("sql> ");
    terminal.press("SELECT name FROM people WHERE age = 7;\r");
    terminal.read_until("[1]\r\nname   Bo\r\n");
    terminal.read_until("sql> ");
    terminal.press("SELECT agee FROM people;\r");
    let shown = terminal.read_until("^\r\n");
    assert!(shown.contains("[sql.invalid]") && shown.contains("did you mean `age`?"), "{shown:?}");
    terminal.read_until("sql> ");
    // Ctrl-C empties the line, Ctrl-D ends.
    terminal.press("SELECT nothing");
    terminal.read_until("nothing");
    terminal.press("\u{3}");
    terminal.read_until("\n");
    terminal.read_until("sql> ");
    terminal.press("\u{4}");
    assert!(terminal.child.wait().expect("ends").success());
    let path = folder.join("state/history");
    let history = std::fs::read_to_string(&path).expect("a history");
    assert!(history.contains("\"SELECT 40 + 2\\n AS answer;\"\n"), "{history}");
    assert!(history.contains("FROM people ORDER BY") && !history.contains("nothing"), "{history}");
    let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    up.stop();
}

#[test]
fn ctrl_c_cancels_the_query_and_the_prompt_goes_on() {
    let (folder, mut up) = shop("cancel");
    let mut terminal = prompt(&folder);
    terminal.read_until("sql> ");
    terminal.press(
        "SELECT count(*) FROM generate_series(1, 1000000) a CROSS JOIN generate_series(1, 1000000) b;\r",
    );
    wait_for(&folder, &["--unit", "shop", "ps"], |text| text.contains("generate_series"));
    terminal.press("\u{3}");
    terminal.read_until("[sql.cancelled]");
    terminal.read_until("sql> ");
    terminal.press("SELECT 'still here' AS t;\r");
    terminal.read_until("\nstill here\r\n");
    terminal.read_until("sql> ");
    terminal.press("\\q\r");
    assert!(terminal.child.wait().expect("ends").success());
    up.stop();
}

#[test]
fn standard_input_is_run_without_a_prompt() {
    let (folder, mut up) = shop("script");
    std::fs::write(folder.join("inner.sql"), "SELECT 'inner; one' AS t;\n").expect("writes");
    let script = "-- ages\nSELECT sum(age) AS years FROM people; \\i inner.sql\n\\o out.txt\nSELECT 1 AS n;\n\\o\n\
                  SELECT 2 AS n\n";
    std::fs::write(folder.join("script.sql"), script).expect("writes");
    let run = |name: &str| {
        let mut command = craton(&folder, &["--unit", "shop", "sql"]);
        command.stdin(File::open(folder.join(name)).expect("opens")).output().expect("starts")
    };
    let output = run("script.sql");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = "years\n   48\n(1 row)\nt\ninner; one\n(1 row)\nn\n2\n(1 row)\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    let kept = std::fs::read_to_string(folder.join("out.txt")).expect("a file");
    assert_eq!(kept, "n\n1\n(1 row)\n");

    // The first that is refused ends it.
    std::fs::write(folder.join("wrong.sql"), "SELECT 1 AS n;\n\\nonsense\nSELECT 2 AS n;\n")
        .expect("writes");
    let output = run("wrong.sql");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "n\n1\n(1 row)\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("`\\nonsense`"));
    let described = said(&folder, &["--unit", "shop", "sql", "\\d people"]);
    assert!(described.starts_with("column    type   null\nname      text"), "{described}");
    up.stop();
}
