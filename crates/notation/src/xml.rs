//! Looks over XML before a parser reads it: how long, how deep, how many; no document types, so no entities.

use crate::Error;
use base::Place;

/// The longest model, in bytes.
pub(crate) const BYTES_MAX: usize = 4 * 1024 * 1024;
/// How deep elements may stand in elements.
pub(crate) const DEPTH_MAX: usize = 64;
/// How many elements a model may have.
pub(crate) const ELEMENTS_MAX: usize = 100_000;
/// How many attributes an element may have.
pub(crate) const ATTRIBUTES_MAX: usize = 64;
/// How many namespaces a model may declare.
const NAMESPACES_MAX: usize = 256;
/// How many CDATA sections a model may have.
const SECTIONS_MAX: usize = 1_000;

/// The codes under which a kind of model is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codes {
    pub malformed: &'static str,
    pub too_large: &'static str,
}

/// Looks over a model's text.
pub(crate) fn check(source: &str, codes: Codes) -> Result<(), Error> {
    let too_large = |reason: String| Error::TooLarge { code: codes.too_large, reason };
    if BYTES_MAX < source.len() {
        return Err(too_large(format!("{} bytes, the limit is {BYTES_MAX}", source.len())));
    }
    let mut scan = Scan::default();
    let mut at = 0;
    while let Some(found) = source.get(at..).and_then(|rest| rest.find('<')) {
        let start = at + found;
        let tag = &source[start..];
        let end = if tag.starts_with("<!--") {
            end_of(tag, 4, "-->")
        } else if tag.starts_with("<![CDATA[") {
            scan.sections += 1;
            end_of(tag, 9, "]]>")
        } else if tag.starts_with("<?") {
            end_of(tag, 2, "?>")
        } else if tag.starts_with("<!") {
            let message = "a document type is not allowed".to_string();
            return Err(Error::Malformed {
                code: codes.malformed,
                message,
                place: Some(place(source, start)),
            });
        } else if tag.starts_with("</") {
            scan.depth = scan.depth.saturating_sub(1);
            end_of(tag, 2, ">")
        } else {
            scan.element(tag)
        };
        if let Some(reason) = scan.excess() {
            return Err(too_large(reason));
        }
        at = start + end;
    }
    Ok(())
}

/// Parses XML that was looked over.
pub(crate) fn parse(source: &str, codes: Codes) -> Result<roxmltree::Document<'_>, Error> {
    let options =
        roxmltree::ParsingOptions { nodes_limit: 400_000, ..roxmltree::ParsingOptions::default() };
    roxmltree::Document::parse_with_options(source, options).map_err(|error| {
        let position = error.pos();
        let message = error.to_string();
        let message = message.rsplit_once(" at ").map_or(message.as_str(), |(message, _)| message);
        let place = Place::line(position.row, position.col);
        Error::Malformed {
            code: codes.malformed,
            message: format!("it is no XML: {message}"),
            place: Some(place),
        }
    })
}

/// Returns line and column of a byte of a text, both from 1.
pub(crate) fn place(source: &str, offset: usize) -> Place {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
    Place::line(u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

#[derive(Default)]
struct Scan {
    depth: usize,
    elements: usize,
    attributes: usize,
    namespaces: usize,
    sections: usize,
}

impl Scan {
    /// Reads a start tag; returns its length.
    fn element(&mut self, tag: &str) -> usize {
        self.elements += 1;
        self.attributes = 0;
        let bytes = tag.as_bytes();
        let mut quote = None;
        for (at, byte) in bytes.iter().enumerate().skip(1) {
            match (quote, byte) {
                (Some(open), close) if open == *close => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(*byte),
                (None, b'=') => {
                    self.attributes += 1;
                    let name = tag[..at]
                        .rsplit(char::is_whitespace)
                        .find(|word| !word.is_empty())
                        .unwrap_or("");
                    self.namespaces += usize::from(name.starts_with("xmlns"));
                    if ATTRIBUTES_MAX < self.attributes {
                        return at;
                    }
                }
                (None, b'>') => {
                    if bytes[at - 1] != b'/' {
                        self.depth += 1;
                    }
                    return at + 1;
                }
                _ => {}
            }
        }
        bytes.len()
    }

    fn excess(&self) -> Option<String> {
        let counts = [
            (self.depth, DEPTH_MAX, "elements inside one another"),
            (self.elements, ELEMENTS_MAX, "elements"),
            (self.attributes, ATTRIBUTES_MAX, "attributes of one element"),
            (self.namespaces, NAMESPACES_MAX, "namespaces"),
            (self.sections, SECTIONS_MAX, "CDATA sections"),
        ];
        let (_, limit, what) = counts.into_iter().find(|(count, limit, _)| limit < count)?;
        Some(format!("more than {limit} {what}"))
    }
}

fn end_of(tag: &str, skip: usize, end: &str) -> usize {
    tag[skip..].find(end).map_or(tag.len(), |found| skip + found + end.len())
}
