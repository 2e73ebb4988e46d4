//! What could stand where the cursor is: keywords, relations, columns, functions, commands.

use super::catalogue::{Catalogue, PUBLIC, Relation};
use super::command;
use super::limits::CANDIDATES_MAX;
use std::collections::BTreeSet;

/// The words of SQL that are offered, with `|` between them.
const KEYWORDS: &str = "\
    ALL|AND|ANY|AS|ASC|BETWEEN|BY|CASE|CAST|CROSS JOIN|DATE|DESC|DESCRIBE|DISTINCT|ELSE|END|\
    EXCEPT|EXISTS|EXPLAIN|EXTRACT|FALSE|FILTER|FIRST|FOR SYSTEM_TIME AS OF|FOR VERSION AS OF|\
    FROM|FULL JOIN|GROUP BY|HAVING|IN|INNER JOIN|INTERSECT|INTERVAL|IS NOT NULL|IS NULL|JOIN|\
    LAST|LEFT JOIN|LIKE|LIMIT|NOT|NULL|NULLS|OFFSET|ON|OR|ORDER BY|OVER|PARTITION BY|\
    RIGHT JOIN|SELECT|SHOW COLUMNS FROM|SHOW TABLES|THEN|TIMESTAMP|TRUE|UNION ALL|USING|\
    VALUES|WHEN|WHERE|WITH";
/// The words behind which a relation stands.
const BEFORE_RELATIONS: &str = "FROM|JOIN|DESCRIBE|TABLE";
/// The words behind a relation that are no name for it.
const BEHIND_RELATIONS: &str = "\
    ON|WHERE|GROUP|ORDER|HAVING|LIMIT|OFFSET|UNION|EXCEPT|INTERSECT|JOIN|LEFT|RIGHT|INNER|\
    FULL|CROSS|USING|FOR";

/// Returns where the word at the cursor begins, in bytes, and what it could become.
pub fn candidates(text: &str, cursor: usize, catalogue: &Catalogue) -> (usize, Vec<String>) {
    let before = text.get(..cursor).unwrap_or(text);
    let start = word_start(before);
    let word = &before[start..];
    let found = if before.trim_start().starts_with('\\') {
        of_command(before, start, word, catalogue)
    } else if is_quoted(before, word) {
        Vec::new()
    } else {
        of_statement(text, before, start, word, catalogue)
    };
    let mut found: Vec<String> = found.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    found.truncate(CANDIDATES_MAX);
    (start, found)
}

/// Returns where the word that the cursor stands behind begins: letters, digits, `_`, points between names, quotes around them.
fn word_start(before: &str) -> usize {
    let is_part = |letter: char| letter.is_alphanumeric() || "_.\"\\?".contains(letter);
    let is_quoted_part = |letter: char| is_part(letter) || letter == '-';
    // Within a quoted name other signs may stand too.
    let is_open = before.matches('"').count() % 2 == 1;
    let length: usize = before
        .chars()
        .rev()
        .take_while(|letter| if is_open { is_quoted_part(*letter) } else { is_part(*letter) })
        .map(char::len_utf8)
        .sum();
    before.len() - length
}

/// Returns whether the cursor stands in a text or a comment, where nothing is completed.
fn is_quoted(before: &str, word: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default();
    let texts = before[..before.len() - word.len()].matches('\'').count();
    texts % 2 == 1 || line.contains("--")
}

fn of_command(before: &str, start: usize, word: &str, catalogue: &Catalogue) -> Vec<String> {
    if let Some(begun) = word.strip_prefix('\\') {
        let words = command::WORDS.iter().filter(|known| known.starts_with(begun));
        return words.map(|known| format!("\\{known}")).collect();
    }
    match before[..start].trim() {
        "\\d" => relations(word, catalogue),
        "\\format" => starting(["table", "csv", "json", "yaml"], word),
        "\\x" | "\\timing" | "\\pager" => starting(["on", "off"], word),
        _ => Vec::new(),
    }
}

fn starting<const N: usize>(words: [&str; N], begun: &str) -> Vec<String> {
    let words = words.into_iter().filter(|word| word.starts_with(begun));
    words.map(str::to_owned).collect()
}

fn of_statement(
    text: &str,
    before: &str,
    start: usize,
    word: &str,
    catalogue: &Catalogue,
) -> Vec<String> {
    if is_relation_wanted(&before[..start]) {
        return relations(word, catalogue);
    }
    let named = named(text, catalogue);
    if let Some((qualifier, begun)) = word.rsplit_once('.') {
        return columns_of(qualifier, begun, &named, catalogue);
    }
    let mut found: Vec<String> = Vec::new();
    for (_, relation) in &named {
        found.extend(columns(relation, word));
    }
    if word.is_empty() {
        // Nothing is known but the columns; all keywords and functions would be no help.
        return found;
    }
    found.extend(with_case(word));
    let lower = word.to_lowercase();
    let functions = catalogue.functions.iter().filter(|name| name.starts_with(&lower));
    found.extend(functions.map(|name| format!("{name}(")));
    found
}

