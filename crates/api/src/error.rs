//! Why the HTTP door refuses a request before the kernel sees it.

use base::{Code, Explain, Kind, Place};

/// Why the HTTP door refuses a request before the kernel sees it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No route.
    #[error("there is nothing at `{path}`")]
    NotFound {
        /// As asked for.
        path: String,
        /// The nearest route.
        nearest: Option<String>,
    },
    /// A route, but not with this method.
    #[error("`{method}` is not possible here")]
    Method {
        /// As asked for.
        method: String,
        /// The possible ones.
        allow: String,
    },
    /// Path or query cannot be decoded.
    #[error("the {part} is wrong: {reason}")]
    Target {
        /// `path` or `query`.
        part: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// A query parameter that the operation does not have.
    #[error("there is no parameter `{name}`")]
    ParameterUnknown {
        /// As sent.
        name: String,
        /// The nearest one.
        nearest: Option<String>,
    },
    /// A parameter that was given twice.
    #[error("the parameter `{name}` is given twice")]
    ParameterRepeated {
        /// Which.
        name: String,
    },
    /// A header that cannot be used.
    #[error("the header `{name}` is wrong: {reason}")]
    Header {
        /// Which.
        name: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// A media type or encoding that the operation does not take.
    #[error("{given} is not taken here")]
    MediaType {
        /// As sent.
        given: String,
        /// The possible ones.
        expected: String,
    },
    /// A body above the limit.
    #[error("the body exceeds the limit of {limit} bytes")]
    BodyTooLarge {
        /// The limit.
        limit: usize,
    },
    /// A body that ended before its end.
    #[error("the body broke off")]
    BodyTruncated,
    /// A body where there must be none.
    #[error("this operation takes no body")]
    BodyUnexpected,
    /// Head or body arrived too slowly.
    #[error("the {part} did not arrive in time")]
    Timeout {
        /// `head` or `body`.
        part: &'static str,
    },
    /// Text that is not JSON, or not an object.
    #[error("the body is not a JSON object: {reason}")]
    Json {
        /// What is wrong.
        reason: String,
        /// Where, from 1.
        line: u32,
        /// Where, from 1.
        column: u32,
    },
    /// A request line or header that is not HTTP.
    #[error("this is no HTTP request")]
    Malformed,
    /// Request line and headers above the limit.
    #[error("the head of the request exceeds the limit of {limit} bytes")]
    HeadTooLarge {
        /// The limit.
        limit: usize,
    },
    /// A page of somebody else that sends something with the cookie of whoever looks at it.
    #[error("a page of another site cannot change anything here")]
    CrossSite,
    /// Connections, requests or memory for bodies are all in use.
    #[error("all {limit} {what} are in use")]
    Busy {
        /// What.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::NotFound { .. } => Code("http.not_found", Kind::NotFound),
            Self::Method { .. } => Code("http.method_not_allowed", Kind::Invalid),
            Self::Target { .. } => Code("http.target_invalid", Kind::Invalid),
            Self::ParameterUnknown { .. } => Code("http.parameter_unknown", Kind::Invalid),
            Self::ParameterRepeated { .. } => Code("http.parameter_repeated", Kind::Invalid),
            Self::Header { .. } => Code("http.header_invalid", Kind::Invalid),
            Self::MediaType { .. } => Code("http.media_type", Kind::Invalid),
            Self::BodyTooLarge { .. } => Code("http.body_too_large", Kind::Invalid),
            Self::BodyTruncated => Code("http.body_truncated", Kind::Invalid),
            Self::BodyUnexpected => Code("http.body_unexpected", Kind::Invalid),
            Self::Timeout { .. } => Code("http.timeout", Kind::Unavailable),
            Self::Json { .. } => Code("http.json_invalid", Kind::Invalid),
            Self::Malformed => Code("http.malformed", Kind::Invalid),
            Self::HeadTooLarge { .. } => Code("http.head_too_large", Kind::Invalid),
            Self::CrossSite => Code("http.cross_site", Kind::Forbidden),
            Self::Busy { .. } => Code("http.busy", Kind::Unavailable),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { nearest: Some(nearest), .. } => {
                Some(format!("did you mean `{nearest}`?"))
            }
            Self::NotFound { .. } => Some("`GET /v1/openapi.json` lists all routes".into()),
            Self::Method { allow, .. } => Some(format!("use one of: {allow}")),
            Self::ParameterUnknown { nearest: Some(nearest), .. } => {
                Some(format!("did you mean `{nearest}`?"))
            }
            Self::ParameterRepeated { .. } => {
                Some("give it once, in the query or in the body".into())
            }
            Self::MediaType { expected, .. } => Some(format!("send {expected}")),
            Self::BodyTooLarge { .. } => Some("split the request".into()),
            Self::HeadTooLarge { .. } => Some("send less in the address and the headers".into()),
            Self::CrossSite => {
                Some("programs send `Authorization: Bearer TOKEN`, no cookie".into())
            }
            Self::Busy { .. } => Some("repeat it a little later".into()),
            _ => None,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Json { line, column, .. } => Some(Place::line(*line, *column)),
            Self::ParameterUnknown { name, .. } | Self::ParameterRepeated { name } => {
                Some(Place::pointer(format!("/{name}")))
            }
            _ => None,
        }
    }

    fn retry_ms(&self) -> Option<u64> {
        matches!(self, Self::Busy { .. }).then_some(Self::BUSY_MS)
    }
}

impl Error {
    /// Milliseconds after which it is worth asking again where all places are in use: nobody knows when one is free.
    pub(crate) const BUSY_MS: u64 = 1_000;
}

/// Returns the status of a problem: the kind's, or the one that HTTP has for exactly this case.
pub(crate) fn status(code: &str, kind: Kind) -> u16 {
    match code {
        "http.method_not_allowed" => 405,
        "http.timeout" => 408,
        "http.body_too_large" => 413,
        "http.media_type" => 415,
        "http.head_too_large" => 431,
        _ => kind.http_status(),
    }
}
