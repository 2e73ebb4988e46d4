//! `login`, `logout`, `passwd`, `session`, `why`: who one is for a unit, and why one may do something.

use crate::error::Error;
use crate::profile::{self, Saved};
use crate::{arguments::Globals, connect, output, output::Column, output::Format, routes};
use base::{Kind, Problem};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// How long a browser may take to send its request.
const BROWSER_TIME: Duration = Duration::from_secs(5);
/// The largest request of a browser in bytes.
const BROWSER_BYTES_MAX: u64 = 32 << 10;
/// The longest line of a password that is read from standard input, in bytes.
const PASSWORD_BYTES_MAX: u64 = 4 << 10;

/// What asks for one's own password before it changes or goes.
const PRESENT: &str = "present password (empty where there is none): ";

const SESSIONS: [Column; 7] = [
    Column("ID", &["id"]),
    Column("USER", &["user"]),
    Column("BY", &["by"]),
    Column("SOURCE", &["source"]),
    Column("CREATED", &["created"]),
    Column("SEEN", &["seen"]),
    Column("EXPIRES", &["expires"]),
];

/// Signs in at a unit: with a password, or with an identity provider in a browser
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton login ana\n  craton login ana --stdin < password.txt\n  craton login --provider acme\n\nThe session is saved for this unit until `craton logout`."
)]
pub struct Login {
    /// The user; asked for where absent
    user: Option<String>,
    /// The identity provider to sign in with
    #[arg(long, value_name = "NAME", conflicts_with_all = ["user", "stdin"])]
    provider: Option<String>,
    /// Read the password from standard input: its first line
    #[arg(long)]
    stdin: bool,
}

impl Login {
    /// Signs in and saves the session.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let target = connect::target(globals)?;
        let client = target.client(None)?;
        let made = match self.provider {
            Some(provider) => {
                let listener = TcpListener::bind("127.0.0.1:0").map_err(no_port)?;
                let port = listener.local_addr().map_err(no_port)?.port();
                let begin =
                    routes::session_begin().json(&json!({"provider": provider, "port": port}));
                let begun = client.send(&begin)?;
                let text = |name: &str| begun[name].as_str().unwrap_or_default().to_owned();
                output::error_line(format!(
                    "open this address in a browser:\n\n  {}\n",
                    text("url")
                ));
                let (code, issuer) = code_of(&listener, &text("state"))?;
                let mut finish = json!({"key": text("key"), "state": text("state"), "code": code, "summary": summary()});
                if let Some(issuer) = issuer {
                    finish["issuer"] = json!(issuer);
                }
                client.send(&routes::session_finish().json(&finish))?
            }
            None => {
                let user = match self.user {
                    Some(user) => user,
                    None => ask("user: ")?,
                };
                let password = secret(self.stdin, &format!("password of {user}: "))?;
                let create = json!({"user": user, "password": password, "summary": summary()});
                client.send(&routes::session_create().json(&create))?
            }
        };
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        let (user, expires) = (text("user"), text("expires"));
        let saved = Saved {
            id: text("id"),
            user: user.clone(),
            token: text("token"),
            expires: expires.clone(),
        };
        profile::save(&target.key, saved)?;
        if globals.output != Format::Table {
            return output::one(
                globals.output,
                &json!({"id": made["id"], "user": user, "expires": expires}),
            );
        }
        output::line(format!("signed in at {} as user:{user} until {expires}", target.key));
        Ok(())
    }
}

/// Ends the session that `craton login` has saved for a unit
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton logout\n  craton --unit https://crm.example:8443 logout"
)]
pub struct Logout {}