/// Returns the keywords that begin so, written as the user writes.
fn with_case(word: &str) -> Vec<String> {
    let upper = word.to_uppercase();
    let is_lower = word.chars().all(|letter| !letter.is_uppercase());
    let found = KEYWORDS.split('|').filter(|keyword| keyword.starts_with(&upper));
    found.map(|word| if is_lower { word.to_lowercase() } else { word.to_owned() }).collect()
}

/// Returns whether a relation stands next: behind FROM and the like, or behind a comma of a list of relations.
fn is_relation_wanted(before: &str) -> bool {
    let words = words(before);
    let is_before = |word: &Word<'_>| word.is_any(BEFORE_RELATIONS);
    match words.as_slice() {
        [.., last] if is_before(last) => true,
        // A list goes on as long as there are only names in it.
        [.., Word(",")] => {
            let clause = "SELECT|WHERE|BY|ON|HAVING|VALUES|FROM|(";
            let opener = words.iter().rev().find(|word| word.is_any(clause));
            opener.is_some_and(|word| word.is("FROM"))
        }
        _ => false,
    }
}

/// Returns the relations and schemas that begin so.
fn relations(word: &str, catalogue: &Catalogue) -> Vec<String> {
    if let Some((schema, begun)) = word.rsplit_once('.') {
        let inside = catalogue.relations.iter().filter(|relation| relation.schema == schema);
        let fitting = inside.filter(|relation| is_begun(&relation.name, begun));
        return fitting.map(|relation| format!("{schema}.{}", quoted(&relation.name))).collect();
    }
    let own = catalogue.relations.iter().filter(|relation| relation.schema == PUBLIC);
    let mut found: Vec<String> = own
        .filter(|relation| is_begun(&relation.name, word))
        .map(|relation| quoted(&relation.name))
        .collect();
    let schemas = catalogue.schemas().into_iter().filter(|schema| is_begun(schema, word));
    found.extend(schemas.map(|schema| format!("{schema}.")));
    found
}

/// Returns the columns of what stands before the point: another name of a relation, a relation, or the relations of a schema.
fn columns_of(
    qualifier: &str,
    begun: &str,
    named: &[(String, &Relation)],
    catalogue: &Catalogue,
) -> Vec<String> {
    let is_it = |(name, _): &&(String, &Relation)| name.eq_ignore_ascii_case(qualifier);
    let by_name = named.iter().find(is_it).map(|(_, relation)| *relation);
    let by_path = || {
        let (schema, name) = match qualifier.rsplit_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, qualifier),
        };
        catalogue.relation(schema, name.trim_matches('"'))
    };
    match by_name.or_else(by_path) {
        Some(relation) => {
            let columns = columns(relation, begun).into_iter();
            columns.map(|column| format!("{qualifier}.{column}")).collect()
        }
        None => relations(&format!("{qualifier}.{begun}"), catalogue),
    }
}

fn columns(relation: &Relation, begun: &str) -> Vec<String> {
    let fitting = relation.columns.iter().filter(|column| is_begun(column, begun));
    fitting.map(|column| quoted(column)).collect()
}

fn is_begun(name: &str, begun: &str) -> bool {
    let begun = begun.trim_start_matches('"').to_lowercase();
    name.to_lowercase().starts_with(&begun)
}

/// Returns a name as a statement writes it.
fn quoted(name: &str) -> String {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let has_start = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if has_start && name.bytes().all(is_inner) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns the relations that a statement names, each with the name that it has there.
fn named<'c>(text: &str, catalogue: &'c Catalogue) -> Vec<(String, &'c Relation)> {
    let words = words(text);
    let mut named = Vec::new();
    for (number, word) in words.iter().enumerate() {
        let (schema, name) = match word.0.rsplit_once('.') {
            Some((schema, name)) => (Some(schema.trim_matches('"')), name),
            None => (None, word.0),
        };
        let Some(relation) = catalogue.relation(schema, name.trim_matches('"')) else { continue };
        if !is_relation_wanted_at(&words, number) {
            continue;
        }
        let behind = words.get(number + 1).filter(|word| !word.is("AS")).or(words.get(number + 2));
        let is_name = |word: &&Word<'_>| {
            word.0.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
                && !word.is_any(BEHIND_RELATIONS)
        };
        let alias = behind.filter(is_name).map_or(name.trim_matches('"'), |word| word.0);
        named.push((alias.to_owned(), relation));
    }
    named
}

