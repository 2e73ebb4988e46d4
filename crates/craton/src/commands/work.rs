//! `process`, `task`, `job`, `incident`: work in progress.

use super::input::{Change, Variables};
use crate::{arguments::Globals, connect, output, output::Column, routes};
use base::Problem;
use serde_json::{Value, json};

/// How lists of tasks are shown.
pub(super) const TASKS: &[Column] = &[
    Column("TASK", &["task"]),
    Column("NAME", &["name", "kind"]),
    Column("PROCESS", &["process"]),
    Column("BUSINESS KEY", &["business_key"]),
    Column("ASSIGNEE", &["assignee"]),
    Column("STATE", &["state"]),
    Column("DUE", &["due"]),
    Column("CREATED", &["created_at"]),
];
/// How lists of processes are shown.
const PROCESSES: &[Column] = &[
    Column("PROCESS", &["process"]),
    Column("TITLE", &["title"]),
    Column("VERSION", &["version"]),
    Column("STATE", &["state"]),
    Column("ACTIVE", &["active"]),
    Column("SUSPENDED", &["suspended"]),
    Column("INCIDENTS", &["incidents"]),
    Column("FINISHED", &["finished"]),
];
/// How lists of jobs are shown.
pub(super) const JOBS: &[Column] = &[
    Column("JOB", &["job"]),
    Column("TYPE", &["type"]),
    Column("PROCESS", &["process"]),
    Column("BUSINESS KEY", &["business_key"]),
    Column("RETRIES", &["retries"]),
    Column("STATE", &["state"]),
    Column("WORKER", &["worker"]),
    Column("CREATED", &["created_at"]),
];
/// How lists of incidents are shown.
pub(super) const INCIDENTS: &[Column] = &[
    Column("INCIDENT", &["incident"]),
    Column("PROCESS", &["process"]),
    Column("BUSINESS KEY", &["business_key"]),
    Column("ELEMENT", &["element"]),
    Column("CODE", &["code"]),
    Column("MESSAGE", &["message"]),
    Column("SINCE", &["at"]),
];

/// Shows, starts, suspends and resumes processes
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton process list\n  craton process start answer-request --var subject=Hello\n  craton process suspend answer-request\n\n`craton get process` shows their manifests, `craton instance` what runs of them."
)]
pub struct Process {
    #[command(subcommand)]
    command: ProcessCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ProcessCommand {
    /// Shows processes, with how many instances each has
    #[command(
        after_help = "Examples:\n  craton process list\n  craton process list --text pay -o json"
    )]
    List {
        /// Only those whose name has this text
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = 1_000)]
        limit: u32,
    },
    /// Starts an instance
    #[command(
        after_help = "Examples:\n  craton process start sell --var order=o1 --var total=12.5\n  craton process start sell --business-key o1 --variables @order.json"
    )]
    Start {
        /// The process
        name: String,
        /// What the business calls the instance
        #[arg(long, value_name = "KEY")]
        business_key: Option<String>,
        /// Refuse where an instance of this business key is active
        #[arg(long, requires = "business_key")]
        unique: bool,
        #[command(flatten)]
        variables: Variables,
        #[command(flatten)]
        change: Change,
    },
    /// Has a process start no new instances until it is resumed; its instances go on
    #[command(
        after_help = "Examples:\n  craton process suspend sell --dry-run\n  craton process suspend sell --instances"
    )]
    Suspend(Suspension),
    /// Has a suspended process start instances again: first what waited for it
    #[command(
        after_help = "Examples:\n  craton process resume sell\n  craton process resume sell --instances"
    )]
    Resume(Suspension),
}

/// What is suspended or resumed.
#[derive(Debug, clap::Args)]
pub struct Suspension {
    /// The process
    name: String,
    /// Its instances too, by a bulk operation
    #[arg(long)]
    instances: bool,
    /// Show what would happen and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    change: Change,
}

impl Suspension {
    fn body(&self) -> Value {
        json!({"instances": self.instances, "dry_run": self.dry_run})
    }
}

