//! Going back in time: `orders FOR SYSTEM_TIME AS OF '2018-03-01'`, `orders FOR VERSION AS OF 123`.
//!
//! The words behind a name become part of the name before the statement is parsed, so that every door and every dialect knows them: what
//! is asked for is a relation of its own. `FOR` may be left out with `VERSION` and `TIMESTAMP`. A version is a commit of the unit.

use crate::Error;
use crate::streams::marks::AsOf;
use base::{Place, Time};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// What parts a name from its time.
const SIGN: char = '@';

/// Makes the words of time a part of the names before them.
///
/// # Errors
/// [`Error::Sql`] where what follows `AS OF` is neither a time nor a commit.
pub(crate) fn rewrite(tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>, Error> {
    let has_of = tokens.iter().any(|token| word(token).is_some_and(|word| word == "of"));
    if !has_of {
        return Ok(tokens);
    }
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let is_named = out.last().is_some_and(is_name);
        let Some((as_of, length)) = is_named.then(|| clause(&tokens[at..])).transpose()?.flatten()
        else {
            out.push(tokens[at].clone());
            at += 1;
            continue;
        };
        at += length;
        let Some(named) = out.pop() else { continue };
        let Token::Word(name) = &named.token else { continue };
        let plain =
            if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() };
        let span = named.span;
        out.push(TokenWithSpan { token: quoted(&joined(&plain, as_of)), span });
        if !tokens.get(at).is_some_and(is_alias) {
            out.push(TokenWithSpan { token: Token::make_keyword("AS"), span });
            out.push(TokenWithSpan { token: quoted(&plain), span });
        }
    }
    Ok(out)
}

/// Returns a name and its time, where it has one.
pub(crate) fn split(name: &str) -> (&str, Option<AsOf>) {
    let Some((plain, time)) = name.rsplit_once(SIGN) else { return (name, None) };
    let as_of = match time.split_at_checked(1) {
        Some(("v", number)) => number.parse().ok().map(AsOf::Commit),
        Some(("t", millis)) => millis.parse().ok().map(|millis| AsOf::Time(Time(millis))),
        _ => None,
    };
    as_of.map_or((name, None), |as_of| (plain, Some(as_of)))
}

fn joined(name: &str, as_of: AsOf) -> String {
    match as_of {
        AsOf::Commit(commit) => format!("{name}{SIGN}v{commit}"),
        AsOf::Time(time) => format!("{name}{SIGN}t{}", time.as_millis()),
    }
}

fn quoted(name: &str) -> Token {
    Token::Word(Word {
        value: name.to_owned(),
        quote_style: Some('"'),
        keyword: Keyword::NoKeyword,
    })
}

fn word(token: &TokenWithSpan) -> Option<String> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
        _ => None,
    }
}

fn is_name(token: &TokenWithSpan) -> bool {
    matches!(&token.token, Token::Word(word) if word.quote_style.is_some() || word.keyword == Keyword::NoKeyword || !is_structural(word.keyword))
}

/// Words behind which no time can stand.
fn is_structural(keyword: Keyword) -> bool {
    use Keyword::{AND, AS, BY, FROM, GROUP, HAVING, IN, JOIN, ON, OR, ORDER, SELECT, WHERE};
    [AND, AS, BY, FROM, GROUP, HAVING, IN, JOIN, ON, OR, ORDER, SELECT, WHERE].contains(&keyword)
}

fn is_alias(token: &TokenWithSpan) -> bool {
    match &token.token {
        Token::Word(word) => {
            word.keyword == Keyword::AS
                || word.keyword == Keyword::NoKeyword
                || word.quote_style.is_some()
        }
        _ => false,
    }
}

