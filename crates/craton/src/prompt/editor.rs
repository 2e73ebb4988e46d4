//! The prompt itself: a line editor with history and completion.

use super::catalogue::Cache;
use super::command::is_end;
use super::complete::candidates;
use super::history::History;
use super::limits::HISTORY_ENTRIES_MAX;
use super::script::Script;
use super::session::{Flow, Session};
use crate::{error::Error, output, report};
use base::Problem;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor};

/// What stands before a statement.
const PROMPT: &str = "sql> ";

/// Asks statement after statement until the user ends it. A refused one does not end it.
///
/// # Errors
/// `cli.file` where the terminal cannot be read.
pub fn converse(session: Session) -> Result<(), Problem> {
    let mut session = session.with_prompt()?;
    let (mut editor, history) = editor(&session)?;
    let url = session.client().url();
    output::line(format!("asking {url}; a statement ends with `;`, \\? shows more, Ctrl-D ends"));
    loop {
        let text = match editor.readline(PROMPT) {
            Ok(text) => text,
            // Ctrl-C empties the line; a terminal of another size draws it anew.
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(unreadable(error)),
        };
        if is_end(&text) {
            return Ok(());
        }
        if history.keep(&text) {
            editor.add_history_entry(text.trim_end()).map_err(unreadable)?;
        }
        match session.run(&text) {
            Ok(Flow::On) => {}
            Ok(Flow::End) => return Ok(()),
            Err(failed) => {
                report::show(&failed.problem);
                eprint!("{}", failed.mark.unwrap_or_default());
            }
        }
        if let Some(helper) = editor.helper() {
            helper.cache.forget();
        }
    }
}

fn editor(session: &Session) -> Result<(Editor<Helper, MemHistory>, History), Problem> {
    let config = Config::builder()
        .max_history_size(HISTORY_ENTRIES_MAX)
        .map_err(unreadable)?
        .completion_type(CompletionType::List)
        .build();
    let entries = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, entries).map_err(unreadable)?;
    editor.set_helper(Some(Helper { cache: Cache::new(session.client().clone()) }));
    let history = History::of_user();
    for entry in history.entries() {
        editor.add_history_entry(entry).map_err(unreadable)?;
    }
    Ok((editor, history))
}

fn unreadable(error: ReadlineError) -> Problem {
    let source = match error {
        ReadlineError::Io(error) => error,
        other => std::io::Error::other(other.to_string()),
    };
    Error::unreadable(std::path::Path::new("the terminal"), source).into()
}

/// What the line editor asks for.
struct Helper {
    cache: Cache,
}

impl Completer for Helper {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(candidates(line, position, &self.cache.catalogue()))
    }
}

impl Validator for Helper {
    /// A statement goes on over several lines up to its `;`.
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        if !is_end(text) && Script::read(text).is_open {
            return Ok(ValidationResult::Incomplete);
        }
        Ok(ValidationResult::Valid(None))
    }
}

impl Hinter for Helper {
    type Hint = String;
}

impl Highlighter for Helper {}

impl rustyline::Helper for Helper {}
