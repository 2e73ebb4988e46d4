//! Shows where in a statement a problem is: the line, and a sign below the place.

use crate::layout::{visible, width};
use base::Place;

/// Columns of a statement's line that are shown.
const WIDTH_MAX: usize = 100;
/// Columns that are shown before the place, where the line is longer.
const BEFORE_MAX: usize = 60;

/// Returns two lines: that of the statement, and one with a sign below the place. Nothing where the place is not in the statement.
pub fn mark(sql: &str, place: &Place) -> Option<String> {
    let number = usize::try_from(place.line?).ok()?.checked_sub(1)?;
    let column = usize::try_from(place.column?).ok()?.checked_sub(1)?;
    let line = sql.lines().nth(number)?;
    let letters: Vec<String> = line.chars().map(|letter| shown(letter)).collect();
    let at = column.min(letters.len());
    let (mut from, mut before) = (at, 0);
    while let Some(letter) = from.checked_sub(1).map(|last| &letters[last]) {
        if BEFORE_MAX < before + width(letter) {
            break;
        }
        before += width(letter);
        from -= 1;
    }
    let mut text = String::new();
    for letter in &letters[from..] {
        if WIDTH_MAX < width(&text) + width(letter) {
            break;
        }
        text.push_str(letter);
    }
    let sign = " ".repeat(before);
    Some(format!("  {}\n  {sign}^\n", text.trim_end()))
}

fn shown(letter: char) -> String {
    if letter == '\t' { " ".into() } else { visible(letter.encode_utf8(&mut [0; 4])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_stands_below_the_place() {
        let sql = "SELECT '東京',\n\tn FROM orders";
        assert_eq!(
            mark(sql, &Place::line(1, 13)).as_deref(),
            Some("  SELECT '東京',\n                ^\n"),
            "behind the end of the line"
        );
        assert_eq!(
            mark(sql, &Place::line(1, 11)).as_deref(),
            Some("  SELECT '東京',\n              ^\n"),
            "wide letters count twice"
        );
        assert_eq!(
            mark(sql, &Place::line(2, 2)).as_deref(),
            Some("   n FROM orders\n   ^\n"),
            "a tab is one space"
        );
        assert_eq!(mark(sql, &Place::line(3, 1)), None);
        assert_eq!(mark(sql, &Place::pointer("/sql")), None);
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let sql = format!("SELECT {}wrong{}", "a, ".repeat(100), ", b".repeat(100));
        let text = mark(&sql, &Place::line(1, 308)).expect("a place");
        let (line, sign) = text.trim_end().split_once('\n').expect("two lines");
        let at = sign.find('^').expect("a sign");
        assert!(line[at..].starts_with("wrong"), "{text}");
        assert!(line.len() <= WIDTH_MAX + 2, "{text}");
    }
}
