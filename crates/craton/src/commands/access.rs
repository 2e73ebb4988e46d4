//! `can-i`, `why`, `who-can`, `token`, `clock`: who may do what, why, and when it is.

use crate::{arguments::Globals, connect, output, output::Column, output::Format, routes};
use base::{Kind, Problem, Time};
use serde_json::{Value, json};
use std::process::ExitCode;

const TOKENS: [Column; 5] = [
    Column("ID", &["id"]),
    Column("USER", &["user"]),
    Column("SUMMARY", &["summary"]),
    Column("CREATED", &["created"]),
    Column("EXPIRES", &["expires"]),
];

const ABLE: [Column; 3] =
    [Column("WHO", &["principal"]), Column("ROLES", &["roles"]), Column("POLICIES", &["policies"])];

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

/// Says step by step why somebody may do something, or what is missing; the exit status is 0 for yes, 4 for no, 5 where the resource is not there, 7 for not now
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
        Ok(match refusal(&answer) {
            None => ExitCode::SUCCESS,
            Some(kind) => ExitCode::from(kind.exit_code()),
        })
    }
}

/// Returns of what kind the refusal of such a call would be now.
fn refusal(answer: &Value) -> Option<Kind> {
    let is_found = |step: &Value| step["step"] != "find" || step["passed"] == true;
    let is_there = answer["steps"].as_array().into_iter().flatten().all(is_found);
    match (answer["allowed"] == true, answer["admitted"] != false) {
        (true, true) => None,
        // As such a call would be answered: of what is not there nothing else is said.
        _ if !is_there => Some(Kind::NotFound),
        (false, _) => Some(Kind::Forbidden),
        (true, false) => Some(Kind::Exhausted),
    }
}

fn why_text(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str| -> Vec<String> {
        answer[name].as_array().into_iter().flatten().map(output::plain).collect()
    };
    let (word, may) = match refusal(answer) {
        None => ("yes", "may"),
        Some(Kind::Forbidden) => ("no", "may not"),
        Some(Kind::NotFound) if answer["allowed"] == true => ("not there", "may"),
        Some(Kind::NotFound) => ("not there", "may not"),
        Some(_) => ("not now", "may"),
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

/// Says who may do something on a resource: users, programs and roles, with the policies that decide
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton who-can task.complete task/42\n  craton who-can stream.append stream/orders -o json"
)]
pub struct WhoCan {
    /// The operation, for example `stream.append`
    operation: String,
    /// The resource, for example `stream/orders`, or a kind
    resource: String,
}

impl WhoCan {
    /// Shows the answer.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        let mut body = json!({"operation": self.operation, "resource": self.resource});
        let mut answer = client.send(&routes::policy_who().json(&body))?;
        while !answer["next"].is_null() {
            body["after"] = answer["next"].take();
            let mut more = client.send(&routes::policy_who().json(&body))?;
            answer["next"] = more["next"].take();
            answer["more"] = more["more"].take();
            if let (Some(items), Some(others)) =
                (answer["items"].as_array_mut(), more["items"].as_array_mut())
            {
                items.append(others);
            }
        }
        if globals.output == Format::Table {
            output::print(&who_text(&answer));
            return Ok(());
        }
        output::list(globals.output, &answer, &ABLE)
    }
}

fn who_text(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let by = |item: &Value| -> String {
        let policies = item.as_array().into_iter().flatten();
        let names: Vec<String> = policies
            .map(|each| format!("{} (line {})", text(&each["policy"]), each["line"]))
            .collect();
        names.join(", ")
    };
    let mut rows = Vec::new();
    if answer["everybody"].as_array().is_some_and(|policies| !policies.is_empty()) {
        rows.push(vec!["everybody".to_owned(), by(&answer["everybody"])]);
    }
    for item in answer["roles"].as_array().into_iter().flatten() {
        rows.push(vec![format!("role:{}", text(&item["role"])), by(&item["policies"])]);
    }
    for item in output::items(answer) {
        rows.push(vec![text(&item["principal"]), by(&item["policies"])]);
    }
    let (operation, resource) = (text(&answer["operation"]), text(&answer["resource"]));
    let mut shown = match rows.is_empty() {
        true => format!("nobody may {operation} on {resource}\n"),
        false => output::table(&["WHO".to_owned(), "BY".to_owned()], &rows),
    };
    if answer["exists"] == false {
        shown.push_str("note: there is no such resource, or the caller may not see it\n");
    }
    shown
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
        assert_eq!(refusal(&answer), Some(Kind::Exhausted));
        let answer = json!({
            "allowed": true, "admitted": false, "as": "user:ana", "operation": "stream.append",
            "resource": "stream/nothing", "roles": ["operator"],
            "steps": [{"step": "find", "passed": false, "detail": "it does not exist"}],
        });
        assert_eq!(
            why_text(&answer),
            "not there: user:ana may stream.append on stream/nothing\nroles: operator\n\
             find: no, it does not exist\n"
        );
        assert_eq!(refusal(&answer), Some(Kind::NotFound));
        let answer = json!({
            "allowed": false, "admitted": false, "as": "user:ana", "operation": "task.complete",
            "resource": "task/42", "roles": [], "roles_that_may": [],
            "steps": [{"step": "find", "passed": false, "detail": "it has ended"}],
        });
        assert_eq!(
            why_text(&answer),
            "not there: user:ana may not task.complete on task/42\nroles: none\nfind: no, it has ended\n"
        );
        assert_eq!(refusal(&answer), Some(Kind::NotFound));
    }

    #[test]
    fn who_may_is_shown_with_the_policies() {
        let policies =
            json!([{"policy": "role:clerk/pays", "role": "clerk", "line": 3, "effect": "permit"}]);
        let answer = json!({
            "operation": "task.complete", "resource": "task/42", "exists": true, "everybody": [],
            "roles": [{"role": "clerk", "policies": policies}],
            "items": [{"principal": "user:ana", "roles": ["clerk"], "policies": policies}],
        });
        assert_eq!(
            who_text(&answer),
            "WHO          BY\nrole:clerk   role:clerk/pays (line 3)\nuser:ana     role:clerk/pays (line 3)\n"
        );
        let nobody = json!({"operation": "a.b", "resource": "a/x", "exists": false});
        assert!(who_text(&nobody).starts_with("nobody may a.b on a/x\nnote: "));
    }

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
