//! `sql`: asks in SQL.

use super::input;
use crate::{
    arguments::Globals, client::Client, connect, error::Error, output, output::Format, report,
    routes,
};
use base::Problem;
use serde_json::json;
use std::io::{BufRead, IsTerminal};

/// Asks in SQL: one statement, those of standard input, or one after the other on a terminal
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton sql \"SELECT state, count(*) FROM system.process_instances GROUP BY state\"\n  craton sql \"SELECT * FROM orders\" -o csv > orders.csv\n  craton sql < report.sql\n  craton sql               on a terminal: statements end with `;`"
)]
pub struct Sql {
    /// The statement
    statement: Option<String>,
}

impl Sql {
    /// Asks and shows the rows.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        if let Some(statement) = self.statement {
            return ask(globals.output, &client, &statement);
        }
        if std::io::stdin().is_terminal() {
            return converse(globals.output, &client);
        }
        let text = String::from_utf8(input::read(None)?).map_err(|_| {
            Problem::from(Error::usage(
                "standard input is not UTF-8",
                "write the statement as text",
            ))
        })?;
        for statement in statements(&text) {
            ask(globals.output, &client, &statement)?;
        }
        Ok(())
    }
}

/// Asks statement after statement until the end of input. A refused one does not end it.
fn converse(format: Format, client: &Client) -> Result<(), Problem> {
    output::line(format!("asking {}; a statement ends with `;`, Ctrl-D ends all", client.url()));
    let mut pending = String::new();
    output::print("sql> ");
    for line in std::io::stdin().lock().lines() {
        let line =
            line.map_err(|error| Error::unreadable(std::path::Path::new("standard input"), error))?;
        pending.push_str(&line);
        pending.push('\n');
        let is_quit = matches!(pending.trim(), "exit" | "quit" | "\\q");
        if is_quit {
            return Ok(());
        }
        if pending.trim_end().ends_with(';') {
            for statement in statements(&std::mem::take(&mut pending)) {
                if let Err(problem) = ask(format, client, &statement) {
                    report::show(&problem);
                }
            }
        }
        output::print(if pending.trim().is_empty() { "sql> " } else { "...> " });
    }
    output::line("");
    Ok(())
}

/// Cuts text into statements at `;` outside of quotes and comments.
fn statements(text: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    let mut quote: Option<char> = None;
    let mut is_comment = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            _ if is_comment => is_comment = letter != '\n',
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '-') if letters.peek() == Some(&'-') => is_comment = true,
            (None, ';') => {
                statements.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = statements.last_mut() {
            last.push(letter);
        }
    }
    statements
        .into_iter()
        .map(|statement| statement.trim().to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// Asks one statement. For a table it asks for CSV, which keeps the order of the columns.
fn ask(format: Format, client: &Client, statement: &str) -> Result<(), Problem> {
    let wire = if matches!(format, Format::Table | Format::Csv) { "csv" } else { "json" };
    let request = routes::sql_query().json(&json!({"sql": statement, "format": wire}));
    let odd = |reason: String| Problem::from(Error::Answer { url: client.url().into(), reason });
    match format {
        Format::Csv => client.pass_on(&request)?,
        Format::Json => {
            client.pass_on(&request)?;
            output::line("");
        }
        Format::Table => {
            let bytes = client.read(client.open(&request)?)?;
            let (titles, rows) = records(&bytes).map_err(|error| odd(error.to_string()))?;
            output::print(&output::table(&titles, &rows));
            output::line(format!(
                "({} {})",
                rows.len(),
                if rows.len() == 1 { "row" } else { "rows" }
            ));
        }
        Format::Yaml | Format::Dot => {
            output::print(&output::document(format, &client.send(&request)?)?);
        }
    }
    Ok(())
}

fn records(bytes: &[u8]) -> Result<(Vec<String>, Vec<Vec<String>>), csv::Error> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let own = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let titles = own(reader.headers()?);
    let rows = reader
        .records()
        .map(|record| record.map(|record| own(&record)))
        .collect::<Result<_, _>>()?;
    Ok((titles, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_semicolons_outside_of_quotes() {
        let text = "SELECT ';' AS a; -- no; end\nSELECT \"x;y\" FROM t;\n;";
        assert_eq!(statements(text), ["SELECT ';' AS a", "-- no; end\nSELECT \"x;y\" FROM t"]);
    }

    #[test]
    fn csv_becomes_a_table_in_its_order() {
        let (titles, rows) = records(b"b,a\n1,\"x,y\"\n").expect("reads");
        assert_eq!(
            (titles, rows),
            (vec!["b".into(), "a".into()], vec![vec!["1".to_owned(), "x,y".into()]])
        );
    }
}
