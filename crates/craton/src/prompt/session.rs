//! A session of SQL: what is asked, and in which form answers are shown. The same for a prompt, a script and a single statement.

use super::answer::{self, Answer};
use super::command::{Command, HELP, Kind};
use super::interrupt::Interrupts;
use super::limits::SCRIPT_DEPTH_MAX;
use super::mark::mark;
use super::script::{Part, Script};
use super::terminal::{self, Size};
use crate::commands::input;
use crate::layout::{self, Column};
use crate::{
    cancel, client::Client, client::Request, error::Error, output, output::Format, routes,
};
use base::{Clock, Code, Kind as ProblemKind, Problem, SystemClock};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether a session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// More can be asked.
    On,
    /// The user has ended it.
    End,
}

/// A statement or a command that was refused.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub problem: Problem,
    /// The line of the statement with a sign below the place, where there is one.
    pub mark: Option<String>,
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self { problem, mark: None }
    }
}

/// A session.
#[derive(Debug)]
pub struct Session {
    client: Arc<Client>,
    format: Format,
    is_expanded: bool,
    is_timing: bool,
    is_paged: bool,
    /// Where answers go instead of the screen.
    output: Option<(PathBuf, File)>,
    /// There at a prompt alone.
    interrupts: Option<Interrupts>,
}

impl Session {
    /// Returns a session without a prompt.
    pub fn new(client: Client, format: Format) -> Self {
        Self {
            client: Arc::new(client),
            format,
            is_expanded: false,
            is_timing: false,
            is_paged: false,
            output: None,
            interrupts: None,
        }
    }

    /// Makes it one of a prompt: Ctrl-C ends queries, long answers are shown page by page.
    ///
    /// # Errors
    /// `cli.file` where the system gives no handler of signals.
    pub fn with_prompt(mut self) -> Result<Self, Problem> {
        self.interrupts = Some(Interrupts::listen()?);
        self.is_paged = std::io::stdout().is_terminal();
        Ok(self)
    }

    /// Returns the client.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Runs a text of statements and commands up to the first that is refused.
    ///
    /// # Errors
    /// What is refused.
    pub fn run(&mut self, text: &str) -> Result<Flow, Failed> {
        self.script(text, 0)
    }

    /// Asks one statement and shows the answer.
    ///
    /// # Errors
    /// What the unit says, with the place in the statement.
    pub fn ask(&mut self, sql: &str) -> Result<(), Failed> {
        let clock = SystemClock::new();
        let began = clock.monotonic();
        self.answer(sql).map_err(|problem| {
            let mark = problem.place.as_ref().and_then(|place| mark(sql, place));
            Failed { problem, mark }
        })?;
        if self.is_timing {
            let took = clock.monotonic().saturating_sub(began);
            output::line(format!("time: {:.1} ms", took.as_secs_f64() * 1_000.0));
        }
        Ok(())
    }

    fn script(&mut self, text: &str, depth: usize) -> Result<Flow, Failed> {
        for part in Script::all(text) {
            match part {
                Part::Statement(sql) => self.ask(&sql)?,
                Part::Command(text) => {
                    let command = Command::read(&text).map_err(Problem::from)?;
                    if self.command(command, depth)? == Flow::End {
                        return Ok(Flow::End);
                    }
                }
            }
        }
        Ok(Flow::On)
    }

    fn answer(&mut self, sql: &str) -> Result<(), Problem> {
        let tag = cancel::tag();
        self.present(answer::request(sql, self.format, &tag), Some(&tag))
    }

    /// Shows the answer to a request that is made for a form of answers.
    ///
    /// # Errors
    /// What the unit says.
    pub fn show(&mut self, request: impl Fn(&str) -> Request) -> Result<(), Problem> {
        self.present(request(answer::wire(self.format)), None)
    }

    fn present(&mut self, request: Request, tag: Option<&str>) -> Result<(), Problem> {
        let is_streamed = matches!(self.format, Format::Csv | Format::Json)
            && self.interrupts.is_none()
            && self.output.is_none();
        if is_streamed {
            self.client.pass_on(&request)?;
            if self.format == Format::Json {
                output::line("");
            }
            return Ok(());
        }
        let bytes = match (&self.interrupts, tag) {
            (Some(interrupts), Some(tag)) => interrupts.ask(&self.client, request, tag)?,
            _ => self.client.read(self.client.open(&request)?)?,
        };
        let text = if self.format == Format::Table {
            let answer = Answer::read(&self.client, &bytes)?;
            answer.text(self.is_expanded, self.width_max())
        } else {
            answer::text(&self.client, self.format, &bytes)?
        };
        self.put(&text)
    }

    fn command(&mut self, command: Command, depth: usize) -> Result<Flow, Failed> {
        let switched = |held: bool, wanted: Option<bool>| wanted.unwrap_or(!held);
        match command {
            Command::Relations(kind) => self.ask(&relations(kind))?,
            Command::Describe(name) => self.describe(&name)?,
            Command::Schemas => self.ask(SCHEMAS)?,
            Command::Unit => output::line(self.client.url()),
            Command::Expanded(wanted) => {
                self.is_expanded = switched(self.is_expanded, wanted);
                say("each row as a record of its own", self.is_expanded);
            }
            Command::Timing(wanted) => {
                self.is_timing = switched(self.is_timing, wanted);
                say("how long an answer takes", self.is_timing);
            }
            Command::Pager(wanted) => {
                self.is_paged = switched(self.is_paged, wanted);
                say("long answers page by page", self.is_paged);
            }
            Command::Format(format) => self.format = format,
            Command::Output(path) => self.turn_to(path)?,
            Command::Input(path) => return self.include(&path, depth),
            Command::Help => output::print(HELP),
            Command::Quit => return Ok(Flow::End),
        }
        Ok(Flow::On)
    }

