//! `COPY … TO STDOUT`: what is asked for, and rows in its three forms.

use super::Error;
use super::encode::{Cells, Column};
use super::statement::{Statement, Word, WordKind};
use arrow::error::ArrowError;

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A query between two bytes of the statement.
    Query(usize, usize),
    /// A relation, with its columns where they are named, as SQL.
    Relation { name: String, columns: String },
}

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Csv,
    Binary,
}

/// How it is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub form: Form,
    pub delimiter: u8,
    pub null: String,
    pub has_header: bool,
    pub quote: u8,
    pub escape: u8,
}

impl Options {
    fn new(form: Form) -> Self {
        let (delimiter, null) = match form {
            Form::Csv => (b',', String::new()),
            Form::Text | Form::Binary => (b'\t', "\\N".to_owned()),
        };
        Self { form, delimiter, null, has_header: false, quote: b'"', escape: b'"' }
    }
}

/// What begins a copy in binary: a signature, flags, the length of what is not there.
pub(crate) const BINARY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What ends it.
pub(crate) const BINARY_TAIL: &[u8] = &[0xff, 0xff];

/// Reads `COPY`.
///
/// # Errors
/// `postgres.read_only` for `COPY … FROM`, `postgres.unsupported` for files and programs.
pub(crate) fn read(words: &[Word]) -> Result<Statement, Error> {
    let (source, at) = source(words)?;
    let rest = words.get(at..).unwrap_or_default();
    match rest.first() {
        Some(word) if word.is("FROM") => return Err(Error::ReadOnly { word: "COPY FROM".into() }),
        Some(word) if word.is("TO") => {}
        _ => return Err(unsupported("this form of COPY")),
    }
    if !rest.get(1).is_some_and(|word| word.is("STDOUT")) {
        return Err(unsupported("COPY to files and programs"));
    }
    let options = options(rest.get(2..).unwrap_or_default())?;
    Ok(Statement::Copy { source, options })
}

fn unsupported(what: &str) -> Error {
    Error::Unsupported { what: what.into() }
}

fn source(words: &[Word]) -> Result<(Source, usize), Error> {
    if words.get(1).is_some_and(|word| word.is("(")) {
        let end =
            closing(words, 1).ok_or_else(|| unsupported("COPY without its closing bracket"))?;
        return Ok((Source::Query(words[1].end, words[end].start), end + 1));
    }
    let (mut name, mut at) = (String::new(), 1);
    while let Some(word) = words.get(at) {
        match word.kind {
            WordKind::Plain | WordKind::Quoted if name.is_empty() || name.ends_with('.') => {
                name.push_str(&quoted(&word.name()));
            }
            WordKind::Sign if word.is(".") => name.push('.'),
            _ => break,
        }
        at += 1;
    }
    let mut columns = "*".to_owned();
    if words.get(at).is_some_and(|word| word.is("(")) {
        let end =
            closing(words, at).ok_or_else(|| unsupported("COPY without its closing bracket"))?;
        let named = words[at + 1..end].iter().filter(|word| !word.is(","));
        columns = named.map(|word| quoted(&word.name())).collect::<Vec<_>>().join(", ");
        at = end + 1;
    }
    if name.is_empty() {
        Err(unsupported("COPY of nothing"))
    } else {
        Ok((Source::Relation { name, columns }, at))
    }
}

fn closing(words: &[Word], open: usize) -> Option<usize> {
    let mut depth = 0;
    words.iter().enumerate().skip(open).find_map(|(at, word)| {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            depth -= 1;
        }
        (depth == 0).then_some(at)
    })
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Reads options in brackets, or those of old: `WITH CSV HEADER`.
fn options(words: &[Word]) -> Result<Options, Error> {
    let words = words
        .iter()
        .filter(|word| !word.is("WITH") && !word.is("(") && !word.is(")") && !word.is(","));
    let words: Vec<&Word> = words.filter(|word| !word.is("AS")).collect();
    let format =
        words.iter().enumerate().find_map(|(at, word)| match word.text.to_uppercase().as_str() {
            "FORMAT" if word.kind == WordKind::Plain => {
                words.get(at + 1).map(|form| form.text.to_uppercase())
            }
            "CSV" | "BINARY" if at == 0 => Some(word.text.to_uppercase()),
            _ => None,
        });
    let form = match format.as_deref() {
        None | Some("TEXT") => Form::Text,
        Some("CSV") => Form::Csv,
        Some("BINARY") => Form::Binary,
        Some(other) => return Err(unsupported(&format!("COPY in the form {other}"))),
    };
    let mut options = Options::new(form);
    let (mut has_escape, mut rest) = (false, words.as_slice());
    while let [word, after @ ..] = rest {
        let value = after.first().map(|word| word.text.clone()).unwrap_or_default();
        let sign = || single(&word.text, &value);
        let mut used = 2;
        match word.text.to_uppercase().as_str() {
            "FORMAT" => {}
            "CSV" | "BINARY" => used = 1,
            "DELIMITER" | "DELIMITERS" => options.delimiter = sign()?,
            "NULL" => options.null = value,
            "QUOTE" => options.quote = sign()?,
            "ESCAPE" => {
                has_escape = true;
                options.escape = sign()?;
            }
            "HEADER" => match value.to_lowercase().as_str() {
                "false" | "off" | "0" => options.has_header = false,
                "true" | "on" | "1" => options.has_header = true,
                _ => (options.has_header, used) = (true, 1),
            },
            "ENCODING" if matches!(value.to_uppercase().as_str(), "UTF8" | "UTF-8") => {}
            other => return Err(unsupported(&format!("the option {other} of COPY"))),
        }
        rest = rest.get(used..).unwrap_or_default();
    }
    if !has_escape {
        options.escape = options.quote;
    }
    if form == Form::Binary && options.has_header {
        return Err(unsupported("a header in binary"));
    }
    Ok(options)
}

