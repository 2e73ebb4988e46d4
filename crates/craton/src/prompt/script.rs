//! Cuts text into statements and commands.
//!
//! A statement ends at a `;` that stands in no quotes and in no comment. A command begins with `\` where a statement could begin, and
//! ends with its line.

/// A statement or a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A statement without its `;`.
    Statement(String),
    /// A command with its `\`.
    Command(String),
}

/// Text that was cut.
#[derive(Debug, PartialEq, Eq)]
pub struct Script {
    /// What is complete, in order.
    pub parts: Vec<Part>,
    /// A statement at the end without its `;`. Empty where there is none, or nothing but comments.
    pub rest: String,
    /// True where the text ends within a statement, quotes or a comment.
    pub is_open: bool,
}

impl Script {
    /// Cuts a text.
    pub fn read(text: &str) -> Self {
        let mut reader = Reader { text, at: 0, start: 0, has_code: false, parts: Vec::new() };
        let is_inside = reader.run();
        let rest = if reader.has_code { text[reader.start..].trim() } else { "" };
        let is_open = is_inside || !rest.is_empty();
        Self { parts: reader.parts, rest: rest.to_owned(), is_open }
    }

    /// Returns all parts of a text that has ended: the last statement needs no `;`.
    pub fn all(text: &str) -> Vec<Part> {
        let Self { mut parts, rest, .. } = Self::read(text);
        if !rest.is_empty() {
            parts.push(Part::Statement(rest));
        }
        parts
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// Where the statement begins.
    start: usize,
    /// True where the statement has more than comments.
    has_code: bool,
    parts: Vec<Part>,
}

impl Reader<'_> {
    /// Reads to the end; returns whether that is within quotes or a comment.
    fn run(&mut self) -> bool {
        while let Some(letter) = self.text[self.at..].chars().next() {
            let rest = &self.text[self.at..];
            let is_closed = match letter {
                '\\' if !self.has_code => {
                    self.command();
                    true
                }
                ';' => {
                    self.statement();
                    true
                }
                '-' if rest.starts_with("--") => {
                    self.at += rest.find('\n').unwrap_or(rest.len());
                    true
                }
                '/' if rest.starts_with("/*") => self.comment(),
                '\'' => {
                    let has_escapes = self.is_escaped();
                    self.quoted('\'', has_escapes)
                }
                '"' | '`' => self.quoted(letter, false),
                '$' => self.dollars(),
                _ => {
                    self.has_code |= !letter.is_whitespace();
                    self.at += letter.len_utf8();
                    true
                }
            };
            if !is_closed {
                self.at = self.text.len();
                return true;
            }
        }
        false
    }

    fn statement(&mut self) {
        let text = self.text[self.start..self.at].trim();
        if self.has_code {
            self.parts.push(Part::Statement(text.to_owned()));
        }
        self.at += 1;
        self.start = self.at;
        self.has_code = false;
    }

    fn command(&mut self) {
        let rest = &self.text[self.at..];
        let length = rest.find('\n').unwrap_or(rest.len());
        self.parts.push(Part::Command(rest[..length].trim().to_owned()));
        self.at += length;
        self.start = self.at;
    }

