//! `ps`, `kill`, `pause`, `resume`, `limit`: everything that runs.

use crate::{
    arguments::Globals, client::Request, connect, error::Error, output, output::Column,
    output::Format, routes,
};
use base::Problem;
use serde_json::{Map, Value, json};

const TABLE: [Column; 9] = [
    Column("ID", &["id"]),
    Column("KIND", &["kind"]),
    Column("WHAT", &["what"]),
    Column("WHO", &["principal"]),
    Column("FOR", &["on_behalf_of"]),
    Column("SINCE", &["since"]),
    Column("CPU MS", &["cpu_ms"]),
    Column("MEMORY", &["memory_bytes"]),
    Column("STATE", &["state"]),
];
const OUTCOMES: [Column; 2] = [Column("ID", &["id"]), Column("OUTCOME", &["outcome"])];
/// So many at most.
const RUNNING_MAX: u32 = 1_000;
/// The kinds of what runs.
const KINDS: [&str; 6] = ["instance", "query", "work", "job", "call", "mqtt_session"];

/// Shows everything that runs: process instances, queries, background work, jobs, calls between units
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton ps\n  craton ps --kind query\n  craton ps --who user:ana -o json"
)]
pub struct Ps {
    /// Only this kind: instance, query, work, job, call, mqtt_session
    #[arg(long, value_name = "KIND", value_parser = KINDS)]
    kind: Option<String>,
    /// Only what this principal runs, or what runs on behalf of it
    #[arg(long, value_name = "WHO")]
    who: Option<String>,
}

impl Ps {
    /// Shows one table of all kinds.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let request = routes::running_list()
            .query("kind", self.kind.as_deref())
            .query("principal", self.who.as_deref());
        let answer = connect::client(globals)?.list(&request, RUNNING_MAX)?;
        output::list(globals.output, &answer, &TABLE)?;
        if answer["more"] == true {
            output::error_line("there is more: `--kind` and `--who` show less of it");
        }
        Ok(())
    }
}

/// What is meant: one thing by its id, or all that fit.
#[derive(Debug, clap::Args)]
struct Meant {
    /// What, as `craton ps` shows it
    #[arg(conflicts_with_all = ["kind", "who", "resource", "state"])]
    id: Option<String>,
    /// All of this kind: instance, query, work, job, call, mqtt_session
    #[arg(long, value_name = "KIND", value_parser = KINDS)]
    kind: Option<String>,
    /// All that this principal runs, or that runs on behalf of it
    #[arg(long, value_name = "WHO")]
    who: Option<String>,
    /// All of this resource, for example `process/sell`
    #[arg(long, value_name = "RESOURCE")]
    resource: Option<String>,
    /// All in this state, for example `failed`
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Do it; without, what fits is only shown
    #[arg(long)]
    yes: bool,
}

impl Meant {
    /// Tells what is meant something, and says what came of it.
    fn tell(self, globals: &Globals, request: Request, done: &str) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        if let Some(id) = &self.id {
            let answer = client.send(&request.json(&json!({ "id": id })))?;
            return match globals.output {
                Format::Table => {
                    output::line(format!("{id} {done}"));
                    Ok(())
                }
                format => output::list(format, &answer, &OUTCOMES),
            };
        }
        let mut filter = Map::new();
        let fields = [
            ("kind", &self.kind),
            ("principal", &self.who),
            ("resource", &self.resource),
            ("state", &self.state),
        ];
        for (name, value) in fields {
            filter.extend(value.iter().map(|value| (name.to_owned(), Value::from(value.as_str()))));
        }
        if filter.is_empty() {
            let hint = "name it as `craton ps` shows it, or say which with `--kind`, `--who`, `--resource`, `--state`";
            return Err(Error::usage("it is not said what is meant", hint).into());
        }
        if !self.yes {
            let list = routes::running_list()
                .query("kind", self.kind.as_deref())
                .query("principal", self.who.as_deref())
                .query("resource", self.resource.as_deref())
                .query("state", self.state.as_deref());
            output::list(globals.output, &client.list(&list, RUNNING_MAX)?, &TABLE)?;
            if globals.output == Format::Table {
                output::line("nothing was done; `--yes` does it");
            }
            return Ok(());
        }
        // The unit tells a portion at a time. What was told stays told, whatever becomes of the next.
        let mut told = Vec::new();
        let outcome = loop {
            match client.send(&request.clone().json(&Value::Object(filter.clone()))) {
                Err(problem) => break Err(problem),
                Ok(answer) => {
                    told.extend(output::items(&answer));
                    let Some(after) = answer["next"].as_str() else { break Ok(()) };
                    filter.insert("after".into(), after.into());
                }
            }
        };
        if outcome.is_ok() || !told.is_empty() {
            output::list(globals.output, &json!({"items": told}), &OUTCOMES)?;
        }
        outcome
    }
}

