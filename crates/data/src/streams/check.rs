//! Checks a row against its stream and writes it in the one form in which rows are stored.
//!
//! A stored row is a JSON object on a line: columns in declared order, nulls left out, numbers as exact text, instants as
//! RFC 3339 in UTC. `_extra` holds unknown fields where they are kept; `_time` is there where no column says when it was.

use super::decimal::{self, Refusal};
use super::instant;
use super::object::{Found, depth, write_compact};
use super::schema::{Column, ColumnType, Columns, EXTRA, Schema, TIME, UnknownFields};
use crate::Config;
use base::Time;

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The column, or the path to a field: `/items/0/price`. Empty where it is the row as a whole.
    pub(crate) pointer: String,
    /// What is wrong, in words.
    pub(crate) reason: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// The column of the text at which it is no JSON, from 1.
    pub(crate) text_column: Option<u32>,
}

/// Checks rows of one stream.
pub(crate) struct Checker<'a> {
    schema: &'a Schema,
    config: &'a Config,
    found: Found,
    time: Vec<u8>,
}

impl<'a> Checker<'a> {
    /// Returns a checker; rows without an event time of their own get `time`.
    pub(crate) fn new(schema: &'a Schema, config: &'a Config, time: Time) -> Self {
        Self { schema, config, found: Found::default(), time: time.to_string().into_bytes() }
    }

    /// Checks the JSON object `text` and appends the stored row with its line end to `out`.
    ///
    /// # Errors
    /// All that is wrong with the row; `out` is as it was.
    pub(crate) fn check(&mut self, text: &str, out: &mut Vec<u8>) -> Result<(), Vec<Fault>> {
        let length = out.len();
        let mut faults = Vec::new();
        self.row(text, out, &mut faults);
        if faults.is_empty() {
            return Ok(());
        }
        out.truncate(length);
        Err(faults)
    }

    fn row(&mut self, text: &str, out: &mut Vec<u8>, faults: &mut Vec<Fault>) {
        let limit = self.config.row_bytes_max;
        if limit < text.len() {
            let reason = format!("the row has {} bytes, {limit} are allowed", text.len());
            return faults.push(whole(reason));
        }
        let schema = self.schema;
        let mut found = std::mem::take(&mut self.found);
        match found.read(text, &schema.columns) {
            Ok(()) => self.write_row(text, &found, out, faults),
            Err(error) => faults.push(no_object(text, &error)),
        }
        self.found = found;
    }

    fn write_row(&self, text: &str, found: &Found, out: &mut Vec<u8>, faults: &mut Vec<Fault>) {
        let schema = self.schema;
        out.push(b'{');
        write_columns(text, found, &schema.columns, self.config, "", out, faults);
        if schema.unknown_fields == UnknownFields::Keep {
            write_extra(text, found, self.config, out, faults);
        } else {
            faults.extend(found.unknown.iter().map(|(name, _)| unknown(name, "", &schema.columns)));
        }
        let has_time = schema.time.is_some_and(|column| value_of(text, found, column).is_some());
        if !has_time {
            begin(out, format!("\"{TIME}\":").as_bytes());
            out.push(b'"');
            out.extend_from_slice(&self.time);
            out.push(b'"');
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Returns the text of a column's value, nothing for null.
fn value_of<'t>(text: &'t str, found: &Found, column: usize) -> Option<&'t str> {
    found.spans.get(column).and_then(|span| span.of(text)).filter(|raw| *raw != "null")
}

fn begin(out: &mut Vec<u8>, prefix: &[u8]) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.extend_from_slice(prefix);
}

fn write_columns(
    text: &str,
    found: &Found,
    columns: &Columns,
    config: &Config,
    path: &str,
    out: &mut Vec<u8>,
    faults: &mut Vec<Fault>,
) {
    if let Some(name) = &found.twice {
        faults.push(fault(path, name, format!("`{name}` stands twice")));
    }
    for (number, column) in columns.list.iter().enumerate() {
        match value_of(text, found, number) {
            None if column.is_required => {
                let reason = format!("column `{}`: a value is required", column.name);
                faults.push(fault(path, &column.name, reason));
            }
            None => {}
            Some(raw) => {
                begin(out, &column.prefix);
                write_value(raw, column, config, path, out, faults);
            }
        }
    }
}

