//! What went wrong, in a form that every door can show: a stable code, a kind, a place and a hint.
//!
//! Each crate has its own `Error`; at the kernel's border it becomes a [`Problem`], which travels over every door.

use serde::{Deserialize, Serialize};

/// What a caller can do about a problem. Eight, and they stay eight; each edge has a table of eight rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request is wrong and will be wrong again.
    Invalid,
    /// Who is calling is not known.
    Unauthenticated,
    /// Who is calling may not do this.
    Forbidden,
    /// Unknown, or hidden from the caller: the two look alike.
    NotFound,
    /// The state of the resource does not allow it now.
    Conflict,
    /// A limit was reached.
    Exhausted,
    /// It may work later.
    Unavailable,
    /// A defect of Craton.
    Internal,
}

impl Kind {
    /// Returns the HTTP status of this kind.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Exhausted => 429,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    /// Returns the exit code of the command line for this kind.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Invalid => 2,
            Self::Unauthenticated => 3,
            Self::Forbidden => 4,
            Self::NotFound => 5,
            Self::Conflict => 6,
            Self::Exhausted => 7,
            Self::Unavailable => 8,
            Self::Internal => 9,
        }
    }
}

/// A stable code such as `stream.not_found`, with its kind. Each has a page `docs/errors/CODE.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub &'static str, pub Kind);

/// Where in what the caller sent the problem is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file, as the caller named it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
    /// The column, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<u32>,
    /// A JSON pointer (RFC 6901), an element id or a row number, where a line says too little.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pointer: Option<String>,
}

impl Place {
    /// Returns a place given by line and column.
    pub fn line(line: u32, column: u32) -> Self {
        Self { line: Some(line), column: Some(column), ..Self::default() }
    }

    /// Returns a place given by a JSON pointer, an element id or a row.
    pub fn pointer(pointer: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), ..Self::default() }
    }

    /// Returns this place inside a file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        if let Some(file) = &self.file {
            parts.push(file.clone());
        }
        if let Some(line) = self.line {
            parts.push(line.to_string());
        }
        if let Some(column) = self.column {
            parts.push(column.to_string());
        }
        let place = parts.join(":");
        match &self.pointer {
            Some(pointer) if place.is_empty() => f.write_str(pointer),
            Some(pointer) => write!(f, "{place} ({pointer})"),
            None => f.write_str(&place),
        }
    }
}

/// What every crate's error can say about itself.
pub trait Explain: std::error::Error {
    /// Returns the stable code and its kind.
    fn code(&self) -> Code;

    /// Returns what to do next, where there is something to say.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Returns where in the caller's input the error is.
    fn place(&self) -> Option<Place> {
        None
    }

    /// Returns after how many milliseconds it is worth repeating, where that is known.
    fn retry_ms(&self) -> Option<u64> {
        None
    }
}

/// An error in the form in which it leaves a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The stable code, for example `stream.not_found`.
    pub code: String,
    /// What a caller can do about it.
    pub kind: Kind,
    /// What happened, in the user's words; `detail` where it comes as RFC 9457 writes it.
    #[serde(alias = "detail")]
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
    /// Where in the input.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<Place>,
    /// After how many milliseconds it is worth repeating, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_ms: Option<u64>,
    /// Further problems of the same input, when all of them were looked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub also: Vec<Problem>,
}

impl Problem {
    /// Returns a problem with a code and a message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let Code(code, kind) = code;
        Self {
            code: code.into(),
            kind,
            message: message.into(),
            hint: None,
            place: None,
            retry_ms: None,
            also: Vec::new(),
        }
    }

    /// Returns this problem with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns this problem with a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl<E: Explain> From<E> for Problem {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        let Code(code, kind) = error.code();
        Self {
            code: code.into(),
            kind,
            message,
            hint: error.hint(),
            place: error.place(),
            retry_ms: error.retry_ms(),
            also: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_status_and_exit_code() {
        use Kind::*;
        let kinds = [
            Invalid,
            Unauthenticated,
            Forbidden,
            NotFound,
            Conflict,
            Exhausted,
            Unavailable,
            Internal,
        ];
        let statuses: std::collections::BTreeSet<_> =
            kinds.iter().map(|kind| kind.http_status()).collect();
        let exits: std::collections::BTreeSet<_> =
            kinds.iter().map(|kind| kind.exit_code()).collect();
        assert_eq!((statuses.len(), exits.len()), (8, 8));
    }

    #[test]
    fn a_place_reads_like_a_compiler_message() {
        assert_eq!(Place::line(3, 7).in_file("a.yaml").to_string(), "a.yaml:3:7");
        assert_eq!(Place::pointer("/spec/x").to_string(), "/spec/x");
    }
}
