//! Looks over the text of an expression before the parser does.
//!
//! The parser reads the longest name that it knows, and a name may contain spaces and `-`; so it must be told all names
//! beforehand. It builds a tree as deep as the text asks for, and takes long over long rows of names; so both are limited here.

use super::{NESTING_MAX, TEXT_BYTES_MAX};
use crate::Error;
use crate::text::shorten;
use std::collections::BTreeSet;

/// Words that are never names.
const KEYWORDS: [&str; 19] = [
    "and",
    "between",
    "else",
    "every",
    "external",
    "false",
    "for",
    "function",
    "if",
    "in",
    "instance",
    "null",
    "of",
    "or",
    "return",
    "satisfies",
    "some",
    "then",
    "true",
];

/// Keywords that the parser recognises only with a space behind them.
const SPACED: [&str; 14] = [
    "and",
    "between",
    "else",
    "every",
    "external",
    "for",
    "if",
    "in",
    "of",
    "or",
    "return",
    "satisfies",
    "some",
    "then",
];

/// Built-in functions whose name is more than one word.
const PHRASES: [&str; 33] = [
    "context merge",
    "context put",
    "date and time",
    "day of week",
    "day of year",
    "distinct values",
    "ends with",
    "finished by",
    "get entries",
    "get value",
    "index of",
    "insert before",
    "list contains",
    "list replace",
    "lower case",
    "met by",
    "month of year",
    "overlaps after",
    "overlaps before",
    "round down",
    "round half down",
    "round half up",
    "round up",
    "started by",
    "starts with",
    "string join",
    "string length",
    "substring after",
    "substring before",
    "upper case",
    "week of year",
    "years and months duration",
    "days and time duration",
];

/// How many tokens an expression may have.
const TOKENS_MAX: usize = 4_096;
/// How many operators: each may make the tree one deeper.
const OPERATORS_MAX: usize = 512;
/// How many names, numbers and arithmetic signs in a row, each counted to the third power: so long the parser takes.
const ROW_WORK_MAX: usize = 2_000_000;

/// What the look over the text found.
#[derive(Debug)]
pub(crate) struct Lexed {
    /// The text for the parser: as given, with a space between a keyword and a bracket.
    pub text: String,
    /// All names that the parser must know.
    pub names: BTreeSet<String>,
    /// Names that stand before an opening bracket.
    pub calls: BTreeSet<String>,
}

impl Lexed {
    /// Looks over a text.
    pub fn new(text: &str) -> Result<Self, Error> {
        if TEXT_BYTES_MAX < text.len() {
            return Err(too_large(
                text,
                format!("{} bytes, the limit is {TEXT_BYTES_MAX}", text.len()),
            ));
        }
        let tokens =
            Scanner { source: text, rest: text.char_indices().peekable(), tokens: Vec::new() }
                .scan()?;
        check_limits(text, &tokens)?;
        Ok(Self::from_tokens(&tokens))
    }