fn write_value(
    raw: &str,
    column: &Column,
    config: &Config,
    path: &str,
    out: &mut Vec<u8>,
    faults: &mut Vec<Fault>,
) {
    let written = match column.column_type {
        ColumnType::Bool => write_bool(raw, out),
        ColumnType::Int => write_int(raw, out),
        ColumnType::Float => write_float(raw, out),
        ColumnType::Decimal(precision, scale) => write_decimal(raw, precision, scale, out),
        ColumnType::Text => write_text(raw, out),
        ColumnType::Time => write_time(raw, out),
        ColumnType::Json => write_json(raw, config, out),
        ColumnType::List => return write_list(raw, column, config, path, out, faults),
    };
    if let Err(detail) = written {
        let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
        let reason = format!(
            "column `{}`: expected {}, found {}{detail}",
            column.name,
            column.column_type,
            shown(raw)
        );
        faults.push(fault(path, &column.name, reason));
    }
}

/// What a value is instead, where its text alone does not tell.
type Written = Result<(), Option<String>>;

fn write_bool(raw: &str, out: &mut Vec<u8>) -> Written {
    if raw != "true" && raw != "false" {
        return Err(None);
    }
    out.extend_from_slice(raw.as_bytes());
    Ok(())
}

fn is_number(raw: &str) -> bool {
    raw.bytes().next().is_some_and(|byte| byte == b'-' || byte.is_ascii_digit())
}

fn write_int(raw: &str, out: &mut Vec<u8>) -> Written {
    if !is_number(raw) {
        return Err(None);
    }
    let value = raw
        .parse::<i64>()
        .ok()
        .or_else(|| decimal::parse(raw, 38, 0).ok().and_then(|value| i64::try_from(value).ok()));
    let value = value.ok_or_else(|| Some("a whole number of 64 bits is needed".to_owned()))?;
    if raw == "-0" || !raw.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) {
        out.extend_from_slice(value.to_string().as_bytes());
    } else {
        out.extend_from_slice(raw.as_bytes());
    }
    Ok(())
}

fn write_float(raw: &str, out: &mut Vec<u8>) -> Written {
    let value = if is_number(raw) { raw.parse::<f64>().ok() } else { None };
    // Whoever reads the row reads JSON, which comes to infinity a little earlier.
    let is_sure = |value: f64| value.abs() < 1e300 || serde_json::from_str::<f64>(raw).is_ok();
    match value {
        Some(value) if value.is_finite() && is_sure(value) => {
            out.extend_from_slice(raw.as_bytes());
        }
        Some(_) => return Err(Some("it is too large".into())),
        None => return Err(None),
    }
    Ok(())
}

fn write_decimal(raw: &str, precision: u8, scale: u8, out: &mut Vec<u8>) -> Written {
    // Money travels as text in receipts, so text that is a number will do.
    let digits = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
    match decimal::parse(digits, precision, scale) {
        Ok(value) => decimal::write_shortest(value, scale, out),
        Err(Refusal::Scale) => {
            return Err(Some(format!("only {scale} digits behind the point are kept")));
        }
        Err(Refusal::Precision) => return Err(Some("it is too large".into())),
        Err(Refusal::NotANumber) => return Err(None),
    }
    Ok(())
}

fn write_text(raw: &str, out: &mut Vec<u8>) -> Written {
    if !raw.starts_with('"') {
        return Err(None);
    }
    // Without a backslash the text is what stands there. With one it may be half of a surrogate pair.
    if raw.contains('\\') && serde_json::from_str::<String>(raw).is_err() {
        return Err(Some("an escape in it stands for no character".into()));
    }
    out.extend_from_slice(raw.as_bytes());
    Ok(())
}

