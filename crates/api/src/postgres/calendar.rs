//! Days and times of day between the numbers that travel and what people read. The calendar is the Gregorian one, also before it
//! was made.

/// Days from 1970-01-01 to 2000-01-01, from which PostgreSQL counts.
pub(crate) const DAYS_TO_2000: i64 = 10_957;
/// Microseconds of a day.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// Returns the year, month and day of a number of days since 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years that begin on the first of March: the leap day is the last of its year.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_month)
}

/// Returns the number of days since 1970-01-01.
#[cfg(test)]
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Writes a date from days since 1970-01-01.
pub(crate) fn write_date(days: i64, out: &mut String) {
    let (year, month, day) = date_of(days);
    let shown = if year <= 0 { 1 - year } else { year };
    out.push_str(&format!("{shown:04}-{month:02}-{day:02}"));
}

fn is_before_christ(days: i64) -> bool {
    date_of(days).0 <= 0
}

/// Writes a time of day from microseconds.
pub(crate) fn write_time(micros: i64, out: &mut String) {
    let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    out.push_str(&format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60));
    if rest != 0 {
        let digits = format!("{rest:06}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}

/// Writes a date as PostgreSQL does.
pub(crate) fn date_text(days: i64) -> String {
    let mut out = String::new();
    write_date(days, &mut out);
    if is_before_christ(days) {
        out.push_str(" BC");
    }
    out
}

/// Writes an instant from microseconds since 1970, in UTC.
pub(crate) fn instant_text(micros: i64, has_zone: bool) -> String {
    let (days, rest) = (micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS));
    let mut out = String::new();
    write_date(days, &mut out);
    out.push(' ');
    write_time(rest, &mut out);
    if has_zone {
        out.push_str("+00");
    }
    if is_before_christ(days) {
        out.push_str(" BC");
    }
    out
}

/// Writes an interval as PostgreSQL does: `1 year 2 mons 3 days 04:05:06.7`.
pub(crate) fn interval_text(months: i64, days: i64, micros: i64) -> String {
    let mut parts = Vec::new();
    let mut part = |count: i64, one: &str, many: &str| {
        if count != 0 {
            parts.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    };
    part(months / 12, "year", "years");
    part(months % 12, "mon", "mons");
    part(days, "day", "days");
    if micros != 0 || parts.is_empty() {
        let mut time = String::new();
        if micros < 0 {
            time.push('-');
        }
        write_time(micros.saturating_abs(), &mut time);
        parts.push(time);
    }
    parts.join(" ")
}

/// Reads a date back: days since 1970-01-01.
#[cfg(test)]
pub(crate) fn read_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-').map(|part| part.parse::<i64>().ok());
    Some(days_of(parts.next()??, parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others() {
        assert_eq!(date_text(0), "1970-01-01");
        assert_eq!(date_text(DAYS_TO_2000), "2000-01-01");
        assert_eq!(date_text(11_016), "2000-02-29");
        assert_eq!(date_text(-719_162), "0001-01-01");
        assert_eq!(date_text(-719_163), "0001-12-31 BC");
        for days in (-800_000..3_000_000).step_by(97) {
            let text = date_text(days);
            if !text.ends_with("BC") {
                assert_eq!(read_date(&text), Some(days), "{text}");
            }
        }
    }

    #[test]
    fn instants_and_intervals_read_as_in_postgresql() {
        assert_eq!(instant_text(1_539_797_420_123_000, true), "2018-10-17 17:30:20.123+00");
        assert_eq!(instant_text(-1, false), "1969-12-31 23:59:59.999999");
        assert_eq!(interval_text(14, 3, 14_706_700_000), "1 year 2 mons 3 days 04:05:06.7");
        assert_eq!(interval_text(0, 0, 0), "00:00:00");
        assert_eq!(interval_text(0, -1, -1_000_000), "-1 days -00:00:01");
    }
}