    fn from_tokens(tokens: &[Token<'_>]) -> Self {
        let mut lexed =
            Self { text: String::new(), names: BTreeSet::new(), calls: BTreeSet::new() };
        let mut index = 0;
        while index < tokens.len() {
            let words = phrase_length(&tokens[index..]);
            if 1 < words {
                let phrase = tokens[index..index + words]
                    .iter()
                    .map(Token::text)
                    .collect::<Vec<_>>()
                    .join(" ");
                lexed.text.push_str(&phrase);
                lexed.names.insert(phrase.clone());
                lexed.calls.insert(phrase);
                index += words;
                continue;
            }
            let token = &tokens[index];
            let before_bracket = matches!(tokens.get(index + 1), Some(Token::Symbol('(')));
            if index > 0
                && !matches!(token, Token::Symbol(_))
                && !matches!(tokens[index - 1], Token::Symbol(_))
            {
                lexed.text.push(' ');
            }
            lexed.push(token, before_bracket);
            index += 1;
        }
        lexed
    }

    fn push(&mut self, token: &Token<'_>, before_bracket: bool) {
        match token {
            Token::Symbol(symbol) => {
                self.text.push(*symbol);
                // Two signs in a row must not become a comment, and a name must not swallow the sign behind it.
                if matches!(symbol, '/' | '-' | '+') {
                    self.text.push(' ');
                }
            }
            Token::Word(word) => {
                self.text.push_str(word);
                if SPACED.contains(word) {
                    self.text.push(' ');
                }
                if KEYWORDS.contains(word) {
                    return;
                }
                if before_bracket {
                    self.calls.insert((*word).to_string());
                } else {
                    self.names.insert((*word).to_string());
                }
            }
            Token::Text(text) | Token::Number(text) | Token::Operator(text) => {
                self.text.push_str(text)
            }
        }
    }
}

/// One piece of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Number(&'t str),
    /// A string with its quotes.
    Text(&'t str),
    /// An operator of two characters.
    Operator(&'t str),
    Symbol(char),
}

impl Token<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Number(text) | Self::Text(text) | Self::Operator(text) => text,
            Self::Symbol(_) => "",
        }
    }
}

struct Scanner<'t> {
    source: &'t str,
    rest: std::iter::Peekable<std::str::CharIndices<'t>>,
    tokens: Vec<Token<'t>>,
}

impl<'t> Scanner<'t> {
    fn scan(mut self) -> Result<Vec<Token<'t>>, Error> {
        while let Some((start, character)) = self.rest.next() {
            let next = self.rest.peek().map(|(_, next)| *next);
            match (character, next) {
                (space, _) if is_space(space) => {}
                ('/', Some('/')) => {
                    while self.rest.next_if(|(_, other)| *other != '\n').is_some() {}
                }
                ('/', Some('*')) => self.comment(),
                ('"', _) => self.text(start)?,
                ('*', Some('*'))
                | ('!' | '<' | '>', Some('='))
                | ('.', Some('.'))
                | ('-', Some('>')) => {
                    self.rest.next();
                    self.tokens.push(Token::Operator(&self.source[start..start + 2]));
                }
                (digit, _) if digit.is_ascii_digit() => self.number(start),
                ('.', Some(digit)) if digit.is_ascii_digit() && !self.after_operand() => {
                    self.number(start)
                }
                (letter, _) if is_name_start(letter) => {
                    let end = self.end_of(is_name_part);
                    self.tokens.push(Token::Word(&self.source[start..end]));
                }
                (symbol, _) => self.tokens.push(Token::Symbol(symbol)),
            }
        }
        Ok(self.tokens)
    }

    fn after_operand(&self) -> bool {
        matches!(self.tokens.last(), Some(Token::Word(_) | Token::Symbol(')' | ']' | '}')))
    }

    /// Goes on while a condition holds; returns where that ended.
    fn end_of(&mut self, holds: impl Fn(char) -> bool) -> usize {
        while self.rest.next_if(|(_, other)| holds(*other)).is_some() {}
        self.rest.peek().map_or(self.source.len(), |(end, _)| *end)
    }

    fn comment(&mut self) {
        self.rest.next();
        let mut before = ' ';
        for (_, character) in self.rest.by_ref() {
            if before == '*' && character == '/' {
                return;
            }
            before = character;
        }
    }

    fn number(&mut self, start: usize) {
        let bytes = self.source.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let mut end = digits(start);
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
                end = digits(end + 1 + sign);
            }
        }
        while self.rest.next_if(|(at, _)| *at < end).is_some() {}
        self.tokens.push(Token::Number(&self.source[start..end]));
    }

    /// Reads a string. Half a surrogate pair is refused: the parser behind would panic on it.
    fn text(&mut self, start: usize) -> Result<(), Error> {
        let mut high = false;
        while let Some((at, character)) = self.rest.next() {
            match character {
                '"' if high => break,
                '"' => {
                    self.tokens.push(Token::Text(&self.source[start..=at]));
                    return Ok(());
                }
                '\n' | '\r' => {
                    return Err(syntax(self.source, "a string does not end on its line"));
                }
                '\\' => {
                    let unit = self.escape();
                    let is_low = matches!(unit, Some(0xDC00..=0xDFFF));
                    if high != is_low {
                        break;
                    }
                    high = matches!(unit, Some(0xD800..=0xDBFF));
                }
                _ if high => break,
                _ => {}
            }
        }
        Err(syntax(
            self.source,
            if high { "half a surrogate pair in a string" } else { "a string does not end" },
        ))
    }

    /// Reads what follows a backslash; returns the code where it is one.
    fn escape(&mut self) -> Option<u32> {
        let (at, kind) = self.rest.next()?;
        let length = match kind {
            'u' => 4,
            'U' => 6,
            _ => return None,
        };
        let code = self.source.get(at + 1..at + 1 + length)?;
        let code = u32::from_str_radix(code, 16).ok()?;
        for _ in 0..length {
            self.rest.next();
        }
        Some(code)
    }
}