/// Returns whether the word of this number stands where a relation does.
fn is_relation_wanted_at(words: &[Word<'_>], number: usize) -> bool {
    let Some(last) = number.checked_sub(1).map(|before| &words[before]) else { return false };
    last.is_any(BEFORE_RELATIONS) || last.is(",")
}

/// A name or a sign of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word<'t>(&'t str);

impl Word<'_> {
    fn is(&self, known: &str) -> bool {
        self.0.eq_ignore_ascii_case(known)
    }

    /// Returns whether it is one of the words between `|`.
    fn is_any(&self, known: &str) -> bool {
        known.split('|').any(|known| self.is(known))
    }
}

/// Returns names and signs of a statement, without texts.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let is_name = |letter: char| letter.is_alphanumeric() || "_.\"".contains(letter);
        let length = if letter == '\'' {
            rest[1..].find('\'').map_or(rest.len(), |end| end + 2)
        } else if is_name(letter) {
            name_length(rest)
        } else {
            letter.len_utf8()
        };
        if !letter.is_whitespace() && letter != '\'' {
            words.push(Word(&rest[..length]));
        }
        rest = &rest[length..];
    }
    words
}

/// Returns how long the name at the beginning is; anything may stand between its quotes.
fn name_length(text: &str) -> usize {
    let mut is_quoted = false;
    let end = text.find(|letter: char| {
        is_quoted ^= letter == '"';
        !is_quoted && !letter.is_alphanumeric() && !"_.\"".contains(letter)
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let mut catalogue = Catalogue::default();
        for (schema, name, columns) in [
            ("answers", "kpi", &["month", "share"][..]),
            ("public", "my-orders", &["id"][..]),
            ("public", "orders", &["order_id", "state", "_time"][..]),
            ("public", "orders_latest", &["order_id"][..]),
            ("system", "queries", &["id", "sql"][..]),
        ] {
            for column in columns {
                catalogue.add(schema.into(), name.into(), (*column).into());
            }
        }
        catalogue.functions = ["count", "coalesce", "sum"].map(String::from).to_vec();
        catalogue
    }

    /// Completes at the `|`, and returns the beginning of the word and what it could become.
    fn check(text: &str, word: &str, expected: &[&str]) {
        let cursor = text.find('|').expect("a cursor");
        let text = text.replace('|', "");
        let (start, found) = candidates(&text, cursor, &catalogue());
        assert_eq!(&text[start..cursor], word, "{text}");
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn relations_are_offered_where_a_relation_stands() {
        check("SELECT * FROM ord|", "ord", &["orders", "orders_latest"]);
        check(
            "select * from |",
            "",
            &["\"my-orders\"", "answers.", "orders", "orders_latest", "public.", "system."],
        );
        check("SELECT * FROM answers.|", "answers.", &["answers.kpi"]);
        check("SELECT * FROM orders o, my|", "my", &["\"my-orders\""]);
        check("SELECT * FROM \"my-o|", "\"my-o", &["\"my-orders\""]);
        check("SELECT 1 FROM orders JOIN sys|", "sys", &["system."]);
        check("SELECT a, o|", "o", &["offset", "on", "or", "order by", "over"]);
    }

    #[test]
    fn columns_are_those_of_the_relations_that_are_named() {
        check("SELECT sta| FROM orders", "sta", &["state"]);
        check("SELECT | FROM answers.kpi", "", &["month", "share"]);
        check("SELECT o.| FROM orders AS o", "o.", &["o._time", "o.order_id", "o.state"]);
        check("SELECT q.s| FROM system.queries q WHERE", "q.s", &["q.sql"]);
        check("SELECT orders.st| FROM orders WHERE 'FROM x'", "orders.st", &["orders.state"]);
        check("SELECT * FROM orders WHERE ord|", "ord", &["order by", "order_id"]);
    }

    #[test]
    fn keywords_follow_the_case_and_functions_open_a_bracket() {
        check("SEL|", "SEL", &["SELECT"]);
        check("sel|", "sel", &["select"]);
        check("SELECT co|", "co", &["coalesce(", "count("]);
    }

    #[test]
    fn nothing_is_offered_in_texts_and_comments() {
        check("SELECT 'sel|", "sel", &[]);
        check("SELECT 1 -- sel|", "sel", &[]);
        check("SELECT 'it''s', sel|", "sel", &["select"]);
    }

    #[test]
    fn commands_and_their_arguments_are_offered() {
        check("\\ti|", "\\ti", &["\\timing"]);
        check("\\d ord|", "ord", &["orders", "orders_latest"]);
        check("\\x o|", "o", &["off", "on"]);
        check("\\format |", "", &["csv", "json", "table", "yaml"]);
    }
}
