//! What devices send becomes lines of rows: `{"device":"van-7","received_at":"…",` and the inside of what they sent.
//!
//! Nothing of JSON is built here: the stream checks every line anyhow. What must be known is only where one row ends and the next
//! begins, and that no payload can end the object which it stands in, nor the line.

use serde_json::value::RawValue;

/// What is put into every row.
#[derive(Debug, Clone, Copy)]
pub struct Injected<'a> {
    /// Names of columns with their values as JSON: `("device", "\"van-7\"")`.
    pub columns: &'a [(&'a str, &'a str)],
    /// The column that a payload becomes which is a value and no object.
    pub value: Option<&'a str>,
}

/// Appends the rows of a payload as lines to `out`; returns how many. An object is a row, a list has a row for each of its objects, and
/// any other value is a row where there is a column for it.
///
/// # Errors
/// What is wrong with the payload, in words; `out` is as it was.
pub fn rows(
    payload: &[u8],
    injected: &Injected<'_>,
    rows_max: usize,
    out: &mut Vec<u8>,
) -> Result<u32, String> {
    let length = out.len();
    let written = write(payload, injected, rows_max, out);
    if written.is_err() {
        out.truncate(length);
    }
    written
}

fn write(
    payload: &[u8],
    injected: &Injected<'_>,
    rows_max: usize,
    out: &mut Vec<u8>,
) -> Result<u32, String> {
    let text = std::str::from_utf8(payload).map_err(|_| "the payload is not UTF-8".to_owned())?;
    let text = text.trim_matches(is_space);
    match text.as_bytes().first() {
        None => Err("the payload is empty".into()),
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(no_json)?;
            if rows_max < items.len() {
                return Err(format!("{} rows exceed the limit of {rows_max}", items.len()));
            }
            for item in &items {
                row(item.get(), injected, out)?;
            }
            u32::try_from(items.len()).map_err(|error| error.to_string())
        }
        Some(_) => {
            row(text, injected, out)?;
            Ok(1)
        }
    }
}

