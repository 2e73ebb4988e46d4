//! `stream.append`: all rows or none, unless the sender asks for the bad ones to be set aside.

use super::body::{ARROW, Item, items};
use super::check::{Checker, Fault};
use super::{chunk, event, marks};
use crate::catalog::Stream;
use crate::quality::append::Judge;
use crate::quality::rules::RuleSet;
use crate::{Config, Error};
use base::{Place, Problem, Time};
use kernel::{Call, Read, Reply, Tx};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Rows of a body of which the sender is told why they were set aside.
const FAULTS_MAX: usize = 1_000;

/// Returns the log of a stream.
pub(crate) fn log_of(stream: &str) -> String {
    format!("stream/{stream}")
}

/// Returns the log of a stream's rows that were set aside.
pub(crate) fn set_aside_log_of(stream: &str) -> String {
    format!("set_aside/{stream}")
}

/// What an append came to.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// The rows that are good, as they are stored.
    pub(crate) lines: Vec<u8>,
    pub(crate) count: u32,
    /// The rows that are not, as they are stored aside.
    pub(crate) aside: Vec<u8>,
    pub(crate) aside_count: u32,
    /// The rows of the body that are set aside, by their number from 1, and why: the first of them, as the sender is told.
    faults: Vec<(u64, String)>,
}

/// A row that is set aside.
pub(crate) struct Aside<'a> {
    /// Its number in the body, from 1; none where it was never in it.
    pub(crate) number: Option<u64>,
    pub(crate) reason: String,
    /// A JSON pointer to what is wrong in it; empty where it is the row as a whole.
    pub(crate) place: &'a str,
    /// As it was sent.
    pub(crate) row: &'a str,
}

impl Checked {
    /// Adds a row to those that are set aside.
    pub(crate) fn set_aside(&mut self, aside: Aside<'_>, call: &Call, time: Time) {
        let line = json!({
            "row_number": aside.number,
            "reason": aside.reason,
            "place": aside.place,
            "row": aside.row,
            "by": call.actor,
            "_time": time,
        });
        self.aside.extend_from_slice(line.to_string().as_bytes());
        self.aside.push(b'\n');
        self.aside_count += 1;
        if let Some(number) = aside.number.filter(|_| self.faults.len() < FAULTS_MAX) {
            self.faults.push((number, aside.reason));
        }
    }
}

/// Appends the rows of a call.
///
/// # Errors
/// `stream.body_invalid`, `stream.row_invalid`, `event.invalid`, `stream.too_large`, `quality.blocked`: nothing was appended.
pub(crate) fn append(
    stream: &Stream,
    rules: &[Arc<RuleSet>],
    config: &Config,
    tx: &mut Tx<'_>,
    call: &Call,
) -> Result<Reply, Problem> {
    let is_setting_aside = is_setting_aside(call)?;
    let given = given(call, config)?;
    let time = tx.time_of(call);
    let log = log_of(&stream.name);
    // Rules look at rows one by one.
    if call.media == ARROW
        && rules.is_empty()
        && given.is_empty()
        && let Some((bytes, count)) = chunk::of_body(&stream.schema, config, &call.body, time)
    {
        marks::note(tx, &stream.name)?;
        let offset = tx.append_chunk(&log, chunk::FORMAT_ARROW, bytes, count)?;
        tx.notify(&log);
        return Ok(answer(offset, &Checked { count, ..Checked::default() }, is_setting_aside));
    }
    let mut checked = check(stream, config, call, time, is_setting_aside)?;
    let judge = Judge { stream, sets: rules, config, call, time, is_setting_aside };
    judge.judge(tx, &mut checked)?;
    for Given { row, reason } in given {
        let aside = Aside { number: None, reason: reason.to_owned(), place: "", row };
        checked.set_aside(aside, call, time);
    }
    let offset = match checked.count {
        0 => tx.log_end(&log)?,
        count => {
            marks::note(tx, &stream.name)?;
            tx.append_rows(&log, &checked.lines, count)?
        }
    };
    if 0 < checked.aside_count {
        tx.append_rows(&set_aside_log_of(&stream.name), &checked.aside, checked.aside_count)?;
    }
    tx.notify(&log);
    let has_aside = is_setting_aside || 0 < checked.aside_count;
    Ok(answer(offset, &checked, has_aside))
}

