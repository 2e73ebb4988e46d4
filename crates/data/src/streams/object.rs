//! One pass over a JSON object: where the value of each column stands, without building values.

use super::schema::Columns;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Where a value stands in the text that was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    from: usize,
    to: usize,
}

impl Span {
    /// Returns the value's text; `None` where the object has no such value.
    pub(crate) fn of(self, text: &str) -> Option<&str> {
        // A value never stands at the very beginning: the object's brace does.
        if self.to == 0 { None } else { text.get(self.from..self.to) }
    }
}

/// What a pass over an object found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Where the value of each column stands, by the column's number.
    pub(crate) spans: Vec<Span>,
    /// Fields that no column names, with where their values stand.
    pub(crate) unknown: Vec<(String, Span)>,
    /// A field that stands twice.
    pub(crate) twice: Option<String>,
}

impl Found {
    /// Reads the object `text`.
    ///
    /// # Errors
    /// What serde_json says of text that is no JSON object.
    pub(crate) fn read(&mut self, text: &str, columns: &Columns) -> Result<(), serde_json::Error> {
        self.spans.clear();
        self.spans.resize(columns.list.len(), Span::default());
        self.unknown.clear();
        self.twice = None;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Pass { text, columns, found: self }.deserialize(&mut deserializer)?;
        deserializer.end()
    }
}

struct Pass<'a> {
    text: &'a str,
    columns: &'a Columns,
    found: &'a mut Found,
}

#[derive(serde::Deserialize)]
struct Field<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Pass<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Pass<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut next = 0;
        while let Some(Field(name)) = map.next_key::<Field<'de>>()? {
            let raw = map.next_value::<Raw<'de>>()?.0.get();
            let from = raw.as_ptr() as usize - self.text.as_ptr() as usize;
            let span = Span { from, to: from + raw.len() };
            match self.columns.find(&name, next) {
                Some(number) => {
                    next = number + 1;
                    if self.found.spans[number] != Span::default() {
                        self.found.twice = Some(name.into_owned());
                    }
                    self.found.spans[number] = span;
                }
                None => self.found.unknown.push((name.into_owned(), span)),
            }
        }
        Ok(())
    }
}

struct Raw<'a>(&'a RawValue);

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(Self)
    }
}

/// Returns how deeply JSON nests, without recursion.
pub(crate) fn depth(json: &str) -> usize {
    let (mut depth, mut deepest): (usize, usize) = (0, 0);
    outside_strings(json, |byte| match byte {
        b'{' | b'[' => {
            depth += 1;
            deepest = deepest.max(depth);
        }
        b'}' | b']' => depth = depth.saturating_sub(1),
        _ => {}
    });
    deepest
}

/// Appends JSON without the white space between its parts: a stored row is one line.
pub(crate) fn write_compact(json: &str, out: &mut Vec<u8>) {
    let (mut is_inside, mut is_escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_inside => is_escaped = true,
            b'"' => is_inside = !is_inside,
            b' ' | b'\n' | b'\r' | b'\t' if !is_inside => continue,
            _ => {}
        }
        out.push(byte);
    }
}

fn outside_strings(json: &str, mut each: impl FnMut(u8)) {
    let (mut is_inside, mut is_escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_inside => is_escaped = true,
            b'"' => is_inside = !is_inside,
            _ if !is_inside => each(byte),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_and_compaction_see_strings_as_they_are() {
        assert_eq!(depth(r#"{"a": [1, {"b": "[[[[\"{{"}]}"#), 3);
        assert_eq!(depth(&"[".repeat(100_000)), 100_000);
        let mut out = Vec::new();
        write_compact("{ \"a b\" : [ 1,\n\t2 ], \"c\\\" \" : 1.50 }", &mut out);
        assert_eq!(String::from_utf8(out).as_deref(), Ok("{\"a b\":[1,2],\"c\\\" \":1.50}"));
    }
}
