//! What a value of a file holds, and the JSON that stands for a cell of CSV.

use super::limits::{AMOUNT_DIGITS_MAX, AMOUNT_SCALE_MAX};
use base::Time;
use serde_json::value::RawValue;

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A number with a point and so many digits behind it that matter, few enough for an amount of money.
    Number(u8),
    /// A decimal with so many digits, and so many of them behind the point, as a file declares it.
    Decimal(u8, u8),
    /// Any other number.
    Float,
    /// An instant.
    Time,
    /// Text.
    Text,
    /// Any JSON.
    Json,
}

impl Type {
    /// Returns the type as a manifest writes it, for a column whose numbers have up to `whole` digits before the point.
    pub fn word(self, whole: u8) -> String {
        match self {
            Self::Bool => "bool".into(),
            // Where all digits behind the point are zeros, somebody's table had to hold whole numbers beside empty cells.
            Self::Int | Self::Number(0) => "int".into(),
            Self::Float => "float".into(),
            Self::Number(scale) => {
                let scale = scale.max(SCALE_MIN);
                format!("decimal({},{scale})", PRECISION_MIN.max(whole + scale))
            }
            Self::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
            Self::Time => "time".into(),
            Self::Text => "text".into(),
            Self::Json => "json".into(),
        }
    }

    /// Returns how cells are written for a column of this type of a manifest.
    pub fn of_word(word: &str) -> Self {
        match word {
            "bool" => Self::Bool,
            "int" => Self::Int,
            "float" => Self::Float,
            "json" | "list" => Self::Json,
            // Decimals and instants are taken as text too.
            _ => Self::Text,
        }
    }
}

/// Digits of a decimal that is inferred, at least: as many as 64 bits hold.
const PRECISION_MIN: u8 = 18;
/// Digits behind the point of a decimal that is inferred, at least.
const SCALE_MIN: u8 = 2;

/// Returns whether the cell has no value.
pub fn is_null(cell: &str) -> bool {
    cell.is_empty() || cell == "NA"
}

/// Returns what a cell with a value looks like.
pub fn type_of(cell: &str) -> Type {
    if bool_of(cell).is_some() {
        Type::Bool
    } else if is_digits(cell) {
        // A number beyond 64 bits is an identifier rather than a quantity: as a float it would lose digits.
        if cell.parse::<i64>().is_ok() { Type::Int } else { Type::Text }
    } else if is_number(cell) {
        number_type(cell)
    } else if is_time(cell) {
        Type::Time
    } else {
        Type::Text
    }
}

/// Returns what a number with a point or an exponent looks like. An exponent is that of a measurement, as are many digits.
pub fn number_type(text: &str) -> Type {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let has_exponent = text.contains(['e', 'E']);
    let scale = fraction.trim_end_matches('0').len();
    match u8::try_from(scale) {
        Ok(scale)
            if !has_exponent
                && scale <= AMOUNT_SCALE_MAX
                && whole_digits(text) <= AMOUNT_DIGITS_MAX =>
        {
            Type::Number(scale)
        }
        _ => Type::Float,
    }
}

/// Returns what a binary floating-point number looks like: an amount, where it is the one nearest to a decimal with few digits.
pub fn float_type(value: f64) -> Type {
    let mut power = 1.0;
    for scale in 0..=AMOUNT_SCALE_MAX {
        let whole = (value * power).round();
        // Up to 15 digits a decimal and its nearest number stand for each other, and the division finds that number.
        if whole.abs() < 1e15 && whole / power == value {
            return Type::Number(scale);
        }
        power *= 10.0;
    }
    Type::Float
}

/// Returns how many digits a number has before its point; 0 where the text is none.
pub fn whole_digits(text: &str) -> u8 {
    let text = text.strip_prefix('-').unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    u8::try_from(digits).unwrap_or(u8::MAX)
}

/// Returns whether the text is an instant: RFC 3339, `YYYY-MM-DD HH:MM:SS`, or `YYYY-MM-DD`.
pub fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_date = 10 <= bytes.len()
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[..4].iter().all(u8::is_ascii_digit);
    let is_shape = match bytes.get(10) {
        None => true,
        Some(b'T' | b't' | b' ') => 19 <= bytes.len() && bytes[13] == b':' && bytes[16] == b':',
        Some(_) => false,
    };
    is_date && is_shape && Time::parse(text).is_ok()
}

/// Appends the JSON of a cell with a value. What does not fit the column is written as text: the unit says why it refuses it.
pub fn write(cell: &str, column_type: Type, out: &mut String) {
    let written = match column_type {
        Type::Bool => bool_of(cell).map(|value| value.to_string()),
        Type::Int => int_of(cell),
        Type::Float => float_of(cell),
        Type::Json => json_of(cell),
        // Decimals and instants are taken as text.
        Type::Number(_) | Type::Decimal(..) | Type::Text | Type::Time => None,
    };
    out.push_str(&written.unwrap_or_else(|| serde_json::Value::from(cell).to_string()));
}