impl Logout {
    /// Forgets the session, then ends it.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let target = connect::target(globals)?;
        let Some(saved) = profile::forget(&target.key)? else {
            output::line(format!("nobody is signed in at {}", target.key));
            return Ok(());
        };
        let client = target.client(Some(saved.token))?;
        match client.send(&routes::session_end(&saved.id)) {
            // It may be over already.
            Err(problem) if !matches!(problem.kind, Kind::Unauthenticated | Kind::NotFound) => {
                Err(problem)
            }
            _ => {
                output::line(format!("user:{} is signed out at {}", saved.user, target.key));
                Ok(())
            }
        }
    }
}

/// Sets a password: one's own, or a user's; his other sessions end
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton passwd\n  craton passwd ana\n  craton passwd ana --remove\n\nWith --stdin the first line is the new password, the second the present one where it is one's own; with --remove only the present one is read."
)]
pub struct Passwd {
    /// The user; oneself where absent
    user: Option<String>,
    /// Read the passwords from standard input
    #[arg(long)]
    stdin: bool,
    /// Take the password away
    #[arg(long)]
    remove: bool,
}

impl Passwd {
    /// Sets or removes it.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        let me = client.send(&routes::unit_whoami())?;
        let own = me["principal"].as_str().and_then(|name| name.strip_prefix("user:"));
        let own = own.unwrap_or_default().to_owned();
        let user = self.user.unwrap_or_else(|| own.clone());
        let mut body = json!({});
        if self.remove {
            if own == user {
                let current = secret(self.stdin, PRESENT)?;
                if !current.is_empty() {
                    body["current"] = current.into();
                }
            }
            client.send(&routes::user_delete_password(&user).json(&body))?;
            output::line(format!("user/{user} has no password any more"));
            return Ok(());
        }
        if self.stdin {
            let lines = stdin_lines(2)?;
            body["password"] = lines.first().cloned().unwrap_or_default().into();
            if let (Some(current), true) = (lines.get(1), own == user) {
                body["current"] = current.clone().into();
            }
        } else {
            if own == user {
                let current = prompt(PRESENT)?;
                if !current.is_empty() {
                    body["current"] = current.into();
                }
            }
            let password = prompt(&format!("new password of {user}: "))?;
            if password != prompt("once more: ")? {
                return Err(Error::usage("the two are not the same", "try again").into());
            }
            body["password"] = password.into();
        }
        let done = client.send(&routes::user_set_password(&user).json(&body))?;
        let ended = output::plain(&done["sessions_ended"]);
        output::line(format!("user/{user} has a new password; sessions ended: {ended}"));
        Ok(())
    }
}

/// Shows and ends sessions
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  craton session list\n  craton session end 3f2a90c1d4e5")]
pub struct Session {
    #[command(subcommand)]
    command: SessionCommand,
}

#[derive(Debug, clap::Subcommand)]
enum SessionCommand {
    /// Shows who is signed in; one's own sessions, or all where one may see them
    #[command(after_help = "Examples:\n  craton session list")]
    List,
    /// Ends a session at once
    #[command(after_help = "Examples:\n  craton session end 3f2a90c1d4e5")]
    End {
        /// The id of the session
        id: String,
    },
}

impl Session {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            SessionCommand::List => {
                output::list(globals.output, &client.send(&routes::session_list())?, &SESSIONS)
            }
            SessionCommand::End { id } => {
                client.send(&routes::session_end(&id))?;
                output::line(format!("session/{id} ended"));
                Ok(())
            }
        }
    }
}

/// Says step by step why somebody may do something, or what is missing; the exit status is 0 for yes, 4 for no, 7 for not now
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton why ana stream.append stream/orders\n  craton why process:sell contract.call contract/c1"
)]
pub struct Why {
    /// Who: a user, or a principal such as process:NAME
    who: String,
    /// The operation, for example `stream.append`
    operation: String,
    /// The resource, for example `stream/orders`, or a kind
    resource: String,
}

