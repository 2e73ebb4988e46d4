//! `instance` and `bulk`: instances are shown and repaired, one at a time or many at once. Each repair can be tried first.

use super::input::{self, Change, Variables};
use super::work::bare;
use crate::client::Request;
use crate::error::Error;
use crate::{arguments::Globals, connect, output, output::Column, routes};
use base::Problem;
use serde_json::{Map, Value, json};

/// How lists of instances are shown.
pub(super) const INSTANCES: &[Column] = &[
    Column("INSTANCE", &["instance"]),
    Column("PROCESS", &["process"]),
    Column("VERSION", &["version"]),
    Column("BUSINESS KEY", &["business_key"]),
    Column("STATE", &["state"]),
    Column("STARTED", &["started_at"]),
];
/// How lists of bulk operations are shown.
const BULK: &[Column] = &[
    Column("BULK", &["bulk"]),
    Column("PROCESS", &["/order/filter/process"]),
    Column("STATE", &["state"]),
    Column("LOOKED", &["looked"]),
    Column("FOUND", &["found"]),
    Column("DONE", &["done"]),
    Column("FAILED", &["failed"]),
    Column("STARTED", &["started_at"]),
];

/// Whether something is only tried.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Try {
    /// Show what would happen and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Shows and repairs instances: changes variables, moves tokens, suspends, resumes, migrates, cancels
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton instance list --state failed\n  craton instance set 42 --var total=12.5\n  craton instance move 42 --from pack --to ship --dry-run\n  craton instance migrate 42 --map pack=pack-parcel"
)]
pub struct Instance {
    #[command(subcommand)]
    command: InstanceCommand,
}

#[derive(Debug, clap::Subcommand)]
enum InstanceCommand {
    /// Shows an instance with its variables and where it stands
    #[command(after_help = "Examples:\n  craton instance get 42 -o json")]
    Get {
        /// The key of the instance
        instance: String,
    },
    /// Shows instances
    #[command(
        after_help = "Examples:\n  craton instance list --process sell --state suspended\n  craton instance list --process sell --element charge --version 3\n  craton instance list --process sell --state finished"
    )]
    List {
        /// Only those of this process
        #[arg(long, value_name = "NAME")]
        process: Option<String>,
        /// Only those that stand at this element
        #[arg(long, value_name = "ELEMENT")]
        element: Option<String>,
        /// Only those that run this version, or ran it last
        #[arg(long, value_name = "N")]
        version: Option<u64>,
        /// Only those in this state: active, suspended, failed; incident for those that stand still somewhere, completed, cancelled,
        /// finished for both, all; those that are not over where absent
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Changes variables of an instance, or of an element at which it stands
    #[command(
        after_help = "Examples:\n  craton instance set 42 --var total=12.5\n  craton instance set 42 --scope pack --var parcels=2 --dry-run"
    )]
    Set {
        /// The key of the instance
        instance: String,
        /// The id or the number of an element; the whole instance where absent
        #[arg(long, value_name = "ELEMENT")]
        scope: Option<String>,
        #[command(flatten)]
        variables: Variables,
        #[command(flatten)]
        tried: Try,
        #[command(flatten)]
        change: Change,
    },
    /// Ends an element of an instance and begins another in its place
    #[command(
        after_help = "Examples:\n  craton instance move 42 --from pack --to ship --dry-run\n  craton instance move 42 --from pack --to ship --var packed=true"
    )]
    Move {
        /// The key of the instance
        instance: String,
        /// The id or the number of an element at which it stands
        #[arg(long, value_name = "ELEMENT")]
        from: String,
        /// The id of the element that begins
        #[arg(long, value_name = "ELEMENT")]
        to: String,
        #[command(flatten)]
        variables: Variables,
        #[command(flatten)]
        tried: Try,
        #[command(flatten)]
        change: Change,
    },
    /// Has an instance take nothing until it is resumed
    #[command(after_help = "Examples:\n  craton instance suspend 42")]
    Suspend {
        /// The key of the instance
        instance: String,
        #[command(flatten)]
        tried: Try,
        #[command(flatten)]
        change: Change,
    },
    /// Has a suspended instance take what came meanwhile and go on
    #[command(after_help = "Examples:\n  craton instance resume 42")]
    Resume {
        /// The key of the instance
        instance: String,
        #[command(flatten)]
        tried: Try,
        #[command(flatten)]
        change: Change,
    },
    /// Takes an instance over to another version of its process
    #[command(
        after_help = "Examples:\n  craton instance migrate 42 --dry-run\n  craton instance migrate 42 --to-version 3 --map pack=pack-parcel --map late=too-late\n  craton instance migrate 42 --timers-again\n\nElements of the same id and kind need no --map."
    )]
    Migrate {
        /// The key of the instance
        instance: String,
        #[command(flatten)]
        migration: Migration,
        #[command(flatten)]
        tried: Try,
        #[command(flatten)]
        change: Change,
    },
    /// Ends an instance; what it waits for is withdrawn
    #[command(after_help = "Examples:\n  craton instance cancel 42 --dry-run")]
    Cancel {
        /// The key of the instance
        instance: String,
        #[command(flatten)]
        tried: Try,
        #[command(flatten)]
        change: Change,
    },
}

