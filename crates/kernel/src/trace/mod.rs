//! Traces: which pieces of work belong together, over processes and units, by W3C Trace Context (level 1).
//!
//! A trace is carried in [`crate::Call::trace`], in instances, messages and outboxes. Whoever began it decides whether it is written
//! down (*sampled*); everybody after him follows. What is written down are [`Span`]s, kept by the [`Tracer`].

mod relation;
mod tracer;

pub(crate) use relation::relation;
pub(crate) use tracer::Carried;
pub use tracer::{Batch, Span, SpanKind, Tracer};

use crate::Error;
use base::Problem;
use serde::{Deserialize, Serialize};

/// The longest `tracestate` in characters; a longer one is left out, as the standard permits.
const STATE_CHARS_MAX: usize = 512;
/// Members of a `tracestate`.
const STATE_MEMBERS_MAX: usize = 32;
/// The longest key and the longest value of a member.
const MEMBER_CHARS_MAX: usize = 256;

/// The id of a trace, 32 hexadecimal digits; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub u128);

/// The id of a span, 16 hexadecimal digits; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(pub u64);

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl std::fmt::Display for SpanId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// To what a piece of work belongs: the trace, and the span that caused it. Written as `traceparent`, and behind a space as
/// `tracestate` where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Trace {
    /// The trace.
    pub id: TraceId,
    /// The span that caused this.
    pub span: SpanId,
    /// Whether the trace is written down.
    pub is_sampled: bool,
    /// What others along the way have noted, as they wrote it; empty where nothing.
    pub state: String,
}

impl Trace {
    /// Reads the headers `traceparent` and `tracestate`. `None` where `traceparent` is no such header: then a new trace begins, as
    /// the standard wants it. A `tracestate` that is wrong is left out.
    pub fn parse(traceparent: &str, tracestate: &str) -> Option<Self> {
        let bytes = traceparent.trim_matches([' ', '\t']).as_bytes();
        let version = hex_number(bytes.get(..2)?)?;
        let has_dashes = [2, 35, 52].iter().all(|at| bytes.get(*at) == Some(&b'-'));
        // Version 0 has this form and nothing behind it; a later one may go on behind a further dash.
        let is_whole = match version {
            0 => bytes.len() == 55,
            0xff => false,
            _ => bytes.len() == 55 || bytes.get(55) == Some(&b'-'),
        };
        if !has_dashes || !is_whole {
            return None;
        }
        let id = hex_number(bytes.get(3..35)?)?;
        let span = hex_number(bytes.get(36..52)?)?;
        let flags = hex_number(bytes.get(53..55)?)?;
        if id == 0 || span == 0 {
            return None;
        }
        let state = state_of(tracestate).unwrap_or_default();
        let span = SpanId(u64::try_from(span).ok()?);
        Some(Self { id: TraceId(id), span, is_sampled: flags & 1 == 1, state })
    }

    /// Returns the header `traceparent`.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.id, self.span, u8::from(self.is_sampled))
    }

    /// Returns the same trace as caused by another span.
    #[must_use]
    pub fn at(&self, span: SpanId) -> Self {
        Self { span, ..self.clone() }
    }
}

impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.traceparent())?;
        if self.state.is_empty() { Ok(()) } else { write!(f, " {}", self.state) }
    }
}

impl TryFrom<String> for Trace {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        let (parent, state) = text.split_once(' ').unwrap_or((&text, ""));
        let wrong = || Error::Parameters { reason: "this is no `traceparent`".into() };
        Self::parse(parent, state).ok_or_else(|| wrong().into())
    }
}

impl From<Trace> for String {
    fn from(trace: Trace) -> Self {
        trace.to_string()
    }
}

/// Reads hexadecimal digits in lower case, 32 at most.
fn hex_number(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((number << 4) | u128::from(digit))
    })
}

