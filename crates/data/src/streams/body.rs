//! The bodies in which rows arrive, taken apart into one text a row.

use crate::sql::output::JsonRows;
use crate::{Config, Error};
use base::Place;
use datafusion::arrow::ipc::reader::StreamReader;
use kernel::Call;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What `stream.append` takes.
pub(crate) const MEDIA: &[&str] = &[
    "application/json",
    "application/x-ndjson",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    ARROW,
];

/// The media type of an Arrow IPC stream.
pub(crate) const ARROW: &str = "application/vnd.apache.arrow.stream";

/// A row before it is checked.
pub(crate) struct Item<'a> {
    /// The JSON text.
    pub(crate) text: Cow<'a, str>,
    /// The line of the body at which it begins, where the body has lines.
    pub(crate) line: Option<u32>,
    /// The JSON pointer to the row, where the body is one JSON value.
    pub(crate) pointer: String,
}

/// The rows of a body.
pub(crate) struct Items<'a> {
    pub(crate) rows: Vec<Item<'a>>,
    /// True where each is a CloudEvent.
    pub(crate) is_event: bool,
}

/// Takes the body of an append apart, or its parameters `row` or `rows` where there is no body.
///
/// # Errors
/// [`Error::Body`] and [`Error::TooLarge`].
pub(crate) fn items<'a>(call: &'a Call, config: &Config) -> Result<Items<'a>, Error> {
    let parameters = if call.body.is_empty() { of_parameters(&call.args) } else { None };
    if let Some(rows) = parameters {
        return limited(Items { rows: rows?, is_event: false }, config);
    }
    let is_event = call.media.starts_with("application/cloudevents");
    let rows = match call.media.as_str() {
        "application/json" | "" => of_json(utf8(&call.body)?, Shape::Either)?,
        "application/cloudevents+json" => of_json(utf8(&call.body)?, Shape::One)?,
        "application/cloudevents-batch+json" => of_json(utf8(&call.body)?, Shape::Many)?,
        "application/x-ndjson" => of_lines(utf8(&call.body)?),
        ARROW => of_arrow(&call.body, config)?,
        media => {
            let shown: String = media.chars().take(80).collect();
            let hint = format!("send one of {}", MEDIA.join(", "));
            return Err(body_error(
                format!("`{shown}` is no media type of rows"),
                None,
                Some(hint),
            ));
        }
    };
    limited(Items { rows, is_event }, config)
}

fn limited<'a>(items: Items<'a>, config: &Config) -> Result<Items<'a>, Error> {
    let limit = config.append_rows_max;
    if limit < items.rows.len() {
        return Err(Error::TooLarge {
            what: format!("an append of {} rows", items.rows.len()),
            limit: limit as u64,
        });
    }
    Ok(items)
}

fn of_parameters(args: &Value) -> Option<Result<Vec<Item<'static>>, Error>> {
    let item = |row: &Value, pointer: String| Item {
        text: Cow::Owned(row.to_string()),
        line: None,
        pointer,
    };
    if let Some(row) = args.get("row") {
        return Some(Ok(vec![item(row, "/row".into())]));
    }
    let rows = args.get("rows")?;
    let Value::Array(rows) = rows else {
        let place = Some(Place::pointer("/rows"));
        return Some(Err(body_error("`rows` must be a list of objects".into(), place, None)));
    };
    Some(Ok(rows
        .iter()
        .enumerate()
        .map(|(number, row)| item(row, format!("/rows/{number}")))
        .collect()))
}

/// How many rows a JSON body holds.
#[derive(PartialEq, Eq)]
enum Shape {
    One,
    Many,
    Either,
}

