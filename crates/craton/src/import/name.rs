//! Names out of what files and their headers say.

use base::Name;
use std::collections::BTreeSet;

/// The longest name of a column, in bytes.
const COLUMN_BYTES_MAX: usize = 63;

/// Returns the name of the stream for a file's name without its ending: letters in lower case, `_` for what no name has.
pub fn stream_name(stem: &str) -> String {
    let name = fitted(stem, |letter| letter == '-', "stream");
    // What `fitted` returns is a name; the other arm keeps that true if the rule for names changes.
    Name::new(name).map_or_else(|_| "imported".into(), Name::into)
}

/// Returns a column's name for each cell of a header, each name once.
pub fn column_names(header: &[String]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut names = Vec::new();
    for (number, title) in (1..).zip(header) {
        let name =
            if title.trim().is_empty() { format!("column_{number}") } else { column_name(title) };
        names.push(unique(name, &mut taken));
    }
    names
}

/// Returns the column's name for one cell of a header.
pub fn column_name(title: &str) -> String {
    fitted(title, |_| false, "column")
}

/// Returns whether the text is the name of a column as it stands.
pub fn is_column_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= COLUMN_BYTES_MAX
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && text.bytes().all(is_inner)
}

/// Returns the name, with the first free number behind it where it is taken: a second `n` is `n_2`.
fn unique(name: String, taken: &mut BTreeSet<String>) -> String {
    let mut free = name.clone();
    let mut number = 2;
    while !taken.insert(free.clone()) {
        let end = format!("_{number}");
        let length = name.len().min(COLUMN_BYTES_MAX - end.len());
        free = format!("{}{end}", &name[..length]);
        number += 1;
    }
    free
}

/// Writes text as a name of ASCII letters, digits and `_`; `prefix` stands before what begins with no letter.
fn fitted(text: &str, is_kept: impl Fn(char) -> bool, prefix: &str) -> String {
    let mut name = String::new();
    for letter in text.trim().chars() {
        let letter = letter.to_ascii_lowercase();
        if letter.is_ascii_lowercase() || letter.is_ascii_digit() || is_kept(letter) {
            name.push(letter);
        } else if !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_matches(['_', '-']);
    let has_start = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    let mut name = match name {
        "" => prefix.to_owned(),
        name if has_start => name.to_owned(),
        name => format!("{prefix}_{name}"),
    };
    name.truncate(COLUMN_BYTES_MAX);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_titles_become_names() {
        assert_eq!(stream_name("Olist Orders-2018"), "olist_orders-2018");
        assert_eq!(stream_name("2018"), "stream_2018");
        assert_eq!(stream_name("Straße"), "stra_e");
        assert_eq!(stream_name("___"), "stream");
        assert_eq!(stream_name(&"a".repeat(90)).len(), 63);
        let header = ["Order ID", "order-id", "", "_time", "1st", "order_id"].map(String::from);
        let expected = ["order_id", "order_id_2", "column_3", "time", "column_1st", "order_id_3"];
        assert_eq!(column_names(&header), expected);
        assert!(column_names(&header).iter().all(|name| is_column_name(name)));
    }

    #[test]
    fn long_titles_stay_apart() {
        let header = ["a".repeat(80), "a".repeat(90)];
        let names = column_names(&header);
        assert!(names[0] != names[1] && names.iter().all(|name| is_column_name(name)));
    }
}
