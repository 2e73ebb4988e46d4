//! Tests of the engine: the step function over models written as lines, and the whole over a store in memory.

mod model;
mod step;
mod unit;
