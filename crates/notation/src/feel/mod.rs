//! FEEL, the expression language of DMN and BPMN: text in, a compiled expression out.
//!
//! [`Expression`] is the part of FEEL that surely ends; it runs in a step of a process. [`evaluate_unbounded`] is all of
//! FEEL; it runs in the worker process, under limits of time and memory that are not its own.

mod cost;
mod expression;
mod lex;
mod rules;
mod value;

pub use expression::{Expression, check, evaluate_unbounded};
pub(crate) use lex::Lexed;
pub(crate) use value::{from_feel, to_feel, to_feel_with};

/// The longest text of an expression, in bytes.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;

/// How deep brackets may stand in brackets.
pub const NESTING_MAX: usize = 64;

/// The variable that holds the recorded business time, as RFC 3339 text.
pub const NOW: &str = "_now";

#[cfg(test)]
mod tests;
