//! Durable processes, jobs, human tasks, timers, messages, incidents and decisions.
//!
//! An instance is one value in the store. A pure step function says what it does when something happens to it; the shell
//! around it loads the value, lets the step decide, does what it asks and stores what came out, all in the kernel's commit.
//!
//! Invariants: an instance keeps the version of its process to its end, unless somebody migrates it; every key beside it is
//! computed from it; a message is taken once or becomes an incident; a failure of one instance stops that one.

mod active;
mod among;
pub mod assignments;
mod bulk;
mod compiled;
mod config;
mod consume;
mod counts;
pub mod decisions;
mod elements;
mod ended;
mod engine;
mod error;
mod explain;
mod forms;
mod history;
mod incidents;
mod instance;
mod instances;
mod jobs;
mod lineage;
mod lists;
mod live;
mod messages;
mod metrics;
mod migrate;
mod newest;
mod open;
mod operations;
mod past;
mod processes;
mod recount;
mod relations;
mod repair;
mod running;
mod signals;
mod spec;
mod starts;
mod state;
mod story;
mod suspend;
mod tasks;
#[cfg(test)]
mod tests;
mod traced;
mod trail;
mod verify;
mod verify_counts;
mod wire;
mod worklist;

pub use config::Config;
pub use engine::Processes;
pub use error::Error;