    /// Skips a comment, which may hold others; false where it does not end.
    fn comment(&mut self) -> bool {
        let mut depth = 0_usize;
        while self.at < self.text.len() {
            let rest = &self.text.as_bytes()[self.at..];
            if rest.starts_with(b"/*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with(b"*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return true;
                }
            } else {
                self.at += 1;
            }
        }
        false
    }

    /// Skips what stands in quotes; false where they are not closed. A quote that is written twice opens the next quotes at once.
    fn quoted(&mut self, quote: char, has_escapes: bool) -> bool {
        self.has_code = true;
        self.at += 1;
        let mut letters = self.text[self.at..].char_indices();
        while let Some((place, letter)) = letters.next() {
            if letter == quote {
                self.at += place + 1;
                return true;
            }
            if has_escapes && letter == '\\' {
                letters.next();
            }
        }
        false
    }

    /// Returns whether the quote here belongs to an `E'…'`, in which a backslash protects the next letter.
    fn is_escaped(&self) -> bool {
        let before = self.text[self.start..self.at].as_bytes();
        let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| is_word(*byte));
        match before {
            [head @ .., b'e' | b'E'] => !is_word(head.last()),
            _ => false,
        }
    }

    /// Skips `$tag$…$tag$`; false where it is not closed. A single `$` is a letter like any other.
    fn dollars(&mut self) -> bool {
        self.has_code = true;
        let rest = &self.text[self.at..];
        let is_inside_word = self.text[self.start..self.at].bytes().last().is_some_and(is_word);
        let length = rest[1..].bytes().take_while(|byte| is_word(*byte)).count();
        let is_tag = rest[1..].as_bytes().get(length) == Some(&b'$')
            && !rest.as_bytes()[1].is_ascii_digit()
            && !is_inside_word;
        if !is_tag {
            self.at += 1;
            return true;
        }
        let (tag, body) = rest.split_at(length + 2);
        match body.find(tag) {
            Some(end) => {
                self.at += tag.len() + end + tag.len();
                true
            }
            None => false,
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns parts as `S:…` and `C:…`, and the rest as `R:…`.
    fn check(text: &str, expected: &[&str], is_open: bool) {
        let script = Script::read(text);
        let mut shown: Vec<String> = script
            .parts
            .iter()
            .map(|part| match part {
                Part::Statement(text) => format!("S:{text}"),
                Part::Command(text) => format!("C:{text}"),
            })
            .collect();
        if !script.rest.is_empty() {
            shown.push(format!("R:{}", script.rest));
        }
        assert_eq!(shown, expected, "{text}");
        assert_eq!(script.is_open, is_open, "{text}");
    }

    #[test]
    fn statements_end_at_semicolons_outside_of_quotes_and_comments() {
        check("SELECT ';' AS a; SELECT 2;", &["S:SELECT ';' AS a", "S:SELECT 2"], false);
        check("SELECT \"x;y\", `a;b`", &["R:SELECT \"x;y\", `a;b`"], true);
        check("-- no; end\nSELECT 1;\n;", &["S:-- no; end\nSELECT 1"], false);
        check(
            "SELECT 1 /* a; /* b; */ c; */ + 1;",
            &["S:SELECT 1 /* a; /* b; */ c; */ + 1"],
            false,
        );
        check("SELECT 'it''s; é';", &["S:SELECT 'it''s; é'"], false);
        check("SELECT 'a\\';", &["S:SELECT 'a\\'"], false);
        check("SELECT E'a\\'; b';", &["S:SELECT E'a\\'; b'"], false);
        check("SELECT type'a\\';", &["S:SELECT type'a\\'"], false);
        check("", &[], false);
        check(" \n -- nothing\n", &[], false);
    }

    #[test]
    fn dollar_quotes_hold_anything() {
        check("SELECT $$a;b$$;", &["S:SELECT $$a;b$$"], false);
        check("SELECT $t$a;$$;$t$ ;", &["S:SELECT $t$a;$$;$t$"], false);
        check("SELECT $1; SELECT a$b$;", &["S:SELECT $1", "S:SELECT a$b$"], false);
        check("SELECT $t$a;", &["R:SELECT $t$a;"], true);
        check("SELECT $", &["R:SELECT $"], true);
    }

    #[test]
    fn what_has_not_ended_is_open() {
        check("SELECT 1", &["R:SELECT 1"], true);
        check("SELECT 1; SELECT", &["S:SELECT 1", "R:SELECT"], true);
        check("SELECT 'a;", &["R:SELECT 'a;"], true);
        check("SELECT 1; /* open", &["S:SELECT 1"], true);
    }

    #[test]
    fn commands_end_with_their_line() {
        check("\\d orders\nSELECT 1;\n \\x \n", &["C:\\d orders", "S:SELECT 1", "C:\\x"], false);
        check("SELECT \\x;", &["S:SELECT \\x"], false);
        check("SELECT 1; \\timing", &["S:SELECT 1", "C:\\timing"], false);
    }

    #[test]
    fn the_last_statement_of_a_file_needs_no_semicolon() {
        let all = Script::all("SELECT 1;\nSELECT 2 -- end\n");
        let expected = ["SELECT 1", "SELECT 2 -- end"].map(|text| Part::Statement(text.into()));
        assert_eq!(all, expected);
    }
}
