//! Reads the command line.

use crate::{commands::Command, error::Error, output::Format};
use base::Problem;
use clap::{CommandFactory, FromArgMatches, Parser, error::ErrorKind};
use std::path::PathBuf;

/// What the user wants.
pub enum Wanted {
    /// A command.
    Run(Box<Arguments>),
    /// Help or the version, as text.
    Help(String),
}

/// Craton runs a business unit: its processes, its data, and its contracts with other units.
#[derive(Debug, Parser)]
#[command(
    name = "craton",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  craton init shop          make a unit in the folder `shop`\n  craton up shop            run it\n  craton --unit shop sql    ask it",
    after_long_help = "Examples:\n  craton init shop          make a unit in the folder `shop`\n  craton up shop            run it\n  craton --unit shop sql    ask it\n\nErrors are written as `error: … [code]`; the exit status tells their kind:\n  2 invalid  3 unauthenticated  4 forbidden  5 not found  6 conflict  7 exhausted  8 unavailable  9 internal"
)]
pub struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub globals: Globals,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub struct Globals {
    /// The unit: its folder or its address; the current folder where absent
    #[arg(long, global = true, env = "CRATON_UNIT", value_name = "URL|DIR", help_heading = "Unit")]
    pub unit: Option<String>,
    /// The token; that of `craton login` where absent, else that of the owner in the unit's folder
    #[arg(
        long,
        global = true,
        env = "CRATON_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        help_heading = "Unit"
    )]
    pub token: Option<String>,
    /// The file with the certificate that a unit reached by https must show; one that the system trusts where absent
    #[arg(
        long,
        global = true,
        env = "CRATON_CERTIFICATE",
        value_name = "FILE",
        help_heading = "Unit"
    )]
    pub certificate: Option<PathBuf>,
    /// The form of the answer
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value = "table",
        value_name = "FORMAT",
        hide_possible_values = false,
        help_heading = "Unit"
    )]
    pub output: Format,
}

/// Returns the whole command line as clap knows it.
pub fn command() -> clap::Command {
    Arguments::command().mut_subcommands(with_examples)
}

/// Gives a command without examples of its own those of its group.
fn with_examples(group: clap::Command) -> clap::Command {
    let Some(examples) = group.get_after_help().cloned() else { return group };
    group.mut_subcommands(move |command| match command.get_after_help() {
        Some(_) => command,
        None => command.after_help(examples.clone()),
    })
}

/// Reads the words that the program was started with.
///
/// # Errors
/// `cli.usage` where they make no sense.
pub fn read() -> Result<Wanted, Problem> {
    let arguments =
        command().try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches));
    match arguments {
        Ok(arguments) => Ok(Wanted::Run(Box::new(arguments))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Ok(Wanted::Help(error.render().to_string()))
            }
            _ => Err(refused(&error.render().to_string()).into()),
        },
    }
}

/// Turns what clap writes (`error:`, `tip:`, `Usage:` in paragraphs) into one message and one hint.
fn refused(text: &str) -> Error {
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let reason = words(first.trim_start_matches("error: "));
    let mut tips = Vec::new();
    let mut usage = None;
    for paragraph in paragraphs {
        for line in paragraph.lines().map(str::trim) {
            if let Some(tip) = line.strip_prefix("tip: ") {
                tips.push(tip.to_owned());
            } else if let Some(form) = line.strip_prefix("Usage: ") {
                usage = Some(format!("write `{form}`"));
            }
        }
    }
    let hint = if tips.is_empty() { usage } else { Some(tips.join("; ")) };
    Error::Usage {
        reason: reason.replace('\'', "`"),
        hint: hint.map(|hint| hint.replace('\'', "`")),
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn a_misspelt_option_becomes_one_message_and_one_hint() {
        let error = command().try_get_matches_from(["craton", "apply", "--dry-rum", "-f", "x"]);
        let problem: Problem = refused(&error.expect_err("refused").render().to_string()).into();
        assert_eq!(problem.code, "cli.usage");
        assert!(problem.message.contains("`--dry-rum`"), "{}", problem.message);
        assert!(problem.hint.as_deref().is_some_and(|hint| hint.contains("`--dry-run`")));
    }
}