/// Returns whether the sender asks for bad rows to be set aside.
fn is_setting_aside(call: &Call) -> Result<bool, Error> {
    match call.text("on_error") {
        None | Some("refuse") => Ok(false),
        Some("set_aside") => Ok(true),
        Some(other) => {
            let reason =
                format!("`on_error` cannot be `{}`", other.chars().take(40).collect::<String>());
            let (place, hint) =
                (Some(Place::pointer("/on_error")), Some("write refuse or set_aside".into()));
            Err(Error::Body { reason, place, hint })
        }
    }
}

/// What an engine that appends could make no row of, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given<'a> {
    row: &'a str,
    reason: &'a str,
}

/// Returns what is to be set aside beside the rows: the parameter `set_aside`, a list, as only an engine can send it beside a body.
fn given<'a>(call: &'a Call, config: &Config) -> Result<Vec<Given<'a>>, Error> {
    let given = match call.args.get("set_aside") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(given) => given,
    };
    let wrong = |pointer: String| Error::Body {
        reason: "`set_aside` is a list of objects with the texts `row` and `reason`".into(),
        place: Some(Place::pointer(pointer)),
        hint: Some("to have bad rows of the body set aside, send `on_error=set_aside`".into()),
    };
    let Value::Array(given) = given else { return Err(wrong("/set_aside".into())) };
    if config.append_rows_max < given.len() {
        let what = format!("an append that sets {} rows aside", given.len());
        return Err(Error::TooLarge { what, limit: config.append_rows_max as u64 });
    }
    let read = |(number, each): (usize, &'a Value)| {
        Given::deserialize(each).map_err(|_| wrong(format!("/set_aside/{number}")))
    };
    given.iter().enumerate().map(read).collect()
}

fn answer(offset: u64, checked: &Checked, has_aside: bool) -> Reply {
    let mut answer = json!({"offset": offset, "count": checked.count});
    if has_aside {
        answer["set_aside"] = json!(checked.aside_count);
    }
    if !checked.faults.is_empty() {
        let mut faults: Vec<&(u64, String)> = checked.faults.iter().collect();
        faults.sort_by_key(|(row, _)| *row);
        let fault = |(row, reason): &(u64, String)| json!({"row": row, "reason": reason});
        answer["faults"] = faults.into_iter().map(fault).collect();
    }
    Reply::Value(answer)
}

/// Checks the rows of a call. Changes nothing.
///
/// # Errors
/// As [`append`].
pub(crate) fn check(
    stream: &Stream,
    config: &Config,
    call: &Call,
    time: Time,
    is_setting_aside: bool,
) -> Result<Checked, Problem> {
    let items = items(call, config)?;
    let mut checker = Checker::new(&stream.schema, config, time);
    let mut checked = Checked { lines: Vec::with_capacity(call.body.len()), ..Checked::default() };
    let mut problems: Vec<Problem> = Vec::new();
    for (number, item) in (1_usize..).zip(&items.rows) {
        let row = if items.is_event {
            event::row_of(&item.text, &stream.schema.columns).map_err(|fault| (true, vec![fault]))
        } else {
            Ok(String::new())
        };
        let result = row.and_then(|row| {
            let text = if items.is_event { row.as_str() } else { &item.text };
            checker.check(text, &mut checked.lines).map_err(|faults| (false, faults))
        });
        match result {
            Ok(()) => checked.count += 1,
            Err((_, faults)) if is_setting_aside => {
                let reasons: Vec<&str> = faults.iter().map(|fault| fault.reason.as_str()).collect();
                let aside = Aside {
                    number: Some(number as u64),
                    reason: reasons.join("; "),
                    place: faults.first().map_or("", |fault| fault.pointer.as_str()),
                    row: &item.text,
                };
                checked.set_aside(aside, call, time);
            }
            Err((is_event, faults)) => {
                problems
                    .extend(faults.into_iter().map(|fault| problem(number, item, fault, is_event)));
                if config.problems_max <= problems.len() {
                    break;
                }
            }
        }
    }
    gather(problems, config).map_or(Ok(checked), Err)
}

