//! What a client says that is no question: transactions, settings, cursors, COPY. Everything else goes to the kernel as it is.

use super::Error;
use super::copy::{self, Options};

/// A part of a text: a statement with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part<'t> {
    pub text: &'t str,
    /// Characters of the whole text before it.
    pub before: usize,
}

/// A sign or word of a statement, with its place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Upper case where it is a plain word; as written, without quotes, where it is quoted.
    pub text: String,
    pub kind: WordKind,
    /// Where it begins and ends, in bytes.
    pub start: usize,
    pub end: usize,
}

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WordKind {
    Plain,
    /// A name in double quotes.
    Quoted,
    /// A text in single quotes.
    Text,
    Number,
    Sign,
}

impl Word {
    /// Returns the word as a name: lower case unless it is quoted.
    pub(crate) fn name(&self) -> String {
        if self.kind == WordKind::Plain { self.text.to_lowercase() } else { self.text.clone() }
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self.kind, WordKind::Plain | WordKind::Sign) && self.text == text
    }
}

/// Takes a text apart into words and signs; comments and spaces are left out.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let bytes = text.as_bytes();
    let (mut words, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let start = at;
        let kind = match bytes[at] {
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at +=
                    bytes[at..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - at);
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = after_comment(bytes, at);
                continue;
            }
            b'\'' => {
                at = after_quote(bytes, at, b'\'', false);
                WordKind::Text
            }
            b'"' => {
                at = after_quote(bytes, at, b'"', false);
                WordKind::Quoted
            }
            b'$' => match after_dollars(bytes, at) {
                Some(end) => {
                    at = end;
                    WordKind::Text
                }
                None => {
                    at = after_word(bytes, at + 1);
                    WordKind::Sign
                }
            },
            b'e' | b'E' if bytes.get(at + 1) == Some(&b'\'') => {
                at = after_quote(bytes, at + 1, b'\'', true);
                WordKind::Text
            }
            byte if byte.is_ascii_digit() => {
                at = after_word(bytes, at);
                WordKind::Number
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii() => {
                at = after_word(bytes, at);
                WordKind::Plain
            }
            _ => {
                at += 1;
                WordKind::Sign
            }
        };
        let shown = text.get(start..at).unwrap_or_default();
        let shown = match kind {
            WordKind::Plain => shown.to_uppercase(),
            WordKind::Quoted => unquoted(shown, '"'),
            WordKind::Text => unquoted(shown.trim_start_matches(['e', 'E']), '\''),
            WordKind::Number | WordKind::Sign => shown.to_owned(),
        };
        words.push(Word { text: shown, kind, start, end: at });
    }
    words
}

fn unquoted(text: &str, quote: char) -> String {
    let inner = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inner.unwrap_or(text).replace(&format!("{quote}{quote}"), &quote.to_string())
}

fn after_word(bytes: &[u8], from: usize) -> usize {
    let is_part = |byte: &u8| {
        byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'$' || !byte.is_ascii()
    };
    from + bytes[from..].iter().take_while(|byte| is_part(byte)).count()
}

