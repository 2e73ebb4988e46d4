//! Instants between text and milliseconds: a quick way for the usual forms, `base::Time` for the others.

use base::Time;

/// Returns the instant in milliseconds since 1970, where the text is one.
pub(crate) fn parse(text: &str) -> Option<i64> {
    usual(text.as_bytes()).or_else(|| Time::parse(text).ok().map(Time::as_millis))
}

/// Reads `YYYY-MM-DD[T ]HH:MM:SS[.mmm][Z]`.
fn usual(text: &[u8]) -> Option<i64> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let signs = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    let is_shape = signs.iter().all(|(at, sign)| date_time[*at] == *sign)
        && matches!(date_time[10], b'T' | b' ');
    let rest = rest.strip_suffix(b"Z").unwrap_or(rest);
    let millis = match rest {
        [] => 0,
        [b'.', a, b, c] => number(&[*a, *b, *c])?,
        _ => return None,
    };
    if !is_shape {
        return None;
    }
    let part = |from: usize, to: usize| number(&date_time[from..to]);
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let is_date = (1..=12).contains(&month) && 1 <= day && day <= days_of(year, month);
    if !is_date || 23 < hour || 59 < minute || 59 < second {
        return None;
    }
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1_000 + millis)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 (Howard Hinnant, chrono-compatible low-level date algorithms).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_way_agrees_with_the_thorough_one() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2018-10-17T17:30:20Z",
            "2018-10-17 17:30:20",
            "2000-02-29T23:59:59.999Z",
            "1969-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
            "9999-12-30T00:00:00Z",
        ] {
            assert_eq!(
                usual(text.as_bytes()),
                Time::parse(text).ok().map(Time::as_millis),
                "{text}"
            );
        }
        for text in [
            "2018-02-29T00:00:00Z",
            "2018-13-01T00:00:00Z",
            "2018-01-01T24:00:00Z",
            "soon",
            "2018-1-1",
            "",
        ] {
            assert_eq!(usual(text.as_bytes()), None, "{text}");
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("2018-10-17T14:30:20-03:00"), Some(1_539_797_420_000));
    }
}