/// Makes one problem of several: the first, with the others behind it.
fn gather(mut problems: Vec<Problem>, config: &Config) -> Option<Problem> {
    problems.truncate(config.problems_max);
    let mut problems = problems.into_iter();
    let mut first = problems.next()?;
    first.also = problems.collect();
    Some(first)
}

fn problem(row: usize, item: &Item<'_>, fault: Fault, is_event: bool) -> Problem {
    let pointer = format!("{}{}", item.pointer, fault.pointer);
    let place = Place {
        line: item.line,
        column: fault.text_column,
        pointer: Some(pointer.clone()).filter(|pointer| !pointer.is_empty()),
        file: None,
    };
    if is_event {
        let problem = Problem::from(Error::Event { event: row, reason: fault.reason, pointer });
        return problem.at(place);
    }
    let place = Some(place).filter(|place| *place != Place::default());
    Error::Row { row, reason: fault.reason, place, hint: fault.hint }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use kernel::{Principal, ResourceRef};

    fn call(media: &str, body: &str) -> Call {
        let mut call = Call::new(
            "stream.append",
            ResourceRef::new("stream", "orders"),
            Principal::User("ana".into()),
        );
        call.media = media.into();
        call.body = body.as_bytes().to_vec();
        call
    }

    fn stream() -> Stream {
        Stream::for_tests(json!({"schema": [
            {"name": "id", "type": "text", "required": true}, {"name": "n", "type": "int"},
            {"name": "ce_id", "type": "text"},
        ]}))
    }

    fn shown(result: Result<Checked, Problem>) -> String {
        match result {
            Ok(checked) => String::from_utf8(checked.lines).expect("UTF-8"),
            Err(problem) => {
                let all: Vec<Problem> =
                    std::iter::once(problem.clone()).chain(problem.also).collect();
                let line = |problem: &Problem| {
                    let place = problem.place.as_ref().map_or(String::new(), ToString::to_string);
                    format!("{} at {place}: {}\n", problem.code, problem.message)
                };
                all.iter().map(line).collect()
            }
        }
    }

    fn check(media: &str, body: &str, expected: Expect) {
        let result =
            super::check(&stream(), &Config::default(), &call(media, body), Time(0), false);
        expected.assert_eq(&shown(result));
    }

    #[test]
    fn bodies_of_every_media_type_become_rows() {
        let run = |media: &str, body: &str| {
            shown(super::check(&stream(), &Config::default(), &call(media, body), Time(0), false))
        };
        let lines = run("application/x-ndjson", "{\"id\":\"a\"}\r\n\n{\"id\":\"b\",\"n\":2}");
        expect![[r#"
            {"id":"a","_time":"1970-01-01T00:00:00Z"}
            {"id":"b","n":2,"_time":"1970-01-01T00:00:00Z"}
        "#]]
        .assert_eq(&lines);
        assert_eq!(run("application/json", "[ {\"id\":\"a\"},\n{\"id\":\"b\",\"n\":2} ]"), lines);
        check(
            "application/json",
            " {\"id\":\"a\"} ",
            expect![[r#"
            {"id":"a","_time":"1970-01-01T00:00:00Z"}
        "#]],
        );
        check(
            "application/cloudevents-batch+json",
            r#"[{"specversion":"1.0","id":"7","type":"t","source":"/s","data":{"id":"a"}}]"#,
            expect![[r#"
                {"id":"a","ce_id":"7","_time":"1970-01-01T00:00:00Z"}
            "#]],
        );
        check("application/json", "[]", expect![""]);
    }

    #[test]
    fn parameters_take_the_place_of_a_body() {
        let mut call = call("", "");
        call.args = json!({"row": {"id": "a", "n": 1}});
        let result = super::check(&stream(), &Config::default(), &call, Time(0), false);
        assert_eq!(shown(result), "{\"id\":\"a\",\"n\":1,\"_time\":\"1970-01-01T00:00:00Z\"}\n");
        call.args = json!({"rows": [{"id": "a"}, {"n": 1}]});
        let result = super::check(&stream(), &Config::default(), &call, Time(0), false);
        assert_eq!(
            shown(result),
            "stream.row_invalid at /rows/1/id: row 2: column `id`: a value is required\n"
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_row_line_and_column() {
        check(
            "application/x-ndjson",
            "{\"id\":\"a\"}\n\n{\"id\":1,\"m\":2}\n{\"id\"",
            expect![[r#"
            stream.row_invalid at 3 (/id): row 2: column `id`: expected text, found `1`
            stream.row_invalid at 3 (/m): row 2: there is no column `m`
            stream.row_invalid at 4:5: row 3: this is no JSON: EOF while parsing an object
        "#]],
        );
        check(
            "application/json",
            "[{\"id\":\"a\"},\n {\"n\":1}]",
            expect![[r#"
            stream.row_invalid at 2 (/1/id): row 2: column `id`: a value is required
        "#]],
        );
        check(
            "application/json",
            "{\"id\":",
            expect![[r#"
            stream.body_invalid at 1:6: the body is no JSON: EOF while parsing a value
        "#]],
        );
        check(
            "application/cloudevents+json",
            "{\"id\":\"a\"}",
            expect![[r#"
            event.invalid at 1 (/specversion): event 1: attribute `specversion` is missing
        "#]],
        );
        check(
            "text/plain",
            "x",
            expect![[r#"
            stream.body_invalid at : `text/plain` is no media type of rows
        "#]],
        );
        check(
            "application/vnd.apache.arrow.stream",
            "garbage",
            expect![[r#"
            stream.body_invalid at : the body is no Arrow IPC stream: Io error: failed to fill whole buffer
        "#]],
        );
    }

    #[test]
    fn hostile_bodies_are_refused() {
        check(
            "application/json",
            &"[".repeat(100_000),
            expect![[r#"
            stream.body_invalid at 1:100000: the body is no JSON: EOF while parsing a list
        "#]],
        );
        check(
            "application/json",
            &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
            expect![[r#"
            stream.row_invalid at 1 (/0): row 1: expected an object, found a list
        "#]],
        );
        let mut call = call("application/x-ndjson", "");
        call.body = b"{\"id\":\"a\"}\n{\"id\":\"\xff\"}".to_vec();
        let result = super::check(&stream(), &Config::default(), &call, Time(0), false);
        assert_eq!(shown(result), "stream.body_invalid at 2:8: the body is not UTF-8\n");
        let many = Config { append_rows_max: 2, ..Config::default() };
        call.body = b"{}\n{}\n{}".to_vec();
        let result = super::check(&stream(), &many, &call, Time(0), false);
        assert_eq!(
            shown(result),
            "stream.too_large at : an append of 3 rows exceeds the limit of 2\n"
        );
    }

    #[test]
    fn bad_rows_are_set_aside_with_their_reasons() {
        let call =
            call("application/x-ndjson", "{\"id\":\"a\"}\n{\"n\":\"x\"}\nno\n{\"id\":\"b\"}");
        let checked =
            super::check(&stream(), &Config::default(), &call, Time(0), true).expect("checked");
        assert_eq!((checked.count, checked.aside_count), (2, 2));
        let aside: Vec<Value> = String::from_utf8(checked.aside)
            .expect("UTF-8")
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(aside[0]["row"], "{\"n\":\"x\"}");
        assert_eq!((&aside[0]["row_number"], &aside[0]["by"]), (&json!(2), &json!("user:ana")));
        assert_eq!(
            aside[0]["reason"],
            "column `id`: a value is required; column `n`: expected int, found text `x`"
        );
        assert_eq!(aside[1]["reason"], "this is no JSON: expected ident");
        let numbers: Vec<u64> = checked.faults.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [2, 3]);
    }

    #[test]
    fn what_an_engine_sets_aside_is_a_list_of_texts() {
        let mut call = call("application/x-ndjson", "");
        let mut read = |set_aside: Value| {
            call.args = json!({ "set_aside": set_aside });
            given(&call, &Config { append_rows_max: 2, ..Config::default() })
                .map(|given| given.len())
                .map_err(|error| Problem::from(error).place.unwrap_or_default().to_string())
        };
        let one = json!({"row": "x", "reason": "no row"});
        assert_eq!(read(json!([one, one])), Ok(2));
        assert_eq!(read(Value::Null), Ok(0));
        assert_eq!(read(json!("[]")), Err("/set_aside".into()), "as a query brings it");
        assert_eq!(read(json!([one, {"row": {}, "reason": "x"}])), Err("/set_aside/1".into()));
        assert_eq!(read(json!([one, one, one])), Err(String::new()), "too many");
    }
}