/// Appends a row with its line end.
fn row(text: &str, injected: &Injected<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    let begin = out.len();
    for (name, value) in injected.columns {
        out.push(if out.len() == begin { b'{' } else { b',' });
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(value.as_bytes());
    }
    let comma = if out.len() == begin { b'{' } else { b',' };
    match (text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')), injected.value) {
        (Some(inside), _) if inside.trim_matches(is_space).is_empty() => {
            if comma == b'{' {
                out.push(comma);
            }
        }
        (Some(inside), _) => {
            out.push(comma);
            one_line(text, inside, out)?;
        }
        (None, Some(column)) if !text.starts_with(['{', '[']) => {
            let value: &RawValue = serde_json::from_str(text).map_err(no_json)?;
            out.push(comma);
            out.push(b'"');
            out.extend_from_slice(column.as_bytes());
            out.extend_from_slice(b"\":");
            // A value that is no list and no object has no white space outside of text, and no line end in it.
            out.extend_from_slice(value.get().as_bytes());
        }
        (None, _) => return Err(format!("expected an object, found {}", shown(text))),
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}

/// Appends the inside of an object without its line ends.
fn one_line(text: &str, inside: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let is_line_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if !inside.as_bytes().iter().any(is_line_end) {
        out.extend_from_slice(inside.as_bytes());
        return Ok(());
    }
    // In text there is no line end as such, or it is no JSON: so those that are there stand between the parts.
    let _: &RawValue = serde_json::from_str(text).map_err(no_json)?;
    out.extend(inside.bytes().map(|byte| if is_line_end(&byte) { b' ' } else { byte }));
    Ok(())
}

/// Returns whether JSON takes a character as white space.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

fn no_json(error: serde_json::Error) -> String {
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or(&reason);
    format!("the payload is no JSON: {reason}")
}

/// Returns the beginning of a text, for a reason.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(40).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Entropy, SeededEntropy};
    use expect_test::{Expect, expect};
    use serde_json::Value;

    const COLUMNS: [(&str, &str); 2] = [("device", "\"van-7\""), ("received_at", "\"1970\"")];

    fn check(value: Option<&str>, payload: &str, expected: Expect) {
        let injected = Injected { columns: &COLUMNS, value };
        let mut out = b"before\n".to_vec();
        let said = match rows(payload.as_bytes(), &injected, 3, &mut out) {
            Ok(count) => format!("{count}\n{}", String::from_utf8(out).expect("UTF-8")),
            Err(reason) => {
                assert_eq!(out, b"before\n", "nothing of it is left");
                format!("refused: {reason}\n")
            }
        };
        expected.assert_eq(&said);
    }

    #[test]
    fn objects_lists_and_values_become_lines() {
        check(
            None,
            " {\"kg\": 1.50, \"a\\nb\": \"c\"} \n",
            expect![[r#"
                1
                before
                {"device":"van-7","received_at":"1970","kg": 1.50, "a\nb": "c"}
            "#]],
        );
        check(
            None,
            "[{\"kg\":1},{},\n{\"kg\":\n2}]",
            expect![[r#"
                3
                before
                {"device":"van-7","received_at":"1970","kg":1}
                {"device":"van-7","received_at":"1970"}
                {"device":"van-7","received_at":"1970","kg": 2}
            "#]],
        );
        check(
            Some("kg"),
            "12.5",
            expect![[r#"
                1
                before
                {"device":"van-7","received_at":"1970","kg":12.5}
            "#]],
        );
        check(
            Some("kg"),
            "[1,\"x\"]",
            expect![[r#"
                2
                before
                {"device":"van-7","received_at":"1970","kg":1}
                {"device":"van-7","received_at":"1970","kg":"x"}
            "#]],
        );
        check(
            None,
            "[]",
            expect![[r#"
                0
                before
            "#]],
        );
    }

    #[test]
    fn what_is_no_row_is_refused_with_the_reason() {
        check(
            None,
            "",
            expect![[r#"
            refused: the payload is empty
        "#]],
        );
        check(
            None,
            "12.5",
            expect![[r#"
            refused: expected an object, found `12.5`
        "#]],
        );
        check(
            Some("kg"),
            "on",
            expect![[r#"
            refused: the payload is no JSON: expected value
        "#]],
        );
        check(
            Some("kg"),
            "[[1]]",
            expect![[r#"
            refused: expected an object, found `[1]`
        "#]],
        );
        check(
            None,
            "[{},{},{},{}]",
            expect![[r#"
            refused: 4 rows exceed the limit of 3
        "#]],
        );
        let mut out = Vec::new();
        let injected = Injected { columns: &COLUMNS, value: None };
        assert_eq!(
            rows(b"{\"a\":\xff}", &injected, 3, &mut out),
            Err("the payload is not UTF-8".into())
        );
        assert!(rows("[".repeat(100_000).as_bytes(), &injected, 3, &mut out).is_err());
        assert!(rows(b"{\"a\":\"\n\"}", &injected, 3, &mut out).is_err(), "a line end in text");
        assert!(out.is_empty());
    }

    #[test]
    fn a_row_without_columns_of_ours_is_as_it_came() {
        let mut out = Vec::new();
        let injected = Injected { columns: &[], value: None };
        assert_eq!(rows(b"[{},{\"a\":1}]", &injected, 3, &mut out), Ok(2));
        assert_eq!(out, b"{}\n{\"a\":1}\n");
    }

    /// Whatever is sent: there are as many lines as are said, each begins with what was put in, and one that is JSON says of
    /// whom it is.
    #[test]
    fn no_payload_leaves_its_line() {
        let parts: [&[u8]; 17] = [
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b"\"",
            b"\\",
            b"\n",
            b"\r",
            b" ",
            b"1",
            b"\"a\"",
            b"{}",
            b"\"a\":1",
            b"\"device\":\"van-8\"",
            b"\xc3\xa9",
        ];
        let entropy = SeededEntropy::new(5);
        let injected = Injected { columns: &COLUMNS, value: Some("kg") };
        for _ in 0..20_000 {
            let mut seed = [0_u8; 12];
            entropy.fill(&mut seed);
            let count = usize::from(seed[0] % 11);
            let payload: Vec<u8> = seed[1..=count]
                .iter()
                .flat_map(|byte| parts[usize::from(*byte) % parts.len()].iter().copied())
                .collect();
            let mut out = Vec::new();
            let Ok(count) = rows(&payload, &injected, 100, &mut out) else {
                assert!(out.is_empty());
                continue;
            };
            let text = String::from_utf8(out).expect("UTF-8");
            assert_eq!(text.matches('\n').count(), count as usize, "{payload:?}");
            assert!(text.is_empty() || text.ends_with('\n'));
            for line in text.lines() {
                let begins = line.starts_with("{\"device\":\"van-7\",\"received_at\":\"1970\"");
                assert!(begins && line.ends_with('}'), "{line}");
                // A name that stands twice is seen by the stream; serde takes the last.
                if let Ok(row) = serde_json::from_str::<Value>(line)
                    && line.matches("\"device\":").count() == 1
                {
                    assert_eq!(row["device"], "van-7", "{line}");
                }
            }
        }
    }
}
