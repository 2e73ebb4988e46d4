//! `login`, `logout`, `passwd`, `session`: who one is for a unit.

use super::browser::{Brought, WayBack};
use crate::error::Error;
use crate::profile::{self, Saved};
use crate::{arguments::Globals, connect, output, output::Column, output::Format, routes};
use base::{Kind, Problem};
use serde_json::json;
use std::io::{BufRead, BufReader, Read};

/// The longest line of a password that is read from standard input, in bytes.
const PASSWORD_BYTES_MAX: u64 = 4 << 10;

/// What asks for one's own password before it changes or goes.
const PRESENT: &str = "present password (empty where there is none): ";

const USERS: [Column; 7] = [
    Column("USER", &["user"]),
    Column("SUMMARY", &["summary"]),
    Column("ROLES", &["roles"]),
    Column("PASSWORD", &["password_set"]),
    Column("TOKENS", &["tokens"]),
    Column("SESSIONS", &["sessions"]),
    Column("SEEN", &["seen"]),
];

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
                let way_back = WayBack::open()?;
                let begin = json!({"provider": provider, "port": way_back.port()?});
                let begin = routes::session_begin().json(&begin);
                let begun = client.send(&begin)?;
                let text = |name: &str| begun[name].as_str().unwrap_or_default().to_owned();
                output::error_line(format!(
                    "open this address in a browser:\n\n  {}\n",
                    text("url")
                ));
                let Brought { code, issuer } = way_back.wait(&text("state"))?;
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

/// Shows users: what they hold, by what they sign in, when they were last seen
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton user list\n\n`craton describe user NAME` shows the manifest, `craton token` and `craton session` what a user signs in with."
)]
pub struct User {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, clap::Subcommand)]
enum UserCommand {
    /// Shows users, declared and of identity providers
    #[command(after_help = "Examples:\n  craton user list\n  craton user list --limit 20 -o json")]
    List {
        /// So many at most
        #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
        limit: u32,
    },
}

impl User {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let UserCommand::List { limit } = self.command;
        let request = routes::user_list().query("limit", Some(limit));
        let answer = connect::client(globals)?.list(&request, limit)?;
        output::list(globals.output, &answer, &USERS)
    }
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
