//! Aligned columns for people: as wide as what stands in them is shown, numbers to the right.

use unicode_width::UnicodeWidthStr;

/// What stands between two columns.
const GAP: &str = "   ";
/// A column is not made narrower than this.
const WIDTH_MIN: usize = 12;
/// What stands for the rest of a text that was cut.
const MORE: char = '…';

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its title.
    pub title: String,
    /// True where its values are numbers, whose last digits stand below each other.
    pub is_number: bool,
}

impl Column {
    /// Returns a column of text.
    pub fn text(title: impl Into<String>) -> Self {
        Self { title: title.into(), is_number: false }
    }
}

/// Returns rows as aligned columns without borders. Where they are wider than `width_max`, long texts are cut; numbers never are.
pub fn table(columns: &[Column], rows: &[Vec<String>], width_max: Option<usize>) -> String {
    let shown: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()).collect();
    let titles: Vec<String> = columns.iter().map(|column| visible(&column.title)).collect();
    let widest = |number: usize| {
        let cells = shown.iter().filter_map(|row| row.get(number));
        cells.chain(titles.get(number)).map(|cell| width(cell)).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..columns.len()).map(widest).collect();
    if let Some(width_max) = width_max {
        narrow(&mut widths, columns, width_max);
    }
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(&shown) {
        let mut line = String::new();
        for ((cell, width), column) in row.iter().zip(&widths).zip(columns) {
            if !line.is_empty() {
                line.push_str(GAP);
            }
            push(cell, *width, column.is_number, &mut line);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Returns rows one below the other, each as `column   value` lines.
pub fn records(columns: &[Column], rows: &[Vec<String>]) -> String {
    let titles: Vec<String> = columns.iter().map(|column| visible(&column.title)).collect();
    let widest = titles.iter().map(|title| width(title)).max().unwrap_or(0);
    let mut text = String::new();
    for (number, row) in (1..).zip(rows) {
        text.push_str(&format!("[{number}]\n"));
        for (title, cell) in titles.iter().zip(row) {
            let mut line = String::new();
            push(title, widest, false, &mut line);
            line.push_str(GAP);
            line.push_str(&visible(cell));
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

/// Returns how many columns of a terminal a text takes.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Returns text on one line: line ends and control characters written out, so that data cannot steer the terminal.
pub fn visible(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// Appends a cell, cut or filled to a width.
fn push(cell: &str, wanted: usize, is_right: bool, line: &mut String) {
    let cut;
    let cell: &str = if wanted < width(cell) {
        cut = shortened(cell, wanted);
        &cut
    } else {
        cell
    };
    let fill = " ".repeat(wanted.saturating_sub(width(cell)));
    if is_right {
        line.push_str(&fill);
        line.push_str(cell);
    } else {
        line.push_str(cell);
        line.push_str(&fill);
    }
}

fn shortened(cell: &str, wanted: usize) -> String {
    let mut text = String::new();
    let mut taken = 1;
    for letter in cell.chars() {
        taken += width(letter.encode_utf8(&mut [0; 4]));
        if wanted < taken {
            break;
        }
        text.push(letter);
    }
    text.push(MORE);
    text
}

/// Makes the widest columns of text narrower, all to the same width, until the table fits or no more can be taken from them.
fn narrow(widths: &mut [usize], columns: &[Column], width_max: usize) {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    let capped = |width: usize, column: &Column, cap: usize| {
        if column.is_number { width } else { width.min(cap) }
    };
    let total = |cap: usize| {
        let each = widths.iter().zip(columns).map(|(width, column)| capped(*width, column, cap));
        gaps + each.sum::<usize>()
    };
    let (mut low, mut high) = (WIDTH_MIN, widths.iter().copied().max().unwrap_or(0).max(WIDTH_MIN));
    // The widest cap that fits lies between them.
    while low < high {
        let middle = (low + high).div_ceil(2);
        if total(middle) <= width_max {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    for (width, column) in widths.iter_mut().zip(columns) {
        *width = capped(*width, column, low);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(title: &str, is_number: bool) -> Column {
        Column { title: title.into(), is_number }
    }

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn numbers_stand_right_and_wide_letters_count_twice() {
        let columns = [column("city", false), column("n", true), column("note", false)];
        let rows =
            rows(&[&["東京", "7", "a"], &["São Paulo", "-1200", ""], &["x\u{1b}[1m", "1", "b"]]);
        let expected = "city             n   note\n\
                        東京             7   a\n\
                        São Paulo    -1200\n\
                        x\\u{1b}[1m       1   b\n";
        assert_eq!(table(&columns, &rows, None), expected);
        let text = records(&columns, &rows[..1]);
        assert_eq!(text, "[1]\ncity   東京\nn      7\nnote   a\n");
    }

    #[test]
    fn long_texts_are_cut_where_there_is_no_room_and_numbers_are_not() {
        let columns = [column("a", false), column("b", false), column("n", true)];
        let long = "x".repeat(50);
        let rows = rows(&[&[long.as_str(), "short", "1234567890123456789"]]);
        let text = table(&columns, &rows, Some(60));
        assert!(text.lines().all(|line| width(line) <= 60), "{text}");
        assert!(text.contains("x…   short"), "{text}");
        assert!(text.contains("1234567890123456789"));
        assert_eq!(table(&columns, &rows, Some(200)), table(&columns, &rows, None));
        let narrow = table(&columns, &rows, Some(5));
        assert!(narrow.contains(&format!("{}…", "x".repeat(11))), "{narrow}");
        assert_eq!(shortened("東京都", 4), "東…", "a wide letter is not cut in two");
    }
}
