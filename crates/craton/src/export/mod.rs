//! Writes the answer of a query into a file, which appears under its name only when it is whole.

mod draft;
mod error;
mod form;
mod run;
mod write;

pub use draft::Draft;
pub use form::{Form, of_name};
pub use run::{Options, run};
