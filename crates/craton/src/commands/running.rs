//! `ps`, `kill`: everything that runs.

use crate::{
    arguments::Globals, client::Client, client::Request, connect, error::Error, output,
    output::Column, routes,
};
use base::{Kind, Problem};
use serde_json::{Value, json};

const TABLE: [Column; 6] = [
    Column("ID", &["id"]),
    Column("KIND", &["kind"]),
    Column("WHAT", &["what"]),
    Column("WHO", &["who"]),
    Column("SINCE", &["since"]),
    Column("STATE", &["state"]),
];
/// So many of each kind at most.
const EACH_MAX: u32 = 1_000;

/// A kind of thing that runs: how it is listed, and which fields say what, who and since.
struct Running {
    kind: &'static str,
    list: fn(&Client) -> Result<Vec<Value>, Problem>,
    id: &'static str,
    what: &'static str,
    who: &'static str,
    since: &'static str,
}

const KINDS: [Running; 4] = [
    Running {
        kind: "instance",
        list: |client| items(client, &routes::instance_list().query("limit", Some(EACH_MAX))),
        id: "instance",
        what: "process",
        who: "started_by",
        since: "started_at",
    },
    Running {
        kind: "query",
        list: |client| items(client, &routes::sql_list()),
        id: "id",
        what: "sql",
        who: "principal",
        since: "since",
    },
    Running {
        kind: "job",
        list: |client| items(client, &routes::job_list().query("limit", Some(EACH_MAX))),
        id: "job",
        what: "type",
        who: "worker",
        since: "created_at",
    },
    Running {
        kind: "call",
        list: open_calls,
        id: "id",
        what: "capability",
        who: "actor",
        since: "at",
    },
];

/// Shows everything that runs: process instances, queries, jobs, calls between units
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  craton ps\n  craton ps --kind query\n  craton ps -o json")]
pub struct Ps {
    /// Only this kind: instance, query, job, call
    #[arg(long, value_name = "KIND", value_parser = ["instance", "query", "job", "call"])]
    kind: Option<String>,
}

impl Ps {
    /// Shows one table of all kinds.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        let wanted = KINDS
            .iter()
            .filter(|running| self.kind.as_deref().is_none_or(|kind| kind == running.kind));
        let mut all = Vec::new();
        for running in wanted {
            all.extend((running.list)(&client)?.iter().map(|item| common(running, item)));
        }
        output::list(globals.output, &json!({"items": all}), &TABLE)
    }
}

/// Ends something that runs
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton kill instance/42\n  craton kill query/7\n  craton kill call/payment/c12\n\nThe ids are those of `craton ps`. An instance is cancelled, a query ended, a call withdrawn."
)]
pub struct Kill {
    /// What to end, as `KIND/ID`
    id: String,
}

impl Kill {
    /// Ends it.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let hint = "write it as `craton ps` shows it: instance/…, query/…, call/…";
        let Some((kind, id)) = self.id.split_once('/').filter(|(_, id)| !id.is_empty()) else {
            return Err(
                Error::usage(format!("`{}` does not say what to end", self.id), hint).into()
            );
        };
        let request = match kind {
            "instance" => routes::instance_cancel(id),
            "query" => routes::sql_cancel(id),
            "call" => match id.split_once('/') {
                Some((contract, call)) => routes::contract_withdraw(contract, call),
                None => return Err(Error::usage("a call is named call/CONTRACT/ID", hint).into()),
            },
            "job" => {
                let hint = "cancel the instance that the job belongs to";
                return Err(Error::usage("a job cannot be ended by itself", hint).into());
            }
            other => {
                return Err(
                    Error::usage(format!("there is no kind `{other}` that runs"), hint).into()
                );
            }
        };
        connect::client(globals)?.send(&request)?;
        output::line(format!("{kind}/{id} ended"));
        Ok(())
    }
}

/// Returns what a list holds. What the caller may not see is left out.
fn items(client: &Client, request: &Request) -> Result<Vec<Value>, Problem> {
    match client.send(request) {
        Ok(answer) => Ok(output::items(&answer)),
        Err(problem) if problem.kind == Kind::Forbidden => Ok(Vec::new()),
        Err(problem) => Err(problem),
    }
}

/// Returns the open calls under all contracts.
fn open_calls(client: &Client) -> Result<Vec<Value>, Problem> {
    let mut calls = Vec::new();
    for contract in items(client, &routes::contract_list())? {
        let name = contract["name"].as_str().unwrap_or_default();
        if contract["calls_open"] == 0 {
            continue;
        }
        let request = routes::contract_calls(name)
            .query("state", Some("open"))
            .query("limit", Some(EACH_MAX));
        for mut call in items(client, &request)? {
            call["id"] = format!("{name}/{}", output::plain(&call["call"])).into();
            calls.push(call);
        }
    }
    Ok(calls)
}

fn common(running: &Running, item: &Value) -> Value {
    let id = format!("{}/{}", running.kind, output::plain(&item[running.id]));
    let state = item.get("state").cloned().unwrap_or_else(|| "running".into());
    json!({
        "id": id, "kind": running.kind, "what": item[running.what], "who": item[running.who],
        "since": item[running.since], "state": state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_runs_has_the_same_columns() {
        let item = common(
            &KINDS[0],
            &json!({"instance": 42, "process": "sell", "state": "active", "started_at": "t"}),
        );
        assert_eq!(
            item,
            json!({"id": "instance/42", "kind": "instance", "what": "sell", "who": null, "since": "t", "state": "active"})
        );
    }
}