/// Returns a `tracestate` as it is sent on, where it is one.
fn state_of(text: &str) -> Option<String> {
    let members: Vec<&str> = text
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']))
        .filter(|member| !member.is_empty())
        .collect();
    let is_one =
        members.len() <= STATE_MEMBERS_MAX && members.iter().all(|member| is_member(member));
    let mut keys: Vec<&str> =
        members.iter().map(|member| member.split('=').next().unwrap_or_default()).collect();
    keys.sort_unstable();
    let is_unique = keys.windows(2).all(|pair| pair[0] != pair[1]);
    let joined = members.join(",");
    (is_one && is_unique && joined.len() <= STATE_CHARS_MAX).then_some(joined)
}

fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let is_key_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let begins =
        key.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_value_byte =
        |byte: u8| byte == b' ' || (byte.is_ascii_graphic() && byte != b',' && byte != b'=');
    begins
        && key.len() <= MEMBER_CHARS_MAX
        && key.bytes().all(is_key_byte)
        && !value.is_empty()
        && value.len() <= MEMBER_CHARS_MAX
        && value.bytes().all(is_value_byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Entropy, SeededEntropy};

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_example_of_the_standard_is_read_and_written_again() {
        let trace =
            Trace::parse(PARENT, "congo=t61rcWkgMzE, rojo=00f067aa0ba902b7").expect("it is one");
        assert!(trace.is_sampled);
        assert_eq!(trace.traceparent(), PARENT);
        assert_eq!(trace.state, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
        let text = serde_json::to_string(&trace).expect("it is written");
        assert_eq!(serde_json::from_str::<Trace>(&text).ok(), Some(trace));
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        let zeros = "0".repeat(32);
        for text in [
            "",
            "00",
            &PARENT[..54],
            &format!("{PARENT}-"),
            &format!("{PARENT}-what"),
            &PARENT.replace("00-4b", "ff-4b"),
            &PARENT.to_uppercase(),
            &PARENT.replace('-', "_"),
            &PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &zeros),
            &PARENT.replace("00f067aa0ba902b7", &zeros[..16]),
            &PARENT.replace("4bf9", "4bfé"),
        ] {
            assert_eq!(Trace::parse(text, ""), None, "{text}");
        }
        let later = PARENT.replacen("00", "01", 1);
        assert!(
            Trace::parse(&later, "").is_some(),
            "a later version is read as far as it is known"
        );
        assert!(Trace::parse(&format!("{later}-more"), "").is_some());
        assert!(Trace::parse(&format!("{later}more"), "").is_none());
    }

    #[test]
    fn a_wrong_tracestate_is_left_out_and_the_trace_goes_on() {
        let long = format!("a={}", "x".repeat(300));
        let many = (0..40).map(|number| format!("k{number}=1")).collect::<Vec<_>>().join(",");
        for state in ["a", "=1", "A=1", "a=", "a=1,a=2", "a=b=c", "a=\u{e9}", &long, &many] {
            assert_eq!(
                Trace::parse(PARENT, state).map(|trace| trace.state),
                Some(String::new()),
                "{state}"
            );
        }
    }

    #[test]
    fn garbage_never_panics_and_what_is_read_is_written_the_same() {
        let entropy = SeededEntropy::new(7);
        let alphabet: Vec<char> =
            "0123456789abcdefABCDEFg-- ,=\u{0}\u{e9}\u{1f600}".chars().collect();
        let mut read = 0;
        for round in 0..20_000 {
            let mut text: Vec<char> = PARENT.chars().collect();
            // Every other round is the example with some places changed, the others are garbage from the beginning.
            if round % 2 == 0 {
                text = (0..entropy.number() % 70).map(|_| '0').collect();
            }
            for _ in 0..entropy.number() % 4 {
                let (at, with) = (entropy.number() as usize, entropy.number() as usize);
                if !text.is_empty() {
                    let at = at % text.len();
                    text[at] = alphabet[with % alphabet.len()];
                }
            }
            let text: String = text.into_iter().collect();
            if let Some(trace) = Trace::parse(&text, &text) {
                read += 1;
                let again = Trace::parse(&trace.traceparent(), &trace.state).expect("it was one");
                assert_eq!(again, trace);
                assert_ne!((trace.id.0, trace.span.0), (0, 0));
            }
        }
        assert!(1_000 < read, "the examples must reach the inside");
    }
}
