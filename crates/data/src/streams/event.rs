//! CloudEvents 1.0 in JSON, structured mode and batches: what an event must be, and the row that it becomes.
//!
//! The members of `data` become columns. A stream that declares columns such as `ce_id`, `ce_source`, `ce_type`, `ce_time`
//! or `ce_NAME` of an extension gets the attributes too; with a column `ce_data` it gets `data` as a whole, of any shape.

use super::check::Fault;
use super::schema::Columns;
use base64::Engine as _;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// An attribute's name, whether it is required, and whether a value is right.
type Attribute = (&'static str, bool, fn(&str) -> bool);

/// The attributes of the core specification, with the check of each.
const CORE: [Attribute; 8] = [
    ("specversion", true, |text| text == "1.0"),
    ("id", true, |text| !text.is_empty()),
    ("source", true, |text| !text.is_empty() && is_uri_reference(text)),
    ("type", true, |text| !text.is_empty()),
    ("datacontenttype", false, is_media_type),
    ("dataschema", false, |text| is_uri_reference(text) && has_scheme(text)),
    ("subject", false, |text| !text.is_empty()),
    ("time", false, is_time),
];

type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Checks an event and returns the row that it becomes, as JSON.
///
/// # Errors
/// What is wrong with the event, with the attribute.
pub(crate) fn row_of(text: &str, columns: &Columns) -> Result<String, Fault> {
    let members = members(text)?;
    for (name, is_required, is_right) in CORE {
        check_core(&members, name, is_required, is_right)?;
    }
    for (name, raw) in &members {
        let is_core =
            CORE.iter().any(|(core, ..)| core == name) || name == "data" || name == "data_base64";
        if !is_core {
            check_extension(name, raw.get())?;
        }
    }
    let data = data_of(&members)?;
    let mut row = String::from("{");
    let is_whole = columns.find("ce_data", 0).is_some();
    match &data {
        Some(data) if is_whole => push(&mut row, "ce_data", data),
        Some(data) => row.push_str(inner(data)?),
        None => {}
    }
    for (name, raw) in &members {
        let column = format!("ce_{name}");
        let is_data = name == "data" || name == "data_base64";
        if !is_data && raw.get() != "null" && columns.find(&column, 0).is_some() {
            push(&mut row, &column, &value_for(&column, raw.get(), columns));
        }
    }
    row.push('}');
    Ok(row)
}

fn push(row: &mut String, name: &str, raw: &str) {
    if row.len() != 1 {
        row.push(',');
    }
    row.push_str(&format!("\"{name}\":{raw}"));
}

/// Extensions travel as text, number or truth as the sender likes; a column of type text takes them all.
fn value_for(column: &str, raw: &str, columns: &Columns) -> String {
    use super::schema::ColumnType;
    let column_type =
        columns.find(column, 0).and_then(|number| columns.list.get(number)).map(|c| c.column_type);
    if column_type == Some(ColumnType::Text) && !raw.starts_with('"') {
        format!("\"{raw}\"")
    } else {
        raw.to_owned()
    }
}

/// Reads the members; a member that stands twice is refused.
fn members(text: &str) -> Result<Members<'_>, Fault> {
    struct All<'a>(Members<'a>);
    impl<'de> serde::Deserialize<'de> for All<'de> {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Read)
        }
    }
    struct Read;
    impl<'de> serde::de::Visitor<'de> for Read {
        type Value = All<'de>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an event, which is a JSON object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<All<'de>, A::Error> {
            let mut members = Members::new();
            while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                if members.insert(name.clone(), value).is_some() {
                    return Err(serde::de::Error::custom(format!("`{name}` stands twice")));
                }
            }
            Ok(All(members))
        }
    }
    serde_json::from_str::<All<'_>>(text).map(|all| all.0).map_err(|error| {
        let reason = error.to_string();
        fault("", reason.split(" at line ").next().unwrap_or(&reason).to_owned())
    })
}

