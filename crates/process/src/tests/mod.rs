//! Tests of the engine: the step function over models written as lines, the whole over a store in memory, and the public suite of
//! token flow.

mod completed;
mod counts;
mod events;
mod forms;
mod live;
mod model;
mod opened;
mod repair;
mod step;
mod story;
pub(crate) mod traces;
mod unit;
mod worklist;