/// Ends something that runs
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton kill instance/42\n  craton kill query/q7\n  craton kill call/payment/c12\n  craton kill --resource process/sell --state failed --yes\n\nThe ids are those of `craton ps`. An instance is cancelled, a query ended, a call withdrawn, a connection of MQTT closed; a job ends with its instance."
)]
pub struct Kill {
    #[command(flatten)]
    meant: Meant,
}

impl Kill {
    /// Ends it.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        self.meant.tell(globals, routes::running_tell("kill"), "ended")
    }
}

/// Has something that runs pause: an instance, a whole process, background work
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton pause instance/42\n  craton pause process/sell\n  craton pause work/tables\n  craton pause --resource process/sell --yes"
)]
pub struct Pause {
    #[command(flatten)]
    meant: Meant,
}

impl Pause {
    /// Has it pause.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        self.meant.tell(globals, routes::running_tell("pause"), "pauses")
    }
}

/// Has something that pauses go on
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton resume instance/42\n  craton resume process/sell\n  craton resume work/tables\n  craton resume --state suspended --yes"
)]
pub struct Resume {
    #[command(flatten)]
    meant: Meant,
}

impl Resume {
    /// Has it go on.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        self.meant.tell(globals, routes::running_tell("resume"), "goes on")
    }
}

/// Limits a user, a peer or a query from now on, until the unit stops or the time is up
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton limit user:ana --rate 10 --lasting PT10M\n  craton limit user:ana --memory 67108864 --time PT5S\n  craton limit query/q7 --time PT5S\n  craton limit user:ana --clear\n\nWhat is to hold for good is a manifest of kind Quota."
)]
pub struct Limit {
    /// Whom: `user:NAME`, `peer:UNIT`, or a query as `craton ps` shows it
    whom: String,
    /// Calls a second
    #[arg(long, value_name = "N")]
    rate: Option<u64>,
    /// Calls at once after a rest; as many as a second where absent
    #[arg(long, value_name = "N", requires = "rate")]
    burst: Option<u64>,
    /// Calls at the same time
    #[arg(long, value_name = "N")]
    concurrency: Option<u64>,
    /// Bytes of bodies a second
    #[arg(long, value_name = "BYTES")]
    bytes: Option<u64>,
    /// Bytes of memory of one query
    #[arg(long, value_name = "BYTES")]
    memory: Option<u64>,
    /// How long one query may take, for example PT5S
    #[arg(long, value_name = "DURATION")]
    time: Option<String>,
    /// Rows of the result of one query
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
    /// Queries at the same time
    #[arg(long, value_name = "N")]
    queries: Option<u64>,
    /// For how long, for example PT10M; until the unit stops where absent
    #[arg(long, value_name = "DURATION")]
    lasting: Option<String>,
    /// Take such a limit away
    #[arg(long)]
    clear: bool,
}

impl Limit {
    /// Limits.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let is_query = self.whom.starts_with("query/");
        let mut body = json!({});
        body[if is_query { "id" } else { "principal" }] = self.whom.as_str().into();
        let numbers = [
            ("rate", self.rate),
            ("burst", self.burst),
            ("concurrency", self.concurrency),
            ("bytes", self.bytes),
            ("memory", self.memory),
            ("rows", self.rows),
            ("queries", self.queries),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                body[name] = number.into();
            }
        }
        for (name, text) in [("time", self.time), ("lasting", self.lasting)] {
            if let Some(text) = text {
                body[name] = text.into();
            }
        }
        if self.clear {
            body["clear"] = true.into();
        }
        let request = routes::running_tell("limit").json(&body);
        let answer = connect::client(globals)?.send(&request)?;
        match globals.output {
            Format::Table if self.clear => {
                output::line(format!("{} has its quotas and no other limit", self.whom));
                Ok(())
            }
            Format::Table => {
                output::line(format!("{} is limited", self.whom));
                Ok(())
            }
            format => output::one(format, &answer),
        }
    }
}