impl Process {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            ProcessCommand::List { text, limit } => {
                let request =
                    routes::process_list().query("text", text).query("limit", Some(limit));
                output::list(globals.output, &client.list(&request, limit)?, PROCESSES)
            }
            ProcessCommand::Start { name, business_key, unique, variables, change } => {
                let mut body = json!({"variables": variables.value()?});
                if let Some(key) = business_key {
                    body["business_key"] = key.into();
                    body["unique"] = unique.into();
                }
                let request = change.put(routes::process_start(&name))?.json(&body);
                output::one(globals.output, &client.send(&request)?)
            }
            ProcessCommand::Suspend(suspension) => {
                let (request, body) =
                    (routes::process_suspend(&suspension.name), suspension.body());
                let request = suspension.change.put(request)?.json(&body);
                output::one(globals.output, &client.send(&request)?)
            }
            ProcessCommand::Resume(suspension) => {
                let (request, body) = (routes::process_resume(&suspension.name), suspension.body());
                let request = suspension.change.put(request)?.json(&body);
                output::one(globals.output, &client.send(&request)?)
            }
        }
    }
}

/// Shows, claims and completes the tasks of people
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton task list\n  craton task claim 42\n  craton task complete 42 --var answer='It is on its way'"
)]
pub struct Task {
    #[command(subcommand)]
    command: TaskCommand,
}

#[derive(Debug, clap::Subcommand)]
enum TaskCommand {
    /// Shows tasks
    #[command(
        after_help = "Examples:\n  craton task list\n  craton task list --mine\n  craton task list --state created --process answer-request"
    )]
    List {
        /// Only my own, and those that my roles may take
        #[arg(long)]
        mine: bool,
        /// Only those whose business key begins so
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Only those of this process
        #[arg(long, value_name = "NAME")]
        process: Option<String>,
        /// Only those in this state: created, claimed
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Only those of this person
        #[arg(long, value_name = "WHO")]
        assignee: Option<String>,
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Takes a task on
    #[command(after_help = "Examples:\n  craton task claim 42")]
    Claim {
        /// The task
        id: String,
        #[command(flatten)]
        change: Change,
    },
    /// Completes a task; the variables go to the process
    #[command(
        after_help = "Examples:\n  craton task complete 42 --var approved=true\n  craton task complete 42 --variables @answer.json"
    )]
    Complete {
        /// The task
        id: String,
        #[command(flatten)]
        variables: Variables,
        /// When it was really done, where that was before now
        #[arg(long, value_name = "TIME")]
        done_at: Option<String>,
        #[command(flatten)]
        change: Change,
    },
}

impl Task {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            TaskCommand::List { mine, search, process, state, assignee, limit } => {
                let request = routes::task_list()
                    .query("mine", mine.then_some("true"))
                    .query("search", search)
                    .query("process", process)
                    .query("state", state)
                    .query("assignee", assignee)
                    .query("limit", Some(limit));
                output::list(globals.output, &client.list(&request, limit)?, TASKS)
            }
            TaskCommand::Claim { id, change } => {
                client.send(&change.put(routes::task_claim(bare(&id)))?)?;
                output::line(format!("task/{} claimed", bare(&id)));
                Ok(())
            }
            TaskCommand::Complete { id, variables, done_at, change } => {
                let body = json!({"variables": variables.value()?, "done_at": done_at});
                client.send(&change.put(routes::task_complete(bare(&id)))?.json(&body))?;
                output::line(format!("task/{} completed", bare(&id)));
                Ok(())
            }
        }
    }
}

/// Shows, fetches, completes and fails the jobs of programs
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton job list\n  craton job fetch send-mail --count 5\n  craton job complete 42 --var sent=true\n  craton job fail 42 --message 'no such address'"
)]
pub struct Job {
    #[command(subcommand)]
    command: JobCommand,
}