/// Reads the words of time at the beginning of `tokens`, and returns how many they are.
fn clause(tokens: &[TokenWithSpan]) -> Result<Option<(AsOf, usize)>, Error> {
    let words: Vec<Option<String>> = tokens.iter().take(4).map(word).collect();
    let is = |at: usize, wanted: &[&str]| {
        words.get(at).and_then(Option::as_deref).is_some_and(|word| wanted.contains(&word))
    };
    let skip = usize::from(is(0, &["for"]));
    let kinds: &[&str] = &["version", "timestamp", "system_time", "system_version"];
    if !(is(skip, kinds) && is(skip + 1, &["as"]) && is(skip + 2, &["of"])) {
        return Ok(None);
    }
    let is_commit = is(skip, &["version", "system_version"]);
    let mut at = skip + 3;
    let is_typed = tokens.get(at).and_then(word).is_some_and(|word| word == "timestamp");
    at += usize::from(is_typed);
    let value = tokens.get(at);
    let wrong = |hint: &str| Error::Sql {
        reason: "AS OF wants a time or a commit".into(),
        place: value.map(|token| {
            let (line, column) = (token.span.start.line, token.span.start.column);
            Place::line(u32::try_from(line).unwrap_or(0), u32::try_from(column).unwrap_or(0))
        }),
        hint: Some(hint.into()),
    };
    let as_of = match value.map(|token| &token.token) {
        Some(Token::Number(number, _)) if is_commit => AsOf::Commit(
            number.parse().map_err(|_| wrong("write the number of a commit: VERSION AS OF 123"))?,
        ),
        Some(Token::SingleQuotedString(text)) if !is_commit => {
            AsOf::Time(Time::parse(text).map_err(|_| wrong("write it as '2018-10-17T17:30:20Z'"))?)
        }
        _ if is_commit => return Err(wrong("write the number of a commit: VERSION AS OF 123")),
        _ => return Err(wrong("write it as '2018-10-17T17:30:20Z'")),
    };
    Ok(Some((as_of, at + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    fn tokens_of(sql: &str) -> Vec<TokenWithSpan> {
        let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
        let tokens = tokens.expect("tokens").into_iter();
        tokens.filter(|token| !matches!(token.token, Token::Whitespace(_))).collect()
    }

    fn check(sql: &str, expected: &str) {
        let shown = match rewrite(tokens_of(sql)) {
            Ok(tokens) => {
                let words: Vec<String> =
                    tokens.iter().map(|token| token.token.to_string()).collect();
                words.join(" ")
            }
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(shown.trim(), expected);
    }

    #[test]
    fn words_of_time_become_part_of_the_name() {
        check(
            "SELECT * FROM orders FOR VERSION AS OF 7",
            r#"SELECT * FROM "orders@v7" AS "orders""#,
        );
        check("FROM Orders VERSION AS OF 7 o WHERE", r#"FROM "orders@v7" o WHERE"#);
        check(
            "FROM public.orders FOR SYSTEM_TIME AS OF TIMESTAMP '1970-01-01 00:00:01' AS o",
            r#"FROM public . "orders@t1000" AS o"#,
        );
        check(
            "FROM orders TIMESTAMP AS OF '1970-01-01T00:00:01Z' JOIN b",
            r#"FROM "orders@t1000" AS "orders" JOIN b"#,
        );
    }

    #[test]
    fn other_words_stay_as_they_are() {
        check("SELECT version AS of FROM t", "SELECT version AS of FROM t");
        check("SELECT a, timestamp AS x FROM of", "SELECT a , timestamp AS x FROM of");
    }

    #[test]
    fn what_is_neither_time_nor_commit_is_refused() {
        check("FROM o FOR VERSION AS OF 'x'", "error: AS OF wants a time or a commit");
        check("FROM o FOR SYSTEM_TIME AS OF 7", "error: AS OF wants a time or a commit");
        check("FROM o FOR SYSTEM_TIME AS OF 'soon'", "error: AS OF wants a time or a commit");
    }

    #[test]
    fn names_and_times_come_apart_again() {
        assert_eq!(split("orders"), ("orders", None));
        assert_eq!(split("orders@v7"), ("orders", Some(AsOf::Commit(7))));
        assert_eq!(split("orders@t-5"), ("orders", Some(AsOf::Time(Time(-5)))));
        assert_eq!(split("a@b"), ("a@b", None));
    }
}