    /// Runs the script of a file.
    fn include(&mut self, path: &Path, depth: usize) -> Result<Flow, Failed> {
        if SCRIPT_DEPTH_MAX <= depth {
            let what = "scripts that call scripts".into();
            return Err(
                Problem::from(Error::TooLarge { what, limit: SCRIPT_DEPTH_MAX as u64 }).into()
            );
        }
        let text = input::text(Some(path))?;
        self.script(&text, depth + 1)
    }

    fn turn_to(&mut self, path: Option<PathBuf>) -> Result<(), Problem> {
        self.output = match path {
            None => None,
            Some(path) => {
                let file = File::create(&path).map_err(|error| Error::unwritable(&path, error))?;
                Some((path, file))
            }
        };
        Ok(())
    }

    /// Shows the columns of a relation.
    fn describe(&mut self, name: &str) -> Result<(), Problem> {
        let (schema, name) = match name.split_once('.') {
            Some((schema, name)) => (plain(schema), plain(name)),
            None => ("public".to_owned(), plain(name)),
        };
        let sql = format!(
            "SELECT column_name, data_type, is_nullable FROM information_schema.columns \
             WHERE table_schema = {} AND table_name = {} ORDER BY ordinal_position",
            literal(&schema),
            literal(&name)
        );
        let answer = self.client.send(&routes::sql_query().json(&json!({"sql": sql})))?;
        let rows: Vec<Vec<String>> =
            answer.as_array().into_iter().flatten().map(described).collect();
        if rows.is_empty() {
            let code = Code("sql.invalid", ProblemKind::Invalid);
            let problem = Problem::new(code, format!("there is no relation `{schema}.{name}`"));
            return Err(problem.with_hint("`\\d` lists them"));
        }
        let columns = ["column", "type", "null"].map(Column::text);
        let text = layout::table(&columns, &rows, self.width_max());
        self.put(&text)
    }

    /// Returns how wide a table may be: as the terminal, where no program shows wider ones.
    fn width_max(&self) -> Option<usize> {
        let is_shown = self.interrupts.is_some() && self.output.is_none();
        let has_pager = self.is_paged && terminal::pager().is_some();
        if is_shown && !has_pager { Size::of_output().map(|size| size.columns) } else { None }
    }

    /// Writes an answer to where answers go.
    fn put(&mut self, text: &str) -> Result<(), Problem> {
        if let Some((path, file)) = &mut self.output {
            let written = file.write_all(text.as_bytes());
            return written.map_err(|error| Error::unwritable(path, error).into());
        }
        let is_long = || Size::of_output().is_some_and(|size| !size.fits(text));
        let pager = if self.is_paged && is_long() { terminal::pager() } else { None };
        if !pager.is_some_and(|pager| terminal::show_pages(&pager, text)) {
            output::print(text);
        }
        Ok(())
    }
}

const SCHEMAS: &str = "SELECT DISTINCT table_schema AS \"schema\" FROM information_schema.tables \
                       ORDER BY table_schema";

fn relations(kind: Kind) -> String {
    let wanted = match kind {
        Kind::All => "",
        Kind::Tables => " AND table_type <> 'VIEW'",
        Kind::Views => " AND table_type = 'VIEW'",
    };
    format!(
        "SELECT table_schema AS \"schema\", table_name AS name, \
         CASE table_type WHEN 'VIEW' THEN 'view' ELSE 'table' END AS kind \
         FROM information_schema.tables WHERE table_schema <> 'information_schema'{wanted} \
         ORDER BY table_schema, table_name"
    )
}

fn described(row: &Value) -> Vec<String> {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    let null = if text("is_nullable") == "NO" { "no" } else { "yes" };
    vec![text("column_name").into(), type_word(text("data_type")), null.into()]
}

/// Returns a type as manifests write it, where it has such a name.
fn type_word(data_type: &str) -> String {
    let base = data_type.split('(').next().unwrap_or_default();
    let word = match base {
        "Utf8" | "LargeUtf8" | "Utf8View" => "text",
        "Boolean" => "bool",
        "Int8" | "Int16" | "Int32" | "Int64" | "UInt8" | "UInt16" | "UInt32" | "UInt64" => "int",
        "Float16" | "Float32" | "Float64" => "float",
        "Timestamp" => "time",
        "Date32" | "Date64" => "date",
        "List" | "LargeList" => "list",
        "Decimal128" => return data_type.replacen("Decimal128", "decimal", 1).replace(' ', ""),
        _ => return data_type.to_lowercase(),
    };
    word.into()
}

/// Returns a name as it is stored: in lower case unless it stands in quotes.
fn plain(name: &str) -> String {
    let inner = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    inner.map_or_else(|| name.to_lowercase(), |inner| inner.replace("\"\"", "\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn say(what: &str, is_on: bool) {
    output::line(format!("{what}: {}", if is_on { "on" } else { "off" }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_shown_as_manifests_write_them() {
        for (data_type, expected) in [
            ("Utf8", "text"),
            ("Int64", "int"),
            ("Decimal128(18, 2)", "decimal(18,2)"),
            ("Timestamp(ms, \"UTC\")", "time"),
            ("List(Struct(\"sku\": Utf8))", "list"),
            ("Interval(MonthDayNano)", "interval(monthdaynano)"),
        ] {
            assert_eq!(type_word(data_type), expected);
        }
    }

    #[test]
    fn names_are_read_as_sql_reads_them() {
        assert_eq!(plain("Orders"), "orders");
        assert_eq!(plain("\"My \"\"Orders\""), "My \"Orders");
        assert_eq!(literal("it's"), "'it''s'");
    }
}
