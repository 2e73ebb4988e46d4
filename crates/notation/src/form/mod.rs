//! Forms as form-js writes them: JSON in, a checked form out, and values checked against it. Pure.
//!
//! What a form asks for is checked twice, by the page that shows it and here; only here it counts. Everything that would be
//! shown and not checked in silence is refused when the form is read: component types that are not known, fields without a name,
//! choices without options, patterns and conditions that cannot be evaluated.

mod check;
mod model;
mod read;

pub use model::Form;

/// The longest text of a form, in bytes.
pub const TEXT_BYTES_MAX: usize = 512 * 1024;

/// How deep groups and lists may stand in each other.
pub const NESTING_MAX: usize = 16;

/// How many components a form may have.
pub const COMPONENTS_MAX: usize = 1_000;

/// How many rows a list of a form may be given.
pub const ROWS_MAX: usize = 500;

/// How many conditions, options and bounds are evaluated while values are checked; what goes beyond holds for nothing.
pub const EVALUATIONS_MAX: usize = 2_000;

/// How many problems of one form, or of what it was given, are told.
pub const PROBLEMS_MAX: usize = 100;

#[cfg(test)]
mod tests;