impl Why {
    /// Shows the answer.
    pub fn run(self, globals: &Globals) -> Result<ExitCode, Problem> {
        let is_principal = self.who.contains(':') || self.who == "anonymous";
        let who = if is_principal { self.who } else { format!("user:{}", self.who) };
        let body = json!({"operation": self.operation, "resource": self.resource, "as": who});
        let answer = connect::client(globals)?.send(&routes::policy_why().json(&body))?;
        if globals.output == Format::Table {
            output::print(&why_text(&answer));
        } else {
            output::one(globals.output, &answer)?;
        }
        Ok(match (answer["allowed"] == true, answer["admitted"] != false) {
            (true, true) => ExitCode::SUCCESS,
            (true, false) => ExitCode::from(Kind::Exhausted.exit_code()),
            (false, _) => ExitCode::from(Kind::Forbidden.exit_code()),
        })
    }
}

fn why_text(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str| -> Vec<String> {
        answer[name].as_array().into_iter().flatten().map(output::plain).collect()
    };
    let (word, may) = match (answer["allowed"] == true, answer["admitted"] != false) {
        (true, true) => ("yes", "may"),
        (true, false) => ("not now", "may"),
        (false, _) => ("no", "may not"),
    };
    let (who, operation, resource) =
        (text(&answer["as"]), text(&answer["operation"]), text(&answer["resource"]));
    let mut lines = format!("{word}: {who} {may} {operation} on {resource}\n");
    let roles = list("roles");
    let roles = if roles.is_empty() { "none".to_owned() } else { roles.join(", ") };
    lines.push_str(&format!("roles: {roles}\n"));
    for step in answer["steps"].as_array().into_iter().flatten() {
        let sign = if step["passed"] == true { "ok" } else { "no" };
        lines.push_str(&format!("{}: {sign}, {}\n", text(&step["step"]), text(&step["detail"])));
    }
    let enough = list("roles_that_may");
    if !enough.is_empty() {
        lines.push_str(&format!("missing: one of the roles {}\n", enough.join(", ")));
    }
    lines
}

/// What the unit is told about where a session came from.
fn summary() -> String {
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    match host.trim() {
        "" => "craton login".to_owned(),
        host => format!("craton login on {}", host.chars().take(100).collect::<String>()),
    }
}

fn ask(question: &str) -> Result<String, Problem> {
    output::error_text(question);
    let lines = stdin_lines(1)?;
    lines
        .into_iter()
        .next()
        .filter(|line| !line.is_empty())
        .ok_or_else(|| Error::usage("there is no user", "write `craton login USER`").into())
}

/// Returns a password: the first line of standard input, or what is typed at the terminal.
fn secret(is_stdin: bool, question: &str) -> Result<String, Problem> {
    if !is_stdin {
        return prompt(question);
    }
    Ok(stdin_lines(1)?.into_iter().next().unwrap_or_default())
}

fn prompt(question: &str) -> Result<String, Problem> {
    rpassword::prompt_password(question).map_err(|error| {
        let reason = format!("no password can be typed here: {error}");
        Error::usage(reason, "give it with `--stdin`").into()
    })
}

/// Returns so many lines of standard input, or fewer where it ends before.
fn stdin_lines(count: usize) -> Result<Vec<String>, Problem> {
    let mut input = BufReader::new(std::io::stdin().take(PASSWORD_BYTES_MAX));
    let mut lines = Vec::new();
    while lines.len() < count {
        let mut line = String::new();
        let read = input.read_line(&mut line);
        let read =
            read.map_err(|error| Error::unreadable(std::path::Path::new("standard input"), error))?;
        if read == 0 {
            break;
        }
        lines.push(line.trim_end_matches(['\n', '\r']).to_owned());
    }
    Ok(lines)
}

fn no_port(error: std::io::Error) -> Problem {
    Error::File { path: "a port of this machine".into(), action: "opened", source: error }.into()
}