fn write_time(raw: &str, out: &mut Vec<u8>) -> Written {
    let text = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(None)?;
    let millis =
        instant::parse(text).ok_or_else(|| Some("write it as 2018-10-17T17:30:20Z".to_owned()))?;
    out.push(b'"');
    let is_canonical = text.len() == 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z');
    if is_canonical {
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend_from_slice(Time(millis).to_string().as_bytes());
    }
    out.push(b'"');
    Ok(())
}

fn write_json(raw: &str, config: &Config, out: &mut Vec<u8>) -> Written {
    let depth = depth(raw);
    if config.json_depth_max < depth {
        return Err(Some(format!("it nests {depth} deep, {} are allowed", config.json_depth_max)));
    }
    if is_doubtful(raw) && serde_json::from_str::<serde_json::Value>(raw).is_err() {
        let reason = "an escape in it stands for no character, or a number is too large";
        return Err(Some(reason.into()));
    }
    write_compact(raw, out);
    Ok(())
}

/// Whether JSON may be well written and still be no value: with half of a surrogate pair, or a number that is too large. Whoever reads
/// the row would stumble over it.
fn is_doubtful(raw: &str) -> bool {
    /// No number of fewer digits is too large, but by an exponent.
    const DIGITS: usize = 300;
    let mut digits = 0;
    raw.bytes().any(|byte| match byte {
        b'\\' => true,
        b'0'..=b'9' => {
            digits += 1;
            DIGITS < digits
        }
        b'e' | b'E' => 0 < std::mem::take(&mut digits),
        _ => {
            digits = 0;
            false
        }
    })
}

fn write_list(
    raw: &str,
    column: &Column,
    config: &Config,
    path: &str,
    out: &mut Vec<u8>,
    faults: &mut Vec<Fault>,
) {
    let Ok(items) = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(raw) else {
        let reason =
            format!("column `{}`: expected a list of objects, found {}", column.name, shown(raw));
        return faults.push(fault(path, &column.name, reason));
    };
    out.push(b'[');
    let mut found = Found::default();
    for (number, item) in items.iter().enumerate() {
        let text = item.get();
        let path = format!("{path}/{}/{number}", column.name);
        if 0 < number {
            out.push(b',');
        }
        out.push(b'{');
        match found.read(text, &column.fields) {
            Ok(()) => {
                write_columns(text, &found, &column.fields, config, &path, out, faults);
                faults.extend(
                    found.unknown.iter().map(|(name, _)| unknown(name, &path, &column.fields)),
                );
            }
            Err(_) => {
                let reason =
                    format!("column `{}`: expected an object, found {}", column.name, shown(text));
                faults.push(Fault { pointer: path, reason, hint: None, text_column: None });
            }
        }
        out.push(b'}');
    }
    out.push(b']');
}

fn write_extra(
    text: &str,
    found: &Found,
    config: &Config,
    out: &mut Vec<u8>,
    faults: &mut Vec<Fault>,
) {
    if found.unknown.is_empty() {
        return;
    }
    begin(out, format!("\"{EXTRA}\":{{").as_bytes());
    for (name, span) in &found.unknown {
        let key = serde_json::to_string(name).unwrap_or_default();
        begin(out, format!("{key}:").as_bytes());
        let raw = span.of(text).unwrap_or("null");
        if let Err(detail) = write_json(raw, config, out) {
            let detail = detail.unwrap_or_default();
            faults.push(fault("", name, format!("unknown field `{name}`: {detail}")));
        }
    }
    out.push(b'}');
}

fn unknown(name: &str, path: &str, columns: &Columns) -> Fault {
    let shown: String = name.chars().take(80).collect();
    let hint = columns.nearest(name).map(|nearest| format!("did you mean `{nearest}`?"));
    Fault { hint, ..fault(path, &shown, format!("there is no column `{shown}`")) }
}

fn no_object(text: &str, error: &serde_json::Error) -> Fault {
    if !error.is_data() {
        let column = u32::try_from(error.column()).ok();
        let reason = error.to_string();
        // The place says where; serde_json says it again behind the reason.
        let reason = reason.split(" at line ").next().unwrap_or(&reason);
        return Fault { text_column: column, ..whole(format!("this is no JSON: {reason}")) };
    }
    whole(format!("expected an object, found {}", shown(text.trim())))
}