/// To which version instances go over.
#[derive(Debug, Clone, clap::Args)]
struct Migration {
    /// The version; the process as it stands where absent
    #[arg(long, value_name = "N")]
    to_version: Option<u64>,
    /// For an element or a flow of the old version one of the new version
    #[arg(long = "map", value_name = "OLD=NEW")]
    mapping: Vec<String>,
    /// Work timers out again, as of when their elements were entered
    #[arg(long)]
    timers_again: bool,
}

impl Migration {
    fn put(self, body: &mut Value) -> Result<(), Problem> {
        let mut mapping = Map::new();
        for pair in self.mapping {
            let Some((old, new)) = pair.split_once('=') else {
                let hint = "write `--map OLD=NEW` with ids of elements";
                return Err(Error::usage(format!("`{pair}` is no mapping"), hint).into());
            };
            mapping.insert(old.to_owned(), Value::String(new.to_owned()));
        }
        if let Some(version) = self.to_version {
            body["version"] = version.into();
        }
        body["mapping"] = Value::Object(mapping);
        body["timers_again"] = self.timers_again.into();
        Ok(())
    }
}

impl Instance {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        let (request, body, change) = match self.command {
            InstanceCommand::Get { instance } => {
                let answer = client.send(&routes::instance_get(bare(&instance)))?;
                return output::one(globals.output, &answer);
            }
            InstanceCommand::List { process, element, version, state, limit } => {
                let request = routes::instance_list()
                    .query("process", process)
                    .query("element", element)
                    .query("version", version)
                    .query("state", state)
                    .query("limit", Some(limit));
                return output::list(globals.output, &client.list(&request, limit)?, INSTANCES);
            }
            InstanceCommand::Set { instance, scope, variables, tried, change } => {
                let body = json!({
                    "variables": variables.value()?, "scope": scope, "dry_run": tried.dry_run
                });
                (routes::instance_set_variables(bare(&instance)), body, change)
            }
            InstanceCommand::Move { instance, from, to, variables, tried, change } => {
                let body = json!({
                    "from": from, "to": to, "variables": variables.value()?,
                    "dry_run": tried.dry_run,
                });
                (routes::instance_move(bare(&instance)), body, change)
            }
            InstanceCommand::Suspend { instance, tried, change } => {
                (routes::instance_suspend(bare(&instance)), trying(tried), change)
            }
            InstanceCommand::Resume { instance, tried, change } => {
                (routes::instance_resume(bare(&instance)), trying(tried), change)
            }
            InstanceCommand::Migrate { instance, migration, tried, change } => {
                let mut body = trying(tried);
                migration.put(&mut body)?;
                (routes::instance_migrate(bare(&instance)), body, change)
            }
            InstanceCommand::Cancel { instance, tried, change } => {
                (routes::instance_cancel(bare(&instance)), trying(tried), change)
            }
        };
        output::one(globals.output, &client.send(&sent(request, change, &body)?)?)
    }
}

fn trying(tried: Try) -> Value {
    json!({"dry_run": tried.dry_run})
}

fn sent(request: Request, change: Change, body: &Value) -> Result<Request, Problem> {
    Ok(change.put(request)?.json(body))
}

/// Repairs many instances at once: what a filter finds, up to a limit, in the background
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton bulk retry --process sell --code job.retries\n  craton bulk migrate --process sell --filter-version 3 --map pack=pack-parcel --dry-run\n  craton bulk get 7"
)]
pub struct Bulk {
    #[command(subcommand)]
    command: BulkCommand,
}

/// Which instances; all that is given holds.
#[derive(Debug, Clone, clap::Args)]
struct Filter {
    /// Those of this process
    #[arg(long, value_name = "NAME")]
    process: String,
    /// Those that run this version
    #[arg(long, value_name = "N")]
    filter_version: Option<u64>,
    /// Those that stand at this element
    #[arg(long, value_name = "ELEMENT")]
    element: Option<String>,
    /// Those with an incident of this code
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Those in this state: active, suspended, failed; incident for those with an incident (of --code, at --element)
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Those that began longer ago than this, for example P30D
    #[arg(long, value_name = "PERIOD")]
    older_than: Option<String>,
    /// Those with this value of a variable; JSON where it reads as JSON, else text
    #[arg(long = "where", value_name = "NAME=VALUE")]
    variable: Option<String>,
    /// So many instances at most
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

impl Filter {
    fn order(self, action: &str, tried: Try) -> Result<Value, Problem> {
        let mut filter = json!({"process": self.process});
        let fields = [
            ("element", self.element),
            ("code", self.code),
            ("state", self.state),
            ("older_than", self.older_than),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                filter[name] = value.into();
            }
        }
        if let Some(version) = self.filter_version {
            filter["version"] = version.into();
        }
        if let Some(pair) = self.variable {
            let (name, value) = input::pair(&pair)?;
            filter["variable"] = name.into();
            filter["value"] = value;
        }
        let mut order = json!({"action": action, "filter": filter, "dry_run": tried.dry_run});
        if let Some(limit) = self.limit {
            order["limit"] = limit.into();
        }
        Ok(order)
    }
}