/// Returns how many words from here on are the name of a function; 1 where it has no phrase.
fn phrase_length(tokens: &[Token<'_>]) -> usize {
    let fits = |phrase: &str| {
        let mut words = 0;
        for word in phrase.split(' ') {
            if tokens.get(words) != Some(&Token::Word(word)) {
                return None;
            }
            words += 1;
        }
        matches!(tokens.get(words), Some(Token::Symbol('('))).then_some(words)
    };
    PHRASES.iter().filter_map(|phrase| fits(phrase)).max().unwrap_or(1)
}

fn check_limits(text: &str, tokens: &[Token<'_>]) -> Result<(), Error> {
    if TOKENS_MAX < tokens.len() {
        return Err(too_large(text, format!("{} tokens, the limit is {TOKENS_MAX}", tokens.len())));
    }
    let (mut depth, mut operators, mut row, mut work) = (0_usize, 0_usize, 0_usize, 0_usize);
    for token in tokens {
        let is_in_row = match token {
            Token::Word(word) => {
                operators += usize::from(KEYWORDS.contains(word));
                true
            }
            Token::Number(_) => true,
            Token::Operator(operator) => {
                operators += 1;
                matches!(*operator, "**" | "..")
            }
            Token::Text(_) => false,
            Token::Symbol(symbol) => {
                match symbol {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    ',' | ':' => {}
                    _ => operators += 1,
                }
                matches!(symbol, '.' | '/' | '-' | '\'' | '+' | '*')
            }
        };
        if NESTING_MAX < depth {
            return Err(too_large(text, format!("brackets nest deeper than {NESTING_MAX}")));
        }
        row = if is_in_row { row + 1 } else { 0 };
        // The sum of 3k² over a row of n is n³.
        work = work.saturating_add(row.saturating_mul(row).saturating_mul(3));
    }
    if OPERATORS_MAX < operators {
        return Err(too_large(
            text,
            format!("{operators} operators, the limit is {OPERATORS_MAX}"),
        ));
    }
    if ROW_WORK_MAX < work {
        return Err(too_large(
            text,
            "too many names and signs in a row; brackets break a row".into(),
        ));
    }
    Ok(())
}

fn too_large(text: &str, reason: String) -> Error {
    Error::FeelTooLarge { text: shorten(text), reason }
}

fn syntax(text: &str, reason: &str) -> Error {
    Error::FeelSyntax { text: shorten(text), reason: reason.into() }
}

fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{180E}' | '\u{200B}' | '\u{FEFF}')
}

/// FEEL grammar rule 28.
fn is_name_start(character: char) -> bool {
    matches!(character, '?' | '_' | 'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
        && !is_space(character)
}

/// FEEL grammar rule 29.
fn is_name_part(character: char) -> bool {
    is_name_start(character)
        || character.is_ascii_digit()
        || matches!(character, '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}