fn single(name: &str, value: &str) -> Result<u8, Error> {
    match value.as_bytes() {
        [sign] if sign.is_ascii() && !matches!(sign, b'\r' | b'\n') => Ok(*sign),
        _ => Err(Error::Setting { name: name.to_lowercase(), value: value.into() }),
    }
}

impl Options {
    /// Writes the line of names.
    pub(crate) fn write_header(&self, columns: &[Column], out: &mut Vec<u8>) {
        for (number, column) in columns.iter().enumerate() {
            if 0 < number {
                out.push(self.delimiter);
            }
            self.write_field(column.name.as_bytes(), out);
        }
        out.push(b'\n');
    }

    /// Writes a row.
    ///
    /// # Errors
    /// As [`Cells::write_text`] and [`Cells::write_binary`].
    pub(crate) fn write_row(
        &self,
        cells: &[Cells],
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ArrowError> {
        if self.form == Form::Binary {
            out.extend(u16::try_from(cells.len()).unwrap_or(u16::MAX).to_be_bytes());
            return cells.iter().try_for_each(|cells| cells.write_sized(row, true, out));
        }
        let mut text = Vec::new();
        for (number, cells) in cells.iter().enumerate() {
            if 0 < number {
                out.push(self.delimiter);
            }
            if cells.is_null(row) {
                out.extend_from_slice(self.null.as_bytes());
                continue;
            }
            text.clear();
            cells.write_text(row, &mut text)?;
            self.write_field(&text, out);
        }
        out.push(b'\n');
        Ok(())
    }

    fn write_field(&self, text: &[u8], out: &mut Vec<u8>) {
        match self.form {
            Form::Csv => self.write_csv(text, out),
            Form::Text | Form::Binary => self.write_escaped(text, out),
        }
    }

    fn write_escaped(&self, text: &[u8], out: &mut Vec<u8>) {
        for byte in text {
            let short = match byte {
                b'\\' => b'\\',
                0x08 => b'b',
                0x0c => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                0x0b => b'v',
                byte if *byte == self.delimiter => *byte,
                byte => {
                    out.push(*byte);
                    continue;
                }
            };
            out.extend([b'\\', short]);
        }
    }

    fn write_csv(&self, text: &[u8], out: &mut Vec<u8>) {
        let is_special = |byte: &u8| {
            *byte == self.delimiter || *byte == self.quote || matches!(byte, b'\n' | b'\r')
        };
        // What looks like null or like the end of the data is quoted.
        let is_plain =
            text != self.null.as_bytes() && text != b"\\." && !text.iter().any(is_special);
        if is_plain {
            return out.extend_from_slice(text);
        }
        out.push(self.quote);
        for byte in text {
            if *byte == self.quote || *byte == self.escape {
                out.push(self.escape);
            }
            out.push(*byte);
        }
        out.push(self.quote);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::statement;
    use crate::postgres::types::Kind;
    use arrow::array::{ArrayRef, StringArray};
    use std::sync::Arc;

    fn check(text: &str) -> String {
        match statement::read(text) {
            Ok(Statement::Copy { source, options }) => {
                let source = match source {
                    Source::Query(from, to) => text[from..to].to_owned(),
                    Source::Relation { name, columns } => format!("{columns} of {name}"),
                };
                format!("{source}: {:?} header {}", options.form, options.has_header)
            }
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn copies_are_read_in_the_new_form_and_in_the_old() {
        assert_eq!(
            check("copy (select (1)) to stdout (format binary)"),
            "select (1): Binary header false"
        );
        assert_eq!(
            check("COPY t (a, \"B\") TO STDOUT"),
            "\"a\", \"B\" of \"t\": Text header false"
        );
        assert_eq!(
            check("COPY public.t TO STDOUT WITH CSV HEADER"),
            "* of \"public\".\"t\": Csv header true"
        );
        assert_eq!(
            check("COPY t TO STDOUT WITH (FORMAT 'csv', HEADER true)"),
            "* of \"t\": Csv header true"
        );
        assert_eq!(
            check("COPY (SELECT 1) TO STDOUT (FORMAT \"binary\")"),
            "SELECT 1: Binary header false"
        );
    }

    #[test]
    fn files_and_copies_inwards_are_refused() {
        assert_eq!(check("COPY t FROM STDIN"), "cannot execute COPY FROM: this door only reads");
        assert_eq!(check("COPY t TO '/tmp/x'"), "COPY to files and programs is not supported");
        assert_eq!(check("COPY t TO PROGRAM 'cat'"), "COPY to files and programs is not supported");
        assert_eq!(
            check("COPY t TO STDOUT (FORCE_QUOTE *)"),
            "the option FORCE_QUOTE of COPY is not supported"
        );
    }

    #[test]
    fn rows_are_written_in_text_and_csv() {
        let array: ArrayRef =
            Arc::new(StringArray::from(vec![Some("a\tb\\"), None, Some("x,\"y\"")]));
        let cells = [Cells::new(&array, Kind::named("text")).expect("cells")];
        let lines = |form: Form| {
            let mut out = Vec::new();
            for row in 0..3 {
                Options::new(form).write_row(&cells, row, &mut out).expect("a row");
            }
            String::from_utf8(out).expect("text")
        };
        assert_eq!(lines(Form::Text), "a\\tb\\\\\n\\N\nx,\"y\"\n");
        assert_eq!(lines(Form::Csv), "a\tb\\\n\n\"x,\"\"y\"\"\"\n");
    }
}
