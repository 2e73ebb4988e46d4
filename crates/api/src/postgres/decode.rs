//! The parameters of a statement as the kernel takes them: text stays text with its type, binary becomes text.

use super::Error;
use super::calendar::{DAY_MICROS, DAYS_TO_2000, date_text, instant_text, write_time};
use super::types::Kind;
use super::wire::{Bind, Body, Formats};
use serde_json::{Value, json};

/// Returns the parameters of a bound statement.
///
/// # Errors
/// `postgres.protocol` for another number of values, `postgres.parameter` for a value that cannot be read.
pub(crate) fn parameters(bind: &Bind, kinds: &[&'static Kind]) -> Result<Vec<Value>, Error> {
    if bind.values.len() != kinds.len() {
        let reason =
            format!("it has {} values, the statement wants {}", bind.values.len(), kinds.len());
        return Err(Error::Protocol { reason });
    }
    let formats = Formats::new(bind.formats.clone())?;
    let numbered = bind.values.iter().zip(kinds).enumerate();
    numbered
        .map(|(at, (value, kind))| {
            let wrong = || Error::Parameter { number: at + 1, kind: kind.name.into() };
            let value = match value {
                None => Value::Null,
                Some(bytes) if formats.is_binary(at) => binary(kind, bytes).ok_or_else(wrong)?,
                Some(bytes) => Value::from(std::str::from_utf8(bytes).map_err(|_| wrong())?),
            };
            Ok(json!({"type": kind.name, "value": value}))
        })
        .collect()
}

/// Reads a value in binary.
fn binary(kind: &'static Kind, bytes: &[u8]) -> Option<Value> {
    if let Some(element) = kind.element() {
        return list(element, bytes);
    }
    let text = match kind.name {
        "bool" => return Some(Value::Bool(bytes != [0])),
        "int2" => i16::from_be_bytes(bytes.try_into().ok()?).to_string(),
        "int4" => i32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        "oid" | "xid" | "regclass" | "regtype" | "regproc" => {
            u32::from_be_bytes(bytes.try_into().ok()?).to_string()
        }
        "int8" => i64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        "float4" => f32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        "float8" => f64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        "numeric" => numeric(bytes)?,
        "bytea" => format!("\\x{}", base::hex(bytes)),
        "date" => date_text(i64::from(i32::from_be_bytes(bytes.try_into().ok()?)) + DAYS_TO_2000),
        "time" => {
            let mut text = String::new();
            write_time(i64::from_be_bytes(bytes.try_into().ok()?), &mut text);
            text
        }
        "timestamp" | "timestamptz" => {
            let micros = i64::from_be_bytes(bytes.try_into().ok()?);
            instant_text(micros.checked_add(DAYS_TO_2000 * DAY_MICROS)?, kind.name == "timestamptz")
        }
        "interval" => {
            let (micros, rest) = bytes.split_first_chunk::<8>()?;
            let (days, months) = rest.split_first_chunk::<4>()?;
            let (micros, days) = (i64::from_be_bytes(*micros), i32::from_be_bytes(*days));
            let months = i32::from_be_bytes(months.try_into().ok()?);
            format!("{months} months {days} days {micros} microseconds")
        }
        "uuid" => {
            let hex = base::hex(<&[u8; 16]>::try_from(bytes).ok()?);
            let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
            [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
        }
        "jsonb" => return text_of(bytes.strip_prefix(&[1])?),
        _ => return text_of(bytes),
    };
    Some(Value::from(text))
}

fn text_of(bytes: &[u8]) -> Option<Value> {
    std::str::from_utf8(bytes).ok().map(Value::from)
}

/// Reads a list of one level.
fn list(element: &'static Kind, bytes: &[u8]) -> Option<Value> {
    let mut body = Body(bytes);
    let levels = i32::from_be_bytes(body.bytes().ok()?);
    let _has_null: [u8; 4] = body.bytes().ok()?;
    let _element: [u8; 4] = body.bytes().ok()?;
    if levels == 0 {
        return Some(Value::Array(Vec::new()));
    }
    let count = i32::from_be_bytes(body.bytes().ok()?);
    let _lowest: [u8; 4] = body.bytes().ok()?;
    if levels != 1 || i64::from(count) * 4 > i64::try_from(body.0.len()).ok()? {
        return None;
    }
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(match body.value().ok()? {
            None => Value::Null,
            Some(bytes) => binary(element, &bytes)?,
        });
    }
    body.0.is_empty().then_some(Value::Array(items))
}

/// Reads a number in groups of four digits.
fn numeric(bytes: &[u8]) -> Option<String> {
    let mut body = Body(bytes);
    let mut number = || body.bytes().ok().map(i16::from_be_bytes);
    let (count, weight, sign, scale) = (number()?, number()?, number()?, number()?);
    let is_negative = match sign {
        0 => false,
        0x4000 => true,
        // What is no number, or infinite.
        _ => return None,
    };
    let count = usize::try_from(count).ok()?;
    if body.0.len() != count * 2 {
        return None;
    }
    let groups: Vec<i16> =
        body.0.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect();
    let at = |place: i32| {
        usize::try_from(place).ok().and_then(|place| groups.get(place)).copied().unwrap_or(0)
    };
    let (weight, scale) = (i32::from(weight), usize::try_from(scale).ok()?);
    let mut whole = String::new();
    for place in 0..=weight {
        whole.push_str(&format!("{:04}", at(place)));
    }
    let whole = whole.trim_start_matches('0');
    let mut behind = String::new();
    let mut place = weight + 1;
    while behind.len() < scale {
        behind.push_str(&format!("{:04}", at(place)));
        place += 1;
    }
    behind.truncate(scale);
    let sign = if is_negative { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if behind.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{behind}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, hex: &str) -> String {
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        binary(Kind::named(kind), &bytes).map_or_else(|| "none".into(), |value| value.to_string())
    }

    #[test]
    fn values_in_binary_are_read_as_their_types() {
        assert_eq!(check("bool", "01"), "true");
        assert_eq!(check("int4", "ffffffff"), "\"-1\"");
        assert_eq!(check("int8", "0000000000000007"), "\"7\"");
        assert_eq!(check("float8", "3ff8000000000000"), "\"1.5\"");
        assert_eq!(check("text", "c3a9"), "\"é\"");
        assert_eq!(check("bytea", "00ff"), "\"\\\\x00ff\"");
        assert_eq!(check("date", "00000001"), "\"2000-01-02\"");
        assert_eq!(check("timestamptz", "00000000000003e8"), "\"2000-01-01 00:00:00.001+00\"");
        assert_eq!(check("jsonb", "017b7d"), "\"{}\"");
        assert_eq!(
            check("uuid", "00112233445566778899aabbccddeeff"),
            "\"00112233-4455-6677-8899-aabbccddeeff\""
        );
    }

    #[test]
    fn numbers_in_groups_keep_all_their_digits() {
        assert_eq!(check("numeric", "0003000100000002000c0d801e78"), "\"123456.78\"");
        assert_eq!(check("numeric", "0001ffff400000011388"), "\"-0.5\"");
        assert_eq!(check("numeric", "0000000000000002"), "\"0.00\"");
        assert_eq!(check("numeric", "0001fffe000000060064"), "\"0.000001\"");
        assert_eq!(check("numeric", "00010001000000000001"), "\"10000\"");
    }

    #[test]
    fn lists_are_read_and_what_is_none_is_refused() {
        assert_eq!(
            check("_int4", "00000001000000010000001700000002000000010000000400000001ffffffff"),
            "[\"1\",null]"
        );
        assert_eq!(check("_int4", "000000000000000000000017"), "[]");
        assert_eq!(check("_int4", "000000010000000000000017000fffff00000001"), "none");
        assert_eq!(check("int4", "0001"), "none");
        assert_eq!(check("text", "ff"), "none");
    }
}
