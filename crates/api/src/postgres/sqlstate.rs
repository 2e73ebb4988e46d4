//! What problems are called in PostgreSQL, and where in the statement they are.

use base::{Kind, Problem};

/// Returns the SQLSTATE of a problem.
pub(crate) fn sqlstate(problem: &Problem) -> &'static str {
    match problem.code.as_str() {
        "sql.invalid" => of_statement(&problem.message),
        "sql.not_allowed" | "policy.forbidden" => "42501",
        "sql.exhausted" => "54000",
        "sql.timeout" | "sql.cancelled" => "57014",
        "view.invalid" | "view.cycle" => "42P17",
        "resource.not_found" => "42P01",
        "kernel.busy" | "postgres.busy" | "sql.busy" => "53300",
        "quota.exceeded" => "53400",
        "memory.exhausted" => "53200",
        "disk.full" | "store.full" => "53100",
        "kernel.stopping" => "57P01",
        "token.invalid" => "28000",
        "postgres.protocol" | "postgres.too_large" => "08P01",
        "postgres.tls" => "28000",
        "postgres.sign_in" => "28P01",
        "postgres.timeout" => "57P05",
        "postgres.read_only" => "25006",
        "postgres.failed" => "25P02",
        "postgres.no_statement" => "26000",
        "postgres.no_cursor" => "34000",
        "postgres.exists" => "42P05",
        "postgres.unsupported" => "0A000",
        "postgres.no_setting" => "42704",
        "postgres.setting" => "22023",
        "postgres.parameter" => "22P02",
        "postgres.limit" => "54000",
        "postgres.value" => "22003",
        _ => of_kind(problem.kind),
    }
}

/// Returns the SQLSTATE of a statement that is wrong, by what is wrong with it.
fn of_statement(message: &str) -> &'static str {
    let lower = message.to_lowercase();
    match lower.as_str() {
        text if text.starts_with("there is no table") => "42P01",
        text if text.starts_with("there is no column") => "42703",
        text if text.starts_with("there is no type") => "42704",
        text if text.starts_with("there is no setting") => "42704",
        text if text.contains("invalid function") => "42883",
        text if text.starts_with("not supported") => "0A000",
        text if text.contains("divide by zero") || text.contains("division by zero") => "22012",
        text if text.contains("cannot cast") || text.contains(" is no ") => "22P02",
        text if text.contains("overflow") => "22003",
        _ => "42601",
    }
}

fn of_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid => "22023",
        Kind::Unauthenticated => "28000",
        Kind::Forbidden => "42501",
        Kind::NotFound => "42704",
        Kind::Conflict => "55000",
        Kind::Exhausted => "54000",
        Kind::Unavailable => "57P03",
        Kind::Internal => "XX000",
    }
}

/// Returns where in a text a problem is, in characters from 1. The statement begins after `before` characters of the text.
pub(crate) fn position(problem: &Problem, statement: &str, before: usize) -> Option<usize> {
    let place = problem.place.as_ref()?;
    let (line, column) = (place.line?, place.column?);
    let lines = statement.split_inclusive('\n').take(usize::try_from(line).ok()?.checked_sub(1)?);
    let above: usize = lines.map(|line| line.chars().count()).sum();
    Some(before + above + usize::try_from(column).ok()?.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Code, Place};

    #[test]
    fn problems_have_the_states_that_clients_look_at() {
        let check = |code: &'static str, kind: Kind, message: &str| {
            sqlstate(&Problem::new(Code(code, kind), message))
        };
        assert_eq!(check("sql.invalid", Kind::Invalid, "there is no table `x`"), "42P01");
        assert_eq!(check("sql.invalid", Kind::Invalid, "Expected: an expression"), "42601");
        assert_eq!(check("sql.cancelled", Kind::Conflict, "the query was cancelled"), "57014");
        assert_eq!(check("something.else", Kind::Forbidden, ""), "42501");
    }

    #[test]
    fn places_become_positions_in_the_whole_text() {
        let problem = Problem::new(Code("sql.invalid", Kind::Invalid), "").at(Place::line(2, 3));
        assert_eq!(position(&problem, "SELÉCT\n  x", 0), Some(10));
        assert_eq!(position(&problem, "a\nbcd", 7), Some(12));
        assert_eq!(position(&Problem::new(Code("a.b", Kind::Invalid), ""), "x", 0), None);
    }
}