#[derive(Debug, clap::Subcommand)]
enum BulkCommand {
    /// Tries incidents again
    #[command(
        after_help = "Examples:\n  craton bulk retry --process sell --code job.retries --limit 1000\n  craton bulk retry --process sell --element pack --var address=unknown --retries 3"
    )]
    Retry {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        variables: Variables,
        /// Tries of a job from now on
        #[arg(long, value_name = "N")]
        retries: Option<u32>,
        #[command(flatten)]
        tried: Try,
        #[command(flatten)]
        change: Change,
    },
    /// Cancels instances
    #[command(
        after_help = "Examples:\n  craton bulk cancel --process sell --older-than P90D --dry-run\n  craton bulk cancel --process sell --where campaign=spring\n  craton bulk cancel --process sell --state incident --code feel.failed --dry-run"
    )]
    Cancel {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        tried: Try,
        #[command(flatten)]
        change: Change,
    },
    /// Suspends instances
    #[command(after_help = "Examples:\n  craton bulk suspend --process sell --element charge")]
    Suspend {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        tried: Try,
        #[command(flatten)]
        change: Change,
    },
    /// Resumes instances
    #[command(after_help = "Examples:\n  craton bulk resume --process sell")]
    Resume {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        tried: Try,
        #[command(flatten)]
        change: Change,
    },
    /// Takes instances over to another version
    #[command(
        after_help = "Examples:\n  craton bulk migrate --process sell --dry-run\n  craton bulk migrate --process sell --filter-version 3 --map pack=pack-parcel"
    )]
    Migrate {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        migration: Migration,
        #[command(flatten)]
        tried: Try,
        #[command(flatten)]
        change: Change,
    },
    /// Shows how far a bulk operation is, and what went wrong
    #[command(after_help = "Examples:\n  craton bulk get 7\n  craton bulk get 7 -o json")]
    Get {
        /// The number of the bulk operation
        bulk: String,
    },
    /// Shows bulk operations
    #[command(after_help = "Examples:\n  craton bulk list")]
    List {
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Has a bulk operation make no more calls
    #[command(after_help = "Examples:\n  craton bulk stop 7")]
    Stop {
        /// The number of the bulk operation
        bulk: String,
        #[command(flatten)]
        change: Change,
    },
}

impl Bulk {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        let (order, change) = match self.command {
            BulkCommand::Retry { filter, variables, retries, tried, change } => {
                let mut order = filter.order("retry", tried)?;
                order["variables"] = variables.value()?;
                if let Some(retries) = retries {
                    order["retries"] = retries.into();
                }
                (order, change)
            }
            BulkCommand::Cancel { filter, tried, change } => {
                (filter.order("cancel", tried)?, change)
            }
            BulkCommand::Suspend { filter, tried, change } => {
                (filter.order("suspend", tried)?, change)
            }
            BulkCommand::Resume { filter, tried, change } => {
                (filter.order("resume", tried)?, change)
            }
            BulkCommand::Migrate { filter, migration, tried, change } => {
                let mut order = filter.order("migrate", tried)?;
                migration.put(&mut order)?;
                (order, change)
            }
            BulkCommand::Get { bulk } => {
                let answer = client.send(&routes::bulk_get(bare(&bulk)))?;
                return output::one(globals.output, &answer);
            }
            BulkCommand::List { limit } => {
                let request = routes::bulk_list().query("limit", Some(limit));
                return output::list(globals.output, &client.send(&request)?, BULK);
            }
            BulkCommand::Stop { bulk, change } => {
                let request = change.put(routes::bulk_stop(bare(&bulk)))?;
                return output::one(globals.output, &client.send(&request)?);
            }
        };
        output::one(globals.output, &client.send(&sent(routes::bulk_start(), change, &order)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_says_what_was_given_and_nothing_else() {
        let filter = Filter {
            process: "sell".into(),
            filter_version: Some(3),
            element: None,
            code: Some("job.retries".into()),
            state: None,
            older_than: Some("P30D".into()),
            variable: Some("total=12.5".into()),
            limit: Some(10),
        };
        let order = filter.order("retry", Try { dry_run: true }).expect("an order");
        let expected = json!({
            "action": "retry", "limit": 10, "dry_run": true,
            "filter": {
                "process": "sell", "version": 3, "code": "job.retries", "older_than": "P30D",
                "variable": "total", "value": 12.5,
            },
        });
        assert_eq!(order, expected);
    }

    #[test]
    fn a_mapping_without_a_target_is_refused() {
        let migration =
            Migration { to_version: None, mapping: vec!["pack".into()], timers_again: false };
        assert_eq!(migration.put(&mut json!({})).expect_err("refused").code, "cli.usage");
    }
}