fn after_quote(bytes: &[u8], from: usize, quote: u8, has_escapes: bool) -> usize {
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if has_escapes => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Returns the end of `$tag$ … $tag$`; `None` where it is something else, a parameter for example.
fn after_dollars(bytes: &[u8], from: usize) -> Option<usize> {
    let tag = bytes[from + 1..].iter().position(|byte| *byte == b'$')?;
    let tag = &bytes[from..from + tag + 2];
    let is_tag =
        tag[1..tag.len() - 1].iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    if !is_tag {
        return None;
    }
    let rest = &bytes[from + tag.len()..];
    let end = rest.windows(tag.len()).position(|window| window == tag);
    Some(end.map_or(bytes.len(), |end| from + tag.len() + end + tag.len()))
}

fn after_comment(bytes: &[u8], from: usize) -> usize {
    let (mut at, mut depth) = (from + 2, 1);
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'*', Some(b'/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            (b'/', Some(b'*')) => {
                depth += 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Takes a text apart into its statements; those without a word are left out.
pub(crate) fn split(text: &str) -> Vec<Part<'_>> {
    let (mut parts, mut from, mut is_empty) = (Vec::new(), 0, true);
    let mut put = |from: usize, to: usize, is_empty: bool| {
        let whole = text.get(from..to).unwrap_or_default();
        if !is_empty {
            let lead = whole.len() - whole.trim_start().len();
            let before = text.get(..from + lead).unwrap_or_default().chars().count();
            parts.push(Part { text: whole.trim(), before });
        }
    };
    for word in words(text) {
        if word.is(";") {
            put(from, word.start, is_empty);
            (from, is_empty) = (word.end, true);
        } else {
            is_empty = false;
        }
    }
    put(from, text.len(), is_empty);
    parts
}

/// What a statement is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// A question for the kernel.
    Query,
    Begin,
    Commit,
    Rollback,
    /// `SAVEPOINT`, `RELEASE`.
    Savepoint(&'static str),
    /// `ROLLBACK TO`.
    RollbackTo,
    /// A setting with its values, or `None` for its default.
    Set {
        name: String,
        value: Option<String>,
    },
    /// `SET TRANSACTION …`, `SET SESSION CHARACTERISTICS …`, `SET CONSTRAINTS …`: nothing to set.
    SetNothing,
    Show(String),
    /// `RESET name`, or all.
    Reset(Option<String>),
    Discard(String),
    /// `DEALLOCATE name`, or all.
    Deallocate(Option<String>),
    /// A cursor over the query that begins at a byte.
    Declare {
        name: String,
        from: usize,
        /// True where it outlives its transaction.
        is_held: bool,
    },
    Fetch {
        name: String,
        count: Fetch,
        is_move: bool,
    },
    /// `CLOSE name`, or all.
    Close(Option<String>),
    /// Rows of a query that stands between two bytes, or of a relation.
    Copy {
        source: copy::Source,
        options: Options,
    },
    /// `UNLISTEN`: nobody listens.
    Unlisten,
}

/// How many rows are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetch {
    Count(u64),
    All,
}

/// Reads what a statement is.
///
/// # Errors
/// `postgres.read_only` for what would change something, `postgres.unsupported`.
pub(crate) fn read(text: &str) -> Result<Statement, Error> {
    let words = words(text);
    let word = |at: usize| {
        words
            .get(at)
            .filter(|word| word.kind == WordKind::Plain)
            .map_or("", |word| word.text.as_str())
    };
    Ok(match (word(0), word(1)) {
        ("BEGIN", _) | ("START", "TRANSACTION") => Statement::Begin,
        ("COMMIT" | "END", "PREPARED") | ("PREPARE", "TRANSACTION") => {
            return Err(unsupported("a prepared transaction"));
        }
        ("COMMIT" | "END", _) => Statement::Commit,
        ("ROLLBACK" | "ABORT", "TO") => Statement::RollbackTo,
        ("ROLLBACK" | "ABORT", _) if words.iter().any(|word| word.is("TO")) => {
            Statement::RollbackTo
        }
        ("ROLLBACK" | "ABORT", _) => Statement::Rollback,
        ("SAVEPOINT", _) => Statement::Savepoint("SAVEPOINT"),
        ("RELEASE", _) => Statement::Savepoint("RELEASE"),
        ("SET", _) => set(&words)?,
        ("SHOW", _) => show(&words),
        ("RESET", "ALL") => Statement::Reset(None),
        ("RESET", _) => Statement::Reset(Some(setting_name(&words[1..])?.0)),
        ("DISCARD", what) => Statement::Discard(what.to_owned()),
        ("DEALLOCATE", _) => {
            let at = if word(1) == "PREPARE" { 2 } else { 1 };
            Statement::Deallocate(name_or_all(&words, at)?)
        }
        ("DECLARE", _) => declare(&words)?,
        ("FETCH", _) => fetch(&words, false)?,
        ("MOVE", _) => fetch(&words, true)?,
        ("CLOSE", _) => Statement::Close(name_or_all(&words, 1)?),
        ("COPY", _) => copy::read(&words)?,
        ("UNLISTEN", _) => Statement::Unlisten,
        ("LISTEN" | "NOTIFY" | "PREPARE" | "EXECUTE" | "DO" | "CALL" | "LOCK", _) => {
            return Err(unsupported(word(0)));
        }
        (first, _) if changes(first) => return Err(Error::ReadOnly { word: first.to_owned() }),
        _ => Statement::Query,
    })
}

fn unsupported(what: &str) -> Error {
    Error::Unsupported { what: what.into() }
}

fn changes(word: &str) -> bool {
    matches!(
        word,
        "ALTER"
            | "ANALYZE"
            | "CLUSTER"
            | "COMMENT"
            | "CREATE"
            | "DELETE"
            | "DROP"
            | "GRANT"
            | "IMPORT"
            | "INSERT"
            | "MERGE"
            | "REASSIGN"
            | "REFRESH"
            | "REINDEX"
            | "REVOKE"
            | "SECURITY"
            | "TRUNCATE"
            | "UPDATE"
            | "VACUUM"
    )
}

fn malformed(words: &[Word]) -> Error {
    let what = words.first().map_or("", |word| word.text.as_str());
    Error::Unsupported { what: format!("this form of {what}") }
}

fn name_or_all(words: &[Word], at: usize) -> Result<Option<String>, Error> {
    match words.get(at) {
        Some(word) if word.is("ALL") => Ok(None),
        Some(word) if matches!(word.kind, WordKind::Plain | WordKind::Quoted) => {
            Ok(Some(word.name()))
        }
        _ => Err(malformed(words)),
    }
}

/// Reads the name of a setting, which may have dots, and returns how many words it takes.
fn setting_name(words: &[Word]) -> Result<(String, usize), Error> {
    let Some(first) = words.first() else { return Err(unsupported("a setting without a name")) };
    if first.is("TIME") && words.get(1).is_some_and(|word| word.is("ZONE")) {
        return Ok(("timezone".into(), 2));
    }
    if first.is("SESSION") && words.get(1).is_some_and(|word| word.is("AUTHORIZATION")) {
        return Ok(("session_authorization".into(), 2));
    }
    if first.is("NAMES") {
        return Ok(("client_encoding".into(), 1));
    }
    let (mut name, mut count) = (first.text.to_lowercase(), 1);
    while words.get(count).is_some_and(|word| word.is(".")) {
        let Some(part) = words.get(count + 1) else { break };
        name = format!("{name}.{}", part.text.to_lowercase());
        count += 2;
    }
    Ok((name, count))
}

fn set(words: &[Word]) -> Result<Statement, Error> {
    let mut at = 1;
    let word = |at: usize| words.get(at).map_or("", |word| word.text.as_str());
    if matches!(word(1), "TRANSACTION" | "CONSTRAINTS")
        || word(1) == "SESSION" && word(2) == "CHARACTERISTICS"
    {
        return Ok(Statement::SetNothing);
    }
    if matches!(word(1), "SESSION" | "LOCAL") && word(2) != "AUTHORIZATION" {
        at = 2;
    }
    if word(at) == "ROLE" || word(at) == "SESSION" && word(at + 1) == "AUTHORIZATION" {
        return Err(unsupported("another role than the one that signed in"));
    }
    let (name, count) = setting_name(words.get(at..).unwrap_or_default())?;
    at += count;
    if words.get(at).is_some_and(|word| word.is("=") || word.is("TO")) {
        at += 1;
    }
    let values = words.get(at..).unwrap_or_default();
    if values.is_empty() {
        return Err(malformed(words));
    }
    if values.len() == 1 && values[0].is("DEFAULT") {
        return Ok(Statement::Set { name, value: None });
    }
    let shown = values.iter().map(|word| match word.kind {
        WordKind::Plain => word.text.to_lowercase(),
        _ => word.text.clone(),
    });
    let value = shown.collect::<Vec<_>>().join(" ").replace(" , ", ", ").replace("- ", "-");
    Ok(Statement::Set { name, value: Some(value) })
}

/// `SHOW TABLES` and its kin are questions; any other word is a setting.
fn show(words: &[Word]) -> Statement {
    let word = |at: usize| words.get(at).map_or("", |word| word.text.as_str());
    let is_question = matches!(
        word(1),
        "TABLES"
            | "COLUMNS"
            | "FUNCTIONS"
            | "SCHEMAS"
            | "DATABASES"
            | "VIEWS"
            | "ALL"
            | "CREATE"
            | ""
    );
    if is_question {
        return Statement::Query;
    }
    if word(1) == "TRANSACTION" {
        return Statement::Show("transaction_isolation".into());
    }
    setting_name(words.get(1..).unwrap_or_default())
        .map_or(Statement::Query, |(name, _)| Statement::Show(name))
}

fn declare(words: &[Word]) -> Result<Statement, Error> {
    let name = words.get(1).ok_or_else(|| malformed(words))?.name();
    let head = words.iter().take_while(|word| !word.is("FOR"));
    if head.clone().any(|word| word.is("BINARY") || word.is("SCROLL"))
        && !head.clone().any(|word| word.is("NO"))
    {
        return Err(unsupported("a cursor that is BINARY or that SCROLLs"));
    }
    let is_held =
        head.clone().any(|word| word.is("HOLD")) && !head.clone().any(|word| word.is("WITHOUT"));
    let count = head.count();
    let from = words.get(count + 1).ok_or_else(|| malformed(words))?.start;
    Ok(Statement::Declare { name, from, is_held })
}

fn fetch(words: &[Word], is_move: bool) -> Result<Statement, Error> {
    let mut rest = words.get(1..).unwrap_or_default();
    let mut count = Fetch::Count(1);
    while let Some(word) = rest.first() {
        match word.kind {
            WordKind::Plain
                if word.is("NEXT") || word.is("FORWARD") || word.is("FROM") || word.is("IN") => {}
            WordKind::Plain if word.is("ALL") => count = Fetch::All,
            WordKind::Plain if rest.len() != 1 => {
                return Err(unsupported("a cursor that goes backwards"));
            }
            WordKind::Number => {
                count = Fetch::Count(word.text.parse().map_err(|_| malformed(words))?);
            }
            WordKind::Plain | WordKind::Quoted => {
                return Ok(Statement::Fetch { name: word.name(), count, is_move });
            }
            _ => return Err(malformed(words)),
        }
        rest = &rest[1..];
    }
    Err(malformed(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        read(text).map_or_else(|error| error.to_string(), |statement| format!("{statement:?}"))
    }

    #[test]
    fn texts_are_split_where_statements_end() {
        let parts = |text: &str| {
            split(text).iter().map(|part| (part.text.to_owned(), part.before)).collect::<Vec<_>>()
        };
        assert_eq!(parts(""), []);
        assert_eq!(parts(" ; -- nothing\n; /* ; /* ; */ */ "), []);
        assert_eq!(
            parts("SELECT ';' ; SELECT 2;"),
            [("SELECT ';'".into(), 0), ("SELECT 2".into(), 13)]
        );
        assert_eq!(parts("SELECT $$;$$, \";\", E'\\';'").len(), 1);
        assert_eq!(parts("SELECT $1; SELECT 'é'; x")[2].1, 23);
    }

    #[test]
    fn transactions_and_settings_are_told_from_questions() {
        assert_eq!(check("begin isolation level serializable"), "Begin");
        assert_eq!(check("START TRANSACTION READ ONLY"), "Begin");
        assert_eq!(check("ROLLBACK TO SAVEPOINT \"s\""), "RollbackTo");
        assert_eq!(
            check("SET extra_float_digits = 3"),
            r#"Set { name: "extra_float_digits", value: Some("3") }"#
        );
        assert_eq!(
            check("set session search_path to 'a', b"),
            r#"Set { name: "search_path", value: Some("a, b") }"#
        );
        assert_eq!(check("SET TIME ZONE 'UTC'"), r#"Set { name: "timezone", value: Some("UTC") }"#);
        assert_eq!(check("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"), "SetNothing");
        assert_eq!(check("show transaction isolation level"), r#"Show("transaction_isolation")"#);
        assert_eq!(check("SHOW TABLES"), "Query");
        assert_eq!(check("-- x\nSELECT 1"), "Query");
        assert_eq!(
            check("INSERT INTO t VALUES (1)"),
            "cannot execute INSERT: this door only reads"
        );
        assert_eq!(check("DO $$ BEGIN END $$"), "DO is not supported");
    }

    #[test]
    fn cursors_are_read() {
        assert_eq!(
            check("DECLARE \"c 1\" CURSOR FOR SELECT 1"),
            r#"Declare { name: "c 1", from: 25, is_held: false }"#
        );
        assert_eq!(
            check("DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT 1"),
            r#"Declare { name: "c", from: 41, is_held: true }"#
        );
        assert_eq!(
            check("FETCH FORWARD 2 FROM c"),
            r#"Fetch { name: "c", count: Count(2), is_move: false }"#
        );
        assert_eq!(
            check("FETCH ALL IN \"C\""),
            r#"Fetch { name: "C", count: All, is_move: false }"#
        );
        assert_eq!(check("FETCH c"), r#"Fetch { name: "c", count: Count(1), is_move: false }"#);
        assert_eq!(
            check("FETCH BACKWARD 2 FROM c"),
            "a cursor that goes backwards is not supported"
        );
        assert_eq!(check("CLOSE ALL"), "Close(None)");
        assert_eq!(check("DEALLOCATE PREPARE s"), r#"Deallocate(Some("s"))"#);
    }
}