/// Waits for the browser to come back from the provider; returns the code that it brings, and who has given it, where that is said.
///
/// # Errors
/// `sign_in.rejected` where the provider has not signed anybody in.
fn code_of(listener: &TcpListener, state: &str) -> Result<(String, Option<String>), Problem> {
    loop {
        let (stream, _) = listener.accept().map_err(no_port)?;
        // Browsers open connections and send nothing, or ask for a picture: the next one may be it.
        let Some(query) = callback(&stream) else { continue };
        let find = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(given, _)| *given == name).map(|(_, value)| decoded(value))
        };
        if find("state").as_deref() != Some(state) {
            answer(stream, "This is not the sign-in that the command line waits for.");
            continue;
        }
        return match find("code") {
            Some(code) => {
                answer(stream, "You are signed in. This window can be closed.");
                Ok((code, find("iss")))
            }
            None => {
                answer(stream, "Nobody was signed in. The command line says more.");
                let error = find("error").unwrap_or_default();
                let message = format!("the identity provider did not sign anybody in ({error})");
                Err(Problem::new(base::Code("sign_in.rejected", Kind::Unauthenticated), message))
            }
        };
    }
}

/// Reads a browser's request; returns the query of the way back from the provider.
fn callback(stream: &TcpStream) -> Option<String> {
    stream.set_read_timeout(Some(BROWSER_TIME)).ok()?;
    let mut reader = BufReader::new(stream.take(BROWSER_BYTES_MAX));
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    // The rest is read and thrown away: a connection that is closed before may lose the answer.
    let mut line = String::new();
    while 0 < reader.read_line(&mut line).ok()? && !line.trim().is_empty() {
        line.clear();
    }
    let target = first.strip_prefix("GET ")?.split(' ').next()?;
    target.strip_prefix("/callback?").map(str::to_owned)
}

fn answer(mut stream: TcpStream, text: &str) {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{text}",
        text.len()
    );
    // Whoever has closed the window reads nothing.
    let _ = stream.write_all(head.as_bytes());
}

/// Returns text of a query without its percent signs; what is not UTF-8 becomes a sign of replacement.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let digit = |at: usize| behind.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &behind[2..];
            }
            (b'+', ..) => bytes.push(b' '),
            (other, ..) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_are_shown_step_by_step() {
        let answer = json!({
            "allowed": false, "as": "user:ana", "operation": "stream.append", "resource": "stream/orders",
            "roles": [], "roles_that_may": ["operator", "owner"],
            "steps": [
                {"step": "find", "passed": true, "detail": "stream/orders is there"},
                {"step": "policies", "passed": false, "detail": "no policy permits it"},
            ],
        });
        assert_eq!(
            why_text(&answer),
            "no: user:ana may not stream.append on stream/orders\nroles: none\n\
             find: ok, stream/orders is there\npolicies: no, no policy permits it\n\
             missing: one of the roles operator, owner\n"
        );
        let answer = json!({
            "allowed": true, "admitted": false, "as": "user:ana", "operation": "stream.append",
            "resource": "stream/orders", "roles": ["operator"],
            "steps": [{"step": "quotas", "passed": false, "detail": "1 calls a second"}],
        });
        assert_eq!(
            why_text(&answer),
            "not now: user:ana may stream.append on stream/orders\nroles: operator\n\
             quotas: no, 1 calls a second\n"
        );
    }

    #[test]
    fn the_browser_brings_the_code_back() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("an address");
        let browser = std::thread::spawn(move || {
            let ask = |path: &str| {
                let mut stream = TcpStream::connect(address).expect("connects");
                write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").expect("writes");
                let mut text = String::new();
                let _ = stream.read_to_string(&mut text);
                text
            };
            ask("/favicon.ico");
            assert!(ask("/callback?code=x&state=other").contains("not the sign-in"));
            ask("/callback?code=a%2Fb+c&state=s&iss=https%3A%2F%2Fid.example")
        });
        let (code, issuer) = code_of(&listener, "s").expect("a code");
        assert_eq!((code.as_str(), issuer.as_deref()), ("a/b c", Some("https://id.example")));
        assert!(browser.join().expect("ends").contains("You are signed in"));
    }
}
