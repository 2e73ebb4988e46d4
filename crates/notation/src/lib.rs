//! BPMN, DMN, FEEL and forms: text in, checked model out. Pure.
//!
//! What is not supported is refused here, with the element's id and line and a rule that has a page. Nothing that comes
//! out of this room can fail to be understood by the engine, loop without end in the stepper, or recurse without bound.

pub mod bpmn;
pub mod dmn;
mod error;
pub mod feel;
pub mod form;
pub mod graph;
mod text;
mod xml;

pub use error::Error;
