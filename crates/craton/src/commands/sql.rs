//! `sql`: asks in SQL.

use super::input;
use crate::prompt::{self, Session};
use crate::{arguments::Globals, connect};
use base::Problem;
use std::io::IsTerminal;

/// Asks in SQL: one statement, those of standard input, or one after the other at a prompt
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton sql \"SELECT state, count(*) FROM system.process_instances GROUP BY state\"\n  craton sql \"SELECT * FROM orders LIMIT 10\" -o csv\n  craton sql < report.sql\n  craton sql               a prompt: statements end with `;`, \\? shows its commands\n\nFor whole relations there is `craton export`."
)]
pub struct Sql {
    /// The statement
    statement: Option<String>,
}

impl Sql {
    /// Asks and shows the rows.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let mut session = Session::new(connect::client(globals)?, globals.output);
        let done = match self.statement {
            Some(text) if text.trim_start().starts_with('\\') => session.run(&text).map(|_| ()),
            Some(statement) => session.ask(&statement),
            None if std::io::stdin().is_terminal() => return prompt::converse(session),
            None => session.run(&input::text(None)?).map(|_| ()),
        };
        done.map_err(|failed| failed.problem)
    }
}
