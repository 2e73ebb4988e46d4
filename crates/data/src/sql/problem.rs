//! What DataFusion says, in the words and codes of Craton.

use super::guard::place;
use crate::Error;
use base::{Place, Problem, nearest};
use datafusion::common::{DataFusionError, SchemaError, Span};
use datafusion::sql::sqlparser::parser::ParserError;
use std::io;

/// Carries a problem of the kernel through DataFusion.
#[derive(Debug)]
struct Carried(Problem);

impl std::fmt::Display for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::error::Error for Carried {}

/// Returns a problem in the form in which DataFusion hands it on.
pub(crate) fn carry(problem: impl Into<Problem>) -> DataFusionError {
    DataFusionError::External(Box::new(Carried(problem.into())))
}

/// Returns what an error of DataFusion means to the caller of a query.
pub(crate) fn of_query(error: &DataFusionError) -> Problem {
    match error.find_root() {
        DataFusionError::External(source) => match source.downcast_ref::<Carried>() {
            Some(Carried(problem)) => problem.clone(),
            None => of_planning(error).into(),
        },
        _ => of_planning(error).into(),
    }
}

/// Returns what an error of parsing or planning means.
pub(crate) fn of_planning(error: &DataFusionError) -> Error {
    if is_disk_full(error) {
        return Error::DiskFull;
    }
    let span = error.diagnostic().and_then(|diagnostic| diagnostic.span).and_then(place_of);
    match error.find_root() {
        DataFusionError::SQL(parser, _) => of_parsing(parser),
        DataFusionError::SchemaError(schema, _) => of_schema(schema, span),
        DataFusionError::ResourcesExhausted(_) => {
            Error::Exhausted { what: "the memory that it may use".into() }
        }
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => of_planning(first),
            None => sql("the query is wrong".into(), span, None),
        },
        DataFusionError::Internal(detail) => Error::Internal { detail: short(detail) },
        DataFusionError::NotImplemented(what) => {
            sql(format!("not supported: {}", short(what)), span, None)
        }
        // What exceeds the memory goes to the disk; that it found no room there comes as an error of input and output.
        other if other.to_string().contains("during the spilling process") => {
            Error::Exhausted { what: "the room on the disk that queries may use".into() }
        }
        other => {
            let text = other.strip_backtrace();
            let reason = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest);
            sql(short(reason), span, None)
        }
    }
}

/// Returns whether an error comes of a disk without room, in whatever it is wrapped.
pub(crate) fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
            return true;
        }
        next = error.source();
    }
    false
}

fn of_parsing(error: &ParserError) -> Error {
    match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
            let (reason, place) = split_place(text);
            sql(short(reason), place, None)
        }
        ParserError::RecursionLimitExceeded => {
            sql("the statement nests too deep".into(), None, Some("split it with WITH".into()))
        }
    }
}

fn of_schema(error: &SchemaError, place: Option<Place>) -> Error {
    let SchemaError::FieldNotFound { field, valid_fields } = error else {
        return sql(short(&error.to_string()), place, None);
    };
    let names: Vec<&str> = valid_fields.iter().map(|column| column.name.as_str()).collect();
    let hint = match nearest(&field.name, names.iter().copied()) {
        Some(nearest) => Some(format!("did you mean `{nearest}`?")),
        None if names.is_empty() => None,
        None => Some(format!(
            "there are {}",
            names.iter().take(20).copied().collect::<Vec<_>>().join(", ")
        )),
    };
    sql(format!("there is no column `{}`", field.flat_name()), place, hint)
}

fn sql(reason: String, place: Option<Place>, hint: Option<String>) -> Error {
    Error::Sql { reason, place, hint }
}

fn place_of(span: Span) -> Option<Place> {
    Some(place(span.start.line, span.start.column)).filter(|_| span.start.line != 0)
}

/// Takes the ` at Line: 1, Column: 8` off a text of the parser.
fn split_place(text: &str) -> (&str, Option<Place>) {
    let Some((reason, rest)) = text.rsplit_once(" at Line: ") else { return (text, None) };
    let numbers = rest.split_once(", Column: ");
    let numbers = numbers
        .and_then(|(line, column)| Some((line.trim().parse().ok()?, column.trim().parse().ok()?)));
    (reason, numbers.map(|(line, column)| place(line, column)))
}

/// A reason is a line, not a page.
fn short(text: &str) -> String {
    let line = text.split('\n').next().unwrap_or(text);
    let mut shown: String = line.chars().take(400).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::error::ArrowError;

    #[test]
    fn a_disk_without_room_is_told_as_such_in_whatever_it_comes() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        // As a file of a spill says it through Arrow.
        let wrapped = io::Error::from(DataFusionError::IoError(full()));
        let spilled = DataFusionError::from(ArrowError::from(wrapped)).context("a sort");
        for error in [spilled, DataFusionError::IoError(full())] {
            let problem = of_query(&error);
            assert_eq!((problem.code.as_str(), problem.retry_ms), ("disk.full", Some(10_000)));
        }
        let other = DataFusionError::IoError(io::ErrorKind::PermissionDenied.into());
        assert_eq!(of_query(&other).code, "sql.invalid");
    }
}