fn of_json(text: &str, shape: Shape) -> Result<Vec<Item<'_>>, Error> {
    let is_list = text.trim_start().starts_with('[');
    match shape {
        Shape::One if is_list => {
            let hint = "send lists as application/cloudevents-batch+json".to_owned();
            return Err(body_error(
                "the body must be one event".into(),
                Some(Place::line(1, 1)),
                Some(hint),
            ));
        }
        Shape::Many if !is_list => {
            return Err(body_error(
                "the body must be a list of events".into(),
                Some(Place::line(1, 1)),
                None,
            ));
        }
        _ => {}
    }
    if !is_list {
        let raw: &RawValue = serde_json::from_str(text).map_err(no_json)?;
        let line = line_of(text, raw.get(), (0, 1)).1;
        return Ok(vec![Item {
            text: Cow::Borrowed(raw.get()),
            line: Some(line),
            pointer: String::new(),
        }]);
    }
    let rows: Vec<&RawValue> = serde_json::from_str(text).map_err(no_json)?;
    let mut at = (0, 1);
    let items = rows.into_iter().enumerate().map(|(number, raw)| {
        at = line_of(text, raw.get(), at);
        Item { text: Cow::Borrowed(raw.get()), line: Some(at.1), pointer: format!("/{number}") }
    });
    Ok(items.collect())
}

/// Returns where `part` begins in `text` and the line of it, going on from a place before it.
fn line_of(text: &str, part: &str, (from, line): (usize, u32)) -> (usize, u32) {
    let to = part.as_ptr() as usize - text.as_ptr() as usize;
    let lines = text.as_bytes()[from..to].iter().filter(|byte| **byte == b'\n').count();
    (to, line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)))
}

fn of_lines(text: &str) -> Vec<Item<'_>> {
    let lines = (1_u32..).zip(text.split('\n'));
    lines
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(line, text)| Item {
            text: Cow::Borrowed(text),
            line: Some(line),
            pointer: String::new(),
        })
        .collect()
}

/// Arrow batches become the JSON that is stored anyhow, so that every row passes the same checks.
fn of_arrow(body: &[u8], config: &Config) -> Result<Vec<Item<'static>>, Error> {
    let unreadable = |error: datafusion::arrow::error::ArrowError| {
        body_error(format!("the body is no Arrow IPC stream: {error}"), None, None)
    };
    let reader = StreamReader::try_new(body, None).map_err(unreadable)?;
    let bytes_max = body.len().saturating_mul(16).max(64 << 20);
    let (mut items, mut bytes) = (Vec::new(), 0);
    for batch in reader {
        let batch = batch.map_err(unreadable)?;
        if config.append_rows_max < items.len() + batch.num_rows() {
            let what = format!("an append of {} rows", items.len() + batch.num_rows());
            return Err(Error::TooLarge { what, limit: config.append_rows_max as u64 });
        }
        let rows = JsonRows::new(&batch).map_err(unreadable)?;
        for row in 0..batch.num_rows() {
            let mut text = Vec::new();
            rows.write_without_nulls(row, &mut text).map_err(unreadable)?;
            bytes += text.len();
            if bytes_max < bytes {
                return Err(Error::TooLarge {
                    what: "the rows of the Arrow stream".into(),
                    limit: bytes_max as u64,
                });
            }
            let text = String::from_utf8(text)
                .map_err(|_| body_error("the rows are no UTF-8".into(), None, None))?;
            items.push(Item { text: Cow::Owned(text), line: None, pointer: String::new() });
        }
    }
    Ok(items)
}

fn utf8(body: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(body).map_err(|error| {
        let before = &body[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.len()
            - before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
            + 1;
        let place = Place::line(
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
        );
        body_error("the body is not UTF-8".into(), Some(place), None)
    })
}

fn no_json(error: serde_json::Error) -> Error {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let place = Place::line(number(error.line()), number(error.column()));
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or(&reason);
    body_error(format!("the body is no JSON: {reason}"), Some(place), None)
}

fn body_error(reason: String, place: Option<Place>, hint: Option<String>) -> Error {
    Error::Body { reason, place, hint }
}
