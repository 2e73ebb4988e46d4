//! Things in a unit with real streams, SQL and processes.

mod door;
mod rules;
mod world;