fn check_core(
    members: &Members<'_>,
    name: &str,
    is_required: bool,
    is_right: fn(&str) -> bool,
) -> Result<(), Fault> {
    let raw = members.get(name).map(|raw| raw.get()).filter(|raw| *raw != "null");
    let Some(raw) = raw else {
        return if is_required {
            Err(fault(name, format!("attribute `{name}` is missing")))
        } else {
            Ok(())
        };
    };
    let text: String = serde_json::from_str(raw)
        .map_err(|_| fault(name, format!("attribute `{name}` must be text")))?;
    if text.chars().any(char::is_control) {
        return Err(fault(name, format!("attribute `{name}` has a control character")));
    }
    if !is_right(&text) {
        let shown: String = text.chars().take(60).collect();
        return Err(fault(name, format!("attribute `{name}` cannot be `{shown}`")));
    }
    Ok(())
}

fn check_extension(name: &str, raw: &str) -> Result<(), Fault> {
    let is_name = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !is_name {
        let shown: String = name.chars().take(60).collect();
        return Err(fault(
            &shown,
            format!("`{shown}` is no attribute: names have lower-case letters and digits"),
        ));
    }
    let is_value = match raw.bytes().next() {
        Some(b'"') => serde_json::from_str::<String>(raw)
            .is_ok_and(|text| !text.chars().any(char::is_control)),
        Some(b'{' | b'[') => false,
        Some(b't' | b'f' | b'n') => true,
        _ => raw.parse::<i32>().is_ok(),
    };
    if is_value {
        return Ok(());
    }
    Err(fault(
        name,
        format!("attribute `{name}` must be text, a whole number of 32 bits, or true or false"),
    ))
}

/// Returns the data as JSON.
fn data_of(members: &Members<'_>) -> Result<Option<String>, Fault> {
    let present = |name: &str| members.get(name).map(|raw| raw.get());
    match (present("data"), present("data_base64")) {
        (Some(_), Some(_)) => {
            Err(fault("data_base64", "an event has `data` or `data_base64`, not both".into()))
        }
        (Some(data), None) => Ok(Some(data.to_owned()).filter(|data| data != "null")),
        (None, Some("null") | None) => Ok(None),
        (None, Some(encoded)) => decoded(members, encoded).map(Some),
    }
}

fn decoded(members: &Members<'_>, encoded: &str) -> Result<String, Fault> {
    let wrong = || fault("data_base64", "`data_base64` is no Base64 text".into());
    let text: String = serde_json::from_str(encoded).map_err(|_| wrong())?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| wrong())?;
    let media = members
        .get("datacontenttype")
        .and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    let is_json = media.is_none_or(|media| {
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        media.ends_with("/json") || media.ends_with("+json")
    });
    let text = String::from_utf8(bytes).ok().filter(|_| is_json);
    match text {
        Some(text) if serde_json::from_str::<&RawValue>(&text).is_ok() => Ok(text),
        // What is no JSON stays Base64 text; only a column `ce_data` can take it.
        _ => Ok(encoded.to_owned()),
    }
}

/// Returns what stands between the braces of an object.
fn inner(data: &str) -> Result<&str, Fault> {
    let inner = data.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let inner = inner.map(str::trim);
    inner.ok_or_else(|| Fault {
        hint: Some("send an object, or declare a column `ce_data` of type json".into()),
        ..fault("data", "`data` is no object, so it has no columns".into())
    })
}

fn fault(name: &str, reason: String) -> Fault {
    let pointer = if name.is_empty() { String::new() } else { format!("/{name}") };
    Fault { pointer, reason, hint: None, text_column: None }
}

/// RFC 2046: `type/subtype`, with parameters behind a semicolon.
fn is_media_type(text: &str) -> bool {
    let is_token = |part: &str| {
        let is_sign = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte) || byte.is_ascii_alphanumeric();
        !part.is_empty() && part.bytes().all(is_sign)
    };
    let mut parts = text.split(';');
    let kind = parts.next().unwrap_or_default().trim_end();
    let is_kind = kind.split_once('/').is_some_and(|(main, sub)| is_token(main) && is_token(sub));
    is_kind
        && parts.all(|parameter| {
            parameter
                .trim()
                .split_once('=')
                .is_some_and(|(name, value)| is_token(name.trim()) && !value.is_empty())
        })
}

/// RFC 3986: only the characters that a URI may have, and escapes that are whole.
fn is_uri_reference(text: &str) -> bool {
    let is_sign =
        |byte: u8| byte.is_ascii_alphanumeric() || b"%-._~:/?#[]@!$&'()*+,;=".contains(&byte);
    !text.is_empty() && text.bytes().all(is_sign) && base::percent_decode(text).is_some()
}

fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && scheme.bytes().all(is_sign)
            && !rest.is_empty()
    })
}

/// RFC 3339, strictly: seconds and an offset must be there.
fn is_time(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let Some((date, time)) = upper.split_once('T') else { return false };
    let is_shape = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, sign)| match sign {
                b'0' => byte.is_ascii_digit(),
                sign => byte == sign,
            })
    };
    let (clock, offset) = match time.strip_suffix('Z') {
        Some(clock) => (clock, None),
        None => match time.rfind(['+', '-']) {
            Some(at) => (&time[..at], Some(&time[at + 1..])),
            None => return false,
        },
    };
    let is_offset = offset.is_none_or(|offset| {
        is_shape(offset, "00:00") && &offset[..2] < "24" && &offset[3..] < "60"
    });
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    is_shape(date, "0000-00-00")
        && is_shape(clock, "00:00:00")
        && is_fraction
        && is_offset
        && super::instant::parse(&upper).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::schema::{Schema, StreamSpec};
    use serde_json::{Value, json};

    fn columns(columns: &[(&str, &str)]) -> Columns {
        let schema: Vec<Value> = columns
            .iter()
            .map(|(name, column_type)| json!({"name": name, "type": column_type}))
            .collect();
        let spec: StreamSpec = serde_json::from_value(json!({"schema": schema})).expect("a spec");
        Schema::new(&spec).columns
    }

    fn row(event: Value, declared: &[(&str, &str)]) -> Result<String, String> {
        row_of(&event.to_string(), &columns(declared))
            .map_err(|fault| format!("{}: {}", fault.pointer, fault.reason))
    }

    fn event(more: Value) -> Value {
        let mut event = json!({"specversion": "1.0", "id": "1", "type": "t", "source": "/s"});
        event
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        event
    }

    #[test]
    fn data_becomes_the_row_and_attributes_their_columns() {
        let declared = [("a", "int"), ("ce_id", "text"), ("ce_rank", "text"), ("ce_time", "time")];
        assert_eq!(
            row(
                event(json!({"data": {"a": 1}, "rank": 7, "time": "2018-04-05T17:31:00Z"})),
                &declared
            )
            .as_deref(),
            Ok(r#"{"a":1,"ce_id":"1","ce_rank":"7","ce_time":"2018-04-05T17:31:00Z"}"#)
        );
        assert_eq!(
            row(event(json!({"data_base64": "eyJhIjogMX0="})), &declared).as_deref(),
            Ok(r#"{"a": 1,"ce_id":"1"}"#)
        );
        assert_eq!(
            row(event(json!({"data": "x"})), &[("ce_data", "json")]).as_deref(),
            Ok(r#"{"ce_data":"x"}"#)
        );
        assert_eq!(
            row(event(json!({"data": "x"})), &declared),
            Err("/data: `data` is no object, so it has no columns".into())
        );
        assert_eq!(row(event(json!({})), &[("a", "int")]).as_deref(), Ok("{}"));
    }

    #[test]
    fn the_finer_rules_of_attributes_hold() {
        let is_right = |more: Value| row(event(more), &[("a", "int")]).is_ok();
        assert!(is_right(json!({"datacontenttype": "application/json; charset=utf-8"})));
        assert!(!is_right(json!({"datacontenttype": "application/"})));
        assert!(!is_right(json!({"dataschema": "relative"})));
        assert!(!is_right(json!({"source": "with space"})));
        assert!(!is_right(json!({"source": "%zz"})));
        assert!(!is_right(json!({"rank": 1.5})) && !is_right(json!({"rank": 3_000_000_000_i64})));
        assert!(!is_right(json!({"rank": {}})) && !is_right(json!({"rank": "a\u{7}"})));
        assert!(
            is_right(json!({"time": "2018-04-05t17:31:00.5z"}))
                && !is_right(json!({"time": "2018-04-05 17:31:00Z"}))
        );
        assert!(!is_right(json!({"time": "2018-02-30T17:31:00Z"})));
        assert!(!is_right(json!({"data_base64": "%"})));
    }
}
