//! Money and the formulas that give it. Decimal everywhere; rounded half up to the cent.

use crate::Error;
use base::Time;
use notation::feel::Expression;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Value};
use std::str::FromStr;

/// The longest formula in bytes.
const FORMULA_BYTES_MAX: usize = 2_000;

/// An amount in hundredths of the currency's unit.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Cents(pub i64);

impl Cents {
    /// Reads an amount written with two decimals.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.')?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let bare = whole.strip_prefix('-').unwrap_or(whole);
        if part.len() != 2 || bare.is_empty() || !digits(bare) || !digits(part) {
            return None;
        }
        format!("{whole}{part}").parse().ok().map(Self)
    }

    /// Returns this amount and another together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns this amount without another.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::fmt::Display for Cents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

/// A formula that gives an amount, in FEEL over `input` and `output`, or over `rows` and `bytes`.
#[derive(Debug)]
pub struct Formula {
    text: String,
    expression: Expression,
}

impl Formula {
    /// Compiles a formula.
    ///
    /// # Errors
    /// `offer.price` where it is no FEEL, or too long.
    pub fn compile(text: &str) -> Result<Self, Error> {
        let wrong =
            |reason: String| Error::Price { formula: text.chars().take(200).collect(), reason };
        if FORMULA_BYTES_MAX < text.len() {
            return Err(wrong(format!("it is longer than {FORMULA_BYTES_MAX} bytes")));
        }
        let expression =
            Expression::compile_feel(text).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { text: text.into(), expression })
    }

    /// Returns the amount for an input and, at the answer, an output.
    ///
    /// # Errors
    /// `offer.price` where the formula fails, gives no number, or a negative or huge one.
    pub fn amount(&self, input: &Value, output: &Value, now: Time) -> Result<Cents, Error> {
        let mut variables = Map::new();
        variables.insert("input".into(), input.clone());
        variables.insert("output".into(), output.clone());
        self.evaluate(&variables, now)
    }

    /// Returns the amount for what was read of a lent relation.
    ///
    /// # Errors
    /// As [`Formula::amount`].
    pub fn read(&self, rows: u64, bytes: u64, now: Time) -> Result<Cents, Error> {
        let mut variables = Map::new();
        variables.insert("rows".into(), rows.into());
        variables.insert("bytes".into(), bytes.into());
        self.evaluate(&variables, now)
    }

    fn evaluate(&self, variables: &Map<String, Value>, now: Time) -> Result<Cents, Error> {
        let wrong = |reason: String| Error::Price { formula: self.text.clone(), reason };
        let value =
            self.expression.evaluate(variables, now).map_err(|error| wrong(error.to_string()))?;
        let text = match &value {
            Value::Number(number) => number.to_string(),
            other => return Err(wrong(format!("it gives {} instead of a number", shape(other)))),
        };
        let decimal = Decimal::from_str(&text)
            .or_else(|_| Decimal::from_scientific(&text))
            .map_err(|error| wrong(error.to_string()))?;
        if decimal.is_sign_negative() && !decimal.is_zero() {
            return Err(wrong(format!("it gives the negative amount {decimal}")));
        }
        cents(decimal).ok_or_else(|| wrong(format!("it gives the huge amount {decimal}")))
    }
}

/// Rounds half up to the cent.
fn cents(amount: Decimal) -> Option<Cents> {
    let rounded = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    let hundredths = rounded.checked_mul(Decimal::ONE_HUNDRED)?.normalize();
    i64::try_from(hundredths.mantissa()).ok().filter(|_| hundredths.scale() == 0).map(Cents)
}

fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a context",
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_read_and_write_with_two_decimals() {
        for text in ["0.00", "0.30", "129.90", "-0.05", "1234567.89"] {
            assert_eq!(Cents::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "1", "1.5", "1.234", ".50", "1.5a", "+1.00", "--1.00", "1e2.00"] {
            assert_eq!(Cents::parse(text), None, "{text}");
        }
    }

    #[test]
    fn prices_are_rounded_half_up_to_the_cent() {
        let cases = [
            ("0.005", 1),
            ("0.0049", 0),
            ("2.045", 205),
            ("1.94850", 195),
            ("1e2", 10_000),
            ("7", 700),
        ];
        for (text, expected) in cases {
            let decimal =
                Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).unwrap();
            assert_eq!(cents(decimal), Some(Cents(expected)), "{text}");
        }
    }

    #[test]
    fn a_formula_sees_input_and_output() {
        let formula = Formula::compile("output.value * 0.015").unwrap();
        let amount = formula.amount(&json!({}), &json!({"value": 129.9}), Time(0)).unwrap();
        assert_eq!(amount.to_string(), "1.95");
        let constant = Formula::compile("0.30").unwrap();
        assert_eq!(constant.amount(&json!({}), &Value::Null, Time(0)).unwrap().to_string(), "0.30");
    }

    #[test]
    fn a_formula_of_a_lent_relation_sees_rows_and_bytes() {
        let formula = Formula::compile("0.01 + rows * 0.002 + bytes / 1000000").unwrap();
        assert_eq!(formula.read(1_000, 500_000, Time(0)).unwrap().to_string(), "2.51");
        assert_eq!(formula.read(0, 0, Time(0)).unwrap().to_string(), "0.01");
        assert!(Formula::compile("input.value").unwrap().read(1, 1, Time(0)).is_err());
    }

    #[test]
    fn a_formula_that_gives_no_amount_is_refused() {
        assert!(Formula::compile("1 +").is_err());
        assert!(Formula::compile(&"1+".repeat(2_000)).is_err());
        for text in ["\"text\"", "output.missing", "0 - 1", "1e30"] {
            let outcome = Formula::compile(text)
                .and_then(|formula| formula.amount(&json!({}), &json!({}), Time(0)));
            assert!(outcome.is_err(), "{text}");
        }
    }
}
