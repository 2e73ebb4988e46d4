//! Commands of the prompt: `\d`, `\x` and the like.

use crate::error::Error;
use crate::output::Format;
use base::nearest;
use clap::ValueEnum;
use std::path::PathBuf;

/// What `\?` shows.
pub const HELP: &str = "\
\\d                 relations
\\d NAME            the columns of a relation
\\dt  \\dv  \\dn      tables, views, schemas
\\l                 the unit that answers
\\x [on|off]        each row as a record of its own
\\timing [on|off]   how long an answer takes
\\pager [on|off]    long answers page by page ($PAGER, or less)
\\format FORMAT     table, csv, json or yaml
\\o [FILE]          answers into a file; without a file to the screen again
\\i FILE            runs the statements of a file
\\?  \\h             this help
\\q                 ends, as Ctrl-D does

A statement ends with `;`. Tab completes; Ctrl-C ends what runs, or empties the line; Ctrl-R looks through the history.
A line that begins with a space is not kept in the history, nor is one that speaks of a password, a secret or a token.
";

/// The words of all commands.
pub const WORDS: [&str; 14] =
    ["d", "dt", "dv", "dn", "l", "x", "timing", "pager", "format", "o", "i", "?", "h", "q"];

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Shows relations: all, tables or views.
    Relations(Kind),
    /// Shows the columns of a relation.
    Describe(String),
    /// Shows the schemas.
    Schemas,
    /// Shows which unit answers.
    Unit,
    /// Shows rows as records, or no longer; the other way round where nothing is said.
    Expanded(Option<bool>),
    /// Shows how long answers take.
    Timing(Option<bool>),
    /// Shows long answers page by page.
    Pager(Option<bool>),
    /// Shows answers in another form.
    Format(Format),
    /// Writes answers into a file, or to the screen again.
    Output(Option<PathBuf>),
    /// Runs a script.
    Input(PathBuf),
    /// Shows the commands.
    Help,
    /// Ends.
    Quit,
}

/// Which relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All of them.
    All,
    /// Those that hold rows.
    Tables,
    /// Queries under a name.
    Views,
}

impl Command {
    /// Reads a command with its `\`.
    ///
    /// # Errors
    /// `cli.usage` with the nearest one.
    pub fn read(text: &str) -> Result<Self, Error> {
        let text = text.trim().trim_start_matches('\\').trim_end_matches(';').trim_end();
        let (word, argument) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let argument = unquoted(argument.trim());
        Ok(match (word, argument) {
            ("d", "") => Self::Relations(Kind::All),
            ("d", name) => Self::Describe(name.into()),
            ("dt", "") => Self::Relations(Kind::Tables),
            ("dv", "") => Self::Relations(Kind::Views),
            ("dn", "") => Self::Schemas,
            ("l", "") => Self::Unit,
            ("x", argument) => Self::Expanded(switch(word, argument)?),
            ("timing", argument) => Self::Timing(switch(word, argument)?),
            ("pager", argument) => Self::Pager(switch(word, argument)?),
            ("format", argument) => Self::Format(format(argument)?),
            ("o", "") => Self::Output(None),
            ("o", file) => Self::Output(Some(file.into())),
            ("i", file) if !file.is_empty() => Self::Input(file.into()),
            ("?" | "h", _) => Self::Help,
            ("q" | "quit" | "exit", _) => Self::Quit,
            _ => return Err(unknown(word)),
        })
    }
}

/// Returns whether a line ends the prompt by a plain word.
pub fn is_end(text: &str) -> bool {
    matches!(text.trim().trim_end_matches(';').trim_end(), "exit" | "quit")
}

fn switch(word: &str, argument: &str) -> Result<Option<bool>, Error> {
    match argument {
        "" => Ok(None),
        "on" => Ok(Some(true)),
        "off" => Ok(Some(false)),
        _ => Err(Error::usage(
            format!("`\\{word}` cannot be `{argument}`"),
            format!("write `\\{word}`, `\\{word} on` or `\\{word} off`"),
        )),
    }
}

fn format(argument: &str) -> Result<Format, Error> {
    Format::from_str(argument, true).map_err(|_| {
        let reason = format!("`{argument}` is no form of an answer");
        Error::usage(reason, "write `\\format table`, `csv`, `json` or `yaml`")
    })
}

fn unquoted(argument: &str) -> &str {
    let quotes = ['\'', '"'];
    let inner = quotes.iter().find_map(|quote| argument.strip_prefix(*quote)?.strip_suffix(*quote));
    // A quoted name with a point in it keeps its quotes: they say which point is which.
    inner.filter(|inner| !inner.contains(quotes)).unwrap_or(argument)
}

fn unknown(word: &str) -> Error {
    let hint = match nearest(word, WORDS.iter().copied()) {
        Some(nearest) => format!("did you mean `\\{nearest}`? `\\?` lists them"),
        None => "`\\?` lists them".into(),
    };
    let shown: String = word.chars().take(40).collect();
    let reason = if WORDS.contains(&word) {
        format!("`\\{shown}` is not written so")
    } else {
        format!("there is no command `\\{shown}`")
    };
    Error::usage(reason, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_with_their_arguments() {
        let check = |text: &str, expected: Command| {
            assert_eq!(Command::read(text).expect("a command"), expected, "{text}");
        };
        check("\\d", Command::Relations(Kind::All));
        check("\\d  answers.kpi ;", Command::Describe("answers.kpi".into()));
        check("\\d \"my-orders\"", Command::Describe("my-orders".into()));
        check("\\dv", Command::Relations(Kind::Views));
        check("\\x", Command::Expanded(None));
        check("\\timing off", Command::Timing(Some(false)));
        check("\\format JSON", Command::Format(Format::Json));
        check("\\o", Command::Output(None));
        check("\\o 'my answers.txt'", Command::Output(Some("my answers.txt".into())));
        check("\\i report.sql", Command::Input("report.sql".into()));
        check("\\?", Command::Help);
        check("\\q", Command::Quit);
    }

    #[test]
    fn what_is_no_command_names_its_neighbour() {
        let refused = |text: &str| Command::read(text).expect_err("refused").to_string();
        assert_eq!(refused("\\timimg"), "there is no command `\\timimg`");
        assert_eq!(refused("\\x maybe"), "`\\x` cannot be `maybe`");
        assert_eq!(refused("\\format xml"), "`xml` is no form of an answer");
        assert_eq!(refused("\\i"), "`\\i` is not written so");
        assert!(is_end("quit;") && is_end(" exit ") && !is_end("exit 1"));
    }
}