#[derive(Debug, clap::Subcommand)]
enum JobCommand {
    /// Shows jobs
    #[command(after_help = "Examples:\n  craton job list\n  craton job list --type send-mail")]
    List {
        /// Only those of this type
        #[arg(long = "type", value_name = "TYPE")]
        job_type: Option<String>,
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Fetches jobs to work on
    #[command(
        after_help = "Examples:\n  craton job fetch send-mail --count 5 --timeout 60 -o json"
    )]
    Fetch {
        /// The type
        job_type: String,
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = 1)]
        count: u32,
        /// After so many seconds others may fetch them again
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        timeout: u32,
    },
    /// Completes a job; the variables go to the process
    #[command(after_help = "Examples:\n  craton job complete 42 --var sent=true")]
    Complete {
        /// The job
        id: String,
        #[command(flatten)]
        variables: Variables,
        #[command(flatten)]
        change: Change,
    },
    /// Fails a job; without retries left it becomes an incident
    #[command(
        after_help = "Examples:\n  craton job fail 42 --retries 2 --message 'mail server is down'"
    )]
    Fail {
        /// The job
        id: String,
        /// How often it may be tried again; one time less than before where absent
        #[arg(long, value_name = "N")]
        retries: Option<u32>,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        message: String,
        #[command(flatten)]
        change: Change,
    },
}

impl Job {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            JobCommand::List { job_type, limit } => {
                let request =
                    routes::job_list().query("type", job_type).query("limit", Some(limit));
                output::list(globals.output, &client.send(&request)?, JOBS)
            }
            JobCommand::Fetch { job_type, count, timeout } => {
                let body = json!({"type": job_type, "max": count, "timeout": timeout});
                output::part(
                    globals.output,
                    &client.send(&routes::job_activate().json(&body))?,
                    "jobs",
                    JOBS,
                )
            }
            JobCommand::Complete { id, variables, change } => {
                let body = json!({"variables": variables.value()?});
                client.send(&change.put(routes::job_complete(bare(&id)))?.json(&body))?;
                output::line(format!("job/{} completed", bare(&id)));
                Ok(())
            }
            JobCommand::Fail { id, retries, message, change } => {
                let mut body = json!({"message": message});
                if let Some(retries) = retries {
                    body["retries"] = retries.into();
                }
                client.send(&change.put(routes::job_fail(bare(&id)))?.json(&body))?;
                output::line(format!("job/{} failed", bare(&id)));
                Ok(())
            }
        }
    }
}

/// Shows and resolves incidents: instances that cannot go on
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton incident list\n  craton incident resolve 42 --var total=12.5"
)]
pub struct Incident {
    #[command(subcommand)]
    command: IncidentCommand,
}

#[derive(Debug, clap::Subcommand)]
enum IncidentCommand {
    /// Shows incidents
    #[command(
        after_help = "Examples:\n  craton incident list\n  craton incident list --process sell -o json"
    )]
    List {
        /// Only those of this process
        #[arg(long, value_name = "NAME")]
        process: Option<String>,
        /// Only those with this code
        #[arg(long, value_name = "CODE")]
        code: Option<String>,
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Changes variables where needed and tries again
    #[command(
        after_help = "Examples:\n  craton incident resolve 42\n  craton incident resolve 42 --var total=12.5"
    )]
    Resolve {
        /// The incident
        id: String,
        #[command(flatten)]
        variables: Variables,
        #[command(flatten)]
        change: Change,
    },
}

impl Incident {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            IncidentCommand::List { process, code, limit } => {
                let request = routes::incident_list()
                    .query("process", process)
                    .query("code", code)
                    .query("limit", Some(limit));
                output::list(globals.output, &client.list(&request, limit)?, INCIDENTS)
            }
            IncidentCommand::Resolve { id, variables, change } => {
                let body = json!({"variables": variables.value()?});
                client.send(&change.put(routes::incident_resolve(bare(&id)))?.json(&body))?;
                output::line(format!("incident/{} resolved", bare(&id)));
                Ok(())
            }
        }
    }
}

/// Returns a key without the kind before it: `instance/42` is `42`.
pub(super) fn bare(id: &str) -> &str {
    id.split_once('/').map_or(id, |(_, id)| id)
}
