//! DMN: decision tables and expressions: text in, a checked model out.
//!
//! Evaluating is pure, but it may take long or recurse deep, since DMN has functions of its own: unless [`Model::is_bounded`], it
//! belongs into the worker process. What would look at the wall clock or outside is refused when the model is read.

mod check;
mod fired;
mod input;
mod model;
mod types;

pub use fired::{Fired, Rule};
pub use model::{DecisionName, Explained, Model};

use crate::xml;

pub(crate) const CODES: xml::Codes =
    xml::Codes { malformed: "dmn.malformed", too_large: "dmn.too_large" };

#[cfg(test)]
mod tests;
