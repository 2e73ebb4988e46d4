//! `audit`: who did what, and what was refused.

use crate::{arguments::Globals, connect, output, output::Column, output::Format, routes};
use base::{Problem, Time};

const LINES: [Column; 6] = [
    Column("WHEN", &["wall"]),
    Column("WHO", &["actor"]),
    Column("OPERATION", &["operation"]),
    Column("RESOURCE", &["resource"]),
    Column("OUTCOME", &["outcome"]),
    Column("COUNT", &["count"]),
];

/// Shows who did what and what was refused, the newest first
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton audit\n  craton audit --who ana --from 2030-01-01\n  craton audit --outcome refused --operation task\n  craton audit --text refund --limit 20 -o json"
)]
pub struct Audit {
    /// Only of this principal, or on behalf of it: a user, or a principal such as process:NAME
    #[arg(long, value_name = "WHO")]
    who: Option<String>,
    /// Only this operation, or all of a kind: `task.complete`, `task`
    #[arg(long, value_name = "OPERATION")]
    operation: Option<String>,
    /// Only on this resource, or on all of a kind: `stream/orders`, `stream`
    #[arg(long, value_name = "RESOURCE")]
    resource: Option<String>,
    /// Only with this outcome: `allowed`, `refused`, or a code such as `policy.forbidden`
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only with this text in any field
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// From this time on, wall time
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this time, wall time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// So many at most
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: u32,
}

impl Audit {
    /// Shows the lines; goes on where the unit has looked at much and found little.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let time = |text: Option<String>| text.map(|text| Time::parse(&text)).transpose();
        let request = routes::audit_list()
            .query("actor", self.who)
            .query("operation", self.operation)
            .query("resource", self.resource)
            .query("outcome", self.outcome)
            .query("text", self.text)
            .query("from", time(self.from)?)
            .query("to", time(self.to)?)
            .query("limit", Some(self.limit));
        let answer = connect::client(globals)?.list(&request, self.limit)?;
        output::list(globals.output, &answer, &LINES)?;
        if globals.output == Format::Table && answer["more"] == true {
            output::error_line("there is more: `--limit` shows more of it");
        }
        Ok(())
    }
}