fn whole(reason: String) -> Fault {
    Fault { pointer: String::new(), reason, hint: None, text_column: None }
}

fn fault(path: &str, name: &str, reason: String) -> Fault {
    let name = name.replace('~', "~0").replace('/', "~1");
    Fault { pointer: format!("{path}/{name}"), reason, hint: None, text_column: None }
}

/// Returns what a value is, shortened.
fn shown(raw: &str) -> String {
    match raw.bytes().next() {
        Some(b'{') => "an object".into(),
        Some(b'[') => "a list".into(),
        Some(b'"') => {
            let text: String = raw.trim_matches('"').chars().take(40).collect();
            format!("text `{text}`")
        }
        _ => {
            let text: String = raw.chars().take(40).collect();
            format!("`{text}`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::schema::StreamSpec;
    use expect_test::{Expect, expect};
    use serde_json::json;

    fn schema(unknown_fields: &str) -> Schema {
        let spec: StreamSpec = serde_json::from_value(json!({"schema": [
            {"name": "id", "type": "text", "required": true},
            {"name": "is_new", "type": "bool"},
            {"name": "count", "type": "int"},
            {"name": "weight", "type": "float"},
            {"name": "price", "type": "decimal(12,2)"},
            {"name": "at", "type": "time"},
            {"name": "notes", "type": "json"},
            {"name": "items", "type": "list", "fields": [
                {"name": "sku", "type": "text", "required": true}, {"name": "price", "type": "decimal(12,2)"},
            ]},
        ], "time": "at", "unknown_fields": unknown_fields}))
        .expect("a spec");
        Schema::new(&spec)
    }

    fn run(unknown_fields: &str, rows: &str) -> String {
        let (schema, config) = (schema(unknown_fields), Config::default());
        let mut checker = Checker::new(&schema, &config, Time(0));
        let mut lines = String::new();
        for row in rows.lines() {
            let mut out = Vec::new();
            match checker.check(row, &mut out) {
                Ok(()) => lines.push_str(&String::from_utf8(out).expect("UTF-8")),
                Err(faults) => {
                    for fault in faults {
                        let hint = fault.hint.map_or(String::new(), |hint| format!(" ({hint})"));
                        let column = fault
                            .text_column
                            .map_or(String::new(), |column| format!(" column {column}"));
                        lines.push_str(&format!(
                            "! {}{column}: {}{hint}\n",
                            fault.pointer, fault.reason
                        ));
                    }
                }
            }
        }
        lines
    }

    fn check(rows: &str, expected: Expect) {
        expected.assert_eq(&run("refuse", rows));
    }

    #[test]
    fn rows_are_stored_in_one_form() {
        check(
            r#"{"id":"a"}
 { "price" : 129.90 , "id" : "b\u00e9", "count": 5.0, "weight": 1e3, "at": "2018-10-17 17:30:20", "is_new": null }
{"id":"c","price":"1.5e2","at":"2018-10-17T17:30:20.250+01:00","notes":{ "a" : [1, 2.50, " x "] }}
{"id":"d","items":[ {"price":0.10,"sku":"s"}, {"sku":"t"} ],"at":"2018-10-17T17:30:20Z"}
{"id":"e","items":[],"notes":"text","count":-9223372036854775808}"#,
            expect![[r#"
                {"id":"a","_time":"1970-01-01T00:00:00Z"}
                {"id":"b\u00e9","count":5,"weight":1e3,"price":129.9,"at":"2018-10-17T17:30:20Z"}
                {"id":"c","price":150,"at":"2018-10-17T16:30:20.25Z","notes":{"a":[1,2.50," x "]}}
                {"id":"d","at":"2018-10-17T17:30:20Z","items":[{"sku":"s","price":0.1},{"sku":"t"}]}
                {"id":"e","count":-9223372036854775808,"notes":"text","items":[],"_time":"1970-01-01T00:00:00Z"}
            "#]],
        );
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        check(
            r#"{"is_new":1,"count":1.5,"weight":"1","price":1.234,"at":"soon","items":{}}
{"id":1,"pricee":1,"price":10000000000,"count":9223372036854775808,"weight":1e999}
{"id":"a","id":"b"}
{"id":"a","items":[{"price":1},2,{"sku":"s","skus":"t"}]}
[1,2]
"text"
{"id":"a"
{"id":"a"} x
{"id":"\ud800"}
nothing"#,
            expect![[r#"
                ! /id: column `id`: a value is required
                ! /is_new: column `is_new`: expected bool, found `1`
                ! /count: column `count`: expected int, found `1.5`: a whole number of 64 bits is needed
                ! /weight: column `weight`: expected float, found text `1`
                ! /price: column `price`: expected decimal(12,2), found `1.234`: only 2 digits behind the point are kept
                ! /at: column `at`: expected time, found text `soon`: write it as 2018-10-17T17:30:20Z
                ! /items: column `items`: expected a list of objects, found an object
                ! /id: column `id`: expected text, found `1`
                ! /count: column `count`: expected int, found `9223372036854775808`: a whole number of 64 bits is needed
                ! /weight: column `weight`: expected float, found `1e999`: it is too large
                ! /price: column `price`: expected decimal(12,2), found `10000000000`: it is too large
                ! /pricee: there is no column `pricee` (did you mean `price`?)
                ! /id: `id` stands twice
                ! /items/0/sku: column `sku`: a value is required
                ! /items/1: column `items`: expected an object, found `2`
                ! /items/2/skus: there is no column `skus` (did you mean `sku`?)
                ! : expected an object, found a list
                ! : expected an object, found text `text`
                !  column 9: this is no JSON: EOF while parsing an object
                !  column 12: this is no JSON: trailing characters
                ! /id: column `id`: expected text, found text `\ud800`: an escape in it stands for no character
                !  column 2: this is no JSON: expected ident
            "#]],
        );
    }

    #[test]
    fn unknown_fields_can_be_kept() {
        let rows = r#"{"id":"a","b":{ "c": 1.50 },"d":"e"}"#;
        expect![[r#"
            {"id":"a","_extra":{"b":{"c":1.50},"d":"e"},"_time":"1970-01-01T00:00:00Z"}
        "#]]
        .assert_eq(&run("keep", rows));
    }

    #[test]
    fn a_stored_row_is_one_that_everybody_can_read() {
        let long = format!("{{\"id\":\"a\",\"notes\":[{}]}}", "9".repeat(400));
        let rows = format!(
            r#"{{"id":"a","notes":{{"x":1e999}}}}
{{"id":"a","notes":"\ud800"}}
{long}
{{"id":"a","other":-1E999}}"#
        );
        expect![[r#"
            ! /notes: column `notes`: expected json, found an object: an escape in it stands for no character, or a number is too large
            ! /notes: column `notes`: expected json, found text `\ud800`: an escape in it stands for no character, or a number is too large
            ! /notes: column `notes`: expected json, found a list: an escape in it stands for no character, or a number is too large
            ! /other: unknown field `other`: an escape in it stands for no character, or a number is too large
        "#]]
        .assert_eq(&run("keep", &rows));

        let sure = format!("{{\"id\":\"a\",\"notes\":[{}]}}", "9".repeat(308));
        let rows = format!(
            r#"{{"id":"a","notes":{{"seven":7e0,"e":"1e999","tiny":1e-999,"large":1e300}}}}
{sure}
{{"id":"a","weight":1e308,"other":[1.5E3]}}"#
        );
        let stored = run("keep", &rows);
        assert_eq!(stored.lines().count(), 3);
        for line in stored.lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_it_is_read() {
        let deep =
            format!("{{\"id\":\"a\",\"notes\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
        let lists =
            format!("{{\"id\":\"a\",\"items\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
        let open = "[".repeat(100_000);
        let rows = format!("{deep}\n{lists}\n{open}");
        check(
            &rows,
            expect![[r#"
                ! /notes: column `notes`: expected json, found a list: it nests 50000 deep, 64 are allowed
                ! /items/0: column `items`: expected an object, found a list
                ! : expected an object, found a list
            "#]],
        );
    }
}
