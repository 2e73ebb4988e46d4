//! `can-i`, `token`, `clock`: who may do what, and when it is.

use crate::{arguments::Globals, connect, output, output::Column, output::Format, routes};
use base::{Kind, Problem, Time};
use serde_json::{Value, json};
use std::process::ExitCode;

const TOKENS: [Column; 5] = [
    Column("ID", &["id"]),
    Column("USER", &["user"]),
    Column("SUMMARY", &["summary"]),
    Column("CREATED", &["created_at", "created"]),
    Column("EXPIRES", &["expires", "expires_at"]),
];

/// Says whether somebody may do something, and which policy decides; the exit status is 0 for yes, 4 for no
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton can-i stream.append stream/orders\n  craton can-i task.complete task/42 --as user:ana"
)]
pub struct CanI {
    /// The operation, for example `stream.append`
    operation: String,
    /// The resource, for example `stream/orders`, or a kind
    resource: String,
    /// Who; the caller where absent
    #[arg(long = "as", value_name = "WHO")]
    who: Option<String>,
}

impl CanI {
    /// Shows the answer.
    pub fn run(self, globals: &Globals) -> Result<ExitCode, Problem> {
        let mut body = json!({"operation": self.operation, "resource": self.resource});
        if let Some(who) = self.who {
            let is_principal = who.contains(':') || who == "anonymous";
            body["as"] = if is_principal { who.into() } else { format!("user:{who}").into() };
        }
        let answer = connect::client(globals)?.send(&routes::policy_check().json(&body))?;
        let is_allowed = answer["allowed"] == true;
        if globals.output == Format::Table {
            output::print(&answer_text(&answer, &self.operation, &self.resource));
        } else {
            output::one(globals.output, &answer)?;
        }
        Ok(if is_allowed { ExitCode::SUCCESS } else { ExitCode::from(Kind::Forbidden.exit_code()) })
    }
}

fn answer_text(answer: &Value, operation: &str, resource: &str) -> String {
    let who = answer["as"].as_str().unwrap_or("the caller");
    let (word, may) = if answer["allowed"] == true { ("yes", "may") } else { ("no", "may not") };
    let mut text = format!("{word}: {who} {may} {operation} on {resource}\n");
    let list = |name: &str| -> Vec<String> {
        answer[name].as_array().into_iter().flatten().map(output::plain).collect()
    };
    let roles = list("roles");
    if !roles.is_empty() {
        text.push_str(&format!("roles: {}\n", roles.join(", ")));
    }
    let policies = list("policies");
    if policies.is_empty() {
        text.push_str("policy: none permits it\n");
    }
    for policy in policies {
        text.push_str(&format!("policy: {policy}\n"));
    }
    if answer["exists"] == false {
        text.push_str("note: there is no such resource, or the caller may not see it\n");
    }
    text
}

/// Makes, shows and revokes tokens
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton token create ana --summary laptop --expires 2030-01-01\n  craton token list\n  craton token revoke t1"
)]
pub struct Token {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, clap::Subcommand)]
enum TokenCommand {
    /// Makes a token for a user; it is shown once
    #[command(
        after_help = "Examples:\n  craton token create ana\n  craton token create report --scope Read --expires 2030-01-01"
    )]
    Create {
        /// The user
        user: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        summary: Option<String>,
        /// When it ends; no later than the token with which it is made
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// A right that it is cut down to: Read, Write, Run or Manage; several times for several
        #[arg(long, value_name = "RIGHT")]
        scope: Vec<String>,
    },
    /// Shows all tokens, without their secrets
    #[command(after_help = "Examples:\n  craton token list")]
    List,
    /// Revokes a token at once
    #[command(after_help = "Examples:\n  craton token revoke t1")]
    Revoke {
        /// The id of the token
        id: String,
    },
}

impl Token {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            TokenCommand::Create { user, summary, expires, scope } => {
                let mut body = json!({"user": user});
                if let Some(summary) = summary {
                    body["summary"] = summary.into();
                }
                if let Some(expires) = expires {
                    body["expires"] = Time::parse(&expires)?.to_string().into();
                }
                if !scope.is_empty() {
                    body["scope"] = scope.into();
                }
                output::one(globals.output, &client.send(&routes::token_create().json(&body))?)
            }
            TokenCommand::List => {
                output::list(globals.output, &client.send(&routes::token_list())?, &TOKENS)
            }
            TokenCommand::Revoke { id } => {
                client.send(&routes::token_delete(&id))?;
                output::line(format!("token/{id} revoked"));
                Ok(())
            }
        }
    }
}

/// Shows and moves the business clock
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton clock get\n  craton clock advance 2018-10-17T17:30:20Z"
)]
pub struct Clock {
    #[command(subcommand)]
    command: ClockCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ClockCommand {
    /// Shows the business time and the wall time
    #[command(after_help = "Examples:\n  craton clock get")]
    Get,
    /// Moves the business clock of a unit that was started with a driven one; timers due up to there fire
    #[command(
        after_help = "Examples:\n  craton clock advance 2018-10-17T17:30:20Z\n  craton clock advance 2018-10-18"
    )]
    Advance {
        /// To when
        to: String,
    },
}

impl Clock {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let request = match self.command {
            ClockCommand::Get => routes::clock_get(),
            ClockCommand::Advance { to } => {
                routes::clock_advance().json(&json!({"to": Time::parse(&to)?}))
            }
        };
        output::one(globals.output, &connect::client(globals)?.send(&request)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_names_the_policy() {
        let answer = json!({"allowed": true, "as": "user:ana", "roles": ["clerk"], "policies": ["clerk.0"], "exists": true});
        let text = answer_text(&answer, "stream.append", "stream/orders");
        assert_eq!(
            text,
            "yes: user:ana may stream.append on stream/orders\nroles: clerk\npolicy: clerk.0\n"
        );
    }
}
