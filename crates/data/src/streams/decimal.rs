//! Decimals between text and whole numbers, exactly.

/// Why a text is no such decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is no number.
    NotANumber,
    /// It has more digits behind the point than the column keeps.
    Scale,
    /// It is too large.
    Precision,
}

/// Returns the number times `10^scale`, where it fits `precision` digits and nothing is lost.
pub(crate) fn parse(text: &str, precision: u8, scale: u8) -> Result<i128, Refusal> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => {
            (&digits[..at], digits[at + 1..].parse::<i32>().map_err(|_| Refusal::NotANumber)?)
        }
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = !(whole.is_empty() && fraction.is_empty())
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(Refusal::NotANumber);
    }
    let fraction = fraction.trim_end_matches('0');
    let mut value: i128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(i128::from(byte - b'0')))
            .ok_or(Refusal::Precision)?;
    }
    if value == 0 {
        return Ok(0);
    }
    let behind = i64::try_from(fraction.len()).unwrap_or(i64::MAX) - i64::from(exponent);
    let mut shift = i64::from(scale) - behind;
    while shift < 0 && value % 10 == 0 {
        value /= 10;
        shift += 1;
    }
    if shift < 0 {
        return Err(Refusal::Scale);
    }
    let factor =
        u32::try_from(shift).ok().filter(|shift| *shift <= 38).ok_or(Refusal::Precision)?;
    let value = 10_i128
        .checked_pow(factor)
        .and_then(|factor| value.checked_mul(factor))
        .ok_or(Refusal::Precision)?;
    let limit = 10_i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
    if limit <= value {
        return Err(Refusal::Precision);
    }
    Ok(if is_negative { -value } else { value })
}

/// Appends the shortest plain text of `value / 10^scale`.
pub(crate) fn write_shortest(value: i128, scale: u8, out: &mut Vec<u8>) {
    let (mut value, mut scale) = (value, scale);
    while 0 < scale && value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    write(value, scale, out);
}

/// Appends the text of `value / 10^scale` with all `scale` digits behind the point.
pub(crate) fn write(value: i128, scale: u8, out: &mut Vec<u8>) {
    let digits = format!("{:0width$}", value.unsigned_abs(), width = usize::from(scale) + 1);
    if value < 0 {
        out.push(b'-');
    }
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    out.extend_from_slice(whole.as_bytes());
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_exact_or_refused() {
        assert_eq!(parse("129.9", 12, 2), Ok(12_990));
        assert_eq!(parse("-0.05", 12, 2), Ok(-5));
        assert_eq!(parse("1.50e3", 12, 2), Ok(150_000));
        assert_eq!(parse("1500e-1", 12, 2), Ok(15_000));
        assert_eq!(parse("1.2300", 12, 2), Ok(123));
        assert_eq!(parse("1.234", 12, 2), Err(Refusal::Scale));
        assert_eq!(parse("9999999999.99", 12, 2), Ok(999_999_999_999));
        assert_eq!(parse("10000000000", 12, 2), Err(Refusal::Precision));
        assert_eq!(parse("1e1000000000", 12, 2), Err(Refusal::Precision));
        assert_eq!(parse("1e-1000000000", 12, 2), Err(Refusal::Scale));
        assert_eq!(parse("0e999999999", 12, 2), Ok(0));
        for text in ["", "-", ".", "x", "1.2.3", "1e", "--1", "+1", "NaN", "1 "] {
            assert_eq!(parse(text, 12, 2), Err(Refusal::NotANumber), "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for value in [0, 1, -1, 10, 12_990, -12_990, 99, 100, i128::from(i64::MAX)] {
            for scale in [0, 1, 2, 6] {
                let mut text = Vec::new();
                write_shortest(value, scale, &mut text);
                let text = String::from_utf8(text).expect("ASCII");
                assert_eq!(parse(&text, 38, scale), Ok(value), "{text}");
            }
        }
    }
}