fn bool_of(cell: &str) -> Option<bool> {
    match cell {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn int_of(cell: &str) -> Option<String> {
    // The unit takes 17850.0 for 17850, and says why it does not take 0.5.
    if is_number(cell) {
        return Some(cell.to_owned());
    }
    cell.parse::<i64>().ok().map(|value| value.to_string())
}

fn float_of(cell: &str) -> Option<String> {
    if is_number(cell) {
        return Some(cell.to_owned());
    }
    let value = cell.parse::<f64>().ok().filter(|value| value.is_finite());
    value.map(|value| value.to_string())
}

/// Returns a cell that is JSON on one line: line ends can only stand between its values.
fn json_of(cell: &str) -> Option<String> {
    let value = serde_json::from_str::<&RawValue>(cell).ok()?;
    Some(value.get().replace(['\n', '\r'], " "))
}

/// Returns whether the text is a whole number as JSON writes it. A leading zero belongs to an identifier.
fn is_digits(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let has_lead = 1 < digits.len() && digits.starts_with('0');
    !digits.is_empty() && !has_lead && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether the text is a number as JSON writes it.
fn is_number(text: &str) -> bool {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let has_digits =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let has_exponent = |part: &str| has_digits(part.strip_prefix(['+', '-']).unwrap_or(part));
    is_digits(whole)
        && fraction.is_none_or(has_digits)
        && exponent.is_none_or(has_exponent)
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_look_like_what_they_are() {
        let check = |expected: Type, cells: &[&str]| {
            for cell in cells {
                assert_eq!(type_of(cell), expected, "{cell}");
            }
        };
        check(Type::Bool, &["true", "False", "TRUE"]);
        check(Type::Int, &["0", "-7", "9223372036854775807"]);
        check(Type::Number(1), &["1.50", "-0.5", "129.9"]);
        check(Type::Number(0), &["517.0", "-1.00"]);
        check(Type::Number(4), &["0.0001", "12345678901234.5678"]);
        check(Type::Float, &["1e5", "2E-3", "0.00001", "-23.545621", "123456789012345.5"]);
        check(Type::Time, &["2018-10-17", "2018-10-17 17:30:20", "2018-10-17T17:30:20Z"]);
        check(Type::Time, &["2018-10-17T14:30:20-03:00"]);
        check(Type::Text, &["007", "+5", "1.", ".5", "1e999", "9223372036854775808", "0x1"]);
        check(Type::Text, &["2018-13-01", "2018-10-17x", "yes", " 5", "-", "inf", "1e"]);
        check(Type::Text, &["é018-10-17", "2018-1é-17"]);
    }

    #[test]
    fn floats_that_stand_for_amounts_are_told_from_measurements() {
        for (value, expected) in [
            (2.55, Type::Number(2)),
            (-11062.06, Type::Number(2)),
            (0.001, Type::Number(3)),
            (517.0, Type::Number(0)),
            (0.1 + 0.2, Type::Float),
            (41.130_472_2, Type::Float),
            (1e300, Type::Float),
            (1e15, Type::Float),
            (f64::NAN, Type::Float),
            (f64::INFINITY, Type::Float),
        ] {
            assert_eq!(float_type(value), expected, "{value}");
        }
    }

    #[test]
    fn amounts_get_room_to_grow() {
        assert_eq!(Type::Number(1).word(3), "decimal(18,2)");
        assert_eq!(Type::Number(4).word(14), "decimal(18,4)");
        assert_eq!(Type::Number(3).word(19), "decimal(22,3)");
        assert_eq!(Type::Number(0).word(3), "int");
        assert_eq!(Type::Decimal(9, 4).word(19), "decimal(9,4)");
    }

    #[test]
    fn cells_are_written_for_their_column() {
        let check = |cell: &str, word: &str, expected: &str| {
            let mut out = String::new();
            write(cell, Type::of_word(word), &mut out);
            assert_eq!(out, expected, "{cell} as {word}");
        };
        check("TRUE", "bool", "true");
        check("007", "int", "7");
        check("17850.0", "int", "17850.0");
        check("1.50", "float", "1.50");
        check(".5", "float", "0.5");
        check("inf", "float", "\"inf\"");
        check("x", "int", "\"x\"");
        check("12.50", "decimal(9,2)", "\"12.50\"");
        check("a\n\"b\"", "text", "\"a\\n\\\"b\\\"\"");
        check("{\"a\":\n1}", "json", "{\"a\": 1}");
        check("{a", "json", "\"{a\"");
    }
}
